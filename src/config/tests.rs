//! Configuration as its users meet it: a folder in, a revision or every error out.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ConfigError, Facts, Folder, Revision, Settings, rerouted};
use crate::clock::Timestamp;
use crate::identifiers::OfficeId;
use crate::journal::{Action, How, Joint, Joints, Lane, Snapshot};

mod cases;

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

#[test]
fn the_embedded_gateway_toml_says_the_defaults() {
    assert_eq!(Settings::layered(None, []).unwrap(), Settings::default());
}

#[test]
fn every_option_of_the_node_stands_in_the_embedded_file_with_a_comment() {
    let table: toml::Table = super::settings::DEFAULTS.parse().unwrap();
    let mut written: Vec<(String, String)> = Vec::new();
    for (name, inner) in &table {
        written.extend(inner.as_table().unwrap().keys().map(|key| (format!("[{name}]"), key.clone())));
    }
    written.sort();
    assert_eq!(written, Settings::keys());
    let lines: Vec<&str> = super::settings::DEFAULTS.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#')) {
        let before = lines[at - 1];
        assert!(before.starts_with('#') || before == "per_second = 200", "`{line}` has no comment");
    }
}

#[test]
fn layers_of_settings_lie_over_one_another_and_the_environment_is_on_top() {
    let file =
        b"[exchange]\nlisten = \"127.0.0.1:9000\"\n[limits]\nrecord = \"2 MiB\"\n[dispatch]\nbreaker_failures = 3\n";
    let variables = [
        ("ICJS_EXCHANGE__LISTEN".to_owned(), "0".to_owned()),
        ("ICJS_DISPATCH__BREAKER_FAILURES".to_owned(), "7".to_owned()),
        ("ICJS_DIR".to_owned(), "somewhere".to_owned()),
        ("PATH".to_owned(), "a__b".to_owned()),
    ];
    let settings = Settings::layered(Some(file), variables).unwrap();
    assert_eq!(settings.exchange.listen.port(), 0);
    assert_eq!(settings.dispatch.breaker_failures, 7);
    assert_eq!(settings.limits.record, 2 << 20);
    assert_eq!(settings.dispatch.lease, Duration::from_secs(60));
}

#[test]
fn every_error_of_the_settings_is_listed_with_its_line() {
    let file = b"[exchange]\nlisten = \"0.0.0.0:80\"\nlissten = \"x\"\n[limits]\nrecord = \"1MB\"\ndepth = 0\n[stor]\n";
    let errors = Settings::layered(Some(file), [("ICJS_LOG__LEVEL".to_owned(), "loud".to_owned())]).unwrap_err();
    let text = shown(&errors);
    for part in [
        "environment: `level` is `loud`",
        "config/gateway.toml: `depth` must not be 0",
        "config/gateway.toml:2: `listen` is `0.0.0.0:80`; plain HTTP is served on loopback only",
        "config/gateway.toml:3: unknown key `lissten` in [exchange]; did you mean `listen`?",
        "config/gateway.toml:5: `record` is `1MB`; write a size as",
        "config/gateway.toml:7: unknown key `stor` in this file; did you mean `store`?",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
    assert_eq!(errors.len(), 6, "{text}");
}

#[test]
fn a_folder_survives_packing_and_what_is_damaged_is_refused() {
    let folder = folder();
    let bytes = folder.to_bytes();
    assert_eq!(Folder::from_bytes(&bytes).unwrap(), folder);
    assert_eq!(folder.to_bytes(), bytes);
    assert!(Folder::from_bytes(&bytes[..bytes.len() / 2]).is_err());
    assert!(Folder::from_bytes(&[0xff; 40]).unwrap_err().contains("too large"));
}

#[test]
fn a_folder_is_read_without_private_keys_data_and_editors_copies() {
    let dir = tempfile::tempdir().unwrap();
    folder().write(dir.path()).unwrap();
    for stray in
        ["keys/store.key", "keys/dev/x.pem", "data/journal.db", "config/.routes.toml.swp", "config/routes.toml~"]
    {
        let path = dir.path().join(stray);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "secret").unwrap();
    }
    assert_eq!(Folder::read(dir.path()).unwrap(), folder());
}

