//! Readings: who was given personal data by which call, for what and by what right. One is durable before what was read
//! leaves; what cannot be recorded is not given.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identifiers::SystemName;

/// One call that gave personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The system that read; empty: people of the centre.
    pub system: SystemName,
    /// The officer, as `id; designation; office`, where one was named.
    pub officer: Option<String>,
    /// The offices that the call was for; empty: all of the system's.
    pub offices: Vec<String>,
    /// `feed`, `messages`, `message`, `attachment` or `case`.
    pub call: String,
    /// What for, where that was said.
    pub purpose: Option<String>,
    /// By what right, where that was said.
    pub ground: Option<String>,
    /// The case that was looked at.
    pub case: Option<String>,
    /// The attachment that was read.
    pub attachment: Option<String>,
    /// Ids of the messages that were given.
    pub messages: Vec<String>,
}

impl Reading {
    /// The officer's id.
    pub fn officer_id(&self) -> Option<&str> {
        self.officer.as_deref().map(|officer| officer.split(';').next().unwrap_or_default().trim())
    }
}

/// The verbs over readings.
#[derive(Clone, Debug)]
pub enum ReadingVerb {
    /// Notes one.
    Note(Box<Reading>),
    /// Newest first.
    List(ReadingFilter),
}

/// Which readings.
#[derive(Clone, Debug, Default)]
pub struct ReadingFilter {
    /// Only of this system.
    pub system: Option<SystemName>,
    /// Only of the officer with this id.
    pub officer: Option<String>,
    /// Only of this case.
    pub case: Option<String>,
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Only below this number.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// Readings with their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Newest first.
    pub rows: Vec<(u64, Reading)>,
    /// `before` of the next page; `None`: there are no more.
    pub next: Option<u64>,
}
