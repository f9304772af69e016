//! What must be done every now and then, and by nobody in particular: uploads that no record ever named are dropped, files
//! that a crash left behind are removed, histograms are folded, free memory goes back. Nothing here is urgent, and nothing depends on its being on time.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};
use crate::config::Retention;
use crate::journal::durable::Keeping;
use crate::journal::uploads::{UploadError, Uploads};
use crate::journal::{Journal, JournalError, Prune, UploadVerb};
use crate::telemetry::Telemetry;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds between two looks at uploads.
const UPLOADS_EVERY: u32 = 120;
/// Rounds between two times that free memory is given back: a minute.
const MEMORY_EVERY: u32 = 12;
/// Rounds between two looks at files: an hour.
const FILES_EVERY: u32 = 720;
/// Rounds between such a look and the one that removes what both found: a minute, and far longer than any commit. Age alone
/// says little: the time of a file and that of the gateway lie days apart for a moment when a clock is set.
const FILES_AGAIN: u32 = 12;
/// A file that no row names is left alone for so long: whoever wrote it may be about to name it. Far longer than any upload
/// that still moves.
const FILES_LEFT: Duration = Duration::from_secs(86_400);
/// Messages of one batch of pruning, and the pause after it.
const BATCH: usize = 200;
const BETWEEN: Duration = Duration::from_millis(50);
/// Rows of one look at uploads.
const PAGE: usize = 1000;

/// What the chores go by.
#[derive(Debug)]
pub(super) struct Terms {
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
    /// How long an upload that no record named is kept.
    pub(super) unbound_uploads: Duration,
    /// Their files.
    pub(super) uploads: Arc<Uploads>,
    /// How long what is settled is kept.
    pub(super) retention: Retention,
    /// The folder of the store.
    pub(super) data: PathBuf,
}

/// Does them until told to stop.
pub(super) async fn run(
    journal: Arc<dyn Journal>,
    terms: Terms,
    telemetry: Telemetry,
    mut stop: watch::Receiver<bool>,
) {
    let mut round = 0_u32;
    let mut seen = HashSet::new();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        telemetry.upkeep();
        if round.is_multiple_of(MEMORY_EVERY) {
            crate::memory::give_back();
        }
        let (uploads, files) = (round.is_multiple_of(UPLOADS_EVERY), matches!(round % FILES_EVERY, 0 | FILES_AGAIN));
        // While a backup is taken, what it names stays; the next time is soon enough.
        if let Some(_removing) = (uploads || files).then(|| Keeping::suspend(&terms.data).ok().flatten()).flatten() {
            if uploads {
                expire_uploads(journal.as_ref(), &terms).await;
                retain(journal.as_ref(), &terms).await;
            }
            if files {
                match nameless(journal.as_ref(), &terms).await {
                    Ok(found) if round.is_multiple_of(FILES_EVERY) => seen = found,
                    Ok(found) => remove(seen.intersection(&found).cloned().collect()).await,
                    Err(error) => tracing::warn!(%error, "files that nothing names could not be looked for"),
                }
            }
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

/// Prunes what is older than the settings keep, batch by batch: others write in between.
async fn retain(journal: &dyn Journal, terms: &Terms) {
    let now = terms.clock.now();
    let before = |kept: Duration| {
        Timestamp::from_millis(now.millis().saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)))
    };
    let payloads = (!terms.retention.payloads.is_zero()).then(|| before(terms.retention.payloads));
    let refusals = Some(before(terms.retention.refusals));
    let readings = Some(before(terms.retention.readings));
    let (mut after, mut messages, mut bytes) = (0, 0, 0);
    loop {
        let batch = Prune { after, limit: BATCH, payloads, refusals, readings, now, dry: false };
        match journal.prune(batch).await {
            Ok(pruned) => {
                (after, messages, bytes) = (pruned.upto, messages + pruned.messages, bytes + pruned.bytes);
                if (payloads.is_none() || pruned.done) && pruned.readings == 0 {
                    break;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "what is older than [retention] keeps could not be pruned");
                break;
            }
        }
        tokio::time::sleep(BETWEEN).await;
    }
    if messages > 0 {
        tracing::info!(messages, bytes, "payloads that were settled long ago were pruned");
    }
}

/// The old files that no row names: large parts of records, and uploads.
async fn nameless(journal: &dyn Journal, terms: &Terms) -> Result<HashSet<PathBuf>, JournalError> {
    let left = i64::try_from(FILES_LEFT.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp::from_millis(terms.clock.now().millis().saturating_sub(left));
    let records = journal.nameless(before).await?;
    let uploads = Arc::clone(&terms.uploads);
    let mut orphans = blocking(move || uploads.written_before(before)).await?;
    let mut after = None;
    while !orphans.is_empty() {
        let rows = journal.upload(UploadVerb::Page { after, limit: PAGE }).await?.rows;
        let Some(last) = rows.last() else { break };
        after = Some((last.system.clone(), last.digest));
        for row in &rows {
            orphans.remove(&terms.uploads.path(&row.key));
        }
    }
    orphans.extend(records);
    Ok(orphans)
}

async fn remove(orphans: Vec<PathBuf>) {
    let files = orphans.len();
    match blocking(move || Ok(orphans.iter().try_for_each(|path| gone(std::fs::remove_file(path)))?)).await {
        Ok(()) if files == 0 => {}
        Ok(()) => tracing::info!(files, "files that nothing named were removed"),
        Err(error) => tracing::warn!(%error, "files that nothing names could not be removed"),
    }
}

/// Somebody else may have removed it meanwhile.
fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, JournalError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| JournalError::Closed)?;
    done.map_err(|error| JournalError::Storage(error.to_string()))
}
