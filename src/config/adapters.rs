//! `adapters/NAME/adapter.toml`: how one kind of system speaks each record kind, and how its answers are judged.
//! `extends` lays one adapter over another; a dialect is built of a codec, a native schema and a compiled mapping.
//! A shipped adapter that no system uses is not compiled: its own tests have, and every start would pay for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use icjs_kit::Codec;
use icjs_kit::json::JsonCodec;
use icjs_kit::xml::XmlCodec;
use icjs_nafis::NistCodec;

use super::document::{Document, Findings, Said, Section, meant};
use super::facts::Path;
use super::kinds::{Kinds, OUTCOME};
use super::loaded::Loaded;
use super::systems;
use super::verdicts::{self, VerdictRule, Verdicts};
use crate::identifiers::KindName;
use crate::mapping::Plan;
use crate::schema::Schema;

/// Bytes of files inside one document, where the adapter says nothing.
const FILES: u64 = 5 << 20;
/// The most that an adapter may say.
const MOST_FILES: u64 = 32 << 20;
/// The wire formats. A new one that no table can express is a crate under `adapters/`, named here and in `Build::codec`.
const WIRES: [&str; 4] = ["json", "xml", "nist", "shared"];

/// The longest chain of `extends`.
const MOST_BASES: usize = 8;

/// How one kind of system speaks.
#[derive(Debug)]
pub struct Adapter {
    /// Its folder's name.
    pub name: String,
    /// The pillar it is made for, or `any`.
    pub pillar: String,
    /// For people.
    pub title: String,
    /// Per kind; `outcome` always.
    pub dialects: BTreeMap<KindName, Dialect>,
    /// How push answers are judged.
    pub verdicts: Verdicts,
    /// Kinds that it names and that could not be built: the errors are listed elsewhere.
    pub(super) broken_kinds: BTreeSet<KindName>,
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
    /// Attachments stand inside the document, as base64: so many bytes of them in one document at most. `None`: they travel
    /// as links.
    pub files: Option<u64>,
    /// JSON Pointer into the native tree of the sender's own event number.
    pub event_number: Option<String>,
    /// The system of this adapter may send it.
    pub sends: bool,
    /// ... may receive it.
    pub receives: bool,
    /// Examples in the native form (paths in the folder).
    pub examples: Vec<String>,
}

/// One `adapter.toml`, before what it extends is laid under it.
#[derive(Debug, Default, Clone)]
struct Draft {
    file: String,
    name: String,
    pillar: String,
    title: String,
    extends: Option<Said<String>>,
    kinds: BTreeMap<String, KindDraft>,
    verdicts: Vec<VerdictRule>,
    /// The file is the shipped one, unchanged.
    shipped: bool,
}

/// `[kind.NAME]`, each value with the file and line that said it.
#[derive(Debug, Default, Clone)]
struct KindDraft {
    line: usize,
    wire: Option<String>,
    schema: Option<At>,
    /// The mappings to lay over one another, the lowest first.
    mappings: Vec<At>,
    directions: Option<Vec<String>>,
    event_number: Option<At>,
    /// `link` or `base64`.
    attachments: Option<At>,
    cap: Option<u64>,
}

#[derive(Debug, Clone)]
struct At {
    file: String,
    line: usize,
    value: String,
}

/// All adapters, and the names of those that could not be built.
#[derive(Debug, Default)]
pub(super) struct Adapters {
    pub(super) by_name: BTreeMap<String, Adapter>,
    pub(super) broken: Vec<String>,
}

/// Builds every adapter that is in `used` or is not a shipped one.
pub(super) fn compile(loaded: &Loaded<'_>, kinds: &Kinds, used: &BTreeSet<String>, findings: &Findings) -> Adapters {
    let (drafts, mut broken) = drafts(loaded, findings);
    let mut adapters = Adapters::default();
    for draft in drafts.values() {
        let Some(full) = extended(draft, &drafts, findings) else {
            broken.push(draft.name.clone());
            continue;
        };
        let wanted = used.contains(&full.name) || !full.shipped;
        let build = Build { loaded, kinds, findings, draft: &full };
        let (dialects, broken_kinds) = if wanted { build.dialects() } else { (BTreeMap::new(), BTreeSet::new()) };
        let verdicts = Verdicts { rules: full.verdicts.clone() };
        let Draft { name, pillar, title, .. } = full;
        let adapter = Adapter { name: name.clone(), pillar, title, dialects, verdicts, broken_kinds };
        adapters.by_name.insert(name, adapter);
    }
    adapters.broken = broken;
    adapters
}

