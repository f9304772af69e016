//! What is read of messages: one with all that became of it, many that match, payloads, and the snapshot that routing
//! asks for. Each is one short look through the read pool.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::super::board::Open;
use super::super::{
    DeliveryView, IdempotencyKey, JournalError, MessageFilter, MessageView, Payload, Snapshot, SnapshotAsk, State,
    Stored,
};
use super::SqliteJournal;
use super::index::{signed, unsigned};
use super::read::{self, MessageRow};
use super::rows::{DeliveryRow, FrozenRow, Private, SettledRow, damaged, unpack};
use super::tables::storage;
use super::words;
use super::wraps::data_key;
use crate::identifiers::{DeliveryId, MessageId, OfficeId};
use crate::seal::{self, DataKey};

/// Messages that one filter looks through before it says that there is more.
const LOOKED_THROUGH: usize = 20_000;

impl SqliteJournal {
    /// The bytes as received and the shared form, opened and checked.
    pub(super) fn open_payload(&self, row: &MessageRow, key: &DataKey) -> Result<(Bytes, Bytes), JournalError> {
        let original = self.open_part(row, key, "original", row.original.as_deref())?;
        if seal::hex(&seal::sha256(&original)) != row.head.sha256 {
            return Err(damaged("original of message", row.id));
        }
        let shared = if row.head.shared_is_original {
            original.clone()
        } else {
            self.open_part(row, key, "shared", row.shared.as_deref())?
        };
        Ok((original, shared))
    }

    pub(super) fn open_part(
        &self,
        row: &MessageRow,
        key: &DataKey,
        part: &str,
        sealed: Option<&[u8]>,
    ) -> Result<Bytes, JournalError> {
        match sealed {
            Some(sealed) => unpack(key, part, row.id, sealed),
            None => {
                let file = std::fs::read(self.workshop.file(part, row.id)).map_err(|_| damaged(part, row.id))?;
                unpack(key, part, row.id, &file)
            }
        }
    }

    /// What was stored at acceptance, with its warnings.
    pub(super) fn stored(&self, conn: &Connection, seq: u64, row: &MessageRow) -> Result<Stored, JournalError> {
        let key = match &row.private {
            Some(_) => data_key(conn, &self.workshop.keys, seq, row)?,
            None => None,
        };
        // Of what was erased the words are gone, and the rest is as it was.
        let private = match row.private.as_ref().zip(key) {
            Some((sealed, key)) => {
                let text = unpack(&key, "private", row.id, sealed)?;
                serde_json::from_slice(&text).map_err(|_| damaged("message", row.id))?
            }
            None => Private::default(),
        };
        Ok(row.head.stored(row.id, row.leaf, private.warnings))
    }

    pub(super) fn view(&self, conn: &Connection, seq: u64) -> Result<Option<MessageView>, JournalError> {
        let Some(row) = read::head_row(conn, seq)? else { return Ok(None) };
        let replaced_by = read::next_version(conn, seq)?.map(|next| read::id_of(conn, next)).transpose()?.flatten();
        let mut deliveries = Vec::new();
        for (made, n) in row.head.deliveries.iter().zip(1_u64..) {
            let number = (seq << 16) | n;
            let moved: Option<DeliveryRow> = read::guarded_row(conn, "moved", number)?;
            deliveries.push(self.delivery(conn, &row, number, moved.as_ref().unwrap_or(made))?);
        }
        for number in read::added(conn, seq)? {
            let made: DeliveryRow =
                read::guarded_row(conn, "added", number)?.ok_or_else(|| damaged("added", number))?;
            deliveries.push(self.delivery(conn, &row, number, &made)?);
        }
        Ok(Some(MessageView {
            head: row.head.head(row.id, replaced_by)?,
            stored: self.stored(conn, seq, &row)?,
            deliveries,
        }))
    }

