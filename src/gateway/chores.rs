//! What must be done every now and then, and by nobody in particular: uploads that no record ever named are dropped, and
//! histograms are folded. Nothing here is urgent, and nothing depends on its being on time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};
use crate::journal::uploads::Uploads;
use crate::journal::{Journal, UploadVerb};
use crate::telemetry::Telemetry;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds between two looks at uploads.
const UPLOADS_EVERY: u32 = 120;

/// What the chores go by.
#[derive(Debug)]
pub(super) struct Terms {
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
    /// How long an upload that no record named is kept.
    pub(super) unbound_uploads: Duration,
    /// Their files.
    pub(super) uploads: Arc<Uploads>,
}

/// Does them until told to stop.
pub(super) async fn run(
    journal: Arc<dyn Journal>,
    terms: Terms,
    telemetry: Telemetry,
    mut stop: watch::Receiver<bool>,
) {
    let mut round = 0_u32;
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        telemetry.upkeep();
        if round.is_multiple_of(UPLOADS_EVERY) {
            expire_uploads(journal.as_ref(), &terms).await;
        }
        round = round.wrapping_add(1);
    }
}

async fn expire_uploads(journal: &dyn Journal, terms: &Terms) {
    let kept = i64::try_from(terms.unbound_uploads.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp::from_millis(terms.clock.now().millis().saturating_sub(kept));
    match journal.upload(UploadVerb::Expire { before }).await {
        Ok(answer) if !answer.rows.is_empty() => {
            tracing::info!(uploads = answer.rows.len(), "uploads that no record named were dropped");
            let uploads = Arc::clone(&terms.uploads);
            let removing = tokio::task::spawn_blocking(move || {
                for row in &answer.rows {
                    if let Err(error) = uploads.remove(&row.key) {
                        tracing::warn!(%error, "the file of a dropped upload could not be removed");
                    }
                }
            });
            // A panic there has been logged; the next round goes on.
            let _ = removing.await;
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "uploads that no record named could not be dropped"),
    }
}
