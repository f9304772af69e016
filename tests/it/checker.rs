//! The independent checker: from what clients sent, what they were answered, and what receivers saw, it finds
//! everything lost, doubled in effect, out of order, or answered differently the second time. It knows the rules of
//! the design's section 2 (Lane, Correction) and nothing of the gateway. Its own tests prove that it catches forgeries.

use std::collections::{BTreeMap, BTreeSet};

/// Moments on one scale (`harness::tick`).
pub type Tick = u64;

/// How long after a liberty delivery was taken a late attempt of an earlier one must know that it was overtaken.
const KNOWN_AFTER: Tick = 3_000_000;

/// Everything that was seen from outside.
#[derive(Debug, Default, Clone)]
pub struct Books {
    pub sent: Vec<Sent>,
    /// Every push at every receiver, in any order.
    pub pushes: Vec<Seen>,
    /// Per puller: what one read from the very beginning shows at the end, in that order.
    pub feeds: BTreeMap<String, Vec<Seen>>,
    /// The same for the senders' feeds of outcomes.
    pub outcome_feeds: BTreeMap<String, Vec<Seen>>,
    /// Per puller: everything that following `next` from page to page has shown, first sights only, in that order.
    pub followed: BTreeMap<String, Vec<String>>,
    /// The deliveries that acknowledgements of pullers named or covered, with the tick of the acknowledgement.
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

impl Seen {
    /// The tick at which the receiver gave an answer that settles.
    fn settled(&self) -> Option<Tick> {
        self.answered.filter(|(_, status)| settles(*status)).map(|(at, _)| at)
    }
}

/// Statuses of the shared adapter that settle: 2xx takes, 4xx refuses, but 408, 425, 429 mean again.
fn settles(status: u16) -> bool {
    (200..300).contains(&status) || ((400..500).contains(&status) && ![408, 425, 429].contains(&status))
}

/// Everything that is wrong, in words; empty when all is well.
pub fn check(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    answers(books, &mut found);
    acceptance_order(books, &mut found);
    let world = World::of(books);
    fates(books, &world, &mut found);
    doubles(books, &world, &mut found);
    lanes(&world, &mut found);
    liberty(&world, &mut found);
    feeds(books, &mut found);
    outcomes(books, &world, &mut found);
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

/// One delivery with all that is known of it.
#[derive(Debug)]
struct Track<'a> {
    delivery: &'a str,
    office: &'a str,
    sent: &'a Sent,
    /// Place in the lane: its own index, or that of the version whose place it took.
    place: u64,
    index: u64,
    superseded: bool,
    attempts: Vec<&'a Seen>,
    /// Place in the receiver's feed.
    position: Option<usize>,
    shown: Option<&'a Seen>,
}

impl Track<'_> {
    fn first(&self) -> Option<Tick> {
        self.attempts.iter().map(|seen| seen.arrived).min()
    }

    fn settled(&self) -> Option<Tick> {
        self.attempts.iter().filter_map(|seen| seen.settled()).min()
    }

    fn seen(&self) -> bool {
        !self.attempts.is_empty() || self.position.is_some()
    }
}

/// Every delivery of every accepted act, by delivery id.
struct World<'a> {
    tracks: BTreeMap<&'a str, Track<'a>>,
    /// (act's mark, office) to delivery.
    by_act: BTreeMap<(&'a str, &'a str), &'a str>,
}

impl<'a> World<'a> {
    fn of(books: &'a Books) -> Self {
        let mut world = Self { tracks: BTreeMap::new(), by_act: BTreeMap::new() };
        let mut acts: Vec<(&Sent, &Accepted)> =
            books.sent.iter().filter_map(|sent| Some((sent, sent.accepted.first()?))).collect();
        acts.sort_by_key(|(_, accepted)| accepted.index);
        for (sent, accepted) in acts {
            for (delivery, office) in &accepted.deliveries {
                // `recalled`: a withdrawal of what nobody had seen, which takes no place either.
                let state = books.states.get(delivery).map(String::as_str);
                let superseded = matches!(state, Some("superseded" | "recalled"));
                let taken = sent.replaces.as_deref().and_then(|mark| world.by_act.get(&(mark, office.as_str())));
                let taken = taken.map(|id| &world.tracks[id]).filter(|track| track.superseded);
                let place = taken.map_or(accepted.index, |track| track.place);
                let track = Track {
                    delivery,
                    office,
                    sent,
                    place,
                    index: accepted.index,
                    superseded,
                    attempts: Vec::new(),
                    position: None,
                    shown: None,
                };
                world.tracks.insert(delivery, track);
                world.by_act.insert((&sent.mark, office), delivery);
            }
        }
        for seen in &books.pushes {
            if let Some(track) = world.tracks.get_mut(seen.delivery.as_str()) {
                track.attempts.push(seen);
            }
        }
        for feed in books.feeds.values() {
            for (position, seen) in feed.iter().enumerate() {
                if let Some(track) = world.tracks.get_mut(seen.delivery.as_str()) {
                    track.position = Some(position);
                    track.shown = Some(seen);
                }
            }
        }
        world
    }

