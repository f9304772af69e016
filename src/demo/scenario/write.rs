//! The words in which stories are written: who is in them, and one method for each kind of record that adds a step. Numbers
//! of events, FIRs, CNRs and prisoners are given out here, apart for each story, so that all can be played at once.

use fastrand::Rng;
use serde_json::Value;

use super::super::books::{Expect, Sent};
use super::super::documents::court::{liberty, order as order_row, ordered, registration};
use super::super::documents::police::{Series, arrest, charge_sheet, fir};
use super::super::documents::prison::{Prisoner, held_in, update as update_row};
use super::super::documents::{Case, Head, LIVE, Origin, Times, YEAR, merged};
use super::super::link::{Document, line};
use super::super::mind::Word;
use super::super::people::{self, Person};
use super::super::world::Station;
use super::script::{Act, Sending, Step, Story};

/// A story that is being written.
#[derive(Debug)]
pub struct Writer {
    name: &'static str,
    title: &'static str,
    /// Which story of the demo it is: numbers of different stories differ.
    place: u32,
    whole: bool,
    steps: Vec<Step>,
    /// The step that is being written.
    newest: Option<Step>,
    events: u32,
    given: u32,
    dice: Rng,
}

impl Writer {
    /// An empty story.
    pub fn new(name: &'static str, title: &'static str, place: u32, seed: u64) -> Self {
        let dice = Rng::with_seed(seed.wrapping_add(u64::from(place)));
        Self { name, title, place, whole: false, steps: Vec::new(), newest: None, events: 0, given: 0, dice }
    }

    /// The story.
    pub fn done(mut self) -> Story {
        self.steps.extend(self.newest.take());
        Story { name: self.name, title: self.title, whole: self.whole, steps: self.steps }
    }

    /// Every delivery is written down, whoever gets it.
    pub fn whole(&mut self) {
        self.whole = true;
    }

    fn next(&mut self) -> u32 {
        self.given += 1;
        self.place * 100 + self.given
    }

    fn event(&mut self, form: &str) -> String {
        self.events += 1;
        format!("{form}-2026-{}", self.place * 1000 + self.events)
    }

    /// An invented boy of sixteen.
    pub fn boy(&mut self) -> Person {
        Person { age: 16, ..self.man() }
    }

    /// An invented man.
    pub fn man(&mut self) -> Person {
        loop {
            let person = people::person(&mut self.dice);
            if !person.woman {
                return person;
            }
        }
    }

    /// A case of a station; its FIR is not sent yet.
    pub fn case(&mut self, station: &'static Station, accused: &[&Person]) -> Case {
        let complainant = people::person(&mut self.dice);
        let story = people::story(&mut self.dice, &complainant);
        let accused = accused.iter().map(|person| (*person).clone()).collect();
        Case {
            station,
            serial: 500_000 + self.next(),
            complainant,
            accused,
            offence: ("303(2)", "Theft"),
            story,
            origin: Origin::Fir(None),
        }
    }

    /// A case that came to the court by complaint: it has a CNR, and no FIR. The station is the one that serves its process.
    pub fn complaint(&mut self, station: &'static Station, cnr: &str, accused: &[&Person]) -> Case {
        let origin = Origin::Complaint(cnr.to_owned());
        Case { origin, ..self.case(station, accused) }
    }

    /// A fresh CNR of an establishment.
    pub fn cnr(&mut self, establishment: &str) -> String {
        format!("{establishment}{:06}{YEAR}", 500_000 + self.next())
    }

    /// A person as a prison's register has him.
    pub fn prisoner(&mut self, person: &Person, prison: &str) -> Prisoner {
        let number = format!("2026/{}", 500_000 + self.next());
        Prisoner { person: person.clone(), prison: prison.trim_start_matches("prison:").to_owned(), number }
    }

    /// Adds a step in which a record is sent. `case` orders it; `watched` is the name that must arrive.
    fn send(&mut self, name: &'static str, told: &str, line: Sent, document: Document) -> &mut Step {
        let key = line.event.clone();
        self.push(Step::new(name, told, Act::Send(Box::new(Sending { line, key, changes: None, document }))))
    }

