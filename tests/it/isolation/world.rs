//! Whose things there are: a police system and a court that exchange records in every state, a prison that is pushed to,
//! and two strangers who have nothing to do with any of it. `Names` is everything by which one thing can be asked for;
//! `Names::made_up` is the same of nothing that exists.

use serde_json::{Value, json};

use crate::harness::folder::{order, paper};
use crate::harness::keys::Key;
use crate::harness::{Client, Folder, Gateway, Party, Receiver, Reply};

pub const STATION: &str = "ps:38101004";
pub const COURT: &str = "court:DLCT01";
pub const PRISON: &str = "prison:DL01";
/// The one case of the strangers.
pub const STRANGERS: u32 = 900;
/// What every record of the story has in its text.
pub const CANARY: &str = "Quince-Marmalade";
/// The file that a paper names.
pub const FILE: &[u8] = b"a photograph that belongs to two offices";

/// One thing of the police's, by all its names.
#[derive(Clone, Debug)]
pub struct Names {
    /// In which state it is, for whoever reads a failure.
    pub what: &'static str,
    pub message: String,
    pub delivery: String,
    /// Who was sent it.
    pub office: String,
    /// Who sent it.
    pub sender: String,
    /// Its sender's system.
    pub system: String,
    pub event: String,
    pub key: String,
    pub case: String,
    pub sha256: String,
    /// A cursor of its receiver's feed.
    pub cursor: String,
    /// The second page of its sender's messages.
    pub page: String,
}

impl Names {
    /// Names of the same form that name nothing.
    pub fn made_up(&self) -> Self {
        let id = |id: &str| format!("{}deadbeef{}", &id[..24], &id[32..]);
        let turned = |cursor: &str| {
            let (head, tail) = cursor.split_at(5);
            let other = if tail.starts_with('A') { 'B' } else { 'A' };
            format!("{head}{other}{}", &tail[1..])
        };
        Self {
            what: self.what,
            message: id(&self.message),
            delivery: id(&self.delivery),
            office: "court:ZZZZ01".to_owned(),
            sender: "ps:99999999".to_owned(),
            system: "police-z".to_owned(),
            event: format!("{}-made-up", self.event),
            key: format!("{}-made-up", self.key),
            case: "fir/38101004-2026-999999".to_owned(),
            sha256: icjs::seal::hex(&icjs::seal::sha256(b"bytes that nobody has")),
            cursor: turned(&self.cursor),
            page: turned(&self.page),
        }
    }

    /// Each name with the word that stands for it where two answers are compared.
    pub fn words(&self) -> [(&str, &'static str); 11] {
        [
            (&self.delivery, "<delivery>"),
            (&self.message, "<message>"),
            (&self.office, "<office>"),
            (&self.sender, "<sender>"),
            (&self.system, "<system>"),
            (&self.event, "<event>"),
            (&self.key, "<key>"),
            (&self.case, "<case>"),
            (&self.sha256, "<sha256>"),
            (&self.cursor, "<cursor>"),
            (&self.page, "<page>"),
        ]
    }
}

/// Who asks, from which office, with which key.
pub struct Asker {
    pub client: Client,
    pub office: &'static str,
    pub key: Key,
}

/// Everybody, and the things of two of them.
pub struct World {
    pub folder: Folder,
    pub gateway: Gateway,
    /// Sent everything.
    pub police: Asker,
    /// Was sent it, apart from what went to the prison.
    pub court: Asker,
    /// Of a pillar that sends, and of one that receives; they have a record of their own between them.
    pub strangers: [Asker; 2],
    /// The police's things, one in each state.
    pub things: Vec<Names>,
    /// One copy each to court and prison: what the prison was sent, by names that the court has no business with.
    pub shared: Names,
    _prison: Receiver,
}

impl World {
    pub async fn new() -> Self {
        let prison = Receiver::start(|_| Reply::status(503)).await;
        let folder = Folder::with(&[
            Party::pulling("police-a", "police", &[STATION]),
            Party::pulling("court-a", "courts", &[COURT]),
            Party::pushed("prison-a", "prisons", &[PRISON], &prison.url()),
            Party::pulling("police-b", "police", &["ps:38101099"]),
            Party::pulling("court-b", "courts", &["court:TNCH01"]),
        ]);
        let gateway = Gateway::start(&folder).await;
        let asker = async |system: &str, office| Asker {
            client: Client::connect(&folder, gateway.exchange, system).await,
            office,
            key: folder.key(system).again(),
        };
        let police = asker("police-a", STATION).await;
        let court = asker("court-a", COURT).await;
        let strangers = [asker("police-b", "ps:38101099").await, asker("court-b", "court:TNCH01").await];
        let own = paper("ps:38101099", &["court:TNCH01"], STRANGERS, "between the strangers");
        strangers[0].client.accepted("paper", "own", &own).await;
        let (things, shared) = told(&police.client, &court.client).await;
        Self { folder, gateway, police, court, strangers, things, shared, _prison: prison }
    }

