//! From bytes to a validated shared form: the codec reads, the native schema judges, the mapping translates, the shared
//! schema judges. Whatever is wrong is said at its place in the document as sent. Pure: the clock and the journal come later.

use std::collections::BTreeMap;

use bytes::Bytes;
use icjs_kit::{Codec, Limits, Place, Violation};
use serde_json::Value;

use super::receive::{self, Door};
use super::refuse::{Code, Refusal};
use super::tagged::Fields;
use super::{names, national};
use crate::config::{Dialect, Facts};
use crate::identifiers::OfficeId;
use crate::journal::{Action, Digest, IdempotencyKey};
use crate::mapping::Plan;
use crate::schema::Validated;
use crate::seal;

/// A record that was read, not yet validated.
#[derive(Debug)]
pub struct Decoded {
    door: Door,
    bytes: Bytes,
    shared: Value,
    warnings: Vec<Violation>,
    key: IdempotencyKey,
    /// The bytes are the shared form itself.
    as_sent: bool,
    files: Inside,
}

/// The files that stood inside a document, by their SHA-256: hashed once.
pub type Inside = BTreeMap<Digest, Bytes>;

/// A record that passed every check of form. The journal and the routes may believe it.
#[derive(Clone, Debug)]
pub struct Record {
    /// What came in with it.
    pub door: Door,
    /// The bytes as received.
    pub bytes: Bytes,
    /// The shared form.
    pub shared: Validated,
    /// The shared form as JSON text, unless the bytes are that.
    pub shared_text: Option<Bytes>,
    /// What it says of itself.
    pub facts: Facts,
    /// For which office.
    pub office: OfficeId,
    /// The sender's name for it.
    pub key: IdempotencyKey,
    /// Warnings so far.
    pub warnings: Vec<Violation>,
    /// Files that stood inside the document.
    pub files: Inside,
}

impl Record {
    /// Adds a warning about a place of the shared form.
    pub fn warn(&mut self, shared: String, rule: &str, message: String) {
        let violation = Violation { pointer: shared, rule: rule.to_owned(), message, ..Violation::default() };
        if let Ok(dialect) = self.door.dialect() {
            let placed = traced(dialect, &self.bytes, vec![violation]);
            self.warnings.extend(placed);
        }
    }
}

/// Reads the bytes and translates them to the shared model.
pub fn decode(door: Door, bytes: Bytes, limits: &Limits) -> Result<Decoded, Refusal> {
    let dialect = door.dialect()?;
    let codec = dialect.codec.as_ref();
    let native = codec.read(&bytes, limits).map_err(|unreadable| wrong_format(codec, &bytes, unreadable.into()))?;
    if let Some(schema) = &dialect.native {
        let violations = schema.violations(&native);
        if !violations.is_empty() {
            return Err(Refusal::of(Code::SchemaInvalid, placed(codec, &bytes, violations)));
        }
    }
    let key = key(&door, dialect, &native)?;
    let files = match (&dialect.plan, dialect.files) {
        (Some(plan), Some(cap)) => files(plan, &native, cap)?,
        _ => Inside::new(),
    };
    let (mut shared, warnings, mut as_sent) = match &dialect.plan {
        None => (native, Vec::new(), true),
        Some(plan) => {
            let decoded = plan
                .decode(&native)
                .map_err(|violations| Refusal::of(Code::MappingFailed, placed(codec, &bytes, violations)))?;
            (decoded.shared, placed(codec, &bytes, decoded.warnings), false)
        }
    };
    as_sent &= !fill_office(&door, &mut shared);
    Ok(Decoded { door, bytes, shared, warnings, key, as_sent, files })
}

/// The files that stand inside the document, within their cap.
fn files(plan: &Plan, native: &Value, cap: u64) -> Result<Inside, Refusal> {
    let files = plan.files(native);
    let size: u64 = files.iter().map(|file| file.len() as u64).sum();
    if size > cap {
        let detail = format!(
            "the files inside this document have {size} bytes, and may have {cap}; upload larger ones first \
             (`PUT /v1/attachments/{{sha256}}`) and write `/v1/attachments/<sha256>` in their place"
        );
        return Err(Refusal::new(Code::TooLarge, detail));
    }
    Ok(files.into_iter().map(|file| (seal::sha256(&file), Bytes::from(file))).collect())
}

