//! The senders: new papers and orders, corrections, withdrawals, twins, replays, and keys used twice by mistake.
//! Each act carries a mark in its `note`, by which the receivers' books know it again.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::world::{COURT_FEED, COURT_PUSH, COURT_ROOM, PRISON, STATIONS, World, accepted};
use crate::checker::{Accepted, Sent};
use crate::harness::http::Answer;
use crate::harness::{folder, tick};

const CASES: u32 = 24;
const PERSONS: u32 = 12;
/// After so many acts a sender turns to newer cases and persons: the checker looks at every pair of one case.
const ERA: u32 = 200;

/// Of two hundred new records, how many are large.
const LARGE: u32 = 2;

/// A newest version that its sender may correct or withdraw.
struct Version {
    mark: String,
    id: String,
    kind: &'static str,
    record: Value,
    sent: Sent,
}

/// One post, ready to be repeated.
struct Post {
    kind: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// A sender's life until the world stops.
pub async fn live(world: Arc<World>, number: u64) {
    let mut rng = fastrand::Rng::with_seed(world.seed.wrapping_mul(31).wrapping_add(number));
    let mut mine: Vec<Version> = Vec::new();
    let mut count = 0;
    while !world.over() {
        count += 1;
        let mark = format!("s{number}-{count}");
        match rng.u32(0..100) {
            0..12 if !mine.is_empty() => {
                let version = mine.swap_remove(rng.usize(0..mine.len()));
                mine.extend(replace(&world, &mut rng, &mark, version, "correct").await);
            }
            12..17 if !mine.is_empty() => {
                let version = mine.swap_remove(rng.usize(0..mine.len()));
                replace(&world, &mut rng, &mark, version, "withdraw").await;
            }
            _ => mine.extend(begin(&world, &mut rng, &mark, count / ERA).await),
        }
        if mine.len() > 12 {
            mine.swap_remove(0);
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(1..25))).await;
    }
}

/// A new record.
async fn begin(world: &World, rng: &mut fastrand::Rng, mark: &str, era: u32) -> Option<Version> {
    let station = STATIONS[rng.usize(0..STATIONS.len())];
    let (case, person) = (era * CASES + rng.u32(1..=CASES), era * PERSONS + rng.u32(1..=PERSONS));
    let kind = if rng.u32(0..100) < 35 { "order" } else { "paper" };
    let code = ["release", "remand", "adjournment"][rng.usize(0..3)];
    let to = addressees(rng, kind);
    let mut record = match kind {
        "order" => folder::order(station, &to, case, person, code, mark),
        _ => folder::paper(station, &to, case, mark),
    };
    if rng.u32(0..200) < LARGE {
        // Not to be made small: such a record's parts lie in files of their own.
        record["filler"] = json!(std::iter::repeat_with(|| rng.alphanumeric()).take(150_000).collect::<String>());
    }
    let liberty = kind == "order" && code != "adjournment";
    let mut keys = vec![format!("case {case}")];
    if liberty {
        keys.push(format!("person {person}"));
    }
    let mut headers = Vec::new();
    if rng.bool() {
        record["event"]["number"] = json!(mark);
    } else {
        headers.push(("idempotency-key", mark.to_owned()));
    }
    let sent = Sent {
        mark: mark.to_owned(),
        first_sent: tick(),
        replaces: None,
        withdraws: false,
        liberty,
        keys,
        to: to.iter().map(|&office| office.to_owned()).collect(),
        accepted: Vec::new(),
    };
    let post = Post { kind, headers, body: record.to_string().into_bytes() };
    submit(world, rng, sent, post, record).await
}

fn addressees(rng: &mut fastrand::Rng, kind: &str) -> Vec<&'static str> {
    let all = if kind == "order" { [PRISON, COURT_ROOM] } else { [COURT_PUSH, COURT_FEED] };
    match rng.u32(0..3) {
        0 => vec![all[0]],
        1 => vec![all[1]],
        _ => all.to_vec(),
    }
}

/// A correction or a withdrawal of a version: same offices, new bytes.
async fn replace(
    world: &World,
    rng: &mut fastrand::Rng,
    mark: &str,
    version: Version,
    action: &str,
) -> Option<Version> {
    let mut record = version.record;
    record["note"] = json!(mark);
    if let Some(event) = record["event"].as_object_mut() {
        event.shift_remove("number");
    }
    let headers = vec![
        ("idempotency-key", mark.to_owned()),
        ("icjs-action", action.to_owned()),
        ("icjs-replaces", version.id),
        ("icjs-reason", "the kill test changed its mind".to_owned()),
    ];
    let sent = Sent {
        mark: mark.to_owned(),
        first_sent: tick(),
        replaces: Some(version.mark),
        withdraws: action == "withdraw",
        accepted: Vec::new(),
        ..version.sent
    };
    let post = Post { kind: version.kind, headers, body: record.to_string().into_bytes() };
    submit(world, rng, sent, post, record).await
}

/// Posts until it is accepted, sometimes twice at once, sometimes once more afterwards.
async fn submit(world: &World, rng: &mut fastrand::Rng, mut sent: Sent, post: Post, record: Value) -> Option<Version> {
    loop {
        let answers = if rng.u32(0..100) < 15 {
            let (one, two) = tokio::join!(attempt(world, &post), attempt(world, &post));
            vec![one, two]
        } else {
            vec![attempt(world, &post).await]
        };
        for answer in answers.into_iter().flatten() {
            sent.accepted.extend(judge(world, &sent, &answer)?);
        }
        if !sent.accepted.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    if rng.u32(0..100) < 12 {
        let again = attempt(world, &post).await;
        sent.accepted.extend(again.and_then(|answer| judge(world, &sent, &answer)).flatten());
    }
    if rng.u32(0..100) < 5 {
        misuse(world, &sent, &post).await;
    }
    let id = sent.accepted[0].id.clone();
    world.books.lock().unwrap().sent.push(sent.clone());
    Some(Version { mark: sent.mark.clone(), id, kind: post.kind, record, sent })
}

async fn attempt(world: &World, post: &Post) -> Option<Answer> {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(post.headers.iter().map(|(name, value)| (*name, value.as_str())));
    world.attempt("police-a", "POST", &format!("/v1/records/{}", post.kind), &headers, &post.body).await
}

/// `None`: a refusal, which is a surprise and ends the act.
fn judge(world: &World, sent: &Sent, answer: &Answer) -> Option<Option<Accepted>> {
    if answer.status == 202 {
        return Some(Some(accepted(answer, tick())));
    }
    world.surprise(format!("`{}` was answered {} {}", sent.mark, answer.status, answer.text()));
    None
}

/// The same key or event number with other bytes is refused by name, whatever dies meanwhile.
async fn misuse(world: &World, sent: &Sent, post: &Post) {
    let mut body = post.body.clone();
    body.push(b' ');
    let headers = post.headers.clone();
    let wrong = Post { kind: post.kind, headers, body };
    let Some(answer) = attempt(world, &wrong).await else { return };
    let header = post.headers.iter().any(|(name, _)| *name == "idempotency-key");
    let wanted = if header { (422, "idempotency-key-reused") } else { (409, "record-changed") };
    if (answer.status, answer.code().as_str()) != wanted {
        world.surprise(format!("`{}` with other bytes was answered {} {}", sent.mark, answer.status, answer.text()));
    }
}
