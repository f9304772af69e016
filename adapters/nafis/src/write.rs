//! A tree to bytes: Type-1 and Type-2 are written from their fields, every other record is taken from the original, byte for
//! byte, if it is the one that the tree describes. Lengths are counted anew and keep their spelling where they are right; the
//! content list is made where the tree has none. What was written is read again before it is given away.

use icjs_kit::Limits;
use serde_json::{Map, Value};

use crate::scan::{self, pointer};
use crate::shape::{self, Shapes};
use crate::text::{FS, GS, RS, US};
use crate::tree::sha256;

/// One record of the new transaction.
struct Part<'p> {
    kind: u8,
    idc: u8,
    bytes: Source<'p>,
}

/// Written here, or a piece of the original.
enum Source<'p> {
    Made(Vec<u8>),
    Kept(&'p [u8]),
}

/// The bytes of a tree. Without the original, a tree that describes records of one is refused.
pub(crate) fn write(tree: &Value, shapes: &Shapes, original: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let head = tree.get("T1").and_then(Value::as_object).ok_or("a transaction begins with `T1`, its Type-1 record")?;
    let mut parts = Vec::new();
    if let Some(texts) = tree.get("T2").and_then(Value::as_object) {
        let idc = texts.get("F002").and_then(Value::as_str).unwrap_or("00");
        let idc: u8 =
            idc.parse().map_err(|_| format!("field {}: a designation character is two digits", pointer(2, 2)))?;
        let fields = vec![(2, format!("{idc:02}"))];
        parts.push(Part { kind: 2, idc, bytes: Source::Made(tagged(2, texts, fields, shapes)?) });
    }
    for record in tree.get("Records").and_then(Value::as_array).into_iter().flatten() {
        parts.push(kept(record, original)?);
    }
    let (content, parts) = ordered(head, parts, shapes)?;
    let mut bytes = tagged(1, head, vec![(3, content)], shapes)?;
    for part in &parts {
        match &part.bytes {
            Source::Made(made) => bytes.extend_from_slice(made),
            Source::Kept(kept) => bytes.extend_from_slice(kept),
        }
    }
    let limits = Limits { bytes: usize::MAX, depth: usize::MAX, keys: usize::MAX };
    match scan::scan(&bytes, &limits) {
        Ok(_) => Ok(bytes),
        Err(refused) => Err(refused.violations.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ")),
    }
}

/// The described record, out of the original.
fn kept<'o>(record: &Value, original: Option<&'o [u8]>) -> Result<Part<'o>, String> {
    let original = original.ok_or("its image records are in the original only, which is not at hand")?;
    let number = |name: &str| record.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
    let text = |name: &str| record.get(name).and_then(Value::as_str).and_then(|text| text.parse::<u8>().ok());
    let bytes = number("AT").zip(number("BYTES")).and_then(|(at, length)| original.get(at..at.checked_add(length)?));
    let (Some(kind), Some(idc), Some(bytes)) = (text("TYPE"), text("IDC"), bytes) else {
        return Err("`Records` describes a record that is not in the original".to_owned());
    };
    if record.get("SHA256").and_then(Value::as_str) != Some(sha256(bytes).as_str()) {
        return Err(format!("a record of type {kind} is not the one in the original: the digests differ"));
    }
    Ok(Part { kind, idc, bytes: Source::Kept(bytes) })
}

/// The records in the order of field 1.003, and that field's text.
fn ordered<'p>(
    head: &Map<String, Value>,
    mut parts: Vec<Part<'p>>,
    shapes: &Shapes,
) -> Result<(String, Vec<Part<'p>>), String> {
    let (rs, us) = (char::from(RS), char::from(US));
    let Some(content) = head.get("F003") else {
        let mut content = format!("1{us}{}", parts.len());
        for part in &parts {
            content.push_str(&format!("{rs}{}{us}{:02}", part.kind, part.idc));
        }
        return Ok((content, parts));
    };
    let content = shapes.write(1, 3, content)?;
    let mut in_order = Vec::with_capacity(parts.len());
    for subfield in content.split(rs).skip(1) {
        let listed: Vec<Option<u8>> = subfield.split(us).map(|item| item.parse().ok()).collect();
        // Of one type and character there may be several: they keep the order that they have.
        let found = parts.iter().position(|part| listed == [Some(part.kind), Some(part.idc)]);
        let found = found.ok_or_else(|| format!("field {} lists a record that is not there", pointer(1, 3)))?;
        in_order.push(parts.remove(found));
    }
    if !parts.is_empty() {
        return Err(format!("field {} does not list every record", pointer(1, 3)));
    }
    Ok((content, in_order))
}

/// A record of texts, its length first. `made`: fields to be added where the tree does not have them.
fn tagged(kind: u8, texts: &Map<String, Value>, made: Vec<(u16, String)>, shapes: &Shapes) -> Result<Vec<u8>, String> {
    let digits = texts.get("DIGITS").and_then(Value::as_u64).and_then(|digits| usize::try_from(digits).ok());
    let digits = digits.unwrap_or(3);
    let mut fields: Vec<(u16, String)> = Vec::new();
    for (key, value) in texts.iter().filter(|(key, _)| *key != "DIGITS" && *key != "F001") {
        let number = shape::number(key).ok_or_else(|| format!("`{key}` is no field"))?;
        fields.push((number, shapes.write(kind, number, value)?));
    }
    // As it was read, or by number: the tree of a mapping has its fields in no order.
    let fresh = made.into_iter().filter(|(number, _)| !texts.contains_key(&shape::key(*number)));
    fields.extend(fresh);
    if !texts.contains_key("F001") {
        fields.sort_by_key(|(number, _)| *number);
    }
    let mut rest = Vec::new();
    for (number, text) in &fields {
        rest.push(GS);
        rest.extend_from_slice(format!("{kind}.{number:0digits$}:").as_bytes());
        rest.extend_from_slice(text.as_bytes());
    }
    rest.push(FS);
    let spelt = texts.get("F001").and_then(Value::as_str).unwrap_or_default();
    let mut record = format!("{kind}.{:0digits$}:{}", 1, length(kind, digits, rest.len(), spelt)).into_bytes();
    record.append(&mut rest);
    Ok(record)
}

/// The length counts its own digits. `spelt`: as it was written, with zeros in front perhaps.
fn length(kind: u8, digits: usize, rest: usize, spelt: &str) -> String {
    let tag = format!("{kind}.{:0digits$}:", 1).len();
    let mut width = 1;
    loop {
        let total = (tag + width + rest).to_string();
        if total.len() <= width {
            break;
        }
        width = total.len();
    }
    let zeros = spelt.len().max(width);
    let padded = format!("{:0zeros$}", tag + zeros + rest);
    if padded == spelt { padded } else { format!("{:0width$}", tag + width + rest) }
}
