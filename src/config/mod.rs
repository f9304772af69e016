//! Configuration as numbered, checked revisions: from a folder's files to what the gateway runs by.
//! `Settings` (gateway.toml) belongs to one node and needs a restart; everything else is a `Revision` and goes live at once.
//! Strict: unknown keys are errors, every error is listed with file and line, and nothing with an error ever runs.

pub mod table;
pub mod folder;
pub mod settings;
pub mod connections;
pub mod outbound;
pub mod tls;
pub mod tokens;
pub mod retention;
pub mod document;
pub mod revision;
mod loaded;
pub mod kinds;
pub mod facts;
pub mod custody;
pub mod sections;
pub mod children;
pub mod adapters;
pub mod verdicts;
pub mod watched;
pub mod trust;
pub mod officers;
pub mod systems;
pub mod reference;
mod jurisdiction;
pub mod routes;
mod reach;
mod trail;
mod steps;
mod draft;
mod split;
mod answers;
pub mod routing;
pub mod sharing;
pub mod checks;
pub mod rules;
pub mod administrators;
pub mod difference;

pub use adapters::{Adapter, Dialect};
pub use administrators::{Administrator, Administrators, Deed, Role};
pub use answers::{Answers, Unasked};
pub use checks::Finding;
pub use difference::difference;
pub use facts::Facts;
pub use folder::Folder;
pub use kinds::Kind;
pub use retention::Retention;
pub use revision::Revision;
pub use routes::{Route, Step};
pub use routing::{Destination, rerouted};
pub use rules::{AlertRule, Rules};
pub use settings::Settings;
pub use sharing::{Permitted, Sharing, Sight};
pub use split::items_of;
pub use systems::{Push, System, SystemLimits};
pub use trail::{Taken, Trial};
pub use trust::{Issuer, Trust};
pub use verdicts::{Judged, VerdictRule, Verdicts};
pub use watched::{Told, Watched};

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ConfigError {
    /// Path relative to the folder.
    pub file: String,
    /// From 1; 0 where no line can be named.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl std::fmt::Display for ConfigError {
    /// `file:line: message`, as compilers say it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

#[cfg(test)]
mod tests;
