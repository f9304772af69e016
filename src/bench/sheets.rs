//! The charge sheets that are measured, made from the shipped example: the smallest valid one, and ones grown by
//! repeating what a real one repeats (accused, witnesses, exhibits). Every one passes both schemas and its mapping,
//! or it is not used: a bench over refused records would measure refusing.

use serde_json::{Value, json};

use super::load::{Mark, Template};
use crate::config::{Dialect, Folder, Revision};
use crate::schema::Schema;

/// The kind that is measured.
pub const KIND: &str = "charge-sheet";
/// Stands where a request's own event number goes.
const EVENT: &str = "8888888888";
/// Stands where a request's own FIR serial goes (seven digits, the first never zero).
const SERIAL: u64 = 7_777_777;
/// FIR serials begin here, so that all have seven digits.
const FIRST_SERIAL: u64 = 1_000_000;
/// Distinct FIR serials; a run that needs more would repeat a case.
pub const CASES: u64 = 8_999_999;

/// The gateway's own limits for a record.
const LIMITS: icjs_kit::Limits = icjs_kit::Limits { bytes: 1 << 20, depth: 64, keys: 100_000 };

/// A charge sheet in native form, with what judges it.
#[derive(Debug)]
pub struct Sheets<'a> {
    dialect: &'a Dialect,
    native: &'a Schema,
    shared: &'a Schema,
    example: Value,
}

impl<'a> Sheets<'a> {
    /// From the shipped example of `adapter`.
    pub fn of(revision: &'a Revision, adapter: &str) -> Result<Self, String> {
        let missing = |what: &str| format!("the shipped configuration has no {what} for `{adapter}` `{KIND}`");
        let dialect = revision.adapters.get(adapter).and_then(|adapter| adapter.dialects.get(KIND));
        let dialect = dialect.ok_or_else(|| missing("dialect"))?;
        let native = dialect.native.as_deref().ok_or_else(|| missing("native schema"))?;
        let shared = &revision.kinds.get(KIND).ok_or_else(|| missing("kind"))?.schema;
        let path = dialect.examples.first().ok_or_else(|| missing("example"))?;
        let shipped = Folder::embedded();
        let bytes = shipped.files.get(path).ok_or_else(|| missing("example file"))?;
        let mut example = dialect.codec.read(bytes, &LIMITS).map_err(|error| format!("`{path}`: {error:?}"))?;
        mark(&mut example)?;
        let sheets = Self { dialect, native, shared, example };
        if sheets.valid(&sheets.example) { Ok(sheets) } else { Err(format!("`{path}` does not pass its own schemas")) }
    }

    /// The example itself, with marks.
    pub fn example(&self) -> &Value {
        &self.example
    }

    /// The smallest charge sheet that still passes everything.
    pub fn smallest(&self) -> Value {
        self.shrink(self.example.clone(), 0)
    }

    /// One of about `bytes` bytes on the wire.
    pub fn of_size(&self, bytes: usize) -> Value {
        let tree = self.shrink(self.example.clone(), bytes);
        self.grow(tree, bytes)
    }

    /// The same record in the shared form.
    pub fn shared(&self, native: &Value) -> Result<Value, String> {
        let plan = self.dialect.plan.as_deref().ok_or("the dialect has no mapping")?;
        plan.decode(native).map(|decoded| decoded.shared).map_err(|violations| format!("{violations:?}"))
    }

    /// Native bytes to a tree.
    pub fn parse(&self, bytes: &[u8]) -> Result<Value, String> {
        self.dialect.codec.read(bytes, &LIMITS).map_err(|unreadable| unreadable.code.to_owned())
    }

    /// A shared record to native form.
    pub fn encode(&self, shared: &Value) -> Result<Value, String> {
        let plan = self.dialect.plan.as_deref().ok_or("the dialect has no mapping")?;
        plan.encode(shared).map(|encoded| encoded.native).map_err(|(code, violations)| format!("{code} {violations:?}"))
    }

