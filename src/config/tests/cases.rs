//! Records about several cases, persons who are held somewhere, offices that have closed: each case is routed by itself.

use super::*;
use crate::journal::Held;

const MORE_KINDS: &str = r#"
[[kind]]
name = "update"
title = "Update"
lane = "liberty"
schema = "records/update"
cases = ["fir:cases[].fir", "cnr:cases[].cnr", "ptn:cases[].ptn"]
persons = ["pid:pid"]
"#;

const MORE_ROUTES: &str = r#"
[[route]]
name = "update-to-courts"
kind = "update"
to = "courts"
office = ["addressee", "case-court", "cnr", "table ps_court magistrate"]

[[route]]
name = "update-to-police"
kind = "update"
to = "police"
office = ["addressee", "station"]

[[route]]
name = "release-to-prisons"
kind = "order"
to = "prisons"
office = ["addressee", "custody", "table court_prison"]
"#;

const PRISONS: &str = "prison,name,state,valid_from,valid_to,successor,source
DL01,One,07,2001-01-01,,,x
DL02,Two,07,2001-01-01,,,x
DL09,Nine,07,2001-01-01,2025-10-31,DL02,x
DL08,Eight,07,2001-01-01,2025-10-31,,x
";

fn revision() -> Revision {
    let mut folder = folder();
    folder.put("config/kinds.toml", &format!("{KINDS}{MORE_KINDS}"));
    let routes = ROUTES.split("\n[[route]]\nname = \"orders-to-prisons\"").next().unwrap();
    folder.put("config/routes.toml", &format!("{routes}{MORE_ROUTES}"));
    let share = |to: &str| format!("\n[[share]]\nkind = \"update\"\nto = \"{to}\"\ngive = \"whole\"\n");
    folder.put("config/sharing.toml", &format!("{SHARING}{}{}", share("courts"), share("police")));
    folder.put("config/reference/prisons.csv", PRISONS);
    folder.put(
        "config/reference/court_prison.csv",
        "court,prison,valid_from,valid_to,successor,source\nDLCT01,DL01,,,,x\nDLCT01,DL02,,,,x\n",
    );
    for party in ["police-dl", "courts-dl", "prisons-dl"] {
        let path = format!("config/systems/{party}.toml");
        let text = String::from_utf8(folder.files[&path].to_vec()).unwrap();
        folder.put(&path, &text.replace("\"paper\", \"order\"", "\"paper\", \"order\", \"update\""));
    }
    let text = json!({"type": "string", "maxLength": 200});
    let object =
        |properties: Value| json!({"type": "object", "properties": properties, "unevaluatedProperties": false});
    let fir = object(json!({"station": text, "year": {"type": "integer"}, "serial": text}));
    let case = object(json!({"fir": fir, "cnr": text, "ptn": text}));
    let mut schema = object(json!({
        "office": text, "to": {"type": "array", "maxItems": 9, "items": text}, "pid": text,
        "cases": {"type": "array", "maxItems": 99, "items": case},
        "event": object(json!({"number": text, "occurred_at": text})),
    }));
    schema["$id"] = json!("urn:icjs:records:update:1");
    folder.put("schemas/records/update.json", &schema.to_string());
    Revision::compile(1, folder).unwrap_or_else(|errors| panic!("{}", shown(&errors)))
}

fn update(cases: Value) -> Value {
    json!({"office": "prison:DL01", "pid": "DL01-7", "event": {"occurred_at": "2026-06-01T10:30:00+05:30"}, "cases": cases})
}

fn fir(station: &str, serial: u32) -> Value {
    json!({"station": station, "year": 2026, "serial": serial.to_string()})
}

fn office(text: &str) -> OfficeId {
    OfficeId::parse(text).unwrap()
}

