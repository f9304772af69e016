//! The papers of a case, as they stand now; what came between a look at them and the writing; and what is counted of warnings.

use serde_json::json;

use super::*;
use crate::journal::{MessageFilter, Snapshot, SnapshotAsk, TallyAsk};

pub(super) async fn run(make: Make) {
    papers_are_what_was_neither_replaced_nor_taken_back_and_a_crossing_is_told(make()).await;
    warnings_are_counted_over_a_period_and_found_by_their_rule(make()).await;
}

fn paper(stage: &dyn Stage, body: &str, kind: &str) -> Entry {
    Entry { cases: vec![case(1)], kind: kind.into(), ..record(stage, body) }
}

async fn look(stage: &dyn Stage, kinds: &[&str]) -> Snapshot {
    let papers = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    stage.journal().snapshot(SnapshotAsk { cases: vec![case(1)], papers, ..SnapshotAsk::default() }).await.unwrap()
}

fn bodies(seen: &Snapshot) -> Vec<String> {
    seen.papers.iter().map(|paper| String::from_utf8_lossy(&paper.shared).into_owned()).collect()
}

async fn papers_are_what_was_neither_replaced_nor_taken_back_and_a_crossing_is_told(mut stage: Box<dyn Stage>) {
    let fir = append(&*stage, paper(&*stage, "fir", "fir")).await;
    append(&*stage, paper(&*stage, "memo", "arrest")).await;
    append(&*stage, Entry { cases: vec![case(2)], ..paper(&*stage, "other", "fir") }).await;
    assert_eq!(bodies(&look(&*stage, &["fir"]).await), ["{\"text\":\"fir\"}"]);
    assert!(look(&*stage, &[]).await.papers.is_empty(), "nothing is opened for nobody");
    let seen = look(&*stage, &["fir", "arrest"]).await;
    assert_eq!(bodies(&seen), ["{\"text\":\"fir\"}", "{\"text\":\"memo\"}"]);

    let replaces = MessageId::parse(&fir.id);
    append(&*stage, Entry { action: Action::Correct, replaces, ..paper(&*stage, "mended", "fir") }).await;
    assert_eq!(bodies(&look(&*stage, &["fir"]).await), ["{\"text\":\"mended\"}"]);
    let late = Entry { compared: Some(seen.upto), ..paper(&*stage, "late", "arrest") };
    assert!(matches!(stage.journal().append(late.clone()).await.unwrap(), Appended::Crossed));
    let elsewhere = Entry { compared: Some(seen.upto), ..paper(&*stage, "elsewhere", "arrest") };
    append(&*stage, Entry { cases: vec![case(3)], ..elsewhere }).await;
    stage.reopen().await;
    let upto = look(&*stage, &["fir"]).await.upto;
    append(&*stage, Entry { compared: Some(upto), ..late }).await;
    assert_eq!(look(&*stage, &["arrest"]).await.papers.len(), 2);
}

async fn warnings_are_counted_over_a_period_and_found_by_their_rule(mut stage: Box<dyn Stage>) {
    for n in 0..6 {
        let odd = json!({"rule": "odd", "message": "x"});
        let more = json!({"rule": "a name of somebody", "message": "x"});
        let warnings = if n % 2 == 0 { vec![odd.clone(), odd, more] } else { vec![] };
        append(&*stage, Entry { warnings, ..record(&*stage, "x") }).await;
        stage.clock().advance(Duration::from_secs(10));
    }
    stage.reopen().await;
    let tally = async |since: u64, until: u64, limit: usize| {
        let (since, until) = (dawn().after(Duration::from_secs(since)), dawn().after(Duration::from_secs(until)));
        let mut ask = TallyAsk { since, until, after: None, limit };
        let mut all = stage.journal().tally(ask.clone()).await.unwrap();
        while all.next.is_some() {
            ask.after = all.next;
            all.add(stage.journal().tally(ask.clone()).await.unwrap());
        }
        let row = all.rows.into_iter().next().map(|(_, row)| row).unwrap_or_default();
        (
            row.records,
            row.warned,
            row.rules.into_iter().map(|(rule, many)| format!("{rule} {many}")).collect::<String>(),
        )
    };
    assert_eq!(tally(0, 60, 100).await, (6, 3, "odd 3".into()), "once a record, and no rule that is no name");
    assert_eq!(tally(0, 60, 2).await, (6, 3, "odd 3".into()), "in parts");
    assert_eq!(tally(10, 40, 100).await, (3, 1, "odd 1".into()), "the end of a period is not in it");
    assert_eq!(tally(1000, 2000, 100).await.0, 0);
    let filter = MessageFilter { rule: Some("odd".into()), limit: 10, ..MessageFilter::default() };
    assert_eq!(stage.journal().messages(filter.clone()).await.unwrap().len(), 3);
    let other = MessageFilter { rule: Some("other".into()), ..filter };
    assert!(stage.journal().messages(other).await.unwrap().is_empty());
}
