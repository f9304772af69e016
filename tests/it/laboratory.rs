//! Laboratories on the shipped kinds, routes and tables, through the socket: a police and a court system and one laboratory
//! system that serves several divisions. Every exhibit reaches the division that examines it and no other, what cannot be
//! placed is parked with its place, the report goes back to whoever asked and to the court once there is one, and what is
//! amended or withdrawn reaches every copy.

use serde_json::{Value, json};

use crate::harness::http::Answer;
use crate::harness::{Client, Folder, Gateway, Party};

const STATION: &str = "ps:38101004";
const CNR: &str = "DLCT010001232026";

struct Bench {
    _folder: Folder,
    _gateway: Gateway,
    police: Client,
    court: Client,
    lab: Client,
}

impl Bench {
    async fn start() -> Self {
        let police = Party::pulling("police", "police", &[STATION, "ps:38101005", "ps:33020001"]).speaking(
            "cctns",
            &["fir", "forensic-requisition", "exhibit-movement"],
            &["forensic-report", "exhibit-movement", "case-registration"],
        );
        let court = Party::pulling("court", "courts", &["court:DLCT01", "court:DLCT01/3"]).speaking(
            "ecourts",
            &["case-registration", "court-order", "forensic-requisition", "exhibit-movement"],
            &["fir", "forensic-requisition", "forensic-report", "exhibit-movement"],
        );
        let offices = ["lab:DLFSL", "lab:DLFSL/BIO", "lab:DLFSL/CYB", "lab:DLFSL/CHEM", "lab:TNFSL", "lab:TNFSL/BIO"];
        let lab = Party::pulling("lab", "forensics", &offices).speaking(
            "eforensics",
            &["forensic-report", "exhibit-movement"],
            &["forensic-requisition", "exhibit-movement", "case-registration", "court-order"],
        );
        let folder = Folder::shipped(&[police, court, lab]);
        let gateway = Gateway::start(&folder).await;
        let police = Client::connect(&folder, gateway.exchange, "police").await;
        let court = Client::connect(&folder, gateway.exchange, "court").await;
        let lab = Client::connect(&folder, gateway.exchange, "lab").await;
        Self { _folder: folder, _gateway: gateway, police, court, lab }
    }

    /// The station asks: each exhibit is its QR id and the division's code in the police system.
    async fn asks(&self, number: u32, more: &str, exhibits: &[(&str, &str)]) -> Value {
        let answer = self.asks_for(38_101_004, number, more, exhibits).await;
        answer.expect(202).json()
    }

    async fn asks_for(&self, station: u32, number: u32, more: &str, exhibits: &[(&str, &str)]) -> Answer {
        self.asks_with(station, number, more, exhibits, &[]).await
    }

    async fn asks_with(
        &self,
        station: u32,
        number: u32,
        more: &str,
        exhibits: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let exhibits: Vec<String> = exhibits.iter().map(|(qr, division)| exhibit(qr, division)).collect();
        let body = format!(
            "<ForensicRequisition><EVENT_NO>RQ-{station}-{number}</EVENT_NO><SENDER_PS_CD>{station}</SENDER_PS_CD>{more}\
             <OCCURRED_ON>19/01/2026 10:30:00</OCCURRED_ON><PS_CD>{station}</PS_CD><REG_YEAR>2026</REG_YEAR>\
             <FIR_SRNO>45</FIR_SRNO><Requisition><FSL_REQUEST_ID>FSL/{station}/{number}</FSL_REQUEST_ID>\
             <STATUS_CD>1</STATUS_CD></Requisition><AccusedList><Accused><ACCUSED_CODE>A1</ACCUSED_CODE>\
             <FULL_NAME>Imran</FULL_NAME></Accused></AccusedList><ExhibitList>{}</ExhibitList></ForensicRequisition>",
            exhibits.concat()
        );
        let headers = [&[("content-type", "application/xml")], headers].concat();
        self.police.call("POST", "/v1/records/forensic-requisition", &headers, body.as_bytes()).await.unwrap()
    }

