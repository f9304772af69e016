//! The characters of a field: which separators part it, which character set it is in, and what no text may hold.
//! A separator that was damaged leaves the next field's number inside a text: that is looked for, since nothing else shows it.

use icjs_kit::not_portable;

/// Ends a logical record.
pub(crate) const FS: u8 = 0x1C;
/// Between fields.
pub(crate) const GS: u8 = 0x1D;
/// Between subfields.
pub(crate) const RS: u8 = 0x1E;
/// Between the items of a subfield.
pub(crate) const US: u8 = 0x1F;

/// What is wrong with a text: the code of the exchange API, the name of the rule, and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) message: &'static str,
}

const fn fault(code: &'static str, rule: &'static str, message: &'static str) -> Fault {
    Fault { code, rule, message }
}

/// The value as text, or why it is none. `utf8`: field 1.015 names UTF-8; else it is 7-bit ASCII.
pub(crate) fn text(value: &[u8], utf8: bool) -> Result<&str, Fault> {
    if value.iter().any(|byte| matches!(*byte, FS | GS)) {
        let message = "a separator FS or GS stands inside the field: it, or the record's length, is damaged";
        return Err(fault("malformed-nist", "separator", message));
    }
    if !utf8 && !value.is_ascii() {
        let message = "not 7-bit ASCII, and field 1.015 does not say `003` (UTF-8)";
        return Err(fault("encoding-refused", "character-set", message));
    }
    let text = std::str::from_utf8(value).map_err(|_| {
        fault("encoding-refused", "character-set", "field 1.015 says UTF-8, which this is not; it may be damaged")
    })?;
    let bare = |part: &str| not_portable(part);
    // The separators within a field are no characters of its text.
    match text.split([char::from(RS), char::from(US)]).find_map(bare) {
        None => Ok(text),
        Some('\0') => Err(fault("nul-character", "nul-character", "holds the character U+0000; it may be damaged")),
        Some(_) => {
            let message = "holds a control character that no text may hold; a separator may be damaged";
            Err(fault("character-not-portable", "character-not-portable", message))
        }
    }
}

/// The number of a field whose tag stands inside `value`, such as `018` in `DELHI2.018:` of record type 2: the separator
/// before it was damaged. `digits`: how many the numbers of this record have.
pub(crate) fn hidden_field<'v>(value: &'v str, kind: &str, digits: usize) -> Option<&'v str> {
    value.match_indices(':').find_map(|(colon, _)| {
        let before = value.get(..colon)?;
        let head = before.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = before.get(head.len()..)?;
        let rest = head.strip_suffix('.')?.strip_suffix(kind)?;
        let whole = !rest.ends_with(|c: char| c.is_ascii_digit() || c == '.');
        (whole && number.len() == digits.max(2)).then_some(number)
    })
}

/// What field 1.015 says of the characters: UTF-8, or 7-bit ASCII where it is not there. UTF-16 and UTF-32 are refused.
pub(crate) fn character_set(field: Option<&[u8]>) -> Result<bool, Fault> {
    let Some(field) = field else { return Ok(false) };
    let mut utf8 = false;
    for subfield in field.split(|byte| *byte == RS) {
        let index = subfield.split(|byte| *byte == US).next().unwrap_or_default();
        match std::str::from_utf8(index).ok().and_then(|text| text.trim().parse::<u16>().ok()) {
            Some(0) => {}
            Some(3) => utf8 = true,
            _ => {
                let message = "only `000` (7-bit ASCII) and `003` (UTF-8) are read; send UTF-8";
                return Err(fault("encoding-refused", "character-set", message));
            }
        }
    }
    Ok(utf8)
}
