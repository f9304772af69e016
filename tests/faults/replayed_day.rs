//! A whole day is sent once more, twice over: what was pushed and what was pulled, to receivers that take effect once for each
//! delivery id. A failure is: an effect more or another one than after the day itself; a delivery that comes under another id
//! or with other bytes; a sender that hears of it again; an order that leaves no trace, or one that rewrites what was.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::store_scene::words;
use crate::harness::folder::{order, paper};
use crate::harness::http::{Answer, request};
use crate::harness::{Client, Folder, Gateway, Party, Receiver};

const POLICE: &str = "ps:38101004";
const PUSHED: &str = "court:DLCT01";
const PULLED: &str = "court:DLCT02";
const PRISON: &str = "prison:DL01";
const DAY: u32 = 30;
const SOON: Duration = Duration::from_secs(60);

/// What a receiver holds that knows delivery ids: for each the bytes that took effect, and how often it came.
type Effects = BTreeMap<String, (String, usize)>;

struct Day {
    folder: Folder,
    gateway: Gateway,
    court: Receiver,
    prison: Receiver,
    reader: Client,
    read: Effects,
}

impl Day {
    async fn admin(&self, method: &str, target: &str, body: &Value) -> Answer {
        let token = std::fs::read_to_string(self.folder.path("data/admin.token")).unwrap();
        let bearer = format!("Bearer {}", token.trim());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(self.gateway.admin, method, target, &headers, body.as_bytes()).await.unwrap()
    }

    /// Everything that was delivered, as the work list names it.
    async fn delivered(&self) -> Vec<String> {
        let listed = self.admin("GET", "/admin/v1/deliveries?state=delivered&limit=1000", &Value::Null).await;
        let listed = listed.expect(200).json();
        let rows = listed["deliveries"].as_array().unwrap().iter().filter(|row| row["kind"] != "outcome");
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The pulling court reads until each item has come so often, and once more; and says so.
    async fn pull(&mut self, times: usize) {
        loop {
            let page = self.reader.feed("limit=500&wait=1").await.unwrap().expect(200).json();
            let items = page["items"].as_array().unwrap();
            if items.is_empty() && self.read.values().map(|(_, came)| came).sum::<usize>() >= DAY as usize * times {
                return;
            }
            for item in items {
                let (id, bytes) = (item["id"].as_str().unwrap().to_owned(), item["data"].to_string());
                let known = self.read.entry(id).or_insert((bytes.clone(), 0));
                assert_eq!(known.0, bytes);
                known.1 += 1;
            }
            self.reader.ack(page["next"].as_str().unwrap(), &[]).await.unwrap().expect(200);
        }
    }

    /// What all receivers hold, once each delivery has come so often.
    async fn effects(&mut self, times: usize) -> Effects {
        self.pull(times).await;
        let mut all = self.read.clone();
        for receiver in [&self.court, &self.prison] {
            let pushes = receiver.until(SOON, |seen| seen.len() >= DAY as usize * times).await;
            for push in pushes {
                let bytes = String::from_utf8(push.body.clone()).unwrap();
                let known = all.entry(push.id()).or_insert((bytes.clone(), 0));
                assert_eq!(known.0, bytes, "{} came with other bytes", push.id());
                known.1 += 1;
            }
        }
        let often: Vec<_> = all.iter().filter(|(_, (_, came))| *came != times).collect();
        assert!(often.is_empty(), "each came {times} times, but {often:?}");
        all
    }

    /// Waits until everything is settled, and gives it.
    async fn settled(&self) -> Vec<String> {
        for _ in 0..600 {
            let delivered = self.delivered().await;
            if delivered.len() == DAY as usize * 3 {
                return delivered;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not everything was settled: {}", self.delivered().await.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_day_that_is_sent_twice_more_leaves_every_receiver_as_it_was() {
    let (court, prison) = (Receiver::friendly().await, Receiver::friendly().await);
    let folder = Folder::with(&[
        Party::pulling("police-a", "police", &[POLICE]),
        Party::pushed("court-a", "courts", &[PUSHED], &court.url()),
        Party::pulling("court-b", "courts", &[PULLED]),
        Party::pushed("prison-a", "prisons", &[PRISON], &prison.url()),
    ]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let reader = Client::connect(&folder, gateway.exchange, "court-b").await;
    let mut sent = Vec::new();
    for number in 0..DAY {
        let paper = paper(POLICE, &[PUSHED, PULLED], number % 7 + 1, &format!("paper {number}"));
        sent.push(police.accepted("paper", &format!("p{number}"), &paper).await);
        let order = order(POLICE, &[PRISON], number % 7 + 1, number, "release", &format!("order {number}"));
        sent.push(police.accepted("order", &format!("o{number}"), &order).await);
    }
    let mut day = Day { folder, gateway, court, prison, reader, read: Effects::new() };
    let first: BTreeMap<String, String> =
        day.effects(1).await.into_iter().map(|(id, (bytes, _))| (id, bytes)).collect();
    assert_eq!(first.len(), DAY as usize * 3);
    let heard = async |police: &Client| {
        let page = police.feed("limit=500&kind=outcome").await.unwrap().expect(200).json();
        page["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect::<Vec<_>>()
    };
    let delivered = day.settled().await;
    let told = heard(&police).await;
    for round in 2..=3 {
        for delivery in &delivered {
            let body = json!({"by": "a person", "reason": format!("the day once more, {round}")});
            let answer = day.admin("POST", &format!("/admin/v1/deliveries/{delivery}/replay"), &body).await;
            assert_eq!(answer.expect(200).json()["delivery"], delivery.as_str());
        }
        let now: BTreeMap<String, String> =
            day.effects(round).await.into_iter().map(|(id, (bytes, _))| (id, bytes)).collect();
        assert_eq!(now, first, "the same ids and bytes, and no other");
        day.settled().await;
        assert_eq!(heard(&police).await, told, "the sender hears nothing new");
    }
    // What was answered when it was accepted is what the message says still, and every attempt is there beside it.
    for accepted in &sent {
        let message = police.message(accepted["id"].as_str().unwrap()).await;
        assert_eq!(message["receipt"], accepted["receipt"]);
    }
    assert!(day.gateway.stop().await.success());
    // Each order of a person is a row of its own.
    let store = rows(&day.folder);
    assert_eq!(store, delivered.len() * 2, "two orders for each delivery");
    let output = Gateway::command(&day.folder).args(["store", "verify"]).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
}

/// How many orders of persons the store holds.
fn rows(folder: &Folder) -> usize {
    let store = rusqlite::Connection::open(folder.path("data/journal.db")).unwrap();
    store.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
}
