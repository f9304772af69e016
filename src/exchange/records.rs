//! The way in: one record (`POST /v1/records/{kind}`), and the same without the journal (`POST /v1/validate/{kind}`).
//! HTTP becomes a `Submission` and a body here; every judgement is `accept`'s. Read `accept` next.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::problem::{Problem, Usual};
use super::request::{self, Part};
use super::{Exchange, answer};
use crate::accept::decode::Record;
use crate::accept::{self, Accepted, Refusal, Submission};
use crate::clock::Timestamp;
use crate::config::Sight;
use crate::config::officers::Duty;
use crate::journal::{Entry, How, NewDelivery, State as DeliveryState};
use crate::officers::Officer;
use crate::tokens::Caller;

/// The headers of a submission.
pub fn submission(kind: String, headers: &HeaderMap, actor: Result<Option<Officer>, Refusal>) -> Submission {
    Submission {
        kind,
        media_type: request::header(headers, "content-type"),
        idempotency_key: request::header(headers, "idempotency-key"),
        office: request::header(headers, "icjs-office"),
        action: request::header(headers, "icjs-action"),
        replaces: request::header(headers, "icjs-replaces"),
        reason: request::header(headers, "icjs-reason"),
        actor,
        bulk: false,
    }
}

/// Submit a record in your own format.
///
/// 202 means: durable, with its deliveries. The answer is the same for ever for the same key and bytes. Send it again,
/// unchanged, whenever you are not sure that you got the answer. A body may come packed (`Content-Encoding: gzip` or `zstd`,
/// once): the record is what was packed, and its bytes are the unpacked ones.
#[utoipa::path(post, path = "/v1/records/{kind}", tag = "records",
    params(
        ("kind" = String, Path, description = "Record kind, such as `charge-sheet`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Same text whenever this record is sent again; required unless the adapter reads your event number in the body"),
        ("Icjs-Office" = Option<String>, Header, description = "Sending office, where the body does not say it"),
        ("Icjs-Action" = Option<String>, Header, description = "`new` (default), `correct`, `withdraw`"),
        ("Icjs-Replaces" = Option<String>, Header, description = "With `correct` and `withdraw`: id of the newest version"),
        ("Icjs-Reason" = Option<String>, Header, description = "With `correct` and `withdraw`: why"),
        ("Icjs-Actor" = Option<String>, Header, description = "The officer: `id; designation`, or `id; designation; office`, or a claim that your system signed (`/docs`); `GET /v1/me` says whether you must send it")),
    request_body(description = "The record, in the format of your adapter", content((Value = "application/json"), (String = "application/xml"), (String = "application/x-ansi-nist"))),
    responses(
        (status = 202, description = "Accepted and durable. `Location` names the message; `Idempotency-Replayed: true` says that it had been accepted before", body = Accepting, headers(("Location" = String, description = "The message"), ("Idempotency-Replayed" = Option<String>, description = "`true` for a stored answer"))),
        (status = 400, description = "Not well-formed, or a header is missing", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not this kind, not this office, or a claim that proves no officer", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such kind, or nothing to replace", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Known in another version; `message` names the one to replace", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body stopped, or came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Another media type is due", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Well-formed but refused; `errors` lists every violation", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded or disk full; send it again with the same key", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn submit(
    State(exchange): State<Arc<Exchange>>,
    Part(kind): Part,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let caller = exchange.caller(&parts).await?;
    let _place = exchange.place()?;
    let actor = exchange.actor(&caller, &parts.headers, Duty::Send);
    let submission = submission(kind, &parts.headers, actor);
    let read = |limit| request::body(&exchange.desk.settings, &parts.headers, body, limit);
    let accepted = accept::accept(&exchange.desk, &caller, submission, read).await?;
    Ok(accepted.into_response())
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let mut response = answer(StatusCode::ACCEPTED, &self.answer());
        let headers = response.headers_mut();
        if let Ok(location) = HeaderValue::from_str(&self.location()) {
            headers.insert(header::LOCATION, location);
        }
        if self.replayed {
            headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

/// Would it be accepted, and who would get what?
///
/// Everything but the journal: nothing is kept, nobody is told. The same refusals as `POST /v1/records/{kind}`.
#[utoipa::path(post, path = "/v1/validate/{kind}", tag = "records",
    params(
        ("kind" = String, Path, description = "Record kind"),
        ("Icjs-Actor" = Option<String>, Header, description = "The officer, as for a submission")),
    request_body(description = "The record, in the format of your adapter", content((Value = "application/json"), (String = "application/xml"), (String = "application/x-ansi-nist"))),
    responses(
        (status = 200, description = "It would be accepted", body = Preview),
        (status = 400, description = "Not well-formed, or a header is missing", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not this kind, or not this office", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such kind", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body stopped, or came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Another media type is due", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Refused; `errors` lists every violation", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn validate(
    State(exchange): State<Arc<Exchange>>,
    Part(kind): Part,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let caller = exchange.caller(&parts).await?;
    let _place = exchange.place()?;
    let actor = exchange.actor(&caller, &parts.headers, Duty::Send);
    let mut submission = submission(kind, &parts.headers, actor);
    // Nothing is kept, so nothing needs a name.
    submission.idempotency_key.get_or_insert_with(|| "validate".to_owned());
    let read = |limit| request::body(&exchange.desk.settings, &parts.headers, body, limit);
    let (record, entry) = accept::consider(&exchange.desk, &caller, submission, read).await?;
    Ok(answer(StatusCode::OK, &preview(&caller, &record, &entry)))
}

/// The 202's body, for the documents.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepting {
    /// Message id: its name for ever.
    id: String,
    /// Record kind.
    kind: String,
    /// `open`, `settled`, `attention` (something is parked) or `withdrawn`.
    status: String,
    /// Case keys, such as `fir/38101004-2026-17`.
    cases: Vec<String>,
    /// Who gets it.
    deliveries: Vec<AcceptingDelivery>,
    /// What was noticed and does not stand in the way.
    warnings: Vec<Value>,
    /// A compact JWS over message id, kind, office, digest, times and leaf index.
    receipt: String,
    /// `self`, `outcomes`, `schema`.
    links: Value,
}

/// One delivery of the 202, for the documents.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcceptingDelivery {
    /// Delivery id: the idempotency key that the receiver sees.
    id: String,
    /// The receiving office, where one was found.
    office: Option<String>,
    /// `push` or `feed`.
    how: String,
    /// Which route, step and row decided.
    why: String,
    /// `queued`, `held`, `parked`, ...
    state: String,
    /// Why parked or held.
    reason: Option<String>,
}

/// What would happen to a record.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// The shared form.
    shared: Value,
    /// Case keys.
    cases: Vec<String>,
    /// Who would get what.
    deliveries: Vec<PreviewDelivery>,
    /// What was noticed and does not stand in the way.
    warnings: Vec<Value>,
}

/// What one office would get.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewDelivery {
    /// The office, where one was found.
    office: Option<String>,
    /// The system that serves it.
    system: String,
    /// `push` or `feed`.
    #[schema(value_type = String)]
    how: How,
    /// Which route, step and row decided.
    why: String,
    /// `queued`, `held` or `parked`.
    #[schema(value_type = String)]
    state: DeliveryState,
    /// Why parked or held; also what would park it when it is encoded (`not-permitted`, `code-unknown`).
    reason: Option<String>,
    /// Media type of what it would get.
    media_type: Option<String>,
    /// What it would get, as text.
    document: Option<String>,
    /// Shared paths that its sharing rule withholds.
    withheld: Vec<String>,
    /// Shared paths that its format cannot carry.
    lost: Vec<String>,
}

fn preview(caller: &Caller, record: &Record, entry: &Entry) -> Preview {
    Preview {
        shared: record.shared.tree().clone(),
        cases: entry.cases.iter().map(ToString::to_string).collect(),
        deliveries: entry
            .deliveries
            .iter()
            .map(|delivery| would_get(caller, (record, entry.accepted_at), delivery))
            .collect(),
        warnings: entry.warnings.clone(),
    }
}

fn would_get(caller: &Caller, (record, at): (&Record, Timestamp), delivery: &NewDelivery) -> PreviewDelivery {
    let mut shown = PreviewDelivery {
        office: delivery.office.as_ref().map(ToString::to_string),
        system: delivery.system.clone(),
        how: delivery.how,
        why: delivery.why.clone(),
        state: delivery.state,
        reason: delivery.code.clone(),
        media_type: None,
        document: None,
        withheld: Vec::new(),
        lost: Vec::new(),
    };
    let own = delivery.cases.as_ref().unwrap_or(&record.facts.cases);
    if let Some(system) = caller.revision().systems.get(&delivery.system)
        && let sight = (Sight { system, office: delivery.office.as_ref(), own, joined: &[], at, takes_back: false })
        && let Err(code) = encode(caller, record, &sight, &mut shown)
    {
        shown.reason.get_or_insert(code);
    }
    shown
}

/// The stages of a delivery that need no journal: permit, encode, write.
fn encode(caller: &Caller, record: &Record, sight: &Sight<'_>, shown: &mut PreviewDelivery) -> Result<(), String> {
    let revision = caller.revision();
    let kind = &record.door.kind;
    let tree = record.shared.tree().clone();
    let permitted = revision.permit_to(kind, sight, caller.name(), tree);
    let to = sight.system;
    let permitted = permitted.ok_or_else(|| "not-permitted".to_owned())?;
    shown.withheld = permitted.withheld;
    let dialect = revision.dialect(to, kind).ok_or_else(|| "no-dialect".to_owned())?;
    if revision.passes_original(kind, (caller.name(), dialect.codec.media_type()), to) {
        // What it gets is what was sent.
        shown.media_type = Some(dialect.codec.media_type().to_owned());
        return if shown.withheld.is_empty() { Ok(()) } else { Err("not-permitted".to_owned()) };
    }
    let native = match &dialect.plan {
        None => permitted.tree,
        Some(plan) => {
            let encoded = plan.encode(&permitted.tree).map_err(|(code, _)| code)?;
            shown.lost = encoded.lost;
            encoded.native
        }
    };
    let bytes = dialect.codec.write(&native).map_err(|_| "mapping-failed".to_owned())?;
    shown.media_type = Some(dialect.codec.media_type().to_owned());
    shown.document = String::from_utf8(bytes).ok();
    Ok(())
}
