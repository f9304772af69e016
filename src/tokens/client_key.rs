//! A client's or an issuer's public key (RFC 7517), with the one algorithm that it is used with: what it is says which, never a
//! token's header.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::DeserializeOwned;

/// A registered key with the one algorithm that it is used with.
#[derive(Clone)]
pub(super) struct ClientKey {
    pub(super) id: Option<String>,
    pub(super) thumbprint: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl ClientKey {
    /// The claims, if this key signed them; times and audience are the caller's to judge.
    pub(super) fn verify<C: DeserializeOwned>(&self, assertion: &str) -> Option<C> {
        let mut validation = Validation::new(self.algorithm);
        // Times and audience are checked by `timely`, against the one clock; the library asks the machine's.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
        jsonwebtoken::decode(assertion, &self.key, &validation).ok().map(|token| token.claims)
    }
}

/// One that is not understood is passed over: it can verify nothing.
pub(super) fn client_key(json: &serde_json::Value) -> Option<ClientKey> {
    let jwk: Jwk = serde_json::from_value(json.clone()).ok()?;
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::RSA(key) if long_enough(&key.n) => match jwk.common.key_algorithm {
            Some(KeyAlgorithm::RS256) => Algorithm::RS256,
            Some(KeyAlgorithm::PS256) | None => Algorithm::PS256,
            Some(_) => return None,
        },
        _ => return None,
    };
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
    Some(ClientKey { id: jwk.common.key_id.clone(), thumbprint, algorithm, key: DecodingKey::from_jwk(&jwk).ok()? })
}

/// An RSA modulus of 2048 bits or more.
pub(super) fn long_enough(modulus: &str) -> bool {
    URL_SAFE_NO_PAD.decode(modulus).is_ok_and(|bytes| {
        let significant = bytes.iter().skip_while(|byte| **byte == 0).count();
        significant >= 256
    })
}
