//! What is checked before the parser runs, in one pass over the bytes without recursion: size, encoding, DOCTYPE, depth,
//! count of elements and attributes, and the few rules of XML 1.0 that the tree parser does not enforce.

use crate::{Limits, Unreadable};

pub(super) const DOCTYPE: &str = "a DOCTYPE is never accepted: send the document without it";

/// Attributes of one element, and namespaces declared in one document, at most: a parser compares each with each, and every
/// name with every namespace.
const ATTRIBUTES: usize = 256;
const NAMESPACES: usize = 64;

/// The bytes as text without a byte order mark, within the limits.
pub(super) fn text_of<'b>(bytes: &'b [u8], limits: &Limits) -> Result<&'b str, Unreadable> {
    if bytes.len() > limits.bytes {
        return Err(crate::too_large(limits.bytes));
    }
    let encoding = |message: &str, place| super::refused("encoding-refused", message.to_owned(), place);
    if let [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, ..] | [_, 0, ..] = bytes {
        return Err(encoding("the document is UTF-16 or UTF-32: send UTF-8", (1, 1)));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let head = bytes.get(..error.valid_up_to()).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default();
        encoding("the document is not valid UTF-8 here", place(head, head.len()))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(name) = declared_encoding(text)
        && !name.eq_ignore_ascii_case("utf-8")
        && !name.eq_ignore_ascii_case("us-ascii")
    {
        return Err(encoding("the XML declaration names an encoding that is not UTF-8", (1, 1)));
    }
    Scan { text, at: 0, depth: 0, keys: 0, namespaces: 0, limits }.run()?;
    Ok(text)
}

