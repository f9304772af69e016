//! A gateway whose clock is set forward and back, by an hour and by years: tokens and assertions are judged by the clock of
//! the moment, what waits for a second attempt waits no longer than it would have, and feeds keep their order.
//! The same under load, judged by the checker, is in `kill` (`whatever_the_clock_does ...`).

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::report;
use crate::harness::folder::{order, paper};
use crate::harness::http::Answer;
use crate::harness::receiver::Push;
use crate::harness::{Client, Folder, Gateway, Party, Receiver, Reply, tick};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
const FEED: &str = "court:DLND01";
const PRISON: &str = "prison:DL01";

const HOUR: i64 = 3_600_000;
const YEAR: i64 = 365 * 24 * HOUR;
/// What the receivers ask for when they refuse.
const ASKED: Duration = Duration::from_secs(1);
/// Everything has arrived within this time after a step, whatever the clock did.
const SOON: Duration = Duration::from_secs(12);

/// Refuses a release, and the first of two papers, twice, with a `Retry-After`: before the step and after it.
fn reluctant(push: &Push, seen: &Mutex<BTreeMap<String, u32>>) -> Reply {
    let note = push.json()["note"].as_str().unwrap().to_owned();
    let even = note.strip_prefix("paper ").is_some_and(|number| number.parse::<u32>().unwrap().is_multiple_of(2));
    let mut seen = seen.lock().unwrap();
    let times = seen.entry(push.id()).or_default();
    *times += 1;
    if even || *times > 2 {
        return Reply::status(200);
    }
    let mut reply = Reply::status(503);
    reply.headers.push(("retry-after".to_owned(), ASKED.as_secs().to_string()));
    reply
}

async fn receiver() -> Receiver {
    let seen = Mutex::default();
    Receiver::start(move |push| reluctant(push, &seen)).await
}

struct Site {
    folder: Folder,
    gateway: Gateway,
    court: Receiver,
    prison: Receiver,
    ahead: i64,
    sent: u32,
}

impl Site {
    async fn start() -> Self {
        let (court, prison) = (receiver().await, receiver().await);
        let folder = Folder::with(&[
            Party::pulling("police-a", "police", &[POLICE]),
            Party::pushed("court-a", "courts", &[COURT], &court.url()),
            Party::pulling("court-b", "courts", &[FEED]),
            Party::pushed("prison-a", "prisons", &[PRISON], &prison.url()),
        ]);
        let gateway = Self::gateway(&folder).await;
        Self { folder, gateway, court, prison, ahead: 0, sent: 0 }
    }

    async fn gateway(folder: &Folder) -> Gateway {
        let clock = folder.path("clock").display().to_string();
        Gateway::start_with(folder, &[("ICJS_TEST_CLOCK", &clock)]).await
    }

    fn set_clock(&mut self, ahead: i64) {
        self.folder.file("clock.next", &ahead.to_string());
        std::fs::rename(self.folder.path("clock.next"), self.folder.path("clock")).unwrap();
        self.ahead = ahead;
    }

    async fn client(&self, system: &str) -> Client {
        let answer = Client::token_at(&self.folder, self.gateway.exchange, system, self.ahead).await.unwrap();
        let token = answer.expect(200).json()["access_token"].as_str().unwrap().to_owned();
        Client { system: system.to_owned(), gateway: self.gateway.exchange, token }
    }

    /// Two papers of one case to both courts, and a release.
    async fn send(&mut self) {
        let police = self.client("police-a").await;
        for _ in 0..2 {
            self.sent += 1;
            let note = format!("paper {}", self.sent);
            police.accepted("paper", &note.replace(' ', "-"), &paper(POLICE, &[COURT, FEED], 1, &note)).await;
        }
        let note = format!("release {}", self.sent);
        let release = order(POLICE, &[PRISON], 1, self.sent, "release", &note);
        police.accepted("order", &note.replace(' ', "-"), &release).await;
    }

