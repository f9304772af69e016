//! Many records in one request: NDJSON in, one answer a line out, in order. Each line stands for itself: it is accepted or
//! refused as if it had been sent alone, so a batch that broke off is simply sent again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Exchange;
use super::problem::{self, Problem, Usual};
use super::request;
use crate::accept::{self, Answer, Code, Refusal, Submission};
use crate::tokens::Caller;

/// One line of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Record kind.
    kind: String,
    /// Headers as for `POST /v1/records/{kind}`, by their names.
    #[serde(default)]
    #[schema(value_type = Object)]
    headers: std::collections::BTreeMap<String, String>,
    /// The record: a JSON document as it is, any other format as a string.
    body: Value,
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
/// status. Lines are independent; send the batch again if it broke off.
#[utoipa::path(post, path = "/v1/batches", tag = "records",
    request_body(description = "NDJSON", content_type = "application/x-ndjson", content = Line),
    responses(
        (status = 200, description = "One answer a line: `{line, status, replayed, answer}` or `{line, status, problem}`", content_type = "application/x-ndjson", body = String),
        (status = 415, description = "Not NDJSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn batch(State(exchange): State<Arc<Exchange>>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let caller = exchange.caller(&parts.headers)?;
    let media_type = request::header(&parts.headers, "content-type").unwrap_or_default();
    if !media_type.starts_with("application/x-ndjson") && !media_type.starts_with("application/ndjson") {
        let detail = "a batch is sent as NDJSON, with `Content-Type: application/x-ndjson`";
        return Err(Refusal::new(Code::MediaTypeUnsupported, detail));
    }
    // Answers go out while lines come in: a batch of any length needs the memory of one line.
    let lines = Lines { body, rest: BytesMut::new(), ended: false };
    let answers = stream::unfold((exchange, caller, lines, 0), |(exchange, caller, mut lines, number)| async move {
        let line = lines.next(&exchange).await?;
        let told = match line {
            Ok(line) => tell(&exchange, &caller, number + 1, line).await,
            Err(refusal) => {
                lines.ended = true;
                refused(number + 1, refusal)
            }
        };
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(told)), (exchange, caller, lines, number + 1)))
    });
    let mut response = Response::new(Body::from_stream(answers));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// The lines of a body, as they come.
struct Lines {
    body: Body,
    rest: BytesMut,
    ended: bool,
}

impl Lines {
    /// The next line that is not empty; `None` after the last.
    async fn next(&mut self, exchange: &Exchange) -> Option<Result<Bytes, Refusal>> {
        // A line holds a record and its headers, and a string in it may need two bytes for one.
        let longest = exchange.desk.settings.limits.record.saturating_mul(2).saturating_add(8192);
        let time = exchange.desk.settings.exchange.body_timeout;
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line = self.rest.split_to(end + 1);
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Some(Ok(line.freeze()));
            }
            if self.ended {
                let line = self.rest.split();
                return (!line.iter().all(u8::is_ascii_whitespace)).then(|| Ok(line.freeze()));
            }
            if self.rest.len() > longest {
                self.rest.clear();
                return Some(Err(Refusal::new(Code::TooLarge, format!("a line may have {longest} bytes at most"))));
            }
            match tokio::time::timeout(time, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Some(data) = frame.data_ref() {
                        self.rest.extend_from_slice(data);
                    }
                }
                Ok(None) => self.ended = true,
                Ok(Some(Err(_))) | Err(_) => {
                    self.rest.clear();
                    return Some(Err(Refusal::new(Code::EncodingRefused, "the batch broke off before its end")));
                }
            }
        }
    }
}

async fn tell(exchange: &Exchange, caller: &Caller, line: u64, text: Bytes) -> Vec<u8> {
    match one(exchange, caller, &text).await {
        Ok(accepted) => {
            let told = Told::Accepted {
                line,
                status: StatusCode::ACCEPTED.as_u16(),
                replayed: accepted.replayed,
                answer: accepted.answer(),
            };
            written(&told)
        }
        Err(refusal) => refused(line, refusal),
    }
}

async fn one(exchange: &Exchange, caller: &Caller, text: &[u8]) -> Result<accept::Accepted, Refusal> {
    let _place = exchange.place()?;
    let line: Line = request::parse(text)?;
    let header = |name: &str| {
        line.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let is_text = line.body.is_string();
    let submission = Submission {
        media_type: header("content-type")
            .or_else(|| Some(if is_text { "application/xml" } else { "application/json" }.to_owned())),
        idempotency_key: header("idempotency-key"),
        office: header("icjs-office"),
        action: header("icjs-action"),
        replaces: header("icjs-replaces"),
        reason: header("icjs-reason"),
        actor: header("icjs-actor"),
        kind: line.kind.clone(),
    };
    let body = match &line.body {
        Value::String(text) => Bytes::copy_from_slice(text.as_bytes()),
        tree => Bytes::from(serde_json::to_vec(tree).unwrap_or_default()),
    };
    let read = |limit| {
        let fits = body.len() <= limit;
        let too_large = || Refusal::new(Code::TooLarge, format!("a record may have {limit} bytes at most"));
        std::future::ready(if fits { Ok(body) } else { Err(too_large()) })
    };
    accept::accept(&exchange.desk, caller, submission, read).await
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
