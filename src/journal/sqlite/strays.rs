//! Causes of re-routing and what is done about them. A cause is a row that is written with the news it is about, and goes
//! with its last step. A delivery that moves keeps its id, and a row says where it goes now.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::super::board::Number;
use super::super::{JournalError, Move, Moving, State, StrayVerb, Strays};
use super::SqliteJournal;
use super::index::{signed, unsigned};
use super::orders::Added;
use super::read;
use super::rows::json;
use super::store::{Change, Store};
use super::sums::CAUSE;
use super::tables::storage;
use crate::clock::Timestamp;
use crate::faults;
use crate::identifiers::{CaseKey, MessageId};

/// Messages of one key that one step looks through.
const LOOKED_THROUGH: usize = 4096;

/// What a cause is about.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct About {
    /// Case keys; with all that links join to them.
    pub(super) cases: Vec<String>,
    /// Persons and threads, blind.
    pub(super) persons: Vec<i64>,
    /// Everything, under this revision; 0: the cause is no revision.
    pub(super) revision: u64,
}

/// A move that is ready to be written.
struct Prepared {
    number: Number,
    was: String,
    to: Option<Added>,
    besides: bool,
}

impl Store {
    /// Says in the transaction that is open that something is to be looked at again. `news`: whoever has read the store
    /// before this commits has read too early.
    pub(super) fn put_cause(&mut self, about: &About, news: bool) -> Result<(), JournalError> {
        self.run(&CAUSE.insert(), params![json(about)?, 0])?;
        if news {
            self.world += 1;
        }
        self.board.ring("");
        Ok(())
    }

    /// The next messages with a stray delivery, and up to where was looked.
    fn strays(
        &self,
        hashes: &[i64],
        all: bool,
        upto: u64,
        limit: usize,
    ) -> Result<(Vec<MessageId>, u64, bool), JournalError> {
        let mut seqs: Vec<u64> = Vec::new();
        // Beyond this nobody has looked.
        let mut last = u64::MAX;
        if all {
            let numbers: Vec<Number> = self.board.strays((upto + 1) << 16).take(LOOKED_THROUGH).collect();
            if let Some(end) = numbers.last().filter(|_| numbers.len() == LOOKED_THROUGH) {
                last = end >> 16;
            }
            seqs.extend(numbers.iter().map(|number| number >> 16));
        }
        for hash in hashes {
            let found = self.index.above(&self.conn, *hash, upto, LOOKED_THROUGH)?;
            if let Some(end) = found.last().filter(|_| found.len() == LOOKED_THROUGH) {
                last = last.min(*end);
            }
            seqs.extend(
                found.iter().filter(|seq| self.board.strays(**seq << 16).next().is_some_and(|n| n >> 16 == **seq)),
            );
        }
        seqs.sort_unstable();
        seqs.dedup();
        seqs.retain(|seq| *seq <= last);
        if seqs.len() > limit {
            seqs.truncate(limit);
            last = seqs.last().copied().unwrap_or(last);
        }
        let mut messages = Vec::new();
        for seq in &seqs {
            messages.extend(read::id_of(&self.conn, *seq)?);
        }
        let done = last == u64::MAX;
        let end = if done { self.seq } else { last };
        Ok((messages, end, done))
    }

    fn moved(&mut self, step: &Strays, moves: Vec<Prepared>, at: Timestamp) -> Result<(), JournalError> {
        self.write()?;
        for one in moves {
            let mut changes = Vec::new();
            self.move_one(one, at, &mut changes)?;
            self.apply(changes);
        }
        let cause = signed(step.cause);
        if step.done {
            self.run("DELETE FROM cause WHERE number = ?1", params![cause])
        } else {
            let sql = format!("UPDATE cause SET upto = ?2, guard = {} WHERE number = ?1", CAUSE.sum("about, ?2"));
            self.run(&sql, params![cause, signed(step.upto)])
        }
    }

    fn move_one(&mut self, one: Prepared, at: Timestamp, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        let Some(open) = self.board.find(one.number).filter(|open| *open.office == *one.was).cloned() else {
            return Ok(());
        };
        let Some(new) = one.to else {
            return match open.office.is_empty() {
                true => self.end(&open, State::Superseded, at, changes),
                false => Ok(()),
            };
        };
        // Who is claimed may be on its way.
        if one.besides || open.left() || open.lease.is_some() {
            return self.add(new, Some(open.place), at, changes).map(drop);
        }
        self.displace(open, new, changes)
    }
}

impl SqliteJournal {
    pub(super) async fn strays(&self, verb: StrayVerb) -> Result<Strays, JournalError> {
        match verb {
            StrayVerb::Next(limit) => self.next_strays(limit).await,
            StrayVerb::Moved(step, moves) => {
                let mut prepared = Vec::with_capacity(moves.len());
                for one in &moves {
                    prepared.extend(self.prepare_move(one)?);
                }
                let (told, at) = (step.clone(), self.clock.now());
                faults::point("reroute::before");
                self.writer.run(move |store| store.moved(&told, prepared, at)).await?;
                faults::point("reroute::after");
                Ok(step)
            }
        }
    }

    async fn next_strays(&self, limit: usize) -> Result<Strays, JournalError> {
        let found = self.readers.with(|conn| {
            let sql = format!("SELECT number, about, upto FROM cause WHERE {} ORDER BY number LIMIT 1", CAUSE.sound());
            let row =
                |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?));
            let found = conn.prepare_cached(&sql).and_then(|mut rows| rows.query_row([], row).optional());
            let Some((number, about, upto)) = found.map_err(storage)? else { return Ok(None) };
            let number = unsigned(number);
            let about: About = serde_json::from_slice(&about).map_err(|_| super::rows::damaged("cause", number))?;
            let mut cases: Vec<CaseKey> = about.cases.iter().filter_map(|key| CaseKey::parse(key)).collect();
            for joint in self.joints(conn, &cases)?.0.0 {
                cases.extend([joint.link.from, joint.link.to]);
            }
            let mut hashes: Vec<i64> =
                cases.iter().map(|key| self.workshop.blind.hash("case", &[key.as_str()])).collect();
            hashes.extend(&about.persons);
            hashes.sort_unstable();
            hashes.dedup();
            Ok(Some((number, hashes, about.revision, unsigned(upto))))
        })?;
        let Some((cause, hashes, revision, upto)) = found else { return Ok(Strays::default()) };
        let look = move |store: &mut Store| store.strays(&hashes, revision > 0, upto, limit);
        let (messages, upto, done) = self.writer.run(look).await?;
        Ok(Strays { cause, messages, upto, done, revision })
    }

    fn prepare_move(&self, one: &Move) -> Result<Option<Prepared>, JournalError> {
        self.readers.with(|conn| {
            let Some((number, ..)) = super::outcomes::delivery_row(conn, one.delivery)? else { return Ok(None) };
            let (to, besides) = match &one.to {
                Moving::Elsewhere(to) => (Some(to), false),
                Moving::Besides(to) => (Some(to), true),
                Moving::Nowhere => (None, false),
            };
            let to = match to {
                Some(to) => self.added(conn, number, to)?,
                None => None,
            };
            let was = one.was.as_ref().map_or_else(String::new, |office| office.as_str().to_owned());
            Ok(Some(Prepared { number, was, to, besides }))
        })
    }
}
