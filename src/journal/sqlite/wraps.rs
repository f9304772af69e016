//! Which keys open what. The store's key wraps a random key for each case (`case_key`); the key of a case wraps the data keys of
//! the case's records, and a record's data key seals everything of it: original, shared form, bytes that left, words of people,
//! what receivers said. A record of several cases has its key wrapped by each and lives as long as one of them; one of none has
//! a holder of its own. So a case is made unreadable by overwriting its keys (`erase`), however many records it has, and the
//! wraps can be kept out of a backup of the payloads (`apart`).
//!
//! A record's column `wrapped` has for each of its first `MOST` cases, in the order of its head, the number of the message that
//! brought the key (0: itself), its place in that message's row of `case_key`, and the data key under it. So the key of a case
//! is found by the index of cases that is there anyway, and rows are added at the right edge only: a random index would cost
//! more than all else, and pages that split would keep copies of what is later destroyed. Two records that bring one case at
//! once each make a key for it; whoever destroys looks at every record of the case. Of what was written before format 6,
//! `wrapped` is the data key under the store's own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::super::JournalError;
use super::SqliteJournal;
use super::index::{signed, unsigned};
use super::read::{self, MessageRow};
use super::rows::{HeadRow, damaged, sealing};
use super::store::Store;
use super::sums::{CASE_KEY, FILE_KEY, META};
use super::tables::storage;
use crate::identifiers::CaseKey;
use crate::journal::uploads::NAME;
use crate::seal::{DataKey, StoreKey, WRAPPED_KEY_LEN as WRAP, WrapKey};

/// Cases of one record that hold its key.
const MOST: usize = 64;
/// Bytes that `wrapped` has for each: a message's number, a place, a wrap.
const HELD: usize = 8 + 1 + WRAP;
/// Keys of cases that are remembered for the next record; beyond it all are forgotten.
const REMEMBERED: usize = 4096;
/// Records of a case, the newest first, that are looked at for its key.
const LOOKED_AT: usize = 4;
/// In `meta`: the wraps are not in this file.
pub(super) const APART: &str = "wraps apart";

/// Where the key of a case lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The message that brought it.
    pub(super) seq: u64,
    /// Among those that it brought.
    pub(super) nth: u8,
}

/// The key of one case of a record that is being made.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    key: Arc<WrapKey>,
    at: At,
}

#[derive(Clone, Debug)]
enum At {
    Kept(Place),
    /// Wrapped, to be kept with the record.
    New(Vec<u8>),
}

/// A record's data key under its holders.
#[derive(Debug, Default)]
pub(super) struct Wraps {
    /// For the record's row.
    pub(super) wrapped: Vec<u8>,
    /// The record's row of `case_key`; empty where it brings none.
    pub(super) brought: Vec<u8>,
}

/// Keys of cases by case, for the next record.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<CaseKey, (Place, Arc<WrapKey>)>>);

impl Known {
    fn find(&self, case: &CaseKey) -> Option<Holder> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(case).map(|(place, key)| Holder { key: Arc::clone(key), at: At::Kept(*place) })
    }

    fn remember(&self, case: &CaseKey, place: Place, key: &Arc<WrapKey>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(case.clone(), (place, Arc::clone(key)));
    }

    /// Nothing is known any more: keys were destroyed.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A new data key under these holders.
pub(super) fn record_key(holders: &[Holder]) -> Result<(DataKey, Wraps), JournalError> {
    let (key, under) = DataKey::wrapped_by(holders.iter().map(|holder| &*holder.key)).map_err(|_| sealing())?;
    let mut wraps = Wraps::default();
    for (holder, wrap) in holders.iter().zip(under) {
        let place = match &holder.at {
            At::Kept(place) => *place,
            At::New(wrapped) => {
                let nth = u8::try_from(wraps.brought.len() / WRAP).unwrap_or(u8::MAX);
                wraps.brought.extend_from_slice(wrapped);
                Place { seq: 0, nth }
            }
        };
        wraps.wrapped.extend_from_slice(&place.seq.to_be_bytes());
        wraps.wrapped.push(place.nth);
        wraps.wrapped.extend_from_slice(&wrap);
    }
    Ok((key, wraps))
}

/// The cases that hold a record's key, in order; none where it has a holder of its own.
pub(super) fn holding(head: &HeadRow) -> Vec<CaseKey> {
    let cases = head.cases.iter().filter_map(|key| CaseKey::parse(key)).filter(|key| !key.is_item());
    cases.take(MOST).collect()
}

/// The holders of the record `seq` with its data key under each; `None`: one of an older format.
pub(super) fn held(wrapped: &[u8], seq: u64) -> Option<Vec<(Place, &[u8])>> {
    if wrapped.len() == WRAP {
        return None;
    }
    let one = |held: &'_ [u8]| -> Option<Place> {
        let brought = u64::from_be_bytes(held.get(..8)?.try_into().ok()?);
        Some(Place { seq: if brought == 0 { seq } else { brought }, nth: *held.get(8)? })
    };
    Some(wrapped.chunks_exact(HELD).filter_map(|held| Some((one(held)?, held.get(9..)?))).collect())
}

