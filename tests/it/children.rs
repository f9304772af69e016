//! Boards, homes and agencies by the shipped routes: what the court gets of a child the Board gets too; nothing about a child
//! goes to a prison or to the fingerprint bureau; an age order takes the child to the home, and what comes later follows. An
//! agency sends what police sends and gets what the station of a FIR gets.

use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const ARREST: &str = include_str!("../../schemas/examples/arrest-3.json");
const ORDER: &str = include_str!("../../schemas/examples/court-order-1.json");
const UPDATE: &str = include_str!("../../schemas/examples/custody-update-4.json");
const FIR: &str = include_str!("../../schemas/examples/fir-3.json");
const REGISTRATION: &str = include_str!("../../schemas/examples/case-registration-1.json");

/// A bureau gets orders where a court addresses it.
const BUREAU: &str = "\n[[route]]\nname = \"order-to-bureau\"\nkind = \"court-order\"\nto = \"fingerprints\"\noffice = [\"addressee\"]\n";

struct Stage {
    folder: Folder,
    gateway: Gateway,
}

async fn stage() -> Stage {
    let all = ["fir", "arrest", "charge-sheet", "case-registration", "court-order", "custody-update"];
    let party = |name, pillar, offices: &[&str]| Party::pulling(name, pillar, offices).speaking("shared", &all, &all);
    let folder = Folder::shipped(&[
        party("police", "police", &["ps:38101004"]),
        party("agency", "agency", &["agency:CBIACBDL"]),
        party("court", "courts", &["court:DLCT01", "court:DLCT01/3", "court:DLSP01/2"]),
        party("board", "jjb", &["jjb:DLJB01"]),
        party("prison", "prisons", &["prison:DL01"]),
        party("home", "child-home", &["home:DLOH01"]),
        party("bureau", "fingerprints", &["nafis:DL"]),
    ]);
    let routes = include_str!("../../config/routes.toml");
    folder.file("config/routes.toml", &format!("{routes}{BUREAU}"));
    let gateway = Gateway::start(&folder).await;
    Stage { folder, gateway }
}

impl Stage {
    async fn client(&self, system: &str) -> Client {
        Client::connect(&self.folder, self.gateway.exchange, system).await
    }

    /// Sends a record; gives back office and reason (or state) of every delivery, in order of the offices.
    async fn sent(&self, client: &Client, kind: &str, record: &Value) -> Vec<String> {
        let accepted = client.accepted(kind, &record["event"]["number"].to_string(), record).await;
        let text = |one: &Value, key: &str| one[key].as_str().map(str::to_owned);
        let one = |one: &Value| {
            let reason = text(one, "reason").filter(|reason| !reason.is_empty());
            let office = text(one, "office").unwrap_or_default();
            reason.map_or(office.clone(), |reason| format!("{office} {reason}"))
        };
        let mut went: Vec<String> = accepted["deliveries"].as_array().unwrap().iter().map(one).collect();
        went.sort();
        went
    }
}

/// A published example with another event number and no files.
fn example(text: &str, number: &str) -> Value {
    let mut record: Value = serde_json::from_str(text).unwrap();
    record["event"]["number"] = number.into();
    for key in ["attachments", "to", "extensions"] {
        record.as_object_mut().unwrap().remove(key);
    }
    record
}