#[test]
fn a_path_from_outside_cannot_leave_the_folder() {
    for path in ["../x.toml", "config/../../x.toml", "/etc/x.toml", "keys/store.key", "config//x.toml", "data/x.json"] {
        let mut folder = folder();
        folder.put(path, "");
        let errors = Revision::compile(1, folder).unwrap_err();
        assert!(errors.iter().any(|error| error.file == path), "{path} was let in");
    }
}

#[test]
fn a_record_says_its_keys_persons_links_and_lane() {
    let revision = compiled();
    let mut record = paper("38101004", "2026-11-22");
    record["case"]["cnr"] = json!({"value": "DLCT010001232026"});
    let facts = revision.facts("paper", &record);
    let cases: Vec<&str> = facts.cases.iter().map(|key| key.as_str()).collect();
    assert_eq!(cases, ["fir/38101004-2026-42", "cnr/DLCT010001232026"]);
    assert_eq!(facts.links.len(), 1);
    assert_eq!(facts.lane, Some(Lane::Papers));
    assert_eq!(facts.entry, "live");
    assert_eq!(facts.from.as_ref().map(OfficeId::as_str), Some("ps:38101004"));

    record["persons"] = json!([{"pid": {"prison": "DL01", "id": "7-A"}}, {"pid": {"prison": "DL01", "id": "7-A"}}]);
    record["code"] = json!("release");
    let facts = revision.facts("order", &record);
    assert_eq!(facts.persons, ["pid/DL01-7%2DA"]);
    assert_eq!(facts.lane, Some(Lane::Liberty));
    record["code"] = json!("hearing");
    assert_eq!(revision.facts("order", &record).lane, Some(Lane::Papers));
    record["code"] = json!(null);
    assert_eq!(revision.facts("order", &record).lane, Some(Lane::Liberty));
}

#[test]
fn the_codes_of_the_liberty_lane_may_stand_in_a_code_table() {
    let by_table = |table: &str| KINDS.replace("liberty = [\"release\"]", &format!("table = \"{table}\""));
    let mut folder = folder();
    folder.put("mappings/codes/order-codes.csv", ORDER_CODES);
    folder.put("config/kinds.toml", &by_table("order-codes"));
    let revision = Revision::compile(1, folder.clone()).unwrap();
    let lane = |code: Value| revision.facts("order", &json!({"code": code})).lane;
    assert_eq!(lane(json!("release")), Some(Lane::Liberty));
    assert_eq!(lane(json!("hearing")), Some(Lane::Papers));
    assert_eq!(lane(json!("of-no-row")), Some(Lane::Liberty), "what no row knows may be anything");

    folder.put("config/kinds.toml", &by_table("order-code"));
    let errors = Revision::compile(1, folder.clone()).unwrap_err();
    assert!(errors.iter().any(|error| error.message.contains("no code table `order-code`")), "{errors:?}");
    folder.put("config/kinds.toml", &by_table("gender"));
    let errors = Revision::compile(1, folder).unwrap_err();
    assert!(errors.iter().any(|error| error.message.contains("marks no code")), "{errors:?}");
}

#[test]
fn the_table_is_read_at_the_day_of_the_event_and_its_row_is_said() {
    let revision = compiled();
    let known = Snapshot::default();
    let old = routed(&revision, "paper", &paper("38101004", "2025-06-01"), &known);
    assert_eq!(places(&old), ["court:DLCT01 ok"]);
    assert_eq!(old[0].1, "route papers-to-courts: table ps_court line 2");
    let new = routed(&revision, "paper", &paper("38101004", "2026-06-01"), &known);
    assert_eq!(places(&new), ["court:DLCT02 ok"]);
}

#[test]
fn an_addressee_goes_before_the_court_of_the_case_and_that_before_the_cnr_and_the_table() {
    let revision = compiled();
    let mut known = Snapshot::default();
    let mut record = paper("38101004", "2026-06-01");
    record["case"]["cnr"] = json!({"value": "DLCT010001232026"});
    assert_eq!(places(&routed(&revision, "paper", &record, &known)), ["court:DLCT01 ok"]);
    known.links = links(&["committed-to cnr/DLCT010001232026 cnr/DLCT020004562026"]);
    assert_eq!(places(&routed(&revision, "paper", &record, &known)), ["court:DLCT02 ok"]);
    record["to"] = json!(["court:DLCT01/3", "ps:38101005"]);
    let found = routed(&revision, "paper", &record, &known);
    assert_eq!(places(&found), ["court:DLCT01/3 ok", "ps:38101005 ok"]);
}

