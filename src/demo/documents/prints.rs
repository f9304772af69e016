//! Fingerprint transactions (ANSI/NIST-ITL, traditional encoding): byte for byte as a live scanner's software or a bureau writes
//! them. Written here anew, not with the gateway's codec: what passes between simulated systems is not read by the same code.

use super::Numbers;
use super::YEAR;
use crate::demo::people::Person;

const RECORD: char = '\u{1c}';
const GROUP: char = '\u{1d}';
const ITEM: char = '\u{1e}';
const UNIT: char = '\u{1f}';

/// The media type.
pub const MEDIA_TYPE: &str = "application/x-ansi-nist";

/// What stands in the Type-1 record.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'a> {
    /// Type of transaction, such as `CAR` (an enrolment) or `NOID` (no identification).
    pub kind: &'a str,
    /// Control number: unique.
    pub number: &'a str,
    /// The control number that it answers.
    pub answers: Option<&'a str>,
    /// Who sends it.
    pub origin: &'a str,
    /// To whom.
    pub to: &'a str,
}

/// A text record: its fields behind its length, which counts itself.
fn record(kind: u8, fields: &[(u16, String)]) -> String {
    let body: String = fields.iter().map(|(number, text)| format!("{GROUP}{kind}.{number:03}:{text}")).collect();
    let fixed = format!("{kind}.001:").len() + body.len() + 1;
    let mut length = fixed + 1;
    while fixed + length.to_string().len() != length {
        length = fixed + length.to_string().len();
    }
    format!("{kind}.001:{length}{body}{RECORD}")
}

/// A transaction: its heading, the fields of its text record by their numbers, and an image if there is one.
fn transaction(heading: &Heading<'_>, fields: &[(u16, String)], image: Option<&[u8]>) -> Vec<u8> {
    let records = if image.is_some() { format!("{ITEM}4{UNIT}01") } else { String::new() };
    let count = 1 + usize::from(image.is_some());
    let mut first = vec![
        (2, "0502".to_owned()),
        (3, format!("1{UNIT}{count}{ITEM}2{UNIT}00{records}")),
        (4, heading.kind.to_owned()),
        (5, format!("{YEAR}1120")),
        (6, "4".to_owned()),
        (7, heading.to.to_owned()),
        (8, heading.origin.to_owned()),
        (9, heading.number.to_owned()),
    ];
    first.extend(heading.answers.map(|number| (10, number.to_owned())));
    let resolution = if image.is_some() { "19.69" } else { "00.00" };
    first.extend([(11, resolution.to_owned()), (12, resolution.to_owned()), (13, format!("ICJS{UNIT}1"))]);
    first.extend([(14, format!("{YEAR}1120123000Z")), (15, format!("003{UNIT}UTF-8{UNIT}"))]);
    let mut second = vec![(2, "00".to_owned())];
    second.extend_from_slice(fields);
    let mut bytes = format!("{}{}", record(1, &first), record(2, &second)).into_bytes();
    if let Some(image) = image {
        // A Type-4 record: length, place, impression, six positions, resolution, width, height, compression, the image.
        let length = u32::try_from(18 + image.len()).unwrap_or(u32::MAX);
        bytes.extend(length.to_be_bytes());
        bytes.extend([1, 3, 1, 255, 255, 255, 255, 255, 1, 0, 16, 0, 16, 0]);
        bytes.extend_from_slice(image);
    }
    bytes
}

/// The case of a transaction, if it has a FIR.
fn of_case(numbers: &Numbers) -> Option<(u16, String)> {
    let (station, serial) = numbers.fir?;
    Some((10, format!("{station}{UNIT}{YEAR}{UNIT}{serial}")))
}

/// A search or an enrolment. Of a latent print from a scene nobody knows whose it is.
pub fn search(
    heading: &Heading<'_>,
    numbers: &Numbers,
    person: Option<&Person>,
    prisoner: Option<(&str, &str)>,
) -> Vec<u8> {
    let mut fields: Vec<(u16, String)> = of_case(numbers).into_iter().collect();
    fields.extend(prisoner.map(|(prison, number)| (15, format!("{prison}{UNIT}{number}"))));
    if let Some(person) = person {
        fields.extend([(18, person.name.clone()), (24, if person.woman { "F" } else { "M" }.to_owned())]);
    }
    let reason = if person.is_some() { "Measurements taken" } else { "Latent print from the scene" };
    fields.extend([(37, reason.to_owned()), (38, format!("{YEAR}1120"))]);
    fields.push((901, if person.is_some() { "ACC" } else { "SCN" }.to_owned()));
    fields.extend(person.map(|person| (902, if person.age < 18 { "Y" } else { "N" }.to_owned())));
    // Sixteen by sixteen points: what the picture shows is of no interest here, that it arrives as it was is.
    let image: Vec<u8> = (0..=255_u8).map(|point| point.wrapping_mul(37)).collect();
    transaction(heading, &fields, Some(&image))
}

/// What a bureau answers: `more` are further fields of the text record, such as the searches that a late hit matches.
pub fn result(heading: &Heading<'_>, numbers: &Numbers, more: Vec<(u16, String)>) -> Vec<u8> {
    let mut fields: Vec<(u16, String)> = of_case(numbers).into_iter().collect();
    fields.extend(more);
    fields.sort_by_key(|(number, _)| *number);
    transaction(heading, &fields, None)
}

/// The field of a late hit that names the searches that it matches: control number and who sent it.
pub fn matched(searches: &[(&str, &str)]) -> (u16, String) {
    let items: Vec<String> = searches.iter().map(|(number, origin)| format!("{number}{UNIT}{origin}")).collect();
    (907, items.join(&ITEM.to_string()))
}

/// The text of a field in a transaction, such as `1.009`.
pub fn field(text: &str, number: &str) -> String {
    let found = text.split([RECORD, GROUP]).find_map(|field| field.strip_prefix(number)?.strip_prefix(':'));
    found.unwrap_or_default().to_owned()
}

/// The units of a field's first item.
pub fn units(text: &str) -> impl Iterator<Item = &str> {
    text.split(ITEM).next().unwrap_or_default().split(UNIT)
}