    /// The division's report.
    fn report(number: u32, to: u32, more: Value) -> Value {
        let mut report = json!({
            "eventNo": format!("RP-{number}"), "labId": "DLFSL/BIO", "occurredAt": "2026-02-27 17:00:00",
            "firStation": "38101004", "firYear": 2026, "firNo": 45,
            "reportNo": format!("BIO/{number}"), "reportDate": "2026-02-27", "reportType": "FINAL",
            "requestId": format!("FSL/38101004/{to}"), "exhibits": [{"qr": "EX-1", "result": "MATCH"}],
        });
        report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        report
    }

    async fn registers(&self) -> Value {
        let record = json!({
            "event_no": "REG-1", "court": "DLCT01", "occurred_at": "2026-03-16 11:20:00",
            "cases": {"cino": CNR, "est_code": "DLCT01", "police_ncode": "38101004", "fir_year": 2026, "fir_no": 45},
        });
        self.court.accepted("case-registration", "", &record).await
    }
}

fn exhibit(qr: &str, division: &str) -> String {
    let division =
        if division.is_empty() { String::new() } else { format!("<EXPERT_TYPE_CD>{division}</EXPERT_TYPE_CD>") };
    format!("<Exhibit><EXHIBIT_MARK>M-{qr}</EXHIBIT_MARK><EXHIBIT_QR>{qr}</EXHIBIT_QR>{division}</Exhibit>")
}

