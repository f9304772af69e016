//! `config/systems/*.toml`: the parties, each with its keys, its offices, what it sends and receives, and how it is reached.
//! Checked against kinds, adapters and reference tables here; an office that two systems serve is refused.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::adapters::Adapter;
use super::document::{Document, Findings, Said, Section, meant};
use super::folder::Folder;
use super::kinds::{Kinds, good_name};
use super::officers::{self, Officers};
use super::reference::Reference;
use super::settings::ReadLimits;
use super::trust::{self, Trust};
use super::watched::{self, Watched};
use crate::identifiers::{KindName, OfficeId, SystemName};

/// Where systems are configured.
pub const DIR: &str = "config/systems/";

/// Pillars, and the classes of the offices of each.
pub const PILLARS: [(&str, &[&str]); 9] = [
    ("police", &["ps"]),
    ("agency", &["agency"]),
    ("courts", &["court"]),
    ("jjb", &["jjb"]),
    ("prisons", &["prison"]),
    ("child-home", &["home"]),
    ("forensics", &["lab"]),
    ("prosecution", &["pp"]),
    ("fingerprints", &["nafis"]),
];

/// For connect and answer together, where a system's file says nothing.
const PUSH_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that a push may be waited for; shorter than a worker's lease.
const PUSH_TIMEOUT_MOST: Duration = Duration::from_secs(45);
/// Three days: a long weekend without staff at the other end.
const GIVE_UP_AFTER: Duration = Duration::from_secs(72 * 3600);

/// A party with credentials, an adapter and a delivery mode.
#[derive(Debug)]
pub struct System {
    /// Its name, which is its `client_id`.
    pub name: SystemName,
    /// Its adapter.
    pub adapter: String,
    /// One of `PILLARS`.
    pub pillar: String,
    /// The offices it serves.
    pub offices: Vec<OfficeId>,
    /// Kinds it may send.
    pub send: Vec<KindName>,
    /// Kinds it receives (outcomes always).
    pub receive: Vec<KindName>,
    /// Public keys (RFC 7517 JSON Web Key Set) for `private_key_jwt`.
    pub jwks: Value,
    /// By what it is known beside them.
    pub trust: Trust,
    /// Push settings; `None`: it pulls, or has a folder.
    pub push: Option<Push>,
    /// It reads and writes files, which the gateway looks after.
    pub folder: Option<Watched>,
    /// What its officers must show.
    pub officers: Officers,
    /// Aadhaar numbers in its records are masked for everybody, not refused.
    pub seals_aadhaar: bool,
    /// Its limits.
    pub limits: SystemLimits,
}

/// How a system is pushed to.
#[derive(Clone)]
pub struct Push {
    /// Where.
    pub url: String,
    /// For connect and answer together.
    pub timeout: Duration,
    /// Counted from the first answer given to a delivery; then it is parked.
    pub give_up_after: Duration,
    /// Secret for `v1` HMAC signatures, where configured. Read from `hmac_secret_file` by the node, never stored.
    pub hmac_secret: Option<Vec<u8>>,
    /// Where that secret lies, relative to the folder.
    pub hmac_secret_file: Option<String>,
}

impl std::fmt::Debug for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let secret = self.hmac_secret.as_ref().map(|_| "(hidden)");
        f.debug_struct("Push")
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .field("hmac_secret", &secret)
            .finish()
    }
}

/// A system's limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLimits {
    /// Requests a second; 0: as the node's settings say.
    pub per_second: u32,
    /// Pushes at once.
    pub in_flight: usize,
    /// What the system may look at within an hour; `None`: as the node's settings say.
    pub reads_per_hour: Option<u32>,
    /// What one of its officers may.
    pub officer_reads_per_hour: Option<u32>,
}

impl SystemLimits {
    /// What may be looked at within an hour, with what the node's settings say where the system's file does not.
    pub fn reads(&self, usual: ReadLimits) -> ReadLimits {
        ReadLimits {
            system: self.reads_per_hour.unwrap_or(usual.system),
            officer: self.officer_reads_per_hour.unwrap_or(usual.officer),
        }
    }
}

/// What systems are checked against.
pub(super) struct Known<'k> {
    pub(super) folder: &'k Folder,
    pub(super) kinds: &'k Kinds,
    pub(super) adapters: &'k BTreeMap<String, Adapter>,
    /// Adapters that are there but have errors: not unknown.
    pub(super) broken: &'k [String],
    pub(super) reference: &'k Reference,
}

