//! `verify`: everything that lies in a store, looked at once: the engine's own check of its file, the digest of every row,
//! every sealed part opened, every attachment read, and what rows say of one another. It changes nothing, and may look at a
//! store that is in use. What is wrong is named; the look goes on behind it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use icjs_proof::tree::Frontier;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::super::JournalError;
use super::super::uploads;
use super::index::{signed, unsigned};
use super::inspect::{self, GUARDED};
use super::mark::{self, Reached};
use super::rows::{FrozenRow, damaged, unpack};
use super::store::hashes;
use super::sums::{META, SUMMED};
use super::tables::{FORMAT, open_reader, storage};
use super::wraps::{self, data_key};
use super::{prepare, read, work};
use crate::identifiers::MessageId;
use crate::journal::board::Open;
use crate::seal::{self, DataKey, StoreKey};

/// So many findings are named; more are counted.
const NAMED: usize = 1000;

/// What was looked at and what was found.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Verified {
    /// What is not as it was written: table and row, message, or file.
    pub damaged: Vec<String>,
    /// How many more there are.
    pub more: u64,
    /// Messages looked at.
    pub messages: u64,
    /// Leaves of the evidence log.
    pub leaves: u64,
    /// Files of attachments and large parts.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Whether sealed parts were opened too: without the key of the store only digests are looked at.
    pub opened: bool,
    /// The root of the tree of leaves (RFC 6962 section 2.1), hex.
    pub root: String,
}

impl Verified {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty()
    }

    fn note(&mut self, what: String) {
        if self.damaged.len() < NAMED {
            self.damaged.push(what);
        } else {
            self.more += 1;
        }
    }

    /// Notes an error that is about the store, and goes on; others end the look.
    fn take(&mut self, error: JournalError) -> Result<(), JournalError> {
        match error {
            JournalError::Damaged(what) => self.note(what),
            JournalError::Fatal(what) | JournalError::Storage(what) => self.note(format!("file `journal.db`: {what}")),
            other => return Err(other),
        }
        Ok(())
    }

    fn of<T>(&mut self, result: Result<T, JournalError>) -> Result<Option<T>, JournalError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.take(error).map(|()| None),
        }
    }
}

/// Where the parts of a store lie.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folder of `journal.db`.
    pub data: PathBuf,
    /// The folder of the files of uploads.
    pub uploads: PathBuf,
    /// The folder whose `records` holds large parts of records.
    pub parts: PathBuf,
}

impl Places {
    /// Where the gateway has them: the folder of the journal, and the one of attachments.
    pub fn new(data: PathBuf, attachments: &Path) -> Self {
        Self { uploads: attachments.join("uploads"), parts: data.join("attachments"), data }
    }

    /// Where a backup has them.
    pub fn of_backup(folder: &Path) -> Self {
        Self::new(folder.to_owned(), &folder.join("attachments"))
    }

    /// The sealed large part of a message.
    pub(super) fn part(&self, part: &str, id: MessageId) -> PathBuf {
        prepare::part_file(&self.parts, part, id)
    }
}

/// Looks at everything. Fails only where there is no store, or one of another format.
pub fn verify(places: &Places, keys: Option<&StoreKey>) -> Result<Verified, JournalError> {
    let path = places.data.join("journal.db");
    if !path.exists() {
        return Err(JournalError::Storage(format!("`{}` is not there", path.display())));
    }
    let mut found = Verified { opened: keys.is_some(), ..Verified::default() };
    let known = mark::of(&places.data).unwrap_or_else(|what| {
        found.note(format!("file `journal.mark` {what}"));
        Reached::default()
    });
    let head = inspect::file(&path);
    let conn = open_reader(&path)?;
    let format: Result<u32, JournalError> =
        conn.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(storage);
    if let (Ok(()), Ok(found)) = (&head, &format)
        && *found != FORMAT
    {
        return Err(other_format(*found));
    }
    found.of(head)?;
    if found.of(format)?.is_none() {
        return Ok(found);
    }
    // Nothing opens without its wraps.
    let keys = match found.of(wraps::are_apart(&conn))? {
        Some(true) => None,
        _ => keys,
    };
    found.opened = keys.is_some();
    if let Some(keys) = keys {
        wraps::fits(&conn, keys)?;
    }
    let mut look = Look { conn, places, keys, found };
    look.engine()?;
    look.tables()?;
    look.leaves()?;
    look.messages(known)?;
    look.uploads()?;
    Ok(look.found)
}

