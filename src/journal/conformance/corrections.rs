//! Later versions of a record: what never left is superseded, what left is followed.

use super::*;

pub(super) async fn run(make: Make) {
    a_correction_takes_the_place_of_what_never_left(make()).await;
    a_withdrawal_of_what_never_left_sends_nothing(make()).await;
    a_withdrawal_of_what_left_is_sent_after_it(make()).await;
    a_correction_of_what_left_is_next_in_its_lane(make()).await;
    a_correction_releases_the_lane_that_a_rejection_held(make()).await;
    what_an_office_had_before_a_withdrawal_that_never_left_is_taken_back_all_the_same(make()).await;
    a_page_that_showed_it_keeps_it(make()).await;
    only_the_newest_version_can_be_replaced(make()).await;
    what_nobody_could_place_is_settled_by_its_correction(make()).await;
    a_correction_leaves_the_attempt_under_way_its_lease(make()).await;
    a_correction_and_what_was_claimed_before_it_never_go_at_once(make()).await;
    a_liberty_correction_names_what_was_accepted_since_its_original(make()).await;
    a_correction_of_an_overtaken_liberty_record_says_so(make()).await;
}

fn version(stage: &dyn Stage, action: Action, of: &str, deliveries: Vec<NewDelivery>) -> Entry {
    let deliveries = deliveries.into_iter().map(|to| NewDelivery { action, ..to }).collect();
    Entry { action, replaces: MessageId::parse(of), ..to(record(stage, &format!("{action:?}")), deliveries) }
}

async fn a_correction_takes_the_place_of_what_never_left(mut stage: Box<dyn Stage>) {
    let one = append(&*stage, to(record(&*stage, "1"), vec![push("court:DLCT01", &[case(1)])])).await;
    let two = append(&*stage, to(record(&*stage, "2"), vec![push("court:DLCT01", &[case(1)])])).await;
    let three =
        append(&*stage, version(&*stage, Action::Correct, &one.id, vec![push("court:DLCT01", &[case(1)])])).await;
    assert_eq!(state(&*stage, &one.id, 1).await, State::Superseded);
    stage.reopen().await;
    let lease = claim(&*stage, COURT).await.remove(0);
    assert_eq!(lease.message.id.to_string(), three.id, "it has the original's place");
    assert_eq!(lease.action, Action::New, "the office has seen no version yet");
    deliver(&*stage, &lease, OutcomeWord::Received).await;
    assert_eq!(messages(&claim(&*stage, COURT).await), [two.id]);
}

async fn a_withdrawal_of_what_never_left_sends_nothing(stage: Box<dyn Stage>) {
    let one = append(&*stage, to(record(&*stage, "1"), vec![push("court:DLCT01", &[case(1)])])).await;
    let gone =
        append(&*stage, version(&*stage, Action::Withdraw, &one.id, vec![push("court:DLCT01", &[case(1)])])).await;
    assert_eq!((gone.status.as_str(), gone.deliveries[0].state), ("withdrawn", State::Recalled));
    assert!(claim(&*stage, COURT).await.is_empty());
    assert_eq!(state(&*stage, &one.id, 1).await, State::Superseded);
    assert_eq!(state(&*stage, &gone.id, 1).await, State::Recalled);
}

