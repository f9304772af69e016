//! Signatures over pushes, after Standard Webhooks: `v1a` (Ed25519) always, `v1` (HMAC-SHA256) where a secret is set.
//! Signed is `<webhook-id>.<webhook-timestamp>.<body>`; the header lists the signatures with a space between.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Timestamp;
use crate::seal::{MacKey, SigningKey};

/// The value of `webhook-signature`.
pub fn signatures(key: &SigningKey, secret: Option<&[u8]>, id: &str, at: Timestamp, body: &[u8]) -> String {
    let mut signed = format!("{id}.{}.", at.seconds()).into_bytes();
    signed.extend_from_slice(body);
    let mut value = format!("v1a,{}", STANDARD.encode(key.sign(&signed)));
    if let Some(secret) = secret {
        value.push_str(" v1,");
        value.push_str(&STANDARD.encode(MacKey::new(secret).mac(&signed)));
    }
    value
}
