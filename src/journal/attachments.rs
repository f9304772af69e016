//! Files beside the database: attachments, and the large parts of records (`write_durably`). An attachment is sealed in
//! chunks under a key of its own, so that a range is read without the rest. Bytes are durable in the file before the row
//! says so: `pause` or `finish` here first, `UploadVerb::Put` after. Everything blocks: call it where that is allowed.
//! Each uploader has a file of his own; nobody's upload is skipped because somebody else has the same bytes.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Digest, UploadRow};
use crate::seal::{self, DataKey, SEAL_OVERHEAD, Sha256, StoreKey};

/// Plain bytes of one chunk.
const CHUNK: usize = 64 * 1024;

/// Why an attachment cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// The bytes are not those that the digest names: the upload is gone.
    #[error("the bytes do not have the digest that they were uploaded under")]
    DigestMismatch,
    /// The bytes do not begin where the upload ended.
    #[error("the upload is at offset {0}")]
    Offset(u64),
    /// A chunk does not open: the file was changed or its key is another's.
    #[error("the attachment file is damaged")]
    Damaged,
    /// The disk is full.
    #[error("the disk that holds the attachments is full")]
    Full,
    /// Anything else of the file system.
    #[error("attachment file: {0}")]
    Io(io::Error),
}

impl From<io::Error> for AttachmentError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull { Self::Full } else { Self::Io(error) }
    }
}

/// The folder of attachments.
#[derive(Debug, Clone)]
pub struct Attachments {
    folder: PathBuf,
    keys: StoreKey,
}

impl Attachments {
    /// The attachments of the store in the folder `data`.
    pub fn new(data: &Path, keys: StoreKey) -> Self {
        Self { folder: data.join("attachments"), keys }
    }

    /// Begins an upload, forgetting what the same system may have uploaded of it before.
    pub fn begin(&self, system: &str, digest: Digest) -> Result<Upload, AttachmentError> {
        let (key, wrapped) = self.keys.data_key().map_err(|_| AttachmentError::Damaged)?;
        let path = self.path(system, &digest);
        let folder = path.parent().ok_or_else(|| io::Error::other("a file needs a folder"))?;
        fs::create_dir_all(folder)?;
        let draft = path.with_added_extension("draft");
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&draft)?;
        let digests = Some(Sha256::new());
        Ok(Upload { file, draft, path, key, wrapped, digest, offset: 0, pending: Vec::new(), digests })
    }

    /// Goes on with an upload that `pause` left at `row.offset`.
    pub fn resume(&self, row: &UploadRow) -> Result<Upload, AttachmentError> {
        let key = self.keys.unwrap(&row.key).map_err(|_| AttachmentError::Damaged)?;
        let path = self.path(&row.system, &row.digest);
        let draft = path.with_added_extension("draft");
        let mut file = File::options().read(true).write(true).open(&draft)?;
        // A last chunk that was not full is taken back into memory and sealed again once it is.
        let whole = row.offset / CHUNK as u64;
        let pending = read_chunk(&mut file, &key, &row.digest, whole, row.offset)?;
        file.set_len(whole * SEALED)?;
        file.seek(SeekFrom::Start(whole * SEALED))?;
        let (wrapped, digest, offset) = (row.key.clone(), row.digest, row.offset);
        Ok(Upload { file, draft, path, key, wrapped, digest, offset, pending, digests: None })
    }

    /// Up to `length` bytes of a complete attachment from `from` on; fewer at its end.
    pub fn read(&self, row: &UploadRow, from: u64, length: usize) -> Result<Vec<u8>, AttachmentError> {
        let key = self.keys.unwrap(&row.key).map_err(|_| AttachmentError::Damaged)?;
        let mut file = File::open(self.path(&row.system, &row.digest))?;
        let end = row.offset.min(from.saturating_add(length as u64));
        let mut bytes = Vec::with_capacity(usize::try_from(end.saturating_sub(from)).unwrap_or(0));
        let mut place = from;
        while place < end {
            let chunk = read_chunk(&mut file, &key, &row.digest, place / CHUNK as u64, row.offset)?;
            let skip = usize::try_from(place % CHUNK as u64).unwrap_or(0);
            let wanted = usize::try_from(end - place).unwrap_or(usize::MAX);
            let piece = chunk.get(skip..).ok_or(AttachmentError::Damaged)?;
            let piece = piece.get(..wanted.min(piece.len())).unwrap_or(piece);
            if piece.is_empty() {
                return Err(AttachmentError::Damaged);
            }
            bytes.extend_from_slice(piece);
            place += piece.len() as u64;
        }
        Ok(bytes)
    }

    /// Removes an upload's files; it is no error when there are none.
    pub fn remove(&self, system: &str, digest: &Digest) -> Result<(), AttachmentError> {
        let path = self.path(system, digest);
        for file in [path.with_added_extension("draft"), path] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, system: &str, digest: &Digest) -> PathBuf {
        let name = seal::hex(digest);
        // A system's name may hold what a file's name may not: its digest stands for it.
        let owner: String = seal::hex(&seal::sha256(system.as_bytes())).chars().take(16).collect();
        let shard: String = name.chars().take(2).collect();
        self.folder.join(shard).join(format!("{name}.{owner}"))
    }
}

