//! What a simulated system does with what it gets: the word that it answers first, and what it then does of its own accord.
//! The wire halves (`desk` for those that are pushed to, `court` for those that pull) know nothing of it: a mind is a judge,
//! a jailer, a clerk, or a script.

use std::sync::Arc;

use serde_json::{Value, json};

use super::books::Taken;

/// A mind.
pub trait Mind: Send + Sync {
    /// What is answered first to a delivery that came for the first time.
    fn first_word(&self, taken: &Taken) -> Word;
    /// What follows from it, once it is answered.
    fn act(self: Arc<Self>, taken: Taken);
}

/// Something that is said of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// One of the gateway's words for outcomes.
    pub outcome: &'static str,
    /// The receiver's code.
    pub code: Option<&'static str>,
    /// Words for people.
    pub reason: Option<String>,
    /// The receiver's number: scheme and value.
    pub reference: Option<(&'static str, String)>,
    /// When it was carried out, RFC 3339.
    pub at: Option<&'static str>,
    /// It corrects what was said before.
    pub corrects: bool,
}

impl Word {
    /// The bare word.
    pub const fn new(outcome: &'static str) -> Self {
        Self { outcome, code: None, reason: None, reference: None, at: None, corrects: false }
    }

    /// The machine has it.
    pub const fn received() -> Self {
        Self::new("received")
    }

    /// With a code and the words for it.
    pub fn because(self, code: &'static str, reason: &str) -> Self {
        Self { code: Some(code), reason: Some(reason.to_owned()), ..self }
    }

    /// With the receiver's own number.
    pub fn numbered(self, scheme: &'static str, value: &str) -> Self {
        Self { reference: Some((scheme, value.to_owned())), ..self }
    }

    /// With the time at which it was carried out.
    pub const fn at(mut self, at: &'static str) -> Self {
        self.at = Some(at);
        self
    }

    /// In place of what was said before.
    pub const fn correcting(mut self) -> Self {
        self.corrects = true;
        self
    }

    /// As the API takes it, for one delivery.
    pub fn document(&self, delivery: &str) -> Value {
        let mut said = json!({ "id": delivery, "outcome": self.outcome });
        let mut put = |name: &str, value: Option<Value>| {
            if let (Some(fields), Some(value)) = (said.as_object_mut(), value) {
                fields.insert(name.to_owned(), value);
            }
        };
        put("code", self.code.map(Value::from));
        put("reason", self.reason.clone().map(Value::from));
        put("at", self.at.map(Value::from));
        put("corrects", self.corrects.then_some(Value::Bool(true)));
        put("reference", self.reference.as_ref().map(|(scheme, value)| json!({ "scheme": scheme, "value": value })));
        said
    }
}

/// A mind that takes everything and does nothing: whoever only reads.
pub struct Clerk;

impl Mind for Clerk {
    fn first_word(&self, _taken: &Taken) -> Word {
        Word::received()
    }

    fn act(self: Arc<Self>, _taken: Taken) {}
}
