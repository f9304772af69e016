//! What a prison writes: one flat JSON object an event, codes as words in capitals; and the JSON answer to a push.

use serde_json::{Value, json};

use super::{Head, Numbers, YEAR, merged};
use crate::demo::people::Person;

/// A prisoner as the prison's register has him.
#[derive(Debug, Clone)]
pub struct Prisoner {
    /// Who it is.
    pub person: Person,
    /// Code of the prison, such as `DL01`.
    pub prison: String,
    /// The prison's number for him.
    pub number: String,
}

/// A custody update: `event` is the prison's word for what happened, `cases` every case in which he is held, `more` the
/// block that goes with the event.
pub fn update(head: &Head<'_>, event: &str, prisoner: &Prisoner, cases: Vec<Value>, more: Value) -> Value {
    let Prisoner { person, prison, number } = prisoner;
    let mut update = json!({
        "eventNo": head.event,
        "jailCode": prison,
        "occurredAt": head.times.occurred,
        "enteredAt": head.times.recorded,
        "entryMode": head.times.mode,
        "eventType": event,
        "eventTime": head.times.occurred,
        "jailOffice": prison,
        "pidJailCode": prison,
        "pid": number,
        "name": person.name,
        "nameEnglish": person.latin,
        "relationType": "FATHER",
        "relativeName": person.father,
        "age": person.age,
        "sex": if person.woman { "FEMALE" } else { "MALE" },
        "prisonerCategory": "UNDERTRIAL",
        "cases": cases,
    });
    if !head.to.is_empty() {
        update = merged(update, json!({ "sendTo": head.to }));
    }
    merged(update, more)
}

/// One case in which the prisoner is held.
pub fn held_in(numbers: &Numbers, status: &str, more: Value) -> Value {
    let mut case = json!({ "caseStatus": status });
    if let Some((station, serial)) = numbers.fir {
        case = merged(case, json!({ "firPsCode": station, "firYear": YEAR, "firNo": serial }));
    }
    if let Some(cnr) = &numbers.cnr {
        case = merged(case, json!({ "cnrNo": cnr }));
    }
    merged(case, more)
}

/// What became of a process that was directed to the prison.
pub fn process_report(head: &Head<'_>, prison: &str, process: &str, status: &str) -> Value {
    json!({
        "eventNo": head.event,
        "jailCode": prison,
        "occurredAt": head.times.occurred,
        "processId": process,
        "result": { "status": status, "actionDate": head.times.occurred.get(..10) },
    })
}

/// The JSON answer to a push.
pub fn acknowledgement(status: &str, number: &str) -> String {
    json!({ "status": status, "ackNo": number }).to_string()
}
