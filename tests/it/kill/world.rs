//! Who takes part in the kill test, and the books that they keep. A party's call is repeated until it is answered, as any
//! careful programmer would; what no answer should ever be is a surprise, and every surprise fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::receivers::{Inbox, Weather, script};
use crate::checker::{Accepted, Books, Seen, Sent};
use crate::harness::http::Answer;
use crate::harness::receiver::Push;
use crate::harness::{Client, Folder, Party, Receiver};

pub const STATIONS: [&str; 2] = ["ps:38101004", "ps:38101005"];
/// Pushed to.
pub const COURT_PUSH: &str = "court:DLCT01";
/// Read by the follower.
pub const COURT_FEED: &str = "court:DLND01";
/// Read by the settler.
pub const COURT_ROOM: &str = "court:DLND01/2";
/// Pushed to: where liberty goes.
pub const PRISON: &str = "prison:DL01";

/// Everything that the parties share.
pub struct World {
    pub seed: u64,
    pub folder: Folder,
    pub address: watch::Sender<SocketAddr>,
    /// Senders finish what they have begun and stop.
    pub stopping: AtomicBool,
    /// Receivers behave.
    pub calm: Arc<AtomicBool>,
    /// How the receivers are today.
    pub weather: [Weather; 2],
    pub books: Mutex<Books>,
    pub surprises: Mutex<Vec<String>>,
    /// By how many milliseconds the gateway's clock is ahead, and everybody's with it; steps of it, counted when they begin
    /// and when they end.
    ahead: AtomicI64,
    steps: AtomicU64,
    receivers: [Receiver; 2],
    clients: Mutex<BTreeMap<String, (Client, i64)>>,
}

impl World {
    /// Receivers and a folder; no gateway runs yet.
    pub async fn new(seed: u64) -> (Arc<Self>, Inbox) {
        let calm = Arc::new(AtomicBool::new(false));
        let (later, inbox) = mpsc::unbounded_channel();
        let weather: [Weather; 2] = [Arc::default(), Arc::default()];
        let [at_court, at_prison] = weather.clone();
        let court = script(seed, "court-a", calm.clone(), at_court, later.clone());
        let prison = script(seed.wrapping_add(1), "prison-a", calm.clone(), at_prison, later);
        let (court, prison) = (Receiver::start(court).await, Receiver::start(prison).await);
        let folder = Folder::with(&[
            Party::pulling("police-a", "police", &STATIONS),
            Party::pushed("court-a", "courts", &[COURT_PUSH], &court.url()),
            Party::pulling("court-b", "courts", &[COURT_FEED, COURT_ROOM]),
            Party::pushed("prison-a", "prisons", &[PRISON], &prison.url()),
        ]);
        let world = Self {
            seed,
            folder,
            address: watch::Sender::new(SocketAddr::from(([127, 0, 0, 1], 1))),
            stopping: AtomicBool::new(false),
            calm,
            weather,
            books: Mutex::default(),
            surprises: Mutex::default(),
            ahead: AtomicI64::new(0),
            steps: AtomicU64::new(0),
            receivers: [court, prison],
            clients: Mutex::default(),
        };
        (Arc::new(world), inbox)
    }

