//! Reading requests: path parts, query parameters that may repeat, headers as texts, bodies within a limit and a time.
//! What cannot be read is a problem like any other, never a bare text of the framework.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use icjs_kit::Violation;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::accept::{Code, Refusal};

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

/// The whole body, at most `limit` bytes of it, within `time`.
pub async fn body(body: Body, limit: usize, time: Duration) -> Result<Bytes, Refusal> {
    use hyper::body::Body as _;
    let announced = body.size_hint().lower();
    if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
        swallow(body).await;
        return Err(too_large(limit));
    }
    match tokio::time::timeout(time, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(Refusal::new(Code::EncodingRefused, "the body broke off before its end")),
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", time.as_secs());
            Err(Refusal::new(Code::TooLarge, detail))
        }
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(Code::TooLarge, format!("the body may have {limit} bytes at most"))
}

/// Reads on for a moment without keeping anything: a client that is still writing would otherwise see a broken connection
/// in place of the answer.
async fn swallow(mut body: Body) {
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > SWALLOWED {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(800), reading).await;
}

const SWALLOWED: usize = 64 << 20;

/// A JSON body of one of the gateway's own shapes.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        let shape = error.classify() == serde_json::error::Category::Data;
        let code = if shape { Code::SchemaInvalid } else { Code::MalformedJson };
        let violation = Violation {
            pointer: String::new(),
            line: u32::try_from(error.line()).ok(),
            column: u32::try_from(error.column()).ok(),
            rule: code.as_str().to_owned(),
            message: if shape {
                "this field is not known here, is missing, or has another type; see `/docs`".to_owned()
            } else {
                "the body is not JSON from here on".to_owned()
            },
            ..Violation::default()
        };
        Refusal::of(code, vec![violation])
    })
}
