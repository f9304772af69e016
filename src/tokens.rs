//! Who is speaking: client assertions (`private_key_jwt`) are exchanged for short access tokens, and every call shows one.
//! The one door to the JWT library. The algorithm follows the registered key, never the header; no header of a token makes
//! this fetch or trust anything. Keys come from the live revision, or from an address that stands there (`ring`), so a key that
//! is removed stops its tokens at once. Tokens of issuers that a system's file names open the same doors (`outside`).

pub mod ring;
mod outside;
mod actor;
mod client_key;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client_key::{ClientKey, client_key};
use jsonwebtoken::Header;
use ring::Ring;
use serde::{Deserialize, Serialize};

use crate::clock::{Moment, Timestamp};
use crate::config::settings::Tokens as Settings;
use crate::config::{Revision, System};
use crate::doors;
use crate::identifiers::SystemName;
use crate::keys::Keys;
use crate::live::Live;
use crate::seal;

pub use actor::looks_signed;

/// An access token lives no longer than this, whatever the settings say (RFC 9068 tokens cannot be called back).
pub const LONGEST_LIFE: Duration = Duration::from_secs(600);
/// How far in the future an assertion may expire: it is used at once, and its id is remembered until then.
const ASSERTION_LIFE_SECONDS: i64 = 300;
/// Clocks of other machines may differ by so much.
const LEEWAY_SECONDS: i64 = 10;
/// Bytes of an assertion or a token at most.
const MAX_TOKEN_BYTES: usize = 8192;

/// The systems of a revision, by name.
type Systems = BTreeMap<SystemName, System>;

/// Issues and checks access tokens.
#[derive(Debug)]
pub struct Tokens {
    keys: Arc<Keys>,
    /// The first is the issuer and the audience of the tokens; all are taken as audience of assertions.
    urls: Vec<String>,
    /// The one header that an access token may have, encoded.
    header: String,
    /// How long the tokens live.
    life: Duration,
    verified: moka::sync::Cache<Arc<str>, Arc<Verified>>,
    ring: Arc<Ring>,
}

/// Who calls, under which revision. Only this module makes one.
#[derive(Clone, Debug)]
pub struct Caller {
    revision: Arc<Revision>,
    verified: Arc<Verified>,
}

/// What an access token said once its signature was found good.
#[derive(Debug, PartialEq, Eq)]
struct Verified {
    system: SystemName,
    scope: Vec<String>,
    /// Thumbprint of the client's key that the token was given for.
    key: String,
    /// Thumbprint of the certificate that it is bound to.
    certificate: Option<String>,
    issued: i64,
    expires: i64,
    /// The revision under which system and key were seen to be registered.
    revision: u64,
    /// The published keys by which it is good.
    source: Option<Source>,
}

/// Published keys, as they were when a token was verified.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    url: String,
    /// `None`: there were none.
    digest: Option<[u8; 32]>,
}

/// Why a token opens nothing. All wrong tokens are answered in the same words: details would help an attacker only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// None was sent.
    #[error("no access token; get one from `POST /oauth2/token` and send it as `Authorization: Bearer <token>`")]
    Missing,
    /// Not ours, changed, or its system or key is registered no more.
    #[error("access token is not valid here; get a new one from `POST /oauth2/token`")]
    Invalid,
    /// It was good.
    #[error(
        "access token has expired; get a new one from `POST /oauth2/token`, whose `expires_in` says how long it lives"
    )]
    Expired,
}

/// Why no token is given, in the words of RFC 6749 section 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// A parameter is missing or doubled.
    #[error("invalid_request")]
    Request,
    /// The assertion does not prove a registered client.
    #[error("invalid_client")]
    Client,
    /// Another grant than `client_credentials`.
    #[error("unsupported_grant_type")]
    Grant,
    /// A scope that the system does not have.
    #[error("invalid_scope")]
    Scope,
}

/// An assertion that proved its client. Its id must be spent before a token is given.
#[derive(Debug, PartialEq, Eq)]
pub struct Proven {
    /// The client.
    pub system: SystemName,
    /// The assertion's id within all ids: client and `jti`.
    pub single_use: String,
    /// Until when the id must be remembered.
    pub until: Timestamp,
    /// Thumbprint of the key that signed.
    key: String,
}

