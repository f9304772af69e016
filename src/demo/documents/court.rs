//! What a court writes: registrations and orders as rows in the shape of CIS, with the State's own codes.

use serde_json::{Value, json};

use super::{Case, Head, Numbers, Origin, YEAR, merged};
use crate::demo::people::Person;

/// A case registration as CIS writes its rows.
pub fn registration(case: &Case, event: &str, court: &str, cnr: &str, number: u32) -> Value {
    let code = court.trim_start_matches("court:");
    let (establishment, court_no) = code.split_once('/').unwrap_or((code, "0"));
    let parties: Vec<Value> = case.accused.iter().enumerate().map(|(place, person)| party(place + 1, person)).collect();
    let from_police = json!({ "cases": {
        "police_ncode": case.station.code,
        "fir_year": YEAR,
        "fir_no": case.serial,
        "police_station": case.station.name,
    }});
    let row = json!({
        "event_no": event,
        "court": code,
        "occurred_at": "2026-11-21 15:10:00",
        "recorded_at": "2026-11-21 15:12:00",
        "entry_mode": "live",
        "cases": {
            "cino": cnr,
            "est_code": establishment,
            "court_no": court_no.parse::<u32>().unwrap_or(0),
            "case_type": "59",
            "reg_no": number,
            "reg_year": YEAR,
            "dt_regis": "2026-11-21",
            "sr_no": format!("SR/{number}/{YEAR}"),
            "cognizance_taken": "Y",
            "pend_disp": "P",
        },
        "acts": [{ "act_code": "1123", "act_section": case.offence.0 }],
        "extra_parties": parties,
    });
    if matches!(case.origin, Origin::Complaint(_)) { row } else { merged(row, from_police) }
}

fn party(number: usize, person: &Person) -> Value {
    json!({ "type": "RES", "party_no": number, "name": person.name, "age": person.age, "sex": if person.woman { "2" } else { "1" } })
}

/// Kinds of order by the codes of the courts' master, with the words for them. Which are about liberty stands in the
/// gateway's table; the demo's proof has its own list in `liberty`.
pub mod kinds {
    /// Remand to judicial custody.
    pub const REMAND: &str = "O2";
    /// Bail granted.
    pub const BAIL: &str = "O4";
    /// Bond accepted.
    pub const BOND: &str = "O12";
    /// Release.
    pub const RELEASE: &str = "O15";
    /// Production in person.
    pub const IN_PERSON: &str = "O17";
    /// Production by video.
    pub const VIDEO: &str = "O18";
    /// Sentence suspended.
    pub const SUSPENDED: &str = "O35";
    /// Case transferred to another court.
    pub const TRANSFERRED: &str = "O40";
    /// Finding of age.
    pub const AGE: &str = "O47";
    /// Bail cancelled.
    pub const CANCELLED: &str = "O11";
    /// Bailable or non-bailable warrant.
    pub const WARRANT: &str = "O21";
    /// Summons.
    pub const SUMMONS: &str = "O23";
    /// Charge framed.
    pub const FRAMED: &str = "O26";
    /// Proceedings stopped, such as by death.
    pub const STOPPED: &str = "O31";
    /// Proceedings quashed (BNSS s.528).
    pub const QUASHED: &str = "O32";
    /// Conviction.
    pub const CONVICTED: &str = "O33";
    /// Committed to the Court of Session.
    pub const COMMITTED: &str = "O41";
    /// The trial of an accused separated.
    pub const SPLIT: &str = "O42";
    /// A direction to an office.
    pub const DIRECTION: &str = "O52";
    /// Further investigation (BNSS s.193(9)).
    pub const FURTHER: &str = "O50";
}

/// Whether an order of this kind is about a person's liberty: a system that prints papers knows it as well as the gateway.
pub fn liberty(kind: &str) -> bool {
    !matches!(
        kind,
        "O10"
            | "O13"
            | "O14"
            | "O20"
            | "O21"
            | "O23"
            | "O24"
            | "O25"
            | "O26"
            | "O33"
            | "O34"
            | "O36"
            | "O40"
            | "O41"
            | "O42"
            | "O43"
            | "O44"
            | "O45"
            | "O46"
            | "O48"
            | "O49"
            | "O50"
            | "O51"
            | "O52"
    )
}

/// An order of a court, with what it orders for each person.
pub fn order(head: &Head<'_>, office: &str, numbers: &Numbers, kind: &str, persons: Vec<Value>) -> Value {
    let court = office.trim_start_matches("court:");
    let mut order = json!({
        "event_no": head.event,
        "court_office": court,
        "occurred_at": head.times.occurred,
        "recorded_at": head.times.recorded,
        "entry_mode": head.times.mode,
        "interim_order": {
            "order_no": head.event.rsplit('-').next(),
            "order_date": head.times.occurred.get(..10),
            "order_type": kind,
            "made_at": head.times.occurred,
            "lang": "hi",
            "esigned": "Y",
        },
        "court": { "court_code": court },
        "persons": persons,
    });
    if !head.to.is_empty() {
        order = merged(order, json!({ "send_to": head.to }));
    }
    if let Some((station, serial)) = numbers.fir {
        order = merged(order, json!({ "police_ncode": station, "fir_year": YEAR, "fir_no": serial }));
    }
    if let Some((station, serial)) = numbers.zero_fir {
        order = merged(order, json!({ "zero_fir_ps_ncode": station, "zero_fir_year": YEAR, "zero_fir_no": serial }));
    }
    if let Some(cnr) = &numbers.cnr {
        order = merged(order, json!({ "cino": cnr }));
    }
    order
}

/// A person of an order: who it is, and `more` that is ordered. A prison and its number are known after the admission.
pub fn ordered(code: &str, person: &Person, held: Option<(&str, &str)>, more: Value) -> Value {
    let mut one = json!({
        "serial": 1,
        "role": "1",
        "accused_code": code,
        "name": person.name,
        "name_eng": person.latin,
        "relation": "F",
        "father_name": person.father,
        "age": person.age,
        "sex": if person.woman { "2" } else { "1" },
    });
    if let Some((prison, number)) = held {
        one = merged(one, json!({ "jail_code": prison, "pid": number, "prison": prison }));
    }
    merged(one, more)
}
