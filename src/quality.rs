//! Quality of what systems send: how many of their records had which warning, and which of them still do not go together with
//! their case. Told from the journal at the moment of asking; it holds no state of its own. The checks are `config::checks`.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::config::Revision;
use crate::identifiers::MessageId;
use crate::journal::{Action, Journal, JournalError, MessageFilter, MessageView, Paper, SnapshotAsk, Tally, TallyAsk};

/// Records that one look at the journal counts.
const AT_ONCE: usize = 10_000;
/// Looks of one call: a longer period is counted in several.
const LOOKS: usize = 100;
/// Marked records that one call looks at again.
const AGAIN: usize = 500;
/// Marked records that are read from the journal together.
const PAGE: usize = 50;

/// Records that a rule marked and that are still so.
#[derive(Debug, Default)]
pub struct Standing {
    /// Oldest first.
    pub marks: Vec<Mark>,
    /// Where the next page begins, if there may be one.
    pub next: Option<MessageId>,
}

/// One of them.
#[derive(Debug)]
pub struct Mark {
    /// The record.
    pub view: MessageView,
    /// What does not go together, in words.
    pub message: String,
    /// The records that it was held against.
    pub against: Vec<MessageId>,
}

/// Counts records and warnings of a period; `next` where it is too long for one call.
pub async fn tally(
    journal: &dyn Journal,
    since: Timestamp,
    until: Timestamp,
    after: Option<MessageId>,
) -> Result<Tally, JournalError> {
    let mut all = Tally { next: after, ..Tally::default() };
    for _ in 0..LOOKS {
        let ask = TallyAsk { since, until, after: all.next, limit: AT_ONCE };
        all.add(journal.tally(ask).await?);
        if all.next.is_none() {
            break;
        }
        // A long period is many looks: others have their turn between them.
        tokio::task::yield_now().await;
    }
    Ok(all)
}

/// The records that got a warning of this rule and still stand. Those of a check are looked at again, with their case as it is
/// now: what was mended, by whatever came since, is not among them.
pub async fn standing(
    journal: &dyn Journal,
    revision: &Revision,
    rule: &str,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Standing, JournalError> {
    let mut found = Standing { next: after, ..Standing::default() };
    let mut looked = 0;
    while looked < AGAIN {
        let filter =
            MessageFilter { rule: Some(rule.to_owned()), after: found.next, limit: PAGE, ..MessageFilter::default() };
        let views = journal.messages(filter).await?;
        let last = views.len() < PAGE;
        looked += views.len();
        for view in views {
            if found.marks.len() >= limit {
                return Ok(found);
            }
            found.next = Some(view.head.id);
            found.marks.extend(again(journal, revision, rule, view).await?);
        }
        if last {
            found.next = None;
            break;
        }
    }
    Ok(found)
}

/// The mark as it is now; `None` where it is none any more.
async fn again(
    journal: &dyn Journal,
    revision: &Revision,
    rule: &str,
    view: MessageView,
) -> Result<Option<Mark>, JournalError> {
    if view.head.replaced_by.is_some() || view.head.action == Action::Withdraw {
        return Ok(None);
    }
    let told = |view: MessageView| {
        let said = |one: &&Value| one.get("rule").and_then(Value::as_str) == Some(rule);
        let text = |one: &Value| one.get("message").and_then(Value::as_str).map(str::to_owned);
        let message = view.stored.warnings.iter().find(said).and_then(text).unwrap_or_default();
        Mark { view, message, against: Vec::new() }
    };
    let Some(payload) = journal.payload(view.head.id).await? else { return Ok(Some(told(view))) };
    let record = Paper { view, shared: payload.shared };
    let tree: Value = serde_json::from_slice(&record.shared).unwrap_or_default();
    let papers = revision.compared(&record.view.head.kind, &tree);
    let ask = SnapshotAsk { cases: record.view.head.cases.clone(), papers, ..SnapshotAsk::default() };
    let papers = journal.snapshot(ask).await?.papers;
    let Some(findings) = revision.checked_again(rule, &record, &papers) else { return Ok(Some(told(record.view))) };
    let own = record.view.head.id;
    Ok(findings.into_iter().next().map(|finding| {
        let against = finding.against.into_iter().filter(|id| *id != own).collect();
        Mark { view: record.view, message: finding.message, against }
    }))
}
