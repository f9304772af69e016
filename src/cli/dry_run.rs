//! `check --dry-run RECORD`: what would become of a record under the folder's configuration, without a gateway:
//! read, translated, checked, routed, and encoded for each receiver. What a case's history would add is not known here.

use std::path::Path;

use icjs_kit::{Limits, Violation};
use serde_json::{Value, json};

use super::configure::DryRun;
use crate::clock::{Clock, WallClock};
use crate::config::{Destination, Revision, System};
use crate::journal::Snapshot;
use crate::schema::Validated;
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::output::Output;

/// The gateway's own limits on a record.
const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 64, keys: 100_000 };

/// A record in the shared form, and the warnings of its translation.
pub(super) type Read = (Validated, Vec<Violation>);

/// Reads a record as `system` would send it; as it stands in the shared form without one.
pub(super) fn read(revision: &Revision, record: &Path, kind: &str, system: Option<&str>) -> Result<Read, Failure> {
    let bytes = std::fs::read(record).map_err(|error| file_failure(record, &error))?;
    let known = revision.kinds.get(kind).ok_or_else(|| unknown("kind", kind, revision.kinds.keys()))?;
    let (shared, warnings) = match system {
        Some(system) => translated(revision, &bytes, kind, system)?,
        None => {
            let shared = serde_json::from_slice(&bytes).map_err(|error| {
                let advice = "without --as the record is read in the shared form, as JSON";
                Failure::new(Exit::Refused, format!("the record is no JSON: {error}"), advice)
            })?;
            (shared, Vec::new())
        }
    };
    let shared = known
        .schema
        .validate(shared)
        .map_err(|found| refused("the record does not fit its schema".to_owned(), &found, ""))?;
    Ok((shared, warnings))
}

fn translated(revision: &Revision, bytes: &[u8], kind: &str, system: &str) -> Result<(Value, Vec<Violation>), Failure> {
    let sender = revision.systems.get(system).ok_or_else(|| unknown("system", system, revision.systems.keys()))?;
    let Some(dialect) = revision.dialect(sender, kind) else {
        let what = format!("the adapter `{}` of `{system}` does not speak `{kind}`", sender.adapter);
        return Err(Failure::new(Exit::Refused, what, "name another kind, or add it to the adapter"));
    };
    let native = dialect.codec.read(bytes, &LIMITS).map_err(|unreadable| {
        let format = dialect.codec.media_type();
        let what = format!("the record is no {format}: `{}`", unreadable.code);
        refused(what, &unreadable.violations, &format!("the system `{system}` speaks {format} for this kind"))
    })?;
    match &dialect.plan {
        None => Ok((native, Vec::new())),
        Some(plan) => {
            let decoded = plan
                .decode(&native)
                .map_err(|found| refused("the record cannot be translated".to_owned(), &found, ""))?;
            Ok((decoded.shared, decoded.warnings))
        }
    }
}

/// Shows what would happen, or every reason why the record would be refused.
pub(super) fn show(revision: &Revision, ask: &DryRun, output: Output) -> Done {
    let sender =
        revision.systems.get(&ask.system).ok_or_else(|| unknown("system", &ask.system, revision.systems.keys()))?;
    let (shared, warnings) = read(revision, &ask.record, &ask.kind, Some(&ask.system))?;
    let facts = revision.facts(&ask.kind, shared.tree());
    let known = Snapshot { at: WallClock.now(), ..Snapshot::default() };
    let destinations = revision.route(&ask.kind, shared.tree(), &facts, &known);
    let previews: Vec<Value> =
        destinations.iter().map(|to| preview(revision, ask, sender, shared.tree(), to)).collect();
    if output.json {
        output.document(&json!({ "shared": shared.tree(), "warnings": warnings, "deliveries": previews }));
        return Ok(());
    }
    output.line(format!("{} as {} from {}", output.good("it would be accepted"), ask.kind, ask.system));
    for warning in &warnings {
        output.line(format!("warning: {}: {}", warning.pointer, warning.message));
    }
    let cell = |one: &Value, key: &str| {
        one.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default()
    };
    let keys = ["office", "system", "how", "state", "why", "lost", "withheld"];
    let rows: Vec<Vec<String>> = previews.iter().map(|one| keys.iter().map(|key| cell(one, key)).collect()).collect();
    output.table(&["office", "system", "how", "state", "why", "not carried", "withheld"], &rows);
    Ok(())
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a String>) -> Failure {
    let known: Vec<&str> = known.map(String::as_str).collect();
    Failure::new(Exit::Usage, format!("there is no {what} `{name}`"), format!("known are {}", known.join(", ")))
}

fn refused(what: String, violations: &[Violation], advice: &str) -> Failure {
    let lines = violations.iter().map(|one| {
        let place = one.line.map(|line| format!(" {line}:{}", one.column.unwrap_or(1))).unwrap_or_default();
        format!("{}{place} [{}]: {}", one.pointer, one.rule, one.message)
    });
    Failure::new(Exit::Refused, what, advice).with(lines.collect())
}

/// What one receiver would get.
fn preview(revision: &Revision, ask: &DryRun, sender: &System, shared: &Value, to: &Destination) -> Value {
    let office = to.office.as_ref().map(ToString::to_string);
    let state = match (&to.code, to.hold) {
        (Some(code), _) => format!("parked: {code}"),
        (None, Some(_)) => "held".to_owned(),
        (None, None) => "queued".to_owned(),
    };
    let mut shown = json!({ "office": office, "system": to.system, "how": to.how, "state": state, "why": to.why });
    let Some(receiver) = revision.systems.get(&to.system) else { return shown };
    let facts = revision.facts(&ask.kind, shared);
    let own = facts.keys_for(to).unwrap_or(facts.cases);
    let permitted = revision.permit(&ask.kind, receiver, &sender.name, &own, shared.clone());
    let Some(permitted) = permitted else {
        put(&mut shown, "state", json!("parked: not-permitted"));
        return shown;
    };
    put(&mut shown, "withheld", json!(permitted.withheld.join(" ")));
    let media_type = revision.dialect(sender, &ask.kind).map_or("", |dialect| dialect.codec.media_type());
    if revision.passes_original(&ask.kind, (&sender.name, media_type), receiver) {
        // What it gets is what was sent, whole or not at all.
        if !permitted.withheld.is_empty() {
            put(&mut shown, "state", json!("parked: not-permitted"));
        }
        return shown;
    }
    let plan = revision.dialect(receiver, &ask.kind).and_then(|dialect| dialect.plan.as_ref());
    match plan.map(|plan| plan.encode(&permitted.tree)) {
        Some(Ok(encoded)) => {
            put(&mut shown, "lost", json!(encoded.lost.join(" ")));
            put(&mut shown, "native", encoded.native);
        }
        Some(Err((code, _))) => put(&mut shown, "state", json!(format!("parked: {code}"))),
        None => put(&mut shown, "native", permitted.tree),
    }
    shown
}

fn put(shown: &mut Value, key: &str, value: Value) {
    if let Some(fields) = shown.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}
