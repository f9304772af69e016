//! `route explain FILE`: who would get a record under the folder's configuration, and why: every route and step that is
//! tried, the row that each names, and whether it was taken. Without a gateway: what links and custody updates add is not
//! known here; `icjs message ID` shows the `why` of each real delivery.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::configure::compile;
use crate::clock::{Clock, Timestamp, WallClock};
use crate::config::{Destination, Taken, Trial};
use crate::journal::Snapshot;
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::Output;

/// `route …`
#[derive(Subcommand, Debug)]
pub(super) enum RouteVerb {
    /// Show every route and step that is tried for a record, and who would get it.
    Explain {
        /// The record's file.
        record: PathBuf,
        /// Its kind.
        #[arg(long)]
        kind: String,
        /// The system that would send it, in its own format; without, the file is in the shared form.
        #[arg(long = "as", value_name = "SYSTEM")]
        system: Option<String>,
        /// As if it happened and were sent on this day, such as 2024-03-31.
        #[arg(long, value_name = "DAY")]
        date: Option<String>,
    },
}

/// Runs one of the verbs.
pub(super) fn run(dir: &GatewayFolder, verb: &RouteVerb, output: Output) -> Done {
    let RouteVerb::Explain { record, kind, system, date } = verb;
    let revision = compile(dir)?;
    let (shared, _) = super::dry_run::read(&revision, record, kind, system.as_deref())?;
    let mut facts = revision.facts(kind, shared.tree());
    let mut known = Snapshot { at: WallClock.now(), ..Snapshot::default() };
    if let Some(day) = date {
        let noon = Timestamp::parse(&format!("{day}T12:00:00+05:30"))
            .ok_or_else(|| Failure::new(Exit::Usage, format!("`{day}` is no day"), "write it as 2026-11-22"))?;
        known.at = noon;
        facts.occurred_at = Some(noon);
    }
    let (destinations, trials) = revision.explain(kind, shared.tree(), &facts, &known);
    let deliveries: Vec<Value> = destinations.iter().map(delivery).collect();
    if output.json {
        output.document(&json!({ "steps": trials, "deliveries": deliveries }));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = trials.iter().map(row).collect();
    output.table(&["route", "at", "case", "step", "", "names"], &rows);
    output.line("");
    let cell = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let keys = ["office", "system", "state", "why"];
    let rows: Vec<Vec<String>> = deliveries.iter().map(|one| keys.iter().map(|key| cell(one, key)).collect()).collect();
    output.table(&keys, &rows);
    if rows.is_empty() {
        output.line("nobody gets it");
    }
    Ok(())
}

fn row(trial: &Trial) -> Vec<String> {
    let taken = match trial.taken {
        Taken::Yes => "names",
        Taken::Unserved => "unserved",
        Taken::No => "no",
    };
    let words = if trial.named.is_empty() { trial.note.clone() } else { trial.named.join("; ") };
    let shown = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    vec![trial.route.clone(), trial.at.clone(), shown(&trial.case), shown(&trial.step), taken.to_owned(), words]
}

fn delivery(to: &Destination) -> Value {
    let state = match (&to.code, to.hold) {
        (Some(code), _) => format!("parked: {code}"),
        (None, Some(_)) => "held".to_owned(),
        (None, None) => "queued".to_owned(),
    };
    let system = Some(&to.system).filter(|name| !name.is_empty());
    json!({ "office": to.office, "system": system, "how": to.how, "state": state, "why": to.why })
}
