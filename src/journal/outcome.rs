//! Nouns of the journal, second part: how attempts end, what receivers say, what a feed shows, how a message looks now.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Action, Entry, Frozen, How, Lane, MessageHead, NewDelivery, NewLink, State, Stored};
use crate::clock::Timestamp;
use crate::identifiers::{CaseKey, DeliveryId, KindName, MessageId, OfficeId, SystemName};

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// When.
    pub at: Timestamp,
    /// What becomes of the delivery.
    pub verdict: Settled,
    /// One line for people about the attempt: status, error class; never a body.
    pub note: String,
    /// The receiver answered (and was not merely unreachable).
    pub answered: bool,
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Debug)]
pub enum Settled {
    /// The receiver said something: the first outcome settles the delivery.
    Outcome(Box<OutcomeEntry>),
    /// Encoded and ready to be pulled: gets its feed position.
    Available(Frozen),
    /// Another attempt, not before this moment.
    RetryAt(Timestamp),
    /// Stopped with a stable code (`gave-up`, `code-unknown`, `permission-changed`, ...).
    Parked(String),
    /// The lease is given back as it was.
    Released,
}

/// What a receiver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeWord {
    /// Its machine has it.
    Received,
    /// Taken on file.
    Accepted,
    /// Sent back with defects.
    Returned,
    /// Refused.
    Rejected,
    /// Not ours; the office it thinks right may be named.
    WrongAddressee,
    /// The order was carried out.
    Executed,
    /// The order was not carried out.
    NotExecuted,
    /// Known already under another message.
    DuplicateOf,
}

/// The receiver's own number for what it got, such as an S.R. number or a CNR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Such as `sr`, `cnr`, `fir`, `case-no`.
    pub scheme: String,
    /// The number.
    pub value: String,
}

/// One outcome: the shared record of kind `outcome`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The delivery that it answers.
    pub delivery: String,
    /// What is said.
    pub outcome: OutcomeWord,
    /// The receiver's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// A code of the receiver's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Words for people; defects one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When, as the receiver says; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// By whom, as the receiver says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// It corrects an earlier outcome of the same delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<bool>,
}

/// An outcome to be written, with the message that takes it back to the sender.
#[derive(Clone, Debug)]
pub struct OutcomeEntry {
    /// Which delivery it settles or adds to.
    pub delivery: DeliveryId,
    /// The receiving system that says it; must be the delivery's.
    pub system: SystemName,
    /// What is said.
    pub outcome: Outcome,
    /// The message of kind `outcome` to the sending office; `None` when the delivery was itself an outcome.
    pub entry: Option<Box<Entry>>,
    /// Links that its reference brings (a CNR for the FIR it answers).
    pub links: Vec<NewLink>,
    /// The delivery to the office that a wrong addressee names: written with the outcome, where that is news.
    pub sent_on: Option<Box<NewDelivery>>,
}

/// What became of one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeAnswer {
    /// Written; it settled the delivery.
    Settled,
    /// Written; the delivery was settled before.
    Added,
    /// Said before in the same words.
    Already,
    /// It contradicts what was said, and does not say that it corrects it.
    Conflict,
    /// No such delivery of that system.
    NotFound,
}

/// A page of a feed is asked for. Positions are exclusive.
#[derive(Clone, Debug)]
pub struct FeedAsk {
    /// The caller.
    pub system: SystemName,
    /// Only these offices; empty for all of the system's.
    pub offices: Vec<OfficeId>,
    /// Only these kinds; empty for all.
    pub kinds: Vec<KindName>,
    /// Everything above these positions, settled or not; `None`: only what is unsettled, from the oldest.
    pub after: Option<FeedPosition>,
    /// Nothing above these positions; `None`: no upper bound. An acknowledgement asks for what it settles this way.
    pub upto: Option<FeedPosition>,
    /// Only what an acknowledgement needs: `frozen.bytes` may be left `None`, no payload need be opened.
    pub heads: bool,
    /// At most so many items.
    pub limit: usize,
    /// At most so many bytes of frozen payload, though never fewer than one item.
    pub max_bytes: usize,
}

