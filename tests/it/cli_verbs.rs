//! Verbs of the command line that a first day does not need: attachments, orders over deliveries, the mapping tools,
//! completions. Each is run as a person runs it, and judged by its output and exit code.

use std::io::Write;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

use super::cli_journey::Started;
use super::cli_mistakes::{Made, icjs, said};
use super::harness::scene::{COURT, SOON, Scene};
use super::harness::{Client, Gateway, Party, Receiver, Reply};

#[test]
fn a_record_is_sent_together_with_the_file_that_it_names() {
    let started = Started::new();
    let photo: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let sha256 = icjs::seal::hex(&icjs::seal::sha256(&photo));
    let list = format!(
        "<AttachmentList>\n<Attachment>\n<SHA256>{sha256}</SHA256>\n<FILE_SIZE>{}</FILE_SIZE>\n<MIME_TYPE>image/jpeg</MIME_TYPE>\n\
         <FILE_NAME>scene.jpg</FILE_NAME>\n<FILE_ROLE>photograph</FILE_ROLE>\n<SENSITIVITY>none</SENSITIVITY>\n</Attachment>\n\
         </AttachmentList>\n</FirstInformationReport>",
        photo.len()
    );
    let record = started.made.file("fir.xml");
    std::fs::write(&record, started.record().replace("</FirstInformationReport>", &list)).unwrap();
    let file = started.made.file("scene.jpg");
    std::fs::write(&file, &photo).unwrap();
    let (record, file) = (record.to_str().unwrap(), file.to_str().unwrap());

    let without = started.made.icjs(&["send", record, "--kind", "fir", "--as", "cctns-dl"]);
    assert_eq!(without.status.code(), Some(65), "{}", said(&without));
    assert!(said(&without).contains("attachment-missing") && said(&without).contains("--attach"), "{}", said(&without));

    let sent = started.made.icjs(&["send", record, "--kind", "fir", "--as", "cctns-dl", "--attach", file]);
    assert!(sent.status.success() && said(&sent).contains(&sha256), "{}", said(&sent));
    let page = started.made.icjs(&["feed", "--as", "ecourts-dl", "--wait", "10", "--json"]);
    let page: Value = serde_json::from_slice(&page.stdout).unwrap();
    let named = &page["items"][0]["icjsattachments"][0];
    assert_eq!((&named["sha256"], &named["name"]), (&sha256.as_str().into(), &"scene.jpg".into()), "{page}");

    let missing = started.made.icjs(&["send", record, "--kind", "fir", "--as", "cctns-dl", "--attach", "/nowhere.jpg"]);
    assert_eq!(missing.status.code(), Some(66), "{}", said(&missing));
}

/// A pushed court whose answer can be changed on the way, and orders given by the command line.
struct Desk {
    scene: Scene,
    court: Receiver,
    answers: Arc<AtomicU16>,
}

impl Desk {
    async fn answering(status: u16) -> Self {
        let answers = Arc::new(AtomicU16::new(status));
        let told = Arc::clone(&answers);
        let court = Receiver::start(move |_| Reply::status(told.load(Ordering::SeqCst))).await;
        let scene = Scene::with(&court, |folder| {
            let text = std::fs::read_to_string(folder.path("config/routes.toml")).unwrap();
            folder
                .file("config/routes.toml", &text.replace("to = \"courts\"", "to = \"courts\"\non_reject = \"park\""));
        })
        .await;
        Self { scene, court, answers }
    }

    fn answer(&self, status: u16) {
        self.answers.store(status, Ordering::SeqCst);
    }

