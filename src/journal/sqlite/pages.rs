//! Pages of feeds. Without a cursor: what is unsettled, from the board. With one: everything above it, from the table.
//! What a page shows is marked as shown, durably, before it leaves: a correction must not pretend otherwise. Between the two
//! its reader may stop what must leave no more.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::super::board::{Number, Open};
use super::super::lanes::LineKey;
use super::super::{FeedAsk, FeedItem, FeedPage, FeedPosition, Frozen, JournalError, Lane, Reading, State};
use super::SqliteJournal;
use super::index::{signed, unsigned};
use super::readings::Unsealed;
use super::rows::{SettledRow, damaged};
use super::store::{Change, Store};
use super::sums::FEED;
use super::tables::storage;
use super::{had, read, work};
use crate::identifiers::{DeliveryId, MessageId, OfficeId};

/// With a cursor and a filter, at most so many items are passed over in one look (few in this crate's own tests) ...
const LOOKED_THROUGH: i64 = if cfg!(test) { 20 } else { 10_000 };
/// ... and so many looks are taken for a page that is still empty.
const LOOKS: usize = 100;

/// One item of a page before its bytes are read.
#[derive(Clone, Debug)]
struct Listed {
    number: Number,
    class: usize,
    position: u64,
    office: String,
}

/// What the board adds to a page.
#[derive(Debug, Default)]
struct Beside {
    /// Unsettled items with their liberty neighbours.
    opens: Vec<(Open, Vec<DeliveryId>)>,
    /// Items that have left the feed since they were listed.
    gone: HashSet<Number>,
    /// What overtook items that are settled: a cursor shows them again, and then they still say so.
    overtaken: HashMap<Number, Vec<Number>>,
}

impl Store {
    /// Lists unsettled items.
    fn page(&mut self, ask: &FeedAsk) -> Result<(super::super::board::Listing, Beside), JournalError> {
        let listing = self.board.list(ask);
        let known = self.beside(&listing.items)?;
        Ok((listing, known))
    }

    /// What the board and the settled rows say of listed items.
    fn beside(&self, numbers: &[Number]) -> Result<Beside, JournalError> {
        let opens = numbers.iter().filter_map(|number| self.board.find(*number)).cloned();
        let mut known = Beside::default();
        for open in opens {
            let after = self.ids(&self.board.after(&open));
            known.opens.push((open, after));
        }
        for number in numbers {
            let settled: Option<SettledRow> = match self.board.find(*number) {
                Some(_) => continue,
                None => read::guarded_row(&self.conn, "settled", *number)?,
            };
            match settled {
                Some(row) if matches!(row.state, State::Superseded | State::Recalled) => {
                    known.gone.insert(*number);
                }
                Some(row) if !row.overtaken_by.is_empty() => {
                    known.overtaken.insert(*number, row.overtaken_by);
                }
                _ => {}
            }
        }
        Ok(known)
    }

    /// Marks items, each at its position, as shown, and notes those that leave as read. Gives those that may not leave.
    fn show(
        &mut self,
        items: &[(Number, u64, MessageId)],
        unsealed: Option<Unsealed>,
    ) -> Result<HashSet<Number>, JournalError> {
        let mut gone = self.beside(&items.iter().map(|(number, ..)| *number).collect::<Vec<_>>())?.gone;
        let mut changes = Vec::new();
        let mut lines = HashSet::new();
        for (number, position, _) in items {
            let Some(open) = self.board.find(*number).cloned() else { continue };
            if open.state != State::Available || open.position != *position {
                gone.insert(*number);
            } else if open.shown {
                // Whoever has seen it may see it again: that changes no order.
            } else if self.board.behind_stopped(&open) || waits_with(&open, &lines) {
                gone.insert(*number);
                lines.extend(open.keys.iter().copied());
                self.begin(&changes)?;
                self.unshelve(&open)?;
                self.change(Open { state: State::Queued, ..open }, &mut changes)?;
            } else {
                self.begin(&changes)?;
                self.change(Open { shown: true, ..open }, &mut changes)?;
            }
        }
        let given = items.iter().filter(|(number, ..)| !gone.contains(number));
        let settled = given.clone().filter(|(number, ..)| self.board.find(*number).is_none());
        let again: Vec<String> = settled.map(|(.., id)| id.to_string()).collect();
        let given: Vec<String> = given.map(|(.., id)| id.to_string()).collect();
        if let Some(mut unsealed) = unsealed.filter(|_| !given.is_empty()) {
            (unsealed.reading.messages, unsealed.reading.again) = (given, again);
            self.begin(&changes)?;
            self.note(&unsealed)?;
        }
        self.apply(changes);
        Ok(gone)
    }

