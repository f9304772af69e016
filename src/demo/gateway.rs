//! The gateway as a child process: started, killed without warning, started again, ended in good order.
//! Everybody in the demo learns its newest addresses from one channel; while it is down there are none.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::shell::client::Addresses;
use crate::shell::exit::{Exit, Failure, file_failure};
use crate::shell::signal::terminate;

/// No start may take longer.
const START_WITHIN: Duration = Duration::from_secs(20);

/// No orderly end may take longer.
const END_WITHIN: Duration = Duration::from_secs(30);

/// The child, while it lives.
#[derive(Debug)]
pub struct Gateway {
    dir: PathBuf,
    child: Option<Child>,
    addresses: watch::Sender<Option<Addresses>>,
}

impl Gateway {
    /// Nothing runs yet.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), child: None, addresses: watch::Sender::new(None) }
    }

    /// Where it listens, whenever that changes.
    pub fn addresses(&self) -> watch::Receiver<Option<Addresses>> {
        self.addresses.subscribe()
    }

    /// Starts it and waits until it listens; how long that took is the answer.
    pub async fn start(&mut self) -> Result<Duration, Failure> {
        let began = Instant::now();
        let listen = self.dir.join("data/listen.json");
        // What a killed gateway left behind would be taken for the new one's.
        let _ = std::fs::remove_file(&listen);
        self.child = Some(self.spawn()?);
        loop {
            if let Some(addresses) = Addresses::read(&self.dir).filter(|known| !known.exchange.is_empty()) {
                self.addresses.send_replace(Some(addresses));
                return Ok(began.elapsed());
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || began.elapsed() > START_WITHIN {
                return Err(self.not_started(ended));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn spawn(&self) -> Result<Child, Failure> {
        let program = std::env::current_exe().map_err(|error| file_failure(Path::new("/proc/self/exe"), &error))?;
        let path = self.log();
        let log = std::fs::File::options().create(true).append(true).open(&path);
        let log = log.map_err(|error| file_failure(&path, &error))?;
        let also = log.try_clone().map_err(|error| file_failure(&path, &error))?;
        let mut command = Command::new(&program);
        command.arg("serve").arg("--dir").arg(&self.dir).env_remove("ICJS_DIR").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(log).stderr(also).kill_on_drop(true);
        command.spawn().map_err(|error| file_failure(&program, &error))
    }

    /// Where its output goes.
    pub fn log(&self) -> PathBuf {
        self.dir.join("gateway.log")
    }

    fn not_started(&self, ended: Option<std::process::ExitStatus>) -> Failure {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let tail: Vec<String> = log.lines().rev().take(12).map(str::to_owned).collect();
        let how = ended.map_or_else(|| "did not listen in time".to_owned(), |status| format!("ended: {status}"));
        let tail = tail.into_iter().rev().collect();
        Failure::new(Exit::Bug, format!("the gateway {how}"), "its last lines are above; report this").with(tail)
    }

    /// SIGKILL: nothing in it runs again, nothing is flushed.
    pub async fn kill(&mut self) {
        self.addresses.send_replace(None);
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().await;
        }
    }

    /// SIGTERM, and the wait for its end.
    pub async fn stop(&mut self) -> Result<(), Failure> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if let Some(id) = child.id() {
            terminate(id).map_err(|error| Failure::new(Exit::Bug, error.to_string(), "end the gateway by hand"))?;
        }
        self.addresses.send_replace(None);
        match tokio::time::timeout(END_WITHIN, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => Err(Failure::new(Exit::Bug, format!("the gateway ended badly: {status:?}"), "see its log")),
            Err(_) => {
                let _ = child.kill().await;
                Err(Failure::new(Exit::Bug, "the gateway did not end within 30 s of SIGTERM", "see its log"))
            }
        }
    }
}
