//! Deaths at the named places that the kill loop's world does not pass: when an upload is synced, when the file of a large
//! record gets its name, when what waited is routed again. And the same places on a disk that has no room. Whoever got no
//! answer sends again; everything is there once, and nothing is left over.

use std::time::Duration;

use super::report;
use crate::full_disk::{noise, refused_for_space};
use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};
use crate::links::{CNR_A, Courts, STATION, registered};
use crate::rerouting::items;

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
const SOON: Duration = Duration::from_secs(10);

struct Pair {
    folder: Folder,
    gateway: Gateway,
}

impl Pair {
    async fn start(points: &str) -> Self {
        let folder = Folder::with(&[
            Party::pulling("police-a", "police", &[POLICE]),
            Party::pulling("court-a", "courts", &[COURT]),
        ]);
        let gateway = Gateway::start_with(&folder, &[("FAILPOINTS", points)]).await;
        Self { folder, gateway }
    }

    async fn client(&self, system: &str) -> Client {
        Client::connect(&self.folder, self.gateway.exchange, system).await
    }

    async fn restart_after_death(&mut self, point: &str) {
        assert!(self.gateway.dies_within(SOON).await, "it passed `{point}` and lives");
        self.gateway = Gateway::start(&self.folder).await;
    }

    /// Files under `data/attachments`, drafts among them.
    fn files(&self) -> usize {
        fn count(folder: &std::path::Path) -> usize {
            let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
            entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
        }
        count(&self.folder.path("data/attachments"))
    }
}

fn path(bytes: &str) -> String {
    format!("/v1/attachments/{}", icjs::seal::hex(&icjs::seal::sha256(bytes.as_bytes())))
}

fn large(note: &str) -> String {
    let mut record = paper(POLICE, &[COURT], 1, note);
    record["filler"] = serde_json::json!(noise(180_000));
    record.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_gateway_dies_at_its_sync_is_sent_again_and_is_there_once() {
    for point in ["upload::before", "upload::after"] {
        let mut pair = Pair::start(&format!("{point}=return(abort)")).await;
        let bytes = noise(300_000);
        let answer = pair.client("police-a").await.call("PUT", &path(&bytes), &[], bytes.as_bytes()).await;
        assert!(answer.is_err(), "{point}: nobody was there to answer");
        pair.restart_after_death(point).await;
        let police = pair.client("police-a").await;
        police.call("PUT", &path(&bytes), &[], bytes.as_bytes()).await.unwrap().expect(201);
        assert!(police.get(&path(&bytes)).await.unwrap().expect(200).body == bytes.as_bytes());
    }
    let full = Pair::start("upload::before=return(ENOSPC)").await;
    let bytes = noise(300_000);
    refused_for_space(&full.client("police-a").await.call("PUT", &path(&bytes), &[], bytes.as_bytes()).await.unwrap());
    assert_eq!(full.files(), 0, "an upload that failed is nobody's");
    report::done("death at the sync of an upload", 2, "deaths", 0, "sent again, there once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_record_whose_gateway_dies_when_its_file_gets_its_name_is_sent_again_and_is_one_record() {
    for point in ["rename::before", "rename::after"] {
        let mut pair = Pair::start(&format!("{point}=return(abort)")).await;
        let body = large("large");
        let answer = pair.client("police-a").await.submit("paper", "large", &[], body.as_bytes()).await;
        assert!(answer.is_err(), "{point}: nobody was there to answer");
        pair.restart_after_death(point).await;
        let police = pair.client("police-a").await;
        let first = police.submit("paper", "large", &[], body.as_bytes()).await.unwrap().expect(202).body;
        assert_eq!(police.submit("paper", "large", &[], body.as_bytes()).await.unwrap().expect(202).body, first);
        let found = items(&pair.client("court-a").await, COURT, 1).await;
        assert_eq!((found.len(), found[0]["data"]["note"].as_str()), (1, Some("large")));
    }
    let full = Pair::start("rename::before=return(ENOSPC)").await;
    let answer = full.client("police-a").await.submit("paper", "large", &[], large("x").as_bytes()).await.unwrap();
    refused_for_space(&answer);
    report::done("death at the naming of a file", 2, "deaths", 0, "sent again, one record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_moves_once_though_the_gateway_dies_before_or_after_a_step_of_routing_again() {
    // More than one step moves.
    const WAITING: usize = 140;
    for point in ["reroute::before", "reroute::after"] {
        let mut courts = Courts::open().await;
        for n in 0..WAITING {
            courts.police.accepted("paper", &format!("w{n}"), &paper(STATION, &[], 7, &format!("waits {n}"))).await;
        }
        courts.gateway.kill();
        let points = format!("{point}=return(abort)");
        courts.gateway = Gateway::start_with(&courts.folder, &[("FAILPOINTS", &points)]).await;
        let one = Client::connect(&courts.folder, courts.gateway.exchange, "one").await;
        let link = registered("court:DLCT01", CNR_A).to_string();
        // Its answer races the death.
        let _ = one.submit("paper", "r", &[], link.as_bytes()).await;
        assert!(courts.gateway.dies_within(SOON).await, "it passed `{point}` and lives");
        courts.gateway = Gateway::start(&courts.folder).await;
        let one = Client::connect(&courts.folder, courts.gateway.exchange, "one").await;
        one.submit("paper", "r", &[], link.as_bytes()).await.unwrap().expect(202);
        let found = items(&one, "court:DLCT01", WAITING).await;
        let notes: Vec<&str> = found.iter().map(|item| item["data"]["note"].as_str().unwrap()).collect();
        let sent: Vec<String> = (0..WAITING).map(|n| format!("waits {n}")).collect();
        assert_eq!(notes, sent, "{point}: each once, in the order in which they were sent");
    }
    report::done("death at a step of routing again", 2, "deaths", 0, "everything moved once, in order");
}
