//! `mapping check|test|coverage`: what the tables between native and shared forms can do, without a gateway.
//! They work on the folder's configuration over the shipped one, exactly as `apply` would compile it.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Subcommand;
use icjs_kit::Limits;
use serde_json::{Value, json};

use super::configure::compile;
use crate::config::{Adapter, Dialect, Folder, Revision};
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, text};

/// `mapping …`
#[derive(Subcommand, Debug)]
pub(super) enum MappingVerb {
    /// Compile every mapping against both schemas; every error with file and line.
    Check,
    /// Translate every adapter's examples both ways and compare with the expected files.
    Test {
        /// Only this adapter.
        adapter: Option<String>,
        /// Write the expected file of every example that has none.
        #[arg(long)]
        write: bool,
    },
    /// Show which native fields nobody reads and which shared fields a system cannot carry.
    Coverage {
        /// Only this adapter.
        adapter: Option<String>,
        /// Only this kind (needs the adapter).
        kind: Option<String>,
    },
}

/// Examples are small; these limits are the gateway's own.
const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 64, keys: 100_000 };

/// Runs one of the verbs.
pub(super) fn run(dir: &GatewayFolder, verb: &MappingVerb, output: Output) -> Done {
    let revision = compile(dir)?;
    match verb {
        MappingVerb::Check => check(&revision, output),
        MappingVerb::Test { adapter, write } => {
            let into = write.then(|| dir.path());
            test(&revision, adapter.as_deref(), into, output)
        }
        MappingVerb::Coverage { adapter, kind } => coverage(&revision, adapter.as_deref(), kind.as_deref(), output),
    }
    .map(|_: ()| ())
}

fn check(revision: &Revision, output: Output) -> Done {
    let mut rows = Vec::new();
    for (adapter, kind, dialect) in dialects(revision, None) {
        let Some(plan) = &dialect.plan else { continue };
        let loss = plan.loss();
        rows.push((adapter.name.clone(), kind.clone(), loss.unread.len(), loss.uncarried.len()));
    }
    if output.json {
        let list: Vec<Value> = rows.iter().map(|(adapter, kind, unread, uncarried)| json!({ "adapter": adapter, "kind": kind, "ok": true, "unread": unread, "uncarried": uncarried })).collect();
        output.document(&json!({ "mappings": list }));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(adapter, kind, unread, uncarried)| {
            vec![adapter, kind, "OK".to_owned(), unread.to_string(), uncarried.to_string()]
        })
        .collect();
    output.table(&["adapter", "kind", "", "native fields unread", "shared fields not carried"], &rows);
    Ok(())
}

/// Every dialect, with its adapter and kind.
fn dialects<'a>(
    revision: &'a Revision,
    only: Option<&'a str>,
) -> impl Iterator<Item = (&'a Adapter, &'a String, &'a Dialect)> {
    let adapters = revision.adapters.values().filter(move |adapter| only.is_none_or(|name| adapter.name == name));
    adapters.flat_map(|adapter| adapter.dialects.iter().map(move |(kind, dialect)| (adapter, kind, dialect)))
}

fn known(revision: &Revision, adapter: Option<&str>) -> Done {
    match adapter.filter(|name| !revision.adapters.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            let known: Vec<&str> = revision.adapters.keys().map(String::as_str).collect();
            Err(Failure::new(
                Exit::Usage,
                format!("there is no adapter `{name}`"),
                format!("known are {}", known.join(", ")),
            ))
        }
    }
}

/// `into`: the folder in which expected files that are missing are written.
fn test(revision: &Revision, only: Option<&str>, into: Option<&Path>, output: Output) -> Done {
    known(revision, only)?;
    let mut results: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (adapter, kind, dialect) in dialects(revision, only) {
        let prefix = format!("adapters/{}/examples/in/{kind}-", adapter.name);
        for (path, bytes) in revision.folder.files.iter().filter(|(path, _)| path.starts_with(&prefix)) {
            let expected = expected(path);
            if let Some(into) = into.filter(|_| !revision.folder.files.contains_key(&expected)) {
                write(&into.join(&expected), bytes, dialect)?;
                results.insert(path.clone(), Vec::new());
                output.note(&format!("wrote {expected}"));
                continue;
            }
            results.insert(path.clone(), pair(&revision.folder, path, bytes, dialect));
        }
    }
    let failed = results.values().filter(|faults| !faults.is_empty()).count();
    if output.json {
        output.document(&json!({ "pairs": results.len(), "failed": failed, "results": results }));
    } else {
        for (path, faults) in &results {
            let word = if faults.is_empty() { output.good("OK  ") } else { output.bad("FAIL") };
            output.line(format!("{word} {path}"));
            faults.iter().for_each(|fault| output.line(format!("       {fault}")));
        }
        output.line(format!("{} golden pairs, {failed} failed", results.len()));
    }
    if failed == 0 {
        return Ok(());
    }
    let advice = "mend the mapping, or the expected file beside it in examples/out if the mapping is right";
    Err(Failure::new(Exit::Refused, format!("{failed} of {} golden pairs do not fit", results.len()), advice))
}

