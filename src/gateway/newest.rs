//! The revision that a gateway starts with.

use std::path::Path;

use super::Ended;
use crate::config::Revision;
use crate::revisions::{self, Author, Revisions};

/// The newest revision of the store; with `apply`, after the folder's files have become it. A folder that differs from it
/// is said, because editing a file and restarting is what many will try.
pub(super) async fn newest(revisions: &Revisions, dir: &Path, apply: bool) -> Result<Revision, Ended> {
    let refused = |error| Ended::not_applied(&error);
    if apply {
        let author = Author::alone("serve --apply", "start with the folder's configuration");
        let folder = revisions::read(dir).map_err(refused)?;
        let changes = !revisions.preview(folder.clone()).await.map_err(refused)?.difference.is_empty();
        if changes {
            revisions.one_is_enough().await.map_err(refused)?;
        }
        revisions.apply(folder, &author, None).await.map_err(refused)?;
    }
    let newest = revisions.open().await.map_err(refused)?;
    for warning in &newest.warnings {
        tracing::warn!(file = warning.file, line = warning.line, "{}", warning.message);
    }
    match revisions::read(dir).map(|folder| revisions::difference(&newest.folder, &folder.over_embedded())) {
        Ok(difference) if difference.is_empty() => {}
        Ok(_) => {
            let advice = "the folder differs from the live revision: `icjs diff` shows how, `icjs apply` makes it live";
            tracing::warn!(revision = newest.number, "{advice}");
        }
        Err(error) => tracing::warn!(%error, "the folder cannot be compared with the live revision"),
    }
    Ok(newest)
}
