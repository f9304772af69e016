//! Proposals: what one person asked for and another one must approve before it is done. Durable before the first is answered,
//! sealed like everything that people say, and kept after they have ended: they are part of the history.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Something that waits for a second person, or did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number, from 1; given by the store.
    #[serde(skip)]
    pub number: u64,
    /// When it was made, in milliseconds since 1970.
    pub at: i64,
    /// From then on it is too late, in milliseconds since 1970.
    pub until: i64,
    /// Who made it.
    pub by: String,
    /// What kind of thing it is: a word of `two_persons`.
    pub deed: String,
    /// What would be done, in a line.
    pub what: String,
    /// Why.
    pub reason: String,
    /// The revision that was live: under another one it says something else.
    pub base: u64,
    /// What would change, for whoever decides.
    pub difference: String,
    /// How it ended, once it has.
    pub ended: Option<ProposalEnd>,
}

/// How a proposal ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalEnd {
    /// `approved`, `rejected`, `expired` or `stale`.
    pub word: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// By whom; empty: by itself.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What came of it.
    pub done: String,
}

/// The proposal that a deed carries out. It ends in the transaction of the deed: a crash leaves it open and nothing done, or
/// done and ended, so that nobody approves the same thing twice. The store says in `done` what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Which.
    pub number: u64,
    /// How it ends.
    pub end: ProposalEnd,
}

/// The verbs over proposals. Each gives back the proposals that it is about.
#[derive(Clone, Debug)]
pub enum ProposalVerb {
    /// Keeps one, with what is to be done, whose meaning is its maker's.
    Add(Box<Proposal>, Bytes),
    /// Ends one that is open; what was to be done is dropped. Nothing where it is not open.
    End(u64, ProposalEnd),
    /// One, with what is to be done.
    Number(u64),
    /// Newest first.
    List {
        /// Only those that have not ended.
        open: bool,
        /// Only below this number.
        before: Option<u64>,
        /// At most so many.
        limit: usize,
    },
}

/// A proposal, and what is to be done where that was asked for and it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalRow {
    /// The words.
    pub proposal: Proposal,
    /// What is to be done.
    pub body: Option<Bytes>,
}
