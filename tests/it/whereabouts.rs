//! Where an order about a person's liberty goes, seen from outside with the shipped kinds: to the prison that says it has
//! the person, to both where two say so, to the successor of one that has closed; and what else prisons and courts get wrong.

use serde_json::{Value, json};

use crate::harness::http::Answer;
use crate::harness::{Client, Folder, Gateway, Party};

const COURT: &str = "court:DLCT01/3";

/// A court, and two prison systems; kinds, routes and tables are the shipped ones.
pub struct Prisons {
    pub folder: Folder,
    pub gateway: Gateway,
    pub court: Client,
    pub central: Client,
    pub south: Client,
}

impl Prisons {
    pub async fn open() -> Self {
        let party = |name: &str, pillar: &str, offices: &[&str]| {
            let mut party = Party::pulling(name, pillar, offices);
            party.send = vec!["custody-update".to_owned(), "court-order".to_owned()];
            party.receive = party.send.clone();
            party
        };
        let parties = [
            party("court", "courts", &["court:DLCT01", COURT, "court:DLCT01/4"]),
            party("central", "prisons", &["prison:DL01", "prison:DL02"]),
            party("south", "prisons", &["prison:DL03"]),
            party("police", "police", &["ps:38101004"]),
        ];
        let folder = Folder::with(&parties);
        for shipped in ["kinds", "routes", "sharing"] {
            std::fs::remove_file(folder.path(&format!("config/{shipped}.toml"))).unwrap();
        }
        let gateway = Gateway::start(&folder).await;
        let connect = |name| Client::connect(&folder, gateway.exchange, name);
        let (court, central, south) = (connect("court").await, connect("central").await, connect("south").await);
        Self { folder, gateway, court, central, south }
    }

    /// A release order: who gets it, with the state or reason of each delivery.
    pub async fn release(&self, number: &str, to: &[&str], pid: (&str, &str)) -> (Value, Vec<String>) {
        let accepted = self.court.accepted("court-order", number, &release(number, to, pid)).await;
        let all = accepted["deliveries"].as_array().unwrap().clone();
        let prisons = all.iter().filter(|one| !one["why"].as_str().unwrap().contains("order-to-police"));
        let say = |one: &Value| match one["office"].as_str() {
            Some(office) => office.to_owned(),
            None => one["reason"].to_string(),
        };
        let found = prisons.map(say).collect();
        (accepted, found)
    }
}

fn coded(table: &str, code: &str) -> Value {
    json!({"code": code, "label": code, "raw": {"table": table, "value": code}})
}

fn person((prison, id): (&str, &str)) -> Value {
    json!({"name": {"full": "नमूना"}, "pid": {"prison": prison, "id": id}, "gender": coded("gender", "male")})
}

/// A court's order to release one person.
pub fn release(number: &str, to: &[&str], pid: (&str, &str)) -> Value {
    json!({"office": COURT, "to": to, "event": {"number": number, "occurred_at": "2026-11-22T12:00:00+05:30", "entry": "live"},
        "case": {"cnr": {"value": "DLCT010000072026"}},
        "order": {"kind": coded("court-order-kind", "release")}, "persons": [{"person": person(pid)}]})
}

