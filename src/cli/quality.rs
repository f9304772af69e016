//! `quality`: how many records of each system had which warning, and which records of one rule still do not go together with
//! their case. Asked of the running gateway.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::shell::exit::Done;
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment, text};

/// `quality …`
#[derive(Subcommand, Debug)]
pub(super) enum QualityVerb {
    /// Records that a rule marked and that are still so, oldest first.
    List {
        /// The rule, such as `arrest-before-fir`.
        rule: String,
        /// Go on after this message, as `next` of the page before says.
        #[arg(long, value_name = "MESSAGE")]
        after: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

/// `quality`
#[derive(Args, Debug)]
pub(super) struct CountArguments {
    /// Only of this system.
    #[arg(long)]
    system: Option<String>,
    /// Accepted at or after; RFC 3339 with offset. The last seven days without.
    #[arg(long, value_name = "MOMENT")]
    since: Option<String>,
    /// Accepted before.
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
}

/// Counts, or lists.
pub(super) async fn run(
    dir: &GatewayFolder,
    verb: Option<QualityVerb>,
    asked: &CountArguments,
    output: Output,
) -> Done {
    match verb {
        None => count(dir, asked, output).await,
        Some(QualityVerb::List { rule, after, limit }) => list(dir, &rule, after, limit, output).await,
    }
}

fn path(base: String, given: &[(&str, Option<&String>)]) -> String {
    let mut path = base;
    for (name, value) in given {
        if let Some(value) = value {
            let joint = if path.contains('?') { '&' } else { '?' };
            path.push_str(&format!("{joint}{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        }
    }
    path
}

async fn count(dir: &GatewayFolder, asked: &CountArguments, output: Output) -> Done {
    let (mut since, mut until, mut after) = (asked.since.clone(), asked.until.clone(), None);
    let mut all = Counts::new();
    // A long period is counted in several calls, all of them about the period that the first one names.
    loop {
        let given = [("system", &asked.system), ("since", &since), ("until", &until), ("after", &after)];
        let given = given.map(|(name, value)| (name, value.as_ref()));
        let answer = dir.running_admin("GET", &path("/admin/v1/quality".to_owned(), &given), None).await?.json();
        for row in answer.get("rows").and_then(Value::as_array).into_iter().flatten() {
            add(&mut all, row);
        }
        (since, until) = (Some(text(&answer, "since").to_owned()), Some(text(&answer, "until").to_owned()));
        after = answer.get("next").and_then(Value::as_str).map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    let (since, until) = (since.unwrap_or_default(), until.unwrap_or_default());
    if output.json {
        let rows: Vec<Value> = all.iter().map(document).collect();
        output.document(&json!({ "since": since, "until": until, "rows": rows }));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = all.iter().map(line).collect();
    output.line(format!("accepted from {} to {}", moment(&since), moment(&until)));
    if rows.is_empty() {
        output.line("no record");
    } else {
        output.table(&["system", "kind", "records", "warned", "by rule"], &rows);
    }
    Ok(())
}

/// Counts by system and kind.
type Counts = BTreeMap<(String, String), Count>;

#[derive(Default)]
struct Count {
    records: u64,
    warned: u64,
    rules: BTreeMap<String, u64>,
}

/// Adds the counts of one answer to those of the answers before.
fn add(all: &mut Counts, row: &Value) {
    let count = all.entry((text(row, "system").to_owned(), text(row, "kind").to_owned())).or_default();
    count.records += number(row.get("records"));
    count.warned += number(row.get("warned"));
    for (rule, many) in row.get("rules").and_then(Value::as_object).into_iter().flatten() {
        *count.rules.entry(rule.clone()).or_default() += number(Some(many));
    }
}

fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or_default()
}

fn document(((system, kind), count): (&(String, String), &Count)) -> Value {
    let Count { records, warned, rules } = count;
    json!({ "system": system, "kind": kind, "records": records, "warned": warned, "rules": rules })
}

fn line(((system, kind), count): (&(String, String), &Count)) -> Vec<String> {
    let rules: Vec<String> = count.rules.iter().map(|(rule, many)| format!("{rule} {many}")).collect();
    let rules = if rules.is_empty() { "-".to_owned() } else { rules.join(", ") };
    vec![system.clone(), kind.clone(), count.records.to_string(), count.warned.to_string(), rules]
}

async fn list(dir: &GatewayFolder, rule: &str, after: Option<String>, limit: u32, output: Output) -> Done {
    let base = format!("/admin/v1/quality/{}?limit={limit}", utf8_percent_encode(rule, NON_ALPHANUMERIC));
    let answer = dir.running_admin("GET", &path(base, &[("after", after.as_ref())]), None).await?.json();
    if output.json {
        output.document(&answer);
        return Ok(());
    }
    let marks: Vec<&Value> = answer.get("marks").and_then(Value::as_array).into_iter().flatten().collect();
    for mark in &marks {
        let cases = mark.get("cases").and_then(Value::as_array).into_iter().flatten();
        let cases: Vec<&str> = cases.filter_map(Value::as_str).collect();
        let [at, system, kind, id] = ["at", "system", "kind", "message"].map(|key| text(mark, key));
        output.line(format!("{}  {system}  {kind}  {id}  {}", moment(at), cases.join(" ")));
        output.line(format!("    {}", text(mark, "text")));
    }
    if marks.is_empty() {
        output.line(format!("nothing stands by `{rule}`"));
    }
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        output.line(format!("more: --after {next}"));
    }
    Ok(())
}
