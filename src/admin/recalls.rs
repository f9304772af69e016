//! Recall of a sealed case: what was delivered to offices that may not have it any more, by the seals of the live revision, is
//! taken back from each of them, and each says what became of its copy. Read `config::sharing` for what seals a case.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Asked;
use super::person::Person;
use super::{Admin, Problem};
use crate::config::{Revision, Sight};
use crate::identifiers::{CaseKey, MessageId};
use crate::journal::{Action, DeliveryView, MessageFilter, MessageView, Order, OrderAnswer, OrderVerb, State, joined};
use crate::revisions::Author;

/// Messages that are read at once.
const PAGE: usize = 200;

/// Body of the order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recalled {
    case: String,
    /// The owner's word for who sits there.
    #[serde(default)]
    by: Option<String>,
    reason: String,
}

/// `POST /admin/v1/recalls`: `{case, reason}`. Answers with each copy: the office, the delivery, and the one that takes it
/// back (`now`; the same where nothing had left) or why there is none (`not`). Again, it takes back what is left to take back.
pub(super) async fn recall(
    Shared(admin): Shared<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Asked(asked): Asked<Recalled>,
) -> Result<Json<Value>, Problem> {
    Problem::unreasoned(&asked.reason, &[asked.by.as_deref()])?;
    let author = Author::alone(person.signs(asked.by.as_deref()), asked.reason);
    let case = CaseKey::read(&asked.case)
        .ok_or_else(|| Problem::malformed("`case` is a case number such as `cnr/DLCT010001232026`"))?;
    let revision = admin.live.newest();
    let mut copies = Vec::new();
    let cases = joined(admin.journal.as_ref(), std::slice::from_ref(&case)).await?;
    let views = of_cases(&admin, cases.iter().chain([&case])).await?;
    for view in views.values() {
        for copy in newest(view) {
            if may_still(&admin, &revision, view, copy).await? {
                continue;
            }
            copies.push(take_back(&admin, &author, view, copy).await?);
        }
    }
    tracing::info!(%case, copies = copies.len(), "sealed records taken back");
    Ok(Json(json!({ "case": case.to_string(), "copies": copies })))
}

/// Every message of these cases, the oldest first.
async fn of_cases<'c>(
    admin: &Admin,
    cases: impl Iterator<Item = &'c CaseKey>,
) -> Result<BTreeMap<MessageId, MessageView>, Problem> {
    let mut views = BTreeMap::new();
    for case in cases {
        let mut filter = MessageFilter { case: Some(case.clone()), limit: PAGE, ..MessageFilter::default() };
        loop {
            let page = admin.journal.messages(filter.clone()).await?;
            filter.after = page.last().map(|view| view.head.id);
            let last = page.len() < PAGE;
            views.extend(page.into_iter().map(|view| (view.head.id, view)));
            if last {
                break;
            }
        }
    }
    Ok(views)
}

/// What each office got last of a message, where it has it or is about to: what was taken back is not there any more.
fn newest(view: &MessageView) -> Vec<&DeliveryView> {
    let mut by_office: BTreeMap<&str, &DeliveryView> = BTreeMap::new();
    for delivery in &view.deliveries {
        if let Some(office) = &delivery.office {
            by_office.insert(office.as_str(), delivery);
        }
    }
    let there = |one: &&DeliveryView| {
        one.action != Action::Withdraw && !matches!(one.state, State::Superseded | State::Recalled | State::Rejected)
    };
    by_office.into_values().filter(there).collect()
}

/// Whether the office may still have it.
async fn may_still(
    admin: &Admin,
    revision: &Revision,
    view: &MessageView,
    copy: &DeliveryView,
) -> Result<bool, Problem> {
    let system = revision.systems.get(&copy.system);
    let system = system.or_else(|| copy.office.as_ref().and_then(|office| revision.serving(office)));
    let Some(system) = system.filter(|system| system.name != view.head.system) else { return Ok(true) };
    let other = joined(admin.journal.as_ref(), &copy.cases).await?;
    let (office, own, at) = (copy.office.as_ref(), &copy.cases[..], admin.clock.now());
    let sight = Sight { system, office, own, joined: &other, at, takes_back: false };
    Ok(!revision.sharing.sealed(&view.head.kind, &sight))
}

async fn take_back(admin: &Admin, author: &Author, view: &MessageView, copy: &DeliveryView) -> Result<Value, Problem> {
    let (delivery, by, reason) = (copy.id, author.name.clone(), author.reason.clone());
    let shown = json!({
        "office": copy.office, "kind": view.head.kind, "message": view.head.id.to_string(), "delivery": delivery.to_string(),
    });
    let told = |name: &str, word: String| {
        let mut shown = shown.clone();
        if let Some(row) = shown.as_object_mut() {
            row.insert(name.to_owned(), Value::String(word));
        }
        shown
    };
    let Some(new) = admin.desk.rerouting.taking_back(view, copy).await? else {
        return Ok(told("not", "the record cannot be read any more, or nobody serves the office".to_owned()));
    };
    let order =
        Order { delivery, verb: OrderVerb::TakeBack(Box::new(new)), by, reason, at: admin.clock.now(), approval: None };
    Ok(match admin.journal.order(order).await? {
        OrderAnswer::Done(now) => told("now", now.to_string()),
        OrderAnswer::NotNow(_) => told("not", "it is on its way at this moment; order it again".to_owned()),
        OrderAnswer::Pruned(at) => told("not", format!("the record's payload was pruned at {at}")),
        OrderAnswer::NotFound => told("not", "it is not there any more".to_owned()),
    })
}
