//! The case on one page: over the exchange as a party sees it, over the admin API as the centre sees it, and on one screen
//! of the command line.

use serde_json::{Value, json};

use super::harness::folder::order;
use super::harness::scene::{COURT, STATION, Scene};
use super::harness::{Client, Party, Receiver, Reply};

const WHY: &str = "?purpose=hearing&ground=BNSS%20s.193";

/// A court that pulls and a prison that is pushed to and refuses; a stranger; a remand and a paper of case 7.
struct Story {
    scene: Scene,
    court: Client,
    stranger: Client,
}

async fn story() -> Story {
    let prison = Receiver::start(|_| Reply::status(503)).await;
    let parties = [
        Party::pulling("court", "courts", &[COURT]),
        Party::pushed("prison", "prisons", &["prison:DL01"], &prison.url()),
        Party::pulling("other", "courts", &["court:TNCH01"]),
    ];
    let named = |folder: &super::harness::Folder| {
        let kinds = std::fs::read_to_string(folder.path("config/kinds.toml")).unwrap();
        let kinds = kinds
            .replace("persons = [\"pid:person.pid\"]", "persons = [\"pid:person.pid\"]\nheadline = \"order.kind\"");
        std::fs::write(folder.path("config/kinds.toml"), kinds).unwrap();
    };
    let scene = Scene::of(&parties, named).await;
    let court = Client::connect(&scene.folder, scene.gateway.exchange, "court").await;
    let stranger = Client::connect(&scene.folder, scene.gateway.exchange, "other").await;
    let paper = scene.paper(COURT, 7, "first paper").await;
    let to = [COURT, "prison:DL01"];
    let remand = scene.police.accepted("order", "r", &order(STATION, &to, 7, 1, "remand", "remanded")).await;
    scene.until(remand["deliveries"][1]["id"].as_str().unwrap(), "retrying").await;
    scene.until(&paper, "available").await;
    let page = court.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2, "{page}");
    let said = json!([{"id": paper, "outcome": "accepted", "reference": {"scheme": "sr", "value": "SR 12/2026"}}]);
    court.answer(said).await.unwrap().expect(200);
    Story { scene, court, stranger }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_party_reads_of_a_case_what_it_sent_or_was_sent_and_nobody_else_learns_that_it_is_there() {
    let story = story().await;
    let path = format!("/v1/cases/fir/38101004-2026-7{WHY}");
    let file = story.scene.police.get(&path).await.unwrap().expect(200).json();
    assert_eq!(file["identifiers"], json!(["fir/38101004-2026-7"]), "{file}");
    let told: Vec<&Value> = file["timeline"].as_array().unwrap().iter().collect();
    let words = |event: &Value| (event["what"].clone(), event["title"].clone(), event["headline"].clone());
    assert_eq!(words(told[0]), (json!("record"), json!("Paper"), Value::Null), "{file}");
    assert_eq!(words(told[1]), (json!("record"), json!("Order"), json!("remand")), "{file}");
    assert_eq!(told[1]["deliveries"].as_array().unwrap().len(), 2, "the sender sees where it went");
    assert_eq!((&told[2]["outcome"], &told[2]["office"]), (&json!("accepted"), &json!(COURT)), "{file}");
    assert_eq!((&told[2]["reference"]["value"], &told[2]["about"]), (&json!("SR 12/2026"), &json!("Paper")), "{file}");
    let of = |office: &str| {
        let offices = file["offices"].as_array().unwrap();
        offices.iter().find(|one| one["office"] == office).unwrap_or_else(|| panic!("no {office} in {file}")).clone()
    };
    assert_eq!(of(COURT)["has"][0]["outcome"], "accepted", "{file}");
    assert_eq!(of(COURT)["has_not"][0]["state"], "available", "it read the remand and did not say so");
    assert_eq!(of("prison:DL01")["has_not"][0]["state"], "retrying", "{file}");

    let seen = story.court.get(&path).await.unwrap().expect(200).json();
    assert_eq!(seen["timeline"][1]["deliveries"].as_array().unwrap().len(), 1, "what others got is not its business");
    assert!(!seen.to_string().contains("prison:"), "{seen}");
    story.stranger.get(&path).await.unwrap().expect(404);
    story.court.get(&format!("/v1/cases/fir/38101004-2026-8{WHY}")).await.unwrap().expect(404);
    story.court.get(&format!("/v1/cases/cases/1{WHY}")).await.unwrap().expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_at_a_case_says_why_and_by_what_right_and_that_is_kept() {
    let story = story().await;
    let path = "/v1/cases/fir/38101004-2026-7";
    for lacking in ["", "?purpose=hearing", "?ground=BNSS", "?purpose=&ground=x", "?purpose=a&purpose=b&ground=x"] {
        let answer = story.court.get(&format!("{path}{lacking}")).await.unwrap().expect(422);
        let place = answer.json()["errors"][0]["pointer"].as_str().unwrap().to_owned();
        assert!(place == "query purpose" || place == "query ground", "{place}");
    }
    let long = "x".repeat(201);
    story.court.get(&format!("{path}?purpose={long}&ground=x")).await.unwrap().expect(422);
    story.court.get(&format!("{path}{WHY}")).await.unwrap().expect(200);
    let kept = story.scene.admin("GET", "/admin/v1/readings?case=fir/38101004-2026-7", &Value::Null).await;
    let kept = kept.expect(200).json()["readings"].clone();
    let of = |one: &Value| (one["system"].clone(), one["purpose"].clone(), one["ground"].clone());
    assert_eq!(kept.as_array().unwrap().len(), 1, "refused looks gave nothing: {kept}");
    assert_eq!(of(&kept[0]), (json!("court"), json!("hearing"), json!("BNSS s.193")), "{kept}");
    // Words of people may name people: the log has none of them.
    let log = std::fs::read_to_string(story.scene.folder.path("gateway.log")).unwrap();
    assert!(!log.contains("hearing") && !log.contains("BNSS"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_is_told_on_one_screen() {
    let story = story().await;
    let icjs = |words: &[&str]| super::harness::Gateway::command(&story.scene.folder).args(words).output().unwrap();
    let shown = icjs(&["case", "fir", "38101004-2026-7"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.status.success(), "{text}");
    for words in ["Paper", "Order: remand", "accepted sr SR 12/2026", "prison:DL01", "retrying", "has not"] {
        assert!(text.contains(words), "no `{words}` in\n{text}");
    }
    assert!(text.lines().count() < 24 && text.lines().all(|line| line.chars().count() < 140), "one screen:\n{text}");
    let party = icjs(&[
        "case",
        "fir",
        "38101004-2026-7",
        "--as",
        "court",
        "--purpose",
        "hearing",
        "--ground",
        "s.193",
        "--json",
    ]);
    // A system's key is with the system; without it nobody speaks in its name.
    assert_eq!(party.status.code(), Some(66), "{party:?}");

    for (words, code) in [
        (&["case", "fir", "38101004-2026-9"][..], 65),
        (&["case", "firr", "38101004-2026-7"], 64),
        (&["case", "cnr", "DLCT01"], 64),
        (&["case", "fir", "38101004-2026-7", "--as", "court"], 64),
    ] {
        let wrong = icjs(words);
        let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
        assert_eq!(wrong.status.code(), Some(code), "{words:?}: {said}");
        assert!(!said.is_empty() && !said.contains("panicked"), "{said}");
    }
    let wrong = icjs(&["case", "link", "fir/38101004-2026-7", "sane", "cnr/DLCT010001232026", "--reason", "x"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(said.contains("links are same") && said.contains("--help") && !said.contains("format"), "{said}");
    let missing = icjs(&["case", "fir", "38101004-2026-9"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no record has this case number"), "{missing:?}");
}
