//! The configuration that the gateway runs by at this moment, for everyone who asks.
//! One value, replaced as a whole; who took the old one may finish with it. Who stores revisions is the journal.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::config::Revision;

/// The newest revision, and a bell for those who must act when it changes.
#[derive(Debug)]
pub struct Live {
    newest: ArcSwap<Revision>,
    changed: watch::Sender<u64>,
}

impl Live {
    /// Starts with one.
    pub fn new(revision: impl Into<Arc<Revision>>) -> Self {
        let revision = revision.into();
        let changed = watch::Sender::new(revision.number);
        Self { newest: ArcSwap::new(revision), changed }
    }

    /// The newest.
    pub fn newest(&self) -> Arc<Revision> {
        self.newest.load_full()
    }

    /// Puts a newer one live. It must have been stored first.
    pub fn publish(&self, revision: impl Into<Arc<Revision>>) {
        let revision = revision.into();
        let number = revision.number;
        self.newest.store(revision);
        self.changed.send_replace(number);
    }

    /// Tells the number of each revision that goes live.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
