//! A journal that watches itself: every verb goes through to the store, and the first failure whose fate is unknown is told
//! to the gateway, which then ends the process and finds out by starting again (design, invariant 1). It decides nothing else.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::identifiers::MessageId;
use crate::journal::wakes::Wakes;
use crate::journal::{
    Alert, AlertVerb, Appended, ClaimAsk, Counts, Entry, Erase, Erased, FeedAsk, FeedPage, Frozen, Journal,
    JournalError, Lease, LeaseToken, LinkRow, LinkVerb, LogPart, LogVerb, MessageFilter, MessageView, Order,
    OrderAnswer, OutcomeAnswer, OutcomeEntry, Payload, ProposalRow, ProposalVerb, Prune, Pruned, Reading, ReadingVerb,
    Readings, Refused, RevisionRow, RevisionVerb, Settlement, Snapshot, SnapshotAsk, StrayVerb, Strays, Tally,
    TallyAsk, UploadAnswer, UploadVerb,
};

/// A store under watch.
pub struct Guarded {
    store: Arc<dyn Journal>,
    doom: watch::Sender<Option<String>>,
}

impl Guarded {
    /// Watches `store`; the receiver hears why the process must end.
    pub fn new(store: Arc<dyn Journal>) -> (Self, watch::Receiver<Option<String>>) {
        let (doom, hears) = watch::channel(None);
        (Self { store, doom }, hears)
    }

    fn seen<T>(&self, result: Result<T, JournalError>) -> Result<T, JournalError> {
        if let Err(JournalError::Fatal(reason)) = &result {
            self.doom.send_if_modified(|doom| doom.is_none() && doom.replace(reason.clone()).is_none());
        }
        result
    }
}

#[async_trait]
impl Journal for Guarded {
    async fn append(&self, entry: Entry) -> Result<Appended, JournalError> {
        self.seen(self.store.append(entry).await)
    }
    async fn snapshot(&self, ask: SnapshotAsk) -> Result<Snapshot, JournalError> {
        self.seen(self.store.snapshot(ask).await)
    }
    async fn refuse(&self, refusal: Refused) -> Result<(), JournalError> {
        self.seen(self.store.refuse(refusal).await)
    }
    async fn claim(&self, ask: ClaimAsk) -> Result<Vec<Lease>, JournalError> {
        self.seen(self.store.claim(ask).await)
    }
    async fn freeze(&self, lease: &LeaseToken, frozen: Frozen) -> Result<(), JournalError> {
        self.seen(self.store.freeze(lease, frozen).await)
    }
    async fn settle(&self, lease: &LeaseToken, settlement: Settlement) -> Result<(), JournalError> {
        self.seen(self.store.settle(lease, settlement).await)
    }
    async fn feed(&self, ask: FeedAsk) -> Result<FeedPage, JournalError> {
        self.seen(self.store.feed(ask).await)
    }
    async fn show(&self, page: FeedPage, reading: Option<Reading>) -> Result<FeedPage, JournalError> {
        self.seen(self.store.show(page, reading).await)
    }
    async fn answer(&self, outcomes: Vec<OutcomeEntry>) -> Result<Vec<OutcomeAnswer>, JournalError> {
        self.seen(self.store.answer(outcomes).await)
    }
    async fn message(&self, id: MessageId) -> Result<Option<MessageView>, JournalError> {
        self.seen(self.store.message(id).await)
    }
    async fn messages(&self, filter: MessageFilter) -> Result<Vec<MessageView>, JournalError> {
        self.seen(self.store.messages(filter).await)
    }
    async fn tally(&self, ask: TallyAsk) -> Result<Tally, JournalError> {
        self.seen(self.store.tally(ask).await)
    }
    async fn payload(&self, id: MessageId) -> Result<Option<Payload>, JournalError> {
        self.seen(self.store.payload(id).await)
    }
    async fn order(&self, order: Order) -> Result<OrderAnswer, JournalError> {
        self.seen(self.store.order(order).await)
    }
    async fn link(&self, verb: LinkVerb) -> Result<Vec<LinkRow>, JournalError> {
        self.seen(self.store.link(verb).await)
    }
    async fn stray(&self, verb: StrayVerb) -> Result<Strays, JournalError> {
        self.seen(self.store.stray(verb).await)
    }
    async fn upload(&self, verb: UploadVerb) -> Result<UploadAnswer, JournalError> {
        self.seen(self.store.upload(verb).await)
    }
    async fn nameless(&self, before: Timestamp) -> Result<Vec<PathBuf>, JournalError> {
        self.seen(self.store.nameless(before).await)
    }
    async fn prune(&self, ask: Prune) -> Result<Pruned, JournalError> {
        self.seen(self.store.prune(ask).await)
    }
    async fn erase(&self, ask: Erase) -> Result<Erased, JournalError> {
        self.seen(self.store.erase(ask).await)
    }
    async fn revise(&self, verb: RevisionVerb) -> Result<Vec<RevisionRow>, JournalError> {
        self.seen(self.store.revise(verb).await)
    }
    async fn spend(&self, jti: &str, until: Timestamp) -> Result<bool, JournalError> {
        self.seen(self.store.spend(jti, until).await)
    }
    async fn alert(&self, verb: AlertVerb) -> Result<Vec<Alert>, JournalError> {
        self.seen(self.store.alert(verb).await)
    }
    async fn reading(&self, verb: ReadingVerb) -> Result<Readings, JournalError> {
        self.seen(self.store.reading(verb).await)
    }
    async fn proposal(&self, verb: ProposalVerb) -> Result<Vec<ProposalRow>, JournalError> {
        self.seen(self.store.proposal(verb).await)
    }
    async fn log(&self, verb: LogVerb) -> Result<LogPart, JournalError> {
        self.seen(self.store.log(verb).await)
    }
    async fn count(&self) -> Result<Counts, JournalError> {
        self.seen(self.store.count().await)
    }
    fn wakes(&self) -> Arc<Wakes> {
        self.store.wakes()
    }
}
