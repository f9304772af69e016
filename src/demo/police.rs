//! A simulated police system's receiving half: an HTTP server that takes pushes into its books, acknowledges in XML,
//! and misbehaves by chance. It acts on a delivery once, however often it comes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::books::{Taken, fingerprint, message_of};
use super::documents::acknowledgement;
use super::inbox::{Arrival, Reception, Reply, open as listen};
use super::link::{SharedBooks, open};

/// A police system's inbox.
struct Desk {
    system: &'static str,
    books: SharedBooks,
    dice: Mutex<Rng>,
}

/// Opens the inbox of a system; its URL is the answer.
pub async fn receive(system: &'static str, books: SharedBooks, seed: u64) -> std::io::Result<String> {
    let desk = Arc::new(Desk { system, books, dice: Mutex::new(Rng::with_seed(seed)) });
    let reception: Reception = Arc::new(move |arrival| {
        let desk = Arc::clone(&desk);
        Box::pin(async move { desk.take(arrival).await })
    });
    Ok(format!("{}/inbox", listen(reception).await?))
}

impl Desk {
    fn roll(&self) -> (u8, u64) {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        (dice.u8(..100), dice.u64(20..180))
    }

    fn misbehave(&self, what: &'static str) {
        open(&self.books).misbehaved(what);
    }

    async fn take(&self, arrival: Arrival) -> Reply {
        let (chance, pause) = self.roll();
        if chance < 4 {
            self.misbehave("500 before taking it");
            return Reply::Answer(500, "text/plain", "the database is away".to_owned());
        }
        if chance < 8 {
            self.misbehave("slow answer");
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let number = self.write_down(&arrival);
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
                Reply::Answer(503, "application/xml", acknowledgement("BUSY", &number))
            }
            _ => Reply::Answer(200, "application/xml", acknowledgement("RECEIVED", &number)),
        }
    }

    /// Into the books; the system's own number for it is the answer.
    fn write_down(&self, arrival: &Arrival) -> String {
        let delivery = arrival.header("ce-id").to_owned();
        let body = String::from_utf8_lossy(&arrival.body).into_owned();
        let kind = arrival.header("ce-type").trim_start_matches("in.icjs.").trim_end_matches(".v1").to_owned();
        let about = (kind == "outcome")
            .then(|| (element(&body, "DELIVERY_ID", "delivery"), element(&body, "OUTCOME", "outcome")));
        let mut books = open(&self.books);
        let first = books.take(Taken {
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
            body,
            about,
        });
        if first {
            books.say(self.system, &delivery, "received");
        }
        format!("{}-{}", self.system, delivery.get(24..).unwrap_or_default())
    }
}

/// The text of an XML element, or of a JSON member: a system's own reading of what it got.
fn element(body: &str, xml: &str, json: &str) -> String {
    let between = |from: &str, to: &str| Some(body.split_once(from)?.1.split_once(to)?.0.trim().to_owned());
    between(&format!("<{xml}>"), &format!("</{xml}>"))
        .or_else(|| between(&format!("\"{json}\":\""), "\""))
        .unwrap_or_default()
}

/// The receiver's own number inside an outcome's body, such as a CNR or an S.R. number.
pub fn reference(body: &str) -> String {
    element(body, "REF_NO", "value")
}
