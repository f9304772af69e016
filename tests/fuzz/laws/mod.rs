//! What each fuzz target demands, one law a file: `check(bytes)` panics where the law is broken. The targets beside this folder
//! run a law on what a fuzzer invents; `tests/it/fuzzed.rs` runs it on the collections and on all that was ever found.

pub mod json;
pub mod xml;
pub mod coding;
pub mod nist;
pub mod mapping;
pub mod identifiers;
pub mod cursor;
pub mod configuration;
pub mod framing;

/// A law and the name of its target.
pub type Law = (&'static str, fn(&[u8]));

/// Every law there is.
pub const LAWS: [Law; 9] = [
    ("json", json::check),
    ("xml", xml::check),
    ("coding", coding::check),
    ("nist", nist::check),
    ("mapping", mapping::check),
    ("identifiers", identifiers::check),
    ("cursor", cursor::check),
    ("configuration", configuration::check),
    ("framing", framing::check),
];
