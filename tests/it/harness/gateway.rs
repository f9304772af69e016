//! The real binary as a child process: start, wait until it listens, SIGKILL, SIGTERM, restart on the same folder.
//! Its output goes to `gateway.log` in the folder, and is shown when it does not come up.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::folder::Folder;

/// Pass line of the promise: no restart takes longer (the debug build included).
const START_WITHIN: Duration = Duration::from_secs(120);

/// A running gateway; killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    pub exchange: SocketAddr,
    pub admin: SocketAddr,
    pub ops: SocketAddr,
    /// From spawn to listening.
    pub started_in: Duration,
}

impl Gateway {
    /// Starts `icjs serve` on the folder and waits until it listens.
    pub async fn start(folder: &Folder) -> Self {
        Self::start_with(folder, &[]).await
    }

    /// The same with more variables, such as `FAILPOINTS`. A gateway that a failpoint ends before it listens is started
    /// once more, without them.
    pub async fn start_with(folder: &Folder, variables: &[(&str, &str)]) -> Self {
        match Self::attempt(folder, variables).await {
            Ok(gateway) => gateway,
            Err(ended) if variables.is_empty() => panic!("{ended}: {}", tail(folder)),
            Err(_) => Self::attempt(folder, &[]).await.unwrap_or_else(|ended| panic!("{ended}: {}", tail(folder))),
        }
    }

    /// The same with so many descriptors and no more.
    pub async fn start_with_descriptors(folder: &Folder, descriptors: u32) -> Self {
        let limited = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        let started = Self::start_under(folder, &["sh", "-c", &limited]).await;
        started.unwrap_or_else(|ended| panic!("{ended}: {}", tail(folder)))
    }

    async fn attempt(folder: &Folder, variables: &[(&str, &str)]) -> Result<Self, String> {
        Self::run(folder, Self::command(folder), variables).await
    }

    /// Under another program, such as a tracer that stays beside: the process itself is the gateway's. How it ended where it
    /// did not come to listen.
    pub async fn start_under(folder: &Folder, words: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(env!("CARGO_BIN_EXE_icjs"));
        command.env("ICJS_DIR", folder.root()).env_remove("RUST_LOG");
        Self::run(folder, command, &[]).await
    }

    async fn run(folder: &Folder, mut command: Command, variables: &[(&str, &str)]) -> Result<Self, String> {
        let listen = folder.path("data/listen.json");
        let _ = std::fs::remove_file(&listen);
        let log = File::options().create(true).append(true).open(folder.path("gateway.log")).unwrap();
        let began = Instant::now();
        // A test that gives its folder to somebody else wants a gateway that runs as them.
        let owner = std::fs::metadata(folder.root()).unwrap().uid();
        if owner != std::fs::metadata("/proc/self").unwrap().uid() {
            command.uid(owner);
        }
        command.envs(variables.iter().copied());
        let child =
            command.arg("serve").stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut gateway = Self { child, exchange: NOWHERE, admin: NOWHERE, ops: NOWHERE, started_in: Duration::ZERO };
        loop {
            if let Some(addresses) = read(&listen) {
                let address = |name: &str| addresses[name].as_str().and_then(|text| text.parse().ok());
                gateway.exchange = address("exchange").expect("listen.json names the exchange");
                gateway.admin = address("admin").unwrap_or(NOWHERE);
                gateway.ops = address("ops").unwrap_or(NOWHERE);
                gateway.started_in = began.elapsed();
                return Ok(gateway);
            }
            if let Some(ended) = gateway.child.try_wait().unwrap() {
                return Err(ended.to_string());
            }
            assert!(began.elapsed() < START_WITHIN, "no start in {START_WITHIN:?}: {}", tail(folder));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// `icjs` with the folder as `ICJS_DIR`, for any verb.
    pub fn command(folder: &Folder) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icjs"));
        command.env("ICJS_DIR", folder.root()).env_remove("RUST_LOG");
        command
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing in the process runs again.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and how it ended.
    pub async fn stop(&mut self) -> ExitStatus {
        icjs::shell::signal::terminate(self.pid()).unwrap();
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "SIGTERM did not end the gateway in 30 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it has ended by itself, at most so long; whether it has.
    pub async fn dies_within(&mut self, patience: Duration) -> bool {
        let began = Instant::now();
        while self.ended().is_none() {
            if began.elapsed() > patience {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        true
    }

    /// How it ended by itself, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn read(path: &std::path::Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// The last of the gateway's own words.
pub fn tail(folder: &Folder) -> String {
    let log = std::fs::read_to_string(folder.path("gateway.log")).unwrap_or_default();
    if log.is_empty() {
        // A log on a full disk is empty: say whether that is why.
        let space = Command::new("df").arg("-h").arg(folder.root()).output().unwrap();
        return format!("no words in the log; {}", String::from_utf8_lossy(&space.stdout));
    }
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
