//! What receivers say: the acknowledgement of a page, outcomes in bulk, and later outcomes of one message.
//! Every outcome is written with the message that takes it back to the sender (see `outcome`), in one transaction a call.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Known, demand};
use super::feed::Filter;
use super::problem::{Problem, Usual};
use super::request::{self, Part};
use super::{Exchange, answer};
use crate::accept::{Code, Refusal};
use crate::clock::Timestamp;
use crate::config::officers::Duty;
use crate::identifiers::{DeliveryId, MessageId};
use crate::journal::{
    DeliveryView, FeedAsk, FeedItem, FeedPosition, MessageView, Outcome, OutcomeAnswer, OutcomeEntry, OutcomeWord,
    Reference,
};
use crate::officers::Officer;
use crate::outcome::{self, Said};
use crate::tokens::Caller;

/// Bytes of an acknowledgement at most.
const ACK_BYTES: usize = 4 << 20;
/// Outcomes in one call at most.
const MOST_OUTCOMES: usize = 5000;
/// Items settled in one transaction.
const PAGE: usize = 500;

/// Either `upto` with the filter of the page, or `outcomes`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// The filter that the cursor was made with.
    #[serde(default)]
    offices: Vec<String>,
    /// The filter that the cursor was made with.
    #[serde(default)]
    kinds: Vec<String>,
    /// Settles every unsettled item up to this cursor as `received`.
    upto: Option<String>,
    /// Outcomes one by one.
    outcomes: Option<Vec<Spoken>>,
}

/// One outcome as it is sent.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spoken {
    /// Delivery id (in `/v1/messages/{id}/outcomes` it may be left out).
    id: Option<String>,
    /// `received accepted returned rejected wrong-addressee executed not-executed duplicate-of`.
    #[schema(value_type = String)]
    outcome: OutcomeWord,
    /// Your own number for it.
    #[schema(value_type = Option<Object>)]
    reference: Option<Reference>,
    /// A code of yours.
    code: Option<String>,
    /// Words for people; defects one a line.
    reason: Option<String>,
    /// When; RFC 3339 with offset.
    at: Option<String>,
    /// By whom.
    by: Option<String>,
    /// It corrects what you said before.
    corrects: Option<bool>,
}

/// What became of it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Acknowledged {
    /// Deliveries that are settled by this call.
    settled: u64,
    /// Later outcomes that were written: their deliveries were settled before. Left out where there are none.
    #[serde(skip_serializing_if = "nobody")]
    added: u64,
    /// Outcomes that were said before in the same words; nothing was written.
    already: u64,
    /// Outcomes that were not taken.
    refused: Vec<RefusedOutcome>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "shaped for serde")]
fn nobody(count: &u64) -> bool {
    *count == 0
}

/// An outcome that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedOutcome {
    /// The delivery id as sent.
    id: String,
    /// `not-found`, `outcome-conflict` or `schema-invalid`.
    code: &'static str,
}

