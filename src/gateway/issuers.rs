//! Looks at the keys that others publish, for `tokens::Ring`: each address when it is due, all at once, so that a slow one holds
//! up no other. Redirects are not followed and only whom `[outbound]` allows is asked: it is the one door of pushes. What was
//! learnt is kept in `data/published-keys.json`, so that a restart while an issuer is down locks nobody out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Core, Ended, Gateway};
use crate::clock::Clock;
use crate::dispatch::push::{Door, DoorError};
use crate::keys::write_secret;
use crate::live::Live;
use crate::telemetry;
use crate::tokens::ring::{Kept, Learnt, MOST_BYTES, Ring};

/// The longest that one look takes.
const LOOK: Duration = Duration::from_secs(5);
/// Between two questions of what is due.
const TURN: Duration = Duration::from_millis(500);

/// Who looks.
struct Looker {
    ring: Arc<Ring>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    door: Arc<Door>,
    file: PathBuf,
}

/// What a look brought, and from where.
type Look = (Arc<str>, Result<Bytes, &'static str>);

impl Gateway {
    /// Starts it, and gives what it fills.
    pub(super) fn look_at_keys(&mut self, core: &Core, ring: &Arc<Ring>, data: &Path) -> Result<Arc<Ring>, Ended> {
        let looker = Looker::new(core, ring, data).map_err(|error| Ended::bug(&error))?;
        self.part("published keys", run(looker, core.stopping.clone()));
        Ok(Arc::clone(ring))
    }
}

/// Looks until told to stop.
async fn run(looker: Looker, mut stop: watch::Receiver<bool>) {
    let (mut bell, mut looks) = (looker.ring.bell(), JoinSet::<Look>::new());
    loop {
        bell.mark_unchanged();
        let revision = looker.live.newest();
        let urls = revision.systems.values().flat_map(|system| system.trust.addresses());
        for url in looker.ring.due(urls, looker.clock.steady()) {
            let door = Arc::clone(&looker.door);
            looks.spawn(async move {
                let brought = door.fetch(&url, LOOK, MOST_BYTES).await;
                (url, brought)
            });
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = bell.changed() => {}
            Some(Ok((url, brought))) = looks.join_next() => looker.learn(&url, brought),
            () = tokio::time::sleep(TURN) => {}
        }
    }
}

/// Takes up what an earlier process kept. A file that cannot be read is said; the next look writes it anew.
fn restore(ring: &Ring, file: &Path, clock: &dyn Clock) {
    let kept = match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice::<Vec<Kept>>(&bytes).map_err(|error| error.to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => Err(error.to_string()),
    };
    match kept {
        Ok(kept) => ring.restore(kept, clock.moment()),
        Err(error) => tracing::warn!(error, "published keys that were kept cannot be read; they are fetched anew"),
    }
}

impl Looker {
    /// Built of the gateway's parts. What an earlier process knew is known again.
    fn new(core: &Core, ring: &Arc<Ring>, data: &Path) -> Result<Self, DoorError> {
        let file = data.join("published-keys.json");
        restore(ring, &file, core.clock.as_ref());
        let (live, clock, door) = (Arc::clone(&core.live), Arc::clone(&core.clock), Arc::new(core.door()?));
        Ok(Self { ring: Arc::clone(ring), live, clock, door, file })
    }

    fn learn(&self, url: &str, brought: Result<Bytes, &'static str>) {
        let learnt = self.ring.learn(url, brought.as_deref().map_err(|class| *class), self.clock.moment());
        match learnt {
            Learnt::Same => telemetry::keys_looked_at("taken"),
            Learnt::News => {
                telemetry::keys_looked_at("taken");
                tracing::info!(url, "published keys were taken up");
            }
            Learnt::StillWrong(class) => telemetry::keys_looked_at(class),
            Learnt::Wrong(class) => {
                telemetry::keys_looked_at(class);
                tracing::warn!(
                    url,
                    class,
                    "published keys cannot be had; those that are known stay good for `keys_stale_after`"
                );
            }
        }
        if matches!(learnt, Learnt::Same | Learnt::News) {
            self.keep();
        }
    }

    fn keep(&self) {
        let text = serde_json::to_string(&self.ring.kept()).map_err(std::io::Error::from);
        if let Err(error) = text.and_then(|text| write_secret(&self.file, &text)) {
            tracing::warn!(%error, "published keys cannot be kept for a restart");
        }
    }
}
