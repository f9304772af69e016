//! Receipts, as whoever got one checks them: a compact JWS (RFC 7515) of a gateway over what it accepted, verified with the
//! published keys (`/.well-known/jwks.json`) and nothing else. It says nothing of what a record means.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{sha256, verifies};

/// The `typ` of a receipt.
pub const TYP: &str = "icjs-receipt+jwt";

/// What a receipt says, in the order in which it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Message id.
    pub jti: String,
    /// Record kind.
    pub kind: String,
    /// Sending system.
    pub sub: String,
    /// Sending office.
    pub office: String,
    /// SHA-256 of the bytes as received, hex.
    pub sha256: String,
    /// When the gateway accepted it: seconds since the epoch.
    pub iat: i64,
    /// The same moment to the millisecond, RFC 3339.
    pub accepted_at: String,
    /// When it happened, as the record said; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    /// Index of its leaf in the evidence log.
    pub leaf_index: u64,
}

/// Why a receipt proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// Not a compact JWS of three parts with a header of the right type.
    #[error("this is no receipt: a receipt is one line of three parts, of type `{TYP}`")]
    Form,
    /// The key that it names is not among those given.
    #[error("the key that signed it is not among the keys given")]
    Key,
    /// Changed after it was signed.
    #[error("the signature does not fit: it was changed, or another key signed it")]
    Signature,
    /// The bytes are not those of the receipt.
    #[error("the record's bytes are not those that the receipt was given for")]
    Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
    kid: String,
}

/// Checks a receipt against a JSON Web Key Set (RFC 7517), and against the record's bytes where they are given.
pub fn verify(receipt: &str, jwks: &Value, record: Option<&[u8]>) -> Result<Claims, NotProven> {
    let claims: Claims = serde_json::from_slice(&claims_of(receipt, TYP, jwks)?).map_err(|_| NotProven::Form)?;
    match record {
        Some(bytes) if hex(&sha256(&[bytes])) != claims.sha256 => Err(NotProven::Bytes),
        _ => Ok(claims),
    }
}

/// The claims of a compact JWS of a type of the gateway's, as bytes, its signature checked.
pub fn claims_of(jws: &str, typ: &str, jwks: &Value) -> Result<Vec<u8>, NotProven> {
    let (signed, signature) = jws.trim().rsplit_once('.').ok_or(NotProven::Form)?;
    let (header, claims) = signed.split_once('.').ok_or(NotProven::Form)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| NotProven::Form);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| NotProven::Form)?;
    if header.typ != typ || header.alg != "EdDSA" {
        return Err(NotProven::Form);
    }
    let public = public_key(jwks, &header.kid).ok_or(NotProven::Key)?;
    if !verifies(&public, signed.as_bytes(), &decode(signature)?) {
        return Err(NotProven::Signature);
    }
    decode(claims)
}

fn public_key(jwks: &Value, kid: &str) -> Option<[u8; 32]> {
    let keys = jwks.get("keys")?.as_array()?;
    let key = keys.iter().find(|key| key.get("kid").and_then(Value::as_str) == Some(kid))?;
    let curve = key.get("crv").and_then(Value::as_str);
    let x = key.get("x").and_then(Value::as_str).filter(|_| curve == Some("Ed25519"))?;
    URL_SAFE_NO_PAD.decode(x).ok()?.try_into().ok()
}

/// The receipt itself, also out of a whole answer (its member `receipt`) or a JSON string.
pub fn compact(text: &str) -> String {
    let answer: Option<Value> = serde_json::from_str(text).ok();
    let inside = answer.as_ref().and_then(|answer| answer.get("receipt")).and_then(Value::as_str);
    inside.unwrap_or(text).trim().trim_matches('"').to_owned()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
