//! `approvals`, `approve`, `reject`: what one administrator proposed and another one decides. Through the running gateway.

use clap::Args;
use serde_json::{Value, json};

use crate::shell::exit::Done;
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment, text};

/// Which, and why.
#[derive(Args, Debug)]
pub(super) struct Decision {
    /// The number of the proposal.
    number: u64,
    /// Why; it is kept.
    #[arg(long)]
    reason: String,
}

/// Says that an answer is a proposal, where it is one.
pub(super) fn proposed(answer: &Value, output: Output) -> bool {
    let Some(proposal) = answer.get("proposal") else { return false };
    let number = proposal.get("number").and_then(Value::as_u64).unwrap_or_default();
    output.line(format!(
        "{} {}, number {number}; nothing is changed yet",
        output.good("proposed:"),
        text(proposal, "what")
    ));
    let until = moment(text(proposal, "until"));
    output.line(format!("another person decides until {until}: `icjs approve {number} --reason WHY`"));
    true
}

/// Lists what waits.
pub(super) async fn list(dir: &GatewayFolder, all: bool, output: Output) -> Done {
    let open = if all { "all" } else { "true" };
    let answer = dir.running_admin("GET", &format!("/admin/v1/approvals?open={open}"), None).await?.json();
    if output.json {
        output.document(&answer);
        return Ok(());
    }
    let rows: Vec<Vec<String>> =
        answer.get("approvals").and_then(Value::as_array).into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        output.line("nothing waits for a second person");
    } else {
        output.table(&["number", "state", "what", "by", "reason", "until", "decided by"], &rows);
    }
    Ok(())
}

fn row(one: &Value) -> Vec<String> {
    let number = one.get("number").and_then(Value::as_u64).unwrap_or_default();
    let shown = |key: &str| text(one, key).to_owned();
    let decided = one.get("ended").map(|end| text(end, "by").to_owned()).filter(|by| !by.is_empty());
    vec![
        number.to_string(),
        shown("state"),
        shown("what"),
        shown("by"),
        shown("reason"),
        moment(text(one, "until")),
        decided.unwrap_or_else(|| "-".to_owned()),
    ]
}

/// Shows one with what it would change.
pub(super) async fn show(dir: &GatewayFolder, number: u64, output: Output) -> Done {
    let one = dir.running_admin("GET", &format!("/admin/v1/approvals/{number}"), None).await?.json();
    if output.json {
        output.document(&one);
        return Ok(());
    }
    let (what, by, state) = (text(&one, "what"), text(&one, "by"), text(&one, "state"));
    let revision = one.get("revision").and_then(Value::as_u64).unwrap_or_default();
    output.line(format!("{number}: {what}, proposed by {by} on revision {revision}: {}", text(&one, "reason")));
    output.line(format!("{state}, until {}", moment(text(&one, "until"))));
    output.line(text(&one, "difference").trim_end());
    Ok(())
}

/// Approves one.
pub(super) async fn approve(dir: &GatewayFolder, decision: &Decision, output: Output) -> Done {
    let done = decide(dir, decision, "approve").await?;
    if output.json {
        output.document(&done);
        return Ok(());
    }
    let revision =
        done.get("number").and_then(Value::as_u64).map(|number| format!("it is revision {number}, live now"));
    let told = revision.unwrap_or_else(|| format!("delivery {}", text(&done, "delivery")));
    output.line(format!("{} {told}", output.good("approved:")));
    Ok(())
}

/// Rejects one.
pub(super) async fn reject(dir: &GatewayFolder, decision: &Decision, output: Output) -> Done {
    let ended = decide(dir, decision, "reject").await?;
    if output.json {
        output.document(&ended);
    } else {
        output.line(format!("{} number {}", output.good("rejected:"), decision.number));
    }
    Ok(())
}

async fn decide(dir: &GatewayFolder, decision: &Decision, word: &str) -> Result<Value, crate::shell::exit::Failure> {
    let path = format!("/admin/v1/approvals/{}/{word}", decision.number);
    Ok(dir.running_admin("POST", &path, Some(&json!({ "reason": decision.reason }))).await?.json())
}