    fn delivery(
        &self,
        conn: &Connection,
        row: &MessageRow,
        number: u64,
        made: &DeliveryRow,
    ) -> Result<DeliveryView, JournalError> {
        let id = row.id.delivery(u16::try_from(number & 0xffff).unwrap_or(0));
        let open: Option<Open> = read::guarded_row(conn, "open", number)?;
        let settled: Option<SettledRow> =
            if open.is_none() { read::guarded_row(conn, "settled", number)? } else { None };
        let frozen: Option<FrozenRow> = read::guarded_row(conn, "frozen", number)?;
        let (withheld, lost, entitlement) =
            frozen.map_or_else(Default::default, |row| (row.withheld, row.lost, row.entitlement));
        let said = super::outcomes::said(conn, &self.workshop.keys, row, number)?;
        let base = DeliveryView {
            id,
            office: made.office.as_deref().and_then(|office| OfficeId::parse(office).ok()),
            system: made.system.clone(),
            how: made.how,
            action: made.action,
            lane: made.lane,
            state: made.state,
            code: made.code.clone(),
            why: made.why.clone(),
            attempts: 0,
            due: None,
            settled_at: None,
            note: None,
            withheld,
            lost,
            entitlement,
            outcomes: said,
            cases: made.cases(&row.head),
        };
        Ok(match (open, settled) {
            (Some(open), _) => DeliveryView {
                action: open.action,
                state: open.state,
                code: open.code,
                attempts: open.attempts,
                due: open.due.filter(|_| open.state == State::Retrying).or(open.deadline),
                note: open.note,
                ..base
            },
            (None, Some(settled)) => DeliveryView {
                action: settled.action,
                state: settled.state,
                code: settled.code,
                attempts: settled.attempts,
                settled_at: Some(settled.at),
                note: settled.note,
                ..base
            },
            (None, None) => return Err(damaged("delivery", id)),
        })
    }

    pub(super) fn find_messages(&self, filter: &MessageFilter) -> Result<Vec<MessageView>, JournalError> {
        self.readers.with(|conn| {
            let mut after = match filter.after {
                Some(id) => read::seq_of(conn, id)?.unwrap_or(0),
                None => 0,
            };
            if let Some(since) = filter.since {
                after = after.max(before(conn, since)?);
            }
            let mut found = Vec::new();
            let mut looked = 0;
            while found.len() < filter.limit && looked < LOOKED_THROUGH {
                let seqs = self.candidates(conn, filter, after)?;
                let Some(last) = seqs.last() else { break };
                after = *last;
                looked += seqs.len();
                for seq in seqs {
                    if let Some(view) = self.view(conn, seq)?.filter(|view| matches(filter, view)) {
                        found.push(view);
                    }
                    if found.len() >= filter.limit {
                        break;
                    }
                }
            }
            Ok(found)
        })
    }

    /// The next messages that may match, oldest first, by the narrowest of the indexes.
    fn candidates(&self, conn: &Connection, filter: &MessageFilter, after: u64) -> Result<Vec<u64>, JournalError> {
        const CHUNK: usize = 256;
        let blind = &self.workshop.blind;
        let above = |hash| self.index.above(conn, hash, after, CHUNK);
        if let (Some(party), Some(event)) = (&filter.party, &filter.event) {
            let key = IdempotencyKey::Event(event.clone());
            let mut all = Vec::new();
            for kind in self.kinds.read().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
                all.extend(above(blind.named(party, kind, &key))?);
            }
            all.sort_unstable();
            return Ok(all);
        }
        if let Some(case) = &filter.case {
            return above(blind.hash("case", &[case.as_str()]));
        }
        if let Some(rule) = &filter.rule {
            return above(blind.hash("rule", &[rule]));
        }
        // What is not settled is a small part of everything: the queue knows it.
        let settled = [State::Delivered, State::Rejected, State::Superseded, State::Recalled];
        let queued = !filter.states.is_empty() && !filter.states.iter().any(|state| settled.contains(state));
        if let Some(party) = filter.party.as_ref().filter(|_| !queued) {
            return above(blind.hash("party", &[party]));
        }
        let sql = if queued {
            "SELECT number >> 16 FROM open WHERE number >= (?1 + 1) << 16 ORDER BY number LIMIT ?2"
        } else {
            "SELECT seq FROM message WHERE seq > ?1 ORDER BY seq LIMIT ?2"
        };
        let mut rows = conn.prepare_cached(sql).map_err(storage)?;
        let rows = rows
            .query_map(params![signed(after), signed(CHUNK as u64)], |row| row.get::<_, i64>(0))
            .map_err(storage)?;
        let mut seqs: Vec<u64> = rows.map(|seq| seq.map(unsigned).map_err(storage)).collect::<Result<_, _>>()?;
        seqs.dedup();
        Ok(seqs)
    }

    pub(super) fn read_payload(&self, id: MessageId) -> Result<Option<Payload>, JournalError> {
        self.readers.with(|conn| {
            let Some(seq) = read::seq_of(conn, id)? else { return Ok(None) };
            if super::prune::pruned_at(conn, seq)?.is_some() {
                return Ok(None);
            }
            let Some(row) = read::full_row(conn, seq)? else { return Ok(None) };
            let Some(key) = data_key(conn, &self.workshop.keys, seq, &row)? else { return Ok(None) };
            let (original, shared) = self.open_payload(&row, &key)?;
            let replaced_by = read::next_version(conn, seq)?.map(|next| read::id_of(conn, next)).transpose()?.flatten();
            Ok(Some(Payload { head: row.head.head(row.id, replaced_by)?, original, shared }))
        })
    }

    pub(super) fn read_snapshot(&self, ask: &SnapshotAsk) -> Result<Snapshot, JournalError> {
        // Before the look: what is committed after this is news.
        let news = self.seen.load(Ordering::Acquire);
        self.readers.with(|conn| {
            // Before any look at the index, for the same reason: what is committed is in it.
            let upto = if ask.papers.is_empty() { 0 } else { newest(conn)? };
            let (links, parted) = self.joints(conn, &ask.cases)?;
            let mut unknown = Vec::new();
            for key in &ask.cases {
                if !self.index.has(conn, self.workshop.blind.hash("case", &[key.as_str()]))? {
                    unknown.push(key.clone());
                }
            }
            let see = |id: Option<MessageId>| match id.map(|id| read::seq_of(conn, id)).transpose()?.flatten() {
                Some(seq) => self.view(conn, seq),
                None => Ok(None),
            };
            let replaced = see(ask.replaces)?;
            let delivered = see(ask.delivery.map(DeliveryId::message))?;
            let held = self.held(conn, &ask.persons)?;
            let parties = self.parties(conn, &ask.threads, &links.around(&ask.cases))?;
            let papers = self.papers(conn, ask, &links);
            let at = self.clock.now();
            Ok(Snapshot { at, news, links, parted, held, parties, unknown, replaced, delivered, papers, upto })
        })
    }
}

