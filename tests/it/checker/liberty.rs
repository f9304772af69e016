//! Liberty: a delivery waits for an earlier one only while that one is queued or in its first attempt; whoever passes an
//! unsettled one says so, whoever was passed says so too, and nobody names what has nothing to do with it.

use super::papers::IN_FLIGHT;
use super::world::{Track, World};
use super::{Books, Seen, Tick};

/// How long after a liberty delivery was taken a late attempt of an earlier one must know that it was overtaken.
const KNOWN_AFTER: Tick = 3_000_000;
/// A first attempt holds a later delivery at most so long: the push timeout of the receivers.
const FIRST_ATTEMPT: Tick = 2_000_000;

pub(super) fn liberty(books: &Books, world: &World<'_>, found: &mut Vec<String>) {
    world.pairs(true, |earlier, later| {
        if !world.may_pass(earlier, later) {
            went_before_its_first_attempt(earlier, later, found);
            unsaid_overtaking(earlier, later, found);
        }
        // A correction that passes what is queued names it all the same: it was accepted earlier.
        unsaid_after(earlier, later, found);
        unsaid_on_pages(books, earlier, later, found);
    });
    for track in world.tracks.values().filter(|track| track.sent.liberty) {
        let pushed = track.attempts.iter().map(|seen| (*seen, seen.arrived));
        for (seen, at) in pushed.chain(track.sights.iter().map(|(page, seen)| (*seen, page.asked))) {
            named_after(world, track, seen, at, found);
            named_overtaking(world, track, seen, found);
        }
        unsaid_inheritance(world, track, found);
    }
}

/// When a first attempt was over at the latest, as the gateway could know.
fn first_attempt_over(track: &Track<'_>) -> Option<Tick> {
    let over = |seen: &&Seen| seen.answered.map_or(seen.arrived, |(at, _)| at.min(seen.arrived + FIRST_ATTEMPT));
    track.attempts.iter().map(over).min()
}

fn went_before_its_first_attempt(earlier: &Track<'_>, later: &Track<'_>, found: &mut Vec<String>) {
    let pulled = earlier.position.is_some() || later.position.is_some();
    let Some(came) = later.first().filter(|_| !pulled) else { return };
    if first_attempt_over(earlier).is_none_or(|over| over > came) {
        found.push(format!(
            "liberty at {}: `{}` ({}) went before the first attempt at `{}` ({}) was over",
            later.office, later.sent.mark, later.delivery, earlier.sent.mark, earlier.delivery
        ));
    }
}

/// A list names the hundred oldest at most: a full one may leave anybody out.
const NAMED: usize = 100;

fn names(list: &[String], track: &Track<'_>) -> bool {
    list.len() >= NAMED || list.iter().any(|id| id == track.delivery)
}

fn unsaid_after(earlier: &Track<'_>, later: &Track<'_>, found: &mut Vec<String>) {
    for seen in &later.attempts {
        let settled = earlier.settled().is_some_and(|settled| settled < seen.arrived);
        // A correction that took an earlier one's place is named by what was claimed after it was accepted.
        let known = earlier.index < later.index || earlier.accepted + IN_FLIGHT < seen.arrived;
        if known && !settled && !names(&seen.after, earlier) {
            found.push(format!(
                "liberty at {}: `{}` went while `{}` ({}) was unsettled, and its icjsafter does not name it",
                later.office, later.sent.mark, earlier.sent.mark, earlier.delivery
            ));
        }
    }
}

/// On a page, what is unsettled names every earlier one that was accepted before the page was asked for and that nobody
/// had acknowledged when it had come.
fn unsaid_on_pages(books: &Books, earlier: &Track<'_>, later: &Track<'_>, found: &mut Vec<String>) {
    let acknowledged = |track: &Track<'_>| books.acknowledged.get(track.delivery).copied().unwrap_or(Tick::MAX);
    for (page, seen) in &later.sights {
        let open = acknowledged(earlier) > page.answered && acknowledged(later) > page.answered;
        let known = earlier.index < later.index && earlier.accepted < page.asked;
        if open && known && earlier.position.is_some() && !names(&seen.after, earlier) {
            found.push(format!(
                "liberty feed of {}: `{}` was shown while `{}` ({}) was unsettled, and its icjsafter does not name it",
                later.office, later.sent.mark, earlier.sent.mark, earlier.delivery
            ));
        }
    }
}

