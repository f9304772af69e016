//! Files of a watched folder: which may be taken, and how a result comes to stand beside them whole or not at all.
//! Blocking, and without any judgement of what is in a file. Whoever drops files may swap them meanwhile: what is listed
//! here is opened through `guarded` only.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::guarded::{self, Mark, Shelf};
use crate::clock::Timestamp;
use crate::seal;

/// A file in `drop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Subfolder of `drop`; empty for `drop` itself.
    pub folder: String,
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    modified: Option<SystemTime>,
    mark: Mark,
    /// A link, a pipe: nothing that is read.
    pub strange: bool,
}

/// What one look found.
#[derive(Debug, Default)]
pub struct Found {
    /// Files that nobody writes any more, the oldest first.
    pub files: Vec<Dropped>,
    /// Folders inside subfolders, as subfolder and name: nobody looks into them.
    pub nested: Vec<(String, String)>,
    /// Subfolders that could not be listed, and why.
    pub closed: Vec<(String, io::Error)>,
}

/// What came of opening a file that was listed.
#[derive(Debug)]
pub enum Opened<T> {
    /// It is the file that was listed, and nobody wrote it meanwhile.
    Whole(T),
    /// A link, a pipe, a device: by now, or all along.
    Strange,
    /// Somebody still writes it, or it went away.
    Changed,
}

/// What was seen of files that were not taken yet: how large, last changed, and since when that is so.
#[derive(Debug, Default)]
pub struct Seen(HashMap<(String, String), (u64, Option<SystemTime>, Instant)>);

/// Files that somebody still writes have such names.
const UNFINISHED: [&str; 8] = [".tmp", ".part", ".partial", ".filepart", ".crdownload", ".draft", ".swp", "~"];
/// A sidecar with the headers of a submission.
pub const HEADERS: &str = ".headers.json";
/// How the name of a sidecar begins while its file is put away.
const HIDDEN: &str = ".headers.";
/// Headers are a few lines.
const HEADERS_MOST: u64 = 64 << 10;
/// Files taken in one look.
const MOST: usize = 500;
/// File systems take names of 255 bytes; what is put beside a file has a longer one than the file.
const LONGEST: usize = 180;

impl Seen {
    /// What lies in `drop` of `root` and in its subfolders.
    pub fn ready(&mut self, root: &Path, quiet: Duration, now: Timestamp) -> io::Result<Found> {
        let drop = root.join("drop");
        let mut found = Found::default();
        list(root, "", &mut found)?;
        for folder in subfolders(&drop)? {
            // One that cannot be listed is said, and does not stop the others.
            if let Err(error) = list(root, &folder, &mut found) {
                found.closed.push((folder, error));
            }
        }
        let there: HashSet<(&str, &str)> = found.files.iter().map(Dropped::place).collect();
        self.0.retain(|(folder, name), _| there.contains(&(folder.as_str(), name.as_str())));
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.millis()).unwrap_or(0));
        found.files.retain(|file| self.is_quiet(file, now, quiet));
        found.files.sort_by(|one, other| (one.modified, &one.name).cmp(&(other.modified, &other.name)));
        found.files.truncate(MOST);
        Ok(found)
    }

    /// It has not changed for long enough: by its own time, or, where that lies in the future, by what was seen.
    fn is_quiet(&mut self, file: &Dropped, now: SystemTime, quiet: Duration) -> bool {
        let age = file.modified.and_then(|modified| now.duration_since(modified).ok());
        if file.strange || age.is_some_and(|age| age >= quiet) {
            return true;
        }
        let key = (file.folder.clone(), file.name.clone());
        let since = self.0.entry(key).or_insert_with(|| (file.size, file.modified, Instant::now()));
        if (since.0, since.1) != (file.size, file.modified) {
            *since = (file.size, file.modified, Instant::now());
        }
        since.2.elapsed() >= quiet
    }
}

impl Dropped {
    fn place(&self) -> (&str, &str) {
        (&self.folder, &self.name)
    }

    fn shelf(&self, root: &Path) -> io::Result<Shelf> {
        Shelf::open(root, &format!("drop/{}", self.folder))
    }

    /// Whether this is the file that was listed, as it was then.
    pub fn is(&self, now: &Metadata) -> bool {
        Mark::from(now) == self.mark
    }

