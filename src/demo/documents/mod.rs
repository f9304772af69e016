//! The documents that the simulated systems write, each in its own format: integrated forms as XML for the police (as JSON for
//! the variant of a State), rows in the shape of CIS for the courts, flat JSON for prisons, laboratories and the prosecution,
//! fingerprint transactions in bytes. Written by hand, as such systems do, with no help from the gateway's code.

mod form;
mod agency;
pub mod child;
pub mod forms;
pub mod police;
pub mod court;
pub mod prison;
pub mod laboratory;
pub mod prosecution;
pub mod prints;
pub mod process;

use std::borrow::Cow;

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
    /// How it came about.
    pub origin: Origin,
}

/// How a case came about.
#[derive(Debug, Clone)]
pub enum Origin {
    /// By an FIR; with station and serial of the zero FIR that it goes back to, if it does.
    Fir(Option<(&'static str, u32)>),
    /// By a zero FIR, which goes to the station that has jurisdiction.
    ZeroFir,
    /// By a complaint to a court, under this CNR: there is no FIR.
    Complaint(String),
}

impl Origin {
    /// Whether it is a zero FIR, which waits for the station that has jurisdiction.
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::ZeroFir)
    }
}

/// The year of every case in the demo.
pub const YEAR: u32 = 2026;

impl Case {
    /// The one text by which the demo names the case.
    pub fn name(&self) -> String {
        let number = format!("{}-{YEAR}-{}", self.station.code, self.serial);
        match &self.origin {
            Origin::Fir(_) => format!("fir/{number}"),
            Origin::ZeroFir => format!("zero-fir/{number}"),
            Origin::Complaint(cnr) => format!("cnr/{cnr}"),
        }
    }

    /// The office of the station.
    pub fn office(&self) -> String {
        self.station.office()
    }

    /// The numbers by which others know the case, so far.
    pub fn numbers(&self) -> Numbers {
        let own = Some((self.station.code, self.serial));
        match &self.origin {
            Origin::Fir(zero) => Numbers { fir: own, zero_fir: *zero, cnr: None },
            Origin::ZeroFir => Numbers { zero_fir: own, ..Numbers::default() },
            Origin::Complaint(cnr) => Numbers { cnr: Some(cnr.clone()), ..Numbers::default() },
        }
    }

    /// The name that must reach every receiver byte for byte.
    pub fn watched(&self) -> String {
        self.accused.first().map(|person| person.name.clone()).unwrap_or_default()
    }
}

/// A division of a laboratory, by what it examines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// Biology and DNA.
    Biology,
    /// Electronic devices.
    Cyber,
    /// Firearms: a division that no laboratory of the demo has.
    Ballistics,
}

impl Division {
    /// Its code in the master of police and courts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Biology => "2",
            Self::Cyber => "11",
            Self::Ballistics => "8",
        }
    }
}

/// Something that was taken, and is to be examined.
#[derive(Debug, Clone)]
pub struct Exhibit {
    /// Its mark, such as `S-1`.
    pub mark: String,
    /// What its QR code says: it is the same everywhere.
    pub qr: String,
    /// The division that examines it.
    pub division: Division,
}

impl Exhibit {
    /// The exhibit with this number in a case.
    pub fn of(case: &Case, number: u32, division: Division) -> Self {
        let qr = format!("EX-{}-{YEAR}-{}-{number}", case.station.code, case.serial);
        Self { mark: format!("S-{number}"), qr, division }
    }
}

/// When something happened, when it was written down, and how the entry came about. Dates `dd-MM-yyyy HH:mm:ss`.
#[derive(Debug, Clone)]
pub struct Times {
    /// When it happened.
    pub occurred: Cow<'static, str>,
    /// When it was written down.
    pub recorded: Cow<'static, str>,
    /// `live`, `late`, `backdated`, `manual-fallback`, `legacy`.
    pub mode: &'static str,
}

impl Times {
    /// From texts that are known.
    pub const fn of(occurred: &'static str, recorded: &'static str, mode: &'static str) -> Self {
        Self { occurred: Cow::Borrowed(occurred), recorded: Cow::Borrowed(recorded), mode }
    }
}

/// Written down when it happened.
pub static LIVE: Times = Times::of("20-11-2026 17:30:00", "20-11-2026 18:05:00", "live");

/// What stands at the head of every document.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The sender's own number of the event.
    pub event: &'a str,
    /// Whom the document itself names as receivers.
    pub to: &'a [&'a str],
    /// When.
    pub times: &'a Times,
}

impl<'a> Head<'a> {
    /// The head of a live document that names no receiver.
    pub const fn live(event: &'a str) -> Self {
        Self { event, to: &[], times: &LIVE }
    }
}

/// The numbers of a case, as far as the writer of a document knows them.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    /// Station and serial number of the FIR.
    pub fir: Option<(&'static str, u32)>,
    /// Station and serial number of the zero FIR.
    pub zero_fir: Option<(&'static str, u32)>,
    /// The number that the court gave the case.
    pub cnr: Option<String>,
}

impl Numbers {
    /// The same with a CNR, if there is one.
    pub fn with_cnr(self, cnr: Option<&str>) -> Self {
        Self { cnr: cnr.map(str::to_owned).or(self.cnr), ..self }
    }
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
