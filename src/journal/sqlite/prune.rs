//! Pruning: of a record that is old and settled the payload goes (what was received, its shared form, the bytes that left),
//! and its row, its deliveries, outcomes, leaf and stored answer stay. In small batches; what is not settled, and what another
//! record needs, is never touched. A row in `pruned` says that it was done, so that nobody takes it for damage.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::{JournalError, Prune, Pruned};
use super::SqliteJournal;
use super::index::{signed, unsigned};
use super::read;
use super::rows::SettledRow;
use super::store::Store;
use super::sums::{PRUNED, UPLOAD};
use super::tables::storage;
use crate::clock::Timestamp;
use crate::identifiers::MessageId;

const DAY_MILLIS: i64 = 86_400_000;

/// What a batch found: the answer, and the messages whose files go now.
type Batch = (Pruned, Vec<MessageId>);

impl Store {
    fn prune(&mut self, ask: &Prune, seqs: Vec<u64>) -> Result<Batch, JournalError> {
        let mut found = Pruned {
            upto: seqs.last().copied().unwrap_or(ask.after),
            done: seqs.len() < ask.limit,
            ..Pruned::default()
        };
        let mut gone = Vec::new();
        if !ask.dry {
            self.write()?;
            found.refusals = self.prune_refusals(ask)?;
            found.readings = self.prune_readings(ask.readings, ask.limit)?;
        }
        for seq in seqs {
            let row = match read::head_row(&self.conn, seq) {
                Ok(Some(row)) => row,
                // Damage is for `verify` to name, and nothing that is damaged is thrown away.
                Ok(None) | Err(JournalError::Damaged(_)) => continue,
                Err(error) => return Err(error),
            };
            if ask.payloads.is_none_or(|before| row.head.accepted_at >= before) {
                found.done |= ask.payloads.is_none_or(|before| row.head.accepted_at >= before.after(LATE));
                continue;
            }
            if !self.is_settled(seq, ask)? {
                found.unsettled += 1;
                continue;
            }
            found.messages += 1;
            found.bytes += row.head.size;
            if !ask.dry {
                self.prune_message(seq, &row, ask.now)?;
                gone.push(row.id);
            }
        }
        Ok((found, gone))
    }

