//! What `icjs check` says of the reference tables as a whole: rows that name an office which no list has, two answers where
//! one is needed, days for which there is none, and successors that lead in a circle. Only the circle is an error: for
//! everything else a record is parked with its reason, and nothing is guessed.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::document::Findings;
use super::reference::{DIR, JOINS, LISTS, Listed, Reference, Row, day_after};
use crate::identifiers::OfficeId;

/// Findings of one table that are listed; the rest is counted.
const LISTED: usize = 50;
/// The class that every station needs: papers of a case go to a Magistrate first (BNSS ss.176(1), 187(1), 193(3)).
const NEEDED: &str = "magistrate";

/// Looks at all tables.
pub(super) fn check(reference: &Reference, findings: &Findings) {
    for (table, rows) in &reference.lists {
        let mut said = Said::of(table);
        successors(reference, rows, &mut said, findings);
        twice(rows, &mut said);
        said.tell(findings);
    }
    for (table, key, _, class) in JOINS {
        let Some(rows) = reference.joins.get(table) else { continue };
        let mut said = Said::of(table);
        let listed = Listing { reference, key: class_of(key), answer: class };
        let sorted: BTreeMap<&String, &Vec<Row>> = rows.iter().collect();
        for (code, rows) in sorted {
            listed.orphans(code, rows, &mut said);
            // A court may send to several prisons. Of courts of one class and of laboratories of one division a station has
            // one, and a court has one prosecution office.
            if table == "ps_laboratory" {
                listed.divisions(rows, &mut said);
            }
            if matches!(table, "ps_court" | "court_prosecution" | "ps_laboratory") {
                days(&format!("{key} {code}"), answer_word(table), rows, &mut said);
            }
        }
        said.tell(findings);
    }
    stations_without_court(reference, findings);
    courts_without_prosecution(reference, findings);
    stations_without_laboratory(reference, findings);
    for desk in &reference.desks {
        let list = LISTS.iter().find(|(_, _, class)| *class == desk.office.class()).map(|(table, ..)| *table);
        if list.is_some_and(|list| reference.has_list(list)) && !reference.listed.contains_key(&desk.office) {
            findings.warn(&format!("{DIR}desks.csv"), desk.line, format!("no list has the desk `{}`", desk.office));
        }
    }
}

/// The class of the offices whose codes stand in a column.
fn class_of(key: &'static str) -> &'static str {
    match key {
        "station" => "ps",
        "board" => "jjb",
        other => other,
    }
}

/// What is found in one table.
struct Said {
    file: String,
    found: Vec<(usize, String)>,
}

impl Said {
    fn of(table: &str) -> Self {
        Self { file: format!("{DIR}{table}.csv"), found: Vec::new() }
    }

    fn add(&mut self, line: usize, message: String) {
        self.found.push((line, message));
    }

    fn tell(mut self, findings: &Findings) {
        self.found.sort();
        let more = self.found.len().saturating_sub(LISTED);
        for (line, message) in self.found.into_iter().take(LISTED) {
            findings.warn(&self.file, line, message);
        }
        if more > 0 {
            findings.warn(&self.file, 0, format!("and {more} more of the same"));
        }
    }
}

/// The lists that a joining table is checked against.
struct Listing<'r> {
    reference: &'r Reference,
    key: &'static str,
    answer: &'static str,
}

impl Listing<'_> {
    fn orphans(&self, code: &str, rows: &[Row], said: &mut Said) {
        // An agency registers cases as a station does.
        let agency = self.key == "ps" && self.reference.is_agency(code);
        let key = OfficeId::parse(&format!("{}:{code}", self.key)).ok().filter(|key| !agency && self.unknown(key));
        for row in rows {
            if let Some(key) = &key {
                said.add(row.line, format!("no list has `{key}`"));
            }
            if row.office.class() == self.answer && self.unknown(&row.office) {
                said.add(row.line, format!("no list has `{}`", row.office));
            }
        }
    }

    /// Rows that give a laboratory a division which its own row in the list does not have.
    fn divisions(&self, rows: &[Row], said: &mut Said) {
        for row in rows {
            let has = |one: &str| self.reference.divisions(&row.office, one).contains(&row.office);
            for division in row.divisions.iter().filter(|one| !has(one)) {
                said.add(
                    row.line,
                    format!("laboratories.csv does not give `{}` the division `{division}`", row.office),
                );
            }
        }
    }

    /// Where there is no list nothing can be said.
    fn unknown(&self, office: &OfficeId) -> bool {
        let list = LISTS.iter().find(|(_, _, class)| *class == office.class()).map(|(table, ..)| *table);
        list.is_some_and(|list| self.reference.has_list(list)) && !self.reference.listed.contains_key(office)
    }
}

/// A successor that no list has, and successors that lead back.
fn successors(reference: &Reference, rows: &[Listed], said: &mut Said, findings: &Findings) {
    let next = |office: &OfficeId| {
        let places = reference.listed.get(office)?;
        places.iter().filter_map(|place| rows.get(*place)?.successor.clone()).next_back()
    };
    for row in rows {
        let Some(successor) = &row.successor else { continue };
        if row.to.is_empty() {
            said.add(row.line, format!("`{}` has a successor and no `valid_to`: it has not closed", row.office));
        }
        if !reference.listed.contains_key(successor) {
            said.add(row.line, format!("no list has the successor `{successor}`"));
        }
        let mut seen = HashSet::from([row.office.clone()]);
        let mut here = Some(successor.clone());
        while let Some(office) = here {
            if !seen.insert(office.clone()) {
                findings.error(&said.file, row.line, format!("the successors of `{}` lead in a circle", row.office));
                break;
            }
            here = next(&office);
        }
    }
}

