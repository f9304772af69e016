//! Code tables: a system's values and the shared codes, both ways, with labels in English and Hindi and effective dates.
//! One CSV a table, one column an adapter. Nothing is guessed: what no row says stays unknown. `mapping` reads this next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Every code table by name.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    tables: BTreeMap<String, Arc<Table>>,
}

/// One table, such as `gender`.
#[derive(Debug)]
pub struct Table {
    /// Its name: the file's, without `.csv`.
    pub name: String,
    /// Its rows in file order, without the `unknown` row.
    pub rows: Vec<Row>,
    columns: BTreeMap<String, Column>,
    first: HashMap<String, usize>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The shared code.
    pub shared: String,
    /// Its label in English.
    pub label_en: String,
    /// Its label in Hindi.
    pub label_hi: String,
    /// First day, `yyyy-MM-dd`, or empty.
    pub valid_from: String,
    /// Last day, `yyyy-MM-dd`, or empty.
    pub valid_to: String,
    /// Where the row is from.
    pub source: String,
    /// A record of this code is about somebody's liberty (the column `liberty` says `y`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub liberty: bool,
    /// What else the table says of the code: columns `fact:NAME`, those that are not empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<Box<str>, Box<str>>,
}

/// One adapter's values in a table.
#[derive(Debug, Default)]
pub struct Column {
    /// Native value to place of the row.
    to_shared: HashMap<String, usize>,
    /// Shared code to native value: the canonical one where several rows share the code.
    to_native: HashMap<String, String>,
    /// What an unknown code is written as.
    unknown: Option<String>,
}

const HEAD: [&str; 6] = ["shared", "label_en", "label_hi", "valid_from", "valid_to", "source"];

/// A column of no adapter: `y` marks the codes by which `kinds.toml` finds the liberty lane.
const LIBERTY: &str = "liberty";

/// Columns of no adapter, each a fact about the code: `fact:bailable`.
pub const FACT: &str = "fact:";

/// Where a table's own columns stand.
struct Places {
    /// Adapter, place of its values, place of its marks.
    adapters: Vec<(String, usize, Option<usize>)>,
    liberty: Option<usize>,
    facts: Vec<(Box<str>, usize)>,
}

impl Codes {
    /// Adds a table; errors are (line, message).
    pub fn add(&mut self, name: &str, contents: &[u8]) -> Result<(), Vec<(usize, String)>> {
        self.tables.insert(name.to_owned(), Arc::new(Table::parse(name, contents)?));
        Ok(())
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(name)
    }

    /// Only those by which a system's values are translated, or a lane is found: the others are published from their files,
    /// and nobody need hold their rows.
    #[must_use]
    pub fn translating(mut self) -> Self {
        self.tables.retain(|_, table| !table.columns.is_empty() || table.rows.iter().any(|row| row.liberty));
        self
    }

    /// Every table's name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }
}

