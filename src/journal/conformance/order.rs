//! Who waits for whom, across offices, cases, parked records, liberty and restarts.

use super::*;
use crate::journal::SnapshotAsk;

pub(super) async fn run(make: Make) {
    one_office_gets_a_case_in_order_and_others_do_not_wait(make()).await;
    waits_are_the_same_after_a_restart(make()).await;
    a_rejection_holds_its_lane_only_where_its_route_says_so(make()).await;
    what_has_no_office_or_no_permission_holds_nobody(make()).await;
    what_is_available_holds_nobody(make()).await;
    liberty_goes_first_and_waits_for_a_first_attempt_only(make()).await;
    liberty_names_what_it_follows_and_what_overtook_it(make()).await;
    links_join_keys_and_name_the_court(make()).await;
}

async fn one_office_gets_a_case_in_order_and_others_do_not_wait(stage: Box<dyn Stage>) {
    let first = append(&*stage, to(record(&*stage, "1"), vec![push("court:DLCT01", &[case(1), case(2)])])).await;
    let second = append(&*stage, to(record(&*stage, "2"), vec![push("court:DLCT01", &[case(2)])])).await;
    let other = append(&*stage, to(record(&*stage, "3"), vec![push("court:DLCT01", &[case(3)])])).await;
    let office = append(&*stage, to(record(&*stage, "4"), vec![push("court:DLCT02", &[case(2)])])).await;
    let leases = claim(&*stage, COURT).await;
    assert_eq!(messages(&leases), [first.id, other.id, office.id]);
    deliver(&*stage, &leases[0], OutcomeWord::Rejected).await;
    assert_eq!(messages(&claim(&*stage, COURT).await), [second.id]);
}

async fn waits_are_the_same_after_a_restart(mut stage: Box<dyn Stage>) {
    for n in 0..6 {
        append(&*stage, to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(n % 2), case(10 + n)])])).await;
    }
    let before = messages(&claim(&*stage, COURT).await);
    assert_eq!(before.len(), 2);
    stage.reopen().await;
    let leases = claim(&*stage, COURT).await;
    assert_eq!(messages(&leases), before);
    settle(&*stage, &leases[0], Settled::Parked("gave-up".to_owned())).await;
    stage.reopen().await;
    assert_eq!(messages(&claim(&*stage, COURT).await), before[1..]);
}

async fn a_rejection_holds_its_lane_only_where_its_route_says_so(mut stage: Box<dyn Stage>) {
    for park_on_reject in [true, false] {
        let number = u32::from(park_on_reject);
        let strict = NewDelivery { park_on_reject, ..push("court:DLCT01", &[case(number)]) };
        append(&*stage, to(record(&*stage, "x"), vec![strict])).await;
        append(&*stage, to(record(&*stage, "y"), vec![push("court:DLCT01", &[case(number)])])).await;
        let lease = claim(&*stage, COURT).await.remove(0);
        deliver(&*stage, &lease, OutcomeWord::Returned).await;
        let id = lease.message.id.to_string();
        assert_eq!(state(&*stage, &id, 1).await, State::Rejected);
        stage.reopen().await;
        assert_eq!(state(&*stage, &id, 1).await, State::Rejected);
        assert_eq!(claim(&*stage, COURT).await.len(), usize::from(!park_on_reject));
    }
}

async fn what_has_no_office_or_no_permission_holds_nobody(stage: Box<dyn Stage>) {
    let barred =
        NewDelivery { state: State::Parked, code: Some("not-permitted".into()), ..push("court:DLCT01", &[case(1)]) };
    let stored = append(&*stage, to(record(&*stage, "x"), vec![lost(&[case(1)]), barred])).await;
    assert_eq!(stored.status, "attention");
    append(&*stage, to(record(&*stage, "y"), vec![push("court:DLCT01", &[case(1)])])).await;
    assert_eq!(claim(&*stage, COURT).await.len(), 1);
    let stopped = NewDelivery {
        state: State::Parked,
        code: Some("child-never-to-prison".into()),
        ..push("court:DLCT01", &[case(2)])
    };
    append(&*stage, to(record(&*stage, "x"), vec![stopped])).await;
    append(&*stage, to(record(&*stage, "y"), vec![push("court:DLCT01", &[case(2)])])).await;
    assert_eq!(claim(&*stage, COURT).await.len(), 0);
}

