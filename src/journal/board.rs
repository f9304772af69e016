//! Every delivery that is not settled, in memory: who waits, whose turn it is, what is leased, what a feed shows, how many
//! there are. A copy of the rows and never the truth: a store rebuilds it at start to exactly the same waits.
//! Pure: no storage, and time is given. Owned by one thread; a change is made here only once its row is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::lanes::{Lanes, Spot};
use super::wakes::Hint;
use super::{Lane, State};
use crate::clock::Timestamp;

/// Liberty's feed counter, and that of everything else.
pub const CLASSES: usize = 2;

/// Who is pushed first: liberty, what came by itself, what came in a batch.
const QUEUES: usize = 3;

/// What is kept for one receiving system.
#[derive(Debug, Default)]
struct Desk {
    ready: [BTreeSet<Spot>; QUEUES],
    due: BTreeSet<(Timestamp, Number)>,
    leased: BTreeSet<(Duration, Number)>,
    held: BTreeSet<(Timestamp, Number)>,
    first_attempts: BTreeSet<(Duration, Number)>,
    available: [BTreeMap<u64, Number>; CLASSES],
    by_office: HashMap<Arc<str>, [BTreeMap<u64, Number>; CLASSES]>,
    positions: [u64; CLASSES],
    /// When it was last asked for work.
    asked: Timestamp,
}

/// Deliveries by the time of their acceptance.
type Ages = BTreeSet<(Timestamp, Number)>;

/// All deliveries that are not settled.
#[derive(Debug, Default)]
pub struct Board {
    opens: HashMap<Number, Open>,
    lanes: Lanes,
    liberty: Lanes,
    /// What lies in feeds and was not shown yet, in its lines; liberty aside.
    unseen: Lanes,
    desks: HashMap<Arc<str>, Desk>,
    counts: BTreeMap<(Arc<str>, Arc<str>, State), u64>,
    oldest: BTreeMap<(Arc<str>, Lane), Ages>,
    names: HashMap<Arc<str>, Arc<str>>,
    tokens: u64,
    leases: HashMap<u64, Number>,
    push_timeout: Duration,
    rung: BTreeSet<(Arc<str>, bool)>,
    strays: BTreeSet<Number>,
    stopped: alarms::Stopped,
}

impl Board {
    /// An empty board whose lease tokens begin above `tokens`.
    pub fn new(tokens: u64, push_timeout: Duration) -> Self {
        Self { tokens, push_timeout, ..Self::default() }
    }

    /// The token given last: a board that takes this one's place goes on from it.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// How many deliveries are open.
    pub fn len(&self) -> usize {
        self.opens.len()
    }

    /// Whether nothing is open.
    pub fn is_empty(&self) -> bool {
        self.opens.is_empty()
    }

