//! How much one system may have uploaded that no record names yet: without a bound, one sender could fill the disk for all.
//! What lies in the store counts, and what is on its way in. What records name is theirs to keep, and counts no more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Exchange;
use crate::accept::{Code, Refusal};
use crate::journal::UploadVerb;

/// Seconds after which trying again may help: by then a record may have named what lies there.
const COME_AGAIN: u32 = 30;

/// Bytes by system.
#[derive(Debug, Default)]
pub struct Allowances(Mutex<HashMap<String, Used>>);

#[derive(Debug, Default)]
struct Used {
    /// In the store, by the last look, and what came since.
    stored: u64,
    /// On its way in.
    coming: u64,
}

impl Allowances {
    fn used(&self) -> MutexGuard<'_, HashMap<String, Used>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The room of one upload that is coming in; what it took counts as stored once it is dropped, until the next look.
pub struct Room {
    exchange: Arc<Exchange>,
    system: String,
    taken: AtomicU64,
}

impl Room {
    /// Looks how much there is of this system.
    pub async fn of(exchange: &Arc<Exchange>, system: &str) -> Result<Self, Refusal> {
        let ask = UploadVerb::Unbound { system: system.to_owned() };
        let stored = exchange.journal().upload(ask).await?.bytes;
        exchange.allowances.used().entry(system.to_owned()).or_default().stored = stored;
        let room = Self { exchange: Arc::clone(exchange), system: system.to_owned(), taken: AtomicU64::new(0) };
        room.take(0, 0).map(|()| room)
    }

    /// What the headers of a part announce.
    pub fn fits(&self, offset: u64, length: Option<u64>) -> Result<(), Refusal> {
        let most = self.exchange.desk.settings.limits.attachment;
        match length {
            Some(length) if length > most => Err(too_large(most)),
            Some(length) if length < offset => {
                let message = format!("`Upload-Length` says {length} bytes in all, and this part begins at {offset}");
                Err(Refusal::header("Upload-Length", "range", message))
            }
            _ => Ok(()),
        }
    }

    /// So many bytes more have come; the attachment has `size` of them now.
    pub fn take(&self, size: u64, bytes: u64) -> Result<(), Refusal> {
        let limit = self.exchange.desk.settings.limits.attachment;
        if size > limit {
            return Err(too_large(limit));
        }
        let most = self.exchange.desk.settings.store.unbound_bytes;
        let mut all = self.exchange.allowances.used();
        let used = all.entry(self.system.clone()).or_default();
        used.coming += bytes;
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        if used.stored + used.coming <= most {
            return Ok(());
        }
        let detail = format!(
            "of what you uploaded, no record names {} bytes yet, and {most} are kept: send the records that name it; what none \
             names is dropped after some days",
            used.stored
        );
        Err(Refusal { retry_after: Some(COME_AGAIN), ..Refusal::new(Code::StorageFull, detail) })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let taken = self.taken.load(Ordering::Relaxed);
        let mut all = self.exchange.allowances.used();
        let used = all.entry(self.system.clone()).or_default();
        used.coming = used.coming.saturating_sub(taken);
        used.stored += taken;
    }
}

fn too_large(most: u64) -> Refusal {
    Refusal::new(Code::TooLarge, format!("an attachment may have {most} bytes at most"))
}
