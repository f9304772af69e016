//! Who waits for whom: for each (office, lane, key) a line of the deliveries that hold others up, in place order.
//! A delivery's turn has come when it is first in every line it stands in. Memory only and pure: no time, no storage;
//! `board` decides who stands in line, and rebuilds the lines at start from the rows. Every step costs O(log n).

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

/// A line's name: a keyed hash of office, lane and key. Two lines that collide only make deliveries wait needlessly.
pub type LineKey = u64;

/// Where a delivery stands in the order of its lane. `first` is the number of the delivery whose place it is: its own,
/// or that of the one whose place it took or behind which it was put; `then` orders those put behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The number of the delivery that stood here first.
    pub first: u64,
    /// 0, or the sequence number of the message that was put in behind.
    pub then: u64,
}

impl Place {
    /// Where its holder stands by acceptance, as a number of a delivery: there where it was accepted, or where that was whose
    /// place it took.
    pub fn accepted(self) -> u64 {
        if self.then == 0 { self.first } else { self.then << 16 }
    }
}

/// One delivery at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// Where it stands.
    pub place: Place,
    /// Its number, which breaks ties.
    pub number: u64,
}

/// Most lines have one delivery: it needs no tree.
#[derive(Debug)]
enum Line {
    One(Spot),
    Many(BTreeSet<Spot>),
}

/// All lines.
#[derive(Debug, Default)]
pub struct Lanes {
    lines: HashMap<LineKey, Line>,
}

impl Lanes {
    /// Puts a delivery into its lines. Returns those that were first somewhere and are not any more.
    pub fn enter(&mut self, spot: Spot, keys: &[LineKey]) -> Vec<u64> {
        let mut displaced = Vec::new();
        for key in keys {
            match self.lines.entry(*key) {
                Entry::Vacant(place) => {
                    place.insert(Line::One(spot));
                }
                Entry::Occupied(mut line) => {
                    let line = line.get_mut();
                    if let Some(first) = line.first().filter(|first| spot < *first) {
                        displaced.push(first.number);
                    }
                    line.insert(spot);
                }
            }
        }
        displaced
    }

    /// Takes a delivery out of its lines. Returns those that are first somewhere now and were not before.
    pub fn leave(&mut self, spot: Spot, keys: &[LineKey]) -> Vec<u64> {
        let mut promoted = Vec::new();
        for key in keys {
            let Entry::Occupied(mut line) = self.lines.entry(*key) else { continue };
            let was_first = line.get().first() == Some(spot);
            match line.get_mut().remove(spot) {
                None => {
                    line.remove();
                }
                Some(first) if was_first => promoted.push(first.number),
                Some(_) => {}
            }
        }
        promoted
    }

    /// Whether a delivery is first in every one of its lines.
    pub fn is_free(&self, spot: Spot, keys: &[LineKey]) -> bool {
        keys.iter().all(|key| self.lines.get(key).and_then(Line::first).is_none_or(|first| first >= spot))
    }

    /// Everybody in a line from the front, as long as `wanted` says so.
    pub fn front(&self, key: LineKey, mut wanted: impl FnMut(Spot) -> bool) -> Vec<Spot> {
        match self.lines.get(&key) {
            None => Vec::new(),
            Some(Line::One(spot)) => Some(*spot).into_iter().filter(|spot| wanted(*spot)).collect(),
            Some(Line::Many(spots)) => spots.iter().copied().take_while(|spot| wanted(*spot)).collect(),
        }
    }

    /// Everybody in a line behind a place.
    pub fn beyond(&self, key: LineKey, place: Spot) -> Vec<Spot> {
        match self.lines.get(&key) {
            None => Vec::new(),
            Some(Line::One(spot)) => Some(*spot).into_iter().filter(|spot| *spot > place).collect(),
            Some(Line::Many(spots)) => spots.range((Bound::Excluded(place), Bound::Unbounded)).copied().collect(),
        }
    }

    /// How many lines there are.
    pub fn lines(&self) -> usize {
        self.lines.len()
    }
}

impl Line {
    fn first(&self) -> Option<Spot> {
        match self {
            Self::One(spot) => Some(*spot),
            Self::Many(spots) => spots.first().copied(),
        }
    }

    fn insert(&mut self, spot: Spot) {
        match self {
            Self::One(only) if *only == spot => {}
            Self::One(only) => *self = Self::Many(BTreeSet::from([*only, spot])),
            Self::Many(spots) => {
                spots.insert(spot);
            }
        }
    }

    /// Takes one out; returns who is first afterwards.
    fn remove(&mut self, spot: Spot) -> Option<Spot> {
        match self {
            Self::One(only) => (*only != spot).then_some(*only),
            Self::Many(spots) => {
                spots.remove(&spot);
                let first = spots.first().copied()?;
                if spots.len() == 1 {
                    *self = Self::One(first);
                }
                Some(first)
            }
        }
    }
}

#[cfg(test)]
mod tests;
