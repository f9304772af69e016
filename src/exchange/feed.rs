//! The way out for those who pull: a page of what is addressed to the caller's offices, liberty first, in position order.
//! Leases nothing: what is not settled is given again. The bytes of an item were frozen when it became available.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::access::{Known, Shown, demand};
use super::cursor::Binding;
use super::problem::{Problem, Usual};
use super::request::{self, Query};
use super::{Exchange, json};
use crate::accept::receive::yours;
use crate::accept::{Code, Refusal};
use crate::config::{Revision, Sight, System};
use crate::envelope::Envelope;
use crate::identifiers::OfficeId;
use crate::journal::wakes::Hint;
use crate::journal::{Action, FeedAsk, FeedItem, FeedPage, Order, OrderVerb, Reading, joined, withholds_attachment};
use crate::outcome;
use crate::seal;
use crate::tokens::Caller;

/// Items on a page at most, and when nothing is said.
const MOST: u64 = 500;
const USUAL: u64 = 100;
/// Between looks at the journal while a page waits: hints may be lost.
const LOOK: Duration = Duration::from_secs(1);

/// A page, for the documents. Items are CloudEvents 1.0 (JSON).
#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    /// CloudEvents: JSON records as `data` object, XML as `data` string, anything else as `data_base64`; the gateway's own
    /// attributes begin with `icjs`, and `icjscursor` is the place after the item.
    items: Vec<Value>,
    /// `after` of the next page.
    next: String,
    /// There was more when this page was made.
    more: bool,
}

/// Whose items are meant: the same for a page and for its acknowledgement.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Offices, all of them the caller's; empty for all.
    pub offices: Vec<OfficeId>,
    /// Kinds; empty for all.
    pub kinds: Vec<String>,
}

impl Filter {
    /// Checked against the caller and the kinds that exist.
    pub fn new<'a>(
        caller: &Caller,
        offices: impl Iterator<Item = &'a str>,
        kinds: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Refusal> {
        let offices: Result<Vec<OfficeId>, Refusal> = offices
            .map(|text| {
                let office = OfficeId::parse(text)
                    .map_err(|_| request::refused("office", "format", "an office is such as `court:DLCT01/3`"))?;
                yours(caller, &office)?;
                Ok(office)
            })
            .collect();
        let known = |kind: &str| kind == outcome::KIND || caller.revision().kinds.contains_key(kind);
        let kinds: Vec<String> = kinds.map(str::to_owned).collect();
        if kinds.iter().all(|kind| known(kind)) {
            return Ok(Self { offices: offices?, kinds });
        }
        let all: Vec<&str> = caller.revision().kinds.keys().map(String::as_str).collect();
        let detail = format!("a kind in the filter does not exist; there are `outcome`, `{}`", all.join("`, `"));
        Err(Refusal::new(Code::KindUnknown, detail))
    }

    /// What cursors of this filter are bound to.
    pub fn binding(&self, caller: &Caller) -> Binding {
        Binding::new(caller.name(), &self.offices, &self.kinds)
    }
}

