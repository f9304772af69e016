//! The board against a model that looks at every delivery every time (design: nouns, Lane).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Moment;
use crate::identifiers::MessageId;
use crate::journal::lanes::{LineKey, Place};

#[derive(Clone, Debug)]
enum Step {
    /// A new delivery with these lines.
    New(Vec<LineKey>),
    /// Claim up to so many.
    Claim(usize),
    /// The `n`th open delivery comes to this state.
    Becomes(usize, State),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let keys = proptest::collection::btree_set(0_u64..5, 1..3).prop_map(|keys| Step::New(keys.into_iter().collect()));
    let state = prop_oneof![
        Just(State::Sending),
        Just(State::Retrying),
        Just(State::Parked),
        Just(State::Available),
        Just(State::Held),
        Just(State::Delivered),
        Just(State::Rejected),
        Just(State::Queued),
    ];
    let becomes = (0_usize..40, state).prop_map(|(n, state)| Step::Becomes(n, state));
    proptest::collection::vec(prop_oneof![3 => keys, 2 => (1_usize..4).prop_map(Step::Claim), 3 => becomes], 1..80)
}

fn fresh(number: u64, keys: Vec<LineKey>) -> Open {
    Open {
        number,
        message: MessageId::from_bytes([1; 16]),
        system: Arc::from("s"),
        office: Arc::from("o"),
        kind: Arc::from("k"),
        lane: Lane::Papers,
        place: Place { first: number, then: 0 },
        keys,
        park_on_reject: true,
        bulk: number.is_multiple_of(3),
        ..Open::default()
    }
}

/// Who may be claimed: queued and behind nobody that is open and holds; or sent before and given back.
fn due_in_model(model: &BTreeMap<u64, Open>) -> Vec<u64> {
    let holds = |open: &Open| {
        matches!(open.state, State::Queued | State::Sending | State::Retrying | State::Parked | State::Rejected)
    };
    let waits = |open: &Open| {
        model.values().any(|other| {
            other.number < open.number && holds(other) && other.keys.iter().any(|key| open.keys.contains(key))
        })
    };
    let due = |open: &&Open| {
        open.lease.is_none()
            && match open.state {
                State::Queued => !waits(open),
                State::Sending | State::Retrying => true,
                _ => false,
            }
    };
    model.values().filter(due).map(|open| open.number).collect()
}

proptest! {
    #[test]
    fn whoever_is_claimed_waits_for_nobody_and_nobody_who_waits_for_nobody_is_forgotten(steps in steps()) {
        let mut board = Board::new(0, Duration::from_secs(10));
        let mut model: BTreeMap<u64, Open> = BTreeMap::new();
        let (now, lease) = (Moment::default(), Duration::from_secs(60));
        for (step, number) in steps.into_iter().zip(1_u64..) {
            match step {
                Step::New(keys) => {
                    board.insert(fresh(number, keys.clone()));
                    model.insert(number, fresh(number, keys));
                }
                Step::Claim(limit) => {
                    let due = due_in_model(&model);
                    let claimed = board.claim("s", limit, now, lease, false);
                    prop_assert_eq!(claimed.len(), due.len().min(limit));
                    for bulk in [false, true] {
                        let of = |list: &[u64]| -> Vec<u64> {
                            list.iter().copied().filter(|number| model[number].bulk == bulk).collect()
                        };
                        prop_assert!(of(&due).starts_with(&of(&claimed)), "{claimed:?} of {due:?}");
                    }
                    for number in claimed {
                        model.get_mut(&number).unwrap().lease = board.find(number).unwrap().lease;
                    }
                }
                Step::Becomes(nth, state) => {
                    let Some(number) = model.keys().nth(nth).copied() else { continue };
                    if state == State::Delivered {
                        board.remove(number);
                        model.remove(&number);
                    } else {
                        let change = |open: &mut Open| {
                            open.state = state;
                            open.lease = None;
                            open.position = number;
                        };
                        board.change(number, change);
                        change(model.get_mut(&number).unwrap());
                    }
                }
            }
            let counted: u64 = board.counts().map(|(.., count)| count).sum();
            prop_assert_eq!(counted, model.len() as u64);
        }
        // A board made of the same rows afterwards agrees: nothing hangs on how it came about.
        let mut again = Board::new(0, Duration::from_secs(10));
        for open in model.values() {
            again.insert(Open { lease: None, ..open.clone() });
        }
        for open in model.values_mut() {
            open.lease = None;
        }
        let mut due = due_in_model(&model);
        due.sort_by_key(|number| (model[number].bulk, *number));
        prop_assert_eq!(again.claim("s", 1000, now, lease, false), due);
        for number in model.keys() {
            board.remove(*number);
        }
        prop_assert!(board.lanes.lines() == 0 && board.leases.is_empty() && board.is_empty());
    }
}