    fn taken(receiver: &Receiver) -> Vec<String> {
        let taken = receiver.seen().into_iter().filter(|push| push.answered.is_some_and(|(_, status)| status == 200));
        taken.map(|push| push.json()["note"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until everything that was sent has been taken; how long that was.
    async fn arrived(&self) -> Duration {
        let began = tick();
        let taken = |seen: &[Push]| seen.iter().filter(|push| push.answered.is_some_and(|a| a.1 == 200)).count();
        self.prison.until(SOON, |seen| taken(seen) == self.sent as usize / 2).await;
        self.court.until(SOON, |seen| taken(seen) == self.sent as usize).await;
        Duration::from_micros(tick() - began)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_an_hour_or_years_forward_or_back_loses_nothing_and_holds_nothing_up() {
    let mut site = Site::start().await;
    let mut slowest = Duration::ZERO;
    let steps = [HOUR, 0, -HOUR, 0, 3 * YEAR, 0, -5 * YEAR, 12 * YEAR, 0];
    for (number, ahead) in steps.into_iter().enumerate() {
        site.send().await;
        // The release has had its first attempt, and so has the first paper: both wait for their second.
        let once_more = number * 2 + 1;
        let refusals = |seen: &[Push]| seen.iter().filter(|push| push.answered.is_some_and(|a| a.1 == 503)).count();
        site.prison.until(SOON, |seen| refusals(seen) >= once_more).await;
        site.court.until(SOON, |seen| refusals(seen) >= once_more).await;
        let restarted = number % 3 == 2;
        if restarted {
            site.gateway.kill();
        }
        site.set_clock(ahead);
        if restarted {
            site.gateway = Site::gateway(&site.folder).await;
        }
        slowest = slowest.max(site.arrived().await);
    }
    let papers: Vec<String> = (1..=site.sent).map(|number| format!("paper {number}")).collect();
    assert_eq!(Site::taken(&site.court), papers, "pushed in the order of acceptance");
    let page = site.client("court-b").await.feed("limit=500&wait=20").await.unwrap().expect(200).json();
    let notes = page["items"].as_array().unwrap().iter().map(|item| item["data"]["note"].as_str().unwrap().to_owned());
    assert_eq!(notes.collect::<Vec<_>>(), papers, "the feed is in the order of acceptance");
    let said = format!(
        "all {} deliveries arrived in order, the last {} ms after its step at most",
        site.sent * 5 / 2,
        slowest.as_millis()
    );
    report::done("the clock is set", steps.len() as u64, "steps", 0, &said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_assertions_are_judged_by_the_clock_of_the_moment_and_an_assertion_is_good_once_for_ever() {
    let mut site = Site::start().await;
    let now = site.client("police-a").await;
    let status = async |client: &Client| client.get("/v1/me").await.unwrap().status;
    let audience = format!("http://{}/oauth2/token", site.gateway.exchange);
    let assertion = site.folder.key("police-a").assertion("police-a", &audience);
    let exchange = site.gateway.exchange;
    let show = async |assertion: &str| -> Answer { Client::exchange(exchange, "police-a", assertion).await.unwrap() };
    show(&assertion).await.expect(200);
    assert_eq!(status(&now).await, 200);

    site.set_clock(HOUR);
    assert_eq!(status(&now).await, 401, "a token of an hour ago has expired");
    assert_eq!(show(&assertion).await.status, 401, "an assertion of an hour ago has expired");
    let later = site.client("police-a").await;
    assert_eq!(status(&later).await, 200);
    // What expired is forgotten some at a time, with each new token.
    for _ in 0..40 {
        site.client("court-b").await;
    }

    site.set_clock(0);
    assert_eq!(status(&later).await, 401, "a token of the next hour would live too long");
    assert_eq!(status(&now).await, 200, "its ten minutes are not over");
    assert_eq!(show(&assertion).await.status, 401, "it was used, whatever the clock said meanwhile");
    site.gateway.kill();
    site.gateway = Site::gateway(&site.folder).await;
    let again = Client { gateway: site.gateway.exchange, ..now };
    let answer = Client::exchange(site.gateway.exchange, "police-a", &assertion).await.unwrap();
    assert_eq!(answer.status, 401, "nor is it good after a restart");

    site.set_clock(-HOUR);
    assert_eq!(status(&again).await, 401, "a token of the next hour");
    let earlier = site.client("police-a").await;
    assert_eq!(status(&earlier).await, 200);
}
