//! Files inside a native document, as base64: what stands there is the attachment of that digest. The shared form holds the
//! digest and the size only; whoever writes the document puts the file, or its link where it is too large, in its place.

use serde_json::Value;

use super::Compiled;
use super::convert::{Converter, Read};
use crate::schema::path::Step;
use crate::seal;

/// What stands in a file's place where the file itself does not: where its receiver reads it.
const LINK: &str = "/v1/attachments/";

/// The digest of what stands there: a file, or the link to one that was uploaded.
pub(super) fn read(text: &str) -> Read {
    if text.is_empty() {
        return Read::Nothing;
    }
    if let Some(digest) = linked(text) {
        return Read::Exact(Value::String(digest.to_owned()));
    }
    match seal::unbase64(text) {
        Some(bytes) => Read::Exact(Value::String(seal::hex(&seal::sha256(&bytes)))),
        None => Read::Wrong("a file in base64 (RFC 4648 section 4, padded, without line breaks)"),
    }
}

/// The size of the file that stands there. Of a link nobody knows it here.
pub(super) fn size(text: &str) -> Read {
    let bytes = if linked(text).is_some() { None } else { seal::unbase64(text) };
    bytes.filter(|bytes| !bytes.is_empty()).map_or(Read::Unread, |bytes| Read::Exact(Value::from(bytes.len())))
}

/// What is written for a digest: its link.
pub(super) fn link(digest: &str) -> Value {
    Value::String(format!("{LINK}{digest}"))
}

fn linked(text: &str) -> Option<&str> {
    let digest = text.strip_prefix(LINK).filter(|digest| digest.len() == 64)?;
    digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(digest)
}

impl Compiled {
    /// Whether a row of it carries files.
    pub fn carries_files(&self) -> bool {
        self.rows.iter().any(|rule| matches!(rule.convert, Converter::File))
    }

    /// The files that stand in a native document, in no particular order.
    pub fn files(&self, native: &Value) -> Vec<Vec<u8>> {
        let paths = self.rows.iter().filter(|rule| matches!(rule.convert, Converter::File));
        let texts = paths.filter_map(|rule| rule.native.as_ref()).flat_map(|path| path.values_in(native));
        let texts = texts.filter_map(Value::as_str).filter(|text| linked(text).is_none());
        texts.filter_map(seal::unbase64).filter(|bytes| !bytes.is_empty()).collect()
    }

    /// The document with the links of its files in their places: what encoding gives.
    pub fn with_links(&self, native: &Value) -> Value {
        let mut tree = native.clone();
        self.at_files(&mut tree, &mut |text| match read(text) {
            Read::Exact(Value::String(digest)) => Some(format!("{LINK}{digest}")),
            _ => None,
        });
        tree
    }

    /// Puts something in the place of each link to a file, told its digest; `None` leaves the link.
    pub fn place_files(&self, native: &mut Value, put: &mut dyn FnMut(&str) -> Option<String>) {
        self.at_files(native, &mut |text| linked(text).and_then(&mut *put));
    }

    fn at_files(&self, native: &mut Value, change: &mut dyn FnMut(&str) -> Option<String>) {
        for rule in self.rows.iter().filter(|rule| matches!(rule.convert, Converter::File)) {
            if let Some(path) = &rule.native {
                each(native, path.steps(), change);
            }
        }
    }
}

fn each(tree: &mut Value, steps: &[Step], change: &mut dyn FnMut(&str) -> Option<String>) {
    match (steps.split_first(), tree) {
        (None, Value::String(text)) => {
            if let Some(new) = change(text) {
                *text = new;
            }
        }
        (Some((Step::Key(name), rest)), Value::Object(fields)) => {
            if let Some(field) = fields.get_mut(name) {
                each(field, rest, change);
            }
        }
        (Some((Step::Each, rest)), Value::Array(items)) => items.iter_mut().for_each(|item| each(item, rest, change)),
        _ => {}
    }
}
