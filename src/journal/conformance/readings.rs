//! Readings: what was given to whom is found again after a crash, exactly what was given, and goes when its time is over.

use super::*;
use crate::journal::{Prune, Reading, ReadingFilter, ReadingVerb, Readings};

pub(super) async fn run(make: Make) {
    what_was_read_is_found_by_system_officer_and_case(make()).await;
    a_page_notes_what_it_gives_and_nothing_that_it_does_not(make()).await;
    old_readings_go_and_no_number_is_given_twice(make()).await;
}

fn reading(stage: &dyn Stage, officer: &str, case: &str) -> Reading {
    Reading {
        at: stage.clock().now().millis(),
        system: COURT.to_owned(),
        officer: Some(format!("{officer}; Judge")),
        call: "case".to_owned(),
        case: Some(case.to_owned()),
        ..Reading::default()
    }
}

async fn note(stage: &dyn Stage, reading: Reading) {
    stage.journal().reading(ReadingVerb::Note(Box::new(reading))).await.unwrap();
}

async fn list(stage: &dyn Stage, filter: ReadingFilter) -> Readings {
    stage.journal().reading(ReadingVerb::List(ReadingFilter { limit: 2, ..filter })).await.unwrap()
}

fn numbers(found: &Readings) -> Vec<u64> {
    found.rows.iter().map(|(number, _)| *number).collect()
}

async fn what_was_read_is_found_by_system_officer_and_case(mut stage: Box<dyn Stage>) {
    for (officer, case) in [("J-1", "fir/1"), ("J-2", "fir/1"), ("J-1", "fir/2")] {
        let reading = reading(&*stage, officer, case);
        note(&*stage, reading).await;
        stage.clock().advance(Duration::from_secs(60));
    }
    let other = Reading { system: POLICE.to_owned(), ..reading(&*stage, "J-1", "fir/1") };
    note(&*stage, other.clone()).await;
    stage.reopen().await;
    let first = list(&*stage, ReadingFilter::default()).await;
    assert_eq!((numbers(&first), first.rows[0].1.clone(), first.next), (vec![4, 3], other, Some(3)));
    let rest = list(&*stage, ReadingFilter { before: first.next, ..ReadingFilter::default() }).await;
    assert_eq!(numbers(&rest), [2, 1]);
    let of = |officer: &str| ReadingFilter { officer: Some(officer.to_owned()), ..ReadingFilter::default() };
    assert_eq!(numbers(&list(&*stage, of("J-2")).await), [2]);
    assert_eq!(numbers(&list(&*stage, of("J")).await), [] as [u64; 0]);
    let court = ReadingFilter { system: Some(COURT.to_owned()), ..of("J-1") };
    assert_eq!(numbers(&list(&*stage, court).await), [3, 1]);
    let case = ReadingFilter { case: Some("fir/2".to_owned()), ..ReadingFilter::default() };
    assert_eq!(numbers(&list(&*stage, case).await), [3]);
    let since = ReadingFilter { since: Some(stage.clock().now()), ..ReadingFilter::default() };
    assert_eq!(numbers(&list(&*stage, since).await), [4]);
}

async fn a_page_notes_what_it_gives_and_nothing_that_it_does_not(stage: Box<dyn Stage>) {
    let mut sent = Vec::new();
    for body in ["1", "2"] {
        let entry = Entry { deliveries: vec![pull("court:DLCT01", &[])], ..record(&*stage, body) };
        sent.push(append(&*stage, entry).await.id);
    }
    shelve(&*stage, COURT).await;
    let ask = FeedAsk {
        system: COURT.to_owned(),
        offices: vec![],
        kinds: vec![],
        after: None,
        upto: None,
        heads: false,
        limit: 10,
        max_bytes: 1 << 20,
    };
    let listed = stage.journal().feed(ask.clone()).await.unwrap();
    assert_eq!(listed.items.len(), 2);
    let gone = listed.items[0].delivery;
    let order = crate::journal::Order {
        delivery: gone,
        verb: crate::journal::OrderVerb::Park { code: "stopped".to_owned() },
        by: "a person".to_owned(),
        reason: "a test".to_owned(),
        at: stage.clock().now(),
        approval: None,
    };
    stage.journal().order(order).await.unwrap();
    let of = Reading { call: "feed".to_owned(), ..reading(&*stage, "J-1", "fir/1") };
    let page = stage.journal().show(listed, Some(of.clone())).await.unwrap();
    let given: Vec<String> = page.items.iter().map(|item| item.message.id.to_string()).collect();
    assert_eq!(given.len(), 1);
    let found = list(&*stage, ReadingFilter::default()).await;
    assert_eq!(found.rows, [(1, Reading { messages: given, ..of.clone() })]);
    // The same page again within a minute is the same reading, later it is another; an empty one is none.
    let show = async |reading: &Reading| {
        let again = stage.journal().feed(ask.clone()).await.unwrap();
        stage.journal().show(again, Some(reading.clone())).await.unwrap();
        numbers(&list(&*stage, ReadingFilter::default()).await)
    };
    let after = |millis| Reading { at: of.at + millis, ..of.clone() };
    assert_eq!(show(&after(59_999)).await, [1]);
    assert_eq!(show(&after(60_000)).await, [2, 1]);
    assert_eq!(show(&Reading { purpose: Some("bail".to_owned()), ..after(60_000) }).await, [3, 2]);
    stage.journal().show(FeedPage { items: vec![], ..page }, Some(of)).await.unwrap();
    assert_eq!(numbers(&list(&*stage, ReadingFilter::default()).await), [3, 2]);
}

async fn old_readings_go_and_no_number_is_given_twice(stage: Box<dyn Stage>) {
    for _ in 0..3 {
        let reading = reading(&*stage, "J-1", "fir/1");
        note(&*stage, reading).await;
        stage.clock().advance(Duration::from_secs(86_400));
    }
    let now = stage.clock().now();
    let ask = |readings| Prune { after: 0, limit: 10, payloads: None, refusals: None, readings, now, dry: false };
    assert_eq!(stage.journal().prune(ask(None)).await.unwrap().readings, 0);
    let before = Timestamp::from_millis(now.millis() - 2 * 86_400_000);
    assert_eq!(stage.journal().prune(ask(Some(before))).await.unwrap().readings, 1);
    assert_eq!(numbers(&list(&*stage, ReadingFilter::default()).await), [3, 2]);
    assert_eq!(stage.journal().prune(ask(Some(now))).await.unwrap().readings, 1);
    let reading = reading(&*stage, "J-1", "fir/1");
    note(&*stage, reading).await;
    assert_eq!(numbers(&list(&*stage, ReadingFilter::default()).await), [4, 3]);
}
