//! Erasing a case: what goes, what stays for others' sake, and what stands in the way.

use super::*;
use crate::journal::{Erase, Erased, LinkVerb, NewLink, Ordered, UploadVerb};

pub(super) async fn run(make: Make) {
    what_is_not_settled_stands_in_the_way(make()).await;
    an_erased_case_cannot_be_read_and_is_still_there(make()).await;
    a_record_of_two_cases_goes_with_the_second(make()).await;
    what_same_joins_goes_together_and_nothing_else(make()).await;
    a_file_goes_with_the_last_case_that_carries_it(make()).await;
}

/// An order to erase a case.
pub fn erase(stage: &dyn Stage, case: CaseKey, dry: bool) -> Erase {
    let (by, ground, reason) = ("registrar".to_owned(), "JJ Act s.24(2)".to_owned(), "ordered".to_owned());
    Erase { case, by, ground, reason, at: stage.clock().now(), dry }
}

async fn erased(stage: &dyn Stage, number: u32) -> Erased {
    stage.journal().erase(erase(stage, case(number), false)).await.unwrap()
}

/// A record of these cases, with nobody to go to.
async fn kept(stage: &dyn Stage, body: &str, cases: &[u32]) -> MessageId {
    let cases = cases.iter().copied().map(case).collect();
    let stored = append(stage, Entry { cases, ..record(stage, body) }).await;
    MessageId::parse(&stored.id).unwrap()
}

async fn reads(stage: &dyn Stage, id: MessageId) -> bool {
    stage.journal().payload(id).await.unwrap().is_some()
}

async fn what_is_not_settled_stands_in_the_way(stage: Box<dyn Stage>) {
    let entry = Entry { cases: vec![case(1)], ..record(&*stage, "waits") };
    let waits = append(&*stage, to(entry, vec![push("court:DLCT01", &[case(1)])])).await;
    let waits = MessageId::parse(&waits.id).unwrap();
    let done = kept(&*stage, "done", &[1]).await;
    let refused = erased(&*stage, 1).await;
    assert_eq!(refused.unsettled, [waits.delivery(1)]);
    assert!(reads(&*stage, waits).await && reads(&*stage, done).await, "all or nothing");
    let lease = claim(&*stage, COURT).await.remove(0);
    deliver(&*stage, &lease, OutcomeWord::Executed).await;
    let look = stage.journal().erase(erase(&*stage, case(1), true)).await.unwrap();
    assert_eq!(look.messages.len(), 2);
    assert!(reads(&*stage, waits).await, "only looked");
    assert_eq!(erased(&*stage, 1).await.messages, [waits, done]);
    assert!(!reads(&*stage, waits).await && !reads(&*stage, done).await);
    assert!(erased(&*stage, 1).await.messages.is_empty(), "once");
}

async fn an_erased_case_cannot_be_read_and_is_still_there(mut stage: Box<dyn Stage>) {
    let entry = Entry { cases: vec![case(1)], idempotency: event("7"), ..record(&*stage, "gone") };
    let stored = append(&*stage, to(entry.clone(), vec![push("court:DLCT01", &[case(1)])])).await;
    let id = MessageId::parse(&stored.id).unwrap();
    let lease = claim(&*stage, COURT).await.remove(0);
    stage.journal().freeze(&lease.token, frozen("native")).await.unwrap();
    let mut said = says(&*stage, COURT, lease.token.delivery, OutcomeWord::Executed);
    said.outcome.reason = Some("what a receiver said".to_owned());
    settle(&*stage, &lease, Settled::Outcome(Box::new(said))).await;
    let leaves = stage.journal().count().await.unwrap().leaves;
    assert_eq!(erased(&*stage, 1).await.messages, [id]);
    assert_eq!(
        stage.journal().count().await.unwrap().leaves,
        leaves + 2,
        "the log says that it was done, of the message and of the case"
    );
    for again in [false, true] {
        if again {
            stage.reopen().await;
        }
        let view = stage.journal().message(id).await.unwrap().unwrap();
        let delivery = &view.deliveries[0];
        assert_eq!((delivery.state, delivery.outcomes.len()), (State::Delivered, 1));
        assert_eq!((delivery.outcomes[0].outcome, &delivery.outcomes[0].reason), (OutcomeWord::Executed, &None));
        assert!(!reads(&*stage, id).await);
    }
    assert!(matches!(stage.journal().append(entry).await.unwrap(), Appended::Replayed(_)), "known for ever");
    // Nothing that can be opened is written about it any more, and a new record of the case is a new beginning.
    let late = says(&*stage, COURT, lease.token.delivery, OutcomeWord::NotExecuted);
    let late = stage.journal().answer(vec![late]).await.unwrap();
    assert_eq!(late, [crate::journal::OutcomeAnswer::NotFound]);
    let new = kept(&*stage, "new", &[1]).await;
    assert!(reads(&*stage, new).await);
    stage.reopen().await;
    let second = kept(&*stage, "second", &[1]).await;
    assert!(reads(&*stage, new).await && reads(&*stage, second).await && !reads(&*stage, id).await);
}

