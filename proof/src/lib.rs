//! What the gateway proves, in forms that are public and fixed for ever: the Merkle tree of RFC 6962, the tiles and checkpoints
//! of C2SP (`tlog-tiles`, `tlog-checkpoint`, `signed-note`), and the check of a whole log. No network, no store, no clock:
//! the gateway makes its log with it, and whoever does not trust the gateway checks with it. Begin at `log`.

pub mod books;
pub mod log;
pub mod note;
pub mod receipt;
pub mod steps;
pub mod tile;
pub mod tree;

mod digest;
