//! What each receiver sees of a record by the shipped sharing lines: a custody update of a prisoner with cases before two
//! courts goes once to each, and each sees its own warrant; a line that becomes narrower stops what was already in a feed.

use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const UPDATE: &str = include_str!("../../schemas/examples/custody-update-2.json");
const CENTRAL: &str = "DLCT010001232026";
const SOUTH: &str = "DLST010051182025";

struct Stage {
    folder: Folder,
    gateway: Gateway,
    prison: Client,
    central: Client,
    south: Client,
    police: Client,
}

async fn stage() -> Stage {
    let kinds = ["custody-update"];
    let pulling =
        |name, pillar, offices: &[&str]| Party::pulling(name, pillar, offices).speaking("shared", &[], &kinds);
    let folder = Folder::shipped(&[
        Party::pulling("prison", "prisons", &["prison:DL01"]).speaking("shared", &kinds, &kinds),
        pulling("central", "courts", &["court:DLCT01"]),
        pulling("south", "courts", &["court:DLST01"]),
        pulling("police", "police", &["ps:38101004", "ps:38101002"]),
    ]);
    let gateway = Gateway::start(&folder).await;
    let client = |system| Client::connect(&folder, gateway.exchange, system);
    let (prison, central) = (client("prison").await, client("central").await);
    let (south, police) = (client("south").await, client("police").await);
    Stage { prison, central, south, police, gateway, folder }
}

/// The published example, its second case before the court of the south.
fn update() -> Value {
    let mut update: Value = serde_json::from_str(UPDATE).unwrap();
    update["cases"][1]["cnr"]["value"] = json!(SOUTH);
    update["release_blocks"][0]["cnr"]["value"] = json!(SOUTH);
    update["health"] = json!({"summary": "fit", "blood_group": "B+"});
    update
}

async fn page(client: &Client) -> Vec<Value> {
    let page = client.feed("wait=20").await.unwrap().expect(200).json();
    page["items"].as_array().unwrap().clone()
}

