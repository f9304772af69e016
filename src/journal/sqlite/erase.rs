//! Erasing a case: the keys of it, and of what `same` joins to it, are overwritten, so that nothing of its records opens again,
//! here or in a backup of the payloads. A record that another case holds too stays. Rows, states, leaves and receipts stay, as
//! after pruning; `erasure` says who ordered it, when and on what ground, and a leaf for each record that it was done. What is
//! not settled stands in the way of all of it. Of what was written before format 6 the wrap in the row itself is overwritten:
//! a backup that was taken before opens it still.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use icjs_proof::tree;
use rusqlite::{Connection, ErrorCode, params};

use super::super::{Erase, Erased, JournalError};
use super::SqliteJournal;
use super::acts::ERASED;
use super::index::signed;
use super::prepare::GuardedRow;
use super::read::{self, MessageRow};
use super::registers::upload_key;
use super::store::Store;
use super::sums::{ERASURE, SAID};
use super::tables::storage;
use super::wraps::{self, Place};
use crate::identifiers::CaseKey;
use crate::journal::leaf::Leaf;
use crate::seal::WRAPPED_KEY_LEN;

/// The records of a case, and what is to be done about them.
#[derive(Default)]
struct Plan {
    /// Keys that are destroyed.
    keys: HashSet<Place>,
    /// Records that become unreadable, and are readable now.
    doomed: Vec<(u64, MessageRow)>,
    kept: u64,
}

impl Store {
    fn erase(&mut self, ask: &Erase, cases: &[CaseKey], hashes: &[i64]) -> Result<Erased, JournalError> {
        let plan = self.plan(cases, hashes)?;
        let mut erased = Erased { cases: cases.to_vec(), kept: plan.kept, ..Erased::default() };
        for (seq, row) in &plan.doomed {
            erased.messages.push(row.id);
            for number in self.waiting(*seq)? {
                erased.unsettled.push(row.id.delivery(u16::try_from(number & 0xffff).unwrap_or(0)));
            }
        }
        if ask.dry || erased.messages.is_empty() || !erased.unsettled.is_empty() {
            return Ok(erased);
        }
        // What is taken away is overwritten, not only forgotten.
        self.conn.execute_batch("PRAGMA secure_delete = ON").map_err(storage)?;
        self.write()?;
        for place in plan.keys {
            self.destroy(place)?;
        }
        for (seq, row) in &plan.doomed {
            self.destroy_old(*seq, row)?;
            if super::prune::pruned_at(&self.conn, *seq)?.is_none() {
                self.prune_message(*seq, row, ask.at)?;
            }
            self.drop_files(row, &mut erased.files)?;
            let (message, kind, office) = (row.id, row.head.kind.as_str(), row.head.office.as_str());
            let body =
                Leaf { event: "erased", message, delivery: None, kind, office, at: ask.at, mac: None }.canonical();
            let leaf = self.put_leaf(&body, &tree::leaf(&body))?;
            self.put_step(seq << 16, leaf)?;
        }
        let number = self.last("SELECT max(number) FROM erasure")? + 1;
        let cases = cases.iter().map(CaseKey::as_str).collect::<Vec<_>>().join(" ");
        let messages = erased.messages.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let (at, by, ground, reason) = (ask.at.millis(), &ask.by, &ask.ground, &ask.reason);
        self.run(&ERASURE.insert(), params![signed(number), at, by, ground, reason, cases, messages])?;
        self.did(&ERASED, &number.to_string(), None, ask.at)?;
        Ok(erased)
    }

    fn plan(&self, cases: &[CaseKey], hashes: &[i64]) -> Result<Plan, JournalError> {
        let mut seqs = BTreeSet::new();
        for hash in hashes {
            seqs.extend(self.index.find(&self.conn, *hash, u64::MAX, usize::MAX)?);
        }
        let mut rows = Vec::new();
        let mut plan = Plan::default();
        for seq in seqs {
            let Some(row) = read::head_row(&self.conn, seq)? else { continue };
            let holding = wraps::holding(&row.head);
            if !holding.iter().any(|case| cases.contains(case)) {
                continue;
            }
            let held = wraps::held(&row.wrapped, seq).unwrap_or_default();
            let ours = holding.iter().zip(&held).filter(|(case, _)| cases.contains(case));
            plan.keys.extend(ours.map(|(_, (place, _))| *place));
            rows.push((seq, row));
        }
        let gone: HashSet<CaseKey> = self.erased_before()?.into_iter().chain(cases.iter().cloned()).collect();
        for (seq, row) in rows {
            let (alive, survives) = match wraps::held(&row.wrapped, seq) {
                None => {
                    let alive = row.wrapped.iter().any(|byte| *byte != 0);
                    (alive, wraps::holding(&row.head).iter().any(|case| !gone.contains(case)))
                }
                Some(held) => {
                    let (mut alive, mut survives) = (false, false);
                    for (place, _) in held {
                        let there = wraps::slot(&self.conn, place)?.is_some();
                        alive |= there;
                        survives |= there && !plan.keys.contains(&place);
                    }
                    (alive, survives)
                }
            };
            match (alive, survives) {
                (false, _) => {}
                (true, true) => plan.kept += 1,
                (true, false) => plan.doomed.push((seq, row)),
            }
        }
        Ok(plan)
    }