#[test]
fn every_case_of_a_record_finds_its_own_court_and_an_office_gets_the_record_once() {
    let revision = revision();
    let known =
        Snapshot { links: links(&["committed-to cnr/DLCT010000012026 cnr/DLCT020000022026"]), ..Snapshot::default() };
    let record = update(json!([
        {"fir": fir("38101004", 1), "cnr": "DLCT010000012026"},
        {"fir": fir("38101004", 2)},
        {"cnr": "DLCT010000032026", "fir": fir("38101005", 3)},
    ]));
    let found = routed(&revision, "update", &record, &known);
    let all = ["court:DLCT02 ok", "court:DLCT01 ok", "ps:38101004 ok", "ps:38101005 ok"];
    assert_eq!(places(&found), all);
    let why = "route update-to-courts: fir/38101004-2026-1: court of the case: committed-to cnr/DLCT020000022026; \
               fir/38101004-2026-2: table ps_court line 3";
    assert_eq!(found[0].1, why, "the first by its committal, the second by the table, both to one court");
    let facts = revision.facts("update", &record);
    assert_eq!(facts.groups.len(), 3);
    let own = |court: &str| revision.own_cases("update", &record, &facts, &known, &office(court));
    assert_eq!((own("court:DLCT02"), own("court:DLCT01"), own("court:DLCT01/3")), (vec![0, 1], vec![2], vec![2]));
    let courts = |nth: usize| revision.courts_of(&facts.groups[nth], &known);
    assert_eq!((courts(0), courts(1), courts(2)), (vec![office("court:DLCT02")], vec![], vec![office("court:DLCT01")]));
}

#[test]
fn an_addressee_stands_for_its_own_case_only_where_there_are_several() {
    let revision = revision();
    let mut record = update(json!([{"cnr": "DLCT010000012026"}, {"cnr": "DLCT020000022026"}]));
    record["to"] = json!(["court:DLCT01/3"]);
    let found = routed(&revision, "update", &record, &Snapshot::default());
    assert_eq!(places(&found), ["court:DLCT01/3 ok", "court:DLCT02 ok"], "not the registry besides");
    record["cases"].as_array_mut().unwrap().pop();
    assert_eq!(places(&routed(&revision, "update", &record, &Snapshot::default())), ["court:DLCT01/3 ok"]);
}

#[test]
fn a_case_that_is_not_from_the_police_leaves_nothing_parked_for_them() {
    let revision = revision();
    let record = update(json!([{"cnr": "DLCT010000012026"}, {"ptn": "P-1", "fir": fir("38101004", 2)}]));
    let found = routed(&revision, "update", &record, &Snapshot::default());
    assert_eq!(places(&found), ["court:DLCT01 ok", "court:DLCT02 ok", "ps:38101004 ok"]);
    let complaint = update(json!([{"cnr": "DLCT010000012026"}]));
    assert_eq!(places(&routed(&revision, "update", &complaint, &Snapshot::default())), ["court:DLCT01 ok"]);
    let known = Snapshot { links: links(&["same fir/38101005-2026-3 cnr/DLCT010000012026"]), ..Snapshot::default() };
    let found = routed(&revision, "update", &complaint, &known);
    assert_eq!(places(&found), ["court:DLCT01 ok", "ps:38101005 ok"], "a link says which FIR it was");
}

