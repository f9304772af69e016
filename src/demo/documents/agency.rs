//! What an agency writes that registers cases itself: the records of the police in the gateway's shared form.

use serde_json::{Value, json};

use super::police::Series;
use super::{Case, Head, Origin, YEAR, merged};
use crate::demo::people::Person;

/// `dd-MM-yyyy HH:mm:ss` as a moment of India's time.
pub fn moment(date: &str) -> String {
    let (day, time) = date.split_once(' ').unwrap_or((date, "00:00:00"));
    let parts: Vec<&str> = day.rsplit('-').collect();
    format!("{}T{time}+05:30", parts.join("-"))
}

/// What every record begins with.
fn opening(case: &Case, head: &Head<'_>) -> Value {
    let mut record = json!({
        "office": case.office(),
        "event": {
            "number": head.event,
            "occurred_at": moment(&head.times.occurred),
            "recorded_at": moment(&head.times.recorded),
            "entry": head.times.mode,
        },
        "acts": [{ "act": { "code": "20230450099001" }, "section": case.offence.0, "description": case.offence.1 }],
    });
    if !head.to.is_empty() {
        record = merged(record, json!({ "to": head.to }));
    }
    let fir = || json!({ "station": case.station.code, "year": YEAR, "serial": case.serial });
    merged(
        record,
        match &case.origin {
            Origin::Fir(_) => json!({ "case": { "fir": fir() } }),
            Origin::ZeroFir => json!({ "case": { "zero_fir": fir() } }),
            Origin::Complaint(cnr) => json!({ "case": { "cnr": { "value": cnr } } }),
        },
    )
}

/// A person.
pub fn person(person: &Person) -> Value {
    json!({
        "name": { "full": person.name, "latin": person.latin },
        "relation": { "type": { "code": "father" }, "name": { "full": person.father } },
        "age": { "years": person.age },
        "gender": { "code": if person.woman { "female" } else { "male" } },
    })
}

fn accused(case: &Case, more: &Value) -> Value {
    let all =
        case.accused.iter().enumerate().map(|(place, one)| {
            merged(json!({ "code": format!("A{}", place + 1), "person": person(one) }), more.clone())
        });
    all.collect()
}

/// A First Information Report.
pub fn fir(case: &Case, head: &Head<'_>) -> Value {
    merged(
        opening(case, head),
        json!({
            "registration": { "number": format!("{:04}/{YEAR}", case.serial), "date": "2026-11-20", "station_name": case.station.name },
            "complainant": { "person": person(&case.complainant) },
            "accused": accused(case, &json!({})),
        }),
    )
}

/// A memo of arrest: one person, forwarded in custody.
pub fn arrest(case: &Case, head: &Head<'_>, code: &str, who: &Person) -> Value {
    merged(
        opening(case, head),
        json!({
            "memo": { "number": format!("ARR/{}/{YEAR}", case.serial), "kind": { "code": "arrest" },
                "status": { "code": "forwarded" }, "date": "2026-11-20" },
            "accused": { "code": code, "person": person(who) },
        }),
    )
}

/// A final report.
pub fn charge_sheet(case: &Case, head: &Head<'_>, series: Series, cnr: Option<&str>) -> Value {
    let (code, number) = match series {
        Series::First { .. } | Series::Closure => ("first".to_owned(), 1),
        Series::Supplementary(number) => (format!("supplementary-{number}"), number + 1),
    };
    let kind = if series == Series::Closure { "not-charged-evidence" } else { "charge-sheet" };
    let charged = json!({
        "custody": { "status": { "code": "judicial-custody" } },
        "charges": [{ "section": { "act": { "code": "20230450099001" }, "section": case.offence.0 }, "status": { "code": "charged" } }],
    });
    let mut sheet = merged(
        opening(case, head),
        json!({
            "report": { "number": format!("{}-{number}/{YEAR}", case.serial), "date": "2026-11-21", "series": { "code": code },
                "type": { "code": kind } },
            "complainant": { "person": person(&case.complainant) },
            "accused": accused(case, &charged),
        }),
    );
    if series != (Series::First { complete: false }) {
        sheet = merged(sheet, json!({ "witnesses": [{ "serial": 1, "person": person(&case.complainant) }] }));
    }
    match cnr {
        Some(cnr) => merged(sheet, json!({ "case": { "cnr": { "value": cnr } } })),
        None => sheet,
    }
}

/// What was found at the scene.
pub fn crime_details(case: &Case, head: &Head<'_>) -> Value {
    merged(
        opening(case, head),
        json!({
            "form": { "number": format!("CDF/{}/{YEAR}", case.serial), "date": "2026-11-20" },
            "scenes": [{ "serial": 1, "visited_from": moment(&head.times.occurred) }],
        }),
    )
}

/// What was taken.
pub fn seizure(case: &Case, head: &Head<'_>) -> Value {
    let from = case.accused.first().map(person);
    merged(
        opening(case, head),
        json!({
            "memo": { "number": format!("SM/{}/{YEAR}", case.serial), "kind": { "code": "disclosure" }, "date": "2026-11-20" },
            "seized_from": { "kind": { "code": "accused" }, "accused_code": "A1", "person": from },
        }),
    )
}

/// A draft, or a question of sanction, for the prosecution.
pub fn scrutiny(case: &Case, head: &Head<'_>, kind: &str, reference: &str) -> Value {
    merged(
        opening(case, head),
        json!({
            "scrutiny": { "reference": reference, "kind": { "code": kind }, "date": "2026-11-20" },
            "accused": accused(case, &json!({})),
        }),
    )
}
