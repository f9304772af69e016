//! The exchange API: what the other systems' programmers see (design, section 4). Here HTTP becomes calls of `accept` and of
//! the journal, and refusals become problems; no decision about a record is made in this folder.
//! Read `records` for the way in, `feed` and `outcomes` for the way out, `problem` for what bad input gets.

pub mod problem;
pub mod access;
mod actor;
mod readings;
pub mod calls;
pub mod request;
pub mod records;
pub mod turns;
pub mod batches;
pub mod cursor;
pub mod feed;
pub mod outcomes;
pub mod messages;
pub mod cases;
mod allowance;
mod books;
pub mod attachments;
mod held;
pub mod folder;
pub mod model;
pub mod token;
pub mod openapi;
pub mod docs;
pub mod asyncapi;
pub mod ops;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accept::{Code, Desk, Refusal};
use crate::clock::Clock;
use crate::config::Settings;
use crate::evidence::log::EvidenceLog;
use crate::journal::uploads::Uploads;
use crate::journal::{Digest, Journal, marks};
use crate::keys::Keys;
use crate::live::Live;
use crate::readers::Readers;
use crate::seal::MacKey;
use crate::tokens::Tokens;

/// Requests that are worked on at once; more are told to come back. Each holds a body and a place in the writer's queue.
const IN_FLIGHT: usize = 2048;
/// Bulk records that are worked on at once, over all batches: enough to fill a commit, few enough to stand in nobody's way.
const BULK: usize = 16;
/// While more live requests than this are at work, bulk stands back ...
const LIVE_BUSY: usize = 8;
/// ... for so long before each record, so that it goes on even then.
const STAND_BACK: std::time::Duration = std::time::Duration::from_millis(50);

/// Everything that the calls need, built once by the gateway.
pub struct Exchange {
    /// Where records are accepted.
    pub desk: Desk,
    /// Issues and checks access tokens.
    pub tokens: Tokens,
    uploads: Arc<Uploads>,
    /// Uploads in parts that are being written at this moment: one writer each.
    writing: Mutex<HashSet<(String, Digest)>>,
    /// Uploads get their rows one after another: each sees what the one before it named.
    naming: tokio::sync::Mutex<()>,
    /// What systems have uploaded that no record names.
    allowances: allowance::Allowances,
    limits: access::Limiters,
    places: Semaphore,
    /// Who looks at how much.
    pub readers: Arc<Readers>,
    /// Bulk records at work, over all batches.
    bulk: Arc<Semaphore>,
    cursors: MacKey,
    log: EvidenceLog,
    stopping: watch::Receiver<bool>,
    pages: docs::Pages,
}

/// What the exchange is built from.
pub struct Parts {
    /// The journal.
    pub journal: Arc<dyn Journal>,
    /// The live revision.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The gateway's keys.
    pub keys: Arc<Keys>,
    /// This node's options.
    pub settings: Arc<Settings>,
    /// The files of attachments.
    pub uploads: Arc<Uploads>,
    /// The gateway's URLs: the first is its name in tokens, all are taken in assertions.
    pub urls: Vec<String>,
    /// Becomes true when the gateway stops: waiting feed pages are answered at once.
    pub stopping: watch::Receiver<bool>,
}

impl Exchange {
    /// Built once.
    pub fn new(parts: Parts) -> Arc<Self> {
        let cursors = parts.keys.store.derive("feed cursors");
        let marks = marks(&parts.keys.store);
        let tokens = Tokens::new(Arc::clone(&parts.keys), parts.urls, parts.settings.tokens);
        let log = EvidenceLog::new(Arc::clone(&parts.journal));
        Arc::new(Self {
            tokens,
            desk: Desk::new(
                parts.journal,
                parts.live,
                parts.clock,
                parts.keys,
                parts.settings,
                Arc::clone(&parts.uploads),
            ),
            uploads: parts.uploads,
            writing: Mutex::default(),
            naming: tokio::sync::Mutex::default(),
            allowances: allowance::Allowances::default(),
            limits: access::Limiters::default(),
            places: Semaphore::new(IN_FLIGHT),
            bulk: Arc::new(Semaphore::new(BULK)),
            readers: Arc::new(Readers::new(marks)),
            cursors,
            log,
            stopping: parts.stopping,
            pages: docs::Pages::new(&described()),
        })
    }

