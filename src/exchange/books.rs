//! Reconciliation: each partner gets the gateway's book of a day, to hold it against its own.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Exchange;
use super::access::{Known, demand};
use super::problem::{Problem, Usual};
use super::request::{self, Part};
use crate::accept::Refusal;
use crate::clock::Timestamp;
use crate::evidence::books;

/// The gateway's book of you and one day: every message that you sent and every delivery that you took, with counts and digests for each
/// pair of offices, signed. Lines of JSON; `docs/evidence.md` says how your own book is made and compared.
#[utoipa::path(get, path = "/v1/reconciliation/{day}", tag = "messages",
    params(("day" = String, Path, description = "Day of acceptance in Indian Standard Time, such as `2026-11-23`")),
    responses(
        (status = 200, description = "As it is now", body = String, content_type = "application/x-ndjson"),
        (status = 403, description = "No scope `read`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "This is no day", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn book(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    Part(day): Part,
) -> Result<Response, Refusal> {
    demand(&caller, "read")?;
    let start =
        Timestamp::day(&day).ok_or_else(|| request::refused("day", "format", "`day` is a day such as `2026-11-23`"))?;
    let book = books::signed(exchange.journal(), caller.name(), &day, start, &exchange.desk.keys.receipts).await?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], book).into_response())
}
