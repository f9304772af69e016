//! Digests of rows that carry no guard in their own form (`rows::guard`): the engine computes and checks them itself, by
//! functions of ours. `sum_of(...)` digests the columns of a row as it is written; `sound(guard, ...)` is 1 where they agree,
//! and otherwise ends the statement with an error that names the row; `unsound` only names it. They find damage, not malice;
//! `digest_of` is the whole digest, for those that do.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ffi};

use crate::seal;

/// A table whose rows are digested: its name, how many columns name a row, and the columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summed {
    pub(super) table: &'static str,
    named_by: usize,
    pub(super) columns: &'static str,
}

const fn summed(table: &'static str, named_by: usize, columns: &'static str) -> Summed {
    Summed { table, named_by, columns }
}

pub(super) const FEED: Summed = summed("feed", 3, "system, class, position, number, office, kind");
pub(super) const LINK: Summed =
    summed("link", 1, "number, link, source, target, message, at, keys, by, reason, ended_at, ended_by, ended_reason");
pub(super) const SAID: Summed = summed("said", 2, "number, nth, word, mac, wrapped, sealed");
pub(super) const VERSION: Summed = summed("version", 1, "seq, next");
pub(super) const ORDERS: Summed = summed("orders", 0, "row");
pub(super) const UPLOAD: Summed = summed("upload", 2, "system, digest, size, done, key, at, bound");
pub(super) const CARRIED: Summed = summed("carried", 2, "digest, seq");
pub(super) const SPENT: Summed = summed("spent", 0, "jti, until");
pub(super) const REFUSAL: Summed = summed("refusal", 3, "system, day, nth, at, code, digest");
pub(super) const COUNTER: Summed = summed("counter", 1, "name, count");
pub(super) const META: Summed = summed("meta", 1, "name, value");
pub(super) const HELD: Summed = summed("held", 3, "person, prison, seq, at, holds");
pub(super) const CAUSE: Summed = summed("cause", 0, "about, upto");

pub(super) const PRUNED: Summed = summed("pruned", 1, "seq, at");
pub(super) const PROPOSAL: Summed = summed("proposal", 1, "number, open, id, wrapped, sealed, body");
pub(super) const READING: Summed = summed("reading", 1, "number, at, system, id, wrapped, sealed");

pub(super) const CASE_KEY: Summed = summed("case_key", 1, "seq, wrapped");
pub(super) const FILE_KEY: Summed = summed("file_key", 1, "number, wrapped");
pub(super) const ERASURE: Summed = summed("erasure", 1, "number, at, by, ground, reason, cases, messages");

pub(super) const NODE: Summed = summed("node", 2, "level, number, hash");
pub(super) const STEP: Summed = summed("step", 2, "number, leaf");

/// All of them.
pub(super) const SUMMED: [Summed; 21] = [
    FEED, LINK, SAID, VERSION, ORDERS, UPLOAD, CARRIED, SPENT, REFUSAL, COUNTER, META, HELD, CAUSE, PRUNED, READING,
    CASE_KEY, FILE_KEY, ERASURE, PROPOSAL, NODE, STEP,
];
/// Those that were made with their digests.
pub(super) const LATER: [&str; 8] =
    ["pruned", "reading", "case_key", "file_key", "erasure", "proposal", "node", "step"];

/// How an error of the engine begins that says that a row is not as it was written.
pub(super) const DAMAGED: &str = "not as it was written: ";

impl Summed {
    /// Its first column.
    pub(super) fn key(&self) -> &'static str {
        self.columns.split(',').next().unwrap_or("guard")
    }

    /// The SQL that is 1 for a row that is as it was written.
    pub(super) fn sound(&self) -> String {
        format!("sound(guard, '{}', {}, {})", self.table, self.named_by, self.columns)
    }

    /// The SQL that is the name of a row that is not as it was written, and NULL for any other.
    pub(super) fn unsound(&self) -> String {
        self.sound().replacen("sound", "unsound", 1)
    }

    /// The SQL of the digest of a row with these values in place of its columns.
    pub(super) fn sum(&self, values: &str) -> String {
        format!("sum_of('{}', {values})", self.table)
    }

    /// An `INSERT` of one row: its columns, then its digest.
    pub(super) fn insert(&self) -> String {
        let count = self.columns.split(',').count();
        let values: Vec<String> = (1..=count).map(|n| format!("?{n}")).collect();
        let (table, columns, values) = (self.table, self.columns, values.join(", "));
        format!("INSERT INTO {table} ({columns}, guard) VALUES ({values}, {})", self.sum(&values))
    }

    /// The same in place of a row that is there.
    pub(super) fn replace(&self) -> String {
        self.insert().replacen("INSERT", "INSERT OR REPLACE", 1)
    }

    /// What gives the rows of an older store their digests.
    pub(super) fn upgrade(&self) -> String {
        let (table, sum) = (self.table, self.sum(self.columns));
        format!("ALTER TABLE {table} ADD COLUMN guard INTEGER; UPDATE {table} SET guard = {sum};")
    }
}

/// Teaches a connection both functions.
pub(super) fn install(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("sum_of", -1, flags, |context| sum(context, 0, 1))?;
    conn.create_scalar_function("digest_of", -1, flags, |context| digest(context, 0, 1))?;
    conn.create_scalar_function("unsound", -1, flags, |context| Ok((!is_sound(context)?).then(|| name(context))))?;
    conn.create_scalar_function("sound", -1, flags, |context| {
        if is_sound(context)? {
            return Ok(1);
        }
        let code = ffi::Error::new(ffi::SQLITE_ERROR);
        Err(rusqlite::Error::SqliteFailure(code, Some(format!("{DAMAGED}{}", name(context)))))
    })
}

fn is_sound(context: &Context<'_>) -> rusqlite::Result<bool> {
    let sum = sum(context, 1, 3)?;
    Ok(matches!(context.get_raw(0), ValueRef::Integer(said) if said == sum))
}

/// The first eight bytes of the digest.
fn sum(context: &Context<'_>, table: usize, first: usize) -> rusqlite::Result<i64> {
    let [a, b, c, d, e, f, g, h, ..] = digest(context, table, first)?;
    Ok(i64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// SHA-256 over the table's name and the values from column `first` on.
fn digest(context: &Context<'_>, table: usize, first: usize) -> rusqlite::Result<[u8; 32]> {
    let mut digest = seal::Sha256::new();
    digest.update(context.get_raw(table).as_bytes()?);
    for column in first..context.len() {
        let (mark, bytes): (u8, &[u8]) = match context.get_raw(column) {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(number) => {
                digest.update(&[1]);
                digest.update(&number.to_le_bytes());
                continue;
            }
            ValueRef::Real(number) => {
                digest.update(&[2]);
                digest.update(&number.to_le_bytes());
                continue;
            }
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(bytes) => (4, bytes),
        };
        digest.update(&[mark]);
        digest.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(bytes);
    }
    Ok(digest.finish())
}

/// Names the row by its first columns.
fn name(context: &Context<'_>) -> String {
    let table = context.get_raw(1).as_str().unwrap_or("a table");
    let named_by = context.get::<i64>(2).ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let name = |column: usize| match context.get_raw(column) {
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => seal::hex(bytes),
        ValueRef::Null | ValueRef::Real(_) => "?".to_owned(),
    };
    let names: Vec<String> = (3..context.len()).take(named_by).map(name).collect();
    if names.is_empty() { format!("a row of `{table}`") } else { format!("{table} `{}`", names.join("/")) }
}
