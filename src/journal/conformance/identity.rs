//! Names of submissions: a record is written once, however often it is sent.

use super::*;

pub(super) async fn run(make: Make) {
    a_thousand_parallel_twins_are_one_message(make()).await;
    the_same_event_with_the_same_bytes_is_replayed_for_ever(make()).await;
    header_keys_bind_for_thirty_days(make()).await;
    keys_belong_to_their_system_and_kind(make()).await;
    a_refused_submission_binds_no_key(make()).await;
}

async fn a_thousand_parallel_twins_are_one_message(stage: Box<dyn Stage>) {
    let entry =
        Entry { idempotency: event("E-1"), ..to(record(&*stage, "twin"), vec![push("court:DLCT01", &[case(1)])]) };
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let twin = Entry { id: MessageId::new(dawn()), ..entry.clone() };
        let journal = stage.journal();
        all.spawn(async move { journal.append(twin).await.unwrap() });
    }
    let (mut new, mut stored) = (0, Vec::new());
    while let Some(answer) = all.join_next().await {
        match answer.unwrap() {
            Appended::New(answer) => {
                new += 1;
                stored.push(answer);
            }
            Appended::Replayed(answer) => stored.push(answer),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(new, 1);
    assert!(stored.iter().all(|one| *one == stored[0]), "everybody gets the same stored answer");
    assert_eq!(claim(&*stage, COURT).await.len(), 1);
}

async fn the_same_event_with_the_same_bytes_is_replayed_for_ever(mut stage: Box<dyn Stage>) {
    let entry = Entry {
        idempotency: event("E-1"),
        warnings: vec![serde_json::json!({"code": "code-unknown"})],
        ..record(&*stage, "one")
    };
    let stored = append(&*stage, entry.clone()).await;
    stage.clock().advance(Duration::from_secs(400 * 86_400));
    stage.reopen().await;
    let again = Entry { id: MessageId::new(dawn()), accepted_at: stage.clock().now(), ..entry.clone() };
    let answer = stage.journal().append(again).await.unwrap();
    assert!(matches!(answer, Appended::Replayed(same) if same == stored));
    let other = Entry { idempotency: event("E-1"), ..record(&*stage, "two") };
    let answer = stage.journal().append(other).await.unwrap();
    assert!(matches!(answer, Appended::RecordChanged(id) if id == entry.id), "{answer:?}");
}

async fn header_keys_bind_for_thirty_days(stage: Box<dyn Stage>) {
    let entry = Entry { idempotency: header("k"), ..record(&*stage, "one") };
    append(&*stage, entry.clone()).await;
    let again = Entry { id: MessageId::new(dawn()), ..entry.clone() };
    assert!(matches!(stage.journal().append(again).await.unwrap(), Appended::Replayed(_)));
    let other = Entry { idempotency: header("k"), ..record(&*stage, "two") };
    assert!(matches!(stage.journal().append(other).await.unwrap(), Appended::KeyReused));
    stage.clock().advance(Duration::from_secs(31 * 86_400));
    append(&*stage, Entry { idempotency: header("k"), ..record(&*stage, "two") }).await;
}

async fn keys_belong_to_their_system_and_kind(stage: Box<dyn Stage>) {
    append(&*stage, Entry { idempotency: event("7"), ..record(&*stage, "one") }).await;
    append(&*stage, Entry { idempotency: event("7"), kind: "fir".into(), ..record(&*stage, "two") }).await;
    append(&*stage, Entry { idempotency: event("7"), system: COURT.into(), ..record(&*stage, "three") }).await;
    append(&*stage, Entry { idempotency: header("7"), ..record(&*stage, "four") }).await;
}

async fn a_refused_submission_binds_no_key(stage: Box<dyn Stage>) {
    let missing = Entry { idempotency: event("9"), attachments: vec![[5; 32]], ..record(&*stage, "one") };
    let answer = stage.journal().append(missing).await.unwrap();
    assert!(matches!(answer, Appended::AttachmentsMissing(list) if list == vec![[5; 32]]));
    append(&*stage, Entry { idempotency: event("9"), ..record(&*stage, "other bytes") }).await;
}
