//! A simulated process desk of the police: pushed to; serves what a court has issued, and reports it with the signed paper.

use std::sync::Arc;

use fastrand::Rng;

use super::books::Taken;
use super::desk::{Manner, element};
use super::documents::process::{acknowledgement, report};
use super::link::{Document, Phone, SharedBooks, line, open};
use super::mind::{Mind, Word};

/// How it answers a push.
pub const MANNER: Manner = Manner { media_type: "application/json", answer, busy: |_| "{}".to_owned() };

fn answer(word: &Word, number: &str) -> String {
    match word.outcome {
        "rejected" => acknowledgement("FAILURE", number, word.reason.as_deref().unwrap_or_default()),
        _ => acknowledgement("SUCCESS", number, ""),
    }
}

/// The desk's clerk.
pub struct Server {
    books: SharedBooks,
    phone: Phone,
}

impl Server {
    /// Of the system on this line.
    pub fn new(books: SharedBooks, phone: Phone) -> Self {
        Self { books, phone }
    }

    async fn report(&self, taken: &Taken) {
        let Some(link) = self.phone.get() else { return };
        let process = element(&taken.body, &["processUniqueId"]);
        let court = element(&taken.body, &["processCourtCode"]);
        let station = taken.office.trim_start_matches("ps:");
        let mut document = Document::json(&report(station, &process, &court, "Executed"));
        // One process has several reports: its number does not name one of them.
        document.headers.push(("idempotency-key".to_owned(), format!("{process}-served")));
        let entry = line(link.system(), &taken.office, "process-report", process.clone(), &process, "");
        // Refusals stand in the books.
        let _ = link.send(entry, &document, &mut Rng::new()).await;
    }
}

impl Mind for Server {
    fn first_word(&self, _taken: &Taken) -> Word {
        Word::received()
    }

    fn act(self: Arc<Self>, taken: Taken) {
        if taken.kind != "court-order" {
            return;
        }
        let work = open(&self.books).begin();
        tokio::spawn(async move {
            self.report(&taken).await;
            drop(work);
        });
    }
}
