//! The words that states and outcomes have in rows and leaves, and what an outcome makes of a delivery.

use super::super::{OutcomeWord, State};

/// The stable word of a state.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Queued => "queued",
        State::Sending => "sending",
        State::Retrying => "retrying",
        State::Held => "held",
        State::Available => "available",
        State::Delivered => "delivered",
        State::Rejected => "rejected",
        State::Parked => "parked",
        State::Superseded => "superseded",
        State::Recalled => "recalled",
    }
}

/// The state of a word.
pub(super) fn state_of(word: &str) -> Option<State> {
    use State::{Available, Delivered, Held, Parked, Queued, Recalled, Rejected, Retrying, Sending, Superseded};
    let all = [Queued, Sending, Retrying, Held, Available, Delivered, Rejected, Parked, Superseded, Recalled];
    all.into_iter().find(|each| state(*each) == word)
}

/// The stable word of an outcome.
pub(super) fn outcome(word: OutcomeWord) -> &'static str {
    match word {
        OutcomeWord::Received => "received",
        OutcomeWord::Accepted => "accepted",
        OutcomeWord::Returned => "returned",
        OutcomeWord::Rejected => "rejected",
        OutcomeWord::WrongAddressee => "wrong-addressee",
        OutcomeWord::Executed => "executed",
        OutcomeWord::NotExecuted => "not-executed",
        OutcomeWord::DuplicateOf => "duplicate-of",
    }
}

/// The event of the leaf of an outcome: apart from those of the gateway, which has its own `accepted`.
pub(super) fn said(word: OutcomeWord) -> &'static str {
    match word {
        OutcomeWord::Received => "outcome-received",
        OutcomeWord::Accepted => "outcome-accepted",
        OutcomeWord::Returned => "outcome-returned",
        OutcomeWord::Rejected => "outcome-rejected",
        OutcomeWord::WrongAddressee => "outcome-wrong-addressee",
        OutcomeWord::Executed => "outcome-executed",
        OutcomeWord::NotExecuted => "outcome-not-executed",
        OutcomeWord::DuplicateOf => "outcome-duplicate-of",
    }
}

/// What a first outcome makes of its delivery (design: nouns, Outcome).
pub(super) fn settles_as(word: OutcomeWord) -> State {
    match word {
        OutcomeWord::Returned | OutcomeWord::Rejected | OutcomeWord::WrongAddressee => State::Rejected,
        OutcomeWord::Received
        | OutcomeWord::Accepted
        | OutcomeWord::Executed
        | OutcomeWord::NotExecuted
        | OutcomeWord::DuplicateOf => State::Delivered,
    }
}
