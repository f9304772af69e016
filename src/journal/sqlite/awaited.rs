//! Whose answer a person is waiting for: orders about liberty that a machine has and nobody has answered, and records that were
//! taken back of which an office has not said what became of its copy. The watch over them is in `alerts`.

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::super::board::{Number, Open};
use super::super::{Action, Facts, JournalError, Lane};
use super::index::signed;
use super::store::{Change, Store};
use crate::clock::Timestamp;
use crate::identifiers::SystemName;

/// Deliveries of which a person's answer is awaited; the oldest are forgotten first.
const MOST: usize = 200_000;

/// An order that its receiver's machine has, and no person has answered; or what takes a record back, whoever has it by now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Awaited {
    pub(super) delivery: String,
    system: SystemName,
    pub(super) office: String,
    kind: String,
    accepted_at: Timestamp,
    /// Stores of before recalls were watched have liberty orders only.
    #[serde(default = "liberty")]
    lane: Lane,
    /// Since when the office is asked what became of its copy.
    #[serde(default)]
    asked_back: Option<Timestamp>,
    /// The receiver's machine has it.
    #[serde(default = "always")]
    received: bool,
}

fn liberty() -> Lane {
    Lane::Liberty
}

fn always() -> bool {
    true
}

impl Awaited {
    fn of(open: &Open) -> Self {
        Self {
            delivery: open.id().to_string(),
            system: open.system.to_string(),
            office: open.office.to_string(),
            kind: open.kind.to_string(),
            accepted_at: open.accepted_at,
            lane: open.lane,
            asked_back: None,
            received: false,
        }
    }

    /// What a rule about an order without an answer is held against.
    pub(super) fn order(&self) -> Option<Facts<'_>> {
        (self.received && self.lane == Lane::Liberty).then_some(self.facts(self.accepted_at))
    }

    /// What a rule about a recall without an answer is held against.
    pub(super) fn recall(&self) -> Option<Facts<'_>> {
        self.asked_back.map(|since| self.facts(since))
    }

    fn facts(&self, since: Timestamp) -> Facts<'_> {
        Facts { lane: self.lane, kind: &self.kind, system: &self.system, code: None, since }
    }
}

impl Store {
    /// The receiver's machine has a liberty delivery: from now on a person's answer is awaited.
    pub(super) fn await_person(&self, open: &Open, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        // Of a version that was replaced nobody expects anything.
        if open.lane != Lane::Liberty || super::read::next_version(&self.conn, open.number >> 16)?.is_some() {
            return Ok(());
        }
        let asked_back = self.alarms.awaited.get(&open.number).and_then(|known| known.asked_back);
        self.put_awaited(open.number, Awaited { asked_back, received: true, ..Awaited::of(open) }, changes)
    }

    /// The office is asked what became of its copy of a record that is taken back: from now on its answer is awaited.
    pub(super) fn await_copy(&self, open: &Open, at: Timestamp, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        if open.action != Action::Withdraw {
            return Ok(());
        }
        let since = self.alarms.awaited.get(&open.number).and_then(|known| known.asked_back).unwrap_or(at);
        self.put_awaited(open.number, Awaited { asked_back: Some(since), ..Awaited::of(open) }, changes)
    }

    fn put_awaited(&self, number: Number, awaited: Awaited, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        self.put("awaited", number, &awaited)?;
        changes.push(Change::Awaited(number, Box::new(awaited)));
        if let Some(oldest) = self.alarms.awaited.keys().next().filter(|_| self.alarms.awaited.len() >= MOST) {
            self.answered(*oldest, changes)?;
        }
        Ok(())
    }

    /// A person has answered, or need not any more.
    pub(super) fn answered(&self, number: Number, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        if self.alarms.awaited.contains_key(&number) {
            self.run("DELETE FROM awaited WHERE number = ?1", params![signed(number)])?;
            changes.push(Change::Answered(number));
        }
        Ok(())
    }
}
