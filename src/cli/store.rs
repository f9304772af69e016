//! `store …`: looks at everything in a store, takes a backup of one that is in use, brings one back, prunes what is old. None
//! of them needs the gateway; `verify` and `backup` may be run beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Value, json};

use super::erase::{self, EraseArguments};
use crate::clock::{Clock, Timestamp, WallClock};
use crate::config::Settings;
use crate::journal::sqlite::backup::{self, Manifest, Taken};
use crate::journal::sqlite::verify::{self, Places, Verified};
use crate::journal::sqlite::{Options, SqliteJournal};
use crate::journal::{Journal, JournalError, Prune, Pruned};
use crate::keys::KeyError;
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::Output;

/// `store …`
#[derive(Subcommand, Debug)]
pub(super) enum StoreVerb {
    /// Look at everything: pages, the digest of every row, every sealed part, every attachment. Names what is damaged.
    Verify {
        /// A backup; the gateway's own store without. A backup is opened with the key in --dir, or only its digests are
        /// looked at.
        #[arg(value_name = "BACKUP")]
        backup: Option<PathBuf>,
        /// The backup's wraps; without: BACKUP.wraps, where it is there.
        #[arg(long, value_name = "FILE", requires = "backup")]
        wraps: Option<PathBuf>,
    },
    /// Take a backup while the gateway runs: the payloads, and apart from them the wraps without which they cannot be read.
    /// keys/ is in neither.
    Backup {
        /// A folder that is empty or not there yet.
        #[arg(value_name = "TO")]
        to: PathBuf,
        /// A file that is not there yet, for the wraps; TO.wraps without. Keep it where the backup is not, and only the newest.
        #[arg(long, value_name = "FILE")]
        wraps: Option<PathBuf>,
    },
    /// Have the store's key wrapped by another master: that of keys/master.next.toml, which then becomes keys/master.toml; or
    /// anew by the present one, where there is no such file. Nothing in the store is rewritten; a gateway may run.
    RotateKey,
    /// Make all records of a case unreadable for good, here and in every backup whose wraps are not kept; no gateway may run.
    Erase(EraseArguments),
    /// Take the payloads of records away that were settled before a moment; no gateway may run. What is not settled is never
    /// touched, and rows, outcomes, receipts and the evidence log stay. A running gateway does it by itself, as `[retention]` says.
    Prune {
        /// Before which moment: a day such as 2025-01-01, or RFC 3339. Without: as `[retention]` says.
        #[arg(long, value_name = "MOMENT")]
        before: Option<String>,
        /// Only say how much it would be.
        #[arg(long)]
        dry_run: bool,
    },
    /// Make a backup the store of --dir, whose data/ must be empty or not there.
    Restore {
        /// The backup.
        #[arg(value_name = "FROM")]
        from: PathBuf,
        /// Its wraps, or those of any later backup; without: FROM.wraps, where it is there.
        #[arg(long, value_name = "FILE")]
        wraps: Option<PathBuf>,
    },
}

/// Messages of one batch of pruning.
const BATCH: usize = 500;

/// Runs one of the verbs.
pub(super) async fn run(dir: &GatewayFolder, verb: &StoreVerb, output: Output) -> Done {
    let key = || crate::keys::store(dir.path()).map_err(|error| unopened(&error));
    match verb {
        StoreVerb::Verify { backup: None, .. } => {
            dir.require()?;
            let found = verify::verify(&places(dir)?, key()?.as_ref()).map_err(failure)?;
            told(&found, None, "the store is as it was written", output)
        }
        StoreVerb::Verify { backup: Some(from), wraps } => {
            let wraps = beside(from, wraps.as_deref());
            let taken = backup::verify_backup(from, wraps.as_deref(), key()?.as_ref()).map_err(failure)?;
            told(&taken.verified, Some(&taken.manifest), "the backup is as it was taken", output)
        }
        StoreVerb::Backup { to, wraps } => {
            dir.require()?;
            let wraps = wraps.clone().unwrap_or_else(|| backup::wraps_beside(to));
            let Taken { manifest, verified } =
                backup::backup(&places(dir)?, (to, &wraps), key()?.as_ref(), WallClock.now()).map_err(failure)?;
            told(&verified, Some(&manifest), "the backup is whole", output)?;
            if !output.json {
                let wraps = shown(&wraps);
                output.line(format!(
                    "{:10} {wraps}: nothing is read without it; keep it elsewhere, and no older one",
                    "wraps"
                ));
            }
            Ok(())
        }
        StoreVerb::RotateKey => {
            dir.require()?;
            let by = crate::keys::master::rotate(dir.path()).map_err(|error| unopened(&error))?;
            if output.json {
                output.document(&json!({ "wrapped_by": by }));
            } else {
                output.line(format!("the store's key is wrapped by {by}"));
                output.line("copies of keys/store.key from before are opened by the master before: destroy them, and keep one of the new");
            }
            Ok(())
        }
        StoreVerb::Erase(asked) => {
            dir.require()?;
            erase::run(dir, asked, output).await
        }
        StoreVerb::Prune { before, dry_run } => {
            dir.require()?;
            prune(dir, before.as_deref(), *dry_run, output).await
        }
        StoreVerb::Restore { from, wraps } => {
            let wraps = beside(from, wraps.as_deref());
            let keys = key()?;
            let Taken { manifest, verified } =
                backup::restore(from, wraps.as_deref(), &places(dir)?, keys.as_ref()).map_err(failure)?;
            told(&verified, Some(&manifest), "the store is restored", output)?;
            if wraps.is_none() && !output.json {
                output.line(
                    "without its wraps nothing that was accepted can be read, and no gateway starts on it: restore it again \
                     into an empty data/ with --wraps",
                );
            }
            if keys.is_none() && !output.json {
                let key = dir.file("keys/store.key");
                output.line(format!(
                    "without its key it cannot be read: put the key that it was written with at {}",
                    shown(&key)
                ));
            }
            Ok(())
        }
    }
}

