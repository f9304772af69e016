//! The case on one page: its numbers and how they are joined, what was sent and what was answered in order of time, who
//! has each record and who has not. Told from the journal at the moment of asking; it holds no state of its own.
//! Read `sight` for what each viewer may see.

mod sight;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use sight::{Viewer, status};

use crate::clock::Timestamp;
use crate::config::Revision;
use crate::identifiers::{CaseKey, MessageId};
use crate::journal::{
    Action, Journal, JournalError, LinkVerb, MessageFilter, MessageView, OutcomeWord, Reference, Snapshot, SnapshotAsk,
    State,
};
use crate::outcome::KIND as OUTCOME;

/// Messages of one case that a page tells; a case has 20 to 40 in its life.
const MOST: usize = 500;

/// The case as one viewer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseFile {
    /// The number asked for.
    pub case: String,
    /// Every number of the case that the viewer knows, the one asked for first.
    pub identifiers: Vec<String>,
    /// The court of the case by its newest link (to people of the centre); several where nobody can say which.
    pub courts: Vec<String>,
    /// How numbers of the case were joined, oldest first; links that ended stay, marked so.
    pub links: Vec<Joined>,
    /// What happened, oldest first.
    pub timeline: Vec<Event>,
    /// For each office: which of the records that stand now it has, and which it has not.
    pub offices: Vec<Holding>,
    /// The case has more messages than a page tells; these are the oldest.
    pub more: bool,
}

/// A link between two case numbers, with where it came from.
#[derive(Debug, Serialize, ToSchema)]
pub struct Joined {
    /// `same`, `zero-fir-of`, `split-from`, `committed-to` and so on.
    pub link: String,
    /// One number.
    pub from: String,
    /// The other.
    pub to: String,
    /// Since when.
    pub at: String,
    /// The message that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who joined them by hand (to people of the centre).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Event {
    /// A record was accepted.
    Record(Sent),
    /// A receiver said something.
    Outcome(Said),
}

/// A record and where it went.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sent {
    /// When it was accepted.
    pub at: String,
    /// When it happened, as the sender says, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    /// Message id.
    pub message: String,
    /// Record kind.
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// What kind of order or event it is: the label of the code that `headline` of the kind names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// `new`, `correct` or `withdraw`.
    #[schema(value_type = String)]
    pub action: Action,
    /// Sending office.
    pub office: String,
    /// `open`, `settled`, `attention` or `withdrawn`.
    pub status: String,
    /// The version that it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The version that replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
    /// Where it went.
    pub deliveries: Vec<Gone>,
}

/// One delivery of a record.
#[derive(Debug, Serialize, ToSchema)]
pub struct Gone {
    /// Delivery id.
    pub id: String,
    /// Receiving office; none where none was found.
    pub office: Option<String>,
    /// Its state.
    #[schema(value_type = String)]
    pub state: State,
    /// Stable code of the state's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which route, step and row decided.
    pub why: String,
}

/// What a receiver said.
#[derive(Debug, Serialize, ToSchema)]
pub struct Said {
    /// When the gateway took it.
    pub at: String,
    /// The delivery that it is about.
    pub delivery: String,
    /// The office that says it.
    pub office: String,
    /// The record's kind in words.
    pub about: String,
    /// What is said: `received`, `accepted`, `executed` and so on.
    #[schema(value_type = String)]
    pub outcome: OutcomeWord,
    /// The receiver's own number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub reference: Option<Reference>,
    /// A code of the receiver's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Words for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The part of an outcome's body that a page tells.
#[derive(Deserialize)]
struct Words {
    outcome: OutcomeWord,
    reference: Option<Reference>,
    code: Option<String>,
    reason: Option<String>,
}

/// One office's part of the case.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Holding {
    /// The office; empty for what has none.
    pub office: String,
    /// What it has: kind and message.
    pub has: Vec<Held>,
    /// What it has not, and why.
    pub has_not: Vec<Held>,
}

/// A record that stands now, as one office has it or has it not.
#[derive(Debug, Serialize, ToSchema)]
pub struct Held {
    /// Message id of the newest version.
    pub message: String,
    /// Record kind.
    pub kind: String,
    /// The kind in words, with its headline.
    pub title: String,
    /// State of the delivery.
    #[schema(value_type = String)]
    pub state: State,
    /// Stable code of the state's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last thing that the office said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub outcome: Option<OutcomeWord>,
}

