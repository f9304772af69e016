//! The files of a configuration with what several stages need of them: schemas, code tables, mappings, each compiled when it is
//! first asked for. Files that differ from the shipped ones are checked whether or not somebody asks.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::document::{Findings, meant};
use super::folder::Folder;
use crate::codes::Codes;
use crate::mapping::{Origin, Plan};
use crate::schema::{Schema, Schemas};

/// What is being compiled.
pub(super) struct Loaded<'f> {
    pub(super) folder: &'f Folder,
    pub(super) shipped: Folder,
    /// Every code table.
    pub(super) codes: Codes,
    /// Those that are needed when records come.
    pub(super) translating: Arc<Codes>,
    /// Shipped schemas and code tables are as they were: what was shipped with them fits them.
    trusted: bool,
    findings: &'f Findings,
    /// Schemas asked for so far; `None` for one with errors, which are noted.
    compiled: RefCell<BTreeMap<String, Option<Arc<Schema>>>>,
    /// The resolved tree of the last one asked for: codec, mapping and paths of one dialect walk it in turn.
    last: RefCell<Option<Arc<Value>>>,
    /// Schemas, and those that they refer to, that were found without fault.
    passed: RefCell<BTreeSet<String>>,
}

impl<'f> Loaded<'f> {
    /// Reads schemas and code tables. `trust`: a mapping that is as it was shipped is not looked at.
    pub(super) fn read(folder: &'f Folder, trust: bool, findings: &'f Findings) -> Self {
        let shipped = Folder::embedded();
        let mut own = BTreeSet::new();
        for (path, contents) in &folder.files {
            let name = path.strip_prefix("schemas/").and_then(|rest| rest.strip_suffix(".json"));
            // Examples lie beside the schemas and are no schemas.
            let Some(name) = name.filter(|name| !name.starts_with("examples/")) else { continue };
            if shipped.files.get(path) != Some(contents) {
                if let Err(error) = serde_json::from_slice::<Value>(contents) {
                    findings.error(path, error.line(), format!("is not JSON: {error}"));
                }
                own.insert(name.to_owned());
            }
        }
        let codes = code_tables(folder, findings);
        let translating = Arc::new(codes.clone().translating());
        let (compiled, last, passed) = (RefCell::default(), RefCell::default(), RefCell::default());
        let part = |path: &str| path.starts_with("schemas/") || path.starts_with("mappings/codes/");
        let mut files = shipped.files.iter().filter(|(path, _)| part(path));
        let trusted = trust && files.all(|(path, contents)| folder.files.get(path) == Some(contents));
        let loaded = Self { folder, shipped, codes, translating, trusted, findings, compiled, last, passed };
        if !own.is_empty() {
            loaded.load(own);
        }
        loaded
    }

    /// The schema of that name. What is wrong inside it is noted at its own file, once; the error is for the line that
    /// names it.
    pub(super) fn schema(&self, name: &str) -> Result<Arc<Schema>, String> {
        let path = format!("schemas/{name}.json");
        if !self.folder.files.contains_key(&path) {
            return Err(format!("there is no schema `{path}`{}", self.nearest(&path)));
        }
        let known = self.compiled.borrow().get(name).cloned();
        let found = known.unwrap_or_else(|| {
            let compiled = self.compile(name, &path).map(Arc::new);
            self.compiled.borrow_mut().insert(name.to_owned(), compiled.clone());
            compiled
        });
        found.ok_or_else(|| format!("schema `{path}` has errors of its own"))
    }

    fn compile(&self, name: &str, path: &str) -> Option<Schema> {
        if !self.findings.clean(path) {
            return None;
        }
        let schemas = self.load(BTreeSet::from([name.to_owned()]));
        // Held before `schemas` gives it up.
        self.last.replace(schemas.resolved(name));
        match schemas.compile(name) {
            Ok(schema) => Some(schema),
            // A document that `load` left out has its errors noted already.
            Err(_) if !self.findings.clean(path) => None,
            Err(message) => {
                self.findings.error(path, 0, message);
                None
            }
        }
    }

    /// A schema document; `None` where there is none, or none that is JSON, which is noted.
    fn document(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(self.folder.files.get(&format!("schemas/{name}.json"))?).ok()
    }

