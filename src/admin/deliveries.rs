//! Work lists and orders over deliveries, and messages as administrators see them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::approvals::{self, Act, New};
use super::asked::Asked;
use super::person::Person;
use super::{Admin, Problem, readings, view};
use crate::config::Deed;
use crate::identifiers::{DeliveryId, MessageId};
use crate::journal::{Counts, DeliveryView, MessageFilter, MessageView, Order, OrderAnswer, OrderVerb, State};
use crate::revisions::Author;

/// Lines of a work list at most.
const MOST: usize = 1_000;
/// Lines where the caller does not say.
const USUAL: usize = 100;
/// What waits for a person, where the caller does not say.
const WORK: [State; 2] = [State::Parked, State::Held];

/// Body of an order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ordered {
    /// The owner's word for who sits there.
    #[serde(default)]
    by: Option<String>,
    reason: String,
    #[serde(default)]
    force: bool,
}

/// `GET /admin/v1/deliveries?state=&system=&limit=&after=`: `state` is one or several words with commas (`parked,held`
/// without it), `after` a message id from which the list goes on.
pub(super) async fn list(
    Shared(admin): Shared<Arc<Admin>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let states = match query.get("state").filter(|text| !text.is_empty()) {
        Some(text) => text.split(',').map(state).collect::<Result<Vec<_>, _>>()?,
        None => WORK.to_vec(),
    };
    let limit = match query.get("limit").filter(|text| !text.is_empty()) {
        Some(text) => text.parse::<usize>().map_err(|_| Problem::malformed("`limit` is no number"))?.clamp(1, MOST),
        None => USUAL,
    };
    let after = match query.get("after").filter(|text| !text.is_empty()) {
        Some(text) => Some(message_id(text)?),
        None => None,
    };
    // The journal's `party` may be the sender too: the receiver is picked from each message's deliveries.
    let system = query.get("system").filter(|name| !name.is_empty());
    let filter =
        MessageFilter { party: system.cloned(), states: states.clone(), after, limit, ..MessageFilter::default() };
    let found = admin.journal.messages(filter).await?;
    let wanted = |one: &&DeliveryView| states.contains(&one.state) && system.is_none_or(|name| *name == one.system);
    let lines = found.iter().flat_map(|view| view.deliveries.iter().filter(wanted).map(|one| view::listed(view, one)));
    let lines: Vec<Value> = lines.collect();
    let next = found.last().filter(|_| found.len() == limit).map(|view| view.head.id.to_string());
    Ok(Json(json!({ "deliveries": lines, "next": next })))
}

/// `POST /admin/v1/deliveries/{id}/{retry|release|replay|repair}`: 200, or 202 with a proposal where it needs two persons.
pub(super) async fn order(
    Shared(admin): Shared<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Path((id, word)): Path<(String, String)>,
    Asked(asked): Asked<Ordered>,
) -> Result<Response, Problem> {
    Problem::unreasoned(&asked.reason, &[asked.by.as_deref()])?;
    let wanted = Wanted { delivery: id, verb: word, force: asked.force };
    let deed = wanted.deed()?;
    let _turn = admin.turn.lock().await;
    if !approvals::needed(&admin, &person, deed)? {
        let author = Author::alone(person.signs(asked.by.as_deref()), asked.reason);
        return Ok(Json(carried_out(&admin, &wanted, author).await?).into_response());
    }
    let delivery = DeliveryId::parse(&wanted.delivery).ok_or_else(|| Problem::not_found("this is no delivery id"))?;
    let view = find(&admin, delivery.message()).await?;
    let one = view.deliveries.iter().find(|one| one.id == delivery);
    let one = one.ok_or_else(|| Problem::not_found("there is no such delivery"))?;
    let office = one.office.as_ref().map(ToString::to_string).unwrap_or_default();
    let force = if wanted.force { " with force" } else { "" };
    let what = format!("{}{force} of delivery {delivery}", wanted.verb);
    let now = format!("{} for {office}, {}\n", view.head.kind, state_word(one.state));
    let act = Act::Order { delivery: wanted.delivery, verb: wanted.verb, force: wanted.force };
    let new = New { deed, what, reason: &asked.reason, difference: now, act };
    approvals::propose(&admin, &person, new).await
}

/// An order over a delivery.
pub(super) struct Wanted {
    pub(super) delivery: String,
    pub(super) verb: String,
    pub(super) force: bool,
}

