//! Why something is refused: a stable code, words for people, and every violation. Which HTTP status a code has is the
//! exchange's table. A refusal never shows a value of the record. Read `exchange::problem` next.

use icjs_kit::{Unreadable, Violation};

use crate::doors::Shut;
use crate::identifiers::MessageId;
use crate::journal::JournalError;
use crate::tokens::Denied;

/// The codes of the exchange API (design, section 7). Their texts never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Not JSON.
    MalformedJson,
    /// Not well-formed XML.
    MalformedXml,
    /// Not well-formed: an ANSI/NIST-ITL transaction.
    MalformedNist,
    /// An XML document with a document type.
    DoctypeRefused,
    /// Not UTF-8.
    EncodingRefused,
    /// Neither a header key nor an event number.
    IdempotencyKeyMissing,
    /// A header key was used with other bytes.
    IdempotencyKeyReused,
    /// Too many bytes.
    TooLarge,
    /// The body stopped, or came too slowly.
    TooSlow,
    /// Too deep, or too many keys.
    TooDeep,
    /// Against the native or the shared schema, or a header that is not what it must be.
    SchemaInvalid,
    /// The mapping could not carry it.
    MappingFailed,
    /// A JSON object with one key twice.
    DuplicateKey,
    /// U+0000.
    NulCharacter,
    /// A character that XML 1.0 cannot carry.
    CharacterNotPortable,
    /// An Aadhaar number where a national id stands.
    AadhaarNumber,
    /// An attachment that was not uploaded first.
    AttachmentMissing,
    /// Uploaded bytes with another digest.
    DigestMismatch,
    /// Another version is the newest.
    RecordChanged,
    /// No valid token.
    Unauthenticated,
    /// The token or the system's registration does not allow it.
    NotAllowed,
    /// The sending office is not the system's.
    OfficeNotYours,
    /// Nothing there for this caller.
    NotFound,
    /// No such record kind.
    KindUnknown,
    /// Another media type is due.
    MediaTypeUnsupported,
    /// Too many requests.
    RateLimited,
    /// Too much work at once.
    Overloaded,
    /// The disk is full.
    StorageFull,
    /// A cursor of somebody else, of another filter, or changed.
    CursorInvalid,
    /// An outcome that contradicts an earlier one.
    OutcomeConflict,
}

/// Every code, for tables and documents.
pub const CODES: [Code; 30] = [
    Code::MalformedJson,
    Code::MalformedXml,
    Code::MalformedNist,
    Code::DoctypeRefused,
    Code::EncodingRefused,
    Code::IdempotencyKeyMissing,
    Code::IdempotencyKeyReused,
    Code::TooLarge,
    Code::TooSlow,
    Code::TooDeep,
    Code::SchemaInvalid,
    Code::MappingFailed,
    Code::DuplicateKey,
    Code::NulCharacter,
    Code::CharacterNotPortable,
    Code::AadhaarNumber,
    Code::AttachmentMissing,
    Code::DigestMismatch,
    Code::RecordChanged,
    Code::Unauthenticated,
    Code::NotAllowed,
    Code::OfficeNotYours,
    Code::NotFound,
    Code::KindUnknown,
    Code::MediaTypeUnsupported,
    Code::RateLimited,
    Code::Overloaded,
    Code::StorageFull,
    Code::CursorInvalid,
    Code::OutcomeConflict,
];

impl Code {
    /// Its text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedJson => "malformed-json",
            Self::MalformedXml => "malformed-xml",
            Self::MalformedNist => "malformed-nist",
            Self::DoctypeRefused => "doctype-refused",
            Self::EncodingRefused => "encoding-refused",
            Self::IdempotencyKeyMissing => "idempotency-key-missing",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::TooDeep => "too-deep",
            Self::SchemaInvalid => "schema-invalid",
            Self::MappingFailed => "mapping-failed",
            Self::DuplicateKey => "duplicate-key",
            Self::NulCharacter => "nul-character",
            Self::CharacterNotPortable => "character-not-portable",
            Self::AadhaarNumber => "aadhaar-number",
            Self::AttachmentMissing => "attachment-missing",
            Self::DigestMismatch => "digest-mismatch",
            Self::RecordChanged => "record-changed",
            Self::Unauthenticated => "unauthenticated",
            Self::NotAllowed => "not-allowed",
            Self::OfficeNotYours => "office-not-yours",
            Self::NotFound => "not-found",
            Self::KindUnknown => "kind-unknown",
            Self::MediaTypeUnsupported => "media-type-unsupported",
            Self::RateLimited => "rate-limited",
            Self::Overloaded => "overloaded",
            Self::StorageFull => "storage-full",
            Self::CursorInvalid => "cursor-invalid",
            Self::OutcomeConflict => "outcome-conflict",
        }
    }

    /// The code of that text.
    pub fn parse(text: &str) -> Option<Self> {
        CODES.into_iter().find(|code| code.as_str() == text)
    }

    /// The sender can mend it: such refusals are remembered. The others pass by themselves.
    pub const fn is_the_senders(self) -> bool {
        !matches!(
            self,
            Self::RateLimited | Self::Overloaded | Self::StorageFull | Self::Unauthenticated | Self::TooSlow
        )
    }
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its stable code.
    pub code: Code,
    /// What is wrong and what to do about it, in one or two sentences.
    pub detail: String,
    /// Every violation, at its place in the document as sent.
    pub violations: Vec<Violation>,
    /// The message that the refusal is about (`record-changed`: the one to replace).
    pub message: Option<MessageId>,
    /// Seconds after which trying again may help.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// With a code and words.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), violations: Vec::new(), message: None, retry_after: None }
    }

    /// With every violation; the detail counts them.
    pub fn of(code: Code, violations: Vec<Violation>) -> Self {
        let detail = match violations.as_slice() {
            [] => "the document is refused".to_owned(),
            [only] => only.message.clone(),
            all => format!("{} things are wrong; `errors` lists them all", all.len()),
        };
        Self { code, detail, violations, message: None, retry_after: None }
    }

    /// A header line that is missing or not what it must be.
    pub fn header(name: &str, rule: &str, message: impl Into<String>) -> Self {
        let violation = Violation {
            pointer: format!("header {name}"),
            rule: rule.to_owned(),
            message: message.into(),
            ..Violation::default()
        };
        Self::of(Code::SchemaInvalid, vec![violation])
    }
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        // A codec that names a code of its own making is answered as a record that its schema refuses.
        Self::of(Code::parse(unreadable.code).unwrap_or(Code::SchemaInvalid), unreadable.violations)
    }
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Self {
        let code = Code::parse(shut.code).unwrap_or(Code::SchemaInvalid);
        if shut.violations.is_empty() { Self::new(code, shut.detail) } else { Self::of(code, shut.violations) }
    }
}

impl From<JournalError> for Refusal {
    fn from(error: JournalError) -> Self {
        let code = if matches!(error, JournalError::Full) { Code::StorageFull } else { Code::Overloaded };
        if code == Code::Overloaded {
            // Nothing that a sender does leads here: it belongs in the operator's log.
            tracing::error!(error = %error, "the journal could not do what it was asked");
        }
        let detail = match code {
            Code::StorageFull => {
                "the gateway's disk is full, which its operators see in their log; nothing was accepted that was not \
                 answered: send it again with the same key once there is room"
            }
            _ => "nothing was accepted that was not answered; send it again with the same key",
        };
        Self { retry_after: Some(5), ..Self::new(code, detail) }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::new(Code::Unauthenticated, denied.to_string())
    }
}
