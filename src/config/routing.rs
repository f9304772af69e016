//! Where a record goes: pure over the record, one revision and what was known at one moment. It never fails; what cannot be
//! decided is a destination with a code, which stays visible until it is mended. Steps are tried in the route's order.
//! Once a step names an office that nobody serves, only a desk may stand in: another court is no substitute for the case's.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::Revision;
use super::facts::Facts;
use super::routes::{Route, Step};
use super::systems::{PILLARS, System};
use crate::clock::Timestamp;
use crate::identifiers::{CaseKey, OfficeId, SystemName};
use crate::journal::{Action, DeliveryView, How, Lane, Snapshot, State};

/// Where a record goes, before the journal gives it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Office; `None`: parked with `code`.
    pub office: Option<OfficeId>,
    /// System; empty when unknown.
    pub system: SystemName,
    /// Push or feed.
    pub how: How,
    /// `no-route`, `no-office`, `ambiguous-office`, `not-permitted`, `expression-failed`.
    pub code: Option<String>,
    /// Held until its route's condition is true; with the deadline from acceptance.
    pub hold: Option<Duration>,
    /// Which route, step and row decided.
    pub why: String,
    /// See `Route`.
    pub park_on_reject: bool,
}

/// What routing looks at.
struct Ask<'a> {
    kind: &'a str,
    shared: &'a Value,
    facts: &'a Facts,
    known: &'a Snapshot,
}

/// An office that a step names, and the words for why.
type Named = (OfficeId, String);

impl Revision {
    /// Where a record goes. Pure: record, this revision, and what was known at one moment. Never fails: what cannot be
    /// decided is a destination with a code. The sending office is no receiver.
    pub fn route(&self, kind: &str, shared: &Value, facts: &Facts, known: &Snapshot) -> Vec<Destination> {
        let ask = Ask { kind, shared, facts, known };
        let mut destinations: Vec<Destination> = Vec::new();
        let mut seen: BTreeSet<OfficeId> = facts.from.iter().cloned().collect();
        let mut applied = false;
        for route in self.routes.iter().filter(|route| route.kind == kind) {
            let found = self.follow(route, &ask);
            applied |= !found.is_empty();
            for destination in found {
                let fresh = destination.office.as_ref().is_none_or(|office| seen.insert(office.clone()));
                if fresh {
                    destinations.push(destination);
                }
            }
        }
        for office in facts.to.iter().filter(|office| !self.addressed(office, kind) && !seen.contains(*office)) {
            applied = true;
            destinations.push(parked("no-route", format!("addressee {office}: no route takes {kind} there")));
        }
        if !applied {
            destinations.push(parked("no-route", format!("no route for {kind} applies")));
        }
        destinations
    }

    /// Some route for the kind takes addressees of that office's pillar.
    fn addressed(&self, office: &OfficeId, kind: &str) -> bool {
        let takes = |route: &&Route| route.kind == kind && route.steps.contains(&Step::Addressee);
        self.routes.iter().filter(takes).any(|route| self.fits(office, &route.to))
    }

    fn fits(&self, office: &OfficeId, pillar: &str) -> bool {
        match self.serving(office) {
            Some(system) => system.pillar == pillar,
            None => PILLARS.iter().any(|(name, classes)| *name == pillar && classes.contains(&office.class())),
        }
    }

    /// What one route gives; nothing where it does not apply.
    fn follow(&self, route: &Route, ask: &Ask<'_>) -> Vec<Destination> {
        match route.when.as_ref().map(|when| when.holds(ask.shared)) {
            Some(Ok(false)) => return Vec::new(),
            Some(Err(message)) => {
                return vec![parked("expression-failed", format!("route {}: when: {message}", route.name))];
            }
            Some(Ok(true)) | None => {}
        }
        let mut found = self.find(route, ask);
        match self.hold(route, ask) {
            Ok(None) => {}
            Ok(Some(hold)) => {
                for destination in
                    found.iter_mut().filter(|destination| destination.code.as_deref() != Some("not-permitted"))
                {
                    destination.hold = Some(hold);
                    destination.code = None;
                }
            }
            Err(message) => {
                for destination in &mut found {
                    destination.code = Some("expression-failed".to_owned());
                    destination.why = format!("route {}: hold_until: {message}", route.name);
                }
            }
        }
        found
    }

    /// How long to hold, if the route's condition is not true yet.
    fn hold(&self, route: &Route, ask: &Ask<'_>) -> Result<Option<Duration>, String> {
        let Some(condition) = &route.hold_until else { return Ok(None) };
        let tree = with_joined_cases(ask.shared, &ask.known.joined);
        Ok((!condition.holds(&tree)?).then_some(route.hold_for))
    }

