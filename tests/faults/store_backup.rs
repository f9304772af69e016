//! Backups of a gateway that works, and their way back. A failure is: a backup that lacks what was accepted before it was
//! begun, or holds half of something; a restore that goes on although a byte is wrong; keys in a backup.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::report::{done, long, seed};
use super::store_scene::{COURT, POLICE, Store, walk, words};
use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway};

/// Sends until told to stop; a killed gateway's answer does not come. Every id that was answered, in order.
async fn send(police: Client, stop: Arc<AtomicBool>, answered: Arc<std::sync::Mutex<Vec<String>>>, round: u32) {
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let record = paper(POLICE, &[COURT], number % 20 + 1, "under way").to_string();
        let key = format!("backup-{round}-{number}");
        if let Ok(answer) = police.submit("paper", &key, &[], record.as_bytes()).await
            && answer.status == 202
        {
            answered.lock().unwrap().push(answer.json()["id"].as_str().unwrap().to_owned());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn restored(store: &Store, from: &str, keys: bool) -> Folder {
    let folder = Folder::with(&[
        crate::harness::Party::pulling("police-a", "police", &[POLICE]),
        crate::harness::Party::pulling("court-a", "courts", &[COURT]),
    ]);
    if keys {
        std::fs::create_dir_all(folder.path("keys")).unwrap();
        for name in ["store.key", "receipts.ed25519", "police-a.jwks.json", "court-a.jwks.json"] {
            std::fs::copy(store.folder.path("keys").join(name), folder.path("keys").join(name)).unwrap();
        }
    }
    let output = Gateway::command(&folder).args(["store", "restore", from]).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_in_the_kill_loop_has_everything_that_was_accepted_before_it_was_begun() {
    let mut store = Store::new(true).await;
    let seed = seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let rounds = if long() { 200 } else { 3 };
    let answered = Arc::new(std::sync::Mutex::new(store.accepted.clone()));
    let backups = tempfile::tempdir().unwrap();
    for round in 0..rounds {
        let mut gateway = Gateway::start(&store.folder).await;
        let police = Client::connect(&store.folder, gateway.exchange, "police-a").await;
        if round == 1 {
            store.fill(&police, 7).await;
            answered.lock().unwrap().extend(store.accepted.iter().skip(6).cloned());
        }
        let stop = Arc::new(AtomicBool::new(false));
        let sender = tokio::spawn(send(police, Arc::clone(&stop), Arc::clone(&answered), round));
        tokio::time::sleep(Duration::from_millis(rng.u64(50..400))).await;
        let before = answered.lock().unwrap().clone();
        let to = backups.path().join(format!("b{round}")).display().to_string();
        let mut command = Gateway::command(&store.folder);
        let taking = std::thread::spawn({
            let to = to.clone();
            move || command.args(["store", "backup", &to]).output().unwrap()
        });
        tokio::time::sleep(Duration::from_millis(rng.u64(0..300))).await;
        gateway.kill();
        stop.store(true, Ordering::SeqCst);
        let output = taking.join().unwrap();
        assert!(output.status.success(), "{}", words(&output));
        sender.await.unwrap();

        let output = store.icjs(&["store", "verify", &to]);
        assert!(output.status.success(), "{}", words(&output));
        let folder = restored(&store, &to, true);
        let output = Gateway::command(&folder).args(["store", "verify"]).output().unwrap();
        assert!(output.status.success(), "{}", words(&output));
        let gateway = Gateway::start(&folder).await;
        let police = Client { gateway: gateway.exchange, ..connect(&store, &folder, &gateway).await };
        let mut lost = Vec::new();
        for id in &before {
            if police.get(&format!("/v1/messages/{id}")).await.unwrap().status != 200 {
                lost.push(id);
            }
        }
        assert!(lost.is_empty(), "round {round}: {} of {} are not in the backup: {lost:?}", lost.len(), before.len());
        std::fs::remove_dir_all(&to).unwrap();
    }
    let accepted = answered.lock().unwrap().len();
    let said = format!("0 lost of {accepted} accepted records; every backup was restored, verified and served");
    let test =
        "faults::store_backup::a_backup_taken_in_the_kill_loop_has_everything_that_was_accepted_before_it_was_begun";
    done(test, u64::from(rounds), "backups", seed, &said);
}

/// A client of the restored gateway, with the key that the party had before.
async fn connect(store: &Store, _folder: &Folder, gateway: &Gateway) -> Client {
    Client::connect(&store.folder, gateway.exchange, "police-a").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_with_one_wrong_byte_is_not_restored_and_holds_no_keys() {
    let store = Store::new(false).await;
    let backups = tempfile::tempdir().unwrap();
    let to = backups.path().join("b").display().to_string();
    let output = store.icjs(&["store", "backup", &to]);
    assert!(output.status.success() && words(&output).contains("the backup is whole"), "{}", words(&output));
    // A folder with something in it is no place for another.
    let again = store.icjs(&["store", "backup", &to]);
    assert_eq!(again.status.code(), Some(74), "{}", words(&again));
    let output = store.icjs(&["store", "restore", &to]);
    assert_eq!(output.status.code(), Some(74), "the store that is there stays: {}", words(&output));

    let mut files = Vec::new();
    walk(backups.path(), &mut files);
    let key = std::fs::read_to_string(store.folder.path("keys/store.key")).unwrap();
    let mut rng = fastrand::Rng::with_seed(seed());
    for file in &files {
        let good = std::fs::read(file).unwrap();
        assert!(!good.windows(64).any(|bytes| bytes == key.trim().as_bytes()), "{}", file.display());
        let mut bad = good.clone();
        let at = rng.usize(0..bad.len());
        bad[at] ^= 1;
        std::fs::write(file, &bad).unwrap();
        let folder = Folder::with(&[crate::harness::Party::pulling("police-a", "police", &[POLICE])]);
        let output = Gateway::command(&folder).args(["store", "restore", &to]).output().unwrap();
        assert_eq!(output.status.code(), Some(74), "{} byte {at}: {}", file.display(), words(&output));
        assert!(!folder.path("data/journal.db").exists(), "{}", file.display());
        std::fs::write(file, &good).unwrap();
    }
    assert!(files.len() >= 5, "{files:?}");
    assert!(store.icjs(&["store", "verify", &to]).status.success());
    // Without the key the digests still say that all is there.
    let folder = restored(&store, &to, false);
    assert!(folder.path("data/journal.db").exists());
}
