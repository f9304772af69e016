//! The journal: the only truth. Everything that was accepted, who must get it, and what became of it.
//! This file is the contract that a store keeps: nouns and about a dozen verbs. `sqlite` keeps it; `conformance` checks it.
//! The journal knows nothing of HTTP, formats, routes or rules. Read `lanes` next.

mod entry;
mod outcome;
mod registry;
mod links;
mod strays;
mod alert;
mod reading;
mod proposal;
mod papers;
pub mod leaf;
mod log;
pub mod lanes;
pub mod board;
pub mod wakes;
pub mod durable;
pub mod uploads;
pub mod sqlite;
#[cfg(test)]
mod conformance;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::identifiers::MessageId;

pub use alert::*;
pub use entry::*;
pub use links::*;
pub use log::*;
pub use outcome::*;
pub use papers::*;
pub use proposal::*;
pub use reading::*;
pub use registry::*;
pub use strays::*;

/// SHA-256 of bytes as they were received.
pub type Digest = [u8; 32];

/// What a store does. Every verb is one named transaction; what it returned is durable.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes one accepted record or nothing: record, keys, deliveries, answer, leaf, in one synced transaction.
    async fn append(&self, entry: Entry) -> Result<Appended, JournalError>;
    /// What routing must know before it decides: links of its cases, the version to replace.
    async fn snapshot(&self, ask: SnapshotAsk) -> Result<Snapshot, JournalError>;
    /// Remembers an authenticated refusal (digest, sender, reason), capped per system and day.
    async fn refuse(&self, refusal: Refused) -> Result<(), JournalError>;

    /// Hands out due deliveries of one system under a lease, liberty first, at most `limit`.
    async fn claim(&self, ask: ClaimAsk) -> Result<Vec<Lease>, JournalError>;
    /// Fixes a delivery's bytes before the first of them leaves. From here on they never change.
    async fn freeze(&self, lease: &LeaseToken, frozen: Frozen) -> Result<(), JournalError>;
    /// Ends a lease with what became of the attempt. A stale token is refused.
    async fn settle(&self, lease: &LeaseToken, settlement: Settlement) -> Result<(), JournalError>;

    /// A page of what a system may read, in position order, liberty first. It is not shown by this: see `show`.
    async fn feed(&self, ask: FeedAsk) -> Result<FeedPage, JournalError>;
    /// Marks the items of a page as shown, before they leave. Gives the page back without those that may leave no more: what
    /// was taken back meanwhile, and what stands behind something that was stopped in this feed; that waits its turn again.
    /// What is left of the page is noted as read with it, in one transaction, where a reading is given.
    async fn show(&self, page: FeedPage, reading: Option<Reading>) -> Result<FeedPage, JournalError>;
    /// Receivers' outcomes, each settled with its own answer; one transaction for all of them.
    async fn answer(&self, outcomes: Vec<OutcomeEntry>) -> Result<Vec<OutcomeAnswer>, JournalError>;

    /// One message with its deliveries, attempts and outcomes.
    async fn message(&self, id: MessageId) -> Result<Option<MessageView>, JournalError>;
    /// Messages that match, oldest first.
    async fn messages(&self, filter: MessageFilter) -> Result<Vec<MessageView>, JournalError>;
    /// Counts the records of a period by system, kind and warning: a bounded part of it at a time.
    async fn tally(&self, ask: TallyAsk) -> Result<Tally, JournalError>;
    /// The bytes as received, or the shared form, opened.
    async fn payload(&self, id: MessageId) -> Result<Option<Payload>, JournalError>;
    /// A person's order over one delivery: retry, release, replay, repair.
    async fn order(&self, order: Order) -> Result<OrderAnswer, JournalError>;

    /// Links between case keys: a person joins or parts two, or reads the history of one key. What it gives are the rows
    /// that were made, ended or asked for.
    async fn link(&self, verb: LinkVerb) -> Result<Vec<LinkRow>, JournalError>;

    /// Re-routing of what was waiting: the next step of the oldest cause, or what was decided about it.
    async fn stray(&self, verb: StrayVerb) -> Result<Strays, JournalError>;

    /// Reads and writes of the attachment registry; bytes lie in files, see `uploads`.
    async fn upload(&self, verb: UploadVerb) -> Result<UploadAnswer, JournalError>;
    /// Files that the store has beside its rows, that were written before a moment and belong to no row. A crash leaves such,
    /// and what is accepted at this moment looks like them for an instant where the clock was set.
    async fn nameless(&self, before: Timestamp) -> Result<Vec<PathBuf>, JournalError>;
    /// Takes the payloads of what is old and settled away, one batch at a time.
    async fn prune(&self, ask: Prune) -> Result<Pruned, JournalError>;
    /// Makes everything of a case unreadable for good, where all of it is settled: its keys are destroyed. For a store that
    /// nobody else uses meanwhile.
    async fn erase(&self, ask: Erase) -> Result<Erased, JournalError>;
    /// Revisions: add one, or read one or all.
    async fn revise(&self, verb: RevisionVerb) -> Result<Vec<RevisionRow>, JournalError>;
    /// A single-use token id is remembered until it expires; false when it was seen before.
    async fn spend(&self, jti: &str, until: Timestamp) -> Result<bool, JournalError>;
    /// Alerts: watch, list, acknowledge, and who is to be told. Gives back the alerts that the verb is about.
    async fn alert(&self, verb: AlertVerb) -> Result<Vec<Alert>, JournalError>;
    /// Readings of personal data: note one, or list them.
    async fn reading(&self, verb: ReadingVerb) -> Result<Readings, JournalError>;
    /// Proposals that wait for a second person: keep one, end one, or look at them.
    async fn proposal(&self, verb: ProposalVerb) -> Result<Vec<ProposalRow>, JournalError>;
    /// Looks at the evidence log: its head, a file of it, a proof.
    async fn log(&self, verb: LogVerb) -> Result<LogPart, JournalError>;
    /// Counts for metrics, `readyz` and the demo's proof.
    async fn count(&self) -> Result<Counts, JournalError>;

    /// The bells that are rung after a commit that made something due or available. Hints only.
    fn wakes(&self) -> Arc<wakes::Wakes>;
}
