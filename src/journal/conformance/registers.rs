//! The small registers, counts, filters and the limit on what is open.

use super::*;
use crate::journal::{MessageFilter, NewRevision, Refused, RevisionVerb, UploadVerb};

pub(super) async fn run(make: Make) {
    tokens_are_spent_once(make()).await;
    revisions_are_numbered_and_kept(make()).await;
    attachments_are_found_by_who_uploaded_or_was_sent_them(make()).await;
    counts_survive_a_restart(make()).await;
    messages_are_found_by_party_event_case_and_state(make()).await;
}

async fn tokens_are_spent_once(mut stage: Box<dyn Stage>) {
    let until = stage.clock().now().after(Duration::from_secs(60));
    assert!(stage.journal().spend("a", until).await.unwrap());
    stage.reopen().await;
    assert!(!stage.journal().spend("a", until).await.unwrap());
    assert!(stage.journal().spend("b", until).await.unwrap());
}

async fn revisions_are_numbered_and_kept(mut stage: Box<dyn Stage>) {
    let new = |reason: &str| {
        let new = NewRevision {
            author: "admin".into(),
            reason: reason.into(),
            difference: "+ route".into(),
            oldest_binary: "0.1.0".into(),
            at: dawn(),
            files: Bytes::from(reason.to_owned()),
        };
        RevisionVerb::Add(new, None)
    };
    assert!(stage.journal().revise(RevisionVerb::Newest).await.unwrap().is_empty());
    for reason in ["first", "second"] {
        stage.journal().revise(new(reason)).await.unwrap();
    }
    stage.reopen().await;
    let newest = stage.journal().revise(RevisionVerb::Newest).await.unwrap().remove(0);
    assert_eq!((newest.number, newest.revision.files), (2, Bytes::from("second")));
    let one = stage.journal().revise(RevisionVerb::Number(1)).await.unwrap().remove(0);
    assert_eq!(one.revision.reason, "first");
    let all = stage.journal().revise(RevisionVerb::History).await.unwrap();
    assert_eq!(all.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 1]);
}

async fn attachments_are_found_by_who_uploaded_or_was_sent_them(stage: Box<dyn Stage>) {
    let digest = [7; 32];
    let find = async |system: &str| {
        let ask = UploadVerb::Find { system: system.into(), digest, given: vec!["charge-sheet".into()] };
        let found = stage.journal().upload(ask).await.unwrap();
        found.rows.into_iter().chain(found.sent.into_iter().map(|sent| sent.upload)).collect::<Vec<_>>()
    };
    let put = |done| UploadVerb::Put { system: POLICE.into(), digest, offset: 5, done, key: vec![1], at: dawn() };
    stage.journal().upload(put(false)).await.unwrap();
    let entry = Entry { attachments: vec![digest], ..to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(1)])]) };
    assert!(matches!(stage.journal().append(entry.clone()).await.unwrap(), Appended::AttachmentsMissing(_)));
    stage.journal().upload(put(true)).await.unwrap();
    append(&*stage, entry).await;
    assert_eq!(find(POLICE).await.len(), 1);
    assert!(find(COURT).await.is_empty(), "it was not sent yet");
    let lease = claim(&*stage, COURT).await.remove(0);
    assert_eq!(lease.message.attachments, [digest]);
    stage.journal().freeze(&lease.token, frozen("x")).await.unwrap();
    assert_eq!(find(COURT).await[0].system, POLICE);
    assert!(find(PRISON).await.is_empty());
    let other =
        UploadVerb::Put { system: PRISON.into(), digest: [8; 32], offset: 1, done: true, key: vec![2], at: dawn() };
    stage.journal().upload(other).await.unwrap();
    let late = dawn().after(Duration::from_secs(8 * 86_400));
    let gone = stage.journal().upload(UploadVerb::Expire { before: late }).await.unwrap().rows;
    assert_eq!(gone.iter().map(|row| row.system.as_str()).collect::<Vec<_>>(), [PRISON], "what is bound is kept");
}

async fn counts_survive_a_restart(mut stage: Box<dyn Stage>) {
    for n in 1..=3 {
        append(&*stage, to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(n)])])).await;
    }
    let leases = claim(&*stage, COURT).await;
    deliver(&*stage, &leases[0], OutcomeWord::Received).await;
    settle(&*stage, &leases[1], Settled::Parked("code-unknown".into())).await;
    let refused = Refused { system: POLICE.into(), digest: [1; 32], code: "schema-invalid".into(), at: dawn() };
    stage.journal().refuse(refused).await.unwrap();
    stage.clock().advance(Duration::from_secs(5));
    let before = stage.journal().count().await.unwrap();
    assert_eq!(before.accepted, [("charge-sheet".to_owned(), 3)]);
    let of = |state| {
        let all = before
            .deliveries
            .iter()
            .filter(|(system, kind, s, _)| system == COURT && kind == "charge-sheet" && *s == state);
        all.map(|(.., n)| n).sum::<u64>()
    };
    assert_eq!((of(State::Delivered), of(State::Parked), of(State::Queued)), (1, 1, 1));
    assert!(before.oldest.contains(&(COURT.to_owned(), Lane::Papers, 5000)));
    assert_eq!((before.refused, before.leaves), (1, 6));
    stage.reopen().await;
    assert_eq!(stage.journal().count().await.unwrap(), before);
}

async fn messages_are_found_by_party_event_case_and_state(stage: Box<dyn Stage>) {
    for n in 1..=4_u32 {
        let entry = Entry { cases: vec![case(n % 2)], idempotency: event(&n.to_string()), ..record(&*stage, "x") };
        append(&*stage, to(entry, vec![push("court:DLCT01", &[case(n)])])).await;
        stage.clock().advance(Duration::from_secs(10));
    }
    let find = async |filter: MessageFilter| {
        let found = stage.journal().messages(MessageFilter { limit: 10, ..filter }).await.unwrap();
        found.iter().map(|view| view.head.event.clone().unwrap()).collect::<Vec<_>>().join(" ")
    };
    let all = MessageFilter::default();
    assert_eq!(find(all.clone()).await, "1 2 3 4");
    assert_eq!(find(MessageFilter { case: Some(case(1)), ..all.clone() }).await, "1 3");
    assert_eq!(find(MessageFilter { party: Some(COURT.into()), ..all.clone() }).await, "1 2 3 4");
    assert_eq!(find(MessageFilter { party: Some(PRISON.into()), ..all.clone() }).await, "");
    let event = MessageFilter { party: Some(POLICE.into()), event: Some("3".into()), ..all.clone() };
    assert_eq!(find(event.clone()).await, "3");
    assert_eq!(find(MessageFilter { party: Some(COURT.into()), ..event }).await, "");
    let since = dawn().after(Duration::from_secs(20));
    assert_eq!(find(MessageFilter { since: Some(since), ..all.clone() }).await, "3 4");
    settle(&*stage, &claim(&*stage, COURT).await[1], Settled::Parked("gave-up".into())).await;
    assert_eq!(find(MessageFilter { states: vec![State::Parked], ..all.clone() }).await, "2");
    let first = stage.journal().messages(MessageFilter { limit: 1, ..all.clone() }).await.unwrap().remove(0);
    assert_eq!(find(MessageFilter { after: Some(first.head.id), ..all }).await, "2 3 4");
}
