//! Pruning: a failure is a payload that went although something of its record was not settled or another record needed it; a
//! store that does not verify afterwards; or a pruned record that does not say so.

use std::time::Duration;

use serde_json::{Value, json};

use super::store_scene::{COURT, POLICE, Store, words};
use crate::harness::folder::paper;
use crate::harness::http::request;
use crate::harness::{Client, Gateway};

const LATER: &str = "2099-01-01";

/// An order over a delivery, as an administrator gives it.
async fn replay(store: &Store, gateway: &Gateway, delivery: &str) -> crate::harness::http::Answer {
    let token = std::fs::read_to_string(store.folder.path("data/admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({"by": "a", "reason": "once more"}).to_string();
    request(gateway.admin, "POST", &format!("/admin/v1/deliveries/{delivery}/replay"), &headers, body.as_bytes())
        .await
        .unwrap()
}

fn settled(message: &Value) -> bool {
    let over =
        |one: &Value| matches!(one["state"].as_str(), Some("delivered" | "superseded" | "recalled" | "rejected"));
    message["deliveries"].as_array().unwrap().iter().all(over)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_settled_is_pruned_and_says_so_and_nothing_else_is_touched() {
    let mut store = Store::new(false).await;
    // A second record with the file of one that is settled soon: the file stays for it.
    let gateway = Gateway::start(&store.folder).await;
    let police = Client::connect(&store.folder, gateway.exchange, "police-a").await;
    let mut before = Vec::new();
    for id in &store.accepted {
        before.push((id.clone(), police.message(id).await));
    }
    let (done, waiting): (Vec<_>, Vec<_>) = before.iter().partition(|(_, message)| settled(message));
    assert!(!done.is_empty() && !waiting.is_empty(), "{} settled, {} waiting", done.len(), waiting.len());
    drop(gateway);

    let output = store.icjs(&["--json", "store", "prune", "--before", LATER, "--dry-run"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", words(&output)));
    let would = said["messages"].as_u64().unwrap();
    // Of a release order that only the receiver's machine has, a person's word is awaited: it stays too.
    let papers = |message: &Value| message["kind"] == "paper";
    let most = done.iter().filter(|(_, message)| papers(message)).count() as u64;
    assert!(would >= most && said["unsettled"].as_u64().unwrap() >= waiting.len() as u64, "{said}");
    let untouched = store.icjs(&["--json", "store", "prune", "--before", "2020-01-01"]);
    assert_eq!(serde_json::from_slice::<Value>(&untouched.stdout).unwrap()["messages"], 0, "nothing is so old");
    let output = store.icjs(&["--json", "store", "prune", "--before", LATER]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["messages"], would, "{}", words(&output));
    let again = store.icjs(&["--json", "store", "prune", "--before", LATER]);
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).unwrap()["messages"], 0, "{}", words(&again));
    assert!(store.look().unwrap().is_sound(), "{:?}", store.look());
    let backups = tempfile::tempdir().unwrap();
    let output = store.icjs(&["store", "backup", &backups.path().join("b").display().to_string()]);
    assert!(output.status.success(), "{}", words(&output));

    let mut gateway = Gateway::start(&store.folder).await;
    let police = Client::connect(&store.folder, gateway.exchange, "police-a").await;
    for (id, was) in &before {
        assert_eq!(police.message(id).await["deliveries"], was["deliveries"], "{id}");
    }
    // The same key and bytes get the stored answer.
    let first = paper(POLICE, &[COURT, super::store_scene::PRISON], 1, "first");
    assert_eq!(police.accepted("paper", "key-0-0", &first).await["id"], store.accepted[0].as_str());
    let delivered = |message: &Value| {
        let all = message["deliveries"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["state"] == "delivered").map(|one| one["id"].as_str().unwrap().to_owned())
    };
    let mut pruned = done.iter().filter(|(_, message)| papers(message));
    let delivery = pruned.find_map(|(_, message)| delivered(message)).expect("one was delivered");
    let refused = replay(&store, &gateway, &delivery).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "pruned"), "{}", refused.text());
    assert!(refused.text().contains("was pruned at"), "{}", refused.text());
    // What waits is read with all its bytes, and its file with it.
    let court = Client::connect(&store.folder, gateway.exchange, "court-a").await;
    let page = court.feed("limit=500").await.unwrap().expect(200).json();
    let items = page["items"].as_array().unwrap();
    for (id, _) in waiting.iter().filter(|(_, message)| message["deliveries"].to_string().contains("\"available\"")) {
        let item = items.iter().find(|item| item["icjsmessage"] == id.as_str());
        let item = item.unwrap_or_else(|| panic!("{id} waits and is not in the feed"));
        assert!(!item["data"].is_null());
        for file in item["icjsattachments"].as_array().into_iter().flatten() {
            court.get(file["href"].as_str().unwrap()).await.unwrap().expect(200);
        }
    }
    assert!(gateway.ended().is_none());
    store.accepted.clear();
}

/// Longer than the gateway waits before its first look, on a machine that has much to do.
const FIRST_LOOK: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_prunes_by_itself_what_is_older_than_its_settings_keep_and_nothing_younger() {
    let store = Store::new(false).await;
    let settings = std::fs::read_to_string(store.folder.path("config/gateway.toml")).unwrap();
    store.folder.file("config/gateway.toml", &format!("{settings}\n[retention]\npayloads = \"40d\"\n"));
    let clock = store.folder.path("clock").display().to_string();
    let at = |days: i64| store.folder.file("clock", &(days * 86_400_000).to_string());
    // Thirty-nine days later everything is there; the start's own look has passed when the second one begins.
    at(39);
    let mut gateway = Gateway::start_with(&store.folder, &[("ICJS_TEST_CLOCK", &clock)]).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let log = || std::fs::read_to_string(store.folder.path("gateway.log")).unwrap();
    assert!(!log().contains("were pruned"), "{}", log());
    assert!(gateway.stop().await.success());
    at(41);
    let mut gateway = Gateway::start_with(&store.folder, &[("ICJS_TEST_CLOCK", &clock)]).await;
    let began = std::time::Instant::now();
    while !log().contains("payloads that were settled long ago were pruned") {
        assert!(began.elapsed() < FIRST_LOOK, "{}", log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let token = std::fs::read_to_string(store.folder.path("data/admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", bearer.as_str())];
    let (mut pruned, mut kept) = (0, 0);
    for id in &store.accepted {
        let target = format!("/admin/v1/messages/{id}");
        let message = request(gateway.admin, "GET", &target, &headers, b"").await.unwrap().expect(200).json();
        let deliveries = message["deliveries"].as_array().unwrap();
        let Some(delivered) = deliveries.iter().find(|one| one["state"] == "delivered") else { continue };
        let answer = replay(&store, &gateway, delivered["id"].as_str().unwrap()).await;
        if settled(&message) && message["kind"] == "paper" {
            assert_eq!((answer.status, answer.code().as_str()), (409, "pruned"), "{}", answer.text());
            pruned += 1;
        } else if !settled(&message) {
            assert_eq!(answer.status, 200, "{}", answer.text());
            kept += 1;
        }
    }
    assert!(pruned > 0 && kept > 0, "{pruned} pruned, {kept} kept");
    assert!(gateway.stop().await.success());
    assert!(store.look().unwrap().is_sound(), "{:?}", store.look());
}
