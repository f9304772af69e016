//! `/livez`, `/readyz`, `/metrics`: for the machines of this centre. Names and labels of metrics are a contract (design 8).
//! Alive means the process answers; ready means that it could accept a record now: the store answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::journal::Journal;
use crate::telemetry::Telemetry;

/// What they are answered from.
#[derive(Clone)]
struct Ops {
    journal: Arc<dyn Journal>,
    telemetry: Telemetry,
}

/// The three pages.
pub fn router(journal: Arc<dyn Journal>, telemetry: Telemetry) -> Router {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Ops { journal, telemetry })
}

async fn ready(State(ops): State<Ops>) -> (StatusCode, String) {
    match ops.journal.count().await {
        Ok(_) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {error}\n")),
    }
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    match ops.journal.count().await {
        Ok(counts) => (kind, ops.telemetry.render(&counts)).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}
