//! The XML door: a strict tree parser reads, the native schema says what is a list, a number, an attribute.
//! DOCTYPE is refused outright, depth and size are counted before parsing, nothing outside the document is opened.
//! Read `shape` for what the schema means here, `read` and `write` for the two directions, `scan` for the checks before.

mod read;
mod scan;
mod shape;
mod write;

use serde_json::Value;

use crate::{Codec, Limits, Place, Unreadable, Violation};
use shape::{Element, Shape};

/// XML as a wire format, bound to one native schema.
#[derive(Clone, Debug)]
pub struct XmlCodec {
    root: Shape,
    namespace: Option<String>,
}

impl XmlCodec {
    /// Takes the resolved native schema: an object with one property, the root element. An error says what is wrong with it.
    pub fn new(native_schema: &Value) -> Result<Self, String> {
        let root = Element::root(native_schema)?;
        let namespace = root.namespace.clone();
        Ok(XmlCodec { root: Shape::Element(Box::new(root)), namespace })
    }

    /// Reads any document without a schema: attributes and child elements as keys, what repeats as a list, all else text.
    /// For answers of systems, of which one or two places are looked at. It cannot write.
    pub fn untyped() -> Self {
        XmlCodec { root: Shape::Any, namespace: None }
    }
}

impl Codec for XmlCodec {
    fn media_type(&self) -> &'static str {
        "application/xml"
    }

    fn read(&self, bytes: &[u8], limits: &Limits) -> Result<Value, Unreadable> {
        let document = checked(bytes, limits)?;
        let reader = read::Reader::new(&document, self.namespace.as_deref());
        let tree = reader.document(&self.root);
        let violations = reader.into_violations();
        if violations.is_empty() { Ok(tree) } else { Err(Unreadable { code: "schema-invalid", violations }) }
    }

    fn write(&self, tree: &Value) -> Result<Vec<u8>, String> {
        match &self.root {
            Shape::Element(root) => write::document(root, self.namespace.as_deref(), tree),
            _ => Err("this codec has no schema: it only reads".to_owned()),
        }
    }

    fn locate(&self, bytes: &[u8], pointer: &str) -> Place {
        self.locate_all(bytes, &[pointer.to_owned()]).into_iter().next().unwrap_or_default()
    }

    fn locate_all(&self, bytes: &[u8], pointers: &[String]) -> Vec<Place> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = roxmltree::Document::parse(text);
        let place = |pointer: &String| match &document {
            Ok(document) => read::locate(document, &self.root, pointer),
            Err(_) => Place { pointer: pointer.clone(), line: None, column: None },
        };
        pointers.iter().map(place).collect()
    }
}

/// A document that passed every check, parsed; without a schema.
pub(crate) fn checked<'b>(bytes: &'b [u8], limits: &Limits) -> Result<roxmltree::Document<'b>, Unreadable> {
    parse(scan::text_of(bytes, limits)?, limits)
}

/// A parsed document, or `malformed-xml`, `doctype-refused` at its place, `too-large` where there are half as many nodes again
/// as there may be elements: texts between them count too, each takes as much memory as an element.
fn parse<'t>(text: &'t str, limits: &Limits) -> Result<roxmltree::Document<'t>, Unreadable> {
    let most = limits.keys.saturating_add(limits.keys / 2);
    let nodes_limit = u32::try_from(most).unwrap_or(u32::MAX);
    let options = roxmltree::ParsingOptions { nodes_limit, ..roxmltree::ParsingOptions::default() };
    roxmltree::Document::parse_with_options(text, options).map_err(|error| {
        let position = error.pos();
        let (code, message) = match error {
            roxmltree::Error::DtdDetected => ("doctype-refused", scan::DOCTYPE.to_owned()),
            roxmltree::Error::NodesLimitReached => {
                ("too-large", format!("a record may have {most} elements and texts between them at most"))
            }
            // The parser's words name the syntax and the place, and may quote a name of the document: only the class is told.
            _ => ("malformed-xml", format!("not well-formed XML: {}", class_of(&error))),
        };
        refused(code, message, (position.row, position.col))
    })
}

/// What kind of mistake it is, without the document's own words.
fn class_of(error: &roxmltree::Error) -> &'static str {
    use roxmltree::Error;
    match error {
        Error::UnclosedRootNode | Error::UnexpectedEndOfStream => "the document ends too early",
        Error::UnexpectedCloseTag(..) => "an end tag does not match its start tag",
        Error::UnknownEntityReference(..) | Error::MalformedEntityReference(..) => "an entity that XML does not define",
        Error::DuplicatedAttribute(..) => "an attribute stands twice in one element",
        Error::UnknownNamespace(..) => "a namespace prefix is not declared",
        Error::NoRootNode => "there is no root element",
        Error::NonXmlChar(..) => "a character that XML 1.0 cannot carry",
        Error::UnexpectedDeclaration(..) => "an XML declaration anywhere but at the very beginning",
        _ => "syntax",
    }
}

fn refused(code: &'static str, message: String, (line, column): (u32, u32)) -> Unreadable {
    let violation =
        Violation { line: Some(line), column: Some(column), rule: code.to_owned(), message, ..Violation::default() };
    Unreadable { code, violations: vec![violation] }
}

#[cfg(test)]
mod tests;
