//! What needs two persons: proposed by one, done when another one approves it, by the command line and by bytes over TCP and
//! the folder's socket.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icjs::clock::{Clock, WallClock};
use serde_json::{Value, json};

use crate::administrators::{Centre, FILE, administrators, person, said};
use crate::harness::receiver::Reply;
use crate::harness::scene::Scene;
use crate::harness::{Folder, Gateway, Party, Receiver};

const PEOPLE: [(&str, &str); 4] =
    [("asha", "administrator"), ("ravi", "administrator"), ("om", "operator"), ("lata", "operator")];
const TWO: [&str; 5] = ["revisions", "repair", "release", "replay", "replay-force"];

fn of(two: &[&str]) -> String {
    administrators(two, &PEOPLE)
}

/// The same with a remark, which is a change.
fn remarked(remark: &str) -> String {
    format!("{}# {remark}\n", of(&TWO))
}

async fn proposed(centre: &Centre, by: &str, text: &str, reason: &str) -> u64 {
    let body = centre.revision(text, reason);
    let answer = centre.by(by, "POST", "/admin/v1/revisions", &body).await.expect(202).json();
    answer["proposal"]["number"].as_u64().unwrap()
}

async fn decide(centre: &Centre, by: &str, number: u64, word: &str) -> crate::harness::http::Answer {
    let target = format!("/admin/v1/approvals/{number}/{word}");
    centre.by(by, "POST", &target, &json!({"reason": "looked through"})).await
}

