//! Links between case keys: how they are written, how they end, and what follows from those that are alive. A link is data
//! with a source and a date, never a merge: everything here is asked anew over the links, so that ending one undoes it.
//! Pure; the store reads the rows. Read `entry` for how a record brings one.

use super::{Journal, JournalError, NewLink, SnapshotAsk};
use crate::clock::Timestamp;
use crate::identifiers::{CaseKey, MessageId};

/// Keys that one case is followed through: a case has a handful.
const MOST: usize = 64;

/// A link with its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// Its number in this store; later links have higher ones.
    pub number: u64,
    /// Type and ends.
    pub link: NewLink,
    /// When, as the record that brought it says; else when it was accepted or ordered.
    pub at: Timestamp,
    /// The message that brought it: a record, or the outcome whose reference names a case. `None`: a person did.
    pub message: Option<MessageId>,
    /// The person who ordered it, and why.
    pub ordered: Option<Ordered>,
    /// When it ended, by whom and why; `None`: it is alive.
    pub ended: Option<(Timestamp, Ordered)>,
}

/// Who did something and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// A person's name; `correction` where the record that brought a link was corrected or withdrawn.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What is asked of links.
#[derive(Clone, Debug)]
pub enum LinkVerb {
    /// A person joins two keys. One that is alive stays as it is.
    Join(NewLink, Ordered, Timestamp),
    /// A person ends a link; it stays in the history.
    Part(NewLink, Ordered, Timestamp),
    /// Every link of a key, ended ones too, oldest first.
    Of(CaseKey),
}

/// A link that is alive, as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joint {
    /// Its number.
    pub number: u64,
    /// Type and ends.
    pub link: NewLink,
    /// See `LinkRow::at`.
    pub at: Timestamp,
    /// A person ordered it: it decides between others.
    pub ordered: bool,
}

/// The links that are alive around some keys, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joints(pub Vec<Joint>);

/// All numbers of the cases that these keys name, as the links of now join them.
pub async fn joined(journal: &dyn Journal, keys: &[CaseKey]) -> Result<Vec<CaseKey>, JournalError> {
    let cases: Vec<CaseKey> = keys.iter().filter(|key| !key.is_item()).cloned().collect();
    let known = journal.snapshot(SnapshotAsk { cases: cases.clone(), ..SnapshotAsk::default() }).await?;
    Ok(known.links.same(&cases))
}

/// A case number of a court, and the link that led to it; `None`: the record names it.
pub type Docket<'j> = (CaseKey, Option<&'j Joint>);

impl Joints {
    /// These keys and all that `same` joins to them. One court's case never leads through a FIR to another court's: that
    /// the two share a FIR does not make them one.
    pub fn same(&self, keys: &[CaseKey]) -> Vec<CaseKey> {
        self.walk(keys, &|joint, key| (joint.link.link == "same").then(|| other(joint, key)).flatten())
    }

    /// The same, and the numbers under which the case was known before: the FIR that a zero FIR became, the case that was
    /// committed, transferred, split or appealed from. Where the station of a case is looked for.
    pub fn origins(&self, keys: &[CaseKey]) -> Vec<CaseKey> {
        self.walk(keys, &|joint, key| match joint.link.link.as_str() {
            "same" | "zero-fir-of" => other(joint, key),
            "committed-to" | "transferred-to" => (joint.link.to == *key).then(|| joint.link.from.clone()),
            "split-from" | "appeal-of" => (joint.link.from == *key).then(|| joint.link.to.clone()),
            _ => None,
        })
    }

    /// These keys and every other number that the same matter has or had. Cases that were clubbed or that answer each other
    /// are not the same matter.
    pub fn around(&self, keys: &[CaseKey]) -> Vec<CaseKey> {
        let apart = |link: &str| matches!(link, "clubbed-with" | "counter-case");
        self.walk(keys, &|joint, key| if apart(&joint.link.link) { None } else { other(joint, key) })
    }

