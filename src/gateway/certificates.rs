//! Looks after the files of `[tls]`: what changed there is taken up without a restart, and what ends soon is said in time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};
use crate::tls::Tls;

/// This node's certificate is said to end so long before it does.
const CERTIFICATE_AHEAD: Duration = Duration::from_secs(30 * 86_400);
/// A revocation list lives for days, not years.
const LIST_AHEAD: Duration = Duration::from_secs(2 * 86_400);
/// Between two warnings of the same.
const SAID_EVERY: Duration = Duration::from_secs(86_400);

/// What this goes by.
#[derive(Debug)]
pub(super) struct Terms {
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
    /// Between two looks at the files.
    pub(super) reload: Duration,
}

/// Looks until told to stop.
pub(super) async fn run(tls: Arc<Tls>, terms: Terms, mut stop: watch::Receiver<bool>) {
    let mut refused = String::new();
    let mut said: Option<Duration> = None;
    loop {
        if said.is_none_or(|at| terms.clock.steady().saturating_sub(at) >= SAID_EVERY) {
            said = warn(&tls, terms.clock.now()).then(|| terms.clock.steady());
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(terms.reload) => {}
        }
        let looking = Arc::clone(&tls);
        let looked = tokio::task::spawn_blocking(move || looking.reload()).await;
        match looked {
            Ok(Ok(changed)) => {
                refused.clear();
                if changed {
                    tracing::info!(ends = %tls.ends(), "the files of [tls] were taken up");
                    said = None;
                }
            }
            Ok(Err(error)) => {
                let words = error.to_string();
                if words != refused {
                    tracing::error!(error = words, "the files of [tls] stay as they were");
                }
                refused = words;
            }
            Err(error) => tracing::error!(%error, "the files of [tls] could not be looked at"),
        }
    }
}

/// Says what ends soon; whether anything does.
fn warn(tls: &Tls, now: Timestamp) -> bool {
    let certificate = Some(tls.ends()).filter(|ends| *ends <= now.after(CERTIFICATE_AHEAD));
    let list = tls.lists_end().filter(|ends| *ends <= now.after(LIST_AHEAD));
    if let Some(ends) = certificate {
        tracing::warn!(%ends, "this node's certificate ends soon: put a new one in its place");
    }
    if let Some(ends) = list {
        tracing::warn!(%ends, "a revocation list is out of date then, and nobody under its root let in: put the next in its place");
    }
    certificate.is_some() || list.is_some()
}
