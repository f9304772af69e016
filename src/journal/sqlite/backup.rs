//! Backups of a store, taken while it is in use, and their way back. A backup is a folder: the journal as it was at one
//! moment, every file that it names, `manifest.json` (what moment that is), and `SHA256SUMS`, which is written last and which
//! `sha256sum -c` checks too. Keys are no part of it, nor the wraps: see `apart`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension};

use super::super::durable::{self, Keeping};
use super::super::{JournalError, uploads};
use super::apart;
use super::index::unsigned;
use super::tables::{FORMAT, open_reader, storage};
use super::verify::{self, Places, Verified};
use crate::clock::Timestamp;
use crate::identifiers::MessageId;
use crate::seal::{self, Sha256, StoreKey};

const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";
const JOURNAL: &str = "journal.db";
/// How much of a file is copied at once.
const CHUNK: usize = 1 << 20;

/// Which moment a backup holds, and of what.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manifest {
    /// The form of the backup: 1.
    pub backup: u32,
    /// The store's format.
    pub store_format: u32,
    /// When it was begun, RFC 3339.
    pub taken_at: String,
    /// Messages: the last one's number.
    pub messages: u64,
    /// Commits.
    pub commits: u64,
    /// Leaves of the evidence log.
    pub leaves: u64,
    /// The root of their tree (RFC 6962), hex.
    pub root: String,
    /// Files of attachments and large parts.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
}

/// A backup, just taken or restored.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What is wrong with it.
    pub verified: Verified,
}

/// The file beside a backup where its wraps are put, and looked for, unless it is said otherwise.
pub fn wraps_beside(backup: &Path) -> PathBuf {
    let mut name = backup.file_name().unwrap_or_default().to_owned();
    name.push(".wraps");
    backup.with_file_name(name)
}

/// Takes a backup of the store at `places` into the folder `to`, which is empty or not there, and the wraps without which it
/// cannot be read into the file `wraps`, which is not there. The gateway may run.
pub fn backup(
    places: &Places,
    (to, wraps): (&Path, &Path),
    keys: Option<&StoreKey>,
    at: Timestamp,
) -> Result<Taken, JournalError> {
    empty(to)?;
    if wraps.exists() {
        let what = format!("`{}` is there already; name a file that is not", wraps.display());
        return Err(JournalError::Storage(what));
    }
    fs::create_dir_all(to).map_err(|error| file_error(to, &error))?;
    // Nothing that the copy names is removed until it is copied.
    let keeping = Keeping::begin(&places.data).map_err(|error| file_error(&places.data, &error))?;
    let copy = copy_journal(&places.data.join(JOURNAL), &to.join(JOURNAL))?;
    let mut sums = BTreeMap::new();
    let (mut files, mut file_bytes) = (0, 0);
    for (from, name) in files_of(&copy, places)? {
        let (sum, size) = copy_file(&from, &to.join(&name))?;
        sums.insert(name, sum);
        files += 1;
        file_bytes += size;
    }
    drop(keeping);
    let (messages, commits) = (last(&copy)?, verify::commits(&copy)?);
    drop(copy);
    // Before the sums: what follows opens the file, and must find it as it is listed.
    let verified = verify::verify(&Places::of_backup(to), keys)?;
    apart::take_apart(&to.join(JOURNAL), wraps)?;
    let manifest = Manifest {
        backup: 1,
        store_format: FORMAT,
        taken_at: at.to_string(),
        messages,
        commits,
        leaves: verified.leaves,
        root: verified.root.clone(),
        files,
        file_bytes,
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| JournalError::Storage(error.to_string()))?;
    durable::write_durably(&to.join(MANIFEST), &text).map_err(|error| file_error(to, &error))?;
    for name in [JOURNAL, MANIFEST] {
        let path = to.join(name);
        sums.insert(name.to_owned(), digest(&path).map_err(|error| file_error(&path, &error))?);
    }
    let list: String = sums.iter().map(|(name, sum)| format!("{}  {name}\n", seal::hex(sum))).collect();
    durable::write_durably(&to.join(SUMS), list.as_bytes()).map_err(|error| file_error(to, &error))?;
    Ok(Taken { manifest, verified })
}

/// Whether a folder is a backup.
pub fn is_backup(folder: &Path) -> bool {
    folder.join(SUMS).exists() || folder.join(MANIFEST).exists()
}

