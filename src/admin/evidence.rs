//! `/evidence/`: the evidence log for whoever audits the gateway, in the public layout of C2SP `tlog-tiles`: any program that
//! knows that layout can copy and check it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::{Admin, Problem};

/// A file of the log never changes, and is for nobody else.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// `GET /evidence/checkpoint`: the signed note over all leaves.
pub(super) async fn checkpoint(State(admin): State<Arc<Admin>>) -> Result<Response, Problem> {
    let note = admin.log.checkpoint(&admin.desk.keys.evidence).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")], note).into_response())
}

/// `GET /evidence/tile/…`: hashes of a tile, or the entries of a bundle.
pub(super) async fn tile(State(admin): State<Arc<Admin>>, Path(path): Path<String>) -> Result<Response, Problem> {
    let bytes = admin.log.file(&format!("tile/{path}")).await?;
    let bytes = bytes.ok_or_else(|| Problem::not_found("the log has no such file, or not yet"))?;
    Ok(([(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, FOR_EVER)], bytes).into_response())
}
