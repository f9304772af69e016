//! Links between case keys as rows: brought by records and outcomes, ordered by persons, ended by persons and by the
//! correction of the record that brought them. A row is never deleted. What follows from links is said in `journal::links`.

use rusqlite::{Connection, Row, params};

use super::super::{Joint, Joints, JournalError, LinkRow, LinkVerb, NewLink, Ordered};
use super::SqliteJournal;
use super::acts::{LINKED, PARTED};
use super::index::{signed, unsigned};
use super::prepare::PreparedLink;
use super::read;
use super::store::{Change, Store};
use super::strays::About;
use super::sums::LINK;
use super::tables::storage;
use crate::clock::Timestamp;
use crate::identifiers::CaseKey;

/// Keys that one case is followed through: a case has a handful.
const KEYS: usize = 64;
/// Links of one key that are looked at, the newest first.
const LINKS: usize = 64;
/// Rows that say one and the same: more witnesses are not counted, so that a busy case does not bury its other links.
const WITNESSES: usize = 4;
/// Who ends a link whose record was corrected or withdrawn.
const CORRECTION: &str = "correction";

/// Where a link comes from.
pub(super) enum Source {
    /// A record or an outcome; `at`: the link's date, `written`: now.
    Message { seq: u64, at: Timestamp, written: Timestamp },
    /// A person.
    Person { order: Ordered, at: Timestamp },
}

impl Store {
    /// Writes the links of a message, after those that the version before it brought have ended.
    pub(super) fn put_links(
        &mut self,
        links: &[PreparedLink],
        source: &Source,
        replaced: Option<u64>,
        changes: &mut Vec<Change>,
    ) -> Result<(), JournalError> {
        if let (Some(replaced), Source::Message { written, .. }) = (replaced, source) {
            let sum = LINK.sum(&ended("''"));
            let sql = format!(
                "UPDATE link SET ended_at = ?1, ended_by = ?2, ended_reason = '', guard = {sum}
                 WHERE message = ?3 AND ended_at IS NULL"
            );
            self.run(&sql, params![written.millis(), CORRECTION, signed(replaced)])?;
            self.tell(self.ends_of(replaced)?)?;
        }
        let mut news: Vec<String> = Vec::new();
        for link in links {
            let known = self.alike(link)?;
            let alive = known.iter().filter(|row| row.ended.is_none()).count();
            // A person who parted two keys is not overruled by the next record that joins them.
            let parted = known.iter().any(|row| row.ended.as_ref().is_some_and(|(_, order)| order.by != CORRECTION));
            if alive < WITNESSES && (alive > 0 || !parted) {
                self.put_link(link, source, changes)?;
            }
            if alive == 0 && !parted {
                news.extend([&link.link.from, &link.link.to].map(ToString::to_string));
            }
        }
        self.tell(news)
    }

    /// The keys that a message's links had.
    fn ends_of(&self, message: u64) -> Result<Vec<String>, JournalError> {
        let sound = LINK.sound();
        let end = |end: &str| format!("SELECT {end} FROM link WHERE message = ?1 AND {sound}");
        let sql = format!("{} UNION {}", end("source"), end("target"));
        let mut rows = self.conn.prepare_cached(&sql).map_err(storage)?;
        let rows = rows.query_map(params![signed(message)], |row| row.get::<_, String>(0)).map_err(storage)?;
        rows.map(|key| key.map_err(storage)).collect()
    }

    /// Says that links of these keys came or went.
    fn tell(&mut self, cases: Vec<String>) -> Result<(), JournalError> {
        match cases.is_empty() {
            true => Ok(()),
            false => self.put_cause(&About { cases, ..About::default() }, true),
        }
    }

    fn put_link(
        &mut self,
        link: &PreparedLink,
        source: &Source,
        changes: &mut Vec<Change>,
    ) -> Result<u64, JournalError> {
        let number = self.link;
        let keys: Vec<u8> = link.hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let (message, at, order) = match source {
            Source::Message { seq, at, .. } => (signed(*seq), at, None),
            Source::Person { order, at } => (0, at, Some(order)),
        };
        let (from, to) = (link.link.from.as_str(), link.link.to.as_str());
        let (by, reason) = (order.map(|order| &order.by), order.map(|order| &order.reason));
        let (number_, none) = (signed(number), None::<String>);
        let row =
            params![number_, link.link.link, from, to, message, at.millis(), keys, by, reason, None::<i64>, none, none];
        self.run(&LINK.insert(), row)?;
        self.link += 1;
        changes.push(Change::Indexed(link.hashes.clone(), number));
        Ok(number)
    }

    /// The rows that say the same, ended ones too.
    fn alike(&self, link: &PreparedLink) -> Result<Vec<LinkRow>, JournalError> {
        let Some(hash) = link.hashes.first() else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        for number in self.index.find(&self.conn, *hash, u64::MAX, LINKS)? {
            rows.extend(link_row(&self.conn, number)?.filter(|row| row.link == link.link));
        }
        Ok(rows)
    }

    fn join(&mut self, link: &PreparedLink, order: Ordered, at: Timestamp) -> Result<Vec<LinkRow>, JournalError> {
        let mut known = self.alike(link)?;
        known.retain(|row| row.ended.is_none() && row.ordered.is_some());
        if !known.is_empty() {
            return Ok(known);
        }
        self.write()?;
        let mut changes = Vec::new();
        let number = self.put_link(link, &Source::Person { order, at }, &mut changes)?;
        self.did(&LINKED, &number.to_string(), None, at)?;
        let row = link_row(&self.conn, number)?;
        self.tell([&link.link.from, &link.link.to].map(ToString::to_string).to_vec())?;
        self.apply(changes);
        Ok(row.into_iter().collect())
    }

