//! `config/rules.toml`: deliveries that are never made, what raises an alert, and (in `checks`) what does not go together. A
//! rule about alerts changes nothing about a delivery; `[[never]]` parks it with a code. Who watches by them is `alerts`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::Revision;
use super::checks::{self, Check};
use super::children::{self, ADULT, ChildPaths};
use super::document::{Document, Findings, Said, Section, meant};
use super::folder::Folder;
use super::kinds::{Kinds, LANES};
use super::routing::Destination;
use super::systems::{PILLARS, System};
use crate::expression::Expression;
use crate::identifiers::KindName;
use crate::journal::{Cause, Lane};

/// Where rules are configured.
pub const FILE: &str = "config/rules.toml";

const CAUSES: [&str; 6] = ["unsettled", "unanswered", "recall", "parked", "unreachable", "mass-read"];

/// What rules.toml says.
#[derive(Debug, Default)]
pub struct Rules {
    /// In file order.
    pub never: Vec<Never>,
    /// In file order: the first of a cause that fits has a delivery.
    pub alerts: Vec<AlertRule>,
    /// In file order; those that are switched off are not here.
    pub checks: Vec<Check>,
}

/// A delivery that is never made.
#[derive(Debug)]
pub struct Never {
    /// Why it is parked.
    pub code: String,
    /// Of which records; `None`: of every kind that says where a child is, unless a rule of the same code names the kind.
    pub kind: Option<KindName>,
    /// To offices of which pillars.
    pub to: Vec<String>,
    /// If it is about a child, as its kind says where that stands.
    child: bool,
    /// Or if one of these says that somebody is younger than `under`; where there is neither, always.
    young: ChildPaths,
    under: u64,
    /// And only if this holds.
    when: Option<Expression>,
}

/// What raises an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRule {
    /// Its name.
    pub name: String,
    /// What it looks at.
    pub cause: Cause,
    /// So long after acceptance, or after a system's last answer.
    pub after: Duration,
    /// Only this lane.
    pub lane: Option<Lane>,
    /// Only these kinds; empty: all.
    pub kinds: Vec<KindName>,
    /// Only receivers of these pillars; empty: all, and deliveries without a receiver.
    pub to: Vec<String>,
    /// Only these reasons; empty: all.
    pub codes: Vec<String>,
}

