//! What a system uploads and names in no record is bounded: one sender cannot fill the disk for all.

use serde_json::json;

use super::harness::folder::paper;
use super::harness::{Client, Folder, Gateway, Party};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_uploads_and_names_nothing_is_stopped_and_goes_on_once_records_name_it() {
    let folder = Folder::with(&[
        Party::pulling("police-a", "police", &["ps:38101004"]),
        Party::pulling("police-b", "police", &["ps:38101005"]),
        Party::pulling("court-a", "courts", &["court:DLCT01"]),
    ]);
    let settings = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
    folder.file("config/gateway.toml", &format!("{settings}\n[store]\nunbound_bytes = \"1 MiB\"\n"));
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let bytes = |n: u8| vec![n; 400_000];
    let digest = |bytes: &[u8]| icjs::seal::hex(&icjs::seal::sha256(bytes));
    let put = async |client: &Client, bytes: &[u8]| {
        client.call("PUT", &format!("/v1/attachments/{}", digest(bytes)), &[], bytes).await.unwrap()
    };
    for n in 0..2 {
        put(&police, &bytes(n)).await.expect(201);
    }
    let refused = put(&police, &bytes(2)).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "storage-full"), "{}", refused.text());
    assert!(refused.json()["detail"].as_str().unwrap().contains("800000 bytes"), "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    let left = std::fs::read_dir(folder.path("data/attachments/uploads")).unwrap();
    let files: usize = left.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum();
    assert_eq!(files, 2, "of what was refused nothing stays");
    // Others have room of their own.
    let other = Client::connect(&folder, gateway.exchange, "police-b").await;
    put(&other, &bytes(2)).await.expect(201);

    let mut record = paper("ps:38101004", &["court:DLCT01"], 1, "names them");
    let named = |n| {
        json!({"sha256": digest(&bytes(n)), "size": 400_000, "media_type": "application/pdf",
        "name": "a.pdf", "role": "annexure"})
    };
    record["attachments"] = json!([named(0), named(1)]);
    police.accepted("paper", "names-them", &record).await;
    put(&police, &bytes(2)).await.expect(201);

    // Many at once are bounded too.
    let several = (3..9).map(|n| {
        let (police, bytes) = (police.clone(), bytes(n));
        tokio::spawn(async move {
            let path = format!("/v1/attachments/{}", icjs::seal::hex(&icjs::seal::sha256(&bytes)));
            police.call("PUT", &path, &[], &bytes).await.unwrap().status
        })
    });
    let mut kept = 0;
    for one in several.collect::<Vec<_>>() {
        kept += u32::from(one.await.unwrap() == 201);
    }
    assert!(kept <= 1, "{kept} of six were kept beside 400,000 bytes");
}