    /// The documents of those names and all that they refer to, without those that have errors, which are noted: one that
    /// is broken hides no error of another.
    fn load(&self, names: BTreeSet<String>) -> Schemas {
        let mut wanted: Vec<String> = names.iter().cloned().collect();
        let mut trees: BTreeMap<String, Value> = BTreeMap::new();
        while let Some(name) = wanted.pop() {
            if trees.contains_key(&name) {
                continue;
            }
            if let Some(tree) = self.document(&name) {
                refers_to(&tree, &mut wanted);
                trees.insert(name, tree);
            }
        }
        while !trees.is_empty() {
            let passed: Vec<String> =
                self.passed.borrow().iter().filter(|name| !names.contains(*name)).cloned().collect();
            let errors = match Schemas::of(&trees, &passed) {
                Ok(schemas) => {
                    self.passed.borrow_mut().extend(trees.into_keys());
                    return schemas;
                }
                Err(errors) => errors,
            };
            let before = trees.len();
            for (name, message) in errors {
                trees.remove(&name);
                self.findings.error(&format!("schemas/{name}.json"), 0, message);
            }
            if trees.len() == before {
                break;
            }
        }
        Schemas::default()
    }

    /// The mapping of one adapter and kind; errors are noted at the mapping's own lines. One whose files are all as they
    /// were shipped is not looked at again.
    pub(super) fn plan(
        &self,
        adapter: &str,
        kind: &str,
        layers: Vec<(String, Bytes)>,
        (native, shared): (&Arc<Schema>, &Arc<Schema>),
        (sends, receives): (bool, bool),
    ) -> Option<Arc<Plan>> {
        // Where a variant has no column of its own in a code table, that of the adapter it extends stands in.
        let owners = layers.iter().rev().filter_map(|(path, _)| path.split('/').nth(1));
        let bases: Vec<String> = owners.filter(|owner| *owner != adapter).map(str::to_owned).collect();
        let known =
            self.trusted && layers.iter().all(|(path, contents)| self.shipped.files.get(path) == Some(contents));
        let origin = Origin {
            adapter: adapter.to_owned(),
            kind: kind.to_owned(),
            layers,
            native: Arc::clone(native),
            shared: Arc::clone(shared),
            codes: Arc::clone(&self.translating),
            bases,
            sends,
            receives,
        };
        if known {
            return Some(Arc::new(Plan::trusted(origin)));
        }
        match Plan::checked(origin, &self.codes) {
            Ok(plan) => Some(Arc::new(plan)),
            Err(faults) => {
                faults.into_iter().for_each(|fault| self.findings.error(&fault.file, fault.line, fault.message));
                None
            }
        }
    }

    /// A hint at the file that was probably meant.
    pub(super) fn nearest(&self, path: &str) -> String {
        let dir = path.split('/').next().unwrap_or_default();
        let others = self.folder.files.keys().filter(|other| other.split('/').next() == Some(dir));
        let hint = meant(path, others.map(String::as_str));
        if hint.contains("did you mean") { hint } else { String::new() }
    }
}

/// The documents that a schema refers to, by name: `urn:icjs:common:person#/...` is `common/person`.
fn refers_to(tree: &Value, found: &mut Vec<String>) {
    match tree {
        Value::Object(fields) => {
            if let Some(urn) =
                fields.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix("urn:icjs:"))
            {
                let name = urn.split('#').next().unwrap_or_default();
                let parts = name.split(':').filter(|part| !part.bytes().all(|b| b.is_ascii_digit()));
                found.push(parts.collect::<Vec<_>>().join("/"));
            }
            fields.values().for_each(|value| refers_to(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| refers_to(value, found)),
        _ => {}
    }
}

fn code_tables(folder: &Folder, findings: &Findings) -> Codes {
    let mut codes = Codes::default();
    for (path, contents) in &folder.files {
        let Some(name) = path.strip_prefix("mappings/codes/").and_then(|rest| rest.strip_suffix(".csv")) else {
            continue;
        };
        for (line, message) in codes.add(name, contents).err().unwrap_or_default() {
            findings.error(path, line, message);
        }
    }
    codes
}
