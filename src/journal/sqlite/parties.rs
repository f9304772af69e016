//! Who had to do with a thread: the offices that sent or got its records. An answer that came before its question finds
//! its way when the question comes.

use rusqlite::Connection;

use super::super::{Action, DeliveryView, JournalError, Party, State};
use super::SqliteJournal;
use super::prepare::Prepared;
use super::read;
use super::store::Store;
use super::strays::About;
use crate::identifiers::CaseKey;

/// Records of one thread that are looked at, the newest.
const RECORDS: usize = 64;
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
            let records = self.index.find(&self.conn, *thread, u64::MAX, RECORDS)?;
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
    /// The offices that sent or got records of these threads, the first first.
    pub(super) fn parties(&self, conn: &Connection, threads: &[String]) -> Result<Vec<Party>, JournalError> {
        let mut parties: Vec<Party> = Vec::new();
        for thread in threads {
            let hash = self.workshop.blind.hash("thread", &[thread]);
            let mut records = self.index.find(conn, hash, u64::MAX, RECORDS)?;
            records.reverse();
            for seq in records {
                let Some(view) = self.view(conn, seq)? else { continue };
                let counts = view.head.action != Action::Withdraw && view.head.replaced_by.is_none();
                if !counts || !read::head_row(conn, seq)?.is_some_and(|row| row.head.threads.contains(&hash)) {
                    continue;
                }
                let got = view
                    .deliveries
                    .iter()
                    .filter(|one| has(one) && CaseKey::any_of(&one.cases, thread))
                    .filter_map(|one| one.office.clone());
                let all = std::iter::once((view.head.office.clone(), true)).chain(got.map(|office| (office, false)));
                for (office, sent) in all {
                    let party = Party { thread: thread.clone(), office, sent };
                    if parties.len() < PARTIES && !parties.contains(&party) {
                        parties.push(party);
                    }
                }
            }
        }
        Ok(parties)
    }
}

/// The office has the record, or is about to.
fn has(delivery: &DeliveryView) -> bool {
    let gone = matches!(delivery.state, State::Rejected | State::Superseded | State::Recalled | State::Parked);
    delivery.action != Action::Withdraw && !gone
}
