//! Where persons are held, by what custody updates say: one row for each that a prison said of a person, which is blind. A
//! corrected or withdrawn update counts no more; the newest by its own time counts, whenever it came.

use rusqlite::{Connection, params};

use super::super::{Action, Held, JournalError};
use super::SqliteJournal;
use super::correct::Replaced;
use super::index::signed;
use super::prepare::Prepared;
use super::store::Store;
use super::strays::About;
use super::sums::HELD;
use super::tables::storage;
use crate::clock::Timestamp;
use crate::identifiers::OfficeId;

/// Rows of one person at one prison that are kept.
const KEPT: i64 = 8;
/// Rows of one person that are looked at.
const LOOKED_AT: i64 = 256;

impl Store {
    pub(super) fn put_whereabouts(
        &mut self,
        message: &Prepared,
        seq: u64,
        replaced: Option<&Replaced>,
    ) -> Result<(), JournalError> {
        let old = replaced.map_or(&[][..], Replaced::persons);
        let new = if message.whereabouts.is_empty() { &[][..] } else { message.head.persons.as_slice() };
        let persons: Vec<i64> = old.iter().chain(new).copied().collect();
        let before = self.whereabouts(&persons)?;
        self.write_whereabouts(message, seq, replaced)?;
        let after = self.whereabouts(&persons)?;
        let moved: Vec<i64> = persons
            .iter()
            .zip(before.iter().zip(&after))
            .filter(|(_, (before, after))| before != after)
            .map(|(person, _)| *person)
            .collect();
        if moved.is_empty() {
            return Ok(());
        }
        self.put_cause(&About { persons: moved, ..About::default() }, true)
    }

    fn whereabouts(&self, persons: &[i64]) -> Result<Vec<Vec<OfficeId>>, JournalError> {
        let prisons = |person: &i64| Ok(holders(&self.conn, *person)?.into_iter().map(|(prison, _)| prison).collect());
        persons.iter().map(prisons).collect()
    }

    fn write_whereabouts(
        &mut self,
        message: &Prepared,
        seq: u64,
        replaced: Option<&Replaced>,
    ) -> Result<(), JournalError> {
        for person in replaced.map_or(&[][..], Replaced::persons) {
            let old = replaced.map_or(0, Replaced::seq);
            self.run("DELETE FROM held WHERE person = ?1 AND seq = ?2", params![person, signed(old)])?;
        }
        if message.whereabouts.is_empty() || message.head.action == Action::Withdraw {
            return Ok(());
        }
        for person in &message.head.persons {
            for one in &message.whereabouts {
                let prison = one.prison.as_str();
                self.run(&HELD.replace(), params![person, prison, signed(seq), one.at.millis(), one.holds])?;
                let sql = "DELETE FROM held WHERE person = ?1 AND prison = ?2 AND seq NOT IN
                           (SELECT seq FROM held WHERE person = ?1 AND prison = ?2 ORDER BY at DESC, seq DESC LIMIT ?3)";
                self.run(sql, params![person, prison, KEPT])?;
            }
        }
        Ok(())
    }
}

impl SqliteJournal {
    /// The prisons that hold these persons.
    pub(super) fn held(&self, conn: &Connection, persons: &[String]) -> Result<Vec<Held>, JournalError> {
        let mut found = Vec::new();
        for person in persons {
            for (prison, at) in holders(conn, self.workshop.blind.hash("person", &[person]))? {
                found.push(Held { person: person.clone(), office: prison, at });
            }
        }
        Ok(found)
    }
}

/// The prisons whose newest word of a person is that they hold them, with its time.
pub(super) fn holders(conn: &Connection, person: i64) -> Result<Vec<(OfficeId, Timestamp)>, JournalError> {
    let sound = HELD.sound();
    let sql = format!(
        "SELECT prison, at, holds FROM held WHERE person = ?1 AND {sound} ORDER BY prison, at DESC, seq DESC LIMIT ?2"
    );
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let mut rows = rows.query(params![person, LOOKED_AT]).map_err(storage)?;
    let mut newest: Vec<(String, Timestamp, bool)> = Vec::new();
    while let Some(row) = rows.next().map_err(storage)? {
        let prison: String = row.get(0).map_err(storage)?;
        if newest.last().is_some_and(|(known, ..)| *known == prison) {
            continue;
        }
        let at = Timestamp::from_millis(row.get(1).map_err(storage)?);
        newest.push((prison, at, row.get(2).map_err(storage)?));
    }
    let holds = newest.into_iter().filter(|(.., holds)| *holds);
    Ok(holds.filter_map(|(prison, at, ..)| Some((OfficeId::parse(&prison).ok()?, at))).collect())
}
