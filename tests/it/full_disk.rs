//! A full disk, on a small file system of its own: what cannot be kept is refused with words, what was accepted is not
//! lost, and the gateway goes on by itself when there is room again. A start on a full disk says what to do.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::harness::folder::paper;
use super::harness::http::{Answer, request};
use super::harness::{Client, Folder, Gateway, Party, Receiver};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
const PRISON: &str = "prison:DL01";

/// A file system of 12 MiB over a folder; gone when dropped.
pub struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// `None` where this user may not mount one.
    pub fn over(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"]).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Some(Self { at: at.to_owned() }),
            Ok(output) => {
                println!("skipped: no small disk can be mounted: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                println!("skipped: no `mount` here: {error}");
                None
            }
        }
    }

    /// Takes every byte that is left.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.at.join("filler")).unwrap();
        for block in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; block]).is_ok() {}
        }
    }

    pub fn make_room(&self) {
        std::fs::remove_file(self.at.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a gateway that a failed test left behind may still have it open.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

/// What was answered 202, by the sender's key.
struct Sent {
    police: Client,
    accepted: BTreeSet<String>,
    next: u32,
}

impl Sent {
    /// Sends one record that no compression makes small.
    async fn one(&mut self, bytes: usize) -> Answer {
        self.next += 1;
        let text = noise(bytes);
        let record = paper(POLICE, &[COURT, PRISON], self.next, &text).to_string();
        let answer = self.police.submit("paper", &format!("key-{}", self.next), &[], record.as_bytes()).await.unwrap();
        if answer.status == 202 {
            self.accepted.insert(answer.json()["id"].as_str().unwrap().to_owned());
        }
        answer
    }

    /// Sends until the disk is full; that answer.
    async fn until_full(&mut self, bytes: usize) -> Answer {
        for _ in 0..3000 {
            let answer = self.one(bytes).await;
            if answer.status != 202 {
                return answer;
            }
        }
        panic!("the disk never became full");
    }
}

pub fn noise(bytes: usize) -> String {
    let one = || icjs::seal::hex(&icjs::seal::random::<32>().unwrap());
    let mut text: String = std::iter::repeat_with(one).take(bytes / 32 + 1).collect();
    text.truncate(bytes);
    text
}

pub fn refused_for_space(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage-full"), "{}", answer.text());
    assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u32>().unwrap() > 0));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("disk is full") && detail.contains("send it again"), "{detail}");
}

async fn everything_arrives(sent: &Sent, court: &Client, prison: &Receiver) {
    let mut missing = sent.accepted.clone();
    let mut after = String::new();
    while !missing.is_empty() {
        let page = court.feed(&format!("limit=500&wait=20{after}")).await.unwrap().expect(200).json();
        let items = page["items"].as_array().unwrap();
        assert!(!items.is_empty(), "{} of {} accepted records are lost", missing.len(), sent.accepted.len());
        for item in items {
            assert!(missing.remove(item["icjsmessage"].as_str().unwrap()), "what was not accepted arrived: {item}");
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
    let pushed = |seen: &[super::harness::receiver::Push]| -> BTreeSet<String> {
        seen.iter().map(|push| push.header("ce-icjsmessage").unwrap().to_owned()).collect()
    };
    let seen = prison.until(Duration::from_secs(60), |seen| pushed(seen).len() >= sent.accepted.len()).await;
    assert_eq!(pushed(&seen), sent.accepted, "pushed is what was accepted, and nothing else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_with_words_loses_nothing_and_is_over_when_there_is_room() {
    let prison = Receiver::friendly().await;
    let folder = Folder::with(&[
        Party::pulling("police-a", "police", &[POLICE]),
        Party::pulling("court-a", "courts", &[COURT]),
        Party::pushed("prison-a", "prisons", &[PRISON], &prison.url()),
    ]);
    let Some(disk) = SmallDisk::over(&folder.path("data")) else { return };
    let mut gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    let mut sent = Sent { police, accepted: BTreeSet::new(), next: 0 };
    for _ in 0..20 {
        sent.one(2_000).await.expect(202);
    }

    disk.fill();
    refused_for_space(&sent.until_full(2_000).await);
    // A large record lies in a file of its own, an attachment too.
    refused_for_space(&sent.one(190_000).await);
    let bytes = vec![7; 500_000];
    let path = format!("/v1/attachments/{}", icjs::seal::hex(&icjs::seal::sha256(&bytes)));
    refused_for_space(&sent.police.call("PUT", &path, &[], &bytes).await.unwrap());
    // The gateway is there all the while, and what needs no writing is answered. A page of the feed does need it: that an
    // item was shown must be known for ever after; and so does a look at a message, which is recorded before it is given:
    // the log may have room for that, or not.
    court.get("/v1/me").await.unwrap().expect(200);
    let first = sent.accepted.first().unwrap();
    let look = sent.police.get(&format!("/v1/messages/{first}")).await.unwrap();
    match look.status {
        200 => assert_eq!(look.json()["id"], first.as_str()),
        _ => refused_for_space(&look),
    }
    assert_eq!(gateway.ended(), None, "{}", super::harness::gateway::tail(&folder));

    let ready = async || request(gateway.ops, "GET", "/readyz", &[], b"").await.unwrap();
    // A log that begins again at its start has some room for a while: until then the next record is refused again.
    let mut seen = ready().await;
    for _ in 0..100 {
        if seen.status == 503 {
            break;
        }
        sent.until_full(2_000).await;
        seen = ready().await;
    }
    let said = seen.expect(503).json();
    assert!(said["output"].as_str().unwrap().contains("disk that holds the store is full"), "{said}");
    disk.make_room();
    ready().await.expect(200);
    sent.one(2_000).await.expect(202);
    sent.one(190_000).await.expect(202);
    // The whole log: behind these lines every delivery that could not be settled has said so.
    let log = std::fs::read_to_string(folder.path("gateway.log")).unwrap();
    assert!(log.contains("the disk is full") && log.contains("make room"), "{log}");
    assert!(log.contains("room on the disk again"), "{log}");

    // It is killed on a full disk, and cannot start there.
    disk.fill();
    sent.until_full(2_000).await;
    gateway.kill();
    disk.fill();
    let output = Gateway::command(&folder).arg("serve").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert!(said.contains("full") && said.contains("make room"), "{said}");

    disk.make_room();
    let gateway = Gateway::start(&folder).await;
    sent.police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    sent.one(2_000).await.expect(202);
    everything_arrives(&sent, &court, &prison).await;
}
