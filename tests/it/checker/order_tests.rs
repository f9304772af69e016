//! Forged books about order: for each exception that the design makes, one just inside it, which must pass, and one just
//! outside, which must be found.

use super::tests::{finds, honest, passes, seen, sent};
use super::{Books, Page, Seen, Sent};

/// `books` with one more act that was delivered.
fn with(mut books: Books, act: Sent, pushed: Seen) -> Books {
    books.states.insert(format!("d-{}", act.mark), "delivered".to_owned());
    books.outcomes.push((format!("d-{}", act.mark), "received".to_owned()));
    books.sent.push(act);
    books.pushes.push(pushed);
    books
}

fn correction(mark: &str, of: &str, index: u64, at: (u64, u64)) -> Sent {
    let mut act = Sent { replaces: Some(of.to_owned()), first_sent: at.0, ..sent(mark, index, false) };
    act.accepted[0].at = at.1;
    act
}

fn after(list: &[&str], seen: Seen) -> Seen {
    Seen { after: list.iter().map(|mark| format!("d-{mark}")).collect(), ..seen }
}

fn liberty(mut books: Books) -> Books {
    books.sent.iter_mut().for_each(|sent| sent.liberty = true);
    books
}

fn liberty_correction(mark: &str, of: &str, index: u64, at: (u64, u64)) -> Sent {
    Sent { liberty: true, ..correction(mark, of, index, at) }
}

fn page(answered: u64, complete: bool, marks: &[&str]) -> Page {
    let items = marks.iter().map(|mark| seen(mark, 0, 0)).collect();
    Page { puller: "court".to_owned(), asked: answered - 10, answered, complete, items }
}

/// `books` as if the court pulled: what stands in its feed in this order, all of it acknowledged at the end.
fn pulled(mut books: Books, marks: &[&str]) -> Books {
    books.pushes.clear();
    books.feeds.insert("court".to_owned(), marks.iter().map(|mark| seen(mark, 0, 0)).collect());
    books.acknowledged.extend(marks.iter().map(|mark| (format!("d-{mark}"), 90_000_000)));
    books
}

fn superseded(mut books: Books, mark: &str) -> Books {
    let id = format!("d-{mark}");
    books.outcomes.retain(|(about, _)| *about != id);
    books.pushes.retain(|seen| seen.delivery != id);
    books.states.insert(id, "superseded".to_owned());
    books
}

#[test]
fn a_correction_goes_before_what_was_queued_while_its_original_was_unsettled() {
    // `one` fails at 300 and is taken at 400; the correction is accepted between; `two` waits behind `one`.
    let fix = || correction("fix", "one", 3, (310, 320));
    passes(&with(tried_twice(&[410, 425]), fix(), seen("fix", 406, 200)));
    finds(&with(tried_twice(&[410, 415]), fix(), seen("fix", 450, 200)), "did not go before what was queued");
}

/// `one` is taken at 400, `two` comes and is taken at these ticks.
fn tried_twice(two: &[u64; 2]) -> Books {
    let mut books = honest();
    books.pushes[2] = Seen { answered: Some((two[1], 200)), ..seen("two", two[0] + 2, 200) };
    books
}

#[test]
fn a_correction_and_what_was_claimed_meanwhile_go_in_some_order_but_not_at_once() {
    // `one` is settled at 405, the correction is sent at 410, `two` comes at 500 and is taken at 505.
    let fix = || correction("fix", "one", 3, (410, 420));
    passes(&with(honest(), fix(), seen("fix", 490, 200)));
    passes(&with(honest(), fix(), seen("fix", 510, 200)));
    finds(&with(honest(), fix(), seen("fix", 503, 200)), "both were under way at once");
}