/// A page once it has so many items.
async fn pages(client: &Client, many: usize) -> Vec<Value> {
    for _ in 0..200 {
        let seen = page(client).await;
        if seen.len() >= many {
            return seen;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("there were never {many} items");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_court_sees_its_own_cases_of_a_custody_update_and_the_numbers_of_the_others() {
    let stage = stage().await;
    let accepted = stage.prison.accepted("custody-update", "u", &update()).await;
    let mut offices: Vec<&str> =
        accepted["deliveries"].as_array().unwrap().iter().filter_map(|one| one["office"].as_str()).collect();
    offices.sort_unstable();
    assert_eq!(offices, ["court:DLCT01", "court:DLST01", "ps:38101002", "ps:38101004"], "{accepted}");

    let seen = page(&stage.central).await;
    assert_eq!(seen.len(), 1, "one delivery a court office");
    let cases = &seen[0]["data"]["cases"];
    assert_eq!(cases[0], update()["cases"][0], "its own case is whole");
    let reference = json!({"fir": update()["cases"][1]["fir"], "cnr": {"value": SOUTH}, "blocks_release": true});
    assert_eq!(cases[1], reference, "of the other court's case the number");
    assert_eq!(seen[0]["data"]["orders_received"].as_array().unwrap().len(), 1, "{seen:?}");
    assert_eq!(seen[0]["data"]["health"], json!({"summary": "fit"}));
    let withheld = seen[0]["icjswithheld"].to_string();
    for path in ["cases[].warrant", "cases[].status", "release_blocks[].text", "health.blood_group"] {
        assert!(withheld.contains(path), "`{path}` is not in {withheld}");
    }

    let seen = page(&stage.south).await;
    assert_eq!(seen[0]["data"]["cases"][1], update()["cases"][1], "its own case is whole");
    let text = seen[0]["data"].to_string();
    assert!(!text.contains("4391") && !text.contains("4417"), "the other court's orders are not there: {text}");

    let seen = page(&stage.police).await;
    assert_eq!(seen.len(), 2, "one for each station");
    assert!(seen.iter().all(|item| item["data"].get("health").is_none()), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_court_whose_case_is_corrected_away_sees_nothing_of_the_case_that_is_left() {
    let stage = stage().await;
    let accepted = stage.prison.accepted("custody-update", "u", &update()).await;
    page(&stage.central).await;
    page(&stage.south).await;
    let mut one_case = update();
    one_case["cases"].as_array_mut().unwrap().truncate(1);
    let replaces = accepted["id"].as_str().unwrap();
    let headers = [("icjs-action", "correct"), ("icjs-replaces", replaces), ("icjs-reason", "another prisoner's case")];
    let body = one_case.to_string();
    stage.prison.submit("custody-update", "u2", &headers, body.as_bytes()).await.unwrap().expect(202);
    let own = pages(&stage.central, 2).await;
    assert_eq!((&own[1]["icjsaction"], &own[1]["data"]["cases"][0]), (&json!("correct"), &one_case["cases"][0]));
    let seen = pages(&stage.south, 2).await;
    assert_eq!(seen[1]["icjsaction"], json!("withdraw"), "{seen:?}");
    let status = &one_case["cases"][0]["status"];
    assert!(status.is_object() && seen[1]["data"]["cases"][0].get("status").is_none(), "{}", seen[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_became_narrower_stops_what_stood_in_a_feed() {
    let stage = stage().await;
    let accepted = stage.prison.accepted("custody-update", "u", &update()).await;
    assert_eq!(page(&stage.central).await.len(), 1);
    assert_eq!(page(&stage.south).await.len(), 1);
    let lines = include_str!("../../config/sharing.toml");
    stage.folder.file("config/sharing.toml", &lines.replacen("\"health.weight_kg\"", "\"health.summary\"", 1));
    let applied = Gateway::command(&stage.folder).args(["apply", "--reason", "narrower"]).output().unwrap();
    assert!(applied.status.success(), "{applied:?}");
    // Nothing is sent that says more than the rule of now; it waits for a person, with its reason.
    let now = stage.central.feed("").await.unwrap().expect(200).json();
    assert_eq!(now["items"], json!([]), "{now}");
    let message = stage.prison.message(accepted["id"].as_str().unwrap()).await;
    let of =
        |office: &str| message["deliveries"].as_array().unwrap().iter().find(|one| one["office"] == office).unwrap();
    assert_eq!(
        (&of("court:DLCT01")["state"], &of("court:DLCT01")["reason"]),
        (&json!("parked"), &json!("permission-changed"))
    );
    // What the police got never held it.
    assert_eq!(page(&stage.police).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_the_rule_of_now_withholds_is_found_no_more_and_the_others_are() {
    let stage = stage().await;
    let mut update = update();
    let bytes = ["the prison's letter", "the doctor's report"];
    let digests = bytes.map(|bytes| icjs::seal::hex(&icjs::seal::sha256(bytes.as_bytes())));
    update["attachments"] = json!([]);
    for ((bytes, digest), sensitivity) in bytes.iter().zip(&digests).zip(["none", "medical"]) {
        let headers = [("content-type", "application/octet-stream")];
        let put = stage.prison.call("PUT", &format!("/v1/attachments/{digest}"), &headers, bytes.as_bytes()).await;
        put.unwrap().expect(201);
        let file =
            json!({"sha256": digest, "size": bytes.len(), "media_type": "text/plain", "sensitivity": sensitivity});
        update["attachments"].as_array_mut().unwrap().push(file);
    }
    stage.prison.accepted("custody-update", "u", &update).await;
    assert_eq!(page(&stage.central).await.len(), 1);
    let found = async || {
        let mut found = Vec::new();
        for digest in &digests {
            found.push(stage.central.get(&format!("/v1/attachments/{digest}")).await.unwrap().status);
        }
        found
    };
    assert_eq!(found().await, [200, 200]);
    let lines = include_str!("../../config/sharing.toml");
    let (before, line) = lines.split_once("kind = \"custody-update\"\nto = \"courts\"").unwrap();
    let line = line.replacen("full = [\"*\"]", "full = [\"*\"], withheld = [\"medical\"]", 1);
    let lines = format!("{before}kind = \"custody-update\"\nto = \"courts\"{line}");
    stage.folder.file("config/sharing.toml", &lines);
    let applied = Gateway::command(&stage.folder).args(["apply", "--reason", "narrower"]).output().unwrap();
    assert!(applied.status.success(), "{applied:?}");
    assert_eq!(found().await, [200, 404]);
}
