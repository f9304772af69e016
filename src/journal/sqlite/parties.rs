//! Who had to do with a thread: the offices that sent or got its records, as far as they belong to it. An answer that came before its question finds
//! its way when the question comes.

use rusqlite::Connection;

use super::super::{Action, DeliveryView, JournalError, MessageView, Party, State};
use super::SqliteJournal;
use super::prepare::Prepared;
use super::read;
use super::store::Store;
use super::strays::About;
use crate::identifiers::{CaseKey, OfficeId};

/// Records of one thread that are looked at, the oldest: nobody displaces the first by sending more.
const RECORDS: usize = 512;
/// Records of one thread that may wait for a new one, the newest.
const WAITING: usize = 64;
/// Offices that one record's threads name in all: fan-out is bounded.
const PARTIES: usize = 256;

impl Store {
    /// A record of a thread is news to those of it that wait without an office.
    pub(super) fn put_parties(&mut self, message: &Prepared) -> Result<(), JournalError> {
        if message.head.threads.is_empty() {
            return Ok(());
        }
        let mut waiting = Vec::new();
        for thread in &message.head.threads {
            let records = self.index.find(&self.conn, *thread, u64::MAX, WAITING)?;
            let strays = |seq: &u64| self.board.strays(seq << 16).next().is_some_and(|number| number >> 16 == *seq);
            if records.iter().any(strays) {
                waiting.push(*thread);
            }
        }
        if waiting.is_empty() {
            // Whoever has read the store before this commits has read too early.
            self.world += 1;
            return Ok(());
        }
        self.put_cause(&About { persons: waiting, ..About::default() }, true)
    }
}

impl SqliteJournal {
    /// The offices that sent or got records of these threads, the first first. A reference is no secret, so that it alone
    /// opens nothing: a thread belongs to whoever sent its first record and to those who got records from inside; what
    /// somebody else sends about the same case makes them a holder, never an asker, and what names another case does not
    /// count. Where two cases use one reference, the records of the asking record's case decide.
    pub(super) fn parties(
        &self,
        conn: &Connection,
        threads: &[String],
        near: &[CaseKey],
    ) -> Result<Vec<Party>, JournalError> {
        let mut parties: Vec<Party> = Vec::new();
        for thread in threads {
            let mut records = self.of_thread(conn, thread)?;
            if records.iter().any(|record| meets(record, near)) {
                records.retain(|record| record.head.cases.is_empty() || meets(record, near));
            }
            let Some(first) = records.iter().position(establishes) else { continue };
            let opened = records.get(first).map_or(&[][..], |record| &record.head.cases);
            let own = self.joints(conn, opened)?.0.around(opened);
            let mut inside: Vec<OfficeId> = Vec::new();
            for (place, record) in records.iter().enumerate() {
                let insider = place == first || inside.contains(&record.head.office);
                if !insider && !meets(record, &own) {
                    continue;
                }
                let got = record.deliveries.iter().filter(|one| has(one) && CaseKey::any_of(&one.cases, thread));
                let got: Vec<OfficeId> = got.filter_map(|one| one.office.clone()).collect();
                if insider {
                    inside.push(record.head.office.clone());
                    inside.extend_from_slice(&got);
                }
                if record.head.replaced_by.is_some() {
                    continue;
                }
                let all = std::iter::once((record.head.office.clone(), insider));
                for (office, sent) in all.chain(got.into_iter().map(|office| (office, false))) {
                    let party = Party { thread: thread.clone(), office, sent };
                    if parties.len() < PARTIES && !parties.contains(&party) {
                        parties.push(party);
                    }
                }
            }
        }
        Ok(parties)
    }

    /// The oldest records of a thread, oldest first, without withdrawals.
    fn of_thread(&self, conn: &Connection, thread: &str) -> Result<Vec<MessageView>, JournalError> {
        let hash = self.workshop.blind.hash("thread", &[thread]);
        let mut records = Vec::new();
        for seq in self.index.above(conn, hash, 0, RECORDS)? {
            if !read::head_row(conn, seq)?.is_some_and(|row| row.head.threads.contains(&hash)) {
                continue;
            }
            records.extend(self.view(conn, seq)?.filter(|record| record.head.action != Action::Withdraw));
        }
        Ok(records)
    }
}

/// The record names one of these keys.
fn meets(record: &MessageView, keys: &[CaseKey]) -> bool {
    record.head.cases.iter().any(|key| keys.contains(key))
}

/// An answer that came before its question and waits without an office opens no thread.
fn establishes(record: &MessageView) -> bool {
    record.deliveries.is_empty() || record.deliveries.iter().any(|one| one.office.is_some())
}

/// The office has the record, or is about to.
fn has(delivery: &DeliveryView) -> bool {
    let gone = matches!(delivery.state, State::Rejected | State::Superseded | State::Recalled | State::Parked);
    delivery.action != Action::Withdraw && !gone
}
