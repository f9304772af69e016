//! Who gets a record, and with what order: the revision decides over one read of the journal; here its decision becomes
//! deliveries with lanes, keys and states. What cannot be decided is a parked delivery with a reason, never a refusal.

use std::time::Duration;

use serde_json::{Value, json};

use super::Desk;
use super::decode::Record;
use super::receive;
use super::refuse::Refusal;
use crate::clock::Timestamp;
use crate::config::sections::Strange;
use crate::config::{Facts, rerouted};
use crate::identifiers::{KindName, MessageId};
use crate::journal::{Action, Entry, Joint, Lane, NewDelivery, NewLink, Snapshot, SnapshotAsk, Whereabout};
use crate::rerouting::delivery;
use crate::tokens::Caller;

/// A sender's clock may be so much ahead of ours without a warning.
const AHEAD: Duration = Duration::from_secs(600);

/// The entry that the journal will write.
pub async fn route(desk: &Desk, caller: &Caller, record: Record) -> Result<Entry, Refusal> {
    let ask = caller.revision().ask(&record.door.kind, &record.facts);
    let papers = compared(caller, &record);
    let compares = !papers.is_empty();
    let ask = SnapshotAsk { replaces: record.door.replaces, papers, ..ask };
    let known = desk.journal.snapshot(ask).await?;
    if let Some(id) = record.door.replaces {
        let mine = known.replaced.as_ref().is_some_and(|replaced| replaced.head.system == caller.name());
        if !mine {
            return Err(receive::nothing_to_replace(id));
        }
    }
    let now = desk.clock.now();
    let id = MessageId::new(now);
    let deliveries = deliveries(desk, caller, &record, &known, id, now);
    let mut warnings = warnings(&record, &known, now);
    warnings.extend(unasked(caller, &record, &known));
    warnings.extend(odd(caller, &record, &known));
    let whereabouts = whereabouts(caller, &record.facts);
    let Record { door, bytes, shared_text, facts, office, key, .. } = record;
    let media_type = door.dialect()?.codec.media_type().to_owned();
    Ok(Entry {
        id,
        system: caller.name().to_owned(),
        office,
        kind: door.kind,
        action: door.action,
        replaces: door.replaces,
        reason: door.reason,
        actor: door.actor.map(|officer| officer.to_string()),
        idempotency: Some(key),
        original: bytes,
        media_type,
        shared: shared_text,
        occurred_at: facts.occurred_at,
        recorded_at: facts.recorded_at,
        entry: if facts.entry.is_empty() { "live".to_owned() } else { facts.entry },
        accepted_at: now,
        revision: caller.revision().number,
        news: known.news,
        compared: compares.then_some(known.upto),
        cases: facts.cases,
        persons: facts.persons,
        threads: facts.threads,
        links: facts.links,
        whereabouts,
        attachments: facts.attachments,
        bulk: door.bulk,
        deliveries,
        warnings,
    })
}

/// Kinds of the case's other papers that the record is compared with. What is taken back is compared with nothing.
pub fn compared(caller: &Caller, record: &Record) -> Vec<KindName> {
    match record.door.action {
        Action::Withdraw => Vec::new(),
        _ => caller.revision().compared(&record.door.kind, record.shared.tree()),
    }
}

fn deliveries(
    desk: &Desk,
    caller: &Caller,
    record: &Record,
    known: &Snapshot,
    id: MessageId,
    now: Timestamp,
) -> Vec<NewDelivery> {
    let revision = caller.revision();
    let door = &record.door;
    let lane =
        record.facts.lane.or_else(|| revision.kinds.get(&door.kind).map(|kind| kind.lane)).unwrap_or(Lane::Record);
    let keys = desk.rerouting.keys(&record.facts, door.replaces, known, lane, id);
    let routed = revision.route(&door.kind, record.shared.tree(), &record.facts, known);
    let planned = match &known.replaced {
        None => routed.into_iter().map(|destination| (destination, door.action)).collect(),
        Some(replaced) => rerouted(door.action, routed, &replaced.deliveries),
    };
    planned
        .into_iter()
        .map(|(destination, action)| delivery(destination, &record.facts, (action, lane), keys.clone(), now))
        .collect()
}

