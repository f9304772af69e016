//! The breaker of one receiving system: stands between it and hopeless attempts while it cannot be reached.
//! A plain state machine with time as a parameter. It also keeps book of when the system was away, because that time
//! does not count towards giving a delivery up. Liberty deliveries pass at any time: they are probes.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;

/// When it opens and how it probes; from `[dispatch]` of `gateway.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// So many attempts in a row without any answer open it.
    pub failures: u32,
    /// Probes are never further apart.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { failures: 5, pause: Duration::from_secs(15) }
    }
}

/// The first probe after opening comes this soon; each failed one doubles the wait.
const FIRST_PROBE: Duration = Duration::from_secs(1);
/// A worker asks several times a second. After a longer silence the process slept or the clock was set forward: in that time
/// nothing could be tried.
const SILENCE: Duration = Duration::from_secs(60);
/// Outages remembered; older ones are joined, which can only make giving up later.
const OUTAGES: usize = 128;

/// What may be attempted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    /// Anything.
    All,
    /// One delivery of any lane, as a probe.
    Probe,
    /// Liberty only.
    Liberty,
}

/// State of one system's breaker.
#[derive(Debug)]
pub struct Breaker {
    patience: Patience,
    failures: u32,
    away_since: Option<Timestamp>,
    next_probe: Option<Timestamp>,
    asked: Option<Timestamp>,
    probes: u32,
    outages: VecDeque<(Timestamp, Timestamp)>,
}

impl Breaker {
    /// Closed. What happened before `born` is not known, and counts as time away: a restart never makes anything be
    /// given up sooner.
    pub fn new(patience: Patience, born: Timestamp) -> Self {
        let unknown = (Timestamp::from_millis(i64::MIN), born);
        Self {
            patience,
            failures: 0,
            away_since: None,
            next_probe: None,
            asked: None,
            probes: 0,
            outages: VecDeque::from([unknown]),
        }
    }

    /// What may be attempted at `now`. Answering `Probe` counts as that probe being on its way.
    pub fn admits(&mut self, now: Timestamp) -> Admits {
        if let Some(last) = self.asked.replace(now)
            && now.since(last) > SILENCE
            && self.away_since.is_none()
        {
            self.outages.push_back((last, now));
            self.join_oldest();
        }
        match self.next_probe {
            None => Admits::All,
            // Further off than any pause: the clock was set back.
            Some(at) if now >= at || at.since(now) > self.patience.pause.max(FIRST_PROBE) => {
                self.next_probe = Some(now.after(self.probe_pause()));
                Admits::Probe
            }
            Some(_) => Admits::Liberty,
        }
    }

    /// Since when the system has given no answer.
    pub fn away_since(&self) -> Option<Timestamp> {
        self.away_since
    }

    /// Whether it stands open.
    pub fn is_open(&self) -> bool {
        self.next_probe.is_some()
    }

    /// When the next probe may go, while it stands open.
    pub fn next_probe(&self) -> Option<Timestamp> {
        self.next_probe
    }

    /// The system answered something, whatever it was. True if that closed the breaker.
    pub fn answered(&mut self, now: Timestamp) -> bool {
        if let Some(since) = self.away_since.take() {
            self.outages.push_back((since, now));
            self.join_oldest();
        }
        self.failures = 0;
        self.probes = 0;
        self.next_probe.take().is_some()
    }

    /// The system gave no answer: no connection, no response in time, or a broken one. True if that opened the breaker.
    pub fn unreachable(&mut self, now: Timestamp) -> bool {
        self.away_since.get_or_insert(now);
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.patience.failures {
            return false;
        }
        let opened = self.next_probe.is_none();
        self.probes = if opened { 0 } else { self.probes.saturating_add(1) };
        self.next_probe = Some(now.after(self.probe_pause()));
        opened
    }

    /// How much of the time from `since` to `now` the system was away.
    pub fn away(&self, since: Timestamp, now: Timestamp) -> Duration {
        let open = self.away_since.map(|from| (from, now));
        let within = |(from, to): (Timestamp, Timestamp)| to.min(now).since(from.max(since));
        self.outages.iter().copied().chain(open).map(within).sum()
    }

    fn probe_pause(&self) -> Duration {
        FIRST_PROBE.saturating_mul(2_u32.saturating_pow(self.probes.min(16))).min(self.patience.pause)
    }

