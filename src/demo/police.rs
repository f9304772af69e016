//! Simulated police systems: pushed to, answering in XML or, in the variant, in JSON. What they send is played by `cases` and by the
//! scenarios; the constable serves what a court has issued and reports it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fastrand::Rng;

use super::books::Taken;
use super::desk::{Manner, element};
use super::documents::police::{acknowledgement, variant_acknowledgement};
use super::documents::{Head, forms};
use super::link::{Phone, SharedBooks, line, open};
use super::mind::{Mind, Word};

/// How police systems answer a push.
pub const MANNER: Manner =
    Manner { media_type: "application/xml", answer, busy: |number| acknowledgement("BUSY", number) };

/// How the variant does.
pub const VARIANT_MANNER: Manner = Manner {
    media_type: "application/json",
    answer: |word, number| variant_acknowledgement(status(word), reference_of(word, number)),
    busy: |number| variant_acknowledgement("BUSY", number),
};

fn answer(word: &Word, number: &str) -> String {
    acknowledgement(status(word), reference_of(word, number))
}

fn reference_of<'a>(word: &'a Word, number: &'a str) -> &'a str {
    word.reference.as_ref().map_or(number, |(_, value)| value)
}

fn status(word: &Word) -> &'static str {
    match word.outcome {
        "accepted" => "ACCEPTED",
        "rejected" => "REJECTED",
        "wrong-addressee" => "WRONG_PS",
        _ => "RECEIVED",
    }
}

/// The receiver's own number inside an outcome's body, such as a CNR or an S.R. number.
pub fn reference(body: &str) -> String {
    element(body, &["REF_NO", "value"])
}

/// The constable of the ordinary demo: a summons that comes to his station is served, and reported to the court.
pub struct Constable {
    books: SharedBooks,
    phone: Phone,
    reported: AtomicU32,
}

impl Constable {
    /// Of the system on this line.
    pub fn new(books: SharedBooks, phone: Phone) -> Self {
        Self { books, phone, reported: AtomicU32::new(0) }
    }

    async fn report(&self, station: &str, process: &str) {
        let Some(link) = self.phone.get() else { return };
        let event = format!("{station}-PRC-{:06}", self.reported.fetch_add(1, Ordering::Relaxed));
        let document = forms::process_report(station, &Head::live(&event), process, "1");
        let entry = line(link.system(), &format!("ps:{station}"), "process-report", event, process, "");
        // Refusals stand in the books.
        let _ = link.send(entry, &document, &mut Rng::new()).await;
    }
}

impl Mind for Constable {
    fn first_word(&self, _taken: &Taken) -> Word {
        Word::received()
    }

    fn act(self: Arc<Self>, taken: Taken) {
        let process = element(&taken.body, &["PROCESS"]);
        if taken.kind != "court-order" || process.is_empty() {
            return;
        }
        let work = open(&self.books).begin();
        tokio::spawn(async move {
            self.report(taken.office.trim_start_matches("ps:"), &process).await;
            drop(work);
        });
    }
}
