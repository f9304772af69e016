//! Who may see what of a message. A receiver sees its own deliveries of it once they left or stand in its feed; the sender
//! sees all of them; people of the centre see everything but the records themselves.

use crate::config::System;
use crate::journal::{Action, DeliveryView, MessageView, State};

/// Who looks.
#[derive(Clone, Copy, Debug)]
pub enum Viewer<'a> {
    /// People of the centre, through the admin API.
    Centre,
    /// A system, through the exchange.
    Party(&'a System),
}

impl Viewer<'_> {
    /// Whether the message exists for this viewer.
    pub fn sees(self, view: &MessageView) -> bool {
        self.sent(view) || view.deliveries.iter().any(|delivery| self.got(delivery))
    }

    /// Whether this delivery of a message is shown.
    pub fn shows(self, view: &MessageView, delivery: &DeliveryView) -> bool {
        self.sent(view) || self.got(delivery)
    }

    /// As much as its sender knows of it.
    pub fn sent(self, view: &MessageView) -> bool {
        match self {
            Self::Centre => true,
            Self::Party(system) => view.head.system == system.name,
        }
    }

    fn got(self, delivery: &DeliveryView) -> bool {
        let Self::Party(system) = self else { return true };
        let here = matches!(delivery.state, State::Available | State::Delivered | State::Rejected | State::Recalled);
        delivery.system == system.name && (delivery.attempts > 0 || here)
    }
}

/// What a message's deliveries add up to: `attention` (something is parked), `open`, `withdrawn` or `settled`.
pub fn status(view: &MessageView) -> &'static str {
    let any = |states: &[State]| view.deliveries.iter().any(|delivery| states.contains(&delivery.state));
    let withdrawn = view.head.action == Action::Withdraw
        || view.stored.status == "withdrawn"
        || (!view.deliveries.is_empty() && view.deliveries.iter().all(|delivery| delivery.state == State::Recalled));
    if any(&[State::Parked]) {
        "attention"
    } else if any(&[State::Queued, State::Sending, State::Retrying, State::Held, State::Available]) {
        "open"
    } else if withdrawn {
        "withdrawn"
    } else {
        "settled"
    }
}
