//! How much each reader looks at, so that somebody who reads far more than his work needs is slowed down and seen. A reader is
//! a system, and each officer whom it names. What counts is each different case, message and attachment that was asked for
//! within an hour, found or not; what a feed brings for the first time is brought, not asked for, and counts for nothing.
//! Lives in memory, bounded; after a restart the readings of the last hour fill it again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::config::settings::ReadLimits;
use crate::identifiers::SystemName;
use crate::journal::{Journal, JournalError, Over, Reading, ReadingFilter, ReadingVerb};
use crate::seal::{self, MacKey};

/// What is looked back on, in milliseconds.
const HOUR: i64 = 3_600_000;
/// Officers of one system that are told apart; whoever comes beyond them counts for the system only.
const OFFICERS: usize = 2_000;
/// Looks that are remembered in all; beyond them the readers that were quiet longest are forgotten.
const REMEMBERED: usize = 2_000_000;
/// Readings that are read again at once after a restart.
const PAGE: usize = 500;

/// Who looked at how much.
#[derive(Debug)]
pub struct Readers {
    marks: MacKey,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    readers: HashMap<SystemName, HashMap<Option<String>, Looks>>,
    remembered: usize,
}

/// The looks of one reader within the hour, each thing once, oldest first.
#[derive(Debug, Default)]
struct Looks {
    order: VecDeque<(i64, u64)>,
    things: HashSet<u64>,
}

impl Readers {
    /// Nobody has looked at anything. `marks`: the key under which officers are told apart (`journal::reading::marks`).
    pub fn new(marks: MacKey) -> Self {
        Self { marks, table: Mutex::default() }
    }

    /// Counts what a reading asked for.
    pub fn count(&self, reading: &Reading) {
        let things: Vec<u64> = reading.looks().map(thing).collect();
        self.table().count(reading, reading.mark(&self.marks), &things);
    }

    /// Counts one thing that was asked for and not found.
    pub fn count_miss(&self, reading: &Reading, asked: &str) {
        self.table().count(reading, reading.mark(&self.marks), &[thing(asked)]);
    }

    /// Whether the system and the officer of a reading that begins now may look at more.
    pub fn over(&self, reading: &Reading, limits: ReadLimits) -> Option<Over> {
        let officer = reading.mark(&self.marks);
        let mut table = self.table();
        let as_system = table.judge(&reading.system, None, limits.system, reading.at);
        let as_officer = officer.and_then(|mark| table.judge(&reading.system, Some(mark), limits.officer, reading.at));
        // Whoever has to wait longest is named: then both may look again.
        [as_system, as_officer].into_iter().flatten().max_by_key(|over| over.wait)
    }

    /// All who have looked at all that they may.
    pub fn all_over(&self, now: Timestamp, limits: impl Fn(&str) -> ReadLimits) -> Vec<Over> {
        let mut table = self.table();
        let mut found = Vec::new();
        let systems: Vec<SystemName> = table.readers.keys().cloned().collect();
        for system in systems {
            let ReadLimits { system: of_system, officer: of_officer } = limits(&system);
            let officers: Vec<Option<String>> =
                table.readers.get(&system).into_iter().flat_map(HashMap::keys).cloned().collect();
            for officer in officers {
                let limit = if officer.is_some() { of_officer } else { of_system };
                found.extend(table.judge(&system, officer, limit, now.millis()));
            }
        }
        found
    }

