//! The words of one `[[share]]` line and of the `[[view]]`s that it names: which paths it gives and withholds, and what it
//! says of each class of sensitivity. What it says nothing of is withheld; `decide` makes a plan of it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::document::{Findings, Said, Section, meant};
use super::super::facts::Path;
use super::super::kinds::Kinds;
use super::{FILE, path_in};
use crate::identifiers::KindName;

/// Every class of a field that no class is named for.
const ANY: &str = "*";

/// What a line says of a class, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Give {
    Withheld,
    /// A name is replaced by a code, all else is withheld.
    Code,
    Full,
}

/// By class.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    by_name: BTreeMap<String, Give>,
    rest: Option<Give>,
}

impl Classes {
    /// What is said of a class; `None`: nothing.
    pub(super) fn say(&self, class: &str) -> Option<Give> {
        self.by_name.get(class).copied().or(self.rest)
    }

    /// Whether it says anything at all.
    fn none(&self) -> bool {
        self.by_name.is_empty() && self.rest.is_none()
    }

    /// Gives these whole, whatever was said of them.
    pub(super) fn give_full(&mut self, names: &BTreeSet<String>) {
        self.by_name.extend(names.iter().map(|name| (name.clone(), Give::Full)));
    }

    /// Takes what another says of classes of which this one says nothing yet.
    fn add(&mut self, other: &Classes) {
        for (class, give) in &other.by_name {
            // Of two views the one that gives less is right.
            let known = self.by_name.entry(class.clone()).or_insert(*give);
            *known = (*known).min(*give);
        }
        self.rest = match (self.rest, other.rest) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }

    fn read(section: &mut Section<'_, '_>, known: &[&str]) -> Self {
        let mut classes = Self::default();
        let Some(mut table) = section.section("classes") else { return classes };
        for (key, give) in [("full", Give::Full), ("code", Give::Code), ("withheld", Give::Withheld)] {
            for said in table.texts(key) {
                let class = said.value.as_str();
                if class != ANY && !known.contains(&class) {
                    let hint = meant(class, known.iter().copied());
                    table.error(said.line, format!("unknown class `{class}`{hint}"));
                }
                let twice = match class {
                    ANY => classes.rest.replace(give).is_some(),
                    _ => classes.by_name.insert(class.to_owned(), give).is_some(),
                };
                if twice {
                    table.error(said.line, format!("class `{class}` is there twice"));
                }
            }
        }
        table.finish();
        classes
    }
}

/// A named list of fields, and what is said of classes beside them.
pub(super) struct View {
    kind: Option<KindName>,
    paths: Vec<Said<Path>>,
    classes: Classes,
    line: usize,
    used: Cell<bool>,
    /// By path: some kind that uses it has it.
    fits: Vec<Cell<bool>>,
}

/// All of them, by name.
pub(super) type Views = BTreeMap<String, View>;

/// Reads the views. One without a kind may be used for several: of its paths each counts for the kinds that have it.
pub(super) fn views(root: &mut Section<'_, '_>, kinds: &Kinds, known: &[&str]) -> Views {
    let mut views = Views::new();
    for mut section in root.sections("view") {
        let name = section.required("name");
        let kind = section.text("kind");
        let tree = kind.as_ref().and_then(|said| kinds.by_name.get(&said.value)).map(|kind| kind.schema.resolved());
        if let Some(said) = kind.as_ref().filter(|said| !kinds.knows(&said.value)) {
            let hint = kinds.hint(&said.value);
            section.error(said.line, format!("a view of nothing: unknown kind `{}`{hint}", said.value));
        }
        let mut paths = Vec::new();
        for said in section.texts("paths") {
            match path_in(&said.value, tree.as_deref()) {
                Ok(path) => paths.push(Said { value: path, line: said.line }),
                Err(message) => section.error(said.line, message),
            }
        }
        let classes = Classes::read(&mut section, known);
        if paths.is_empty() && classes.none() {
            section.error(section.line, "a view of nothing: add `paths` or `classes`");
        }
        let (line, fits) = (section.line, paths.iter().map(|_| Cell::new(kind.is_some())).collect());
        let view = View { kind: kind.map(|said| said.value), paths, classes, line, used: Cell::new(false), fits };
        if let Some(name) = &name
            && views.insert(name.value.clone(), view).is_some()
        {
            section.error(name.line, format!("view `{}` is there twice", name.value));
        }
        section.finish();
    }
    views
}

