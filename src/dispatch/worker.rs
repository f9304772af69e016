//! Who calls `dispatch`: one claiming loop for each receiving system, so that a slow partner slows nobody else.
//! Wake hints make it quick, polling makes it true. A loop holds at most its system's `in_flight` deliveries, one place of
//! which is kept for liberty. Loops follow the live revision; a loop that panics ends the process, never only itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::breaker::Admits;
use super::{Post, Reach, dispatch};
use crate::config::System;
use crate::identifiers::SystemName;
use crate::journal::wakes::Hint;
use crate::journal::{ClaimAsk, JournalError, Lease};

/// Deliveries of a feed system encoded at once: no partner waits, so this only bounds memory.
const FEED_IN_FLIGHT: usize = 64;
/// A claim waits this long for places to gather, so that claims of a busy system come in batches.
const GATHER: Duration = Duration::from_millis(2);
/// After a storage error that may pass (a full disk) a loop waits so long.
const STORAGE_PAUSE: Duration = Duration::from_secs(1);

/// What the loops need beside the post.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often the queue is looked through when nothing announces work.
    pub poll: Duration,
    /// How long a worker owns a delivery, at least; never less than twice its system's push timeout.
    pub lease: Duration,
}

/// Runs a loop for each system of the live revision until `stop` turns true, then waits for what is under way.
pub async fn run(post: Arc<Post>, pace: Pace, mut stop: watch::Receiver<bool>) {
    let mut changes = post.live.changes();
    let mut loops: JoinSet<SystemName> = JoinSet::new();
    let mut running: HashMap<SystemName, watch::Sender<bool>> = HashMap::new();
    while !*stop.borrow_and_update() {
        let revision = post.live.newest();
        changes.mark_unchanged();
        for name in revision.systems.keys().filter(|name| !running.contains_key(*name)).cloned().collect::<Vec<_>>() {
            let (end, ends) = watch::channel(false);
            loops.spawn(serve(Arc::clone(&post), pace, name.clone(), ends));
            running.insert(name, end);
        }
        for (_, end) in running.iter().filter(|(name, _)| !revision.systems.contains_key(*name)) {
            end.send_replace(true);
        }
        tokio::select! {
            _ = changes.changed() => {}
            _ = stop.changed() => {}
            Some(ended) = loops.join_next() => {
                if let Some(name) = survived(ended) {
                    running.remove(&name);
                }
            }
        }
    }
    for end in running.values() {
        end.send_replace(true);
    }
    while let Some(ended) = loops.join_next().await {
        survived(ended);
    }
}

/// One system's loop.
async fn serve(post: Arc<Post>, pace: Pace, name: SystemName, mut stop: watch::Receiver<bool>) -> SystemName {
    let mut wakes = post.journal.wakes().listen(&name, Hint::Due);
    let reach = Arc::new(Reach::new(&post));
    let mut under_way: JoinSet<bool> = JoinSet::new();
    let mut liberty_under_way = 0_usize;
    while !*stop.borrow_and_update() {
        wakes.mark_unchanged();
        let revision = post.live.newest();
        let Some(system) = revision.systems.get(&name) else { break };
        let places = places(system);
        if let Some(ask) = ask(&post, pace, system, &reach, under_way.len(), liberty_under_way) {
            for lease in claim(&post, ask).await {
                liberty_under_way += usize::from(is_liberty(&lease));
                under_way.spawn(attempt(Arc::clone(&post), Arc::clone(&reach), lease));
            }
        }
        // Everything that is due and has a place was taken: something must change before there is more.
        tokio::select! {
            _ = wakes.changed() => {}
            _ = stop.changed() => {}
            Some(ended) = under_way.join_next() => liberty_under_way -= usize::from(survived(ended) == Some(true)),
            () = tokio::time::sleep(pause(&post, pace, &reach)) => {}
        }
        liberty_under_way -= gather(&mut under_way, places).await;
    }
    while let Some(ended) = under_way.join_next().await {
        survived(ended);
    }
    name
}

