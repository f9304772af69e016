//! Readings: who was given personal data by which call, for what and by what right. One is durable before what was read
//! leaves; what cannot be recorded is not given. The same reader who is given the very same by the same call for the same
//! purpose once more within a minute is one reading.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identifiers::SystemName;
use crate::seal::{self, MacKey, StoreKey};

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
    /// Of them, those that a feed gave again though they are settled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<String>,
}

/// The key under which officers get their marks.
pub fn marks(keys: &StoreKey) -> MacKey {
    keys.derive("marks of readers")
}

impl Reading {
    /// The officer's id.
    pub fn officer_id(&self) -> Option<&str> {
        self.officer.as_deref().map(|officer| officer.split(';').next().unwrap_or_default().trim())
    }

    /// What stands for the officer where no identifier of a person may stand, as in alerts: 16 hex digits.
    pub fn mark(&self, key: &MacKey) -> Option<String> {
        let id = self.officer_id()?;
        let mac = key.mac(format!("{}\n{id}", self.system).as_bytes());
        Some(seal::hex(mac.get(..8).unwrap_or_default()))
    }

    /// What was looked at: the case, the attachment, the messages; of a feed only what it gave again.
    pub fn looks(&self) -> impl Iterator<Item = &str> {
        let given = match self.call.as_str() {
            "feed" => &self.again[..],
            "case" => &[],
            _ => &self.messages[..],
        };
        self.case.iter().chain(&self.attachment).chain(given).map(String::as_str)
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
    /// Only of the officer with this mark.
    pub reader: Option<String>,
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
