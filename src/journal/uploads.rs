//! The sealed files of attachments: written piece by piece, each piece of 64 KiB sealed under the file's own data key.
//! A file has a random name and a data key wrapped by the store's; both together are what its row calls its key, so that the
//! wrap can be kept apart from the row, made anew, or destroyed, and the file keeps its name. No two uploads share one.
//! Blocking: callers run these on a thread that may be blocked. Who may read what is decided above.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::clock::Timestamp;
use crate::faults;
use crate::keys::Keys;
use crate::seal::{self, DataKey, SEAL_OVERHEAD, SealError, Sha256, StoreKey, WRAPPED_KEY_LEN};

use super::{Digest, durable};

/// Plain bytes of a piece.
pub const PIECE: usize = 64 * 1024;
/// Sealed bytes of a whole piece.
const SEALED: u64 = (PIECE + SEAL_OVERHEAD) as u64;

/// Bytes of a file's name. Before format 6 a file was named after its wrap, which was all of its key.
pub const NAME: usize = 16;

/// Bytes after which what was written is sent on to the disk.
const FLUSH: usize = 16 << 20;
/// Paused uploads whose digest so far is remembered.
const MOST_PAUSED: usize = 1024;

/// The folder of the files.
#[derive(Debug)]
pub struct Uploads {
    dir: PathBuf,
    keys: Arc<Keys>,
    paused: Arc<Paused>,
}

/// What can go wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Reading or writing failed.
    #[error("attachment file cannot be read or written")]
    File(#[from] io::Error),
    /// The file was changed, or its key is not of this store.
    #[error("attachment file does not open under its key")]
    Sealed(#[from] SealError),
}

/// A file that is being written: it takes bytes in order and knows their digest so far, if it saw them all.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    key: DataKey,
    /// Name and wrapped key, for the row.
    wrapped: Vec<u8>,
    /// Plain bytes that do not fill a piece yet.
    rest: Vec<u8>,
    /// Whole pieces written.
    pieces: u64,
    digest: Option<Sha256>,
    /// Sealed bytes on their way to the file.
    sealed: Vec<u8>,
    unflushed: usize,
    flush: Option<JoinHandle<io::Result<()>>>,
    paused: Arc<Paused>,
    /// A row may name the file: it stays, whatever becomes of this writer.
    kept: bool,
}

/// Whether a file could not be written because there is no room.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// An open file and its key.
struct Place {
    file: File,
    path: PathBuf,
    key: DataKey,
    wrapped: Vec<u8>,
}

impl Uploads {
    /// In the folder `dir`, which is made at the first upload.
    pub fn new(dir: PathBuf, keys: Arc<Keys>) -> Self {
        Self { dir, keys, paused: Arc::default() }
    }

