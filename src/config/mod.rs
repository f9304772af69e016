//! Configuration as numbered, checked revisions: from a folder's files to what the gateway runs by.
//! `Settings` (gateway.toml) belongs to one node and needs a restart; everything else is a `Revision` and goes live at once.
//! Strict: unknown keys are errors, every error is listed with file and line, and nothing with an error ever runs.

pub mod folder;
pub mod settings;
pub mod document;

pub use folder::Folder;
pub use settings::Settings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use icjs_kit::Codec;

use crate::identifiers::{CaseKey, KindName, OfficeId, SystemName};
use crate::journal::{How, Lane, OutcomeWord, Snapshot};
use crate::mapping::Plan;
use crate::schema::Schema;

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ConfigError {
    /// Path relative to the folder.
    pub file: String,
    /// From 1; 0 where no line can be named.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

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
    /// The files it was made of.
    pub folder: Arc<Folder>,
}

/// A record kind.
#[derive(Debug)]
pub struct Kind {
    /// Such as `charge-sheet`.
    pub name: KindName,
    /// English and Hindi.
    pub title: (String, String),
    /// Where order matters.
    pub lane: Lane,
    /// The shared schema, compiled.
    pub schema: Arc<Schema>,
}

/// What a record says of itself, read from its shared form by the paths that `kinds.toml` names.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Case keys.
    pub cases: Vec<CaseKey>,
    /// Person references, `pid/…` and `nfn/…`.
    pub persons: Vec<String>,
    /// The sending office, where the body says it.
    pub from: Option<OfficeId>,
    /// Addressees named in it.
    pub to: Vec<OfficeId>,
    /// Links that it brings: type, from, to.
    pub links: Vec<crate::journal::NewLink>,
    /// Attachments it names (SHA-256).
    pub attachments: Vec<crate::journal::Digest>,
    /// When it happened.
    pub occurred_at: Option<crate::clock::Timestamp>,
    /// When the sender wrote it down.
    pub recorded_at: Option<crate::clock::Timestamp>,
    /// `live` where it says nothing.
    pub entry: String,
    /// Liberty or the kind's own lane, by the record's code.
    pub lane: Option<Lane>,
}

/// A party with credentials, an adapter and a delivery mode.
#[derive(Debug)]
pub struct System {
    /// Its name, which is its `client_id`.
    pub name: SystemName,
    /// Its adapter.
    pub adapter: String,
    /// `police`, `courts`, `prisons`, `forensics`, `prosecution`, `fingerprints`, `agency`, ...
    pub pillar: String,
    /// The offices it serves.
    pub offices: Vec<OfficeId>,
    /// Kinds it may send.
    pub send: Vec<KindName>,
    /// Kinds it receives (outcomes always).
    pub receive: Vec<KindName>,
    /// Public keys (RFC 7517 JSON Web Key Set) for `private_key_jwt`.
    pub jwks: serde_json::Value,
    /// Push settings; `None`: it pulls.
    pub push: Option<Push>,
    /// Its limits.
    pub limits: SystemLimits,
}

/// How a system is pushed to.
#[derive(Debug, Clone)]
pub struct Push {
    /// Where.
    pub url: String,
    /// For connect and answer together.
    pub timeout: Duration,
    /// Counted from the first answer given to a delivery; then it is parked.
    pub give_up_after: Duration,
    /// Secret for `v1` HMAC signatures, where configured.
    pub hmac_secret: Option<Vec<u8>>,
}

/// A system's limits.
#[derive(Debug, Clone, Copy)]
pub struct SystemLimits {
    /// Requests a second.
    pub per_second: u32,
    /// Pushes at once.
    pub in_flight: usize,
}

/// How one kind of system speaks.
#[derive(Debug)]
pub struct Adapter {
    /// Its folder's name.
    pub name: String,
    /// The pillar it is made for.
    pub pillar: String,
    /// Per kind.
    pub dialects: BTreeMap<KindName, Dialect>,
    /// How push answers are judged.
    pub verdicts: Verdicts,
}

