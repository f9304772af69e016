//! `accept()`: the sender waits. From bytes to a durable record with its deliveries, one stage a line.
//! What is refused is refused with every violation at its place in the document as sent; what is accepted is never lost.
//! It knows nothing of HTTP (its caller does) and nothing of delivering: it meets `dispatch` in the journal only.

pub mod refuse;
pub mod receive;
pub mod decode;
pub mod files;
pub mod tagged;
pub mod national;
pub mod names;
pub mod route;
pub mod answer;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

pub use answer::{Accepted, Answer};
pub use receive::Submission;
pub use refuse::{Code, Refusal};

use crate::clock::Clock;
use crate::config::Settings;
use crate::evidence::receipt::Signer;
use crate::journal::uploads::Uploads;
use crate::journal::{Appended, Entry, Journal, Refused, Stored, rules_of};
use crate::keys::Keys;
use crate::live::Live;
use crate::rerouting::Rerouting;
use crate::telemetry;
use crate::tokens::Caller;

/// What accepting needs, built once.
pub struct Desk {
    /// Where records are written.
    pub journal: Arc<dyn Journal>,
    /// The revision that decides.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The gateway's keys.
    pub keys: Arc<Keys>,
    /// This node's limits.
    pub settings: Arc<Settings>,
    /// The files of attachments.
    pub uploads: Arc<Uploads>,
    /// Where a stored message would go now, and what its deliveries wait for.
    pub rerouting: Rerouting,
    receipts: Signer,
    tagged: tagged::Tagged,
}

/// Bodies over this size are read by a thread that may be blocked: they would hold up everyone on theirs.
const LARGE_BODY: usize = 256 * 1024;

/// So often a record is compared again because another one of its case came meanwhile.
const CROSSINGS: usize = 4;

impl Desk {
    /// With everything that it needs.
    pub fn new(
        journal: Arc<dyn Journal>,
        live: Arc<Live>,
        clock: Arc<dyn Clock>,
        keys: Arc<Keys>,
        settings: Arc<Settings>,
        uploads: Arc<Uploads>,
    ) -> Self {
        let receipts = Signer::new(&keys.receipts);
        let rerouting = Rerouting::new(Arc::clone(&journal), Arc::clone(&live), Arc::clone(&clock), &keys);
        Self { journal, live, clock, keys, settings, uploads, rerouting, receipts, tagged: tagged::Tagged::default() }
    }

    /// The receipt of a stored message: the same bytes for ever.
    pub fn receipt(&self, stored: &Stored) -> String {
        self.receipts.sign(stored, &self.keys.receipts)
    }
}

/// Accepts one record of `caller`. `read` gives the body, at most so many bytes of it.
pub async fn accept<R, F>(desk: &Desk, caller: &Caller, submission: Submission, read: R) -> Result<Accepted, Refusal>
where
    R: FnOnce(usize) -> F,
    F: Future<Output = Result<Bytes, Refusal>>,
{
    accept_in_turn(desk, caller, submission, read, |_| std::future::ready(())).await
}

/// The same for one of many: once the record is read, `turn` is told what it is about (its cases, persons and name) and
/// waits until those before it that are about the same are in the journal.
pub async fn accept_in_turn<R, F, W, T>(
    desk: &Desk,
    caller: &Caller,
    submission: Submission,
    read: R,
    turn: W,
) -> Result<Accepted, Refusal>
where
    R: FnOnce(usize) -> F,
    F: Future<Output = Result<Bytes, Refusal>>,
    W: FnOnce(Vec<String>) -> T,
    T: Future<Output = ()>,
{
    let began = Instant::now();
    let mut seen = None;
    let kind = submission.kind.clone();
    let stages = async {
        // Who speaks was settled before (a `Caller` is the proof). What the header alone decides comes before the body is read.
        let door = receive::receive(desk, caller, submission)?;
        let bytes = read(door.limit).await?;
        let bytes = receive::body(desk, &door, seen.insert(bytes).clone()).await?;
        // Strict reading, translation and the schema: nothing after this line sees an invalid record.
        let mut record = decode_and_validate(desk, door, bytes).await?;
        // What stands inside the document as base64 becomes an attachment like any other; each is looked at before it travels.
        files::keep(desk, caller, &record).await?;
        files::look(desk, caller, &mut record).await?;
        turn(about(&record)).await;
        // Decided over one read of the journal, written in one transaction: the journal checks again what may have changed.
        let appended = decide_and_write(desk, caller, record).await?;
        answer::answer(desk, appended)
    };
    match stages.await {
        Ok(accepted) => {
            if !accepted.replayed {
                telemetry::accepted(caller.name(), &kind, began.elapsed());
                telemetry::warned(caller.name(), &rules_of(&accepted.stored.warnings));
            }
            Ok(accepted)
        }
        Err(refusal) => {
            remember(desk, caller, seen.as_ref(), &refusal).await;
            Err(refusal)
        }
    }
}

