//! Erasing a case, and the wraps apart from the payloads. A failure is: a byte of a destroyed key anywhere in the store; something
//! of an erased case that is read again, from the store or from a backup of it; something of another case that is not; a
//! backup of payloads that opens without its wraps; a store that takes a key that is not its own.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::store_scene::{COURT, POLICE, Store, noise, walk, words};
use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};

/// Bytes of a wrap: nonce, key, tag.
const WRAP: usize = 60;

/// A record of a case with attachments.
fn with_files(case: u32, note: &str, files: &[&str]) -> Value {
    let mut record = paper(POLICE, &[COURT], case, note);
    let file = |sha256: &&str| json!({"sha256": sha256, "size": 70_000, "media_type": "application/pdf", "name": "a.pdf", "role": "annexure"});
    record["attachments"] = files.iter().map(file).collect();
    record
}

/// Every wrap in a file of wraps, by table and number.
fn wraps(file: &Path) -> BTreeSet<Vec<u8>> {
    let bytes = std::fs::read(file).unwrap();
    let mut rest = bytes.strip_prefix(b"icjs wraps 1\n").unwrap();
    let mut found = BTreeSet::new();
    while rest.len() > 32 {
        let length = u32::from_be_bytes(rest[9..13].try_into().unwrap()) as usize;
        found.extend(rest[13..13 + length].chunks(WRAP).map(<[u8]>::to_vec));
        rest = &rest[13 + length..];
    }
    found.retain(|wrap| wrap.iter().any(|byte| *byte != 0));
    found
}

/// How many of these stand somewhere in the files below a folder.
fn standing(wraps: &BTreeSet<Vec<u8>>, folder: &Path) -> usize {
    let mut files = Vec::new();
    walk(folder, &mut files);
    let all: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    let windows: BTreeSet<&[u8]> =
        all.iter().flat_map(|bytes| bytes.windows(WRAP)).filter(|at| wraps.contains(*at)).collect();
    windows.len()
}

async fn settle_all(store: &Store, gateway: &Gateway) {
    for name in ["court-a", "police-a"] {
        let client = Client::connect(&store.folder, gateway.exchange, name).await;
        loop {
            let page = client.feed("limit=500&wait=2").await.unwrap().expect(200).json();
            if page["items"].as_array().unwrap().is_empty() {
                break;
            }
            client.ack(page["next"].as_str().unwrap(), &[]).await.unwrap().expect(200);
        }
    }
}

fn erase(store: &Store, case: &str) -> Output {
    let words =
        ["--json", "store", "erase", "fir", case, "--ground", "JJ Act s.24(2)", "--reason", "ordered", "--by", "r"];
    store.icjs(&words)
}

fn backup(store: &Store, to: &Path) {
    let output = store.icjs(&["store", "backup", &to.display().to_string()]);
    assert!(output.status.success(), "{}", words(&output));
}

