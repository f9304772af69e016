//! Where a record goes: pure over the record, one revision and what was known at one moment. It never fails; what cannot be
//! decided is a destination with a code, which stays visible until it is mended. Steps are tried in the route's order.
//! Once a step names an office that nobody serves, only a desk may stand in: another court is no substitute for the case's.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::Revision;
use super::draft::{Chosen, Draft, Found, covers, missing, parked, reasons};
use super::facts::Facts;
use super::routes::{Route, Step};
use super::steps::{Case, Named, establishment};
use super::systems::{PILLARS, System};
use super::trail::{Taken, Trail, Trial};
use crate::clock::Timestamp;
use crate::identifiers::{CaseKey, OfficeId, SystemName};
use crate::journal::{Action, DeliveryView, How, Lane, Snapshot, SnapshotAsk, State};

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
    /// `code` is that of a rule by which the record never goes there (`[[never]]`).
    pub forbidden: bool,
    /// Held until its route's condition is true; with the deadline from acceptance.
    pub hold: Option<Duration>,
    /// Which route, step and row decided.
    pub why: String,
    /// See `Route`.
    pub park_on_reject: bool,
    /// For which of the record's cases: places in `Facts::groups`. Empty for an addressee that none leads to, and where no
    /// office was found.
    pub cases: Vec<usize>,
    /// For which items of the record (`CaseKey::item`), where its route decides item by item; else empty.
    pub items: Vec<CaseKey>,
    /// Exactly these cases and items, whatever the record has by now: what is taken back is what was given.
    pub given: Option<Vec<CaseKey>>,
}

/// What routing looks at.
#[derive(Clone)]
pub(super) struct Ask<'a> {
    pub(super) kind: &'a str,
    pub(super) shared: &'a Value,
    pub(super) facts: &'a Facts,
    pub(super) known: &'a Snapshot,
    pub(super) cases: Vec<Case<'a>>,
    /// The present day, by which offices are open or closed; empty where nobody says.
    pub(super) today: String,
}

impl<'a> Ask<'a> {
    fn of(kind: &'a str, shared: &'a Value, facts: &'a Facts, known: &'a Snapshot) -> Self {
        const NONE: &[CaseKey] = &[];
        let mut cases: Vec<Case<'a>> = facts.groups.iter().map(|own| Case::of(own, &known.links)).collect();
        if cases.is_empty() {
            cases.push(Case::of(NONE, &known.links));
        }
        let now = (known.at != Timestamp::default()).then(|| known.at.to_string());
        let today = now.and_then(|text| text.get(..10).map(str::to_owned)).unwrap_or_default();
        Self { kind, shared, facts, known, cases, today }
    }
}

impl Revision {
    /// Where a record goes. Pure: record, this revision, and what was known at one moment. Never fails: what cannot be
    /// decided is a destination with a code. Each case of the record is decided by itself; an office that several lead to
    /// gets the record once. The sending office is no receiver.
    pub fn route(&self, kind: &str, shared: &Value, facts: &Facts, known: &Snapshot) -> Vec<Destination> {
        self.routed(&Ask::of(kind, shared, facts, known), &mut Trail::default())
    }

    /// The same, with every route and step that was tried.
    pub fn explain(
        &self,
        kind: &str,
        shared: &Value,
        facts: &Facts,
        known: &Snapshot,
    ) -> (Vec<Destination>, Vec<Trial>) {
        let mut trail = Trail::kept();
        let destinations = self.routed(&Ask::of(kind, shared, facts, known), &mut trail);
        (destinations, trail.trials)
    }

    /// The offices that are the court of one case, given by the keys that a record names it by (an item of `Facts::groups`):
    /// where the newest link has taken it, else the establishment of its CNR. Establishments only (`court:DLCT01`): a court
    /// with a number is a court of the case where its establishment is. Empty where no CNR is known; then the tables decide,
    /// and `own_cases` says for which cases. `known` is a snapshot of these keys (`SnapshotAsk::cases`).
    pub fn courts_of(&self, case: &[CaseKey], known: &Snapshot) -> Vec<OfficeId> {
        let case = Case::of(case, &known.links);
        let links = case.dockets.iter().any(|(_, link)| link.is_some());
        let cnrs: Vec<&CaseKey> =
            if links { case.dockets.iter().map(|(cnr, _)| cnr).collect() } else { case.same.iter().collect() };
        let mut courts: Vec<OfficeId> = cnrs.into_iter().filter_map(establishment).map(|(office, _)| office).collect();
        courts.sort();
        courts.dedup();
        courts
    }

