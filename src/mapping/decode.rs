//! Native to shared: one walk of the native tree into slots, one pass from the slots to the shared tree, then the rows that
//! wait for a condition, then what was left over into `extensions.<adapter>`.

use icjs_kit::Violation;
use serde_json::{Map, Value};

use super::convert::{Converter, Read};
use super::frame::{At, Frame, Visit, indices, pointer, pointer_of};
use super::{Compiled, Decoded, Rule};
use crate::schema::path::Step;

/// At most so many violations and warnings are listed.
const LISTED: usize = 100;

/// See `Compiled::decode`.
pub(super) fn run(plan: &Compiled, native: &Value) -> Result<Decoded, Vec<Violation>> {
    let size = plan.sizes.first().copied().unwrap_or_default();
    let mut frame = Frame::new(size);
    let mut reading = Reading { plan, found: Found::default(), waiting: Vec::new() };
    plan.native.walk(0, native, &plan.sizes, &mut frame, &mut Vec::with_capacity(16), &mut reading);
    let Reading { mut found, waiting, .. } = reading;
    for (place, rule) in plan.rows.iter().enumerate().filter(|(_, rule)| rule.fills_in()) {
        if rule.condition.is_none() {
            fill(plan, place, rule, &mut frame, 0, &mut Vec::new(), &mut found);
        }
    }
    let mut shared = plan.shared.build(0, &mut frame, &plan.slots).unwrap_or_else(|| Value::Object(Map::new()));
    conditional(plan, waiting, &mut shared, &mut found);
    if !found.violations.is_empty() {
        return Err(found.violations);
    }
    found.absent = absent_constants(plan, native);
    let warnings = std::mem::take(&mut found.warnings);
    if let (Some(extension), Some(object)) = (found.extension(), shared.as_object_mut()) {
        let extensions = object.entry("extensions").or_insert_with(|| Value::Object(Map::new()));
        if let Some(extensions) = extensions.as_object_mut() {
            extensions.insert(plan.adapter.clone(), extension);
        }
    }
    Ok(Decoded { shared, warnings })
}

/// What is told beside the shared tree.
#[derive(Default)]
struct Found {
    violations: Vec<Violation>,
    warnings: Vec<Violation>,
    rest: Map<String, Value>,
    raw: Map<String, Value>,
    absent: Vec<Value>,
}

impl Found {
    fn extension(self) -> Option<Value> {
        let mut extension = Map::new();
        let absent = if self.absent.is_empty() { Value::Null } else { Value::Array(self.absent) };
        for (name, value) in [("raw", Value::Object(self.raw)), ("rest", Value::Object(self.rest)), ("absent", absent)]
        {
            if value.as_object().is_some_and(|map| !map.is_empty()) || value.is_array() {
                extension.insert(name.to_owned(), value);
            }
        }
        (!extension.is_empty()).then_some(Value::Object(extension))
    }

    /// Something stood there that could not be read: a default would be a guess.
    fn is_unreadable(&self, rule: &Rule, at: &[usize]) -> bool {
        let kept = rule.shared.as_ref().and_then(|path| self.raw.get(&pointer_of(path, at)));
        let value = kept.and_then(|kept| kept.get("value"));
        value.is_some_and(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()))
    }

    /// Keeps a raw value, and what was made of it: it is used again only while that is unchanged.
    fn keep(&mut self, shared: String, native: String, raw: Option<&Value>, parsed: Value) {
        let mut kept = Map::new();
        kept.insert("at".to_owned(), Value::String(native));
        if let Some(raw) = raw {
            kept.insert("value".to_owned(), raw.clone());
        }
        kept.insert("parsed".to_owned(), parsed);
        self.raw.insert(shared, Value::Object(kept));
    }

    fn warn(&mut self, native: &str, shared: &str, rule: &str, message: String) {
        if self.warnings.len() < LISTED {
            self.warnings.push(Violation {
                pointer: native.to_owned(),
                shared_pointer: Some(shared.to_owned()),
                rule: rule.to_owned(),
                message,
                ..Violation::default()
            });
        }
    }

    fn refuse(&mut self, native: String, shared: Option<String>, rule: &str, message: String) {
        if self.violations.len() < LISTED {
            self.violations.push(Violation {
                pointer: native,
                shared_pointer: shared,
                rule: rule.to_owned(),
                message,
                ..Violation::default()
            });
        }
    }
}

/// A value whose row has a condition, until the rest of the record is there to judge it by.
struct Waiting<'t> {
    row: usize,
    value: &'t Value,
    indices: Vec<usize>,
}

struct Reading<'p, 't> {
    plan: &'p Compiled,
    found: Found,
    waiting: Vec<Waiting<'t>>,
}

