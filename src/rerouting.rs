//! A stored message goes somewhere again, or somewhere else: a person ordered a repair, or a receiver named the right office.
//! It is decided anew under the newest revision, over one read of the journal. What makes two deliveries wait for each other
//! is said here too, since it must be the same for a record that has just come in (`accept`) and for one sent on.

pub mod work;

use std::sync::Arc;

use serde_json::Value;

use crate::clock::{Clock, Timestamp};
use crate::config::{Destination, Facts, Revision, items_of};
use crate::identifiers::{MessageId, OfficeId, SystemName};
use crate::journal::{
    Action, DeliveryView, How, Journal, JournalError, Lane, MessageView, NewDelivery, OutcomeEntry, OutcomeWord,
    Snapshot, SnapshotAsk, State,
};
use crate::keys::Keys;
use crate::live::Live;
use crate::outcome::record_key;
use crate::seal::{self, MacKey};

/// Times that receivers may send a record on to another office before a person must look at it.
const MOST_HOPS: usize = 3;
const SENT_ON: &str = "wrong-addressee: sent on by";

/// Decides anew where a stored message goes.
pub struct Rerouting {
    journal: Arc<dyn Journal>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    persons: MacKey,
}

/// A stored message as routing sees it now.
struct Known {
    revision: Arc<Revision>,
    shared: Value,
    facts: Facts,
    snapshot: Snapshot,
}

impl Rerouting {
    /// Over the journal and what is live.
    pub fn new(journal: Arc<dyn Journal>, live: Arc<Live>, clock: Arc<dyn Clock>, keys: &Keys) -> Self {
        Self { journal, live, clock, persons: keys.store.derive("lane keys of persons") }
    }

    /// Where one delivery would go now: a person ordered it. The office that it had is kept if it is still a destination; one
    /// that had none takes what its route leads to now, else the first office that has not got the record yet.
    pub async fn again(
        &self,
        view: &MessageView,
        delivered: &DeliveryView,
    ) -> Result<Option<NewDelivery>, JournalError> {
        let Some(known) = self.known(view).await? else { return Ok(None) };
        let Known { revision, shared, facts, snapshot } = &known;
        let routed = revision.route(&view.head.kind, shared, facts, snapshot);
        let fits = |to: &&Destination| match &delivered.office {
            Some(_) => to.office == delivered.office,
            None => !work::has(view, to),
        };
        let fit = || routed.iter().filter(|to| to.code.is_none()).filter(fits);
        let found = fit().find(|to| work::route(&to.why) == work::route(&delivered.why)).or_else(|| fit().next());
        Ok(found.map(|to| self.delivery(to.clone(), view, delivered, &known)))
    }

    /// What tells the office of a delivery that the record is taken back from it. `None`: nobody serves the office any more,
    /// or the record cannot be read.
    pub async fn taking_back(
        &self,
        view: &MessageView,
        was: &DeliveryView,
    ) -> Result<Option<NewDelivery>, JournalError> {
        let Some(known) = self.known(view).await? else { return Ok(None) };
        let (revision, Some(office)) = (&known.revision, &was.office) else { return Ok(None) };
        let Some(system) = revision.systems.get(&was.system).or_else(|| revision.serving(office)) else {
            return Ok(None);
        };
        Ok(Some(NewDelivery {
            office: Some(office.clone()),
            system: system.name.clone(),
            how: if system.push.is_some() { How::Push } else { How::Feed },
            action: Action::Withdraw,
            lane: was.lane,
            keys: self.keys(&known.facts, view.head.replaces, &known.snapshot, was.lane, view.head.id),
            state: State::Queued,
            code: None,
            deadline: None,
            why: format!("taken back; {}", was.why),
            park_on_reject: false,
            cases: Some(was.cases.clone()),
        }))
    }

    /// A receiver says that a record belongs to another office: the delivery to that office is written with the outcome, or
    /// not at all. Anything else that a receiver says goes on as it is.
    pub async fn send_on(&self, said: &mut OutcomeEntry) -> Result<(), JournalError> {
        if said.outcome.outcome != OutcomeWord::WrongAddressee {
            return Ok(());
        }
        let Some(view) = self.journal.message(said.delivery.message()).await? else { return Ok(()) };
        let Some(delivered) = view.deliveries.iter().find(|one| one.id == said.delivery) else { return Ok(()) };
        let Some(known) = self.known(&view).await? else { return Ok(()) };
        let to = match elsewhere(said) {
            Some(office) => named(office, &view, delivered, &known),
            None => unnamed(&view, delivered, &known),
        };
        said.sent_on = to.map(|to| Box::new(self.delivery(to, &view, delivered, &known)));
        Ok(())
    }

    async fn known(&self, view: &MessageView) -> Result<Option<Known>, JournalError> {
        let Some(payload) = self.journal.payload(view.head.id).await? else { return Ok(None) };
        let Ok(shared) = serde_json::from_slice::<Value>(&payload.shared) else { return Ok(None) };
        let revision = self.live.newest();
        let facts = revision.facts(&view.head.kind, &shared);
        let ask = SnapshotAsk { replaces: view.head.replaces, ..revision.ask(&view.head.kind, &facts) };
        let snapshot = self.journal.snapshot(ask).await?;
        Ok(Some(Known { revision, shared, facts, snapshot }))
    }

