//! What an alert says to people and machines: rule, subject, times, and what the order orders. Never a body, never a name or
//! an identifier of a person.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::config::Revision;
use crate::identifiers::DeliveryId;
use crate::journal::{Alert, Journal, JournalError};

/// What the order of an alert's delivery orders, such as "Release order"; nothing for other kinds.
pub async fn about(journal: &dyn Journal, revision: &Revision, alert: &Alert) -> Result<Option<String>, JournalError> {
    let id = alert.subject.name.strip_prefix("delivery/").and_then(DeliveryId::parse);
    let Some(id) = id else { return Ok(None) };
    let payload = match journal.payload(id.message()).await {
        Ok(payload) => payload,
        // An alert about a record that cannot be read is an alert all the same.
        Err(JournalError::Damaged(_)) => None,
        Err(error) => return Err(error),
    };
    let shared = payload.and_then(|payload| serde_json::from_slice::<Value>(&payload.shared).ok());
    Ok(shared.and_then(|shared| revision.ordered(&alert.subject.kind, &shared)))
}

/// An alert as JSON, without who has seen it.
pub fn shown(alert: &Alert, order: Option<&str>) -> Value {
    let subject = &alert.subject;
    let delivery = subject.name.strip_prefix("delivery/").and_then(DeliveryId::parse);
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "number": alert.number,
        "rule": alert.rule,
        "cause": alert.cause,
        "subject": subject.name,
        "delivery": delivery.map(|id| id.to_string()),
        "message": delivery.map(|id| id.message().to_string()),
        "system": some(&subject.system),
        "office": some(&subject.office),
        "kind": some(&subject.kind),
        "order": order,
        "code": subject.code,
        "since": time(subject.since),
        "first_at": time(alert.first_at),
        "last_at": time(alert.last_at),
        "times": alert.times,
        "ended_at": alert.ended_at.map(time),
        "open": alert.ended_at.is_none(),
    })
}

fn time(at: Timestamp) -> String {
    at.to_string()
}