#[test]
fn what_cannot_be_decided_is_a_destination_with_a_code() {
    let revision = compiled();
    let known = Snapshot::default();
    let several = routed(&revision, "paper", &paper("38101005", "2026-06-01"), &known);
    assert_eq!(places(&several), ["- ambiguous-office"]);
    let nowhere = routed(&revision, "paper", &paper("38109999", "2026-06-01"), &known);
    assert_eq!(places(&nowhere), ["- no-office"]);
    let mut record = paper("38101004", "2026-06-01");
    record["case"] = json!({"cnr": {"value": "XXYY010001232026"}});
    let stranger = routed(&revision, "paper", &record, &known);
    assert_eq!(places(&stranger), ["- no-office"]);
    assert!(stranger[0].1.contains("no system serves court:XXYY01"), "{}", stranger[0].1);
    record["to"] = json!(["lab:FSL1"]);
    assert!(places(&routed(&revision, "paper", &record, &known)).contains(&"- no-route"));
    assert_eq!(places(&routed(&revision, "unheard-of", &record, &known)), ["- no-route"]);
}

#[test]
fn a_receiver_without_a_sharing_line_is_parked_with_its_office() {
    let mut folder = folder();
    folder.put("config/sharing.toml", &SHARING.replace("\"courts\"", "\"prisons\""));
    let revision = Revision::compile(1, folder).unwrap();
    let found = routed(&revision, "paper", &paper("38101004", "2026-06-01"), &Snapshot::default());
    assert_eq!(places(&found), ["court:DLCT02 not-permitted"]);
}

#[test]
fn a_liberty_order_with_several_candidate_prisons_goes_to_all() {
    let mut folder = folder();
    let table = "court,prison,valid_from,valid_to,successor,source\nDLCT01,DL01,,,,x\nDLCT01,DL02,,,,x\n";
    folder.put("config/reference/court_prison.csv", table);
    let revision = Revision::compile(1, folder).unwrap();
    let known = Snapshot { links: links(&["same fir/38101004-2026-42 cnr/DLCT010001232026"]), ..Snapshot::default() };
    let mut record = paper("38101004", "2026-06-01");
    record["code"] = json!("release");
    assert_eq!(places(&routed(&revision, "order", &record, &known)), ["prison:DL01 ok", "prison:DL02 ok"]);
    record["code"] = json!("hearing");
    assert_eq!(places(&routed(&revision, "order", &record, &known)), ["- ambiguous-office"]);
}

#[test]
fn the_sending_office_is_no_receiver_of_its_own_record() {
    let revision = compiled();
    let mut record = paper("38101004", "2026-06-01");
    record["to"] = json!(["ps:38101004"]);
    let found = routed(&revision, "paper", &record, &Snapshot::default());
    assert_eq!(places(&found), ["court:DLCT02 ok"]);
}

#[test]
fn extensions_stay_with_the_system_that_sent_them_and_that_is_said() {
    let revision = compiled();
    let record = json!({"note": "x", "extensions": {"cctns": {"raw": {"a": "1"}}, "none": {}}});
    let courts = &revision.systems["courts-dl"];
    let given = revision.permit("paper", courts, "police-dl", &[], record.clone()).unwrap();
    assert_eq!(given.tree, json!({"note": "x"}));
    assert_eq!(given.withheld, ["extensions.cctns"]);
    let police = &revision.systems["police-dl"];
    let own = revision.permit("paper", police, "police-dl", &[], record.clone()).unwrap();
    assert_eq!((own.tree, own.withheld.len()), (record.clone(), 0));
    assert!(revision.permit("order", courts, "police-dl", &[], record.clone()).is_none());
    assert!(revision.permit("outcome", courts, "police-dl", &[], record).is_some());
}

