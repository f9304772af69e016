//! How `icjs` leaves: the exit codes (after BSD's sysexits) and the one shape in which a verb says that it failed.
//! Every failure says what happened and what to do. Nothing here prints; `output` does.

use std::fmt;
use std::process::ExitCode;

use serde_json::{Value, json};

/// Why the program ended, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// 0: done.
    Done = 0,
    /// 64: the command line is wrong.
    Usage = 64,
    /// 65: the gateway, or a check, refused the input.
    Refused = 65,
    /// 66: a file or folder that was named does not exist.
    NoInput = 66,
    /// 69: the gateway does not answer.
    Unreachable = 69,
    /// 70: a bug of ours, or a proof that does not hold.
    Bug = 70,
    /// 74: storage: disk full, file not writable, a store that cannot be read.
    Storage = 74,
    /// 75: nothing is wrong for good; try later.
    TryLater = 75,
    /// 77: not allowed: token, scope, office or file permission.
    NotAllowed = 77,
    /// 78: the configuration has errors.
    Configuration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A verb's failure: the exit code, what happened, every detail, and what to do about it.
#[derive(Debug, Clone)]
pub struct Failure {
    /// With which code the program leaves.
    pub exit: Exit,
    /// What happened: one lower-case line.
    pub what: String,
    /// Details, one a line: places with rule and message.
    pub details: Vec<String>,
    /// What to do; empty where the details say it.
    pub advice: String,
    /// The gateway's own words (problem+json), where it spoke.
    pub problem: Option<Box<Value>>,
}

impl Failure {
    /// A failure with one line and one piece of advice.
    pub fn new(exit: Exit, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { exit, what: what.into(), details: Vec::new(), advice: advice.into(), problem: None }
    }

    /// The same with details.
    #[must_use]
    pub fn with(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    /// As `--json` prints it.
    pub fn to_json(&self) -> Value {
        json!({ "error": { "exit": self.exit as u8, "what": self.what, "details": self.details, "advice": self.advice,
            "problem": self.problem } })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// What a file error means for the one who named the file.
pub fn file_failure(path: &std::path::Path, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    let name = path.display();
    match error.kind() {
        ErrorKind::NotFound => Failure::new(
            Exit::NoInput,
            format!("`{name}` does not exist"),
            "check the path; relative paths start where you are, not in --dir",
        ),
        ErrorKind::PermissionDenied => Failure::new(
            Exit::NotAllowed,
            format!("`{name}` may not be opened by this user"),
            "run as the gateway's user, or give this one the right to it",
        ),
        ErrorKind::StorageFull => disk_full(&name.to_string()),
        _ => Failure::new(Exit::Storage, format!("`{name}` cannot be used: {error}"), "check the disk and the path"),
    }
}

/// No space is left where `place` lies.
pub fn disk_full(place: &str) -> Failure {
    Failure::new(
        Exit::Storage,
        format!("no space left on the disk of `{place}`"),
        "make room (`df -h` shows the disk) and do the same again: what was not confirmed was not kept",
    )
}

/// The result of every verb.
pub type Done = Result<(), Failure>;
