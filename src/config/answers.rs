//! What a kind answers: threads that an earlier record must have named, such as the exhibits of a report. One that nobody has
//! named may be a slip of the pen or a paper that is still to come, so it is said in a warning, and never refused.

use serde_json::Value;

use super::Revision;
use super::document::{Section, meant};
use super::facts::{FactPaths, plain};
use crate::expression::Expression;
use crate::journal::Snapshot;

/// Which threads records of a kind answer, and on what condition.
#[derive(Debug)]
pub struct Answers {
    schemes: Vec<String>,
    when: Option<Expression>,
}

/// What a record answers and nobody has named before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unasked {
    /// Such as `exhibit`.
    pub scheme: String,
    /// The number as the record has it.
    pub id: String,
    /// Where it stands in the shared form: `exhibits[1].qr`.
    pub place: String,
}

impl Answers {
    /// Reads `answers = { threads = ["exhibit"], when = "..." }`.
    pub(super) fn read(section: &mut Section<'_, '_>, paths: &FactPaths, shape: Option<&Value>) -> Option<Self> {
        let mut table = section.section("answers")?;
        let mut schemes = Vec::new();
        for said in table.texts("threads") {
            if !paths.joins(&said.value) {
                let hint = meant(&said.value, paths.threads.iter().map(|thread| thread.scheme.as_str()));
                table.error(said.line, format!("the kind has no thread `{}`{hint}", said.value));
            }
            schemes.push(said.value);
        }
        if schemes.is_empty() {
            table.error(table.line, "`threads` is missing: which of the kind's threads are answered?");
        }
        let when = table.text("when").and_then(|said| match Expression::compile(&said.value, shape) {
            Ok(when) => Some(when),
            Err(message) => {
                table.error(said.line, format!("`when`: {message}"));
                None
            }
        });
        table.finish();
        Some(Self { schemes, when })
    }
}

impl Revision {
    /// The threads that a record answers and that no earlier record has named, by what was known when it came.
    pub fn unasked(&self, kind: &str, shared: &Value, known: &Snapshot) -> Vec<Unasked> {
        let Some(kind) = self.kinds.get(kind) else { return Vec::new() };
        let Some(answers) = &kind.answers else { return Vec::new() };
        // A condition that cannot be evaluated warns.
        if answers.when.as_ref().is_some_and(|when| when.holds(shared) == Ok(false)) {
            return Vec::new();
        }
        let asked = |thread: &str| known.parties.iter().any(|party| party.thread == thread);
        let threads = kind.paths.threads.iter().filter(|thread| answers.schemes.contains(&thread.scheme));
        let unasked = threads.flat_map(|at| {
            let strange = at.keys(shared).into_iter().filter(|(_, _, thread)| !asked(thread));
            strange.map(|(place, value, _)| Unasked {
                scheme: at.scheme.clone(),
                id: plain(value).unwrap_or_default(),
                place: at.path.to_string().replacen("[]", &format!("[{place}]"), 1),
            })
        });
        unasked.collect()
    }
}
