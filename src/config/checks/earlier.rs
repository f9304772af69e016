//! `finds = "earlier"`: a time of one record is before a time of another paper of its case, or before another time of its own.
//! A day is all of its hours: it is earlier only where its last hour is. It is odd and may be lawful (an arrest under BNSS
//! s.35(1)(a) or s.170 comes before any FIR), so the record's own basis is told with it.

use serde_json::Value;

use super::super::document::Section;
use super::super::facts::{Path, plain};
use super::super::kinds::Kinds;
use super::{Finding, Seen};
use crate::clock::Timestamp;
use crate::identifiers::KindName;

const DAY: i64 = 86_400_000;

/// See the header.
#[derive(Debug)]
pub(super) struct Earlier {
    kind: KindName,
    times: Vec<Path>,
    than: KindName,
    than_times: Vec<Path>,
    basis: Vec<Path>,
    /// So much earlier is nothing.
    slack: i64,
}

/// From the first to the last millisecond that a text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: i64,
    to: i64,
}

pub(super) fn read(section: &mut Section<'_, '_>, kinds: &Kinds) -> Option<Earlier> {
    let kind = super::kind(section, "kind", kinds);
    let times = super::paths(section, "times", kind.as_ref(), kinds);
    let than = super::kind(section, "than", kinds);
    let than_times = super::paths(section, "than_times", than.as_ref(), kinds);
    let basis = if section.has("basis") { super::paths(section, "basis", kind.as_ref(), kinds) } else { Vec::new() };
    let slack = section.duration("slack").unwrap_or_default();
    let slack = i64::try_from(slack.as_millis()).unwrap_or(i64::MAX);
    Some(Earlier { kind: kind?, times, than: than?, than_times, basis, slack })
}

impl Earlier {
    pub(super) fn needs(&self, kind: &str) -> Vec<KindName> {
        // Both, where one is compared with the earliest of several others: a case may have a zero FIR and a FIR.
        let both = || vec![self.kind.clone(), self.than.clone()];
        if self.kind != self.than && (kind == self.kind || kind == self.than) { both() } else { Vec::new() }
    }

    pub(super) fn look(&self, record: Seen<'_>, others: &[Seen<'_>]) -> Vec<Finding> {
        if self.kind == self.than {
            let own = (record.kind == self.kind).then(|| self.held(record, std::slice::from_ref(&record))).flatten();
            return own.into_iter().collect();
        }
        let all: Vec<Seen<'_>> = others.iter().chain([&record]).copied().collect();
        let then: Vec<Seen<'_>> = all.iter().filter(|one| one.kind == self.than).copied().collect();
        if record.kind == self.kind {
            return self.held(record, &then).into_iter().collect();
        }
        if record.kind != self.than {
            return Vec::new();
        }
        // The other one was there first: the one that comes is told.
        let held = others.iter().filter(|one| one.kind == self.kind).filter_map(|one| self.held(*one, &then));
        held.collect()
    }

    /// One record of `kind`, held against the earliest of the others.
    fn held(&self, record: Seen<'_>, then: &[Seen<'_>]) -> Option<Finding> {
        let spans = then.iter().filter_map(|one| Some((*one, first(&self.than_times, one.shared)?)));
        let (other, due) = spans.min_by_key(|(_, span)| span.from)?;
        let (place, at) =
            self.times.iter().flat_map(|path| found(path, record.shared)).min_by_key(|(_, span)| span.to)?;
        if at.to.saturating_add(self.slack) >= due.from {
            return None;
        }
        let basis: Vec<String> =
            self.basis.iter().flat_map(|path| path.values(record.shared)).filter_map(plain).collect();
        let basis = if basis.is_empty() { String::new() } else { format!("; basis as stated: {}", basis.join(", ")) };
        let message = format!(
            "`{place}` of the {} says {}, which is before the {} ({}){basis}; if that is right, nothing is to be done",
            self.kind,
            Timestamp::from_millis(at.from),
            self.than,
            Timestamp::from_millis(due.from),
        );
        let against = [record.id, other.id].into_iter().flatten().collect();
        Some(Finding::new(message, vec![place], against))
    }
}

/// The earliest time at the first of the paths that has one.
fn first(paths: &[Path], shared: &Value) -> Option<Span> {
    paths.iter().find_map(|path| found(path, shared).into_iter().map(|(_, span)| span).min_by_key(|span| span.from))
}

fn found(path: &Path, shared: &Value) -> Vec<(String, Span)> {
    path.values(shared).into_iter().filter_map(|value| Some((path.to_string(), span(value.as_str()?)?))).collect()
}

fn span(text: &str) -> Option<Span> {
    if let Some(at) = Timestamp::parse(text) {
        return Some(Span { from: at.millis(), to: at.millis() });
    }
    let day = Timestamp::parse(&format!("{text}T00:00:00+05:30"))?.millis();
    Some(Span { from: day, to: day + DAY - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_all_of_its_hours() {
        let earlier = |a: &str, b: &str| span(a).unwrap().to < span(b).unwrap().from;
        assert!(earlier("2026-01-13", "2026-01-14"));
        assert!(!earlier("2026-01-14", "2026-01-14"));
        assert!(!earlier("2026-01-14", "2026-01-14T23:00:00+05:30"), "it may have been later that day");
        assert!(earlier("2026-01-13", "2026-01-14T00:00:00+05:30"));
        assert!(earlier("2026-01-13", "2026-01-13T20:00:00Z"), "that is the 14th in India, at half past one");
        assert_eq!(span("soon"), None);
    }
}
