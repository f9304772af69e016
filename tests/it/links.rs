//! Links between case numbers from outside: records bring them, persons join and part by the command line, and the next
//! record goes where the links say.

use serde_json::{Value, json};

use crate::cli_mistakes::said;
use crate::harness::folder::paper;
use crate::harness::http::request;
use crate::harness::{Client, Folder, Gateway, Party};

pub const STATION: &str = "ps:38101004";
pub const CNR_A: &str = "DLCT010001232026";
const CNR_B: &str = "DLCT020004562026";

const ROUTES: &str = r#"
[[route]]
name = "paper-to-court"
kind = "paper"
to = "courts"
office = ["addressee", "case-court", "cnr"]
"#;

/// A police system and two courts; a paper that has both numbers joins them.
pub struct Courts {
    pub folder: Folder,
    pub gateway: Gateway,
    pub police: Client,
    pub one: Client,
    pub two: Client,
}

impl Courts {
    pub async fn open() -> Self {
        let folder = Folder::with(&[
            Party::pulling("police", "police", &[STATION]),
            Party::pulling("one", "courts", &["court:DLCT01"]),
            Party::pulling("two", "courts", &["court:DLCT02"]),
        ]);
        let kinds = std::fs::read_to_string(folder.path("config/kinds.toml")).unwrap();
        let links =
            "cases = [\"fir:case.fir\", \"cnr:case.cnr\"]\nlinks = [\"same fir:case.fir cnr:case.cnr\"]\n\n[[kind]]";
        folder.file(
            "config/kinds.toml",
            &kinds.replacen("cases = [\"fir:case.fir\", \"cnr:case.cnr\"]\n\n[[kind]]", links, 1),
        );
        folder.file("config/routes.toml", ROUTES);
        let gateway = Gateway::start(&folder).await;
        let connect = |name| Client::connect(&folder, gateway.exchange, name);
        let (police, one, two) = (connect("police").await, connect("one").await, connect("two").await);
        Self { folder, gateway, police, one, two }
    }

    /// The police's next paper of the case: the office that gets it, or the reason why nobody does, and why.
    async fn next(&self, note: &str) -> (Value, Value) {
        let accepted = self.police.accepted("paper", note, &paper(STATION, &[], 7, note)).await;
        let delivery = &accepted["deliveries"][0];
        let office = if delivery["office"].is_null() { &delivery["reason"] } else { &delivery["office"] };
        (office.clone(), delivery["why"].clone())
    }

    /// Deliveries of a kind in a state, over all systems.
    pub async fn counts(&self, kind: &str, state: &str) -> u64 {
        let token = std::fs::read_to_string(self.folder.path("data/admin.token")).unwrap();
        let bearer = format!("Bearer {}", token.trim());
        let headers = [("authorization", bearer.as_str())];
        let answer = request(self.gateway.admin, "GET", "/admin/v1/counts", &headers, b"").await.unwrap();
        let counts = answer.expect(200).json();
        let all = counts["deliveries"].as_array().unwrap();
        let found = all.iter().filter(|line| line[1] == kind && line[2] == state);
        found.map(|line| line[3].as_u64().unwrap()).sum()
    }

    fn icjs(&self, words: &[&str]) -> std::process::Output {
        Gateway::command(&self.folder).args(words).output().unwrap()
    }

    fn links(&self, case: &str) -> Vec<Value> {
        let listed = self.icjs(&["case", "links", case, "--json"]);
        assert!(listed.status.success(), "{}", said(&listed));
        let answer: Value = serde_json::from_slice(&listed.stdout).unwrap();
        answer["links"].as_array().unwrap().clone()
    }
}

/// A court's paper that says which CNR the FIR has.
pub fn registered(court: &str, cnr: &str) -> Value {
    let mut paper = paper(court, &[court], 7, "registered");
    paper["case"]["cnr"] = json!({ "value": cnr });
    paper
}