    fn part(&mut self, link: &PreparedLink, order: &Ordered, at: Timestamp) -> Result<Vec<LinkRow>, JournalError> {
        let mut known = self.alike(link)?;
        known.retain(|row| row.ended.is_none());
        if known.is_empty() {
            return Ok(known);
        }
        self.write()?;
        let sum = LINK.sum(&ended("?3"));
        let sql =
            format!("UPDATE link SET ended_at = ?1, ended_by = ?2, ended_reason = ?3, guard = {sum} WHERE number = ?4");
        for row in &mut known {
            self.run(&sql, params![at.millis(), order.by, order.reason, signed(row.number)])?;
            self.did(&PARTED, &row.number.to_string(), None, at)?;
            row.ended = Some((at, order.clone()));
        }
        self.tell([&link.link.from, &link.link.to].map(ToString::to_string).to_vec())?;
        Ok(known)
    }
}

impl SqliteJournal {
    pub(super) async fn links(&self, verb: LinkVerb) -> Result<Vec<LinkRow>, JournalError> {
        match verb {
            LinkVerb::Join(link, order, at) => {
                let link = self.workshop.link(link);
                self.writer.run(move |store| store.join(&link, order, at)).await
            }
            LinkVerb::Part(link, order, at) => {
                let link = self.workshop.link(link);
                self.writer.run(move |store| store.part(&link, &order, at)).await
            }
            LinkVerb::Of(key) => self.readers.with(|conn| {
                let hash = self.workshop.blind.hash("link", &[key.as_str()]);
                let mut rows = Vec::new();
                for number in self.index.above(conn, hash, 0, 1000)? {
                    let row = link_row(conn, number)?;
                    rows.extend(row.filter(|row| row.link.from == key || row.link.to == key));
                }
                Ok(rows)
            }),
        }
    }

    /// The links that are alive around some keys, and those of the keys that a person ended.
    pub(super) fn joints(&self, conn: &Connection, keys: &[CaseKey]) -> Result<(Joints, Vec<NewLink>), JournalError> {
        let mut keys = keys.to_vec();
        let mut joints: Vec<Joint> = Vec::new();
        let mut parted: Vec<NewLink> = Vec::new();
        let mut next = 0;
        while let Some(key) = keys.get(next).cloned() {
            next += 1;
            let hash = self.workshop.blind.hash("link", &[key.as_str()]);
            for number in self.index.find(conn, hash, u64::MAX, LINKS)? {
                let known = joints.iter().any(|joint| joint.number == number);
                let Some(row) = (if known { None } else { link_row(conn, number)? }) else { continue };
                if row.link.from != key && row.link.to != key {
                    continue;
                }
                if let Some((_, order)) = &row.ended {
                    parted.extend((order.by != CORRECTION).then_some(row.link));
                    continue;
                }
                let far = if row.link.from == key { &row.link.to } else { &row.link.from };
                // Cases that were clubbed or that answer each other go their own ways.
                let apart = matches!(row.link.link.as_str(), "clubbed-with" | "counter-case");
                if !apart && !keys.contains(far) && keys.len() < KEYS {
                    keys.push(far.clone());
                }
                joints.push(Joint { number, ordered: row.ordered.is_some(), at: row.at, link: row.link });
            }
        }
        joints.sort_by_key(|joint| joint.number);
        parted.retain(|link| !joints.iter().any(|joint| joint.link == *link));
        Ok((Joints(joints), parted))
    }
}

/// The columns of a link that has ended: at `?1` by `?2` for this reason.
fn ended(reason: &str) -> String {
    format!("number, link, source, target, message, at, keys, by, reason, ?1, ?2, {reason}")
}

fn link_row(conn: &Connection, number: u64) -> Result<Option<LinkRow>, JournalError> {
    let sound = LINK.sound();
    let sql = format!(
        "SELECT link, source, target, message, at, by, reason, ended_at, ended_by, ended_reason FROM link
         WHERE number = ?1 AND {sound}"
    );
    let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
    let mut rows = rows.query(params![signed(number)]).map_err(storage)?;
    match rows.next().map_err(storage)? {
        Some(row) => parse(conn, number, row),
        None => Ok(None),
    }
}

fn parse(conn: &Connection, number: u64, row: &Row<'_>) -> Result<Option<LinkRow>, JournalError> {
    let text = |column| row.get::<_, String>(column).map_err(storage);
    let order = |by: usize, reason: usize| -> Result<Option<Ordered>, JournalError> {
        let by: Option<String> = row.get(by).map_err(storage)?;
        let reason: Option<String> = row.get(reason).map_err(storage)?;
        Ok(by.map(|by| Ordered { by, reason: reason.unwrap_or_default() }))
    };
    let Some((from, to)) = CaseKey::parse(&text(1)?).zip(CaseKey::parse(&text(2)?)) else { return Ok(None) };
    let message = unsigned(row.get(3).map_err(storage)?);
    let at: i64 = row.get(4).map_err(storage)?;
    let ended: Option<i64> = row.get(7).map_err(storage)?;
    Ok(Some(LinkRow {
        number,
        link: NewLink { link: text(0)?, from, to },
        at: Timestamp::from_millis(at),
        message: if message == 0 { None } else { read::id_of(conn, message)? },
        ordered: order(5, 6)?,
        ended: ended.map(Timestamp::from_millis).zip(order(8, 9)?),
    }))
}
