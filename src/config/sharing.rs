//! `config/sharing.toml`: who may see what. A `[[share]]` line gives a receiver a kind, whole or by named views, and says what
//! becomes of each class of sensitivity; what nobody has decided is withheld, and what is withheld is always listed. Read
//! `sharing/terms` for the words of a line, `decide` for the plan that is made of them, `plan` for what it does to a record.

mod attached;
mod by_case;
mod decide;
mod extension;
mod lines;
mod mark;
mod own;
mod plan;
mod pseudonym;
mod terms;

use std::collections::BTreeMap;

use serde_json::Value;

use super::Revision;
use super::document::{Document, Findings};
use super::facts::Path;
use super::folder::Folder;
use super::kinds::{Kinds, OUTCOME};
use super::routing::with_joined_cases;
use super::systems::System;
use crate::clock::Timestamp;
use crate::identifiers::{CaseKey, KindName};
use crate::seal::MacKey;
use by_case::ByCase;
pub use by_case::{FILE as BY_CASE, Sight};
use lines::Line;
use pseudonym::Coder;
pub use pseudonym::PURPOSE;

/// Where sharing is configured.
pub const FILE: &str = "config/sharing.toml";

/// Who may see what.
#[derive(Debug, Default)]
pub struct Sharing {
    /// By kind, and a pillar or `system:<name>`: the first line whose condition holds.
    lines: BTreeMap<KindName, BTreeMap<String, Vec<Line>>>,
    /// What is given or withheld for one case.
    by_case: ByCase,
    /// What codes of persons are made with. Without it names are withheld where a code would stand.
    pub pseudonyms: Option<MacKey>,
}

/// What a receiver may see of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Permitted {
    /// The shared form without what is withheld.
    pub tree: Value,
    /// Shared paths that were withheld and held something.
    pub withheld: Vec<String>,
    /// The entitlement by which more was given than the receiver's line gives.
    pub entitlement: Option<String>,
}

/// Reads every line.
pub(super) fn compile(folder: &Folder, kinds: &Kinds, systems: &[String], findings: &Findings) -> Sharing {
    let Some(contents) = folder.files.get(FILE) else {
        findings.warn(FILE, 0, "is missing: nobody may receive anything");
        return Sharing::default();
    };
    let Some(document) = Document::parse(FILE, contents, findings) else { return Sharing::default() };
    let mut root = document.section("this file", findings);
    let (lines, by_case) = lines::compile(&mut root, folder, kinds, systems, findings);
    root.finish();
    Sharing { lines, by_case, pseudonyms: None }
}

impl Sharing {
    /// Whether a system may see the kind at all.
    pub fn gives(&self, kind: &str, system: &System) -> bool {
        self.of(kind, system).is_some()
    }

    /// Whether something of the kind is withheld from the system.
    pub fn cuts(&self, kind: &str, system: &System) -> bool {
        let lines = self.of(kind, system);
        lines.is_some_and(|lines| self.by_case() || !matches!(lines, [line] if line.suspects() == Some(&[])))
    }

    /// Whether a case of the record is sealed, and this receiver is none of those who may still see it.
    pub fn sealed(&self, kind: &str, sight: &Sight<'_>) -> bool {
        kind != OUTCOME && self.by_case.sealed(kind, sight)
    }

    /// Whether what is given may depend on the case and on the day: then the revision alone does not tell that nothing has
    /// changed.
    pub fn by_case(&self) -> bool {
        !self.by_case.is_empty()
    }

    /// Whether what the system may see of the kind depends on what a record says, such as whether its case was filed: then the
    /// case numbers that links have brought count too.
    pub fn depends(&self, kind: &str, system: &System) -> bool {
        let lines = self.of(kind, system);
        lines.is_some_and(|lines| self.by_case() || lines.iter().any(Line::depends))
    }

    /// The lines for a system: those that name it go before those of its pillar.
    fn of(&self, kind: &str, system: &System) -> Option<&[Line]> {
        let lines = self.lines.get(kind)?;
        let own = lines.iter().find(|(to, _)| to.strip_prefix("system:") == Some(system.name.as_str()));
        own.map(|(_, lines)| lines).or_else(|| lines.get(&system.pillar)).map(Vec::as_slice)
    }

    /// The kinds that a system may see.
    pub fn kinds_for(&self, system: &System) -> Vec<KindName> {
        self.lines.keys().filter(|kind| self.gives(kind, system)).cloned().collect()
    }

    /// Every pair of kind and receiver for which there is a line.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().flat_map(|(kind, lines)| lines.keys().map(move |to| (kind.as_str(), to.as_str())))
    }
}

