//! What the prosecution gets, through the socket, by the shipped routes, tables and sharing lines: the office for the case's
//! court, a report once the court has registered it, no order made in camera, and nothing that waits for nobody.

use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const STATION: &str = "ps:38101004";
const OFFICE: &str = "pp:DLCT";
const PAPERS: [&str; 5] = ["fir", "arrest", "charge-sheet", "case-registration", "court-order"];

fn example(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/examples/{name}.json"));
    let mut record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    record.as_object_mut().unwrap().remove("attachments");
    record.as_object_mut().unwrap().remove("to");
    record
}

fn police() -> Party {
    Party::pulling("police", "police", &[STATION]).speaking(
        "shared",
        &["fir", "arrest", "charge-sheet"],
        &["case-registration", "court-order"],
    )
}

fn court(offices: &[&str]) -> Party {
    Party::pulling("court", "courts", offices).speaking(
        "shared",
        &["case-registration", "court-order"],
        &["fir", "arrest", "charge-sheet"],
    )
}

fn prosecution(offices: &[&str]) -> Party {
    Party::pulling("prosecution", "prosecution", offices).speaking("eprosecution", &[], &PAPERS)
}

/// The delivery to an office of the prosecution, if there is one.
fn to_prosecution(accepted: &Value) -> Option<&Value> {
    let deliveries = accepted["deliveries"].as_array().unwrap();
    deliveries.iter().find(|one| one["why"].as_str().unwrap_or_default().contains("prosecution"))
}

async fn page(client: &Client, query: &str) -> Vec<Value> {
    let page = client.feed(query).await.unwrap().expect(200).json();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_prosecution_gets_the_facts_at_once_and_the_report_as_filed_once_the_court_has_registered_it() {
    let folder = Folder::shipped(&[police(), court(&["court:DLCT01", "court:DLCT01/3"]), prosecution(&[OFFICE])]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    let prosecutor = Client::connect(&folder, gateway.exchange, "prosecution").await;

    let accepted = police.accepted("fir", "fir", &example("fir-1")).await;
    let delivery = to_prosecution(&accepted).unwrap();
    assert_eq!(delivery["office"], OFFICE, "{accepted}");
    let why = delivery["why"].as_str().unwrap();
    assert!(why.contains("table ps_court line") && why.contains("(court:DLCT01/"), "{why}");
    assert!(why.contains("table court_prosecution line 2"), "both rows are named: {why}");

    let accepted = police.accepted("charge-sheet", "report", &example("charge-sheet-1")).await;
    let delivery = to_prosecution(&accepted).unwrap();
    assert_eq!((&delivery["office"], &delivery["state"]), (&json!(OFFICE), &json!("held")), "{accepted}");
    let seen = page(&prosecutor, "wait=5").await;
    assert_eq!(seen.len(), 1, "the report is not filed yet: {seen:?}");
    let fir = &seen[0]["data"];
    assert!(fir.get("acts").is_some() && fir.get("accused").is_some(), "{fir}");
    assert!(
        fir.get("complainant").is_none() && fir.get("victims").is_none(),
        "who told of it comes after filing: {fir}"
    );
    let withheld = seen[0]["icjswithheld"].to_string();
    assert!(withheld.contains("complainant"), "{withheld}");

    let accepted = court.accepted("case-registration", "reg", &example("case-registration-1")).await;
    assert_eq!(to_prosecution(&accepted).unwrap()["office"], OFFICE, "{accepted}");
    let mut kinds: Vec<String> = Vec::new();
    for _ in 0..200 {
        let seen = page(&prosecutor, "wait=1").await;
        kinds = seen.iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect();
        if seen.len() == 3 {
            let report = seen.iter().find(|item| item["type"] == "in.icjs.charge-sheet.v1").unwrap();
            assert!(report["data"].get("complainant").is_some(), "as filed: {report}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the report never came: {kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_made_in_camera_or_sealed_goes_to_the_prosecution_only_where_the_court_addresses_it() {
    let folder = Folder::shipped(&[police(), court(&["court:DLCT01/3"]), prosecution(&[OFFICE])]);
    let gateway = Gateway::start(&folder).await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    let order = |key: &str, mend: fn(&mut Value)| {
        let mut order = example("court-order-1");
        order["event"]["number"] = json!(key);
        mend(&mut order);
        order
    };
    let open = court.accepted("court-order", "1", &order("1", |_| {})).await;
    assert_eq!(to_prosecution(&open).unwrap()["office"], OFFICE, "{open}");
    let camera =
        court.accepted("court-order", "2", &order("2", |order| order["order"]["in_camera"] = json!(true))).await;
    assert!(to_prosecution(&camera).is_none(), "{camera}");
    let sealed = court.accepted("court-order", "3", &order("3", |order| order["order"]["sealed"] = json!(true))).await;
    assert!(to_prosecution(&sealed).is_none(), "{sealed}");
    let addressed = order("4", |order| {
        order["order"]["in_camera"] = json!(true);
        order["to"] = json!(["pp:DLCT"]);
    });
    let addressed = court.accepted("court-order", "4", &addressed).await;
    assert_eq!(to_prosecution(&addressed).unwrap()["office"], OFFICE, "{addressed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_office_that_prosecutes_before_a_court_is_that_of_the_day() {
    let folder = Folder::shipped(&[court(&["court:DLSW01"]), prosecution(&["pp:DLST", "pp:DLSW"])]);
    let gateway = Gateway::start(&folder).await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    for (day, office, line) in [("2025-10-31", "pp:DLST", 4), ("2025-11-01", "pp:DLSW", 5)] {
        let mut order = example("court-order-1");
        order["office"] = json!("court:DLSW01");
        order["event"] = json!({"occurred_at": format!("{day}T11:00:00+05:30")});
        order["case"] = json!({"cnr": {"value": "DLSW010000012025"}});
        let accepted = court.accepted("court-order", day, &order).await;
        let delivery = to_prosecution(&accepted).unwrap();
        assert_eq!(delivery["office"], office, "{accepted}");
        assert_eq!(delivery["why"], format!("route order-to-prosecution: table court_prosecution line {line}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_prosecution_system_takes_part_nothing_waits_for_one_unless_the_record_names_it() {
    let folder = Folder::shipped(&[police(), court(&["court:DLCT01/3"])]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let mut fir = example("fir-1");
    let accepted = police.accepted("fir", "1", &fir).await;
    assert!(to_prosecution(&accepted).is_none(), "{accepted}");
    fir["event"]["number"] = json!("another");
    fir["to"] = json!([OFFICE]);
    let accepted = police.accepted("fir", "2", &fir).await;
    let delivery = to_prosecution(&accepted).unwrap();
    assert_eq!((&delivery["state"], &delivery["reason"]), (&json!("parked"), &json!("no-office")), "{accepted}");
}
