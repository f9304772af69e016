//! `send --batch FILE`: many records in NDJSON, in parts that are sent again where no answer came, with a bar on the way and a
//! report of their quality at the end: what was refused and where, what was warned about, which codes nobody knows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::exchange::{Caller, Who};
use crate::seal;
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::output::{Output, text};
use crate::shell::progress::Progress;

/// A part: so many lines, or so many bytes.
const LINES: usize = 500;
const BYTES: usize = 4 << 20;
/// Tries of one part without any progress before it is given up.
const TRIES: u32 = 8;
/// First lines that are named for each thing.
const NAMED: usize = 5;

/// Sends the file and reports.
pub(super) async fn run(who: &Who<'_>, path: &Path, from: u64, output: Output) -> Done {
    let failed = |error: std::io::Error| file_failure(path, &error);
    let (mut lines, size): (Box<dyn BufRead + Send>, u64) = if path == Path::new("-") {
        (Box::new(BufReader::new(std::io::stdin())), 0)
    } else {
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        (Box::new(BufReader::with_capacity(1 << 20, file)), size)
    };
    let mut caller = who.connect().await?;
    let (mut report, mut progress) = (Report::default(), Progress::of(size));
    let (mut number, mut read, began) = (0, 0, Instant::now());
    loop {
        let part = Part::read(&mut lines, &mut number, &mut read, from).map_err(failed)?;
        if part.lines.is_empty() {
            break;
        }
        part.send(who, &mut caller, &mut report).await?;
        let rate =
            f64::from(u32::try_from(report.lines).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64().max(0.001);
        progress.at(read, &format!("{} lines, {rate:.0}/s, {} refused", report.lines, report.refused));
    }
    drop(progress);
    report.print(output);
    if report.refused == 0 {
        return Ok(());
    }
    let what = format!("{} of {} lines were refused", report.refused, report.lines);
    let advice = "mend what the report names and send the file again: what was accepted is not taken twice";
    Err(Failure::new(Exit::Refused, what, advice))
}

/// Some lines with their numbers in the file, and what was answered.
#[derive(Default)]
struct Part {
    lines: Vec<(u64, Vec<u8>)>,
}

impl Part {
    /// The next lines that are not empty, from line `from` on.
    fn read(lines: &mut dyn BufRead, number: &mut u64, read: &mut u64, from: u64) -> std::io::Result<Self> {
        let (mut part, mut bytes) = (Self::default(), 0);
        while part.lines.len() < LINES && bytes < BYTES {
            let mut line = Vec::new();
            let taken = lines.read_until(b'\n', &mut line)?;
            if taken == 0 {
                break;
            }
            *number += 1;
            *read += taken as u64;
            if *number >= from && !line.iter().all(u8::is_ascii_whitespace) {
                bytes += taken;
                part.lines.push((*number, named(line)));
            }
        }
        Ok(part)
    }

    /// Sends it until every line has an answer that will not change by waiting.
    async fn send(self, who: &Who<'_>, caller: &mut Caller, report: &mut Report) -> Done {
        let mut open = self.lines;
        let mut tries = 0;
        while let Some(&(first, _)) = open.first() {
            let body: Vec<u8> = open.iter().flat_map(|(_, line)| line.iter().copied()).collect();
            let headers = vec![("content-type".to_owned(), "application/x-ndjson".to_owned())];
            let answers = match caller.call("POST", "/v1/batches", headers, body.into(), 300).await {
                Ok(answer) => answers(&answer.body),
                Err(failure) if may_pass(&failure) && tries < TRIES => Vec::new(),
                Err(failure) => return Err(stopped(failure, first)),
            };
            let before = open.len();
            let mut answers = answers.into_iter();
            // What has no answer yet, or one that says "later", is sent again, in the order of the file.
            open.retain(|(number, _)| match answers.next() {
                Some(answer) => is_transient(&answer) || !report.take(*number, &answer),
                None => true,
            });
            if open.len() < before {
                tries = 0;
                continue;
            }
            tries += 1;
            if tries >= TRIES {
                let failure = Failure::new(Exit::TryLater, "the gateway takes nothing", "");
                return Err(stopped(failure, first));
            }
            tokio::time::sleep(Duration::from_millis(200 << tries)).await;
            if let Ok(again) = who.connect().await {
                *caller = again;
            }
        }
        Ok(())
    }
}

/// The line with a name of its own, so that sending it again is safe: the one that it has, else its digest.
fn named(line: Vec<u8>) -> Vec<u8> {
    let trimmed = line.trim_ascii();
    let mut named = match serde_json::from_slice::<Value>(trimmed) {
        Ok(Value::Object(mut object)) => {
            let headers = object.entry("headers").or_insert_with(|| json!({}));
            if let Some(headers) = headers.as_object_mut()
                && !headers.keys().any(|name| name.eq_ignore_ascii_case("idempotency-key"))
            {
                let key = format!("sha256-{}", seal::hex(&seal::sha256(trimmed)));
                headers.insert("Idempotency-Key".to_owned(), Value::String(key));
            }
            serde_json::to_vec(&object).unwrap_or_else(|_| trimmed.to_vec())
        }
        // What is no JSON object is refused by the gateway, in its own words.
        _ => trimmed.to_vec(),
    };
    named.push(b'\n');
    named
}

fn answers(body: &[u8]) -> Vec<Value> {
    // A last line that was cut off is no answer.
    let lines = body.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    lines.map_while(|line| serde_json::from_slice(line).ok()).collect()
}

fn is_transient(answer: &Value) -> bool {
    let broke_off = text(answer.get("problem").unwrap_or(&Value::Null), "code") == "encoding-refused"
        && text(answer.get("problem").unwrap_or(&Value::Null), "detail").contains("broke off");
    matches!(answer.get("status").and_then(Value::as_u64), Some(401 | 429 | 503)) || broke_off
}

fn may_pass(failure: &Failure) -> bool {
    let expired =
        failure.problem.as_ref().and_then(|problem| problem.get("status")).is_some_and(|status| *status == 401);
    expired || matches!(failure.exit, Exit::Unreachable | Exit::TryLater)
}

fn stopped(mut failure: Failure, first: u64) -> Failure {
    failure.advice =
        format!("everything before line {first} has its answer: go on with --from-line {first}, or send it all again");
    failure
}

/// One thing that was found, and on which lines.
#[derive(Default)]
struct Found {
    count: u64,
    first: Vec<u64>,
    message: String,
}

/// What came of the lines.
#[derive(Default)]
struct Report {
    lines: u64,
    accepted: u64,
    before: u64,
    refused: u64,
    /// By rule and place.
    warnings: BTreeMap<(String, String), Found>,
    /// By code or rule, and place.
    refusals: BTreeMap<(String, String), Found>,
    /// By reason, of deliveries that wait for a person.
    parked: BTreeMap<(String, String), Found>,
}

impl Report {
    /// Takes one line's answer; always true.
    fn take(&mut self, line: u64, answer: &Value) -> bool {
        self.lines += 1;
        let nothing = Value::Null;
        if let Some(problem) = answer.get("problem") {
            self.refused += 1;
            self.refused_for(line, problem);
            return true;
        }
        let accepted = answer.get("answer").unwrap_or(&nothing);
        self.accepted += 1;
        self.before += u64::from(answer.get("replayed") == Some(&Value::Bool(true)));
        for warning in list(accepted, "warnings") {
            let place = [text(warning, "shared_pointer"), text(warning, "pointer")];
            let place = place.into_iter().find(|place| !place.is_empty()).unwrap_or_default();
            note(&mut self.warnings, (text(warning, "rule"), place), line, text(warning, "message"));
        }
        for delivery in list(accepted, "deliveries").filter(|delivery| text(delivery, "state") == "parked") {
            note(&mut self.parked, (text(delivery, "reason"), ""), line, text(delivery, "why"));
        }
        true
    }

    fn refused_for(&mut self, line: u64, problem: &Value) {
        let errors: Vec<&Value> = list(problem, "errors").collect();
        if errors.is_empty() {
            note(&mut self.refusals, (text(problem, "code"), ""), line, text(problem, "detail"));
        }
        for error in errors {
            let key = format!("{} {}", text(problem, "code"), text(error, "rule"));
            note(&mut self.refusals, (&key, text(error, "pointer")), line, text(error, "message"));
        }
    }

    fn codes(&self) -> impl Iterator<Item = (&(String, String), &Found)> {
        self.warnings.iter().filter(|((rule, _), _)| rule == "code-unknown")
    }

    fn print(&self, output: Output) {
        if output.json {
            output.document(&self.json());
            return;
        }
        let word = if self.refused == 0 { output.good("done") } else { output.bad("done") };
        output.line(format!(
            "{word}: {} lines, {} accepted ({} of them before), {} refused",
            self.lines, self.accepted, self.before, self.refused
        ));
        let tables = [("refused", &self.refusals), ("warnings", &self.warnings), ("parked", &self.parked)];
        for (title, found) in tables.into_iter().filter(|(_, found)| !found.is_empty()) {
            let rows: Vec<Vec<String>> = sorted(found).into_iter().map(|(key, found)| row(key, found)).collect();
            output.line("");
            output.table(&[title, "times", "first lines", "where", "what"], &rows);
        }
        let codes: u64 = self.codes().map(|(_, found)| found.count).sum();
        if codes > 0 {
            output.line(format!("{codes} values are in no code table; they were passed on without a label"));
        }
    }

    fn json(&self) -> Value {
        let list = |found: &BTreeMap<(String, String), Found>| -> Vec<Value> {
            sorted(found).into_iter().map(|(key, found)| entry(key, found)).collect()
        };
        let codes: Vec<Value> = self.codes().map(|(key, found)| entry(key, found)).collect();
        json!({
            "lines": self.lines, "accepted": self.accepted, "before": self.before, "refused": self.refused,
            "refusals": list(&self.refusals), "warnings": list(&self.warnings), "unknown_codes": codes,
            "parked": list(&self.parked),
        })
    }
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn note(into: &mut BTreeMap<(String, String), Found>, (rule, place): (&str, &str), line: u64, message: &str) {
    let found = into.entry((rule.to_owned(), general(place))).or_default();
    found.count += 1;
    if found.first.len() < NAMED && found.first.last() != Some(&line) {
        found.first.push(line);
    }
    if found.message.is_empty() {
        message.clone_into(&mut found.message);
    }
}

/// The place for all items of a list: `/accused/3/name` and `/accused/4/name` are one.
fn general(place: &str) -> String {
    let part = |part: &str| {
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) { "*" } else { part }.to_owned()
    };
    let parts: Vec<String> = place.split('/').map(part).collect();
    let joined = parts.join("/");
    let mut general = String::with_capacity(joined.len());
    let mut inside = false;
    for letter in joined.chars() {
        match letter {
            '[' => {
                inside = true;
                general.push_str("[*]");
            }
            ']' => inside = false,
            letter if !inside => general.push(letter),
            _ => {}
        }
    }
    general
}

/// The most frequent first.
fn sorted(found: &BTreeMap<(String, String), Found>) -> Vec<(&(String, String), &Found)> {
    let mut all: Vec<_> = found.iter().collect();
    all.sort_by_key(|(_, found)| std::cmp::Reverse(found.count));
    all
}

fn row((rule, place): &(String, String), found: &Found) -> Vec<String> {
    let first: Vec<String> = found.first.iter().map(ToString::to_string).collect();
    vec![rule.clone(), found.count.to_string(), first.join(" "), place.clone(), found.message.clone()]
}

fn entry((rule, place): &(String, String), found: &Found) -> Value {
    json!({ "rule": rule, "place": place, "times": found.count, "first_lines": found.first, "message": found.message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_one_list_are_one_place() {
        assert_eq!(general("/accused/3/person/name"), "/accused/*/person/name");
        assert_eq!(general("/FinalReport/Accused[12]/NAME"), "/FinalReport/Accused[*]/NAME");
        assert_eq!(general(""), "");
    }

    #[test]
    fn a_line_without_a_name_gets_its_digest_and_one_with_a_name_keeps_it() {
        let line = |text: &str| serde_json::from_slice::<Value>(&named(text.as_bytes().to_vec())).unwrap();
        let own = line(r#"{"kind": "fir", "headers": {"idempotency-key": "mine"}, "body": {}}"#);
        assert_eq!(own["headers"], json!({"idempotency-key": "mine"}));
        let (one, other) = (line(r#"{"kind": "fir", "body": 1}"#), line(r#"{"kind": "fir", "body": 2}"#));
        assert_ne!(one["headers"], other["headers"]);
        assert!(one["headers"]["Idempotency-Key"].as_str().unwrap().starts_with("sha256-"));
        assert_eq!(named(b"no json\r\n".to_vec()), b"no json\n");
    }
}
