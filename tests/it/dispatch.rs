//! How deliveries reach receivers that have a bad day: failing, hanging, hanging up, asking for patience, slow, gone for good.
//! Every test runs the real gateway with scripted receivers, and looks only at what arrives and at the admin API.
//! Read `harness::receiver` for the scripts, `harness::folder` for the two kinds that are exchanged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::folder::{order, paper};
use crate::harness::http::{Answer, request};
use crate::harness::receiver::Push;
use crate::harness::scene::{COURT, SOON, STATION, Scene, edit};
use crate::harness::{Client, Folder, Gateway, Party, Receiver, Reply};

const PRISON: &str = "prison:DL01";

fn of<'p>(seen: &'p [Push], id: &str) -> Vec<&'p Push> {
    seen.iter().filter(|push| push.id() == id).collect()
}

#[tokio::test]
async fn a_push_says_what_it_is_and_its_signatures_hold_when_checked_independently() {
    let court = Receiver::friendly().await;
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let scene = Scene::with(&court, |folder| {
        folder.file("keys/court.secret", secret);
        edit(folder, "court", "[push]\n", "[push]\nhmac_secret_file = \"keys/court.secret\"\n");
    })
    .await;
    let id = scene.paper(COURT, 1, "नमस्ते").await;
    let seen = court.until(SOON, |seen| !seen.is_empty()).await;
    let push = &seen[0];
    let message = scene.delivery(&id).await;
    for (name, expected) in [
        ("ce-specversion", "1.0"),
        ("ce-id", id.as_str()),
        ("idempotency-key", id.as_str()),
        ("ce-type", "in.icjs.paper.v1"),
        ("ce-subject", "fir/38101004-2026-1"),
        ("ce-icjsaction", "new"),
        ("ce-icjsoffice", COURT),
        ("ce-icjswithheld", ""),
        ("content-type", "application/json"),
    ] {
        assert_eq!(push.header(name), Some(expected), "{name}; {message}");
    }
    assert_eq!(push.json()["note"], "नमस्ते");
    assert!(push.header("traceparent").unwrap().starts_with("00-"));

    let pem = std::fs::read_to_string(scene.folder.path("keys/webhook.ed25519")).unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&STANDARD.decode(der).unwrap()).unwrap();
    let mut signed = format!("{id}.{}.", push.header("webhook-timestamp").unwrap()).into_bytes();
    signed.extend_from_slice(&push.body);
    let header = push.header("webhook-signature").unwrap();
    let signature = |version: &str| {
        let part = header.split(' ').find_map(|part| part.strip_prefix(version)).unwrap();
        STANDARD.decode(part).unwrap()
    };
    UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref()).verify(&signed, &signature("v1a,")).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"0123456789abcdef0123456789abcdef");
    hmac::verify(&key, &signed, &signature("v1,")).unwrap();
    signed.push(b' ');
    assert!(hmac::verify(&key, &signed, &signature("v1,")).is_err());
}

#[tokio::test]
async fn a_receiver_that_fails_hangs_up_or_hangs_gets_the_same_bytes_under_the_same_id_until_it_takes_them() {
    let court = Receiver::start(|push| match push.number {
        0 => Reply::status(500),
        1 => Reply::hang_up(),
        2 => Reply::status(200).after(Duration::from_secs(3)),
        _ => Reply::status(200),
    })
    .await;
    let scene = Scene::with(&court, |_| {}).await;
    let id = scene.paper(COURT, 1, "one").await;
    let delivery = scene.until(&id, "delivered").await;
    assert_eq!(delivery["attempts"], 4, "{delivery}");
    assert_eq!(delivery["outcomes"][0]["outcome"], "received");
    let seen = court.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|push| push.id() == id && push.body == seen[0].body));
}

