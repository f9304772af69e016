//! Corrections and withdrawals (design: nouns, Correction). Where nothing of the original has left, the correction takes
//! its place and its waiters; otherwise the original finishes and the correction is next in the lane.

use super::super::board::{Number, Open};
use super::super::lanes::Place;
use super::super::{Action, JournalError, Lane, State};
use super::append::{Done, restate};
use super::prepare::Prepared;
use super::read;
use super::rows::{HeadRow, SettledRow};
use super::store::{Change, Ending, Store};
use super::sums::VERSION;
use crate::clock::Timestamp;
use crate::identifiers::MessageId;

/// The version that is replaced.
pub(super) struct Replaced {
    seq: u64,
    head: HeadRow,
}

impl Replaced {
    /// Its number.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// Its persons, blind.
    pub(super) fn persons(&self) -> &[i64] {
        &self.head.persons
    }
}

impl Store {
    /// The version that `id` names, if the sender may replace it and it is the newest; otherwise the refusal.
    pub(super) fn replaced(&self, id: MessageId, by: &HeadRow) -> Result<Result<Replaced, Done>, JournalError> {
        let Some(seq) = read::seq_of(&self.conn, id)? else { return Ok(Err(Done::ReplacesUnknown)) };
        let Some(row) = read::head_row(&self.conn, seq)? else { return Ok(Err(Done::ReplacesUnknown)) };
        if row.head.system != by.system || row.head.kind != by.kind {
            return Ok(Err(Done::ReplacesUnknown));
        }
        let newest = read::newest(&self.conn, seq)?;
        if newest != seq {
            return Ok(Err(Done::RecordChanged(read::id_of(&self.conn, newest)?.unwrap_or(id))));
        }
        Ok(Ok(Replaced { seq, head: row.head }))
    }

