//! A store with very many messages: sent in batches through a gateway that is killed again and again meanwhile, they are all
//! there, once, in the order of their cases; and such a store does not keep the next start waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::report;
use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
/// Lines of one batch.
const BATCH: u32 = 500;
/// Papers of one case.
const OF_A_CASE: u32 = 10;
/// Of every so many batches, one meets a kill.
const SPARED: u32 = 8;
/// Of ten papers, so many are settled as they come; the others wait in the store through the restarts.
const SETTLED: u32 = 9;
/// Restarts that are measured when the store is full, in a short run and in a long one.
const RESTARTS: [u64; 2] = [1, 11];

/// The gateway, who speaks to it, and what they have been told.
struct Scene {
    folder: Folder,
    gateway: Gateway,
    police: Client,
    court: Client,
    kills: u32,
    /// Message ids of the answers, by the paper's number.
    accepted: BTreeMap<u32, String>,
    /// The place in the court's feed.
    next: String,
    /// Delivery ids that the court has seen, by the paper's number, and the last number of each case.
    seen: BTreeMap<u32, String>,
    last: BTreeMap<u64, u32>,
}

impl Scene {
    async fn new() -> Self {
        let parties = [Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])];
        let folder = Folder::with(&parties);
        let gateway = Gateway::start(&folder).await;
        let police = Client::connect(&folder, gateway.exchange, "police-a").await;
        let court = Client::connect(&folder, gateway.exchange, "court-a").await;
        let (accepted, seen, last) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut scene = Self { folder, gateway, police, court, kills: 0, accepted, next: String::new(), seen, last };
        scene.next = text(&scene.page("limit=1").await, "next");
        scene
    }

    /// Kills it and starts it again; how long the start took.
    async fn restart(&mut self) -> Duration {
        self.gateway.kill();
        self.kills += 1;
        self.gateway = Gateway::start(&self.folder).await;
        self.police = Client::connect(&self.folder, self.gateway.exchange, "police-a").await;
        self.court = Client::connect(&self.folder, self.gateway.exchange, "court-a").await;
        self.gateway.started_in
    }

    /// Sends a batch until each of its lines has been answered, through a kill where `killed_after` says so.
    async fn send(&mut self, from: u32, killed_after: Option<Duration>) {
        let lines: Vec<String> = (from..from + BATCH).map(line).collect();
        let body = lines.join("\n");
        if let Some(pause) = killed_after {
            let police = self.police.clone();
            let first = body.clone();
            let sent = tokio::spawn(async move { batch(&police, &first).await });
            tokio::time::sleep(pause).await;
            self.restart().await;
            // What came before the kill holds, however little it was.
            for answer in sent.await.unwrap() {
                self.note(from, &answer);
            }
        }
        let answers = batch(&self.police, &body).await;
        assert_eq!(answers.len(), lines.len(), "a whole batch is answered whole");
        for answer in answers {
            self.note(from, &answer);
        }
    }

    fn note(&mut self, from: u32, answer: &Value) {
        let Some(line) = answer["line"].as_u64() else { return };
        assert_eq!(answer["status"], json!(202), "{answer}");
        let number = from + u32::try_from(line).unwrap() - 1;
        let id = text(&answer["answer"], "id");
        let known = self.accepted.entry(number).or_insert_with(|| id.clone());
        assert_eq!(*known, id, "paper {number} was accepted twice");
    }

    /// The token lasts for minutes, the test for more of them.
    async fn page(&mut self, query: &str) -> Value {
        let mut answer = self.court.feed(query).await.unwrap();
        if answer.status == 401 {
            self.court = Client::connect(&self.folder, self.gateway.exchange, "court-a").await;
            self.police = Client::connect(&self.folder, self.gateway.exchange, "police-a").await;
            answer = self.court.feed(query).await.unwrap();
        }
        answer.expect(200).json()
    }

    /// Reads the feed to its end, and settles what it read where it is asked to.
    async fn read(&mut self, settle: bool) {
        loop {
            let page = self.page(&format!("limit=500&after={}", self.next)).await;
            let items = page["items"].as_array().unwrap();
            for item in items {
                let number: u32 = text(&item["data"], "note").parse().unwrap();
                let case = item["data"]["case"]["fir"]["serial"].as_u64().unwrap();
                let twice = self.seen.insert(number, text(item, "id"));
                assert_eq!(twice, None, "paper {number} stands in the feed twice");
                let before = self.last.insert(case, number);
                assert!(before < Some(number), "case {case}: {number} came after {before:?}");
            }
            self.next = text(&page, "next");
            if settle && !items.is_empty() {
                self.court.ack(&self.next, &[]).await.unwrap().expect(200);
            }
            if page["more"] != json!(true) {
                return;
            }
        }
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn line(number: u32) -> String {
    let headers = json!({"Idempotency-Key": format!("full-{number}")});
    let body = paper(POLICE, &[COURT], 1 + number / OF_A_CASE, &number.to_string());
    json!({"kind": "paper", "headers": headers, "body": body}).to_string()
}

/// The answers that came before the connection ended, each a whole line.
async fn batch(client: &Client, body: &str) -> Vec<Value> {
    let headers = [("content-type", "application/x-ndjson")];
    let Ok(answer) = client.call("POST", "/v1/batches", &headers, body.as_bytes()).await else { return Vec::new() };
    answer.text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_in_batches_through_kills_is_there_once_and_a_full_store_starts_at_once() {
    let messages = u32::try_from(report::either(2_000, 1_000_000)).unwrap();
    let seed = report::seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut scene = Scene::new().await;
    for from in (0..messages).step_by(BATCH as usize) {
        let killed = (rng.u32(0..SPARED) == 0 || from == BATCH).then(|| Duration::from_millis(rng.u64(0..150)));
        scene.send(from, killed).await;
        // The last ones wait in the store, as after a day without the court's line.
        if from < messages / 10 * SETTLED {
            scene.read(true).await;
        }
    }
    let kills = scene.kills;
    let mut starts = Vec::new();
    for _ in 0..report::either(RESTARTS[0], RESTARTS[1]) {
        starts.push(scene.restart().await.as_millis());
    }
    scene.read(false).await;
    starts.sort_unstable();
    let (middle, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    assert_eq!(scene.accepted.len(), messages as usize);
    let lost: Vec<&u32> = scene.accepted.keys().filter(|number| !scene.seen.contains_key(number)).take(10).collect();
    assert!(lost.is_empty(), "accepted and not in the feed: {lost:?} …");
    assert_eq!(scene.seen.len(), messages as usize);
    let waiting = messages - messages / 10 * SETTLED;
    let said = format!(
        "0 lost, 0 doubled, 0 out of order through {kills} kills; with {waiting} of them waiting a killed gateway is \
         ready again after {middle} ms in the middle, {slowest} ms at most"
    );
    report::done("a full store", u64::from(messages), "messages accepted in batches", seed, &said);
}
