//! What an adapter may see: a tree, the codecs that read and write it, and the words for what is wrong.
//! Pure: no clock, no socket, no state, no retry. A codec MUST refuse what a conforming parser of its format refuses,
//! MUST keep within `Limits`, and MUST be able to say where in the bytes a part of the tree came from.

pub mod answer;
pub mod json;
pub mod xml;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The limits of one document.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes in all.
    pub bytes: usize,
    /// Nesting.
    pub depth: usize,
    /// Keys (JSON) or elements and attributes (XML) in all.
    pub keys: usize,
}

/// Bytes of a key (JSON) or of a name of an element or attribute (XML) at most.
const LONGEST_NAME: usize = 1_000;

/// One thing that is wrong with a document, at a place in the document as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Violation {
    /// JSON Pointer, XPath or NIST field in the document as sent.
    pub pointer: String,
    /// JSON Pointer into the shared form, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_pointer: Option<String>,
    /// Line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Stable name of the rule.
    pub rule: String,
    /// What is wrong and what would be right, without the value.
    pub message: String,
}

/// Why bytes are no document: a stable code (`malformed-json`, `too-deep`, `duplicate-key`, ...) and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// One of the codes of the exchange API.
    pub code: &'static str,
    /// Everything that is wrong.
    pub violations: Vec<Violation>,
}

/// A place in the document as sent.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// JSON Pointer, XPath or NIST field.
    pub pointer: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1.
    pub column: Option<u32>,
}

/// One wire format, bound to one native schema where the format needs it (XML).
pub trait Codec: Send + Sync + std::fmt::Debug {
    /// Media type that is read and written, such as `application/xml`.
    fn media_type(&self) -> &'static str;
    /// Bytes to a tree. Every `Unreadable` names its code.
    fn read(&self, bytes: &[u8], limits: &Limits) -> Result<Value, Unreadable>;
    /// A tree to bytes.
    fn write(&self, tree: &Value) -> Result<Vec<u8>, String>;
    /// Where in `bytes` the part of the tree at `pointer` (JSON Pointer into the tree) came from.
    /// Only called when something is wrong with it: it may read the bytes again.
    fn locate(&self, bytes: &[u8], pointer: &str) -> Place;
    /// The same for many pointers of one document: a format that reads all of it to find one place does so once.
    fn locate_all(&self, bytes: &[u8], pointers: &[String]) -> Vec<Place> {
        pointers.iter().map(|pointer| self.locate(bytes, pointer)).collect()
    }
    /// Whether the tree holds all that the bytes do. Where it does not (images stay in the original), a receiver that reads
    /// the same wire gets the original, untouched or not at all.
    fn tree_is_whole(&self) -> bool {
        true
    }
    /// A tree to bytes, where parts of the document are in `original` only: what was read from it comes back byte for byte.
    fn rewrite(&self, tree: &Value, original: &[u8]) -> Result<Vec<u8>, String> {
        let _ = original;
        self.write(tree)
    }
}

/// The first character of a text that XML 1.0 cannot carry; `Some('\0')` is its own rule.
pub fn not_portable(text: &str) -> Option<char> {
    let bytes = text.as_bytes();
    // 0xEF opens U+FFFE and U+FFFF, and much of Arabic's presentation forms besides: only then are characters decoded.
    if !bytes.iter().any(|byte| (*byte < 0x20 && !matches!(byte, 9 | 10 | 13)) || *byte == 0xEF) {
        return None;
    }
    text.chars().find(
        |found| matches!(found, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'),
    )
}

/// A key as a segment of a JSON Pointer.
pub fn pointer_segment(key: &str) -> String {
    if key.contains(['~', '/']) { key.replace('~', "~0").replace('/', "~1") } else { key.to_owned() }
}

fn too_large(limit: usize) -> Unreadable {
    let violation = Violation {
        rule: "too-large".to_owned(),
        message: format!("the document is larger than {limit} bytes"),
        ..Violation::default()
    };
    Unreadable { code: "too-large", violations: vec![violation] }
}

/// Runs `test` on every file of a corpus folder under `../shared/corpora`, or says that it was skipped.
#[cfg(test)]
fn each_corpus_file(folder: &str, mut test: impl FnMut(&str, &[u8])) -> usize {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora").join(folder);
    let Ok(entries) = std::fs::read_dir(&root) else {
        println!("skipped: no corpus at {}", root.display());
        return 0;
    };
    let mut count = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file() {
            test(&name, &std::fs::read(&path).unwrap());
            count += 1;
        }
    }
    count
}
