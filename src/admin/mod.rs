//! The admin API: what people of this centre ask of a running gateway: configuration, work lists, orders over deliveries.
//! On loopback and by a socket in the folder only; `person` says who asks, `calls` who may ask what. Pages for machines are not
//! here but in `exchange::ops`. Every change names who ordered it and why.

mod alerts;
mod approvals;
mod books;
mod cases;
mod configuration;
mod deliveries;
mod evidence;
mod asked;
mod links;
mod person;
mod problem;
mod quality;
mod readings;
mod recalls;
mod view;

use std::path::Path;
use std::sync::Arc;

use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use person::{AtSocket, Person};
pub use problem::Problem;

use crate::accept::Desk;
use crate::clock::Clock;
use crate::config::Role;
use crate::evidence::log::EvidenceLog;
use crate::journal::{Journal, JournalError};
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
    /// The files of the evidence log.
    pub log: EvidenceLog,
    token: String,
    /// One change of what is live, or decision about one, at a time.
    turn: Mutex<()>,
}

impl Admin {
    /// With a token that nobody has seen yet.
    pub fn new(desk: Arc<Desk>, revisions: Arc<Revisions>) -> Result<Self, SealError> {
        let token = seal::hex(&seal::random::<32>()?);
        let (journal, live, clock) = (Arc::clone(&desk.journal), Arc::clone(&desk.live), Arc::clone(&desk.clock));
        let log = EvidenceLog::new(Arc::clone(&journal));
        Ok(Self { journal, revisions, live, clock, desk, log, token, turn: Mutex::default() })
    }

    /// Writes the token for those who may read the folder's secrets.
    pub fn write_token(&self, path: &Path) -> std::io::Result<()> {
        write_secret(path, &self.token)
    }
}

/// One call of the admin API, and who may make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// HTTP method.
    pub method: &'static str,
    /// Pattern of the path.
    pub path: &'static str,
    /// The least role that may make it.
    pub least: Role,
}

type Served = (Call, MethodRouter<Arc<Admin>>);

fn read<H: Handler<T, Arc<Admin>>, T: 'static>(path: &'static str, least: Role, handler: H) -> Served {
    (Call { method: "GET", path, least }, get(handler))
}

fn change<H: Handler<T, Arc<Admin>>, T: 'static>(path: &'static str, least: Role, handler: H) -> Served {
    (Call { method: "POST", path, least }, post(handler).layer(from_fn(to_its_end)))
}

/// What changes something is done to its end, though its caller hangs up: a revision that is stored goes live.
async fn to_its_end(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(answer) => answer,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Problem::from(JournalError::Closed).into_response(),
        },
    }
}

/// Every call, with the role that it needs: the one table. An auditor sees how the gateway is run; what is said of single
/// messages and cases is for those who work on them.
fn calls() -> Vec<Served> {
    use Role::{Administrator, Auditor, Operator};
    vec![
        read("/admin/v1/me", Auditor, me),
        read("/admin/v1/revisions", Auditor, configuration::history),
        change("/admin/v1/revisions", Administrator, configuration::apply),
        read("/admin/v1/revisions/{number}", Auditor, configuration::files),
        change("/admin/v1/rollback", Administrator, configuration::rollback),
        read("/admin/v1/deliveries", Auditor, deliveries::list),
        change("/admin/v1/deliveries/{id}/{verb}", Operator, deliveries::order),
        read("/admin/v1/links", Operator, links::history),
        change("/admin/v1/links", Operator, links::join),
        change("/admin/v1/links/end", Operator, links::part),
        read("/admin/v1/messages/{id}", Operator, deliveries::message),
        read("/admin/v1/alerts", Auditor, alerts::list),
        change("/admin/v1/alerts/{number}/ack", Operator, alerts::acknowledge),
        read("/admin/v1/cases/{scheme}/{identifier}", Operator, cases::case),
        change("/admin/v1/recalls", Administrator, recalls::recall),
        read("/admin/v1/readings", Auditor, readings::list),
        read("/admin/v1/quality", Auditor, quality::counts),
        read("/admin/v1/quality/{rule}", Operator, quality::standing),
        read("/admin/v1/approvals", Auditor, approvals::list),
        read("/admin/v1/approvals/{number}", Auditor, approvals::one),
        change("/admin/v1/approvals/{number}/approve", Operator, approvals::approve),
        change("/admin/v1/approvals/{number}/reject", Operator, approvals::reject),
        read("/admin/v1/counts", Auditor, deliveries::counts),
        read("/admin/v1/reconciliation/{system}/{day}", Operator, books::book),
        read("/evidence/checkpoint", Auditor, evidence::checkpoint),
        read("/evidence/tile/{*path}", Auditor, evidence::tile),
    ]
}

/// The table without what serves it, for whoever checks it.
pub fn table() -> Vec<Call> {
    calls().into_iter().map(|(call, _)| call).collect()
}

/// Every call of the admin API. What the exchange publishes (documents, keys) is merged in by the gateway.
pub fn router(admin: Arc<Admin>) -> Router {
    let calls = calls().into_iter().fold(Router::new(), |router, (call, served)| {
        router.route(call.path, served.layer(from_fn_with_state(call.least, person::permitted)))
    });
    let known = from_fn_with_state(Arc::clone(&admin), person::known);
    calls.fallback(nothing_here).layer(known).with_state(admin)
}

/// The same calls as they come by the folder's socket: the owner's, unless a token says whose they are.
pub fn at_socket(router: Router) -> Router {
    router.layer(Extension(AtSocket))
}

/// `GET /admin/v1/me`: as whom the caller is known.
async fn me(Extension(person): Extension<Person>) -> Json<Value> {
    Json(json!({ "name": person.name(), "role": person.word() }))
}

async fn nothing_here() -> Problem {
    Problem::not_found("the admin API has no such call")
}
