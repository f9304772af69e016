//! Somebody who reads far more than usual is slowed down and seen: an officer alone, a system as a whole, whoever tries
//! numbers; over a restart too. What a feed brings is never kept from a court.

use serde_json::{Value, json};

use super::harness::http::Answer;
use super::harness::scene::{COURT, Scene, edit};
use super::harness::{Client, Gateway, Party};

const RULES: &str = "[[alert]]\nname = \"mass-read\"\ncause = \"mass-read\"\n";
const WHY: &str = "?purpose=hearing&ground=BNSS%20s.193";

struct Office {
    scene: Scene,
    court: Client,
}

impl Office {
    /// A court whose officers may look at three things an hour each, and a police system that may look at four.
    async fn opened() -> Self {
        let scene = Scene::of(&[Party::pulling("court", "courts", &[COURT])], |folder| {
            edit(folder, "court", "[limits]\n", "[limits]\nofficer_reads_per_hour = 3\n");
            edit(folder, "police", "reads_per_hour = 0\n", "reads_per_hour = 4\n");
            folder.file("config/rules.toml", RULES);
            let settings = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
            folder.file("config/gateway.toml", &format!("{settings}\n[alerts]\nevery = \"100ms\"\n"));
        })
        .await;
        let court = Client::connect(&scene.folder, scene.gateway.exchange, "court").await;
        Self { scene, court }
    }

    async fn look(&self, officer: &str, target: &str) -> Answer {
        let actor = format!("{officer}; Reader");
        self.court.call("GET", target, &[("icjs-actor", &actor)], b"").await.unwrap()
    }