    /// An office sends a record of any other kind, written by `write` under the number of its event. It names nobody that must
    /// arrive.
    pub fn record(
        &mut self,
        name: &'static str,
        told: &str,
        (office, kind): (&str, &'static str),
        case: &Case,
        write: impl FnOnce(&Head<'_>) -> Document,
    ) -> &mut Step {
        let event = self.event(&kind.to_uppercase());
        let document = write(&Head::live(&event));
        let line = Self::line(office, kind, &event, &case.name(), "");
        self.send(name, told, line, document)
    }

    /// The step that is being written.
    pub fn step(&mut self) -> &mut Step {
        let empty = || Step::new("nothing", "", Act::Operate(Vec::new()));
        self.newest.get_or_insert_with(empty)
    }

    fn push(&mut self, step: Step) -> &mut Step {
        self.steps.extend(self.newest.take());
        self.newest.insert(step)
    }

    fn line(office: &str, kind: &'static str, event: &str, case: &str, watched: &str) -> Sent {
        let mut line = line("", office, kind, event.to_owned(), case, watched);
        line.expect = Expect::Scripted;
        line
    }

    /// The police register an FIR.
    pub fn fir(&mut self, name: &'static str, told: &str, case: &Case) -> &mut Step {
        self.fir_at(name, told, case, &LIVE)
    }

    /// The same at another time than it is written down.
    pub fn fir_at(&mut self, name: &'static str, told: &str, case: &Case, times: &Times) -> &mut Step {
        let event = self.event("FIR");
        let body = fir(case, &Head { times, ..Head::live(&event) }, 1);
        let line = Self::line(&case.office(), "fir", &event, &case.name(), &case.watched());
        self.send(name, told, line, body)
    }

    /// The police register a zero FIR and send it to the station that has jurisdiction.
    pub fn zero_fir(&mut self, name: &'static str, told: &str, case: &Case, to: &str) -> &mut Step {
        let event = self.event("ZFIR");
        let body = fir(case, &Head { to: &[to], ..Head::live(&event) }, 1);
        let line = Self::line(&case.office(), "fir", &event, &case.name(), &case.watched());
        self.send(name, told, line, body)
    }

    /// The police forward an accused person with the memo of arrest.
    pub fn arrest(&mut self, name: &'static str, told: &str, case: &Case, person: &Person) -> &mut Step {
        self.arrest_at(name, told, case, person, &LIVE)
    }

    /// The same at another time than it is written down.
    pub fn arrest_at(
        &mut self,
        name: &'static str,
        told: &str,
        case: &Case,
        person: &Person,
        times: &Times,
    ) -> &mut Step {
        let event = self.event("ARR");
        let body = arrest(case, &Head { times, ..Head::live(&event) }, &code(case, person), person);
        let line = Self::line(&case.office(), "arrest", &event, &case.name(), &person.name);
        self.send(name, told, line, body)
    }

    /// The police file a final report.
    pub fn sheet(
        &mut self,
        name: &'static str,
        told: &str,
        case: &Case,
        series: Series,
        cnr: Option<&str>,
    ) -> &mut Step {
        let event = self.event("FR");
        let body = charge_sheet(case, &Head::live(&event), series, cnr);
        let line = Self::line(&case.office(), "charge-sheet", &event, &case.name(), &case.watched());
        self.send(name, told, line, body)
    }

    /// A court registers a case under a CNR.
    pub fn registered(&mut self, name: &'static str, told: &str, case: &Case, office: &str, cnr: &str) -> &mut Step {
        let event = self.event("CIS-REG");
        let number = self.next();
        let row = registration(case, &event, office, cnr, number);
        let line = Self::line(office, "case-registration", &event, &case.name(), &case.watched());
        self.send(name, told, line, Document::json(&row))
    }

    /// A court orders something.
    pub fn order(&mut self, name: &'static str, told: &str, order: Order<'_>) -> &mut Step {
        let event = self.event("CIS-ORD");
        let Order { office, kind, case, person, cnr, held, to, about, more, times } = order;
        let held = held.map(|held| (held.prison.as_str(), held.number.as_str()));
        let numbers = case.numbers().with_cnr(cnr);
        let persons = vec![ordered(&code(case, person), person, held, about)];
        let row = order_row(&Head { event: &event, to, times }, office, &numbers, kind, persons);
        let mut line = Self::line(office, "court-order", &event, &case.name(), &person.name);
        line.lane = if liberty(kind) { "liberty" } else { "papers" };
        self.send(name, told, line, Document::json(&merged(row, more)))
    }

    /// A prison tells what happened to a prisoner.
    pub fn update(&mut self, name: &'static str, told: &str, update: Update<'_>) -> &mut Step {
        let Update { event: what, held, case, cases, to, more, times } = update;
        let event = self.event(&format!("{}-EV", held.prison));
        let body = update_row(&Head { event: &event, to, times }, what, held, cases, more);
        let office = format!("prison:{}", held.prison);
        let line = Self::line(&office, "custody-update", &event, &case, &held.person.name);
        self.send(name, told, line, Document::json(&body))
    }

    /// An operator gives the gateway an order by its command line.
    pub fn operator(&mut self, name: &'static str, told: &str, words: &[&str]) -> &mut Step {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        self.push(Step::new(name, told, Act::Operate(words)))
    }

    /// The case on one page, as the administrator reads it.
    pub fn page(&mut self, case: &Case) -> &mut Step {
        let name = case.name();
        let (scheme, number) = name.split_once('/').unwrap_or_default();
        self.operator("page", "`icjs case` tells it on one page.", &["case", scheme, number])
    }

    /// A system takes nothing until `opens`.
    pub fn closes(&mut self, name: &'static str, told: &str, system: &'static str) -> &mut Step {
        self.push(Step::new(name, told, Act::Close(system)))
    }

    /// It takes again what comes.
    pub fn opens(&mut self, name: &'static str, told: &str, system: &'static str) -> &mut Step {
        self.push(Step::new(name, told, Act::Open(system)))
    }

    /// An office says something of what it got.
    pub fn says(&mut self, name: &'static str, told: &str, office: &str, of: &'static str, word: Word) -> &mut Step {
        self.push(Step::new(name, told, Act::Say { office: office.to_owned(), of, word }))
    }
}

/// The code of an accused in the police's papers.
fn code(case: &Case, person: &Person) -> String {
    let place = case.accused.iter().position(|accused| accused.name == person.name).unwrap_or_default();
    format!("A{}", place + 1)
}

/// An order that is being written.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    office: &'a str,
    kind: &'a str,
    case: &'a Case,
    person: &'a Person,
    cnr: Option<&'a str>,
    held: Option<&'a Prisoner>,
    to: &'a [&'a str],
    about: Value,
    more: Value,
    times: &'a Times,
}