    /// By how much all clocks are ahead.
    pub fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::SeqCst)
    }

    /// Sets all clocks, the gateway's first: whoever gets a token then shows what the gateway would show.
    pub fn set_clocks(&self, ahead: i64) {
        self.steps.fetch_add(1, Ordering::SeqCst);
        // Renamed into place: the gateway reads it at any moment.
        self.folder.file("clock.next", &ahead.to_string());
        std::fs::rename(self.folder.path("clock.next"), self.folder.path("clock")).unwrap();
        self.ahead.store(ahead, Ordering::SeqCst);
        self.steps.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether the clock has not been touched since there were so many steps, nor was just then.
    fn still(&self, steps: u64) -> bool {
        steps.is_multiple_of(2) && steps == self.steps()
    }

    /// Steps of the clock that were begun and that were ended.
    fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    /// The file that the gateway's clock goes by.
    pub fn clock_file(&self) -> String {
        self.folder.path("clock").display().to_string()
    }

    /// Whether it is time to go.
    pub fn over(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Something that no answer should ever be.
    pub fn surprise(&self, what: String) {
        self.surprises.lock().unwrap().push(format!("surprise: {what}"));
    }

    /// One attempt: `None` where no answer came, or one that asks to come again.
    pub async fn attempt(
        &self,
        system: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let steps = self.steps();
        let client = self.client(system).await?;
        let answer = client.call(method, target, headers, body).await.ok()?;
        // A step of the clock takes tokens with it: the next call gets a new one.
        if answer.status == 401 && self.still(steps) {
            self.surprise(format!("{system}: {method} {target}: 401 with a token of a minute ago"));
        }
        (!matches!(answer.status, 401 | 429 | 503)).then_some(answer)
    }

    /// The same until there is an answer.
    pub async fn call(
        &self,
        system: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        loop {
            if let Some(answer) = self.attempt(system, method, target, headers, body).await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A client with a token of the gateway that runs now.
    async fn client(&self, system: &str) -> Option<Client> {
        let steps = self.steps();
        let (address, ahead) = (*self.address.borrow(), self.ahead());
        let known = self.clients.lock().unwrap().get(system).cloned();
        if let Some((client, _)) = known.filter(|(client, of)| client.gateway == address && *of == ahead) {
            return Some(client);
        }
        let answer = Client::token_at(&self.folder, address, system, ahead).await.ok()?;
        if answer.status == 429 || answer.status == 503 {
            return None;
        }
        if answer.status != 200 && !self.still(steps) {
            return None;
        }
        if answer.status != 200 {
            self.surprise(format!("{system} got no token: {} {}", answer.status, answer.text()));
            return None;
        }
        let token = answer.json()["access_token"].as_str()?.to_owned();
        let client = Client { system: system.to_owned(), gateway: address, token };
        self.clients.lock().unwrap().insert(system.to_owned(), (client.clone(), ahead));
        Some(client)
    }

    /// Reads the state of every delivery as its sender sees it; how many are still open.
    pub async fn read_states(&self) -> usize {
        let ids: BTreeSet<String> =
            self.books.lock().unwrap().sent.iter().flat_map(|sent| &sent.accepted).map(|a| a.id.clone()).collect();
        let known = self.books.lock().unwrap().states.clone();
        let mut states = BTreeMap::new();
        for id in ids {
            let settled = |state: &str| matches!(state, "delivered" | "rejected" | "superseded" | "recalled");
            let of: Vec<_> =
                known.range(first(&id)..).take_while(|(delivery, _)| same_message(delivery, &id)).collect();
            if !of.is_empty() && of.iter().all(|(_, state)| settled(state)) {
                states.extend(of.into_iter().map(|(delivery, state)| (delivery.clone(), state.clone())));
                continue;
            }
            let answer = self.call("police-a", "GET", &format!("/v1/messages/{id}"), &[], b"").await;
            if answer.status != 200 {
                self.surprise(format!("message {id}: {} {}", answer.status, answer.text()));
                continue;
            }
            for delivery in answer.json()["deliveries"].as_array().into_iter().flatten() {
                let text = |name: &str| delivery[name].as_str().unwrap_or_default().to_owned();
                states.insert(text("id"), text("state"));
            }
        }
        let open = states
            .values()
            .filter(|state| !matches!(state.as_str(), "delivered" | "rejected" | "superseded" | "recalled"))
            .count();
        self.books.lock().unwrap().states = states;
        open
    }

    /// The books, with what the push receivers wrote.
    pub fn close(&self) -> Books {
        let mut books = self.books.lock().unwrap().clone();
        books.pushes = self.receivers.iter().flat_map(Receiver::seen).map(|push| pushed(&push)).collect();
        books
    }
}

/// The least id that a delivery of a message can have.
fn first(message: &str) -> String {
    message.get(..message.len().saturating_sub(4)).unwrap_or_default().to_owned()
}

/// A delivery id is its message's id with the delivery's number in the last four hex digits.
fn same_message(delivery: &str, message: &str) -> bool {
    delivery.len() == message.len()
        && delivery.len() > 4
        && delivery[..delivery.len() - 4] == message[..message.len() - 4]
}

fn pushed(push: &Push) -> Seen {
    let ids = |name: &str| -> Vec<String> {
        let list = push.header(name).unwrap_or_default();
        list.split([',', ' ']).filter(|id| !id.is_empty()).map(str::to_owned).collect()
    };
    Seen {
        delivery: push.id(),
        mark: push.json()["note"].as_str().unwrap_or_default().to_owned(),
        digest: icjs::seal::sha256(&push.body).to_vec(),
        arrived: push.arrived,
        answered: push.answered,
        after: ids("ce-icjsafter"),
        overtaken_by: ids("ce-icjsovertakenby"),
    }
}

/// What a 202 says, as a sender's programmer reads it.
pub fn accepted(answer: &Answer, at: u64) -> Accepted {
    let json = answer.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let claims = crate::harness::keys::claims(json["receipt"].as_str().unwrap_or_default());
    let deliveries = json["deliveries"].as_array().into_iter().flatten();
    Accepted {
        at,
        body: answer.body.clone(),
        id: text(&json["id"]),
        index: claims["leaf_index"].as_u64().expect("the receipt names a leaf"),
        deliveries: deliveries.map(|delivery| (text(&delivery["id"]), text(&delivery["office"]))).collect(),
    }
}
