//! The bytes of a transaction, parted into its logical records and every part checked: lengths, separators, numbers, the
//! content list 1.003 against what is there, designation characters, character sets. Nothing is repaired and nothing is
//! copied. What is wrong is named by the number of its field (`2.018`, `1.003`); every byte belongs to a record or it is refused.

use icjs_kit::{Limits, Unreadable, Violation};

use crate::text::{self, FS, Fault, GS, RS, US};

/// The texts of one Type-1 or Type-2 record, which enter the tree: as large as any other record may be.
const MOST_TEXT: usize = 1 << 20;
/// The digits of a length: 4 GiB and leading zeros.
const MOST_DIGITS: usize = 16;

/// One logical record, where it lies.
#[derive(Debug)]
pub(crate) struct Record<'b> {
    /// Record type, 1 to 99.
    pub(crate) kind: u8,
    /// Where it begins.
    pub(crate) at: usize,
    /// All of it, with its length and its FS.
    pub(crate) bytes: &'b [u8],
    /// Information designation character; none in Type-1.
    pub(crate) idc: u8,
    pub(crate) body: Body<'b>,
}

/// What a record is made of.
#[derive(Debug)]
pub(crate) enum Body<'b> {
    /// Fields with numbers, of so many digits each.
    Tagged { digits: usize, fields: Vec<Field<'b>> },
    /// A binary head and an image (Type-3 to Type-8).
    Binary,
}

/// One field of a tagged record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'b> {
    pub(crate) number: u16,
    /// As it stands, with its separators RS and US; of field 999, data.
    pub(crate) value: &'b [u8],
}

impl<'b> Record<'b> {
    /// The fields; none of a binary record.
    pub(crate) fn fields(&self) -> &[Field<'b>] {
        match &self.body {
            Body::Tagged { fields, .. } => fields,
            Body::Binary => &[],
        }
    }

    /// The value of one field.
    pub(crate) fn field(&self, number: u16) -> Option<&'b [u8]> {
        self.fields().iter().find(|field| field.number == number).map(|field| field.value)
    }

    /// Field 999 of any type but Type-1 and Type-2 is data, not text.
    pub(crate) fn is_data(kind: u8, number: u16) -> bool {
        number == 999 && kind > 2
    }
}

/// Field 999 and binary images may hold any byte, so that only the length says where such a record ends.
fn framed_by_length(record: &Record<'_>) -> bool {
    match &record.body {
        Body::Binary => true,
        Body::Tagged { fields, .. } => fields.last().is_some_and(|last| Record::is_data(record.kind, last.number)),
    }
}

/// The records, Type-1 first, in the order of the content list.
pub(crate) fn scan<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Vec<Record<'b>>, Unreadable> {
    if bytes.len() > limits.bytes {
        let message = format!("the transaction is larger than {} bytes", limits.bytes);
        return Err(refused("too-large", String::new(), "too-large", message));
    }
    let mut scan = Scan { bytes, keys: limits.keys, utf8: false };
    let head = scan.tagged(1, 0, None)?;
    mandatory(&head)?;
    let listed = content(&head, limits.keys)?;
    scan.utf8 = text::character_set(head.field(15)).map_err(|fault| at_field(1, 15, fault))?;
    let mut next = head.bytes.len();
    let mut records = vec![head];
    for (kind, idc) in listed.iter().copied() {
        let place = records.len();
        if next == bytes.len() {
            let message =
                format!("lists {} records, and the file ends after {place}: it was cut short", listed.len() + 1);
            return Err(wrong(1, 3, "count", message));
        }
        let before = records.last().filter(|record| framed_by_length(record)).map(|record| record.kind);
        let record = if (3..=8).contains(&kind) { scan.binary(kind, next)? } else { scan.tagged(kind, next, before)? };
        if record.idc != idc {
            let message = format!(
                "says {:02} where field 1.003 lists {idc:02} for record {} of the file{}",
                record.idc,
                place + 1,
                if before.is_some() { "; the length of the record before it may be wrong" } else { "" }
            );
            return Err(wrong(kind, 2, "idc", message));
        }
        next += record.bytes.len();
        records.push(record);
    }
    match (bytes.len() - next, records.last()) {
        (0, _) => Ok(records),
        (more, Some(last)) if framed_by_length(last) => {
            let message = format!("the last record ends {more} bytes before the file: its length, or 1.003, is wrong");
            Err(wrong(last.kind, 1, "length", message))
        }
        (more, _) => {
            Err(wrong(1, 3, "count", format!("lists {} records, and {more} bytes follow the last", records.len())))
        }
    }
}

