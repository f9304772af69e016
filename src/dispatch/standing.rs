//! Who answers: what the breakers of all receiving systems know, for those who watch (`alerts`). Only of systems that were
//! tried since the start; of the others nothing is known. Written at the end of an attempt, read now and then.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::identifiers::SystemName;

/// Since when each system that was tried has given no answer; `None`: it answers.
#[derive(Debug, Default)]
pub struct Standings(Mutex<BTreeMap<SystemName, Option<Timestamp>>>);

impl Standings {
    /// What the last attempt showed.
    pub fn note(&self, system: &str, away_since: Option<Timestamp>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(system) {
            Some(known) => *known = away_since,
            None => drop(all.insert(system.to_owned(), away_since)),
        }
    }

    /// What is known now.
    pub fn known(&self) -> BTreeMap<SystemName, Option<Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