/// After every line was read: views that none uses, and paths that no kind has.
pub(super) fn unused(views: &Views, findings: &Findings) {
    for (name, view) in views {
        if !view.used.get() {
            findings.warn(FILE, view.line, format!("no line uses the view `{name}`"));
            continue;
        }
        for (path, _) in view.paths.iter().zip(&view.fits).filter(|(_, fits)| !fits.get()) {
            let path_line = path.line;
            findings.error(
                FILE,
                path_line,
                format!("path `{}`: no kind for which `{name}` is used has it", path.value),
            );
        }
    }
}

/// What a line decides.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    /// Every field of no class is given, but for what is withheld.
    pub(super) whole: bool,
    pub(super) given: Vec<Path>,
    pub(super) withheld: Vec<Path>,
    pub(super) classes: Classes,
    /// Classes that nobody is given, whatever a line says.
    pub(super) never: Vec<String>,
}

impl Terms {
    /// What becomes of a class; `None` where nobody has decided.
    pub(super) fn say(&self, class: &str) -> Option<Give> {
        if self.never.iter().any(|never| never == class) { Some(Give::Withheld) } else { self.classes.say(class) }
    }

    /// Reads `give`, `views`, `paths`, `classes` and `withhold` of one line.
    pub(super) fn read(
        section: &mut Section<'_, '_>,
        kind: Option<&str>,
        tree: Option<&Value>,
        views: &Views,
        known: &[&str],
    ) -> Self {
        section.required("give");
        let give = section.word("give", &["whole", "part"]);
        let mut terms = Self { whole: give.as_ref().is_some_and(|said| said.value == "whole"), ..Self::default() };
        let named = section.texts("views");
        for said in &named {
            let Some(view) = views.get(&said.value) else {
                let hint = meant(&said.value, views.keys().map(String::as_str));
                section.error(said.line, format!("there is no view `{}`{hint}", said.value));
                continue;
            };
            view.used.set(true);
            if let (Some(of), Some(kind)) = (&view.kind, kind)
                && of != kind
            {
                section.error(said.line, format!("view `{}` is one of `{of}`", said.value));
            }
            for (path, fits) in view.paths.iter().zip(&view.fits) {
                if tree.is_none_or(|tree| path.value.check(tree).is_ok()) {
                    fits.set(true);
                    terms.given.push(path.value.clone());
                }
            }
            terms.classes.add(&view.classes);
        }
        let paths = |section: &mut Section<'_, '_>, key: &'static str| {
            let said = section.texts(key);
            let read = said.into_iter().map(|said| (said.line, path_in(&said.value, tree)));
            let (good, wrong): (Vec<_>, Vec<_>) = read.partition(|(_, path)| path.is_ok());
            for (line, message) in wrong {
                section.error(line, message.err().unwrap_or_default());
            }
            good.into_iter().filter_map(|(_, path)| path.ok()).collect::<Vec<Path>>()
        };
        terms.given.extend(paths(section, "paths"));
        terms.withheld = paths(section, "withhold");
        let said = Classes::read(section, known);
        // What the line itself says goes before what its views say.
        terms.classes.by_name.extend(said.by_name);
        terms.classes.rest = said.rest.or(terms.classes.rest);
        let named = ["views", "paths", "classes"].iter().any(|key| section.has(key));
        if give.is_some() && !terms.whole && !named {
            section.error(section.line, "`part` of what? add `views`, `paths` or `classes`, or give it `whole`");
        }
        terms
    }
}
