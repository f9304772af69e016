//! The pullers: one follows its cursor from page to page, sometimes from an old one; one reads what is unsettled and
//! answers item by item. Both crash between page and acknowledgement. The senders read their outcomes the same way.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::world::{COURT_FEED, COURT_ROOM, World};
use crate::checker::{Page, Seen};
use crate::harness::http::Answer;
use crate::harness::tick;

/// A feed that is followed.
#[derive(Clone, Copy)]
pub struct Feed {
    pub name: &'static str,
    pub system: &'static str,
    pub query: &'static str,
    pub offices: &'static [&'static str],
    pub kinds: &'static [&'static str],
}

/// Papers to the court that pulls.
pub const COURT: Feed =
    Feed { name: "court", system: "court-b", query: "office=court:DLND01", offices: &[COURT_FEED], kinds: &[] };
/// Outcomes to the police.
pub const SENDER: Feed =
    Feed { name: "outcomes", system: "police-a", query: "kind=outcome", offices: &[], kinds: &["outcome"] };
/// Orders to the court room, read without a cursor while the world goes on.
pub const ROOM: Feed =
    Feed { name: "room", system: "court-b", query: "office=court:DLND01/2", offices: &[COURT_ROOM], kinds: &[] };

/// Notes where each feed began, before anything is in it.
pub async fn begin(world: &Arc<World>) {
    for feed in [COURT, SENDER, ROOM] {
        let page = read(world, feed, "limit=1").await;
        assert_eq!(page["items"], json!([]), "the feed begins empty");
        let start = page["next"].as_str().expect("an empty page has a cursor").to_owned();
        world.books.lock().unwrap().followed.insert(format!("{} start", feed.name), vec![start]);
    }
}

fn start(world: &World, feed: Feed) -> String {
    world.books.lock().unwrap().followed[&format!("{} start", feed.name)][0].clone()
}

async fn read(world: &World, feed: Feed, query: &str) -> Value {
    let target = format!("/v1/feed?{}&{query}", feed.query);
    let asked = tick();
    let answer = world.call(feed.system, "GET", &target, &[], b"").await;
    if answer.status != 200 {
        world.surprise(format!("feed {query}: {} {}", answer.status, answer.text()));
        return json!({"items": [], "next": ""});
    }
    let page = answer.json();
    if feed.name != SENDER.name {
        let (puller, answered, complete) = (feed.name.to_owned(), tick(), page["more"] == json!(false));
        let items = items(&page).map(seen).collect();
        world.books.lock().unwrap().pages.push(Page { puller, asked, answered, complete, items });
    }
    page
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().into_iter().flatten()
}

fn text(item: &Value, name: &str) -> String {
    item[name].as_str().unwrap_or_default().to_owned()
}

/// A follower that crashes goes back at most so many pages, or a long run would read for ever.
const BACK: usize = 30;

/// Follows `next` for life; now and then begins again at an older cursor, or goes without acknowledging.
pub async fn follow(world: Arc<World>, feed: Feed) {
    let mut rng = fastrand::Rng::with_seed(world.seed ^ 77);
    let mut cursors = vec![start(&world, feed)];
    let mut known = BTreeSet::new();
    while !world.over() {
        let after = cursors.last().unwrap().clone();
        let page = read(&world, feed, &format!("limit={}&wait=1&after={after}", rng.u32(1..30))).await;
        let mut shown = Vec::new();
        for item in items(&page) {
            let id = text(item, "id");
            if known.insert(id.clone()) {
                world.books.lock().unwrap().followed.entry(feed.name.to_owned()).or_default().push(id.clone());
            }
            shown.push((id, text(item, "icjscursor")));
        }
        cursors.push(text(&page, "next"));
        if rng.u32(0..100) < 15 {
            // A crash: what was not written down is read again from an older place.
            let back = rng.usize(0..cursors.len().min(BACK));
            cursors.truncate(cursors.len() - back);
        } else if !shown.is_empty() {
            let last = rng.usize(0..shown.len());
            acknowledge(&world, feed, &shown[last].1, shown[..=last].iter().map(|(id, _)| id)).await;
        }
    }
    // Once more to the end: whatever has a position by now must lie ahead of the last cursor.
    catch_up(&world, feed, cursors.pop().unwrap(), known).await;
}

/// Reads on until nothing more comes; the cursor is kept for the next time.
async fn catch_up(world: &World, feed: Feed, mut after: String, mut known: BTreeSet<String>) {
    loop {
        let page = read(world, feed, &format!("limit=500&after={after}")).await;
        after = text(&page, "next");
        let mut new = 0;
        for item in items(&page) {
            new += 1;
            let id = text(item, "id");
            if known.insert(id.clone()) {
                world.books.lock().unwrap().followed.entry(feed.name.to_owned()).or_default().push(id);
            }
        }
        if new == 0 && page["more"] != json!(true) {
            world.books.lock().unwrap().followed.insert(format!("{} end", feed.name), vec![after]);
            return;
        }
    }
}

async fn acknowledge(world: &World, feed: Feed, upto: &str, ids: impl Iterator<Item = &String>) {
    // Written down before it is sent: its answer may be lost, its effect not.
    let at = tick();
    {
        let mut books = world.books.lock().unwrap();
        let ids: Vec<String> = ids.cloned().collect();
        // A cursor settles what earlier pages have shown, too.
        let shown = books.followed.get(feed.name).cloned().unwrap_or_default();
        let place = shown.iter().rposition(|id| ids.contains(id)).map_or(0, |place| place + 1);
        for id in shown[..place].iter().chain(&ids) {
            books.acknowledged.entry(id.clone()).or_insert(at);
        }
    }
    let body = json!({"offices": feed.offices, "kinds": feed.kinds, "upto": upto});
    expect(world, "ack upto", &post(world, feed, &body).await);
}

