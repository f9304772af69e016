//! The document that a validator is compiled from: the resolved tree without the words meant for people, and with every
//! part that stands in it several times written once under `$defs`. It takes and refuses exactly what the tree does, in a
//! fraction of the memory. Whoever walks a schema (mapping, codecs, pages) walks the resolved tree, never this.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// What no validator reads. `$defs` too: a resolved tree has no reference left.
const WORDS: [&str; 10] =
    ["title", "description", "$comment", "examples", "default", "deprecated", "xml", "$id", "$schema", "$defs"];
/// A part whose text is shorter than this is as cheap as the reference to it.
const WORTH: usize = 24;

/// The compact form of a resolved schema.
pub(super) fn document(resolved: &Value) -> Value {
    let mut parts = Parts::default();
    let root = parts.part(resolved);
    let mut uses = vec![0; parts.bodies.len()];
    parts.bodies.iter().chain([&root]).for_each(|body| count(body, &mut uses));
    let mut document = parts.inlined(&root, &uses);
    let shared = uses.iter().enumerate().filter(|(_, uses)| **uses > 1).map(|(place, _)| place);
    let definitions: Map<String, Value> =
        shared.filter_map(|place| Some((place.to_string(), parts.inlined(parts.bodies.get(place)?, &uses)))).collect();
    if let Some(object) = document.as_object_mut().filter(|_| !definitions.is_empty()) {
        object.insert("$defs".to_owned(), Value::Object(definitions));
    }
    document
}

#[derive(Default)]
struct Parts {
    /// Every part once, its own parts as references.
    bodies: Vec<Value>,
    /// Place of a part by its text.
    places: HashMap<String, usize>,
}

impl Parts {
    fn part(&mut self, part: &Value) -> Value {
        let Some(object) = part.as_object() else {
            return part.clone();
        };
        let mut kept = Map::new();
        for (key, value) in object.iter().filter(|(key, _)| !WORDS.contains(&key.as_str()) && !key.starts_with("x-")) {
            let value = match (key.as_str(), value) {
                ("properties", Value::Object(properties)) => {
                    properties.iter().map(|(name, value)| (name.clone(), self.reference(value))).collect()
                }
                ("items" | "additionalProperties", value) => self.reference(value),
                // What a branch evaluates counts for the object around it: branches stay where they are.
                ("oneOf" | "anyOf" | "allOf", Value::Array(branches)) => {
                    branches.iter().map(|branch| self.part(branch)).collect()
                }
                _ => value.clone(),
            };
            kept.insert(key.clone(), value);
        }
        Value::Object(kept)
    }

    fn reference(&mut self, part: &Value) -> Value {
        let body = self.part(part);
        let text = body.to_string();
        if !body.is_object() || text.len() < WORTH {
            return body;
        }
        let next = self.bodies.len();
        let place = *self.places.entry(text).or_insert(next);
        if place == next {
            self.bodies.push(body);
        }
        json!({ "$ref": format!("#/$defs/{place}") })
    }

    /// A body with the parts that nothing else uses written back in place.
    fn inlined(&self, body: &Value, uses: &[usize]) -> Value {
        match (place_of(body), body) {
            (Some(place), _) => match self.bodies.get(place) {
                Some(inner) if uses.get(place) == Some(&1) => self.inlined(inner, uses),
                _ => body.clone(),
            },
            (None, Value::Object(object)) => {
                object.iter().map(|(key, value)| (key.clone(), self.inlined(value, uses))).collect()
            }
            (None, Value::Array(items)) => items.iter().map(|item| self.inlined(item, uses)).collect(),
            (None, other) => other.clone(),
        }
    }
}

fn place_of(value: &Value) -> Option<usize> {
    let text = value.as_object().filter(|object| object.len() == 1)?.get("$ref")?.as_str()?;
    text.strip_prefix("#/$defs/")?.parse().ok()
}

fn count(body: &Value, uses: &mut [usize]) {
    match body {
        _ if place_of(body).is_some() => {
            if let Some(uses) = place_of(body).and_then(|place| uses.get_mut(place)) {
                *uses += 1;
            }
        }
        Value::Object(object) => object.values().for_each(|value| count(value, uses)),
        Value::Array(items) => items.iter().for_each(|item| count(item, uses)),
        _ => {}
    }
}
