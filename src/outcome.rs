//! What a receiver said, made into the message that takes it back to the sender. Used where receivers speak: the feed's
//! acknowledgements and later outcomes (`exchange`) and the answers to pushes (`dispatch`). Pure: no journal, no socket.
//! An outcome is itself a durable delivery, of kind `outcome`; an outcome about an outcome goes nowhere.

use bytes::Bytes;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::{Revision, System};
use crate::identifiers::{CaseKey, DeliveryId, MessageId, OfficeId};
use crate::journal::{
    Action, Entry, How, Lane, MessageHead, NewDelivery, NewLink, Outcome, OutcomeEntry, OutcomeWord, Reference, State,
};

/// The kind of the messages that outcomes travel in.
pub const KIND: &str = crate::config::kinds::OUTCOME;

/// One thing that a receiver said, with what is known of the delivery that it is about.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// The delivery that is answered.
    pub delivery: DeliveryId,
    /// The office that got it.
    pub office: &'a OfficeId,
    /// The system that serves the office, and says this.
    pub system: &'a str,
    /// The message that was delivered.
    pub message: &'a MessageHead,
    /// What is said; its `delivery` is set to the one above.
    pub outcome: Outcome,
    /// The officer who says it, where that is known. `by` of the outcome is what the sender is told.
    pub officer: Option<&'a str>,
    /// The present moment.
    pub at: Timestamp,
}

/// What the sender of the original reads: the outcome with enough to find the record in its own books.
#[derive(Serialize)]
struct Body<'a> {
    /// The sender's message.
    message: String,
    /// The sender's own event number, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    /// The kind of the record.
    kind: &'a str,
    /// The office that speaks.
    office: &'a OfficeId,
    /// What it says, field by field as the receiver gave it.
    delivery: String,
    outcome: OutcomeWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    corrects: Option<bool>,
}

/// The outcome with its message to the sending office.
#[expect(clippy::needless_pass_by_value, reason = "what was said is used up: it becomes the entry")]
pub fn entry(revision: &Revision, said: Said<'_>) -> OutcomeEntry {
    let mut outcome = said.outcome.clone();
    outcome.delivery = said.delivery.to_string();
    let links = links(&outcome, &said.message.cases);
    // An outcome is answered by nothing: else two machines would thank each other for ever.
    let entry = (said.message.kind != KIND).then(|| Box::new(message(revision, &said, &outcome)));
    OutcomeEntry { delivery: said.delivery, system: said.system.to_owned(), outcome, entry, links, sent_on: None }
}

/// The machine has it: what an acknowledgement and a plain 2xx mean.
pub fn received(delivery: DeliveryId) -> Outcome {
    Outcome {
        delivery: delivery.to_string(),
        outcome: OutcomeWord::Received,
        reference: None,
        code: None,
        reason: None,
        at: None,
        by: None,
        corrects: None,
    }
}

fn message(revision: &Revision, said: &Said<'_>, outcome: &Outcome) -> Entry {
    let head = said.message;
    Entry {
        id: MessageId::new(said.at),
        system: said.system.to_owned(),
        office: said.office.clone(),
        kind: KIND.to_owned(),
        action: Action::New,
        replaces: None,
        reason: None,
        actor: said.officer.map(str::to_owned).or_else(|| outcome.by.clone()),
        idempotency: None,
        original: body(said, outcome),
        media_type: "application/json".to_owned(),
        shared: None,
        occurred_at: outcome.at.as_deref().and_then(Timestamp::parse),
        recorded_at: None,
        entry: "live".to_owned(),
        accepted_at: said.at,
        revision: revision.number,
        news: 0,
        compared: None,
        cases: head.cases.clone(),
        persons: Vec::new(),
        links: Vec::new(),
        threads: Vec::new(),
        whereabouts: Vec::new(),
        attachments: Vec::new(),
        bulk: false,
        deliveries: vec![to_sender(revision, head)],
        warnings: Vec::new(),
    }
}

fn body(said: &Said<'_>, outcome: &Outcome) -> Bytes {
    let head = said.message;
    let body = Body {
        message: head.id.to_string(),
        event: head.event.as_deref(),
        kind: &head.kind,
        office: said.office,
        delivery: outcome.delivery.clone(),
        outcome: outcome.outcome,
        reference: outcome.reference.as_ref(),
        code: outcome.code.as_deref(),
        reason: outcome.reason.as_deref(),
        at: outcome.at.as_deref(),
        by: outcome.by.as_deref(),
        corrects: outcome.corrects,
    };
    // Plain texts and numbers only: writing them cannot fail.
    Bytes::from(serde_json::to_vec(&body).unwrap_or_default())
}