async fn a_record_of_two_cases_goes_with_the_second(stage: Box<dyn Stage>) {
    let first = kept(&*stage, "one", &[1]).await;
    let both = kept(&*stage, "both", &[1, 2]).await;
    let other = kept(&*stage, "two", &[2]).await;
    let none = kept(&*stage, "none", &[]).await;
    let found = erased(&*stage, 1).await;
    assert_eq!((found.messages.as_slice(), found.kept), ([first].as_slice(), 1));
    assert!(!reads(&*stage, first).await && reads(&*stage, both).await && reads(&*stage, other).await);
    assert_eq!(erased(&*stage, 2).await.messages, [both, other]);
    assert!(!reads(&*stage, both).await && !reads(&*stage, other).await && reads(&*stage, none).await);
    // The keys of both were known for the next record; what is destroyed is not, though the store was never closed.
    let again = kept(&*stage, "again", &[1, 2]).await;
    assert!(reads(&*stage, again).await && !reads(&*stage, both).await, "a new record under a destroyed key");
}

async fn what_same_joins_goes_together_and_nothing_else(stage: Box<dyn Stage>) {
    let cnr = CaseKey::of("cnr", &["DLCT010001232026"]).unwrap();
    let one = kept(&*stage, "one", &[1]).await;
    let court = append(&*stage, Entry { cases: vec![cnr.clone()], ..record(&*stage, "court") }).await;
    let court = MessageId::parse(&court.id).unwrap();
    let apart = kept(&*stage, "counter", &[2]).await;
    for (link, to) in [("same", cnr.clone()), ("counter-case", case(2))] {
        let order = Ordered { by: "registrar".to_owned(), reason: "as the file says".to_owned() };
        let link = NewLink { link: link.to_owned(), from: case(1), to };
        stage.journal().link(LinkVerb::Join(link, order, dawn())).await.unwrap();
    }
    let found = erased(&*stage, 1).await;
    assert_eq!((found.cases, found.messages), (vec![case(1), cnr], vec![one, court]));
    assert!(!reads(&*stage, one).await && !reads(&*stage, court).await && reads(&*stage, apart).await);
}

async fn a_file_goes_with_the_last_case_that_carries_it(stage: Box<dyn Stage>) {
    let digest = [7; 32];
    let key = vec![9; crate::journal::uploads::NAME + seal::WRAPPED_KEY_LEN];
    let put = UploadVerb::Put { system: POLICE.into(), digest, offset: 5, done: true, key: key.clone(), at: dawn() };
    stage.journal().upload(put.clone()).await.unwrap();
    stage.journal().upload(put).await.unwrap();
    for number in [1, 2] {
        let entry = Entry { cases: vec![case(number)], attachments: vec![digest], ..record(&*stage, "with a file") };
        append(&*stage, entry).await;
    }
    let find = async || {
        let ask = UploadVerb::Find { system: POLICE.into(), digest, given: vec![] };
        stage.journal().upload(ask).await.unwrap().rows
    };
    assert!(erased(&*stage, 1).await.files.is_empty());
    assert_eq!(find().await[0].key, key, "the other case has it");
    assert_eq!(erased(&*stage, 2).await.files.len(), 1);
    assert!(find().await.is_empty());
}
