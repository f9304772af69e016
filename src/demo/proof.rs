//! The proof: nothing lost, nothing doubled in effect, no lane out of order, nothing stopped that should not be.
//! Reads the systems' books and the final states of deliveries, and nothing else: it shares no code with the gateway.
//! Each rule is one function that says every case in which it does not hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::books::{Books, Expect, Final, Said, Sent, Taken, message_of};

/// What the books show.
#[derive(Debug, Default)]
pub struct Proof {
    /// Events answered with 202.
    pub accepted: usize,
    /// Events refused, as the scenario wants.
    pub refused: usize,
    /// Deliveries by final state.
    pub states: BTreeMap<String, usize>,
    /// Deliveries that were made.
    pub made: usize,
    /// What should be in a receiver's books, or at its sender as an outcome, and is not.
    pub lost: Vec<String>,
    /// What came twice in effect.
    pub doubled: Vec<String>,
    /// What overtook.
    pub out_of_order: Vec<String>,
    /// Anything else that differs from what the scenario wants.
    pub unexpected: Vec<String>,
}

impl Proof {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.out_of_order.is_empty() && self.unexpected.is_empty()
    }

    /// Every fault in words.
    pub fn faults(&self) -> Vec<&String> {
        [&self.lost, &self.doubled, &self.out_of_order, &self.unexpected].into_iter().flatten().collect()
    }

    /// Deliveries that ended in a state.
    pub fn state(&self, name: &str) -> usize {
        self.states.get(name).copied().unwrap_or_default()
    }
}

/// The states in which a delivery may end.
const ENDS: [&str; 6] = ["delivered", "rejected", "superseded", "recalled", "parked", "held"];

/// Checks the books against the final states.
pub fn check(books: &Books, finals: &[Final]) -> Proof {
    let mut proof = Proof { made: finals.len(), ..Proof::default() };
    for delivery in finals {
        *proof.states.entry(delivery.state.clone()).or_default() += 1;
    }
    proof.unexpected.extend(books.troubles.iter().cloned());
    let view = View::of(books, finals);
    answers(&view, &mut proof);
    ends(&view, &mut proof);
    reached(&view, &mut proof);
    doubled(&view, &mut proof);
    returned(&view, &mut proof);
    ordered(&view, &mut proof);
    proof
}

/// The books with what the rules look up.
struct View<'a> {
    books: &'a Books,
    finals: &'a [Final],
    /// Effects by delivery id.
    effects: HashMap<&'a str, &'a Taken>,
    /// Final deliveries by message id.
    of_message: HashMap<&'a str, Vec<&'a Final>>,
    /// Lines that a later line corrects or withdraws.
    replaced: BTreeSet<usize>,
}

impl<'a> View<'a> {
    fn of(books: &'a Books, finals: &'a [Final]) -> Self {
        let effects = books.taken.iter().map(|taken| (taken.delivery.as_str(), taken)).collect();
        let mut of_message: HashMap<&str, Vec<&Final>> = HashMap::new();
        for delivery in finals {
            of_message.entry(delivery.message.as_str()).or_default().push(delivery);
        }
        let accepted = books.sent.iter().filter(|sent| !sent.messages.is_empty());
        let replaced = accepted.filter_map(|sent| sent.replaces).collect();
        Self { books, finals, effects, of_message, replaced }
    }

    /// The event whose message this delivery carries; none for outcomes.
    fn event(&self, message: &str) -> Option<(usize, &'a Sent)> {
        let line = self.books.event_of(message)?;
        Some((line, self.books.sent.get(line)?))
    }
}

/// Every event was answered, once in effect, and as the scenario wants.
fn answers(view: &View<'_>, proof: &mut Proof) {
    for sent in &view.books.sent {
        let name = format!("{} `{}` of {}", sent.kind, sent.event, sent.system);
        match (&sent.expect, sent.messages.len(), &sent.refusal) {
            (Expect::Refused(wanted), 0, Some(code)) if wanted == code => proof.refused += 1,
            (Expect::Refused(wanted), count, code) => {
                proof
                    .unexpected
                    .push(format!("{name}: should be refused with `{wanted}`, got {count} times 202 and {code:?}"));
            }
            (_, 1, None) => proof.accepted += 1,
            (_, 0, None) => proof.lost.push(format!("{name}: no answer was ever seen")),
            (_, 0, Some(code)) => proof.unexpected.push(format!("{name}: refused with `{code}`: {}", sent.detail)),
            (_, 1, Some(code)) => {
                proof.accepted += 1;
                proof.unexpected.push(format!("{name}: accepted, and refused with `{code}` as well"));
            }
            (_, ids, _) => proof.doubled.push(format!("{name}: {ids} messages for one event")),
        }
    }
}