    /// The court case numbers that a case has now: what the newest committal or transfer made of each. Several where
    /// several courts have cases of one FIR and the keys do not say which is meant; a person's link decides between them.
    pub fn dockets(&self, keys: &[CaseKey]) -> Vec<Docket<'_>> {
        let near = self.walk(keys, &|joint, key| match joint.link.link.as_str() {
            "same" | "zero-fir-of" => other(joint, key),
            _ => None,
        });
        let mut first: Vec<Docket<'_>> =
            near.iter().filter(|key| is_cnr(key)).map(|cnr| self.entered(cnr, &near)).collect();
        // Where the record itself names a court's case, links of its FIR to others do not count.
        if first.iter().any(|(cnr, _)| keys.contains(cnr)) {
            first.retain(|(cnr, _)| keys.contains(cnr));
        } else if first.iter().any(|(_, link)| link.is_some_and(|link| link.ordered)) {
            first.retain(|(_, link)| link.is_some_and(|link| link.ordered));
        }
        let mut dockets: Vec<Docket<'_>> = Vec::new();
        for docket in first.into_iter().map(|docket| self.followed(docket)) {
            if !dockets.iter().any(|(cnr, _)| *cnr == docket.0) {
                dockets.push(docket);
            }
        }
        dockets
    }

    /// A FIR (or another number that is no court's) that `same` joins to cases of several courts, where no other link says
    /// how those hang together: nobody can say which is meant.
    pub fn ambiguous(&self, keys: &[CaseKey]) -> Vec<(CaseKey, Vec<CaseKey>)> {
        let mut found: Vec<(CaseKey, Vec<CaseKey>)> = Vec::new();
        for key in self.same(keys).into_iter().filter(|key| !is_cnr(key)) {
            let joins = |joint: &&Joint| joint.link.link == "same";
            let mut cnrs: Vec<CaseKey> = Vec::new();
            for cnr in self.0.iter().filter(joins).filter_map(|joint| other(joint, &key)).filter(is_cnr) {
                if !cnrs.iter().any(|known| *known == cnr || self.explained(known, &cnr)) {
                    cnrs.push(cnr);
                }
            }
            if cnrs.len() > 1 {
                found.push((key, cnrs));
            }
        }
        found
    }

    /// Some chain of links between two courts' cases says how they hang together.
    fn explained(&self, one: &CaseKey, two: &CaseKey) -> bool {
        let mut reached = vec![one.clone()];
        let mut next = 0;
        while let Some(key) = reached.get(next).cloned() {
            next += 1;
            for far in self.0.iter().filter_map(|joint| other(joint, &key)).filter(is_cnr) {
                if !reached.contains(&far) && reached.len() < MOST {
                    reached.push(far);
                }
            }
        }
        reached.contains(two)
    }

    /// A court's case number with the newest link by which the case has it.
    fn entered(&self, cnr: &CaseKey, near: &[CaseKey]) -> Docket<'_> {
        let joins =
            |joint: &&Joint| joint.link.link == "same" && other(joint, cnr).is_some_and(|far| near.contains(&far));
        (cnr.clone(), self.0.iter().filter(joins).max_by_key(|joint| (joint.ordered, joint.at, joint.number)))
    }

    /// Where a court's case went from here: along the newest committal or transfer, and back only along a later one.
    fn followed<'j>(&'j self, docket: Docket<'j>) -> Docket<'j> {
        let (mut cnr, mut by) = docket;
        let mut seen = vec![cnr.clone()];
        while seen.len() < MOST {
            let stamp = |joint: &Joint| (joint.at, joint.number);
            let onward = self.0.iter().filter(|joint| {
                let moves = matches!(joint.link.link.as_str(), "committed-to" | "transferred-to");
                let back = seen.contains(&joint.link.to) && by.is_none_or(|by| stamp(joint) <= stamp(by));
                moves && joint.link.from == cnr && !back
            });
            let Some(newest) = onward.max_by_key(|joint| stamp(joint)) else { break };
            cnr = newest.link.to.clone();
            by = Some(newest);
            seen.push(cnr.clone());
        }
        (cnr, by)
    }

    fn walk(&self, keys: &[CaseKey], step: &dyn Fn(&Joint, &CaseKey) -> Option<CaseKey>) -> Vec<CaseKey> {
        let mut reached = keys.to_vec();
        // Once a court's case was met, no number that courts share leads to another one.
        let anchored = keys.iter().any(is_cnr);
        let mut past: Vec<bool> = vec![anchored; keys.len()];
        let mut next = 0;
        while let (Some(key), Some(passed)) = (reached.get(next).cloned(), past.get(next).copied()) {
            next += 1;
            for far in self.0.iter().filter_map(|joint| step(joint, &key)) {
                let barred = passed && is_cnr(&far) && !is_cnr(&key);
                if !barred && !reached.contains(&far) && reached.len() < MOST {
                    past.push(passed || is_cnr(&far));
                    reached.push(far);
                }
            }
        }
        reached
    }
}