#[test]
fn a_correction_of_a_correction_passes_what_is_still_queued_but_not_what_had_left() {
    // `one` is taken at 405 and its correction at 445; `two` comes at 500 and is taken at 505.
    let twice = |at| {
        let once = with(honest(), correction("fix", "one", 3, (410, 420)), seen("fix", 440, 200));
        with(once, correction("mend", "fix", 4, (at, at + 1)), seen("mend", at + 2, 200))
    };
    passes(&twice(465));
    finds(&twice(501), "before the earlier one was settled");
}

#[test]
fn a_correction_does_not_go_before_what_had_left() {
    let fix = |at| correction("fix", "one", 3, (at, at + 1));
    let mut books = with(honest(), fix(501), seen("fix", 504, 200));
    finds(&books, "before the earlier one was settled");
    books.pushes.last_mut().unwrap().arrived = 506;
    passes(&books);
}

#[test]
fn a_correction_of_one_version_passes_nothing_that_stood_before_that() {
    let fix = || correction("fix", "two", 3, (250, 260));
    finds(&with(honest(), fix(), seen("fix", 350, 200)), "order at court:A: `one`");
    passes(&with(honest(), fix(), seen("fix", 600, 200)));
}

#[test]
fn a_correction_that_took_a_superseded_corrections_place_goes_where_that_would_have_gone_and_no_earlier() {
    // `fix` was to follow `one` before `two`; `last` superseded it before it left.
    let mut books = with(honest(), correction("fix", "one", 3, (310, 320)), seen("fix", 0, 200));
    books = with(books, correction("last", "fix", 4, (330, 340)), seen("last", 450, 200));
    books = superseded(books, "fix");
    passes(&books);
    books.pushes.last_mut().unwrap().arrived = 350;
    finds(&books, "`one` (d-one) and then `last`");
}

#[test]
fn in_a_feed_only_what_had_its_position_before_the_correction_may_stand_before_it() {
    let fix = correction("fix", "one", 3, (310, 320));
    let mut books = pulled(superseded(with(honest(), fix, seen("fix", 0, 200)), "one"), &["two", "fix"]);
    books.pages = vec![page(300, true, &[]), page(9_000_000, true, &["two", "fix"])];
    passes(&books);
    // A page that lacked `two` long after the correction: it got its position while the correction stood before it.
    books.pages.insert(1, page(6_000_000, true, &[]));
    finds(&books, "the other way round");
    books.pages[1].complete = false;
    passes(&books);
    // Where the correction was accepted before `two` at all, nothing excuses it.
    books.sent[1].accepted[0].index = 9;
    finds(&books, "the other way round");
}

#[test]
fn in_a_feed_a_correction_of_what_was_shown_does_not_stand_before_what_was_shown() {
    let fix = |at| correction("fix", "one", 3, (at, at + 10));
    let mut books = pulled(with(honest(), fix(310), seen("fix", 0, 200)), &["one", "fix", "two"]);
    books.pages = vec![page(200, true, &["one"]), page(600, true, &["fix", "two"])];
    passes(&books);
    books.pages[0].items.push(seen("two", 0, 0));
    finds(&books, "the other way round");
}

#[test]
fn a_release_waits_for_the_first_attempt_at_the_remand_and_for_nothing_more() {
    let mut books = liberty(honest());
    books.pushes = vec![seen("one", 300, 500), after(&["one"], seen("two", 310, 200)), seen("one", 320, 200)];
    passes(&books);
    books.pushes[1].arrived = 303;
    finds(&books, "before the first attempt at `one`");
    books.pushes[0].arrived = 315;
    finds(&books, "before the first attempt at `one`");
    // An attempt that hangs holds it for the push timeout.
    books.pushes[0] = Seen { answered: Some((9_000_000, 500)), ..seen("one", 300, 500) };
    books.pushes[1].arrived = 1_900_000;
    books.pushes[1].answered = Some((8_999_000, 200));
    books.pushes[2] = seen("one", 9_100_000, 200);
    finds(&books, "before the first attempt at `one`");
    books.pushes[1].arrived = 2_100_000;
    passes(&books);
}