fn other_format(found: u32) -> JournalError {
    if found > FORMAT {
        return JournalError::TooNew { found, known: FORMAT };
    }
    let what = "its rows carry no digests yet; start the gateway on it once, which gives them theirs";
    JournalError::Storage(format!("the store is of format {found}, this program verifies format {FORMAT}: {what}"))
}

struct Look<'a> {
    conn: Connection,
    places: &'a Places,
    keys: Option<&'a StoreKey>,
    found: Verified,
}

impl Look<'_> {
    /// The engine's own check: pages, trees, indexes.
    fn engine(&mut self) -> Result<(), JournalError> {
        let lines = texts(&self.conn, &format!("PRAGMA integrity_check({NAMED})"));
        for line in self.found.of(lines)?.unwrap_or_default() {
            if line != "ok" {
                self.found.note(format!("file `journal.db`: {}", line.replace('\n', "; ")));
            }
        }
        Ok(())
    }

    /// The digest of every row outside `message` and `leaf`.
    fn tables(&mut self) -> Result<(), JournalError> {
        for table in SUMMED {
            let (name, unsound) = (table.table, table.unsound());
            let rows = texts(&self.conn, &format!("SELECT {unsound} AS what FROM {name} WHERE what IS NOT NULL"));
            for row in self.found.of(rows)?.unwrap_or_default() {
                self.found.note(row);
            }
        }
        for table in GUARDED {
            let mut above = 0;
            loop {
                let Self { conn, found, .. } = self;
                let slice = inspect::guarded(conn, table, above, None, &mut |error| found.take(error));
                match self.found.of(slice)?.flatten() {
                    Some(last) => above = last,
                    None => break,
                }
            }
        }
        let schema = super::tables::damaged_schema(&self.conn);
        for what in self.found.of(schema)?.unwrap_or_default() {
            self.found.note(what);
        }
        let revisions = super::registers::damaged_revisions(&self.conn);
        for what in self.found.of(revisions)?.unwrap_or_default() {
            self.found.note(what);
        }
        for sql in [
            "SELECT 'feed `' || system || '/' || class || '/' || position || '`: no bytes of it' FROM feed
             WHERE number NOT IN (SELECT number FROM frozen)",
            "SELECT 'version of message row `' || seq || '`: the next one is not there' FROM version
             WHERE next NOT IN (SELECT seq FROM message)",
        ] {
            let rows = texts(&self.conn, sql);
            for row in self.found.of(rows)?.unwrap_or_default() {
                self.found.note(row);
            }
        }
        Ok(())
    }

    fn leaves(&mut self) -> Result<(), JournalError> {
        let Self { conn, found, .. } = self;
        let sql = "SELECT number, body, hash FROM leaf ORDER BY number";
        let last = inspect::leaves(conn, sql, [], &mut |error| found.take(error));
        self.found.leaves = self.found.of(last)?.flatten().map_or(0, |last| last + 1);
        let nodes = super::log::damaged_nodes(&self.conn);
        for what in self.found.of(nodes)?.unwrap_or_default() {
            self.found.note(what);
        }
        let acts = super::acts::damaged_acts(&self.conn, self.keys);
        for what in self.found.of(acts)?.unwrap_or_default() {
            self.found.note(what);
        }
        let root = tree_root(&self.conn);
        self.found.root = self.found.of(root)?.unwrap_or_default();
        Ok(())
    }

    fn messages(&mut self, known: Reached) -> Result<(), JournalError> {
        let count = |sql: &str| -> Result<u64, JournalError> {
            let count: Option<i64> =
                self.conn.query_row(sql, [], |row| row.get(0)).optional().map_err(storage)?.flatten();
            Ok(count.map_or(0, unsigned))
        };
        let (last, merged, commits) = (
            count("SELECT max(seq) FROM message"),
            count("SELECT value FROM meta WHERE name = 'merged messages'"),
            count("SELECT value FROM meta WHERE name = 'commits'"),
        );
        let last = self.found.of(last)?.unwrap_or(known.messages);
        let merged = self.found.of(merged)?.unwrap_or(0);
        let commits = self.found.of(commits)?.unwrap_or(known.commits);
        let end = mark::shorter(Reached { commits, messages: last }, known);
        self.found.of(end)?;
        for seq in 1..=last {
            let looked = read::in_one_state(&self.conn, |conn| message(conn, self.places, self.keys, seq, merged));
            let looked = self.found.of(looked)?.and_then(|looked| self.found.of(looked).transpose()).transpose()?;
            let Some(seen) = looked else { continue };
            self.found.files += seen.files;
            self.found.file_bytes += seen.file_bytes;
            for what in seen.damaged {
                self.found.note(what);
            }
        }
        self.found.messages = last;
        Ok(())
    }

    /// Every attachment that is whole: there, opened piece by piece, and with the digest that its row says.
    fn uploads(&mut self) -> Result<(), JournalError> {
        let rows = self.upload_rows();
        let mut named = HashSet::new();
        for (system, digest, size, key) in self.found.of(rows)?.unwrap_or_default() {
            let path = uploads::file_of(&self.places.uploads, &key);
            if !named.insert(path.clone()) {
                continue;
            }
            self.found.files += 1;
            self.found.file_bytes += size;
            let wrong = match self.keys {
                Some(keys) => uploads::digest_of(&path, keys, &key).map(|found| found.as_slice() != digest),
                None => path.metadata().map(|file| file.len() != uploads::sealed_size(size)).map_err(Into::into),
            };
            let what = format!("attachment `{}` of `{system}`, file `{}`", seal::hex(&digest), path.display());
            match wrong {
                Ok(false) => {}
                Ok(true) => self.found.note(format!("{what}: other bytes than its row says")),
                Err(error) => self.found.note(format!("{what}: {error}")),
            }
        }
        Ok(())
    }

    fn upload_rows(&self) -> Result<Vec<UploadFile>, JournalError> {
        let sql = "SELECT system, digest, size, key FROM upload WHERE done = 1";
        let mut rows = self.conn.prepare(sql).map_err(storage)?;
        let rows = rows
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, unsigned(row.get(2)?), row.get(3)?)))
            .map_err(storage)?;
        let whole = |(system, digest, size, key): UploadFile| {
            let key = if self.keys.is_some() { wraps::file_key(&self.conn, key)? } else { Some(key) };
            Ok(key.map(|key| (system, digest, size, key)))
        };
        rows.filter_map(|row| row.map_err(storage).and_then(whole).transpose()).collect()
    }
}

