//! `[[check]]` of `rules.toml`: what does not go together in the papers of one case, or in one record. Found when the later of
//! two comes, in whichever order they come, and told to its sender as a warning: nothing is refused, held up or changed.
//! Pure functions over papers that were read before; each sort of finding has a file of its own below.

mod earlier;
mod twice;
mod unreceived;
mod unsigned;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Revision;
use super::document::{Said, Section, meant};
use super::facts::Path;
use super::kinds::Kinds;
use crate::identifiers::{KindName, MessageId, SystemName};
use crate::journal::{Paper, State};

const FINDS: [&str; 4] = ["earlier", "unsigned", "unreceived", "twice"];
/// Findings of one check in one record that are told.
const MOST: usize = 8;

/// One `[[check]]`.
#[derive(Debug)]
pub struct Check {
    /// The warning's rule.
    pub rule: String,
    finds: Finds,
}

#[derive(Debug)]
enum Finds {
    Earlier(earlier::Earlier),
    Unsigned(unsigned::Unsigned),
    Unreceived(unreceived::Unreceived),
    Twice(twice::Twice),
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's rule.
    pub rule: String,
    /// What does not go together, in words: places and times, never a name or a number of a person.
    pub message: String,
    /// Where in the record that was looked at, as shared paths.
    pub places: Vec<String>,
    /// The other records that it was held against.
    pub against: Vec<MessageId>,
}

/// A record as checks see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    /// `None` for a record that comes.
    id: Option<MessageId>,
    kind: &'a str,
    shared: &'a Value,
    paper: Option<&'a Paper>,
}

impl<'a> Seen<'a> {
    fn paper(paper: &'a Paper, shared: &'a Value) -> Self {
        let head = &paper.view.head;
        Self { id: Some(head.id), kind: &head.kind, shared, paper: Some(paper) }
    }
}

/// A path within the records of one kind.
#[derive(Debug)]
pub(super) struct At {
    kind: KindName,
    path: Path,
}

/// Reads one `[[check]]`; `None` where it is wrong, or switched off.
pub(super) fn read(section: &mut Section<'_, '_>, kinds: &Kinds) -> Option<Check> {
    let rule = section.required("rule");
    let on = section.boolean("on").unwrap_or(true);
    section.required("finds");
    let finds = section.word("finds", &FINDS);
    if let Some(said) = rule.as_ref().filter(|said| !plain_name(&said.value)) {
        section.error(said.line, "`rule` is a name of small letters, digits and `-`");
    }
    let finds = match finds?.value.as_str() {
        "earlier" => earlier::read(section, kinds).map(Finds::Earlier),
        "unsigned" => unsigned::read(section, kinds).map(Finds::Unsigned),
        "unreceived" => unreceived::read(section, kinds).map(Finds::Unreceived),
        _ => twice::read(section, kinds).map(Finds::Twice),
    };
    Some(Check { rule: rule?.value, finds: finds? }).filter(|_| on)
}

fn plain_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
}

/// The kind that a key names.
fn kind(section: &mut Section<'_, '_>, key: &'static str, kinds: &Kinds) -> Option<KindName> {
    let said = section.required(key)?;
    known(section, &said, &said.value, kinds).then_some(said.value)
}

fn known(section: &Section<'_, '_>, said: &Said<String>, kind: &str, kinds: &Kinds) -> bool {
    let known = kinds.by_name.contains_key(kind);
    if !known {
        let names = kinds.by_name.keys().map(String::as_str);
        section.error(said.line, format!("unknown kind `{kind}`{}", meant(kind, names)));
    }
    known
}

/// Paths within the records of `kind`; at least one.
fn paths(section: &mut Section<'_, '_>, key: &'static str, kind: Option<&KindName>, kinds: &Kinds) -> Vec<Path> {
    let said = section.texts(key);
    if said.is_empty() {
        section.error(section.line_of(key), format!("`{key}` names no path"));
    }
    let Some(kind) = kind else { return Vec::new() };
    said.iter().filter_map(|said| path(section, said, &said.value, kind, kinds)).collect()
}

fn path(section: &Section<'_, '_>, said: &Said<String>, text: &str, kind: &str, kinds: &Kinds) -> Option<Path> {
    let shape = kinds.by_name.get(kind).map(|kind| kind.schema.resolved());
    let read = Path::parse(text).and_then(|path| {
        shape.as_deref().map_or(Ok(()), |shape| path.check(shape))?;
        Ok(path)
    });
    read.map_err(|message| section.error(said.line, format!("path `{text}` of kind `{kind}`: {message}"))).ok()
}

