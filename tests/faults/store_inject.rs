//! Single calls to the operating system fail, by `strace -e inject`: a sync, a write, an open, a rename, a removal, with an
//! error of the disk, a full one, an interruption, or nothing written at all. A failure is: a 202 or 201 that is not there
//! after the next start; a store that `verify` finds damaged; a gateway that went on after a sync of its log had failed; one
//! that goes on and accepts nothing. Not a failure: an end with a code that is not 0, or a 5xx.

use std::process::Command;
use std::time::Duration;

use icjs::journal::sqlite::verify::{Places, verify};
use icjs::seal::{self, StoreKey};
use serde_json::json;

use super::report::{done, long, seed};
use super::store_scene::{COURT, POLICE, noise};
use crate::harness::folder::paper;
use crate::harness::gateway::tail;
use crate::harness::http::Answer;
use crate::harness::{Client, Folder, Gateway, Party};

/// One fault: which call, at which files (none: any), how it fails, and at which time.
#[derive(Clone, Copy, Debug)]
struct Fault {
    call: &'static str,
    at: &'static [&'static str],
    how: &'static str,
    when: u32,
}

const LOG: &[&str] = &["data/journal.db-wal"];
const JOURNAL: &[&str] = &["data/journal.db"];
const MARK: &[&str] = &["data/journal.mark"];
const ANY: &[&str] = &[];

/// What fails, and how often it is called in a day's work at the most.
const KINDS: &[(&str, &[&str], &[&str], u32)] = &[
    ("fsync", LOG, &["error=EIO", "error=ENOSPC", "error=EINTR"], 24),
    ("fdatasync", LOG, &["error=EIO", "error=ENOSPC", "error=EINTR"], 24),
    ("fsync", ANY, &["error=EIO", "error=ENOSPC", "error=EINTR"], 50),
    ("fdatasync", ANY, &["error=EIO", "error=ENOSPC", "error=EINTR"], 50),
    ("pwrite64", LOG, &["error=EIO", "error=ENOSPC", "error=EINTR", "retval=0"], 120),
    ("pwrite64", JOURNAL, &["error=EIO", "error=ENOSPC", "retval=0"], 40),
    ("pwrite64", MARK, &["error=EIO", "error=ENOSPC"], 12),
    ("rename", ANY, &["error=EIO", "error=ENOSPC", "error=EINTR"], 8),
    ("openat", ANY, &["error=EIO", "error=ENOSPC", "error=EMFILE"], 400),
    ("unlink", ANY, &["error=EIO", "error=ENOSPC"], 8),
    ("ftruncate", ANY, &["error=EIO", "error=ENOSPC"], 6),
];

/// What was answered.
#[derive(Debug, Default)]
struct Answered {
    records: Vec<String>,
    files: Vec<String>,
    refused: Vec<u16>,
    broken: usize,
}

impl Answered {
    fn take(&mut self, answer: Option<Answer>, good: u16) -> Option<Answer> {
        match answer {
            Some(answer) if answer.status == good => return Some(answer),
            Some(answer) => {
                // A file that could not be kept is missing when a record names it.
                assert!(
                    answer.status >= 500 || answer.code() == "attachment-missing",
                    "{} {}",
                    answer.status,
                    answer.text()
                );
                self.refused.push(answer.status);
            }
            None => self.broken += 1,
        }
        None
    }
}

/// One call, or nothing where the gateway is gone.
async fn call(police: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
    tokio::time::timeout(Duration::from_secs(20), police.call(method, path, headers, body)).await.ok()?.ok()
}

async fn submit(police: &Client, key: &str, record: &serde_json::Value, answered: &mut Answered) -> bool {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    let answer = call(police, "POST", "/v1/records/paper", &headers, record.to_string().as_bytes()).await;
    let accepted = answered.take(answer, 202);
    answered.records.extend(accepted.iter().map(|answer| answer.json()["id"].as_str().unwrap().to_owned()));
    accepted.is_some()
}

/// A day's work: small and large records, files, acknowledgements.
async fn work(folder: &Folder, gateway: &Gateway) -> Answered {
    let mut answered = Answered::default();
    let Some(police) = client(folder, gateway, "police-a").await else { return answered };
    for number in 0..10_u32 {
        let note = if number % 4 == 1 { seal::hex(&noise(80_000)) } else { "small".to_owned() };
        let mut record = paper(POLICE, &[COURT], number + 1, &note);
        if number % 3 == 2 {
            let bytes = noise(100_000);
            let digest = seal::hex(&seal::sha256(&bytes));
            let answer = call(&police, "PUT", &format!("/v1/attachments/{digest}"), &[], &bytes).await;
            if answered.take(answer, 201).is_some() {
                answered.files.push(digest.clone());
            }
            record["attachments"] = json!([{"sha256": digest, "size": bytes.len(), "media_type": "application/pdf",
                "name": "a.pdf", "role": "annexure"}]);
        }
        submit(&police, &format!("inject-{number}"), &record, &mut answered).await;
    }
    if let Some(court) = client(folder, gateway, "court-a").await
        && let Some(page) = call(&court, "GET", "/v1/feed?limit=3", &[], b"").await
        && page.status == 200
    {
        let upto = json!({"upto": page.json()["next"]}).to_string();
        call(&court, "POST", "/v1/feed/ack", &[("content-type", "application/json")], upto.as_bytes()).await;
    }
    answered
}

