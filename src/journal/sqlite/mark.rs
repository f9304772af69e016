//! How far the store came, noted beside it after each commit: `journal.mark` holds the number of commits and of messages.
//! The engine drops the end of a damaged log without a word, as it must after a power cut; what this file knows of was
//! synced before it was written, so that a store that ends earlier has lost something. The file itself is never synced:
//! it may be behind, never ahead.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::JournalError;
use super::rows::guard;

/// Commits, messages, and the guard of both: eight bytes each, little-endian.
const LENGTH: usize = 24;

/// The open file.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    failing: bool,
}

/// What it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) commits: u64,
    pub(super) messages: u64,
}

impl Mark {
    /// Opens the file of the store in the folder `data`, or makes it.
    pub(super) fn open(data: &Path) -> Result<Self, JournalError> {
        let path = data.join("journal.mark");
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(|error| JournalError::Storage(format!("`{}`: {error}", path.display())))?;
        Ok(Self { file, failing: false })
    }

    /// Refuses a store that ends before what is known of it.
    pub(super) fn check(&self, store: Reached) -> Result<(), JournalError> {
        let known = match read(&self.file) {
            Ok(known) => known,
            Err(what) => {
                tracing::warn!(what, "`journal.mark` says nothing; whether the store lost its end is not known by it");
                return Ok(());
            }
        };
        shorter(store, known)
    }

    /// Notes how far the store is. A failure takes nothing from what is durable.
    pub(super) fn note(&mut self, reached: Reached) {
        let written = self.file.write_all_at(&bytes(reached), 0);
        if let Err(error) = written.as_ref().map_err(|error| error.to_string())
            && !self.failing
        {
            tracing::warn!(error, "`journal.mark` cannot be written");
        }
        self.failing = written.is_err();
    }
}

/// What the mark of the store in the folder `data` says, if it has one.
pub(super) fn of(data: &Path) -> Result<Reached, &'static str> {
    match File::open(data.join("journal.mark")) {
        Ok(file) => read(&file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Reached::default()),
        Err(_) => Err("cannot be read"),
    }
}

/// The error of a store that is shorter than is known.
pub(super) fn shorter(store: Reached, known: Reached) -> Result<(), JournalError> {
    if store.commits >= known.commits {
        return Ok(());
    }
    Err(JournalError::Damaged(format!(
        "the end of the store: it has {} commits and {} messages, and `journal.mark` knows of {} commits and {} messages; \
         its log or its file lost what came last: restore a backup, or remove `journal.mark` to go on without it",
        store.commits, store.messages, known.commits, known.messages
    )))
}

fn read(file: &File) -> Result<Reached, &'static str> {
    let mut found = [0; LENGTH];
    match file.read_exact_at(&mut found, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            let length = file.metadata().map(|file| file.len());
            return if matches!(length, Ok(0)) { Ok(Reached::default()) } else { Err("is cut off") };
        }
        Err(_) => return Err("cannot be read"),
    }
    let (numbers, _) = found.as_chunks::<8>();
    let [commits, messages, _] = numbers else { return Err("is cut off") };
    let reached = Reached { commits: u64::from_le_bytes(*commits), messages: u64::from_le_bytes(*messages) };
    if bytes(reached) == found { Ok(reached) } else { Err("is damaged") }
}

fn bytes(reached: Reached) -> [u8; LENGTH] {
    let numbers = [reached.commits.to_le_bytes(), reached.messages.to_le_bytes()].concat();
    let guard = guard(b"mark", &[&numbers]).to_le_bytes();
    let mut all = [0; LENGTH];
    for (to, from) in all.iter_mut().zip(numbers.iter().chain(&guard)) {
        *to = *from;
    }
    all
}
