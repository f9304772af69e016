//! The verbs over configuration: `check diff apply export rollback history`. A running gateway is asked through its
//! admin API; where none runs, the store is opened directly. What is right is decided by `config`, never here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::revisions::{Change, Revisions};
use crate::clock::WallClock;
use crate::config::{ConfigError, Folder, Revision};
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment, text};

/// Reads the folder's configuration, without what the binary ships.
pub(super) fn read(dir: &GatewayFolder) -> Result<Folder, Failure> {
    dir.require()?;
    Folder::read(dir.path()).map_err(|error| errors(vec![error]))
}

/// Compiles the folder's configuration over the shipped one, as `apply` would, and every shipped adapter too.
pub(super) fn compile(dir: &GatewayFolder) -> Result<Revision, Failure> {
    Revision::compile_all(read(dir)?).map_err(errors)
}

/// A record to be tried against a configuration.
pub(super) struct DryRun {
    /// The record's file.
    pub record: PathBuf,
    /// Its kind.
    pub kind: String,
    /// Who would send it.
    pub system: String,
}

/// Configuration errors as a failure that lists them all.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
pub(super) fn errors(list: Vec<ConfigError>) -> Failure {
    let count = list.len();
    let lines = list.iter().map(|error| {
        if error.line == 0 {
            format!("{}: {}", error.file, error.message)
        } else {
            format!("{}:{}: {}", error.file, error.line, error.message)
        }
    });
    let what = if count == 1 {
        "the configuration has an error".to_owned()
    } else {
        format!("the configuration has {count} errors")
    };
    let mut failure = Failure::new(Exit::Configuration, what, "mend the places named above; nothing was changed")
        .with(lines.collect());
    failure.problem = serde_json::to_value(&list).ok().map(|errors| Box::new(json!({ "errors": errors })));
    failure
}

/// What keeps the files of `[tls]` from being used.
fn unusable(tls: &crate::config::tls::Tls, dir: &Path) -> Option<ConfigError> {
    let opened = tls.is_on().then(|| crate::tls::Tls::open(tls.files(dir), Arc::new(WallClock)))?;
    let message = format!("[tls] cannot be used: {}", opened.err()?);
    Some(ConfigError { file: "config/gateway.toml".to_owned(), line: 0, message })
}

/// Checks a folder or files of one; prints every file with OK or its errors.
pub(super) fn check(dir: &GatewayFolder, paths: &[PathBuf], dry_run: Option<&DryRun>, output: Output) -> Done {
    let (dir, only) = target(dir, paths)?;
    let folder = read(&dir)?;
    let settings = crate::config::Settings::load(dir.path());
    let mut found = settings.as_ref().err().cloned().unwrap_or_default();
    let own: Vec<String> = folder.files.keys().cloned().collect();
    let compiled = Revision::compile_all(folder);
    let revision = match compiled {
        Ok(revision) => Some(revision),
        Err(errors) => {
            found.extend(errors);
            None
        }
    };
    if let (Some(revision), Ok(settings)) = (&revision, &settings) {
        found.extend(uncalled(revision, settings));
    }
    if let Ok(settings) = &settings {
        found.extend(unusable(&settings.tls, dir.path()));
    }
    if !only.is_empty() {
        found.retain(|error| only.contains(&error.file));
    }
    let faulty: BTreeSet<&str> = found.iter().map(|error| error.file.as_str()).collect();
    let mut shown: BTreeSet<&str> =
        own.iter().map(String::as_str).filter(|file| only.is_empty() || only.contains(*file)).collect();
    shown.extend(faulty.iter().copied());
    if dir.file("config/gateway.toml").exists() && (only.is_empty() || only.contains("config/gateway.toml")) {
        shown.insert("config/gateway.toml");
    }
    let told = json!({ "errors": found, "files": shown.iter()
        .map(|file| json!({ "file": file, "ok": !faulty.contains(file) })).collect::<Vec<Value>>() });
    if output.json && found.is_empty() {
        output.document(&told);
    } else if !output.json {
        for file in &shown {
            output
                .line(format!("{} {file}", if faulty.contains(file) { output.bad("ERR") } else { output.good("OK ") }));
        }
        for warning in revision.iter().flat_map(|revision| &revision.warnings) {
            output.line(format!("warning: {warning}"));
        }
    }
    if !found.is_empty() {
        // One document, whatever comes of it: in JSON the files stand in the failure.
        return Err(Failure { problem: Some(Box::new(told)), ..errors(found) });
    }
    match (dry_run, revision) {
        (Some(ask), Some(revision)) => super::dry_run::show(&revision, ask, output),
        _ => Ok(()),
    }
}

