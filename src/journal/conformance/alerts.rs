//! Alerts: one row a rule and subject, raised when the rule's time has come, ended when the cause is gone, bounded in number.

use std::collections::BTreeSet;

use super::*;
use crate::journal::{Acknowledged, Alert, AlertFilter, AlertVerb, Cause, Order, OrderVerb, Watch, Watched};

pub(super) async fn run(make: Make) {
    a_parked_delivery_raises_one_alert_over_restarts(make()).await;
    a_liberty_order_is_watched_until_a_person_answers(make()).await;
    of_an_order_that_was_replaced_nobody_expects_an_answer(make()).await;
    a_recall_is_watched_until_the_office_says_what_became_of_its_copy(make()).await;
    a_system_that_gives_no_answer_is_one_alert(make()).await;
    what_somebody_has_seen_or_was_told_is_kept(make()).await;
    the_first_rule_that_fits_has_a_delivery(make()).await;
    many_of_one_kind_do_not_hide_another(make()).await;
    a_held_delivery_is_given_up_though_nobody_claims_it(make()).await;
}

fn rule(name: &str, cause: Cause, after: u64) -> Watched {
    let after = Duration::from_secs(after);
    Watched { name: name.into(), cause, after, lane: None, kinds: vec![], systems: None, codes: vec![] }
}

/// What changed, as `rule subject-office +` (raised) or `-` (ended).
async fn watch(stage: &dyn Stage, rules: &[Watched]) -> Vec<String> {
    look(stage, Watch { rules: rules.to_vec(), ..Watch::default() }).await
}

async fn look(stage: &dyn Stage, watch: Watch) -> Vec<String> {
    let watch = Watch { now: stage.clock().now(), tell: true, ..watch };
    let news = stage.journal().alert(AlertVerb::Watch(Box::new(watch))).await.unwrap();
    let sign = |alert: &Alert| if alert.ended_at.is_some() { "-" } else { "+" };
    news.iter().map(|alert| format!("{} {} {}", alert.rule, alert.subject.office, sign(alert))).collect()
}

async fn list(stage: &dyn Stage, filter: AlertFilter) -> Vec<Alert> {
    stage.journal().alert(AlertVerb::List(AlertFilter { limit: 1000, ..filter })).await.unwrap()
}

async fn a_parked_delivery_raises_one_alert_over_restarts(mut stage: Box<dyn Stage>) {
    let rules = [rule("parked", Cause::Parked, 0)];
    let entry = to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(1)]), push("court:DLCT02", &[case(1)])]);
    let stored = append(&*stage, entry).await;
    assert!(watch(&*stage, &rules).await.is_empty());
    let lease = claim_up_to(&*stage, COURT, 1).await.remove(0);
    settle(&*stage, &lease, Settled::Parked("code-unknown".into())).await;
    assert_eq!(watch(&*stage, &rules).await, ["parked court:DLCT01 +"]);
    assert!(watch(&*stage, &rules).await.is_empty(), "raised once");
    stage.reopen().await;
    assert!(watch(&*stage, &rules).await.is_empty(), "and not again after a restart");
    let open = list(&*stage, AlertFilter { open: Some(true), ..AlertFilter::default() }).await.remove(0);
    assert_eq!(open.subject.name, format!("delivery/{}", stored.deliveries[0].id));
    assert_eq!((open.subject.code.as_deref(), open.times, open.number), (Some("code-unknown"), 1, 1));
    let retry = Order {
        delivery: lease.token.delivery,
        verb: OrderVerb::Retry,
        by: "a".into(),
        reason: "b".into(),
        at: stage.clock().now(),
        approval: None,
    };
    stage.journal().order(retry).await.unwrap();
    stage.clock().advance(Duration::from_secs(60));
    assert_eq!(watch(&*stage, &rules).await, ["parked court:DLCT01 -"]);
    let lease = claim_up_to(&*stage, COURT, 1).await.remove(0);
    settle(&*stage, &lease, Settled::Parked("mapping-failed".into())).await;
    assert_eq!(watch(&*stage, &rules).await, ["parked court:DLCT01 +"]);
    let again = list(&*stage, AlertFilter::default()).await;
    assert_eq!(again.len(), 1, "one row a rule and subject");
    assert_eq!((again[0].times, again[0].first_at, again[0].ended_at), (2, open.first_at, None));
    assert_eq!(again[0].subject.code.as_deref(), Some("mapping-failed"));
    assert!(again[0].last_at > again[0].first_at);
    assert_eq!(watch(&*stage, &[]).await, ["parked court:DLCT01 -"], "a rule that is gone ends its alerts");
}

