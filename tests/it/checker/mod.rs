//! The independent checker: from what clients sent, what they were answered, and what receivers saw, it finds
//! everything lost, doubled in effect, out of order, or answered differently the second time. It knows the rules of
//! the design's section 2 (Lane, Correction, Outcome) and nothing of the gateway. Its own tests prove that it catches
//! forgeries, and that each exception to a rule is as wide as the design has it. Read `world` next.

mod world;
mod fates;
mod papers;
mod liberty;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod order_tests;

use std::collections::{BTreeMap, BTreeSet};

use world::World;

/// Moments on one scale (`harness::tick`).
pub type Tick = u64;

/// Everything that was seen from outside.
#[derive(Debug, Default, Clone)]
pub struct Books {
    pub sent: Vec<Sent>,
    /// Every push at every receiver, in any order.
    pub pushes: Vec<Seen>,
    /// Every page that a puller of records was given while the world went on, in any order.
    pub pages: Vec<Page>,
    /// Per puller: what one read from the very beginning shows at the end, in that order.
    pub feeds: BTreeMap<String, Vec<Seen>>,
    /// The same for the senders' feeds of outcomes.
    pub outcome_feeds: BTreeMap<String, Vec<Seen>>,
    /// Per puller: everything that following `next` from page to page has shown, first sights only, in that order.
    pub followed: BTreeMap<String, Vec<String>>,
    /// The deliveries that acknowledgements of pullers named or covered, with the tick at which the first was sent.
    pub acknowledged: BTreeMap<String, Tick>,
    /// What receivers said, beyond a push answer and an `upto`: (delivery, word), each said at least once.
    pub said: BTreeSet<(String, String)>,
    /// What the senders read in their own feeds at the end: (delivery, word), in order.
    pub outcomes: Vec<(String, String)>,
    /// Final state by delivery, as senders see it.
    pub states: BTreeMap<String, String>,
}

/// One business act of a client: one record with one key, however often it was posted.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The act's own mark, found again in the body that receivers see.
    pub mark: String,
    pub first_sent: Tick,
    /// The mark of the version that it corrects or withdraws.
    pub replaces: Option<String>,
    pub withdraws: bool,
    pub liberty: bool,
    /// Keys that order it: its cases, and for liberty its persons.
    pub keys: Vec<String>,
    /// The offices that it was addressed to.
    pub to: Vec<String>,
    pub accepted: Vec<Accepted>,
}

/// One 202.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    pub at: Tick,
    pub body: Vec<u8>,
    pub id: String,
    /// The leaf index that its receipt names: the order of acceptance.
    pub index: u64,
    /// Delivery id and office.
    pub deliveries: Vec<(String, String)>,
}

/// One sight of a delivery at a receiver.
#[derive(Debug, Clone)]
pub struct Seen {
    pub delivery: String,
    pub mark: String,
    pub digest: Vec<u8>,
    /// For pushes; zero in feeds, where the place counts.
    pub arrived: Tick,
    /// The answer to a push: when and what.
    pub answered: Option<(Tick, u16)>,
    pub after: Vec<String>,
    pub overtaken_by: Vec<String>,
}

/// One page of a feed, with or without a cursor.
#[derive(Debug, Clone)]
pub struct Page {
    /// As in `feeds`.
    pub puller: String,
    /// Before it was asked for.
    pub asked: Tick,
    /// When it had come.
    pub answered: Tick,
    /// It had room for more: what it lacks was not in the feed behind its cursor (or was settled already).
    pub complete: bool,
    pub items: Vec<Seen>,
}

/// Everything that is wrong, in words; empty when all is well.
pub fn check(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    answers(books, &mut found);
    acceptance_order(books, &mut found);
    let world = World::of(books);
    fates::fates(books, &world, &mut found);
    fates::doubles(books, &world, &mut found);
    papers::lanes(&world, &mut found);
    liberty::liberty(books, &world, &mut found);
    fates::feeds(books, &mut found);
    fates::outcomes(books, &world, &mut found);
    found
}

/// The same stored answer, always; one act, one message.
fn answers(books: &Books, found: &mut Vec<String>) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for sent in &books.sent {
        let Some(first) = sent.accepted.first() else {
            found.push(format!("unanswered: `{}` never got its 202", sent.mark));
            continue;
        };
        if let Some(other) = sent.accepted.iter().find(|other| other.body != first.body) {
            found.push(format!(
                "answer: `{}` was answered as {} and as {}, or in other words",
                sent.mark, first.id, other.id
            ));
        }
        if let Some(owner) = owners.insert(&first.id, &sent.mark) {
            found.push(format!("answer: `{owner}` and `{}` share the message {}", sent.mark, first.id));
        }
    }
}

/// What was answered before something else was sent has the lower index, and no two have the same.
fn acceptance_order(books: &Books, found: &mut Vec<String>) {
    let mut accepted: Vec<(u64, Tick, Tick, &str)> = Vec::new();
    for sent in &books.sent {
        if let Some(first) = sent.accepted.iter().min_by_key(|accepted| accepted.at) {
            accepted.push((first.index, sent.first_sent, first.at, &sent.mark));
        }
    }
    accepted.sort_unstable();
    let mut latest_sent: Option<(Tick, &str)> = None;
    for pair in accepted.windows(2) {
        if pair[0].0 == pair[1].0 {
            found.push(format!("index: `{}` and `{}` share the index {}", pair[0].3, pair[1].3, pair[0].0));
        }
    }
    for &(index, sent, answered, mark) in &accepted {
        if let Some((other_sent, other)) = latest_sent.filter(|(other_sent, _)| answered < *other_sent) {
            found.push(format!(
                "index: `{mark}` ({index}) was answered at {answered}, yet stands after `{other}`, sent at {other_sent}"
            ));
        }
        latest_sent = latest_sent.max(Some((sent, mark)));
    }
}
