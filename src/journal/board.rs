//! Every delivery that is not settled, in memory: who waits, whose turn it is, what is leased, what a feed shows, how many
//! there are. A copy of the rows and never the truth: a store rebuilds it at start to exactly the same waits.
//! Pure: no storage, and time is given. Owned by one thread; a change is made here only once its row is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lanes::{Lanes, LineKey, Place, Spot};
use super::wakes::Hint;
use super::{Action, How, Lane, State};
use crate::clock::Timestamp;
use crate::identifiers::{DeliveryId, MessageId};

/// A delivery's number in this store: its message's sequence number and its ordinal.
pub type Number = u64;

/// Liberty's feed counter, and that of everything else.
pub const CLASSES: usize = 2;

/// Who is pushed first: liberty, what came by itself, what came in a batch.
const QUEUES: usize = 3;

/// One delivery that is not settled, or holds its lane although it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Open {
    /// The message's sequence number in the upper 48 bits, the ordinal in the lower 16.
    pub number: Number,
    /// The message's id.
    #[serde(with = "message_text")]
    pub message: MessageId,
    /// Receiving system.
    #[serde(with = "shared_text")]
    pub system: Arc<str>,
    /// Receiving office; empty where none was found.
    #[serde(with = "shared_text")]
    pub office: Arc<str>,
    /// Record kind.
    #[serde(with = "shared_text")]
    pub kind: Arc<str>,
    /// Push or feed.
    pub how: How,
    /// What the office gets.
    pub action: Action,
    /// Lane.
    pub lane: Lane,
    /// State.
    pub state: State,
    /// Its place in the lane.
    pub place: Place,
    /// The lines it stands in.
    pub keys: Vec<LineKey>,
    /// When its message was accepted.
    pub accepted_at: Timestamp,
    /// Attempts that ended.
    pub attempts: u32,
    /// Not before this moment (retrying).
    pub due: Option<Timestamp>,
    /// When it is given up (held).
    pub deadline: Option<Timestamp>,
    /// When the receiver gave its first answer.
    pub first_answer_at: Option<Timestamp>,
    /// When its bytes were first frozen.
    pub frozen_at: Option<Timestamp>,
    /// A page has shown it.
    pub shown: bool,
    /// A rejection holds the lane.
    pub park_on_reject: bool,
    /// A person let the lane go past it.
    pub released: bool,
    /// Why it is parked or held.
    pub code: Option<String>,
    /// It came in a batch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bulk: bool,
    /// Its place in the feed; 0 before it has one.
    pub position: u64,
    /// Bytes of its frozen payload.
    pub size: u64,
    /// Liberty deliveries that overtook it.
    pub overtaken_by: Vec<Number>,
    /// The last attempt's note.
    pub note: Option<String>,
    /// Its lease: token and end. Leases die with the process, and tokens are never given twice.
    #[serde(skip)]
    pub lease: Option<(u64, Timestamp)>,
    /// When its first attempt's time is up (liberty).
    #[serde(skip)]
    pub first_attempt_until: Option<Timestamp>,
    /// Its first attempt took too long: it holds no liberty delivery any more.
    #[serde(skip)]
    pub slow: bool,
    /// The board's own mark: it stands in its lines.
    #[serde(skip)]
    pub(in crate::journal) stands: bool,
    /// The board's own mark: where it sits.
    #[serde(skip)]
    pub(in crate::journal) seat: Seat,
}

/// Where the board looks for a delivery when its time comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::journal) enum Seat {
    /// Nothing happens to it by itself: it waits in line, is parked, or holds its lane after a rejection.
    #[default]
    None,
    Ready,
    Due(Timestamp),
    Leased(Timestamp),
    Held(Timestamp),
    Available(u64),
}

