//! One leaf of the evidence log, in the form that is fixed for ever: canonical JSON (sorted keys, no spaces), hashed as in
//! RFC 6962. A leaf shows that something happened and to which bytes, and nothing of what they say: the bytes
//! are named by an HMAC under the record's own key, which is erased with the record.

use crate::clock::Timestamp;
use crate::identifiers::{DeliveryId, MessageId};
use crate::seal;

/// The version of the leaf's form.
pub const VERSION: u32 = 1;

/// What a leaf says.
#[derive(Clone, Debug)]
pub struct Leaf<'a> {
    /// What happened: `accepted`, or the state that a delivery came to, such as `delivered`.
    pub event: &'a str,
    /// To which message.
    pub message: MessageId,
    /// To which delivery of it, or (of an outcome) about which delivery.
    pub delivery: Option<DeliveryId>,
    /// The record's kind.
    pub kind: &'a str,
    /// The office that did it: the sender at acceptance, the receiver afterwards.
    pub office: &'a str,
    /// When, in the gateway's time.
    pub at: Timestamp,
    /// HMAC-SHA256 under the record's data key of the SHA-256 of the bytes, where bytes are concerned.
    pub mac: Option<[u8; 32]>,
}

impl Leaf<'_> {
    /// The leaf's bytes: what is hashed, kept and shown.
    pub fn canonical(&self) -> Vec<u8> {
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let delivery = self.delivery.map(|id| format!("\"delivery\":\"{id}\",")).unwrap_or_default();
        let mac = self.mac.map(|mac| format!("\"mac\":\"{}\",", seal::hex(&mac))).unwrap_or_default();
        format!(
            "{{{delivery}\"event\":{},\"kind\":{},{mac}\"message\":\"{}\",\"office\":{},\"time\":{},\"version\":{VERSION}}}",
            text(self.event),
            text(self.kind),
            self.message,
            text(self.office),
            self.at.millis(),
        )
        .into_bytes()
    }
}

/// What a leaf says of something done that is no record: a refusal, a reading, an order of an administrator.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    /// What was done, such as `refused`, `read` or `revised`.
    pub event: &'a str,
    /// The row that says it in full: its table, then what names it there, with `/` between.
    pub row: &'a str,
    /// The system that did it or to which it was done; people are named in the row only.
    pub system: Option<&'a str>,
    /// When, in the gateway's time.
    pub at: Timestamp,
    /// HMAC-SHA256 of the row's digest, under a key of the store.
    pub mac: [u8; 32],
}

impl Act<'_> {
    /// The leaf's bytes: what is hashed, kept and shown.
    pub fn canonical(&self) -> Vec<u8> {
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let system = self.system.map(|system| format!("\"system\":{},", text(system))).unwrap_or_default();
        let (event, mac, row, at) = (text(self.event), seal::hex(&self.mac), text(self.row), self.at.millis());
        format!("{{\"event\":{event},\"mac\":\"{mac}\",\"row\":{row},{system}\"time\":{at},\"version\":{VERSION}}}")
            .into_bytes()
    }

    /// Event, row and MAC of such a leaf.
    pub fn read(body: &[u8]) -> Option<(String, String, Vec<u8>)> {
        let tree: serde_json::Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| tree.get(name)?.as_str().map(str::to_owned);
        Some((text("event")?, text("row")?, seal::unhex(&text("mac")?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_json_with_sorted_keys_and_no_spaces() {
        let message = MessageId::from_bytes([7; 16]);
        let leaf = Leaf {
            event: "delivered",
            message,
            delivery: Some(message.delivery(2)),
            kind: "charge-sheet",
            office: "court:DLCT01/\"3\"",
            at: Timestamp::from_millis(1_790_000_000_000),
            mac: Some([1; 32]),
        };
        let bytes = leaf.canonical();
        let tree: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let keys: Vec<&String> = tree.as_object().unwrap().keys().collect();
        assert!(keys.is_sorted());
        assert_eq!(tree.to_string().into_bytes(), bytes);
        assert_eq!(tree["office"], "court:DLCT01/\"3\"");
        for system in [None, Some("police-wb")] {
            let at = Timestamp::from_millis(1_790_000_000_000);
            let bytes = Act { event: "read", row: "reading/7", system, at, mac: [2; 32] }.canonical();
            let tree: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let keys: Vec<&String> = tree.as_object().unwrap().keys().collect();
            assert!(keys.is_sorted());
            assert_eq!(tree.to_string().into_bytes(), bytes);
            assert_eq!(Act::read(&bytes), Some(("read".to_owned(), "reading/7".to_owned(), vec![2; 32])));
        }
    }
}
