//! Where persons are held: by the newest word of each prison, kept with the record that says it and gone with its correction.

use super::*;
use crate::journal::{SnapshotAsk, Whereabout};

pub(super) async fn run(make: Make) {
    the_newest_word_of_each_prison_counts_whenever_it_came(make()).await;
    a_corrected_update_counts_no_more(make()).await;
}

const PERSON: &str = "pid/DL01-7";

fn says(prison: &str, holds: bool, hour: i64) -> Whereabout {
    let prison = OfficeId::parse(prison).unwrap();
    Whereabout { prison, holds, own: true, at: Timestamp::from_millis(hour * 3_600_000) }
}

fn update(stage: &dyn Stage, body: &str, whereabouts: Vec<Whereabout>) -> Entry {
    Entry { kind: "custody-update".into(), persons: vec![PERSON.into()], whereabouts, ..record(stage, body) }
}

async fn held(stage: &dyn Stage) -> Vec<String> {
    let ask = SnapshotAsk { persons: vec![PERSON.into(), "pid/DL01-8".into()], ..SnapshotAsk::default() };
    let held = stage.journal().snapshot(ask).await.unwrap().held;
    assert!(held.iter().all(|held| held.person == PERSON));
    held.into_iter().map(|held| held.office.as_str().to_owned()).collect()
}

async fn the_newest_word_of_each_prison_counts_whenever_it_came(mut stage: Box<dyn Stage>) {
    assert!(held(&*stage).await.is_empty());
    append(&*stage, update(&*stage, "in", vec![says("prison:DL01", true, 1)])).await;
    append(&*stage, update(&*stage, "claimed", vec![says("prison:DL02", true, 2)])).await;
    assert_eq!(held(&*stage).await, ["prison:DL01", "prison:DL02"], "both claim the person");
    let moved = vec![says("prison:DL01", false, 5), says("prison:DL03", true, 5)];
    append(&*stage, update(&*stage, "moved", moved)).await;
    stage.reopen().await;
    assert_eq!(held(&*stage).await, ["prison:DL02", "prison:DL03"]);
    append(&*stage, update(&*stage, "late", vec![says("prison:DL01", true, 4)])).await;
    append(&*stage, update(&*stage, "out", vec![says("prison:DL02", false, 6)])).await;
    assert_eq!(held(&*stage).await, ["prison:DL03"], "what came late happened before the transfer");
    for hour in 10..40 {
        append(&*stage, update(&*stage, &format!("n{hour}"), vec![says("prison:DL03", hour % 2 == 0, hour)])).await;
    }
    assert!(held(&*stage).await.is_empty(), "the last word was that they left");
}

async fn a_corrected_update_counts_no_more(stage: Box<dyn Stage>) {
    append(&*stage, update(&*stage, "in", vec![says("prison:DL01", true, 1)])).await;
    let wrong = append(&*stage, update(&*stage, "out", vec![says("prison:DL01", false, 2)])).await;
    assert!(held(&*stage).await.is_empty());
    let withdrawn = Entry {
        action: Action::Withdraw,
        replaces: MessageId::parse(&wrong.id),
        ..update(&*stage, "withdrawn", vec![says("prison:DL01", false, 2)])
    };
    append(&*stage, withdrawn).await;
    assert_eq!(held(&*stage).await, ["prison:DL01"]);
}
