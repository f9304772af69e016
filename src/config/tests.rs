//! Configuration as its users meet it: a folder in, a revision or every error out.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ConfigError, Facts, Folder, Revision, Settings, rerouted};
use crate::clock::Timestamp;
use crate::identifiers::OfficeId;
use crate::journal::{Action, How, Joint, Joints, Lane, Snapshot};

mod cases;
mod folder;
mod mistakes;
mod routing;
mod settings;
mod shipped;

const KINDS: &str = r#"
[[kind]]
name = "paper"
title = "Paper"
title_hi = "पत्र"
lane = "papers"
schema = "records/paper"
cases = ["fir:case.fir", "cnr:case.cnr"]
links = ["same fir:case.fir cnr:case.cnr"]

[[kind]]
name = "order"
title = "Order"
title_hi = "आदेश"
lane = "papers"
schema = "records/paper"
cases = ["fir:case.fir"]
persons = ["pid:persons[].pid"]
lane_code = { path = "code", liberty = ["release"], unknown = "liberty" }
"#;

/// A code table that says which codes are about liberty.
const ORDER_CODES: &str = "shared,label_en,label_hi,valid_from,valid_to,source,liberty,pol,pol_canonical\n\
    release,Release,मुक्ति,,,x,y,1,\n\
    hearing,Hearing,सुनवाई,,,x,,2,\n";

const ROUTES: &str = r#"
[[route]]
name = "papers-to-courts"
kind = "paper"
to = "courts"
office = ["addressee", "case-court", "cnr", "table ps_court magistrate", "desk"]
on_reject = "park"

[[route]]
name = "papers-to-police"
kind = "paper"
to = "police"
office = ["addressee"]

[[route]]
name = "orders-to-prisons"
kind = "order"
to = "prisons"
office = ["addressee", "table court_prison"]
"#;

const RULES: &str = r#"[[never]]
code = "never-there"
kind = "order"
to = ["prisons"]
age = ["years[]"]
when = "note == 'binding'"

[[alert]]
name = "silence"
cause = "unsettled"
lane = "liberty"
after = "5m"
to = ["prisons"]
"#;

const SHARING: &str = r#"
[[share]]
kind = "paper"
to = "courts"
give = "whole"

[[share]]
kind = "paper"
to = "system:police-dl"
give = "whole"

[[share]]
kind = "order"
to = "prisons"
give = "whole"
"#;

const PS_COURT: &str = "station,class,court,valid_from,valid_to,successor,source
38101004,magistrate,DLCT01,2020-01-01,2025-12-31,DLCT02,order 1
38101004,magistrate,DLCT02,2026-01-01,,,order 2
38101004,sessions,DLCT09,2020-01-01,,,order 1
38101005,magistrate,DLCT01,2020-01-01,,,order 1
38101005,magistrate,DLCT02,2020-01-01,,,order 1
";

fn system(name: &str, pillar: &str, offices: &str, delivery: &str) -> String {
    format!(
        "name = \"{name}\"\nadapter = \"shared\"\npillar = \"{pillar}\"\noffices = {offices}\nsend = [\"paper\", \"order\"]\n\
         receive = [\"paper\", \"order\"]\n\n[keys]\njwks_file = \"keys/{name}.jwks.json\"\n\n{delivery}\n"
    )
}

fn paper_schema() -> Value {
    let text = json!({"type": "string", "maxLength": 200});
    let object =
        |properties: Value| json!({"type": "object", "properties": properties, "unevaluatedProperties": false});
    let fir = object(json!({"station": text, "year": {"type": "integer"}, "serial": text}));
    let pid = object(json!({"prison": text, "id": text}));
    let mut schema = object(json!({
        "office": text,
        "to": {"type": "array", "maxItems": 9, "items": text},
        "event": object(json!({"number": text, "occurred_at": text})),
        "case": object(json!({"fir": fir, "cnr": object(json!({"value": text}))})),
        "persons": {"type": "array", "maxItems": 9, "items": object(json!({"pid": pid}))},
        "code": {"type": ["string", "null"], "maxLength": 20},
        "note": text,
        "years": {"type": "array", "maxItems": 9, "items": {"type": "integer"}},
        "extensions": {"type": "object", "x-open": true},
    }));
    schema["$id"] = json!("urn:icjs:records:paper:1");
    schema
}

/// A folder that compiles: police with a push, courts, prisons, and kinds of the tests' own.
fn folder() -> Folder {
    let mut folder = Folder::default();
    folder.put("config/kinds.toml", KINDS);
    folder.put("config/routes.toml", ROUTES);
    folder.put("config/sharing.toml", SHARING);
    folder.put("config/rules.toml", RULES);
    folder.put("config/reference/ps_court.csv", PS_COURT);
    folder.put("schemas/records/paper.json", &paper_schema().to_string());
    let parties = [
        ("police-dl", "police", r#"["ps:38101004", "ps:38101005"]"#, "[push]\nurl = \"http://127.0.0.1:9/in\""),
        ("courts-dl", "courts", r#"["court:DLCT01", "court:DLCT02", "court:DLCT01/3"]"#, "[feed]"),
        ("prisons-dl", "prisons", r#"["prison:DL01", "prison:DL02"]"#, "[feed]"),
    ];
    for (name, pillar, offices, delivery) in parties {
        folder.put(&format!("config/systems/{name}.toml"), &system(name, pillar, offices, delivery));
        folder.put(
            &format!("keys/{name}.jwks.json"),
            r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "1"}]}"#,
        );
    }
    folder
}

fn compiled() -> Revision {
    Revision::compile(1, folder()).unwrap_or_else(|errors| panic!("{}", shown(&errors)))
}

fn shown(errors: &[ConfigError]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect()
}

/// The errors of the folder after one change.
fn errors_of(path: &str, text: &str) -> Vec<ConfigError> {
    let mut folder = folder();
    folder.put(path, text);
    Revision::compile(1, folder).expect_err("this configuration has an error")
}

fn paper(station: &str, day: &str) -> Value {
    json!({"office": "ps:38101004", "event": {"occurred_at": format!("{day}T10:30:00+05:30")},
        "case": {"fir": {"station": station, "year": 2026, "serial": "0042"}}})
}

fn routed(revision: &Revision, kind: &str, record: &Value, known: &Snapshot) -> Vec<(String, String)> {
    let facts = revision.facts(kind, record);
    let found = revision.route(kind, record, &facts, known);
    let say = |destination: &super::Destination| {
        let office = destination.office.as_ref().map_or("-", OfficeId::as_str);
        (format!("{office} {}", destination.code.as_deref().unwrap_or("ok")), destination.why.clone())
    };
    found.iter().map(say).collect()
}

/// Links as `type from to`, oldest first.
fn links(texts: &[&str]) -> Joints {
    let joint = |(text, number): (&&str, u64)| {
        let [link, from, to] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let key = |text| crate::identifiers::CaseKey::parse(text).unwrap();
        let link = crate::journal::NewLink { link: String::from(link), from: key(from), to: key(to) };
        Joint { number, link, at: Timestamp::from_millis(0), ordered: false }
    };
    Joints(texts.iter().zip(1..).map(joint).collect())
}

fn places(found: &[(String, String)]) -> Vec<&str> {
    found.iter().map(|(place, _)| place.as_str()).collect()
}
