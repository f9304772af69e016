//! The processes of a bench: started from this same binary, killed when they are dropped, asked over pipes.
//! Nothing here measures.

use std::io::{BufRead, BufReader, Error, Result, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::load::{Done, Order};
use crate::gateway::Addresses;
use crate::shell::signal::terminate;

/// A gateway on a large store may need this long before it listens.
const START: Duration = Duration::from_secs(120);

/// A child process that ends with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Resident memory in MiB, as the kernel counts it.
    #[expect(clippy::cast_precision_loss, reason = "kibibytes are far below 2^52")]
    pub fn rss_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
        kib.unwrap_or(0) as f64 / 1024.0
    }

    /// SIGTERM, and waits until it has drained.
    pub fn stop(mut self) -> Result<()> {
        terminate(self.child.id())?;
        self.child.wait().map(drop)
    }
}

fn this() -> Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

/// Starts a helper verb (`bench-echo`, `bench-sink`) that prints its address as its first line.
pub fn listening(verb: &str) -> Result<(Process, SocketAddr)> {
    listening_as(&[verb])
}

/// The same with options.
pub fn listening_as(verb: &[&str]) -> Result<(Process, SocketAddr)> {
    let mut child = this()?.args(verb).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take();
    let process = Process { child };
    let mut line = String::new();
    BufReader::new(stdout.ok_or_else(|| Error::other("no pipe"))?).read_line(&mut line)?;
    let address =
        line.trim().parse().map_err(|_| Error::other(format!("`{}` did not say where it listens", verb.join(" "))))?;
    Ok((process, address))
}

/// Starts a gateway and waits until it listens; also how long that took.
pub fn gateway(dir: &Path, apply: bool) -> Result<(Process, Addresses, Duration)> {
    let listen = dir.join("data/listen.json");
    match std::fs::remove_file(&listen) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let log = std::fs::File::options().create(true).append(true).open(dir.join("gateway.log"))?;
    let mut command = this()?;
    command.arg("serve").arg("--dir").arg(dir).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    if apply {
        command.arg("--apply");
    }
    let began = Instant::now();
    let mut process = Process { child: command.spawn()? };
    loop {
        let addresses = std::fs::read(&listen).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(addresses) = addresses {
            return Ok((process, addresses, began.elapsed()));
        }
        if process.child.try_wait()?.is_some() || began.elapsed() > START {
            let log = std::fs::read_to_string(dir.join("gateway.log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(12).collect();
            let said = last.into_iter().rev().collect::<Vec<_>>().join("\n");
            return Err(Error::other(format!("the gateway of the bench did not start:\n{said}")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs one load in a process of its own.
pub fn load(order: &Order) -> Result<Done> {
    let mut child = this()?.arg("bench-load").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or_else(|| Error::other("no pipe"))?;
    stdin.write_all(&serde_json::to_vec(order)?)?;
    drop(stdin);
    let output = child.wait_with_output()?;
    serde_json::from_slice(&output.stdout).map_err(|_| Error::other("the load process gave no result"))
}
