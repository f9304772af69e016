//! Many records in one request: NDJSON in, one answer a line out, in order. Each line stands for itself: it is accepted or
//! refused as if it had been sent alone, so a batch that broke off is simply sent again, or from the first line without an
//! answer. Several lines are worked on at once, those about the same case or person in their order; live records go first.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::Exchange;
use super::access::Shown;
use super::problem::{self, Problem, Usual};
use super::request;
use super::turns::{Turn, Turns};
use crate::accept::{self, Answer, Code, Refusal, Submission};
use crate::config::officers::Duty;
use crate::doors;
use crate::doors::body::Pieces;

/// Lines of one batch that are worked on at once.
const AT_ONCE: usize = 16;

/// One line of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Record kind.
    kind: String,
    /// Headers as for `POST /v1/records/{kind}`, by their names.
    #[schema(value_type = Object)]
    headers: Option<Box<RawValue>>,
    /// The record: a JSON document as it is, any other format as a string. Kept as it stands in the line: read strictly, and
    /// hashed, as if it had been sent alone.
    #[schema(value_type = Value)]
    body: Box<RawValue>,
}

/// One line of the answer.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Accepted { line: u64, status: u16, replayed: bool, answer: Answer<'a> },
    Refused { line: u64, status: u16, problem: Problem },
}

