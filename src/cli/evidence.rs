//! `evidence …`: a copy of the evidence log that somebody else keeps, and its check, which needs the copy and the log's public
//! key and no network. A copy remembers every checkpoint that it was given: a log that loses leaves, or gets others in
//! their place, does not fit them any more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use icjs_proof::log::{self, Files, Folder};
use icjs_proof::note::{Checkpoint, Key};
use icjs_proof::tile::{Tile, WIDTH};
use serde_json::{Value, json};

use super::receipt::keys;
use crate::evidence::{self, receipt};
use crate::keys::Keys;
use crate::seal;
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::Output;

/// Checkpoints that were given, in a copy.
const KEPT: &str = "checkpoints";
/// The log's public key, in a copy.
const KEY: &str = "key";

/// `evidence …`
#[derive(Subcommand, Debug)]
pub(super) enum EvidenceVerb {
    /// Print the public key by which others check the log of this folder's gateway.
    Key,
    /// Copy the log of the running gateway, or what is new in it, and check all of the copy.
    Copy(CopyArguments),
    /// Copy and check it again and again, until it is not what it was.
    Watch {
        #[command(flatten)]
        copy: CopyArguments,
        /// Seconds between two looks.
        #[arg(long, default_value_t = 60)]
        every: u64,
    },
    /// Check a copy, and what else is known of the log, without a network.
    Verify(VerifyArguments),
}

/// `evidence copy`
#[derive(Args, Debug)]
pub(super) struct CopyArguments {
    /// Where the copy is, or is to be.
    folder: PathBuf,
    /// The log's public key, as `icjs evidence key` prints it; the copy remembers it.
    #[arg(long)]
    key: Option<String>,
}

/// `evidence verify`
#[derive(Args, Debug)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    copy: CopyArguments,
    /// A checkpoint that was had before, from anywhere.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// A receipt that somebody got: its leaf must be where it says.
    #[arg(long, value_name = "FILE")]
    receipt: Vec<PathBuf>,
    /// The gateway's published keys (`/.well-known/jwks.json`), saved, for receipts; else the key in the gateway's folder.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
}

/// Runs one of the verbs.
pub(super) async fn run(dir: &GatewayFolder, verb: EvidenceVerb, output: Output) -> Done {
    match verb {
        EvidenceVerb::Key => {
            let key = own(dir)?.to_string();
            if output.json {
                output.document(&json!({ "key": key }));
            } else {
                output.line(key);
            }
            Ok(())
        }
        EvidenceVerb::Copy(asked) => {
            let (checkpoint, events) = copy(dir, &asked).await?;
            told(&checkpoint, &events, output);
            Ok(())
        }
        EvidenceVerb::Watch { copy: asked, every } => watch(dir, &asked, Duration::from_secs(every), output).await,
        EvidenceVerb::Verify(asked) => verify(dir, &asked, output),
    }
}

/// The public key of this folder's gateway.
fn own(dir: &GatewayFolder) -> Result<Key, Failure> {
    dir.require()?;
    let keys = Keys::evidence(dir.path());
    let found =
        keys.map_err(|error| Failure::new(Exit::Configuration, error.to_string(), "restore keys/ from your backup"))?;
    let none = || {
        let what = "this folder has no `keys/evidence.ed25519` yet";
        Failure::new(Exit::NoInput, what, "start its gateway once, or name the key by --key")
    };
    evidence::log::public(&found.ok_or_else(none)?).ok_or_else(none)
}

/// The key that a copy is checked by: the one that is named, the one that it remembers, or that of this folder's gateway.
fn key_of(dir: &GatewayFolder, asked: &CopyArguments) -> Result<Key, Failure> {
    let no_key = |text: &str| {
        Failure::new(Exit::Usage, format!("`{text}` is no key of a log"), "take what `icjs evidence key` prints")
    };
    let named = asked.key.as_deref().map(|text| Key::read(text).ok_or_else(|| no_key(text))).transpose()?;
    let path = asked.folder.join(KEY);
    let kept = match std::fs::read_to_string(&path) {
        Ok(text) => Some(Key::read(&text).ok_or_else(|| no_key(text.trim()))?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(file_failure(&path, &error)),
    };
    match (named, kept) {
        (Some(named), Some(kept)) if named != kept => Err(Failure::new(
            Exit::Usage,
            format!("`{}` is a copy of the log that `{kept}` signs", asked.folder.display()),
            "take another folder for another log",
        )),
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => own(dir),
    }
}

/// A copy with another checkpoint than lies in it.
struct Newer<'f> {
    folder: &'f Folder,
    note: &'f [u8],
}