fn unsaid_overtaking(earlier: &Track<'_>, later: &Track<'_>, found: &mut Vec<String>) {
    let Some(taken) = later.settled() else { return };
    for seen in earlier.attempts.iter().filter(|seen| seen.arrived > taken + KNOWN_AFTER) {
        if !names(&seen.overtaken_by, later) {
            found.push(format!(
                "liberty at {}: `{}` came {} ms after `{}` was taken, and its icjsovertakenby does not name {}",
                earlier.office,
                earlier.sent.mark,
                (seen.arrived - taken) / 1000,
                later.sent.mark,
                later.delivery
            ));
        }
    }
}

/// `icjsafter` names earlier liberty messages of the person or case, and only while they are unsettled.
fn named_after(world: &World<'_>, track: &Track<'_>, seen: &Seen, at: Tick, found: &mut Vec<String>) {
    for id in &seen.after {
        let why = match world.tracks.get(id.as_str()) {
            None => "which no answer names",
            Some(other) if !other.sent.liberty || !other.shares_a_key(track) => "which it has nothing to do with",
            Some(other) if other.index == track.index => "which is itself",
            Some(other) if other.index > track.index && !stands_before(world, other, track) => "which is not earlier",
            Some(other) if long_settled(other, at) => "which was settled long before",
            Some(_) => continue,
        };
        found.push(format!("liberty at {}: `{}` names {id} in icjsafter, {why}", track.office, track.sent.mark));
    }
}

/// A correction stands at the place of what it superseded, or behind what it corrects, which may be a correction itself:
/// before what was accepted since.
fn stands_before(world: &World<'_>, one: &Track<'_>, other: &Track<'_>) -> bool {
    let original = one.follows.and_then(|id| world.tracks.get(id));
    one.place < other.place || original.is_some_and(|original| stands_before(world, original, other))
}

/// It was settled for the gateway too, because it was never tried again.
fn long_settled(track: &Track<'_>, at: Tick) -> bool {
    let Some(settled) = track.settled() else { return false };
    let tried_again = track.attempts.iter().any(|seen| seen.arrived > settled);
    !tried_again && settled + IN_FLIGHT < at
}

/// `icjsovertakenby` names later liberty messages of the person or case.
fn named_overtaking(world: &World<'_>, track: &Track<'_>, seen: &Seen, found: &mut Vec<String>) {
    let mut root = track;
    while let Some(before) = root.sent.replaces.as_deref().and_then(|mark| world.of_act(mark, root.office)) {
        root = before;
    }
    for id in &seen.overtaken_by {
        let why = match world.tracks.get(id.as_str()) {
            None => "which no answer names",
            Some(other) if !other.sent.liberty || !other.shares_a_key(track) => "which it has nothing to do with",
            Some(other) if other.index < root.index || id == track.delivery => "which is not later",
            Some(other) if !other.seen() => "which nobody has seen",
            Some(_) => continue,
        };
        found.push(format!("liberty at {}: `{}` names {id} in icjsovertakenby, {why}", track.office, track.sent.mark));
    }
}

/// The correction of an overtaken record says what overtook it: it must not recall the later one.
fn unsaid_inheritance(world: &World<'_>, track: &Track<'_>, found: &mut Vec<String>) {
    let Some(original) = track.follows.and_then(|id| world.tracks.get(id)).filter(|_| !track.superseded) else {
        return;
    };
    let before = original.attempts.iter().filter(|seen| seen.arrived < track.placed.0);
    for id in before.flat_map(|seen| &seen.overtaken_by) {
        if track.attempts.iter().any(|seen| !seen.overtaken_by.contains(id)) {
            found.push(format!(
                "liberty at {}: `{}` corrects `{}`, which {id} overtook, and its icjsovertakenby does not name it",
                track.office, track.sent.mark, original.sent.mark
            ));
        }
    }
}
