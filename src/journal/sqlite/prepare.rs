//! What the callers' tasks do before the writer sees a message: compress, seal, hash, name lines and keys, make the leaf.
//! The writer then only gives numbers. Nothing here touches the database.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use icjs_proof::tree;

use super::super::board::Open;
use super::super::lanes::{LineKey, Place};
use super::super::{
    Action, Digest, Entry, IdempotencyKey, JournalError, Lane, NewDelivery, NewLink, State, Whereabout, rules_of,
};
use super::rows::{DeliveryRow, FrozenRow, HeadRow, Private, guard, json, pack};
use super::wraps::{Holder, Wraps, record_key};
use crate::identifiers::{DeliveryId, MessageId};
use crate::journal::leaf::Leaf;
use crate::seal::{self, DataKey, MacKey, StoreKey};

/// Originals (and shared forms) that are larger than this once compressed lie in files beside the database.
const LARGE: usize = 64 * 1024;

/// Secrets and places that callers' tasks need.
#[derive(Debug)]
pub(super) struct Workshop {
    pub(super) keys: StoreKey,
    pub(super) blind: Blind,
    pub(super) receipt_key_id: String,
    pub(super) files: PathBuf,
}

/// Keyed hashes, so that nobody reads a person or a case out of an index.
#[derive(Debug)]
pub(super) struct Blind {
    index: MacKey,
    lines: MacKey,
}

impl Blind {
    pub(super) fn new(keys: &StoreKey) -> Self {
        Self { index: keys.derive("index v1"), lines: keys.derive("lines v1") }
    }

    /// The hash of a key of one class: `named`, `case`, `person`, `party`, `link`, `thread`,
    /// `rule`.
    pub(super) fn hash(&self, class: &str, parts: &[&str]) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = self.index.mac(joined(class, parts).as_bytes());
        i64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The line of an office's lane for one key.
    pub(super) fn line(&self, office: &str, lane: Lane, key: &str) -> LineKey {
        let lane = match lane {
            Lane::Liberty => "liberty",
            Lane::Papers => "papers",
            Lane::Forensics => "forensics",
            Lane::Prints => "prints",
            Lane::Record => "record",
        };
        let [a, b, c, d, e, f, g, h, ..] = self.lines.mac(joined(office, &[lane, key]).as_bytes());
        LineKey::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// A short MAC of what a receiver said, to know the same words again.
    pub(super) fn words(&self, said: &[u8]) -> [u8; 16] {
        std::array::from_fn({
            let mac = self.index.mac(said);
            move |place| mac.get(place).copied().unwrap_or(0)
        })
    }

    /// The hash under which a submission is found by its name.
    pub(super) fn named(&self, system: &str, kind: &str, key: &IdempotencyKey) -> i64 {
        match key {
            IdempotencyKey::Header(text) => self.hash("named", &[system, kind, "header", text]),
            IdempotencyKey::Event(text) => self.hash("named", &[system, kind, "event", text]),
        }
    }
}

fn joined(first: &str, parts: &[&str]) -> String {
    // The separator cannot stand in any of them: identifiers and keys have no control characters that matter here, and
    // were one smuggled in, two hashes would meet and the row be looked at all the same.
    parts.iter().fold(first.to_owned(), |text, part| text + "\u{1f}" + part)
}

/// A message that is ready to be written.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) id: MessageId,
    pub(super) head: HeadRow,
    pub(super) head_json: Vec<u8>,
    pub(super) private: Option<Vec<u8>>,
    pub(super) wraps: Wraps,
    pub(super) original: Option<Vec<u8>>,
    pub(super) shared: Option<Vec<u8>>,
    pub(super) leaf: Vec<u8>,
    pub(super) leaf_hash: [u8; 32],
    pub(super) hashes: Vec<i64>,
    pub(super) key: Option<IdempotencyKey>,
    pub(super) named: Option<i64>,
    pub(super) replaces: Option<MessageId>,
    pub(super) warnings: Vec<serde_json::Value>,
    pub(super) attachments: Vec<Digest>,
    pub(super) links: Vec<PreparedLink>,
    /// See `Entry::news`.
    pub(super) news: u64,
    /// See `Entry::compared`, with the hashes of its cases.
    pub(super) compared: Option<(u64, Vec<i64>)>,
    /// Where it says that its persons are.
    pub(super) whereabouts: Vec<Whereabout>,
    /// Numbers are ordinals until the writer gives the sequence number.
    pub(super) opens: Vec<Open>,
    /// Frozen form of deliveries that are available at once: the bytes as received.
    pub(super) frozen: FrozenRow,
    /// The line of the record's own versions, by office and lane of each delivery.
    pub(super) versions: Vec<LineKey>,
}

