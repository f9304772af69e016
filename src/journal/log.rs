//! Nouns of the journal, fifth part: what is asked of the evidence log. Its leaves are rows that are written with what they
//! record; the tree over them is `icjs_proof::tree`.

use icjs_proof::tile::Tile;
use icjs_proof::tree::Hash;

use crate::identifiers::{DeliveryId, MessageId};

/// A look at the evidence log.
#[derive(Clone, Copy, Debug)]
pub enum LogVerb {
    /// How many leaves there are, and the root over them.
    Head,
    /// The bytes of one file of the log.
    Tile(Tile),
    /// What it says of a message and its deliveries.
    Message(MessageId),
    /// The proof that a leaf is in the tree of so many leaves.
    Inclusion {
        /// Which.
        index: u64,
        /// Of how many.
        size: u64,
    },
    /// The proof that the tree of `size` leaves goes on from that of `old`.
    Consistency {
        /// Leaves then.
        old: u64,
        /// Leaves now.
        size: u64,
    },
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPart {
    /// Leaves and root.
    Head {
        /// Leaves.
        size: u64,
        /// The root over them.
        root: Hash,
    },
    /// The bytes of a tile or a bundle.
    Bytes(Vec<u8>),
    /// A proof, from the leaf upwards.
    Path(Vec<Hash>),
    /// What it says of a message, in its order; none where there is no such message.
    Steps {
        /// Leaves of the log.
        size: u64,
        /// The root over them.
        root: Hash,
        /// Those of the message.
        steps: Vec<LogStep>,
    },
    /// The log is not so long.
    Beyond,
}

/// One leaf of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStep {
    /// The delivery that it is about; `None`: the message.
    pub delivery: Option<DeliveryId>,
    /// Its place in the log.
    pub index: u64,
    /// Its text.
    pub body: Vec<u8>,
    /// The proof that it is in the log of that size.
    pub path: Vec<Hash>,
}
