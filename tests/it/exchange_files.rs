//! Attachments through the socket: whole, in parts, in ranges; bound to a record, and read by those who were sent it only.

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::http::Answer;
use super::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

struct Stage {
    _folder: Folder,
    _gateway: Gateway,
    police: Client,
    court: Client,
    stranger: Client,
}

async fn started() -> Stage {
    let folder = Folder::with(&[
        Party::pulling("police-a", "police", &[POLICE]),
        Party::pulling("court-a", "courts", &[COURT]),
        Party::pulling("prison-a", "prisons", &["prison:DL01"]),
    ]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    let stranger = Client::connect(&folder, gateway.exchange, "prison-a").await;
    Stage { _folder: folder, _gateway: gateway, police, court, stranger }
}

fn path(bytes: &[u8]) -> String {
    format!("/v1/attachments/{}", icjs::seal::hex(&icjs::seal::sha256(bytes)))
}

async fn patch(client: &Client, path: &str, offset: usize, bytes: &[u8]) -> Answer {
    client.call("PATCH", path, &[("upload-offset", &offset.to_string())], bytes).await.unwrap()
}

fn naming(bytes: &[u8], case: u32) -> Value {
    let mut record = paper(POLICE, &[COURT], case, "with a photograph");
    record["attachments"] = json!([{"sha256": icjs::seal::hex(&icjs::seal::sha256(bytes)), "size": bytes.len(),
        "media_type": "image/jpeg", "name": "scene.jpg", "role": "photo", "sensitivity": "none"}]);
    record
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_goes_with_its_record_to_those_who_are_sent_it_and_to_nobody_else() {
    let stage = started().await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 241) as u8).collect();
    let path = path(&bytes);
    assert_eq!(stage.police.get(&path).await.unwrap().status, 404);
    stage.police.call("PUT", &path, &[], &bytes).await.unwrap().expect(201);
    assert_eq!(stage.court.get(&path).await.unwrap().status, 404, "not sent yet");
    stage.police.accepted("paper", "k", &naming(&bytes, 1)).await;
    let page = stage.court.feed("wait=20").await.unwrap().expect(200).json();
    let named = &page["items"][0]["icjsattachments"][0];
    assert_eq!(
        (&named["name"], &named["href"], &named["withheld"]),
        (&json!("scene.jpg"), &json!(path), &json!(false))
    );
    assert_eq!(stage.court.get(&path).await.unwrap().expect(200).body, bytes);
    for (range, expected) in
        [("bytes=0-9", &bytes[..10]), ("bytes=65530-65545", &bytes[65_530..65_546]), ("bytes=-5", &bytes[299_995..])]
    {
        let part = stage.court.call("GET", &path, &[("range", range)], b"").await.unwrap().expect(206);
        assert_eq!(part.body, expected, "{range}");
        assert!(part.header("content-range").unwrap().ends_with("/300000"));
    }
    stage.court.call("GET", &path, &[("range", "bytes=300000-")], b"").await.unwrap().expect(416);
    assert_eq!(stage.stranger.get(&path).await.unwrap().status, 404);
    // The same bytes of somebody else spare no upload.
    let body = naming(&bytes, 2).to_string().replace(POLICE, COURT);
    let refused = stage.court.submit("paper", "k2", &[], body.as_bytes()).await.unwrap();
    assert_eq!(refused.expect(422).code(), "attachment-missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_another_digest_are_refused_and_forgotten() {
    let stage = started().await;
    let path = path(b"these bytes");
    let answer = stage.police.call("PUT", &path, &[], b"other bytes").await.unwrap().expect(409);
    assert_eq!(answer.code(), "digest-mismatch");
    assert_eq!(stage.police.get(&path).await.unwrap().status, 404);
    assert_eq!(stage.police.call("PUT", "/v1/attachments/zz", &[], b"x").await.unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_in_parts_goes_on_where_it_was() {
    let stage = started().await;
    let bytes: Vec<u8> = (0..150_000_u32).map(|n| (n % 239) as u8).collect();
    let path = path(&bytes);
    let first = patch(&stage.police, &path, 0, &bytes[..70_000]).await.expect(204);
    assert_eq!(first.header("upload-offset"), Some("70000"));
    assert_eq!(patch(&stage.police, &path, 10, &bytes[10..]).await.expect(409).code(), "digest-mismatch");
    assert_eq!(stage.police.get(&path).await.unwrap().status, 404, "half of it is nothing to read");
    patch(&stage.police, &path, 70_000, &bytes[70_000..]).await.expect(201);
    assert_eq!(stage.police.get(&path).await.unwrap().expect(200).body, bytes);
}
