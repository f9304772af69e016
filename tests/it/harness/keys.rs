//! The parties' own keys: Ed25519 pairs made for one test, their public halves as JWKS, and the assertions they sign.
//! Written apart from the gateway's token code on purpose: it is what another country's programmer would write.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icjs::clock::{Clock, Timestamp, WallClock};
use serde_json::{Value, json};

/// One party's key pair.
#[derive(Debug)]
pub struct Key {
    pair: Ed25519KeyPair,
    /// PKCS#8, for the command line.
    document: Vec<u8>,
    kid: String,
}

impl Key {
    /// A new pair under a key id.
    pub fn new(kid: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        Self { pair, document: document.as_ref().to_vec(), kid: kid.to_owned() }
    }

    /// Another hand with the same key.
    pub fn again(&self) -> Self {
        let pair = Ed25519KeyPair::from_pkcs8(&self.document).unwrap();
        Self { pair, document: self.document.clone(), kid: self.kid.clone() }
    }

    /// Its key id.
    pub fn id(&self) -> &str {
        &self.kid
    }

    /// The private half, as `icjs --key` reads it.
    pub fn pem(&self) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(&self.document);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    /// The public half (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "alg": "EdDSA", "use": "sig", "x": x}]})
    }

    /// A compact JWS over any header and claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The same over any text, also such as no `Value` can be.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// A client assertion (RFC 7523) for one system, good for a minute, for one use.
    pub fn assertion(&self, system: &str, audience: &str) -> String {
        self.assertion_at(system, audience, 0)
    }

    /// The same by a clock that is so many milliseconds ahead.
    pub fn assertion_at(&self, system: &str, audience: &str, ahead: i64) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = Timestamp::from_millis(WallClock.now().millis() + ahead);
        let jti = format!("{}-{}-{}", now.millis(), std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let claims = json!({"iss": system, "sub": system, "aud": audience, "jti": jti,
            "iat": now.seconds(), "nbf": now.seconds() - 1, "exp": now.seconds() + 60});
        self.sign(&json!({"alg": "EdDSA", "typ": "JWT", "kid": self.kid}), &claims)
    }
}

/// The claims of a compact JWS, unchecked.
pub fn claims(jws: &str) -> Value {
    let part = jws.split('.').nth(1).unwrap_or_default();
    URL_SAFE_NO_PAD
        .decode(part)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_else(|| panic!("no JWS: {jws}"))
}
