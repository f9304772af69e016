//! What a court writes: registrations and orders as rows in the shape of CIS, with the State's own codes.

use serde_json::{Value, json};

use super::{Case, Exhibit, Head, Numbers, Origin, YEAR, merged};
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
    /// Summons to an expert (BNSS s.329(2)).
    pub const EXPERT: &str = "O24";
    /// Adjourned.
    pub const ADJOURNED: &str = "O51";
    /// Measurements kept of a person to be destroyed.
    pub const DESTRUCTION: &str = "O53";
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
            | "O53"
    )
}

/// An order of a court, with what it orders for each person.
pub fn order(head: &Head<'_>, office: &str, numbers: &Numbers, kind: &str, persons: Vec<Value>) -> Value {
    let court = office.trim_start_matches("court:");
    let order = json!({
        "court_office": court,
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
    merged(record(head, numbers), order)
}

/// A person of an order: who it is, and `more` that is ordered. A prison and its number are known after the admission.
pub fn ordered(code: &str, person: &Person, held: Option<(&str, &str)>, more: Value) -> Value {
    let mut one = merged(party_to(code, person), json!({ "role": "1" }));
    if let Some((prison, number)) = held {
        one = merged(one, json!({ "jail_code": prison, "pid": number, "prison": prison }));
    }
    merged(one, more)
}

/// An accused person of whom something is decided: `more` says what.
pub fn judged(code: &str, person: &Person, more: Value) -> Value {
    merged(party_to(code, person), more)
}

fn party_to(code: &str, person: &Person) -> Value {
    json!({
        "serial": 1,
        "accused_code": code,
        "name": person.name,
        "name_eng": person.latin,
        "relation": "F",
        "father_name": person.father,
        "age": person.age,
        "sex": if person.woman { "2" } else { "1" },
    })
}

/// What the court asks a laboratory: that exhibits be examined again.
pub fn requisition(
    head: &Head<'_>,
    office: &str,
    numbers: &Numbers,
    references: (&str, &str),
    exhibits: &[Exhibit],
) -> Value {
    let (reference, earlier) = references;
    merged(
        record(head, numbers),
        json!({
            "office": office,
            "requisition": { "fsl_request_id": reference, "reexamination_of": earlier, "requisition_type": "3",
                "letter_date": head.times.occurred.get(..10) },
            "exhibits": listed(exhibits, true),
        }),
    )
}

/// Exhibits at a court: `kind` is a code of the master of movements.
pub fn movement(head: &Head<'_>, office: &str, numbers: &Numbers, kind: &str, exhibits: &[Exhibit]) -> Value {
    merged(
        record(head, numbers),
        json!({
            "office": office,
            "movement": { "at": head.times.occurred, "movement_type": kind, "purpose": "Evidence", "place": "Court room" },
            "exhibits": listed(exhibits, false),
        }),
    )
}

fn listed(exhibits: &[Exhibit], asked: bool) -> Value {
    let one = |(place, exhibit): (usize, &Exhibit)| {
        let row = json!({ "serial": place + 1, "mark": exhibit.mark, "exhibit_qr": exhibit.qr });
        if asked { merged(row, json!({ "expert_type": exhibit.division.code() })) } else { row }
    };
    exhibits.iter().enumerate().map(one).collect()
}

/// How the case ended: of each accused, by the court's code for it.
pub fn disposal(head: &Head<'_>, office: &str, numbers: &Numbers, kind: &str, accused: Vec<Value>) -> Value {
    merged(
        record(head, numbers),
        json!({
            "court_office": office.trim_start_matches("court:"),
            "disposal": { "number": head.event.rsplit('-').next(), "date_of_decision": head.times.occurred.get(..10),
                "disp_type": kind, "disp_nature": "1" },
            "accused": accused,
        }),
    )
}

/// An event of an appeal in a higher court, and of what it appeals.
pub fn appeal(head: &Head<'_>, office: &str, numbers: &Numbers, lower: &str, kind: &str, persons: Vec<Value>) -> Value {
    merged(
        record(head, numbers),
        json!({
            "court_office": office.trim_start_matches("court:"),
            "lower_cino": lower,
            "appeal": { "event_type": kind, "event_date": head.times.occurred.get(..10), "kind": "1" },
            "persons": persons,
        }),
    )
}

/// What rows about a case begin with.
fn record(head: &Head<'_>, numbers: &Numbers) -> Value {
    let mut row = json!({
        "event_no": head.event,
        "occurred_at": head.times.occurred,
        "recorded_at": head.times.recorded,
        "entry_mode": head.times.mode,
    });
    if !head.to.is_empty() {
        row = merged(row, json!({ "send_to": head.to }));
    }
    if let Some((station, serial)) = numbers.fir {
        row = merged(row, json!({ "police_ncode": station, "fir_year": YEAR, "fir_no": serial }));
    }
    if let Some((station, serial)) = numbers.zero_fir {
        row = merged(row, json!({ "zero_fir_ps_ncode": station, "zero_fir_year": YEAR, "zero_fir_no": serial }));
    }
    match &numbers.cnr {
        Some(cnr) => merged(row, json!({ "cino": cnr })),
        None => row,
    }
}
