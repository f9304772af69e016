//! Every receiver is away and senders send as fast as they can: the queue is on disk, memory stays flat, and at the quota a
//! sender is told when to come back and the operator why. Then the receivers return: what is about liberty goes first, what
//! is new is taken meanwhile, and everything arrives. In a long run the backlog is 100,000 records, and drains at 80 % or more
//! of the rate at which the same records make the same journey without a backlog.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::report;
use crate::harness::folder::{order, paper};
use crate::harness::http::request;
use crate::harness::{Client, Folder, Gateway, Party, Receiver, Reply};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
const PRISON: &str = "prison:DL01";
const SENDERS: u32 = 8;
/// A record has about so many bytes: were bodies kept in memory, it would show.
const BODY: usize = 4_000;

/// An address at which nobody listens yet.
async fn nobody() -> SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn at(address: SocketAddr) -> Receiver {
    Receiver::at(address, |_| Reply::status(200)).await
}

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

struct Site {
    folder: Folder,
    gateway: Gateway,
    courts: [SocketAddr; 2],
    next: Arc<AtomicU32>,
}

impl Site {
    async fn start(quota: u64) -> Self {
        let courts = [nobody().await, nobody().await];
        let url = |address: SocketAddr| format!("http://{address}/inbox");
        let folder = Folder::with(&[
            Party::pulling("police-a", "police", &[POLICE]),
            Party::pushed("court-a", "courts", &[COURT], &url(courts[0])),
            Party::pushed("prison-a", "prisons", &[PRISON], &url(courts[1])),
        ]);
        let settings = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
        folder.file("config/gateway.toml", &format!("{settings}\n[store]\nmax_open_deliveries = {quota}\n"));
        let gateway = Gateway::start(&folder).await;
        Self { folder, gateway, courts, next: Arc::default() }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.folder, self.gateway.exchange, "police-a").await
    }

    /// Sends papers with eight hands until so many are accepted, or one is refused; the refusal.
    async fn send(&self, wanted: u32) -> Option<crate::harness::http::Answer> {
        let accepted = Arc::new(AtomicU32::new(0));
        let mut hands = JoinSet::new();
        // One token for all: where everything is refused at once, tokens would be asked for more often than they are given.
        let client = self.client().await;
        for _ in 0..SENDERS {
            let (client, next, accepted) = (client.clone(), Arc::clone(&self.next), Arc::clone(&accepted));
            hands.spawn(async move {
                while accepted.fetch_add(1, Ordering::SeqCst) < wanted {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let mut record = paper(POLICE, &[COURT], number % 5_000, &format!("paper {number}"));
                    record["filler"] = serde_json::json!("x".repeat(BODY));
                    let body = record.to_string();
                    let answer = client.submit("paper", &format!("p-{number}"), &[], body.as_bytes()).await.unwrap();
                    if answer.status != 202 {
                        accepted.fetch_add(wanted, Ordering::SeqCst);
                        return Some(answer);
                    }
                }
                None
            });
        }
        hands.join_all().await.into_iter().flatten().next()
    }

    async fn release(&self, number: u32) -> String {
        let record = order(POLICE, &[PRISON], number, number, "release", &format!("release {number}"));
        let accepted = self.client().await.accepted("order", &format!("r-{number}"), &record).await;
        accepted["deliveries"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The police reads and acknowledges what comes back, or the outcomes would wait in its place.
    fn read_outcomes(&self, over: Arc<AtomicBool>, client: Client) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            while !over.load(Ordering::SeqCst) {
                let page = client.feed("limit=500&wait=1").await.unwrap().expect(200).json();
                if page["items"].as_array().is_some_and(|items| !items.is_empty()) {
                    client.ack(page["next"].as_str().unwrap(), &[]).await.unwrap().expect(200);
                }
            }
        })
    }
}

