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
use crate::clock::{Clock, Timestamp};
use crate::journal::{Counts, Journal};
use crate::telemetry::Telemetry;
use crate::tokens::ring::Ring;

/// Bytes of the write that finds out whether a full disk has room again.
const PROBE: usize = 64 * 1024;

/// What the calls need.
#[derive(Clone)]
pub struct Ops {
    /// Counted, and asked whether it works.
    pub journal: Arc<dyn Journal>,
    /// What was counted.
    pub telemetry: Telemetry,
    /// Becomes true when the gateway stops: then it is alive and not ready.
    pub stopping: watch::Receiver<bool>,
    /// Keys that others publish.
    pub ring: Arc<Ring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
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

/// Ready: not stopping, and the journal answers and can write. A gateway that has as much waiting as may wait is ready with a
/// warning: who reads its feed must find it.
async fn readyz(State(ops): State<Ops>) -> Response {
    if *ops.stopping.borrow() {
        return answer(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({"status": "fail", "output": "the gateway is stopping"}),
        );
    }
    let counts = match ops.journal.count().await {
        // Nobody may be writing where this node is not asked any more: a write as large as a record finds out whether there is
        // room again. It replaces itself, and is forgotten like any expired assertion.
        Ok(counts) if counts.full => ops.journal.spend(&" ".repeat(PROBE), Timestamp::default()).await.map(|_| counts),
        counted => counted,
    };
    match counts {
        Ok(Counts { open: (open, most), .. }) if open >= most => {
            let said = format!(
                "{open} deliveries wait, as many as may (`max_open_deliveries` of [store]): records are refused until receivers take some"
            );
            answer(StatusCode::OK, &json!({"status": "warn", "output": said}))
        }
        Ok(_) => match ops.ring.faults(ops.clock.moment()) {
            faults if faults.is_empty() => answer(StatusCode::OK, &json!({"status": "pass"})),
            faults => answer(StatusCode::OK, &json!({"status": "warn", "output": faults.join("; ")})),
        },
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
