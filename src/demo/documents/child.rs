//! What an observation home writes: the same records as a prison, in the gateway's shared form.

use serde_json::{Value, json};

use super::agency::{moment, person};
use super::{Case, Head, YEAR};
use crate::demo::people::Person;

/// The home has taken a child in.
pub fn arrived(case: &Case, child: &Person, home: &str, head: &Head<'_>) -> Value {
    let at = moment(&head.times.occurred);
    json!({
        "office": home,
        "to": head.to,
        "event": { "number": head.event, "occurred_at": at, "entry": head.times.mode },
        "update": { "kind": { "code": "admission" }, "at": at },
        "prison": { "office": home },
        "prisoner": { "person": person(child), "child": true },
        "cases": [{ "fir": { "station": case.station.code, "year": YEAR, "serial": case.serial },
            "status": { "code": "under-investigation" } }],
    })
}
