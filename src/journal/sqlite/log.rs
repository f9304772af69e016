//! The evidence log in the store: leaves, and for every 256 of them the hash over them, for every 256 of those another: the tiles
//! of `icjs_proof::tile` are slices of these rows, and any proof is made of a few hundred. All of it is written in the
//! transaction of what it records.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use icjs_proof::tile::{self, HEIGHT, Tile, WIDTH, What};
use icjs_proof::tree::{self, Frontier, Hash, Nodes};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::{JournalError, LogPart, LogStep, LogVerb};
use super::SqliteJournal;
use super::index::{signed, unsigned};
use super::read;
use super::rows::damaged;
use super::store::Store;
use super::sums::{NODE, STEP};
use super::tables::storage;
use crate::identifiers::{DeliveryId, MessageId};

impl Store {
    /// Adds a leaf; returns its index.
    pub(super) fn put_leaf(&mut self, body: &[u8], hash: &Hash) -> Result<u64, JournalError> {
        let number = self.leaf;
        self.run("INSERT INTO leaf (number, body, hash) VALUES (?1, ?2, ?3)", params![signed(number), body, hash])?;
        self.leaf += 1;
        put_nodes(&self.conn, self.leaf)?;
        Ok(number)
    }
}

impl Store {
    /// Says of which delivery (or, with ordinal 0, of which message) a leaf is.
    pub(super) fn put_step(&self, number: u64, leaf: u64) -> Result<(), JournalError> {
        self.run(&STEP.insert(), params![signed(number), signed(leaf)])
    }
}

impl SqliteJournal {
    /// Looks at the log as it is at one moment.
    pub(super) fn look_at_log(&self, verb: LogVerb) -> Result<LogPart, JournalError> {
        self.readers.with(|conn| {
            let leaves = count(conn)?;
            let log = Log { conn, leaves, known: RefCell::default() };
            let path = |path: Option<Vec<Hash>>| path.map_or(LogPart::Beyond, LogPart::Path);
            match verb {
                LogVerb::Head => Ok(LogPart::Head { size: leaves, root: tree::root(&log, leaves)? }),
                LogVerb::Inclusion { size, .. } | LogVerb::Consistency { size, .. } if size > leaves => {
                    Ok(LogPart::Beyond)
                }
                LogVerb::Inclusion { index, size } => tree::inclusion(&log, index, size).map(path),
                LogVerb::Consistency { old, size } => tree::consistency(&log, old, size).map(path),
                LogVerb::Tile(tile) => log.tile(tile),
                LogVerb::Message(id) => log.message(id),
            }
        })
    }
}

/// Leaves that there are.
pub(super) fn count(conn: &Connection) -> Result<u64, JournalError> {
    let mut last = conn.prepare_cached("SELECT max(number) FROM leaf").map_err(storage)?;
    let last: Option<i64> = last.query_row([], |row| row.get(0)).map_err(storage)?;
    Ok(last.map_or(0, |last| unsigned(last) + 1))
}

/// Writes the hashes that the last of `leaves` completes.
fn put_nodes(conn: &Connection, leaves: u64) -> Result<(), JournalError> {
    let mut level = 1;
    while leaves.is_multiple_of(1 << (level * HEIGHT)) {
        put_node(conn, level, (leaves >> (level * HEIGHT)) - 1)?;
        level += 1;
    }
    Ok(())
}

fn put_node(conn: &Connection, level: u32, number: u64) -> Result<(), JournalError> {
    let hash = whole(&hashes(conn, level - 1, number * WIDTH, WIDTH)?);
    let mut insert = conn.prepare_cached(&NODE.insert()).map_err(storage)?;
    insert.execute(params![level, signed(number), hash]).map(drop).map_err(storage)
}

/// Writes what an older store does not have yet: some hundred thousand leaves a second.
pub(super) fn fill(conn: &Connection) -> Result<(), JournalError> {
    let leaves = count(conn)?;
    let mut level = 1;
    while leaves >> (level * HEIGHT) > 0 {
        for number in 0..leaves >> (level * HEIGHT) {
            put_node(conn, level, number)?;
        }
        level += 1;
    }
    let mut leaves = conn.prepare("SELECT number, body FROM leaf").map_err(storage)?;
    let mut leaves = leaves.query([]).map_err(storage)?;
    while let Some(row) = leaves.next().map_err(storage)? {
        let (leaf, body): (i64, Vec<u8>) = (row.get(0).map_err(storage)?, row.get(1).map_err(storage)?);
        let Some((message, ordinal)) = about(&body) else { continue };
        if let Some(seq) = read::seq_of(conn, message)? {
            let mut insert = conn.prepare_cached(&STEP.insert()).map_err(storage)?;
            insert.execute(params![signed((seq << 16) | u64::from(ordinal)), leaf]).map_err(storage)?;
        }
    }
    Ok(())
}

