//! Books of one partner and one day, as both sides keep them: what the partner sent and got a receipt for, and what was handed over
//! to it. NDJSON: a head, one line for each record, one for each pair of offices with its count and digest, and the signature of
//! the gateway. A partner's own book needs the head and the records only. The day is that of acceptance, in Indian Standard Time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::digest::sha256;
use crate::receipt::{self, NotProven};

/// The `typ` of a book's signature.
pub const TYP: &str = "icjs-book+jwt";

/// The longest book that is read.
const LONGEST: usize = 512 * 1024 * 1024;

/// Which way a record went, as the partner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The partner sent it: `id` is the message's, `sha256` that of the bytes as they were sent.
    Sent,
    /// It was handed over to the partner: `id` is the delivery's.
    Received,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Which way.
    pub side: Side,
    /// The office that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The office that got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Message or delivery id.
    pub id: String,
    /// Hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// The partner's system.
    pub system: String,
    /// Such as `2026-11-23`.
    pub day: String,
    /// In order.
    pub lines: BTreeSet<Line>,
}

/// Why some bytes are no book.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABook {
    /// A line is none of a book.
    #[error("line {0}: {1}")]
    Line(usize, String),
    /// There is no head, or no signature where one is needed.
    #[error("{0}")]
    Missing(&'static str),
    /// The signature proves nothing.
    #[error("signature: {0}")]
    Signature(NotProven),
    /// Something was changed after it was signed.
    #[error("the book was changed after it was signed, or is another one than the signature's")]
    Changed,
}

/// One record on which two books differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Only the gateway's book has it.
    OnlyGateway(Line),
    /// Only the partner's has it.
    OnlyPartner(Line),
    /// Both have it, with different bytes.
    Bytes(Line),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, what) = match self {
            Self::OnlyGateway(line) if line.side == Side::Sent => {
                (line, "the gateway accepted it, and the partner's book does not have it")
            }
            Self::OnlyGateway(line) => {
                (line, "the gateway's book says that it was handed over, and the partner does not have it")
            }
            Self::OnlyPartner(line) if line.side == Side::Sent => {
                (line, "the partner holds that it was accepted, and the gateway's book does not have it")
            }
            Self::OnlyPartner(line) => {
                (line, "the partner has it, and the gateway does not know that yet: it was not acknowledged")
            }
            Self::Bytes(line) => (line, "both have it, with different bytes"),
        };
        let way = if line.side == Side::Sent { "sent" } else { "received" };
        write!(f, "{way} `{}`: {what}", line.id)
    }
}

impl Book {
    /// Everything but the signature: the same records make the same text.
    pub fn text(&self) -> String {
        let head = json!({ "book": 1, "system": self.system, "day": self.day, "zone": "+05:30" });
        let mut lines = vec![head.to_string()];
        lines.extend(self.lines.iter().map(|line| serde_json::to_string(line).unwrap_or_default()));
        lines.extend(self.pairs());
        lines.join("\n") + "\n"
    }

    /// Count and digest of each pair of offices: SHA-256 over the sorted lines `<id> <sha256 or ->`, each with its line feed.
    fn pairs(&self) -> Vec<String> {
        let mut pairs: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for line in &self.lines {
            let (side, from, to) = (line.side, line.from.clone(), line.to.clone());
            let text = format!("{} {}\n", line.id, line.sha256.as_deref().unwrap_or("-"));
            pairs.entry((side, from, to)).or_default().push(text);
        }
        let line = |((side, from, to), mut texts): (_, Vec<String>)| {
            texts.sort_unstable();
            let digest = receipt::hex(&sha256(&[texts.concat().as_bytes()]));
            json!({ "pair": { "side": side, "from": from, "to": to }, "count": texts.len(), "digest": digest })
                .to_string()
        };
        pairs.into_iter().map(line).collect()
    }

    /// What is signed, as the claims of a JWS.
    pub fn claims(&self) -> Vec<u8> {
        let digest = receipt::hex(&sha256(&[self.text().as_bytes()]));
        json!({ "system": self.system, "day": self.day, "sha256": digest }).to_string().into_bytes()
    }

    /// The text with the signature over `claims` as its last line.
    pub fn signed(&self, signature: &str) -> String {
        self.text() + &json!({ "signature": signature }).to_string() + "\n"
    }

    /// Reads a gateway's book, and checks it with the gateway's published keys.
    pub fn check(bytes: &[u8], jwks: &Value) -> Result<Self, NotABook> {
        let (book, signature) = Self::parse(bytes)?;
        let signature = signature.ok_or(NotABook::Missing("the book has no signature as its last line"))?;
        let claims = receipt::claims_of(&signature, TYP, jwks).map_err(NotABook::Signature)?;
        // The form is one only: what is signed is the text that these records make.
        if claims == book.claims() && bytes == book.signed(&signature).as_bytes() {
            Ok(book)
        } else {
            Err(NotABook::Changed)
        }
    }

    /// Reads a partner's book, which nobody needs to have signed.
    pub fn read(bytes: &[u8]) -> Result<Self, NotABook> {
        Ok(Self::parse(bytes)?.0)
    }

    fn parse(bytes: &[u8]) -> Result<(Self, Option<String>), NotABook> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LONGEST);
        let text = text.ok_or(NotABook::Missing("this is no book: text of lines, at most 512 MiB"))?;
        let (mut head, mut signature, mut lines) = (None, None, BTreeSet::new());
        for (at, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |what: &str| NotABook::Line(at, what.to_owned());
            let value: Value = serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
            let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
            if value.get("book").is_some() {
                let both = text("system").zip(text("day")).ok_or_else(|| wrong("a head has `system` and `day`"))?;
                head = Some(both).filter(|_| head.is_none()).ok_or_else(|| wrong("a second head")).map(Some)?;
            } else if let Some(text) = text("signature") {
                signature = Some(text);
            } else if value.get("pair").is_none() {
                let read = serde_json::from_value(value).map_err(|error| wrong(&error.to_string()))?;
                if !lines.insert(read) {
                    return Err(wrong("this record stands twice"));
                }
            }
        }
        let (system, day) =
            head.ok_or(NotABook::Missing("there is no head: `{\"book\":1,\"system\":\"…\",\"day\":\"…\"}`"))?;
        Ok((Self { system, day, lines }, signature))
    }

    /// Where a partner's book differs from this one of the gateway. Offices count only in this one.
    pub fn differences(&self, partner: &Self) -> Vec<Difference> {
        let of = |book: &Self| -> BTreeMap<(Side, String), Line> {
            book.lines.iter().map(|line| ((line.side, line.id.clone()), line.clone())).collect()
        };
        let (ours, mut theirs) = (of(self), of(partner));
        let mut found = Vec::new();
        for (name, line) in ours {
            match theirs.remove(&name) {
                None => found.push(Difference::OnlyGateway(line)),
                Some(other) if other.sha256.is_some() && line.sha256.is_some() && other.sha256 != line.sha256 => {
                    found.push(Difference::Bytes(line));
                }
                Some(_) => {}
            }
        }
        found.extend(theirs.into_values().map(Difference::OnlyPartner));
        found
    }
}
