//! The JSON door: strict reading, plain writing. `serde_json` parses; a visitor refuses what it would let through in
//! silence: duplicate keys, NUL, characters that XML 1.0 cannot carry, numbers that would change. Nothing is repaired.
//! Read `walk` for how a pointer becomes a line and a column.

mod walk;

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::{Codec, Limits, Place, Unreadable, Violation};

/// At most so many violations are listed.
const LISTED: usize = 100;
/// Room that an object begins with: most objects of a record fit, and growing is dearer than the room.
const USUAL_FIELDS: usize = 8;

/// JSON as a wire format. It needs no schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonCodec;

impl Codec for JsonCodec {
    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn read(&self, bytes: &[u8], limits: &Limits) -> Result<Value, Unreadable> {
        let text = text_of(bytes, limits)?;
        let door = Door::new(limits, false);
        match door.parse(text) {
            Ok(tree) if !door.inexact.get() => Ok(tree),
            Ok(tree) => match inexact_numbers(text) {
                found if found.is_empty() => Ok(tree),
                found => Err(Unreadable { code: "schema-invalid", violations: found }),
            },
            Err(error) => Err(explain(text, limits, &door, &error)),
        }
    }

    fn write(&self, tree: &Value) -> Result<Vec<u8>, String> {
        serde_json::to_vec(tree).map_err(|error| error.to_string())
    }

    fn locate(&self, bytes: &[u8], pointer: &str) -> Place {
        self.locate_all(bytes, &[pointer.to_owned()]).into_iter().next().unwrap_or_default()
    }

    fn locate_all(&self, bytes: &[u8], pointers: &[String]) -> Vec<Place> {
        let wanted: Vec<&str> = pointers.iter().map(String::as_str).collect();
        let places = std::str::from_utf8(bytes).map(|text| walk::places_of(text, &wanted)).unwrap_or_default();
        let mut places = places.into_iter();
        let place = |pointer: &String| {
            let (line, column) = places.next().unzip();
            Place { pointer: pointer.clone(), line, column }
        };
        pointers.iter().map(place).collect()
    }
}

/// The bytes as text, or `too-large`, `encoding-refused`.
fn text_of<'b>(bytes: &'b [u8], limits: &Limits) -> Result<&'b str, Unreadable> {
    if bytes.len() > limits.bytes {
        return Err(crate::too_large(limits.bytes));
    }
    let refused = |message: &str, line, column| {
        let violation = Violation {
            line,
            column,
            rule: "encoding-refused".to_owned(),
            message: message.to_owned(),
            ..Violation::default()
        };
        Unreadable { code: "encoding-refused", violations: vec![violation] }
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => {
            return Err(refused("the document begins with a byte order mark: leave it out", Some(1), Some(1)));
        }
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, ..] | [_, 0, ..] => {
            return Err(refused("the document is UTF-16 or UTF-32: send UTF-8", Some(1), Some(1)));
        }
        _ => {}
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid =
            bytes.get(..error.valid_up_to()).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default();
        let (line, column) = walk::line_column(valid, valid.len());
        refused("the document is not valid UTF-8 here", Some(line), Some(column))
    })
}

/// What the visitor shares while it goes through one document.
struct Door<'l> {
    limits: &'l Limits,
    /// The second, slow pass: goes on after a violation and keeps the path.
    collects: bool,
    depth: Cell<usize>,
    keys: Cell<usize>,
    /// A number came as a floating-point value: the text must be looked at.
    inexact: Cell<bool>,
    /// What the visitor itself refused.
    refused: Cell<Option<&'static str>>,
    path: RefCell<String>,
    found: RefCell<Vec<Violation>>,
}

impl<'l> Door<'l> {
    fn new(limits: &'l Limits, collects: bool) -> Self {
        Door {
            limits,
            collects,
            depth: Cell::new(0),
            keys: Cell::new(0),
            inexact: Cell::new(false),
            refused: Cell::new(None),
            path: RefCell::default(),
            found: RefCell::default(),
        }
    }

    fn parse(&self, text: &str) -> Result<Value, serde_json::Error> {
        let mut parser = serde_json::Deserializer::from_str(text);
        let tree = Seed(self).deserialize(&mut parser)?;
        parser.end()?;
        Ok(tree)
    }

    /// Says no: the fast pass stops here, the slow pass notes it and goes on.
    fn refuse<E: serde::de::Error>(&self, code: &'static str, message: &str) -> Result<(), E> {
        if self.refused.get().is_none() {
            self.refused.set(Some(code));
        }
        if !self.collects {
            return Err(E::custom(code));
        }
        let mut found = self.found.borrow_mut();
        if found.len() < LISTED {
            found.push(Violation {
                pointer: self.path.borrow().clone(),
                rule: code.to_owned(),
                message: message.to_owned(),
                ..Violation::default()
            });
        }
        Ok(())
    }