/// A system speaks for its own prisons only; of another one it says where a transfer came from or goes to.
fn whereabouts(caller: &Caller, facts: &Facts) -> Vec<Whereabout> {
    let serves = |prison| caller.revision().serving(prison).is_some_and(|system| system.name == caller.name());
    let known = facts.whereabouts.iter().any(|one| one.own && serves(&one.prison));
    if known { facts.whereabouts.clone() } else { Vec::new() }
}

fn warnings(record: &Record, known: &Snapshot, now: Timestamp) -> Vec<Value> {
    let mut warnings: Vec<Value> = record.warnings.iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
    let cases = &record.facts.cases;
    let opens = record.door.kind().is_ok_and(|kind| kind.opens_case);
    if !cases.is_empty() && !opens && cases.iter().all(|key| known.unknown.contains(key)) {
        warnings.push(json!({
            "rule": "provisional-case",
            "message": "no earlier record has any of these case numbers; the case is provisional until one comes",
            "cases": cases,
        }));
    }
    warnings.extend(link_warnings(&record.facts, known));
    warnings.extend(ahead(&record.facts, now));
    warnings.extend(record.facts.strange.iter().map(section_unknown));
    warnings
}

/// The citation as sent is authoritative: it is kept, and its sender is told.
fn section_unknown(strange: &Strange) -> Value {
    let Strange { act, section } = strange;
    json!({
        "rule": "section-unknown",
        "message": format!("{act} has no section `{section}`; the citation is kept as it was sent"),
    })
}

/// What it answers and nobody has asked: a slip of the pen, or a paper that is still to come.
fn unasked(caller: &Caller, record: &Record, known: &Snapshot) -> Vec<Value> {
    let found = caller.revision().unasked(&record.door.kind, record.shared.tree(), known);
    let warnings = found.into_iter().map(|one| {
        let message = format!(
            "no earlier record names the {} `{}` ({}): look at the number; if it is right, send first what it belongs to",
            one.scheme, one.id, one.place
        );
        json!({ "rule": "thread-unknown", "message": message, "place": one.place })
    });
    warnings.collect()
}

/// What does not go together with the other papers of its case, by the checks of `rules.toml`.
fn odd(caller: &Caller, record: &Record, known: &Snapshot) -> Vec<Value> {
    if record.door.action == Action::Withdraw {
        return Vec::new();
    }
    let found = caller.revision().checked(&record.door.kind, record.shared.tree(), &known.papers);
    let own = |id: &MessageId| {
        known.papers.iter().any(|paper| paper.view.head.id == *id && paper.view.head.system == caller.name())
    };
    found.iter().map(|finding| finding.warning(own)).collect()
}

/// A time that has not come yet: the sender's clock is wrong, or the entry is. It is kept as it was sent.
fn ahead(facts: &Facts, now: Timestamp) -> Option<Value> {
    let latest = facts.occurred_at.max(facts.recorded_at).filter(|at| *at > now.after(AHEAD))?;
    Some(json!({
        "rule": "clock-ahead",
        "message": format!("the record says {latest}, and it is {now} here; look at the clock of your system"),
    }))
}

/// Links that this record brings and that do not join, or join so that nobody can say which case is meant.
fn link_warnings(facts: &Facts, known: &Snapshot) -> Vec<Value> {
    let mut warnings = Vec::new();
    let parted = |link: &&NewLink| known.parted.contains(link);
    for link in facts.links.iter().filter(parted) {
        warnings.push(json!({
            "rule": "link-parted",
            "message": "a person of this centre has ended this link, so that it is not made again; `icjs case link` makes it",
            "cases": [link.from, link.to],
        }));
    }
    let mut with = known.links.clone();
    for (link, number) in facts.links.iter().filter(|link| !parted(link)).zip(u64::MAX / 2..) {
        with.0.push(Joint { number, link: link.clone(), at: known.at, ordered: false });
    }
    let before = known.links.ambiguous(&facts.cases);
    for (key, courts) in with.ambiguous(&facts.cases).into_iter().filter(|found| !before.contains(found)) {
        let cases = [vec![key.clone()], courts].concat();
        warnings.push(json!({
            "rule": "ambiguous-link",
            "message": format!("{key} now belongs to cases of several courts, and no link says how those hang together; \
                records that name it alone are not sent to one of them by a guess"),
            "cases": cases,
        }));
    }
    warnings
}