/// All systems, and who serves each office.
#[derive(Debug, Default)]
pub(super) struct Systems {
    pub(super) by_name: BTreeMap<SystemName, System>,
    pub(super) serving: HashMap<OfficeId, SystemName>,
    /// Every name that is there, with errors or without.
    pub(super) named: Vec<SystemName>,
}

pub(super) fn compile(known: &Known<'_>, findings: &Findings) -> Systems {
    let mut systems = Systems::default();
    for (path, contents) in known.folder.files.range(DIR.to_owned()..) {
        let Some(stem) = path.strip_prefix(DIR).and_then(|rest| rest.strip_suffix(".toml")) else {
            if path.starts_with(DIR) {
                continue;
            }
            break;
        };
        systems.named.push(stem.to_owned());
        let Some(document) = Document::parse(path, contents, findings) else { continue };
        let mut root = document.section("a system's file", findings);
        let system = one(&mut root, stem, known, &mut systems.serving);
        root.finish();
        if let Some(system) = system {
            systems.by_name.insert(system.name.clone(), system);
        }
    }
    shared_folders(&systems, findings);
    trust::distinct(systems.by_name.iter().map(|(name, system)| (name, &system.trust)), findings);
    systems
}

/// Two systems in one folder, or one below another's, would take each other's files.
fn shared_folders(systems: &Systems, findings: &Findings) {
    let mut known: Vec<(&Path, &str)> = Vec::new();
    for (name, system) in &systems.by_name {
        let Some(folder) = &system.folder else { continue };
        let meets = |(path, _): &&(&Path, &str)| folder.path.starts_with(path) || path.starts_with(&folder.path);
        if let Some((_, other)) = known.iter().find(meets) {
            let message = format!(
                "`path` of [folder] is that of `{other}`, or one lies in the other; each system has a folder of its own"
            );
            findings.error(&format!("{DIR}{name}.toml"), 0, message);
        }
        known.push((&folder.path, name));
    }
}

fn one(
    root: &mut Section<'_, '_>,
    stem: &str,
    known: &Known<'_>,
    serving: &mut HashMap<OfficeId, SystemName>,
) -> Option<System> {
    let name = root.required("name");
    if let Some(said) = &name {
        if said.value != stem {
            root.error(
                said.line,
                format!("`name` is `{}` in a file called `{stem}.toml`; they must agree", said.value),
            );
        } else if !good_name(stem) {
            root.error(said.line, format!("`{stem}` is no name for a system; use small letters, digits and `-`"));
        }
    }
    let adapter = adapter(root, known);
    let pillar = pillar(root);
    let offices = offices(root, known, pillar.as_deref());
    claim(root, stem, &offices, serving);
    let speaks = adapter.as_ref().and_then(|name| known.adapters.get(name));
    let send = kinds(root, "send", known, speaks);
    let receive = kinds(root, "receive", known, speaks);
    let mut trust = Trust::default();
    let issued = root.has("issuer");
    let jwks = root.section("keys").and_then(|mut keys| {
        trust.of_keys(&mut keys);
        let elsewhere = (keys.has("jwks_url") || issued) && !keys.has("jwks_file");
        let jwks = if elsewhere { Some(no_keys()) } else { jwks(&mut keys, known.folder) };
        keys.finish();
        jwks
    });
    if let Some(mut section) = root.section("issuer") {
        trust.of_issuer(&mut section);
        section.finish();
    }
    let folder = root.section("folder").and_then(|mut section| {
        let folder = watched::read(&mut section, &send);
        section.finish();
        folder
    });
    // Who has a folder never calls, and who is known by an issuer's tokens needs no keys here.
    let keyless = !root.has("keys") && (root.has("folder") || issued);
    if !root.has("keys") && !keyless {
        root.error(root.line, "[keys] is missing; it names the system's public keys (`jwks_file`)");
    }
    let jwks = if keyless { Some(no_keys()) } else { jwks };
    let push = delivery_mode(root);
    let has_keys = root.has("keys");
    let officers = root.section("officers").map(|mut section| {
        let officers = officers::read(&mut section, has_keys, folder.is_some());
        section.finish();
        officers
    });
    let seals_aadhaar = aadhaar(root);
    let limits = limits(root);
    Some(System {
        name: name?.value,
        adapter: adapter?,
        pillar: pillar?,
        offices: offices.into_iter().map(|said| said.value).collect(),
        send,
        receive,
        jwks: jwks?,
        trust,
        push: push?,
        folder,
        officers: officers.unwrap_or_default(),
        seals_aadhaar,
        limits,
    })
}

