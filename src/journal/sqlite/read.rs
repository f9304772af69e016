//! Reading rows: a few connections that only read, and the functions by which readers and the writer look at messages.
//! No reader keeps a snapshot: each use is one short look. Every row is checked against its guard.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::JournalError;
use super::index::{signed, unsigned};
use super::prepare::GuardedRow;
use super::rows::{HeadRow, checked, damaged};
use super::sums::VERSION;
use super::tables::{open_reader, storage};
use crate::identifiers::MessageId;

/// Connections kept for the next reader.
const KEPT: usize = 4;

/// The read pool.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()) }
    }

    /// One short look at the store.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Connection) -> Result<T, JournalError>) -> Result<T, JournalError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => open_reader(&self.path)?,
        };
        let result = in_one_state(&conn, look)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(conn);
        }
        result
    }
}

/// Every statement of one look sees the same state of the store: a delivery that moves from `open` to `settled` between
/// two of them would otherwise be in neither. The outer error means that the connection is good for nothing any more.
pub(super) fn in_one_state<T>(
    conn: &Connection,
    look: impl FnOnce(&Connection) -> Result<T, JournalError>,
) -> Result<Result<T, JournalError>, JournalError> {
    let step = |sql| conn.prepare_cached(sql).and_then(|mut step| step.execute([])).map_err(storage);
    step("BEGIN DEFERRED")?;
    let result = look(conn);
    step("COMMIT")?;
    Ok(result)
}

/// A message's row, with as much of it as was asked for.
#[derive(Debug)]
pub(super) struct MessageRow {
    pub(super) id: MessageId,
    pub(super) leaf: u64,
    pub(super) head: HeadRow,
    pub(super) wrapped: Vec<u8>,
    /// Hashes for the index, where the payloads were asked for too.
    pub(super) keys: Option<Vec<u8>>,
    pub(super) private: Option<Vec<u8>>,
    pub(super) original: Option<Vec<u8>>,
    pub(super) shared: Option<Vec<u8>>,
}

/// The sequence number of a message.
pub(super) fn seq_of(conn: &Connection, id: MessageId) -> Result<Option<u64>, JournalError> {
    let mut rows = conn.prepare_cached("SELECT seq FROM message WHERE id = ?1").map_err(storage)?;
    let seq: Option<i64> = rows.query_row(params![id.bytes()], |row| row.get(0)).optional().map_err(storage)?;
    Ok(seq.map(unsigned))
}

/// A message's row without its payloads.
pub(super) fn head_row(conn: &Connection, seq: u64) -> Result<Option<MessageRow>, JournalError> {
    let sql = "SELECT seq, id, leaf, head, guard, wrapped, keys, private FROM message WHERE seq = ?1";
    one(conn, sql, seq, false)
}

/// A message's row with its payloads, still sealed.
pub(super) fn full_row(conn: &Connection, seq: u64) -> Result<Option<MessageRow>, JournalError> {
    let sql = "SELECT seq, id, leaf, head, guard, wrapped, keys, private, original, shared FROM message WHERE seq = ?1";
    one(conn, sql, seq, true)
}

fn one(conn: &Connection, sql: &str, seq: u64, full: bool) -> Result<Option<MessageRow>, JournalError> {
    let mut rows = conn.prepare_cached(sql).map_err(storage)?;
    let mut rows = rows.query(params![signed(seq)]).map_err(storage)?;
    match rows.next().map_err(storage)? {
        Some(row) => parse(row, seq, full).map(Some),
        None => Ok(None),
    }
}

fn parse(row: &Row<'_>, seq: u64, full: bool) -> Result<MessageRow, JournalError> {
    let bad = || damaged("message row", seq);
    let id: [u8; 16] = blob(row, 1)?.ok_or_else(bad)?.try_into().map_err(|_| bad())?;
    let id = MessageId::from_bytes(id);
    let head = blob(row, 3)?.ok_or_else(bad)?;
    let said: i64 = row.get(4).map_err(|_| bad())?;
    let wrapped = blob(row, 5)?.ok_or_else(bad)?;
    let keys = blob(row, 6)?.ok_or_else(bad)?;
    let private = blob(row, 7)?;
    let leaf = unsigned(row.get(2).map_err(|_| bad())?);
    if !(GuardedRow { seq, leaf, id, head, wrapped, keys, private }).is_sound(said) {
        return Err(bad());
    }
    Ok(MessageRow {
        id,
        leaf,
        head: serde_json::from_slice(head).map_err(|_| bad())?,
        wrapped: wrapped.to_vec(),
        keys: full.then(|| keys.to_vec()),
        private: private.map(<[u8]>::to_vec),
        original: if full { blob(row, 8)?.map(<[u8]>::to_vec) } else { None },
        shared: if full { blob(row, 9)?.map(<[u8]>::to_vec) } else { None },
    })
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a [u8]>, JournalError> {
    match row.get_ref(column).map_err(storage)? {
        ValueRef::Null => Ok(None),
        ValueRef::Blob(bytes) => Ok(Some(bytes)),
        _ => Err(damaged("message column", column)),
    }
}

/// The next version of a message, if there is one.
pub(super) fn next_version(conn: &Connection, seq: u64) -> Result<Option<u64>, JournalError> {
    let sql = format!("SELECT next FROM version WHERE seq = ?1 AND {}", VERSION.sound());
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let next: Option<i64> = rows.query_row(params![signed(seq)], |row| row.get(0)).optional().map_err(storage)?;
    Ok(next.map(unsigned))
}

/// The newest version of a message.
pub(super) fn newest(conn: &Connection, mut seq: u64) -> Result<u64, JournalError> {
    // Versions point forward only, so that this ends; a damaged row that points back is not followed.
    while let Some(next) = next_version(conn, seq)?.filter(|next| *next > seq) {
        seq = next;
    }
    Ok(seq)
}

/// The id of a message.
pub(super) fn id_of(conn: &Connection, seq: u64) -> Result<Option<MessageId>, JournalError> {
    let mut rows = conn.prepare_cached("SELECT id FROM message WHERE seq = ?1").map_err(storage)?;
    let id: Option<[u8; 16]> = rows.query_row(params![signed(seq)], |row| row.get(0)).optional().map_err(storage)?;
    Ok(id.map(MessageId::from_bytes))
}

/// A guarded row of a table with columns `number, row, guard`.
pub(super) fn guarded_row<T: serde::de::DeserializeOwned>(
    conn: &Connection,
    table: &str,
    number: u64,
) -> Result<Option<T>, JournalError> {
    let mut rows =
        conn.prepare_cached(&format!("SELECT row, guard FROM {table} WHERE number = ?1")).map_err(storage)?;
    let mut rows = rows.query(params![signed(number)]).map_err(storage)?;
    let Some(row) = rows.next().map_err(storage)? else { return Ok(None) };
    let bytes = blob(row, 0)?.ok_or_else(|| damaged(table, number))?;
    checked(table, number, bytes, row.get(1).map_err(storage)?).map(Some)
}

/// Deliveries of a message that were made after its acceptance.
pub(super) fn added(conn: &Connection, seq: u64) -> Result<Vec<u64>, JournalError> {
    let mut rows = conn
        .prepare_cached("SELECT number FROM added WHERE number BETWEEN ?1 AND ?2 ORDER BY number")
        .map_err(storage)?;
    let all = rows
        .query_map(params![signed(seq << 16), signed((seq << 16) | 0xffff)], |row| row.get::<_, i64>(0))
        .map_err(storage)?;
    all.map(|number| number.map(unsigned).map_err(storage)).collect()
}