/// System, digest, plain size and wrapped key.
type UploadFile = (String, Vec<u8>, u64, Vec<u8>);

/// What one message's look found.
#[derive(Default)]
struct Seen {
    damaged: Vec<String>,
    files: u64,
    file_bytes: u64,
}

/// One message with everything that belongs to it.
fn message(
    conn: &Connection,
    places: &Places,
    keys: Option<&StoreKey>,
    seq: u64,
    merged: u64,
) -> Result<Seen, JournalError> {
    let row = read::full_row(conn, seq)?.ok_or_else(|| damaged("message row", seq))?;
    let mut seen = Seen::default();
    match leaf_message(conn, row.leaf)? {
        Some(id) if id == row.id.to_string() => {}
        _ => seen.damaged.push(format!("message `{}`: its leaf `{}` is not there", row.id, row.leaf)),
    }
    let mut indexed = conn.prepare_cached("SELECT 1 FROM keyed WHERE hash = ?1 AND number = ?2").map_err(storage)?;
    for hash in row.keys.as_deref().map(hashes).unwrap_or_default() {
        if seq <= merged && !indexed.exists(params![hash, signed(seq)]).map_err(storage)? {
            seen.damaged.push(format!("message `{}`: the index of keys does not find it", row.id));
        }
    }
    let mut numbers: Vec<u64> = (1..=row.head.deliveries.len() as u64).map(|n| (seq << 16) | n).collect();
    numbers.extend(read::added(conn, seq)?);
    for number in &numbers {
        let there = |table: &str| -> Result<bool, JournalError> {
            let sql = format!("SELECT 1 FROM {table} WHERE number = ?1");
            conn.prepare_cached(&sql).and_then(|mut rows| rows.exists(params![signed(*number)])).map_err(storage)
        };
        if there("open")? == there("settled")? {
            let id = row.id.delivery(u16::try_from(number & 0xffff).unwrap_or(0));
            seen.damaged.push(format!("delivery `{id}`: neither waiting nor settled, or both"));
        }
    }
    let pruned = super::prune::pruned_at(conn, seq)?.is_some();
    if !pruned {
        files(&row, places, &mut seen);
    }
    if let Some(keys) = keys {
        // What was erased opens for nobody any more, in a backup from before too.
        if let Some(key) = data_key(conn, keys, seq, &row)?.filter(|_| !pruned) {
            opened(conn, places, &row, &key, &numbers, &mut seen);
        }
        super::outcomes::said_of_all(conn, keys, &row, &numbers)?;
    }
    Ok(seen)
}

