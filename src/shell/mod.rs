//! What the command line and the demo share: exit codes, printing, the HTTP client, the gateway's folder, a system's
//! key and token, the starter folder and its certificates, the signal to end. Nothing here decides what the gateway does.

pub mod exit;
pub mod output;
pub mod progress;
pub mod client;
pub mod folder;
pub mod credentials;
pub mod starter;
pub mod authority;
pub mod exchanged;
pub mod signal;
