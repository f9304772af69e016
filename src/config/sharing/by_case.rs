//! `config/entitlements.toml`: what is given or withheld for one case, whatever the lines of `config/sharing.toml` say of its
//! kind. An entitlement gives one office classes of sensitivity that its line withholds; a seal keeps a case's records from
//! everybody but those who are named. Both have a ground and days; without a ground there is neither. Days are India's.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::config::document::{Document, Findings, Said, Section, meant};
use crate::config::folder::Folder;
use crate::config::kinds::Kinds;
use crate::config::systems::{PILLARS, System};
use crate::identifiers::{CaseKey, KindName, OfficeId, SystemName};

/// Where they are configured. The file may be missing: then there is none.
pub const FILE: &str = "config/entitlements.toml";

/// Why a case is sealed.
const FLAGS: [&str; 3] = ["sealed", "in-camera", "expunged"];

/// Longest ground and name, in characters.
const LONGEST: usize = 300;

/// For whom a record is looked at, and when.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'s> {
    /// The system that gets it.
    pub system: &'s System,
    /// The office for which; `None` where that is not known: then nothing is given by case.
    pub office: Option<&'s OfficeId>,
    /// The cases for which the office gets it: the record's own numbers.
    pub own: &'s [CaseKey],
    /// Other numbers of these cases, that links have brought.
    pub joined: &'s [CaseKey],
    /// The present moment.
    pub at: Timestamp,
    /// It takes a record back: that goes to whoever had it, sealed or not.
    pub takes_back: bool,
}

/// One office may see of one case what its line withholds.
#[derive(Debug)]
pub(super) struct Entitlement {
    pub(super) name: String,
    scope: Scope,
    office: OfficeId,
    /// Which of the sets of classes it gives.
    pub(super) set: usize,
}

/// A case is kept from everybody but some.
#[derive(Debug)]
struct Seal {
    scope: Scope,
    kinds: Vec<KindName>,
    keep: Vec<Keep>,
}

/// Cases and days.
#[derive(Debug)]
struct Scope {
    cases: Vec<CaseKey>,
    from: Timestamp,
    until: Option<Timestamp>,
}

/// Who is not kept out by a seal.
#[derive(Debug)]
enum Keep {
    Pillar(String),
    System(SystemName),
    Office(OfficeId),
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct ByCase {
    entitlements: Vec<Entitlement>,
    seals: Vec<Seal>,
    /// The sets of classes that entitlements give, each once.
    pub(super) sets: Vec<BTreeSet<String>>,
}

impl ByCase {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.entitlements.is_empty() && self.seals.is_empty()
    }

    /// The entitlement of an office for these cases; of several the first in the file.
    pub(super) fn entitlement(&self, sight: &Sight<'_>) -> Option<&Entitlement> {
        let office = sight.office?;
        self.entitlements.iter().find(|one| serves(&one.office, office) && one.scope.holds(sight))
    }

    /// Whether a seal keeps this from them.
    pub(super) fn sealed(&self, kind: &str, sight: &Sight<'_>) -> bool {
        let keeps = |keep: &Keep| match keep {
            Keep::Pillar(pillar) => *pillar == sight.system.pillar,
            Keep::System(name) => *name == sight.system.name,
            Keep::Office(kept) => sight.office.is_some_and(|office| serves(kept, office)),
        };
        let sealed = |seal: &Seal| {
            (seal.kinds.is_empty() || seal.kinds.iter().any(|one| one == kind))
                && seal.scope.holds(sight)
                && !seal.keep.iter().any(keeps)
        };
        !sight.takes_back && self.seals.iter().any(sealed)
    }

    /// Reads the file. `classes`: those that schemas and marks know; `never`: those that nobody is given.
    pub(super) fn read(
        folder: &Folder,
        kinds: &Kinds,
        systems: &[String],
        (classes, never): (&[&str], &[String]),
        findings: &Findings,
    ) -> Self {
        let Some(document) = folder.files.get(FILE).and_then(|file| Document::parse(FILE, file, findings)) else {
            return Self::default();
        };
        let mut root = document.section("this file", findings);
        let mut all = Self::default();
        for mut section in root.sections("entitlement") {
            let read = all.entitled(&mut section, classes, never);
            let line = section.line;
            section.finish();
            let Some(read) = read else { continue };
            let twice = |one: &Entitlement| {
                one.name == read.name
                    || (one.office == read.office && one.scope.cases.iter().any(|case| read.scope.cases.contains(case)))
            };
            if let Some(other) = all.entitlements.iter().find(|one| twice(one)) {
                let what = "give each its own name, and one office all classes of a case in one entitlement";
                findings.error(FILE, line, format!("`{}` and `{}` overlap: {what}", other.name, read.name));
            }
            all.entitlements.push(read);
        }
        for mut section in root.sections("seal") {
            let read = seal(&mut section, kinds, systems);
            section.finish();
            all.seals.extend(read);
        }
        root.finish();
        all
    }

