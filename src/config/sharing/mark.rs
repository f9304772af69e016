//! `[[mark]]` of `config/sharing.toml`: a class that a field has not by its place in the schema but by what the record says:
//! an accused who is a child, a case with a protected witness. What cannot be evaluated counts as marked.

use std::sync::Arc;

use serde_json::Value;

use super::super::document::Section;
use super::super::facts::Path;
use super::super::kinds::Kinds;
use super::{below, path_in};
use crate::expression::Expression;
use crate::identifiers::KindName;

/// Who is younger is a child (JJ Act 2015, s.2(12)).
const ADULT: u64 = 18;

/// More marks at one place would make a plan of more parts than anybody can read.
pub(super) const MOST_AT_ONE_PLACE: usize = 3;

/// A class by what a record says.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) class: String,
    pub(super) kind: KindName,
    /// The items that are looked at one by one; `None`: the record itself.
    pub(super) item: Option<Path>,
    /// What of the item (or the record) has the class then; empty: all of it.
    pub(super) at: Vec<Path>,
    pub(super) test: Test,
}

/// When it has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Test {
    /// One of these holds true, ...
    marked: Vec<Path>,
    /// ... or one of these years of age below `under`; where there are neither, always, ...
    ages: Vec<Path>,
    under: u64,
    /// ... if this holds for the item ...
    which: Option<Arc<Expression>>,
    /// ... and this for the record.
    when: Option<Arc<Expression>>,
}

impl Test {
    /// Whether something in this record may be marked.
    pub(super) fn holds_for(&self, record: &Value) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds(record).unwrap_or(true))
    }

    /// Whether this item (or record) is marked, where its record is one in which something may be.
    pub(super) fn holds(&self, value: &Value) -> bool {
        let marked = || self.marked.iter().flat_map(|path| path.values(value)).any(|value| value == &Value::Bool(true));
        let young = |value: &Value| value.as_u64().is_some_and(|years| (1..self.under).contains(&years));
        let age = || self.ages.iter().flat_map(|path| path.values(value)).any(young);
        let any = self.marked.is_empty() && self.ages.is_empty();
        (any || marked() || age()) && self.which.as_ref().is_none_or(|which| which.holds(value).unwrap_or(true))
    }
}

/// Reads one mark; with several `items` it is one mark for each.
pub(super) fn read(section: &mut Section<'_, '_>, kinds: &Kinds) -> Vec<Mark> {
    let class = section.required("class");
    let kind = section.required("kind");
    if let Some(said) = kind.as_ref().filter(|said| !kinds.knows(&said.value)) {
        let hint = kinds.hint(&said.value);
        section.error(said.line, format!("a mark on nothing: unknown kind `{}`{hint}", said.value));
    }
    let tree = kind.as_ref().and_then(|said| kinds.by_name.get(&said.value)).map(|kind| kind.schema.resolved());
    let tree = tree.as_deref();
    let mut items: Vec<Option<Path>> = Vec::new();
    for said in section.texts("items") {
        match path_in(&said.value, tree) {
            Ok(path) => items.push(Some(path)),
            Err(message) => section.error(said.line, message),
        }
    }
    if !section.has("items") {
        items.push(None);
    }
    // Paths of one item: the first stands for all, and those of a list of several kinds of items must be alike.
    let first = items.first().cloned().flatten();
    let item = first.as_ref().map_or(tree, |path| tree.and_then(|tree| below(tree, &path.steps)));
    let list = |section: &mut Section<'_, '_>, key: &'static str| {
        let mut paths = Vec::new();
        for said in section.texts(key) {
            match path_in(&said.value, item) {
                Ok(path) => paths.push(path),
                Err(message) => section.error(said.line, message),
            }
        }
        paths
    };
    let (at, marked, ages) = (list(section, "at"), list(section, "marked"), list(section, "age"));
    let under = section.number("under").map_or(ADULT, |said| said.value);
    let condition = |section: &mut Section<'_, '_>, key: &'static str, scope: Option<&Value>| {
        let said = section.text(key)?;
        let compiled = Expression::compile(&said.value, scope);
        compiled.map_err(|message| section.error(said.line, format!("`{key}`: {message}"))).ok().map(Arc::new)
    };
    let (which, when) = (condition(section, "which", item), condition(section, "when", tree));
    if which.is_some() && first.is_none() {
        section.error(section.line_of("which"), "`which` is of items: name them in `items`, or write `when`");
    }
    if !["marked", "age", "which", "when"].iter().any(|key| section.has(key)) {
        section.error(section.line, "a mark without a test: add `marked`, `age`, `which` or `when`");
    }
    if at.is_empty() && !section.has("items") {
        section.error(section.line, "`at` is missing: it says which fields have the class; or name `items`");
    }
    let (Some(class), Some(kind)) = (class, kind) else { return Vec::new() };
    let test = Test { marked, ages, under, which, when };
    let mark =
        |item| Mark { class: class.value.clone(), kind: kind.value.clone(), item, at: at.clone(), test: test.clone() };
    items.into_iter().map(mark).collect()
}
