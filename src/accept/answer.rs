//! The answer that the sender gets: derived from what was stored, so that a replay gets the same one, byte for byte.

use serde::Serialize;
use serde_json::Value;

use super::Desk;
use super::refuse::{Code, Refusal};
use crate::journal::{Appended, Digest, Stored, StoredDelivery};
use crate::seal;

/// An accepted record, answered.
#[derive(Debug)]
pub struct Accepted {
    /// What was stored, now or when it came first.
    pub stored: Stored,
    /// Its receipt.
    pub receipt: String,
    /// It had been accepted before.
    pub replayed: bool,
}

/// The body of the 202.
#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    id: &'a str,
    kind: &'a str,
    status: &'a str,
    cases: &'a [String],
    deliveries: &'a [StoredDelivery],
    warnings: &'a [Value],
    receipt: &'a str,
    links: Links,
}

#[derive(Debug, Serialize)]
struct Links {
    #[serde(rename = "self")]
    itself: String,
    outcomes: String,
    schema: String,
}

impl Accepted {
    /// Where its state can be read.
    pub fn location(&self) -> String {
        format!("/v1/messages/{}", self.stored.id)
    }

    /// What is told to the sender.
    pub fn answer(&self) -> Answer<'_> {
        let stored = &self.stored;
        Answer {
            id: &stored.id,
            kind: &stored.kind,
            status: &stored.status,
            cases: &stored.cases,
            deliveries: &stored.deliveries,
            warnings: &stored.warnings,
            receipt: &self.receipt,
            links: Links {
                itself: self.location(),
                outcomes: "/v1/feed?kind=outcome".to_owned(),
                schema: format!("/v1/schemas/{}", stored.kind),
            },
        }
    }
}

/// Judges what the journal did.
pub fn answer(desk: &Desk, appended: Appended) -> Result<Accepted, Refusal> {
    let (stored, replayed) = match appended {
        Appended::New(stored) => (stored, false),
        Appended::Replayed(stored) => (stored, true),
        other => return Err(refused(other)),
    };
    let receipt = desk.receipt(&stored);
    Ok(Accepted { stored, receipt, replayed })
}

fn refused(appended: Appended) -> Refusal {
    match appended {
        Appended::KeyReused => {
            let detail = "this `Idempotency-Key` was used for other bytes; a new record needs a new key";
            Refusal::new(Code::IdempotencyKeyReused, detail)
        }
        Appended::RecordChanged(newest) => Refusal {
            message: Some(newest),
            ..Refusal::new(
                Code::RecordChanged,
                format!(
                    "this record is known in another version; to change it send `Icjs-Action: correct` with \
                     `Icjs-Replaces: {newest}`"
                ),
            )
        },
        Appended::ReplacesUnknown => {
            Refusal::new(Code::NotFound, "`Icjs-Replaces` names a message that this system has not sent")
        }
        Appended::AttachmentsMissing(digests) => missing(&digests),
        Appended::Overloaded => Refusal {
            retry_after: Some(5),
            ..Refusal::new(Code::Overloaded, "more deliveries are open than this gateway takes; send it again later")
        },
        // These were answered by the caller; a journal that says otherwise is told apart from them by its words.
        Appended::New(_) | Appended::Replayed(_) | Appended::Crossed => {
            Refusal::new(Code::Overloaded, "send it again with the same key")
        }
    }
}

fn missing(digests: &[Digest]) -> Refusal {
    let violations = digests.iter().map(|digest| icjs_kit::Violation {
        pointer: format!("attachment {}", seal::hex(digest)),
        rule: "attachment-missing".to_owned(),
        message: format!("upload it first: `PUT /v1/attachments/{}`", seal::hex(digest)),
        ..icjs_kit::Violation::default()
    });
    Refusal::of(Code::AttachmentMissing, violations.collect())
}
