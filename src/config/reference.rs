//! `config/reference/*.csv`: which offices there are, and which office answers for which, from when to when.
//! Every row has `valid_from, valid_to, successor, source`. Two columns say what a table joins; see `JOINS`.
//! Nothing is guessed: a table that is not there answers nothing.

use std::collections::{BTreeMap, HashMap};

use super::document::{Findings, meant};
use super::folder::Folder;
use super::jurisdiction;
use crate::identifiers::OfficeId;

/// Where the tables lie.
pub(super) const DIR: &str = "config/reference/";

/// Tables that list offices: name, the column of the office's code, the class of the office.
pub(super) const LISTS: [(&str, &str, &str); 8] = [
    ("police_stations", "national", "ps"),
    ("agencies", "agency", "agency"),
    ("courts", "establishment", "court"),
    ("boards", "board", "jjb"),
    ("prisons", "prison", "prison"),
    ("homes", "home", "home"),
    ("laboratories", "laboratory", "lab"),
    ("prosecution_offices", "office", "pp"),
];

/// Tables that join one office to another: name, column that is looked up, column that answers, class of the answer.
pub(super) const JOINS: [(&str, &str, &str, &str); 6] = [
    ("ps_court", "station", "court", "court"),
    ("ps_board", "station", "board", "jjb"),
    ("ps_laboratory", "station", "laboratory", "lab"),
    ("court_prison", "court", "prison", "prison"),
    ("board_home", "board", "home", "home"),
    ("court_prosecution", "court", "office", "pp"),
];

/// The table that lists the offices of a class; empty where none does.
pub(super) fn list_of(class: &str) -> &'static str {
    LISTS.iter().find(|(.., of)| *of == class).map_or("", |(table, ..)| *table)
}

/// Columns that every table has, and columns that a table may have besides.
const VALIDITY: [&str; 4] = ["valid_from", "valid_to", "successor", "source"];
const BESIDES: [&str; 20] = [
    "state",
    "class",
    "name",
    "name_hi",
    "lgd",
    "kind",
    "state_code",
    "district",
    "division",
    "sex",
    "age",
    "category",
    "court_no",
    "address",
    "telephone",
    "pillar",
    "desk",
    "title",
    "type",
    "local",
];

/// All reference tables of a revision.
#[derive(Debug, Default)]
pub struct Reference {
    pub(super) joins: BTreeMap<&'static str, HashMap<String, Vec<Row>>>,
    pub(super) lists: BTreeMap<&'static str, Vec<Listed>>,
    /// Places in its list of each listed office.
    pub(super) listed: HashMap<OfficeId, Vec<usize>>,
    pub(super) desks: Vec<Desk>,
}

/// One row of a joining table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The office that answers.
    pub office: OfficeId,
    /// Such as `magistrate`; empty where the table has no classes.
    pub class: String,
    /// For which divisions it is, where the table says so (`biology|dna`).
    pub divisions: Vec<String>,
    /// For whom it is: column and what it takes; empty: for everybody.
    pub only: Vec<(&'static str, Only)>,
    /// First day, `yyyy-MM-dd`; empty: always.
    pub from: String,
    /// Last day; empty: still.
    pub to: String,
    /// Line in its file.
    pub line: usize,
}

/// What a row takes in one of the columns `sex`, `age`, `category`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Only {
    /// One of these codes (`male|transgender`).
    Codes(Vec<String>),
    /// Years, both ends included (`18-21`, `21-`).
    Years(u64, u64),
}

/// The columns that say for whom a row is.
pub const FOR_WHOM: [&str; 3] = ["sex", "age", "category"];

impl Only {
    fn parse(column: &str, cell: &str) -> Result<Self, String> {
        if column != "age" {
            return Ok(Self::Codes(cell.split('|').map(|code| code.trim().to_owned()).collect()));
        }
        let (low, high) = cell.split_once('-').unwrap_or((cell, cell));
        let years = |text: &str, open: u64| if text.is_empty() { Ok(open) } else { text.trim().parse::<u64>() };
        match (years(low, 0), years(high, u64::MAX)) {
            (Ok(low), Ok(high)) if low <= high => Ok(Self::Years(low, high)),
            _ => Err(format!("`age` is `{cell}`; write `18-21`, `21-` or `-17`")),
        }
    }

