//! `case SCHEME ID`: the case on one page, for whoever must answer what became of it: its numbers, what happened, who has
//! what and who has not. Asked of the running gateway, as the administrator or as a system that takes part.

use bytes::Bytes;
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::exchange::{Caller, acting};
use super::links::{self, CaseVerb};
use crate::identifiers::{CASE_SCHEMES, CaseKey};
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment, text};

/// Characters of a list that is shown whole; a longer one is counted.
const LISTED: usize = 60;

/// Which case, and who looks; or an order over links.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct CaseArguments {
    #[command(subcommand)]
    verb: Option<CaseVerb>,
    /// cnr, fir, zero-fir, ptn or filing.
    #[arg(required = true)]
    scheme: Option<String>,
    /// The number, such as DLCT010001232026 or 38101004-2026-45.
    #[arg(required = true)]
    id: Option<String>,
    /// As this system, which sees what it sent or was sent; the administrator's view without.
    #[arg(long = "as", value_name = "SYSTEM", requires_all = ["purpose", "ground"])]
    system: Option<String>,
    /// What for; the gateway logs it.
    #[arg(long, requires = "system")]
    purpose: Option<String>,
    /// By what right, such as "BNSS s.193"; the gateway logs it.
    #[arg(long, requires = "system")]
    ground: Option<String>,
    /// The officer who looks: "id; designation" or "id; designation; office", or a claim that the system signed.
    #[arg(long, requires = "system", value_name = "OFFICER")]
    actor: Option<String>,
}

/// Shows one case, or carries out an order over links.
pub(super) async fn run(dir: &GatewayFolder, asked: &CaseArguments, output: Output) -> Done {
    match &asked.verb {
        Some(verb) => links::run(dir, verb, output).await,
        None => show(dir, asked, output).await,
    }
}

async fn show(dir: &GatewayFolder, asked: &CaseArguments, output: Output) -> Done {
    let (scheme, id) = (asked.scheme.as_deref().unwrap_or_default(), asked.id.as_deref().unwrap_or_default());
    let Some(case) = CaseKey::read(&format!("{scheme}/{id}")) else {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{scheme} {id}` is no case number"),
            format!(
                "schemes are {}; write `icjs case cnr DLCT010001232026` or `icjs case fir 38101004-2026-45`",
                CASE_SCHEMES.join(", ")
            ),
        ));
    };
    let file = match &asked.system {
        Some(system) => {
            let caller = Caller::new(dir, system, None).await?;
            let words = |text: &Option<String>| {
                utf8_percent_encode(text.as_deref().unwrap_or_default(), NON_ALPHANUMERIC).to_string()
            };
            let (purpose, ground) = (words(&asked.purpose), words(&asked.ground));
            let path = format!("/v1/cases/{case}?purpose={purpose}&ground={ground}");
            caller.call("GET", &path, acting(asked.actor.as_deref()), Bytes::new(), 0).await?.json()
        }
        None => dir.running_admin("GET", &format!("/admin/v1/cases/{case}"), None).await?.json(),
    };
    if output.json {
        output.document(&file);
        return Ok(());
    }
    head(&file, output);
    timeline(&file, output);
    offices(&file, output);
    Ok(())
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn head(file: &Value, output: Output) {
    output.line(output.bold(text(file, "case")));
    let others: Vec<&str> = list(file, "identifiers").skip(1).filter_map(Value::as_str).collect();
    if !others.is_empty() {
        output.line(format!("also: {}", others.join(", ")));
    }
    let courts: Vec<&str> = list(file, "courts").filter_map(Value::as_str).collect();
    if !courts.is_empty() {
        output.line(format!("court: {}", courts.join(" or ")));
    }
    for link in list(file, "links") {
        let by = if text(link, "by").is_empty() { "a record".to_owned() } else { text(link, "by").to_owned() };
        let ended = text(link, "ended_at");
        let ended = if ended.is_empty() { String::new() } else { format!("; ended {}", moment(ended)) };
        let words = [text(link, "from"), text(link, "link"), text(link, "to")].join(" ");
        output.line(format!("link: {words} (by {by}, {}{ended})", moment(text(link, "at"))));
    }
    output.line("");
}

fn timeline(file: &Value, output: Output) {
    let rows: Vec<Vec<String>> = list(file, "timeline").flat_map(event).collect();
    output.table(&["accepted", "what", "from", "to", "state"], &rows);
    if file.get("more").and_then(Value::as_bool).unwrap_or_default() {
        output.line("the case has more messages than are shown; these are the oldest");
    }
    output.line("");
}

/// One line for a record and each state that its deliveries are in; one for an outcome. That a machine has a record is said
/// by its delivery's state.
fn event(event: &Value) -> Vec<Vec<String>> {
    let at = moment(text(event, "at"));
    if text(event, "what") == "outcome" {
        if text(event, "outcome") == "received" {
            return Vec::new();
        }
        let mut said = text(event, "outcome").to_owned();
        if let Some(reference) = event.get("reference") {
            said.push_str(&format!(" {} {}", text(reference, "scheme"), text(reference, "value")));
        }
        for key in ["code", "reason"] {
            if !text(event, key).is_empty() {
                said.push_str(&format!(", {}", text(event, key)));
            }
        }
        let about = text(event, "about");
        let said = if about.is_empty() { format!("  {said}") } else { format!("  {about}: {said}") };
        return vec![vec![at, said, text(event, "office").to_owned()]];
    }
    let mut what = title(event);
    match text(event, "action") {
        "correct" => what.push_str(" (corrected)"),
        "withdraw" => what.push_str(" (withdrawn)"),
        _ => {}
    }
    let from = text(event, "office").to_owned();
    let mut states: Vec<(String, Vec<&str>)> = Vec::new();
    for delivery in list(event, "deliveries") {
        let office = if text(delivery, "office").is_empty() { "-" } else { text(delivery, "office") };
        match states.iter_mut().find(|(known, _)| *known == state(delivery)) {
            Some((_, offices)) => offices.push(office),
            None => states.push((state(delivery), vec![office])),
        }
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (state, offices) in states {
        let first = rows.is_empty();
        let shown = |text: &String| if first { text.clone() } else { String::new() };
        rows.push(vec![shown(&at), shown(&what), shown(&from), offices.join(" "), state]);
    }
    if rows.is_empty() {
        rows.push(vec![at, what, from, "-".to_owned(), text(event, "status").to_owned()]);
    }
    rows
}

fn title(record: &Value) -> String {
    let headline = text(record, "headline");
    if headline.is_empty() {
        text(record, "title").to_owned()
    } else {
        format!("{}: {headline}", text(record, "title"))
    }
}

fn state(delivery: &Value) -> String {
    let reason = text(delivery, "reason");
    let state = text(delivery, "state");
    if reason.is_empty() { state.to_owned() } else { format!("{state}: {reason}") }
}

fn offices(file: &Value, output: Output) {
    let mut rows = Vec::new();
    for holding in list(file, "offices") {
        let office = if text(holding, "office").is_empty() { "no office" } else { text(holding, "office") };
        let has: Vec<&str> = list(holding, "has").map(|held| text(held, "title")).collect();
        let all = has.join(", ");
        let has = if all.chars().count() > LISTED { format!("{} records", has.len()) } else { all };
        let lacks: Vec<String> =
            list(holding, "has_not").map(|held| format!("{} ({})", text(held, "title"), state(held))).collect();
        rows.push(vec![office.to_owned(), has, lacks.join(", ")]);
    }
    output.table(&["office", "has", "has not"], &rows);
}
