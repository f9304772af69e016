//! `finds = "unsigned"`: nobody who signed a record is known by the papers of its case as one who may: officer in charge,
//! investigator, superior. Officers are the same by their number, or by their name where one of the two has no number.
//! Where no other paper names an officer, nobody can say, and nothing is said.

use serde_json::Value;

use super::super::document::Section;
use super::super::facts::{Path, plain};
use super::super::kinds::Kinds;
use super::{At, Finding, Seen};
use crate::identifiers::KindName;

/// See the header.
#[derive(Debug)]
pub(super) struct Unsigned {
    kind: KindName,
    signers: Vec<Path>,
    may: Vec<At>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Officer {
    number: Option<String>,
    name: Option<String>,
}

pub(super) fn read(section: &mut Section<'_, '_>, kinds: &Kinds) -> Option<Unsigned> {
    let kind = super::kind(section, "kind", kinds);
    let signers = super::paths(section, "signers", kind.as_ref(), kinds);
    let may = super::places(section, "may", kinds);
    Some(Unsigned { kind: kind?, signers, may })
}

impl Unsigned {
    pub(super) fn needs(&self, kind: &str) -> Vec<KindName> {
        let mut kinds: Vec<KindName> = self.may.iter().map(|at| at.kind.clone()).collect();
        kinds.push(self.kind.clone());
        if kinds.iter().any(|known| known == kind) { kinds } else { Vec::new() }
    }

    pub(super) fn look(&self, record: Seen<'_>, others: &[Seen<'_>]) -> Vec<Finding> {
        if record.kind == self.kind {
            return self.held(record, others).into_iter().collect();
        }
        if !self.may.iter().any(|at| at.kind == record.kind) {
            return Vec::new();
        }
        // A paper that names officers came after the one that they should have signed. Where an earlier one names some as well,
        // the sender of what was signed has been told by now.
        let before = |one: &&Seen<'_>| record.id.is_none_or(|id| one.id.is_some_and(|other| other < id));
        let spoke = |one: &Seen<'_>| one.kind != self.kind && !self.named(one).is_empty();
        if others.iter().filter(before).any(spoke) || self.named(&record).is_empty() {
            return Vec::new();
        }
        let all: Vec<Seen<'_>> = others.iter().chain([&record]).copied().collect();
        let signed = |one: &&Seen<'_>| one.kind == self.kind && !self.signers(one).is_empty();
        others.iter().filter(before).filter(signed).filter_map(|one| self.held(*one, &all)).collect()
    }

    fn signers(&self, record: &Seen<'_>) -> Vec<Officer> {
        officers(self.signers.iter(), record.shared)
    }

    /// One record of `kind`, held against the others and what it says itself of those who may.
    fn held(&self, record: Seen<'_>, others: &[Seen<'_>]) -> Option<Finding> {
        let signed = self.signers(&record);
        let said = others.iter().filter(|one| one.kind != self.kind).any(|one| !self.named(one).is_empty());
        let may: Vec<Officer> = others.iter().chain([&record]).flat_map(|one| self.named(one)).collect();
        let known = |one: &Officer| may.iter().any(|other| one.is(other));
        if signed.iter().any(known) || (!signed.is_empty() && !said) {
            return None;
        }
        let places: Vec<String> = self.signers.iter().map(ToString::to_string).collect();
        let who = if signed.is_empty() { "names nobody who signed it" } else { "was signed by nobody" };
        let whom = if signed.is_empty() { "" } else { " whom the case's papers name as one who may" };
        let message = format!(
            "the {} {who}{whom} ({}); send the paper that names the officer, or a correction",
            self.kind,
            places.join(", "),
        );
        let against = others.iter().filter(|one| !self.named(one).is_empty()).filter_map(|one| one.id).chain(record.id);
        Some(Finding::new(message, places, against.take(super::MOST).collect()))
    }

    /// Officers whom a record names as those who may.
    fn named(&self, record: &Seen<'_>) -> Vec<Officer> {
        officers(self.may.iter().filter(|at| at.kind == record.kind).map(|at| &at.path), record.shared)
    }
}

fn officers<'p>(paths: impl Iterator<Item = &'p Path>, shared: &Value) -> Vec<Officer> {
    paths.flat_map(|path| path.values(shared)).filter_map(Officer::of).collect()
}

impl Officer {
    fn of(value: &Value) -> Option<Self> {
        let part = |key: &str| value.get(key).and_then(plain).map(|text| folded(&text));
        let (number, name) = (part("number"), part("name"));
        (number.is_some() || name.is_some()).then_some(Self { number, name })
    }

    fn is(&self, other: &Self) -> bool {
        match (&self.number, &other.number) {
            (Some(one), Some(two)) => one == two,
            _ => self.name.is_some() && self.name == other.name,
        }
    }
}

/// The same text however it was typed: small letters, one space.
pub(super) fn folded(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}