async fn a_withdrawal_of_what_left_is_sent_after_it(stage: Box<dyn Stage>) {
    let one = append(&*stage, to(record(&*stage, "1"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    stage.journal().freeze(&lease.token, frozen("1")).await.unwrap();
    let gone =
        append(&*stage, version(&*stage, Action::Withdraw, &one.id, vec![push("court:DLCT01", &[case(1)])])).await;
    assert!(claim(&*stage, COURT).await.is_empty(), "the original finishes first");
    let outcome = says(&*stage, COURT, lease.token.delivery, OutcomeWord::Received);
    settle(&*stage, &lease, Settled::Outcome(Box::new(outcome))).await;
    let sent = claim(&*stage, COURT).await.remove(0);
    assert_eq!((sent.message.id.to_string(), sent.action), (gone.id, Action::Withdraw));
}

async fn a_correction_of_what_left_is_next_in_its_lane(mut stage: Box<dyn Stage>) {
    let one = append(&*stage, to(record(&*stage, "1"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    stage.journal().freeze(&lease.token, frozen("1")).await.unwrap();
    let two = append(&*stage, to(record(&*stage, "2"), vec![push("court:DLCT01", &[case(1)])])).await;
    // Its keys were corrected too: it waits for its original all the same.
    let fixed =
        append(&*stage, version(&*stage, Action::Correct, &one.id, vec![push("court:DLCT01", &[case(2), case(1)])]))
            .await;
    let other =
        append(&*stage, version(&*stage, Action::Correct, &fixed.id, vec![push("court:DLCT01", &[case(2)])])).await;
    assert_eq!(state(&*stage, &fixed.id, 1).await, State::Superseded);
    stage.reopen().await;
    let leases = claim(&*stage, COURT).await;
    assert_eq!(messages(&leases), std::slice::from_ref(&one.id));
    let outcome = says(&*stage, COURT, leases[0].token.delivery, OutcomeWord::Received);
    settle(&*stage, &leases[0], Settled::Outcome(Box::new(outcome))).await;
    let mut next = messages(&claim(&*stage, COURT).await);
    next.sort();
    let mut expected = vec![other.id, two.id];
    expected.sort();
    assert_eq!(next, expected, "the last correction shares no case with the second record");
}

async fn a_correction_releases_the_lane_that_a_rejection_held(stage: Box<dyn Stage>) {
    let strict = NewDelivery { park_on_reject: true, ..push("court:DLCT01", &[case(1)]) };
    let one = append(&*stage, to(record(&*stage, "1"), vec![strict.clone()])).await;
    let two = append(&*stage, to(record(&*stage, "2"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    deliver(&*stage, &lease, OutcomeWord::Returned).await;
    assert!(claim(&*stage, COURT).await.is_empty());
    let fixed = append(&*stage, version(&*stage, Action::Correct, &one.id, vec![strict])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    assert_eq!((lease.message.id.to_string(), lease.action), (fixed.id, Action::Correct));
    assert_eq!(state(&*stage, &one.id, 1).await, State::Rejected);
    deliver(&*stage, &lease, OutcomeWord::Accepted).await;
    assert_eq!(messages(&claim(&*stage, COURT).await), [two.id]);
}

async fn what_an_office_had_before_a_withdrawal_that_never_left_is_taken_back_all_the_same(stage: Box<dyn Stage>) {
    let one = append(&*stage, to(record(&*stage, "1"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    deliver(&*stage, &lease, OutcomeWord::Received).await;
    let doing = |action| NewDelivery { action, ..push("court:DLCT01", &[case(1)]) };
    let as_said = |id: &str, action, to: Action| Entry {
        deliveries: vec![doing(to)],
        ..version(&*stage, action, id, vec![push("court:DLCT01", &[case(1)])])
    };
    // The record goes elsewhere, comes back and is withdrawn before any of this has left.
    let elsewhere = append(&*stage, as_said(&one.id, Action::Correct, Action::Withdraw)).await;
    let back = append(&*stage, as_said(&elsewhere.id, Action::Correct, Action::New)).await;
    assert_eq!(state(&*stage, &elsewhere.id, 1).await, State::Superseded);
    let gone = append(&*stage, as_said(&back.id, Action::Withdraw, Action::Withdraw)).await;
    assert_eq!(state(&*stage, &back.id, 1).await, State::Superseded);
    let leases = claim(&*stage, COURT).await;
    assert_eq!(messages(&leases), std::slice::from_ref(&gone.id), "the office has the first version still");
    assert_eq!(leases[0].action, Action::Withdraw);
}

async fn a_page_that_showed_it_keeps_it(mut stage: Box<dyn Stage>) {
    let seen = append(&*stage, to(record(&*stage, "1"), vec![pull("court:DLCT01", &[case(1)])])).await;
    shelve(&*stage, COURT).await;
    page(&*stage, COURT, None, 10).await;
    let unseen = append(&*stage, to(record(&*stage, "2"), vec![pull("court:DLCT01", &[case(2)])])).await;
    shelve(&*stage, COURT).await;
    stage.reopen().await;
    append(&*stage, version(&*stage, Action::Correct, &seen.id, vec![pull("court:DLCT01", &[case(1)])])).await;
    append(&*stage, version(&*stage, Action::Correct, &unseen.id, vec![pull("court:DLCT01", &[case(2)])])).await;
    assert_eq!(state(&*stage, &seen.id, 1).await, State::Available);
    assert_eq!(state(&*stage, &unseen.id, 1).await, State::Superseded);
    assert_eq!(page(&*stage, COURT, None, 10).await.items.len(), 1);
    assert_eq!(page(&*stage, COURT, Some(FeedPosition::default()), 10).await.items.len(), 1);
    shelve(&*stage, COURT).await;
    let all = page(&*stage, COURT, None, 10).await;
    assert_eq!(
        all.items.iter().map(|item| item.action).collect::<Vec<_>>(),
        [Action::New, Action::Correct, Action::New]
    );
}

async fn only_the_newest_version_can_be_replaced(stage: Box<dyn Stage>) {
    let one = append(&*stage, record(&*stage, "1")).await;
    let two = append(&*stage, version(&*stage, Action::Correct, &one.id, vec![])).await;
    let late = stage.journal().append(version(&*stage, Action::Correct, &one.id, vec![])).await.unwrap();
    assert!(matches!(late, Appended::RecordChanged(id) if id.to_string() == two.id), "{late:?}");
    let alien = Entry { system: COURT.into(), ..version(&*stage, Action::Withdraw, &two.id, vec![]) };
    assert!(matches!(stage.journal().append(alien).await.unwrap(), Appended::ReplacesUnknown));
    let view = stage.journal().message(MessageId::parse(&one.id).unwrap()).await.unwrap().unwrap();
    assert_eq!(view.head.replaced_by.unwrap().to_string(), two.id);
}

async fn what_nobody_could_place_is_settled_by_its_correction(stage: Box<dyn Stage>) {
    let one = append(&*stage, to(record(&*stage, "1"), vec![lost(&[])])).await;
    append(&*stage, version(&*stage, Action::Correct, &one.id, vec![push("court:DLCT01", &[case(1)])])).await;
    assert_eq!(state(&*stage, &one.id, 1).await, State::Superseded);
    assert_eq!(claim(&*stage, COURT).await.len(), 1);
}

async fn a_correction_leaves_the_attempt_under_way_its_lease(stage: Box<dyn Stage>) {
    let one = append(&*stage, to(record(&*stage, "1"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    stage.journal().freeze(&lease.token, frozen("1")).await.unwrap();
    let fixed =
        append(&*stage, version(&*stage, Action::Correct, &one.id, vec![push("court:DLCT01", &[case(1)])])).await;
    assert!(claim(&*stage, COURT).await.is_empty(), "it waits for its original");
    // What the receiver answers meanwhile counts at once: nobody sends it again after the lease's end.
    let outcome = says(&*stage, COURT, lease.token.delivery, OutcomeWord::Received);
    settle(&*stage, &lease, Settled::Outcome(Box::new(outcome))).await;
    assert_eq!(state(&*stage, &one.id, 1).await, State::Delivered);
    assert_eq!(messages(&claim(&*stage, COURT).await), [fixed.id]);
}

async fn a_correction_and_what_was_claimed_before_it_never_go_at_once(stage: Box<dyn Stage>) {
    let one = append(&*stage, to(record(&*stage, "1"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    deliver(&*stage, &lease, OutcomeWord::Received).await;
    append(&*stage, to(record(&*stage, "2"), vec![push("court:DLCT01", &[case(1)])])).await;
    let under_way = claim(&*stage, COURT).await.remove(0);
    let fixed =
        append(&*stage, version(&*stage, Action::Correct, &one.id, vec![push("court:DLCT01", &[case(1)])])).await;
    assert!(claim(&*stage, COURT).await.is_empty(), "it waits for what is on its way");
    deliver(&*stage, &under_way, OutcomeWord::Received).await;
    assert_eq!(messages(&claim(&*stage, COURT).await), [fixed.id]);
}

/// The remand, claimed and given up for later: it holds no liberty delivery any more.
async fn stuck(stage: &dyn Stage, after: Duration) -> Lease {
    let lease = claim(stage, PRISON).await.remove(0);
    stage.journal().freeze(&lease.token, frozen("remand")).await.unwrap();
    settle(stage, &lease, Settled::RetryAt(stage.clock().now().after(after))).await;
    lease
}

async fn a_liberty_correction_names_what_was_accepted_since_its_original(mut stage: Box<dyn Stage>) {
    let remand = append(&*stage, to(record(&*stage, "remand"), vec![liberty("pid/7")])).await;
    let first = claim(&*stage, PRISON).await.remove(0);
    deliver(&*stage, &first, OutcomeWord::Received).await;
    append(&*stage, to(record(&*stage, "release"), vec![liberty("pid/7")])).await;
    let release = stuck(&*stage, Duration::from_secs(600)).await;
    let others = append(&*stage, to(record(&*stage, "other"), vec![liberty("pid/8")])).await;
    let fixed = append(&*stage, version(&*stage, Action::Correct, &remand.id, vec![liberty("pid/7")])).await;
    append(&*stage, to(record(&*stage, "later"), vec![liberty("pid/7")])).await;
    stage.reopen().await;
    let leases = claim(&*stage, PRISON).await;
    let fixed = leases.iter().find(|lease| lease.message.id.to_string() == fixed.id).unwrap();
    assert_eq!(fixed.after, [release.token.delivery], "not itself, not the later one, not another person's");
    let other = leases.iter().find(|lease| lease.message.id.to_string() == others.id).unwrap();
    assert!(other.after.is_empty());
}

async fn a_correction_of_an_overtaken_liberty_record_says_so(mut stage: Box<dyn Stage>) {
    for (settled, person) in [(false, "pid/7"), (true, "pid/8")] {
        let remand = append(&*stage, to(record(&*stage, "remand"), vec![liberty(person)])).await;
        let first = stuck(&*stage, Duration::from_secs(1)).await;
        append(&*stage, to(record(&*stage, "release"), vec![liberty(person)])).await;
        let release = claim(&*stage, PRISON).await.remove(0);
        assert_eq!(release.after, [first.token.delivery]);
        deliver(&*stage, &release, OutcomeWord::Executed).await;
        stage.clock().advance(Duration::from_secs(1));
        let again = claim(&*stage, PRISON).await.remove(0);
        assert_eq!(again.overtaken_by, [release.token.delivery]);
        if settled {
            let outcome = says(&*stage, PRISON, again.token.delivery, OutcomeWord::Received);
            settle(&*stage, &again, Settled::Outcome(Box::new(outcome))).await;
        } else {
            settle(&*stage, &again, Settled::RetryAt(stage.clock().now().after(Duration::from_secs(60)))).await;
        }
        let fixed = append(&*stage, version(&*stage, Action::Correct, &remand.id, vec![liberty(person)])).await;
        stage.reopen().await;
        let lease = claim(&*stage, PRISON).await.remove(0);
        assert_eq!(lease.message.id.to_string(), fixed.id, "it goes at once");
        assert_eq!(lease.overtaken_by, [release.token.delivery]);
        deliver(&*stage, &lease, OutcomeWord::Received).await;
        assert!(claim(&*stage, PRISON).await.is_empty());
    }
}