impl Revision {
    /// Whether `system` may see all of the shared form with this text, known without reading it. False where it is not
    /// certain: `permit` decides then.
    pub fn gives_as_it_is(&self, kind: &str, system: &System, sender: &str, text: &[u8]) -> bool {
        let may = |keys: &[String]| may_have_key(text, keys.iter().map(String::as_str));
        if kind == OUTCOME {
            return system.name == sender || !may_have_key(text, [extension::KEY].into_iter());
        }
        match self.sharing.of(kind, system) {
            _ if self.sharing.by_case() => false,
            None => false,
            Some(_) if system.name == sender => true,
            Some([line]) => {
                line.suspects().is_some_and(|keys| !may(keys) && !may_have_key(text, [extension::KEY].into_iter()))
            }
            Some(_) => false,
        }
    }

    /// What `system` may see of it; `None` where its sharing rule gives nothing (`not-permitted`). An outcome is never
    /// refused. A sender sees all of its own record; extensions travel to the system that sent them, and to another only
    /// where its line names them; what is taken out is listed. `own`: the cases for which the office gets it.
    pub fn permit(
        &self,
        kind: &str,
        system: &System,
        sender: &str,
        own: &[CaseKey],
        shared: Value,
    ) -> Option<Permitted> {
        let at = Timestamp::from_millis(0);
        self.permit_to(kind, &Sight { system, office: None, own, joined: &[], at, takes_back: false }, sender, shared)
    }

    /// The same, for one office at one moment: entitlements and seals count. Where the record's case has other numbers beside
    /// those that it names itself (`joined`), conditions see them. What is sealed is `None`.
    pub fn permit_to(&self, kind: &str, sight: &Sight<'_>, sender: &str, mut shared: Value) -> Option<Permitted> {
        let Sight { system, own, joined, .. } = *sight;
        let lines = self.sharing.of(kind, system);
        if kind != OUTCOME && lines.is_none() {
            return None;
        }
        let mut withheld = self.keep_own(kind, own, &mut shared);
        if system.name == sender {
            return Some(Permitted { tree: shared, withheld, entitlement: None });
        }
        if self.sharing.sealed(kind, sight) {
            return None;
        }
        let entitlement = self.sharing.by_case.entitlement(sight);
        let (chosen, sure) = match lines {
            _ if kind == OUTCOME => (Vec::new(), true),
            lines if joined.is_empty() => lines::chosen(lines?, &shared)?,
            lines => lines::chosen(lines?, &with_joined_cases(&shared, joined))?,
        };
        let named: Vec<&Path> = chosen.first().filter(|_| sure).map_or_else(Vec::new, |line| line.extensions());
        let original = (!named.is_empty()).then(|| shared.clone());
        let extensions = shared.as_object_mut().and_then(|tree| tree.shift_remove(extension::KEY));
        // A condition that could not be evaluated withholds: then no code is given either, only what every line gives.
        let coder = match chosen.iter().any(|line| line.codes()) && sure {
            true => Coder::new(self.sharing.pseudonyms.as_ref(), &self.facts(kind, &shared).cases),
            false => Coder::none(),
        };
        for line in chosen {
            line.apply(&mut shared, own, entitlement.map(|one| one.set), &coder, &mut withheld);
        }
        if let Some(Value::Object(extensions)) = extensions {
            withheld.extend(extension::apply(&named, &extensions, original.as_ref(), &mut shared));
        }
        Some(Permitted { tree: shared, withheld, entitlement: entitlement.map(|one| one.name.clone()) })
    }
}

/// Whether JSON text may hold one of these keys: one written with escapes counts as if it did.
fn may_have_key<'k>(text: &[u8], mut keys: impl Iterator<Item = &'k str>) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return true };
    text.contains("\\u") || keys.any(|key| text.contains(&format!("\"{key}\"")))
}

/// A path of a kind's records, checked against their schema.
fn path_in(text: &str, shape: Option<&Value>) -> Result<Path, String> {
    let path = Path::parse(text).map_err(|message| format!("`{text}` {message}"))?;
    shape.map_or(Ok(()), |shape| path.check(shape)).map_err(|message| format!("path `{path}`: {message}"))?;
    Ok(path)
}

/// The schema of what lies at a path, where the schema says it.
fn below<'s>(schema: &'s Value, steps: &[(String, bool)]) -> Option<&'s Value> {
    steps.iter().try_fold(schema, |here, (name, repeats)| {
        let below = here.get("properties")?.get(name)?;
        if *repeats { below.get("items") } else { Some(below) }
    })
}

#[cfg(test)]
mod matrix;
#[cfg(test)]
mod tests;
