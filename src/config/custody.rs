//! Where a custody update says that its prisoner is: read by the paths of `custody` in `kinds.toml`, so that an order finds
//! the prison later. A prison that says anything of a prisoner but that they left holds them.

use serde_json::Value;

use super::document::Section;
use super::facts::{Facts, Path};
use super::kinds::shared_path;
use crate::clock::Timestamp;
use crate::identifiers::OfficeId;
use crate::journal::Whereabout;

/// The paths.
#[derive(Debug)]
pub struct CustodyPaths {
    event: Path,
    out: Vec<String>,
    prison: Option<Path>,
    from: Option<Path>,
    to: Option<Path>,
    at: Option<Path>,
}

pub(super) fn compile(section: &mut Section<'_, '_>, shape: Option<&Value>) -> Option<CustodyPaths> {
    let event = path(section, "event", shape);
    if event.is_none() && !section.has("event") {
        section.error(section.line, "`event` is missing: the path of the code that says what happened");
    }
    let out = section.texts("out").into_iter().map(|said| said.value).collect();
    let prison = path(section, "prison", shape);
    let from = path(section, "from", shape);
    let to = path(section, "to", shape);
    let at = path(section, "at", shape);
    Some(CustodyPaths { event: event?, out, prison, from, to, at })
}

fn path(section: &mut Section<'_, '_>, key: &'static str, shape: Option<&Value>) -> Option<Path> {
    let said = section.text(key)?;
    shared_path(section, &said, shape)
}

impl CustodyPaths {
    /// Which prisons hold the persons of the record from now on, and which no longer do. The sending office is the prison
    /// where the record names none.
    pub(super) fn read(&self, shared: &Value, facts: &Facts) -> Vec<Whereabout> {
        let office = |path: &Option<Path>| {
            let found = path.as_ref()?.values(shared);
            found.first().and_then(|value| value.as_str()).and_then(|text| OfficeId::parse(text).ok())
        };
        let moment = self.at.as_ref().and_then(|path| Timestamp::parse(path.values(shared).first()?.as_str()?));
        let Some(at) = moment.or(facts.occurred_at).or(facts.recorded_at) else { return Vec::new() };
        let Some(prison) = office(&self.prison).or_else(|| facts.from.clone()) else { return Vec::new() };
        let codes = self.event.values(shared);
        let left = codes.iter().any(|code| code.as_str().is_some_and(|code| self.out.iter().any(|out| out == code)));
        // Who is on the way is as good as there: the order waits for them.
        let far = if left { office(&self.to) } else { office(&self.from) };
        let mut found = vec![Whereabout { prison: prison.clone(), holds: !left, own: true, at }];
        let far = far.filter(|far| *far != prison);
        found.extend(far.map(|prison| Whereabout { prison, holds: left, own: false, at }));
        // A home keeps a child as a prison keeps a prisoner: what is ordered follows the child there.
        found.retain(|one| matches!(one.prison.class(), "prison" | "home"));
        found
    }
}
