//! `[officers]` of a system's file: for which calls the system must say who acts, and whether it must sign for him.

use super::document::{Section, meant};

/// What somebody does in a system's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Sends or tries a record, says an outcome, acknowledges a page.
    Send,
    /// Reads a feed, a message or an attachment.
    Read,
    /// Looks at a case.
    Search,
}

/// Every duty, in the words of the file.
const DUTIES: [(&str, Duty); 3] = [("send", Duty::Send), ("read", Duty::Read), ("search", Duty::Search)];

/// What a system's officers must show.
#[derive(Clone, Debug, Default)]
pub struct Officers {
    /// Where one must be named.
    pub required: Vec<Duty>,
    /// Only a signed claim names one.
    pub signed: bool,
    /// Whoever reads says what for and by what right.
    pub purpose: bool,
}

impl Duty {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        DUTIES.iter().find(|(_, duty)| *duty == self).map_or("", |(word, _)| word)
    }
}

/// Reads the section. `keys`: the system has some. `files`: it has a folder, from which nobody reads by a call.
pub(super) fn read(section: &mut Section<'_, '_>, keys: bool, files: bool) -> Officers {
    let mut required = Vec::new();
    for said in section.texts("required") {
        match DUTIES.iter().find(|(word, _)| *word == said.value) {
            Some((word, duty)) if files && *duty != Duty::Send => section.error(
                said.line,
                format!("`{word}` cannot be required of a system with [folder]: files that it finds name no reader"),
            ),
            Some((_, duty)) if !required.contains(duty) => required.push(*duty),
            Some((word, _)) => section.error(said.line, format!("`{word}` is listed twice in `required`")),
            None => {
                let words = DUTIES.iter().map(|(word, _)| *word);
                let hint = meant(&said.value, words);
                section.error(
                    said.line,
                    format!("`required` has `{}`; it lists `send`, `read`, `search`{hint}", said.value),
                );
            }
        }
    }
    let signed = section.boolean("signed").unwrap_or(false);
    if signed && !keys {
        section.error(section.line_of("signed"), "`signed` needs [keys]: the system's keys are what it signs with");
    }
    let purpose = section.boolean("purpose").unwrap_or(false);
    Officers { required, signed, purpose }
}
