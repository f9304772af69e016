//! Lists of which a receiver sees those items whose case is its own, and of the others only some fields: the cases of a
//! prisoner who is held in several. Pure over a record's shared form.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::document::Section;
use super::super::facts::{CasePath, Path};
use super::super::kinds::case_path;
use super::plan::empty;
use super::{below, path_in};
use crate::identifiers::CaseKey;

/// One list.
#[derive(Debug)]
pub(super) struct OwnCases {
    list: Path,
    /// Where an item says its case.
    cases: Vec<CasePath>,
    /// What stays of another office's case: its number, say.
    keep: BTreeSet<String>,
}

/// Reads `own` of one line. `shape` is the kind's resolved schema.
pub(super) fn read(section: &mut Section<'_, '_>, shape: Option<&Value>) -> Vec<OwnCases> {
    let mut lists = Vec::new();
    for mut own in section.sections("own") {
        let list = own.required("list").and_then(|said| match path_in(&said.value, shape) {
            Ok(path) if repeats(&path) => Some(path),
            Ok(path) => {
                own.error(said.line, format!("`{path}` is no list; write `{path}[]`"));
                None
            }
            Err(message) => {
                own.error(said.line, message);
                None
            }
        });
        let item = list.as_ref().and_then(|list| shape.and_then(|shape| below(shape, &list.steps)));
        let mut cases = Vec::new();
        for said in own.texts("cases") {
            let found = case_path(&own, &said, &said.value, item);
            cases.extend(found.map(|(scheme, path)| CasePath { scheme, path }));
        }
        if cases.is_empty() {
            own.error(own.line, "`cases` is missing: it says where an item has its case, such as `cnr:cnr`");
        }
        let mut keep = BTreeSet::new();
        for said in own.texts("keep") {
            if let Err(message) = path_in(&said.value, item) {
                own.error(said.line, message);
            }
            keep.insert(said.value);
        }
        let needed = item.and_then(|item| item.get("required")).and_then(Value::as_array);
        for name in needed.into_iter().flatten().filter_map(Value::as_str).filter(|name| !keep.contains(*name)) {
            own.error(own.line, format!("every item has `{name}`: add it to `keep`"));
        }
        own.finish();
        lists.extend(list.map(|list| OwnCases { list, cases, keep }));
    }
    lists
}

impl OwnCases {
    /// Leaves of each list what its receiver may see. `own`: the cases for which the receiver gets the record.
    pub(super) fn apply(&self, tree: &mut Value, own: &[CaseKey], withheld: &mut Vec<String>) {
        let known = withheld.clone();
        let mut taken: BTreeSet<String> = BTreeSet::new();
        change(&self.list, tree, &mut |items| {
            items.retain_mut(|item| {
                // Whose case an item is, nobody may guess: one that names none is not the receiver's.
                if self.cases.iter().flat_map(|at| at.keys(item)).any(|key| own.contains(&key)) {
                    return true;
                }
                let Value::Object(fields) = item else { return false };
                let gone = fields.iter().filter(|(name, value)| !self.keep.contains(*name) && !empty(value));
                taken.extend(gone.map(|(name, _)| name.clone()));
                fields.retain(|name, _| self.keep.contains(name));
                !fields.values().all(empty)
            });
        });
        let taken = taken.into_iter().map(|name| format!("{}.{name}", self.list));
        withheld.extend(taken.filter(|path| !known.contains(path)));
    }
}

/// Ends in a list.
fn repeats(path: &Path) -> bool {
    path.steps.last().is_some_and(|(_, repeats)| *repeats)
}

/// Changes every list at a path.
fn change(path: &Path, tree: &mut Value, change: &mut impl FnMut(&mut Vec<Value>)) {
    let Some(((last, _), above)) = path.steps.split_last() else { return };
    within(tree, above, &mut |fields| {
        if let Some(Value::Array(items)) = fields.get_mut(last) {
            change(items);
            if items.is_empty() {
                fields.shift_remove(last);
            }
        }
    });
}

/// Visits every object to which the steps lead.
fn within(tree: &mut Value, steps: &[(String, bool)], visit: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(fields) = tree else { return };
    let Some(((name, repeats), rest)) = steps.split_first() else { return visit(fields) };
    match fields.get_mut(name) {
        Some(Value::Array(items)) if *repeats => items.iter_mut().for_each(|item| within(item, rest, visit)),
        Some(below) if !*repeats => within(below, rest, visit),
        _ => {}
    }
}
