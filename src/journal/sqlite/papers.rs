//! The other papers of a record's case, for rules that compare, and the tally of a period. Both are bounded looks: a rule may
//! miss something in a case of hundreds of records, and never holds up the one that comes.

use std::collections::BTreeSet;

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::super::{Action, Joints, JournalError, Paper, SnapshotAsk, Tally, TallyAsk};
use super::SqliteJournal;
use super::index::{signed, unsigned};
use super::read::{self, MessageRow};
use super::tables::storage;
use super::views::before;
use super::wraps::data_key;
use crate::seal::DataKey;

/// Of the oldest and of the newest messages under one number of a case, so many are looked at: the FIR is among the oldest.
const LOOKED_AT: usize = 64;
/// Numbers of one matter that are looked under.
const NUMBERS: usize = 16;
/// Papers that are opened.
const MOST: usize = 64;

impl SqliteJournal {
    /// The papers that were asked for. What cannot be read is left out: that is for `store verify` to say, not for the sender
    /// of another record to suffer.
    pub(super) fn papers(&self, conn: &Connection, ask: &SnapshotAsk, links: &Joints) -> Vec<Paper> {
        let mut papers = Vec::new();
        if ask.papers.is_empty() {
            return papers;
        }
        for seq in self.near(conn, ask, links).unwrap_or_default() {
            if papers.len() < MOST {
                papers.extend(self.paper(conn, ask, seq).ok().flatten());
            }
        }
        papers
    }

    /// What may be a paper of the case, oldest first.
    fn near(&self, conn: &Connection, ask: &SnapshotAsk, links: &Joints) -> Result<BTreeSet<u64>, JournalError> {
        let mut keys = links.same(&ask.cases);
        for origin in links.origins(&ask.cases) {
            if !keys.contains(&origin) {
                keys.push(origin);
            }
        }
        let mut near = BTreeSet::new();
        for key in keys.iter().take(NUMBERS) {
            let hash = self.workshop.blind.hash("case", &[key.as_str()]);
            near.extend(self.index.above(conn, hash, 0, LOOKED_AT)?);
            near.extend(self.index.find(conn, hash, u64::MAX, LOOKED_AT)?);
        }
        Ok(near)
    }

    fn paper(&self, conn: &Connection, ask: &SnapshotAsk, seq: u64) -> Result<Option<Paper>, JournalError> {
        let Some(head) = read::head_row(conn, seq)? else { return Ok(None) };
        let wanted = ask.papers.contains(&head.head.kind) && head.head.action != Action::Withdraw;
        if !wanted || Some(head.id) == ask.replaces || read::next_version(conn, seq)?.is_some() {
            return Ok(None);
        }
        if super::prune::pruned_at(conn, seq)?.is_some() {
            return Ok(None);
        }
        let Some(row) = read::full_row(conn, seq)? else { return Ok(None) };
        let Some(key) = data_key(conn, &self.workshop.keys, seq, &row)? else { return Ok(None) };
        let shared = self.shared_form(&row, &key)?;
        Ok(self.view(conn, seq)?.map(|view| Paper { view, shared }))
    }

    fn shared_form(&self, row: &MessageRow, key: &DataKey) -> Result<Bytes, JournalError> {
        if row.head.shared_is_original {
            self.open_part(row, key, "original", row.original.as_deref())
        } else {
            self.open_part(row, key, "shared", row.shared.as_deref())
        }
    }

    /// Counts what was accepted in a period, from the clear heads: nothing is opened for it.
    pub(super) fn count_warned(&self, ask: &TallyAsk) -> Result<Tally, JournalError> {
        self.readers.with(|conn| {
            let after = match ask.after {
                Some(id) => read::seq_of(conn, id)?.unwrap_or(0),
                None => before(conn, ask.since)?,
            };
            let sql = "SELECT seq FROM message WHERE seq > ?1 ORDER BY seq LIMIT ?2";
            let mut rows = conn.prepare_cached(sql).map_err(storage)?;
            let limit = i64::try_from(ask.limit).unwrap_or(i64::MAX);
            let seqs = rows.query_map(params![signed(after), limit], |row| row.get::<_, i64>(0)).map_err(storage)?;
            let seqs: Vec<u64> = seqs.map(|seq| seq.map(unsigned).map_err(storage)).collect::<Result<_, _>>()?;
            let full = seqs.len() == ask.limit;
            let (mut tally, mut last) = (Tally::default(), None);
            for seq in seqs {
                let Some(row) = read::head_row(conn, seq)? else { continue };
                last = Some(row.id);
                // Numbers are given at the commit, a little later than the time: one second beyond the end is looked through.
                if row.head.accepted_at.millis() > ask.until.millis().saturating_add(1000) {
                    return Ok(tally);
                }
                let within = (ask.since..ask.until).contains(&row.head.accepted_at);
                if within && row.head.about.is_none() {
                    note(&mut tally, row);
                }
            }
            tally.next = last.filter(|_| full);
            Ok(tally)
        })
    }
}

fn note(tally: &mut Tally, row: MessageRow) {
    let one = tally.rows.entry((row.head.system, row.head.kind)).or_default();
    one.records += 1;
    one.warned += u64::from(!row.head.rules.is_empty());
    for rule in row.head.rules {
        *one.rules.entry(rule).or_default() += 1;
    }
}