impl<'t> Visit<'t> for Reading<'_, 't> {
    fn leaf(&mut self, rows: &[usize], value: &'t Value, frame: &mut Frame, way: &[At<'t>]) {
        let mut taken = false;
        for row in rows {
            let (Some(rule), Some(slot)) = (self.plan.rows.get(*row), self.plan.slots.get(*row)) else {
                continue;
            };
            if let (Converter::Constant(constant), None) = (&rule.convert, &rule.shared) {
                taken |= constant == value;
                continue;
            }
            if rule.condition.is_some() {
                self.waiting.push(Waiting { row: *row, value, indices: indices(way) });
                taken = true;
                continue;
            }
            let (read, unread) = convert(rule, value, &|| indices(way), &mut self.found);
            taken |= !unread;
            if let Some(read) = read {
                frame.put(*slot, read);
            }
        }
        if !taken {
            self.rest(value, way);
        }
    }

    fn rest(&mut self, value: &'t Value, way: &[At<'t>]) {
        self.found.rest.insert(pointer(way), value.clone());
    }
}

/// The shared value, if there is one; and whether the native one belongs to the rest.
fn convert(rule: &Rule, value: &Value, at: &dyn Fn() -> Vec<usize>, found: &mut Found) -> (Option<Value>, bool) {
    let read = match value {
        Value::String(text) if text.is_empty() && rule.empty_is_nothing => Read::Nothing,
        _ => rule.convert.read(value),
    };
    if let Read::Exact(read) = read {
        return (Some(read), false);
    }
    let indices = at();
    let shared = rule.shared.as_ref().map(|path| pointer_of(path, &indices)).unwrap_or_default();
    let native = rule.native.as_ref().map(|path| pointer_of(path, &indices)).unwrap_or_default();
    match read {
        Read::Exact(read) => (Some(read), false),
        Read::Changed(read) => {
            found.keep(shared, native, Some(value), read.clone());
            (Some(read), false)
        }
        Read::Nothing => {
            found.keep(shared, native, Some(value), Value::Null);
            (None, false)
        }
        Read::UnknownCode(read) => {
            let message = "the code is in no row of its table: it is passed on without a label".to_owned();
            found.warn(&native, &shared, "code-unknown", message);
            if read.is_none() {
                found.keep(shared, native, Some(value), Value::Null);
            }
            (read, false)
        }
        Read::Wrong(what) if rule.due => {
            found.refuse(native, Some(shared), "mapping-failed", format!("must be {what}{}", rule.convert.form()));
            (None, false)
        }
        // Dirty values are a fact of old records: kept, shown, never guessed at.
        Read::Wrong(what) => {
            let message =
                format!("must be {what}{}: it is kept as it is, and the field stays empty", rule.convert.form());
            found.warn(&native, &shared, "value-unreadable", message);
            found.keep(shared, native, Some(value), Value::Null);
            (None, false)
        }
        Read::Unread => (None, true),
    }
}

/// Fills a default or a constant into every frame of its context that has nothing there.
fn fill(
    plan: &Compiled,
    row: usize,
    rule: &Rule,
    frame: &mut Frame,
    level: usize,
    at: &mut Vec<usize>,
    found: &mut Found,
) {
    if let Some(list) = rule.lists.get(level) {
        let items = frame.lists.get_mut(*list).and_then(Option::as_mut).map(Vec::as_mut_slice).unwrap_or_default();
        for (index, inner) in items.iter_mut().enumerate() {
            at.push(index);
            fill(plan, row, rule, inner, level + 1, at, found);
            at.pop();
        }
        return;
    }
    let slot = plan.slots.get(row).copied().unwrap_or(usize::MAX);
    if let Some(value) = rule.filling().filter(|_| !frame.has(slot) && !found.is_unreadable(rule, at)) {
        frame.put(slot, value.clone());
        note_filled(rule, at, value, found);
    }
}

/// A defaulted value is not written back: `raw` without a `value` says that nothing was there.
fn note_filled(rule: &Rule, at: &[usize], value: &Value, found: &mut Found) {
    if let (Some(shared), Some(native)) = (&rule.shared, &rule.native) {
        let shared = pointer_of(shared, at);
        // A raw that was kept beside it (an empty text) already says what stood there.
        if let Some(kept) = found.raw.get_mut(&shared).and_then(Value::as_object_mut) {
            kept.insert("parsed".to_owned(), value.clone());
        } else {
            found.keep(shared, pointer_of(native, at), None, value.clone());
        }
    }
}