impl Table {
    /// Reads a table from CSV; every error is listed with its line.
    pub fn parse(name: &str, contents: &[u8]) -> Result<Self, Vec<(usize, String)>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(contents);
        let mut lines = Vec::new();
        let mut errors = Vec::new();
        for record in reader.records() {
            match record {
                Ok(record) => {
                    let line = record.position().map_or(0, |position| usize::try_from(position.line()).unwrap_or(0));
                    lines.push((line, record));
                }
                Err(error) => {
                    let line = error.position().map_or(0, |position| usize::try_from(position.line()).unwrap_or(0));
                    errors.push((line, format!("no CSV: {error}")));
                }
            }
        }
        let mut table =
            Table { name: name.to_owned(), rows: Vec::new(), columns: BTreeMap::new(), first: HashMap::new() };
        let mut lines = lines.into_iter();
        let head: Vec<String> =
            lines.next().map(|(_, head)| head.iter().map(str::to_owned).collect()).unwrap_or_default();
        let places = table.head(&head, &mut errors);
        let mut canonical = Canonical::default();
        for (line, record) in lines {
            if record.len() != head.len() {
                errors.push((line, format!("{} cells where the head names {}", record.len(), head.len())));
                continue;
            }
            table.row(line, &record, &places, &mut canonical, &mut errors);
        }
        canonical.finish(&mut table, &mut errors);
        if errors.is_empty() {
            Ok(table)
        } else {
            errors.sort();
            Err(errors)
        }
    }

    /// Checks the head; says where its columns stand.
    fn head(&mut self, head: &[String], errors: &mut Vec<(usize, String)>) -> Places {
        let liberty = head.iter().position(|column| column == LIBERTY);
        let mut adapters = Vec::new();
        let named = |(place, column): (usize, &String)| Some((Box::from(column.strip_prefix(FACT)?), place));
        let facts = head.iter().enumerate().filter_map(named).collect();
        if !head.iter().map(String::as_str).take(HEAD.len()).eq(HEAD) {
            errors.push((1, format!("the head begins with `{}`", HEAD.join(","))));
            return Places { adapters, liberty, facts };
        }
        let rest = head.iter().enumerate().skip(HEAD.len());
        let own = |column: &str| column.ends_with("_canonical") || column == LIBERTY || column.starts_with(FACT);
        for (place, column) in rest.filter(|(_, column)| !own(column)) {
            if self.columns.insert(column.clone(), Column::default()).is_some() {
                errors.push((1, format!("the column `{column}` stands twice")));
            }
            let mark = head.iter().position(|other| *other == format!("{column}_canonical"));
            adapters.push((column.clone(), place, mark));
        }
        for column in head.iter().filter_map(|column| column.strip_suffix("_canonical")) {
            if !self.columns.contains_key(column) {
                errors.push((1, format!("`{column}_canonical` has no column `{column}`")));
            }
        }
        Places { adapters, liberty, facts }
    }

    fn row(
        &mut self,
        line: usize,
        record: &csv::StringRecord,
        places: &Places,
        canonical: &mut Canonical,
        errors: &mut Vec<(usize, String)>,
    ) {
        let cell = |place: usize| record.get(place).unwrap_or_default().trim().to_owned();
        let shared = cell(0);
        if shared.is_empty() {
            errors.push((line, "`shared` is empty".to_owned()));
            return;
        }
        for place in [3, 4] {
            let date = cell(place);
            if !date.is_empty() && date.parse::<jiff::civil::Date>().is_err() {
                errors.push((line, format!("`{date}` is no date: write `yyyy-MM-dd`")));
            }
        }
        let liberty = places.liberty.map(cell).unwrap_or_default();
        if !matches!(liberty.as_str(), "" | "y") {
            errors.push((line, format!("`{liberty}` in `{LIBERTY}`: write `y` or nothing")));
        }
        let is_unknown = shared == "unknown";
        let place = self.rows.len();
        if !is_unknown {
            self.first.entry(shared.clone()).or_insert(place);
            self.rows.push(Row {
                shared: shared.clone(),
                label_en: cell(1),
                label_hi: cell(2),
                valid_from: cell(3),
                valid_to: cell(4),
                source: cell(5),
                liberty: liberty == "y",
                facts: places
                    .facts
                    .iter()
                    .map(|(name, at)| (name.clone(), cell(*at).into_boxed_str()))
                    .filter(|(_, said)| !said.is_empty())
                    .collect(),
            });
        }
        for (adapter, at, mark) in &places.adapters {
            let native = cell(*at);
            let Some(column) = self.columns.get_mut(adapter).filter(|_| !native.is_empty()) else {
                continue;
            };
            if is_unknown {
                if column.unknown.replace(native).is_some() {
                    errors.push((line, format!("a second `unknown` row for `{adapter}`")));
                }
                continue;
            }
            if column.to_shared.insert(native.clone(), place).is_some() {
                errors.push((line, format!("`{native}` of `{adapter}` stands for a shared code already")));
            }
            let marked = mark.is_some_and(|mark| cell(mark) == "y");
            canonical.add((adapter.clone(), shared.clone()), (line, native, marked));
        }
    }

    /// The column of an adapter.
    pub fn column(&self, adapter: &str) -> Option<&Column> {
        self.columns.get(adapter)
    }

    /// Every adapter that has a column, in order.
    pub fn adapters(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// The row of a native value. White space around it does not make it another value: systems pad their codes
    /// (`"18810260099001 "` was seen), and whoever keeps the raw text keeps the padding.
    pub fn by_native(&self, column: &Column, native: &str) -> Option<&Row> {
        let place = column.to_shared.get(native).or_else(|| column.to_shared.get(native.trim()));
        place.and_then(|place| self.rows.get(*place))
    }

    /// The first row of a shared code.
    pub fn by_shared(&self, shared: &str) -> Option<&Row> {
        self.first.get(shared).and_then(|place| self.rows.get(*place))
    }
}

impl Column {
    /// The native value of a shared code.
    pub fn native(&self, shared: &str) -> Option<&str> {
        self.to_native.get(shared).map(String::as_str)
    }

    /// What an unknown code is written as, if the table says so.
    pub fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }
}

/// A native value for a shared code: its line, the value, whether it is marked canonical.
type Candidate = (usize, String, bool);

/// Every native value of each (adapter, shared code), until the one to write is chosen.
#[derive(Default)]
struct Canonical {
    values: BTreeMap<(String, String), Vec<Candidate>>,
}

impl Canonical {
    fn add(&mut self, key: (String, String), value: Candidate) {
        self.values.entry(key).or_default().push(value);
    }

