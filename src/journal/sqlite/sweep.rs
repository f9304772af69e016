//! Files that no row names: a crash between a large part's file and its commit leaves one. They are looked for now and then,
//! and removed once they are so old that nobody can still be about to name them.

use std::path::Path;

use super::super::{JournalError, durable};
use super::{SqliteJournal, read};
use crate::clock::Timestamp;
use crate::identifiers::MessageId;

impl SqliteJournal {
    /// Removes large parts that were written before a moment and belong to no message. How many there were.
    pub(super) async fn sweep_files(&self, before: Timestamp) -> Result<u64, JournalError> {
        let records = self.workshop.files.join("records");
        let old = blocking(move || durable::written_before(&records, before)).await?;
        let mut orphans = Vec::new();
        for path in old {
            // One short look a file: no snapshot is held while there are many.
            let named = match message(&path) {
                Some(id) => self.readers.with(|conn| match read::seq_of(conn, id)? {
                    Some(seq) => Ok(super::prune::pruned_at(conn, seq)?.is_none()),
                    None => Ok(false),
                })?,
                None => false,
            };
            if !named {
                orphans.push(path);
            }
        }
        let swept = orphans.len() as u64;
        blocking(move || orphans.iter().try_for_each(std::fs::remove_file)).await?;
        Ok(swept)
    }
}

/// The message that a file is a whole part of; drafts are of none.
fn message(path: &Path) -> Option<MessageId> {
    let (id, part) = path.file_name()?.to_str()?.split_once('.')?;
    MessageId::parse(id).filter(|_| matches!(part, "original" | "shared"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, JournalError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| JournalError::Closed)?;
    done.map_err(|error| JournalError::Storage(format!("files beside the store: {error}")))
}