/// A place in a system's feed: liberty has a counter of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct FeedPosition {
    /// In the liberty counter.
    pub liberty: u64,
    /// In the counter of everything else.
    pub rest: u64,
}

/// A page: liberty first, then the rest, each in position order.
#[derive(Clone, Debug, Default)]
pub struct FeedPage {
    /// The items.
    pub items: Vec<FeedItem>,
    /// Where the next page begins: after everything in this page (or `after`, when it is empty).
    pub next: FeedPosition,
    /// There was more at the time.
    pub more: bool,
}

/// One item of a feed.
#[derive(Clone, Debug)]
pub struct FeedItem {
    /// Delivery.
    pub delivery: DeliveryId,
    /// For which office.
    pub office: OfficeId,
    /// What the office gets.
    pub action: Action,
    /// Liberty or not.
    pub lane: Lane,
    /// The cursor after this item: the page's start moved past everything up to it.
    pub position: FeedPosition,
    /// The message's head; `replaces` is the version that this office has.
    pub message: MessageHead,
    /// Frozen bytes (with `bytes` filled in).
    pub frozen: Frozen,
    /// See `Lease::after`.
    pub after: Vec<DeliveryId>,
    /// See `Lease::overtaken_by`.
    pub overtaken_by: Vec<DeliveryId>,
    /// See `Lease::cases`.
    pub cases: Vec<CaseKey>,
    /// It is settled, and shown again.
    pub again: bool,
    /// The store's own name of the delivery.
    pub(in crate::journal) number: u64,
}

/// A message and what became of it.
#[derive(Clone, Debug)]
pub struct MessageView {
    /// Its head.
    pub head: MessageHead,
    /// What was stored at acceptance.
    pub stored: Stored,
    /// Deliveries as they are now.
    pub deliveries: Vec<DeliveryView>,
}

/// A delivery as it is now.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    /// Its id.
    pub id: DeliveryId,
    /// Office, if any.
    pub office: Option<OfficeId>,
    /// Receiving system.
    pub system: SystemName,
    /// Push or feed.
    pub how: How,
    /// What the office gets.
    pub action: Action,
    /// Lane.
    pub lane: Lane,
    /// State.
    pub state: State,
    /// Stable code of the state's reason.
    pub code: Option<String>,
    /// Which route, step and row decided.
    pub why: String,
    /// Attempts so far.
    pub attempts: u32,
    /// Not before this moment.
    pub due: Option<Timestamp>,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// The last attempt's note.
    pub note: Option<String>,
    /// Withheld paths.
    pub withheld: Vec<String>,
    /// Paths that the receiver's format cannot carry.
    pub lost: Vec<String>,
    /// The entitlement that counted.
    pub entitlement: Option<String>,
    /// What the receiver said, oldest first.
    pub outcomes: Vec<Outcome>,
    /// See `Lease::cases`.
    pub cases: Vec<CaseKey>,
}

/// Which messages are wanted. Everything given must match.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// Sent by this system, or delivered to it.
    pub party: Option<SystemName>,
    /// Sent by `party` with this event number.
    pub event: Option<String>,
    /// With this case key.
    pub case: Option<CaseKey>,
    /// Whose sender got a warning of this rule.
    pub rule: Option<String>,
    /// Accepted at or after.
    pub since: Option<Timestamp>,
    /// Only with a delivery in one of these states.
    pub states: Vec<State>,
    /// After this message, in acceptance order.
    pub after: Option<MessageId>,
    /// At most so many.
    pub limit: usize,
}

/// A message's bytes.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The head.
    pub head: MessageHead,
    /// The bytes as received.
    pub original: Bytes,
    /// The shared form as JSON text.
    pub shared: Bytes,
}
