//! Nouns of the journal, fourth part: alerts. What must be seen by a person, since when, how often, whether somebody has
//! seen it, and when it ended by itself. No alert holds a body, a name, or an identifier of a person.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Lane;
use crate::clock::Timestamp;
use crate::identifiers::{KindName, SystemName};

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Nothing came back from the receiver's machine; parked deliveries have a cause of their own.
    Unsettled,
    /// The receiver's machine has it, and no person has said anything since.
    Unanswered,
    /// A record was taken back, and the office has not said what became of its copy.
    Recall,
    /// Stopped with a reason.
    Parked,
    /// A system that is pushed to gives no answer.
    Unreachable,
    /// A reader has looked at all that it may within an hour.
    MassRead,
}

impl Cause {
    /// Whether it is about a system, not about a delivery: such a rule has neither lane nor kinds.
    pub fn is_about_a_system(self) -> bool {
        matches!(self, Self::Unreachable | Self::MassRead)
    }
}

/// One rule of the watch, as a store applies it.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The rule's name.
    pub name: String,
    /// What it looks at.
    pub cause: Cause,
    /// So long after acceptance, or (unreachable) after the last answer.
    pub after: Duration,
    /// Only this lane.
    pub lane: Option<Lane>,
    /// Only these kinds; empty: all.
    pub kinds: Vec<KindName>,
    /// Only these receivers; `None`: all, and deliveries without one.
    pub systems: Option<BTreeSet<SystemName>>,
    /// Only these reasons; empty: all.
    pub codes: Vec<String>,
}

/// What the watch goes by.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// In order: the first rule of a cause that fits has a delivery.
    pub rules: Vec<Watched>,
    /// Systems that give no answer, and since when.
    pub away: Vec<(SystemName, Timestamp)>,
    /// Systems of which nothing is known: not tried since the start. Their alerts stand as they are.
    pub unknown: BTreeSet<SystemName>,
    /// Readers that have looked at all that they may.
    pub readers: Vec<Over>,
    /// The present moment.
    pub now: Timestamp,
    /// Somebody is to be told of what changes (see `AlertVerb::Untold`).
    pub tell: bool,
}

/// A reader that has looked at all that it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// The system.
    pub system: SystemName,
    /// The mark of its officer (`Reading::mark`); `None`: the system as a whole.
    pub officer: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// How many it may.
    pub limit: u32,
    /// Milliseconds until it may look again.
    pub wait: i64,
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `delivery/<id>`, `system/<name>`, `reader/<system>` or `reader/<system>/<mark of an officer>`: with the rule's name, what makes an alert one and the same.
    pub name: String,
    /// Receiving (or reading) system; empty where there is none.
    pub system: String,
    /// Receiving office; empty where there is none.
    pub office: String,
    /// Kind of the record; empty for a system.
    pub kind: String,
    /// Why it stopped.
    pub code: Option<String>,
    /// When the record was accepted, or since when the system gives no answer or reads too much.
    pub since: Timestamp,
}

/// One alert: the row of one rule and one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number, from 1.
    pub number: u64,
    /// Which rule.
    pub rule: String,
    /// What it looked at.
    pub cause: Cause,
    /// What it found.
    pub subject: Subject,
    /// Raised first.
    pub first_at: Timestamp,
    /// Raised last.
    pub last_at: Timestamp,
    /// How often it was raised.
    pub times: u64,
    /// Who has seen it since it was raised last.
    pub acknowledged: Option<Acknowledged>,
    /// When its cause was gone; `None` while it is open.
    pub ended_at: Option<Timestamp>,
}

/// Somebody has seen an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they say about it.
    pub note: String,
}

/// The verbs over alerts.
#[derive(Clone, Debug)]
pub enum AlertVerb {
    /// Raises what has a cause and ends what has none any more; gives back what changed. Held deliveries whose deadline has
    /// passed are parked on the way. A call does a bounded amount of work: the rest comes with the next ones.
    Watch(Box<Watch>),
    /// Those that match, newest first.
    List(AlertFilter),
    /// A person has seen it; gives back the alert, nothing where there is none.
    Acknowledge {
        /// Which.
        number: u64,
        /// By whom, when, with which words.
        seen: Acknowledged,
    },
    /// Those whose last change nobody was told of, oldest first.
    Untold {
        /// At most so many.
        limit: usize,
    },
    /// Somebody was told of this very state of an alert.
    Told(Box<Alert>),
}

/// Which alerts are wanted. Everything given must match.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Only this one.
    pub number: Option<u64>,
    /// Of this rule.
    pub rule: Option<String>,
    /// About this office.
    pub office: Option<String>,
    /// Open (or ended) ones only.
    pub open: Option<bool>,
    /// Older than this one.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// What a rule is held against.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// Lane of the delivery.
    pub lane: Lane,
    /// Kind of the record.
    pub kind: &'f str,
    /// Receiving system; empty where there is none.
    pub system: &'f str,
    /// Why it stopped.
    pub code: Option<&'f str>,
    /// From when the rule's time counts.
    pub since: Timestamp,
}

impl Watched {
    /// Whether it watches this system.
    pub fn serves(&self, system: &str) -> bool {
        self.systems.as_ref().is_none_or(|systems| systems.contains(system))
    }

    fn fits(&self, facts: &Facts<'_>) -> bool {
        self.lane.is_none_or(|lane| lane == facts.lane || self.cause.is_about_a_system())
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == facts.kind))
            && self.serves(facts.system)
            && (self.codes.is_empty() || facts.code.is_some_and(|code| self.codes.iter().any(|known| known == code)))
    }
}

impl Watch {
    /// The rule that has this: the first of its cause that fits.
    pub fn first(&self, cause: Cause, facts: &Facts<'_>) -> Option<&Watched> {
        self.rules.iter().find(|rule| rule.cause == cause && rule.fits(facts))
    }

    /// The same, once its time has come.
    pub fn due(&self, cause: Cause, facts: &Facts<'_>) -> Option<&Watched> {
        self.first(cause, facts).filter(|rule| facts.since.after(rule.after) <= self.now)
    }

    /// Whether some rule of the cause looks at deliveries to this system in this lane.
    pub fn looks_at(&self, cause: Cause, system: &str, lane: Lane) -> bool {
        let rule =
            |rule: &Watched| rule.cause == cause && rule.serves(system) && rule.lane.is_none_or(|own| own == lane);
        self.rules.iter().any(rule)
    }

    /// Before this moment nothing is due by any rule of the cause; `None` where there is no such rule.
    pub fn latest(&self, cause: Cause) -> Option<Timestamp> {
        let after = self.rules.iter().filter(|rule| rule.cause == cause).map(|rule| rule.after).min()?;
        let after = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        Some(Timestamp::from_millis(self.now.millis().saturating_sub(after)))
    }
}