/// An upload under way. Dropped without `pause` or `finish`, it is where its row says it is.
pub struct Upload {
    file: File,
    draft: PathBuf,
    path: PathBuf,
    key: DataKey,
    wrapped: Vec<u8>,
    digest: Digest,
    offset: u64,
    pending: Vec<u8>,
    /// The digest so far; `None` where the upload was resumed and the file must be read again at the end.
    digests: Option<Sha256>,
}

impl Upload {
    /// Bytes taken so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The wrapped key that the row keeps.
    pub fn key(&self) -> &[u8] {
        &self.wrapped
    }

    /// Takes the next bytes.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), AttachmentError> {
        if let Some(digests) = &mut self.digests {
            digests.update(bytes);
        }
        while !bytes.is_empty() {
            let room = CHUNK - self.pending.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            self.offset += now.len() as u64;
            bytes = later;
            if self.pending.len() == CHUNK {
                self.seal_pending()?;
            }
        }
        Ok(())
    }

    fn seal_pending(&mut self) -> Result<(), AttachmentError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let number = (self.offset - 1) / CHUNK as u64;
        let sealed = self.key.seal(&context(&self.digest, number), &self.pending);
        self.file.write_all(&sealed.map_err(|_| AttachmentError::Damaged)?)?;
        self.pending.clear();
        Ok(())
    }

    /// Makes what was taken durable, to go on another time. Returns the offset that the row is to say.
    pub fn pause(mut self) -> Result<u64, AttachmentError> {
        self.seal_pending()?;
        self.file.sync_all()?;
        sync_folder(&self.draft)?;
        Ok(self.offset)
    }

    /// All bytes are there: checks the digest, and makes the file durable under its name. Returns its size.
    pub fn finish(mut self) -> Result<u64, AttachmentError> {
        self.seal_pending()?;
        let digest = match self.digests.take() {
            Some(digests) => digests.finish(),
            None => self.read_again()?,
        };
        if digest != self.digest {
            drop(fs::remove_file(&self.draft));
            return Err(AttachmentError::DigestMismatch);
        }
        self.file.sync_all()?;
        fs::rename(&self.draft, &self.path)?;
        sync_folder(&self.path)?;
        Ok(self.offset)
    }

    fn read_again(&mut self) -> Result<Digest, AttachmentError> {
        let mut digests = Sha256::new();
        for number in 0..self.offset.div_ceil(CHUNK as u64) {
            digests.update(&read_chunk(&mut self.file, &self.key, &self.digest, number, self.offset)?);
        }
        Ok(digests.finish())
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upload({} at {})", seal::hex(&self.digest), self.offset)
    }
}

/// Bytes of a full chunk in the file.
const SEALED: u64 = (CHUNK + SEAL_OVERHEAD) as u64;

/// One chunk of a file that holds `size` plain bytes; empty beyond its end.
fn read_chunk(
    file: &mut File,
    key: &DataKey,
    digest: &Digest,
    number: u64,
    size: u64,
) -> Result<Vec<u8>, AttachmentError> {
    let plain = size.saturating_sub(number * CHUNK as u64).min(CHUNK as u64);
    if plain == 0 {
        return Ok(Vec::new());
    }
    let length = usize::try_from(plain).map_err(|_| AttachmentError::Damaged)? + SEAL_OVERHEAD;
    let mut sealed = vec![0; length];
    file.seek(SeekFrom::Start(number * SEALED))?;
    file.read_exact(&mut sealed).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => AttachmentError::Damaged,
        _ => error.into(),
    })?;
    key.open(&context(digest, number), &sealed).map_err(|_| AttachmentError::Damaged)
}

