//! A mapping file as rows: TOML read strictly, each row with its line; and how a variant's rows replace its base's.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::schema::path::nearest;

/// One thing wrong with a mapping, at a line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Fault {
    /// Path of the file, relative to the folder.
    pub file: String,
    /// From 1; 0 where no line can be named.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// One row as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Native path.
    pub native: Option<String>,
    /// Shared path.
    pub shared: Option<String>,
    /// The converter; `text` where it is left out.
    pub convert: Option<String>,
    /// Condition over the shared form.
    pub when: Option<String>,
    /// Shared value where the native one is absent.
    pub default: Option<Value>,
    /// Removes the base's rows of the same shared path.
    pub drop: bool,
    /// Where it stands.
    pub file: String,
    /// Where it stands.
    pub line: usize,
}

/// What a variant writes instead of something that stands in many rows of the mapping underneath.
#[derive(Clone, Debug, PartialEq)]
pub struct Instead {
    /// A native path or the beginning of one, else a converter.
    pub native: bool,
    /// What stands there.
    pub this: String,
    /// What it becomes.
    pub with: String,
    file: String,
    line: usize,
}

/// One mapping file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// Its rows.
    pub rows: Vec<Row>,
    /// What it changes in all rows of those underneath.
    pub instead: Vec<Instead>,
}

const KEYS: [&str; 6] = ["native", "shared", "as", "when", "default", "drop"];

/// Reads one mapping file, which must be for that adapter (or one that it extends) and kind.
pub fn read(file: &str, contents: &[u8], kind: &str) -> Result<Layer, Vec<Fault>> {
    let fault = |line: usize, message: String| Fault { file: file.to_owned(), line, message };
    let text = std::str::from_utf8(contents).map_err(|_| vec![fault(0, "the file is not UTF-8".to_owned())])?;
    // A large mapping has a thousand rows: counting lines from the top for each key took a fifth of the start.
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line_of = |offset: usize| ends.partition_point(|end| *end < offset) + 1;
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(span.start));
        vec![fault(line, error.message().to_owned())]
    })?;
    let mut faults = Vec::new();
    let mut layer = Layer::default();
    for (key, value) in table.get_ref() {
        let line = line_of(key.span().start);
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("adapter", DeValue::String(_)) => {}
            ("kind", DeValue::String(said)) if said == kind => {}
            ("kind", DeValue::String(said)) => {
                faults.push(fault(line, format!("`kind` is `{said}`, but it is used for `{kind}`")));
            }
            (word @ ("row" | "instead"), DeValue::Array(items)) => {
                for item in items.iter() {
                    let line = line_of(item.span().start);
                    let place = (file, line);
                    match (word, item.get_ref()) {
                        ("row", DeValue::Table(row)) => layer.rows.push(row_of(place, row, &line_of, &mut faults)),
                        (_, DeValue::Table(table)) => match instead(place, table) {
                            Ok(instead) => layer.instead.push(instead),
                            Err(message) => faults.push(fault(line, message)),
                        },
                        _ => faults.push(fault(line, format!("a table: `[[{word}]]`"))),
                    }
                }
            }
            (other, _) => faults.push(fault(line, unknown(other, &["adapter", "kind", "row", "instead"]))),
        }
    }
    if faults.is_empty() { Ok(layer) } else { Err(faults) }
}

/// `native` or `as`, and `with`: texts, nothing else.
fn instead((file, line): (&str, usize), table: &DeTable) -> Result<Instead, String> {
    const KEYS: [&str; 3] = ["native", "as", "with"];
    let text = |wanted: &str| {
        let found = table.iter().find(|(key, _)| key.get_ref() == wanted);
        found.and_then(|(_, value)| value.get_ref().as_str()).map(str::to_owned)
    };
    if let Some((key, _)) = table.iter().find(|(key, _)| !KEYS.contains(&key.get_ref().as_ref())) {
        return Err(unknown(key.get_ref(), &KEYS));
    }
    match (text("native"), text("as"), text("with")) {
        (Some(this), None, Some(with)) => Ok(Instead { native: true, this, with, file: file.to_owned(), line }),
        (None, Some(this), Some(with)) => Ok(Instead { native: false, this, with, file: file.to_owned(), line }),
        _ => Err("[[instead]] has `native` or `as`, and `with`".to_owned()),
    }
}

