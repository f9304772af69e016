//! What each step of a route names for one case: an addressee, the court of the newest link, a row of a table. An office
//! that has closed stands for its successor, and says so. Pure; `routing` decides between what is found here.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Revision;
use super::facts::{Facts, Path};
use super::reference::{DIR, Reference, Row};
use super::routes::{Route, Step};
use super::routing::Ask;
use super::split::Item;
use crate::clock::Timestamp;
use crate::identifiers::{CaseKey, OfficeId};
use crate::journal::{Docket, Joints, Party};

/// Successors that are followed: a chain that is longer is a mistake of the tables.
const SUCCESSORS: usize = 8;

/// One case of a record with what links say of it.
#[derive(Debug, Clone)]
pub(super) struct Case<'a> {
    /// The keys that the record gives.
    pub(super) own: &'a [CaseKey],
    /// See `Joints::same`.
    pub(super) same: Vec<CaseKey>,
    /// See `Joints::origins`.
    pub(super) origins: Vec<CaseKey>,
    /// See `Joints::dockets`.
    pub(super) dockets: Vec<Docket<'a>>,
    /// The item of the record that is decided, where its route decides item by item.
    pub(super) item: Option<Item>,
}

impl<'a> Case<'a> {
    pub(super) fn of(own: &'a [CaseKey], links: &'a Joints) -> Self {
        Self { own, same: links.same(own), origins: links.origins(own), dockets: links.dockets(own), item: None }
    }

    /// One of its numbers, for people.
    pub(super) fn name(&self) -> &str {
        self.own.first().map_or("no case", CaseKey::as_str)
    }
}

/// An office that a step names, and the words for why.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) office: OfficeId,
    pub(super) why: String,
    /// The row of a table that says so, as `file:line`; empty where none does.
    pub(super) row: String,
}

impl Named {
    fn by(office: OfficeId, why: impl Into<String>) -> Self {
        Self { office, why: why.into(), row: String::new() }
    }
}

impl Revision {
    /// The offices that the record addresses, of the route's pillar.
    pub(super) fn addressees(&self, route: &Route, ask: &Ask<'_>) -> Vec<Named> {
        if !route.steps.contains(&Step::Addressee) {
            return Vec::new();
        }
        let to = ask.facts.to.iter().filter(|office| self.fits(office, &route.to));
        to.map(|office| self.standing(Named::by(office.clone(), "addressee"), ask)).collect()
    }

    /// The offices that one step names for one case, each once.
    pub(super) fn step(&self, step: &Step, route: &Route, case: &Case<'_>, ask: &Ask<'_>) -> Vec<Named> {
        let named: Vec<Named> = match step {
            Step::Addressee => Vec::new(),
            Step::CaseCourt => case.dockets.iter().filter_map(court).collect(),
            Step::Cnr => {
                case.same.iter().filter_map(establishment).map(|(office, why)| Named::by(office, why)).collect()
            }
            Step::Custody => held(ask),
            Step::Asker(scheme) => self.parties(scheme, true, route, case, ask),
            Step::Holders(scheme) => self.parties(scheme, false, route, case, ask),
            Step::Station => self.registrants(route, case),
            Step::Table(table, class) => self.rows(table, class, route, case, ask),
            Step::Then(table, class, next) => {
                let first = self.rows(table, class, route, case, ask);
                first.into_iter().flat_map(|named| self.onward(named, next, route, ask)).collect()
            }
            Step::Desk => self.desk(route, case, ask),
        };
        let mut seen = BTreeSet::new();
        let named = named.into_iter().filter(|named| seen.insert(named.office.clone()));
        named.map(|named| self.standing(named, ask)).collect()
    }

    /// Offices of the route's pillar that had to do with the record's threads of a scheme, or with the one item that is
    /// decided: who asked, or everybody.
    fn parties(&self, scheme: &str, askers: bool, route: &Route, case: &Case<'_>, ask: &Ask<'_>) -> Vec<Named> {
        let meant = |party: &&Party| case.item.as_ref().is_none_or(|item| item.is_of(&party.thread));
        let fitting = others_of(scheme, askers, ask).filter(meant).filter(|party| self.fits(&party.office, &route.to));
        fitting
            .map(|party| {
                let did = if party.sent { "sent" } else { "got" };
                Named::by(party.office.clone(), format!("{did} an earlier record of this {scheme}"))
            })
            .collect()
    }

    /// The case has numbers, and none of them was given by an office of that pillar, police or an agency: a complaint, a civil
    /// prisoner, a detenue; or the other's case.
    pub(super) fn not_registered_by(&self, pillar: &str, case: &Case<'_>) -> bool {
        let own = |key: &CaseKey| {
            let fir = matches!(key.scheme(), "fir" | "zero-fir");
            let code = key.parts().into_iter().next().unwrap_or_default();
            fir && self.reference.is_agency(&code) == (pillar == "agency")
        };
        (!case.own.is_empty() || pillar == "agency") && !case.origins.iter().any(own)
    }

