//! What the prosecution gets, through the socket, by the shipped routes, tables and sharing lines: the office for the case's
//! court, a report once the court has registered it, no order made in camera, and nothing that waits for nobody.

use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const STATION: &str = "ps:38101004";
const OTHER: &str = "ps:38101001";
const OFFICE: &str = "pp:DLCT";
const PAPERS: [&str; 7] =
    ["fir", "arrest", "charge-sheet", "case-registration", "court-order", "scrutiny-request", "process-report"];

fn example(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/examples/{name}.json"));
    let mut record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    record.as_object_mut().unwrap().remove("attachments");
    record.as_object_mut().unwrap().remove("to");
    record
}

fn police() -> Party {
    let send = ["fir", "arrest", "charge-sheet", "scrutiny-request", "process-report"];
    let receive = ["case-registration", "court-order", "prosecution-opinion"];
    Party::pulling("police", "police", &[STATION, OTHER]).speaking("shared", &send, &receive)
}

fn court(offices: &[&str]) -> Party {
    let receive = ["fir", "arrest", "charge-sheet", "process-report"];
    Party::pulling("court", "courts", offices).speaking("shared", &["case-registration", "court-order"], &receive)
}

fn prosecution(offices: &[&str]) -> Party {
    Party::pulling("prosecution", "prosecution", offices).speaking("eprosecution", &["prosecution-opinion"], &PAPERS)
}

/// The delivery to an office of the prosecution, if there is one.
fn to_prosecution(accepted: &Value) -> Option<&Value> {
    let deliveries = accepted["deliveries"].as_array().unwrap();
    deliveries.iter().find(|one| one["why"].as_str().unwrap_or_default().contains("prosecution"))
}

