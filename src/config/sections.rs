//! Sections of Acts that records cite: where they stand (`sections` in `kinds.toml`), and which sections an Act has (the code
//! table that the column `fact:sections` of `mappings/codes/act.csv` names). A citation is never changed and never refused for
//! this: one that its Act does not have is said to its sender. Where no table lists an Act nothing is said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::facts::Path;
use crate::codes::Codes;

/// The table that has every Act's code.
const ACTS: &str = "act";
/// Its column that names the table of the Act's sections.
const SECTIONS: &str = "sections";
/// Citations of one record that are named in warnings.
const MOST: usize = 20;

/// A cited section that its Act does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strange {
    /// The Act's title.
    pub act: String,
    /// The section as sent.
    pub section: String,
}

/// One Act whose sections are listed.
#[derive(Debug)]
struct Act {
    title: Box<str>,
    /// Without sub-sections: `303`, `498A`.
    sections: BTreeSet<Box<str>>,
}

/// The Acts whose sections are listed, by their shared codes.
#[derive(Debug, Default)]
pub(super) struct Acts(BTreeMap<String, Act>);

impl Acts {
    /// From the code tables; what names no table is an error with its words.
    pub(super) fn of(codes: &Codes) -> (Self, Vec<String>) {
        let mut acts = Self::default();
        let mut errors = Vec::new();
        for row in codes.table(ACTS).map(|table| table.rows.as_slice()).unwrap_or_default() {
            let Some(name) = row.facts.get(SECTIONS) else { continue };
            let Some(table) = codes.table(name) else {
                errors.push(format!(
                    "`fact:{SECTIONS}` of `{}` names the code table `{name}`, and there is none",
                    row.shared
                ));
                continue;
            };
            let sections = table.rows.iter().filter_map(|row| number(&row.shared)).map(Box::from).collect();
            acts.0.insert(row.shared.clone(), Act { title: row.label_en.as_str().into(), sections });
        }
        (acts, errors)
    }
}

/// Where a kind's records cite sections, and what is known of the Acts.
#[derive(Debug, Default)]
pub(super) struct Citations {
    pub(super) paths: Vec<Path>,
    pub(super) acts: Arc<Acts>,
}

impl Citations {
    /// The sections that are cited and that their Acts do not have, each once.
    pub(super) fn strange(&self, shared: &Value) -> Vec<Strange> {
        let mut found = Vec::new();
        for cited in self.paths.iter().flat_map(|path| path.values(shared)) {
            let code = cited.pointer("/act/code").and_then(Value::as_str);
            let Some(act) = code.and_then(|code| self.acts.0.get(code)) else { continue };
            let with = cited.get("read_with").and_then(Value::as_array).into_iter().flatten();
            for section in cited.get("section").into_iter().chain(with).filter_map(Value::as_str) {
                let missing = number(section).is_some_and(|number| !act.sections.contains(number));
                let strange = Strange { act: act.title.to_string(), section: section.to_owned() };
                if missing && found.len() < MOST && !found.contains(&strange) {
                    found.push(strange);
                }
            }
        }
        found
    }
}

/// The number of a section, of a citation that is a section and its sub-sections and nothing else: `303` of `303(2)`. Of
/// anything else (several sections, words) nothing is said.
fn number(section: &str) -> Option<&str> {
    let text = section.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let letters = text.bytes().skip(digits).take_while(u8::is_ascii_uppercase).count();
    let (number, rest) = text.split_at_checked(digits + letters)?;
    let mut rest = rest.trim_start();
    while let Some(inner) = rest.strip_prefix('(') {
        let (part, after) = inner.split_once(')')?;
        let good = !part.is_empty() && part.len() <= 5 && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        rest = good.then_some(after)?.trim_start();
    }
    ((1..=4).contains(&digits) && letters <= 2 && rest.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_plain_citation_has_a_number_and_anything_else_has_none() {
        for (text, wanted) in
            [("303", "303"), (" 303(2) ", "303"), ("111(2)(b)", "111"), ("498A", "498A"), ("64 (1)", "64")]
        {
            assert_eq!(number(text), Some(wanted), "{text}");
        }
        for text in
            ["", "303, 34", "303 r/w 3(5)", "s. 303", "303(", "303(2", "303()", "12345", "धारा 303", "303-A", "(2)"]
        {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
