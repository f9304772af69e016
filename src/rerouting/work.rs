//! Works off the causes of re-routing: what waited because nobody knew better is decided anew, some messages at a time, each
//! step durable with its progress. Accepting goes on between the steps; a crash in between goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Known, MOST_HOPS, Rerouting, SENT_ON};
use crate::config::Destination;
use crate::identifiers::{DeliveryId, MessageId};
use crate::journal::wakes::Hint;
use crate::journal::{Action, DeliveryView, JournalError, Lane, MessageView, Move, Moving, State, StrayVerb};

/// Messages of one step: what a writer does for them holds nobody up for long.
const STEP: usize = 128;
/// Messages that one task decides about; the tasks of a step run side by side.
const SHARE: usize = 32;
/// Between two looks when nothing rings.
const POLL: Duration = Duration::from_secs(1);
/// How a delivery that was sent elsewhere says so.
const AGAIN: &str = "; routed again, before";

/// Works until told to stop.
pub async fn run(rerouting: Arc<Rerouting>, mut stop: watch::Receiver<bool>) {
    let mut bell = rerouting.journal.wakes().listen("", Hint::Due);
    while !*stop.borrow() {
        match rerouting.step().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "waiting deliveries could not be routed again; it is tried again"),
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = bell.changed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

impl Rerouting {
    /// One step; false where there is nothing to do now.
    pub async fn step(self: &Arc<Self>) -> Result<bool, JournalError> {
        let step = self.journal.stray(StrayVerb::Next(STEP)).await?;
        // A revision goes live a moment after it is written.
        if step.cause == 0 || step.revision > self.live.newest().number {
            return Ok(false);
        }
        let mut tasks: Vec<JoinHandle<Result<Vec<Move>, JournalError>>> = Vec::new();
        for share in step.messages.chunks(SHARE) {
            let (this, share) = (Arc::clone(self), share.to_vec());
            tasks.push(tokio::spawn(async move { this.decide_all(&share).await }));
        }
        let mut moves = Vec::new();
        for task in tasks {
            moves.extend(task.await.map_err(|error| JournalError::Storage(error.to_string()))??);
        }
        if !moves.is_empty() {
            tracing::info!(cause = step.cause, deliveries = moves.len(), "routed again");
        }
        self.journal.stray(StrayVerb::Moved(step, moves)).await?;
        Ok(true)
    }

    async fn decide_all(&self, messages: &[MessageId]) -> Result<Vec<Move>, JournalError> {
        let mut moves = Vec::new();
        for id in messages {
            match self.decide(*id).await {
                Ok(found) => moves.extend(found),
                Err(JournalError::Damaged(place)) => {
                    tracing::warn!(message.id = %id, place, "a damaged record is not routed again");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(moves)
    }

    /// What becomes of the waiting deliveries of one message.
    async fn decide(&self, id: MessageId) -> Result<Vec<Move>, JournalError> {
        let Some(view) = self.journal.message(id).await? else { return Ok(Vec::new()) };
        if view.head.replaced_by.is_some() || !view.deliveries.iter().any(strays) {
            return Ok(Vec::new());
        }
        let Some(known) = self.known(&view).await? else { return Ok(Vec::new()) };
        let now = known.revision.route(&view.head.kind, &known.shared, &known.facts, &known.snapshot);
        let unplaced = now.iter().filter(|to| to.office.is_none()).count();
        let mut plan = Plan { unplaced, fresh: Vec::new(), served: served(&view) };
        plan.fresh = now.iter().filter(|to| to.code.is_none() && !has(&view, to)).cloned().collect();
        plan.fresh.retain(|to| to.office.is_some());
        let mut moves = Vec::new();
        for delivery in view.deliveries.iter().filter(|one| strays(one)) {
            let to = match plan.next(delivery, &now) {
                Next::Stay => continue,
                Next::Nowhere => Moving::Nowhere,
                Next::To(to) => Moving::Elsewhere(Box::new(self.again_to(to, &view, delivery, &known))),
            };
            moves.push(Move { delivery: delivery.id, was: delivery.office.clone(), to });
        }
        // What waited for several routes at once goes wherever each of them leads.
        for delivery in view.deliveries.iter().filter(|one| strays(one) && one.office.is_none()) {
            while let Some(to) = plan.of_any_route(&delivery.why) {
                let to = Moving::Besides(Box::new(self.again_to(to, &view, delivery, &known)));
                moves.push(Move { delivery: delivery.id, was: None, to });
            }
        }
        // Where somebody is claimed by another prison besides, it gets the order too.
        for delivery in view.deliveries.iter().filter(|one| strays(one) && one.lane == Lane::Liberty) {
            while let Some(to) = plan.beside(delivery) {
                let to = Moving::Besides(Box::new(self.again_to(to, &view, delivery, &known)));
                moves.push(Move { delivery: delivery.id, was: delivery.office.clone(), to });
            }
        }
        Ok(moves)
    }

    fn again_to(
        &self,
        mut to: Destination,
        view: &MessageView,
        was: &DeliveryView,
        known: &Known,
    ) -> crate::journal::NewDelivery {
        let hopped =
            |one: &&DeliveryView| one.id != was.id && (one.why.contains(AGAIN) || one.why.starts_with(SENT_ON));
        if view.deliveries.iter().filter(hopped).count() >= MOST_HOPS {
            to.code = Some("too-many-hops".to_owned());
        }
        let before = was.office.as_ref().map(|office| office.as_str()).or(was.code.as_deref()).unwrap_or("held");
        to.why = format!("{}{AGAIN} {before}", to.why);
        self.delivery(to, view, was, known)
    }
}

/// What is left to be placed.
struct Plan {
    /// Offices that have not got the message yet.
    fresh: Vec<Destination>,
    /// Destinations that still have no office.
    unplaced: usize,
    /// The routes of all deliveries: where one leads now is no place for what waits by another.
    served: Vec<(DeliveryId, String)>,
}

enum Next {
    Stay,
    Nowhere,
    To(Destination),
}

impl Plan {
    fn next(&mut self, delivery: &DeliveryView, now: &[Destination]) -> Next {
        let here = delivery.office.as_ref().and_then(|office| now.iter().find(|to| to.office.as_ref() == Some(office)));
        if let Some(to) = here {
            let ends = delivery.state == State::Held && to.hold.is_none() && to.code.is_none();
            return if ends { Next::To(to.clone()) } else { Next::Stay };
        }
        if let Some(to) = self.of_route(&delivery.why) {
            return Next::To(to);
        }
        if delivery.office.is_some() {
            return Next::Stay;
        }
        let others = || self.served.iter().filter(|(id, _)| *id != delivery.id);
        let unserved = |to: &Destination| !others().any(|(_, one)| one == route(&to.why));
        if let Some(at) = self.fresh.iter().position(unserved) {
            return Next::To(self.fresh.remove(at));
        }
        if self.unplaced > 0 {
            self.unplaced -= 1;
            return Next::Stay;
        }
        Next::Nowhere
    }

    /// The next office of the kind to which a delivery goes: whichever route led there, whom the record names or where the
    /// person is.
    fn beside(&mut self, delivery: &DeliveryView) -> Option<Destination> {
        let class = delivery.office.as_ref()?.class();
        let alike = |to: &Destination| to.office.as_ref().is_some_and(|office| office.class() == class);
        let at = self.fresh.iter().position(alike)?;
        Some(self.fresh.remove(at))
    }

    /// The next office that the route of a delivery leads to.
    fn of_route(&mut self, why: &str) -> Option<Destination> {
        let at = self.fresh.iter().position(|to| route(&to.why) == route(why))?;
        Some(self.fresh.remove(at))
    }

    /// The next office that one of the routes leads to which a delivery names.
    fn of_any_route(&mut self, why: &str) -> Option<Destination> {
        let at = self.fresh.iter().position(|to| why.split("; ").any(|one| route(one) == route(&to.why)))?;
        Some(self.fresh.remove(at))
    }
}

/// The route that a reason names first.
pub(super) fn route(why: &str) -> &str {
    why.split(": ").next().unwrap_or_default()
}

/// The routes of a message's deliveries: those by which it has gone to an office, and those by which something waits.
fn served(view: &MessageView) -> Vec<(DeliveryId, String)> {
    let gone = |one: &DeliveryView| matches!(one.state, State::Recalled | State::Superseded);
    let made = view.deliveries.iter().filter(|one| !gone(one));
    made.flat_map(|one| one.why.split("; ").map(|why| (one.id, route(why).to_owned()))).collect()
}

/// See `Open::strays`. A withdrawal goes to whoever had the record, and nowhere else.
fn strays(one: &DeliveryView) -> bool {
    let waits = one.state == State::Held || (one.state == State::Parked && one.office.is_none());
    let open = matches!(
        one.state,
        State::Queued | State::Sending | State::Retrying | State::Held | State::Available | State::Parked
    );
    one.action != Action::Withdraw && (waits || (one.lane == Lane::Liberty && open))
}

/// An office has the message, or is about to; one that said it is not its business has not.
pub(super) fn has(view: &MessageView, to: &Destination) -> bool {
    let gone = |one: &DeliveryView| matches!(one.state, State::Recalled | State::Superseded);
    view.deliveries.iter().any(|one| to.office.is_some() && one.office == to.office && !gone(one))
}