/// Takes what has ended, and waits a moment for more while less than a quarter of the places is free: a claim is a
/// transaction. Gives back how many of them were liberty.
async fn gather(under_way: &mut JoinSet<bool>, places: usize) -> usize {
    let mut liberty = 0;
    let until = Instant::now() + GATHER;
    loop {
        while let Some(ended) = under_way.try_join_next() {
            liberty += usize::from(survived(ended) == Some(true));
        }
        let free = places.saturating_sub(under_way.len());
        if free * 4 >= places || under_way.is_empty() {
            return liberty;
        }
        match timeout_at(until, under_way.join_next()).await {
            Ok(Some(ended)) => liberty += usize::from(survived(ended) == Some(true)),
            Ok(None) | Err(_) => return liberty,
        }
    }
}

/// What to claim now; `None` where every place is taken.
fn ask(post: &Post, pace: Pace, system: &System, reach: &Reach, taken: usize, liberty: usize) -> Option<ClaimAsk> {
    let now = post.clock.moment();
    let places = places(system);
    let kept = usize::from(system.push.is_some());
    // One place more than `in_flight` would be a breach of promise, one less for ordinary records is not noticed; with a
    // single place there is nothing to keep, and liberty comes next.
    let ordinary = if places > 1 { places - kept } else { places };
    let free = ordinary.saturating_sub(taken.saturating_sub(liberty));
    let (limit, liberty_only) = match reach.lock().admits(now.wall) {
        Admits::All if free > 0 && taken < places => (free.min(places - taken), false),
        Admits::Probe if taken < places => (1, false),
        _ => (places.saturating_sub(taken), true),
    };
    let lease = system.push.as_ref().map_or(pace.lease, |push| pace.lease.max(push.timeout * 2));
    (limit > 0).then(|| ClaimAsk { system: system.name.clone(), limit, lease, now, liberty_only })
}

fn places(system: &System) -> usize {
    if system.push.is_some() { system.limits.in_flight.max(1) } else { FEED_IN_FLIGHT }
}

async fn claim(post: &Post, ask: ClaimAsk) -> Vec<Lease> {
    let system = ask.system.clone();
    match post.journal.claim(ask).await {
        Ok(leases) => leases,
        Err(JournalError::Closed) => Vec::new(),
        Err(error) => {
            tracing::error!(system, %error, "deliveries cannot be claimed");
            tokio::time::sleep(STORAGE_PAUSE).await;
            Vec::new()
        }
    }
}

/// One delivery to its end; gives back whether it was liberty.
async fn attempt(post: Arc<Post>, reach: Arc<Reach>, lease: Lease) -> bool {
    match dispatch(&post, &reach, &lease).await {
        Ok(()) | Err(JournalError::Closed) => {}
        Err(JournalError::StaleLease) => {
            // Another attempt has it, with the same id and the same bytes: nothing to do.
            tracing::info!(delivery = %lease.token.delivery, system = %lease.system, "lease was lost before it was settled");
        }
        Err(error) => {
            // Not settled: the lease ends by itself, and the delivery is due again.
            tracing::error!(delivery = %lease.token.delivery, system = %lease.system, %error, "delivery could not be settled");
        }
    }
    is_liberty(&lease)
}

fn is_liberty(lease: &Lease) -> bool {
    lease.lane == crate::journal::Lane::Liberty
}

/// Until the next look: the next probe of an open breaker, or the poll.
fn pause(post: &Post, pace: Pace, reach: &Reach) -> Duration {
    let next = reach.lock().next_probe().map(|at| at.since(post.clock.now()).max(Duration::from_millis(10)));
    next.map_or(pace.poll, |next| next.min(pace.poll))
}

/// What a task gave back; `None` only for one that was cancelled. A panic in it is a bug of ours: it goes on up, and the
/// process ends rather than carrying on with a part missing.
fn survived<T>(ended: Result<T, JoinError>) -> Option<T> {
    ended.map_err(|error| error.try_into_panic().map(|panic| std::panic::resume_unwind(panic))).ok()
}
