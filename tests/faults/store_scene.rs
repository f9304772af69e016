//! A small store with a row in every table that matters: papers and orders, a correction, a large record, attachments,
//! pushed, pulled, acknowledged and waiting deliveries. And what the tests of damage and backups do with its folder.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use icjs::journal::sqlite::verify::{Places, Verified, verify};
use icjs::seal::{self, StoreKey};
use serde_json::json;

use crate::harness::folder::{order, paper};
use crate::harness::{Client, Folder, Gateway, Party, Receiver};

pub const POLICE: &str = "ps:38101004";
pub const COURT: &str = "court:DLCT01";
pub const PRISON: &str = "prison:DL01";

/// The store, its gateway stopped or killed.
pub struct Store {
    pub folder: Folder,
    pub receiver: Receiver,
    /// Messages that were answered 202, oldest first.
    pub accepted: Vec<String>,
}

/// Bytes that no compression makes small.
pub fn noise(bytes: usize) -> Vec<u8> {
    std::iter::repeat_with(|| fastrand::u8(..)).take(bytes).collect()
}

impl Store {
    /// Fills one; `kill`: its log stays as the last commit left it, else the gateway is stopped in order.
    pub async fn new(kill: bool) -> Self {
        let receiver = Receiver::friendly().await;
        let folder = Folder::with(&[
            Party::pulling("police-a", "police", &[POLICE]),
            Party::pulling("court-a", "courts", &[COURT]),
            Party::pushed("prison-a", "prisons", &[PRISON], &receiver.url()),
        ]);
        let mut gateway = Gateway::start(&folder).await;
        let police = Client::connect(&folder, gateway.exchange, "police-a").await;
        let mut store = Self { folder, receiver, accepted: Vec::new() };
        store.fill(&police, 0).await;
        let court = Client::connect(&store.folder, gateway.exchange, "court-a").await;
        let page = court.feed("limit=2").await.unwrap().expect(200).json();
        court.ack(page["next"].as_str().unwrap(), &[]).await.unwrap().expect(200);
        let pushed = store.receiver.until(Duration::from_secs(20), |seen| seen.len() >= 2).await;
        assert!(pushed.len() >= 2);
        // What was pushed is settled a moment after it was answered.
        tokio::time::sleep(Duration::from_millis(300)).await;
        if kill {
            gateway.kill();
        } else {
            assert!(gateway.stop().await.success());
        }
        store
    }

    /// Sends some of everything; `round` keeps keys apart.
    pub async fn fill(&mut self, police: &Client, round: u32) {
        let bytes = noise(70_000);
        let digest = seal::hex(&seal::sha256(&bytes));
        police.call("PUT", &format!("/v1/attachments/{digest}"), &[], &bytes).await.unwrap();
        let mut with_file = paper(POLICE, &[COURT], 1, "with a file");
        with_file["attachments"] = json!([{"sha256": digest, "size": bytes.len(), "media_type": "application/pdf",
            "name": "a.pdf", "role": "annexure"}]);
        let large = paper(POLICE, &[COURT], 2, &seal::hex(&noise(80_000)));
        let records = [
            ("paper", paper(POLICE, &[COURT, PRISON], 1, "first")),
            ("paper", with_file),
            ("paper", large),
            ("order", order(POLICE, &[PRISON], 3, 7, "release", "goes first")),
            ("paper", paper(POLICE, &[COURT], 4, "waits")),
        ];
        for (number, (kind, record)) in records.iter().enumerate() {
            let answer = police.accepted(kind, &format!("key-{round}-{number}"), record).await;
            self.accepted.push(answer["id"].as_str().unwrap().to_owned());
        }
        let first = self.accepted[self.accepted.len() - records.len()].clone();
        let headers = [("icjs-action", "correct"), ("icjs-replaces", first.as_str()), ("icjs-reason", "a slip")];
        let record = paper(POLICE, &[COURT, PRISON], 1, "corrected");
        let corrected =
            police.submit("paper", &format!("key-{round}-c"), &headers, record.to_string().as_bytes()).await;
        self.accepted.push(corrected.unwrap().expect(202).json()["id"].as_str().unwrap().to_owned());
    }

    /// Where its parts lie.
    pub fn places(&self) -> Places {
        Places::new(self.folder.path("data"), &self.folder.path("data/attachments"))
    }

    /// The key of the store.
    pub fn key(&self) -> StoreKey {
        StoreKey::from_hex(&std::fs::read_to_string(self.folder.path("keys/store.key")).unwrap()).unwrap()
    }

    /// Everything looked at, in this process. `Err`: what could not be opened at all.
    pub fn look(&self) -> Result<Verified, String> {
        verify(&self.places(), Some(&self.key())).map_err(|error| error.to_string())
    }

    /// `icjs` with these words on the store's folder.
    pub fn icjs(&self, words: &[&str]) -> Output {
        Gateway::command(&self.folder).args(words).output().unwrap()
    }

    /// Every file below a folder of the store.
    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.folder.path(below), &mut found);
        found.sort();
        found
    }
}

pub fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.is_file() {
            // A gateway that was killed leaves its socket behind, which nobody can read.
            found.push(path);
        }
    }
}

/// A copy of a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) {
    let mut files = Vec::new();
    walk(from, &mut files);
    for file in files {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, &target).unwrap();
    }
}

/// What a command said, on both streams.
pub fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
