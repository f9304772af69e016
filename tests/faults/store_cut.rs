//! The power fails, without root: a gateway works under `strace`, and from what it asked of the disk the disk is built anew as
//! a cut at any instant may leave it. A failure is: an answer that left before what it promises was synced; an image on which
//! the gateway does not start, that `store verify` finds damaged, or that lacks what was answered before the cut. Not a
//! failure: whatever was not answered may be there or not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use icjs::identifiers::MessageId;
use icjs::journal::sqlite::verify::{Places, verify};
use icjs::seal::{self, StoreKey};
use serde_json::json;

use super::report::{done, long, seed};
use super::store_disk::Disk;
use super::store_scene::{COURT, POLICE, PRISON, noise};
use super::store_trace::{Call, Event, TRACED, events};
use crate::harness::folder::{order, paper};
use crate::harness::{Client, Folder, Gateway, Party, Receiver};

/// What the clients were answered.
#[derive(Debug, Default)]
struct Book {
    records: Vec<String>,
    files: Vec<String>,
    /// Deliveries settled by each acknowledgement, in the order of its answers.
    settled: Vec<Vec<String>>,
}

/// A promise and the line at which it left.
#[derive(Debug)]
struct Promised<'a> {
    line: usize,
    what: &'a str,
}

async fn send(police: Client, book: Arc<Mutex<Book>>, sender: u32, records: u32) {
    for number in 0..records {
        let case = number % 7 + 1;
        let note = if number % 16 == 5 { seal::hex(&noise(80_000)) } else { format!("{sender} {number}") };
        let (kind, record) = match number % 3 {
            0 => ("order", order(POLICE, &[PRISON], case, case, "release", &note)),
            _ => ("paper", paper(POLICE, &[COURT, PRISON], case, &note)),
        };
        let answer = police.accepted(kind, &format!("cut-{sender}-{number}"), &record).await;
        book.lock().unwrap().records.push(answer["id"].as_str().unwrap().to_owned());
    }
}

/// Uploads, and names each file in a record at once.
async fn upload(police: Client, book: Arc<Mutex<Book>>, files: u32) {
    for number in 0..files {
        let bytes = noise(40_000 + 30_000 * usize::try_from(number).unwrap());
        let digest = seal::hex(&seal::sha256(&bytes));
        let path = format!("/v1/attachments/{digest}");
        police.call("PUT", &path, &[], &bytes).await.unwrap().expect(201);
        book.lock().unwrap().files.push(digest.clone());
        let mut record = paper(POLICE, &[COURT], number + 1, "with a file");
        record["attachments"] = json!([{"sha256": digest, "size": bytes.len(), "media_type": "application/pdf",
            "name": "a.pdf", "role": "annexure"}]);
        let answer = police.accepted("paper", &format!("file-{number}"), &record).await;
        book.lock().unwrap().records.push(answer["id"].as_str().unwrap().to_owned());
    }
}

async fn settle(court: Client, book: Arc<Mutex<Book>>, times: u32) {
    for _ in 0..times {
        let page = court.feed("limit=4&wait=2").await.unwrap().expect(200).json();
        let items = page["items"].as_array().unwrap();
        let ids = items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        court.ack(page["next"].as_str().unwrap(), &[]).await.unwrap().expect(200);
        book.lock().unwrap().settled.push(ids);
    }
}

/// The work of the day under `strace`; its log.
async fn traced(folder: &Folder, log: &Path, book: &Arc<Mutex<Book>>) -> String {
    let output = log.display().to_string();
    let size = (1 << 22).to_string();
    let traced = format!("trace={TRACED}");
    let words = [
        "strace",
        "-D",
        "-f",
        "-y",
        "-xx",
        "-qq",
        "-s",
        &size,
        "--seccomp-bpf",
        "-e",
        &traced,
        "-e",
        "signal=none",
        "-o",
        &output,
    ];
    let mut gateway = Gateway::start_under(folder, &words).await.unwrap();
    let police = Client::connect(folder, gateway.exchange, "police-a").await;
    let court = Client::connect(folder, gateway.exchange, "court-a").await;
    let more = if long() { 4 } else { 1 };
    let work = [
        tokio::spawn(send(police.clone(), Arc::clone(book), 1, 40 * more)),
        tokio::spawn(send(police.clone(), Arc::clone(book), 2, 40 * more)),
        tokio::spawn(upload(police, Arc::clone(book), 4 * more)),
        tokio::spawn(settle(court, Arc::clone(book), 8 * more)),
    ];
    for part in work {
        part.await.unwrap();
    }
    // Answers that have arrived are written down a moment later; then the tracer ends with the gateway.
    tokio::time::sleep(Duration::from_millis(500)).await;
    gateway.kill();
    let (mut size, mut still) = (0, 0);
    while still < 6 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = std::fs::metadata(log).unwrap().len();
        still = if now == size { still + 1 } else { 0 };
        size = now;
    }
    std::fs::read_to_string(log).unwrap()
}