/// An order over somebody of so many years, to those offices.
fn order(number: &str, kind: &str, years: u32, to: &[&str]) -> Value {
    let mut order = example(ORDER, number);
    order["order"]["kind"] = json!({"code": kind});
    order["to"] = json!(to);
    let person = order["persons"][0].as_object_mut().unwrap();
    person["person"].as_object_mut().unwrap().remove("birth_date");
    person["person"]["age"] = json!({"years": years});
    person["person"]["pid"] = json!({"prison": "DL01", "id": "2026/00318"});
    order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_board_gets_what_the_court_gets_of_a_child_and_nothing_of_a_grown_person() {
    let stage = stage().await;
    let police = stage.client("police").await;
    let mut arrest = example(ARREST, "A-1");
    arrest["accused"]["person"]["age"]["years"] = 16.into();
    assert_eq!(stage.sent(&police, "arrest", &arrest).await, ["court:DLCT01/3", "jjb:DLJB01"]);
    let mut born = example(ARREST, "A-2");
    born["accused"]["person"].as_object_mut().unwrap().remove("age");
    born["accused"]["person"]["birth_date"] = "2008-01-21".into();
    assert_eq!(stage.sent(&police, "arrest", &born).await, ["court:DLCT01/3", "jjb:DLJB01"], "eighteen tomorrow");
    assert_eq!(stage.sent(&police, "arrest", &example(ARREST, "A-3")).await, ["court:DLCT01/3"], "grown up");
    let board = stage.client("board").await;
    let page = board.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["data"]["accused"]["person"]["age"]["years"], 16, "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_about_a_child_goes_to_a_prison_or_to_the_fingerprint_bureau_and_somebody_sees_it_at_once() {
    let stage = stage().await;
    let court = stage.client("court").await;
    let to = ["prison:DL01", "nafis:DL"];
    let child = stage.sent(&court, "court-order", &order("O-1", "remand-judicial", 16, &to)).await;
    // Where the child is to go nobody has said: that is for a person to find, and stays on the work list.
    let stopped = [" no-office", "nafis:DL child-never-to-nafis", "prison:DL01 child-never-to-prison", "ps:38101004"];
    assert_eq!(child, stopped);
    let grown = stage.sent(&court, "court-order", &order("O-2", "remand-judicial", 19, &to)).await;
    assert_eq!(grown, ["nafis:DL", "prison:DL01", "ps:38101004"]);
    // What is there must go: the order to destroy passes.
    let mut destroy = order("O-3", "direction", 16, &["nafis:DL"]);
    destroy["directions"] = json!([{"to": "nafis:DL", "kind": {"code": "destroy-prints"}}]);
    assert_eq!(stage.sent(&court, "court-order", &destroy).await, ["nafis:DL", "ps:38101004"]);
    let token = std::fs::read_to_string(stage.folder.path("data/admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", bearer.as_str())];
    for rule in ["child-never-to-prison", "child-never-to-nafis"] {
        let target = format!("/admin/v1/alerts?rule={rule}");
        let mut open = Vec::new();
        for _ in 0..200 {
            let admin = stage.gateway.admin;
            let page = super::harness::http::request(admin, "GET", &target, &headers, b"").await.unwrap().expect(200);
            open = page.json()["alerts"].as_array().cloned().unwrap_or_default();
            if !open.is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(open.len(), 1, "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_who_is_a_witness_does_not_keep_the_order_about_the_accused_from_the_prison() {
    let stage = stage().await;
    let court = stage.client("court").await;
    let mut heard = order("O-4", "remand-judicial", 30, &["prison:DL01"]);
    let mut witness = order("O-4", "remand-judicial", 9, &[])["persons"][0].clone();
    witness["serial"] = 2.into();
    witness["role"] = json!({"code": "witness"});
    for key in ["prison", "custody"] {
        witness.as_object_mut().unwrap().remove(key);
    }
    witness["person"].as_object_mut().unwrap().remove("pid");
    heard["persons"].as_array_mut().unwrap().push(witness);
    assert_eq!(stage.sent(&court, "court-order", &heard).await, ["prison:DL01", "ps:38101004"]);
    let page = stage.client("prison").await.feed("wait=20").await.unwrap().expect(200).json();
    let (data, withheld) = (&page["items"][0]["data"], page["items"][0]["icjswithheld"].to_string());
    assert!(
        data["persons"][0]["person"]["name"].is_object() && data["persons"][1]["person"]["name"].is_null(),
        "{page}"
    );
    assert!(withheld.contains("persons[].person"), "{withheld}");
    heard["event"]["number"] = "O-5".into();
    heard["persons"][1]["role"] = json!({"code": "accused"});
    let stopped = stage.sent(&court, "court-order", &heard).await;
    assert!(stopped.contains(&"prison:DL01 child-never-to-prison".to_owned()), "{stopped:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn papers_of_a_man_who_is_found_to_be_a_child_are_taken_back_from_the_prison() {
    let stage = stage().await;
    let police = stage.client("police").await;
    let mut arrest = example(ARREST, "A-1");
    arrest["memo"]["status"] = json!({"code": "forwarded"});
    arrest["to"] = json!(["prison:DL01"]);
    assert_eq!(stage.sent(&police, "arrest", &arrest).await, ["court:DLCT01/3", "prison:DL01"]);
    let page = stage.client("prison").await.feed("wait=20").await.unwrap().expect(200).json();
    let id = page["items"][0]["icjsmessage"].as_str().unwrap();
    arrest["accused"]["person"]["age"]["years"] = 16.into();
    arrest["event"]["number"] = "A-2".into();
    let more = [("icjs-action", "correct"), ("icjs-replaces", id), ("icjs-reason", "the school record")];
    let answer = police.submit("arrest", "corrected", &more, arrest.to_string().as_bytes()).await.unwrap();
    let answer = answer.expect(202).json();
    let prison = answer["deliveries"].as_array().unwrap().iter().find(|one| one["office"] == "prison:DL01").unwrap();
    assert!(prison["why"].as_str().unwrap().contains("child-never-to-prison"), "{answer}");
    let reader = stage.client("prison").await;
    let mut page = json!({});
    for _ in 0..200 {
        page = reader.feed("").await.unwrap().expect(200).json();
        // The paper itself is there still: the withdrawal is beside it a moment later.
        if page["items"].as_array().unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let last = page["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["id"], &last["icjsaction"]), (&prison["id"], &json!("withdraw")), "{page}");
    assert_eq!(last["data"]["accused"], Value::Null, "who the child is, the prison does not learn again: {page}");
    let court = stage.client("court").await.feed("wait=20").await.unwrap().expect(200).json();
    let last = court["items"].as_array().unwrap().last().unwrap();
    assert_eq!(last["data"]["accused"]["person"]["age"]["years"], 16, "{court}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_age_order_takes_a_child_from_prison_to_a_home_and_later_orders_follow() {
    let stage = stage().await;
    let (court, prison) = (stage.client("court").await, stage.client("prison").await);
    let mut found = order("O-1", "age-determined", 16, &["home:DLOH01"]);
    found["persons"][0]["prison"] = "prison:DL01".into();
    found["persons"][0]["age"] = json!({"is_child": true, "years": 16, "sent_to": "home:DLOH01"});
    let went = stage.sent(&court, "court-order", &found).await;
    assert_eq!(went, ["home:DLOH01", "prison:DL01", "ps:38101004"], "the prison that holds the child must let it go");
    let mut moved = example(UPDATE, "U-1");
    moved["office"] = "prison:DL01".into();
    moved["event"]["occurred_at"] = "2026-06-01T10:00:00+05:30".into();
    moved["update"] = json!({"kind": {"code": "transfer-out"}, "at": "2026-06-01T10:00:00+05:30"});
    moved["prison"] = json!({"office": "prison:DL01"});
    moved["prisoner"]["person"]["pid"] = json!({"prison": "DL01", "id": "2026/00318"});
    moved["transfer"] = json!({"to": "home:DLOH01"});
    moved["cases"] = json!([]);
    moved["to"] = json!(["home:DLOH01"]);
    let went = stage.sent(&prison, "custody-update", &moved).await;
    assert!(went.contains(&"home:DLOH01".to_owned()), "{went:?}");
    let release = stage.sent(&court, "court-order", &order("O-2", "release-order", 16, &[])).await;
    assert_eq!(release, ["home:DLOH01", "ps:38101004"], "the child is at the home");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agency_sends_what_police_sends_and_gets_what_the_station_gets() {
    let stage = stage().await;
    let (agency, court) = (stage.client("agency").await, stage.client("court").await);
    let case = json!({"fir": {"station": "CBIACBDL", "year": 2026, "serial": 7}});
    let mut fir = example(FIR, "RC-7");
    (fir["office"], fir["case"]) = ("agency:CBIACBDL".into(), case.clone());
    assert_eq!(stage.sent(&agency, "fir", &fir).await, ["court:DLSP01/2"], "the court that its row names");
    let mut registration = example(REGISTRATION, "REG-7");
    registration["office"] = "court:DLSP01/2".into();
    registration["case"] = json!({"fir": case["fir"], "cnr": {"value": "DLSP010000072026"}});
    let went = stage.sent(&court, "case-registration", &registration).await;
    assert_eq!(went, ["agency:CBIACBDL"], "back to the agency, and to no station");
    let mut other = order("O-9", "charge-framed", 30, &[]);
    other["case"] = json!({"cnr": {"value": "DLSP010000072026"}});
    other["office"] = "court:DLSP01/2".into();
    let went = stage.sent(&court, "court-order", &other).await;
    assert_eq!(went, ["agency:CBIACBDL"], "the CNR leads to the agency's number");
}
