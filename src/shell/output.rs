//! What people see: short tables, times in Indian Standard Time, problems as readable lines; or JSON for programs.
//! Colour only on a terminal and only without `NO_COLOR`. The one place of the command line that prints.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use serde_json::Value;

use super::exit::Failure;
use crate::clock::Timestamp;
use crate::doors::hidden;

/// Where and how a verb prints.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// JSON instead of tables.
    pub json: bool,
    colour: bool,
}

impl Output {
    /// JSON if asked for; colour if standard output is a terminal and `NO_COLOR` is not set.
    pub fn new(json: bool) -> Self {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { json, colour: !json && !forbidden && std::io::stdout().is_terminal() }
    }

    /// One line.
    pub fn line(&self, text: impl AsRef<str>) {
        // A reader that went away (`icjs history | head`) is no failure of ours.
        let _ = writeln!(std::io::stdout(), "{}", self.shown(text.as_ref()));
    }

    /// Programs get a text as it is; people see what would be hidden in it.
    fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.json { Cow::Borrowed(text) } else { hidden::visible(text) }
    }

    /// Whether people read along.
    pub fn terminal(&self) -> bool {
        !self.json && std::io::stdout().is_terminal()
    }

    /// A remark that is no result: on standard error.
    pub fn note(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{}", self.shown(text));
    }

    /// A JSON document, indented.
    pub fn document(&self, value: &Value) {
        self.line(serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// A table: the head in bold, columns as wide as their widest cell. Rows shorter than the head are filled.
    pub fn table(&self, head: &[&str], rows: &[Vec<String>]) {
        let mut widths: Vec<usize> = head.iter().map(|cell| width(cell)).collect();
        for row in rows {
            for (place, cell) in widths.iter_mut().zip(row) {
                *place = (*place).max(width(cell));
            }
        }
        let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
        self.line(self.bold(&padded(&head, &widths)));
        for row in rows {
            self.line(padded(row, &widths));
        }
    }

    /// Bold on a terminal.
    pub fn bold(&self, text: &str) -> String {
        self.painted("1", text)
    }

    /// Green on a terminal.
    pub fn good(&self, text: &str) -> String {
        self.painted("32", text)
    }

    /// Red on a terminal.
    pub fn bad(&self, text: &str) -> String {
        self.painted("31", text)
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A failure: JSON on standard output for programs, lines on standard error for people. Where one of the two takes
    /// nothing (closed, or a log on the very disk that is full), the other gets the lines: nobody ends in silence.
    pub fn failure(&self, failure: &Failure) {
        let json = serde_json::to_string_pretty(&failure.to_json()).unwrap_or_default() + "\n";
        let text = hidden::visible(&Self::lines(failure)).into_owned();
        let said = if self.json {
            take(&mut std::io::stdout(), &json) || take(&mut std::io::stderr(), &text)
        } else {
            take(&mut std::io::stderr(), &text) || take(&mut std::io::stdout(), &text)
        };
        // Neither takes anything: the exit code is all that is left to say.
        let _ = said;
    }

    /// A failure of a verb that runs for days under a supervisor, who reads standard error whatever the format.
    pub fn failure_of_service(&self, failure: &Failure) {
        if self.json {
            take(&mut std::io::stderr(), &Self::lines(failure));
        }
    }

    fn lines(failure: &Failure) -> String {
        let mut text = format!("icjs: {}\n", failure.what);
        for detail in &failure.details {
            text.push_str("  ");
            text.push_str(detail);
            text.push('\n');
        }
        if !failure.advice.is_empty() {
            text.push_str("what to do: ");
            text.push_str(&failure.advice);
            text.push('\n');
        }
        text
    }
}

/// How often a stream that is full for the moment is asked again, and how long it is left in peace between.
const ASKED: u32 = 100;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// Writes all of it; false where the stream does not take it. A pipe that another process made non-blocking is waited for.
fn take(stream: &mut dyn Write, text: &str) -> bool {
    let mut left = text.as_bytes();
    for _ in 0..ASKED {
        match stream.write(left) {
            Ok(0) => return left.is_empty(),
            Ok(count) => left = left.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(_) => return false,
        }
        if left.is_empty() {
            return stream.flush().is_ok();
        }
    }
    false
}

/// Columns that a cell takes: characters, with the combining signs of Indian scripts counted as none.
fn width(text: &str) -> usize {
    text.chars().filter(|c| !is_combining(*c)).count()
}

/// Vowel signs, viramas and nuktas of the nine Indic blocks lie at the same places of each block.
fn is_combining(c: char) -> bool {
    let code = u32::from(c);
    (0x0900..0x0D80).contains(&code) && matches!(code & 0x7f, 0x00..=0x03 | 0x3a..=0x3c | 0x3e..=0x4f | 0x62..=0x63)
}

fn padded(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (place, cell) in cells.iter().enumerate() {
        line.push_str(cell);
        if place + 1 < cells.len() {
            let wanted = widths.get(place).copied().unwrap_or_default();
            line.push_str(&" ".repeat(wanted.saturating_sub(width(cell)) + 2));
        }
    }
    line
}

/// A moment for people: `2026-11-22 10:30:05 IST`.
pub fn moment(text: &str) -> String {
    Timestamp::parse(text).map_or_else(|| text.to_owned(), moment_of)
}

/// The same from a `Timestamp`.
pub fn moment_of(at: Timestamp) -> String {
    let text = at.to_string();
    let day = text.get(..10).unwrap_or_default();
    let time = text.get(11..19).unwrap_or_default();
    format!("{day} {time} IST")
}

/// Text at a key, or nothing.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A problem's violations as lines: place, line:column, rule, message.
pub fn violations(problem: &Value) -> Vec<String> {
    let list = problem.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter().map(violation).collect()
}

fn violation(error: &Value) -> String {
    let mut line = String::new();
    let file = text(error, "file");
    let pointer = if file.is_empty() { text(error, "pointer") } else { file };
    line.push_str(if pointer.is_empty() { "the document" } else { pointer });
    let at = |key: &str| error.get(key).and_then(Value::as_u64).filter(|number| *number > 0);
    if let Some(number) = at("line") {
        line.push_str(&format!(" {number}"));
        if let Some(column) = at("column") {
            line.push_str(&format!(":{column}"));
        }
    }
    let rule = text(error, "rule");
    if !rule.is_empty() {
        line.push_str(&format!(" [{rule}]"));
    }
    line.push_str(": ");
    line.push_str(text(error, "message"));
    line
}