/// The offices of an answer's deliveries, or why one is parked.
fn offices(accepted: &Value) -> Vec<String> {
    let deliveries = accepted["deliveries"].as_array().unwrap();
    let word = |one: &Value| one["reason"].as_str().or(one["office"].as_str()).unwrap_or_default().to_owned();
    deliveries.iter().map(word).collect()
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

    let mut report = example("charge-sheet-1");
    report["acts"][0]["section"] = json!("64(1)");
    report["witnesses"][0]["statement"] = json!("5a".repeat(32));
    let accepted = police.accepted("charge-sheet", "report", &report).await;
    let delivery = to_prosecution(&accepted).unwrap();
    assert_eq!((&delivery["office"], &delivery["state"]), (&json!(OFFICE), &json!("held")), "{accepted}");
    let seen = page(&prosecutor, "wait=5").await;
    assert_eq!(seen.len(), 1, "the report is not filed yet: {seen:?}");
    let fir = &seen[0]["data"];
    assert!(fir.get("acts").is_some() && fir.get("accused").is_some(), "{fir}");
    let told = &example("fir-1")["complainant"]["person"]["name"]["full"];
    let code = fir["complainant"]["name"].as_str().unwrap_or_default();
    assert!(code.starts_with("person-"), "who told of it comes after filing: {fir}");
    assert!(!fir.to_string().contains(told.as_str().unwrap()), "{fir}");
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
            let said = report["data"].to_string().contains(&"5a".repeat(32));
            assert!(
                said,
                "filed by the court's registration, though the report names no number of the court: {report}"
            );
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_goes_to_the_prosecution_without_the_victim_and_the_opinion_to_whoever_asked() {
    let folder = Folder::shipped(&[police(), court(&["court:DLCT01/3"]), prosecution(&[OFFICE])]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let prosecutor = Client::connect(&folder, gateway.exchange, "prosecution").await;
    // Another station than that of the FIR asks: the answer is its own.
    let mut request = example("scrutiny-request-1");
    request["office"] = json!(OTHER);
    request["victims"][0]["person"] = json!({"name": {"full": "Not to be told"}});
    let accepted = police.accepted("scrutiny-request", "ask", &request).await;
    assert_eq!(offices(&accepted), [OFFICE], "{accepted}");
    let seen = page(&prosecutor, "wait=20").await;
    assert_eq!(seen[0]["data"]["scrutiny"]["reference"], request["scrutiny"]["reference"], "{seen:?}");
    assert!(!seen[0].to_string().contains("Not to be told"), "{seen:?}");
    assert!(seen[0]["icjswithheld"].to_string().contains("victims[].person"), "{seen:?}");

    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("adapters/eprosecution/examples/in/prosecution-opinion-1.json");
    let mut opinion: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    opinion.as_object_mut().unwrap().remove("files");
    let accepted = prosecutor.accepted("prosecution-opinion", "", &opinion).await;
    assert_eq!(offices(&accepted), [OTHER], "{accepted}");
    assert_eq!(accepted["deliveries"][0]["why"], "route opinion-to-police: sent an earlier record of this scrutiny");
    let seen = page(&police, "wait=20&kind=prosecution-opinion").await;
    assert_eq!(seen[0]["data"]["opinion"]["kind"]["code"], "deficient", "{seen:?}");
    assert_eq!(seen[0]["data"]["deficiencies"][0]["kind"]["code"], "electronic-certificate", "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_between_police_and_prosecution_never_goes_to_a_court_whoever_addresses_one() {
    const COURT: &str = "court:DLCT01/3";
    let asked = |kind: &str| {
        let mut record = example(&format!("{kind}-1"));
        record["to"] = json!([COURT]);
        record
    };
    let kinds = ["scrutiny-request", "prosecution-opinion"];
    let parties = || {
        let (mut court, mut prosecutor) = (court(&[COURT]), prosecution(&[OFFICE]));
        court.receive.extend(kinds.map(str::to_owned));
        prosecutor.adapter = "shared".to_owned();
        [police(), court, prosecutor]
    };
    let told = async |folder: &Folder, wanted: &str| {
        let gateway = Gateway::start(folder).await;
        for (kind, sender) in kinds.into_iter().zip(["police", "prosecution"]) {
            let client = Client::connect(folder, gateway.exchange, sender).await;
            let accepted = client.accepted(kind, "k", &asked(kind)).await;
            assert!(offices(&accepted).iter().any(|one| one == wanted), "{kind}: {accepted}");
            assert!(!offices(&accepted).iter().any(|one| one == COURT), "{kind}: {accepted}");
        }
        let court = Client::connect(folder, gateway.exchange, "court").await;
        assert_eq!(page(&court, "wait=1").await, Vec::<Value>::new(), "nothing of it reaches the court");
    };
    told(&Folder::shipped(&parties()), "no-route").await;
    // An administrator who gives it to courts by mistake, in routes and in sharing.
    let folder = Folder::shipped(&parties());
    let add = |path: &str, line: &dyn Fn(&str) -> String| {
        let shipped = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        folder.file(path, &kinds.iter().fold(shipped, |text, kind| format!("{text}\n{}", line(kind))));
    };
    add("config/routes.toml", &|kind| {
        format!("[[route]]\nname = \"{kind}-to-court\"\nkind = \"{kind}\"\nto = \"courts\"\noffice = [\"addressee\"]\n")
    });
    add("config/sharing.toml", &|kind| format!("[[share]]\nkind = \"{kind}\"\nto = \"courts\"\ngive = \"whole\"\n"));
    told(&folder, "privileged-never-to-court").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_a_summons_goes_to_the_court_that_issued_it_and_to_the_prosecution_that_holds_it() {
    let folder = Folder::shipped(&[police(), court(&["court:DLCT01/3", "court:DLCT01"]), prosecution(&[OFFICE])]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    let prosecutor = Client::connect(&folder, gateway.exchange, "prosecution").await;
    let mut order = example("court-order-1");
    order["order"]["kind"] = json!({"code": "summons"});
    order["persons"] = json!([{"serial": 1, "summons": {"process": "PDLCT010001232026_13_2"}}]);
    let accepted = court.accepted("court-order", "order", &order).await;
    assert!(offices(&accepted).contains(&OFFICE.to_owned()), "{accepted}");
    // The report names the process, and no case.
    let mut report = example("process-report-1");
    report.as_object_mut().unwrap().remove("case");
    let accepted = police.accepted("process-report", "report", &report).await;
    assert_eq!(offices(&accepted), ["court:DLCT01/3", OFFICE], "{accepted}");
    let why = |nth: usize| accepted["deliveries"][nth]["why"].as_str().unwrap().to_owned();
    assert_eq!(why(0), "route process-report-to-court: sent an earlier record of this process");
    assert!(why(1).starts_with("route process-report-to-prosecution: "), "{}", why(1));
    let seen = page(&court, "wait=20").await;
    assert_eq!(seen[0]["data"]["result"], report["result"], "{seen:?}");
    for _ in 0..200 {
        let seen = page(&prosecutor, "wait=1&kind=process-report").await;
        if let Some(item) = seen.first() {
            let data = &item["data"];
            assert_eq!(data["result"]["status"], "executed", "served or not: {data}");
            assert!(data["result"].get("receivedBy").is_none() && !data.to_string().contains("27,"), "{data}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the prosecution never got it");
}