#[test]
fn an_order_about_liberty_goes_where_the_person_is_and_to_every_prison_that_claims_them() {
    let revision = revision();
    let held = |prisons: &[&str]| {
        let at = Timestamp::from_millis(1);
        let held = prisons.iter().map(|prison| Held { person: "pid/P-1".into(), office: office(prison), at });
        Snapshot { held: held.collect(), ..Snapshot::default() }
    };
    let mut record = paper("38101004", "2026-06-01");
    record["office"] = json!("court:DLCT01");
    record["code"] = json!("release");
    record["persons"] = json!([{"pid": {"prison": "P", "id": "1"}}]);
    let found = routed(&revision, "order", &record, &held(&["prison:DL02"]));
    assert_eq!(found, [("prison:DL02 ok".to_owned(), "route release-to-prisons: custody update".to_owned())]);
    let both = routed(&revision, "order", &record, &held(&["prison:DL01", "prison:DL02"]));
    assert_eq!(places(&both), ["prison:DL01 ok", "prison:DL02 ok"]);
    let nobody = routed(&revision, "order", &record, &held(&[]));
    assert_eq!(places(&nobody), ["prison:DL01 ok", "prison:DL02 ok"], "nobody said where: the table");
    record["to"] = json!(["prison:DL01"]);
    let moved = routed(&revision, "order", &record, &held(&["prison:DL02"]));
    assert_eq!(places(&moved), ["prison:DL01 ok", "prison:DL02 ok"], "whom it names, and where the person is");
    assert_eq!(places(&routed(&revision, "order", &record, &held(&["prison:DL01"]))), ["prison:DL01 ok"]);
    record["code"] = json!("hearing");
    let other = routed(&revision, "order", &record, &held(&["prison:DL02"]));
    assert_eq!(places(&other), ["prison:DL01 ok"], "only orders about liberty follow the person");
    record["to"] = json!([]);
    let both = routed(&revision, "order", &record, &held(&["prison:DL01", "prison:DL02"]));
    assert_eq!(places(&both), ["- ambiguous-office"]);
}

#[test]
fn of_two_persons_only_one_of_whom_is_known_to_be_held_the_other_is_looked_for_in_the_tables() {
    let revision = revision();
    let mut record = paper("38101004", "2026-06-01");
    record["office"] = json!("court:DLCT01");
    record["code"] = json!("release");
    record["persons"] = json!([{"pid": {"prison": "P", "id": "1"}}, {"pid": {"prison": "P", "id": "2"}}]);
    let at = Timestamp::from_millis(1);
    let held = vec![Held { person: "pid/P-1".into(), office: office("prison:DL02"), at }];
    let known = Snapshot { held, ..Snapshot::default() };
    assert_eq!(places(&routed(&revision, "order", &record, &known)), ["prison:DL02 ok", "prison:DL01 ok"]);
}

#[test]
fn an_office_that_has_closed_stands_for_its_successor_and_says_so() {
    let revision = revision();
    let mut record = paper("38101004", "2024-06-01");
    record["office"] = json!("court:DLCT01");
    record["code"] = json!("release");
    record["to"] = json!(["prison:DL09"]);
    let known = Snapshot { at: Timestamp::parse("2026-11-22T10:00:00+05:30").unwrap(), ..Snapshot::default() };
    let found = routed(&revision, "order", &record, &known);
    let why =
        "route release-to-prisons: addressee; prison:DL09 closed on 2025-10-31 (prisons line 4), successor prison:DL02";
    assert_eq!(found, [("prison:DL02 ok".to_owned(), why.to_owned())], "the day of the order does not open it again");
    let before = Snapshot { at: Timestamp::parse("2025-10-31T10:00:00+05:30").unwrap(), ..Snapshot::default() };
    let found = routed(&revision, "order", &record, &before);
    assert_eq!(
        places(&found),
        ["prison:DL01 ok", "prison:DL02 ok"],
        "on its last day it is open, and nobody serves it"
    );
    record["to"] = json!(["prison:DL08"]);
    record["persons"] = json!([]);
    let found = routed(&revision, "order", &record, &known);
    assert_eq!(places(&found), ["prison:DL01 ok", "prison:DL02 ok"], "closed without a successor: the tables");
}

