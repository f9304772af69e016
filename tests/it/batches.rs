//! Bulk: NDJSON through the socket and through the command line. Lines about one case keep their order though many are
//! worked on at once, a batch that broke off goes on, and the report says what was wrong with which lines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::scene::{SOON, Scene};
use super::harness::{Client, Folder, Gateway, Party, Receiver, Reply};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

async fn started() -> (Folder, Gateway, Client, Client) {
    let parties = [Party::pulling("police", "police", &[POLICE]), Party::pulling("court", "courts", &[COURT])];
    let folder = Folder::with(&parties);
    // The command line names a key by its thumbprint, the harness by a name of its own.
    let named = folder.key("police").jwks()["keys"][0].clone();
    let mut plain = named.clone();
    plain.as_object_mut().unwrap().remove("kid");
    folder.file("keys/police.jwks.json", &json!({"keys": [named, plain]}).to_string());
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    (folder, gateway, police, court)
}

fn line(number: u32, case: u32) -> String {
    let headers = json!({"Idempotency-Key": format!("b-{number}")});
    json!({"kind": "paper", "headers": headers, "body": paper(POLICE, &[COURT], case, &format!("{number}"))})
        .to_string()
}

async fn send(client: &Client, lines: &[String]) -> Vec<Value> {
    let headers = [("content-type", "application/x-ndjson")];
    let answer = client.call("POST", "/v1/batches", &headers, lines.join("\n").as_bytes()).await.unwrap().expect(200);
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_about_one_case_keep_their_order_and_a_batch_sent_again_gets_the_stored_answers() {
    let (_folder, _gateway, police, court) = started().await;
    // Every third line is refused; some cases are about every other line.
    let lines: Vec<String> = (0..300)
        .map(|n| match n % 3 {
            2 => line(n, 1).replace("\"note\"", "\"nte\""),
            1 if n % 6 == 1 => line(n, 100 + n),
            _ => line(n, 1 + n % 2),
        })
        .collect();
    let answers = send(&police, &lines).await;
    let numbers: Vec<u64> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=300).collect::<Vec<u64>>(), "one answer a line, in order");
    assert_eq!(answers.iter().filter(|answer| answer["status"] == 422).count(), 100);
    let mut items: Vec<Value> = Vec::new();
    let mut next = String::new();
    while items.len() < 200 {
        let after = if next.is_empty() { String::new() } else { format!("&after={next}") };
        let page = court.feed(&format!("wait=20&limit=500{after}")).await.unwrap().expect(200).json();
        assert_ne!(page["items"], json!([]), "only {} came", items.len());
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        page["next"].as_str().unwrap().clone_into(&mut next);
    }
    let mut seen: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for item in &items {
        let case = item["data"]["case"]["fir"]["serial"].as_u64().unwrap();
        seen.entry(case).or_default().push(item["data"]["note"].as_str().unwrap().parse().unwrap());
    }
    for (case, notes) in seen {
        assert!(notes.is_sorted(), "case {case} came in the order {notes:?}");
    }
    let again = send(&police, &lines).await;
    for (first, second) in answers.iter().zip(&again).filter(|(first, _)| first["status"] == 202) {
        assert_eq!((&first["answer"]["id"], &json!(true)), (&second["answer"]["id"], &second["replayed"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_broke_off_says_where_to_go_on() {
    let (_folder, _gateway, police, _court) = started().await;
    let whole: String = (0..5).map(|n| line(n, n) + "\n").collect();
    let head = format!(
        "POST /v1/batches HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/x-ndjson\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{whole}\r\nzz\r\n",
        police.token,
        whole.len()
    );
    let mut socket = tokio::net::TcpStream::connect(police.gateway).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut socket, head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(answer.matches("\"status\":202").count(), 5, "{answer}");
    assert!(answer.contains("go on with line 6"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_of_a_line_is_read_as_strictly_and_kept_as_exactly_as_one_sent_alone() {
    let (_folder, _gateway, police, _court) = started().await;
    let record = paper(POLICE, &[COURT], 1, "spaced").to_string();
    let spaced = record.replace("\"note\":", "\"note\" : ");
    assert_ne!(record, spaced);
    let twice = record.replace("\"note\":", "\"note\":\"another\",\"note\":");
    let inexact = record.replace("\"serial\":1", "\"serial\":10000000000000000000000001");
    assert_ne!(record, inexact);
    let in_batch = |key: &str, body: &str| {
        format!("{{\"kind\": \"paper\", \"headers\": {{\"Idempotency-Key\": \"{key}\"}}, \"body\": {body}}}")
    };
    let lines = [in_batch("a", &spaced), in_batch("b", &twice), in_batch("c", &inexact)];
    let answers = send(&police, &lines).await;
    assert_eq!(answers[0]["status"], json!(202), "{}", answers[0]);
    for (answer, body) in answers.iter().zip([&spaced, &twice, &inexact]).skip(1) {
        let alone = police.submit("paper", "alone", &[], body.as_bytes()).await.unwrap().expect(422);
        assert_eq!(answer["status"], json!(422), "{answer}");
        assert_eq!(answer["problem"]["code"], json!(alone.code()), "{answer}");
    }
    // The bytes are those of the line: sent alone under the same key they are the same record.
    let again = police.submit("paper", "a", &[], spaced.as_bytes()).await.unwrap().expect(202);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_comes_byte_by_byte_costs_no_more_than_its_bytes() {
    let (_folder, _gateway, police, _court) = started().await;
    let whole = line(1, 1).replace("{\"kind\"", &format!("{{{}\"kind\"", " ".repeat(400_000))) + "\n";
    let chunks: String = whole.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect();
    let head = format!(
        "POST /v1/batches HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/x-ndjson\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunks}0\r\n\r\n",
        police.token
    );
    let began = std::time::Instant::now();
    let mut socket = tokio::net::TcpStream::connect(police.gateway).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut socket, head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut answer).await;
    assert!(String::from_utf8_lossy(&answer).contains("\"status\":202"), "{}", String::from_utf8_lossy(&answer));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_sends_a_batch_and_reports_its_quality() {
    let (folder, _gateway, _police, _court) = started().await;
    let lines: Vec<String> = (0..1_200)
        .map(|n| match n {
            7 | 9 => line(n, n).replace("\"note\"", "\"nte\""),
            11 => "no json".to_owned(),
            // Without a name of its own: it gets its digest.
            13 => json!({"kind": "paper", "body": paper(POLICE, &[COURT], n, "13")}).to_string(),
            14 => line(n, n).replace(COURT, "court:NONE1"),
            _ => line(n, n),
        })
        .collect();
    folder.file("batch.ndjson", &(lines.join("\n") + "\n"));
    folder.file("police.pem", &folder.key("police").pem());
    let file = folder.path("batch.ndjson");
    let run = |more: &[&str]| {
        let mut command = Gateway::command(&folder);
        command.args(["send", "--batch", file.to_str().unwrap(), "--as", "police"]).args(more);
        command.args(["--key", folder.path("police.pem").to_str().unwrap()]).output().unwrap()
    };
    let output = run(&["--json"]);
    assert_eq!(output.status.code(), Some(65), "{}", String::from_utf8_lossy(&output.stderr));
    let mut documents = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let report = documents.next().unwrap().unwrap();
    let counts = (&report["lines"], &report["accepted"], &report["refused"]);
    assert_eq!(counts, (&json!(1200), &json!(1197), &json!(3)), "{report}");
    let refusals = report["refusals"].as_array().unwrap();
    let of = |code: &str| refusals.iter().find(|one| one["rule"].as_str().unwrap().starts_with(code)).unwrap();
    let schema = of("schema-invalid");
    assert_eq!((&schema["times"], &schema["first_lines"]), (&json!(2), &json!([8, 10])), "{report}");
    assert_eq!(of("malformed-json")["first_lines"], json!([12]), "{report}");
    assert_eq!(report["parked"][0]["first_lines"], json!([15]), "{report}");
    let again = run(&["--from-line", "1001"]);
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(said.contains("200 lines, 200 accepted (200 of them before), 0 refused"), "{said}");
    assert_eq!(String::from_utf8_lossy(&again.stderr), "", "no bar where nobody looks");
    assert!(again.status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_record_passes_what_a_batch_left_waiting_for_the_same_receiver() {
    let court = Receiver::start(|_| Reply::status(200).after(Duration::from_millis(100))).await;
    let scene = Scene::with(&court, |_| {}).await;
    let lines: Vec<String> = (0..200).map(|n| line(n, 1000 + n)).collect();
    let answers = send(&scene.police, &lines).await;
    assert!(answers.iter().all(|answer| answer["status"] == 202), "{answers:?}");
    let before = court.seen().len();
    assert!(before < 120, "{before} of the batch are there already: nothing waits");
    let live = scene.paper(COURT, 1, "live").await;
    let seen = court.until(SOON, |seen| seen.iter().any(|push| push.id() == live)).await;
    let place = seen.iter().position(|push| push.id() == live).unwrap();
    assert!(place < 160, "it came as number {place}, {before} were there when it was sent");
    court.until(SOON, |seen| seen.len() == 201).await;
}
