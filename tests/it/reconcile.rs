//! Both sides keep books: what a partner makes of what it holds, with a script in another language, is held against the gateway's
//! book of the same day, and every difference is named.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use icjs::clock::{Clock, WallClock};
use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::{Client, Folder, Gateway, Party};

const STATION: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
const PRISON: &str = "prison:DL01";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A book as the script makes it.
fn book(folder: &Folder, system: &str, day: &str, sent: &[Value], received: &[Value]) -> PathBuf {
    let lines = |name: &str, values: &[Value]| -> PathBuf {
        let path = folder.path(name);
        std::fs::write(&path, values.iter().map(|value| format!("{value}\n")).collect::<String>()).unwrap();
        path
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reconcile.py");
    let mut command = Command::new("python3");
    command.arg(script).args([system, day]).arg("--sent").arg(lines("sent.ndjson", sent));
    let output = command.arg("--received").arg(lines("received.ndjson", received)).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let path = folder.path("book.ndjson");
    std::fs::write(&path, output.stdout).unwrap();
    path
}

struct Stage {
    folder: Folder,
    _gateway: Gateway,
    police: Client,
    court: Client,
    day: String,
    jwks: String,
    /// What the police hold of what they sent to the court.
    sent: Vec<Value>,
    /// What the court took of it.
    taken: Vec<Value>,
}

impl Stage {
    async fn started() -> Self {
        let folder = Folder::with(&[
            Party::pulling("police", "police", &[STATION]),
            Party::pulling("court", "courts", &[COURT]),
            Party::pulling("prison", "prisons", &[PRISON]),
        ]);
        let gateway = Gateway::start(&folder).await;
        let police = Client::connect(&folder, gateway.exchange, "police").await;
        let court = Client::connect(&folder, gateway.exchange, "court").await;
        let mut sent = Vec::new();
        for number in 0..5 {
            let record = paper(STATION, &[COURT], number, "a note");
            let file = folder.path(&format!("sent-{number}.json"));
            std::fs::write(&file, record.to_string()).unwrap();
            let answer = police.accepted("paper", &format!("p-{number}"), &record).await;
            sent.push(json!({"receipt": answer["receipt"], "file": file, "id": answer["id"]}));
        }
        police.accepted("paper", "for the prison", &paper(STATION, &[PRISON], 9, "another's")).await;
        let mut taken: Vec<Value> = Vec::new();
        while taken.len() < 5 {
            let page = court.feed("wait=10").await.unwrap().expect(200).json();
            taken = page["items"].as_array().unwrap().clone();
        }
        let outcomes: Vec<Value> = taken.iter().map(|item| json!({"id": item["id"], "outcome": "received"})).collect();
        court.answer(json!(outcomes)).await.unwrap().expect(200);
        let jwks = folder.path("jwks.json").display().to_string();
        std::fs::write(&jwks, police.get("/.well-known/jwks.json").await.unwrap().expect(200).text()).unwrap();
        let day = WallClock.now().to_string()[..10].to_owned();
        Self { folder, _gateway: gateway, police, court, day, jwks, sent, taken }
    }

    /// The gateway's book as a partner gets it, and a file with it.
    async fn ours(&self, client: &Client) -> (String, String) {
        let book = client.get(&format!("/v1/reconciliation/{}", self.day)).await.unwrap().expect(200).text();
        let path = self.folder.path("ours.ndjson").display().to_string();
        std::fs::write(&path, &book).unwrap();
        (book, path)
    }

    /// The centre compares.
    fn compared(&self, system: &str, theirs: &Path) -> (Option<i32>, String) {
        let mut command = Gateway::command(&self.folder);
        let output = command.args(["reconcile", &self.day, "--system", system, "--with"]).arg(theirs).output().unwrap();
        (output.status.code(), said(&output))
    }
}

/// The partner compares, or only looks whether a book is good.
fn judged(words: &[&str]) -> icjs_verify::Verdict {
    icjs_verify::run(["icjs-verify", "book"].iter().chain(words).map(Into::into))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_of_both_sides_agree_and_whatever_differs_is_named() {
    let mut stage = Stage::started().await;
    let (_, ours) = stage.ours(&stage.court).await;
    // Complete on both sides, as the centre and as the court itself compares them.
    let theirs = book(&stage.folder, "court", &stage.day, &[], &stage.taken);
    let (code, words) = stage.compared("court", &theirs);
    assert_eq!(code, Some(0), "{words}");
    let good = judged(&[&ours, "--jwks", &stage.jwks, "--with", theirs.to_str().unwrap()]);
    assert_eq!((good.code, good.text.contains("same 5 records")), (0, true), "{}", good.text);
    // One that the court lost, and one that the gateway knows nothing of.
    let lost = stage.taken.remove(2);
    stage.taken.push(json!({"id": "01a00000-0000-7000-8000-000000000001", "time": lost["time"]}));
    let theirs = book(&stage.folder, "court", &stage.day, &[], &stage.taken);
    let (code, words) = stage.compared("court", &theirs);
    assert_eq!(code, Some(65), "{words}");
    let lost = lost["id"].as_str().unwrap();
    for (id, what) in [(lost, "the partner does not have it"), ("01a00000", "was not acknowledged")] {
        assert!(words.lines().any(|line| line.contains(id) && line.contains(what)), "{words}");
    }
    let bad = judged(&[&ours, "--jwks", &stage.jwks, "--with", theirs.to_str().unwrap()]);
    assert_eq!((bad.code, bad.text.contains("differ in 2 records")), (65, true), "{}", bad.text);

    // What was sent: one that the sender forgot, and one whose bytes are not those that were sent.
    let theirs = book(&stage.folder, "police", &stage.day, &stage.sent, &[]);
    let (code, words) = stage.compared("police", &theirs);
    assert_eq!((code, words.contains("differ in 1 records")), (Some(65), true), "{words}");
    std::fs::write(stage.sent[0]["file"].as_str().unwrap(), "other bytes").unwrap();
    let theirs = book(&stage.folder, "police", &stage.day, &stage.sent, &[]);
    let (_, words) = stage.compared("police", &theirs);
    let id = stage.sent[0]["id"].as_str().unwrap();
    assert!(words.lines().any(|line| line.contains(id) && line.contains("different bytes")), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_is_its_partners_alone_the_same_each_time_and_whatever_is_changed_in_it_shows() {
    let stage = Stage::started().await;
    let (gateways, ours) = stage.ours(&stage.court).await;
    assert_eq!(stage.ours(&stage.court).await.0, gateways, "the same day, the same book");
    assert!(!gateways.contains("prison"), "of others there is nothing in it: {gateways}");
    let pair = gateways.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line.get("pair").map(|pair| (pair["from"].clone(), pair["to"].clone(), line["count"].clone()))
    });
    assert_eq!(pair, Some((json!(STATION), json!(COURT), json!(5))), "{gateways}");
    assert_eq!(judged(&[&ours, "--jwks", &stage.jwks]).code, 0);
    for place in 0..gateways.len() {
        let mut changed = gateways.clone().into_bytes();
        changed[place] ^= 1 << (place % 7);
        std::fs::write(&ours, changed).unwrap();
        assert_eq!(judged(&[&ours, "--jwks", &stage.jwks]).code, 65, "byte {place}");
    }
    // Another day has no records, and what is no day or no system is refused.
    let other = stage.police.get("/v1/reconciliation/2020-02-29").await.unwrap().expect(200).text();
    assert_eq!(other.lines().count(), 2, "a head and a signature: {other}");
    for none in ["2021-02-29", "yesterday", "2026-1-1"] {
        stage.court.get(&format!("/v1/reconciliation/{none}")).await.unwrap().expect(422);
    }
    for (day, system, code, what) in
        [("yesterday", "court", 64, "is no day"), (stage.day.as_str(), "nobody", 65, "there is no system `nobody`")]
    {
        let output = Gateway::command(&stage.folder).args(["reconcile", day, "--system", system]).output().unwrap();
        assert_eq!((output.status.code(), said(&output).contains(what)), (Some(code), true), "{}", said(&output));
    }
}
