//! Quality of what systems send, over the admin API: counts of warnings by system, kind and rule; and of one rule the records
//! that are still so. Ids, offices and rules only: what a record says is not among it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};

use super::{Admin, Problem};
use crate::clock::Timestamp;
use crate::identifiers::MessageId;
use crate::quality::{self, Mark};

/// Lines of a list at most, and where the caller does not say.
const MOST: usize = 200;
const USUAL: usize = 50;
/// The period where the caller does not say.
const PERIOD: Duration = Duration::from_secs(7 * 86_400);

/// The parameters of a call.
struct Asked<'q>(&'q HashMap<String, String>);

impl<'q> Asked<'q> {
    /// These and no others.
    fn of(query: &'q HashMap<String, String>, known: &[&str]) -> Result<Self, Problem> {
        match query.keys().find(|name| !known.contains(&name.as_str())) {
            Some(other) => {
                Err(Problem::malformed(format!("there is no `{other}`; the parameters are `{}`", known.join("`, `"))))
            }
            None => Ok(Self(query)),
        }
    }

    fn given(&self, name: &str) -> Option<&'q String> {
        self.0.get(name).filter(|text| !text.is_empty())
    }

    fn moment(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let read = |text: &String| {
            Timestamp::parse(text).ok_or_else(|| Problem::malformed(format!("`{name}` is RFC 3339 with an offset")))
        };
        self.given(name).map(read).transpose()
    }

    fn message(&self, name: &str) -> Result<Option<MessageId>, Problem> {
        let read = |text: &String| {
            MessageId::parse(text).ok_or_else(|| Problem::malformed(format!("`{name}` is the id of a message")))
        };
        self.given(name).map(read).transpose()
    }
}

/// `GET /admin/v1/quality?since=&until=&system=&after=`: the last seven days without `since`; `next` where the period is too long
/// for one call, which is `after` of the next one, for the same period.
pub(super) async fn counts(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let asked = Asked::of(&query, &["since", "until", "system", "after"])?;
    let until = asked.moment("until")?.unwrap_or_else(|| admin.clock.now().after(Duration::from_millis(1)));
    let since = asked.moment("since")?.unwrap_or_else(|| until.before(PERIOD));
    let system = asked.given("system");
    let tally = quality::tally(admin.journal.as_ref(), since, until, asked.message("after")?).await?;
    let wanted = tally.rows.iter().filter(|((sender, _), _)| system.is_none_or(|system| system == sender));
    let rows: Vec<Value> = wanted
        .map(|((system, kind), row)| {
            json!({ "system": system, "kind": kind, "records": row.records, "warned": row.warned, "rules": row.rules })
        })
        .collect();
    let next = tally.next.map(|id| id.to_string());
    Ok(Json(json!({ "since": since.to_string(), "until": until.to_string(), "rows": rows, "next": next })))
}

/// `GET /admin/v1/quality/{rule}?after=&limit=`: oldest first; `next` is `after` of the next page.
pub(super) async fn standing(
    State(admin): State<Arc<Admin>>,
    Path(rule): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let asked = Asked::of(&query, &["after", "limit"])?;
    let limit = asked.given("limit").map(|text| text.parse::<usize>());
    let limit = limit.transpose().map_err(|_| Problem::malformed("`limit` is no number"))?.unwrap_or(USUAL);
    let revision = admin.live.newest();
    let after = asked.message("after")?;
    let found = quality::standing(admin.journal.as_ref(), &revision, &rule, after, limit.clamp(1, MOST)).await?;
    let marks: Vec<Value> = found.marks.iter().map(line).collect();
    Ok(Json(json!({ "rule": rule, "marks": marks, "next": found.next.map(|id| id.to_string()) })))
}

fn line(mark: &Mark) -> Value {
    let head = &mark.view.head;
    json!({
        "message": head.id.to_string(),
        "system": head.system,
        "office": head.office.as_str(),
        "kind": head.kind,
        "cases": head.cases,
        "at": head.accepted_at.to_string(),
        "text": mark.message,
        "against": mark.against.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