/// What a leaf is a step of: of a delivery, or of a message that was erased. Not its acceptance.
fn about(body: &[u8]) -> Option<(MessageId, u16)> {
    let tree: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| tree.get(name)?.as_str();
    match text("delivery").and_then(DeliveryId::parse) {
        Some(delivery) => Some((delivery.message(), delivery.ordinal())),
        None => Some((MessageId::parse(text("message").filter(|_| text("event") == Some("erased"))?)?, 0)),
    }
}

/// The first node that is not the hash over what lies below it, or is too many or missing.
pub(super) fn damaged_nodes(conn: &Connection) -> Result<Vec<String>, JournalError> {
    let leaves = count(conn)?;
    let mut wrong = Vec::new();
    let mut expected = 0;
    let mut level = 1;
    while leaves >> (level * HEIGHT) > 0 {
        for number in 0..leaves >> (level * HEIGHT) {
            let known = hashes(conn, level, number, 1);
            let below = hashes(conn, level - 1, number * WIDTH, WIDTH);
            if !matches!((known, below), (Ok(known), Ok(below)) if known == [whole(&below)]) {
                wrong.push(format!("node `{level}/{number}`: not the hash over what lies below it"));
            }
            expected += 1;
        }
        level += 1;
    }
    let count: i64 = conn.query_row("SELECT count(*) FROM node", [], |row| row.get(0)).map_err(storage)?;
    if unsigned(count) > expected {
        wrong.push(format!("node: {count} of them, and {leaves} leaves make {expected}"));
    }
    Ok(wrong)
}

/// The root over some hashes, which are as many as a power of two.
fn whole(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    hashes.iter().for_each(|hash| frontier.push(*hash));
    frontier.root()
}

/// So many hashes of a level of tiles, from one on. Fails where there are fewer, or one is not the hash of what lies below it.
fn hashes(conn: &Connection, level: u32, from: u64, count: u64) -> Result<Vec<Hash>, JournalError> {
    let sql = match level {
        0 => "SELECT number, hash, body FROM leaf WHERE number >= ?1 AND number < ?2 AND ?3 = 0 ORDER BY number"
            .to_owned(),
        _ => format!(
            "SELECT number, hash, NULL FROM node WHERE level = ?3 AND number >= ?1 AND number < ?2 AND {} ORDER BY number",
            NODE.sound()
        ),
    };
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let mut rows = rows.query(params![signed(from), signed(from + count), level]).map_err(storage)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(storage)? {
        let (number, expected) = (unsigned(row.get(0).map_err(storage)?), from + found.len() as u64);
        let body = row.get_ref(2).ok().and_then(|body| body.as_blob().ok());
        let fits = |hash: &Hash| number == expected && body.is_none_or(|body| tree::leaf(body) == *hash);
        let hash = row.get::<_, Hash>(1).ok().filter(fits);
        found.push(hash.ok_or_else(|| damaged("hash of leaf", expected << (level * HEIGHT)))?);
    }
    match found.len() as u64 == count {
        true => Ok(found),
        false => Err(damaged("hash of leaf", (from + found.len() as u64) << (level * HEIGHT))),
    }
}

/// The log as one look sees it: what is read and hashed once serves all paths of that look.
struct Log<'c> {
    conn: &'c Connection,
    leaves: u64,
    known: RefCell<Known>,
}

/// Hashes by level and number: rows of tiles, and what follows from them.
#[derive(Default)]
struct Known {
    tiles: HashMap<(u32, u64), Vec<Hash>>,
    nodes: HashMap<(u32, u64), Hash>,
}