/// Office or reason, and state, of every delivery.
fn told(answer: &Value) -> Vec<(String, String)> {
    let deliveries = answer["deliveries"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let place = |one: &Value| if one["office"].is_null() { text(&one["reason"]) } else { text(&one["office"]) };
    deliveries.iter().map(|one| (place(one), text(&one["state"]))).collect()
}

fn states(said: &[(&str, &str)]) -> Vec<(String, String)> {
    said.iter().map(|(office, state)| ((*office).to_owned(), (*state).to_owned())).collect()
}

async fn feed(client: &Client, query: &str, count: usize) -> Vec<Value> {
    for _ in 0..40 {
        let page = client.feed(&format!("{query}&wait=1")).await.unwrap().expect(200).json();
        let items = page["items"].as_array().unwrap().clone();
        if items.len() >= count {
            return items;
        }
    }
    panic!("{query} never had {count} items");
}

fn marks(item: &Value) -> Vec<&str> {
    item["data"]["exhibits"].as_array().unwrap().iter().map(|one| one["qr"].as_str().unwrap()).collect()
}

const BIOLOGY: &str = "1";
const DNA: &str = "2";
const BALLISTICS: &str = "8";
const CYBER: &str = "11";

#[tokio::test]
async fn each_division_gets_its_own_exhibits_and_no_name() {
    let bench = Bench::start().await;
    let answer = bench.asks(1, "", &[("EX-1", DNA), ("EX-2", CYBER), ("EX-3", BIOLOGY)]).await;
    let expected = [("lab:DLFSL/BIO", "queued"), ("lab:DLFSL/CYB", "queued"), ("", "held")];
    assert_eq!(told(&answer), states(&expected), "{answer}");
    let why = answer["deliveries"][0]["why"].as_str().unwrap();
    assert!(why.contains("exhibits[0] (EX-1)") && why.contains("exhibits[2] (EX-3)"), "{why}");
    let biology = feed(&bench.lab, "office=lab:DLFSL/BIO", 1).await;
    let cyber = feed(&bench.lab, "office=lab:DLFSL/CYB", 1).await;
    assert_eq!((marks(&biology[0]), marks(&cyber[0])), (vec!["EX-1", "EX-3"], vec!["EX-2"]));
    let withheld = biology[0]["icjswithheld"].to_string();
    assert!(withheld.contains("\"exhibits[]\"") && withheld.contains("\"accused[].name\""), "{withheld}");
    let document = biology[0]["data"].to_string();
    assert!(!document.contains("Imran") && !document.contains("EX-2") && document.contains("\"A1\""), "{document}");
}

#[tokio::test]
async fn a_division_whose_exhibit_is_corrected_away_is_told_so_and_sees_nothing_of_the_others() {
    let bench = Bench::start().await;
    let first = bench.asks(1, "", &[("EX-1", DNA), ("EX-2", CYBER)]).await;
    feed(&bench.lab, "office=lab:DLFSL/BIO", 1).await;
    feed(&bench.lab, "office=lab:DLFSL/CYB", 1).await;
    let replaces = first["id"].as_str().unwrap();
    let headers = [("icjs-action", "correct"), ("icjs-replaces", replaces), ("icjs-reason", "no such exhibit")];
    let second = bench.asks_with(38_101_004, 1, "", &[("EX-1", DNA)], &headers).await.expect(202).json();
    let biology = feed(&bench.lab, "office=lab:DLFSL/BIO", 2).await;
    let cyber = feed(&bench.lab, "office=lab:DLFSL/CYB", 2).await;
    assert_eq!((&biology[1]["icjsaction"], marks(&biology[1])), (&json!("correct"), vec!["EX-1"]));
    assert_eq!((&cyber[1]["icjsaction"], &cyber[1]["icjsmessage"]), (&json!("withdraw"), &second["id"]));
    assert!(!cyber[1].to_string().contains("EX-1"), "the other division's exhibit: {}", cyber[1]);
}

#[tokio::test]
async fn an_exhibit_for_a_division_that_nobody_has_is_parked_with_its_place_and_the_others_go() {
    let bench = Bench::start().await;
    let chennai = bench.asks_for(33_020_001, 1, "", &[("EX-1", DNA), ("EX-2", BALLISTICS)]).await.expect(202).json();
    assert_eq!(told(&chennai)[..2], states(&[("lab:TNFSL/BIO", "queued"), ("no-office", "parked")]), "{chennai}");
    let why = chennai["deliveries"][1]["why"].as_str().unwrap();
    assert!(
        why.contains("exhibits[1] (EX-2)") && why.contains("`ballistics`") && why.contains("ps_laboratory.csv"),
        "{why}"
    );
    // The sender sends it to a laboratory that has no such division: nobody else is guessed.
    let to = "<SendToList><SEND_TO>lab:TNFSL</SEND_TO></SendToList>";
    let delhi = bench.asks(2, to, &[("EX-3", BALLISTICS), ("EX-4", DNA)]).await;
    assert_eq!(told(&delhi)[..2], states(&[("lab:TNFSL/BIO", "queued"), ("no-office", "parked")]), "{delhi}");
    let why = delhi["deliveries"][1]["why"].as_str().unwrap();
    assert!(why.contains("exhibits[0] (EX-3): lab:TNFSL has no division `ballistics`"), "{why}");
}

#[tokio::test]
async fn a_report_goes_to_whoever_asked_and_is_held_for_the_court_until_a_cnr_exists() {
    let bench = Bench::start().await;
    bench.asks(1, "", &[("EX-1", DNA)]).await;
    let report = bench.lab.accepted("forensic-report", "", &Bench::report(1, 1, json!({}))).await;
    assert_eq!(told(&report), states(&[(STATION, "queued"), ("", "held")]), "{report}");
    let why = report["deliveries"][0]["why"].as_str().unwrap();
    assert!(why.ends_with("sent an earlier record of this requisition"), "{why}");
    bench.registers().await;
    let at_court = feed(&bench.court, "kind=forensic-report", 1).await;
    assert_eq!(at_court[0]["icjsmessage"], report["id"]);
    assert_eq!(at_court[0]["icjsoffice"], "court:DLCT01");
    let asked = feed(&bench.court, "kind=forensic-requisition", 1).await;
    assert_eq!(asked[0]["data"]["requisition"]["fsl_request_id"], "FSL/38101004/1");
    assert!(asked[0]["data"].get("exhibits").is_none(), "reference and status only: {}", asked[0]);
}

#[tokio::test]
async fn an_exhibit_that_nobody_examines_stays_on_the_work_list_when_the_court_learns_of_the_others() {
    let bench = Bench::start().await;
    let asked = bench.asks(1, "", &[("EX-1", DNA), ("EX-2", BALLISTICS)]).await;
    bench.registers().await;
    feed(&bench.court, "kind=forensic-requisition", 1).await;
    let message = bench.police.message(asked["id"].as_str().unwrap()).await;
    let mut ends = told(&message);
    ends.sort();
    let parked = ends.iter().filter(|(place, state)| place == "no-office" && state == "parked").count();
    assert_eq!((parked, ends.len()), (1, 3), "{message}");
    assert!(ends.iter().all(|(_, state)| state != "held"), "{message}");
}

#[tokio::test]
async fn a_report_that_is_amended_and_then_withdrawn_reaches_every_copy_and_raw_profiles_reach_no_court() {
    let bench = Bench::start().await;
    bench.asks(1, "", &[("EX-1", DNA)]).await;
    bench.registers().await;
    let profile = json!({"dnaProfiles": [{"exhibit": "M-1", "loci": [{"locus": "vWA", "alleles": "16,18"}]}]});
    let first = bench.lab.accepted("forensic-report", "", &Bench::report(1, 1, profile)).await;
    let amended = Bench::report(1, 1, json!({"reportNo": "BIO/1-A", "reportType": "AMENDED", "amends": "BIO/1"}));
    let replaces = |id: &Value, action: &'static str| {
        vec![
            ("icjs-action", action.to_owned()),
            ("icjs-replaces", id.as_str().unwrap().to_owned()),
            ("icjs-reason", "misprint".to_owned()),
        ]
    };
    let change = async |body: &Value, headers: Vec<(&'static str, String)>| {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        bench.lab.submit("forensic-report", "", &headers, body.to_string().as_bytes()).await.unwrap().expect(202).json()
    };
    let seen = |items: &[Value]| -> Vec<(Value, Value)> {
        items.iter().map(|item| (item["icjsmessage"].clone(), item["icjsaction"].clone())).collect()
    };
    feed(&bench.court, "kind=forensic-report", 1).await;
    feed(&bench.police, "kind=forensic-report", 1).await;
    let second = change(&amended, replaces(&first["id"], "correct")).await;
    let at_court = feed(&bench.court, "kind=forensic-report", 2).await;
    assert_eq!(seen(&at_court), [(first["id"].clone(), json!("new")), (second["id"].clone(), json!("correct"))]);
    assert!(
        !at_court[0].to_string().contains("16,18") && at_court[0].to_string().contains("dna_profiles[]"),
        "{}",
        at_court[0]
    );
    // What nobody has read yet is taken back unread: the police must have both before the third.
    feed(&bench.police, "kind=forensic-report", 2).await;
    let third = change(&amended, replaces(&second["id"], "withdraw")).await;
    for client in [&bench.court, &bench.police] {
        let items = feed(client, "kind=forensic-report", 3).await;
        assert_eq!(seen(&items)[2], (third["id"].clone(), json!("withdraw")), "{}", client.system);
    }
}

