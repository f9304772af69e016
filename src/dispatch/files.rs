//! Files inside the documents of receivers whose adapter says `attachments = "base64"`: which go in and which stay links,
//! and their bytes put in place when the document leaves. What is frozen holds a mark for each: a file is in the
//! store once, and a mark names it by its digest, so the bytes that leave are the same for ever.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Stop;
use crate::identifiers::DeliveryId;
use crate::journal::uploads::{UploadError, Uploads};
use crate::journal::{Journal, JournalError, Lane, Lease, UploadRow, UploadVerb, withholds_attachment};
use crate::keys::Keys;
use crate::seal::{MacKey, base64_into, hex};

/// Bytes of documents with files that are in memory at once, over all receivers. A larger one takes
/// all of it, and its own size.
const BUDGET: u32 = 24 << 20;
/// The same for documents about somebody's liberty, of their own: a receiver that is slow to take a large paper holds its
/// share for as long as a push may last.
const LIBERTY_BUDGET: u32 = 8 << 20;
/// Read and encoded in one go: a multiple of three, and of whole sealed pieces.
const STRIDE: u64 = 3 * 64 * 1024;

/// What is needed to put files into documents; built once.
#[derive(Debug)]
pub struct Files {
    uploads: Arc<Uploads>,
    marks: MacKey,
    budget: Semaphore,
    liberty: Semaphore,
}

/// The attachments of one delivery that may stand in its document.
#[derive(Debug, Default)]
pub struct Inside {
    rows: Vec<UploadRow>,
    /// Begins every mark of this delivery.
    mark: String,
    /// Bytes in one document at most.
    cap: u64,
}

/// A document as it leaves, and its share of the budget while it is under way.
#[derive(Debug)]
pub struct Filled<'f> {
    /// All its bytes.
    pub bytes: Bytes,
    _share: Option<SemaphorePermit<'f>>,
}

impl Files {
    /// Over the files of the store.
    pub fn new(uploads: Arc<Uploads>, keys: &Keys) -> Self {
        let (budget, liberty) = (Semaphore::new(BUDGET as usize), Semaphore::new(LIBERTY_BUDGET as usize));
        Self { uploads, marks: keys.store.derive("files in documents"), budget, liberty }
    }

    /// The attachments of a delivery, which its sender has uploaded.
    pub async fn of(&self, journal: &dyn Journal, lease: &Lease, cap: u64) -> Result<Inside, JournalError> {
        let mut rows = Vec::new();
        for digest in &lease.message.attachments {
            let system = lease.message.system.clone();
            let found = journal.upload(UploadVerb::Find { system, digest: *digest, given: Vec::new() }).await?;
            rows.extend(found.rows.into_iter().filter(|row| row.done && row.system == lease.message.system));
        }
        Ok(Inside { rows, mark: self.mark(lease.token.delivery), cap })
    }

    /// No document of anybody else's making can hold it: it takes the store's key to write one.
    fn mark(&self, delivery: DeliveryId) -> String {
        let mac = self.marks.mac(delivery.to_string().as_bytes());
        format!("icjs-file-{}-", hex(mac.get(..16).unwrap_or_default()))
    }

    /// The document of a lane with its files in place of their marks.
    pub async fn fill(
        &self,
        inside: Inside,
        frozen: Bytes,
        lane: Lane,
    ) -> Result<Result<Filled<'_>, Stop>, JournalError> {
        let parts = inside.parts(&frozen);
        if parts.is_empty() {
            return Ok(Ok(Filled { bytes: frozen, _share: None }));
        }
        let size = parts.iter().map(|(_, row)| row.offset.div_ceil(3) * 4).sum::<u64>() + frozen.len() as u64;
        let (budget, all) = match lane {
            Lane::Liberty => (&self.liberty, LIBERTY_BUDGET),
            _ => (&self.budget, BUDGET),
        };
        let share = u32::try_from(size).unwrap_or(all).min(all);
        let share = budget.acquire_many(share).await.map_err(|_| JournalError::Closed)?;
        let parts: Vec<(usize, UploadRow)> = parts.into_iter().map(|(at, row)| (at, row.clone())).collect();
        let uploads = Arc::clone(&self.uploads);
        let length = inside.mark.len() + 64;
        let written = tokio::task::spawn_blocking(move || document(&uploads, &frozen, &parts, length, size));
        match written.await.map_err(|_| JournalError::Closed)? {
            Ok(bytes) => Ok(Ok(Filled { bytes: Bytes::from(bytes), _share: Some(share) })),
            Err(error) => {
                tracing::error!(error = %error, "an attachment that stands in a document cannot be read");
                Ok(Err(Stop::parked(
                    "attachment-unreadable",
                    "a file of the store cannot be read; see `icjs store verify`",
                )))
            }
        }
    }
}

