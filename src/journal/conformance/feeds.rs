//! Feeds: positions, cursors, filters, what is shown again and what is not.

use super::*;
use crate::journal::{Order, OrderAnswer, OrderVerb};

pub(super) async fn run(make: Make) {
    pages_follow_positions_and_show_unsettled_items_again(make()).await;
    liberty_comes_first_in_a_page_and_has_its_own_counter(make()).await;
    filters_and_limits_hold(make()).await;
    items_of_others_never_make_a_page_empty_before_its_own(make()).await;
    positions_are_never_given_twice(make()).await;
    what_was_overtaken_says_so_on_every_page(make()).await;
    nothing_passes_in_a_feed_what_was_stopped_there(make()).await;
    nor_what_stood_on_a_later_page(make()).await;
}

fn places(page: &FeedPage) -> Vec<(u64, u64)> {
    page.items.iter().map(|item| (item.position.liberty, item.position.rest)).collect()
}

async fn pages_follow_positions_and_show_unsettled_items_again(mut stage: Box<dyn Stage>) {
    for n in 1..=5 {
        append(&*stage, to(record(&*stage, "x"), vec![pull("court:DLCT01", &[case(n)])])).await;
    }
    shelve(&*stage, COURT).await;
    let first = page(&*stage, COURT, None, 2).await;
    assert_eq!((places(&first), first.more), (vec![(0, 1), (0, 2)], true));
    let delivery = first.items[0].delivery;
    assert_eq!(first.items[0].frozen, frozen(&format!("native {delivery}")));
    stage.journal().answer(vec![says(&*stage, COURT, delivery, OutcomeWord::Received)]).await.unwrap();
    stage.reopen().await;
    assert_eq!(places(&page(&*stage, COURT, None, 2).await), [(0, 2), (0, 3)]);
    let rest = page(&*stage, COURT, Some(first.next), 10).await;
    assert_eq!((places(&rest), rest.more), (vec![(0, 3), (0, 4), (0, 5)], false));
    let all = page(&*stage, COURT, Some(FeedPosition::default()), 10).await;
    assert_eq!(all.items.len(), 5, "with a cursor, settled items are shown too");
    let end = page(&*stage, COURT, Some(rest.next), 10).await;
    assert_eq!((end.items.len(), end.next, end.more), (0, rest.next, false));
    let upto = FeedAsk { upto: Some(first.next), heads: true, ..ask(COURT, None, 10) };
    assert_eq!(places(&stage.journal().feed(upto).await.unwrap()), [(0, 2)]);
}

async fn liberty_comes_first_in_a_page_and_has_its_own_counter(stage: Box<dyn Stage>) {
    let paper = NewDelivery { system: PRISON.into(), ..pull("prison:TIHAR01", &[case(1)]) };
    append(&*stage, to(record(&*stage, "paper"), vec![paper.clone()])).await;
    shelve(&*stage, PRISON).await;
    append(&*stage, to(record(&*stage, "remand"), vec![NewDelivery { how: How::Feed, ..liberty("pid/7") }])).await;
    append(&*stage, to(record(&*stage, "release"), vec![NewDelivery { how: How::Feed, ..liberty("pid/7") }])).await;
    shelve(&*stage, PRISON).await;
    shelve(&*stage, PRISON).await;
    let all = page(&*stage, PRISON, None, 10).await;
    assert_eq!(places(&all), [(1, 0), (2, 0), (2, 1)]);
    assert_eq!(all.items[1].after, [all.items[0].delivery]);
    assert!(all.items[0].overtaken_by.is_empty(), "both are in order in one feed");
    // Whoever goes on from here misses nothing that comes later, of either class.
    append(&*stage, to(record(&*stage, "bail"), vec![NewDelivery { how: How::Feed, ..liberty("pid/8") }])).await;
    shelve(&*stage, PRISON).await;
    assert_eq!(places(&page(&*stage, PRISON, Some(all.next), 10).await), [(3, 1)]);
}

