//! The tables of the SQLite store and how a connection is set up. What each table is for stands beside it.
//! A change of any of them is a new `FORMAT` and a step in `STEPS` that brings older stores up.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::super::JournalError;
use super::sums::{self, LATER, SUMMED, Summed};

/// The format of the store that this binary writes (`PRAGMA user_version`).
pub(super) const FORMAT: u32 = 8;

const TABLES: &str = "
-- One row a message, in the order of acceptance; never changed. `keys`: hashes for the index below, eight bytes each.
-- `original` and `shared`: compressed and sealed under the key in `wrapped`; NULL: in a file, or (shared) the original.
CREATE TABLE message (
    seq INTEGER PRIMARY KEY, id BLOB NOT NULL, leaf INTEGER NOT NULL, head BLOB NOT NULL, guard INTEGER NOT NULL,
    wrapped BLOB NOT NULL, keys BLOB NOT NULL, private BLOB, original BLOB, shared BLOB
);
-- Ids are version 7: this index grows at its right edge.
CREATE UNIQUE INDEX message_id ON message (id);
-- Hash of an idempotency key, case key or person reference, or of a link's end: to message.seq, or to link.number.
-- Filled in sorted bulk up to the marks in `meta`; newer rows are found in memory.
CREATE TABLE keyed (hash INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (hash, number)) WITHOUT ROWID;
CREATE TABLE link (
    number INTEGER PRIMARY KEY, link TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
    message INTEGER NOT NULL, at INTEGER NOT NULL, keys BLOB NOT NULL
);
-- The narrow queue: deliveries that are not settled, or hold their lane.
CREATE TABLE open (number INTEGER PRIMARY KEY, row BLOB NOT NULL, guard INTEGER NOT NULL);
CREATE TABLE settled (number INTEGER PRIMARY KEY, row BLOB NOT NULL, guard INTEGER NOT NULL);
-- Bytes as they left; `bytes` is NULL where they are the bytes as received.
CREATE TABLE frozen (number INTEGER PRIMARY KEY, row BLOB NOT NULL, guard INTEGER NOT NULL, bytes BLOB);
-- What receivers said, in order; the words sealed under a key of their own.
CREATE TABLE said (
    number INTEGER NOT NULL, nth INTEGER NOT NULL, word TEXT NOT NULL, mac BLOB NOT NULL, wrapped BLOB NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (number, nth)
) WITHOUT ROWID;
-- Deliveries made after acceptance, by a person's order.
CREATE TABLE added (number INTEGER PRIMARY KEY, row BLOB NOT NULL, guard INTEGER NOT NULL);
-- The next version of a message.
CREATE TABLE version (seq INTEGER PRIMARY KEY, next INTEGER NOT NULL);
-- Class 0 is liberty.
CREATE TABLE feed (
    system TEXT NOT NULL, class INTEGER NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,
    office TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (system, class, position)
) WITHOUT ROWID;
-- The evidence log, from index 0.
CREATE TABLE leaf (number INTEGER PRIMARY KEY, body BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE orders (number INTEGER PRIMARY KEY, row BLOB NOT NULL);
CREATE TABLE upload (
    system TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL, done INTEGER NOT NULL, key BLOB NOT NULL,
    at INTEGER NOT NULL, bound INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (system, digest)
) WITHOUT ROWID;
CREATE INDEX upload_unbound ON upload (at) WHERE bound = 0;
CREATE TABLE carried (digest BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (digest, seq)) WITHOUT ROWID;
CREATE TABLE revision (
    number INTEGER PRIMARY KEY, author TEXT NOT NULL, reason TEXT NOT NULL, difference TEXT NOT NULL,
    oldest_binary TEXT NOT NULL, at INTEGER NOT NULL, files BLOB NOT NULL, guard INTEGER NOT NULL
);
CREATE TABLE spent (jti TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX spent_until ON spent (until);
CREATE TABLE refusal (
    system TEXT NOT NULL, day INTEGER NOT NULL, nth INTEGER NOT NULL, at INTEGER, code TEXT, digest BLOB,
    PRIMARY KEY (system, day, nth)
) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
";

const FROM_1: &str = "
-- `message`: which brought it, 0 where a person did (`by`, `reason`). One that ended stays, with who ended it and why.
ALTER TABLE link ADD COLUMN by TEXT;
ALTER TABLE link ADD COLUMN reason TEXT;
ALTER TABLE link ADD COLUMN ended_at INTEGER;
ALTER TABLE link ADD COLUMN ended_by TEXT;
ALTER TABLE link ADD COLUMN ended_reason TEXT;
CREATE INDEX link_message ON link (message);
-- Where persons are held, by what each custody update says: HMAC of a person's reference, the prison, the message.
CREATE TABLE held (
    person INTEGER NOT NULL, prison TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, holds INTEGER NOT NULL,
    PRIMARY KEY (person, prison, seq)
) WITHOUT ROWID;
-- Where a delivery of a message's own goes now, if not where it was to go at acceptance.
CREATE TABLE moved (number INTEGER PRIMARY KEY, row BLOB NOT NULL, guard INTEGER NOT NULL);
-- News by which waiting deliveries are routed again; `upto`: messages that were looked at. Gone once worked off.
CREATE TABLE cause (number INTEGER PRIMARY KEY, about BLOB NOT NULL, upto INTEGER NOT NULL);
-- One row a rule and subject. `told`: somebody was told of its last change, or nobody is to be.
CREATE TABLE alert (
    number INTEGER PRIMARY KEY, rule TEXT NOT NULL, subject TEXT NOT NULL, open INTEGER NOT NULL, told INTEGER NOT NULL,
    row BLOB NOT NULL, guard INTEGER NOT NULL
);
CREATE UNIQUE INDEX alert_subject ON alert (rule, subject);
CREATE INDEX alert_open ON alert (number) WHERE open = 1;
CREATE INDEX alert_untold ON alert (number) WHERE told = 0;
-- Liberty deliveries that their receiver's machine has, and of which no person has said anything yet.
CREATE TABLE awaited (number INTEGER PRIMARY KEY, row BLOB NOT NULL, guard INTEGER NOT NULL);
";

const FROM_3: &str = "
-- Messages whose payload was pruned, and when: their parts and the bytes that left are NULL.
CREATE TABLE pruned (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, guard INTEGER);
";

const FROM_4: &str = "
-- Who was given personal data, and by which call: the words sealed under a key of their own, tied to `id`.
CREATE TABLE reading (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, system TEXT NOT NULL, id BLOB NOT NULL, wrapped BLOB NOT NULL,
    sealed BLOB NOT NULL, guard INTEGER
);
CREATE INDEX reading_at ON reading (at);
";

const FROM_5: &str = "
-- Keys of cases, each wrapped by the store's key, that the message of this number brought: `seal::WRAPPED_KEY_LEN` bytes
-- each, zeros where it was destroyed. Row 0 belongs to no message: it tells the store's key from another. See `wraps`.
CREATE TABLE case_key (seq INTEGER PRIMARY KEY, wrapped BLOB NOT NULL, guard INTEGER);
-- Keys of attachments' files, wrapped by the store's key; zeros once destroyed.
CREATE TABLE file_key (number INTEGER PRIMARY KEY, wrapped BLOB NOT NULL, guard INTEGER);
-- Cases that were made unreadable: who ordered it, on what ground and why; the case keys and messages by a space between.
CREATE TABLE erasure (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, ground TEXT NOT NULL, reason TEXT NOT NULL,
    cases TEXT NOT NULL, messages TEXT NOT NULL, guard INTEGER
);
";

const FROM_6: &str = "
-- What waits for a second person, and what became of it: words and what is to be done sealed under a key of their own, tied to
-- `id`. `body` is NULL once it has ended.
CREATE TABLE proposal (
    number INTEGER PRIMARY KEY, open INTEGER NOT NULL, id BLOB NOT NULL, wrapped BLOB NOT NULL, sealed BLOB NOT NULL,
    body BLOB, guard INTEGER
);
CREATE INDEX proposal_open ON proposal (number) WHERE open = 1;
";

const FROM_7: &str = "
-- For every 256 leaves the hash over them (level 1), for every 256 of those another (level 2), and so on. See `log`.
CREATE TABLE node (
    level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, guard INTEGER, PRIMARY KEY (level, number)
) WITHOUT ROWID;
-- The leaves of what became of a delivery, and (delivery 0) of a message after its acceptance, whose leaf its row names.
CREATE TABLE step (
    number INTEGER NOT NULL, leaf INTEGER NOT NULL, guard INTEGER, PRIMARY KEY (number, leaf)
) WITHOUT ROWID;
";

/// What makes each format of the one before; a new store takes all of them. Format 3 gave every row a digest: what is
/// written in an older store gets it now, which takes some seconds for a million messages, once.
fn steps(found: u32) -> String {
    let older = SUMMED.iter().filter(|summed| !LATER.contains(&summed.table));
    let sums: String = older.map(Summed::upgrade).collect();
    let steps = [TABLES, FROM_1, &sums, FROM_3, FROM_4, FROM_5, FROM_6, FROM_7];
    steps.get(usize::try_from(found).unwrap_or(0)..).unwrap_or_default().concat()
}

/// The writer's connection; makes the tables of a new store and refuses one of a newer format.
pub(super) fn open_writer(path: &Path) -> Result<Connection, JournalError> {
    let conn = Connection::open(path).map_err(storage)?;
    sums::install(&conn).map_err(storage)?;
    conn.busy_timeout(Duration::from_secs(30)).map_err(storage)?;
    let found: u32 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(storage)?;
    if found > FORMAT {
        return Err(JournalError::TooNew { found, known: FORMAT });
    }
    if found == 0 {
        conn.execute_batch("PRAGMA page_size = 4096").map_err(storage)?;
    }
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
         PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;",
    )
    .map_err(storage)?;
    if found < FORMAT {
        let steps = steps(found);
        conn.execute_batch(&format!("BEGIN IMMEDIATE; {steps} PRAGMA user_version = {FORMAT};")).map_err(storage)?;
        super::log::fill(&conn)?;
        conn.execute_batch("COMMIT").map_err(storage)?;
    }
    prepared_once(&conn)?;
    Ok(conn)
}

/// The tables and indexes that are not as this format makes them: a flipped letter there may give a column another meaning.
pub(super) fn damaged_schema(conn: &Connection) -> Result<Vec<String>, JournalError> {
    let model = Connection::open_in_memory().map_err(storage)?;
    sums::install(&model).and_then(|()| model.execute_batch(&steps(0))).map_err(storage)?;
    let (model, mut found) = (schema(&model)?, schema(conn)?);
    let mut wrong: Vec<String> = Vec::new();
    for (name, text) in &model {
        if found.remove(name).as_ref() != Some(text) {
            wrong.push(format!("definition of `{name}`"));
        }
    }
    wrong.extend(found.into_keys().map(|name| format!("definition of `{name}`, which nobody made")));
    Ok(wrong)
}

/// Every table and index by name, as it was defined. Spaces do not count: what was altered has others.
fn schema(conn: &Connection) -> Result<BTreeMap<String, String>, JournalError> {
    let sql = "SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema";
    let mut rows = conn.prepare(sql).map_err(storage)?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).map_err(storage)?;
    let plain = |(name, text): (String, String)| (name, text.split_whitespace().collect::<String>());
    rows.map(|row| row.map(plain).map_err(storage)).collect()
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(storage)?;
    sums::install(&conn).map_err(storage)?;
    conn.busy_timeout(Duration::from_secs(5)).map_err(storage)?;
    conn.execute_batch("PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;").map_err(storage)?;
    prepared_once(&conn)?;
    Ok(conn)
}

/// Statements are prepared once. Without the stability guarantee the engine, built with `STAT4`, prepares a range query
/// again whenever another value is bound to it: a fifth of the time of an accept.
fn prepared_once(conn: &Connection) -> Result<(), JournalError> {
    conn.set_prepared_statement_cache_capacity(64);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop).map_err(storage)
}

/// What an error of the engine means for its caller.
#[expect(clippy::needless_pass_by_value, reason = "shaped for `map_err`")]
pub(super) fn storage(error: rusqlite::Error) -> JournalError {
    if let rusqlite::Error::SqliteFailure(_, Some(message)) = &error
        && let Some(row) = message.strip_prefix(sums::DAMAGED)
    {
        return JournalError::Damaged(row.to_owned());
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => JournalError::Full,
        Some(ErrorCode::SystemIoFailure) => JournalError::Fatal(error.to_string()),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            JournalError::Damaged(format!("a page of `journal.db` or its log: {error}"))
        }
        _ => JournalError::Storage(error.to_string()),
    }
}
