//! Leases, attempts, outcomes, crashes.

use super::*;
use crate::journal::{JournalError, OutcomeAnswer, Reference};

pub(super) async fn run(make: Make) {
    a_record_is_delivered_once_and_its_outcome_goes_back(make()).await;
    a_lease_that_ran_out_is_due_again_and_its_token_is_stale(make()).await;
    what_was_claimed_or_frozen_before_a_crash_is_due_again_with_its_bytes(make()).await;
    frozen_bytes_never_change(make()).await;
    a_failed_attempt_comes_back_when_it_is_due(make()).await;
    outcomes_settle_add_repeat_and_contradict(make()).await;
    a_person_retries_releases_replays_and_repairs(make()).await;
    held_deliveries_are_given_up_at_their_deadline(make()).await;
    a_replay_that_is_answered_as_before_is_settled_and_no_news(make()).await;
    a_replay_that_is_answered_otherwise_is_settled_by_what_is_said_now(make()).await;
}

async fn a_record_is_delivered_once_and_its_outcome_goes_back(mut stage: Box<dyn Stage>) {
    let entry = to(record(&*stage, "first"), vec![push("court:DLCT01", &[case(1)])]);
    let stored = append(&*stage, entry.clone()).await;
    assert_eq!((stored.leaf_index, stored.status.as_str()), (0, "open"));
    let leases = claim(&*stage, COURT).await;
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].shared, entry.shared.clone().unwrap());
    assert_eq!(leases[0].attempts, 0);
    assert!(claim(&*stage, COURT).await.is_empty());
    deliver(&*stage, &leases[0], OutcomeWord::Received).await;
    stage.reopen().await;
    assert_eq!(state(&*stage, &stored.id, 1).await, State::Delivered);
    assert!(claim(&*stage, COURT).await.is_empty());
    let back = page(&*stage, POLICE, None, 10).await;
    assert_eq!(back.items.len(), 1);
    assert_eq!(back.items[0].message.about.unwrap().message().to_string(), stored.id);
    let said: Outcome = serde_json::from_slice(back.items[0].frozen.bytes.as_ref().unwrap()).unwrap();
    assert_eq!(said.outcome, OutcomeWord::Received);
    let payload = stage.journal().payload(entry.id).await.unwrap().unwrap();
    assert_eq!((payload.original, Some(payload.shared)), (entry.original, entry.shared));
    let view = stage.journal().message(entry.id).await.unwrap().unwrap();
    assert_eq!(view.deliveries[0].outcomes.len(), 1);
    assert_eq!(view.deliveries[0].withheld.len(), 1);
    assert_eq!(view.stored, stored);
}

async fn a_lease_that_ran_out_is_due_again_and_its_token_is_stale(stage: Box<dyn Stage>) {
    append(&*stage, to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(1)])])).await;
    let first = claim(&*stage, COURT).await.remove(0);
    stage.clock().advance(Duration::from_secs(31));
    let second = claim(&*stage, COURT).await.remove(0);
    assert_eq!(first.token.delivery, second.token.delivery);
    let stale = stage.journal().freeze(&first.token, frozen("a")).await;
    assert!(matches!(stale, Err(JournalError::StaleLease)), "{stale:?}");
    let at = stage.clock().now();
    let settlement = Settlement { at, verdict: Settled::RetryAt(at), note: String::new(), answered: false };
    let stale = stage.journal().settle(&first.token, settlement).await;
    assert!(matches!(stale, Err(JournalError::StaleLease)), "{stale:?}");
    deliver(&*stage, &second, OutcomeWord::Received).await;
}

async fn what_was_claimed_or_frozen_before_a_crash_is_due_again_with_its_bytes(mut stage: Box<dyn Stage>) {
    for n in 1..=2 {
        append(&*stage, to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(n)])])).await;
    }
    let before = claim(&*stage, COURT).await;
    stage.journal().freeze(&before[0].token, frozen("fixed")).await.unwrap();
    stage.reopen().await;
    let after = claim(&*stage, COURT).await;
    assert_eq!(messages(&before), messages(&after));
    assert_eq!(after[0].frozen.as_ref(), Some(&frozen("fixed")));
    assert_eq!(after[1].frozen, None);
    let stale = stage.journal().freeze(&before[1].token, frozen("late")).await;
    assert!(matches!(stale, Err(JournalError::StaleLease)), "{stale:?}");
}

