//! What the gateway counts is what its callers saw: each answer stands in the caller's own book, and the counters of
//! `/metrics` are held against it, answer by answer.

use std::collections::BTreeMap;

use super::report;
use crate::harness::folder::paper;
use crate::harness::http::request;
use crate::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

/// A counter's value by one of its labels.
fn counters(text: &str, name: &str, label: &str) -> BTreeMap<String, u64> {
    let of = |line: &&str| line.starts_with(&format!("{name}{{"));
    let mut found = BTreeMap::new();
    for line in text.lines().filter(of) {
        let value = line.split(&format!("{label}=\"")).nth(1).unwrap().split('"').next().unwrap();
        *found.entry(value.to_owned()).or_default() += line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_that_a_sender_got_is_counted_once_and_nothing_else_is() {
    let folder =
        Folder::with(&[Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])]);
    let gateway = Gateway::start(&folder).await;
    let client = Client::connect(&folder, gateway.exchange, "police-a").await;
    let seed = report::seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut accepted, mut replayed) = (0, 0);
    let mut refused: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..report::either(150, 5_000) {
        let record = paper(POLICE, &[COURT], 1, &format!("paper {number}"));
        let text = record.to_string();
        let (kind, key, body) = match rng.u32(0..8) {
            0 => ("paper", String::new(), text),
            1 => ("paper", format!("k-{number}"), text.replace('{', "[")),
            2 => ("paper", format!("k-{number}"), text.replacen("\"note\"", "\"nothing\"", 1)),
            3 => ("paper", format!("k-{number}"), text.replace(POLICE, "ps:99999999")),
            4 => ("nothing", format!("k-{number}"), text),
            5 => ("paper", "the first".to_owned(), paper(POLICE, &[COURT], 1, "the first").to_string()),
            _ => ("paper", format!("k-{number}"), text),
        };
        let answer = client.submit(kind, &key, &[], body.as_bytes()).await.unwrap();
        match answer.status {
            202 if key == "the first" && accepted + replayed > 0 && refused.contains_key("(the first)") => {
                replayed += 1;
            }
            202 if key == "the first" => {
                refused.insert("(the first)".to_owned(), 0);
                accepted += 1;
            }
            202 => accepted += 1,
            _ => *refused.entry(answer.code()).or_default() += 1,
        }
    }
    refused.remove("(the first)");
    assert!(
        accepted > 20 && replayed > 0 && refused.len() >= 4,
        "{accepted} accepted, {replayed} replayed, {refused:?}"
    );
    let text = request(gateway.ops, "GET", "/metrics", &[], b"").await.unwrap().expect(200).text();
    assert_eq!(counters(&text, "icjs_refused_total", "code"), refused, "refusals by code");
    assert_eq!(counters(&text, "icjs_accepted_total", "system"), BTreeMap::from([("police-a".to_owned(), accepted)]));
    let deliveries: u64 = counters(&text, "icjs_deliveries", "office_system")["court-a"];
    assert_eq!(deliveries, accepted, "each accepted record is one delivery to the court");
    let tried = accepted + replayed + refused.values().sum::<u64>();
    let said = format!(
        "{accepted} accepted, {replayed} replayed, {} refused: all counted, each once",
        refused.values().sum::<u64>()
    );
    report::done("answers are counted", tried, "answers", seed, &said);
}