impl CaseFile {
    /// Ids of the records that the page tells of.
    pub fn messages(&self) -> Vec<String> {
        let sent = |event: &Event| match event {
            Event::Record(sent) => Some(sent.message.clone()),
            Event::Outcome(_) => None,
        };
        self.timeline.iter().filter_map(sent).collect()
    }
}

/// The case that has this number, as `viewer` sees it; `None` where the viewer knows nothing of it.
pub async fn tell(
    journal: &dyn Journal,
    revision: &Revision,
    case: &CaseKey,
    viewer: Viewer<'_>,
) -> Result<Option<CaseFile>, JournalError> {
    let known = journal.snapshot(SnapshotAsk { cases: vec![case.clone()], ..SnapshotAsk::default() }).await?;
    let keys = numbers(case, &known);
    let (views, more) = messages(journal, &keys, viewer).await?;
    if views.is_empty() {
        return Ok(None);
    }
    let mut timeline = Vec::new();
    let mut titles: BTreeMap<MessageId, String> = BTreeMap::new();
    for view in views.values() {
        let payload = journal.payload(view.head.id).await?.map(|payload| payload.shared).unwrap_or_default();
        if view.head.kind == OUTCOME {
            timeline.extend(said(view, &payload, &titles).map(Event::Outcome));
            continue;
        }
        let sent = sent(revision, view, &payload, viewer);
        titles.insert(view.head.id, sent.headline.clone().unwrap_or_else(|| sent.title.clone()));
        timeline.push(Event::Record(sent));
    }
    let identifiers = identifiers(&keys, &views, viewer);
    let courts = revision.courts_of(std::slice::from_ref(case), &known);
    Ok(Some(CaseFile {
        case: case.to_string(),
        links: links(journal, &identifiers, viewer).await?,
        identifiers: identifiers.iter().map(ToString::to_string).collect(),
        courts: courts.into_iter().map(String::from).filter(|_| matches!(viewer, Viewer::Centre)).collect(),
        timeline,
        offices: offices(&views, &titles, viewer),
        more,
    }))
}

/// Everything of the case that the viewer sees, in the order of acceptance.
async fn messages(
    journal: &dyn Journal,
    keys: &[CaseKey],
    viewer: Viewer<'_>,
) -> Result<(BTreeMap<MessageId, MessageView>, bool), JournalError> {
    let mut views = BTreeMap::new();
    let mut more = false;
    for key in keys {
        let filter = MessageFilter { case: Some(key.clone()), limit: MOST + 1, ..MessageFilter::default() };
        let found = journal.messages(filter).await?;
        more |= found.len() > MOST;
        views.extend(found.into_iter().filter(|view| viewer.sees(view)).map(|view| (view.head.id, view)));
    }
    // Ids begin with their time (RFC 9562 section 5.7): the oldest stay.
    while views.len() > MOST {
        views.pop_last();
        more = true;
    }
    Ok((views, more))
}

