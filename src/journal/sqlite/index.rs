//! The index of keys by hash: recent ones in memory, older ones in the table `keyed`, merged in sorted bulk because
//! random keys written one at a time are what makes a store slow with size. Memory is asked first and the table then:
//! what is merged is in the table before it leaves memory. A hash is only a hint: callers look at the row.
//! A merge that a kill breaks off begins anew, so what a start finds unmerged is merged in parts, and the faster the more there
//! is: else a gateway that is killed again and again would read more and more rows at each start.

use std::collections::{HashMap, VecDeque};
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

/// Rows by hash.
type Map = HashMap<i64, Numbers>;

/// Up to which message and link rows are included.
pub(super) type Marks = (u64, u64);

#[derive(Debug, Default)]
struct Recent {
    young: Map,
    /// Of an earlier run, oldest first: each is merged by itself.
    waiting: VecDeque<(Map, Marks)>,
    /// Being merged: still asked in memory until all of it is in the table.
    merging: Map,
}

impl Recent {
    /// All of them, oldest first.
    fn maps(&self) -> impl DoubleEndedIterator<Item = &Map> {
        let waiting = self.waiting.iter().map(|(map, _)| map);
        [&self.merging].into_iter().chain(waiting).chain([&self.young])
    }
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
    /// What is to be merged after this, in merges.
    behind: usize,
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

    /// While rows of an earlier run are read, in their order: what was added so far is one part to merge, if it is enough for one.
    pub(super) fn part(&self, included: Marks) {
        let mut recent = self.write();
        if recent.young.len() >= MERGE_AT {
            let young = std::mem::take(&mut recent.young);
            recent.waiting.push_back((young, included));
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
            recent.maps().any(|map| map.contains_key(&hash))
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
            let maps = recent.maps().rev();
            let all = maps.filter_map(|map| map.get(&hash)).flat_map(|numbers| numbers.as_slice().iter().rev());
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
            let all = recent.maps().filter_map(|map| map.get(&hash)).flat_map(|numbers| numbers.as_slice().iter());
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

    /// Begins a merge if it is time: `Some` with the rows that it includes, all up to `newest` if nothing of an earlier run
    /// waits. How much is to be merged besides, in merges, is `Merge::behind`.
    pub(super) fn begin(&self, merge: &mut Merge, newest: Marks) -> Option<Marks> {
        let mut recent = self.write();
        merge.behind = recent.waiting.len() + recent.young.len() / MERGE_AT;
        if merge.active || merge.behind == 0 {
            return None;
        }
        let (merging, included) =
            recent.waiting.pop_front().unwrap_or_else(|| (std::mem::take(&mut recent.young), newest));
        recent.merging = merging;
        let mut entries: Vec<(i64, u64)> = Vec::with_capacity(recent.merging.len());
        for (hash, numbers) in &recent.merging {
            entries.extend(numbers.as_slice().iter().map(|number| (*hash, *number)));
        }
        drop(recent);
        entries.sort_unstable();
        (merge.young, merge.entries, merge.active) = (entries.len(), entries.into_iter(), true);
        Some(included)
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
    /// Writes the next slice, in the transaction that is open; a larger one where more waits behind. True once nothing is left.
    pub(super) fn step(&mut self, conn: &Connection, slice: usize) -> Result<bool, JournalError> {
        if !self.active {
            return Ok(false);
        }
        let mut insert =
            conn.prepare_cached("INSERT OR IGNORE INTO keyed (hash, number) VALUES (?1, ?2)").map_err(storage)?;
        for (hash, number) in self.entries.by_ref().take(slice * (1 + self.behind)) {
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
