//! What the simulated systems wrote down: what they sent and were answered, what they took, what they said of it.
//! Each system keeps these as its own truth; `proof` reads nothing else of what happened. No gateway type is used here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What the scenario wants to become of something that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Accepted, and every delivery of it reaches its office, unless a correction or withdrawal replaces it.
    Reaches,
    /// Accepted, and every delivery of it stops with this code, or waits for a CNR that never comes.
    Parked(&'static str),
    /// Refused with this code.
    Refused(&'static str),
    /// What becomes of each delivery stands in a script, which is checked by itself.
    Scripted,
}

impl Expect {
    /// Whether it should be refused.
    pub fn refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// One business event that a system sent: however often it was submitted, it is one line of the books.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The sending system.
    pub system: String,
    /// For which of its offices.
    pub office: String,
    /// Record kind.
    pub kind: &'static str,
    /// The lane in which the sender knows it to go: `papers`, or `liberty` for what is about a person's freedom.
    pub lane: &'static str,
    /// `new`, `correct` or `withdraw`.
    pub action: &'static str,
    /// The sender's own number of the event.
    pub event: String,
    /// The case, in the demo's words: one text a case.
    pub case: String,
    /// What the scenario wants.
    pub expect: Expect,
    /// The line of the record that this one corrects or withdraws.
    pub replaces: Option<usize>,
    /// A person's name in the record, byte for byte.
    pub name: String,
    /// Place in the order of everything that happened: first submission begun.
    pub begun: u64,
    /// The same: first answer seen.
    pub answered: Option<u64>,
    /// When that was.
    pub answered_at: Option<Instant>,
    /// Message ids that 202 answers gave; one, unless something is wrong.
    pub messages: Vec<String>,
    /// The offices to which the answer said that it goes; others get it later, sent on from there.
    pub offices: Vec<String>,
    /// Code of the refusal, if it was refused.
    pub refusal: Option<String>,
    /// The refusal's own words, for the report.
    pub detail: String,
    /// Submissions made.
    pub tries: u32,
    /// Answers that said `Idempotency-Replayed`.
    pub replays: u32,
    /// How long the answers took.
    pub accept_ms: Vec<f64>,
}

/// One effect at a receiver: the first time that it got a delivery.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The receiving system.
    pub system: String,
    /// For which of its offices; empty where the wire does not say.
    pub office: String,
    /// Record kind, `outcome` for outcomes.
    pub kind: String,
    /// What the office was told: `new`, `correct`, `withdraw`.
    pub action: String,
    /// Delivery id.
    pub delivery: String,
    /// Message id.
    pub message: String,
    /// Place in the order of everything that happened.
    pub order: u64,
    /// When.
    pub at: Instant,
    /// How often it came.
    pub arrivals: u32,
    /// Fingerprint of its bytes at the first arrival.
    pub digest: u64,
    /// A later arrival had other bytes.
    pub changed: bool,
    /// The deliveries that it says it passed, the first time.
    pub passed: Vec<String>,
    /// Something that its sender wrote is kept from this receiver.
    pub withheld: bool,
    /// Text of the body, for looking up names; for an outcome its words.
    pub body: String,
    /// For an outcome: the delivery that it speaks of, and its word.
    pub about: Option<(String, String)>,
}

/// One thing that a receiver said of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who said it.
    pub system: String,
    /// Of which delivery.
    pub delivery: String,
    /// The outcome's word.
    pub word: String,
    /// Place in the order of everything that happened.
    pub order: u64,
    /// When.
    pub at: Instant,
}

/// A delivery as the gateway shows it at the end.
#[derive(Debug, Clone, Default)]
pub struct Final {
    /// Delivery id.
    pub id: String,
    /// Message id.
    pub message: String,
    /// Record kind.
    pub kind: String,
    /// Sending system.
    pub from: String,
    /// Receiving system, where one was found.
    pub system: String,
    /// Receiving office, where one was found.
    pub office: String,
    /// What the office is told: `new`, `correct`, `withdraw`.
    pub action: String,
    /// State.
    pub state: String,
    /// Why it is parked or held.
    pub code: String,
    /// Attempts made.
    pub attempts: u64,
}