/// Makes it a record, or says everything that is wrong with it.
pub fn validate(read: Decoded, tagged: &Fields) -> Result<Record, Refusal> {
    let Decoded { door, bytes, shared, mut warnings, key, mut as_sent, files } = read;
    let kind = door.kind()?;
    let dialect = door.dialect()?;
    let mut shared = kind
        .schema
        .validate(shared)
        .map_err(|violations| Refusal::of(Code::SchemaInvalid, traced(dialect, &bytes, violations)))?;
    let aadhaar = national::violations(shared.tree(), tagged);
    if !aadhaar.is_empty() {
        let (masked, told) = sealed(&door, shared, &aadhaar)
            .ok_or_else(|| Refusal::of(Code::AadhaarNumber, traced(dialect, &bytes, aadhaar)))?;
        warnings.extend(traced(dialect, &bytes, told));
        (shared, as_sent) = (masked, false);
    }
    let hidden = names::warnings(shared.tree(), tagged);
    if !hidden.is_empty() {
        warnings.extend(traced(dialect, &bytes, hidden));
    }
    let facts = door.caller.revision().facts(&door.kind, shared.tree());
    let office = sending_office(&door, &facts)?;
    let shared_text = if as_sent { None } else { Some(Bytes::from(written(shared.tree())?)) };
    Ok(Record { door, bytes, shared, shared_text, facts, office, key, warnings, files })
}

/// The record with its Aadhaar numbers masked and what its sender is told of it, where the sender's file has them sealed. What
/// takes back a record that was taken once is never refused for them.
fn sealed(door: &Door, shared: Validated, found: &[Violation]) -> Option<(Validated, Vec<Violation>)> {
    let seals = door.caller.system().is_ok_and(|system| system.seals_aadhaar) || door.action == Action::Withdraw;
    // What has images goes to some receivers as it was sent, with whatever is in it.
    let whole = door.dialect().is_ok_and(|dialect| dialect.codec.tree_is_whole());
    if !seals || !whole {
        return None;
    }
    let mut tree = shared.into_tree();
    let told = national::seal(&mut tree, found)?;
    Some((door.kind().ok()?.schema.validate(tree).ok()?, told))
}

fn written(tree: &Value) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(tree).map_err(|_| Refusal::new(Code::MappingFailed, "the shared form cannot be written"))
}

/// XML where JSON is due, or the other way round, deserves a plainer word than "expected value at line 1".
fn wrong_format(codec: &dyn Codec, bytes: &[u8], mut refusal: Refusal) -> Refusal {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let due = codec.media_type();
    match (refusal.code, first) {
        (_, None) => refusal.detail = format!("the body is empty; a document of type `{due}` is due"),
        (Code::MalformedJson, Some(b'<')) => {
            refusal.detail =
                format!("this looks like XML; this kind is sent as JSON (`{due}`) by this system's adapter");
        }
        (Code::MalformedXml, Some(b'{' | b'[')) => {
            refusal.detail =
                format!("this looks like JSON; this kind is sent as XML (`{due}`) by this system's adapter");
        }
        (Code::MalformedNist, Some(b'<' | b'{' | b'[')) => {
            refusal.detail = format!(
                "this looks like XML or JSON; this kind is sent as an ANSI/NIST-ITL transaction (`{due}`) by this system's adapter"
            );
        }
        _ => {}
    }
    refusal
}

