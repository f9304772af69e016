//! Readings in the store: one row each, its words sealed under a key of its own, numbered in order. They are looked for by
//! opening them, newest first: few people ask, and an index of officers and cases would say who reads what.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::super::reading::marks;
use super::super::{JournalError, Reading, ReadingFilter, ReadingVerb, Readings};
use super::SqliteJournal;
use super::acts::READ;
use super::index::{signed, unsigned};
use super::rows::{damaged, json, pack, sealing, unpack};
use super::store::Store;
use super::sums::READING;
use super::tables::storage;
use crate::clock::Timestamp;
use crate::identifiers::MessageId;
use crate::seal::{self, MacKey, StoreKey};

/// Rows that one look opens at most; the caller goes on from there.
const LOOKED_THROUGH: i64 = 50_000;

/// The same reading once more within so many milliseconds is the one that is kept: who polls what he leaves unsettled would
/// fill the disk with one and the same row.
const SAME: i64 = 60_000;
/// Readings that are remembered for that.
const REMEMBERED: usize = 10_000;

/// The readings of the last minute by their digest: when, and which row.
#[derive(Debug, Default)]
pub(super) struct Noted(HashMap<[u8; 32], (i64, u64, MessageId)>);

/// A reading that is sealed once it is known what is given.
#[derive(Debug)]
pub(super) struct Unsealed {
    pub(super) reading: Reading,
    pub(super) keys: StoreKey,
}

impl Store {
    /// Writes one row, unless it was written within the last minute. A write must have begun.
    pub(super) fn note(&mut self, unsealed: &Unsealed) -> Result<(), JournalError> {
        let Unsealed { reading, keys } = unsealed;
        let digest = seal::sha256(&json(&Reading { at: 0, ..reading.clone() })?);
        if let Some((at, number, id)) = self.noted.0.get(&digest)
            && reading.at.abs_diff(*at) < SAME.unsigned_abs()
            && self.has_reading(*number, *id)?
        {
            return Ok(());
        }
        let id = MessageId::new(Timestamp::from_millis(reading.at));
        let (key, wrapped) = keys.data_key().map_err(|_| sealing())?;
        let sealed = pack(&key, "reading", id, &json(reading)?)?;
        let number = self.last("SELECT max(number) FROM reading")? + 1;
        let row = params![signed(number), reading.at, reading.system, id.bytes(), wrapped, sealed];
        self.run(&READING.insert(), row)?;
        let system = (!reading.system.is_empty()).then_some(reading.system.as_ref());
        self.did(&READ, &number.to_string(), system, Timestamp::from_millis(reading.at))?;
        if self.noted.0.len() >= REMEMBERED {
            self.noted.0.retain(|_, (at, ..)| reading.at.abs_diff(*at) < SAME.unsigned_abs());
        }
        if self.noted.0.len() >= REMEMBERED {
            self.noted.0.clear();
        }
        self.noted.0.insert(digest, (reading.at, number, id));
        Ok(())
    }

    /// Whether the row is there: what was rolled back was never noted.
    fn has_reading(&self, number: u64, id: MessageId) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM reading WHERE number = ?1 AND id = ?2)";
        let mut row = self.conn.prepare_cached(sql).map_err(storage)?;
        row.query_row(params![signed(number), id.bytes()], |row| row.get(0)).map_err(storage)
    }

    /// Drops what is older, some of it; the newest stays, so that no number is given twice.
    pub(super) fn prune_readings(&self, before: Option<Timestamp>, limit: usize) -> Result<u64, JournalError> {
        let Some(before) = before else { return Ok(0) };
        let sql = "DELETE FROM reading WHERE number IN
                   (SELECT number FROM reading WHERE at < ?1 AND number < (SELECT max(number) FROM reading) LIMIT ?2)";
        let mut rows = self.conn.prepare_cached(sql).map_err(storage)?;
        let gone = rows.execute(params![before.millis(), signed(limit as u64)]).map_err(storage)?;
        Ok(gone as u64)
    }
}

impl SqliteJournal {
    /// What a call gives, to be noted with it.
    pub(super) fn unsealed(&self, reading: Reading) -> Unsealed {
        Unsealed { reading, keys: self.workshop.keys.clone() }
    }

    pub(super) async fn over_readings(&self, verb: ReadingVerb) -> Result<Readings, JournalError> {
        match verb {
            ReadingVerb::Note(reading) => {
                let unsealed = self.unsealed(*reading);
                self.writer
                    .run(move |store| {
                        store.write()?;
                        store.note(&unsealed)
                    })
                    .await?;
                Ok(Readings::default())
            }
            ReadingVerb::List(filter) => self.readers.with(|conn| list(conn, &self.workshop.keys, &filter)),
        }
    }
}

fn list(conn: &Connection, keys: &StoreKey, filter: &ReadingFilter) -> Result<Readings, JournalError> {
    let sql = format!(
        "SELECT number, id, wrapped, sealed FROM reading
         WHERE number < ?1 AND at >= ?2 AND (?3 IS NULL OR system = ?3) AND {} ORDER BY number DESC LIMIT ?4",
        READING.sound()
    );
    let marks = marks(keys);
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let before = filter.before.map_or(i64::MAX, signed);
    let since = filter.since.map_or(i64::MIN, Timestamp::millis);
    let asked = params![before, since, filter.system, LOOKED_THROUGH];
    let mut rows = rows.query(asked).map_err(storage)?;
    let (mut found, mut looked) = (Readings::default(), 0);
    while let Some(row) = rows.next().map_err(storage)? {
        let number = unsigned(row.get(0).map_err(storage)?);
        looked += 1;
        let (id, wrapped, sealed): ([u8; 16], Vec<u8>, Vec<u8>) =
            (row.get(1).map_err(storage)?, row.get(2).map_err(storage)?, row.get(3).map_err(storage)?);
        let id = MessageId::from_bytes(id);
        let wrong = || damaged("reading", id);
        let key = keys.unwrap(&wrapped).map_err(|_| wrong())?;
        let reading: Reading = serde_json::from_slice(&unpack(&key, "reading", id, &sealed)?).map_err(|_| wrong())?;
        if fits(&reading, filter, &marks) {
            found.rows.push((number, reading));
        }
        if found.rows.len() >= filter.limit || looked >= LOOKED_THROUGH {
            found.next = Some(number);
            break;
        }
    }
    Ok(found)
}

fn fits(reading: &Reading, filter: &ReadingFilter, marks: &MacKey) -> bool {
    filter.officer.as_deref().is_none_or(|id| reading.officer_id() == Some(id))
        && filter.reader.as_ref().is_none_or(|mark| reading.mark(marks).as_ref() == Some(mark))
        && filter.case.as_ref().is_none_or(|case| reading.case.as_ref() == Some(case))
}
