//! From how a carrying ended to what the journal writes about it: an outcome, another attempt, a place in the feed, or a
//! stop with its reason. Pure arithmetic over the rules of `retry`; nothing is sent or stored here.

use super::breaker::Breaker;
use super::retry::{self, Pauses};
use super::verdict::{Judgement, Reply};
use super::{Ended, Stop};
use crate::clock::Timestamp;
use crate::config::{Push, Revision};
use crate::journal::{Lane, Lease, Outcome, Settled, Settlement};
use crate::outcome::{self, Said};

/// What a settlement is decided by.
#[derive(Debug)]
pub struct Terms<'a> {
    /// The newest revision.
    pub revision: &'a Revision,
    /// The receiver's push settings, where it is pushed to.
    pub push: Option<&'a Push>,
    /// The pauses between attempts.
    pub pauses: Pauses,
    /// Between 0 and 1.
    pub luck: f64,
    /// The present moment.
    pub now: Timestamp,
}

/// What becomes of the delivery.
pub fn settlement(terms: &Terms<'_>, lease: &Lease, breaker: &Breaker, ended: Ended) -> Settlement {
    let at = terms.now;
    match ended {
        Ended::Available(frozen) => {
            Settlement { at, verdict: Settled::Available(frozen), note: "in the feed".to_owned(), answered: false }
        }
        Ended::Stopped(Stop::Parked { code, note }) => {
            Settlement { at, verdict: Settled::Parked(code), note, answered: false }
        }
        Ended::Stopped(Stop::Gone) => {
            let note = "the system is no longer configured".to_owned();
            Settlement { at, verdict: Settled::Released, note, answered: false }
        }
        Ended::Unreachable(class) => {
            let pause = terms.pauses.pause(lease.attempts, lease.lane, false, None, terms.luck);
            let note = format!("no answer: {class}");
            Settlement { at, verdict: Settled::RetryAt(at.after(pause)), note, answered: false }
        }
        Ended::Answered(judgement, reply) => {
            let note = format!("HTTP {}", reply.status);
            let verdict = answered(terms, lease, breaker, judgement, &reply);
            Settlement { at, verdict, note, answered: true }
        }
    }
}

fn answered(terms: &Terms<'_>, lease: &Lease, breaker: &Breaker, judgement: Judgement, reply: &Reply) -> Settled {
    match judgement {
        Judgement::Outcome { word, reference, code, reason } => {
            let delivery = lease.token.delivery;
            let received = outcome::received(delivery);
            let outcome = Outcome { outcome: word, reference, code, reason, ..received };
            let (office, system, message) = (&lease.office, lease.system.as_str(), &lease.message);
            let said = Said { delivery, office, system, message, outcome, officer: None, at: terms.now };
            Settled::Outcome(Box::new(outcome::entry(terms.revision, said)))
        }
        Judgement::Gone if lease.lane != Lane::Liberty => Settled::Parked("receiver-gone".to_owned()),
        Judgement::Again | Judgement::Gone => again(terms, lease, breaker, reply),
    }
}

fn again(terms: &Terms<'_>, lease: &Lease, breaker: &Breaker, reply: &Reply) -> Settled {
    let now = terms.now;
    let away = lease.first_answer_at.map_or_else(Default::default, |since| breaker.away(since, now));
    // This answer may be the first one: then nothing has been waited for yet.
    let first_answer = lease.first_answer_at.or(Some(now));
    if terms.push.is_some_and(|push| retry::gives_up(lease.lane, first_answer, now, away, push.give_up_after)) {
        return Settled::Parked("gave-up".to_owned());
    }
    let asked = reply.retry_after.as_deref().and_then(|header| retry::asked(header, now));
    Settled::RetryAt(now.after(terms.pauses.pause(lease.attempts, lease.lane, true, asked, terms.luck)))
}
