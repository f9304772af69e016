//! Tells one listener of alerts: a signed POST after Standard Webhooks when one is raised and when it has ended. What was not
//! told is in the journal, so that a restart forgets nothing; the id stays the same over all attempts, for who got it twice.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::watch;

use super::notice;
use crate::clock::Clock;
use crate::dispatch::push::{Door, Hook, Posted};
use crate::dispatch::retry::Pauses;
use crate::journal::{Alert, AlertVerb, Journal, JournalError, Lane};
use crate::live::Live;

/// Notices read from the journal at once.
const PAGE: usize = 50;

/// Who tells, and whom.
pub struct Teller {
    /// What was not told yet.
    pub journal: Arc<dyn Journal>,
    /// For the labels of orders.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub door: Door,
    /// To whom.
    pub hook: Hook,
    /// Between attempts: as for liberty.
    pub pauses: Pauses,
}

/// Tells until told to stop. `changed` is rung when there may be something to tell.
pub async fn run(teller: Teller, mut changed: watch::Receiver<u64>, mut stop: watch::Receiver<bool>) {
    let mut failed = 0_u32;
    loop {
        changed.mark_unchanged();
        let pause = match teller.round().await {
            Ok(true) => {
                failed = 0;
                None
            }
            Ok(false) => {
                let pause = teller.pauses.pause(failed, Lane::Liberty, true, None, fastrand::f64());
                failed = failed.saturating_add(1);
                Some(pause)
            }
            Err(error) => {
                tracing::warn!(%error, "alerts cannot be read to be told");
                Some(teller.pauses.liberty_cap)
            }
        };
        let sleep = tokio::time::sleep(pause.unwrap_or(teller.pauses.liberty_cap));
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            // While the listener is away nothing new makes it come back sooner.
            _ = changed.changed(), if pause.is_none() => {}
            () = sleep => {}
        }
    }
}

impl Teller {
    /// Tells all there is to tell, oldest first; false as soon as the listener does not take one.
    async fn round(&self) -> Result<bool, JournalError> {
        loop {
            let untold = self.journal.alert(AlertVerb::Untold { limit: PAGE }).await?;
            if untold.is_empty() {
                return Ok(true);
            }
            for alert in untold {
                if !self.tell(&alert).await? {
                    return Ok(false);
                }
                self.journal.alert(AlertVerb::Told(Box::new(alert))).await?;
            }
        }
    }

    async fn tell(&self, alert: &Alert) -> Result<bool, JournalError> {
        let revision = self.live.newest();
        let order = notice::about(self.journal.as_ref(), &revision, alert).await?;
        let (word, at) = match alert.ended_at {
            None => ("raised", alert.last_at),
            Some(at) => ("ended", at),
        };
        let body = json!({
            "type": format!("alert.{word}"),
            "timestamp": at.to_string(),
            "data": notice::shown(alert, order.as_deref()),
        });
        let id = format!("alert_{}_{}_{word}", alert.number, alert.times);
        let body = Bytes::from(body.to_string());
        let answer = self.door.tell(&self.hook, &id, body, self.clock.now()).await;
        let number = alert.number;
        match answer {
            Posted::Answered(reply) if (200..300).contains(&reply.status) => Ok(true),
            Posted::Answered(reply) => {
                tracing::warn!(alert = number, status = reply.status, "the listener of alerts did not take a notice");
                Ok(false)
            }
            Posted::Unreachable(class) => {
                tracing::warn!(alert = number, class, "the listener of alerts cannot be reached");
                Ok(false)
            }
        }
    }
}