impl Default for Open {
    fn default() -> Self {
        Self {
            number: 0,
            message: MessageId::from_bytes([0; 16]),
            system: Arc::from(""),
            office: Arc::from(""),
            kind: Arc::from(""),
            how: How::Push,
            action: Action::New,
            lane: Lane::Record,
            state: State::Queued,
            place: Place::default(),
            keys: Vec::new(),
            accepted_at: Timestamp::default(),
            attempts: 0,
            due: None,
            deadline: None,
            first_answer_at: None,
            frozen_at: None,
            shown: false,
            park_on_reject: false,
            released: false,
            code: None,
            bulk: false,
            position: 0,
            size: 0,
            overtaken_by: Vec::new(),
            note: None,
            lease: None,
            first_attempt_until: None,
            slow: false,
            stands: false,
            seat: Seat::None,
        }
    }
}

impl Open {
    /// The delivery's id.
    pub fn id(&self) -> DeliveryId {
        self.message.delivery(u16::try_from(self.number & 0xffff).unwrap_or(0))
    }

    /// 0 for liberty, 1 for the rest: which feed counter, which half of a page.
    pub fn class(&self) -> usize {
        usize::from(self.lane != Lane::Liberty)
    }

    /// Its queue of what is ready to be pushed. Liberty stays liberty, also in a batch.
    fn queue(&self) -> usize {
        self.class() + usize::from(self.bulk && self.lane != Lane::Liberty)
    }

    /// A byte of it may have reached its office.
    pub fn left(&self) -> bool {
        self.shown || (self.how == How::Push && self.frozen_at.is_some())
    }

    /// It may have to go elsewhere when something new is known: it is held, or parked without an office, or about liberty.
    /// What goes back to a sender is not routed.
    pub fn strays(&self) -> bool {
        let waits = self.state == State::Held || (self.state == State::Parked && self.office.is_empty());
        &*self.kind != "outcome" && (waits || (self.lane == Lane::Liberty && self.state != State::Rejected))
    }

    /// Its place in line.
    pub fn spot(&self) -> Spot {
        Spot { place: self.place, number: self.number }
    }

    /// Whether later deliveries of its lines wait for it (design: nouns, Lane).
    fn holds_others(&self) -> bool {
        if self.office.is_empty() || self.released {
            return false;
        }
        match (self.lane, self.state) {
            (Lane::Liberty, State::Queued) => !self.slow,
            (Lane::Liberty, State::Sending) => self.attempts == 0 && !self.slow,
            (Lane::Liberty, _) => false,
            (_, State::Queued | State::Sending | State::Retrying) => true,
            (_, State::Parked) => self.code.as_deref() != Some("not-permitted"),
            (_, State::Rejected) => self.park_on_reject,
            _ => false,
        }
    }
}

/// What is kept for one receiving system.
#[derive(Debug, Default)]
struct Desk {
    ready: [BTreeSet<Spot>; QUEUES],
    due: BTreeSet<(Timestamp, Number)>,
    leased: BTreeSet<(Timestamp, Number)>,
    held: BTreeSet<(Timestamp, Number)>,
    first_attempts: BTreeSet<(Timestamp, Number)>,
    available: [BTreeMap<u64, Number>; CLASSES],
    by_office: HashMap<Arc<str>, [BTreeMap<u64, Number>; CLASSES]>,
    positions: [u64; CLASSES],
}

/// Deliveries by the time of their acceptance.
type Ages = BTreeSet<(Timestamp, Number)>;

/// All deliveries that are not settled.
#[derive(Debug, Default)]
pub struct Board {
    opens: HashMap<Number, Open>,
    lanes: Lanes,
    liberty: Lanes,
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

    /// Acceptance of the oldest unsettled delivery by system and lane.
    pub fn oldest(&self) -> impl Iterator<Item = (&Arc<str>, Lane, Timestamp)> {
        self.oldest.iter().filter_map(|((system, lane), line)| Some((system, *lane, line.first()?.0)))
    }
}

pub mod alarms;
mod claims;
mod shelves;
pub use shelves::Listing;
#[cfg(test)]
mod tests;

mod shared_text {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        Ok(Arc::from(String::deserialize(from)?))
    }
}

mod message_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::identifiers::MessageId;

    pub(super) fn serialize<S: Serializer>(id: &MessageId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&id.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<MessageId, D::Error> {
        let text = String::deserialize(from)?;
        MessageId::parse(&text).ok_or_else(|| D::Error::custom("no message id"))
    }
}
