//! What administrators read of messages and deliveries, as JSON: heads, states, reasons and receivers' words, never a body.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::journal::{DeliveryView, MessageView};
use crate::seal::hex;

/// A message with its deliveries.
pub fn message(view: &MessageView) -> Value {
    let head = &view.head;
    json!({
        "id": head.id.to_string(),
        "kind": head.kind,
        "action": head.action,
        "system": head.system,
        "office": head.office,
        "replaces": head.replaces.map(|id| id.to_string()),
        "replaced_by": head.replaced_by.map(|id| id.to_string()),
        "cases": head.cases,
        "sha256": hex(&head.digest),
        "media_type": head.media_type,
        "accepted_at": time(head.accepted_at),
        "revision": head.revision,
        "attachments": head.attachments.iter().map(|digest| hex(digest)).collect::<Vec<_>>(),
        "about": head.about.map(|id| id.to_string()),
        "event": head.event,
        "warnings": view.stored.warnings,
        "leaf_index": view.stored.leaf_index,
        "deliveries": view.deliveries.iter().map(delivery).collect::<Vec<_>>(),
    })
}

/// A delivery with the head of its message: one line of a work list.
pub fn listed(view: &MessageView, delivered: &DeliveryView) -> Value {
    let mut line = delivery(delivered);
    if let Some(fields) = line.as_object_mut() {
        let head = &view.head;
        fields.insert("message".to_owned(), json!(head.id.to_string()));
        fields.insert("kind".to_owned(), json!(head.kind));
        fields.insert("from".to_owned(), json!({"system": head.system, "office": head.office}));
        fields.insert("cases".to_owned(), json!(head.cases));
        fields.insert("accepted_at".to_owned(), json!(time(head.accepted_at)));
        // What receivers said is for whoever looks at the message: that is noted.
        fields.remove("outcomes");
    }
    line
}

fn delivery(view: &DeliveryView) -> Value {
    json!({
        "id": view.id.to_string(),
        "office": view.office,
        "system": view.system,
        "how": view.how,
        "action": view.action,
        "lane": view.lane,
        "state": view.state,
        "reason": view.code,
        "why": view.why,
        "attempts": view.attempts,
        "due": view.due.map(time),
        "settled_at": view.settled_at.map(time),
        "note": view.note,
        "withheld": view.withheld,
        "entitlement": view.entitlement,
        "lost": view.lost,
        "outcomes": view.outcomes,
    })
}

fn time(at: Timestamp) -> String {
    at.to_string()
}
