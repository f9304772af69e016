//! From files to what the gateway runs by. One function, one stage a line; every stage notes what is wrong and goes on, so
//! that all errors of all files are found at once. A revision with an error does not exist.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::ConfigError;
use super::adapters::{self, Adapter, Dialect};
use super::document::{Findings, meant};
use super::folder::Folder;
use super::kinds::{self, Kind};
use super::reference::Reference;
use super::routes::{self, Route};
use super::sharing::{self, Sharing};
use super::systems::{self, System};
use crate::codes::Codes;
use crate::identifiers::{KindName, OfficeId, SystemName};
use crate::mapping::Plan;
use crate::schema::{Schema, Schemas};

/// One numbered, checked state of all configuration, compiled.
#[derive(Debug)]
pub struct Revision {
    /// Its number in the store; 0 before it has one.
    pub number: u64,
    /// Record kinds by name.
    pub kinds: BTreeMap<KindName, Kind>,
    /// Systems by name.
    pub systems: BTreeMap<SystemName, System>,
    /// Adapters by name.
    pub adapters: BTreeMap<String, Adapter>,
    /// Routes in file order.
    pub routes: Vec<Route>,
    /// Sharing lines.
    pub sharing: Sharing,
    /// Reference tables.
    pub reference: Reference,
    /// Code tables.
    pub codes: Codes,
    /// What is odd and stops nothing.
    pub warnings: Vec<ConfigError>,
    /// The files it was made of, shipped ones among them.
    pub folder: Arc<Folder>,
    serving: HashMap<OfficeId, SystemName>,
}

/// The files with what several stages need of them: schemas and code tables, read once.
pub(super) struct Loaded<'f> {
    pub(super) folder: &'f Folder,
    pub(super) shipped: Folder,
    findings: &'f Findings,
    schemas: Schemas,
    codes: Codes,
    /// Schemas that are there, with errors or without.
    documents: BTreeSet<String>,
    compiled: RefCell<BTreeMap<String, Option<Arc<Schema>>>>,
}

impl Revision {
    /// Compiles a folder laid over the shipped content. Every error of every file is listed.
    pub fn compile(number: u64, folder: Folder) -> Result<Self, Vec<ConfigError>> {
        Self::compile_exactly(number, folder.over_embedded())
    }

    /// Compiles a folder as it is: what a store keeps, which has the shipped content of its day in it.
    pub fn compile_exactly(number: u64, folder: Folder) -> Result<Self, Vec<ConfigError>> {
        let findings = Findings::default();
        findings.extend(folder.faults());
        let (parts, codes) = Parts::read(&folder, &findings);
        stray_files(&folder, &findings);
        let (errors, warnings) = findings.into_parts();
        if !errors.is_empty() {
            return Err(errors);
        }
        let Parts { kinds, systems, adapters, routes, sharing, reference } = parts;
        let systems::Systems { by_name: systems, serving, .. } = systems;
        let folder = Arc::new(folder);
        Ok(Self { number, kinds, systems, adapters, routes, sharing, reference, codes, warnings, folder, serving })
    }

    /// The system that serves an office.
    pub fn serving(&self, office: &OfficeId) -> Option<&System> {
        self.systems.get(self.serving.get(office)?)
    }

    /// Every office that a system serves.
    pub fn offices(&self) -> impl Iterator<Item = &OfficeId> {
        self.serving.keys()
    }

    /// How `system` speaks `kind`.
    pub fn dialect(&self, system: &System, kind: &str) -> Option<&Dialect> {
        self.adapters.get(&system.adapter)?.dialects.get(kind)
    }
}

struct Parts {
    kinds: BTreeMap<KindName, Kind>,
    systems: systems::Systems,
    adapters: BTreeMap<String, Adapter>,
    routes: Vec<Route>,
    sharing: Sharing,
    reference: Reference,
}

impl Parts {
    fn read(folder: &Folder, findings: &Findings) -> (Self, Codes) {
        let loaded = Loaded::read(folder, findings);
        let kinds = kinds::compile(&loaded, findings);
        let adapters = adapters::compile(&loaded, &kinds, &adapters_used(folder), findings);
        let reference = Reference::compile(folder, findings);
        let known = systems::Known {
            folder,
            kinds: &kinds,
            adapters: &adapters.by_name,
            broken: &adapters.broken,
            reference: &reference,
        };
        let systems = systems::compile(&known, findings);
        let known = routes::Known { folder, kinds: &kinds, serving: &systems.serving };
        let routes = routes::compile(&known, findings);
        let sharing = sharing::compile(folder, &kinds, &systems.named, findings);
        let parts = Self { kinds: kinds.by_name, systems, adapters: adapters.by_name, routes, sharing, reference };
        (parts, loaded.codes)
    }
}

