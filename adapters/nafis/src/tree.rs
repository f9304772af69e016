//! Records to a tree: `T1` and `T2` with their fields (`F004` is field 1.004, `F018` field 2.018), and `Records`, which says of
//! every other record what it is and where in the original it lies. And back again from a place in the tree to a field's number.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use crate::scan::{self, Body, Record, pointer};
use crate::shape::{self, Shapes, TEXTS};
use crate::text::{RS, US};

/// What is said of an image record is no longer than this; whatever is longer stays in the original.
const LONGEST: usize = 64;

/// Words for what a record is about, by the number of the field that says it.
const IMAGE: &[(u16, &str)] = &[(3, "IMP"), (6, "HLL"), (7, "VLL"), (11, "CGA"), (13, "FGP")];

/// The fields of a record type that the tree names.
pub(crate) fn named(kind: u8) -> &'static [(u16, &'static str)] {
    match kind {
        3..=6 => &[(3, "IMP"), (4, "FGP"), (6, "HLL"), (7, "VLL"), (8, "CGA")],
        8 => &[(6, "HLL"), (7, "VLL")],
        9 => &[(3, "IMP"), (4, "FMT")],
        10 => &[(3, "IMT"), (6, "HLL"), (7, "VLL"), (11, "CGA"), (20, "POS")],
        13 | 14 | 15 | 19 => IMAGE,
        16 => &[(6, "HLL"), (7, "VLL"), (11, "CGA")],
        17 => &[(3, "EYE"), (6, "HLL"), (7, "VLL"), (11, "CGA")],
        _ => &[],
    }
}

/// The tree of a transaction.
pub(crate) fn tree(records: &[Record<'_>], shapes: &Shapes) -> Value {
    let mut root = Map::new();
    let mut described = Vec::new();
    for record in records {
        let texts = TEXTS.iter().find(|(name, kind)| *kind == record.kind && !root.contains_key(*name));
        match texts {
            Some((name, kind)) => drop(root.insert((*name).to_owned(), fields(*kind, record, shapes))),
            None => described.push(description(record)),
        }
    }
    root.insert("Records".to_owned(), Value::Array(described));
    Value::Object(root)
}

fn fields(kind: u8, record: &Record<'_>, shapes: &Shapes) -> Value {
    let mut object = Map::new();
    if let Body::Tagged { digits, .. } = record.body
        && digits != 3
    {
        object.insert("DIGITS".to_owned(), Value::from(digits));
    }
    for field in record.fields() {
        // Checked before: it is text.
        let text = std::str::from_utf8(field.value).unwrap_or_default();
        object.insert(shape::key(field.number), shapes.read(kind, field.number, text));
    }
    Value::Object(object)
}

fn description(record: &Record<'_>) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
    put("TYPE", Value::from(record.kind.to_string()));
    put("IDC", Value::from(format!("{:02}", record.idc)));
    put("AT", Value::from(record.at));
    put("BYTES", Value::from(record.bytes.len()));
    put("SHA256", Value::from(sha256(record.bytes)));
    for (number, name) in named(record.kind).iter().copied() {
        let value = match &record.body {
            Body::Binary => head(record, number),
            Body::Tagged { .. } => record.field(number).and_then(|value| listed(name, value)),
        };
        if let Some(value) = value {
            put(name, value);
        }
    }
    Value::Object(object)
}

/// The first item of a field; of `FGP` the first of every subfield.
fn listed(name: &str, value: &[u8]) -> Option<Value> {
    let first = |subfield: &[u8]| {
        let item = subfield.split(|byte| *byte == US).next().unwrap_or_default();
        let text = std::str::from_utf8(item).ok().filter(|text| !text.is_empty() && text.len() <= LONGEST)?;
        Some(Value::from(text))
    };
    let mut subfields = value.split(|byte| *byte == RS).map(first);
    if name == "FGP" {
        subfields.take(LONGEST).collect::<Option<Vec<_>>>().map(Value::Array)
    } else {
        subfields.next()?
    }
}

/// A number of a binary head.
fn head(record: &Record<'_>, number: u16) -> Option<Value> {
    let byte = |at: usize| record.bytes.get(at).copied();
    let two = |at: usize| Some(u16::from_be_bytes([byte(at)?, byte(at + 1)?]));
    let text = |number: u16| Value::from(number.to_string());
    match (record.kind, number) {
        (8, 6) => two(8).map(text),
        (8, 7) => two(10).map(text),
        (_, 3) => byte(5).map(u16::from).map(text),
        // Up to six possible positions; 255 fills up.
        (_, 4) => {
            let positions = record.bytes.get(6..12)?.iter().filter(|position| **position != 255);
            Some(positions.map(|position| text(u16::from(*position))).collect())
        }
        (_, 6) => two(13).map(text),
        (_, 7) => two(15).map(text),
        (_, 8) => byte(17).map(u16::from).map(text),
        _ => None,
    }
}

/// In small hexadecimal letters.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The number of the field that a part of the tree came from: `/T2/F018` is `2.018`, `/Records/3/IMP` may be `14.003`.
pub(crate) fn field_of(bytes: &[u8], place: &str) -> String {
    let mut steps = place.split('/').skip(1);
    let (first, second, third) = (steps.next().unwrap_or_default(), steps.next(), steps.next());
    if let Some((_, kind)) = TEXTS.iter().find(|(name, _)| *name == first) {
        return second.and_then(shape::number).map_or_else(|| format!("{kind}"), |number| pointer(*kind, number));
    }
    let described = second.and_then(|place| place.parse::<usize>().ok()).and_then(|place| kind_of(bytes, place));
    let Some(kind) = described else { return pointer(1, 3) };
    let number = named(kind).iter().find(|(_, name)| third == Some(name)).map(|(number, _)| *number);
    pointer(kind, number.unwrap_or(1))
}

/// The type of the record that `Records` describes at a place, by the content list alone: every violation of a large file asks.
fn kind_of(bytes: &[u8], place: usize) -> Option<u8> {
    let listed = scan::listed(bytes)?;
    let second = listed.iter().position(|kind| *kind == 2);
    let described = listed.iter().enumerate().filter(|(at, _)| Some(*at) != second);
    described.map(|(_, kind)| *kind).nth(place)
}