/// Every delivery ended in one of the six states, and stopped only where the scenario wants it.
fn ends(view: &View<'_>, proof: &mut Proof) {
    for delivery in view.finals {
        let name = format!("delivery {} ({} to {})", delivery.id, delivery.kind, delivery.office);
        let state = delivery.state.as_str();
        if !ENDS.contains(&state) {
            proof.lost.push(format!("{name}: still `{state}` at the end"));
            continue;
        }
        let event = view.event(&delivery.message);
        // A script says of each delivery how it ends, and is checked by itself.
        if event.is_some_and(|(_, sent)| sent.expect == Expect::Scripted) {
            continue;
        }
        let stops = event.is_some_and(|(_, sent)| matches!(sent.expect, Expect::Parked(_)));
        let replaced = event.is_some_and(|(line, _)| view.replaced.contains(&line));
        let gone = replaced && matches!(state, "superseded" | "recalled");
        if state == "held" && !stops && !gone {
            proof
                .unexpected
                .push(format!("{name}: {state} with `{}`; held is not what the scenario says", delivery.code));
        }
        match (state, event) {
            ("parked", Some((_, Sent { expect: Expect::Parked(code), .. }))) if *code == delivery.code => {}
            // What waits for a CNR that never comes has stopped as well.
            ("held", _) => {}
            ("parked", _) => {
                proof
                    .unexpected
                    .push(format!("{name}: {state} with `{}`, which the scenario does not want", delivery.code));
            }
            (_, Some((_, Sent { expect: Expect::Parked(_), .. }))) => {
                proof.unexpected.push(format!("{name}: {state}, though the scenario wants it stopped"));
            }
            ("superseded" | "recalled", Some((line, _))) if view.replaced.contains(&line) => {}
            // A withdrawal of what never left has nothing to say to anybody.
            ("recalled" | "superseded", Some((_, sent)))
                if sent.action == "withdraw" && !original_taken(view, sent, delivery) => {}
            ("superseded" | "recalled", _) => {
                proof.unexpected.push(format!("{name}: {state}, though nothing replaced it"));
            }
            _ => {}
        }
    }
    for (line, sent) in view.books.sent.iter().enumerate() {
        let made = sent.messages.first().and_then(|id| view.of_message.get(id.as_str())).map_or(0, Vec::len);
        // A withdrawal of what never left sends nothing; everything else makes at least one delivery.
        let nothing = sent.action == "withdraw" && sent.replaces.is_some_and(|original| !was_taken(view, original));
        if sent.expect == Expect::Scripted {
            continue;
        }
        if made == 0 && !nothing && !sent.messages.is_empty() {
            proof.lost.push(format!(
                "{} `{}` of {} (line {line}): accepted, and no delivery was made",
                sent.kind, sent.event, sent.system
            ));
        }
    }
}

/// Whether the office of this withdrawal has the original that it withdraws.
fn original_taken(view: &View<'_>, withdrawal: &Sent, delivery: &Final) -> bool {
    let original = withdrawal.replaces.and_then(|line| view.books.sent.get(line)?.messages.first());
    let deliveries = original.and_then(|id| view.of_message.get(id.as_str()));
    let here = deliveries.into_iter().flatten().filter(|one| one.office == delivery.office);
    here.into_iter().any(|one| view.effects.contains_key(one.id.as_str()))
}

/// Whether any delivery of the event on `line` is in a receiver's books.
fn was_taken(view: &View<'_>, line: usize) -> bool {
    let ids = view.books.sent.get(line).map(|sent| sent.messages.as_slice()).unwrap_or_default();
    let deliveries = ids.iter().filter_map(|id| view.of_message.get(id.as_str())).flatten();
    deliveries.into_iter().any(|delivery| view.effects.contains_key(delivery.id.as_str()))
}

