//! The watch for alerts and the one who tells of them, as parts of the gateway.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Core, Ended, Gateway};
use crate::alerts::{self, Teller, Watchman};
use crate::config::ConfigError;
use crate::config::settings::FILE;
use crate::dispatch::push::Hook;
use crate::readers::Readers;
use crate::revisions;

impl Gateway {
    /// Starts them: somebody always looks, and somebody tells where `[alerts] webhook` says whom.
    pub(super) fn watch(&mut self, core: &Core, readers: Arc<Readers>, dir: &Path) -> Result<(), Ended> {
        let settings = &core.settings.alerts;
        let (changed, hears) = watch::channel(0);
        let watchman = Watchman {
            journal: Arc::clone(&core.journal),
            live: Arc::clone(&core.live),
            clock: Arc::clone(&core.clock),
            standings: Arc::clone(&core.standings),
            readers: Arc::clone(&readers),
            reads: core.settings.rates.reads,
            every: settings.every,
            tell: settings.webhook.is_some(),
            changed,
        };
        let (journal, now, mut stop) = (Arc::clone(&core.journal), core.clock.now(), core.stopping.clone());
        self.part("memory of readers", async move {
            if let Err(error) = readers.recall(&*journal, now).await {
                tracing::warn!(%error, "who looked at how much before this start is not known");
            }
            _ = stop.wait_for(|stop| *stop).await;
        });
        self.part("watch for alerts", alerts::run(watchman, core.stopping.clone()));
        let Some(url) = settings.webhook.clone() else { return Ok(()) };
        let hmac_secret = settings.hmac_secret_file.as_deref().map(|file| secret(dir, file)).transpose()?;
        let door = core.door();
        let teller = Teller {
            journal: Arc::clone(&core.journal),
            live: Arc::clone(&core.live),
            clock: Arc::clone(&core.clock),
            door: door.map_err(|error| Ended::bug(&error))?,
            hook: Hook { url, timeout: settings.timeout, hmac_secret },
            pauses: core.pauses(),
        };
        self.part("teller of alerts", alerts::tell(teller, hears, core.stopping.clone()));
        Ok(())
    }
}

fn secret(dir: &Path, file: &str) -> Result<Vec<u8>, Ended> {
    revisions::read_secret(dir, file).map_err(|reason| {
        let message = format!("`hmac_secret_file` of [alerts] names `{file}`: {reason}");
        Ended::configuration(&[ConfigError { file: FILE.to_owned(), line: 0, message }])
    })
}
