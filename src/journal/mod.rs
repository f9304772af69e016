//! The journal: the only truth. Everything that was accepted, who must get it, and what became of it.
//! This file is the contract that a store keeps: nouns and about a dozen verbs. `sqlite` keeps it; `conformance` checks it.
//! The journal knows nothing of HTTP, formats, routes or rules. Read `lanes` next.

pub mod wakes;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::identifiers::{CaseKey, DeliveryId, KindName, MessageId, OfficeId, SystemName};

/// SHA-256 of bytes as they were received.
pub type Digest = [u8; 32];

/// What a store does. Every verb is one named transaction; what it returned is durable.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes one accepted record or nothing: record, keys, deliveries, answer, leaf, in one synced transaction.
    async fn append(&self, entry: Entry) -> Result<Appended, JournalError>;
    /// What routing must know before it decides: joined keys, the court of the case, the version to replace.
    async fn snapshot(&self, ask: SnapshotAsk) -> Result<Snapshot, JournalError>;
    /// Remembers an authenticated refusal (digest, sender, reason), capped per system and day.
    async fn refuse(&self, refusal: Refused) -> Result<(), JournalError>;

    /// Hands out due deliveries of one system under a lease, liberty first, at most `limit`.
    async fn claim(&self, ask: ClaimAsk) -> Result<Vec<Lease>, JournalError>;
    /// Fixes a delivery's bytes before the first of them leaves. From here on they never change.
    async fn freeze(&self, lease: &LeaseToken, frozen: Frozen) -> Result<(), JournalError>;
    /// Ends a lease with what became of the attempt. A stale token is refused.
    async fn settle(&self, lease: &LeaseToken, settlement: Settlement) -> Result<(), JournalError>;

    /// A page of what a system may read, in position order, liberty first.
    async fn feed(&self, ask: FeedAsk) -> Result<FeedPage, JournalError>;
    /// Receivers' outcomes, each settled with its own answer; one transaction for all of them.
    async fn answer(&self, outcomes: Vec<OutcomeEntry>) -> Result<Vec<OutcomeAnswer>, JournalError>;

    /// One message with its deliveries, attempts and outcomes.
    async fn message(&self, id: MessageId) -> Result<Option<MessageView>, JournalError>;
    /// Messages that match, oldest first.
    async fn messages(&self, filter: MessageFilter) -> Result<Vec<MessageView>, JournalError>;
    /// The bytes as received, or the shared form, opened.
    async fn payload(&self, id: MessageId) -> Result<Option<Payload>, JournalError>;
    /// A person's order over one delivery: retry, release, replay, repair.
    async fn order(&self, order: Order) -> Result<OrderAnswer, JournalError>;

    /// Reads and writes of the attachment registry; bytes lie in files, see `attachments`.
    async fn upload(&self, verb: UploadVerb) -> Result<UploadAnswer, JournalError>;
    /// Revisions: add one, or read one or all.
    async fn revise(&self, verb: RevisionVerb) -> Result<Vec<RevisionRow>, JournalError>;
    /// A single-use token id is remembered until it expires; false when it was seen before.
    async fn spend(&self, jti: &str, until: Timestamp) -> Result<bool, JournalError>;
    /// Counts for metrics, `readyz` and the demo's proof.
    async fn count(&self) -> Result<Counts, JournalError>;

    /// The bells that are rung after a commit that made something due or available. Hints only.
    fn wakes(&self) -> Arc<wakes::Wakes>;
}

/// What a sender asks to be done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A record that the gateway has not seen.
    New,
    /// A newer version of a record.
    Correct,
    /// The record is taken back.
    Withdraw,
}

/// Where order is kept. See `lanes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Orders and news about a person's liberty: first, and never held up.
    Liberty,
    /// FIR, arrest, charge sheet, registration: strict order per case and office.
    Papers,
    /// Requisitions and reports.
    Forensics,
    /// Fingerprint traffic.
    Prints,
    /// Only a record's own corrections (and the outcomes of one record) keep order.
    Record,
}