/// The adapters that system files name, read loosely: the files are judged later.
fn adapters_used(folder: &Folder) -> BTreeSet<String> {
    let files = folder.files.iter().filter(|(path, _)| path.starts_with(systems::DIR) && path.ends_with(".toml"));
    let texts = files.filter_map(|(_, contents)| std::str::from_utf8(contents).ok());
    let tables = texts.filter_map(|text| text.parse::<toml::Table>().ok());
    tables.filter_map(|table| table.get("adapter").and_then(toml::Value::as_str).map(str::to_owned)).collect()
}

impl<'f> Loaded<'f> {
    fn read(folder: &'f Folder, findings: &'f Findings) -> Self {
        let mut trees: BTreeMap<String, Value> = BTreeMap::new();
        let mut documents = BTreeSet::new();
        for (path, contents) in &folder.files {
            let name = path.strip_prefix("schemas/").and_then(|rest| rest.strip_suffix(".json"));
            // Examples lie beside the schemas and are no schemas.
            let Some(name) = name.filter(|name| !name.starts_with("examples/")) else { continue };
            documents.insert(name.to_owned());
            match serde_json::from_slice(contents) {
                Ok(tree) => drop(trees.insert(name.to_owned(), tree)),
                Err(error) => findings.error(path, error.line(), format!("is not JSON: {error}")),
            }
        }
        let schemas = load(trees, findings);
        let codes = code_tables(folder, findings);
        let compiled = RefCell::default();
        Self { folder, shipped: Folder::embedded(), findings, schemas, codes, documents, compiled }
    }

    /// The schema of that name. What is wrong inside it is noted at its own file, once; the error is for the line that
    /// names it.
    pub(super) fn schema(&self, name: &str) -> Result<Arc<Schema>, String> {
        let path = format!("schemas/{name}.json");
        if !self.documents.contains(name) {
            return Err(format!("there is no schema `{path}`{}", self.nearest(&path)));
        }
        let mut compiled = self.compiled.borrow_mut();
        let found = compiled.entry(name.to_owned()).or_insert_with(|| {
            if !self.findings.clean(&path) {
                return None;
            }
            match self.schemas.compile(name) {
                Ok(schema) => Some(Arc::new(schema)),
                Err(message) => {
                    self.findings.error(&path, 0, message);
                    None
                }
            }
        });
        found.clone().ok_or_else(|| format!("schema `{path}` has errors of its own"))
    }

    /// The compiled mapping of one adapter and kind; errors are noted at the mapping's own lines.
    pub(super) fn plan(
        &self,
        adapter: &str,
        kind: &str,
        layers: &[(String, &[u8])],
        native: &Schema,
        shared: &Schema,
    ) -> Option<Arc<Plan>> {
        let _ = (adapter, kind, native, shared);
        for (path, _) in layers {
            self.findings.error(path, 0, "mappings cannot be compiled yet");
        }
        None
    }

    /// A hint at the file that was probably meant.
    pub(super) fn nearest(&self, path: &str) -> String {
        let dir = path.split('/').next().unwrap_or_default();
        let others = self.folder.files.keys().filter(|other| other.split('/').next() == Some(dir));
        let hint = meant(path, others.map(String::as_str));
        if hint.contains("did you mean") { hint } else { String::new() }
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

/// The schemas without those that have errors, which are noted: one that is broken hides no error of another.
fn load(mut trees: BTreeMap<String, Value>, findings: &Findings) -> Schemas {
    while !trees.is_empty() {
        let errors = match Schemas::load(trees.clone()) {
            Ok(schemas) => return schemas,
            Err(errors) => errors,
        };
        let before = trees.len();
        for (name, message) in errors {
            trees.remove(&name);
            findings.error(&format!("schemas/{name}.json"), 0, message);
        }
        if trees.len() == before {
            break;
        }
    }
    Schemas::default()
}

/// Files that nothing reads: a misspelt name would otherwise go unseen.
fn stray_files(folder: &Folder, findings: &Findings) {
    let known = [kinds::FILE, routes::FILE, sharing::FILE, "config/rules.toml"];
    for path in folder.files.keys() {
        let config = path.starts_with("config/") && !path.starts_with("config/systems/");
        if config && !path.starts_with("config/reference/") && !path.ends_with(".md") && !known.contains(&path.as_str())
        {
            findings.warn(path, 0, format!("nothing reads this file{}", meant(path, known.into_iter())));
        }
        let adapter = path.strip_prefix("adapters/").and_then(|rest| rest.split_once('/')).map(|(name, _)| name);
        let lost = adapter.filter(|name| !folder.files.contains_key(&format!("adapters/{name}/adapter.toml")));
        if let Some(name) = lost {
            findings.warn(path, 0, format!("nothing reads this file: there is no `adapters/{name}/adapter.toml`"));
        }
    }
}
