//! Tokens against what the world sends: every way of being wrong is answered alike, and only the right one opens.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

use super::client_key::long_enough;
use super::*;
use crate::config::SystemLimits;
use crate::config::officers::Officers;
use crate::seal::SigningKey;

const NOW: i64 = 1_795_000_000;
const URL: &str = "https://gateway.example";

fn system(keys: Value) -> System {
    System {
        name: "cctns-dl".to_owned(),
        adapter: "cctns".to_owned(),
        pillar: "police".to_owned(),
        offices: Vec::new(),
        send: vec!["fir".to_owned()],
        receive: Vec::new(),
        jwks: json!({ "keys": keys }),
        trust: crate::config::Trust::default(),
        push: None,
        folder: None,
        officers: Officers::default(),
        seals_aadhaar: false,
        limits: SystemLimits { per_second: 10, in_flight: 1, ..SystemLimits::default() },
    }
}

fn systems(keys: Value) -> Systems {
    [("cctns-dl".to_owned(), system(keys))].into()
}

fn tokens() -> (tempfile::TempDir, Tokens) {
    let dir = tempfile::tempdir().unwrap();
    let keys = Arc::new(Keys::open(dir.path()).unwrap());
    (dir, Tokens::new(keys, vec![URL.to_owned(), "http://127.0.0.1:8080".to_owned()], Settings::default()))
}

fn now() -> Moment {
    Moment { wall: Timestamp::from_millis(NOW * 1000), steady: Duration::from_secs(1) }
}

fn claims() -> Value {
    json!({"iss": "cctns-dl", "sub": "cctns-dl", "aud": format!("{URL}/oauth2/token"), "jti": "1",
           "iat": NOW, "nbf": NOW, "exp": NOW + 60})
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn signed(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let text = unsigned(header, claims);
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes())))
}

fn okp(key: &SigningKey) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": URL_SAFE_NO_PAD.encode(key.public())})
}

#[test]
fn a_registered_key_proves_its_client_and_gets_a_token_that_opens() {
    let (_dir, tokens) = tokens();
    let key = SigningKey::generate().unwrap();
    let known = systems(json!([okp(&key)]));
    let assertion = signed(&json!({"alg": "EdDSA", "kid": "k1"}), &claims(), &key);
    let proven = tokens.prove(&assertion, &known, now()).unwrap();
    assert_eq!(proven.system, "cctns-dl");
    let (token, scope) = tokens.issue(&proven, &known["cctns-dl"], None, None, now().wall).unwrap();
    assert_eq!(scope, "send:fir receive read search");
    let verified = tokens.open(&token, &known, 3, now()).unwrap();
    assert_eq!((verified.system.as_str(), verified.revision, verified.expires), ("cctns-dl", 3, NOW + 600));
    assert_eq!(
        tokens.issue(&proven, &known["cctns-dl"], Some("send:order"), None, now().wall).unwrap_err(),
        NoToken::Scope
    );
    // The key is withdrawn: the token that was given for it opens nothing any more.
    let other = systems(json!([okp(&SigningKey::generate().unwrap())]));
    assert_eq!(tokens.open(&token, &other, 4, now()), Err(Denied::Invalid));
}

#[test]
fn a_changed_token_opens_nothing() {
    let (_dir, tokens) = tokens();
    let key = SigningKey::generate().unwrap();
    let known = systems(json!([okp(&key)]));
    let proven = tokens.prove(&signed(&json!({"alg": "EdDSA"}), &claims(), &key), &known, now()).unwrap();
    let (token, _) = tokens.issue(&proven, &known["cctns-dl"], None, None, now().wall).unwrap();
    for place in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        assert!(tokens.open(std::str::from_utf8(&bytes).unwrap(), &known, 1, now()).is_err(), "place {place}");
    }
    let body = token.split('.').nth(1).unwrap();
    for header in [json!({"alg": "none"}), json!({"alg": "HS256"}), json!({"typ": "JWT", "alg": "EdDSA"})] {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        assert!(tokens.open(&format!("{header}.{body}."), &known, 1, now()).is_err());
        // Signed by the right key, and still no access token: the header is not ours.
        let odd = tokens.keys.tokens.jws(&header, &URL_SAFE_NO_PAD.decode(body).unwrap());
        assert!(tokens.open(&odd, &known, 1, now()).is_err());
    }
}

