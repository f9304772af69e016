//! What a native schema means for XML: which property is an attribute, a list, a number, inner XML.
//! Made once per schema, so that reading a document asks no JSON.

use std::collections::HashMap;

use serde_json::Value;

/// What an element holds.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Text.
    Text,
    /// Text that is an integer where it is written canonically.
    Integer,
    /// Text that is a number where it is written canonically.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Inner XML as one string.
    Mixed,
    /// Attributes and child elements.
    Element(Box<Element>),
    /// Whatever is there: no schema speaks of it.
    Any,
}

/// Where a property stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    Attribute,
    Element,
    Text,
}

/// One property of an element.
#[derive(Clone, Debug)]
pub(super) struct Child {
    /// Its key in the tree.
    pub(super) key: String,
    /// Its name on the wire; an item's name where it repeats.
    pub(super) wire: String,
    pub(super) spot: Spot,
    pub(super) repeats: bool,
    /// Name of the element around the items.
    pub(super) wrapper: Option<String>,
    pub(super) shape: Shape,
}

impl Child {
    /// The name of the element that stands directly in the parent.
    pub(super) fn outer(&self) -> &str {
        self.wrapper.as_deref().unwrap_or(&self.wire)
    }
}

/// An element with attributes or children, in the order in which they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Element {
    pub(super) children: Vec<Child>,
    elements: HashMap<String, usize>,
    attributes: HashMap<String, usize>,
    pub(super) text: Option<usize>,
    pub(super) namespace: Option<String>,
}

impl Element {
    /// The document: an object whose one property is the root element.
    pub(super) fn root(schema: &Value) -> Result<Self, String> {
        let mut root = Element::of(schema, "")?;
        match root.children.as_slice() {
            [only] if only.spot == Spot::Element && !only.repeats => {}
            _ => return Err("a native XML schema is an object with exactly one property, the root element".to_owned()),
        }
        let property = schema.get("properties").and_then(Value::as_object).and_then(|all| all.values().next());
        root.namespace =
            property.and_then(|root| root.pointer("/xml/namespace")).and_then(Value::as_str).map(str::to_owned);
        Ok(root)
    }

    fn of(schema: &Value, pointer: &str) -> Result<Self, String> {
        let mut element = Element::default();
        let mut properties: Vec<(&String, &Value)> = Vec::new();
        collect_properties(schema, &mut properties);
        for (key, property) in properties {
            if element.children.iter().any(|child| child.key == *key) {
                continue;
            }
            let child = child_of(key, property, &format!("{pointer}/properties/{key}"))?;
            let place = element.children.len();
            let taken = match child.spot {
                Spot::Attribute => element.attributes.insert(child.wire.clone(), place),
                Spot::Element => element.elements.insert(child.outer().to_owned(), place),
                Spot::Text => element.text.replace(place),
            };
            if taken.is_some() {
                return Err(format!("`{pointer}/properties/{key}`: its name on the wire is taken by another property"));
            }
            element.children.push(child);
        }
        Ok(element)
    }

    pub(super) fn element(&self, wire: &str) -> Option<&Child> {
        self.elements.get(wire).and_then(|place| self.children.get(*place))
    }

    pub(super) fn attribute(&self, wire: &str) -> Option<&Child> {
        self.attributes.get(wire).and_then(|place| self.children.get(*place))
    }
}

/// Properties of the object and of every branch of its `oneOf`, in order.
fn collect_properties<'s>(schema: &'s Value, into: &mut Vec<(&'s String, &'s Value)>) {
    into.extend(schema.get("properties").and_then(Value::as_object).into_iter().flatten());
    for branch in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        collect_properties(branch, into);
    }
}

fn flag(schema: &Value, pointer: &str) -> bool {
    schema.pointer(pointer) == Some(&Value::Bool(true))
}

fn name_of<'s>(schema: &'s Value, otherwise: &'s str) -> &'s str {
    schema.pointer("/xml/name").and_then(Value::as_str).unwrap_or(otherwise)
}

fn child_of(key: &str, schema: &Value, pointer: &str) -> Result<Child, String> {
    let repeats = type_of(schema) == "array";
    let items = if repeats { schema.get("items").unwrap_or(&Value::Null) } else { schema };
    let wrapped = repeats && flag(schema, "/xml/wrapped");
    let wrapper = wrapped.then(|| name_of(schema, key).to_owned());
    let wire = if wrapped { name_of(items, key) } else { name_of(schema, name_of(items, key)) };
    let spot = match (flag(schema, "/xml/attribute"), flag(schema, "/x-xml-text")) {
        (true, _) => Spot::Attribute,
        (_, true) => Spot::Text,
        _ => Spot::Element,
    };
    let shape = shape_of(items, pointer)?;
    if spot != Spot::Element && (repeats || matches!(shape, Shape::Element(_) | Shape::Mixed | Shape::Any)) {
        return Err(format!("`{pointer}`: an attribute or the text of an element is one plain value"));
    }
    if !is_name(wire) || wrapper.as_deref().is_some_and(|wrapper| !is_name(wrapper)) {
        return Err(format!("`{pointer}`: `{wire}` is no XML name"));
    }
    Ok(Child { key: key.to_owned(), wire: wire.to_owned(), spot, repeats, wrapper, shape })
}

fn shape_of(schema: &Value, pointer: &str) -> Result<Shape, String> {
    Ok(match type_of(schema) {
        "object" => Shape::Element(Box::new(Element::of(schema, pointer)?)),
        "integer" => Shape::Integer,
        "number" => Shape::Number,
        "boolean" => Shape::Boolean,
        "array" => return Err(format!("`{pointer}`: a list of lists has no XML form")),
        _ if flag(schema, "/x-xml-mixed") => Shape::Mixed,
        _ => Shape::Text,
    })
}

/// The one type that is not `null`; `object` where only properties say so; `string` where nothing does.
fn type_of(schema: &Value) -> &str {
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    };
    let object = schema.get("properties").is_some() || schema.get("oneOf").is_some();
    named.unwrap_or(if object { "object" } else { "string" })
}

/// An XML name without a colon, of the letters and digits of any script.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.'))
}
