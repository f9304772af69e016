//! A system's private key and what it is used for: proving who asks for a token (RFC 7523, `private_key_jwt`).
//! Keys are read from files, never from arguments. The gateway's side of this is `tokens`.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::client::{Answer, Call, Client, NoAnswer};
use super::exit::{Exit, Failure, file_failure};
use super::folder::GatewayFolder;
use crate::clock::Timestamp;
use crate::seal::{self, SigningKey};

/// How long an assertion is good for, in seconds.
const ASSERTION_SECONDS: i64 = 120;

/// A system that can prove who it is.
#[derive(Debug)]
pub struct Credentials {
    /// The system's name, its `client_id`.
    pub system: String,
    key: SigningKey,
}

impl Credentials {
    /// With this key.
    pub fn new(system: &str, key: SigningKey) -> Self {
        Self { system: system.to_owned(), key }
    }

    /// Reads the key of `system` from `key_file`, else from `keys/dev/<system>.pem` of the folder.
    pub fn read(dir: &GatewayFolder, system: &str, key_file: Option<&Path>) -> Result<Self, Failure> {
        let development = dir.file(&format!("keys/dev/{system}.pem"));
        let path: PathBuf = key_file.map_or(development, Path::to_path_buf);
        if key_file.is_none() && !path.exists() {
            dir.require()?;
            let known = development_systems(dir).join(", ");
            return Err(Failure::new(
                Exit::NoInput,
                format!("there is no key for the system `{system}` in `{}`", dir.file("keys/dev").display()),
                format!("name one of: {known}; or give the file of its private key with --key"),
            ));
        }
        let pem = std::fs::read_to_string(&path).map_err(|error| file_failure(&path, &error))?;
        let key = SigningKey::from_pem(&pem).map_err(|_| {
            let shown = path.display();
            Failure::new(
                Exit::Refused,
                format!("`{shown}` is no Ed25519 private key in PEM (PKCS#8)"),
                "check the file",
            )
        })?;
        Ok(Self::new(system, key))
    }

    /// A signed assertion for the gateway named `audience`, good for two minutes and one use.
    pub fn assertion(&self, audience: &str, now: Timestamp) -> Result<String, Failure> {
        let unique: [u8; 16] =
            seal::random().map_err(|error| Failure::new(Exit::TryLater, error.to_string(), "try again"))?;
        // No `kid`: whoever registered the key may have named it otherwise, and all keys of a system are tried then.
        let head = json!({ "alg": "EdDSA", "typ": "JWT" });
        let claims = json!({ "iss": self.system, "sub": self.system, "aud": audience, "jti": seal::hex(&unique),
            "iat": now.seconds(), "nbf": now.seconds() - 5, "exp": now.seconds() + ASSERTION_SECONDS });
        let signed = format!("{}.{}", encoded(&head), encoded(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
        Ok(format!("{signed}.{signature}"))
    }

    /// The call that asks for an access token.
    pub fn token_call(&self, exchange: &str, now: Timestamp) -> Result<Call, Failure> {
        let url = format!("{exchange}/oauth2/token");
        let assertion = self.assertion(&url, now)?;
        let body = format!(
            "grant_type=client_credentials&client_id={}&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}",
            self.system
        );
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        Ok(Call { method: "POST", url, headers, body: body.into(), ..Call::default() })
    }

    /// Asks the gateway for an access token; the whole answer (RFC 6749 section 5.1).
    pub async fn token(
        &self,
        client: &Client,
        exchange: &str,
        now: Timestamp,
    ) -> Result<Result<Answer, NoAnswer>, Failure> {
        Ok(client.call(self.token_call(exchange, now)?).await)
    }

    /// The public half as a JSON Web Key Set (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> Value {
        let public = URL_SAFE_NO_PAD.encode(self.key.public());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": public, "kid": self.key.id(), "use": "sig", "alg": "EdDSA" }] })
    }
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The systems whose development keys lie in the folder.
fn development_systems(dir: &GatewayFolder) -> Vec<String> {
    let entries = std::fs::read_dir(dir.file("keys/dev")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".pem").map(str::to_owned));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
