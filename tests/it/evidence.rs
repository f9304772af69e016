//! The evidence log as an auditor has it: copied from the running gateway, checked with the public key alone. What was cut,
//! changed or written anew shows, by the copy's own checkpoints or by a receipt that a sender kept.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::http::request;
use super::harness::{Client, Folder, Gateway, Party};

const STATION: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

struct Stage {
    folder: Folder,
    gateway: Gateway,
    copy: tempfile::TempDir,
}

impl Stage {
    async fn started() -> Self {
        let folder = Folder::with(&[
            Party::pulling("police", "police", &[STATION]),
            Party::pulling("court", "courts", &[COURT]),
        ]);
        let gateway = Gateway::start(&folder).await;
        Self { folder, gateway, copy: tempfile::tempdir().unwrap() }
    }

    /// Has so many records accepted; their answers.
    async fn sent(&self, from: u32, count: u32) -> Vec<Value> {
        let police = Client::connect(&self.folder, self.gateway.exchange, "police").await;
        let mut answers = Vec::new();
        for number in from..from + count {
            let record = paper(STATION, &[COURT], number, "a note");
            answers.push(police.accepted("paper", &format!("p-{number}"), &record).await);
        }
        answers
    }

    fn evidence(&self, verb: &str, more: &[&str]) -> Output {
        let mut command = Gateway::command(&self.folder);
        command.args(["evidence", verb]).arg(self.copy.path()).arg("--json").args(more);
        command.output().unwrap()
    }

    /// How many leaves a good copy has.
    fn good(&self, verb: &str, more: &[&str]) -> u64 {
        let output = self.evidence(verb, more);
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["leaves"].as_u64().unwrap()
    }

    /// What is said of a bad one.
    fn bad(&self, verb: &str, more: &[&str]) -> String {
        let output = self.evidence(verb, more);
        assert_eq!(output.status.code(), Some(65), "{}", text(&output));
        text(&output)
    }

