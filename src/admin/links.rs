//! Links between case numbers by a person's order, and their history. Every order names who gives it and why; a link that
//! ends stays in the history.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Asked;
use super::person::Person;
use super::{Admin, Problem};
use crate::config::kinds::LINKS;
use crate::identifiers::{CaseKey, cnr};
use crate::journal::{LinkRow, LinkVerb, NewLink, Ordered, SnapshotAsk};

/// Body of both orders.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Between {
    from: String,
    link: String,
    to: String,
    /// The owner's word for who sits there.
    #[serde(default)]
    by: Option<String>,
    reason: String,
}

/// `GET /admin/v1/links?case=cnr/DLCT010001232026`: every link of the case number, ended ones too, oldest first.
pub(super) async fn history(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let case = key(query.get("case").map_or("", String::as_str))?;
    let rows = admin.journal.link(LinkVerb::Of(case)).await?;
    Ok(Json(json!({ "links": rows.iter().map(row).collect::<Vec<_>>() })))
}

/// `POST /admin/v1/links`: joins two case numbers.
pub(super) async fn join(
    State(admin): State<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Asked(asked): Asked<Between>,
) -> Result<Json<Value>, Problem> {
    let (link, order) = ordered(&person, asked)?;
    if let Some(wrong) = link.misfit() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "link-misfit", wrong));
    }
    let ends = vec![link.from.clone(), link.to.clone()];
    let rows = admin.journal.link(LinkVerb::Join(link, order, admin.clock.now())).await?;
    let known = admin.journal.snapshot(SnapshotAsk { cases: ends.clone(), ..SnapshotAsk::default() }).await?;
    let ambiguous: Vec<Value> = known
        .links
        .ambiguous(&ends)
        .into_iter()
        .map(|(key, courts)| json!({ "case": key, "courts": courts }))
        .collect();
    let links: Vec<Value> = rows.iter().map(row).collect();
    // A number that no record has brought may be a typing mistake, and may be right.
    Ok(Json(json!({ "links": links, "unknown": known.unknown, "ambiguous": ambiguous })))
}

/// `POST /admin/v1/links/end`: ends a link, whoever brought it.
pub(super) async fn part(
    State(admin): State<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Asked(asked): Asked<Between>,
) -> Result<Json<Value>, Problem> {
    let (link, order) = ordered(&person, asked)?;
    let name = format!("{} {} {}", link.from, link.link, link.to);
    let part = LinkVerb::Part(link.clone(), order.clone(), admin.clock.now());
    let mut rows = admin.journal.link(part).await?;
    if rows.is_empty() {
        // Somebody who got no answer says it again, in the same words: it is done.
        let known = admin.journal.link(LinkVerb::Of(link.from.clone())).await?;
        let last = known.into_iter().rfind(|row| row.link == link);
        rows.extend(last.filter(|row| row.ended.as_ref().is_some_and(|(_, by)| *by == order)));
    }
    if rows.is_empty() {
        return Err(Problem::not_found(format!("no link `{name}` is alive; GET /admin/v1/links?case= lists them")));
    }
    Ok(Json(json!({ "links": rows.iter().map(row).collect::<Vec<_>>() })))
}

fn ordered(person: &Person, asked: Between) -> Result<(NewLink, Ordered), Problem> {
    Problem::unreasoned(&asked.reason, &[asked.by.as_deref()])?;
    if !LINKS.contains(&asked.link.as_str()) {
        return Err(Problem::malformed(format!("`{}` is no link; links are {}", asked.link, LINKS.join(", "))));
    }
    let link = NewLink { from: key(&asked.from)?, to: key(&asked.to)?, link: asked.link };
    Ok((link, Ordered { by: person.signs(asked.by.as_deref()), reason: asked.reason }))
}

fn key(text: &str) -> Result<CaseKey, Problem> {
    let found = match text.split_once('/') {
        Some(("cnr", value)) => cnr(value).and_then(|value| CaseKey::of("cnr", &[&value])),
        _ => CaseKey::parse(text),
    };
    found.ok_or_else(|| {
        Problem::malformed(format!(
            "`{text}` is no case number; write `cnr/DLCT010001232026`, `fir/38101004-2026-17`, `zero-fir/…`, `ptn/…` or `filing/…`"
        ))
    })
}

fn row(row: &LinkRow) -> Value {
    let order = |order: &Ordered| json!({ "by": order.by, "reason": order.reason });
    let ended = row.ended.as_ref().map(|(at, by)| json!({ "at": at.to_string(), "by": by.by, "reason": by.reason }));
    json!({
        "number": row.number,
        "from": row.link.from,
        "link": row.link.link,
        "to": row.link.to,
        "at": row.at.to_string(),
        "message": row.message.map(|id| id.to_string()),
        "ordered": row.ordered.as_ref().map(order),
        "ended": ended,
    })
}
