//! The check of a story must see every kind of difference: each test forges one in books that are as the story says.

use std::time::Instant;

use serde_json::json;

use super::check::{Messages, differences};
use super::script::Story;
use super::stories;
use super::write::{Order, Update, Writer};
use crate::demo::books::{Books, Final, Taken};
use crate::demo::documents::court::kinds;
use crate::demo::mind::Word;
use crate::demo::world::KAMLA;

const COURT: &str = "court:DLCT01/3";
const JAIL: &str = "prison:DL01";
const POLICE: &str = "ps:38101002";

/// An order to the jail and the police which the jail does not carry out, and an update to the court.
fn story() -> Story {
    let mut story = Writer::new("forged", "a story for this test", 1, 7);
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    let held = story.prisoner(&man, JAIL);
    let order = Order::of(COURT, kinds::RELEASE, &case, &man).to(&[JAIL]);
    story.order("first", "An order.", order.clone()).to(JAIL).reads("RELEASE").lacks("SECRET").to(POLICE);
    story.says("answer", "Not done.", JAIL, "first", Word::new("not-executed"));
    story.order("second", "Another one.", order).to(JAIL).to(POLICE);
    let update = Update::of("RELEASE", &held).in_case(&case, None, "BAILED", json!({}));
    story.update("told", "An update.", update).to(COURT);
    story.done()
}

/// Books that are as the story says.
struct Forgery {
    messages: Messages,
    books: Books,
    finals: Vec<Final>,
}

impl Forgery {
    fn good() -> Self {
        let mut forgery = Self { messages: Messages::new(), books: Books::default(), finals: Vec::new() };
        forgery.goes("first", "m1", &[JAIL, POLICE]);
        forgery.hears("m1/prison:DL01", "not-executed");
        forgery.goes("second", "m2", &[JAIL, POLICE]);
        forgery.goes("told", "m3", &[COURT]);
        forgery
    }

    fn goes(&mut self, step: &'static str, message: &str, offices: &[&str]) {
        self.messages.insert(step, message.to_owned());
        for office in offices {
            let delivery = format!("{message}/{office}");
            self.books.take(taken(&delivery, message, office, "order RELEASE", None));
            self.finals.push(Final {
                id: delivery.clone(),
                message: message.to_owned(),
                office: (*office).to_owned(),
                action: "new".to_owned(),
                state: "delivered".to_owned(),
                ..Final::default()
            });
            self.hears(&delivery, "received");
        }
    }

    fn hears(&mut self, delivery: &str, word: &str) {
        let about = Some((delivery.to_owned(), word.to_owned()));
        self.books.take(taken(&format!("{delivery} {word}"), "outcome", COURT, word, about));
    }

    fn differences(&self) -> Vec<String> {
        differences(&story(), &self.messages, &self.books, &self.finals)
    }

    /// The one difference that there is has these words in it.
    fn differs(&self, words: &str) {
        let found = self.differences();
        assert!(found.len() == 1 && found[0].contains(words), "wanted `{words}`, found {found:?}");
    }
}

fn taken(delivery: &str, message: &str, office: &str, body: &str, about: Option<(String, String)>) -> Taken {
    Taken {
        system: String::new(),
        office: office.to_owned(),
        kind: String::new(),
        action: "new".to_owned(),
        delivery: delivery.to_owned(),
        message: message.to_owned(),
        order: 0,
        at: Instant::now(),
        arrivals: 1,
        digest: 0,
        changed: false,
        passed: Vec::new(),
        withheld: false,
        body: body.to_owned(),
        about,
    }
}

#[test]
fn books_that_are_as_the_story_says_do_not_differ() {
    assert_eq!(Forgery::good().differences(), Vec::<String>::new());
}

#[test]
fn a_delivery_that_is_missing_or_too_many_is_seen() {
    let mut forgery = Forgery::good();
    let gone = forgery.finals.remove(1);
    forgery.differs("nothing went to ps:38101002");
    forgery.finals.insert(1, Final { office: "ps:38101004".to_owned(), ..gone.clone() });
    assert_eq!(forgery.differences().len(), 2, "nothing to one, something to another");
    let mut forgery = Forgery::good();
    forgery.finals.push(Final { office: "ps:38101004".to_owned(), ..gone });
    forgery.differs("ps:38101004 gets it");
}

#[test]
fn another_state_code_or_action_is_seen() {
    let mut forgery = Forgery::good();
    forgery.finals[0].action = "correct".to_owned();
    forgery.differs("its action is `correct`");
    let mut forgery = Forgery::good();
    forgery.finals[0].state = "recalled".to_owned();
    forgery.differs("its state is `recalled`");
}

#[test]
fn an_answer_too_few_or_too_many_is_seen() {
    let mut forgery = Forgery::good();
    forgery.hears("m1/prison:DL01", "executed");
    forgery.differs("is `received, not-executed, executed`, the story says `received, not-executed`");
    let mut silent = Forgery::good();
    silent.finals[0].id = "another".to_owned();
    let found = silent.differences();
    assert!(found.iter().any(|one| one.contains("what its sender heard is ``")), "{found:?}");
}

#[test]
fn what_must_be_read_and_what_must_not_is_looked_for() {
    let mut forgery = Forgery::good();
    forgery.books.taken[0].body = "order".to_owned();
    forgery.differs("`RELEASE` does not stand in it");
    forgery.books.taken[0].body = "order RELEASE of a SECRET".to_owned();
    forgery.differs("`SECRET` stands in it");
}

#[test]
fn another_order_is_seen_unless_liberty_says_that_it_passed() {
    let mut forgery = Forgery::good();
    let first = forgery.books.taken.iter().position(|taken| taken.delivery == "m1/prison:DL01").unwrap();
    let second = forgery.books.taken.iter().position(|taken| taken.delivery == "m2/prison:DL01").unwrap();
    forgery.books.taken[first].order = 1000;
    forgery.differs("`second` came before `first`");
    forgery.books.taken[second].passed = vec!["m1/prison:DL01".to_owned()];
    assert_eq!(forgery.differences(), Vec::<String>::new());
}

#[test]
fn the_manual_lists_every_story_with_what_it_is_about() {
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    for story in stories::all(1) {
        let row = format!("| `{}` | {} |", story.name, story.title);
        assert!(manual.contains(&row), "{row}");
    }
}
