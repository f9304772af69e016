//! The order among the lines of a batch that are worked on at once: lines that are about the same case, person or record go
//! into the journal in the order of the batch, the others as they come. A line that is refused holds nobody up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The turns of one batch.
#[derive(Debug)]
pub struct Turns {
    state: Mutex<State>,
    /// Changes whenever somebody may go on.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    /// Every line below it has said what it is about, or is gone.
    known: u64,
    /// Lines above that are gone.
    gone: BTreeSet<u64>,
    /// What the lines at work are about.
    open: BTreeMap<u64, Vec<String>>,
}

/// One line's turn; over when dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    number: u64,
}

impl Default for Turns {
    fn default() -> Self {
        let state = State { known: 1, gone: BTreeSet::new(), open: BTreeMap::new() };
        Self { state: Mutex::new(state), changed: watch::Sender::new(0) }
    }
}

impl Turns {
    /// The turn of a line; lines are numbered from 1 without gaps.
    pub fn next(turns: &Arc<Self>, number: u64) -> Turn {
        Turn { turns: Arc::clone(turns), number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.send_modify(|version| *version = version.wrapping_add(1));
    }

    async fn until(&self, mut ready: impl FnMut(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if ready(&self.state()) {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Turn {
    /// Waits until every earlier line that is about one of these is done.
    pub async fn come(&self, about: Vec<String>) {
        let number = self.number;
        self.turns.until(|state| state.known == number).await;
        let waits = |state: &State| {
            let shares = |other: &Vec<String>| other.iter().any(|one| about.contains(one));
            state.open.range(..number).any(|(_, other)| shares(other))
        };
        self.turns.change(|state| {
            state.open.insert(number, about.clone());
            state.pass(number);
        });
        self.turns.until(|state| !waits(state)).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.change(|state| {
            if state.open.remove(&self.number).is_none() {
                state.pass(self.number);
            }
        });
    }
}

impl State {
    /// A line has said what it is about, or is gone without a word.
    fn pass(&mut self, number: u64) {
        self.gone.insert(number);
        while self.gone.remove(&self.known) {
            self.known += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn stands(turn: &Turn, about: &str) -> bool {
        tokio::time::timeout(Duration::from_millis(20), turn.come(vec![about.to_owned()])).await.is_err()
    }

    #[tokio::test]
    async fn lines_about_the_same_come_in_their_order_and_a_refused_line_holds_nobody_up() {
        let turns = Arc::new(Turns::default());
        let [one, two, three, four] = [1, 2, 3, 4].map(|number| Turns::next(&turns, number));
        // The second is read before the first: what the first is about is not known yet.
        assert!(stands(&two, "b").await);
        assert!(!stands(&one, "a").await);
        assert!(!stands(&two, "b").await, "another case");
        drop(three);
        let waiting = tokio::spawn(async move {
            four.come(vec!["a".to_owned()]).await;
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished(), "the first is not done");
        drop(one);
        tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
        drop(two);
        assert!(turns.state().open.is_empty());
    }
}
