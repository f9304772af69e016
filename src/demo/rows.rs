//! Who gets what, row by row, as the demo's systems expect it: written down here from the law, not read from the gateway's routes.
//! The books are held against it: nobody gets a kind that is not his, who must get it always does, and each row has run.

use std::collections::HashMap;

use super::books::{Books, Expect, Final};

/// Who sends a kind, and who gets it.
#[derive(Debug)]
pub struct Row {
    kind: &'static str,
    from: &'static [&'static str],
    to: &'static [(&'static str, How)],
}

/// Whether every record of the kind goes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Always,
    Sometimes,
}

use How::{Always, Sometimes};

const POLICE: &[&str] = &["cctns", "agency"];
const PARTIES: &[(&str, How)] = &[("ecourts", Always), ("eprosecution", Always), ("jjb", Sometimes)];

/// The table. Systems by the first part of their names.
const ROWS: &[Row] = &[
    Row {
        kind: "fir",
        from: POLICE,
        to: &[("ecourts", Always), ("eprosecution", Always), ("cctns", Sometimes), ("jjb", Sometimes)],
    },
    Row {
        kind: "arrest",
        from: POLICE,
        to: &[("ecourts", Always), ("eprosecution", Always), ("eprisons", Sometimes), ("jjb", Sometimes)],
    },
    Row { kind: "crime-details", from: POLICE, to: PARTIES },
    Row { kind: "seizure", from: POLICE, to: PARTIES },
    Row { kind: "scrutiny-request", from: POLICE, to: &[("eprosecution", Always)] },
    Row { kind: "prosecution-opinion", from: &["eprosecution"], to: &[("cctns", Sometimes), ("agency", Sometimes)] },
    Row {
        kind: "charge-sheet",
        from: POLICE,
        to: &[("ecourts", Always), ("eprosecution", Always), ("eprisons", Sometimes), ("jjb", Sometimes)],
    },
    Row {
        kind: "case-registration",
        from: &["ecourts"],
        to: &[
            ("cctns", Sometimes),
            ("agency", Sometimes),
            ("eprosecution", Always),
            ("eprisons", Sometimes),
            ("eforensics", Sometimes),
            ("ecourts", Sometimes),
        ],
    },
    Row {
        kind: "court-order",
        from: &["ecourts"],
        to: &[
            ("cctns", Sometimes),
            ("agency", Sometimes),
            ("icops", Sometimes),
            ("eprisons", Sometimes),
            ("eprosecution", Always),
            ("ecourts", Sometimes),
            ("eforensics", Sometimes),
            ("nafis", Sometimes),
            ("jjb", Sometimes),
            ("home", Sometimes),
        ],
    },
    Row {
        kind: "process-report",
        from: &["cctns", "eprisons", "icops"],
        to: &[("ecourts", Always), ("eprosecution", Always)],
    },
    Row {
        kind: "custody-update",
        from: &["eprisons"],
        to: &[
            ("cctns", Sometimes),
            ("agency", Sometimes),
            ("ecourts", Always),
            ("eprosecution", Always),
            ("eprisons", Sometimes),
            ("jjb", Sometimes),
            ("home", Sometimes),
        ],
    },
    Row {
        kind: "exhibit-movement",
        from: &["cctns", "eforensics", "ecourts"],
        to: &[("cctns", Sometimes), ("eforensics", Sometimes), ("ecourts", Sometimes), ("eprosecution", Always)],
    },
    Row {
        kind: "forensic-requisition",
        from: &["cctns", "ecourts"],
        to: &[("eforensics", Always), ("ecourts", Sometimes), ("eprosecution", Always)],
    },
    Row {
        kind: "forensic-report",
        from: &["eforensics"],
        to: &[("cctns", Sometimes), ("ecourts", Always), ("eprosecution", Always)],
    },
    Row { kind: "fingerprint-search", from: &["cctns", "eprisons"], to: &[("nafis", Always)] },
    Row { kind: "fingerprint-result", from: &["nafis"], to: &[("cctns", Sometimes), ("eprisons", Sometimes)] },
    Row { kind: "court-disposal", from: &["ecourts"], to: ENDINGS },
    Row { kind: "appeal", from: &["ecourts"], to: APPEALS },
];

const ENDINGS: &[(&str, How)] =
    &[("cctns", Sometimes), ("agency", Sometimes), ("eprisons", Sometimes), ("eprosecution", Always)];