/// How a delivery reaches its office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The gateway posts it.
    Push,
    /// The receiver pulls it.
    Feed,
}

/// The states of a delivery (design: nouns, Delivery).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Accepted; its turn may not have come.
    Queued,
    /// Frozen; its first attempt is under way.
    Sending,
    /// An attempt failed in a way that another may mend.
    Retrying,
    /// Waits for a condition of its route.
    Held,
    /// In the feed, not yet settled.
    Available,
    /// The receiver has it.
    Delivered,
    /// The receiver refused it, with a reason.
    Rejected,
    /// Stopped with a reason that a person, a correction or a revision must mend.
    Parked,
    /// Replaced before a byte of it left.
    Superseded,
    /// Taken back from its office.
    Recalled,
}

/// How the sender named its submission, scoped to system and kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IdempotencyKey {
    /// From the `Idempotency-Key` header: kept 30 days; other bytes are `idempotency-key-reused`.
    Header(String),
    /// The sender's own event number in the body: kept for ever; other bytes with action `new` are `record-changed`.
    Event(String),
}

/// One record (or outcome) that passed every check, with all that must be written for it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Given by the caller; deliveries are numbered under it.
    pub id: MessageId,
    /// Who sent it.
    pub system: SystemName,
    /// For which of its offices.
    pub office: OfficeId,
    /// What it is; `outcome` for an outcome.
    pub kind: KindName,
    /// What the sender asks for.
    pub action: Action,
    /// The version that this one replaces.
    pub replaces: Option<MessageId>,
    /// Why (with correct, withdraw).
    pub reason: Option<String>,
    /// The officer, as given: id; designation.
    pub actor: Option<String>,
    /// The sender's name for it. Outcomes have none.
    pub idempotency: Option<IdempotencyKey>,
    /// The bytes as received.
    pub original: Bytes,
    /// Media type of `original`.
    pub media_type: String,
    /// The shared form as JSON text, when it is not `original` itself.
    pub shared: Option<Bytes>,
    /// When it happened, as the record says.
    pub occurred_at: Option<Timestamp>,
    /// When the sender wrote it down, as the record says.
    pub recorded_at: Option<Timestamp>,
    /// `live`, `late`, `backdated`, `manual-fallback` or `legacy`.
    pub entry: String,
    /// When the gateway accepted it.
    pub accepted_at: Timestamp,
    /// The revision it was decided under.
    pub revision: u64,
    /// The record's own case keys (not joined ones).
    pub cases: Vec<CaseKey>,
    /// The record's person references (`pid/…`, `nfn/…`); stored as HMAC only.
    pub persons: Vec<String>,
    /// Links between case keys that this record brings.
    pub links: Vec<NewLink>,
    /// Attachments that it names; each must have been uploaded by `system`, and is bound here.
    pub attachments: Vec<Digest>,
    /// Who gets it. Number `n` of the delivery id is the place here, from 1.
    pub deliveries: Vec<NewDelivery>,
    /// Warnings, part of the stored answer.
    pub warnings: Vec<Value>,
}

/// A delivery to be made.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// To whom; `None` where no office was found (parked).
    pub office: Option<OfficeId>,
    /// The system that serves the office; empty where none was found.
    pub system: SystemName,
    /// Push or feed.
    pub how: How,
    /// What the office gets: a correction may be `new` or `withdraw` for one office.
    pub action: Action,
    /// Where order is kept.
    pub lane: Lane,
    /// Case keys (joined by `same` links in the accept snapshot) and, for liberty, person references,
    /// as opaque texts: two deliveries of one lane and office that share one are ordered.
    pub keys: Vec<String>,
    /// `Queued`, `Held`, `Parked`, or (outcomes that need no encoding) `Available`.
    pub state: State,
    /// Why it is parked or held: a stable code such as `no-office`.
    pub code: Option<String>,
    /// When a held delivery is given up and parked.
    pub deadline: Option<Timestamp>,
    /// Which route, step and row decided.
    pub why: String,
    /// A rejection holds the lane until a correction, a withdrawal or a release.
    pub park_on_reject: bool,
}

