//! Which version of a record an office has: the one that a correction or withdrawal is said to replace. A version that was
//! superseded before it left is none that the office knows. Read when a delivery leaves, for later versions only.

use rusqlite::Connection;

use super::super::board::{Number, Open};
use super::super::{Action, JournalError, State};
use super::outcomes::made;
use super::read;
use super::rows::{DeliveryRow, HeadRow, SettledRow};
use crate::identifiers::MessageId;

/// The version that `office` has when it gets this one; none where to it this one is the first, or its own was taken back.
pub(super) fn before(
    conn: &Connection,
    head: &HeadRow,
    office: &str,
    action: Action,
) -> Result<Option<MessageId>, JournalError> {
    let mut earlier = head.replaces.as_deref().and_then(MessageId::parse);
    while let Some(id) = earlier.filter(|_| action != Action::New) {
        let Some(seq) = read::seq_of(conn, id)? else { return Ok(None) };
        let Some(row) = read::head_row(conn, seq)? else { return Ok(None) };
        match seen(conn, seq, &row.head, office)? {
            Some(Action::Withdraw) => return Ok(None),
            Some(_) => return Ok(Some(id)),
            None => earlier = row.head.replaces.as_deref().and_then(MessageId::parse),
        }
    }
    Ok(None)
}

/// What an office saw of one version, if anything: that of its newest delivery.
fn seen(conn: &Connection, seq: u64, head: &HeadRow, office: &str) -> Result<Option<Action>, JournalError> {
    let base = seq << 16;
    let mut numbers: Vec<Number> = (1..=head.deliveries.len() as u64).map(|nth| base | nth).collect();
    numbers.extend(read::added(conn, seq)?);
    for number in numbers.into_iter().rev() {
        let row: Option<DeliveryRow> = made(conn, head, number)?;
        if row.and_then(|row| row.office).as_deref() != Some(office) {
            continue;
        }
        let settled: Option<SettledRow> = read::guarded_row(conn, "settled", number)?;
        let open: Option<Open> = if settled.is_none() { read::guarded_row(conn, "open", number)? } else { None };
        let action = match (settled, open) {
            (Some(row), _) if matches!(row.state, State::Delivered | State::Rejected) => Some(row.action),
            (None, Some(open)) if open.left() || open.state == State::Rejected => Some(open.action),
            _ => None,
        };
        if action.is_some() {
            return Ok(action);
        }
    }
    Ok(None)
}