    /// Who registered the FIR: the police station, or the agency.
    fn registrants(&self, route: &Route, case: &Case<'_>) -> Vec<Named> {
        let class = if route.to == "agency" { "agency" } else { "ps" };
        let codes = case.origins.iter().filter_map(station);
        let own = codes.filter(|code| self.reference.is_agency(code) == (class == "agency"));
        let offices = own.filter_map(|code| OfficeId::parse(&format!("{class}:{code}")).ok());
        offices.map(|office| Named::by(office, "station of the FIR")).collect()
    }

    /// A route by askers alone has no part in a record that others asked for: a police station did, and no prison.
    pub(super) fn asked_by_others(&self, route: &Route, ask: &Ask<'_>) -> bool {
        let asked = |scheme: &str| {
            let mut askers = others_of(scheme, true, ask).peekable();
            askers.peek().is_some() && askers.all(|party| !self.fits(&party.office, &route.to))
        };
        route.steps.iter().any(|step| matches!(step, Step::Asker(scheme) if asked(scheme)))
            && route.steps.iter().all(|step| matches!(step, Step::Addressee | Step::Asker(_)))
    }

    /// The record is about several persons, and the step names one office for each of them alone: then all of these are
    /// meant, as the prison for men and that for women are by papers about a man and a woman.
    pub(super) fn each_their_own(&self, step: &Step, route: &Route, case: &Case<'_>, ask: &Ask<'_>) -> bool {
        let list = route.for_whom.iter().find_map(|(_, path)| path.in_list()).map(|(list, _)| list);
        let persons = list.as_ref().map_or(0, |list| list.values(ask.shared).len());
        let alone = |nth: usize| {
            let shared = list.as_ref().map_or(Value::Null, |list| only(ask.shared, list, nth));
            let facts = Facts { people: Vec::new(), ..ask.facts.clone() };
            let ask = Ask { shared: &shared, facts: &facts, ..ask.clone() };
            self.apart(self.step(step, route, case, &ask)).0.len() == 1
        };
        persons > 1 && (0..persons).all(alone)
    }

    /// The office itself, or whoever took over from it.
    fn standing(&self, mut named: Named, ask: &Ask<'_>) -> Named {
        for _ in 0..SUCCESSORS {
            let Some(closed) = self.reference.closed(&named.office, &ask.today) else { return named };
            named.why = format!("{}; {} closed on {} ({})", named.why, named.office, closed.on, closed.row);
            let Some(successor) = closed.successor else { return named };
            named.why = format!("{}, successor {successor}", named.why);
            named.office = successor;
        }
        named
    }

    fn rows(&self, table: &'static str, class: &str, route: &Route, case: &Case<'_>, ask: &Ask<'_>) -> Vec<Named> {
        let codes: BTreeSet<String> = match Reference::key_of(table) {
            Some("station") => case.origins.iter().filter_map(station).collect(),
            Some("board") => {
                ask.facts.from.iter().filter(|from| from.class() == "jjb").map(|from| from.code().to_owned()).collect()
            }
            _ => courts(case, ask).iter().map(|court| court.code().to_owned()).collect(),
        };
        codes.iter().flat_map(|code| self.answers(table, code, class, route, (case.item.as_ref(), ask))).collect()
    }

