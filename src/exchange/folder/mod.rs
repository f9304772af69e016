//! Watched folders: systems that cannot call put files into `drop`, find them in `done` or `failed` with the answer beside,
//! and find what is addressed to them in `out`. The same doors as over HTTP: nothing is decided here.
//! A kill at any moment is made good by doing the step again: a file is named by its digest, a delivery by its id.

mod guarded;
mod files;
mod taking;
mod giving;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Exchange;
use crate::accept::{Code, Refusal};
use crate::config::Watched;
use crate::identifiers::SystemName;
use crate::tokens::Caller;
use files::Seen;
use guarded::Shelf;

/// Between two looks for folders that are due.
const TICK: std::time::Duration = std::time::Duration::from_millis(200);

/// One system's folder at work.
struct Room {
    exchange: Arc<Exchange>,
    caller: Caller,
    watched: Watched,
    root: PathBuf,
}

/// What is kept between two looks at one folder, locked while one goes on.
#[derive(Default)]
struct Turn {
    seen: Seen,
    due: Option<Instant>,
}

/// Looks after every folder of the live revision until told to stop. `root` is the gateway's own folder. Each system has
/// looks of its own: a huge file in one folder does not hold up what lies in another.
pub async fn run(exchange: Arc<Exchange>, root: PathBuf, mut stop: watch::Receiver<bool>) {
    let mut known: HashMap<SystemName, Arc<Mutex<Turn>>> = HashMap::new();
    let mut looks = JoinSet::new();
    loop {
        for room in rooms(&exchange, &root) {
            let turn = Arc::clone(known.entry(room.caller.name().to_owned()).or_default());
            let Ok(mut turn) = turn.try_lock_owned() else { continue };
            if turn.due.is_some_and(|due| due > Instant::now()) || *stop.borrow() {
                continue;
            }
            looks.spawn(async move {
                if let Err(error) = room.round(&mut turn.seen).await {
                    let system = room.caller.name();
                    tracing::warn!(system, error = %error.detail, "a watched folder could not be worked on; it is looked at again");
                }
                turn.due = Some(Instant::now() + room.watched.every);
            });
        }
        while looks.try_join_next().is_some() {}
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(TICK) => {}
        }
    }
    while looks.join_next().await.is_some() {}
}

fn rooms(exchange: &Arc<Exchange>, root: &Path) -> Vec<Room> {
    let revision = exchange.desk.live.newest();
    let watched = revision.systems.values().filter_map(|system| Some((&system.name, system.folder.clone()?)));
    let room = |(name, watched): (&SystemName, Watched)| {
        let caller = Caller::local(Arc::clone(&revision), name)?;
        let root = root.join(&watched.path);
        Some(Room { exchange: Arc::clone(exchange), caller, watched, root })
    };
    watched.filter_map(room).collect()
}

impl Room {
    /// Files first, then what is addressed to the system: an answer to a file can be in `out` in the same round. What stops
    /// the one does not stop the other.
    async fn round(&self, seen: &mut Seen) -> Result<(), Refusal> {
        self.furnish().await?;
        let taken = self.take(seen).await;
        self.give().await?;
        taken
    }

    /// Makes the folders. One that is a link or a file is refused with its name: the gateway follows none.
    async fn furnish(&self) -> Result<(), Refusal> {
        let (root, kinds) = (self.root.clone(), self.watched.kinds.clone());
        blocking(move || {
            for folder in ["drop", "done", "failed", "out"] {
                Shelf::made(&root, folder)?;
            }
            let own = ["attachments", "outcomes"].into_iter();
            for folder in own.chain(kinds.iter().map(|told| told.folder.as_str())) {
                match Shelf::made(&root, &format!("drop/{folder}")) {
                    // A link or file of that name is taken out of the way like any other in `drop`.
                    Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {}
                    made => drop(made?),
                }
            }
            Ok(())
        })
        .await
    }

    /// Whether the gateway is ending: what lies there is taken by the next one.
    fn stopping(&self) -> bool {
        *self.exchange.stopping.borrow()
    }
}

/// File work off the threads that serve everyone. A full disk passes, and so may anything else here: it is done again.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Refusal> {
    let failed = |what: String| Refusal::new(Code::Overloaded, what);
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.to_string()))?;
    done.map_err(|error| failed(error.to_string()))
}
