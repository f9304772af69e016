//! The SQLite store under the conformance suite, and what only it must do.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Options, SqliteJournal};
use crate::clock::{Clock, ManualClock};
use crate::journal::Journal;
use crate::journal::conformance::{self, Stage};
use crate::seal::StoreKey;

struct Folder {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    journal: Option<Arc<SqliteJournal>>,
}

fn options(clock: &Arc<ManualClock>) -> Options {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    Options::new(StoreKey::new(&[3; 32]).unwrap(), "receipts".to_owned(), clock)
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(conformance::dawn()));
        let journal = Some(Arc::new(SqliteJournal::open(folder.path(), options(&clock)).unwrap()));
        Self { folder, clock, journal }
    }
}

#[async_trait]
impl Stage for Folder {
    fn journal(&self) -> Arc<dyn Journal> {
        Arc::<SqliteJournal>::clone(self.journal.as_ref().unwrap())
    }

    async fn reopen(&mut self) {
        drop(self.journal.take());
        self.journal = Some(Arc::new(SqliteJournal::open(self.folder.path(), options(&self.clock)).unwrap()));
    }

    fn clock(&self) -> Arc<ManualClock> {
        Arc::clone(&self.clock)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_conforms() {
    conformance::run(|| Box::new(Folder::new())).await;
}
