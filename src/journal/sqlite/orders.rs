//! A person's orders over one delivery: retry, release, replay, repair. Each leaves a row with who, why and when.

use rusqlite::{Connection, params};
use serde_json::json;

use super::super::board::Open;
use super::super::lanes::Place;
use super::super::{Action, How, JournalError, NewDelivery, Order, OrderAnswer, OrderVerb, State};
use super::SqliteJournal;
use super::acts::ORDERED;
use super::prepare::{NewOpen, delivery_row, new_open};
use super::read;
use super::rows::{DeliveryRow, FrozenRow, SettledRow};
use super::store::{Change, Store, settled_counter};
use super::sums::ORDERS;
use crate::clock::Timestamp;
use crate::identifiers::DeliveryId;
use crate::seal::StoreKey;

impl Store {
    fn order(
        &mut self,
        order: &Order,
        number: u64,
        repair: Option<Added>,
        keys: &StoreKey,
    ) -> Result<OrderAnswer, JournalError> {
        let open = self.board.find(number).cloned();
        let settled: Option<SettledRow> = match open {
            Some(_) => None,
            None => read::guarded_row(&self.conn, "settled", number)?,
        };
        self.write()?;
        let mut changes = Vec::new();
        let answer = match (&order.verb, open, settled) {
            (_, None, None) => return Ok(OrderAnswer::NotFound),
            (OrderVerb::Retry, Some(open), _) => self.retry(open, order, &mut changes)?,
            (OrderVerb::Release, Some(open), _) => self.release(open, order, &mut changes)?,
            (OrderVerb::Replay, None, Some(settled)) => self.replay(number, &settled, order, &mut changes)?,
            (OrderVerb::Replay, Some(open), _) if open.state == State::Available => {
                self.unshelve(&open)?;
                let mut open = Open { shown: false, ..open };
                self.shelve(&mut open, &mut changes)?;
                self.change(open, &mut changes)?;
                OrderAnswer::Done(order.delivery)
            }
            (OrderVerb::Park { code }, Some(open), _) if open.state == State::Available => {
                self.unshelve(&open)?;
                self.change(Open { state: State::Parked, code: Some(code.clone()), ..open }, &mut changes)?;
                OrderAnswer::Done(order.delivery)
            }
            (OrderVerb::TakeBack(_), open, settled) => self.take_back(order, open, settled, repair, &mut changes)?,
            (OrderVerb::Repair(_), open, settled) => self.repair(order, open, settled, repair, &mut changes)?,
            (_, Some(open), _) => OrderAnswer::NotNow(open.state),
            (_, None, Some(settled)) => OrderAnswer::NotNow(settled.state),
        };
        if let OrderAnswer::Done(now) = answer {
            self.note_order(order, now)?;
            if let Some(approval) = order.approval.clone() {
                self.approved(keys, approval, format!("delivery {now}"))?;
            }
        }
        self.apply(changes);
        Ok(answer)
    }

    fn note_order(&mut self, order: &Order, now: DeliveryId) -> Result<(), JournalError> {
        let verb = match order.verb {
            OrderVerb::Retry => "retry",
            OrderVerb::Release => "release",
            OrderVerb::Replay => "replay",
            OrderVerb::Park { .. } => "park",
            OrderVerb::Repair(_) => "repair",
            OrderVerb::TakeBack(_) => "take-back",
        };
        let row = json!({
            "delivery": order.delivery.to_string(), "verb": verb, "by": order.by, "reason": order.reason,
            "at": order.at.millis(), "now": now.to_string(),
        });
        self.run(&ORDERS.insert(), params![row.to_string().into_bytes()])?;
        self.did(&ORDERED, &self.conn.last_insert_rowid().to_string(), None, order.at)
    }

    fn retry(&self, open: Open, order: &Order, changes: &mut Vec<Change>) -> Result<OrderAnswer, JournalError> {
        let mendable = matches!(open.state, State::Parked | State::Retrying | State::Held) && open.lease.is_none();
        if !mendable || open.office.is_empty() {
            return Ok(OrderAnswer::NotNow(open.state));
        }
        // What never left is encoded anew and waits its turn; what may have left goes on with its bytes at once.
        let state = if open.frozen_at.is_some() { State::Retrying } else { State::Queued };
        let due = Some(order.at);
        let open = Open { state, due, code: None, deadline: None, released: false, first_answer_at: None, ..open };
        self.change(open, changes)?;
        Ok(OrderAnswer::Done(order.delivery))
    }

    fn release(&mut self, open: Open, order: &Order, changes: &mut Vec<Change>) -> Result<OrderAnswer, JournalError> {
        match open.state {
            State::Rejected => self.end(&open, State::Rejected, order.at, changes)?,
            State::Parked => self.change(Open { released: true, ..open }, changes)?,
            other => return Ok(OrderAnswer::NotNow(other)),
        }
        Ok(OrderAnswer::Done(order.delivery))
    }