/// The way back. The sending system itself where it still exists, else whoever serves its office now.
fn to_sender(revision: &Revision, head: &MessageHead) -> NewDelivery {
    let system = revision.systems.get(&head.system).or_else(|| revision.serving(&head.office));
    let how = system.map_or(How::Feed, |system| if system.push.is_some() { How::Push } else { How::Feed });
    let (state, code) = match system {
        None => (State::Parked, Some("no-office".to_owned())),
        // Shared JSON in a feed needs no encoding: it can be read as soon as it is written.
        Some(system) if how == How::Feed && !encodes(revision, system) => (State::Available, None),
        Some(_) => (State::Queued, None),
    };
    NewDelivery {
        office: Some(head.office.clone()),
        system: system.map(|system| system.name.clone()).unwrap_or_default(),
        how,
        action: Action::New,
        lane: Lane::Record,
        // The outcomes of one record reach its sender in the order in which they were said.
        keys: vec![record_key(head.id)],
        state,
        code,
        deadline: None,
        why: "outcome: back to the sending office".to_owned(),
        park_on_reject: false,
        cases: None,
    }
}

/// The lane key of one record: what its own versions and its outcomes are ordered by.
pub fn record_key(id: MessageId) -> String {
    format!("record/{id}")
}

fn encodes(revision: &Revision, system: &System) -> bool {
    revision.dialect(system, KIND).is_some_and(|dialect| dialect.plan.is_some() || dialect.native.is_some())
}

/// Case links that a receiver's own number brings. Made only where one key of the record can be meant: nothing is guessed.
fn links(outcome: &Outcome, cases: &[CaseKey]) -> Vec<NewLink> {
    let takes = matches!(outcome.outcome, OutcomeWord::Received | OutcomeWord::Accepted | OutcomeWord::Executed);
    let Some(reference) = outcome.reference.as_ref().filter(|_| takes) else {
        return Vec::new();
    };
    let Some(to) = referenced(reference) else {
        return Vec::new();
    };
    let link = match to.scheme() {
        // The new number is of what the zero FIR was.
        "fir" => only(cases, "zero-fir").map(|zero| ("zero-fir-of", to.clone(), zero.clone())),
        _ => only(cases, "fir").or_else(|| only(cases, "filing")).map(|own| ("same", own.clone(), to.clone())),
    };
    link.map(|(link, from, to)| NewLink { link: link.to_owned(), from, to }).into_iter().collect()
}

/// The case key that a reference of scheme `cnr` or `fir` (`station/year/serial` or `station-year-serial`) names.
fn referenced(reference: &Reference) -> Option<CaseKey> {
    match reference.scheme.as_str() {
        "cnr" => CaseKey::of("cnr", &[&crate::identifiers::cnr(&reference.value)?]),
        "fir" => {
            let parts: Vec<&str> = reference.value.split(['/', '-']).map(str::trim).collect();
            (parts.len() == 3).then(|| CaseKey::of("fir", &parts)).flatten()
        }
        _ => None,
    }
}

fn only<'a>(cases: &'a [CaseKey], scheme: &str) -> Option<&'a CaseKey> {
    let mut found = cases.iter().filter(|key| key.scheme() == scheme);
    let first = found.next();
    if found.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(reference: Option<(&str, &str)>, word: OutcomeWord) -> Outcome {
        let mut outcome = received(MessageId::new(Timestamp::from_millis(1)).delivery(1));
        outcome.outcome = word;
        outcome.reference =
            reference.map(|(scheme, value)| Reference { scheme: scheme.to_owned(), value: value.to_owned() });
        outcome
    }

    #[test]
    fn a_cnr_in_an_outcome_joins_the_one_fir_of_the_record() {
        let fir = CaseKey::of("fir", &["38101004", "2026", "17"]).unwrap();
        let other = CaseKey::of("fir", &["38101004", "2026", "18"]).unwrap();
        let cnr = said(Some(("cnr", "DLCT01-000123-2026")), OutcomeWord::Accepted);
        let found = links(&cnr, std::slice::from_ref(&fir));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to.as_str(), "cnr/DLCT010001232026");
        assert_eq!(found[0].link, "same");
        assert!(links(&cnr, &[fir.clone(), other]).is_empty(), "two FIRs: none is guessed");
        let refused = said(Some(("cnr", "DLCT010001232026")), OutcomeWord::Rejected);
        assert!(links(&refused, std::slice::from_ref(&fir)).is_empty());
    }

    #[test]
    fn a_fir_number_in_an_outcome_joins_the_zero_fir() {
        let zero = CaseKey::of("zero-fir", &["38101004", "2026", "1"]).unwrap();
        let found = links(&said(Some(("fir", "38101009/2026/44")), OutcomeWord::Accepted), std::slice::from_ref(&zero));
        assert_eq!((found[0].link.as_str(), found[0].from.as_str()), ("zero-fir-of", "fir/38101009-2026-44"));
        assert_eq!(found[0].to, zero);
    }
}
