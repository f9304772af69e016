//! Alerts: what a person must see at once, by the rules of `config/rules.toml`. The journal raises and ends them (one row a
//! rule and subject); here is who looks, how often, and who is told. Nothing here changes a delivery, and nothing waits for it.

mod notice;
mod webhook;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use notice::{about, shown};
pub use webhook::{Teller, run as tell};

use crate::clock::Clock;
use crate::config::settings::ReadLimits;
use crate::config::{AlertRule, Revision};
use crate::dispatch::standing::Standings;
use crate::journal::{Alert, AlertVerb, Journal, Watch, Watched};
use crate::live::Live;
use crate::readers::Readers;

/// After a look that failed the next one is no sooner.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Who looks.
pub struct Watchman {
    /// Where everything is.
    pub journal: Arc<dyn Journal>,
    /// The rules of the moment.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Which systems answer.
    pub standings: Arc<Standings>,
    /// Who looks at how much.
    pub readers: Arc<Readers>,
    /// How much may be looked at where a system's file does not say.
    pub reads: ReadLimits,
    /// Between two looks.
    pub every: Duration,
    /// Somebody is to be told of what changes.
    pub tell: bool,
    /// Rung when something changed.
    pub changed: watch::Sender<u64>,
}

/// Looks until told to stop.
pub async fn run(watchman: Watchman, mut stop: watch::Receiver<bool>) {
    let mut pause = watchman.every;
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = watchman.every;
        match watchman.journal.alert(AlertVerb::Watch(Box::new(watchman.order()))).await {
            Ok(news) if news.is_empty() => {}
            Ok(news) => {
                news.iter().for_each(report);
                watchman.changed.send_modify(|times| *times = times.wrapping_add(1));
            }
            Err(error) => {
                tracing::warn!(%error, "the watch for alerts failed; it goes on");
                // A write that fails on a full disk costs the store more than one that was never asked for.
                pause = pause.max(AFTER_FAILURE);
            }
        }
    }
}

impl Watchman {
    fn order(&self) -> Watch {
        let revision = self.live.newest();
        let known = self.standings.known();
        let there = |system: &String| revision.systems.get(system).is_some_and(|system| system.push.is_some());
        let pushed = revision.systems.values().filter(|system| system.push.is_some());
        let now = self.clock.now();
        let limits =
            |name: &str| revision.systems.get(name).map_or(self.reads, |system| system.limits.reads(self.reads));
        Watch {
            readers: self.readers.all_over(now, limits),
            rules: revision.rules.alerts.iter().map(|rule| watched(&revision, rule)).collect(),
            unknown: pushed.map(|system| system.name.clone()).filter(|name| !known.contains_key(name)).collect(),
            away: known
                .into_iter()
                .filter(|(name, _)| there(name))
                .filter_map(|(name, at)| Some((name, at?)))
                .collect(),
            now,
            tell: self.tell,
        }
    }
}

/// A rule as the journal applies it: pillars are systems there.
fn watched(revision: &Revision, rule: &AlertRule) -> Watched {
    let serves = |pillar: &String| rule.to.contains(pillar);
    let systems: BTreeSet<_> =
        revision.systems.values().filter(|system| serves(&system.pillar)).map(|system| system.name.clone()).collect();
    Watched {
        name: rule.name.clone(),
        cause: rule.cause,
        after: rule.after,
        lane: rule.lane,
        kinds: rule.kinds.clone(),
        systems: (!rule.to.is_empty()).then_some(systems),
        codes: rule.codes.clone(),
    }
}

fn report(alert: &Alert) {
    let Alert { number, rule, subject, times, .. } = alert;
    let (subject, system, office, kind) = (&subject.name, &subject.system, &subject.office, &subject.kind);
    let code = alert.subject.code.as_deref().unwrap_or_default();
    match alert.ended_at {
        None => tracing::warn!(alert = number, rule, subject, system, office, kind, code, times, "alert"),
        Some(_) => tracing::info!(alert = number, rule, subject, system, office, kind, code, "alert is over"),
    }
}
