//! What the admin API says when it refuses: `application/problem+json` (RFC 9457), with every error of a configuration.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::doors::Shut;
use crate::journal::JournalError;
use crate::revisions::NotApplied;

/// A refusal.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Value>,
}

/// Bytes of a name, a reason or a note at most.
pub const LONGEST: usize = 1_000;

impl Problem {
    /// With a stable code and one line for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new() }
    }

    /// The body or the query is not what the call takes.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-json", detail)
    }

    /// An order says why, and what is said of it has a bound: both are kept for ever.
    pub fn unreasoned(reason: &str, others: &[Option<&str>]) -> Result<(), Self> {
        if reason.trim().is_empty() {
            return Err(Self::malformed("`reason` says why this is ordered; it may not be empty"));
        }
        if others.iter().flatten().any(|said| said.len() > LONGEST) || reason.len() > LONGEST {
            return Err(Self::malformed(format!("who orders it, and the reason, have at most {LONGEST} bytes")));
        }
        Ok(())
    }

    /// Nothing has that name.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }
}

impl From<Shut> for Problem {
    fn from(shut: Shut) -> Self {
        let status = match shut.code {
            "too-large" => StatusCode::PAYLOAD_TOO_LARGE,
            "too-slow" => StatusCode::REQUEST_TIMEOUT,
            "media-type-unsupported" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        };
        let errors = shut.violations.iter().map(|violation| json!(violation)).collect();
        Self { errors, ..Self::new(status, shut.code, shut.detail) }
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        let code = if matches!(error, JournalError::Full) { "storage-full" } else { "overloaded" };
        tracing::error!(%error, "the store did not answer an administrator");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string())
    }
}

impl From<NotApplied> for Problem {
    fn from(error: NotApplied) -> Self {
        let detail = error.to_string();
        match error {
            NotApplied::Errors(errors) => {
                let errors = errors.iter().map(|error| json!(error)).collect();
                Self { status: StatusCode::UNPROCESSABLE_ENTITY, code: "configuration-invalid", detail, errors }
            }
            NotApplied::NoSuchRevision(_) => Self::not_found(detail),
            NotApplied::NeedsTwo(_) => Self::new(StatusCode::FORBIDDEN, "not-allowed", detail),
            NotApplied::NeedsNewer { .. } | NotApplied::Unreadable { .. } => {
                Self::new(StatusCode::CONFLICT, "revision-unusable", detail)
            }
            NotApplied::Journal(error) => Self::from(error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Refused"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let (Some(fields), false) = (body.as_object_mut(), self.errors.is_empty()) {
            fields.insert("errors".to_owned(), Value::Array(self.errors));
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, kind, Json(body).into_response().into_body()).into_response()
    }
}
