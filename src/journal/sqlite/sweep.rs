//! Files that no row names: a crash between a large part's file and its commit leaves one. They are looked for now and then,
//! and removed by who sees them twice.

use std::path::{Path, PathBuf};

use super::super::{JournalError, durable};
use super::{SqliteJournal, read};
use crate::clock::Timestamp;
use crate::identifiers::MessageId;

impl SqliteJournal {
    /// Large parts that were written before a moment and belong to no message.
    pub(super) async fn nameless_files(&self, before: Timestamp) -> Result<Vec<PathBuf>, JournalError> {
        let records = self.workshop.files.join("records");
        let old = tokio::task::spawn_blocking(move || durable::written_before(&records, before)).await;
        let old = old.map_err(|_| JournalError::Closed)?;
        let mut orphans = Vec::new();
        for path in old.map_err(|error| JournalError::Storage(format!("files beside the store: {error}")))? {
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
        Ok(orphans)
    }
}

/// The message that a file is a whole part of; drafts are of none.
fn message(path: &Path) -> Option<MessageId> {
    let (id, part) = path.file_name()?.to_str()?.split_once('.')?;
    MessageId::parse(id).filter(|_| matches!(part, "original" | "shared"))
}
