//! `config/routes.toml`: which receivers a kind has, by which steps an office is found, and on what conditions.
//! Compiled here; `routing` asks them for each record.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{Document, Findings, Said, Section, meant};
use super::facts::Path;
use super::folder::Folder;
use super::kinds::{Kind, Kinds, check};
use super::reference::{FOR_WHOM, Reference};
use super::split::Split;
use super::systems::PILLARS;
use crate::expression::Expression;
use crate::identifiers::{KindName, OfficeId, SystemName};
use crate::journal::Lane;

/// Where routes are configured.
pub const FILE: &str = "config/routes.toml";

const STEPS: [&str; 10] = [
    "addressee",
    "asker requisition",
    "holders exhibit",
    "case-court",
    "cnr",
    "custody",
    "table ps_court",
    "table ps_court then court_prosecution",
    "station",
    "desk",
];

/// A held delivery is given up after this, where its route says nothing: the longest default period for a charge sheet
/// is 90 days (BNSS s.187(3)), and most conditions come true within a month.
const HOLD_FOR: Duration = Duration::from_secs(30 * 86_400);

/// A route: which receivers a kind has.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Its line in `config/routes.toml`.
    pub line: usize,
    /// For which kind.
    pub kind: KindName,
    /// To which pillar.
    pub to: String,
    /// How an office is found, in order of precedence.
    pub steps: Vec<Step>,
    /// It applies only where this holds.
    pub when: Option<Expression>,
    /// Deliveries are held until this holds.
    pub hold_until: Option<Expression>,
    /// ... at most this long.
    pub hold_for: Duration,
    /// The date by which tables are read; else `event.occurred_at`.
    pub date: Option<Path>,
    /// It decides item by item.
    pub split: Option<Split>,
    /// Where the record says for whom it is: a column of `reference::FOR_WHOM`, and the path.
    pub for_whom: Vec<(&'static str, Path)>,
    /// The desk of the step `desk`, where it is not by State.
    pub desk: Option<OfficeId>,
    /// Hold the lane on rejection.
    pub park_on_reject: bool,
    /// It applies only to records about a child, as their kind says where that stands.
    pub child: bool,
    /// It applies only where some system of its pillar receives the kind, or the record addresses an office of it.
    pub only_if_connected: bool,
}

impl Route {
    /// It takes a record to whoever has to do with it already, by its threads: where nobody has, there is nobody to miss.
    pub(super) fn by_chance(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Addressee | Step::Holders(_)))
    }
}

/// One way to find an office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The offices that the record names in `to`.
    Addressee,
    /// The offices that sent earlier records of the same thread, by its scheme: whom an answer goes to.
    Asker(String),
    /// The offices that sent or got earlier records of the same thread, by its scheme.
    Holders(String),
    /// The court of the case's newest link: registration, committal or transfer.
    CaseCourt,
    /// The establishment in the CNR.
    Cnr,
    /// The prison where the person is by the latest custody update.
    Custody,
    /// A joining table of `config/reference`, and one of its classes (empty: any; of `ps_court`, `magistrate`).
    Table(&'static str, String),
    /// A joining table and its class, then a second one that goes on from its answers: the prosecution office for the
    /// Magistrate's court of the station.
    Then(&'static str, String, &'static str),
    /// The police station of the FIR.
    Station,
    /// The State's default desk for the pillar.
    Desk,
}