    fn finish(self, table: &mut Table, errors: &mut Vec<(usize, String)>) {
        for ((adapter, shared), values) in self.values {
            let marked: Vec<&(usize, String, bool)> = values.iter().filter(|value| value.2).collect();
            let chosen = match (values.as_slice(), marked.as_slice()) {
                ([only], _) => only,
                (_, [one]) => *one,
                ([first, ..], _) => {
                    let line = marked.get(1).map_or(first.0, |second| second.0);
                    errors.push((
                        line,
                        format!(
                            "`{shared}` has several values of `{adapter}`: exactly one has `y` in `{adapter}_canonical`"
                        ),
                    ));
                    continue;
                }
                ([], _) => continue,
            };
            if let Some(column) = table.columns.get_mut(&adapter) {
                column.to_native.insert(shared, chosen.1.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENDER: &str = "shared,label_en,label_hi,valid_from,valid_to,source,cctns,cctns_canonical,ecourts,ecourts_canonical\n\
        male,Male,पुरुष,2001-01-01,,x,1,y,M,\n\
        male,Male,पुरुष,2001-01-01,,x,M,,,\n\
        female,Female,स्त्री,2001-01-01,,x,2,,F,\n\
        unknown,,,,,x,9,,,\n";

    #[test]
    fn values_are_found_both_ways_and_one_of_many_is_written() {
        let table = Table::parse("gender", GENDER.as_bytes()).unwrap();
        let cctns = table.column("cctns").unwrap();
        assert_eq!(table.by_native(cctns, "M").unwrap().shared, "male");
        assert_eq!(table.by_native(cctns, " M ").unwrap().shared, "male");
        assert_eq!((cctns.native("male"), cctns.native("female"), cctns.native("other")), (Some("1"), Some("2"), None));
        assert_eq!((cctns.unknown(), table.column("ecourts").unwrap().unknown()), (Some("9"), None));
        assert_eq!(table.by_shared("female").unwrap().label_hi, "स्त्री");
        assert_eq!(table.adapters().collect::<Vec<_>>(), ["cctns", "ecourts"]);
        assert!(table.by_native(cctns, "9").is_none());
    }

    #[test]
    fn a_table_may_say_which_codes_are_about_liberty() {
        let head = "shared,label_en,label_hi,valid_from,valid_to,source,liberty,courts,courts_canonical\n";
        let table = format!("{head}release,Release,मुक्ति,,,x,y,1,\nsummons,Summons,समन,,,x,,2,\n");
        let table = Table::parse("order", table.as_bytes()).unwrap();
        assert!(table.by_shared("release").unwrap().liberty);
        assert!(!table.by_shared("summons").unwrap().liberty);
        assert_eq!(table.adapters().collect::<Vec<_>>(), ["courts"], "`liberty` is no adapter");
        let wrong = format!("{head}release,Release,मुक्ति,,,x,yes,1,\n");
        assert_eq!(Table::parse("order", wrong.as_bytes()).unwrap_err()[0].0, 2);
    }

    #[test]
    fn a_table_may_say_more_of_a_code_and_that_is_no_adapter() {
        let head =
            "shared,label_en,label_hi,valid_from,valid_to,source,fact:bailable,courts,courts_canonical,fact:court\n";
        let table = format!("{head}303(2),Theft,चोरी,,,x,no,1,,any-magistrate\n4,Punishments,दंड,,,x,,2,,\n");
        let table = Table::parse("section", table.as_bytes()).unwrap();
        let theft: Vec<_> = table.by_shared("303(2)").unwrap().facts.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(theft, [("bailable", "no"), ("court", "any-magistrate")]);
        assert!(table.by_shared("4").unwrap().facts.is_empty());
        assert_eq!(table.adapters().collect::<Vec<_>>(), ["courts"]);
    }

    #[test]
    fn every_error_has_its_line() {
        let wrong =
            GENDER.replace("1,y,M", "1,,M").replace("2,,F", "1,,F").replace("female,Female,स्त्री,2001-01-01", ",,,x");
        let errors = Table::parse("gender", wrong.as_bytes()).unwrap_err();
        assert_eq!(errors.iter().map(|error| error.0).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(Table::parse("x", b"a,b\n").unwrap_err()[0].0, 1);
        let twice = GENDER.replace("2,,F", "M,,F");
        assert_eq!(
            Table::parse("x", twice.as_bytes()).unwrap_err()[0],
            (4, "`M` of `cctns` stands for a shared code already".to_owned())
        );
        let short = format!("{GENDER}other,Other\n");
        assert_eq!(Table::parse("x", short.as_bytes()).unwrap_err()[0].0, 6);
    }
}