#[test]
fn every_wrong_assertion_is_answered_alike() {
    let (_dir, tokens) = tokens();
    let key = SigningKey::generate().unwrap();
    let known = systems(json!([okp(&key)]));
    let good = json!({"alg": "EdDSA", "kid": "k1"});
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let mut wrong = vec![
        with("aud", json!("https://elsewhere.example")),
        with("aud", json!(format!("{URL}/oauth2/token/evil"))),
        with("aud", json!([URL, "https://elsewhere.example"])),
        with("aud", json!([])),
        with("iss", json!("somebody")),
        with("iss", json!("cctns-dl.evil")),
        with("sub", json!("nobody")),
        with("exp", json!(NOW - 11)),
        with("exp", json!(NOW + 3600)),
        with("exp", json!(1e300)),
        with("exp", json!(NOW as f64 + 60.5)),
        with("exp", json!((NOW + 60).to_string())),
        with("nbf", json!(NOW + 11)),
        with("iat", json!(NOW + 11)),
        with("jti", json!("")),
        with("jti", json!("x".repeat(300))),
    ];
    wrong.extend(["iss", "sub", "aud", "exp", "jti"].map(without));
    for claims in wrong {
        let refused = tokens.prove(&signed(&good, &claims, &key), &known, now());
        assert_eq!(refused, Err(NoToken::Client), "{claims}");
    }
    let attacker = SigningKey::generate().unwrap();
    let headers = [
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": "HS256", "kid": "k1"}),
        json!({"alg": "ES256", "kid": "k1"}),
        json!({"alg": "EdDSA", "kid": "../../k1"}),
        json!({"alg": "EdDSA", "kid": "k1' OR '1'='1"}),
        json!({"alg": "EdDSA", "typ": "at+jwt"}),
        json!({"alg": "EdDSA", "crit": ["exp"]}),
        json!({"alg": "EdDSA", "b64": false}),
        json!({"alg": "EdDSA", "jku": "https://evil.example/jwks.json"}),
        json!({"alg": "EdDSA", "x5u": "https://evil.example/x5u"}),
        json!({"alg": "EdDSA", "jwk": okp(&attacker)}),
    ];
    for header in headers {
        assert_eq!(tokens.prove(&signed(&header, &claims(), &key), &known, now()), Err(NoToken::Client), "{header}");
        assert_eq!(tokens.prove(&signed(&header, &claims(), &attacker), &known, now()), Err(NoToken::Client));
    }
    let text = unsigned(&good, &claims());
    for broken in [format!("{text}."), format!("{text}.AAAA"), text, "...".to_owned(), String::new()] {
        assert_eq!(tokens.prove(&broken, &known, now()), Err(NoToken::Client));
    }
    // The public key as an HMAC secret: the oldest trick.
    let hmac = unsigned(&json!({"alg": "HS256", "kid": "k1"}), &claims());
    let mac = seal::MacKey::new(&key.public()).mac(hmac.as_bytes());
    let forged = format!("{hmac}.{}", URL_SAFE_NO_PAD.encode(mac));
    assert_eq!(tokens.prove(&forged, &known, now()), Err(NoToken::Client));
}

#[test]
fn an_elliptic_key_is_used_with_es256_only() {
    let (_dir, tokens) = tokens();
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let known = systems(json!([{"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(&public[1..33]),
                                "y": URL_SAFE_NO_PAD.encode(&public[33..])}]));
    let text = unsigned(&json!({"alg": "ES256"}), &claims());
    let signature = pair.sign(&random, text.as_bytes()).unwrap();
    let good = format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
    assert!(tokens.prove(&good, &known, now()).is_ok());
    // The same key's good signature, in the form of certificates (DER) rather than of tokens (RFC 7518 section 3.4).
    let der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref()).unwrap();
    let der = der.sign(&random, text.as_bytes()).unwrap();
    let der = format!("{text}.{}", URL_SAFE_NO_PAD.encode(der.as_ref()));
    assert_eq!(tokens.prove(&der, &known, now()), Err(NoToken::Client));
    // r = s = 0 (CVE-2022-21449).
    let zero = format!("{text}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
    assert_eq!(tokens.prove(&zero, &known, now()), Err(NoToken::Client));
}

#[test]
fn an_rsa_key_is_used_with_the_algorithm_it_is_registered_for_and_is_long_enough() {
    let (_dir, tokens) = tokens();
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public: RsaPublicKeyComponents<Vec<u8>> = pair.public_key().into();
    let jwk = |alg: Option<&str>| {
        let mut jwk =
            json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(&public.n), "e": URL_SAFE_NO_PAD.encode(&public.e)});
        if let Some(alg) = alg {
            jwk["alg"] = json!(alg);
        }
        systems(json!([jwk]))
    };
    let sign = |alg: &str, padding: &'static dyn RsaEncoding| {
        let text = unsigned(&json!({ "alg": alg }), &claims());
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let (pss, pkcs1) = (sign("PS256", &RSA_PSS_SHA256), sign("RS256", &RSA_PKCS1_SHA256));
    assert!(tokens.prove(&pss, &jwk(None), now()).is_ok());
    assert!(tokens.prove(&pss, &jwk(Some("PS256")), now()).is_ok());
    assert!(tokens.prove(&pkcs1, &jwk(Some("RS256")), now()).is_ok());
    assert_eq!(tokens.prove(&pkcs1, &jwk(None), now()), Err(NoToken::Client));
    assert_eq!(tokens.prove(&pss, &jwk(Some("RS256")), now()), Err(NoToken::Client));
    assert!(!long_enough(&URL_SAFE_NO_PAD.encode([0xff; 128])), "1024 bits");
    let mut padded = vec![0; 128];
    padded.extend([0xff; 128]);
    assert!(!long_enough(&URL_SAFE_NO_PAD.encode(padded)), "zeros in front make no key longer");
}