#[test]
fn a_liberty_correction_goes_before_what_is_queued_and_names_it() {
    let fix = || liberty_correction("fix", "one", 3, (410, 420));
    let books = |named: &[&str], at| with(liberty(honest()), fix(), after(named, seen("fix", at, 200)));
    passes(&books(&["two"], 450));
    finds(&books(&[], 450), "icjsafter does not name it");
    // What had left is not passed: it is in its first attempt.
    let mut left = books(&["two"], 503);
    left.sent[2].first_sent = 502;
    finds(&left, "before the first attempt at `two`");
}

#[test]
fn the_correction_of_a_correction_is_earlier_than_what_is_queued_since_the_first() {
    // It fails once; `two`, accepted before it, stands behind it and names it.
    let books = |of| {
        let once = with(
            liberty(honest()),
            liberty_correction("fix", "one", 3, (410, 420)),
            after(&["two"], seen("fix", 440, 200)),
        );
        let failed = after(&["two"], seen("mend", 475, 500));
        let mut books = with(once, liberty_correction("mend", of, 4, (460, 470)), failed);
        books.pushes[2] = after(&["mend"], seen("two", 500, 200));
        books.pushes.push(Seen { after: Vec::new(), ..seen("mend", 510, 200) });
        books
    };
    passes(&books("fix"));
    finds(&books("two"), "which is not earlier");
}

#[test]
fn what_is_named_must_be_earlier_unsettled_and_of_the_same_case_or_person() {
    let named = |list: &[&str]| {
        let mut books = liberty(honest());
        books.pushes[2] = after(list, seen("two", 500, 200));
        books
    };
    passes(&named(&["one"]));
    finds(&named(&["ghost"]), "which no answer names");
    finds(&named(&["two"]), "which is itself");
    let mut books = with(named(&["other"]), sent("other", 3, true), seen("other", 600, 200));
    finds(&books, "which is not earlier");
    books.sent[2].keys = vec!["another case".to_owned()];
    finds(&books, "which it has nothing to do with");
    let mut late = named(&["one"]);
    late.pushes[2].arrived = 6_000_000;
    finds(&late, "which was settled long before");
    late.pushes.push(Seen { overtaken_by: vec!["d-two".to_owned()], ..seen("one", 6_000_001, 200) });
    passes(&late);
}

#[test]
fn on_a_page_too_the_unsettled_earlier_one_is_named() {
    let mut books = pulled(liberty(honest()), &["one", "two"]);
    books.pages = vec![page(400, true, &["one", "two"])];
    finds(&books, "liberty feed of court:A");
    books.pages[0].items[1] = after(&["one"], seen("two", 0, 0));
    passes(&books);
    // Whoever may have settled it by then excuses the silence; whoever came only after the page was asked for, too.
    books.pages[0].items[1] = seen("two", 0, 0);
    books.acknowledged.insert("d-one".to_owned(), 399);
    passes(&books);
    books.acknowledged.insert("d-one".to_owned(), 900);
    books.sent[0].accepted[0].at = 395;
    passes(&books);
}

#[test]
fn the_correction_of_an_overtaken_record_says_so_and_others_do_not() {
    let mut books = liberty(honest());
    books.pushes = vec![seen("one", 300, 500), after(&["one"], seen("two", 310, 200)), seen("one", 320, 200)];
    books.pushes[2].overtaken_by = vec!["d-two".to_owned()];
    let fix = liberty_correction("fix", "one", 3, (410, 420));
    let mut books = with(books, fix, seen("fix", 430, 200));
    finds(&books, "corrects `one`, which d-two overtook");
    books.pushes[3].overtaken_by = vec!["d-two".to_owned()];
    passes(&books);
    books.pushes[1].overtaken_by = vec!["d-one".to_owned()];
    finds(&books, "in icjsovertakenby, which is not later");
    books.pushes[1].overtaken_by = vec!["d-ghost".to_owned()];
    finds(&books, "in icjsovertakenby, which no answer names");
}
