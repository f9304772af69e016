//! `/asyncapi.json`: what receivers get, by push and by feed, in the words of AsyncAPI 3.0. The attributes are those of
//! `envelope`; the data of each kind is its schema, which the receiver asks for in its own form.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{Exchange, answer};
use crate::outcome;

/// Push and feed, for machines (AsyncAPI 3.0).
#[utoipa::path(get, path = "/asyncapi.json", tag = "documents", security(()),
    responses((status = 200, description = "AsyncAPI 3.0", body = Value)))]
pub async fn asyncapi_json(State(exchange): State<Arc<Exchange>>) -> Response {
    let revision = exchange.desk.live.newest();
    let kinds: Vec<(&str, &str)> = revision
        .kinds
        .values()
        .map(|kind| (kind.name.as_str(), kind.title.0.as_str()))
        .chain([(outcome::KIND, "What a receiver said about a record that you sent")])
        .collect();
    answer(StatusCode::OK, &document(exchange.tokens.issuer(), &kinds))
}

fn document(url: &str, kinds: &[(&str, &str)]) -> Value {
    let messages: Map<String, Value> = kinds
        .iter()
        .map(|(kind, title)| {
            let message = json!({
                "name": format!("in.icjs.{kind}.v1"),
                "title": title,
                "contentType": "application/cloudevents+json",
                "headers": {"$ref": "#/components/schemas/attributes"},
                "payload": {"$ref": format!("{url}/v1/schemas/{kind}")},
            });
            ((*kind).to_owned(), message)
        })
        .collect();
    let named: Map<String, Value> = kinds
        .iter()
        .map(|(kind, _)| ((*kind).to_owned(), json!({"$ref": format!("#/components/messages/{kind}")})))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {"title": "icjs push and feed", "version": env!("CARGO_PKG_VERSION")},
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "feed": {"address": "/v1/feed", "title": "Pulled by the receiver; liberty first, then the rest, in position order",
                     "messages": named},
            "push": {"address": "the receiver's own URL", "title": "CloudEvents binary mode, signed by Standard Webhooks",
                     "messages": named},
        },
        "operations": {
            "pull": {"action": "send", "channel": {"$ref": "#/channels/feed"}},
            "push": {"action": "send", "channel": {"$ref": "#/channels/push"}},
        },
        "components": {"messages": messages, "schemas": {"attributes": attributes()}},
    })
}

fn attributes() -> Value {
    let text = |words: &str| json!({"type": "string", "description": words});
    let texts = |words: &str| json!({"type": "array", "items": {"type": "string"}, "description": words});
    json!({
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "icjsmessage", "icjsaction", "icjswithheld"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text("delivery id: the same for ever, your key against doing a thing twice"),
            "source": text("sending system and office"),
            "type": text("in.icjs.<kind>.v1"),
            "subject": text("case key"),
            "time": text("acceptance, RFC 3339"),
            "datacontenttype": text("media type of the data"),
            "dataschema": text("where its schema is"),
            "icjsmessage": text("message id"),
            "icjsoffice": text("your office that it is for"),
            "icjsaction": {"enum": ["new", "correct", "withdraw"]},
            "icjsreplaces": text("message id of the version that it replaces and that this office has"),
            "icjsabout": text("of an outcome: the delivery that it answers"),
            "icjswithheld": texts("shared paths that the sharing rule keeps from you"),
            "icjslost": texts("shared paths that your format cannot carry"),
            "icjsafter": texts("earlier liberty deliveries of the person or case that are unsettled with you"),
            "icjsovertakenby": texts("later liberty deliveries that went ahead of this one"),
            "icjsattachments": {"type": "array", "items": {"type": "object"}},
            "icjscursor": text("in a feed: the place after this item"),
        },
    })
}
