//! Makes valid records from a schema of the stated subset, by a seed: for property tests of mappings and for load.
//! The same seed and schema give the same record. It knows the subset only and never reads a clock.

use fastrand::Rng;
use serde_json::{Map, Value};

use super::path::type_of;

/// How full a record is made.
#[derive(Clone, Copy, Debug)]
pub struct Taste {
    /// Chance in 100 that an optional field is there.
    pub optional: u8,
    /// At most so many items where the schema allows more.
    pub items: u64,
}

impl Default for Taste {
    fn default() -> Self {
        Taste { optional: 60, items: 3 }
    }
}

/// Letters of several scripts, and what XML and JSON must escape.
const LETTERS: [char; 24] = [
    'a', 'R', 'z', '7', ' ', '-', '\'', '&', '<', '>', '"', 'é', 'क', 'ा', 'ਸ', 'த', 'ب', 'ౠ', '\u{200d}', '😀', '/',
    '~', '.', ',',
];

/// A record that the resolved schema accepts (where its patterns are of the kind that `text_like` knows).
pub fn record(schema: &Value, seed: u64, taste: Taste) -> Value {
    let mut maker = Maker { random: Rng::with_seed(seed), taste };
    maker.value(schema, 0)
}

struct Maker {
    random: Rng,
    taste: Taste,
}

impl Maker {
    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(options) = schema.get("enum").and_then(Value::as_array) {
            let pick = self.random.usize(..options.len().max(1));
            return options.get(pick).cloned().unwrap_or(Value::Null);
        }
        let nullable =
            schema.get("type").and_then(Value::as_array).is_some_and(|types| types.iter().any(|one| one == "null"));
        if nullable && self.random.u8(..100) < 20 {
            return Value::Null;
        }
        match type_of(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "integer" => Value::from(self.integer(schema)),
            "number" => Value::from(self.integer(schema)),
            "boolean" => Value::from(self.random.bool()),
            "null" => Value::Null,
            _ => Value::String(self.text(schema)),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut map = Map::new();
        let mut wanted = names(schema.get("required"));
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array)
            && !branches.is_empty()
        {
            let pick = self.random.usize(..branches.len());
            wanted.extend(branches.get(pick).map(|branch| names(branch.get("required"))).unwrap_or_default());
        }
        // Deep records are made thin, so that their size stays bounded.
        let chance = if depth > 6 { self.taste.optional / 3 } else { self.taste.optional };
        for (name, part) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if wanted.contains(&name.as_str()) || self.random.u8(..100) < chance {
                map.insert(name.clone(), self.value(part, depth + 1));
            }
        }
        if let Some(branches) = schema.get("oneOf").and_then(Value::as_array)
            && !branches.is_empty()
        {
            let pick = self.random.usize(..branches.len());
            if let Some(Value::Object(more)) = branches.get(pick).map(|branch| self.object(branch, depth)) {
                map.extend(more);
            }
        }
        for (name, needs) in schema.get("dependentRequired").and_then(Value::as_object).into_iter().flatten() {
            if names(Some(needs)).iter().any(|need| !map.contains_key(*need)) {
                map.remove(name);
            }
        }
        Value::Object(map)
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let bound = |name: &str, otherwise: u64| schema.get(name).and_then(Value::as_u64).unwrap_or(otherwise);
        let least = bound("minItems", 0);
        let most = bound("maxItems", self.taste.items).min(least.max(self.taste.items));
        let count = self.random.u64(least..=most.max(least));
        let items = schema.get("items").cloned().unwrap_or(Value::Null);
        let mut list: Vec<Value> = (0..count).map(|_| self.value(&items, depth + 1)).collect();
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut seen = Vec::new();
            list.retain(|item| {
                let fresh = !seen.contains(item);
                seen.push(item.clone());
                fresh
            });
        }
        Value::Array(list)
    }

    fn integer(&mut self, schema: &Value) -> i64 {
        let bound = |name: &str, step: i64| schema.get(name).and_then(Value::as_i64).map(|value| value + step);
        let least = bound("minimum", 0).or(bound("exclusiveMinimum", 1)).unwrap_or(0);
        let most = bound("maximum", 0).or(bound("exclusiveMaximum", -1)).unwrap_or(least.saturating_add(100_000));
        let unit = schema.get("multipleOf").and_then(Value::as_i64).unwrap_or(1).max(1);
        self.random.i64(least..=most.max(least)) / unit * unit
    }

    fn text(&mut self, schema: &Value) -> String {
        match schema.get("format").and_then(Value::as_str) {
            Some("date") => return self.date(),
            Some("date-time") => {
                let (hour, minute, second) = (self.random.u8(..24), self.random.u8(..60), self.random.u8(..60));
                return format!("{}T{hour:02}:{minute:02}:{second:02}+05:30", self.date());
            }
            Some("time") => return format!("{:02}:{:02}:00+05:30", self.random.u8(..24), self.random.u8(..60)),
            Some("uuid") => {
                return format!("{:08x}-0000-4000-8000-{:012x}", self.random.u32(..), self.random.u64(..1 << 48));
            }
            _ => {}
        }
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
        let (least, most) = (bound("minLength").unwrap_or(0), bound("maxLength").unwrap_or(200));
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            let mut text = text_like(pattern, &mut self.random);
            for _ in 0..50 {
                let length = text.chars().count();
                if (least..=most).contains(&length) {
                    break;
                }
                text = text_like(pattern, &mut self.random);
            }
            return text;
        }
        let length = self.random.usize(least..=most.min(least.max(24)));
        (0..length).map(|_| self.letter()).collect()
    }

    fn letter(&mut self) -> char {
        LETTERS.get(self.random.usize(..LETTERS.len())).copied().unwrap_or('a')
    }

    fn date(&mut self) -> String {
        format!("{:04}-{:02}-{:02}", self.random.u16(1950..2030), self.random.u8(1..13), self.random.u8(1..29))
    }
}

