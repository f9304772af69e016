//! `config/kinds.toml`: the record kinds, each with its lane, its shared schema, and where a record says what it is about.
//! Paths are checked against the schema here, so that reading a record's facts later cannot meet a path that is not there.
//! Read `facts` next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::answers::Answers;
use super::document::{Document, Findings, Said, Section, meant};
use super::facts::{CasePath, FactPaths, LaneByCode, LinkPath, Path, PersonPath, ThreadPath};
use super::loaded::Loaded;
use super::sections::Acts;
use crate::codes::Codes;
use crate::identifiers::{CASE_SCHEMES, KindName, PERSON_SCHEMES};
use crate::journal::Lane;
use crate::schema::Schema;

/// Where kinds are configured.
pub const FILE: &str = "config/kinds.toml";

/// The kind of the messages that carry outcomes back to senders: always there, never refused by sharing.
pub const OUTCOME: &str = "outcome";

/// The links that a record may bring.
pub const LINKS: [&str; 8] = [
    "same",
    "zero-fir-of",
    "split-from",
    "clubbed-with",
    "committed-to",
    "transferred-to",
    "appeal-of",
    "counter-case",
];

pub(super) const LANES: [&str; 5] = ["papers", "forensics", "prints", "liberty", "record"];

/// A record kind.
#[derive(Debug)]
pub struct Kind {
    /// Such as `charge-sheet`.
    pub name: KindName,
    /// English and Hindi.
    pub title: (String, String),
    /// Where order matters.
    pub lane: Lane,
    /// The shared schema, compiled.
    pub schema: Arc<Schema>,
    /// The coded field whose label says what kind of order, event or report a record is.
    pub headline: Option<Path>,
    /// A record of it may be the first of its case: no warning that the case is not known.
    pub opens_case: bool,
    /// Which threads it answers.
    pub answers: Option<Answers>,
    /// Bytes that a record with images inside may have, instead of the node's limit.
    pub record_limit: Option<usize>,
    /// Where a record of this kind says what it is about.
    pub paths: FactPaths,
}

/// All kinds that could be built, and the names of all that are there: one with errors is not unknown.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    pub(super) by_name: BTreeMap<KindName, Kind>,
    named: BTreeSet<KindName>,
    unreadable: bool,
    /// The resolved trees of their schemas, which routes and every adapter walk: given up with this.
    trees: Vec<Arc<Value>>,
}

impl Kinds {
    /// Whether a kind of that name is there, or might be: of a file that cannot be read nobody can say.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.unreadable || self.named.contains(name)
    }

    /// A hint at the kind that was probably meant.
    pub(super) fn hint(&self, name: &str) -> String {
        meant(name, self.named.iter().map(String::as_str))
    }
}