    fn journal(&self) -> &dyn Journal {
        self.desk.journal.as_ref()
    }

    /// A place for one bulk record, once live requests leave room. `None` while the gateway stops.
    async fn bulk_place(&self) -> Option<OwnedSemaphorePermit> {
        let began = tokio::time::Instant::now();
        while IN_FLIGHT - self.places.available_permits() > LIVE_BUSY && began.elapsed() < STAND_BACK {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        Arc::clone(&self.bulk).acquire_owned().await.ok()
    }

    /// The turn to write one upload in parts; held until it is dropped.
    fn turn(&self, system: &str, digest: &Digest) -> Result<Turn<'_>, Refusal> {
        let key = (system.to_owned(), *digest);
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if writing.insert(key.clone()) {
            return Ok(Turn { exchange: self, key });
        }
        let detail = "another request writes a part of this attachment; wait for its answer";
        Err(Refusal { retry_after: Some(1), ..Refusal::new(Code::Overloaded, detail) })
    }
}

/// The turn to write one upload in parts.
struct Turn<'a> {
    exchange: &'a Exchange,
    key: (String, Digest),
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.exchange.writing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Every call, documented where it is served: a route that is not in `/openapi.json` cannot be written here.
fn routes() -> OpenApiRouter<Arc<Exchange>> {
    OpenApiRouter::with_openapi(openapi::about())
        .routes(routes!(records::submit))
        .routes(routes!(records::validate))
        .routes(routes!(batches::batch))
        .routes(routes!(messages::message))
        .routes(routes!(messages::messages))
        .routes(routes!(messages::proof))
        .routes(routes!(books::book))
        .routes(routes!(cases::case))
        .routes(routes!(feed::feed))
        .routes(routes!(outcomes::acknowledge))
        .routes(routes!(outcomes::outcome))
        .routes(routes!(attachments::put, attachments::patch, attachments::head, attachments::get))
        .routes(routes!(model::me))
        .routes(routes!(model::kinds))
        .routes(routes!(model::schema))
        .routes(routes!(model::example))
        .routes(routes!(model::codes))
        .routes(routes!(token::token))
        .routes(routes!(token::jwks))
        .routes(routes!(docs::openapi_json))
        .routes(routes!(docs::page))
        .routes(routes!(asyncapi::asyncapi_json))
}

/// The OpenAPI document of every call.
pub fn described() -> utoipa::openapi::OpenApi {
    let (_, document) = routes().split_for_parts();
    openapi::with_allowance(document)
}

/// The router of the listener `exchange`.
pub fn router(exchange: Arc<Exchange>) -> Router {
    let (router, _) = routes().split_for_parts();
    let noted = from_fn_with_state(Arc::clone(&exchange), calls::noted);
    router.fallback(no_such_path).method_not_allowed_fallback(no_such_method).layer(noted).with_state(exchange)
}

/// What the listener `admin` serves too: documents and keys, for people of this centre.
pub fn published(exchange: Arc<Exchange>) -> Router {
    let (router, _) = OpenApiRouter::<Arc<Exchange>>::new()
        .routes(routes!(token::jwks))
        .routes(routes!(docs::openapi_json))
        .routes(routes!(docs::page))
        .routes(routes!(asyncapi::asyncapi_json))
        .split_for_parts();
    router.with_state(exchange)
}

async fn no_such_path() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such path here; `/docs` lists those that there are")
}

async fn no_such_method() -> Response {
    let mut answer = no_such_path().await.into_response();
    *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    answer
}

/// A JSON answer from text that is JSON already.
fn json(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// A JSON answer of a value made of texts, numbers and lists.
fn answer(status: StatusCode, value: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => json(status, body),
        Err(error) => {
            tracing::error!(error = %error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
