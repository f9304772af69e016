//! `store …`: looks at everything in a store, takes a backup of one that is in use, brings one back. None of them needs the
//! gateway; `verify` and `backup` may be run beside it.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::clock::{Clock, WallClock};
use crate::config::Settings;
use crate::journal::JournalError;
use crate::journal::sqlite::backup::{self, Manifest, Taken};
use crate::journal::sqlite::verify::{self, Places, Verified};
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
    },
    /// Take a backup while the gateway runs (keys are not in it).
    Backup {
        /// A folder that is empty or not there yet.
        #[arg(value_name = "TO")]
        to: PathBuf,
    },
    /// Make a backup the store of --dir, whose data/ must be empty or not there.
    Restore {
        /// The backup.
        #[arg(value_name = "FROM")]
        from: PathBuf,
    },
}

/// Runs one of the verbs.
pub(super) fn run(dir: &GatewayFolder, verb: &StoreVerb, output: Output) -> Done {
    let keys = crate::keys::store(dir.path());
    match verb {
        StoreVerb::Verify { backup: None } => {
            dir.require()?;
            let found = verify::verify(&places(dir)?, keys.as_ref()).map_err(failure)?;
            told(&found, None, "the store is as it was written", output)
        }
        StoreVerb::Verify { backup: Some(from) } => {
            let taken = backup::verify_backup(from, keys.as_ref()).map_err(failure)?;
            told(&taken.verified, Some(&taken.manifest), "the backup is as it was taken", output)
        }
        StoreVerb::Backup { to } => {
            dir.require()?;
            let Taken { manifest, verified } =
                backup::backup(&places(dir)?, to, keys.as_ref(), WallClock.now()).map_err(failure)?;
            told(&verified, Some(&manifest), "the backup is whole", output)
        }
        StoreVerb::Restore { from } => {
            let Taken { manifest, verified } = backup::restore(from, &places(dir)?, keys.as_ref()).map_err(failure)?;
            told(&verified, Some(&manifest), "the store is restored", output)?;
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

/// Where the store of a folder lies, by its own settings.
fn places(dir: &GatewayFolder) -> Result<Places, Failure> {
    let settings = Settings::load(dir.path()).map_err(|errors| {
        let places = errors.iter().map(|error| format!("{}:{}: {}", error.file, error.line, error.message));
        Failure::new(Exit::Configuration, "the settings have errors", "mend the places named above")
            .with(places.collect())
    })?;
    Ok(Places::new(dir.file("data"), &dir.path().join(&settings.store.attachments)))
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
        output.line("without keys/store.key only digests were looked at: sealed parts were not opened");
    }
    Ok(())
}

fn document(found: &Verified, manifest: Option<&Manifest>) -> Value {
    json!({ "sound": found.is_sound(), "found": found, "manifest": manifest })
}

fn failure(error: JournalError) -> Failure {
    let advice = match &error {
        JournalError::Full => "make room on the disk and begin again",
        JournalError::TooNew { .. } => "use the newer `icjs`",
        JournalError::Damaged(_) => "restore a backup (`icjs store restore`)",
        _ => "check the folder and who may read it",
    };
    Failure::new(Exit::Storage, error.to_string(), advice)
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}
