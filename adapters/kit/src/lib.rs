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
}
