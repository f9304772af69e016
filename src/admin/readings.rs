//! Who was given personal data, by which call and what for: asked by the owner of the folder.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde_json::{Value, json};

use super::person::Person;
use super::{Admin, Problem};
use crate::clock::Timestamp;
use crate::identifiers::CaseKey;
use crate::journal::{Reading, ReadingFilter, ReadingVerb};

/// Lines of a list at most, and where the caller does not say.
const MOST: usize = 500;
const USUAL: usize = 100;

/// Notes what one of the centre is about to be given. What cannot be noted is not given.
pub(super) async fn note(
    admin: &Admin,
    person: &Person,
    call: &str,
    case: Option<String>,
    messages: Vec<String>,
) -> Result<(), Problem> {
    let at = admin.clock.now().millis();
    let officer = Some(person.name().to_owned());
    let reading = Reading { at, officer, call: call.to_owned(), case, messages, ..Reading::default() };
    admin.journal.reading(ReadingVerb::Note(Box::new(reading))).await?;
    Ok(())
}

/// `GET /admin/v1/readings?system=&officer=&reader=&case=&since=&before=&limit=`: newest first; `before` is `next` of the page before.
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let known = ["system", "officer", "reader", "case", "since", "before", "limit"];
    if let Some(other) = query.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Problem::malformed(format!("there is no `{other}`; the parameters are `{}`", known.join("`, `"))));
    }
    let given = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let number = |name: &str| {
        given(name).map(|text| text.parse::<u64>().map_err(|_| Problem::malformed(format!("`{name}` is no number"))))
    };
    let case = given("case").map(|text| {
        let key = CaseKey::read(text)
            .ok_or_else(|| Problem::malformed("`case` is a case number such as `cnr/DLCT010001232026`"))?;
        Ok::<_, Problem>(key.to_string())
    });
    let since = given("since")
        .map(|text| Timestamp::parse(text).ok_or_else(|| Problem::malformed("`since` is RFC 3339 with an offset")));
    let limit = number("limit").transpose()?.map_or(USUAL, |limit| usize::try_from(limit).unwrap_or(MOST));
    let filter = ReadingFilter {
        system: given("system").cloned(),
        officer: given("officer").cloned(),
        reader: given("reader").cloned(),
        case: case.transpose()?,
        since: since.transpose()?,
        before: number("before").transpose()?,
        limit: limit.clamp(1, MOST),
    };
    let found = admin.journal.reading(ReadingVerb::List(filter)).await?;
    let rows: Vec<Value> = found.rows.iter().map(|(number, reading)| line(*number, reading)).collect();
    Ok(Json(json!({ "readings": rows, "next": found.next })))
}

fn line(number: u64, reading: &Reading) -> Value {
    json!({
        "number": number,
        "at": Timestamp::from_millis(reading.at).to_string(),
        "system": reading.system,
        "officer": reading.officer,
        "offices": reading.offices,
        "call": reading.call,
        "purpose": reading.purpose,
        "ground": reading.ground,
        "case": reading.case,
        "attachment": reading.attachment,
        "messages": reading.messages,
        "count": reading.messages.len(),
    })
}
