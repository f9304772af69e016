//! The law of mappings: whatever tree comes, a shipped mapping ends and answers, both ways; a record that its native schema takes
//! comes back as it was (law A); a shared record that its schema takes keeps what the pair carries (law B). See docs/mapping.md.

use std::sync::{Arc, OnceLock};

use icjs::config::{Dialect, Folder, Revision};
use icjs::mapping::Plan;
use icjs::schema::Schema;
use icjs::schema::generate::{Taste, record};
use icjs::schema::path::Path;
use serde_json::{Value, json};

#[path = "changes.rs"]
mod changes;

/// What travels beside the native form, in the envelope.
const BESIDE: [&str; 4] = ["office", "to", "attachments", "extensions"];

/// One kind in one format, its schemas unpacked.
struct Pair {
    name: String,
    dialect: &'static Dialect,
    plan: &'static Plan,
    shared: &'static Schema,
    trees: [Arc<Value>; 2],
}

/// Two bytes name the pair, one how full a record is made and in which form, one its seed; the rest are changes to it.
pub fn check(bytes: &[u8]) {
    let Some(([first, second, how, seed], rest)) = bytes.split_first_chunk::<4>() else { return };
    let pairs = pairs();
    let pair = &pairs[usize::from(u16::from_be_bytes([*first, *second])) % pairs.len()];
    let [native, shared] = &pair.trees;
    let taste = Taste { optional: [5, 40, 90, 100][usize::from(how >> 1 & 3)], items: 2 };
    let made = if how & 1 == 0 { native } else { shared };
    let mut tree = record(made, u64::from(*seed), taste);
    changes::apply(&mut tree, rest);
    if how & 1 == 0 { law_a(pair, &tree) } else { law_b(pair, tree) }
}

fn law_a(pair: &Pair, native: &Value) {
    let valid = pair.dialect.native.as_ref().is_some_and(|schema| schema.is_valid(native));
    match pair.plan.decode(native) {
        Err(violations) => assert!(!violations.is_empty(), "{}: refused without a word", pair.name),
        Ok(decoded) => {
            let encoded = pair.plan.encode(&decoded.shared);
            // A receiver may want one shared value in two places: what only goes out never comes in.
            if valid && pair.dialect.sends {
                let back =
                    encoded.unwrap_or_else(|error| panic!("{}: {error:?} by way of {}", pair.name, decoded.shared));
                assert_eq!(back.native, pair.plan.with_links(native), "{} by way of {}", pair.name, decoded.shared);
            }
        }
    }
}

fn law_b(pair: &Pair, mut shared: Value) {
    if let Some(map) = shared.as_object_mut() {
        map.remove("extensions");
    }
    let valid = pair.shared.is_valid(&shared);
    let Ok(encoded) = pair.plan.encode(&shared) else { return };
    let again = pair.plan.decode(&encoded.native);
    if !valid {
        return;
    }
    let again = again.unwrap_or_else(|error| panic!("{}: {error:?} of {}", pair.name, encoded.native)).shared;
    let beside = |path: &str| BESIDE.iter().any(|name| path == *name || path.starts_with(&format!("{name}[")));
    for path in pair.plan.carried().iter().filter(|path| !encoded.lost.contains(path) && !beside(path)) {
        let (before, after) = (values(&shared, path), values(&again, path));
        if !before.is_empty() && before.iter().all(|value| *value != json!("") && *value != json!([])) {
            assert_eq!(before, after, "{}: {path} of {shared} by way of {}", pair.name, encoded.native);
        }
    }
}

/// The values at a path; of a coded one its code, and of a number without a fraction the whole number that it is.
fn values(tree: &Value, path: &str) -> Vec<Value> {
    let path = Path::shared(path).expect("a path of a mapping");
    let plain = path.values_in(tree).into_iter().map(|value| value.get("code").unwrap_or(value).clone());
    plain.filter(|value| !value.is_null()).map(plainly).collect()
}

fn plainly(value: Value) -> Value {
    let float = value.as_number().filter(|number| number.is_f64()).map(ToString::to_string);
    let whole = float.and_then(|text| text.strip_suffix(".0").and_then(|whole| whole.parse::<i64>().ok()));
    whole.map_or(value, Value::from)
}

/// Every shipped mapping, compiled once.
fn pairs() -> &'static [Pair] {
    static PAIRS: OnceLock<Vec<Pair>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let revision = Revision::compile_all(Folder::default()).expect("what is shipped has no mistake");
        let revision: &'static Revision = Box::leak(Box::new(revision));
        let mut pairs = Vec::new();
        for (name, adapter) in &revision.adapters {
            for (kind, dialect) in &adapter.dialects {
                let (Some(plan), Some(native), Some(known)) =
                    (&dialect.plan, &dialect.native, revision.kinds.get(kind))
                else {
                    continue;
                };
                let trees = [native.resolved(), known.schema.resolved()];
                pairs.push(Pair { name: format!("{name} {kind}"), dialect, plan, shared: &known.schema, trees });
            }
        }
        pairs
    })
}