/// A chunk opens only as this chunk of this file.
fn context(digest: &Digest, number: u64) -> Vec<u8> {
    [b"attachment".as_slice(), digest, &number.to_be_bytes()].concat()
}

/// Writes a file so that it is whole and durable under its name when this returns, or not there at all.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("a file needs a folder"))?;
    fs::create_dir_all(folder)?;
    let draft = path.with_added_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&draft, path)?;
    sync_folder(path)
}

/// A name is durable once its folder is, and a new folder once the one above it is.
fn sync_folder(path: &Path) -> io::Result<()> {
    for folder in path.ancestors().skip(1).take(2) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Attachments) {
        let folder = tempfile::tempdir().unwrap();
        let files = Attachments::new(folder.path(), StoreKey::new(&[9; 32]).unwrap());
        (folder, files)
    }

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect()
    }

    fn row(upload: &Upload, offset: u64) -> UploadRow {
        UploadRow { system: "a".into(), digest: upload.digest, offset, done: true, key: upload.key().to_vec() }
    }

    #[test]
    fn what_was_uploaded_in_pieces_is_read_in_ranges() {
        let (_folder, files) = folder();
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17] {
            let bytes = content(size);
            let mut upload = files.begin("a", seal::sha256(&bytes)).unwrap();
            for piece in bytes.chunks(10_007) {
                upload.write(piece).unwrap();
            }
            let row = row(&upload, size as u64);
            assert_eq!(upload.finish().unwrap(), size as u64);
            assert_eq!(files.read(&row, 0, usize::MAX).unwrap(), bytes);
            let (from, to) = (size / 3, size - size / 5);
            assert_eq!(files.read(&row, from as u64, to - from).unwrap(), bytes[from..to]);
            assert!(files.read(&row, size as u64, 10).unwrap().is_empty());
        }
    }

    #[test]
    fn an_upload_goes_on_where_it_paused_and_its_digest_is_checked() {
        let (_folder, files) = folder();
        let bytes = content(2 * CHUNK + 100);
        for cut in [1, CHUNK, CHUNK + 5] {
            let mut upload = files.begin("a", seal::sha256(&bytes)).unwrap();
            upload.write(&bytes[..cut]).unwrap();
            let row = row(&upload, cut as u64);
            // What comes after the last pause and before a crash is written again.
            upload.write(&bytes[cut..cut + 3]).unwrap();
            drop(upload);
            let mut upload = files.begin("a", seal::sha256(&bytes)).unwrap();
            upload.write(&bytes[..cut]).unwrap();
            let row = UploadRow { key: upload.key().to_vec(), ..row };
            assert_eq!(upload.pause().unwrap(), cut as u64);
            let mut upload = files.resume(&row).unwrap();
            upload.write(&bytes[cut..]).unwrap();
            assert_eq!(upload.finish().unwrap(), bytes.len() as u64);
            let row = UploadRow { offset: bytes.len() as u64, ..row };
            assert_eq!(files.read(&row, 0, usize::MAX).unwrap(), bytes);
        }
        let mut wrong = files.begin("b", seal::sha256(&bytes)).unwrap();
        wrong.write(b"other").unwrap();
        assert!(matches!(wrong.finish(), Err(AttachmentError::DigestMismatch)));
    }

    #[test]
    fn a_changed_file_is_noticed() {
        let (_folder, files) = folder();
        let bytes = content(CHUNK + 5);
        let mut upload = files.begin("a", seal::sha256(&bytes)).unwrap();
        upload.write(&bytes).unwrap();
        let row = row(&upload, bytes.len() as u64);
        upload.finish().unwrap();
        let path = files.path("a", &row.digest);
        let whole = fs::read(&path).unwrap();
        for place in [0, CHUNK, whole.len() - 1] {
            let mut torn = whole.clone();
            torn[place] ^= 1;
            fs::write(&path, torn).unwrap();
            assert!(matches!(files.read(&row, 0, usize::MAX), Err(AttachmentError::Damaged)));
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(files.read(&row, 0, usize::MAX), Err(AttachmentError::Damaged)));
    }
}