/// Of two papers of one case that come in the same instant the later one is decided again, so that one of them sees the other.
/// A case in which that goes on and on is not held up for it.
async fn decide_and_write(desk: &Desk, caller: &Caller, record: decode::Record) -> Result<Appended, Refusal> {
    if !route::compared(caller, &record).is_empty() {
        for _ in 0..CROSSINGS {
            let entry = route::route(desk, caller, record.clone()).await?;
            match desk.journal.append(entry).await.map_err(Refusal::from)? {
                Appended::Crossed => {}
                appended => return Ok(appended),
            }
        }
    }
    let entry = Entry { compared: None, ..route::route(desk, caller, record).await? };
    desk.journal.append(entry).await.map_err(Refusal::from)
}

/// What a record is about: two records that share none of these may come in any order.
fn about(record: &decode::Record) -> Vec<String> {
    let facts = &record.facts;
    let cases = facts.cases.iter().map(ToString::to_string);
    let name = format!("{} {:?}", record.door.kind, record.key);
    let replaced = record.door.replaces.map(|id| id.to_string());
    cases
        .chain(facts.persons.iter().cloned())
        .chain(facts.threads.iter().cloned())
        .chain(replaced)
        .chain([name])
        .collect()
}

/// Everything but the journal's write: what would be stored, and where it would go.
pub async fn consider<R, F>(
    desk: &Desk,
    caller: &Caller,
    submission: Submission,
    read: R,
) -> Result<(decode::Record, Entry), Refusal>
where
    R: FnOnce(usize) -> F,
    F: Future<Output = Result<Bytes, Refusal>>,
{
    let door = receive::receive(desk, caller, submission)?;
    let bytes = read(door.limit).await?;
    let bytes = receive::body(desk, &door, bytes).await?;
    let mut record = decode_and_validate(desk, door, bytes).await?;
    files::look(desk, caller, &mut record).await?;
    let entry = route::route(desk, caller, record.clone()).await?;
    Ok((record, entry))
}

async fn decode_and_validate(desk: &Desk, door: receive::Door, bytes: Bytes) -> Result<decode::Record, Refusal> {
    let limits = receive::limits(desk, &door);
    let tagged = desk.tagged.of(&door)?;
    if bytes.len() <= LARGE_BODY {
        return decode::decode(door, bytes, &limits).and_then(|read| decode::validate(read, &tagged));
    }
    tokio::task::spawn_blocking(move || {
        decode::decode(door, bytes, &limits).and_then(|read| decode::validate(read, &tagged))
    })
    .await
    .map_err(|_| Refusal::new(Code::Overloaded, "reading this record was interrupted; send it again"))?
}

/// Authenticated refusals are remembered: a sender that says "we sent it" and the gateway must find the same entry.
async fn remember(desk: &Desk, caller: &Caller, seen: Option<&Bytes>, refusal: &Refusal) {
    if !refusal.code.is_the_senders() {
        return;
    }
    let refused = Refused {
        system: caller.name().to_owned(),
        digest: seen.map(|bytes| crate::seal::sha256(bytes)).unwrap_or_default(),
        code: refusal.code.as_str().to_owned(),
        at: desk.clock.now(),
    };
    if let Err(error) = desk.journal.refuse(refused).await {
        tracing::warn!(system = caller.name(), error = %error, "a refusal could not be remembered");
    }
}
