//! A system signs for its officer: a compact JWS in `Icjs-Actor`, checked as client assertions are. The algorithm follows the
//! registered key, no header of it makes this trust anything, and whatever is wrong with one is answered in the same words.

use serde::Deserialize;

use super::{Audience, LEEWAY_SECONDS, MAX_TOKEN_BYTES, Tokens, strict, unadorned};
use crate::clock::Moment;
use crate::config::System;
use crate::officers::Officer;

/// `typ` of such a JWS: nothing else that the same key signs, an assertion least of all, is taken for one.
const TYP: &str = "icjs-actor+jwt";
/// A claim lives no longer than a shift.
const LONGEST_SECONDS: i64 = 12 * 3600;

/// The claims. Numbers are whole.
#[derive(Deserialize)]
struct ActorClaims {
    /// The system.
    iss: String,
    /// The officer's id.
    sub: String,
    aud: Audience,
    iat: i64,
    nbf: Option<i64>,
    exp: i64,
    designation: String,
    office: Option<String>,
}

/// Whether a header looks like a signed claim rather than a name in plain, whatever is in it. A name has a `;`.
pub fn looks_signed(text: &str) -> bool {
    !text.contains(';') && text.matches('.').count() == 2
}

impl Tokens {
    /// The officer that `system` has signed for; `None` for whatever is wrong.
    pub fn officer(&self, claim: &str, system: &System, now: Moment) -> Option<Officer> {
        if claim.len() > MAX_TOKEN_BYTES || !strict(claim) {
            return None;
        }
        let header = jsonwebtoken::decode_header(claim).ok()?;
        if header.typ.as_deref() != Some(TYP) || !unadorned(&header) {
            return None;
        }
        let (keys, _) = self.keys_of(system, now);
        let claims: ActorClaims = keys
            .iter()
            .filter(|key| header.kid.is_none() || key.id.is_none() || header.kid == key.id)
            .find_map(|key| key.verify(claim))?;
        let (Audience::One(audience) | Audience::List([audience])) = &claims.aud;
        let here = self.urls.iter().any(|url| url == audience);
        if !here || claims.iss != system.name || !timely(&claims, now.wall.seconds()) {
            return None;
        }
        let officer = Officer::new(&claims.sub, &claims.designation, claims.office.as_deref()).ok()?;
        officer.office().is_none_or(|office| system.offices.contains(office)).then_some(officer)
    }
}

/// Begun, not over, and no longer than a shift as a whole.
fn timely(claims: &ActorClaims, now: i64) -> bool {
    let begun = |at: i64| at <= now.saturating_add(LEEWAY_SECONDS);
    let life = claims.exp.saturating_sub(claims.iat);
    let alive = claims.exp > now.saturating_sub(LEEWAY_SECONDS) && (1..=LONGEST_SECONDS).contains(&life);
    alive && begun(claims.iat) && claims.nbf.is_none_or(begun)
}
