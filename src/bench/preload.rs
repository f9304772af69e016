//! Fills a store through the journal's own verbs, so that it is what years of use would leave: records with keys,
//! answers and leaves, each with two deliveries that were sent and settled. Left out: the outcomes' own messages.
//! Made once for each size and kept.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::rounds::Bodies;
use super::sheets::{self, CASES};
use super::{Options, stage};
use crate::clock::{Clock, WallClock};
use crate::identifiers::{CaseKey, MessageId, OfficeId};
use crate::journal::{
    Action, ClaimAsk, Entry, Frozen, How, IdempotencyKey, Journal, JournalError, Lane, Lease, NewDelivery,
    OutcomeEntry, Settled, Settlement, State,
};
use crate::outcome;
use crate::seal;
use crate::shell::exit::{Exit, Failure, file_failure};

/// Verbs under way at once: what the writer commits together.
const AT_ONCE: usize = 512;
/// Records between two rounds of settling.
const CHUNK: u64 = 8_192;

/// The kept folder with `options.preload` records; made if it is not there yet.
pub async fn ensure(options: &Options, bodies: &Bodies, tell: &dyn Fn(&str)) -> Result<PathBuf, Failure> {
    let kept = stage::kept(&options.cache, options.preload);
    let complete = kept.join("complete");
    if complete.exists() {
        return Ok(kept);
    }
    if kept.exists() {
        // Broken off half-way at an earlier time.
        std::fs::remove_dir_all(&kept).map_err(|error| file_failure(&kept, &error))?;
    }
    stage::make(&kept)?;
    let journal = stage::journal(&kept)?;
    let filled = fill(&journal, &bodies.json, options.preload, tell).await;
    filled.map_err(|error| Failure::new(Exit::Storage, error.to_string(), "check the disk"))?;
    drop(journal);
    std::fs::write(&complete, "").map_err(|error| file_failure(&complete, &error))?;
    Ok(kept)
}

async fn fill(journal: &dyn Journal, body: &[u8], count: u64, tell: &dyn Fn(&str)) -> Result<(), JournalError> {
    let template = Template::of(body)?;
    let mut done = 0;
    while done < count {
        let end = count.min(done + CHUNK);
        let appended = stream::iter(done..end).map(|number| append(journal, &template, number));
        appended.buffer_unordered(AT_ONCE).try_for_each(|()| std::future::ready(Ok(()))).await?;
        for system in [stage::COURT, stage::PROSECUTION] {
            settle(journal, system).await?;
        }
        done = end;
        tell(&format!("filling the store: {done} of {count} records (once)"));
    }
    Ok(())
}

/// What every preloaded record has in common.
struct Template {
    body: sheets::Numbered,
    sender: OfficeId,
    receivers: [(&'static str, OfficeId); 2],
}

impl Template {
    fn of(body: &[u8]) -> Result<Self, JournalError> {
        let office = |text: &str| OfficeId::parse(text).map_err(JournalError::Storage);
        Ok(Self {
            body: sheets::numbered(body, CASES).map_err(JournalError::Storage)?,
            sender: office(stage::JSON_STATION)?,
            receivers: [
                (stage::COURT, office(stage::COURT_OFFICE)?),
                (stage::PROSECUTION, office(stage::PROSECUTION_OFFICE)?),
            ],
        })
    }
}

async fn append(journal: &dyn Journal, template: &Template, number: u64) -> Result<(), JournalError> {
    let now = WallClock.now();
    let serial = sheets::serial(number, CASES).to_string();
    let cases: Vec<CaseKey> = CaseKey::of("fir", &["38101004", "2026", &serial]).into_iter().collect();
    let delivery = |(system, office): &(&'static str, OfficeId)| NewDelivery {
        office: Some(office.clone()),
        system: (*system).to_owned(),
        how: How::Push,
        action: Action::New,
        lane: Lane::Papers,
        keys: cases.iter().map(ToString::to_string).collect(),
        state: State::Queued,
        code: None,
        deadline: None,
        why: "route of the bench: desk".to_owned(),
        park_on_reject: false,
        cases: None,
    };
    let entry = Entry {
        id: MessageId::new(now),
        system: stage::JSON_SENDER.to_owned(),
        office: template.sender.clone(),
        kind: sheets::KIND.to_owned(),
        action: Action::New,
        replaces: None,
        reason: None,
        actor: None,
        idempotency: Some(IdempotencyKey::Event(sheets::event(number))),
        original: Bytes::from(template.body.bytes(number)),
        media_type: "application/json".to_owned(),
        shared: None,
        occurred_at: Some(now),
        recorded_at: None,
        entry: "live".to_owned(),
        accepted_at: now,
        revision: 1,
        news: 0,
        compared: None,
        deliveries: template.receivers.iter().map(delivery).collect(),
        cases,
        persons: Vec::new(),
        links: Vec::new(),
        threads: Vec::new(),
        whereabouts: Vec::new(),
        attachments: Vec::new(),
        bulk: false,
        warnings: Vec::new(),
    };
    journal.append(entry).await.map(drop)
}

async fn settle(journal: &dyn Journal, system: &str) -> Result<(), JournalError> {
    loop {
        let ask = ClaimAsk {
            system: system.to_owned(),
            limit: AT_ONCE,
            lease: Duration::from_secs(60),
            now: WallClock.moment(),
            liberty_only: false,
        };
        let leases = journal.claim(ask).await?;
        if leases.is_empty() {
            return Ok(());
        }
        let taken = stream::iter(leases).map(|lease| take(journal, lease));
        taken.buffer_unordered(AT_ONCE).try_for_each(|()| std::future::ready(Ok(()))).await?;
    }
}

/// One delivery, sent as received and taken by its receiver's machine.
async fn take(journal: &dyn Journal, lease: Lease) -> Result<(), JournalError> {
    let frozen = Frozen {
        bytes: None,
        digest: seal::sha256(&lease.shared),
        media_type: lease.message.media_type.clone(),
        withheld: Vec::new(),
        lost: Vec::new(),
        revision: 1,
        entitlement: None,
    };
    journal.freeze(&lease.token, frozen).await?;
    let delivery = lease.token.delivery;
    let outcome = outcome::received(delivery);
    let said = OutcomeEntry { delivery, system: lease.system, outcome, entry: None, links: Vec::new(), sent_on: None };
    let verdict = Settled::Outcome(Box::new(said));
    let settlement = Settlement { at: WallClock.now(), verdict, note: "200".to_owned(), answered: true };
    journal.settle(&lease.token, settlement).await
}