/// Claims of an access token (RFC 9068), in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessClaims {
    iss: String,
    sub: String,
    client_id: String,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    scope: String,
    /// Thumbprint of the client's key: a key that is withdrawn takes its tokens with it.
    key: String,
    /// The certificate that it is bound to: of the connection on which it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
}

/// RFC 8705 section 3.1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    #[serde(rename = "x5t#S256")]
    thumbprint: String,
}

/// Claims of a client assertion (RFC 7523 section 3). Numbers are whole: `1e9` and `"1"` are refused.
#[derive(Deserialize)]
struct AssertionClaims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    jti: String,
}

/// One audience, alone or as the only one of a list: with several, another audience could use the assertion here.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    List([String; 1]),
}

impl Tokens {
    /// For a gateway that is reached under `urls`; the first is its name in tokens.
    pub fn new(keys: Arc<Keys>, urls: Vec<String>, settings: Settings) -> Self {
        let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, keys.tokens.id());
        let header = URL_SAFE_NO_PAD.encode(header);
        let verified = moka::sync::Cache::new(settings.cache as u64);
        let ring = Arc::new(Ring::new(settings));
        Self { keys, urls, header, life: settings.life.min(LONGEST_LIFE), verified, ring }
    }

    /// The keys that others publish: for who fetches them, and who says how that goes.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// How long an access token lives.
    pub fn life(&self) -> Duration {
        self.life
    }

    /// The gateway's own name: issuer and audience.
    pub fn issuer(&self) -> &str {
        self.urls.first().map_or("", String::as_str)
    }

    /// Who shows this `Authorization` header, on a connection with the client certificate of this thumbprint, or without one.
    /// A token is good with the certificate that it was given to, and one that was given to none is good with none.
    pub fn verify(
        &self,
        authorization: Option<&str>,
        certificate: Option<&str>,
        live: &Live,
        moment: Moment,
    ) -> Result<Caller, Denied> {
        let token = authorization.and_then(bearer).ok_or(Denied::Missing)?;
        let revision = live.newest();
        let verified = match self.verified.get(token) {
            Some(verified) if verified.revision == revision.number && self.is_current(&verified, moment) => verified,
            _ => {
                let verified = Arc::new(self.open(token, &revision.systems, revision.number, moment)?);
                self.verified.insert(Arc::from(token), Arc::clone(&verified));
                verified
            }
        };
        let own = revision.systems.get(&verified.system).is_some_and(|system| system.trust.takes(certificate));
        if verified.certificate.as_deref() != certificate || !own {
            return Err(Denied::Invalid);
        }
        let now = moment.wall;
        // Dated by this gateway's own clock: no leeway. Only where that was set back, a token is of a later time than now, and
        // would live longer than any may.
        let later = verified.issued > now.seconds().saturating_add(LEEWAY_SECONDS);
        if verified.expires <= now.seconds() || later {
            return Err(Denied::Expired);
        }
        Ok(Caller { revision, verified })
    }

    /// Whether the published keys by which a token was verified are what they were.
    fn is_current(&self, verified: &Verified, now: Moment) -> bool {
        let digest = |url: &str| self.ring.keys(url, now).map(|published| published.digest);
        verified.source.as_ref().is_none_or(|source| digest(&source.url) == source.digest)
    }

    /// Reads a token: exactly our header, our signature, every claim; with another header, one of an outside issuer.
    fn open(&self, token: &str, systems: &Systems, revision: u64, now: Moment) -> Result<Verified, Denied> {
        if token.split('.').next() != Some(self.header.as_str()) {
            return self.open_outside(token, systems, revision, now);
        }
        let claims = self.claims(token).ok_or(Denied::Invalid)?;
        let ours = claims.iss == self.issuer() && claims.aud == self.issuer() && claims.sub == claims.client_id;
        let life = claims.exp.saturating_sub(claims.iat);
        let timely = claims.nbf <= claims.exp && (0..=LONGEST_LIFE.as_secs().cast_signed()).contains(&life);
        let system = systems.get(&claims.sub).ok_or(Denied::Invalid)?;
        let (keys, source) = self.keys_of(system, now);
        let registered = keys.iter().any(|key| key.thumbprint == claims.key);
        if !(ours && timely && registered) {
            return Err(Denied::Invalid);
        }
        let scope = claims.scope.split(' ').map(str::to_owned).collect();
        Ok(Verified {
            system: claims.sub,
            scope,
            key: claims.key,
            certificate: claims.cnf.map(|bound| bound.thumbprint),
            issued: claims.iat,
            expires: claims.exp,
            revision,
            source,
        })
    }

    fn claims(&self, token: &str) -> Option<AccessClaims> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let good = header == self.header && seal::verify(&self.keys.tokens.public(), signed.as_bytes(), &signature);
        let claims = URL_SAFE_NO_PAD.decode(claims).ok().filter(|_| good)?;
        serde_json::from_slice(&claims).ok()
    }

    /// Checks a client assertion against the keys of the system that it names.
    pub fn prove(&self, assertion: &str, systems: &Systems, now: Moment) -> Result<Proven, NoToken> {
        if assertion.len() > MAX_TOKEN_BYTES {
            return Err(NoToken::Client);
        }
        if !strict(assertion) {
            return Err(NoToken::Client);
        }
        let header = jsonwebtoken::decode_header(assertion).map_err(|_| NoToken::Client)?;
        // The name only chooses whose keys are tried; it is believed after one of them has verified.
        let named: AssertionClaims =
            jsonwebtoken::dangerous::insecure_decode_claims(assertion).map_err(|_| NoToken::Client)?;
        let system = systems.get(&named.sub).ok_or(NoToken::Client)?;
        if !plain(&header) {
            return Err(NoToken::Client);
        }
        let (keys, _) = self.keys_of(system, now);
        let (key, claims) = keys
            .iter()
            .filter(|key| header.kid.is_none() || key.id.is_none() || header.kid == key.id)
            .find_map(|key| key.verify(assertion).map(|claims: AssertionClaims| (key.thumbprint.clone(), claims)))
            .ok_or(NoToken::Client)?;
        self.timely(&claims, now.wall)?;
        Ok(Proven {
            single_use: format!("{}\u{0}{}", claims.sub, claims.jti),
            until: Timestamp::from_millis(claims.exp.saturating_add(2 * LEEWAY_SECONDS).saturating_mul(1000)),
            system: claims.sub,
            key,
        })
    }

    fn timely(&self, claims: &AssertionClaims, now: Timestamp) -> Result<(), NoToken> {
        let (Audience::One(audience) | Audience::List([audience])) = &claims.aud;
        let here = self.urls.iter().any(|url| {
            audience == url || audience.strip_prefix(url.as_str()).is_some_and(|path| path == "/oauth2/token")
        });
        let now = now.seconds();
        let alive = claims.exp > now.saturating_sub(LEEWAY_SECONDS)
            && claims.exp <= now.saturating_add(ASSERTION_LIFE_SECONDS + LEEWAY_SECONDS);
        let begun = |at: Option<i64>| at.is_none_or(|at| at <= now.saturating_add(LEEWAY_SECONDS));
        let named = claims.iss == claims.sub && !claims.jti.is_empty() && claims.jti.len() <= 256;
        if here && alive && named && begun(claims.nbf) && begun(claims.iat) { Ok(()) } else { Err(NoToken::Client) }
    }

    /// An access token for a proven client, for the scopes asked (`None`: all that its system has), bound to the client
    /// certificate of this thumbprint if there is one; and those scopes.
    pub fn issue(
        &self,
        proven: &Proven,
        system: &System,
        asked: Option<&str>,
        certificate: Option<&str>,
        now: Timestamp,
    ) -> Result<(String, String), NoToken> {
        if !system.trust.takes(certificate) {
            return Err(NoToken::Client);
        }
        let all = scopes(system);
        let scope = match asked {
            None => all.join(" "),
            Some(asked) if asked.split(' ').all(|one| all.iter().any(|has| has == one)) => asked.to_owned(),
            Some(_) => return Err(NoToken::Scope),
        };
        let claims = AccessClaims {
            iss: self.issuer().to_owned(),
            sub: proven.system.clone(),
            client_id: proven.system.clone(),
            aud: self.issuer().to_owned(),
            iat: now.seconds(),
            nbf: now.seconds(),
            exp: now.after(self.life).seconds(),
            jti: seal::random::<16>().map(|bytes| seal::hex(&bytes)).map_err(|_| NoToken::Client)?,
            scope: scope.clone(),
            key: proven.key.clone(),
            cnf: certificate.map(|thumbprint| Confirmation { thumbprint: thumbprint.to_owned() }),
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| NoToken::Client)?;
        Ok((self.keys.tokens.jws(&self.header, &claims), scope))
    }
}

