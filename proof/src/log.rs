//! The check of a whole log as anybody may hold it: a folder with `checkpoint` and `tile/`, and the public key of whoever signs.
//! Every entry is hashed anew, every tile compared, and the root with the checkpoint's; the first leaf that is not what it was is
//! named. What the check cannot see: leaves cut from the end together with an older checkpoint. Only a checkpoint or a receipt
//! that somebody kept elsewhere shows that (`Kept`).

use std::path::{Path, PathBuf};

use crate::note::{Checkpoint, Key, NotSigned};
use crate::tile::{self, HEIGHT, Tile, WIDTH, What};
use crate::tree::{self, Frontier, Hash};

/// Where the files of a log lie.
pub trait Files {
    /// The file of a path such as `tile/0/000.p/17`; `None`: there is none.
    fn file(&self, path: &str) -> std::io::Result<Option<Vec<u8>>>;
}

/// A folder of this machine.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder that holds `checkpoint` and `tile/`.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Files for Folder {
    fn file(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// What is wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It has no checkpoint.
    #[error("there is no file `checkpoint`: this is no log, or nobody has signed it yet")]
    NoCheckpoint,
    /// Its checkpoint proves nothing.
    #[error("checkpoint: {0}")]
    Checkpoint(NotSigned),
    /// Up to this leaf everything fits.
    #[error("leaf {index} (`{path}`): {what}")]
    Leaf {
        /// The first leaf that is not what it was.
        index: u64,
        /// The file in which that shows.
        path: String,
        /// How it shows.
        what: &'static str,
    },
    /// Entries and tiles fit each other, and not what was signed.
    #[error("entries and tiles fit each other, and not the signed checkpoint: the log was written anew")]
    Root,
    /// A checkpoint that was kept elsewhere says otherwise.
    #[error("{0}")]
    Kept(Fork),
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {error}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}

/// How a log differs from what somebody knows of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fork {
    /// It had more leaves once.
    #[error("the log has {size} leaves, and had {kept} before: {} are gone, from leaf {size} on", kept - size)]
    Cut {
        /// Leaves of the log.
        size: u64,
        /// Leaves of the checkpoint that was kept.
        kept: u64,
    },
    /// The leaves that it had then are others now.
    #[error("the first {kept} leaves are not those that were signed before: the log has another history")]
    Other {
        /// Leaves of the checkpoint that was kept.
        kept: u64,
    },
    /// It is a checkpoint of another log.
    #[error("that checkpoint is of the log `{kept}`, and this is `{origin}`")]
    Origin {
        /// This log.
        origin: String,
        /// The other one.
        kept: String,
    },
}

/// Checks the log of these files by the keys of its signers. `kept`: checkpoints that were had before, from anywhere. `seen` is
/// told of every leaf in order, its entry's bytes checked.
pub fn check(
    files: &impl Files,
    keys: &[Key],
    kept: &[Checkpoint],
    mut seen: impl FnMut(u64, &[u8]),
) -> Result<Checkpoint, Wrong> {
    let note = read(files, "checkpoint")?.ok_or(Wrong::NoCheckpoint)?;
    let checkpoint = Checkpoint::read(&note, keys).map_err(Wrong::Checkpoint)?;
    let size = checkpoint.size;
    let mut before: Vec<&Checkpoint> = kept.iter().collect();
    before.sort_by_key(|kept| kept.size);
    let mut before = before.into_iter().peekable();
    let mut frontier = Frontier::default();
    let mut hold = |frontier: &Frontier| -> Result<(), Wrong> {
        while let Some(kept) = before.next_if(|kept| kept.size == frontier.size()) {
            if kept.origin != checkpoint.origin {
                let (origin, kept) = (checkpoint.origin.clone(), kept.origin.clone());
                return Err(Wrong::Kept(Fork::Origin { origin, kept }));
            }
            if kept.root != frontier.root() {
                return Err(Wrong::Kept(Fork::Other { kept: kept.size }));
            }
        }
        Ok(())
    };
    hold(&frontier)?;
    let mut parents = Vec::new();
    for number in 0..size.div_ceil(WIDTH) {
        let hashes = bundle(files, number, size, &mut seen)?;
        for hash in &hashes {
            frontier.push(*hash);
            hold(&frontier)?;
        }
        parents.extend(whole(&hashes));
    }
    let mut level = 1;
    while !parents.is_empty() {
        parents = upper(files, level, &parents)?;
        level += 1;
    }
    if frontier.root() != checkpoint.root {
        return Err(Wrong::Root);
    }
    match kept.iter().map(|kept| kept.size).max().filter(|kept| *kept > size) {
        Some(kept) => Err(Wrong::Kept(Fork::Cut { size, kept })),
        None => Ok(checkpoint),
    }
}

