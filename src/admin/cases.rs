//! The case on one page, for people of the centre: every delivery and reason, no record's contents.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::Uri;

use super::{Admin, Problem};
use crate::casefile::{self, CaseFile, Viewer};
use crate::identifiers::CaseKey;
use crate::journal::{Reading, ReadingVerb};

/// `GET /admin/v1/cases/{scheme}/{identifier}`.
pub(super) async fn case(Shared(admin): Shared<Arc<Admin>>, uri: Uri) -> Result<Json<CaseFile>, Problem> {
    let key = uri.path().strip_prefix("/admin/v1/cases/").and_then(CaseKey::read);
    let key = key.ok_or_else(|| Problem::not_found("this is no case number; write `cnr/DLCT010001232026`"))?;
    let file = casefile::tell(admin.journal.as_ref(), &admin.live.newest(), &key, Viewer::Centre).await?;
    let file = file.ok_or_else(|| Problem::not_found("no record has this case number"))?;
    let reading = Reading {
        at: admin.clock.now().millis(),
        call: "case".to_owned(),
        case: Some(key.to_string()),
        messages: file.messages(),
        ..Reading::default()
    };
    admin.journal.reading(ReadingVerb::Note(Box::new(reading))).await?;
    Ok(Json(file))
}
