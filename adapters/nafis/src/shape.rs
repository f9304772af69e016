//! How a field of Type-1 or Type-2 stands in the tree: a text, a list (subfields, RS), an object of named items (US), or a list
//! of such objects, as the native schema says. What no schema describes is a text, or where separators part it, lists of
//! texts in a list. Both directions, without loss: an item that is there and empty is an empty text.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text::{FS, GS, RS, US};

/// The objects of the tree that hold fields, and their record types.
pub(crate) const TEXTS: [(&str, u8); 2] = [("T1", 1), ("T2", 2)];

/// The shapes of the fields that the schema describes, by record type and number.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    by_field: BTreeMap<(u8, u16), Shape>,
}

/// One field's shape.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shape {
    /// Subfields.
    list: bool,
    /// Names of the items, in order; empty: a text.
    items: Vec<String>,
}

/// The key of a field in the tree.
pub(crate) fn key(number: u16) -> String {
    format!("F{number:03}")
}

/// The number of a field by its key.
pub(crate) fn number(key: &str) -> Option<u16> {
    key.strip_prefix('F').filter(|digits| digits.len() == 3)?.parse().ok()
}

impl Shapes {
    /// From a resolved schema.
    pub(crate) fn of(schema: &Value) -> Result<Self, String> {
        let mut shapes = Self::default();
        for (name, kind) in TEXTS {
            let fields = schema.pointer(&format!("/properties/{name}/properties")).and_then(Value::as_object);
            for (key, described) in fields.into_iter().flatten().filter(|(key, _)| *key != "DIGITS") {
                let number = number(key)
                    .ok_or_else(|| format!("`{name}.{key}` is no field: fields are named `F001` to `F999`"))?;
                shapes.by_field.insert((kind, number), Shape::of(described));
            }
        }
        Ok(shapes)
    }

    /// The value of a field as the tree holds it.
    pub(crate) fn read(&self, kind: u8, number: u16, value: &str) -> Value {
        match self.by_field.get(&(kind, number)) {
            Some(shape) if shape.list => {
                Value::Array(value.split(char::from(RS)).map(|subfield| shape.subfield(subfield)).collect())
            }
            Some(shape) if !value.contains(char::from(RS)) => match shape.subfield(value) {
                // Items without names: a list in the list of subfields, as everywhere, or they would come back as subfields.
                Value::Array(items) => Value::Array(vec![Value::Array(items)]),
                one => one,
            },
            _ if value.contains([char::from(RS), char::from(US)]) => {
                Value::Array(value.split(char::from(RS)).map(items).collect())
            }
            _ => Value::from(value),
        }
    }

    /// The field as it is written.
    pub(crate) fn write(&self, kind: u8, number: u16, value: &Value) -> Result<String, String> {
        let shape = self.by_field.get(&(kind, number)).cloned().unwrap_or_default();
        let at = |message: &str| format!("field {kind}.{number:03} {message}");
        match value {
            Value::Array(subfields) => {
                let written: Result<Vec<String>, String> =
                    subfields.iter().map(|subfield| shape.written(subfield).map_err(|message| at(&message))).collect();
                Ok(written?.join(&char::from(RS).to_string()))
            }
            one => shape.written(one).map_err(|message| at(&message)),
        }
    }
}

impl Shape {
    fn of(described: &Value) -> Self {
        let list = is(described, "array");
        let one = if list { described.get("items").unwrap_or(&Value::Null) } else { described };
        let names = one.get("properties").and_then(Value::as_object).filter(|_| is(one, "object"));
        Self { list, items: names.map(|names| names.keys().cloned().collect()).unwrap_or_default() }
    }

    fn subfield(&self, text: &str) -> Value {
        if self.items.is_empty() {
            return if text.contains(char::from(US)) { items(text) } else { Value::from(text) };
        }
        let parts: Vec<&str> = text.split(char::from(US)).collect();
        if parts.len() > self.items.len() {
            // More than the schema names, which says so at the field.
            return items(text);
        }
        let named = self.items.iter().cloned().zip(parts.into_iter().map(Value::from));
        Value::Object(named.collect())
    }

    fn written(&self, value: &Value) -> Result<String, String> {
        let us = char::from(US).to_string();
        match value {
            Value::Array(items) => Ok(items.iter().map(plain).collect::<Result<Vec<_>, _>>()?.join(&us)),
            Value::Object(object) => {
                let places: Vec<Option<&Value>> = self.items.iter().map(|name| object.get(name)).collect();
                let last = places.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
                let known = object.keys().all(|key| self.items.contains(key));
                if !known {
                    return Err("holds an item that the schema does not name".to_owned());
                }
                let items = places.into_iter().take(last).map(|item| item.map_or(Ok(String::new()), plain));
                Ok(items.collect::<Result<Vec<_>, _>>()?.join(&us))
            }
            one => plain(one),
        }
    }
}

/// The items of a subfield that nothing describes.
fn items(subfield: &str) -> Value {
    Value::Array(subfield.split(char::from(US)).map(Value::from).collect())
}

fn plain(value: &Value) -> Result<String, String> {
    let separator = |c: char| [FS, GS, RS, US].map(char::from).contains(&c);
    match value {
        Value::String(text) if text.contains(separator) => Err("holds a separator character".to_owned()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err("is neither a text nor a number".to_owned()),
    }
}

fn is(schema: &Value, kind: &str) -> bool {
    schema.get("type").and_then(Value::as_str) == Some(kind)
}
