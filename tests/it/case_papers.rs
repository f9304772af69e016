//! Who gets the papers of a case by the shipped routes and sharing lines, in the formats of the receivers: what the police
//! found and took goes to the court of the case. Every record is posted as its sender writes it, and read as its receiver gets it.

use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const CRIME_DETAILS: &str = include_str!("../../adapters/cctns/examples/in/crime-details-1.xml");
const SEIZURE: &str = include_str!("../../adapters/cctns/examples/in/seizure-1.xml");

/// Police that speak XML, and courts that speak JSON rows, by the shipped configuration.
async fn stage() -> (Folder, Gateway) {
    let sends = ["fir", "arrest", "crime-details", "seizure", "charge-sheet"];
    let folder = Folder::shipped(&[
        Party::pulling("police", "police", &["ps:38101004"]).speaking("cctns", &sends, &[]),
        Party::pulling("courts", "courts", &["court:DLCT01", "court:DLCT01/3"]).speaking("ecourts", &[], &sends),
    ]);
    let gateway = Gateway::start(&folder).await;
    (folder, gateway)
}

/// Posts a document as it is; gives back where it went: office and state of every delivery.
async fn sent(client: &Client, kind: &str, media: &str, body: &str) -> Vec<(String, String)> {
    let path = format!("/v1/records/{kind}");
    let answer = client.call("POST", &path, &[("content-type", media)], body.as_bytes()).await.unwrap().expect(202);
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let answer = answer.json();
    let deliveries = answer["deliveries"].as_array().unwrap();
    deliveries.iter().map(|one| (text(one, "office"), text(one, "state"))).collect()
}

/// What lies in the feed of an office, once so much has arrived.
async fn arrived(client: &Client, office: &str, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let page = client.feed(&format!("wait=1&office={office}")).await.unwrap().expect(200).json();
        let items = page["items"].as_array().unwrap();
        if items.len() >= count {
            return items.clone();
        }
    }
    panic!("less than {count} records came to {office}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_police_found_and_took_goes_to_the_court_of_the_station() {
    let (folder, gateway) = stage().await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let courts = Client::connect(&folder, gateway.exchange, "courts").await;
    for (kind, body) in [("crime-details", CRIME_DETAILS), ("seizure", SEIZURE)] {
        let body = without_attachments(body);
        let went = sent(&police, kind, "application/xml", &body).await;
        let offices: Vec<&str> = went.iter().map(|(office, _)| office.as_str()).collect();
        assert_eq!(offices, ["court:DLCT01/3"], "{kind}");
    }
    let seen = arrived(&courts, "court:DLCT01/3", 2).await;
    let (scene, seizure) = (&seen[0]["data"], &seen[1]["data"]);
    assert_eq!(scene["scenes"][0]["visited_from"], "14-01-2026 19:10:00", "{scene}");
    assert_eq!(scene["victims"][0]["name"], "अनीता शर्मा", "the court of the case sees who was hurt");
    assert_eq!(seen[0]["icjswithheld"], json!([]), "the papers of the case are complete");
    assert_eq!(seizure["property"][0]["imei"], "490154203237518", "{seizure}");
    assert_eq!(seizure["recording"]["forwarded_to_kind"], "3", "{seizure}");
    assert_eq!(seizure["search"].get("grounds"), None, "what stands in the case diary does not leave the station");
    assert_eq!(seen[1]["icjswithheld"], json!(["search.grounds"]));
}

/// The files are not uploaded here: the record goes without naming them.
fn without_attachments(xml: &str) -> String {
    let (before, rest) = xml.split_once("  <AttachmentList>").unwrap();
    let (_, after) = rest.split_once("</AttachmentList>\n").unwrap();
    format!("{before}{after}")
}