impl Wanted {
    fn deed(&self) -> Result<Deed, Problem> {
        Ok(match self.verb.as_str() {
            "retry" => Deed::Retry,
            "release" => Deed::Release,
            "replay" if self.force => Deed::ReplayForce,
            "replay" => Deed::Replay,
            // By force it is what a replay by force is: a second record at a receiver that has taken one.
            "repair" if self.force => Deed::ReplayForce,
            "repair" => Deed::Repair,
            _ => return Err(Problem::not_found("orders are `retry`, `release`, `replay` and `repair`")),
        })
    }
}

/// Gives the order; which delivery carries it on.
pub(super) async fn carried_out(admin: &Admin, wanted: &Wanted, author: Author) -> Result<Value, Problem> {
    let Wanted { delivery, verb: word, force } = wanted;
    let delivery = DeliveryId::parse(delivery).ok_or_else(|| Problem::not_found("this is no delivery id"))?;
    let verb = match wanted.deed()? {
        Deed::Retry => OrderVerb::Retry,
        Deed::Release => OrderVerb::Release,
        Deed::Replay => OrderVerb::Replay,
        // New bytes mean a new delivery: made only when the old one is known to have no effect, or by force.
        _ => repair(admin, delivery, *force).await?,
    };
    let Author { name: by, reason, approval } = author;
    let order = Order { delivery, verb, by, reason, at: admin.clock.now(), approval };
    match admin.journal.order(order).await? {
        OrderAnswer::Done(now) => {
            tracing::info!(%delivery, %now, order = word, "order carried out");
            Ok(json!({ "delivery": now.to_string() }))
        }
        OrderAnswer::NotNow(state) => {
            let detail = format!("the delivery is `{}`, which does not allow this order", state_word(state));
            Err(Problem::new(StatusCode::CONFLICT, "not-now", detail))
        }
        OrderAnswer::Pruned(at) => {
            let detail =
                format!("the record's payload was pruned at {at} by [retention]: there is nothing to send again");
            Err(Problem::new(StatusCode::CONFLICT, "pruned", detail))
        }
        OrderAnswer::NotFound => Err(Problem::not_found("there is no such delivery")),
    }
}

fn state_word(state: State) -> String {
    let word = serde_json::to_value(state).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

async fn repair(admin: &Admin, delivery: DeliveryId, force: bool) -> Result<OrderVerb, Problem> {
    let view = find(admin, delivery.message()).await?;
    let one = view.deliveries.iter().find(|one| one.id == delivery);
    let one = one.ok_or_else(|| Problem::not_found("there is no such delivery"))?;
    if !force && !matches!(one.state, State::Rejected | State::Parked) {
        let detail = "a new delivery is made after a rejection; with `force` the receiver may get the record twice";
        return Err(Problem::new(StatusCode::CONFLICT, "not-now", detail));
    }
    match admin.desk.rerouting.again(&view, one).await? {
        Some(new) => Ok(OrderVerb::Repair(Box::new(new))),
        None => {
            let detail =
                "under the live revision no route leads this record to that office; mend the configuration first";
            Err(Problem::new(StatusCode::CONFLICT, "no-route", detail))
        }
    }
}

/// `GET /admin/v1/messages/{id}`; a delivery id is taken as well. Receivers' words are personal: the look is a reading.
pub(super) async fn message(
    Shared(admin): Shared<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = find(&admin, message_id(&id)?).await?;
    readings::note(&admin, &person, "message", None, vec![found.head.id.to_string()]).await?;
    Ok(Json(view::message(&found)))
}

/// `GET /admin/v1/counts`.
pub(super) async fn counts(Shared(admin): Shared<Arc<Admin>>) -> Result<Json<Counts>, Problem> {
    Ok(Json(admin.journal.count().await?))
}

async fn find(admin: &Admin, id: MessageId) -> Result<MessageView, Problem> {
    admin.journal.message(id).await?.ok_or_else(|| Problem::not_found("there is no such message"))
}

fn message_id(text: &str) -> Result<MessageId, Problem> {
    let id = MessageId::parse(text).or_else(|| DeliveryId::parse(text).map(DeliveryId::message));
    id.ok_or_else(|| Problem::not_found("this is no message id"))
}

fn state(text: &str) -> Result<State, Problem> {
    let word = Value::String(text.trim().to_owned());
    serde_json::from_value(word).map_err(|_| {
        Problem::malformed(
            "states are queued, sending, retrying, held, available, delivered, rejected, parked, superseded, recalled",
        )
    })
}
