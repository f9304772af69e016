//! Revisions of the configuration: from a folder to the store to what the gateway runs by, through one check.
//! What fails the check never reaches the store, and what is not in the store never goes live. Used by the gateway at its
//! start, by the admin API while it runs, and by the command line on a store that no gateway has open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::clock::Clock;
pub use crate::config::difference;
use crate::config::sharing::PURPOSE;
use crate::config::{Administrators, ConfigError, Deed, Folder, Revision};
use crate::journal::{Approval, Journal, JournalError, NewRevision, RevisionRow, RevisionVerb};
use crate::live::Live;
use crate::seal::{MacKey, StoreKey};

/// The oldest binary that can run a revision made by this one.
const OLDEST_BINARY: &str = "0.1.0";

/// Who changes the configuration, and why.
#[derive(Clone, Debug)]
pub struct Author {
    /// Who.
    pub name: String,
    /// Why.
    pub reason: String,
    /// What is carried out, where one proposed it and another one approved it.
    pub approval: Option<Approval>,
}

impl Author {
    /// Somebody on his own.
    pub fn alone(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), reason: reason.into(), approval: None }
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The number of the newest revision.
    pub number: u64,
    /// File by file, for people; empty where nothing differed and no revision was made.
    pub difference: String,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum NotApplied {
    /// The configuration has errors; all of them.
    #[error("the configuration has {} errors", .0.len())]
    Errors(Vec<ConfigError>),
    /// There is no revision of that number.
    #[error("there is no revision {0}; `icjs history` lists them")]
    NoSuchRevision(u64),
    /// It was made by a newer binary.
    #[error("revision {number} needs `icjs` {oldest} or newer")]
    NeedsNewer {
        /// Which revision.
        number: u64,
        /// The binary it needs.
        oldest: String,
    },
    /// A stored revision cannot be read.
    #[error("revision {number} cannot be read: {reason}")]
    Unreadable {
        /// Which.
        number: u64,
        /// Why.
        reason: String,
    },
    /// It needs two persons, and this way is open to one.
    #[error("revision {0} asks for two persons before the configuration changes")]
    NeedsTwo(u64),
    /// The store failed.
    #[error("the store did not take the revision")]
    Journal(#[from] JournalError),
}

/// The revisions of one store. One change at a time.
pub struct Revisions {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    pseudonyms: MacKey,
    one_at_a_time: tokio::sync::Mutex<()>,
}

impl Revisions {
    /// Of the store of the folder `dir`, which also holds the secrets that no revision keeps; `key` is the store's.
    pub fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>, dir: &Path, key: &StoreKey) -> Self {
        let pseudonyms = key.derive(PURPOSE);
        Self { journal, clock, dir: dir.to_owned(), pseudonyms, one_at_a_time: tokio::sync::Mutex::new(()) }
    }

    /// The newest revision, compiled; in a fresh store the first is made of the folder.
    pub async fn open(&self) -> Result<Revision, NotApplied> {
        let Some(newest) = self.newest().await? else {
            let _turn = self.one_at_a_time.lock().await;
            let author = Author::alone("first start", "the folder's configuration");
            let folder = read(&self.dir)?.over_embedded();
            let difference = difference(&Folder::default(), &folder);
            return Ok(self.add(folder, difference, &author).await?.1);
        };
        if newer(&newest.revision.oldest_binary, env!("CARGO_PKG_VERSION")) {
            let oldest = newest.revision.oldest_binary;
            return Err(NotApplied::NeedsNewer { number: newest.number, oldest });
        }
        self.compile(newest.number, files(&newest)?).await
    }

    /// Stores a folder's files (over what the binary ships) as the newest revision and puts it live. Where nothing
    /// differs, nothing is made.
    pub async fn apply(&self, folder: Folder, author: &Author, live: Option<&Live>) -> Result<Applied, NotApplied> {
        let _turn = self.one_at_a_time.lock().await;
        let folder = folder.over_embedded();
        let newest = self.newest().await?;
        let before = newest.as_ref().map(files).transpose()?.unwrap_or_default();
        let difference = difference(&before, &folder);
        if let (Some(newest), true) = (&newest, difference.is_empty()) {
            return Ok(Applied { number: newest.number, difference });
        }
        let (applied, revision) = self.add(folder, difference, author).await?;
        go_live(revision, author, live);
        Ok(applied)
    }

    /// Makes the files of an old revision the newest.
    pub async fn rollback(&self, number: u64, author: &Author, live: Option<&Live>) -> Result<Applied, NotApplied> {
        let _turn = self.one_at_a_time.lock().await;
        let old = files(&self.number(number).await?)?;
        let before = self.newest().await?.as_ref().map(files).transpose()?.unwrap_or_default();
        let difference = difference(&before, &old);
        let difference = format!("rollback to revision {number}\n{difference}");
        let (applied, revision) = self.add(old, difference, author).await?;
        go_live(revision, author, live);
        Ok(applied)
    }

    /// What `apply` would do, checked: the newest number and the difference, empty where nothing would be made.
    pub async fn preview(&self, folder: Folder) -> Result<Applied, NotApplied> {
        let (number, before) = self.before().await?;
        let folder = folder.over_embedded();
        let difference = difference(&before, &folder);
        if !difference.is_empty() {
            self.compile(0, folder).await?;
        }
        Ok(Applied { number, difference })
    }

    /// What `rollback` would do, checked.
    pub async fn preview_rollback(&self, number: u64) -> Result<Applied, NotApplied> {
        let old = files(&self.number(number).await?)?;
        let (newest, before) = self.before().await?;
        let difference = difference(&before, &old);
        self.compile(0, old).await?;
        Ok(Applied { number: newest, difference })
    }

    /// Refuses where the newest revision asks for two persons before the configuration changes.
    pub async fn one_is_enough(&self) -> Result<(), NotApplied> {
        let (number, folder) = self.before().await?;
        if Administrators::of(&folder).needs_two(Deed::Revisions) { Err(NotApplied::NeedsTwo(number)) } else { Ok(()) }
    }

    /// The newest revision's number and files; none in a fresh store.
    async fn before(&self) -> Result<(u64, Folder), NotApplied> {
        let newest = self.newest().await?;
        let folder = newest.as_ref().map(files).transpose()?.unwrap_or_default();
        Ok((newest.map_or(0, |newest| newest.number), folder))
    }

    /// All revisions, newest first, without their files.
    pub async fn history(&self) -> Result<Vec<RevisionRow>, NotApplied> {
        Ok(self.journal.revise(RevisionVerb::History).await?)
    }

    /// One revision.
    pub async fn number(&self, number: u64) -> Result<RevisionRow, NotApplied> {
        let rows = self.journal.revise(RevisionVerb::Number(number)).await?;
        rows.into_iter().next().ok_or(NotApplied::NoSuchRevision(number))
    }

    /// The newest revision, if there is any.
    pub async fn newest(&self) -> Result<Option<RevisionRow>, NotApplied> {
        Ok(self.journal.revise(RevisionVerb::Newest).await?.into_iter().next())
    }

    async fn add(
        &self,
        folder: Folder,
        difference: String,
        author: &Author,
    ) -> Result<(Applied, Revision), NotApplied> {
        // Checked before it is stored: a revision that cannot run must not exist.
        let mut revision = self.compile(0, folder.clone()).await?;
        let new = NewRevision {
            author: author.name.clone(),
            reason: author.reason.clone(),
            difference: difference.clone(),
            oldest_binary: OLDEST_BINARY.to_owned(),
            at: self.clock.now(),
            files: Bytes::from(folder.to_bytes()),
        };
        let rows = self.journal.revise(RevisionVerb::Add(new, author.approval.clone().map(Box::new))).await?;
        let row = rows.into_iter().next().ok_or(NotApplied::NoSuchRevision(0))?;
        revision.number = row.number;
        Ok((Applied { number: row.number, difference }, revision))
    }

    /// Compiles on a thread of its own: schemas and mappings take a while, and the others serve requests.
    async fn compile(&self, number: u64, folder: Folder) -> Result<Revision, NotApplied> {
        let (dir, pseudonyms) = (self.dir.clone(), self.pseudonyms.clone());
        let compiled = tokio::task::spawn_blocking(move || {
            let mut revision = Revision::compile_exactly(number, folder)?;
            read_secrets(&mut revision, &dir)?;
            revision.sharing.pseudonyms = Some(pseudonyms);
            Ok(revision)
        });
        match compiled.await {
            Ok(result) => result.map_err(NotApplied::Errors),
            Err(error) => Err(NotApplied::Unreadable { number, reason: error.to_string() }),
        }
    }
}

