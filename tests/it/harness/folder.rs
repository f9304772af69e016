//! A run-time folder made for one test: its systems, keys, routes and two small kinds of the tests' own.
//! `paper` keeps order per case; `order` is liberty by its code (`release`, `remand`, anything unknown), else a paper.
//! Every record names its addressees, so that a test decides who gets what.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::keys::Key;

/// A system that takes part.
#[derive(Clone, Debug)]
pub struct Party {
    pub name: String,
    pub adapter: String,
    pub pillar: String,
    pub offices: Vec<String>,
    /// Where it is pushed to; `None`: it pulls.
    pub push: Option<String>,
    /// More lines for its file, such as `[limits]`.
    pub more: String,
    pub send: Vec<String>,
    pub receive: Vec<String>,
}

impl Party {
    /// A system that reads its feed.
    pub fn pulling(name: &str, pillar: &str, offices: &[&str]) -> Self {
        let kinds = vec!["paper".to_owned(), "order".to_owned()];
        Self {
            name: name.to_owned(),
            adapter: "shared".to_owned(),
            pillar: pillar.to_owned(),
            offices: offices.iter().map(|&office| office.to_owned()).collect(),
            push: None,
            more: "[limits]\nper_second = 100000\nreads_per_hour = 0\nin_flight = 8\n".to_owned(),
            send: kinds.clone(),
            receive: kinds,
        }
    }

    /// A system that is pushed to.
    pub fn pushed(name: &str, pillar: &str, offices: &[&str], url: &str) -> Self {
        Self { push: Some(url.to_owned()), ..Self::pulling(name, pillar, offices) }
    }

    /// The same with an adapter and kinds of its own.
    pub fn speaking(mut self, adapter: &str, send: &[&str], receive: &[&str]) -> Self {
        let owned = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect();
        self.adapter = adapter.to_owned();
        (self.send, self.receive) = (owned(send), owned(receive));
        self
    }

    fn toml(&self) -> String {
        let delivery = match &self.push {
            Some(url) => format!("[push]\nurl = \"{url}\"\ntimeout = \"2s\"\ngive_up_after = \"72h\"\n"),
            None => "[feed]\n".to_owned(),
        };
        format!(
            "name = \"{}\"\nadapter = \"{}\"\npillar = \"{}\"\noffices = {:?}\nsend = {:?}\nreceive = {:?}\n\n[keys]\n\
             jwks_file = \"keys/{}.jwks.json\"\n\n{delivery}\n{}",
            self.name, self.adapter, self.pillar, self.offices, self.send, self.receive, self.name, self.more
        )
    }
}

/// The folder, gone when dropped.
#[derive(Debug)]
pub struct Folder {
    dir: TempDir,
    keys: BTreeMap<String, Key>,
}

impl Folder {
    /// A folder in which `parties` exchange the tests' own kinds.
    pub fn with(parties: &[Party]) -> Self {
        let mut folder = Self { dir: TempDir::with_prefix("icjs-it-").unwrap(), keys: BTreeMap::new() };
        folder.file("config/gateway.toml", SETTINGS);
        // The shipped kinds stay: the shipped adapters speak them.
        folder.file("config/kinds.toml", &format!("{}\n{KINDS}", include_str!("../../../config/kinds.toml")));
        folder.file("schemas/records/paper.json", &schema("paper").to_string());
        folder.file("schemas/records/order.json", &schema("order").to_string());
        folder.file("config/routes.toml", &routes(parties));
        folder.file("config/sharing.toml", &sharing(parties));
        for party in parties {
            folder.join(party);
        }
        folder
    }

    /// A folder in which `parties` exchange the shipped kinds by the shipped routes, sharing lines and tables.
    pub fn shipped(parties: &[Party]) -> Self {
        let mut folder = Self { dir: TempDir::with_prefix("icjs-it-").unwrap(), keys: BTreeMap::new() };
        folder.file("config/gateway.toml", SETTINGS);
        for party in parties {
            folder.join(party);
        }
        folder
    }

    /// Adds (or rewrites) a system's file, with a key of its own if it has none yet.
    pub fn join(&mut self, party: &Party) {
        let key = self.keys.entry(party.name.clone()).or_insert_with(|| Key::new(&format!("{}-1", party.name)));
        let jwks = key.jwks().to_string();
        self.file(&format!("keys/{}.jwks.json", party.name), &jwks);
        self.file(&format!("config/systems/{}.toml", party.name), &party.toml());
    }

    /// Writes one file.
    pub fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A path inside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A system's key.
    pub fn key(&self, system: &str) -> &Key {
        self.keys.get(system).unwrap_or_else(|| panic!("no system {system} in the test's folder"))
    }

    /// Leaves the folder where it is, for a look after a failure.
    pub fn keep(&mut self) -> PathBuf {
        self.dir.disable_cleanup(true);
        self.dir.path().to_owned()
    }
}