    fn find(&self, route: &Route, ask: &Ask<'_>) -> Vec<Destination> {
        let mut unserved: Vec<Named> = Vec::new();
        for step in &route.steps {
            // See the header: after a miss only the desk may stand in, except where an addressee was the miss.
            let stands_in = *step == Step::Desk || unserved.iter().all(|(_, why)| why.starts_with("addressee"));
            if !stands_in {
                continue;
            }
            let named = self.step(step, route, ask);
            let (served, strangers): (Vec<Named>, Vec<Named>) =
                named.into_iter().partition(|(office, _)| self.serving(office).is_some());
            if served.is_empty() {
                unserved.extend(strangers);
                continue;
            }
            if served.len() > 1 && *step != Step::Addressee && ask.facts.lane != Some(Lane::Liberty) {
                let names: Vec<&str> = served.iter().map(|(office, _)| office.as_str()).collect();
                let why = format!("route {}: {} names {}", route.name, word(step), names.join(", "));
                return vec![parked("ambiguous-office", why)];
            }
            let mut found: Vec<Destination> = served.iter().map(|named| self.destination(route, named, ask)).collect();
            if *step == Step::Addressee {
                found.extend(strangers.iter().map(|named| missing(route, named)));
            }
            return found;
        }
        if unserved.is_empty() {
            // A route by addressee alone counts only where the record addresses somebody.
            let only_addressees = route.steps.iter().all(|step| *step == Step::Addressee);
            let why = format!("route {}: no step names an office", route.name);
            return if only_addressees { Vec::new() } else { vec![parked("no-office", why)] };
        }
        unserved.iter().map(|named| missing(route, named)).collect()
    }

    /// The offices that one step names, each once.
    fn step(&self, step: &Step, route: &Route, ask: &Ask<'_>) -> Vec<Named> {
        let keys = || ask.facts.cases.iter().chain(&ask.known.joined);
        let mut named: Vec<Named> = Vec::new();
        match step {
            Step::Addressee => {
                let to = ask.facts.to.iter().filter(|office| self.fits(office, &route.to));
                named.extend(to.map(|office| (office.clone(), "addressee".to_owned())));
            }
            Step::CaseCourt => {
                named.extend(ask.known.court.iter().map(|court| (court.clone(), "court of the case".to_owned())));
            }
            Step::Cnr => named.extend(keys().filter_map(establishment)),
            Step::Station => named.extend(keys().filter_map(station).filter_map(|code| {
                Some((OfficeId::parse(&format!("ps:{code}")).ok()?, "station of the FIR".to_owned()))
            })),
            Step::Table(table, class) => named.extend(self.rows(table, class, route, ask)),
            Step::Desk => named.extend(self.desk(route, ask)),
        }
        let mut seen = BTreeSet::new();
        named.retain(|(office, _)| seen.insert(office.clone()));
        named
    }

    fn rows(&self, table: &'static str, class: &str, route: &Route, ask: &Ask<'_>) -> Vec<Named> {
        let codes: BTreeSet<String> = match super::reference::Reference::key_of(table) {
            Some("station") => ask.facts.cases.iter().chain(&ask.known.joined).filter_map(station).collect(),
            _ => {
                let cnrs = ask.facts.cases.iter().chain(&ask.known.joined).filter_map(establishment);
                let court = ask.known.court.iter().map(|court| court.code().to_owned());
                court.chain(cnrs.map(|(office, _)| office.code().to_owned())).collect()
            }
        };
        let day = day(route, ask);
        let mut named = Vec::new();
        for code in codes {
            for row in self.reference.rows(table, &code, class, &day) {
                named.push((row.office.clone(), format!("table {table} line {}", row.line)));
            }
        }
        named
    }

    fn desk(&self, route: &Route, ask: &Ask<'_>) -> Vec<Named> {
        if let Some(desk) = &route.desk {
            return vec![(desk.clone(), "desk of the route".to_owned())];
        }
        let code = ask.facts.cases.iter().chain(&ask.known.joined).find_map(station).unwrap_or_default();
        let found = self.reference.desk(&code, &route.to);
        found.map(|(office, line)| (office.clone(), format!("desk line {line}"))).into_iter().collect()
    }

    fn destination(&self, route: &Route, (office, step): &Named, ask: &Ask<'_>) -> Destination {
        let why = format!("route {}: {step}", route.name);
        let Some(system) = self.serving(office) else { return missing(route, &(office.clone(), step.clone())) };
        let given = self.sharing.gives(ask.kind, system);
        let taken = system.receive.iter().any(|kind| kind == ask.kind);
        let (code, why) = match (given, taken) {
            (true, true) => (None, why),
            (false, _) => {
                (Some("not-permitted"), format!("{why}; no sharing line gives {} to {}", ask.kind, system.name))
            }
            (true, false) => (Some("no-route"), format!("{why}; {} does not receive {}", system.name, ask.kind)),
        };
        Destination {
            office: Some(office.clone()),
            system: system.name.clone(),
            how: how(system),
            code: code.map(str::to_owned),
            hold: None,
            why,
            park_on_reject: route.park_on_reject && ask.facts.lane != Some(Lane::Liberty),
        }
    }
}