fn adapter(root: &mut Section<'_, '_>, known: &Known<'_>) -> Option<String> {
    let said = root.required("adapter")?;
    if !known.adapters.contains_key(&said.value) && !known.broken.contains(&said.value) {
        let names = known.adapters.keys().chain(known.broken.iter()).map(String::as_str);
        root.error(said.line, format!("unknown adapter `{}`{}", said.value, meant(&said.value, names)));
    }
    Some(said.value)
}

/// `pillar`, which must be one that exists.
pub(super) fn pillar(section: &mut Section<'_, '_>) -> Option<String> {
    let words: Vec<&str> = PILLARS.iter().map(|(name, _)| *name).collect();
    if !section.has("pillar") {
        section.error(section.line, format!("`pillar` is missing; pillars are `{}`", words.join("`, `")));
    }
    let said = section.text("pillar")?;
    if !words.contains(&said.value.as_str()) {
        section.error(said.line, format!("unknown pillar `{}`{}", said.value, meant(&said.value, words.into_iter())));
        return None;
    }
    Some(said.value)
}

/// `aadhaar`: whether the system's Aadhaar numbers are sealed.
fn aadhaar(root: &mut Section<'_, '_>) -> bool {
    let Some(said) = root.text("aadhaar") else { return false };
    if !["refuse", "seal"].contains(&said.value.as_str()) {
        let hint = meant(&said.value, ["refuse", "seal"].into_iter());
        root.error(said.line, format!("`aadhaar` is `{}`; it is `refuse` or `seal`{hint}", said.value));
    }
    said.value == "seal"
}

fn offices(root: &mut Section<'_, '_>, known: &Known<'_>, pillar: Option<&str>) -> Vec<Said<OfficeId>> {
    if root.is_table("offices") {
        return offices_by_reference(root, known.reference);
    }
    if !root.has("offices") {
        root.error(
            root.line,
            "`offices` is missing; list the offices that the system serves, such as `[\"ps:38101004\"]`",
        );
    }
    let classes = PILLARS.iter().find(|(name, _)| Some(*name) == pillar).map(|(_, classes)| *classes);
    let mut offices: Vec<Said<OfficeId>> = Vec::new();
    for said in root.texts("offices") {
        match OfficeId::parse(&said.value) {
            Ok(office) => {
                if let Some(classes) = classes.filter(|classes| !classes.contains(&office.class())) {
                    let pillar = pillar.unwrap_or_default();
                    let right = classes.join(":` or `");
                    root.error(
                        said.line,
                        format!("office `{office}` is no office of the pillar `{pillar}`; those begin with `{right}:`"),
                    );
                }
                offices.push(Said { value: office, line: said.line });
            }
            Err(message) => root.error(said.line, message),
        }
    }
    offices
}

fn offices_by_reference(root: &mut Section<'_, '_>, reference: &Reference) -> Vec<Said<OfficeId>> {
    let Some(mut table) = root.section("offices") else { return Vec::new() };
    let named = table.required("reference");
    let state = table.text("state").map(|said| said.value).unwrap_or_default();
    table.finish();
    let Some(named) = named else { return Vec::new() };
    if !reference.has_list(&named.value) {
        root.error(named.line, format!("there is no reference table `config/reference/{}.csv`", named.value));
        return Vec::new();
    }
    let found = reference.offices(&named.value, &state);
    if found.is_empty() {
        root.error(named.line, format!("`{}` has no office of State `{state}`", named.value));
    }
    found.into_iter().map(|value| Said { value, line: named.line }).collect()
}

fn claim(
    root: &Section<'_, '_>,
    system: &str,
    offices: &[Said<OfficeId>],
    serving: &mut HashMap<OfficeId, SystemName>,
) {
    for Said { value, line } in offices {
        match serving.insert(value.clone(), system.to_owned()) {
            Some(other) if other != system => {
                root.error(*line, format!("office `{value}` is served by `{other}` already; an office has one system"));
            }
            Some(_) => root.error(*line, format!("office `{value}` is listed twice")),
            None => {}
        }
    }
}

fn kinds(root: &mut Section<'_, '_>, key: &'static str, known: &Known<'_>, adapter: Option<&Adapter>) -> Vec<KindName> {
    let mut kinds = Vec::new();
    for said in root.texts(key) {
        if !known.kinds.knows(&said.value) {
            let hint = known.kinds.hint(&said.value);
            root.error(said.line, format!("unknown kind `{}` in `{key}`{hint}", said.value));
            continue;
        }
        if let Some(adapter) = adapter.filter(|_| known.kinds.by_name.contains_key(&said.value)) {
            let dialect = adapter.dialects.get(&said.value);
            let allowed = dialect.is_some_and(|dialect| if key == "send" { dialect.sends } else { dialect.receives });
            if !allowed && !adapter.broken_kinds.contains(&said.value) {
                let name = &adapter.name;
                root.error(
                    said.line,
                    format!(
                        "adapter `{name}` does not {key} `{}`; see [kind.{}] in `adapters/{name}/adapter.toml`",
                        said.value, said.value
                    ),
                );
            }
        }
        if kinds.contains(&said.value) {
            root.error(said.line, format!("`{}` is listed twice in `{key}`", said.value));
        }
        kinds.push(said.value);
    }
    kinds
}

