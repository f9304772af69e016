//! What a start looks at before the store is used: that the file is as long as it says, that nothing is known to have come
//! after its end, and the last thousand rows of every table. It must be quick; `verify` looks at everything.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use icjs_proof::tree;
use rusqlite::{Connection, params};

use super::super::JournalError;
use super::index::{signed, unsigned};
use super::mark::Reached;
use super::read;
use super::rows::{damaged, guard};
use super::sums::SUMMED;
use super::tables::{damaged_schema, storage};

/// Rows of each table that are looked at.
const LAST: u64 = 1000;
/// Tables with columns `number, row, guard`.
pub(super) const GUARDED: [&str; 7] = ["open", "settled", "frozen", "added", "moved", "alert", "awaited"];
/// How every file of the engine begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The head of the file, before the engine opens it: one that is no store, or was cut off, would be taken for a new or a
/// smaller one.
pub(super) fn file(path: &Path) -> Result<(), JournalError> {
    let io = |error: std::io::Error| JournalError::Storage(format!("`{}`: {error}", path.display()));
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(io)?,
    };
    let about = file.metadata().map_err(io)?;
    let length = about.len();
    if !about.is_file() {
        let what = format!("unable to open database file `{}`: it is a folder or a device", path.display());
        return Err(JournalError::Storage(what));
    }
    if length == 0 {
        return Ok(());
    }
    let mut head = [0; 32];
    let whole = file.read_exact(&mut head).is_ok() && head.starts_with(MAGIC);
    let number = |at: usize, length: usize| {
        head.iter().skip(at).take(length).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte))
    };
    // The largest page, of 65,536 bytes, is written as 1.
    let page = if number(16, 2) == 1 { 65_536 } else { number(16, 2) };
    let pages = number(28, 4);
    if !whole || page < 512 || !page.is_power_of_two() {
        return Err(damaged("head of file", path.display()));
    }
    // With a log beside it the file may be shorter: its pages may lie there yet.
    let logged = std::fs::metadata(path.with_file_name("journal.db-wal")).is_ok_and(|log| log.len() > 0);
    if !logged && length < pages * page {
        let what = format!("end of file `{}`: {pages} pages of {page} bytes, and {length} bytes", path.display());
        return Err(JournalError::Damaged(what));
    }
    Ok(())
}

/// The definitions of the tables.
pub(super) fn schema(conn: &Connection) -> Result<(), JournalError> {
    damaged_schema(conn)?.into_iter().next().map_or(Ok(()), |what| Err(JournalError::Damaged(what)))
}

/// How far the store says that it came.
pub(super) fn reached(conn: &Connection) -> Result<Reached, JournalError> {
    Ok(Reached {
        commits: last(conn, "SELECT max(value) FROM meta WHERE name = 'commits'")?,
        messages: last(conn, "SELECT max(seq) FROM message")?,
    })
}

/// The last rows of each table.
pub(super) fn tail(conn: &Connection) -> Result<(), JournalError> {
    for table in SUMMED {
        let (name, sound) = (table.table, table.sound());
        let key = table.key();
        let order = if matches!(name, "orders" | "cause") { "number" } else { key };
        let sql = format!(
            "SELECT count(*) FROM (SELECT {sound} AS is_sound FROM {name} ORDER BY {order} DESC LIMIT {LAST}) WHERE is_sound"
        );
        conn.query_row(&sql, [], |_| Ok(())).map_err(storage)?;
    }
    for table in GUARDED {
        let last: Option<i64> =
            conn.query_row(&format!("SELECT max(number) FROM {table}"), [], |row| row.get(0)).map_err(storage)?;
        if last.is_some() {
            guarded(conn, table, 0, Some(LAST), &mut Err)?;
        }
    }
    let last = last(conn, "SELECT max(seq) FROM message")?;
    for seq in last.saturating_sub(LAST - 1).max(1)..=last {
        message(conn, seq)?;
    }
    let sql = "SELECT number, body, hash FROM leaf ORDER BY number DESC LIMIT ?1";
    leaves(conn, sql, params![signed(LAST)], &mut Err).map(drop)
}

fn last(conn: &Connection, sql: &str) -> Result<u64, JournalError> {
    let last: Option<i64> = conn.query_row(sql, [], |row| row.get(0)).map_err(storage)?;
    Ok(last.map_or(0, unsigned))
}

/// A message's clear row and the leaf that it names. Numbers have no gaps.
fn message(conn: &Connection, seq: u64) -> Result<(), JournalError> {
    let row = read::head_row(conn, seq)?.ok_or_else(|| damaged("message row", seq))?;
    let sql = "SELECT 1 FROM leaf WHERE number = ?1";
    let there =
        conn.prepare_cached(sql).and_then(|mut rows| rows.exists(params![signed(row.leaf)])).map_err(storage)?;
    if there { Ok(()) } else { Err(damaged("leaf", row.leaf)) }
}

/// What is done about a row that is not as it was written: ends the look, or notes it.
pub(super) type Found<'a> = dyn FnMut(JournalError) -> Result<(), JournalError> + 'a;

/// Rows of a table with columns `number, row, guard`, by number above one, or the last so many. The last number.
pub(super) fn guarded(
    conn: &Connection,
    table: &str,
    above: u64,
    last: Option<u64>,
    found: &mut Found<'_>,
) -> Result<Option<u64>, JournalError> {
    let order = if last.is_some() { "DESC" } else { "ASC" };
    let limit = last.unwrap_or(LAST);
    let sql = format!("SELECT number, row, guard FROM {table} WHERE number > ?1 ORDER BY number {order} LIMIT {limit}");
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let mut rows = rows.query(params![signed(above)]).map_err(storage)?;
    let mut end = None;
    while let Some(row) = rows.next().map_err(storage)? {
        let number = unsigned(row.get(0).map_err(storage)?);
        let bytes = row.get_ref(1).ok().and_then(|row| row.as_blob().ok()).unwrap_or_default();
        if row.get::<_, i64>(2).ok() != Some(guard(&number.to_be_bytes(), &[bytes])) {
            found(damaged(table, number))?;
        }
        end = Some(number);
    }
    Ok(end)
}

/// Leaves in the order of the statement: each under its own hash, with no gap. The last number.
pub(super) fn leaves(
    conn: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    found: &mut Found<'_>,
) -> Result<Option<u64>, JournalError> {
    let mut rows = conn.prepare_cached(sql).map_err(storage)?;
    let mut rows = rows.query(values).map_err(storage)?;
    let mut before: Option<u64> = None;
    while let Some(row) = rows.next().map_err(storage)? {
        let number = unsigned(row.get(0).map_err(storage)?);
        let part = |column| row.get_ref(column).ok().and_then(|part| part.as_blob().ok()).unwrap_or_default();
        if part(2) != tree::leaf(part(1)) {
            found(damaged("leaf", number))?;
        }
        if before.is_some_and(|before| before.abs_diff(number) != 1) {
            found(damaged("leaf before", number))?;
        }
        before = Some(number);
    }
    Ok(before)
}
