//! The token endpoint (RFC 6749 section 4.4, client authentication by RFC 7523) and the gateway's public keys.
//! Every assertion is single-use: its id is spent in the journal before a token is given. Read `tokens` for what is checked.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::access::certificate;
use super::request;
use super::{Exchange, answer};
use crate::accept::Refusal;
use crate::evidence::receipt;
use crate::tokens::NoToken;

/// Bytes of a token request at most: an assertion and a scope.
const FORM_BYTES: usize = 32 * 1024;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// Send it as `Authorization: Bearer ...`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// What it allows.
    scope: String,
}

/// Why there is none (RFC 6749 section 5.2).
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenError {
    /// `invalid_request`, `invalid_client`, `unsupported_grant_type`, `invalid_scope`.
    error: String,
    /// What to do about it.
    error_description: &'static str,
}

/// The form of a token request, for the documents.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "shows the shape; the form is read pair by pair")]
pub struct TokenRequest {
    /// `client_credentials`.
    grant_type: String,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: String,
    /// A JWT signed with your key: `iss` = `sub` = your name, `aud` = this URL, a new `jti`, `exp` within five minutes.
    client_assertion: String,
    /// Your name; may be left out, and is the one in the assertion otherwise.
    client_id: Option<String>,
    /// Only these scopes, parted by spaces; all that you have when not said.
    scope: Option<String>,
}

/// Get an access token.
///
/// Client credentials with `private_key_jwt` (EdDSA, ES256, PS256; RS256 where the registered key says so).
#[utoipa::path(post, path = "/oauth2/token", tag = "tokens", security(()),
    request_body(content_type = "application/x-www-form-urlencoded", content = TokenRequest),
    responses(
        (status = 200, description = "A token for ten minutes at most; `expires_in` says how long", body = Token),
        (status = 400, description = "The request is not complete, or asks for what you do not have", body = TokenError),
        (status = 401, description = "The assertion proves no registered client, or was used before", body = TokenError),
        (status = 408, description = "The body stopped, or came too slowly", body = super::problem::Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = super::problem::Problem, content_type = "application/problem+json"),
        (status = 415, description = "Packed in a way that is not taken here", body = super::problem::Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many calls", body = super::problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = super::problem::Problem, content_type = "application/problem+json")))]
pub async fn token(State(exchange): State<Arc<Exchange>>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = request::body(&exchange.desk.settings, &parts.headers, body, FORM_BYTES).await?;
    // Only now: whoever drips his form is nobody that is known yet, and must take no place from those who are.
    let _place = exchange.place()?;
    match give(&exchange, &bytes, certificate(&parts.extensions).as_deref()).await? {
        Ok(token) => Ok(uncached(answer(StatusCode::OK, &token))),
        Err(none) => Ok(uncached(refused(none))),
    }
}

async fn give(exchange: &Exchange, form: &[u8], certificate: Option<&str>) -> Result<Result<Token, NoToken>, Refusal> {
    let Asked { assertion, scope, client } = match read(form) {
        Ok(asked) => asked,
        Err(none) => return Ok(Err(none)),
    };
    let revision = exchange.desk.live.newest();
    exchange.tokens.foresee(&assertion, &revision.systems, exchange.desk.clock.moment()).await;
    let now = exchange.desk.clock.moment();
    let proven = match exchange.tokens.prove(&assertion, &revision.systems, now) {
        Ok(proven) => proven,
        Err(none) => return Ok(Err(none)),
    };
    if client.is_some_and(|client| client != proven.system) {
        return Ok(Err(NoToken::Client));
    }
    let rate = exchange.desk.settings.rates.tokens_per_second;
    exchange.limits.admit(&format!("token {}", proven.system), rate, rate).1?;
    if !exchange.journal().spend(&proven.single_use, proven.until).await? {
        return Ok(Err(NoToken::Client));
    }
    let Some(system) = revision.systems.get(&proven.system) else { return Ok(Err(NoToken::Client)) };
    let issued = exchange.tokens.issue(&proven, system, scope.as_deref(), certificate, now.wall);
    Ok(issued.map(|(access_token, scope)| Token {
        access_token,
        token_type: "Bearer",
        expires_in: exchange.tokens.life().as_secs(),
        scope,
    }))
}

/// What a form asks for.
struct Asked {
    assertion: String,
    scope: Option<String>,
    /// Who asks: where it is said, it is who the assertion says (RFC 7521 section 4.2).
    client: Option<String>,
}

/// Reads a form. A parameter that stands twice is refused (RFC 6749 section 3.2).
fn read(form: &[u8]) -> Result<Asked, NoToken> {
    let form = std::str::from_utf8(form).map_err(|_| NoToken::Request)?;
    let pairs = request::pairs(form);
    let one = |name: &str| {
        let mut values = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone());
        let first = values.next();
        if values.next().is_some() { Err(NoToken::Request) } else { Ok(first) }
    };
    match one("grant_type")?.as_deref() {
        Some("client_credentials") => {}
        Some(_) => return Err(NoToken::Grant),
        None => return Err(NoToken::Request),
    }
    if one("client_assertion_type")?.as_deref() != Some(ASSERTION_TYPE) {
        return Err(NoToken::Request);
    }
    let assertion = one("client_assertion")?.ok_or(NoToken::Request)?;
    let some = |name| Ok(one(name)?.filter(|text| !text.is_empty()));
    Ok(Asked { assertion, scope: some("scope")?, client: some("client_id")? })
}

fn refused(none: NoToken) -> Response {
    let (status, description) = match none {
        NoToken::Request => (
            StatusCode::BAD_REQUEST,
            "send grant_type=client_credentials, client_assertion_type and client_assertion, each once, as a form",
        ),
        NoToken::Grant => (StatusCode::BAD_REQUEST, "the grant here is client_credentials"),
        NoToken::Scope => (StatusCode::BAD_REQUEST, "a scope was asked for that this system does not have"),
        NoToken::Client => (
            StatusCode::UNAUTHORIZED,
            "the assertion must be signed by a registered key, with iss = sub = your system's name, aud = this gateway's \
             URL, a jti never used before, and exp within five minutes",
        ),
    };
    crate::telemetry::refused("unauthenticated");
    answer(status, &TokenError { error: none.to_string(), error_description: description })
}

/// Tokens are for one reader (RFC 6749 section 5.1).
fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The gateway's public keys: receipts, tokens, webhooks. Published for ever.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "tokens", security(()),
    responses((status = 200, description = "JSON Web Key Set (RFC 7517)", body = Value)))]
pub async fn jwks(State(exchange): State<Arc<Exchange>>) -> Response {
    let keys = &exchange.desk.keys;
    let all: Vec<Value> = [&keys.receipts, &keys.tokens, &keys.webhook].into_iter().map(receipt::jwk).collect();
    answer(StatusCode::OK, &json!({"keys": all}))
}
