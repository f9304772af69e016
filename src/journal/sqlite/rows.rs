//! What lies in the rows: the clear head of a message, its sealed parts, and the guard that says whether a row is as it
//! was written. Names of persons lie in sealed parts only. Read `tables` for where each goes.

use std::cell::RefCell;

use bytes::Bytes;
use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{Action, How, IdempotencyKey, JournalError, Lane, MessageHead, State, Stored, StoredDelivery};
use crate::clock::Timestamp;
use crate::identifiers::{CaseKey, DeliveryId, MessageId, OfficeId};
use crate::seal::{self, DataKey};

/// Everything about a message that is not personal, as accepted. Never changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HeadRow {
    pub(super) system: String,
    pub(super) office: String,
    pub(super) kind: String,
    pub(super) action: Action,
    pub(super) replaces: Option<String>,
    /// The first version of the record, where this is a later one.
    pub(super) root: Option<String>,
    pub(super) media_type: String,
    /// SHA-256 of the bytes as received, hex.
    pub(super) sha256: String,
    /// Bytes as received.
    pub(super) size: u64,
    pub(super) occurred_at: Option<Timestamp>,
    pub(super) recorded_at: Option<Timestamp>,
    pub(super) entry: String,
    pub(super) accepted_at: Timestamp,
    pub(super) revision: u64,
    pub(super) key_id: String,
    pub(super) status: String,
    pub(super) cases: Vec<String>,
    /// HMAC of each person reference.
    pub(super) persons: Vec<i64>,
    /// HMAC of each thread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) threads: Vec<i64>,
    pub(super) attachments: Vec<String>,
    pub(super) event: Option<String>,
    pub(super) header_key: Option<String>,
    /// For an outcome: the delivery that it is about.
    pub(super) about: Option<String>,
    /// The shared form is the bytes as received.
    pub(super) shared_is_original: bool,
    pub(super) deliveries: Vec<DeliveryRow>,
    /// Rules whose warnings its sender got, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rules: Vec<String>,
}

/// A delivery as it was at acceptance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DeliveryRow {
    pub(super) office: Option<String>,
    pub(super) system: String,
    pub(super) how: How,
    pub(super) action: Action,
    pub(super) lane: Lane,
    pub(super) state: State,
    pub(super) code: Option<String>,
    pub(super) why: String,
    /// For which cases the office gets it, where not for all of the record's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cases: Option<Vec<String>>,
}

impl DeliveryRow {
    /// For which of the record's cases the office gets it.
    pub(super) fn cases(&self, head: &HeadRow) -> Vec<CaseKey> {
        self.cases.as_ref().unwrap_or(&head.cases).iter().filter_map(|key| CaseKey::parse(key)).collect()
    }
}

/// What is said by people about a message, sealed under its key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Private {
    pub(super) reason: Option<String>,
    pub(super) actor: Option<String>,
    pub(super) warnings: Vec<Value>,
    /// The person references, in clear for those who may open it.
    pub(super) persons: Vec<String>,
}

/// A delivery that is settled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SettledRow {
    pub(super) state: State,
    pub(super) code: Option<String>,
    pub(super) attempts: u32,
    pub(super) at: Timestamp,
    pub(super) note: Option<String>,
    pub(super) action: Action,
    pub(super) position: u64,
    pub(super) first_answer_at: Option<Timestamp>,
    pub(super) frozen_at: Option<Timestamp>,
    /// The first number of its place in the lane.
    pub(super) place: super::super::lanes::Place,
    pub(super) keys: Vec<u64>,
    pub(super) park_on_reject: bool,
    /// Liberty deliveries that overtook it: whatever comes in its place says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) overtaken_by: Vec<u64>,
}

/// What is clear about frozen bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FrozenRow {
    pub(super) sha256: String,
    pub(super) media_type: String,
    pub(super) withheld: Vec<String>,
    pub(super) lost: Vec<String>,
    pub(super) revision: u64,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entitlement: Option<String>,
}

impl HeadRow {
    /// What was stored, as the stored answer is derived from it.
    pub(super) fn stored(&self, id: MessageId, leaf_index: u64, warnings: Vec<Value>) -> Stored {
        let deliveries = self.deliveries.iter().zip(1_u16..).map(|(row, n)| StoredDelivery {
            id: id.delivery(n).to_string(),
            office: row.office.clone(),
            how: row.how,
            why: row.why.clone(),
            state: row.state,
            reason: row.code.clone(),
        });
        Stored {
            id: id.to_string(),
            kind: self.kind.clone(),
            system: self.system.clone(),
            office: self.office.clone(),
            sha256: self.sha256.clone(),
            accepted_at: self.accepted_at.millis(),
            occurred_at: self.occurred_at.map(Timestamp::millis),
            leaf_index,
            key_id: self.key_id.clone(),
            revision: self.revision,
            status: self.status.clone(),
            cases: self.cases.clone(),
            deliveries: deliveries.collect(),
            warnings,
        }
    }