/// The hashes of the leaves of one bundle, once entries and tile fit each other.
fn bundle(files: &impl Files, number: u64, size: u64, seen: &mut impl FnMut(u64, &[u8])) -> Result<Vec<Hash>, Wrong> {
    let from = number * WIDTH;
    let width = WIDTH.min(size - from);
    let (path, bytes) = tile(files, What::Entries, number, width)?;
    let wrong = |index, what| Wrong::Leaf { index, path: path.clone(), what };
    let entries = tile::entries(&bytes);
    let (tile_path, tile) = tile(files, What::Hashes(0), number, width)?;
    let mut hashes = Vec::new();
    // A bundle that is cut is looked at as far as it goes: what comes first is named.
    let (known, cut) = match &entries {
        Some(entries) => (entries.as_slice(), false),
        None => (&[][..], true),
    };
    for index in 0..width {
        let at = from + index;
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let said = tile.chunks_exact(32).nth(place).ok_or_else(|| Wrong::Leaf {
            index: at,
            path: tile_path.clone(),
            what: "the tile ends before it",
        })?;
        let Some(entry) = known.get(place) else {
            return Err(wrong(
                at,
                if cut { "the bundle is cut, or its lengths are not right" } else { "it is missing" },
            ));
        };
        let hash = tree::leaf(entry);
        if hash.as_slice() != said {
            return Err(wrong(at, "its bytes are not those that were logged: changed, moved, or another in its place"));
        }
        seen(at, entry);
        hashes.push(hash);
    }
    Ok(hashes)
}

/// Compares the tiles of a level with the hashes that the level below makes; gives those of the level above.
fn upper(files: &impl Files, level: u32, hashes: &[Hash]) -> Result<Vec<Hash>, Wrong> {
    let mut parents = Vec::new();
    for (number, hashes) in hashes.chunks(256).enumerate() {
        let number = number as u64;
        let (path, tile) = tile(files, What::Hashes(level), number, hashes.len() as u64)?;
        for (place, hash) in hashes.iter().enumerate() {
            if tile.chunks_exact(32).nth(place) != Some(hash.as_slice()) {
                let index = (number * WIDTH + place as u64) << (level * HEIGHT);
                let what = "the tile has not the hash that the leaves from there on make";
                return Err(Wrong::Leaf { index, path, what });
            }
        }
        parents.extend(whole(hashes));
    }
    Ok(parents)
}

/// The root over a whole tile.
fn whole(hashes: &[Hash]) -> Option<Hash> {
    let mut frontier = Frontier::default();
    hashes.iter().for_each(|hash| frontier.push(*hash));
    (frontier.size() == WIDTH).then(|| frontier.root())
}

/// A tile of that width: the file of a part of it, or the beginning of the whole one, which may have come since.
fn tile(files: &impl Files, what: What, number: u64, width: u64) -> Result<(String, Vec<u8>), Wrong> {
    let path = Tile { what, number, width }.path();
    if let Some(bytes) = read(files, &path)? {
        let right = what == What::Entries || bytes.len() as u64 == width * 32;
        return if right { Ok((path, bytes)) } else { Err(missing(what, number, path, "the tile is not whole")) };
    }
    let fuller = Tile { what, number, width: WIDTH }.path();
    match read(files, &fuller)? {
        Some(bytes) => Ok((fuller, bytes)),
        None => Err(missing(what, number, path, "the file is missing")),
    }
}

fn missing(what: What, number: u64, path: String, says: &'static str) -> Wrong {
    let level = match what {
        What::Entries => 0,
        What::Hashes(level) => level,
    };
    Wrong::Leaf { index: (number * WIDTH) << (level * HEIGHT), path, what: says }
}

fn read(files: &impl Files, path: &str) -> Result<Option<Vec<u8>>, Wrong> {
    files.file(path).map_err(|error| Wrong::Unreadable { path: path.to_owned(), error })
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
