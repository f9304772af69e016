//! The law of the XML door: whatever comes, it answers; what it takes has the same elements, attributes and letters for a parser
//! that is much laxer and shares nothing with it, and what a schema describes comes back from being written.

use icjs_kit::xml::XmlCodec;
use icjs_kit::{Codec, Limits};
use quick_xml::XmlVersion::Implicit1_0;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Value, json};

const LIMITS: Limits = Limits { bytes: 1 << 16, depth: 24, keys: 2_000 };
const CODES: [&str; 6] =
    ["malformed-xml", "doctype-refused", "encoding-refused", "too-deep", "too-large", "schema-invalid"];

/// Names of elements and attributes, and letters but for white space: sorted, for a tree keeps no order among names.
type Seen = (Vec<String>, Vec<char>);

/// Holds the door to it.
pub fn check(bytes: &[u8]) {
    for codec in [XmlCodec::untyped(), typed()] {
        let tree = match codec.read(bytes, &LIMITS) {
            Ok(tree) => tree,
            Err(refused) => {
                assert!(CODES.contains(&refused.code) && !refused.violations.is_empty(), "{refused:?}");
                continue;
            }
        };
        assert!(bytes.len() <= LIMITS.bytes, "{} bytes", bytes.len());
        let places = codec.locate_all(bytes, &["/Report/List/Accused/1/Name".to_owned(), "/Report/id".to_owned()]);
        assert!(places.iter().all(|place| place.line.is_some()), "{places:?}");
        if let Ok(written) = codec.write(&tree) {
            let text = String::from_utf8_lossy(&written);
            assert_eq!(codec.read(&written, &LIMITS).as_ref(), Ok(&tree), "it does not come back: {text}");
        }
    }
    if let Ok(tree) = XmlCodec::untyped().read(bytes, &LIMITS) {
        let mut here = Seen::default();
        take(&tree, &mut here);
        here.0.sort();
        here.1.sort_unstable();
        let text = std::str::from_utf8(bytes).expect("what is taken is UTF-8");
        assert_eq!(another(text), Some(here), "another parser sees something else");
    }
}

/// A codec with all that a schema may say.
fn typed() -> XmlCodec {
    let text = json!({"type": "string"});
    let accused = json!({"type": "object", "properties": {"Name": text, "Alias": {"type": "array", "items": text}}});
    let schema = json!({"type": "object", "required": ["Report"], "properties": {"Report": {"type": "object", "properties": {
        "id": {"type": "string", "xml": {"attribute": true}},
        "No": {"type": "integer"},
        "Weight": {"type": "number"},
        "Urgent": {"type": "boolean"},
        "List": {"type": "object", "properties": {"Accused": {"type": "array", "items": accused}}},
        "acts": {"type": "array", "xml": {"wrapped": true, "name": "Acts"}, "items": {"type": "string", "xml": {"name": "Act"}}},
        "Fine": {"type": "object", "properties": {
            "unit": {"type": "string", "xml": {"attribute": true}}, "amount": {"type": "integer", "x-xml-text": true}}},
        "Facts": {"type": "string", "x-xml-mixed": true}
    }}}});
    XmlCodec::new(&schema).expect("a schema of XML")
}

fn take(tree: &Value, seen: &mut Seen) {
    match tree {
        Value::Object(map) => {
            for (name, value) in map {
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                let named = (name != "#text").then_some(name);
                seen.0.extend(values.iter().filter_map(|_| named.cloned()));
                values.iter().for_each(|value| take(value, seen));
            }
        }
        Value::String(text) => seen.1.extend(text.chars().filter(|letter| !letter.is_whitespace())),
        other => panic!("{other} in a tree without a schema"),
    }
}

fn another(text: &str) -> Option<Seen> {
    let mut reader = quick_xml::Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut seen = Seen::default();
    // Letters go to the element around them; white space between elements is nobody's.
    let mut hear = |seen: &mut Seen, text: &str| seen.1.extend(text.chars().filter(|letter| !letter.is_whitespace()));
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => open(&tag, &mut seen, &mut hear)?,
            Event::Text(text) => hear(&mut seen, &text.xml_content(Implicit1_0)),
            Event::CData(text) => hear(&mut seen, &text.xml_content(Implicit1_0)),
            Event::GeneralRef(name) => match name.resolve_char_ref().ok()? {
                Some(letter) => hear(&mut seen, &letter.to_string()),
                None => hear(&mut seen, quick_xml::escape::resolve_xml_entity(&name.xml_content(Implicit1_0))?),
            },
            Event::DocType(_) => return None,
            Event::Eof => break,
            _ => {}
        }
    }
    seen.0.sort();
    seen.1.sort_unstable();
    Some(seen)
}

fn open(tag: &BytesStart<'_>, seen: &mut Seen, hear: &mut impl FnMut(&mut Seen, &str)) -> Option<()> {
    seen.0.push(tag.local_name().as_ref().to_owned());
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        let declares = attribute.key.as_ref() == "xmlns" || attribute.key.as_ref().starts_with("xmlns:");
        if !declares {
            seen.0.push(attribute.key.local_name().as_ref().to_owned());
            hear(seen, &attribute.normalized_value(Implicit1_0).ok()?);
        }
    }
    Some(())
}
