//! One receiver is slow, and one case of another stands still because its receiver cannot take a record: everybody else's
//! deliveries take as long as without. Rounds with and without the trouble take turns on one gateway, and their middle values
//! are compared: what the machine does meanwhile falls on both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::report;
use crate::harness::folder::paper;
use crate::harness::scene::STATION;
use crate::harness::{Client, Party, Receiver, Reply, scene::Scene, tick};

const SLOW: &str = "court:DLCT01";
const OTHER: &str = "court:DLND01";
const SOON: Duration = Duration::from_secs(60);

/// How long each of some records to the friendly receiver takes, from before it is sent until it is there, in microseconds.
async fn round(scene: &Scene, other: &Receiver, number: u64, records: u32) -> Vec<u64> {
    let mut took = Vec::new();
    for record in 0..records {
        let note = format!("{number}-{record}");
        let began = tick();
        let id = scene.paper(OTHER, 1_000 + record, &note).await;
        let seen = other.until(SOON, |seen| seen.iter().rev().any(|push| push.id() == id)).await;
        took.push(seen.iter().rev().find(|push| push.id() == id).unwrap().arrived.saturating_sub(began));
    }
    took
}

fn middle(mut took: Vec<u64>) -> u64 {
    took.sort_unstable();
    took[took.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_slow_receiver_and_one_poisoned_case_cost_the_others_nothing() {
    let slow = Receiver::start(|_| Reply::status(200).after(Duration::from_millis(1_500))).await;
    let poisoned = Arc::new(AtomicBool::new(false));
    let other = Receiver::start({
        let poisoned = Arc::clone(&poisoned);
        // One record of one case cannot be taken, today.
        move |push| {
            Reply::status(if poisoned.load(Ordering::SeqCst) && push.json()["note"] == "poison" { 500 } else { 200 })
        }
    })
    .await;
    let parties = [
        Party::pushed("slow", "courts", &[SLOW], &slow.url()),
        Party::pushed("other", "courts", &[OTHER], &other.url()),
    ];
    let scene = Scene::of(&parties, |_| {}).await;
    let (rounds, records) = (report::either(3, 20), if report::long() { 100 } else { 25 });
    let (mut without, mut with) = (Vec::new(), Vec::new());
    poisoned.store(true, Ordering::SeqCst);
    let poison = scene.paper(OTHER, 1, "poison").await;
    let behind = scene.paper(OTHER, 1, "behind it").await;
    let mut wanted = 0;
    for number in 0..rounds {
        without.extend(round(&scene, &other, number * 2, records).await);
        // A burst for the slow one: its places are taken while the others' records go.
        for record in 0..12 {
            scene.paper(SLOW, record, &format!("slow {number} {record}")).await;
        }
        with.extend(round(&scene, &other, number * 2 + 1, records).await);
        wanted += 12;
        slow.until(SOON, |seen| seen.iter().filter(|push| push.answered.is_some()).count() >= wanted).await;
    }
    let stuck = scene.delivery(&behind).await;
    assert_eq!(stuck["state"], "queued", "it waits for what stands still before it: {stuck}");
    assert_eq!(scene.delivery(&poison).await["state"], "retrying");
    poisoned.store(false, Ordering::SeqCst);
    scene.until(&poison, "delivered").await;
    scene.until(&behind, "delivered").await;
    let tried = without.len() + with.len();
    let (without, with) = (middle(without), middle(with));
    let more = with as f64 / without as f64 * 100.0 - 100.0;
    let said = format!("middle of {without} us without and {with} us with a slow receiver: {more:+.0} %");
    report::done("slow and poisoned neighbours", tried as u64, "deliveries", 0, &said);
    // A test that shares its processors with others allows more than the promise does.
    assert!(more < if report::long() { 10.0 } else { 200.0 }, "{said}");
}
