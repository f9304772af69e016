//! One TOML file as it is read: strictly, key by key, so that every error of it is found, each at its line.
//! A `Section` remembers which keys it was asked for; what else the file says is an error with the nearest known word.
//! Serde stops at the first error, which is why it is not used here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// Everything found wrong so far, over all files.
#[derive(Debug, Default)]
pub struct Findings {
    errors: RefCell<Vec<ConfigError>>,
    warnings: RefCell<Vec<ConfigError>>,
    asked: RefCell<BTreeSet<(String, String)>>,
}

impl Findings {
    /// Notes an error; `line` is 0 where none can be named.
    pub fn error(&self, file: &str, line: usize, message: impl Into<String>) {
        self.errors.borrow_mut().push(ConfigError { file: file.to_owned(), line, message: message.into() });
    }

    /// Notes something odd that stops nothing.
    pub fn warn(&self, file: &str, line: usize, message: impl Into<String>) {
        self.warnings.borrow_mut().push(ConfigError { file: file.to_owned(), line, message: message.into() });
    }

    /// Notes errors found elsewhere.
    pub fn extend(&self, errors: impl IntoIterator<Item = ConfigError>) {
        self.errors.borrow_mut().extend(errors);
    }

    /// Errors and warnings, each in order of file and line, without repetitions.
    pub fn into_parts(self) -> (Vec<ConfigError>, Vec<ConfigError>) {
        (sorted(self.errors.into_inner()), sorted(self.warnings.into_inner()))
    }

    /// No error so far in that file.
    pub fn clean(&self, file: &str) -> bool {
        self.errors.borrow().iter().all(|error| error.file != file)
    }

    /// Every key that was asked for so far, with its section: the keys that exist.
    pub fn asked(&self) -> BTreeSet<(String, String)> {
        self.asked.borrow().clone()
    }
}

fn sorted(mut list: Vec<ConfigError>) -> Vec<ConfigError> {
    list.sort_by(|a, b| (&a.file, a.line, &a.message).cmp(&(&b.file, b.line, &b.message)));
    list.dedup();
    list
}

/// A value and the line where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    /// What is said.
    pub value: T,
    /// Where, from 1.
    pub line: usize,
}

/// A parsed file.
#[derive(Debug)]
pub struct Document<'t> {
    file: &'t str,
    starts: Vec<usize>,
    root: Spanned<DeTable<'t>>,
    from_text: bool,
}

impl<'t> Document<'t> {
    /// Parses; every syntax error is noted, and then there is no document.
    pub fn parse(file: &'t str, contents: &'t [u8], findings: &Findings) -> Option<Self> {
        let Ok(text) = std::str::from_utf8(contents) else {
            findings.error(file, 0, "is not UTF-8 text");
            return None;
        };
        let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let line = error.span().map_or(0, |span| line_of(&starts, span.start));
            findings.error(file, line, error.message().replace('\n', "; "));
        }
        errors.is_empty().then_some(Self { file, starts, root, from_text: false })
    }

    /// Numbers and booleans may be written as text, as environment variables are.
    pub fn from_text(mut self) -> Self {
        self.from_text = true;
        self
    }

    /// The whole file as a section, called `name` in messages.
    pub fn section<'d>(&'d self, name: &str, findings: &'d Findings) -> Section<'d, 't> {
        Section {
            document: self,
            findings,
            table: self.root.get_ref(),
            line: 1,
            name: name.to_owned(),
            asked: Vec::new(),
        }
    }

    fn line(&self, offset: usize) -> usize {
        if self.from_text { 0 } else { line_of(&self.starts, offset) }
    }
}

fn line_of(starts: &[usize], offset: usize) -> usize {
    starts.partition_point(|start| *start <= offset)
}

/// A table of a file, being read.
#[derive(Debug)]
pub struct Section<'d, 't> {
    document: &'d Document<'t>,
    findings: &'d Findings,
    table: &'d DeTable<'t>,
    /// Where it begins, from 1.
    pub line: usize,
    name: String,
    asked: Vec<&'static str>,
}

