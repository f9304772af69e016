//! Characters that are not seen, or that turn the direction of what stands around them: a text with one shows otherwise than it
//! is written. Joiners are letters' own business in the scripts of India and in Urdu, and hide nothing there. Pure.

use std::borrow::Cow;

/// The first character of a text that hides something.
pub fn first(text: &str) -> Option<char> {
    // Every one of them has a first byte of a longer character: a plain text is passed at once.
    if text.is_ascii() {
        return None;
    }
    let before = std::iter::once('\0').chain(text.chars());
    text.chars().zip(before).find(|(c, before)| is_hidden(*c, *before)).map(|(c, _)| c)
}

/// The text as people may see it: what is hidden is written out, such as `<U+202E>`, and so are control characters other than
/// line ends, tabs and what a terminal is told about colours.
pub fn visible(text: &str) -> Cow<'_, str> {
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\u{1b}');
    if first(text).is_none() && !text.chars().any(odd) {
        return Cow::Borrowed(text);
    }
    let mut seen = String::with_capacity(text.len() + 16);
    let mut before = '\0';
    for c in text.chars() {
        if is_hidden(c, before) || odd(c) {
            seen.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            seen.push(c);
        }
        before = c;
    }
    Cow::Owned(seen)
}

/// Unicode 16: bidirectional controls (UAX 9), and what is default-ignorable and no variation selector (`DerivedCoreProperties`).
fn is_hidden(c: char, before: char) -> bool {
    match c {
        // Joiners: a conjunct or a chillu behind a letter of an Indic script, a broken join behind an Arabic one.
        '\u{200c}' | '\u{200d}' => {
            !matches!(before, '\u{0600}'..='\u{06ff}' | '\u{0750}'..='\u{077f}' | '\u{0900}'..='\u{0dff}')
        }
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => true,
        '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' => true,
        '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => true,
        '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_hides_is_found_and_the_scripts_of_india_are_left_alone() {
        for (text, found) in [
            ("Ramesh Kumar", None),
            ("रमेश कुमार", None),
            ("ക്\u{200d}", None),
            ("शर्\u{200d}मा", None),
            ("علی\u{200c}رضا", None),
            ("Ra\u{200d}m", Some('\u{200d}')),
            ("\u{202e}hsemaR", Some('\u{202e}')),
            ("Ram\u{2067}esh\u{2069}", Some('\u{2067}')),
            ("Ram\u{200b}esh", Some('\u{200b}')),
            ("\u{feff}Ramesh", Some('\u{feff}')),
            ("Ram\u{e0041}", Some('\u{e0041}')),
        ] {
            assert_eq!(first(text), found, "{text:?}");
        }
        assert_eq!(visible("a\u{202e}b\u{7}\n"), "a<U+202E>b<U+0007>\n");
        assert!(matches!(visible("शर्\u{200d}मा"), Cow::Borrowed(_)));
    }
}
