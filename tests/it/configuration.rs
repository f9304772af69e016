//! Configuration that lives: a third system with a JSON of its own joins the running gateway by files and `icjs apply`, and
//! `icjs rollback` undoes it; ten mistakes change nothing and are all listed. Everything is done as an administrator does it:
//! files in the folder, and the command line.

use std::process::Output;

use serde_json::{Value, json};

use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};

const STATION: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
const NEW_COURT: &str = "court:DLCT07";

fn icjs(folder: &Folder, arguments: &[&str]) -> Output {
    Gateway::command(folder).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Police and a court, both of adapter `shared`.
fn folder() -> Folder {
    Folder::with(&[Party::pulling("police", "police", &[STATION]), Party::pulling("court", "courts", &[COURT])])
}

/// The files by which the third system joins.
fn third_system(folder: &mut Folder) {
    folder.file("adapters/tahsil/adapter.toml", include_str!("configuration/adapter.toml"));
    folder.file("schemas/tahsil/paper.json", include_str!("configuration/paper.schema.json"));
    folder.file("mappings/tahsil/paper.toml", include_str!("configuration/paper.mapping.toml"));
    let mut party = Party::pulling("desk", "courts", &[NEW_COURT]);
    party.adapter = "tahsil".to_owned();
    party.send = vec!["paper".to_owned()];
    party.receive = party.send.clone();
    folder.join(&party);
}

fn history(folder: &Folder) -> Vec<Value> {
    let output = icjs(folder, &["history", "--json"]);
    let tree: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    tree["revisions"].as_array().unwrap().clone()
}

/// The item whose record says this: pages are read until it comes, since what waited for the system comes too.
async fn shown(reader: &Client, field: &str, value: &str) -> Value {
    let mut after = String::new();
    for _ in 0..20 {
        let page = reader.feed(&format!("wait=20{after}")).await.unwrap().expect(200).json();
        let found = page["items"].as_array().unwrap().iter().find(|item| item["data"][field] == json!(value));
        if let Some(item) = found {
            return item.clone();
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
    panic!("no item has `{value}` in `{field}`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_system_with_a_format_of_its_own_joins_the_running_gateway_and_can_be_sent_away_again() {
    let mut folder = folder();
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let before = police.accepted("paper", "before", &paper(STATION, &[NEW_COURT], 1, "too early")).await;
    assert_eq!(before["deliveries"][0]["state"], json!("parked"), "{before}");

    third_system(&mut folder);
    let applied = icjs(&folder, &["apply", "--reason", "a third system joins"]);
    assert!(applied.status.success(), "{}", said(&applied));
    assert!(said(&applied).contains("adapters/tahsil/adapter.toml"), "{}", said(&applied));
    assert_eq!(history(&folder).len(), 2);

    // It receives in its own format ...
    let desk = Client::connect(&folder, gateway.exchange, "desk").await;
    police.accepted("paper", "after", &paper(STATION, &[NEW_COURT], 2, "आरोप")).await;
    let got = shown(&desk, "words", "आरोप").await;
    assert_eq!(got["data"]["fir"], json!({"thana": "38101004", "saal": "2026", "kramank": "2"}), "{got}");
    assert_eq!(got["data"]["on"], json!("22/11/2026 10:30:00"), "{got}");

    // ... and sends in it; its own event number needs no header.
    let native = json!({"evt": "T/1", "sender": NEW_COURT, "desks": [STATION], "on": "22/11/2026 11:00:00",
        "fir": {"thana": "38101004", "saal": "2026", "kramank": "2"}, "words": "received"});
    let headers = [("content-type", "application/json")];
    let answer = desk.call("POST", "/v1/records/paper", &headers, native.to_string().as_bytes()).await.unwrap();
    let answer = answer.expect(202).json();
    assert_eq!(answer["deliveries"][0]["office"], json!(STATION), "{answer}");
    let got = shown(&police, "note", "received").await;
    assert_eq!(got["data"]["event"]["occurred_at"], json!("2026-11-22T11:00:00+05:30"), "{got}");

    let back = icjs(&folder, &["rollback", "1", "--reason", "undo"]);
    assert!(back.status.success(), "{}", said(&back));
    assert_eq!(history(&folder).len(), 3);
    let after = police.accepted("paper", "gone", &paper(STATION, &[NEW_COURT], 3, "too late")).await;
    assert_eq!(after["deliveries"][0]["state"], json!("parked"), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_mistakes_are_listed_at_file_and_line_and_change_nothing() {
    let mut folder = folder();
    let gateway = Gateway::start(&folder).await;
    third_system(&mut folder);
    let edit = |path: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(folder.path(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        folder.file(path, &text.replacen(from, to, 1));
    };
    edit("config/kinds.toml", "title_hi", "title_hindi");
    edit("config/routes.toml", "kind = \"paper\"", "kind = \"papr\"");
    edit("config/routes.toml", "to = \"police\"", "to = \"polis\"");
    edit("config/sharing.toml", "\"whole\"", "\"hole\"");
    edit("config/systems/police.toml", "\"shared\"", "\"sharde\"");
    edit("config/systems/court.toml", "keys/court.jwks.json", "keys/cuort.jwks.json");
    edit("config/systems/desk.toml", NEW_COURT, COURT);
    edit("adapters/tahsil/adapter.toml", "event_number = \"evt\"", "event_number = \"event\"");
    edit("mappings/tahsil/paper.toml", "native = \"words\"", "native = \"wrods\"");
    folder.file("schemas/tahsil/other.json", "{\n  \"a\": 1,\n}\n");

    let text = std::fs::read_to_string(folder.path("config/kinds.toml")).unwrap();
    let line = text.lines().position(|line| line.starts_with("title_hindi")).unwrap() + 1;
    let kinds = format!("config/kinds.toml:{line}: ");
    for arguments in [&["check"][..], &["apply", "--reason", "ten mistakes"][..]] {
        let output = icjs(&folder, arguments);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(78), "{text}");
        for place in [
            kinds.as_str(),
            "config/routes.toml:3: ",
            "config/routes.toml:10: ",
            "config/sharing.toml:4: ",
            "config/systems/police.toml:2: ",
            "config/systems/court.toml:9: ",
            "config/systems/desk.toml:4: ",
            "adapters/tahsil/adapter.toml:11: ",
            "mappings/tahsil/paper.toml:3",
            "schemas/tahsil/other.json:3: ",
        ] {
            assert!(text.contains(place), "{place} is not in\n{text}");
        }
    }
    assert_eq!(history(&folder).len(), 1, "nothing went live");
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let accepted = police.accepted("paper", "still", &paper(STATION, &[COURT], 1, "as before")).await;
    assert_eq!(accepted["deliveries"][0]["state"], json!("queued"), "{accepted}");
}