/// What is delivered or rejected is in the receiver's books, whole; what is anything else is in nobody's.
fn reached(view: &View<'_>, proof: &mut Proof) {
    for delivery in view.finals {
        let name = format!("delivery {} ({} to {})", delivery.id, delivery.kind, delivery.office);
        let settled = matches!(delivery.state.as_str(), "delivered" | "rejected");
        match (settled, view.effects.get(delivery.id.as_str())) {
            (true, None) => {
                proof.lost.push(format!("{name}: {}, and not in the books of {}", delivery.state, delivery.system));
            }
            (true, Some(taken)) => arrived_whole(view, &name, delivery, taken, proof),
            (false, Some(_)) => {
                proof.unexpected.push(format!("{name}: {}, and yet its receiver has it", delivery.state));
            }
            (false, None) => {}
        }
    }
    let known: BTreeSet<&str> = view.finals.iter().map(|delivery| delivery.id.as_str()).collect();
    for taken in view.books.taken.iter().filter(|taken| !known.contains(taken.delivery.as_str())) {
        proof
            .unexpected
            .push(format!("{} got delivery {} that the gateway does not know", taken.system, taken.delivery));
    }
}

fn arrived_whole(view: &View<'_>, name: &str, delivery: &Final, taken: &Taken, proof: &mut Proof) {
    if taken.system != delivery.system || (!taken.office.is_empty() && taken.office != delivery.office) {
        proof.unexpected.push(format!("{name}: went to {} {} instead", taken.system, taken.office));
    }
    if taken.changed {
        proof.unexpected.push(format!("{name}: came again with other bytes"));
    }
    if let Some((about, _)) = &taken.about
        && let Some((_, sent)) = view.event(&message_of(about))
        && (sent.system != taken.system || (!taken.office.is_empty() && sent.office != taken.office))
    {
        proof
            .unexpected
            .push(format!("{name}: the answer went to {} {}, not to its sender", taken.system, taken.office));
    }
    if let Some((_, sent)) = view.event(&delivery.message)
        && taken.action != "withdraw"
        // Where something is withheld, names may stand as codes of the case.
        && !taken.withheld
        && !taken.body.contains(&sent.name)
    {
        proof.lost.push(format!("{name}: the name that its sender wrote is not in it"));
    }
}

/// One effect a business event, receiving office and action: two delivery ids for the same thing would be two effects.
fn doubled(view: &View<'_>, proof: &mut Proof) {
    let mut seen: HashMap<(String, &str, &str, &str), &str> = HashMap::new();
    for taken in &view.books.taken {
        let what = match (&taken.about, view.event(&taken.message)) {
            (Some((about, word)), _) => format!("{word} of {about}"),
            (None, Some((line, _))) => format!("line {line}"),
            (None, None) => continue,
        };
        let key = (what, taken.system.as_str(), taken.office.as_str(), taken.action.as_str());
        if let Some(first) = seen.insert(key, &taken.delivery) {
            let kind = &taken.kind;
            proof.doubled.push(format!("{}: the same {kind} came as {first} and as {}", taken.system, taken.delivery));
        }
    }
}

/// What a receiver said of a delivery is in the books of the system that sent it; the first word decided its state.
fn returned(view: &View<'_>, proof: &mut Proof) {
    let mut first: HashMap<&str, &str> = HashMap::new();
    let mut heard: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (about, word) in view.books.taken.iter().filter_map(|taken| taken.about.as_ref()) {
        heard.insert((about, word));
    }
    // Where the answer to a push got lost and an outcome was posted meanwhile, nobody asks again whether it was received.
    let outdone = |said: &Said| {
        let later = view.books.said.iter().filter(|other| other.delivery == said.delivery && other.word != said.word);
        said.word == "received" && later.into_iter().any(|other| heard.contains(&(&other.delivery, &other.word)))
    };
    for said in &view.books.said {
        first.entry(&said.delivery).or_insert(&said.word);
        let outcome = view.effects.get(said.delivery.as_str()).is_some_and(|taken| taken.kind == "outcome");
        if !outcome && !heard.contains(&(said.delivery.as_str(), said.word.as_str())) && !outdone(said) {
            proof.lost.push(format!(
                "{} said `{}` of {}, and its sender never heard it",
                said.system, said.word, said.delivery
            ));
        }
    }
    for delivery in view.finals.iter().filter(|delivery| delivery.kind != "outcome") {
        let Some(word) = first.get(delivery.id.as_str()) else { continue };
        let wanted =
            if matches!(*word, "returned" | "rejected" | "wrong-addressee") { "rejected" } else { "delivered" };
        if delivery.state != wanted {
            let state = &delivery.state;
            proof.unexpected.push(format!("delivery {}: `{word}` was said first, and it is {state}", delivery.id));
        }
    }
}

