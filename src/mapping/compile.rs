//! From rows to a plan: paths and converters are read, contexts (the record, each list's items) are numbered, slots given.
//! Every fault of every row is found before anything is refused; `check` then looks at the mapping as a whole.

use std::collections::BTreeMap;

use serde_json::Value;

use super::convert::{Code, Converter, Scalar};
use super::dates::Pattern;
use super::frame::{Side, Size};
use super::table::{Fault, Row};
use super::{Compiled, Rule, check};
use crate::codes::Codes;
use crate::expression::Expression;
use crate::schema::path::{Path, Step, nearest, properties, property};

/// What a plan is compiled from.
#[derive(Clone, Debug)]
pub struct Source<'s> {
    /// The adapter: its column in code tables, its place in `extensions`.
    pub adapter: &'s str,
    /// The record kind.
    pub kind: &'s str,
    /// Mapping files from the outermost base to the variant itself: path and contents.
    pub layers: &'s [(String, &'s [u8])],
    /// The native schema, resolved.
    pub native: &'s Value,
    /// The shared schema, resolved.
    pub shared: &'s Value,
    /// Every code table.
    pub codes: &'s Codes,
    /// Names whose columns stand in where the adapter has none in a table, nearest first: what the adapter extends.
    pub bases: &'s [String],
    /// Records of this kind come from systems of this adapter.
    pub sends: bool,
    /// Records of this kind go to systems of this adapter.
    pub receives: bool,
}

/// See `Compiled::compile`.
pub(super) fn plan(source: &Source) -> Result<Compiled, Vec<Fault>> {
    let rows = layers(source)?;
    let mut draft = Draft { source, faults: Vec::new(), rules: Vec::new(), lines: Vec::new(), conditions: Vec::new() };
    for row in &rows {
        draft.row(row);
    }
    let Draft { mut faults, mut rules, lines, conditions, .. } = draft;
    let mut contexts = Contexts::default();
    let mut lists = Vec::new();
    let mut slots = Vec::new();
    for (rule, row) in rules.iter_mut().zip(&lines) {
        match contexts.of(rule) {
            Ok((context, chain)) => {
                rule.lists = chain.iter().map(|(place, _)| *place).collect();
                slots.push(contexts.slot(context));
                lists.push(chain);
            }
            Err(message) => faults.push(fault(row, message)),
        }
    }
    if faults.is_empty() {
        faults.extend(check::whole(source, &rules, &lines, &conditions));
    }
    if !faults.is_empty() {
        faults.sort();
        faults.dedup();
        return Err(faults);
    }
    let (mut native, mut shared) = (Side::new(), Side::new());
    for (place, (rule, chain)) in rules.iter().zip(&lists).enumerate() {
        if let Some(path) = &rule.native {
            native.add(path, chain, place);
        }
        if let Some(path) = &rule.shared {
            shared.add(path, chain, place);
        }
    }
    native.finish(source.native);
    shared.finish(source.shared);
    let loss = check::loss(source, &rules);
    let adapter = source.adapter.to_owned();
    Ok(Compiled { adapter, rows: rules, slots, sizes: contexts.sizes, conditions, native, shared, loss })
}

pub(super) fn fault(row: &Row, message: impl Into<String>) -> Fault {
    Fault { file: row.file.clone(), line: row.line, message: message.into() }
}

/// The rows of every layer, merged.
fn layers(source: &Source) -> Result<Vec<Row>, Vec<Fault>> {
    let mut rows = Vec::new();
    for (file, contents) in source.layers {
        rows = super::table::extend(rows, super::table::read(file, contents, source.kind)?)?;
    }
    Ok(rows)
}

struct Draft<'s, 'r> {
    source: &'s Source<'s>,
    faults: Vec<Fault>,
    rules: Vec<Rule>,
    /// The row of each rule.
    lines: Vec<&'r Row>,
    conditions: Vec<Expression>,
}

