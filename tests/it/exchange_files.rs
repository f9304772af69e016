//! Attachments through the socket: whole, in parts, in ranges; bound to a record, and read by those who were sent it only.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::http::Answer;
use super::harness::scene::SOON;
use super::harness::trio::{COURT, POLICE, Trio};
use super::harness::{Client, Gateway};

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
    let stage = Trio::start().await;
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
async fn an_upload_that_has_only_begun_hides_nothing_of_what_was_sent_and_what_was_sent_is_no_upload() {
    let stage = Trio::start().await;
    let bytes = vec![9; 100_000];
    let path = path(&bytes);
    stage.police.call("PUT", &path, &[], &bytes).await.unwrap().expect(201);
    stage.police.accepted("paper", "k", &naming(&bytes, 1)).await;
    stage.court.feed("wait=20").await.unwrap().expect(200);
    let progress = async |offset: &str| {
        let head = stage.court.call("HEAD", &path, &[], b"").await.unwrap().expect(200);
        assert_eq!((head.header("upload-offset"), head.header("upload-complete")), (Some(offset), Some("?0")));
        assert_eq!(stage.court.get(&path).await.unwrap().expect(200).body, bytes);
    };
    progress("0").await;
    patch(&stage.court, &path, 0, &bytes[..10]).await.expect(204);
    progress("10").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_another_digest_are_refused_and_forgotten() {
    let stage = Trio::start().await;
    let path = path(b"these bytes");
    let answer = stage.police.call("PUT", &path, &[], b"other bytes").await.unwrap().expect(409);
    assert_eq!(answer.code(), "digest-mismatch");
    assert_eq!(stage.police.get(&path).await.unwrap().status, 404);
    assert_eq!(stage.police.call("PUT", "/v1/attachments/zz", &[], b"x").await.unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_in_parts_goes_on_where_it_was() {
    let stage = Trio::start().await;
    let bytes: Vec<u8> = (0..150_000_u32).map(|n| (n % 239) as u8).collect();
    let path = path(&bytes);
    let first = patch(&stage.police, &path, 0, &bytes[..70_000]).await.expect(204);
    assert_eq!(first.header("upload-offset"), Some("70000"));
    assert_eq!(patch(&stage.police, &path, 10, &bytes[10..]).await.expect(409).code(), "digest-mismatch");
    assert_eq!(stage.police.get(&path).await.unwrap().status, 404, "half of it is nothing to read");
    patch(&stage.police, &path, 70_000, &bytes[70_000..]).await.expect(201);
    assert_eq!(stage.police.get(&path).await.unwrap().expect(200).body, bytes);
}

/// `icjs` with the stage's folder, which must succeed.
fn icjs(stage: &Trio, arguments: &[&str]) {
    let output = Gateway::command(&stage.folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sharing_rules_give_no_more_is_neither_in_the_feed_nor_among_the_attachments() {
    let stage = Trio::start().await;
    let bytes = vec![3; 100_000];
    let path = path(&bytes);
    stage.police.call("PUT", &path, &[], &bytes).await.unwrap().expect(201);
    let accepted = stage.police.accepted("paper", "k", &naming(&bytes, 1)).await;
    let page = stage.court.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    stage.court.get(&path).await.unwrap().expect(200);

    let rules = std::fs::read_to_string(stage.folder.path("config/sharing.toml")).unwrap();
    let without = rules.replacen("kind = \"paper\"\nto = \"courts\"", "kind = \"fir\"\nto = \"courts\"", 1);
    assert_ne!(rules, without);
    stage.folder.file("config/sharing.toml", &without);
    icjs(&stage, &["apply", "--reason", "a court may not see papers"]);
    assert_eq!(stage.court.get(&path).await.unwrap().status, 404);
    assert_eq!(stage.court.call("HEAD", &path, &[], b"").await.unwrap().status, 404);
    let page = stage.court.feed("").await.unwrap().expect(200).json();
    assert_eq!(page["items"], json!([]), "{page}");
    let seen = stage.police.message(accepted["id"].as_str().unwrap()).await;
    let delivery = &seen["deliveries"][0];
    assert_eq!((&delivery["state"], &delivery["reason"]), (&json!("parked"), &json!("permission-changed")), "{seen}");
    // Its sender has it still.
    stage.police.get(&path).await.unwrap().expect(200);

    stage.folder.file("config/sharing.toml", &rules);
    icjs(&stage, &["apply", "--reason", "it may"]);
    icjs(&stage, &["deliveries", "retry", delivery["id"].as_str().unwrap(), "--reason", "it may"]);
    let page = stage.court.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["id"], delivery["id"], "{page}");
    assert_eq!(stage.court.get(&path).await.unwrap().expect(200).body, bytes);
}

fn files(stage: &Trio, part: &str) -> Vec<PathBuf> {
    let shards = std::fs::read_dir(stage.folder.path("data/attachments").join(part)).unwrap();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_a_crash_left_behind_are_removed_after_a_day_and_no_others() {
    let mut stage = Trio::start().await;
    let bytes = vec![9; 90_000];
    stage.police.call("PUT", &path(&bytes), &[], &bytes).await.unwrap().expect(201);
    let noise = || icjs::seal::hex(&icjs::seal::random::<32>().unwrap());
    let mut record = naming(&bytes, 1);
    record["note"] = json!(std::iter::repeat_with(noise).take(2_500).collect::<String>());
    let accepted = stage.police.accepted("paper", "k", &record).await;
    // The same upload again, in full: its first file is not left behind.
    stage.police.call("PUT", &path(&bytes), &[], &bytes).await.unwrap().expect(201);
    let (records, uploads) = (files(&stage, "records"), files(&stage, "uploads"));
    assert_eq!((records.len(), uploads.len()), (1, 1), "{records:?} {uploads:?}");

    // As a crash leaves them: a file without its row, a draft, an upload without its row; one of them is young.
    stage.gateway.kill();
    let id = accepted["id"].as_str().unwrap();
    let beside = |name: String| records[0].with_file_name(name);
    let orphans = [
        beside(format!("{}.original", id.replacen(&id[..8], "01234567", 1))),
        beside(format!("{id}.shared.draft")),
        uploads[0].with_file_name("ab".repeat(32)),
    ];
    let young = uploads[0].with_file_name("cd".repeat(32));
    for file in orphans.iter().chain([&young]) {
        std::fs::write(file, "left behind").unwrap();
    }
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    for file in orphans.iter().chain(&records).chain(&uploads) {
        std::fs::File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap();
    }
    stage.gateway = Gateway::start(&stage.folder).await;
    let began = std::time::Instant::now();
    while orphans.iter().any(|file| file.exists()) {
        // Two looks a minute apart find them.
        assert!(began.elapsed() < SOON * 6, "{:?}", orphans.iter().filter(|file| file.exists()).collect::<Vec<_>>());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(young.exists(), "somebody may be about to name it");
    let court = Client::connect(&stage.folder, stage.gateway.exchange, "court-a").await;
    let page = court.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["data"]["note"], record["note"]);
    assert_eq!(court.get(&path(&bytes)).await.unwrap().expect(200).body, bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_record_that_is_being_accepted_while_the_clock_is_set_keeps_its_file() {
    let mut stage = Trio::start().await;
    stage.gateway.kill();
    let clock = stage.folder.path("clock").display().to_string();
    stage.folder.file("clock", "0");
    // Its file is written, and its row comes when the first look at files is over.
    let variables = [("ICJS_TEST_CLOCK", clock.as_str()), ("FAILPOINTS", "append::before=sleep(10000)")];
    stage.gateway = Gateway::start_with(&stage.folder, &variables).await;
    let police = Client::connect(&stage.folder, stage.gateway.exchange, "police-a").await;
    let noise = || icjs::seal::hex(&icjs::seal::random::<32>().unwrap());
    let mut record = paper("ps:38101004", &["court:DLCT01"], 1, "a note");
    record["note"] = json!(std::iter::repeat_with(noise).take(2_500).collect::<String>());
    let set = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        stage.folder.file("clock", &(3 * 86_400_000_u64).to_string());
    };
    let (accepted, ()) = tokio::join!(police.accepted("paper", "k", &record), set);
    stage.gateway.kill();
    stage.gateway = Gateway::start(&stage.folder).await;
    let output = Gateway::command(&stage.folder).args(["store", "verify"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let court = Client::connect(&stage.folder, stage.gateway.exchange, "court-a").await;
    let page = court.feed("wait=20").await.unwrap().expect(200).json();
    assert_eq!((&page["items"][0]["data"]["note"], page["items"].as_array().map(Vec::len)), (&record["note"], Some(1)));
    assert!(accepted["id"].is_string());
}

/// The head of an upload whose body is shorter than it says, then the end of the connection.
async fn broken_off(client: &Client, method: &str, path: &str, headers: &str, length: usize, bytes: &[u8]) {
    let mut socket = tokio::net::TcpStream::connect(client.gateway).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{headers}content-length: {length}\r\n\r\n",
        client.token
    );
    tokio::io::AsyncWriteExt::write_all(&mut socket, head.as_bytes()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut socket, bytes).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// Where an upload stands, once it stands somewhere above `above`.
async fn reached(client: &Client, path: &str, above: usize) -> usize {
    let began = std::time::Instant::now();
    loop {
        let head = client.call("HEAD", path, &[], b"").await.unwrap();
        let offset = head.header("upload-offset").and_then(|text| text.parse().ok()).unwrap_or(0);
        if offset > above {
            return offset;
        }
        assert!(began.elapsed() < SOON, "nothing was kept of a body that broke off");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_over_a_bad_line_goes_on_where_it_broke_off_with_another_token_and_after_a_restart() {
    let mut stage = Trio::start().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 233) as u8).collect();
    let path = path(&bytes);
    broken_off(&stage.police, "PUT", &path, "", bytes.len(), &bytes[..1_000_001]).await;
    let first = reached(&stage.police, &path, 0).await;
    assert_eq!(first, 1_000_001, "what came is kept to the byte");
    let wrong = patch(&stage.police, &path, 5, &bytes[5..]).await.expect(409);
    assert_eq!((wrong.header("upload-offset"), wrong.header("upload-complete")), (Some("1000001"), Some("?0")));
    assert!(wrong.json()["detail"].as_str().unwrap().contains("send the bytes from 1000001 on"), "{}", wrong.text());

    // Another token of the same system.
    let police = Client::connect(&stage.folder, stage.gateway.exchange, "police-a").await;
    assert_ne!(police.token, stage.police.token);
    let headers = "upload-offset: 1000001\r\n";
    broken_off(&police, "PATCH", &path, headers, bytes.len() - first, &bytes[first..2_000_000]).await;
    let second = reached(&police, &path, first).await;
    stage.gateway.kill();
    stage.gateway = Gateway::start(&stage.folder).await;
    let police = Client::connect(&stage.folder, stage.gateway.exchange, "police-a").await;
    assert_eq!(reached(&police, &path, 0).await, second);
    let third = patch(&police, &path, second, &bytes[second..2_500_000]).await.expect(204);
    assert_eq!(third.header("upload-offset"), Some("2500000"));
    patch(&police, &path, 2_500_000, &bytes[2_500_000..]).await.expect(201);
    assert!(police.get(&path).await.unwrap().expect(200).body == bytes);
    let more = patch(&police, &path, bytes.len() - 1, b"x").await.expect(409);
    assert!(more.json()["detail"].as_str().unwrap().contains("nothing more is due"), "{}", more.text());
    assert_eq!(files(&stage, "uploads").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_uploads_of_one_digest_at_once_leave_one_whole_file_each_to_its_own_sender() {
    let stage = Trio::start().await;
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|n| (n % 229) as u8).collect();
    let path = path(&bytes);
    let put = |client: Client| {
        let (path, bytes) = (path.clone(), bytes.clone());
        tokio::spawn(async move { client.call("PUT", &path, &[], &bytes).await.unwrap().status })
    };
    let police = || put(stage.police.clone());
    for one in [police(), police(), police(), put(stage.court.clone())] {
        assert_eq!(one.await.unwrap(), 201);
    }
    for client in [&stage.police, &stage.court] {
        assert!(client.get(&path).await.unwrap().expect(200).body == bytes);
    }
    assert_eq!(stage.stranger.get(&path).await.unwrap().status, 404);
    assert_eq!(files(&stage, "uploads").len(), 2, "one for each system that uploaded it, and none that nobody names");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_upload_says_of_its_length_is_held_against_what_comes() {
    let stage = Trio::start().await;
    let bytes = vec![4; 100_000];
    let path = path(&bytes);
    let part = async |offset: usize, length: usize, part: &[u8]| {
        let headers = [("upload-offset", offset.to_string()), ("upload-length", length.to_string())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        stage.police.call("PATCH", &path, &headers, part).await.unwrap()
    };
    assert_eq!(part(0, 3 << 30, &bytes).await.expect(413).code(), "too-large");
    let answer = part(50_000, 40_000, &bytes).await.expect(422).json();
    assert_eq!(answer["errors"][0]["pointer"], json!("header Upload-Length"), "{answer}");
    part(0, 60_000, &bytes).await.expect(422);
    assert_eq!(stage.police.call("HEAD", &path, &[], b"").await.unwrap().status, 404, "nothing half done");
    part(0, 100_000, &bytes[..60_000]).await.expect(204);
    assert_eq!(part(60_000, 70_000, &bytes[..10_000]).await.expect(409).code(), "digest-mismatch");
    part(0, 100_000, &bytes).await.expect(201);
}

/// The most memory that the gateway has had resident, in MiB.
fn peak(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_attachment_takes_no_more_memory_than_a_small_one() {
    let stage = Trio::start().await;
    let small = vec![1; 8 << 20];
    stage.police.call("PUT", &path(&small), &[], &small).await.unwrap().expect(201);
    assert_eq!(stage.police.get(&path(&small)).await.unwrap().expect(200).body.len(), small.len());
    let before = peak(&stage.gateway);
    let large = vec![2; 160 << 20];
    stage.police.call("PUT", &path(&large), &[], &large).await.unwrap().expect(201);
    assert_eq!(stage.police.get(&path(&large)).await.unwrap().expect(200).body.len(), large.len());
    let after = peak(&stage.gateway);
    assert!(after < before + 32, "{before} MiB before, {after} MiB after");
}