    /// Begins a new file under a new key.
    pub fn begin(&self) -> Result<Writer, UploadError> {
        let (key, wrap) = self.keys.store.data_key()?;
        let wrapped = [seal::random::<NAME>()?.as_slice(), &wrap].concat();
        let path = self.path(&wrapped);
        if let Some(folder) = path.parent() {
            durable::make_folder(folder)?;
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let digest = Some(Sha256::new());
        Ok(self.writer(Place { file, path, key, wrapped }, (Vec::new(), 0), digest, false))
    }

    /// Goes on with a file that has `offset` plain bytes.
    pub fn resume(&self, wrapped: &[u8], offset: u64) -> Result<Writer, UploadError> {
        let key = unwrap(&self.keys.store, wrapped)?;
        let path = self.path(wrapped);
        let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
        let pieces = offset / PIECE as u64;
        let mut rest = read_piece(&mut file, &key, pieces)?;
        let kept = usize::try_from(offset % PIECE as u64).unwrap_or(0);
        if rest.len() < kept {
            // The row is written after the bytes: the file cannot be behind it unless it was changed.
            return Err(UploadError::File(io::ErrorKind::UnexpectedEof.into()));
        }
        rest.truncate(kept);
        file.set_len(pieces * SEALED)?;
        file.seek(SeekFrom::End(0))?;
        let digest = self.paused.take(wrapped, offset);
        let wrapped = wrapped.to_vec();
        Ok(self.writer(Place { file, path, key, wrapped }, (rest, pieces), digest, true))
    }

    fn writer(&self, place: Place, (rest, pieces): (Vec<u8>, u64), digest: Option<Sha256>, kept: bool) -> Writer {
        let Place { file, path, key, wrapped } = place;
        let (sealed, unflushed, flush, paused) = (Vec::new(), 0, None, Arc::clone(&self.paused));
        Writer { file, path, key, wrapped, rest, pieces, digest, sealed, unflushed, flush, paused, kept }
    }

    /// Whether the file of a key is there with so many plain bytes. It is not opened: a range that is read is checked then.
    pub fn is_whole(&self, wrapped: &[u8], size: u64) -> bool {
        fs::metadata(self.path(wrapped)).is_ok_and(|file| file.len() == sealed_size(size))
    }

    /// Where an upload goes on whose row says `offset`: there, or before the last piece where a crash cut that off while it
    /// was being written anew.
    pub fn reached(&self, wrapped: &[u8], offset: u64) -> Result<u64, UploadError> {
        let key = unwrap(&self.keys.store, wrapped)?;
        let mut file = match File::open(self.path(wrapped)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            opened => opened?,
        };
        let (pieces, tail) = (offset / PIECE as u64, offset % PIECE as u64);
        if file.metadata()?.len() < pieces * SEALED {
            return Ok(0);
        }
        match read_piece(&mut file, &key, pieces) {
            Ok(rest) if rest.len() as u64 >= tail => Ok(offset),
            Ok(_) | Err(UploadError::Sealed(_)) => Ok(pieces * PIECE as u64),
            Err(error) => Err(error),
        }
    }

    /// Plain bytes of a range, which must lie within the file's size.
    pub fn read(&self, wrapped: &[u8], range: Range<u64>) -> Result<Vec<u8>, UploadError> {
        let key = unwrap(&self.keys.store, wrapped)?;
        let mut file = File::open(self.path(wrapped))?;
        let mut plain = Vec::new();
        let first = range.start / PIECE as u64;
        let mut piece = first;
        while piece * (PIECE as u64) < range.end {
            plain.extend(read_piece(&mut file, &key, piece)?);
            piece += 1;
        }
        let skip = usize::try_from(range.start - first * PIECE as u64).unwrap_or(usize::MAX);
        let length = usize::try_from(range.end - range.start).unwrap_or(0);
        let wanted = plain.get(skip..skip.saturating_add(length));
        wanted.map(<[u8]>::to_vec).ok_or_else(|| UploadError::File(io::ErrorKind::UnexpectedEof.into()))
    }

    /// Removes the file of a key; one that is not there is no error.
    pub fn remove(&self, wrapped: &[u8]) -> Result<(), UploadError> {
        match fs::remove_file(self.path(wrapped)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Files that were last written before a moment: those that no row names are a crash's leavings.
    pub fn written_before(&self, moment: Timestamp) -> Result<HashSet<PathBuf>, UploadError> {
        Ok(durable::written_before(&self.dir, moment)?.into_iter().collect())
    }

    /// The file of a wrapped key.
    pub fn path(&self, wrapped: &[u8]) -> PathBuf {
        file_of(&self.dir, wrapped)
    }
}

/// The part of a key that names its file: all of an old one.
pub fn name_of(key: &[u8]) -> &[u8] {
    if key.len() == WRAPPED_KEY_LEN { key } else { key.get(..NAME).unwrap_or(key) }
}

/// The data key of a file.
fn unwrap(keys: &StoreKey, key: &[u8]) -> Result<DataKey, SealError> {
    let wrap = if key.len() == WRAPPED_KEY_LEN { key } else { key.get(NAME..).unwrap_or_default() };
    keys.unwrap(wrap)
}

/// The file of a key below the folder of uploads.
pub fn file_of(dir: &Path, key: &[u8]) -> PathBuf {
    let name = seal::hex(&seal::sha256(name_of(key)));
    dir.join(name.get(..2).unwrap_or("00")).join(name)
}

/// Bytes of the file that has so many plain ones.
pub fn sealed_size(size: u64) -> u64 {
    let tail = size % PIECE as u64;
    size / PIECE as u64 * SEALED + if tail > 0 { tail + SEAL_OVERHEAD as u64 } else { 0 }
}

/// The digest of what lies sealed in a file, every piece opened in its place.
pub fn digest_of(path: &Path, keys: &StoreKey, wrapped: &[u8]) -> Result<Digest, UploadError> {
    let key = unwrap(keys, wrapped)?;
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    for number in 0.. {
        let piece = read_piece(&mut file, &key, number)?;
        if piece.is_empty() {
            break;
        }
        digest.update(&piece);
    }
    Ok(digest.finish())
}

impl Writer {
    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        self.sealed.clear();
        let room = if self.rest.is_empty() { 0 } else { PIECE - self.rest.len() };
        let (first, bytes) = bytes.split_at(room.min(bytes.len()));
        self.rest.extend_from_slice(first);
        if self.rest.len() == PIECE {
            self.key.seal_onto(&context(self.pieces), &self.rest, &mut self.sealed)?;
            self.pieces += 1;
            self.rest.clear();
        }
        let mut whole = bytes.chunks_exact(PIECE);
        for piece in whole.by_ref() {
            self.key.seal_onto(&context(self.pieces), piece, &mut self.sealed)?;
            self.pieces += 1;
        }
        self.rest.extend_from_slice(whole.remainder());
        self.file.write_all(&self.sealed)?;
        self.flush_early(self.sealed.len())
    }

    /// Plain bytes so far.
    pub fn size(&self) -> u64 {
        self.pieces * PIECE as u64 + self.rest.len() as u64
    }

    /// The wrapped key that names the file.
    pub fn key(&self) -> &[u8] {
        &self.wrapped
    }

    /// Makes what was written durable, and says the digest of the whole file.
    pub fn finish(mut self) -> Result<Digest, UploadError> {
        self.store()?;
        let digest = self.so_far()?.finish();
        self.kept = true;
        Ok(digest)
    }

    /// Makes what was written durable; more may follow later. With `digest`, says the digest of what is there.
    pub fn pause(mut self, digest: bool) -> Result<Option<Digest>, UploadError> {
        self.store()?;
        let so_far = if digest { Some(self.so_far()?) } else { self.digest.take() };
        self.kept = true;
        let answer = so_far.clone().filter(|_| digest).map(Sha256::finish);
        if let Some(so_far) = so_far {
            self.paused.put(&self.wrapped, self.size(), so_far);
        }
        Ok(answer)
    }

    /// Takes the file away: its bytes are not those that were announced.
    pub fn discard(mut self) -> Result<(), UploadError> {
        self.kept = true;
        Ok(fs::remove_file(&self.path)?)
    }

    fn store(&mut self) -> Result<(), UploadError> {
        if !self.rest.is_empty() {
            self.file.write_all(&self.key.seal(&context(self.pieces), &self.rest)?)?;
        }
        self.flushed()?;
        faults::check("upload::before")?;
        self.file.sync_all()?;
        faults::check("upload::after")?;
        File::open(self.path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()?;
        Ok(())
    }

    /// The digest so far: of what passed through here, else of a file that was written in several calls, read again.
    fn so_far(&mut self) -> Result<Sha256, UploadError> {
        if let Some(digest) = &self.digest {
            return Ok(digest.clone());
        }
        let mut digest = Sha256::new();
        for piece in 0..=self.pieces {
            digest.update(&read_piece(&mut self.file, &self.key, piece)?);
        }
        Ok(digest)
    }

    /// Sends what was written on to the disk while more comes in: a sync of all of it at the end would take as long again.
    fn flush_early(&mut self, written: usize) -> Result<(), UploadError> {
        self.unflushed += written;
        let under_way = self.flush.as_ref().is_some_and(|flush| !flush.is_finished());
        if self.unflushed < FLUSH || under_way {
            return Ok(());
        }
        self.flushed()?;
        self.unflushed = 0;
        let file = self.file.try_clone()?;
        self.flush = Some(std::thread::Builder::new().name("upload-flush".to_owned()).spawn(move || file.sync_data())?);
        Ok(())
    }

    /// Waits for the flush that is under way. Its failure is one of the file: the kernel tells it once only.
    fn flushed(&mut self) -> Result<(), UploadError> {
        match self.flush.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(done)) => Ok(done?),
            Some(Err(_)) => Err(io::Error::other("a flush ended by a panic").into()),
        }
    }
}

/// How far paused uploads are digested, so that going on needs no reading of what is there: it would be read anew for every
/// part. Lost with the process; then it is read once.
#[derive(Debug, Default)]
struct Paused(Mutex<VecDeque<(Vec<u8>, u64, Sha256)>>);

impl Paused {
    fn put(&self, wrapped: &[u8], size: u64, digest: Sha256) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_back((wrapped.to_vec(), size, digest));
        if known.len() > MOST_PAUSED {
            known.pop_front();
        }
    }

