//! The law of the JSON door: whatever comes, it answers; what it takes, two other readers read the same way, within the limits,
//! and it comes back from being written; what it calls malformed, another strict reader does not take either.

use icjs_kit::json::JsonCodec;
use icjs_kit::{Codec, Limits};
use serde_json::Value;

#[path = "plain_json.rs"]
mod plain_json;

const LIMITS: Limits = Limits { bytes: 1 << 16, depth: 24, keys: 2_000 };
const CODES: [&str; 7] = [
    "malformed-json",
    "encoding-refused",
    "too-deep",
    "too-large",
    "duplicate-key",
    "nul-character",
    "character-not-portable",
];

/// Holds the door to it.
pub fn check(bytes: &[u8]) {
    let another = plain_json::read(bytes);
    let tree = match JsonCodec.read(bytes, &LIMITS) {
        Ok(tree) => tree,
        Err(refused) => {
            assert!(CODES.contains(&refused.code) || refused.code == "schema-invalid", "{refused:?}");
            assert!(!refused.violations.is_empty(), "a refusal says what is wrong");
            let malformed = ["malformed-json", "encoding-refused"].contains(&refused.code);
            assert!(!malformed || another.is_none(), "{refused:?}, and another reader takes it");
            let pointers: Vec<String> = refused.violations.iter().map(|found| found.pointer.clone()).collect();
            assert_eq!(JsonCodec.locate_all(bytes, &pointers).len(), pointers.len());
            return;
        }
    };
    let (depth, keys) = measure(&tree);
    assert!(bytes.len() <= LIMITS.bytes && depth <= LIMITS.depth && keys <= LIMITS.keys, "{depth} deep, {keys} keys");
    assert_eq!(serde_json::from_slice::<Value>(bytes).ok().as_ref(), Some(&tree), "serde_json reads something else");
    assert_eq!(another.as_ref(), Some(&tree), "another reader reads something else");
    let written = JsonCodec.write(&tree).expect("what was read is written");
    assert_eq!(JsonCodec.read(&written, &LIMITS).as_ref(), Ok(&tree), "it does not come back");
}

/// How deep it nests, and how many keys and items it has.
fn measure(tree: &Value) -> (usize, usize) {
    let inner: Vec<&Value> = match tree {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => return (0, 0),
    };
    let parts: Vec<(usize, usize)> = inner.iter().map(|part| measure(part)).collect();
    let deepest = parts.iter().map(|(depth, _)| *depth).max().unwrap_or(0);
    (deepest + 1, inner.len() + parts.iter().map(|(_, keys)| keys).sum::<usize>())
}
