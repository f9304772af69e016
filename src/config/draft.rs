//! What one route has come to: offices that get the record, each once with every case and reason that led to it, and what
//! could not be decided. Read `routing` for how it is filled.

use super::routes::Route;
use super::routing::Destination;
use super::steps::Named;
use crate::identifiers::{OfficeId, SystemName};
use crate::journal::How;

/// What the steps of one route give for one case.
pub(super) enum Found {
    /// These get it.
    Offices(Vec<Named>, Vec<Named>),
    /// A step names offices, and no system serves one of them.
    Unserved(Vec<Named>),
    /// A step names several where one is needed.
    Several(&'static str, Vec<Named>),
    /// No step names an office.
    Nothing,
    /// No step names an office, for this reason.
    Lacking(String),
    /// It is none of this pillar's business.
    Nobody,
}

/// An office that gets the record, and for which of its cases.
pub(super) struct Chosen {
    pub(super) office: OfficeId,
    pub(super) reasons: Vec<String>,
    pub(super) cases: Vec<usize>,
}

/// What one route has come to so far.
pub(super) struct Draft {
    /// Addressees, and those among them that nobody serves.
    pub(super) addressed: Vec<OfficeId>,
    strangers: Vec<Named>,
    pub(super) chosen: Vec<Chosen>,
    pub(super) stuck: Vec<Destination>,
}

impl Draft {
    pub(super) fn of(route: &Route, served: Vec<Named>, strangers: Vec<Named>) -> Self {
        let addressed: Vec<OfficeId> = served.iter().map(|named| named.office.clone()).collect();
        let mut draft = Self { addressed, strangers: Vec::new(), chosen: Vec::new(), stuck: Vec::new() };
        served.iter().for_each(|named| draft.choose(named, None, ""));
        if served.is_empty() {
            draft.strangers = strangers;
        } else {
            draft.stuck = strangers.iter().map(|named| missing(route, named, "")).collect();
        }
        draft
    }

    pub(super) fn is_addressed(&self, named: &Named) -> bool {
        self.addressed.iter().any(|office| covers(office, &named.office))
    }

    /// What was found for the `nth` case.
    pub(super) fn take(&mut self, route: &Route, nth: usize, label: &str, found: Found) {
        match found {
            Found::Offices(served, lost) => {
                for named in &served {
                    if !self.is_addressed(named) {
                        self.choose(named, Some(nth), label);
                    }
                }
                self.stuck.extend(lost.iter().map(|named| missing(route, named, label)));
            }
            Found::Several(step, names) => {
                let names: Vec<&str> = names.iter().map(|named| named.office.as_str()).collect();
                let why = format!("route {}: {label}{step} names {}", route.name, names.join(", "));
                self.stuck.push(parked("ambiguous-office", why));
            }
            Found::Unserved(names) => self.stuck.extend(names.iter().map(|named| missing(route, named, label))),
            // Whoever sent it said who gets it, or nobody has to do with it.
            Found::Nothing if !self.addressed.is_empty() || !self.strangers.is_empty() || route.by_chance() => {}
            Found::Nothing => {
                let why = format!("route {}: {label}no step names an office", route.name);
                self.stuck.push(parked("no-office", why));
            }
            Found::Lacking(message) => {
                self.stuck.push(parked("no-office", format!("route {}: {label}{message}", route.name)));
            }
            Found::Nobody => {}
        }
    }

    /// Addressees that nobody serves are missing where nothing else was found.
    pub(super) fn close(&mut self, route: &Route) {
        if self.chosen.is_empty() && self.stuck.is_empty() {
            self.stuck = self.strangers.iter().map(|named| missing(route, named, "")).collect();
        }
    }

    /// Adds an office, or another reason why it gets the record.
    fn choose(&mut self, named: &Named, case: Option<usize>, label: &str) {
        let reason = format!("{label}{}", named.why);
        match self.chosen.iter_mut().find(|one| one.office == named.office) {
            Some(one) => {
                one.reasons.push(reason);
                one.cases.extend(case);
            }
            None => self.chosen.push(Chosen {
                office: named.office.clone(),
                reasons: vec![reason],
                cases: case.into_iter().collect(),
            }),
        }
    }
}

/// Cases that a reason names one by one.
const REASONS: usize = 5;

pub(super) fn reasons(all: &[String]) -> String {
    let named = all.iter().take(REASONS).map(String::as_str).collect::<Vec<_>>().join("; ");
    match all.len().saturating_sub(REASONS) {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}

/// The same office, or one of them is the registry of the other's establishment.
pub(super) fn covers(one: &OfficeId, two: &OfficeId) -> bool {
    let under = |office: &OfficeId, of: &OfficeId| {
        office.as_str().strip_prefix(of.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    one == two || under(one, two) || under(two, one)
}

pub(super) fn parked(code: &str, why: String) -> Destination {
    Destination {
        office: None,
        system: SystemName::new(),
        how: How::Feed,
        code: Some(code.to_owned()),
        forbidden: false,
        hold: None,
        why,
        park_on_reject: false,
        cases: Vec::new(),
        items: Vec::new(),
        given: None,
    }
}

pub(super) fn missing(route: &Route, named: &Named, label: &str) -> Destination {
    let why = format!("route {}: {label}{}: no system serves {}", route.name, named.why, named.office);
    parked("no-office", why)
}
