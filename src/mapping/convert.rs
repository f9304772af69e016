//! Converters: one value between its native and its shared form, in both directions, with a check on the spot.
//! A converter never guesses: what it cannot read is said, what would not come back the same is said too.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use super::dates::Pattern;
use super::files;
use crate::codes::{Column, Table};

/// The scalar type that a schema asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Text,
    Integer,
    Number,
    Boolean,
    Other,
}

impl Scalar {
    pub(super) fn of(schema: &Value) -> Self {
        match crate::schema::path::type_of(schema) {
            "string" => Scalar::Text,
            "integer" => Scalar::Integer,
            "number" => Scalar::Number,
            "boolean" => Scalar::Boolean,
            _ => Scalar::Other,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Scalar::Text => "string",
            Scalar::Integer => "integer",
            Scalar::Number => "number",
            Scalar::Boolean => "boolean",
            Scalar::Other => "object or array",
        }
    }
}

/// How one value is converted.
#[derive(Debug)]
pub(super) enum Converter {
    /// Unchanged.
    Text,
    Integer,
    Number,
    Boolean {
        yes: String,
        no: String,
    },
    Date(Pattern),
    DateTime(Pattern),
    Code(Code),
    Prefix(String),
    Split(String),
    /// A file in base64: the digest of its bytes. See `files`.
    File,
    /// The size of that file; never written.
    FileSize,
    /// Written where the other side has nothing; never read.
    Constant(Value),
}

/// A code table as one adapter sees it.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) table: Arc<Table>,
    pub(super) adapter: String,
    /// `cctns.gender`: what `raw.table` says.
    pub(super) id: String,
    /// The shared side is an object with `code`, `label`, `raw`; else it is the code's text.
    pub(super) coded: bool,
    /// What stands before the code in a shared text, such as `ps:`.
    pub(super) prefix: String,
    /// What a value of no row becomes in a shared text: this, and the value.
    pub(super) otherwise: Option<String>,
}

/// What reading a native value gave.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// The shared value; writing it gives the native one again.
    Exact(Value),
    /// The shared value; writing it gives something else, so the raw one must be kept.
    Changed(Value),
    /// There is nothing in it; the raw one must be kept.
    Nothing,
    /// No row of the code table: the coded value without a code, if the shared side can hold one.
    UnknownCode(Option<Value>),
    /// It is no value of this form, whose name is given.
    Wrong(&'static str),
    /// It is not of the type that the native schema says: nobody reads it.
    Unread,
}

/// What writing a shared value gave.
#[derive(Debug, PartialEq)]
pub(super) enum Written {
    /// The native value; reading it gives the shared one again.
    Exact(Value),
    /// The native value; reading it gives less.
    Changed(Value),
    /// The code has no native value and the table has no `unknown` row.
    UnknownCode,
    /// The format cannot carry it.
    Lost,
}

impl Converter {
    /// Native to shared.
    pub(super) fn read(&self, native: &Value) -> Read {
        let text = match native {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Number(_) | Value::Bool(_) => match self {
                Converter::Text => return Read::Exact(native.clone()),
                _ => Cow::Owned(native.to_string()),
            },
            _ => return Read::Unread,
        };
        let exact = text.as_ref();
        if let Converter::Text = self {
            return Read::Exact(Value::String(exact.to_owned()));
        }
        match self {
            Converter::File => return files::read(exact),
            Converter::FileSize => return files::size(exact),
            _ => {}
        }
        // Values padded with white space are common: they are read without it, and the raw one is kept.
        let text = exact.trim();
        if text.is_empty() {
            return Read::Nothing;
        }
        match self.read_text(text, exact) {
            Read::Exact(value)
                if text.len() != exact.len() && !matches!(self, Converter::Code(Code { coded: true, .. })) =>
            {
                Read::Changed(value)
            }
            read => read,
        }
    }

