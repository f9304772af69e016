//! `reconcile`: the gateway's book of one partner and one day, and where the partner's own book differs from it.

use std::path::PathBuf;

use clap::Args;
use icjs_proof::books::Book;
use serde_json::json;

use crate::clock::Timestamp;
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::Output;

/// Which book, and what is done with it.
#[derive(Args, Debug)]
pub(super) struct ReconcileArguments {
    /// The day of acceptance, in Indian Standard Time, such as 2026-11-23.
    day: String,
    /// The partner's system.
    #[arg(long)]
    system: String,
    /// The partner's own book (NDJSON, see docs/evidence.md): say where it differs.
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// Where the gateway's book is written, signed; else standard output, unless --with is given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Fetches the book, and compares.
pub(super) async fn run(dir: &GatewayFolder, asked: &ReconcileArguments, output: Output) -> Done {
    if Timestamp::day(&asked.day).is_none() {
        let what = format!("`{}` is no day", asked.day);
        return Err(Failure::new(Exit::Usage, what, "name it as 2026-11-23"));
    }
    let path = format!("/admin/v1/reconciliation/{}/{}", asked.system, asked.day);
    let bytes = dir.running_admin("GET", &path, None).await?.body;
    if let Some(out) = &asked.out {
        std::fs::write(out, &bytes).map_err(|error| file_failure(out, &error))?;
    }
    let Some(with) = &asked.with else {
        if asked.out.is_none() {
            output.line(String::from_utf8_lossy(&bytes).trim_end());
        }
        return Ok(());
    };
    let unread = |name: &str, error: &dyn std::fmt::Display| {
        Failure::new(Exit::Refused, format!("{name}: {error}"), "docs/evidence.md has the form of a book")
    };
    let ours = Book::read(&bytes).map_err(|error| unread("the gateway's book", &error))?;
    let theirs = std::fs::read(with).map_err(|error| file_failure(with, &error))?;
    let name = format!("`{}`", with.display());
    let theirs = Book::read(&theirs).map_err(|error| unread(&name, &error))?;
    if (&theirs.system, &theirs.day) != (&ours.system, &ours.day) {
        let what = format!("{name} is the book of {} and {}", theirs.system, theirs.day);
        return Err(Failure::new(Exit::Refused, what, "compare books of one partner and one day"));
    }
    let found: Vec<String> = ours.differences(&theirs).iter().map(ToString::to_string).collect();
    if !found.is_empty() {
        let what = format!("the books of {} and {} differ in {} records", ours.system, ours.day, found.len());
        let advice = "ask for what is missing: `icjs message ID` says what became of it, `icjs deliveries replay` sends it again";
        return Err(Failure::new(Exit::Refused, what, advice).with(found));
    }
    if output.json {
        output.document(
            &json!({ "system": ours.system, "day": ours.day, "records": ours.lines.len(), "differences": [] }),
        );
    } else {
        let (count, system, day) = (ours.lines.len(), &ours.system, &ours.day);
        output.line(format!("{} both books of {system} and {day} have the same {count} records", output.good("good:")));
    }
    Ok(())
}