/// How many records a second make the journey without a backlog.
async fn journey(records: u32) -> f64 {
    let site = Site::start(1_000_000).await;
    let court = at(site.courts[0]).await;
    let over = Arc::new(AtomicBool::new(false));
    let reader = site.read_outcomes(Arc::clone(&over), site.client().await);
    let began = Instant::now();
    assert!(site.send(records).await.is_none());
    court.until_count(Duration::from_secs(600), records as usize).await;
    let rate = f64::from(records) / began.elapsed().as_secs_f64();
    over.store(true, Ordering::SeqCst);
    reader.await.unwrap();
    rate
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_receiver_away_memory_is_flat_senders_are_told_and_the_backlog_drains_liberty_first() {
    let quota = report::either(1_500, 100_000);
    let before = journey(if report::long() { 10_000 } else { 400 }).await;
    let site = Site::start(quota).await;
    let many = u32::try_from(quota).unwrap();
    assert!(site.send(many / 5).await.is_none());
    let early = resident(site.gateway.pid());
    let release = site.release(1).await;
    let refusal = site.send(many).await.expect("the quota is reached");
    assert_eq!((refusal.status, refusal.code().as_str()), (503, "overloaded"), "{}", refusal.text());
    assert!(refusal.header("retry-after").is_some_and(|after| after.parse::<u32>().unwrap() > 0));
    let ready = async || request(site.gateway.ops, "GET", "/readyz", &[], b"").await.unwrap().expect(200).json();
    let said = ready().await;
    assert_eq!(said["status"], "warn", "{said}");
    assert!(said["output"].as_str().unwrap().contains("max_open_deliveries"), "{said}");
    // They go on asking for a while: what is refused costs nothing that stays.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(report::either(2, 30)) {
        assert_eq!(site.send(1).await.map(|answer| answer.status), Some(503));
    }
    let grown = resident(site.gateway.pid()).saturating_sub(early);
    // A kilobyte a waiting delivery is what the board may take; the rest is the allocator's and the store's caches.
    let allowed = quota * 4 / 5 + 48 * 1024;
    assert!(grown < allowed, "memory grew by {grown} KiB, more than {allowed}");

    let accepted = backlog(&site, quota).await;
    let waiting = usize::try_from(accepted).unwrap();
    let (court, prison) = (at(site.courts[0]).await, at(site.courts[1]).await);
    let over = Arc::new(AtomicBool::new(false));
    let reader = site.read_outcomes(Arc::clone(&over), site.client().await);
    let began = Instant::now();
    prison.until(Duration::from_secs(20), |seen| seen.iter().any(|push| push.id() == release)).await;
    let first = court.count();
    assert!(first < waiting / 2, "the release came when {first} of {accepted} papers had arrived");
    // Room has come: what is new is taken while the backlog drains, and an order about liberty passes it.
    court.until_count(Duration::from_secs(60), waiting / 10).await;
    let fresh = Instant::now();
    let second = site.release(2).await;
    prison.until(Duration::from_secs(20), |seen| seen.iter().any(|push| push.id() == second)).await;
    let fresh = fresh.elapsed().as_millis();
    assert!(site.send(50).await.is_none(), "what is new is accepted while the backlog drains");
    let behind = waiting.saturating_sub(court.count());
    let all = waiting + 50;
    court.until_count(Duration::from_secs(report::either(120, 1_800)), all).await;
    let rate = (accepted + 50) as f64 / began.elapsed().as_secs_f64();
    over.store(true, Ordering::SeqCst);
    reader.await.unwrap();
    assert_eq!(ready().await["status"], "pass");
    assert_eq!(court.ids().len(), all, "each arrived, under its own id");
    let share = rate / before;
    let said = format!(
        "{accepted} waited; memory grew by {} MiB from a fifth of them to all; drained at {rate:.0} a second, {:.0} % of the \
         {before:.0} of the journey without a backlog; a release sent while {behind} papers waited arrived after {fresh} ms",
        grown / 1024,
        share * 100.0
    );
    report::done("every receiver is away", accepted, "waiting deliveries", 0, &said);
    assert!(!report::long() || share >= 0.8, "{said}");
}

/// How many papers were accepted, by what the gateway says of its deliveries.
async fn backlog(site: &Site, quota: u64) -> u64 {
    let text = request(site.gateway.ops, "GET", "/metrics", &[], b"").await.unwrap().expect(200).text();
    let of_court = |line: &&str| line.starts_with("icjs_deliveries{") && line.contains("office_system=\"court-a\"");
    let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    let waiting: u64 = text.lines().filter(of_court).map(count).sum();
    // The release is the one more.
    assert_eq!(waiting + 1, quota, "as many wait as may");
    waiting
}