    /// `text` is without the white space around it that `exact` may have.
    fn read_text(&self, text: &str, exact: &str) -> Read {
        match self {
            Converter::Text => Read::Exact(Value::String(text.to_owned())),
            Converter::Integer => match text.parse::<i64>() {
                Ok(number) => sure(number.to_string() == text, Value::from(number)),
                Err(_) => Read::Wrong("a whole number"),
            },
            Converter::Number => read_number(text),
            Converter::Boolean { yes, no } => match text {
                text if text == yes => Read::Exact(Value::Bool(true)),
                text if text == no => Read::Exact(Value::Bool(false)),
                _ => Read::Wrong("one of the two words of a yes or no"),
            },
            Converter::Date(pattern) => pattern.read_date(text).map_or(Read::Wrong("a date"), Read::Exact),
            Converter::DateTime(pattern) => pattern.read_time(text).map_or(Read::Wrong("a date and time"), Read::Exact),
            Converter::Code(code) => code.read(text, exact),
            Converter::Prefix(prefix) => Read::Exact(Value::String(format!("{prefix}{text}"))),
            Converter::Split(separator) => {
                let parts: Vec<&str> =
                    text.split(separator.as_str()).map(str::trim).filter(|part| !part.is_empty()).collect();
                let same = parts.join(separator) == text;
                sure(same, Value::Array(parts.into_iter().map(Value::from).collect()))
            }
            Converter::File | Converter::FileSize | Converter::Constant(_) => Read::Unread,
        }
    }

    /// What it wants, for messages.
    pub(super) fn form(&self) -> String {
        match self {
            Converter::Date(pattern) | Converter::DateTime(pattern) => format!(", `{pattern}`"),
            Converter::Boolean { yes, no } => format!(", `{yes}` or `{no}`"),
            _ => String::new(),
        }
    }

    /// Shared to native.
    pub(super) fn write(&self, shared: &Value, native: Scalar) -> Written {
        match (self, shared) {
            (_, Value::Null) => Written::Lost,
            (Converter::Text, Value::Array(_) | Value::Object(_)) => Written::Lost,
            (Converter::Text, value) => Written::Exact(value.clone()),
            (Converter::File, Value::String(digest)) => Written::Exact(files::link(digest)),
            (Converter::Integer, Value::Number(number)) => match whole(number) {
                Some(whole) => number_as(&whole.into(), native),
                None => Written::Lost,
            },
            (Converter::Number, Value::Number(number)) => number_as(number, native),
            (Converter::Boolean { yes, no }, Value::Bool(value)) => match native {
                Scalar::Boolean => Written::Exact(shared.clone()),
                _ => Written::Exact(Value::String(if *value { yes.clone() } else { no.clone() })),
            },
            (Converter::Date(pattern), Value::String(text)) => pattern.write_date(text),
            (Converter::DateTime(pattern), Value::String(text)) => pattern.write_time(text),
            (Converter::Code(code), value) => code.write(value, native),
            (Converter::Prefix(prefix), Value::String(text)) => match text.strip_prefix(prefix.as_str()) {
                Some(rest) if !rest.is_empty() => typed(rest, native),
                _ => Written::Lost,
            },
            (Converter::Split(separator), Value::Array(items)) => {
                let parts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                let plain =
                    |part: &&str| !part.is_empty() && part.trim() == *part && !part.contains(separator.as_str());
                let text = Value::String(parts.join(separator));
                if parts.len() == items.len() && !parts.is_empty() && parts.iter().all(plain) {
                    Written::Exact(text)
                } else {
                    Written::Changed(text)
                }
            }
            _ => Written::Lost,
        }
    }
}

fn sure(same: bool, value: Value) -> Read {
    if same { Read::Exact(value) } else { Read::Changed(value) }
}

/// A number without a fraction, however it was written: to a schema `18.0` is an integer too (JSON Schema 2020-12, 4.2.3), and
/// who reads `18.0` where a whole number belongs refuses it.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let text = number.as_f64().filter(|float| float.fract() == 0.0)?.to_string();
        text.parse().ok()
    })
}

fn number_as(number: &Number, native: Scalar) -> Written {
    Written::Exact(match native {
        Scalar::Integer | Scalar::Number => Value::Number(number.clone()),
        _ => Value::String(number.to_string()),
    })
}

/// What a number must be.
const DECIMAL: &str = "a decimal number of at most 15 digits";