    /// The same id and bytes once more.
    fn replay(
        &mut self,
        number: u64,
        settled: &SettledRow,
        order: &Order,
        changes: &mut Vec<Change>,
    ) -> Result<OrderAnswer, JournalError> {
        let frozen: Option<FrozenRow> = read::guarded_row(&self.conn, "frozen", number)?;
        let again = matches!(settled.state, State::Delivered | State::Rejected);
        let (Some(frozen), true) = (frozen, again) else { return Ok(OrderAnswer::NotNow(settled.state)) };
        let Some((_, made, kind)) = super::outcomes::delivery_row(&self.conn, order.delivery)? else {
            return Ok(OrderAnswer::NotFound);
        };
        let row = read::head_row(&self.conn, number >> 16)?;
        let mut open = Open {
            number,
            message: order.delivery.message(),
            system: made.system.as_str().into(),
            office: made.office.as_deref().unwrap_or_default().into(),
            kind: kind.as_str().into(),
            how: made.how,
            action: settled.action,
            lane: made.lane,
            state: if made.how == How::Feed { State::Available } else { State::Retrying },
            place: settled.place,
            keys: settled.keys.clone(),
            accepted_at: row.map_or(order.at, |row| row.head.accepted_at),
            attempts: settled.attempts,
            due: Some(order.at),
            frozen_at: settled.frozen_at.or(Some(order.at)),
            size: frozen.size,
            park_on_reject: settled.park_on_reject,
            position: settled.position,
            overtaken_by: settled.overtaken_by.clone(),
            ..Open::default()
        };
        if open.state == State::Available {
            if settled.position > 0 {
                self.unshelve(&open)?;
            }
            self.shelve(&mut open, changes)?;
        }
        self.run("DELETE FROM settled WHERE number = ?1", params![super::index::signed(number)])?;
        self.put_open(&open)?;
        changes.push(Change::Count(settled_counter(&open.system, &open.kind, settled.state), -1));
        changes.push(Change::Insert(open));
        Ok(OrderAnswer::Done(order.delivery))
    }

    /// A new delivery under a new id, in the place of the old one; where no byte of that has left, the same id goes on.
    fn repair(
        &mut self,
        order: &Order,
        old: Option<Open>,
        settled: Option<SettledRow>,
        new: Option<Added>,
        changes: &mut Vec<Change>,
    ) -> Result<OrderAnswer, JournalError> {
        let Some(mut new) = new else { return Ok(OrderAnswer::NotFound) };
        let behind = match (old, settled) {
            (Some(old), _) if !old.left() && old.lease.is_none() && old.state != State::Rejected => {
                self.displace(old, new, changes)?;
                return Ok(OrderAnswer::Done(order.delivery));
            }
            (Some(old), _) => {
                let state = if old.state == State::Rejected { State::Rejected } else { State::Recalled };
                new.open.place = old.place;
                new.open.overtaken_by.clone_from(&old.overtaken_by);
                self.end(&old, state, order.at, changes)?;
                None
            }
            (None, Some(settled)) => {
                new.open.overtaken_by = settled.overtaken_by;
                Some(settled.place)
            }
            (None, None) => return Ok(OrderAnswer::NotFound),
        };
        self.add(new, behind, order.at, changes).map(OrderAnswer::Done)
    }

    /// What has not left stays here; of what has, a further delivery tells the office that it is taken back.
    fn take_back(
        &mut self,
        order: &Order,
        old: Option<Open>,
        settled: Option<SettledRow>,
        new: Option<Added>,
        changes: &mut Vec<Change>,
    ) -> Result<OrderAnswer, JournalError> {
        let Some(mut new) = new else { return Ok(OrderAnswer::NotFound) };
        let behind = match (old, settled) {
            (Some(old), _) if old.lease.is_some() => return Ok(OrderAnswer::NotNow(old.state)),
            (Some(old), _) => {
                let left = old.left();
                let state = if old.state == State::Rejected { State::Rejected } else { State::Recalled };
                self.end(&old, state, order.at, changes)?;
                if !left || state == State::Rejected {
                    return Ok(OrderAnswer::Done(order.delivery));
                }
                new.open.place = old.place;
                None
            }
            (None, Some(settled)) if settled.state == State::Delivered && settled.action != Action::Withdraw => {
                Some(settled.place)
            }
            (None, Some(settled)) => return Ok(OrderAnswer::NotNow(settled.state)),
            (None, None) => return Ok(OrderAnswer::NotFound),
        };
        self.add(new, behind, order.at, changes).map(OrderAnswer::Done)
    }

