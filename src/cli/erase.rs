//! `store erase`: makes everything of one case unreadable for good, for whoever is ordered to by law or by a court. No gateway
//! may run on the folder meanwhile. What it does to the store is said in `journal::sqlite::erase`.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::store::{failure, places, unopened};
use crate::clock::{Clock, WallClock};
use crate::identifiers::CaseKey;
use crate::journal::sqlite::{Options, SqliteJournal};
use crate::journal::{Erase, Erased, Journal, uploads};
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::Output;

/// Which case, who orders it, and by what right.
#[derive(Args, Debug)]
pub(super) struct EraseArguments {
    /// cnr, fir, zero-fir, ptn or filing.
    scheme: String,
    /// The number, such as DLCT010001232026 or 38101004-2026-45.
    id: String,
    /// By what right: the order or the rule, such as "JJ Act s.24(2), order 12/2026 of JJB-1". It is kept.
    #[arg(long)]
    ground: String,
    /// Why; it is kept.
    #[arg(long)]
    reason: String,
    /// Who orders it; the login name without. It is kept.
    #[arg(long)]
    by: Option<String>,
    /// Only say what it would be.
    #[arg(long)]
    dry_run: bool,
}

/// Erases.
pub(super) async fn run(dir: &GatewayFolder, asked: &EraseArguments, output: Output) -> Done {
    let text = format!("{}/{}", asked.scheme, asked.id);
    let Some(case) = CaseKey::read(&text).filter(|case| !case.is_item()) else {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{text}` is no case number"),
            "write it as `icjs case` takes it",
        ));
    };
    for (option, words) in [("--ground", &asked.ground), ("--reason", &asked.reason)] {
        if words.trim().is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                format!("{option} is empty"),
                "say it: it is kept in place of the case",
            ));
        }
    }
    let login = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    let by = asked.by.clone().or_else(login).unwrap_or_else(|| "administrator".to_owned());
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let at = clock.now();
    let keys = crate::keys::Keys::open(dir.path()).map_err(|error| unopened(&error))?;
    let places = places(dir)?;
    let options = Options::new(keys.store.clone(), String::new(), clock);
    let journal = SqliteJournal::open(&places.data, options).map_err(failure)?;
    let (ground, reason, dry) = (asked.ground.clone(), asked.reason.clone(), asked.dry_run);
    let erased = journal.erase(Erase { case, by, ground, reason, at, dry }).await.map_err(failure)?;
    drop(journal);
    for key in &erased.files {
        let path = uploads::file_of(&places.uploads, key);
        // What cannot be removed now is found by the gateway's sweep; without its key it is noise.
        drop(std::fs::remove_file(path));
    }
    told(&erased, &text, dry, output)
}

fn told(erased: &Erased, case: &str, dry: bool, output: Output) -> Done {
    if !erased.unsettled.is_empty() {
        let what = format!("{} deliveries of the case are not settled: nothing was erased", erased.unsettled.len());
        let advice = "settle them first (`icjs deliveries list`), or wait";
        let ids = erased.unsettled.iter().map(ToString::to_string).collect();
        return Err(Failure::new(Exit::TryLater, what, advice).with(ids));
    }
    if erased.messages.is_empty() && erased.kept == 0 {
        let what = format!("no readable record names `{case}`");
        return Err(Failure::new(Exit::Refused, what, "look at its number with `icjs case`; or it was erased before"));
    }
    if output.json {
        output.document(&json!({
            "cases": erased.cases.iter().map(CaseKey::as_str).collect::<Vec<_>>(),
            "messages": erased.messages.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "kept": erased.kept, "files": erased.files.len(), "dry_run": dry,
        }));
        return Ok(());
    }
    let verb = if dry { "would be" } else { "are" };
    let cases: Vec<&str> = erased.cases.iter().map(CaseKey::as_str).collect();
    output.line(format!("{} records and outcomes of {} {verb} unreadable", erased.messages.len(), cases.join(", ")));
    output.line(format!("{} records of it are of another case too and stay", erased.kept));
    if !dry {
        output.line(
            "files of wraps that were taken before this still open a backup of it: destroy them, and take a new one",
        );
    }
    Ok(())
}