/// A typed, dated, reversible join of two case keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// `same`, `zero-fir-of`, `split-from`, `committed-to`, `transferred-to`, `appeal-of`, `clubbed-with`, `counter-case`.
    pub link: String,
    /// One key.
    pub from: CaseKey,
    /// The other.
    pub to: CaseKey,
}

/// What `append` did.
#[derive(Clone, Debug)]
pub enum Appended {
    /// Written and synced.
    New(Stored),
    /// The same key with the same bytes: what was stored then.
    Replayed(Stored),
    /// The header key was used with other bytes.
    KeyReused,
    /// The event number is known with other bytes, or `replaces` is not the newest version: the id to replace.
    RecordChanged(MessageId),
    /// `replaces` names nothing that this system sent.
    ReplacesUnknown,
    /// Attachments that the sender has not uploaded.
    AttachmentsMissing(Vec<Digest>),
    /// More open deliveries than the limit: try later.
    Overloaded,
}

/// What was stored of an accepted message at the moment it was accepted: the stored answer is derived from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// Message id.
    pub id: String,
    /// Record kind.
    pub kind: String,
    /// Sending system.
    pub system: String,
    /// Sending office.
    pub office: String,
    /// SHA-256 of the bytes as received, hex.
    pub sha256: String,
    /// Acceptance in milliseconds since the epoch.
    pub accepted_at: i64,
    /// `occurred_at` in milliseconds since the epoch.
    pub occurred_at: Option<i64>,
    /// Index of the acceptance's leaf in the evidence log.
    pub leaf_index: u64,
    /// Name of the key that signs its receipt.
    pub key_id: String,
    /// Revision it was decided under.
    pub revision: u64,
    /// `open`, `settled`, `attention` or `withdrawn` at acceptance.
    pub status: String,
    /// The case keys.
    pub cases: Vec<String>,
    /// Deliveries as they were at acceptance.
    pub deliveries: Vec<StoredDelivery>,
    /// Warnings given.
    pub warnings: Vec<Value>,
}

/// A delivery as it was at acceptance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredDelivery {
    /// Delivery id.
    pub id: String,
    /// Office, if one was found.
    pub office: Option<String>,
    /// Push or feed.
    pub how: How,
    /// Which route, step and row decided.
    pub why: String,
    /// State at acceptance.
    pub state: State,
    /// Why parked or held.
    pub reason: Option<String>,
}

/// The question routing asks.
#[derive(Clone, Debug, Default)]
pub struct SnapshotAsk {
    /// The record's own keys.
    pub cases: Vec<CaseKey>,
    /// The version it says it replaces.
    pub replaces: Option<MessageId>,
    /// The delivery whose outcome is to be written, if that is the question.
    pub delivery: Option<DeliveryId>,
}

/// What is known, read at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The asked keys and every key joined to them by `same` links.
    pub joined: Vec<CaseKey>,
    /// Keys that no earlier record brought.
    pub unknown: Vec<CaseKey>,
    /// Court office of the newest registration or transfer of the case, if a link says so.
    pub court: Option<OfficeId>,
    /// The record that `replaces` names, with its deliveries; `None` where nothing is so named.
    pub replaced: Option<MessageView>,
    /// The message of `delivery`, with its deliveries.
    pub delivered: Option<MessageView>,
}

/// An authenticated request that was refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Who.
    pub system: SystemName,
    /// SHA-256 of the body.
    pub digest: Digest,
    /// The problem's code.
    pub code: String,
    /// When.
    pub at: Timestamp,
}

