//! `promises`: what is promised and how far it is proved, as a table, as JSON, or as the page of the manual.

use clap::Args;
use serde_json::json;

use crate::promises::{Promise, State, book};
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::output::Output;

/// `promises`
#[derive(Args, Debug)]
pub(super) struct PromisesArguments {
    /// One promise with its tests and runs, such as P1.
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Print the page of the manual (Markdown).
    #[arg(long, conflicts_with = "id")]
    markdown: bool,
}

/// Prints the promises.
pub(super) fn run(asked: &PromisesArguments, output: Output) -> Done {
    let book = book().map_err(|error| Failure::new(Exit::Bug, error, "mend that file and build again"))?;
    if asked.markdown {
        output.line(book.page().trim_end());
        return Ok(());
    }
    let wanted = |promise: &&Promise| asked.id.as_ref().is_none_or(|id| promise.id.eq_ignore_ascii_case(id));
    let shown: Vec<&Promise> = book.promises.iter().filter(wanted).collect();
    if shown.is_empty() {
        let advice = "`icjs promises` lists them";
        return Err(Failure::new(Exit::NoInput, "there is no such promise", advice));
    }
    if output.json {
        let rows: Vec<_> =
            shown.iter().map(|promise| json!({"promise": promise, "tried": book.tried(promise)})).collect();
        output.document(&json!({"promises": rows, "runs": book.runs}));
        return Ok(());
    }
    if let (Some(_), [promise]) = (&asked.id, shown.as_slice()) {
        one(promise, &book.tried(promise), output);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|promise| vec![promise.id.clone(), promise.state.word().to_owned(), promise.says.clone()])
        .collect();
    output.table(&["", "state", "promise"], &rows);
    let (proved, partly) = (book.count(State::Proved), book.count(State::Partly));
    output.line(format!(
        "{} promises: {proved} proved, {partly} partly, {} not yet; `icjs promises P1` says what was tried",
        rows.len(),
        book.count(State::NotYet)
    ));
    Ok(())
}

fn one(promise: &Promise, tried: &str, output: Output) {
    output.line(output.bold(&format!("{}: {}", promise.id, promise.says)));
    output.line(format!("{}{}", promise.state.word(), if promise.why.is_empty() { "" } else { ": " }) + &promise.why);
    for test in &promise.tests {
        output.line(format!("  test {test}"));
    }
    for part in &promise.parts {
        output.line(format!("  part {part} of the long run"));
    }
    if !tried.is_empty() {
        output.line(tried);
    }
}
