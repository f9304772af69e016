//! What every integration test stands on: a folder made for the test, the real binary, clients that speak bytes,
//! and scripted push receivers. Nothing here knows the gateway's types: it sees what a stranger would see.
//! Read `folder` for the systems and kinds that exist, `gateway` for start, kill and restart.

pub mod http;
pub mod keys;
pub mod folder;
pub mod gateway;
pub mod client;
pub mod packed;
pub mod receiver;
pub mod scene;
pub mod trio;

pub use client::Client;
pub use folder::{Folder, Party};
pub use gateway::Gateway;
pub use receiver::{Receiver, Reply};

use std::sync::OnceLock;
use std::time::Instant;

/// Microseconds since the first question: one monotonic scale for every book that a test keeps.
pub fn tick() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_micros()).unwrap()
}