#[test]
fn a_correction_is_routed_anew_and_offices_no_longer_addressed_get_a_withdrawal() {
    let revision = compiled();
    let to = |offices: Value| {
        let mut record = paper("38101004", "2026-06-01");
        record["to"] = offices;
        let facts: Facts = revision.facts("paper", &record);
        revision.route("paper", &record, &facts, &Snapshot::default())
    };
    let before: Vec<_> = to(json!(["court:DLCT01", "court:DLCT02"])).into_iter().map(delivered).collect();
    let say = |plan: Vec<(super::Destination, Action)>| -> Vec<String> {
        plan.iter().map(|(place, action)| format!("{} {action:?}", place.office.as_ref().unwrap())).collect()
    };
    let corrected = say(rerouted(Action::Correct, to(json!(["court:DLCT02", "court:DLCT01/3"])), &before));
    assert_eq!(corrected, ["court:DLCT02 Correct", "court:DLCT01/3 New", "court:DLCT01 Withdraw"]);
    let withdrawn = say(rerouted(Action::Withdraw, to(json!(["court:DLCT01/3"])), &before));
    assert_eq!(withdrawn, ["court:DLCT01 Withdraw", "court:DLCT02 Withdraw"]);
}

fn delivered(destination: super::Destination) -> crate::journal::DeliveryView {
    use crate::clock::Timestamp;
    crate::journal::DeliveryView {
        id: crate::identifiers::MessageId::new(Timestamp::from_millis(1)).delivery(1),
        office: destination.office,
        system: destination.system,
        how: How::Feed,
        action: Action::New,
        lane: Lane::Papers,
        state: crate::journal::State::Delivered,
        code: None,
        why: destination.why,
        attempts: 1,
        due: None,
        settled_at: None,
        note: None,
        withheld: Vec::new(),
        lost: Vec::new(),
        outcomes: Vec::new(),
        cases: Vec::new(),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of mistakes")]
fn every_mistake_is_named_at_its_file_and_line() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "config/kinds.toml",
            &KINDS.replace("lane = \"papers\"\nschema", "lane = \"paper\"\nschema"),
            "config/kinds.toml:6: `lane` is `paper`; did you mean `papers`?",
        ),
        (
            "config/kinds.toml",
            &KINDS.replace("case.fir\", \"cnr", "case.fri\", \"cnr"),
            "config/kinds.toml:8: path `case.fri`: the schema has no `fri` there; did you mean `fir`?",
        ),
        (
            "config/kinds.toml",
            &KINDS.replace("persons[].pid", "persons.pid"),
            "config/kinds.toml:18: path `persons.pid`: `persons` repeats; write `persons[]`",
        ),
        (
            "config/routes.toml",
            &ROUTES.replace("kind = \"order\"", "kind = \"ordre\""),
            "config/routes.toml:17: unknown kind `ordre`; did you mean `order`?",
        ),
        (
            "config/routes.toml",
            &ROUTES.replace("to = \"police\"", "to = \"polis\""),
            "config/routes.toml:12: unknown pillar `polis`; did you mean `police`?",
        ),
        (
            "config/routes.toml",
            &ROUTES.replace("\"cnr\"", "\"cnrs\""),
            "config/routes.toml:6: unknown step `cnrs`; did you mean `cnr`?",
        ),
        (
            "config/routes.toml",
            &ROUTES.replace("papers-to-police", "papers-to-courts"),
            "config/routes.toml:10: route `papers-to-courts` is there twice; first in line 3",
        ),
        (
            "config/sharing.toml",
            &SHARING.replace("system:police-dl", "system:police-d"),
            "config/sharing.toml:9: a line for nobody: unknown system `police-d`; did you mean `police-dl`?",
        ),
        (
            "config/systems/x.toml",
            &system("x", "courts", "[\"court:DLCT02\"]", "[feed]"),
            "config/systems/x.toml:4: office `court:DLCT02` is served by `courts-dl` already",
        ),
        (
            "config/systems/x.toml",
            &system("x", "courts", "[\"ps:1\"]", "[feed]"),
            "config/systems/x.toml:9: there is no file `keys/x.jwks.json`",
        ),
        (
            "config/systems/x.toml",
            &system("y", "courts", "[\"court:A\"]", "[feed]"),
            "config/systems/x.toml:1: `name` is `y` in a file called `x.toml`",
        ),
        (
            "config/systems/x.toml",
            &system("x", "courts", "[\"court:A\"]", "[feed]").replace("\"shared\"", "\"shred\""),
            "config/systems/x.toml:2: unknown adapter `shred`; did you mean `shared`?",
        ),
        ("config/systems/x.toml", "name = \n= 3", "config/systems/x.toml:"),
        (
            "keys/courts-dl.jwks.json",
            r#"{"keys": [{"kty": "OKP", "d": "AA"}]}"#,
            "config/systems/courts-dl.toml:9: `keys/courts-dl.jwks.json`: holds a private key",
        ),
        ("schemas/records/paper.json", "{", "schemas/records/paper.json:1: is not JSON"),
        (
            "config/reference/ps_court.csv",
            &PS_COURT.replace("2025-12-31", "31.12.2025"),
            "config/reference/ps_court.csv:2: `valid_to` is `31.12.2025`",
        ),
        (
            "config/reference/ps_court.csv",
            &PS_COURT.replace(",class,", ",clas,"),
            "config/reference/ps_court.csv:1: unknown column `clas`; did you mean `class`?",
        ),
        (
            "adapters/new/adapter.toml",
            "name = \"new\"\npillar = \"courts\"\nextends = \"share\"",
            "adapters/new/adapter.toml:3: extends the unknown adapter `share`; did you mean `shared`?",
        ),
        (
            "adapters/new/adapter.toml",
            "name = \"new\"\npillar = \"courts\"\n[kind.paper]\nwire = \"json\"\nschema = \"new/paper\"\nmapping = \"new/paper\"\n",
            "adapters/new/adapter.toml:5: there is no schema `schemas/new/paper.json`",
        ),
        (
            "adapters/new/adapter.toml",
            "name = \"new\"\npillar = \"courts\"\n[kind.paper]\nwire = \"shared\"\nattachments = \"base64\"\n",
            "adapters/new/adapter.toml:5: [kind.paper]: with `attachments = \"base64\"` a mapping row says",
        ),
        (
            "adapters/new/adapter.toml",
            "name = \"new\"\npillar = \"courts\"\n[[verdict]]\nstatus = [2000]\nmeans = \"taken\"\n",
            "adapters/new/adapter.toml:4: `2000` is no HTTP status",
        ),
    ];
    for (path, text, wanted) in cases {
        let errors = shown(&errors_of(path, text));
        assert!(errors.contains(wanted), "{wanted}\nis not in\n{errors}");
    }
}