    /// Whether it takes a value of a record.
    pub fn takes(&self, value: &serde_json::Value) -> bool {
        match self {
            Self::Codes(codes) => value.as_str().is_some_and(|value| codes.iter().any(|code| code == value)),
            Self::Years(low, high) => value.as_u64().is_some_and(|years| (*low..=*high).contains(&years)),
        }
    }
}

/// A row of a list of offices.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) office: OfficeId,
    pub(super) state: String,
    pub(super) kind: String,
    /// The divisions that it has (`biology|dna`).
    pub(super) divisions: Vec<String>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) successor: Option<OfficeId>,
    pub(super) line: usize,
}

/// An office that has closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Its last day.
    pub on: String,
    /// Who took its work over.
    pub successor: Option<OfficeId>,
    /// The row that says so: `prisons line 4`.
    pub row: String,
}

/// The default desk of a State for a pillar.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) state: String,
    pub(super) pillar: String,
    pub(super) office: OfficeId,
    pub(super) line: usize,
}

impl Reference {
    /// Reads every table of the folder.
    pub(super) fn compile(folder: &Folder, findings: &Findings) -> Self {
        let mut reference = Self::default();
        for (path, contents) in &folder.files {
            let Some(name) = path.strip_prefix(DIR).and_then(|rest| rest.strip_suffix(".csv")) else { continue };
            let Some(table) = Table::read(path, contents, findings) else { continue };
            let list = LISTS.iter().find(|(known, ..)| *known == name);
            let join = JOINS.iter().find(|(known, ..)| *known == name);
            match (list, join) {
                (Some((name, column, class)), _) => reference.list(name, column, class, &table, findings),
                (None, Some((name, from, to, class))) => reference.join(name, from, to, class, &table, findings),
                (None, None) if name == "desks" => reference.desks(&table, findings),
                (None, None) => {
                    let known = LISTS.iter().map(|(name, ..)| *name).chain(JOINS.iter().map(|(name, ..)| *name));
                    findings.error(path, 0, format!("unknown reference table `{name}`{}", meant(name, known)));
                }
            }
        }
        jurisdiction::check(&reference, findings);
        reference
    }

