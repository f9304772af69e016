//! Nouns of the journal, third part: a person's orders, the registries of attachments and revisions, counts, errors.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Approval, Digest, Lane, MessageHead, NewDelivery, State};
use crate::clock::Timestamp;
use crate::identifiers::{CaseKey, DeliveryId, KindName, MessageId, OfficeId, SystemName};

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
    /// What it carries out, where two persons were asked for.
    pub approval: Option<Approval>,
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
    /// Take an item out of its feed that the sharing rules give no more, with the code that says so.
    Park {
        /// Why: a stable code.
        code: String,
    },
    /// Make a new delivery with a new id: after a rejection, or by force.
    Repair(Box<NewDelivery>),
    /// Take back what was delivered: a new delivery tells the office. What has not left does not leave.
    TakeBack(Box<NewDelivery>),
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderAnswer {
    /// Done; the delivery that now counts.
    Done(DeliveryId),
    /// The delivery's state does not allow it.
    NotNow(State),
    /// The record's payload was pruned then: there is nothing to send again.
    Pruned(Timestamp),
    /// No such delivery.
    NotFound,
}

/// What is to be pruned: one batch.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    /// Messages behind this number, in order.
    pub after: u64,
    /// At most so many are looked at.
    pub limit: usize,
    /// Payloads of records that were accepted and settled before this; `None`: none.
    pub payloads: Option<Timestamp>,
    /// Refusals of days before this; `None`: none.
    pub refusals: Option<Timestamp>,
    /// Readings before this; `None`: none.
    pub readings: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
    /// Only look.
    pub dry: bool,
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The number of the last message that was looked at.
    pub upto: u64,
    /// Nothing behind it is old enough.
    pub done: bool,
    /// Payloads pruned.
    pub messages: u64,
    /// Their bytes as received.
    pub bytes: u64,
    /// Old enough, and not settled long enough or at all.
    pub unsettled: u64,
    /// Refusals pruned.
    pub refusals: u64,
    /// Readings pruned.
    pub readings: u64,
}

/// A person's order to make a case unreadable.
#[derive(Clone, Debug)]
pub struct Erase {
    /// The case; what `same` joins to it goes with it.
    pub case: CaseKey,
    /// Who orders it.
    pub by: String,
    /// On what ground: the order or the rule.
    pub ground: String,
    /// Why, in words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Only look.
    pub dry: bool,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// The case keys that were joined to it, itself too.
    pub cases: Vec<CaseKey>,
    /// Records and outcomes that are unreadable now.
    pub messages: Vec<MessageId>,
    /// Records that name the case and stay readable for others' sake.
    pub kept: u64,
    /// Deliveries that are not settled: where there are any, nothing was done.
    pub unsettled: Vec<DeliveryId>,
    /// Keys of attachments that no record carries any more: their files are to be removed.
    pub files: Vec<Vec<u8>>,
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
        /// Kinds that the sharing rules give it now: what it was sent in records of others is not found any more.
        given: Vec<KindName>,
    },
    /// Every row, by system and digest, `limit` at a time.
    Page {
        /// After this one; from the first without.
        after: Option<(SystemName, Digest)>,
        /// At most so many.
        limit: usize,
    },
    /// How many bytes a system has uploaded that no record names.
    Unbound {
        /// Which.
        system: SystemName,
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
    /// Their bytes, where only these were asked for.
    pub bytes: u64,
    /// Of somebody else's upload: the records with which it was sent to the asker.
    pub sent: Vec<SentUpload>,
}

/// An attachment that came with a record.
#[derive(Clone, Debug)]
pub struct SentUpload {
    /// The record.
    pub message: MessageHead,
    /// The office that got the record.
    pub office: Option<OfficeId>,
    /// The revision by which it was decided that the attachment is given.
    pub revision: u64,
    /// The sender's upload.
    pub upload: UploadRow,
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

/// Whether a sharing rule that withheld these paths withheld this attachment: all of them (`attachments[]`), or this one, by
/// the first digits of its digest (`attachments[3fa9c0d1e2b3a4f5]`).
pub fn withholds_attachment(withheld: &[String], sha256: &str) -> bool {
    withheld.iter().filter_map(|path| path.strip_prefix("attachments")).any(|rest| {
        let digits = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        rest.is_empty() || digits.is_some_and(|digits| sha256.starts_with(digits))
    })
}

/// The revision store's verbs.
#[derive(Clone, Debug)]
pub enum RevisionVerb {
    /// Adds one; its number is one above the newest. With what it carries out, where two persons were asked for.
    Add(NewRevision, Option<Box<Approval>>),
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
    /// Open alerts by rule; rules without one are there with 0.
    pub alerts: Vec<(String, u64)>,
    /// Deliveries that are open, and how many may be.
    pub open: (u64, u64),
    /// The last commit found the disk full.
    pub full: bool,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full; the transaction was rolled back and the store goes on.
    #[error("the disk that holds the store is full; make room there (`df -h` shows it)")]
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
    /// The key is not the one that the store was written with.
    #[error("the key of the store is not the one that it was written with")]
    OtherKey,
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
