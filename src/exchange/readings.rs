//! Every call that gives personal data is noted before it is answered: who, which call, what for and by what right. What
//! cannot be noted is not given. Read `journal::reading` for what is kept.

use axum::http::HeaderMap;

use super::{Exchange, request};
use crate::accept::{Code, Refusal};
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

    /// Refuses who has looked at all that he may within the hour, as a system or as one of its officers.
    pub(super) fn within_reads(&self, caller: &Caller, reading: &Reading) -> Result<(), Refusal> {
        let limits = caller.system()?.limits.reads(self.desk.settings.rates.reads);
        let Some(over) = self.readers.over(reading, limits) else { return Ok(()) };
        let who = if over.officer.is_some() { "this officer" } else { "your system" };
        let seconds = u32::try_from(over.wait.unsigned_abs().div_ceil(1000)).unwrap_or(u32::MAX);
        let detail = format!(
            "{who} has looked at {} cases, messages and attachments within an hour, which is as many as it may; what a feed \
             brings for the first time does not count, and goes on; look again in {seconds} s, or ask the administrators of \
             the gateway, who see this",
            over.limit
        );
        Err(Refusal { retry_after: Some(seconds), ..Refusal::new(Code::RateLimited, detail) })
    }

    /// Notes a reading; durable when it returns.
    pub(super) async fn note(&self, reading: Reading) -> Result<(), Refusal> {
        self.readers.count(&reading);
        self.journal().reading(ReadingVerb::Note(Box::new(reading))).await?;
        Ok(())
    }

    /// What a look found. One that found nothing counts as a look all the same: whoever tries numbers is seen.
    pub(super) fn found<T>(&self, reading: &Reading, asked: &str, found: Result<T, Refusal>) -> Result<T, Refusal> {
        if found.as_ref().is_err_and(|refusal| refusal.code == Code::NotFound) {
            self.readers.count_miss(reading, asked);
        }
        found
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