    async fn icjs(&self, arguments: &[&str]) -> Output {
        let mut command = Gateway::command(&self.scene.folder);
        command.args(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// An order that must be carried out; the delivery that counts now.
    async fn order(&self, verb: &str, id: &str, more: &[&str]) -> String {
        let mut arguments = vec!["deliveries", verb, id, "--reason", "a test", "--by", "reader", "--json"];
        arguments.extend_from_slice(more);
        let output = self.icjs(&arguments).await;
        assert!(output.status.success(), "{verb}: {}", said(&output));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told["delivery"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_delivery_is_tried_again_when_its_receiver_is_back() {
    let desk = Desk::answering(410).await;
    let id = desk.scene.paper(COURT, 1, "one").await;
    desk.scene.until(&id, "parked").await;
    let listed = desk.icjs(&["deliveries", "list"]).await;
    assert!(said(&listed).contains(&id) && said(&listed).contains("receiver-gone"), "{}", said(&listed));
    desk.answer(200);
    assert_eq!(desk.order("retry", &id, &[]).await, id);
    desk.scene.until(&id, "delivered").await;

    let again = desk.icjs(&["deliveries", "retry", &id, "--reason", "too late"]).await;
    assert_eq!(again.status.code(), Some(65), "{}", said(&again));
    assert!(said(&again).contains("`delivered`"), "{}", said(&again));
    let wrong = desk.icjs(&["deliveries", "retry", "nothing", "--reason", "x"]).await;
    assert_eq!(wrong.status.code(), Some(64), "{}", said(&wrong));
    assert!(said(&wrong).contains("icjs message"), "{}", said(&wrong));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_that_holds_its_lane_is_released_or_repaired() {
    let desk = Desk::answering(422).await;
    let first = desk.scene.paper(COURT, 1, "first").await;
    desk.scene.until(&first, "rejected").await;
    let second = desk.scene.paper(COURT, 1, "second").await;
    desk.answer(200);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(desk.scene.delivery(&second).await["state"], "queued", "the rejection holds the lane");
    desk.order("release", &first, &[]).await;
    desk.scene.until(&second, "delivered").await;

    let repaired = desk.order("repair", &first, &[]).await;
    assert_ne!(repaired, first, "new bytes have a new id");
    desk.scene.until(&repaired, "delivered").await;
    let seen = desk.court.seen();
    assert!(seen.iter().any(|push| push.id() == repaired && push.json()["note"] == "first"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivered_record_is_replayed_under_its_id_and_only_force_makes_a_new_one() {
    let desk = Desk::answering(200).await;
    let id = desk.scene.paper(COURT, 1, "one").await;
    desk.scene.until(&id, "delivered").await;
    assert_eq!(desk.order("replay", &id, &[]).await, id);
    let seen = desk.court.until(SOON, |seen| seen.len() >= 2).await;
    assert!(seen.iter().all(|push| push.id() == id && push.body == seen[0].body));
    desk.scene.until(&id, "delivered").await;
    let forced = desk.order("replay", &id, &["--force"]).await;
    assert_ne!(forced, id);
    desk.court.until(SOON, |seen| seen.iter().any(|push| push.id() == forced)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_item_is_in_the_feed_once_more_and_its_acknowledgement_settles_it_again() {
    let scene = Scene::of(&[Party::pulling("court", "courts", &[COURT])], |_| {}).await;
    let court = Client::connect(&scene.folder, scene.gateway.exchange, "court").await;
    let id = scene.paper(COURT, 1, "one").await;
    for _ in 0..2 {
        let page = court.feed("wait=20").await.unwrap().expect(200).json();
        assert_eq!(page["items"][0]["id"], id.as_str(), "{page}");
        let told = court.ack(page["next"].as_str().unwrap(), &[]).await.unwrap().expect(200).json();
        assert_eq!(told["settled"], 1, "{told}");
        let page = court.feed("").await.unwrap().expect(200).json();
        assert_eq!(page["items"].as_array().unwrap().len(), 0, "{page}");
        scene.until(&id, "delivered").await;
        scene.order(&id, "replay", false).await.expect(200);
    }
    let told = scene.police.feed("kind=outcome").await.unwrap().expect(200).json();
    assert_eq!(told["items"].as_array().unwrap().len(), 1, "the same words again are no news to the sender: {told}");
}

#[test]
fn the_mapping_tools_compile_test_and_measure_what_is_shipped_and_find_a_pair_that_does_not_fit() {
    let made = Made::new();
    let check = made.icjs(&["mapping", "check"]);
    assert!(check.status.success() && said(&check).contains("cctns"), "{}", said(&check));
    let test = made.icjs(&["mapping", "test", "--json"]);
    assert!(test.status.success(), "{}", said(&test));
    let told: Value = serde_json::from_slice(&test.stdout).unwrap();
    assert!(told["pairs"].as_u64().unwrap() >= 10 && told["failed"] == 0, "{told}");
    let coverage = made.icjs(&["mapping", "coverage", "cctns", "fir"]);
    assert!(coverage.status.success() && said(&coverage).contains("cannot carry"), "{}", said(&coverage));

    let unknown = made.icjs(&["mapping", "test", "ccnts"]);
    assert_eq!(unknown.status.code(), Some(64), "{}", said(&unknown));
    assert!(said(&unknown).contains("cctns"), "it names those that there are: {}", said(&unknown));

    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/cctns/examples/out/fir-1.json");
    let mut wanted: Value = serde_json::from_slice(&std::fs::read(shipped).unwrap()).unwrap();
    wanted["case"]["fir"]["serial"] = Value::from(7777);
    let own = made.file("adapters/cctns/examples/out/fir-1.json");
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::write(own, wanted.to_string()).unwrap();
    let failed = made.icjs(&["mapping", "test", "cctns"]);
    assert_eq!(failed.status.code(), Some(65), "{}", said(&failed));
    for words in ["FAIL adapters/cctns/examples/in/fir-1.xml", "/case/fir/serial: differs", "1 of", "examples/out"] {
        assert!(said(&failed).contains(words), "{words}: {}", said(&failed));
    }
}

#[test]
fn completions_are_scripts_that_their_shells_can_read() {
    for shell in ["bash", "zsh", "fish"] {
        let script = icjs(&["completions", shell]);
        assert!(script.status.success(), "{}", said(&script));
        let text = String::from_utf8(script.stdout.clone()).unwrap();
        for verb in ["deliveries", "rollback", "mapping"] {
            assert!(text.contains(verb), "{shell} does not complete `{verb}`");
        }
        assert!(!text.contains("\u{1b}["), "{shell}: no colour in a script");
        let parsed = std::process::Command::new(shell).arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut parsing) = parsed else {
            println!("skipped: no {shell} here to read its script");
            continue;
        };
        parsing.stdin.take().unwrap().write_all(&script.stdout).unwrap();
        let read = parsing.wait_with_output().unwrap();
        assert!(read.status.success(), "{shell}: {}", said(&read));
    }
    assert_eq!(icjs(&["completions", "tcsh"]).status.code(), Some(64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_gives_a_token_whatever_name_it_was_registered_under() {
    let court = Receiver::friendly().await;
    let scene = Scene::with(&court, |_| {}).await;
    let key = scene.folder.key("police");
    let named = key.jwks()["keys"][0]["kid"].clone();
    scene.folder.file("keys/dev/police.pem", &key.pem());
    let mut command = Gateway::command(&scene.folder);
    let token = tokio::task::spawn_blocking(move || command.args(["token", "police"]).output().unwrap()).await.unwrap();
    assert!(token.status.success(), "registered as {named}: {}", said(&token));
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let client = Client { token, ..scene.police.clone() };
    client.get("/v1/me").await.unwrap().expect(200);
}
