//! The small registers: attachments, revisions, single-use tokens, refusals, counts.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{
    Counts, Digest, JournalError, NewRevision, Refused, RevisionRow, RevisionVerb, SentUpload, State, UploadAnswer,
    UploadRow, UploadVerb, withholds_attachment,
};
use super::SqliteJournal;
use super::acts::{REFUSED, REVISED};
use super::index::{signed, unsigned};
use super::read;
use super::rows::{FrozenRow, damaged, guard};
use super::store::{Change, Store};
use super::sums::{CARRIED, REFUSAL, SPENT, UPLOAD};
use super::tables::storage;
use super::views::counted;
use super::wraps::file_key;
use crate::clock::Timestamp;
use crate::identifiers::{KindName, MessageId, OfficeId, SystemName};
use crate::seal::hex;

/// Refusals kept with their digest for one system and day; the rest of that day is counted only.
const REFUSALS_A_DAY: i64 = 1000;
const DAY_MILLIS: i64 = 86_400_000;
const REVISION: &str = "SELECT number, author, reason, difference, oldest_binary, at, files, guard FROM revision";
/// Records with which one attachment was sent to one system that are looked at: corrections carry it again.
const MOST_SENT: usize = 16;

impl Store {
    fn put_upload(&mut self, verb: &UploadVerb) -> Result<UploadAnswer, JournalError> {
        match verb {
            UploadVerb::Put { system, digest, offset, done, key, at } => {
                self.write()?;
                let before = upload_key(&self.conn, system, digest)?;
                let key = self.keep_file_key(key, before.as_deref())?;
                if let Some(before) = before.filter(|before| *done && *before != key) {
                    self.destroy_file_key(&before)?;
                }
                let sum = UPLOAD.sum("system, digest, ?3, ?4, ?5, ?6, bound");
                let sql = format!(
                    "{} ON CONFLICT (system, digest) DO UPDATE SET size = ?3, done = ?4, key = ?5, at = ?6, guard = {sum}
                     WHERE done = 0 OR ?4 = 1",
                    UPLOAD.insert()
                );
                self.run(&sql, params![system, digest, signed(*offset), done, key, at.millis(), 0])?;
                Ok(UploadAnswer::default())
            }
            UploadVerb::Expire { before } => {
                let rows = uploads(&self.conn, "bound = 0 AND at < ?1", params![before.millis()])?;
                if !rows.is_empty() {
                    self.write()?;
                    for row in &rows {
                        if let Some(key) = upload_key(&self.conn, &row.system, &row.digest)? {
                            self.destroy_file_key(&key)?;
                        }
                    }
                    self.run("DELETE FROM upload WHERE bound = 0 AND at < ?1", params![before.millis()])?;
                }
                Ok(UploadAnswer { rows, ..UploadAnswer::default() })
            }
            UploadVerb::Find { .. } | UploadVerb::Page { .. } | UploadVerb::Unbound { .. } => {
                Ok(UploadAnswer::default())
            }
        }
    }

    fn add_revision(&mut self, new: &NewRevision) -> Result<u64, JournalError> {
        self.write()?;
        let last: Option<i64> =
            self.conn.query_row("SELECT max(number) FROM revision", [], |row| row.get(0)).map_err(storage)?;
        let number = last.unwrap_or(0) + 1;
        let sql = "INSERT INTO revision (number, author, reason, difference, oldest_binary, at, files, guard)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let guard = revision_guard(unsigned(number), new);
        let (author, reason, difference) = (&new.author, &new.reason, &new.difference);
        let files = new.files.as_ref();
        self.run(sql, params![number, author, reason, difference, new.oldest_binary, new.at.millis(), files, guard])?;
        let about = super::strays::About { revision: unsigned(number), ..Default::default() };
        self.put_cause(&about, true)?;
        self.did(&REVISED, &number.to_string(), None, new.at)?;
        Ok(unsigned(number))
    }