#[test]
fn every_key_is_in_the_manual() {
    let mut folder = folder();
    let adapter = "name = \"new\"\npillar = \"courts\"\n[kind.paper]\nwire = \"shared\"\n[[verdict]]\nmeans = \"again\"\nreference = { scheme = \"a\", at = \"b\" }\n";
    folder.put("adapters/new/adapter.toml", adapter);
    let system = system(
        "y",
        "courts",
        "{ reference = \"courts\", state = \"07\" }",
        "[push]\nurl = \"http://127.0.0.1/\"\n[limits]\n",
    );
    folder.put("config/systems/y.toml", &system);
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md")).unwrap();
    let keys = super::revision::keys(folder);
    assert!(keys.len() > 50, "{keys:?}");
    let containers = ["kind", "route", "share", "never", "alert", "verdict", "keys", "push", "feed", "limits"];
    let inside = ["at", "scheme", "liberty", "path", "unknown"];
    for (table, key) in keys.iter().filter(|(_, key)| !containers.contains(&key.as_str())) {
        if inside.contains(&key.as_str()) {
            assert!(
                manual.contains(&format!("{key} = ")) || manual.contains(&format!("`{key}`")),
                "`{key}` of {table}"
            );
            continue;
        }
        assert!(
            manual.contains(&format!("`{key}`"))
                || manual.contains(&format!(" {key}`"))
                || manual.contains(&format!("`{key} =")),
            "`{key}` of {table} is not in docs/configuration.md"
        );
    }
    for container in containers {
        assert!(manual.contains(&format!("[{container}")), "[{container}] is not in docs/configuration.md");
    }
}

#[test]
fn a_condition_decides_on_the_record_and_a_link_can_end_a_hold() {
    let mut folder = folder();
    let routes = "[[route]]\nname = \"r\"\nkind = \"paper\"\nto = \"courts\"\noffice = [\"table ps_court\"]\n\
                  when = \"note != 'private'\"\nhold_until = \"has(case.cnr)\"\nhold_for = \"2d\"\n";
    folder.put("config/routes.toml", routes);
    let revision = Revision::compile(1, folder).unwrap_or_else(|errors| panic!("{}", shown(&errors)));
    let mut record = paper("38101004", "2026-06-01");
    record["note"] = json!("open");
    let facts = revision.facts("paper", &record);
    let mut known = Snapshot::default();
    let found = revision.route("paper", &record, &facts, &known);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].hold, found[0].code.as_deref()), (Some(Duration::from_secs(2 * 86_400)), None));
    known.links = links(&["same fir/38101004-2026-42 cnr/DLCT020001232026"]);
    let found = revision.route("paper", &record, &facts, &known);
    assert_eq!((found[0].hold, found[0].code.as_deref()), (None, None));
    record["note"] = json!("private");
    assert_eq!(places(&routed(&revision, "paper", &record, &known)), ["- no-route"]);
}

