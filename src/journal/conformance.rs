//! What every store must do, said once: a second store runs these checks unchanged by implementing `Stage`.
//! Each check speaks to the journal's verbs only. A check that cannot fail does not belong here.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Action, Appended, ClaimAsk, Entry, FeedAsk, FeedPage, FeedPosition, Frozen, How, IdempotencyKey, Journal, Lane,
    Lease, NewDelivery, Outcome, OutcomeEntry, OutcomeWord, Settled, Settlement, State, Stored,
};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::identifiers::{CaseKey, DeliveryId, MessageId, OfficeId};
use crate::seal;

mod alerts;
mod corrections;
mod custody;
mod erasing;
mod feeds;
mod identity;
mod links;
mod log;
mod order;
mod papers;
mod parties;
mod proposals;
mod readings;
mod registers;
mod strays;
mod work;

pub use erasing::erase;

/// A store under test: opened, and opened again as after a crash.
#[async_trait]
pub trait Stage: Send {
    /// The store as it is open now.
    fn journal(&self) -> Arc<dyn Journal>;
    /// Ends the store without a word and opens it again. Nobody may hold the old one.
    async fn reopen(&mut self);
    /// The clock that the store asks.
    fn clock(&self) -> Arc<ManualClock>;
}

/// Makes an empty store.
pub type Make = fn() -> Box<dyn Stage>;

/// Runs every check against stores of one make.
pub async fn run(make: Make) {
    identity::run(make).await;
    work::run(make).await;
    order::run(make).await;
    corrections::run(make).await;
    feeds::run(make).await;
    registers::run(make).await;
    readings::run(make).await;
    proposals::run(make).await;
    links::run(make).await;
    log::run(make).await;
    alerts::run(make).await;
    custody::run(make).await;
    strays::run(make).await;
    parties::run(make).await;
    papers::run(make).await;
    erasing::run(make).await;
}

/// When the checks' time begins.
pub fn dawn() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000)
}

/// A case key of the checks' own.
pub fn case(number: u32) -> CaseKey {
    CaseKey::of("fir", &["38101004", "2026", &number.to_string()]).unwrap()
}

pub const POLICE: &str = "cctns-dl";
pub const COURT: &str = "ecourts-dl";
pub const PRISON: &str = "eprisons-dl";

/// A record of `kind` with the text `body`, addressed to nobody yet.
pub fn record(stage: &dyn Stage, body: &str) -> Entry {
    let now = stage.clock().now();
    Entry {
        id: MessageId::new(now),
        system: POLICE.to_owned(),
        office: OfficeId::parse("ps:38101004").unwrap(),
        kind: "charge-sheet".to_owned(),
        action: Action::New,
        replaces: None,
        reason: None,
        actor: Some("SI 1234; investigating officer".to_owned()),
        idempotency: None,
        original: Bytes::from(format!("<{body}/>")),
        media_type: "application/xml".to_owned(),
        shared: Some(Bytes::from(format!("{{\"text\":\"{body}\"}}"))),
        occurred_at: None,
        recorded_at: None,
        entry: "live".to_owned(),
        accepted_at: now,
        revision: 1,
        news: 0,
        compared: None,
        cases: vec![],
        persons: vec![],
        links: vec![],
        threads: vec![],
        whereabouts: vec![],
        attachments: vec![],
        bulk: false,
        deliveries: vec![],
        warnings: vec![],
    }
}

/// A pushed delivery to `office` of the court system in the lane of papers, ordered by one case.
pub fn push(office: &str, cases: &[CaseKey]) -> NewDelivery {
    NewDelivery {
        office: Some(OfficeId::parse(office).unwrap()),
        system: COURT.to_owned(),
        how: How::Push,
        action: Action::New,
        lane: Lane::Papers,
        keys: cases.iter().map(|key| key.as_str().to_owned()).collect(),
        state: State::Queued,
        code: None,
        deadline: None,
        why: "route `to-court`, step cnr".to_owned(),
        park_on_reject: false,
        cases: None,
    }
}

/// The same where nobody could be found.
pub fn lost(cases: &[CaseKey]) -> NewDelivery {
    let code = Some("no-office".to_owned());
    NewDelivery { office: None, system: String::new(), state: State::Parked, code, ..push("court:DLCT01", cases) }
}

/// The same, pulled.
pub fn pull(office: &str, cases: &[CaseKey]) -> NewDelivery {
    NewDelivery { how: How::Feed, ..push(office, cases) }
}

/// The same, about somebody's liberty, to a prison.
pub fn liberty(person: &str) -> NewDelivery {
    NewDelivery {
        system: PRISON.to_owned(),
        lane: Lane::Liberty,
        keys: vec![person.to_owned()],
        ..push("prison:TIHAR01", &[])
    }
}

