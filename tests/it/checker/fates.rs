//! Nothing is lost, doubled or invented: how each delivery ended, what took effect where, what feeds show and what went
//! back to the senders.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Track, World, settles};
use super::{Books, Seen, Sent};

/// Nothing accepted is lost: each delivery ends as its receiver's book says, and every office that was named has one.
pub(super) fn fates(books: &Books, world: &World<'_>, found: &mut Vec<String>) {
    for track in world.tracks.values() {
        if let Some(wrong) = wrong_end(books, world, track) {
            let state = books.states.get(track.delivery).map_or("unknown", String::as_str);
            found
                .push(format!("lost: `{}` to {} ({}, {state}) {wrong}", track.sent.mark, track.office, track.delivery));
        }
    }
    for sent in books.sent.iter().filter(|sent| !sent.accepted.is_empty()) {
        for office in sent.to.iter().filter(|office| world.of_act(&sent.mark, office).is_none()) {
            found.push(format!("lost: `{}` has no delivery to {office}", sent.mark));
        }
    }
}

fn wrong_end(books: &Books, world: &World<'_>, track: &Track<'_>) -> Option<&'static str> {
    let id = track.delivery;
    let newer = |sent: &&Sent| sent.replaces.as_ref() == Some(&track.sent.mark);
    // Looked for only where it matters: long books have many acts.
    let replaced = || books.sent.iter().filter(newer).any(|sent| world.of_act(&sent.mark, track.office).is_some());
    let answered =
        |good: fn(u16) -> bool| track.attempts.iter().any(|seen| seen.answered.is_some_and(|(_, s)| good(s)));
    let acknowledged = track.position.is_some() && books.acknowledged.contains_key(id);
    let refused = books.said.contains(&(id.to_owned(), "rejected".to_owned()));
    match books.states.get(id).map(String::as_str) {
        Some("delivered") if answered(|status| status < 300) || (acknowledged && !refused) => None,
        Some("rejected") if answered(|status| status >= 300 && settles(status)) || (acknowledged && refused) => None,
        Some("superseded") if replaced() => track.seen().then_some("was superseded although it had been seen"),
        // A withdrawal of what nobody had seen sends nothing.
        Some("recalled") if track.sent.withdraws && !track.seen() && unseen_before(world, track) => None,
        Some("delivered") => Some("is called delivered, but its receiver never took it"),
        Some("rejected") => Some("is called rejected, but its receiver never refused it"),
        Some("superseded" | "recalled") => Some("was taken back, and nothing came in its place"),
        Some(_) => Some("is still open"),
        None => Some("is in nobody's list"),
    }
}

/// The version that this one replaces never reached the office.
fn unseen_before(world: &World<'_>, track: &Track<'_>) -> bool {
    let before = track.sent.replaces.as_deref().and_then(|mark| world.of_act(mark, track.office));
    before.is_some_and(|before| before.superseded)
}

/// One delivery id per business effect at an office, the same bytes in every attempt, and nothing from nowhere.
pub(super) fn doubles(books: &Books, world: &World<'_>, found: &mut Vec<String>) {
    let mut bytes: BTreeMap<&str, &Seen> = BTreeMap::new();
    let mut effects: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let pages = books.pages.iter().flat_map(|page| &page.items);
    for seen in books.pushes.iter().chain(books.feeds.values().flatten()).chain(pages) {
        let Some(track) = world.tracks.get(seen.delivery.as_str()) else {
            found.push(format!("doubled: `{}` was seen as {}, which no answer names", seen.mark, seen.delivery));
            continue;
        };
        if seen.mark != track.sent.mark {
            found.push(format!("mixed: {} is of `{}` but carried `{}`", seen.delivery, track.sent.mark, seen.mark));
        }
        if bytes.insert(&seen.delivery, seen).is_some_and(|before| before.digest != seen.digest) {
            found.push(format!("bytes: {} changed between two attempts", seen.delivery));
        }
        let effect = effects.insert((&seen.mark, track.office), &seen.delivery);
        if let Some(other) = effect.filter(|other| *other != seen.delivery) {
            found.push(format!(
                "doubled: `{}` took effect at {} as {other} and as {}",
                seen.mark, track.office, seen.delivery
            ));
        }
    }
}

/// Positions only grow: following `next` shows everything that a read from the beginning shows, in its order.
pub(super) fn feeds(books: &Books, found: &mut Vec<String>) {
    for (puller, followed) in &books.followed {
        let feed = books.feeds.get(puller).or_else(|| books.outcome_feeds.get(puller));
        let all: Vec<&str> = feed.into_iter().flatten().map(|seen| seen.delivery.as_str()).collect();
        let place: BTreeMap<&str, usize> = all.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        if place.len() != all.len() {
            found.push(format!("feed of {puller}: a delivery stands in it twice"));
        }
        let seen: BTreeSet<&str> = followed.iter().map(String::as_str).collect();
        for missed in all.iter().filter(|id| !seen.contains(**id)) {
            found.push(format!("feed of {puller}: {missed} got a position behind the reader, who never saw it"));
        }
        for gone in followed.iter().filter(|id| !place.contains_key(id.as_str())) {
            found.push(format!("feed of {puller}: {gone} was shown and has gone from it"));
        }
        let places: Vec<usize> = followed.iter().filter_map(|id| place.get(id.as_str()).copied()).collect();
        for pair in places.windows(2).filter(|pair| pair[0] >= pair[1]) {
            found.push(format!(
                "feed of {puller}: {} was shown first after {}, which stands behind it",
                all[pair[1]], all[pair[0]]
            ));
        }
    }
}

/// What receivers said is what senders read: every settled delivery once, every later word once, and nothing else.
pub(super) fn outcomes(books: &Books, world: &World<'_>, found: &mut Vec<String>) {
    let mut told: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (delivery, word) in &books.outcomes {
        *told.entry((delivery, word)).or_default() += 1;
        match world.tracks.get(delivery.as_str()) {
            None => found.push(format!("outcome: `{word}` about {delivery}, which no answer names")),
            Some(track) if !was_said(books, track, word) => {
                found.push(format!("outcome invented: `{word}` about {delivery}, which its receiver never said"));
            }
            Some(_) => {}
        }
    }
    for ((delivery, word), times) in &told {
        if *times > 1 {
            found.push(format!("outcome doubled: the sender read `{word}` about {delivery} {times} times"));
        }
    }
    let about: BTreeSet<(&str, bool)> = told.keys().map(|(delivery, word)| (*delivery, *word == "rejected")).collect();
    for (delivery, state) in &books.states {
        let settled = matches!(state.as_str(), "delivered" | "rejected");
        if settled && !about.contains(&(delivery.as_str(), state == "rejected")) {
            found.push(format!("outcome lost: {delivery} is {state}, and its sender was not told so"));
        }
    }
    for (delivery, word) in &books.said {
        if !told.contains_key(&(delivery.as_str(), word.as_str())) {
            found.push(format!("outcome lost: the receiver said `{word}` about {delivery}, its sender never read it"));
        }
    }
}

/// By the answer to a push, by an acknowledgement, or in words.
fn was_said(books: &Books, track: &Track<'_>, word: &str) -> bool {
    let answered =
        |good: fn(u16) -> bool| track.attempts.iter().any(|seen| seen.answered.is_some_and(|(_, s)| good(s)));
    match word {
        "received" if answered(|status| (200..300).contains(&status)) => true,
        "received" if books.acknowledged.contains_key(track.delivery) => true,
        "rejected" if answered(|status| status >= 300 && settles(status)) => true,
        word => books.said.contains(&(track.delivery.to_owned(), word.to_owned())),
    }
}
