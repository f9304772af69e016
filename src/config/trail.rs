//! What was tried on the way to a decision, for `icjs route explain`: every route and step, what each named, and what
//! became of it. Kept only where somebody asks; an accept keeps nothing.

use super::routes::Route;
use super::steps::Named;

/// What became of what a step named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taken {
    /// These offices get it (unless there are several where one is needed).
    Yes,
    /// It names offices, and no system serves them.
    Unserved,
    /// It names nobody, or does not apply.
    No,
}

/// One step that was tried, or a route that does not apply.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Trial {
    /// The route.
    pub route: String,
    /// Its file and line, such as `config/routes.toml:12`.
    pub at: String,
    /// One of the case's numbers; empty for the whole record.
    pub case: String,
    /// The step, as the route writes it.
    pub step: String,
    /// What it names, each with its reason and the row (`file:line`) that says so.
    pub named: Vec<String>,
    /// What became of it.
    pub taken: Taken,
    /// Words about that.
    pub note: String,
}

/// Collects trials, or nothing.
#[derive(Debug, Default)]
pub(super) struct Trail {
    keeps: bool,
    pub(super) trials: Vec<Trial>,
}

impl Trail {
    pub(super) fn kept() -> Self {
        Self { keeps: true, trials: Vec::new() }
    }

    pub(super) fn note(&mut self, route: &Route, case: &str, note: &str, taken: Taken) {
        if self.keeps {
            self.trials.push(trial(route, case, "", Vec::new(), taken, note));
        }
    }

    pub(super) fn step(&mut self, route: &Route, case: &str, step: &str, served: &[Named], strangers: &[Named]) {
        if !self.keeps {
            return;
        }
        let say = |named: &Named| match named.row.as_str() {
            "" => format!("{} ({})", named.office, named.why),
            row => format!("{} ({}, {row})", named.office, named.why),
        };
        let (taken, note) = match (served.is_empty(), strangers.is_empty()) {
            (false, _) => (Taken::Yes, "a system serves it"),
            (true, false) => (Taken::Unserved, "no system serves it"),
            (true, true) => (Taken::No, "names no office"),
        };
        let named = served.iter().chain(strangers).map(say).collect();
        self.trials.push(trial(route, case, step, named, taken, note));
    }
}

fn trial(route: &Route, case: &str, step: &str, named: Vec<String>, taken: Taken, note: &str) -> Trial {
    Trial {
        route: route.name.clone(),
        at: format!("{}:{}", super::routes::FILE, route.line),
        case: case.to_owned(),
        step: step.to_owned(),
        named,
        taken,
        note: note.to_owned(),
    }
}
