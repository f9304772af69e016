//! Everything built once, in order.

use std::net::SocketAddr;
use std::path::Path;

/// Where the running gateway listens.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub struct Addresses {
    /// For other systems.
    pub exchange: SocketAddr,
    /// For people of this centre.
    pub admin: SocketAddr,
    /// For machines of this centre.
    pub ops: SocketAddr,
}

/// Exit code of a bug of ours (sysexits `EX_SOFTWARE`).
pub const BUG: u8 = 70;

/// Why the gateway did not start, or ended by itself: what to print, and the exit code.
#[derive(Debug)]
pub struct Ended {
    /// sysexits code: 78 configuration, 74 storage, 69 port in use, 70 a bug.
    pub code: u8,
    /// Lines for people.
    pub message: String,
}

/// Runs the gateway of the folder `dir` until SIGTERM or SIGINT has drained it. `apply`: first make the folder's
/// configuration the newest revision. Calls from `icjs serve`; builds its own runtime.
pub fn serve(dir: &Path, apply: bool) -> Result<(), Ended> {
    let _ = (dir, apply);
    Err(Ended { code: 70, message: "not yet".to_owned() })
}