fn drafts(loaded: &Loaded<'_>, findings: &Findings) -> (BTreeMap<String, Draft>, Vec<String>) {
    let mut drafts = BTreeMap::new();
    let mut broken = Vec::new();
    for (path, contents) in &loaded.folder.files {
        let name = path.strip_prefix("adapters/").and_then(|rest| rest.strip_suffix("/adapter.toml"));
        let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
        let Some(document) = Document::parse(path, contents, findings) else {
            broken.push(name.to_owned());
            continue;
        };
        let mut root = document.section("an adapter's file", findings);
        let mut draft = draft(&mut root, path, name);
        root.finish();
        draft.shipped = loaded.shipped.files.get(path) == Some(contents);
        drafts.insert(name.to_owned(), draft);
    }
    (drafts, broken)
}

fn draft(root: &mut Section<'_, '_>, path: &str, folder: &str) -> Draft {
    let mut draft = Draft { file: path.to_owned(), name: folder.to_owned(), ..Draft::default() };
    if let Some(said) = root.required("name").filter(|said| said.value != folder) {
        root.error(said.line, format!("`name` is `{}` in the folder `{folder}`; they must agree", said.value));
    }
    draft.title = root.text("title").map(|said| said.value).unwrap_or_default();
    draft.extends = root.text("extends");
    let any = root.text("pillar").is_some_and(|said| said.value == "any");
    if any {
        draft.pillar = "any".to_owned();
    } else if root.has("pillar") || draft.extends.is_none() {
        draft.pillar = systems::pillar(root).unwrap_or_default();
    }
    for (kind, mut section) in root.named("kind") {
        let read = kind_draft(&mut section, path, kind.line);
        section.finish();
        draft.kinds.insert(kind.value, read);
    }
    for mut section in root.sections("verdict") {
        draft.verdicts.extend(verdicts::read(&mut section));
        section.finish();
    }
    draft
}

fn kind_draft(section: &mut Section<'_, '_>, file: &str, line: usize) -> KindDraft {
    let at = |said: Said<String>| At { file: file.to_owned(), line: said.line, value: said.value };
    let wire = section.word("wire", &WIRES).map(|said| said.value);
    let schema = section.text("schema").map(at);
    let mappings = section.text("mapping").map(at).into_iter().collect();
    let mut directions = section.has("direction").then(Vec::new);
    for said in section.texts("direction") {
        if said.value != "send" && said.value != "receive" {
            section.error(
                said.line,
                format!("`direction` is `{}`{}", said.value, meant(&said.value, ["send", "receive"].into_iter())),
            );
        }
        directions.get_or_insert_default().push(said.value);
    }
    let event_number = section.text("event_number").map(at);
    let attachments = section.word("attachments", &["link", "base64"]).map(at);
    let cap = section.size("cap");
    if cap.is_some_and(|cap| cap == 0 || cap > MOST_FILES) {
        section.error(
            section.line_of("cap"),
            "`cap` must be more than nothing and at most 32 MiB: a document is held in memory",
        );
    }
    KindDraft { line, wire, schema, mappings, directions, event_number, attachments, cap }
}

/// The adapter with everything it extends laid under it. `None` where a base is missing or the chain is a ring.
fn extended(draft: &Draft, drafts: &BTreeMap<String, Draft>, findings: &Findings) -> Option<Draft> {
    let mut chain = vec![draft];
    while let Some(base) = chain.last().and_then(|last| last.extends.as_ref()) {
        let Some(found) = drafts.get(&base.value) else {
            let hint = meant(&base.value, drafts.keys().map(String::as_str));
            findings.error(&draft.file, base.line, format!("extends the unknown adapter `{}`{hint}", base.value));
            return None;
        };
        if chain.iter().any(|seen| seen.name == found.name) || chain.len() > MOST_BASES {
            findings.error(&draft.file, base.line, format!("extends `{}`, which leads back here", base.value));
            return None;
        }
        chain.push(found);
    }
    let mut full = Draft::default();
    for layer in chain.into_iter().rev() {
        full.lay(layer);
    }
    Some(full)
}

impl Draft {
    /// Lays `upper` over this.
    fn lay(&mut self, upper: &Self) {
        self.file.clone_from(&upper.file);
        self.name.clone_from(&upper.name);
        self.shipped = upper.shipped;
        if !upper.pillar.is_empty() {
            self.pillar.clone_from(&upper.pillar);
        }
        if !upper.title.is_empty() {
            self.title.clone_from(&upper.title);
        }
        // A variant's own rules are asked first.
        self.verdicts.splice(0..0, upper.verdicts.iter().cloned());
        for (kind, own) in &upper.kinds {
            let under = self.kinds.entry(kind.clone()).or_default();
            under.line = own.line;
            under.wire = own.wire.clone().or(under.wire.take());
            under.schema = own.schema.clone().or(under.schema.take());
            under.mappings.extend(own.mappings.iter().cloned());
            under.directions = own.directions.clone().or(under.directions.take());
            under.event_number = own.event_number.clone().or(under.event_number.take());
            under.attachments = own.attachments.clone().or(under.attachments.take());
            under.cap = own.cap.or(under.cap);
        }
    }
}