impl Log<'_> {
    fn message(&self, id: MessageId) -> Result<LogPart, JournalError> {
        let size = self.leaves;
        let mut steps = Vec::new();
        if let Some(seq) = read::seq_of(self.conn, id)?
            && let Some(row) = read::head_row(self.conn, seq)?
        {
            steps.push(self.step(None, row.leaf, size)?);
            let sql = format!(
                "SELECT number, leaf FROM step WHERE number BETWEEN ?1 AND ?2 AND {} ORDER BY leaf",
                STEP.sound()
            );
            let mut rows = self.conn.prepare_cached(&sql).map_err(storage)?;
            let mut rows = rows.query(params![signed(seq << 16), signed((seq << 16) | 0xffff)]).map_err(storage)?;
            while let Some(row) = rows.next().map_err(storage)? {
                let (number, leaf) = (unsigned(row.get(0).map_err(storage)?), unsigned(row.get(1).map_err(storage)?));
                let ordinal = u16::try_from(number & 0xffff).unwrap_or(0);
                // What was written after the size was read is for the next look.
                if leaf < size {
                    steps.push(self.step((ordinal > 0).then(|| id.delivery(ordinal)), leaf, size)?);
                }
            }
        }
        Ok(LogPart::Steps { size, root: tree::root(self, size)?, steps })
    }

    fn step(&self, delivery: Option<DeliveryId>, index: u64, size: u64) -> Result<LogStep, JournalError> {
        let mut row = self.conn.prepare_cached("SELECT body, hash FROM leaf WHERE number = ?1").map_err(storage)?;
        let row = row.query_row(params![signed(index)], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Hash>(1)?)));
        let (body, hash) = row.optional().map_err(storage)?.ok_or_else(|| damaged("leaf", index))?;
        if tree::leaf(&body) != hash {
            return Err(damaged("leaf", index));
        }
        let path = tree::inclusion(self, index, size)?.ok_or_else(|| damaged("leaf", index))?;
        Ok(LogStep { delivery, index, body, path })
    }

    /// One hash of a level of tiles, out of its whole tile.
    fn row(&self, level: u32, index: u64) -> Result<Hash, JournalError> {
        let (tile, place) = (index / WIDTH, usize::try_from(index % WIDTH).unwrap_or(usize::MAX));
        let mut known = self.known.borrow_mut();
        let hashes = match known.tiles.entry((level, tile)) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(new) => {
                let there = (self.leaves >> (level * HEIGHT)).saturating_sub(tile * WIDTH).min(WIDTH);
                new.insert(hashes(self.conn, level, tile * WIDTH, there)?)
            }
        };
        hashes.get(place).copied().ok_or_else(|| damaged("hash of leaf", index << (level * HEIGHT)))
    }

    fn tile(&self, tile: Tile) -> Result<LogPart, JournalError> {
        let (level, from) = match tile.what {
            What::Entries => (0, tile.number.saturating_mul(WIDTH)),
            What::Hashes(level) => (level, tile.number.saturating_mul(WIDTH)),
        };
        if from.saturating_add(tile.width) > self.leaves >> (level * HEIGHT) {
            return Ok(LogPart::Beyond);
        }
        if tile.what != What::Entries {
            return Ok(LogPart::Bytes(hashes(self.conn, level, from, tile.width)?.concat()));
        }
        let mut rows = self
            .conn
            .prepare_cached("SELECT number, body, hash FROM leaf WHERE number >= ?1 AND number < ?2 ORDER BY number")
            .map_err(storage)?;
        let mut rows = rows.query(params![signed(from), signed(from + tile.width)]).map_err(storage)?;
        let (mut bundle, mut at) = (Vec::new(), from);
        while let Some(row) = rows.next().map_err(storage)? {
            let number = unsigned(row.get(0).map_err(storage)?);
            let part = |column| row.get_ref(column).ok().and_then(|part| part.as_blob().ok()).unwrap_or_default();
            let (body, hash) = (part(1), part(2));
            // What is damaged is named here, and never handed on as evidence.
            if number != at || tree::leaf(body) != hash || !tile::add(&mut bundle, body) {
                return Err(damaged("leaf", at));
            }
            at += 1;
        }
        if at == from + tile.width { Ok(LogPart::Bytes(bundle)) } else { Err(damaged("leaf", at)) }
    }
}

impl Nodes for Log<'_> {
    type Error = JournalError;

    fn node(&self, level: u32, index: u64) -> Result<Hash, JournalError> {
        if let Some(hash) = self.known.borrow().nodes.get(&(level, index)) {
            return Ok(*hash);
        }
        let (tiles, within) = (level / HEIGHT, level % HEIGHT);
        let hash = match within {
            0 => self.row(tiles, index)?,
            _ => tree::node(&self.node(level - 1, index * 2)?, &self.node(level - 1, index * 2 + 1)?),
        };
        self.known.borrow_mut().nodes.insert((level, index), hash);
        Ok(hash)
    }
}