    /// Groups of deliveries that share an office, a lane and a key, by place.
    fn lanes(&self, liberty: bool) -> Vec<Vec<&Track<'a>>> {
        let mut lanes: BTreeMap<(&str, &str), Vec<&Track<'a>>> = BTreeMap::new();
        for track in self.tracks.values().filter(|track| track.sent.liberty == liberty) {
            for key in &track.sent.keys {
                lanes.entry((track.office, key)).or_default().push(track);
            }
        }
        let mut lanes: Vec<Vec<&Track<'a>>> = lanes.into_values().collect();
        lanes.iter_mut().for_each(|lane| lane.sort_by_key(|track| (track.place, track.index)));
        lanes
    }
}

/// Nothing accepted is lost: each delivery ends as its receiver's book says, and every office that was named has one.
fn fates(books: &Books, world: &World<'_>, found: &mut Vec<String>) {
    for track in world.tracks.values() {
        let (mark, office, id) = (&track.sent.mark, track.office, track.delivery);
        let newer = books.sent.iter().any(|sent| sent.replaces.as_ref() == Some(mark));
        let took =
            |good: fn(u16) -> bool| track.attempts.iter().any(|seen| seen.answered.is_some_and(|(_, s)| good(s)));
        let acknowledged = books.acknowledged.contains_key(id);
        let wrong = match books.states.get(id).map(String::as_str) {
            Some("delivered") if took(|status| status < 300) || (track.shown.is_some() && acknowledged) => None,
            Some("rejected") if took(|status| (400..500).contains(&status)) || acknowledged => None,
            Some("superseded") if newer && !track.seen() => None,
            Some("superseded") if newer => Some("was superseded although it had been seen"),
            Some("recalled") if newer => None,
            // A withdrawal of what nobody had seen sends nothing.
            Some("recalled") if track.sent.withdraws && !track.seen() && unseen_before(world, track) => None,
            Some("delivered") => Some("is called delivered, but its receiver never took it"),
            Some("rejected") => Some("is called rejected, but its receiver never refused it"),
            Some(_) => Some("is still open"),
            None => Some("is in nobody's list"),
        };
        if let Some(wrong) = wrong {
            let state = books.states.get(id).map_or("unknown", String::as_str);
            found.push(format!("lost: `{mark}` to {office} ({id}, {state}) {wrong}"));
        }
    }
    for sent in books.sent.iter().filter(|sent| !sent.accepted.is_empty()) {
        for office in &sent.to {
            let delivered = world.by_act.contains_key(&(sent.mark.as_str(), office.as_str()));
            if !delivered && !sent.withdraws {
                found.push(format!("lost: `{}` has no delivery to {office}", sent.mark));
            }
        }
    }
}

/// The version that this one replaces never reached the office.
fn unseen_before(world: &World<'_>, track: &Track<'_>) -> bool {
    let before = track.sent.replaces.as_deref().and_then(|mark| world.by_act.get(&(mark, track.office)));
    before.is_some_and(|id| world.tracks[id].superseded)
}

