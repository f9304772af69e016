//! A simulated police system: it is pushed to and answers in XML. What it sends is played by `cases` and by the scenarios.

use std::sync::{Arc, Mutex};

use fastrand::Rng;

use super::desk::{Desk, Manner, element};
use super::documents::police::acknowledgement;
use super::link::SharedBooks;
use super::mind::{Mind, Word};
use super::world::Doors;

/// How police systems answer a push.
const MANNER: Manner = Manner { media_type: "application/xml", answer, busy: |number| acknowledgement("BUSY", number) };

/// The inbox of a police system.
pub fn desk(system: &'static str, books: SharedBooks, mind: Arc<dyn Mind>, doors: &Doors, seed: u64) -> Desk {
    Desk { system, books, manner: MANNER, mind, door: doors.of(system), dice: Mutex::new(Rng::with_seed(seed)) }
}

fn answer(word: &Word, number: &str) -> String {
    let number = word.reference.as_ref().map_or(number, |(_, value)| value);
    match word.outcome {
        "accepted" => acknowledgement("ACCEPTED", number),
        "rejected" => acknowledgement("REJECTED", number),
        "wrong-addressee" => acknowledgement("WRONG_PS", number),
        _ => acknowledgement("RECEIVED", number),
    }
}

/// The receiver's own number inside an outcome's body, such as a CNR or an S.R. number.
pub fn reference(body: &str) -> String {
    element(body, &["REF_NO", "value"])
}
