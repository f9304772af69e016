//! The receipt that a sender gets with the 202: a compact JWS over what was stored, derived after the commit.
//! It follows from the stored row and the key alone, so the same message has the same receipt for ever, byte for byte.
//! Verification needs the published keys (`/.well-known/jwks.json`) and no network. It says nothing of what a record means.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use icjs_proof::receipt::{Claims, NotProven, TYP, compact, verify};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::journal::Stored;
use crate::seal::SigningKey;

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
    use crate::seal;

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