/// A link with the hashes of its ends.
#[derive(Debug)]
pub(super) struct PreparedLink {
    pub(super) link: NewLink,
    pub(super) hashes: Vec<i64>,
}

/// What an entry is besides what its sender said.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The first version of the record.
    pub(super) root: Option<MessageId>,
    /// For an outcome: what it is about, and what happened to that.
    pub(super) about: Option<(DeliveryId, &'static str)>,
    /// Who holds its key.
    pub(super) holders: Vec<Holder>,
}

impl Workshop {
    /// Makes everything of a message that needs no number. Large parts are durable in their files when this returns.
    pub(super) async fn prepare(&self, entry: Entry, standing: Standing) -> Result<Prepared, JournalError> {
        let digest = seal::sha256(&entry.original);
        let (key, wraps) = record_key(&standing.holders)?;
        let key = Arc::new(key);
        let original = self.stored(&key, "original", entry.id, &entry.original).await?;
        let shared = match &entry.shared {
            Some(shared) => self.stored(&key, "shared", entry.id, shared).await?,
            None => None,
        };
        let private = private(&key, &entry)?;
        let leaf = leaf_of(&entry, &standing, key.mac(&digest));
        let opens: Vec<Open> =
            entry.deliveries.iter().zip(1_u64..).map(|(to, n)| self.open(&entry, &standing, to, n)).collect();
        let versions = entry.deliveries.iter().map(|to| self.version_line(&entry, &standing, to)).collect();
        let head = self.head(&entry, &standing, &digest);
        Ok(Prepared {
            id: entry.id,
            head_json: json(&head)?,
            private,
            wraps,
            original,
            shared,
            leaf_hash: tree::leaf(&leaf),
            leaf,
            compared: entry
                .compared
                .map(|upto| (upto, entry.cases.iter().map(|key| self.blind.hash("case", &[key.as_str()])).collect())),
            hashes: self.hashes(&entry),
            named: entry.idempotency.as_ref().map(|key| self.blind.named(&entry.system, &entry.kind, key)),
            key: entry.idempotency,
            replaces: entry.replaces,
            warnings: entry.warnings,
            attachments: entry.attachments,
            news: entry.news,
            whereabouts: entry.whereabouts,
            links: entry.links.into_iter().map(|link| self.link(link)).collect(),
            opens,
            versions,
            frozen: FrozenRow {
                sha256: head.sha256.clone(),
                media_type: entry.media_type,
                withheld: Vec::new(),
                lost: Vec::new(),
                revision: entry.revision,
                size: entry.original.len() as u64,
                entitlement: None,
            },
            head,
        })
    }

    /// A link with the hashes of its ends.
    pub(super) fn link(&self, link: NewLink) -> PreparedLink {
        let ends = [&link.from, &link.to];
        PreparedLink { hashes: ends.iter().map(|end| self.blind.hash("link", &[end.as_str()])).collect(), link }
    }

    /// One delivery as it will stand on the board.
    fn open(&self, entry: &Entry, standing: &Standing, to: &NewDelivery, ordinal: u64) -> Open {
        let office = to.office.as_ref().map_or("", |office| office.as_str());
        let mut keys: Vec<LineKey> = Vec::new();
        if !office.is_empty() {
            keys.extend(to.keys.iter().map(|key| self.blind.line(office, to.lane, key)));
            if to.lane == Lane::Record || entry.action != Action::New {
                keys.push(self.version_line(entry, standing, to));
            }
            keys.sort_unstable();
            keys.dedup();
        }
        let Entry { id: message, accepted_at, bulk, .. } = *entry;
        new_open(&NewOpen { message, kind: &entry.kind, accepted_at, to, ordinal, bulk }, keys)
    }

    /// The line in which the versions of one record (or the outcomes about one record) keep their order.
    fn version_line(&self, entry: &Entry, standing: &Standing, to: &NewDelivery) -> LineKey {
        let office = to.office.as_ref().map_or("", |office| office.as_str());
        let record = match &standing.about {
            Some((delivery, _)) => format!("outcomes {}", delivery.message()),
            None => format!("record {}", standing.root.unwrap_or(entry.id)),
        };
        self.blind.line(office, to.lane, &record)
    }