impl Files for Newer<'_> {
    fn file(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        if path == "checkpoint" { Ok(Some(self.note.to_vec())) } else { self.folder.file(path) }
    }
}

/// Leaves by what they say happened.
type Events = BTreeMap<String, u64>;

fn count(events: &mut Events, entry: &[u8]) {
    let event = serde_json::from_slice::<Value>(entry).ok();
    let event = event.as_ref().and_then(|leaf| leaf.get("event")).and_then(Value::as_str).unwrap_or("?");
    match events.get_mut(event) {
        Some(count) => *count += 1,
        None => drop(events.insert(event.to_owned(), 1)),
    }
}

async fn copy(dir: &GatewayFolder, asked: &CopyArguments) -> Result<(Checkpoint, Events), Failure> {
    let key = key_of(dir, asked)?;
    let keys = std::slice::from_ref(&key);
    let folder = &asked.folder;
    write(&folder.join(KEY), format!("{key}\n").as_bytes())?;
    let kept = kept(folder, keys)?;
    let note = dir.running_admin("GET", "/evidence/checkpoint", None).await?.body;
    let checkpoint = Checkpoint::read(&note, keys).map_err(|error| wrong(&log::Wrong::Checkpoint(error)))?;
    let mut fetched = Vec::new();
    for tile in Tile::all(checkpoint.size) {
        let path = folder.join(tile.path());
        if path.exists() || folder.join(Tile { width: WIDTH, ..tile }.path()).exists() {
            continue;
        }
        let bytes = dir.running_admin("GET", &format!("/evidence/{}", tile.path()), None).await?.body;
        write(&path, &bytes)?;
        fetched.push((tile, path));
    }
    let mut events = Events::new();
    let newer = Newer { folder: &Folder::new(folder), note: &note };
    if let Err(error) = log::check(&newer, keys, &kept, |_, entry| count(&mut events, entry)) {
        // What does not fit is not kept: the copy stays what it was.
        fetched.iter().for_each(|(_, path)| drop(std::fs::remove_file(path)));
        return Err(wrong(&error));
    }
    write(&folder.join(KEPT).join(checkpoint.size.to_string()), &note)?;
    write(&folder.join("checkpoint"), &note)?;
    for (tile, path) in fetched.iter().filter(|(tile, _)| tile.width == WIDTH) {
        tracing::trace!(?tile, "whole now");
        drop(std::fs::remove_dir_all(path.with_extension("p")));
    }
    Ok((checkpoint, events))
}

/// The checkpoints that a copy remembers.
fn kept(folder: &Path, keys: &[Key]) -> Result<Vec<Checkpoint>, Failure> {
    let folder = folder.join(KEPT);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file_failure(&folder, &error)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| file_failure(&folder, &error))?.path();
        // What a copy that was cut off left behind has an ending.
        if path.extension().is_none() {
            all.push(checkpoint(&path, keys)?);
        }
    }
    Ok(all)
}

fn checkpoint(path: &Path, keys: &[Key]) -> Result<Checkpoint, Failure> {
    let note = std::fs::read(path).map_err(|error| file_failure(path, &error))?;
    Checkpoint::read(&note, keys).map_err(|error| {
        let what = format!("`{}`: {error}", path.display());
        Failure::new(
            Exit::Refused,
            what,
            "a checkpoint counts only as it was signed; leave this one out, or name its log's key",
        )
    })
}

