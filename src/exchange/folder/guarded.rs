//! Folders that somebody else may write to, opened so that no link is followed: every step below the root, every file and
//! every name that is given or taken away goes through an open folder. Whoever swaps a name for a link or a pipe between two
//! looks gets an error and none of the gateway's own files. The one place that knows the system calls.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, fsync, mkdirat, open, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

/// Tells one state of one file from every other: an inode alone is used again as soon as it is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    inode: u64,
    /// Bytes.
    pub size: u64,
    /// Last changed, in nanoseconds since 1970.
    written: i128,
}

const NANOS: i128 = 1_000_000_000;

impl From<&Metadata> for Mark {
    fn from(meta: &Metadata) -> Self {
        let written = i128::from(meta.mtime()) * NANOS + i128::from(meta.mtime_nsec());
        Self { inode: meta.ino(), size: meta.len(), written }
    }
}

/// An open folder.
#[derive(Debug)]
pub struct Shelf(OwnedFd);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A pipe that nobody writes to would hold its reader for ever.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const CREATE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Shelf {
    /// The folder `below` (names between `/`) `root`. `root` is the administrator's and may be a link, nothing below may.
    pub fn open(root: &Path, below: &str) -> io::Result<Self> {
        Self::walk(root, below, false)
    }

    /// The same; what is missing is made.
    pub fn made(root: &Path, below: &str) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        Self::walk(root, below, true)
    }

    fn walk(root: &Path, below: &str, make: bool) -> io::Result<Self> {
        let mut here = open(root, FOLDER, Mode::empty())?;
        for name in below.split('/').filter(|name| !name.is_empty()) {
            if make {
                match mkdirat(&here, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) => fsync(&here)?,
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            here = openat(&here, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| match error {
                Errno::LOOP | Errno::MLINK | Errno::NOTDIR => io::Error::new(
                    io::ErrorKind::NotADirectory,
                    format!("`{below}` in it leads over a link or a file; put a folder there, links are not followed"),
                ),
                error => error.into(),
            })?;
        }
        Ok(Self(here))
    }

    /// A file to be read; nothing where the name is a link, a pipe, a folder or a device.
    pub fn file(&self, name: &str) -> io::Result<Option<(File, Metadata)>> {
        let file = match openat(&self.0, name, READ, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::LOOP | Errno::MLINK | Errno::NXIO) => return Ok(None),
            // Beside a file with the longest name there can be none with a longer one.
            Err(Errno::NAMETOOLONG) => return Err(Errno::NOENT.into()),
            Err(error) => return Err(error.into()),
        };
        let meta = file.metadata()?;
        Ok(meta.is_file().then_some((file, meta)))
    }

    /// What has this name, be it a link.
    pub fn look(&self, name: &str) -> io::Result<Mark> {
        let found = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let size = u64::try_from(found.st_size).unwrap_or_default();
        let written = i128::from(found.st_mtime) * NANOS + i128::from(found.st_mtime_nsec);
        Ok(Mark { inode: found.st_ino, size, written })
    }

    /// Whether anything has this name.
    pub fn has(&self, name: &str) -> bool {
        self.look(name).is_ok()
    }

    /// An empty file of a name that no reader takes for a finished one, to be given to `finish`. What has the name already,
    /// a draft of before a kill or a link that somebody laid there, is taken away and never written through.
    pub fn draft(&self, name: &str) -> io::Result<File> {
        let draft = drafted(name);
        match unlinkat(&self.0, &draft, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(File::from(openat(&self.0, &draft, CREATE, Mode::from_raw_mode(0o666))?))
    }

    /// Gives a draft its name, durably.
    pub fn finish(&self, file: &File, name: &str) -> io::Result<()> {
        file.sync_all()?;
        renameat(&self.0, drafted(name), &self.0, name)?;
        self.sync()
    }

    /// Writes a file so that it is whole under its name, or not there.
    pub fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.draft(name)?;
        file.write_all(bytes)?;
        self.finish(&file, name)
    }

    /// Moves what has a name here to another folder or name. False where nothing has it.
    pub fn pass(&self, name: &str, to: &Self, new: &str) -> io::Result<bool> {
        match renameat(&self.0, name, &to.0, new) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a file away.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// A name is durable once its folder is.
    pub fn sync(&self) -> io::Result<()> {
        Ok(fsync(&self.0)?)
    }
}

fn drafted(name: &str) -> String {
    format!(".{name}.part")
}

/// All of an open file, at most `most` bytes and one: who gets more than `most` knows that there is more.
pub fn all(file: &File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
