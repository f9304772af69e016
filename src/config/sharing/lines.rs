//! The lines of `config/sharing.toml`, read and made ready: for each kind and receiver one line, or several with conditions of
//! which the first that holds counts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::attached::{self, Attached};
use super::by_case::ByCase;
use super::decide::{Alike, decide};
use super::mark::{self, Mark};
use super::own::{self, OwnCases};
use super::plan::Plan;
use super::pseudonym::Coder;
use super::terms::{self, Terms, Views};
use super::{FILE, extension};
use crate::config::document::{Findings, Section, meant};
use crate::config::facts::Path;
use crate::config::folder::Folder;
use crate::config::kinds::Kinds;
use crate::config::systems::PILLARS;
use crate::expression::Expression;
use crate::identifiers::{CaseKey, KindName};

/// So many undecided fields of one line are named; of more the number.
const NAMED: usize = 40;
/// A text is looked through for so many keys at most: reading it is quicker then.
const MOST_SUSPECTS: usize = 6;

/// One line, ready.
#[derive(Debug)]
pub(super) struct Line {
    when: Option<Expression>,
    plan: Plan,
    own: Vec<OwnCases>,
    /// `None` where the kind's records name none.
    attached: Option<Attached>,
    extensions: Vec<Path>,
    codes: bool,
    suspects: Option<Vec<String>>,
    /// By set of classes that entitlements give: what it gives then.
    entitled: Vec<Entitled>,
}

/// What a line gives somebody who is entitled to more.
#[derive(Debug)]
struct Entitled {
    plan: Plan,
    attached: Option<Attached>,
}

impl Line {
    /// The keys without which a text is given as it is; `None` where the record must be read.
    pub(super) fn suspects(&self) -> Option<&[String]> {
        self.suspects.as_deref()
    }

    /// Whether it counts only where a condition holds.
    pub(super) fn depends(&self) -> bool {
        self.when.is_some()
    }

    /// Whether some name may be replaced by a code.
    pub(super) fn codes(&self) -> bool {
        self.codes
    }

    /// What of extensions it gives.
    pub(super) fn extensions(&self) -> Vec<&Path> {
        self.extensions.iter().collect()
    }

    /// Takes out what it does not give, and lists it.
    pub(super) fn apply(
        &self,
        tree: &mut Value,
        own: &[CaseKey],
        set: Option<usize>,
        coder: &Coder<'_>,
        withheld: &mut Vec<String>,
    ) {
        let entitled = set.and_then(|set| self.entitled.get(set));
        let plan = entitled.map_or(&self.plan, |entitled| &entitled.plan);
        let attached = entitled.map_or(&self.attached, |entitled| &entitled.attached);
        if let Some(attached) = attached {
            attached.apply(tree, withheld);
        }
        for list in &self.own {
            list.apply(tree, own, withheld);
        }
        for path in plan.apply(tree, coder) {
            if !withheld.contains(&path) {
                withheld.push(path);
            }
        }
    }
}

/// The lines that count for a record, and whether every condition could be evaluated: one that could not counts, and so does
/// the next that holds, so that only what both give is given. `None` where no line counts.
pub(super) fn chosen<'l>(lines: &'l [Line], shared: &Value) -> Option<(Vec<&'l Line>, bool)> {
    let (mut found, mut sure) = (Vec::new(), true);
    for line in lines {
        match line.when.as_ref().map_or(Ok(true), |when| when.holds(shared)) {
            Ok(false) => {}
            Ok(true) => {
                found.push(line);
                return Some((found, sure));
            }
            Err(_) => {
                found.push(line);
                sure = false;
            }
        }
    }
    // Had the failed condition been false, nothing would be given.
    None
}

/// By kind and receiver.
type Lines = BTreeMap<KindName, BTreeMap<String, Vec<Line>>>;

/// Reads marks, views and lines.
pub(super) fn compile(
    root: &mut Section<'_, '_>,
    folder: &Folder,
    kinds: &Kinds,
    systems: &[String],
    findings: &Findings,
) -> (Lines, ByCase) {
    let mut classes = BTreeSet::new();
    for kind in kinds.by_name.values() {
        sensitivities(&kind.schema.resolved(), &mut classes);
    }
    let mut marks: Vec<Mark> = Vec::new();
    for mut section in root.sections("mark") {
        marks.extend(mark::read(&mut section, kinds));
        section.finish();
    }
    classes.extend(marks.iter().map(|mark| mark.class.clone()));
    let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
    let mut never = Vec::new();
    for said in root.texts("never") {
        if !classes.contains(&said.value.as_str()) {
            let hint = meant(&said.value, classes.iter().copied());
            root.error(said.line, format!("unknown class `{}`{hint}", said.value));
        }
        never.push(said.value);
    }
    let views = terms::views(root, kinds, &classes);
    let by_case = ByCase::read(folder, kinds, systems, (&classes, &never), findings);
    let (classes, sets) = (&classes[..], &by_case.sets[..]);
    let known = Known { kinds, systems, marks: &marks, classes, never: &never, views: &views, sets, findings };
    let (mut lines, mut alike) = (Lines::new(), Alike::default());
    for mut section in root.sections("share") {
        let read = known.line(&mut section, &mut alike);
        let line = section.line;
        section.finish();
        let Some((kind, to, read)) = read else { continue };
        let there = lines.entry(kind.clone()).or_default().entry(to.clone()).or_default();
        if there.last().is_some_and(|last| last.when.is_none()) {
            findings.error(FILE, line, format!("`{kind}` to `{to}` is there twice: the line before has no `when`"));
        }
        there.push(read);
    }
    terms::unused(&views, findings);
    (lines, by_case)
}