    fn join_oldest(&mut self) {
        while self.outages.len() > OUTAGES {
            let Some((from, _)) = self.outages.pop_front() else { return };
            if let Some(next) = self.outages.front_mut() {
                next.0 = from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(seconds))
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_an_answer_closes_it() {
        let mut breaker = Breaker::new(Patience::default(), at(0));
        for _ in 1..Patience::default().failures {
            assert!(!breaker.unreachable(at(1)));
        }
        assert_eq!(breaker.admits(at(1)), Admits::All);
        assert!(breaker.unreachable(at(1)));
        assert_eq!(breaker.admits(at(1)), Admits::Liberty);
        assert_eq!(breaker.admits(at(2)), Admits::Probe);
        assert_eq!(breaker.admits(at(2)), Admits::Liberty, "one probe at a time");
        assert!(breaker.answered(at(3)));
        assert_eq!(breaker.admits(at(3)), Admits::All);
    }

    #[test]
    fn an_answer_in_between_starts_the_count_again() {
        let mut breaker = Breaker::new(Patience::default(), at(0));
        for round in 0..10 {
            for _ in 1..Patience::default().failures {
                breaker.unreachable(at(round));
            }
            breaker.answered(at(round));
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn failed_probes_come_further_apart_up_to_the_cap() {
        let mut breaker = Breaker::new(Patience::default(), at(0));
        (0..Patience::default().failures).for_each(|_| _ = breaker.unreachable(at(0)));
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            let due = breaker.next_probe().unwrap();
            assert_eq!(breaker.admits(due), Admits::Probe);
            breaker.unreachable(due);
            let pause = breaker.next_probe().unwrap().since(due);
            assert!(pause >= last && pause <= Patience::default().pause);
            last = pause;
        }
        assert_eq!(last, Patience::default().pause);
    }

    #[test]
    fn a_probe_that_never_reports_is_followed_by_another() {
        let mut breaker = Breaker::new(Patience::default(), at(0));
        (0..Patience::default().failures).for_each(|_| _ = breaker.unreachable(at(0)));
        assert_eq!(breaker.admits(at(10)), Admits::Probe);
        assert_eq!(breaker.admits(at(60)), Admits::Probe);
    }

    #[test]
    fn time_before_the_start_and_during_outages_counts_as_away() {
        let mut breaker = Breaker::new(Patience::default(), at(100));
        assert_eq!(breaker.away(at(40), at(200)), Duration::from_secs(60));
        breaker.unreachable(at(150));
        assert_eq!(breaker.away(at(100), at(170)), Duration::from_secs(20));
        breaker.answered(at(180));
        assert_eq!(breaker.away(at(100), at(1_000)), Duration::from_secs(30));
        assert_eq!(breaker.away(at(160), at(1_000)), Duration::from_secs(20));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_up_no_probe() {
        let mut breaker = Breaker::new(Patience::default(), at(0));
        (0..Patience::default().failures).for_each(|_| _ = breaker.unreachable(at(100_000)));
        assert_eq!(breaker.admits(at(100_000)), Admits::Liberty);
        assert_eq!(breaker.admits(at(10)), Admits::Probe);
        assert_eq!(breaker.admits(at(10)), Admits::Liberty, "one probe at a time");
    }

    #[test]
    fn time_in_which_nobody_asked_counts_as_away() {
        let mut breaker = Breaker::new(Patience::default(), at(0));
        breaker.admits(at(10));
        breaker.answered(at(10));
        breaker.admits(at(11));
        breaker.admits(at(11 + 1_000_000));
        breaker.answered(at(1_000_020));
        assert_eq!(breaker.away(at(10), at(1_000_020)), Duration::from_secs(1_000_000));
    }

    proptest! {
        #[test]
        fn time_away_is_never_more_than_the_time_there_was(steps in proptest::collection::vec((any::<bool>(), 1_u64..100), 1..600), since in 0_u64..1_000) {
            let mut breaker = Breaker::new(Patience::default(), at(0));
            let mut now = 0;
            for (answered, passed) in steps {
                now += passed;
                if answered { breaker.answered(at(now)); } else { breaker.unreachable(at(now)); }
                prop_assert!(breaker.away(at(since), at(now)) <= at(now).since(at(since)));
            }
        }
    }
}