/// Why the gateway's keys cannot be had. A master that does not answer now may do so later.
pub(super) fn unopened(error: &KeyError) -> Failure {
    let (exit, advice) = match error {
        KeyError::Master { .. } => (Exit::Unreachable, "see that the master answers, and try again"),
        KeyError::Described { .. } => (Exit::Configuration, "docs/security.md says what may stand there"),
        KeyError::File { .. } | KeyError::Form { .. } => (Exit::Configuration, "restore keys/ from your backup"),
    };
    Failure::new(exit, error.to_string(), advice)
}

/// The wraps of a backup: as named, or those that lie beside it.
fn beside(backup: &Path, named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_owned).or_else(|| Some(backup::wraps_beside(backup)).filter(|wraps| wraps.exists()))
}

async fn prune(dir: &GatewayFolder, before: Option<&str>, dry: bool, output: Output) -> Done {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let now = clock.now();
    let kept = settings(dir)?.retention.payloads;
    let before = match before {
        Some(text) => moment(text)?,
        None if kept.is_zero() => {
            let what = "[retention] keeps payloads for ever";
            return Err(Failure::new(Exit::Usage, what, "say --before, or set `payloads` of [retention]"));
        }
        None => {
            Timestamp::from_millis(now.millis().saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)))
        }
    };
    let keys = crate::keys::Keys::open(dir.path()).map_err(|error| unopened(&error))?;
    let options = Options::new(keys.store.clone(), String::new(), clock);
    let journal = SqliteJournal::open(&dir.file("data"), options).map_err(failure)?;
    let mut all = Pruned::default();
    while !all.done {
        let ask =
            Prune { after: all.upto, limit: BATCH, payloads: Some(before), refusals: None, readings: None, now, dry };
        let batch = journal.prune(ask).await.map_err(failure)?;
        all = Pruned {
            messages: all.messages + batch.messages,
            bytes: all.bytes + batch.bytes,
            unsettled: all.unsettled + batch.unsettled,
            ..batch
        };
    }
    if output.json {
        output.document(
            &json!({ "messages": all.messages, "bytes": all.bytes, "unsettled": all.unsettled, "dry_run": dry }),
        );
        return Ok(());
    }
    let verb = if dry { "would be pruned" } else { "are pruned" };
    output.line(format!("payloads of {} messages {verb}, {} bytes as received", all.messages, all.bytes));
    output.line(format!("{} are old enough and stay: not all of their deliveries were settled by then", all.unsettled));
    Ok(())
}

/// A day, or a moment of it.
fn moment(text: &str) -> Result<Timestamp, Failure> {
    let read = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
    read.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("`{text}` is no day and no moment"),
            "write 2025-01-01 or 2025-01-01T00:00:00+05:30",
        )
    })
}

/// Where the store of a folder lies, by its own settings.
pub(super) fn places(dir: &GatewayFolder) -> Result<Places, Failure> {
    Ok(Places::new(dir.file("data"), &dir.path().join(settings(dir)?.store.attachments)))
}

fn settings(dir: &GatewayFolder) -> Result<Settings, Failure> {
    Settings::load(dir.path()).map_err(|errors| {
        let places = errors.iter().map(|error| format!("{}:{}: {}", error.file, error.line, error.message));
        Failure::new(Exit::Configuration, "the settings have errors", "mend the places named above")
            .with(places.collect())
    })
}

/// Says what was found; damage is a failure that names all of it.
fn told(found: &Verified, manifest: Option<&Manifest>, good: &str, output: Output) -> Done {
    if output.json {
        output.document(&document(found, manifest));
    }
    if !found.is_sound() {
        let mut lines = found.damaged.clone();
        if found.more > 0 {
            lines.push(format!("and {} more", found.more));
        }
        let count = found.damaged.len() as u64 + found.more;
        let what = format!("{count} {} not as written", if count == 1 { "thing is" } else { "things are" });
        let advice = "what is not named here can be read; restore a backup (`icjs store restore`) for what is";
        return Err(Failure::new(Exit::Storage, what, advice).with(lines));
    }
    if output.json {
        return Ok(());
    }
    output.line(output.good(good));
    for (label, value) in [
        ("messages", found.messages.to_string()),
        ("leaves", format!("{}, root {}", found.leaves, found.root)),
        ("files", format!("{}, {} bytes", found.files, found.file_bytes)),
    ] {
        output.line(format!("{label:10} {value}"));
    }
    if let Some(manifest) = manifest {
        output.line(format!("{:10} {}", "taken", manifest.taken_at));
    }
    if !found.opened {
        output.line("only digests were looked at: sealed parts are opened with keys/store.key and the wraps");
    }
    Ok(())
}

fn document(found: &Verified, manifest: Option<&Manifest>) -> Value {
    json!({ "sound": found.is_sound(), "found": found, "manifest": manifest })
}

pub(super) fn failure(error: JournalError) -> Failure {
    let advice = match &error {
        JournalError::Full => "make room on the disk and begin again",
        JournalError::OtherKey => {
            return Failure::new(
                Exit::Configuration,
                error.to_string(),
                "put the key that it was written with at keys/store.key",
            );
        }
        JournalError::TooNew { .. } => "use the newer `icjs`",
        JournalError::Damaged(_) => "restore a backup (`icjs store restore`)",
        _ => "check the folder and who may read it",
    };
    Failure::new(Exit::Storage, error.to_string(), advice)
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}
