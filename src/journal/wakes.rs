//! Hints that something may be due or new for a system, so that nobody has to wait for the next poll.
//! Only hints: they are rung after a commit, may be lost, and promise nothing. Polling is the truth.
//! The dispatcher listens for `Due`, a waiting feed page for `Available`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::identifiers::SystemName;

/// What may have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hint {
    /// A delivery to the system may be claimed.
    Due,
    /// An item of the system's feed became available.
    Available,
}

/// One bell for each system and hint. Any number may listen; nobody need.
#[derive(Debug, Default)]
pub struct Wakes {
    bells: Mutex<HashMap<(SystemName, Hint), watch::Sender<u64>>>,
}

impl Wakes {
    /// Hears every ring from now on: `changed().await` returns once for any number of rings since the last look.
    pub fn listen(&self, system: &str, hint: Hint) -> watch::Receiver<u64> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.entry((system.to_owned(), hint)).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Rings; costs nothing where nobody listens.
    pub fn ring(&self, system: &str, hint: Hint) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&(system.to_owned(), hint)) {
            bell.send_modify(|rings| *rings = rings.wrapping_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hint, Wakes};

    #[test]
    fn a_ring_is_heard_by_every_listener_of_that_system_and_hint() {
        let wakes = Wakes::default();
        let (mut first, mut second) = (wakes.listen("a", Hint::Due), wakes.listen("a", Hint::Due));
        let other = wakes.listen("a", Hint::Available);
        wakes.ring("a", Hint::Due);
        wakes.ring("a", Hint::Due);
        assert!(first.has_changed().unwrap() && second.has_changed().unwrap());
        assert!(!other.has_changed().unwrap());
        first.mark_unchanged();
        second.mark_unchanged();
        assert!(!first.has_changed().unwrap());
    }
}
