//! Dispatch: what was accepted is carried to who must get it; nobody waits for it. `dispatch` is the whole story of one
//! delivery, one stage a line. It meets `accept` only in the journal. Read `worker` for who calls it, then the stages:
//! `encode` (permit, encode, validate), `push` and `verdict` (deliver), `settle` with `retry` and `breaker`.

pub mod worker;
pub mod encode;
pub mod files;
pub mod push;
pub mod sign;
pub mod verdict;
pub mod settle;
pub mod retry;
pub mod breaker;
pub mod standing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use breaker::{Breaker, Patience};
use encode::{Ready, encode, permit, validate};
use files::{Files, Inside};
use push::{Door, Posted};
use retry::Pauses;
use settle::{Terms, settlement};
use standing::Standings;
use verdict::{Judgement, Reply, judge};

use crate::clock::{Clock, Timestamp};
use crate::config::{Revision, System};
use crate::envelope::Envelope;
use crate::faults;
use crate::identifiers::{CaseKey, SystemName};
use crate::journal::{Frozen, Journal, JournalError, Lease, OutcomeWord, Settled, Settlement, joined};
use crate::live::Live;
use crate::rerouting::Rerouting;
use crate::telemetry;

/// What every delivery is made with; built once.
pub struct Post {
    /// Where the work is, and where it ends.
    pub journal: Arc<dyn Journal>,
    /// The configuration of the moment.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub door: Door,
    /// Attachments that stand inside documents.
    pub files: Files,
    /// Where a record goes whose receiver is the wrong one.
    pub rerouting: Rerouting,
    /// How long to pause between attempts.
    pub pauses: Pauses,
    /// When breakers open.
    pub patience: Patience,
    /// Who answers, for those who watch.
    pub standings: Arc<Standings>,
}

/// One receiving system's breaker, shared by its deliveries.
#[derive(Debug)]
pub struct Reach(Mutex<Breaker>);

/// Why a delivery did not get as far as its receiver.
#[derive(Debug)]
pub enum Stop {
    /// It cannot be made or may not leave; a stable code, and one line for people.
    Parked {
        /// `mapping-failed`, `code-unknown`, `not-permitted`, `permission-changed`.
        code: String,
        /// Where and which rule; never a value.
        note: String,
    },
    /// Its system has just left the configuration.
    Gone,
}

/// How the carrying of one delivery ended.
#[derive(Debug)]
pub enum Ended {
    /// Ready to be pulled.
    Available(Frozen),
    /// The receiver answered, and this is what it means.
    Answered(Judgement, Reply),
    /// The receiver gave no answer.
    Unreachable(&'static str),
    /// It stopped on the way.
    Stopped(Stop),
}

/// Carries one claimed delivery to its end.
pub async fn dispatch(post: &Post, reach: &Reach, lease: &Lease) -> Result<(), JournalError> {
    let began = Instant::now();
    let revision = post.live.newest();
    let ended = carry(post, &revision, lease).await?;
    let mut settlement = post.judge_attempt(reach, &revision, lease, ended);
    if let Settled::Outcome(said) = &mut settlement.verdict {
        post.rerouting.send_on(said).await?;
    }
    report(lease, &settlement, began);
    post.journal.settle(&lease.token, settlement).await
}

/// The stages. The order is the point: nothing is encoded that may not be seen, nothing is frozen that the receiver could
/// not read, and nothing leaves before its bytes are fixed and durable.
async fn carry(post: &Post, revision: &Revision, lease: &Lease) -> Result<Ended, JournalError> {
    let mut inside = post.inside(revision, lease).await?;
    let joined = post.joined(revision, lease).await?;
    let ready = match make(revision, lease, (&joined, post.clock.now()), &mut inside) {
        Ok(ready) => ready,
        Err(stop) => return Ok(Ended::Stopped(stop)),
    };
    let Some(push) = revision.systems.get(&lease.system).and_then(|system| system.push.as_ref()) else {
        // One commit both freezes it and gives it its place in the feed.
        return Ok(Ended::Available(ready.kept(lease)));
    };
    let body = match post.files.fill(inside, post.freeze(lease, &ready).await?, lease.lane).await? {
        Ok(body) => body,
        Err(stop) => return Ok(Ended::Stopped(stop)),
    };
    let envelope = Envelope::of_lease(lease, &ready.frozen);
    faults::point("deliver::before");
    let posted = post.door.post(push, &envelope, body.bytes.clone(), post.clock.now()).await;
    faults::point("deliver::after");
    match posted {
        Posted::Answered(reply) => Ok(Ended::Answered(judged(revision, lease, &reply), reply)),
        Posted::Unreachable(class) => Ok(Ended::Unreachable(class)),
    }
}

fn make(
    revision: &Revision,
    lease: &Lease,
    joined: (&[CaseKey], Timestamp),
    inside: &mut Inside,
) -> Result<Ready, Stop> {
    let system = receiver(revision, lease)?;
    let (permitted, entitlement) = permit(revision, system, lease, joined)?;
    let draft = encode(revision, system, lease, permitted, inside)?;
    let mut ready = validate(revision, lease, draft)?;
    if !ready.fixed {
        ready.frozen.entitlement = entitlement;
    }
    Ok(ready)
}

fn receiver<'r>(revision: &'r Revision, lease: &Lease) -> Result<&'r System, Stop> {
    revision.systems.get(&lease.system).ok_or(Stop::Gone)
}