/// Line and column (in characters), both from 1.
fn place(text: &str, offset: usize) -> (u32, u32) {
    let head = text.get(..offset).unwrap_or(text);
    let line = head.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = head.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

fn declared_encoding(text: &str) -> Option<&str> {
    let declaration = text.strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

/// The words of a tag outside its quotes.
fn names(tag: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    let outside = tag.split(move |letter: char| match (quote, letter) {
        (Some(open), _) => {
            if open == letter {
                quote = None;
            }
            true
        }
        (None, '"' | '\'') => {
            quote = Some(letter);
            true
        }
        _ => letter.is_ascii_whitespace() || matches!(letter, '<' | '>' | '=' | '/'),
    });
    outside.filter(|word| !word.is_empty())
}

struct Scan<'t, 'l> {
    text: &'t str,
    at: usize,
    depth: usize,
    keys: usize,
    namespaces: usize,
    limits: &'l Limits,
}

impl Scan<'_, '_> {
    fn run(mut self) -> Result<(), Unreadable> {
        while let Some(found) = self.rest().find('<') {
            self.check_text(self.at, self.at + found)?;
            self.at += found;
            let rest = self.rest();
            if rest.starts_with("<!--") {
                self.comment()?;
            } else if rest.starts_with("<![CDATA[") {
                self.skip_past("]]>")?;
            } else if rest.starts_with("<!DOCTYPE") {
                return Err(super::refused("doctype-refused", DOCTYPE.to_owned(), place(self.text, self.at)));
            } else if rest.starts_with("<?") {
                self.instruction()?;
            } else if rest.starts_with("</") {
                self.depth = self.depth.saturating_sub(1);
                let from = self.at;
                self.skip_past(">")?;
                self.check_colons(from, self.at)?;
            } else {
                self.start_tag()?;
            }
        }
        self.check_text(self.at, self.text.len())
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn malformed(&self, message: &str) -> Unreadable {
        super::refused("malformed-xml", format!("not well-formed XML: {message}"), place(self.text, self.at))
    }

    fn skip_past(&mut self, end: &str) -> Result<(), Unreadable> {
        match self.rest().find(end) {
            Some(found) => {
                self.at += found + end.len();
                Ok(())
            }
            None => Err(self.malformed("the document ends too early")),
        }
    }

    /// `]]>` may not stand in text.
    fn check_text(&mut self, from: usize, to: usize) -> Result<(), Unreadable> {
        let text = self.text.get(from..to).unwrap_or_default();
        match text.find("]]>") {
            Some(found) => {
                self.at = from + found;
                Err(self.malformed("`]]>` in text"))
            }
            None => Ok(()),
        }
    }

    /// A name begins with no colon (Namespaces in XML 1.0 section 4). The tree parser takes `</:a>` for the end of `<a>`.
    fn check_colons(&mut self, from: usize, to: usize) -> Result<(), Unreadable> {
        let tag = self.text.get(from..to).unwrap_or_default();
        if tag.contains(':') && names(tag).any(|name| name.starts_with(':')) {
            self.at = from;
            return Err(self.malformed("a name that begins with a colon"));
        }
        Ok(())
    }

    /// `--` may not stand in a comment, nor a `-` at its end.
    fn comment(&mut self) -> Result<(), Unreadable> {
        let body = self.rest().get(4..).unwrap_or_default();
        match body.find("--") {
            Some(found) if body.get(found..).is_some_and(|end| end.starts_with("-->")) => {
                self.at += 4 + found + 3;
                Ok(())
            }
            Some(_) => Err(self.malformed("`--` in a comment")),
            None => Err(self.malformed("the document ends too early")),
        }
    }

    /// A target named `xml` in any case is the declaration, which stands at the very beginning and is spelt so.
    fn instruction(&mut self) -> Result<(), Unreadable> {
        let target = self.rest().get(2..).unwrap_or_default();
        let name = target.split(|end: char| end.is_ascii_whitespace() || end == '?').next().unwrap_or_default();
        if name.is_empty() || (name.eq_ignore_ascii_case("xml") && (self.at != 0 || name != "xml")) {
            return Err(self.malformed("a processing instruction without a name of its own"));
        }
        if self.at == 0 && name == "xml" {
            self.declaration()?;
        }
        self.skip_past("?>")
    }

    /// `version`, then `encoding`, then `standalone`, the last two if at all.
    fn declaration(&self) -> Result<(), Unreadable> {
        let body = self.rest().get(5..).and_then(|body| body.split("?>").next()).unwrap_or_default();
        let mut names = ["version", "encoding", "standalone"].iter();
        let mut rest = body;
        while !rest.trim().is_empty() {
            let parsed = rest.trim_start().split_once('=').and_then(|(name, tail)| {
                let tail = tail.trim_start();
                let quote = tail.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
                let (value, after) = tail.get(1..)?.split_once(quote)?;
                Some((name.trim_end(), value, after))
            });
            let spaced = rest.starts_with(|space: char| space.is_ascii_whitespace());
            let valid = parsed.filter(|(name, value, _)| {
                spaced
                    && names.any(|known| known == name)
                    && match *name {
                        "version" => *value == "1.0",
                        "standalone" => matches!(*value, "yes" | "no"),
                        _ => value.starts_with(|first: char| first.is_ascii_alphabetic()),
                    }
            });
            let Some((_, _, after)) = valid else {
                return Err(self.malformed("the XML declaration"));
            };
            rest = after;
        }
        if body.contains("version") { Ok(()) } else { Err(self.malformed("the XML declaration")) }
    }

    /// What one tag may hold, and all of them together.
    fn count(&mut self, tag: &str, attributes: usize) -> Result<(), Unreadable> {
        if attributes > 0 {
            self.namespaces += tag.matches("xmlns").count();
        }
        let long = |name: &str| name.len() > crate::LONGEST_NAME;
        let message = if self.keys > self.limits.keys {
            format!("more than {} elements and attributes", self.limits.keys)
        } else if attributes > ATTRIBUTES {
            format!("more than {ATTRIBUTES} attributes of one element")
        } else if self.namespaces > NAMESPACES {
            format!("more than {NAMESPACES} namespaces")
        } else if long(tag) && names(tag).any(long) {
            format!("a name of more than {} bytes", crate::LONGEST_NAME)
        } else {
            return Ok(());
        };
        Err(super::refused("too-large", message, place(self.text, self.at)))
    }

    /// Counts the element and its attributes; a `>` inside quotes does not end it, a `<` there is an error.
    fn start_tag(&mut self) -> Result<(), Unreadable> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        let (mut attributes, mut quote, mut last) = (0, 0u8, 0u8);
        loop {
            let Some(byte) = bytes.get(at).copied() else {
                return Err(self.malformed("the document ends too early"));
            };
            at += 1;
            match byte {
                _ if quote != 0 && byte == quote => {
                    quote = 0;
                    // What follows a value is white space or the end of the tag.
                    if !matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>')) {
                        return Err(self.malformed("no space between attributes"));
                    }
                }
                b'<' => return Err(self.malformed("`<` inside a tag")),
                _ if quote != 0 => {}
                b'"' | b'\'' => quote = byte,
                b'=' => attributes += 1,
                b'>' => break,
                _ => {}
            }
            last = byte;
        }
        self.keys += 1 + attributes;
        self.count(self.text.get(self.at..at).unwrap_or_default(), attributes)?;
        self.check_colons(self.at, at)?;
        if self.depth + 1 > self.limits.depth {
            let message = format!("nested deeper than {} levels", self.limits.depth);
            return Err(super::refused("too-deep", message, place(self.text, self.at)));
        }
        if last != b'/' {
            self.depth += 1;
        }
        self.at = at;
        Ok(())
    }
}
