//! The board's watchful side: what is parked, by reason, and what has been open for long, looked at in turns so that a
//! million of either costs no more than a few thousand. Read `board` first, and `journal::alert` for what it is for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::{Board, Number, Open};
use crate::clock::Timestamp;
use crate::journal::{Lane, State};

/// Deliveries of one line that one call looks at; the next call goes on behind them.
const LOOKED_AT: usize = 1_000;

/// Parked deliveries by reason.
#[derive(Debug, Default)]
pub(super) struct Stopped(BTreeMap<String, BTreeSet<Number>>);

impl Stopped {
    pub(super) fn enter(&mut self, open: &Open) {
        if open.state == State::Parked {
            self.0.entry(open.code.clone().unwrap_or_default()).or_default().insert(open.number);
        }
    }

    pub(super) fn leave(&mut self, open: &Open) {
        let code = open.code.as_deref().unwrap_or_default();
        if let Some(line) = self.0.get_mut(code).filter(|_| open.state == State::Parked) {
            line.remove(&open.number);
            if line.is_empty() {
                self.0.remove(code);
            }
        }
    }
}

/// Where each look left off.
#[derive(Debug, Default)]
pub struct Rounds {
    open: HashMap<(Arc<str>, Lane), (Timestamp, Number)>,
    stopped: HashMap<String, Number>,
}

impl Board {
    /// Some of the deliveries that were accepted at `before` or earlier and are neither settled nor parked, of the systems
    /// and lanes that somebody wants to know of.
    pub fn waiting_since<'b>(
        &'b self,
        before: Timestamp,
        wanted: impl Fn(&str, Lane) -> bool,
        rounds: &mut Rounds,
    ) -> Vec<&'b Open> {
        let mut found = Vec::new();
        for (key, line) in self.oldest.iter().filter(|((system, lane), _)| wanted(system, *lane)) {
            let mut at = rounds.open.remove(key);
            found.extend(turn(line, &mut at, |(accepted_at, _)| *accepted_at <= before));
            rounds.open.extend(at.map(|at| (key.clone(), at)));
        }
        let waits = |open: &&Open| open.state != State::Parked;
        found.into_iter().filter_map(|(_, number)| self.find(number)).filter(waits).collect()
    }

    /// Some of the parked deliveries of every reason.
    pub fn stopped<'b>(&'b self, rounds: &mut Rounds) -> Vec<&'b Open> {
        let mut found = Vec::new();
        for (code, line) in &self.stopped.0 {
            let mut at = rounds.stopped.remove(code);
            found.extend(turn(line, &mut at, |_| true));
            rounds.stopped.extend(at.map(|at| (code.clone(), at)));
        }
        found.into_iter().filter_map(|number| self.find(number)).collect()
    }

    /// Held deliveries of any system whose deadline has passed, some at a time.
    pub fn held_too_long(&self, now: Timestamp) -> Vec<Number> {
        self.desks.keys().flat_map(|system| self.overdue(system, now)).take(LOOKED_AT).collect()
    }
}

/// The next of an ordered line behind `at`, from the front again once the end was reached.
pub(in crate::journal) fn turn<T: Ord + Copy>(
    line: &BTreeSet<T>,
    at: &mut Option<T>,
    within: impl Fn(&T) -> bool,
) -> Vec<T> {
    let from = at.map_or(Bound::Unbounded, Bound::Excluded);
    let found: Vec<T> =
        line.range((from, Bound::Unbounded)).take_while(|one| within(one)).take(LOOKED_AT).copied().collect();
    *at = found.last().copied().filter(|_| found.len() == LOOKED_AT);
    found
}
