//! Tells a story as it went: one line a step in the words of the case, below it who got what and what became of it.

use serde_json::{Value, json};

use super::super::books::{Books, Final};
use super::check::Messages;
use super::script::{Act, Story};
use crate::shell::output::Output;

/// A story that was played, with what differs from its script.
pub struct Told {
    /// Its name.
    pub name: &'static str,
    title: &'static str,
    lines: Vec<Line>,
    /// Every difference.
    pub faults: Vec<String>,
}

struct Line {
    step: &'static str,
    told: String,
    by: String,
    kind: &'static str,
    went: Vec<Went>,
}

struct Went {
    office: String,
    action: String,
    state: String,
    code: String,
    words: Vec<String>,
}

impl Told {
    /// From the books and the gateway's final states.
    pub fn of(story: &Story, messages: &Messages, books: &Books, finals: &[Final], faults: Vec<String>) -> Self {
        let lines = story.steps.iter().map(|step| {
            let (by, kind) = match &step.act {
                Act::Send(sending) => (sending.line.office.clone(), sending.line.kind),
                Act::Say { office, .. } => (office.clone(), "outcome"),
                Act::Operate(words) => (format!("icjs {}", words.join(" ")), ""),
                Act::Close(system) | Act::Open(system) => ((*system).to_owned(), ""),
            };
            let message = messages.get(step.name);
            let made = finals.iter().filter(|one| message == Some(&one.message));
            let went = made.map(|one| Went {
                office: one.office.clone(),
                action: one.action.clone(),
                state: one.state.clone(),
                code: one.code.clone(),
                words: books.heard(&one.id).into_iter().map(|(word, _)| word).collect(),
            });
            Line { step: step.name, told: step.told.clone(), by, kind, went: went.collect() }
        });
        Self { name: story.name, title: story.title, lines: lines.collect(), faults }
    }

    /// For programs.
    pub fn document(&self) -> Value {
        let lines: Vec<Value> = self.lines.iter().map(|line| {
            let went: Vec<Value> = line.went.iter().map(|went| {
                json!({ "office": went.office, "action": went.action, "state": went.state, "code": went.code, "heard": went.words })
            }).collect();
            json!({ "step": line.step, "told": line.told, "by": line.by, "kind": line.kind, "deliveries": went })
        }).collect();
        json!({ "name": self.name, "title": self.title, "timeline": lines, "holds": self.faults.is_empty(), "faults": self.faults })
    }

    /// For people.
    pub fn print(&self, output: Output) {
        output.line("");
        output.line(output.bold(&format!("{}: {}", self.name, self.title)));
        for (number, line) in (1..).zip(&self.lines) {
            output.line(format!("  {number:2}  {}", line.told));
            let what = if line.kind.is_empty() { String::new() } else { format!(" ({})", line.kind) };
            output.line(format!("        {}{what}", line.by));
            for went in &line.went {
                let office = if went.office.is_empty() { "nobody" } else { &went.office };
                let action = if went.action == "new" { String::new() } else { format!(" as `{}`", went.action) };
                let code = if went.code.is_empty() || went.state == "delivered" {
                    String::new()
                } else {
                    format!(" ({})", went.code)
                };
                let words =
                    if went.words.is_empty() { String::new() } else { format!(": {}", went.words.join(", then ")) };
                output.line(format!("        -> {office}{action}, {}{code}{words}", went.state));
            }
        }
        match self.faults.as_slice() {
            [] => output.line(output.good("  as it is written")),
            faults => {
                output.line(output.bad(&format!("  {} differences from what is written", faults.len())));
                faults.iter().for_each(|fault| output.line(format!("      {fault}")));
            }
        }
    }
}
