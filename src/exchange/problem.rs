//! What bad input gets: RFC 9457 problems, from one table of code, status and title (design, section 7).
//! Every violation is listed, at its place in the document as sent. No value of a record is ever shown.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use icjs_kit::Violation;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::accept::{Code, Refusal};
use crate::{seal, telemetry};

/// An error as clients see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A page that explains the code.
    #[serde(rename = "type")]
    kind: String,
    /// The code in words; the same for every occurrence.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time and what to do about it.
    detail: String,
    /// The stable code.
    code: &'static str,
    /// Names this occurrence.
    instance: String,
    /// The message that it is about: for `record-changed` the one to replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Every violation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Wrong>,
}

/// What every call with a token may answer besides its own, for the documents: no value of it is ever made.
#[derive(Debug, IntoResponses)]
pub enum Usual {
    /// No valid token
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// Too many calls; see `Retry-After`
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(Problem),
}

/// One violation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Wrong {
    /// Place in the document as sent: JSON Pointer, XPath or NIST field.
    pointer: String,
    /// Place in the shared form, as a JSON Pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_pointer: Option<String>,
    /// Line in the document as sent, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// Column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    /// Stable name of the rule.
    rule: String,
    /// What is wrong and what would be right.
    message: String,
}

impl From<Violation> for Wrong {
    fn from(violation: Violation) -> Self {
        let Violation { pointer, shared_pointer, line, column, rule, message } = violation;
        Self { pointer, shared_pointer, line, column, rule, message }
    }
}

/// Violations listed in one answer; more are counted. A record of 1 MiB can hold tens of thousands.
const MOST_ERRORS: usize = 1000;

/// The one table: which status and title a code has.
pub const fn status(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::MalformedJson => (StatusCode::BAD_REQUEST, "The document is not JSON"),
        Code::MalformedXml => (StatusCode::BAD_REQUEST, "The document is not well-formed XML"),
        Code::MalformedNist => (StatusCode::BAD_REQUEST, "The transaction is not well-formed ANSI/NIST-ITL"),
        Code::DoctypeRefused => (StatusCode::BAD_REQUEST, "Document types are refused"),
        Code::EncodingRefused => (StatusCode::BAD_REQUEST, "The document is not UTF-8"),
        Code::IdempotencyKeyMissing => (StatusCode::BAD_REQUEST, "The record has no name of its own"),
        Code::TooDeep => (StatusCode::BAD_REQUEST, "The document is nested too deep or has too many keys"),
        Code::CursorInvalid => (StatusCode::BAD_REQUEST, "The cursor is not valid here"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "Who is calling is not known"),
        Code::NotAllowed => (StatusCode::FORBIDDEN, "The calling system may not do this"),
        Code::OfficeNotYours => (StatusCode::FORBIDDEN, "The office is not one of the calling system's"),
        Code::NotFound => (StatusCode::NOT_FOUND, "Nothing is there for this caller"),
        Code::KindUnknown => (StatusCode::NOT_FOUND, "There is no such record kind"),
        Code::DigestMismatch => (StatusCode::CONFLICT, "The bytes have another digest"),
        Code::RecordChanged => (StatusCode::CONFLICT, "The record is known in another version"),
        Code::OutcomeConflict => (StatusCode::CONFLICT, "The outcome contradicts an earlier one"),
        Code::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The body did not come in time"),
        Code::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
        Code::MediaTypeUnsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Another media type is due"),
        Code::IdempotencyKeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "The key was used for other bytes"),
        Code::SchemaInvalid => (StatusCode::UNPROCESSABLE_ENTITY, "The document does not follow its schema"),
        Code::MappingFailed => (StatusCode::UNPROCESSABLE_ENTITY, "The document cannot be translated"),
        Code::DuplicateKey => (StatusCode::UNPROCESSABLE_ENTITY, "A key stands twice in one object"),
        Code::NulCharacter => (StatusCode::UNPROCESSABLE_ENTITY, "The document holds a NUL character"),
        Code::CharacterNotPortable => {
            (StatusCode::UNPROCESSABLE_ENTITY, "A character cannot be carried in every format")
        }
        Code::AadhaarNumber => (StatusCode::UNPROCESSABLE_ENTITY, "The document holds an Aadhaar number"),
        Code::AttachmentMissing => (StatusCode::UNPROCESSABLE_ENTITY, "An attachment was not uploaded"),
        Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        Code::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "Too much work at once"),
        Code::StorageFull => (StatusCode::SERVICE_UNAVAILABLE, "The disk is full"),
    }
}

/// A refusal as a problem document.
pub fn problem(refusal: Refusal) -> Problem {
    let (status, title) = status(refusal.code);
    let beyond = refusal.violations.len().saturating_sub(MOST_ERRORS);
    let detail = match beyond {
        0 => refusal.detail,
        more => format!("{}; {more} more are not listed", refusal.detail),
    };
    Problem {
        kind: format!("/docs#{}", refusal.code.as_str()),
        title,
        status: status.as_u16(),
        detail,
        code: refusal.code.as_str(),
        instance: format!("urn:icjs:problem:{}", seal::random::<8>().map(|id| seal::hex(&id)).unwrap_or_default()),
        message: refusal.message.map(|id| id.to_string()),
        errors: refusal.violations.into_iter().take(MOST_ERRORS).map(Wrong::from).collect(),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        telemetry::refused(self.code.as_str());
        let code = self.code;
        let retry_after = self.retry_after;
        let problem = problem(self);
        let mut answer = super::answer(status(code).0, &problem);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if code == Code::Unauthenticated {
            let challenge = HeaderValue::from_static(r#"Bearer realm="icjs", error="invalid_token""#);
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if code == Code::TooSlow {
            // What is left of the body is not waited for: the connection ends with this answer (RFC 9110 section 15.5.9).
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // For the line in the log.
        answer.extensions_mut().insert(code);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accept::refuse::CODES;

    #[test]
    fn every_code_has_the_status_that_the_contract_gives_it() {
        let of = |wanted: u16| -> Vec<&str> {
            CODES.iter().filter(|code| status(**code).0.as_u16() == wanted).map(|code| code.as_str()).collect()
        };
        assert_eq!(of(401), ["unauthenticated"]);
        assert_eq!(of(403), ["not-allowed", "office-not-yours"]);
        assert_eq!(of(404), ["not-found", "kind-unknown"]);
        assert_eq!(of(408), ["too-slow"]);
        assert_eq!(of(409), ["digest-mismatch", "record-changed", "outcome-conflict"]);
        assert_eq!(of(413), ["too-large"]);
        assert_eq!(of(415), ["media-type-unsupported"]);
        assert_eq!(of(429), ["rate-limited"]);
        assert_eq!(of(503), ["overloaded", "storage-full"]);
        assert_eq!(of(400).len(), 8);
        assert_eq!(of(422).len(), 8);
        assert!(CODES.iter().all(|code| Code::parse(code.as_str()) == Some(*code)));
    }
}
