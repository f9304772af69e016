//! `reads`: who was given personal data, by which call, what for and by what right. Asked of the running gateway by the
//! owner of its folder.

use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::shell::exit::Done;
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment, text};

/// Which readings.
#[derive(Args, Debug)]
pub(super) struct ReadsArguments {
    /// Only of this system.
    #[arg(long)]
    system: Option<String>,
    /// Only of the officer with this id.
    #[arg(long, value_name = "ID")]
    officer: Option<String>,
    /// Only of the officer with this mark, as an alert `mass-read` names it.
    #[arg(long, value_name = "MARK")]
    reader: Option<String>,
    /// Only looks at this case.
    #[arg(long, num_args = 2, value_names = ["SCHEME", "ID"])]
    case: Option<Vec<String>>,
    /// Not older than this; RFC 3339 with offset.
    #[arg(long, value_name = "MOMENT")]
    since: Option<String>,
    /// Go on below this number, as `next` of the page before says.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

/// Lists readings, newest first.
pub(super) async fn run(dir: &GatewayFolder, asked: &ReadsArguments, output: Output) -> Done {
    let case = asked.case.as_ref().map(|parts| parts.join("/"));
    let before = asked.before.map(|number| number.to_string());
    let mut path = format!("/admin/v1/readings?limit={}", asked.limit);
    for (name, value) in [
        ("system", &asked.system),
        ("officer", &asked.officer),
        ("reader", &asked.reader),
        ("case", &case),
        ("since", &asked.since),
        ("before", &before),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        }
    }
    let answer = dir.running_admin("GET", &path, None).await?.json();
    if output.json {
        output.document(&answer);
        return Ok(());
    }
    let rows: Vec<Vec<String>> =
        answer.get("readings").and_then(Value::as_array).into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        output.line("no reading is known");
    } else {
        output.table(&["number", "at", "system", "officer", "call", "of", "messages", "purpose", "ground"], &rows);
    }
    if let Some(next) = answer.get("next").and_then(Value::as_u64) {
        output.line(format!("more: --before {next}"));
    }
    Ok(())
}

fn row(reading: &Value) -> Vec<String> {
    let number = |key: &str| reading.get(key).and_then(Value::as_u64).unwrap_or_default().to_string();
    let or =
        |key: &str, other: &str| Some(text(reading, key)).filter(|text| !text.is_empty()).unwrap_or(other).to_owned();
    let of = Some(or("case", "")).filter(|case| !case.is_empty()).unwrap_or_else(|| or("attachment", "-"));
    vec![
        number("number"),
        moment(text(reading, "at")),
        or("system", "(centre)"),
        or("officer", "-"),
        text(reading, "call").to_owned(),
        of.chars().take(40).collect(),
        number("count"),
        or("purpose", "-"),
        or("ground", "-"),
    ]
}
