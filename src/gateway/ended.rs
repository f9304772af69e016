//! Why the gateway did not start, or ended by itself: what to print and which exit code (sysexits) to leave with.
//! Every message says what to do. The chain of causes is printed here and nowhere below.

use std::error::Error;
use std::fmt::{Display, Write};
use std::net::SocketAddr;
use std::path::Path;

use crate::config::ConfigError;
use crate::journal::JournalError;
use crate::keys::KeyError;
use crate::revisions::NotApplied;
use crate::tls::TlsError;

/// An address is in use.
const UNAVAILABLE: u8 = 69;
/// A bug of ours.
const BUG: u8 = 70;
/// Storage: a full or failing disk, a store that cannot be opened.
const STORAGE: u8 = 74;
/// The configuration has errors.
const CONFIGURATION: u8 = 78;
/// One person asked for what needs two.
const NOT_ALLOWED: u8 = 77;

/// The end of a gateway that nobody asked to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// sysexits code.
    pub code: u8,
    /// Lines for people.
    pub message: String,
}

impl Ended {
    /// Every error of the settings or the configuration, at file and line.
    pub(super) fn configuration(errors: &[ConfigError]) -> Self {
        let mut message = "the configuration has errors".to_owned();
        for error in errors {
            let place = if error.line > 0 { format!("{}:{}", error.file, error.line) } else { error.file.clone() };
            // Writing to a text cannot fail.
            let _ = write!(message, "\n{place}: {}", error.message);
        }
        Self { code: CONFIGURATION, message }
    }

    pub(super) fn not_applied(error: &NotApplied) -> Self {
        match error {
            NotApplied::Errors(errors) => Self::configuration(errors),
            NotApplied::Journal(error) => Self::store(error),
            NotApplied::NeedsTwo(_) => Self {
                code: NOT_ALLOWED,
                message: format!(
                    "{error}\nstart without --apply; then one proposes it with `icjs apply` and another approves it"
                ),
            },
            other => Self { code: CONFIGURATION, message: other.to_string() },
        }
    }

    pub(super) fn keys(error: &KeyError) -> Self {
        if let KeyError::File { path, source } = error
            && source.kind() == std::io::ErrorKind::StorageFull
        {
            return Self::storage(path, source);
        }
        // Whoever holds the master may be out of reach for a while only.
        let code = if matches!(error, KeyError::Master { .. }) { UNAVAILABLE } else { CONFIGURATION };
        Self { code, message: chain(error) }
    }

    /// The files of `[tls]` are not what they should be.
    pub(super) fn tls(error: &TlsError) -> Self {
        Self { code: CONFIGURATION, message: format!("no TLS can be spoken: {}", chain(error)) }
    }

    pub(super) fn address(table: &str, address: SocketAddr, error: &std::io::Error) -> Self {
        let port = format!("`listen` of [{table}] in config/gateway.toml, or ICJS_{}__LISTEN", table.to_uppercase());
        let message = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "address {address} is in use by another program\nstop that program, or set another address: {port}; `0` takes any free port"
                )
            }
            std::io::ErrorKind::PermissionDenied => {
                format!("address {address} may not be used by this user\nset another: {port}")
            }
            _ => format!("address {address} cannot be listened on: {error}\nset another: {port}"),
        };
        Self { code: UNAVAILABLE, message }
    }

    pub(super) fn storage(path: &Path, error: &std::io::Error) -> Self {
        let advice = match error.kind() {
            std::io::ErrorKind::StorageFull => {
                "the disk is full: make room there (`df -h` shows it) and start again; what was accepted is safe"
            }
            _ => "check the disk and who owns the folder",
        };
        let message = format!("`{}` cannot be written: {error}\n{advice}", path.display());
        Self { code: STORAGE, message }
    }

    /// The store cannot be opened or used.
    pub(super) fn store(error: &JournalError) -> Self {
        if matches!(error, JournalError::OtherKey) {
            let message = format!("{error}\nput the key that it was written with at keys/store.key");
            return Self { code: CONFIGURATION, message };
        }
        Self { code: STORAGE, message: chain(error) }
    }

    /// A commit's fate is unknown.
    pub(super) fn doomed(reason: &str) -> Self {
        let message = format!(
            "the store failed and the fate of the last commit is unknown: {reason}\ncheck the disk, then start again: what was accepted is there, and senders that got no answer will ask again"
        );
        Self { code: STORAGE, message }
    }

    pub(super) fn bug(error: &(impl Display + ?Sized)) -> Self {
        Self { code: BUG, message: format!("the gateway has a bug and ended rather than going on: {error}") }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