/// Reads all kinds.
pub(super) fn compile(loaded: &Loaded<'_>, findings: &Findings) -> Kinds {
    let mut kinds = Kinds::default();
    let Some(contents) = loaded.folder.files.get(FILE) else {
        findings.error(FILE, 0, "is missing; it names the record kinds");
        return Kinds { unreadable: true, ..kinds };
    };
    let Some(document) = Document::parse(FILE, contents, findings) else {
        return Kinds { unreadable: true, ..kinds };
    };
    let mut root = document.section("this file", findings);
    let (acts, faults) = Acts::of(&loaded.codes);
    let acts = Arc::new(acts);
    for fault in faults {
        findings.error("mappings/codes/act.csv", 0, fault);
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for mut section in root.sections("kind") {
        let Some(name) = section.required("name") else {
            continue;
        };
        if let Some(first) = names.insert(name.value.clone(), name.line) {
            section.error(name.line, format!("kind `{}` is there twice; first in line {first}", name.value));
        }
        if !good_name(&name.value) {
            section
                .error(name.line, format!("`{}` is no name for a kind; use small letters, digits and `-`", name.value));
        }
        kinds.named.insert(name.value.clone());
        if let Some(kind) = one(&mut section, &name, loaded, &acts) {
            kinds.trees.push(kind.schema.resolved());
            kinds.by_name.insert(name.value, kind);
        }
        section.finish();
    }
    root.finish();
    kinds
}

/// Small letters, digits and hyphens: what stands in URLs, file names and CloudEvents types alike.
pub(super) fn good_name(name: &str) -> bool {
    let inner = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    inner && name.len() <= 48 && name.starts_with(|c: char| c.is_ascii_lowercase())
}

fn one(section: &mut Section<'_, '_>, name: &Said<String>, loaded: &Loaded<'_>, acts: &Arc<Acts>) -> Option<Kind> {
    let title = section.required("title").map(|said| said.value);
    let title_hi = section.text("title_hi").map(|said| said.value).unwrap_or_default();
    if !section.has("lane") {
        section.error(section.line, format!("`lane` is missing; lanes are `{}`", LANES.join("`, `")));
    }
    let lane = section.word("lane", &LANES).map(|said| lane_of(&said.value));
    let said = section.required("schema");
    let schema = said.and_then(|said| match loaded.schema(&said.value) {
        Ok(schema) => Some(schema),
        Err(message) => {
            section.error(said.line, message);
            None
        }
    });
    let shape = schema.as_ref().map(|schema| schema.resolved());
    let mut paths = fact_paths(section, shape.as_deref(), &loaded.codes);
    let cited = section.texts("sections");
    paths.citations.paths = cited.iter().filter_map(|said| shared_path(section, said, shape.as_deref())).collect();
    paths.citations.acts = Arc::clone(acts);
    let opens_case = section.boolean("opens_case").unwrap_or(false);
    let headline = section.text("headline").and_then(|said| shared_path(section, &said, shape.as_deref()));
    let answers = Answers::read(section, &paths, shape.as_deref());
    let record_limit = section.size("record_limit").and_then(|bytes| usize::try_from(bytes).ok());
    let (title, name) = ((title?, title_hi), name.value.clone());
    Some(Kind { name, title, lane: lane?, schema: schema?, headline, opens_case, answers, record_limit, paths })
}

pub(super) fn lane_of(word: &str) -> Lane {
    match word {
        "liberty" => Lane::Liberty,
        "forensics" => Lane::Forensics,
        "prints" => Lane::Prints,
        "record" => Lane::Record,
        _ => Lane::Papers,
    }
}

/// A path that a section names, checked against the shape of what it leads through.
pub(super) fn shared_path(section: &Section<'_, '_>, said: &Said<String>, shape: Option<&Value>) -> Option<Path> {
    match Path::parse(&said.value) {
        Ok(path) => {
            check(section, said.line, &path, shape);
            Some(path)
        }
        Err(message) => {
            section.error(said.line, format!("`{}`: {message}", said.value));
            None
        }
    }
}

fn fact_paths(section: &mut Section<'_, '_>, shape: Option<&Value>, codes: &Codes) -> FactPaths {
    let mut paths = FactPaths::default();
    for said in section.texts("cases") {
        if let Some((scheme, path)) = case_path(section, &said, &said.value, shape) {
            paths.cases.push(CasePath { scheme, path });
        }
    }
    for said in section.texts("persons") {
        let read = scheme_and_path(&said.value, &PERSON_SCHEMES);
        match read {
            Ok((scheme, path)) => {
                check(section, said.line, &path, shape);
                paths.persons.push(PersonPath { scheme, path });
            }
            Err(message) => section.error(said.line, message),
        }
    }
    for said in section.texts("threads") {
        match thread(&said.value) {
            Ok(thread) => {
                check(section, said.line, &thread.path, shape);
                paths.threads.push(thread);
            }
            Err(message) => section.error(said.line, message),
        }
    }
    for said in section.texts("links") {
        paths.links.extend(link(section, &said, shape));
    }
    paths.custody = section.section("custody").and_then(|mut table| {
        let custody = super::custody::compile(&mut table, shape);
        table.finish();
        custody
    });
    paths.child = section.section("child").map(|mut table| {
        let child = super::children::read(&mut table, shape);
        table.finish();
        child
    });
    paths.lane = section.section("lane_code").and_then(|mut table| {
        let lane = lane_by_code(&mut table, shape, codes);
        table.finish();
        lane
    });
    paths
}

/// A `scheme:path` of a case key, checked against a schema.
pub(super) fn case_path(
    section: &Section<'_, '_>,
    said: &Said<String>,
    text: &str,
    shape: Option<&Value>,
) -> Option<(&'static str, Path)> {
    match scheme_and_path(text, &CASE_SCHEMES) {
        Ok((scheme, path)) => {
            check(section, said.line, &path, shape);
            Some((scheme, path))
        }
        Err(message) => {
            section.error(said.line, message);
            None
        }
    }
}

fn scheme_and_path(text: &str, schemes: &'static [&'static str]) -> Result<(&'static str, Path), String> {
    let Some((scheme, path)) = text.split_once(':') else {
        return Err(format!("`{text}` is not `scheme:path`, such as `fir:case.fir`"));
    };
    let known = schemes.iter().find(|known| **known == scheme);
    let Some(known) = known else {
        return Err(format!("unknown scheme `{scheme}`{}", meant(scheme, schemes.iter().copied())));
    };
    Ok((known, Path::parse(path).map_err(|message| format!("`{path}`: {message}"))?))
}

