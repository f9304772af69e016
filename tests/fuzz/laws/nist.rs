//! The law of the reader of ANSI/NIST-ITL transactions: whatever comes, it answers, at a field; what it takes comes back byte for
//! byte beside its original, and what is written from a tree alone is read again and then stands still.

use std::sync::OnceLock;

use icjs_kit::{Codec, Limits};
use icjs_nafis::NistCodec;
use serde_json::{Value, json};

const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 64, keys: 5_000 };
const CODES: [&str; 5] = ["malformed-nist", "encoding-refused", "too-large", "nul-character", "character-not-portable"];

/// Holds the reader to it.
pub fn check(bytes: &[u8]) {
    let codec = codec();
    let tree = match codec.read(bytes, &LIMITS) {
        Ok(tree) => tree,
        Err(refused) => {
            assert!(CODES.contains(&refused.code) && !refused.violations.is_empty(), "{refused:?}");
            return;
        }
    };
    let written = codec.rewrite(&tree, bytes);
    assert!(written.as_deref() == Ok(bytes), "{} bytes do not come back: {written:?}", bytes.len());
    for pointer in ["/T1/F003/1/0", "/T2/F018", "/T2/F064/0/NFN", "/Records/0/IMP", "/Records/9"] {
        assert!(!codec.locate(bytes, pointer).pointer.is_empty(), "{pointer}");
    }
    let texts = Value::Object(tree.as_object().into_iter().flatten().filter(is_text).map(owned).collect());
    if let Ok(first) = codec.write(&texts) {
        let again = codec.read(&first, &LIMITS).expect("what was written is read");
        let second = codec.write(&again).expect("what was read is written");
        assert!(first == second, "what is written from a tree does not stand still");
    }
}

fn is_text((name, _): &(&String, &Value)) -> bool {
    ["T1", "T2"].contains(&name.as_str())
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn codec() -> &'static NistCodec {
    static CODEC: OnceLock<NistCodec> = OnceLock::new();
    CODEC.get_or_init(|| {
        let text = json!({"type": "string"});
        let suspect = json!({"type": "object", "properties": {"NFN": text, "SCORE": text}});
        let names = json!({"type": "object", "properties": {"NAME": text, "VERSION": text}});
        let first = json!({"F004": text, "F013": names});
        let second = json!({"F018": text, "F019": {"type": "array", "items": text}, "F064": {"type": "array", "items": suspect}});
        let schema = json!({"type": "object", "properties": {
            "T1": {"type": "object", "properties": first}, "T2": {"type": "object", "properties": second}}});
        NistCodec::new(&schema).expect("a schema of a transaction")
    })
}