/// What was sent to sockets, and what was written to the log: the line at which it began, the one at which it was over, and
/// the bytes as text, one character each: text is searched fast.
struct Seen {
    sent: Vec<(usize, String)>,
    logged: Vec<(usize, String)>,
    log_syncs: Vec<(usize, usize)>,
}

impl Seen {
    fn of(events: &[Event]) -> Self {
        let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
        let wal = |path: &PathBuf| path.to_string_lossy().ends_with("journal.db-wal");
        let mut seen = Self { sent: Vec::new(), logged: Vec::new(), log_syncs: Vec::new() };
        for event in events {
            match &event.call {
                Call::Send { bytes } => seen.sent.push((event.began, text(bytes))),
                Call::Write { path, bytes, .. } if wal(path) => seen.logged.push((event.ended, text(bytes))),
                Call::Sync { path } if wal(path) => seen.log_syncs.push((event.began, event.ended)),
                _ => {}
            }
        }
        seen
    }

    /// Where each of these words first left.
    fn first_sent<'a>(&self, what: &'a [String]) -> Vec<Promised<'a>> {
        let found = what.iter().map(|what| {
            let line = self.sent.iter().find(|(_, text)| text.contains(what.as_str())).map(|(line, _)| *line);
            Promised { line: line.unwrap_or_else(|| panic!("{what} was answered and never sent")), what }
        });
        found.collect()
    }

    /// Whether the log held the record, synced, before anybody was told of it.
    fn synced_before(&self, promised: &Promised<'_>) -> bool {
        let id: String =
            MessageId::parse(promised.what).unwrap().bytes().iter().map(|byte| char::from(*byte)).collect();
        let written = self.logged.iter().find(|(_, text)| text.contains(&id)).map(|(ended, _)| *ended);
        let synced = |written| self.log_syncs.iter().any(|(began, ended)| *began > written && *ended < promised.line);
        written.is_some_and(synced)
    }
}

