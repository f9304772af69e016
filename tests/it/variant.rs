//! A State's own police system as a variant of a known one: JSON instead of XML, station codes and values of its own. Courts and
//! the gateway see the same record as from anybody else, and what comes back is in the variant's form.

use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const FIR: &str = include_str!("../../adapters/cctns-tn/examples/in/fir-1.json");
const REGISTRATION: &str = include_str!("../../adapters/ecourts/examples/in/case-registration-1.json");

async fn stage() -> (Folder, Gateway) {
    let folder = Folder::shipped(&[
        Party::pulling("police-tn", "police", &["ps:33020001"]).speaking("cctns-tn", &["fir"], &["case-registration"]),
        Party::pulling("courts-tn", "courts", &["court:TNCH01", "court:TNCH01/1"]).speaking(
            "ecourts",
            &["case-registration"],
            &["fir"],
        ),
    ]);
    let gateway = Gateway::start(&folder).await;
    (folder, gateway)
}

/// Posts a document as it is; gives back the answer.
async fn posted(client: &Client, kind: &str, body: &Value) -> Value {
    let headers = [("content-type", "application/json")];
    let answer = client.call("POST", &format!("/v1/records/{kind}"), &headers, body.to_string().as_bytes()).await;
    answer.unwrap().expect(202).json()
}

fn without_files(text: &str, list: &str) -> Value {
    let mut record: Value = serde_json::from_str(text).unwrap();
    record.as_object_mut().unwrap().remove(list);
    record
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variant_is_understood_as_its_base_is_and_answered_in_its_own_form() {
    let (folder, gateway) = stage().await;
    let police = Client::connect(&folder, gateway.exchange, "police-tn").await;
    let courts = Client::connect(&folder, gateway.exchange, "courts-tn").await;
    let fir = without_files(FIR, "AttachmentList");
    assert_eq!((&fir["PS_CD"], &fir["SENDER_PS_CD"]), (&json!("44101001"), &json!("44101001")), "the State's own code");
    let answer = posted(&police, "fir", &fir).await;
    assert_eq!(answer["deliveries"][0]["office"], "court:TNCH01/1", "{answer}");
    assert_eq!(answer["cases"], json!(["fir/33020001-2026-118"]), "the national code: {answer}");
    let page = courts.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["data"]["police_ncode"], "33020001", "{page}");

    let mut registration = without_files(REGISTRATION, "documents");
    registration["event_no"] = "REG-TN-1".into();
    let text = registration.to_string().replace("DLCT01/3", "TNCH01/1").replace("DLCT01", "TNCH01");
    let text = text.replace("38101004", "33020001");
    let answer = posted(&courts, "case-registration", &serde_json::from_str(&text).unwrap()).await;
    assert_eq!(answer["deliveries"][0]["office"], "ps:33020001", "{answer}");
    let page = police.feed("wait=20&kind=case-registration").await.unwrap().expect(200).json();
    let item = &page["items"][0];
    assert_eq!(
        (&item["datacontenttype"], &item["data"]["PS_CD"]),
        (&json!("application/json"), &json!("44101001")),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_station_that_the_table_does_not_know_keeps_its_code_and_its_state() {
    let (folder, gateway) = stage().await;
    let police = Client::connect(&folder, gateway.exchange, "police-tn").await;
    let mut fir = without_files(FIR, "AttachmentList");
    fir["PS_CD"] = "44109999".into();
    let answer = posted(&police, "fir", &fir).await;
    assert_eq!(answer["cases"], json!(["fir/x%2D33%2D44109999-2026-118"]), "{answer}");
}
