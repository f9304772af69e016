//! Re-routing: news finds what was waiting, what moves keeps its id while nothing of it has left, and no step is lost.

use super::*;
use crate::journal::{LinkVerb, MessageFilter, Move, Moving, NewLink, Ordered, SnapshotAsk, StrayVerb, Strays};

pub(super) async fn run(make: Make) {
    news_finds_what_is_parked_without_an_office_and_it_keeps_its_id(make()).await;
    what_a_person_repairs_before_it_left_keeps_its_id_and_what_has_left_does_not(make()).await;
    what_has_left_goes_on_and_a_new_delivery_goes_to_the_new_office(make()).await;
    a_step_that_was_not_finished_comes_again_and_a_finished_one_does_not(make()).await;
    what_was_decided_before_the_news_is_looked_at_again(make()).await;
    what_is_settled_is_no_concern_of_news(make()).await;
}

fn link(number: u32) -> NewLink {
    let to = CaseKey::of("cnr", &[&format!("DLCT01{number:06}2026")]).unwrap();
    NewLink { link: "same".into(), from: case(number), to }
}

async fn news(stage: &dyn Stage, number: u32) {
    let order = Ordered { by: "a person".into(), reason: "seen".into() };
    stage.journal().link(LinkVerb::Join(link(number), order, stage.clock().now())).await.unwrap();
}

async fn next(stage: &dyn Stage) -> Strays {
    stage.journal().stray(StrayVerb::Next(4)).await.unwrap()
}

async fn moved(stage: &dyn Stage, step: Strays, moves: Vec<Move>) {
    stage.journal().stray(StrayVerb::Moved(step, moves)).await.unwrap();
}

/// Works off whatever there is, moving nothing.
async fn worked_off(stage: &dyn Stage) -> Vec<MessageId> {
    let mut found = Vec::new();
    loop {
        let step = next(stage).await;
        if step.cause == 0 {
            return found;
        }
        found.extend(&step.messages);
        moved(stage, step, vec![]).await;
    }
}

async fn waiting(stage: &dyn Stage, number: u32) -> Stored {
    let body = format!("waiting {number}");
    append(stage, Entry { cases: vec![case(number)], ..to(record(stage, &body), vec![lost(&[case(number)])]) }).await
}

fn id(stored: &Stored) -> MessageId {
    MessageId::parse(&stored.id).unwrap()
}

async fn news_finds_what_is_parked_without_an_office_and_it_keeps_its_id(mut stage: Box<dyn Stage>) {
    let one = waiting(&*stage, 1).await;
    waiting(&*stage, 2).await;
    assert_eq!(next(&*stage).await, Strays::default(), "no news");
    news(&*stage, 1).await;
    let step = next(&*stage).await;
    assert_eq!((step.messages.clone(), step.done), (vec![id(&one)], true), "the other case is not concerned");
    let delivery = id(&one).delivery(1);
    let there = Moving::Elsewhere(Box::new(push("court:DLCT02", &[case(1)])));
    moved(&*stage, step, vec![Move { delivery, was: None, to: there }]).await;
    stage.reopen().await;
    let view = stage.journal().message(id(&one)).await.unwrap().unwrap();
    let found = &view.deliveries[0];
    assert_eq!((view.deliveries.len(), found.state, found.id), (1, State::Queued, delivery));
    assert_eq!((found.office.as_ref().unwrap().as_str(), found.code.clone()), ("court:DLCT02", None));
    let filter = MessageFilter { party: Some(COURT.to_owned()), limit: 9, ..MessageFilter::default() };
    assert_eq!(stage.journal().messages(filter).await.unwrap().len(), 1, "its new receiver finds it");
    let lease = claim(&*stage, COURT).await.remove(0);
    assert_eq!((lease.token.delivery, lease.office.as_str()), (delivery, "court:DLCT02"));
    deliver(&*stage, &lease, OutcomeWord::Accepted).await;
    assert_eq!(state(&*stage, &one.id, 1).await, State::Delivered);
    assert_eq!(next(&*stage).await, Strays::default(), "worked off for good");
}

async fn what_has_left_goes_on_and_a_new_delivery_goes_to_the_new_office(stage: Box<dyn Stage>) {
    let order = Entry { cases: vec![case(1)], ..to(record(&*stage, "release"), vec![liberty("pid/7")]) };
    let sent = append(&*stage, order).await;
    let lease = claim(&*stage, PRISON).await.remove(0);
    stage.journal().freeze(&lease.token, frozen("release")).await.unwrap();
    news(&*stage, 1).await;
    let step = next(&*stage).await;
    let first = id(&sent).delivery(1);
    let was = OfficeId::parse("prison:TIHAR01").ok();
    let there = NewDelivery { office: OfficeId::parse("prison:TIHAR02").ok(), ..liberty("pid/7") };
    let elsewhere = Moving::Elsewhere(Box::new(there));
    let stale = Move { delivery: first, was: OfficeId::parse("prison:TIHAR09").ok(), to: elsewhere.clone() };
    moved(&*stage, step, vec![stale, Move { delivery: first, was, to: elsewhere }]).await;
    let view = stage.journal().message(id(&sent)).await.unwrap().unwrap();
    let offices: Vec<&str> = view.deliveries.iter().map(|one| one.office.as_ref().unwrap().as_str()).collect();
    assert_eq!(offices, ["prison:TIHAR01", "prison:TIHAR02"], "decided on what was no longer so: nothing is done");
    let next = claim(&*stage, PRISON).await.remove(0);
    assert_eq!(next.token.delivery, id(&sent).delivery(2));
    deliver(&*stage, &next, OutcomeWord::Executed).await;
    let end = says(&*stage, PRISON, first, OutcomeWord::NotExecuted);
    settle(&*stage, &lease, Settled::Outcome(Box::new(end))).await;
    assert_eq!(state(&*stage, &sent.id, 1).await, State::Delivered, "the old one went on");
}