/// The last message that was surely accepted before a moment. Ids begin with their milliseconds (RFC 9562 section 5.7);
/// messages are numbered when they commit, a little later, so that a second of grace is given.
pub(super) fn before(conn: &Connection, since: crate::clock::Timestamp) -> Result<u64, JournalError> {
    let millis = u128::try_from(since.millis().saturating_sub(1000)).unwrap_or(0);
    let floor = (millis << 80).to_be_bytes();
    let sql = "SELECT min(seq) FROM (SELECT seq FROM message WHERE id >= ?1 ORDER BY id LIMIT 1000)";
    let first: Option<i64> = conn
        .prepare_cached(sql)
        .and_then(|mut rows| rows.query_row(params![floor], |row| row.get(0)))
        .map_err(storage)?;
    let Some(first) = first else {
        return newest(conn);
    };
    Ok(unsigned(first).saturating_sub(1))
}

/// The newest message's number; 0 where there is none.
fn newest(conn: &Connection) -> Result<u64, JournalError> {
    let mut rows = conn.prepare_cached("SELECT max(seq) FROM message").map_err(storage)?;
    let last: Option<i64> = rows.query_row([], |row| row.get(0)).map_err(storage)?;
    Ok(last.map_or(0, unsigned))
}

fn matches(filter: &MessageFilter, view: &MessageView) -> bool {
    let party = filter.party.as_ref().is_none_or(|party| {
        view.head.system == *party || view.deliveries.iter().any(|delivery| delivery.system == *party)
    });
    let event = filter.event.as_ref().is_none_or(|event| {
        view.head.event.as_ref() == Some(event) && filter.party.as_ref().is_none_or(|party| view.head.system == *party)
    });
    let case = filter.case.as_ref().is_none_or(|case| view.head.cases.contains(case));
    let rule = filter.rule.as_ref().is_none_or(|rule| view.head.rules.contains(rule));
    let since = filter.since.is_none_or(|since| view.head.accepted_at >= since);
    let states = filter.states.is_empty() || view.deliveries.iter().any(|one| filter.states.contains(&one.state));
    party && event && case && rule && since && states
}

/// The state that a counter's name ends with.
pub(super) fn counted(name: &str) -> Option<(String, String, State)> {
    let mut parts = name.rsplitn(3, '/');
    let (state, kind, system) = (parts.next()?, parts.next()?, parts.next()?);
    Some((system.to_owned(), kind.to_owned(), words::state_of(state)?))
}
