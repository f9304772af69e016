//! The board's feed side: positions are given, and the unsettled items of a system are listed in position order,
//! liberty first. Read `board` first.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Board, CLASSES, Desk, Number, Open};
use crate::identifiers::OfficeId;
use crate::journal::lanes::LineKey;
use crate::journal::{FeedAsk, FeedPosition, How, Lane};

/// Above this many offices in a filter, all of the system's items are looked through instead.
const OFFICES_MERGED: usize = 32;

/// What a page holds, before its bytes are read.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Where the page begins.
    pub start: FeedPosition,
    /// The items: liberty first, then the rest, each in position order.
    pub items: Vec<Number>,
    /// There is more.
    pub more: bool,
}

impl Board {
    /// The last position given in a system's feed.
    pub fn position(&self, system: &str, class: usize) -> u64 {
        self.desks.get(system).and_then(|desk| desk.positions.get(class)).copied().unwrap_or(0)
    }

    /// Says which position of a system's feed was given last.
    pub fn set_position(&mut self, system: &str, class: usize, position: u64) {
        let system = self.name(system);
        if let Some(last) = self.desks.entry(system).or_default().positions.get_mut(class) {
            *last = position.max(*last);
        }
    }

    /// Whether something that stood before an item in its feed, and shares a line with it, was stopped there: the item
    /// must not pass it. Liberty waits for nothing that was tried.
    pub fn behind_stopped(&self, open: &Open) -> bool {
        if open.lane == Lane::Liberty || self.lanes.is_free(open.spot(), &open.keys) {
            return false;
        }
        let stopped = |other: &Open| other.how == How::Feed && other.position > 0 && other.position < open.position;
        let before = |key: &LineKey| self.lanes.front(*key, |spot| spot < open.spot());
        let mut ahead = open.keys.iter().flat_map(before);
        ahead.any(|spot| self.find(spot.number).is_some_and(stopped))
    }

    /// What lies in the feed unseen and came behind `open`: in a line of its own, or in one of another that is named here.
    pub fn unseen_behind(&self, open: &Open) -> Vec<Number> {
        let mut found = BTreeSet::new();
        let mut next = vec![open];
        while let Some(one) = next.pop() {
            for spot in one.keys.iter().flat_map(|key| self.unseen.beyond(*key, one.spot())) {
                if found.insert(spot.number) {
                    next.extend(self.find(spot.number));
                }
            }
        }
        found.into_iter().collect()
    }

    /// The unsettled items of a system that match, as many as fit.
    pub fn list(&self, ask: &FeedAsk) -> Listing {
        let Some(desk) = self.desks.get(&*ask.system) else { return Listing::default() };
        let offices: HashSet<&str> = ask.offices.iter().map(OfficeId::as_str).collect();
        let max_bytes = if ask.heads { u64::MAX } else { ask.max_bytes as u64 };
        let upto = ask.upto.map_or([u64::MAX; CLASSES], |upto| [upto.liberty, upto.rest]);
        let mut listing = Listing::default();
        let mut bytes = 0;
        let mut starts = desk.positions;
        for ((class, start), last) in starts.iter_mut().enumerate().zip(upto) {
            let mut first = None;
            for (position, number) in desk.shelf(class, &offices).take_while(|(position, _)| *position <= last) {
                let Some(open) = self.find(number) else { continue };
                if !offices.is_empty() && !offices.contains(&*open.office) {
                    continue;
                }
                if !ask.kinds.is_empty() && !ask.kinds.iter().any(|kind| **kind == *open.kind) {
                    continue;
                }
                first.get_or_insert(position);
                let full = listing.items.len() >= ask.limit;
                let heavy = !listing.items.is_empty() && bytes + open.size > max_bytes;
                if listing.more || full || heavy {
                    listing.more = true;
                    break;
                }
                bytes += open.size;
                listing.items.push(number);
            }
            // Nothing that matches lies before the first match, and nothing at all beyond the last position given.
            *start = first.map_or(*start, |position| position - 1);
        }
        let [liberty, rest] = starts;
        listing.start = FeedPosition { liberty, rest };
        listing
    }
}

impl Desk {
    /// Available items of one class in position order, of these offices or more.
    fn shelf<'a>(&'a self, class: usize, offices: &HashSet<&str>) -> Box<dyn Iterator<Item = (u64, Number)> + 'a> {
        let pair = |(position, number): (&u64, &Number)| (*position, *number);
        if offices.is_empty() || offices.len() > OFFICES_MERGED {
            return Box::new(self.available.get(class).into_iter().flatten().map(pair));
        }
        let of = |office: &&str| self.by_office.get(*office).and_then(|shelves| shelves.get(class));
        let shelves: Vec<&BTreeMap<u64, Number>> = offices.iter().filter_map(of).collect();
        if let [only] = shelves.as_slice() {
            return Box::new(only.iter().map(pair));
        }
        let mut merged: Vec<(u64, Number)> = shelves.into_iter().flatten().map(pair).collect();
        merged.sort_unstable();
        Box::new(merged.into_iter())
    }
}