/// The sender's own number in the body wins over the header, except for a withdrawal: that number names the record that is
/// taken back, not the act of taking it back.
fn key(door: &Door, dialect: &Dialect, native: &Value) -> Result<IdempotencyKey, Refusal> {
    let event = dialect.event_number.as_deref().and_then(|pointer| native.pointer(pointer)).and_then(number);
    let header = door.key.clone();
    let named = match (event, header) {
        (Some(_), Some(key)) if door.action == Action::Withdraw => IdempotencyKey::Header(key),
        (Some(event), None) if door.action == Action::Withdraw => {
            let replaces = door.replaces.map(|id| id.to_string()).unwrap_or_default();
            IdempotencyKey::Header(format!("withdraw {event} {replaces}"))
        }
        (Some(event), _) => IdempotencyKey::Event(event),
        (None, Some(key)) => IdempotencyKey::Header(key),
        (None, None) => {
            let detail = match &dialect.event_number {
                Some(pointer) => format!("send `Idempotency-Key`, or the event number at `{pointer}` of the document"),
                None => "send `Idempotency-Key`: a text that is the same whenever this record is sent again".to_owned(),
            };
            return Err(Refusal::new(Code::IdempotencyKeyMissing, detail));
        }
    };
    Ok(named)
}

fn number(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Where the body does not name the sending office, the header does, or there is only one that it can be.
fn fill_office(door: &Door, shared: &mut Value) -> bool {
    let Some(root) = shared.as_object_mut().filter(|root| !root.contains_key("office")) else {
        return false;
    };
    let only = || match door.caller.system().map(|system| system.offices.as_slice()) {
        Ok([only]) => Some(only.clone()),
        _ => None,
    };
    let Some(office) = door.office.clone().or_else(only) else {
        return false;
    };
    root.insert("office".to_owned(), Value::String(office.into()));
    true
}

fn sending_office(door: &Door, facts: &Facts) -> Result<OfficeId, Refusal> {
    match (&facts.from, &door.office) {
        (Some(body), Some(header)) if body != header => Err(Refusal::header(
            "Icjs-Office",
            "office-differs",
            "`Icjs-Office` and the document name different sending offices",
        )),
        (Some(office), _) | (None, Some(office)) => {
            receive::yours(&door.caller, office)?;
            Ok(office.clone())
        }
        (None, None) => Err(Refusal::header(
            "Icjs-Office",
            "header-missing",
            "the document does not say which office sends it; name it in `Icjs-Office`",
        )),
    }
}

/// Violations of the native form, with their places in the bytes.
fn placed(codec: &dyn Codec, bytes: &[u8], violations: Vec<Violation>) -> Vec<Violation> {
    let pointers = violations.iter().map(|violation| violation.pointer.clone()).collect();
    at(codec, bytes, pointers, violations)
}

/// Violations of the shared form, traced back through the mapping to their places in the bytes.
fn traced(dialect: &Dialect, bytes: &[u8], mut violations: Vec<Violation>) -> Vec<Violation> {
    let native = |shared: &str| match &dialect.plan {
        None => shared.to_owned(),
        Some(plan) => ancestors(shared).find_map(|pointer| plan.native_pointer(pointer)).unwrap_or_default(),
    };
    let mut pointers = Vec::with_capacity(violations.len());
    for violation in &mut violations {
        let shared = violation.shared_pointer.take().unwrap_or_else(|| violation.pointer.clone());
        pointers.push(native(&shared));
        violation.shared_pointer = Some(shared);
    }
    at(dialect.codec.as_ref(), bytes, pointers, violations)
}

/// `/a/b/c`, `/a/b`, `/a`: what is missing has no place of its own, but what should hold it has.
fn ancestors(pointer: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pointer).filter(|pointer| !pointer.is_empty()), |pointer| {
        pointer.rsplit_once('/').map(|(parent, _)| parent).filter(|parent| !parent.is_empty())
    })
}

/// Violations that get a place in the document; the answer lists no more than these.
const MOST_PLACES: usize = 1000;

fn at(codec: &dyn Codec, bytes: &[u8], pointers: Vec<String>, violations: Vec<Violation>) -> Vec<Violation> {
    if violations.is_empty() {
        return violations;
    }
    // More are counted and not shown: a hostile document is wrong in a hundred thousand places.
    let shown = pointers.len().min(MOST_PLACES);
    let places = codec.locate_all(bytes, pointers.get(..shown).unwrap_or_default());
    let mut rest = violations;
    let violations = rest.drain(..shown).collect::<Vec<_>>();
    let placed = |(violation, place): (Violation, Place)| Violation {
        pointer: place.pointer,
        line: place.line,
        column: place.column,
        ..violation
    };
    violations.into_iter().zip(places).map(placed).chain(rest).collect()
}