async fn a_step_that_was_not_finished_comes_again_and_a_finished_one_does_not(mut stage: Box<dyn Stage>) {
    let mut all = Vec::new();
    for n in 0..10 {
        let entry = Entry { cases: vec![case(1)], ..to(record(&*stage, &format!("n{n}")), vec![lost(&[case(1)])]) };
        all.push(id(&append(&*stage, entry).await));
    }
    news(&*stage, 1).await;
    let step = next(&*stage).await;
    assert_eq!((step.messages.as_slice(), step.done), (&all[..4], false));
    stage.reopen().await;
    assert_eq!(next(&*stage).await.messages, all[..4], "nothing was written: it comes again");
    moved(&*stage, step, vec![]).await;
    stage.reopen().await;
    assert_eq!(worked_off(&*stage).await, all[4..]);
    let new = crate::journal::NewRevision {
        author: "a".into(),
        reason: "b".into(),
        difference: String::new(),
        oldest_binary: "0.1.0".into(),
        at: dawn(),
        files: Bytes::new(),
    };
    let number = stage.journal().revise(crate::journal::RevisionVerb::Add(new, None)).await.unwrap()[0].number;
    assert_eq!(next(&*stage).await.revision, number);
    assert_eq!(worked_off(&*stage).await, all, "a revision concerns everything that waits");
}

async fn what_was_decided_before_the_news_is_looked_at_again(stage: Box<dyn Stage>) {
    let ask = SnapshotAsk { cases: vec![case(1)], ..SnapshotAsk::default() };
    let early = stage.journal().snapshot(ask.clone()).await.unwrap().news;
    news(&*stage, 1).await;
    assert!(worked_off(&*stage).await.is_empty());
    let entry =
        |body: &str, news| Entry { news, cases: vec![case(1)], ..to(record(&*stage, body), vec![lost(&[case(1)])]) };
    let late = append(&*stage, entry("late", early)).await;
    assert_eq!(worked_off(&*stage).await, [id(&late)]);
    let now = stage.journal().snapshot(ask).await.unwrap().news;
    append(&*stage, entry("in time", now)).await;
    assert!(worked_off(&*stage).await.is_empty());
}

async fn what_is_settled_is_no_concern_of_news(stage: Box<dyn Stage>) {
    let entry = Entry { cases: vec![case(1)], ..to(record(&*stage, "paper"), vec![push("court:DLCT01", &[case(1)])]) };
    append(&*stage, entry).await;
    let order = Entry { cases: vec![case(1)], ..to(record(&*stage, "release"), vec![liberty("pid/7")]) };
    let order = append(&*stage, order).await;
    news(&*stage, 1).await;
    assert_eq!(worked_off(&*stage).await, [id(&order)], "not the paper that has its office");
    let lease = claim(&*stage, PRISON).await.remove(0);
    deliver(&*stage, &lease, OutcomeWord::Executed).await;
    let order = Ordered { by: "a person".into(), reason: "wrong".into() };
    stage.journal().link(LinkVerb::Part(link(1), order, stage.clock().now())).await.unwrap();
    assert!(worked_off(&*stage).await.is_empty());
}

async fn what_a_person_repairs_before_it_left_keeps_its_id_and_what_has_left_does_not(mut stage: Box<dyn Stage>) {
    use crate::journal::{Order, OrderAnswer, OrderVerb};
    let at = stage.clock().now();
    let repair = async |stage: &dyn Stage, delivery, to: NewDelivery| {
        let verb = OrderVerb::Repair(Box::new(to));
        stage
            .journal()
            .order(Order { delivery, verb, by: "admin".into(), reason: "asked".into(), at, approval: None })
            .await
            .unwrap()
    };
    let one = waiting(&*stage, 1).await;
    let delivery = id(&one).delivery(1);
    let answer = repair(&*stage, delivery, push("court:DLCT02", &[case(1)])).await;
    assert_eq!(answer, OrderAnswer::Done(delivery), "no byte of it has left");
    stage.reopen().await;
    let view = stage.journal().message(id(&one)).await.unwrap().unwrap();
    assert_eq!((view.deliveries.len(), view.deliveries[0].state), (1, State::Queued));
    let lease = claim(&*stage, COURT).await.remove(0);
    assert_eq!((lease.token.delivery, lease.office.as_str()), (delivery, "court:DLCT02"));
    deliver(&*stage, &lease, OutcomeWord::Rejected).await;
    let there = NewDelivery { system: PRISON.to_owned(), ..push("prison:DL01", &[case(1)]) };
    let answer = repair(&*stage, delivery, there).await;
    assert_eq!(answer, OrderAnswer::Done(id(&one).delivery(2)), "new bytes after a rejection");
    for system in [COURT, PRISON] {
        let filter = MessageFilter { party: Some(system.to_owned()), limit: 9, ..MessageFilter::default() };
        let found = stage.journal().messages(filter).await.unwrap();
        assert!(found.iter().any(|view| view.head.id == id(&one)), "{system} finds it among its messages");
    }
}