/// The types of the records behind Type-1, as field 1.003 lists them; nothing else of the file is looked at.
pub(crate) fn listed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut scan = Scan { bytes, keys: usize::MAX, utf8: false };
    let head = scan.tagged(1, 0, None).ok()?;
    let listed = content(&head, usize::MAX).ok()?;
    Some(listed.into_iter().map(|(kind, _)| kind).collect())
}

struct Scan<'b> {
    bytes: &'b [u8],
    /// How many fields and parts of fields may still come.
    keys: usize,
    utf8: bool,
}

impl<'b> Scan<'b> {
    /// A record of numbered fields. `before`: the type of the record before, where only its length says that this one begins here.
    fn tagged(&mut self, kind: u8, at: usize, before: Option<u8>) -> Result<Record<'b>, Unreadable> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let length = length_of(kind, self.bytes, at, before)?;
        if kind <= 2 && length > MOST_TEXT {
            let message = format!("a record of texts has more than {MOST_TEXT} bytes");
            return Err(refused("too-large", pointer(kind, 1), "too-large", message));
        }
        let Some(bytes) = rest.get(..length) else {
            let message = format!(
                "says {length} bytes where {} are left: the length is wrong, or the file was cut short",
                rest.len()
            );
            return Err(wrong(kind, 1, "length", message));
        };
        let Some((FS, body)) = bytes.split_last().map(|(last, body)| (*last, body)) else {
            let message = format!("says {length} bytes, and the last of them is no FS: length or separator is damaged");
            return Err(wrong(kind, 1, "length", message));
        };
        let (digits, fields) = self.fields(kind, body)?;
        let mut record = Record { kind, at, bytes, idc: 0, body: Body::Tagged { digits, fields } };
        if kind > 1 {
            record.idc = designation(&record)?;
        }
        Ok(record)
    }

    fn fields(&mut self, kind: u8, body: &'b [u8]) -> Result<(usize, Vec<Field<'b>>), Unreadable> {
        let mut fields: Vec<Field<'b>> = Vec::new();
        let mut digits = 0;
        let mut rest = Some(body);
        while let Some(here) = rest {
            let last = fields.last().map_or(0, |field| field.number);
            let tag = tag(kind, here).map_err(|near| {
                let number = near.unwrap_or(last);
                wrong(kind, number, "tag", tag_message(kind, last))
            })?;
            if digits == 0 {
                digits = tag.digits;
            }
            // Written 1.01 or 1.001, but one way in one record: so that it can be written again as it was.
            if tag.digits != digits.max(tag.number.to_string().len()) {
                return Err(wrong(kind, tag.number, "tag", "its number is written with other digits than the others'"));
            }
            if fields.iter().any(|field| field.number == tag.number) {
                return Err(wrong(kind, tag.number, "field-twice", "stands twice in one record"));
            }
            let value = here.get(tag.length..).unwrap_or_default();
            self.count(kind, tag.number, 1)?;
            if Record::is_data(kind, tag.number) {
                fields.push(Field { number: tag.number, value });
                break;
            }
            let end = value.iter().position(|byte| *byte == GS);
            let value = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
            self.text(kind, tag.number, digits, value)?;
            fields.push(Field { number: tag.number, value });
            rest = end.and_then(|end| here.get(tag.length + end + 1..));
        }
        Ok((digits, fields))
    }

    fn text(&mut self, kind: u8, number: u16, digits: usize, value: &[u8]) -> Result<(), Unreadable> {
        let text = text::text(value, self.utf8 && kind > 1).map_err(|fault| at_field(kind, number, fault))?;
        if let Some(hidden) = text::hidden_field(text, &kind.to_string(), digits) {
            let message = format!("stands inside field {kind}.{number:03}: the separator GS before it is damaged");
            return Err(wrong(kind, hidden.parse().unwrap_or(number), "separator", message));
        }
        if kind <= 2 {
            let parts = value.iter().filter(|byte| matches!(**byte, RS | US)).count();
            self.count(kind, number, parts)?;
        }
        Ok(())
    }

    fn count(&mut self, kind: u8, number: u16, more: usize) -> Result<(), Unreadable> {
        self.keys = self.keys.checked_sub(more).ok_or_else(|| {
            let message = "the transaction has more fields and parts of fields than are read".to_owned();
            refused("too-large", pointer(kind, number), "too-large", message)
        })?;
        Ok(())
    }

    /// A record with a binary head: four bytes of length, the designation character, then what its type says.
    fn binary(&mut self, kind: u8, at: usize) -> Result<Record<'b>, Unreadable> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let head = match kind {
            7 => 5,
            8 => 12,
            _ => 18,
        };
        self.count(kind, 1, 8)?;
        let Some(length) = rest.first_chunk::<4>().map(|four| u32::from_be_bytes(*four) as usize) else {
            return Err(wrong(kind, 1, "length", "the file ends inside the length: it was cut short"));
        };
        let Some(bytes) = rest.get(..length).filter(|bytes| bytes.len() >= head) else {
            let message = format!(
                "says {length} bytes where {} are left and {head} are the fewest: this length or the one before it is \
                 wrong, or the file was cut short",
                rest.len()
            );
            return Err(wrong(kind, 1, "length", message));
        };
        // Resolution is 0 or 1 by the standard; of Type-7 all but the first two fields are the users' own.
        let scanned = match kind {
            7 => None,
            8 => bytes.get(7),
            _ => bytes.get(12),
        };
        if scanned.is_some_and(|value| *value > 1) {
            return Err(wrong(kind, 5, "resolution", "image scanning resolution is neither 0 nor 1"));
        }
        let idc = bytes.get(4).copied().unwrap_or_default();
        Ok(Record { kind, at, bytes, idc, body: Body::Binary })
    }
}

