//! Revisions over the admin API: list, read, apply, roll back. The checks are in `revisions`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::approvals::{self, Act, New};
use super::asked::Asked;
use super::person::Person;
use super::problem::LONGEST;
use super::{Admin, Problem};
use crate::config::{Deed, Folder};
use crate::journal::RevisionRow;
use crate::revisions::{self, Applied, Author};

/// Body of `POST /admin/v1/revisions`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Apply {
    /// The owner's word for who sits there; a name of one's own goes before it.
    #[serde(default)]
    author: Option<String>,
    reason: String,
    /// Path to base64. Without: the files of the gateway's own folder are not read; the caller says what to run.
    files: BTreeMap<String, String>,
}

/// Body of `POST /admin/v1/rollback`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    number: u64,
    #[serde(default)]
    author: Option<String>,
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

/// `POST /admin/v1/revisions`: 200, or 202 with a proposal where it needs two persons.
pub(super) async fn apply(
    State(admin): State<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Asked(asked): Asked<Apply>,
) -> Result<Response, Problem> {
    let folder = folder(asked.files.clone())?;
    let author = author(&person, asked.author.as_deref(), asked.reason)?;
    let _turn = admin.turn.lock().await;
    if !approvals::needed(&admin, &person, Deed::Revisions)? {
        let applied = admin.revisions.apply(folder, &author, Some(&admin.live)).await?;
        return Ok(Json(done(&applied)).into_response());
    }
    // What would fail, or change nothing, is said at once and to him who asked for it.
    let would = admin.revisions.preview(folder).await?;
    if would.difference.is_empty() {
        return Ok(Json(done(&would)).into_response());
    }
    let files = would.difference.lines().filter(|line| !line.starts_with(' ')).count();
    let new = New {
        deed: Deed::Revisions,
        what: format!("a configuration in which {files} files differ"),
        reason: &author.reason,
        difference: would.difference,
        act: Act::Apply(asked.files),
    };
    approvals::propose(&admin, &person, new).await
}

/// `POST /admin/v1/rollback`: the same.
pub(super) async fn rollback(
    State(admin): State<Arc<Admin>>,
    Extension(person): Extension<Person>,
    Asked(asked): Asked<Rollback>,
) -> Result<Response, Problem> {
    let author = author(&person, asked.author.as_deref(), asked.reason)?;
    let _turn = admin.turn.lock().await;
    if !approvals::needed(&admin, &person, Deed::Revisions)? {
        let applied = admin.revisions.rollback(asked.number, &author, Some(&admin.live)).await?;
        return Ok(Json(done(&applied)).into_response());
    }
    let would = admin.revisions.preview_rollback(asked.number).await?;
    let new = New {
        deed: Deed::Revisions,
        what: format!("a rollback to revision {}", asked.number),
        reason: &author.reason,
        difference: would.difference,
        act: Act::Rollback(asked.number),
    };
    approvals::propose(&admin, &person, new).await
}

/// The files of a body, path to base64.
pub(super) fn folder(files: BTreeMap<String, String>) -> Result<Folder, Problem> {
    let mut folder = Folder::default();
    for (path, text) in files {
        let decoded = STANDARD.decode(text);
        let bytes = decoded.map_err(|_| Problem::malformed(format!("file `{path}` is not base64")))?;
        folder.files.insert(path, bytes.into());
    }
    let faults = folder.faults();
    if faults.is_empty() { Ok(folder) } else { Err(revisions::NotApplied::Errors(faults).into()) }
}

/// A revision may have no reason, as ever; who makes it is known.
fn author(person: &Person, said: Option<&str>, reason: String) -> Result<Author, Problem> {
    if said.is_some_and(|said| said.len() > LONGEST) || reason.len() > LONGEST {
        return Err(Problem::malformed(format!("`author` and `reason` have at most {LONGEST} bytes")));
    }
    Ok(Author::alone(person.signs(said), reason))
}

/// What was made, as it is answered.
pub(super) fn done(applied: &Applied) -> Value {
    json!({ "number": applied.number, "difference": applied.difference })
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