async fn what_is_available_holds_nobody(stage: Box<dyn Stage>) {
    for _ in 0..3 {
        append(&*stage, to(record(&*stage, "x"), vec![pull("court:DLCT01", &[case(1)])])).await;
    }
    for n in 1..=3 {
        shelve(&*stage, COURT).await;
        assert_eq!(page(&*stage, COURT, None, 10).await.items.len(), n);
    }
}

async fn liberty_goes_first_and_waits_for_a_first_attempt_only(stage: Box<dyn Stage>) {
    let paper = NewDelivery { system: PRISON.into(), ..push("prison:TIHAR01", &[case(1)]) };
    append(&*stage, to(record(&*stage, "paper"), vec![paper])).await;
    let one = append(&*stage, to(record(&*stage, "remand"), vec![liberty("pid/7")])).await;
    let two = append(&*stage, to(record(&*stage, "release"), vec![liberty("pid/7")])).await;
    let first = claim_up_to(&*stage, PRISON, 1).await.remove(0);
    assert_eq!(first.message.id.to_string(), one.id, "liberty goes first");
    stage.journal().freeze(&first.token, frozen("remand")).await.unwrap();
    let next = claim(&*stage, PRISON).await;
    assert_eq!(next.len(), 1, "the release waits for the remand's first attempt");
    let later = stage.clock().now().after(Duration::from_secs(600));
    settle(&*stage, &first, Settled::RetryAt(later)).await;
    let release = claim(&*stage, PRISON).await.remove(0);
    assert_eq!(release.message.id.to_string(), two.id);
    assert_eq!(release.after, [first.token.delivery]);
}

async fn liberty_names_what_it_follows_and_what_overtook_it(mut stage: Box<dyn Stage>) {
    append(&*stage, to(record(&*stage, "remand"), vec![liberty("pid/7")])).await;
    append(&*stage, to(record(&*stage, "release"), vec![liberty("pid/7")])).await;
    let first = claim(&*stage, PRISON).await.remove(0);
    stage.journal().freeze(&first.token, frozen("remand")).await.unwrap();
    // The first attempt hangs: after the push timeout nothing waits for it any more.
    stage.clock().advance(Duration::from_secs(11));
    let release = claim(&*stage, PRISON).await.remove(0);
    assert_eq!(release.after, [first.token.delivery]);
    stage.journal().freeze(&release.token, frozen("release")).await.unwrap();
    stage.reopen().await;
    let again = claim(&*stage, PRISON).await;
    assert_eq!(again[0].token.delivery, first.token.delivery);
    assert_eq!(again[0].overtaken_by, [release.token.delivery]);
}

async fn links_join_keys_and_name_the_court(mut stage: Box<dyn Stage>) {
    use crate::journal::NewLink;
    let cnr = CaseKey::of("cnr", &["DLCT010001232026"]).unwrap();
    let moved = CaseKey::of("cnr", &["DLND020004562026"]).unwrap();
    let fir = case(1);
    let ask = SnapshotAsk { cases: vec![fir.clone()], ..SnapshotAsk::default() };
    assert_eq!(stage.journal().snapshot(ask.clone()).await.unwrap().unknown, std::slice::from_ref(&fir));
    let link = NewLink { link: "same".into(), from: fir.clone(), to: cnr.clone() };
    append(&*stage, Entry { cases: vec![fir.clone()], links: vec![link], ..record(&*stage, "x") }).await;
    let snapshot = stage.journal().snapshot(ask.clone()).await.unwrap();
    let joined = snapshot.links.same(std::slice::from_ref(&fir));
    assert_eq!((joined, snapshot.unknown.len()), (vec![fir.clone(), cnr.clone()], 0));
    assert_eq!(court(&snapshot, &fir), cnr);
    stage.reopen().await;
    let transfer = NewLink { link: "transferred-to".into(), from: cnr, to: moved.clone() };
    append(&*stage, Entry { links: vec![transfer], ..record(&*stage, "y") }).await;
    let snapshot = stage.journal().snapshot(ask).await.unwrap();
    assert_eq!(court(&snapshot, &fir), moved);
    assert_eq!(snapshot.links.same(&[fir]).len(), 2, "a transfer joins nothing");
}

fn court(known: &crate::journal::Snapshot, key: &CaseKey) -> CaseKey {
    known.links.dockets(std::slice::from_ref(key))[0].0.clone()
}