/// Say that you have stored a page, or what became of single deliveries.
///
/// `{offices, kinds, upto}` settles every unsettled item up to the cursor that the filter matches. `{outcomes: [...]}` gives
/// an outcome each. Saying the same again changes nothing.
#[utoipa::path(post, path = "/v1/feed/ack", tag = "feed", request_body = Ack,
    params(("Icjs-Actor" = Option<String>, Header, description = "The officer, as for a submission")),
    responses(
        (status = 200, description = "Durable", body = Acknowledged),
        (status = 400, description = "The cursor is not valid here, or not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not your office, no scope `receive`, or a claim that proves no officer", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such kind", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body stopped, or came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Packed in a way that is not taken here", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not what an acknowledgement looks like", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded or disk full", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn acknowledge(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    demand(&caller, "receive")?;
    let officer = exchange.actor(&caller, &headers, Duty::Send)?;
    let _place = exchange.place()?;
    let bytes = request::body(&exchange.desk.settings, &headers, body, ACK_BYTES).await?;
    Ok(answer(StatusCode::OK, &taken(&exchange, &caller, officer, &bytes).await?))
}

/// A system, and the officer who speaks for it.
struct Speaker<'a> {
    caller: &'a Caller,
    officer: Option<String>,
}

/// Takes one acknowledgement.
pub(super) async fn taken(
    exchange: &Exchange,
    caller: &Caller,
    officer: Option<Officer>,
    bytes: &[u8],
) -> Result<Acknowledged, Refusal> {
    let speaker = Speaker { caller, officer: officer.map(|officer| officer.to_string()) };
    let ack: Ack = request::parse(bytes)?;
    match (&ack.upto, ack.outcomes) {
        (Some(upto), None) => {
            let filter =
                Filter::new(caller, ack.offices.iter().map(String::as_str), ack.kinds.iter().map(String::as_str))?;
            let upto = filter.binding(caller).open(upto, &exchange.cursors)?;
            settle_upto(exchange, &speaker, filter, upto).await
        }
        (None, Some(outcomes)) if outcomes.len() <= MOST_OUTCOMES => settle_each(exchange, &speaker, outcomes).await,
        _ => {
            let message = format!("send either `upto` (with the page's filter) or up to {MOST_OUTCOMES} `outcomes`");
            Err(Refusal::new(Code::SchemaInvalid, message))
        }
    }
}

async fn settle_upto(
    exchange: &Exchange,
    speaker: &Speaker<'_>,
    filter: Filter,
    upto: FeedPosition,
) -> Result<Acknowledged, Refusal> {
    let mut told = Acknowledged::default();
    let ask = FeedAsk {
        system: speaker.caller.name().to_owned(),
        offices: filter.offices,
        kinds: filter.kinds,
        after: None,
        upto: Some(upto),
        heads: true,
        limit: PAGE,
        max_bytes: exchange.desk.settings.exchange.feed_page,
    };
    // Each round settles what it found, so the next one finds what follows; a round that settles nothing is the last.
    loop {
        let page = exchange.journal().feed(ask.clone()).await?;
        let found = received_by(exchange, speaker, &page.items).await?;
        told.settled += found.settled;
        told.added += found.added;
        told.already += found.already;
        if found.settled == 0 {
            return Ok(told);
        }
    }
}

/// Says `received` for these items, which the machine has.
pub(super) async fn received(
    exchange: &Exchange,
    caller: &Caller,
    items: &[FeedItem],
) -> Result<Acknowledged, Refusal> {
    received_by(exchange, &Speaker { caller, officer: None }, items).await
}

async fn received_by(exchange: &Exchange, speaker: &Speaker<'_>, items: &[FeedItem]) -> Result<Acknowledged, Refusal> {
    let caller = speaker.caller;
    let mut told = Acknowledged::default();
    let at = exchange.desk.clock.now();
    let entry = |item: &FeedItem| {
        let said = Said {
            delivery: item.delivery,
            office: &item.office,
            system: caller.name(),
            message: &item.message,
            outcome: outcome::received(item.delivery),
            officer: speaker.officer.as_deref(),
            at,
        };
        outcome::entry(caller.revision(), said)
    };
    let entries: Vec<OutcomeEntry> = items.iter().map(entry).collect();
    if entries.is_empty() {
        return Ok(told);
    }
    for answer in exchange.journal().answer(entries).await? {
        match answer {
            OutcomeAnswer::Settled => told.settled += 1,
            OutcomeAnswer::Added => told.added += 1,
            _ => told.already += 1,
        }
    }
    Ok(told)
}

async fn settle_each(exchange: &Exchange, speaker: &Speaker<'_>, spoken: Vec<Spoken>) -> Result<Acknowledged, Refusal> {
    let mut told = Acknowledged::default();
    let mut known = HashMap::<MessageId, Option<MessageView>>::new();
    let mut entries = Vec::new();
    for spoken in spoken {
        let id = spoken.id.clone().unwrap_or_default();
        match entry(exchange, speaker, spoken, &mut known).await {
            Ok(entry) => entries.push((id, entry)),
            Err(refusal) if refusal.code.is_the_senders() => {
                told.refused.push(RefusedOutcome { id, code: refusal.code.as_str() });
            }
            Err(refusal) => return Err(refusal),
        }
    }
    let (ids, entries): (Vec<String>, Vec<OutcomeEntry>) = entries.into_iter().unzip();
    let answers = if entries.is_empty() { Vec::new() } else { exchange.journal().answer(entries).await? };
    for (id, answer) in ids.into_iter().zip(answers) {
        match answer {
            OutcomeAnswer::Settled => told.settled += 1,
            OutcomeAnswer::Added => told.added += 1,
            OutcomeAnswer::Already => told.already += 1,
            OutcomeAnswer::Conflict => told.refused.push(RefusedOutcome { id, code: Code::OutcomeConflict.as_str() }),
            OutcomeAnswer::NotFound => told.refused.push(RefusedOutcome { id, code: Code::NotFound.as_str() }),
        }
    }
    Ok(told)
}

fn nothing() -> Refusal {
    Refusal::new(
        Code::NotFound,
        "no such delivery of yours; outcomes name the delivery (`id` of the feed item or push)",
    )
}

/// The outcome with its way back; messages that were looked up before are not looked up again.
async fn entry(
    exchange: &Exchange,
    speaker: &Speaker<'_>,
    spoken: Spoken,
    known: &mut HashMap<MessageId, Option<MessageView>>,
) -> Result<OutcomeEntry, Refusal> {
    let named = spoken.id.as_deref().unwrap_or("");
    let message = DeliveryId::parse(named).map(DeliveryId::message).or_else(|| MessageId::parse(named));
    let message = message.ok_or_else(nothing)?;
    let view = match known.entry(message) {
        Slot::Occupied(seen) => seen.into_mut(),
        Slot::Vacant(slot) => slot.insert(exchange.journal().message(message).await?),
    };
    let view = view.as_ref().ok_or_else(nothing)?;
    let delivery = delivered(speaker.caller, view, DeliveryId::parse(named))?;
    let mut entry = said(exchange, speaker, view, delivery, spoken)?;
    exchange.desk.rerouting.send_on(&mut entry).await?;
    Ok(entry)
}

/// The caller's delivery: the one that is named, or the only one.
fn delivered<'a>(
    caller: &Caller,
    view: &'a MessageView,
    named: Option<DeliveryId>,
) -> Result<&'a DeliveryView, Refusal> {
    let mut mine = view
        .deliveries
        .iter()
        .filter(|delivery| delivery.system == caller.name() && named.is_none_or(|named| named == delivery.id));
    let first = mine.next().ok_or_else(nothing)?;
    match mine.next() {
        None => Ok(first),
        Some(_) => {
            let detail = "you got several deliveries of this message; name the delivery in `id`";
            Err(Refusal::new(Code::SchemaInvalid, detail))
        }
    }
}