#[tokio::test]
async fn a_re_examination_is_a_requisition_of_its_own_and_the_court_that_asked_keeps_both_reports() {
    let bench = Bench::start().await;
    bench.asks(1, "", &[("EX-1", DNA)]).await;
    bench.registers().await;
    let again = json!({
        "event_no": "RE-1", "office": "court:DLCT01/3", "send_to": ["lab:DLFSL/BIO"], "occurred_at": "04-05-2026 15:20:00",
        "cino": CNR, "police_ncode": "38101004", "fir_year": 2026, "fir_no": 45,
        "requisition": {"fsl_request_id": "FSL/38101004/9", "reexamination_of": "FSL/38101004/1", "requisition_type": "3"},
        "exhibits": [{"exhibit_qr": "EX-1", "expert_type": "2"}],
    });
    let asked = bench.court.accepted("forensic-requisition", "", &again).await;
    assert_eq!(told(&asked), states(&[("lab:DLFSL/BIO", "queued")]), "{asked}");
    let one = bench.lab.accepted("forensic-report", "", &Bench::report(1, 1, json!({}))).await;
    let two = bench
        .lab
        .accepted("forensic-report", "", &Bench::report(2, 9, json!({"reexaminationOf": "FSL/38101004/1"})))
        .await;
    assert_eq!(told(&one)[1], states(&[("court:DLCT01", "queued")])[0], "{one}");
    assert_eq!(told(&two)[1], states(&[("court:DLCT01/3", "queued")])[0], "{two}");
    let at_court = feed(&bench.court, "kind=forensic-report", 2).await;
    let asker = at_court.iter().find(|item| item["icjsoffice"] == "court:DLCT01/3").unwrap();
    assert_eq!(asker["data"]["requisition"]["reexamination_of"], "FSL/38101004/1");
}