/// The length in the first field of the record that begins here.
fn length_of(kind: u8, bytes: &[u8], at: usize, before: Option<u8>) -> Result<usize, Unreadable> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Ok(tag) = tag(kind, rest) else { return Err(no_record(kind, bytes, at, before)) };
    if tag.number != 1 {
        return Err(wrong(kind, 1, "tag", format!("a record begins with its length, not with field {}", tag.number)));
    }
    let value = rest.get(tag.length..).unwrap_or_default();
    let digits = value.iter().take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    let (text, after) = value.split_at_checked(digits).unwrap_or_default();
    let length = std::str::from_utf8(text).ok().and_then(|text| text.parse::<usize>().ok());
    match (length, after.first()) {
        (Some(length), Some(&GS | &FS)) => Ok(length),
        (_, None) => Err(wrong(kind, 1, "length", "the file ends inside the length: it was cut short")),
        _ => Err(wrong(kind, 1, "length", "is no number with a separator GS behind it")),
    }
}

/// Where a record should begin and does not: the content list, the length before it or the tag is wrong.
fn no_record(kind: u8, bytes: &[u8], at: usize, before: Option<u8>) -> Unreadable {
    let rest = bytes.get(at..).unwrap_or_default();
    // One byte too far, `14.001:` looks like `4.001:`.
    let skipped = before.is_some() && bytes.get(at.saturating_sub(1)..).is_some_and(|rest| tag(kind, rest).is_ok());
    let other = (2..=99).find(|other| *other != kind && tag(*other, rest).is_ok_and(|tag| tag.number == 1));
    match (other, before) {
        _ if kind > 1 && rest.starts_with(format!("{kind}.").as_bytes()) => {
            wrong(kind, 1, "tag", format!("a record of type {kind} begins here, and not with `{kind}.001:`"))
        }
        _ if kind == 1 => {
            let message = "the file does not begin with `1.001:` and a length: it is no ANSI/NIST-ITL transaction in \
                           traditional encoding";
            wrong(1, 1, "tag", message)
        }
        (Some(other), _) if !skipped => {
            wrong(1, 3, "count", format!("lists a record of type {kind} where one of type {other} stands"))
        }
        (_, Some(before)) => {
            let message = format!("its length leads to no record of type {kind}, which field 1.003 lists next");
            wrong(before, 1, "length", message)
        }
        (_, None) => {
            let message = format!("a record of type {kind} should begin here, by field 1.003, with `{kind}.001:`");
            wrong(kind, 1, "tag", message)
        }
    }
}

/// A field's tag: `14.013:`.
struct Tag {
    number: u16,
    digits: usize,
    /// Of the tag, with its colon.
    length: usize,
}