/// What a prison says of one prisoner, at an hour of the day.
pub fn update(prison: &str, number: &str, event: &str, hour: u32, pid: (&str, &str)) -> Value {
    let at = format!("2026-11-21T{hour:02}:00:00+05:30");
    json!({"office": prison, "event": {"number": number, "occurred_at": at, "entry": "live"},
        "update": {"kind": coded("custody-event", event), "at": at}, "prison": {"office": prison},
        "prisoner": {"person": person(pid)}, "cases": [{"cnr": {"value": "DLCT010000072026"}}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_goes_where_the_person_is_by_the_latest_custody_update() {
    let prisons = Prisons::open().await;
    let pid = ("DL01", "7");
    let (_, nobody) = prisons.release("O-0", &[], pid).await;
    assert_eq!(nobody, ["prison:DL01"], "nobody has said where: the court's prison for men");
    prisons.central.accepted("custody-update", "1", &update("prison:DL01", "E-1", "admission", 8, pid)).await;
    let mut moved = update("prison:DL01", "E-2", "transfer-out", 10, pid);
    moved["transfer"] = json!({"from": "prison:DL01", "to": "prison:DL03", "from_pid": {"prison": "DL01", "id": "7"},
        "to_pid": {"prison": "DL03", "id": "70"}});
    prisons.central.accepted("custody-update", "2", &moved).await;
    let (accepted, found) = prisons.release("O-1", &[], pid).await;
    assert_eq!(found, ["prison:DL03"], "{accepted}");
    assert!(accepted.to_string().contains("route order-to-prison: custody update"), "{accepted}");
    assert_eq!(prisons.release("O-2", &[], ("DL03", "70")).await.1, ["prison:DL03"], "by the new number too");
    assert_eq!(prisons.release("O-3", &["prison:DL01"], pid).await.1, ["prison:DL01", "prison:DL03"]);
    let late = update("prison:DL01", "E-3", "hospital-in", 9, pid);
    prisons.central.accepted("custody-update", "3", &late).await;
    assert_eq!(prisons.release("O-4", &[], pid).await.1, ["prison:DL03"], "what came late happened before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_prisons_that_claim_one_person_both_get_the_release_and_a_stranger_cannot_claim_for_another() {
    let prisons = Prisons::open().await;
    let pid = ("DL01", "8");
    let strange =
        prisons.central.accepted("custody-update", "1", &update("prison:DL01", "E-1", "admission", 8, pid)).await;
    let rules: Vec<&Value> = strange["warnings"].as_array().unwrap().iter().map(|one| &one["rule"]).collect();
    assert!(rules.contains(&&json!("provisional-case")), "a person in a case that nobody sent: {strange}");
    assert_eq!(strange["deliveries"][0]["office"], "court:DLCT01", "and yet the court hears of it: {strange}");
    prisons.south.accepted("custody-update", "1", &update("prison:DL03", "E-1", "admission", 9, pid)).await;
    assert_eq!(prisons.release("O-1", &[], pid).await.1, ["prison:DL01", "prison:DL03"]);
    let mut forged = update("prison:DL03", "E-2", "release", 11, pid);
    forged["prison"]["office"] = json!("prison:DL01");
    prisons.south.accepted("custody-update", "2", &forged).await;
    assert_eq!(
        prisons.release("O-2", &[], pid).await.1,
        ["prison:DL01", "prison:DL03"],
        "it spoke for another's prison"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_for_a_prison_that_closed_last_year_goes_to_its_successor_and_says_so() {
    let prisons = Prisons::open().await;
    let (accepted, found) = prisons.release("O-1", &["prison:DL08"], ("DL08", "3")).await;
    assert_eq!(found, ["prison:DL01"], "{accepted}");
    assert!(accepted.to_string().contains("prison:DL08 closed on 2025-10-31 (prisons line"), "{accepted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_for_a_delivery_of_somebody_else_is_not_found() {
    let prisons = Prisons::open().await;
    let (accepted, _) = prisons.release("O-1", &["prison:DL01"], ("DL01", "9")).await;
    let all = accepted["deliveries"].as_array().unwrap();
    let id = all.iter().find(|one| one["office"] == "prison:DL01").unwrap()["id"].as_str().unwrap();
    let path = format!("/v1/messages/{id}/outcomes");
    let body = json!({"outcome": "executed"}).to_string();
    let says = |client: Client| {
        let (path, body) = (path.clone(), body.clone());
        async move { client.call("POST", &path, &[("content-type", "application/json")], body.as_bytes()).await.unwrap() }
    };
    let stranger: Answer = says(prisons.south.clone()).await.expect(404);
    assert_eq!(stranger.code(), "not-found");
    let page = prisons.central.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["id"], id, "{page}");
    says(prisons.central.clone()).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_of_a_correction_of_something_withdrawn_names_the_withdrawal() {
    let prisons = Prisons::open().await;
    let pid = ("DL01", "10");
    let send = async |number: &str, action: &str, replaces: &str, status: u16| {
        let body = update("prison:DL01", number, "admission", 8, pid).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("icjs-action", action),
            ("icjs-replaces", replaces),
            ("icjs-reason", "a test"),
        ];
        let headers = if action == "new" { &headers[..1] } else { &headers[..] };
        let answer =
            prisons.central.call("POST", "/v1/records/custody-update", headers, body.as_bytes()).await.unwrap();
        answer.expect(status).json()
    };
    let first = send("E-1", "new", "", 202).await;
    let id = |answer: &Value| answer["id"].as_str().unwrap().to_owned();
    let second = send("E-2", "correct", &id(&first), 202).await;
    let gone = send("E-3", "withdraw", &id(&second), 202).await;
    for (number, old) in [("E-4", &first), ("E-5", &second)] {
        let refused = send(number, "correct", &id(old), 409).await;
        assert_eq!(refused["code"], "record-changed", "{refused}");
        assert!(refused.to_string().contains(&id(&gone)), "it names the newest version: {refused}");
    }
    assert_eq!(
        prisons.release("O-1", &["prison:DL03"], pid).await.1,
        ["prison:DL03"],
        "nobody says that they hold them"
    );
}
