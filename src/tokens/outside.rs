//! Access tokens of outside issuers (RFC 9068), as far as a system's file lets one speak for it. The file names the issuer, where
//! its keys are and what it calls the system; a token only says which of those it is from. What it allows is cut down to what
//! the system has here.

use jsonwebtoken::Header;
use serde::Deserialize;

use super::{
    Audience, Confirmation, Denied, LEEWAY_SECONDS, MAX_TOKEN_BYTES, Source, Systems, Tokens, Verified, scopes, strict,
    unadorned,
};
use crate::clock::Moment;
use crate::config::{Issuer, System};

/// The longest life of a token of an outside issuer: many give an hour.
const LONGEST_LIFE_SECONDS: i64 = 3600;
/// Bytes of a `jti` at most.
const LONGEST_ID: usize = 256;

/// Claims of an access token (RFC 9068 section 2.2). Others are the issuer's affair.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    client_id: String,
    sub: String,
    jti: String,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
    #[serde(default)]
    scope: String,
    cnf: Option<Confirmation>,
}

/// Who a token says that it is from and for: enough to choose whose keys are tried, and believed for nothing else.
#[derive(Deserialize)]
struct Named {
    iss: String,
    #[serde(default)]
    sub: String,
    client_id: Option<String>,
}

impl Tokens {
    /// Waits, a bounded time, for a published key that a token or an assertion names and that is not known yet. It changes
    /// nothing in what is judged afterwards, but a key that was changed a moment ago.
    pub async fn foresee(&self, shown: &str, systems: &Systems, now: Moment) {
        if shown.starts_with(&self.header) || shown.len() > MAX_TOKEN_BYTES || self.verified.contains_key(shown) {
            return;
        }
        let Ok(Header { kid: Some(id), .. }) = jsonwebtoken::decode_header(shown) else { return };
        let Ok(named) = jsonwebtoken::dangerous::insecure_decode_claims::<Named>(shown) else { return };
        let url = match &named.client_id {
            Some(client) => issued_to(systems, &named.iss, client).map(|(_, issuer)| issuer.jwks_url.as_str()),
            None => systems.get(&named.sub).and_then(|system| system.trust.jwks_url.as_deref()),
        };
        if let Some(url) = url {
            self.ring.expect(url, &id, now).await;
        }
    }

    /// Reads a token that is not ours: a plain header, a key that its issuer publishes, every claim.
    pub(super) fn open_outside(
        &self,
        token: &str,
        systems: &Systems,
        revision: u64,
        now: Moment,
    ) -> Result<Verified, Denied> {
        let good = token.len() <= MAX_TOKEN_BYTES && strict(token);
        let header = jsonwebtoken::decode_header(token).ok().filter(|header| good && expected(header));
        let id = header.and_then(|header| header.kid).ok_or(Denied::Invalid)?;
        let named: Named = jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| Denied::Invalid)?;
        let client = named.client_id.ok_or(Denied::Invalid)?;
        let (system, issuer) = issued_to(systems, &named.iss, &client).ok_or(Denied::Invalid)?;
        let published = self.ring.keys(&issuer.jwks_url, now).ok_or(Denied::Invalid)?;
        let mut keys = published.keys.iter().filter(|key| key.id.as_deref() == Some(&id));
        let claims: Claims = keys.find_map(|key| key.verify(token)).ok_or(Denied::Invalid)?;
        // What was verified says the same as what was looked up by: two readers of one text that differ would be a way in.
        let same = claims.iss == issuer.url && claims.client_id == issuer.client_id;
        if !(same && self.is_for_here(&claims) && timely(&claims, now.wall.seconds())) {
            return Err(Denied::Invalid);
        }
        let has = scopes(system);
        let scope = claims.scope.split(' ').filter(|one| has.iter().any(|own| own == one)).map(str::to_owned).collect();
        Ok(Verified {
            system: system.name.clone(),
            scope,
            key: String::new(),
            certificate: claims.cnf.map(|bound| bound.thumbprint),
            issued: claims.iat,
            expires: claims.exp,
            revision,
            source: Some(Source { url: issuer.jwks_url.clone(), digest: Some(published.digest) }),
        })
    }

    fn is_for_here(&self, claims: &Claims) -> bool {
        let (Audience::One(audience) | Audience::List([audience])) = &claims.aud;
        let id = !claims.jti.is_empty() && claims.jti.len() <= LONGEST_ID;
        self.urls.contains(audience) && id && !claims.sub.is_empty()
    }
}

/// The system that an issuer calls so, and how it knows that issuer.
fn issued_to<'s>(systems: &'s Systems, iss: &str, client: &str) -> Option<(&'s System, &'s Issuer)> {
    let known = systems.values().filter_map(|system| Some((system, system.trust.issuer.as_ref()?)));
    known.into_iter().find(|(_, issuer)| issuer.url == iss && issuer.client_id == client)
}

/// The type of an access token, and nothing that would change what is verified, or by what.
fn expected(header: &Header) -> bool {
    let typ = header
        .typ
        .as_deref()
        .is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt"));
    typ && unadorned(header)
}

fn timely(claims: &Claims, now: i64) -> bool {
    let life = claims.exp.saturating_sub(claims.iat);
    let begun = claims.nbf.is_none_or(|at| at <= now.saturating_add(LEEWAY_SECONDS));
    (1..=LONGEST_LIFE_SECONDS).contains(&life) && begun
}
