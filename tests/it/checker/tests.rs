//! Forged books: the checker must find what was done to them, and nothing in the honest ones.

use super::{Accepted, Books, Seen, Sent, check};

pub(super) fn sent(mark: &str, index: u64, liberty: bool) -> Sent {
    let (id, at) = (format!("m-{mark}"), index * 100);
    let deliveries = vec![(format!("d-{mark}"), "court:A".to_owned())];
    let accepted = Accepted { at: at + 50, body: b"{}".to_vec(), id, index, deliveries };
    Sent {
        mark: mark.to_owned(),
        first_sent: at,
        replaces: None,
        withdraws: false,
        liberty,
        keys: vec!["case".to_owned()],
        to: vec!["court:A".to_owned()],
        accepted: vec![accepted],
    }
}

pub(super) fn seen(mark: &str, arrived: u64, status: u16) -> Seen {
    Seen {
        delivery: format!("d-{mark}"),
        mark: mark.to_owned(),
        digest: mark.into(),
        arrived,
        answered: Some((arrived + 5, status)),
        after: vec![],
        overtaken_by: vec![],
    }
}

/// Two papers of one case, pushed in order, the first after one failure.
pub(super) fn honest() -> Books {
    let mut books = Books { sent: vec![sent("one", 1, false), sent("two", 2, false)], ..Books::default() };
    books.pushes = vec![seen("one", 300, 500), seen("one", 400, 200), seen("two", 500, 200)];
    for mark in ["one", "two"] {
        books.states.insert(format!("d-{mark}"), "delivered".to_owned());
        books.outcomes.push((format!("d-{mark}"), "received".to_owned()));
    }
    books
}

#[track_caller]
pub(super) fn passes(books: &Books) {
    assert_eq!(check(books), Vec::<String>::new());
}

#[track_caller]
pub(super) fn finds(books: &Books, word: &str) {
    let found = check(books);
    assert!(found.iter().any(|line| line.contains(word)), "no `{word}` in {found:#?}");
}

#[test]
fn honest_books_pass() {
    assert_eq!(check(&honest()), Vec::<String>::new());
}

#[test]
fn a_delivery_that_nobody_took_is_lost() {
    let mut books = honest();
    books.pushes.retain(|seen| seen.mark != "two");
    finds(&books, "lost: `two`");
}

#[test]
fn a_delivery_that_is_still_open_is_lost() {
    let mut books = honest();
    books.states.insert("d-two".to_owned(), "retrying".to_owned());
    finds(&books, "is still open");
}

#[test]
fn an_office_without_a_delivery_is_lost() {
    let mut books = honest();
    books.sent[0].to.push("court:B".to_owned());
    finds(&books, "no delivery to court:B");
}

#[test]
fn one_effect_under_two_ids_is_doubled() {
    let mut books = honest();
    books.sent[0].accepted[0].deliveries.push(("d-again".to_owned(), "court:A".to_owned()));
    books.states.insert("d-again".to_owned(), "delivered".to_owned());
    books.pushes.push(Seen { delivery: "d-again".to_owned(), ..seen("one", 450, 200) });
    finds(&books, "doubled: `one` took effect");
}

#[test]
fn an_id_that_no_answer_names_is_doubled() {
    let mut books = honest();
    books.pushes.push(Seen { delivery: "d-ghost".to_owned(), ..seen("one", 450, 200) });
    finds(&books, "which no answer names");
}

#[test]
fn bytes_that_change_between_attempts_are_found() {
    let mut books = honest();
    books.pushes[1].digest = b"other".to_vec();
    finds(&books, "changed between two attempts");
}

#[test]
fn the_later_before_the_earlier_is_out_of_order() {
    let mut books = honest();
    books.pushes[2].arrived = 350;
    finds(&books, "order at court:A");
}

#[test]
fn a_feed_the_other_way_round_is_out_of_order() {
    let mut books = honest();
    let pages = vec![seen("two", 0, 0), seen("one", 0, 0)];
    books.pushes.clear();
    books.feeds.insert("court".to_owned(), pages);
    books.acknowledged.extend([("d-one".to_owned(), 900), ("d-two".to_owned(), 900)]);
    finds(&books, "the other way round");
    books.feeds.get_mut("court").unwrap().reverse();
    assert_eq!(check(&books), Vec::<String>::new());
    books.followed.insert("court".to_owned(), vec!["d-two".to_owned()]);
    finds(&books, "behind the reader");
}

