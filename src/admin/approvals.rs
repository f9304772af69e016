//! What needs two persons (`two_persons` of `config/administrators.toml`): the first one's order is kept as a proposal, and
//! done when another one approves it. One person is one token: the owner of the folder is no named person and is neither of
//! the two. A proposal is for the revision under which it was made; under another it is refused, never merged.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asked::Asked;
use super::person::Person;
use super::{Admin, Problem, configuration, deliveries};
use crate::clock::Timestamp;
use crate::config::Deed;
use crate::faults;
use crate::journal::{Approval, Proposal, ProposalEnd, ProposalRow, ProposalVerb};
use crate::revisions::Author;

/// Lines of a list at most, and where the caller does not say.
const MOST: usize = 500;
const USUAL: usize = 100;
/// Proposals that may be open: each may hold a whole configuration.
const MOST_OPEN: usize = 100;

/// What is done once a second person has approved it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Act {
    /// A revision of these files, path to base64.
    Apply(BTreeMap<String, String>),
    /// An old revision as the newest.
    Rollback(u64),
    /// An order over a delivery. What it would send is found out when it is approved: nothing of a record is in it.
    Order {
        /// Which.
        delivery: String,
        /// `retry`, `release`, `replay` or `repair`.
        verb: String,
        /// A new delivery whatever became of the old one.
        force: bool,
    },
}

/// A proposal to be made.
pub(super) struct New<'a> {
    pub(super) deed: Deed,
    /// What would be done, in a line.
    pub(super) what: String,
    pub(super) reason: &'a str,
    /// What would change.
    pub(super) difference: String,
    pub(super) act: Act,
}

/// Body of an approval and of a rejection.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    reason: String,
}

/// Whether the deed needs a second person now. Whoever is nobody named cannot be one of two.
pub(super) fn needed(admin: &Admin, person: &Person, deed: Deed) -> Result<bool, Problem> {
    if !admin.live.newest().administrators.needs_two(deed) {
        return Ok(false);
    }
    one_of_two(person, deed).map(|()| true)
}

fn one_of_two(person: &Person, deed: Deed) -> Result<(), Problem> {
    if person.is_named() {
        return person.must_be(deed.least());
    }
    let detail = format!(
        "`{}` needs two persons with tokens of their own; whoever runs the gateway is none of them (--token-file)",
        deed.as_str()
    );
    Err(Problem::new(StatusCode::FORBIDDEN, "not-allowed", detail))
}

/// Keeps what somebody asks for until another one decides: 202 with its number. The caller holds `admin.turn`.
pub(super) async fn propose(admin: &Admin, person: &Person, new: New<'_>) -> Result<Response, Problem> {
    Problem::unreasoned(new.reason, &[])?;
    let (now, live) = (admin.clock.now(), admin.live.newest());
    let all = admin.journal.proposal(ProposalVerb::List { open: true, before: None, limit: MOST_OPEN * 2 }).await?;
    let mut open = 0;
    for row in all {
        if too_late(&row.proposal, now) {
            end(admin, row.proposal.number, "expired", None).await?;
        } else {
            open += 1;
        }
    }
    if open >= MOST_OPEN {
        let detail = format!("{MOST_OPEN} proposals wait already: decide those first (`icjs approvals`)");
        return Err(Problem::new(StatusCode::CONFLICT, "too-many-proposals", detail));
    }
    let proposal = Proposal {
        number: 0,
        at: now.millis(),
        until: now.after(live.administrators.proposals_last).millis(),
        by: person.name().to_owned(),
        deed: new.deed.as_str().to_owned(),
        what: new.what,
        reason: new.reason.to_owned(),
        base: live.number,
        difference: new.difference,
        ended: None,
    };
    let body = Bytes::from(serde_json::to_vec(&new.act).map_err(|error| Problem::malformed(error.to_string()))?);
    let rows = admin.journal.proposal(ProposalVerb::Add(Box::new(proposal), body)).await?;
    let made = rows.first().map(|row| shown(&row.proposal, now, true)).unwrap_or_default();
    let number = rows.first().map(|row| row.proposal.number);
    tracing::info!(proposal = number, deed = new.deed.as_str(), "proposed");
    Ok((StatusCode::ACCEPTED, Json(json!({ "proposal": made }))).into_response())
}