/// How a system gets its deliveries.
fn how(system: &System) -> How {
    if system.push.is_some() { How::Push } else { How::Feed }
}

fn parked(code: &str, why: String) -> Destination {
    Destination {
        office: None,
        system: SystemName::new(),
        how: How::Feed,
        code: Some(code.to_owned()),
        hold: None,
        why,
        park_on_reject: false,
    }
}

fn missing(route: &Route, (office, step): &Named) -> Destination {
    parked("no-office", format!("route {}: {step}: no system serves {office}", route.name))
}

fn word(step: &Step) -> String {
    match step {
        Step::Addressee => "addressee".to_owned(),
        Step::CaseCourt => "case-court".to_owned(),
        Step::Cnr => "cnr".to_owned(),
        Step::Table(table, class) => format!("table {table} {class}").trim_end().to_owned(),
        Step::Station => "station".to_owned(),
        Step::Desk => "desk".to_owned(),
    }
}

/// The registry of the establishment in a CNR: its first six characters (NJDG `court_info.est_code char(6)`).
fn establishment(key: &CaseKey) -> Option<Named> {
    let code = (key.scheme() == "cnr").then(|| key.value().get(..6)).flatten()?;
    Some((OfficeId::parse(&format!("court:{code}")).ok()?, "establishment of the CNR".to_owned()))
}

/// The station of a FIR. A zero FIR's station sent the case away, so it is not asked.
fn station(key: &CaseKey) -> Option<String> {
    let station = (key.scheme() == "fir").then(|| key.parts().into_iter().next()).flatten()?;
    (!station.is_empty()).then_some(station)
}

/// The day by which tables are read, `yyyy-MM-dd` in India; empty where the record has none: the rows that hold still.
fn day(route: &Route, ask: &Ask<'_>) -> String {
    let named = route.date.as_ref().and_then(|path| path.values(ask.shared).first().and_then(|value| value.as_str()));
    let moment = ask.facts.occurred_at.or(ask.facts.recorded_at).map(|at: Timestamp| at.to_string());
    named.map(str::to_owned).or(moment).and_then(|text| text.get(..10).map(str::to_owned)).unwrap_or_default()
}

/// The record as conditions see it: with those case numbers that are known by links, where it has none of its own.
fn with_joined_cases(shared: &Value, joined: &[CaseKey]) -> Value {
    let mut tree = shared.clone();
    let Some(fields) = tree.as_object_mut() else { return tree };
    let case = fields.entry("case").or_insert_with(|| Value::Object(serde_json::Map::new()));
    let Some(case) = case.as_object_mut() else { return tree };
    for key in joined.iter().filter(|key| matches!(key.scheme(), "cnr" | "ptn")) {
        let value = serde_json::json!({"value": key.parts().concat()});
        if case.get(key.scheme()).is_none_or(Value::is_null) {
            case.insert(key.scheme().to_owned(), value);
        }
    }
    tree
}

/// What a correction or withdrawal means for each office, from where it would go now and where the newest version went.
/// Offices that had it and are addressed still get `action`; new ones get a correction as `new`; those no longer addressed get
/// a `withdraw`. A withdrawal goes to everyone who had it and to nobody else.
pub fn rerouted(action: Action, now: Vec<Destination>, before: &[DeliveryView]) -> Vec<(Destination, Action)> {
    let had =
        |office: &OfficeId| before.iter().any(|delivery| delivery.office.as_ref() == Some(office) && stands(delivery));
    let mut plan: Vec<(Destination, Action)> = Vec::new();
    if action != Action::Withdraw {
        for destination in now {
            let known = destination.office.as_ref().is_some_and(had);
            plan.push((destination, if known { action } else { Action::New }));
        }
    }
    for delivery in before.iter().filter(|delivery| stands(delivery)) {
        let Some(office) = &delivery.office else { continue };
        if plan.iter().any(|(destination, _)| destination.office.as_ref() == Some(office)) {
            continue;
        }
        let destination = Destination {
            office: Some(office.clone()),
            system: delivery.system.clone(),
            how: delivery.how,
            code: None,
            hold: None,
            why: format!("had {}", delivery.id),
            park_on_reject: false,
        };
        plan.push((destination, Action::Withdraw));
    }
    plan
}

/// The office has this version, or is about to: it was not taken back, and is no withdrawal itself.
fn stands(delivery: &DeliveryView) -> bool {
    delivery.action != Action::Withdraw && delivery.state != State::Recalled
}
