//! The model, published: who the caller is, which kinds there are, their schemas, examples and codes, each with an ETag.
//! Everything here comes from the revision under which the call is answered.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::access::Known;
use super::problem::{Problem, Usual};
use super::request::{self, Part, Query};
use super::{Exchange, answer};
use crate::accept::{Code, Refusal};
use crate::codes::FACT;
use crate::config::{Revision, System};
use crate::outcome;
use crate::seal;
use crate::tokens::Caller;

/// The caller, as the gateway knows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// Your name, which is your `client_id`.
    system: String,
    /// Your pillar.
    pillar: String,
    /// The adapter that your documents are read with.
    adapter: String,
    /// The offices that you serve.
    offices: Vec<String>,
    /// The ids of your registered keys.
    keys: Vec<String>,
    /// Where you must say which officer acts.
    officers: Actors,
    /// Your limits.
    limits: Limits,
    /// How records reach you: `push` or `feed`.
    delivery: &'static str,
    /// Per kind: what you may send and receive, and how.
    kinds: Vec<MyKind>,
    /// The configuration's revision that you are served under.
    revision: u64,
}

/// What is asked of the caller's officers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Actors {
    /// `send`, `read`, `search`: these calls need `Icjs-Actor`.
    required: Vec<&'static str>,
    /// `Icjs-Actor` must be a claim that your system signed.
    signed: bool,
    /// Reads need `Icjs-Purpose` and `Icjs-Ground`.
    purpose: bool,
}

/// The caller's limits.
#[derive(Debug, Serialize, ToSchema)]
pub struct Limits {
    /// Calls a second.
    per_second: u32,
    /// Pushes to you at once.
    in_flight: usize,
    /// Different cases, messages and attachments that you may look at within an hour; 0: no bound.
    reads_per_hour: u32,
    /// The same for each of your officers.
    officer_reads_per_hour: u32,
    /// Bytes of a record.
    record_bytes: usize,
    /// Nesting of a record.
    depth: usize,
    /// Keys of a record.
    keys: usize,
    /// Bytes of an attachment.
    attachment_bytes: u64,
}

/// One kind, as the caller speaks it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyKind {
    /// Its name.
    kind: String,
    /// `send`, `receive`.
    direction: Vec<&'static str>,
    /// What it is sent as.
    media_type: String,
    /// Where your event number stands in your document, as a JSON Pointer into its tree.
    event_number: Option<String>,
    /// Its schema in your format.
    schema: String,
    /// An example in your format.
    example: String,
}

/// Who am I here?
#[utoipa::path(get, path = "/v1/me", tag = "model",
    responses(
        (status = 200, description = "Your offices, keys, limits; per kind: direction, media type, schema, example", body = Me),
        Usual))]
pub async fn me(State(exchange): State<Arc<Exchange>>, Known(caller): Known) -> Result<Response, Refusal> {
    let system = caller.system()?;
    let revision = caller.revision();
    let limits = exchange.desk.settings.limits;
    let reads = system.limits.reads(exchange.desk.settings.rates.reads);
    let me = Me {
        system: system.name.clone(),
        pillar: system.pillar.clone(),
        adapter: system.adapter.clone(),
        offices: system.offices.iter().map(ToString::to_string).collect(),
        keys: exchange.tokens.key_ids(system, exchange.desk.clock.moment()),
        officers: Actors {
            required: system.officers.required.iter().map(|duty| duty.as_str()).collect(),
            signed: system.officers.signed,
            purpose: system.officers.purpose,
        },
        limits: Limits {
            per_second: system.limits.per_second,
            in_flight: system.limits.in_flight,
            reads_per_hour: reads.system,
            officer_reads_per_hour: reads.officer,
            record_bytes: limits.record,
            depth: limits.depth,
            keys: limits.keys,
            attachment_bytes: limits.attachment,
        },
        delivery: match (&system.push, &system.folder) {
            (Some(_), _) => "push",
            (None, Some(_)) => "folder",
            (None, None) => "feed",
        },
        kinds: my_kinds(revision, system),
        revision: revision.number,
    };
    Ok(answer(StatusCode::OK, &me))
}

fn my_kinds(revision: &Revision, system: &System) -> Vec<MyKind> {
    let one = |kind: &str| {
        let dialect = revision.dialect(system, kind)?;
        let mut direction = Vec::new();
        if system.send.iter().any(|sent| sent == kind) {
            direction.push("send");
        }
        if kind == outcome::KIND || system.receive.iter().any(|received| received == kind) {
            direction.push("receive");
        }
        (!direction.is_empty()).then(|| MyKind {
            kind: kind.to_owned(),
            direction,
            media_type: dialect.codec.media_type().to_owned(),
            event_number: dialect.event_number.clone(),
            schema: format!("/v1/schemas/{kind}?form=native"),
            example: format!("/v1/examples/{kind}"),
        })
    };
    revision.kinds.keys().filter_map(|kind| one(kind)).collect()
}

/// Every record kind there is.
#[utoipa::path(get, path = "/v1/kinds", tag = "model",
    responses(
        (status = 200, description = "Kinds with their titles, lanes and schemas", body = Value, headers(("ETag" = String))),
        (status = 304, description = "As you have it"),
        Usual))]
