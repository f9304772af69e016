//! Which attachments a system may read: its own uploads, and those that came with a record, as long as the newest sharing rule
//! still gives each of them. Read `attachments` for what is done with one.

use super::Exchange;
use crate::accept::Refusal;
use crate::config::Sight;
use crate::journal::{Digest, SentUpload, UploadRow, UploadVerb, joined, withholds_attachment};
use crate::seal;
use crate::tokens::Caller;

/// The caller's own upload, and what they were sent and are still given.
pub(in crate::exchange) async fn find(
    exchange: &Exchange,
    caller: &Caller,
    digest: Digest,
) -> Result<Vec<UploadRow>, Refusal> {
    let given = caller.revision().sharing.kinds_for(caller.system()?);
    let answer =
        exchange.journal().upload(UploadVerb::Find { system: caller.name().to_owned(), digest, given }).await?;
    let mut rows = answer.rows;
    // Of somebody else's upload only what is whole can have been sent.
    for sent in answer.sent.into_iter().filter(|sent| sent.upload.done) {
        if still_given(exchange, caller, &sent, digest).await? {
            rows.push(sent.upload);
            break;
        }
    }
    Ok(rows)
}

/// Whether the newest sharing rule still gives the file that came with a record.
async fn still_given(exchange: &Exchange, caller: &Caller, sent: &SentUpload, digest: Digest) -> Result<bool, Refusal> {
    let (revision, system, head) = (caller.revision(), caller.system()?, &sent.message);
    let same = sent.revision == revision.number && !revision.sharing.by_case();
    if same || !revision.sharing.cuts(&head.kind, system) {
        return Ok(true);
    }
    let Some(payload) = exchange.journal().payload(head.id).await? else { return Ok(false) };
    let Ok(shared) = serde_json::from_slice(&payload.shared) else { return Ok(false) };
    let joined = joined(exchange.journal(), &head.cases).await?;
    let (own, at) = (&head.cases, exchange.desk.clock.now());
    let sight = Sight { system, office: sent.office.as_ref(), own, joined: &joined, at, takes_back: false };
    let permitted = revision.permit_to(&head.kind, &sight, &head.system, shared);
    Ok(permitted.is_some_and(|permitted| !withholds_attachment(&permitted.withheld, &seal::hex(&digest))))
}
