//! Walks the text of a JSON document that has been parsed before: where a pointer stands, which numbers it holds.
//! Only for what is wrong with a document; it trusts the syntax and never fails, it merely finds nothing.

/// The byte offset of the value at a JSON Pointer; of its nearest ancestor where it is missing.
pub(super) fn offset_of(text: &str, pointer: &str) -> Option<usize> {
    let wanted: Vec<String> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let mut walk = Walk { text: text.as_bytes(), at: 0 };
    walk.space();
    let mut best = walk.at;
    for part in &wanted {
        let entered = match walk.peek() {
            b'{' => walk.enter_key(text, part),
            b'[' => part.parse::<usize>().is_ok_and(|index| walk.enter_index(index)),
            _ => false,
        };
        if !entered {
            break;
        }
        best = walk.at;
    }
    Some(best)
}

/// Line and column (in characters), both from 1, of a byte offset.
pub(super) fn line_column(text: &str, offset: usize) -> (u32, u32) {
    let head = text.get(..offset).unwrap_or(text);
    let line = head.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = head.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
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
    token.parse::<f64>().is_ok_and(|value| value.is_finite() && decimal(token) == decimal(&format!("{value:e}")))
}

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
    (significant, exponent - i64::try_from(fraction.len()).unwrap_or(0) + zeros)
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

    /// Past the value that begins here. Not recursive: counts brackets.
    fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            self.space();
            match self.peek() {
                b'"' => {
                    self.string();
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                _ => {
                    self.token();
                }
            }
            if depth == 0 || self.at >= self.text.len() {
                return;
            }
        }
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

    /// At `{`: moves to the value of the last member named `key` (the one that a duplicate would win).
    fn enter_key(&mut self, text: &str, key: &str) -> bool {
        let (mut found, mut at) = (None, self.at + 1);
        loop {
            self.at = at;
            self.space();
            if self.peek() != b'"' {
                break;
            }
            let quote = self.at;
            self.string();
            let raw = text.get(quote..self.at).unwrap_or_default();
            self.space();
            self.at += 1;
            self.space();
            if serde_json::from_str::<String>(raw).is_ok_and(|name| name == key) {
                found = Some(self.at);
            }
            self.skip();
            self.space();
            if self.peek() != b',' {
                break;
            }
            at = self.at + 1;
        }
        found.map(|offset| self.at = offset).is_some()
    }

    /// At `[`: moves to the item of that index.
    fn enter_index(&mut self, index: usize) -> bool {
        self.at += 1;
        self.space();
        for _ in 0..index {
            if self.peek() == b']' || self.at >= self.text.len() {
                return false;
            }
            self.skip();
            self.space();
            if self.peek() != b',' {
                return false;
            }
            self.at += 1;
            self.space();
        }
        self.peek() != b']'
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
