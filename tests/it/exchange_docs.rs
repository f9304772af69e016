//! The description of the API, checked against what the server does: every described call is there, nothing else is, every
//! status that is seen is described, and the pages work without anything from elsewhere.

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::http::request;
use super::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";

async fn started() -> (Folder, Gateway, Client) {
    let folder = Folder::with(&[
        Party::pulling("police-a", "police", &[POLICE]),
        Party::pulling("court-a", "courts", &["court:DLCT01"]),
    ]);
    let gateway = Gateway::start(&folder).await;
    let client = Client::connect(&folder, gateway.exchange, "police-a").await;
    (folder, gateway, client)
}

const VERBS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn filled(path: &str) -> String {
    path.replace("{kind}", "paper")
        .replace("{table}", "gender")
        .replace("{id}", "x")
        .replace("{sha256}", &"00".repeat(32))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_described_call_is_served_and_no_other_verb_is() {
    let (_folder, gateway, client) = started().await;
    let document = client.get("/openapi.json").await.unwrap().expect(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 18, "{:?}", paths.keys());
    for (path, item) in paths {
        for verb in VERBS {
            let answer = request(gateway.exchange, &verb.to_uppercase(), &filled(path), &[], b"").await.unwrap();
            let described = item.get(verb);
            match described {
                None => assert_eq!(answer.status, 405, "{verb} {path} is served and not described"),
                Some(call) => {
                    let status = answer.status.to_string();
                    assert!(call["responses"].get(&status).is_some(), "{verb} {path}: {status} is not described");
                    let open = call.get("security").is_some();
                    assert_eq!(answer.status == 401, !open, "{verb} {path} without a token: {}", answer.status);
                }
            }
        }
    }
    for path in ["/", "/v1", "/v2/records/paper", "/admin/v1/counts", "/metrics", "/v1/records/paper/x"] {
        let answer = request(gateway.exchange, "GET", path, &[], b"").await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (404, "not-found"), "{path}");
    }
}

/// Method, path as described, path as called, headers, body.
type Probe<'a> = (&'a str, &'a str, String, Vec<(&'a str, &'a str)>, String);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_status_that_is_seen_is_described() {
    let (_folder, _gateway, client) = started().await;
    let document = client.get("/openapi.json").await.unwrap().expect(200).json();
    let good = paper(POLICE, &["court:DLCT01"], 1, "x").to_string();
    let json = [("content-type", "application/json"), ("idempotency-key", "k")];
    let probes: Vec<Probe<'_>> = vec![
        ("post", "/v1/records/{kind}", "/v1/records/paper".into(), json.to_vec(), good.clone()),
        ("post", "/v1/records/{kind}", "/v1/records/none".into(), json.to_vec(), good.clone()),
        ("post", "/v1/records/{kind}", "/v1/records/paper".into(), json.to_vec(), "{".into()),
        ("post", "/v1/records/{kind}", "/v1/records/paper".into(), json.to_vec(), "{}".into()),
        ("post", "/v1/validate/{kind}", "/v1/validate/paper".into(), json.to_vec(), good.clone()),
        ("post", "/v1/feed/ack", "/v1/feed/ack".into(), vec![], "{}".into()),
        ("post", "/v1/feed/ack", "/v1/feed/ack".into(), vec![], "x".into()),
        ("get", "/v1/feed", "/v1/feed?limit=1".into(), vec![], String::new()),
        ("get", "/v1/feed", "/v1/feed?after=x".into(), vec![], String::new()),
        ("get", "/v1/messages/{id}", "/v1/messages/x".into(), vec![], String::new()),
        ("get", "/v1/messages", "/v1/messages?since=x".into(), vec![], String::new()),
        (
            "post",
            "/v1/messages/{id}/outcomes",
            "/v1/messages/x/outcomes".into(),
            vec![],
            "{\"outcome\":\"received\"}".into(),
        ),
        ("get", "/v1/me", "/v1/me".into(), vec![], String::new()),
        ("get", "/v1/kinds", "/v1/kinds".into(), vec![], String::new()),
        ("get", "/v1/schemas/{kind}", "/v1/schemas/paper".into(), vec![], String::new()),
        ("get", "/v1/schemas/{kind}", "/v1/schemas/none".into(), vec![], String::new()),
        ("get", "/v1/examples/{kind}", "/v1/examples/fir".into(), vec![], String::new()),
        ("get", "/v1/codes/{table}", "/v1/codes/gender".into(), vec![], String::new()),
        ("get", "/v1/codes/{table}", "/v1/codes/..%2f..%2fconfig".into(), vec![], String::new()),
    ];
    for (verb, path, target, headers, body) in probes {
        let answer = client.call(&verb.to_uppercase(), &target, &headers, body.as_bytes()).await.unwrap();
        let described = &document["paths"][path][verb]["responses"];
        let status = answer.status.to_string();
        assert!(described.get(&status).is_some(), "{verb} {target}: {status} is not described: {}", answer.text());
        assert!(answer.status < 500, "{verb} {target}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_documents_carry_an_etag_and_are_not_sent_twice() {
    let (_folder, _gateway, client) = started().await;
    for path in ["/v1/kinds", "/v1/schemas/paper", "/v1/schemas/fir", "/v1/codes/gender"] {
        let answer = client.get(path).await.unwrap().expect(200);
        let tag = answer.header("etag").unwrap_or_else(|| panic!("{path} has no ETag")).to_owned();
        let again = client.call("GET", path, &[("if-none-match", &tag)], b"").await.unwrap();
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
    let schema = client.get("/v1/schemas/paper?form=shared").await.unwrap().expect(200).json();
    assert_eq!(schema["title"], "paper");
    let codes = client.get("/v1/codes/gender").await.unwrap().expect(200).json();
    assert!(codes["codes"].as_array().is_some_and(|rows| rows.len() > 2), "{codes:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_for_people_needs_nothing_from_elsewhere() {
    let (_folder, gateway, client) = started().await;
    let page = client.get("/docs").await.unwrap().expect(200);
    let text = page.text();
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    for elsewhere in ["<script", "http://", "https://", "src="] {
        assert!(!text.contains(elsewhere), "the page names `{elsewhere}`");
    }
    for call in ["/v1/records/{kind}", "/v1/feed/ack", "/oauth2/token"] {
        assert!(text.contains(call), "{call} is not on the page");
    }
    assert!(text.contains("id=\"record-changed\""), "a problem's type leads here");
    let events: Value = client.get("/asyncapi.json").await.unwrap().expect(200).json();
    assert_eq!(events["asyncapi"], json!("3.0.0"));
    for path in ["/docs", "/openapi.json", "/.well-known/jwks.json"] {
        assert_eq!(request(gateway.admin, "GET", path, &[], b"").await.unwrap().status, 200, "{path} on admin");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(request(gateway.ops, "GET", path, &[], b"").await.unwrap().status, 200, "{path} on ops");
    }
}