    /// The head that receivers and views see.
    pub(super) fn head(&self, id: MessageId, replaced_by: Option<MessageId>) -> Result<MessageHead, JournalError> {
        let damaged = || damaged("message", id);
        let digest = |text: &String| seal::unhex(text).and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged);
        Ok(MessageHead {
            id,
            system: self.system.clone(),
            office: OfficeId::parse(&self.office).map_err(|_| damaged())?,
            kind: self.kind.clone(),
            action: self.action,
            replaces: self.replaces.as_deref().and_then(MessageId::parse),
            replaced_by,
            cases: self.cases.iter().filter_map(|key| CaseKey::parse(key)).collect(),
            digest: digest(&self.sha256)?,
            media_type: self.media_type.clone(),
            accepted_at: self.accepted_at,
            revision: self.revision,
            attachments: self.attachments.iter().map(digest).collect::<Result<_, _>>()?,
            about: self.about.as_deref().and_then(DeliveryId::parse),
            event: self.event.clone(),
            rules: self.rules.clone(),
        })
    }

    /// Whether it was submitted under this name.
    pub(super) fn is_named(&self, system: &str, kind: &str, key: &IdempotencyKey) -> bool {
        let named = match key {
            IdempotencyKey::Header(text) => self.header_key.as_ref() == Some(text),
            IdempotencyKey::Event(text) => self.event.as_ref() == Some(text),
        };
        named && self.system == system && self.kind == kind
    }
}

/// Says of which row that it is not as it was written.
pub(super) fn damaged(table: &str, what: impl std::fmt::Display) -> JournalError {
    JournalError::Damaged(format!("{table} `{what}`"))
}

/// The first eight bytes of a SHA-256 over the parts of a row and what the row is about.
pub(super) fn guard(about: &[u8], parts: &[&[u8]]) -> i64 {
    let mut digest = seal::Sha256::new();
    digest.update(about);
    for part in parts {
        digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(part);
    }
    let [a, b, c, d, e, f, g, h, ..] = digest.finish();
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// A row's JSON, once its guard agrees.
pub(super) fn checked<T: DeserializeOwned>(table: &str, number: u64, row: &[u8], said: i64) -> Result<T, JournalError> {
    if guard(&number.to_be_bytes(), &[row]) != said {
        return Err(damaged(table, number));
    }
    serde_json::from_slice(row).map_err(|_| damaged(table, number))
}

/// A row's JSON and its guard.
pub(super) fn guarded<T: Serialize>(number: u64, row: &T) -> Result<(Vec<u8>, i64), JournalError> {
    let bytes = json(row)?;
    let guard = guard(&number.to_be_bytes(), &[&bytes]);
    Ok((bytes, guard))
}

/// JSON bytes.
pub(super) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, JournalError> {
    serde_json::to_vec(value).map_err(|error| JournalError::Storage(format!("row cannot be written: {error}")))
}

thread_local! {
    /// Making the compressor's table anew costs as much as compressing a record.
    static COMPRESSOR: RefCell<CompressTable> = RefCell::new(CompressTable::large());
}

/// Compressed where that helps, then sealed. `part` names what it is, so that no sealed part passes for another.
pub(super) fn pack(key: &DataKey, part: &str, id: MessageId, plain: &[u8]) -> Result<Vec<u8>, JournalError> {
    let body = compressed(plain).unwrap_or_else(|| [&[PLAIN], plain].concat());
    key.seal(&context(part, id), &body).map_err(|_| sealing())
}

/// The mark, the size as four bytes little-endian, and the LZ4 block; `None` where that is no shorter.
fn compressed(plain: &[u8]) -> Option<Vec<u8>> {
    const HEAD: usize = 5;
    let size = u32::try_from(plain.len()).ok().filter(|_| plain.len() >= WORTH_COMPRESSING)?;
    let mut body = vec![0; HEAD + get_maximum_output_size(plain.len())];
    let (head, block) = body.split_at_mut_checked(HEAD)?;
    for (to, from) in head.iter_mut().zip([LZ4].into_iter().chain(size.to_le_bytes())) {
        *to = from;
    }
    let length = COMPRESSOR.with_borrow_mut(|table| compress_into_with_table(plain, block, table)).ok()?;
    body.truncate(HEAD + length);
    (body.len() <= plain.len()).then_some(body)
}

/// The reverse of `pack`.
pub(super) fn unpack(key: &DataKey, part: &str, id: MessageId, sealed: &[u8]) -> Result<Bytes, JournalError> {
    let damaged = || damaged(part, id);
    let body = key.open(&context(part, id), sealed).map_err(|_| damaged())?;
    match body.split_first() {
        Some((&PLAIN, _)) => Ok(Bytes::from(body).slice(1..)),
        Some((&LZ4, small)) => {
            lz4_flex::block::decompress_size_prepended(small).map(Bytes::from).map_err(|_| damaged())
        }
        _ => Err(damaged()),
    }
}

/// The error of a machine that gives no random bytes.
pub(super) fn sealing() -> JournalError {
    JournalError::Storage("sealing failed: no random bytes can be had".to_owned())
}

fn context(part: &str, id: MessageId) -> Vec<u8> {
    [part.as_bytes(), &[0], &id.bytes()].concat()
}

/// Below this many bytes compression gains nothing.
const WORTH_COMPRESSING: usize = 200;
const PLAIN: u8 = 0;
const LZ4: u8 = 1;
