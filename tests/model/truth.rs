//! The plain model: what was sent and answered, what each office saw, and what must be true of both. It knows no journal, no
//! lanes and no board: lists that are walked from end to end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::node::{COURTS, PRISON};

/// One version of a record, as it was accepted.
#[derive(Clone, Debug)]
pub struct Version {
    pub id: String,
    pub key: String,
    pub body: String,
    pub headers: Vec<(String, String)>,
    pub answer: Value,
    pub to: BTreeSet<String>,
    pub note: String,
}

/// A record with its versions, in the order of their acceptance.
#[derive(Clone, Debug)]
pub struct Root {
    pub kind: &'static str,
    pub case: u32,
    pub office: String,
    pub versions: Vec<Version>,
    pub withdrawn: bool,
}

impl Root {
    pub fn newest(&self) -> &Version {
        self.versions.last().unwrap()
    }
}

/// What an office saw, each delivery once.
#[derive(Clone, Debug)]
pub struct Seen {
    pub office: String,
    pub delivery: String,
    pub message: String,
    pub action: String,
    /// The version that it says it replaces; empty where it names none.
    pub replaces: String,
    pub note: String,
}

/// All that the clients of one gateway know.
#[derive(Default)]
pub struct Truth {
    pub roots: Vec<Root>,
    /// In the order of sight.
    pub seen: Vec<Seen>,
    known: BTreeMap<String, String>,
    /// Outcomes that the gateway took: delivery and word.
    pub said: BTreeSet<(String, String)>,
    /// Outcomes that came back to the sender: their own delivery, then delivery and word.
    pub heard: BTreeMap<String, (String, String)>,
    /// Cases whose FIR and CNR a person joined, and whether they ever were parted.
    pub joined: BTreeMap<u32, bool>,
    pub parted: BTreeSet<u32>,
    /// What was found to be wrong.
    pub wrong: Vec<String>,
}

impl Truth {
    pub fn is(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// The record and the version that a message id is.
    pub fn find(&self, message: &str) -> Option<(usize, usize)> {
        let of = |root: &Root| root.versions.iter().position(|version| version.id == message);
        self.roots.iter().enumerate().find_map(|(nth, root)| Some((nth, of(root)?)))
    }

    /// An office got a delivery, for the first time or again.
    pub fn sees(&mut self, seen: Seen, body: &str) {
        if let Some(known) = self.known.get(&seen.delivery) {
            let same = known == body;
            self.is(same, || format!("{} came with other bytes than before", seen.delivery));
            return;
        }
        self.known.insert(seen.delivery.clone(), body.to_owned());
        let Some((root, version)) = self.find(&seen.message) else {
            self.wrong.push(format!("{} saw {} of {}, which nobody sent", seen.office, seen.delivery, seen.message));
            return;
        };
        let meant = &self.roots[root].versions[version];
        if seen.action != "withdraw" {
            let addressed = meant.to.contains(&seen.office);
            let linked =
                meant.to.is_empty() && seen.office == COURTS[0] && self.joined.contains_key(&self.roots[root].case);
            let right = meant.note == seen.note;
            self.is(addressed || linked, || format!("{} saw {}, which was not for it", seen.office, seen.delivery));
            self.is(right, || format!("{} of {} says `{}`", seen.delivery, seen.message, seen.note));
        }
        let of = |other: &&Seen| other.office == seen.office && other.action != "withdraw";
        let had = self.seen.iter().filter(of).any(|other| other.message == seen.replaces);
        self.is(if seen.action == "new" { seen.replaces.is_empty() } else { had }, || {
            format!("{} of {} replaces `{}`", seen.delivery, seen.message, seen.replaces)
        });
        if version == 0 && seen.action == "new" && self.roots[root].kind == "paper" {
            self.in_order(&seen, root);
        }
        self.seen.push(seen);
    }

    /// An original paper comes after every earlier original paper of its case to that office that the office ever sees.
    fn in_order(&mut self, seen: &Seen, root: usize) {
        let case = self.roots[root].case;
        let later = |other: &&Seen| {
            let Some((nth, version)) = self.find(&other.message) else { return false };
            let theirs = &self.roots[nth];
            other.office == seen.office && other.action == "new" && version == 0 && theirs.kind == "paper"
                && theirs.case == case && nth > root
                // What found its office by a link stands where the link put it.
                && !theirs.versions[0].to.is_empty()
        };
        let by_link = self.roots[root].versions[0].to.is_empty();
        if let Some(other) = self.seen.iter().find(later).filter(|_| !by_link) {
            let line = format!(
                "{}: {} came before {}, which was accepted earlier",
                seen.office, other.delivery, seen.delivery
            );
            self.wrong.push(line);
        }
    }

    /// What an office holds of a record by all that it saw: the version, or nothing. Orders about liberty may pass each other
    /// and say so: of these the newest counts, of papers the last.
    fn held(&self, office: &str, root: usize) -> Option<usize> {
        let (mut held, mut newest) = (None, 0);
        let passes = self.roots[root].kind == "order";
        for seen in self.seen.iter().filter(|seen| seen.office == office) {
            match self.find(&seen.message) {
                Some((nth, version)) if nth == root && (version >= newest || !passes) => {
                    newest = version;
                    held = (seen.action != "withdraw").then_some(version);
                }
                _ => {}
            }
        }
        held
    }

    /// At the end, when everybody takes everything: each office holds the newest version of what is for it, and nothing else.
    pub fn settled(&mut self) {
        let mut wrong = Vec::new();
        for (nth, root) in self.roots.iter().enumerate() {
            for office in COURTS.into_iter().chain([PRISON]) {
                let newest = root.newest();
                let by_link = newest.to.is_empty() && office == COURTS[0] && self.joined.contains_key(&root.case);
                if newest.to.is_empty() && self.parted.contains(&root.case) {
                    continue;
                }
                let due = !root.withdrawn && (newest.to.contains(office) || by_link);
                let wanted = due.then_some(root.versions.len() - 1);
                let held = self.held(office, nth);
                if held != wanted {
                    wrong.push(format!("{office} holds version {held:?} of {} and should hold {wanted:?}", newest.id));
                }
            }
        }
        self.wrong.extend(wrong);
        for said in self.said.clone() {
            let times = self.heard.values().filter(|heard| **heard == said).count();
            self.is(times == 1, || format!("the outcome {said:?} came back {times} times"));
        }
        let mut once: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        for seen in &self.seen {
            *once.entry((seen.office.clone(), seen.message.clone(), seen.action.clone())).or_default() += 1;
        }
        for (what, times) in once.into_iter().filter(|(_, times)| *times > 1) {
            self.wrong.push(format!("{what:?} went out under {times} delivery ids"));
        }
    }
}