fn said(
    exchange: &Exchange,
    speaker: &Speaker<'_>,
    view: &MessageView,
    delivery: &DeliveryView,
    spoken: Spoken,
) -> Result<OutcomeEntry, Refusal> {
    if spoken.at.as_deref().is_some_and(|at| Timestamp::parse(at).is_none()) {
        return Err(Refusal::new(Code::SchemaInvalid, "`at` is RFC 3339 with an offset"));
    }
    let long = |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.len() > most);
    let reference = spoken.reference.as_ref().is_some_and(|it| it.scheme.len() > 32 || it.value.len() > 200);
    if long(&spoken.reason, 8000) || long(&spoken.code, 64) || long(&spoken.by, 200) || reference {
        let detail = "`reason` holds 8000 bytes, `code` 64, `by` 200, `reference` 32 and 200 at most";
        return Err(Refusal::new(Code::SchemaInvalid, detail));
    }
    let office = delivery.office.as_ref().ok_or_else(nothing)?;
    let outcome = Outcome {
        delivery: delivery.id.to_string(),
        outcome: spoken.outcome,
        reference: spoken.reference,
        code: spoken.code,
        reason: spoken.reason,
        at: spoken.at,
        by: spoken.by,
        corrects: spoken.corrects,
    };
    let at = exchange.desk.clock.now();
    let (system, officer) = (speaker.caller.name(), speaker.officer.as_deref());
    let said = Said { delivery: delivery.id, office, system, message: &view.head, outcome, officer, at };
    Ok(outcome::entry(speaker.caller.revision(), said))
}

/// Say what became of a message that was delivered to you.
///
/// As often as there is something to say: `received`, later `accepted` with your number, later still `executed`.
#[utoipa::path(post, path = "/v1/messages/{id}/outcomes", tag = "messages", request_body = Spoken,
    params(
        ("id" = String, Path, description = "Delivery id; a message id where you got one delivery of it"),
        ("Icjs-Actor" = Option<String>, Header, description = "The officer, as for a submission")),
    responses(
        (status = 200, description = "Durable; saying the same again changes nothing", body = Acknowledged),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "No scope `receive`, or a claim that proves no officer", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such delivery of yours", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It contradicts what you said; say `corrects`", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body stopped, or came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Packed in a way that is not taken here", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not what an outcome looks like", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded or disk full", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn outcome(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    Part(id): Part,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    demand(&caller, "receive")?;
    let officer = exchange.actor(&caller, &headers, Duty::Send)?.map(|officer| officer.to_string());
    let _place = exchange.place()?;
    let bytes = request::body(&exchange.desk.settings, &headers, body, ACK_BYTES).await?;
    let mut spoken: Spoken = request::parse(&bytes)?;
    spoken.id.get_or_insert(id);
    let mut known = HashMap::new();
    let speaker = Speaker { caller: &caller, officer };
    let entry = entry(&exchange, &speaker, spoken, &mut known).await?;
    let mut told = Acknowledged::default();
    match exchange.journal().answer(vec![entry]).await?.first() {
        Some(OutcomeAnswer::Settled) => told.settled = 1,
        Some(OutcomeAnswer::Added) => told.added = 1,
        Some(OutcomeAnswer::Already) => told.already = 1,
        Some(OutcomeAnswer::Conflict) => {
            let detail =
                "this contradicts an earlier outcome of the delivery; where it is right, say `\"corrects\": true`";
            return Err(Refusal::new(Code::OutcomeConflict, detail));
        }
        Some(OutcomeAnswer::NotFound) | None => return Err(nothing()),
    }
    Ok(answer(StatusCode::OK, &told))
}
