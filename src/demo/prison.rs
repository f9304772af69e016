//! A simulated prison system: one system for several prisons, pushed to, answering in JSON. In the ordinary demo a jailer
//! carries out what comes: he admits on a remand, takes fingerprints or sends the prisoner on, produces him, says what keeps
//! a person in, and releases; he answers each order by an outcome and tells courts and police by custody updates.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::books::Taken;
use super::desk::Manner;
use super::documents::prints::{Heading, search};
use super::documents::prison::{Prisoner, acknowledgement, process_report, update};
use super::documents::{Head, Numbers, merged};
use super::errand::Errand;
use super::link::{Document, Phone, SharedBooks, line, open};
use super::mind::{Mind, Word};
use super::people::Person;
use super::world::{STATIONS, other_prison};

/// How prison systems answer a push.
pub const MANNER: Manner =
    Manner { media_type: "application/json", answer, busy: |number| acknowledgement("BUSY", number) };

fn answer(word: &Word, number: &str) -> String {
    let status = match word.outcome {
        "executed" => "EXECUTED",
        "not-executed" => "NOT_EXECUTED",
        "rejected" => "REJECTED",
        "wrong-addressee" => "NOT_IN_THIS_JAIL",
        _ => "RECEIVED",
    };
    let mut said = json!({ "status": status, "ackNo": number });
    if let (Some(fields), Some(reason)) = (said.as_object_mut(), &word.reason) {
        fields.insert("reason".to_owned(), Value::from(reason.as_str()));
    }
    if let (Some(fields), Some(("office", office))) =
        (said.as_object_mut(), word.reference.as_ref().map(|(scheme, value)| (*scheme, value)))
    {
        fields.insert("office".to_owned(), Value::from(office.as_str()));
    }
    said.to_string()
}

/// The jailer of the ordinary demo.
pub struct Jailer {
    books: SharedBooks,
    phone: Phone,
    /// Who is in: the prison's number by case and name.
    register: Mutex<HashMap<String, Prisoner>>,
    /// Numbers of prisoners and events given so far.
    given: AtomicU32,
    dice: Mutex<Rng>,
}

/// An order as the jailer reads it.
struct Order {
    delivery: String,
    kind: String,
    prison: String,
    /// What the order says of the case: the members that a custody update repeats.
    case: Value,
    /// The case in the demo's words.
    name: String,
    /// Its numbers, and the serial number of its FIR.
    numbers: Numbers,
    serial: u32,
    /// The number of the process that is to be served, if it is one.
    process: String,
    person: Person,
}

impl Jailer {
    /// A jailer with empty cells.
    pub fn new(books: SharedBooks, phone: Phone, seed: u64) -> Self {
        Self {
            books,
            phone,
            register: Mutex::default(),
            given: AtomicU32::new(0),
            dice: Mutex::new(Rng::with_seed(seed)),
        }
    }

    fn dice(&self) -> Rng {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        Rng::with_seed(dice.u64(..))
    }

    async fn carry_out(&self, order: Order, mut dice: Rng) {
        tokio::time::sleep(Duration::from_millis(dice.u64(5..80))).await;
        let word = Word::new("executed");
        match order.kind.as_str() {
            "REMAND_JUDICIAL" => {
                self.say(&order, &word, &mut dice).await;
                let admitted = json!({ "admission": { "from": "COURT", "throughIcjs": true, "warrantSeen": true } });
                self.tell(&order, "ADMISSION", "UNDER_INVESTIGATION", admitted, &mut dice).await;
                match Errand::numbered(order.serial) {
                    Errand::Prints => self.prints(&order, &mut dice).await,
                    Errand::Transfer => self.transfer(order, &mut dice).await,
                    _ => {}
                }
            }
            _ if !order.process.is_empty() => {
                self.say(&order, &word, &mut dice).await;
                self.served(&order, &mut dice).await;
            }
            "BAIL_GRANTED" => {
                let received =
                    json!({ "ordersReceived": [{ "orderType": "BAIL_GRANTED", "how": "ICJS", "verified": true }] });
                self.tell(&order, "BAIL_ORDER_RECEIVED", "BAIL_GRANTED", received, &mut dice).await;
            }
            "RELEASE_ORDER" => self.release(&order, word, &mut dice).await,
            _ => {}
        }
    }

    async fn release(&self, order: &Order, word: Word, dice: &mut Rng) {
        let mut word = word;
        if dice.u8(..100) < 30 {
            let why = Word::new("not-executed").because("surety", "ज़मानतदार का सत्यापन शेष / surety not verified yet");
            self.say(order, &why, dice).await;
            let blocked = json!({ "releaseBlocks": [{ "blockReason": "SURETY", "suretiesLacking": 1 }] });
            self.tell(order, "RELEASE_BLOCKED", "BAIL_GRANTED", blocked, dice).await;
            word = word.correcting();
        }
        self.say(order, &word, dice).await;
        let released = json!({ "release": { "releaseType": "BAIL", "stationTold": true } });
        self.tell(order, "RELEASE", "BAILED", released, dice).await;
    }

