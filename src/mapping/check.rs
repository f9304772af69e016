//! A mapping as a whole, at load: one row per target, required targets filled, closed lists covered by their code tables,
//! conditions over what is there; and what falls through.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::compile::{Source, fault};
use super::convert::Converter;
use super::table::{Fault, Row};
use super::{BESIDE, LossReport, Rule};
use crate::expression::{Expression, disjoint};
use crate::schema::path::{Path, Step, leaves, property};

/// Every fault that no single row shows.
pub(super) fn whole(source: &Source, rules: &[Rule], rows: &[&Row], conditions: &[Expression]) -> Vec<Fault> {
    let mut faults = Vec::new();
    targets(source, rules, rows, conditions, &mut faults);
    firsts(rules, rows, &mut faults);
    conditions_filled(rules, rows, conditions, &mut faults);
    for (rule, row) in rules.iter().zip(rows) {
        faults.extend(values(source, rule).into_iter().map(|message| fault(row, message)));
    }
    let place = source.layers.last().map(|(file, _)| file.clone()).unwrap_or_default();
    let mut missing = |side: &str, paths: Vec<String>| {
        for path in paths {
            let message = format!("the {side} schema requires `{path}`, and no row fills it");
            faults.push(Fault { file: place.clone(), line: 0, message });
        }
    };
    if source.sends {
        let filled: Vec<&Path> = rules.iter().filter_map(|rule| rule.shared.as_ref()).collect();
        missing("shared", unfilled(source.shared, &filled, Path::shared));
    }
    if source.receives {
        let filled: Vec<&Path> = rules.iter().filter_map(|rule| rule.native.as_ref()).collect();
        missing("native", unfilled(source.native, &filled, Path::native));
    }
    faults
}

/// Two rows on one target need conditions that exclude each other; one target never lies inside another.
fn targets(source: &Source, rules: &[Rule], rows: &[&Row], conditions: &[Expression], faults: &mut Vec<Fault>) {
    let apart = |one: &Rule, other: &Rule| {
        let of = |rule: &Rule| rule.condition.and_then(|place| conditions.get(place));
        matches!((of(one), of(other)), (Some(one), Some(other)) if disjoint(one, other))
    };
    type Side<'r> = (bool, &'static str, fn(&'r Rule) -> Option<&'r Path>);
    let sides: [Side; 2] = [
        (source.sends, "shared", |rule| rule.shared.as_ref()),
        (source.receives, "native", |rule| rule.native.as_ref()),
    ];
    for (needed, side, path_of) in sides {
        let mut known: HashMap<&[Step], Vec<usize>> = HashMap::new();
        for (place, rule) in rules.iter().enumerate() {
            known.entry(path_of(rule).map(Path::steps).unwrap_or_default()).or_default().push(place);
        }
        let line = |place: usize| rows.get(place).map_or(0, |row| row.line);
        for (place, (rule, row)) in rules.iter().zip(rows).enumerate() {
            let Some(path) = path_of(rule) else {
                continue;
            };
            // The size of a file is read beside the file and never written.
            if side == "native" && matches!(rule.convert, Converter::FileSize) {
                continue;
            }
            let same = known.get(path.steps()).map(Vec::as_slice).unwrap_or_default();
            let reads = |other: &Rule| side == "native" && matches!(other.convert, Converter::FileSize);
            for before in same.iter().copied().filter(|before| *before < place && needed) {
                if rules.get(before).is_some_and(|other| !reads(other) && !apart(rule, other)) {
                    let at = line(before);
                    faults.push(fault(row, format!("the {side} `{path}` is the target of line {at} too: two rows on one target need `when`s that exclude each other")));
                }
            }
            for length in 1..path.steps().len() {
                let around = path.steps().get(..length).and_then(|head| known.get(head)).and_then(|rows| rows.first());
                if let Some(around) = around {
                    let at = line(*around);
                    faults.push(fault(
                        row,
                        format!("the {side} `{path}` lies inside `{}` of line {at}", path.head(length)),
                    ));
                }
            }
        }
    }
}

/// Of one shared list either the first item is named or every item.
fn firsts(rules: &[Rule], rows: &[&Row], faults: &mut Vec<Fault>) {
    let paths: Vec<(&Path, &&Row)> =
        rules.iter().zip(rows).filter_map(|(rule, row)| Some((rule.shared.as_ref()?, row))).collect();
    for (path, row) in &paths {
        let places = path.steps().iter().enumerate().filter(|(_, step)| **step == Step::First);
        for (place, _) in places {
            let every = path.head(place).each();
            if let Some((other, _)) = paths.iter().find(|(other, _)| every.leads_to(other)) {
                let message = format!("`{path}` names the first item of a list of which `{other}` names every item");
                faults.push(fault(row, message));
            }
        }
    }
}

/// A condition is over paths that rows without one fill.
fn conditions_filled(rules: &[Rule], rows: &[&Row], conditions: &[Expression], faults: &mut Vec<Fault>) {
    let filled: Vec<&Path> =
        rules.iter().filter(|rule| rule.condition.is_none()).filter_map(|rule| rule.shared.as_ref()).collect();
    for (place, condition) in conditions.iter().enumerate() {
        for names in condition.paths() {
            let touches = |path: &&Path| {
                let keys: Vec<&str> = path.steps().iter().filter_map(key).collect();
                keys.iter().zip(names).all(|(one, other)| one == other)
            };
            if !filled.iter().any(touches) {
                let row = rules.iter().zip(rows).find(|(rule, _)| rule.condition == Some(place));
                let message = format!("`when`: no row without a `when` fills `{}`", names.join("."));
                faults.extend(row.map(|(_, row)| fault(row, message)));
            }
        }
    }
}

