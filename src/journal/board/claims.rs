//! The board's working side: leases are handed out, run out and are checked; corrections find their place; who was
//! overtaken is noted. Read `board` first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Board, Number, Open};
use crate::clock::{Moment, Timestamp};
use crate::journal::lanes::{LineKey, Place, Spot};
use crate::journal::{JournalError, Lane, LeaseToken, State};

/// By less than this a clock is not set back: it is put right, and everything waits for so much longer.
const SET_BACK: Duration = Duration::from_secs(2);
/// How many overtaking or overtaken deliveries are named in a list.
const NAMED: usize = 100;

/// Of so many pushes that begin while both wait, one is of a batch.
const BULK_SHARE: usize = 16;

impl Board {
    /// Leases up to `limit` due deliveries of a system: liberty first, then what came by itself, then what came in batches,
    /// which keeps a small share so that it gets on while live records never end.
    pub fn claim(&mut self, system: &str, limit: usize, now: Moment, lease: Duration, only: bool) -> Vec<Number> {
        self.tick(system, now);
        let Some(desk) = self.desks.get(system) else { return Vec::new() };
        let [liberty, live, bulk] = &desk.ready;
        let share = limit / BULK_SHARE + usize::from(self.tokens.is_multiple_of(BULK_SHARE as u64));
        let first = limit.saturating_sub(share);
        // `take`, not `filter`: behind an open breaker stand many, and every wake would walk past all of them.
        let rest = live.iter().take(first).chain(bulk).chain(live.iter().skip(first));
        let rest = rest.take(if only { 0 } else { limit });
        let chosen: Vec<Number> = liberty.iter().chain(rest).take(limit).map(|spot| spot.number).collect();
        for number in &chosen {
            let Some(mut open) = self.find(*number).cloned() else { continue };
            self.tokens += 1;
            open.lease = Some((self.tokens, now.steady.saturating_add(lease)));
            self.leases.insert(self.tokens, *number);
            if open.lane == Lane::Liberty && open.attempts == 0 && open.first_attempt_until.is_none() {
                let until = now.steady.saturating_add(self.push_timeout);
                open.first_attempt_until = Some(until);
                self.desks.entry(open.system.clone()).or_default().first_attempts.insert((until, *number));
            }
            self.replace(open);
        }
        chosen
    }

    /// Lets time pass: leases that ran out and retries that are due become ready, slow first attempts hold nobody.
    fn tick(&mut self, system: &str, now: Moment) {
        self.set_back(system, now.wall);
        let Some(desk) = self.desks.get_mut(system) else { return };
        let expired = due(&desk.leased, now.steady);
        let slow = due(&desk.first_attempts, now.steady);
        let retries = due(&desk.due, now.wall);
        desk.first_attempts.retain(|(at, _)| *at > now.steady);
        for number in expired {
            self.change(number, |open| open.lease = None);
        }
        for number in slow {
            self.change(number, |open| open.slow = true);
        }
        for number in retries {
            self.unseat(number);
            self.take_seat(number, super::Seat::Ready);
        }
    }

    /// A clock that was set back takes along what waits for a moment by the old one: else it would wait as much longer.
    fn set_back(&mut self, system: &str, now: Timestamp) {
        let Some(desk) = self.desks.get_mut(system) else { return };
        let back = desk.asked.since(now);
        desk.asked = now;
        if back < SET_BACK {
            return;
        }
        let waiting: Vec<Number> = desk.due.iter().map(|(_, number)| *number).collect();
        for number in waiting {
            self.change(number, |open| open.due = open.due.map(|at| at.before(back)));
        }
    }

    /// Acceptance of the oldest unsettled delivery by system and lane.
    pub fn oldest(&self) -> impl Iterator<Item = (&Arc<str>, Lane, Timestamp)> {
        self.oldest.iter().filter_map(|((system, lane), line)| Some((system, *lane, line.first()?.0)))
    }

    /// Held deliveries whose deadline has passed.
    pub fn overdue(&self, system: &str, now: Timestamp) -> Vec<Number> {
        self.desks.get(system).map_or_else(Vec::new, |desk| due(&desk.held, now))
    }

    /// The open delivery that a lease names, while nobody else holds it.
    pub fn leased(&self, lease: &LeaseToken) -> Result<&Open, JournalError> {
        let open = self.leases.get(&lease.token).and_then(|number| self.find(*number));
        open.filter(|open| open.id() == lease.delivery).ok_or(JournalError::StaleLease)
    }

    /// Changes one delivery in place.
    pub fn change(&mut self, number: Number, change: impl FnOnce(&mut Open)) {
        if let Some(mut open) = self.find(number).cloned() {
            change(&mut open);
            self.replace(open);
        }
    }

    /// The place behind everything in these lines that is under way or stopped, and before everything still queued, but
    /// never before `base`: where the correction with sequence number `seq` goes.
    pub fn behind(&self, keys: &[LineKey], base: Place, seq: u64) -> Place {
        // Who is claimed is on its way, though its row says `queued` until its bytes are frozen.
        let moves = |open: &Open| open.state != State::Queued || open.lease.is_some();
        let moving = |spot: Spot| self.find(spot.number).is_some_and(moves);
        let last = keys.iter().filter_map(|key| self.lanes.front(*key, moving).last().copied()).max();
        let first = last.map_or(base.first, |spot| spot.place.first.max(base.first));
        Place { first, then: seq }
    }

    /// Earlier liberty deliveries of the same person or case that are not settled at this office, oldest first.
    pub fn after(&self, open: &Open) -> Vec<Number> {
        if open.lane != Lane::Liberty {
            return Vec::new();
        }
        // A correction stands at the place of what it corrects: what was accepted between the two is earlier all the same, and
        // so is one that took the place of something that was accepted before `open`, or before that whose place `open` took.
        let spot = open.spot();
        let near =
            |key: &LineKey| self.liberty.front(*key, |other| other.place.first < open.number.max(spot.place.first));
        let took = |other: &Spot| other.place.accepted() < spot.place.accepted();
        let earlier = |other: &Spot| *other < spot || other.number < open.number || took(other);
        let all: BTreeSet<Spot> = open.keys.iter().flat_map(near).filter(earlier).collect();
        all.into_iter().map(|spot| spot.number).filter(|number| *number != open.number).take(NAMED).collect()
    }

    /// Those that `open` overtakes when its first byte leaves now: earlier, not settled, and not on their way in order.
    pub fn overtaken(&self, open: &Open) -> Vec<Number> {
        let passed = |number: &Number| {
            self.find(*number).is_some_and(|other| {
                let under_way = other.state == State::Available || other.stands;
                !under_way && other.overtaken_by.len() < NAMED && !other.overtaken_by.contains(&open.number)
            })
        };
        self.after(open).into_iter().filter(passed).collect()
    }
}

fn due<T: Ord>(line: &BTreeSet<(T, Number)>, now: T) -> Vec<Number> {
    line.iter().take_while(|(at, _)| *at <= now).map(|(_, number)| *number).collect()
}