impl<'a> Order<'a> {
    /// An order of this kind about one person of a case.
    pub fn of(office: &'a str, kind: &'a str, case: &'a Case, person: &'a Person) -> Self {
        let (about, more) = (Value::Object(serde_json::Map::new()), Value::Object(serde_json::Map::new()));
        Self { office, kind, case, person, cnr: None, held: None, to: &[], about, more, times: &LIVE }
    }

    /// In the case of this CNR, if there is one.
    pub fn cnr(self, cnr: Option<&'a str>) -> Self {
        Self { cnr, ..self }
    }

    /// The court knows where the person is held, and under which number.
    pub fn held(self, held: &'a Prisoner) -> Self {
        Self { held: Some(held), ..self }
    }

    /// It names these offices.
    pub fn to(self, to: &'a [&'a str]) -> Self {
        Self { to, ..self }
    }

    /// What it orders for the person.
    pub fn about(self, about: Value) -> Self {
        Self { about, ..self }
    }

    /// What else stands in it.
    pub fn with(self, more: Value) -> Self {
        Self { more, ..self }
    }
}

/// A custody update that is being written.
#[derive(Debug)]
pub struct Update<'a> {
    event: &'a str,
    held: &'a Prisoner,
    case: String,
    cases: Vec<Value>,
    to: &'a [&'a str],
    more: Value,
    times: &'a Times,
}

impl<'a> Update<'a> {
    /// The prison's word for what happened, and to whom.
    pub fn of(event: &'a str, held: &'a Prisoner) -> Self {
        let more = Value::Object(serde_json::Map::new());
        Self { event, held, case: String::new(), cases: Vec::new(), to: &[], more, times: &LIVE }
    }

    /// A case in which the person is held, with its status; the first one names the case in the demo's books.
    pub fn in_case(mut self, case: &Case, cnr: Option<&str>, status: &str, more: Value) -> Self {
        let numbers = case.numbers().with_cnr(cnr);
        if self.cases.is_empty() {
            self.case = case.name();
        }
        self.cases.push(held_in(&numbers, status, more));
        self
    }

    /// It names these offices.
    pub fn to(self, to: &'a [&'a str]) -> Self {
        Self { to, ..self }
    }

    /// The block that goes with the event.
    pub fn with(self, more: Value) -> Self {
        Self { more, ..self }
    }

    /// It happened at another time than it is written down.
    pub fn at(self, times: &'a Times) -> Self {
        Self { times, ..self }
    }
}
