//! Random acts on one gateway, drawn from a seed, with what must be true after each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use icjs::clock::{Clock, ManualClock, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::node::{Answer, COURTS, Ground, Mood, Node, PRISON, STATIONS};
use super::truth::{Root, Seen, Truth, Version};
use crate::harness::folder::{order, paper};

const CASES: u32 = 3;

/// One seed's play.
pub struct Play<'g> {
    ground: &'g Ground,
    node: Option<Node<'g>>,
    random: fastrand::Rng,
    pub truth: Truth,
    /// Pushes of earlier seeds in the prison's book.
    began: usize,
    /// A cursor of the court's from earlier.
    old: String,
    revised: usize,
    pub acts: Vec<String>,
}

impl<'g> Play<'g> {
    pub async fn of(ground: &'g Ground, seed: u64) -> Self {
        *ground.mood.lock().unwrap() = Mood::Takes;
        let clock = Arc::new(ManualClock::at(Timestamp::parse("2026-11-22T10:00:00+05:30").unwrap()));
        let data = TempDir::with_prefix("icjs-model-").unwrap();
        Self {
            ground,
            node: Some(Node::open(ground, data, clock).await),
            random: fastrand::Rng::with_seed(seed),
            truth: Truth::default(),
            began: ground.prison.count(),
            old: String::new(),
            revised: 0,
            acts: Vec::new(),
        }
    }