    fn spend_once(&mut self, jti: &str, until: Timestamp, now: Timestamp) -> Result<bool, JournalError> {
        let seen = self
            .conn
            .prepare_cached(&format!("SELECT 1 FROM spent WHERE jti = ?1 AND {} AND until >= ?2", SPENT.sound()));
        let mut seen = seen.map_err(storage)?;
        if seen.exists(params![jti, now.millis()]).map_err(storage)? {
            return Ok(false);
        }
        drop(seen);
        self.write()?;
        // A few expired ones go with each new one, so that the table stays as small as what is alive. Only those that expired
        // long ago: a clock that was ahead for a while would else make room for an assertion's second use.
        let long_ago = now.millis().saturating_sub(DAY_MILLIS);
        let sql = "DELETE FROM spent WHERE jti IN (SELECT jti FROM spent WHERE until < ?1 ORDER BY until LIMIT 16)";
        self.run(sql, params![long_ago])?;
        self.run(&SPENT.replace(), params![jti, until.millis()])?;
        Ok(true)
    }

    fn remember(&mut self, refusal: &Refused) -> Result<(), JournalError> {
        self.write()?;
        let day = refusal.at.millis().div_euclid(DAY_MILLIS);
        let last: Option<i64> = self
            .conn
            .query_row(
                "SELECT max(nth) FROM refusal WHERE system = ?1 AND day = ?2",
                params![refusal.system, day],
                |row| row.get(0),
            )
            .map_err(storage)?;
        let nth = last.map_or(0, |last| last + 1);
        if nth < REFUSALS_A_DAY {
            let (at, code) = (refusal.at.millis(), &refusal.code);
            self.run(&REFUSAL.insert(), params![refusal.system, day, nth, at, code, refusal.digest])?;
            let row = format!("{}/{day}/{nth}", refusal.system);
            self.did(&REFUSED, &row, Some(refusal.system.as_ref()), refusal.at)?;
        } else {
            self.apply(vec![Change::Count(format!("refused more/{}/{day}", refusal.system), 1)]);
        }
        self.apply(vec![Change::Count("refused".to_owned(), 1)]);
        Ok(())
    }

    fn counts(&self, now: Timestamp) -> Counts {
        let mut accepted: Vec<(String, u64)> =
            self.counters("accepted/").map(|(kind, count)| (kind.to_owned(), count)).collect();
        accepted.sort();
        let mut deliveries: std::collections::BTreeMap<(String, String, State), u64> = self
            .board
            .counts()
            .map(|(system, kind, state, count)| ((system.to_string(), kind.to_string(), state), count))
            .collect();
        for (name, count) in self.counters("settled/").filter(|(_, count)| *count > 0) {
            if let Some(key) = counted(name) {
                *deliveries.entry(key).or_default() += count;
            }
        }
        let oldest = self.board.oldest().map(|(system, lane, at)| {
            (system.to_string(), lane, u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX))
        });
        Counts {
            accepted,
            deliveries: deliveries.into_iter().map(|((system, kind, state), n)| (system, kind, state, n)).collect(),
            oldest: oldest.collect(),
            leaves: self.leaf,
            alerts: self.alarms.counts(),
            open: (self.board.len() as u64, self.limits.max_open_deliveries as u64),
            full: self.full,
            refused: self.counters("refused").filter(|(rest, _)| rest.is_empty()).map(|(_, count)| count).sum(),
        }
    }
}

impl SqliteJournal {
    pub(super) async fn register_upload(&self, verb: UploadVerb) -> Result<UploadAnswer, JournalError> {
        match verb {
            UploadVerb::Find { system, digest, given } => {
                self.readers.with(|conn| find_upload(conn, &system, &digest, &given))
            }
            UploadVerb::Unbound { system } => self.readers.with(|conn| unbound(conn, &system)),
            UploadVerb::Page { after, limit } => self.readers.with(|conn| page_of_uploads(conn, after.as_ref(), limit)),
            writes => self.writer.run(move |store| store.put_upload(&writes)).await,
        }
    }

    pub(super) async fn revisions(&self, verb: RevisionVerb) -> Result<Vec<RevisionRow>, JournalError> {
        match verb {
            RevisionVerb::Add(new, approval) => {
                let (added, keys) = (new.clone(), self.workshop.keys.clone());
                let add = move |store: &mut Store| {
                    let number = store.add_revision(&added)?;
                    let ended = approval.map(|approval| store.approved(&keys, *approval, format!("revision {number}")));
                    ended.unwrap_or(Ok(())).map(|()| number)
                };
                let number = self.writer.run(add).await?;
                Ok(vec![RevisionRow { number, revision: new }])
            }
            RevisionVerb::Newest => self
                .readers
                .with(|conn| revision_rows(conn, &format!("{REVISION} ORDER BY number DESC LIMIT 1"), params![])),
            RevisionVerb::Number(number) => self
                .readers
                .with(|conn| revision_rows(conn, &format!("{REVISION} WHERE number = ?1"), params![signed(number)])),
            RevisionVerb::History => {
                let mut all = self
                    .readers
                    .with(|conn| revision_rows(conn, &format!("{REVISION} ORDER BY number DESC"), params![]))?;
                for row in &mut all {
                    row.revision.files = Bytes::new();
                }
                Ok(all)
            }
        }
    }

