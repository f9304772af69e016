//! The proof must see every kind of fault: each test forges one in otherwise good books, and the proof names it.

use std::time::Instant;

use super::books::{Books, Expect, Final, Taken, fingerprint, message_of};
use super::link::line;
use super::proof::{Proof, check};
use super::{rows, world};
use crate::config::{Folder, Revision};

const FIRST: &str = "00000000-0000-7000-8000-000000010000";
const SECOND: &str = "00000000-0000-7000-8000-000000020000";
const BACK: &str = "00000000-0000-7000-8000-000000030000";

/// Two records of one case, delivered in order and answered, with their final states.
struct Forgery {
    books: Books,
    finals: Vec<Final>,
}

impl Forgery {
    fn good() -> Self {
        let mut forgery = Self { books: Books::default(), finals: Vec::new() };
        forgery.send(FIRST, "fir", "E1");
        forgery.send(SECOND, "charge-sheet", "E2");
        forgery.arrive(FIRST, "fir");
        forgery.arrive(SECOND, "charge-sheet");
        forgery.finals = vec![end(FIRST, "fir", "delivered"), end(SECOND, "charge-sheet", "delivered")];
        forgery
    }

    fn send(&mut self, message: &str, kind: &'static str, event: &str) -> usize {
        let place = self.books.send(line("police", "ps:1", kind, event.to_owned(), "case 1", "ரவி"));
        self.books.answered(place, Some(message), None, 3.0, false);
        place
    }

    fn arrive(&mut self, message: &str, kind: &str) -> bool {
        self.books.take(taken(&delivery(message), kind, "ரவி"))
    }

    fn proof(&self) -> Proof {
        check(&self.books, &self.finals)
    }
}

fn delivery(message: &str) -> String {
    format!("{}0001", &message[..message.len() - 4])
}

fn taken(delivery: &str, kind: &str, body: &str) -> Taken {
    Taken {
        system: "court".to_owned(),
        office: "court:A/1".to_owned(),
        kind: kind.to_owned(),
        action: "new".to_owned(),
        delivery: delivery.to_owned(),
        message: message_of(delivery),
        order: 0,
        at: Instant::now(),
        arrivals: 1,
        digest: fingerprint(body.as_bytes()),
        changed: false,
        passed: Vec::new(),
        withheld: false,
        body: body.to_owned(),
        about: None,
    }
}

fn end(message: &str, kind: &str, state: &str) -> Final {
    Final {
        id: delivery(message),
        message: message.to_owned(),
        kind: kind.to_owned(),
        from: "police".to_owned(),
        system: "court".to_owned(),
        office: "court:A/1".to_owned(),
        state: state.to_owned(),
        ..Final::default()
    }
}

#[test]
fn good_books_prove_themselves() {
    let proof = Forgery::good().proof();
    assert!(proof.holds(), "{:?}", proof.faults());
    assert_eq!((proof.accepted, proof.made, proof.state("delivered")), (2, 2, 2));
}

#[test]
fn a_delivery_that_is_in_nobodys_books_is_lost() {
    let mut forgery = Forgery::good();
    forgery.books.taken.pop();
    assert_eq!(forgery.proof().lost.len(), 1);
}

#[test]
fn an_accepted_record_without_a_delivery_is_lost() {
    let mut forgery = Forgery::good();
    forgery.books.taken.pop();
    forgery.finals.pop();
    assert_eq!(forgery.proof().lost.len(), 1);
}

#[test]
fn a_delivery_that_never_ends_is_lost() {
    let mut forgery = Forgery::good();
    forgery.finals[1].state = "queued".to_owned();
    assert!(!forgery.proof().lost.is_empty());
}

#[test]
fn an_event_that_was_never_answered_is_lost() {
    let mut forgery = Forgery::good();
    forgery.books.send(line("police", "ps:1", "fir", "E3".to_owned(), "case 2", "ரவி"));
    assert_eq!(forgery.proof().lost.len(), 1);
}

#[test]
fn a_name_that_did_not_arrive_is_lost() {
    let mut forgery = Forgery::good();
    forgery.books.taken[0].body = "?????".to_owned();
    assert_eq!(forgery.proof().lost.len(), 1);
}

#[test]
fn two_messages_for_one_event_are_doubled() {
    let mut forgery = Forgery::good();
    forgery.books.answered(0, Some(BACK), None, 1.0, false);
    assert!(!forgery.proof().doubled.is_empty());
}

