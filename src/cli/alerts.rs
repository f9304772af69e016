//! The verbs over alerts: what is open, and that somebody has seen it. Everything goes through the running gateway's admin API.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::shell::exit::Done;
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment, text};

/// `alerts …`
#[derive(Subcommand, Debug)]
pub(super) enum AlertsVerb {
    /// List alerts, newest first; open ones without --all or --ended.
    List(ListArguments),
    /// Say that you have seen one; it stays open until its cause is gone.
    Ack {
        /// Its number.
        number: u64,
        /// What you found, or do about it.
        #[arg(long, default_value = "")]
        note: String,
        /// Who has seen it; the login name without.
        #[arg(long)]
        by: Option<String>,
    },
}

/// `alerts list`
#[derive(Args, Debug)]
pub(super) struct ListArguments {
    /// Only of this rule.
    #[arg(long)]
    rule: Option<String>,
    /// Only about this office.
    #[arg(long)]
    office: Option<String>,
    /// Only ended ones.
    #[arg(long, conflicts_with = "all")]
    ended: bool,
    /// Open and ended ones.
    #[arg(long)]
    all: bool,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

/// Runs one of the verbs.
pub(super) async fn run(dir: &GatewayFolder, verb: AlertsVerb, output: Output) -> Done {
    match verb {
        AlertsVerb::List(asked) => list(dir, &asked, output).await,
        AlertsVerb::Ack { number, note, by } => {
            let login = || std::env::var("USER").ok().filter(|name| !name.is_empty());
            let by = by.or_else(login).unwrap_or_else(|| "administrator".to_owned());
            let body = json!({ "by": by, "note": note });
            let path = format!("/admin/v1/alerts/{number}/ack");
            let answer = dir.running_admin("POST", &path, Some(&body)).await?.json();
            if output.json {
                output.document(&answer);
            } else {
                output.line(format!("{} alert {number} was seen by {by}", output.good("done")));
            }
            Ok(())
        }
    }
}

async fn list(dir: &GatewayFolder, asked: &ListArguments, output: Output) -> Done {
    let open = match (asked.all, asked.ended) {
        (true, _) => "all",
        (false, true) => "false",
        (false, false) => "true",
    };
    let mut path = format!("/admin/v1/alerts?open={open}&limit={}", asked.limit);
    for (name, value) in [("rule", &asked.rule), ("office", &asked.office)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={value}"));
        }
    }
    let answer = dir.running_admin("GET", &path, None).await?.json();
    if output.json {
        output.document(&answer);
        return Ok(());
    }
    let rows: Vec<Vec<String>> =
        answer.get("alerts").and_then(Value::as_array).into_iter().flatten().map(row).collect();
    output.table(&["alert", "rule", "about", "order", "office", "since", "raised", "times", "state", "seen by"], &rows);
    if rows.is_empty() {
        output.line("no alert");
    }
    Ok(())
}

fn row(alert: &Value) -> Vec<String> {
    let some = |words: &str| if words.is_empty() { "-".to_owned() } else { words.to_owned() };
    let shown = |key: &str| some(text(alert, key));
    let number = |key: &str| alert.get(key).and_then(Value::as_u64).unwrap_or_default().to_string();
    let subject = text(alert, "subject");
    let about = subject.split_once('/').map_or(subject, |(_, name)| name);
    let what = [text(alert, "order"), text(alert, "kind")].into_iter().find(|words| !words.is_empty());
    let office = [text(alert, "office"), text(alert, "system")].into_iter().find(|words| !words.is_empty());
    let state = match (text(alert, "ended_at"), text(alert, "code")) {
        ("", "") => "open".to_owned(),
        ("", code) => code.to_owned(),
        (ended, _) => format!("ended {}", moment(ended)),
    };
    vec![
        number("number"),
        shown("rule"),
        some(about),
        some(what.unwrap_or_default()),
        some(office.unwrap_or_default()),
        moment(&shown("since")),
        moment(&shown("last_at")),
        number("times"),
        state,
        alert.get("acknowledged").map_or_else(|| "-".to_owned(), |seen| some(text(seen, "by"))),
    ]
}