    pub(super) async fn spend_token(&self, jti: &str, until: Timestamp) -> Result<bool, JournalError> {
        let (jti, now) = (jti.to_owned(), self.clock.now());
        self.writer.run(move |store| store.spend_once(&jti, until, now)).await
    }

    pub(super) async fn remember_refusal(&self, refusal: Refused) -> Result<(), JournalError> {
        self.writer.run(move |store| store.remember(&refusal)).await
    }

    pub(super) async fn counts(&self) -> Result<Counts, JournalError> {
        let now = self.clock.now();
        self.writer.run(move |store| Ok(store.counts(now))).await
    }
}

fn revision_guard(number: u64, new: &NewRevision) -> i64 {
    let texts = [&new.author, &new.reason, &new.difference, &new.oldest_binary].map(|text| text.as_bytes());
    let [author, reason, difference, binary] = texts;
    let parts = [author, reason, difference, binary, &new.at.millis().to_le_bytes(), &new.files];
    guard(&number.to_be_bytes(), &parts)
}

/// Every revision, one by one: what is wrong with each that is not as it was written.
pub(super) fn damaged_revisions(conn: &Connection) -> Result<Vec<String>, JournalError> {
    let mut numbers = conn.prepare("SELECT number FROM revision").map_err(storage)?;
    let numbers = numbers.query_map([], |row| row.get::<_, i64>(0)).map_err(storage)?;
    let mut found = Vec::new();
    for number in numbers {
        let number = number.map_err(storage)?;
        match revision_rows(conn, &format!("{REVISION} WHERE number = ?1"), params![number]) {
            Err(JournalError::Damaged(what)) => found.push(what),
            Err(error) => found.push(format!("revision `{number}`: {error}")),
            Ok(_) => {}
        }
    }
    Ok(found)
}

fn revision_rows(
    conn: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<RevisionRow>, JournalError> {
    let mut rows = conn.prepare_cached(sql).map_err(storage)?;
    let rows = rows
        .query_map(values, |row| {
            let revision = NewRevision {
                author: row.get(1)?,
                reason: row.get(2)?,
                difference: row.get(3)?,
                oldest_binary: row.get(4)?,
                at: Timestamp::from_millis(row.get(5)?),
                files: Bytes::from(row.get::<_, Vec<u8>>(6)?),
            };
            Ok((RevisionRow { number: unsigned(row.get(0)?), revision }, row.get::<_, i64>(7)?))
        })
        .map_err(storage)?;
    let mut all = Vec::new();
    for row in rows {
        let (row, said) = row.map_err(storage)?;
        if revision_guard(row.number, &row.revision) != said {
            return Err(damaged("revision", row.number));
        }
        all.push(row);
    }
    Ok(all)
}

/// The uploads for which this SQL holds.
fn uploads(conn: &Connection, which: &str, values: impl rusqlite::Params) -> Result<Vec<UploadRow>, JournalError> {
    let (sound, columns) = (UPLOAD.sound(), "system, digest, size, done, key");
    let sql = format!("SELECT {columns} FROM upload WHERE {sound} AND {which}");
    let parse = |row: &Row<'_>| {
        Ok(UploadRow {
            system: row.get(0)?,
            digest: row.get(1)?,
            offset: unsigned(row.get(2)?),
            done: row.get(3)?,
            key: row.get(4)?,
        })
    };
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let rows = rows.query_map(values, parse).map_err(storage)?;
    let whole = |row: UploadRow| Ok(file_key(conn, row.key.clone())?.map(|key| UploadRow { key, ..row }));
    rows.filter_map(|row| row.map_err(storage).and_then(whole).transpose()).collect()
}

