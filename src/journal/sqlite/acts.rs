//! What is done that is no record has leaves too: refusals, readings, revisions, orders, proposals, links of persons, erasures.
//! Such a leaf names the row that says what was done, and binds all of it by an HMAC under a key of the store: the log shows
//! that and when, who has the store can show what, and nobody can change the row afterwards unseen.

use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::super::JournalError;
use super::store::Store;
use super::sums::{ERASURE, LINK, ORDERS, PROPOSAL, READING, REFUSAL};
use super::tables::storage;
use crate::clock::Timestamp;
use crate::journal::leaf::Act;
use crate::seal::{MacKey, StoreKey};

/// An event: of which table its row is, and what of the row does not change after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    event: &'static str,
    table: &'static str,
    columns: &'static str,
    key: &'static [&'static str],
    /// Which rows still are as the event made them.
    still: &'static str,
    /// Whether such a row stays for ever.
    stays: bool,
}

const fn deed(event: &'static str, table: &'static str, columns: &'static str) -> Deed {
    Deed { event, table, columns, key: &["number"], still: "1", stays: true }
}

pub(super) const REFUSED: Deed =
    Deed { key: &["system", "day", "nth"], ..deed("refused", REFUSAL.table, REFUSAL.columns) };
/// Readings are pruned when their time is over.
pub(super) const READ: Deed = Deed { stays: false, ..deed("read", READING.table, READING.columns) };
pub(super) const REVISED: Deed =
    deed("revised", "revision", "number, author, reason, difference, oldest_binary, at, files");
pub(super) const ORDERED: Deed = deed("ordered", ORDERS.table, "number, row");
/// A proposal loses its body when it ends.
pub(super) const PROPOSED: Deed =
    Deed { still: "open = 1", stays: false, ..deed("proposed", PROPOSAL.table, PROPOSAL.columns) };
pub(super) const DECIDED: Deed = deed("decided", PROPOSAL.table, PROPOSAL.columns);
/// A link is ended in its own row.
pub(super) const LINKED: Deed =
    deed("linked", LINK.table, "number, link, source, target, message, at, keys, by, reason");
pub(super) const PARTED: Deed = deed("parted", LINK.table, LINK.columns);
pub(super) const ERASED: Deed = deed("erasure", ERASURE.table, ERASURE.columns);

const DEEDS: [Deed; 9] = [REFUSED, READ, REVISED, ORDERED, PROPOSED, DECIDED, LINKED, PARTED, ERASED];

/// The key of the HMACs.
pub(super) fn key(keys: &StoreKey) -> MacKey {
    keys.derive("deeds v1")
}

impl Deed {
    /// The row's digest, where it is there as the event made it.
    fn digest(&self, conn: &Connection, row: &[&str]) -> Result<Option<[u8; 32]>, JournalError> {
        let Self { table, columns, still, .. } = self;
        let named: Vec<String> = self.key.iter().zip(1..).map(|(column, n)| format!("{column} = ?{n}")).collect();
        let sql =
            format!("SELECT digest_of('{table}', {columns}) FROM {table} WHERE {} AND {still}", named.join(" AND "));
        let mut statement = conn.prepare_cached(&sql).map_err(storage)?;
        statement.query_row(params_from_iter(row), |row| row.get(0)).optional().map_err(storage)
    }
}

impl Store {
    /// Writes the leaf of what was just done: its row is there and named by `row`, the columns of its key with `/` between.
    pub(super) fn did(
        &mut self,
        deed: &Deed,
        row: &str,
        system: Option<&str>,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let key: Vec<&str> = row.split('/').collect();
        let digest = deed.digest(&self.conn, &key)?.ok_or_else(|| gone(deed.table, row))?;
        let mac = self.limits.deeds.mac(&digest);
        let row = format!("{}/{row}", deed.table);
        let body = Act { event: deed.event, row: &row, system, at, mac }.canonical();
        self.put_leaf(&body, &icjs_proof::tree::leaf(&body)).map(drop)
    }
}

/// The rows that leaves speak of and that are not there, or not as they were when the leaf was written.
pub(super) fn damaged_acts(conn: &Connection, keys: Option<&StoreKey>) -> Result<Vec<String>, JournalError> {
    let key = keys.map(key);
    let sql = "SELECT body FROM leaf WHERE instr(body, CAST('\"row\":' AS BLOB)) > 0 ORDER BY number";
    let mut leaves = conn.prepare(sql).map_err(storage)?;
    let mut leaves = leaves.query(params![]).map_err(storage)?;
    let mut wrong = Vec::new();
    while let Some(leaf) = leaves.next().map_err(storage)? {
        let body: Vec<u8> = leaf.get(0).map_err(storage)?;
        let Some((event, row, mac)) = Act::read(&body) else { continue };
        let mut parts = row.split('/');
        let (table, name): (_, Vec<&str>) = (parts.next(), parts.collect());
        let Some(deed) = DEEDS.iter().find(|deed| deed.event == event && Some(deed.table) == table) else { continue };
        if name.len() != deed.key.len() {
            continue;
        }
        match (deed.digest(conn, &name)?, &key) {
            (None, _) if deed.stays => {
                wrong.push(format!(
                    "{} `{}`: the evidence log says `{event}`, and the row is not there",
                    deed.table,
                    name.join("/")
                ));
            }
            (Some(digest), Some(key)) if !key.verify(&digest, &mac) => {
                wrong.push(format!(
                    "{} `{}`: not the row of which the evidence log says `{event}`",
                    deed.table,
                    name.join("/")
                ));
            }
            _ => {}
        }
    }
    Ok(wrong)
}

fn gone(table: &str, row: &str) -> JournalError {
    JournalError::Storage(format!("{table} `{row}` was written and is not there"))
}
