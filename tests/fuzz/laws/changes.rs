//! Changes to a tree, as bytes tell them: which of its parts, and what stands there instead. Any bytes are some changes.

use serde_json::{Value, json};

/// Texts that formats stumble over.
const TEXTS: [&str; 16] = [
    "",
    " ",
    "0",
    "-1",
    "31/02/2026",
    "01/01/2026",
    "2026-02-30",
    "2026-01-01T00:00:00Z",
    "2026-01-01T23:59:60+05:30",
    "true",
    "null",
    "\u{feff}",
    "a\nb",
    "क",
    "9999999999999999999",
    "UNKNOWN",
];

/// Makes at most sixteen changes.
pub fn apply(tree: &mut Value, told: &[u8]) {
    let mut told = told;
    for _ in 0..16 {
        let Some(([high, low, what, more], rest)) = told.split_first_chunk::<4>() else { return };
        told = rest;
        let place = usize::from(u16::from_be_bytes([*high, *low])) % count(tree).max(1);
        let text = if what & 0x80 == 0 {
            TEXTS[usize::from(*more) % TEXTS.len()].to_owned()
        } else {
            let (own, rest) = told.split_at(told.len().min(usize::from(*more)));
            told = rest;
            String::from_utf8_lossy(own).into_owned()
        };
        if let Some(part) = part(tree, &mut { place }) {
            change(part, what & 0x7f, text, *more);
        }
    }
}

fn change(part: &mut Value, what: u8, text: String, more: u8) {
    match (what % 12, &mut *part) {
        (0, _) => *part = Value::Null,
        (1, _) => *part = json!(i64::from(more) - 128),
        (2, _) => *part = json!(f64::from(more) / 7.0),
        (3, _) => *part = json!(more & 1 == 0),
        (4, Value::Array(items)) => drop(items.pop()),
        (5, Value::Array(items)) => items.extend(items.first().cloned()),
        (6, Value::Object(map)) => {
            let name = map.keys().nth(usize::from(more) % map.len().max(1)).cloned();
            name.map(|name| map.shift_remove(&name));
        }
        (7, Value::Object(map)) => drop(map.insert(text, json!("more"))),
        (8, _) => *part = json!([part.take()]),
        (9, Value::String(there)) => there.push_str(&text),
        _ => *part = Value::String(text),
    }
}

/// How many parts a tree has, itself among them.
fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The part of that number.
fn part<'t>(tree: &'t mut Value, number: &mut usize) -> Option<&'t mut Value> {
    if *number == 0 {
        return Some(tree);
    }
    *number -= 1;
    match tree {
        Value::Array(items) => items.iter_mut().find_map(|item| part(item, number)),
        Value::Object(map) => map.values_mut().find_map(|value| part(value, number)),
        _ => None,
    }
}