/// The systems whose URL this node would not call. Their files are right elsewhere: `[outbound]` belongs to the node.
fn uncalled(revision: &Revision, settings: &crate::config::Settings) -> Vec<ConfigError> {
    let called = revision.systems.values().flat_map(|system| {
        let pushed = system.push.iter().map(|push| push.url.as_str());
        pushed.chain(system.trust.addresses()).map(move |url| (&system.name, url))
    });
    let fault = |(system, url): (&String, &str)| {
        let message = settings.outbound.fault(url)?;
        Some(ConfigError { file: format!("config/systems/{system}.toml"), line: 0, message })
    };
    called.filter_map(fault).collect()
}

/// The folder that is meant, and the files of it that are asked for (none: all).
fn target(dir: &GatewayFolder, paths: &[PathBuf]) -> Result<(GatewayFolder, BTreeSet<String>), Failure> {
    let Some(first) = paths.first() else { return Ok((dir.clone(), BTreeSet::new())) };
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        return Err(file_failure(missing, &std::io::ErrorKind::NotFound.into()));
    }
    if first.is_dir() && first.join("config").is_dir() {
        return Ok((GatewayFolder::at(first), BTreeSet::new()));
    }
    let first = first.canonicalize().map_err(|error| file_failure(first, &error))?;
    let Some(root) = first.ancestors().find(|folder| folder.join("config").is_dir()) else {
        return Err(Failure::new(
            Exit::NoInput,
            format!("`{}` lies in no gateway folder: no folder above it has a `config`", first.display()),
            "name a gateway folder, or files inside one",
        ));
    };
    let mut only = BTreeSet::new();
    for path in paths {
        let path = path.canonicalize().map_err(|error| file_failure(path, &error))?;
        only.extend(path.strip_prefix(root).ok().map(|inside| inside.to_string_lossy().into_owned()));
    }
    Ok((GatewayFolder::at(root), only))
}

/// One file's change between two configurations.
fn changes(old: &BTreeMap<String, Bytes>, new: &BTreeMap<String, Bytes>) -> Vec<Value> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names.into_iter().filter_map(|name| change(name, old.get(name), new.get(name))).collect()
}

