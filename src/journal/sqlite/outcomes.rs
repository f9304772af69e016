//! What receivers say: the first outcome settles its delivery, later ones are added, contradictions are refused. The
//! message that takes an outcome back to the sender is written in the same transaction.

use rusqlite::params;

use super::super::board::Open;
use super::super::lanes::Place;
use super::super::{JournalError, LeaseToken, Outcome, OutcomeAnswer, OutcomeEntry, OutcomeWord, State};
use super::SqliteJournal;
use super::append::Done;
use super::index::signed;
use super::links::Source;
use super::orders::Added;
use super::prepare::{Prepared, PreparedLink, Standing};
use super::read;
use super::read::MessageRow;
use super::rows::{DeliveryRow, HeadRow, SettledRow, json, pack, unpack};
use super::store::{Change, Ending, Store, settled_counter};
use super::sums::SAID;
use super::tables::storage;
use super::words;
use super::wraps::data_key;
use crate::clock::Timestamp;
use crate::faults;
use crate::identifiers::DeliveryId;
use crate::journal::leaf::Leaf;
use crate::seal::{self, DataKey, StoreKey};

/// An outcome that is ready to be written.
pub(super) struct PreparedOutcome {
    number: u64,
    word: OutcomeWord,
    corrects: bool,
    /// Over what is said, without when and by whom: the same words said again are no news.
    mac: [u8; 16],
    sealed: Vec<u8>,
    /// The delivery, the office that says it, and what binds the words in the log. `None`: the leaf of an entry says it, or
    /// the one of the delivery's end, as of a bare `received`.
    leaf: Option<(DeliveryId, String, [u8; 32])>,
    entry: Option<Prepared>,
    links: Vec<PreparedLink>,
    sent_on: Option<Added>,
    kind: String,
    system: String,
}

impl Store {
    /// Writes an outcome that came by itself, not as the end of an attempt.
    fn answer(&mut self, outcome: PreparedOutcome, at: Timestamp) -> Result<OutcomeAnswer, JournalError> {
        let found = self.board.find(outcome.number).cloned();
        // What never left cannot be answered: to this caller it is not there.
        if found.as_ref().is_some_and(|open| !open.left() && open.state != State::Available) {
            return Ok(OutcomeAnswer::NotFound);
        }
        self.write()?;
        let mut changes = Vec::new();
        let answer = match found {
            Some(open) => self.outcome(Open { lease: None, ..open }, outcome, at, &mut changes)?,
            None => self.later(outcome, at, &mut changes)?,
        };
        self.apply(changes);
        Ok(answer)
    }

