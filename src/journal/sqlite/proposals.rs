//! Proposals in the store: one row each, words and body sealed under a key of the row's own, numbered in order. One that ends
//! is sealed anew and loses its body.

use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use super::super::{Approval, JournalError, Proposal, ProposalEnd, ProposalRow, ProposalVerb};
use super::SqliteJournal;
use super::acts::{DECIDED, PROPOSED};
use super::index::{signed, unsigned};
use super::rows::{damaged, json, pack, sealing, unpack};
use super::store::Store;
use super::sums::PROPOSAL;
use super::tables::storage;
use crate::clock::Timestamp;
use crate::identifiers::MessageId;
use crate::seal::StoreKey;

/// What the parts are, under the seal.
const WORDS: &str = "proposal";
const BODY: &str = "proposal body";

impl Store {
    fn put_proposal(&self, keys: &StoreKey, proposal: &Proposal, body: Option<&[u8]>) -> Result<(), JournalError> {
        let id = MessageId::new(Timestamp::from_millis(proposal.at));
        let (key, wrapped) = keys.data_key().map_err(|_| sealing())?;
        let words = pack(&key, WORDS, id, &json(proposal)?)?;
        let body = body.map(|body| pack(&key, BODY, id, body)).transpose()?;
        let open = proposal.ended.is_none();
        self.run(&PROPOSAL.replace(), params![signed(proposal.number), open, id.bytes(), wrapped, words, body])
    }

    /// Ends what a deed carries out, in the deed's own transaction; a deed whose proposal has ended meanwhile is not done.
    pub(super) fn approved(&mut self, keys: &StoreKey, approval: Approval, done: String) -> Result<(), JournalError> {
        let Approval { number, end } = approval;
        match ended(self, keys, number, ProposalEnd { done, ..end })?.is_empty() {
            true => Err(JournalError::Storage(format!("proposal {number} has ended: it is not done again"))),
            false => Ok(()),
        }
    }
}

impl SqliteJournal {
    pub(super) async fn over_proposals(&self, verb: ProposalVerb) -> Result<Vec<ProposalRow>, JournalError> {
        let keys = self.workshop.keys.clone();
        match verb {
            ProposalVerb::Add(proposal, body) => {
                let add = move |store: &mut Store| {
                    store.write()?;
                    let number = store.last("SELECT max(number) FROM proposal")? + 1;
                    let proposal = Proposal { number, ..*proposal };
                    store.put_proposal(&keys, &proposal, Some(&body))?;
                    store.did(&PROPOSED, &number.to_string(), None, Timestamp::from_millis(proposal.at))?;
                    Ok(vec![ProposalRow { proposal, body: None }])
                };
                self.writer.run(add).await
            }
            ProposalVerb::End(number, end) => self.writer.run(move |store| ended(store, &keys, number, end)).await,
            ProposalVerb::Number(number) => self.readers.with(|conn| one(conn, &keys, number)),
            ProposalVerb::List { open, before, limit } => self.readers.with(|conn| {
                let sql = format!(
                    "SELECT number, id, wrapped, sealed, NULL FROM proposal
                     WHERE number < ?1 AND open >= ?2 AND {} ORDER BY number DESC LIMIT ?3",
                    PROPOSAL.sound()
                );
                let asked = params![before.map_or(i64::MAX, signed), open, signed(limit as u64)];
                rows(conn, &keys, &sql, asked)
            }),
        }
    }
}

fn ended(store: &mut Store, keys: &StoreKey, number: u64, end: ProposalEnd) -> Result<Vec<ProposalRow>, JournalError> {
    let Some(ProposalRow { mut proposal, .. }) = one(&store.conn, keys, number)?.pop() else { return Ok(Vec::new()) };
    if proposal.ended.is_some() {
        return Ok(Vec::new());
    }
    let at = Timestamp::from_millis(end.at);
    proposal.ended = Some(end);
    store.write()?;
    store.put_proposal(keys, &proposal, None)?;
    store.did(&DECIDED, &number.to_string(), None, at)?;
    Ok(vec![ProposalRow { proposal, body: None }])
}

fn one(conn: &Connection, keys: &StoreKey, number: u64) -> Result<Vec<ProposalRow>, JournalError> {
    let sound = PROPOSAL.sound();
    let sql = format!("SELECT number, id, wrapped, sealed, body FROM proposal WHERE number = ?1 AND {sound}");
    rows(conn, keys, &sql, params![signed(number)])
}

fn rows(
    conn: &Connection,
    keys: &StoreKey,
    sql: &str,
    asked: impl rusqlite::Params,
) -> Result<Vec<ProposalRow>, JournalError> {
    let mut statement = conn.prepare_cached(sql).map_err(storage)?;
    let mut found = statement.query(asked).map_err(storage)?;
    let mut all = Vec::new();
    while let Some(row) = found.next().map_err(storage)? {
        all.push(opened(row, keys)?);
    }
    Ok(all)
}

fn opened(row: &Row<'_>, keys: &StoreKey) -> Result<ProposalRow, JournalError> {
    let number = unsigned(row.get(0).map_err(storage)?);
    let id = MessageId::from_bytes(row.get(1).map_err(storage)?);
    let (wrapped, words): (Vec<u8>, Vec<u8>) = (row.get(2).map_err(storage)?, row.get(3).map_err(storage)?);
    let body: Option<Vec<u8>> = row.get(4).map_err(storage)?;
    let wrong = || damaged(WORDS, number);
    let key = keys.unwrap(&wrapped).map_err(|_| wrong())?;
    let proposal: Proposal = serde_json::from_slice(&unpack(&key, WORDS, id, &words)?).map_err(|_| wrong())?;
    let body: Option<Bytes> = body.map(|body| unpack(&key, BODY, id, &body)).transpose()?;
    Ok(ProposalRow { proposal: Proposal { number, ..proposal }, body })
}