#[tokio::test]
async fn a_movement_reaches_those_who_hold_the_exhibit_and_the_laboratory_that_has_another_one_does_not_hear_of_it() {
    let bench = Bench::start().await;
    bench.asks(1, "", &[("EX-1", DNA), ("EX-2", CYBER)]).await;
    let movement = |number: u32, lab: &str, qr: &str, intact: bool| {
        json!({
            "eventNo": format!("MV-{number}"), "officeId": lab, "at": "2026-01-19 12:10:00",
            "firStation": "38101004", "firYear": 2026, "firNo": 45, "movementType": "RECEIVED",
            "requestId": "FSL/38101004/1", "exhibits": [{"qr": qr, "sealIntact": intact}],
        })
    };
    let first = movement(1, "lab:DLFSL/BIO", "EX-1", false);
    let moved = bench.lab.accepted("exhibit-movement", "", &first).await;
    assert_eq!(told(&moved), states(&[(STATION, "queued")]), "{moved}");
    let custody = feed(&bench.police, "kind=exhibit-movement", 1).await;
    let xml = custody[0]["data"].as_str().unwrap();
    assert!(xml.contains("<EXHIBIT_QR>EX-1</EXHIBIT_QR>") && xml.contains("<SEAL_INTACT>N</SEAL_INTACT>"), "{xml}");
}

#[tokio::test]
async fn of_a_movement_each_laboratory_sees_its_own_exhibits_and_the_court_the_whole_chain() {
    let bench = Bench::start().await;
    let exhibits = [("EX-1", DNA), ("EX-2", CYBER), ("EX-3", DNA)];
    bench.asks(1, "", &exhibits).await;
    bench.asks(2, "", &[("EX-8", BALLISTICS)]).await;
    let items: String =
        exhibits.iter().map(|(qr, _)| format!("<Exhibit><EXHIBIT_QR>{qr}</EXHIBIT_QR></Exhibit>")).collect();
    let moved = format!(
        "<ExhibitMovement><EVENT_NO>MV-1</EVENT_NO><SENDER_OFFICE>ps:38101004</SENDER_OFFICE><SendToList>\
         <SEND_TO>court:DLCT01</SEND_TO></SendToList><OCCURRED_ON>20/01/2026 10:30:00</OCCURRED_ON><PS_CD>38101004</PS_CD>\
         <REG_YEAR>2026</REG_YEAR><FIR_SRNO>45</FIR_SRNO><Movement><MOVEMENT_DT>20/01/2026 10:30:00</MOVEMENT_DT>\
         <MOVEMENT_TYPE_CD>4</MOVEMENT_TYPE_CD></Movement><ExhibitList>{items}</ExhibitList></ExhibitMovement>"
    );
    let headers = [("content-type", "application/xml")];
    let answer = bench.police.call("POST", "/v1/records/exhibit-movement", &headers, moved.as_bytes()).await.unwrap();
    let answer = answer.expect(202).json();
    let expected = [("court:DLCT01", "queued"), ("lab:DLFSL/BIO", "queued"), ("lab:DLFSL/CYB", "queued")];
    assert_eq!(told(&answer), states(&expected), "who has another one of the case does not hear of it: {answer}");
    let seen = async |client: &Client, office: &str| {
        let items = feed(client, &format!("kind=exhibit-movement&office={office}"), 1).await;
        let text = items[0]["data"].to_string();
        let qrs: Vec<&str> = exhibits.iter().map(|(qr, _)| *qr).filter(|qr| text.contains(qr)).collect();
        (qrs, items[0]["icjswithheld"].to_string().contains("\"exhibits[]\""))
    };
    assert_eq!(seen(&bench.lab, "lab:DLFSL/BIO").await, (vec!["EX-1", "EX-3"], true));
    assert_eq!(seen(&bench.lab, "lab:DLFSL/CYB").await, (vec!["EX-2"], true));
    assert_eq!(seen(&bench.court, "court:DLCT01").await, (vec!["EX-1", "EX-2", "EX-3"], false));
}