/// `GET /admin/v1/approvals?open=&before=&limit=`: newest first; `open` is `true` (also without it) or `all`.
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let given = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let number = |name: &str| {
        given(name).map(|text| text.parse::<u64>().map_err(|_| Problem::malformed(format!("`{name}` is no number"))))
    };
    let open = match given("open").map(String::as_str) {
        None | Some("true") => true,
        Some("all") => false,
        Some(_) => return Err(Problem::malformed("`open` is `true` or `all`")),
    };
    let limit = number("limit").transpose()?.map_or(USUAL, |limit| usize::try_from(limit).unwrap_or(MOST));
    let limit = limit.clamp(1, MOST);
    let before = number("before").transpose()?;
    let rows = admin.journal.proposal(ProposalVerb::List { open, before, limit }).await?;
    let now = admin.clock.now();
    let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.proposal.number);
    let wanted = rows.iter().map(|row| &row.proposal).filter(|one| !open || !too_late(one, now));
    let lines: Vec<Value> = wanted.map(|one| shown(one, now, false)).collect();
    Ok(Json(json!({ "approvals": lines, "next": next })))
}

/// `GET /admin/v1/approvals/{number}`: with what would change.
pub(super) async fn one(State(admin): State<Arc<Admin>>, Path(number): Path<u64>) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&find(&admin, number).await?.proposal, admin.clock.now(), true)))
}

/// `POST /admin/v1/approvals/{number}/approve`: does it, in both names.
pub(super) async fn approve(
    State(admin): State<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Path(number): Path<u64>,
    Asked(asked): Asked<Decision>,
) -> Result<Json<Value>, Problem> {
    Problem::unreasoned(&asked.reason, &[])?;
    // Two who approve at once, or a change between the look and the deed, would do it twice or on other ground.
    let _turn = admin.turn.lock().await;
    let ProposalRow { proposal, body } = find(&admin, number).await?;
    let deed = still_open(&admin, &proposal).await?;
    one_of_two(&person, deed)?;
    if proposal.by == person.name() {
        let detail = format!("{} has proposed it: another person approves it", proposal.by);
        return Err(Problem::new(StatusCode::FORBIDDEN, "not-allowed", detail));
    }
    let act = body.and_then(|body| serde_json::from_slice::<Act>(&body).ok());
    let act = act.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "proposal-ended", "it cannot be read any more"))?;
    let author = Author {
        name: format!("{}, approved by {}", proposal.by, person.name()),
        reason: format!("{}; approved: {}", proposal.reason, asked.reason),
        approval: Some(Approval { number, end: ending(&admin, "approved", Some((&person, &asked.reason))) }),
    };
    faults::point("approve::before");
    // What fails leaves it open: it may be possible later, and says so then. What is done has ended it.
    let done = carried_out(&admin, act, author).await?;
    faults::point("approve::after");
    // What another binary ships may have made it already: then there was nothing to be done.
    end(&admin, number, "approved", Some((&person, &asked.reason))).await?;
    tracing::info!(proposal = number, "approved and done");
    Ok(Json(done))
}

/// `POST /admin/v1/approvals/{number}/reject`: whoever could approve it, who made it, and the owner.
pub(super) async fn reject(
    State(admin): State<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Path(number): Path<u64>,
    Asked(asked): Asked<Decision>,
) -> Result<Json<Value>, Problem> {
    Problem::unreasoned(&asked.reason, &[])?;
    let _turn = admin.turn.lock().await;
    let proposal = find(&admin, number).await?.proposal;
    if let Some(deed) = Deed::parse(&proposal.deed).filter(|_| proposal.by != person.name()) {
        person.must_be(deed.least())?;
    }
    if proposal.ended.is_some() {
        return Err(over(&proposal));
    }
    let ended = end(&admin, number, "rejected", Some((&person, &asked.reason))).await?;
    Ok(Json(ended.map(|one| shown(&one, admin.clock.now(), true)).unwrap_or_default()))
}