pub fn to(entry: Entry, deliveries: Vec<NewDelivery>) -> Entry {
    Entry { deliveries, ..entry }
}

/// Appends a record that must be new.
pub async fn append(stage: &dyn Stage, entry: Entry) -> Stored {
    match stage.journal().append(entry).await.unwrap() {
        Appended::New(stored) => stored,
        other => panic!("not new: {other:?}"),
    }
}

/// Claims whatever is due for a system.
pub async fn claim(stage: &dyn Stage, system: &str) -> Vec<Lease> {
    claim_up_to(stage, system, 100).await
}

pub async fn claim_up_to(stage: &dyn Stage, system: &str, limit: usize) -> Vec<Lease> {
    let ask = ClaimAsk {
        system: system.to_owned(),
        limit,
        lease: Duration::from_secs(30),
        now: stage.clock().moment(),
        liberty_only: false,
    };
    stage.journal().claim(ask).await.unwrap()
}

/// The bytes `text`, frozen.
pub fn frozen(text: &str) -> Frozen {
    Frozen {
        bytes: Some(Bytes::from(text.to_owned())),
        digest: seal::sha256(text.as_bytes()),
        media_type: "application/json".to_owned(),
        withheld: vec!["accused[].person.phone".to_owned()],
        lost: vec![],
        revision: 1,
        entitlement: None,
    }
}

/// What a delivery's receiver says, with the message that takes it back.
pub fn says(stage: &dyn Stage, system: &str, delivery: DeliveryId, word: OutcomeWord) -> OutcomeEntry {
    let outcome = Outcome {
        delivery: delivery.to_string(),
        outcome: word,
        reference: None,
        code: None,
        reason: None,
        at: None,
        by: None,
        corrects: None,
    };
    let original = Bytes::from(serde_json::to_vec(&outcome).unwrap());
    let back = NewDelivery {
        office: Some(OfficeId::parse("ps:38101004").unwrap()),
        system: POLICE.to_owned(),
        lane: Lane::Record,
        how: How::Feed,
        state: State::Available,
        ..push("ps:38101004", &[])
    };
    let entry = Entry {
        system: system.to_owned(),
        office: OfficeId::parse("court:DLCT01").unwrap(),
        kind: "outcome".to_owned(),
        media_type: "application/json".to_owned(),
        original,
        shared: None,
        ..to(record(stage, "outcome"), vec![back])
    };
    OutcomeEntry {
        delivery,
        system: system.to_owned(),
        outcome,
        entry: Some(Box::new(entry)),
        links: vec![],
        sent_on: None,
    }
}

/// Ends a lease.
pub async fn settle(stage: &dyn Stage, lease: &Lease, verdict: Settled) {
    let at = stage.clock().now();
    let settlement = Settlement { at, verdict, note: "checked".to_owned(), answered: true };
    stage.journal().settle(&lease.token, settlement).await.unwrap();
}

/// Freezes and settles with an outcome.
pub async fn deliver(stage: &dyn Stage, lease: &Lease, word: OutcomeWord) {
    stage.journal().freeze(&lease.token, frozen("native")).await.unwrap();
    let outcome = says(stage, &lease.system, lease.token.delivery, word);
    settle(stage, lease, Settled::Outcome(Box::new(outcome))).await;
}

/// Makes every due feed delivery of a system available.
pub async fn shelve(stage: &dyn Stage, system: &str) {
    for lease in claim(stage, system).await {
        let text = format!("native {}", lease.token.delivery);
        settle(stage, &lease, Settled::Available(frozen(&text))).await;
    }
}

pub async fn page(stage: &dyn Stage, system: &str, after: Option<FeedPosition>, limit: usize) -> FeedPage {
    let page = stage.journal().feed(ask(system, after, limit)).await.unwrap();
    stage.journal().show(page, None).await.unwrap()
}

pub fn ask(system: &str, after: Option<FeedPosition>, limit: usize) -> FeedAsk {
    FeedAsk {
        system: system.to_owned(),
        offices: vec![],
        kinds: vec![],
        after,
        limit,
        max_bytes: 8 << 20,
        upto: None,
        heads: false,
    }
}

/// The state of a message's `n`th delivery, from 1.
pub async fn state(stage: &dyn Stage, id: &str, n: usize) -> State {
    let view = stage.journal().message(MessageId::parse(id).unwrap()).await.unwrap().unwrap();
    view.deliveries[n - 1].state
}

/// The messages of some leases.
pub fn messages(leases: &[Lease]) -> Vec<String> {
    leases.iter().map(|lease| lease.message.id.to_string()).collect()
}

pub fn event(number: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::Event(number.to_owned()))
}

pub fn header(key: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::Header(key.to_owned()))
}