/// One office listed twice for the same days.
fn twice(rows: &[Listed], said: &mut Said) {
    let mut by_office: BTreeMap<&OfficeId, Vec<&Listed>> = BTreeMap::new();
    for row in rows {
        by_office.entry(&row.office).or_default().push(row);
    }
    for rows in by_office.values() {
        for (nth, row) in rows.iter().enumerate() {
            let earlier = rows.iter().take(nth).find(|other| meet((&row.from, &row.to), (&other.from, &other.to)));
            if let Some(other) = earlier {
                said.add(row.line, format!("`{}` is listed for the same days in line {}", row.office, other.line));
            }
        }
    }
}

/// What a table answers with, for people.
fn answer_word(table: &str) -> &'static str {
    match table {
        "ps_court" => "court",
        "ps_laboratory" => "laboratory",
        _ => "office",
    }
}

/// What a row is for: its class, or its divisions; a row without either is for what says none.
fn things(row: &Row) -> Vec<&str> {
    if row.divisions.is_empty() { vec![&row.class] } else { row.divisions.iter().map(String::as_str).collect() }
}

/// Days with two answers for one class or division, and days between two rows with none. `who` asks the table, `answer` is
/// what it gives.
fn days(who: &str, answer: &str, rows: &[Row], said: &mut Said) {
    let classes: BTreeSet<&str> = rows.iter().flat_map(things).collect();
    let word = if rows.iter().any(|row| !row.divisions.is_empty()) { "division" } else { "class" };
    for class in classes {
        let mut own: Vec<&Row> = rows.iter().filter(|row| things(row).contains(&class)).collect();
        own.sort_by(|one, two| (&one.from, one.line).cmp(&(&two.from, two.line)));
        let what = if class.is_empty() { who.to_owned() } else { format!("{who}, {word} `{class}`") };
        for (nth, row) in own.iter().enumerate() {
            let earlier = own.iter().take(nth).find(|other| meet((&row.from, &row.to), (&other.from, &other.to)));
            if let Some(other) = earlier {
                said.add(row.line, format!("{what}: the same days as line {} name `{}` too", other.line, other.office));
            }
        }
        for pair in own.windows(2) {
            let [before, after] = pair else { continue };
            let next = day_after(&before.to);
            if let Some(next) = next.filter(|next| *next < after.from) {
                said.add(
                    after.line,
                    format!("{what}: no {answer} from {next} until this row begins on {}", after.from),
                );
            }
        }
    }
}

fn stations_without_court(reference: &Reference, findings: &Findings) {
    let (Some(stations), Some(courts)) = (reference.lists.get("police_stations"), reference.joins.get("ps_court"))
    else {
        return;
    };
    let mut said = Said::of("police_stations");
    let served = |row: &Row| row.to.is_empty() && (row.class == NEEDED || row.class.is_empty());
    let desks: HashSet<&OfficeId> = reference.desks.iter().map(|desk| &desk.office).collect();
    for station in stations.iter().filter(|row| row.to.is_empty() && row.kind != "desk" && !desks.contains(&row.office))
    {
        let rows = courts.get(station.office.code());
        if !rows.is_some_and(|rows| rows.iter().any(served)) {
            let message = format!("`{}` has no court of class `{NEEDED}` today in ps_court.csv", station.office);
            said.add(station.line, message);
        }
    }
    said.tell(findings);
}

/// Where the table has no row at all no laboratory takes part, and nobody misses one.
fn stations_without_laboratory(reference: &Reference, findings: &Findings) {
    let laboratories = reference.joins.get("ps_laboratory").filter(|rows| !rows.is_empty());
    let (Some(stations), Some(laboratories)) = (reference.lists.get("police_stations"), laboratories) else {
        return;
    };
    let mut said = Said::of("police_stations");
    let desks: HashSet<&OfficeId> = reference.desks.iter().map(|desk| &desk.office).collect();
    let open = stations.iter().filter(|row| row.to.is_empty() && row.kind != "desk");
    for station in open.filter(|row| !desks.contains(&row.office)) {
        let rows = laboratories.get(station.office.code());
        if !rows.is_some_and(|rows| rows.iter().any(|row| row.to.is_empty())) {
            said.add(station.line, format!("`{}` has no laboratory today in ps_laboratory.csv", station.office));
        }
    }
    said.tell(findings);
}

/// Establishments that have courts at work, and for which nobody prosecutes.
fn courts_without_prosecution(reference: &Reference, findings: &Findings) {
    let (Some(courts), Some(offices)) = (reference.lists.get("courts"), reference.joins.get("court_prosecution"))
    else {
        return;
    };
    let mut said = Said::of("courts");
    let desks: HashSet<&OfficeId> = reference.desks.iter().map(|desk| &desk.office).collect();
    let open = courts.iter().filter(|row| row.to.is_empty() && row.kind != "desk" && !desks.contains(&row.office));
    for court in open {
        let code = court.office.code();
        let establishment = code.split('/').next().unwrap_or_default();
        let rows = offices.get(code).or_else(|| offices.get(establishment));
        if !rows.is_some_and(|rows| rows.iter().any(|row| row.to.is_empty())) {
            let message = format!("`{}` has no prosecution office today in court_prosecution.csv", court.office);
            said.add(court.line, message);
        }
    }
    said.tell(findings);
}

/// Two spans of days (empty: open) have a day in common.
fn meet(one: (&str, &str), two: (&str, &str)) -> bool {
    let ends_before = |end: &str, start: &str| !end.is_empty() && end < start;
    !ends_before(one.1, two.0) && !ends_before(two.1, one.0)
}