    /// Waits until so many records stand in the court's feed.
    async fn stand(&self, records: usize) {
        for _ in 0..200 {
            let found =
                self.scene.admin("GET", "/admin/v1/deliveries?state=available&system=court", &Value::Null).await;
            if found.expect(200).json()["deliveries"].as_array().unwrap().len() == records {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{records} records never stood in the feed");
    }

    /// The open alerts, once there are so many.
    async fn alerts(&self, open: usize) -> Vec<Value> {
        for _ in 0..200 {
            let found =
                self.scene.admin("GET", "/admin/v1/alerts?rule=mass-read", &Value::Null).await.expect(200).json();
            let found = found["alerts"].as_array().unwrap().clone();
            if found.len() == open {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("there were never {open} alerts");
    }

    async fn readings(&self, query: &str) -> Vec<Value> {
        let answer = self.scene.admin("GET", &format!("/admin/v1/readings?{query}"), &Value::Null).await;
        answer.expect(200).json()["readings"].as_array().unwrap().clone()
    }
}

fn slowed(answer: &Answer, who: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate-limited"), "{}", answer.text());
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&wait), "an hour from the first look: {wait}");
    assert!(answer.json()["detail"].as_str().unwrap().starts_with(who), "{}", answer.text());
}

fn id_of(item: &Value) -> String {
    item["icjsmessage"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_officer_who_reads_far_more_than_usual_is_slowed_down_and_seen_and_a_restart_does_not_help() {
    let mut office = Office::opened().await;
    for case in 1..=8 {
        office.scene.paper(COURT, case, &format!("note {case}")).await;
    }
    office.stand(8).await;
    let page = office.look("J-7", "/v1/feed?limit=8").await.expect(200).json();
    let messages: Vec<String> = page["items"].as_array().unwrap().iter().map(id_of).collect();
    let start = page["items"][0]["icjscursor"].as_str().unwrap().to_owned();
    let one = |nth: usize| format!("/v1/messages/{}", messages[nth]);
    // The same one again and again is one; three are all that an officer may.
    for target in [one(0), one(0), one(0), one(1), format!("/v1/cases/fir/38101004-2026-1{WHY}")] {
        office.look("J-7", &target).await.expect(200);
    }
    for target in [one(3), "/v1/messages".to_owned(), format!("/v1/cases/fir/38101004-2026-2{WHY}")] {
        slowed(&office.look("J-7", &target).await, "this officer has looked at 3 ");
    }
    // What is sent to the court comes, whoever reads for it, and others may look.
    let again = office.look("J-7", "/v1/feed?limit=8").await.expect(200).json();
    assert_eq!(again["items"].as_array().unwrap().len(), 8);
    office.look("J-8", &one(3)).await.expect(200);

    let seen = office.alerts(1).await;
    let subject = seen[0]["subject"].as_str().unwrap().to_owned();
    let mark = subject.strip_prefix("reader/court/").unwrap_or_else(|| panic!("{subject}"));
    assert!(!seen[0].to_string().contains("J-7"), "an alert names no person: {}", seen[0]);
    let read = office.readings(&format!("system=court&reader={mark}")).await;
    assert!(read.len() >= 4 && read.iter().all(|one| one["officer"] == "J-7; Reader"), "{read:?}");
    let told = Gateway::command(&office.scene.folder).args(["reads", "--reader", mark]).output().unwrap();
    assert!(String::from_utf8_lossy(&told.stdout).contains("J-7"), "{told:?}");

    office.scene.gateway.kill();
    office.scene.gateway = Gateway::start(&office.scene.folder).await;
    office.court = Client::connect(&office.scene.folder, office.scene.gateway.exchange, "court").await;
    let slowed_again = async || {
        for _ in 0..200 {
            // Counted again from the readings, in the background; a look at what was seen already adds nothing.
            if office.look("J-7", &one(0)).await.status == 429 {
                return true;
            }
        }
        false
    };
    assert!(slowed_again().await, "a restart lets nobody read as much once more");
    assert_eq!(office.alerts(1).await[0]["subject"], subject);

    // What is settled is shown again to whoever asks again: that is a look.
    let upto = again["next"].as_str().unwrap();
    assert_eq!(office.court.ack(upto, &[]).await.unwrap().expect(200).json()["settled"], 8);
    let back = format!("/v1/feed?after={start}");
    office.look("J-9", &back).await.expect(200);
    slowed(&office.look("J-9", &back).await, "this officer");
    office.look("J-9", "/v1/feed").await.expect(200);
    office.alerts(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_tries_numbers_is_seen_as_whoever_reads_is_and_a_system_has_a_bound_of_its_own() {
    let office = Office::opened().await;
    for case in 100..103 {
        office.look("J-7", &format!("/v1/cases/fir/38101004-2026-{case}{WHY}")).await.expect(404);
    }
    slowed(&office.look("J-7", &format!("/v1/cases/fir/38101004-2026-103{WHY}")).await, "this officer");
    let digest = format!("/v1/attachments/{}", "0".repeat(64));
    slowed(&office.look("J-7", &digest).await, "this officer");
    assert_eq!(office.alerts(1).await[0]["system"], "court");

    let police = &office.scene.police;
    let mut sent = Vec::new();
    for case in 1..=6 {
        let record = super::harness::folder::paper(super::harness::scene::STATION, &[COURT], case, "a note");
        sent.push(police.accepted("paper", &format!("key {case}"), &record).await["id"].as_str().unwrap().to_owned());
    }
    for id in &sent[..4] {
        police.get(&format!("/v1/messages/{id}")).await.unwrap().expect(200);
    }
    slowed(&police.get(&format!("/v1/messages/{}", sent[4])).await.unwrap(), "your system has looked at 4 ");
    let subjects: Vec<Value> = office.alerts(2).await.iter().map(|alert| alert["subject"].clone()).collect();
    assert!(subjects.contains(&json!("reader/police")), "{subjects:?}");
    // It goes on sending.
    let record = super::harness::folder::paper(super::harness::scene::STATION, &[COURT], 9, "a note");
    police.accepted("paper", "key 9", &record).await;
    let me = police.get("/v1/me").await.unwrap().expect(200).json();
    assert_eq!((&me["limits"]["reads_per_hour"], &me["limits"]["officer_reads_per_hour"]), (&json!(4), &json!(200)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_polls_what_he_leaves_unsettled_leaves_one_reading_and_another_purpose_is_another() {
    let office = Office::opened().await;
    office.scene.paper(COURT, 1, "a note").await;
    office.stand(1).await;
    for _ in 0..10 {
        office.look("J-7", "/v1/feed").await.expect(200);
    }
    assert_eq!(office.readings("system=court").await.len(), 1, "the very same within a minute");
    let other = [("icjs-actor", "J-7; Reader"), ("icjs-purpose", "bail")];
    office.court.call("GET", "/v1/feed", &other, b"").await.unwrap().expect(200);
    office.look("J-8", "/v1/feed").await.expect(200);
    office.scene.paper(COURT, 2, "another note").await;
    office.stand(2).await;
    office.look("J-7", "/v1/feed").await.expect(200);
    assert_eq!(office.readings("system=court").await.len(), 4);
}
