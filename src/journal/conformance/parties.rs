//! Threads: what joins an answer to its question. Who sent and who got counts as long as the record stands, and an answer
//! that came first is looked at again when its question comes.

use super::*;
use crate::journal::{LinkVerb, NewLink, Ordered, Party, SnapshotAsk, StrayVerb};

pub(super) async fn run(make: Make) {
    who_sent_and_who_got_is_known_as_long_as_the_record_stands(make()).await;
    a_reference_alone_opens_nothing(make()).await;
    an_answer_that_came_first_is_looked_at_again(make()).await;
}

const THREAD: &str = "requisition/R-7";

fn of_thread(entry: Entry) -> Entry {
    Entry { threads: vec![THREAD.into()], ..entry }
}

async fn parties(stage: &dyn Stage) -> Vec<String> {
    told(stage, Vec::new()).await
}

async fn parties_in(stage: &dyn Stage, case: CaseKey) -> Vec<String> {
    told(stage, vec![case]).await
}

async fn told(stage: &dyn Stage, cases: Vec<CaseKey>) -> Vec<String> {
    let ask = SnapshotAsk { cases, threads: vec![THREAD.into(), "requisition/R-8".into()], ..SnapshotAsk::default() };
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

/// A question of an office in a case that a court gets too.
fn question(stage: &dyn Stage, office: &str, case: CaseKey, court: &str) -> Entry {
    let entry = of_thread(to(record(stage, &format!("{office} {court}")), vec![push(court, &[])]));
    Entry { office: OfficeId::parse(office).unwrap(), cases: vec![case], ..entry }
}

async fn a_reference_alone_opens_nothing(stage: Box<dyn Stage>) {
    append(&*stage, question(&*stage, "ps:38101004", case(1), "court:DLCT01")).await;
    append(&*stage, question(&*stage, "ps:38101005", case(2), "court:DLCT02")).await;
    append(&*stage, question(&*stage, "ps:38101006", case(1), "court:DLCT03")).await;
    append(&*stage, question(&*stage, "court:DLCT01", case(3), "court:DLCT04")).await;
    let first = ["sent ps:38101004", "got court:DLCT01", "got ps:38101006", "got court:DLCT03"];
    let all = [&first[..], &["sent court:DLCT01", "got court:DLCT04"]].concat();
    assert_eq!(parties(&*stage).await, all, "who has the question may ask too, even in another case");
    assert_eq!(parties_in(&*stage, case(1)).await, first);
    assert_eq!(parties_in(&*stage, case(2)).await, ["sent ps:38101005", "got court:DLCT02"]);
    assert_eq!(parties_in(&*stage, case(9)).await, all, "a case that nobody named decides nothing");
    let join = NewLink { link: "same".into(), from: case(2), to: case(1) };
    let by = Ordered { by: "a person".into(), reason: "one matter".into() };
    stage.journal().link(LinkVerb::Join(join, by, stage.clock().now())).await.unwrap();
    assert!(parties(&*stage).await.contains(&"got ps:38101005".to_owned()), "the two are one case now");
}

async fn an_answer_that_came_first_is_looked_at_again(stage: Box<dyn Stage>) {
    let early = append(&*stage, of_thread(to(record(&*stage, "early answer"), vec![lost(&[])]))).await;
    let before = news(&*stage).await;
    append(&*stage, Entry { news: before, ..to(record(&*stage, "other answer"), vec![lost(&[])]) }).await;
    assert_eq!(stage.journal().stray(StrayVerb::Next(9)).await.unwrap().cause, 0, "nobody has asked");
    append(&*stage, of_thread(record(&*stage, "question"))).await;
    let step = stage.journal().stray(StrayVerb::Next(9)).await.unwrap();
    assert_eq!(step.messages, [MessageId::parse(&early.id).unwrap()]);
    stage.journal().stray(StrayVerb::Moved(step, vec![])).await.unwrap();
    // Decided before the question was there, written after it.
    let late = of_thread(to(record(&*stage, "late answer"), vec![lost(&[])]));
    let late = append(&*stage, Entry { news: before, ..late }).await;
    let step = stage.journal().stray(StrayVerb::Next(9)).await.unwrap();
    assert!(step.messages.contains(&MessageId::parse(&late.id).unwrap()), "{step:?}");
}
