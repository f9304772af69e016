//! Watched folders: a system that can only write and read files takes part in the exchange. Files half written, damaged, linked,
//! of no known kind; the gateway killed between any two steps; what is addressed to it, as files.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::scene::{SOON, edit};
use super::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

/// A system that can only write and read files, and a court that pulls.
pub struct Stage {
    pub folder: Folder,
    pub gateway: Gateway,
    pub court: Client,
}

impl Stage {
    pub async fn started() -> Self {
        let folder =
            Folder::with(&[Party::pulling("old", "police", &[POLICE]), Party::pulling("court", "courts", &[COURT])]);
        let section = "[folder]\npath = \"exchange/old\"\nquiet = \"400ms\"\nevery = \"50ms\"\n\
                       kinds = [\"paper:papers/\", \"order:ORD_*.json\"]\n";
        edit(&folder, "old", "[keys]\njwks_file = \"keys/old.jwks.json\"\n", "");
        edit(&folder, "old", "[feed]\n", section);
        let gateway = Gateway::start(&folder).await;
        let court = Client::connect(&folder, gateway.exchange, "court").await;
        Self { folder, gateway, court }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path("exchange/old").join(path)
    }

    /// As a careful system drops a file: written under another name, then renamed.
    pub fn drop(&self, name: &str, bytes: &[u8]) {
        let to = self.path("drop").join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let draft = to.with_file_name(".being-written");
        std::fs::write(&draft, bytes).unwrap();
        std::fs::rename(draft, to).unwrap();
    }

    pub async fn feed(&self) -> Vec<Value> {
        self.court.feed("wait=1&limit=500").await.unwrap().expect(200).json()["items"].as_array().unwrap().clone()
    }

    pub async fn result(&self, path: &str) -> Value {
        until(&self.path(path)).await;
        serde_json::from_slice(&std::fs::read(self.path(path)).unwrap()).unwrap()
    }
}