    fn entitled(&mut self, section: &mut Section<'_, '_>, known: &[&str], never: &[String]) -> Option<Entitlement> {
        let name = section.required("name");
        let office = section.required("office");
        let office = office.and_then(|said| match OfficeId::parse(&said.value) {
            Ok(office) => Some(office),
            Err(_) => {
                section.error(said.line, "`office` is an office such as `court:DLCT01`");
                None
            }
        });
        let mut classes = BTreeSet::new();
        let said = section.texts("classes");
        if said.is_empty() {
            section
                .error(section.line, "`classes` is missing: which classes is the office given? such as `[\"victim\"]`");
        }
        for Said { value, line } in said {
            if !known.contains(&value.as_str()) {
                section.error(line, format!("unknown class `{value}`{}", meant(&value, known.iter().copied())));
            } else if never.contains(&value) {
                section.error(line, format!("nobody is given `{value}`: `never` of config/sharing.toml names it"));
            }
            classes.insert(value);
        }
        // Who is answerable for what he is shown; kept with the revision, and not asked for again.
        words(section, "officer", false);
        let scope = scope(section, true);
        let set = self.sets.iter().position(|set| *set == classes).unwrap_or_else(|| {
            self.sets.push(classes);
            self.sets.len() - 1
        });
        Some(Entitlement { name: name?.value, scope: scope?, office: office?, set })
    }
}

impl Scope {
    fn holds(&self, sight: &Sight<'_>) -> bool {
        let in_time = self.from <= sight.at && self.until.is_none_or(|until| sight.at < until);
        in_time && sight.own.iter().chain(sight.joined).any(|case| self.cases.contains(case))
    }
}

/// A court's registry stands for all of its courts.
fn serves(named: &OfficeId, office: &OfficeId) -> bool {
    let rest = office.as_str().strip_prefix(named.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn seal(section: &mut Section<'_, '_>, kinds: &Kinds, systems: &[String]) -> Option<Seal> {
    section.required("flag");
    section.word("flag", &FLAGS);
    let said = section.texts("kinds");
    for said in said.iter().filter(|said| !kinds.knows(&said.value)) {
        section.error(said.line, format!("unknown kind `{}`{}", said.value, kinds.hint(&said.value)));
    }
    if !section.has("keep") {
        let what = "`keep` is missing: who may still see the case? pillars, `system:<name>` or offices; `[]` is nobody";
        section.error(section.line, what);
    }
    let mut keep = Vec::new();
    for Said { value, line } in section.texts("keep") {
        let name = value.strip_prefix("system:");
        if PILLARS.iter().any(|(pillar, _)| *pillar == value) {
            keep.push(Keep::Pillar(value));
        } else if let Some(name) = name.filter(|name| systems.iter().any(|system| system == name)) {
            keep.push(Keep::System(name.to_owned()));
        } else if let Some(office) = name.is_none().then(|| OfficeId::parse(&value).ok()).flatten() {
            keep.push(Keep::Office(office));
        } else {
            let known = PILLARS.iter().map(|(pillar, _)| *pillar);
            section.error(line, format!("`{value}` is no pillar, system or office{}", meant(&value, known)));
        }
    }
    let scope = scope(section, false)?;
    Some(Seal { scope, kinds: said.into_iter().map(|said| said.value).collect(), keep })
}

/// `cases`, `ground`, `from` and `until`. What is given ends some day; what is sealed may stay so.
fn scope(section: &mut Section<'_, '_>, must_end: bool) -> Option<Scope> {
    words(section, "ground", true);
    let mut cases = Vec::new();
    for said in section.texts("cases") {
        match CaseKey::read(&said.value) {
            Some(case) => cases.push(case),
            None => {
                section.error(said.line, format!("`{}` is no case number such as `cnr/DLCT010001232026`", said.value));
            }
        }
    }
    if !section.has("cases") {
        section.error(section.line, "`cases` is missing: case numbers such as `[\"cnr/DLCT010001232026\"]`");
    }
    let from = section.required("from").map(|said| day(section, &said));
    let until = section.text("until").map(|said| day(section, &said));
    if must_end && until.is_none() {
        section.error(section.line, "`until` is missing: the day on which it ends, such as `2027-01-01`");
    }
    if let (Some(Some(from)), Some(Some(until))) = (from, until)
        && until <= from
    {
        section.error(section.line_of("until"), "`until` is not after `from`");
    }
    let until = until.map_or(Some(None), |until| until.map(Some));
    Some(Scope { cases, from: from??, until: until? })
}

/// A text for people.
fn words(section: &mut Section<'_, '_>, key: &'static str, required: bool) {
    let said = if required { section.required(key) } else { section.text(key) };
    let Some(said) = said else { return };
    if said.value.trim().is_empty() || said.value.chars().count() > LONGEST {
        section.error(said.line, format!("`{key}` has 1 to {LONGEST} characters"));
    }
}

/// The beginning of a day in India.
fn day(section: &Section<'_, '_>, said: &Said<String>) -> Option<Timestamp> {
    let at = (said.value.len() == 10).then(|| Timestamp::parse(&format!("{}T00:00:00+05:30", said.value))).flatten();
    if at.is_none() {
        section.error(said.line, format!("`{}` is no day such as `2026-12-31`", said.value));
    }
    at
}
