//! The book of any partner and day, for the centre's own comparison.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::{Admin, Problem};
use crate::clock::Timestamp;
use crate::evidence::books;

/// `GET /admin/v1/reconciliation/{system}/{day}`: the same bytes as the partner gets.
pub(super) async fn book(
    State(admin): State<Arc<Admin>>,
    Path((system, day)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let start = Timestamp::day(&day).ok_or_else(|| Problem::malformed("the day is one such as `2026-11-23`"))?;
    if !admin.live.newest().systems.contains_key(&system) {
        return Err(Problem::not_found(format!("there is no system `{system}`")));
    }
    let book = books::signed(admin.journal.as_ref(), &system, &day, start, &admin.desk.keys.receipts).await?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], book).into_response())
}