    /// Taken out: whoever goes on puts it back, further on.
    fn take(&self, wrapped: &[u8], size: u64) -> Option<Sha256> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = known.iter().position(|(key, ..)| key == wrapped)?;
        known.remove(place).filter(|(_, at, _)| *at == size).map(|(.., digest)| digest)
    }
}

impl Drop for Writer {
    /// A file that failed on the way, or whose client went away, is nobody's: on a full disk it would stand in the way.
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is found by the sweep.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// One piece, opened; empty behind the end.
fn read_piece(file: &mut File, key: &DataKey, piece: u64) -> Result<Vec<u8>, UploadError> {
    file.seek(SeekFrom::Start(piece * SEALED))?;
    let mut sealed = Vec::new();
    file.take(SEALED).read_to_end(&mut sealed)?;
    if sealed.is_empty() { Ok(sealed) } else { Ok(key.open(&context(piece), &sealed)?) }
}

/// A piece opens only in its own place.
fn context(piece: u64) -> Vec<u8> {
    [b"attachment piece ".as_slice(), &piece.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_last_piece_was_cut_off_goes_on_before_it_and_one_that_failed_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(dir.path().join("a"), Arc::new(Keys::open(dir.path()).unwrap()));
        let bytes = vec![5; 150_000];
        let mut writer = uploads.begin().unwrap();
        let key = writer.key().to_vec();
        writer.write(&bytes[..70_000]).unwrap();
        writer.pause(false).unwrap();
        assert_eq!(uploads.reached(&key, 70_000).unwrap(), 70_000);
        // It is resumed, which takes the last piece back into memory, and the power fails.
        drop(uploads.resume(&key, 70_000).unwrap());
        let reached = uploads.reached(&key, 70_000).unwrap();
        assert_eq!(reached, PIECE as u64);
        let mut writer = uploads.resume(&key, reached).unwrap();
        writer.write(&bytes[PIECE..]).unwrap();
        assert_eq!(writer.finish().unwrap(), seal::sha256(&bytes));
        uploads.remove(&key).unwrap();
        assert_eq!(uploads.reached(&key, 70_000).unwrap(), 0);
        let mut writer = uploads.begin().unwrap();
        let path = writer.path.clone();
        writer.write(&bytes).unwrap();
        drop(writer);
        assert!(!path.exists(), "nobody names it");
    }

    #[test]
    fn a_file_comes_back_whole_in_ranges_and_after_pauses() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(dir.path().join("a"), Arc::new(Keys::open(dir.path()).unwrap()));
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        let mut writer = uploads.begin().unwrap();
        let key = writer.key().to_vec();
        writer.write(&bytes[..70_000]).unwrap();
        assert_eq!(writer.pause(true).unwrap(), Some(seal::sha256(&bytes[..70_000])));
        // Another process knows nothing of the digest so far: it reads what is there.
        let uploads = Uploads::new(dir.path().join("a"), Arc::new(Keys::open(dir.path()).unwrap()));
        let mut writer = uploads.resume(&key, 70_000).unwrap();
        writer.write(&bytes[70_000..190_000]).unwrap();
        assert_eq!(writer.pause(true).unwrap(), Some(seal::sha256(&bytes[..190_000])));
        let mut writer = uploads.resume(&key, 190_000).unwrap();
        writer.write(&bytes[190_000..]).unwrap();
        assert_eq!(writer.size(), 200_000);
        assert_eq!(writer.finish().unwrap(), seal::sha256(&bytes));
        assert!(uploads.is_whole(&key, 200_000) && !uploads.is_whole(&key, 199_999));
        for range in [0..200_000, 0..1, 65_535..65_537, 131_072..131_073, 199_999..200_000, 5..5] {
            let expected: Vec<u8> = (0_u64..).zip(&bytes).filter(|(n, _)| range.contains(n)).map(|(_, b)| *b).collect();
            assert_eq!(uploads.read(&key, range).unwrap(), expected);
        }
        assert!(uploads.read(&key, 0..200_001).is_err());
        let sealed = fs::read(uploads.path(&key)).unwrap();
        assert!(!sealed.windows(64).any(|window| window == &bytes[..64]), "nothing of it lies there in clear");
        uploads.remove(&key).unwrap();
        uploads.remove(&key).unwrap();
    }
}
