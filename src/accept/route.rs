//! Who gets a record, and with what order: the revision decides over one read of the journal; here its decision becomes
//! deliveries with lanes, keys and states. What cannot be decided is a parked delivery with a reason, never a refusal.

use serde_json::{Value, json};

use super::Desk;
use super::decode::Record;
use super::receive;
use super::refuse::Refusal;
use crate::clock::Timestamp;
use crate::config::{Destination, Facts, rerouted};
use crate::identifiers::{MessageId, OfficeId};
use crate::journal::{
    Action, DeliveryView, Entry, How, JournalError, Lane, MessageView, NewDelivery, Snapshot, SnapshotAsk, State,
};
use crate::outcome::record_key;
use crate::tokens::Caller;

/// The entry that the journal will write.
pub async fn route(desk: &Desk, caller: &Caller, record: Record) -> Result<Entry, Refusal> {
    let ask = SnapshotAsk { cases: record.facts.cases.clone(), replaces: record.door.replaces, delivery: None };
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
    let warnings = warnings(&record, &known);
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
        actor: door.actor,
        idempotency: Some(key),
        original: bytes,
        media_type,
        shared: shared_text,
        occurred_at: facts.occurred_at,
        recorded_at: facts.recorded_at,
        entry: if facts.entry.is_empty() { "live".to_owned() } else { facts.entry },
        accepted_at: now,
        revision: caller.revision().number,
        cases: facts.cases,
        persons: facts.persons,
        links: facts.links,
        attachments: facts.attachments,
        deliveries,
        warnings,
    })
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
    let keys = keys(desk, &record.facts, door.replaces, known, lane, id);
    let routed = revision.route(&door.kind, record.shared.tree(), &record.facts, known);
    let planned = match &known.replaced {
        None => routed.into_iter().map(|destination| (destination, door.action)).collect(),
        Some(replaced) => rerouted(door.action, routed, &replaced.deliveries),
    };
    planned.into_iter().map(|(destination, action)| delivery(destination, action, lane, keys.clone(), now)).collect()
}

/// Decides anew, under the newest revision, where one delivery of a stored message would go now: a person ordered it.
/// The office that it had is kept if it is still a destination; one that had none takes the first that is found.
pub async fn again(
    desk: &Desk,
    view: &MessageView,
    delivered: &DeliveryView,
) -> Result<Option<NewDelivery>, JournalError> {
    let Some(payload) = desk.journal.payload(view.head.id).await? else { return Ok(None) };
    let Ok(shared) = serde_json::from_slice::<Value>(&payload.shared) else { return Ok(None) };
    let revision = desk.live.newest();
    let facts = revision.facts(&view.head.kind, &shared);
    let ask = SnapshotAsk { cases: facts.cases.clone(), replaces: view.head.replaces, delivery: None };
    let known = desk.journal.snapshot(ask).await?;
    let keys = keys(desk, &facts, view.head.replaces, &known, delivered.lane, view.head.id);
    let routed = revision.route(&view.head.kind, &shared, &facts, &known);
    let fits = |to: &Destination| delivered.office.is_none() || to.office == delivered.office;
    let found = routed.into_iter().find(|to| to.code.is_none() && fits(to));
    Ok(found.map(|to| delivery(to, delivered.action, delivered.lane, keys, desk.clock.now())))
}

/// Times that receivers may send a record on to another office before a person must look at it.
const MOST_HOPS: usize = 3;
const SENT_ON: &str = "wrong-addressee: sent on by";

/// A receiver says that a record belongs to another office: a new delivery, to the office that it names.
pub async fn sent_on(
    desk: &Desk,
    view: &MessageView,
    delivered: &DeliveryView,
    office: OfficeId,
) -> Result<Option<NewDelivery>, JournalError> {
    let Some(payload) = desk.journal.payload(view.head.id).await? else { return Ok(None) };
    let Ok(shared) = serde_json::from_slice::<Value>(&payload.shared) else { return Ok(None) };
    let revision = desk.live.newest();
    let facts = revision.facts(&view.head.kind, &shared);
    let ask = SnapshotAsk { cases: facts.cases.clone(), replaces: view.head.replaces, delivery: None };
    let known = desk.journal.snapshot(ask).await?;
    let keys = keys(desk, &facts, view.head.replaces, &known, delivered.lane, view.head.id);
    let hops = view.deliveries.iter().filter(|other| other.why.starts_with(SENT_ON)).count();
    let system = revision.serving(&office);
    let code = match system {
        _ if hops >= MOST_HOPS => Some("too-many-hops"),
        None => Some("no-office"),
        Some(system) if !revision.sharing.gives(&view.head.kind, system) => Some("not-permitted"),
        Some(_) => None,
    };
    let to = Destination {
        how: system.map_or(delivered.how, |system| if system.push.is_some() { How::Push } else { How::Feed }),
        system: system.map(|system| system.name.clone()).unwrap_or_default(),
        office: Some(office),
        code: code.map(str::to_owned),
        hold: None,
        why: format!("{SENT_ON} {}", delivered.id),
        park_on_reject: false,
    };
    Ok(Some(delivery(to, delivered.action, delivered.lane, keys, desk.clock.now())))
}

fn delivery(to: Destination, action: Action, lane: Lane, keys: Vec<String>, now: Timestamp) -> NewDelivery {
    let state = match (&to.code, to.hold) {
        (Some(_), _) => State::Parked,
        (None, Some(_)) => State::Held,
        (None, None) => State::Queued,
    };
    NewDelivery {
        office: to.office,
        system: to.system,
        how: to.how,
        action,
        lane,
        keys,
        state,
        code: to.code,
        deadline: to.hold.map(|hold| now.after(hold)),
        why: to.why,
        park_on_reject: to.park_on_reject,
    }
}

/// What makes two deliveries of one lane and office wait for each other: a joined case key, for liberty also a person.
fn keys(
    desk: &Desk,
    facts: &Facts,
    replaces: Option<MessageId>,
    known: &Snapshot,
    lane: Lane,
    id: MessageId,
) -> Vec<String> {
    // A record of its own lane, or of no case, is ordered with its own versions only.
    let own = || replaces.iter().copied().chain([id]).map(record_key).collect::<Vec<_>>();
    if lane == Lane::Record {
        return own();
    }
    let cases = if known.joined.is_empty() { &facts.cases } else { &known.joined };
    let mut keys: Vec<String> = cases.iter().map(ToString::to_string).collect();
    if lane == Lane::Liberty {
        // Lane keys lie in the store as they are: a person's number must not.
        let blind = |person: &String| format!("person/{}", crate::seal::hex(&desk.persons.mac(person.as_bytes())));
        keys.extend(facts.persons.iter().map(blind));
    }
    if keys.is_empty() { own() } else { keys }
}

fn warnings(record: &Record, known: &Snapshot) -> Vec<Value> {
    let mut warnings: Vec<Value> = record.warnings.iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
    let cases = &record.facts.cases;
    let opens = cases.iter().any(|key| matches!(key.scheme(), "fir" | "zero-fir")) && record.door.kind == "fir";
    if !cases.is_empty() && !opens && cases.iter().all(|key| known.unknown.contains(key)) {
        warnings.push(json!({
            "rule": "provisional-case",
            "message": "no earlier record has any of these case numbers; the case is provisional until one comes",
            "cases": cases,
        }));
    }
    warnings
}