    fn node(&self) -> &Node<'g> {
        self.node.as_ref().unwrap()
    }

    /// So many acts, then everybody takes everything, then the truth is told.
    pub async fn run(&mut self, acts: usize) {
        for _ in 0..acts {
            self.act().await;
            if !self.random.u8(..).is_multiple_of(4) {
                self.node().work().await;
            }
            self.pushes();
        }
        self.heal().await;
        self.truth.settled();
        self.kept().await;
    }

    async fn act(&mut self) {
        match self.random.u32(0..100) {
            0..26 => self.submit().await,
            26..38 => self.correct(false).await,
            38..44 => self.correct(true).await,
            44..50 => self.again().await,
            50..53 => self.twin().await,
            53..56 => self.stale().await,
            56..70 => self.pull().await,
            70..75 => self.listen().await,
            75..81 => self.link().await,
            81..87 => {
                let moods = [Mood::Takes, Mood::Takes, Mood::Fails, Mood::HangsUp, Mood::Rejects, Mood::Busy];
                let mood = moods[self.random.usize(0..moods.len())];
                self.acts.push(format!("the prison {mood:?}"));
                *self.ground.mood.lock().unwrap() = mood;
            }
            87..93 => self.time(),
            93..96 => {
                self.acts.push("kill".to_owned());
                let node = self.node.take().unwrap().killed().await;
                self.node = Some(node);
            }
            96..98 if self.revised < 2 => {
                self.acts.push("revise".to_owned());
                self.revised += 1;
                self.node().revise().await;
            }
            _ => self.strangers().await,
        }
    }

    fn time(&mut self) {
        let steps = [1, 50, 1_000, 61_000, 3_600_000, 86_400_000, 4 * 86_400_000, -3_600_000, -50];
        let step: i64 = steps[self.random.usize(0..steps.len())];
        let clock = &self.node().clock;
        clock.set(Timestamp::from_millis(clock.now().millis() + step));
        self.acts.push(format!("time moves by {step} ms"));
    }

    fn offices(&mut self) -> BTreeSet<String> {
        let all = [COURTS[0], COURTS[1], PRISON];
        all.into_iter().filter(|_| self.random.bool()).map(str::to_owned).collect()
    }

    fn record(&mut self, kind: &str, office: &str, case: u32, to: &BTreeSet<String>, note: &str) -> String {
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        let mut record = match kind {
            "order" => order(office, &to, case, case, "release", note),
            _ => paper(office, &to, case, note),
        };
        record["filler"] = json!(format!("F{}", "x".repeat(self.random.usize(0..300))));
        record.to_string()
    }

    async fn send(&mut self, kind: &str, key: &str, headers: &[(String, String)], body: &str) -> Answer {
        let mut all = vec![("content-type", "application/json"), ("idempotency-key", key)];
        all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.node().call("police", "POST", &format!("/v1/records/{kind}"), &all, body).await
    }

    async fn submit(&mut self) {
        let kind = if self.random.u8(..) < 70 { "order" } else { "paper" };
        let (office, case) = (STATIONS[self.random.usize(0..2)].to_owned(), self.random.u32(1..=CASES));
        let mut to = self.offices();
        if kind == "order" && to.is_empty() {
            to.insert(PRISON.to_owned());
        }
        let number = self.truth.roots.len();
        let (key, note) = (format!("k{number}"), format!("n{number}.0"));
        let body = self.record(kind, &office, case, &to, &note);
        let answer = self.send(kind, &key, &[], &body).await;
        self.acts.push(format!("{key}: {kind} of case {case} to {to:?}: {}", answer.status));
        self.truth.is(answer.status == 202, || format!("{key} was refused: {answer:?}"));
        let answer = answer.json();
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        let version = Version { id, key, body, headers: Vec::new(), answer, to, note };
        self.truth.roots.push(Root { kind, case, office, versions: vec![version], withdrawn: false });
    }

    fn some_root(&mut self, alive: bool) -> Option<usize> {
        let fit = |root: &Root| !alive || !root.withdrawn;
        let all: Vec<usize> = (0..self.truth.roots.len()).filter(|nth| fit(&self.truth.roots[*nth])).collect();
        (!all.is_empty()).then(|| all[self.random.usize(0..all.len())])
    }

    async fn correct(&mut self, withdraw: bool) {
        let Some(nth) = self.some_root(true) else { return };
        let root = self.truth.roots[nth].clone();
        let mut to = self.offices();
        if to.is_empty() {
            to.insert(COURTS[1].to_owned());
        }
        let number = root.versions.len();
        let (key, note) = (format!("{}-{number}", root.versions[0].key), format!("n{nth}.{number}"));
        let action = if withdraw { "withdraw" } else { "correct" };
        let body = if withdraw { String::new() } else { self.record(root.kind, &root.office, root.case, &to, &note) };
        let headers = [("icjs-action", action), ("icjs-replaces", &root.newest().id), ("icjs-reason", "a test")];
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = self.send(root.kind, &key, &headers, &body).await;
        self.acts.push(format!("{key}: {action} of k{nth} to {to:?}: {} {}", answer.status, answer.text));
        self.truth.is(answer.status == 202, || format!("{key} was refused: {answer:?}"));
        let answer = answer.json();
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        let to = if withdraw { root.newest().to.clone() } else { to };
        self.truth.roots[nth].withdrawn = withdraw;
        self.truth.roots[nth].versions.push(Version { id, key, body, headers, answer, to, note });
    }

    /// The same again: the stored answer, whatever has become of the record meanwhile.
    async fn again(&mut self) {
        let Some(nth) = self.some_root(false) else { return };
        let root = self.truth.roots[nth].clone();
        let version = root.versions[self.random.usize(0..root.versions.len())].clone();
        let answer = self.send(root.kind, &version.key, &version.headers, &version.body).await;
        self.acts.push(format!("{} again: {}", version.key, answer.status));
        let same = answer.status == 202 && answer.json() == version.answer;
        self.truth.is(same, || format!("{} again got {answer:?}, not {}", version.key, version.answer));
    }

    /// A used key with other bytes.
    async fn twin(&mut self) {
        let Some(nth) = self.some_root(false) else { return };
        let root = self.truth.roots[nth].clone();
        let body = self.record(root.kind, &root.office, root.case, &root.versions[0].to, "another");
        let answer = self.send(root.kind, &root.versions[0].key, &[], &body).await;
        let right = answer.status == 422 && answer.json()["code"] == "idempotency-key-reused";
        self.truth.is(right, || format!("other bytes under {} got {answer:?}", root.versions[0].key));
    }

    /// A correction of a version that is no longer the newest, or of what was withdrawn.
    async fn stale(&mut self) {
        let stale = |root: &&Root| root.versions.len() > 1;
        let Some(root) = self.truth.roots.iter().find(stale).cloned() else { return };
        let to = self.offices();
        let body = self.record(root.kind, &root.office, root.case, &to, "too late");
        let headers = [("icjs-action", "correct"), ("icjs-replaces", &root.versions[0].id), ("icjs-reason", "a test")];
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = self.send(root.kind, "stale", &headers, &body).await;
        let right = answer.status == 409 && answer.json()["code"] == "record-changed";
        self.truth.is(right, || format!("a correction of an old version got {answer:?}"));
    }

    /// The court reads a page, and perhaps says so: what is not acknowledged comes again.
    async fn pull(&mut self) {
        let limit = self.random.u32(1..8);
        let old = if self.random.u8(..) < 40 { self.old.clone() } else { String::new() };
        let after = if old.is_empty() { String::new() } else { format!("&after={old}") };
        let page = self.node().call("court", "GET", &format!("/v1/feed?limit={limit}{after}"), &[], "").await;
        self.truth.is(page.status == 200, || format!("a page was refused: {page:?}"));
        let page = page.json();
        let items = self.read(&page);
        self.acts
            .push(format!("the court reads {items:?}, after `{}`", if old.is_empty() { "" } else { "an old cursor" }));
        if self.old.is_empty() || self.random.u8(..) < 60 {
            page["next"].as_str().unwrap_or_default().clone_into(&mut self.old);
        }
        match self.random.u32(0..10) {
            0..5 => {
                let upto = page["upto"].as_str().or(page["next"].as_str()).unwrap_or_default();
                let body = json!({"offices": [], "kinds": [], "upto": upto}).to_string();
                let answer = self.ack("court", &body).await;
                self.acts.push(format!("and acknowledges it: {}", answer["settled"]));
            }
            5..7 if !items.is_empty() => self.say(&items[0].clone(), "accepted").await,
            7 if !items.is_empty() => self.say(&items[0].clone(), "rejected").await,
            _ => {}
        }
    }

    async fn ack(&self, system: &str, body: &str) -> Value {
        let headers = [("content-type", "application/json")];
        self.node().call(system, "POST", "/v1/feed/ack", &headers, body).await.json()
    }

    async fn say(&mut self, delivery: &str, word: &str) {
        let body = json!({"outcomes": [{"id": delivery, "outcome": word, "reason": "a test"}]}).to_string();
        let answer = self.ack("court", &body).await;
        self.acts.push(format!("the court says {word} of {delivery}: {answer}"));
        if answer["settled"] == 1 || answer["added"] == 1 {
            self.truth.said.insert((delivery.to_owned(), word.to_owned()));
        }
    }

    fn read(&mut self, page: &Value) -> Vec<String> {
        let wide = self.node().is_wide();
        let mut ids = Vec::new();
        for item in page["items"].as_array().into_iter().flatten() {
            let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let filler = item["data"].get("filler").is_some();
            self.truth.is(wide || !filler, || format!("{} shows what the newest rule withholds", item["id"]));
            // What a page says besides the bytes may change: who overtook it, which files are there.
            let body = item["data"].to_string();
            let note = item["data"]["note"].as_str().unwrap_or_default().to_owned();
            ids.push(text("id"));
            let seen = Seen {
                office: text("icjsoffice"),
                delivery: text("id"),
                message: text("icjsmessage"),
                action: text("icjsaction"),
                replaces: text("icjsreplaces"),
                note,
            };
            self.truth.sees(seen, &body);
        }
        ids
    }

    /// The sender reads what became of its records.
    async fn listen(&mut self) {
        let page = self.node().call("police", "GET", "/v1/feed?limit=100&kind=outcome", &[], "").await.json();
        for item in page["items"].as_array().into_iter().flatten() {
            let (about, word) = (item["icjsabout"].as_str(), item["data"]["outcome"].as_str());
            let what = (about.unwrap_or_default().to_owned(), word.unwrap_or_default().to_owned());
            self.truth.heard.insert(item["id"].as_str().unwrap_or_default().to_owned(), what);
        }
        if self.random.bool() {
            let upto = page["upto"].as_str().or(page["next"].as_str()).unwrap_or_default();
            self.ack("police", &json!({"offices": [], "kinds": ["outcome"], "upto": upto}).to_string()).await;
        }
    }

    /// What the prison got since the last look.
    fn pushes(&mut self) {
        let new = self.ground.prison.seen_since(self.began);
        self.began += new.len();
        for push in new {
            let text = |name: &str| push.header(name).unwrap_or_default().to_owned();
            let (same, about) = (text("ce-id") == push.id(), push.id());
            self.truth.is(same, || format!("{about} has another `ce-id`"));
            let body = String::from_utf8_lossy(&push.body).into_owned();
            let seen = Seen {
                office: text("ce-icjsoffice"),
                delivery: push.id(),
                message: text("ce-icjsmessage"),
                action: text("ce-icjsaction"),
                replaces: text("ce-icjsreplaces"),
                note: push.json()["note"].as_str().unwrap_or_default().to_owned(),
            };
            self.truth.sees(seen, &body);
        }
    }

    async fn link(&mut self) {
        let case = self.random.u32(1..=CASES);
        let joined = self.truth.joined.contains_key(&case) && !self.truth.parted.contains(&case);
        let end = joined && self.random.bool();
        let body = json!({"link": "same", "from": format!("fir/38101004-2026-{case}"),
            "to": format!("cnr/DLCT01{case:06}2026"), "by": "a person", "reason": "a test"});
        let target = if end { "/admin/v1/links/end" } else { "/admin/v1/links" };
        if !end && self.truth.parted.contains(&case) {
            return;
        }
        let answer = self.node().admin("POST", target, &body).await;
        self.acts.push(format!("case {case}: {target}: {}", answer.status));
        self.truth.is(answer.status == 200, || format!("case {case}: {target}: {answer:?}"));
        self.truth.joined.insert(case, true);
        if end {
            self.truth.parted.insert(case);
        }
    }

    /// Somebody who has nothing to do with it knows every id.
    async fn strangers(&mut self) {
        let Some(nth) = self.some_root(false) else { return };
        let id = self.truth.roots[nth].versions[0].id.clone();
        let answer = self.node().call("stranger", "GET", &format!("/v1/messages/{id}"), &[], "").await;
        self.truth.is(answer.status == 404, || format!("a stranger was told of {id}: {answer:?}"));
        let feed = self.node().call("stranger", "GET", "/v1/feed", &[], "").await.json();
        self.truth.is(feed["items"] == json!([]), || format!("a stranger got {feed}"));
        let body = json!({"outcomes": [{"id": format!("{id}-1"), "outcome": "rejected", "code": "x"}]}).to_string();
        let said = self.ack("stranger", &body).await;
        self.truth.is(said["settled"] == 0 && said["refused"][0]["code"] == "not-found", || {
            format!("a stranger said {said}")
        });
    }

    /// Everybody is well again, a person tries again what was parked, and time passes.
    async fn heal(&mut self) {
        self.acts.push("all is well".to_owned());
        *self.ground.mood.lock().unwrap() = Mood::Takes;
        if !self.node().is_wide() {
            self.node().revise().await;
        }
        for _ in 0..12 {
            self.node().clock.advance(Duration::from_secs(2 * 3600));
            self.node().work().await;
            for row in self.parked().await {
                let (id, by) = (row["id"].as_str().unwrap().to_owned(), json!({"by": "a person", "reason": "a test"}));
                self.node().admin("POST", &format!("/admin/v1/deliveries/{id}/retry"), &by).await;
            }
            self.pushes();
            loop {
                let page = self.node().call("court", "GET", "/v1/feed?limit=50", &[], "").await.json();
                if self.read(&page).is_empty() {
                    break;
                }
                let upto = page["upto"].as_str().or(page["next"].as_str()).unwrap_or_default();
                self.ack("court", &json!({"offices": [], "kinds": [], "upto": upto}).to_string()).await;
            }
            self.listen().await;
        }
    }

    async fn parked(&self) -> Vec<Value> {
        let listed = self.node().admin("GET", "/admin/v1/deliveries?state=parked&limit=500", &Value::Null).await.json();
        let rows = listed["deliveries"].as_array().cloned().unwrap_or_default();
        rows.into_iter().filter(|row| row["office"].is_string()).collect()
    }

    /// Every version that was accepted is there, with its answer, and what is not settled says why.
    async fn kept(&mut self) {
        for version in self.truth.roots.clone().into_iter().flat_map(|root| root.versions) {
            let answer = self.node().call("police", "GET", &format!("/v1/messages/{}", version.id), &[], "").await;
            self.truth.is(answer.status == 200, || format!("{} is lost: {answer:?}", version.id));
            for delivery in answer.json()["deliveries"].as_array().into_iter().flatten() {
                let state = delivery["state"].as_str().unwrap_or_default();
                let waits = delivery["office"].is_null() && state == "parked";
                let ended = ["delivered", "rejected", "recalled", "superseded"].contains(&state);
                self.truth.is(waits || ended, || format!("at the end {delivery} is {state}"));
            }
        }
    }
}
