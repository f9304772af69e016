//! Shared to native: conditions first, one walk of the shared tree into slots, one pass from the slots to the native tree,
//! then what `extensions.<adapter>` kept: raws that are still true, and what no row reads.

use std::collections::BTreeSet;

use icjs_kit::Violation;
use serde_json::{Map, Value};

use super::convert::{Converter, Written};
use super::frame::{At, Frame, Visit, indices, pointer, pointer_of};
use super::{BESIDE, Compiled, Encoded, Rule};

/// See `Compiled::encode`.
pub(super) fn run(plan: &Compiled, shared: &Value) -> Result<Encoded, (String, Vec<Violation>)> {
    let mut holds = Vec::with_capacity(plan.conditions.len());
    for condition in &plan.conditions {
        match condition.holds(shared) {
            Ok(true_) => holds.push(true_),
            Err(message) => {
                let violation = Violation { rule: "mapping-failed".to_owned(), message, ..Violation::default() };
                return Err(("mapping-failed".to_owned(), vec![violation]));
            }
        }
    }
    let mut frame = Frame::new(plan.sizes.first().copied().unwrap_or_default());
    let mut writing = Writing { plan, holds: &holds, lost: BTreeSet::new(), violations: Vec::new() };
    plan.shared.walk(0, shared, &plan.sizes, &mut frame, &mut Vec::with_capacity(16), &mut writing);
    let Writing { lost, violations, .. } = writing;
    if !violations.is_empty() {
        return Err(("code-unknown".to_owned(), violations));
    }
    for (place, rule) in plan.rows.iter().enumerate() {
        if let (Converter::Constant(value), None) = (&rule.convert, &rule.shared)
            && rule.condition.is_none_or(|condition| holds.get(condition) == Some(&true))
        {
            fill(plan.slots.get(place).copied().unwrap_or(usize::MAX), rule, value, &mut frame, 0);
        }
    }
    let mut native = plan.native.build(0, &mut frame, &plan.slots).unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(extension) = shared.get("extensions").and_then(|extensions| extensions.get(&plan.adapter)) {
        restore(extension, shared, &mut native);
    }
    Ok(Encoded { native, lost: lost.into_iter().collect() })
}

struct Writing<'p> {
    plan: &'p Compiled,
    holds: &'p [bool],
    lost: BTreeSet<String>,
    violations: Vec<Violation>,
}

impl<'t> Visit<'t> for Writing<'_> {
    fn leaf(&mut self, rows: &[usize], value: &'t Value, frame: &mut Frame, way: &[At<'t>]) {
        let mut carried = false;
        for row in rows {
            let (Some(rule), Some(slot)) = (self.plan.rows.get(*row), self.plan.slots.get(*row)) else {
                continue;
            };
            if rule.condition.is_some_and(|condition| self.holds.get(condition) != Some(&true)) {
                continue;
            }
            if let Converter::Constant(constant) = &rule.convert {
                carried |= constant == value;
                continue;
            }
            match rule.convert.write(value, rule.scalar) {
                Written::Exact(written) => {
                    frame.put(*slot, written);
                    carried = true;
                }
                Written::Changed(written) => frame.put(*slot, written),
                Written::UnknownCode if rule.required => {
                    self.violations.push(unknown(rule, way));
                    carried = true;
                }
                Written::UnknownCode | Written::Lost => {}
            }
        }
        if !carried {
            self.rest(value, way);
        }
    }

    fn rest(&mut self, value: &'t Value, way: &[At<'t>]) {
        let empty = value.is_null()
            || value.as_object().is_some_and(Map::is_empty)
            || value.as_array().is_some_and(Vec::is_empty);
        let beside = matches!(way.first(), Some(At::Key(key)) if BESIDE.contains(key));
        if !empty && !beside {
            self.lost.insert(path_of(way));
        }
    }
}

/// The shared path, `[]` for indices.
fn path_of(way: &[At]) -> String {
    let mut text = String::new();
    for at in way {
        match at {
            At::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            At::Index(_) => text.push_str("[]"),
            At::First => text.push_str("[0]"),
        }
    }
    text
}

fn unknown(rule: &Rule, way: &[At]) -> Violation {
    let native = rule.native.as_ref().map(|path| pointer_of(path, &indices(way))).unwrap_or_default();
    Violation {
        pointer: native,
        shared_pointer: Some(pointer(way)),
        rule: "code-unknown".to_owned(),
        message:
            "the receiver's code table has no value for this code and no `unknown` row, and its format requires one"
                .to_owned(),
        ..Violation::default()
    }
}

/// Writes a constant into every frame of its context that has nothing there.
fn fill(slot: usize, rule: &Rule, value: &Value, frame: &mut Frame, level: usize) {
    match rule.lists.get(level) {
        Some(list) => {
            let items = frame.lists.get_mut(*list).and_then(Option::as_mut).map(Vec::as_mut_slice).unwrap_or_default();
            items.iter_mut().for_each(|inner| fill(slot, rule, value, inner, level + 1));
        }
        None if !frame.has(slot) => frame.put(slot, value.clone()),
        None => {}
    }
}

/// What the extension kept goes back where it came from.
fn restore(extension: &Value, shared: &Value, native: &mut Value) {
    for (pointer, kept) in extension.get("raw").and_then(Value::as_object).into_iter().flatten() {
        let parsed = kept.get("parsed").unwrap_or(&Value::Null);
        let now = shared.pointer(pointer).unwrap_or(&Value::Null);
        let Some(at) = kept.get("at").and_then(Value::as_str).filter(|_| now == parsed) else {
            continue;
        };
        match kept.get("value") {
            Some(value) => put(native, at, value, true),
            None => remove(native, at),
        }
    }
    for at in extension.get("absent").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        remove(native, at);
    }
    for (at, value) in extension.get("rest").and_then(Value::as_object).into_iter().flatten() {
        put(native, at, value, false);
    }
}

/// Puts a value at a JSON Pointer; objects on the way are made, lists must be long enough. Without `over`, only where
/// there is nothing yet.
fn put(tree: &mut Value, at: &str, value: &Value, over: bool) {
    let parts: Vec<String> = at.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let mut place = tree;
    for part in &parts {
        if is_nothing(place) && !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(object) => object.entry(part.as_str()).or_insert(Value::Null),
            Value::Array(items) => match part.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => item,
                None => return,
            },
            _ => return,
        };
    }
    if over || is_nothing(place) {
        *place = value.clone();
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

/// Removes what is at a JSON Pointer, and every object on the way that is empty then.
fn remove(tree: &mut Value, at: &str) {
    let Some((parent, last)) = at.rsplit_once('/') else {
        return;
    };
    let Some(object) = tree.pointer_mut(parent).and_then(Value::as_object_mut) else {
        return;
    };
    object.shift_remove(&last.replace("~1", "/").replace("~0", "~"));
    if object.is_empty() && !parent.is_empty() {
        let in_list = parent.rsplit('/').next().is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        if !in_list {
            remove(tree, parent);
        }
    }
}