/// Listens anywhere, and mends what failed at once rather than in minutes.
const SETTINGS: &str = r#"
[exchange]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[rates]
tokens_per_second = 1000
[dispatch]
poll = "50ms"
retry_base = "50ms"
retry_cap = "1s"
liberty_retry_cap = "1s"
breaker_pause = "500ms"
"#;

const KINDS: &str = r#"
[[kind]]
name = "paper"
title = "Paper"
title_hi = "पत्र"
lane = "papers"
schema = "records/paper"
cases = ["fir:case.fir", "cnr:case.cnr"]

[[kind]]
name = "order"
title = "Order"
title_hi = "आदेश"
lane = "papers"
schema = "records/order"
cases = ["fir:case.fir", "cnr:case.cnr"]
persons = ["pid:person.pid"]
lane_code = { path = "order.kind.code", liberty = ["release", "remand"], unknown = "liberty" }
"#;

fn pillars(parties: &[Party]) -> Vec<&str> {
    let mut pillars: Vec<&str> = parties.iter().map(|party| party.pillar.as_str()).collect();
    pillars.sort_unstable();
    pillars.dedup();
    pillars
}

fn routes(parties: &[Party]) -> String {
    let mut text = String::new();
    for kind in ["paper", "order"] {
        for pillar in pillars(parties) {
            writeln!(text, "[[route]]\nname = \"{kind}-to-{pillar}\"\nkind = \"{kind}\"\nto = \"{pillar}\"").unwrap();
            // A route counts only where the record names an office of its pillar: else every record would
            // also be a delivery without an office.
            writeln!(text, "office = [\"addressee\"]\n").unwrap();
        }
    }
    text
}

fn sharing(parties: &[Party]) -> String {
    let mut text = String::new();
    for kind in ["paper", "order"] {
        for pillar in pillars(parties) {
            writeln!(text, "[[share]]\nkind = \"{kind}\"\nto = \"{pillar}\"\ngive = \"whole\"\n").unwrap();
        }
    }
    text
}

/// The shared schema of a kind of the tests' own: the common header, a note, and for `order` its code and person.
fn schema(kind: &str) -> Value {
    let text = json!({"type": "string", "maxLength": 200_000});
    let fir = object(json!({"station": text, "year": {"type": "integer"}, "serial": {"type": "integer"}, "raw": text}));
    let value = object(json!({"value": text, "raw": text}));
    let coded = object(json!({"code": {"type": ["string", "null"], "maxLength": 60}, "label": text,
        "raw": object(json!({"table": text, "value": text}))}));
    let mut attachment = object(json!({"sha256": text, "size": {"type": "integer"}, "media_type": text, "name": text,
        "role": text, "sensitivity": text}));
    attachment["required"] = json!(["sha256", "size"]);
    let mut properties = json!({
        "office": text,
        "to": {"type": "array", "maxItems": 16, "items": text},
        "event": object(json!({"number": text, "occurred_at": text, "recorded_at": text, "entry": text})),
        "case": object(json!({"fir": fir, "cnr": value})),
        "attachments": {"type": "array", "maxItems": 16, "items": attachment},
        "note": text,
        "filler": text,
        "extensions": {"$ref": "urn:icjs:common:header#/$defs/extensions"},
    });
    if kind == "order" {
        properties["order"] = object(json!({"kind": coded}));
        properties["person"] = object(json!({"pid": text}));
    }
    let mut schema = object(properties);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!(format!("urn:icjs:records:{kind}:1"));
    schema["title"] = json!(kind);
    schema["required"] = json!(["office", "case"]);
    schema
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties, "unevaluatedProperties": false})
}

/// A paper of a case (FIR serial at one station), to some offices.
pub fn paper(office: &str, to: &[&str], case: u32, note: &str) -> Value {
    json!({"office": office, "to": to, "event": {"occurred_at": "2026-11-22T10:30:00+05:30", "entry": "live"},
        "case": {"fir": {"station": "38101004", "year": 2026, "serial": case}}, "note": note})
}

/// An order over a person in a case.
pub fn order(office: &str, to: &[&str], case: u32, person: u32, code: &str, note: &str) -> Value {
    let mut order = paper(office, to, case, note);
    order["order"] = json!({"kind": {"code": code, "label": code, "raw": {"table": "order", "value": code}}});
    order["person"] = json!({"pid": format!("DL01-{person:05}")});
    order
}

#[test]
fn the_folder_of_the_tests_passes_the_check() {
    let folder = Folder::with(&[
        Party::pulling("police-a", "police", &["ps:38101004"]),
        Party::pushed("court-a", "courts", &["court:DLCT01"], "http://127.0.0.1:9/"),
        Party::pushed("prison-a", "prisons", &["prison:DL01"], "http://127.0.0.1:9/"),
    ]);
    let output = super::Gateway::command(&folder).arg("check").output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
}
