//! What a receiver's answer says at a named place: one value out of an XML or JSON body, by the paths of `adapter.toml`.
//! Answers come from outside and are only peeked at: what cannot be read holds nothing, and is never an error here.
//! Whole documents are read by the codecs in `json` and `xml`, which refuse instead.

use serde_json::Value;

use crate::json::JsonCodec;
use crate::{Codec, Limits, xml};

/// Larger or deeper answers hold nothing: they are judged by their status alone. How much is read is the caller's to say.
const LIMITS: Limits = Limits { bytes: usize::MAX, depth: 64, keys: 100_000 };

/// An answer's body, read once, asked for as many places as the adapter's verdict table names.
#[derive(Debug)]
pub enum Answer<'a> {
    /// It is JSON.
    Json(Value),
    /// It is XML, without a document type.
    Xml(roxmltree::Document<'a>),
    /// It is neither.
    Opaque,
}

impl<'a> Answer<'a> {
    /// Reads a body by its media type; where that says nothing useful, by its first character. As strictly as a record: an
    /// answer that two parsers would read differently says nothing.
    pub fn read(body: &'a [u8], media_type: &str) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
        let kind = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let json = kind.ends_with("json") || body.starts_with(b"{") || body.starts_with(b"[");
        let xml = kind.ends_with("xml") || body.starts_with(b"<");
        if json && !xml {
            return JsonCodec.read(body, &LIMITS).map_or(Self::Opaque, Self::Json);
        }
        if xml {
            return xml::checked(body, &LIMITS).map_or(Self::Opaque, Self::Xml);
        }
        Self::Opaque
    }

    /// The text at `path`: names joined by `/` (`Ack/STATUS`; in XML the first is the root, and a last `@NAME` or plain
    /// name may be an attribute), or a JSON Pointer. The first of several is taken. `None` where nothing is there.
    pub fn text_at(&self, path: &str) -> Option<String> {
        let names: Vec<&str> =
            path.trim_start_matches('/').split('/').map(|name| name.trim_end_matches("[]")).collect();
        match self {
            Self::Json(tree) => json_text(tree, &names),
            Self::Xml(document) => xml_text(document, &names),
            Self::Opaque => None,
        }
    }
}

fn json_text(tree: &Value, names: &[&str]) -> Option<String> {
    let found = names.iter().try_fold(tree, |here, name| match here {
        Value::Object(fields) => fields.get(*name),
        Value::Array(items) => match name.parse::<usize>() {
            Ok(place) => items.get(place),
            Err(_) => items.first()?.get(*name),
        },
        _ => None,
    })?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(found.to_string()),
        _ => None,
    }
}

fn xml_text(document: &roxmltree::Document<'_>, names: &[&str]) -> Option<String> {
    let root = document.root_element();
    let (first, rest) = names.split_first()?;
    if root.tag_name().name() != *first {
        return None;
    }
    let mut here = root;
    for (place, name) in rest.iter().enumerate() {
        let child = here.children().find(|node| node.is_element() && node.tag_name().name() == *name);
        match child {
            Some(child) => here = child,
            None if place + 1 == rest.len() => return here.attribute(name.trim_start_matches('@')).map(str::to_owned),
            None => return None,
        }
    }
    let text: String = here.children().filter(roxmltree::Node::is_text).filter_map(|node| node.text()).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Answer;

    fn at(body: &str, media_type: &str, path: &str) -> Option<String> {
        Answer::read(body.as_bytes(), media_type).text_at(path)
    }

    #[test]
    fn an_element_of_an_xml_acknowledgement_is_found_by_its_path() {
        let body =
            "<?xml version=\"1.0\"?><Ack CODE=\"7\"><STATUS>REJECTED</STATUS><REASON>no &amp; none</REASON></Ack>";
        assert_eq!(at(body, "application/xml", "Ack/STATUS").as_deref(), Some("REJECTED"));
        assert_eq!(at(body, "text/xml; charset=utf-8", "Ack/REASON").as_deref(), Some("no & none"));
        assert_eq!(at(body, "application/xml", "Ack/CODE").as_deref(), Some("7"));
        assert_eq!(at(body, "application/xml", "Other/STATUS"), None);
    }

    #[test]
    fn a_field_of_a_json_answer_is_found_by_path_or_pointer() {
        let body = r#"{"ack":{"status":"OK","items":[{"no":12}]}}"#;
        assert_eq!(at(body, "application/json", "ack/status").as_deref(), Some("OK"));
        assert_eq!(at(body, "application/problem+json", "/ack/items/0/no").as_deref(), Some("12"));
        assert_eq!(at(body, "", "ack/items[]/no").as_deref(), Some("12"));
        assert_eq!(at("\u{feff} {\"a\": 1}\r\n", "", "a").as_deref(), Some("1"));
    }

    #[test]
    fn what_cannot_be_read_holds_nothing() {
        assert_eq!(at("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "application/xml", "a"), None);
        assert_eq!(at("{", "application/json", "a"), None);
        assert_eq!(at(&"<a>".repeat(100_000), "application/xml", "a/a"), None);
        assert_eq!(at(r#"{"a":"1","a":"2"}"#, "application/json", "a"), None, "which of the two?");
        assert_eq!(at("<a b='1' b='2'/>", "application/xml", "a/@b"), None);
        assert_eq!(at("\u{0}\u{1}", "application/octet-stream", "a"), None);
    }
}
