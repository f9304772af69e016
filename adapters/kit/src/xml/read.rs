//! From a parsed document to the tree, by the shape; and from a place in the tree back to the document.
//! What the schema does not expect is kept in such a form that validation names it: nothing is dropped in silence.

use std::cell::RefCell;

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

use super::shape::{Child, Element, Shape, Spot};
use crate::{Place, Violation};

/// At most so many violations are listed.
const LISTED: usize = 100;

pub(super) struct Reader<'d, 'n> {
    document: &'d Document<'d>,
    namespace: Option<&'n str>,
    violations: RefCell<Vec<Violation>>,
}

impl<'d, 'n> Reader<'d, 'n> {
    pub(super) fn new(document: &'d Document<'d>, namespace: Option<&'n str>) -> Self {
        Reader { document, namespace, violations: RefCell::default() }
    }

    pub(super) fn into_violations(self) -> Vec<Violation> {
        self.violations.into_inner()
    }

    pub(super) fn document(&self, root: &Shape) -> Value {
        let node = self.document.root_element();
        let mut tree = Map::new();
        let (key, shape) = match root {
            Shape::Element(root) => match root.element(node.tag_name().name()) {
                Some(child) => (child.key.as_str(), &child.shape),
                None => (node.tag_name().name(), &Shape::Any),
            },
            _ => (node.tag_name().name(), &Shape::Any),
        };
        self.check_name(node);
        tree.insert(key.to_owned(), self.value(node, shape));
        Value::Object(tree)
    }

    fn refuse(&self, node: Node, rule: &str, message: &str) {
        let mut violations = self.violations.borrow_mut();
        if violations.len() < LISTED {
            let position = self.document.text_pos_at(node.range().start);
            violations.push(Violation {
                pointer: xpath(node),
                line: Some(position.row),
                column: Some(position.col),
                rule: rule.to_owned(),
                message: message.to_owned(),
                ..Violation::default()
            });
        }
    }

    fn check_name(&self, node: Node) {
        if node.tag_name().namespace() != self.namespace {
            self.refuse(node, "namespace", "the element is in another namespace than the schema says");
        }
        if node.attributes().any(|attribute| attribute.namespace().is_some()) {
            self.refuse(node, "namespace", "an attribute is in a namespace: leave it out");
        }
    }

    fn value(&self, node: Node, shape: &Shape) -> Value {
        match shape {
            Shape::Element(element) => self.element(node, element),
            Shape::Any => self.any(node),
            Shape::Mixed if node.attributes().len() == 0 => self.inner_xml(node),
            _ if node.attributes().len() > 0 || node.children().any(|child| child.is_element()) => self.any(node),
            scalar => typed(text_of(node), scalar),
        }
    }

    fn element(&self, node: Node, element: &Element) -> Value {
        let mut tree = Map::with_capacity(element.children.len());
        for attribute in node.attributes() {
            match element.attribute(attribute.name()) {
                Some(child) => tree.insert(child.key.clone(), typed(attribute.value().to_owned(), &child.shape)),
                None => tree.insert(attribute.name().to_owned(), Value::String(attribute.value().to_owned())),
            };
        }
        let mut text = String::new();
        for inner in node.children() {
            if inner.is_element() {
                self.check_name(inner);
                match element.element(inner.tag_name().name()) {
                    Some(child) => self.known(inner, child, &mut tree),
                    None => add(&mut tree, inner.tag_name().name(), self.any(inner)),
                }
            } else if inner.is_text() {
                text.push_str(inner.text().unwrap_or_default());
            }
        }
        match element.text.and_then(|place| element.children.get(place)) {
            Some(child) if !text.is_empty() => {
                tree.insert(child.key.clone(), typed(text, &child.shape));
            }
            None if !text.bytes().all(|byte| byte.is_ascii_whitespace()) => {
                self.refuse(node, "text-beside-elements", "this element holds elements only, but there is text in it");
            }
            _ => {}
        }
        Value::Object(tree)
    }

    fn known(&self, node: Node, child: &Child, tree: &mut Map<String, Value>) {
        if !child.repeats {
            return add(tree, &child.key, self.value(node, &child.shape));
        }
        let Value::Array(list) = tree.entry(child.key.as_str()).or_insert_with(|| Value::Array(Vec::new())) else {
            // An attribute took the same key: only a schema with two properties of one wire name could do so.
            return;
        };
        if child.wrapper.is_none() {
            list.push(self.value(node, &child.shape));
            return;
        }
        if node.attributes().len() > 0 {
            self.refuse(node, "unknown-attribute", "the schema names no attribute here");
        }
        for inner in node.children() {
            if inner.is_element() && inner.tag_name().name() == child.wire {
                self.check_name(inner);
                list.push(self.value(inner, &child.shape));
            } else if inner.is_element() {
                self.refuse(inner, "unknown-element", &format!("only `{}` may stand here", child.wire));
            } else if inner.is_text() && !inner.text().unwrap_or_default().trim().is_empty() {
                self.refuse(node, "text-beside-elements", "this element holds elements only, but there is text in it");
            }
        }
    }

