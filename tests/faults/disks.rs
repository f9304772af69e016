//! Attachments on a disk of their own, which is full while the store's is not: an upload is refused with words and leaves
//! nothing behind, records are taken all the while, and uploads go on by themselves when there is room again.

use crate::full_disk::{SmallDisk, noise, refused_for_space};
use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_attachments_refuses_attachments_only_and_is_over_when_there_is_room() {
    let folder =
        Folder::with(&[Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])]);
    let settings = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
    folder.file("config/gateway.toml", &format!("{settings}\n[store]\nattachments = \"files\"\n"));
    let Some(disk) = SmallDisk::over(&folder.path("files")) else { return };
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    let put = async |bytes: &[u8]| {
        let path = format!("/v1/attachments/{}", icjs::seal::hex(&icjs::seal::sha256(bytes)));
        police.call("PUT", &path, &[], bytes).await.unwrap()
    };
    let first = noise(400_000);
    put(first.as_bytes()).await.expect(201);

    disk.fill();
    let second = noise(500_000);
    for _ in 0..3 {
        refused_for_space(&put(second.as_bytes()).await);
    }
    let mut record = paper(POLICE, &[COURT], 1, "while it is full");
    police.accepted("paper", "one", &record).await;
    let named = |bytes: &str| {
        serde_json::json!([{"sha256": icjs::seal::hex(&icjs::seal::sha256(bytes.as_bytes())), "size": bytes.len(),
            "media_type": "image/jpeg", "name": "scene.jpg", "role": "photo", "sensitivity": "none"}])
    };
    record["attachments"] = named(&second);
    let answer = police.submit("paper", "two", &[], record.to_string().as_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (422, "attachment-missing"), "{}", answer.text());
    record["attachments"] = named(&first);
    police.accepted("paper", "three", &record).await;

    disk.make_room();
    put(second.as_bytes()).await.expect(201);
    record["attachments"] = named(&second);
    police.accepted("paper", "two", &record).await;
    let mut arrived = 0;
    while arrived < 3 {
        let page = court.feed("limit=10&wait=20").await.unwrap().expect(200).json();
        let now = page["items"].as_array().unwrap().len();
        assert!(now >= arrived && now > 0, "{page}");
        arrived = now;
    }
    // What is read back is what was sent.
    for bytes in [&first, &second] {
        let path = format!("/v1/attachments/{}", icjs::seal::hex(&icjs::seal::sha256(bytes.as_bytes())));
        let answer = court.get(&path).await.unwrap().expect(200);
        assert!(answer.body == bytes.as_bytes(), "the file came back changed");
    }
}
