//! What the writer thread owns: the connection, the board, the marks and counters. Rows are written first, memory is
//! changed after (`apply`), so that a savepoint that is rolled back leaves memory as it was.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use icjs_proof::tree;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::super::board::{Board, CLASSES, Number, Open};
use super::super::{JournalError, State};
use super::alerts::{Alarms, Kept};
use super::awaited::Awaited;
use super::index::{Index, Merge, signed, unsigned};
use super::mark::{Mark, Reached};
use super::readings::Noted;
use super::rows::{SettledRow, checked, guarded};
use super::sums::{COUNTER, LINK, META};
use super::tables::storage;
use super::writer::Fate;
use crate::clock::Clock;
use crate::faults;
use crate::journal::leaf::Leaf;

/// Limits and names that the writer needs.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) max_open_deliveries: usize,
    pub(super) push_timeout: Duration,
    pub(super) header_keys_kept: Duration,
    /// The longest pause between two attempts, for liberty and for the rest.
    pub(super) longest_pauses: [Duration; CLASSES],
    pub(super) clock: Arc<dyn Clock>,
    /// What binds rows to the leaves of what was done.
    pub(super) deeds: crate::seal::MacKey,
}

/// See the header.
pub(super) struct Store {
    pub(super) conn: Connection,
    pub(super) board: Board,
    pub(super) alarms: Alarms,
    pub(super) noted: Noted,
    pub(super) index: Arc<Index>,
    pub(super) limits: Limits,
    /// The next message's sequence number, from 1.
    pub(super) seq: u64,
    /// The next leaf's index, from 0.
    pub(super) leaf: u64,
    /// The next link's number, from 1.
    pub(super) link: u64,
    /// Commits so far, and where they are noted.
    commits: u64,
    pub(super) mark: Option<Mark>,
    /// News that were written (`put_cause`), and how many of them readers can see.
    pub(super) world: u64,
    pub(super) seen: Arc<AtomicU64>,
    counters: HashMap<String, u64>,
    dirty: HashSet<String>,
    merge: Merge,
    merge_marks: (u64, u64),
    merged: bool,
    in_transaction: bool,
    /// The job that runs has a savepoint of its own.
    saved: bool,
    /// The next numbers when the savepoint was made.
    marks: (u64, u64, u64),
    broken: Option<Fate>,
    /// The last commit found the disk full.
    pub(super) full: bool,
}

/// What a written row means for memory.
#[derive(Debug)]
pub(super) enum Change {
    /// A delivery is open.
    Insert(Open),
    /// An open delivery changed.
    Replace(Open),
    /// A delivery is not open any more.
    Remove(Number),
    /// A settled delivery counts for this system, kind and state.
    Count(String, i64),
    /// A position was given.
    Position(Arc<str>, usize, u64),
    /// An alert was raised, ended or seen.
    Alert(Box<Kept>),
    /// A person's answer is awaited.
    Awaited(Number, Box<Awaited>),
    /// It is awaited no more.
    Answered(Number),
    /// A row has these hashes.
    Indexed(Vec<i64>, u64),
}

impl Store {
    /// Reads everything that memory must know.
    pub(super) fn load(conn: Connection, index: Arc<Index>, limits: Limits) -> Result<Self, JournalError> {
        let mut store = Self {
            conn,
            board: Board::default(),
            alarms: Alarms::default(),
            noted: Noted::default(),
            index,
            limits,
            seq: 1,
            leaf: 0,
            link: 1,
            commits: 0,
            mark: None,
            world: 0,
            seen: Arc::default(),
            counters: HashMap::new(),
            dirty: HashSet::new(),
            merge: Merge::default(),
            merge_marks: (0, 0),
            merged: false,
            in_transaction: false,
            saved: false,
            marks: (0, 0, 0),
            broken: None,
            full: false,
        };
        let starts = store.meta("starts")? + 1;
        store.conn.execute(&META.replace(), params!["starts", signed(starts)]).map_err(storage)?;
        // Tokens of this start never meet those of an earlier one.
        store.reload(starts << 40)?;
        Ok(store)
    }

