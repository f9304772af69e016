//! Nouns of the journal, first part: what is appended, what routing asks, what a worker claims and freezes.
//! Plain values without behaviour; the verbs are in `journal`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Digest, Joints, MessageView, Paper};
use crate::clock::{Moment, Timestamp};
use crate::identifiers::{CaseKey, DeliveryId, KindName, MessageId, OfficeId, SystemName};
use crate::seal::DataKey;

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
    /// `Snapshot::news` of the snapshot by which it was routed: what came between the two is looked at again.
    pub news: u64,
    /// `Snapshot::upto` where it was compared with the papers of its cases: what came since is compared first.
    pub compared: Option<u64>,
    /// The record's own case keys (not joined ones).
    pub cases: Vec<CaseKey>,
    /// The record's person references (`pid/…`, `nfn/…`); stored as HMAC only.
    pub persons: Vec<String>,
    /// What joins it to the records that it answers, or that answer it.
    pub threads: Vec<String>,
    /// Links between case keys that this record brings.
    pub links: Vec<NewLink>,
    /// Prisons that hold these persons, or no longer do, by this record.
    pub whereabouts: Vec<Whereabout>,
    /// Attachments that it names; each must have been uploaded by `system`, and is bound here.
    pub attachments: Vec<Digest>,
    /// It came in a batch: its pushes stand behind those of what came by itself.
    pub bulk: bool,
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
    /// For which of the record's cases the office gets it; `None`: for all of them.
    pub cases: Option<Vec<CaseKey>>,
}

/// A typed, dated, reversible join of two case keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// `same`, `zero-fir-of`, `split-from`, `committed-to`, `transferred-to`, `appeal-of`, `clubbed-with`, `counter-case`.
    pub link: String,
    /// One key: the FIR that a zero FIR became, the case that was committed or transferred, the one that was split off, the
    /// appeal.
    pub from: CaseKey,
    /// The other: the zero FIR, what the case became, the case that it was split from, the case below.
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
    /// Another message of its case came since it was compared: compare again.
    Crossed,
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
    /// Its person references: where are they held?
    pub persons: Vec<String>,
    /// Its threads: who sent or got an earlier record of them?
    pub threads: Vec<String>,
    /// The version it says it replaces.
    pub replaces: Option<MessageId>,
    /// The delivery whose outcome is to be written, if that is the question.
    pub delivery: Option<DeliveryId>,
    /// Earlier records of these kinds that are about the same matter.
    pub papers: Vec<KindName>,
}

/// What a record says of a prison and the record's persons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabout {
    /// The prison.
    pub prison: OfficeId,
    /// It holds them; else they have left it.
    pub holds: bool,
    /// The prison that says so speaks of itself, and not of where a transfer came from or goes to.
    pub own: bool,
    /// When that happened.
    pub at: Timestamp,
}

/// A prison says that it holds a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The person's reference, as asked.
    pub person: String,
    /// The prison.
    pub office: OfficeId,
    /// When the update that said so happened.
    pub at: Timestamp,
}

/// An office that had to do with a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The thread, as asked.
    pub thread: String,
    /// The office.
    pub office: OfficeId,
    /// It asked: it sent the first record of it, or one after it had got another. Else it got one, or sent one about the
    /// same case.
    pub sent: bool,
}

/// What is known, read at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was read.
    pub at: Timestamp,
    /// How much news the store had then; see `Entry::news`.
    pub news: u64,
    /// The links that are alive around the asked keys.
    pub links: Joints,
    /// Links that a person ended, where nothing alive says the same: a record that brings one again does not make it.
    pub parted: Vec<NewLink>,
    /// Prisons that hold these persons by the latest custody updates: several where several say so.
    pub held: Vec<Held>,
    /// Offices that sent or got earlier records of the asked threads, the first first. Corrected and withdrawn records do
    /// not count, nor what an office rejected or was never given.
    pub parties: Vec<Party>,
    /// Keys that no earlier record brought.
    pub unknown: Vec<CaseKey>,
    /// The record that `replaces` names, with its deliveries; `None` where nothing is so named.
    pub replaced: Option<MessageView>,
    /// The message of `delivery`, with its deliveries.
    pub delivered: Option<MessageView>,
    /// The papers that were asked for, as they stand now: neither replaced nor taken back.
    pub papers: Vec<Paper>,
    /// The number of the newest message then, where papers were asked for.
    pub upto: u64,
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
    pub now: Moment,
    /// Only liberty deliveries (a breaker is open, and one probe at a time is let through elsewhere).
    pub liberty_only: bool,
}

/// Proof that a worker holds a delivery.
#[derive(Clone, Debug)]
pub struct LeaseToken {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Which lease of it: a later one makes this one stale.
    pub token: u64,
    /// What the store knew of the record when it gave the lease, so that it need not read it again.
    pub(in crate::journal) record: Arc<LeasedRecord>,
}

/// A leased record's data key, the size of its original, its kind, and the delivery's number. For the store that made it only.
#[derive(Debug)]
pub struct LeasedRecord {
    pub(in crate::journal) key: DataKey,
    pub(in crate::journal) size: u64,
    pub(in crate::journal) kind: KindName,
    pub(in crate::journal) number: u64,
}

/// One due delivery, with what is needed to make the attempt.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Proof of holding it.
    pub token: LeaseToken,
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
    /// The cases for which the office gets it.
    pub cases: Vec<CaseKey>,
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
    /// Rules whose warnings its sender got, each once.
    pub rules: Vec<String>,
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
    /// The entitlement that counted.
    pub entitlement: Option<String>,
}

impl Frozen {
    /// Whether these bytes hold nothing of what is withheld now: it, or what it lies in, was withheld or could not be carried
    /// when they were made.
    pub fn lacks(&self, withheld: &[String]) -> bool {
        let within = |path: &str, whole: &String| {
            let rest = path.strip_prefix(whole.strip_suffix("[]").unwrap_or(whole));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let gone = |path: &String| self.withheld.iter().chain(&self.lost).any(|whole| within(path, whole));
        withheld.iter().all(gone)
    }
}