/// What lines are read against.
struct Known<'k> {
    kinds: &'k Kinds,
    systems: &'k [String],
    marks: &'k [Mark],
    classes: &'k [&'k str],
    never: &'k [String],
    views: &'k Views,
    sets: &'k [BTreeSet<String>],
    findings: &'k Findings,
}

impl Known<'_> {
    fn line(&self, section: &mut Section<'_, '_>, alike: &mut Alike) -> Option<(KindName, String, Line)> {
        let kind = section.required("kind");
        let to = section.required("to");
        if let Some(said) = kind.as_ref().filter(|said| !self.kinds.knows(&said.value)) {
            let hint = self.kinds.hint(&said.value);
            section.error(said.line, format!("a line for nothing: unknown kind `{}`{hint}", said.value));
        }
        if let Some((said, message)) = to.as_ref().and_then(|said| Some((said, stranger(&said.value, self.systems)?))) {
            section.error(said.line, format!("a line for nobody: {message}"));
        }
        let known = kind.as_ref().and_then(|said| self.kinds.by_name.get(&said.value));
        let tree = known.map(|kind| kind.schema.resolved());
        let tree = tree.as_deref();
        let name = kind.as_ref().map(|said| said.value.as_str());
        let mut terms = Terms::read(section, name, tree, self.views, self.classes);
        terms.never = self.never.to_vec();
        let when = section.text("when").and_then(|said| match Expression::compile(&said.value, tree) {
            Ok(expression) => Some(expression),
            Err(message) => {
                section.error(said.line, format!("`when`: {message}"));
                None
            }
        });
        let own = own::read(section, tree);
        let roles = attachments(section, tree, &mut terms);
        let (kind, to, tree) = (kind?.value, to?.value, tree?);
        let marks: Vec<&Mark> = self.marks.iter().filter(|mark| mark.kind == kind).collect();
        let decided = decide(&terms, &marks, tree, alike);
        for message in decided.wrong {
            section.error(section.line, message);
        }
        if !decided.undecided.is_empty() {
            let (count, all) = (decided.undecided.len(), decided.undecided);
            let shown = all.get(..NAMED).unwrap_or(&all).join("`, `");
            let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
            let what =
                format!("`{kind}` to `{to}` says nothing of `{shown}`{more}: withheld; name them, or their class");
            self.findings.warn(FILE, section.line, what);
        }
        let extensions = extension::named(&terms.given);
        let files = |terms: &Terms, roles: &[String]| {
            let has = tree.pointer("/properties/attachments");
            has.map(|_| Attached::new(roles.to_vec(), terms, &marks, tree))
        };
        let entitled = self.sets.iter().map(|set| {
            let mut terms = terms.clone();
            terms.classes.give_full(set);
            Entitled { plan: decide(&terms, &marks, tree, alike).plan, attached: files(&terms, &roles) }
        });
        let entitled: Vec<Entitled> = entitled.collect();
        let attached = files(&terms, &roles);
        let files = attached.as_ref().is_none_or(|attached| attached.gives_all(tree));
        let plan = decided.plan;
        let suspects = plan.suspects().filter(|_| own.is_empty() && extensions.is_empty());
        let suspects = suspects.map(|mut keys| {
            if !files {
                keys.insert(attached::LIST.to_owned());
            }
            keys.into_iter().collect::<Vec<String>>()
        });
        let suspects = suspects.filter(|keys| when.is_none() && keys.len() <= MOST_SUSPECTS);
        let codes = plan.codes();
        Some((kind, to, Line { when, plan, own, attached, extensions, codes, suspects, entitled }))
    }
}

/// `attachments` and `roles`: the files' own decision. A whole record has them, each by its own sensitivity.
fn attachments(section: &mut Section<'_, '_>, tree: Option<&Value>, terms: &mut Terms) -> Vec<String> {
    let said = section.word("attachments", &["by-class", "none"]);
    let roles: Vec<String> = section.texts("roles").into_iter().map(|said| said.value).collect();
    let path = Path { steps: vec![(attached::LIST.to_owned(), true)] };
    if let Some(said) = &said {
        if tree.is_some_and(|tree| path.check(tree).is_err()) {
            section.error(said.line, "records of this kind have no attachments");
        } else if said.value == "none" {
            terms.withheld.push(path);
        } else {
            terms.given.push(path);
        }
    }
    if !roles.is_empty() && said.is_none_or(|said| said.value != "by-class") {
        section.error(
            section.line_of("roles"),
            "`roles` are of attachments that are given: add `attachments = \"by-class\"`",
        );
    }
    roles
}

/// Every class that a schema names.
fn sensitivities(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(class) = fields.get("x-sensitivity").and_then(Value::as_str)
                && !found.contains(class)
            {
                found.insert(class.to_owned());
            }
            fields.values().for_each(|value| sensitivities(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| sensitivities(item, found)),
        _ => {}
    }
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
