//! The state of what the caller sent or was sent. Somebody else's message is as if it were not there: 404, never 403.
//! A receiver sees its own deliveries of a message; the sender sees all of them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use icjs_proof::steps::{Step, Steps};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Known, demand};
use super::cursor::Binding;
use super::problem::{Problem, Usual};
use super::request::{self, Part, Query};
use super::{Exchange, answer};
use crate::accept::{Code, Refusal};
use crate::casefile::{self, Viewer};
use crate::clock::Timestamp;
use crate::config::officers::Duty;
use crate::identifiers::{DeliveryId, MessageId};
use crate::journal::{
    Action, DeliveryView, How, Lane, MessageFilter, MessageView, Outcome, Reading, State as DeliveryState,
};
use crate::seal;
use crate::tokens::Caller;

/// A message as its sender or a receiver sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Message {
    /// Message id.
    id: String,
    /// Record kind; `outcome` for an outcome.
    kind: String,
    /// Sending system.
    system: String,
    /// Sending office.
    office: String,
    /// `new`, `correct` or `withdraw`.
    #[schema(value_type = String)]
    action: Action,
    /// `open`, `settled`, `attention` (something is parked) or `withdrawn`.
    status: &'static str,
    /// The sender's own event number, where the body had one (to the sender only).
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// SHA-256 of the bytes as received.
    sha256: String,
    /// When it was accepted.
    accepted_at: String,
    /// The version that it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
    /// The version that replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    /// Case keys.
    cases: Vec<String>,
    /// Attachments, by SHA-256.
    attachments: Vec<String>,
    /// Deliveries: all of them to the sender, its own to a receiver.
    deliveries: Vec<Delivery>,
    /// What the sender was warned of when it was accepted (to the sender only).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    warnings: Vec<serde_json::Value>,
    /// The receipt (to the sender only): the same bytes as at acceptance.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// A delivery as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// Delivery id.
    id: String,
    /// Receiving office.
    office: Option<String>,
    /// `push` or `feed`.
    #[schema(value_type = String)]
    how: How,
    /// What the office gets.
    #[schema(value_type = String)]
    action: Action,
    /// Where its order is kept.
    #[schema(value_type = String)]
    lane: Lane,
    /// `queued sending retrying held available delivered rejected parked superseded recalled`.
    #[schema(value_type = String)]
    state: DeliveryState,
    /// Stable code of the state's reason.
    reason: Option<String>,
    /// Which route, step and row decided.
    why: String,
    /// Attempts so far.
    attempts: u32,
    /// Not before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    /// When it was settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<String>,
    /// One line about the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Shared paths that were withheld.
    withheld: Vec<String>,
    /// Shared paths that the receiver's format cannot carry.
    lost: Vec<String>,
    /// The entitlement by which the office may see more of the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    entitlement: Option<String>,
    /// What the receiver said, oldest first.
    #[schema(value_type = Vec<Object>)]
    outcomes: Vec<Outcome>,
}

/// A list of messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct Messages {
    /// Oldest first.
    items: Vec<Message>,
    /// `after` of the next page; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What the evidence log says of a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct Proof {
    /// The signed note (C2SP `tlog-checkpoint`) with the number of leaves and the root over them.
    checkpoint: String,
    /// In the log's order.
    leaves: Vec<ProofLeaf>,
}

/// One leaf of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProofLeaf {
    /// Its place in the log, from 0.
    index: u64,
    /// Its text, of which the hash is made: what happened, to which message or delivery, at which office, when.
    leaf: String,
    /// Hashes beside the way from it to the root (RFC 9162 section 2.1.3.1), base64.
    path: Vec<String>,
}

impl From<Steps> for Proof {
    fn from(Steps { checkpoint, leaves }: Steps) -> Self {
        let leaves = leaves.into_iter().map(|Step { index, leaf, path }| ProofLeaf { index, leaf, path });
        Self { checkpoint, leaves: leaves.collect() }
    }
}

/// Messages on a page.
const PAGE: usize = 100;

fn nothing() -> Refusal {
    Refusal::new(Code::NotFound, "no such message that you sent or were sent")
}

