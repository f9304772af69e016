//! How configuration finds offices and forms, seen from outside: offices by a reference table, the station of a FIR, the
//! State's desk, and an adapter that is another one with a few differences.

use serde_json::{Value, json};

use crate::harness::folder::{order, paper};
use crate::harness::{Client, Folder, Gateway, Party};

const COURT: &str = "court:DLCT01";
const DESK: &str = "court:DLCT99";

const STATIONS: &str = "national,name,state,valid_from,valid_to,successor,source
38101004,One,07,2001-01-01,,,test
38101005,Two,07,2001-01-01,,,test
38101009,Gone,07,2001-01-01,2019-12-31,38101005,test
39101001,Elsewhere,09,2001-01-01,,,test
";
const PS_COURT: &str = "station,class,court,valid_from,valid_to,successor,source
38101004,magistrate,DLCT01,2001-01-01,,,test
";
const DESKS: &str = "state,pillar,office,valid_from,valid_to,successor,source
09,courts,court:UPCT01,2001-01-01,,,test
07,courts,court:DLCT99,2001-01-01,,,test
";
const ROUTES: &str = r#"
[[route]]
name = "paper-to-court"
kind = "paper"
to = "courts"
office = ["addressee", "table ps_court", "desk"]
when = "note != 'for the station'"

[[route]]
name = "paper-to-station"
kind = "paper"
to = "police"
office = ["station"]
when = "note == 'for the station'"
"#;

/// A police system with every station of State 07, and two courts.
fn folder() -> Folder {
    let folder = Folder::with(&[
        Party::pulling("police", "police", &["ps:38101004"]),
        Party::pulling("court", "courts", &[COURT]),
        Party::pulling("registry", "courts", &[DESK]),
    ]);
    let system = std::fs::read_to_string(folder.path("config/systems/police.toml")).unwrap();
    let by_table = "offices = { reference = \"police_stations\", state = \"07\" }";
    folder.file("config/systems/police.toml", &system.replace("offices = [\"ps:38101004\"]", by_table));
    folder.file("config/reference/police_stations.csv", STATIONS);
    folder.file("config/reference/ps_court.csv", PS_COURT);
    folder.file("config/reference/desks.csv", DESKS);
    folder.file("config/routes.toml", ROUTES);
    folder
}