impl Step {
    /// It names everybody who had to do with a thing: each of them gets the record.
    pub(super) fn names_all(&self) -> bool {
        matches!(self, Self::Asker(_) | Self::Holders(_))
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "addressee" => return Ok(Self::Addressee),
            "case-court" => return Ok(Self::CaseCourt),
            "cnr" => return Ok(Self::Cnr),
            "custody" => return Ok(Self::Custody),
            "station" => return Ok(Self::Station),
            "desk" => return Ok(Self::Desk),
            _ => {}
        }
        if let Some((word @ ("asker" | "holders"), scheme)) = text.split_once(' ') {
            let scheme = scheme.trim().to_owned();
            return Ok(if word == "asker" { Self::Asker(scheme) } else { Self::Holders(scheme) });
        }
        let Some(rest) = text.strip_prefix("table ") else {
            return Err(format!("unknown step `{text}`{}", meant(text, STEPS.into_iter())));
        };
        let (rest, next) = rest.split_once(" then ").map_or((rest, None), |(first, next)| (first, Some(next.trim())));
        let (name, class) = rest.split_once(' ').unwrap_or((rest, ""));
        // Every station has several courts; the one that takes cognizance of a police report is a Magistrate's (BNSS s.210).
        let class = if name == "ps_court" && class.is_empty() { "magistrate" } else { class };
        let (known, class) = (joining(name)?, class.trim().to_owned());
        let Some(next) = next else { return Ok(Self::Table(known, class)) };
        let next = joining(next)?;
        // A class of offices (`court`) is what the second table must be asked by.
        if Reference::answer_of(known) != Reference::key_of(next) {
            return Err(format!("`{next}` cannot go on from `{known}`: it is asked by another office than that gives"));
        }
        Ok(Self::Then(known, class, next))
    }
}

fn joining(name: &str) -> Result<&'static str, String> {
    Reference::joining()
        .find(|known| *known == name)
        .ok_or_else(|| format!("no table `{name}` to look in{}", meant(name, Reference::joining())))
}

/// What routes are checked against.
pub(super) struct Known<'k> {
    pub(super) folder: &'k Folder,
    pub(super) kinds: &'k Kinds,
    pub(super) serving: &'k std::collections::HashMap<OfficeId, SystemName>,
}

pub(super) fn compile(known: &Known<'_>, findings: &Findings) -> Vec<Route> {
    let mut routes = Vec::new();
    let Some(contents) = known.folder.files.get(FILE) else {
        findings.warn(FILE, 0, "is missing: records go nowhere");
        return routes;
    };
    let Some(document) = Document::parse(FILE, contents, findings) else { return routes };
    let mut root = document.section("this file", findings);
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for mut section in root.sections("route") {
        let name = section.required("name");
        let twice = name.as_ref().and_then(|said| Some((said, names.insert(said.value.clone(), said.line)?)));
        if let Some((said, first)) = twice {
            section.error(said.line, format!("route `{}` is there twice; first in line {first}", said.value));
        }
        routes.extend(one(&mut section, name, known));
        section.finish();
    }
    root.finish();
    routes
}

fn one(section: &mut Section<'_, '_>, name: Option<Said<String>>, known: &Known<'_>) -> Option<Route> {
    let kind = section.required("kind");
    let of = kind.as_ref().and_then(|said| known.kinds.by_name.get(&said.value));
    if let Some(said) = kind.as_ref().filter(|said| !known.kinds.knows(&said.value)) {
        let hint = known.kinds.hint(&said.value);
        section.error(said.line, format!("unknown kind `{}`{hint}", said.value));
    }
    let to = section.required("to");
    if let Some(said) = &to {
        let pillars = || PILLARS.iter().map(|(name, _)| *name);
        if !pillars().any(|pillar| pillar == said.value) {
            section.error(said.line, format!("unknown pillar `{}`{}", said.value, meant(&said.value, pillars())));
        }
    }
    let steps = steps(section, of);
    let when = condition(section, "when", of);
    let hold_until = condition(section, "hold_until", of);
    let hold_for = section.duration("hold_for");
    if hold_for.is_some() && hold_until.is_none() && !section.has("hold_until") {
        section.error(section.line_of("hold_for"), "`hold_for` without `hold_until` says nothing");
    }
    let date = date(section, of);
    let split = Split::read(section, of);
    let for_whom = for_whom(section, of);
    let desk = desk(section, &steps, known);
    let on_reject = section.word("on_reject", &["park", "go-on"]);
    let child = section.boolean("child").unwrap_or(false);
    if child && of.is_some_and(|kind| kind.paths.child.is_none()) {
        section.error(section.line_of("child"), "the kind does not say where a child is: `child` in config/kinds.toml");
    }
    let only_if_connected = section.boolean("only_if_connected").unwrap_or(false);
    let park_on_reject = on_reject.as_ref().is_some_and(|said| said.value == "park");
    if let Some(said) = on_reject.filter(|_| park_on_reject && of.is_some_and(|kind| kind.lane == Lane::Liberty)) {
        section.error(said.line, "a liberty lane is never held on rejection; leave `on_reject` out");
    }
    Some(Route {
        line: section.line,
        name: name?.value,
        kind: kind?.value,
        to: to?.value,
        steps,
        when,
        hold_until,
        hold_for: hold_for.unwrap_or(HOLD_FOR),
        date,
        split,
        for_whom,
        desk,
        park_on_reject,
        child,
        only_if_connected,
    })
}