struct Build<'b> {
    loaded: &'b Loaded<'b>,
    kinds: &'b Kinds,
    findings: &'b Findings,
    draft: &'b Draft,
}

impl Build<'_> {
    fn dialects(&self) -> (BTreeMap<KindName, Dialect>, BTreeSet<KindName>) {
        let mut dialects = BTreeMap::new();
        let mut broken = BTreeSet::new();
        for (kind, draft) in &self.draft.kinds {
            for name in self.meant_by(kind, draft.line) {
                match self.dialect(&name, draft) {
                    Some(dialect) => drop(dialects.insert(name, dialect)),
                    None => drop(broken.insert(name)),
                }
            }
        }
        // Outcomes go to every sender, in the shared form where its adapter says nothing of them.
        let shared = KindDraft { directions: Some(vec!["receive".to_owned()]), ..KindDraft::default() };
        if !dialects.contains_key(OUTCOME) && !broken.contains(OUTCOME) {
            dialects.insert(OUTCOME.to_owned(), self.shared(OUTCOME, &shared));
        }
        (dialects, broken)
    }

    /// The kinds that `[kind.NAME]` speaks of: one, or with `*` all that are not named.
    fn meant_by(&self, kind: &str, line: usize) -> Vec<KindName> {
        let kinds = self.kinds;
        if kind == "*" {
            return kinds.by_name.keys().filter(|name| !self.draft.kinds.contains_key(*name)).cloned().collect();
        }
        if kinds.by_name.contains_key(kind) || kind == OUTCOME {
            return vec![kind.to_owned()];
        }
        // A shipped adapter may speak kinds that this configuration has no use for.
        if !self.draft.shipped && !kinds.knows(kind) {
            let hint = kinds.hint(kind);
            self.findings.error(&self.draft.file, line, format!("[kind.{kind}]: unknown kind `{kind}`{hint}"));
        }
        Vec::new()
    }

    fn dialect(&self, kind: &str, draft: &KindDraft) -> Option<Dialect> {
        match draft.wire.as_deref() {
            Some("shared") => Some(self.shared(kind, draft)),
            Some(wire) => self.native(kind, wire, draft),
            None => {
                self.findings.error(
                    &self.draft.file,
                    draft.line,
                    format!("`wire` is missing in [kind.{kind}]; wires are `{}`", WIRES.join("`, `")),
                );
                None
            }
        }
    }

    fn shared(&self, kind: &str, draft: &KindDraft) -> Dialect {
        for at in draft.schema.iter().chain(&draft.mappings) {
            let message = format!("[kind.{kind}] speaks the shared form; it has neither `schema` nor `mapping`");
            self.findings.error(&at.file, at.line, message);
        }
        Dialect {
            codec: Arc::new(JsonCodec),
            native: None,
            plan: None,
            files: self.files(kind, draft, None),
            event_number: draft.event_number.as_ref().map(|at| format!("/{}", at.value.replace('.', "/"))),
            sends: draft.allows("send"),
            receives: draft.allows("receive"),
            examples: self.examples(kind),
        }
    }

    fn native(&self, kind: &str, wire: &str, draft: &KindDraft) -> Option<Dialect> {
        let file = &self.draft.file;
        if draft.schema.is_none() || draft.mappings.is_empty() {
            let message = format!("[kind.{kind}] with `wire = \"{wire}\"` needs `schema` and `mapping`");
            self.findings.error(file, draft.line, message);
        }
        let native = draft.schema.as_ref().and_then(|at| self.schema(at));
        // Walked three times: read once.
        let _tree = native.as_ref().map(|schema| schema.resolved());
        let codec = native.as_ref().zip(draft.schema.as_ref()).and_then(|(native, at)| self.codec(wire, native, at));
        let event_number = draft.event_number.as_ref().map(|at| self.event_number(at, native.as_deref()));
        let shared = match self.kinds.by_name.get(kind) {
            Some(kind) => Some(Arc::clone(&kind.schema)),
            None => self
                .loaded
                .schema(&format!("records/{kind}"))
                .map_err(|message| {
                    self.findings.error(file, draft.line, format!("[kind.{kind}]: {message}"));
                })
                .ok(),
        };
        let plan = self.plan(kind, draft, native.as_ref(), shared.as_ref());
        let plan = plan?;
        Some(Dialect {
            codec: codec?,
            native,
            files: self.files(kind, draft, Some(&plan)),
            plan: Some(plan),
            event_number,
            sends: draft.allows("send"),
            receives: draft.allows("receive"),
            examples: self.examples(kind),
        })
    }

    /// How many bytes of attachments may stand inside a document; a mapping row must say where.
    fn files(&self, kind: &str, draft: &KindDraft, plan: Option<&Plan>) -> Option<u64> {
        let said = draft.attachments.as_ref().filter(|at| at.value == "base64");
        let carried = plan.is_some_and(|plan| plan.is_known_to_carry_files().unwrap_or(said.is_some()));
        match (said, carried) {
            (Some(at), false) => self.findings.error(
                &at.file,
                at.line,
                format!(
                    "[kind.{kind}]: with `attachments = \"base64\"` a mapping row says where the file stands: \
                     `as = \"base64\"`, `shared = \"attachments[].sha256\"`"
                ),
            ),
            (None, true) => self.findings.error(
                &self.draft.file,
                draft.line,
                format!("[kind.{kind}]: its mapping has a row `as = \"base64\"`; write `attachments = \"base64\"`"),
            ),
            (Some(_), true) => return Some(draft.cap.unwrap_or(FILES)),
            (None, false) => {}
        }
        None
    }

    fn schema(&self, at: &At) -> Option<Arc<Schema>> {
        let read = self.loaded.schema(&at.value);
        read.map_err(|message| self.findings.error(&at.file, at.line, message)).ok()
    }

    fn codec(&self, wire: &str, native: &Schema, at: &At) -> Option<Arc<dyn Codec>> {
        let codec: Result<Arc<dyn Codec>, String> = match wire {
            "json" => Ok(Arc::new(JsonCodec)),
            "nist" => NistCodec::new(&native.resolved()).map(|codec| Arc::new(codec) as Arc<dyn Codec>),
            _ => XmlCodec::new(&native.resolved()).map(|codec| Arc::new(codec) as Arc<dyn Codec>),
        };
        match codec {
            Ok(codec) => Some(codec),
            Err(message) => {
                self.findings.error(&at.file, at.line, format!("schema `{}`: {message}", at.value));
                None
            }
        }
    }

    fn plan(
        &self,
        kind: &str,
        draft: &KindDraft,
        native: Option<&Arc<Schema>>,
        shared: Option<&Arc<Schema>>,
    ) -> Option<Arc<Plan>> {
        let mut layers = Vec::new();
        for at in &draft.mappings {
            let path = format!("mappings/{}.toml", at.value);
            match self.loaded.folder.files.get(&path) {
                Some(contents) => layers.push((path, contents.clone())),
                None => {
                    let hint = self.loaded.nearest(&path);
                    self.findings.error(
                        &at.file,
                        at.line,
                        format!("[kind.{kind}]: there is no mapping `{path}`{hint}"),
                    );
                }
            }
        }
        if layers.len() < draft.mappings.len() || layers.is_empty() {
            return None;
        }
        let directions = (draft.allows("send"), draft.allows("receive"));
        let speaks = draft.mappings.last().and_then(lent).unwrap_or(&self.draft.name);
        self.loaded.plan(speaks, kind, layers, (native?, shared?), directions)
    }

    /// A JSON Pointer from a native path, which must exist in the native schema.
    fn event_number(&self, at: &At, native: Option<&Schema>) -> String {
        let path = Path::parse(&at.value.replace('/', "."));
        let checked = path.ok().zip(native).map(|(path, native)| path.check(&native.resolved()));
        if let Some(Err(message)) = checked {
            self.findings.error(&at.file, at.line, format!("`event_number`: {message}"));
        }
        format!("/{}", at.value.trim_start_matches('/'))
    }

    fn examples(&self, kind: &str) -> Vec<String> {
        let dir = format!("adapters/{}/examples/in/{kind}-", self.draft.name);
        let numbered =
            |path: &&String| path.strip_prefix(&dir).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        self.loaded.folder.files.keys().filter(numbered).cloned().collect()
    }
}

/// The adapter from whose folder another one takes a mapping as it is: a police system that hands in fingerprint transactions
/// speaks the codes of the fingerprint system there, not its own.
fn lent(mapping: &At) -> Option<&str> {
    let says = mapping.file.strip_prefix("adapters/")?.split('/').next()?;
    mapping.value.split('/').next().filter(|owner| *owner != says)
}

impl KindDraft {
    /// Both ways where nothing is said.
    fn allows(&self, direction: &str) -> bool {
        self.directions.as_ref().is_none_or(|list| list.iter().any(|word| word == direction))
    }
}