/// A folder with the keys of the store, restored from a backup and a file of wraps.
fn restored(store: &Store, from: &Path, wraps: Option<&Path>) -> (Folder, Output) {
    let folder =
        Folder::with(&[Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])]);
    std::fs::create_dir_all(folder.path("keys")).unwrap();
    for name in ["store.key", "receipts.ed25519", "police-a.jwks.json", "court-a.jwks.json"] {
        std::fs::copy(store.folder.path("keys").join(name), folder.path("keys").join(name)).unwrap();
    }
    let mut command = Gateway::command(&folder);
    command.args(["store", "restore", &from.display().to_string()]);
    if let Some(wraps) = wraps {
        command.args(["--wraps", &wraps.display().to_string()]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    (folder, output)
}

async fn only_the_other_case_came_back(store: &Store, folder: &Folder, start: &str, id: &str, file: &str) {
    let output = Gateway::command(folder).args(["store", "verify"]).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    let mut gateway = Gateway::start(folder).await;
    let court = Client::connect(&store.folder, gateway.exchange, "court-a").await;
    let shown = court.feed(&format!("limit=500&after={start}")).await.unwrap().expect(200).text();
    assert!(shown.contains("stays for ever") && !shown.contains("second of the case"), "{shown}");
    let police = Client::connect(&store.folder, gateway.exchange, "police-a").await;
    police.get(&format!("/v1/messages/{id}")).await.unwrap().expect(200);
    police.get(&format!("/v1/attachments/{file}")).await.unwrap().expect(404);
    gateway.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_erased_case_no_key_is_left_anywhere_and_nothing_is_read_again() {
    let store = Store::new(true).await;
    let mut gateway = Gateway::start(&store.folder).await;
    let police = Client::connect(&store.folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&store.folder, gateway.exchange, "court-a").await;
    let start = court.feed("limit=1").await.unwrap().expect(200).json()["next"].as_str().unwrap().to_owned();
    let mut files = Vec::new();
    for _ in 0..2 {
        let bytes = noise(70_000);
        let digest = icjs::seal::hex(&icjs::seal::sha256(&bytes));
        police.call("PUT", &format!("/v1/attachments/{digest}"), &[], &bytes).await.unwrap().expect(201);
        files.push(digest);
    }
    let (both, one) = (files[0].as_str(), files[1].as_str());
    let large = icjs::seal::hex(&noise(80_000));
    let gone = [with_files(21, &large, &[both, one]), paper(POLICE, &[COURT], 21, "second of the case")];
    let mut ids = Vec::new();
    for (number, record) in gone.iter().enumerate() {
        ids.push(police.accepted("paper", &format!("gone-{number}"), record).await["id"].as_str().unwrap().to_owned());
    }
    police.accepted("paper", "stays", &with_files(22, "stays for ever", &[both])).await;

    let in_use = erase(&store, "38101004-2026-21");
    assert_eq!(in_use.status.code(), Some(74), "a gateway runs: {}", words(&in_use));
    gateway.kill();
    let waits = erase(&store, "38101004-2026-21");
    assert_eq!(waits.status.code(), Some(75), "{}", words(&waits));
    assert!(words(&waits).contains(&ids[0][..30]), "it names what waits: {}", words(&waits));

    let mut gateway = Gateway::start(&store.folder).await;
    settle_all(&store, &gateway).await;
    let police = Client::connect(&store.folder, gateway.exchange, "police-a").await;
    let before = police.message(&ids[0]).await;
    let backups = tempfile::tempdir().unwrap();
    let (old, new) = (backups.path().join("old"), backups.path().join("new"));
    backup(&store, &old);
    gateway.kill();
    let kept = wraps(&backups.path().join("old.wraps"));
    assert!(kept.len() >= 6, "{}", kept.len());
    assert_eq!(standing(&kept, &store.folder.path("data")), kept.len(), "they are in the store");
    assert_eq!(standing(&kept, &old), 0, "and not in the backup of the payloads");

    let output = erase(&store, "38101004-2026-21");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", words(&output)));
    assert!(said["messages"].as_array().unwrap().len() >= 2 && said["files"] == 1, "{said}");
    let again = erase(&store, "38101004-2026-21");
    assert_eq!(again.status.code(), Some(65), "{}", words(&again));
    backup(&store, &new);
    let left = wraps(&backups.path().join("new.wraps"));
    let destroyed: BTreeSet<Vec<u8>> = kept.difference(&left).cloned().collect();
    // The case's own, and that of the file that only it carried.
    assert!(destroyed.len() >= 2 && left.is_subset(&kept), "{} of {}", destroyed.len(), kept.len());
    assert_eq!(standing(&destroyed, &store.folder.path("data")), 0, "a destroyed key lies in the store yet");
    assert!(store.look().unwrap().is_sound(), "{:?}", store.look());

    let mut gateway = Gateway::start(&store.folder).await;
    let police = Client::connect(&store.folder, gateway.exchange, "police-a").await;
    let after = police.message(&ids[0]).await;
    assert_eq!(after["deliveries"][0]["state"], before["deliveries"][0]["state"]);
    assert_eq!(after["receipt"], before["receipt"]);
    police.get(&format!("/v1/attachments/{both}")).await.unwrap().expect(200);
    police.get(&format!("/v1/attachments/{one}")).await.unwrap().expect(404);
    let court = Client::connect(&store.folder, gateway.exchange, "court-a").await;
    let shown = court.feed(&format!("limit=500&after={start}")).await.unwrap().expect(200).text();
    assert!(shown.contains("stays for ever") && !shown.contains("second of the case"), "{shown}");
    // The case may have a new record, which is read like any other.
    let fresh = paper(POLICE, &[COURT], 21, "a new beginning");
    police.accepted("paper", "fresh", &fresh).await;
    let page = court.feed("limit=500&wait=20").await.unwrap().expect(200).text();
    assert!(page.contains("a new beginning"), "{page}");
    gateway.kill();

    // The backup from before, with the wraps of today: the other cases come back, and the erased one does not.
    let (folder, _) = restored(&store, &old, Some(&backups.path().join("new.wraps")));
    only_the_other_case_came_back(&store, &folder, &start, &ids[0], one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_without_its_wraps_and_a_store_without_its_key_are_refused_in_words() {
    let store = Store::new(false).await;
    let backups = tempfile::tempdir().unwrap();
    let to = backups.path().join("b");
    backup(&store, &to);
    let elsewhere = backups.path().join("kept elsewhere");
    std::fs::rename(backups.path().join("b.wraps"), &elsewhere).unwrap();
    let output = store.icjs(&["store", "verify", &to.display().to_string()]);
    assert!(output.status.success() && words(&output).contains("only digests"), "{}", words(&output));
    let (folder, output) = restored(&store, &to, None);
    assert!(words(&output).contains("nothing that was accepted can be read"), "{}", words(&output));
    let output = Gateway::command(&folder).arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{}", words(&output));
    assert!(words(&output).contains("restored without its wraps"), "{}", words(&output));
    let (folder, output) = restored(&store, &to, Some(&elsewhere));
    assert!(!words(&output).contains("nothing that was accepted"), "{}", words(&output));
    drop(Gateway::start(&folder).await);

    // Another key, of the right form, is not this store's: that is no damage.
    std::fs::write(folder.path("keys/store.key"), "7".repeat(64)).unwrap();
    for verb in [&["serve"][..], &["store", "verify"], &["store", "prune", "--before", "2020-01-01"]] {
        let output = Gateway::command(&folder).args(verb).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{verb:?}: {}", words(&output));
        assert!(words(&output).contains("not the one that it was written with"), "{verb:?}: {}", words(&output));
    }
}