/// Looks at everything in a backup: every listed file, and then the store in it; opened where its wraps are given.
pub fn verify_backup(from: &Path, wraps: Option<&Path>, keys: Option<&StoreKey>) -> Result<Taken, JournalError> {
    let (manifest, listed) = read_manifest(from)?;
    let mut wrong = Vec::new();
    for (name, sum) in &listed {
        match digest(&from.join(name)) {
            Ok(found) if seal::hex(&found) == *sum => {}
            Ok(_) => wrong.push(format!("file `{name}`: other bytes than `{SUMS}` says")),
            Err(error) => wrong.push(format!("file `{name}`: {error}")),
        }
    }
    // The engine would write beside what it opens: a backup stays as it was taken, and may lie on a disk that cannot be
    // written. What is there is looked at in a copy.
    let scratch = Scratch::new()?;
    fs::copy(from.join(JOURNAL), scratch.0.join(JOURNAL)).map_err(|error| file_error(from, &error))?;
    if let Some(wraps) = wraps {
        apart::put_back(&scratch.0.join(JOURNAL), wraps)?;
    }
    let places = Places { data: scratch.0.clone(), ..Places::of_backup(from) };
    let mut verified = verify::verify(&places, keys)?;
    let same = verified.leaves == manifest.leaves && verified.root == manifest.root;
    if !same || verified.messages != manifest.messages {
        wrong.push(format!("file `{JOURNAL}`: not at the moment that `{MANIFEST}` names"));
    }
    wrong.append(&mut verified.damaged);
    verified.damaged = wrong;
    Ok(Taken { manifest, verified })
}

/// Brings a backup back as the store of a folder that has none: all of it, or nothing. Without its wraps no gateway starts on it.
pub fn restore(
    from: &Path,
    wraps: Option<&Path>,
    places: &Places,
    keys: Option<&StoreKey>,
) -> Result<Taken, JournalError> {
    empty(&places.data)?;
    empty(&places.uploads)?;
    let taken = verify_backup(from, wraps, keys)?;
    if !taken.verified.is_sound() {
        return Ok(taken);
    }
    let (_, listed) = read_manifest(from)?;
    let below = "attachments/uploads/";
    for name in listed.keys().filter(|name| *name != MANIFEST && *name != JOURNAL) {
        let to = match name.strip_prefix(below) {
            Some(rest) => places.uploads.join(rest),
            None => places.data.join(name),
        };
        copy_file(&from.join(name), &to)?;
    }
    // Last: a folder without a journal is no store, whatever else a crash left there.
    let (draft, journal) = (places.data.join("journal.restoring"), places.data.join(JOURNAL));
    copy_file(&from.join(JOURNAL), &draft)?;
    if let Some(wraps) = wraps {
        apart::put_back(&draft, wraps)?;
    }
    fs::rename(&draft, &journal).map_err(|error| file_error(&journal, &error))?;
    durable::sync_folders(&journal).map_err(|error| file_error(&journal, &error))?;
    Ok(taken)
}

/// A folder of our own, gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, JournalError> {
        let name = seal::random::<8>().map_err(|_| super::rows::sealing())?;
        let path = std::env::temp_dir().join(format!("icjs-verify-{}", seal::hex(&name)));
        fs::create_dir(&path).map_err(|error| file_error(&path, &error))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Only a copy lay there.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The journal at one moment, as one file without a log. Whoever writes it goes on meanwhile.