#[test]
fn a_condition_over_a_path_that_is_not_there_is_refused_at_its_line() {
    let text = format!("{ROUTES}when = \"nots == 'x'\"\n");
    let errors = shown(&errors_of("config/routes.toml", &text));
    assert!(errors.contains("config/routes.toml:20: `when`:"), "{errors}");
}

/// Ten mistakes of different sorts in seven files.
fn ten_mistakes() -> (Folder, Vec<String>) {
    let mut folder = folder();
    let wanted = [
        ("config/kinds.toml:5: `title_hindi`", "unknown key"),
        ("config/kinds.toml:11:", "`name` is missing"),
        ("config/reference/ps_court.csv:3:", "valid_from"),
        ("config/routes.toml:4:", "unknown kind `papr`"),
        ("config/routes.toml:12:", "unknown pillar `polise`"),
        ("config/sharing.toml:5:", "`give` is `hole`"),
        ("config/systems/police-dl.toml:2:", "unknown adapter `sharde`"),
        ("config/systems/prisons-dl.toml:9:", "there is no file `keys/prison.jwks.json`"),
        ("config/systems/courts-dl.toml:4:", "no office of the pillar"),
        ("schemas/records/other.json:1:", "is not JSON"),
    ];
    folder.put("config/kinds.toml", &KINDS.replacen("title_hi", "title_hindi", 1).replace("name = \"order\"\n", ""));
    folder.put("config/reference/ps_court.csv", &PS_COURT.replacen("2026-01-01", "1.1.2026", 1));
    folder.put("config/routes.toml", &ROUTES.replacen("\"paper\"", "\"papr\"", 1).replace("\"police\"", "\"polise\""));
    folder.put("config/sharing.toml", &SHARING.replacen("whole", "hole", 1));
    let edit = |folder: &mut Folder, path: &str, from: &str, to: &str| {
        let text = String::from_utf8(folder.files[path].clone()).unwrap();
        assert!(text.contains(from));
        folder.put(path, &text.replace(from, to));
    };
    edit(&mut folder, "config/systems/police-dl.toml", "\"shared\"", "\"sharde\"");
    edit(&mut folder, "config/systems/prisons-dl.toml", "keys/prisons-dl", "keys/prison");
    edit(&mut folder, "config/systems/courts-dl.toml", "\"court:DLCT02\"", "\"ps:38101004\"");
    folder.put("schemas/records/other.json", "[1,]");
    (folder, wanted.iter().map(|(place, _)| place.split(": `").next().unwrap_or(place).to_owned()).collect())
}

#[test]
fn ten_mistakes_are_all_listed_at_their_lines() {
    let (folder, places) = ten_mistakes();
    let errors = Revision::compile(2, folder).unwrap_err();
    let text = shown(&errors);
    for place in places {
        assert!(text.contains(&place), "{place}\nis not in\n{text}");
    }
}

