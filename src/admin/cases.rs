//! The case on one page, for people of the centre: every delivery and reason, no record's contents.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::Uri;
use axum::{Extension, Json};

use super::person::Person;
use super::{Admin, Problem, readings};
use crate::casefile::{self, CaseFile, Viewer};
use crate::identifiers::CaseKey;

/// `GET /admin/v1/cases/{scheme}/{identifier}`.
pub(super) async fn case(
    Shared(admin): Shared<Arc<Admin>>,
    Extension(person): Extension<Person>,
    uri: Uri,
) -> Result<Json<CaseFile>, Problem> {
    let key = uri.path().strip_prefix("/admin/v1/cases/").and_then(CaseKey::read);
    let key = key.ok_or_else(|| Problem::not_found("this is no case number; write `cnr/DLCT010001232026`"))?;
    let file = casefile::tell(admin.journal.as_ref(), &admin.live.newest(), &key, Viewer::Centre).await?;
    let file = file.ok_or_else(|| Problem::not_found("no record has this case number"))?;
    readings::note(&admin, &person, "case", Some(key.to_string()), file.messages()).await?;
    Ok(Json(file))
}