/// One delivery id per business effect at an office, the same bytes in every attempt, and nothing from nowhere.
fn doubles(books: &Books, world: &World<'_>, found: &mut Vec<String>) {
    let mut bytes: BTreeMap<&str, &Seen> = BTreeMap::new();
    let mut effects: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for seen in books.pushes.iter().chain(books.feeds.values().flatten()) {
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

/// Strict lanes: an earlier delivery is settled (push) or stands before (feed).
fn lanes(world: &World<'_>, found: &mut Vec<String>) {
    for lane in world.lanes(false) {
        for (number, later) in lane.iter().enumerate() {
            for earlier in lane[..number].iter().filter(|earlier| !earlier.superseded && earlier.index != later.index) {
                if may_pass(world, later, earlier) || stands_where_it_came(earlier, later) {
                    continue;
                }
                if let Some(words) = overtaken(earlier, later) {
                    found.push(format!(
                        "order at {}: `{}` ({}) and then `{}` ({}): {words}",
                        earlier.office, earlier.sent.mark, earlier.delivery, later.sent.mark, later.delivery
                    ));
                }
            }
        }
    }
}

/// A correction of something that had left goes before what was still queued when it came; one that took the place of
/// such a correction goes where that would have gone.
fn may_pass(world: &World<'_>, later: &Track<'_>, earlier: &Track<'_>) -> bool {
    let had_left = earlier.first().is_some_and(|first| first < later.sent.first_sent);
    let mut replaces = later.sent.replaces.as_deref();
    while let Some(mark) = replaces {
        let Some(original) = world.by_act.get(&(mark, later.office)).map(|id| &world.tracks[id]) else { return false };
        if original.place < earlier.place {
            return !had_left;
        }
        replaces = original.sent.replaces.as_deref().filter(|_| original.superseded);
    }
    false
}

/// Positions of a feed are never given twice: a correction of what stood there unseen may stand at the feed's end, behind
/// what was accepted before the correction itself.
fn stands_where_it_came(earlier: &Track<'_>, later: &Track<'_>) -> bool {
    let in_feed = earlier.position.is_some() && later.position.is_some();
    in_feed && earlier.place < earlier.index && later.index < earlier.index
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

/// Liberty: never held up for long, but whoever passes says so.
fn liberty(world: &World<'_>, found: &mut Vec<String>) {
    for lane in world.lanes(true) {
        for (number, later) in lane.iter().enumerate() {
            for earlier in lane[..number].iter().filter(|earlier| !earlier.superseded && earlier.index != later.index) {
                // Nobody can name a correction that was accepted after it, though that took an earlier one's place.
                if !may_pass(world, later, earlier) && !stands_where_it_came(earlier, later) {
                    unsaid_after(earlier, later, found);
                }
                unsaid_overtaking(earlier, later, found);
            }
        }
    }
}

fn unsaid_after(earlier: &Track<'_>, later: &Track<'_>, found: &mut Vec<String>) {
    let names = |seen: &Seen| seen.after.iter().any(|id| id == earlier.delivery);
    for seen in &later.attempts {
        let settled = earlier.settled().is_some_and(|settled| settled < seen.arrived);
        if !settled && !names(seen) {
            found.push(format!(
                "liberty at {}: `{}` went while `{}` ({}) was unsettled, and its icjsafter does not name it",
                later.office, later.sent.mark, earlier.sent.mark, earlier.delivery
            ));
        }
    }
    if let (Some(before), Some(after), Some(seen)) = (earlier.position, later.position, later.shown)
        && after < before
        && !names(seen)
    {
        found.push(format!(
            "liberty feed of {}: `{}` stands before `{}` and does not name it in icjsafter",
            later.office, later.sent.mark, earlier.sent.mark
        ));
    }
}

fn unsaid_overtaking(earlier: &Track<'_>, later: &Track<'_>, found: &mut Vec<String>) {
    let Some(taken) = later.settled() else { return };
    for seen in earlier.attempts.iter().filter(|seen| seen.arrived > taken + KNOWN_AFTER) {
        if !seen.overtaken_by.iter().any(|id| id == later.delivery) {
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

/// Positions only grow: following `next` shows everything that a read from the beginning shows, in its order.
fn feeds(books: &Books, found: &mut Vec<String>) {
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
        let places: Vec<Option<&usize>> = followed.iter().map(|id| place.get(id.as_str())).collect();
        if places.iter().any(Option::is_none) {
            found.push(format!("feed of {puller}: something that was shown has gone from it"));
        }
    }
}

/// What receivers said is what senders read: every settled delivery once, every later word once.
fn outcomes(books: &Books, world: &World<'_>, found: &mut Vec<String>) {
    let mut told: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut about: BTreeSet<&str> = BTreeSet::new();
    for (delivery, word) in &books.outcomes {
        *told.entry((delivery, word)).or_default() += 1;
        about.insert(delivery);
        if !world.tracks.contains_key(delivery.as_str()) {
            found.push(format!("outcome: `{word}` about {delivery}, which no answer names"));
        }
    }
    for ((delivery, word), times) in &told {
        if *times > 1 {
            found.push(format!("outcome doubled: the sender read `{word}` about {delivery} {times} times"));
        }
    }
    for (delivery, state) in &books.states {
        if matches!(state.as_str(), "delivered" | "rejected") && !about.contains(delivery.as_str()) {
            found.push(format!("outcome lost: {delivery} is {state}, and its sender was told nothing"));
        }
    }
    for (delivery, word) in &books.said {
        if !told.contains_key(&(delivery.as_str(), word.as_str())) {
            found.push(format!("outcome lost: the receiver said `{word}` about {delivery}, its sender never read it"));
        }
    }
}

#[cfg(test)]
mod tests {
    //! Forged books: the checker must find what was done to them, and nothing in the honest ones.

    use super::{Accepted, Books, Seen, Sent, check};

    fn sent(mark: &str, index: u64, liberty: bool) -> Sent {
        let (id, at) = (format!("m-{mark}"), index * 100);
        let deliveries = vec![(format!("d-{mark}"), "court:A".to_owned())];
        let accepted = Accepted { at: at + 50, body: b"{}".to_vec(), id, index, deliveries };
        Sent {
            mark: mark.to_owned(),
            first_sent: at,
            replaces: None,
            withdraws: false,
            liberty,
            keys: vec!["case".to_owned()],
            to: vec!["court:A".to_owned()],
            accepted: vec![accepted],
        }
    }

    fn seen(mark: &str, arrived: u64, status: u16) -> Seen {
        Seen {
            delivery: format!("d-{mark}"),
            mark: mark.to_owned(),
            digest: mark.into(),
            arrived,
            answered: Some((arrived + 5, status)),
            after: vec![],
            overtaken_by: vec![],
        }
    }

    /// Two papers of one case, pushed in order, the first after one failure.
    fn honest() -> Books {
        let mut books = Books { sent: vec![sent("one", 1, false), sent("two", 2, false)], ..Books::default() };
        books.pushes = vec![seen("one", 300, 500), seen("one", 400, 200), seen("two", 500, 200)];
        for mark in ["one", "two"] {
            books.states.insert(format!("d-{mark}"), "delivered".to_owned());
            books.outcomes.push((format!("d-{mark}"), "received".to_owned()));
        }
        books
    }

    #[track_caller]
    fn finds(books: &Books, word: &str) {
        let found = check(books);
        assert!(found.iter().any(|line| line.contains(word)), "no `{word}` in {found:#?}");
    }

    #[test]
    fn honest_books_pass() {
        assert_eq!(check(&honest()), Vec::<String>::new());
    }

    #[test]
    fn a_delivery_that_nobody_took_is_lost() {
        let mut books = honest();
        books.pushes.retain(|seen| seen.mark != "two");
        finds(&books, "lost: `two`");
    }

    #[test]
    fn a_delivery_that_is_still_open_is_lost() {
        let mut books = honest();
        books.states.insert("d-two".to_owned(), "retrying".to_owned());
        finds(&books, "is still open");
    }

    #[test]
    fn an_office_without_a_delivery_is_lost() {
        let mut books = honest();
        books.sent[0].to.push("court:B".to_owned());
        finds(&books, "no delivery to court:B");
    }

    #[test]
    fn one_effect_under_two_ids_is_doubled() {
        let mut books = honest();
        books.sent[0].accepted[0].deliveries.push(("d-again".to_owned(), "court:A".to_owned()));
        books.states.insert("d-again".to_owned(), "delivered".to_owned());
        books.pushes.push(Seen { delivery: "d-again".to_owned(), ..seen("one", 450, 200) });
        finds(&books, "doubled: `one` took effect");
    }

    #[test]
    fn an_id_that_no_answer_names_is_doubled() {
        let mut books = honest();
        books.pushes.push(Seen { delivery: "d-ghost".to_owned(), ..seen("one", 450, 200) });
        finds(&books, "which no answer names");
    }

    #[test]
    fn bytes_that_change_between_attempts_are_found() {
        let mut books = honest();
        books.pushes[1].digest = b"other".to_vec();
        finds(&books, "changed between two attempts");
    }

    #[test]
    fn the_later_before_the_earlier_is_out_of_order() {
        let mut books = honest();
        books.pushes[2].arrived = 350;
        finds(&books, "order at court:A");
    }

    #[test]
    fn a_feed_the_other_way_round_is_out_of_order() {
        let mut books = honest();
        let pages = vec![seen("two", 0, 0), seen("one", 0, 0)];
        books.pushes.clear();
        books.feeds.insert("court".to_owned(), pages);
        books.acknowledged.extend([("d-one".to_owned(), 900), ("d-two".to_owned(), 900)]);
        finds(&books, "the other way round");
        books.feeds.get_mut("court").unwrap().reverse();
        assert_eq!(check(&books), Vec::<String>::new());
        books.followed.insert("court".to_owned(), vec!["d-two".to_owned()]);
        finds(&books, "behind the reader");
    }

    #[test]
    fn a_correction_may_pass_what_was_queued_and_takes_the_place_of_what_it_superseded() {
        let mut books = honest();
        books.sent.push(Sent { replaces: Some("one".to_owned()), ..sent("fix", 3, false) });
        books.sent[2].first_sent = 250;
        books.sent[2].accepted[0].at = 290;
        books.states.insert("d-fix".to_owned(), "delivered".to_owned());
        books.outcomes.push(("d-fix".to_owned(), "received".to_owned()));
        books.pushes.push(seen("fix", 450, 200));
        assert_eq!(check(&books), Vec::<String>::new(), "it passed `two`, which was queued");
        books.pushes.retain(|seen| seen.mark != "one");
        books.states.insert("d-one".to_owned(), "superseded".to_owned());
        books.outcomes.retain(|(id, _)| id != "d-one");
        assert_eq!(check(&books), Vec::<String>::new(), "it took the place of `one`");
        *books.pushes.last_mut().unwrap() = seen("fix", 600, 200);
        finds(&books, "order at court:A: `fix`");
    }

    #[test]
    fn a_correction_of_what_stood_unseen_in_a_feed_stands_at_its_end_but_not_behind_later_papers() {
        let mut books = honest();
        books.sent.push(Sent { replaces: Some("one".to_owned()), ..sent("fix", 3, false) });
        books
            .states
            .extend([("d-one", "superseded"), ("d-fix", "delivered")].map(|(d, s)| (d.to_owned(), s.to_owned())));
        books.outcomes.retain(|(id, _)| id != "d-one");
        books.outcomes.push(("d-fix".to_owned(), "received".to_owned()));
        books.pushes.clear();
        books.feeds.insert("court".to_owned(), vec![seen("two", 0, 0), seen("fix", 0, 0)]);
        books.acknowledged.extend([("d-fix".to_owned(), 900), ("d-two".to_owned(), 900)]);
        assert_eq!(check(&books), Vec::<String>::new());
        books.sent[1].accepted[0].index = 9;
        finds(&books, "the other way round");
    }

    #[test]
    fn another_answer_the_second_time_is_found() {
        let mut books = honest();
        let again = Accepted { body: b"{ }".to_vec(), ..books.sent[0].accepted[0].clone() };
        books.sent[0].accepted.push(again);
        finds(&books, "answer: `one`");
    }

    #[test]
    fn an_index_against_time_is_found() {
        let mut books = honest();
        books.sent[0].accepted[0].index = 7;
        finds(&books, "index: `one` (7)");
    }

    #[test]
    fn who_passes_an_unsettled_liberty_order_must_say_so() {
        let mut books = honest();
        books.sent.iter_mut().for_each(|sent| sent.liberty = true);
        books.pushes = vec![seen("one", 300, 500), seen("two", 400, 200), seen("one", 5_000_000, 200)];
        finds(&books, "icjsafter does not name");
        finds(&books, "icjsovertakenby does not name");
        books.pushes[1].after.push("d-one".to_owned());
        books.pushes[2].overtaken_by.push("d-two".to_owned());
        assert_eq!(check(&books), Vec::<String>::new());
    }

    #[test]
    fn an_outcome_lost_or_doubled_on_its_way_back_is_found() {
        let mut books = honest();
        let last = books.outcomes.pop().unwrap();
        finds(&books, "outcome lost");
        books.outcomes.extend([last.clone(), last]);
        finds(&books, "outcome doubled");
        books.said.insert(("d-one".to_owned(), "accepted".to_owned()));
        finds(&books, "the receiver said `accepted`");
    }
}
