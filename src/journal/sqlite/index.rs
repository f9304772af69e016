//! The index of keys by hash: recent ones in memory, older ones in the table `keyed`, merged in sorted bulk because
//! random keys written one at a time are what makes a store slow with size. Memory is asked first and the table then:
//! what is merged is in the table before it leaves memory. A hash is only a hint: callers look at the row.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, params};

use super::super::JournalError;
use super::sieve::Sieve;
use super::tables::storage;

/// Beyond so many young entries a merge begins: enough that each page of the table takes several at once.
const MERGE_AT: usize = if cfg!(test) { 256 } else { 65_536 };

/// Rows that have one hash.
#[derive(Debug)]
enum Numbers {
    One(u64),
    Many(Vec<u64>),
}

#[derive(Debug, Default)]
struct Recent {
    young: HashMap<i64, Numbers>,
    /// Being merged: still asked in memory until all of it is in the table.
    merging: HashMap<i64, Numbers>,
}

/// The part of the index that lies in memory. Shared by the writer and the readers.
#[derive(Debug, Default)]
pub(super) struct Index {
    recent: RwLock<Recent>,
    sieve: Sieve,
}

/// A merge under way, owned by the writer.
#[derive(Debug, Default)]
pub(super) struct Merge {
    entries: std::vec::IntoIter<(i64, u64)>,
    young: usize,
    active: bool,
}

impl Index {
    fn read(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a row under its hashes.
    pub(super) fn add(&self, hashes: &[i64], number: u64) {
        if hashes.is_empty() {
            return;
        }
        let mut recent = self.write();
        for hash in hashes {
            match recent.young.entry(*hash) {
                std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(Numbers::One(number))),
                std::collections::hash_map::Entry::Occupied(mut place) => place.get_mut().push(number),
            }
        }
    }

    /// Forgets everything in memory, before it is read again.
    pub(super) fn clear(&self) {
        *self.write() = Recent::default();
    }

    /// Whether any row has this hash.
    pub(super) fn has(&self, conn: &Connection, hash: i64) -> Result<bool, JournalError> {
        let known = {
            let recent = self.read();
            recent.young.contains_key(&hash) || recent.merging.contains_key(&hash)
        };
        Ok(known || !self.table(conn, hash, u64::MAX, 1)?.is_empty())
    }

    /// The newest rows with this hash and a number below `below`, newest first.
    pub(super) fn find(
        &self,
        conn: &Connection,
        hash: i64,
        below: u64,
        limit: usize,
    ) -> Result<Vec<u64>, JournalError> {
        let mut found: Vec<u64> = {
            let recent = self.read();
            let maps = [&recent.young, &recent.merging];
            let all = maps.iter().filter_map(|map| map.get(&hash)).flat_map(|numbers| numbers.as_slice().iter().rev());
            all.copied().filter(|number| *number < below).take(limit).collect()
        };
        if found.len() < limit {
            found.extend(self.table(conn, hash, below, limit)?);
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }

    /// The oldest rows with this hash and a number above `above`, oldest first.
    pub(super) fn above(
        &self,
        conn: &Connection,
        hash: i64,
        above: u64,
        limit: usize,
    ) -> Result<Vec<u64>, JournalError> {
        let mut found: Vec<u64> = {
            let recent = self.read();
            let maps = [&recent.merging, &recent.young];
            let all = maps.iter().filter_map(|map| map.get(&hash)).flat_map(|numbers| numbers.as_slice().iter());
            all.copied().filter(|number| *number > above).take(limit).collect()
        };
        if self.sieve.may_hold(hash) {
            let sql = "SELECT number FROM keyed WHERE hash = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
            let mut rows = conn.prepare_cached(sql).map_err(storage)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let older =
                rows.query_map(params![hash, signed(above), limit], |row| row.get::<_, i64>(0)).map_err(storage)?;
            for number in older {
                found.push(unsigned(number.map_err(storage)?));
            }
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }

    /// Begins a merge if it is time. Returns true if one began: the caller notes up to where rows are included.
    pub(super) fn begin(&self, merge: &mut Merge) -> bool {
        if merge.active || self.read().young.len() < MERGE_AT {
            return false;
        }
        let mut recent = self.write();
        recent.merging = std::mem::take(&mut recent.young);
        let mut entries: Vec<(i64, u64)> = Vec::with_capacity(recent.merging.len());
        for (hash, numbers) in &recent.merging {
            entries.extend(numbers.as_slice().iter().map(|number| (*hash, *number)));
        }
        drop(recent);
        entries.sort_unstable();
        *merge = Merge { young: entries.len(), entries: entries.into_iter(), active: true };
        true
    }

    /// Everything merged is durable: memory lets go of it.
    pub(super) fn merged(&self) {
        self.sieve.add(self.read().merging.keys());
        self.write().merging = HashMap::new();
    }

    /// Has the sieve filled on, a little.
    pub(super) fn tend(&self, conn: &Connection) -> Result<(), JournalError> {
        self.sieve.tend(conn)
    }

    fn table(&self, conn: &Connection, hash: i64, below: u64, limit: usize) -> Result<Vec<u64>, JournalError> {
        if self.sieve.may_hold(hash) { table(conn, hash, below, limit) } else { Ok(Vec::new()) }
    }
}

impl Merge {
    /// Writes the next slice, in the transaction that is open. True once nothing is left.
    pub(super) fn step(&mut self, conn: &Connection, slice: usize) -> Result<bool, JournalError> {
        if !self.active {
            return Ok(false);
        }
        let mut insert =
            conn.prepare_cached("INSERT OR IGNORE INTO keyed (hash, number) VALUES (?1, ?2)").map_err(storage)?;
        for (hash, number) in self.entries.by_ref().take(slice) {
            insert.execute(params![hash, signed(number)]).map_err(storage)?;
        }
        let done = self.entries.len() == 0;
        self.active = !done;
        Ok(done)
    }

    /// Whether a merge is under way, and of how many entries.
    pub(super) fn active(&self) -> Option<usize> {
        self.active.then_some(self.young)
    }
}

impl Numbers {
    fn as_slice(&self) -> &[u64] {
        match self {
            Self::One(number) => std::slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }

    fn push(&mut self, number: u64) {
        match self {
            Self::One(first) if *first == number => {}
            Self::One(first) => *self = Self::Many(vec![*first, number]),
            Self::Many(numbers) if numbers.last() == Some(&number) => {}
            Self::Many(numbers) => numbers.push(number),
        }
    }
}

fn table(conn: &Connection, hash: i64, below: u64, limit: usize) -> Result<Vec<u64>, JournalError> {
    let mut rows = conn
        .prepare_cached("SELECT number FROM keyed WHERE hash = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3")
        .map_err(storage)?;
    let found = rows
        .query_map(params![hash, signed(below), i64::try_from(limit).unwrap_or(i64::MAX)], |row| row.get::<_, i64>(0))
        .map_err(storage)?;
    found.map(|number| number.map(unsigned).map_err(storage)).collect()
}

/// A row number as the engine keeps it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A row number as everybody else keeps it.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
