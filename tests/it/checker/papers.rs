//! Strict lanes: an earlier delivery is settled before a later one comes (push), or stands before it (feed). Corrections
//! have their own places: that of what they supersede, or next behind what had left, before anything still queued.

use super::Tick;
use super::world::{Track, World};

/// How long a delivery that is being encoded for a feed may take to get its position.
pub(super) const IN_FLIGHT: Tick = 5_000_000;

pub(super) fn lanes(world: &World<'_>, found: &mut Vec<String>) {
    world.pairs(false, |earlier, later| {
        if let Some(words) = wrong(world, earlier, later) {
            found.push(format!(
                "order at {}: `{}` ({}) and then `{}` ({}): {words}",
                earlier.office, earlier.sent.mark, earlier.delivery, later.sent.mark, later.delivery
            ));
        }
    });
}

fn wrong(world: &World<'_>, earlier: &Track<'_>, later: &Track<'_>) -> Option<&'static str> {
    if world.may_pass(earlier, later) {
        return if goes_first(world, earlier, later) {
            overtaken(later, earlier)
                .map(|_| "the later one corrects what had left, and did not go before what was queued")
        } else {
            at_once(earlier, later)
        };
    }
    if was_there_already(earlier, later) {
        return None;
    }
    overtaken(earlier, later)
}

/// A correction that may pass must pass where its original was unsettled when it was accepted: that one held the lane, so
/// that everything behind it was queued. (In a feed what is shown holds nobody, and among corrections the order is free.)
fn goes_first(world: &World<'_>, earlier: &Track<'_>, later: &Track<'_>) -> bool {
    let Some(original) = later.follows.and_then(|id| world.tracks.get(id)) else { return false };
    let accepted = later.placed.1;
    let held = original.shares_a_key(earlier) && original.settled().is_none_or(|settled| settled > accepted);
    let queued = earlier.first().is_none_or(|first| first > accepted);
    held && queued && earlier.follows.is_none() && !original.attempts.is_empty()
}

/// Nobody knows from outside which of the two was to go first; but one waited for the other.
fn at_once(one: &Track<'_>, other: &Track<'_>) -> Option<&'static str> {
    let (Some(one_came), Some(other_came)) = (one.first(), other.first()) else { return None };
    let pulled = one.position.is_some() || other.position.is_some();
    let done = |track: &Track<'_>, before: Tick| track.settled().is_some_and(|settled| settled < before);
    (!pulled && !done(one, other_came) && !done(other, one_came)).then_some("both were under way at once")
}

/// Positions of a feed are never given twice: a correction of what stood there unseen stands at the feed's end, behind
/// what had a position already when the correction was accepted; but not behind what got its position only after that.
fn was_there_already(earlier: &Track<'_>, later: &Track<'_>) -> bool {
    let in_feed = earlier.position.is_some() && later.position.is_some();
    let took_a_place = earlier.place < earlier.index && later.index < earlier.index;
    in_feed && took_a_place && later.absent.is_none_or(|absent| absent <= earlier.accepted + IN_FLIGHT)
}

/// `None` where `later` kept behind `earlier`.
fn overtaken(earlier: &Track<'_>, later: &Track<'_>) -> Option<&'static str> {
    if let (Some(before), Some(after)) = (earlier.position, later.position) {
        return (after < before).then_some("the feed shows them the other way round");
    }
    if earlier.position.is_some() || later.position.is_some() {
        return (later.position.is_some()).then_some("only the later one is in the feed");
    }
    let started = later.first()?;
    match earlier.settled() {
        Some(settled) if settled < started => None,
        Some(_) => Some("the later one came before the earlier one was settled"),
        None => Some("the later one came, the earlier one was never settled"),
    }
}