async fn filters_and_limits_hold(stage: Box<dyn Stage>) {
    for n in 1..=6 {
        let office = if n % 2 == 0 { "court:DLCT01" } else { "court:DLCT02" };
        let kind = if n <= 3 { "fir" } else { "charge-sheet" };
        append(&*stage, Entry { kind: kind.into(), ..to(record(&*stage, "x"), vec![pull(office, &[case(n)])]) }).await;
    }
    shelve(&*stage, COURT).await;
    let one = FeedAsk { offices: vec![OfficeId::parse("court:DLCT02").unwrap()], ..ask(COURT, None, 10) };
    assert_eq!(places(&stage.journal().feed(one.clone()).await.unwrap()), [(0, 1), (0, 3), (0, 5)]);
    let after = FeedAsk { after: Some(FeedPosition { liberty: 0, rest: 1 }), ..one.clone() };
    assert_eq!(places(&stage.journal().feed(after).await.unwrap()), [(0, 3), (0, 5)]);
    let kind = FeedAsk { kinds: vec!["fir".into()], ..one };
    assert_eq!(places(&stage.journal().feed(kind).await.unwrap()), [(0, 1), (0, 3)]);
    let light = FeedAsk { max_bytes: 1, ..ask(COURT, None, 10) };
    let light = stage.journal().feed(light).await.unwrap();
    assert_eq!((light.items.len(), light.more), (1, true));
    let light = FeedAsk { max_bytes: 1, ..ask(COURT, Some(FeedPosition::default()), 10) };
    let light = stage.journal().feed(light).await.unwrap();
    assert_eq!((places(&light), light.next.rest, light.more), (vec![(0, 1)], 1, true));
}

async fn items_of_others_never_make_a_page_empty_before_its_own(stage: Box<dyn Stage>) {
    // More than two looks pass over, of either class.
    for n in 1..=50 {
        append(&*stage, to(record(&*stage, "x"), vec![pull("court:DLCT01", &[case(n)])])).await;
    }
    append(&*stage, to(record(&*stage, "y"), vec![pull("court:DLCT02", &[case(51)])])).await;
    shelve(&*stage, COURT).await;
    let one = FeedAsk {
        offices: vec![OfficeId::parse("court:DLCT02").unwrap()],
        ..ask(COURT, Some(FeedPosition::default()), 10)
    };
    let page = stage.journal().feed(one).await.unwrap();
    assert_eq!((places(&page), page.more), (vec![(0, 51)], false));
}

async fn positions_are_never_given_twice(mut stage: Box<dyn Stage>) {
    let one = append(&*stage, to(record(&*stage, "1"), vec![pull("court:DLCT01", &[case(1)])])).await;
    shelve(&*stage, COURT).await;
    let fixed = Entry { action: Action::Correct, replaces: MessageId::parse(&one.id), ..record(&*stage, "2") };
    append(&*stage, to(fixed, vec![pull("court:DLCT01", &[case(1)])])).await;
    stage.reopen().await;
    shelve(&*stage, COURT).await;
    assert_eq!(places(&page(&*stage, COURT, None, 10).await), [(0, 2)], "position 1 was the superseded one's");
}

async fn what_was_overtaken_says_so_on_every_page(mut stage: Box<dyn Stage>) {
    let pulled = || vec![NewDelivery { how: How::Feed, ..liberty("pid/7") }];
    append(&*stage, to(record(&*stage, "remand"), pulled())).await;
    let first = claim(&*stage, PRISON).await.remove(0);
    append(&*stage, to(record(&*stage, "release"), pulled())).await;
    // The remand's first attempt hangs: the release is there before it.
    stage.clock().advance(Duration::from_secs(11));
    shelve(&*stage, PRISON).await;
    let overtook = page(&*stage, PRISON, None, 10).await.items.remove(0).delivery;
    settle(&*stage, &first, Settled::Available(frozen("remand"))).await;
    let named = async |stage: &dyn Stage, after| {
        let items = page(stage, PRISON, after, 10).await.items;
        items.into_iter().map(|item| (item.delivery, item.overtaken_by)).collect::<Vec<_>>()
    };
    let expected = [(overtook, vec![]), (first.token.delivery, vec![overtook])];
    assert_eq!(named(&*stage, None).await, expected);
    for (delivery, _) in &expected {
        stage.journal().answer(vec![says(&*stage, PRISON, *delivery, OutcomeWord::Received)]).await.unwrap();
    }
    stage.reopen().await;
    assert_eq!(named(&*stage, Some(FeedPosition::default())).await, expected, "a reader that lost its books");
}

