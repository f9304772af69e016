//! Around every call of the exchange: the answer says what remains of the caller's allowance, and the log gets one line about a
//! call of a known system. A call of nobody is counted and leaves no line: a flood of them must not fill the disk. Of a path
//! only its pattern is written, never what it names; no header and no body at all.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::Exchange;
use super::access::Allowance;
use crate::accept::Code;
use crate::identifiers::SystemName;

/// Whose call it is and what remains to them, noted once the token was found to be good.
#[derive(Debug, Default)]
pub struct Note(OnceLock<(SystemName, Allowance)>);

impl Note {
    /// Says so; the first word counts.
    pub fn say(&self, system: &str, allowance: Allowance) {
        let _ = self.0.set((system.to_owned(), allowance));
    }
}

/// The layer around all calls.
pub async fn noted(State(exchange): State<Arc<Exchange>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let note = Arc::new(Note::default());
    request.extensions_mut().insert(Arc::clone(&note));
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let mut answer = next.run(request).await;
    let Some((system, allowance)) = note.0.get() else { return answer };
    let code = answer.extensions().get::<Code>().map(|code| code.as_str());
    if exchange.desk.settings.log.access {
        let (path, status) = (path.as_ref().map_or("", MatchedPath::as_str), answer.status().as_u16());
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(system, %method, path, status, code, elapsed_ms, "call");
    }
    for (name, value) in [("ratelimit-policy", allowance.policy()), ("ratelimit", allowance.remaining())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    answer
}
