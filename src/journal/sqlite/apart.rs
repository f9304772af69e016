//! The wraps of a store apart from it: a backup of the payloads has none, so that whoever has it, and the store's key, reads
//! nothing, and a case whose keys were destroyed since does not come back with it. They go into a file of their own, to be kept
//! elsewhere and only the newest of it; a backup and any later file of wraps fit together. The file: `MAGIC`; for each row its
//! table's place in `TABLES` (one byte), its number (eight) and length (four, both big-endian) and its bytes; the SHA-256 of all.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, params};

use super::super::{JournalError, durable};
use super::rows::damaged;
use super::sums::{self, CASE_KEY, FILE_KEY, META, Summed};
use super::tables::storage;
use super::wraps::APART;
use crate::seal::{self, Sha256};

const MAGIC: &[u8] = b"icjs wraps 1\n";
/// The tables, and which rows go: the one of number 0, which tells the store's key from another, opens nothing and stays.
const TABLES: [Summed; 2] = [CASE_KEY, FILE_KEY];
const WHICH: &str = "> 0";

/// Moves the wraps of a copied journal into the new file `to`. What the copy had of them is overwritten.
pub(super) fn take_apart(journal: &Path, to: &Path) -> Result<(), JournalError> {
    let conn = Connection::open(journal).map_err(storage)?;
    sums::install(&conn).map_err(storage)?;
    // Nothing of what goes may lie in a journal of the engine's either.
    conn.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA secure_delete = ON;").map_err(storage)?;
    // Durable there before it goes here.
    write(&conn, to)?;
    for table in TABLES {
        let (name, key) = (table.table, table.key());
        conn.execute_batch(&format!("DELETE FROM {name} WHERE {key} {WHICH}")).map_err(storage)?;
    }
    conn.execute(&META.replace(), params![APART, 1]).map_err(storage)?;
    conn.execute_batch("PRAGMA journal_mode = DELETE").map_err(storage)
}

fn write(conn: &Connection, to: &Path) -> Result<(), JournalError> {
    let failed = |error: io::Error| JournalError::Storage(format!("`{}`: {error}", to.display()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    let mut out = BufWriter::new(&file);
    let mut digest = Sha256::new();
    let mut put = |bytes: &[u8]| {
        digest.update(bytes);
        out.write_all(bytes).map_err(failed)
    };
    put(MAGIC)?;
    for (table, place) in TABLES.iter().zip(0_u8..) {
        let (name, key) = (table.table, table.key());
        let sql = format!("SELECT {key}, wrapped FROM {name} WHERE {key} {WHICH} AND {} ORDER BY {key}", table.sound());
        let mut rows = conn.prepare(&sql).map_err(storage)?;
        let mut rows = rows.query([]).map_err(storage)?;
        while let Some(row) = rows.next().map_err(storage)? {
            let (number, wrapped): (i64, Vec<u8>) = (row.get(0).map_err(storage)?, row.get(1).map_err(storage)?);
            put(&[place])?;
            put(&number.to_be_bytes())?;
            put(&u32::try_from(wrapped.len()).unwrap_or(u32::MAX).to_be_bytes())?;
            put(&wrapped)?;
        }
    }
    let end = digest.finish();
    out.write_all(&end).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    file.sync_all().and_then(|()| durable::sync_folders(to)).map_err(failed)
}

/// Puts the wraps of the file `from` back into a journal that nobody has open.
pub(super) fn put_back(journal: &Path, from: &Path) -> Result<(), JournalError> {
    let text = fs::read(from).map_err(|error| JournalError::Storage(format!("`{}`: {error}", from.display())))?;
    let wrong = || damaged("file of wraps", from.display());
    let (body, end) = text.split_last_chunk::<32>().ok_or_else(wrong)?;
    let mut rest = body.strip_prefix(MAGIC).filter(|_| seal::sha256(body) == *end).ok_or_else(wrong)?;
    let mut conn = Connection::open(journal).map_err(storage)?;
    sums::install(&conn).map_err(storage)?;
    let all = conn.transaction().map_err(storage)?;
    while !rest.is_empty() {
        let (place, after) = rest.split_first().ok_or_else(wrong)?;
        let (number, after) = after.split_first_chunk::<8>().ok_or_else(wrong)?;
        let (length, after) = after.split_first_chunk::<4>().ok_or_else(wrong)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (wrapped, after) = after.split_at_checked(length).ok_or_else(wrong)?;
        let table = TABLES.get(usize::from(*place)).ok_or_else(wrong)?;
        let mut insert = all.prepare_cached(&table.replace()).map_err(storage)?;
        insert.execute(params![i64::from_be_bytes(*number), wrapped]).map_err(storage)?;
        rest = after;
    }
    all.execute(&META.replace(), params![APART, 0]).map_err(storage)?;
    all.commit().map_err(storage)
}