impl<'d, 't> Section<'d, 't> {
    /// The file.
    pub fn file(&self) -> &'t str {
        self.document.file
    }

    /// Notes an error at a line of this file.
    pub fn error(&self, line: usize, message: impl Into<String>) {
        self.findings.error(self.document.file, line, message);
    }

    /// A text, if the key is there.
    pub fn text(&mut self, key: &'static str) -> Option<Said<String>> {
        let (value, line) = self.value(key)?;
        self.as_text(key, value, line)
    }

    /// A text that must be there and must not be empty.
    pub fn required(&mut self, key: &'static str) -> Option<Said<String>> {
        if self.value(key).is_none() {
            self.error(self.line, format!("`{key}` is missing in {}", self.name));
            return None;
        }
        let said = self.text(key)?;
        if said.value.is_empty() {
            self.error(said.line, format!("`{key}` is empty"));
            return None;
        }
        Some(said)
    }

    /// A text that must not be empty, if the key is there.
    pub fn required_if_there(&mut self, key: &'static str) -> Option<String> {
        self.has(key).then(|| self.required(key)).flatten().map(|said| said.value)
    }

    /// A list of texts; empty where the key is not there.
    pub fn texts(&mut self, key: &'static str) -> Vec<Said<String>> {
        let Some((value, line)) = self.value(key) else { return Vec::new() };
        if let Some(text) = value.as_str().filter(|_| self.document.from_text) {
            let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
            return parts.map(|part| Said { value: part.to_owned(), line }).collect();
        }
        let Some(array) = value.as_array() else {
            self.wrong(key, "a list of texts", value, line);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in array.iter() {
            let line = self.document.line(item.span().start);
            texts.extend(self.as_text(key, item.get_ref(), line));
        }
        texts
    }

    /// A list of whole numbers; empty where the key is not there.
    pub fn numbers(&mut self, key: &'static str) -> Vec<Said<u64>> {
        let Some((value, line)) = self.value(key) else { return Vec::new() };
        let Some(array) = value.as_array() else {
            self.wrong(key, "a list of numbers", value, line);
            return Vec::new();
        };
        let mut numbers = Vec::new();
        for item in array.iter() {
            let line = self.document.line(item.span().start);
            numbers.extend(self.as_number(key, item.get_ref(), line));
        }
        numbers
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let (value, line) = self.value(key)?;
        let text = value.as_str().filter(|_| self.document.from_text);
        match (value.as_bool(), text) {
            (Some(truth), _) => Some(truth),
            (None, Some("true")) => Some(true),
            (None, Some("false")) => Some(false),
            _ => {
                self.wrong(key, "`true` or `false`", value, line);
                None
            }
        }
    }

    /// A whole number, not negative.
    pub fn number(&mut self, key: &'static str) -> Option<Said<u64>> {
        let (value, line) = self.value(key)?;
        self.as_number(key, value, line)
    }

    /// A number of 32 bits.
    pub fn number32(&mut self, key: &'static str) -> Option<u32> {
        let Said { value, line } = self.number(key)?;
        let fits = u32::try_from(value).ok();
        if fits.is_none() {
            self.error(line, format!("`{key}` is too large: {} at most", u32::MAX));
        }
        fits
    }

    /// A duration such as `"30s"`.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let said = self.text(key)?;
        let read = parse_duration(&said.value);
        if read.is_none() {
            let found = &said.value;
            self.error(
                said.line,
                format!(
                    "`{key}` is `{found}`; write a duration as `\"500ms\"`, `\"30s\"`, `\"10m\"`, `\"72h\"` or `\"7d\"`"
                ),
            );
        }
        read
    }

    /// A size such as `"1 MiB"`, in bytes.
    pub fn size(&mut self, key: &'static str) -> Option<u64> {
        let said = self.text(key)?;
        let read = parse_size(&said.value);
        if read.is_none() {
            let found = &said.value;
            self.error(
                said.line,
                format!("`{key}` is `{found}`; write a size as `\"64 KiB\"`, `\"1 MiB\"` or `\"2 GiB\"`"),
            );
        }
        read
    }

    /// One of several words.
    pub fn word(&mut self, key: &'static str, words: &[&str]) -> Option<Said<String>> {
        let said = self.text(key)?;
        if words.contains(&said.value.as_str()) {
            return Some(said);
        }
        self.error(said.line, format!("`{key}` is `{}`{}", said.value, meant(&said.value, words.iter().copied())));
        None
    }

    /// A table inside this one.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'d, 't>> {
        let (value, line) = self.value(key)?;
        let Some(table) = value.as_table() else {
            self.wrong(key, "a table", value, line);
            return None;
        };
        Some(self.inner(table, line, format!("[{key}]")))
    }

    /// `[[key]]`: the tables of a list.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'d, 't>> {
        let Some((value, line)) = self.value(key) else { return Vec::new() };
        let Some(array) = value.as_array() else {
            self.wrong(key, "a list of tables (`[[...]]`)", value, line);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in array.iter() {
            let line = self.document.line(item.span().start);
            match item.get_ref().as_table() {
                Some(table) => sections.push(self.inner(table, line, format!("[[{key}]]"))),
                None => self.wrong(key, "a list of tables (`[[...]]`)", item.get_ref(), line),
            }
        }
        sections
    }

    /// `[key.NAME]`: the tables of a table, by name.
    pub fn named(&mut self, key: &'static str) -> Vec<(Said<String>, Section<'d, 't>)> {
        let Some((value, line)) = self.value(key) else { return Vec::new() };
        let Some(table) = value.as_table() else {
            self.wrong(key, "tables by name (`[kind.NAME]`)", value, line);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (name, inner) in table.iter() {
            let line = self.document.line(name.span().start);
            match inner.get_ref().as_table() {
                Some(table) => {
                    let said = Said { value: name.get_ref().to_string(), line };
                    sections.push((said, self.inner(table, line, format!("[{key}.*]"))));
                }
                None => self.wrong(key, "tables by name", inner.get_ref(), line),
            }
        }
        sections
    }

    /// Whether the key holds a table (as opposed to a list or a text).
    pub fn is_table(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| value.get_ref().is_table())
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The line of a key, or the section's.
    pub fn line_of(&self, key: &str) -> usize {
        let found = self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key);
        found.map_or(self.line, |(name, _)| self.document.line(name.span().start))
    }

    /// Ends the reading: every key that nobody asked for is an error.
    pub fn finish(self) {
        for (name, _) in self.table.iter() {
            let word = name.get_ref().as_ref();
            if !self.asked.contains(&word) {
                let line = self.document.line(name.span().start);
                let hint = meant(word, self.asked.iter().copied());
                self.error(line, format!("unknown key `{word}` in {}{hint}", self.name));
            }
        }
    }

    fn inner(&self, table: &'d DeTable<'t>, line: usize, name: String) -> Section<'d, 't> {
        Section { document: self.document, findings: self.findings, table, line, name, asked: Vec::new() }
    }

    fn value(&mut self, key: &'static str) -> Option<(&'d DeValue<'t>, usize)> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
            self.findings.asked.borrow_mut().insert((self.name.clone(), key.to_owned()));
        }
        let value = self.table.get(key)?;
        Some((value.get_ref(), self.document.line(value.span().start)))
    }

    fn as_text(&self, key: &str, value: &DeValue<'t>, line: usize) -> Option<Said<String>> {
        match value.as_str() {
            Some(text) => Some(Said { value: text.to_owned(), line }),
            None => {
                self.wrong(key, "a text", value, line);
                None
            }
        }
    }

    fn as_number(&self, key: &str, value: &DeValue<'t>, line: usize) -> Option<Said<u64>> {
        let text = match value.as_integer() {
            Some(integer) => u64::from_str_radix(integer.as_str(), integer.radix()).ok(),
            None => value.as_str().filter(|_| self.document.from_text).and_then(|text| text.parse().ok()),
        };
        match text {
            Some(value) => Some(Said { value, line }),
            None => {
                self.wrong(key, "a whole number, not negative", value, line);
                None
            }
        }
    }

    fn wrong(&self, key: &str, wanted: &str, value: &DeValue<'t>, line: usize) {
        self.error(line, format!("`{key}` must be {wanted}, and is {}", article(value)));
    }
}

fn article(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::String(text) => format!("the text `{text}`"),
        DeValue::Integer(number) => format!("the number `{}`", number.as_str()),
        other => format!("a {}", other.type_str()),
    }
}

/// `500ms`, `30s`, `10m`, `72h`, `7d`; `None` for anything else.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// `512 B`, `64 KiB`, `1 MiB`, `2 GiB`; `None` for anything else.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes)
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// What to add to a message about an unknown word: the nearest known one, or all of them if they are few.
pub fn meant<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> String {
    let known: Vec<&str> = known.collect();
    let nearest = known.iter().map(|candidate| (distance(word, candidate), *candidate)).min();
    match nearest {
        Some((away, candidate)) if away <= 1 + word.chars().count() / 4 => format!("; did you mean `{candidate}`?"),
        Some(_) if known.len() <= 12 => format!("; known are `{}`", known.join("`, `")),
        _ => String::new(),
    }
}

/// Levenshtein distance over characters, with a swap of two neighbours counted once.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |r: usize, c: usize| rows.get(r).and_then(|row| row.get(c)).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(i, j) + usize::from(x != y)).min(at(i, j + 1) + 1).min(row.last().map_or(0, |n| n + 1));
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(at(i - 1, j - 1) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}