impl<'r> Draft<'_, 'r> {
    fn row(&mut self, row: &'r Row) {
        let before = self.faults.len();
        let native =
            row.native.as_deref().and_then(|text| self.path(row, Path::native(text), self.source.native, "native"));
        let shared =
            row.shared.as_deref().and_then(|text| self.path(row, Path::shared(text), self.source.shared, "shared"));
        if native.as_ref().is_some_and(|path| path.steps().contains(&Step::First)) {
            self.faults.push(fault(row, "`[0]` is for the shared side: of a native list every item is read"));
        }
        if row.native.is_none() && row.shared.is_none() {
            self.faults.push(fault(row, "a row has `native`, `shared`, or both"));
        }
        if row.drop {
            self.faults.push(fault(row, "`drop` is for a mapping that extends another one"));
        }
        if self.faults.len() > before {
            return;
        }
        let constant = row.convert.as_deref().is_some_and(|convert| convert.starts_with("const"));
        if (row.native.is_none() || row.shared.is_none()) != constant {
            let message = if constant {
                "a `const` row has one path only"
            } else {
                "a row has both paths, unless it is a `const`"
            };
            self.faults.push(fault(row, message));
            return;
        }
        let native_part = native.as_ref().and_then(|path| path.schema_in(self.source.native));
        let shared_part = shared.as_ref().and_then(|path| path.schema_in(self.source.shared));
        let convert = match self.converter(row, native_part, shared_part) {
            Ok(convert) => convert,
            Err(message) => {
                self.faults.push(fault(row, message));
                return;
            }
        };
        let condition = match row.when.as_deref().map(|text| Expression::compile(text, Some(self.source.shared))) {
            None => None,
            Some(Ok(condition)) => {
                let known = self.conditions.iter().position(|other| other.text() == condition.text());
                Some(known.unwrap_or_else(|| {
                    self.conditions.push(condition);
                    self.conditions.len() - 1
                }))
            }
            Some(Err(message)) => {
                self.faults.push(fault(row, format!("`when`: {message}")));
                return;
            }
        };
        let fills = constant || row.default.is_some();
        if fills && condition.is_some() && [&native, &shared].into_iter().flatten().any(|path| path.depth() > 0) {
            self.faults.push(fault(row, "inside a list, a `const` or `default` has no `when`"));
            return;
        }
        self.rules.push(Rule {
            scalar: native_part.map_or(Scalar::Other, Scalar::of),
            empty_is_nothing: shared_part.is_some_and(takes_no_empty_text),
            required: native.as_ref().is_some_and(|path| check::is_required(self.source.native, path)),
            due: shared.as_ref().is_some_and(|path| check::is_required(self.source.shared, path)),
            native,
            shared,
            convert,
            condition,
            default: row.default.clone(),
            lists: Vec::new(),
        });
        self.lines.push(row);
    }

    /// A path that is there in its schema.
    fn path(&mut self, row: &Row, path: Result<Path, String>, schema: &Value, side: &str) -> Option<Path> {
        let found = path.and_then(|path| exists(&path, schema).map(|()| path));
        match found {
            Ok(path) => Some(path),
            Err(message) => {
                self.faults.push(fault(row, format!("{side} {message}")));
                None
            }
        }
    }

    /// The converter, with types that agree.
    fn converter(&self, row: &Row, native: Option<&Value>, shared: Option<&Value>) -> Result<Converter, String> {
        let text = row.convert.as_deref().unwrap_or("text");
        let (word, argument) = text.split_once(' ').map_or((text, ""), |(word, argument)| (word, argument.trim()));
        let from = native.map_or(Scalar::Other, Scalar::of);
        let to = shared.map_or(Scalar::Other, Scalar::of);
        let takes = |wanted: &[Scalar], form: &[Scalar]| {
            if wanted.contains(&from) && form.contains(&to) {
                return Ok(());
            }
            Err(format!("`{text}` does not go between the native {} and the shared {}", from.word(), to.word()))
        };
        let number = [Scalar::Text, Scalar::Integer, Scalar::Number];
        Ok(match word {
            "text" if argument.is_empty() => {
                let same = from == to || (from, to) == (Scalar::Integer, Scalar::Number);
                if !same || from == Scalar::Other {
                    takes(&[], &[])?;
                }
                Converter::Text
            }
            "integer" if argument.is_empty() => {
                takes(&[Scalar::Text, Scalar::Integer], &[Scalar::Integer])?;
                Converter::Integer
            }
            "number" if argument.is_empty() => {
                takes(&number, &[Scalar::Number])?;
                Converter::Number
            }
            "boolean" => {
                takes(&[Scalar::Text, Scalar::Boolean, Scalar::Integer], &[Scalar::Boolean])?;
                let (yes, no) = match argument.split_once('/') {
                    Some((yes, no)) if !yes.is_empty() && !no.is_empty() && yes != no => (yes, no),
                    None if argument.is_empty() && from == Scalar::Boolean => ("true", "false"),
                    _ => return Err("write `boolean YES/NO` with the two native words".to_owned()),
                };
                Converter::Boolean { yes: yes.to_owned(), no: no.to_owned() }
            }
            "date" | "datetime" => {
                takes(&[Scalar::Text], &[Scalar::Text])?;
                let pattern = Pattern::parse(argument, word == "datetime")?;
                if word == "date" { Converter::Date(pattern) } else { Converter::DateTime(pattern) }
            }
            "code" => self.code(argument, shared, from)?,
            "prefix" if !argument.is_empty() => {
                takes(&[Scalar::Text, Scalar::Integer], &[Scalar::Text])?;
                Converter::Prefix(argument.to_owned())
            }
            "split" => {
                let list =
                    shared.is_some_and(|part| part.get("items").is_some_and(|items| Scalar::of(items) == Scalar::Text));
                let separator = if argument.is_empty() { " " } else { argument };
                if from != Scalar::Text || !list {
                    return Err("`split` goes between a native text and a shared list of texts (no `[]` in its path)"
                        .to_owned());
                }
                Converter::Split(separator.to_owned())
            }
            "base64" => file(argument, row.shared.as_deref().filter(|_| from == Scalar::Text))?,
            "const" => {
                let value = serde_json::from_str(argument)
                    .map_err(|_| "write `const \"text\"`, `const 1` or `const true`".to_owned())?;
                Converter::Constant(value)
            }
            _ => {
                return Err(no_converter(text, word));
            }
        })
    }

    /// `code TABLE`, and where the shared side is a text `code TABLE prefix ps: else x-33-`: see `docs/mapping.md`.
    fn code(&self, argument: &str, shared: Option<&Value>, from: Scalar) -> Result<Converter, String> {
        let mut words = argument.split_whitespace();
        let name = words.next().unwrap_or_default();
        let (mut prefix, mut otherwise) = (String::new(), None);
        while let Some(word) = words.next() {
            match (word, words.next()) {
                ("prefix", Some(text)) => text.clone_into(&mut prefix),
                ("else", Some(text)) => otherwise = Some(text.to_owned()),
                _ => return Err("write `code TABLE`, or `code TABLE prefix ps: else x-33-`".to_owned()),
            }
        }
        let table = self.source.codes.table(name).ok_or_else(|| {
            let hint = nearest(name, self.source.codes.names()).map(|near| format!("; did you mean `{near}`?"));
            format!("there is no code table `{name}`{}", hint.unwrap_or_default())
        })?;
        let own = std::iter::once(self.source.adapter).chain(self.source.bases.iter().map(String::as_str));
        let mut columns = own.filter(|adapter| table.column(adapter).is_some());
        let adapter = columns
            .next()
            .ok_or_else(|| format!("`mappings/codes/{name}.csv` has no column `{}`", self.source.adapter))?;
        let coded = shared.is_some_and(|part| property(part, "code").is_some());
        let text = shared.is_some_and(|part| Scalar::of(part) == Scalar::Text);
        if (!coded && !text) || from == Scalar::Other || from == Scalar::Boolean {
            return Err("`code` goes between a native text or number and a shared coded field or text".to_owned());
        }
        if coded && (!prefix.is_empty() || otherwise.is_some()) {
            return Err("`prefix` and `else` are for a shared text, not for a coded field".to_owned());
        }
        let id = format!("{adapter}.{name}");
        let (table, adapter) = (std::sync::Arc::clone(table), adapter.to_owned());
        Ok(Converter::Code(Code { table, adapter, id, coded, prefix, otherwise }))
    }
}

