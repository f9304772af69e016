//! What a laboratory writes: what it took in, and its reports; JSON, days with the year first.

use serde_json::{Value, json};

use super::{Exhibit, Numbers, YEAR, merged};

/// What a laboratory knows of what it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The division's office, such as `lab:DLFSL/BIO`.
    pub office: String,
    /// The case.
    pub numbers: Numbers,
    /// The requisition's number.
    pub reference: String,
    /// What was sent to this division.
    pub exhibits: Vec<Exhibit>,
}

fn case(numbers: &Numbers) -> Value {
    let mut case = json!({});
    if let Some((station, serial)) = &numbers.fir {
        case = json!({ "firStation": station, "firYear": YEAR, "firNo": serial });
    }
    match &numbers.cnr {
        Some(cnr) => merged(case, json!({ "cnr": cnr })),
        None => case,
    }
}

fn listed(exhibits: &[Exhibit], more: &Value) -> Value {
    let one = |exhibit: &Exhibit| merged(json!({ "mark": exhibit.mark, "qr": exhibit.qr }), more.clone());
    exhibits.iter().map(one).collect()
}

/// The exhibits have moved: `kind` is the laboratory's word for how.
pub fn movement(event: &str, kind: &str, asked: &Asked, to: &[&str]) -> Value {
    let movement = json!({
        "eventNo": event,
        "officeId": asked.office,
        "occurredAt": "2026-11-21 12:10:00",
        "at": "2026-11-21 12:10:00",
        "movementType": kind,
        "requestId": asked.reference,
        "exhibits": listed(&asked.exhibits, &json!({ "sealIntact": true })),
    });
    let movement = if to.is_empty() { movement } else { merged(movement, json!({ "sendTo": to })) };
    merged(movement, case(&asked.numbers))
}

/// A report: its number and kind, and what it says of every exhibit.
pub fn report(event: &str, number: &str, kind: &str, asked: &Asked, more: Value) -> Value {
    let report = json!({
        "eventNo": event,
        "labId": asked.office.trim_start_matches("lab:"),
        "occurredAt": "2026-11-21 17:00:00",
        "reportNo": number,
        "reportDate": "2026-11-21",
        "reportType": kind,
        "requestId": asked.reference,
        "exhibits": listed(&asked.exhibits, &json!({ "result": "MATCH" })),
    });
    merged(merged(report, case(&asked.numbers)), more)
}