/// The effects of one lane with the events that they carry.
type Lane<'a> = Vec<(&'a Taken, &'a Sent)>;

/// In each lane (receiving office, case, papers or liberty) effects follow the order of acceptance: where one event was
/// answered before another was begun, the first comes first. A correction stands where its original stood. What is about
/// liberty may pass what was tried in vain, and then says so; an office that the answer did not name gets a record later.
fn ordered(view: &View<'_>, proof: &mut Proof) {
    let mut lanes: BTreeMap<(&str, &str, &str, &str), Lane<'_>> = BTreeMap::new();
    for taken in &view.books.taken {
        if let Some((_, sent)) = view.event(&taken.message) {
            lanes.entry((&taken.system, &taken.office, &sent.case, sent.lane)).or_default().push((taken, sent));
        }
    }
    for ((system, office, case, name), mut lane) in lanes {
        lane.sort_by_key(|(taken, _)| taken.order);
        for (place, (late, after)) in lane.iter().enumerate() {
            for (early, before) in lane.iter().skip(place + 1) {
                let told = name == "liberty" && late.passed.contains(&early.delivery);
                // What was sent on from another office stands where it came.
                let sent_on = !before.offices.is_empty() && !before.offices.contains(&early.office);
                if precedes(view, before, after) && !told && !sent_on {
                    let (first, second) = (&late.delivery, &early.delivery);
                    proof
                        .out_of_order
                        .push(format!("{system} {office}, {case}: {first} came before {second}, accepted earlier"));
                }
            }
        }
    }
    outcomes_ordered(view, proof);
}

/// Whether `before` was accepted before `after` began, each taken at the place that its lane gives it.
fn precedes(view: &View<'_>, before: &Sent, after: &Sent) -> bool {
    let answered = before.answered.unwrap_or(u64::MAX);
    answered < origin(view, after) || (answered < after.begun && is_version_of(view, before, after))
}

/// Whether `early` is an earlier version of `late`.
fn is_version_of(view: &View<'_>, early: &Sent, late: &Sent) -> bool {
    let mut current = late.replaces.and_then(|line| view.books.sent.get(line));
    while let Some(version) = current {
        if std::ptr::eq(version, early) {
            return true;
        }
        current = version.replaces.and_then(|line| view.books.sent.get(line));
    }
    false
}

/// Where a record stands in its lane: where its first version began.
fn origin(view: &View<'_>, sent: &Sent) -> u64 {
    let mut current = sent;
    while let Some(earlier) = current.replaces.and_then(|line| view.books.sent.get(line)) {
        current = earlier;
    }
    current.begun
}
/// The outcomes of one delivery come in the order in which they were said.
fn outcomes_ordered(view: &View<'_>, proof: &mut Proof) {
    let mut said: HashMap<(&str, &str), u64> = HashMap::new();
    for line in &view.books.said {
        said.entry((&line.delivery, &line.word)).or_insert(line.order);
    }
    let mut last: HashMap<&str, (u64, &str)> = HashMap::new();
    for taken in &view.books.taken {
        let Some((about, word)) = &taken.about else { continue };
        let Some(order) = said.get(&(about.as_str(), word.as_str())) else { continue };
        if let Some((earlier, other)) = last.insert(about, (*order, word))
            && earlier > *order
        {
            proof.out_of_order.push(format!("{}: `{other}` of {about} came before `{word}`", taken.system));
        }
    }
}