    /// Opens it.
    pub fn open(&self, root: &Path) -> io::Result<Opened<File>> {
        match self.shelf(root).and_then(|shelf| shelf.file(&self.name)) {
            Ok(Some((file, meta))) if self.is(&meta) => Ok(Opened::Whole(file)),
            Ok(Some(_)) => Ok(Opened::Changed),
            Ok(None) => Ok(Opened::Strange),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Opened::Changed),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Opened::Strange),
            Err(error) => Err(error),
        }
    }

    /// All of it.
    pub fn read(&self, root: &Path) -> io::Result<Opened<Vec<u8>>> {
        self.open(root)?.read(|file| {
            let bytes = guarded::all(&file, self.size)?;
            let whole = bytes.len() as u64 == self.size && self.is(&file.metadata()?);
            Ok(if whole { Opened::Whole(bytes) } else { Opened::Changed })
        })
    }

    /// What the sidecar says; nothing where there is none. Where a kill came while this file was put away, its sidecar has the
    /// hidden name already, and another one beside it is meant for a later file. `Strange`: no plain file, or far too large.
    pub fn headers(&self, root: &Path, digest: &str) -> io::Result<Opened<Option<Vec<u8>>>> {
        let shelf = match self.shelf(root) {
            Ok(shelf) => shelf,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Opened::Strange),
            Err(error) => return Err(error),
        };
        for name in [self.hidden(digest), format!("{}{HEADERS}", self.name)] {
            let file = match shelf.file(&name) {
                Ok(Some((file, _))) => file,
                Ok(None) => return Ok(Opened::Strange),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let bytes = guarded::all(&file, HEADERS_MOST)?;
            let fits = bytes.len() as u64 <= HEADERS_MOST;
            return Ok(if fits { Opened::Whole(Some(bytes)) } else { Opened::Strange });
        }
        Ok(Opened::Whole(None))
    }

    /// The sidecar's name while this file is put away.
    fn hidden(&self, digest: &str) -> String {
        format!("{HIDDEN}{}.{}", short(&seal::hex(&seal::sha256(self.name.as_bytes()))), short(digest))
    }

    /// What stands for the digest of a file that was not read.
    pub fn unread(&self) -> String {
        let what = format!("{}/{}\n{:?}", self.folder, self.name, self.mark);
        seal::hex(&seal::sha256(what.as_bytes()))
    }
}

impl<T> Opened<T> {
    /// What `read` makes of a file that is whole.
    pub fn read<R>(self, read: impl FnOnce(T) -> io::Result<Opened<R>>) -> io::Result<Opened<R>> {
        match self {
            Self::Whole(whole) => read(whole),
            Self::Strange => Ok(Opened::Strange),
            Self::Changed => Ok(Opened::Changed),
        }
    }
}

fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

fn subfolders(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type().is_ok_and(|what| what.is_dir()) {
            names.extend(entry.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
        }
    }
    Ok(names)
}

fn list(root: &Path, folder: &str, found: &mut Found) -> io::Result<()> {
    let below = format!("drop/{folder}");
    let mut names = HashSet::new();
    let mut hidden = Vec::new();
    for entry in fs::read_dir(root.join(&below))? {
        let entry = entry?;
        // A name that is no text cannot be told apart from others in an answer; it is not ours to guess at.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with(HIDDEN) {
            hidden.push(name);
            continue;
        }
        let unfinished = name.starts_with('.') || UNFINISHED.iter().any(|end| name.ends_with(end));
        if unfinished || name.ends_with(HEADERS) {
            continue;
        }
        // One that went away since it was listed is nobody's.
        let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
        if meta.is_dir() {
            if !folder.is_empty() {
                found.nested.push((folder.to_owned(), name));
            }
            continue;
        }
        let (size, modified, mark, strange) = (meta.len(), meta.modified().ok(), Mark::from(&meta), !meta.is_file());
        let file = Dropped { folder: folder.to_owned(), name, size, modified, mark, strange };
        names.insert(file.hidden(""));
        found.files.push(file);
    }
    for name in hidden {
        // A kill came after its file was put away, where a copy of the headers lies already.
        if !names.iter().any(|known| name.starts_with(known)) {
            // What cannot be taken away now is found again at the next look.
            let _ = Shelf::open(root, &below).and_then(|shelf| shelf.remove(&name));
        }
    }
    Ok(())
}

/// Puts the result (and the headers) beside where the file will lie, then moves the file there: whoever finds the file finds
/// its result. The sidecar is first hidden under the digest of its file, so that a kill at any moment leaves either the file
/// with its headers in `drop`, from where all of it is done again with the same end, or everything in `to`.
pub fn put_away(root: &Path, file: &Dropped, to: &str, digest: &str, word: &str, result: &[u8]) -> io::Result<()> {
    let drop = file.shelf(root)?;
    if drop.look(&file.name)? != file.mark {
        // Another one has its name now, and is taken at the next look.
        return Ok(());
    }
    let to = Shelf::made(root, &format!("{to}/{}", file.folder))?;
    let name = free(&to, &file.name, digest);
    to.put(&format!("{name}.{word}.json"), result)?;
    let (hidden, beside) = (file.hidden(digest), format!("{name}{HEADERS}"));
    let hides = drop.has(&hidden) || drop.pass(&format!("{}{HEADERS}", file.name), &drop, &hidden)?;
    if hides {
        drop.sync()?;
        if let Some((headers, _)) = drop.file(&hidden)? {
            to.put(&beside, &guarded::all(&headers, HEADERS_MOST)?)?;
        }
    }
    drop.pass(&file.name, &to, &name)?;
    to.sync()?;
    drop.sync()?;
    if hides {
        drop.pass(&hidden, &to, &beside)?;
    }
    Ok(())
}

/// The name, or where another file has it already (or it is too long for anything beside it), one with the digest's beginning.
fn free(to: &Shelf, name: &str, digest: &str) -> String {
    if name.len() <= LONGEST && !to.has(name) {
        return name.to_owned();
    }
    let (stem, end) = name.rsplit_once('.').filter(|(_, end)| end.len() < 16).unwrap_or((name, ""));
    let stem = stem.get(..stem.floor_char_boundary(LONGEST)).unwrap_or(stem);
    let digest = digest.get(..12).unwrap_or(digest);
    if end.is_empty() { format!("{stem}.{digest}") } else { format!("{stem}.{digest}.{end}") }
}

#[cfg(test)]
mod tests;