#[test]
fn a_long_backlog_of_one_case_is_claimed_one_by_one_and_quickly() {
    let mut board = Board::new(0, Duration::from_secs(10));
    let begun = std::time::Instant::now();
    for number in 1..=20_000 {
        board.insert(fresh(number, vec![1]));
    }
    for number in 1..=20_000 {
        let claimed = board.claim("s", 10, Moment::default(), Duration::from_secs(60), false);
        assert_eq!(claimed, [number]);
        board.remove(number);
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn what_came_by_itself_goes_before_a_batch_which_still_gets_on() {
    let mut board = Board::new(0, Duration::from_secs(10));
    let (now, lease) = (Moment::default(), Duration::from_secs(60));
    for number in 1..=100 {
        board.insert(Open { bulk: number <= 50, ..fresh(number, vec![number]) });
    }
    let mut order = Vec::new();
    while let [number] = board.claim("s", 1, now, lease, false)[..] {
        order.push(number);
    }
    assert_eq!(order.len(), 100);
    let bulk = order.iter().take(50).filter(|number| **number <= 50).count();
    assert!((1..=50 / 16 + 1).contains(&bulk), "{order:?}");
    let mut board = Board::new(0, Duration::from_secs(10));
    board.insert(Open { bulk: true, ..fresh(1, vec![1]) });
    board.insert(Open { bulk: false, ..fresh(2, vec![2]) });
    board.insert(Open { bulk: true, lane: Lane::Liberty, ..fresh(3, vec![3]) });
    assert_eq!(board.claim("s", 3, now, lease, false)[0], 3, "liberty is first, in a batch too");
}

#[test]
fn a_clock_that_is_set_moves_what_waits_for_a_moment_and_ends_no_lease() {
    let wall = |seconds: u64| Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(seconds));
    let (day, lease) = (86_400, Duration::from_secs(60));
    let mut board = Board::new(0, Duration::from_secs(10));
    board.insert(fresh(1, vec![1]));
    board.insert(fresh(2, vec![2]));
    // What is to be had when so many seconds have passed and the wall clock says so.
    let mut at = |passed: u64, says: u64, change: Option<u64>| {
        let now = Moment { wall: wall(says), steady: Duration::from_secs(passed) };
        let claimed = board.claim("s", 2, now, lease, false);
        if let Some(number) = change {
            board.change(number, |open| {
                (open.state, open.lease, open.due) = (State::Retrying, None, Some(wall(says + 30)));
            });
        }
        claimed
    };
    // By a clock that is a day ahead: one is leased, the other waits half a minute for its second attempt.
    assert_eq!(at(0, day, Some(2)), [1, 2]);
    assert_eq!(at(0, 0, None), Vec::<u64>::new());
    assert_eq!(at(29, 29, None), Vec::<u64>::new());
    assert_eq!(at(30, 30, None), [2], "what waited for a moment by the old clock waits no longer than it was to");
    assert_eq!(at(59, day, None), Vec::<u64>::new(), "the lease holds as long as it was given for");
    assert_eq!(at(60, 0, None), [1]);
}

#[test]
fn a_correction_that_took_an_earlier_place_is_named_by_what_was_accepted_between() {
    let mut board = Board::new(0, Duration::from_secs(10));
    let order = |number, first, then| Open {
        lane: Lane::Liberty,
        place: Place { first, then },
        state: State::Retrying,
        ..fresh(number, vec![7])
    };
    let withdrawal = order(15, 5, 15);
    for open in [order(20, 11, 0), withdrawal.clone(), order(30, 5, 30), order(31, 12, 31), order(14, 14, 0)] {
        board.insert(open);
    }
    // 30 corrects the withdrawal itself, and 31 what had left before.
    assert_eq!(board.after(&withdrawal), [20, 14]);
    // Both took the places of what had not left: each stands where that stood, and the earlier names no later one.
    let first = order(19, 5, 0);
    board.insert(first.clone());
    assert_eq!(board.after(&first), [15, 14]);
}