/// Reads a tag of the record type; an error is the number, as far as it could be read.
fn tag(kind: u8, here: &[u8]) -> Result<Tag, Option<u16>> {
    let prefix = format!("{kind}.");
    let rest = here.strip_prefix(prefix.as_bytes()).ok_or(None)?;
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let text = rest.get(..digits).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    let number = text.parse::<u16>().ok().filter(|number| *number > 0);
    match (number, rest.get(digits)) {
        (Some(number), Some(b':')) if number <= 999 => Ok(Tag { number, digits, length: prefix.len() + digits + 1 }),
        // Three digits and no colon: the colon is damaged. Fewer: a digit is, and the number is not known.
        (number, _) => Err(number.filter(|_| digits == 3)),
    }
}

fn tag_message(kind: u8, last: u16) -> String {
    match last {
        0 => format!("no field tag such as `{kind}.001:` stands here"),
        _ => format!("after field {kind}.{last:03} and its separator no tag such as `{kind}.{:03}:` follows", last + 1),
    }
}

/// Fields that every transaction must have.
fn mandatory(head: &Record<'_>) -> Result<(), Unreadable> {
    // LEN, VER, CNT, TOT, DAT, DAI, ORI, TCN, NSR, NTR.
    let missing =
        [2, 3, 4, 5, 7, 8, 9, 11, 12].into_iter().find(|number| head.field(*number).is_none_or(<[u8]>::is_empty));
    if let Some(number) = missing {
        let message = "is missing: every transaction has it; the separator before it, or its number, may be damaged";
        return Err(wrong(1, number, "field-missing", message));
    }
    let version = head.field(2).unwrap_or_default();
    if version.len() > 4 || !version.iter().all(u8::is_ascii_digit) {
        return Err(wrong(1, 2, "version", "the version of the standard is up to four digits, such as `0502`"));
    }
    Ok(())
}

/// What 1.003 lists: type and designation character of every record after Type-1.
fn content(head: &Record<'_>, most: usize) -> Result<Vec<(u8, u8)>, Unreadable> {
    let value = head.field(3).unwrap_or_default();
    let mut subfields = value.split(|byte| *byte == RS).map(pair);
    let Some(Some((1, count))) = subfields.next() else {
        return Err(wrong(1, 3, "count", "begins with `1`, US and the number of records that follow"));
    };
    let mut listed = Vec::new();
    for (place, subfield) in subfields.enumerate().take(most) {
        match subfield {
            Some((kind @ (2..=22 | 98 | 99), idc @ 0..=99)) => {
                listed.push((u8::try_from(kind).unwrap_or_default(), u8::try_from(idc).unwrap_or_default()));
            }
            Some((kind, _)) if kind > 1 => {
                let message =
                    format!("entry {}: there is no record type {kind}, or its character is over 99", place + 2);
                return Err(wrong(1, 3, "count", message));
            }
            _ => {
                let message = format!("entry {} is not a record type, US and two digits", place + 2);
                return Err(wrong(1, 3, "count", message));
            }
        }
    }
    if listed.len() != count {
        let message = format!("says that {count} records follow, and lists {}", listed.len());
        return Err(wrong(1, 3, "count", message));
    }
    Ok(listed)
}

fn pair(subfield: &[u8]) -> Option<(usize, usize)> {
    let mut items = subfield.split(|byte| *byte == US).map(number);
    let pair = (items.next()??, items.next()??);
    items.next().is_none().then_some(pair)
}

/// At most five digits.
fn number(text: &[u8]) -> Option<usize> {
    let digits = !text.is_empty() && text.len() <= 5 && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

fn designation(record: &Record<'_>) -> Result<u8, Unreadable> {
    let second = record.fields().get(1).filter(|field| field.number == 2);
    let idc = second.filter(|field| field.value.len() <= 2).and_then(|field| number(field.value));
    idc.and_then(|idc| u8::try_from(idc).ok()).ok_or_else(|| {
        wrong(record.kind, 2, "idc", "the second field of a record is its designation character, two digits")
    })
}

/// The number of a field as people write it.
pub(crate) fn pointer(kind: u8, number: u16) -> String {
    format!("{kind}.{number:03}")
}

fn wrong(kind: u8, number: u16, rule: &str, message: impl Into<String>) -> Unreadable {
    refused("malformed-nist", pointer(kind, number), rule, message.into())
}

fn at_field(kind: u8, number: u16, fault: Fault) -> Unreadable {
    refused(fault.code, pointer(kind, number), fault.rule, fault.message.to_owned())
}

fn refused(code: &'static str, pointer: String, rule: &str, message: String) -> Unreadable {
    let message = if pointer.is_empty() { message } else { format!("field {pointer}: {message}") };
    Unreadable { code, violations: vec![Violation { pointer, rule: rule.to_owned(), message, ..Violation::default() }] }
}
