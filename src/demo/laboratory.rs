//! The analyst of a simulated laboratory: takes in what a division is asked to examine, and reports on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fastrand::Rng;
use serde_json::{Value, json};

use super::books::Taken;
use super::documents::laboratory::{Asked, movement, report};
use super::documents::{Division, Exhibit, Numbers};
use super::link::{Document, Link, line, open};
use super::mind::{Mind, Word};
use super::world::STATIONS;

/// The analysts of one system.
pub struct Analyst {
    link: Arc<Link>,
    /// Events written so far.
    given: AtomicU32,
}

impl Analyst {
    /// Of the system on this line; events are numbered from here on.
    pub fn new(link: Arc<Link>, given: u32) -> Self {
        Self { link, given: AtomicU32::new(given) }
    }

    async fn examine(&self, asked: Asked, case: String, mut dice: Rng) {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let event = format!("LIMS-M-{number:06}");
        let entry = line(self.link.system(), &asked.office, "exhibit-movement", event.clone(), &case, "");
        let document = Document::json(&movement(&event, "RECEIVED", &asked, &[]));
        if self.link.send(entry, &document, &mut dice).await.is_none() {
            return;
        }
        let event = format!("LIMS-R-{number:06}");
        let entry = line(self.link.system(), &asked.office, "forensic-report", event.clone(), &case, "");
        let document = Document::json(&report(&event, &format!("R/{number}/2026"), "FINAL", &asked, json!({})));
        // Refusals stand in the books.
        let _ = self.link.send(entry, &document, &mut dice).await;
    }
}

/// Reads a requisition as the division gets it; with the case in the demo's words.
fn read(taken: &Taken) -> Option<(Asked, String)> {
    let body: Value = serde_json::from_str(&taken.body).ok()?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let code = text(&body, "firStation");
    let station = STATIONS.iter().find(|station| station.code == code);
    let serial = body.get("firNo").and_then(Value::as_u64).and_then(|serial| u32::try_from(serial).ok());
    let fir = station.map(|station| station.code).zip(serial);
    let cnr = body.get("cnr").and_then(Value::as_str).map(str::to_owned);
    let exhibits = body.get("exhibits")?.as_array()?.iter().map(|one| Exhibit {
        mark: text(one, "mark"),
        qr: text(one, "qr"),
        division: Division::Biology,
    });
    let case = format!("fir/{code}-2026-{}", serial.unwrap_or_default());
    let asked = Asked {
        office: taken.office.clone(),
        numbers: Numbers { fir, zero_fir: None, cnr },
        reference: text(&body, "requestId"),
        exhibits: exhibits.collect(),
    };
    Some((asked, case))
}

impl Mind for Analyst {
    fn first_word(&self, _taken: &Taken) -> Word {
        Word::received()
    }

    fn act(self: Arc<Self>, taken: Taken) {
        if taken.kind != "forensic-requisition" || taken.action != "new" {
            return;
        }
        let Some((asked, case)) = read(&taken) else { return };
        let work = open(&self.link.books).begin();
        tokio::spawn(async move {
            self.examine(asked, case, Rng::new()).await;
            drop(work);
        });
    }
}
