//! The worker's verbs: claim, freeze, settle. Leases lie in memory only: a process that ends loses them, and what they
//! held is due again. What left is durable before it leaves.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::params;

use super::super::board::Open;
use super::super::{ClaimAsk, Frozen, JournalError, Lease, LeaseToken, LeasedRecord, Settled, Settlement, State};
use super::SqliteJournal;
use super::index::signed;
use super::outcomes::PreparedOutcome;
use super::read;
use super::rows::{FrozenRow, guarded, pack, unpack};
use super::store::{Change, Ending, Store};
use crate::clock::Timestamp;
use crate::faults;
use crate::identifiers::{DeliveryId, MessageId, OfficeId};
use crate::seal::{self, DataKey};

/// A claimed delivery with what the board knows of its neighbours.
pub(super) struct Claimed {
    open: Open,
    after: Vec<DeliveryId>,
}

/// Frozen bytes, sealed by the caller's task.
pub(super) struct PreparedFrozen {
    row: FrozenRow,
    bytes: Option<Vec<u8>>,
    mac: [u8; 32],
}

impl Store {
    /// Leases due deliveries; parks what was held too long.
    pub(super) fn claim(&mut self, ask: &ClaimAsk) -> Result<Vec<Claimed>, JournalError> {
        self.give_up_held(&self.board.overdue(&ask.system, ask.now.wall))?;
        let numbers = self.board.claim(&ask.system, ask.limit, ask.now, ask.lease, ask.liberty_only);
        let claimed = numbers.iter().filter_map(|number| {
            let open = self.board.find(*number)?.clone();
            Some(Claimed { after: self.ids(&self.board.after(&open)), open })
        });
        Ok(claimed.collect())
    }

    /// Parks what was held too long.
    pub(super) fn give_up_held(&mut self, overdue: &[u64]) -> Result<(), JournalError> {
        if overdue.is_empty() {
            return Ok(());
        }
        self.write()?;
        let mut changes = Vec::new();
        for open in overdue.iter().filter_map(|number| self.board.find(*number)).cloned() {
            let open = Open { state: State::Parked, code: Some("hold-expired".to_owned()), deadline: None, ..open };
            self.change(open, &mut changes)?;
        }
        self.apply(changes);
        Ok(())
    }

    /// The ids of open deliveries.
    pub(super) fn ids(&self, numbers: &[u64]) -> Vec<DeliveryId> {
        numbers.iter().filter_map(|number| self.board.find(*number)).map(Open::id).collect()
    }

    fn freeze(&mut self, lease: &LeaseToken, frozen: &PreparedFrozen, at: Timestamp) -> Result<(), JournalError> {
        let open = self.board.leased(lease)?.clone();
        self.write()?;
        let mut changes = Vec::new();
        self.put_frozen(&open, frozen)?;
        self.overtake(&open, &mut changes)?;
        let frozen_at = open.frozen_at.or(Some(at));
        self.change(Open { state: State::Sending, frozen_at, size: frozen.row.size, ..open }, &mut changes)?;
        self.apply(changes);
        Ok(())
    }

    /// Writes frozen bytes, once and for ever.
    fn put_frozen(&self, open: &Open, frozen: &PreparedFrozen) -> Result<(), JournalError> {
        let known: Option<FrozenRow> =
            if open.frozen_at.is_some() { read::guarded_row(&self.conn, "frozen", open.number)? } else { None };
        match known {
            Some(row) if row.sha256 == frozen.row.sha256 => Ok(()),
            Some(_) => Err(JournalError::Storage(format!("delivery `{}` was frozen with other bytes", open.id()))),
            None => {
                let (row, guard) = guarded(open.number, &frozen.row)?;
                let sql = "INSERT INTO frozen (number, row, guard, bytes) VALUES (?1, ?2, ?3, ?4)";
                self.run(sql, params![signed(open.number), row, guard, frozen.bytes])
            }
        }
    }

    /// Notes on each liberty delivery that is passed now that it was passed.
    fn overtake(&self, open: &Open, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        for passed in self.board.overtaken(open).iter().filter_map(|number| self.board.find(*number)).cloned() {
            let mut passed = passed;
            passed.overtaken_by.push(open.number);
            self.change(passed, changes)?;
        }
        Ok(())
    }

    fn settle(&mut self, lease: &LeaseToken, end: AttemptEnd, settlement: &Attempt) -> Result<(), JournalError> {
        let open = self.board.leased(lease)?.clone();
        let mut open = Open { lease: None, ..open };
        if matches!(end, AttemptEnd::Released) {
            self.board.replace(open);
            return Ok(());
        }
        open.attempts += 1;
        open.note = Some(settlement.note.clone());
        open.first_answer_at = open.first_answer_at.or(settlement.answered.then_some(settlement.at));
        self.write()?;
        let mut changes = Vec::new();
        match end {
            AttemptEnd::Released => {}
            AttemptEnd::RetryAt(at) => {
                self.change(Open { state: State::Retrying, due: Some(at), ..open }, &mut changes)?;
            }
            AttemptEnd::Parked(code) => {
                self.change(Open { state: State::Parked, code: Some(code), ..open }, &mut changes)?;
            }
            AttemptEnd::Available(frozen) => self.make_available(open, &frozen, settlement.at, &mut changes)?,
            AttemptEnd::Outcome(outcome) => {
                self.outcome(open, *outcome, settlement.at, &mut changes)?;
            }
        }
        self.apply(changes);
        Ok(())
    }

