//! The same submission a thousand times at once, again after a restart, with other bytes, and from another sender under the
//! same key: one record for each sender, one stored answer, and every misuse refused by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use super::report;
use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const AGENCY: &str = "ps:38101005";
const COURT: &str = "court:DLCT01";
/// So many are under way at once: each takes a file descriptor here and one there.
const AT_ONCE: usize = 250;

async fn all_at_once(client: &Client, copies: usize, body: &str) -> Vec<Vec<u8>> {
    let (room, start) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Barrier::new(AT_ONCE.min(copies))));
    let mut copies_under_way = JoinSet::new();
    for number in 0..copies {
        let (client, body, room, start) = (client.clone(), body.to_owned(), Arc::clone(&room), Arc::clone(&start));
        copies_under_way.spawn(async move {
            let _place = room.acquire_owned().await.unwrap();
            if number < AT_ONCE {
                start.wait().await;
            }
            client.submit("paper", "one key", &[], body.as_bytes()).await.unwrap().expect(202).body
        });
    }
    copies_under_way.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_copies_at_once_are_one_record_with_one_answer_for_each_sender() {
    let folder = Folder::with(&[
        Party::pulling("police-a", "police", &[POLICE]),
        Party::pulling("police-b", "police", &[AGENCY]),
        Party::pulling("court-a", "courts", &[COURT]),
    ]);
    let mut gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let body = paper(POLICE, &[COURT], 1, "one").to_string();
    let answers: BTreeSet<Vec<u8>> = all_at_once(&police, 1_000, &body).await.into_iter().collect();
    assert_eq!(answers.len(), 1, "a thousand copies got {} different answers", answers.len());

    // Somebody else's key is somebody else's.
    let agency = Client::connect(&folder, gateway.exchange, "police-b").await;
    let other = paper(AGENCY, &[COURT], 2, "two").to_string();
    let theirs = agency.submit("paper", "one key", &[], other.as_bytes()).await.unwrap().expect(202).body;
    assert!(!answers.contains(&theirs));

    gateway.kill();
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let again = police.submit("paper", "one key", &[], body.as_bytes()).await.unwrap().expect(202).body;
    assert!(answers.contains(&again), "the stored answer outlives a restart");
    let reused = police.submit("paper", "one key", &[], other.replace(AGENCY, POLICE).as_bytes()).await.unwrap();
    assert_eq!((reused.status, reused.code().as_str()), (422, "idempotency-key-reused"), "{}", reused.text());
    let nameless = police.submit("paper", "", &[], body.as_bytes()).await.unwrap();
    assert_eq!((nameless.status, nameless.code().as_str()), (400, "idempotency-key-missing"), "{}", nameless.text());

    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    let page = court.feed("limit=100&wait=10").await.unwrap().expect(200).json();
    let notes: Vec<&str> =
        page["items"].as_array().unwrap().iter().filter_map(|item| item["data"]["note"].as_str()).collect();
    assert_eq!(notes, ["one", "two"], "{page}");
    report::done("copies at once", 1_000, "copies", 0, "1 record, 1 answer");
}