#[tokio::test]
async fn an_exhibit_that_was_never_sent_is_named_in_a_warning_with_its_place() {
    let bench = Bench::start().await;
    bench.asks(1, "", &[("EX-1", DNA)]).await;
    let more = json!({"exhibits": [{"qr": "EX-1"}, {"qr": "EX-9"}]});
    let report = bench.lab.accepted("forensic-report", "", &Bench::report(1, 1, more)).await;
    let warnings = report["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{report}");
    assert_eq!((&warnings[0]["rule"], &warnings[0]["place"]), (&json!("thread-unknown"), &json!("exhibits[1].qr")));
    assert!(warnings[0]["message"].as_str().unwrap().contains("the exhibit `EX-9`"), "{report}");
}

#[tokio::test]
async fn a_laboratory_that_was_asked_learns_the_cnr_and_no_name() {
    let bench = Bench::start().await;
    bench.asks(1, "", &[("EX-1", DNA)]).await;
    let registered = bench.registers().await;
    let expected = states(&[(STATION, "queued"), ("lab:DLFSL/BIO", "queued")]);
    assert!(expected.iter().all(|one| told(&registered).contains(one)), "{registered}");
    let items = feed(&bench.lab, "kind=case-registration", 1).await;
    assert_eq!((&items[0]["icjsoffice"], &items[0]["data"]["cnr"]), (&json!("lab:DLFSL/BIO"), &json!(CNR)));
}

#[tokio::test]
async fn a_summons_to_an_expert_and_an_order_to_expedite_reach_the_laboratory_that_they_address() {
    let bench = Bench::start().await;
    let order = |number: u32, code: &str, more: Value| {
        let mut order = json!({
            "event_no": format!("ORD-{number}"), "court_office": "DLCT01/3", "send_to": ["lab:DLFSL/BIO"],
            "occurred_at": "02-06-2026 12:00:00", "cino": CNR,
            "interim_order": {"order_no": number.to_string(), "order_date": "02-06-2026", "order_type": code},
        });
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    let expert = json!({"persons": [{"serial": 1, "name": "Dr. Nair", "role": "8",
        "summons": {"process": "P-21", "appear_at": "18-06-2026 11:00:00"}}]});
    bench.court.accepted("court-order", "", &order(2, "O24", expert)).await;
    let expedite = json!({"directions": [{"to": "lab:DLFSL/BIO", "direction_type": "2", "direction_text": "by 20 June", "due_date": "20-06-2026"}]});
    bench.court.accepted("court-order", "", &order(3, "O52", expedite)).await;
    let items = feed(&bench.lab, "kind=court-order", 2).await;
    assert_eq!(items[0]["data"]["orderType"], "SUMMONS_EXPERT");
    assert_eq!(items[0]["data"]["experts"][0]["summons"]["appearAt"], "2026-06-18 11:00:00", "{}", items[0]);
    assert_eq!(items[1]["data"]["directions"][0]["dueOn"], "2026-06-20", "{}", items[1]);
}
