//! Files of a watched folder: which may be taken, and how a result comes to stand beside them whole or not at all.
//! Blocking, and without any judgement of what is in a file.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::clock::Timestamp;

/// A file in `drop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Where.
    pub path: PathBuf,
    /// Subfolder of `drop`; empty for `drop` itself.
    pub folder: String,
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    modified: Option<SystemTime>,
    /// A link, a pipe: nothing that is read.
    pub strange: bool,
}

/// What was seen of files that were not taken yet: how large, last changed, and since when that is so.
#[derive(Debug, Default)]
pub struct Seen(HashMap<PathBuf, (u64, Option<SystemTime>, Instant)>);

/// Files that somebody still writes have such names.
const UNFINISHED: [&str; 8] = [".tmp", ".part", ".partial", ".filepart", ".crdownload", ".draft", ".swp", "~"];
/// A sidecar with the headers of a submission.
pub const HEADERS: &str = ".headers.json";
/// Files taken in one look.
const MOST: usize = 500;

impl Seen {
    /// The files of `drop` and its subfolders that nobody writes any more, the oldest first.
    pub fn ready(&mut self, drop: &Path, quiet: Duration, now: Timestamp) -> io::Result<Vec<Dropped>> {
        let mut all = list(drop, "")?;
        for folder in subfolders(drop)? {
            all.extend(list(&drop.join(&folder), &folder)?);
        }
        self.0.retain(|path, _| all.iter().any(|file| file.path == *path));
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.millis()).unwrap_or(0));
        all.retain(|file| self.is_quiet(file, now, quiet));
        all.sort_by(|one, other| (one.modified, &one.name).cmp(&(other.modified, &other.name)));
        all.truncate(MOST);
        Ok(all)
    }

    /// It has not changed for long enough: by its own time, or, where that lies in the future, by what was seen.
    fn is_quiet(&mut self, file: &Dropped, now: SystemTime, quiet: Duration) -> bool {
        let age = file.modified.and_then(|modified| now.duration_since(modified).ok());
        if file.strange || age.is_some_and(|age| age >= quiet) {
            return true;
        }
        let since = self.0.entry(file.path.clone()).or_insert_with(|| (file.size, file.modified, Instant::now()));
        if (since.0, since.1) != (file.size, file.modified) {
            *since = (file.size, file.modified, Instant::now());
        }
        since.2.elapsed() >= quiet
    }
}

impl Dropped {
    /// Whether it is as it was when it was listed.
    pub fn unchanged(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|now| now.len() == self.size && now.modified().ok() == self.modified)
    }

    /// The file beside it that says how it is to be sent.
    pub fn sidecar(&self) -> PathBuf {
        self.path.with_file_name(format!("{}{HEADERS}", self.name))
    }
}

fn subfolders(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
        }
    }
    Ok(names)
}

fn list(dir: &Path, folder: &str) -> io::Result<Vec<Dropped>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // A name that is no text cannot be told apart from others in an answer; it is not ours to guess at.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let unfinished = name.starts_with('.') || UNFINISHED.iter().any(|end| name.ends_with(end));
        if unfinished || name.ends_with(HEADERS) {
            continue;
        }
        // One that went away since it was listed is nobody's.
        let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
        if meta.is_dir() {
            continue;
        }
        let (size, modified, strange) = (meta.len(), meta.modified().ok(), !meta.is_file());
        files.push(Dropped { path: entry.path(), folder: folder.to_owned(), name, size, modified, strange });
    }
    Ok(files)
}

/// Writes a file so that it is whole under its name, or not there.
pub fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (draft, mut file) = draft(path)?;
    file.write_all(bytes)?;
    finish(&draft, &file, path)
}

/// A file under a name that no reader takes for a finished one, to be given to `finish`.
pub fn draft(path: &Path) -> io::Result<(PathBuf, File)> {
    let folder = path.parent().ok_or_else(|| io::Error::other("a file needs a folder"))?;
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let draft = folder.join(format!(".{name}.part"));
    let file = File::create(&draft)?;
    Ok((draft, file))
}

/// Gives a draft its name, durably.
pub fn finish(draft: &Path, file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(draft, path)?;
    sync(path)
}

/// A name is durable once its folder is.
fn sync(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Puts the result beside where the file will lie, then moves the file there: whoever finds the file finds its result. A
/// crash between the two leaves the file in `drop`, from where all of it is done again with the same end.
pub fn put_away(file: &Dropped, to: &Path, digest: &str, kind_of_result: &str, result: &[u8]) -> io::Result<()> {
    let to = to.join(&file.folder);
    fs::create_dir_all(&to)?;
    let target = free(&to, &file.name, digest);
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    put(&to.join(format!("{name}.{kind_of_result}.json")), result)?;
    match fs::rename(file.sidecar(), to.join(format!("{name}{HEADERS}"))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(&file.path, &target)?;
    sync(&target)?;
    sync(&file.path)
}

/// The name, or where another file has it already, the name with the digest's beginning.
fn free(to: &Path, name: &str, digest: &str) -> PathBuf {
    let plain = to.join(name);
    if fs::symlink_metadata(&plain).is_err() {
        return plain;
    }
    let short = digest.get(..12).unwrap_or(digest);
    match name.rsplit_once('.') {
        Some((stem, end)) => to.join(format!("{stem}.{short}.{end}")),
        None => to.join(format!("{name}.{short}")),
    }
}