/// What to say of a converter that there is not.
fn no_converter(text: &str, word: &str) -> String {
    let known =
        ["text", "integer", "number", "boolean", "date", "datetime", "code", "prefix", "split", "base64", "const"];
    let hint = nearest(word, known).filter(|near| *near != word).map(|near| format!("; did you mean `{near}`?"));
    format!("`as = \"{text}\"` is no converter{}", hint.unwrap_or_default())
}

/// The converter of a file that stands in the document.
fn file(argument: &str, shared: Option<&str>) -> Result<Converter, String> {
    match (argument, shared) {
        ("", Some("attachments[].sha256" | "attachments[0].sha256")) => Ok(Converter::File),
        ("size", Some("attachments[].size" | "attachments[0].size")) => Ok(Converter::FileSize),
        _ => Err(
            "a native text goes as `base64` to `attachments[].sha256`, and as `base64 size` to `attachments[].size`"
                .to_owned(),
        ),
    }
}

/// Whether an empty text would be refused on the shared side.
fn takes_no_empty_text(schema: &Value) -> bool {
    schema.get("minLength").and_then(Value::as_u64).is_some_and(|least| least > 0)
        || ["pattern", "enum", "const", "format"].iter().any(|word| schema.get(word).is_some())
}

/// Follows a path and says where it leaves the schema.
fn exists(path: &Path, schema: &Value) -> Result<(), String> {
    let mut part = schema;
    for (place, step) in path.steps().iter().enumerate() {
        let head = path.head(place);
        match step {
            Step::Each | Step::First => match part.get("items") {
                Some(items) => part = items,
                None => return Err(format!("path `{path}`: `{head}` is no list: leave out its `[]` or `[0]`")),
            },
            Step::Key(name) => match property(part, name) {
                Some(inner) => part = inner,
                None if part.get("items").is_some() => {
                    return Err(format!("path `{path}`: `{head}` is a list: write `{head}[]`"));
                }
                None => {
                    let hint = nearest(name, properties(part)).map(|near| format!("; did you mean `{near}`?"));
                    let inside = if place == 0 { String::new() } else { format!(" in `{head}`") };
                    return Err(format!(
                        "path `{path}` is not in the schema: there is no `{name}`{inside}{}",
                        hint.unwrap_or_default()
                    ));
                }
            },
        }
    }
    Ok(())
}

