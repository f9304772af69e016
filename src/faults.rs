//! Named places at which a test may make the gateway die, wait or fail: the one door to the crate `fail`. Only what
//! `cargo test` builds has them; in every other build each call here is nothing at all, and no variable is read.
//!
//! `FAILPOINTS="commit::before=40*off->return(abort)"` kills the process when it passes that place for the 41st time.
//! Actions are those of the crate (`off`, `sleep(ms)`, `pause`, `panic`), and `return(abort)`, `return(ENOSPC)`, `return(EIO)`,
//! `return(EINTR)`; an error is given back only where the code asks by `check`. `ICJS_TEST_CLOCK` names a file that holds
//! milliseconds: the gateway's clock runs so much ahead of the machine's (or behind), from the moment the file is changed.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};

/// Every place that has a name, each with its `::before` and `::after`. A test holds the list against the sources.
pub const PLACES: &[&str] = &[
    "append",
    "commit",
    "checkpoint",
    "lease",
    "freeze",
    "deliver",
    "settle",
    "answer",
    "reroute",
    "rename",
    "upload",
    "approve",
];

/// Whether this is a test build. `icjs --version` says so.
pub const fn compiled_in() -> bool {
    fail::has_failpoints()
}

/// Reads `FAILPOINTS`; called once, when a gateway starts.
pub fn begin() {
    if compiled_in() {
        // Kept for the life of the process: dropping it would clear every point.
        std::mem::forget(fail::FailScenario::setup());
        let set = fail::list();
        if !set.is_empty() {
            tracing::warn!(points = ?set, "failpoints are set: this gateway is a test's");
        }
    }
}

/// A place with this name is passed: dies or waits where a test says so.
pub fn point(name: &str) {
    // An error is for places that ask for one.
    drop(check(name));
}

/// The same for a place that can fail: gives back the error that a test asks for.
pub fn check(name: &str) -> io::Result<()> {
    if !compiled_in() {
        return Ok(());
    }
    fail::eval(name, |action| match action.as_deref() {
        Some("ENOSPC") => Err(io::ErrorKind::StorageFull.into()),
        Some("EINTR") => Err(io::ErrorKind::Interrupted.into()),
        Some("EIO") => Err(io::Error::from_raw_os_error(EIO)),
        _ => std::process::abort(),
    })
    .unwrap_or(Ok(()))
}

/// The number of "input/output error" on every Linux (errno(3)); the standard library has no kind for it.
const EIO: i32 = 5;

/// The clock that the gateway goes by: the machine's, moved as a test says.
pub fn clock(machine: Arc<dyn Clock>) -> Arc<dyn Clock> {
    match std::env::var_os("ICJS_TEST_CLOCK").filter(|_| compiled_in()) {
        Some(file) => Arc::new(Moved { machine, file: PathBuf::from(file) }),
        None => machine,
    }
}

/// A clock that is ahead or behind by what stands in a file, read at every question.
#[derive(Debug)]
struct Moved {
    machine: Arc<dyn Clock>,
    file: PathBuf,
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let moved: i64 = text.trim().parse().unwrap_or(0);
        Timestamp::from_millis(self.machine.now().millis().saturating_add(moved))
    }

    fn steady(&self) -> Duration {
        self.machine.steady()
    }
}