async fn carried_out(admin: &Admin, act: Act, author: Author) -> Result<Value, Problem> {
    match act {
        Act::Apply(files) => {
            let folder = configuration::folder(files)?;
            Ok(configuration::done(&admin.revisions.apply(folder, &author, Some(&admin.live)).await?))
        }
        Act::Rollback(number) => {
            Ok(configuration::done(&admin.revisions.rollback(number, &author, Some(&admin.live)).await?))
        }
        Act::Order { delivery, verb, force } => {
            deliveries::carried_out(admin, &deliveries::Wanted { delivery, verb, force }, author).await
        }
    }
}

/// What it would do, if it still can be done; one that cannot is ended.
async fn still_open(admin: &Admin, proposal: &Proposal) -> Result<Deed, Problem> {
    let (now, live) = (admin.clock.now(), admin.live.newest());
    if proposal.ended.is_some() {
        return Err(over(proposal));
    }
    let conflict = |code, detail| Err(Problem::new(StatusCode::CONFLICT, code, detail));
    if too_late(proposal, now) {
        end(admin, proposal.number, "expired", None).await?;
        let until = Timestamp::from_millis(proposal.until);
        return conflict("proposal-expired", format!("it waited until {until}: propose it anew"));
    }
    let deed = Deed::parse(&proposal.deed).ok_or_else(|| over(proposal))?;
    let known = live.administrators.named(&proposal.by, now).is_some_and(|one| one.role >= deed.least());
    if live.number != proposal.base || !known {
        end(admin, proposal.number, "stale", None).await?;
        let (base, number, by) = (proposal.base, live.number, &proposal.by);
        let detail = if known {
            format!("it was proposed on revision {base}, and revision {number} is live now: propose it anew")
        } else {
            format!("{by}, who proposed it, may not do so any more")
        };
        return conflict("proposal-stale", detail);
    }
    Ok(deed)
}

fn over(proposal: &Proposal) -> Problem {
    let end = proposal.ended.clone().unwrap_or_default();
    let by = if end.by.is_empty() { String::new() } else { format!(" by {}", end.by) };
    let detail = format!("it was {}{by} at {}", end.word, Timestamp::from_millis(end.at));
    Problem::new(StatusCode::CONFLICT, "proposal-ended", detail)
}

async fn end(admin: &Admin, number: u64, word: &str, by: Option<(&Person, &str)>) -> Result<Option<Proposal>, Problem> {
    let rows = admin.journal.proposal(ProposalVerb::End(number, ending(admin, word, by))).await?;
    Ok(rows.into_iter().next().map(|row| row.proposal))
}

fn ending(admin: &Admin, word: &str, by: Option<(&Person, &str)>) -> ProposalEnd {
    let (by, reason) = by.map(|(person, reason)| (person.name(), reason)).unwrap_or_default();
    let (word, by, reason) = (word.to_owned(), by.to_owned(), reason.to_owned());
    ProposalEnd { word, at: admin.clock.now().millis(), by, reason, done: String::new() }
}

async fn find(admin: &Admin, number: u64) -> Result<ProposalRow, Problem> {
    let rows = admin.journal.proposal(ProposalVerb::Number(number)).await?;
    rows.into_iter().next().ok_or_else(|| Problem::not_found("there is no proposal of that number"))
}

fn too_late(proposal: &Proposal, now: Timestamp) -> bool {
    proposal.ended.is_none() && now.millis() >= proposal.until
}

fn shown(proposal: &Proposal, now: Timestamp, whole: bool) -> Value {
    let time = |at: i64| Timestamp::from_millis(at).to_string();
    let ended = proposal.ended.as_ref();
    let state = ended.map_or(if too_late(proposal, now) { "expired" } else { "open" }, |end| end.word.as_str());
    let end = ended.map(|end| json!({ "at": time(end.at), "by": end.by, "reason": end.reason, "done": end.done }));
    let mut line = json!({
        "number": proposal.number,
        "state": state,
        "deed": proposal.deed,
        "what": proposal.what,
        "by": proposal.by,
        "reason": proposal.reason,
        "at": time(proposal.at),
        "until": time(proposal.until),
        "revision": proposal.base,
        "ended": end,
    });
    if let (true, Some(fields)) = (whole, line.as_object_mut()) {
        fields.insert("difference".to_owned(), json!(proposal.difference));
    }
    line
}