/// The file that has the shared form of an example.
fn expected(example: &str) -> String {
    let path = example.replace("/examples/in/", "/examples/out/");
    path.rsplit_once('.').map_or(path.clone(), |(stem, _)| format!("{stem}.json"))
}

/// Writes what becomes of an example now; whoever commits it has read it.
fn write(to: &Path, bytes: &[u8], dialect: &Dialect) -> Done {
    let shown = to.display();
    let refused =
        |message: String| Failure::new(Exit::Refused, format!("{shown}: {message}"), "mend the example or the mapping");
    let native = dialect.codec.read(bytes, &LIMITS).map_err(|unreadable| refused(unreadable.code.to_owned()))?;
    let shared = match &dialect.plan {
        None => native,
        Some(plan) => plan.decode(&native).map_err(|violations| refused(wrong(violations).join("; ")))?.shared,
    };
    let text = serde_json::to_string_pretty(&shared).map_err(|error| refused(error.to_string()))?;
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(to, text + "\n"))
        .map_err(|error| file_failure(to, &error))
}

fn wrong(violations: Vec<icjs_kit::Violation>) -> Vec<String> {
    violations.into_iter().map(|one| format!("{} [{}] {}", one.pointer, one.rule, one.message)).collect()
}

/// One golden pair: what is wrong with it.
fn pair(folder: &Folder, path: &str, bytes: &[u8], dialect: &Dialect) -> Vec<String> {
    let native = match dialect.codec.read(bytes, &LIMITS) {
        Ok(native) => native,
        Err(unreadable) => return vec![format!("cannot be read: {}", unreadable.code)],
    };
    let shared = match &dialect.plan {
        None => native.clone(),
        Some(plan) => match plan.decode(&native) {
            Ok(decoded) => decoded.shared,
            Err(violations) => return wrong(violations),
        },
    };
    let mut faults = Vec::new();
    let expected = expected(path);
    match folder.files.get(&expected).map(|text| serde_json::from_slice::<Value>(text)) {
        None => faults.push(format!("there is no {expected}")),
        Some(Err(error)) => faults.push(format!("{expected} is no JSON: {error}")),
        Some(Ok(wanted)) if wanted != shared => faults.extend(differences("", &wanted, &shared).into_iter().take(10)),
        Some(Ok(_)) => {}
    }
    if let Some(plan) = &dialect.plan {
        let native = plan.with_links(&native);
        match plan.encode(&shared) {
            Ok(encoded) if encoded.native == native => {}
            Ok(encoded) => faults.extend(differences("way back: ", &native, &encoded.native).into_iter().take(10)),
            Err((code, violations)) => {
                faults.push(format!("the way back fails with `{code}`"));
                faults.extend(wrong(violations));
            }
        }
    }
    faults
}

/// Where two trees differ, as pointers; values are not shown, examples may be real records.
fn differences(at: &str, wanted: &Value, got: &Value) -> Vec<String> {
    match (wanted, got) {
        (Value::Object(left), Value::Object(right)) => {
            let mut keys: Vec<&String> =
                left.keys().chain(right.keys().filter(|key| !left.contains_key(*key))).collect();
            keys.dedup();
            keys.into_iter().flat_map(|key| side(&format!("{at}/{key}"), left.get(key), right.get(key))).collect()
        }
        (Value::Array(left), Value::Array(right)) => (0..left.len().max(right.len()))
            .flat_map(|place| side(&format!("{at}/{place}"), left.get(place), right.get(place)))
            .collect(),
        _ if wanted == got => Vec::new(),
        _ => vec![format!("{at}: differs")],
    }
}

fn side(at: &str, wanted: Option<&Value>, got: Option<&Value>) -> Vec<String> {
    match (wanted, got) {
        (Some(wanted), Some(got)) => differences(at, wanted, got),
        (Some(_), None) => vec![format!("{at}: expected, and not there")],
        (None, Some(_)) => vec![format!("{at}: there, and not expected")],
        (None, None) => Vec::new(),
    }
}

fn coverage(revision: &Revision, adapter: Option<&str>, kind: Option<&str>, output: Output) -> Done {
    known(revision, adapter)?;
    let mut list = Vec::new();
    for (adapter, name, dialect) in
        dialects(revision, adapter).filter(|(_, name, _)| kind.is_none_or(|kind| *name == kind))
    {
        if let Some(plan) = &dialect.plan {
            let loss = plan.loss();
            list.push(
                json!({ "adapter": adapter.name, "kind": name, "unread": loss.unread, "uncarried": loss.uncarried }),
            );
        }
    }
    if output.json {
        output.document(&json!({ "mappings": list }));
        return Ok(());
    }
    for one in &list {
        output.line(output.bold(&format!("{} {}", text(one, "adapter"), text(one, "kind"))));
        for (key, meaning) in [
            ("unread", "native fields that no row reads; they travel in `extensions`"),
            ("uncarried", "shared fields that this format cannot carry"),
        ] {
            let paths: Vec<&str> =
                one.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
            output.line(format!("  {} {meaning}", paths.len()));
            paths.iter().for_each(|path| output.line(format!("    {path}")));
        }
    }
    if list.is_empty() {
        output.line("no mapping: this system speaks the shared form");
    }
    Ok(())
}