/// Which work is wanted.
#[derive(Clone, Debug)]
pub struct ClaimAsk {
    /// Of which receiving system.
    pub system: SystemName,
    /// At most so many.
    pub limit: usize,
    /// How long the lease lasts.
    pub lease: Duration,
    /// The present moment.
    pub now: Timestamp,
    /// Only liberty deliveries (a breaker is open, and one probe at a time is let through elsewhere).
    pub liberty_only: bool,
}

/// Proof that a worker holds a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseToken {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Which lease of it: a later one makes this one stale.
    pub token: u64,
}

/// One due delivery, with what is needed to make the attempt.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Proof of holding it.
    pub token: LeaseToken,
    /// When the lease ends.
    pub until: Timestamp,
    /// Attempts that ended before this one.
    pub attempts: u32,
    /// When the receiver gave its first answer to this delivery: `give_up_after` counts from here.
    pub first_answer_at: Option<Timestamp>,
    /// Receiving office.
    pub office: OfficeId,
    /// Receiving system.
    pub system: SystemName,
    /// Push or feed.
    pub how: How,
    /// What the office gets.
    pub action: Action,
    /// Lane.
    pub lane: Lane,
    /// The message, as far as a receiver may need it.
    pub message: MessageHead,
    /// Its shared form (JSON text).
    pub shared: Bytes,
    /// Bytes frozen at an earlier attempt.
    pub frozen: Option<Frozen>,
    /// Liberty messages of the same person or case still unsettled at this office.
    pub after: Vec<DeliveryId>,
    /// Liberty messages that overtook this one.
    pub overtaken_by: Vec<DeliveryId>,
}

/// The head of a message: everything about it but its bytes.
#[derive(Clone, Debug)]
pub struct MessageHead {
    /// Message id.
    pub id: MessageId,
    /// Sending system.
    pub system: SystemName,
    /// Sending office.
    pub office: OfficeId,
    /// Record kind.
    pub kind: KindName,
    /// What the sender asked for.
    pub action: Action,
    /// The version it replaces.
    pub replaces: Option<MessageId>,
    /// The version that replaced it, if any.
    pub replaced_by: Option<MessageId>,
    /// Its case keys.
    pub cases: Vec<CaseKey>,
    /// SHA-256 of the bytes as received.
    pub digest: Digest,
    /// Media type as received.
    pub media_type: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Revision it was decided under.
    pub revision: u64,
    /// Attachments bound to it.
    pub attachments: Vec<Digest>,
    /// For an outcome: the delivery that it is about.
    pub about: Option<DeliveryId>,
    /// The sender's own event number, where the body had one.
    pub event: Option<String>,
}

/// A delivery's bytes, fixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Frozen {
    /// The bytes, or `None` where they are the bytes as received, unchanged.
    pub bytes: Option<Bytes>,
    /// Their SHA-256.
    pub digest: Digest,
    /// Their media type.
    pub media_type: String,
    /// Shared paths that the sharing rule withheld.
    pub withheld: Vec<String>,
    /// Shared paths that the receiver's format cannot carry.
    pub lost: Vec<String>,
    /// The revision they were encoded under.
    pub revision: u64,
}

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
    /// The message's head.
    pub message: MessageHead,
    /// Frozen bytes (with `bytes` filled in).
    pub frozen: Frozen,
    /// See `Lease::after`.
    pub after: Vec<DeliveryId>,
    /// See `Lease::overtaken_by`.
    pub overtaken_by: Vec<DeliveryId>,
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
    /// What the receiver said, oldest first.
    pub outcomes: Vec<Outcome>,
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

/// A person's order over one delivery.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which.
    pub delivery: DeliveryId,
    /// What is to be done.
    pub verb: OrderVerb,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What a person may order.