    /// The cases of a record (places in `Facts::groups`) that are an office's own: those that lead to it, or to the
    /// registry of its establishment, by any step but the addressee. It needs the snapshot that `route` needs, and may be
    /// asked at any later time with a newer one. An addressee that no case leads to has none.
    pub fn own_cases(
        &self,
        kind: &str,
        shared: &Value,
        facts: &Facts,
        known: &Snapshot,
        office: &OfficeId,
    ) -> Vec<usize> {
        let ask = Ask::of(kind, shared, facts, known);
        let mut own: BTreeSet<usize> = BTreeSet::new();
        for route in self.routes.iter().filter(|route| route.kind == kind && self.fits(office, &route.to)) {
            for (nth, case) in ask.cases.iter().enumerate() {
                let offices = match self.look(route, case, &ask, &mut Trail::default()) {
                    Found::Offices(served, _) | Found::Several(_, served) => served,
                    Found::Unserved(_) | Found::Nothing | Found::Lacking(_) | Found::Nobody => Vec::new(),
                };
                if offices.iter().any(|named| covers(office, &named.office)) {
                    own.insert(nth);
                }
            }
        }
        own.into_iter().filter(|nth| *nth < facts.groups.len()).collect()
    }

    fn routed(&self, ask: &Ask<'_>, trail: &mut Trail) -> Vec<Destination> {
        let (kind, facts) = (ask.kind, ask.facts);
        let mut destinations: Vec<Destination> = Vec::new();
        let mut seen: BTreeSet<OfficeId> = facts.from.iter().cloned().collect();
        let mut applied = false;
        for route in self.routes.iter().filter(|route| route.kind == kind) {
            let Some(found) = self.follow(route, ask, trail) else { continue };
            applied = true;
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
        if facts.groups.is_empty() {
            once(&mut destinations);
        }
        self.forbid(kind, ask.shared, &mut destinations);
        destinations
    }

    /// Some route for the kind asks where the persons are held.
    pub fn follows(&self, kind: &str) -> bool {
        self.routes.iter().any(|route| route.kind == kind && route.steps.contains(&Step::Custody))
    }

    /// Some route for the kind asks who had to do with the same thread.
    pub fn joins(&self, kind: &str) -> bool {
        self.routes.iter().any(|route| route.kind == kind && route.steps.iter().any(Step::names_all))
    }

    /// What routing must know of a record before it decides.
    pub fn ask(&self, kind: &str, facts: &Facts) -> SnapshotAsk {
        SnapshotAsk {
            cases: facts.cases.clone(),
            persons: if self.follows(kind) { facts.persons.clone() } else { Vec::new() },
            threads: if self.joins(kind) { facts.threads.clone() } else { Vec::new() },
            ..SnapshotAsk::default()
        }
    }

    /// Some route for the kind takes addressees of that office's pillar.
    fn addressed(&self, office: &OfficeId, kind: &str) -> bool {
        let takes = |route: &&Route| route.kind == kind && route.steps.contains(&Step::Addressee);
        self.routes.iter().filter(takes).any(|route| self.fits(office, &route.to))
    }

    pub(super) fn fits(&self, office: &OfficeId, pillar: &str) -> bool {
        match self.serving(office) {
            Some(system) => system.pillar == pillar,
            None => PILLARS.iter().any(|(name, classes)| *name == pillar && classes.contains(&office.class())),
        }
    }

    /// What one route gives; `None` where it does not apply.
    fn follow(&self, route: &Route, ask: &Ask<'_>, trail: &mut Trail) -> Option<Vec<Destination>> {
        match route.when.as_ref().map(|when| when.holds(ask.shared)) {
            Some(Ok(false)) => {
                trail.note(route, "", "its condition does not hold", Taken::No);
                return None;
            }
            Some(Err(message)) => {
                return Some(vec![parked("expression-failed", format!("route {}: when: {message}", route.name))]);
            }
            Some(Ok(true)) | None => {}
        }
        if route.child && !self.about_a_child(ask.kind, ask.shared) {
            trail.note(route, "", "it is not about a child", Taken::No);
            return None;
        }
        if route.only_if_connected && !self.connected(route) && self.addressees(route, ask).is_empty() {
            trail.note(route, "", &format!("no system of {} receives {}", route.to, route.kind), Taken::No);
            return None;
        }
        let mut found = self.find(route, ask, trail)?;
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
        Some(found)
    }

    /// Some system of the route's pillar receives its kind.
    fn connected(&self, route: &Route) -> bool {
        self.systems.values().any(|system| system.pillar == route.to && system.receive.contains(&route.kind))
    }

    /// How long to hold, if the route's condition is not true yet.
    fn hold(&self, route: &Route, ask: &Ask<'_>) -> Result<Option<Duration>, String> {
        let Some(condition) = &route.hold_until else { return Ok(None) };
        let joined: Vec<CaseKey> = ask.cases.iter().flat_map(|case| case.same.iter().cloned()).collect();
        let tree = with_joined_cases(ask.shared, &joined);
        Ok((!condition.holds(&tree)?).then_some(route.hold_for))
    }

    /// The addressees first; then every case for which no addressee stands is decided by itself. `None`: the route does not
    /// apply, because it is by addressee alone and there is none.
    fn find(&self, route: &Route, ask: &Ask<'_>, trail: &mut Trail) -> Option<Vec<Destination>> {
        let items = route.split.as_ref().map_or_else(Vec::new, |split| split.items(ask.shared));
        if let Some(case) = ask.cases.first().filter(|_| !items.is_empty()) {
            return self.find_items(route, (&items, case), ask, trail);
        }
        let (served, strangers) = self.apart(self.addressees(route, ask));
        trail.step(route, "", "addressee", &served, &strangers);
        let unaddressed = served.is_empty() && strangers.is_empty();
        if unaddressed && route.steps.iter().all(|step| *step == Step::Addressee) {
            return None;
        }
        let mut draft = Draft::of(route, served, strangers);
        let several = ask.cases.len() > 1;
        // An order about liberty follows the person, whomever it names. Else whom a record names is enough, unless it is
        // about cases of several courts.
        let follows = ask.facts.lane == Some(Lane::Liberty) && route.steps.contains(&Step::Custody);
        for (nth, case) in ask.cases.iter().enumerate() {
            let label = if several { format!("{}: ", case.name()) } else { String::new() };
            if draft.addressed.is_empty() || several {
                let found = self.look(route, case, ask, trail);
                draft.take(route, nth, &label, found);
            } else if follows {
                let (served, strangers) = self.apart(self.step(&Step::Custody, route, case, ask));
                trail.step(route, case.name(), "custody", &served, &strangers);
                // Where an addressee is among those who hold the person, it is right.
                let right = served.iter().any(|named| draft.is_addressed(named));
                if !right {
                    draft.take(route, nth, &label, Found::Offices(served, Vec::new()));
                }
            }
        }
        draft.close(route);
        if route.by_chance() && draft.chosen.is_empty() && draft.stuck.is_empty() {
            return None;
        }
        if unaddressed && draft.chosen.is_empty() && self.asked_by_others(route, ask) {
            trail.note(route, "", "others asked, and nobody of this pillar", Taken::No);
            return None;
        }
        let chosen = draft.chosen.iter().map(|chosen| self.destination(route, chosen, ask));
        Some(chosen.chain(draft.stuck).collect())
    }

    /// Those that a system serves, and those that none does.
    pub(super) fn apart(&self, named: Vec<Named>) -> (Vec<Named>, Vec<Named>) {
        named.into_iter().partition(|named| self.serving(&named.office).is_some())
    }

    /// What the steps after the addressee give for one case.
    pub(super) fn look(&self, route: &Route, case: &Case<'_>, ask: &Ask<'_>, trail: &mut Trail) -> Found {
        if matches!(route.to.as_str(), "police" | "agency") && self.not_registered_by(&route.to, case) {
            trail.note(route, case.name(), "the case is not from there", Taken::No);
            return Found::Nobody;
        }
        // What a Board orders concerns a prison only where the child is in one.
        let board = route.to == "prisons" && ask.facts.from.as_ref().is_some_and(|from| from.class() == "jjb");
        let liberty = ask.facts.lane == Some(Lane::Liberty);
        let mut unserved: Vec<Named> = Vec::new();
        let mut found: Vec<Named> = Vec::new();
        let tried = |step: &&Step| **step != Step::Addressee && (!board || **step == Step::Custody);
        for step in route.steps.iter().filter(tried) {
            // See the header: after a miss only the desk may stand in.
            if !unserved.is_empty() && *step != Step::Desk {
                continue;
            }
            let (served, strangers) = self.apart(self.step(step, route, case, ask));
            trail.step(route, case.name(), &word(step), &served, &strangers);
            if served.is_empty() {
                // A desk that nobody serves either is no news.
                if unserved.is_empty() {
                    unserved.extend(strangers);
                }
                continue;
            }
            let one_each = step.names_all() || (*step == Step::Custody && !crowded(ask));
            if served.len() > 1 && !liberty && !one_each && !self.each_their_own(step, route, case, ask) {
                return Found::Several(name(step), served);
            }
            found.extend(served);
            if liberty {
                unserved.extend(strangers);
            }
            // Where only some of the persons are known to be anywhere, the others are looked for as if none were.
            if !(liberty && *step == Step::Custody && scattered(ask)) {
                break;
            }
        }
        match (found.is_empty(), unserved.is_empty()) {
            (false, _) => Found::Offices(found, unserved),
            (true, false) => Found::Unserved(unserved),
            (true, true) if board => Found::Nobody,
            (true, true) => Found::Nothing,
        }
    }

    pub(super) fn destination(&self, route: &Route, chosen: &Chosen, ask: &Ask<'_>) -> Destination {
        let office = &chosen.office;
        let why = format!("route {}: {}", route.name, reasons(&chosen.reasons));
        let Some(system) = self.serving(office) else {
            return missing(route, &Named { office: office.clone(), why, row: String::new() }, "");
        };
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
            forbidden: false,
            hold: None,
            why,
            park_on_reject: route.park_on_reject && ask.facts.lane != Some(Lane::Liberty),
            cases: chosen.cases.clone(),
            items: Vec::new(),
            given: None,
        }
    }
}

