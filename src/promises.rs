//! The promises: what is promised, which tests hold it, what is not proved yet, and what the last long runs found. One source
//! (`promises/promises.toml` and what the runs wrote into `promises/runs/`), embedded, from which the command line's table and
//! `docs/promises.md` are made. Nothing here decides whether a promise holds: its tests do.

use std::collections::BTreeMap;
use std::fmt::Write;

use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};

#[derive(RustEmbed)]
#[folder = "promises/"]
struct Sources;

/// How far a promise is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its tests hold all of it.
    Proved,
    /// Its tests hold a part.
    Partly,
    /// Nothing holds it yet.
    NotYet,
}

impl State {
    /// The word that stands in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Partly => "partly",
            Self::NotYet => "not yet",
        }
    }
}

/// One promise.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// Such as `P1`.
    pub id: String,
    /// The letter of its group.
    pub group: String,
    /// In plain words.
    pub says: String,
    /// How far it is proved.
    pub state: State,
    /// The tests that hold it, by the names of their functions.
    #[serde(default)]
    pub tests: Vec<String>,
    /// The parts of the long run that try it.
    #[serde(default)]
    pub parts: Vec<String>,
    /// What is left, where something is.
    #[serde(default)]
    pub why: String,
}

/// A group of promises.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// `A` to `G`.
    pub letter: String,
    /// In plain words.
    pub title: String,
}

/// One part of the long run, as it went the last time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its name in `tests/long-parts`.
    pub part: String,
    /// `passed` or `failed`.
    pub result: String,
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// The commit that was tried.
    pub commit: String,
    /// How long it took.
    pub seconds: u64,
    /// What its tests say that they did.
    #[serde(default)]
    pub did: Vec<Did>,
}

/// What one test did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Did {
    /// Which.
    pub test: String,
    /// How often.
    pub times: u64,
    /// Of what, such as `kills`.
    pub unit: String,
    /// The seed that repeats it.
    pub seed: String,
    /// What was found, with its figures.
    pub said: String,
}

/// All promises with their groups and runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// The groups, in order.
    #[serde(rename = "group")]
    pub groups: Vec<Group>,
    /// The promises, in order.
    #[serde(rename = "promise")]
    pub promises: Vec<Promise>,
    /// By part.
    #[serde(default, skip_deserializing)]
    pub runs: BTreeMap<String, Run>,
}

/// Reads the book that the binary carries. The error names the file and what is wrong in it.
pub fn book() -> Result<Book, String> {
    let mut book: Book = read("promises.toml")?;
    for name in Sources::iter().filter(|name| name.starts_with("runs/") && name.ends_with(".toml")) {
        let run: Run = read(&name)?;
        book.runs.insert(run.part.clone(), run);
    }
    Ok(book)
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> Result<T, String> {
    let file = Sources::get(name).ok_or_else(|| format!("`promises/{name}` is missing"))?;
    let text = std::str::from_utf8(&file.data).map_err(|error| format!("`promises/{name}`: {error}"))?;
    toml::from_str(text).map_err(|error| format!("`promises/{name}`: {error}"))
}

impl Book {
    /// What the long runs tried of a promise, such as `2000 kills, passed on 2026-11-22`; empty where none did.
    pub fn tried(&self, promise: &Promise) -> String {
        let runs: Vec<&Run> = promise.parts.iter().filter_map(|part| self.runs.get(part)).collect();
        let mut times: Vec<(&str, u64)> = Vec::new();
        for did in runs.iter().flat_map(|run| &run.did) {
            match times.iter_mut().find(|(unit, _)| *unit == did.unit) {
                Some((_, sum)) => *sum += did.times,
                None => times.push((&did.unit, did.times)),
            }
        }
        let Some(last) = runs.iter().map(|run| run.date.as_str()).max() else { return String::new() };
        let failed: Vec<&str> = runs.iter().filter(|run| run.result != "passed").map(|run| run.part.as_str()).collect();
        let times: Vec<String> = times.iter().map(|(unit, times)| format!("{times} {unit}")).collect();
        let result = if failed.is_empty() { "passed".to_owned() } else { format!("FAILED in {}", failed.join(", ")) };
        let parts = format!("{} of {} parts", runs.len(), promise.parts.len());
        format!("{} ({parts}), {result}, last on {last}", times.join(", "))
    }

    /// The promises of a state.
    pub fn count(&self, state: State) -> usize {
        self.promises.iter().filter(|promise| promise.state == state).count()
    }

    /// The page for people, as Markdown: `docs/promises.md`.
    pub fn page(&self) -> String {
        let mut page = String::from(HEAD);
        let counts = [State::Proved, State::Partly, State::NotYet].map(|state| (self.count(state), state.word()));
        let counts: Vec<String> = counts.iter().map(|(count, word)| format!("{count} {word}")).collect();
        // Writing to a string has no way to fail, here and below.
        let _ = writeln!(page, "\n{} promises: {}.", self.promises.len(), counts.join(", "));
        for group in &self.groups {
            let _ = writeln!(page, "\n## {}. {}\n\n{COLUMNS}", group.letter, group.title);
            for promise in self.promises.iter().filter(|promise| promise.group == group.letter) {
                let _ = writeln!(page, "{}", self.row(promise));
            }
        }
        let _ = writeln!(page, "\n## What the long runs found\n\n{RUN_COLUMNS}");
        for run in self.runs.values() {
            let _ = writeln!(page, "{}", run.row());
        }
        page
    }

    fn row(&self, promise: &Promise) -> String {
        let tests: Vec<String> = promise.tests.iter().map(|test| format!("`{test}`")).collect();
        let state = match promise.why.as_str() {
            "" => format!("**{}**", promise.state.word()),
            why => format!("**{}**: {why}", promise.state.word()),
        };
        let cells = [&promise.id, &promise.says, &state, &tests.join("<br>"), &self.tried(promise)];
        format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
    }
}

impl Run {
    fn row(&self) -> String {
        let each = |tell: &dyn Fn(&Did) -> String| self.did.iter().map(tell).collect::<Vec<_>>().join("<br>");
        let cells = [
            self.part.clone(),
            self.result.clone(),
            each(&|did| format!("{} {}", did.times, did.unit)),
            each(&|did| did.said.clone()),
            each(&|did| did.seed.clone()),
            format!("{}, {} s", self.date, self.seconds),
            self.commit.clone(),
        ];
        format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
    }
}

const HEAD: &str = "# What is promised, what was tried, and what was found

Made from `promises/promises.toml` and `promises/runs/` (`icjs promises` prints the same); not written by hand. The tests run with
`tests/run`; a long run is `tests/run --long`, part by part, and each part replaces its line at the end of this page.
";
const COLUMNS: &str = "| | promise | state | tests | long runs |\n|---|---|---|---|---|";
const RUN_COLUMNS: &str =
    "| part | result | tried | found | seed | when, how long | commit |\n|---|---|---|---|---|---|---|";