fn steps(section: &mut Section<'_, '_>, kind: Option<&Kind>) -> Vec<Step> {
    if !section.has("office") {
        section.error(section.line, format!("`office` is missing; steps are `{}`", STEPS.join("`, `")));
    }
    let mut steps = Vec::new();
    for said in section.texts("office") {
        match Step::parse(&said.value) {
            Ok(step) if steps.contains(&step) => {
                section.error(said.line, format!("step `{}` is there twice", said.value));
            }
            Ok(Step::Asker(scheme) | Step::Holders(scheme)) if kind.is_some_and(|kind| !kind.paths.joins(&scheme)) => {
                let schemes = kind.map(|kind| kind.paths.threads.iter().map(|thread| thread.scheme.as_str()));
                let hint = schemes.map(|schemes| meant(&scheme, schemes)).unwrap_or_default();
                section.error(said.line, format!("the kind has no thread `{scheme}` in {}{hint}", super::kinds::FILE));
            }
            Ok(step) => steps.push(step),
            Err(message) => section.error(said.line, message),
        }
    }
    steps
}

fn condition(section: &mut Section<'_, '_>, key: &'static str, kind: Option<&Kind>) -> Option<Expression> {
    let said = section.text(key)?;
    let shape = kind.map(|kind| kind.schema.resolved());
    match Expression::compile(&said.value, shape.as_deref()) {
        Ok(expression) => Some(expression),
        Err(message) => {
            section.error(said.line, format!("`{key}`: {message}"));
            None
        }
    }
}

fn date(section: &mut Section<'_, '_>, kind: Option<&Kind>) -> Option<Path> {
    let said = section.text("date")?;
    let read = Path::parse(&said.value).and_then(|path| {
        kind.map_or(Ok(()), |kind| path.check(&kind.schema.resolved()))?;
        Ok(path)
    });
    match read {
        Ok(path) => Some(path),
        Err(message) => {
            section.error(said.line, format!("path `{}`: {message}", said.value));
            None
        }
    }
}

fn for_whom(section: &mut Section<'_, '_>, kind: Option<&Kind>) -> Vec<(&'static str, Path)> {
    let Some(mut table) = section.section("for_whom") else { return Vec::new() };
    let shape = kind.map(|kind| kind.schema.resolved());
    let columns = FOR_WHOM.into_iter().filter_map(|column| {
        let said = table.text(column)?;
        match Path::parse(&said.value) {
            Ok(path) => {
                check(&table, said.line, &path, shape.as_deref());
                Some((column, path))
            }
            Err(message) => {
                table.error(said.line, format!("path `{}`: {message}", said.value));
                None
            }
        }
    });
    let columns = columns.collect();
    table.finish();
    columns
}

fn desk(section: &mut Section<'_, '_>, steps: &[Step], known: &Known<'_>) -> Option<OfficeId> {
    let said = section.text("desk")?;
    if !steps.contains(&Step::Desk) {
        section.error(said.line, "`desk` is never asked: `office` has no step `desk`");
    }
    match OfficeId::parse(&said.value) {
        Ok(office) => {
            if !known.serving.contains_key(&office) {
                let names = known.serving.keys().map(OfficeId::as_str);
                section.error(said.line, format!("no system serves the desk `{office}`{}", meant(&said.value, names)));
            }
            Some(office)
        }
        Err(message) => {
            section.error(said.line, message);
            None
        }
    }
}
