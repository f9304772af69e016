//! Links by persons and by records: what ends is kept and joins no longer, and a person's word outlasts the next record.

use super::*;
use crate::journal::{LinkRow, LinkVerb, NewLink, Ordered, SnapshotAsk};

pub(super) async fn run(make: Make) {
    a_person_joins_and_parts_and_the_history_tells_both(make()).await;
    a_record_does_not_overrule_the_person_who_parted(make()).await;
    what_a_record_joined_ends_with_its_correction(make()).await;
    one_and_the_same_link_is_written_a_few_times_at_most(make()).await;
}

fn same(fir: u32) -> NewLink {
    let to = CaseKey::of("cnr", &["DLCT010001232026"]).unwrap();
    NewLink { link: "same".into(), from: case(fir), to }
}

fn order(why: &str) -> Ordered {
    Ordered { by: "a person".into(), reason: why.into() }
}

async fn alive(stage: &dyn Stage, fir: u32) -> Vec<NewLink> {
    let ask = SnapshotAsk { cases: vec![case(fir)], ..SnapshotAsk::default() };
    stage.journal().snapshot(ask).await.unwrap().links.0.into_iter().map(|joint| joint.link).collect()
}

async fn history(stage: &dyn Stage, fir: u32) -> Vec<LinkRow> {
    stage.journal().link(LinkVerb::Of(case(fir))).await.unwrap()
}

async fn brings(stage: &dyn Stage, body: &str, fir: u32) -> Stored {
    append(stage, Entry { cases: vec![case(fir)], links: vec![same(fir)], ..record(stage, body) }).await
}

async fn a_person_joins_and_parts_and_the_history_tells_both(mut stage: Box<dyn Stage>) {
    let now = stage.clock().now();
    let made = stage.journal().link(LinkVerb::Join(same(1), order("seen"), now)).await.unwrap();
    let twice = stage.journal().link(LinkVerb::Join(same(1), order("again"), now)).await.unwrap();
    assert_eq!(made, twice, "joined once");
    assert_eq!((made[0].message, made[0].ordered.clone()), (None, Some(order("seen"))));
    stage.reopen().await;
    assert_eq!(alive(&*stage, 1).await, [same(1)]);
    let ended = stage.journal().link(LinkVerb::Part(same(1), order("wrong"), now)).await.unwrap();
    assert_eq!(ended[0].ended, Some((now, order("wrong"))));
    stage.reopen().await;
    assert!(alive(&*stage, 1).await.is_empty());
    assert_eq!(history(&*stage, 1).await, ended);
    assert!(stage.journal().link(LinkVerb::Part(same(1), order("x"), now)).await.unwrap().is_empty(), "nothing to end");
}

async fn a_record_does_not_overrule_the_person_who_parted(stage: Box<dyn Stage>) {
    let now = stage.clock().now();
    let first = brings(&*stage, "one", 1).await;
    assert_eq!(history(&*stage, 1).await[0].message.unwrap().to_string(), first.id);
    stage.journal().link(LinkVerb::Part(same(1), order("wrong"), now)).await.unwrap();
    brings(&*stage, "two", 1).await;
    assert!(alive(&*stage, 1).await.is_empty());
    let ask = SnapshotAsk { cases: vec![case(1)], ..SnapshotAsk::default() };
    assert_eq!(stage.journal().snapshot(ask).await.unwrap().parted, [same(1)]);
    stage.journal().link(LinkVerb::Join(same(1), order("right after all"), now)).await.unwrap();
    assert_eq!(alive(&*stage, 1).await, [same(1)]);
}

async fn what_a_record_joined_ends_with_its_correction(stage: Box<dyn Stage>) {
    let first = brings(&*stage, "one", 1).await;
    let replaces = MessageId::parse(&first.id);
    let corrected = Entry {
        action: Action::Correct,
        replaces,
        cases: vec![case(2)],
        links: vec![same(2)],
        ..record(&*stage, "two")
    };
    let second = append(&*stage, corrected).await;
    assert!(alive(&*stage, 1).await.is_empty());
    assert_eq!(alive(&*stage, 2).await, [same(2)]);
    let withdrawn = Entry {
        action: Action::Withdraw,
        replaces: MessageId::parse(&second.id),
        cases: vec![case(2)],
        links: vec![same(2)],
        ..record(&*stage, "three")
    };
    append(&*stage, withdrawn).await;
    assert!(alive(&*stage, 2).await.is_empty());
    brings(&*stage, "four", 2).await;
    assert_eq!(alive(&*stage, 2).await, [same(2)], "nobody has parted them");
}

async fn one_and_the_same_link_is_written_a_few_times_at_most(stage: Box<dyn Stage>) {
    for n in 0..20 {
        brings(&*stage, &format!("n{n}"), 1).await;
    }
    let rows = history(&*stage, 1).await;
    assert!((2..=8).contains(&rows.len()), "several witnesses, not all of them: {}", rows.len());
    let now = stage.clock().now();
    stage.journal().link(LinkVerb::Part(same(1), order("wrong"), now)).await.unwrap();
    assert!(alive(&*stage, 1).await.is_empty(), "a link ends whoever brought it");
}
