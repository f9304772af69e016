//! The writer's part of `append`: is it known, what does it replace, is there room; then one message with everything
//! that belongs to it, in one savepoint. Corrections are in `correct`.

use std::sync::Arc;

use rusqlite::params;

use super::super::board::{Number, Open};
use super::super::{Action, Digest, IdempotencyKey, JournalError, State};
use super::correct::Replaced;
use super::index::signed;
use super::links::Source;
use super::prepare::{GuardedRow, Prepared};
use super::read;
use super::rows::{DeliveryRow, HeadRow, damaged, json};
use super::store::{Change, Store};
use super::strays::About;
use super::sums::{CARRIED, FEED, UPLOAD};
use super::tables::storage;
use crate::identifiers::MessageId;

/// What the writer did; the caller's task makes `Appended` of it.
pub(super) enum Done {
    /// Written: the head as written, the leaf's index, and the warnings given back.
    New(Box<HeadRow>, u64, Vec<serde_json::Value>),
    /// Known: the message's sequence number.
    Known(u64),
    KeyReused,
    RecordChanged(MessageId),
    ReplacesUnknown,
    AttachmentsMissing(Vec<Digest>),
    Overloaded,
    Crossed,
}

/// Rows looked at for one idempotency hash: more would need several corrections of one event with other bytes each.
const CANDIDATES: usize = 64;

impl Store {
    /// Writes one message or says why not.
    pub(super) fn append(&mut self, message: Prepared) -> Result<Done, JournalError> {
        if let Some(known) = self.known(&message)? {
            return Ok(known);
        }
        let replaced = match (message.replaces, message.head.action) {
            (None, Action::New) => None,
            (None, _) => return Ok(Done::ReplacesUnknown),
            (Some(id), _) => match self.replaced(id, &message.head)? {
                Ok(replaced) => Some(replaced),
                Err(refusal) => return Ok(refusal),
            },
        };
        let missing = self.missing(&message)?;
        if !missing.is_empty() {
            return Ok(Done::AttachmentsMissing(missing));
        }
        if self.board.len() + message.opens.len() > self.limits.max_open_deliveries {
            return Ok(Done::Overloaded);
        }
        if self.crossed(&message)? {
            return Ok(Done::Crossed);
        }
        self.write()?;
        let mut changes = Vec::new();
        let done = self.insert_message(message, replaced.as_ref(), &mut changes)?;
        self.apply(changes);
        Ok(done)
    }

    /// Whether the sender's name for it was used, by a row in the store or by one of this very batch.
    fn known(&self, message: &Prepared) -> Result<Option<Done>, JournalError> {
        let (Some(key), Some(named)) = (&message.key, message.named) else { return Ok(None) };
        let mut newest = None;
        for seq in self.index.find(&self.conn, named, u64::MAX, CANDIDATES)? {
            // What the index names is there, or was lost: to go on would accept the same thing twice.
            let row = read::head_row(&self.conn, seq)?.ok_or_else(|| damaged("message row", seq))?;
            if !row.head.is_named(&message.head.system, &message.head.kind, key) || self.is_old(key, &row.head) {
                continue;
            }
            let same = row.head.sha256 == message.head.sha256
                && row.head.action == message.head.action
                && row.head.replaces == message.head.replaces;
            if same {
                return Ok(Some(Done::Known(seq)));
            }
            newest = newest.or(Some(seq));
        }
        match (newest, key) {
            (None, _) => Ok(None),
            (Some(_), IdempotencyKey::Header(_)) => Ok(Some(Done::KeyReused)),
            (Some(seq), IdempotencyKey::Event(_)) if message.head.action == Action::New => {
                let seq = read::newest(&self.conn, seq)?;
                Ok(Some(Done::RecordChanged(read::id_of(&self.conn, seq)?.unwrap_or(message.id))))
            }
            // A correction carries the number of the event that it corrects.
            (Some(_), IdempotencyKey::Event(_)) => Ok(None),
        }
    }