    /// Reads memory from the rows. It writes nothing: it must succeed on a full disk.
    fn reload(&mut self, tokens: u64) -> Result<(), JournalError> {
        self.seq = self.last("SELECT max(seq) FROM message")? + 1;
        self.link = self.last("SELECT max(number) FROM link")? + 1;
        let leaves: Option<i64> =
            self.conn.query_row("SELECT max(number) FROM leaf", [], |row| row.get(0)).map_err(storage)?;
        self.leaf = leaves.map_or(0, |last| unsigned(last) + 1);
        self.commits = self.meta("commits")?;
        self.board = Board::new(tokens, self.limits.push_timeout);
        self.load_counters()?;
        self.load_open()?;
        self.load_alarms()?;
        self.merge = Merge::default();
        self.index.clear();
        self.load_index()
    }

    pub(super) fn last(&self, sql: &str) -> Result<u64, JournalError> {
        let last: Option<i64> = self.conn.query_row(sql, [], |row| row.get(0)).map_err(storage)?;
        Ok(last.map_or(0, unsigned))
    }

    pub(super) fn meta(&self, name: &str) -> Result<u64, JournalError> {
        let value: Option<i64> = self
            .conn
            .query_row(&format!("SELECT value FROM meta WHERE name = ?1 AND {}", META.sound()), params![name], |row| {
                row.get(0)
            })
            .optional()
            .map_err(storage)?;
        Ok(value.map_or(0, unsigned))
    }

    /// How far the store is.
    pub(super) fn reached(&self) -> Reached {
        Reached { commits: self.commits, messages: self.seq - 1 }
    }

