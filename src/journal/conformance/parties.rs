//! Threads: what joins an answer to its question. Who sent and who got counts as long as the record stands, and an answer
//! that came first is looked at again when its question comes.

use super::*;
use crate::journal::{Party, SnapshotAsk, StrayVerb};

pub(super) async fn run(make: Make) {
    who_sent_and_who_got_is_known_as_long_as_the_record_stands(make()).await;
    an_answer_that_came_first_is_looked_at_again(make()).await;
}

const THREAD: &str = "requisition/R-7";

fn of_thread(entry: Entry) -> Entry {
    Entry { threads: vec![THREAD.into()], ..entry }
}

async fn parties(stage: &dyn Stage) -> Vec<String> {
    let ask = SnapshotAsk { threads: vec![THREAD.into(), "requisition/R-8".into()], ..SnapshotAsk::default() };
    let found: Vec<Party> = stage.journal().snapshot(ask).await.unwrap().parties;
    assert!(found.iter().all(|party| party.thread == THREAD));
    found.iter().map(|party| format!("{} {}", if party.sent { "sent" } else { "got" }, party.office.as_str())).collect()
}

async fn news(stage: &dyn Stage) -> u64 {
    stage.journal().snapshot(SnapshotAsk::default()).await.unwrap().news
}

async fn who_sent_and_who_got_is_known_as_long_as_the_record_stands(mut stage: Box<dyn Stage>) {
    append(&*stage, record(&*stage, "of no thread")).await;
    assert!(parties(&*stage).await.is_empty());
    let parked = NewDelivery { state: State::Parked, code: Some("not-permitted".into()), ..push("court:DLCT09", &[]) };
    let question = of_thread(to(record(&*stage, "question"), vec![push("court:DLCT01", &[]), parked]));
    let question = append(&*stage, question).await;
    let everybody = ["sent ps:38101004", "got court:DLCT01"];
    assert_eq!(parties(&*stage).await, everybody, "what is parked has reached nobody");
    stage.reopen().await;
    assert_eq!(parties(&*stage).await, everybody);
    let taken_back = Entry {
        action: Action::Withdraw,
        replaces: MessageId::parse(&question.id),
        ..of_thread(record(&*stage, "taken back"))
    };
    append(&*stage, taken_back).await;
    assert!(parties(&*stage).await.is_empty(), "a question that was withdrawn was not asked");
}

async fn an_answer_that_came_first_is_looked_at_again(stage: Box<dyn Stage>) {
    let lost = NewDelivery {
        office: None,
        system: String::new(),
        state: State::Parked,
        code: Some("no-office".into()),
        ..push("court:DLCT01", &[])
    };
    let early = append(&*stage, of_thread(to(record(&*stage, "early answer"), vec![lost.clone()]))).await;
    let before = news(&*stage).await;
    append(&*stage, Entry { news: before, ..to(record(&*stage, "other answer"), vec![lost.clone()]) }).await;
    assert_eq!(stage.journal().stray(StrayVerb::Next(9)).await.unwrap().cause, 0, "nobody has asked");
    append(&*stage, of_thread(record(&*stage, "question"))).await;
    let step = stage.journal().stray(StrayVerb::Next(9)).await.unwrap();
    assert_eq!(step.messages, [MessageId::parse(&early.id).unwrap()]);
    stage.journal().stray(StrayVerb::Moved(step, vec![])).await.unwrap();
    // Decided before the question was there, written after it.
    let late = of_thread(to(record(&*stage, "late answer"), vec![lost]));
    let late = append(&*stage, Entry { news: before, ..late }).await;
    let step = stage.journal().stray(StrayVerb::Next(9)).await.unwrap();
    assert!(step.messages.contains(&MessageId::parse(&late.id).unwrap()), "{step:?}");
}
