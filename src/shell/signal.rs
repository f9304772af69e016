//! The one signal that is sent to other processes: SIGTERM, to a gateway that shall drain and end. By the system call,
//! because the `kill` program is not on every machine.

use std::io::{Error, ErrorKind, Result};

use rustix::process::{Pid, Signal, kill_process};

/// Asks the process with this id to end. An error where there is none, or where it is somebody else's.
pub fn terminate(id: u32) -> Result<()> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(ErrorKind::InvalidInput)?;
    kill_process(pid, Signal::TERM).map_err(Error::from)
}
