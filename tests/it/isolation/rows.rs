//! The matrix: for each described operation, every way in which somebody else's thing could be asked for by it. An
//! operation that is not here fails the test that reads the description.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::world::{Asker, Names, STRANGERS};
use crate::harness::folder::paper;

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which way this is, the same for real and made-up names.
    pub way: &'static str,
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Sent without the caller's token: what it says of who calls stands in its body.
    pub bare: bool,
}

/// What an operation may tell somebody who has nothing to do with a thing.
pub enum Row {
    /// The same to everybody, also without a token.
    Public(&'static str),
    /// Of the caller and the configuration, and of no record of others.
    Own(&'static [&'static str]),
    /// Names a thing: what is somebody else's is answered like what does not exist.
    Names(fn(&Names, &Asker) -> Vec<Ask>),
}

/// Verb and path as described, and the row. What writes comes last: those who look find nothing of it.
pub const ROWS: &[(&str, &str, Row)] = &[
    ("get", "/v1/messages/{id}", Row::Names(message)),
    ("get", "/v1/messages/{id}/proof", Row::Names(proof)),
    ("get", "/v1/messages", Row::Names(messages)),
    ("get", "/v1/reconciliation/{day}", Row::Own(&["/v1/reconciliation/{today}"])),
    ("get", "/v1/cases/{scheme}/{identifier}", Row::Names(case)),
    ("get", "/v1/feed", Row::Names(feed)),
    ("post", "/v1/feed/ack", Row::Names(acknowledged)),
    ("post", "/v1/messages/{id}/outcomes", Row::Names(outcome)),
    ("put", "/v1/attachments/{sha256}", Row::Names(put)),
    ("patch", "/v1/attachments/{sha256}", Row::Names(patched)),
    ("head", "/v1/attachments/{sha256}", Row::Names(head)),
    ("get", "/v1/attachments/{sha256}", Row::Names(attachment)),
    ("post", "/oauth2/token", Row::Names(token)),
    ("get", "/v1/me", Row::Own(&["/v1/me"])),
    ("get", "/v1/kinds", Row::Own(&["/v1/kinds"])),
    ("get", "/v1/schemas/{kind}", Row::Own(&["/v1/schemas/paper", "/v1/schemas/paper?form=native"])),
    ("get", "/v1/examples/{kind}", Row::Own(&["/v1/examples/fir", "/v1/examples/paper"])),
    ("get", "/v1/codes/{table}", Row::Own(&["/v1/codes/gender"])),
    ("get", "/.well-known/jwks.json", Row::Public("/.well-known/jwks.json")),
    ("get", "/openapi.json", Row::Public("/openapi.json")),
    ("get", "/asyncapi.json", Row::Public("/asyncapi.json")),
    ("get", "/docs", Row::Public("/docs")),
    ("post", "/v1/records/{kind}", Row::Names(records)),
    ("post", "/v1/validate/{kind}", Row::Names(validated)),
    ("post", "/v1/batches", Row::Names(batches)),
];

fn ask(way: &'static str, method: &'static str, target: impl Into<String>) -> Ask {
    Ask { way, method, target: target.into(), headers: Vec::new(), body: Vec::new(), bare: false }
}

impl Ask {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.with("content-type", "application/json")
    }
}

/// A record of the asker's own, of the strangers' case, under a key never used before.
fn own(asker: &Asker) -> (Value, String) {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let key = format!("ask-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    (paper(asker.office, &["court:TNCH01"], STRANGERS, "their own"), key)
}

/// A record with its headers, and the way in which it names a thing.
type Submission = (&'static str, Vec<(&'static str, String)>, Value);

/// Every way to name a thing in a submission.
fn submissions(names: &Names, asker: &Asker) -> Vec<Submission> {
    let replacing = |id: &str, action: &str| {
        let headers = [("icjs-action", action), ("icjs-replaces", id), ("icjs-reason", "none")];
        headers.map(|(name, value)| (name, value.to_owned())).to_vec()
    };
    let mut all = Vec::new();
    let mut add = |way, mut headers: Vec<(&'static str, String)>, change: &dyn Fn(&mut Value)| {
        let (mut record, key) = own(asker);
        change(&mut record);
        if !headers.iter().any(|(name, _)| *name == "idempotency-key") {
            headers.push(("idempotency-key", key));
        }
        all.push((way, headers, record));
    };
    add("from its office", Vec::new(), &|record| record["office"] = json!(names.sender));
    add("from its office by header", vec![("icjs-office", names.sender.clone())], &|_| {});
    add("corrects it", replacing(&names.message, "correct"), &|_| {});
    add("withdraws it", replacing(&names.message, "withdraw"), &|_| {});
    add("corrects its delivery", replacing(&names.delivery, "correct"), &|_| {});
    add("names its file", Vec::new(), &|record| {
        record["attachments"] = json!([{"sha256": names.sha256, "size": super::world::FILE.len()}]);
    });
    add("under its key", vec![("idempotency-key", names.key.clone())], &|_| {});
    add("under its number", Vec::new(), &|record| record["event"]["number"] = json!(names.event));
    all
}

fn records(names: &Names, asker: &Asker) -> Vec<Ask> {
    let one = |(way, headers, record): Submission| {
        let sent = ask(way, "POST", "/v1/records/paper").json(&record);
        headers.into_iter().fold(sent, |sent, (name, value)| sent.with(name, &value))
    };
    submissions(names, asker).into_iter().map(one).collect()
}