/// The third system of `tests/it/configuration`, without a gateway.
#[test]
fn a_third_system_with_a_format_of_its_own_compiles_and_translates_both_ways() {
    let mut folder = folder();
    folder.put("adapters/tahsil/adapter.toml", include_str!("../../tests/it/configuration/adapter.toml"));
    folder.put("schemas/tahsil/paper.json", include_str!("../../tests/it/configuration/paper.schema.json"));
    folder.put("mappings/tahsil/paper.toml", include_str!("../../tests/it/configuration/paper.mapping.toml"));
    let mut schema = paper_schema();
    schema["properties"]["case"]["properties"]["fir"]["properties"]["serial"] = json!({"type": "integer"});
    folder.put("schemas/records/paper.json", &schema.to_string());
    let system = system("desk", "courts", "[\"court:DLCT07\"]", "[feed]")
        .replace("\"shared\"", "\"tahsil\"")
        .replace(", \"order\"", "");
    folder.put("config/systems/desk.toml", &system);
    folder.put("keys/desk.jwks.json", r#"{"keys": [{"kty": "OKP"}]}"#);
    let revision = Revision::compile(1, folder).unwrap_or_else(|errors| panic!("{}", shown(&errors)));
    let dialect = revision.dialect(&revision.systems["desk"], "paper").unwrap();
    assert_eq!(dialect.event_number.as_deref(), Some("/evt"));
    let native = json!({"evt": "T/1", "sender": "court:DLCT07", "on": "22/11/2026 11:00:00",
        "fir": {"thana": "38101004", "saal": "2026", "kramank": "2"}, "words": "x"});
    let plan = dialect.plan.as_ref().unwrap();
    let shared = plan.decode(&native).unwrap().shared;
    let facts = revision.facts("paper", &shared);
    assert_eq!(facts.cases[0].as_str(), "fir/38101004-2026-2");
    assert_eq!(plan.encode(&shared).unwrap().native, native);
}

#[test]
fn the_shipped_configuration_compiles_with_every_shipped_adapter_in_use() {
    let mut folder = Folder::default();
    let shipped = Folder::embedded();
    let names = shipped.files.keys().filter_map(|path| path.strip_prefix("adapters/")?.strip_suffix("/adapter.toml"));
    for (at, name) in names.enumerate() {
        let text = format!(
            "name = \"x-{name}\"\nadapter = \"{name}\"\npillar = \"agency\"\noffices = [\"agency:{at}\"]\n[feed]\n[keys]\njwks_file = \"keys/x.jwks.json\"\n"
        );
        folder.put(&format!("config/systems/x-{name}.toml"), &text);
    }
    folder.put("keys/x.jwks.json", r#"{"keys": [{"kty": "OKP"}]}"#);
    let revision = Revision::compile(1, folder).unwrap_or_else(|errors| panic!("{}", shown(&errors)));
    assert_eq!(shown(&revision.warnings), "");
    assert!(revision.adapters.contains_key("shared"));
}

#[test]
fn what_a_rule_forbids_is_parked_with_its_office_and_its_code() {
    let revision = compiled();
    let to_prison = |years: Value, note: &str| {
        let mut record = paper("38101004", "2026-05-01");
        (record["to"], record["years"], record["note"]) = (json!(["prison:DL01"]), years, json!(note));
        routed(&revision, "order", &record, &Snapshot::default())
    };
    let stopped = to_prison(json!([34, 17]), "binding");
    assert_eq!(places(&stopped), ["prison:DL01 never-there"]);
    assert!(stopped[0].1.contains("never-there"), "{stopped:?}");
    for (years, note) in [(json!([18, 0]), "binding"), (json!([17]), "another note")] {
        assert_eq!(places(&to_prison(years, note)), ["prison:DL01 ok"]);
    }
    let failed = revision.never("order", &json!({"years": [17]}), &revision.systems["prisons-dl"]);
    assert_eq!(failed.as_deref(), Some("expression-failed"), "what may be forbidden is looked at");
}

#[test]
fn every_mistake_in_the_rules_is_told_with_its_line() {
    let wrong = RULES
        .replace("kind = \"order\"", "kind = \"ordr\"")
        .replace("\"years[]\"", "\"year[]\"")
        .replace("[\"prisons\"]\nage", "[\"prison\"]\nage")
        .replace("cause = \"unsettled\"", "cause = \"unsetled\"")
        .replace("after = \"5m\"", "after = \"5 minutes\"\ncodes = []\nloud = true");
    let told = shown(&errors_of("config/rules.toml", &wrong));
    for part in [
        "config/rules.toml:3: unknown kind `ordr`; did you mean `order`?",
        "config/rules.toml:4: unknown pillar `prison`; did you mean `prisons`?",
        "config/rules.toml:10: `cause` is `unsetled`; did you mean `unsettled`?",
        "config/rules.toml:12: `after` is `5 minutes`",
        "config/rules.toml:14: unknown key `loud` in [[alert]]",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    let twice = format!("{RULES}{}", &RULES[RULES.find("[[alert]]").unwrap()..]);
    assert!(shown(&errors_of("config/rules.toml", &twice)).contains("alert `silence` is there twice; first in line 9"));
    let codes = RULES.replace("after = \"5m\"", "codes = [\"gave-up\"]");
    assert!(shown(&errors_of("config/rules.toml", &codes)).contains("only the cause `parked` has them"));
}
