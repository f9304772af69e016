//! Writes every `$ref` in place and merges every `allOf`, so that whoever walks a schema sees plain nested properties.
//! Only references of the form in `docs/schemas.md` exist; cycles and explosions are errors.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A resolved schema of more parts than this is a mistake.
const MOST_PARTS: usize = 200_000;
/// What may stand beside a `$ref`.
const BESIDE: [&str; 9] =
    ["title", "description", "xml", "examples", "$comment", "deprecated", "$defs", "$id", "$schema"];

/// One document, resolved.
pub(super) fn document(name: &str, document: &Value, all: &BTreeMap<String, Value>) -> Result<Value, String> {
    let mut resolver = Resolver { all, open: Vec::new(), parts: 0 };
    resolver.part(document, name, "")
}

struct Resolver<'a> {
    all: &'a BTreeMap<String, Value>,
    /// References being written, from the outermost.
    open: Vec<String>,
    parts: usize,
}

impl Resolver<'_> {
    fn part(&mut self, part: &Value, name: &str, pointer: &str) -> Result<Value, String> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(format!("more than {MOST_PARTS} parts after references are written in place"));
        }
        let Some(object) = part.as_object() else {
            return Ok(part.clone());
        };
        if let Some(target) = object.get("$ref") {
            return self.reference(object, target, name, pointer);
        }
        let mut resolved = Map::new();
        for (key, value) in object {
            let inner = format!("{pointer}/{key}");
            let value = match (key.as_str(), value) {
                ("$defs", _) => continue,
                ("properties", Value::Object(properties)) => {
                    let mut map = Map::new();
                    for (property, value) in properties {
                        map.insert(property.clone(), self.part(value, name, &format!("{inner}/{property}"))?);
                    }
                    Value::Object(map)
                }
                ("items" | "additionalProperties" | "propertyNames", _) => self.part(value, name, &inner)?,
                ("allOf" | "oneOf" | "anyOf", Value::Array(branches)) => {
                    let branches = branches.iter().enumerate();
                    let resolved: Result<Vec<_>, _> =
                        branches.map(|(index, branch)| self.part(branch, name, &format!("{inner}/{index}"))).collect();
                    Value::Array(resolved?)
                }
                _ => value.clone(),
            };
            resolved.insert(key.clone(), value);
        }
        let mut merged = merge(resolved).map_err(|error| format!("`{pointer}`: {error}"))?;
        close(&mut merged);
        Ok(Value::Object(merged))
    }

    fn reference(
        &mut self,
        object: &Map<String, Value>,
        target: &Value,
        name: &str,
        pointer: &str,
    ) -> Result<Value, String> {
        let beside = |key: &&String| *key != "$ref" && !key.starts_with("x-") && !BESIDE.contains(&key.as_str());
        if let Some(key) = object.keys().find(beside) {
            return Err(format!("`{pointer}`: `{key}` may not stand beside `$ref`"));
        }
        let text = target.as_str().ok_or_else(|| format!("`{pointer}`: `$ref` is text"))?;
        let (file, inside) = text.split_once('#').unwrap_or((text, ""));
        let file = match file.strip_prefix("urn:icjs:") {
            Some(file) => file.replace(':', "/"),
            None if file.is_empty() => name.to_owned(),
            None => {
                return Err(format!(
                    "`{pointer}`: `{text}`: a reference is `#/$defs/name` or `urn:icjs:folder:file#/$defs/name`"
                ));
            }
        };
        let document = self.all.get(&file).ok_or_else(|| {
            match super::path::nearest(&file, self.all.keys().map(String::as_str)) {
                Some(near) => format!("`{pointer}`: there is no schema `{file}`; did you mean `{near}`?"),
                None => format!("`{pointer}`: there is no schema `{file}`"),
            }
        })?;
        let part = document.pointer(inside).ok_or_else(|| {
            let wrong = inside.rsplit('/').next().unwrap_or_default();
            let known = document.get("$defs").and_then(Value::as_object).into_iter().flat_map(|defs| defs.keys());
            match super::path::nearest(wrong, known.map(String::as_str)) {
                Some(near) => format!("`{pointer}`: `{file}` has no `{inside}`; did you mean `{near}`?"),
                None => format!("`{pointer}`: `{file}` has no `{inside}`"),
            }
        })?;
        let full = format!("{file}#{inside}");
        if self.open.contains(&full) {
            return Err(format!("`{pointer}`: `{full}` refers to itself"));
        }
        self.open.push(full);
        let mut resolved = self.part(part, &file, inside)?;
        self.open.pop();
        if let Some(resolved) = resolved.as_object_mut() {
            resolved.remove("$id");
            resolved.remove("$schema");
            for (key, value) in object.iter().filter(|(key, _)| !matches!(key.as_str(), "$ref" | "$defs")) {
                resolved.insert(key.clone(), value.clone());
            }
        }
        Ok(resolved)
    }
}

/// An object with `allOf` as one object: branches' properties first, in order, then its own.
fn merge(mut object: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let Some(Value::Array(branches)) = object.remove("allOf") else {
        return Ok(object);
    };
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    let own = Value::Object(object.clone());
    for (index, branch) in branches.iter().chain([&own]).enumerate() {
        let branch = branch.as_object().ok_or("a branch of `allOf` is an object schema")?;
        let is_own = index == branches.len();
        for (key, value) in branch {
            match (key.as_str(), value) {
                ("properties", Value::Object(more)) => {
                    for (name, part) in more {
                        if properties.insert(name.clone(), part.clone()).is_some() {
                            return Err(format!("`allOf` defines `{name}` twice"));
                        }
                    }
                }
                ("required", Value::Array(more)) => {
                    required.extend(more.iter().filter(|name| !own_has(&required, name)).cloned().collect::<Vec<_>>());
                }
                _ if is_own => {}
                ("additionalProperties" | "unevaluatedProperties", _) => {
                    return Err("a branch of `allOf` is not closed itself: close beside the `allOf`".to_owned());
                }
                ("type", Value::String(name)) if name == "object" => {}
                ("title" | "description" | "$comment" | "examples" | "$id" | "$schema", _) => {}
                (word, _) if word.starts_with("x-") => {
                    object.entry(key.clone()).or_insert_with(|| value.clone());
                }
                ("oneOf" | "anyOf" | "dependentRequired" | "minProperties" | "maxProperties", _)
                    if !object.contains_key(key) =>
                {
                    object.insert(key.clone(), value.clone());
                }
                _ => return Err(format!("`{key}` of a branch of `allOf` cannot be merged")),
            }
        }
    }
    object.insert("type".to_owned(), Value::String("object".to_owned()));
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), Value::Array(required));
    }
    Ok(object)
}

fn own_has(list: &[Value], name: &Value) -> bool {
    list.contains(name)
}

/// With all properties in one place, `additionalProperties` says the same as `unevaluatedProperties` and costs less.
fn close(object: &mut Map<String, Value>) {
    if object.get("unevaluatedProperties") == Some(&Value::Bool(false)) && !object.contains_key("oneOf") {
        object.remove("unevaluatedProperties");
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
}