    /// A native record whose shared form is of about `bytes` bytes.
    pub fn json_source(&self, bytes: usize) -> Result<Value, String> {
        let size = |native: &Value| self.shared(native).map(|shared| shared.to_string().len());
        let smallest = self.smallest();
        let mut best = smallest.clone();
        // The two forms grow together: the largest XML whose JSON still fits is found by halving.
        let (mut low, mut high) = (self.bytes(&smallest)?.len(), bytes * 2);
        for _ in 0..8 {
            let middle = usize::midpoint(low, high);
            let tree = self.of_size(middle);
            if size(&tree)? <= bytes {
                (best, low) = (tree, middle);
            } else {
                high = middle;
            }
        }
        Ok(best)
    }

    /// Native bytes.
    pub fn bytes(&self, native: &Value) -> Result<Vec<u8>, String> {
        self.dialect.codec.write(native)
    }

    fn valid(&self, native: &Value) -> bool {
        self.native.violations(native).is_empty()
            && self.shared(native).is_ok_and(|shared| self.shared.violations(&shared).is_empty())
    }

    fn size(&self, native: &Value) -> usize {
        self.bytes(native).map_or(usize::MAX, |bytes| bytes.len())
    }

    /// Takes away whatever may go, largest parts first, without falling under `floor` bytes.
    fn shrink(&self, mut tree: Value, floor: usize) -> Value {
        loop {
            let mut parts = Vec::new();
            pointers(&tree, String::new(), &mut parts);
            parts.sort_by_key(|pointer| {
                std::cmp::Reverse(tree.pointer(pointer).map_or(0, |part| part.to_string().len()))
            });
            let mut gone = false;
            for pointer in parts {
                let mut smaller = tree.clone();
                if remove(&mut smaller, &pointer) && self.size(&smaller) >= floor && self.valid(&smaller) {
                    tree = smaller;
                    gone = true;
                }
            }
            if !gone {
                return tree;
            }
        }
    }

    /// Repeats items of lists, one list after another, while it stays valid.
    fn grow(&self, mut tree: Value, target: usize) -> Value {
        let mut lists = Vec::new();
        arrays(&tree, String::new(), &mut lists);
        while !lists.is_empty() && self.size(&tree) < target {
            lists.retain(|pointer| {
                let mut larger = tree.clone();
                let grown = larger.pointer_mut(pointer).and_then(Value::as_array_mut).is_some_and(|list| {
                    let first = list.first().cloned();
                    list.extend(first.clone());
                    first.is_some()
                });
                let good = grown && self.valid(&larger);
                if good && self.size(&tree) < target {
                    tree = larger;
                }
                good
            });
        }
        tree
    }
}

/// Puts the places for a request's own numbers into the example.
fn mark(example: &mut Value) -> Result<(), String> {
    let report = example.get_mut("FinalReport").ok_or("the example is no FinalReport")?;
    report["EVENT_NO"] = json!(format!("BENCH{EVENT}"));
    let serial = if report["FIR_SRNO"].is_string() { json!(SERIAL.to_string()) } else { json!(SERIAL) };
    report["FIR_SRNO"] = serial;
    if let Some(object) = report.as_object_mut() {
        // Other numbers of the case would join every request's case to one.
        for name in ["PTN", "FIR_REG_NUM", "CNR", "CINO", "FILING_NO"] {
            object.shift_remove(name);
        }
    }
    Ok(())
}

/// A body with places for numbers.
#[derive(Clone, Debug)]
pub struct Numbered {
    text: Vec<u8>,
    marks: Vec<Mark>,
}

impl Numbered {
    /// The body with a request's numbers in it.
    pub fn bytes(&self, number: u64) -> Vec<u8> {
        let mut bytes = self.text.clone();
        for mark in &self.marks {
            mark.write(&mut bytes, number);
        }
        bytes
    }
}