/// What the row of an upload has of its file's key.
pub(super) fn upload_key(conn: &Connection, system: &str, digest: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
    let mut rows = conn.prepare_cached("SELECT key FROM upload WHERE system = ?1 AND digest = ?2").map_err(storage)?;
    rows.query_row(params![system, digest], |row| row.get(0)).optional().map_err(storage)
}

fn unbound(conn: &Connection, system: &str) -> Result<UploadAnswer, JournalError> {
    let sql =
        format!("SELECT coalesce(sum(size), 0) FROM upload WHERE bound = 0 AND system = ?1 AND {}", UPLOAD.sound());
    let mut row = conn.prepare_cached(&sql).map_err(storage)?;
    let bytes: i64 = row.query_row(params![system], |row| row.get(0)).map_err(storage)?;
    Ok(UploadAnswer { bytes: unsigned(bytes), ..UploadAnswer::default() })
}

fn page_of_uploads(
    conn: &Connection,
    after: Option<&(SystemName, Digest)>,
    limit: usize,
) -> Result<UploadAnswer, JournalError> {
    let which = "(system, digest) > (?1, ?2) ORDER BY system, digest LIMIT ?3";
    let (system, digest) = after.map_or(("", [].as_slice()), |(system, digest)| (system.as_str(), digest.as_slice()));
    Ok(UploadAnswer {
        rows: uploads(conn, which, params![system, digest, signed(limit as u64)])?,
        ..UploadAnswer::default()
    })
}

/// An attachment for who uploaded it, or for who was sent a record of one of these kinds that carries it. An upload of their
/// own that has only begun stands before what they were sent, and hides nothing of it.
fn find_upload(
    conn: &Connection,
    system: &str,
    digest: &Digest,
    given: &[KindName],
) -> Result<UploadAnswer, JournalError> {
    const ONE: &str = "system = ?1 AND digest = ?2";
    // The newest first: of a letterhead that goes with every record, somebody asks for the one that just came.
    let carriers = format!("SELECT seq FROM carried WHERE digest = ?1 AND {} ORDER BY seq DESC", CARRIED.sound());
    let rows = uploads(conn, ONE, params![system, digest])?;
    if given.is_empty() || rows.iter().any(|own| own.done) {
        return Ok(UploadAnswer { rows, ..UploadAnswer::default() });
    }
    let mut sent = Vec::new();
    let mut carriers = conn.prepare_cached(&carriers).map_err(storage)?;
    let carriers = carriers.query_map(params![digest], |row| row.get::<_, i64>(0)).map_err(storage)?;
    for seq in carriers {
        let seq = unsigned(seq.map_err(storage)?);
        let Some(row) = read::head_row(conn, seq)?.filter(|row| given.contains(&row.head.kind)) else { continue };
        let Some((revision, office)) = was_sent(conn, seq, row.id, system, row.head.deliveries.len(), &hex(digest))?
        else {
            continue;
        };
        for upload in uploads(conn, ONE, params![row.head.system, digest])? {
            let office = OfficeId::parse(&office).ok();
            sent.push(SentUpload { message: row.head.head(row.id, None)?, office, revision, upload });
        }
        if sent.len() >= MOST_SENT {
            break;
        }
    }
    Ok(UploadAnswer { rows, sent, bytes: 0 })
}

/// The revision by which a delivery of the message was frozen for the system with this attachment: it was, or is being, sent
/// to it.
fn was_sent(
    conn: &Connection,
    seq: u64,
    id: MessageId,
    system: &str,
    made: usize,
    sha256: &str,
) -> Result<Option<(u64, String)>, JournalError> {
    let mut numbers: Vec<u64> = (1..=made as u64).map(|n| (seq << 16) | n).collect();
    numbers.extend(read::added(conn, seq)?);
    for number in numbers {
        let delivery = id.delivery(u16::try_from(number & 0xffff).unwrap_or(0));
        let to = super::outcomes::delivery_row(conn, delivery)?.map(|(_, row, _)| row);
        let Some(to) = to.filter(|row| row.system == system) else { continue };
        let frozen: Option<FrozenRow> = read::guarded_row(conn, "frozen", number)?;
        if let Some(frozen) = frozen.filter(|frozen| !withholds_attachment(&frozen.withheld, sha256)) {
            return Ok(Some((frozen.revision, to.office.unwrap_or_default())));
        }
    }
    Ok(None)
}