/// Submit many records.
///
/// One JSON object a line: `{kind, headers, body}`. One answer a line, in the same order, with the line's number and its
/// status. A line is accepted or refused as if it had been
/// sent alone; lines about the same case or person are accepted in their order. If the batch broke off, send it again (what was
/// accepted gives its stored answer) or go on with the first line that has no answer. Live records go before a batch's.
#[utoipa::path(post, path = "/v1/batches", tag = "records",
    request_body(description = "NDJSON", content_type = "application/x-ndjson", content = Line),
    responses(
        (status = 200, description = "One answer a line: `{line, status, replayed, answer}` or `{line, status, problem}`", content_type = "application/x-ndjson", body = String),
        (status = 415, description = "Not NDJSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn batch(State(exchange): State<Arc<Exchange>>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    exchange.caller(&parts).await?;
    request::plain(&parts.headers)?;
    let media_type = request::header(&parts.headers, "content-type").unwrap_or_default();
    if !media_type.starts_with("application/x-ndjson") && !media_type.starts_with("application/ndjson") {
        let detail = "a batch is sent as NDJSON, with `Content-Type: application/x-ndjson`";
        return Err(Refusal::new(Code::MediaTypeUnsupported, detail));
    }
    // Answers go out while lines come in: a batch of any length needs the memory of a few lines.
    let pace = request::pace(&exchange.desk.settings);
    let lines = Lines { body: Pieces::new(body, pace), rest: BytesMut::new(), looked: 0, ended: false };
    let batch = Arc::new(Batch { exchange, shown: Shown::of(&parts), turns: Arc::default() });
    let state = (Arc::clone(&batch), lines, 0_u64);
    let lines = stream::unfold(state, |(batch, mut lines, before)| async move {
        let number = before + 1;
        let next = batch.next(&mut lines, number).await?;
        Some((next, (batch, lines, number)))
    });
    let answers = lines.map(move |next| {
        let batch = Arc::clone(&batch);
        async move { Ok::<_, std::convert::Infallible>(Bytes::from(batch.tell(next).await)) }
    });
    let mut response = Response::new(Body::from_stream(answers.buffered(AT_ONCE)));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// One batch under way.
struct Batch {
    exchange: Arc<Exchange>,
    /// Token and certificate are looked at again with every line, since a batch may outlive them.
    shown: Shown,
    turns: Arc<Turns>,
}

/// A line with its place among the bulk records at work, or why there are no more.
struct Next {
    number: u64,
    line: Result<Bytes, Refusal>,
    turn: Turn,
    _place: Option<OwnedSemaphorePermit>,
}

impl Batch {
    /// Waits for the next line, and until it may be worked on: live records go first.
    async fn next(&self, lines: &mut Lines, number: u64) -> Option<Next> {
        let mut line = lines.next(&self.exchange).await?;
        if *self.exchange.stopping.borrow() {
            line = Err(Refusal::new(Code::Overloaded, "the gateway stops"));
        }
        let turn = Turns::next(&self.turns, number);
        let place = if line.is_ok() { self.exchange.bulk_place().await } else { None };
        if let Err(refusal) = &mut line {
            lines.ended = true;
            lines.rest.clear();
            refusal.detail.push_str(&format!("; the lines before have their answers: go on with line {number}"));
        }
        Some(Next { number, line, turn, _place: place })
    }

    async fn tell(&self, next: Next) -> Vec<u8> {
        let Next { number, line, turn, _place } = next;
        let accepted = match line {
            Ok(line) => self.one(&line, &turn).await,
            Err(refusal) => Err(refusal),
        };
        drop(turn);
        match accepted {
            Ok(accepted) => {
                let status = StatusCode::ACCEPTED.as_u16();
                written(&Told::Accepted {
                    line: number,
                    status,
                    replayed: accepted.replayed,
                    answer: accepted.answer(),
                })
            }
            Err(refusal) => refused(number, refusal),
        }
    }

    async fn one(&self, text: &[u8], turn: &Turn) -> Result<accept::Accepted, Refusal> {
        let caller = self.exchange.still(&self.shown)?;
        let (mut submission, actor, body) = read(text)?;
        submission.actor = self.exchange.officer(&caller, actor.as_deref(), Duty::Send);
        let read = |limit| {
            let fits = body.len() <= limit;
            let too_large = || Refusal::new(Code::TooLarge, format!("a record may have {limit} bytes at most"));
            std::future::ready(if fits { Ok(body) } else { Err(too_large()) })
        };
        accept::accept_in_turn(&self.exchange.desk, &caller, submission, read, |about| turn.come(about)).await
    }
}

/// One line as a submission, the officer that it names, and its body.
fn read(text: &[u8]) -> Result<(Submission, Option<String>, Bytes), Refusal> {
    let line: Line = doors::json::envelope(text).map_err(Refusal::from)?;
    let headers: BTreeMap<String, String> = match &line.headers {
        Some(headers) => request::parse(headers.get().as_bytes())?,
        None => BTreeMap::new(),
    };
    let header = |name: &str| {
        headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let actor = header("icjs-actor");
    let whole = line.body.get();
    let is_text = whole.starts_with('"');
    let submission = Submission {
        media_type: header("content-type")
            .or_else(|| Some(if is_text { "application/xml" } else { "application/json" }.to_owned())),
        idempotency_key: header("idempotency-key"),
        office: header("icjs-office"),
        action: header("icjs-action"),
        replaces: header("icjs-replaces"),
        reason: header("icjs-reason"),
        actor: Ok(None),
        bulk: true,
        kind: line.kind,
    };
    let body = if is_text { doors::json::text(whole.as_bytes())? } else { whole.to_owned() };
    Ok((submission, actor, Bytes::from(body)))
}

/// The lines of a body, as they come.
struct Lines {
    body: Pieces<Body>,
    rest: BytesMut,
    /// So much of `rest` has no end of a line: a line that comes in a million pieces is looked through once.
    looked: usize,
    ended: bool,
}

impl Lines {
    /// The next line that is not empty; `None` after the last.
    async fn next(&mut self, exchange: &Exchange) -> Option<Result<Bytes, Refusal>> {
        // A line holds a record and its headers, and a string in it may need two bytes for one.
        let longest = exchange.desk.settings.limits.record.saturating_mul(2).saturating_add(8192);
        loop {
            let fresh = self.rest.iter().skip(self.looked);
            if let Some(end) = fresh.copied().position(|byte| byte == b'\n') {
                let line = self.rest.split_to(self.looked + end + 1);
                self.looked = 0;
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Some(Ok(line.freeze()));
            }
            self.looked = self.rest.len();
            if self.ended {
                let line = self.rest.split();
                return (!line.iter().all(u8::is_ascii_whitespace)).then(|| Ok(line.freeze()));
            }
            if self.rest.len() > longest {
                self.rest.clear();
                return Some(Err(Refusal::new(Code::TooLarge, format!("a line may have {longest} bytes at most"))));
            }
            match self.body.next().await {
                Ok(Some(data)) => self.rest.extend_from_slice(&data),
                Ok(None) => self.ended = true,
                Err(shut) => {
                    self.rest.clear();
                    return Some(Err(shut.into()));
                }
            }
        }
    }
}

fn refused(line: u64, refusal: Refusal) -> Vec<u8> {
    crate::telemetry::refused(refusal.code.as_str());
    let status = problem::status(refusal.code).0.as_u16();
    written(&Told::Refused { line, status, problem: problem::problem(refusal) })
}

fn written(told: &Told<'_>) -> Vec<u8> {
    let mut line = serde_json::to_vec(told).unwrap_or_default();
    line.push(b'\n');
    line
}