    /// Writes a delivery of a message that was accepted before; `behind`: it goes behind what is under way, but not before
    /// that place.
    pub(super) fn add(
        &mut self,
        new: Added,
        behind: Option<Place>,
        at: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<DeliveryId, JournalError> {
        self.party(&new, changes)?;
        let Added { mut open, row, .. } = new;
        // Another one may have taken the ordinal since it was chosen.
        let last = read::added(&self.conn, open.number >> 16)?.last().copied().unwrap_or(0);
        open.number = open.number.max(last + 1);
        if let Some(base) = behind {
            open.place = self.board.behind(&open.keys, base, open.number);
        }
        self.put::<DeliveryRow>("added", open.number, &row)?;
        let id = open.id();
        self.put_open(&open)?;
        self.await_copy(&open, at, changes)?;
        changes.push(Change::Insert(open));
        Ok(id)
    }

    /// A delivery of which no byte has left goes elsewhere, or begins anew, under its own id and in its own place.
    pub(super) fn displace(&mut self, old: Open, new: Added, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        self.party(&new, changes)?;
        if old.state == State::Available {
            self.unshelve(&old)?;
        }
        self.run("DELETE FROM frozen WHERE number = ?1", params![super::index::signed(old.number)])?;
        let Added { open: to, row, .. } = new;
        let later = read::added(&self.conn, old.number >> 16)?.contains(&old.number);
        self.put::<DeliveryRow>(if later { "added" } else { "moved" }, old.number, &row)?;
        let open = Open {
            number: old.number,
            place: old.place,
            attempts: old.attempts,
            overtaken_by: old.overtaken_by,
            first_answer_at: old.first_answer_at,
            action: old.action,
            ..to
        };
        self.put_open(&open)?;
        self.await_copy(&open, open.accepted_at, changes)?;
        changes.push(Change::Remove(open.number));
        changes.push(Change::Insert(open));
        Ok(())
    }

    /// Whoever finds messages by their receivers finds this one.
    fn party(&self, new: &Added, changes: &mut Vec<Change>) -> Result<(), JournalError> {
        let Some(party) = new.party else { return Ok(()) };
        let seq = new.open.number >> 16;
        let (hash, number) = (party, super::index::signed(seq));
        self.run("INSERT OR IGNORE INTO keyed (hash, number) VALUES (?1, ?2)", params![hash, number])?;
        changes.push(Change::Indexed(vec![party], seq));
        Ok(())
    }
}

/// A delivery that is made after acceptance, ready to be written.
pub(super) struct Added {
    pub(super) open: Open,
    pub(super) row: DeliveryRow,
    /// The hash by which its system finds the message; none where no system is known.
    party: Option<i64>,
}

impl SqliteJournal {
    pub(super) async fn obey(&self, order: Order) -> Result<OrderAnswer, JournalError> {
        let found = self.readers.with(|conn| super::outcomes::delivery_row(conn, order.delivery))?;
        let Some((number, ..)) = found else { return Ok(OrderAnswer::NotFound) };
        if let Some(at) = self.readers.with(|conn| super::prune::pruned_at(conn, number >> 16))? {
            return Ok(OrderAnswer::Pruned(at));
        }
        let repair = match &order.verb {
            OrderVerb::Repair(to) | OrderVerb::TakeBack(to) => {
                self.readers.with(|conn| self.added(conn, number, to))?
            }
            _ => None,
        };
        let keys = self.workshop.keys.clone();
        self.writer.run(move |store| store.order(&order, number, repair, &keys)).await
    }

    /// A further delivery of the message that the delivery `number` is of.
    pub(super) fn added(
        &self,
        conn: &Connection,
        number: u64,
        to: &NewDelivery,
    ) -> Result<Option<Added>, JournalError> {
        let Some(row) = read::head_row(conn, number >> 16)? else { return Ok(None) };
        let base = (number >> 16) << 16;
        let last = read::added(conn, number >> 16)?.last().map(|number| number & 0xffff);
        let ordinal = last.unwrap_or(row.head.deliveries.len() as u64) + 1;
        let office = to.office.as_ref().map_or("", |office| office.as_str());
        let keys = to.keys.iter().map(|key| self.workshop.blind.line(office, to.lane, key));
        let keys = if office.is_empty() { Vec::new() } else { keys.collect() };
        let (message, accepted_at) = (row.id, row.head.accepted_at);
        let new = NewOpen { message, kind: &row.head.kind, accepted_at, to, ordinal: base | ordinal, bulk: false };
        let action = if to.action == Action::New { row.head.action } else { to.action };
        let open = Open { action, ..new_open(&new, keys) };
        let party = (!to.system.is_empty()).then(|| self.workshop.blind.hash("party", &[&to.system]));
        Ok(Some(Added { open, row: delivery_row(to), party }))
    }
}
