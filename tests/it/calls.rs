//! What stands around every call: what remains of the caller's allowance, and one line in the log about a call of a known
//! system. The two books must agree: what the clients were answered, and what the log says that they were.

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::http::{Answer, request};
use super::harness::{Client, Folder, Gateway};
use super::limits::folder;

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
/// Stands in headers, paths and bodies, and must stand in no line.
const SECRET: &str = "ZQ7canaryXW";

/// The lines about calls, each as (system, method, path, status, code).
fn lines(folder: &Folder) -> Vec<(String, String, String, u64, Value)> {
    let log = std::fs::read_to_string(folder.path("gateway.log")).unwrap();
    assert!(!log.contains(SECRET), "{log}");
    let all = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let calls = all.filter(|line| line["message"] == "call");
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let one = |line: Value| {
        assert!(line["elapsed_ms"].is_u64(), "{line}");
        let code = line.get("code").cloned().unwrap_or_default();
        (text(&line, "system"), text(&line, "method"), text(&line, "path"), line["status"].as_u64().unwrap(), code)
    };
    calls.map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_of_a_known_system_is_one_line_of_the_log_and_names_nothing_of_it() {
    let folder = folder("[log]\nformat = \"json\"\n", "");
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    let mut answered = Vec::new();
    let mut note = |system: &str, method: &str, path: &str, answer: &Answer, code: Value| {
        let line = (system.to_owned(), method.to_owned(), path.to_owned(), u64::from(answer.status), code);
        answered.push(line);
    };
    let records = "/v1/records/{kind}";
    let good = paper(POLICE, &[COURT], 1, SECRET).to_string();
    for _ in 0..2 {
        let answer = police.submit("paper", SECRET, &[], good.as_bytes()).await.unwrap().expect(202);
        note("police-a", "POST", records, &answer, Value::Null);
    }
    let answer = police.submit("paper", "k2", &[("icjs-reason", SECRET)], b"{\"note\": 1}").await.unwrap().expect(422);
    note("police-a", "POST", records, &answer, json!("schema-invalid"));
    let answer = police.submit(SECRET, "k3", &[], b"{}").await.unwrap().expect(404);
    note("police-a", "POST", records, &answer, json!("kind-unknown"));
    let answer = police.get(&format!("/v1/cases/cnr/{SECRET}?purpose={SECRET}")).await.unwrap();
    let code = answer.code();
    note("police-a", "GET", "/v1/cases/{scheme}/{identifier}", &answer, json!(code));
    let answer = court.feed("wait=20").await.unwrap().expect(200);
    note("court-a", "GET", "/v1/feed", &answer, Value::Null);
    let next = answer.json()["next"].as_str().unwrap().to_owned();
    let answer = court.ack(&next, &[]).await.unwrap().expect(200);
    note("court-a", "POST", "/v1/feed/ack", &answer, Value::Null);
    // Nobody's calls are counted and leave no line: a flood of them fills no disk.
    for path in ["/v1/me", "/v1/feed", SECRET] {
        let headers = [("authorization", format!("Bearer {SECRET}"))];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let target = if path == SECRET { format!("/{SECRET}") } else { path.to_owned() };
        let answer = request(gateway.exchange, "GET", &target, &headers, b"").await.unwrap();
        assert!(matches!(answer.status, 401 | 404), "{}", answer.status);
        assert_eq!(answer.header("ratelimit"), None);
    }
    assert_eq!(lines(&folder), answered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lines_of_calls_can_be_switched_off() {
    let folder = folder("[log]\nformat = \"json\"\naccess = false\n", "");
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    police.accepted("paper", "k", &paper(POLICE, &[COURT], 1, "x")).await;
    assert_eq!(lines(&folder), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_says_what_remains_of_the_allowance() {
    let folder = folder("", "[limits]\nper_second = 1\n");
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    let first = police.get("/v1/me").await.unwrap().expect(200);
    assert_eq!(first.header("ratelimit-policy"), Some("\"calls\";q=2;w=2"));
    assert_eq!(first.header("ratelimit"), Some("\"calls\";r=1;t=1"));
    // A refusal says it too, and so does the refusal of the call too many.
    let refused = police.submit("nothing", "k", &[], b"{}").await.unwrap().expect(404);
    assert!(refused.header("ratelimit").is_some_and(|left| left.starts_with("\"calls\";r=")));
    let mut last = None;
    for _ in 0..60 {
        let answer = police.get("/v1/me").await.unwrap();
        if answer.status == 429 {
            last = Some(answer);
            break;
        }
    }
    let last = last.expect("two at once are allowed, and one a second");
    assert_eq!(last.header("ratelimit-policy"), Some("\"calls\";q=2;w=2"));
    assert_eq!((last.header("ratelimit"), last.header("retry-after")), (Some("\"calls\";r=0;t=2"), Some("1")));
    // Somebody else has an allowance of their own, and made their first call of it.
    let other = court.get("/v1/me").await.unwrap().expect(200);
    let number = |field: &str, name: &str| -> u32 {
        let text = other.header(field).unwrap().split_once(&format!(";{name}=")).unwrap().1;
        text.split(';').next().unwrap().parse().unwrap()
    };
    assert_eq!(number("ratelimit-policy", "q"), number("ratelimit", "r") + 1);
    let described = request(gateway.exchange, "GET", "/openapi.json", &[], b"").await.unwrap().expect(200).json();
    for (path, call, status) in
        [("/v1/records/{kind}", "post", "202"), ("/v1/records/{kind}", "post", "429"), ("/v1/feed", "get", "200")]
    {
        let headers = &described["paths"][path][call]["responses"][status]["headers"];
        for name in ["RateLimit", "RateLimit-Policy"] {
            assert_eq!(headers[name]["schema"]["type"], "string", "{path} {call} {status}: {headers}");
        }
    }
}
