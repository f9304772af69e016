//! A form of the police as a tree of elements, and how it is written: as XML, or in the variant of a State's own system, which is
//! JSON with other dates, codes and station numbers.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::super::link::Document;
use super::super::world::{Station, VARIANT};

/// An element: with text, or with elements inside.
#[derive(Debug)]
enum Node {
    Leaf(&'static str, String),
    Branch(&'static str, Form),
}

/// Elements in their order.
#[derive(Debug, Default)]
pub struct Form(Vec<Node>);

/// Text in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Form {
    /// A form under its root element.
    pub fn root(name: &'static str, fill: impl FnOnce(&mut Self)) -> Self {
        let mut form = Self::default();
        form.within(name, fill);
        form
    }

    /// An element with text.
    pub fn leaf(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.0.push(Node::Leaf(name, text.to_owned()));
        self
    }

    /// An element with elements inside.
    pub fn within(&mut self, name: &'static str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inside = Self::default();
        fill(&mut inside);
        self.0.push(Node::Branch(name, inside));
        self
    }

    /// As the system of this station writes it.
    pub fn document(&self, station: &Station) -> Document {
        if station.system != VARIANT {
            return Document::xml(self.xml());
        }
        // The variant leaves the root away.
        match self.0.as_slice() {
            [Node::Branch(_, form)] => Document::json(&form.variant(station, "")),
            _ => Document::json(&self.variant(station, "")),
        }
    }

    /// As XML.
    pub fn xml(&self) -> String {
        let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        for node in &self.0 {
            // Writing to a text cannot fail.
            let _ = match node {
                Node::Leaf(name, value) => writeln!(text, "<{name}>{}</{name}>", escaped(value)),
                Node::Branch(name, inside) => {
                    let _ = writeln!(text, "<{name}>");
                    inside.write(text);
                    writeln!(text, "</{name}>")
                }
            };
        }
    }

    /// As an object of the variant; what stands in an element whose name ends in `List` is an array.
    fn variant(&self, station: &Station, parent: &str) -> Value {
        let mut object = Map::new();
        for node in &self.0 {
            let (name, value) = match node {
                Node::Leaf(name, text) => (*name, Value::from(native(name, text, station))),
                Node::Branch(name, inside) => (*name, inside.variant(station, name)),
            };
            if parent.ends_with("List") {
                if let Value::Array(items) = object.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                    items.push(value);
                }
            } else {
                object.insert(name.to_owned(), value);
            }
        }
        Value::Object(object)
    }
}

/// A text in the variant: its own station numbers, days with the year first, `1` and `0` for yes and no, its own codes.
fn native(name: &str, text: &str, station: &Station) -> String {
    match (name, text) {
        (_, code) if code == station.code => station.own_code(),
        (_, "Y") => "1".to_owned(),
        (_, "N") => "0".to_owned(),
        ("GENDER_CD", "1") => "M".to_owned(),
        ("GENDER_CD", "2") => "F".to_owned(),
        ("RELATION_TYPE_CD", "1") => "FA".to_owned(),
        ("MEMO_TYPE_CD", "1") => "AR".to_owned(),
        ("ACCUSED_STATUS_CD", "1") => "JC".to_owned(),
        ("FR_TYPE_CD", "1") => "CS".to_owned(),
        _ => day_first(text).unwrap_or_else(|| text.to_owned()),
    }
}

/// `dd/MM/yyyy` and what stands behind it, with the year first.
fn day_first(text: &str) -> Option<String> {
    let (day, rest) = text.split_once('/')?;
    let (month, rest) = rest.split_once('/')?;
    let (year, time) = rest.split_at_checked(4)?;
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let timed = time.is_empty() || time.starts_with(' ');
    (digits(day, 2) && digits(month, 2) && digits(year, 4) && timed).then(|| format!("{year}-{month}-{day}{time}"))
}
