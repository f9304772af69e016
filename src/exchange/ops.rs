//! The listener `ops`: is the process alive, can it work, and what has it counted. For machines of this centre only.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;
use tokio::sync::watch;

use super::answer;
use crate::journal::Journal;
use crate::telemetry::Telemetry;

/// What the calls need.
#[derive(Clone)]
pub struct Ops {
    /// Counted, and asked whether it works.
    pub journal: Arc<dyn Journal>,
    /// What was counted.
    pub telemetry: Telemetry,
    /// Becomes true when the gateway stops: then it is alive and not ready.
    pub stopping: watch::Receiver<bool>,
}

/// The router of the listener `ops`.
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(ops)
}

async fn livez() -> Response {
    answer(StatusCode::OK, &json!({"status": "pass"}))
}

/// Ready: not stopping, and the journal answers.
async fn readyz(State(ops): State<Ops>) -> Response {
    if *ops.stopping.borrow() {
        return answer(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({"status": "fail", "output": "the gateway is stopping"}),
        );
    }
    match ops.journal.count().await {
        Ok(_) => answer(StatusCode::OK, &json!({"status": "pass"})),
        Err(error) => {
            let said = json!({"status": "fail", "output": format!("the journal does not answer: {error}")});
            answer(StatusCode::SERVICE_UNAVAILABLE, &said)
        }
    }
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let counts = match ops.journal.count().await {
        Ok(counts) => counts,
        Err(error) => {
            tracing::warn!(error = %error, "the journal could not be counted");
            return answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "fail"}));
        }
    };
    let mut response = Response::new(ops.telemetry.render(&counts).into());
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}
