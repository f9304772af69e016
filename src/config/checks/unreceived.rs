//! `finds = "unreceived"`: a record says that a paper of its case is with somebody (charge-sheeted, closed), and nobody of that
//! pillar has said that he has one. Of a legacy entry, whose papers went another way, nothing is said.

use serde_json::Value;

use super::super::document::Section;
use super::super::facts::Path;
use super::super::kinds::Kinds;
use super::{Finding, Seen};
use crate::identifiers::KindName;
use crate::journal::Paper;

/// See the header.
#[derive(Debug)]
pub(super) struct Unreceived {
    kind: KindName,
    path: Path,
    says: Vec<String>,
    paper: KindName,
    by: Vec<String>,
}

pub(super) fn read(section: &mut Section<'_, '_>, kinds: &Kinds) -> Option<Unreceived> {
    let kind = super::kind(section, "kind", kinds);
    let path = super::paths(section, "where", kind.as_ref(), kinds);
    let says: Vec<String> = section.texts("says").into_iter().map(|said| said.value).collect();
    if says.is_empty() {
        section.error(section.line_of("says"), "`says` lists the codes that say so");
    }
    let paper = super::kind(section, "paper", kinds);
    if !section.has("to") {
        section.error(section.line, "`to` is missing in [[check]]; it lists pillars, such as `[\"courts\"]`");
    }
    let by = super::super::rules::pillars(section);
    Some(Unreceived { kind: kind?, path: path.into_iter().next()?, says, paper: paper?, by })
}

impl Unreceived {
    pub(super) fn needs(&self, kind: &str, shared: &Value) -> Vec<KindName> {
        if self.said(kind, shared).is_some() { vec![self.paper.clone()] } else { Vec::new() }
    }

    pub(super) fn look(
        &self,
        record: Seen<'_>,
        others: &[Seen<'_>],
        received: &dyn Fn(&Paper, &[String]) -> bool,
    ) -> Vec<Finding> {
        let Some(code) = self.said(record.kind, record.shared) else { return Vec::new() };
        let papers: Vec<&Seen<'_>> = others.iter().filter(|one| one.kind == self.paper).collect();
        if papers.iter().filter_map(|one| one.paper).any(|paper| received(paper, &self.by)) {
            return Vec::new();
        }
        let state = if papers.is_empty() { "none was sent" } else { "no receipt came back" };
        let message = format!(
            "`{}` says {code}, and no {} of this case is known to have been received there ({state}); it stands on the list \
             of {} until one is",
            self.path,
            self.paper,
            self.by.join(", "),
        );
        let against = papers.iter().filter_map(|one| one.id).take(super::MOST).collect();
        vec![Finding::new(message, vec![self.path.to_string()], against)]
    }

    fn said(&self, kind: &str, shared: &Value) -> Option<&String> {
        let legacy = shared.pointer("/event/entry").and_then(Value::as_str) == Some("legacy");
        if kind != self.kind || legacy {
            return None;
        }
        let values = self.path.values(shared);
        self.says.iter().find(|code| values.iter().any(|value| value.as_str() == Some(code)))
    }
}