    /// What no schema speaks of: text where there is only text, else an object.
    fn any(&self, node: Node) -> Value {
        let elements = node.children().any(|child| child.is_element());
        if !elements && node.attributes().len() == 0 {
            return Value::String(text_of(node));
        }
        let mut tree = Map::new();
        for attribute in node.attributes() {
            tree.insert(attribute.name().to_owned(), Value::String(attribute.value().to_owned()));
        }
        for inner in node.children().filter(Node::is_element) {
            add(&mut tree, inner.tag_name().name(), self.any(inner));
        }
        let text = text_of(node);
        if !text.trim().is_empty() {
            tree.insert("#text".to_owned(), Value::String(text));
        }
        Value::Object(tree)
    }

    /// The bytes between the start tag and the end tag, as they are.
    fn inner_xml(&self, node: Node) -> Value {
        for inner in node.descendants().filter(Node::is_element) {
            self.check_name(inner);
        }
        let outer = self.document.input_text().get(node.range()).unwrap_or_default();
        let mut quote = None;
        let start = outer.char_indices().find_map(|(at, letter)| {
            match (quote, letter) {
                (None, '"' | '\'') => quote = Some(letter),
                (Some(open), _) if open == letter => quote = None,
                (None, '>') => return Some(at + 1),
                _ => {}
            }
            None
        });
        let inner = start.and_then(|start| outer.get(start..outer.rfind("</")?));
        Value::String(inner.unwrap_or_default().to_owned())
    }
}

/// A second value under one key makes a list, which a schema that expects one value refuses by name.
fn add(tree: &mut Map<String, Value>, key: &str, value: Value) {
    match tree.get_mut(key) {
        None => {
            tree.insert(key.to_owned(), value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn text_of(node: Node) -> String {
    let mut texts = node.children().filter(Node::is_text).filter_map(|text| text.text());
    let mut all = texts.next().unwrap_or_default().to_owned();
    texts.for_each(|more| all.push_str(more));
    all
}

/// A number or boolean where the text is the canonical way to write it, else the text.
fn typed(text: String, shape: &Shape) -> Value {
    let found = match shape {
        Shape::Integer => text.parse::<i64>().ok().map(Value::from),
        Shape::Number => {
            text.parse::<i64>().ok().map(Value::from).or_else(|| text.parse::<f64>().ok().map(Value::from))
        }
        Shape::Boolean => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    let same = |value: &Value| {
        let written = value.to_string();
        written == text
    };
    found.filter(same).unwrap_or(Value::String(text))
}

/// Where an element is: names, and a number where it has sisters of its name.
fn xpath(node: Node) -> String {
    let mut parts: Vec<String> = node
        .ancestors()
        .filter(Node::is_element)
        .map(|element| {
            let name = element.tag_name().name();
            let same = |other: &Node| other.is_element() && other.tag_name().name() == name;
            let sisters = element.parent().map_or(1, |parent| parent.children().filter(same).count());
            if sisters < 2 {
                return name.to_owned();
            }
            let before = element.prev_siblings().skip(1).filter(same).count();
            format!("{name}[{}]", before + 1)
        })
        .collect();
    parts.reverse();
    format!("/{}", parts.join("/"))
}

/// The document's place for a JSON Pointer into the tree. What is missing has the place of what it is missing from.
pub(super) fn locate(document: &Document, root: &Shape, pointer: &str) -> Place {
    let decoded: Vec<String> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let mut parts = decoded.iter().map(String::as_str).peekable();
    let mut node = document.root();
    let mut shape = root;
    let mut suffix = String::new();
    while let Some(key) = parts.next() {
        let child = match shape {
            Shape::Element(element) => element.children.iter().find(|child| child.key == key),
            _ => None,
        };
        let index = parts.peek().and_then(|part| part.parse::<usize>().ok());
        if index.is_some() {
            parts.next();
        }
        let wire = child.map_or(key, |child| child.wire.as_str());
        match child.map_or(Spot::Element, |child| child.spot) {
            Spot::Text => break,
            Spot::Attribute => {
                suffix = format!("/@{wire}");
                break;
            }
            Spot::Element => {}
        }
        if let Some(inside) = child.and_then(|child| child.wrapper.as_deref()).and_then(|outer| nth(node, outer, 0)) {
            node = inside;
        }
        match nth(node, wire, index.unwrap_or(0)) {
            Some(found) => node = found,
            None => {
                suffix = if node.has_attribute(wire) { format!("/@{wire}") } else { format!("/{wire}") };
                break;
            }
        }
        shape = child.map_or(&Shape::Any, |child| &child.shape);
    }
    let node = if node.is_root() { document.root_element() } else { node };
    let position = document.text_pos_at(node.range().start);
    Place { pointer: xpath(node) + &suffix, line: Some(position.row), column: Some(position.col) }
}

fn nth<'a, 'i>(node: Node<'a, 'i>, name: &str, index: usize) -> Option<Node<'a, 'i>> {
    node.children().filter(|child| child.is_element() && child.tag_name().name() == name).nth(index)
}