/// A `scheme:path` of what joins an answer to its question. Schemes are the configuration's own words.
fn thread(text: &str) -> Result<ThreadPath, String> {
    let (scheme, path) = text
        .split_once(':')
        .filter(|(scheme, _)| good_name(scheme))
        .ok_or_else(|| format!("`{text}` is not `scheme:path`, such as `requisition:requisition.number`"))?;
    let path = Path::parse(path).map_err(|message| format!("`{path}`: {message}"))?;
    Ok(ThreadPath { scheme: scheme.to_owned(), path })
}

fn link(section: &Section<'_, '_>, said: &Said<String>, shape: Option<&Value>) -> Option<LinkPath> {
    let words: Vec<&str> = said.value.split_whitespace().collect();
    let [link, from, to] = words.as_slice() else {
        section.error(
            said.line,
            format!("`{}` is not `link from to`, such as `same fir:case.fir cnr:case.cnr`", said.value),
        );
        return None;
    };
    if !LINKS.contains(link) {
        section.error(said.line, format!("unknown link `{link}`{}", meant(link, LINKS.iter().copied())));
        return None;
    }
    let (from_scheme, from) = case_path(section, said, from, shape)?;
    let (to_scheme, to) = case_path(section, said, to, shape)?;
    Some(LinkPath {
        link: (*link).to_owned(),
        from: CasePath { scheme: from_scheme, path: from },
        to: CasePath { scheme: to_scheme, path: to },
    })
}

/// The lane by a code: the codes of the liberty lane are listed there, or marked in a code table.
fn lane_by_code(table: &mut Section<'_, '_>, shape: Option<&Value>, codes: &Codes) -> Option<LaneByCode> {
    let said = table.required("path");
    let mut liberty: Vec<String> = table.texts("liberty").into_iter().map(|said| said.value).collect();
    let named = table.text("table");
    let rows = named.as_ref().and_then(|said| {
        let found = codes.table(&said.value);
        match found {
            None => {
                let hint = meant(&said.value, codes.names());
                table.error(said.line, format!("no code table `{}`{hint}", said.value));
            }
            Some(found) if !found.rows.iter().any(|row| row.liberty) => {
                table.error(said.line, format!("code table `{}` marks no code in a column `liberty`", said.value));
            }
            Some(_) => {}
        }
        found.map(|found| found.rows.as_slice())
    });
    liberty.extend(rows.unwrap_or_default().iter().filter(|row| row.liberty).map(|row| row.shared.clone()));
    let known = rows.map(|rows| rows.iter().map(|row| row.shared.clone()).collect());
    let unknown = table.word("unknown", &LANES).map(|said| lane_of(&said.value));
    let path = shared_path(table, &said?, shape)?;
    let table = named.map(|said| said.value);
    Some(LaneByCode { table, path, liberty, known, unknown: unknown.unwrap_or(Lane::Liberty) })
}

pub(super) fn check(section: &Section<'_, '_>, line: usize, path: &Path, shape: Option<&Value>) {
    if let Some(Err(message)) = shape.map(|shape| path.check(shape)) {
        section.error(line, format!("path `{path}`: {message}"));
    }
}