pub async fn kinds(Known(caller): Known, headers: HeaderMap) -> Response {
    let all = caller.revision().kinds.values().map(|kind| {
        json!({
            "kind": kind.name,
            "title": kind.title.0,
            "title_hi": kind.title.1,
            "lane": kind.lane,
            "schema": format!("/v1/schemas/{}", kind.name),
        })
    });
    let body = json!({"kinds": all.collect::<Vec<_>>()}).to_string().into_bytes();
    tagged(&headers, "application/json", body)
}

/// A kind's schema: the shared form, or your own.
#[utoipa::path(get, path = "/v1/schemas/{kind}", tag = "model",
    params(
        ("kind" = String, Path, description = "Record kind"),
        ("form" = Option<String>, Query, description = "`shared` (default) or `native`: the format of your adapter")),
    responses(
        (status = 200, description = "JSON Schema 2020-12, references resolved; native XML shapes use the OpenAPI `xml` keywords", body = Value, content_type = "application/schema+json", headers(("ETag" = String))),
        (status = 304, description = "As you have it"),
        (status = 404, description = "No such kind", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn schema(
    Known(caller): Known,
    Part(kind): Part,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    query.only(&["form"])?;
    let known = caller.revision().kinds.get(&kind).ok_or_else(no_kind)?;
    let schema = match query.one("form")? {
        None | Some("shared") => &known.schema,
        Some("native") => {
            let dialect = caller.revision().dialect(caller.system()?, &kind).ok_or_else(no_kind)?;
            dialect.native.as_ref().unwrap_or(&known.schema)
        }
        Some(_) => return Err(request::refused("form", "enum", "`form` is `shared` or `native`")),
    };
    Ok(tagged(&headers, "application/schema+json", schema.text()))
}

fn no_kind() -> Refusal {
    Refusal::new(Code::KindUnknown, "there is no such record kind for you; `GET /v1/me` lists yours")
}

/// A complete example in your format.
#[utoipa::path(get, path = "/v1/examples/{kind}", tag = "model",
    params(("kind" = String, Path, description = "Record kind"), ("n" = Option<u32>, Query, description = "Which, from 1")),
    responses(
        (status = 200, description = "A document as you would send it", body = String, headers(("ETag" = String))),
        (status = 304, description = "As you have it"),
        (status = 404, description = "No such kind, or no example of it", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn example(
    Known(caller): Known,
    Part(kind): Part,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    query.only(&["n"])?;
    let revision = caller.revision();
    let dialect = revision.dialect(caller.system()?, &kind).ok_or_else(no_kind)?;
    let place = usize::try_from(query.number("n", 1, 1, 99)?).unwrap_or(1).saturating_sub(1);
    let path = dialect.examples.get(place);
    let bytes = path.and_then(|path| revision.folder.files.get(path)).ok_or_else(|| {
        Refusal::new(
            Code::NotFound,
            format!("there are {} examples of this kind in your format", dialect.examples.len()),
        )
    })?;
    Ok(tagged(&headers, dialect.codec.media_type(), bytes.clone()))
}

/// A code table.
#[utoipa::path(get, path = "/v1/codes/{table}", tag = "model",
    params(("table" = String, Path, description = "Such as `gender`")),
    responses(
        (status = 200, description = "Codes with labels, dates, sources and your own values", body = Value, headers(("ETag" = String))),
        (status = 304, description = "As you have it"),
        (status = 404, description = "No such table", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn codes(Known(caller): Known, Part(table): Part, headers: HeaderMap) -> Result<Response, Refusal> {
    let missing = || Refusal::new(Code::NotFound, "there is no such code table");
    let plain = table.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let path = format!("mappings/codes/{table}.csv");
    let file = caller.revision().folder.files.get(&path).filter(|_| plain).ok_or_else(missing)?;
    let text = std::str::from_utf8(file).map_err(|_| missing())?;
    let body = json!({"table": table, "codes": published(&caller, text)?}).to_string().into_bytes();
    Ok(tagged(&headers, "application/json", body))
}

/// The shared columns, and the caller's own values: other systems' codes are nobody else's affair.
fn published(caller: &Caller, text: &str) -> Result<Vec<Value>, Refusal> {
    const SHARED: [&str; 6] = ["shared", "label_en", "label_hi", "valid_from", "valid_to", "source"];
    let own = caller.system()?.adapter.as_str();
    let canonical = format!("{own}_canonical");
    let mut rows = crate::config::table::rows(text).into_iter();
    let names = rows.next().unwrap_or_default();
    let one = |row: Vec<String>| {
        let cells = names.iter().zip(row);
        let shown = cells.filter_map(|(name, cell)| {
            let name = match name.as_str() {
                name if SHARED.contains(&name) => name,
                name if name.starts_with(FACT) => name.trim_start_matches(FACT),
                name if name == own => "native",
                name if name == canonical => "canonical",
                _ => return None,
            };
            Some((name.to_owned(), if cell.is_empty() { Value::Null } else { Value::String(cell) }))
        });
        Value::Object(shown.collect::<Map<String, Value>>())
    };
    Ok(rows.map(one).collect())
}

/// A body with its ETag, or 304 where the caller has it.
fn tagged(headers: &HeaderMap, media_type: &'static str, body: impl Into<Bytes>) -> Response {
    let body = body.into();
    let digest = seal::hex(&seal::sha256(&body));
    let tag = format!("\"{}\"", digest.get(..32).unwrap_or(&digest));
    let known = request::header(headers, "if-none-match")
        .is_some_and(|sent| sent.split(',').any(|one| one.trim().trim_start_matches("W/") == tag || one.trim() == "*"));
    let mut response = Response::new(if known { Bytes::new() } else { body }.into());
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}
