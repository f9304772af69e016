//! The documents that the simulated systems write, each in its own format: integrated forms as XML for the police, rows in
//! the shape of CIS for the courts, flat JSON for the prisons. Written by hand, as such systems do, with no help from the
//! gateway's code.

pub mod police;
pub mod court;
pub mod prison;

use serde_json::Value;

use super::people::Person;
use super::world::Station;

/// A case as its station knows it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The station of the FIR.
    pub station: &'static Station,
    /// Its FIR's serial number of the year.
    pub serial: u32,
    /// Who complains.
    pub complainant: Person,
    /// Who is accused.
    pub accused: Vec<Person>,
    /// Section of the Bharatiya Nyaya Sanhita and its short name.
    pub offence: (&'static str, &'static str),
    /// What happened.
    pub story: String,
}

/// The year of every case in the demo.
pub const YEAR: u32 = 2026;

impl Case {
    /// The one text by which the demo names the case.
    pub fn name(&self) -> String {
        format!("fir/{}-{YEAR}-{}", self.station.code, self.serial)
    }

    /// The office of the station.
    pub fn office(&self) -> String {
        format!("ps:{}", self.station.code)
    }

    /// The numbers by which others know the case, so far.
    pub fn numbers(&self) -> Numbers {
        Numbers { fir: Some((self.station.code, self.serial)), ..Numbers::default() }
    }

    /// The name that must reach every receiver byte for byte.
    pub fn watched(&self) -> String {
        self.accused.first().map(|person| person.name.clone()).unwrap_or_default()
    }
}

/// When something happened, when it was written down, and how the entry came about. Dates `dd-MM-yyyy HH:mm:ss`.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When it happened.
    pub occurred: &'static str,
    /// When it was written down.
    pub recorded: &'static str,
    /// `live`, `late`, `backdated`, `manual-fallback`, `legacy`.
    pub mode: &'static str,
}

/// Written down when it happened.
pub const LIVE: Times = Times { occurred: "20-11-2026 17:30:00", recorded: "20-11-2026 18:05:00", mode: "live" };

/// What stands at the head of every document.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The sender's own number of the event.
    pub event: &'a str,
    /// Whom the document itself names as receivers.
    pub to: &'a [&'a str],
    /// When.
    pub times: Times,
}

impl<'a> Head<'a> {
    /// The head of a live document that names no receiver.
    pub const fn live(event: &'a str) -> Self {
        Self { event, to: &[], times: LIVE }
    }
}

/// The numbers of a case, as far as the writer of a document knows them.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    /// Station and serial number of the FIR.
    pub fir: Option<(&'static str, u32)>,
    /// The number that the court gave the case.
    pub cnr: Option<String>,
}

/// A document with more in it: members of objects are added or replaced, at any depth.
pub fn merged(mut document: Value, more: Value) -> Value {
    merge(&mut document, more);
    document
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(fields), Value::Object(more)) => {
            for (name, value) in more {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}
