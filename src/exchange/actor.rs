//! Which officer acts: `Icjs-Actor` of a call, of a line of a batch, or of a file of headers, held against what the system's
//! file asks. A claim that proves nothing and a plain name where a signature is due get one answer, whatever is wrong.

use axum::http::HeaderMap;

use super::Exchange;
use crate::accept::receive::yours;
use crate::accept::{Code, Refusal};
use crate::config::officers::Duty;
use crate::officers::Officer;
use crate::tokens::{Caller, looks_signed};

/// The header.
const HEADER: &str = "Icjs-Actor";

impl Exchange {
    /// The officer of a call.
    pub(super) fn actor(&self, caller: &Caller, headers: &HeaderMap, duty: Duty) -> Result<Option<Officer>, Refusal> {
        let mut lines = headers.get_all(HEADER).iter();
        let first = lines.next().map(|line| std::str::from_utf8(line.as_bytes()).map(str::trim));
        let first = first.transpose().map_err(|_| wrong("format", "`Icjs-Actor` is UTF-8 text"))?;
        if lines.next().is_some() {
            return Err(wrong("header-repeated", "`Icjs-Actor` stands once: one officer acts"));
        }
        self.officer(caller, first, duty)
    }

    /// The officer that a text names.
    pub(super) fn officer(&self, caller: &Caller, sent: Option<&str>, duty: Duty) -> Result<Option<Officer>, Refusal> {
        let system = caller.system()?;
        let Some(sent) = sent.filter(|sent| !sent.is_empty()) else {
            if system.officers.required.contains(&duty) {
                let words = duty.as_str();
                let message = format!("say in `{HEADER}` which officer acts: `{}` requires it to {words}", system.name);
                return Err(wrong("header-missing", &message));
            }
            return Ok(None);
        };
        if system.officers.signed || looks_signed(sent) {
            let officer = self.tokens.officer(sent, system, self.desk.clock.moment());
            return officer.map(Some).ok_or_else(unproven);
        }
        let officer = Officer::parse(sent).map_err(|why| wrong("format", &why.to_string()))?;
        officer.office().map_or(Ok(()), |office| yours(caller, office))?;
        Ok(Some(officer))
    }
}

fn wrong(rule: &str, message: &str) -> Refusal {
    Refusal::header(HEADER, rule, message)
}

/// The same words for everything that is wrong with a claim: which part was, would help a forger only.
fn unproven() -> Refusal {
    let detail = "`Icjs-Actor` proves no officer of this system; send a claim that one of the system's keys signed, for this \
                  gateway, with at most 12 hours to live";
    Refusal::new(Code::NotAllowed, detail)
}