impl Inside {
    /// Leaves out what the receiver's sharing rule withholds: another field of the document may name it too.
    pub fn without(&mut self, withheld: &[String]) {
        self.rows.retain(|row| !withholds_attachment(withheld, &hex(&row.digest)));
    }

    /// What stands in the place of one attachment: its mark while the cap allows it. `None`: its link.
    pub fn place(&mut self, digest: &str) -> Option<String> {
        let row = self.rows.iter().find(|row| hex(&row.digest) == digest)?;
        self.cap = self.cap.checked_sub(row.offset)?;
        Some(format!("{}{digest}", self.mark))
    }

    /// Where marks begin, in order, each with its file.
    fn parts(&self, frozen: &[u8]) -> Vec<(usize, &UploadRow)> {
        let mark = self.mark.as_bytes();
        if mark.is_empty() || frozen.len() < mark.len() {
            return Vec::new();
        }
        let starts = frozen.windows(mark.len()).enumerate().filter(|(_, window)| *window == mark).map(|(at, _)| at);
        let named = |at: usize| frozen.get(at + mark.len()..at + mark.len() + 64);
        let row = |digest: &[u8]| self.rows.iter().find(|row| hex(&row.digest).as_bytes() == digest);
        starts.filter_map(|at| Some((at, row(named(at)?)?))).collect()
    }
}

fn document(
    uploads: &Uploads,
    frozen: &[u8],
    parts: &[(usize, UploadRow)],
    length: usize,
    size: u64,
) -> Result<Vec<u8>, UploadError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let mut from = 0;
    for (at, row) in parts {
        bytes.extend_from_slice(frozen.get(from..*at).unwrap_or_default());
        let mut read = 0;
        while read < row.offset {
            let end = (read + STRIDE).min(row.offset);
            base64_into(&uploads.read(&row.key, read..end)?, &mut bytes);
            read = end;
        }
        from = at + length;
    }
    bytes.extend_from_slice(frozen.get(from..).unwrap_or_default());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::identifiers::MessageId;

    #[tokio::test]
    async fn an_order_about_liberty_waits_for_no_large_paper_that_is_under_way() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::open(dir.path()).unwrap());
        let uploads = Arc::new(Uploads::new(dir.path().join("a"), Arc::clone(&keys)));
        let files = Files::new(Arc::clone(&uploads), &keys);
        let mut writer = uploads.begin().unwrap();
        let key = writer.key().to_vec();
        writer.write(b"%PDF-1.7").unwrap();
        let digest = writer.finish().unwrap();
        let filled = async |lane| {
            let mark = files.mark(MessageId::from_bytes([1; 16]).delivery(1));
            let row = UploadRow { system: "court".to_owned(), digest, offset: 8, done: true, key: key.clone() };
            let frozen = Bytes::from(format!("{mark}{}", hex(&digest)));
            let inside = Inside { rows: vec![row], mark, cap: 100 };
            let filling = files.fill(inside, frozen, lane);
            let filled = tokio::time::timeout(Duration::from_millis(500), filling).await.ok()?;
            filled.unwrap().ok().map(|filled| filled.bytes)
        };
        let _stuck = files.budget.acquire_many(BUDGET).await.unwrap();
        assert_eq!(filled(Lane::Papers).await, None, "it waits its turn");
        let mut written = Vec::new();
        base64_into(b"%PDF-1.7", &mut written);
        assert_eq!(filled(Lane::Liberty).await, Some(Bytes::from(written)));
    }
}
