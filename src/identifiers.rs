//! The names that cross the gateway's borders: messages, deliveries, cases, persons, offices.
//! Every type here is a checked text or number with one canonical form; raw spellings stay in the records.
//! Formats and their sources are in the README's table of identifiers. Nothing here does I/O.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A system's name, which is also its `client_id`, such as `cctns-dl`.
pub type SystemName = String;
/// A record kind's name, such as `charge-sheet`.
pub type KindName = String;

/// Names one accepted message (a record or an outcome). UUID version 7 whose low 16 bits are zero: they count the
/// message's deliveries, so that a delivery is found through its message and needs no index of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Uuid);

/// Names one delivery for ever: the message's id with the delivery's number (from 1) in the low 16 bits.
/// It is the idempotency key that receivers see.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(Uuid);

const ORDINAL: u128 = 0xffff;

impl MessageId {
    /// A new id for a message accepted at `millis` since the Unix epoch (RFC 9562 section 5.7).
    pub fn new(at: crate::clock::Timestamp) -> Self {
        let millis = u64::try_from(at.millis()).unwrap_or(0);
        let random: [u8; 10] = std::array::from_fn(|_| fastrand_byte());
        let full = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        Self(Uuid::from_u128(full.as_u128() & !ORDINAL))
    }

    /// The message's `n`th delivery, counted from 1.
    pub fn delivery(self, n: u16) -> DeliveryId {
        DeliveryId(Uuid::from_u128(self.0.as_u128() | u128::from(n)))
    }

    /// The id's sixteen bytes, as stored.
    pub fn bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// From stored bytes; the delivery number, if any, is dropped.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_u128(u128::from_be_bytes(bytes) & !ORDINAL))
    }

    /// Reads the text form; `None` when it is no message id.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        (id.as_u128() & ORDINAL == 0).then_some(Self(id))
    }
}

impl DeliveryId {
    /// The message that is delivered.
    pub fn message(self) -> MessageId {
        MessageId(Uuid::from_u128(self.0.as_u128() & !ORDINAL))
    }

    /// Which of the message's deliveries this is, from 1.
    pub fn ordinal(self) -> u16 {
        u16::try_from(self.0.as_u128() & ORDINAL).unwrap_or(0)
    }

    /// Reads the text form; `None` when it is no delivery id.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        (id.as_u128() & ORDINAL != 0).then_some(Self(id))
    }
}

fn fastrand_byte() -> u8 {
    // Ids are no secrets: who may see a message is decided by ownership, never by knowing its id.
    fastrand::u8(..)
}

/// An office that sends or receives: `ps:38101004`, `court:DLCT01/3` (court 3), `court:DLCT01` (its registry),
/// `prison:`, `lab:<lab>[/<division>]`, `pp:`, `home:`, `jjb:`, `agency:`, `nafis:`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OfficeId(String);

/// The office classes that exist.
pub const OFFICE_CLASSES: [&str; 9] = ["ps", "court", "prison", "lab", "pp", "home", "jjb", "agency", "nafis"];

impl OfficeId {
    /// Reads `class:code[/part]`. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((class, code)) = text.split_once(':') else {
            return Err(format!("office `{text}` has no class; write it as `ps:38101004` or `court:DLCT01`"));
        };
        if !OFFICE_CLASSES.contains(&class) {
            return Err(format!("office `{text}` has the class `{class}`; classes are {}", OFFICE_CLASSES.join(", ")));
        }
        let fits = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        let mut parts = code.split('/');
        let good = parts.by_ref().take(2).all(fits) && parts.next().is_none();
        if good && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("office `{text}` has a code that is not letters, digits, `-`, `_` or `.`"))
        }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What kind of office it is, such as `court`.
    pub fn class(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The code after the class, with its part: `DLCT01/3`.
    pub fn code(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, code)| code)
    }
}

/// A case by one of its numbers, in the one text form `scheme/value` with percent-encoded parts:
/// `cnr/DLCT010001232026`, `fir/<station>-<year>-<serial>`, `zero-fir/…`, `ptn/…`, `filing/<establishment>-<number>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaseKey(String);

/// The schemes by which a case may be named.
pub const CASE_SCHEMES: [&str; 5] = ["fir", "zero-fir", "cnr", "ptn", "filing"];

/// The scheme of keys for items of records.
const ITEM: &str = "item";

/// Everything but what RFC 3986 calls unreserved is percent-encoded inside a part.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'~');