#[test]
fn a_correction_may_pass_what_was_queued_and_takes_the_place_of_what_it_superseded() {
    let mut books = honest();
    books.sent.push(Sent { replaces: Some("one".to_owned()), ..sent("fix", 3, false) });
    books.sent[2].first_sent = 250;
    books.sent[2].accepted[0].at = 290;
    books.states.insert("d-fix".to_owned(), "delivered".to_owned());
    books.outcomes.push(("d-fix".to_owned(), "received".to_owned()));
    books.pushes.push(seen("fix", 450, 200));
    assert_eq!(check(&books), Vec::<String>::new(), "it passed `two`, which was queued");
    books.pushes.retain(|seen| seen.mark != "one");
    books.states.insert("d-one".to_owned(), "superseded".to_owned());
    books.outcomes.retain(|(id, _)| id != "d-one");
    assert_eq!(check(&books), Vec::<String>::new(), "it took the place of `one`");
    *books.pushes.last_mut().unwrap() = seen("fix", 600, 200);
    finds(&books, "order at court:A: `fix`");
}

#[test]
fn a_correction_of_what_stood_unseen_in_a_feed_stands_at_its_end_but_not_behind_later_papers() {
    let mut books = honest();
    books.sent.push(Sent { replaces: Some("one".to_owned()), ..sent("fix", 3, false) });
    books.states.extend([("d-one", "superseded"), ("d-fix", "delivered")].map(|(d, s)| (d.to_owned(), s.to_owned())));
    books.outcomes.retain(|(id, _)| id != "d-one");
    books.outcomes.push(("d-fix".to_owned(), "received".to_owned()));
    books.pushes.clear();
    books.feeds.insert("court".to_owned(), vec![seen("two", 0, 0), seen("fix", 0, 0)]);
    books.acknowledged.extend([("d-fix".to_owned(), 900), ("d-two".to_owned(), 900)]);
    assert_eq!(check(&books), Vec::<String>::new());
    books.sent[1].accepted[0].index = 9;
    finds(&books, "the other way round");
}

#[test]
fn another_answer_the_second_time_is_found() {
    let mut books = honest();
    let again = Accepted { body: b"{ }".to_vec(), ..books.sent[0].accepted[0].clone() };
    books.sent[0].accepted.push(again);
    finds(&books, "answer: `one`");
}

#[test]
fn an_index_against_time_is_found() {
    let mut books = honest();
    books.sent[0].accepted[0].index = 7;
    finds(&books, "index: `one` (7)");
}

#[test]
fn who_passes_an_unsettled_liberty_order_must_say_so() {
    let mut books = honest();
    books.sent.iter_mut().for_each(|sent| sent.liberty = true);
    books.pushes = vec![seen("one", 300, 500), seen("two", 400, 200), seen("one", 5_000_000, 200)];
    finds(&books, "icjsafter does not name");
    finds(&books, "icjsovertakenby does not name");
    // A list of a hundred is full.
    let mut many = books.clone();
    many.pushes[1].after = (0..99).map(|number| format!("d-{number}")).collect();
    finds(&many, "icjsafter does not name");
    many.pushes[1].after.push("d-99".to_owned());
    assert!(!check(&many).iter().any(|found| found.contains("icjsafter does not name")));
    books.pushes[1].after.push("d-one".to_owned());
    books.pushes[2].overtaken_by.push("d-two".to_owned());
    assert_eq!(check(&books), Vec::<String>::new());
}

#[test]
fn an_outcome_lost_or_doubled_on_its_way_back_is_found() {
    let mut books = honest();
    let last = books.outcomes.pop().unwrap();
    finds(&books, "outcome lost");
    books.outcomes.extend([last.clone(), last]);
    finds(&books, "outcome doubled");
    books.said.insert(("d-one".to_owned(), "accepted".to_owned()));
    finds(&books, "the receiver said `accepted`");
}