async fn history(centre: &Centre) -> Vec<Value> {
    let history = centre.by("asha", "GET", "/admin/v1/revisions", &Value::Null).await.expect(200).json();
    history["revisions"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_configuration_is_made_by_two_and_the_history_names_both() {
    let centre = Centre::with(&of(&TWO)).await;
    centre.folder.file(FILE, &remarked("one"));
    let asked = centre.icjs(Some("asha"), &["apply", "--reason", "a remark"]);
    assert!(asked.status.success() && said(&asked).contains("nothing is changed yet"), "{}", said(&asked));
    assert_eq!(history(&centre).await.len(), 1);
    let shown = centre.icjs(Some("ravi"), &["approvals", "1"]);
    assert!(said(&shown).contains("proposed by asha") && said(&shown).contains("+# one"), "{}", said(&shown));
    let own = centre.icjs(Some("asha"), &["approve", "1", "--reason", "mine"]);
    assert!(own.status.code() == Some(77) && said(&own).contains("another person approves it"), "{}", said(&own));
    // The owner is whoever has the machine, and that may be the one who proposed it.
    let owner = centre.icjs(None, &["approve", "1", "--reason", "mine"]);
    assert!(owner.status.code() == Some(77) && said(&owner).contains("tokens of their own"), "{}", said(&owner));
    let bearer = std::fs::read_to_string(centre.folder.path("data/admin.token")).unwrap();
    let headers = [("authorization", format!("Bearer {}", bearer.trim())), ("content-type", "application/json".into())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let target = "/admin/v1/approvals/1/approve";
    let answer = crate::harness::http::request(centre.gateway.admin, "POST", target, &headers, br#"{"reason":"r"}"#);
    answer.await.unwrap().expect(403);
    decide(&centre, "om", 1, "approve").await.expect(403);
    assert_eq!(history(&centre).await.len(), 1, "nobody of those could");
    let done = centre.icjs(Some("ravi"), &["approve", "1", "--reason", "looked through"]);
    assert!(done.status.success() && said(&done).contains("revision 2"), "{}", said(&done));
    let newest = &history(&centre).await[0];
    assert_eq!(newest["author"], "asha, approved by ravi", "{newest}");
    assert_eq!(newest["reason"], "a remark; approved: looked through", "{newest}");
    let twice = decide(&centre, "ravi", 1, "approve").await.expect(409);
    assert!(twice.code() == "proposal-ended" && twice.text().contains("approved by ravi"), "{}", twice.text());
    assert_eq!(history(&centre).await.len(), 2);
    let all = centre.icjs(Some("om"), &["approvals", "--all", "--json"]);
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(all["approvals"][0]["ended"]["done"], "revision 2", "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_cannot_take_the_rule_of_two_away_by_any_way_that_is_open_to_him() {
    let mut centre = Centre::with(&of(&TWO)).await;
    let without = centre.revision(&of(&[]), "alone");
    let owner = centre.owner("POST", "/admin/v1/revisions", &without).await.expect(403);
    assert!(owner.text().contains("two persons with tokens of their own"), "{}", owner.text());
    let gone = json!({"reason": "no file at all", "files": {}});
    centre.by("asha", "POST", "/admin/v1/revisions", &gone).await.expect(202);
    let number = proposed(&centre, "asha", &of(&[]), "alone").await;
    decide(&centre, "asha", number, "approve").await.expect(403);
    let back = json!({"number": 1, "reason": "back"});
    centre.owner("POST", "/admin/v1/rollback", &back).await.expect(403);
    centre.by("asha", "POST", "/admin/v1/rollback", &back).await.expect(202);
    let wrong = centre.revision("two_persons = [\"revisions\"]\n", "nobody is left");
    let refused = centre.by("asha", "POST", "/admin/v1/revisions", &wrong).await.expect(422);
    assert!(refused.text().contains("name two with the role"), "what cannot run is no proposal: {}", refused.text());
    // With the gateway stopped the disk is its owner's: he is asked to say so, and it stands in the history.
    centre.folder.file(FILE, &of(&[]));
    assert!(centre.gateway.stop().await.success());
    let serve = centre.icjs(None, &["serve", "--apply"]);
    assert!(serve.status.code() == Some(77) && said(&serve).contains("asks for two persons"), "{}", said(&serve));
    let apply = centre.icjs(None, &["apply", "--reason", "no second person is left"]);
    assert!(apply.status.code() == Some(77) && said(&apply).contains("--alone"), "{}", said(&apply));
    assert_eq!(centre.icjs(None, &["rollback", "1"]).status.code(), Some(77));
    let alone = ["apply", "--alone", "--author", "root", "--reason", "no second person is left"];
    let apply = centre.icjs(None, &alone);
    assert!(apply.status.success(), "{}", said(&apply));
    assert!(said(&centre.icjs(None, &["history"])).contains("root (owner, alone)"));
    centre.gateway = Gateway::start(&centre.folder).await;
    let running = centre.icjs(None, &alone);
    assert_eq!(running.status.code(), Some(64), "{}", said(&running));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_outlives_a_kill_and_is_not_done_on_other_ground_than_it_was_made() {
    let mut centre = Centre::with(&of(&TWO)).await;
    let first = proposed(&centre, "asha", &remarked("one"), "for the first bench").await;
    let second = proposed(&centre, "asha", &remarked("two"), "for the second bench").await;
    centre.gateway.kill();
    let store = std::fs::read(centre.folder.path("data/journal.db")).unwrap();
    let log = std::fs::read(centre.folder.path("data/journal.db-wal")).unwrap_or_default();
    for words in ["for the first bench", "for the second bench"] {
        let found =
            [&store, &log].into_iter().any(|bytes| bytes.windows(words.len()).any(|part| part == words.as_bytes()));
        assert!(!found, "`{words}` lies in the store in clear");
    }
    centre.gateway = Gateway::start(&centre.folder).await;
    decide(&centre, "ravi", first, "approve").await.expect(200);
    assert_eq!(history(&centre).await[0]["author"], "asha, approved by ravi");
    let stale = decide(&centre, "ravi", second, "approve").await.expect(409);
    assert_eq!(stale.code(), "proposal-stale", "{}", stale.text());
    assert!(stale.text().contains("revision 1") && stale.text().contains("revision 2 is live"), "{}", stale.text());
    assert_eq!(history(&centre).await.len(), 2, "nothing is merged");
    let waiting = centre.by("om", "GET", "/admin/v1/approvals", &Value::Null).await.expect(200).json();
    assert_eq!(waiting["approvals"], json!([]), "{waiting}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_waits_its_time_and_no_longer_and_whoever_made_it_may_take_it_back() {
    let short = of(&TWO).replacen('\n', "\nproposals_last = \"1s\"\n", 1);
    let centre = Centre::with(&short).await;
    let late = proposed(&centre, "asha", &format!("{short}# one\n"), "late").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let shown = centre.by("om", "GET", &format!("/admin/v1/approvals/{late}"), &Value::Null).await.expect(200).json();
    assert_eq!(shown["state"], "expired", "{shown}");
    let answer = decide(&centre, "ravi", late, "approve").await.expect(409);
    assert_eq!(answer.code(), "proposal-expired", "{}", answer.text());
    let mine = proposed(&centre, "asha", &format!("{short}# two\n"), "a mistake").await;
    decide(&centre, "om", mine, "reject").await.expect(403);
    decide(&centre, "asha", mine, "reject").await.expect(200);
    let over = decide(&centre, "ravi", mine, "approve").await.expect(409);
    assert!(over.text().contains("rejected by asha"), "{}", over.text());
    assert_eq!(history(&centre).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sends_a_record_anew_needs_two_and_trying_again_needs_one() {
    let court = Receiver::start(|_| Reply::status(422)).await;
    let scene = Scene::with(&court, |folder| folder.file(FILE, &of(&TWO))).await;
    let id = scene.paper("court:DLCT01", 1, "one").await;
    scene.until(&id, "rejected").await;
    let centre = Centre { folder: scene.folder, gateway: scene.gateway };
    let before = court.seen().len();
    let order = |verb: &str| format!("/admin/v1/deliveries/{id}/{verb}");
    let why = json!({"by": "somebody else", "reason": "the court asks for it"});
    for verb in ["repair", "replay", "release"] {
        centre.owner("POST", &order(verb), &why).await.expect(403);
    }
    let asked = centre.icjs(Some("om"), &["deliveries", "repair", &id, "--reason", "the court asks for it"]);
    assert!(asked.status.success() && said(&asked).contains("nothing is changed yet"), "{}", said(&asked));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(court.seen().len(), before, "nothing leaves on one person's word");
    decide(&centre, "om", 1, "approve").await.expect(403);
    let done = centre.icjs(Some("lata"), &["approve", "1", "--reason", "asked them"]);
    assert!(done.status.success() && said(&done).contains("delivery"), "{}", said(&done));
    court.until(Duration::from_secs(20), |seen| seen.len() > before).await;
    let retry = centre.by("om", "POST", &order("retry"), &why).await;
    assert_ne!(retry.status, 202, "{}", retry.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_revision_that_two_go_back_to_is_the_one_that_was_named() {
    let centre = Centre::with(&of(&TWO)).await;
    for remark in ["one", "two"] {
        let number = proposed(&centre, "asha", &remarked(remark), remark).await;
        decide(&centre, "ravi", number, "approve").await.expect(200);
    }
    let back = json!({"number": 2, "reason": "two was a mistake"});
    let asked = centre.by("asha", "POST", "/admin/v1/rollback", &back).await.expect(202).json();
    decide(&centre, "ravi", asked["proposal"]["number"].as_u64().unwrap(), "approve").await.expect(200);
    let newest = centre.by("asha", "GET", "/admin/v1/revisions/4", &Value::Null).await.expect(200).json();
    assert_eq!(newest["files"][FILE], STANDARD.encode(remarked("one")), "what was live as revision 2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_two_gave_is_the_one_that_was_proposed_and_no_stronger_one() {
    let court = Receiver::friendly().await;
    let scene = Scene::with(&court, |folder| folder.file(FILE, &of(&TWO))).await;
    let id = scene.paper("court:DLCT01", 1, "one").await;
    scene.until(&id, "delivered").await;
    let centre = Centre { folder: scene.folder, gateway: scene.gateway };
    let propose = async |verb: &str, force: bool| {
        let body = json!({"reason": "the court asks for it", "force": force});
        let target = format!("/admin/v1/deliveries/{id}/{verb}");
        let answer = centre.by("om", "POST", &target, &body).await.expect(202).json();
        answer["proposal"]["number"].as_u64().unwrap()
    };
    let mild = propose("repair", false).await;
    let refused = decide(&centre, "lata", mild, "approve").await.expect(409);
    assert_eq!(refused.code(), "not-now", "it is delivered, and nobody spoke of force: {}", refused.text());
    assert_eq!(court.seen().len(), 1);
    let shown = centre.by("om", "GET", &format!("/admin/v1/approvals/{mild}"), &Value::Null).await.expect(200).json();
    assert_eq!(shown["state"], "open", "what could not be done waits: {shown}");
    let same = propose("replay", false).await;
    let done = decide(&centre, "lata", same, "approve").await.expect(200).json();
    assert_eq!(done["delivery"], id.as_str(), "the same once more");
    court.until(Duration::from_secs(20), |seen| seen.len() == 2 && seen[1].id() == id).await;
    let strong = propose("repair", true).await;
    let done = decide(&centre, "lata", strong, "approve").await.expect(200).json();
    assert_ne!(done["delivery"], id.as_str(), "a new one");
    let new = done["delivery"].as_str().unwrap();
    court.until(Duration::from_secs(20), |seen| seen.last().is_some_and(|push| push.id() == new)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_proposed_is_not_done_after_his_own_token_has_ended() {
    const HOUR: Duration = Duration::from_secs(3600);
    let until = WallClock.now().after(HOUR).to_string();
    let text = administrators(&TWO, &PEOPLE[1..]) + &person("asha", "administrator", &until);
    let folder = Folder::with(&[Party::pulling("police", "police", &["ps:38101004"])]);
    folder.file(FILE, &text);
    let clock = folder.path("clock").display().to_string();
    let gateway = Gateway::start_with(&folder, &[("ICJS_TEST_CLOCK", &clock)]).await;
    let centre = Centre { folder, gateway };
    let number = proposed(&centre, "asha", &format!("{text}# one\n"), "before she leaves").await;
    centre.folder.file("clock", &(2 * HOUR.as_millis()).to_string());
    centre.by("asha", "GET", "/admin/v1/me", &Value::Null).await.expect(401);
    let stale = decide(&centre, "ravi", number, "approve").await.expect(409);
    assert_eq!(stale.code(), "proposal-stale", "{}", stale.text());
    assert!(stale.text().contains("asha, who proposed it, may not do so any more"), "{}", stale.text());
    let history = centre.by("ravi", "GET", "/admin/v1/revisions", &Value::Null).await.expect(200).json();
    assert_eq!(history["revisions"].as_array().unwrap().len(), 1, "{history}");
}