/// Rows with a condition: judged by the record that the other rows made.
fn conditional(plan: &Compiled, waiting: Vec<Waiting>, shared: &mut Value, found: &mut Found) {
    let fills = plan.rows.iter().any(|rule| rule.condition.is_some() && rule.fills_in());
    if waiting.is_empty() && !fills {
        return;
    }
    let judged: Vec<Result<bool, String>> = plan.conditions.iter().map(|condition| condition.holds(shared)).collect();
    let holds = |rule: &Rule| rule.condition.and_then(|place| judged.get(place)).cloned().unwrap_or(Ok(true));
    for one in waiting {
        let Some(rule) = plan.rows.get(one.row) else {
            continue;
        };
        let native = rule.native.as_ref().map(|path| pointer_of(path, &one.indices)).unwrap_or_default();
        match holds(rule) {
            Err(message) => found.refuse(native, None, "mapping-failed", message),
            Ok(false) => {
                // Another row of the same native path may have taken it; then this entry is not used when it is written.
                found.rest.insert(native, one.value.clone());
            }
            Ok(true) => {
                let (read, unread) = convert(rule, one.value, &|| one.indices.clone(), found);
                if let (Some(read), Some(path)) = (read, &rule.shared) {
                    put(shared, path.steps(), &one.indices, read);
                }
                if unread {
                    found.rest.insert(native, one.value.clone());
                }
            }
        }
    }
    for rule in plan.rows.iter().filter(|rule| rule.condition.is_some() && rule.fills_in()) {
        let there = rule.shared.as_ref().is_some_and(|path| !path.values_in(shared).is_empty());
        if let (Ok(true), false, Some(path), Some(value)) = (holds(rule), there, &rule.shared, rule.filling()) {
            put(shared, path.steps(), &[], value.clone());
            note_filled(rule, &[], value, found);
        }
    }
}

/// Puts a value at a path with indices; lists on the way are there already, objects are made.
fn put(tree: &mut Value, steps: &[Step], indices: &[usize], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *tree = value;
        return;
    };
    match step {
        Step::Key(name) => {
            if tree.is_null() {
                *tree = Value::Object(Map::new());
            }
            if let Some(object) = tree.as_object_mut() {
                put(object.entry(name.as_str()).or_insert(Value::Null), rest, indices, value);
            }
        }
        Step::First => {
            if tree.is_null() {
                *tree = Value::Array(vec![Value::Null]);
            }
            if let Some(item) = tree.as_array_mut().and_then(|items| items.first_mut()) {
                put(item, rest, indices, value);
            }
        }
        Step::Each => {
            if tree.is_null() {
                *tree = Value::Array(Vec::new());
            }
            let (Some((index, more)), Some(items)) = (indices.split_first(), tree.as_array_mut()) else {
                return;
            };
            while items.len() <= *index {
                items.push(Value::Null);
            }
            if let Some(item) = items.get_mut(*index) {
                put(item, rest, more, value);
            }
        }
    }
}

impl Rule {
    /// It puts something on the shared side where the native side has nothing.
    pub(super) fn fills_in(&self) -> bool {
        self.shared.is_some() && self.filling().is_some()
    }

    fn filling(&self) -> Option<&Value> {
        match &self.convert {
            Converter::Constant(value) => Some(value),
            _ => self.default.as_ref(),
        }
    }
}

/// Native constants that are not there, in every frame: encoding must leave them out again.
pub(super) fn absent_constants(plan: &Compiled, native: &Value) -> Vec<Value> {
    let mut absent = Vec::new();
    for rule in plan.rows.iter().filter(|rule| rule.shared.is_none()) {
        if let Some(path) = &rule.native {
            missing(native, path.steps(), String::new(), &mut absent);
        }
    }
    absent
}

fn missing(tree: &Value, steps: &[Step], at: String, into: &mut Vec<Value>) {
    match steps.split_first() {
        None => {}
        Some((Step::Key(name), rest)) => {
            let pointer = format!("{at}/{}", icjs_kit::pointer_segment(name));
            match tree.get(name) {
                Some(inner) => missing(inner, rest, pointer, into),
                None => {
                    let whole =
                        rest.iter().take_while(|step| **step != Step::Each).fold(pointer, |pointer, step| match step {
                            Step::Key(name) => format!("{pointer}/{}", icjs_kit::pointer_segment(name)),
                            Step::Each | Step::First => pointer,
                        });
                    if !rest.contains(&Step::Each) {
                        into.push(Value::String(whole));
                    }
                }
            }
        }
        // A native path has none.
        Some((Step::First, _)) => {}
        Some((Step::Each, rest)) => {
            for (index, item) in tree.as_array().into_iter().flatten().enumerate() {
                missing(item, rest, format!("{at}/{index}"), into);
            }
        }
    }
}