fn rules(accepted: &Value) -> Vec<&str> {
    accepted["warnings"].as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_court_of_a_case_is_its_newest_link_until_a_person_ends_it() {
    let courts = Courts::open().await;
    assert_eq!(courts.next("a").await.0, "no-office", "nobody knows the court yet");
    courts.one.accepted("paper", "r", &registered("court:DLCT01", CNR_A)).await;
    let why = format!("route paper-to-court: court of the case: same cnr/{CNR_A}");
    assert_eq!(courts.next("b").await, (json!("court:DLCT01"), json!(why)));

    let (from, to) = (format!("cnr/{CNR_A}"), format!("cnr/{CNR_B}"));
    let committed = ["case", "link", &from, "committed-to", &to, "--reason", "order of today", "--by", "registrar"];
    let linked = courts.icjs(&committed);
    assert!(linked.status.success() && said(&linked).contains("no record has the number"), "{}", said(&linked));
    assert_eq!(courts.next("c").await.0, "court:DLCT02");

    let long = "x".repeat(1_001);
    let endless = courts.icjs(&["case", "link", &from, "committed-to", &to, "--reason", &long, "--by", "registrar"]);
    assert!(!endless.status.success() && said(&endless).contains("at most 1000 bytes"), "{}", said(&endless));

    let mut unlink = committed;
    (unlink[1], unlink[6]) = ("unlink", "it was another case");
    assert!(courts.icjs(&unlink).status.success());
    assert_eq!(courts.next("d").await.0, "court:DLCT01", "what the link joined is joined no longer");
    let again = courts.icjs(&unlink);
    assert!(again.status.success(), "whoever got no answer says it again: {}", said(&again));
    let mut other = unlink;
    other[6] = "another reason";
    let other = courts.icjs(&other);
    assert_eq!(other.status.code(), Some(65), "{}", said(&other));
    let history = courts.links(&from);
    let ended = &history.iter().find(|link| link["link"] == "committed-to").unwrap()["ended"];
    assert_eq!(
        (&ended["by"], &ended["reason"]),
        (&json!("registrar (owner)"), &json!("it was another case")),
        "{history:?}"
    );
    let wrong = courts.icjs(&["case", "link", &from, "same", &to, "--reason", "x"]);
    assert!(!wrong.status.success() && said(&wrong).contains("two CNRs are two cases"), "{}", said(&wrong));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fir_of_two_courts_cases_is_marked_and_goes_nowhere_by_a_guess() {
    let courts = Courts::open().await;
    courts.one.accepted("paper", "r", &registered("court:DLCT01", CNR_A)).await;
    let second = courts.two.accepted("paper", "r", &registered("court:DLCT02", CNR_B)).await;
    assert!(rules(&second).contains(&"ambiguous-link"), "{second}");
    assert_eq!(courts.next("a").await.0, "ambiguous-office");
    let mut named = paper(STATION, &[], 7, "names its court's case");
    named["case"]["cnr"] = json!({ "value": CNR_B });
    let named = courts.police.accepted("paper", "n", &named).await;
    assert_eq!(named["deliveries"][0]["office"], "court:DLCT02", "{named}");
    let decided =
        courts.icjs(&["case", "link", "fir/38101004-2026-7", "same", &format!("cnr/{CNR_A}"), "--reason", "x"]);
    assert!(decided.status.success() && said(&decided).contains("several courts"), "{}", said(&decided));
    assert_eq!(courts.next("b").await.0, "court:DLCT01", "a person decides");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_ends_with_the_correction_of_the_record_that_brought_it_and_outlives_a_restart() {
    let mut courts = Courts::open().await;
    let wrong = courts.one.accepted("paper", "r", &registered("court:DLCT01", CNR_A)).await;
    assert_eq!(courts.next("a").await.0, "court:DLCT01");
    courts.gateway.kill();
    courts.gateway = Gateway::start(&courts.folder).await;
    let connect = |name| Client::connect(&courts.folder, courts.gateway.exchange, name);
    (courts.police, courts.one) = (connect("police").await, connect("one").await);
    assert_eq!(courts.next("b").await.0, "court:DLCT01", "a link is durable");
    let mut right = registered("court:DLCT01", CNR_A);
    right["case"]["fir"]["serial"] = json!(8);
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "r2"),
        ("icjs-action", "correct"),
        ("icjs-replaces", wrong["id"].as_str().unwrap()),
        ("icjs-reason", "the FIR's number was wrong"),
    ];
    let body = right.to_string();
    courts.one.call("POST", "/v1/records/paper", &headers, body.as_bytes()).await.unwrap().expect(202);
    assert_eq!(courts.next("c").await.0, "no-office");
}