    /// Whether a message of one of its cases came after those that it was compared with.
    fn crossed(&self, message: &Prepared) -> Result<bool, JournalError> {
        let Some((upto, cases)) = &message.compared else { return Ok(false) };
        for hash in cases {
            let newest = self.index.find(&self.conn, *hash, u64::MAX, 1)?;
            if newest.first().is_some_and(|seq| seq > upto) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_old(&self, key: &IdempotencyKey, head: &HeadRow) -> bool {
        let age = self.limits.clock.now().since(head.accepted_at);
        matches!(key, IdempotencyKey::Header(_)) && age > self.limits.header_keys_kept
    }

    /// The attachments that the sender has not uploaded.
    fn missing(&self, message: &Prepared) -> Result<Vec<Digest>, JournalError> {
        let mut rows = self
            .conn
            .prepare_cached(&format!(
                "SELECT {} FROM upload WHERE system = ?1 AND digest = ?2 AND done = 1",
                UPLOAD.sound()
            ))
            .map_err(storage)?;
        let mut missing = Vec::new();
        for digest in &message.attachments {
            if !rows.exists(params![message.head.system, digest]).map_err(storage)? {
                missing.push(*digest);
            }
        }
        Ok(missing)
    }

    /// Writes a message that passed every check. Memory changes only when `changes` are applied.
    pub(super) fn insert_message(
        &mut self,
        mut message: Prepared,
        replaced: Option<&Replaced>,
        changes: &mut Vec<Change>,
    ) -> Result<Done, JournalError> {
        let seq = self.seq;
        let mut opens = std::mem::take(&mut message.opens);
        for open in &mut opens {
            open.number |= seq << 16;
            open.place.first = open.number;
        }
        let mut settled = Vec::new();
        if let Some(replaced) = replaced {
            settled = self.correct(&mut message, &mut opens, replaced, changes)?;
        }
        let leaf = self.put_leaf(&message.leaf, &message.leaf_hash)?;
        self.put_message(seq, &message, leaf)?;
        self.seq += 1;
        // What was decided before news that is written by now is looked at again.
        let late = message.news < self.world && opens.iter().any(Open::strays);
        for open in opens {
            self.put_delivery(open, &settled, &message, changes)?;
        }
        if late {
            let persons = [message.head.persons.as_slice(), &message.head.threads].concat();
            self.put_cause(&About { cases: message.head.cases.clone(), persons, revision: 0 }, false)?;
        }
        self.put_parties(&message)?;
        let brought = if message.head.action == Action::Withdraw { &[][..] } else { &message.links };
        let dated = message.head.occurred_at.unwrap_or(message.head.accepted_at);
        let source = Source::Message { seq, at: dated, written: message.head.accepted_at };
        self.put_links(brought, &source, replaced.map(Replaced::seq), changes)?;
        self.put_whereabouts(&message, seq, replaced)?;
        self.bind(&message, seq)?;
        changes.push(Change::Indexed(message.hashes, seq));
        if message.head.about.is_none() {
            changes.push(Change::Count(format!("accepted/{}", message.head.kind), 1));
        }
        Ok(Done::New(Box::new(message.head), leaf, message.warnings))
    }

    fn put_message(&self, seq: u64, message: &Prepared, leaf: u64) -> Result<(), JournalError> {
        let keys: Vec<u8> = message.hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let private = message.private.as_deref();
        let (id, head, wrapped) = (message.id, message.head_json.as_slice(), message.wraps.wrapped.as_slice());
        let guard = GuardedRow { seq, leaf, id, head, wrapped, keys: &keys, private }.guard();
        let sql = "INSERT INTO message (seq, id, leaf, head, guard, wrapped, keys, private, original, shared)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let id = message.id.bytes();
        let (original, shared) = (&message.original, &message.shared);
        let leaf = signed(leaf);
        let head = &message.head_json;
        self.run(sql, params![signed(seq), id, leaf, head, guard, wrapped, keys, private, original, shared])?;
        self.put_case_keys(seq, &message.wraps)
    }

    fn put_delivery(
        &mut self,
        mut open: Open,
        settled: &[Number],
        message: &Prepared,
        changes: &mut Vec<Change>,
    ) -> Result<(), JournalError> {
        if settled.contains(&open.number) {
            // The withdrawal of what never left: nothing is sent, and the row says so.
            let end = super::store::Ending {
                open: &open,
                state: State::Recalled,
                code: Some("nothing-sent"),
                at: open.accepted_at,
                mac: None,
            };
            return self.settle_open(&end, changes);
        }
        if open.state == State::Available {
            open.size = message.frozen.size;
            open.frozen_at = Some(open.accepted_at);
            self.put("frozen", open.number, &message.frozen)?;
            self.shelve(&mut open, changes)?;
        }
        self.put_open(&open)?;
        self.await_copy(&open, open.accepted_at, changes)?;
        changes.push(Change::Insert(open));
        Ok(())
    }

    /// Gives a delivery its position in its system's feed.
    pub(super) fn shelve(&self, open: &mut Open, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        let class = open.class();
        let given = changes.iter().filter_map(|change| match change {
            Change::Position(system, of, position) if *system == open.system && *of == class => Some(*position),
            _ => None,
        });
        let last = given.max().unwrap_or(0).max(self.board.position(&open.system, class));
        open.position = last + 1;
        let (system, office, kind) = (&*open.system, &*open.office, &*open.kind);
        let half = signed(class as u64);
        let row = params![system, half, signed(open.position), signed(open.number), office, kind];
        self.run(&FEED.insert(), row)?;
        changes.push(Change::Position(Arc::clone(&open.system), class, open.position));
        Ok(())
    }

    /// Binds the attachments, so that they are kept, and found by those who get the record.
    fn bind(&self, message: &Prepared, seq: u64) -> Result<(), JournalError> {
        for digest in &message.attachments {
            let sum = UPLOAD.sum("system, digest, size, done, key, at, 1");
            let sql = format!("UPDATE upload SET bound = 1, guard = {sum} WHERE system = ?1 AND digest = ?2");
            self.run(&sql, params![message.head.system, digest])?;
            self.run(&CARRIED.replace(), params![digest, signed(seq)])?;
        }
        Ok(())
    }
}

/// Says in the head what became of a delivery in the very transaction that accepted it.
pub(super) fn restate(
    message: &mut Prepared,
    ordinal: usize,
    change: impl FnOnce(&mut DeliveryRow),
) -> Result<(), JournalError> {
    if let Some(row) = message.head.deliveries.get_mut(ordinal) {
        change(row);
        message.head_json = json(&message.head)?;
    }
    Ok(())
}