/// The contexts of a mapping: the record, and the items of each pair of lists.
#[derive(Default)]
struct Contexts {
    sizes: Vec<Size>,
    /// (context around it, native path of the list) to (shared path of the list, its place, its context).
    pairs: BTreeMap<(usize, String), (String, usize, usize)>,
    /// The other way round.
    back: BTreeMap<(usize, String), String>,
}

impl Contexts {
    fn size(&mut self, context: usize) -> &mut Size {
        while self.sizes.len() <= context {
            self.sizes.push(Size::default());
        }
        // The loop above made room.
        let last = self.sizes.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the index is at most the last one")]
        &mut self.sizes[context.min(last)]
    }

    fn slot(&mut self, context: usize) -> usize {
        let size = self.size(context);
        size.slots += 1;
        size.slots - 1
    }

    /// The context of a rule, and (place, context) of every list on the way.
    fn of(&mut self, rule: &Rule) -> Result<(usize, Vec<(usize, usize)>), String> {
        self.size(0);
        let native = rule.native.as_ref().map(lists_of);
        let shared = rule.shared.as_ref().map(lists_of);
        let (native, shared) = match (native, shared) {
            (Some(native), Some(shared)) if native.len() != shared.len() => {
                return Err("both paths repeat equally often: as many `[]` on one side as on the other".to_owned());
            }
            (Some(native), Some(shared)) => (native, shared),
            (Some(native), None) => (native.clone(), self.partners(native, true)?),
            (None, Some(shared)) => (self.partners(shared.clone(), false)?, shared),
            (None, None) => (Vec::new(), Vec::new()),
        };
        let mut context = 0;
        let mut chain = Vec::new();
        for (native, shared) in native.into_iter().zip(shared) {
            let known = self.pairs.get(&(context, native.clone())).cloned();
            let (place, inner) = match known {
                Some((partner, place, inner)) if partner == shared => (place, inner),
                Some((partner, ..)) => {
                    return Err(format!(
                        "the native list `{native}[]` goes to `{partner}[]` already, not to `{shared}[]`"
                    ));
                }
                None => {
                    if let Some(partner) = self.back.get(&(context, shared.clone())) {
                        return Err(format!(
                            "the shared list `{shared}[]` comes from `{partner}[]` already, not from `{native}[]`"
                        ));
                    }
                    let inner = self.sizes.len();
                    self.size(inner);
                    let size = self.size(context);
                    size.lists += 1;
                    let place = size.lists - 1;
                    self.pairs.insert((context, native.clone()), (shared.clone(), place, inner));
                    self.back.insert((context, shared), native);
                    (place, inner)
                }
            };
            chain.push((place, inner));
            context = inner;
        }
        Ok((context, chain))
    }

    /// For a row with one path: the other side's lists, which other rows must have paired before it.
    fn partners(&self, lists: Vec<String>, native: bool) -> Result<Vec<String>, String> {
        let mut context = 0;
        let mut partners = Vec::new();
        for list in lists {
            let pair = if native { Some(list.clone()) } else { self.back.get(&(context, list.clone())).cloned() };
            let found = pair.and_then(|native| self.pairs.get(&(context, native.clone())).map(|pair| (native, pair)));
            let Some((own, (shared, _, inner))) = found else {
                return Err(format!("`{list}[]`: a row above must pair this list with one of the other side"));
            };
            partners.push(if native { shared.clone() } else { own });
            context = *inner;
        }
        Ok(partners)
    }
}

/// The path of each list on the way, within the one before it.
fn lists_of(path: &Path) -> Vec<String> {
    let mut lists = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for step in path.steps() {
        match step {
            Step::Key(name) => names.push(name),
            Step::Each => lists.push(std::mem::take(&mut names).join("/")),
            Step::First => names.push("0"),
        }
    }
    lists
}
