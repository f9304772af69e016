//! `[[verdict]]` of an adapter: how the answer to a push is judged, by its status and by what its body says at a place.
//! Read here; asked in `dispatch::verdict`.

use super::document::Section;
use crate::journal::OutcomeWord;

/// How a push answer is judged: tables over status and body of the answer.
#[derive(Debug, Default, Clone)]
pub struct Verdicts {
    /// In order; the first that matches decides.
    pub rules: Vec<VerdictRule>,
}

/// One line of an adapter's verdict table.
#[derive(Debug, Clone)]
pub struct VerdictRule {
    /// HTTP statuses, empty for any.
    pub status: Vec<u16>,
    /// An XPath-like element path or JSON Pointer into the answer's body that must equal `value`.
    pub field: Option<(String, String)>,
    /// What it means.
    pub verdict: Judged,
    /// Where the receiver's own number stands: (scheme, path).
    pub reference: Option<(String, String)>,
    /// Where the reason stands.
    pub reason: Option<String>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// An outcome.
    Outcome(OutcomeWord),
    /// Try again.
    Again,
}

/// The words of `means`.
const MEANS: [(&str, Judged); 9] = [
    ("received", Judged::Outcome(OutcomeWord::Received)),
    ("accepted", Judged::Outcome(OutcomeWord::Accepted)),
    ("returned", Judged::Outcome(OutcomeWord::Returned)),
    ("rejected", Judged::Outcome(OutcomeWord::Rejected)),
    ("wrong-addressee", Judged::Outcome(OutcomeWord::WrongAddressee)),
    ("executed", Judged::Outcome(OutcomeWord::Executed)),
    ("not-executed", Judged::Outcome(OutcomeWord::NotExecuted)),
    ("duplicate-of", Judged::Outcome(OutcomeWord::DuplicateOf)),
    ("again", Judged::Again),
];

/// Reads one line of the table; what is wrong with it is noted.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<VerdictRule> {
    let mut status = Vec::new();
    for said in section.numbers("status") {
        match u16::try_from(said.value).ok().filter(|code| (100..600).contains(code)) {
            Some(code) => status.push(code),
            None => section.error(said.line, format!("`{}` is no HTTP status", said.value)),
        }
    }
    let field = section.text("field");
    let equals = section.text("equals");
    if field.is_some() != equals.is_some() {
        section.error(section.line, "`field` and `equals` go together");
    }
    let words: Vec<&str> = MEANS.iter().map(|(word, _)| *word).collect();
    if !section.has("means") {
        section.error(section.line, format!("`means` is missing; words are `{}`", words.join("`, `")));
    }
    let means = section.word("means", &words);
    let reference = section.section("reference").and_then(|mut table| {
        let scheme = table.required("scheme");
        let at = table.required("at");
        table.finish();
        Some((scheme?.value, at?.value))
    });
    let reason = section.text("reason").map(|said| said.value);
    let verdict = MEANS.iter().find(|(word, _)| Some(*word) == means.as_ref().map(|said| said.value.as_str()))?.1;
    let field = field.zip(equals).map(|(field, equals)| (field.value, equals.value));
    Some(VerdictRule { status, field, verdict, reference, reason })
}
