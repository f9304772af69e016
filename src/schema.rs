//! Shared and native JSON Schemas: compiled once a revision, asked for every record. Only this module makes a `Validated`.
//! No resolver reaches outside; patterns are linear; formats are asserted; what is said of a value never shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use icjs_kit::Violation;
use serde_json::Value;

/// Every schema of one revision, by `$id`-less name: `records/charge-sheet`, `common/person`, `cctns/charge-sheet`.
#[derive(Debug, Default)]
pub struct Schemas {
    documents: BTreeMap<String, Arc<Value>>,
}

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// Its name, such as `records/charge-sheet`.
    pub name: String,
    /// The document with every reference resolved in place, for those that walk it (mapping, codecs, docs).
    pub resolved: Arc<Value>,
}

/// A shared form that passed its schema.
#[derive(Clone, Debug)]
pub struct Validated(Value);

impl Validated {
    /// The tree.
    pub fn tree(&self) -> &Value {
        &self.0
    }
}

impl Schemas {
    /// Takes the documents by name, checks the stated subset of 2020-12, compiles nothing yet.
    pub fn load(documents: BTreeMap<String, Value>) -> Result<Self, Vec<(String, String)>> {
        let _ = documents;
        todo!("mapping helper")
    }
    /// The schema of that name, compiled; errors name the pointer.
    pub fn compile(&self, name: &str) -> Result<Schema, String> {
        let _ = (name, &self.documents);
        todo!("mapping helper")
    }
}

impl Schema {
    /// Every violation, `pointer` into `tree`; values masked.
    pub fn violations(&self, tree: &Value) -> Vec<Violation> {
        let _ = tree;
        todo!("mapping helper")
    }
    /// The tree as `Validated`, or every violation.
    pub fn validate(&self, tree: Value) -> Result<Validated, Vec<Violation>> {
        let found = self.violations(&tree);
        if found.is_empty() { Ok(Validated(tree)) } else { Err(found) }
    }
}
