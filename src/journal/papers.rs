//! Nouns of the journal, sixth part: the papers of a case, by which rules compare one record with the others, and the tally
//! of what was accepted with which warnings.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::MessageView;
use crate::clock::Timestamp;
use crate::identifiers::{KindName, MessageId, SystemName};

/// An earlier record of a case.
#[derive(Clone, Debug)]
pub struct Paper {
    /// What became of it.
    pub view: MessageView,
    /// Its shared form (JSON text).
    pub shared: Bytes,
}

/// What is to be counted. Corrections and withdrawals are records as well; outcomes are none.
#[derive(Clone, Debug)]
pub struct TallyAsk {
    /// Accepted at or after.
    pub since: Timestamp,
    /// Accepted before.
    pub until: Timestamp,
    /// After this message, where an earlier answer named it.
    pub after: Option<MessageId>,
    /// Looks at so many at most.
    pub limit: usize,
}

/// Records and warnings by system and kind.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By sending system and kind.
    pub rows: BTreeMap<(SystemName, KindName), TallyRow>,
    /// The last message that was looked at, where more may follow.
    pub next: Option<MessageId>,
}

/// One system's records of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TallyRow {
    /// All of them.
    pub records: u64,
    /// Those with a warning.
    pub warned: u64,
    /// Those with a warning of each rule.
    pub rules: BTreeMap<String, u64>,
}

/// The names of the rules that warned, in the order of the warnings. They are nobody's data and lie in the clear.
pub fn rules_of(warnings: &[Value]) -> Vec<String> {
    const MOST: usize = 32;
    let plain = |name: &&str| name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let mut rules: Vec<String> = Vec::new();
    for name in warnings.iter().filter_map(|warning| warning.get("rule")?.as_str()).filter(plain) {
        if rules.len() < MOST && !rules.iter().any(|known| known == name) {
            rules.push(name.to_owned());
        }
    }
    rules
}

impl Tally {
    /// Adds what the next answer says.
    pub fn add(&mut self, other: Self) {
        for (key, more) in other.rows {
            let row = self.rows.entry(key).or_default();
            (row.records, row.warned) = (row.records + more.records, row.warned + more.warned);
            for (rule, number) in more.rules {
                *row.rules.entry(rule).or_default() += number;
            }
        }
        self.next = other.next;
    }
}