/// Pull what is addressed to you.
///
/// Without `after`: from the oldest item that you have not settled. Acknowledge with `POST /v1/feed/ack` after you have
/// stored a page; what you do not acknowledge is given again.
#[utoipa::path(get, path = "/v1/feed", tag = "feed",
    params(
        ("office" = Option<Vec<String>>, Query, description = "Only these offices; may repeat"),
        ("kind" = Option<Vec<String>>, Query, description = "Only these kinds; may repeat; outcomes are `outcome`"),
        ("after" = Option<String>, Query, description = "Everything after this cursor, settled or not"),
        ("limit" = Option<u32>, Query, description = "1 to 500; 100 when not said"),
        ("wait" = Option<u32>, Query, description = "0 to 60: seconds to wait for something to come"),
        ("Icjs-Actor" = Option<String>, Header, description = "The officer, as for a submission"),
        ("Icjs-Purpose" = Option<String>, Header, description = "What for; it is kept. `GET /v1/me` says whether you must say it"),
        ("Icjs-Ground" = Option<String>, Header, description = "By what right; it is kept")),
    responses(
        (status = 200, description = "A page, perhaps empty; `more` says whether to read on at once", body = Page),
        (status = 400, description = "The cursor is not valid here", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not your office, no scope `receive`, or a claim that proves no officer", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such kind", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn feed(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    shown: Shown,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Refusal> {
    demand(&caller, "receive")?;
    let mut reading = exchange.reader(&caller, &headers, "feed")?;
    query.only(&["office", "kind", "after", "limit", "wait"])?;
    let filter = Filter::new(&caller, query.all("office"), query.all("kind"))?;
    let binding = filter.binding(&caller);
    let after = query.one("after")?.map(|text| binding.open(text, &exchange.cursors)).transpose()?;
    let longest = exchange.desk.settings.exchange.feed_wait.as_secs();
    let wait = Duration::from_secs(query.number("wait", 0, 0, 60)?.min(longest));
    reading.offices = filter.offices.iter().map(ToString::to_string).collect();
    let ask = FeedAsk {
        system: caller.name().to_owned(),
        offices: filter.offices,
        kinds: filter.kinds,
        after,
        upto: None,
        heads: false,
        limit: usize::try_from(query.number("limit", USUAL, 1, MOST)?).unwrap_or(1),
        max_bytes: exchange.desk.settings.exchange.feed_page,
    };
    let page = waited(&exchange, ask, wait).await?;
    // Who was let in a minute ago may have lost key or certificate since.
    exchange.still(&shown)?;
    reading.at = exchange.desk.clock.now().millis();
    // What is settled is shown again because its reader wants it again: that is a look.
    let again = |page: &FeedPage| -> Vec<String> {
        page.items.iter().filter(|item| item.again).map(|item| item.message.id.to_string()).collect()
    };
    if !again(&page).is_empty() {
        exchange.within_reads(&caller, &reading)?;
    }
    let page = permitted(&exchange, &caller, page, Some(reading.clone())).await?;
    exchange.readers.count(&Reading { again: again(&page), ..reading });
    written(&exchange, &page, &binding).await
}

/// Before each page the newest sharing rule is asked: what it gives no more is not shown, and what of that is unsettled
/// stops until a person or a revision mends it. What remains counts as shown from here on, and is noted as read.
pub(super) async fn permitted(
    exchange: &Exchange,
    caller: &Caller,
    mut page: FeedPage,
    reading: Option<Reading>,
) -> Result<FeedPage, Refusal> {
    let revision = exchange.desk.live.newest();
    let system = revision.systems.get(caller.name());
    for item in std::mem::take(&mut page.items) {
        if given(exchange, &revision, system, &item).await? {
            page.items.push(item);
            continue;
        }
        let order = Order {
            delivery: item.delivery,
            verb: OrderVerb::Park { code: "permission-changed".to_owned() },
            by: "the sharing rules".to_owned(),
            reason: format!("revision {}", revision.number),
            at: exchange.desk.clock.now(),
            approval: None,
        };
        // One that is settled stays so, and is not shown either.
        exchange.journal().order(order).await?;
    }
    Ok(exchange.journal().show(page, reading).await?)
}

/// Whether the newest sharing rule gives what an item's bytes hold.
async fn given(
    exchange: &Exchange,
    revision: &Revision,
    system: Option<&System>,
    item: &FeedItem,
) -> Result<bool, Refusal> {
    let head = &item.message;
    if head.kind == outcome::KIND {
        return Ok(true);
    }
    let Some(system) = system.filter(|system| revision.sharing.gives(&head.kind, system)) else { return Ok(false) };
    // Only a line that withholds something, made after the bytes were, can withhold what is in them.
    let same = item.frozen.revision == revision.number && !revision.sharing.by_case();
    if same || !revision.sharing.cuts(&head.kind, system) {
        return Ok(true);
    }
    let Some(payload) = exchange.journal().payload(head.id).await? else { return Ok(false) };
    let Ok(shared) = serde_json::from_slice(&payload.shared) else { return Ok(false) };
    let joined = match revision.sharing.depends(&head.kind, system) {
        true => joined(exchange.journal(), &item.cases).await?,
        false => Vec::new(),
    };
    let (office, at) = (Some(&item.office), exchange.desk.clock.now());
    let takes_back = item.action == Action::Withdraw;
    let sight = Sight { system, office, own: &item.cases, joined: &joined, at, takes_back };
    let permitted = revision.permit_to(&head.kind, &sight, &head.system, shared);
    Ok(permitted.is_some_and(|permitted| item.frozen.lacks(&permitted.withheld)))
}

/// The page as soon as it has something, or empty when the time is over or the gateway stops.
async fn waited(exchange: &Exchange, ask: FeedAsk, wait: Duration) -> Result<FeedPage, Refusal> {
    let until = tokio::time::Instant::now() + wait;
    // Listening begins before the look: what comes between the two is heard.
    let mut bell = exchange.journal().wakes().listen(&ask.system, Hint::Available);
    let mut stopping = exchange.stopping.clone();
    loop {
        let page = exchange.journal().feed(ask.clone()).await?;
        let now = tokio::time::Instant::now();
        if !page.items.is_empty() || now >= until || *stopping.borrow() {
            return Ok(page);
        }
        tokio::select! {
            _ = bell.changed() => {}
            _ = stopping.changed() => {}
            () = tokio::time::sleep_until(until.min(now + LOOK)) => {}
        }
    }
}

/// Writes a page without reading the records again: their bytes are put where they belong.
async fn written(exchange: &Exchange, page: &FeedPage, binding: &Binding) -> Result<Response, Refusal> {
    let mut text = Vec::with_capacity(1024 + page.items.len() * 4096);
    text.extend_from_slice(b"{\"items\":[");
    for (place, item) in page.items.iter().enumerate() {
        if place > 0 {
            text.push(b',');
        }
        let mut attributes = Envelope::from(item).attributes();
        let cursor = binding.seal(item.position, &exchange.cursors);
        attributes.insert("icjscursor".to_owned(), Value::String(cursor));
        if !item.message.attachments.is_empty() {
            attributes.insert("icjsattachments".to_owned(), attachments(exchange, item).await?);
        }
        write_item(&mut text, attributes, item);
    }
    let next = binding.seal(page.next, &exchange.cursors);
    text.extend_from_slice(format!("],\"next\":\"{next}\",\"more\":{}}}", page.more).as_bytes());
    Ok(json(StatusCode::OK, text))
}

fn write_item(text: &mut Vec<u8>, mut attributes: Map<String, Value>, item: &FeedItem) {
    let bytes = item.frozen.bytes.as_deref().unwrap_or_default();
    let media_type = item.frozen.media_type.as_str();
    let as_text = std::str::from_utf8(bytes).ok();
    let is_json = media_type.contains("json") && as_text.is_some();
    if !is_json {
        let (name, value) = match as_text.filter(|_| media_type.contains("xml") || media_type.starts_with("text/")) {
            Some(document) => ("data", document.to_owned()),
            None => ("data_base64", STANDARD.encode(bytes)),
        };
        attributes.insert(name.to_owned(), Value::String(value));
    }
    let start = text.len();
    // A map of texts: writing it cannot fail.
    if serde_json::to_writer(&mut *text, &attributes).is_err() {
        text.truncate(start);
        text.extend_from_slice(b"{}");
    }
    if is_json {
        text.pop();
        text.extend_from_slice(b",\"data\":");
        text.extend_from_slice(bytes);
        text.push(b'}');
    }
}

/// The attachments of an item, as its record describes them; those whose path is withheld are named as withheld.
pub(super) async fn attachments(exchange: &Exchange, item: &FeedItem) -> Result<Value, Refusal> {
    let payload = exchange.journal().payload(item.message.id).await?;
    let shared: Value = payload.and_then(|payload| serde_json::from_slice(&payload.shared).ok()).unwrap_or_default();
    let described = shared.get("attachments").and_then(Value::as_array);
    let one = |digest: &[u8; 32]| {
        let sha256 = seal::hex(digest);
        let withheld = withholds_attachment(&item.frozen.withheld, &sha256);
        let mut row = json!({"sha256": sha256, "withheld": withheld});
        let fits = |known: &&Value| known.get("sha256").and_then(Value::as_str) == Some(sha256.as_str());
        if let (Some(known), Some(row)) = (described.and_then(|all| all.iter().find(fits)), row.as_object_mut()) {
            for name in ["size", "media_type", "name", "role"] {
                if let Some(value) = known.get(name).filter(|_| !withheld) {
                    row.insert(name.to_owned(), value.clone());
                }
            }
            if !withheld {
                row.insert("href".to_owned(), Value::String(format!("/v1/attachments/{sha256}")));
            }
        }
        row
    };
    Ok(Value::Array(item.message.attachments.iter().map(one).collect()))
}