/// How an adapter speaks one kind.
#[derive(Debug)]
pub struct Dialect {
    /// Wire format.
    pub codec: Arc<dyn Codec>,
    /// Native schema; `None` where the native form is the shared one.
    pub native: Option<Arc<Schema>>,
    /// Mapping; `None` where the native form is the shared one.
    pub plan: Option<Arc<Plan>>,
    /// JSON Pointer into the native tree of the sender's own event number.
    pub event_number: Option<String>,
    /// The system of this adapter may send it.
    pub sends: bool,
    /// ... may receive it.
    pub receives: bool,
    /// A shipped example (path in the folder).
    pub examples: Vec<String>,
}

/// How a push answer is judged: tables over status and body of the answer.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// In order; the first that matches decides.
    pub rules: Vec<VerdictRule>,
}

/// One line of an adapter's verdict table.
#[derive(Debug)]
pub struct VerdictRule {
    /// HTTP statuses, empty for any.
    pub status: Vec<u16>,
    /// An XPath-like element path or JSON Pointer into the answer's body that must equal `value`.
    pub field: Option<(String, String)>,
    /// What it means.
    pub verdict: Judged,
    /// Where the receiver's own number stands: (scheme, path).
    pub reference: Option<(String, String)>,
    /// Where the reason stands.
    pub reason: Option<String>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// An outcome.
    Outcome(OutcomeWord),
    /// Try again.
    Again,
}

/// A route: which receivers a kind has.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// For which kind.
    pub kind: KindName,
    /// To which pillar.
    pub to: String,
    /// Hold the lane on rejection.
    pub park_on_reject: bool,
}

/// Who may see what.
#[derive(Debug, Default)]
pub struct Sharing {}

/// Where a record goes, before the journal gives it waits.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Office; `None`: parked with `code`.
    pub office: Option<OfficeId>,
    /// System; empty when unknown.
    pub system: SystemName,
    /// Push or feed.
    pub how: How,
    /// `no-route`, `no-office`, `ambiguous-office`, `not-permitted`.
    pub code: Option<String>,
    /// Held until its route's condition is true; with the deadline from acceptance.
    pub hold: Option<Duration>,
    /// Which route, step and row decided.
    pub why: String,
    /// See `Route`.
    pub park_on_reject: bool,
}

/// What a receiver may see of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Permitted {
    /// The shared form without what is withheld.
    pub tree: serde_json::Value,
    /// Shared paths that were withheld and held something.
    pub withheld: Vec<String>,
}

impl Revision {
    /// Compiles a folder. Every error of every file is listed.
    pub fn compile(number: u64, folder: Folder) -> Result<Self, Vec<ConfigError>> {
        let _ = (number, folder);
        todo!("config helper")
    }
    /// The system that serves an office.
    pub fn serving(&self, office: &OfficeId) -> Option<&System> {
        let _ = office;
        todo!("config helper")
    }
    /// How `system` speaks `kind`.
    pub fn dialect(&self, system: &System, kind: &str) -> Option<&Dialect> {
        self.adapters.get(&system.adapter)?.dialects.get(kind)
    }
    /// What a record says of itself.
    pub fn facts(&self, kind: &str, shared: &serde_json::Value) -> Facts {
        let _ = (kind, shared);
        todo!("config helper")
    }
    /// Where a record goes. Pure: record, this revision, and what was known at one moment. Never fails: what cannot be
    /// decided is a destination with a code.
    pub fn route(&self, kind: &str, shared: &serde_json::Value, facts: &Facts, known: &Snapshot) -> Vec<Destination> {
        let _ = (kind, shared, facts, known);
        todo!("config helper")
    }
    /// What `system` may see of it; `None` where its sharing rule gives nothing (`not-permitted`).
    /// Extensions of other systems are always removed; withholding is listed.
    pub fn permit(&self, kind: &str, system: &System, sender: &str, shared: serde_json::Value) -> Option<Permitted> {
        let _ = (kind, system, sender, shared);
        todo!("config helper")
    }
}