    /// The names of joining tables that exist, whether or not there is one in this revision.
    pub fn joining() -> impl Iterator<Item = &'static str> {
        JOINS.iter().map(|(name, ..)| *name)
    }

    /// Whether the listing table is there.
    pub fn has_list(&self, table: &str) -> bool {
        self.lists.contains_key(table)
    }

    /// The offices that a listing table names today in a State (all of them where `state` is empty).
    pub fn offices(&self, table: &str, state: &str) -> Vec<OfficeId> {
        let rows = self.lists.get(table).map(Vec::as_slice).unwrap_or_default();
        let wanted = |row: &&Listed| (state.is_empty() || row.state == state) && row.to.is_empty();
        rows.iter().filter(wanted).map(|row| row.office.clone()).collect()
    }

    /// Whether an office has closed before a day (`yyyy-MM-dd`; empty: nothing can be said).
    pub fn closed(&self, office: &OfficeId, day: &str) -> Option<Closed> {
        let (table, ..) = LISTS.iter().find(|(.., class)| *class == office.class())?;
        let rows = self.listed.get(office)?;
        let open = |row: &&Listed| row.to.is_empty() || day.is_empty() || row.to.as_str() >= day;
        let rows = || rows.iter().filter_map(|place| self.lists.get(table)?.get(*place));
        if rows().any(|row| open(&row)) {
            return None;
        }
        let last = rows().max_by(|one, two| one.to.cmp(&two.to))?;
        let row = format!("{table} line {}", last.line);
        Some(Closed { on: last.to.clone(), successor: last.successor.clone(), row })
    }

    /// The State of an office, by the lists; a court's number is of its establishment.
    pub fn state(&self, office: &OfficeId) -> Option<&str> {
        let (table, ..) = LISTS.iter().find(|(.., class)| *class == office.class())?;
        let registry = || OfficeId::parse(office.as_str().split('/').next()?).ok();
        let places = self.listed.get(office).or_else(|| self.listed.get(&registry()?))?;
        let row = self.lists.get(table)?.get(*places.first()?)?;
        Some(row.state.as_str())
    }

    /// The rows of a joining table for an office's code on a day (`yyyy-MM-dd`; empty: those that hold still), of one class
    /// (empty: any).
    pub fn rows(&self, table: &str, code: &str, class: &str, day: &str) -> Vec<&Row> {
        let rows = self.joins.get(table).and_then(|table| table.get(code)).map(Vec::as_slice).unwrap_or_default();
        // ISO days compare as texts.
        let holds = |row: &&Row| {
            let begun = row.from.is_empty() || day.is_empty() || row.from.as_str() <= day;
            let lasts = row.to.is_empty() || (!day.is_empty() && day <= row.to.as_str());
            begun && lasts && (class.is_empty() || row.class.is_empty() || row.class == class)
        };
        rows.iter().filter(holds).collect()
    }

    /// The offices that have a division and are `office` or a part of it (`lab:DLFSL/BIO` of `lab:DLFSL`). One that the list
    /// gives no divisions, nor any of its parts, has whatever is asked.
    pub fn divisions(&self, office: &OfficeId, division: &str) -> Vec<OfficeId> {
        let part = format!("{office}/");
        let rows = self.lists.get(list_of(office.class())).map(Vec::as_slice).unwrap_or_default();
        let own = |row: &&Listed| row.office == *office || row.office.as_str().starts_with(&part);
        let open = rows.iter().filter(|row| row.to.is_empty());
        let known: Vec<&Listed> = open.filter(own).filter(|row| !row.divisions.is_empty()).collect();
        if known.is_empty() {
            return vec![office.clone()];
        }
        let has = |row: &&&Listed| row.divisions.iter().any(|one| one == division);
        known.iter().filter(has).map(|row| row.office.clone()).collect()
    }

    /// Whether the list of agencies has that code: FIRs of its numbers are an agency's, not a police station's.
    pub fn is_agency(&self, code: &str) -> bool {
        OfficeId::parse(&format!("agency:{code}")).is_ok_and(|office| self.listed.contains_key(&office))
    }

    /// Column of a joining table that is looked up: `station`, `court` or `board`.
    pub fn key_of(table: &str) -> Option<&'static str> {
        JOINS.iter().find(|(name, ..)| *name == table).map(|(_, key, ..)| *key)
    }

    /// The class of the offices that a joining table answers with, such as `court`.
    pub fn answer_of(table: &str) -> Option<&'static str> {
        JOINS.iter().find(|(name, ..)| *name == table).map(|(.., class)| *class)
    }

    /// The default desk of a State for a pillar, with its line.
    pub fn desk(&self, state: &str, pillar: &str) -> Option<(&OfficeId, usize)> {
        let fits = |desk: &&Desk| desk.pillar == pillar && (desk.state.is_empty() || desk.state == state);
        self.desks.iter().find(fits).map(|desk| (&desk.office, desk.line))
    }

    fn list(&mut self, name: &'static str, column: &str, class: &str, table: &Table<'_>, findings: &Findings) {
        table.check_columns(&[column], findings);
        let mut rows = Vec::new();
        for row in &table.rows {
            let Some(office) = table.office(row, column, class, findings) else { continue };
            let successor = table.at(row, "successor");
            let successor = if successor.is_empty() { None } else { table.office(row, "successor", class, findings) };
            self.listed.entry(office.clone()).or_default().push(rows.len());
            let at = |column: &str| table.at(row, column).to_owned();
            let (state, kind, from, to) = (at("state"), at("kind"), at("valid_from"), at("valid_to"));
            let divisions = divisions(table, row);
            rows.push(Listed { office, state, kind, divisions, from, to, successor, line: row.line });
        }
        self.lists.insert(name, rows);
    }

    fn join(&mut self, name: &'static str, from: &str, to: &str, class: &str, table: &Table<'_>, findings: &Findings) {
        table.check_columns(&[from, to], findings);
        let mut rows: HashMap<String, Vec<Row>> = HashMap::new();
        for row in &table.rows {
            let Some(office) = table.office(row, to, class, findings) else { continue };
            let key = table.at(row, from);
            let key = key.split_once(':').map_or(key, |(_, code)| code).to_owned();
            if key.is_empty() {
                findings.error(table.path, row.line, format!("`{from}` is empty"));
                continue;
            }
            rows.entry(key).or_default().push(Row {
                office,
                only: for_whom(table, row, findings),
                divisions: divisions(table, row),
                class: table.at(row, "class").to_owned(),
                from: table.at(row, "valid_from").to_owned(),
                to: table.at(row, "valid_to").to_owned(),
                line: row.line,
            });
        }
        self.joins.insert(name, rows);
    }

    fn desks(&mut self, table: &Table<'_>, findings: &Findings) {
        table.check_columns(&["pillar", "office"], findings);
        for row in &table.rows {
            let Some(office) = table.office(row, "office", "", findings) else { continue };
            let state = table.at(row, "state").to_owned();
            self.desks.push(Desk { state, pillar: table.at(row, "pillar").to_owned(), office, line: row.line });
        }
    }
}

