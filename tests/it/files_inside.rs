//! Attachments inside documents, as base64: written into a push within the cap, a link above it, the same bytes at every
//! attempt; and taken out of a document at its acceptance, where they become attachments like any other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::scene::SOON;
use super::harness::{Client, Folder, Gateway, Party, Receiver, Reply};

const STATION: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

fn digest(bytes: &[u8]) -> String {
    icjs::seal::hex(&icjs::seal::sha256(bytes))
}

fn pdf(size: usize) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let rest = size - bytes.len();
    bytes.extend((0_u8..251).cycle().take(rest));
    bytes
}

fn files(folder: &Folder) {
    folder.file("adapters/desk/adapter.toml", include_str!("files_inside/adapter.toml"));
    folder.file("schemas/desk/paper.json", include_str!("files_inside/paper.schema.json"));
    folder.file("mappings/desk/paper.toml", include_str!("files_inside/paper.mapping.toml"));
}

fn naming(files: &[&[u8]], case: u32, note: &str) -> Value {
    let mut record = paper(STATION, &[COURT], case, note);
    let attachment = |bytes: &&[u8]| json!({"sha256": digest(bytes), "size": bytes.len(), "media_type": "application/pdf", "sensitivity": "none"});
    record["attachments"] = files.iter().map(attachment).collect();
    record
}

async fn upload(client: &Client, bytes: &[u8]) {
    let path = format!("/v1/attachments/{}", digest(bytes));
    client.call("PUT", &path, &[], bytes).await.unwrap().expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_wants_files_inside_gets_them_up_to_its_cap_and_links_above_the_same_at_every_attempt() {
    let court = Receiver::start(|push| Reply::status(if push.number == 0 { 503 } else { 200 })).await;
    let police = Party::pulling("police", "police", &[STATION]);
    let folder = Folder::with(&[
        police,
        Party::pushed("court", "courts", &[COURT], &court.url()).speaking("desk", &["paper"], &["paper"]),
    ]);
    files(&folder);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let (small, large) = (pdf(400_001), pdf(900_000));
    upload(&police, &small).await;
    upload(&police, &large).await;
    // Who writes a mark into a text of his own gets his text back, not a file.
    let forged = format!("icjs-file-{}-{}", "0".repeat(32), digest(&small));
    police.accepted("paper", "k", &naming(&[&small, &large], 1, &forged)).await;
    let seen = court.until(SOON, |seen| seen.len() == 2).await;
    assert_eq!((seen[0].id(), &seen[0].body), (seen[1].id(), &seen[1].body), "the same bytes under the same id");
    let document = seen[1].json();
    let content = document["documents"][0]["content"].as_str().unwrap();
    assert!(STANDARD.decode(content).unwrap() == small, "the file itself");
    assert_eq!(
        document["documents"][1]["content"],
        json!(format!("/v1/attachments/{}", digest(&large))),
        "over the cap"
    );
    assert_eq!(document["words"], json!(forged));
    assert!(seen[1].header("ce-icjsattachments").unwrap().contains(&digest(&large)));
    // What is signed is what was sent.
    let body =
        [format!("{}.{}.", seen[1].id(), seen[1].header("webhook-timestamp").unwrap()).as_bytes(), &seen[1].body]
            .concat();
    let jwks = police.get("/.well-known/jwks.json").await.unwrap().expect(200).json();
    let signature =
        STANDARD.decode(seen[1].header("webhook-signature").unwrap().strip_prefix("v1a,").unwrap()).unwrap();
    let keys = jwks["keys"].as_array().unwrap().iter().filter_map(|key| key["x"].as_str());
    let public = |x: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(x).unwrap();
    assert!(keys.map(public).any(|key| icjs::seal::verify(&key, &body, &signature)), "{jwks}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_inside_a_document_becomes_an_attachment_of_the_record_and_what_is_no_pdf_is_said() {
    let folder = Folder::with(&[
        Party::pulling("police", "police", &[STATION]),
        Party::pulling("court", "courts", &[COURT]).speaking("desk", &["paper"], &["paper"]),
    ]);
    files(&folder);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    let (file, page) = (pdf(300_000), b"<html>no PDF</html>".to_vec());
    let document = |contents: &[&str]| {
        let documents: Vec<Value> = contents
            .iter()
            .map(|content| json!({"type": "application/pdf", "class": "none", "content": content}))
            .collect();
        json!({"sender": COURT, "desks": [STATION], "serial": 1, "station": "38101004", "year": 2026, "documents": documents})
    };
    let sent = document(&[&STANDARD.encode(&file), &STANDARD.encode(&page)]).to_string();
    let accepted = court.submit("paper", "k", &[], sent.as_bytes()).await.unwrap().expect(202).json();
    let of_files = |warning: &&Value| warning["rule"].as_str().unwrap().starts_with("attachment");
    let warnings: Vec<&Value> = accepted["warnings"].as_array().unwrap().iter().filter(of_files).collect();
    assert_eq!(warnings.len(), 1, "{accepted}");
    assert_eq!(warnings[0]["rule"], json!("attachment-other-type"));
    assert_eq!(warnings[0]["pointer"], json!("/documents/1/type"), "its place in the document as sent");
    assert!(warnings[0]["message"].as_str().unwrap().contains("correction"), "what to do: {accepted}");

    let page_of_feed = police.feed("wait=20").await.unwrap().expect(200).json();
    let item = &page_of_feed["items"][0];
    assert_eq!(item["data"]["attachments"][0]["sha256"], json!(digest(&file)), "{item}");
    assert_eq!(item["data"]["attachments"][0]["size"], json!(file.len()));
    let path = format!("/v1/attachments/{}", digest(&file));
    assert!(police.get(&path).await.unwrap().expect(200).body == file);
    // The same again is the stored answer.
    let again = court.submit("paper", "k", &[], sent.as_bytes()).await.unwrap().expect(202);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));

    let too_much = document(&[&STANDARD.encode(pdf(1_048_577))]).to_string();
    let refused = court.submit("paper", "k2", &[], too_much.as_bytes()).await.unwrap().expect(413);
    assert!(refused.json()["detail"].as_str().unwrap().contains("/v1/attachments/"), "{}", refused.text());
    let torn = document(&["JVBERi0xLjcK\nAAAA"]).to_string();
    let refused = court.submit("paper", "k3", &[], torn.as_bytes()).await.unwrap().expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], json!("/documents/0/content"), "{refused}");
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("without line breaks"), "{refused}");
}
