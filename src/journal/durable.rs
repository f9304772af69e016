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
    make_folder(folder)?;
    let draft = path.with_added_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    faults::check("rename::before")?;
    fs::rename(&draft, path)?;
    faults::check("rename::after")?;
    sync_folders(path)
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

/// Makes a folder, and those above it that are not there, so that their names are durable when this returns.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(folder);
    make_folder(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(above),
    }
}

/// A name is durable once its folder is, and a new folder once the one above it is.
pub fn sync_folders(path: &Path) -> io::Result<()> {
    path.ancestors().skip(1).take(2).try_for_each(sync_folder)
}

/// Syncs one folder: the names in it.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(here)?.sync_all()
}

/// While this lives, no file that a row names or named is removed: somebody copies them (a backup, in a process of its own).
#[derive(Debug)]
pub struct Keeping {
    _lock: File,
}

impl Keeping {
    /// Waits until nobody is removing any.
    pub fn begin(data: &Path) -> io::Result<Self> {
        let lock = lock_file(data)?;
        lock.lock_shared()?;
        Ok(Self { _lock: lock })
    }

    /// The right to remove files, while it lives; `None` while somebody keeps them.
    pub fn suspend(data: &Path) -> io::Result<Option<Self>> {
        let lock = lock_file(data)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { _lock: lock })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

fn lock_file(data: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(data.join("files.lock"))
}
