//! Work lists and orders over deliveries, and messages as administrators see them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Asked;
use super::{Admin, Problem, view};
use crate::identifiers::{DeliveryId, MessageId};
use crate::journal::{Counts, DeliveryView, MessageFilter, MessageView, Order, OrderAnswer, OrderVerb, State};

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
    by: String,
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

/// `POST /admin/v1/deliveries/{id}/{retry|release|replay|repair}`.
pub(super) async fn order(
    Shared(admin): Shared<Arc<Admin>>,
    Path((id, word)): Path<(String, String)>,
    Asked(asked): Asked<Ordered>,
) -> Result<Json<Value>, Problem> {
    Problem::unsigned(&asked.by, &asked.reason)?;
    let delivery = DeliveryId::parse(&id).ok_or_else(|| Problem::not_found("this is no delivery id"))?;
    let verb = match word.as_str() {
        "retry" => OrderVerb::Retry,
        "release" => OrderVerb::Release,
        "replay" if !asked.force => OrderVerb::Replay,
        // New bytes mean a new delivery: made only when the old one is known to have no effect, or by force.
        "replay" | "repair" => repair(&admin, delivery, asked.force).await?,
        _ => return Err(Problem::not_found("orders are `retry`, `release`, `replay` and `repair`")),
    };
    let order = Order { delivery, verb, by: asked.by, reason: asked.reason, at: admin.clock.now() };
    match admin.journal.order(order).await? {
        OrderAnswer::Done(now) => {
            tracing::info!(%delivery, %now, order = word, "order carried out");
            Ok(Json(json!({ "delivery": now.to_string() })))
        }
        OrderAnswer::NotNow(state) => {
            let state = serde_json::to_value(state).ok().and_then(|word| word.as_str().map(str::to_owned));
            let detail = format!("the delivery is `{}`, which does not allow this order", state.unwrap_or_default());
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

/// `GET /admin/v1/messages/{id}`; a delivery id is taken as well.
pub(super) async fn message(Shared(admin): Shared<Arc<Admin>>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    Ok(Json(view::message(&find(&admin, message_id(&id)?).await?)))
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
