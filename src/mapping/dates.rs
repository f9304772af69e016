//! Date patterns of native formats: `dd/MM/yyyy HH:mm:ss` and the like, of fixed width, so that what is read is written
//! back the same. The shared side is ISO: `yyyy-MM-dd`, or RFC 3339 with India's offset.

use std::fmt;

use serde_json::Value;

use super::convert::Written;

/// India keeps one offset all year.
const OFFSET: &str = "+05:30";

/// A pattern of fixed width.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Field(Field),
    Literal(char),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

const FIELDS: [(&str, Field); 6] = [
    ("yyyy", Field::Year),
    ("MM", Field::Month),
    ("dd", Field::Day),
    ("HH", Field::Hour),
    ("mm", Field::Minute),
    ("ss", Field::Second),
];

/// Year, month, day, hour, minute, second.
#[derive(Clone, Copy, Default, PartialEq)]
struct Moment([u16; 6]);

impl Pattern {
    /// Reads a pattern; `time` says whether hours and minutes are due.
    pub(super) fn parse(text: &str, time: bool) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some((word, field)) = FIELDS.iter().find(|(word, _)| rest.starts_with(word)) {
                parts.push(Part::Field(*field));
                rest = rest.get(word.len()..).unwrap_or_default();
            } else if first.is_alphabetic() {
                return Err(format!("`{text}`: a date pattern is made of `yyyy MM dd HH mm ss` and signs"));
            } else {
                parts.push(Part::Literal(first));
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
        let count = |field: Field| parts.iter().filter(|part| **part == Part::Field(field)).count();
        let day = [Field::Year, Field::Month, Field::Day].iter().all(|field| count(*field) == 1);
        let clock = [Field::Hour, Field::Minute].iter().all(|field| count(*field) == usize::from(time));
        if !day || !clock || count(Field::Second) > usize::from(time) {
            let wanted = if time { "`yyyy MM dd HH mm`, and `ss` if it is there" } else { "`yyyy MM dd`" };
            return Err(format!("`{text}`: the pattern needs each of {wanted} once"));
        }
        Ok(Pattern { parts })
    }

    fn word(field: Field) -> &'static str {
        FIELDS.iter().find(|(_, known)| *known == field).map_or("", |(word, _)| word)
    }

    fn read(&self, text: &str) -> Option<Moment> {
        let mut moment = Moment([0; 6]);
        let mut rest = text;
        for part in &self.parts {
            match part {
                Part::Literal(sign) => rest = rest.strip_prefix(*sign)?,
                Part::Field(field) => {
                    let width = if *field == Field::Year { 4 } else { 2 };
                    let digits = rest.get(..width)?;
                    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                        return None;
                    }
                    *moment.0.get_mut(*field as usize)? = digits.parse().ok()?;
                    rest = rest.get(width..)?;
                }
            }
        }
        (rest.is_empty() && moment.is_real()).then_some(moment)
    }

    fn write(&self, moment: Moment) -> String {
        let mut text = String::with_capacity(20);
        for part in &self.parts {
            match part {
                Part::Literal(sign) => text.push(*sign),
                Part::Field(field) => {
                    let width = if *field == Field::Year { 4 } else { 2 };
                    push_digits(&mut text, moment.0.get(*field as usize).copied().unwrap_or(0), width);
                }
            }
        }
        text
    }

    pub(super) fn read_date(&self, text: &str) -> Option<Value> {
        self.read(text).map(|moment| Value::String(moment.date()))
    }

    pub(super) fn read_time(&self, text: &str) -> Option<Value> {
        let moment = self.read(text)?;
        let mut iso = moment.date();
        for (sign, value) in ['T', ':', ':'].into_iter().zip(moment.0.into_iter().skip(3)) {
            iso.push(sign);
            push_digits(&mut iso, value, 2);
        }
        iso.push_str(OFFSET);
        Some(Value::String(iso))
    }

    pub(super) fn write_date(&self, iso: &str) -> Written {
        match day_of(iso) {
            Some(moment) if iso.len() == 10 => Written::Exact(Value::String(self.write(moment))),
            _ => Written::Lost,
        }
    }

    /// The instant in India's time. What the pattern has no room for (seconds, fractions, another offset) makes it `Changed`.
    pub(super) fn write_time(&self, iso: &str) -> Written {
        let Ok(instant) = iso.parse::<jiff::Timestamp>() else {
            return Written::Lost;
        };
        let local =
            jiff::tz::Offset::constant(5).saturating_add(jiff::SignedDuration::from_mins(30)).to_datetime(instant);
        let small = |value: i8| u16::try_from(value).unwrap_or(0);
        let year = u16::try_from(local.year()).unwrap_or(0);
        let moment = Moment([
            year,
            small(local.month()),
            small(local.day()),
            small(local.hour()),
            small(local.minute()),
            small(local.second()),
        ]);
        if year == 0 {
            return Written::Lost;
        }
        let text = self.write(moment);
        let same = self.read_time(&text).is_some_and(|again| again == iso);
        if same { Written::Exact(Value::String(text)) } else { Written::Changed(Value::String(text)) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Field(field) => formatter.write_str(Pattern::word(*field)),
            Part::Literal(sign) => write!(formatter, "{sign}"),
        })
    }
}

impl Moment {
    /// A day of the calendar and a time of the clock.
    fn is_real(&self) -> bool {
        let [year, month, day, hour, minute, second] = self.0;
        let small = |value: u16| i8::try_from(value).unwrap_or(-1);
        let year = i16::try_from(year).unwrap_or(-1);
        year > 0
            && jiff::civil::Date::new(year, small(month), small(day)).is_ok()
            && jiff::civil::Time::new(small(hour), small(minute), small(second), 0).is_ok()
    }

    fn date(&self) -> String {
        let [year, month, day, ..] = self.0;
        let mut iso = String::with_capacity(25);
        push_digits(&mut iso, year, 4);
        iso.push('-');
        push_digits(&mut iso, month, 2);
        iso.push('-');
        push_digits(&mut iso, day, 2);
        iso
    }
}

fn day_of(iso: &str) -> Option<Moment> {
    let iso_day = Pattern {
        parts: vec![
            Part::Field(Field::Year),
            Part::Literal('-'),
            Part::Field(Field::Month),
            Part::Literal('-'),
            Part::Field(Field::Day),
        ],
    };
    iso_day.read(iso)
}

fn push_digits(text: &mut String, value: u16, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10u16.pow(place) % 10;
        text.push(char::from_digit(u32::from(digit), 10).unwrap_or('0'));
    }
}