#[test]
fn a_row_is_for_those_whom_its_columns_take_and_a_courts_number_goes_by_its_establishment() {
    let mut folder = revision().folder.as_ref().clone();
    let table = "court,sex,age,prison,valid_from,valid_to,successor,source\nDLCT01,male,21-,DL01,,,,x\n\
                 DLCT01,male|other,-20,DL02,,,,x\n";
    folder.put("config/reference/court_prison.csv", table);
    let routes = String::from_utf8(folder.files["config/routes.toml"].to_vec()).unwrap();
    folder.put("config/routes.toml", &format!("{routes}for_whom = {{ sex = \"note\", age = \"case.fir.year\" }}\n"));
    let revision = Revision::compile_exactly(1, folder).unwrap_or_else(|errors| panic!("{}", shown(&errors)));
    let mut record = paper("38101004", "2026-06-01");
    (record["office"], record["code"], record["note"]) = (json!("court:DLCT01/3"), json!("release"), json!("male"));
    let mut of = |sex: Value, years: Value| {
        (record["note"], record["case"]["fir"]["year"]) = (sex, years);
        let found = routed(&revision, "order", &record, &Snapshot::default());
        places(&found).join(" ")
    };
    assert_eq!(of(json!("male"), json!(30)), "prison:DL01 ok");
    assert_eq!(of(json!("male"), json!(20)), "prison:DL02 ok");
    assert_eq!(of(json!("other"), json!(20)), "prison:DL02 ok");
    assert_eq!(of(json!("other"), json!(30)), "- no-office");
    assert_eq!(of(Value::Null, json!(30)), "prison:DL01 ok", "of whom no sex is said");
}