    fn load_counters(&mut self) -> Result<(), JournalError> {
        self.dirty.clear();
        self.counters.clear();
        let mut rows = self
            .conn
            .prepare(&format!("SELECT name, count FROM counter WHERE {}", COUNTER.sound()))
            .map_err(storage)?;
        let all = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).map_err(storage)?;
        for row in all {
            let (name, count) = row.map_err(storage)?;
            if let Some((system, class)) = name.strip_prefix("position/").and_then(|rest| rest.rsplit_once('/')) {
                self.board.set_position(system, class.parse().unwrap_or(0), unsigned(count));
            }
            self.counters.insert(name, unsigned(count));
        }
        Ok(())
    }

    fn load_open(&mut self) -> Result<(), JournalError> {
        let now = self.limits.clock.now();
        let mut rows = self.conn.prepare("SELECT number, row, guard FROM open").map_err(storage)?;
        let mut rows = rows.query([]).map_err(storage)?;
        while let Some(row) = rows.next().map_err(storage)? {
            let number = unsigned(row.get(0).map_err(storage)?);
            let bytes = row.get_ref(1).and_then(|value| Ok(value.as_bytes()?)).map_err(storage)?;
            let mut open: Open = checked("open", number, bytes, row.get(2).map_err(storage)?)?;
            // Further off than any pause: the clock was set back while no gateway ran.
            let longest = self.limits.longest_pauses.get(open.class()).copied().unwrap_or_default();
            open.due = open.due.filter(|due| due.since(now) <= longest);
            self.board.insert(open);
        }
        Ok(())
    }

    fn load_index(&mut self) -> Result<(), JournalError> {
        let (messages, links) = (self.meta("merged messages")?, self.meta("merged links")?);
        self.merge_marks = (messages, links);
        let mut rows = self.conn.prepare("SELECT seq, keys FROM message WHERE seq > ?1").map_err(storage)?;
        let mut rows = rows.query(params![signed(messages)]).map_err(storage)?;
        while let Some(row) = rows.next().map_err(storage)? {
            let keys: Vec<u8> = row.get(1).map_err(storage)?;
            let seq = unsigned(row.get(0).map_err(storage)?);
            self.index.add(&hashes(&keys), seq);
            self.index.part((seq, links));
        }
        let sql = format!("SELECT number, keys FROM link WHERE number > ?1 AND {}", LINK.sound());
        let mut rows = self.conn.prepare(&sql).map_err(storage)?;
        let mut rows = rows.query(params![signed(links)]).map_err(storage)?;
        while let Some(row) = rows.next().map_err(storage)? {
            let keys: Vec<u8> = row.get(1).map_err(storage)?;
            self.index.add(&hashes(&keys), unsigned(row.get(0).map_err(storage)?));
        }
        Ok(())
    }

    /// Runs one job in a savepoint of its own; what it wrote is undone where it failed.
    pub(super) fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        if self.broken.is_some() {
            return Err(JournalError::Closed);
        }
        self.saved = false;
        let result = work(self);
        if let Err(error) = &result {
            match error {
                JournalError::Full => self.broken = Some(Fate::Full),
                JournalError::Fatal(why) => self.broken = Some(Fate::Fatal(why.clone())),
                _ => self.undo(),
            }
        }
        result
    }

    fn undo(&mut self) {
        // A job that wrote nothing has no savepoint: the one that is open is its predecessor's.
        if !self.saved {
            return;
        }
        (self.seq, self.leaf, self.link) = self.marks;
        if let Err(error) = self.conn.execute_batch("ROLLBACK TO job") {
            self.broken = Some(Fate::Fatal(error.to_string()));
        }
    }

    /// Says that the job is about to write: opens the transaction, if none is, and the job's savepoint.
    pub(super) fn write(&mut self) -> Result<(), JournalError> {
        if self.in_transaction {
            self.cached("RELEASE job")?;
        } else {
            self.cached("BEGIN IMMEDIATE")?;
            self.in_transaction = true;
        }
        self.saved = true;
        self.marks = (self.seq, self.leaf, self.link);
        self.cached("SAVEPOINT job")
    }

    /// Whether the jobs of this batch wrote anything.
    pub(super) fn wrote(&self) -> bool {
        self.in_transaction
    }

    fn cached(&self, sql: &str) -> Result<(), JournalError> {
        self.conn.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(drop).map_err(storage)
    }

    /// Commits what the jobs of a batch wrote.
    pub(super) fn commit(&mut self, jobs: usize) -> Fate {
        if !self.in_transaction && self.broken.is_none() {
            return Fate::Durable;
        }
        let result = match self.broken.take() {
            Some(Fate::Fatal(why)) => Err(JournalError::Fatal(why)),
            Some(_) => Err(JournalError::Full),
            None => self.finish(jobs),
        };
        self.in_transaction = false;
        self.full = matches!(result, Err(JournalError::Full));
        match result {
            Ok(()) => {
                let reached = self.reached();
                if let Some(mark) = &mut self.mark {
                    mark.note(reached);
                }
                self.seen.store(self.world, Ordering::Release);
                if std::mem::take(&mut self.merged) {
                    self.index.merged();
                }
                Fate::Durable
            }
            Err(JournalError::Full) => self.roll_back(),
            Err(error) => Fate::Fatal(error.to_string()),
        }
    }

    fn finish(&mut self, jobs: usize) -> Result<(), JournalError> {
        self.flush_counters()?;
        self.commits += 1;
        self.set_meta("commits", self.commits)?;
        if let Some(included) = self.index.begin(&mut self.merge, (self.seq - 1, self.link - 1)) {
            self.merge_marks = included;
        }
        if self.merge.active().is_some() && self.merge.step(&self.conn, MERGED_PER_JOB * jobs)? {
            self.set_meta("merged messages", self.merge_marks.0)?;
            self.set_meta("merged links", self.merge_marks.1)?;
            self.merged = true;
        }
        faults::point("commit::before");
        self.cached("COMMIT").map_err(|error| match error {
            JournalError::Full => JournalError::Full,
            other => JournalError::Fatal(other.to_string()),
        })?;
        faults::point("commit::after");
        Ok(())
    }

    /// A full disk: undo the batch, read memory again, go on. If even that fails, nobody knows what is true.
    fn roll_back(&mut self) -> Fate {
        self.merged = false;
        // The engine may have rolled back by itself already; then there is nothing to undo.
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            return Fate::Fatal(error.to_string());
        }
        match self.reload(self.board.tokens()) {
            Ok(()) => Fate::Full,
            Err(error) => Fate::Fatal(error.to_string()),
        }
    }

    fn set_meta(&self, name: &str, value: u64) -> Result<(), JournalError> {
        self.run(&META.replace(), params![name, signed(value)])
    }

    fn flush_counters(&mut self) -> Result<(), JournalError> {
        let dirty = std::mem::take(&mut self.dirty);
        for name in &dirty {
            let count = self.counters.get(name).copied().unwrap_or(0);
            self.run(&COUNTER.replace(), params![name, signed(count)])?;
        }
        Ok(())
    }

    /// Runs one cached statement.
    pub(super) fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), JournalError> {
        self.conn.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map(drop).map_err(storage)
    }

    /// Changes memory as the rows say. Nothing here can fail.
    pub(super) fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Insert(open) => self.board.insert(open),
                Change::Replace(open) => self.board.replace(open),
                Change::Remove(number) => drop(self.board.remove(number)),
                Change::Count(name, by) => self.count(name, by),
                Change::Position(system, class, position) => {
                    self.board.set_position(&system, class, position);
                    self.set_counter(format!("position/{system}/{class}"), position);
                }
                Change::Alert(kept) => self.alarms.keep(*kept),
                Change::Awaited(number, awaited) => self.alarms.wait(number, *awaited),
                Change::Answered(number) => self.alarms.forget(number),
                Change::Indexed(hashes, number) => self.index.add(&hashes, number),
            }
        }
    }

    fn count(&mut self, name: String, by: i64) {
        let count = self.counters.entry(name.clone()).or_default();
        *count = count.saturating_add_signed(by);
        self.dirty.insert(name);
    }

    fn set_counter(&mut self, name: String, count: u64) {
        self.counters.insert(name.clone(), count);
        self.dirty.insert(name);
    }

    /// Counters whose name begins so.
    pub(super) fn counters(&self, prefix: &'static str) -> impl Iterator<Item = (&str, u64)> {
        self.counters.iter().filter_map(move |(name, count)| Some((name.strip_prefix(prefix)?, *count)))
    }

    /// Writes the row of an open delivery.
    pub(super) fn put_open(&self, open: &Open) -> Result<(), JournalError> {
        let (row, guard) = guarded(open.number, open)?;
        let sql = "INSERT OR REPLACE INTO open (number, row, guard) VALUES (?1, ?2, ?3)";
        self.run(sql, params![signed(open.number), row, guard])
    }

    /// Writes an open delivery anew and says so to memory.
    pub(super) fn change(&self, open: Open, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        self.put_open(&open)?;
        changes.push(Change::Replace(open));
        Ok(())
    }

    /// Ends a delivery: its row moves from `open` to `settled`, and a leaf says so.
    pub(super) fn settle_open(&mut self, end: &Ending<'_>, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        let open = end.open;
        let row = SettledRow {
            state: end.state,
            code: end.code.map(str::to_owned),
            attempts: open.attempts,
            at: end.at,
            note: open.note.clone(),
            action: open.action,
            position: open.position,
            first_answer_at: open.first_answer_at,
            frozen_at: open.frozen_at,
            place: open.place,
            keys: open.keys.clone(),
            park_on_reject: open.park_on_reject,
            overtaken_by: open.overtaken_by.clone(),
        };
        self.put("settled", open.number, &row)?;
        self.run("DELETE FROM open WHERE number = ?1", params![signed(open.number)])?;
        // A rejection that held its lane was counted and proved when it was made.
        if open.state != State::Rejected {
            self.prove(open, end)?;
        }
        changes.push(Change::Remove(open.number));
        changes.push(Change::Count(settled_counter(&open.system, &open.kind, end.state), 1));
        Ok(())
    }

    /// Writes a guarded row of a table with columns `number, row, guard`.
    pub(super) fn put<T: Serialize>(&self, table: &str, number: Number, row: &T) -> Result<(), JournalError> {
        let (bytes, guard) = guarded(number, row)?;
        let sql = format!("INSERT OR REPLACE INTO {table} (number, row, guard) VALUES (?1, ?2, ?3)");
        self.run(&sql, params![signed(number), bytes, guard])
    }

    /// Adds a leaf for what became of a delivery.
    pub(super) fn prove(&mut self, open: &Open, end: &Ending<'_>) -> Result<(), JournalError> {
        let event = super::words::state(end.state);
        let leaf = Leaf {
            event,
            message: open.message,
            delivery: Some(open.id()),
            kind: &open.kind,
            office: &open.office,
            at: end.at,
            mac: end.mac,
        };
        let body = leaf.canonical();
        let hash = tree::leaf(&body);
        let leaf = self.put_leaf(&body, &hash)?;
        self.put_step(open.number, leaf)
    }
}

/// How a delivery ends.
#[derive(Debug)]
pub(super) struct Ending<'a> {
    pub(super) open: &'a Open,
    pub(super) state: State,
    pub(super) code: Option<&'a str>,
    pub(super) at: crate::clock::Timestamp,
    /// HMAC of the digest of the bytes that left, under the record's key.
    pub(super) mac: Option<[u8; 32]>,
}

/// The name of the counter of settled deliveries.
pub(super) fn settled_counter(system: &str, kind: &str, state: State) -> String {
    format!("settled/{system}/{kind}/{}", super::words::state(state))
}

/// Hashes as a message row keeps them.
pub(super) fn hashes(bytes: &[u8]) -> Vec<i64> {
    bytes.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok().map(i64::from_le_bytes)).collect()
}

/// Index entries that are merged for each job of a batch: more than a job adds, so that a merge ends.
const MERGED_PER_JOB: usize = 32;