pub async fn until(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < SOON, "{} never came", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn text(case: u32, note: &str) -> Vec<u8> {
    paper(POLICE, &[COURT], case, note).to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_dropped_are_accepted_or_refused_with_the_reason_beside_them() {
    let stage = Stage::started().await;
    until(&stage.path("drop/papers")).await;
    let photograph = vec![7; 200_000];
    let digest = icjs::seal::hex(&icjs::seal::sha256(&photograph));
    let mut record = paper(POLICE, &[COURT], 1, "by file");
    record["attachments"] = json!([{"sha256": digest, "size": photograph.len(), "media_type": "image/x-raw",
        "sensitivity": "none"}]);
    stage.drop("attachments/scene.raw", &photograph);
    assert_eq!(stage.result("done/attachments/scene.raw.answer.json").await["sha256"], json!(digest));
    stage.drop("papers/one.json", record.to_string().as_bytes());
    let answer = stage.result("done/papers/one.json.answer.json").await;
    assert!(answer["receipt"].as_str().unwrap().contains('.'), "{answer}");
    until(&stage.path("done/papers/one.json")).await;
    assert_eq!(std::fs::read(stage.path("done/papers/one.json")).unwrap(), record.to_string().as_bytes());
    let items = stage.feed().await;
    assert_eq!(items[0]["data"]["note"], json!("by file"));
    let href = items[0]["icjsattachments"][0]["href"].as_str().unwrap();
    assert!(stage.court.get(href).await.unwrap().expect(200).body == photograph);

    // Damaged, of no kind, against the schema, a link to a secret.
    stage.drop("papers/torn.json", &record.to_string().as_bytes()[..80]);
    assert_eq!(stage.result("failed/papers/torn.json.problem.json").await["code"], json!("malformed-json"));
    stage.drop("letter.txt", b"Dear Sir");
    let problem = stage.result("failed/letter.txt.problem.json").await;
    assert_eq!(problem["code"], json!("kind-unknown"));
    assert!(problem["detail"].as_str().unwrap().contains("[folder]"), "where to mend it: {problem}");
    stage.drop(
        "papers/wrong.json",
        &text(2, "x").iter().map(|b| if *b == b'n' { b'm' } else { *b }).collect::<Vec<u8>>(),
    );
    let problem = stage.result("failed/papers/wrong.json.problem.json").await;
    assert!(!problem["errors"][0]["pointer"].as_str().unwrap().is_empty(), "{problem}");
    std::os::unix::fs::symlink(stage.folder.path("keys/store.key"), stage.path("drop/papers/link.json")).unwrap();
    assert_eq!(stage.result("failed/papers/link.json.problem.json").await["code"], json!("not-allowed"));
    assert_eq!(stage.feed().await.len(), 1, "nothing of these went anywhere");
    // Mended and dropped again under its name.
    stage.drop("papers/torn.json", &text(3, "mended"));
    stage.result("done/papers/torn.json.answer.json").await;
    assert_eq!(stage.feed().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_still_being_written_is_not_taken() {
    let stage = Stage::started().await;
    until(&stage.path("drop/papers")).await;
    let whole = text(1, &"long ".repeat(2_000));
    let (first, second) = whole.split_at(whole.len() / 2);
    for name in ["slow.json", "half.json.part"] {
        std::fs::write(stage.path("drop/papers").join(name), first).unwrap();
    }
    // It grows a little faster than what counts as quiet.
    for byte in &second[..8] {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let mut file = std::fs::File::options().append(true).open(stage.path("drop/papers/slow.json")).unwrap();
        std::io::Write::write_all(&mut file, &[*byte]).unwrap();
    }
    assert!(stage.path("drop/papers/slow.json").exists(), "it was taken half written");
    let mut file = std::fs::File::options().append(true).open(stage.path("drop/papers/slow.json")).unwrap();
    std::io::Write::write_all(&mut file, &second[8..]).unwrap();
    stage.result("done/papers/slow.json.answer.json").await;
    assert!(stage.path("drop/papers/half.json.part").exists(), "its name says that it is not finished");
    assert_eq!(stage.feed().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_between_any_two_steps_doubles_nothing() {
    let mut stage = Stage::started().await;
    until(&stage.path("drop/papers")).await;
    for round in 0..4 {
        for n in 0..20 {
            stage.drop(&format!("papers/{round}-{n}.json"), &text(round * 20 + n, &format!("{round}-{n}")));
        }
        tokio::time::sleep(Duration::from_millis(450 + u64::from(round) * 60)).await;
        stage.gateway.kill();
        // Between the answer and the move, as a kill leaves it: the file is in `drop` again.
        if let Some(moved) = std::fs::read_dir(stage.path("done/papers")).into_iter().flatten().flatten().find(|file| {
            let name = file.file_name().into_string().unwrap();
            !name.ends_with(".answer.json") && !name.starts_with('.')
        }) {
            std::fs::rename(moved.path(), stage.path("drop/papers").join(moved.file_name())).unwrap();
        }
        stage.gateway = Gateway::start(&stage.folder).await;
    }
    let began = Instant::now();
    while std::fs::read_dir(stage.path("drop/papers")).unwrap().count() > 0 {
        assert!(began.elapsed() < SOON, "files are left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stage.court = Client::connect(&stage.folder, stage.gateway.exchange, "court").await;
    let mut notes: Vec<String> = Vec::new();
    while notes.len() < 80 {
        let items = stage.feed().await;
        assert!(began.elapsed() < SOON, "{} came", notes.len());
        notes = items.iter().map(|item| item["data"]["note"].as_str().unwrap().to_owned()).collect();
    }
    notes.sort();
    notes.dedup();
    assert_eq!(notes.len(), 80, "each once");
    let answers = std::fs::read_dir(stage.path("done/papers")).unwrap();
    let answers = answers.filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".answer.json"));
    assert_eq!(answers.count(), 80, "each with its answer beside it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_addressed_to_it_comes_as_files_and_it_answers_by_files() {
    let mut stage = Stage::started().await;
    let record = paper(COURT, &[POLICE], 5, "to the old system");
    let accepted = stage.court.accepted("paper", "k", &record).await;
    let delivery = accepted["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let about = stage.result(&format!("out/paper/{delivery}.about.json")).await;
    assert_eq!((&about["id"], &about["type"]), (&json!(delivery), &json!("in.icjs.paper.v1")));
    assert_eq!(stage.result(&format!("out/paper/{delivery}.json")).await["note"], json!("to the old system"));
    let message = accepted["id"].as_str().unwrap();
    let began = Instant::now();
    while stage.court.message(message).await["deliveries"][0]["state"] != json!("delivered") {
        assert!(began.elapsed() < SOON, "{}", stage.court.message(message).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // It says what it did, in a file; the court hears of it.
    let said =
        json!({"outcomes": [{"id": delivery, "outcome": "accepted", "reference": {"scheme": "gd", "value": "17"}}]});
    stage.drop("outcomes/one.json", said.to_string().as_bytes());
    assert_eq!(stage.result("done/outcomes/one.json.answer.json").await["refused"], json!([]));
    let outcomes = stage.court.feed("kind=outcome&wait=20").await.unwrap().expect(200).json();
    assert!(outcomes.to_string().contains("\"17\""), "{outcomes}");
    // What it has taken away is not written again, not even after a kill.
    std::fs::remove_dir_all(stage.path("out/paper")).unwrap();
    stage.gateway.kill();
    stage.gateway = Gateway::start(&stage.folder).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!stage.path("out/paper").exists());
}
