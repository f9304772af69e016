//! The way in, through the socket: what the world sends, and what it gets. Corpora that nobody here wrote are read from
//! beside the project; where they are not there, the test says so and the rest still runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::http::{Answer, raw, request};
use super::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

/// A police station and a court that pulls, both speaking shared JSON.
async fn started() -> (Folder, Gateway, Client, Client) {
    let folder = Folder::with(&[
        Party::pulling("police-a", "police", &[POLICE, "ps:38101005"]),
        Party::pulling("court-a", "courts", &[COURT]),
    ]);
    let gateway = Gateway::start(&folder).await;
    let sender = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    (folder, gateway, sender, court)
}

fn corpus(folder: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora").join(folder);
    let Ok(entries) = std::fs::read_dir(&dir) else {
        println!("skipped: no corpus at {}", dir.display());
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_json_is_400_and_no_other_json_is() {
    let (_folder, _gateway, sender, _court) = started().await;
    for path in corpus("json") {
        let (file, bytes) = (name(&path), std::fs::read(&path).unwrap());
        let answer = sender.submit("paper", "one-key", &[], &bytes).await.unwrap();
        match file.split('_').next().unwrap() {
            "n" => assert_eq!(answer.status, 400, "{file}: {}", answer.text()),
            "y" => assert!(answer.status != 400 && answer.status < 500, "{file}: {}", answer.text()),
            _ => assert!(answer.status < 500, "{file}: {}", answer.text()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_xml_is_400_and_a_document_type_is_refused_by_name() {
    let mut party = Party::pulling("police-x", "police", &["ps:38101009"]);
    party.adapter = "cctns".to_owned();
    party.send = vec!["fir".to_owned(), "charge-sheet".to_owned()];
    party.receive = vec![];
    let folder = Folder::with(&[party]);
    let gateway = Gateway::start(&folder).await;
    let station = Client::connect(&folder, gateway.exchange, "police-x").await;
    for path in corpus("xml/not-wf/sa") {
        let answer = station.submit_xml("fir", &std::fs::read(&path).unwrap()).await;
        assert_eq!(answer.status, 400, "{}: {}", name(&path), answer.text());
    }
    for path in corpus("xml/valid/sa").iter().filter(|path| path.extension().is_some_and(|it| it == "xml")) {
        let bytes = std::fs::read(path).unwrap();
        let answer = station.submit_xml("fir", &bytes).await;
        if bytes.windows(9).any(|window| window == b"<!DOCTYPE") {
            assert_eq!((answer.status, answer.code().as_str()), (400, "doctype-refused"), "{}", name(path));
        } else if answer.status == 400 {
            assert_eq!(answer.code(), "encoding-refused", "{}: UTF-16 is XML, and not taken here", name(path));
        } else {
            assert_eq!(answer.status, 422, "{}: well-formed, and no FIR: {}", name(path), answer.text());
        }
    }
}

impl Client {
    async fn submit_xml(&self, kind: &str, bytes: &[u8]) -> Answer {
        let headers = [("content-type", "application/xml"), ("idempotency-key", "x")];
        self.call("POST", &format!("/v1/records/{kind}"), &headers, bytes).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_naughty_string_survives_the_journey_or_is_refused_by_name() {
    let (_folder, _gateway, sender, court) = started().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora/blns.json");
    let Ok(text) = std::fs::read(&path) else {
        println!("skipped: no corpus at {}", path.display());
        return;
    };
    let strings: Vec<String> = serde_json::from_slice(&text).unwrap();
    let mut sent = std::collections::BTreeMap::new();
    for (number, string) in strings.iter().enumerate() {
        let record = paper(POLICE, &[COURT], 1, string);
        let answer = sender.submit("paper", &format!("n{number}"), &[], record.to_string().as_bytes()).await.unwrap();
        match answer.status {
            202 => {
                let id = answer.json()["id"].as_str().unwrap().to_owned();
                sent.insert(id, string.clone());
            }
            422 => assert!(
                ["nul-character", "character-not-portable"].contains(&answer.code().as_str()),
                "{string:?}: {}",
                answer.text()
            ),
            other => panic!("{other} for {string:?}: {}", answer.text()),
        }
    }
    let mut after = String::new();
    while !sent.is_empty() {
        let query =
            if after.is_empty() { "limit=500&wait=20".to_owned() } else { format!("limit=500&wait=20&after={after}") };
        let page = court.feed(&query).await.unwrap().expect(200).json();
        assert!(!page["items"].as_array().unwrap().is_empty(), "{} did not arrive", sent.len());
        for item in page["items"].as_array().unwrap() {
            let string = sent.remove(item["icjsmessage"].as_str().unwrap()).expect("each arrives once");
            assert_eq!(item["data"]["note"].as_str().unwrap(), string);
        }
        after = page["next"].as_str().unwrap().to_owned();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_record_again_gets_the_same_answer_and_is_one_record() {
    let (_folder, _gateway, sender, court) = started().await;
    let record = paper(POLICE, &[COURT], 7, "once").to_string();
    let twins = (0..16).map(|_| sender.submit("paper", "twin", &[], record.as_bytes()));
    let answers: Vec<Answer> = futures_util::future::join_all(twins).await.into_iter().map(Result::unwrap).collect();
    let first = answers[0].clone().expect(202);
    for answer in &answers {
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(answer.text(), first.text(), "byte for byte");
    }
    let fresh = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
    assert_eq!(fresh, 1, "one is the first, fifteen are replays");
    let location = first.header("location").unwrap().to_owned();
    assert_eq!(sender.get(&location).await.unwrap().expect(200).json()["id"], first.json()["id"]);
    let page = court.feed("wait=10").await.unwrap().expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    // The key is bound to these bytes now, and to this kind.
    let other = paper(POLICE, &[COURT], 7, "twice").to_string();
    let answer = sender.submit("paper", "twin", &[], other.as_bytes()).await.unwrap().expect(422);
    assert_eq!(answer.code(), "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_event_number_in_the_body_names_the_record_for_ever() {
    let (_folder, _gateway, sender, _court) = started().await;
    let numbered = |note: &str| {
        let mut record = paper(POLICE, &[COURT], 8, note);
        record["event"]["number"] = json!("GD-17");
        record.to_string()
    };
    let first = sender.submit("paper", "", &[], numbered("a").as_bytes()).await.unwrap().expect(202);
    let again = sender.submit("paper", "other-key", &[], numbered("a").as_bytes()).await.unwrap().expect(202);
    assert_eq!(again.text(), first.text(), "the body's number wins over the header's key");
    let changed = sender.submit("paper", "", &[], numbered("b").as_bytes()).await.unwrap().expect(409);
    assert_eq!((changed.code(), &changed.json()["message"]), ("record-changed".to_owned(), &first.json()["id"]));
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let more = [("icjs-action", "correct"), ("icjs-replaces", id.as_str()), ("icjs-reason", "typing error")];
    let corrected = sender.submit("paper", "", &more, numbered("b").as_bytes()).await.unwrap().expect(202).json();
    assert_ne!(corrected["id"], first.json()["id"]);
    let stale = sender.submit("paper", "", &more, numbered("c").as_bytes()).await.unwrap().expect(409);
    assert_eq!(stale.json()["message"], corrected["id"], "it names the newest version");
    let found = sender.get("/v1/messages?record=GD-17").await.unwrap().expect(200).json();
    assert!(found["items"].as_array().unwrap().iter().any(|item| item["id"] == first.json()["id"]));
}

/// One refusal: what is sent, and what comes back.
struct Case {
    what: &'static str,
    kind: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
}

#[expect(clippy::too_many_lines, reason = "one table of refusals")]
fn cases() -> Vec<Case> {
    let good = paper(POLICE, &[COURT], 9, "good");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut record = good.clone();
        change(&mut record);
        record.to_string().into_bytes()
    };
    let json = vec![("content-type", "application/json"), ("idempotency-key", "k")];
    let plus = |name, value| {
        let mut headers = json.clone();
        headers.push((name, value));
        headers
    };
    let case = |what, kind, headers, body, status, code| Case { what, kind, headers, body, status, code };
    let fine = || good.to_string().into_bytes();
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        case("no such kind", "letter", json.clone(), fine(), 404, "kind-unknown"),
        case("a kind of others", "fir", json.clone(), fine(), 403, "not-allowed"),
        case(
            "XML where JSON is due",
            "paper",
            vec![("content-type", "application/xml"), ("idempotency-key", "k")],
            text("<a/>"),
            415,
            "media-type-unsupported",
        ),
        case("no media type", "paper", vec![("idempotency-key", "k")], fine(), 415, "media-type-unsupported"),
        case("XML that calls itself JSON", "paper", json.clone(), text("<a/>"), 400, "malformed-json"),
        case("nothing", "paper", json.clone(), Vec::new(), 400, "malformed-json"),
        case("Latin-1", "paper", json.clone(), b"{\"office\": \"\xe9\"}".to_vec(), 400, "encoding-refused"),
        case(
            "another charset",
            "paper",
            vec![("content-type", "application/json; charset=utf-16"), ("idempotency-key", "k")],
            fine(),
            400,
            "encoding-refused",
        ),
        case("no key", "paper", vec![("content-type", "application/json")], fine(), 400, "idempotency-key-missing"),
        case(
            "a key twice",
            "paper",
            json.clone(),
            text("{\"office\":\"ps:38101004\",\"office\":\"ps:38101004\"}"),
            422,
            "duplicate-key",
        ),
        case("NUL", "paper", json.clone(), with(&|it| it["note"] = json!("a\0b")), 422, "nul-character"),
        case(
            "a control character",
            "paper",
            json.clone(),
            with(&|it| it["note"] = json!("a\u{1}b")),
            422,
            "character-not-portable",
        ),
        case("deep", "paper", json.clone(), "[".repeat(100_000).into_bytes(), 400, "too-deep"),
        case(
            "a field that is not there",
            "paper",
            json.clone(),
            with(&|it| it["nota"] = json!(1)),
            422,
            "schema-invalid",
        ),
        case(
            "an office of others",
            "paper",
            json.clone(),
            with(&|it| it["office"] = json!("ps:38101009")),
            403,
            "office-not-yours",
        ),
        case(
            "an office of others in the header",
            "paper",
            plus("icjs-office", "court:DLCT01"),
            fine(),
            403,
            "office-not-yours",
        ),
        case("two offices", "paper", plus("icjs-office", "ps:38101005"), fine(), 422, "schema-invalid"),
        case("an unknown action", "paper", plus("icjs-action", "delete"), fine(), 422, "schema-invalid"),
        case("a correction of nothing", "paper", plus("icjs-action", "correct"), fine(), 422, "schema-invalid"),
        case(
            "an attachment that was not uploaded",
            "paper",
            json.clone(),
            with(
                &|it| it["attachments"] = json!([{"sha256": "00".repeat(32), "size": 1, "media_type": "image/png", "name": "a", "role": "photo", "sensitivity": "none"}]),
            ),
            422,
            "attachment-missing",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_its_status_its_code_and_words() {
    let (_folder, gateway, sender, _court) = started().await;
    for case in cases() {
        let path = format!("/v1/records/{}", case.kind);
        let answer = sender.call("POST", &path, &case.headers, &case.body).await.unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (case.status, case.code),
            "{}: {}",
            case.what,
            answer.text()
        );
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", case.what);
        let problem = answer.json();
        assert_eq!(problem["status"], case.status, "{}", case.what);
        for member in ["type", "title", "detail", "instance"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{}: no {member}", case.what);
        }
        // The same judgement without the journal.
        if case.code != "attachment-missing" && case.code != "idempotency-key-missing" {
            let path = format!("/v1/validate/{}", case.kind);
            let answer = sender.call("POST", &path, &case.headers, &case.body).await.unwrap();
            assert_eq!((answer.status, answer.code().as_str()), (case.status, case.code), "validate: {}", case.what);
        }
    }
    let body = paper(POLICE, &[COURT], 9, "good").to_string();
    for authorization in ["", "Bearer x.y.z", "Basic YTpi", &format!("Bearer {}x", sender.token)] {
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        let answer = request(gateway.exchange, "POST", "/v1/records/paper", &headers, body.as_bytes()).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"));
        assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_violation_is_listed_at_its_place_in_the_document() {
    let (_folder, _gateway, sender, _court) = started().await;
    let body = "{\n  \"office\": \"ps:38101004\",\n  \"case\": {\"fir\": {\"year\": \"x\"}},\n  \"nota\": 1\n}";
    let problem = sender.submit("paper", "k", &[], body.as_bytes()).await.unwrap().expect(422).json();
    let errors = problem["errors"].as_array().unwrap();
    assert!(errors.len() >= 2, "{problem:#}");
    let year = errors.iter().find(|error| error["pointer"] == "/case/fir/year").expect("the year is named");
    assert_eq!(year["line"], 3, "{year:#}");
    assert!(!problem.to_string().contains("\"x\""), "no value of the record is shown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused_within_a_second() {
    let (_folder, gateway, sender, _court) = started().await;
    let began = Instant::now();
    let answer = sender.submit("paper", "k", &[], &vec![b' '; 3 << 20]).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (413, "too-large"));
    let many = format!("[{}1]", "1,".repeat(300_000));
    let answer = sender.submit("paper", "k", &[], many.as_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (413, "too-large"), "too many items");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // A header that never ends, and a length that is none.
    let endless = format!("GET /v1/me HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(500));
    let answer = raw(gateway.exchange, endless.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 431, "{}", answer.text());
    let twice = "POST /v1/records/paper HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = raw(gateway.exchange, twice.as_bytes()).await.unwrap();
    assert!((400..500).contains(&answer.status), "{}", answer.status);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_answers_line_by_line() {
    let (_folder, _gateway, sender, _court) = started().await;
    let line = |key: &str, body: &Value| {
        json!({"kind": "paper", "headers": {"Idempotency-Key": key}, "body": body}).to_string()
    };
    let good = paper(POLICE, &[COURT], 21, "in a batch");
    let lines =
        [line("b1", &good), "{broken".to_owned(), line("b2", &json!({"office": 1})), line("b1", &good)].join("\n");
    let headers = [("content-type", "application/x-ndjson")];
    let answer = sender.call("POST", "/v1/batches", &headers, lines.as_bytes()).await.unwrap().expect(200);
    let told: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses: Vec<u64> = told.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [202, 400, 422, 202], "{told:#?}");
    assert_eq!(told[3]["replayed"], true);
    assert_eq!(told[3]["answer"]["id"], told[0]["answer"]["id"]);
    assert_eq!(told[1]["line"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_shows_who_would_get_what_and_keeps_nothing() {
    let (_folder, _gateway, sender, court) = started().await;
    let record = paper(POLICE, &[COURT], 31, "only asking");
    let headers = [("content-type", "application/json")];
    let body = record.to_string();
    let answer = sender.call("POST", "/v1/validate/paper", &headers, body.as_bytes()).await.unwrap().expect(200).json();
    assert_eq!(answer["shared"]["note"], "only asking");
    assert_eq!(answer["cases"][0], "fir/38101004-2026-31");
    let delivery = &answer["deliveries"][0];
    assert_eq!((&delivery["office"], &delivery["state"]), (&json!(COURT), &json!("queued")), "{answer:#}");
    assert!(delivery["document"].as_str().is_some_and(|document| document.contains("only asking")), "{answer:#}");
    assert_eq!(court.feed("").await.unwrap().expect(200).json()["items"], json!([]));
    assert_eq!(sender.get("/v1/messages").await.unwrap().expect(200).json()["items"], json!([]));
}
