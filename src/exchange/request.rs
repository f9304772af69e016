//! Reading requests: path parts, query parameters that may repeat, headers as texts, bodies through the doors.
//! What cannot be read is a problem like any other, never a bare text of the framework.

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use axum::http::request::Parts;
use bytes::Bytes;
use icjs_kit::Violation;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::accept::{Code, Refusal};
use crate::config::Settings;
use crate::doors;
use crate::doors::body::Pace;
use crate::doors::coding::{Caps, Coding};

/// The one variable part of a path.
#[derive(Debug)]
pub struct Part(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(part)| Self(part))
            .map_err(|_| Refusal::new(Code::NotFound, "that part of the path is not UTF-8"))
    }
}

/// Query parameters in order; a name may repeat.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Ok(Self(pairs(parts.uri.query().unwrap_or(""))))
    }
}

/// `a=1&b=x%20y` as pairs; `+` is a space, as forms write it.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

impl Query {
    /// Only these parameters may be there: a misspelt filter would silently give everything.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let unknown = self.0.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        let violations: Vec<Violation> = unknown
            .map(|_| wrong("query", "parameter-unknown", format!("the parameters are `{}`", known.join("`, `"))))
            .collect();
        if violations.is_empty() { Ok(()) } else { Err(Refusal::of(Code::SchemaInvalid, violations)) }
    }

    /// The parameter's value; twice is an error.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(refused(name, "parameter-repeated", format!("`{name}` may stand once only"))),
        }
    }

    /// Every value of the parameter.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A whole number within bounds.
    pub fn number(&self, name: &str, default: u64, least: u64, most: u64) -> Result<u64, Refusal> {
        let Some(text) = self.one(name)? else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| refused(name, "range", format!("`{name}` is a whole number from {least} to {most}")))
    }
}

/// A parameter that is not what it must be.
pub fn refused(name: &str, rule: &str, message: impl Into<String>) -> Refusal {
    Refusal::of(Code::SchemaInvalid, vec![wrong(&format!("query {name}"), rule, message.into())])
}

fn wrong(pointer: &str, rule: &str, message: String) -> Violation {
    Violation { pointer: pointer.to_owned(), rule: rule.to_owned(), message, ..Violation::default() }
}

/// A header as text; one that is not visible ASCII or UTF-8 is as if it were not there.
pub fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).map(|text| text.trim().to_owned())
}

/// How slowly a body may come.
pub fn pace(settings: &Settings) -> Pace {
    let connections = &settings.connections;
    Pace { idle: connections.body_idle, whole: settings.exchange.body_timeout, rate: connections.slowest }
}

/// The whole body, unpacked, at most `limit` bytes of it, in time.
pub async fn body(settings: &Settings, headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let caps = Caps { bytes: limit, ratio: settings.limits.packed_ratio };
    Ok(doors::body::whole(body, coding(headers)?, caps, pace(settings)).await?)
}

/// How the body is packed. Said in one header line, or it is not understood.
fn coding(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let mut said = headers.get_all(CONTENT_ENCODING).iter();
    let first = said.next().map(|value| value.to_str().unwrap_or("?"));
    let all = if said.next().is_some() { Some("several") } else { first };
    Ok(Coding::parse(all)?)
}

/// What is streamed is not unpacked: it comes as it is.
pub fn plain(headers: &HeaderMap) -> Result<(), Refusal> {
    match coding(headers)? {
        Coding::Plain => Ok(()),
        _ => Err(Refusal::new(Code::MediaTypeUnsupported, "this body is sent without `Content-Encoding`")),
    }
}

/// A JSON body of one of the gateway's own shapes.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    Ok(doors::json::read(bytes, &doors::json::limits(usize::MAX))?)
}
