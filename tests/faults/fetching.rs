//! Hostile documents are refused without anything being fetched: a gateway reads them under `strace`, which writes down what it
//! opens and to whom it speaks. A failure is a document that is not refused, a file that is opened outside the gateway's
//! folder, a socket that is made, or a visitor where the documents point to.

use std::net::TcpListener;
use std::path::Path;

use serde_json::json;

use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

/// What opens files or makes and uses sockets, and the calls by which it is seen that the tracer looks at all.
const TRACED: &str =
    "trace=open,openat,openat2,creat,execve,fork,vfork,socket,connect,sendto,bind,accept4,writev,write";

/// Lines of the log that open something outside `root`, start a program, or make or use a socket of their own.
fn fetched<'a>(log: &'a str, root: &Path) -> Vec<&'a str> {
    let root = root.to_str().unwrap();
    let wrong = |line: &&str| {
        let Some((_, call)) = line.split_once(' ') else { return false };
        let call = call.trim_start();
        let opens = ["open(", "openat(", "openat2(", "creat("].iter().any(|name| call.starts_with(name));
        let inside = call.split('"').nth(1).is_some_and(|path| path.starts_with(root));
        let speaks = ["socket(", "connect(", "bind(", "execve(", "fork(", "vfork("];
        (opens && !inside) || speaks.iter().any(|name| call.starts_with(name))
    };
    log.lines().filter(wrong).collect()
}

/// XML documents that point elsewhere, or hide that they do in another encoding.
fn xml(there: &str) -> Vec<(&'static str, Vec<u8>)> {
    let body = "<FirRegistration><FIR_NO>&x;</FIR_NO></FirRegistration>";
    let document = |head: &str| format!("<?xml version=\"1.0\"?>{head}{body}").into_bytes();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let plain = "<FirRegistration><FIR_NO>1</FIR_NO></FirRegistration>";
    let outside = format!("<!DOCTYPE f SYSTEM \"http://{there}/f.dtd\">{plain}");
    let include = format!(
        "<FirRegistration xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include href=\"file:///etc/passwd\" \
         parse=\"text\"/><xi:include href=\"http://{there}/\"/></FirRegistration>"
    );
    let located = format!(
        "<FirRegistration xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:noNamespaceSchemaLocation=\"http://{there}/f.xsd\"><FIR_NO>1</FIR_NO></FirRegistration>"
    );
    vec![
        ("a file as an entity", document("<!DOCTYPE f [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>")),
        ("an address as an entity", document(&format!("<!DOCTYPE f [<!ENTITY x SYSTEM \"http://{there}/x\">]>"))),
        ("an outside document type", document(&format!("<!DOCTYPE f SYSTEM \"http://{there}/f.dtd\">"))),
        ("a public document type", document(&format!("<!DOCTYPE f PUBLIC \"-//f//EN\" \"http://{there}/f.dtd\">"))),
        ("a parameter entity", document(&format!("<!DOCTYPE f [<!ENTITY % p SYSTEM \"http://{there}/p\"> %p;]>"))),
        ("a parameter entity with a file", document("<!DOCTYPE f [<!ENTITY % p SYSTEM \"file:///etc/hosts\"> %p;]>")),
        ("a notation", document(&format!("<!DOCTYPE f [<!NOTATION n SYSTEM \"http://{there}/n\">]>"))),
        ("entities in entities", document("<!DOCTYPE f [<!ENTITY a \"aaaa\"><!ENTITY x \"&a;&a;&a;&a;\">]>")),
        ("a style sheet", format!("<?xml-stylesheet href=\"http://{there}/s.xsl\"?>{body}").into_bytes()),
        ("an inclusion", include.into_bytes()),
        ("a place of a schema", located.into_bytes()),
        ("UTF-16", [vec![0xfe, 0xff], utf16(&outside)].concat()),
        ("UTF-16 without a mark", utf16(&outside)),
        (
            "UTF-7",
            b"<?xml version=\"1.0\" encoding=\"UTF-7\"?>+ADwAIQ-DOCTYPE f SYSTEM +ACI-file:///etc/passwd+ACIAPg-"
                .to_vec(),
        ),
        ("EBCDIC", b"\x4c\x6f\xa7\x94\x93\x40\xa5\x85\x99\xa2\x89\x96\x95\x7e\x7f\xf1\x4b\xf0\x7f\x6f\x6e".to_vec()),
        ("an encoding nobody knows", format!("<?xml version=\"1.0\" encoding=\"x-{there}\"?>{plain}").into_bytes()),
    ]
}

/// JSON records whose texts a reader might take for orders to read elsewhere.
fn json_records(there: &str) -> Vec<(&'static str, String)> {
    let mut records = Vec::new();
    for (what, name, value) in [
        ("a reference", "$ref", format!("http://{there}/r.json")),
        ("a reference to a file", "$ref", "file:///etc/passwd".to_owned()),
        ("a schema of its own", "$schema", format!("http://{there}/s.json")),
        ("a context", "@context", format!("http://{there}/c.jsonld")),
    ] {
        let mut record = paper(POLICE, &[COURT], 1, "x");
        record[name] = json!(value);
        records.push((what, record.to_string()));
    }
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_hostile_documents_are_refused_no_file_and_no_socket_is_opened() {
    let mut station = Party::pulling("police-x", "police", &["ps:38101009"]);
    station.adapter = "cctns".to_owned();
    station.send = vec!["fir".to_owned()];
    station.receive = vec![];
    let folder = Folder::with(&[
        station,
        Party::pulling("police-a", "police", &[POLICE]),
        Party::pulling("court-a", "courts", &[COURT]),
    ]);
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let there = trap.local_addr().unwrap().to_string();
    let log = folder.path("strace.log");
    let output = log.display().to_string();
    let words =
        ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-s", "300", "-e", TRACED, "-e", "signal=none", "-o", &output];
    let gateway = Gateway::start_under(&folder, &words).await.unwrap();
    let station = Client::connect(&folder, gateway.exchange, "police-x").await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    // Once through, so that what is read once in the life of a process has been read.
    for round in 0..2 {
        let so_far = std::fs::read_to_string(&log).unwrap().len();
        for (what, bytes) in xml(&there) {
            let headers = [("content-type", "application/xml"), ("idempotency-key", "x")];
            let answer = station.call("POST", "/v1/records/fir", &headers, &bytes).await.unwrap();
            assert!(matches!(answer.status, 400 | 422), "{what}: {} {}", answer.status, answer.text());
        }
        for (what, text) in json_records(&there) {
            let answer = police.submit("paper", "x", &[], text.as_bytes()).await.unwrap();
            assert_eq!(answer.status, 422, "{what}: {}", answer.text());
        }
        // Before it answers a call is written down.
        let all = std::fs::read_to_string(&log).unwrap();
        let (before, during) = all.split_at(so_far);
        assert!(!fetched(before, folder.root()).is_empty() || round > 0, "its libraries and its listeners are seen");
        assert!(during.lines().filter(|line| line.contains("accept4(")).count() > 10, "the tracer looks: {during}");
        let fetched = fetched(during, folder.root());
        assert!(fetched.is_empty() || round == 0, "{}", fetched.join("\n"));
        let here = fetched.iter().filter(|line| line.contains("/etc/") || line.contains("connect("));
        assert_eq!(here.count(), 0, "{}", fetched.join("\n"));
    }
    assert!(trap.accept().is_err(), "nobody came to where the documents point");
}
