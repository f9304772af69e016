//! The master of the store's key, as an operator changes it. A failure is: a record that is not read after it; a byte of `data/`
//! that a rotation rewrites; a store that opens without its master; the key's digits in anything that is said.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::store_scene::{COURT, POLICE, walk, words};
use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};

fn files(folder: &Folder) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = Vec::new();
    walk(&folder.path("data"), &mut found);
    found.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_rewrites_one_small_file_and_without_it_nothing_opens() {
    let folder =
        Folder::with(&[Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])]);
    let icjs = |line: &[&str]| Gateway::command(&folder).args(line).output().unwrap();
    let mut gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let id = police.accepted("paper", "first", &paper(POLICE, &[COURT], 31, "kept")).await["id"].clone();
    let secret = std::fs::read_to_string(folder.path("keys/store.key")).unwrap();

    let silent = icjs(&["store", "rotate-key"]);
    assert_eq!(silent.status.code(), Some(78), "{}", words(&silent));
    assert!(words(&silent).contains("master.next.toml"), "{}", words(&silent));

    // While the gateway runs: it has its key, and goes on.
    let elsewhere = tempfile::tempdir().unwrap();
    let master = elsewhere.path().join("master");
    std::fs::write(&master, "a1".repeat(32)).unwrap();
    std::fs::write(folder.path("keys/master.next.toml"), format!("file = {:?}\n", master.display().to_string()))
        .unwrap();
    let rotated = icjs(&["store", "rotate-key"]);
    assert!(rotated.status.success() && words(&rotated).contains("is wrapped by the master in"), "{}", words(&rotated));
    police.accepted("paper", "second", &paper(POLICE, &[COURT], 31, "kept too")).await;
    gateway.kill();

    let before = files(&folder);
    std::fs::write(folder.path("keys/master.next.toml"), "command = [\"echo\", \"").unwrap();
    let torn = icjs(&["store", "rotate-key"]);
    assert_eq!(torn.status.code(), Some(78), "{}", words(&torn));
    let prints = format!("command = [\"echo\", \"{}\"]\n", "b2".repeat(32));
    std::fs::write(folder.path("keys/master.next.toml"), prints).unwrap();
    let rotated = icjs(&["--json", "store", "rotate-key"]);
    assert!(rotated.status.success(), "{}", words(&rotated));
    assert!(files(&folder) == before, "nothing in data/ is rewritten");
    let kept = std::fs::read_to_string(folder.path("keys/store.key")).unwrap();
    assert!(!kept.contains(&secret));

    let mut gateway = Gateway::start(&folder).await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    let shown = court.feed("limit=10").await.unwrap().expect(200).text();
    assert!(
        shown.contains("\"kept\"") && shown.contains("kept too") && shown.contains(id.as_str().unwrap()),
        "{shown}"
    );
    gateway.kill();

    std::fs::write(folder.path("keys/master.toml"), "command = [\"false\"]\n").unwrap();
    for line in [&["serve"][..], &["store", "verify"], &["store", "rotate-key"], &["history"]] {
        let refused = icjs(line);
        assert_eq!(refused.status.code(), Some(69), "{line:?}: {}", words(&refused));
        let said = words(&refused);
        assert!(
            said.contains("store.key") && said.contains("`false` failed") && !said.contains(&secret),
            "{line:?}: {said}"
        );
    }
    assert_eq!(std::fs::read_to_string(folder.path("keys/store.key")).unwrap(), kept);
}