const APPEALS: &[(&str, How)] = &[
    ("cctns", Sometimes),
    ("agency", Sometimes),
    ("eprisons", Sometimes),
    ("eprosecution", Always),
    ("ecourts", Sometimes),
];

/// Receivers of whom the table's rows do not depend: a Board and a home get what concerns a child, which scenarios play; an
/// agency gets of its own cases what the station of a FIR gets.
const BESIDES: [&str; 3] = ["jjb", "home", "agency"];

/// The family of a system: the first part of its name.
fn family(system: &str) -> &str {
    system.split('-').next().unwrap_or_default()
}

/// How often a row ran: records sent by each, and copies that stand in the books of each receiver.
#[derive(Debug)]
pub struct Ran {
    row: &'static Row,
    from: Vec<usize>,
    to: Vec<usize>,
}

impl Ran {
    /// The row's kind.
    pub fn kind(&self) -> &'static str {
        self.row.kind
    }

    /// Who sent how many.
    pub fn from(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.row.from.iter().copied().zip(self.from.iter().copied())
    }

    /// Who got how many.
    pub fn to(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.row.to.iter().map(|(name, _)| *name).zip(self.to.iter().copied())
    }

    /// Which part of the row never ran.
    fn missing(&self) -> Vec<String> {
        let from = self.from().filter(|(_, count)| *count == 0).map(|(name, _)| format!("from {name}"));
        let to = self.to().filter(|(name, count)| *count == 0 && !BESIDES.contains(name));
        from.chain(to.map(|(name, _)| format!("to {name}"))).collect()
    }
}

/// How often each row ran, by the books alone.
pub fn count(books: &Books) -> Vec<Ran> {
    let mut sent: HashMap<(&str, &str), usize> = HashMap::new();
    for one in books.sent.iter().filter(|one| !one.messages.is_empty()) {
        *sent.entry((one.kind, family(&one.system))).or_default() += 1;
    }
    let mut taken: HashMap<(&str, &str), usize> = HashMap::new();
    for one in &books.taken {
        *taken.entry((&one.kind, family(&one.system))).or_default() += 1;
    }
    let of = |counts: &HashMap<(&str, &str), usize>, kind, name| counts.get(&(kind, name)).copied().unwrap_or_default();
    let ran = ROWS.iter().map(|row| Ran {
        row,
        from: row.from.iter().map(|name| of(&sent, row.kind, name)).collect(),
        to: row.to.iter().map(|(name, _)| of(&taken, row.kind, name)).collect(),
    });
    ran.collect()
}

/// Rows that did not run at all, each with what is missing.
pub fn never(ran: &[Ran]) -> Vec<String> {
    let missing = ran.iter().map(|one| (one.kind(), one.missing())).filter(|(_, missing)| !missing.is_empty());
    missing.map(|(kind, missing)| format!("row `{kind}` never ran {}", missing.join(", "))).collect()
}

/// Copies that went to somebody who has no part in the kind, and records that did not go to somebody who must have them.
pub fn misdirected(books: &Books, finals: &[Final]) -> Vec<String> {
    let mut went: HashMap<&str, Vec<&str>> = HashMap::new();
    for delivery in finals {
        went.entry(&delivery.message).or_default().push(family(&delivery.system));
    }
    let mut found = Vec::new();
    for sent in books.sent.iter().filter(|sent| matches!(sent.expect, Expect::Reaches | Expect::Scripted)) {
        let Some(message) = sent.messages.first() else { continue };
        let name = format!("{} `{}` of {}", sent.kind, sent.event, sent.system);
        let Some(row) = ROWS.iter().find(|row| row.kind == sent.kind) else {
            found.push(format!("{name}: the kind stands in no row"));
            continue;
        };
        let to = went.get(message.as_str()).map(Vec::as_slice).unwrap_or_default();
        let stranger = to.iter().find(|one| !one.is_empty() && row.to.iter().all(|(known, _)| known != *one));
        found.extend(stranger.map(|one| format!("{name}: went to {one}, which has no part in it")));
        // A script says of each record where it goes; a zero FIR is the station's that has jurisdiction; a withdrawal goes only
        // where the original went.
        if sent.expect == Expect::Scripted || sent.action == "withdraw" || sent.case.starts_with("zero-fir/") {
            continue;
        }
        let lacking = row.to.iter().find(|(known, how)| *how == Always && !to.contains(known));
        found.extend(lacking.map(|(known, _)| format!("{name}: did not go to {known}")));
    }
    found
}