async fn post(world: &World, feed: Feed, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    world.call(feed.system, "POST", "/v1/feed/ack", &headers, body.to_string().as_bytes()).await
}

fn expect(world: &World, what: &str, answer: &Answer) {
    if answer.status != 200 || answer.json()["refused"].as_array().is_some_and(|refused| !refused.is_empty()) {
        world.surprise(format!("{what}: {} {}", answer.status, answer.text()));
    }
}

/// Reads what is unsettled, from the oldest, and answers each item in words. Two run at once, as where somebody forgot to end
/// the first.
pub async fn settle(world: Arc<World>, number: u64) {
    let mut rng = fastrand::Rng::with_seed(world.seed ^ (99 + number));
    let mut settled = BTreeSet::new();
    while !world.over() {
        answer_unsettled(&world, &mut rng, &mut settled, 20).await;
    }
}

/// `crashes`: of a hundred pages, how many are read and then forgotten.
async fn answer_unsettled(
    world: &World,
    rng: &mut fastrand::Rng,
    settled: &mut BTreeSet<String>,
    crashes: u32,
) -> usize {
    let wait = u32::from(crashes > 0);
    let page = read(world, ROOM, &format!("limit={}&wait={wait}", rng.u32(1..20))).await;
    let ids: Vec<String> = items(&page).map(|item| text(item, "id")).collect();
    if let Some(again) = ids.iter().find(|id| settled.contains(*id)) {
        world.surprise(format!("{again} was settled and is shown as unsettled"));
    }
    if ids.is_empty() || rng.u32(0..100) < crashes {
        return ids.len();
    }
    let outcomes: Vec<Value> = ids.iter().map(|id| outcome(id)).collect();
    let at = tick();
    for id in &ids {
        world.books.lock().unwrap().acknowledged.entry(id.clone()).or_insert(at);
    }
    let times = 1 + usize::from(rng.u32(0..100) < 20);
    for _ in 0..times {
        expect(world, "ack outcomes", &post(world, ROOM, &json!({"outcomes": outcomes})).await);
    }
    let mut books = world.books.lock().unwrap();
    for outcome in &outcomes {
        books.said.insert((text(outcome, "id"), text(outcome, "outcome")));
    }
    drop(books);
    settled.extend(ids.iter().cloned());
    ids.len()
}

/// The same word about the same delivery, whoever of those that run at once says it.
fn outcome(id: &str) -> Value {
    match id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 10 {
        0 => json!({"id": id, "outcome": "rejected", "reason": "no such prisoner"}),
        1 | 2 => json!({"id": id, "outcome": "accepted", "reference": {"scheme": "sr", "value": "7"}}),
        3 => json!({"id": id, "outcome": "executed", "by": "superintendent"}),
        _ => json!({"id": id, "outcome": "received"}),
    }
}

/// Acknowledges everything that the pullers have left open.
pub async fn drain(world: &World) {
    let mut rng = fastrand::Rng::with_seed(world.seed ^ 11);
    let mut settled = BTreeSet::new();
    while answer_unsettled(world, &mut rng, &mut settled, 0).await > 0 {}
    for feed in [COURT, SENDER] {
        let mut before = Vec::new();
        loop {
            let page = read(world, feed, "limit=500").await;
            let ids: Vec<String> = items(&page).map(|item| text(item, "id")).collect();
            // What an acknowledgement does not settle is still open at the end: the checker says so.
            let Some(last) = items(&page).last().filter(|_| ids != before) else { break };
            acknowledge(world, feed, &text(last, "icjscursor"), ids.iter()).await;
            before = ids;
        }
    }
}

/// Reads every feed from its very beginning, and the followers' feeds from where they stopped.
pub async fn finish(world: &Arc<World>) {
    for feed in [COURT, SENDER] {
        let end = world.books.lock().unwrap().followed.remove(&format!("{} end", feed.name)).unwrap().remove(0);
        let known = world.books.lock().unwrap().followed.get(feed.name).cloned().unwrap_or_default();
        catch_up(world, feed, end, known.into_iter().collect()).await;
        world.books.lock().unwrap().followed.remove(&format!("{} end", feed.name));
    }
    for feed in [COURT, SENDER, ROOM] {
        let mut after = start(world, feed);
        let mut all = Vec::new();
        loop {
            let page = read(world, feed, &format!("limit=500&after={after}")).await;
            after = text(&page, "next");
            let before = all.len();
            all.extend(items(&page).cloned());
            if all.len() == before && page["more"] != json!(true) {
                break;
            }
        }
        let mut books = world.books.lock().unwrap();
        books.followed.remove(&format!("{} start", feed.name));
        if feed.name == SENDER.name {
            books.outcomes = all.iter().map(|item| (about(item), text(&item["data"], "outcome"))).collect();
            books.outcome_feeds.insert(feed.name.to_owned(), all.iter().map(seen).collect());
        } else {
            books.feeds.insert(feed.name.to_owned(), all.iter().map(seen).collect());
        }
    }
}

fn about(item: &Value) -> String {
    text(&item["data"], "delivery")
}

fn seen(item: &Value) -> Seen {
    let ids = |name: &str| item[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    Seen {
        delivery: text(item, "id"),
        mark: text(&item["data"], "note"),
        digest: item["data"].to_string().into_bytes(),
        arrived: 0,
        answered: None,
        after: ids("icjsafter").collect(),
        overtaken_by: ids("icjsovertakenby").collect(),
    }
}