    fn begin(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        if changes.is_empty() { self.write() } else { Ok(()) }
    }
}

impl SqliteJournal {
    pub(super) async fn page(&self, ask: FeedAsk) -> Result<FeedPage, JournalError> {
        match ask.after {
            None => self.unsettled_page(ask).await,
            Some(after) => self.page_above(ask, after).await,
        }
    }

    async fn unsettled_page(&self, ask: FeedAsk) -> Result<FeedPage, JournalError> {
        let heads = ask.heads;
        let (listing, known) = self.writer.run(move |store| store.page(&ask)).await?;
        let listed = known.opens.iter().map(|(open, _)| Listed {
            number: open.number,
            class: open.class(),
            position: open.position,
            office: open.office.to_string(),
        });
        let listed: Vec<Listed> = listed.collect();
        let (items, next) = self.items(&listed, &known, listing.start, heads).await?;
        Ok(FeedPage { items, next, more: listing.more })
    }

    /// Whoever reads on until a page is empty must not stop before its own items because many of others stand before them.
    async fn page_above(&self, ask: FeedAsk, after: FeedPosition) -> Result<FeedPage, JournalError> {
        let mut page = self.look_above(&ask, after).await?;
        for _ in 1..LOOKS {
            if !page.items.is_empty() || !page.more {
                break;
            }
            page = self.look_above(&ask, page.next).await?;
        }
        Ok(page)
    }

    async fn look_above(&self, ask: &FeedAsk, after: FeedPosition) -> Result<FeedPage, JournalError> {
        let (mut listed, mut next, mut more) = self.readers.with(|conn| above(conn, ask, after))?;
        let numbers: Vec<Number> = listed.iter().map(|item| item.number).collect();
        let heads = ask.heads;
        let known = self.writer.run(move |store| store.beside(&numbers)).await?;
        listed.retain(|item| !known.gone.contains(&item.number));
        let fitting = if heads { listed.len() } else { self.fitting(&listed, ask.max_bytes)? };
        if fitting < listed.len() {
            listed.truncate(fitting);
            more = true;
        }
        let (items, last) = self.items(&listed, &known, after, heads).await?;
        // Where the page was cut for its size, it ends with its last item; otherwise behind all that was looked through.
        if more && !items.is_empty() {
            next = last;
        }
        Ok(FeedPage { items, next, more })
    }

    /// Marks a page, and leaves out what may not leave.
    pub(super) async fn shown(&self, mut page: FeedPage, reading: Option<Reading>) -> Result<FeedPage, JournalError> {
        if page.items.is_empty() {
            return Ok(page);
        }
        let place = |item: &FeedItem| match item.lane {
            Lane::Liberty => (item.number, item.position.liberty, item.message.id),
            _ => (item.number, item.position.rest, item.message.id),
        };
        let items: Vec<(Number, u64, MessageId)> = page.items.iter().map(place).collect();
        let unsealed = reading.map(|reading| self.unsealed(reading));
        let gone = self.writer.run(move |store| store.show(&items, unsealed)).await?;
        page.items.retain(|item| !gone.contains(&item.number));
        Ok(page)
    }

    /// How many items fit into the size, at least one.
    fn fitting(&self, listed: &[Listed], max_bytes: usize) -> Result<usize, JournalError> {
        self.readers.with(|conn| {
            let mut bytes = 0;
            for (count, item) in listed.iter().enumerate() {
                let row: Option<super::rows::FrozenRow> = read::guarded_row(conn, "frozen", item.number)?;
                bytes += row.map_or(0, |row| row.size);
                if count > 0 && bytes > max_bytes as u64 {
                    return Ok(count);
                }
            }
            Ok(listed.len())
        })
    }