    /// Who comes in gives prints.
    async fn prints(&self, order: &Order, dice: &mut Rng) {
        let Some(link) = self.phone.get() else { return };
        let number = format!("{}-2026-{:06}", order.prison, self.given.fetch_add(1, Ordering::Relaxed) + 1);
        let prisoner = self.prisoner(order, 0);
        let heading = Heading { kind: "TPIS", number: &number, answers: None, origin: &order.prison, to: "NAFIS0000" };
        let held = Some((order.prison.as_str(), prisoner.number.as_str()));
        let office = format!("prison:{}", order.prison);
        let document = Document::prints(&office, search(&heading, &order.numbers, Some(&order.person), held));
        let entry = line(link.system(), &office, "fingerprint-search", number, &order.name, &order.person.name);
        // Refusals stand in the books.
        let _ = link.send(entry, &document, dice).await;
    }

    /// The prisoner is moved, and arrives under another number.
    async fn transfer(&self, order: Order, dice: &mut Rng) {
        let to = other_prison(&order.prison);
        let ids = json!({ "from": format!("prison:{}", order.prison), "to": to, "transferReason": "OVERCROWDING" });
        let out = json!({ "sendTo": [to], "transfer": merged(ids.clone(), json!({ "warrantsSent": 1 })) });
        self.tell(&order, "TRANSFER_OUT", "UNDER_INVESTIGATION", out, dice).await;
        let there = Order { prison: to.trim_start_matches("prison:").to_owned(), ..order };
        let arrived = json!({ "transfer": ids });
        self.tell(&there, "TRANSFER_IN", "UNDER_INVESTIGATION", arrived, dice).await;
    }

    /// A process that was carried out in the prison.
    async fn served(&self, order: &Order, dice: &mut Rng) {
        let Some(link) = self.phone.get() else { return };
        let event = format!("{}-PR-{:06}", order.prison, self.given.fetch_add(1, Ordering::Relaxed) + 1);
        let document = Document::json(&process_report(&Head::live(&event), &order.prison, &order.process, "EXECUTED"));
        let office = format!("prison:{}", order.prison);
        let entry = line(link.system(), &office, "process-report", event, &order.process, "");
        // Refusals stand in the books.
        let _ = link.send(entry, &document, dice).await;
    }

    async fn say(&self, order: &Order, word: &Word, dice: &mut Rng) {
        if let Some(link) = self.phone.get() {
            link.say(&order.delivery, word, dice).await;
        }
    }

    /// Tells courts and police what happened to the person of the order.
    async fn tell(&self, order: &Order, event: &str, status: &str, more: Value, dice: &mut Rng) {
        let Some(link) = self.phone.get() else { return };
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let prisoner = self.prisoner(order, number);
        let event_no = format!("{}-2026-EV-{number:06}", order.prison);
        let mut case = order.case.clone();
        if let Some(fields) = case.as_object_mut() {
            fields.insert("caseStatus".to_owned(), Value::from(status));
        }
        let body = update(&Head::live(&event_no), event, &prisoner, vec![case], more);
        let office = format!("prison:{}", order.prison);
        let entry =
            line(link.system(), &office, "custody-update", event_no.clone(), &order.name, &prisoner.person.name);
        let place = open(&self.books).send(entry);
        let _ = link.submit(place, &Document::json(&body), dice).await;
    }

    /// The person of an order as the register has him: entered at the first order that names him.
    fn prisoner(&self, order: &Order, number: u32) -> Prisoner {
        let mut register = self.register.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = register.entry(format!("{} {} {}", order.prison, order.name, order.person.name));
        let fresh = || Prisoner {
            person: order.person.clone(),
            prison: order.prison.clone(),
            number: format!("2026/{number:05}"),
        };
        entry.or_insert_with(fresh).clone()
    }
}

impl Mind for Jailer {
    fn first_word(&self, _taken: &Taken) -> Word {
        Word::received()
    }

    fn act(self: Arc<Self>, taken: Taken) {
        let Some(order) = read(&taken).filter(|_| taken.kind == "court-order") else { return };
        let dice = self.dice();
        let work = open(&self.books).begin();
        tokio::spawn(async move {
            self.carry_out(order, dice).await;
            drop(work);
        });
    }
}

/// Reads an order; `None` where it concerns nobody.
fn read(taken: &Taken) -> Option<Order> {
    let body: Value = serde_json::from_str(&taken.body).ok()?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let first = body.get("persons")?.get(0)?;
    let mut case = serde_json::Map::new();
    for name in ["firPsCode", "firYear", "firNo", "cnrNo"] {
        if let Some(value) = body.get(name) {
            case.insert(name.to_owned(), value.clone());
        }
    }
    let number = |name: &str| body.get(name).map(Value::to_string).unwrap_or_default();
    let serial =
        body.get("firNo").and_then(Value::as_u64).and_then(|serial| u32::try_from(serial).ok()).unwrap_or_default();
    let station = STATIONS.iter().find(|station| station.code == text(&body, "firPsCode"));
    Some(Order {
        delivery: taken.delivery.clone(),
        kind: text(&body, "orderType"),
        prison: taken.office.trim_start_matches("prison:").to_owned(),
        name: format!("fir/{}-{}-{}", text(&body, "firPsCode"), number("firYear"), number("firNo")),
        case: Value::Object(case),
        numbers: Numbers { fir: station.map(|station| (station.code, serial)), ..Numbers::default() },
        serial,
        process: first.get("warrant").map(|warrant| text(warrant, "process")).unwrap_or_default(),
        person: Person {
            name: text(first, "name"),
            latin: text(first, "nameEnglish"),
            father: text(first, "relativeName"),
            woman: text(first, "sex") == "FEMALE",
            age: first.get("age").and_then(Value::as_u64).and_then(|age| u8::try_from(age).ok()).unwrap_or(30),
        },
    })
}