fn key(step: &Step) -> Option<&str> {
    match step {
        Step::Key(name) => Some(name),
        Step::Each | Step::First => None,
    }
}

/// Closed lists of values, on either side, have their counterparts.
fn values(source: &Source, rule: &Rule) -> Vec<String> {
    let native = rule.native.as_ref().and_then(|path| path.schema_in(source.native));
    let shared = rule.shared.as_ref().and_then(|path| path.schema_in(source.shared));
    let options = |part: Option<&Value>| -> Vec<Value> {
        let list = part.and_then(|part| part.get("enum")).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut messages = Vec::new();
    match &rule.convert {
        Converter::Code(code) => {
            let Some(column) = code.table.column(&code.adapter) else {
                return messages;
            };
            let closed = match (shared, code.coded) {
                (Some(shared), true) => options(property(shared, "code")),
                _ => options(shared),
            };
            let name = &code.table.name;
            for value in closed.iter().filter_map(Value::as_str).filter(|_| source.receives) {
                if column.native(value).is_none() && column.unknown().is_none() {
                    messages.push(format!(
                        "`mappings/codes/{name}.csv` has no `{}` value for the shared `{value}`",
                        code.adapter
                    ));
                }
            }
            for value in options(native).iter().filter(|_| source.sends) {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if code.table.by_native(column, &text).is_none() {
                    messages.push(format!(
                        "`mappings/codes/{name}.csv` has no row for the native `{text}` of `{}`",
                        code.adapter
                    ));
                }
            }
        }
        Converter::Text => {
            let (ours, theirs) = (options(native), options(shared));
            if !ours.is_empty() && !theirs.is_empty() {
                let strange = ours
                    .iter()
                    .find(|value| !theirs.contains(value))
                    .or(theirs.iter().find(|value| !ours.contains(value)));
                messages.extend(strange.map(|value| {
                    format!("both sides are closed lists, and `{value}` is in one only: use a code table")
                }));
            }
        }
        Converter::Constant(value) => {
            for part in [native, shared].into_iter().flatten() {
                if !crate::schema::takes(part, value) {
                    messages.push(format!("the constant `{value}` is not valid there"));
                }
            }
        }
        _ => {}
    }
    if let (Some(default), Some(part)) = (&rule.default, shared)
        && !crate::schema::takes(part, default)
    {
        messages.push(format!("the default `{default}` is not valid on the shared side"));
    }
    messages
}

/// Whether the object around the end of the path requires it.
pub(super) fn is_required(schema: &Value, path: &Path) -> bool {
    let Some((Step::Key(name), around)) = path.steps().split_last() else {
        return true;
    };
    let parent = path.head(around.len());
    let required = parent.schema_in(schema).and_then(|part| part.get("required")).and_then(Value::as_array);
    required.is_some_and(|names| names.iter().any(|one| one == name))
}

/// Required paths that nothing fills. What is optional is looked into only where rows fill something in it.
fn unfilled(schema: &Value, filled: &[&Path], read: fn(&str) -> Result<Path, String>) -> Vec<String> {
    let mut missing = Vec::new();
    below(schema, &Path::default(), filled, read, &mut missing);
    missing
}

fn below(
    schema: &Value,
    path: &Path,
    filled: &[&Path],
    read: fn(&str) -> Result<Path, String>,
    missing: &mut Vec<String>,
) {
    if filled.contains(&path) {
        return;
    }
    if let Some(items) = schema.get("items") {
        let first = path.first();
        let only = filled.iter().any(|other| first.leads_to(other));
        return below(items, &if only { first } else { path.each() }, filled, read, missing);
    }
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, part) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        // The first name is read, so that the path knows its side's separator.
        let child = if path.steps().is_empty() { read(name) } else { Ok(path.child(name)) };
        let Ok(child) = child else {
            continue;
        };
        if filled.iter().any(|other| child.leads_to(other)) {
            below(part, &child, filled, read, missing);
        } else if required.contains(&name.as_str()) {
            missing.push(child.to_string());
        }
    }
}

/// What no row reads or writes.
pub(super) fn loss(source: &Source, rules: &[Rule]) -> LossReport {
    let native: BTreeSet<String> = rules.iter().filter_map(|rule| rule.native.as_ref()).map(Path::to_string).collect();
    let shared: Vec<&Path> = rules.iter().filter_map(|rule| rule.shared.as_ref()).collect();
    let all = leaves(source.native, '/');
    let unread: Vec<String> =
        all.iter().map(|(path, _)| path.to_string()).filter(|path| !native.contains(path)).collect();
    let (mut uncarried, mut carried) = (Vec::new(), 0);
    let all_of: Vec<Path> = shared.iter().map(|path| path.of_all()).collect();
    let firsts = shared.iter().filter_map(|path| path.to_string().split_once("[0]").map(|(list, _)| list.to_owned()));
    let firsts: BTreeSet<String> = firsts.filter(|list| !BESIDE.contains(&list.as_str())).collect();
    uncarried.extend(firsts.into_iter().map(|list| format!("{list}[] after the first")));
    for (path, _) in leaves(source.shared, '.') {
        let beside = path.steps().first().and_then(key).is_some_and(|first| BESIDE.contains(&first));
        if all_of.iter().any(|row| row.leads_to(&path)) {
            carried += 1;
        } else if !beside {
            uncarried.push(path.to_string());
        }
    }
    LossReport { read: all.len() - unread.len(), unread, uncarried, carried }
}