fn names(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A text that matches a pattern of literals, classes, groups, alternatives and counted repeats. Anchors are taken as given;
/// a pattern without them gets nothing around it.
pub fn text_like(pattern: &str, random: &mut Rng) -> String {
    let letters: Vec<char> = pattern.chars().collect();
    let mut out = String::new();
    Pattern { letters: &letters, at: 0 }.alternatives(random, &mut out, true);
    out
}

struct Pattern<'p> {
    letters: &'p [char],
    at: usize,
}

impl Pattern<'_> {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += usize::from(letter.is_some());
        letter
    }

    /// Runs all alternatives to find their ends, keeps one of them with even chances.
    fn alternatives(&mut self, random: &mut Rng, out: &mut String, emit: bool) {
        let mut options = Vec::new();
        loop {
            let mut option = String::new();
            self.sequence(random, &mut option);
            options.push(option);
            if self.peek() != Some('|') {
                break;
            }
            self.at += 1;
        }
        if emit {
            let pick = random.usize(..options.len());
            out.push_str(options.get(pick).map(String::as_str).unwrap_or_default());
        }
    }

    fn sequence(&mut self, random: &mut Rng, out: &mut String) {
        while let Some(letter) = self.peek() {
            if letter == '|' || letter == ')' {
                return;
            }
            if letter == '^' || letter == '$' {
                self.at += 1;
                continue;
            }
            let start = self.at;
            self.atom(random, &mut String::new());
            let end = self.at;
            let (least, most) = self.count();
            let after = self.at;
            for _ in 0..random.usize(least..=most) {
                self.at = start;
                self.atom(random, out);
                self.at = end;
            }
            self.at = after;
        }
    }

    fn atom(&mut self, random: &mut Rng, out: &mut String) {
        match self.next() {
            Some('(') => {
                if self.peek() == Some('?') {
                    while self.next().is_some_and(|letter| letter != ':' && letter != '>') {}
                }
                self.alternatives(random, out, true);
                self.at += 1;
            }
            Some('[') => {
                let letter = self.class(random);
                out.push(letter);
            }
            Some('\\') => {
                let class = self.next().unwrap_or('d');
                out.push(escaped(class, random));
            }
            Some('.') => out.push(random.alphanumeric()),
            Some(letter) => out.push(letter),
            None => {}
        }
    }

    fn class(&mut self, random: &mut Rng) -> char {
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut members: Vec<(char, char)> = Vec::new();
        while let Some(letter) = self.next() {
            match letter {
                ']' if !members.is_empty() => break,
                '\\' => match self.next().unwrap_or('d') {
                    'p' | 'P' => {
                        while self.next().is_some_and(|letter| letter != '}') {}
                        members.push(('a', 'z'));
                    }
                    'd' => members.push(('0', '9')),
                    'w' => members.extend([('a', 'z'), ('0', '9')]),
                    's' => members.push((' ', ' ')),
                    other => members.push((other, other)),
                },
                from if self.peek() == Some('-') && self.letters.get(self.at + 1).is_some_and(|to| *to != ']') => {
                    self.at += 1;
                    members.push((from, self.next().unwrap_or(from)));
                }
                one => members.push((one, one)),
            }
        }
        if negated {
            let outside = |letter: &char| !members.iter().any(|(from, to)| (from..=to).contains(&letter));
            return ('a'..='z').chain('A'..='Z').chain('0'..='9').find(outside).unwrap_or('_');
        }
        let (from, to) = members.get(random.usize(..members.len().max(1))).copied().unwrap_or(('a', 'z'));
        random.char(from..=to)
    }

    fn count(&mut self) -> (usize, usize) {
        let bounds = match self.peek() {
            Some('?') => (0, 1),
            Some('*') => (0, 4),
            Some('+') => (1, 4),
            Some('{') => {
                let body: String = self.letters.iter().skip(self.at + 1).take_while(|letter| **letter != '}').collect();
                self.at += body.chars().count() + 1;
                let (least, most) = body.split_once(',').unwrap_or((&body, &body));
                let least = least.parse().unwrap_or(0);
                (least, most.parse().unwrap_or(least + 4))
            }
            _ => return (1, 1),
        };
        self.at += 1;
        bounds
    }
}

fn escaped(class: char, random: &mut Rng) -> char {
    match class {
        'd' => random.digit(10),
        'w' => random.alphanumeric(),
        's' => ' ',
        'S' | 'D' => random.alphabetic(),
        other => other,
    }
}
