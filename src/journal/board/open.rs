//! One delivery on the board: all that its row says, and what the board notes of it beside: where it sits, whether it holds
//! its lines.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identifiers::{DeliveryId, MessageId};
use crate::journal::lanes::{LineKey, Place, Spot};
use crate::journal::{Action, How, Lane, State};

/// A delivery's number in this store: its message's sequence number and its ordinal.
pub type Number = u64;

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
    /// Its lease: token and end, by `Clock::steady`. Leases die with the process, and tokens are never given twice.
    #[serde(skip)]
    pub lease: Option<(u64, Duration)>,
    /// When its first attempt's time is up (liberty), by `Clock::steady`.
    #[serde(skip)]
    pub first_attempt_until: Option<Duration>,
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
    Leased(Duration),
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
    pub(super) fn queue(&self) -> usize {
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
    pub(super) fn holds_others(&self) -> bool {
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
