//! What a record says of itself: case keys, persons, offices, links, attachments, times and lane, read from its shared form by
//! paths that `kinds.toml` names and that were compiled with the revision. Pure, and quick: it runs for every record.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::Revision;
use super::children::ChildPaths;
use super::custody::CustodyPaths;
use super::document::meant;
use super::routing::Destination;
use super::sections::{Citations, Strange};
use crate::clock::Timestamp;
use crate::identifiers::{CASE_SCHEMES, CaseKey, OfficeId, cnr, person_key, thread_key};
use crate::journal::{Digest, Lane, NewLink, Whereabout};

/// More keys, persons or links than this are not read from one record: fan-out is bounded.
const MOST: usize = 256;

/// What a record says of itself, read from its shared form by the paths that `kinds.toml` names.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Case keys.
    pub cases: Vec<CaseKey>,
    /// The same, case by case: what stands in one item of a list (`cases[]`), or beside it, names one case.
    pub groups: Vec<Vec<CaseKey>>,
    /// Person references, `pid/…` and `nfn/…`.
    pub persons: Vec<String>,
    /// The same, person by person.
    pub people: Vec<Vec<String>>,
    /// What joins it to the records that it answers, or that answer it: `requisition/…`, `exhibit/…`.
    pub threads: Vec<String>,
    /// The sending office, where the body says it.
    pub from: Option<OfficeId>,
    /// Addressees named in it.
    pub to: Vec<OfficeId>,
    /// Links that it brings: type, from, to.
    pub links: Vec<NewLink>,
    /// Which prisons it says hold its persons, and which no longer do.
    pub whereabouts: Vec<Whereabout>,
    /// Attachments it names (SHA-256).
    pub attachments: Vec<Digest>,
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// When the sender wrote it down.
    pub recorded_at: Option<Timestamp>,
    /// `live` where it says nothing.
    pub entry: String,
    /// Liberty or the kind's own lane, by the record's code.
    pub lane: Option<Lane>,
    /// Sections that it cites and that their Acts do not have.
    pub strange: Vec<Strange>,
}

/// Where a kind's records say what they are about.
#[derive(Debug, Default)]
pub struct FactPaths {
    pub(super) cases: Vec<CasePath>,
    pub(super) persons: Vec<PersonPath>,
    pub(super) threads: Vec<ThreadPath>,
    pub(super) links: Vec<LinkPath>,
    pub(super) lane: Option<LaneByCode>,
    pub(super) custody: Option<CustodyPaths>,
    pub(super) citations: Citations,
    pub(super) child: Option<ChildPaths>,
}

impl FactPaths {
    /// Whether records of the kind have threads of this scheme.
    pub(super) fn joins(&self, scheme: &str) -> bool {
        self.threads.iter().any(|thread| thread.scheme == scheme)
    }
}

#[derive(Debug)]
pub(super) struct CasePath {
    pub(super) scheme: &'static str,
    pub(super) path: Path,
}

#[derive(Debug)]
pub(super) struct PersonPath {
    pub(super) scheme: &'static str,
    pub(super) path: Path,
}

#[derive(Debug)]
pub(super) struct ThreadPath {
    pub(super) scheme: String,
    pub(super) path: Path,
}

#[derive(Debug)]
pub(super) struct LinkPath {
    pub(super) link: String,
    pub(super) from: CasePath,
    pub(super) to: CasePath,
}

#[derive(Debug)]
pub(super) struct LaneByCode {
    /// The code table that marks them, if one does.
    pub(super) table: Option<String>,
    pub(super) path: Path,
    pub(super) liberty: Vec<String>,
    /// Every code of the table, where one says which are liberty: another one is unknown.
    pub(super) known: Option<BTreeSet<String>>,
    pub(super) unknown: Lane,
}

/// A shared path such as `accused[].person.pid`: names joined by `.`, `[]` after one that repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub(super) steps: Vec<(String, bool)>,
}