fn validated(names: &Names, asker: &Asker) -> Vec<Ask> {
    let known = |way: &str| !matches!(way, "under its key" | "under its number");
    let mut asks = records(names, asker);
    asks.retain(|one| known(one.way));
    asks.iter_mut().for_each(|one| "/v1/validate/paper".clone_into(&mut one.target));
    asks
}

fn batches(names: &Names, asker: &Asker) -> Vec<Ask> {
    let one = |(way, headers, record): Submission| {
        let headers: serde_json::Map<String, Value> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let mut sent = ask(way, "POST", "/v1/batches").with("content-type", "application/x-ndjson");
        sent.body = format!("{}\n", json!({"kind": "paper", "headers": headers, "body": record})).into_bytes();
        sent
    };
    submissions(names, asker).into_iter().map(one).collect()
}

fn message(names: &Names, _: &Asker) -> Vec<Ask> {
    vec![
        ask("by its id", "GET", format!("/v1/messages/{}", names.message)),
        ask("by its delivery", "GET", format!("/v1/messages/{}", names.delivery)),
    ]
}

fn proof(names: &Names, _: &Asker) -> Vec<Ask> {
    vec![
        ask("by its id", "GET", format!("/v1/messages/{}/proof", names.message)),
        ask("by its delivery", "GET", format!("/v1/messages/{}/proof", names.delivery)),
    ]
}

fn messages(names: &Names, _: &Asker) -> Vec<Ask> {
    vec![
        ask("by its number", "GET", format!("/v1/messages?record={}", names.event)),
        ask("after its bare id", "GET", format!("/v1/messages?after={}", names.message)),
        ask("from its sender's next page", "GET", format!("/v1/messages?after={}", names.page)),
    ]
}

fn case(names: &Names, _: &Asker) -> Vec<Ask> {
    let why = "purpose=a%20look&ground=none";
    vec![ask("by its number", "GET", format!("/v1/cases/{}?{why}", names.case))]
}

fn feed(names: &Names, _: &Asker) -> Vec<Ask> {
    vec![
        ask("of its receiver", "GET", format!("/v1/feed?office={}", names.office)),
        ask("of its sender", "GET", format!("/v1/feed?office={}", names.sender)),
        ask("with its receiver's cursor", "GET", format!("/v1/feed?after={}", names.cursor)),
    ]
}

fn acknowledged(names: &Names, _: &Asker) -> Vec<Ask> {
    let say = |way, body: Value| ask(way, "POST", "/v1/feed/ack").json(&body);
    let outcome = |id: &str| json!({"outcomes": [{"id": id, "outcome": "rejected", "reason": "not mine"}]});
    vec![
        say("with its receiver's cursor", json!({"upto": names.cursor})),
        say("of its receiver", json!({"offices": [names.office], "upto": names.cursor})),
        say("rejects its delivery", outcome(&names.delivery)),
        say("rejects it", outcome(&names.message)),
    ]
}

fn outcome(names: &Names, _: &Asker) -> Vec<Ask> {
    let say = |way, path: &str, body: Value| ask(way, "POST", format!("/v1/messages/{path}/outcomes")).json(&body);
    let said = json!({"outcome": "executed"});
    let named = json!({"id": names.delivery, "outcome": "executed"});
    vec![
        say("of it", &names.message, said.clone()),
        say("of its delivery", &names.delivery, said),
        say("of it, naming its delivery", &names.message, named),
    ]
}

fn path(names: &Names) -> String {
    format!("/v1/attachments/{}", names.sha256)
}

fn put(names: &Names, _: &Asker) -> Vec<Ask> {
    vec![Ask { body: b"other bytes".to_vec(), ..ask("with other bytes", "PUT", path(names)) }]
}

fn patched(names: &Names, _: &Asker) -> Vec<Ask> {
    let part = ask("goes on with it", "PATCH", path(names)).with("upload-offset", "7");
    vec![Ask { body: b"the rest".to_vec(), ..part }]
}

fn head(names: &Names, _: &Asker) -> Vec<Ask> {
    vec![ask("by its digest", "HEAD", path(names))]
}

fn attachment(names: &Names, _: &Asker) -> Vec<Ask> {
    vec![
        ask("by its digest", "GET", path(names)),
        ask("a part of it", "GET", path(names)).with("range", "bytes=0-3"),
        ask("if it is another", "GET", path(names)).with("if-none-match", &format!("\"{}\"", names.sha256)),
    ]
}

/// In the name of its sender, with a signature of one's own, and the other way round.
fn token(names: &Names, asker: &Asker) -> Vec<Ask> {
    let form = |way, assertion: &str, more: &str| {
        let mut sent = ask(way, "POST", "/oauth2/token").with("content-type", "application/x-www-form-urlencoded");
        sent.bare = true;
        sent.body = format!(
            "grant_type=client_credentials&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}{more}"
        )
        .into_bytes();
        sent
    };
    let audience = format!("http://{}/oauth2/token", asker.client.gateway);
    let own = |name: &str| asker.key.assertion(name, &audience);
    vec![
        form("in its sender's name", &own(&names.system), ""),
        form(
            "with its sender's name beside one's own",
            &own(&asker.client.system),
            &format!("&client_id={}", names.system),
        ),
    ]
}