fn judged(revision: &Revision, lease: &Lease, reply: &Reply) -> Judgement {
    let adapter = revision.systems.get(&lease.system).and_then(|system| revision.adapters.get(&system.adapter));
    match adapter {
        Some(adapter) => judge(&adapter.verdicts, reply),
        None => judge(&crate::config::Verdicts::default(), reply),
    }
}

impl Post {
    /// The files that may stand in the document: of a receiver that is pushed to and whose adapter wants them there. Who
    /// pulls reads them by their links.
    async fn inside(&self, revision: &Revision, lease: &Lease) -> Result<Inside, JournalError> {
        let system = revision.systems.get(&lease.system).filter(|system| system.push.is_some());
        let cap = system.and_then(|system| revision.dialect(system, &lease.message.kind)?.files);
        match cap.filter(|_| !lease.message.attachments.is_empty()) {
            Some(cap) => self.files.of(self.journal.as_ref(), lease, cap).await,
            None => Ok(Inside::default()),
        }
    }

    /// The other numbers of the record's case, where what the receiver may see depends on them.
    async fn joined(&self, revision: &Revision, lease: &Lease) -> Result<Vec<CaseKey>, JournalError> {
        let system = revision.systems.get(&lease.system);
        match system.is_some_and(|system| revision.sharing.depends(&lease.message.kind, system)) {
            true => joined(self.journal.as_ref(), &lease.cases).await,
            false => Ok(Vec::new()),
        }
    }

    /// Fixes the bytes durably, unless an earlier attempt did; gives them back.
    async fn freeze(&self, lease: &Lease, ready: &Ready) -> Result<Bytes, JournalError> {
        if !ready.fixed {
            self.journal.freeze(&lease.token, ready.kept(lease)).await?;
        }
        if let Some(bytes) = &ready.frozen.bytes {
            return Ok(bytes.clone());
        }
        let payload = self.journal.payload(lease.message.id).await?;
        payload.map(|payload| payload.original).ok_or_else(|| JournalError::Damaged(lease.message.id.to_string()))
    }

    /// Tells the breaker how it went, and decides what becomes of the delivery.
    fn judge_attempt(&self, reach: &Reach, revision: &Revision, lease: &Lease, ended: Ended) -> Settlement {
        let now = self.clock.now();
        let mut breaker = reach.lock();
        let changed = match &ended {
            Ended::Answered(..) => breaker.answered(now),
            Ended::Unreachable(_) => breaker.unreachable(now),
            Ended::Available(_) | Ended::Stopped(_) => false,
        };
        if matches!(ended, Ended::Answered(..) | Ended::Unreachable(_)) {
            self.standings.note(&lease.system, breaker.away_since());
        }
        if changed {
            let open = breaker.is_open();
            tracing::warn!(system = %lease.system, open, "{}", if open { "receiver does not answer: breaker opens" } else { "receiver answers again: breaker closes" });
        }
        let push = revision.systems.get(&lease.system).and_then(|system| system.push.as_ref());
        let terms = Terms { revision, push, pauses: self.pauses, luck: fastrand::f64(), now };
        settlement(&terms, lease, &breaker, ended)
    }
}

impl Stop {
    /// With a stable code and one line for people.
    pub fn parked(code: &str, note: impl Into<String>) -> Self {
        Self::Parked { code: code.to_owned(), note: note.into() }
    }
}

impl Reach {
    /// A system that nothing is known of yet.
    pub fn new(post: &Post) -> Self {
        Self(Mutex::new(Breaker::new(post.patience, post.clock.now())))
    }

    /// The breaker. A worker that panicked takes the process down, so a poisoned lock is never met in earnest.
    pub fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line about one attempt: never a body, a name, or an identifier of a person.
fn report(lease: &Lease, settlement: &Settlement, began: Instant) {
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let system: &SystemName = &lease.system;
    if matches!(settlement.verdict, Settled::Outcome(_) | Settled::Available(_)) {
        telemetry::settled(system, settlement.at.since(lease.message.accepted_at));
    }
    let attempt = lease.attempts.saturating_add(1);
    let (message, delivery, office, kind) =
        (lease.message.id, lease.token.delivery, &lease.office, &lease.message.kind);
    let note = settlement.note.as_str();
    match &settlement.verdict {
        // What goes well is one line among thousands a second: only who looks for it sees it.
        Settled::Outcome(said) if said.outcome.outcome == OutcomeWord::Received => {
            tracing::debug!(message.id = %message, %delivery, system, %office, kind, attempt, elapsed_ms, note, "delivered");
        }
        Settled::Available(_) | Settled::Released => {
            tracing::debug!(message.id = %message, %delivery, system, %office, kind, attempt, elapsed_ms, note, "carried");
        }
        Settled::Outcome(said) => {
            let outcome = said.outcome.outcome;
            tracing::info!(message.id = %message, %delivery, system, %office, kind, attempt, elapsed_ms, note, ?outcome, "receiver spoke");
        }
        Settled::RetryAt(due) => {
            tracing::info!(message.id = %message, %delivery, system, %office, kind, attempt, elapsed_ms, note, %due, "will be tried again");
        }
        Settled::Parked(code) => {
            tracing::warn!(message.id = %message, %delivery, system, %office, kind, attempt, elapsed_ms, note, code, "delivery parked");
        }
    }
}
