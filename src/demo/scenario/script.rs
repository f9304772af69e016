//! What a scenario is made of: steps with the messages that are expected of each, all plain data. `write` has the words in
//! which scenarios are written, `play` plays them, `check` holds the books against them.

use super::super::books::{Expect, Sent};
use super::super::link::Document;
use super::super::mind::Word;

/// A case as it is to run.
#[derive(Debug)]
pub struct Story {
    /// The name on the command line.
    pub name: &'static str,
    /// One sentence of what it is about.
    pub title: &'static str,
    /// Every delivery of every step is written down. Else those to the prosecution and the police's papers for the prison are
    /// not: the story is about police, courts and prisons.
    pub whole: bool,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Debug)]
pub struct Step {
    /// Its name within the story.
    pub name: &'static str,
    /// What a reader of the case is told.
    pub told: String,
    /// What is done.
    pub act: Act,
    /// The deliveries of what is sent: these and no others.
    pub expects: Vec<Expected>,
    /// Rules whose warnings the answer to the sender has, among others.
    pub warns: Vec<&'static str>,
    /// What an operator's command must print.
    pub shows: Vec<String>,
    /// The next step does not wait for what is expected of this one.
    pub at_once: bool,
}

/// What is done in a step.
#[derive(Debug)]
pub enum Act {
    /// An office sends a record.
    Send(Box<Sending>),
    /// An office says something of what it got in an earlier step.
    Say {
        /// Who says it.
        office: String,
        /// Of which step's record.
        of: &'static str,
        /// What.
        word: Word,
    },
    /// An operator's command line, without the folder.
    Operate(Vec<String>),
    /// A system takes nothing for a while.
    Close(&'static str),
    /// It takes again what comes.
    Open(&'static str),
}

/// A record to be sent.
#[derive(Debug)]
pub struct Sending {
    /// Its line of the books.
    pub line: Sent,
    /// By what receivers know it: the number of the event, or of the process in it.
    pub key: String,
    /// The step whose record it corrects or withdraws, and why.
    pub changes: Option<(&'static str, &'static str)>,
    /// The record as its sender writes it.
    pub document: Document,
}

/// One delivery that is expected.
#[derive(Debug, Clone)]
pub struct Expected {
    /// To which office; empty where none is found.
    pub office: String,
    /// What the office is told: `new`, `correct`, `withdraw`.
    pub action: &'static str,
    /// The state in which it ends.
    pub state: &'static str,
    /// Why it is stopped; empty where it is not.
    pub code: &'static str,
    /// What the receiver answers first.
    pub first: Word,
    /// It is made later than the answer to the sender: the gateway sends it on from another office.
    pub later: bool,
    /// It is held until a later step lets it go: the next step does not wait for it.
    pub held: bool,
    /// What must stand in the bytes that the receiver gets.
    pub reads: Vec<String>,
    /// What must not stand there.
    pub lacks: Vec<String>,
}

impl Expected {
    /// Whether it comes to its receiver.
    pub fn arrives(&self) -> bool {
        matches!(self.state, "delivered" | "rejected")
    }
}

impl Step {
    /// A step of which nothing is expected yet.
    pub fn new(name: &'static str, told: &str, act: Act) -> Self {
        Self {
            name,
            told: told.to_owned(),
            act,
            expects: Vec::new(),
            warns: Vec::new(),
            shows: Vec::new(),
            at_once: false,
        }
    }

    /// It corrects the record of an earlier step.
    pub fn correcting(&mut self, step: &'static str, reason: &'static str) -> &mut Self {
        self.changing("correct", step, reason)
    }

    /// It takes back the record of an earlier step.
    pub fn withdrawing(&mut self, step: &'static str, reason: &'static str) -> &mut Self {
        self.changing("withdraw", step, reason)
    }

    fn changing(&mut self, action: &'static str, step: &'static str, reason: &'static str) -> &mut Self {
        if let Act::Send(sending) = &mut self.act {
            sending.line.action = action;
            sending.changes = Some((step, reason));
        }
        self
    }

    /// Its receivers know it by another number than that of the event.
    pub fn known_as(&mut self, key: &str) -> &mut Self {
        if let Act::Send(sending) = &mut self.act {
            key.clone_into(&mut sending.key);
        }
        self
    }

    /// It is about somebody's freedom.
    pub fn liberty(&mut self) -> &mut Self {
        if let Act::Send(sending) = &mut self.act {
            sending.line.lane = "liberty";
        }
        self
    }

    /// It is refused with this code.
    pub fn refused(&mut self, code: &'static str) -> &mut Self {
        if let Act::Send(sending) = &mut self.act {
            sending.line.expect = Expect::Refused(code);
        }
        self
    }

    /// It is accepted with this warning.
    pub fn warned(&mut self, rule: &'static str) -> &mut Self {
        self.warns.push(rule);
        self
    }

    /// The operator reads this.
    pub fn shows(&mut self, text: &str) -> &mut Self {
        self.shows.push(text.to_owned());
        self
    }

    /// An office gets it.
    pub fn to(&mut self, office: &str) -> &mut Self {
        let action = match &self.act {
            Act::Send(sending) => sending.line.action,
            _ => "new",
        };
        self.expects.push(Expected {
            office: office.to_owned(),
            action,
            state: "delivered",
            code: "",
            first: Word::received(),
            later: false,
            held: false,
            reads: Vec::new(),
            lacks: Vec::new(),
        });
        self
    }

    /// It stops, visibly, with this code; the office is empty where none was found.
    pub fn parked(&mut self, office: &str, code: &'static str) -> &mut Self {
        self.to(office).last(|one| {
            one.state = "parked";
            one.code = code;
        })
    }

    /// The last office ends in another state than `delivered`.
    pub fn ends(&mut self, state: &'static str) -> &mut Self {
        self.last(|one| one.state = state)
    }

    /// The last office is told that it is something else than what was sent.
    pub fn told_as(&mut self, action: &'static str) -> &mut Self {
        self.last(|one| one.action = action)
    }

    /// The last office answers so; the delivery ends as that word makes it.
    pub fn answered(&mut self, word: Word) -> &mut Self {
        self.last(|one| {
            if matches!(word.outcome, "returned" | "rejected" | "wrong-addressee") {
                one.state = "rejected";
                one.code = word.outcome;
            }
            one.first = word;
        })
    }

    /// The last office gets it later, because of what has happened meanwhile.
    pub fn sent_on(&mut self) -> &mut Self {
        self.last(|one| one.later = true)
    }

    /// The last office gets it once a later step has happened.
    pub fn held(&mut self) -> &mut Self {
        self.last(|one| {
            one.later = true;
            one.held = true;
        })
    }

    /// The last office reads this in it.
    pub fn reads(&mut self, text: &str) -> &mut Self {
        self.last(|one| one.reads.push(text.to_owned()))
    }

    /// The last office does not get to see this.
    pub fn lacks(&mut self, text: &str) -> &mut Self {
        self.last(|one| one.lacks.push(text.to_owned()))
    }

    /// The next step begins as soon as this one's record is accepted.
    pub fn at_once(&mut self) -> &mut Self {
        self.at_once = true;
        self
    }

    fn last(&mut self, change: impl FnOnce(&mut Expected)) -> &mut Self {
        if let Some(one) = self.expects.last_mut() {
            change(one);
        }
        self
    }
}
