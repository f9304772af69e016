//! The prosecutor of a simulated prosecution office: answers what the police and agencies ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fastrand::Rng;
use serde_json::Value;

use super::books::Taken;
use super::documents::prosecution::opinion;
use super::link::{Document, Link, line, open};
use super::mind::{Mind, Word};

/// The prosecutors of one system.
pub struct Prosecutor {
    link: Arc<Link>,
    /// Opinions given so far.
    given: AtomicU32,
}

impl Prosecutor {
    /// Of the system on this line; opinions are numbered from here on.
    pub fn new(link: Arc<Link>, given: u32) -> Self {
        Self { link, given: AtomicU32::new(given) }
    }

    async fn answer(&self, taken: &Taken, mut dice: Rng) {
        let Ok(question) = serde_json::from_str::<Value>(&taken.body) else { return };
        let reference = question.pointer("/scrutiny/reference").and_then(Value::as_str).unwrap_or_default();
        let event = format!("OP-{:06}", self.given.fetch_add(1, Ordering::Relaxed));
        let words = "प्रारूप उचित है / fit to be filed";
        let document = Document::json(&opinion(&event, &taken.office, "fit", reference, &question, words));
        let entry = line(self.link.system(), &taken.office, "prosecution-opinion", event, reference, "");
        // Refusals stand in the books.
        let _ = self.link.send(entry, &document, &mut dice).await;
    }
}

impl Mind for Prosecutor {
    fn first_word(&self, _taken: &Taken) -> Word {
        Word::received()
    }

    fn act(self: Arc<Self>, taken: Taken) {
        if taken.kind != "scrutiny-request" || taken.action != "new" {
            return;
        }
        let work = open(&self.link.books).begin();
        tokio::spawn(async move {
            self.answer(&taken, Rng::new()).await;
            drop(work);
        });
    }
}