async fn nothing_passes_in_a_feed_what_was_stopped_there(mut stage: Box<dyn Stage>) {
    let mut made = Vec::new();
    // The second shares a case with the first, the third one with the second, the fourth none with anybody.
    for cases in [&[case(1)][..], &[case(1), case(2)], &[case(2)], &[case(3)]] {
        let stored = append(&*stage, to(record(&*stage, "x"), vec![pull("court:DLCT01", cases)])).await;
        made.push(MessageId::parse(&stored.id).unwrap().delivery(1));
        shelve(&*stage, COURT).await;
    }
    let order = async |stage: &dyn Stage, verb| {
        let (by, reason, at) = ("somebody".to_owned(), "a test".to_owned(), stage.clock().now());
        let order = Order { delivery: made[0], verb, by, reason, at, approval: None };
        assert_eq!(stage.journal().order(order).await.unwrap(), OrderAnswer::Done(made[0]));
    };
    let ids = |page: &FeedPage| page.items.iter().map(|item| item.delivery).collect::<Vec<_>>();
    let listed = stage.journal().feed(ask(COURT, None, 10)).await.unwrap();
    assert_eq!(ids(&listed), made);
    order(&*stage, OrderVerb::Park { code: "permission-changed".to_owned() }).await;
    assert_eq!(ids(&stage.journal().show(listed, None).await.unwrap()), made[3..]);
    stage.reopen().await;
    shelve(&*stage, COURT).await;
    assert_eq!(ids(&page(&*stage, COURT, None, 10).await), made[3..]);
    assert_eq!(ids(&page(&*stage, COURT, Some(FeedPosition::default()), 10).await), made[3..]);
    order(&*stage, OrderVerb::Retry).await;
    for _ in 0..3 {
        shelve(&*stage, COURT).await;
    }
    // Each has a new position, so that a puller who goes on from its cursor gets them.
    let rest = page(&*stage, COURT, Some(FeedPosition { liberty: 0, rest: 4 }), 10).await;
    assert_eq!(ids(&rest), made[..3]);
}

/// The one that is stopped and the one behind it are on the first page, the third, which shares a case with the second, is on
/// none yet: when the two come anew it is still behind them.
async fn nor_what_stood_on_a_later_page(stage: Box<dyn Stage>) {
    let mut made = Vec::new();
    for cases in [&[case(1)][..], &[case(1), case(2)], &[case(2)], &[case(3)]] {
        let stored = append(&*stage, to(record(&*stage, "x"), vec![pull("court:DLCT01", cases)])).await;
        made.push(MessageId::parse(&stored.id).unwrap().delivery(1));
        shelve(&*stage, COURT).await;
    }
    let order = async |verb| {
        let (by, reason, at) = ("somebody".to_owned(), "a test".to_owned(), stage.clock().now());
        let order = Order { delivery: made[0], verb, by, reason, at, approval: None };
        assert_eq!(stage.journal().order(order).await.unwrap(), OrderAnswer::Done(made[0]));
    };
    let ids = |page: &FeedPage| page.items.iter().map(|item| item.delivery).collect::<Vec<_>>();
    let listed = stage.journal().feed(ask(COURT, None, 2)).await.unwrap();
    assert_eq!(ids(&listed), made[..2]);
    order(OrderVerb::Park { code: "permission-changed".to_owned() }).await;
    assert_eq!(ids(&stage.journal().show(listed, None).await.unwrap()), []);
    order(OrderVerb::Retry).await;
    // The first has a place at the end before the feed is read again.
    shelve(&*stage, COURT).await;
    assert_eq!(ids(&page(&*stage, COURT, None, 10).await), [made[3], made[0]]);
    for _ in 0..2 {
        shelve(&*stage, COURT).await;
    }
    assert_eq!(ids(&page(&*stage, COURT, None, 10).await), [made[3], made[0], made[1], made[2]]);
}