    fn head(&self, entry: &Entry, standing: &Standing, digest: &Digest) -> HeadRow {
        let named = |event: bool| match &entry.idempotency {
            Some(IdempotencyKey::Event(text)) if event => Some(text.clone()),
            Some(IdempotencyKey::Header(text)) if !event => Some(text.clone()),
            _ => None,
        };
        HeadRow {
            system: entry.system.clone(),
            office: entry.office.as_str().to_owned(),
            kind: entry.kind.clone(),
            action: entry.action,
            replaces: entry.replaces.map(|id| id.to_string()),
            root: standing.root.map(|id| id.to_string()),
            media_type: entry.media_type.clone(),
            sha256: seal::hex(digest),
            size: entry.original.len() as u64,
            occurred_at: entry.occurred_at,
            recorded_at: entry.recorded_at,
            entry: entry.entry.clone(),
            accepted_at: entry.accepted_at,
            revision: entry.revision,
            key_id: self.receipt_key_id.clone(),
            status: status(entry).to_owned(),
            cases: entry.cases.iter().map(|key| key.as_str().to_owned()).collect(),
            persons: entry.persons.iter().map(|person| self.blind.hash("person", &[person])).collect(),
            threads: entry.threads.iter().map(|thread| self.blind.hash("thread", &[thread])).collect(),
            attachments: entry.attachments.iter().map(|digest| seal::hex(digest)).collect(),
            event: named(true),
            header_key: named(false),
            about: standing.about.map(|(delivery, _)| delivery.to_string()),
            shared_is_original: entry.shared.is_none(),
            deliveries: entry.deliveries.iter().map(delivery_row).collect(),
            rules: rules_of(&entry.warnings),
        }
    }

    fn hashes(&self, entry: &Entry) -> Vec<i64> {
        let blind = &self.blind;
        let mut hashes: Vec<i64> = entry.cases.iter().map(|key| blind.hash("case", &[key.as_str()])).collect();
        hashes.extend(entry.persons.iter().map(|person| blind.hash("person", &[person])));
        hashes.extend(entry.threads.iter().map(|thread| blind.hash("thread", &[thread])));
        hashes.extend(entry.idempotency.as_ref().map(|key| blind.named(&entry.system, &entry.kind, key)));
        let receivers = entry.deliveries.iter().map(|to| to.system.as_str()).filter(|system| !system.is_empty());
        let mut parties: Vec<&str> = receivers.chain([entry.system.as_str()]).collect();
        parties.sort_unstable();
        parties.dedup();
        hashes.extend(parties.iter().map(|party| blind.hash("party", &[party])));
        hashes.extend(rules_of(&entry.warnings).iter().map(|rule| blind.hash("rule", &[rule])));
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }

    /// The sealed part for its column, or `None` once it is durable in a file.
    async fn stored(
        &self,
        key: &Arc<DataKey>,
        part: &'static str,
        id: MessageId,
        plain: &Bytes,
    ) -> Result<Option<Vec<u8>>, JournalError> {
        if plain.len() <= LARGE {
            return pack(key, part, id, plain).map(Some);
        }
        // To compress and seal what is large takes milliseconds, and the disk longer: neither on a thread that serves others.
        let (key, plain, path) = (Arc::clone(key), plain.clone(), self.file(part, id));
        let kept = tokio::task::spawn_blocking(move || {
            let sealed = pack(&key, part, id, &plain)?;
            if sealed.len() <= LARGE {
                return Ok(Some(sealed));
            }
            super::super::durable::write_durably(&path, &sealed).map(|()| None).map_err(|error| match error.kind() {
                std::io::ErrorKind::StorageFull => JournalError::Full,
                _ => JournalError::Storage(format!("a large record cannot be kept: {error}")),
            })
        });
        kept.await.unwrap_or(Err(JournalError::Closed))
    }

    /// Where a large part of a message lies.
    pub(super) fn file(&self, part: &str, id: MessageId) -> PathBuf {
        part_file(&self.files, part, id)
    }
}