/// A record that names no case leads nowhere by any route: a person looks at that once, whatever the number of routes.
fn once(destinations: &mut Vec<Destination>) {
    let nowhere = |one: &Destination| one.office.is_none() && one.code.as_deref() == Some("no-office");
    let (lost, mut rest): (Vec<_>, Vec<_>) = std::mem::take(destinations).into_iter().partition(nowhere);
    let why = lost.iter().map(|one| one.why.as_str()).collect::<Vec<_>>().join("; ");
    rest.extend(lost.into_iter().next().map(|one| Destination { why, ..one }));
    *destinations = rest;
}

/// Several prisons claim one and the same person.
fn crowded(ask: &Ask<'_>) -> bool {
    ask.facts.people.iter().any(|person| {
        let prisons: BTreeSet<&OfficeId> =
            ask.known.held.iter().filter(|held| person.contains(&held.person)).map(|held| &held.office).collect();
        prisons.len() > 1
    })
}

/// Some of the persons are held nowhere that is known.
fn scattered(ask: &Ask<'_>) -> bool {
    ask.facts.people.iter().any(|person| !ask.known.held.iter().any(|held| person.contains(&held.person)))
}

/// How a system gets its deliveries.
fn how(system: &System) -> How {
    if system.push.is_some() { How::Push } else { How::Feed }
}