/// Secrets lie in the folder only. One that is named and not there is an error: pushes would leave unsigned.
fn read_secrets(revision: &mut Revision, dir: &Path) -> Result<(), Vec<ConfigError>> {
    let mut errors = Vec::new();
    for system in revision.systems.values_mut() {
        let Some(push) = system.push.as_mut() else { continue };
        let Some(file) = &push.hmac_secret_file else { continue };
        match read_secret(dir, file) {
            Ok(secret) => push.hmac_secret = Some(secret),
            Err(reason) => errors.push(ConfigError {
                file: format!("config/systems/{}.toml", system.name),
                line: 0,
                message: format!("`hmac_secret_file` names `{file}`: {reason}"),
            }),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// A secret that `hmac_secret_file` names, relative to the folder; the reason where there is none.
pub fn read_secret(dir: &Path, file: &str) -> Result<Vec<u8>, String> {
    std::fs::read_to_string(dir.join(file)).map_err(|error| error.to_string()).and_then(|text| secret(&text))
}

/// A Standard Webhooks secret: `whsec_` and base64, or any text as it is.
fn secret(text: &str) -> Result<Vec<u8>, String> {
    let text = text.trim();
    let bytes = match text.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| "after `whsec_` comes no base64".to_owned())?,
        None => text.as_bytes().to_vec(),
    };
    if bytes.len() < 16 { Err("a secret has 16 bytes or more".to_owned()) } else { Ok(bytes) }
}

fn go_live(revision: Revision, author: &Author, live: Option<&Live>) {
    if let Some(live) = live {
        tracing::info!(revision = revision.number, author = author.name, "revision goes live");
        live.publish(revision);
    }
}

/// The files of a folder on disk.
pub fn read(dir: &Path) -> Result<Folder, NotApplied> {
    Folder::read(dir).map_err(|error| NotApplied::Errors(vec![error]))
}

/// The files of a stored revision.
pub fn files(row: &RevisionRow) -> Result<Folder, NotApplied> {
    Folder::from_bytes(&row.revision.files).map_err(|reason| NotApplied::Unreadable { number: row.number, reason })
}

/// Whether version `left` is newer than `right`; versions are numbers with dots.
fn newer(left: &str, right: &str) -> bool {
    let parts = |text: &str| text.split('.').map(|part| part.parse::<u64>().unwrap_or(0)).collect::<Vec<_>>();
    parts(left) > parts(right)
}

#[cfg(test)]
mod tests {
    use super::newer;

    #[test]
    fn versions_are_compared_number_by_number() {
        assert!(newer("0.10.0", "0.9.9"));
        assert!(!newer("0.1.0", "0.1.0"));
        assert!(!newer("0.1.0", "1.0.0"));
    }
}
