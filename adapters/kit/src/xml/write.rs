//! From the tree to the document, in the order of the schema's properties, without indentation.
//! What the schema does not name is an error: nothing is left out in silence.

use quick_xml::escape::{escape, partial_escape};
use serde_json::Value;

use super::shape::{Child, Element, Shape, Spot};

/// The whole document with its declaration.
pub(super) fn document(root: &Element, namespace: Option<&str>, tree: &Value) -> Result<Vec<u8>, String> {
    let mut out = String::with_capacity(4096);
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let object = tree.as_object().ok_or("the tree is no object")?;
    let child = root.children.first().ok_or("the schema has no root element")?;
    let value = object.get(&child.key).ok_or_else(|| format!("the root element `{}` is missing", child.key))?;
    if object.len() > 1 {
        return Err("a document has one root element".to_owned());
    }
    let namespace = namespace.map(|uri| format!(" xmlns=\"{}\"", escape(uri)));
    element(&mut out, child, &child.wire, value, namespace.as_deref().unwrap_or_default())?;
    Ok(out.into_bytes())
}

fn element(out: &mut String, child: &Child, wire: &str, value: &Value, extra: &str) -> Result<(), String> {
    out.push('<');
    out.push_str(wire);
    out.push_str(extra);
    let start = out.len();
    match &child.shape {
        Shape::Element(shape) => {
            content(out, shape, value).map_err(|error| format!("{wire}/{error}"))?;
        }
        Shape::Mixed => {
            let inner = value.as_str().ok_or_else(|| format!("{wire}: inner XML is text"))?;
            check_fragment(inner).map_err(|error| format!("{wire}: {error}"))?;
            out.push('>');
            out.push_str(inner);
        }
        _ => {
            out.push('>');
            push_scalar(out, value, false).map_err(|error| format!("{wire}: {error}"))?;
        }
    }
    if out.len() == start + 1 && out.ends_with('>') {
        out.truncate(start);
        out.push_str("/>");
    } else {
        out.push_str("</");
        out.push_str(wire);
        out.push('>');
    }
    Ok(())
}

/// Attributes, `>`, children.
fn content(out: &mut String, shape: &Element, value: &Value) -> Result<(), String> {
    let object = value.as_object().ok_or("an element with children must be an object")?;
    let mut written = 0;
    for child in shape.children.iter().filter(|child| child.spot == Spot::Attribute) {
        if let Some(value) = object.get(&child.key) {
            out.push(' ');
            out.push_str(&child.wire);
            out.push_str("=\"");
            push_scalar(out, value, true).map_err(|error| format!("@{}: {error}", child.wire))?;
            out.push('"');
            written += 1;
        }
    }
    out.push('>');
    for child in shape.children.iter().filter(|child| child.spot != Spot::Attribute) {
        let Some(value) = object.get(&child.key) else {
            continue;
        };
        written += 1;
        match (child.spot, child.repeats) {
            (Spot::Text, _) => push_scalar(out, value, false).map_err(|error| format!("text: {error}"))?,
            (_, false) => element(out, child, &child.wire, value, "")?,
            (_, true) => list(out, child, value)?,
        }
    }
    if written == object.len() {
        return Ok(());
    }
    let unknown = object.keys().find(|key| shape.children.iter().all(|child| child.key != **key));
    Err(format!("{}: the schema does not name it", unknown.map_or("?", String::as_str)))
}

fn list(out: &mut String, child: &Child, value: &Value) -> Result<(), String> {
    let items = value.as_array().ok_or_else(|| format!("{}: must be a list", child.key))?;
    if let Some(wrapper) = &child.wrapper {
        out.push('<');
        out.push_str(wrapper);
        out.push('>');
    }
    for (index, item) in items.iter().enumerate() {
        element(out, child, &child.wire, item, "").map_err(|error| format!("[{}]{error}", index + 1))?;
    }
    if let Some(wrapper) = &child.wrapper {
        out.push_str("</");
        out.push_str(wrapper);
        out.push('>');
    }
    Ok(())
}

fn push_scalar(out: &mut String, value: &Value, attribute: bool) -> Result<(), String> {
    match value {
        Value::String(text) => push_text(out, text, attribute),
        Value::Number(number) => {
            out.push_str(&number.to_string());
            Ok(())
        }
        Value::Bool(true) => {
            out.push_str("true");
            Ok(())
        }
        Value::Bool(false) => {
            out.push_str("false");
            Ok(())
        }
        _ => Err("must be one plain value".to_owned()),
    }
}

/// Escaped so that a parser's normalisation of line ends and attribute values gives the same text again.
fn push_text(out: &mut String, text: &str, attribute: bool) -> Result<(), String> {
    if crate::not_portable(text).is_some() {
        return Err("holds a character that XML 1.0 cannot carry".to_owned());
    }
    let escaped = if attribute { escape(text) } else { partial_escape(text) };
    let normalised: &[char] = if attribute { &['\r', '\n', '\t'] } else { &['\r'] };
    if !escaped.contains(normalised) {
        out.push_str(&escaped);
        return Ok(());
    }
    for letter in escaped.chars() {
        match letter {
            '\r' => out.push_str("&#13;"),
            '\n' if attribute => out.push_str("&#10;"),
            '\t' if attribute => out.push_str("&#9;"),
            other => out.push(other),
        }
    }
    Ok(())
}

/// Inner XML is written as it is: it must be well-formed by itself.
fn check_fragment(inner: &str) -> Result<(), String> {
    if !inner.contains(['<', '&', '>', '\u{fffe}', '\u{ffff}']) && crate::not_portable(inner).is_none() {
        return Ok(());
    }
    let limits = crate::Limits { bytes: usize::MAX, depth: 64, keys: 100_000 };
    let document = format!("<x>{inner}</x>");
    super::scan::text_of(document.as_bytes(), &limits)
        .and_then(|text| super::parse(text, &limits))
        .map(|_| ())
        .map_err(|_| "is no well-formed inner XML (a text must be escaped)".to_owned())
}