/// What the check says of the shipped folder with one reference table in place of its own.
fn found(path: &str, text: &str) -> Vec<String> {
    let mut folder = Folder::default();
    folder.put(&format!("config/reference/{path}.csv"), text);
    match Revision::compile(1, folder) {
        Ok(revision) => revision.warnings.iter().map(ToString::to_string).collect(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

/// It says this of a line of that table.
fn says(path: &str, text: &str, wanted: &str) {
    let lines = found(path, text);
    let wanted = format!("config/reference/{path}.csv:{wanted}");
    assert!(lines.iter().any(|line| line.starts_with(&wanted)), "{wanted}: {lines:#?}");
}

#[test]
fn tables_that_do_not_fit_together_are_named_at_file_and_line() {
    assert!(found("nothing", "").iter().all(|line| line.contains("nothing.csv")), "the shipped tables fit together");
    let head = "station,class,court,valid_from,valid_to,successor,source\n";
    let one = |row: &str| format!("{head}{row}");
    says("ps_court", &one("38101001,magistrate,DLCT77/4,,,,x\n"), "2: no list has `court:DLCT77/4`");
    says("ps_court", &one("99901001,magistrate,DLCT01/4,,,,x\n"), "2: no list has `ps:99901001`");
    let twice = "38101001,magistrate,DLCT01/4,2001-01-01,2025-06-30,,x\n38101001,magistrate,DLCT01/3,2025-06-30,,,x\n";
    says("ps_court", &one(twice), "3: station 38101001, class `magistrate`: the same days as line 2");
    let hole = "38101001,magistrate,DLCT01/4,2001-01-01,2025-06-30,,x\n38101001,magistrate,DLCT01/3,2025-07-02,,,x\n";
    says("ps_court", &one(hole), "3: station 38101001, class `magistrate`: no court from 2025-07-01");
    let whole = "38101001,magistrate,DLCT01/4,2001-01-01,2025-06-30,,x\n38101001,magistrate,DLCT01/3,2025-07-01,,,x\n";
    let lines = found("ps_court", &one(whole));
    assert!(!lines.iter().any(|line| line.starts_with("config/reference/ps_court.csv")), "{lines:#?}");
    let without = lines.iter().find(|line| line.starts_with("config/reference/police_stations.csv:3:"));
    assert!(
        without.is_some_and(|line| line.contains("`ps:38101002` has no court of class `magistrate`")),
        "{lines:#?}"
    );
    let head = "court,office,valid_from,valid_to,successor,source\n";
    let one = |row: &str| format!("{head}{row}");
    says("court_prosecution", &one("DLCT01,DLXX,,,,x\n"), "2: no list has `pp:DLXX`");
    let twice = "DLCT01,DLCT,2001-01-01,2025-06-30,,x\nDLCT01,DLST,2025-06-30,,,x\n";
    says("court_prosecution", &one(twice), "3: court DLCT01: the same days as line 2");
    let hole = "DLCT01,DLCT,2001-01-01,2025-06-30,,x\nDLCT01,DLST,2025-07-02,,,x\n";
    says("court_prosecution", &one(hole), "3: court DLCT01: no office from 2025-07-01");
    let lines = found("court_prosecution", &one("DLCT01,DLCT,,,,x\n"));
    let without = |court: &str| lines.iter().any(|line| line.contains(&format!("`{court}` has no prosecution office")));
    assert!(without("court:DLST01/1") && !without("court:DLCT01/3"), "{lines:#?}");
    let head = "station,division,laboratory,valid_from,valid_to,successor,source\n";
    let one = |row: &str| format!("{head}{row}");
    says("ps_laboratory", &one("38101001,dna,DLXX/BIO,,,,x\n"), "2: no list has `lab:DLXX/BIO`");
    says("ps_laboratory", &one("38101001,dna,DLFSL/CYB,,,,x\n"), "2: laboratories.csv does not give `lab:DLFSL/CYB`");
    let twice = "38101001,dna|serology,DLFSL/BIO,,2025-06-30,,x\n38101001,dna,DLRFL/BIO,2025-06-30,,,x\n";
    says("ps_laboratory", &one(twice), "3: station 38101001, division `dna`: the same days as line 2");
    let hole = "38101001,dna|serology,DLFSL/BIO,,2025-06-30,,x\n38101001,dna,DLRFL/BIO,2025-07-02,,,x\n";
    says("ps_laboratory", &one(hole), "3: station 38101001, division `dna`: no laboratory from 2025-07-01");
    let lines = found("ps_laboratory", &one("38101001,dna,DLFSL/BIO,,,,x\n"));
    let without = lines.iter().any(|line| line.contains("`ps:38101002` has no laboratory today"));
    assert!(without, "{lines:#?}");
}

#[test]
fn prisons_that_lead_nowhere_or_stand_twice_are_named_at_file_and_line() {
    let prisons = "prison,name,state,valid_from,valid_to,successor,source\n";
    let circle = format!("{prisons}DL01,One,07,,2025-01-01,DL02,x\nDL02,Two,07,,2025-01-01,DL01,x\n");
    says("prisons", &circle, "2: the successors of `prison:DL01` lead in a circle");
    says(
        "prisons",
        &format!("{prisons}DL01,One,07,,2025-01-01,DL77,x\n"),
        "2: no list has the successor `prison:DL77`",
    );
    says(
        "prisons",
        &format!("{prisons}DL01,One,07,,,DL02,x\nDL02,Two,07,,,,x\n"),
        "2: `prison:DL01` has a successor and no",
    );
    says(
        "prisons",
        &format!("{prisons}DL01,One,07,,,,x\nDL01,Two,07,,,,x\n"),
        "3: `prison:DL01` is listed for the same days",
    );
    says(
        "court_prison",
        "court,age,prison,valid_from,valid_to,successor,source\nDLCT01,x-y,DL01,,,,x\n",
        "2: `age` is `x-y`",
    );
}

#[test]
fn a_record_that_names_no_case_is_looked_at_once_and_not_once_a_route() {
    let revision = revision();
    let found = routed(&revision, "update", &update(json!([])), &Snapshot::default());
    assert_eq!(places(&found), ["- no-office"]);
    for route in ["update-to-courts", "update-to-police"] {
        assert!(found[0].1.contains(&format!("route {route}: no step names an office")), "{}", found[0].1);
    }
    let mut named = update(json!([]));
    named["to"] = json!(["court:DLCT01"]);
    assert_eq!(places(&routed(&revision, "update", &named, &Snapshot::default())), ["court:DLCT01 ok", "- no-office"]);
}