async fn a_liberty_order_is_watched_until_a_person_answers(mut stage: Box<dyn Stage>) {
    let liberty_only = |rule: Watched| Watched { lane: Some(Lane::Liberty), ..rule };
    let silent = liberty_only(rule("no-answer", Cause::Unsettled, 300));
    let rules = [silent, liberty_only(rule("no-outcome", Cause::Unanswered, 1800))];
    append(&*stage, to(record(&*stage, "paper"), vec![push("court:DLCT01", &[case(1)])])).await;
    append(&*stage, to(record(&*stage, "release"), vec![liberty("p")])).await;
    stage.clock().advance(Duration::from_secs(299));
    assert!(watch(&*stage, &rules).await.is_empty());
    stage.clock().advance(Duration::from_secs(1));
    assert_eq!(watch(&*stage, &rules).await, ["no-answer prison:TIHAR01 +"]);
    let lease = claim(&*stage, PRISON).await.remove(0);
    settle(&*stage, &lease, Settled::RetryAt(stage.clock().now())).await;
    assert!(watch(&*stage, &rules).await.is_empty(), "an answer that is none ends nothing");
    deliver(&*stage, &claim(&*stage, PRISON).await.remove(0), OutcomeWord::Received).await;
    assert_eq!(watch(&*stage, &rules).await, ["no-answer prison:TIHAR01 -"]);
    stage.reopen().await;
    stage.clock().advance(Duration::from_secs(1499));
    assert!(watch(&*stage, &rules).await.is_empty());
    stage.clock().advance(Duration::from_secs(1));
    assert_eq!(watch(&*stage, &rules).await, ["no-outcome prison:TIHAR01 +"], "thirty minutes after acceptance");
    let executed = says(&*stage, PRISON, lease.token.delivery, OutcomeWord::Executed);
    stage.journal().answer(vec![executed]).await.unwrap();
    assert_eq!(watch(&*stage, &rules).await, ["no-outcome prison:TIHAR01 -"]);
    stage.reopen().await;
    stage.clock().advance(Duration::from_secs(86_400));
    assert!(watch(&*stage, &rules).await.is_empty());
    assert_eq!(stage.journal().count().await.unwrap().alerts, [("no-answer".into(), 0), ("no-outcome".into(), 0)]);
}

async fn of_an_order_that_was_replaced_nobody_expects_an_answer(stage: Box<dyn Stage>) {
    let rules = [Watched { lane: Some(Lane::Liberty), ..rule("no-outcome", Cause::Unanswered, 60) }];
    let stored = append(&*stage, to(record(&*stage, "remand"), vec![liberty("p")])).await;
    deliver(&*stage, &claim(&*stage, PRISON).await.remove(0), OutcomeWord::Received).await;
    stage.clock().advance(Duration::from_secs(60));
    assert_eq!(watch(&*stage, &rules).await, ["no-outcome prison:TIHAR01 +"]);
    let entry = Entry { action: Action::Correct, replaces: MessageId::parse(&stored.id), ..record(&*stage, "better") };
    append(&*stage, to(entry, vec![NewDelivery { action: Action::Correct, ..liberty("p") }])).await;
    assert_eq!(watch(&*stage, &rules).await, ["no-outcome prison:TIHAR01 -"]);
    deliver(&*stage, &claim(&*stage, PRISON).await.remove(0), OutcomeWord::Received).await;
    stage.clock().advance(Duration::from_secs(60));
    assert_eq!(watch(&*stage, &rules).await, ["no-outcome prison:TIHAR01 +"], "of the correction it is");
}

