//! Watched folders in hostile or clumsy hands: what cannot be read has a message and stops nobody, no link is followed, and a
//! kill while a file with headers is put away loses no header.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::folder::{Stage, text, until};
use super::harness::scene::SOON;
use super::harness::{Client, Gateway};

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_said_beside_it_and_stops_nobody() {
    let stage = Stage::started().await;
    until(&stage.path("drop/papers")).await;
    let secret = stage.folder.path("keys/store.key");
    let beside = |name: &str| stage.path("drop/papers").join(format!("{name}.headers.json"));
    let made = std::process::Command::new("mkfifo").arg(beside("pipe.json")).status().unwrap();
    assert!(made.success());
    symlink("/dev/zero", beside("zero.json")).unwrap();
    symlink(&secret, beside("linked.json")).unwrap();
    std::fs::create_dir(beside("folder.json")).unwrap();
    std::fs::write(beside("huge.json"), vec![b' '; 4 << 20]).unwrap();
    std::fs::create_dir_all(stage.path("drop/papers/older.json/inside")).unwrap();
    for (case, name) in ["pipe.json", "zero.json", "linked.json", "folder.json", "huge.json"].iter().enumerate() {
        stage.drop(&format!("papers/{name}"), &text(u32::try_from(case).unwrap() + 10, name));
    }
    stage.drop("papers/empty.json", b"");
    stage.drop("attachments/empty.pdf", b"");
    stage.drop("outcomes/empty.json", b"");
    stage.drop("papers/whole.json", &text(1, "whole"));
    for name in ["pipe", "zero", "linked", "folder", "huge", "older"] {
        let problem = stage.result(&format!("failed/papers/{name}.json.problem.json")).await;
        assert_eq!(problem["code"], json!("not-allowed"), "{name}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("plain file"), "{name}: {problem}");
    }
    assert_eq!(stage.result("failed/papers/empty.json.problem.json").await["code"], json!("malformed-json"));
    assert_eq!(stage.result("done/attachments/empty.pdf.answer.json").await["size"], json!(0));
    assert_eq!(stage.result("failed/outcomes/empty.json.problem.json").await["code"], json!("malformed-json"));
    stage.result("done/papers/whole.json.answer.json").await;
    assert_eq!(stage.feed().await.len(), 1, "the whole one and no other went");
    assert!(stage.path("drop/papers/older.json/inside").exists(), "a folder is pointed out and left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_the_exchange_that_is_a_link_is_refused_by_name() {
    let mut stage = Stage::started().await;
    until(&stage.path("drop/papers")).await;
    stage.gateway.kill();
    std::fs::remove_dir_all(stage.path("done")).unwrap();
    let elsewhere = stage.folder.path("keys");
    let before = files(&elsewhere);
    symlink(&elsewhere, stage.path("done")).unwrap();
    stage.drop("papers/one.json", &text(1, "one"));
    stage.gateway = Gateway::start(&stage.folder).await;
    let began = Instant::now();
    loop {
        let log = std::fs::read_to_string(stage.folder.path("gateway.log")).unwrap();
        if log.contains("`done`") && log.contains("links are not followed") {
            break;
        }
        assert!(began.elapsed() < SOON, "{log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(files(&elsewhere), before);
    assert!(stage.path("drop/papers/one.json").exists());
    std::fs::remove_file(stage.path("done")).unwrap();
    stage.result("done/papers/one.json.answer.json").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_the_gateway_may_not_read_is_refused_with_the_remedy() {
    let mut stage = Stage::started().await;
    until(&stage.path("drop/papers")).await;
    stage.gateway.kill();
    // Who runs the tests as root runs this gateway as somebody who may not read everything: the owner of its folder.
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if root {
        given_to(stage.folder.root(), 65534);
    }
    for (name, case) in [("closed.json", 1), ("headed.json", 2), ("open.json", 3)] {
        stage.drop(&format!("papers/{name}"), &text(case, name));
    }
    let closed = stage.path("drop/papers/closed.json");
    let headers = stage.path("drop/papers/headed.json.headers.json");
    std::fs::write(&headers, "{}").unwrap();
    let shut = stage.path("drop/shut");
    std::fs::create_dir(&shut).unwrap();
    for path in [&closed, &headers, &shut] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    }
    stage.gateway = Gateway::start(&stage.folder).await;
    stage.court = Client::connect(&stage.folder, stage.gateway.exchange, "court").await;
    for name in ["closed", "headed"] {
        let problem = stage.result(&format!("failed/papers/{name}.json.problem.json")).await;
        assert_eq!(problem["code"], json!("not-allowed"), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("give the gateway's user the right"), "{problem}");
    }
    stage.result("done/papers/open.json.answer.json").await;
    assert_eq!(stage.feed().await.len(), 1);
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn given_to(path: &Path, user: u32) {
    if path.symlink_metadata().unwrap().is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            given_to(&entry.unwrap().path(), user);
        }
    }
    chown(path, Some(user), Some(user)).unwrap();
}

/// The sidecar as it is named while its file is put away.
fn hidden(name: &str, bytes: &[u8]) -> String {
    let short = |bytes: &[u8]| icjs::seal::hex(&icjs::seal::sha256(bytes))[..16].to_owned();
    format!(".headers.{}.{}", short(name.as_bytes()), short(bytes))
}

async fn emptied(stage: &Stage) {
    let began = Instant::now();
    while !files(&stage.path("drop/papers")).is_empty() {
        assert!(began.elapsed() < SOON, "{:?}", files(&stage.path("drop/papers")));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_a_file_with_headers_is_put_away_loses_no_header_and_doubles_nothing() {
    let mut stage = Stage::started().await;
    until(&stage.path("drop/papers")).await;
    let with = |name: &str, headers: &Value| {
        let sidecar = stage.path("drop/papers").join(format!("{name}.headers.json"));
        std::fs::write(sidecar, headers.to_string()).unwrap();
    };
    let (keyed, corrected) = (text(1, "keyed"), text(1, "corrected"));
    with("keyed.json", &json!({"Idempotency-Key": "a key of its own"}));
    stage.drop("papers/keyed.json", &keyed);
    let first = stage.result("done/papers/keyed.json.answer.json").await;
    let replaces = first["id"].as_str().unwrap();
    with(
        "two.json",
        &json!({"Icjs-Action": "correct", "Icjs-Replaces": replaces, "Icjs-Reason": "a name", "Idempotency-Key": "2"}),
    );
    stage.drop("papers/two.json", &corrected);
    let second = stage.result("done/papers/two.json.answer.json").await;
    until(&stage.path("done/papers/two.json")).await;
    until(&stage.path("done/papers/two.json.headers.json")).await;
    let known = stage.feed().await.len();

    // As a kill leaves it after the sidecar was hidden: the files are still in `drop`.
    stage.gateway.kill();
    for (name, bytes) in [("keyed.json", &keyed), ("two.json", &corrected)] {
        let (done, drop) = (stage.path("done/papers"), stage.path("drop/papers"));
        std::fs::rename(done.join(name), drop.join(name)).unwrap();
        std::fs::rename(done.join(format!("{name}.headers.json")), drop.join(hidden(name, bytes))).unwrap();
        std::fs::remove_file(done.join(format!("{name}.answer.json"))).unwrap();
    }
    // What lies beside by now is meant for the next file of that name.
    let next = stage.path("drop/papers/two.json.headers.json");
    std::fs::write(&next, json!({"Idempotency-Key": "next"}).to_string()).unwrap();
    stage.gateway = Gateway::start(&stage.folder).await;
    for (name, before) in [("keyed.json", &first), ("two.json", &second)] {
        let again = stage.result(&format!("done/papers/{name}.answer.json")).await;
        assert_eq!(again["id"], before["id"], "{name} is the same submission");
        until(&stage.path(&format!("done/papers/{name}.headers.json"))).await;
    }
    let archived = stage.result("done/papers/two.json.headers.json").await;
    assert_eq!(archived["Icjs-Action"], json!("correct"));
    assert!(next.exists());
    std::fs::remove_file(next).unwrap();
    // The copy of the headers is there before the file is: until that is moved too, the hidden sidecar is its only one.
    emptied(&stage).await;

    // And after the file was moved: a sidecar without its file goes.
    stage.gateway.kill();
    std::fs::write(stage.path("drop/papers").join(hidden("two.json", &corrected)), "{}").unwrap();
    stage.gateway = Gateway::start(&stage.folder).await;
    emptied(&stage).await;
    assert_eq!(stage.result("done/papers/two.json.headers.json").await["Icjs-Action"], json!("correct"));
    stage.court = Client::connect(&stage.folder, stage.gateway.exchange, "court").await;
    assert_eq!(stage.feed().await.len(), known, "nothing was doubled");
}