fn divisions(table: &Table<'_>, row: &Cells) -> Vec<String> {
    table.at(row, "division").split('|').map(str::trim).filter(|code| !code.is_empty()).map(str::to_owned).collect()
}

fn for_whom(table: &Table<'_>, row: &Cells, findings: &Findings) -> Vec<(&'static str, Only)> {
    let mut only = Vec::new();
    for column in FOR_WHOM {
        let cell = table.at(row, column);
        match if cell.is_empty() { continue } else { Only::parse(column, cell) } {
            Ok(one) => only.push((column, one)),
            Err(message) => findings.error(table.path, row.line, message),
        }
    }
    only
}

/// A CSV file with a header line.
struct Table<'f> {
    path: &'f str,
    columns: Vec<String>,
    rows: Vec<Cells>,
}

struct Cells {
    line: usize,
    cells: Vec<String>,
}

impl<'f> Table<'f> {
    fn read(path: &'f str, contents: &[u8], findings: &Findings) -> Option<Self> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(contents);
        let columns = match reader.headers() {
            Ok(header) => header.iter().map(str::to_owned).collect(),
            Err(error) => {
                findings.error(path, 1, format!("cannot be read: {error}"));
                return None;
            }
        };
        let mut rows = Vec::new();
        for record in reader.records() {
            let line =
                |position: Option<&csv::Position>| position.map_or(0, |at| usize::try_from(at.line()).unwrap_or(0));
            match record {
                Ok(record) => {
                    let cells = record.iter().map(str::to_owned).collect();
                    rows.push(Cells { line: line(record.position()), cells });
                }
                Err(error) => findings.error(path, line(error.position()), format!("cannot be read: {error}")),
            }
        }
        let table = Self { path, columns, rows };
        table.check_days(findings);
        Some(table)
    }

    fn at<'r>(&self, row: &'r Cells, column: &str) -> &'r str {
        let place = self.columns.iter().position(|name| name == column);
        place.and_then(|place| row.cells.get(place)).map_or("", String::as_str)
    }

    fn office(&self, row: &Cells, column: &str, class: &str, findings: &Findings) -> Option<OfficeId> {
        let code = self.at(row, column);
        let text = if code.contains(':') { code.to_owned() } else { format!("{class}:{code}") };
        match OfficeId::parse(&text) {
            Ok(office) if class.is_empty() || office.class() == class => Some(office),
            Ok(office) => {
                findings.error(self.path, row.line, format!("`{office}` is no `{class}:`"));
                None
            }
            Err(message) => {
                findings.error(self.path, row.line, message);
                None
            }
        }
    }

    fn check_columns(&self, needed: &[&str], findings: &Findings) {
        let known = || needed.iter().chain(VALIDITY.iter()).chain(BESIDES.iter()).copied();
        for column in self.columns.iter().filter(|column| !known().any(|name| name == *column)) {
            findings.error(self.path, 1, format!("unknown column `{column}`{}", meant(column, known())));
        }
        for column in needed.iter().chain(VALIDITY.iter()) {
            if !self.columns.iter().any(|name| name == column) {
                findings.error(self.path, 1, format!("column `{column}` is missing"));
            }
        }
    }

    fn check_days(&self, findings: &Findings) {
        for row in &self.rows {
            for column in ["valid_from", "valid_to"] {
                let day = self.at(row, column);
                if !day.is_empty() && day.parse::<jiff::civil::Date>().is_err() {
                    findings.error(self.path, row.line, format!("`{column}` is `{day}`; write `2026-11-22`"));
                }
            }
        }
    }
}

/// The day after a day; `None` for what is no day.
pub(super) fn day_after(day: &str) -> Option<String> {
    Some(day.parse::<jiff::civil::Date>().ok()?.tomorrow().ok()?.to_string())
}
