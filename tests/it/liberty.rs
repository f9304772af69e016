//! Liberty, with a small kind of the tests' own: a release is never held up by anything that is stuck, it says what it
//! passed (`icjsafter`), and what was passed says so when it comes at last (`icjsovertakenby`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::harness::folder::{order, paper};
use crate::harness::receiver::Push;
use crate::harness::{Client, Folder, Gateway, Party, Receiver, Reply};

const POLICE: &str = "ps:38101004";
const PRISON: &str = "prison:DL01";
const SOON: Duration = Duration::from_secs(10);

struct Scene {
    folder: Folder,
    prison: Receiver,
    /// While set, whatever carries `stuck` in its note is answered as the scene was told.
    stuck: Arc<AtomicBool>,
}

/// A prison that answers what is marked `stuck` with `status` until told otherwise.
async fn scene(status: u16) -> Scene {
    let stuck = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&stuck);
    let prison = Receiver::start(move |push: &Push| {
        let hit = note(push).contains("stuck") && flag.load(Ordering::SeqCst);
        Reply::status(if hit { status } else { 200 })
    })
    .await;
    let folder = Folder::with(&[
        Party::pulling("police-a", "police", &[POLICE]),
        Party::pushed("prison-a", "prisons", &[PRISON], &prison.url()),
        Party::pulling("court-b", "courts", &["court:DLND01"]),
    ]);
    Scene { folder, prison, stuck }
}

fn note(push: &Push) -> String {
    push.json()["note"].as_str().unwrap_or_default().to_owned()
}

fn pushes<'a>(seen: &'a [Push], mark: &str) -> Vec<&'a Push> {
    seen.iter().filter(|push| note(push) == mark).collect()
}

fn delivery(answer: &serde_json::Value) -> String {
    answer["deliveries"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_passes_an_order_that_is_retrying_and_both_say_so() {
    let scene = scene(500).await;
    let gateway = Gateway::start(&scene.folder).await;
    let police = Client::connect(&scene.folder, gateway.exchange, "police-a").await;
    let remand = police.accepted("order", "k1", &order(POLICE, &[PRISON], 1, 7, "remand", "stuck remand")).await;
    scene.prison.until(SOON, |seen| !pushes(seen, "stuck remand").is_empty()).await;
    // Another case, the same person: liberty is ordered by persons too.
    let release = police.accepted("order", "k2", &order(POLICE, &[PRISON], 2, 7, "release", "release")).await;
    let seen = scene.prison.until(SOON, |seen| !pushes(seen, "release").is_empty()).await;
    let after = pushes(&seen, "release")[0].header("ce-icjsafter").unwrap_or_default().to_owned();
    assert_eq!(after, delivery(&remand), "the release names what it passed");
    scene.stuck.store(false, Ordering::SeqCst);
    let taken = |seen: &[Push]| {
        pushes(seen, "stuck remand").iter().any(|push| push.answered.is_some_and(|(_, status)| status == 200))
    };
    let seen = scene.prison.until(SOON, taken).await;
    let last = *pushes(&seen, "stuck remand").last().unwrap();
    assert_eq!(last.header("ce-icjsovertakenby").unwrap_or_default(), delivery(&release));
    assert!(pushes(&seen, "stuck remand").iter().all(|push| push.body == last.body && push.id() == last.id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_passes_an_order_that_was_rejected() {
    let scene = scene(422).await;
    let gateway = Gateway::start(&scene.folder).await;
    let police = Client::connect(&scene.folder, gateway.exchange, "police-a").await;
    police.accepted("order", "k1", &order(POLICE, &[PRISON], 1, 7, "remand", "stuck remand")).await;
    scene.prison.until(SOON, |seen| !pushes(seen, "stuck remand").is_empty()).await;
    police.accepted("order", "k2", &order(POLICE, &[PRISON], 1, 7, "release", "release")).await;
    scene.prison.until(SOON, |seen| !pushes(seen, "release").is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_waits_for_no_other_lane_and_papers_behind_a_parked_one_wait() {
    let scene = scene(422).await;
    let routes = std::fs::read_to_string(scene.folder.path("config/routes.toml")).unwrap();
    let parking = routes.replace("name = \"paper-to-prisons\"", "name = \"paper-to-prisons\"\non_reject = \"park\"");
    assert_ne!(routes, parking);
    scene.folder.file("config/routes.toml", &parking);
    let gateway = Gateway::start(&scene.folder).await;
    let police = Client::connect(&scene.folder, gateway.exchange, "police-a").await;
    police.accepted("paper", "k1", &paper(POLICE, &[PRISON], 1, "stuck paper")).await;
    scene.prison.until(SOON, |seen| !pushes(seen, "stuck paper").is_empty()).await;
    let second = police.accepted("paper", "k2", &paper(POLICE, &[PRISON], 1, "second paper")).await;
    police.accepted("paper", "k3", &paper(POLICE, &[PRISON], 2, "other case")).await;
    police.accepted("order", "k4", &order(POLICE, &[PRISON], 1, 7, "release", "release")).await;
    let seen = scene
        .prison
        .until(SOON, |seen| !pushes(seen, "release").is_empty() && !pushes(seen, "other case").is_empty())
        .await;
    assert!(pushes(&seen, "second paper").is_empty(), "the lane of the case is held");
    let view = police.message(second["id"].as_str().unwrap()).await;
    assert_eq!(view["deliveries"][0]["state"], "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_with_an_unknown_code_is_treated_as_liberty_and_comes_first_in_the_feed() {
    let scene = scene(200).await;
    let gateway = Gateway::start(&scene.folder).await;
    let police = Client::connect(&scene.folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&scene.folder, gateway.exchange, "court-b").await;
    let to = ["court:DLND01"];
    police.accepted("paper", "k1", &paper(POLICE, &to, 1, "paper")).await;
    police.accepted("order", "k2", &order(POLICE, &to, 1, 7, "adjournment", "adjournment")).await;
    let mut unknown = order(POLICE, &to, 1, 7, "set free", "unknown code");
    unknown["order"]["kind"]["code"] = serde_json::Value::Null;
    police.accepted("order", "k3", &unknown).await;
    let mut notes = Vec::new();
    for _ in 0..100 {
        let page = court.feed("wait=1").await.unwrap().expect(200).json();
        notes = page["items"].as_array().unwrap().iter().map(|item| item["data"]["note"].clone()).collect::<Vec<_>>();
        if notes.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(notes, ["unknown code", "paper", "adjournment"]);
}
