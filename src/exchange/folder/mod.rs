//! Watched folders: systems that cannot call put files into `drop`, find them in `done` or `failed` with the answer beside,
//! and find what is addressed to them in `out`. The same doors as over HTTP: nothing is decided here.
//! A kill at any moment is made good by doing the step again: a file is named by its digest, a delivery by its id.

mod files;
mod taking;
mod giving;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Exchange;
use crate::accept::{Code, Refusal};
use crate::config::Watched;
use crate::identifiers::SystemName;
use crate::tokens::Caller;
use files::Seen;

/// Between two looks for folders that are due.
const TICK: std::time::Duration = std::time::Duration::from_millis(200);

/// One system's folder at work.
struct Room<'r> {
    exchange: &'r Exchange,
    caller: Caller,
    watched: Watched,
    root: PathBuf,
}

/// Looks after every folder of the live revision until told to stop. `root` is the gateway's own folder.
pub async fn run(exchange: Arc<Exchange>, root: PathBuf, mut stop: watch::Receiver<bool>) {
    let mut known: HashMap<SystemName, (Seen, Instant)> = HashMap::new();
    loop {
        for room in rooms(&exchange, &root) {
            let name = room.caller.name().to_owned();
            let (seen, due) = known.entry(name.clone()).or_insert_with(|| (Seen::default(), Instant::now()));
            if *due > Instant::now() || *stop.borrow() {
                continue;
            }
            if let Err(error) = room.round(seen).await {
                tracing::warn!(system = name, error = %error.detail, "a watched folder could not be worked on; it is looked at again");
            }
            *due = Instant::now() + room.watched.every;
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

fn rooms<'r>(exchange: &'r Arc<Exchange>, root: &Path) -> Vec<Room<'r>> {
    let revision = exchange.desk.live.newest();
    let watched = revision.systems.values().filter_map(|system| Some((&system.name, system.folder.clone()?)));
    let room = |(name, watched): (&SystemName, Watched)| {
        let caller = Caller::local(Arc::clone(&revision), name)?;
        let root = root.join(&watched.path);
        Some(Room { exchange, caller, watched, root })
    };
    watched.filter_map(room).collect()
}

impl Room<'_> {
    /// Files first, then what is addressed to the system: an answer to a file can be in `out` in the same round.
    async fn round(&self, seen: &mut Seen) -> Result<(), Refusal> {
        self.furnish().await?;
        self.take(seen).await?;
        self.give().await
    }

    async fn furnish(&self) -> Result<(), Refusal> {
        let (root, kinds) = (self.root.clone(), self.watched.kinds.clone());
        blocking(move || {
            for folder in ["drop/attachments", "drop/outcomes", "done", "failed", "out"] {
                std::fs::create_dir_all(root.join(folder))?;
            }
            kinds.iter().try_for_each(|told| std::fs::create_dir_all(root.join("drop").join(&told.folder)))
        })
        .await
    }
}

/// File work off the threads that serve everyone. A full disk passes, and so may anything else here: it is done again.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Refusal> {
    let failed = |what: String| Refusal::new(Code::Overloaded, what);
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.to_string()))?;
    done.map_err(|error| failed(error.to_string()))
}
