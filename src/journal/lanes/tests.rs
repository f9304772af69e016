//! The lines against a model that looks at everybody every time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn spot(first: u64, number: u64) -> Spot {
    Spot { place: Place { first, then: 0 }, number }
}

#[derive(Clone, Debug)]
enum Step {
    Enter { place: u64, keys: Vec<LineKey> },
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let keys = proptest::collection::btree_set(0_u64..6, 0..4).prop_map(|keys| keys.into_iter().collect());
    let enter = (0_u64..40, keys).prop_map(|(place, keys)| Step::Enter { place, keys });
    let leave = (0_usize..64).prop_map(Step::Leave);
    proptest::collection::vec(prop_oneof![3 => enter, 2 => leave], 1..120)
}

/// The rule as the design says it: waits for every earlier one that shares a key.
fn free_in_model(model: &BTreeMap<Spot, Vec<LineKey>>, spot: Spot, keys: &[LineKey]) -> bool {
    !model.iter().any(|(other, theirs)| *other < spot && theirs.iter().any(|key| keys.contains(key)))
}

proptest! {
    #[test]
    fn a_delivery_is_free_exactly_when_no_earlier_one_shares_a_key(steps in steps()) {
        let mut lanes = Lanes::default();
        let mut model: BTreeMap<Spot, Vec<LineKey>> = BTreeMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            let before: Vec<(Spot, bool)> = model.iter().map(|(s, k)| (*s, free_in_model(&model, *s, k))).collect();
            let changed = match step {
                Step::Enter { place, keys } => {
                    let spot = spot(place, number as u64);
                    let changed = lanes.enter(spot, &keys);
                    model.insert(spot, keys);
                    changed
                }
                Step::Leave(which) => {
                    let Some(spot) = model.keys().nth(which).copied() else { continue };
                    let keys = model.remove(&spot).unwrap();
                    lanes.leave(spot, &keys)
                }
            };
            for (spot, keys) in &model {
                prop_assert_eq!(lanes.is_free(*spot, keys), free_in_model(&model, *spot, keys));
            }
            // Whoever became free or ceased to be so is named.
            for (spot, was) in before {
                if let Some(keys) = model.get(&spot)
                    && free_in_model(&model, spot, keys) != was
                {
                    prop_assert!(changed.contains(&spot.number));
                }
            }
        }
        for (spot, keys) in model {
            lanes.leave(spot, &keys);
        }
        prop_assert_eq!(lanes.lines(), 0);
    }
}

#[test]
fn one_hot_case_with_a_hundred_thousand_deliveries_stays_quick() {
    let mut lanes = Lanes::default();
    let begun = Instant::now();
    for number in 0..100_000 {
        lanes.enter(spot(number, number), &[1, 2]);
    }
    for number in 0..100_000 {
        assert!(lanes.is_free(spot(number, number), &[1, 2]));
        let next = lanes.leave(spot(number, number), &[1, 2]);
        assert_eq!(next.is_empty(), number == 99_999);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
