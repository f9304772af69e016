//! `config/sharing.toml`: who may see which kinds. What no line gives is not given, and extensions stay with their sender.
//! A line gives a kind whole, or a part of it (`withhold`, `own`; see `withhold`); what is withheld is always listed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Revision;
use super::document::{Document, Findings, meant};
use super::folder::Folder;
use super::kinds::{Kinds, OUTCOME};
use super::systems::{PILLARS, System};
use super::withhold::{Cut, empty};
use crate::identifiers::{CaseKey, KindName};

/// Where sharing is configured.
pub const FILE: &str = "config/sharing.toml";

/// Who may see what.
#[derive(Debug, Default)]
pub struct Sharing {
    /// By kind, and a pillar or `system:<name>`: what is taken out, if anything is.
    lines: BTreeMap<(KindName, String), Option<Cut>>,
}

/// What a receiver may see of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Permitted {
    /// The shared form without what is withheld.
    pub tree: Value,
    /// Shared paths that were withheld and held something.
    pub withheld: Vec<String>,
}

/// Reads every line.
pub(super) fn compile(folder: &Folder, kinds: &Kinds, systems: &[String], findings: &Findings) -> Sharing {
    let mut sharing = Sharing::default();
    let Some(contents) = folder.files.get(FILE) else {
        findings.warn(FILE, 0, "is missing: nobody may receive anything");
        return sharing;
    };
    let Some(document) = Document::parse(FILE, contents, findings) else { return sharing };
    let mut root = document.section("this file", findings);
    for mut section in root.sections("share") {
        let kind = section.required("kind");
        let to = section.required("to");
        section.required("give");
        let give = section.word("give", &["whole", "part"]);
        if let Some(said) = kind.as_ref().filter(|said| !kinds.knows(&said.value)) {
            let hint = kinds.hint(&said.value);
            section.error(said.line, format!("a line for nothing: unknown kind `{}`{hint}", said.value));
        }
        if let Some((said, message)) = to.as_ref().and_then(|said| Some((said, stranger(&said.value, systems)?))) {
            section.error(said.line, format!("a line for nobody: {message}"));
        }
        let line = section.line;
        let shape = kind.as_ref().and_then(|said| kinds.by_name.get(&said.value)).map(|kind| kind.schema.resolved());
        let cut = Cut::read(&mut section, shape.as_deref());
        match (give.as_ref().map(|said| said.value.as_str()), &cut) {
            (Some("part"), None) => section.error(line, "`part` of what? add `withhold` or `own`, or give it `whole`"),
            (Some("whole"), Some(_)) => section.error(line, "`whole` withholds nothing; write `give = \"part\"`"),
            _ => {}
        }
        section.finish();
        let Some((kind, to)) = kind.zip(to) else { continue };
        if sharing.lines.insert((kind.value.clone(), to.value.clone()), cut).is_some() {
            findings.error(FILE, line, format!("`{}` to `{}` is there twice", kind.value, to.value));
        }
    }
    root.finish();
    sharing
}

fn stranger(to: &str, systems: &[String]) -> Option<String> {
    if let Some(name) = to.strip_prefix("system:") {
        let known = systems.iter().any(|system| system == name);
        return (!known).then(|| format!("unknown system `{name}`{}", meant(name, systems.iter().map(String::as_str))));
    }
    let pillars = || PILLARS.iter().map(|(name, _)| *name);
    let known = pillars().any(|pillar| pillar == to);
    (!known).then(|| format!("unknown pillar `{to}`{}", meant(to, pillars())))
}

impl Sharing {
    /// Whether a system may see the kind at all.
    pub fn gives(&self, kind: &str, system: &System) -> bool {
        self.line(kind, system).is_some()
    }

    /// Whether something of the kind is withheld from the system.
    pub fn cuts(&self, kind: &str, system: &System) -> bool {
        self.line(kind, system).is_some_and(Option::is_some)
    }

    /// The line for a system: one that names it goes before that of its pillar.
    fn line(&self, kind: &str, system: &System) -> Option<&Option<Cut>> {
        let line = |to: &str| self.lines.get(&(kind.to_owned(), to.to_owned()));
        line(&format!("system:{}", system.name)).or_else(|| line(&system.pillar))
    }

    /// The kinds that a system may see.
    pub fn kinds_for(&self, system: &System) -> Vec<KindName> {
        let to = |to: &str| to == system.pillar || to.strip_prefix("system:") == Some(system.name.as_str());
        self.lines().filter(|(_, receiver)| to(receiver)).map(|(kind, _)| kind.to_owned()).collect()
    }

    /// Every line: kind and receiver.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.keys().map(|(kind, to)| (kind.as_str(), to.as_str()))
    }
}

impl Revision {
    /// Whether `system` may see all of the shared form with this text, known without reading it. False where it is not
    /// certain: `permit` decides then.
    pub fn gives_as_it_is(&self, kind: &str, system: &System, sender: &str, text: &[u8]) -> bool {
        let gives = kind == OUTCOME || self.sharing.line(kind, system).is_some_and(Option::is_none);
        gives && (system.name == sender || !may_have_key(text, b"\"extensions\""))
    }

    /// What `system` may see of it; `None` where its sharing rule gives nothing (`not-permitted`). An outcome is never
    /// refused. Extensions travel to the system that sent them only; a sender sees all of its own record; what is taken
    /// out is listed. `own`: the cases for which the office gets it.
    pub fn permit(
        &self,
        kind: &str,
        system: &System,
        sender: &str,
        own: &[CaseKey],
        mut shared: Value,
    ) -> Option<Permitted> {
        let line = self.sharing.line(kind, system);
        if kind != OUTCOME && line.is_none() {
            return None;
        }
        let mut withheld = Vec::new();
        withheld.extend(self.keep_own(kind, own, &mut shared));
        if system.name == sender {
            return Some(Permitted { tree: shared, withheld });
        }
        if let Some(Value::Object(extensions)) = shared.as_object_mut().and_then(|tree| tree.shift_remove("extensions"))
        {
            let full = extensions.iter().filter(|(_, value)| !empty(value));
            withheld.extend(full.map(|(adapter, _)| format!("extensions.{adapter}")));
        }
        if let Some(Some(cut)) = line {
            withheld.extend(cut.apply(&mut shared, own));
        }
        Some(Permitted { tree: shared, withheld })
    }
}

/// Whether JSON text may hold this key: one written with escapes counts as if it did.
fn may_have_key(text: &[u8], quoted: &[u8]) -> bool {
    text.windows(2).any(|pair| pair == b"\\u") || text.windows(quoted.len()).any(|window| window == quoted)
}

#[cfg(test)]
mod tests {
    use super::may_have_key;

    #[test]
    fn a_key_is_suspected_however_it_is_written() {
        let may = |text: &str| may_have_key(text.as_bytes(), b"\"extensions\"");
        assert!(may(r#"{"extensions":{"cctns":{}}}"#) && may(r#"{"a":[{"extensions":1}]}"#));
        assert!(may(r#"{"\u0065xtensions":{"cctns":{}}}"#), "an escape may hide it");
        assert!(!may(r#"{"office":"ps:38101004"}"#) && !may(""));
        assert!(!may(r#"{"extension":1,"note":"of extensions"}"#));
    }
}