impl Path {
    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (name, repeats) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
            let good = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
            if !good {
                return Err("is no path; write `accused[].person.pid`".to_owned());
            }
            steps.push((name.to_owned(), repeats));
        }
        Ok(Self { steps })
    }

    /// Every value at this path, in document order.
    pub fn values<'v>(&self, tree: &'v Value) -> Vec<&'v Value> {
        self.places(tree).into_iter().map(|(_, value)| value).collect()
    }

    /// The same, each with its place in the path's first list (0 where there is none).
    pub(super) fn places<'v>(&self, tree: &'v Value) -> Vec<(usize, &'v Value)> {
        let mut here = vec![(None, tree)];
        for (name, repeats) in &self.steps {
            let mut next = Vec::with_capacity(here.len());
            for (place, value) in here {
                match value.get(name) {
                    Some(Value::Array(items)) if *repeats => {
                        next.extend(items.iter().enumerate().map(|(nth, item)| (place.or(Some(nth)), item)));
                    }
                    Some(value) if !*repeats && !value.is_null() => next.push((place, value)),
                    _ => {}
                }
            }
            here = next;
        }
        here.into_iter().map(|(place, value)| (place.unwrap_or(0), value)).collect()
    }

    /// The path's first list; empty where it has none.
    pub(super) fn list(&self) -> &[(String, bool)] {
        let end = self.steps.iter().position(|(_, repeats)| *repeats).map_or(0, |at| at + 1);
        self.steps.get(..end).unwrap_or_default()
    }

    /// The path's first list, and the path within one of its items; `None` where it has no list, or ends with it.
    pub(super) fn in_list(&self) -> Option<(Self, Self)> {
        let (list, item) = self.steps.split_at(self.list().len());
        let both = !list.is_empty() && !item.is_empty();
        both.then(|| (Self { steps: list.to_vec() }, Self { steps: item.to_vec() }))
    }

    /// Whether records of that (resolved) schema can hold something at this path.
    pub fn check(&self, schema: &Value) -> Result<(), String> {
        let mut here = schema;
        for (name, repeats) in &self.steps {
            let Some(properties) = here.get("properties").and_then(Value::as_object) else {
                // A schema that branches or is open says nothing about what lies below.
                return Ok(());
            };
            let Some(below) = properties.get(name) else {
                if here.get("oneOf").is_some() || here.get("x-open").is_some() {
                    return Ok(());
                }
                let hint = meant(name, properties.keys().map(String::as_str));
                return Err(format!("the schema has no `{name}` there{hint}"));
            };
            match (below.get("items"), *repeats) {
                (Some(items), true) => here = items,
                (Some(_), false) => return Err(format!("`{name}` repeats; write `{name}[]`")),
                (None, true) => return Err(format!("`{name}` does not repeat; write it without `[]`")),
                (None, false) => here = below,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, repeats)) in self.steps.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            let brackets = if *repeats { "[]" } else { "" };
            write!(f, "{dot}{name}{brackets}")?;
        }
        Ok(())
    }
}

impl Revision {
    /// What a record says of itself. What cannot be read as what it should be is left out: the schema has judged it.
    pub fn facts(&self, kind: &str, shared: &Value) -> Facts {
        let mut facts = header(shared);
        let Some(kind) = self.kinds.get(kind) else { return facts };
        let mut groups = Groups::default();
        for at in &kind.paths.cases {
            for (place, value) in at.path.places(shared).into_iter().take(MOST) {
                if let Some(key) = case(at.scheme, value) {
                    add(&mut facts.cases, key.clone());
                    groups.add(at.path.list(), place, key);
                }
            }
        }
        facts.groups = groups.into_lists();
        let mut people = Groups::default();
        for at in &kind.paths.persons {
            for (place, value) in at.path.places(shared) {
                if let Some(person) = person(at.scheme, value) {
                    add(&mut facts.persons, person.clone());
                    people.add(at.path.list(), place, person);
                }
            }
        }
        facts.people = people.into_lists();
        for at in &kind.paths.threads {
            for (_, _, thread) in at.keys(shared) {
                add(&mut facts.threads, thread);
            }
        }
        for at in &kind.paths.links {
            let to = at.to.keys(shared);
            for from in at.from.keys(shared) {
                for to in to.iter().filter(|to| **to != from) {
                    add(&mut facts.links, NewLink { link: at.link.clone(), from: from.clone(), to: to.clone() });
                }
            }
        }
        facts.whereabouts = kind.paths.custody.as_ref().map_or_else(Vec::new, |paths| paths.read(shared, &facts));
        facts.strange = kind.paths.citations.strange(shared);
        facts.lane = Some(kind.paths.lane.as_ref().map_or(kind.lane, |by| by.lane(shared, kind.lane)));
        facts
    }
}

/// What belongs together: everything in one item of one list.
struct Groups<'p, T> {
    found: Vec<Group<'p, T>>,
}

/// A list, a place in it, and what was found there.
type Group<'p, T> = (&'p [(String, bool)], usize, Vec<T>);

impl<T> Default for Groups<'_, T> {
    fn default() -> Self {
        Self { found: Vec::new() }
    }
}

impl<'p, T: PartialEq> Groups<'p, T> {
    fn add(&mut self, list: &'p [(String, bool)], place: usize, item: T) {
        let known = self.found.len();
        match self.found.iter_mut().find(|(of, nth, _)| *of == list && *nth == place) {
            Some((_, _, items)) => add(items, item),
            None if known < MOST => self.found.push((list, place, vec![item])),
            None => {}
        }
    }

    /// In the order of the record; the same twice counts once.
    fn into_lists(mut self) -> Vec<Vec<T>> {
        self.found.sort_by_key(|(_, place, _)| *place);
        let mut lists: Vec<Vec<T>> = Vec::new();
        for (_, _, items) in self.found {
            if !lists.contains(&items) {
                lists.push(items);
            }
        }
        lists
    }
}

impl Facts {
    /// The places in `groups` of the cases that have one of these keys.
    pub fn places(&self, keys: &[CaseKey]) -> Vec<usize> {
        let named = |group: &[CaseKey]| group.iter().any(|key| keys.contains(key));
        self.groups.iter().enumerate().filter(|(_, group)| named(group)).map(|(place, _)| place).collect()
    }