async fn watch(dir: &GatewayFolder, asked: &CopyArguments, every: Duration, output: Output) -> Done {
    let mut size = None;
    loop {
        match copy(dir, asked).await {
            Ok((checkpoint, events)) if size != Some(checkpoint.size) => {
                size = Some(checkpoint.size);
                told(&checkpoint, &events, output);
            }
            Ok(_) => {}
            // A gateway that is away for a while proves nothing.
            Err(away) if matches!(away.exit, Exit::Unreachable | Exit::TryLater) => output.note(&away.what),
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(every).await;
    }
}

fn verify(dir: &GatewayFolder, asked: &VerifyArguments, output: Output) -> Done {
    let folder = &asked.copy.folder;
    if !folder.is_dir() {
        let what = format!("there is no folder `{}`", folder.display());
        return Err(Failure::new(Exit::NoInput, what, "make a copy with `icjs evidence copy`"));
    }
    let key = key_of(dir, &asked.copy)?;
    let keys_of_log = std::slice::from_ref(&key);
    let mut known = kept(folder, keys_of_log)?;
    for path in &asked.checkpoint {
        known.push(checkpoint(path, keys_of_log)?);
    }
    let mut receipts: BTreeMap<u64, Vec<(&Path, String)>> = BTreeMap::new();
    for path in &asked.receipt {
        let text = std::fs::read_to_string(path).map_err(|error| file_failure(path, &error))?;
        let claims =
            receipt::verify(&receipt::compact(&text), &keys(dir, asked.jwks.as_deref())?, None).map_err(|error| {
                Failure::new(
                    Exit::Refused,
                    format!("`{}`: {error}", path.display()),
                    "the keys are at /.well-known/jwks.json",
                )
            })?;
        receipts.entry(claims.leaf_index).or_default().push((path, claims.jti));
    }
    let (mut events, mut missed) = (Events::new(), Vec::new());
    let checked = log::check(&Folder::new(folder), keys_of_log, &known, |index, entry| {
        count(&mut events, entry);
        for (path, message) in receipts.remove(&index).into_iter().flatten() {
            let leaf: Value = serde_json::from_slice(entry).unwrap_or_default();
            if leaf.get("message") != Some(&Value::from(message.as_str()))
                || leaf.get("event") != Some(&"accepted".into())
            {
                missed.push(format!("`{}`: leaf {index} is not the acceptance of {message}", path.display()));
            }
        }
    });
    let checked = checked.map_err(|error| wrong(&error))?;
    for (index, lost) in receipts {
        let size = checked.size;
        missed.extend(lost.iter().map(|(path, message)| {
            format!("`{}`: the log has {size} leaves, and the acceptance of {message} was leaf {index}", path.display())
        }));
    }
    if !missed.is_empty() {
        let what = "the log does not have what was receipted: leaves are gone, or it is another log";
        return Err(Failure::new(Exit::Refused, what, "keep the copy and the receipts; they prove it").with(missed));
    }
    told(&checked, &events, output);
    Ok(())
}

fn wrong(error: &log::Wrong) -> Failure {
    let (exit, advice) = match error {
        log::Wrong::Unreadable { .. } => (Exit::Storage, "see that the folder can be read"),
        log::Wrong::NoCheckpoint => (Exit::NoInput, "make a copy with `icjs evidence copy`"),
        log::Wrong::Checkpoint(_) => {
            (Exit::Refused, "the key is what `icjs evidence key` prints on the gateway's machine")
        }
        _ => (Exit::Refused, "keep this copy as it is, with the checkpoints in it: they prove what the log was"),
    };
    Failure::new(exit, error.to_string(), advice)
}

fn told(checkpoint: &Checkpoint, events: &Events, output: Output) {
    let Checkpoint { origin, size, root } = checkpoint;
    if output.json {
        output.document(&json!({ "origin": origin, "leaves": size, "root": seal::hex(root), "events": events }));
        return;
    }
    output.line(format!("{} {size} leaves of {origin}, each as it was written", output.good("good:")));
    output.line(format!("root {}", seal::hex(root)));
    let rows: Vec<Vec<String>> = events.iter().map(|(event, count)| vec![event.clone(), count.to_string()]).collect();
    output.table(&["what happened", "leaves"], &rows);
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let new = path.with_extension("new");
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = made.and_then(|()| std::fs::write(&new, bytes)).and_then(|()| std::fs::rename(&new, path));
    written.map_err(|error| file_failure(path, &error))
}