pub(super) fn compile(folder: &Folder, kinds: &Kinds, findings: &Findings) -> Rules {
    let mut rules = Rules::default();
    let Some(contents) = folder.files.get(FILE) else {
        findings.warn(FILE, 0, "is missing: nothing raises an alert");
        return rules;
    };
    let Some(document) = Document::parse(FILE, contents, findings) else { return rules };
    let mut root = document.section("this file", findings);
    for mut section in root.sections("never") {
        rules.never.extend(never(&mut section, kinds));
        section.finish();
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for mut section in root.sections("alert") {
        let rule = alert(&mut section, kinds);
        let line = section.line_of("name");
        section.finish();
        let Some(rule) = rule else { continue };
        if let Some(first) = names.insert(rule.name.clone(), line) {
            findings.error(FILE, line, format!("alert `{}` is there twice; first in line {first}", rule.name));
        }
        rules.alerts.push(rule);
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for mut section in root.sections("check") {
        let check = checks::read(&mut section, kinds);
        let line = section.line_of("rule");
        section.finish();
        let Some(check) = check else { continue };
        if let Some(first) = names.insert(check.rule.clone(), line) {
            findings.error(FILE, line, format!("check `{}` is there twice; first in line {first}", check.rule));
        }
        rules.checks.push(check);
    }
    root.finish();
    rules
}

fn never(section: &mut Section<'_, '_>, kinds: &Kinds) -> Option<Never> {
    let code = section.required("code");
    let child = section.boolean("child").unwrap_or(false);
    let kind = if child { section.text("kind") } else { section.required("kind") };
    if let Some(said) = &kind {
        known_kind(section, said, kinds);
    }
    if !section.has("to") {
        section.error(section.line, "`to` is missing in [[never]]; it lists pillars, such as `[\"prisons\"]`");
    }
    let to = pillars(section);
    let known = kind.as_ref().and_then(|said| kinds.by_name.get(&said.value));
    let shape = known.map(|kind| kind.schema.resolved());
    let young = children::read(section, shape.as_deref());
    let under = section.number("under");
    if let Some(said) = under.as_ref().filter(|_| young.ages.is_empty() && young.born.is_empty() && !child) {
        section.error(said.line, "`under` without `age` says nothing");
    }
    if child && known.is_some_and(|kind| kind.paths.child.is_none()) {
        section.error(section.line_of("child"), "the kind does not say where a child is: `child` in config/kinds.toml");
    }
    for key in ["marked", "age", "born", "when"] {
        if kind.is_none() && section.has(key) {
            section.error(section.line_of(key), format!("`{key}` reads a record: name its `kind`"));
        }
    }
    let when = section.text("when").and_then(|said| match Expression::compile(&said.value, shape.as_deref()) {
        Ok(expression) => Some(expression),
        Err(message) => {
            section.error(said.line, format!("`when`: {message}"));
            None
        }
    });
    let under = under.map_or(ADULT, |said| said.value);
    Some(Never { code: code?.value, kind: kind.map(|said| said.value), to, child, young, under, when })
}

impl Never {
    /// Whether it forbids this record, whose kind says where a child is.
    fn holds(&self, shared: &Value, child: Option<&ChildPaths>) -> Result<bool, String> {
        let always = self.young.is_empty() && !self.child;
        let child = child.filter(|_| self.child).is_some_and(|paths| paths.younger(shared, self.under));
        if !(always || child || self.young.younger(shared, self.under)) {
            return Ok(false);
        }
        self.when.as_ref().map_or(Ok(true), |when| when.holds(shared))
    }
}

fn alert(section: &mut Section<'_, '_>, kinds: &Kinds) -> Option<AlertRule> {
    let name = section.required("name");
    section.required("cause");
    let cause = section.word("cause", &CAUSES);
    let cause = cause.map(|said| match said.value.as_str() {
        "unsettled" => Cause::Unsettled,
        "unanswered" => Cause::Unanswered,
        "recall" => Cause::Recall,
        "parked" => Cause::Parked,
        "mass-read" => Cause::MassRead,
        _ => Cause::Unreachable,
    });
    let after = section.duration("after").unwrap_or_default();
    let lane = section.word("lane", &LANES).map(|said| super::kinds::lane_of(&said.value));
    let said_kinds = section.texts("kinds");
    for said in &said_kinds {
        known_kind(section, said, kinds);
    }
    let to = pillars(section);
    let codes = section.texts("codes");
    if let Some(said) = codes.first().filter(|_| cause.is_some_and(|cause| cause != Cause::Parked)) {
        section.error(said.line, "`codes` are reasons of parked deliveries: only the cause `parked` has them");
    }
    if cause == Some(Cause::Unanswered) && lane != Some(Lane::Liberty) {
        section.error(
            section.line_of("cause"),
            "`unanswered` needs `lane = \"liberty\"`: only there a person's answer is awaited",
        );
    }
    for key in ["lane", "kinds"] {
        if cause.is_some_and(Cause::is_about_a_system) && section.has(key) {
            section.error(section.line_of(key), format!("`{key}` says nothing here: the rule is about systems"));
        }
    }
    let texts = |said: Vec<Said<String>>| said.into_iter().map(|said| said.value).collect();
    Some(AlertRule { name: name?.value, cause: cause?, after, lane, kinds: texts(said_kinds), to, codes: texts(codes) })
}

fn known_kind(section: &Section<'_, '_>, said: &Said<String>, kinds: &Kinds) {
    if !kinds.knows(&said.value) {
        section.error(said.line, format!("unknown kind `{}`{}", said.value, kinds.hint(&said.value)));
    }
}

pub(super) fn pillars(section: &mut Section<'_, '_>) -> Vec<String> {
    let names = || PILLARS.iter().map(|(name, _)| *name);
    let said = section.texts("to");
    for pillar in said.iter().filter(|pillar| !names().any(|name| name == pillar.value)) {
        section.error(pillar.line, format!("unknown pillar `{}`{}", pillar.value, meant(&pillar.value, names())));
    }
    said.into_iter().map(|said| said.value).collect()
}

impl Revision {
    /// Why a record of this kind is never delivered to `system`, if so. An expression that fails is a reason to stop as
    /// well (`expression-failed`): what may be forbidden is looked at by a person.
    pub fn never(&self, kind: &str, shared: &Value, system: &System) -> Option<String> {
        let mut found = None;
        let child = self.kinds.get(kind).and_then(|kind| kind.paths.child.as_ref());
        for rule in self.nevers(kind, system) {
            match rule.holds(shared, child) {
                Ok(true) => return Some(rule.code.clone()),
                Ok(false) => {}
                Err(_) => found = Some("expression-failed".to_owned()),
            }
        }
        found
    }

    /// Whether the record speaks of a child where its kind says that.
    pub(super) fn about_a_child(&self, kind: &str, shared: &Value) -> bool {
        let child = self.kinds.get(kind).and_then(|kind| kind.paths.child.as_ref());
        child.is_some_and(|paths| paths.younger(shared, ADULT))
    }

    /// Whether a rule may forbid deliveries of this kind to `system`: only then the record need be read.
    pub fn may_never(&self, kind: &str, system: &System) -> bool {
        self.nevers(kind, system).next().is_some()
    }

    /// The rules about deliveries of this kind to `system`. One that names the kind stands for the general one of its code.
    fn nevers<'r>(&'r self, kind: &'r str, system: &'r System) -> impl Iterator<Item = &'r Never> {
        let to = |rule: &&Never| rule.to.contains(&system.pillar);
        let own = move |rule: &&Never| rule.kind.as_deref() == Some(kind);
        let named = move |code: &str| self.rules.never.iter().filter(to).filter(own).any(|rule| rule.code == code);
        let says = self.kinds.get(kind).is_some_and(|kind| kind.paths.child.is_some());
        let general = move |rule: &&Never| rule.kind.is_none() && says && !named(&rule.code);
        self.rules.never.iter().filter(to).filter(move |rule| own(rule) || general(rule))
    }

    /// What an order orders, in words for people: the label of its code, or a code that `lane_code` lists. Nothing for a
    /// kind that has no codes. Never anything else of the record.
    pub fn ordered(&self, kind: &str, shared: &Value) -> Option<String> {
        let by = self.kinds.get(kind)?.paths.lane.as_ref()?;
        let code = by.path.values(shared).first().and_then(|value| value.as_str())?;
        let row = by.table.as_ref().and_then(|table| self.codes.table(table)).and_then(|table| table.by_shared(code));
        // A code that the configuration does not know may be anything that a sender wrote.
        let known = by.liberty.iter().find(|known| *known == code);
        Some(row.map(|row| &row.label_en).or(known).map_or_else(|| "unknown code".to_owned(), String::clone))
    }

    /// Parks those destinations to which the record never goes.
    pub(super) fn forbid(&self, kind: &str, shared: &Value, destinations: &mut [Destination]) {
        for destination in destinations.iter_mut().filter(|destination| destination.code.is_none()) {
            let Some(system) = self.systems.get(&destination.system) else { continue };
            if let Some(code) = self.never(kind, shared, system) {
                destination.why = format!("{}; rule {code}", destination.why);
                (destination.code, destination.hold) = (Some(code), None);
                destination.forbidden = true;
            }
        }
    }
}