fn copy_journal(from: &Path, to: &Path) -> Result<Connection, JournalError> {
    let source = open_reader(from)?;
    let mut copy = Connection::open(to).map_err(storage)?;
    let steps = Backup::new(&source, &mut copy).map_err(storage)?;
    // All pages in one step: one state of the store, and no beginning anew with every commit.
    while steps.step(-1).map_err(storage)? != StepResult::Done {
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(steps);
    copy.execute_batch("PRAGMA journal_mode = DELETE").map_err(storage)?;
    drop(copy);
    durable::sync_folders(to).map_err(|error| file_error(to, &error))?;
    open_reader(to)
}

fn last(copy: &Connection) -> Result<u64, JournalError> {
    let last: Option<i64> =
        copy.query_row("SELECT max(seq) FROM message", [], |row| row.get(0)).optional().map_err(storage)?.flatten();
    Ok(last.map_or(0, unsigned))
}

/// Every file that a journal names: where it lies, and its name in the backup.
fn files_of(copy: &Connection, places: &Places) -> Result<Vec<(PathBuf, String)>, JournalError> {
    let mut files = Vec::new();
    let mut rows = copy.prepare("SELECT key FROM upload WHERE done = 1").map_err(storage)?;
    for key in rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).map_err(storage)? {
        let key = key.map_err(storage)?;
        let name = uploads::file_of(Path::new("attachments/uploads"), &key);
        files.push((uploads::file_of(&places.uploads, &key), name.display().to_string()));
    }
    let parts = "SELECT id, 'original' FROM message
                 WHERE original IS NULL AND seq NOT IN (SELECT seq FROM pruned) UNION ALL
                 SELECT id, 'shared' FROM message
                 WHERE shared IS NULL AND seq NOT IN (SELECT seq FROM pruned) AND json_extract(CAST(head AS TEXT), '$.shared_is_original') = 0";
    let mut rows = copy.prepare(parts).map_err(storage)?;
    let rows = rows.query_map([], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, String>(1)?))).map_err(storage)?;
    for row in rows {
        let (id, part) = row.map_err(storage)?;
        let id = MessageId::from_bytes(id);
        let name = super::prepare::part_file(Path::new("attachments"), &part, id);
        files.push((places.part(&part, id), name.display().to_string()));
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Copies a file durably; its digest and size.
fn copy_file(from: &Path, to: &Path) -> Result<([u8; 32], u64), JournalError> {
    let copy = || -> io::Result<([u8; 32], u64)> {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        let (mut source, mut target) = (File::open(from)?, File::create(to)?);
        let (mut digest, mut size, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
        loop {
            let length = source.read(&mut chunk)?;
            let piece = chunk.get(..length).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            digest.update(piece);
            target.write_all(piece)?;
            size += piece.len() as u64;
        }
        target.sync_all()?;
        durable::sync_folders(to)?;
        Ok((digest.finish(), size))
    };
    copy().map_err(|error| file_error(from, &error))
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let (mut file, mut digest, mut chunk) = (File::open(path)?, Sha256::new(), vec![0; CHUNK]);
    loop {
        let length = file.read(&mut chunk)?;
        match chunk.get(..length) {
            Some([]) | None => return Ok(digest.finish()),
            Some(piece) => digest.update(piece),
        }
    }
}

/// What a backup says of itself, and the digest of each of its files. The manifest must be as it was written.
fn read_manifest(from: &Path) -> Result<(Manifest, BTreeMap<String, String>), JournalError> {
    let read = |name: &str| fs::read(from.join(name)).map_err(|error| file_error(&from.join(name), &error));
    let bad = |name: &str| JournalError::Damaged(format!("file `{}`", from.join(name).display()));
    let list = String::from_utf8(read(SUMS)?).map_err(|_| bad(SUMS))?;
    let mut listed = BTreeMap::new();
    for line in list.lines() {
        let (sum, name) = line.split_once("  ").ok_or_else(|| bad(SUMS))?;
        let inside = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !inside || seal::unhex(sum).is_none_or(|sum| sum.len() != 32) {
            return Err(bad(SUMS));
        }
        listed.insert(name.to_owned(), sum.to_owned());
    }
    let text = read(MANIFEST)?;
    if !listed.contains_key(JOURNAL) || listed.get(MANIFEST) != Some(&seal::hex(&seal::sha256(&text))) {
        return Err(bad(MANIFEST));
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| bad(MANIFEST))?;
    if manifest.store_format > FORMAT {
        return Err(JournalError::TooNew { found: manifest.store_format, known: FORMAT });
    }
    Ok((manifest, listed))
}

/// Refuses a folder that holds anything.
fn empty(folder: &Path) -> Result<(), JournalError> {
    match fs::read_dir(folder).map(Iterator::count) {
        Ok(1..) => Err(JournalError::Storage(format!(
            "`{}` holds something already; name a folder that is empty or not there",
            folder.display()
        ))),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(file_error(folder, &error)),
    }
}

fn file_error(path: &Path, error: &io::Error) -> JournalError {
    match error.kind() {
        io::ErrorKind::StorageFull => JournalError::Full,
        _ => JournalError::Storage(format!("`{}`: {error}", path.display())),
    }
}
