//! The doors through the socket: packed bodies, shapes of the gateway's own that are read as strictly as records, and documents
//! made to take time or memory. Each is refused by name, at once, and the gateway is as large afterwards as before.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::http::request;
use super::harness::packed::{gz, zst};
use super::harness::{Client, Folder, Gateway, Party};
use crate::faults::report;

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

async fn started() -> (Folder, Gateway, Client, Client) {
    let folder =
        Folder::with(&[Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    (folder, gateway, police, court)
}

/// A system that speaks XML.
fn station() -> Party {
    let mut party = Party::pulling("police-x", "police", &["ps:38101009"]);
    party.adapter = "cctns".to_owned();
    party.send = vec!["fir".to_owned()];
    party.receive = vec![];
    party
}

/// Begins anew with the most that the process ever held (its start held more than it does now); gives what it holds now.
fn forget_the_highest(gateway: &Gateway) -> u64 {
    std::fs::write(format!("/proc/{}/clear_refs", gateway.pid()), "5").unwrap();
    memory(gateway).1
}

/// Kilobytes of memory that the process holds, and the most that it ever held.
fn memory(gateway: &Gateway) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (field("VmRSS:"), field("VmHWM:"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packed_record_is_the_record_that_was_packed() {
    let (_folder, _gateway, police, court) = started().await;
    let body = paper(POLICE, &[COURT], 1, "packed, and as it was").to_string();
    let first = police.submit("paper", "key-1", &[], body.as_bytes()).await.unwrap().expect(202).json();
    for (coding, packed) in
        [("gzip", gz(body.as_bytes())), ("zstd", zst(body.as_bytes())), ("X-GZIP", gz(body.as_bytes()))]
    {
        let headers = [("content-encoding", coding)];
        let again = police.submit("paper", "key-1", &headers, &packed).await.unwrap().expect(202);
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{coding}: the same bytes, packed or not");
        assert_eq!(again.json(), first, "{coding}");
    }
    let body = paper(POLICE, &[COURT], 2, "only packed").to_string();
    police.submit("paper", "key-2", &[("content-encoding", "zstd")], &zst(body.as_bytes())).await.unwrap().expect(202);
    let page = court.feed("wait=20&limit=10").await.unwrap().expect(200).json();
    let shown: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|item| &item["data"]["note"]).collect();
    assert!(shown.contains(&&json!("packed, and as it was")), "{page:#}");
    // An acknowledgement may come packed too.
    let ack = json!({"offices": [], "kinds": [], "upto": page["next"]}).to_string();
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    court.call("POST", "/v1/feed/ack", &headers, &gz(ack.as_bytes())).await.unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packed_body_that_is_too_much_or_not_whole_or_not_one_is_refused() {
    let (_folder, gateway, police, _court) = started().await;
    let body = paper(POLICE, &[COURT], 1, "x").to_string();
    let good = gz(body.as_bytes());
    police.submit("paper", "key", &[("content-encoding", "gzip")], &good).await.unwrap().expect(202);
    let before = forget_the_highest(&gateway);
    let began = Instant::now();
    let twice: Vec<u8> = good.iter().chain(&good).copied().collect();
    let trailing: Vec<u8> = good.iter().chain(b"GET / HTTP/1.1").copied().collect();
    let bomb = vec![b' '; 64 << 20];
    for (what, coding, sent, status, code) in [
        ("64 MiB of nothing", "gzip", gz(&bomb), 413, "too-large"),
        ("64 MiB of nothing", "zstd", zst(&bomb), 413, "too-large"),
        ("within the size, over the ratio", "gzip", gz(&vec![b' '; 1_000_000]), 413, "too-large"),
        ("two members", "gzip", twice, 400, "encoding-refused"),
        ("something behind", "gzip", trailing, 400, "encoding-refused"),
        ("packed twice", "gzip", gz(&good), 400, "encoding-refused"),
        ("packed twice, two ways", "zstd", zst(&good), 400, "encoding-refused"),
        ("cut off", "gzip", good[..good.len() - 4].to_vec(), 400, "encoding-refused"),
        ("not packed", "gzip", body.clone().into_bytes(), 400, "encoding-refused"),
        ("another coding", "br", good.clone(), 415, "media-type-unsupported"),
        ("two codings", "gzip, gzip", gz(&good), 415, "media-type-unsupported"),
        ("said to be plain", "identity", good.clone(), 400, "encoding-refused"),
    ] {
        let answer = police.submit("paper", "other", &[("content-encoding", coding)], &sent).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}: {}", answer.text());
    }
    let two = [("content-encoding", "gzip"), ("content-encoding", "gzip")];
    police.submit("paper", "other", &two, &good).await.unwrap().expect(415);
    let named = [("content-type", "application/x-ndjson"), ("content-encoding", "gzip")];
    police.call("POST", "/v1/batches", &named, &good).await.unwrap().expect(415);
    let path = format!("/v1/attachments/{}", "0".repeat(64));
    police.call("PUT", &path, &[("content-encoding", "gzip")], &good).await.unwrap().expect(415);
    let grown = memory(&gateway).1 - before;
    assert!(grown < 32 << 10, "the gateway grew by {grown} KiB");
    println!("14 packed bodies refused in {:?}, {grown} KiB more at the highest", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledgements_orders_headers_and_assertions_are_read_as_strictly_as_records() {
    let (folder, gateway, police, court) = started().await;
    let json = [("content-type", "application/json")];
    for (what, body, status) in [
        ("a name twice", &br#"{"upto": "a", "upto": "b"}"#[..], 422),
        ("a name twice, further in", br#"{"outcomes": [{"id": "a", "id": "b", "outcome": "received"}]}"#, 422),
        ("NUL", br#"{"upto": "a\u0000"}"#, 422),
        ("half a surrogate pair", br#"{"upto": "\ud800"}"#, 400),
        ("not UTF-8", b"{\"upto\": \"\xff\"}", 400),
        ("a byte order mark", b"\xef\xbb\xbf{\"upto\": \"a\"}", 400),
        ("UTF-16", b"{\0\"\0u\0\"\0:\x001\0}\0", 400),
        ("deep", &[b'['; 10_000], 400),
    ] {
        let answer = court.call("POST", "/v1/feed/ack", &json, body).await.unwrap();
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
    let line = r#"{"kind": "paper", "headers": {"Idempotency-Key": "a", "Idempotency-Key": "b"}, "body": {}}"#;
    let named = [("content-type", "application/x-ndjson")];
    let told = police.call("POST", "/v1/batches", &named, line.as_bytes()).await.unwrap().expect(200).json();
    assert_eq!((&told["status"], &told["problem"]["code"]), (&json!(422), &json!("duplicate-key")), "{told:#}");
    let token = std::fs::read_to_string(folder.path("data/admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let twice = br#"{"number": 1, "author": "a", "author": "b", "reason": "r"}"#;
    let answer = request(gateway.admin, "POST", "/admin/v1/rollback", &headers, twice).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (400, "duplicate-key"), "{}", answer.text());
}

/// The pass line is a second where the gateway is as quick as a release and runs alone, as in the long run; in the gate a debug
/// build runs among others.
fn refused_within() -> Duration {
    Duration::from_secs(report::either(8, 1))
}

fn told(test: &str, tried: u64, (took, what): (Duration, &str), grown: u64) {
    let said = format!("the slowest refusal ({what}) took {} ms; {grown} KiB more at the highest", took.as_millis());
    report::done(test, tried, "documents", 0, &said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_to_take_time_or_memory_is_refused_at_once() {
    let (_folder, gateway, police, _court) = started().await;
    police.submit("paper", "warm", &[], &vec![b'['; 900_000]).await.unwrap().expect(400);
    let before = forget_the_highest(&gateway);
    let keys: String = (0..90_000).map(|n| format!("\"k{n}\":1,")).collect();
    let colliding: String =
        (0..60_000).map(|n| format!("\"{}{}\":1,", "Aa".repeat(n % 7), "BB".repeat(n % 5))).collect();
    let digits = "7".repeat(1_000_000);
    let (mut tried, mut slowest) = (0, (Duration::ZERO, ""));
    for (what, body) in [
        ("100,000 deep arrays", "[".repeat(100_000)),
        ("100,000 deep objects", "{\"a\":".repeat(100_000)),
        ("500,000 items", format!("[{}1]", "1,".repeat(500_000))),
        ("90,000 keys in one object", format!("{{{keys}\"z\":1}}")),
        ("one key over and over", format!("{{{}\"z\":1}}", "\"a\":1,".repeat(80_000))),
        ("few keys over and over", format!("{{{colliding}\"z\":1}}")),
        ("a number of a million digits", format!("{{\"a\":{digits}}}")),
        ("a fraction of a million digits", format!("{{\"a\":0.{digits}}}")),
        ("a number of a million zeros", format!("{{\"a\":1{}}}", "0".repeat(1_000_000))),
        ("an exponent of a million digits", format!("{{\"a\":1e{digits}}}")),
        ("a text of a megabyte", format!("{{\"a\":\"{}\"}}", "x".repeat(1_000_000))),
        ("a million escapes", format!("{{\"a\":\"{}\"}}", "\\u0041".repeat(170_000))),
        ("a key of a megabyte", format!("{{\"{}\":1}}", "x".repeat(1_000_000))),
        ("ten thousand violations", format!("[{}1]", "\"\\u0001\",".repeat(90_000))),
    ] {
        let began = Instant::now();
        let answer = police.submit("paper", "key", &[], body.as_bytes()).await.unwrap();
        let took = began.elapsed();
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
        assert!(took < refused_within(), "{what} took {took:?}");
        println!("{what}: {} in {took:?}", answer.status);
        (tried, slowest) = (tried + 1, slowest.max((took, what)));
    }
    let grown = memory(&gateway).1 - before;
    assert!(grown < 64 << 10, "the gateway grew by {grown} KiB");
    told("JSON made to take time or memory", tried, slowest, grown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xml_that_is_made_to_take_time_or_memory_is_refused_at_once() {
    let folder = Folder::with(&[station()]);
    let gateway = Gateway::start(&folder).await;
    let station = Client::connect(&folder, gateway.exchange, "police-x").await;
    let headers = [("content-type", "application/xml")];
    station.call("POST", "/v1/records/fir", &headers, &vec![b'<'; 900_000]).await.unwrap().expect(400);
    let before = forget_the_highest(&gateway);
    let attributes: String = (0..60_000).map(|n| format!(" a{n}='1'")).collect();
    let namespaces: String = (0..30_000).map(|n| format!(" xmlns:n{n}='u:{n}'")).collect();
    let entities: String = (0..30).map(|n| format!("<!ENTITY e{} '&e{n};&e{n};'>", n + 1)).collect();
    let (mut tried, mut slowest) = (0, (Duration::ZERO, ""));
    for (what, body) in [
        ("100,000 deep", "<a>".repeat(100_000)),
        ("200,000 elements", format!("<FIR>{}</FIR>", "<a/>".repeat(200_000))),
        ("90,000 unknown elements", format!("<FIR>{}</FIR>", "<a/>".repeat(90_000))),
        ("60,000 attributes", format!("<FIR{attributes}/>")),
        ("one attribute over and over", format!("<FIR{}/>", " a='1'".repeat(90_000))),
        ("30,000 namespaces", format!("<FIR{namespaces}/>")),
        ("30,000 namespaces and elements under them", format!("<FIR{namespaces}>{}</FIR>", "<a/>".repeat(5_000))),
        ("entities that double", format!("<!DOCTYPE a [<!ENTITY e0 'x'>{entities}]><FIR>&e30;</FIR>")),
        ("characters by number", format!("<FIR>{}</FIR>", "&#65;".repeat(200_000))),
        ("sections side by side", format!("<FIR>{}</FIR>", "<![CDATA[x]]>".repeat(75_000))),
        ("comments side by side", format!("<FIR>{}</FIR>", "<!--x-->".repeat(120_000))),
        ("a comment that never ends", format!("<FIR><!--{}", "-".repeat(1_000_000))),
        ("a tag that never ends", format!("<FIR{}", " ".repeat(1_000_000))),
        ("a name of a megabyte", format!("<{}/>", "x".repeat(1_000_000))),
        ("text between elements", format!("<FIR>{}</FIR>", "x<a/>".repeat(90_000))),
    ] {
        let began = Instant::now();
        let answer = station.call("POST", "/v1/records/fir", &headers, body.as_bytes()).await.unwrap();
        let took = began.elapsed();
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
        let grown = memory(&gateway).1 - before;
        println!("{what}: {} in {took:?}, {grown} KiB more at the highest", answer.status);
        assert!(took < refused_within(), "{what} took {took:?}");
        (tried, slowest) = (tried + 1, slowest.max((took, what)));
    }
    let grown = memory(&gateway).1 - before;
    assert!(grown < 64 << 10, "the gateway grew by {grown} KiB");
    told("XML made to take time or memory", tried, slowest, grown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_shows_otherwise_than_it_is_written_is_passed_as_it_was_sent_and_the_sender_is_warned() {
    const FIR: &str = include_str!("../../adapters/cctns/examples/in/fir-1.xml");
    let mut station = station();
    station.offices = vec![POLICE.to_owned()];
    let folder = Folder::with(&[station, Party::pulling("court-a", "courts", &[COURT])]);
    let gateway = Gateway::start(&folder).await;
    let station = Client::connect(&folder, gateway.exchange, "police-x").await;
    let warned = async |document: &str| {
        let headers = [("content-type", "application/xml")];
        let answer = station.call("POST", "/v1/validate/fir", &headers, document.as_bytes()).await.unwrap();
        let preview = answer.expect(200).json();
        let all = preview["warnings"].as_array().unwrap().clone();
        let hidden: Vec<Value> = all.into_iter().filter(|one| one["rule"] == "hidden-character").collect();
        (hidden, preview["shared"].to_string())
    };
    assert_eq!(warned(FIR).await.0, Vec::<Value>::new());
    let turned = FIR.replacen("<FULL_NAME_ENG>Anita", "<FULL_NAME_ENG>\u{202e}atinA", 1);
    let joined = turned.replacen("<FIRST_NAME>अनीता", "<FIRST_NAME>अन्\u{200d}ीता", 1);
    assert_ne!(turned, FIR);
    let (hidden, shared) = warned(&joined).await;
    assert_eq!(hidden.len(), 1, "a joiner in a name of an Indian script hides nothing: {hidden:?}");
    assert!(hidden[0]["pointer"].as_str().unwrap().ends_with("FULL_NAME_ENG"), "{hidden:?}");
    assert!(hidden[0]["message"].as_str().unwrap().contains("U+202E"), "{hidden:?}");
    assert!(!hidden[0]["message"].as_str().unwrap().contains("atinA"), "no value is said");
    assert!(shared.contains("\u{202e}atinA"), "what was sent is what travels");
}
