//! Aadhaar numbers do not belong in records: a field that holds a national id is refused when it holds one, or, for a sender
//! whose file says so, sealed: nobody is given more than its last four digits (Aadhaar Act, s.29). Which fields those are, the shared schema says (`tagged`). Twelve digits, the first
//! 2 to 9, with a valid Verhoeff check digit (UIDAI); anything else is somebody else's number and passes.

use std::collections::HashSet;

use icjs_kit::Violation;
use serde_json::Value;

use super::tagged::{Fields, step_of};

/// Every field for a national id that holds an Aadhaar number.
pub fn violations(tree: &Value, tagged: &Fields) -> Vec<Violation> {
    let mut found = Vec::new();
    tagged.national(tree, |value, pointer| judge(value, pointer, &mut found));
    // A tagged field that lies in a tagged object is come to twice.
    let mut told = HashSet::new();
    found.retain(|one| told.insert(one.pointer.clone()));
    found
}

/// A tagged object is judged by every text and number in it.
fn judge(value: &Value, pointer: &str, found: &mut Vec<Violation>) {
    let held = match value {
        Value::String(text) => is_aadhaar(text),
        Value::Number(number) => is_aadhaar(&number.to_string()),
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| judge(field, &format!("{pointer}/{}", step_of(name)), found));
            false
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, item)| judge(item, &format!("{pointer}/{place}"), found));
            false
        }
        Value::Null | Value::Bool(_) => false,
    };
    if held {
        found.push(Violation {
            pointer: pointer.to_owned(),
            shared_pointer: Some(pointer.to_owned()),
            rule: "aadhaar-number".to_owned(),
            message: "this field holds an Aadhaar number; records carry a reference or the last four digits instead"
                .to_owned(),
            ..Violation::default()
        });
    }
}

/// Writes a mask over each number that was `found`, and says so to its sender. What is no text has no room for one.
pub fn seal(tree: &mut Value, found: &[Violation]) -> Option<Vec<Violation>> {
    let mut warnings = Vec::with_capacity(found.len());
    for violation in found {
        let Some(Value::String(text)) = tree.pointer_mut(&violation.pointer) else { return None };
        let digits = digits(text)?;
        let last: String = digits.iter().skip(8).map(u8::to_string).collect();
        *text = format!("{0}-{0}-{last}", "X".repeat(4));
        warnings.push(Violation {
            rule: "aadhaar-sealed".to_owned(),
            message: "this field holds an Aadhaar number; receivers get its last four digits only".to_owned(),
            ..violation.clone()
        });
    }
    Some(warnings)
}

/// Whether a text is an Aadhaar number.
fn is_aadhaar(text: &str) -> bool {
    digits(text).is_some()
}

/// The twelve digits of an Aadhaar number, written with spaces, hyphens or neither.
fn digits(text: &str) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(12);
    for c in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
        // Digits of Indian scripts are the same number.
        match digit(c) {
            Some(digit) if digits.len() < 12 => digits.push(digit),
            _ => return None,
        }
    }
    let begins = digits.first().is_some_and(|first| (2..=9).contains(first));
    (digits.len() == 12 && begins && verhoeff(&digits)).then_some(digits)
}

/// ASCII digits and those of the Indian scripts in Unicode (each block's zero).
fn digit(c: char) -> Option<u8> {
    const ZEROS: [u32; 12] = [0x30, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xFF10, 0x6F0];
    ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(*zero).filter(|n| *n < 10)).and_then(|n| u8::try_from(n).ok())
}

/// The check digit of J. Verhoeff (1969): digits permuted by place, then multiplied in the dihedral group of order ten.
fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permute = |digit: u8, times: usize| {
        (0..times).fold(digit, |digit, _| PERMUTED.get(usize::from(digit)).copied().unwrap_or(digit))
    };
    let check =
        digits.iter().rev().enumerate().fold(0, |check, (place, digit)| product(check, permute(*digit, place % 8)));
    check == 0
}

/// The product of the dihedral group D5: rotations are 0 to 4, reflections 5 to 9.
fn product(left: u8, right: u8) -> u8 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => (left + (right - 5)) % 5 + 5,
        (false, true) => (left - 5 + 5 - right) % 5 + 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aadhaar_number_is_known_by_its_form_and_check_digit() {
        // 236 with check digit 3 is the published example of the algorithm.
        assert!(verhoeff(&[2, 3, 6, 3]));
        assert!(!verhoeff(&[2, 3, 6, 4]));
        let good = (0..=9).map(|last| format!("23412341234{last}")).filter(|text| is_aadhaar(text)).count();
        assert_eq!(good, 1, "one check digit fits");
        let number = (0..=9).map(|last| format!("23412341234{last}")).find(|text| is_aadhaar(text)).unwrap();
        assert!(is_aadhaar(&format!("{} {} {}", &number[..4], &number[4..8], &number[8..])));
        assert!(!is_aadhaar(&number[..11]) && !is_aadhaar(&format!("{number}1")) && !is_aadhaar("ABCDE1234F"));
        assert!(!is_aadhaar("034123412346"), "none begins with 0 or 1");
    }

    #[test]
    fn every_single_wrong_digit_is_found() {
        let number: Vec<u8> = (0..=9)
            .map(|last| [9, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, last].to_vec())
            .find(|digits| verhoeff(digits))
            .unwrap();
        for place in 0..12 {
            for wrong in (0..=9).filter(|wrong| *wrong != number[place]) {
                let mut changed = number.clone();
                changed[place] = wrong;
                assert!(!verhoeff(&changed));
            }
        }
    }

    #[test]
    fn tagged_fields_are_found_wherever_the_schema_has_them() {
        let schema = serde_json::json!({"properties": {"accused": {"items": {"properties": {
            "id": {"type": "string", "x-national-id": true}}}}, "note": {"type": "string"}}});
        let number = (0..=9).map(|last| format!("23412341234{last}")).find(|text| is_aadhaar(text)).unwrap();
        let tree = serde_json::json!({"note": number, "accused": [{"id": "x"}, {"id": number}]});
        let all = violations(&tree, &Fields::of(&schema));
        assert_eq!(all.iter().map(|one| one.pointer.as_str()).collect::<Vec<_>>(), ["/accused/1/id"]);
    }
}