/// What was promised before a line must be on the disk that a cut there left.
async fn judge(folder: &Folder, book: &Book, sent: &Sent<'_>, cut: usize) -> Vec<String> {
    // Before the first start there is none.
    let key = std::fs::read_to_string(folder.path("keys/store.key")).ok();
    let key = key.map(|text| StoreKey::from_hex(&text).unwrap());
    let mut wrong = Vec::new();
    if folder.path("data/journal.db").exists() {
        match verify(&Places::new(folder.path("data"), &folder.path("data/attachments")), key.as_ref()) {
            Ok(found) => wrong.extend(found.damaged),
            // A store that was being made has no tables yet.
            Err(error) if sent.records.iter().all(|promised| promised.line > cut) => println!("{error}"),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    let gateway = Gateway::start(folder).await;
    let police = Client::connect(folder, gateway.exchange, "police-a").await;
    for promised in sent.records.iter().filter(|promised| promised.line < cut) {
        let answer = police.get(&format!("/v1/messages/{}", promised.what)).await.unwrap();
        if answer.status != 200 {
            wrong.push(format!("record {} was answered and is {}", promised.what, answer.status));
        }
    }
    for promised in sent.files.iter().filter(|promised| promised.line < cut) {
        let answer = police.get(&format!("/v1/attachments/{}", promised.what)).await.unwrap();
        if answer.status != 200 || seal::hex(&seal::sha256(&answer.body)) != promised.what {
            wrong.push(format!("file {} was answered and is {}", promised.what, answer.status));
        }
    }
    for (ids, _) in book.settled.iter().zip(&sent.settled).filter(|(_, line)| **line < cut) {
        for id in ids {
            let answer = police.get(&format!("/v1/messages/{id}")).await.unwrap();
            let state = |one: &serde_json::Value| one["id"] == id.as_str() && one["state"] == "delivered";
            if answer.status != 200 || !answer.json()["deliveries"].as_array().unwrap().iter().any(state) {
                wrong.push(format!("delivery {id} was acknowledged and is not settled: {}", answer.text()));
            }
        }
    }
    wrong
}

/// When each promise left.
struct Sent<'a> {
    records: Vec<Promised<'a>>,
    files: Vec<Promised<'a>>,
    settled: Vec<usize>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_at_any_instant_takes_nothing_that_was_answered() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: no `strace` here");
        return;
    }
    let seed = seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let prison = Receiver::friendly().await;
    let mut folder = Folder::with(&[
        Party::pulling("police-a", "police", &[POLICE]),
        Party::pulling("court-a", "courts", &[COURT]),
        Party::pushed("prison-a", "prisons", &[PRISON], &prison.url()),
    ]);
    let root = folder.root().canonicalize().unwrap();
    let fresh = Disk::of(folder.root(), &root);
    let beside = tempfile::tempdir().unwrap();
    let book = Arc::new(Mutex::new(Book::default()));
    let log = traced(&folder, &beside.path().join("log"), &book).await;
    let events = events(&log, &root);
    let book = std::mem::take(&mut *book.lock().unwrap());
    println!("{} lines, {} events", log.lines().count(), events.len());
    let seen = Seen::of(&events);
    let settled = seen.sent.iter().filter(|(_, text)| text.contains("{\"settled\":")).map(|(line, _)| *line);
    let settled: Vec<usize> = settled.collect();
    assert_eq!(settled.len(), book.settled.len(), "each acknowledgement was answered once");
    let sent = Sent { records: seen.first_sent(&book.records), files: seen.first_sent(&book.files), settled };

    let early: Vec<_> = sent.records.iter().filter(|promised| !seen.synced_before(promised)).collect();
    assert!(early.is_empty(), "of {} were answered before they were synced: {early:?}", sent.records.len());
    let unsynced = files_unsynced(&fresh, &events, &sent, &root);
    assert!(unsynced.is_empty(), "answered before the file was durable: {unsynced:?}");

    let last = log.lines().count();
    let lines = instants(&mut rng, last);
    let cuts = lines.len() as u64;
    let mut disk = fresh;
    let mut rest = in_effect(&events).into_iter().peekable();
    let mut promised = 0;
    for cut in lines {
        while let Some(event) = rest.next_if(|event| effective(event) < cut) {
            disk.go(event);
        }
        std::fs::remove_dir_all(&root).unwrap();
        disk.cut(&mut rng, &root);
        let wrong = judge(&folder, &book, &sent, cut).await;
        promised += sent.records.iter().filter(|promised| promised.line < cut).count();
        if !wrong.is_empty() {
            let kept = folder.keep();
            let words = crate::harness::gateway::tail(&folder);
            let log = beside.keep();
            panic!(
                "ICJS_SEED={seed}, cut at line {cut} of {last}:\n{}\n{} {}\n{words}",
                wrong.join("\n"),
                kept.display(),
                log.display()
            );
        }
    }
    let said = format!(
        "0 lost of {promised} records answered before a cut; {} answers, none before its sync",
        sent.records.len()
    );
    done("faults::store_cut::a_power_cut_at_any_instant_takes_nothing_that_was_answered", cuts, "cuts", seed, &said);
}

/// Lines of the log at which the power goes, the first and the last among them, in order.
fn instants(rng: &mut fastrand::Rng, last: usize) -> Vec<usize> {
    let cuts = if long() { 200 } else { 6 };
    let mut lines: Vec<usize> = (0..cuts - 2).map(|_| rng.usize(0..last)).chain([0, last]).collect();
    lines.sort_unstable();
    lines
}

/// A write may be on the disk once it has begun; a sync holds once it is over.
fn effective(event: &Event) -> usize {
    if matches!(event.call, Call::Sync { .. }) { event.ended } else { event.began }
}

/// The events in the order in which they take effect.
fn in_effect(events: &[Event]) -> Vec<&Event> {
    let mut all: Vec<&Event> = events.iter().collect();
    all.sort_by_key(|event| effective(event));
    all
}

/// Uploads that were answered while something of them, or the name of a folder above, would have been lost. One is uploaded
/// at a time, so that at its answer all of them must be durable.
fn files_unsynced(fresh: &Disk, events: &[Event], sent: &Sent<'_>, root: &Path) -> Vec<PathBuf> {
    let mut disk = fresh.clone();
    let mut found = Vec::new();
    let mut answers = sent.files.iter().map(|promised| promised.line).peekable();
    for event in in_effect(events) {
        while answers.next_if(|line| *line <= effective(event)).is_some() {
            found.extend(disk.unsynced(&root.join("data/attachments/uploads")));
            found.extend(disk.unsynced(&root.join("keys")));
        }
        disk.go(event);
    }
    found
}