/// Where a large part of a message lies below the folder of files.
pub(super) fn part_file(files: &std::path::Path, part: &str, id: MessageId) -> PathBuf {
    let name = id.to_string();
    // The first letters of a version 7 id are time: the last ones spread files evenly.
    let shard: String = name.chars().rev().skip(4).take(2).collect();
    files.join("records").join(shard).join(format!("{name}.{part}"))
}

/// What an open delivery is made of.
pub(super) struct NewOpen<'a> {
    pub(super) message: MessageId,
    pub(super) kind: &'a str,
    pub(super) accepted_at: crate::clock::Timestamp,
    pub(super) to: &'a NewDelivery,
    pub(super) ordinal: u64,
    pub(super) bulk: bool,
}

/// A delivery at its beginning.
pub(super) fn new_open(new: &NewOpen<'_>, keys: Vec<LineKey>) -> Open {
    let to = new.to;
    Open {
        number: new.ordinal,
        message: new.message,
        system: Arc::from(to.system.as_str()),
        office: Arc::from(to.office.as_ref().map_or("", |office| office.as_str())),
        kind: Arc::from(new.kind),
        how: to.how,
        action: to.action,
        lane: to.lane,
        state: to.state,
        place: Place { first: new.ordinal, then: 0 },
        keys,
        accepted_at: new.accepted_at,
        deadline: to.deadline,
        // Never for liberty: a rejected order must not hold the next one.
        park_on_reject: to.park_on_reject && to.lane != Lane::Liberty,
        code: to.code.clone(),
        bulk: new.bulk,
        ..Open::default()
    }
}

/// A delivery as it is remembered from acceptance.
pub(super) fn delivery_row(to: &NewDelivery) -> DeliveryRow {
    DeliveryRow {
        office: to.office.as_ref().map(|office| office.as_str().to_owned()),
        system: to.system.clone(),
        how: to.how,
        action: to.action,
        lane: to.lane,
        state: to.state,
        code: to.code.clone(),
        why: to.why.clone(),
        cases: to.cases.as_ref().map(|cases| cases.iter().map(|key| key.as_str().to_owned()).collect()),
    }
}

fn private(key: &DataKey, entry: &Entry) -> Result<Option<Vec<u8>>, JournalError> {
    let private = Private {
        reason: entry.reason.clone(),
        actor: entry.actor.clone(),
        warnings: entry.warnings.clone(),
        persons: entry.persons.clone(),
    };
    let empty = private.reason.is_none() && private.actor.is_none();
    if empty && private.warnings.is_empty() && private.persons.is_empty() {
        return Ok(None);
    }
    pack(key, "private", entry.id, &json(&private)?).map(Some)
}

fn leaf_of(entry: &Entry, standing: &Standing, mac: [u8; 32]) -> Vec<u8> {
    Leaf {
        event: standing.about.map_or("accepted", |(_, event)| event),
        message: entry.id,
        delivery: standing.about.map(|(delivery, _)| delivery),
        kind: &entry.kind,
        office: entry.office.as_str(),
        at: entry.accepted_at,
        mac: Some(mac),
    }
    .canonical()
}

fn status(entry: &Entry) -> &'static str {
    if entry.action == Action::Withdraw {
        "withdrawn"
    } else if entry.deliveries.iter().any(|to| to.state == State::Parked) {
        "attention"
    } else if entry.deliveries.is_empty() {
        "settled"
    } else {
        "open"
    }
}

/// What a message row's guard is made of.
pub(super) struct GuardedRow<'a> {
    pub(super) seq: u64,
    pub(super) leaf: u64,
    pub(super) id: MessageId,
    pub(super) head: &'a [u8],
    pub(super) wrapped: &'a [u8],
    pub(super) keys: &'a [u8],
    pub(super) private: Option<&'a [u8]>,
}

impl GuardedRow<'_> {
    /// The guard of a message row.
    pub(super) fn guard(&self) -> i64 {
        let (seq, leaf) = (self.seq.to_be_bytes(), self.leaf.to_be_bytes());
        guard(&self.id.bytes(), &[self.head, self.wrapped, self.keys, self.private.unwrap_or_default(), &seq, &leaf])
    }

    /// Whether the row is as it was written. Rows of the formats before 3 have a guard without their numbers.
    pub(super) fn is_sound(&self, said: i64) -> bool {
        let old = || guard(&self.id.bytes(), &[self.head, self.wrapped, self.keys, self.private.unwrap_or_default()]);
        self.guard() == said || old() == said
    }
}
