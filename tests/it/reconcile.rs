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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_of_both_sides_agree_and_whatever_differs_is_named() {
    let folder = Folder::with(&[
        Party::pulling("police", "police", &[STATION]),
        Party::pulling("court", "courts", &[COURT]),
        Party::pulling("prison", "prisons", &[PRISON]),
    ]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    let day = WallClock.now().to_string()[..10].to_owned();
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

    let path = format!("/v1/reconciliation/{day}");
    let gateways = court.get(&path).await.unwrap().expect(200).text();
    assert_eq!(court.get(&path).await.unwrap().expect(200).text(), gateways, "the same day, the same book");
    assert!(!gateways.contains("prison"), "of others there is nothing in it: {gateways}");
    let pair = gateways.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line.get("pair").map(|pair| (pair["from"].clone(), pair["to"].clone(), line["count"].clone()))
    });
    assert_eq!(pair, Some((json!(STATION), json!(COURT), json!(5))), "{gateways}");
    let ours = folder.path("ours.ndjson").display().to_string();
    std::fs::write(&ours, &gateways).unwrap();
    let verify = |words: &[&str]| icjs_verify::run(["icjs-verify", "book"].iter().chain(words).map(Into::into));
    let compare = |system: &str, theirs: &Path| {
        let mut command = Gateway::command(&folder);
        command.args(["reconcile", &day, "--system", system, "--with"]).arg(theirs).output().unwrap()
    };

    // Complete on both sides, as the centre and as the court itself compares them.
    let theirs = book(&folder, "court", &day, &[], &taken);
    let output = compare("court", &theirs);
    assert!(output.status.success(), "{}", said(&output));
    let good = verify(&[&ours, "--jwks", &jwks, "--with", theirs.to_str().unwrap()]);
    assert_eq!((good.code, good.text.contains("same 5 records")), (0, true), "{}", good.text);
    // One that the court lost, and one that the gateway knows nothing of.
    let lost = taken.remove(2);
    taken.push(json!({"id": "01a00000-0000-7000-8000-000000000001", "time": lost["time"]}));
    let theirs = book(&folder, "court", &day, &[], &taken);
    let output = compare("court", &theirs);
    let words = said(&output);
    assert_eq!(output.status.code(), Some(65), "{words}");
    for (id, what) in
        [(lost["id"].as_str().unwrap(), "the partner does not have it"), ("01a00000", "was not acknowledged")]
    {
        assert!(words.lines().any(|line| line.contains(id) && line.contains(what)), "{words}");
    }
    let bad = verify(&[&ours, "--jwks", &jwks, "--with", theirs.to_str().unwrap()]);
    assert_eq!((bad.code, bad.text.contains("differ in 2 records")), (65, true), "{}", bad.text);

    // What was sent: one whose bytes are not those that were sent, and one that the sender forgot.
    let theirs = book(&folder, "police", &day, &sent, &[]);
    let output = compare("police", &theirs);
    assert_eq!(output.status.code(), Some(65), "the paper for the prison is not in it: {}", said(&output));
    assert!(said(&output).contains("differ in 1 records"), "{}", said(&output));
    std::fs::write(sent[0]["file"].as_str().unwrap(), "other bytes").unwrap();
    let theirs = book(&folder, "police", &day, &sent, &[]);
    let words = said(&compare("police", &theirs));
    let id = sent[0]["id"].as_str().unwrap();
    assert!(words.lines().any(|line| line.contains(id) && line.contains("different bytes")), "{words}");

    // A book that was changed is none, wherever; another day has no records, and no day is refused.
    for place in 0..gateways.len() {
        let mut changed = gateways.clone().into_bytes();
        changed[place] ^= 1 << (place % 7);
        std::fs::write(&ours, changed).unwrap();
        assert_eq!(verify(&[&ours, "--jwks", &jwks]).code, 65, "byte {place}");
    }
    let other = court.get("/v1/reconciliation/2020-02-29").await.unwrap().expect(200).text();
    assert_eq!(other.lines().count(), 2, "a head and a signature: {other}");
    for none in ["2021-02-29", "yesterday", "2026-1-1"] {
        court.get(&format!("/v1/reconciliation/{none}")).await.unwrap().expect(422);
    }
    let output = Gateway::command(&folder).args(["reconcile", "yesterday", "--system", "court"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    let output = Gateway::command(&folder).args(["reconcile", &day, "--system", "nobody"]).output().unwrap();
    assert!(!output.status.success() && said(&output).contains("there is no system `nobody`"), "{}", said(&output));
}
