//! What the systems answer while scenarios are played: the word that the script has for this record at this office, and
//! `received` for all else. Also the doors: a script may close a system for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::books::Taken;
use super::super::desk::element;
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
        self.words().insert((event.to_owned(), office.to_owned()), word.clone());
    }
}

impl Mind for Plan {
    fn first_word(&self, taken: &Taken) -> Word {
        let event = element(&taken.body, &["EVENT_NO", "eventNo", "event_no"]);
        self.words().get(&(event, taken.office.clone())).cloned().unwrap_or_else(Word::received)
    }

    fn act(self: Arc<Self>, _taken: Taken) {}
}