    /// The keys of the cases, and of the items, for which a destination gets the record; `None` where it is all of it.
    pub fn keys_for(&self, to: &Destination) -> Option<Vec<CaseKey>> {
        match (&to.given, to.items.as_slice()) {
            (Some(given), _) => Some(given.clone()),
            (None, []) => self.keys_of(&to.cases),
            (None, items) => Some(self.cases.iter().chain(items).cloned().collect()),
        }
    }

    /// The keys of the cases at these places; `None` where they are all of them.
    pub fn keys_of(&self, places: &[usize]) -> Option<Vec<CaseKey>> {
        // A record of one case is about that case to everybody.
        let some = self.groups.len() > 1 && places.len() < self.groups.len();
        some.then(|| places.iter().filter_map(|place| self.groups.get(*place)).flatten().cloned().collect())
    }
}

impl ThreadPath {
    /// The threads that lie there, each with its place in the path's list and its value. A case is a thread by its key.
    pub(super) fn keys<'v>(&self, shared: &'v Value) -> Vec<(usize, &'v Value, String)> {
        let key = |value: &Value| match CASE_SCHEMES.contains(&self.scheme.as_str()) {
            true => case(&self.scheme, value).map(String::from),
            false => thread_key(&self.scheme, &plain(value)?),
        };
        let places = self.path.places(shared).into_iter().take(MOST);
        places.filter_map(|(place, value)| Some((place, value, key(value)?))).collect()
    }
}

impl CasePath {
    /// The case keys that lie there.
    pub(super) fn keys(&self, shared: &Value) -> Vec<CaseKey> {
        self.path.values(shared).into_iter().filter_map(|value| case(self.scheme, value)).take(MOST).collect()
    }
}

impl LaneByCode {
    /// Liberty where any code there says so, or where there is none that is known.
    fn lane(&self, shared: &Value, own: Lane) -> Lane {
        let found = self.path.values(shared);
        let codes: Vec<&str> = found.iter().filter_map(|value| value.as_str()).collect();
        if codes.iter().any(|code| self.liberty.iter().any(|liberty| liberty == code)) {
            return Lane::Liberty;
        }
        let stranger = |code: &&str| self.known.as_ref().is_some_and(|known| !known.contains(*code));
        // A null code, or one of no row, may be anything, so it is treated as the most urgent.
        let unknown = codes.is_empty() || codes.len() < found.len() || codes.iter().any(stranger);
        if unknown { self.unknown } else { own }
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if list.len() < MOST && !list.contains(&item) {
        list.push(item);
    }
}

/// What every kind's record says at the same places (`schemas/common/header.json`).
fn header(shared: &Value) -> Facts {
    let event = shared.get("event");
    let text = |key: &str| event.and_then(|event| event.get(key)).and_then(Value::as_str);
    let office = |value: &Value| value.as_str().and_then(|text| OfficeId::parse(text).ok());
    let list = |key: &str| shared.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut facts = Facts {
        from: shared.get("office").and_then(office),
        occurred_at: text("occurred_at").and_then(Timestamp::parse),
        recorded_at: text("recorded_at").and_then(Timestamp::parse),
        entry: text("entry").unwrap_or("live").to_owned(),
        ..Facts::default()
    };
    for to in list("to").iter().filter_map(office) {
        add(&mut facts.to, to);
    }
    for attachment in list("attachments") {
        if let Some(digest) = attachment.get("sha256").and_then(Value::as_str).and_then(digest) {
            add(&mut facts.attachments, digest);
        }
    }
    facts
}

fn digest(hex: &str) -> Option<Digest> {
    crate::seal::unhex(hex).and_then(|bytes| bytes.try_into().ok())
}

/// A case key from its object in the shared form, or from a plain text.
fn case(scheme: &str, value: &Value) -> Option<CaseKey> {
    let part = |key: &str| value.get(key).and_then(plain);
    match scheme {
        "fir" | "zero-fir" => {
            let station = part("station")?;
            let station = station.strip_prefix("ps:").unwrap_or(&station).to_owned();
            let serial = part("serial")?;
            let digits = serial.trim_start_matches('0');
            // `0042` and `42` are one serial; `42/A` is another, and stays as it is.
            let serial = if digits.is_empty() { "0" } else { digits };
            CaseKey::of(scheme, &[&station, &part("year")?, serial])
        }
        "filing" => CaseKey::of(scheme, &[&part("establishment")?, &part("number")?]),
        "cnr" => CaseKey::of(scheme, &[&cnr(&part("value").or_else(|| plain(value))?)?]),
        _ => CaseKey::of(scheme, &[&part("value").or_else(|| plain(value))?]),
    }
}

/// A person reference from its object (`prison` and `id` of a PID, `value` of others) or from a plain text.
fn person(scheme: &str, value: &Value) -> Option<String> {
    let part = |key: &str| value.get(key).and_then(plain);
    if let (Some(prison), Some(id)) = (part("prison"), part("id")) {
        return person_key(scheme, &[&prison, &id]);
    }
    person_key(scheme, &[&part("value").or_else(|| plain(value))?])
}

/// A text or a number as trimmed text; `None` for anything else and for nothing.
pub(super) fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