    fn delivery(&self, to: Destination, view: &MessageView, was: &DeliveryView, known: &Known) -> NewDelivery {
        let keys = self.keys(&known.facts, view.head.replaces, &known.snapshot, was.lane, view.head.id);
        delivery(to, &known.facts, (was.action, was.lane), keys, self.clock.now())
    }

    /// What makes two deliveries of one lane and office wait for each other: a joined case key, for liberty also a person,
    /// without any of these a thread.
    pub fn keys(
        &self,
        facts: &Facts,
        replaces: Option<MessageId>,
        known: &Snapshot,
        lane: Lane,
        id: MessageId,
    ) -> Vec<String> {
        // A record of its own lane is ordered with its own versions only; one of no case also with what else is about the
        // question that it answers: two reports about one process.
        let own = || replaces.iter().copied().chain([id]).map(record_key).collect::<Vec<_>>();
        if lane == Lane::Record {
            return own();
        }
        let mut keys: Vec<String> = Vec::new();
        for case in &facts.groups {
            for key in known.links.same(case).into_iter().map(String::from) {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        // Lane keys lie in the store as they are: a person's number must not, nor a reference.
        let blind = |scheme: &str, text: &String| format!("{scheme}/{}", seal::hex(&self.persons.mac(text.as_bytes())));
        if lane == Lane::Liberty {
            keys.extend(facts.persons.iter().map(|person| blind("person", person)));
        }
        if keys.is_empty() {
            keys = own();
            keys.extend(facts.threads.iter().map(|thread| blind("thread", thread)));
        }
        keys
    }
}

/// To the office that is named, unless it has the record.
fn named(office: OfficeId, view: &MessageView, delivered: &DeliveryView, known: &Known) -> Option<Destination> {
    let has = |one: &DeliveryView| one.office.as_ref() == Some(&office) && one.state != State::Rejected;
    if view.deliveries.iter().any(has) {
        return None;
    }
    let system = known.revision.serving(&office);
    let code = match system {
        None => Some("no-office"),
        Some(system) if !known.revision.sharing.gives(&view.head.kind, system) => Some("not-permitted"),
        Some(_) => None,
    };
    let to = Destination {
        how: system.map_or(delivered.how, |system| if system.push.is_some() { How::Push } else { How::Feed }),
        system: system.map(|system| system.name.clone()).unwrap_or_default(),
        office: Some(office),
        code: code.map(str::to_owned),
        forbidden: false,
        hold: None,
        why: String::new(),
        park_on_reject: false,
        cases: Vec::new(),
        items: Vec::new(),
        given: None,
    };
    Some(sent_on(to, view, delivered, known))
}

/// Nobody is named: routing must find another office of that kind, and where it finds none, a person must.
fn unnamed(view: &MessageView, delivered: &DeliveryView, known: &Known) -> Option<Destination> {
    let class = delivered.office.as_ref()?.class();
    let alike = |office: &Option<OfficeId>| office.as_ref().is_some_and(|office| office.class() == class);
    // Of several candidates those who are wrong say just this: another one has it.
    let gone = |state| matches!(state, State::Rejected | State::Superseded | State::Recalled);
    if view.deliveries.iter().any(|one| one.id != delivered.id && alike(&one.office) && !gone(one.state)) {
        return None;
    }
    let tried = |office: &Option<OfficeId>| view.deliveries.iter().any(|one| one.office == *office);
    let routed = known.revision.route(&view.head.kind, &known.shared, &known.facts, &known.snapshot);
    let found = routed.into_iter().find(|to| to.code.is_none() && alike(&to.office) && !tried(&to.office));
    let to = found.unwrap_or_else(|| Destination {
        office: None,
        system: SystemName::new(),
        how: delivered.how,
        code: Some("no-office".to_owned()),
        forbidden: false,
        hold: None,
        why: "no other office is found".to_owned(),
        park_on_reject: false,
        cases: Vec::new(),
        items: Vec::new(),
        given: None,
    });
    Some(sent_on(to, view, delivered, known))
}

/// A destination that takes the place of one that was wrong; what was theirs by mistake is the other office's now.
fn sent_on(to: Destination, view: &MessageView, delivered: &DeliveryView, known: &Known) -> Destination {
    let hops = view.deliveries.iter().filter(|other| other.why.starts_with(SENT_ON)).count();
    let code = if hops >= MOST_HOPS { Some("too-many-hops".to_owned()) } else { to.code };
    let by = format!("{SENT_ON} {}", delivered.id);
    let why = if to.why.is_empty() { by } else { format!("{by}; {}", to.why) };
    let cases = known.facts.places(&delivered.cases);
    Destination { code, why, cases, items: items_of(&delivered.cases), ..to }
}

/// The office that a `wrong-addressee` names (`reference` of scheme `office`).
fn elsewhere(said: &OutcomeEntry) -> Option<OfficeId> {
    let wrong = said.outcome.outcome == OutcomeWord::WrongAddressee;
    let reference = said.outcome.reference.as_ref().filter(|reference| wrong && reference.scheme == "office")?;
    OfficeId::parse(&reference.value).ok()
}

/// A destination as a delivery at its beginning.
pub fn delivery(
    to: Destination,
    facts: &Facts,
    (action, lane): (Action, Lane),
    keys: Vec<String>,
    now: Timestamp,
) -> NewDelivery {
    let state = match (&to.code, to.hold) {
        (Some(_), _) => State::Parked,
        (None, Some(_)) => State::Held,
        (None, None) => State::Queued,
    };
    let cases = facts.keys_for(&to);
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
        cases,
    }
}
