//! The stated subset of JSON Schema 2020-12 (`docs/schemas.md`), checked at load: what is bounded, closed and walkable.

use serde_json::{Map, Value};

const KEYWORDS: [&str; 37] = [
    "$schema",
    "$id",
    "$defs",
    "$ref",
    "$comment",
    "title",
    "description",
    "examples",
    "default",
    "deprecated",
    "type",
    "properties",
    "required",
    "dependentRequired",
    "minProperties",
    "maxProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "allOf",
    "oneOf",
    "anyOf",
];
const BOUNDED_FORMATS: [&str; 4] = ["date", "date-time", "time", "uuid"];

/// What is wrong with a document as written.
pub(super) fn of_document(name: &str, document: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let id = document.get("$id").and_then(Value::as_str);
    let expected = format!("urn:icjs:{}", name.replace('/', ":"));
    match id {
        Some(id) if id.strip_prefix(&expected).is_some_and(|rest| rest.is_empty() || version(rest)) => {}
        Some(_) => errors.push(format!("`/$id`: must be `{expected}:1`, the last part its version")),
        None if name.starts_with("records/") => {
            errors.push(format!("`/$id`: a record's schema names its version: `{expected}:1`"));
        }
        None => {}
    }
    part(document, "", &mut errors);
    errors
}

fn version(rest: &str) -> bool {
    rest.strip_prefix(':').is_some_and(|number| number.parse::<u32>().is_ok())
}

fn part(schema: &Value, pointer: &str, errors: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        if !matches!(
            (pointer.rsplit('/').next(), schema),
            (Some("additionalProperties" | "unevaluatedProperties"), Value::Bool(_))
        ) {
            errors.push(format!("`{pointer}`: a schema is an object"));
        }
        return;
    };
    for (key, value) in object {
        let inner = format!("{pointer}/{key}");
        match (key.as_str(), value) {
            ("properties" | "$defs", Value::Object(parts)) => {
                parts.iter().for_each(|(name, value)| part(value, &format!("{inner}/{name}"), errors));
            }
            ("items" | "additionalProperties" | "unevaluatedProperties" | "propertyNames", value) => {
                part(value, &inner, errors);
            }
            ("allOf", Value::Array(branches)) => {
                branches
                    .iter()
                    .enumerate()
                    .for_each(|(index, branch)| part(branch, &format!("{inner}/{index}"), errors));
            }
            ("oneOf", Value::Array(branches)) => {
                branches
                    .iter()
                    .enumerate()
                    .for_each(|(index, branch)| part(branch, &format!("{inner}/{index}"), errors));
            }
            ("anyOf", Value::Array(branches)) => {
                let only_required =
                    |branch: &Value| branch.as_object().is_some_and(|one| one.keys().all(|key| key == "required"));
                if !branches.iter().all(only_required) {
                    errors.push(format!("`{inner}`: every branch of `anyOf` is `{{\"required\": [..]}}` only"));
                }
            }
            (word, _) if KEYWORDS.contains(&word) || word.starts_with("x-") || word == "xml" => {}
            _ => errors.push(format!("`{inner}`: `{key}` is outside the subset of `docs/schemas.md`")),
        }
    }
    bounds(object, pointer, errors);
}

/// Strings, lists and open maps are bounded.
fn bounds(object: &Map<String, Value>, pointer: &str, errors: &mut Vec<String>) {
    let mut types: Vec<&str> = match object.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    types.retain(|name| *name != "null");
    if types.len() > 1 {
        errors.push(format!("`{pointer}/type`: one type, or one type and `null`"));
    }
    let has = |key: &str| object.contains_key(key);
    let format = object.get("format").and_then(Value::as_str).unwrap_or_default();
    if types.contains(&"string")
        && !has("maxLength")
        && !has("enum")
        && !has("const")
        && !BOUNDED_FORMATS.contains(&format)
    {
        errors.push(format!("`{pointer}`: a string has `maxLength`"));
    }
    if types.contains(&"array") && !(has("maxItems") && has("items")) {
        errors.push(format!("`{pointer}`: an array has `items` and `maxItems`"));
    }
    let open = object.get("additionalProperties").is_some_and(Value::is_object);
    if (open || has("propertyNames")) && !has("maxProperties") {
        errors.push(format!("`{pointer}`: an object of any names has `maxProperties`"));
    }
}

/// What is wrong with a resolved document: objects that are not closed, choices without a discriminator.
pub(super) fn of_resolved(document: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    closed(document, "", false, &mut errors);
    errors
}

fn closed(schema: &Value, pointer: &str, in_choice: bool, errors: &mut Vec<String>) {
    let is = |key: &str, wanted: bool| schema.get(key) == Some(&Value::Bool(wanted));
    let map = schema.get("additionalProperties").is_some_and(Value::is_object);
    let shut = is("additionalProperties", false) || is("unevaluatedProperties", false) || is("x-open", true) || map;
    if super::path::type_of(schema) == "object" && !in_choice && !shut {
        errors.push(format!("`{pointer}`: the object is not closed: add `\"unevaluatedProperties\": false`"));
    }
    if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
        if discriminator(branches).is_none() {
            errors.push(format!(
                "`{pointer}/oneOf`: every branch requires one common property with a `const` of its own"
            ));
        }
        for (index, branch) in branches.iter().enumerate() {
            closed(branch, &format!("{pointer}/oneOf/{index}"), true, errors);
        }
    }
    for (name, part) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        closed(part, &format!("{pointer}/properties/{name}"), false, errors);
    }
    if let Some(items) = schema.get("items") {
        closed(items, &format!("{pointer}/items"), false, errors);
    }
}

/// The property that tells the branches of a `oneOf` apart.
pub(super) fn discriminator(branches: &[Value]) -> Option<&str> {
    let first = branches.first()?.get("properties").and_then(Value::as_object)?;
    first.keys().map(String::as_str).find(|name| {
        let mut seen: Vec<&Value> = Vec::new();
        branches.iter().all(|branch| {
            let constant = branch.get("properties").and_then(|all| all.get(name)).and_then(|part| part.get("const"));
            let required =
                branch.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == name));
            constant.is_some_and(|value| {
                let fresh = !seen.contains(&value);
                seen.push(value);
                fresh && required
            })
        })
    })
}