fn no_keys() -> Value {
    serde_json::json!({ "keys": [] })
}

fn jwks(keys: &mut Section<'_, '_>, folder: &Folder) -> Option<Value> {
    let said = keys.required("jwks_file")?;
    let path = &said.value;
    let Some(contents) = folder.files.get(path) else {
        let hint = if path.starts_with("keys/") && path.ends_with(".jwks.json") {
            format!("there is no file `{path}`")
        } else {
            format!("`{path}` is no key file of a configuration; these are called `keys/<system>.jwks.json`")
        };
        keys.error(said.line, hint);
        return None;
    };
    let wrong = |line: usize, message: String| {
        keys.error(
            said.line,
            format!("`{path}`{}: {message}", if line > 0 { format!(" line {line}") } else { String::new() }),
        );
        None
    };
    let tree: Value = match serde_json::from_slice(contents) {
        Ok(tree) => tree,
        Err(error) => return wrong(error.line(), "is not JSON".to_owned()),
    };
    let Some(list) = tree.get("keys").and_then(Value::as_array).filter(|list| !list.is_empty()) else {
        return wrong(0, "has no `keys`; a JSON Web Key Set is `{\"keys\": [...]}`".to_owned());
    };
    if list.iter().any(|key| ["d", "p", "q", "k"].iter().any(|secret| key.get(secret).is_some())) {
        return wrong(0, "holds a private key; give the public one only, and make a new pair".to_owned());
    }
    Some(tree)
}

/// `Some(None)` is a feed.
#[expect(clippy::option_option, reason = "outside: read without error; inside: pushed to or not")]
fn delivery_mode(root: &mut Section<'_, '_>) -> Option<Option<Push>> {
    let push = root.section("push");
    if root.has("folder") && (push.is_some() || root.has("feed")) {
        root.error(root.line_of("folder"), "a system has one of [push], [feed] and [folder]");
    } else if root.has("folder") {
        return Some(None);
    }
    if let Some(feed) = root.section("feed") {
        feed.finish();
        if push.is_some() {
            root.error(root.line_of("feed"), "a system has [push] or [feed], not both");
        }
    } else if push.is_none() {
        root.error(root.line, "[push], [feed] or [folder] is missing: how the system gets its records");
        return None;
    }
    let Some(mut section) = push else { return Some(None) };
    let url = section.required("url");
    let timeout = section.duration("timeout").unwrap_or(PUSH_TIMEOUT);
    if timeout.is_zero() || timeout > PUSH_TIMEOUT_MOST {
        section.error(section.line_of("timeout"), "`timeout` must be more than nothing and at most 45s");
    }
    let give_up_after = section.duration("give_up_after").unwrap_or(GIVE_UP_AFTER);
    let hmac_secret_file = section.text("hmac_secret_file").map(|said| said.value);
    section.finish();
    let url = url?;
    if let Some(fault) = super::reach::fault("url", &url.value, "https://cctns.example/inbox") {
        root.error(url.line, fault);
    }
    Some(Some(Push { url: url.value, timeout, give_up_after, hmac_secret: None, hmac_secret_file }))
}

fn limits(root: &mut Section<'_, '_>) -> SystemLimits {
    let mut limits = SystemLimits { in_flight: 8, ..SystemLimits::default() };
    let Some(mut section) = root.section("limits") else { return limits };
    if let Some(said) = section.number("per_second") {
        limits.per_second = u32::try_from(said.value).unwrap_or(u32::MAX);
        if said.value == 0 {
            section.error(said.line, "`per_second` must not be 0");
        }
    }
    if let Some(said) = section.number("in_flight") {
        limits.in_flight = usize::try_from(said.value).unwrap_or(1).clamp(1, 1024);
        if said.value == 0 || said.value > 1024 {
            section.error(said.line, "`in_flight` must be between 1 and 1024");
        }
    }
    limits.reads_per_hour = section.number32("reads_per_hour");
    limits.officer_reads_per_hour = section.number32("officer_reads_per_hour");
    section.finish();
    limits
}