/// A paper about a FIR of one station that names no addressee.
fn about(office: &str, station: &str, note: &str) -> Value {
    let mut paper = paper(office, &[], 7, note);
    paper["case"]["fir"]["station"] = json!(station);
    paper
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_serves_the_offices_that_a_reference_table_lists_today() {
    let folder = folder();
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let me = police.get("/v1/me").await.unwrap().expect(200).json();
    assert_eq!(me["offices"], json!(["ps:38101004", "ps:38101005"]), "not the closed one, not another State's");
    let own = about("ps:38101005", "38101004", "x").to_string();
    police.submit("paper", "a", &[], own.as_bytes()).await.unwrap().expect(202);
    for stranger in ["ps:38101009", "ps:39101001"] {
        let body = about(stranger, "38101004", "x").to_string();
        let answer = police.submit("paper", stranger, &[], body.as_bytes()).await.unwrap().expect(403);
        assert_eq!(answer.code(), "office-not-yours");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_without_an_addressee_goes_by_the_table_then_to_the_desk_of_its_state_and_says_why() {
    let folder = folder();
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    for (station, office, why) in [
        ("38101004", COURT, "route paper-to-court: table ps_court line 2"),
        ("38101005", DESK, "route paper-to-court: desk line 3"),
    ] {
        let accepted = police.accepted("paper", station, &about("ps:38101004", station, "x")).await;
        let delivery = &accepted["deliveries"][0];
        assert_eq!((&delivery["office"], &delivery["why"]), (&json!(office), &json!(why)), "{accepted}");
    }
    let registry = Client::connect(&folder, gateway.exchange, "registry").await;
    let page = registry.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["data"]["case"]["fir"]["station"], "38101005", "{page}");
    // The desk of State 09 is served by nobody: parked, and said.
    let accepted = police.accepted("paper", "far", &about("ps:38101004", "39101001", "x")).await;
    let delivery = &accepted["deliveries"][0];
    assert_eq!((&delivery["state"], &delivery["reason"]), (&json!("parked"), &json!("no-office")), "{accepted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_courts_record_goes_to_the_station_of_the_fir() {
    let folder = folder();
    let gateway = Gateway::start(&folder).await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    let accepted = court.accepted("paper", "k", &about(COURT, "38101005", "for the station")).await;
    let delivery = &accepted["deliveries"][0];
    assert_eq!(delivery["office"], "ps:38101005", "{accepted}");
    assert_eq!(delivery["why"], "route paper-to-station: station of the FIR", "{accepted}");
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let page = police.feed("wait=20&office=ps:38101005").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["icjsmessage"], accepted["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_that_nobody_knows_yet_is_provisional_unless_its_record_is_of_a_kind_that_opens_cases() {
    let folder = folder();
    let kinds = std::fs::read_to_string(folder.path("config/kinds.toml")).unwrap();
    folder.file("config/kinds.toml", &kinds.replace("name = \"order\"", "name = \"order\"\nopens_case = true"));
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let warned =
        |answer: &Value| answer["warnings"].as_array().unwrap().iter().any(|it| it["rule"] == "provisional-case");
    let first = police.accepted("paper", "a", &about("ps:38101004", "38101004", "first")).await;
    assert!(warned(&first), "{first}");
    let next = police.accepted("paper", "b", &about("ps:38101004", "38101004", "next")).await;
    assert!(!warned(&next), "{next}");
    let opening = police.accepted("order", "c", &order("ps:38101004", &[COURT], 99, 1, "remand", "opens")).await;
    assert!(!warned(&opening), "{opening}");
}

/// The base's dates are day first; this one's are year first, and it has no number of its own to give back.
const VARIANT: &str = r#"
adapter = "tahsil-up"
kind = "paper"

[[row]]
native = "on"
shared = "event.occurred_at"
as = "datetime yyyy-MM-dd HH:mm:ss"

[[row]]
shared = "event.number"
drop = true
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adapter_that_extends_another_says_the_differences_only() {
    let mut folder = Folder::with(&[Party::pulling("police", "police", &["ps:38101004"])]);
    folder.file("adapters/tahsil/adapter.toml", include_str!("configuration/adapter.toml"));
    folder.file("schemas/tahsil/paper.json", include_str!("configuration/paper.schema.json"));
    folder.file("mappings/tahsil/paper.toml", include_str!("configuration/paper.mapping.toml"));
    let extends = "name = \"tahsil-up\"\ntitle = \"The same, another State's\"\nextends = \"tahsil\"\n\n[kind.paper]\n\
                   mapping = \"tahsil-up/paper\"\n";
    folder.file("adapters/tahsil-up/adapter.toml", extends);
    folder.file("mappings/tahsil-up/paper.toml", VARIANT);
    let kinds = vec!["paper".to_owned()];
    for (name, adapter, office) in [("base", "tahsil", "court:DLCT07"), ("variant", "tahsil-up", "court:UPCT07")] {
        let mut party = Party::pulling(name, "courts", &[office]);
        party.adapter = adapter.to_owned();
        (party.send, party.receive) = (kinds.clone(), kinds.clone());
        folder.join(&party);
    }
    let route = "[[route]]\nname = \"paper-to-courts\"\nkind = \"paper\"\nto = \"courts\"\noffice = [\"addressee\"]\n\n\
                 [[route]]\nname = \"paper-to-police\"\nkind = \"paper\"\nto = \"police\"\noffice = [\"addressee\"]\n";
    folder.file("config/routes.toml", route);
    let share = |to: &str| format!("[[share]]\nkind = \"paper\"\nto = \"{to}\"\ngive = \"whole\"\n\n");
    folder.file("config/sharing.toml", &(share("courts") + &share("police")));

    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let mut record = paper("ps:38101004", &["court:DLCT07", "court:UPCT07"], 2, "both");
    record["event"]["number"] = json!("GD-9");
    police.accepted("paper", "k", &record).await;
    for (name, on, number) in
        [("base", "22/11/2026 10:30:00", json!("GD-9")), ("variant", "2026-11-22 10:30:00", Value::Null)]
    {
        let client = Client::connect(&folder, gateway.exchange, name).await;
        let page = client.feed("wait=20").await.unwrap().expect(200).json();
        let data = &page["items"][0]["data"];
        assert_eq!(
            (&data["on"], &data["words"], &data["evt"]),
            (&json!(on), &json!("both"), &number),
            "{name}: {page}"
        );
    }
    // And back: what the variant does not say, the base does, its event number's place too.
    let variant = Client::connect(&folder, gateway.exchange, "variant").await;
    let native = json!({"evt": "UP/1", "sender": "court:UPCT07", "desks": ["ps:38101004"], "on": "2026-11-23 09:00:00",
        "fir": {"thana": "38101004", "saal": "2026", "kramank": "2"}, "words": "seen"});
    let headers = [("content-type", "application/json")];
    let answer = variant.call("POST", "/v1/records/paper", &headers, native.to_string().as_bytes()).await.unwrap();
    answer.expect(202);
    let page = police.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["data"]["event"]["occurred_at"], "2026-11-23T09:00:00+05:30", "{page}");
}

#[test]
fn explain_shows_every_step_with_its_row_without_a_gateway() {
    let folder = folder();
    let explain = |station: &str, more: &[&str]| {
        folder.file("record.json", &about("ps:38101004", station, "x").to_string());
        let file = folder.path("record.json");
        let mut command = Gateway::command(&folder);
        command.args(["route", "explain", file.to_str().unwrap(), "--kind", "paper"]).args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let table: Value = serde_json::from_str(&explain("38101004", &["--json"])).unwrap();
    let steps: Vec<(&str, &str)> = table["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step["taken"].as_str().unwrap()))
        .collect();
    assert_eq!(steps, [("addressee", "no"), ("table ps_court magistrate", "yes"), ("", "no")], "{table}");
    let named = "court:DLCT01 (table ps_court line 2, config/reference/ps_court.csv:2)";
    assert_eq!(table["steps"][1]["named"], json!([named]), "{table}");
    assert_eq!(table["steps"][1]["at"], "config/routes.toml:2", "{table}");
    assert_eq!(table["steps"][2]["note"], "its condition does not hold", "{table}");
    assert_eq!(table["deliveries"][0]["office"], COURT, "{table}");
    let desk = explain("38101005", &[]);
    assert!(desk.contains("config/reference/desks.csv:3") && desk.contains("queued"), "{desk}");
    let far = explain("39101001", &["--as", "police"]);
    assert!(far.contains("no system serves it") || far.contains("parked: no-office"), "{far}");
    assert!(far.contains("court:UPCT01"), "{far}");
    let early = explain("38101004", &["--date", "1999-01-01"]);
    assert!(!early.contains("ps_court.csv:2"), "the table did not hold then: {early}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn papers_about_a_man_and_a_woman_go_to_the_prison_of_each() {
    let kinds = ["charge-sheet"];
    let party =
        |name, pillar, offices: &[&str]| Party::pulling(name, pillar, offices).speaking("shared", &kinds, &kinds);
    let folder = Folder::shipped(&[
        party("police", "police", &["ps:38101004"]),
        party("court", "courts", &["court:DLCT01", "court:DLCT01/3"]),
        party("prison", "prisons", &["prison:DL01", "prison:DL02"]),
    ]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let mut sheet: Value = serde_json::from_str(include_str!("../../schemas/examples/charge-sheet-1.json")).unwrap();
    for key in ["attachments", "to", "extensions"] {
        sheet.as_object_mut().unwrap().remove(key);
    }
    let prisons = |answer: &Value| -> Vec<String> {
        let about = |one: &&Value| one["why"].as_str().unwrap().contains("charge-sheet-to-prison");
        let place = |one: &Value| one["office"].as_str().or(one["reason"].as_str()).unwrap().to_owned();
        answer["deliveries"].as_array().unwrap().iter().filter(about).map(place).collect()
    };
    sheet["accused"][1]["person"]["gender"] = json!({"code": "female"});
    let both = police.accepted("charge-sheet", "both", &sheet).await;
    assert_eq!(prisons(&both), ["prison:DL01", "prison:DL02"], "{both}");
    sheet["event"]["number"] = "another".into();
    sheet["accused"][1]["person"]["gender"] = json!({"code": "male"});
    let one = police.accepted("charge-sheet", "one", &sheet).await;
    assert_eq!(prisons(&one), ["prison:DL01"], "{one}");
}
