//! A process desk of a State police (adapter `icops`), through the socket: a summons goes there in its exact words with the
//! signed PDF inside, its acknowledgement is judged, and what it reports goes to the court that issued the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::harness::scene::SOON;
use super::harness::{Client, Folder, Gateway, Party, Receiver, Reply};

const DESK: &str = "ps:38101004";
const COURT: &str = "court:DLCT01/3";
const PROCESS: &str = "PDLCT010001232026_13_2";

fn digest(bytes: &[u8]) -> String {
    icjs::seal::hex(&icjs::seal::sha256(bytes))
}

struct Desk {
    gateway: Gateway,
    folder: Folder,
    court: Client,
    icops: Receiver,
}

impl Desk {
    async fn with(script: impl Fn(u32) -> Reply + Send + Sync + 'static) -> Self {
        Self::of(&Party::pulling("court", "courts", &[COURT]), script).await
    }

    async fn of(court: &Party, script: impl Fn(u32) -> Reply + Send + Sync + 'static) -> Self {
        let icops = Receiver::start(move |push| script(u32::try_from(push.number).unwrap())).await;
        let desk = Party::pushed("icops", "police", &[DESK], &icops.url());
        let folder = Folder::shipped(&[
            desk.speaking("icops", &["process-report"], &["court-order"]),
            court.clone().speaking("shared", &["court-order"], &["process-report"]),
        ]);
        let gateway = Gateway::start(&folder).await;
        let court = Client::connect(&folder, gateway.exchange, "court").await;
        Self { gateway, folder, court, icops }
    }

    /// The court's order about one process, addressed to the desk.
    async fn order(&self, key: &str, kind: &str, more: Value) -> Value {
        let mut order = json!({
            "office": COURT, "to": [DESK], "event": {"number": key, "occurred_at": "2026-04-10T11:00:00+05:30"},
            "case": {"cnr": {"value": "DLCT010001232026"}, "fir": {"station": "38101004", "year": 2026, "serial": 45}},
            "order": {"number": "5120", "date": "2026-04-10", "kind": {"code": kind}},
            "court": {"office": COURT, "name": "JMFC-01, Central"}, "listing": {"next_date": "2026-04-25"},
            "persons": [{"serial": 3, "role": {"code": "witness"}, "person": {"name": {"full": "मोहम्मद यूसुफ़"}},
                "summons": {"process": PROCESS, "form": "200001", "address": "27, कमला बाज़ार", "directed_to": DESK}}],
        });
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.court.accepted("court-order", key, &order).await
    }
}