    /// One shared copy of a name.
    pub fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(text);
        self.names.insert(Arc::clone(&name), Arc::clone(&name));
        name
    }

    /// An open delivery.
    pub fn find(&self, number: Number) -> Option<&Open> {
        self.opens.get(&number)
    }

    /// Takes a delivery up. It must not be there already.
    pub fn insert(&mut self, mut open: Open) {
        open.system = self.name(&open.system);
        open.office = self.name(&open.office);
        open.kind = self.name(&open.kind);
        let number = open.number;
        *self.counts.entry((Arc::clone(&open.system), Arc::clone(&open.kind), open.state)).or_default() += 1;
        if open.state != State::Rejected {
            let line = self.oldest.entry((Arc::clone(&open.system), open.lane)).or_default();
            line.insert((open.accepted_at, number));
        }
        if open.lane == Lane::Liberty && !open.office.is_empty() {
            self.liberty.enter(open.spot(), &open.keys);
        }
        // A delivery that comes back with other keys is under way as before.
        if let Some((token, _)) = open.lease {
            self.leases.insert(token, number);
        }
        if let Some(until) = open.first_attempt_until.filter(|_| !open.slow) {
            self.desks.entry(Arc::clone(&open.system)).or_default().first_attempts.insert((until, number));
        }
        self.stopped.enter(&open);
        if open.strays() {
            self.strays.insert(number);
        }
        open.stands = false;
        open.seat = Seat::None;
        self.opens.insert(number, open);
        self.arrange(number);
    }

    /// Takes a delivery away, settled or not.
    pub fn remove(&mut self, number: Number) -> Option<Open> {
        self.unseat(number);
        let open = self.opens.remove(&number)?;
        self.strays.remove(&number);
        self.stopped.leave(&open);
        if let Some((token, _)) = open.lease {
            self.leases.remove(&token);
        }
        if let Some(count) = self.counts.get_mut(&(Arc::clone(&open.system), Arc::clone(&open.kind), open.state)) {
            *count = count.saturating_sub(1);
        }
        if let Some(line) = self.oldest.get_mut(&(Arc::clone(&open.system), open.lane)) {
            line.remove(&(open.accepted_at, number));
        }
        if let (Some(until), Some(desk)) = (open.first_attempt_until, self.desks.get_mut(&open.system)) {
            desk.first_attempts.remove(&(until, number));
        }
        if open.lane == Lane::Liberty {
            self.liberty.leave(open.spot(), &open.keys);
        }
        if open.stands {
            for promoted in self.lanes.leave(open.spot(), &open.keys) {
                self.seat(promoted);
            }
        }
        Some(open)
    }

    /// Replaces a delivery by its changed self (same number, same system).
    pub fn replace(&mut self, open: Open) {
        let number = open.number;
        let Some(old) = self.opens.get(&number) else { return };
        if old.place != open.place || old.keys != open.keys || old.lane != open.lane || old.state == State::Rejected {
            self.remove(number);
            self.insert(open);
            return;
        }
        self.unseat(number);
        let Some(slot) = self.opens.get_mut(&number) else { return };
        if let Some((token, _)) = slot.lease.filter(|held| open.lease != Some(*held)) {
            self.leases.remove(&token);
        }
        self.stopped.leave(slot);
        self.stopped.enter(&open);
        let (was, stands) = (slot.state, slot.stands);
        let key = |state| (Arc::clone(&open.system), Arc::clone(&open.kind), state);
        if was != open.state {
            if let Some(count) = self.counts.get_mut(&key(was)) {
                *count = count.saturating_sub(1);
            }
            *self.counts.entry(key(open.state)).or_default() += 1;
        }
        if open.state == State::Rejected
            && let Some(line) = self.oldest.get_mut(&(Arc::clone(&open.system), open.lane))
        {
            line.remove(&(open.accepted_at, number));
        }
        let _ = if open.strays() { self.strays.insert(number) } else { self.strays.remove(&number) };
        *slot = Open { stands, seat: Seat::None, ..open };
        self.arrange(number);
    }

    /// Puts a delivery into or out of its lines as its state demands, and to its seat.
    fn arrange(&mut self, number: Number) {
        let Some(open) = self.opens.get_mut(&number) else { return };
        let (stood, stands) = (open.stands, open.holds_others());
        open.stands = stands;
        let moved = match (stood, stands) {
            (false, true) => self.lanes.enter(open.spot(), &open.keys),
            (true, false) => self.lanes.leave(open.spot(), &open.keys),
            _ => Vec::new(),
        };
        self.seat(number);
        for other in moved {
            self.seat(other);
        }
    }

    fn unseat(&mut self, number: Number) {
        let Some(open) = self.opens.get_mut(&number) else { return };
        let Some(desk) = self.desks.get_mut(&open.system) else { return };
        let class = open.class();
        match open.seat {
            Seat::None => {}
            Seat::Ready => drop(desk.ready.get_mut(open.queue()).map(|ready| ready.remove(&open.spot()))),
            Seat::Due(at) => drop(desk.due.remove(&(at, number))),
            Seat::Leased(until) => drop(desk.leased.remove(&(until, number))),
            Seat::Held(until) => drop(desk.held.remove(&(until, number))),
            Seat::Available(position) => {
                if open.lane != Lane::Liberty && !open.shown {
                    self.unseen.leave(open.spot(), &open.keys);
                }
                desk.available.get_mut(class).map(|shelf| shelf.remove(&position));
                if let Some(shelves) = desk.by_office.get_mut(&open.office) {
                    shelves.get_mut(class).map(|shelf| shelf.remove(&position));
                    if shelves.iter().all(BTreeMap::is_empty) {
                        desk.by_office.remove(&open.office);
                    }
                }
            }
        }
        open.seat = Seat::None;
    }

    fn seat(&mut self, number: Number) {
        let Some(open) = self.opens.get(&number) else { return };
        let seat = match (open.state, open.lease) {
            (State::Queued | State::Sending | State::Retrying, Some((_, until))) => Seat::Leased(until),
            (State::Queued, None) if !open.office.is_empty() && self.lanes.is_free(open.spot(), &open.keys) => {
                Seat::Ready
            }
            (State::Sending, None) => Seat::Ready,
            (State::Retrying, None) => Seat::Due(open.due.unwrap_or_default()),
            (State::Held, _) => open.deadline.map_or(Seat::None, Seat::Held),
            (State::Available, _) => Seat::Available(open.position),
            _ => Seat::None,
        };
        if seat == open.seat {
            return;
        }
        self.unseat(number);
        self.take_seat(number, seat);
    }

    fn take_seat(&mut self, number: Number, seat: Seat) {
        let Some(open) = self.opens.get_mut(&number) else { return };
        open.seat = seat;
        let (class, office) = (open.class(), Arc::clone(&open.office));
        let desk = self.desks.entry(Arc::clone(&open.system)).or_default();
        match seat {
            Seat::None => return,
            Seat::Leased(until) => drop(desk.leased.insert((until, number))),
            Seat::Held(until) => drop(desk.held.insert((until, number))),
            Seat::Ready => drop(desk.ready.get_mut(open.queue()).map(|ready| ready.insert(open.spot()))),
            Seat::Due(at) => drop(desk.due.insert((at, number))),
            Seat::Available(position) => {
                if open.lane != Lane::Liberty && !open.shown {
                    self.unseen.enter(open.spot(), &open.keys);
                }
                desk.available.get_mut(class).map(|shelf| shelf.insert(position, number));
                desk.by_office.entry(office).or_default().get_mut(class).map(|shelf| shelf.insert(position, number));
            }
        }
        match seat {
            Seat::Ready | Seat::Due(_) => drop(self.rung.insert((Arc::clone(&open.system), false))),
            Seat::Available(_) => drop(self.rung.insert((Arc::clone(&open.system), true))),
            _ => {}
        }
    }

    /// Rings for somebody who is no system.
    pub fn ring(&mut self, name: &'static str) {
        self.rung.insert((Arc::from(name), false));
    }

    /// Deliveries that news may send elsewhere, from a number on (`Open::strays`).
    pub fn strays(&self, from: Number) -> impl Iterator<Item = Number> {
        self.strays.range(from..).copied()
    }

    /// Which bells to ring once what was done is durable.
    pub fn take_rung(&mut self) -> Vec<(Arc<str>, Hint)> {
        let hint = |feed: bool| if feed { Hint::Available } else { Hint::Due };
        std::mem::take(&mut self.rung).into_iter().map(|(system, feed)| (system, hint(feed))).collect()
    }

    /// What is open by system, kind and state.
    pub fn counts(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>, State, u64)> {
        self.counts.iter().filter(|(_, count)| **count > 0).map(|((system, kind, state), n)| (system, kind, *state, *n))
    }
}

pub mod alarms;
mod claims;
mod open;
mod shelves;
pub(in crate::journal) use open::Seat;
pub use open::{Number, Open};
pub use shelves::Listing;
#[cfg(test)]
mod tests;