async fn a_recall_is_watched_until_the_office_says_what_became_of_its_copy(mut stage: Box<dyn Stage>) {
    let rules = [rule("recall", Cause::Recall, 60)];
    let to_court = |action| NewDelivery { action, ..push("court:DLCT01", &[case(1)]) };
    let stored = append(&*stage, to(record(&*stage, "paper"), vec![to_court(Action::New)])).await;
    let first = claim(&*stage, COURT).await.remove(0);
    deliver(&*stage, &first, OutcomeWord::Received).await;
    stage.clock().advance(Duration::from_secs(3600));
    let back =
        Entry { action: Action::Withdraw, replaces: MessageId::parse(&stored.id), ..record(&*stage, "taken back") };
    append(&*stage, to(back, vec![to_court(Action::Withdraw)])).await;
    stage.clock().advance(Duration::from_secs(59));
    assert!(watch(&*stage, &rules).await.is_empty(), "it counts from the moment at which the office is asked");
    stage.reopen().await;
    stage.clock().advance(Duration::from_secs(1));
    assert_eq!(watch(&*stage, &rules).await, ["recall court:DLCT01 +"], "its machine does not even have it");
    let second = claim(&*stage, COURT).await.remove(0);
    deliver(&*stage, &second, OutcomeWord::Received).await;
    stage.reopen().await;
    assert!(watch(&*stage, &rules).await.is_empty(), "a machine's receipt says nothing about the copy");
    let kept = says(&*stage, COURT, second.token.delivery, OutcomeWord::NotExecuted);
    stage.journal().answer(vec![kept]).await.unwrap();
    assert_eq!(watch(&*stage, &rules).await, ["recall court:DLCT01 -"]);
    stage.reopen().await;
    assert!(watch(&*stage, &rules).await.is_empty());
}

async fn a_system_that_gives_no_answer_is_one_alert(mut stage: Box<dyn Stage>) {
    let since = stage.clock().now();
    let prison = BTreeSet::from([PRISON.to_owned()]);
    let rules = vec![Watched { systems: Some(prison.clone()), ..rule("away", Cause::Unreachable, 600) }];
    let away = || Watch { rules: rules.clone(), away: vec![(PRISON.into(), since)], ..Watch::default() };
    stage.clock().advance(Duration::from_secs(599));
    assert!(look(&*stage, away()).await.is_empty());
    stage.clock().advance(Duration::from_secs(1));
    assert_eq!(look(&*stage, away()).await, ["away  +"]);
    stage.reopen().await;
    let unknown = || Watch { rules: rules.clone(), unknown: prison.clone(), ..Watch::default() };
    assert!(look(&*stage, unknown()).await.is_empty(), "after a restart nothing is known until it is tried");
    assert_eq!(look(&*stage, Watch { rules: rules.clone(), ..Watch::default() }).await, ["away  -"]);
}