fn change(name: &str, old: Option<&Bytes>, new: Option<&Bytes>) -> Option<Value> {
    if old == new {
        return None;
    }
    let text =
        |bytes: Option<&Bytes>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let (before, after) = (text(old), text(new));
    let word = match (old, new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let gone = missing(&before, &after);
    let come = missing(&after, &before);
    Some(json!({ "file": name, "change": word, "removed": gone, "added": come }))
}

/// Lines of `one` that `other` lacks, counted.
fn missing(one: &str, other: &str) -> Vec<String> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for line in other.lines() {
        *left.entry(line).or_default() += 1;
    }
    let mut lines = Vec::new();
    for line in one.lines() {
        match left.get_mut(line).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The most lines of one file that a difference shows.
const SHOWN_LINES: usize = 12;

fn show_changes(list: &[Value], output: Output) {
    for one in list {
        output.line(format!("{:8} {}", text(one, "change"), text(one, "file")));
        if text(one, "change") != "changed" {
            continue;
        }
        for (key, sign) in [("removed", "-"), ("added", "+")] {
            let lines: Vec<&str> =
                one.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
            for line in lines.iter().take(SHOWN_LINES) {
                let line = format!("    {sign} {line}");
                output.line(if sign == "-" { output.bad(&line) } else { output.good(&line) });
            }
            if lines.len() > SHOWN_LINES {
                output.line(format!("    {sign} and {} lines more", lines.len() - SHOWN_LINES));
            }
        }
    }
}

/// Shows what `apply` would change.
pub(super) async fn diff(dir: &GatewayFolder, output: Output) -> Done {
    let folder = read(dir)?;
    let revisions = Revisions::open(dir).await?;
    let (number, live) = revisions.files(None).await?;
    let list = changes(&live.files, &folder.over_embedded().files);
    if output.json {
        output.document(&json!({ "revision": number, "changes": list }));
        return Ok(());
    }
    show_changes(&list, output);
    match list.len() {
        0 => output.line(format!("no difference: the folder is revision {number}")),
        count => output
            .line(format!("{count} files differ from revision {number}; `icjs apply --reason WHY` makes them live")),
    }
    Ok(())
}

/// Makes the folder's configuration the newest revision.
pub(super) async fn apply(dir: &GatewayFolder, change: &Change, output: Output) -> Done {
    let folder = read(dir)?;
    // Every error of every file, before anything is asked of the gateway.
    Revision::compile(0, folder.clone().over_embedded()).map_err(errors)?;
    let revisions = Revisions::open(dir).await?;
    let made = revisions.add(change, folder).await?;
    said(&made, "applied", &revisions, output);
    Ok(())
}

/// Makes an old revision the newest.
pub(super) async fn rollback(dir: &GatewayFolder, number: u64, change: &Change, output: Output) -> Done {
    let revisions = Revisions::open(dir).await?;
    let made = revisions.rollback(number, change).await?;
    said(&made, &format!("rolled back to revision {number}"), &revisions, output);
    Ok(())
}

fn said(made: &Value, what: &str, revisions: &Revisions, output: Output) {
    if output.json {
        output.document(made);
        return;
    }
    if super::approvals::proposed(made, output) {
        return;
    }
    let number = made.get("number").and_then(Value::as_u64).unwrap_or_default();
    let when = if revisions.live() { "live now" } else { "no gateway runs; it will be live when one starts" };
    output.line(format!("{} it is revision {number}, {when}", output.good(&format!("{what}:"))));
    let difference = text(made, "difference").trim_end();
    if !difference.is_empty() {
        output.line(difference);
    }
}

/// Writes a revision's files into an empty folder.
pub(super) async fn export(dir: &GatewayFolder, to: &Path, revision: Option<u64>, output: Output) -> Done {
    let occupied = std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{}` is not empty", to.display()),
            "name a folder that does not exist yet",
        ));
    }
    let (number, folder) = Revisions::open(dir).await?.files(revision).await?;
    folder.write(to).map_err(|error| file_failure(to, &error))?;
    if output.json {
        output.document(&json!({ "revision": number, "files": folder.files.len(), "folder": to }));
    } else {
        output.line(format!("revision {number}: {} files written to {}", folder.files.len(), to.display()));
    }
    Ok(())
}

/// Lists the revisions, newest first.
pub(super) async fn history(dir: &GatewayFolder, output: Output) -> Done {
    let list = Revisions::open(dir).await?.history().await?;
    if output.json {
        output.document(&json!({ "revisions": list }));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = list.iter().map(revision_row).collect();
    output.table(&["revision", "when", "author", "reason", "difference"], &rows);
    Ok(())
}

fn revision_row(revision: &Value) -> Vec<String> {
    let number = revision.get("number").and_then(Value::as_u64).unwrap_or_default();
    let difference = text(revision, "difference").lines().map(str::trim).collect::<Vec<_>>().join("; ");
    let shown: String = difference.chars().take(80).collect();
    vec![
        number.to_string(),
        moment(text(revision, "at")),
        text(revision, "author").to_owned(),
        text(revision, "reason").to_owned(),
        shown,
    ]
}

/// Files as the admin API carries them: path to base64.
pub(super) fn packed(folder: &Folder) -> Value {
    folder
        .files
        .iter()
        .map(|(path, bytes)| (path.clone(), Value::String(STANDARD.encode(bytes))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The same read back; what is no base64 is left out.
pub(super) fn unpacked(files: &Value) -> Folder {
    let mut folder = Folder::default();
    for (path, text) in files.as_object().into_iter().flatten() {
        if let Some(bytes) = text.as_str().and_then(|text| STANDARD.decode(text).ok()) {
            folder.files.insert(path.clone(), bytes.into());
        }
    }
    folder
}
