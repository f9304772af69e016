//! The doors: what every byte from outside passes before anything else looks at it. Requests' bodies (records, lines of a
//! batch, acknowledgements, orders of administrators), watched folders and receivers' answers come in here and nowhere else.
//! `body` reads from the wire within a size, a time and a rate; `coding` unpacks; `json` reads strictly. Documents in a sender's own
//! format pass the codecs of `icjs_kit`, which are these doors' other half. Nothing is repaired: it passes, or it is named.

pub mod body;
pub mod coding;
pub mod json;
pub mod hidden;

use icjs_kit::{Unreadable, Violation};

/// Why a door stayed shut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// One of the codes of the exchange API.
    pub code: &'static str,
    /// What is wrong and what to do about it.
    pub detail: String,
    /// Every violation, at its place in the document as sent; empty where there is no document yet.
    pub violations: Vec<Violation>,
}

impl Shut {
    /// Before there is a document.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), violations: Vec::new() }
    }
}

impl From<Unreadable> for Shut {
    fn from(unreadable: Unreadable) -> Self {
        let detail = match unreadable.violations.as_slice() {
            [only] => only.message.clone(),
            _ => "the document is refused".to_owned(),
        };
        Self { code: unreadable.code, detail, violations: unreadable.violations }
    }
}
