//! Liberty on the shipped kinds, through the socket: a court system that pulls (adapter `ecourts`) and a prison system that
//! is pushed to (adapter `eprisons`). A release is never held up, whoever was passed is named, contradictions are refused,
//! a child is never sent to a prison, and clocks that disagree are told and change nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::http::Answer;
use crate::harness::receiver::Push;
use crate::harness::scene::{SOON, Scene};
use crate::harness::{Client, Gateway, Party, Receiver, Reply};

const PRISON: &str = "prison:DL01";
const COURT: &str = "court:DLCT01";

struct Jail {
    scene: Scene,
    prison: Receiver,
    court: Client,
    jailer: Client,
    /// While set, the prison's machine takes no remand.
    stuck: Arc<AtomicBool>,
}

fn party(name: &str, adapter: &str, pillar: &str, offices: &[&str], send: &[&str], receive: &[&str]) -> Party {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Party {
        adapter: adapter.to_owned(),
        send: texts(send),
        receive: texts(receive),
        ..Party::pulling(name, pillar, offices)
    }
}

impl Jail {
    /// A prison whose machine answers remands with `stuck`, and says `RECEIVED` to everything else after `delay`.
    async fn with(stuck: Reply, delay: Duration, mend: impl Fn(&str) -> String) -> Self {
        let held = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&held);
        let prison = Receiver::start(move |push: &Push| {
            let taken = Reply::status(200).with("application/json", r#"{"status": "RECEIVED", "ackNo": "A-1"}"#);
            let remand = kind(push) == "REMAND_JUDICIAL" && flag.load(Ordering::SeqCst);
            if remand { stuck.clone() } else { taken.after(delay) }
        })
        .await;
        let court = party("court", "ecourts", "courts", &[COURT], &["court-order"], &["custody-update"]);
        let jail = party("jail", "eprisons", "prisons", &[PRISON], &["custody-update"], &["court-order"]);
        let jail = Party { push: Some(prison.url()), ..jail };
        let scene = Scene::of(&[court, jail], |folder| {
            folder.file("config/routes.toml", include_str!("../../config/routes.toml"));
            folder.file("config/sharing.toml", &mend(include_str!("../../config/sharing.toml")));
        })
        .await;
        let court = Client::connect(&scene.folder, scene.gateway.exchange, "court").await;
        let jailer = Client::connect(&scene.folder, scene.gateway.exchange, "jail").await;
        Self { scene, prison, court, jailer, stuck: held }
    }

    /// The court's order about one prisoner; gives back the delivery to the prison.
    async fn order(&self, number: u32, code: &str, prisoner: u32, more: Value) -> Value {
        let mut person =
            json!({"serial": 1, "name": "Imran", "jail_code": "DL01", "pid": format!("2026/{prisoner:05}")});
        person.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let record = json!({
            "event_no": format!("ORD-{number}"), "court_office": "DLCT01", "send_to": [PRISON],
            "occurred_at": "20-11-2026 10:00:00", "cino": format!("DLCT01{:06}2026", 100 + prisoner),
            "interim_order": {"order_no": number.to_string(), "order_date": "20-11-2026", "order_type": code},
            "persons": [person],
        });
        let accepted = self.court.accepted("court-order", "", &record).await;
        find(&accepted, PRISON)
    }

    /// The prison's update about one prisoner, with the gateway's answer.
    async fn update(&self, number: u32, event: &str, prisoner: u32, day: &str) -> Value {
        let record = json!({
            "eventNo": format!("EV-{number}"), "jailCode": "DL01", "occurredAt": format!("{day} 10:00:00"),
            "eventType": event, "pidJailCode": "DL01", "pid": format!("2026/{prisoner:05}"), "name": "Imran",
            "cases": [{"cnrNo": format!("DLCT01{:06}2026", 100 + prisoner)}],
        });
        self.jailer.accepted("custody-update", "", &record).await
    }

    async fn pushed(&self, delivery: &Value) -> Push {
        let id = delivery["id"].as_str().unwrap();
        let taken = |push: &&Push| push.id() == id && push.answered.is_some_and(|(_, status)| status == 200);
        let seen = self.prison.until(SOON, |seen| seen.iter().any(|push| taken(&push))).await;
        seen.iter().find(taken).unwrap().clone()
    }

    async fn says(&self, delivery: &Value, outcome: Value) -> Answer {
        let target = format!("/v1/messages/{}/outcomes", delivery["id"].as_str().unwrap());
        let body = outcome.to_string();
        self.jailer.call("POST", &target, &[("content-type", "application/json")], body.as_bytes()).await.unwrap()
    }