/// Every number under which the case is known, was known before, or is known now; the one asked for first.
fn numbers(case: &CaseKey, known: &Snapshot) -> Vec<CaseKey> {
    let asked = std::slice::from_ref(case);
    let now = known.links.dockets(asked).into_iter().map(|(cnr, _)| cnr);
    let mut keys: Vec<CaseKey> = Vec::new();
    for key in known.links.same(asked).into_iter().chain(known.links.origins(asked)).chain(now) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn identifiers(keys: &[CaseKey], views: &BTreeMap<MessageId, MessageView>, viewer: Viewer<'_>) -> Vec<CaseKey> {
    let named: BTreeSet<&CaseKey> = views.values().flat_map(|view| &view.head.cases).collect();
    let knows = |place: usize, key: &CaseKey| place == 0 || matches!(viewer, Viewer::Centre) || named.contains(key);
    keys.iter().enumerate().filter(|(place, key)| knows(*place, key)).map(|(_, key)| key.clone()).collect()
}

/// The links of these numbers. A party learns of those whose both ends it knows, and not who ordered them.
async fn links(journal: &dyn Journal, keys: &[CaseKey], viewer: Viewer<'_>) -> Result<Vec<Joined>, JournalError> {
    let centre = matches!(viewer, Viewer::Centre);
    let mut rows: BTreeMap<u64, Joined> = BTreeMap::new();
    for key in keys {
        for row in journal.link(LinkVerb::Of(key.clone())).await? {
            let known = keys.contains(&row.link.from) && keys.contains(&row.link.to);
            if !centre && !known {
                continue;
            }
            let ordered = row.ordered.filter(|_| centre);
            let joined = Joined {
                link: row.link.link,
                from: row.link.from.to_string(),
                to: row.link.to.to_string(),
                at: row.at.to_string(),
                message: row.message.map(|id| id.to_string()),
                by: ordered.as_ref().map(|ordered| ordered.by.clone()),
                reason: ordered.map(|ordered| ordered.reason),
                ended_at: row.ended.as_ref().map(|(at, _)| at.to_string()),
                ended: row.ended.filter(|_| centre).map(|(_, ordered)| format!("{}: {}", ordered.by, ordered.reason)),
            };
            rows.insert(row.number, joined);
        }
    }
    Ok(rows.into_values().collect())
}

fn sent(revision: &Revision, view: &MessageView, shared: &[u8], viewer: Viewer<'_>) -> Sent {
    let head = &view.head;
    let kind = revision.kinds.get(&head.kind);
    let shown = view.deliveries.iter().filter(|delivery| viewer.shows(view, delivery));
    Sent {
        at: head.accepted_at.to_string(),
        occurred_at: view.stored.occurred_at.map(|millis| Timestamp::from_millis(millis).to_string()),
        message: head.id.to_string(),
        kind: head.kind.clone(),
        title: kind.map_or_else(|| head.kind.clone(), |kind| kind.title.0.clone()),
        headline: headline(revision, view, shared, viewer),
        action: head.action,
        office: head.office.to_string(),
        status: status(view).to_owned(),
        replaces: head.replaces.map(|id| id.to_string()),
        replaced_by: head.replaced_by.map(|id| id.to_string()),
        deliveries: shown
            .map(|delivery| Gone {
                id: delivery.id.to_string(),
                office: delivery.office.as_ref().map(ToString::to_string),
                state: delivery.state,
                reason: delivery.code.clone(),
                why: delivery.why.clone(),
            })
            .collect(),
    }
}

/// The label of the code that says what kind of order or event it is; nothing where the viewer may not see that code.
fn headline(revision: &Revision, view: &MessageView, shared: &[u8], viewer: Viewer<'_>) -> Option<String> {
    let head = &view.head;
    let path = revision.kinds.get(&head.kind)?.headline.as_ref()?;
    let mut tree: Value = serde_json::from_slice(shared).ok()?;
    if let Viewer::Party(system) = viewer {
        tree = revision.permit(&head.kind, system, &head.system, &[], tree)?.tree;
    }
    let found = path.values(&tree);
    let label = found.first()?.get("label")?.as_str()?;
    Some(label.to_owned())
}

fn said(view: &MessageView, body: &[u8], titles: &BTreeMap<MessageId, String>) -> Option<Said> {
    let about = view.head.about?;
    let words: Words = serde_json::from_slice(body).ok()?;
    Some(Said {
        at: view.head.accepted_at.to_string(),
        delivery: about.to_string(),
        office: view.head.office.to_string(),
        // Of a record on an earlier page, or one that this viewer was not sent, there are no words.
        about: titles.get(&about.message()).cloned().unwrap_or_default(),
        outcome: words.outcome,
        reference: words.reference,
        code: words.code,
        reason: words.reason,
    })
}

/// For each office, the records that stand now.
fn offices(
    views: &BTreeMap<MessageId, MessageView>,
    titles: &BTreeMap<MessageId, String>,
    viewer: Viewer<'_>,
) -> Vec<Holding> {
    let mut offices: BTreeMap<String, Holding> = BTreeMap::new();
    let stands = |view: &&MessageView| view.head.kind != OUTCOME && view.head.replaced_by.is_none();
    for view in views.values().filter(stands) {
        for delivery in view.deliveries.iter().filter(|delivery| viewer.shows(view, delivery)) {
            let gone = view.head.action == Action::Withdraw || delivery.action == Action::Withdraw;
            if gone || matches!(delivery.state, State::Superseded | State::Recalled) {
                continue;
            }
            let office = delivery.office.as_ref().map(ToString::to_string).unwrap_or_default();
            let holding = offices.entry(office.clone()).or_insert_with(|| Holding { office, ..Holding::default() });
            let held = Held {
                message: view.head.id.to_string(),
                kind: view.head.kind.clone(),
                title: titles.get(&view.head.id).cloned().unwrap_or_default(),
                state: delivery.state,
                reason: delivery.code.clone(),
                outcome: delivery.outcomes.last().map(|said| said.outcome),
            };
            let list = if delivery.state == State::Delivered { &mut holding.has } else { &mut holding.has_not };
            list.push(held);
        }
    }
    offices.into_values().collect()
}