    /// A receipt of an answer, in a file.
    fn receipt(&self, answer: &Value) -> String {
        let path = self.folder.path("receipt.json");
        std::fs::write(&path, answer.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The leaves of a fresh copy: what the log says, in its order.
    fn leaves(&self) -> Vec<Value> {
        let size = self.good("copy", &[]);
        assert!(size < 256, "one bundle: {size}");
        let bundle = std::fs::read(self.copy.path().join(format!("tile/entries/000.p/{size}"))).unwrap();
        let mut rest = &bundle[..];
        let mut leaves = Vec::new();
        while let [high, low, more @ ..] = rest {
            let (leaf, more) = more.split_at(usize::from(*high) << 8 | usize::from(*low));
            leaves.push(serde_json::from_slice(leaf).unwrap());
            rest = more;
        }
        leaves
    }

    async fn again(&mut self) {
        self.gateway = Gateway::start(&self.folder).await;
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Copies a folder with what is in it.
fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copied(&entry.path(), &target),
            kind if kind.is_file() => drop(std::fs::copy(entry.path(), target).unwrap()),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_log_grows_with_it_and_has_every_receipted_record() {
    let stage = Stage::started().await;
    let first = stage.sent(0, 20).await;
    let size = stage.good("copy", &[]);
    assert!(size >= 20, "{size}");
    let more = stage.sent(20, 280).await;
    let grown = stage.good("copy", &[]);
    assert!(grown >= 300, "{grown}");
    assert!(stage.copy.path().join("tile/entries/000").exists(), "a bundle that is whole now");
    assert!(!stage.copy.path().join("tile/entries/000.p").exists(), "its beginning is not kept beside it");
    for answer in [&first[0], &first[19], &more[279]] {
        assert_eq!(stage.good("verify", &["--receipt", &stage.receipt(answer)]), grown);
    }
    // Nobody needs the gateway for it, only its key.
    let key = text(&Gateway::command(&stage.folder).args(["evidence", "key"]).output().unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_icjs"));
    command
        .current_dir(elsewhere.path())
        .env_remove("ICJS_DIR")
        .args(["evidence", "verify"])
        .arg(stage.copy.path())
        .args(["--key", key.trim()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_in_a_copy_is_named() {
    let stage = Stage::started().await;
    stage.sent(0, 10).await;
    let size = stage.good("copy", &[]);
    let bundle = stage.copy.path().join(format!("tile/entries/000.p/{size}"));
    let good = std::fs::read(&bundle).unwrap();
    let mut changed = good.clone();
    let place = changed.windows(8).position(|part| part == b"accepted").unwrap();
    changed[place] = b'X';
    std::fs::write(&bundle, &changed).unwrap();
    let said = stage.bad("verify", &[]);
    assert!(said.contains("leaf 1 ") && said.contains("tile/entries/000"), "{said}");
    std::fs::write(&bundle, &good[..good.len() - 1]).unwrap();
    assert!(stage.bad("verify", &[]).contains("cut"), "{}", stage.bad("verify", &[]));
    std::fs::write(&bundle, &good).unwrap();
    assert_eq!(stage.good("verify", &[]), size);
    // Another log's key opens nothing of this one.
    let other = Stage::started().await;
    let key = text(&Gateway::command(&other.folder).args(["evidence", "key"]).output().unwrap());
    std::fs::remove_file(stage.copy.path().join("key")).unwrap();
    assert!(stage.bad("verify", &["--key", key.trim()]).contains("none of the keys given has signed it"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yesterdays_disk_shows_by_a_receipt_and_by_a_copy_that_somebody_keeps() {
    let mut stage = Stage::started().await;
    stage.sent(0, 5).await;
    stage.gateway.stop().await;
    let yesterday = tempfile::tempdir().unwrap();
    copied(&stage.folder.path("data"), &yesterday.path().join("data"));
    stage.again().await;
    let lost = stage.sent(5, 5).await;
    let size = stage.good("copy", &[]);
    stage.gateway.stop().await;

    std::fs::remove_dir_all(stage.folder.path("data")).unwrap();
    copied(&yesterday.path().join("data"), &stage.folder.path("data"));
    stage.again().await;
    let said = stage.bad("copy", &[]);
    assert!(said.contains("are gone") && said.contains(&format!("had {size} before")), "{said}");
    // The copy that proves it is what it was.
    assert_eq!(stage.good("verify", &["--receipt", &stage.receipt(&lost[4])]), size);
    // Whoever has no copy has his receipt: a new copy is a good log, without his record.
    let mine = tempfile::tempdir().unwrap();
    let kept = std::mem::replace(&mut stage.copy, mine);
    assert!(stage.good("copy", &[]) < size);
    let said = stage.bad("verify", &["--receipt", &stage.receipt(&lost[4])]);
    assert!(said.contains("leaves are gone") && said.contains(lost[4]["id"].as_str().unwrap()), "{said}");
    // And once it has grown beyond what was lost, the history is another.
    stage.sent(100, 20).await;
    stage.copy = kept;
    let said = stage.bad("copy", &[]);
    assert!(said.contains("another history") || said.contains("not those that were logged"), "{said}");
    assert_eq!(stage.good("verify", &[]), size, "what does not fit was not taken into the copy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_for_those_who_are_let_in_and_has_no_other_files() {
    let stage = Stage::started().await;
    stage.sent(0, 3).await;
    let token = std::fs::read_to_string(stage.folder.path("data/admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let get = async |target: &str, known: bool| {
        let headers: Vec<(&str, &str)> = if known { vec![("authorization", bearer.as_str())] } else { Vec::new() };
        request(stage.gateway.admin, "GET", target, &headers, b"").await.unwrap()
    };
    for target in ["/evidence/checkpoint", "/evidence/tile/entries/000.p/1"] {
        assert_eq!((get(target, false).await.status, get(target, true).await.status), (401, 200), "{target}");
        let police = Client::connect(&stage.folder, stage.gateway.exchange, "police").await;
        assert_eq!(police.get(target).await.unwrap().status, 404, "the exchange has no such thing");
    }
    for beyond in
        ["entries/000", "0/000.p/0", "0/000.p/200", "0/001", "1/000", "9/000", "entries/000.p/01", "x/y", "0/-1"]
    {
        let answer = get(&format!("/evidence/tile/{beyond}"), true).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not-found"), "{beyond}: {}", answer.text());
    }
    let leaves = stage.leaves();
    assert_eq!(leaves[0]["event"], "revised", "what everything else goes by: {leaves:?}");
    let leaf = leaves.iter().find(|leaf| leaf["event"] == "accepted").unwrap();
    assert_eq!(leaf["office"], STATION, "{leaf}");
    assert!(!format!("{leaves:?}").contains("a note"), "a leaf says nothing of what a record says");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_readings_and_what_people_order_are_in_the_log_and_bind_their_rows() {
    let mut stage = Stage::started().await;
    let police = Client::connect(&stage.folder, stage.gateway.exchange, "police").await;
    police.submit("paper", "broken", &[], b"{\"a\":").await.unwrap().expect(400);
    let sent = stage.sent(0, 1).await;
    let court = Client::connect(&stage.folder, stage.gateway.exchange, "court").await;
    court.feed("wait=10").await.unwrap().expect(200);
    let id = sent[0]["id"].as_str().unwrap();
    police.get(&format!("/v1/messages/{id}")).await.unwrap().expect(200);
    let delivery = format!("{}1", &id[..id.len() - 1]);
    let (one, other) = ("fir/38101004-2026-1", "fir/38101004-2026-2");
    let ordered = |words: &[&str], reason: &str| {
        let output = Gateway::command(&stage.folder).args(words).args(["--reason", reason]).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", text(&output));
    };
    ordered(&["case", "link", one, "same", other], "one case");
    ordered(&["case", "unlink", one, "same", other], "two cases");
    ordered(&["deliveries", "replay", &delivery], "asked by the court");
    ordered(&["deliveries", "replay", &delivery], "asked again");
    let leaves = stage.leaves();
    let of = |event: &str| leaves.iter().filter(|leaf| leaf["event"] == event).collect::<Vec<_>>();
    for (event, table, system) in [
        ("refused", "refusal/police/", Some("police")),
        ("read", "reading/", Some("court")),
        ("revised", "revision/1", None),
        ("linked", "link/1", None),
        ("parted", "link/1", None),
        ("ordered", "orders/1", None),
    ] {
        let leaf = of(event)[0];
        assert!(leaf["row"].as_str().unwrap().starts_with(table), "{leaf}");
        assert_eq!(leaf.get("system").and_then(Value::as_str), system, "{leaf}");
        assert_eq!(leaf["mac"].as_str().unwrap().len(), 64);
    }
    assert_eq!(of("read").len(), 2, "the page and the look at the message: {leaves:?}");

    // Whoever changes such a row in the store, its own digest too, does not fit the log.
    stage.gateway.stop().await;
    let verify = || Gateway::command(&stage.folder).args(["store", "verify"]).output().unwrap();
    assert!(verify().status.success(), "{}", text(&verify()));
    let store = rusqlite::Connection::open(stage.folder.path("data/journal.db")).unwrap();
    store.execute("UPDATE orders SET (row, guard) = (SELECT row, guard FROM orders WHERE number = 2)", []).unwrap();
    let said = text(&verify());
    assert!(said.contains("orders `1`: not the row of which the evidence log says `ordered`"), "{said}");
    store.execute("DELETE FROM refusal", []).unwrap();
    let said = text(&verify());
    assert!(said.contains("refusal `police/") && said.contains("`refused`, and the row is not there"), "{said}");
}

/// What the program for those who do not trust the gateway says of some files.
fn judged(words: &[&str]) -> icjs_verify::Verdict {
    icjs_verify::run(["icjs-verify"].iter().chain(words).map(std::ffi::OsString::from))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_a_record_is_proved_to_both_sides_without_the_gateway() {
    let stage = Stage::started().await;
    let (police, court) = (
        Client::connect(&stage.folder, stage.gateway.exchange, "police").await,
        Client::connect(&stage.folder, stage.gateway.exchange, "court").await,
    );
    let sent = stage.sent(0, 3).await.remove(1);
    let id = sent["id"].as_str().unwrap();
    court.feed("wait=10").await.unwrap().expect(200);
    let delivery = format!("{}1", &id[..id.len() - 1]);
    let said = json!([{"id": delivery, "outcome": "accepted", "reference": {"scheme": "sr", "value": "SR 12/2026"}}]);
    court.answer(said).await.unwrap().expect(200);
    let mut texts = Vec::new();
    for client in [&police, &court] {
        texts.push(client.get(&format!("/v1/messages/{id}/proof")).await.unwrap().expect(200).text());
    }
    let key = text(&Gateway::command(&stage.folder).args(["evidence", "key"]).output().unwrap());
    let key = key.trim();
    let jwks = stage.folder.path("jwks.json").display().to_string();
    std::fs::write(&jwks, police.get("/.well-known/jwks.json").await.unwrap().expect(200).text()).unwrap();
    let receipt = stage.receipt(&sent);
    let good = judged(&["receipt", &receipt, "--jwks", &jwks]);
    assert_eq!((good.code, good.text.contains(id)), (0, true), "{}", good.text);
    let path = stage.folder.path("proof.json").display().to_string();
    for (text, events) in texts.iter().zip([&["  accepted", "  available", "  outcome-accepted", "  delivered"][..]; 2])
    {
        std::fs::write(&path, text).unwrap();
        let good = judged(&["proof", &path, "--key", key, "--receipt", &receipt, "--jwks", &jwks]);
        assert_eq!(good.code, 0, "{}", good.text);
        assert!(events.iter().all(|event| good.text.contains(event)), "{}", good.text);
    }

    // Of another record's receipt nothing is proved, and whatever is changed shows.
    let other = stage.receipt(&stage.sent(9, 1).await[0]);
    let bad = judged(&["proof", &path, "--key", key, "--receipt", &other, "--jwks", &jwks]);
    assert_eq!((bad.code, bad.text.contains("is not there")), (65, true), "{}", bad.text);
    let document = texts[0].clone().into_bytes();
    for place in 0..document.len() {
        let mut changed = document.clone();
        changed[place] ^= 1 << (place % 7);
        std::fs::write(&path, &changed).unwrap();
        let bad = judged(&["proof", &path, "--key", key]);
        assert_eq!(bad.code, 65, "byte {place}: {}", bad.text);
    }
    // The whole log says the same.
    stage.good("copy", &[]);
    let copy = stage.copy.path().display().to_string();
    let good = judged(&["log", &copy, "--key", key, "--receipt", &other, "--jwks", &jwks]);
    assert_eq!((good.code, good.text.contains("the log is whole")), (0, true), "{}", good.text);
    assert_eq!(judged(&["log", "/nowhere", "--key", key]).code, 66);
    assert_eq!(judged(&["log", &copy, "--key", "nonsense"]).code, 64);
    assert_eq!(judged(&["proof", &path]).code, 64);
}