#[derive(Clone, Debug)]
pub enum OrderVerb {
    /// Try again now (parked or retrying), same id.
    Retry,
    /// Let the lane go on past a parked or rejected delivery.
    Release,
    /// Send a settled delivery again, same id and bytes.
    Replay,
    /// Make a new delivery with a new id: after a rejection, or by force.
    Repair(Box<NewDelivery>),
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderAnswer {
    /// Done; the delivery that now counts.
    Done(DeliveryId),
    /// The delivery's state does not allow it.
    NotNow(State),
    /// No such delivery.
    NotFound,
}

/// The attachment registry's verbs.
#[derive(Clone, Debug)]
pub enum UploadVerb {
    /// Bytes arrived up to `offset`; `done` when all are there and the digest is right.
    Put {
        /// Who uploads.
        system: SystemName,
        /// Of what.
        digest: Digest,
        /// So far, in bytes.
        offset: u64,
        /// Complete and synced.
        done: bool,
        /// The wrapped data key of the file.
        key: Vec<u8>,
        /// When.
        at: Timestamp,
    },
    /// What is known of an attachment, for a system that uploaded it or was sent it.
    Find {
        /// Who asks.
        system: SystemName,
        /// For what.
        digest: Digest,
    },
    /// Unbound uploads older than this are dropped; they are returned.
    Expire {
        /// Older than.
        before: Timestamp,
    },
}

/// What is known of attachments.
#[derive(Clone, Debug, Default)]
pub struct UploadAnswer {
    /// The rows that match.
    pub rows: Vec<UploadRow>,
}

/// One attachment of one uploader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// Who uploaded it.
    pub system: SystemName,
    /// Of what.
    pub digest: Digest,
    /// Bytes so far.
    pub offset: u64,
    /// Complete.
    pub done: bool,
    /// The wrapped data key of the file.
    pub key: Vec<u8>,
}

/// The revision store's verbs.
#[derive(Clone, Debug)]
pub enum RevisionVerb {
    /// Adds one; its number is one above the newest.
    Add(NewRevision),
    /// The newest, with its files.
    Newest,
    /// One, with its files.
    Number(u64),
    /// All, newest first, without files.
    History,
}

/// A revision to be added.
#[derive(Clone, Debug)]
pub struct NewRevision {
    /// Who.
    pub author: String,
    /// Why.
    pub reason: String,
    /// What changed, as text for people.
    pub difference: String,
    /// The oldest binary that can run it, such as `0.1.0`.
    pub oldest_binary: String,
    /// When.
    pub at: Timestamp,
    /// All files, as stored by `config::Folder::to_bytes`.
    pub files: Bytes,
}

/// A stored revision.
#[derive(Clone, Debug)]
pub struct RevisionRow {
    /// Its number, from 1.
    pub number: u64,
    /// As given; `files` empty in a history.
    pub revision: NewRevision,
}

/// Counts over the whole journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Accepted records by kind (outcomes apart).
    pub accepted: Vec<(String, u64)>,
    /// Deliveries by receiving system, kind and state.
    pub deliveries: Vec<(String, String, State, u64)>,
    /// Age in milliseconds of the oldest unsettled delivery by system and lane.
    pub oldest: Vec<(String, Lane, u64)>,
    /// Leaves in the evidence log.
    pub leaves: u64,
    /// Refusals remembered.
    pub refused: u64,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full; the transaction was rolled back and the store goes on.
    #[error("the disk that holds the store is full")]
    Full,
    /// The lease was lost to another worker or to time.
    #[error("the lease is stale")]
    StaleLease,
    /// A row does not agree with its digest or cannot be opened.
    #[error("the store is damaged at {0}")]
    Damaged(String),
    /// The store is of a newer version than this binary.
    #[error("the store has format {found}, and this binary knows {known} at most; run a newer `icjs`")]
    TooNew {
        /// In the file.
        found: u32,
        /// Here.
        known: u32,
    },
    /// The commit's fate is unknown: the process must end and find out by starting again.
    #[error("commit failed, its fate is unknown: {0}")]
    Fatal(String),
    /// Anything else that the storage engine reports.
    #[error("storage: {0}")]
    Storage(String),
    /// The gateway is stopping.
    #[error("the journal is closed")]
    Closed,
}
