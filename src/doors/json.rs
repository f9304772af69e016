//! JSON of the gateway's own shapes (acknowledgements, orders, lines of a batch), read as strictly as a record is.
//! What the strict reader lets through, the shape's own fields then judge; the value that was sent is never shown.

use icjs_kit::json::JsonCodec;
use icjs_kit::{Codec, Limits, Violation};
use serde::de::DeserializeOwned;

use super::Shut;

/// The usual limits of such a body: none of them nests deep.
pub const fn limits(bytes: usize) -> Limits {
    Limits { bytes, depth: 64, keys: 100_000 }
}

/// Reads a value of that shape.
pub fn read<T: DeserializeOwned>(bytes: &[u8], limits: &Limits) -> Result<T, Shut> {
    let tree = JsonCodec.read(bytes, limits)?;
    serde_json::from_value(tree).map_err(|error| shapeless::<T>(bytes, &error))
}

/// Reads a value of a shape that keeps parts of its text as they stand (`RawValue`). Only the shape is judged here: each of
/// those parts goes through a door of its own.
pub fn envelope<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Shut> {
    serde_json::from_slice(bytes).map_err(|error| refused(&error))
}

/// A JSON text's characters. What they hold is judged by the door of the document that they are.
pub fn text(bytes: &[u8]) -> Result<String, Shut> {
    envelope(bytes)
}

/// A tree has no lines: the place is found by reading the text again, now that it is known to be wrong.
fn shapeless<T: DeserializeOwned>(bytes: &[u8], first: &serde_json::Error) -> Shut {
    refused(serde_json::from_slice::<T>(bytes).as_ref().err().unwrap_or(first))
}

fn refused(error: &serde_json::Error) -> Shut {
    let shape = error.classify() == serde_json::error::Category::Data;
    let code = if shape { "schema-invalid" } else { "malformed-json" };
    let message = if shape { wanted(&error.to_string()) } else { "the body is not JSON from here on".to_owned() };
    let at = |number: usize| u32::try_from(number).ok().filter(|number| *number > 0);
    let violation = Violation {
        line: at(error.line()),
        column: at(error.column()),
        rule: code.to_owned(),
        message: message.clone(),
        ..Violation::default()
    };
    Shut { code, detail: message, violations: vec![violation] }
}

/// What the shape wants, in words that hold its own names only and nothing that was sent.
fn wanted(said: &str) -> String {
    let said = said.split(" at line ").next().unwrap_or_default();
    match said.split_once(", expected ") {
        _ if said.starts_with("missing field") => format!("{said}; see `/docs`"),
        Some((what, names)) if what.starts_with("unknown field") => {
            format!("this field is not known here: there are {}", names.trim_start_matches("one of "))
        }
        _ => "this field is not known here, is missing, or has another type; see `/docs`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{limits, read, text};

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "only the shape is looked at")]
        by: String,
    }

    fn code(sent: &[u8]) -> &'static str {
        read::<Order>(sent, &limits(1 << 16)).expect_err("this is no order").code
    }

    #[test]
    fn a_shape_of_our_own_is_read_as_strictly_as_a_record() {
        assert!(read::<Order>(br#"{"by": "A"}"#, &limits(1 << 16)).is_ok());
        assert_eq!(code(br#"{"by": "A", "by": "B"}"#), "duplicate-key");
        assert_eq!(code(br#"{"by": "A\u0000"}"#), "nul-character");
        assert_eq!(code(br#"{"by": "\ud800"}"#), "malformed-json");
        assert_eq!(code(b"\xef\xbb\xbf{}"), "encoding-refused");
        assert_eq!(code(b"{\"by\": \"\xff\"}"), "encoding-refused");
        assert_eq!(code(&[b'['; 10_000]), "too-deep");
        assert_eq!(code(&[b' '; 70_000]), "too-large");
        let twice = read::<BTreeMap<String, String>>(br#"{"a": "1", "a": "2"}"#, &limits(64));
        assert_eq!(twice.map_err(|shut| shut.code), Err("duplicate-key"), "a map would have kept the last in silence");
    }

    #[test]
    fn a_wrong_shape_is_named_with_its_line() {
        let shut = read::<Order>(b"{\n\"of\": 1}", &limits(64)).expect_err("an unknown field");
        assert_eq!((shut.code, shut.violations.first().and_then(|found| found.line)), ("schema-invalid", Some(2)));
        assert!(shut.detail.contains("`by`") && !shut.detail.contains("`of`"), "{}", shut.detail);
    }

    #[test]
    fn a_text_is_given_as_it_is() {
        assert_eq!(text(br#""a\u001cb""#).as_deref(), Ok("a\u{1c}b"));
        assert!(text(br#""\udc00""#).is_err());
    }
}