impl CaseKey {
    /// Builds a key from its parts (station, year, serial for a FIR; one value otherwise), encoding each.
    pub fn of(scheme: &str, parts: &[&str]) -> Option<Self> {
        if !CASE_SCHEMES.contains(&scheme) || parts.is_empty() || parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let encoded: Vec<String> = parts.iter().map(|part| utf8_percent_encode(part, PART).to_string()).collect();
        Some(Self(format!("{scheme}/{}", encoded.join("-"))))
    }

    /// Reads the text form; `None` when the scheme is unknown or the value is empty or too long (200 bytes).
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, value) = text.split_once('/')?;
        let known = CASE_SCHEMES.contains(&scheme) || scheme == ITEM;
        let good = known && !value.is_empty() && text.len() <= 200 && text.is_ascii();
        good.then(|| Self(text.to_owned()))
    }

    /// One item of a record that goes item by item to different offices, such as one exhibit by its QR id: stands beside the
    /// case keys of a delivery, never in their place. Its text is short whatever the id is.
    pub fn item(thread: &str) -> Self {
        let scheme = thread.split('/').next().unwrap_or_default();
        let id = crate::seal::sha256(thread.as_bytes());
        Self(format!("{ITEM}/{scheme}-{}", crate::seal::hex(id.get(..16).unwrap_or(&id))))
    }

    /// Whether a delivery with these keys has to do with a thread: it does unless it is for other items of that scheme.
    pub fn any_of(keys: &[Self], thread: &str) -> bool {
        let scheme = thread.split('/').next().unwrap_or_default();
        !keys.iter().any(|key| key.is_item_of(scheme)) || keys.contains(&Self::item(thread))
    }

    /// Made by `item` of a thread of this scheme.
    pub fn is_item_of(&self, scheme: &str) -> bool {
        self.is_item() && self.value().rsplit_once('-').is_some_and(|(own, _)| own == scheme)
    }

    /// Made by `item`.
    pub fn is_item(&self) -> bool {
        self.scheme() == ITEM
    }

    /// Reads what a person wrote: a CNR may be in small letters and have its hyphens.
    pub fn read(text: &str) -> Option<Self> {
        let key = Self::parse(text)?;
        if key.scheme() == "cnr" { Self::of("cnr", &[&cnr(key.value())?]) } else { Some(key) }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scheme, such as `cnr`.
    pub fn scheme(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// The parts of the value, decoded: station, year and serial of a FIR.
    pub fn parts(&self) -> Vec<String> {
        let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
        self.value().split('-').map(decode).collect()
    }

    /// The encoded value after the scheme.
    pub fn value(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, value)| value)
    }
}

/// The schemes by which a person may be named.
pub const PERSON_SCHEMES: [&str; 2] = ["pid", "nfn"];

/// A person by one of their numbers, in the one text form `pid/<prison>-<id>` or `nfn/<number>`, parts percent-encoded.
/// `None` when the scheme is unknown or a part is empty.
pub fn person_key(scheme: &str, parts: &[&str]) -> Option<String> {
    if !PERSON_SCHEMES.contains(&scheme) || parts.is_empty() || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let encoded: Vec<String> = parts.iter().map(|part| utf8_percent_encode(part, PART).to_string()).collect();
    Some(format!("{scheme}/{}", encoded.join("-")))
}

/// What joins an answer to its question, in the one text form `requisition/<number>`, the value percent-encoded. Schemes are
/// named by `kinds.toml`. `None` when the value is empty.
pub fn thread_key(scheme: &str, value: &str) -> Option<String> {
    (!value.is_empty()).then(|| format!("{scheme}/{}", utf8_percent_encode(value, PART)))
}

/// Court Case Number Record: 16 characters without hyphens and spaces: establishment code (6), serial (6 digits), year (4).
/// There is no check digit (NJDG schema `cases.cino char(16)`; `court_info.est_code char(6)`).
pub fn cnr(raw: &str) -> Option<String> {
    let text: String = raw.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_uppercase()).collect();
    let bytes = text.as_bytes();
    let good = bytes.len() == 16
        && bytes.iter().take(2).all(u8::is_ascii_uppercase)
        && bytes.iter().skip(2).take(4).all(u8::is_ascii_alphanumeric)
        && bytes.iter().skip(6).all(u8::is_ascii_digit);
    good.then_some(text)
}

impl TryFrom<String> for OfficeId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for CaseKey {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no case key; write `cnr/DLCT010001232026`"))
    }
}

impl From<OfficeId> for String {
    fn from(office: OfficeId) -> Self {
        office.0
    }
}

impl From<CaseKey> for String {
    fn from(key: CaseKey) -> Self {
        key.0
    }
}

impl fmt::Display for OfficeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