    /// What no stranger's answer may hold.
    pub fn secrets(&self) -> Vec<String> {
        let of = |names: &Names| {
            [&names.message, &names.delivery, &names.event, &names.key, &names.case, &names.sha256, &names.cursor]
                .map(String::clone)
        };
        let mut secrets: Vec<String> = self.things.iter().chain([&self.shared]).flat_map(of).collect();
        secrets.push(CANARY.to_owned());
        secrets
    }
}

/// The police's things in every state that there is.
async fn told(police: &Client, court: &Client) -> (Vec<Names>, Names) {
    let mut teller = Teller { police, things: Vec::new() };
    police.call("PUT", &format!("/v1/attachments/{}", sha256()), &[], FILE).await.unwrap().expect(201);
    teller.paper("withdrawn", 77_004, &[COURT], &[]).await;
    let first = teller.paper("corrected", 77_003, &[COURT], &[]).await;
    let taken_back = teller.things[0].message.clone();
    let replaces = |id: &str, action| {
        let named = [("icjs-action", action), ("icjs-replaces", id), ("icjs-reason", "a mistake")];
        named.map(|(name, value)| (name, value.to_owned())).to_vec()
    };
    teller.paper("the correction", 77_003, &[COURT], &replaces(&first, "correct")).await;
    teller.paper("the withdrawal", 77_004, &[COURT], &replaces(&taken_back, "withdraw")).await;
    teller.paper("answered", 77_001, &[COURT], &[]).await;
    let answered = teller.things.last().unwrap().delivery.clone();
    let cursor = shown(court, &answered).await;
    let said = json!([{"id": answered, "outcome": "accepted", "reference": {"scheme": "sr", "value": "SR 12/2026"}}]);
    court.answer(said).await.unwrap().expect(200);
    let outcome = police.feed("kind=outcome&wait=20").await.unwrap().expect(200).json()["items"][0].clone();
    let text = |name: &str| outcome[name].as_str().unwrap().to_owned();
    let (message, delivery) = (text("icjsmessage"), text("id"));
    // An outcome has neither key nor number of its own.
    let (event, key) = ("EV-of-none".to_owned(), "key-of-none".to_owned());
    let answer = Names { what: "an outcome", message, delivery, event, key, ..teller.things.last().unwrap().clone() };
    teller.things.push(answer);
    teller.paper("waiting in a feed", 77_002, &[COURT], &[]).await;
    teller.paper("without an office", 77_005, &["court:NONE01"], &[]).await;
    teller.order("pushed and refused", 77_006, &[PRISON]).await;
    teller.order("to a court and a prison", 77_007, &[COURT, PRISON]).await;
    let mut things = teller.things;
    let page = second_page(police).await;
    for thing in &mut things {
        (thing.cursor, thing.page) = (cursor.clone(), page.clone());
    }
    let both = things.last().unwrap().clone();
    let second = format!("{}2", &both.delivery[..both.delivery.len() - 1]);
    let shared = Names { what: "the prison's copy", delivery: second, office: PRISON.to_owned(), ..both };
    (things, shared)
}

/// Reads the feed until it shows a delivery; gives back the cursor behind it.
async fn shown(court: &Client, delivery: &str) -> String {
    for _ in 0..400 {
        let page = court.feed("wait=1").await.unwrap().expect(200).json();
        if page["items"].as_array().unwrap().iter().any(|item| item["id"] == delivery) {
            return page["next"].as_str().unwrap().to_owned();
        }
    }
    panic!("{delivery} never came to the feed");
}

/// The police's messages are more than one page shows.
async fn second_page(police: &Client) -> String {
    let line = |case: u32| {
        let headers = json!({"idempotency-key": format!("page-{case}")});
        format!("{}\n", json!({"kind": "paper", "headers": headers, "body": paper(STATION, &[COURT], case, CANARY)}))
    };
    let batch: String = (78_000..78_100).map(line).collect();
    let headers = [("content-type", "application/x-ndjson")];
    police.call("POST", "/v1/batches", &headers, batch.as_bytes()).await.unwrap().expect(200);
    let page = police.get("/v1/messages").await.unwrap().expect(200).json();
    page["next"].as_str().unwrap_or_else(|| panic!("one page only: {page}")).to_owned()
}

fn sha256() -> String {
    icjs::seal::hex(&icjs::seal::sha256(FILE))
}

struct Teller<'a> {
    police: &'a Client,
    things: Vec<Names>,
}

impl Teller<'_> {
    async fn paper(&mut self, what: &'static str, case: u32, to: &[&str], more: &[(&str, String)]) -> String {
        self.send("paper", what, paper(STATION, to, case, CANARY), more).await
    }

    async fn order(&mut self, what: &'static str, case: u32, to: &[&str]) -> String {
        self.send("order", what, order(STATION, to, case, case, "remand", CANARY), &[]).await
    }

    async fn send(&mut self, kind: &str, what: &'static str, mut record: Value, more: &[(&str, String)]) -> String {
        let number = self.things.len();
        let (event, key) = (format!("EV-{number}-of-a"), format!("key-{number}-of-a"));
        // A number in the body wins over the header's key: so half of the things are known by each.
        if number.is_multiple_of(2) {
            record["event"]["number"] = json!(event);
        }
        record["attachments"] = json!([{"sha256": sha256(), "size": FILE.len(), "media_type": "image/jpeg",
            "name": format!("{CANARY}.jpg"), "role": "photo", "sensitivity": "none"}]);
        let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = self.police.submit(kind, &key, &more, record.to_string().as_bytes()).await.unwrap();
        let answer = answer.expect(202).json();
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer:#}")).to_owned();
        let to = record["to"][0].as_str().unwrap().to_owned();
        let message = text(&answer["id"]);
        self.things.push(Names {
            what,
            message: message.clone(),
            delivery: format!("{}1", &message[..message.len() - 1]),
            office: to,
            sender: STATION.to_owned(),
            system: "police-a".to_owned(),
            event,
            key,
            case: text(&answer["cases"][0]),
            sha256: sha256(),
            cursor: String::new(),
            page: String::new(),
        });
        message
    }
}