async fn what_somebody_has_seen_or_was_told_is_kept(mut stage: Box<dyn Stage>) {
    let rules = [rule("parked", Cause::Parked, 0)];
    append(&*stage, to(record(&*stage, "x"), vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&*stage, COURT).await.remove(0);
    settle(&*stage, &lease, Settled::Parked("gave-up".into())).await;
    watch(&*stage, &rules).await;
    let untold = async |stage: &dyn Stage| stage.journal().alert(AlertVerb::Untold { limit: 10 }).await.unwrap();
    let raised = untold(&*stage).await.remove(0);
    let seen = Acknowledged { by: "Duty officer".into(), at: stage.clock().now(), note: "called the court".into() };
    let verb = |number| AlertVerb::Acknowledge { number, seen: seen.clone() };
    assert!(stage.journal().alert(verb(7)).await.unwrap().is_empty(), "there is no such alert");
    assert_eq!(stage.journal().alert(verb(1)).await.unwrap()[0].acknowledged, Some(seen.clone()));
    stage.reopen().await;
    let office = |office: &str| AlertFilter { office: Some(office.into()), ..AlertFilter::default() };
    let found = list(&*stage, office("court:DLCT01")).await;
    assert_eq!((found[0].acknowledged.clone(), found[0].ended_at), (Some(seen), None), "seen is not over");
    assert!(list(&*stage, office("court:DLCT02")).await.is_empty());
    assert!(list(&*stage, AlertFilter { rule: Some("other".into()), ..AlertFilter::default() }).await.is_empty());
    assert_eq!(untold(&*stage).await.len(), 1);
    assert_eq!(watch(&*stage, &[]).await, ["parked court:DLCT01 -"]);
    stage.journal().alert(AlertVerb::Told(Box::new(raised))).await.unwrap();
    let ended = untold(&*stage).await;
    assert!(ended[0].ended_at.is_some(), "it has changed since: of that nobody was told");
    stage.journal().alert(AlertVerb::Told(Box::new(ended[0].clone()))).await.unwrap();
    stage.reopen().await;
    assert!(untold(&*stage).await.is_empty());
    assert!(list(&*stage, AlertFilter { open: Some(true), ..AlertFilter::default() }).await.is_empty());
    assert_eq!(list(&*stage, AlertFilter { open: Some(false), ..AlertFilter::default() }).await.len(), 1);
}

async fn the_first_rule_that_fits_has_a_delivery(stage: Box<dyn Stage>) {
    let child = Watched { codes: vec!["child".into()], ..rule("child", Cause::Parked, 0) };
    let rules = [child, rule("parked", Cause::Parked, 0)];
    for code in ["child", "other"] {
        let parked = NewDelivery { state: State::Parked, code: Some(code.into()), ..push("court:DLCT01", &[case(1)]) };
        append(&*stage, to(record(&*stage, code), vec![parked])).await;
    }
    assert_eq!(watch(&*stage, &rules).await, ["child court:DLCT01 +", "parked court:DLCT01 +"]);
}

async fn many_of_one_kind_do_not_hide_another(stage: Box<dyn Stage>) {
    let rules = [rule("parked", Cause::Parked, 0)];
    let parked = |office: &str, system: &str| NewDelivery {
        state: State::Parked,
        code: Some("code-unknown".into()),
        system: system.into(),
        ..push(office, &[])
    };
    for n in 0..300 {
        append(&*stage, to(record(&*stage, &n.to_string()), vec![parked("court:DLCT01", COURT)])).await;
    }
    append(&*stage, to(record(&*stage, "one"), vec![parked("prison:TIHAR01", PRISON)])).await;
    while !watch(&*stage, &rules).await.is_empty() {}
    let open = list(&*stage, AlertFilter { open: Some(true), ..AlertFilter::default() }).await;
    let of = |system: &str| open.iter().filter(|alert| alert.subject.system == system).count();
    assert_eq!(of(PRISON), 1);
    assert!((1..300).contains(&of(COURT)), "{} of one system", of(COURT));
}

async fn a_held_delivery_is_given_up_though_nobody_claims_it(stage: Box<dyn Stage>) {
    let rules = [rule("parked", Cause::Parked, 0)];
    let deadline = Some(stage.clock().now().after(Duration::from_secs(60)));
    let nowhere = NewDelivery {
        office: None,
        system: String::new(),
        keys: vec![],
        state: State::Held,
        deadline,
        ..push("court:DLCT01", &[])
    };
    let stored = append(&*stage, to(record(&*stage, "x"), vec![nowhere])).await;
    assert!(watch(&*stage, &rules).await.is_empty());
    stage.clock().advance(Duration::from_secs(61));
    assert_eq!(watch(&*stage, &rules).await, ["parked  +"]);
    assert_eq!(state(&*stage, &stored.id, 1).await, State::Parked);
}
