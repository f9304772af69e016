//! When a delivery is tried again, and when it is given up: arithmetic only, with time and luck as parameters.
//! The rules are of design section 4 (push): exponential with jitter, `Retry-After` honoured up to a cap, liberty every
//! minute and never given up, and only time in which the receiver could be reached counts.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::journal::Lane;

/// How long pauses are; from `[dispatch]` of `gateway.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// After the first failure; each further one doubles it.
    pub first: Duration,
    /// No pause of our own choosing is longer: a partner that is mended must not wait for hours.
    pub cap: Duration,
    /// No pause of the receiver's choosing is longer.
    pub asked_cap: Duration,
    /// Liberty is tried at least so often, whatever the receiver asks for.
    pub liberty_cap: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            cap: Duration::from_secs(600),
            asked_cap: Duration::from_secs(3600),
            liberty_cap: Duration::from_secs(60),
        }
    }
}

/// After no answer at all the breaker keeps the peace, so the delivery itself need not stand back for long.
const UNREACHABLE_CAP: Duration = Duration::from_secs(30);

impl Pauses {
    /// How long to wait before the next attempt. `ended` counts the attempts that ended before the one that just failed,
    /// `answered` says whether the receiver said anything, `asked` is its `Retry-After`, `luck` lies in 0 to 1.
    pub fn pause(&self, ended: u32, lane: Lane, answered: bool, asked: Option<Duration>, luck: f64) -> Duration {
        let grown = self.first.saturating_mul(2_u32.saturating_pow(ended.min(20)));
        let lane_cap = if lane == Lane::Liberty { self.cap.min(self.liberty_cap) } else { self.cap };
        let cap = if answered { lane_cap } else { lane_cap.min(UNREACHABLE_CAP) };
        // Jitter takes away up to half, so that what failed together does not come back together, and never adds to a cap.
        let own = grown.min(cap).mul_f64(1.0 - luck.clamp(0.0, 1.0) / 2.0);
        let asked_cap = if lane == Lane::Liberty { self.liberty_cap } else { self.asked_cap };
        // A receiver that asks for no pause at all still gets the shortest one.
        asked.map_or(own, |asked| asked.max(own.min(self.first)).min(asked_cap))
    }
}

/// Whether the delivery stops here. `first_answer` is when the receiver first answered this delivery, `away` how much of
/// the time since then it could not be reached or was spared by its breaker.
pub fn gives_up(lane: Lane, first_answer: Option<Timestamp>, now: Timestamp, away: Duration, after: Duration) -> bool {
    let Some(first) = first_answer else { return false };
    lane != Lane::Liberty && now.since(first).saturating_sub(away) >= after
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or an HTTP date.
pub fn asked(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    Timestamp::parse_http(header).map(|moment| moment.since(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_lane() -> impl Strategy<Value = Lane> {
        prop_oneof![Just(Lane::Liberty), Just(Lane::Papers), Just(Lane::Record)]
    }

    proptest! {
        #[test]
        fn a_pause_is_never_longer_than_its_cap_nor_shorter_than_half_the_first(
            ended in 0_u32..1_000, lane in any_lane(), answered: bool, asked in proptest::option::of(0_u64..1_000_000), luck in 0.0..=1.0_f64,
        ) {
            let pauses = Pauses::default();
            let pause = pauses.pause(ended, lane, answered, asked.map(Duration::from_secs), luck);
            prop_assert!(pause >= pauses.first / 2);
            let cap = if lane == Lane::Liberty { pauses.liberty_cap } else { pauses.asked_cap };
            prop_assert!(pause <= cap);
            if asked.is_none() {
                prop_assert!(pause <= pauses.cap);
            }
        }

        #[test]
        fn without_jitter_each_failure_waits_at_least_as_long_as_the_one_before(ended in 0_u32..1_000, lane in any_lane(), answered: bool) {
            let pauses = Pauses::default();
            prop_assert!(pauses.pause(ended + 1, lane, answered, None, 0.0) >= pauses.pause(ended, lane, answered, None, 0.0));
        }

        #[test]
        fn liberty_is_never_given_up(first in 0_i64..1_000_000, waited in 0_u64..1_000_000_000) {
            let first = Timestamp::from_millis(first);
            prop_assert!(!gives_up(Lane::Liberty, Some(first), first.after(Duration::from_millis(waited)), Duration::ZERO, Duration::ZERO));
        }

        #[test]
        fn time_away_moves_giving_up_by_exactly_as_much(waited in 0_u64..1_000_000, away in 0_u64..1_000_000, after in 0_u64..1_000_000) {
            let first = Timestamp::from_millis(1_700_000_000_000);
            let now = first.after(Duration::from_millis(waited));
            let given_up = gives_up(Lane::Papers, Some(first), now, Duration::from_millis(away), Duration::from_millis(after));
            prop_assert_eq!(given_up, waited.saturating_sub(away) >= after);
        }
    }

    #[test]
    fn a_delivery_that_was_never_answered_is_not_given_up() {
        let later = Timestamp::from_millis(i64::MAX / 2);
        assert!(!gives_up(Lane::Papers, None, later, Duration::ZERO, Duration::from_secs(1)));
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now = Timestamp::parse("1994-11-06T08:49:07Z").unwrap();
        assert_eq!(asked("120", now), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(asked("soon", now), None);
    }
}
