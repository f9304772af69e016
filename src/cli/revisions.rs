//! Revisions from the command line: through a running gateway's admin API, or on the store itself where none runs.
//! Both ways check the same and store the same; a change on a running gateway is live at once.

use serde_json::{Value, json};

use super::configure::{packed, unpacked};
use crate::config::Folder;
use crate::shell::client::{Answer, refused};
use crate::shell::exit::{Exit, Failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::violations;

/// A configuration that is to become a revision.
pub(super) struct Offer<'a> {
    /// Who.
    pub author: &'a str,
    /// Why.
    pub reason: &'a str,
    /// What.
    pub folder: Folder,
}

/// Where revisions are kept.
pub(super) struct Revisions {
    dir: GatewayFolder,
}

impl Revisions {
    /// The revisions of the gateway of `dir`.
    pub(super) async fn open(dir: &GatewayFolder) -> Result<Self, Failure> {
        dir.addresses()?;
        Ok(Self { dir: dir.clone() })
    }

    /// Whether a change is live at once.
    pub(super) fn live(&self) -> bool {
        true
    }

    /// A folder in the form in which revisions keep it, for comparison.
    pub(super) fn comparable(&self, folder: Folder) -> Folder {
        folder
    }

    /// A revision's number and files; the newest without a number.
    pub(super) async fn files(&self, number: Option<u64>) -> Result<(u64, Folder), Failure> {
        let number = match number {
            Some(number) => number,
            None => self.newest().await?,
        };
        let path = format!("/admin/v1/revisions/{number}");
        let answer =
            self.dir.running_admin("GET", &path, None).await.map_err(|failure| no_such(failure, number))?.json();
        Ok((number, unpacked(answer.get("files").unwrap_or(&Value::Null))))
    }

    async fn newest(&self) -> Result<u64, Failure> {
        let numbers = self.history().await?;
        let numbers = numbers.iter().filter_map(|revision| revision.get("number").and_then(Value::as_u64));
        numbers.max().ok_or_else(|| Failure::new(Exit::Bug, "the gateway has no revision", "report this"))
    }

    /// All revisions, newest first, without files.
    pub(super) async fn history(&self) -> Result<Vec<Value>, Failure> {
        let answer = self.dir.running_admin("GET", "/admin/v1/revisions", None).await?.json();
        let list = answer.get("revisions").or(Some(&answer)).and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(list)
    }

    /// Makes a folder the newest revision.
    pub(super) async fn add(&self, offer: Offer<'_>) -> Result<Value, Failure> {
        let body = json!({ "author": offer.author, "reason": offer.reason, "files": packed(&offer.folder) });
        self.order("/admin/v1/revisions", &body).await
    }

    /// Makes an old revision the newest.
    pub(super) async fn rollback(&self, number: u64, author: &str, reason: &str) -> Result<Value, Failure> {
        let body = json!({ "number": number, "author": author, "reason": reason });
        self.order("/admin/v1/rollback", &body).await.map_err(|failure| no_such(failure, number))
    }

    async fn order(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let answer = self.dir.admin("POST", path, Some(body)).await?;
        let answer =
            answer.ok_or_else(|| Failure::new(Exit::Unreachable, "the gateway went away", "start it and try again"))?;
        if answer.good() { Ok(answer.json()) } else { Err(not_applied(&answer)) }
    }
}

fn not_applied(answer: &Answer) -> Failure {
    if answer.status != 422 {
        return refused(answer);
    }
    let problem = answer.json();
    let what = "the gateway refused the configuration; nothing was changed";
    let mut failure = Failure::new(Exit::Configuration, what, "mend the places named above").with(violations(&problem));
    failure.problem = Some(problem);
    failure
}

fn no_such(failure: Failure, number: u64) -> Failure {
    if failure.exit == Exit::Refused && failure.what.contains("404") {
        return Failure::new(Exit::Usage, format!("there is no revision {number}"), "`icjs history` lists them");
    }
    failure
}
