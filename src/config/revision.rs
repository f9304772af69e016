//! From files to what the gateway runs by. One function, one stage a line; every stage notes what is wrong and goes on, so
//! that all errors of all files are found at once. A revision with an error does not exist.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::ConfigError;
use super::adapters::{self, Adapter, Dialect};
use super::administrators::{self, Administrators};
use super::document::{Findings, meant};
use super::folder::Folder;
use super::kinds::{self, Kind};
use super::loaded::Loaded;
use super::reference::Reference;
use super::routes::{self, Route};
use super::rules::{self, Rules};
use super::sharing::{self, Sharing};
use super::systems::{self, System};
use crate::codes::Codes;
use crate::identifiers::{KindName, OfficeId, SystemName};

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
    /// What never happens, and what raises an alert.
    pub rules: Rules,
    /// Who may call the admin API, and what needs two of them.
    pub administrators: Administrators,
    /// Reference tables.
    pub reference: Reference,
    /// Code tables.
    pub codes: Arc<Codes>,
    /// What is odd and stops nothing.
    pub warnings: Vec<ConfigError>,
    /// The files it was made of, shipped ones among them.
    pub folder: Arc<Folder>,
    serving: HashMap<OfficeId, SystemName>,
}

impl Revision {
    /// Compiles a folder laid over the shipped content. Every error of every file is listed.
    pub fn compile(number: u64, folder: Folder) -> Result<Self, Vec<ConfigError>> {
        Self::compile_exactly(number, folder.over_embedded())
    }

    /// The same with every adapter, shipped ones that no system uses too, and nothing taken on trust: for those who check
    /// and measure, not for those who run.
    pub fn compile_all(folder: Folder) -> Result<Self, Vec<ConfigError>> {
        let folder = folder.over_embedded();
        let name = |path: &String| Some(path.strip_prefix("adapters/")?.strip_suffix("/adapter.toml")?.to_owned());
        let all = folder.files.keys().filter_map(name).collect();
        Self::build(0, folder, &all, false)
    }

    /// Compiles a folder as it is: what a store keeps, which has the shipped content of its day in it.
    pub fn compile_exactly(number: u64, folder: Folder) -> Result<Self, Vec<ConfigError>> {
        let used = adapters_used(&folder);
        Self::build(number, folder, &used, true)
    }

    fn build(number: u64, folder: Folder, adapters: &BTreeSet<String>, trust: bool) -> Result<Self, Vec<ConfigError>> {
        let findings = Findings::default();
        let folder = folder.shared_with(&Folder::embedded());
        findings.extend(folder.faults());
        let (parts, codes) = Parts::read(&folder, adapters, trust, &findings);
        stray_files(&folder, &findings);
        let (errors, warnings) = findings.into_parts();
        if !errors.is_empty() {
            return Err(errors);
        }
        let Parts { kinds, systems, adapters, routes, sharing, rules, administrators, reference } = parts;
        let systems::Systems { by_name: systems, serving, .. } = systems;
        let folder = Arc::new(folder);
        Ok(Self {
            number,
            kinds,
            systems,
            adapters,
            routes,
            sharing,
            rules,
            administrators,
            reference,
            codes,
            warnings,
            folder,
            serving,
        })
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

    /// Whether `receiver` gets a record of `sender` as the bytes that were received, which are of `media_type`: both speak one
    /// wire by one native schema, and a tree holds only a part of its documents.
    pub fn passes_original(&self, kind: &str, (sender, media_type): (&str, &str), receiver: &System) -> bool {
        let from = self.systems.get(sender).and_then(|sender| self.dialect(sender, kind));
        from.zip(self.dialect(receiver, kind)).is_some_and(|(from, to)| {
            let schema = from.native.as_ref().zip(to.native.as_ref()).is_some_and(|(from, to)| Arc::ptr_eq(from, to));
            schema && !to.codec.tree_is_whole() && to.codec.media_type() == media_type
        })
    }
}

/// Every key that was asked for while `folder` was read, with its table: the keys that exist.
#[cfg(test)]
pub(super) fn keys(folder: Folder) -> BTreeSet<(String, String)> {
    let findings = Findings::default();
    let folder = folder.over_embedded();
    Parts::read(&folder, &adapters_used(&folder), false, &findings);
    findings.asked()
}

struct Parts {
    kinds: BTreeMap<KindName, Kind>,
    systems: systems::Systems,
    adapters: BTreeMap<String, Adapter>,
    routes: Vec<Route>,
    sharing: Sharing,
    rules: Rules,
    administrators: Administrators,
    reference: Reference,
}

impl Parts {
    fn read(folder: &Folder, used: &BTreeSet<String>, trust: bool, findings: &Findings) -> (Self, Arc<Codes>) {
        let loaded = Loaded::read(folder, trust, findings);
        let kinds = kinds::compile(&loaded, findings);
        let adapters = adapters::compile(&loaded, &kinds, used, findings);
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
        let rules = rules::compile(folder, &kinds, findings);
        let administrators = administrators::compile(folder, findings);
        let (kinds, adapters) = (kinds.by_name, adapters.by_name);
        let parts = Self { kinds, systems, adapters, routes, sharing, rules, administrators, reference };
        (parts, loaded.translating)
    }
}

/// The adapters that system files name, read loosely: the files are judged later.
fn adapters_used(folder: &Folder) -> BTreeSet<String> {
    let files = folder.files.iter().filter(|(path, _)| path.starts_with(systems::DIR) && path.ends_with(".toml"));
    let texts = files.filter_map(|(_, contents)| std::str::from_utf8(contents).ok());
    let tables = texts.filter_map(|text| text.parse::<toml::Table>().ok());
    tables.filter_map(|table| table.get("adapter").and_then(toml::Value::as_str).map(str::to_owned)).collect()
}

/// Files that nothing reads: a misspelt name would otherwise go unseen.
fn stray_files(folder: &Folder, findings: &Findings) {
    let known = [kinds::FILE, routes::FILE, sharing::FILE, sharing::BY_CASE, rules::FILE, administrators::FILE];
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
