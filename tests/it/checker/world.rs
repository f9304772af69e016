//! What the books say about each delivery, brought together: its place in its lane, its attempts, its sights in feeds.

use std::collections::BTreeMap;

use super::{Accepted, Books, Page, Seen, Sent, Tick};

impl Seen {
    /// The tick at which the receiver gave an answer that settles.
    pub(super) fn settled(&self) -> Option<Tick> {
        self.answered.filter(|(_, status)| settles(*status)).map(|(at, _)| at)
    }
}

/// Statuses of the shared adapter that settle: 2xx takes, 4xx refuses, but 408, 425, 429 mean again.
pub(super) fn settles(status: u16) -> bool {
    (200..300).contains(&status) || ((400..500).contains(&status) && ![408, 425, 429].contains(&status))
}

/// One delivery with all that is known of it.
#[derive(Debug)]
pub(super) struct Track<'a> {
    pub(super) delivery: &'a str,
    pub(super) office: &'a str,
    pub(super) sent: &'a Sent,
    /// Place in the lane: its own index, or that of the version whose place it took.
    pub(super) place: u64,
    pub(super) index: u64,
    /// When its sender had the first 202.
    pub(super) accepted: Tick,
    /// The version that it was put behind, because that had left.
    pub(super) follows: Option<&'a str>,
    /// Between these two ticks its place was found: by itself, or by the version whose place it took.
    pub(super) placed: (Tick, Tick),
    pub(super) superseded: bool,
    pub(super) attempts: Vec<&'a Seen>,
    /// Place in the receiver's feed.
    pub(super) position: Option<usize>,
    /// Pages that showed it.
    pub(super) sights: Vec<(&'a Page, &'a Seen)>,
    /// It was not in its feed yet when a page was asked for at this tick.
    pub(super) absent: Option<Tick>,
}

impl Track<'_> {
    /// From when on somebody has certainly seen it.
    pub(super) fn first(&self) -> Option<Tick> {
        let shown = self.sights.iter().map(|(page, _)| page.answered);
        self.attempts.iter().map(|seen| seen.arrived).chain(shown).min()
    }

    pub(super) fn settled(&self) -> Option<Tick> {
        self.attempts.iter().filter_map(|seen| seen.settled()).min()
    }

    pub(super) fn seen(&self) -> bool {
        !self.attempts.is_empty() || !self.sights.is_empty() || self.position.is_some()
    }

    pub(super) fn shares_a_key(&self, other: &Track<'_>) -> bool {
        self.office == other.office && self.sent.keys.iter().any(|key| other.sent.keys.contains(key))
    }
}

/// Every delivery of every accepted act, by delivery id.
pub(super) struct World<'a> {
    pub(super) tracks: BTreeMap<&'a str, Track<'a>>,
    /// (act's mark, office) to delivery.
    by_act: BTreeMap<(&'a str, &'a str), &'a str>,
}

impl<'a> World<'a> {
    pub(super) fn of(books: &'a Books) -> Self {
        let mut world = Self { tracks: BTreeMap::new(), by_act: BTreeMap::new() };
        let mut acts: Vec<(&Sent, &Accepted)> =
            books.sent.iter().filter_map(|sent| Some((sent, sent.accepted.iter().min_by_key(|one| one.at)?))).collect();
        acts.sort_by_key(|(_, accepted)| accepted.index);
        for (sent, accepted) in acts {
            for (delivery, office) in &accepted.deliveries {
                let track = world.begun(books, sent, accepted, delivery, office);
                world.tracks.insert(delivery, track);
                world.by_act.insert((&sent.mark, office), delivery);
            }
        }
        for seen in &books.pushes {
            if let Some(track) = world.tracks.get_mut(seen.delivery.as_str()) {
                track.attempts.push(seen);
            }
        }
        for (puller, feed) in &books.feeds {
            world.read(puller, feed, &books.pages);
        }
        world
    }