/// Places of several kinds, each written `fir:officer_in_charge`.
fn places(section: &mut Section<'_, '_>, key: &'static str, kinds: &Kinds) -> Vec<At> {
    let said = section.texts(key);
    if said.is_empty() {
        section.error(section.line_of(key), format!("`{key}` names no place; write `fir:officer_in_charge`"));
    }
    let mut found = Vec::new();
    for said in said {
        let Some((kind, text)) = said.value.split_once(':') else {
            section.error(said.line, format!("`{}`: write kind and path, `fir:officer_in_charge`", said.value));
            continue;
        };
        if known(section, &said, kind, kinds) {
            let path = path(section, &said, text, kind, kinds);
            found.extend(path.map(|path| At { kind: kind.to_owned(), path }));
        }
    }
    found
}

impl Check {
    /// Kinds of other records that it must see when such a record comes; empty where it has nothing to say of it.
    fn needs(&self, kind: &str, shared: &Value) -> Vec<KindName> {
        match &self.finds {
            Finds::Earlier(check) => check.needs(kind),
            Finds::Unsigned(check) => check.needs(kind),
            Finds::Unreceived(check) => check.needs(kind, shared),
            Finds::Twice(check) => check.needs(kind),
        }
    }

    fn look(
        &self,
        record: Seen<'_>,
        others: &[Seen<'_>],
        received: &dyn Fn(&Paper, &[String]) -> bool,
    ) -> Vec<Finding> {
        let mut found = match &self.finds {
            Finds::Earlier(check) => check.look(record, others),
            Finds::Unsigned(check) => check.look(record, others),
            Finds::Unreceived(check) => check.look(record, others, received),
            Finds::Twice(check) => check.look(record, others),
        };
        found.truncate(MOST);
        for finding in &mut found {
            finding.rule.clone_from(&self.rule);
        }
        found
    }
}

impl Finding {
    /// In these words; the check gives its name.
    fn new(message: String, places: Vec<String>, against: Vec<MessageId>) -> Self {
        Self { rule: String::new(), message, places, against }
    }

    /// As a warning to the sender: of the others' records it learns the ids of its own ones.
    pub fn warning(&self, own: impl Fn(&MessageId) -> bool) -> Value {
        let against: Vec<String> = self.against.iter().filter(|id| own(id)).map(ToString::to_string).collect();
        let mut warning = json!({ "rule": self.rule, "message": self.message });
        if let Some(fields) = warning.as_object_mut() {
            if !self.places.is_empty() {
                fields.insert("places".to_owned(), json!(self.places));
            }
            if !against.is_empty() {
                fields.insert("against".to_owned(), json!(against));
            }
        }
        warning
    }
}

impl Revision {
    /// Kinds of other papers of the case that checks must see when such a record comes.
    pub fn compared(&self, kind: &str, shared: &Value) -> Vec<KindName> {
        let needs = self.rules.checks.iter().flat_map(|check| check.needs(kind, shared));
        needs.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What does not go together in a record that comes and those papers of its case.
    pub fn checked(&self, kind: &str, shared: &Value, papers: &[Paper]) -> Vec<Finding> {
        let record = Seen { id: None, kind, shared, paper: None };
        self.compare(self.rules.checks.iter(), record, papers)
    }

    /// The same by the check of one name, of a record that is one of the papers of its case; `None` where there is no such check.
    pub fn checked_again(&self, rule: &str, record: &Paper, papers: &[Paper]) -> Option<Vec<Finding>> {
        let check = self.rules.checks.iter().find(|check| check.rule == rule)?;
        let shared: Value = serde_json::from_slice(&record.shared).ok()?;
        let others: Vec<Paper> =
            papers.iter().filter(|paper| paper.view.head.id != record.view.head.id).cloned().collect();
        Some(self.compare(std::iter::once(check), Seen::paper(record, &shared), &others))
    }

    fn compare<'c>(&self, checks: impl Iterator<Item = &'c Check>, record: Seen<'_>, papers: &[Paper]) -> Vec<Finding> {
        // What the gateway wrote into its own store was checked when it came in.
        let trees: Vec<Value> =
            papers.iter().map(|paper| serde_json::from_slice(&paper.shared).unwrap_or_default()).collect();
        let others: Vec<Seen<'_>> =
            papers.iter().zip(&trees).map(|(paper, shared)| Seen::paper(paper, shared)).collect();
        let received = |paper: &Paper, pillars: &[String]| self.received(paper, pillars);
        checks.flat_map(|check| check.look(record, &others, &received)).collect()
    }

    /// Whether an office of one of these pillars has said that it has the paper.
    fn received(&self, paper: &Paper, pillars: &[String]) -> bool {
        let of = |system: &SystemName| self.systems.get(system).is_some_and(|known| pillars.contains(&known.pillar));
        paper.view.deliveries.iter().any(|one| one.state == State::Delivered && of(&one.system))
    }
}
