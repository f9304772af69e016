//! What a sender's format carries beyond the shared model (`extensions.<adapter>`): it goes to the system that sent it, and to
//! any other only what a line names. Values as they were written (`raw`) follow the fields that they belong to: with a field
//! that is withheld goes its spelling.

use serde_json::{Map, Value};

use super::super::facts::Path;
use super::plan::empty;

/// The key of a record.
pub(super) const KEY: &str = "extensions";
/// Spellings, by JSON pointer into the shared form.
const RAW: &str = "raw";

/// The paths of a line that lie in extensions.
pub(super) fn named(given: &[Path]) -> Vec<Path> {
    given.iter().filter(|path| path.steps.first().is_some_and(|(name, _)| name == KEY)).cloned().collect()
}

/// Puts back into `cut`, the record as it is given, what of the `original`'s extensions is named; the rest is listed.
pub(super) fn apply(
    named: &[&Path],
    extensions: &Map<String, Value>,
    original: Option<&Value>,
    cut: &mut Value,
) -> Vec<String> {
    let mut kept = Map::new();
    for path in named {
        let steps: Vec<&str> = path.steps.iter().skip(1).map(|(name, _)| name.as_str()).collect();
        copy(extensions, &mut kept, &steps);
    }
    for (_, value) in kept.iter_mut() {
        if let Some(Value::Object(raw)) = value.get_mut(RAW) {
            raw.retain(|pointer, _| original.is_some_and(|original| stands(original, cut, pointer)));
        }
    }
    let mut withheld = Vec::new();
    for (adapter, value) in extensions.iter().filter(|(_, value)| !empty(value)) {
        if kept.get(adapter) != Some(value) {
            withheld.push(format!("{KEY}.{adapter}"));
        }
    }
    if !kept.is_empty()
        && let Some(fields) = cut.as_object_mut()
    {
        fields.insert(KEY.to_owned(), Value::Object(kept));
    }
    withheld
}

fn copy(from: &Map<String, Value>, to: &mut Map<String, Value>, steps: &[&str]) {
    let Some((name, rest)) = steps.split_first() else {
        to.extend(from.iter().map(|(name, value)| (name.clone(), value.clone())));
        return;
    };
    let Some(found) = from.get(*name) else { return };
    match (found, rest.is_empty()) {
        (_, true) => {
            to.insert((*name).to_owned(), found.clone());
        }
        (Value::Object(inner), false) => {
            let slot = to.entry((*name).to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(slot) = slot {
                copy(inner, slot, rest);
            }
        }
        _ => {}
    }
}

/// Whether what a pointer names stands in the cut record as it stood in the original, at the same place.
fn stands(original: &Value, cut: &Value, pointer: &str) -> bool {
    let (mut before, mut after) = (original, cut);
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        let next = match (before, after) {
            // Where an item was taken out, those after it have moved: whose spelling it is cannot be told.
            (Value::Array(all), Value::Array(left)) if all.len() == left.len() => {
                name.parse::<usize>().ok().and_then(|at| Some((all.get(at)?, left.get(at)?)))
            }
            (Value::Object(all), Value::Object(left)) => all.get(&name).zip(left.get(&name)),
            _ => None,
        };
        let Some((one, other)) = next else { return false };
        (before, after) = (one, other);
    }
    before == after
}
