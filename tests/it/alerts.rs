//! Alerts through the public door: what raises one, what ends it, who is told, and what stays over a restart. The rules'
//! times are shortened by the folder's own rules.toml; their arithmetic is under test in the journal's conformance suite.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::folder::order;
use crate::harness::http::request;
use crate::harness::receiver::Push;
use crate::harness::scene::{SOON, STATION, Scene, edit};
use crate::harness::{Gateway, Party, Receiver, Reply};

const PRISON: &str = "prison:DL01";

const RULES: &str = r#"
[[alert]]
name = "liberty-no-answer"
cause = "unsettled"
lane = "liberty"
to = ["prisons"]
after = "1s"

[[alert]]
name = "liberty-no-outcome"
cause = "unanswered"
lane = "liberty"
kinds = ["order"]
to = ["prisons"]
after = "1s"

[[alert]]
name = "parked"
cause = "parked"

[[alert]]
name = "system-unreachable"
cause = "unreachable"
after = "1s"
"#;

/// A pushed prison that answers with a status that may change, and a listener for alerts.
struct Watch {
    scene: Scene,
    prison: Receiver,
    status: Arc<AtomicU16>,
    listener: Receiver,
}

impl Watch {
    async fn with_prison_answering(status: u16) -> Self {
        let status = Arc::new(AtomicU16::new(status));
        let says = Arc::clone(&status);
        let prison = Receiver::start(move |_| match says.load(Ordering::SeqCst) {
            0 => Reply::hang_up(),
            status => {
                let mut reply = Reply::status(status);
                reply.headers.push(("retry-after".to_owned(), "3600".to_owned()));
                reply
            }
        })
        .await;
        // The listener is away for its first two notices.
        let listener = Receiver::start(|push| Reply::status(if push.number < 2 { 503 } else { 204 })).await;
        let url = listener.url();
        let scene = Scene::of(&[Party::pushed("prison", "prisons", &[PRISON], &prison.url())], |folder| {
            folder.file("config/rules.toml", RULES);
            folder.file("keys/alerts.secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
            edit(folder, "prison", "give_up_after = \"72h\"", "give_up_after = \"1s\"");
            let settings = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
            let alerts = format!(
                "{settings}\n[alerts]\nevery = \"100ms\"\nwebhook = \"{url}\"\nhmac_secret_file = \"keys/alerts.secret\"\n"
            );
            folder.file("config/gateway.toml", &alerts);
        })
        .await;
        Self { scene, prison, status, listener }
    }

    async fn order(&self, code: &str, note: &str) -> String {
        let record = order(STATION, &[PRISON], 1, 7, code, note);
        let accepted = self.scene.police.accepted("order", note, &record).await;
        accepted["deliveries"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn alerts(&self, query: &str) -> Vec<Value> {
        let answer = self.scene.admin("GET", &format!("/admin/v1/alerts?{query}"), &Value::Null).await;
        answer.expect(200).json()["alerts"].as_array().unwrap().clone()
    }

    /// Waits until the alerts of a rule are as many as that.
    async fn until(&self, rule: &str, open: usize) -> Vec<Value> {
        for _ in 0..400 {
            let found = self.alerts(&format!("rule={rule}")).await;
            if found.len() == open {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{rule} never had {open} alerts: {:?}", self.alerts("open=all").await);
    }

    async fn metrics(&self) -> String {
        request(self.scene.gateway.ops, "GET", "/metrics", &[], b"").await.unwrap().text()
    }

    fn icjs(&self, arguments: &[&str]) -> String {
        let output = Gateway::command(&self.scene.folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn notices(seen: &[Push], word: &str) -> Vec<Value> {
    let taken = seen.iter().filter(|push| push.answered.is_some_and(|(_, status)| status == 204));
    taken.map(Push::json).filter(|notice| notice["type"] == word).collect()
}

#[tokio::test]
async fn a_failing_prison_is_tried_without_end_and_the_alert_names_prison_and_order_until_it_is_taken() {
    let watch = Watch::with_prison_answering(503).await;
    let id = watch.order("release", "let him go").await;
    let alert = watch.until("liberty-no-answer", 1).await.remove(0);
    assert_eq!((&alert["office"], &alert["delivery"]), (&json!(PRISON), &json!(id)));
    assert_eq!((&alert["kind"], &alert["message"]), (&json!("order"), &json!(format!("{}0000", &id[..id.len() - 4]))));
    assert!(watch.metrics().await.contains("icjs_alerts_open{rule=\"liberty-no-answer\"} 1"));
    // Its sender has it in writing, with its place in the log.
    let proof = watch.scene.police.get(&format!("/v1/messages/{id}/proof")).await.unwrap().expect(200).text();
    assert!(proof.contains("not-delivered") && proof.contains(&id), "{proof}");
    // Far beyond `give_up_after` (1 s), and although it asks for an hour: tried again every second (the cap of this folder).
    let before = watch.prison.seen().len();
    watch.prison.until(SOON, |seen| seen.len() >= before + 3).await;
    let delivery = watch.scene.delivery(&id).await;
    assert!(matches!(delivery["state"].as_str(), Some("retrying" | "sending")), "{delivery}");
    assert!(watch.alerts("rule=parked").await.is_empty());
    watch.status.store(200, Ordering::SeqCst);
    watch.until("liberty-no-answer", 0).await;
    assert!(watch.metrics().await.contains("icjs_alerts_open{rule=\"liberty-no-answer\"} 0"));
    // Its machine has it; a person has said nothing yet.
    let alert = watch.until("liberty-no-outcome", 1).await.remove(0);
    let proof = watch.scene.police.get(&format!("/v1/messages/{id}/proof")).await.unwrap().expect(200).text();
    let (delivered, silent) = (proof.find("\\\"delivered\\\""), proof.find("not-answered"));
    assert!(delivered.is_some() && delivered < silent, "delivered, and nobody has acted on it: {proof}");
    assert_eq!((&alert["delivery"], &alert["times"]), (&json!(id), &json!(1)));
    let prison = crate::harness::Client::connect(&watch.scene.folder, watch.scene.gateway.exchange, "prison").await;
    let body = json!({"outcome": "not-executed", "code": "other-case", "reason": "held in another case"}).to_string();
    let headers = [("content-type", "application/json")];
    prison.call("POST", &format!("/v1/messages/{id}/outcomes"), &headers, body.as_bytes()).await.unwrap().expect(200);
    watch.until("liberty-no-outcome", 0).await;
    assert!(watch.icjs(&["alerts", "--all"]).contains("ended"));
}

#[tokio::test]
async fn an_alert_is_raised_once_over_restarts_and_its_listener_is_told_of_its_beginning_and_its_end() {
    let mut watch = Watch::with_prison_answering(0).await;
    let id = watch.order("release", "secret words").await;
    watch.until("liberty-no-answer", 1).await;
    watch.until("system-unreachable", 1).await;
    watch.scene.gateway.kill();
    watch.scene.gateway = Gateway::start(&watch.scene.folder).await;
    let told = |seen: &[Push]| notices(seen, "alert.raised").len() == 2;
    let seen = watch.listener.until(SOON, told).await;
    let raised = notices(&seen, "alert.raised");
    let about = |rule: &str| raised.iter().find(|notice| notice["data"]["rule"] == rule).unwrap().clone();
    assert_eq!(about("liberty-no-answer")["data"]["delivery"], json!(id));
    assert_eq!(about("system-unreachable")["data"]["subject"], "system/prison");
    let push = seen.last().unwrap();
    assert!(!String::from_utf8_lossy(&push.body).contains("secret words"));
    let signed =
        [format!("{}.{}.", push.id(), push.header("webhook-timestamp").unwrap()).as_bytes(), &push.body].concat();
    let signature = push.header("webhook-signature").unwrap();
    assert!(signature.starts_with("v1a,"), "{signature}");
    let hmac_part = STANDARD.decode(signature.split("v1,").nth(1).unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"0123456789abcdef0123456789abcdef");
    hmac::verify(&key, &signed, &hmac_part).unwrap();
    let ids: std::collections::BTreeSet<String> = seen.iter().map(Push::id).collect();
    assert_eq!(ids.len(), 2, "the refused notices came again under the same id: {seen:?}");

    let number = watch.alerts("rule=liberty-no-answer").await[0]["number"].to_string();
    watch.icjs(&["alerts", "ack", &number, "--by", "Duty officer", "--note", "called the jail"]);
    let line = watch.icjs(&["alerts", "--rule", "liberty-no-answer", "--office", PRISON]);
    assert!(line.contains("Duty officer") && line.contains(&id) && line.contains(PRISON), "{line}");
    assert!(watch.icjs(&["alerts", "--office", "prison:DL09"]).contains("no alert"));
    watch.status.store(200, Ordering::SeqCst);
    let seen = watch.listener.until(SOON, |seen| notices(seen, "alert.ended").len() >= 2).await;
    assert!(!format!("{:?}", notices(&seen, "alert.ended")).contains("Duty officer"), "no person's name leaves");
    let shown: Value = serde_json::from_str(&watch.icjs(&["alerts", "--ended", "--json"])).unwrap();
    let alert = shown["alerts"].as_array().unwrap().iter().find(|one| one["rule"] == "liberty-no-answer").unwrap();
    assert_eq!((&alert["times"], &alert["acknowledged"]["note"]), (&json!(1), &json!("called the jail")), "{alert}");
    assert!(alert["ended_at"].is_string() && alert["open"] == false);
}

#[tokio::test]
async fn a_parked_delivery_is_an_alert_with_its_code_and_bad_questions_are_told() {
    let watch = Watch::with_prison_answering(422).await;
    let mut record = order(STATION, &["court:DLND09"], 1, 7, "release", "nobody serves that court");
    record["to"] = json!(["court:DLND09"]);
    watch.scene.police.accepted("order", "k1", &record).await;
    let alert = watch.until("parked", 1).await.remove(0);
    assert_eq!((&alert["code"], &alert["office"]), (&json!("no-route"), &Value::Null), "{alert}");
    assert!(watch.icjs(&["alerts"]).contains("no-route"));
    for query in ["open=perhaps", "limit=many", "before=x"] {
        watch.scene.admin("GET", &format!("/admin/v1/alerts?{query}"), &Value::Null).await.expect(400);
    }
    watch.scene.admin("POST", "/admin/v1/alerts/99/ack", &json!({"by": "a person"})).await.expect(404);
    watch.scene.admin("POST", "/admin/v1/alerts/1/ack", &json!({"by": " "})).await.expect(400);
}