async fn frozen_bytes_never_change(stage: Box<dyn Stage>) {
    append(&*stage, to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    stage.journal().freeze(&lease.token, frozen("one")).await.unwrap();
    stage.journal().freeze(&lease.token, frozen("one")).await.unwrap();
    assert!(stage.journal().freeze(&lease.token, frozen("two")).await.is_err());
}

async fn a_failed_attempt_comes_back_when_it_is_due(mut stage: Box<dyn Stage>) {
    let stored = append(&*stage, to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    stage.journal().freeze(&lease.token, frozen("one")).await.unwrap();
    let due = stage.clock().now().after(Duration::from_secs(60));
    settle(&*stage, &lease, Settled::RetryAt(due)).await;
    assert!(claim(&*stage, COURT).await.is_empty());
    stage.reopen().await;
    assert!(claim(&*stage, COURT).await.is_empty());
    assert_eq!(state(&*stage, &stored.id, 1).await, State::Retrying);
    stage.clock().advance(Duration::from_secs(60));
    let again = claim(&*stage, COURT).await.remove(0);
    assert_eq!(again.attempts, 1);
    assert!(again.first_answer_at.is_some());
    assert_eq!(again.frozen, Some(frozen("one")));
    settle(&*stage, &again, Settled::Released).await;
    assert_eq!(claim(&*stage, COURT).await.len(), 1, "a lease given back leaves all as it was");
}

async fn outcomes_settle_add_repeat_and_contradict(stage: Box<dyn Stage>) {
    let stored = append(&*stage, to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    let delivery = lease.token.delivery;
    let answer = async |outcome: OutcomeEntry| stage.journal().answer(vec![outcome]).await.unwrap().remove(0);
    let early = answer(says(&*stage, COURT, delivery, OutcomeWord::Received)).await;
    assert_eq!(early, OutcomeAnswer::NotFound, "nothing has left");
    deliver(&*stage, &lease, OutcomeWord::Received).await;
    assert_eq!(answer(says(&*stage, COURT, delivery, OutcomeWord::Received)).await, OutcomeAnswer::Already);
    assert_eq!(answer(says(&*stage, PRISON, delivery, OutcomeWord::Accepted)).await, OutcomeAnswer::NotFound);
    let mut numbered = says(&*stage, COURT, delivery, OutcomeWord::Accepted);
    numbered.outcome.reference = Some(Reference { scheme: "sr".to_owned(), value: "12/2026".to_owned() });
    assert_eq!(answer(numbered).await, OutcomeAnswer::Added);
    assert_eq!(answer(says(&*stage, COURT, delivery, OutcomeWord::NotExecuted)).await, OutcomeAnswer::Added);
    assert_eq!(answer(says(&*stage, COURT, delivery, OutcomeWord::Executed)).await, OutcomeAnswer::Conflict);
    let mut corrected = says(&*stage, COURT, delivery, OutcomeWord::Executed);
    corrected.outcome.corrects = Some(true);
    assert_eq!(answer(corrected).await, OutcomeAnswer::Added);
    assert_eq!(state(&*stage, &stored.id, 1).await, State::Delivered);
    assert_eq!(page(&*stage, POLICE, None, 10).await.items.len(), 4);
}

async fn a_person_retries_releases_replays_and_repairs(stage: Box<dyn Stage>) {
    use crate::journal::{Order, OrderAnswer, OrderVerb};
    let stored = append(&*stage, to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(1)])])).await;
    let next = append(&*stage, to(record(&*stage, "y"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    settle(&*stage, &lease, Settled::Parked("code-unknown".to_owned())).await;
    assert!(claim(&*stage, COURT).await.is_empty(), "the parked one holds its lane");
    let at = stage.clock().now();
    let order = async |verb| {
        let (delivery, by, reason) = (lease.token.delivery, "admin".to_owned(), "asked".to_owned());
        stage.journal().order(Order { delivery, verb, by, reason, at, approval: None }).await.unwrap()
    };
    assert_eq!(order(OrderVerb::Replay).await, OrderAnswer::NotNow(State::Parked));
    assert_eq!(order(OrderVerb::Release).await, OrderAnswer::Done(lease.token.delivery));
    let second = claim(&*stage, COURT).await.remove(0);
    assert_eq!(second.message.id.to_string(), next.id);
    assert_eq!(order(OrderVerb::Retry).await, OrderAnswer::Done(lease.token.delivery));
    let again = claim(&*stage, COURT).await.remove(0);
    assert_eq!(again.message.id.to_string(), stored.id);
    deliver(&*stage, &again, OutcomeWord::Rejected).await;
    assert_eq!(order(OrderVerb::Replay).await, OrderAnswer::Done(lease.token.delivery));
    let replayed = claim(&*stage, COURT).await.remove(0);
    assert_eq!(replayed.frozen, Some(frozen("native")), "same id, same bytes");
    deliver(&*stage, &replayed, OutcomeWord::Returned).await;
    let repaired = order(OrderVerb::Repair(Box::new(push("court:DLCT02", &[case(1)])))).await;
    let OrderAnswer::Done(new) = repaired else { panic!("{repaired:?}") };
    assert_eq!(new.ordinal(), 2);
    deliver(&*stage, &second, OutcomeWord::Received).await;
    let moved = claim(&*stage, COURT).await.remove(0);
    assert_eq!((moved.token.delivery, moved.office.as_str()), (new, "court:DLCT02"));
    deliver(&*stage, &moved, OutcomeWord::Accepted).await;
    assert_eq!(state(&*stage, &stored.id, 1).await, State::Rejected);
    assert_eq!(state(&*stage, &stored.id, 2).await, State::Delivered);
}

async fn held_deliveries_are_given_up_at_their_deadline(mut stage: Box<dyn Stage>) {
    let deadline = Some(stage.clock().now().after(Duration::from_secs(3600)));
    let held = NewDelivery {
        state: State::Held,
        code: Some("hold-until".into()),
        deadline,
        ..push("court:DLCT01", &[case(1)])
    };
    let stored = append(&*stage, to(record(&*stage, "x"), vec![held])).await;
    append(&*stage, to(record(&*stage, "y"), vec![push("court:DLCT01", &[case(1)])])).await;
    assert_eq!(claim(&*stage, COURT).await.len(), 1, "what is held holds nobody");
    stage.reopen().await;
    assert_eq!(state(&*stage, &stored.id, 1).await, State::Held);
    stage.clock().advance(Duration::from_secs(3600));
    claim(&*stage, COURT).await;
    assert_eq!(state(&*stage, &stored.id, 1).await, State::Parked);
}

/// A delivery that was answered with `word` and then ordered once more.
async fn replayed(stage: &dyn Stage, to_office: NewDelivery, word: OutcomeWord) -> Stored {
    use crate::journal::{Order, OrderAnswer, OrderVerb};
    let (how, system) = (to_office.how, to_office.system.clone());
    let stored = append(stage, to(record(stage, "x"), vec![to_office])).await;
    let delivery = MessageId::parse(&stored.id).unwrap().delivery(1);
    if how == How::Feed {
        shelve(stage, &system).await;
        page(stage, &system, None, 10).await;
        stage.journal().answer(vec![says(stage, &system, delivery, word)]).await.unwrap();
    } else {
        let lease = claim(stage, &system).await.remove(0);
        deliver(stage, &lease, word).await;
    }
    let (by, reason, at) = ("admin".to_owned(), "asked".to_owned(), stage.clock().now());
    let order = Order { delivery, verb: OrderVerb::Replay, by, reason, at, approval: None };
    assert_eq!(stage.journal().order(order).await.unwrap(), OrderAnswer::Done(delivery));
    stored
}

async fn a_replay_that_is_answered_as_before_is_settled_and_no_news(mut stage: Box<dyn Stage>) {
    let stored = replayed(&*stage, push("court:DLCT01", &[case(1)]), OutcomeWord::Received).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    let outcome = says(&*stage, COURT, lease.token.delivery, OutcomeWord::Received);
    settle(&*stage, &lease, Settled::Outcome(Box::new(outcome))).await;
    assert_eq!(state(&*stage, &stored.id, 1).await, State::Delivered);
    let pulled = replayed(&*stage, pull("court:DLCT01", &[case(2)]), OutcomeWord::Received).await;
    let item = page(&*stage, COURT, None, 10).await.items.remove(0);
    let again = stage.journal().answer(vec![says(&*stage, COURT, item.delivery, OutcomeWord::Received)]).await.unwrap();
    assert_eq!(again, [OutcomeAnswer::Settled]);
    stage.reopen().await;
    stage.clock().advance(Duration::from_secs(3600));
    assert_eq!(state(&*stage, &pulled.id, 1).await, State::Delivered);
    assert!(page(&*stage, COURT, None, 10).await.items.is_empty());
    assert!(claim(&*stage, COURT).await.is_empty(), "it is not sent for ever");
    assert_eq!(page(&*stage, POLICE, None, 10).await.items.len(), 2, "the senders were told once");
}

async fn a_replay_that_is_answered_otherwise_is_settled_by_what_is_said_now(stage: Box<dyn Stage>) {
    let stored = replayed(&*stage, push("court:DLCT01", &[case(1)]), OutcomeWord::NotExecuted).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    let outcome = says(&*stage, COURT, lease.token.delivery, OutcomeWord::Executed);
    settle(&*stage, &lease, Settled::Outcome(Box::new(outcome))).await;
    stage.clock().advance(Duration::from_secs(3600));
    assert!(claim(&*stage, COURT).await.is_empty(), "it is not sent for ever");
    assert_eq!(state(&*stage, &stored.id, 1).await, State::Delivered);
    assert_eq!(page(&*stage, POLICE, None, 10).await.items.len(), 2, "both words went back");
}
