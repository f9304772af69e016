//! The gateway's book of one partner and one day: made of the journal as it is, so that the same day has the same book once all
//! of it is settled. Its form, and how two books are compared, is `icjs_proof::books`.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icjs_proof::books::{Book, Line, Side, TYP};

use crate::clock::Timestamp;
use crate::journal::{Journal, JournalError, MessageFilter, MessageView, State};
use crate::seal::{self, SigningKey};

/// A day has no other length here: Indian Standard Time is never moved.
const DAY: Duration = Duration::from_secs(86_400);
/// Messages of one look.
const PAGE: usize = 500;

/// The book of a system and a day that begins at `start`, signed.
pub async fn signed(
    journal: &dyn Journal,
    system: &str,
    day: &str,
    start: Timestamp,
    key: &SigningKey,
) -> Result<String, JournalError> {
    let book = Book { system: system.to_owned(), day: day.to_owned(), lines: lines(journal, system, start).await? };
    let header = format!(r#"{{"typ":"{TYP}","alg":"EdDSA","kid":"{}"}}"#, key.id());
    let signature = key.jws(&URL_SAFE_NO_PAD.encode(header), &book.claims());
    Ok(book.signed(&signature))
}

async fn lines(journal: &dyn Journal, system: &str, start: Timestamp) -> Result<BTreeSet<Line>, JournalError> {
    let mut filter =
        MessageFilter { party: Some(system.to_owned()), since: Some(start), limit: PAGE, ..MessageFilter::default() };
    let end = start.after(DAY);
    let mut found = BTreeSet::new();
    loop {
        let views = journal.messages(filter.clone()).await?;
        let Some(last) = views.last() else { break };
        filter.after = Some(last.head.id);
        // The clock may have been set back in between: only a day behind the end is surely behind it.
        let over = last.head.accepted_at > end.after(DAY) || views.len() < PAGE;
        for view in views.iter().filter(|view| view.head.accepted_at >= start && view.head.accepted_at < end) {
            found.extend(of(view, system));
        }
        if over {
            break;
        }
    }
    Ok(found)
}

fn of(view: &MessageView, system: &str) -> Vec<Line> {
    let from = Some(view.head.office.to_string());
    let mut lines = Vec::new();
    // What a receiver says of a delivery is a message of its own here, and no record that it sent.
    if view.head.system == system && view.head.about.is_none() {
        let (id, sha256) = (view.head.id.to_string(), Some(seal::hex(&view.head.digest)));
        lines.push(Line { side: Side::Sent, from: from.clone(), to: None, id, sha256 });
    }
    let handed = |state| matches!(state, State::Delivered | State::Rejected);
    lines.extend(view.deliveries.iter().filter(|to| to.system == system && handed(to.state)).map(|to| Line {
        side: Side::Received,
        from: from.clone(),
        to: to.office.as_ref().map(ToString::to_string),
        id: to.id.to_string(),
        sha256: None,
    }));
    lines
}