async fn client(folder: &Folder, gateway: &Gateway, system: &str) -> Option<Client> {
    for _ in 0..3 {
        if let Ok(answer) = Client::token(folder, gateway.exchange, system).await
            && answer.status == 200
        {
            let token = answer.json()["access_token"].as_str().unwrap().to_owned();
            return Some(Client { system: system.to_owned(), gateway: gateway.exchange, token });
        }
    }
    None
}

/// Who gets no answer may speak with a gateway that is about to end, which takes its time under a tracer.
const ENDING: Duration = Duration::from_secs(20);

/// One gateway with one fault. What is wrong, if anything, and whether the fault struck.
async fn suffered(fault: Fault) -> Result<bool, String> {
    let folder =
        Folder::with(&[Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])]);
    let beside = tempfile::tempdir().unwrap();
    let log = beside.path().join("log").display().to_string();
    let inject = format!("inject={}:{}:when={}", fault.call, fault.how, fault.when);
    let trace = format!("trace={}", fault.call);
    let mut words = vec!["strace", "-D", "-f", "-qq", "-e", "signal=none", "-e", &trace, "-e", &inject, "-o", &log];
    let paths: Vec<String> = fault.at.iter().map(|path| folder.path(path).display().to_string()).collect();
    for path in &paths {
        words.extend(["-P", path]);
    }
    let mut answered = Answered::default();
    let mut ended = None;
    match Gateway::start_under(&folder, &words).await {
        Ok(mut gateway) => {
            answered = work(&folder, &gateway).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            let police = client(&folder, &gateway, "police-a").await;
            if police.is_none() {
                gateway.dies_within(ENDING).await;
            }
            ended = gateway.ended();
            if ended.is_none() {
                let Some(police) = police else {
                    return Err("no tokens any more".to_owned());
                };
                let record = paper(POLICE, &[COURT], 99, "afterwards");
                if !submit(&police, "afterwards", &record, &mut answered).await && !gateway.dies_within(ENDING).await {
                    return Err(format!("it goes on and accepts nothing: {}", tail(&folder)));
                }
                ended = gateway.ended();
            }
        }
        // It did not come to listen, and said why.
        Err(status) if status.contains("exit status: 0") => return Err("it ended with 0".to_owned()),
        Err(_) => {}
    }
    let traced = std::fs::read_to_string(&log).unwrap_or_default();
    let struck = traced.contains("INJECTED");
    if ended.is_some_and(|status| status.success()) {
        return Err("it ended with 0".to_owned());
    }
    if struck && fault.at == LOG && fault.call.ends_with("sync") && ended.is_none() && !answered.records.is_empty() {
        return Err(format!("it went on after a sync of its log had failed: {}", tail(&folder)));
    }
    kept(&folder, &answered).await.map(|()| struck)
}

/// Everything that was answered is there after the next start.
async fn kept(folder: &Folder, answered: &Answered) -> Result<(), String> {
    if folder.path("data/journal.db").exists() && !answered.records.is_empty() {
        let key = StoreKey::from_hex(&std::fs::read_to_string(folder.path("keys/store.key")).unwrap()).unwrap();
        let places = Places::new(folder.path("data"), &folder.path("data/attachments"));
        let found = verify(&places, Some(&key)).map_err(|error| error.to_string())?;
        if !found.is_sound() {
            return Err(format!("damaged: {:?}", found.damaged));
        }
    }
    let gateway = Gateway::start(folder).await;
    let police = Client::connect(folder, gateway.exchange, "police-a").await;
    for id in &answered.records {
        let status = police.get(&format!("/v1/messages/{id}")).await.unwrap().status;
        if status != 200 {
            return Err(format!("record {id} was answered 202 and is {status}"));
        }
    }
    for digest in &answered.files {
        let answer = police.get(&format!("/v1/attachments/{digest}")).await.unwrap();
        if seal::hex(&seal::sha256(&answer.body)) != *digest {
            return Err(format!("file {digest} was answered 201 and is {}", answer.status));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_call_that_failed_the_gateway_ends_or_refuses_and_keeps_what_it_answered() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: no `strace` here");
        return;
    }
    let seed = seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut faults = Vec::new();
    for (call, at, ways, most) in KINDS {
        for how in *ways {
            for _ in 0..if long() { 20 } else { 1 } {
                faults.push(Fault { call, at, how, when: rng.u32(1..=*most) });
            }
        }
    }
    rng.shuffle(&mut faults);
    if !long() {
        faults.truncate(6);
    }
    let mut struck = 0_u64;
    for fault in &faults {
        match suffered(*fault).await {
            Ok(hit) => struck += u64::from(hit),
            Err(wrong) => panic!("ICJS_SEED={seed}, {fault:?}: {wrong}"),
        }
    }
    assert!(struck * 5 > faults.len() as u64 || !long(), "{struck} of {} faults struck", faults.len());
    let test = "faults::store_inject::after_a_call_that_failed_the_gateway_ends_or_refuses_and_keeps_what_it_answered";
    let said = format!("{} were tried, and nothing that was answered was lost", faults.len());
    done(test, struck, "failed calls", seed, &said);
}
