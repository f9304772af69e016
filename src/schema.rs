//! Shared and native JSON Schemas: compiled once a revision, asked for every record. Only this module makes a `Validated`.
//! No resolver reaches outside; patterns are linear; formats are asserted; what is said of a value never shows it.
//! `docs/schemas.md` states the subset. Read `resolve` for how references are written in place, `subset` for what is
//! refused at load, `compact` for what is compiled, `words` for how a violation is put, `path` for the one path syntax, `generate` for test records.

mod compact;
pub mod generate;
pub mod path;
mod resolve;
mod subset;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use icjs_kit::Violation;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use path::Path;

/// At most so many violations are listed for one document.
const LISTED: usize = 100;

/// Every schema of one revision, by `$id`-less name: `records/charge-sheet`, `common/person`, `cctns/charge-sheet`.
#[derive(Debug, Default)]
pub struct Schemas {
    resolved: BTreeMap<String, Arc<Value>>,
}

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// Its name, such as `records/charge-sheet`.
    pub name: String,
    version: u32,
    /// The resolved document, packed: as a tree those of one revision took megabytes, and a running gateway seldom asks.
    packed: Vec<u8>,
    /// The tree while somebody holds it.
    tree: Mutex<Weak<Value>>,
    /// Made when the first unknown field is told of.
    known: OnceLock<words::Known>,
    /// Made when the first document is judged: of some fifty schemas of a revision a gateway may need five. It was made once
    /// before, to see that it can be.
    validator: OnceLock<Option<Validator>>,
}

/// A shared form that passed its schema.
#[derive(Clone, Debug)]
pub struct Validated(Value);

impl Validated {
    /// The tree.
    pub fn tree(&self) -> &Value {
        &self.0
    }

    /// The tree, given away.
    pub fn into_tree(self) -> Value {
        self.0
    }
}

impl Schemas {
    /// Takes the documents by name, checks the stated subset of 2020-12, writes references in place, compiles nothing yet.
    /// An error is (name, what is wrong at which pointer); all are listed.
    /// Documents under `examples/` are records, not schemas, and are passed over.
    pub fn load(mut documents: BTreeMap<String, Value>) -> Result<Self, Vec<(String, String)>> {
        documents.retain(|name, _| !name.starts_with("examples/"));
        Self::of(&documents, &[])
    }

    /// The same without those that `passed` before: others may refer to them, and they are not looked at for themselves.
    pub fn of(documents: &BTreeMap<String, Value>, passed: &[String]) -> Result<Self, Vec<(String, String)>> {
        let mut errors = Vec::new();
        let fresh = || documents.iter().filter(|(name, _)| !passed.contains(name));
        for (name, document) in fresh() {
            let found = subset::of_document(name, document);
            errors.extend(found.into_iter().map(|error| (name.clone(), error)));
        }
        let mut resolved = BTreeMap::new();
        for (name, document) in fresh() {
            match resolve::document(name, document, documents) {
                Ok(tree) => {
                    // Definitions are closed where they are used: a base of an `allOf` must not be.
                    if !name.starts_with("common/") {
                        errors.extend(subset::of_resolved(&tree).into_iter().map(|error| (name.clone(), error)));
                    }
                    resolved.insert(name.clone(), Arc::new(tree));
                }
                Err(error) => errors.push((name.clone(), error)),
            }
        }
        if errors.is_empty() { Ok(Schemas { resolved }) } else { Err(errors) }
    }

    /// The schema of that name, compiled; errors name the pointer.
    pub fn compile(&self, name: &str) -> Result<Schema, String> {
        let resolved = self.resolved.get(name).ok_or_else(|| format!("there is no schema `{name}`"))?;
        Schema::from_resolved(name, Arc::clone(resolved))
    }

    /// The resolved document of that name.
    pub fn resolved(&self, name: &str) -> Option<Arc<Value>> {
        self.resolved.get(name).cloned()
    }

    /// Every name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.resolved.keys().map(String::as_str)
    }
}