    /// Whether every delivery of a message has come to its end before the moment, and no person's answer is awaited.
    fn is_settled(&self, seq: u64, ask: &Prune) -> Result<bool, JournalError> {
        if !self.waiting(seq)?.is_empty() {
            return Ok(false);
        }
        let (first, last) = (signed(seq << 16), signed((seq << 16) | 0xffff));
        let sql = "SELECT number FROM settled WHERE number BETWEEN ?1 AND ?2";
        let mut rows = self.conn.prepare_cached(sql).map_err(storage)?;
        let numbers = rows.query_map(params![first, last], |row| row.get::<_, i64>(0)).map_err(storage)?;
        for number in numbers {
            let number = unsigned(number.map_err(storage)?);
            let row: Option<SettledRow> = read::guarded_row(&self.conn, "settled", number)?;
            if row.is_none_or(|row| ask.payloads.is_none_or(|before| row.at >= before)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Deliveries of a message that are not at their end, or of which a person's answer is awaited.
    pub(super) fn waiting(&self, seq: u64) -> Result<Vec<u64>, JournalError> {
        let (first, last) = (signed(seq << 16), signed((seq << 16) | 0xffff));
        let sql = "SELECT number FROM open WHERE number BETWEEN ?1 AND ?2
                   UNION SELECT number FROM awaited WHERE number BETWEEN ?1 AND ?2";
        let mut rows = self.conn.prepare_cached(sql).map_err(storage)?;
        let rows = rows.query_map(params![first, last], |row| row.get::<_, i64>(0)).map_err(storage)?;
        rows.map(|number| number.map(unsigned).map_err(storage)).collect()
    }

    pub(super) fn prune_message(&self, seq: u64, row: &read::MessageRow, now: Timestamp) -> Result<(), JournalError> {
        let (first, last) = (signed(seq << 16), signed((seq << 16) | 0xffff));
        self.run("UPDATE message SET original = NULL, shared = NULL WHERE seq = ?1", params![signed(seq)])?;
        self.run("UPDATE frozen SET bytes = NULL WHERE number BETWEEN ?1 AND ?2", params![first, last])?;
        self.run(&PRUNED.insert(), params![signed(seq), now.millis()])?;
        // A puller with an old cursor is not shown what is not there.
        for delivery in row.head.deliveries.iter().map(|delivery| &delivery.system) {
            let sql = "DELETE FROM feed WHERE system = ?1 AND number BETWEEN ?2 AND ?3";
            self.run(sql, params![delivery, first, last])?;
        }
        for number in read::added(&self.conn, seq)? {
            self.run("DELETE FROM feed WHERE number = ?1", params![signed(number)])?;
        }
        for sha256 in &row.head.attachments {
            let Some(digest) = crate::seal::unhex(sha256) else { continue };
            self.run("DELETE FROM carried WHERE digest = ?1 AND seq = ?2", params![digest, signed(seq)])?;
            if !self.is_needed(&digest, &row.head.system)? {
                // From here on it is an upload that no record names, and goes as those go.
                let sum = UPLOAD.sum("system, digest, size, done, key, ?3, 0");
                let sql =
                    format!("UPDATE upload SET bound = 0, at = ?3, guard = {sum} WHERE system = ?1 AND digest = ?2");
                self.run(&sql, params![row.head.system, digest, now.millis()])?;
            }
        }
        Ok(())
    }

    /// Whether a record of this system, other than those that were pruned, carries an attachment.
    pub(super) fn is_needed(&self, digest: &[u8], system: &str) -> Result<bool, JournalError> {
        let mut rows = self.conn.prepare_cached("SELECT seq FROM carried WHERE digest = ?1").map_err(storage)?;
        let seqs = rows.query_map(params![digest], |row| row.get::<_, i64>(0)).map_err(storage)?;
        for seq in seqs {
            let row = read::head_row(&self.conn, unsigned(seq.map_err(storage)?));
            // What cannot be read may need it.
            if row.map_or(true, |row| row.is_some_and(|row| row.head.system == system)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn prune_refusals(&self, ask: &Prune) -> Result<u64, JournalError> {
        let Some(before) = ask.refusals else { return Ok(0) };
        let sql = "DELETE FROM refusal WHERE (system, day, nth) IN (SELECT system, day, nth FROM refusal WHERE day < ?1 LIMIT ?2)";
        let day = before.millis().div_euclid(DAY_MILLIS);
        let mut rows = self.conn.prepare_cached(sql).map_err(storage)?;
        let gone = rows.execute(params![day, signed(ask.limit as u64)]).map_err(storage)?;
        Ok(gone as u64)
    }
}

/// Messages are numbered when they commit, a little after their time: behind the first one that is so much too young, nothing
/// is old enough.
const LATE: std::time::Duration = std::time::Duration::from_secs(3600);

impl SqliteJournal {
    pub(super) async fn prune_some(&self, ask: Prune) -> Result<Pruned, JournalError> {
        // Passing over what was pruned before is for no commit to wait for.
        let seqs = self.readers.with(|conn| next(conn, &ask))?;
        let (found, gone) = self.writer.run(move |store| store.prune(&ask, seqs)).await?;
        let files: Vec<PathBuf> =
            gone.iter().flat_map(|id| ["original", "shared"].map(|part| self.workshop.file(part, *id))).collect();
        // What cannot be removed now, or was left by a crash here, is found by the sweep.
        files.into_iter().for_each(|path| drop(std::fs::remove_file(path)));
        Ok(found)
    }
}

/// The next messages that were not pruned.
fn next(conn: &Connection, ask: &Prune) -> Result<Vec<u64>, JournalError> {
    let sql = "SELECT seq FROM message WHERE seq > ?1 AND seq NOT IN (SELECT seq FROM pruned) ORDER BY seq LIMIT ?2";
    let mut rows = conn.prepare_cached(sql).map_err(storage)?;
    let rows = rows.query_map(params![signed(ask.after), signed(ask.limit as u64)], |row| row.get::<_, i64>(0));
    rows.map_err(storage)?.map(|seq| seq.map(unsigned).map_err(storage)).collect()
}

/// When the payload of a message was pruned, if it was.
pub(super) fn pruned_at(conn: &Connection, seq: u64) -> Result<Option<Timestamp>, JournalError> {
    let sql = format!("SELECT at FROM pruned WHERE seq = ?1 AND {}", PRUNED.sound());
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let at: Option<i64> = rows.query_row(params![signed(seq)], |row| row.get(0)).optional().map_err(storage)?;
    Ok(at.map(Timestamp::from_millis))
}
