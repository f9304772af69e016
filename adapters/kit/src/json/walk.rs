//! Walks the text of a JSON document that has been parsed before: where a pointer stands, which numbers it holds.
//! Only for what is wrong with a document; it trusts the syntax and never fails, it merely finds nothing.

use std::collections::HashMap;

/// Line and column (in characters), both from 1, of the value at each JSON Pointer; of its nearest ancestor where it is
/// missing. One walk through the text, however many there are: a document may be wrong in a hundred thousand places.
pub(super) fn places_of(text: &str, pointers: &[&str]) -> Vec<(u32, u32)> {
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for pointer in pointers {
        for ancestor in ancestors(pointer) {
            wanted.insert(ancestor, 0);
        }
    }
    wanted.remove("");
    let mut walk = Walk { text: text.as_bytes(), at: 0 };
    walk.space();
    let root = walk.at;
    if !wanted.is_empty() {
        walk.find(text, &mut String::new(), &mut wanted);
    }
    // No value but the outermost begins at 0.
    let found = |pointer: &str| wanted.get(pointer).copied().filter(|at| *at > 0);
    let offsets: Vec<usize> =
        pointers.iter().map(|pointer| ancestors(pointer).find_map(found).unwrap_or(root)).collect();
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_by_key(|index| offsets.get(*index));
    let mut places = vec![(1, 1); offsets.len()];
    let (mut at, mut line, mut column) = (0, 1_u32, 1_u32);
    for index in order {
        let (Some(offset), Some(place)) = (offsets.get(index).copied(), places.get_mut(index)) else { continue };
        (line, column) = onward((line, column), text.get(at..offset).unwrap_or_default());
        at = offset;
        *place = (line, column);
    }
    places
}

/// `/a/b`, `/a`, and the document.
fn ancestors(pointer: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pointer), |pointer| pointer.rsplit_once('/').map(|(parent, _)| parent))
}

/// The place after `passed`, from the place before it.
fn onward((line, column): (u32, u32), passed: &str) -> (u32, u32) {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
    let last = passed.rsplit('\n').next().unwrap_or_default().chars().count();
    if lines == 0 {
        (line, column.saturating_add(count(last)))
    } else {
        (line.saturating_add(count(lines)), count(last + 1))
    }
}

/// Line and column (in characters), both from 1, of a byte offset.
pub(super) fn line_column(text: &str, offset: usize) -> (u32, u32) {
    onward((1, 1), text.get(..offset).unwrap_or(text))
}

/// Calls `each` with every number: its pointer (made only when asked for), its text and its offset.
pub(super) fn scalars(text: &str, each: &mut Each) {
    let mut walk = Walk { text: text.as_bytes(), at: 0 };
    let mut path = Vec::new();
    walk.numbers(text, &mut path, each);
}

/// Whether a number's text is kept by a 64-bit integer or a double: the shortest text of what was read has the same
/// digits and magnitude.
pub(super) fn is_exact(token: &str) -> bool {
    if token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok() {
        return true;
    }
    // Zeros without end are exact too: nobody needs them, and each parser has its own idea of how many it takes.
    token.len() <= LONGEST_NUMBER
        && token.parse::<f64>().is_ok_and(|value| value.is_finite() && decimal(token) == decimal(&format!("{value:e}")))
}

/// Characters of a number at most.
const LONGEST_NUMBER: usize = 400;

/// Digits without leading and trailing zeros, and the power of ten of the last digit.
fn decimal(token: &str) -> (String, i64) {
    let token = token.trim_start_matches('-');
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).unwrap_or(0);
    let significant = significant.trim_start_matches('0').to_owned();
    if significant.is_empty() {
        return (significant, 0);
    }
    let exponent: i64 = exponent.parse().unwrap_or(i64::MAX / 2);
    let fraction = i64::try_from(fraction.len()).unwrap_or(0);
    (significant, exponent.saturating_sub(fraction).saturating_add(zeros))
}

/// A key as it stands in the text, as a segment of a pointer.
fn push_key(path: &mut String, raw: &str) {
    if raw.contains('\\') {
        let key = serde_json::from_str::<String>(&format!("\"{raw}\"")).unwrap_or_default();
        path.push_str(&crate::pointer_segment(&key));
    } else {
        path.push_str(&crate::pointer_segment(raw));
    }
}

/// Told of a number: its pointer (made only when asked for), its text, its offset.
type Each<'e> = dyn FnMut(&dyn Fn() -> String, &str, usize) + 'e;

struct Walk<'t> {
    text: &'t [u8],
    at: usize,
}

impl Walk<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Past a string; gives the raw text between the quotes.
    fn string(&mut self) -> (usize, usize) {
        self.at += 1;
        let start = self.at;
        while self.at < self.text.len() && self.peek() != b'"' {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        let end = self.at.min(self.text.len());
        self.at = end + 1;
        (start, end)
    }

    /// Past a number or a word.
    fn token(&mut self) -> (usize, usize) {
        let start = self.at;
        while self.at < self.text.len()
            && !matches!(self.peek(), b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b':')
        {
            self.at += 1;
        }
        (start, self.at)
    }

    /// Notes where each wanted pointer's value begins; of a key that stands twice, the last. Depth is bounded: the text was
    /// parsed under the limits before.
    fn find(&mut self, text: &str, path: &mut String, wanted: &mut HashMap<&str, usize>) {
        self.space();
        if let Some(place) = wanted.get_mut(path.as_str()) {
            *place = self.at;
        }
        let open = self.peek();
        if !matches!(open, b'{' | b'[') {
            if open == b'"' {
                self.string();
            } else {
                self.token();
            }
            return;
        }
        self.at += 1;
        let length = path.len();
        let mut index = 0_usize;
        loop {
            self.space();
            if matches!(self.peek(), b'}' | b']') || self.at >= self.text.len() {
                self.at += 1;
                return;
            }
            path.push('/');
            if open == b'{' {
                let (start, end) = self.string();
                push_key(path, text.get(start..end).unwrap_or_default());
                self.space();
                self.at += 1;
            } else {
                path.push_str(&index.to_string());
            }
            self.find(text, path, wanted);
            path.truncate(length);
            index += 1;
            self.space();
            if self.peek() == b',' {
                self.at += 1;
            }
        }
    }

    /// Depth is bounded: the text was parsed under the limits before.
    fn numbers(&mut self, text: &str, path: &mut Vec<String>, each: &mut Each) {
        self.space();
        match self.peek() {
            open @ (b'{' | b'[') => {
                self.at += 1;
                let mut index = 0usize;
                loop {
                    self.space();
                    if matches!(self.peek(), b'}' | b']') || self.at >= self.text.len() {
                        self.at += 1;
                        return;
                    }
                    if open == b'{' {
                        let (start, end) = self.string();
                        path.push(text.get(start..end).unwrap_or_default().to_owned());
                        self.space();
                        self.at += 1;
                    } else {
                        path.push(index.to_string());
                    }
                    self.numbers(text, path, each);
                    path.pop();
                    index += 1;
                    self.space();
                    if self.peek() == b',' {
                        self.at += 1;
                    }
                }
            }
            b'"' => {
                self.string();
            }
            b'-' | b'0'..=b'9' => {
                let (start, end) = self.token();
                let pointer = || {
                    path.iter().fold(String::new(), |mut pointer, part| {
                        pointer.push('/');
                        pointer.push_str(&crate::pointer_segment(part));
                        pointer
                    })
                };
                each(&pointer, text.get(start..end).unwrap_or_default(), start);
            }
            _ => {
                self.token();
            }
        }
    }
}
