//! The receiving half of a simulated system that pulls (courts, laboratories, the prosecution, an agency, a Board): it pulls its feed
//! for its offices, files what comes, answers as its mind says, and misbehaves by chance: it stops between page and
//! acknowledgement, comes back with an older cursor, answers twice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use super::books::{Taken, fingerprint, message_of};
use super::link::{Document, Link, open};
use super::mind::{Mind, Word};

/// One such system: its line, its mind, and when to stop.
pub struct Puller {
    /// Its line to the gateway.
    pub link: Arc<Link>,
    /// What it makes of what comes.
    pub mind: Arc<dyn Mind>,
    /// What its mind says is the first that it says, as a script has it. Else now and then a page is received first.
    pub to_the_letter: bool,
    /// Its door: while it is shut, nothing is pulled.
    pub door: Arc<RwLock<()>>,
    /// The demo is over.
    pub over: Arc<AtomicBool>,
    /// What was made of each delivery: decided once, whatever happens afterwards.
    pub judged: Mutex<HashMap<String, Judgement>>,
}

/// What the system makes of one delivery.
#[derive(Debug, Clone)]
pub struct Judgement {
    word: Word,
    taken: Taken,
    /// What follows from it is under way.
    acted: bool,
}

impl Puller {
    /// Pulls for some of the system's offices until the demo is over.
    pub async fn pull(self: Arc<Self>, offices: &'static [&'static str], mut dice: Rng) {
        let filter: String = offices
            .iter()
            .map(|office| format!("&office={}", office.replace(':', "%3A").replace('/', "%2F")))
            .collect();
        let mut cursor: Option<String> = None;
        while !self.over.load(Ordering::Relaxed) {
            let _open = self.door.read().await;
            let after = cursor.as_ref().map(|cursor| format!("&after={cursor}")).unwrap_or_default();
            let path = format!("/v1/feed?limit={}&wait=1{filter}{after}", dice.u8(3..60));
            let page = match self.link.once("GET", &path, None, Some(Duration::from_secs(4))).await {
                Ok(answer) if answer.good() => answer.json(),
                _ => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            cursor = self.page(&page, offices, cursor, &mut dice).await;
        }
    }

    /// Files a page and acknowledges it; where to read on is the answer.
    async fn page(
        self: &Arc<Self>,
        page: &Value,
        offices: &[&str],
        before: Option<String>,
        dice: &mut Rng,
    ) -> Option<String> {
        let items = page.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if items.is_empty() {
            // Nothing above the cursor: look from the oldest unsettled again, in case something was left behind.
            return None;
        }
        let chance = dice.u8(..100);
        if chance < 4 {
            self.misbehaved("stopped before filing a page");
            return before;
        }
        items.iter().for_each(|item| self.file(item));
        if chance < 9 {
            self.misbehaved("stopped between page and acknowledgement");
            return None;
        }
        let whole = dice.bool() && !self.must_say(items);
        let body = if whole {
            json!({ "offices": offices, "kinds": [], "upto": next })
        } else {
            json!({ "outcomes": items.iter().map(|item| self.answer_to(item)).collect::<Vec<_>>() })
        };
        self.acknowledge(&body, items, whole, dice).await;
        self.act(items, whole, dice);
        match dice.u8(..10) {
            0 => {
                self.misbehaved("came back with an older cursor");
                before
            }
            1..5 => next,
            _ => None,
        }
    }

    /// Some answer of this page must be the first that is said: a page that is only received would settle it as such.
    fn must_say(&self, items: &[Value]) -> bool {
        let judgements = self.judgements();
        let of = |item: &Value| judgements.get(item.get("id").and_then(Value::as_str).unwrap_or_default());
        self.to_the_letter && items.iter().filter_map(of).any(|judgement| judgement.word != Word::received())
    }

    fn misbehaved(&self, what: &'static str) {
        open(&self.link.books).misbehaved(what);
    }

    /// Into the books; the first time, the judge looks at it.
    fn file(&self, item: &Value) {
        let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let data = item.get("data").cloned().unwrap_or(Value::Null);
        let body = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
        let kind = text("type").trim_start_matches("in.icjs.").trim_end_matches(".v1").to_owned();
        let of = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let delivery = text("id");
        let named = item.get("icjsafter").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let taken = Taken {
            system: self.link.system().to_owned(),
            office: text("icjsoffice"),
            action: text("icjsaction"),
            message: message_of(&delivery),
            delivery: delivery.clone(),
            order: 0,
            at: Instant::now(),
            arrivals: 1,
            digest: fingerprint(body.as_bytes()),
            changed: false,
            passed: named.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            withheld: item.get("icjswithheld").and_then(Value::as_array).is_some_and(|list| !list.is_empty()),
            about: (kind == "outcome").then(|| (of("delivery"), of("outcome"))),
            body,
            kind,
        };
        let first = open(&self.link.books).take(taken.clone());
        if first && taken.about.is_none() {
            let judgement = Judgement { word: self.mind.first_word(&taken), taken, acted: false };
            self.judgements().insert(delivery, judgement);
        }
    }

    fn judgements(&self) -> MutexGuard<'_, HashMap<String, Judgement>> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer_to(&self, item: &Value) -> Value {
        let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
        let judged = self.judgements().get(id).map(|judgement| judgement.word.document(id));
        judged.unwrap_or_else(|| Word::received().document(id))
    }

    /// Acknowledges until the gateway has heard it; sometimes once more.
    async fn acknowledge(&self, body: &Value, items: &[Value], whole: bool, dice: &mut Rng) {
        let document = Document::json(body);
        let answer = self.link.patiently("POST", "/v1/feed/ack", Some(&document)).await;
        self.link.heard(&answer, body);
        {
            let mut books = open(&self.link.books);
            let outcomes = body.get("outcomes").and_then(Value::as_array);
            for (place, item) in items.iter().enumerate() {
                let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
                let word = outcomes.and_then(|list| list.get(place)?.get("outcome")?.as_str()).unwrap_or("received");
                if !whole || books.last_said(id).is_none() {
                    books.say(self.link.system(), id, word);
                }
            }
        }
        if dice.u8(..100) < 8 {
            self.misbehaved("acknowledged twice");
            self.link.heard(&self.link.patiently("POST", "/v1/feed/ack", Some(&document)).await, body);
        }
    }

    /// What follows from the judgements: the word itself where the page was only received, then what the mind does.
    fn act(self: &Arc<Self>, items: &[Value], later: bool, dice: &mut Rng) {
        for item in items {
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
            let judgement = self.judgements().get_mut(id).filter(|judgement| !judgement.acted).map(|judgement| {
                judgement.acted = true;
                judgement.clone()
            });
            let Some(Judgement { word, taken, .. }) = judgement else { continue };
            let own = Arc::clone(self);
            let mut dice = Rng::with_seed(dice.u64(..));
            let under_way = open(&self.link.books).begin();
            tokio::spawn(async move {
                if later && word != Word::received() {
                    tokio::time::sleep(Duration::from_millis(dice.u64(5..120))).await;
                    own.link.say(&taken.delivery, &word, &mut dice).await;
                }
                Arc::clone(&own.mind).act(taken);
                drop(under_way);
            });
        }
    }
}
