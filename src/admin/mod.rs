//! The admin API: what people of this centre ask of a running gateway: configuration, work lists, orders over deliveries.
//! Loopback only, and only with the token from `data/admin.token`. Pages for machines are not here but in `exchange::ops`.
//! Whoever may read that file may do everything here; every change names who ordered it and why.

mod alerts;
mod cases;
mod configuration;
mod deliveries;
mod asked;
mod links;
mod problem;
mod readings;
mod view;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub use problem::Problem;

use crate::accept::Desk;
use crate::clock::Clock;
use crate::journal::Journal;
use crate::keys::write_secret;
use crate::live::Live;
use crate::revisions::Revisions;
use crate::seal::{self, SealError};

/// What the admin API needs; built once.
pub struct Admin {
    /// Where everything is.
    pub journal: Arc<dyn Journal>,
    /// The store's revisions.
    pub revisions: Arc<Revisions>,
    /// The configuration of the moment.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How a record is routed anew, for repairs.
    pub desk: Arc<Desk>,
    token: String,
}

impl Admin {
    /// With a token that nobody has seen yet.
    pub fn new(desk: Arc<Desk>, revisions: Arc<Revisions>) -> Result<Self, SealError> {
        let token = seal::hex(&seal::random::<32>()?);
        let (journal, live, clock) = (Arc::clone(&desk.journal), Arc::clone(&desk.live), Arc::clone(&desk.clock));
        Ok(Self { journal, revisions, live, clock, desk, token })
    }

    /// Writes the token for those who may read the folder's secrets.
    pub fn write_token(&self, path: &Path) -> std::io::Result<()> {
        write_secret(path, &self.token)
    }
}

/// Every call of the admin API. What the exchange publishes (documents, keys) is merged in by the gateway.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/admin/v1/revisions", get(configuration::history).post(configuration::apply))
        .route("/admin/v1/revisions/{number}", get(configuration::files))
        .route("/admin/v1/rollback", post(configuration::rollback))
        .route("/admin/v1/deliveries", get(deliveries::list))
        .route("/admin/v1/deliveries/{id}/{verb}", post(deliveries::order))
        .route("/admin/v1/links", get(links::history).post(links::join))
        .route("/admin/v1/links/end", post(links::part))
        .route("/admin/v1/messages/{id}", get(deliveries::message))
        .route("/admin/v1/alerts", get(alerts::list))
        .route("/admin/v1/alerts/{number}/ack", post(alerts::acknowledge))
        .route("/admin/v1/cases/{scheme}/{identifier}", get(cases::case))
        .route("/admin/v1/readings", get(readings::list))
        .route("/admin/v1/counts", get(deliveries::counts))
        .fallback(nothing_here)
        .layer(from_fn_with_state(Arc::clone(&admin), authorised))
        .with_state(admin)
}

async fn authorised(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !seal::same(token.trim().as_bytes(), admin.token.as_bytes()) {
        let detail = "send `Authorization: Bearer` with the token from data/admin.token";
        return Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail).into_response();
    }
    next.run(request).await
}

async fn nothing_here() -> Problem {
    Problem::not_found("the admin API has no such call")
}
