//! The case file, as the caller may see it: what it sent or was sent, and what became of that. Somebody else's case is as
//! if it were not there. Who looks says why: purpose and ground are kept with the reading.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::access::{Known, demand};
use super::problem::{Problem, Usual};
use super::readings::WORDS;
use super::request::{self, Query};
use super::{Exchange, answer};
use crate::accept::{Code, Refusal};
use crate::casefile::{self, CaseFile, Viewer};
use crate::config::officers::Duty;
use crate::identifiers::CaseKey;
use crate::journal::Reading;

/// A case on one page.
///
/// Its numbers, what was sent and answered in order of time, and who has what and who has not: of all this, what you sent or
/// were sent. `purpose` and `ground` say why you look; they are kept, with the officer.
#[utoipa::path(get, path = "/v1/cases/{scheme}/{identifier}", tag = "cases",
    params(
        ("scheme" = String, Path, description = "`cnr`, `fir`, `zero-fir`, `ptn` or `filing`"),
        ("identifier" = String, Path, description = "The number, its parts joined by `-`, as in `cases` of an answer"),
        ("purpose" = String, Query, description = "What for, in your words; 200 characters at most"),
        ("ground" = String, Query, description = "By what right, such as `BNSS s.193`; 200 characters at most"),
        ("Icjs-Actor" = Option<String>, Header, description = "The officer, as for a submission")),
    responses(
        (status = 200, description = "The case as you may see it", body = CaseFile),
        (status = 403, description = "No scope `search`, or a claim that proves no officer", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such case that you sent to or were sent of", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`purpose`, `ground` or a required officer is missing", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn case(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    uri: Uri,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Refusal> {
    demand(&caller, "search")?;
    let officer = exchange.actor(&caller, &headers, Duty::Search)?;
    let _place = exchange.place()?;
    query.only(&["purpose", "ground"])?;
    let purpose = words(&query, "purpose")?;
    let ground = words(&query, "ground")?;
    let nothing = || Refusal::new(Code::NotFound, "no such case that you sent records of or were sent records of");
    // As it stands in the path: a key's parts are percent-encoded themselves.
    let case = uri.path().strip_prefix("/v1/cases/").and_then(CaseKey::read).ok_or_else(nothing)?;
    let reading = Reading {
        at: exchange.desk.clock.now().millis(),
        system: caller.name().to_owned(),
        officer: officer.map(|officer| officer.to_string()),
        call: "case".to_owned(),
        purpose: Some(purpose.to_owned()),
        ground: Some(ground.to_owned()),
        case: Some(case.to_string()),
        ..Reading::default()
    };
    exchange.within_reads(&caller, &reading)?;
    let viewer = Viewer::Party(caller.system()?);
    let file = casefile::tell(exchange.journal(), &exchange.desk.live.newest(), &case, viewer).await?;
    let file = exchange.found(&reading, &case.to_string(), file.ok_or_else(nothing))?;
    exchange.note(Reading { messages: file.messages(), ..reading }).await?;
    Ok(answer(StatusCode::OK, &file))
}

fn words<'q>(query: &'q Query, name: &str) -> Result<&'q str, Refusal> {
    let text = query.one(name)?.map(str::trim).unwrap_or_default();
    match text.chars().count() {
        0 => Err(request::refused(name, "required", format!("say in `{name}` why you look; it is kept"))),
        count if count > WORDS => {
            Err(request::refused(name, "maxLength", format!("`{name}` has {WORDS} characters at most")))
        }
        _ => Ok(text),
    }
}
