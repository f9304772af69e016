//! The receipt that a sender gets with the 202: a compact JWS over what was stored, derived after the commit.
//! It follows from the stored row and the key alone, so the same message has the same receipt for ever, byte for byte.
//! Verification needs the published keys (`/.well-known/jwks.json`) and no network. It says nothing of what a record means.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::journal::Stored;
use crate::seal::{self, SigningKey};

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
    #[error("the key that signed this receipt is not among the keys given")]
    Key,
    /// Changed after it was signed.
    #[error("the signature does not fit: the receipt was changed, or another key signed it")]
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

/// Signs receipts with one key.
#[derive(Debug)]
pub struct Signer {
    header: String,
}

impl Signer {
    /// For one key.
    pub fn new(key: &SigningKey) -> Self {
        Self { header: URL_SAFE_NO_PAD.encode(format!(r#"{{"typ":"{TYP}","alg":"EdDSA","kid":"{}"}}"#, key.id())) }
    }

    /// The receipt of a stored message.
    pub fn sign(&self, stored: &Stored, key: &SigningKey) -> String {
        // Texts and numbers only: writing them cannot fail.
        let claims = serde_json::to_vec(&claims(stored)).unwrap_or_default();
        key.jws(&self.header, &claims)
    }
}

fn claims(stored: &Stored) -> Claims {
    let accepted = Timestamp::from_millis(stored.accepted_at);
    Claims {
        jti: stored.id.clone(),
        kind: stored.kind.clone(),
        sub: stored.system.clone(),
        office: stored.office.clone(),
        sha256: stored.sha256.clone(),
        iat: accepted.seconds(),
        accepted_at: accepted.to_string(),
        occurred_at: stored.occurred_at.map(|at| Timestamp::from_millis(at).to_string()),
        leaf_index: stored.leaf_index,
    }
}

/// Checks a receipt against a JSON Web Key Set (RFC 7517), and against the record's bytes where they are given.
pub fn verify(receipt: &str, jwks: &Value, record: Option<&[u8]>) -> Result<Claims, NotProven> {
    let (signed, signature) = receipt.trim().rsplit_once('.').ok_or(NotProven::Form)?;
    let (header, claims) = signed.split_once('.').ok_or(NotProven::Form)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| NotProven::Form);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| NotProven::Form)?;
    if header.typ != TYP || header.alg != "EdDSA" {
        return Err(NotProven::Form);
    }
    let public = public_key(jwks, &header.kid).ok_or(NotProven::Key)?;
    if !seal::verify(&public, signed.as_bytes(), &decode(signature)?) {
        return Err(NotProven::Signature);
    }
    let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(|_| NotProven::Form)?;
    match record {
        Some(bytes) if seal::hex(&seal::sha256(bytes)) != claims.sha256 => Err(NotProven::Bytes),
        _ => Ok(claims),
    }
}

fn public_key(jwks: &Value, kid: &str) -> Option<Vec<u8>> {
    let keys = jwks.get("keys")?.as_array()?;
    let key = keys.iter().find(|key| key.get("kid").and_then(Value::as_str) == Some(kid))?;
    let curve = key.get("crv").and_then(Value::as_str);
    let x = key.get("x").and_then(Value::as_str).filter(|_| curve == Some("Ed25519"))?;
    URL_SAFE_NO_PAD.decode(x).ok()
}

/// A public key as it is published: one JSON Web Key (RFC 8037).
pub fn jwk(key: &SigningKey) -> Value {
    serde_json::json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "alg": "EdDSA",
        "kid": key.id(),
        "x": URL_SAFE_NO_PAD.encode(key.public()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Stored {
        Stored {
            id: "0193-1".to_owned(),
            kind: "charge-sheet".to_owned(),
            system: "cctns-dl".to_owned(),
            office: "ps:38101004".to_owned(),
            sha256: seal::hex(&seal::sha256(b"record")),
            accepted_at: 1_795_000_000_123,
            occurred_at: None,
            leaf_index: 7,
            key_id: String::new(),
            revision: 1,
            status: "open".to_owned(),
            cases: Vec::new(),
            deliveries: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_receipt_is_the_same_for_ever_and_proves_the_bytes() {
        let key = SigningKey::generate().unwrap();
        let signer = Signer::new(&key);
        let receipt = signer.sign(&stored(), &key);
        assert_eq!(receipt, Signer::new(&key).sign(&stored(), &key));
        let jwks = serde_json::json!({"keys": [jwk(&key)]});
        assert_eq!(verify(&receipt, &jwks, Some(b"record")).unwrap().leaf_index, 7);
        assert_eq!(verify(&receipt, &jwks, Some(b"other")), Err(NotProven::Bytes));
        let other = serde_json::json!({"keys": [jwk(&SigningKey::generate().unwrap())]});
        assert_eq!(verify(&receipt, &other, None), Err(NotProven::Key));
    }

    #[test]
    fn a_changed_receipt_proves_nothing() {
        let key = SigningKey::generate().unwrap();
        let receipt = Signer::new(&key).sign(&stored(), &key);
        let jwks = serde_json::json!({"keys": [jwk(&key)]});
        for place in 0..receipt.len() {
            let mut bytes = receipt.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            assert!(verify(std::str::from_utf8(&bytes).unwrap(), &jwks, None).is_err(), "place {place}");
        }
    }
}