    fn begun(
        &self,
        books: &Books,
        sent: &'a Sent,
        accepted: &Accepted,
        delivery: &'a str,
        office: &'a str,
    ) -> Track<'a> {
        // `recalled`: a withdrawal of what nobody had seen, which takes no place either.
        let state = books.states.get(delivery).map(String::as_str);
        let superseded = matches!(state, Some("superseded" | "recalled"));
        let original = sent.replaces.as_deref().and_then(|mark| self.of_act(mark, office));
        let taken = original.filter(|track| track.superseded);
        Track {
            delivery,
            office,
            sent,
            place: taken.map_or(accepted.index, |track| track.place),
            index: accepted.index,
            accepted: accepted.at,
            follows: taken.map_or(original.map(|track| track.delivery), |track| track.follows),
            placed: taken.map_or((sent.first_sent, accepted.at), |track| track.placed),
            superseded,
            attempts: Vec::new(),
            position: None,
            sights: Vec::new(),
            absent: None,
        }
    }

    /// Notes where each item stands in a feed, which pages showed it, and until when it was not there.
    fn read(&mut self, puller: &str, feed: &'a [Seen], pages: &'a [Page]) {
        let pages: Vec<&Page> = pages.iter().filter(|page| page.puller == puller).collect();
        for (position, seen) in feed.iter().enumerate() {
            if let Some(track) = self.tracks.get_mut(seen.delivery.as_str()) {
                track.position = Some(position);
            }
        }
        for page in &pages {
            for seen in &page.items {
                if let Some(track) = self.tracks.get_mut(seen.delivery.as_str()) {
                    track.sights.push((page, seen));
                }
            }
        }
        let mut complete: Vec<&Page> = pages.iter().copied().filter(|page| page.complete).collect();
        complete.sort_by_key(|page| page.asked);
        for seen in feed {
            let Some(track) = self.tracks.get_mut(seen.delivery.as_str()) else { continue };
            let first = track.first().unwrap_or(Tick::MAX);
            // Of the complete pages that had come before anybody saw it, the one asked for last.
            let before = complete[..complete.partition_point(|page| page.asked < first)].iter().rev();
            track.absent = before.copied().find(|page| page.answered < first).map(|page| page.asked);
        }
    }

    /// An act's delivery to an office.
    pub(super) fn of_act(&self, mark: &str, office: &str) -> Option<&Track<'a>> {
        self.by_act.get(&(mark, office)).and_then(|id| self.tracks.get(id))
    }

    /// Pairs of deliveries that share an office, a lane and a key, the one with the earlier place first, each pair once.
    pub(super) fn pairs(&self, liberty: bool, mut look: impl FnMut(&Track<'a>, &Track<'a>)) {
        let mut lanes: BTreeMap<(&str, &str), Vec<&Track<'a>>> = BTreeMap::new();
        for track in self.tracks.values().filter(|track| track.sent.liberty == liberty && !track.superseded) {
            for key in &track.sent.keys {
                lanes.entry((track.office, key)).or_default().push(track);
            }
        }
        for ((_, key), mut lane) in lanes {
            lane.sort_by_key(|track| (track.place, track.index));
            for (number, later) in lane.iter().enumerate() {
                for earlier in lane[..number].iter().filter(|earlier| earlier.index != later.index) {
                    let shared = later.sent.keys.iter().find(|of| earlier.sent.keys.contains(of));
                    if shared.is_some_and(|first| first == key) {
                        look(earlier, later);
                    }
                }
            }
        }
    }

    /// Whether `later`, a correction of what had left, may go before `earlier`: that stood behind the corrected version
    /// and was still queued, for all that anybody saw, when the correction found its place.
    pub(super) fn may_pass(&self, earlier: &Track<'_>, later: &Track<'_>) -> bool {
        let Some(original) = later.follows.and_then(|id| self.tracks.get(id)) else { return false };
        // The corrected version may be a correction itself, which passed `earlier` before this one did.
        let stood_before = original.place < earlier.place || self.may_pass(earlier, original);
        stood_before && earlier.place < later.place && earlier.first().is_none_or(|first| first >= later.placed.0)
    }
}
