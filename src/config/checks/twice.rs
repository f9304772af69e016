//! `finds = "twice"`: two entries in the papers of one case have different numbers, and everything that is compared says that
//! they are one person. A proposal: nothing is joined, and what was compared is not told.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::document::{Said, Section};
use super::super::facts::{Path, plain};
use super::super::kinds::Kinds;
use super::unsigned::folded;
use super::{At, Finding, Seen};
use crate::identifiers::KindName;

/// Entries that are compared: a case of more accused is looked at by its first.
const ENTRIES: usize = 512;

/// See the header.
#[derive(Debug)]
pub(super) struct Twice {
    persons: Vec<At>,
    /// Numbers below a person's place; two of one path that differ.
    numbers: Vec<Path>,
    /// Each a group of paths below a person's place; one group of which both have all, the same.
    alike: Vec<Vec<Path>>,
}

/// A person's entry in a record.
struct Entry<'a> {
    record: Seen<'a>,
    place: String,
    /// Number by its place in `numbers`.
    numbers: BTreeMap<usize, String>,
    /// What is alike, by its place in `alike`, as one text.
    alike: BTreeMap<usize, String>,
}

pub(super) fn read(section: &mut Section<'_, '_>, kinds: &Kinds) -> Option<Twice> {
    let persons = super::places(section, "persons", kinds);
    let said = section.texts("numbers");
    let numbers: Vec<Path> = said.iter().filter_map(|said| below(section, "numbers", &said.value, said.line)).collect();
    let said = section.texts("alike");
    let group = |said: &Said<String>| {
        let parts = said.value.split(',').map(str::trim);
        parts.filter_map(|text| below(section, "alike", text, said.line)).collect()
    };
    let alike: Vec<Vec<Path>> = said.iter().map(group).collect();
    for (key, empty) in [("numbers", numbers.is_empty()), ("alike", alike.is_empty())] {
        if empty {
            section.error(section.line_of(key), format!("`{key}` names no path below a person's place"));
        }
    }
    Some(Twice { persons, numbers, alike })
}

fn below(section: &Section<'_, '_>, key: &str, text: &str, line: usize) -> Option<Path> {
    Path::parse(text).map_err(|message| section.error(line, format!("`{key}`: path `{text}`: {message}"))).ok()
}

impl Twice {
    pub(super) fn needs(&self, kind: &str) -> Vec<KindName> {
        let kinds: Vec<KindName> = self.persons.iter().map(|at| at.kind.clone()).collect();
        if kinds.iter().any(|known| known == kind) { kinds } else { Vec::new() }
    }

    pub(super) fn look(&self, record: Seen<'_>, others: &[Seen<'_>]) -> Vec<Finding> {
        let own = self.entries(record);
        let mut all: Vec<Entry<'_>> = others.iter().flat_map(|one| self.entries(*one)).collect();
        all.truncate(ENTRIES);
        let mut found = Vec::new();
        for (nth, entry) in own.iter().enumerate() {
            let before = own.iter().take(nth).chain(&all).find(|other| self.proposes(entry, other));
            found.extend(before.map(|other| self.finding(entry, other)));
        }
        found
    }

    fn entries<'a>(&self, record: Seen<'a>) -> Vec<Entry<'a>> {
        let mut entries = Vec::new();
        for at in self.persons.iter().filter(|at| at.kind == record.kind) {
            for (nth, person) in at.path.values(record.shared).into_iter().enumerate() {
                let place = at.path.to_string().replacen("[]", &format!("[{nth}]"), 1);
                entries.push(Entry {
                    record,
                    place,
                    numbers: self
                        .numbers
                        .iter()
                        .enumerate()
                        .filter_map(|(n, path)| Some((n, one(path, person)?)))
                        .collect(),
                    alike: self
                        .alike
                        .iter()
                        .enumerate()
                        .filter_map(|(n, group)| Some((n, all(group, person)?)))
                        .collect(),
                });
            }
        }
        entries.truncate(ENTRIES);
        entries
    }

    /// Alike by one group, with different numbers of one path, and the same number by none.
    fn proposes(&self, one: &Entry<'_>, two: &Entry<'_>) -> bool {
        let alike = one.alike.iter().any(|(n, text)| two.alike.get(n) == Some(text));
        let both = || one.numbers.iter().filter_map(|(n, text)| Some((text, two.numbers.get(n)?)));
        alike && both().any(|(a, b)| a != b)
    }

    fn finding(&self, one: &Entry<'_>, two: &Entry<'_>) -> Finding {
        let differ = |(n, path): (usize, &Path)| {
            let pair = one.numbers.get(&n).zip(two.numbers.get(&n));
            pair.is_some_and(|(a, b)| a != b).then(|| path.to_string())
        };
        let differ: Vec<String> = self.numbers.iter().enumerate().filter_map(differ).collect();
        let whose = if two.record.id != one.record.id { "another record of this case" } else { "this record" };
        let message = format!(
            "`{}` and `{}` of {whose} have different numbers ({}) and seem to be one person; nothing was joined: if they are \
             one, send a correction with one number",
            one.place,
            two.place,
            differ.join(", "),
        );
        Finding::new(message, vec![one.place.clone()], two.record.id.into_iter().collect())
    }
}

/// The first value there, as text; of an identifier its value.
fn one(path: &Path, person: &Value) -> Option<String> {
    let value = *path.values(person).first()?;
    value.get("value").and_then(plain).or_else(|| plain(value)).map(|text| folded(&text))
}

fn all(group: &[Path], person: &Value) -> Option<String> {
    let parts: Option<Vec<String>> = group.iter().map(|path| one(path, person)).collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("\u{1f}"))
}