/// The key of a case as it lies in its row; `None`: it was destroyed.
pub(super) fn slot(conn: &Connection, place: Place) -> Result<Option<Vec<u8>>, JournalError> {
    let row = case_row(conn, place.seq)?;
    let from = usize::from(place.nth) * WRAP;
    let wrap = row.as_deref().and_then(|row| row.get(from..from + WRAP));
    let wrap = wrap.ok_or_else(|| damaged("keys of cases of message row", place.seq))?;
    Ok((!is_destroyed(wrap)).then(|| wrap.to_vec()))
}

fn case_row(conn: &Connection, seq: u64) -> Result<Option<Vec<u8>>, JournalError> {
    let sql = format!("SELECT wrapped FROM case_key WHERE seq = ?1 AND {}", CASE_KEY.sound());
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    rows.query_row(params![signed(seq)], |row| row.get(0)).optional().map_err(storage)
}

fn is_destroyed(wrap: &[u8]) -> bool {
    wrap.iter().all(|byte| *byte == 0)
}

/// The data key of the record `seq`; `None`: everything that held it was destroyed.
pub(super) fn data_key(
    conn: &Connection,
    keys: &StoreKey,
    seq: u64,
    row: &MessageRow,
) -> Result<Option<DataKey>, JournalError> {
    let wrong = |_| damaged("key of message", row.id);
    let Some(held) = held(&row.wrapped, seq) else {
        let alive = (!is_destroyed(&row.wrapped)).then_some(&row.wrapped);
        return alive.map(|wrapped| keys.unwrap(wrapped).map_err(wrong)).transpose();
    };
    for (place, under) in held {
        if let Some(wrap) = slot(conn, place)? {
            let holder = keys.unwrap_case(&wrap).map_err(wrong)?;
            return holder.unwrap(under).map(Some).map_err(wrong);
        }
    }
    Ok(None)
}

impl SqliteJournal {
    /// The data key of the record `seq`, which nobody has destroyed.
    pub(super) fn key_of(&self, conn: &Connection, seq: u64, row: &MessageRow) -> Result<DataKey, JournalError> {
        data_key(conn, &self.workshop.keys, seq, row)?
            .ok_or_else(|| damaged("key, which was destroyed, of message", row.id))
    }

    /// The data key of a delivery's record; `None`: it was destroyed.
    pub(super) fn key_of_delivered(&self, conn: &Connection, number: u64) -> Result<Option<DataKey>, JournalError> {
        let seq = number >> 16;
        let row = read::head_row(conn, seq)?.ok_or_else(|| damaged("message row", seq))?;
        data_key(conn, &self.workshop.keys, seq, &row)
    }

    /// Who holds the key of a record of these cases.
    pub(super) fn holders(&self, cases: &[CaseKey]) -> Result<Vec<Holder>, JournalError> {
        let mut holders = Vec::with_capacity(cases.len().max(1));
        for case in cases.iter().filter(|case| !case.is_item()).take(MOST) {
            let known = match self.known.find(case) {
                None => self.readers.with(|conn| self.case_key(conn, case))?,
                known => known,
            };
            holders.push(known.map_or_else(|| self.new_holder(), Ok)?);
        }
        if holders.is_empty() {
            holders.push(self.new_holder()?);
        }
        Ok(holders)
    }

    fn new_holder(&self) -> Result<Holder, JournalError> {
        let (key, wrapped) = self.workshop.keys.case_key().map_err(|_| sealing())?;
        Ok(Holder { key: Arc::new(key), at: At::New(wrapped) })
    }

    /// The key of a case by the newest records that brought it.
    fn case_key(&self, conn: &Connection, case: &CaseKey) -> Result<Option<Holder>, JournalError> {
        let hash = self.workshop.blind.hash("case", &[case.as_str()]);
        for seq in self.index.find(conn, hash, u64::MAX, LOOKED_AT)? {
            let Some(row) = read::head_row(conn, seq)? else { continue };
            let Some(held) = held(&row.wrapped, seq) else { continue };
            let nth = holding(&row.head).iter().position(|key| key == case);
            let Some((place, _)) = nth.and_then(|nth| held.get(nth)) else { continue };
            let Some(wrap) = slot(conn, *place)? else { continue };
            let key = self.workshop.keys.unwrap_case(&wrap).map_err(|_| damaged("key of case of message", row.id))?;
            let key = Arc::new(key);
            self.known.remember(case, *place, &key);
            return Ok(Some(Holder { key, at: At::Kept(*place) }));
        }
        Ok(None)
    }
}