    /// Finds the place of each new delivery and settles what it replaces. Returns those that need not be sent at all.
    pub(super) fn correct(
        &mut self,
        message: &mut Prepared,
        opens: &mut [Open],
        replaced: &Replaced,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<Number>, JournalError> {
        let numbers = self.deliveries_of(replaced)?;
        let at = message.head.accepted_at;
        let mut unsent = Vec::new();
        for (nth, open) in opens.iter_mut().enumerate() {
            let line = message.versions.get(nth).copied();
            let Some((number, _)) = numbers.iter().rev().find(|(_, office)| **office == *open.office) else { continue };
            // A second delivery to one office finds the original settled by the first.
            let open_still = !changes.iter().any(|change| matches!(change, Change::Remove(gone) if gone == number));
            let Some(old) = self.board.find(*number).filter(|_| open_still).cloned() else {
                self.follow_settled(open, *number)?;
                continue;
            };
            inherit(open, &old.overtaken_by);
            if old.state == State::Rejected {
                // The lane was held for this correction.
                self.end(&old, State::Rejected, at, changes)?;
                open.place = self.board.behind(&open.keys, old.place, self.seq);
            } else if old.left() {
                self.follow_open(open, old, line, changes)?;
            } else {
                self.supersede(&old, at, changes)?;
                open.place = old.place;
                if old.action == Action::New && open.action == Action::Correct {
                    // The office has seen no version yet: to it this one is the first.
                    open.action = Action::New;
                    restate(message, nth, |row| row.action = Action::New)?;
                } else if old.action == Action::Withdraw && open.action == Action::New {
                    // What was about to be taken back is still there: an earlier version, which this one corrects.
                    open.action = Action::Correct;
                    restate(message, nth, |row| row.action = Action::Correct)?;
                } else if old.action == Action::New && open.action == Action::Withdraw {
                    unsent.push(open.number);
                    restate(message, nth, |row| {
                        (row.state, row.code) = (State::Recalled, Some("nothing-sent".into()));
                    })?;
                }
            }
        }
        self.supersede_lost(&numbers, at, changes)?;
        for (number, _) in &numbers {
            self.answered(*number, changes)?;
        }
        self.run(
            &VERSION.insert(),
            rusqlite::params![super::index::signed(replaced.seq), super::index::signed(self.seq)],
        )?;
        Ok(unsent)
    }

    /// The deliveries of the replaced version with their offices (empty where none was found), those made later last.
    fn deliveries_of(&self, replaced: &Replaced) -> Result<Vec<(Number, String)>, JournalError> {
        let base = replaced.seq << 16;
        let mut all: Vec<(Number, String)> = Vec::new();
        for number in (1..=replaced.head.deliveries.len() as u64).map(|n| base | n) {
            let row = super::outcomes::made(&self.conn, &replaced.head, number)?;
            all.push((number, row.and_then(|row| row.office).unwrap_or_default()));
        }
        for number in read::added(&self.conn, replaced.seq)? {
            let row: Option<super::rows::DeliveryRow> = read::guarded_row(&self.conn, "added", number)?;
            all.push((number, row.and_then(|row| row.office).unwrap_or_default()));
        }
        Ok(all)
    }

    /// The original is settled: the correction goes behind what is under way, before everything queued.
    fn follow_settled(&self, open: &mut Open, number: Number) -> Result<(), JournalError> {
        let settled: Option<SettledRow> = read::guarded_row(&self.conn, "settled", number)?;
        let base = settled.as_ref().map_or(Place { first: number, then: 0 }, |row| row.place);
        inherit(open, settled.as_ref().map_or(&[], |row| &row.overtaken_by));
        open.place = self.board.behind(&open.keys, base, self.seq);
        Ok(())
    }

    /// The original is out and not settled: the correction waits for it, whatever keys they share.
    fn follow_open(
        &self,
        open: &mut Open,
        mut old: Open,
        line: Option<u64>,
        changes: &mut Vec<Change>,
    ) -> Result<(), JournalError> {
        open.place = self.board.behind(&open.keys, old.place, self.seq);
        if let Some(line) = line.filter(|line| open.lane == old.lane && !old.keys.contains(line)) {
            old.keys.push(line);
            self.change(old, changes)?;
        }
        Ok(())
    }

    /// What was parked because nobody knew where to send it is settled by the correction, which is routed anew.
    fn supersede_lost(
        &mut self,
        numbers: &[(Number, String)],
        at: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<(), JournalError> {
        for (number, office) in numbers {
            if let Some(old) = self.board.find(*number).filter(|_| office.is_empty()).cloned() {
                let done = changes.iter().any(|change| matches!(change, Change::Remove(n) if n == number));
                if !done {
                    self.supersede(&old, at, changes)?;
                }
            }
        }
        Ok(())
    }

    fn supersede(&mut self, old: &Open, at: Timestamp, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        self.end(old, State::Superseded, at, changes)
    }

    /// Settles a delivery without a word from its receiver; it leaves the feed too, if it is in one.
    pub(super) fn end(
        &mut self,
        old: &Open,
        state: State,
        at: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<(), JournalError> {
        if old.state == State::Available {
            self.unshelve(old)?;
        }
        self.answered(old.number, changes)?;
        let ending = Ending { open: old, state, code: old.code.as_deref(), at, mac: None };
        self.settle_open(&ending, changes)
    }

    /// Takes an item out of its feed: no page shows it any more.
    pub(super) fn unshelve(&self, open: &Open) -> Result<(), JournalError> {
        let sql = "DELETE FROM feed WHERE system = ?1 AND class = ?2 AND position = ?3";
        let class = super::index::signed(open.class() as u64);
        self.run(sql, rusqlite::params![&*open.system, class, super::index::signed(open.position)])
    }
}

/// A correction of an overtaken liberty record was overtaken with it: it never recalls the later one.
fn inherit(open: &mut Open, overtaken_by: &[Number]) {
    if open.lane == Lane::Liberty {
        open.overtaken_by = overtaken_by.to_vec();
    }
}
