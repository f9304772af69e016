//! ANSI/NIST-ITL 1-2011 Update 2015, traditional encoding, as a wire format: fingerprint transactions of CCTNS, prisons and
//! NAFIS. The tree holds the texts of Type-1 and Type-2; of every other record it says what it is, where it lies in the
//! original and its SHA-256: images never enter a tree. So a tree is written back only beside its original (`rewrite`).
//! Pure, as every adapter. Read `scan` for what is checked, `shape` for how a native schema shapes fields, then `tree`, `write`.

mod scan;
mod text;
mod shape;
mod tree;
mod write;

use icjs_kit::{Codec, Limits, Place, Unreadable};
use serde_json::Value;

use shape::Shapes;

/// The media type of a transaction. None is registered for the traditional encoding.
pub const MEDIA_TYPE: &str = "application/x-ansi-nist";

/// The wire format, bound to one native schema: it says which fields of Type-1 and Type-2 are lists or have named items.
#[derive(Debug)]
pub struct NistCodec {
    shapes: Shapes,
}

impl NistCodec {
    /// By the resolved native schema; an error names the property that describes no field.
    pub fn new(native: &Value) -> Result<Self, String> {
        Ok(Self { shapes: Shapes::of(native)? })
    }
}

impl Codec for NistCodec {
    fn media_type(&self) -> &'static str {
        MEDIA_TYPE
    }

    fn read(&self, bytes: &[u8], limits: &Limits) -> Result<Value, Unreadable> {
        let records = scan::scan(bytes, limits)?;
        Ok(tree::tree(&records, &self.shapes))
    }

    fn write(&self, tree: &Value) -> Result<Vec<u8>, String> {
        write::write(tree, &self.shapes, None)
    }

    fn locate(&self, bytes: &[u8], pointer: &str) -> Place {
        Place { pointer: tree::field_of(bytes, pointer), line: None, column: None }
    }

    fn tree_is_whole(&self) -> bool {
        false
    }

    fn rewrite(&self, tree: &Value, original: &[u8]) -> Result<Vec<u8>, String> {
        write::write(tree, &self.shapes, Some(original))
    }
}

#[cfg(test)]
mod tests;
