//! The way out, through the socket: pages, cursors, acknowledgements, outcomes, receipts, and what others may not see.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::http::request;
use super::harness::trio::{COURT, POLICE, ROOM, Trio};
use super::harness::{Client, Folder, Gateway, Party};

fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().unwrap().clone()
}

/// Reads until so many items have come, without a cursor: what is unsettled.
async fn unsettled(client: &Client, query: &str, wanted: usize) -> Value {
    let began = Instant::now();
    loop {
        let page = client.feed(&format!("limit=500&wait=2{query}")).await.unwrap().expect(200).json();
        if items(&page).len() >= wanted || began.elapsed() > Duration::from_secs(20) {
            assert_eq!(items(&page).len(), wanted, "{page:#}");
            return page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_item_is_a_cloud_event_and_its_record_is_as_it_was_sent() {
    let stage = Trio::start().await;
    let accepted = stage.police.accepted("paper", "k1", &paper(POLICE, &[COURT], 1, "नमूना")).await;
    let page = unsettled(&stage.court, "", 1).await;
    let item = &page["items"][0];
    assert_eq!(item["specversion"], "1.0");
    assert_eq!(item["id"], accepted["deliveries"][0]["id"]);
    assert_eq!(item["type"], "in.icjs.paper.v1");
    assert_eq!(item["subject"], "fir/38101004-2026-1");
    assert_eq!(item["icjsmessage"], accepted["id"]);
    assert_eq!((&item["icjsaction"], &item["icjswithheld"]), (&json!("new"), &json!([])));
    assert_eq!(item["data"]["note"], "नमूना");
    assert!(item["time"].as_str().unwrap().ends_with("+05:30"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_have_no_gap_and_no_repetition_and_an_acknowledgement_settles_exactly_its_page() {
    let stage = Trio::start().await;
    let mut sent = BTreeSet::new();
    for case in 0..25 {
        let accepted = stage.police.accepted("paper", &format!("k{case}"), &paper(POLICE, &[COURT], case, "x")).await;
        sent.insert(accepted["deliveries"][0]["id"].as_str().unwrap().to_owned());
    }
    unsettled(&stage.court, "", 25).await;
    let first = stage.court.feed("limit=10").await.unwrap().expect(200).json();
    assert_eq!((items(&first).len(), &first["more"]), (10, &json!(true)));
    let next = first["next"].as_str().unwrap();
    let told = stage.court.ack(next, &[]).await.unwrap().expect(200).json();
    assert_eq!(told, json!({"settled": 10, "already": 0, "refused": []}));
    let again = stage.court.ack(next, &[]).await.unwrap().expect(200).json();
    assert_eq!(again["settled"], 0, "saying it again changes nothing");
    let mut seen: BTreeSet<String> = items(&first).iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    let mut after = next.to_owned();
    loop {
        let page = stage.court.feed(&format!("limit=4&after={after}")).await.unwrap().expect(200).json();
        for item in items(&page) {
            assert!(seen.insert(item["id"].as_str().unwrap().to_owned()), "an item came twice");
        }
        after = page["next"].as_str().unwrap().to_owned();
        if page["more"] == json!(false) {
            break;
        }
    }
    assert_eq!(seen, sent);
    assert_eq!(unsettled(&stage.court, "", 15).await["items"].as_array().unwrap().len(), 15);
    // One item's own cursor acknowledges up to it, and not further.
    let page = stage.court.feed("limit=5").await.unwrap().expect(200).json();
    let third = page["items"][2]["icjscursor"].as_str().unwrap();
    assert_eq!(stage.court.ack(third, &[]).await.unwrap().expect(200).json()["settled"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_good_for_its_caller_and_its_filter_only() {
    let stage = Trio::start().await;
    stage.police.accepted("paper", "k", &paper(POLICE, &[COURT, ROOM], 1, "x")).await;
    let page = unsettled(&stage.court, "", 2).await;
    let cursor = page["next"].as_str().unwrap().to_owned();
    let invalid = |answer: super::harness::http::Answer| {
        assert_eq!((answer.status, answer.code().as_str()), (400, "cursor-invalid"), "{}", answer.text());
    };
    invalid(stage.police.feed(&format!("after={cursor}")).await.unwrap());
    invalid(stage.court.feed(&format!("after={cursor}&office={COURT}")).await.unwrap());
    invalid(stage.court.feed(&format!("after={cursor}&kind=paper")).await.unwrap());
    invalid(stage.court.feed("after=AAAA").await.unwrap());
    invalid(stage.court.ack(&cursor, &["paper"]).await.unwrap());
    let mut changed = cursor.clone().into_bytes();
    changed[3] = if changed[3] == b'A' { b'B' } else { b'A' };
    invalid(stage.court.feed(&format!("after={}", String::from_utf8(changed).unwrap())).await.unwrap());
    let only = unsettled(&stage.court, &format!("&office={ROOM}&kind=paper"), 1).await;
    assert_eq!(only["items"][0]["icjsoffice"], ROOM);
    for (query, status) in [
        ("office=prison:DL01", 403),
        ("kind=letter", 404),
        ("limit=0", 422),
        ("limit=501", 422),
        ("wait=61", 422),
        ("offices=x", 422),
        ("limit=1&limit=2", 422),
    ] {
        let answer = stage.court.feed(query).await.unwrap();
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_receiver_says_travels_back_to_the_sender() {
    let stage = Trio::start().await;
    let accepted = stage.police.accepted("paper", "k", &paper(POLICE, &[COURT], 5, "x")).await;
    let delivery = accepted["deliveries"][0]["id"].as_str().unwrap();
    unsettled(&stage.court, "", 1).await;
    let outcome = json!([{"id": delivery, "outcome": "accepted", "reference": {"scheme": "sr", "value": "SR/1/2026"},
                          "reason": "taken on file", "by": "reader", "at": "2026-11-22T11:00:00+05:30"}]);
    let told = stage.court.answer(outcome.clone()).await.unwrap().expect(200).json();
    assert_eq!(told, json!({"settled": 1, "already": 0, "refused": []}));
    let told = stage.court.answer(outcome).await.unwrap().expect(200).json();
    assert_eq!(told, json!({"settled": 0, "already": 1, "refused": []}));
    let page = unsettled(&stage.police, "&kind=outcome", 1).await;
    let item = &page["items"][0];
    assert_eq!((&item["type"], &item["icjsabout"]), (&json!("in.icjs.outcome.v1"), &json!(delivery)));
    let data = &item["data"];
    assert_eq!((&data["delivery"], &data["outcome"]), (&json!(delivery), &json!("accepted")));
    assert_eq!((&data["message"], &data["reference"]["value"]), (&accepted["id"], &json!("SR/1/2026")));
    let state = stage.police.message(accepted["id"].as_str().unwrap()).await;
    assert_eq!(
        (&state["status"], &state["deliveries"][0]["state"]),
        (&json!("settled"), &json!("delivered")),
        "{state:#}"
    );
    assert_eq!(state["deliveries"][0]["outcomes"][0]["outcome"], "accepted");
    // The outcome is settled like anything else, and is itself answered by nothing.
    let settled = stage.police.ack(page["next"].as_str().unwrap(), &["outcome"]).await.unwrap().expect(200).json();
    assert_eq!(settled["settled"], 1);
    assert_eq!(items(&stage.court.feed("").await.unwrap().expect(200).json()).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_outcome_that_contradicts_must_say_that_it_corrects() {
    let stage = Trio::start().await;
    let accepted = stage.police.accepted("paper", "k", &paper(POLICE, &[COURT], 5, "x")).await;
    let message = accepted["id"].as_str().unwrap();
    unsettled(&stage.court, "", 1).await;
    let say = async |client: &Client, id: &str, body: Value| {
        let path = format!("/v1/messages/{id}/outcomes");
        client.call("POST", &path, &[("content-type", "application/json")], body.to_string().as_bytes()).await.unwrap()
    };
    // A message id is enough where the caller got one delivery of it.
    say(&stage.court, message, json!({"outcome": "not-executed", "reason": "not here"})).await.expect(200);
    let conflict = say(&stage.court, message, json!({"outcome": "executed"})).await.expect(409);
    assert_eq!(conflict.code(), "outcome-conflict");
    let later = json!({"outcome": "executed", "corrects": true});
    let told = say(&stage.court, message, later.clone()).await.expect(200).json();
    assert_eq!(told, json!({"settled": 0, "added": 1, "already": 0, "refused": []}), "a later word that was written");
    let told = say(&stage.court, message, later).await.expect(200).json();
    assert_eq!(told, json!({"settled": 0, "already": 1, "refused": []}), "the same again is no news");
    assert_eq!(say(&stage.stranger, message, json!({"outcome": "executed"})).await.status, 404);
    assert_eq!(
        say(&stage.police, message, json!({"outcome": "executed"})).await.status,
        404,
        "the sender is no receiver"
    );
    assert_eq!(say(&stage.court, message, json!({"outcome": "done"})).await.status, 422);
    assert_eq!(say(&stage.court, message, json!({"outcome": "executed", "extra": 1})).await.status, 422);
    let refused = stage.stranger.answer(json!([{"id": accepted["deliveries"][0]["id"], "outcome": "received"}])).await;
    assert_eq!(refused.unwrap().expect(200).json()["refused"][0]["code"], "not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_at_the_wrong_office_goes_to_the_one_that_is_named() {
    let stage = Trio::start().await;
    let accepted = stage.police.accepted("paper", "k", &paper(POLICE, &[COURT], 5, "x")).await;
    unsettled(&stage.court, "", 1).await;
    let wrong = json!([{"id": accepted["deliveries"][0]["id"], "outcome": "wrong-addressee",
                        "reference": {"scheme": "office", "value": ROOM}, "reason": "another court's"}]);
    assert_eq!(stage.court.answer(wrong).await.unwrap().expect(200).json()["settled"], 1);
    let page = unsettled(&stage.court, &format!("&office={ROOM}"), 1).await;
    assert_eq!(page["items"][0]["icjsmessage"], accepted["id"]);
    assert_ne!(page["items"][0]["id"], accepted["deliveries"][0]["id"], "a delivery of its own");
    let state = stage.police.message(accepted["id"].as_str().unwrap()).await;
    assert_eq!(state["deliveries"].as_array().unwrap().len(), 2, "{state:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_at_the_wrong_office_that_names_no_other_waits_for_a_person_unless_another_one_has_it() {
    let stage = Trio::start().await;
    let wrong = |delivery: &Value| json!([{"id": delivery["id"], "outcome": "wrong-addressee", "reason": "not ours"}]);
    let lone = stage.police.accepted("paper", "k", &paper(POLICE, &[COURT], 5, "x")).await;
    let both = stage.police.accepted("paper", "l", &paper(POLICE, &[COURT, ROOM], 6, "y")).await;
    unsettled(&stage.court, "", 3).await;
    for accepted in [&lone, &both] {
        stage.court.answer(wrong(&accepted["deliveries"][0])).await.unwrap().expect(200);
    }
    let state = stage.police.message(lone["id"].as_str().unwrap()).await;
    let (first, next) = (&state["deliveries"][0], &state["deliveries"][1]);
    assert_eq!((&first["state"], &next["state"]), (&json!("rejected"), &json!("parked")), "{state:#}");
    assert_eq!((&next["reason"], &next["office"]), (&json!("no-office"), &Value::Null), "{state:#}");
    assert_eq!(state["status"], "attention");
    let repair = ["deliveries", "repair", next["id"].as_str().unwrap(), "--by", "a person", "--reason", "a test"];
    let repaired = Gateway::command(&stage.folder).args(repair).output().unwrap();
    let said = String::from_utf8_lossy(&repaired.stderr);
    assert!(!repaired.status.success() && said.contains("no route leads"), "the court said it is not its own: {said}");
    let state = stage.police.message(both["id"].as_str().unwrap()).await;
    assert_eq!(state["deliveries"].as_array().unwrap().len(), 2, "the other court has it: {state:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_sent_from_office_to_office_stops_after_three_and_waits_for_a_person() {
    let courts = ["court:DLCT01", "court:DLCT02", "court:DLCT03", "court:DLCT04", "court:DLCT05"];
    let folder =
        Folder::with(&[Party::pulling("police", "police", &[POLICE]), Party::pulling("court", "courts", &courts)]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    let accepted = police.accepted("paper", "k", &paper(POLICE, &[courts[0]], 5, "x")).await;
    for pair in courts.windows(2) {
        let page = unsettled(&court, &format!("&office={}", pair[0]), 1).await;
        let wrong = json!([{"id": page["items"][0]["id"], "outcome": "wrong-addressee",
                            "reference": {"scheme": "office", "value": pair[1]}, "reason": "another court's"}]);
        court.answer(wrong).await.unwrap().expect(200);
    }
    let state = police.message(accepted["id"].as_str().unwrap()).await;
    let deliveries = state["deliveries"].as_array().unwrap();
    let last = deliveries.last().unwrap();
    assert_eq!((deliveries.len(), &last["office"]), (5, &json!(courts[4])), "{state:#}");
    assert_eq!((&last["state"], &last["reason"]), (&json!("parked"), &json!("too-many-hops")), "{state:#}");
    assert_eq!(state["status"], "attention");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_names_the_version_that_the_office_has_and_no_other() {
    let stage = Trio::start().await;
    let mut newest = stage.police.accepted("paper", "k", &paper(POLICE, &[COURT], 7, "v0")).await["id"].clone();
    let mut correct = async |number: usize| {
        let replaces = newest.as_str().unwrap().to_owned();
        let headers = [("icjs-action", "correct"), ("icjs-replaces", replaces.as_str()), ("icjs-reason", "a word")];
        let body = paper(POLICE, &[COURT], 7, &format!("v{number}")).to_string();
        let answer = stage.police.submit("paper", &format!("k{number}"), &headers, body.as_bytes()).await;
        newest = answer.unwrap().expect(202).json()["id"].clone();
        newest.clone()
    };
    // Nobody has pulled the first version: to the court the second one is new.
    let second = correct(1).await;
    let item = &unsettled(&stage.court, "", 1).await["items"][0];
    assert_eq!((&item["icjsmessage"], &item["icjsaction"]), (&second, &json!("new")));
    assert_eq!(item.get("icjsreplaces"), None, "{item:#}");
    stage.court.answer(json!([{"id": item["id"], "outcome": "received"}])).await.unwrap().expect(200);
    // The third is superseded before the court looks again: what the fourth replaces there is the second.
    correct(2).await;
    let fourth = correct(3).await;
    let item = &unsettled(&stage.court, "", 1).await["items"][0];
    assert_eq!((&item["icjsmessage"], &item["icjsaction"]), (&fourth, &json!("correct")));
    assert_eq!(item["icjsreplaces"], second, "{item:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_message_is_not_there() {
    let stage = Trio::start().await;
    let accepted = stage.police.accepted("paper", "k", &paper(POLICE, &[COURT], 6, "x")).await;
    let id = accepted["id"].as_str().unwrap();
    unsettled(&stage.court, "", 1).await;
    for path in [format!("/v1/messages/{id}"), format!("/v1/messages/{id}/proof")] {
        let answer = stage.stranger.get(&path).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (404, "not-found"));
    }
    let seen = stage.court.message(id).await;
    assert_eq!(seen["deliveries"].as_array().unwrap().len(), 1);
    assert!(seen.get("receipt").is_none(), "the receipt is the sender's");
    assert_eq!(stage.stranger.get("/v1/messages").await.unwrap().expect(200).json()["items"], json!([]));
    assert_eq!(stage.police.get("/v1/messages").await.unwrap().expect(200).json()["items"][0]["id"], json!(id));
    // Without a token nothing says whether anything is there.
    let bare = request(stage.gateway.exchange, "GET", &format!("/v1/messages/{id}"), &[], b"").await.unwrap();
    assert_eq!(bare.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_page_comes_as_soon_as_there_is_something() {
    let stage = Trio::start().await;
    let court = stage.court.clone();
    let waiting = tokio::spawn(async move {
        let began = Instant::now();
        let page = court.feed("wait=30").await.unwrap().expect(200).json();
        (began.elapsed(), items(&page).len())
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    stage.police.accepted("paper", "k", &paper(POLICE, &[COURT], 1, "x")).await;
    let (took, found) = waiting.await.unwrap();
    assert_eq!(found, 1);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_checked_with_the_published_keys_alone() {
    let stage = Trio::start().await;
    let body = paper(POLICE, &[COURT], 2, "x").to_string();
    let accepted = stage.police.submit("paper", "k", &[], body.as_bytes()).await.unwrap().expect(202).json();
    let receipt = accepted["receipt"].as_str().unwrap();
    let keys = request(stage.gateway.exchange, "GET", "/.well-known/jwks.json", &[], b"").await.unwrap();
    let claims = icjs::evidence::receipt::verify(receipt, &keys.expect(200).json(), Some(body.as_bytes())).unwrap();
    assert_eq!((claims.jti.as_str(), claims.office.as_str()), (accepted["id"].as_str().unwrap(), POLICE));
    let later = stage.police.message(accepted["id"].as_str().unwrap()).await;
    assert_eq!(later["receipt"], receipt, "the same bytes for ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assertion_is_good_once_and_a_token_says_whose_it_is() {
    let stage = Trio::start().await;
    let audience = format!("http://{}/oauth2/token", stage.gateway.exchange);
    let assertion = stage.folder.key("court-a").assertion("court-a", &audience);
    let ask = async |more: &str| {
        let form = format!(
            "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type\
             %3Ajwt-bearer&client_assertion={assertion}{more}"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        request(stage.gateway.exchange, "POST", "/oauth2/token", &headers, form.as_bytes()).await.unwrap()
    };
    let token = ask("&scope=receive").await.expect(200).json();
    assert_eq!((&token["token_type"], &token["scope"]), (&json!("Bearer"), &json!("receive")));
    let replay = ask("").await;
    assert_eq!((replay.status, &replay.json()["error"]), (401, &json!("invalid_client")));
    let narrow = Client { token: token["access_token"].as_str().unwrap().to_owned(), ..stage.court.clone() };
    narrow.feed("").await.unwrap().expect(200);
    assert_eq!(narrow.get("/v1/messages").await.unwrap().expect(403).code(), "not-allowed");
    let me = stage.court.get("/v1/me").await.unwrap().expect(200).json();
    assert_eq!((&me["system"], &me["offices"]), (&json!("court-a"), &json!([COURT, ROOM])));
    for form in ["", "grant_type=password", "grant_type=client_credentials&grant_type=client_credentials"] {
        let answer = request(stage.gateway.exchange, "POST", "/oauth2/token", &[], form.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 400, "{form}: {}", answer.text());
    }
}