impl Tokens {
    /// The usable keys of a system: those of its file, and those that it publishes, with what they were taken from.
    fn keys_of(&self, system: &System, now: Moment) -> (Vec<ClientKey>, Option<Source>) {
        let mut keys: Vec<ClientKey> = ring::listed(&system.jwks).filter_map(client_key).collect();
        let source = system.trust.jwks_url.as_ref().map(|url| {
            let published = self.ring.keys(url, now);
            keys.extend(published.iter().flat_map(|published| published.keys.iter().cloned()));
            Source { url: url.clone(), digest: published.map(|published| published.digest) }
        });
        (keys, source)
    }

    /// The key ids under which a system's keys are known, for `/v1/me`.
    pub fn key_ids(&self, system: &System, now: Moment) -> Vec<String> {
        self.keys_of(system, now).0.into_iter().map(|key| key.id.unwrap_or(key.thumbprint)).collect()
    }
}

impl Caller {
    /// A system that is here itself: the gateway looks after its folder, so that no token passes. `None` where the revision
    /// has no such system.
    pub fn local(revision: Arc<Revision>, system: &str) -> Option<Self> {
        let registered = revision.systems.get(system)?;
        let verified = Verified {
            system: registered.name.clone(),
            scope: scopes(registered),
            key: String::new(),
            certificate: None,
            issued: 0,
            expires: i64::MAX,
            revision: revision.number,
            source: None,
        };
        Some(Self { revision, verified: Arc::new(verified) })
    }