/// The message that a leaf is about.
fn leaf_message(conn: &Connection, number: u64) -> Result<Option<String>, JournalError> {
    let mut rows = conn.prepare_cached("SELECT body FROM leaf WHERE number = ?1").map_err(storage)?;
    let body: Option<Vec<u8>> =
        rows.query_row(params![signed(number)], |row| row.get(0)).optional().map_err(storage)?;
    let tree: Option<Value> = body.and_then(|body| serde_json::from_slice(&body).ok());
    Ok(tree.and_then(|tree| Some(tree.get("message")?.as_str()?.to_owned())))
}

/// The large parts of a message that lie in files.
fn files(row: &read::MessageRow, places: &Places, seen: &mut Seen) {
    let parts =
        [("original", row.original.is_none()), ("shared", row.shared.is_none() && !row.head.shared_is_original)];
    for (part, _) in parts.iter().filter(|(_, in_file)| *in_file) {
        let path = places.part(part, row.id);
        match path.metadata() {
            Ok(file) => {
                seen.files += 1;
                seen.file_bytes += file.len();
            }
            Err(error) => {
                seen.damaged.push(format!("message `{}`, {part}, file `{}`: {error}", row.id, path.display()));
            }
        }
    }
}

/// The sealed parts of a message and of its deliveries.
fn opened(conn: &Connection, places: &Places, row: &read::MessageRow, key: &DataKey, numbers: &[u64], seen: &mut Seen) {
    let part = |part: &str, sealed: Option<&[u8]>| match sealed {
        Some(sealed) => unpack(key, part, row.id, sealed),
        None => {
            let path = places.part(part, row.id);
            let file = std::fs::read(&path)
                .map_err(|error| JournalError::Damaged(format!("file `{}`: {error}", path.display())))?;
            let named = |_| JournalError::Damaged(format!("file `{}` of message `{}`", path.display(), row.id));
            unpack(key, part, row.id, &file).map_err(named)
        }
    };
    let mut note = |error: JournalError| {
        let what = match error {
            JournalError::Damaged(what) => what,
            other => other.to_string(),
        };
        seen.damaged.push(format!("message `{}`: {what}", row.id));
    };
    let original = match part("original", row.original.as_deref()) {
        Ok(original) if seal::hex(&seal::sha256(&original)) == row.head.sha256 => Some(original),
        Ok(_) => {
            note(damaged("original", row.id));
            None
        }
        Err(error) => {
            note(error);
            None
        }
    };
    if !row.head.shared_is_original
        && let Err(error) = part("shared", row.shared.as_deref())
    {
        note(error);
    }
    if let Some(private) = &row.private
        && let Err(error) = unpack(key, "private", row.id, private)
    {
        note(error);
    }
    for number in numbers {
        let named = Open { number: *number, message: row.id, ..Open::default() };
        let frozen = read::guarded_row::<FrozenRow>(conn, "frozen", *number);
        let Ok(Some(_)) = frozen else { continue };
        if let Err(error) = work::read_frozen(conn, key, &named, original.as_ref(), false) {
            note(error);
        }
    }
}

/// The root of the tree of leaves, from the hashes as they lie there.
fn tree_root(conn: &Connection) -> Result<String, JournalError> {
    let mut rows = conn.prepare("SELECT hash FROM leaf ORDER BY number").map_err(storage)?;
    let mut rows = rows.query([]).map_err(storage)?;
    let mut frontier = Frontier::default();
    while let Some(row) = rows.next().map_err(storage)? {
        frontier.push(row.get(0).map_err(|_| JournalError::Damaged("hash of a leaf".to_owned()))?);
    }
    Ok(seal::hex(&frontier.root()))
}

fn texts(conn: &Connection, sql: &str) -> Result<Vec<String>, JournalError> {
    let mut rows = conn.prepare(sql).map_err(storage)?;
    let rows = rows.query_map([], |row| row.get(0)).map_err(storage)?;
    rows.take(NAMED + 1).map(|row| row.map_err(storage)).collect()
}

/// The number of commits that a store says it has.
pub(super) fn commits(conn: &Connection) -> Result<u64, JournalError> {
    let sql = format!("SELECT value FROM meta WHERE name = 'commits' AND {}", META.sound());
    let count: Option<i64> = conn.query_row(&sql, [], |row| row.get(0)).optional().map_err(storage)?;
    Ok(count.map_or(0, unsigned))
}