    /// Items of the court's feed of one kind, once there are as many as that.
    async fn feed(&self, kind: &str, count: usize) -> Vec<Value> {
        for _ in 0..200 {
            let page = self.court.feed(&format!("kind={kind}&wait=1")).await.unwrap().expect(200).json();
            let items = page["items"].as_array().unwrap().clone();
            if items.len() >= count {
                return items;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the court's feed never had {count} of {kind}");
    }
}

fn kind(push: &Push) -> String {
    push.json()["orderType"].as_str().unwrap_or_default().to_owned()
}

fn find(accepted: &Value, office: &str) -> Value {
    let all = accepted["deliveries"].as_array().unwrap();
    all.iter().find(|one| one["office"] == office).unwrap_or_else(|| panic!("nothing to {office}: {accepted}")).clone()
}

fn same(text: &str) -> String {
    text.to_owned()
}

#[tokio::test]
async fn a_release_passes_a_remand_that_is_retrying_and_the_push_names_both() {
    let jail = Jail::with(Reply::status(503), Duration::ZERO, same).await;
    let remand = jail.order(1, "O2", 318, json!({})).await;
    jail.prison.until(SOON, |seen| !seen.is_empty()).await;
    let release = jail.order(2, "O15", 318, json!({})).await;
    let push = jail.pushed(&release).await;
    assert_eq!((kind(&push).as_str(), push.header("ce-icjsafter")), ("RELEASE_ORDER", remand["id"].as_str()));
    jail.stuck.store(false, Ordering::SeqCst);
    let late = jail.pushed(&remand).await;
    assert_eq!(late.header("ce-icjsovertakenby"), release["id"].as_str());
}

#[tokio::test]
async fn a_release_passes_a_remand_that_the_prison_rejected() {
    let rejected = Reply::status(422).with("application/json", r#"{"status": "REJECTED", "reason": "no warrant"}"#);
    let jail = Jail::with(rejected, Duration::ZERO, same).await;
    let remand = jail.order(1, "O2", 318, json!({})).await;
    jail.scene.until(remand["id"].as_str().unwrap(), "rejected").await;
    let release = jail.order(2, "O15", 318, json!({})).await;
    let push = jail.pushed(&release).await;
    assert_eq!(push.header("ce-icjsafter").unwrap_or_default(), "", "what is settled is behind nobody");
}

#[tokio::test]
async fn a_child_is_never_sent_to_a_prison_and_the_order_that_takes_one_out_passes() {
    let jail = Jail::with(Reply::status(503), Duration::ZERO, same).await;
    let by_mark = jail.order(1, "O2", 318, json!({"is_child": "Y"})).await;
    let by_age = jail.order(2, "O2", 319, json!({"age": 17})).await;
    let grown = jail.order(3, "O2", 320, json!({"age": 18, "is_child": "N"})).await;
    for stopped in [&by_mark, &by_age] {
        assert_eq!((&stopped["state"], &stopped["reason"]), (&json!("parked"), &json!("child-never-to-prison")));
    }
    assert_eq!(grown["state"], "queued", "{grown}");
    let alerts = async || {
        let answer = jail.scene.admin("GET", "/admin/v1/alerts?rule=child-never-to-prison", &Value::Null).await;
        answer.expect(200).json()["alerts"].as_array().unwrap().clone()
    };
    let began = tokio::time::Instant::now();
    while alerts().await.len() < 2 {
        assert!(began.elapsed() < SOON, "no alert");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let alert = alerts().await.remove(0);
    assert_eq!((&alert["office"], &alert["order"]), (&json!(PRISON), &json!("Remand to judicial custody")));
    assert_eq!(jail.scene.order(by_mark["id"].as_str().unwrap(), "retry", false).await.status, 200);
    // The finding of age and the release go, past the remand that is parked.
    let out = jail.order(4, "O47", 318, json!({"is_child": "Y"})).await;
    let push = jail.pushed(&out).await;
    assert_eq!((kind(&push).as_str(), push.header("ce-icjsafter")), ("AGE_DETERMINED", by_mark["id"].as_str()));
    jail.scene.until(by_mark["id"].as_str().unwrap(), "parked").await;
    assert!(jail.prison.seen().iter().all(|push| push.id() != by_mark["id"] && push.id() != by_age["id"]));
}

#[tokio::test]
async fn a_cancelled_bail_that_races_a_release_ends_with_both_answered() {
    let jail = Jail::with(Reply::status(200), Duration::from_millis(1_500), same).await;
    let release = jail.order(1, "O15", 318, json!({})).await;
    jail.prison.until(SOON, |seen| !seen.is_empty()).await;
    let cancelled = jail.order(2, "O11", 318, json!({})).await;
    let (first, second) = (jail.pushed(&release).await, jail.pushed(&cancelled).await);
    assert!(first.arrived < second.arrived, "the cancellation waits for the first attempt at the release");
    jail.says(&release, json!({"outcome": "executed", "at": "2026-11-20T11:00:00+05:30"})).await.expect(200);
    let gone = json!({"outcome": "not-executed", "code": "released-already", "reason": "left the prison at 11:00"});
    jail.says(&cancelled, gone).await.expect(200);
    let told = jail.feed("outcome", 4).await;
    let said = |delivery: &Value, word: &str| {
        told.iter().any(|item| item["data"]["delivery"] == delivery["id"] && item["data"]["outcome"] == word)
    };
    assert!(said(&release, "executed") && said(&cancelled, "not-executed"), "{told:?}");
    assert!(said(&release, "received") && said(&cancelled, "received"));
}

#[tokio::test]
async fn a_prison_that_contradicts_itself_must_say_that_it_corrects() {
    let jail = Jail::with(Reply::status(200), Duration::ZERO, same).await;
    let release = jail.order(1, "O15", 318, json!({})).await;
    jail.pushed(&release).await;
    let blocked = json!({"outcome": "not-executed", "code": "other-case", "reason": "held in FIR 412/2025"});
    jail.says(&release, blocked.clone()).await.expect(200);
    jail.says(&release, blocked).await.expect(200);
    assert_eq!(jail.says(&release, json!({"outcome": "executed"})).await.expect(409).code(), "outcome-conflict");
    jail.says(&release, json!({"outcome": "executed", "corrects": true})).await.expect(200);
    let target = format!("/v1/messages/{}/outcomes", release["id"].as_str().unwrap());
    let body = br#"{"outcome": "executed"}"#;
    let somebody_else = jail.court.call("POST", &target, &[("content-type", "application/json")], body);
    somebody_else.await.unwrap().expect(404);
    let words: Vec<Value> = jail.feed("outcome", 3).await.iter().map(|item| item["data"]["outcome"].clone()).collect();
    assert_eq!(words, ["received", "not-executed", "executed"]);
}

#[tokio::test]
async fn in_a_feed_too_what_was_passed_and_what_passed_it_are_named() {
    let lines = |block: &&str| !block.starts_with("\nkind = \"custody-update\"\nto = \"courts\"");
    let without = |text: &str| text.split("[[share]]").filter(lines).collect::<Vec<_>>().join("[[share]]");
    let jail = Jail::with(Reply::status(200), Duration::ZERO, without).await;
    let admission = find(&jail.update(1, "ADMISSION", 318, "20-11-2026").await, COURT);
    assert_eq!((&admission["state"], &admission["reason"]), (&json!("parked"), &json!("not-permitted")));
    let rules = STANDARD.encode(include_str!("../../config/sharing.toml"));
    let mut files = serde_json::Map::new();
    let live = jail.scene.admin("GET", "/admin/v1/revisions/1", &Value::Null).await.expect(200).json();
    files.extend(live["files"].as_object().unwrap().clone());
    files.insert("config/sharing.toml".to_owned(), json!(rules));
    let body = json!({"author": "a person", "reason": "courts see custody updates", "files": files});
    jail.scene.admin("POST", "/admin/v1/revisions", &body).await.expect(200);
    let blocked = find(&jail.update(2, "RELEASE_BLOCKED", 318, "20-11-2026").await, COURT);
    let items = jail.feed("custody-update", 1).await;
    assert_eq!((&items[0]["id"], &items[0]["icjsafter"]), (&blocked["id"], &json!([admission["id"]])));
    jail.scene.order(admission["id"].as_str().unwrap(), "retry", false).await.expect(200);
    let items = jail.feed("custody-update", 2).await;
    assert_eq!((&items[1]["id"], &items[1]["icjsovertakenby"]), (&admission["id"], &json!([blocked["id"]])));
}

#[tokio::test]
async fn a_clock_that_is_a_day_ahead_is_told_and_nothing_is_lost() {
    let jail = Jail::with(Reply::status(200), Duration::ZERO, same).await;
    let day = |ahead: i64| {
        let at = icjs::clock::Clock::now(&icjs::clock::WallClock).millis() + ahead * 86_400_000;
        let text = icjs::clock::Timestamp::from_millis(at).to_string();
        format!("{}-{}-{}", &text[8..10], &text[5..7], &text[..4])
    };
    let warned = |accepted: &Value| {
        let warnings = accepted["warnings"].as_array().unwrap().clone();
        warnings.into_iter().filter(|warning| warning["rule"] == "clock-ahead").collect::<Vec<_>>()
    };
    let late = jail.update(1, "ADMISSION", 318, &day(-30)).await;
    assert!(warned(&late).is_empty(), "what was written down late is no wrong clock: {late}");
    for number in 2..5 {
        let ahead = jail.update(number, "PRODUCTION", 318, &day(2)).await;
        assert_eq!(warned(&ahead).len(), 1, "{ahead}");
    }
    let items = jail.feed("custody-update", 4).await;
    let numbers: Vec<&Value> = items.iter().map(|item| &item["data"]["event_no"]).collect();
    assert_eq!(numbers, ["EV-1", "EV-2", "EV-3", "EV-4"], "in the order of acceptance, whatever their clocks say");
}
