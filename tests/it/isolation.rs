//! Who has nothing to do with a thing learns nothing of it, by no call: the matrix of every described operation, every way to
//! name a thing in it, every state of a thing, and every party that is not concerned. Each question is asked twice, with the
//! thing's names and with names of the same form that name nothing, and the two answers must be the same but for the names.
//! Read `isolation/rows.rs` for the matrix, `isolation/world.rs` for what there is to be found.

mod rows;
mod world;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::rows::{Ask, ROWS, Row};
use self::world::{Asker, Names, World};
use super::harness::http::{Answer, request};

/// Headers that say when, how often and how much, not what: a text is as long as the name in it.
const PASSING: [&str; 4] = ["date", "ratelimit", "ratelimit-policy", "content-length"];
/// Members that are new in every answer: ids and times of what was made by this call.
const FRESH: [&str; 6] = ["instance", "receipt", "links", "access_token", "accepted_at", "line"];

/// Ways that tell those concerned nothing either: a bare id opens no page, an upload is never compared with another, and what
/// is corrected is a message, not a delivery of it.
const TELLS_NOBODY: [&str; 3] = ["after its bare id", "with other bytes", "corrects its delivery"];

async fn asked(asker: &Asker, ask: &Ask) -> Answer {
    let headers: Vec<(&str, &str)> = ask.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    match ask.bare {
        true => request(asker.client.gateway, ask.method, &ask.target, &headers, &ask.body).await.unwrap(),
        false => asker.client.call(ask.method, &ask.target, &headers, &ask.body).await.unwrap(),
    }
}

/// What an answer says, with words in the place of names, and without what is new in every answer.
fn shape(answer: &Answer, names: &Names) -> String {
    let mut headers: BTreeMap<&str, &str> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.retain(|name, _| !PASSING.contains(name));
    if let Some(place) = headers.get_mut("location") {
        *place = "<new>";
    }
    let bodies: Vec<Value> = answer.text().lines().map(|line| plain(serde_json::from_str(line).ok(), line)).collect();
    let mut text = format!("{} {headers:?} {}", answer.status, json!(bodies));
    for (name, word) in names.words() {
        text = text.replace(name, word);
    }
    without_ids(&text)
}

