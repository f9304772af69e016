//! What stands on the outside of a delivered record: the CloudEvents 1.0 attributes, the same for a push and a feed item.
//! One list, so that a receiver reads one vocabulary whichever way it gets its records. Pure; the body is not its concern.

use serde_json::{Map, Value};

use crate::identifiers::{DeliveryId, OfficeId};
use crate::journal::{Action, FeedItem, Frozen, Lease, MessageHead};
use crate::outcome;

/// One delivery, seen from outside.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// For which of the receiver's offices.
    pub office: &'a OfficeId,
    /// What the office gets: new, a correction, a withdrawal.
    pub action: Action,
    /// The message.
    pub message: &'a MessageHead,
    /// The frozen bytes' own attributes.
    pub frozen: &'a Frozen,
    /// Liberty messages of the same person or case that are still unsettled there.
    pub after: &'a [DeliveryId],
    /// Liberty messages that overtook this one.
    pub overtaken_by: &'a [DeliveryId],
}

impl<'a> From<&'a FeedItem> for Envelope<'a> {
    fn from(item: &'a FeedItem) -> Self {
        Self {
            delivery: item.delivery,
            office: &item.office,
            action: item.action,
            message: &item.message,
            frozen: &item.frozen,
            after: &item.after,
            overtaken_by: &item.overtaken_by,
        }
    }
}

impl<'a> Envelope<'a> {
    /// Of a delivery that a worker holds.
    pub fn of_lease(lease: &'a Lease, frozen: &'a Frozen) -> Self {
        Self {
            delivery: lease.token.delivery,
            office: &lease.office,
            action: lease.action,
            message: &lease.message,
            frozen,
            after: &lease.after,
            overtaken_by: &lease.overtaken_by,
        }
    }

    /// Every attribute but the data: texts, and lists of texts (a push joins them with commas). Absent ones are left out.
    pub fn attributes(&self) -> Map<String, Value> {
        let head = self.message;
        let mut all = Map::new();
        let mut put = |name: &str, value: String| {
            all.insert(name.to_owned(), Value::String(value));
        };
        put("specversion", "1.0".to_owned());
        put("id", self.delivery.to_string());
        put("source", format!("/systems/{}/offices/{}", head.system, head.office));
        put("type", format!("in.icjs.{}.v1", head.kind));
        if let Some(case) = head.cases.first() {
            put("subject", case.to_string());
        }
        put("time", head.accepted_at.to_string());
        put("datacontenttype", self.frozen.media_type.clone());
        put("dataschema", format!("/v1/schemas/{}", head.kind));
        put("icjsmessage", head.id.to_string());
        put("icjsoffice", self.office.to_string());
        put("icjsaction", action(self.action).to_owned());
        if let Some(replaces) = head.replaces {
            put("icjsreplaces", replaces.to_string());
        }
        if let (outcome::KIND, Some(about)) = (head.kind.as_str(), head.about) {
            put("icjsabout", about.to_string());
        }
        // Always there, also when empty: a receiver must be able to see that nothing was kept from it.
        all.insert("icjswithheld".to_owned(), texts(&self.frozen.withheld));
        for (name, list) in [
            ("icjslost", texts(&self.frozen.lost)),
            ("icjsafter", texts(self.after)),
            ("icjsovertakenby", texts(self.overtaken_by)),
        ] {
            if list.as_array().is_some_and(|items| !items.is_empty()) {
                all.insert(name.to_owned(), list);
            }
        }
        all
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::New => "new",
        Action::Correct => "correct",
        Action::Withdraw => "withdraw",
    }
}

fn texts(items: &[impl ToString]) -> Value {
    Value::Array(items.iter().map(|item| Value::String(item.to_string())).collect())
}
