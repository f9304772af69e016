//! A simulated fingerprint bureau: pushed to; searches what it gets among what it got before, and answers whoever asked. A person's
//! print that matches an earlier search is a late hit, which names every search that it matches.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use serde_json::json;

use super::books::Taken;
use super::desk::Manner;
use super::documents::prints::{Heading, field, matched, result, units};
use super::documents::{Numbers, YEAR};
use super::link::{Document, Link, Phone, SharedBooks, line, open};
use super::mind::{Mind, Word};
use super::world::STATIONS;

/// How it answers a push.
pub const MANNER: Manner = Manner {
    media_type: "application/json",
    answer: |word, number| answer(if word.outcome == "executed" { "DESTROYED" } else { "RECEIVED" }, number),
    busy: |number| answer("BUSY", number),
};

fn answer(status: &str, number: &str) -> String {
    json!({ "status": status, "tcn": number }).to_string()
}

/// The bureau of the ordinary demo.
pub struct Bureau {
    books: SharedBooks,
    phone: Phone,
    given: AtomicU32,
    /// The searches of each case: control number and who asked.
    searches: Mutex<HashMap<String, Vec<(String, String)>>>,
}

/// What the bureau reads in a search.
struct Search {
    kind: String,
    number: String,
    origin: String,
    numbers: Numbers,
    /// The case in the demo's words.
    case: String,
}

impl Bureau {
    /// On this line.
    pub fn new(books: SharedBooks, phone: Phone) -> Self {
        Self { books, phone, given: AtomicU32::new(0), searches: Mutex::default() }
    }

    async fn search(&self, search: Search, mut dice: Rng) {
        let Some(link) = self.phone.get() else { return };
        let earlier = {
            let mut searches = self.searches.lock().unwrap_or_else(PoisonError::into_inner);
            let known = searches.entry(search.case.clone()).or_default();
            known.push((search.number.clone(), search.origin.clone()));
            known.clone()
        };
        let found = match search.kind.as_str() {
            // A person whose prints were taken at the prison's gate is known by now.
            "TPIS" => "SRE",
            "CAR" => "SRT",
            _ => "NOID",
        };
        self.answer(link, &search, found, Vec::new(), &mut dice).await;
        if search.kind == "TPIS" && earlier.len() > 1 {
            let all: Vec<(&str, &str)> =
                earlier.iter().map(|(number, origin)| (number.as_str(), origin.as_str())).collect();
            self.answer(link, &search, "ULM", vec![matched(&all)], &mut dice).await;
        }
    }

    async fn answer(&self, link: &Link, search: &Search, kind: &str, more: Vec<(u16, String)>, dice: &mut Rng) {
        let number = format!("NF{YEAR}-{:06}", self.given.fetch_add(1, Ordering::Relaxed));
        let heading =
            Heading { kind, number: &number, answers: Some(&search.number), origin: "NAFIS0000", to: &search.origin };
        let document = Document::prints("nafis:NCRB", result(&heading, &search.numbers, more));
        let entry = line(link.system(), "nafis:NCRB", "fingerprint-result", number, &search.case, "");
        // Refusals stand in the books.
        let _ = link.send(entry, &document, dice).await;
    }
}

/// Reads a search.
fn read(taken: &Taken) -> Search {
    let of = field(&taken.body, "2.010");
    let mut units = units(&of);
    let code = units.next().unwrap_or_default();
    let station = STATIONS.iter().find(|station| station.code == code).map(|station| station.code);
    let serial = units.nth(1).and_then(|serial| serial.parse().ok());
    Search {
        kind: field(&taken.body, "1.004"),
        number: field(&taken.body, "1.009"),
        origin: field(&taken.body, "1.008"),
        numbers: Numbers { fir: station.zip(serial), zero_fir: None, cnr: None },
        case: format!("fir/{code}-{YEAR}-{}", serial.unwrap_or_default()),
    }
}

impl Mind for Bureau {
    fn first_word(&self, taken: &Taken) -> Word {
        if taken.kind == "court-order" { Word::new("executed") } else { Word::received() }
    }

    fn act(self: Arc<Self>, taken: Taken) {
        if taken.kind != "fingerprint-search" {
            return;
        }
        let search = read(&taken);
        let work = open(&self.books).begin();
        tokio::spawn(async move {
            self.search(search, Rng::new()).await;
            drop(work);
        });
    }
}
