//! Revisions over the admin API: list, read, apply, roll back. The checks are in `revisions`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Asked;
use super::{Admin, Problem};
use crate::config::Folder;
use crate::journal::RevisionRow;
use crate::revisions::{self, Applied, Author};

/// Body of `POST /admin/v1/revisions`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Apply {
    author: String,
    reason: String,
    /// Path to base64. Without: the files of the gateway's own folder are not read; the caller says what to run.
    files: BTreeMap<String, String>,
}

/// Body of `POST /admin/v1/rollback`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    number: u64,
    author: String,
    reason: String,
}

/// `GET /admin/v1/revisions`.
pub(super) async fn history(State(admin): State<Arc<Admin>>) -> Result<Json<Value>, Problem> {
    let rows = admin.revisions.history().await?;
    let live = admin.live.newest().number;
    Ok(Json(json!({ "live": live, "revisions": rows.iter().map(row).collect::<Vec<_>>() })))
}

/// `GET /admin/v1/revisions/{number}`.
pub(super) async fn files(State(admin): State<Arc<Admin>>, Path(number): Path<u64>) -> Result<Json<Value>, Problem> {
    let found = admin.revisions.number(number).await?;
    let folder = revisions::files(&found)?;
    let files: BTreeMap<&String, String> =
        folder.files.iter().map(|(path, bytes)| (path, STANDARD.encode(bytes))).collect();
    let mut body = row(&found);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("files".to_owned(), json!(files));
    }
    Ok(Json(body))
}

/// `POST /admin/v1/revisions`.
pub(super) async fn apply(State(admin): State<Arc<Admin>>, Asked(asked): Asked<Apply>) -> Result<Json<Value>, Problem> {
    let mut folder = Folder::default();
    for (path, text) in asked.files {
        let decoded = STANDARD.decode(text);
        let bytes = decoded.map_err(|_| Problem::malformed(format!("file `{path}` is not base64")))?;
        folder.files.insert(path, bytes.into());
    }
    let faults = folder.faults();
    if !faults.is_empty() {
        return Err(revisions::NotApplied::Errors(faults).into());
    }
    let author = author(asked.author, asked.reason)?;
    Ok(done(&admin.revisions.apply(folder, &author, Some(&admin.live)).await?))
}

/// `POST /admin/v1/rollback`.
pub(super) async fn rollback(
    State(admin): State<Arc<Admin>>,
    Asked(asked): Asked<Rollback>,
) -> Result<Json<Value>, Problem> {
    let author = author(asked.author, asked.reason)?;
    Ok(done(&admin.revisions.rollback(asked.number, &author, Some(&admin.live)).await?))
}

fn author(name: String, reason: String) -> Result<Author, Problem> {
    if name.trim().is_empty() {
        return Err(Problem::malformed("`author` is empty: say who makes this revision"));
    }
    Ok(Author { name, reason })
}

fn done(applied: &Applied) -> Json<Value> {
    Json(json!({ "number": applied.number, "difference": applied.difference }))
}

fn row(row: &RevisionRow) -> Value {
    json!({
        "number": row.number,
        "author": row.revision.author,
        "reason": row.revision.reason,
        "at": row.revision.at.to_string(),
        "difference": row.revision.difference,
        "oldest_binary": row.revision.oldest_binary,
    })
}
