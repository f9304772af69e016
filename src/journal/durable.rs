//! Files that are whole and durable under their name, or not there at all: the large parts of records lie in such.
//! Written under a draft's name, synced, renamed, and the folder synced, before any row names them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::clock::Timestamp;
use crate::faults;

/// Writes a file so that it is whole and durable under its name when this returns, or not there at all.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("a file needs a folder"))?;
    fs::create_dir_all(folder)?;
    let draft = path.with_added_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    faults::check("rename::before")?;
    fs::rename(&draft, path)?;
    faults::check("rename::after")?;
    sync_folder(path)
}

/// The files in the folders of a folder that were last written before a moment.
pub fn written_before(folder: &Path, moment: Timestamp) -> io::Result<Vec<PathBuf>> {
    let mut old = Vec::new();
    for shard in entries(folder)? {
        for file in entries(&shard)? {
            let written = fs::metadata(&file)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let written = Timestamp::from_millis(i64::try_from(written.as_millis()).unwrap_or(i64::MAX));
            if written < moment {
                old.push(file);
            }
        }
    }
    Ok(old)
}

/// What lies in a folder; nothing in one that is not there, or is none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A name is durable once its folder is, and a new folder once the one above it is.
fn sync_folder(path: &Path) -> io::Result<()> {
    for folder in path.ancestors().skip(1).take(2) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
