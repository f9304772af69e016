//! A simulated court system: it pulls its feed for its courts, files what comes, answers, sends registrations, and
//! misbehaves by chance: it stops between page and acknowledgement, comes back with an older cursor, answers twice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use super::books::{Taken, fingerprint, message_of};
use super::documents::{Case, YEAR, registration};
use super::link::{Document, Link, line, open};
use crate::shell::client::Answer;

/// One court system: its line, the cases that exist, and when to stop.
pub struct Court {
    /// Its line to the gateway.
    pub link: Arc<Link>,
    /// The docket: what the parties' papers say of each case, by station and serial.
    pub docket: Arc<HashMap<(String, u64), Case>>,
    /// The demo is over.
    pub over: Arc<AtomicBool>,
    /// Registrations made so far: numbers of S.R. and CNR come from here.
    pub registered: AtomicU32,
    /// What was made of each charge sheet, by delivery: decided once, whatever happens afterwards.
    pub judged: Mutex<HashMap<String, Judgement>>,
}

/// What the court makes of one charge sheet.
#[derive(Debug, Clone)]
pub struct Judgement {
    delivery: String,
    outcome: Value,
    register: Option<(Case, String)>,
    /// What follows from it is under way.
    acted: bool,
}

impl Court {
    /// Pulls for some of the system's offices until the demo is over.
    pub async fn pull(self: Arc<Self>, offices: &'static [&'static str], mut dice: Rng) {
        let filter: String = offices
            .iter()
            .map(|office| format!("&office={}", office.replace(':', "%3A").replace('/', "%2F")))
            .collect();
        let mut cursor: Option<String> = None;
        while !self.over.load(Ordering::Relaxed) {
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
        let whole = dice.bool();
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
        let first = open(&self.link.books).take(Taken {
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
            about: (kind == "outcome").then(|| (of("delivery"), of("outcome"))),
            body,
            kind: kind.clone(),
        });
        if first && kind == "charge-sheet" && text("icjsaction") != "withdraw" {
            let judgement = self.judge(delivery.clone(), &data, &text("icjsoffice"));
            self.judgements().insert(delivery, judgement);
        }
    }

    fn judgements(&self) -> MutexGuard<'_, HashMap<String, Judgement>> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sheet without witnesses goes back; a good one is taken on file, the first of its case is registered.
    fn judge(&self, delivery: String, sheet: &Value, office: &str) -> Judgement {
        let witnesses = sheet.get("witnesses").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if !witnesses {
            let outcome = json!({ "id": delivery, "outcome": "returned", "code": "DEFECT",
                "reason": "list of witnesses is missing (BNSS s.193(3)(i)(c))\nगवाहों की सूची संलग्न नहीं है" });
            return Judgement { delivery, outcome, register: None, acted: false };
        }
        let number = self.registered.fetch_add(1, Ordering::Relaxed) + 1;
        let reference = json!({ "scheme": "sr", "value": format!("SR/{number}/{YEAR}") });
        let outcome = json!({ "id": delivery, "outcome": "accepted", "reference": reference });
        let series = sheet.get("series").and_then(Value::as_str).unwrap_or("1");
        let station = sheet.get("police_ncode").and_then(Value::as_str).unwrap_or_default().to_owned();
        let serial = sheet.get("fir_no").and_then(Value::as_u64).unwrap_or_default();
        let case = self.docket.get(&(station, serial)).filter(|_| series == "1").cloned();
        Judgement { delivery, outcome, register: case.map(|case| (case, office.to_owned())), acted: false }
    }

    fn answer_to(&self, item: &Value) -> Value {
        let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
        let judged = self.judgements().get(id).map(|judgement| judgement.outcome.clone());
        judged.unwrap_or_else(|| json!({ "id": id, "outcome": "received" }))
    }

    /// Acknowledges until the gateway has heard it; sometimes once more.
    async fn acknowledge(&self, body: &Value, items: &[Value], whole: bool, dice: &mut Rng) {
        let document = posted(body);
        let answer = self.link.patiently("POST", "/v1/feed/ack", Some(&document)).await;
        self.heard(&answer, body);
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
            self.heard(&self.link.patiently("POST", "/v1/feed/ack", Some(&document)).await, body);
        }
    }

    fn heard(&self, answer: &Answer, body: &Value) {
        let refused = answer.json().get("refused").and_then(Value::as_array).cloned().unwrap_or_default();
        if !answer.good() || !refused.is_empty() {
            open(&self.link.books).troubles.push(format!(
                "{}: {} to an acknowledgement {body}: {}",
                self.link.system(),
                answer.status,
                super::report::one_line(&answer.json())
            ));
        }
    }

    /// What follows from the judgements: later outcomes where the page was only received, and registrations.
    fn act(self: &Arc<Self>, items: &[Value], later: bool, dice: &mut Rng) {
        for item in items {
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
            let judgement = self.judgements().get_mut(id).filter(|judgement| !judgement.acted).map(|judgement| {
                judgement.acted = true;
                judgement.clone()
            });
            let Some(judgement) = judgement else { continue };
            let court = Arc::clone(self);
            let mut dice = Rng::with_seed(dice.u64(..));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(dice.u64(5..120))).await;
                if later {
                    court.say(&judgement, &mut dice).await;
                }
                if let Some((case, office)) = &judgement.register {
                    court.register(case, office, &mut dice).await;
                }
            });
        }
    }

    /// A later outcome of one delivery.
    async fn say(&self, judgement: &Judgement, dice: &mut Rng) {
        let path = format!("/v1/messages/{}/outcomes", judgement.delivery);
        let document = posted(&judgement.outcome);
        let answer = self.link.patiently("POST", &path, Some(&document)).await;
        self.heard(&answer, &judgement.outcome);
        let word = judgement.outcome.get("outcome").and_then(Value::as_str).unwrap_or_default();
        open(&self.link.books).say(self.link.system(), &judgement.delivery, word);
        if dice.u8(..100) < 8 {
            self.misbehaved("said an outcome twice");
            self.heard(&self.link.patiently("POST", &path, Some(&document)).await, &judgement.outcome);
        }
    }

    /// Registers a case: the CNR goes back to the police.
    async fn register(&self, case: &Case, office: &str, dice: &mut Rng) {
        let number = self.registered.fetch_add(1, Ordering::Relaxed) + 1;
        let establishment = office.trim_start_matches("court:").split('/').next().unwrap_or_default();
        let cnr = format!("{establishment}{number:06}{YEAR}");
        let event = format!("CIS-{establishment}-{number}");
        let row = registration(case, &event, office, &cnr, number);
        let entry = line(self.link.system(), office, "case-registration", event, &case.name(), &case.watched());
        let place = open(&self.link.books).send(entry);
        let _ = self.link.submit(place, &posted(&row), dice).await;
    }
}

fn posted(body: &Value) -> Document {
    Document { media_type: "application/json", body: body.to_string().into(), headers: Vec::new() }
}
