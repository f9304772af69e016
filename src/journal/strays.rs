//! Re-routing: when a link, a prisoner's movement or a revision says something new, what was waiting because nobody knew
//! better is looked at again. The transaction that brings the news writes a cause; causes are worked off in small steps,
//! each durable, so that accepting goes on and a crash in between goes on where it was. Who decides is `rerouting`.

use super::NewDelivery;
use crate::identifiers::{DeliveryId, MessageId, OfficeId};

/// The verbs of re-routing.
#[derive(Clone, Debug)]
pub enum StrayVerb {
    /// The oldest cause that is not worked off, with the next messages that it may concern, at most so many.
    Next(usize),
    /// What was decided about those messages.
    Moved(Strays, Vec<Move>),
}

/// A step in working off a cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// The cause; 0: there is none.
    pub cause: u64,
    /// Messages with a delivery that is held, or parked without an office, or about liberty and not settled.
    pub messages: Vec<MessageId>,
    /// Up to where the store has looked.
    pub upto: u64,
    /// Nothing lies beyond.
    pub done: bool,
    /// It is for this revision and later ones.
    pub revision: u64,
}

/// What becomes of one delivery.
#[derive(Clone, Debug)]
pub struct Move {
    /// Which.
    pub delivery: DeliveryId,
    /// The office that it had when this was decided; where it has another one now, nothing is done.
    pub was: Option<OfficeId>,
    /// What.
    pub to: Moving,
}

/// See `Move`.
#[derive(Clone, Debug)]
pub enum Moving {
    /// It goes elsewhere: under the same id while no byte of it has left, else a new delivery goes there and it goes on.
    Elsewhere(Box<NewDelivery>),
    /// A further delivery of its message is made; it goes on.
    Besides(Box<NewDelivery>),
    /// It is needed no more: every office that it could have gone to has its message.
    Nowhere,
}