    /// Counts again what the journal has of the last hour: a restart lets nobody look at as much once more.
    pub async fn recall(&self, journal: &dyn Journal, now: Timestamp) -> Result<(), JournalError> {
        let since = Timestamp::from_millis(now.millis().saturating_sub(HOUR));
        let mut filter = ReadingFilter { since: Some(since), limit: PAGE, ..ReadingFilter::default() };
        loop {
            let page = journal.reading(ReadingVerb::List(filter.clone())).await?;
            page.rows.iter().for_each(|(_, reading)| self.count(reading));
            filter.before = page.next;
            if page.next.is_none() {
                break;
            }
            tokio::task::yield_now().await;
        }
        // They came newest first, and others meanwhile.
        let mut table = self.table();
        let all = table.readers.values_mut().flat_map(HashMap::values_mut);
        all.for_each(|looks| looks.order.make_contiguous().sort_unstable());
        Ok(())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count(&mut self, reading: &Reading, officer: Option<String>, things: &[u64]) {
        if reading.system.is_empty() || things.is_empty() {
            return;
        }
        let readers = self.readers.entry(reading.system.clone()).or_default();
        let told_apart = officer.filter(|mark| readers.len() < OFFICERS || readers.contains_key(&Some(mark.clone())));
        for reader in [None].into_iter().chain(told_apart.map(Some)) {
            let looks = readers.entry(reader).or_default();
            for thing in things {
                if looks.things.insert(*thing) {
                    looks.order.push_back((reading.at, *thing));
                    self.remembered += 1;
                }
            }
        }
        if self.remembered > REMEMBERED {
            self.forget_the_quiet();
        }
    }

    /// Whether this reader is over `limit`; what is older than an hour is forgotten on the way.
    fn judge(&mut self, system: &str, officer: Option<String>, limit: u32, now: i64) -> Option<Over> {
        let readers = self.readers.get_mut(system)?;
        let looks = readers.get_mut(&officer)?;
        let before = looks.order.len();
        while let Some((_, thing)) = looks.order.pop_front_if(|(at, _)| *at <= now.saturating_sub(HOUR)) {
            looks.things.remove(&thing);
        }
        self.remembered -= before - looks.order.len();
        if looks.order.is_empty() {
            readers.remove(&officer);
            if readers.is_empty() {
                self.readers.remove(system);
            }
            return None;
        }
        let allowed = usize::try_from(limit).unwrap_or(usize::MAX);
        if limit == 0 || looks.order.len() < allowed {
            return None;
        }
        let at = |place: usize| looks.order.get(place).map_or(now, |(at, _)| *at);
        // It may look again when so many have become old that fewer than the limit are left.
        let wait = at(looks.order.len() - allowed).saturating_add(HOUR).saturating_sub(now);
        let since = Timestamp::from_millis(at(allowed - 1));
        Some(Over { system: system.to_owned(), officer, since, limit, wait: wait.clamp(1, HOUR) })
    }

    fn forget_the_quiet(&mut self) {
        let mut quiet: Vec<(i64, SystemName, Option<String>)> = Vec::new();
        for (system, readers) in &self.readers {
            let last = |looks: &Looks| looks.order.back().map_or(0, |(at, _)| *at);
            quiet.extend(readers.iter().map(|(officer, looks)| (last(looks), system.clone(), officer.clone())));
        }
        quiet.sort_unstable();
        for (_, system, officer) in quiet {
            if self.remembered <= REMEMBERED / 4 * 3 {
                break;
            }
            let Some(readers) = self.readers.get_mut(&system) else { continue };
            self.remembered -= readers.remove(&officer).map_or(0, |looks| looks.order.len());
        }
        tracing::warn!("more is looked at than can be remembered: the readers that were quiet longest begin anew");
    }
}

/// A thing as it is remembered: 64 bits of a digest.
fn thing(name: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = seal::sha256(name.as_bytes());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(officer: &str, at: i64, cases: std::ops::Range<u32>) -> Reading {
        Reading {
            at,
            system: "court".to_owned(),
            officer: Some(format!("{officer}; Clerk")),
            call: "messages".to_owned(),
            messages: cases.map(|case| case.to_string()).collect(),
            ..Reading::default()
        }
    }

    const LIMITS: ReadLimits = ReadLimits { system: 10, officer: 4 };

    fn readers() -> Readers {
        Readers::new(MacKey::new(b"marks"))
    }

    #[test]
    fn an_officer_is_over_alone_and_the_system_with_the_sum_of_all() {
        let readers = readers();
        readers.count(&reading("A", 0, 0..3));
        readers.count(&reading("A", 0, 0..3));
        assert_eq!(readers.over(&reading("A", 1, 0..0), LIMITS), None, "the same thing counts once");
        readers.count(&reading("A", 5, 3..4));
        let over = readers.over(&reading("A", 6, 0..0), LIMITS).unwrap();
        assert_eq!((over.officer.is_some(), over.since.millis(), over.limit, over.wait), (true, 5, 4, HOUR - 6));
        assert_eq!(readers.over(&reading("B", 6, 0..0), LIMITS), None);
        readers.count(&reading("B", 7, 4..7));
        readers.count(&reading("C", 8, 7..10));
        let over = readers.over(&reading("D", 9, 0..0), LIMITS).unwrap();
        assert_eq!((over.officer, over.since.millis(), over.limit), (None, 8, 10));
        assert_eq!(readers.all_over(Timestamp::from_millis(9), |_| LIMITS).len(), 2);
        let none = ReadLimits { system: 0, officer: 0 };
        assert!(readers.all_over(Timestamp::from_millis(9), |_| none).is_empty());
    }

    #[test]
    fn after_an_hour_it_may_look_again_and_nothing_is_left_in_memory() {
        let readers = readers();
        readers.count(&reading("A", 0, 0..4));
        assert!(readers.over(&reading("A", HOUR - 1, 0..0), LIMITS).is_some());
        assert_eq!(readers.over(&reading("A", HOUR, 0..0), LIMITS), None);
        assert!(readers.table().readers.is_empty());
        assert_eq!(readers.table().remembered, 0);
    }

    #[test]
    fn officers_without_number_take_no_memory_and_count_for_their_system() {
        let readers = readers();
        for nth in 0..u32::try_from(OFFICERS).unwrap() + 50 {
            readers.count(&reading(&nth.to_string(), 0, nth..nth + 1));
        }
        assert_eq!(readers.table().readers["court"].len(), OFFICERS);
        let all = readers.over(&reading("new", 1, 0..0), ReadLimits { system: 2_050, officer: 4 });
        assert_eq!(all.unwrap().officer, None);
    }
}