    /// The revision that this call is answered under.
    pub fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }

    /// The calling system's name.
    pub fn name(&self) -> &str {
        &self.verified.system
    }

    /// The calling system. It was in this revision when the token was checked.
    pub fn system(&self) -> Result<&System, Denied> {
        self.revision.systems.get(&self.verified.system).ok_or(Denied::Invalid)
    }

    /// Whether the token carries a scope, such as `receive` or `send:charge-sheet`.
    pub fn may(&self, scope: &str) -> bool {
        self.verified.scope.iter().any(|has| has == scope)
    }

    /// Whether the token carries `send:<kind>`.
    pub fn may_send(&self, kind: &str) -> bool {
        self.verified.scope.iter().any(|has| has.strip_prefix("send:") == Some(kind))
    }
}

/// Every scope that a system may have.
pub fn scopes(system: &System) -> Vec<String> {
    let sends = system.send.iter().map(|kind| format!("send:{kind}"));
    sends.chain(["receive", "read", "search"].map(str::to_owned)).collect()
}

/// The token of an `Authorization` header.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Nothing in the header that would change what is verified, or by what.
fn plain(header: &Header) -> bool {
    let typ = header.typ.as_deref().is_none_or(|typ| matches!(typ, "JWT" | "client-authentication+jwt"));
    typ && unadorned(header)
}

/// No key or address of one, and nothing that must be understood first.
fn unadorned(header: &Header) -> bool {
    let keys = header.jku.is_none() && header.jwk.is_none() && header.x5u.is_none() && header.x5c.is_none();
    let odd = header.crit.is_some() || header.enc.is_some() || header.zip.is_some() || header.cty.is_some();
    keys && !odd && !header.extras.inner().contains_key("b64")
}

/// Header and claims are JSON that everybody reads the same way: a name that stands twice would be read as either.
fn strict(assertion: &str) -> bool {
    let limits = doors::json::limits(MAX_TOKEN_BYTES);
    assertion.split('.').take(2).all(|part| {
        let json = URL_SAFE_NO_PAD.decode(part);
        json.is_ok_and(|json| doors::json::read::<serde_json::Map<String, serde_json::Value>>(&json, &limits).is_ok())
    })
}

#[cfg(test)]
mod tests;