impl Store {
    /// Keeps the keys of cases that a record brings.
    pub(super) fn put_case_keys(&self, seq: u64, wraps: &Wraps) -> Result<(), JournalError> {
        if wraps.brought.is_empty() {
            return Ok(());
        }
        self.run(&CASE_KEY.insert(), params![signed(seq), wraps.brought])
    }

    /// Overwrites the key of a case where it lies: a row of the same length stays in its place.
    pub(super) fn destroy(&self, place: Place) -> Result<(), JournalError> {
        let mut row = case_row(&self.conn, place.seq)?.unwrap_or_default();
        let from = usize::from(place.nth) * WRAP;
        row.get_mut(from..from + WRAP).unwrap_or_default().fill(0);
        let sql = format!("UPDATE case_key SET wrapped = ?2, guard = {} WHERE seq = ?1", CASE_KEY.sum("?1, ?2"));
        self.run(&sql, params![signed(place.seq), row])
    }

    /// Overwrites the wrap of an attachment's file; `key` as its row has it. The wrap of an older format lies in the row alone.
    pub(super) fn destroy_file_key(&self, key: &[u8]) -> Result<(), JournalError> {
        let Some(number) = number_of(key) else { return Ok(()) };
        let sql = format!("UPDATE file_key SET wrapped = ?2, guard = {} WHERE number = ?1", FILE_KEY.sum("?1, ?2"));
        self.run(&sql, params![signed(number), [0_u8; WRAP]])
    }

    /// What the row of an upload has of its file's key: name and number of the wrap, which is kept in a table of its own.
    /// `before`: what the row has now.
    pub(super) fn keep_file_key(&self, key: &[u8], before: Option<&[u8]>) -> Result<Vec<u8>, JournalError> {
        let Some((name, wrap)) = key.split_at_checked(NAME).filter(|(_, wrap)| wrap.len() == WRAP) else {
            return Ok(key.to_vec());
        };
        if let Some(before) = before.filter(|before| before.starts_with(name)) {
            return Ok(before.to_vec());
        }
        let number = self.last("SELECT max(number) FROM file_key")? + 1;
        self.run(&FILE_KEY.insert(), params![signed(number), wrap])?;
        Ok([name, number.to_be_bytes().as_slice()].concat())
    }
}

/// The number of a file's wrap.
fn number_of(key: &[u8]) -> Option<u64> {
    key.get(NAME..).filter(|_| key.len() == NAME + 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// The key of an attachment's file, name and wrap, from what its row has of it; `None`: it was destroyed.
pub(super) fn file_key(conn: &Connection, key: Vec<u8>) -> Result<Option<Vec<u8>>, JournalError> {
    let Some(number) = number_of(&key) else { return Ok(Some(key)) };
    let sql = format!("SELECT wrapped FROM file_key WHERE number = ?1 AND {}", FILE_KEY.sound());
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let wrap: Option<Vec<u8>> =
        rows.query_row(params![signed(number)], |row| row.get(0)).optional().map_err(storage)?;
    let wrap = wrap.ok_or_else(|| damaged("key of file", number))?;
    Ok((!is_destroyed(&wrap)).then(|| [key.get(..NAME).unwrap_or_default(), &wrap].concat()))
}

/// Whether the store's key is the one that the store was written with. A store that has no word of it yet gets one.
pub(super) fn check(conn: &Connection, keys: &StoreKey) -> Result<(), JournalError> {
    if are_apart(conn)? {
        return Err(JournalError::Storage(
            "the store was restored without its wraps: nothing in it can be read; restore it with `--wraps`".to_owned(),
        ));
    }
    match case_row(conn, 0)? {
        Some(row) => keys.unwrap_case(&row).map(drop).map_err(|_| JournalError::OtherKey),
        None => {
            let (_, wrapped) = keys.case_key().map_err(|_| sealing())?;
            conn.execute(&CASE_KEY.insert(), params![0, wrapped]).map(drop).map_err(storage)
        }
    }
}

/// Refuses a key that is not the one that the store was written with; one that the store has no word of is taken.
pub(super) fn fits(conn: &Connection, keys: &StoreKey) -> Result<(), JournalError> {
    let Ok(Some(row)) = case_row(conn, 0) else { return Ok(()) };
    keys.unwrap_case(&row).map(drop).map_err(|_| JournalError::OtherKey)
}

/// Whether the wraps of this store are kept elsewhere.
pub(super) fn are_apart(conn: &Connection) -> Result<bool, JournalError> {
    let sql = format!("SELECT value FROM meta WHERE name = ?1 AND {}", META.sound());
    let value: Option<i64> = conn.query_row(&sql, params![APART], |row| row.get(0)).optional().map_err(storage)?;
    Ok(value.is_some_and(|value| unsigned(value) == 1))
}