impl Instead {
    /// The row with it; `None` where the row has nothing of the kind.
    fn applied(&self, row: &Row) -> Option<Row> {
        if !self.native {
            let hit = row.convert.as_deref() == Some(self.this.as_str());
            return hit.then(|| Row { convert: Some(self.with.clone()), ..row.clone() });
        }
        let rest = row.native.as_deref()?.strip_prefix(self.this.as_str())?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let path = format!("{}{rest}", self.with);
        Some(Row { native: Some(path.trim_start_matches('/').to_owned()), ..row.clone() })
    }
}

fn unknown(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("`{key}` is not known here; did you mean `{near}`?"),
        None => format!("`{key}` is not known here: one of {}", known.join(", ")),
    }
}

fn row_of(
    (file, line): (&str, usize),
    table: &DeTable,
    line_of: &dyn Fn(usize) -> usize,
    faults: &mut Vec<Fault>,
) -> Row {
    let mut row = Row { file: file.to_owned(), line, ..Row::default() };
    for (key, value) in table {
        let at = line_of(key.span().start);
        let mut fault = |message: String| faults.push(Fault { file: file.to_owned(), line: at, message });
        let text = value.get_ref().as_str().map(str::to_owned);
        match (key.get_ref().as_ref(), text) {
            ("native", Some(text)) => row.native = Some(text),
            ("shared", Some(text)) => row.shared = Some(text),
            ("as", Some(text)) => row.convert = Some(text),
            ("when", Some(text)) => row.when = Some(text),
            ("default", _) => match plain(value) {
                Some(value) => row.default = Some(value),
                None => fault("`default` is a text, a number or a boolean".to_owned()),
            },
            ("drop", _) => match value.get_ref() {
                DeValue::Boolean(drop) => row.drop = *drop,
                _ => fault("`drop` is true or false".to_owned()),
            },
            (known, None) if KEYS.contains(&known) => fault(format!("`{known}` is a text")),
            (other, _) => fault(unknown(other, &KEYS)),
        }
    }
    row
}

fn plain(value: &Spanned<DeValue>) -> Option<Value> {
    match value.get_ref() {
        DeValue::String(text) => Some(Value::String(text.to_string())),
        DeValue::Boolean(value) => Some(Value::Bool(*value)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Value::from),
        _ => None,
    }
}

/// The base's rows with the variant's on top: what it writes instead is changed in all of them; then a row of the same shared
/// path (or native path, where it has no shared one) replaces every row of the base that has it; with `drop` they only go.
pub fn extend(base: Vec<Row>, layer: Layer) -> Result<Vec<Row>, Vec<Fault>> {
    let Layer { rows: variant, instead } = layer;
    let base = rewritten(base, &instead)?;
    let key = |row: &Row| row.shared.clone().map_or_else(|| (false, row.native.clone()), |shared| (true, Some(shared)));
    let mut faults = Vec::new();
    for row in variant.iter().filter(|row| row.drop) {
        if !base.iter().any(|old| key(old) == key(row)) {
            let known = base.iter().filter_map(|old| old.shared.as_deref());
            let wrong = row.shared.as_deref().unwrap_or_default();
            let hint = nearest(wrong, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("there is no row of that path to drop{hint}");
            faults.push(Fault { file: row.file.clone(), line: row.line, message });
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut rows: Vec<Row> = base.into_iter().filter(|old| !variant.iter().any(|row| key(row) == key(old))).collect();
    rows.extend(variant.into_iter().filter(|row| !row.drop));
    Ok(rows)
}

/// The rows with everything that is written instead, one after the other. What no row has is a mistake.
fn rewritten(mut rows: Vec<Row>, instead: &[Instead]) -> Result<Vec<Row>, Vec<Fault>> {
    let mut faults = Vec::new();
    for one in instead {
        let mut hits = 0;
        for row in &mut rows {
            if let Some(changed) = one.applied(row) {
                *row = changed;
                hits += 1;
            }
        }
        if hits == 0 {
            let what = if one.native { "native path that is or begins with" } else { "converter" };
            let message = format!("no row of the mapping underneath has a {what} `{}`", one.this);
            faults.push(Fault { file: one.file.clone(), line: one.line, message });
        }
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}
