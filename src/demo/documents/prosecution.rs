//! What a prosecution office writes: its opinion on what it was asked; JSON, days with the year first.

use serde_json::{Value, json};

/// An opinion: `kind` is the prosecution's word for it, `answer` what it says. The case is that of the question, in the words in
/// which the question came.
pub fn opinion(event: &str, office: &str, kind: &str, reference: &str, case: &Value, answer: &str) -> Value {
    let mut opinion = json!({
        "eventId": event,
        "office": office.trim_start_matches("pp:"),
        "occurredAt": "2026-11-20 19:20:00",
        "scrutiny": { "reference": reference },
        "opinion": { "opinionNo": event, "opinionDate": "2026-11-20", "opinionType": kind },
        "opinionText": [{ "language": "hi", "text": answer }],
    });
    for name in ["policeStationCode", "firYear", "firNumber", "cnrNumber"] {
        if let (Some(fields), Some(value)) = (opinion.as_object_mut(), case.get(name)) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    opinion
}
