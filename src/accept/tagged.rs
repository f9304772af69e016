//! Fields that the shared schema marks: those that hold a national id (`x-national-id`, or `x-sensitivity: national-id`), and
//! those that hold a name (`x-name`). Found once for each schema; a record is then looked at in these places only.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use super::receive::Door;
use super::refuse::Refusal;
use crate::schema::Schema;

/// A field's place: one step a level, `None` for any place of a list.
type Path = Vec<Option<String>>;

/// The marked fields of one schema.
#[derive(Clone, Debug, Default)]
pub struct Fields(Arc<Marked>);

#[derive(Debug, Default)]
struct Marked {
    national: Vec<Path>,
    names: Vec<Path>,
}

/// The marked fields of schemas that were asked for before. The schema is kept with its fields: its address names it.
#[derive(Debug, Default)]
pub struct Tagged(RwLock<HashMap<usize, (Arc<Schema>, Fields)>>);

/// Schemas remembered; when there are more (revisions came and went), all are looked at anew.
const REMEMBERED: usize = 512;

impl Tagged {
    /// The marked fields of a submission's kind.
    pub fn of(&self, door: &Door) -> Result<Fields, Refusal> {
        let schema = &door.kind()?.schema;
        let address = Arc::as_ptr(schema).addr();
        if let Some((_, fields)) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return Ok(fields.clone());
        }
        let fields = Fields::of(&schema.resolved());
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(address, (Arc::clone(schema), fields.clone()));
        Ok(fields)
    }
}

impl Fields {
    /// Those of a schema whose references are resolved.
    pub fn of(schema: &Value) -> Self {
        let mut found = Marked::default();
        collect(schema, &mut Vec::new(), &mut found);
        Self(Arc::new(found))
    }

    /// Tells of each field for a national id: its value and its JSON Pointer.
    pub fn national(&self, tree: &Value, mut told: impl FnMut(&Value, &str)) {
        self.0.national.iter().for_each(|path| walk(tree, path, &mut String::new(), &mut told));
    }

    /// The same of each field for a name.
    pub fn names(&self, tree: &Value, mut told: impl FnMut(&Value, &str)) {
        self.0.names.iter().for_each(|path| walk(tree, path, &mut String::new(), &mut told));
    }
}

/// Deepest schema that is walked; records are no deeper either.
const DEEPEST: usize = 64;

fn collect(schema: &Value, path: &mut Path, found: &mut Marked) {
    let Some(node) = schema.as_object().filter(|_| path.len() < DEEPEST) else { return };
    let is = |word: &str| node.get(word).and_then(Value::as_bool) == Some(true);
    let national = is("x-national-id") || node.get("x-sensitivity").and_then(Value::as_str) == Some("national-id");
    if national && !found.national.contains(path) {
        found.national.push(path.clone());
    }
    if is("x-name") && !found.names.contains(path) {
        found.names.push(path.clone());
    }
    for (name, property) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        path.push(Some(name.clone()));
        collect(property, path, found);
        path.pop();
    }
    if let Some(items) = node.get("items") {
        path.push(None);
        collect(items, path, found);
        path.pop();
    }
    for choice in ["oneOf", "anyOf", "allOf"].iter().filter_map(|word| node.get(*word)?.as_array()).flatten() {
        collect(choice, path, found);
    }
}

/// A name as one step of a JSON Pointer (RFC 6901, section 3).
pub fn step_of(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn walk(value: &Value, path: &[Option<String>], pointer: &mut String, told: &mut dyn FnMut(&Value, &str)) {
    let Some((step, rest)) = path.split_first() else {
        return told(value, pointer);
    };
    let length = pointer.len();
    match (step, value) {
        (Some(name), Value::Object(fields)) => {
            if let Some(field) = fields.get(name) {
                pointer.push('/');
                pointer.push_str(&step_of(name));
                walk(field, rest, pointer, told);
            }
        }
        (None, Value::Array(items)) => {
            for (place, item) in items.iter().enumerate() {
                pointer.push_str(&format!("/{place}"));
                walk(item, rest, pointer, told);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
    pointer.truncate(length);
}
