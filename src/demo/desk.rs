//! The receiving half of a simulated system that is pushed to: an HTTP server that takes deliveries into its books, answers
//! in the system's own format, and misbehaves by chance. It acts on a delivery once, however often it comes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::RwLock;

use super::books::{Taken, fingerprint, message_of};
use super::inbox::{Arrival, Reception, Reply, open as listen};
use super::link::{SharedBooks, open};
use super::mind::{Mind, Word};

/// How one kind of system answers a push.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Media type of its answers.
    pub media_type: &'static str,
    /// The body of its answer: the word, and its own number for the delivery.
    pub answer: fn(&Word, &str) -> String,
    /// The body that says to come again.
    pub busy: fn(&str) -> String,
}

/// An inbox.
pub struct Desk {
    /// The system's name.
    pub system: &'static str,
    /// Where it writes down what comes.
    pub books: SharedBooks,
    /// How it answers.
    pub manner: Manner,
    /// What it makes of what comes.
    pub mind: Arc<dyn Mind>,
    /// Its door: while it is shut, nothing is taken.
    pub door: Arc<RwLock<()>>,
    /// Chance.
    pub dice: Mutex<Rng>,
}

impl Desk {
    /// Opens the inbox; its URL is the answer.
    pub async fn open(self) -> std::io::Result<String> {
        let desk = Arc::new(self);
        let reception: Reception = Arc::new(move |arrival| {
            let desk = Arc::clone(&desk);
            Box::pin(async move { desk.take(arrival).await })
        });
        Ok(format!("{}/inbox", listen(reception).await?))
    }

    fn roll(&self) -> (u8, u64) {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        (dice.u8(..100), dice.u64(20..180))
    }

    fn misbehave(&self, what: &'static str) {
        open(&self.books).misbehaved(what);
    }

    async fn take(&self, arrival: Arrival) -> Reply {
        let Ok(_open) = self.door.try_read() else {
            self.misbehave("503, out of service");
            return Reply::Answer(503, "text/plain", "out of service".to_owned());
        };
        let (chance, pause) = self.roll();
        if chance < 4 {
            self.misbehave("500 before taking it");
            return Reply::Answer(500, "text/plain", "the database is away".to_owned());
        }
        if chance < 8 {
            self.misbehave("slow answer");
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let (word, number) = self.write_down(&arrival);
        let Manner { media_type, answer, busy } = self.manner;
        match chance {
            8..11 => {
                self.misbehave("500 after taking it");
                Reply::Answer(500, "text/plain", "the printer is away".to_owned())
            }
            11..14 => {
                self.misbehave("took it and hung up");
                Reply::Silence
            }
            14 => {
                self.misbehave("took it and never answered");
                tokio::time::sleep(Duration::from_secs(2)).await;
                Reply::Silence
            }
            15..17 => {
                self.misbehave("said busy after taking it");
                Reply::Answer(503, media_type, busy(&number))
            }
            _ => Reply::Answer(200, media_type, answer(&word, &number)),
        }
    }

    /// Into the books; the word that answers it and the system's own number for it are the answer.
    fn write_down(&self, arrival: &Arrival) -> (Word, String) {
        let delivery = arrival.header("ce-id").to_owned();
        let body = String::from_utf8_lossy(&arrival.body).into_owned();
        let kind = arrival.header("ce-type").trim_start_matches("in.icjs.").trim_end_matches(".v1").to_owned();
        let about = (kind == "outcome")
            .then(|| (element(&body, &["DELIVERY_ID", "delivery"]), element(&body, &["OUTCOME", "outcome"])));
        let number = format!("{}-{}", self.system, delivery.get(24..).unwrap_or_default());
        let taken = Taken {
            system: self.system.to_owned(),
            office: arrival.header("ce-icjsoffice").to_owned(),
            kind,
            action: arrival.header("ce-icjsaction").to_owned(),
            message: message_of(&delivery),
            delivery: delivery.clone(),
            order: 0,
            at: Instant::now(),
            arrivals: 1,
            digest: fingerprint(&arrival.body),
            changed: false,
            passed: arrival.header("ce-icjsafter").split(',').map(|id| id.trim().to_owned()).collect(),
            withheld: !arrival.header("ce-icjswithheld").is_empty(),
            body,
            about,
        };
        let word = if taken.about.is_some() { Word::received() } else { self.mind.first_word(&taken) };
        let mut books = open(&self.books);
        if books.take(taken.clone()) {
            books.say(self.system, &delivery, word.outcome);
            drop(books);
            if taken.about.is_none() {
                Arc::clone(&self.mind).act(taken);
            }
        }
        (word, number)
    }
}

/// The text of the first of these members that a body has, XML element or JSON text: a system's own reading of what it got.
pub fn element(body: &str, names: &[&str]) -> String {
    let between = |from: &str, to: &str| Some(body.split_once(from)?.1.split_once(to)?.0.trim().to_owned());
    let found = names.iter().find_map(|name| {
        between(&format!("<{name}>"), &format!("</{name}>")).or_else(|| between(&format!("\"{name}\":\""), "\""))
    });
    found.unwrap_or_default()
}