#[test]
fn one_event_under_two_delivery_ids_is_doubled() {
    let mut forgery = Forgery::good();
    let second = format!("{}0002", &FIRST[..FIRST.len() - 4]);
    forgery.books.take(taken(&second, "fir", "ரவி"));
    forgery.finals.push(Final { id: second, ..end(FIRST, "fir", "delivered") });
    assert_eq!(forgery.proof().doubled.len(), 1);
}

#[test]
fn the_same_delivery_again_is_no_second_effect_but_other_bytes_are_a_fault() {
    let mut forgery = Forgery::good();
    assert!(!forgery.arrive(FIRST, "fir"));
    assert!(forgery.proof().holds());
    forgery.books.take(taken(&delivery(FIRST), "fir", "ரவி, changed"));
    assert_eq!(forgery.proof().unexpected.len(), 1);
}

#[test]
fn what_overtakes_in_its_lane_is_out_of_order() {
    let mut forgery = Forgery::good();
    let (left, right) = forgery.books.taken.split_at_mut(1);
    std::mem::swap(&mut left[0].order, &mut right[0].order);
    assert_eq!(forgery.proof().out_of_order.len(), 1);
    forgery.books.sent[1].case = "case 2".to_owned();
    assert!(forgery.proof().out_of_order.is_empty(), "other cases have lanes of their own");
}

#[test]
fn a_correction_stands_where_its_original_stood() {
    let mut forgery = Forgery::good();
    let place = forgery.send(BACK, "fir", "E3");
    forgery.books.sent[place].action = "correct";
    forgery.books.sent[place].replaces = Some(0);
    forgery.books.take(Taken { action: "correct".to_owned(), ..taken(&delivery(BACK), "fir", "ரவி") });
    forgery.finals.push(end(BACK, "fir", "delivered"));
    // It may come before the charge sheet that was accepted earlier, not before its own original.
    forgery.books.taken[1].order = 100;
    assert!(forgery.proof().holds(), "{:?}", forgery.proof().faults());
    forgery.books.taken[0].order = 101;
    assert!(!forgery.proof().out_of_order.is_empty());
}

#[test]
fn what_is_parked_must_be_wanted_so() {
    let mut forgery = Forgery::good();
    forgery.books.taken.pop();
    forgery.finals[1].state = "parked".to_owned();
    forgery.finals[1].code = "no-office".to_owned();
    assert_eq!(forgery.proof().unexpected.len(), 1);
    forgery.books.sent[1].expect = Expect::Parked("no-office");
    assert!(forgery.proof().holds());
    forgery.finals[1].code = "gave-up".to_owned();
    assert_eq!(forgery.proof().unexpected.len(), 1);
}

#[test]
fn what_is_held_must_be_wanted_to_stop() {
    let mut forgery = Forgery::good();
    forgery.books.taken.pop();
    forgery.finals[1].state = "held".to_owned();
    assert_eq!(forgery.proof().unexpected.len(), 1);
    forgery.books.sent[1].expect = Expect::Parked("no-office");
    assert!(forgery.proof().holds());
}

#[test]
fn an_answer_that_its_sender_never_heard_is_lost() {
    let mut forgery = Forgery::good();
    forgery.books.say("court", &delivery(SECOND), "accepted");
    assert_eq!(forgery.proof().lost.len(), 1);
    let mut outcome = taken(&delivery(BACK), "outcome", "accepted");
    outcome.system = "police".to_owned();
    outcome.office = "ps:1".to_owned();
    outcome.about = Some((delivery(SECOND), "accepted".to_owned()));
    forgery.books.take(outcome);
    let back = Final { system: "police".to_owned(), office: "ps:1".to_owned(), ..end(BACK, "outcome", "delivered") };
    forgery.finals.push(back);
    assert!(forgery.proof().holds(), "{:?}", forgery.proof().faults());
}

#[test]
fn a_wanted_refusal_must_happen() {
    let mut forgery = Forgery::good();
    let mut wanted = line("police", "ps:1", "fir", "E3".to_owned(), "case 1", "ரவி");
    wanted.expect = Expect::Refused("malformed-xml");
    let place = forgery.books.send(wanted);
    assert_eq!(forgery.proof().unexpected.len(), 1);
    forgery.books.answered(place, None, Some("malformed-xml"), 1.0, false);
    assert!(forgery.proof().holds());
    assert_eq!(forgery.proof().refused, 1);
}