/// The text without the ids of what the asker made itself: the thing's own ids have their words by now.
fn without_ids(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match rest.get(..36).filter(|id| id.is_ascii() && uuid::Uuid::try_parse(id).is_ok()) {
            Some(id) => {
                plain.push_str("<id>");
                rest = &rest[id.len()..];
            }
            None => {
                plain.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    plain
}

fn plain(value: Option<Value>, line: &str) -> Value {
    let Some(mut value) = value else { return json!(line) };
    freshened(&mut value);
    value
}

fn freshened(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match FRESH.contains(&name.as_str()) && !member.is_null() {
                    true => *member = json!("<new>"),
                    false => freshened(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(freshened),
        _ => {}
    }
}

/// The ways of a row, asked by one party about one thing and about nothing: what each was answered.
struct Told {
    real: Ask,
    answer: Answer,
    shape: String,
    made_up: String,
}

async fn told(asker: &Asker, names: &Names, row: fn(&Names, &Asker) -> Vec<Ask>) -> Vec<Told> {
    let nothing = names.made_up();
    let mut all = Vec::new();
    for (real, made_up) in row(names, asker).into_iter().zip(row(&nothing, asker)) {
        assert_eq!(real.way, made_up.way);
        let answer = asked(asker, &real).await;
        let shape = shape(&answer, names);
        let made_up = self::shape(&asked(asker, &made_up).await, &nothing);
        all.push(Told { real, answer, shape, made_up });
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_described_operation_has_a_row_of_the_matrix_and_every_row_an_operation() {
    let world = World::new().await;
    let document = world.police.client.get("/openapi.json").await.unwrap().expect(200).json();
    let verbs = ["get", "put", "post", "patch", "delete", "head", "options", "trace", "query"];
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let has = item.as_object().unwrap().keys().filter(|key| verbs.contains(&key.as_str()));
        described.extend(has.map(|verb| (verb.clone(), path.clone())));
    }
    let mut rows: Vec<(String, String)> =
        ROWS.iter().map(|(verb, path, _)| ((*verb).to_owned(), (*path).to_owned())).collect();
    described.sort();
    rows.sort();
    assert_eq!(rows, described, "rows of the matrix on the left, described operations on the right");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_somebody_elses_is_answered_like_what_does_not_exist() {
    let world = World::new().await;
    let secrets = world.secrets();
    let mut wrong = Vec::new();
    let mut questions = 0;
    for (verb, path, row) in ROWS {
        let Row::Names(row) = row else { continue };
        for stranger in &world.strangers {
            for names in &world.things {
                for told in told(stranger, names, *row).await {
                    questions += 1;
                    let (system, way, what) = (&stranger.client.system, told.real.way, names.what);
                    if told.shape != told.made_up {
                        let (real, made_up) = (&told.shape, &told.made_up);
                        wrong.push(format!("{verb} {path} {way}, {what}, by {system}:\n  {real}\n  {made_up}"));
                    }
                    let said = String::from_utf8_lossy(&told.real.body).into_owned() + &told.real.target;
                    let sent = |secret: &str| {
                        said.contains(secret) || told.real.headers.iter().any(|(_, value)| value.contains(secret))
                    };
                    let shown = told.answer.text() + &format!("{:?}", told.answer.headers);
                    let found = secrets.iter().find(|secret| shown.contains(secret.as_str()) && !sent(secret));
                    if let Some(secret) = found {
                        wrong.push(format!("{verb} {path} {way}, {what}: {system} was told {secret}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {questions}:\n{}", wrong.len(), wrong.join("\n"));
    every_way_opens_something_to_somebody(&world).await;
}

/// A question that nobody gets an answer to proves nothing: by each way those concerned are told something else than of
/// nothing. It comes last, since it changes what there is.
async fn every_way_opens_something_to_somebody(world: &World) {
    for (verb, path, row) in ROWS {
        let Row::Names(row) = row else { continue };
        let mut open: BTreeMap<&str, bool> = BTreeMap::new();
        for owner in [&world.police, &world.court] {
            for names in &world.things {
                for told in told(owner, names, *row).await {
                    *open.entry(told.real.way).or_default() |= told.shape != told.made_up;
                }
            }
        }
        let shut: Vec<&str> = open.into_iter().filter(|(_, open)| !open).map(|(way, _)| way).collect();
        let shut: Vec<&str> = shut.into_iter().filter(|way| !TELLS_NOBODY.contains(way)).collect();
        assert!(shut.is_empty(), "{verb} {path}: nobody is told anything by {shut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_got_one_copy_of_a_record_learns_nothing_of_the_other_copy() {
    let world = World::new().await;
    let nothing = Names {
        delivery: format!("{}9", &world.shared.delivery[..world.shared.delivery.len() - 1]),
        office: "prison:ZZ99".to_owned(),
        ..world.shared.clone()
    };
    for (verb, path, row) in ROWS {
        let Row::Names(row) = row else { continue };
        for (real, made_up) in row(&world.shared, &world.court).into_iter().zip(row(&nothing, &world.court)) {
            let delivery = &world.shared.delivery;
            let named = real.target.contains(delivery) || String::from_utf8_lossy(&real.body).contains(delivery);
            let office = real.target.contains(&world.shared.office);
            if !(named || office) {
                continue;
            }
            let about = shape(&asked(&world.court, &real).await, &world.shared);
            let of_none = shape(&asked(&world.court, &made_up).await, &nothing);
            assert_eq!(about, of_none, "{verb} {path} {}", real.way);
            assert!(!about.contains("503"), "what the prison answered is not the court's affair: {about}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_public_and_what_is_ones_own_says_nothing_of_others() {
    let world = World::new().await;
    let mut secrets = world.secrets();
    let public: Vec<&str> =
        ROWS.iter().filter_map(|(_, _, row)| if let Row::Public(path) = row { Some(*path) } else { None }).collect();
    for path in public {
        let bare = request(world.gateway.exchange, "GET", path, &[], b"").await.unwrap().expect(200);
        for asker in [&world.police, &world.court, &world.strangers[0]] {
            assert_eq!(asker.client.get(path).await.unwrap().expect(200).body, bare.body, "{path}");
        }
        for word in secrets.iter().map(String::as_str).chain(["police-a", "court-a", "prison-a", "court:DLCT01"]) {
            assert!(!bare.text().contains(word), "{path} names {word}");
        }
    }
    // Who else there is, and which offices they have, is nobody's affair either.
    secrets.extend(["police-a", "court-a", "prison-a", "court:DLCT01", "prison:DL01"].map(str::to_owned));
    let own = ROWS.iter().filter_map(|(_, _, row)| if let Row::Own(paths) = row { Some(*paths) } else { None });
    for path in own.flatten() {
        for stranger in &world.strangers {
            let today = icjs::clock::Clock::now(&icjs::clock::WallClock).to_string();
            let path = path.replace("{today}", &today[..10]);
            let answer = stranger.client.get(&path).await.unwrap();
            assert!(matches!(answer.status, 200 | 404), "{path}: {}", answer.text());
            let found = secrets.iter().find(|secret| answer.text().contains(secret.as_str()));
            assert_eq!(found, None, "{path}, as {}", stranger.client.system);
        }
    }
    for path in ["/metrics", "/readyz", "/livez"] {
        let answer = request(world.gateway.ops, "GET", path, &[], b"").await.unwrap();
        let found = world.secrets().into_iter().find(|secret| answer.text().contains(secret.as_str()));
        assert_eq!(found, None, "{path}");
    }
}
