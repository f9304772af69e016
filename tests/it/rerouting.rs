//! What waits finds its way when something new is known: a link, a prisoner's movement, a revision. Under the same id while
//! no byte has left, once only, and whether or not the gateway is killed on the way.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::folder::paper;
use crate::harness::{Client, Gateway};
use crate::links::{CNR_A, Courts, STATION, registered};
use crate::whereabouts::{Prisons, update};

const PATIENCE: usize = 400;

/// Items of a feed once there are so many, each with its office and id.
pub async fn items(client: &Client, office: &str, count: usize) -> Vec<Value> {
    for _ in 0..PATIENCE {
        let page = client.feed(&format!("wait=0&limit=500&office={office}")).await.unwrap().expect(200).json();
        let found = page["items"].as_array().unwrap().clone();
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the feed of {office} never had {count} items");
}

fn ids(accepted: &Value) -> Vec<&str> {
    accepted["deliveries"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_sends_what_waited_for_its_court_on_its_way_under_the_same_id() {
    let courts = Courts::open().await;
    let waiting = courts.police.accepted("paper", "w", &paper(STATION, &[], 7, "waits")).await;
    let other = courts.police.accepted("paper", "o", &paper(STATION, &[], 9, "another case")).await;
    assert_eq!(waiting["deliveries"][0]["reason"], "no-office");
    courts.one.accepted("paper", "r", &registered("court:DLCT01", CNR_A)).await;
    let found = items(&courts.one, "court:DLCT01", 1).await;
    assert_eq!(found[0]["id"], ids(&waiting)[0], "{found:?}");
    let message = courts.police.get(&format!("/v1/messages/{}", waiting["id"].as_str().unwrap())).await.unwrap();
    let message = message.expect(200).json();
    let why = message["deliveries"][0]["why"].as_str().unwrap();
    assert_eq!(
        why,
        format!("route paper-to-court: court of the case: same cnr/{CNR_A}; routed again, before no-office")
    );
    let other = courts.police.get(&format!("/v1/messages/{}", other["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(other.expect(200).json()["deliveries"][0]["state"], "parked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_waits_moves_once_though_the_gateway_is_killed_on_the_way() {
    const WAITING: u32 = 300;
    let mut courts = Courts::open().await;
    for n in 0..WAITING {
        courts.police.accepted("paper", &format!("w{n}"), &paper(STATION, &[], 7, &format!("waits {n}"))).await;
    }
    courts.one.accepted("paper", "r", &registered("court:DLCT01", CNR_A)).await;
    courts.gateway.kill();
    courts.gateway = Gateway::start(&courts.folder).await;
    let one = Client::connect(&courts.folder, courts.gateway.exchange, "one").await;
    let found = items(&one, "court:DLCT01", WAITING as usize).await;
    let mut notes: Vec<&str> = found.iter().map(|item| item["data"]["note"].as_str().unwrap()).collect();
    let sent: Vec<String> = (0..WAITING).map(|n| format!("waits {n}")).collect();
    assert_eq!(notes, sent, "in the order in which they were sent");
    notes.dedup();
    assert_eq!(notes.len(), WAITING as usize);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_in_flight_follows_a_prisoner_who_is_moved() {
    let prisons = Prisons::open().await;
    let transfer = |number: &str, pid: (&str, &str)| {
        let mut moved = update("prison:DL01", number, "transfer-out", 12, pid);
        moved["transfer"] = json!({"from": "prison:DL01", "to": "prison:DL03"});
        moved
    };
    // Nobody has read it: it moves.
    let early = ("DL01", "21");
    prisons.central.accepted("custody-update", "a", &update("prison:DL01", "E-1", "admission", 8, early)).await;
    let (order, found) = prisons.release("O-1", &[], early).await;
    assert_eq!(found, ["prison:DL01"]);
    let to_prison = |order: &Value| {
        let all = order["deliveries"].as_array().unwrap();
        all.iter().find(|one| one["office"] == "prison:DL01").unwrap()["id"].clone()
    };
    prisons.central.accepted("custody-update", "b", &transfer("E-2", early)).await;
    let there = items(&prisons.south, "prison:DL03", 1).await;
    assert_eq!(there[0]["id"], to_prison(&order), "the same delivery, elsewhere");
    let page = prisons.central.feed("wait=0&office=prison:DL01").await.unwrap().expect(200).json();
    assert_eq!(page["items"], json!([]), "and not where the person was");
    // It was read and not answered: it stays, and a new delivery goes where the person is.
    let late = ("DL01", "22");
    prisons.central.accepted("custody-update", "c", &update("prison:DL01", "E-3", "admission", 8, late)).await;
    let (order, _) = prisons.release("O-2", &[], late).await;
    let shown = items(&prisons.central, "prison:DL01", 1).await;
    assert_eq!(shown[0]["id"], to_prison(&order));
    prisons.central.accepted("custody-update", "d", &transfer("E-4", late)).await;
    let there = items(&prisons.south, "prison:DL03", 2).await;
    assert_eq!(there[1]["icjsmessage"], order["id"]);
    assert_ne!(there[1]["id"], to_prison(&order), "bytes have left under the old id");
    let page = prisons.central.feed("wait=0&office=prison:DL01").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["id"], to_prison(&order), "the old prison may still answer");
    // The court named the prison where the person was: it has the order, and so has the prison where the person is.
    let named = ("DL01", "23");
    prisons.central.accepted("custody-update", "e", &update("prison:DL01", "E-5", "admission", 8, named)).await;
    let (order, found) = prisons.release("O-3", &["prison:DL01"], named).await;
    assert_eq!(found, ["prison:DL01"]);
    prisons.central.accepted("custody-update", "f", &transfer("E-6", named)).await;
    let there = items(&prisons.south, "prison:DL03", 3).await;
    assert_eq!(there[2]["icjsmessage"], order["id"]);
    assert_ne!(there[2]["id"], to_prison(&order), "the addressee keeps its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_names_an_office_sends_what_waited_for_one() {
    let courts = Courts::open().await;
    let waiting = courts.police.accepted("paper", "w", &paper(STATION, &[], 7, "waits")).await;
    assert_eq!(waiting["deliveries"][0]["reason"], "no-office");
    let routes = std::fs::read_to_string(courts.folder.path("config/routes.toml")).unwrap();
    let desk = routes.replace("\"cnr\"]", "\"cnr\", \"desk\"]\ndesk = \"court:DLCT02\"");
    courts.folder.file("config/routes.toml", &desk);
    let applied = Gateway::command(&courts.folder).args(["apply", "--reason", "a desk"]).output().unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let found = items(&courts.two, "court:DLCT02", 1).await;
    assert_eq!(found[0]["id"], ids(&waiting)[0], "{found:?}");
}

/// Not run with the others: it wants a machine for itself and an optimised build. `cargo test --release --test it -- --ignored
/// ten_thousand` prints what it measures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: needs a quiet machine and an optimised build"]
async fn ten_thousand_waiting_deliveries_move_in_five_seconds_while_records_are_accepted() {
    const WAITING: usize = 10_000;
    let courts = Courts::open().await;
    let mut all = tokio::task::JoinSet::new();
    for worker in 0..32 {
        let police = courts.police.clone();
        all.spawn(async move {
            for n in (worker..WAITING).step_by(32) {
                police.accepted("paper", &format!("w{n}"), &paper(STATION, &[], 7, &format!("waits {n}"))).await;
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    let began = std::time::Instant::now();
    courts.one.accepted("paper", "r", &registered("court:DLCT01", CNR_A)).await;
    let (mut slowest, mut accepted) = (Duration::ZERO, 0);
    let moved = loop {
        let sent = std::time::Instant::now();
        courts
            .police
            .accepted("paper", &format!("x{accepted}"), &paper(STATION, &["court:DLCT02"], 9, "meanwhile"))
            .await;
        slowest = slowest.max(sent.elapsed());
        accepted += 1;
        let counts = courts.counts("paper", "parked").await;
        if counts == 0 {
            break began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(300), "{counts} still wait");
    };
    println!(
        "{WAITING} deliveries moved in {moved:?}; {accepted} records accepted meanwhile, the slowest in {slowest:?}"
    );
    assert!(cfg!(debug_assertions) || moved < Duration::from_secs(5), "{moved:?}");
}