fn word(step: &Step) -> String {
    match step {
        Step::Table(table, class) => format!("table {table} {class}").trim_end().to_owned(),
        Step::Asker(scheme) | Step::Holders(scheme) => format!("{} {scheme}", name(step)),
        Step::Then(table, class, next) => format!("{} then {next}", format!("table {table} {class}").trim_end()),
        other => name(other).to_owned(),
    }
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::Addressee => "addressee",
        Step::Asker(_) => "asker",
        Step::Holders(_) => "holders",
        Step::CaseCourt => "case-court",
        Step::Cnr => "cnr",
        Step::Custody => "custody",
        Step::Table(table, _) | Step::Then(.., table) => table,
        Step::Station => "station",
        Step::Desk => "desk",
    }
}

/// The record as conditions see it: with those case numbers that are known by links, where it has none of its own.
pub(super) fn with_joined_cases(shared: &Value, joined: &[CaseKey]) -> Value {
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
/// a `withdraw`, and so do those that have it and to which it must never go by what it says now: a man who is found to be a
/// child. A withdrawal goes to everyone who had it and to nobody else.
pub fn rerouted(action: Action, now: Vec<Destination>, before: &[DeliveryView]) -> Vec<(Destination, Action)> {
    let had =
        |office: &OfficeId| before.iter().any(|delivery| delivery.office.as_ref() == Some(office) && stands(delivery));
    let sent = |office: &OfficeId| {
        let to = |delivery: &&DeliveryView| delivery.office.as_ref() == Some(office) && stands(delivery);
        before.iter().filter(to).any(|delivery| delivery.state != State::Parked)
    };
    let (barred, now): (Vec<Destination>, Vec<Destination>) =
        now.into_iter().partition(|to| to.forbidden && to.office.as_ref().is_some_and(sent));
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
        let barred = barred.iter().find(|to| to.office.as_ref() == Some(office));
        let destination = Destination {
            office: Some(office.clone()),
            system: delivery.system.clone(),
            how: delivery.how,
            code: None,
            forbidden: false,
            hold: None,
            why: barred.map_or_else(|| format!("had {}", delivery.id), |to| format!("had {}; {}", delivery.id, to.why)),
            park_on_reject: false,
            cases: Vec::new(),
            items: Vec::new(),
            // A correction that no longer concerns the office is about others' cases and items.
            given: Some(delivery.cases.clone()),
        };
        plan.push((destination, Action::Withdraw));
    }
    plan
}

/// The office has this version, or is about to: it was not taken back, and is no withdrawal itself.
fn stands(delivery: &DeliveryView) -> bool {
    delivery.action != Action::Withdraw && delivery.state != State::Recalled
}