/// A decimal that a double holds with all its digits.
fn read_number(text: &str) -> Read {
    if let Ok(number) = text.parse::<i64>() {
        return sure(number.to_string() == text, Value::from(number));
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let Ok(number) = text.parse::<f64>() else { return Read::Wrong(DECIMAL) };
    let value = Value::from(number);
    // What is written here is always read again, however many digits it has.
    let written = value.to_string();
    let same = written == text;
    if same || (plain && digits <= 15) { sure(same, value) } else { Read::Wrong(DECIMAL) }
}

/// A text as the native schema's type.
fn typed(text: &str, native: Scalar) -> Written {
    let number = match native {
        Scalar::Integer | Scalar::Number => text.parse::<i64>().ok().filter(|number| number.to_string() == text),
        _ => return Written::Exact(Value::String(text.to_owned())),
    };
    number.map_or(Written::Lost, |number| Written::Exact(Value::from(number)))
}

impl Code {
    fn read(&self, text: &str, exact: &str) -> Read {
        let row = self.table.column(&self.adapter).and_then(|column| self.table.by_native(column, text));
        if !self.coded {
            let Some(row) = row else {
                let strange = self.otherwise.as_ref().map(|before| format!("{}{before}{text}", self.prefix));
                return strange.map_or(Read::UnknownCode(None), |strange| Read::Exact(Value::String(strange)));
            };
            let canonical = self.table.column(&self.adapter).and_then(|column| column.native(&row.shared));
            return sure(canonical == Some(text), Value::String(format!("{}{}", self.prefix, row.shared)));
        }
        let mut coded = Map::with_capacity(3);
        coded.insert("code".to_owned(), row.map_or(Value::Null, |row| Value::String(row.shared.clone())));
        if let Some(row) = row.filter(|row| !row.label_en.is_empty()) {
            coded.insert("label".to_owned(), Value::String(row.label_en.clone()));
        }
        let mut raw = Map::with_capacity(2);
        raw.insert("table".to_owned(), Value::String(self.id.clone()));
        raw.insert("value".to_owned(), Value::String(exact.to_owned()));
        coded.insert("raw".to_owned(), Value::Object(raw));
        let coded = Value::Object(coded);
        if row.is_some() { Read::Exact(coded) } else { Read::UnknownCode(Some(coded)) }
    }

    /// The raw value where it is of this table and still means the code; else the canonical one; else the `unknown` row's.
    fn write(&self, shared: &Value, native: Scalar) -> Written {
        let code = if self.coded { shared.get("code") } else { Some(shared) };
        let code = code.and_then(Value::as_str);
        let Some(column) = self.table.column(&self.adapter) else {
            return Written::UnknownCode;
        };
        if !self.coded {
            return self.write_text(code.unwrap_or_default(), column, native);
        }
        let raw = shared.get("raw").filter(|raw| raw.get("table").and_then(Value::as_str) == Some(&self.id));
        if let Some(raw) = raw.and_then(|raw| raw.get("value")).and_then(Value::as_str) {
            let means = self.table.by_native(column, raw.trim()).map(|row| row.shared.as_str());
            if means == code {
                return typed(raw, native);
            }
        }
        match code.and_then(|code| column.native(code)) {
            Some(value) => typed(value, native),
            None => match column.unknown() {
                // A code that becomes `unknown` is lost on the way; one that was unknown before is not.
                Some(value) => match typed(value, native) {
                    Written::Exact(value) if code.is_some() => Written::Changed(value),
                    written => written,
                },
                None => Written::UnknownCode,
            },
        }
    }

    /// A code that is a plain text. What is of another form than this adapter's is lost: an office of another class.
    fn write_text(&self, shared: &str, column: &Column, native: Scalar) -> Written {
        let Some(code) = shared.strip_prefix(self.prefix.as_str()) else { return Written::Lost };
        if let Some(value) = column.native(code) {
            return typed(value, native);
        }
        let strange = self.otherwise.as_ref().and_then(|before| code.strip_prefix(before.as_str()));
        match strange.filter(|value| !value.is_empty()) {
            // A value that the table knows would be read as what it means.
            Some(value) if self.table.by_native(column, value).is_none() => typed(value, native),
            Some(value) => Written::Changed(Value::String(value.to_owned())),
            None => {
                column.unknown().map_or(Written::UnknownCode, |value| Written::Changed(Value::String(value.to_owned())))
            }
        }
    }
}