#[tokio::test]
async fn a_receiver_that_answers_twice_is_believed_once() {
    // Two answers on one connection: the second belongs to nobody.
    let twice = "HTTP/1.1 422 No\r\ncontent-length: 0\r\n\r\n";
    let noisy = Receiver::start(move |_| {
        let mut reply = Reply::status(200);
        // The script's body is sent as it is: what follows the declared length is a second answer.
        reply.headers.push(("x-then".to_owned(), format!("more\r\n\r\n{twice}")));
        reply
    })
    .await;
    let scene = Scene::of(&[Party::pushed("prison", "prisons", &[PRISON], &noisy.url())], |_| {}).await;
    for note in ["one", "two", "three"] {
        let id = scene.paper(PRISON, 1, note).await;
        let delivery = scene.until(&id, "delivered").await;
        assert_eq!(delivery["outcomes"].as_array().unwrap().len(), 1, "{delivery}");
    }
    assert_eq!(noisy.seen().iter().map(Push::id).collect::<BTreeSet<_>>().len(), 3);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let court = Receiver::start(|push| {
        let mut reply = Reply::status(if push.number == 0 { 429 } else { 200 });
        if push.number == 0 {
            reply.headers.push(("retry-after".to_owned(), "2".to_owned()));
        }
        reply
    })
    .await;
    let scene = Scene::with(&court, |_| {}).await;
    let id = scene.paper(COURT, 1, "one").await;
    scene.until(&id, "delivered").await;
    let seen = court.seen();
    let waited = Duration::from_micros(seen[1].arrived - seen[0].arrived);
    assert!(waited >= Duration::from_millis(1_950), "{waited:?}");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

#[tokio::test]
async fn a_slow_receiver_slows_nobody_else() {
    let slow = Receiver::start(|_| Reply::status(200).after(Duration::from_millis(1_500))).await;
    let fast = Receiver::friendly().await;
    let scene = Scene::of(
        &[
            Party::pushed("court", "courts", &[COURT], &slow.url()),
            Party::pushed("prison", "prisons", &[PRISON], &fast.url()),
        ],
        |_| {},
    )
    .await;
    for case in 0..40 {
        scene.paper(COURT, case, &format!("slow {case}")).await;
    }
    let began = std::time::Instant::now();
    for case in 0..40 {
        scene.paper(PRISON, case, &format!("fast {case}")).await;
    }
    fast.until(SOON, |seen| seen.len() >= 40).await;
    let took = began.elapsed();
    let slow_done = slow.seen().iter().filter(|push| push.answered.is_some()).count();
    assert!(slow_done < 30, "the slow receiver was done with {slow_done} when the fast one had all, after {took:?}");
}

#[tokio::test]
async fn no_more_pushes_are_under_way_at_once_than_the_system_allows() {
    let under_way = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let court = Receiver::start({
        let (under_way, most) = (Arc::clone(&under_way), Arc::clone(&most));
        move |_| {
            most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let under_way = Arc::clone(&under_way);
            tokio::spawn(async move {
                // Slightly less than the answer's delay: the count goes down before the gateway can know.
                tokio::time::sleep(Duration::from_millis(95)).await;
                under_way.fetch_sub(1, Ordering::SeqCst);
            });
            Reply::status(200).after(Duration::from_millis(100))
        }
    })
    .await;
    let scene = Scene::with(&court, |folder| edit(folder, "court", "in_flight = 8", "in_flight = 3")).await;
    for case in 0..30 {
        scene.paper(COURT, case, &format!("paper {case}")).await;
    }
    court.until(SOON, |seen| seen.iter().filter(|push| push.answered.is_some()).count() >= 30).await;
    let most = most.load(Ordering::SeqCst);
    assert!((2..=3).contains(&most), "{most} at once");
}

#[tokio::test]
async fn what_is_given_up_parks_with_its_lane_until_a_person_releases_it() {
    let bad = Arc::new(AtomicBool::new(true));
    let court = Receiver::start({
        let bad = Arc::clone(&bad);
        move |push| {
            let fails = bad.load(Ordering::SeqCst) && push.json()["note"] == "first";
            Reply::status(if fails { 500 } else { 200 })
        }
    })
    .await;
    let scene = Scene::with(&court, |folder| edit(folder, "court", "\"72h\"", "\"1s\"")).await;
    let first = scene.paper(COURT, 1, "first").await;
    let second = scene.paper(COURT, 1, "second").await;
    let other = scene.paper(COURT, 2, "other case").await;
    let parked = scene.until(&first, "parked").await;
    assert_eq!(parked["reason"], "gave-up", "{parked}");
    scene.until(&other, "delivered").await;
    assert_eq!(scene.delivery(&second).await["state"], "queued", "the lane waits for the parked one");
    let list =
        scene.admin("GET", "/admin/v1/deliveries?state=parked&system=court", &Value::Null).await.expect(200).json();
    assert_eq!(list["deliveries"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["deliveries"][0]["id"], json!(first));
    assert_eq!(list["deliveries"][0]["reason"], "gave-up");

    scene.order(&first, "release", false).await.expect(200);
    scene.until(&second, "delivered").await;
    bad.store(false, Ordering::SeqCst);
    scene.order(&first, "retry", false).await.expect(200);
    scene.until(&first, "delivered").await;
    let seen = court.seen();
    let bodies: BTreeSet<&[u8]> = of(&seen, &first).iter().map(|push| push.body.as_slice()).collect();
    assert_eq!(bodies.len(), 1, "a retry carries the frozen bytes");
}

#[tokio::test]
async fn liberty_is_never_given_up() {
    let bad = Arc::new(AtomicBool::new(true));
    let prison = Receiver::start({
        let bad = Arc::clone(&bad);
        move |_| Reply::status(if bad.load(Ordering::SeqCst) { 500 } else { 200 })
    })
    .await;
    let party = Party::pushed("prison", "prisons", &[PRISON], &prison.url());
    let scene = Scene::of(&[party], |folder| edit(folder, "prison", "\"72h\"", "\"1s\"")).await;
    let record = order(STATION, &[PRISON], 1, 1, "release", "go free");
    let accepted = scene.police.accepted("order", "o1", &record).await;
    let id = accepted["deliveries"][0]["id"].as_str().unwrap().to_owned();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let delivery = scene.delivery(&id).await;
    assert_eq!(delivery["state"], "retrying", "{delivery}");
    assert!(prison.seen().len() >= 4, "tried only {} times", prison.seen().len());
    bad.store(false, Ordering::SeqCst);
    scene.until(&id, "delivered").await;
}

#[tokio::test]
async fn a_refusal_settles_the_delivery_and_says_why_and_a_repair_is_a_new_delivery() {
    let bad = Arc::new(AtomicBool::new(true));
    let court = Receiver::start({
        let bad = Arc::clone(&bad);
        move |_| match bad.load(Ordering::SeqCst) {
            true => Reply::status(422).with("application/problem+json", r#"{"detail":"no such court room"}"#),
            false => Reply::status(200),
        }
    })
    .await;
    let scene = Scene::with(&court, |_| {}).await;
    let id = scene.paper(COURT, 1, "one").await;
    let rejected = scene.until(&id, "rejected").await;
    assert_eq!(rejected["outcomes"][0]["reason"], "no such court room", "{rejected}");
    assert_eq!(court.seen().len(), 1, "a refusal is not tried again");
    bad.store(false, Ordering::SeqCst);
    let repaired = scene.order(&id, "repair", false).await.expect(200).json()["delivery"].as_str().unwrap().to_owned();
    assert_ne!(repaired, id);
    scene.until(&repaired, "delivered").await;
}

#[tokio::test]
async fn a_push_that_came_to_the_wrong_office_goes_on_to_the_one_that_its_receiver_names() {
    let answer = r#"{"status": "WRONG", "office": "court:DLCT02", "words": "not this court"}"#;
    let court = Receiver::start(move |_| Reply::status(200).with("application/json", answer)).await;
    let mut wrong = Party::pushed("court", "courts", &[COURT], &court.url());
    wrong.adapter = "judged".to_owned();
    let right = Party::pulling("other-court", "courts", &["court:DLCT02"]);
    let scene = Scene::of(&[wrong, right], |folder| {
        let adapter = "name = \"judged\"\nextends = \"shared\"\n\n[[verdict]]\nstatus = [200]\nfield = \"status\"\n\
                       equals = \"WRONG\"\nmeans = \"wrong-addressee\"\nreference = { scheme = \"office\", at = \"office\" }\n\
                       reason = \"words\"\n";
        folder.file("adapters/judged/adapter.toml", adapter);
        let text = std::fs::read_to_string(folder.path("config/routes.toml")).unwrap();
        folder.file("config/routes.toml", &text.replace("to = \"courts\"", "to = \"courts\"\non_reject = \"park\""));
    })
    .await;
    let id = scene.paper(COURT, 1, "astray").await;
    let rejected = scene.until(&id, "rejected").await;
    assert_eq!(rejected["outcomes"][0]["outcome"], "wrong-addressee", "{rejected}");
    let other = Client::connect(&scene.folder, scene.gateway.exchange, "other-court").await;
    let page = other.feed("wait=20").await.unwrap().expect(200).json();
    let item = &page["items"][0];
    assert_eq!((&item["icjsoffice"], &item["data"]["note"]), (&json!("court:DLCT02"), &json!("astray")), "{page}");
    let why = scene.delivery(item["id"].as_str().unwrap()).await["why"].clone();
    assert_eq!(why, format!("wrong-addressee: sent on by {id}"));
    // Nothing of that case waits at the wrong court for a correction: the record is elsewhere now.
    let next = scene.paper(COURT, 1, "astray too").await;
    scene.until(&next, "rejected").await;
    let told = scene.police.feed("kind=outcome&wait=20").await.unwrap().expect(200).json();
    assert_eq!(told["items"][0]["data"]["reason"], "not this court", "{told}");
}

#[tokio::test]
async fn a_replay_sends_the_same_bytes_under_the_same_id_and_only_force_makes_a_new_one() {
    let court = Receiver::friendly().await;
    let scene = Scene::with(&court, |_| {}).await;
    let id = scene.paper(COURT, 1, "one").await;
    scene.until(&id, "delivered").await;
    let again = scene.order(&id, "replay", false).await.expect(200).json();
    assert_eq!(again["delivery"], json!(id));
    let seen = court.until(SOON, |seen| seen.len() >= 2).await;
    assert!(seen.iter().all(|push| push.id() == id && push.body == seen[0].body));
    let forced = scene.order(&id, "replay", true).await.expect(200).json()["delivery"].as_str().unwrap().to_owned();
    assert_ne!(forced, id);
    court.until(SOON, |seen| seen.iter().any(|push| push.id() == forced)).await;
    scene.order(&forced, "dance", false).await.expect(404);
    scene.order(&id.replace('-', ""), "replay", false).await;
}

#[tokio::test]
async fn a_delivery_whose_sharing_was_withdrawn_between_attempts_parks_instead_of_leaving() {
    let court = Receiver::start(|_| Reply::status(503)).await;
    let scene = Scene::with(&court, |_| {}).await;
    let id = scene.paper(COURT, 1, "one").await;
    court.until(SOON, |seen| !seen.is_empty()).await;
    let mut files = serde_json::Map::new();
    for path in walk(&scene.folder) {
        let bytes = std::fs::read(scene.folder.path(&path)).unwrap();
        let bytes = match path.as_str() {
            "config/sharing.toml" => {
                let text = String::from_utf8(bytes).unwrap();
                text.replace("kind = \"paper\"\nto = \"courts\"", "kind = \"order\"\nto = \"system:police\"")
                    .into_bytes()
            }
            _ => bytes,
        };
        files.insert(path, STANDARD.encode(bytes).into());
    }
    let body = json!({"author": "a person", "reason": "the rule was wrong", "files": files});
    let applied = scene.admin("POST", "/admin/v1/revisions", &body).await.expect(200).json();
    assert_eq!(applied["number"], 2, "{applied}");
    assert!(applied["difference"].as_str().unwrap().contains("config/sharing.toml"), "{applied}");
    let parked = scene.until(&id, "parked").await;
    assert_eq!(parked["reason"], "permission-changed", "{parked}");
    let before = court.seen().len();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(court.seen().len(), before, "nothing leaves after that");
    scene
        .admin("POST", "/admin/v1/rollback", &json!({"number": 1, "author": "a person", "reason": "undo"}))
        .await
        .expect(200);
    scene.order(&id, "retry", false).await.expect(200);
    court.until(SOON, |seen| seen.len() > before).await;
}

/// The configuration files of a folder, as `apply` sends them.
fn walk(folder: &Folder) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec!["config".to_owned(), "schemas".to_owned(), "keys".to_owned()];
    while let Some(part) = open.pop() {
        for entry in std::fs::read_dir(folder.path(&part)).unwrap() {
            let path = format!("{part}/{}", entry.unwrap().file_name().to_str().unwrap());
            if folder.path(&path).is_dir() {
                open.push(path);
            } else if path != "config/gateway.toml" && (!path.starts_with("keys/") || path.ends_with(".jwks.json")) {
                found.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn a_receiver_that_was_away_gets_everything_soon_after_it_is_back_and_nothing_is_given_up_meanwhile() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let party = Party::pushed("court", "courts", &[COURT], &format!("http://{address}/inbox"));
    let scene = Scene::of(&[party], |folder| edit(folder, "court", "\"72h\"", "\"1s\"")).await;
    let mut ids = Vec::new();
    for case in 0..20 {
        ids.push(scene.paper(COURT, case, &format!("paper {case}")).await);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let court = Receiver::at(address, |_| Reply::status(200)).await;
    court.until(SOON, |seen| ids.iter().all(|id| seen.iter().any(|push| push.id() == *id))).await;
    for id in &ids {
        scene.until(id, "delivered").await;
    }
}

#[tokio::test]
async fn the_admin_api_takes_its_token_only_and_says_what_is_wrong() {
    let court = Receiver::friendly().await;
    let scene = Scene::with(&court, |_| {}).await;
    let none = request(scene.gateway.admin, "GET", "/admin/v1/counts", &[], b"").await.unwrap().expect(401);
    assert_eq!(none.code(), "unauthenticated");
    assert_eq!(none.header("content-type"), Some("application/problem+json"));
    scene.admin("GET", "/admin/v1/counts", &Value::Null).await.expect(200);
    scene.admin("GET", "/admin/v1/messages/none", &Value::Null).await.expect(404);
    scene.admin("GET", "/admin/v1/deliveries?state=lost", &Value::Null).await.expect(400);
    let bad = json!({"author": "a person", "reason": "a test", "files": {
        "config/routes.toml": STANDARD.encode("[[route]]\nname = 1\n")}});
    let refused = scene.admin("POST", "/admin/v1/revisions", &bad).await.expect(422);
    let errors = refused.json()["errors"].clone();
    assert!(
        errors.as_array().unwrap().iter().any(|error| error["file"] == "config/routes.toml" && error["line"] == 2),
        "{errors}"
    );
    let history = scene.admin("GET", "/admin/v1/revisions", &Value::Null).await.expect(200).json();
    assert_eq!(history["revisions"].as_array().unwrap().len(), 1, "a configuration with errors makes no revision");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(scene.folder.path("data/admin.token")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_stopped_gateway_drains_and_leaves_no_address_behind() {
    let court = Receiver::start(|_| Reply::status(200).after(Duration::from_millis(700))).await;
    let mut scene = Scene::with(&court, |_| {}).await;
    let id = scene.paper(COURT, 1, "one").await;
    court.until(SOON, |seen| !seen.is_empty()).await;
    let status = scene.gateway.stop().await;
    assert!(status.success(), "{status:?}: {}", crate::harness::gateway::tail(&scene.folder));
    assert!(!scene.folder.path("data/listen.json").exists());
    scene.gateway = Gateway::start(&scene.folder).await;
    scene.until(&id, "delivered").await;
    assert_eq!(court.seen().len(), 1, "the push that was under way was awaited and settled");
}

#[tokio::test]
async fn a_port_in_use_names_the_setting_to_change() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::with(&[Party::pulling("police", "police", &[STATION])]);
    let listen = taken.local_addr().unwrap().to_string();
    let output = Gateway::command(&folder).arg("serve").env("ICJS_EXCHANGE__LISTEN", &listen).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains(&listen) && said.contains("[exchange]") && said.contains("ICJS_EXCHANGE__LISTEN"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_in_process_gives_up_its_store_when_it_is_shut_down() {
    let folder = Folder::with(&[Party::pulling("police", "police", &[STATION])]);
    for round in 1..=2 {
        let settings = icjs::config::Settings::load(folder.root()).unwrap();
        let gateway = icjs::gateway::Gateway::start(folder.root(), settings, false).await.unwrap();
        let ready = request(gateway.addresses().ops, "GET", "/readyz", &[], b"").await.unwrap();
        assert_eq!(ready.status, 200, "round {round}: {}", ready.text());
        let settings = icjs::config::Settings::load(folder.root()).unwrap();
        let second = icjs::gateway::Gateway::start(folder.root(), settings, false).await.err();
        assert!(second.is_some_and(|ended| ended.code == 74), "one store, one gateway");
        gateway.shutdown().await.unwrap();
    }
}
