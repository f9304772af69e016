//! What the systems answer while scenarios are played: the word that the script has for this record at this office, and
//! `received` for all else. Also the doors: a script may close a system for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::super::books::Taken;
use super::super::desk::element;
use super::super::documents::prints::field;
use super::super::mind::{Mind, Word};

/// The script as the receivers know it.
#[derive(Debug, Default)]
pub struct Plan {
    words: Mutex<HashMap<(String, String), Word>>,
}

impl Plan {
    fn words(&self) -> MutexGuard<'_, HashMap<(String, String), Word>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the office answers the record with this event number so.
    pub fn learn(&self, event: &str, office: &str, word: &Word) {
        self.words().insert((tail(event).to_owned(), office.to_owned()), word.clone());
    }
}

impl Mind for Plan {
    fn first_word(&self, taken: &Taken) -> Word {
        let event = key(&taken.body);
        self.words().get(&(tail(&event).to_owned(), taken.office.clone())).cloned().unwrap_or_else(Word::received)
    }

    fn act(self: Arc<Self>, _taken: Taken) {}
}

/// The last part of a number: all numbers of one story differ in it, and a bureau knows an order by it alone.
fn tail(number: &str) -> &str {
    number.rsplit('-').next().unwrap_or(number)
}

/// The number of the event in whichever format it came; a process desk and a bureau know the numbers of process and transaction.
fn key(body: &str) -> String {
    let named = element(body, &["EVENT_NO", "eventNo", "event_no", "eventId", "processUniqueId", "orderNo"]);
    if !named.is_empty() {
        return named;
    }
    let shared = serde_json::from_str::<Value>(body).ok();
    let number = shared.as_ref().and_then(|body| body.pointer("/event/number")?.as_str());
    number.map_or_else(|| field(body, "1.009"), str::to_owned)
}