/// The books of all simulated systems, written under one lock so that one order runs through them.
#[derive(Debug, Default)]
pub struct Books {
    /// What was sent.
    pub sent: Vec<Sent>,
    /// What was taken.
    pub taken: Vec<Taken>,
    /// What was said.
    pub said: Vec<Said>,
    sequence: u64,
    by_message: HashMap<String, usize>,
    by_delivery: HashMap<String, usize>,
    outcomes: HashMap<String, Vec<usize>>,
    last_said: HashMap<String, String>,
    /// Misbehaviour that happened, by its name.
    pub mischief: BTreeMap<&'static str, u64>,
    under_way: Arc<AtomicUsize>,
    /// What a system waited for in vain, or was told that it did not expect.
    pub troubles: Vec<String>,
}

/// Something that a system does of its own accord; it is under way until this is dropped.
#[derive(Debug)]
pub struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Books {
    /// A system begins to do something.
    pub fn begin(&self) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(&self.under_way))
    }

    /// Whether some system has something to do still.
    pub fn busy(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    /// The next place in the order of everything.
    pub fn tick(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// A system did something wrong on purpose.
    pub fn misbehaved(&mut self, name: &'static str) {
        *self.mischief.entry(name).or_default() += 1;
    }

    /// A new line; its number names the event from now on.
    pub fn send(&mut self, mut line: Sent) -> usize {
        line.begun = self.tick();
        self.sent.push(line);
        self.sent.len() - 1
    }

    /// An answer to the event on `line`.
    pub fn answered(
        &mut self,
        line: usize,
        message: Option<&str>,
        refusal: Option<&str>,
        took_ms: f64,
        replayed: bool,
    ) {
        let order = self.tick();
        let Some(sent) = self.sent.get_mut(line) else { return };
        sent.answered.get_or_insert(order);
        sent.answered_at.get_or_insert_with(Instant::now);
        sent.accept_ms.push(took_ms);
        sent.replays += u32::from(replayed);
        if let Some(code) = refusal {
            sent.refusal = Some(code.to_owned());
        }
        if let Some(message) = message
            && !sent.messages.iter().any(|known| known == message)
        {
            sent.messages.push(message.to_owned());
            self.by_message.insert(message.to_owned(), line);
        }
    }

    /// A delivery came. True when it is the first time: only then the receiver acts on it.
    pub fn take(&mut self, mut arrival: Taken) -> bool {
        if let Some(known) = self.by_delivery.get(&arrival.delivery).and_then(|place| self.taken.get_mut(*place)) {
            known.arrivals += 1;
            known.changed |= known.digest != arrival.digest;
            return false;
        }
        arrival.order = self.tick();
        let place = self.taken.len();
        self.by_delivery.insert(arrival.delivery.clone(), place);
        if let Some((about, _)) = &arrival.about {
            self.outcomes.entry(about.clone()).or_default().push(place);
        }
        self.taken.push(arrival);
        true
    }

    /// A receiver says something of a delivery.
    pub fn say(&mut self, system: &str, delivery: &str, word: &str) {
        let order = self.tick();
        let at = Instant::now();
        let line = Said { system: system.to_owned(), delivery: delivery.to_owned(), word: word.to_owned(), order, at };
        self.last_said.insert(delivery.to_owned(), word.to_owned());
        self.said.push(line);
    }

    /// The newest word that was said of a delivery.
    pub fn last_said(&self, delivery: &str) -> Option<String> {
        self.last_said.get(delivery).cloned()
    }

    /// The body of the first record of a kind that a system got in a case.
    pub fn got(&self, system: &str, kind: &str, case: &str) -> Option<&str> {
        let mut taken = self.taken.iter().filter(|taken| taken.system == system && taken.kind == kind);
        let of_case = |taken: &&Taken| {
            let sent = self.event_of(&taken.message).and_then(|line| self.sent.get(line));
            sent.is_some_and(|sent| sent.case == case)
        };
        taken.find(of_case).map(|taken| taken.body.as_str())
    }

    /// The event that a message carries.
    pub fn event_of(&self, message: &str) -> Option<usize> {
        self.by_message.get(message).copied()
    }

    /// The outcomes that came back for a delivery, as their words with their bodies.
    pub fn heard(&self, delivery: &str) -> Vec<(String, String)> {
        let places = self.outcomes.get(delivery).map(Vec::as_slice).unwrap_or_default();
        let taken = places.iter().filter_map(|place| self.taken.get(*place));
        taken.filter_map(|one| Some((one.about.clone()?.1, one.body.clone()))).collect()
    }
}

/// The message of a delivery: the id with its last four digits zero.
pub fn message_of(delivery: &str) -> String {
    let head = delivery.get(..delivery.len().saturating_sub(4)).unwrap_or_default();
    format!("{head}0000")
}

/// A short fingerprint of bytes, to see whether they changed.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