    fn check_text<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        match crate::not_portable(text) {
            None => Ok(()),
            Some('\0') => self.refuse("nul-character", "a text holds the character U+0000: leave it out"),
            Some(_) => self
                .refuse("character-not-portable", "a text holds a character that XML 1.0 cannot carry: leave it out"),
        }
    }

    /// A key goes into pointers, messages and logs, once for each that is wrong below it.
    fn check_key<E: serde::de::Error>(&self, key: &str) -> Result<(), E> {
        if key.len() > crate::LONGEST_NAME {
            self.refused.set(Some("key-too-long"));
            return Err(E::custom("too-large"));
        }
        self.check_text(key)
    }

    /// One level down; `too-deep` ends both passes, since nesting must never grow the stack without bound.
    fn enter<E: serde::de::Error>(&self) -> Result<(), E> {
        let depth = self.depth.get() + 1;
        self.depth.set(depth);
        if depth > self.limits.depth {
            self.refused.set(Some("too-deep"));
            return Err(E::custom("too-deep"));
        }
        Ok(())
    }

    fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }

    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        let keys = self.keys.get() + 1;
        self.keys.set(keys);
        if keys > self.limits.keys {
            self.refused.set(Some("too-large"));
            return Err(E::custom("too-large"));
        }
        Ok(())
    }

    /// Runs `step` with the path one segment longer (slow pass only).
    fn within<T>(&self, segment: impl Fn() -> String, step: impl FnOnce() -> T) -> T {
        if !self.collects {
            return step();
        }
        let length = self.path.borrow().len();
        {
            let mut path = self.path.borrow_mut();
            path.push('/');
            path.push_str(&segment());
        }
        let result = step();
        self.path.borrow_mut().truncate(length);
        result
    }
}

#[derive(Clone, Copy)]
struct Seed<'d, 'l>(&'d Door<'l>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        self.0.inexact.set(true);
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.0.check_text(value)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        self.0.check_text(&value)?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.0.enter()?;
        let mut list = Vec::new();
        while let Some(item) = self.0.within(|| list.len().to_string(), || items.next_element_seed(self))? {
            self.0.count()?;
            list.push(item);
        }
        self.0.leave();
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.0.enter()?;
        let mut map = Map::with_capacity(USUAL_FIELDS);
        while let Some(key) = entries.next_key::<String>()? {
            self.0.count()?;
            self.0.check_key(&key)?;
            let value = self.0.within(|| crate::pointer_segment(&key), || entries.next_value_seed(self))?;
            match map.entry(key) {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(place) => self.0.within(
                    || crate::pointer_segment(place.key()),
                    || self.0.refuse::<A::Error>("duplicate-key", "the key stands twice in one object: send it once"),
                )?,
            }
        }
        self.0.leave();
        Ok(Value::Object(map))
    }
}

/// Why a parse failed: what the visitor refused, with all its places, or what is not JSON.
fn explain(text: &str, limits: &Limits, door: &Door, error: &serde_json::Error) -> Unreadable {
    let place = |rule: &str, message: String| Violation {
        line: u32::try_from(error.line()).ok(),
        column: u32::try_from(error.column()).ok(),
        rule: rule.to_owned(),
        message,
        ..Violation::default()
    };
    let said = error.to_string();
    match door.refused.get() {
        Some("too-deep") => {
            return single("too-deep", place("too-deep", format!("nested deeper than {} levels", limits.depth)));
        }
        Some("key-too-long") => {
            let message = format!("a key may have {} bytes at most", crate::LONGEST_NAME);
            return single("too-large", place("too-large", message));
        }
        Some("too-large") => {
            return single("too-large", place("too-large", format!("more than {} keys and items", limits.keys)));
        }
        Some(code) => {
            let slow = Door::new(limits, true);
            // The second pass may meet a syntax error further on: then the document is malformed above all.
            if let Err(later) = slow.parse(text) {
                return malformed(&later, limits);
            }
            let mut violations = slow.found.into_inner();
            let pointers: Vec<&str> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
            let places = walk::places_of(text, &pointers);
            for (violation, (line, column)) in violations.iter_mut().zip(places) {
                (violation.line, violation.column) = (Some(line), Some(column));
            }
            let code = violations.first().map_or(code, |first| known_code(&first.rule, code));
            return Unreadable { code, violations };
        }
        None => {}
    }
    if said.starts_with("number out of range") {
        let message = "the number cannot be kept exactly: send it as text".to_owned();
        return single("schema-invalid", place("number-not-exact", message));
    }
    malformed(error, limits)
}

fn malformed(error: &serde_json::Error, limits: &Limits) -> Unreadable {
    let said = error.to_string();
    let code =
        if said.starts_with("recursion limit") || said.starts_with("too-deep") { "too-deep" } else { "malformed-json" };
    // serde_json's words end in ` at line L column C`; the place has fields of its own.
    let words = said.split(" at line ").next().unwrap_or_default();
    let message = if code == "too-deep" {
        format!("nested deeper than {} levels", limits.depth)
    } else {
        format!("not JSON: {words}")
    };
    single(
        code,
        Violation {
            line: u32::try_from(error.line()).ok(),
            column: u32::try_from(error.column()).ok(),
            rule: code.to_owned(),
            message,
            ..Violation::default()
        },
    )
}

fn single(code: &'static str, violation: Violation) -> Unreadable {
    Unreadable { code, violations: vec![violation] }
}

fn known_code(rule: &str, otherwise: &'static str) -> &'static str {
    ["duplicate-key", "nul-character", "character-not-portable"]
        .into_iter()
        .find(|code| *code == rule)
        .unwrap_or(otherwise)
}

/// Every number whose text a 64-bit integer or double would change.
fn inexact_numbers(text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    walk::scalars(text, &mut |pointer, token, offset| {
        if found.len() < LISTED && !walk::is_exact(token) {
            let (line, column) = walk::line_column(text, offset);
            found.push(Violation {
                pointer: pointer(),
                line: Some(line),
                column: Some(column),
                rule: "number-not-exact".to_owned(),
                message: "the number cannot be kept exactly: send it as text".to_owned(),
                ..Violation::default()
            });
        }
    });
    found
}

#[cfg(test)]
mod tests;
