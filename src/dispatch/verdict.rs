//! What a receiver's answer means: a pure judge over status, headers and body, by the verdict table of its adapter.
//! It decides nothing about when to try again (`retry`) and writes nothing (`settle`).

use bytes::Bytes;
use icjs_kit::answer::Answer;

use crate::config::{Judged, VerdictRule, Verdicts};
use crate::journal::{OutcomeWord, Reference};

/// Texts that a receiver gives as reason or number are kept up to this many characters.
const TEXT: usize = 2_000;

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Its `Content-Type`, or nothing.
    pub media_type: String,
    /// Its body, up to the door's limit.
    pub body: Bytes,
    /// Its `Retry-After`, if any.
    pub retry_after: Option<String>,
}

/// What it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The receiver has decided.
    Outcome {
        /// What it says.
        word: OutcomeWord,
        /// Its own number for what it got.
        reference: Option<Reference>,
        /// A code for machines; `http-<status>` where only the status spoke.
        code: Option<String>,
        /// Its reason, for people.
        reason: Option<String>,
    },
    /// Try again later.
    Again,
    /// The address is gone for good (410): trying again is no use before somebody has changed the system's settings.
    Gone,
}

/// Judges an answer. The adapter's first rule that matches decides; where none does, the status alone does.
pub fn judge(verdicts: &Verdicts, reply: &Reply) -> Judgement {
    let answer = Answer::read(&reply.body, &reply.media_type);
    let rule = verdicts.rules.iter().find(|rule| matches(rule, reply.status, &answer));
    match rule {
        Some(rule) => by_rule(rule, &answer),
        None => by_status(reply, &answer),
    }
}

fn matches(rule: &VerdictRule, status: u16, answer: &Answer<'_>) -> bool {
    let status_fits = rule.status.is_empty() || rule.status.contains(&status);
    let field_fits = |(path, value): &(String, String)| answer.text_at(path).as_ref() == Some(value);
    status_fits && rule.field.as_ref().is_none_or(field_fits)
}

fn by_rule(rule: &VerdictRule, answer: &Answer<'_>) -> Judgement {
    match rule.verdict {
        Judged::Again => Judgement::Again,
        Judged::Outcome(word) => {
            let number = |(scheme, path): &(String, String)| {
                let value = answer.text_at(path).map(short).filter(|value| !value.is_empty())?;
                Some(Reference { scheme: scheme.clone(), value })
            };
            let reason = rule.reason.as_ref().and_then(|path| answer.text_at(path)).map(short);
            Judgement::Outcome { word, reference: rule.reference.as_ref().and_then(number), code: None, reason }
        }
    }
}

/// 2xx has it; what passes by itself is tried again; every other 4xx is a refusal of these bytes. A redirect is never
/// followed (the address belongs into the settings), so it is tried again until somebody mends the address.
fn by_status(reply: &Reply, answer: &Answer<'_>) -> Judgement {
    match reply.status {
        200..=299 => Judgement::Outcome { word: OutcomeWord::Received, reference: None, code: None, reason: None },
        410 => Judgement::Gone,
        408 | 425 | 429 => Judgement::Again,
        status @ 400..=499 => {
            let said = answer.text_at("detail").or_else(|| answer.text_at("title"));
            let reason = said.unwrap_or_else(|| format!("the receiver answered HTTP {status}"));
            let code = Some(format!("http-{status}"));
            Judgement::Outcome { word: OutcomeWord::Rejected, reference: None, code, reason: Some(short(reason)) }
        }
        _ => Judgement::Again,
    }
}

fn short(text: String) -> String {
    if text.len() <= TEXT { text } else { text.chars().take(TEXT).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(status: u16, media_type: &str, body: &str) -> Reply {
        Reply {
            status,
            media_type: media_type.to_owned(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            retry_after: None,
        }
    }

    fn word(judgement: &Judgement) -> Option<OutcomeWord> {
        match judgement {
            Judgement::Outcome { word, .. } => Some(*word),
            _ => None,
        }
    }

    fn acknowledgement() -> Verdicts {
        let rule = |value: &str, verdict, reference: Option<(&str, &str)>, reason: Option<&str>| VerdictRule {
            status: vec![200],
            field: Some(("Ack/STATUS".to_owned(), value.to_owned())),
            verdict,
            reference: reference.map(|(scheme, path)| (scheme.to_owned(), path.to_owned())),
            reason: reason.map(str::to_owned),
        };
        Verdicts {
            rules: vec![
                rule("REJECTED", Judged::Outcome(OutcomeWord::Rejected), None, Some("Ack/REASON")),
                rule("BUSY", Judged::Again, None, None),
                rule("OK", Judged::Outcome(OutcomeWord::Accepted), Some(("fir", "Ack/REF_NO")), None),
            ],
        }
    }

    #[test]
    fn without_rules_the_status_decides() {
        let none = Verdicts::default();
        for (status, expected) in [
            (200, Some(OutcomeWord::Received)),
            (204, Some(OutcomeWord::Received)),
            (400, Some(OutcomeWord::Rejected)),
            (422, Some(OutcomeWord::Rejected)),
            (301, None),
            (408, None),
            (425, None),
            (429, None),
            (500, None),
            (503, None),
        ] {
            assert_eq!(word(&judge(&none, &reply(status, "", ""))), expected, "{status}");
        }
        assert_eq!(judge(&none, &reply(410, "", "")), Judgement::Gone);
    }

    #[test]
    fn a_rejection_carries_the_receivers_own_words() {
        let judged =
            judge(&Verdicts::default(), &reply(422, "application/problem+json", r#"{"detail":"no such station"}"#));
        let expected = Judgement::Outcome {
            word: OutcomeWord::Rejected,
            reference: None,
            code: Some("http-422".to_owned()),
            reason: Some("no such station".to_owned()),
        };
        assert_eq!(judged, expected);
    }

    #[test]
    fn an_adapters_rules_read_the_acknowledgement() {
        let rules = acknowledgement();
        let refused = "<Ack><STATUS>REJECTED</STATUS><REASON>duplicate accused</REASON></Ack>";
        let judged = judge(&rules, &reply(200, "application/xml", refused));
        assert!(
            matches!(judged, Judgement::Outcome { word: OutcomeWord::Rejected, reason: Some(reason), .. } if reason == "duplicate accused")
        );
        assert_eq!(judge(&rules, &reply(200, "application/xml", "<Ack><STATUS>BUSY</STATUS></Ack>")), Judgement::Again);
        let taken = "<Ack><STATUS>OK</STATUS><REF_NO>12/2026</REF_NO></Ack>";
        let judged = judge(&rules, &reply(200, "application/xml", taken));
        assert!(
            matches!(judged, Judgement::Outcome { reference: Some(reference), .. } if reference.scheme == "fir" && reference.value == "12/2026")
        );
    }

    #[test]
    fn an_answer_that_no_rule_matches_is_judged_by_its_status() {
        assert_eq!(
            word(&judge(&acknowledgement(), &reply(200, "text/html", "<p>welcome</p>"))),
            Some(OutcomeWord::Received)
        );
        assert_eq!(
            judge(&acknowledgement(), &reply(500, "application/xml", "<Ack><STATUS>OK</STATUS></Ack>")),
            Judgement::Again
        );
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_judge_fall_over(status in 100_u16..1000, media_type in "[ -~]{0,20}", body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let reply = Reply { status, media_type, body: Bytes::from(body), retry_after: None };
            let judged = judge(&acknowledgement(), &reply);
            if status >= 500 { prop_assert_eq!(judged, Judgement::Again); }
        }
    }
}