    /// Writes an outcome of a delivery that is on the board.
    pub(super) fn outcome(
        &mut self,
        open: Open,
        mut outcome: PreparedOutcome,
        at: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<OutcomeAnswer, JournalError> {
        // One that holds its lane by a rejection is answered as a settled one is. Any other open one was never answered, or
        // is sent again by a person's order: what its receiver says now settles it, whatever it said the last time.
        let before = self.said_before(&outcome)?;
        if let Some(known) = before.filter(|_| open.state == State::Rejected) {
            return Ok(known);
        }
        let news = before != Some(OutcomeAnswer::Already);
        let sent_on = outcome.sent_on.take().filter(|_| news);
        let (state, place) = (words::settles_as(outcome.word), open.place);
        let mac = None;
        let answer = if open.state == State::Rejected {
            // It holds its lane. Only the receiver's own correction that it took the record after all changes that, or
            // that it goes elsewhere.
            if (outcome.corrects && state == State::Delivered) || sent_on.is_some() {
                self.settle_open(&Ending { open: &open, state, code: None, at, mac }, changes)?;
            }
            OutcomeAnswer::Added
        } else if state == State::Rejected && open.park_on_reject && !open.released && sent_on.is_none() {
            let code = Some(words::outcome(outcome.word).to_owned());
            let rejected = Open { state, code, ..open };
            self.prove(&rejected, &Ending { open: &rejected, state, code: None, at, mac })?;
            self.change(rejected, changes)?;
            OutcomeAnswer::Settled
        } else {
            let code = (state == State::Rejected).then_some(words::outcome(outcome.word));
            self.settle_open(&Ending { open: &open, state, code, at, mac }, changes)?;
            if outcome.word == OutcomeWord::Received {
                self.await_person(&open, changes)?;
            }
            OutcomeAnswer::Settled
        };
        if news {
            self.put_said(outcome, at, changes)?;
        }
        self.send_on(sent_on, place, at, changes)?;
        Ok(answer)
    }

    /// Writes an outcome of a delivery that is settled.
    fn later(
        &mut self,
        mut outcome: PreparedOutcome,
        at: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<OutcomeAnswer, JournalError> {
        let settled: Option<SettledRow> = read::guarded_row(&self.conn, "settled", outcome.number)?;
        let Some(mut settled) = settled.filter(|row| row.state != State::Superseded) else {
            return Ok(OutcomeAnswer::NotFound);
        };
        if let Some(known) = self.said_before(&outcome)? {
            return Ok(known);
        }
        let state = words::settles_as(outcome.word);
        if outcome.corrects && settled.state == State::Rejected && state == State::Delivered {
            let (system, kind) = (&outcome.system, &outcome.kind);
            changes.push(Change::Count(settled_counter(system, kind, settled.state), -1));
            changes.push(Change::Count(settled_counter(system, kind, state), 1));
            (settled.state, settled.code) = (state, None);
            self.put("settled", outcome.number, &settled)?;
        }
        let sent_on = outcome.sent_on.take();
        self.put_said(outcome, at, changes)?;
        self.send_on(sent_on, settled.place, at, changes)?;
        Ok(OutcomeAnswer::Added)
    }

    /// The record goes to the office that was named, in the place of the delivery that went astray.
    fn send_on(
        &mut self,
        to: Option<Added>,
        place: Place,
        at: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<(), JournalError> {
        let Some(to) = to else { return Ok(()) };
        self.add(to, Some(place), at, changes).map(drop)
    }

    /// Whether these words were said before, or contradict what was.
    fn said_before(&self, outcome: &PreparedOutcome) -> Result<Option<OutcomeAnswer>, JournalError> {
        let sql = format!("SELECT word, mac FROM said WHERE number = ?1 AND {} ORDER BY nth", SAID.sound());
        let mut rows = self.conn.prepare_cached(&sql).map_err(storage)?;
        let said = rows
            .query_map(params![signed(outcome.number)], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .map_err(storage)?;
        let said: Vec<(String, Vec<u8>)> = said.collect::<Result<_, _>>().map_err(storage)?;
        if said.iter().any(|(_, mac)| mac.as_slice() == outcome.mac) {
            return Ok(Some(OutcomeAnswer::Already));
        }
        let was = |word: OutcomeWord| said.iter().any(|(text, _)| text == words::outcome(word));
        let against = match outcome.word {
            OutcomeWord::Executed => was(OutcomeWord::NotExecuted) || was(OutcomeWord::Rejected),
            OutcomeWord::NotExecuted => was(OutcomeWord::Rejected),
            _ => false,
        };
        Ok((against && !outcome.corrects).then_some(OutcomeAnswer::Conflict))
    }

    /// Writes the words, the message that carries them back, and the links that they bring.
    fn put_said(
        &mut self,
        outcome: PreparedOutcome,
        at: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<(), JournalError> {
        let number = signed(outcome.number);
        if outcome.word != OutcomeWord::Received {
            self.answered(outcome.number, changes)?;
        }
        let sum = SAID.sum("?1, count(*), ?2, ?3, ?4, ?5");
        let sql = format!(
            "INSERT INTO said (number, nth, word, mac, wrapped, sealed, guard)
             SELECT ?1, count(*), ?2, ?3, ?4, ?5, {sum} FROM said WHERE number = ?1"
        );
        let word = words::outcome(outcome.word);
        self.run(&sql, params![number, word, outcome.mac, [0_u8; 0], outcome.sealed])?;
        if let Some((delivery, office, mac)) = &outcome.leaf {
            let (message, delivery, mac) = (delivery.message(), Some(*delivery), Some(*mac));
            let event = words::said(outcome.word);
            let body = Leaf { event, message, delivery, kind: &outcome.kind, office, at, mac }.canonical();
            let leaf = self.put_leaf(&body, &icjs_proof::tree::leaf(&body))?;
            self.put_step(outcome.number, leaf)?;
        }
        let mut about = outcome.number >> 16;
        if let Some(entry) = outcome.entry {
            about = self.seq;
            if let Done::New(_, leaf, _) = self.insert_message(entry, None, changes)? {
                self.put_step(outcome.number, leaf)?;
            }
        }
        let source = Source::Message { seq: about, at, written: at };
        self.put_links(&outcome.links, &source, None, changes)
    }
}

impl SqliteJournal {
    pub(super) async fn answer_all(&self, outcomes: Vec<OutcomeEntry>) -> Result<Vec<OutcomeAnswer>, JournalError> {
        let mut prepared = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            prepared.push(match self.prepare_outcome(outcome, None).await {
                Ok(outcome) => Some(outcome),
                Err(JournalError::StaleLease) => None,
                Err(error) => return Err(error),
            });
        }
        let at = self.clock.now();
        let answer = move |store: &mut Store| {
            let each = prepared.into_iter().map(|outcome| match outcome {
                Some(outcome) => store.answer(outcome, at),
                None => Ok(OutcomeAnswer::NotFound),
            });
            each.collect()
        };
        faults::point("answer::before");
        let answers = self.writer.run(answer).await?;
        faults::point("answer::after");
        Ok(answers)
    }

    /// Seals an outcome and its message. `StaleLease` where the system has no such delivery.
    pub(super) async fn prepare_outcome(
        &self,
        outcome: OutcomeEntry,
        lease: Option<&LeaseToken>,
    ) -> Result<PreparedOutcome, JournalError> {
        let delivery = outcome.delivery;
        let said = &outcome.outcome;
        let words = json(said)?;
        let seal = |key: &DataKey| -> Result<_, JournalError> {
            Ok((pack(key, "said", delivery.message(), &words)?, key.mac(&seal::sha256(&words))))
        };
        let office = |row: DeliveryRow| row.office.unwrap_or_default();
        let alone = outcome.entry.is_none() && said.outcome != OutcomeWord::Received;
        let (number, kind, office, (sealed, mac)) = match lease.filter(|lease| lease.delivery == delivery) {
            Some(lease) => {
                let row = if alone { self.readers.with(|conn| delivery_row(conn, delivery))? } else { None };
                let office = row.map(|(_, row, _)| office(row)).unwrap_or_default();
                (lease.record.number, lease.record.kind.clone(), office, seal(&lease.record.key)?)
            }
            None => self.readers.with(|conn| {
                let found = delivery_row(conn, delivery)?.filter(|(_, row, _)| row.system == outcome.system);
                let (number, row, kind) = found.ok_or(JournalError::StaleLease)?;
                // Of a record that was erased nothing is said any more.
                let key = self.key_of_delivered(conn, number)?.ok_or(JournalError::StaleLease)?;
                Ok((number, kind, office(row), seal(&key)?))
            })?,
        };
        let event = words::said(said.outcome);
        let entry = match outcome.entry {
            Some(entry) => {
                let holders = self.holders(&entry.cases)?;
                let standing = Standing { root: None, about: Some((delivery, event)), holders };
                Some(self.workshop.prepare(*entry, standing).await?)
            }
            None => None,
        };
        let sent_on = match &outcome.sent_on {
            Some(to) => self.readers.with(|conn| self.added(conn, number, to))?,
            None => None,
        };
        let same = json(&(words::outcome(said.outcome), &said.reference, &said.code, &said.reason))?;
        Ok(PreparedOutcome {
            number,
            word: said.outcome,
            corrects: said.corrects == Some(true),
            mac: self.workshop.blind.words(&same),
            sealed,
            leaf: alone.then_some((delivery, office, mac)),
            entry,
            links: outcome.links.into_iter().map(|link| self.workshop.link(link)).collect(),
            sent_on,
            kind,
            system: outcome.system,
        })
    }
}

/// A delivery's number, its row as made, and the kind of its message.
pub(super) fn delivery_row(
    conn: &rusqlite::Connection,
    delivery: DeliveryId,
) -> Result<Option<(u64, DeliveryRow, String)>, JournalError> {
    let Some(seq) = read::seq_of(conn, delivery.message())? else { return Ok(None) };
    let Some(message) = read::head_row(conn, seq)? else { return Ok(None) };
    let number = (seq << 16) | u64::from(delivery.ordinal());
    let row = made(conn, &message.head, number)?;
    Ok(row.map(|row| (number, row, message.head.kind)))
}

/// A delivery of a message: as it was made with the message or later, or as it was moved since.
pub(super) fn made(
    conn: &rusqlite::Connection,
    head: &HeadRow,
    number: u64,
) -> Result<Option<DeliveryRow>, JournalError> {
    let nth = usize::try_from(number & 0xffff).unwrap_or(0).wrapping_sub(1);
    match head.deliveries.get(nth) {
        Some(row) => Ok(read::guarded_row(conn, "moved", number)?.or_else(|| Some(row.clone()))),
        None => read::guarded_row(conn, "added", number),
    }
}

/// Opens everything that was said of these deliveries.
pub(super) fn said_of_all(
    conn: &rusqlite::Connection,
    keys: &StoreKey,
    message: &MessageRow,
    numbers: &[u64],
) -> Result<(), JournalError> {
    numbers.iter().try_for_each(|number| said(conn, keys, message, *number).map(drop))
}

/// What was said of a delivery, oldest first; of an erased record the bare words only. What has no wrap of its own is sealed
/// under the record's key: before format 6 each had one.
pub(super) fn said(
    conn: &rusqlite::Connection,
    keys: &StoreKey,
    message: &MessageRow,
    number: u64,
) -> Result<Vec<Outcome>, JournalError> {
    let sql = format!("SELECT word, wrapped, sealed FROM said WHERE number = ?1 AND {} ORDER BY nth", SAID.sound());
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let rows = rows
        .query_map(params![signed(number)], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .map_err(storage)?;
    let mut said = Vec::new();
    for row in rows {
        let (word, wrapped, sealed) = row.map_err(storage)?;
        let damaged = || super::rows::damaged("outcome of message", message.id);
        let key = match wrapped.as_slice() {
            [] => data_key(conn, keys, number >> 16, message)?,
            gone if gone.iter().all(|byte| *byte == 0) => None,
            wrapped => Some(keys.unwrap(wrapped).map_err(|_| damaged())?),
        };
        said.push(match key {
            Some(key) => serde_json::from_slice(&unpack(&key, "said", message.id, &sealed)?).map_err(|_| damaged())?,
            None => {
                let delivery = message.id.delivery(u16::try_from(number & 0xffff).unwrap_or(0)).to_string();
                let bare = serde_json::json!({"delivery": delivery, "outcome": word});
                serde_json::from_value(bare).map_err(|_| damaged())?
            }
        });
    }
    Ok(said)
}