/// The event number that a request with this number carries.
pub fn event(number: u64) -> String {
    format!("BENCH{number:010}")
}

/// The FIR serial that a request with this number carries.
pub fn serial(number: u64, cases: u64) -> u64 {
    FIRST_SERIAL + number % cases.max(1)
}

/// Finds the numbers' places in a body; `cases` bounds how many cases there are.
pub fn numbered(body: &[u8], cases: u64) -> Result<Numbered, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let serial = SERIAL.to_string();
    let mark = |needle: &str, base, modulus| -> Vec<Mark> {
        let digits = needle.len();
        text.match_indices(needle).map(|(offset, _)| Mark { offset, digits, base, modulus }).collect()
    };
    let (events, serials) = (mark(EVENT, 0, u64::MAX), mark(&serial, FIRST_SERIAL, cases));
    if events.is_empty() || serials.is_empty() {
        return Err("the record has lost its event number or its FIR serial on the way".to_owned());
    }
    Ok(Numbered { text: body.to_vec(), marks: [events, serials].concat() })
}

/// A request template: a head, and a body whose numbers' places are found.
pub fn template(
    path: &str,
    host: &str,
    token: &str,
    media_type: &str,
    body: &[u8],
    cases: u64,
) -> Result<Template, String> {
    let numbered = numbered(body, cases)?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: {media_type}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let marks = numbered.marks.iter().map(|mark| Mark { offset: mark.offset + head.len(), ..*mark }).collect();
    Ok(Template { text: format!("{head}{}", String::from_utf8_lossy(body)), marks })
}

fn pointers(tree: &Value, at: String, found: &mut Vec<String>) {
    match tree {
        Value::Object(members) => {
            for (name, member) in members {
                let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                found.push(pointer.clone());
                pointers(member, pointer, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let pointer = format!("{at}/{index}");
                found.push(pointer.clone());
                pointers(item, pointer, found);
            }
        }
        _ => {}
    }
}

fn arrays(tree: &Value, at: String, found: &mut Vec<String>) {
    let mut all = Vec::new();
    pointers(tree, at, &mut all);
    found.extend(all.into_iter().filter(|pointer| tree.pointer(pointer).is_some_and(Value::is_array)));
}

/// Removes a member or an item; never a mark. False where there is nothing to remove any more.
fn remove(tree: &mut Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    if ["EVENT_NO", "FIR_SRNO"].contains(&name) {
        return false;
    }
    match tree.pointer_mut(parent) {
        Some(Value::Object(members)) => members.shift_remove(&name.replace("~1", "/").replace("~0", "~")).is_some(),
        Some(Value::Array(items)) => match name.parse::<usize>() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{CASES, Sheets, event, numbered, serial};
    use crate::config::{Folder, Revision};

    #[test]
    fn every_measured_sheet_passes_its_schemas_and_is_about_as_large_as_it_says() {
        let revision = Revision::compile_all(Folder::default()).unwrap();
        let sheets = Sheets::of(&revision, "cctns").unwrap();
        let smallest = sheets.bytes(&sheets.smallest()).unwrap();
        assert!(smallest.len() < 2_048, "the smallest has {} bytes", smallest.len());
        for bytes in [10_240, 102_400] {
            let sheet = sheets.of_size(bytes);
            assert!(sheets.valid(&sheet));
            let size = sheets.bytes(&sheet).unwrap().len();
            assert!(size > bytes * 9 / 10 && size < bytes * 12 / 10, "{bytes} asked, {size} got");
        }
        let json = sheets.shared(&sheets.json_source(4_096).unwrap()).unwrap().to_string();
        assert!(json.len() > 3_500 && json.len() <= 4_096, "{}", json.len());
        let body = numbered(json.as_bytes(), CASES).unwrap();
        let text = String::from_utf8(body.bytes(42)).unwrap();
        assert!(text.contains(&event(42)) && text.contains(&serial(42, CASES).to_string()), "{text}");
    }
}