impl NewLink {
    /// What is wrong with a link of this type between these keys; `None`: it can be.
    pub fn misfit(&self) -> Option<&'static str> {
        let schemes = (self.from.scheme(), self.to.scheme());
        match self.link.as_str() {
            _ if self.from == self.to => Some("a case is not linked to itself"),
            "same" if schemes == ("cnr", "cnr") => Some(
                "two CNRs are two cases; say how one came from the other: `committed-to`, `transferred-to`, `split-from`",
            ),
            "zero-fir-of" if schemes != ("fir", "zero-fir") => Some("`zero-fir-of` goes from a FIR to a zero FIR"),
            "committed-to" | "transferred-to" | "split-from" | "appeal-of" if schemes != ("cnr", "cnr") => {
                Some("committal, transfer, split and appeal go from a CNR to a CNR")
            }
            _ => None,
        }
    }
}

/// The other end of a link of `key`.
fn other(joint: &Joint, key: &CaseKey) -> Option<CaseKey> {
    let NewLink { from, to, .. } = &joint.link;
    if from == key {
        Some(to.clone())
    } else if to == key {
        Some(from.clone())
    } else {
        None
    }
}

fn is_cnr(key: &CaseKey) -> bool {
    key.scheme() == "cnr"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> CaseKey {
        CaseKey::parse(text).unwrap()
    }

    /// Links as `type from to`, in the order in which they were made.
    fn joints(texts: &[&str]) -> Joints {
        let joint = |(text, n): (&&str, u64)| {
            let [link, from, to] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let link = NewLink { link: link.trim_start_matches('!').to_owned(), from: key(from), to: key(to) };
            let at = Timestamp::from_millis(i64::try_from(n).unwrap());
            Joint { number: n, link, at, ordered: text.starts_with('!') }
        };
        Joints(texts.iter().zip(1..).map(joint).collect())
    }

    fn dockets(links: &[&str], keys: &[&str]) -> Vec<String> {
        let keys: Vec<CaseKey> = keys.iter().map(|text| key(text)).collect();
        joints(links).dockets(&keys).iter().map(|(cnr, _)| cnr.value().to_owned()).collect()
    }

    #[test]
    fn one_courts_case_never_leads_through_a_fir_to_anothers() {
        let links = joints(&["same fir/F cnr/A", "same fir/F cnr/B"]);
        assert_eq!(links.same(&[key("cnr/A")]), [key("cnr/A"), key("fir/F")]);
        assert_eq!(links.same(&[key("fir/F")]), [key("fir/F"), key("cnr/A"), key("cnr/B")]);
        assert_eq!(links.same(&[key("fir/F"), key("cnr/B")]), [key("fir/F"), key("cnr/B")]);
    }

    #[test]
    fn the_court_of_a_case_is_where_its_newest_committal_or_transfer_took_it() {
        let moves = ["same fir/F cnr/A", "committed-to cnr/A cnr/B", "transferred-to cnr/B cnr/C"];
        assert_eq!(dockets(&moves, &["fir/F"]), ["C"]);
        assert_eq!(dockets(&moves, &["cnr/A"]), ["C"]);
        assert_eq!(
            dockets(&["transferred-to cnr/A cnr/B", "transferred-to cnr/B cnr/A"], &["cnr/A"]),
            ["A"],
            "and back"
        );
        let again = ["transferred-to cnr/A cnr/B", "transferred-to cnr/B cnr/A", "transferred-to cnr/A cnr/B"];
        assert_eq!(dockets(&again, &["cnr/A"]), ["B"]);
        assert_eq!(dockets(&["appeal-of cnr/H cnr/A"], &["cnr/A"]), ["A"], "an appeal is another case");
    }

    #[test]
    fn several_courts_of_one_fir_are_all_named_until_a_person_decides() {
        let two = ["same fir/F cnr/A", "same fir/F cnr/B"];
        assert_eq!(dockets(&two, &["fir/F"]), ["A", "B"]);
        assert_eq!(dockets(&two, &["fir/F", "cnr/B"]), ["B"], "the record says which");
        assert_eq!(dockets(&[two[0], two[1], "!same fir/F cnr/B"], &["fir/F"]), ["B"]);
        assert_eq!(joints(&two).ambiguous(&[key("fir/F")]), [(key("fir/F"), vec![key("cnr/A"), key("cnr/B")])]);
        let split = joints(&[two[0], two[1], "split-from cnr/B cnr/A"]);
        assert!(split.ambiguous(&[key("fir/F")]).is_empty(), "a split says how they hang together");
    }

    #[test]
    fn the_station_is_found_through_what_the_case_was_before() {
        let links = joints(&["zero-fir-of fir/F zero-fir/Z", "same fir/F cnr/A", "committed-to cnr/A cnr/B"]);
        assert!(links.origins(&[key("cnr/B")]).contains(&key("fir/F")));
        assert!(links.origins(&[key("zero-fir/Z")]).contains(&key("fir/F")));
        assert!(!links.origins(&[key("cnr/A")]).contains(&key("cnr/B")), "not what it became");
    }
}
