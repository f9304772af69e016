//! Another reader of JSON, written from RFC 8259 alone, which knows nothing of the door: strict, slow, and the only thing that
//! it shares with the door is the shape of its trees. A key that stands twice and half of a surrogate pair are no JSON here.

use serde_json::{Map, Number, Value};

/// The whole text, or nothing.
pub fn read(bytes: &[u8]) -> Option<Value> {
    let letters: Vec<char> = std::str::from_utf8(bytes).ok()?.chars().collect();
    let mut reader = Reader { letters: &letters, depth: 0 };
    let value = reader.value()?;
    reader.space();
    reader.letters.is_empty().then_some(value)
}

struct Reader<'l> {
    letters: &'l [char],
    depth: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while let [' ' | '\t' | '\r' | '\n', rest @ ..] = self.letters {
            self.letters = rest;
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        let length = word.chars().count();
        let there = self.letters.len() >= length && self.letters.iter().copied().zip(word.chars()).all(|(a, b)| a == b);
        if there {
            self.letters = &self.letters[length..];
        }
        there
    }

    fn value(&mut self) -> Option<Value> {
        self.space();
        match self.letters.first()? {
            '{' | '[' if self.depth > 200 => None,
            '{' => self.within(Self::object),
            '[' => self.within(Self::list),
            '"' => self.text().map(Value::String),
            't' => self.takes("true").then_some(Value::Bool(true)),
            'f' => self.takes("false").then_some(Value::Bool(false)),
            'n' => self.takes("null").then_some(Value::Null),
            _ => self.number(),
        }
    }

    fn within(&mut self, part: fn(&mut Self) -> Option<Value>) -> Option<Value> {
        self.depth += 1;
        self.letters = &self.letters[1..];
        let value = part(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Option<Value> {
        let mut map = Map::new();
        self.space();
        if self.takes("}") {
            return Some(Value::Object(map));
        }
        loop {
            self.space();
            let key = self.text()?;
            self.space();
            let value = self.takes(":").then(|| self.value())??;
            if map.insert(key, value).is_some() {
                return None;
            }
            self.space();
            if !self.takes(",") {
                return self.takes("}").then_some(Value::Object(map));
            }
        }
    }

    fn list(&mut self) -> Option<Value> {
        let mut items = Vec::new();
        self.space();
        if self.takes("]") {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.space();
            if !self.takes(",") {
                return self.takes("]").then_some(Value::Array(items));
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        let mut text = String::new();
        self.takes("\"").then_some(())?;
        loop {
            let (first, rest) = self.letters.split_first()?;
            self.letters = rest;
            match first {
                '"' => return Some(text),
                '\\' => text.push(self.escaped()?),
                letter if *letter < ' ' => return None,
                letter => text.push(*letter),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let (first, rest) = self.letters.split_first()?;
        self.letters = rest;
        Some(match first {
            '"' | '\\' | '/' => *first,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.unit()?;
                if !(0xD800..0xDC00).contains(&unit) {
                    return char::from_u32(unit);
                }
                let low = self.takes("\\u").then(|| self.unit())??;
                let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                return char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + low);
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let (digits, rest) = self.letters.split_at_checked(4)?;
        self.letters = rest;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + digit.to_digit(16)?))
    }

    fn digits(&mut self) -> Option<String> {
        let count = self.letters.iter().take_while(|letter| letter.is_ascii_digit()).count();
        let (digits, rest) = self.letters.split_at(count);
        self.letters = rest;
        (count > 0).then(|| digits.iter().collect())
    }

    fn number(&mut self) -> Option<Value> {
        let mut text = String::from(if self.takes("-") { "-" } else { "" });
        let whole = self.digits()?;
        let padded = whole.len() > 1 && whole.starts_with('0');
        text.push_str(&whole);
        let mut integer = true;
        if self.takes(".") {
            integer = false;
            text = format!("{text}.{}", self.digits()?);
        }
        if self.takes("e") || self.takes("E") {
            integer = false;
            let sign = if self.takes("-") { "-" } else { "" };
            if sign.is_empty() {
                self.takes("+");
            }
            text = format!("{text}e{sign}{}", self.digits()?);
        }
        if padded {
            return None;
        }
        // As the trees have it: what fits into 64 bits is a whole number, and minus nought is none.
        let signed = || text.parse::<i64>().map(Number::from);
        let whole = (integer && text != "-0").then(|| signed().or_else(|_| text.parse::<u64>().map(Number::from)).ok());
        match whole.flatten() {
            Some(whole) => Some(Value::Number(whole)),
            None => text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number),
        }
    }
}