    /// The cases of earlier erasures.
    fn erased_before(&self) -> Result<Vec<CaseKey>, JournalError> {
        let sql = format!("SELECT cases FROM erasure WHERE {}", ERASURE.sound());
        let mut rows = self.conn.prepare(&sql).map_err(storage)?;
        let rows = rows.query_map([], |row| row.get::<_, String>(0)).map_err(storage)?;
        let rows: Vec<String> = rows.collect::<Result<_, _>>().map_err(storage)?;
        Ok(rows.iter().flat_map(|cases| cases.split(' ').filter_map(CaseKey::parse)).collect())
    }

    /// Overwrites the wraps that rows of older formats have themselves.
    fn destroy_old(&self, seq: u64, row: &MessageRow) -> Result<(), JournalError> {
        let zeros = [0_u8; WRAPPED_KEY_LEN];
        if wraps::held(&row.wrapped, seq).is_none() {
            let sql = "SELECT head, keys, private FROM message WHERE seq = ?1";
            let (head, keys, private): (Vec<u8>, Vec<u8>, Option<Vec<u8>>) = self
                .conn
                .query_row(sql, params![signed(seq)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .map_err(storage)?;
            let (id, leaf, private) = (row.id, row.leaf, private.as_deref());
            let guard = GuardedRow { seq, leaf, id, head: &head, wrapped: &zeros, keys: &keys, private }.guard();
            let sql = "UPDATE message SET wrapped = ?2, guard = ?3 WHERE seq = ?1";
            self.run(sql, params![signed(seq), zeros, guard])?;
        }
        let (first, last) = (signed(seq << 16), signed((seq << 16) | 0xffff));
        let sum = SAID.sum("number, nth, word, mac, ?3, sealed");
        let sql = format!(
            "UPDATE said SET wrapped = ?3, guard = {sum} WHERE number BETWEEN ?1 AND ?2 AND length(wrapped) = length(?3)"
        );
        self.run(&sql, params![first, last, zeros])
    }

    /// Drops the attachments of a record that no other one carries, with the keys of their files.
    fn drop_files(&self, row: &MessageRow, files: &mut Vec<Vec<u8>>) -> Result<(), JournalError> {
        for digest in row.head.attachments.iter().filter_map(|sha256| crate::seal::unhex(sha256)) {
            let system = &row.head.system;
            if self.is_needed(&digest, system)? {
                continue;
            }
            let Some(key) = upload_key(&self.conn, system, &digest)? else { continue };
            self.destroy_file_key(&key)?;
            self.run("DELETE FROM upload WHERE system = ?1 AND digest = ?2", params![system, digest])?;
            files.push(key);
        }
        Ok(())
    }
}

impl SqliteJournal {
    pub(super) async fn erase_case(&self, ask: Erase) -> Result<Erased, JournalError> {
        let cases = self.readers.with(|conn| {
            let (joints, _) = self.joints(conn, std::slice::from_ref(&ask.case))?;
            Ok(joints.same(std::slice::from_ref(&ask.case)))
        })?;
        let hashes: Vec<i64> = cases.iter().map(|case| self.workshop.blind.hash("case", &[case.as_str()])).collect();
        let dry = ask.dry;
        let erased = self.writer.run(move |store| store.erase(&ask, &cases, &hashes)).await?;
        if dry || !erased.unsettled.is_empty() {
            return Ok(erased);
        }
        self.known.forget();
        let parts = |id| ["original", "shared"].map(|part| self.workshop.file(part, id));
        let files: Vec<PathBuf> = erased.messages.iter().copied().flat_map(parts).collect();
        // What cannot be removed now, or was left by a crash here, is found by the sweep.
        files.into_iter().for_each(|path| drop(std::fs::remove_file(path)));
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || empty_log(&path)).await.unwrap_or(Err(JournalError::Closed))?;
        Ok(erased)
    }
}

/// How often it is tried to empty the log, and the pause between: the checkpoints of the store's own come in between.
const TRIES: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// Takes everything out of the log: what was overwritten lies in its older pages.
fn empty_log(path: &Path) -> Result<(), JournalError> {
    let conn = Connection::open(path).map_err(storage)?;
    for _ in 0..TRIES {
        // Another checkpoint under way makes this one fail at once: the engine's own waiting is for readers and writers.
        let busy = match conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => true,
            asked => asked.map_err(storage)?,
        };
        if !busy {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    let what = "the case is erased, but its keys may lie in the log yet: order it once more";
    Err(JournalError::Storage(what.to_owned()))
}
