//! A whole gateway behind its socket, and whatever comes: every described call with changed documents, strange names, headers
//! that do not fit and bytes that are no document at all. A failure is: no answer, a 5xx, a refusal without words, a gateway
//! that is gone, slower for it or larger for it. Not a failure: any other answer; what it means is for other tests.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::faults::report;
use super::harness::folder::{order, paper};
use super::harness::http::{Answer, request};
use super::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
/// No answer may take longer, on a machine that does much else.
const WITHIN: Duration = Duration::from_secs(20);
/// What the process may have grown by at the end.
const GROWTH: u64 = 96 << 10;

/// Pieces that parsers have fallen over.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\"\\ud800\"",
    b"1e400",
    b"-0",
    b"[[[[[[[[[[[[[[[[",
    b"}}}}",
    b"{\"a\":1,\"a\":2}",
    b"<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>",
    b"&b;",
    b"]]>",
    b"\r\n\r\n",
    b"99999999999999999999999999",
    b"\xe2\x80\xae",
    b"%00",
    b"../../",
    b"null",
    b"\x1f\x8b\x08",
];

/// Every described call: its method and its path with names in braces.
async fn described(gateway: &Gateway) -> Vec<(String, String)> {
    let page = request(gateway.exchange, "GET", "/openapi.json", &[], b"").await.unwrap().expect(200).json();
    let mut calls = Vec::new();
    for (path, operations) in page["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "delete", "patch", "head"] {
            if operations.get(method).is_some() {
                calls.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    assert!(calls.len() > 8, "{calls:?}");
    calls
}

/// Bytes as they stand in a path or a query.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}

struct Chaos {
    rng: fastrand::Rng,
    /// Documents that were good.
    good: Vec<Vec<u8>>,
    /// Names that are somebody's.
    names: Vec<String>,
}

impl Chaos {
    fn piece(&mut self) -> Vec<u8> {
        match self.rng.u32(0..3) {
            0 => (0..self.rng.usize(1..40)).map(|_| self.rng.u8(..)).collect(),
            _ => PIECES[self.rng.usize(0..PIECES.len())].repeat(self.rng.usize(1..4)),
        }
    }

    /// A good document with some changes, or something else.
    fn body(&mut self) -> Vec<u8> {
        let mut bytes = match self.rng.u32(0..12) {
            0 => Vec::new(),
            1 => self.piece(),
            2 => b"[".repeat(self.rng.usize(1..5_000)),
            _ => self.good[self.rng.usize(0..self.good.len())].clone(),
        };
        for _ in 0..self.rng.u32(0..5) {
            let at = self.rng.usize(0..=bytes.len());
            let end = (at + self.rng.usize(0..30)).min(bytes.len());
            match self.rng.u32(0..5) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.truncate(at),
                2 => bytes.splice(at..at, self.piece()).for_each(drop),
                3 => bytes.extend_from_within(at..end),
                _ if at < bytes.len() => bytes[at] ^= 1 << self.rng.u32(0..8),
                _ => {}
            }
        }
        bytes
    }

    fn name(&mut self) -> String {
        match self.rng.u32(0..4) {
            0 => escaped(&self.piece()),
            1 => "a".repeat(self.rng.usize(0..3_000)),
            _ => self.names[self.rng.usize(0..self.names.len())].clone(),
        }
    }

    /// The path with something for every name in braces, and perhaps a query.
    fn target(&mut self, path: &str) -> String {
        let mut target = String::new();
        for part in path.split('/').skip(1) {
            let part = if part.starts_with('{') { self.name() } else { part.to_owned() };
            target = format!("{target}/{part}");
        }
        if self.rng.bool() {
            let names = ["limit", "after", "wait", "office", "kind", "cursor", "since", "state", "purpose"];
            let key = names[self.rng.usize(0..names.len())];
            let value = if self.rng.bool() { self.rng.u32(0..100).to_string() } else { self.name() };
            // A page that waits for something new is no slow answer.
            let value = if key == "wait" { self.rng.u32(0..2).to_string() } else { value };
            target = format!("{target}?{key}={value}");
        }
        target
    }

    fn headers(&mut self) -> Vec<(&'static str, String)> {
        let types =
            ["application/json", "application/xml", "text/plain", "application/x-ndjson", "a/b; charset=utf-16"];
        let mut headers = vec![("content-type", types[self.rng.usize(0..types.len())].to_owned())];
        let more = ["idempotency-key", "content-encoding", "icjs-action", "icjs-replaces", "icjs-purpose", "if-match"];
        let more = more.into_iter().chain(["accept", "range", "traceparent", "upload-offset", "content-digest"]);
        for name in more {
            if self.rng.u32(0..8) == 0 {
                let words = ["gzip", "zstd", "correct", "withdraw", "*", "\"1\"", "bytes=5-1", "0", "?1", "00-0-0-0"];
                let word = words[self.rng.usize(0..words.len())].to_owned();
                let word = if self.rng.bool() { word } else { self.rng.alphanumeric().to_string().repeat(200) };
                headers.push((name, word));
            }
        }
        headers
    }
}

/// What is wrong with an answer, if anything.
fn fault(method: &str, answer: &Answer) -> Option<String> {
    if answer.status >= 500 {
        return Some(format!("{} {}", answer.status, answer.text()));
    }
    // RFC 9457, and RFC 6749 section 5.2 where tokens are asked for.
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = ["code", "error"].iter().any(|name| body[*name].as_str().is_some_and(|word| !word.is_empty()));
    (answer.status >= 400 && method != "HEAD" && !said)
        .then(|| format!("{} without words: {}", answer.status, answer.text()))
}

fn memory(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_the_answer_is_in_words_and_the_gateway_stays_as_it_was() {
    let folder =
        Folder::with(&[Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let calls = described(&gateway).await;
    let seed = report::seed();
    let first = paper(POLICE, &[COURT], 1, "the first");
    let id = police.accepted("paper", "the first", &first).await["id"].as_str().unwrap().to_owned();
    let line = json!({"kind": "paper", "headers": {"Idempotency-Key": "line"}, "body": first}).to_string();
    let mut chaos = Chaos {
        rng: fastrand::Rng::with_seed(seed),
        good: vec![
            first.to_string().into_bytes(),
            order(POLICE, &[COURT], 1, 1, "release", "an order").to_string().into_bytes(),
            line.into_bytes(),
            json!({"upto": "x", "offices": [], "outcomes": [{"id": id, "outcome": "taken"}]}).to_string().into_bytes(),
            b"<?xml version=\"1.0\"?><a b=\"c\"><d>e</d></a>".to_vec(),
            b"grant_type=client_credentials&client_id=police-a&client_assertion=e30.e30.x".to_vec(),
        ],
        names: vec![id.clone(), "paper".to_owned(), "nothing".to_owned(), "f".repeat(64), escaped(POLICE.as_bytes())],
    };
    // Tables that grow with their first use have grown.
    let mut before = 0;
    let (times, mut slowest) = (report::either(600, 60_000), Duration::ZERO);
    let mut police = police;
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    for time in 0..times {
        if time == times / 3 {
            before = memory(&gateway);
        }
        let (method, path) = calls[chaos.rng.usize(0..calls.len())].clone();
        let (target, headers, body) = (chaos.target(&path), chaos.headers(), chaos.body());
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = if method == "GET" || method == "HEAD" { &b""[..] } else { &body };
        let began = Instant::now();
        let answer = tokio::time::timeout(WITHIN, police.call(&method, &target, &headers, body)).await;
        slowest = slowest.max(began.elapsed());
        let about = || format!("ICJS_SEED={seed}, {method} {target} {headers:?} {}", String::from_utf8_lossy(body));
        let answer = answer.unwrap_or_else(|_| panic!("no answer within {WITHIN:?}: {}", about()));
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {}", about()));
        if let Some(fault) = fault(&method, &answer) {
            panic!("{fault}\n{}", about());
        }
        match answer.status {
            200..=399 => accepted += 1,
            // The token lasts for minutes.
            401 if path != "/oauth2/token" => police = Client::connect(&folder, gateway.exchange, "police-a").await,
            _ => refused += 1,
        }
    }
    let grown = memory(&gateway).saturating_sub(before);
    assert!(grown < GROWTH, "{grown} KiB more");
    let after = paper(POLICE, &[COURT], 2, "afterwards");
    police.accepted("paper", "afterwards", &after).await;
    let log = std::fs::read_to_string(folder.path("gateway.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    assert!(accepted > 0 && refused > accepted, "{accepted} {refused}");
    let said = format!(
        "{accepted} were taken and {refused} refused in words; no 5xx, no panic, the slowest answer after {} ms, {} KiB \
         more memory from a third of them to all",
        slowest.as_millis(),
        grown
    );
    report::done("whatever is sent", times, "calls", seed, &said);
}