/// One message with its deliveries, attempts and outcomes.
#[utoipa::path(get, path = "/v1/messages/{id}", tag = "messages",
    params(("id" = String, Path, description = "Message id, or a delivery id of it")),
    responses(
        (status = 200, description = "As it is now", body = Message),
        (status = 403, description = "No scope `read`, or a claim that proves no officer", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there, or somebody else's", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A required officer is missing or misnamed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn message(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    Part(id): Part,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    demand(&caller, "read")?;
    let reading = exchange.reader(&caller, &headers, "message")?;
    exchange.within_reads(&caller, &reading)?;
    let view = exchange.found(&reading, &id, find(&exchange, &caller, &id).await)?;
    exchange.note(Reading { messages: vec![view.head.id.to_string()], ..reading }).await?;
    Ok(answer(StatusCode::OK, &shown(&exchange, Viewer::Party(caller.system()?), view)))
}

async fn find(exchange: &Exchange, caller: &Caller, id: &str) -> Result<MessageView, Refusal> {
    let named = MessageId::parse(id);
    let id = named.or_else(|| DeliveryId::parse(id).map(|delivery| delivery.message()));
    let view = exchange.journal().message(id.ok_or_else(nothing)?).await?;
    let viewer = Viewer::Party(caller.system()?);
    view.filter(|view| viewer.sees(view)).ok_or_else(nothing)
}

/// Messages that you sent or were sent.
#[utoipa::path(get, path = "/v1/messages", tag = "messages",
    params(
        ("record" = Option<String>, Query, description = "Your own event number"),
        ("since" = Option<String>, Query, description = "Accepted at or after; RFC 3339"),
        ("status" = Option<String>, Query, description = "`open`, `settled`, `attention` or `withdrawn`"),
        ("after" = Option<String>, Query, description = "`next` of the page before, as it is"),
        ("Icjs-Actor" = Option<String>, Header, description = "The officer, as for a submission"),
        ("Icjs-Purpose" = Option<String>, Header, description = "What for; it is kept. `GET /v1/me` says whether you must say it"),
        ("Icjs-Ground" = Option<String>, Header, description = "By what right; it is kept")),
    responses(
        (status = 200, description = "A page", body = Messages),
        (status = 400, description = "`after` is not `next` of a page of yours", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "No scope `read`, or a claim that proves no officer", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn messages(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Refusal> {
    demand(&caller, "read")?;
    let reading = exchange.reader(&caller, &headers, "messages")?;
    exchange.within_reads(&caller, &reading)?;
    query.only(&["record", "since", "status", "after"])?;
    let since = query.one("since")?.map(|text| {
        Timestamp::parse(text).ok_or_else(|| request::refused("since", "format", "`since` is RFC 3339 with an offset"))
    });
    let binding = Binding::messages(caller.name());
    let after = query.one("after")?.map(|text| binding.open_message(text, &exchange.cursors));
    let status = query.one("status")?;
    if status.is_some_and(|status| !["open", "settled", "attention", "withdrawn"].contains(&status)) {
        let words = "`status` is `open`, `settled`, `attention` or `withdrawn`";
        return Err(request::refused("status", "enum", words));
    }
    let mut filter = MessageFilter {
        party: Some(caller.name().to_owned()),
        event: query.one("record")?.map(str::to_owned),
        since: since.transpose()?,
        after: after.transpose()?,
        limit: PAGE,
        ..MessageFilter::default()
    };
    let viewer = Viewer::Party(caller.system()?);
    let mut items: Vec<Message> = Vec::new();
    let mut next = None;
    // A status is judged here: pages of the journal are read until one of ours is full, or a bounded number was looked at.
    for _ in 0..LOOKS {
        let views = exchange.journal().messages(filter.clone()).await?;
        let last = views.last().map(|view| view.head.id).filter(|_| views.len() == PAGE);
        let fits =
            |view: &MessageView| viewer.sees(view) && status.is_none_or(|wanted| casefile::status(view) == wanted);
        items.extend(views.into_iter().filter(fits).map(|view| shown(&exchange, viewer, view)));
        next = last.map(|id| binding.seal_message(id, &exchange.cursors));
        filter.after = last;
        if last.is_none() || items.len() >= PAGE / 2 {
            break;
        }
    }
    if !items.is_empty() {
        let messages = items.iter().map(|item| item.id.clone()).collect();
        exchange.note(Reading { messages, ..reading }).await?;
    }
    Ok(answer(StatusCode::OK, &Messages { items, next }))
}

/// Pages of the journal that one call looks through.
const LOOKS: usize = 20;

/// What the evidence log says of a message and of its deliveries that you may see, provable with the log's public key alone
/// (`icjs-verify proof`): each leaf with its path, and the checkpoint that is signed over all of them.
#[utoipa::path(get, path = "/v1/messages/{id}/proof", tag = "messages",
    params(("id" = String, Path, description = "Message id, or a delivery id of it"), ("Icjs-Actor" = Option<String>, Header, description = "The officer, as for a submission"),
        ("Icjs-Purpose" = Option<String>, Header, description = "What for; it is kept. `GET /v1/me` says whether you must say it"),
        ("Icjs-Ground" = Option<String>, Header, description = "By what right; it is kept")),
    responses(
        (status = 200, description = "As the log is now", body = Proof),
        (status = 403, description = "No scope `read`, or a claim that proves no officer", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there, or somebody else's", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A required officer is missing or misnamed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn proof(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    Part(id): Part,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    demand(&caller, "read")?;
    exchange.actor(&caller, &headers, Duty::Read)?;
    let view = find(&exchange, &caller, &id).await?;
    let viewer = Viewer::Party(caller.system()?);
    let seen: Vec<_> =
        view.deliveries.iter().filter(|delivery| viewer.shows(&view, delivery)).map(|to| to.id).collect();
    let shows = |delivery: Option<DeliveryId>| delivery.is_none_or(|delivery| seen.contains(&delivery));
    let steps = exchange.log.steps(view.head.id, shows, &exchange.desk.keys.evidence).await?;
    Ok(answer(StatusCode::OK, &Proof::from(steps)))
}

fn shown(exchange: &Exchange, viewer: Viewer<'_>, mut view: MessageView) -> Message {
    let sender = viewer.sent(&view);
    let status = casefile::status(&view);
    let receipt = sender.then(|| exchange.desk.receipt(&view.stored));
    let deliveries = std::mem::take(&mut view.deliveries).into_iter();
    let deliveries = deliveries.filter(|delivery| viewer.shows(&view, delivery));
    let deliveries = deliveries.map(|delivery| as_it_is(delivery, sender)).collect();
    let head = view.head;
    Message {
        id: head.id.to_string(),
        kind: head.kind,
        system: head.system,
        office: head.office.into(),
        action: head.action,
        status,
        event: head.event.filter(|_| sender),
        sha256: seal::hex(&head.digest),
        accepted_at: head.accepted_at.to_string(),
        replaces: head.replaces.map(|id| id.to_string()),
        replaced_by: head.replaced_by.map(|id| id.to_string()),
        cases: head.cases.into_iter().map(String::from).collect(),
        attachments: head.attachments.iter().map(|digest| seal::hex(digest)).collect(),
        deliveries,
        warnings: if sender { view.stored.warnings } else { Vec::new() },
        receipt,
    }
}

/// To a receiver, how the gateway decided and what its attempts met is nothing it needs; to the sender it is.
fn as_it_is(delivery: DeliveryView, sender: bool) -> Delivery {
    Delivery {
        id: delivery.id.to_string(),
        office: delivery.office.map(String::from),
        how: delivery.how,
        action: delivery.action,
        lane: delivery.lane,
        state: delivery.state,
        reason: delivery.code,
        why: delivery.why,
        attempts: delivery.attempts,
        due: delivery.due.map(|at| at.to_string()),
        settled_at: delivery.settled_at.map(|at| at.to_string()),
        note: delivery.note.filter(|_| sender),
        withheld: delivery.withheld,
        lost: delivery.lost,
        entitlement: delivery.entitlement,
        outcomes: delivery.outcomes,
    }
}
