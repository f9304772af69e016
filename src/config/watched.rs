//! `[folder]` of a system's file: a transport for systems that can write and read files and nothing else. Files that they put
//! into `drop` are submissions, what is addressed to them is written into `out`. Read here; the work is `exchange::folder`'s.

use std::path::{Component, PathBuf};
use std::time::Duration;

use super::document::{Said, Section, meant};
use crate::identifiers::KindName;

/// A file is taken once it has not changed for so long, where nothing is said.
const QUIET: Duration = Duration::from_secs(5);
/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// Where a system's files lie, and how their kinds are told.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Holds `drop`, `done`, `failed` and `out`; relative to the gateway's folder unless absolute.
    pub path: PathBuf,
    /// A file is taken once it has not changed for so long.
    pub quiet: Duration,
    /// Between two looks.
    pub every: Duration,
    /// How a file's kind is told; the first that fits.
    pub kinds: Vec<Told>,
}

/// One way to tell a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The kind.
    pub kind: KindName,
    /// Subfolder of `drop`; empty for `drop` itself.
    pub folder: String,
    /// What the name begins with.
    pub begins: String,
    /// What it ends with.
    pub ends: String,
}

impl Told {
    /// `fir:fir/`, `charge-sheet:CS_*.xml`, `arrest:papers/ARR_*`.
    fn parse(text: &str) -> Option<Self> {
        let (kind, pattern) = text.split_once(':')?;
        let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let name = if name.is_empty() { "*" } else { name };
        let (begins, ends) = name.split_once('*')?;
        let plain = |text: &str| !text.contains(['/', '*', '\\']) && text != "..";
        let own = |text: &str| Some(text.trim().to_owned()).filter(|text| plain(text));
        Some(Self { kind: own(kind)?, folder: own(folder)?, begins: own(begins)?, ends: own(ends)? })
    }

    /// Whether a file of that name in that subfolder of `drop` is meant.
    pub fn fits(&self, folder: &str, name: &str) -> bool {
        let long_enough = name.len() >= self.begins.len() + self.ends.len();
        self.folder == folder && long_enough && name.starts_with(&self.begins) && name.ends_with(&self.ends)
    }
}

/// Reads the section. `send`: the kinds that the system sends.
pub(super) fn read(section: &mut Section<'_, '_>, send: &[KindName]) -> Option<Watched> {
    let path = section.required("path");
    let quiet = section.duration("quiet").unwrap_or(QUIET);
    let every = section.duration("every").unwrap_or(EVERY);
    if every.is_zero() {
        section.error(section.line_of("every"), "`every` must be more than nothing");
    }
    let mut kinds = Vec::new();
    for Said { value, line } in section.texts("kinds") {
        match Told::parse(&value) {
            Some(told) if send.contains(&told.kind) => kinds.push(told),
            Some(told) => {
                let hint = meant(&told.kind, send.iter().map(String::as_str));
                section.error(line, format!("`{}` is no kind that the system sends{hint}", told.kind));
            }
            None => section.error(
                line,
                format!("`{value}` tells no kind; write `fir:fir/` for a subfolder, `charge-sheet:CS_*.xml` for names"),
            ),
        }
    }
    if kinds.is_empty() {
        let own = |kind: &KindName| Told {
            kind: kind.clone(),
            folder: kind.clone(),
            begins: String::new(),
            ends: String::new(),
        };
        kinds = send.iter().map(own).collect();
    }
    for told in kinds.iter().filter(|told| RESERVED.contains(&told.folder.as_str())) {
        section.error(section.line_of("kinds"), format!("`{}/` is a folder of its own meaning", told.folder));
    }
    let path = path?;
    let within = PathBuf::from(&path.value);
    if within.components().any(|part| part == Component::ParentDir) {
        section.error(path.line, "`path` goes below the gateway's folder or is absolute; it has no `..`");
    }
    let first = within.components().find(|part| *part != Component::CurDir).and_then(|part| part.as_os_str().to_str());
    if first.is_none_or(|first| OWN.contains(&first)) {
        section.error(path.line, "`path` is a folder of the gateway's own; name one that nothing else lies in");
    }
    Some(Watched { path: within, quiet, every, kinds })
}

/// What lies in the gateway's folder and is nobody else's to write.
const OWN: [&str; 6] = ["config", "adapters", "schemas", "mappings", "keys", "data"];
/// Subfolders of `drop` that hold no records.
const RESERVED: [&str; 2] = ["attachments", "outcomes"];

#[cfg(test)]
mod tests {
    use super::Told;

    #[test]
    fn a_kind_is_told_by_subfolder_and_name() {
        let told = |text: &str| Told::parse(text).unwrap();
        assert!(told("fir:fir/").fits("fir", "a.xml") && !told("fir:fir/").fits("", "a.xml"));
        assert!(
            told("charge-sheet:CS_*.xml").fits("", "CS_1.xml") && !told("charge-sheet:CS_*.xml").fits("", "CS_1.pdf")
        );
        assert!(told("arrest:papers/ARR_*").fits("papers", "ARR_7"));
        assert!(!told("fir:ab*ba").fits("", "aba"), "the two ends do not overlap");
        for wrong in ["fir", "fir:a.xml", "fir:../*", "fir:a*b*c"] {
            assert_eq!(Told::parse(wrong), None, "{wrong}");
        }
    }
}
