//! Alerts over the admin API: which are open, and that somebody has seen one. What raises and ends them is in `alerts`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Asked;
use super::person::Person;
use super::problem::LONGEST;
use super::{Admin, Problem};
use crate::alerts;
use crate::journal::{Acknowledged, Alert, AlertFilter, AlertVerb};

/// Lines of a list at most.
const MOST: usize = 500;
/// Lines where the caller does not say.
const USUAL: usize = 100;
/// Body of an acknowledgement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The owner's word for who sits there.
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    note: String,
}

/// `GET /admin/v1/alerts?rule=&office=&open=&limit=&before=`: newest first; `open` is `true` (also without it), `false` or
/// `all`; `before` an alert's number from which the list goes on.
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let given = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let number = |name: &str| {
        given(name).map(|text| text.parse::<u64>().map_err(|_| Problem::malformed(format!("`{name}` is no number"))))
    };
    let open = match given("open").map(String::as_str) {
        None | Some("true") => Some(true),
        Some("false") => Some(false),
        Some("all") => None,
        Some(_) => return Err(Problem::malformed("`open` is `true`, `false` or `all`")),
    };
    let limit = number("limit").transpose()?.map_or(USUAL, |limit| usize::try_from(limit).unwrap_or(MOST));
    let filter = AlertFilter {
        number: number("number").transpose()?,
        rule: given("rule").cloned(),
        office: given("office").cloned(),
        open,
        before: number("before").transpose()?,
        limit: limit.clamp(1, MOST),
    };
    let limit = filter.limit;
    let found = admin.journal.alert(AlertVerb::List(filter)).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|alert| alert.number);
    let mut lines = Vec::with_capacity(found.len());
    for alert in &found {
        lines.push(line(&admin, alert).await?);
    }
    Ok(Json(json!({ "alerts": lines, "next": next })))
}

/// `POST /admin/v1/alerts/{number}/ack`.
pub(super) async fn acknowledge(
    State(admin): State<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Path(number): Path<u64>,
    Asked(seen): Asked<Seen>,
) -> Result<Json<Value>, Problem> {
    if seen.by.as_ref().is_some_and(|by| by.trim().is_empty()) {
        return Err(Problem::malformed("`by` says who has seen it; it may not be empty"));
    }
    if seen.by.as_ref().is_some_and(|by| by.len() > LONGEST) || seen.note.len() > LONGEST {
        return Err(Problem::malformed(format!("`by` and `note` have at most {LONGEST} bytes")));
    }
    let seen = Acknowledged { by: person.signs(seen.by.as_deref()), at: admin.clock.now(), note: seen.note };
    let found = admin.journal.alert(AlertVerb::Acknowledge { number, seen }).await?;
    match found.first() {
        Some(alert) => Ok(Json(line(&admin, alert).await?)),
        None => Err(Problem::not_found("there is no such alert")),
    }
}

async fn line(admin: &Admin, alert: &Alert) -> Result<Value, Problem> {
    let order = alerts::about(admin.journal.as_ref(), &admin.live.newest(), alert).await?;
    let mut line = alerts::shown(alert, order.as_deref());
    let seen = alert.acknowledged.as_ref();
    let seen = seen.map(|seen| json!({ "by": seen.by, "at": seen.at.to_string(), "note": seen.note }));
    if let Some(fields) = line.as_object_mut() {
        fields.insert("acknowledged".to_owned(), json!(seen));
    }
    Ok(line)
}