    /// What a joining table says for one office's code.
    fn answers(
        &self,
        table: &str,
        code: &str,
        class: &str,
        route: &Route,
        (item, ask): (Option<&Item>, &Ask<'_>),
    ) -> Vec<Named> {
        let day = day(route, ask);
        let mut rows = self.reference.rows(table, code, class, &day);
        if rows.is_empty() {
            // A court that has no rows of its own goes by those of its establishment.
            let establishment = code.split('/').next().unwrap_or_default();
            rows = self.reference.rows(table, establishment, class, &day);
        }
        let fits = |row: &&Row| is_for(row, route, ask) && item.is_none_or(|item| item.fits(row));
        let named = rows.into_iter().filter(fits).map(|row| Named {
            office: row.office.clone(),
            why: format!("table {table} line {}", row.line),
            row: format!("{DIR}{table}.csv:{}", row.line),
        });
        named.collect()
    }

    /// What a second table says for the office that a first one gave, or for whoever took over from that.
    fn onward(&self, first: Named, table: &str, route: &Route, ask: &Ask<'_>) -> Vec<Named> {
        let first = self.standing(first, ask);
        let mut named = self.answers(table, first.office.code(), "", route, (None, ask));
        for one in &mut named {
            one.why = format!("{} ({}), {}", first.why, first.office, one.why);
        }
        named
    }

    fn desk(&self, route: &Route, case: &Case<'_>, ask: &Ask<'_>) -> Vec<Named> {
        if let Some(desk) = &route.desk {
            return vec![Named::by(desk.clone(), "desk of the route")];
        }
        let stations = case.origins.iter().filter_map(station);
        let stations = stations.filter_map(|code| OfficeId::parse(&format!("ps:{code}")).ok());
        let offices: Vec<OfficeId> = stations.chain(courts(case, ask)).chain(ask.facts.from.clone()).collect();
        let state = offices.iter().find_map(|office| self.reference.state(office)).unwrap_or_default();
        let found = self.reference.desk(state, &route.to);
        let named = found.map(|(office, line)| Named {
            office: office.clone(),
            why: format!("desk line {line}"),
            row: format!("{DIR}desks.csv:{line}"),
        });
        named.into_iter().collect()
    }
}

/// Others that sent (`askers`) or had a record of the same thread of a scheme.
fn others_of<'a>(scheme: &'a str, askers: bool, ask: &'a Ask<'_>) -> impl Iterator<Item = &'a Party> {
    let of_scheme = move |thread: &str| thread.split_once('/').is_some_and(|(found, _)| found == scheme);
    let parties = ask.known.parties.iter().filter(move |party| of_scheme(&party.thread) && (party.sent || !askers));
    parties.filter(|party| ask.facts.from.as_ref() != Some(&party.office))
}

/// Whether a row is for somebody of the record. Of whom nothing is known, it may be for them.
fn is_for(row: &Row, route: &Route, ask: &Ask<'_>) -> bool {
    row.only.iter().all(|(column, only)| {
        let path = route.for_whom.iter().find(|(known, _)| known == column).map(|(_, path)| path);
        let values = path.map_or_else(Vec::new, |path| path.values(ask.shared));
        let unsaid = values.is_empty() || values.len() < ask.facts.people.len();
        unsaid || values.iter().any(|value| only.takes(value))
    })
}

/// The record with one item of a list alone.
fn only(shared: &Value, list: &Path, nth: usize) -> Value {
    let mut shared = shared.clone();
    let pointer: String = list.steps.iter().map(|(name, _)| format!("/{name}")).collect();
    if let Some(Value::Array(items)) = shared.pointer_mut(&pointer) {
        *items = items.get(nth).cloned().into_iter().collect();
    }
    shared
}

/// The courts of a case: the one that sends the record, else where links have taken it, else the establishment of the CNR.
fn courts(case: &Case<'_>, ask: &Ask<'_>) -> Vec<OfficeId> {
    if let Some(from) = ask.facts.from.as_ref().filter(|from| from.class() == "court") {
        return vec![from.clone()];
    }
    let dockets = case.dockets.iter().filter_map(|(cnr, _)| establishment(cnr));
    dockets.map(|(office, _)| office).collect()
}

/// The court that a link has given a case.
fn court((cnr, link): &Docket<'_>) -> Option<Named> {
    let link = link.as_ref()?;
    let (office, _) = establishment(cnr)?;
    Some(Named::by(office, format!("court of the case: {} {cnr}", link.link.link)))
}

/// Where the persons of the record are held.
fn held(ask: &Ask<'_>) -> Vec<Named> {
    ask.known.held.iter().map(|held| Named::by(held.office.clone(), "custody update")).collect()
}

/// The registry of the establishment in a CNR: its first six characters (NJDG `court_info.est_code char(6)`).
pub(super) fn establishment(key: &CaseKey) -> Option<(OfficeId, String)> {
    let code = (key.scheme() == "cnr").then(|| key.value().get(..6)).flatten()?;
    Some((OfficeId::parse(&format!("court:{code}")).ok()?, "establishment of the CNR".to_owned()))
}

/// The station of a FIR. A zero FIR's station sent the case away, so it is not asked.
fn station(key: &CaseKey) -> Option<String> {
    let station = (key.scheme() == "fir").then(|| key.parts().into_iter().next()).flatten()?;
    (!station.is_empty()).then_some(station)
}

/// The day by which tables are read, `yyyy-MM-dd` in India; empty where the record has none: the rows that hold still.
pub(super) fn day(route: &Route, ask: &Ask<'_>) -> String {
    let named = route.date.as_ref().and_then(|path| path.values(ask.shared).first().and_then(|value| value.as_str()));
    let moment = ask.facts.occurred_at.or(ask.facts.recorded_at).map(|at: Timestamp| at.to_string());
    named.map(str::to_owned).or(moment).and_then(|text| text.get(..10).map(str::to_owned)).unwrap_or_default()
}