    /// Reads the items, and says where the page ends. One that is damaged is parked, where a person sees it: the others of
    /// its feed do not wait for it.
    async fn items(
        &self,
        listed: &[Listed],
        known: &Beside,
        start: FeedPosition,
        heads: bool,
    ) -> Result<(Vec<FeedItem>, FeedPosition), JournalError> {
        let mut position = start;
        let mut items = Vec::with_capacity(listed.len());
        for item in listed {
            if item.class == 0 {
                position.liberty = item.position;
            } else {
                position.rest = item.position;
            }
            let open = known.opens.iter().find(|(open, _)| open.number == item.number);
            let settled = known.overtaken.get(&item.number);
            let overtaken = open.map(|(open, _)| &open.overtaken_by).or(settled).map_or(&[][..], Vec::as_slice);
            match self.readers.with(|conn| self.item(conn, item, open, overtaken, (position, heads))) {
                Ok(item) => items.push(item),
                Err(JournalError::Damaged(place)) => {
                    tracing::error!(%place, "an item of a feed cannot be read and is left out");
                    self.park_damaged(item.number).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok((items, position))
    }

    fn item(
        &self,
        conn: &Connection,
        item: &Listed,
        open: Option<&(Open, Vec<DeliveryId>)>,
        overtaken: &[Number],
        (position, heads): (FeedPosition, bool),
    ) -> Result<FeedItem, JournalError> {
        let seq = item.number >> 16;
        let row = if heads { read::head_row(conn, seq)? } else { read::full_row(conn, seq)? };
        let row = row.ok_or_else(|| damaged("message row", seq))?;
        let key = self.key_of(conn, seq, &row)?;
        let delivery = row.id.delivery(u16::try_from(item.number & 0xffff).unwrap_or(0));
        let made = super::outcomes::made(conn, &row.head, item.number)?.ok_or_else(|| damaged("delivery", delivery))?;
        let named = Open { number: item.number, message: row.id, ..Open::default() };
        let action = match open {
            Some((open, _)) => open.action,
            None => made.action,
        };
        let whole = !heads && frozen_is_original(conn, item.number)?;
        let original = if whole { Some(self.open_payload(&row, &key)?.0) } else { None };
        let frozen: Option<Frozen> = work::read_frozen(conn, &key, &named, original.as_ref(), heads)?;
        let replaced_by = read::next_version(conn, seq)?.map(|next| read::id_of(conn, next)).transpose()?.flatten();
        let mut message = row.head.head(row.id, replaced_by)?;
        message.replaces = had::before(conn, &row.head, &item.office, action)?;
        Ok(FeedItem {
            delivery,
            office: OfficeId::parse(&item.office).map_err(|_| damaged("delivery", delivery))?,
            action,
            lane: if item.class == 0 { Lane::Liberty } else { made.lane },
            position,
            message,
            frozen: frozen.ok_or_else(|| damaged("frozen", delivery))?,
            after: open.map_or_else(Vec::new, |(_, after)| after.clone()),
            overtaken_by: work::delivery_ids(conn, overtaken)?,
            cases: made.cases(&row.head),
            again: open.is_none(),
            number: item.number,
        })
    }
}

/// What goes back to wait takes along whatever shares a line with it.
fn waits_with(open: &Open, lines: &HashSet<LineKey>) -> bool {
    open.lane != Lane::Liberty && open.keys.iter().any(|key| lines.contains(key))
}

fn frozen_is_original(conn: &Connection, number: Number) -> Result<bool, JournalError> {
    let mut row = conn.prepare_cached("SELECT bytes IS NULL FROM frozen WHERE number = ?1").map_err(storage)?;
    row.query_row(params![signed(number)], |row| row.get(0)).map_err(storage)
}

/// Everything above a cursor, settled or not: the items, where the look ended, and whether there is more.
fn above(
    conn: &Connection,
    ask: &FeedAsk,
    after: FeedPosition,
) -> Result<(Vec<Listed>, FeedPosition, bool), JournalError> {
    let offices: HashSet<&str> = ask.offices.iter().map(OfficeId::as_str).collect();
    let mut listed = Vec::new();
    let mut next = after;
    let sound = FEED.sound();
    let sql = format!(
        "SELECT position, number, office, kind FROM feed
         WHERE system = ?1 AND class = ?2 AND position > ?3 AND {sound} ORDER BY position LIMIT ?4"
    );
    for class in 0..super::super::board::CLASSES {
        let end = if class == 0 { &mut next.liberty } else { &mut next.rest };
        let mut rows = conn.prepare_cached(&sql).map_err(storage)?;
        let mut rows =
            rows.query(params![ask.system, signed(class as u64), signed(*end), LOOKED_THROUGH]).map_err(storage)?;
        let mut looked = 0;
        while let Some(row) = rows.next().map_err(storage)? {
            if listed.len() >= ask.limit {
                return Ok((listed, next, true));
            }
            let position = unsigned(row.get(0).map_err(storage)?);
            let (office, kind): (String, String) = (row.get(2).map_err(storage)?, row.get(3).map_err(storage)?);
            let last = ask.upto.map_or(u64::MAX, |upto| if class == 0 { upto.liberty } else { upto.rest });
            if position > last {
                break;
            }
            *end = position;
            looked += 1;
            let wanted = (offices.is_empty() || offices.contains(office.as_str()))
                && (ask.kinds.is_empty() || ask.kinds.contains(&kind));
            if wanted {
                listed.push(Listed { number: unsigned(row.get(1).map_err(storage)?), class, position, office });
            }
        }
        if looked == LOOKED_THROUGH {
            return Ok((listed, next, true));
        }
    }
    Ok((listed, next, false))
}