fn ack(status: &str, words: &str) -> Reply {
    let body = json!({"acknowledgeUniquenumber": "ICOPS-77", "acknowledgementStatus": status, "failureMsg": words});
    Reply::status(200).with("application/json", &body.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_summons_goes_out_in_the_desks_words_with_its_pdf_and_is_sent_again_until_it_is_acknowledged() {
    // The first answer is empty, which is no acknowledgement.
    let desk = Desk::with(|nth| if nth == 0 { Reply::status(200) } else { ack("SUCCESS", "") }).await;
    let file = b"%PDF-1.4\nsigned".to_vec();
    let path = format!("/v1/attachments/{}", digest(&file));
    desk.court.call("PUT", &path, &[], &file).await.unwrap().expect(201);
    let named =
        json!([{"sha256": digest(&file), "size": file.len(), "media_type": "application/pdf", "sensitivity": "none"}]);
    let accepted = desk.order("o-1", "summons", json!({"attachments": named})).await;
    let seen = desk.icops.until(SOON, |seen| seen.len() == 2).await;
    assert_eq!(seen[0].id(), seen[1].id(), "one delivery");
    let mut request = seen[1].json();
    assert!(STANDARD.decode(request["processDoc"].as_str().unwrap()).unwrap() == file, "the file itself");
    request.as_object_mut().unwrap().remove("processDoc");
    let wanted = json!({
        "processUniqueId": PROCESS, "processCino": "DLCT010001232026", "cnrNo": "DLCT010001232026",
        "processCourtCode": "DLCT01/3", "processCourtName": "JMFC-01, Central", "processNextHearingDate": "25/04/2026",
        "caseListedDate": "25/04/2026", "orderSignedDate": "10/04/2026", "processIssueDate": "10/04/2026",
        "processPoliceStationCode": "38101004", "processReceiverAddress": "27, कमला बाज़ार", "processDocType": "Summons",
        "processDocSubTypeCode": "200001", "processDocSubType": "Summons to an accused person",
        "processFirPScode": "38101004", "processFirSrlno": "45", "processFirYear": "2026",
        "processRespondentName": "मोहम्मद यूसुफ़", "processPartyNumber": "3", "processRespondantType": "W",
        "processOrigin": "ICJS",
    });
    assert_eq!(request, wanted);
    for _ in 0..200 {
        let message = desk.court.message(accepted["id"].as_str().unwrap()).await;
        if message["deliveries"][0]["state"] == "delivered" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_date_is_a_reschedule_and_one_that_is_ambiguous_there_goes_back_to_the_court() {
    let desk = Desk::with(|_| ack("FAILURE", "Ambiguous: two trackers")).await;
    let more = json!({"listing": {"next_date": "2026-05-09"}, "operative": [{"text": "Court on leave"}]});
    desk.order("o-2", "adjourned", more).await;
    let seen = desk.icops.until(SOON, |seen| seen.len() == 1).await;
    let request = seen[0].json();
    let of = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    assert_eq!((of("processUniqueId"), of("processNextHearingDate")), (PROCESS.to_owned(), "09/05/2026".to_owned()));
    assert_eq!((of("remarks"), of("processDocType")), ("Court on leave".to_owned(), String::new()), "{request}");
    let page = desk.court.feed("kind=outcome&wait=20").await.unwrap().expect(200).json();
    let outcome = &page["items"][0]["data"];
    assert_eq!(outcome["outcome"], "rejected", "{page}");
    assert!(outcome["reason"].as_str().unwrap().contains("Ambiguous"), "{page}");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(desk.icops.seen().len(), 1, "it is not sent again on its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_goes_to_the_court_that_issued_the_process_and_its_pdf_is_an_attachment() {
    let desk = Desk::with(|_| ack("SUCCESS", "")).await;
    desk.order("o-3", "summons", json!({})).await;
    let icops = Client::connect(&desk.folder, desk.gateway.exchange, "icops").await;
    let file = b"%PDF-1.4\nserved".to_vec();
    let report = |status: &str| {
        json!({"processUniqueId": PROCESS, "processCourtCode": "DLCT01/3", "processActionDate": "18/04/2026",
            "processActionStatus": status, "processActionStatusCd": "9", "processSubmittingOfficeCode": "38101004",
            "processReportSubmittingDateTime": "2026-04-18 17:05:42", "processReport": STANDARD.encode(&file)})
    };
    let accepted = icops.accepted("process-report", "r-1", &report("Executed")).await;
    assert_eq!(accepted["deliveries"][0]["office"], COURT, "{accepted}");
    assert_eq!(accepted["deliveries"].as_array().unwrap().len(), 1, "{accepted}");
    let page = desk.court.feed("kind=process-report&wait=20").await.unwrap().expect(200).json();
    let data = &page["items"][0]["data"];
    assert_eq!((&data["result"]["status"]["code"], &data["result"]["on"]), (&json!("executed"), &json!("2026-04-18")));
    assert_eq!(data["event"]["recorded_at"], "2026-04-18T17:05:42+05:30", "{data}");
    let wanted = json!([{"sha256": digest(&file), "size": file.len(), "media_type": "application/pdf", "role": "process-report"}]);
    assert_eq!(data["attachments"], wanted);
    let path = format!("/v1/attachments/{}", digest(&file));
    assert!(desk.court.get(&path).await.unwrap().expect(200).body == file);
    // Another word is passed on as it is, and marked.
    let accepted = icops.accepted("process-report", "r-2", &report("Gone to Ernakulam")).await;
    let rules: Vec<&str> =
        accepted["warnings"].as_array().unwrap().iter().filter_map(|one| one["rule"].as_str()).collect();
    assert!(rules.contains(&"code-unknown"), "{accepted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_about_one_process_keep_their_order_though_they_name_no_case() {
    let down = Arc::new(AtomicBool::new(true));
    let up = down.clone();
    let inbox = Receiver::start(move |_| Reply::status(if up.load(Ordering::SeqCst) { 503 } else { 200 })).await;
    let desk = Desk::of(&Party::pushed("court", "courts", &[COURT], &inbox.url()), |_| ack("SUCCESS", "")).await;
    desk.order("o-4", "summons", json!({})).await;
    let icops = Client::connect(&desk.folder, desk.gateway.exchange, "icops").await;
    let report = |status: &str| {
        json!({"processUniqueId": PROCESS, "processCourtCode": "DLCT01/3", "processActionDate": "18/04/2026",
            "processActionStatus": status, "processActionStatusCd": "9", "processSubmittingOfficeCode": "38101004",
            "processReportSubmittingDateTime": "2026-04-18 17:05:42"})
    };
    let first = icops.accepted("process-report", "r-1", &report("Pending")).await;
    inbox.until(SOON, |seen| !seen.is_empty()).await;
    let second = icops.accepted("process-report", "r-2", &report("Executed")).await;
    down.store(false, Ordering::SeqCst);
    let id = |answer: &Value| answer["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let seen = inbox.until(SOON, |seen| seen.iter().any(|push| push.id() == id(&second))).await;
    let place =
        |of: &str| seen.iter().position(|push| push.id() == of && push.answered.is_some_and(|(_, is)| is == 200));
    let first = place(&id(&first)).expect("the first was taken before the second was seen");
    assert!(first < seen.iter().position(|push| push.id() == id(&second)).unwrap());
}
