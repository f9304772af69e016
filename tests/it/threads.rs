//! What joins an answer to its question: it goes to whoever asked, a thing's news goes to whoever has to do with it, and an
//! answer that overtook its question waits for it.

use std::process::Command;

use serde_json::Value;

use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};

const ROUTES: &str = r#"
[[route]]
name = "question"
kind = "paper"
to = "forensics"
office = ["addressee"]

[[route]]
name = "answer-to-asker"
kind = "paper"
to = "police"
office = ["asker request"]
when = "office.startsWith('lab:')"

[[route]]
name = "answer-to-courts"
kind = "paper"
to = "courts"
office = ["holders request"]
when = "office.startsWith('lab:')"

[[route]]
name = "copy"
kind = "paper"
to = "courts"
office = ["addressee"]
when = "!office.startsWith('lab:')"
"#;

const LAB: &str = "lab:DLFSL";

/// Police stations, two courts, a laboratory; a paper's `note` is the number of what was asked.
fn folder() -> Folder {
    let folder = Folder::with(&[
        Party::pulling("police", "police", &["ps:38101004", "ps:38101005"]),
        Party::pulling("court", "courts", &["court:DLCT01", "court:DLCT02"]),
        Party::pulling("lab", "forensics", &[LAB]),
    ]);
    let kinds = std::fs::read_to_string(folder.path("config/kinds.toml")).unwrap();
    let threads = "name = \"paper\"\nthreads = [\"request:note\"]";
    folder.file("config/kinds.toml", &kinds.replace("name = \"paper\"", threads));
    folder.file("config/routes.toml", ROUTES);
    folder
}

fn offices(answer: &Value) -> Vec<String> {
    let deliveries = answer["deliveries"].as_array().unwrap();
    let place = |one: &Value| one["office"].as_str().or(one["reason"].as_str()).unwrap_or_default().to_owned();
    deliveries.iter().map(place).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_goes_to_who_asked_in_its_case_and_to_the_courts_that_hold_a_copy() {
    let folder = folder();
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let lab = Client::connect(&folder, gateway.exchange, "lab").await;
    police.accepted("paper", "q1", &paper("ps:38101004", &[LAB, "court:DLCT02"], 1, "R/2026/7")).await;
    police.accepted("paper", "q2", &paper("ps:38101005", &[LAB], 2, "R/2026/7")).await;
    police.accepted("paper", "q3", &paper("ps:38101005", &[LAB, "court:DLCT01"], 3, "R/2026/8")).await;
    let answer = lab.accepted("paper", "a1", &paper(LAB, &[], 1, "R/2026/7")).await;
    assert_eq!(offices(&answer), ["ps:38101004", "court:DLCT02"], "the other case's R/2026/7 is another one: {answer}");
    let why = "route answer-to-asker: sent an earlier record of this request";
    assert_eq!(answer["deliveries"][0]["why"], why, "{answer}");
    let other = lab.accepted("paper", "a3", &paper(LAB, &[], 2, "R/2026/7")).await;
    assert_eq!(offices(&other), ["ps:38101005"], "{other}");
    // Once an office has the answer it holds it, but it has not asked.
    let answer = lab.accepted("paper", "a2", &paper(LAB, &[], 3, "R/2026/8")).await;
    assert_eq!(offices(&answer), ["ps:38101005", "court:DLCT01"], "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_knows_the_number_of_a_question_does_not_get_its_answer() {
    let folder = folder();
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let lab = Client::connect(&folder, gateway.exchange, "lab").await;
    police.accepted("paper", "q", &paper("ps:38101004", &[LAB], 1, "R/2026/7")).await;
    police.accepted("paper", "mine", &paper("ps:38101005", &[LAB], 2, "R/2026/7")).await;
    for n in 0..70 {
        police.accepted("paper", &format!("theirs-{n}"), &paper("ps:38101005", &[LAB], 1, "R/2026/7")).await;
    }
    let answer = lab.accepted("paper", "a", &paper(LAB, &[], 1, "R/2026/7")).await;
    assert_eq!(offices(&answer), ["ps:38101004"], "{answer}");
    let lost = lab.accepted("paper", "wrong case", &paper(LAB, &[], 9, "R/2026/7")).await;
    assert_eq!(offices(&lost), ["ps:38101004"], "a mistyped case goes to who asked first: {lost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_came_before_its_question_is_parked_and_goes_when_it_is_asked() {
    let folder = folder();
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let lab = Client::connect(&folder, gateway.exchange, "lab").await;
    let answer = lab.accepted("paper", "a", &paper(LAB, &[], 1, "R/2026/9")).await;
    assert_eq!(offices(&answer), ["no-office"], "whoever holds nothing is not missed: {answer}");
    police.accepted("paper", "q", &paper("ps:38101004", &[LAB], 1, "R/2026/9")).await;
    let page = police.feed("wait=20&office=ps:38101004").await.unwrap().expect(200).json();
    assert_eq!(page["items"][0]["icjsmessage"], answer["id"], "{page}");
}

#[test]
fn a_step_that_asks_for_a_thread_that_the_kind_has_not_is_refused_at_its_line() {
    let folder = folder();
    folder.file("config/routes.toml", &ROUTES.replace("asker request", "asker requset"));
    let check = Command::new(env!("CARGO_BIN_EXE_icjs")).arg("check").arg(folder.root()).output().unwrap();
    let told = String::from_utf8(check.stdout).unwrap() + &String::from_utf8(check.stderr).unwrap();
    assert_eq!(check.status.code(), Some(78), "{told}");
    assert!(told.contains("config/routes.toml:12: the kind has no thread `requset`"), "{told}");
    assert!(told.contains("`request`"), "{told}");
}