#[test]
fn liberty_may_pass_what_failed_if_it_says_so() {
    let mut forgery = Forgery::good();
    for sent in &mut forgery.books.sent {
        sent.lane = "liberty";
    }
    forgery.books.taken[0].order = 100;
    assert_eq!(forgery.proof().out_of_order.len(), 1);
    forgery.books.taken[1].passed = vec![delivery(FIRST)];
    assert!(forgery.proof().holds(), "{:?}", forgery.proof().faults());
    forgery.books.sent[0].lane = "papers";
    forgery.books.taken[1].passed.clear();
    assert!(forgery.proof().holds(), "papers and liberty are two lanes");
}

#[test]
fn what_is_sent_on_from_another_office_stands_where_it_came() {
    let mut forgery = Forgery::good();
    forgery.books.taken[0].order = 100;
    forgery.books.sent[0].offices = vec!["court:A/1".to_owned()];
    assert_eq!(forgery.proof().out_of_order.len(), 1);
    forgery.books.sent[0].offices = vec!["court:B/1".to_owned()];
    assert!(forgery.proof().holds(), "{:?}", forgery.proof().faults());
}

#[test]
fn a_receipt_that_a_later_outcome_made_needless_is_not_lost() {
    let mut forgery = Forgery::good();
    forgery.books.say("court", &delivery(SECOND), "received");
    forgery.books.say("court", &delivery(SECOND), "executed");
    assert_eq!(forgery.proof().lost.len(), 2);
    let mut outcome = taken(&delivery(BACK), "outcome", "executed");
    outcome.system = "police".to_owned();
    outcome.office = "ps:1".to_owned();
    outcome.about = Some((delivery(SECOND), "executed".to_owned()));
    forgery.books.take(outcome);
    let back = Final { system: "police".to_owned(), office: "ps:1".to_owned(), ..end(BACK, "outcome", "delivered") };
    forgery.finals.push(back);
    assert!(forgery.proof().holds(), "{:?}", forgery.proof().faults());
}

/// A FIR of the police that went to the court and the prosecution.
fn directed() -> (Books, Vec<Final>) {
    let mut books = Books::default();
    let place = books.send(line("cctns-dl", "ps:1", "fir", "E1".to_owned(), "fir/1", ""));
    books.answered(place, Some(FIRST), None, 1.0, false);
    let to = |number: u8, system: &str| Final {
        id: format!("{}000{number}", &FIRST[..FIRST.len() - 4]),
        system: system.to_owned(),
        ..end(FIRST, "fir", "delivered")
    };
    (books, vec![to(1, "ecourts-dl"), to(2, "eprosecution-dl")])
}

#[test]
fn a_copy_for_a_stranger_and_one_that_is_missing_are_misdirected() {
    let (books, mut finals) = directed();
    assert_eq!(rows::misdirected(&books, &finals), Vec::<String>::new());
    finals[1].system = "eforensics".to_owned();
    let found = rows::misdirected(&books, &finals);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("went to eforensics") && found[1].contains("did not go to eprosecution"), "{found:?}");
}

#[test]
fn a_row_that_never_ran_is_named_with_what_is_missing() {
    let (books, _) = directed();
    let never = rows::never(&rows::count(&books));
    let fir = never.iter().find(|row| row.contains("`fir`")).unwrap();
    assert!(fir.contains("from agency") && fir.contains("to ecourts") && !fir.contains("from cctns"), "{fir}");
    assert!(never.iter().any(|row| row.contains("`appeal`")), "{never:?}");
}

#[test]
fn the_demos_folder_has_nothing_to_warn_of() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = "http://127.0.0.1:9/".to_owned();
    let pushed = world::SYSTEMS.iter().filter(|system| system.wire == world::Wire::Push);
    let inboxes: Vec<_> = pushed.map(|system| (system.name.to_owned(), nobody.clone())).collect();
    world::write(dir.path(), &inboxes, false).unwrap();
    let revision = Revision::compile(1, Folder::read(dir.path()).unwrap()).unwrap();
    let odd: Vec<_> = revision.warnings.iter().filter(|one| !one.message.contains(world::OUTPOST.code)).collect();
    assert!(odd.is_empty(), "{odd:#?}");
}