    /// What stood in a feed before and stands in it anew stands at its end: what lies there unseen and came behind it goes
    /// back to wait, or it would pass it.
    fn take_along(&mut self, open: &Open, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        for number in self.board.unseen_behind(open) {
            let Some(other) = self.board.find(number).cloned() else { continue };
            self.unshelve(&other)?;
            self.change(Open { state: State::Queued, ..other }, changes)?;
        }
        Ok(())
    }

    fn make_available(
        &mut self,
        mut open: Open,
        frozen: &PreparedFrozen,
        at: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<(), JournalError> {
        self.put_frozen(&open, frozen)?;
        self.overtake(&open, changes)?;
        open.state = State::Available;
        open.frozen_at = open.frozen_at.or(Some(at));
        open.size = frozen.row.size;
        if open.position > 0 {
            self.take_along(&open, changes)?;
        }
        self.shelve(&mut open, changes)?;
        let end = Ending { open: &open, state: State::Available, code: None, at, mac: Some(frozen.mac) };
        self.prove(&open, &end)?;
        self.change(open, changes)
    }
}

/// `Settled`, prepared.
pub(super) enum AttemptEnd {
    Outcome(Box<PreparedOutcome>),
    Available(PreparedFrozen),
    RetryAt(Timestamp),
    Parked(String),
    Released,
}

/// What else a settlement says.
pub(super) struct Attempt {
    at: Timestamp,
    note: String,
    answered: bool,
}

impl SqliteJournal {
    pub(super) async fn claim_due(&self, ask: ClaimAsk) -> Result<Vec<Lease>, JournalError> {
        faults::point("lease::before");
        let claimed = self.writer.run(move |store| store.claim(&ask)).await?;
        if !claimed.is_empty() {
            faults::point("lease::after");
        }
        let mut leases = Vec::with_capacity(claimed.len());
        for claimed in claimed {
            let number = claimed.open.number;
            match self.lease(claimed) {
                Ok(Some(lease)) => leases.push(lease),
                Ok(None) => {}
                Err(JournalError::Damaged(place)) => {
                    tracing::error!(%place, "a delivery cannot be read and is parked");
                    self.park_damaged(number).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(leases)
    }

    /// Reads what the attempt needs.
    fn lease(&self, claimed: Claimed) -> Result<Option<Lease>, JournalError> {
        let Claimed { open, after } = claimed;
        let Some((token, _)) = open.lease else { return Ok(None) };
        let seq = open.number >> 16;
        self.readers.with(|conn| {
            let row = read::full_row(conn, seq)?.ok_or_else(|| super::rows::damaged("message row", seq))?;
            let key = self.key_of(conn, seq, &row)?;
            let (original, shared) = self.open_payload(&row, &key)?;
            let frozen = if open.frozen_at.is_some() { read_frozen(conn, &key, &open, None, false)? } else { None };
            let replaced_by = read::next_version(conn, seq)?.map(|next| read::id_of(conn, next)).transpose()?.flatten();
            let made = super::outcomes::made(conn, &row.head, open.number)?;
            let made = made.ok_or_else(|| super::rows::damaged("delivery", open.id()))?;
            drop(original);
            let mut message = row.head.head(row.id, replaced_by)?;
            message.replaces = super::had::before(conn, &row.head, &open.office, open.action)?;
            Ok(Some(Lease {
                token: LeaseToken {
                    delivery: open.id(),
                    token,
                    record: Arc::new(LeasedRecord {
                        key,
                        size: row.head.size,
                        kind: row.head.kind.clone(),
                        number: open.number,
                    }),
                },
                attempts: open.attempts,
                first_answer_at: open.first_answer_at,
                office: OfficeId::parse(&open.office).map_err(|_| super::rows::damaged("delivery", open.id()))?,
                system: open.system.to_string(),
                how: open.how,
                action: open.action,
                lane: open.lane,
                message,
                shared,
                frozen,
                after,
                overtaken_by: delivery_ids(conn, &open.overtaken_by)?,
                cases: made.cases(&row.head),
            }))
        })
    }

    /// Parks what cannot be read. What is settled stays so.
    pub(super) async fn park_damaged(&self, number: u64) -> Result<(), JournalError> {
        let park = move |store: &mut Store| {
            let Some(open) = store.board.find(number).cloned() else { return Ok(()) };
            store.write()?;
            let mut changes = Vec::new();
            if open.state == State::Available {
                store.unshelve(&open)?;
            }
            let open = Open { state: State::Parked, code: Some("damaged".to_owned()), lease: None, ..open };
            store.change(open, &mut changes)?;
            store.apply(changes);
            Ok(())
        };
        self.writer.run(park).await
    }

    pub(super) async fn freeze_leased(&self, lease: &LeaseToken, frozen: Frozen) -> Result<(), JournalError> {
        let frozen = prepare_frozen(lease, &frozen)?;
        let (lease, at) = (lease.clone(), self.clock.now());
        faults::point("freeze::before");
        self.writer.run(move |store| store.freeze(&lease, &frozen, at)).await?;
        faults::point("freeze::after");
        Ok(())
    }

    pub(super) async fn settle_leased(&self, lease: &LeaseToken, end: Settlement) -> Result<(), JournalError> {
        let attempt = Attempt { at: end.at, note: end.note, answered: end.answered };
        let end = match end.verdict {
            Settled::Released => AttemptEnd::Released,
            Settled::RetryAt(at) => AttemptEnd::RetryAt(at),
            Settled::Parked(code) => AttemptEnd::Parked(code),
            Settled::Available(frozen) => AttemptEnd::Available(prepare_frozen(lease, &frozen)?),
            Settled::Outcome(outcome) => {
                AttemptEnd::Outcome(Box::new(self.prepare_outcome(*outcome, Some(lease)).await?))
            }
        };
        let lease = lease.clone();
        faults::point("settle::before");
        self.writer.run(move |store| store.settle(&lease, end, &attempt)).await?;
        faults::point("settle::after");
        Ok(())
    }
}

/// Seals bytes that are about to leave, under their record's key.
fn prepare_frozen(lease: &LeaseToken, frozen: &Frozen) -> Result<PreparedFrozen, JournalError> {
    let (delivery, record) = (lease.delivery, &lease.record);
    let sealed = |bytes: &Bytes| pack(&record.key, &part(delivery), delivery.message(), bytes);
    let row = FrozenRow {
        sha256: seal::hex(&frozen.digest),
        media_type: frozen.media_type.clone(),
        withheld: frozen.withheld.clone(),
        lost: frozen.lost.clone(),
        revision: frozen.revision,
        size: frozen.bytes.as_ref().map_or(record.size, |bytes| bytes.len() as u64),
        entitlement: frozen.entitlement.clone(),
    };
    let bytes = frozen.bytes.as_ref().map(sealed).transpose()?;
    Ok(PreparedFrozen { row, bytes, mac: record.key.mac(&frozen.digest) })
}

/// The bytes as they left, opened (not with `heads`); `original` stands in where they are the bytes as received and the caller wants them.
pub(super) fn read_frozen(
    conn: &rusqlite::Connection,
    key: &DataKey,
    open: &Open,
    original: Option<&Bytes>,
    heads: bool,
) -> Result<Option<Frozen>, JournalError> {
    let Some(row) = read::guarded_row::<FrozenRow>(conn, "frozen", open.number)? else { return Ok(None) };
    let damaged = || super::rows::damaged("frozen", open.id());
    let bytes = if heads { None } else { frozen_bytes(conn, key, open)?.or_else(|| original.cloned()) };
    let digest = seal::unhex(&row.sha256).and_then(|digest| digest.try_into().ok()).ok_or_else(damaged)?;
    if bytes.as_ref().is_some_and(|bytes| seal::sha256(bytes) != digest) {
        return Err(damaged());
    }
    Ok(Some(Frozen {
        bytes,
        digest,
        media_type: row.media_type,
        withheld: row.withheld,
        lost: row.lost,
        revision: row.revision,
        entitlement: row.entitlement,
    }))
}

fn frozen_bytes(conn: &rusqlite::Connection, key: &DataKey, open: &Open) -> Result<Option<Bytes>, JournalError> {
    let mut rows = conn.prepare_cached("SELECT bytes FROM frozen WHERE number = ?1").map_err(super::tables::storage)?;
    let sealed: Option<Vec<u8>> =
        rows.query_row(params![signed(open.number)], |row| row.get(0)).map_err(super::tables::storage)?;
    sealed.map(|sealed| unpack(key, &part(open.id()), open.message, &sealed)).transpose()
}

fn part(delivery: DeliveryId) -> String {
    format!("frozen {}", delivery.ordinal())
}

/// The ids of deliveries, open or settled.
pub(super) fn delivery_ids(conn: &rusqlite::Connection, numbers: &[u64]) -> Result<Vec<DeliveryId>, JournalError> {
    let id = |number: &u64| {
        let message: Option<MessageId> = read::id_of(conn, number >> 16)?;
        Ok(message.map(|message| message.delivery(u16::try_from(number & 0xffff).unwrap_or(0))))
    };
    numbers.iter().filter_map(|number| id(number).transpose()).collect()
}