impl Schema {
    /// Compiles a document that holds no reference to another one.
    pub fn from_resolved(name: &str, resolved: Arc<Value>) -> Result<Self, String> {
        // Where the compact form is wrong, so is the document, and its own pointers are what its author knows.
        validator(&compact::document(&resolved)).or_else(|_| validator(&resolved))?;
        let id = resolved.get("$id").and_then(Value::as_str).unwrap_or_default();
        let version = id.rsplit(':').next().and_then(|last| last.parse().ok()).unwrap_or(1);
        let packed = lz4_flex::compress_prepend_size(resolved.to_string().as_bytes());
        let tree = Mutex::new(Arc::downgrade(&resolved));
        Ok(Schema { name: name.to_owned(), version, packed, tree, known: OnceLock::new(), validator: OnceLock::new() })
    }

    /// The document with every reference resolved in place, for those that walk it (mapping, codecs, docs). It is read
    /// again unless somebody still holds it: whoever asks often keeps what they got.
    pub fn resolved(&self) -> Arc<Value> {
        let mut kept = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        kept.upgrade().unwrap_or_else(|| {
            // Packed by this process from a tree: reading it back has no way to fail.
            let tree = Arc::new(serde_json::from_slice(&self.text()).unwrap_or_default());
            *kept = Arc::downgrade(&tree);
            tree
        })
    }

    /// The resolved document as JSON text.
    pub fn text(&self) -> Vec<u8> {
        lz4_flex::decompress_size_prepended(&self.packed).unwrap_or_default()
    }

    fn validator(&self) -> Option<&Validator> {
        let make = || {
            let resolved = self.resolved();
            validator(&compact::document(&resolved)).or_else(|_| validator(&resolved)).ok()
        };
        self.validator.get_or_init(make).as_ref()
    }

    /// Whether the tree is valid; several times faster than listing violations.
    pub fn is_valid(&self, tree: &Value) -> bool {
        self.validator().is_some_and(|validator| validator.is_valid(tree))
    }

    /// Every violation (100 at most), `pointer` into `tree`; values masked.
    pub fn violations(&self, tree: &Value) -> Vec<Violation> {
        let Some(validator) = self.validator() else {
            // Nothing is valid by a schema that cannot be read; it could be when the revision was made.
            let message = "the schema cannot be compiled any more".to_owned();
            return vec![Violation { rule: "schema".to_owned(), message, ..Violation::default() }];
        };
        if validator.is_valid(tree) {
            return Vec::new();
        }
        let errors: Vec<_> = validator.iter_errors(tree).take(LISTED).collect();
        let mut found = Vec::new();
        let known = || self.known.get_or_init(|| words::Known::of(&self.resolved()));
        for error in &errors {
            words::say(error, &errors, &known, &mut found);
        }
        found.truncate(LISTED);
        found
    }

    /// The tree as `Validated`, or every violation.
    pub fn validate(&self, tree: Value) -> Result<Validated, Vec<Violation>> {
        let found = self.violations(&tree);
        if found.is_empty() { Ok(Validated(tree)) } else { Err(found) }
    }

    /// The title of a field in English and Hindi; empty where the schema gives none.
    pub fn titles(&self, path: &str) -> (String, String) {
        let tree = self.resolved();
        let part = Path::shared(path).ok().and_then(|path| path.schema_in(&tree));
        let word = |name: &str| {
            let text = part.and_then(|part| part.get(name)).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        (word("title"), word("x-title-hi"))
    }

    /// The nearest `x-sensitivity` on the way from the root to a shared path: it holds for everything below.
    pub fn sensitivity(&self, path: &str) -> Option<String> {
        let path = Path::shared(path).ok()?;
        let tree = self.resolved();
        (0..=path.steps().len()).rev().find_map(|length| {
            let part = path.head(length).schema_in(&tree)?;
            part.get("x-sensitivity").and_then(Value::as_str).map(str::to_owned)
        })
    }

    /// The version at the end of `$id`; 1 where it has none.
    pub fn version(&self) -> u32 {
        self.version
    }
}

/// Whether a part of a resolved schema takes a value. A part that cannot be compiled is told of elsewhere and takes all.
pub fn takes(part: &Value, value: &Value) -> bool {
    validator(part).map_or(true, |validator| validator.is_valid(value))
}

fn validator(document: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .build(document)
        .map_err(|error| format!("`{}`: {}", error.schema_path(), error.masked()))
}

#[cfg(test)]
mod tests;
