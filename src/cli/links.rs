//! `case link|unlink|links`: links between case numbers, by the running gateway's admin API: join two, end a link, list the history of one number.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::shell::exit::Done;
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment, text};

/// `case …`
#[derive(Subcommand, Debug)]
pub(super) enum CaseVerb {
    /// Link two case numbers, such as `cnr/DLCT010001232026 committed-to cnr/DLST010004562026`.
    Link(LinkArguments),
    /// End a link. It stays in the history, and what it joined is joined no longer.
    Unlink(LinkArguments),
    /// Take a sealed case's records back from every office that was given them and may not have them any more, by the seals of
    /// config/entitlements.toml. Each office answers what became of its copy.
    Recall {
        /// Such as `fir/38101004-2026-17`.
        case: String,
        /// Why; it is kept.
        #[arg(long)]
        reason: String,
        /// Who orders it; the login name without.
        #[arg(long)]
        by: Option<String>,
    },
    /// List the links of a case number, ended ones too.
    Links {
        /// Such as `fir/38101004-2026-17`.
        case: String,
    },
}

/// One link.
#[derive(Args, Debug)]
pub(super) struct LinkArguments {
    /// One case number.
    from: String,
    /// same, zero-fir-of, split-from, clubbed-with, committed-to, transferred-to, appeal-of or counter-case.
    link: String,
    /// The other case number.
    to: String,
    /// Why; it is kept.
    #[arg(long)]
    reason: String,
    /// Who orders it; the login name without.
    #[arg(long)]
    by: Option<String>,
}

/// Runs one of the verbs.
pub(super) async fn run(dir: &GatewayFolder, verb: &CaseVerb, output: Output) -> Done {
    let answer = match verb {
        CaseVerb::Recall { case, reason, by } => return recall(dir, (case, reason, by.as_deref()), output).await,
        CaseVerb::Link(link) => order(dir, "/admin/v1/links", link).await?,
        CaseVerb::Unlink(link) => order(dir, "/admin/v1/links/end", link).await?,
        CaseVerb::Links { case } => {
            let case = case.replace('%', "%25");
            dir.running_admin("GET", &format!("/admin/v1/links?case={case}"), None).await?.json()
        }
    };
    if output.json {
        output.document(&answer);
        return Ok(());
    }
    let list = |key: &str| answer.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = list("links").iter().map(row).collect();
    output.table(&["from", "link", "to", "date", "source", "ended"], &rows);
    for key in list("unknown").iter().filter_map(Value::as_str) {
        output.line(format!("warning: no record has the number {key}"));
    }
    for found in list("ambiguous") {
        let case = text(&found, "case");
        output.line(format!(
            "warning: {case} belongs to cases of several courts, and no link says how those hang together"
        ));
    }
    if rows.is_empty() {
        output.line("no links");
    }
    Ok(())
}

async fn recall(dir: &GatewayFolder, (case, reason, by): (&str, &str, Option<&str>), output: Output) -> Done {
    let body = json!({ "case": case, "by": author(by), "reason": reason });
    let answer = dir.running_admin("POST", "/admin/v1/recalls", Some(&body)).await?.json();
    if output.json {
        output.document(&answer);
        return Ok(());
    }
    let copies = answer.get("copies").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if copies.is_empty() {
        output.line(format!("nobody has a record of {case} that a seal of config/entitlements.toml keeps from him"));
        return Ok(());
    }
    let row = |copy: &Value| {
        let told = Some(text(copy, "now")).filter(|now| !now.is_empty()).unwrap_or_else(|| text(copy, "not"));
        ["office", "kind", "delivery"]
            .map(|key| text(copy, key).to_owned())
            .into_iter()
            .chain([told.to_owned()])
            .collect()
    };
    output.table(&["office", "kind", "delivery", "taken back by"], &copies.iter().map(row).collect::<Vec<_>>());
    output.line(format!("what becomes of each copy is said by its office: `icjs case {}`", case.replacen('/', " ", 1)));
    Ok(())
}

fn author(by: Option<&str>) -> String {
    let login = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    by.map(str::to_owned).or_else(login).unwrap_or_else(|| "administrator".to_owned())
}

async fn order(dir: &GatewayFolder, path: &str, link: &LinkArguments) -> Result<Value, crate::shell::exit::Failure> {
    let by = author(link.by.as_deref());
    let body = json!({ "from": link.from, "link": link.link, "to": link.to, "by": by, "reason": link.reason });
    Ok(dir.running_admin("POST", path, Some(&body)).await?.json())
}

fn row(link: &Value) -> Vec<String> {
    let part = |name: &str, key: &str| link.get(name).map(|value| text(value, key).to_owned()).unwrap_or_default();
    let source = match (text(link, "message"), part("ordered", "by")) {
        ("", by) => format!("{by}: {}", part("ordered", "reason")),
        (message, _) => message.to_owned(),
    };
    let ended = match part("ended", "by") {
        by if by.is_empty() => "-".to_owned(),
        by => format!("{} {by} {}", moment(&part("ended", "at")), part("ended", "reason")),
    };
    let shown = |key: &str| text(link, key).to_owned();
    vec![shown("from"), shown("link"), shown("to"), moment(&shown("at")), source, ended]
}
