//! Every call that gives personal data is noted before it is answered: who, which call, what for and by what right. What
//! cannot be noted is not given. Read `journal::reading` for what is kept.

use axum::http::HeaderMap;

use super::{Exchange, request};
use crate::accept::Refusal;
use crate::config::officers::Duty;
use crate::journal::{Reading, ReadingVerb};
use crate::tokens::Caller;

/// Longest purpose or ground, in characters.
pub(super) const WORDS: usize = 200;

impl Exchange {
    /// Who reads by this call, what for and by what right, as far as the headers say; what the system's file asks must be said.
    pub(super) fn reader(&self, caller: &Caller, headers: &HeaderMap, call: &str) -> Result<Reading, Refusal> {
        let officer = self.actor(caller, headers, Duty::Read)?;
        let due = caller.system()?.officers.purpose;
        Ok(Reading {
            at: self.desk.clock.now().millis(),
            system: caller.name().to_owned(),
            officer: officer.map(|officer| officer.to_string()),
            call: call.to_owned(),
            purpose: words(headers, "Icjs-Purpose", due)?,
            ground: words(headers, "Icjs-Ground", due)?,
            ..Reading::default()
        })
    }

    /// Notes a reading; durable when it returns.
    pub(super) async fn note(&self, reading: Reading) -> Result<(), Refusal> {
        self.journal().reading(ReadingVerb::Note(Box::new(reading))).await?;
        Ok(())
    }
}

fn words(headers: &HeaderMap, name: &str, due: bool) -> Result<Option<String>, Refusal> {
    let text = request::header(headers, name).filter(|text| !text.is_empty());
    match &text {
        None if due => {
            Err(Refusal::header(name, "header-missing", format!("say in `{name}` why you read; it is kept")))
        }
        Some(text) if text.chars().count() > WORDS => {
            Err(Refusal::header(name, "maxLength", format!("`{name}` has {WORDS} characters at most")))
        }
        _ => Ok(text),
    }
}
