//! Revisions from the command line: through a running gateway's admin API, or on the store itself where none runs.
//! Both ways check the same and store the same; a change on a running gateway is live at once.

use std::sync::Arc;

use serde_json::{Value, json};

use super::configure::{errors, packed, unpacked};
use super::store::unopened;
use crate::clock::{Clock, WallClock};
use crate::config::{Folder, Settings};
use crate::gateway;
use crate::journal::RevisionRow;
use crate::keys::Keys;
use crate::revisions::{Applied, Author, NotApplied};
use crate::shell::client::Answer;
use crate::shell::exit::{Exit, Failure};
use crate::shell::folder::{GatewayFolder, not_ordered};
use crate::shell::output::violations;

/// Who changes the configuration, and why.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// Who, as he says.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Without the second person that is asked for; only on the store of a gateway that does not run.
    pub alone: bool,
}

/// Where revisions are kept: asked of the gateway that runs, or read from the store that nobody has open.
pub(super) enum Revisions {
    /// The gateway of this folder runs.
    Running(GatewayFolder),
    /// None runs.
    Store(Box<crate::revisions::Revisions>),
}

impl Revisions {
    /// The revisions of the gateway of `dir`.
    pub(super) async fn open(dir: &GatewayFolder) -> Result<Self, Failure> {
        if dir.admin("GET", "/admin/v1/counts", None).await?.is_some() {
            return Ok(Self::Running(dir.clone()));
        }
        let settings = Settings::load(dir.path()).map_err(errors)?;
        let keys = Keys::open(dir.path()).map_err(|error| unopened(&error))?;
        let keys = Arc::new(keys);
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let store = gateway::open_store(dir.path(), &settings, &keys, &clock);
        let store = store.await.map_err(|ended| super::serve::failure(&ended))?;
        let revisions = crate::revisions::Revisions::new(store, clock, dir.path(), &keys.store);
        Ok(Self::Store(Box::new(revisions)))
    }

    /// Whether a change is live at once.
    pub(super) fn live(&self) -> bool {
        matches!(self, Self::Running(_))
    }

    /// A revision's number and files; the newest without a number.
    pub(super) async fn files(&self, number: Option<u64>) -> Result<(u64, Folder), Failure> {
        let number = match number {
            Some(number) => number,
            None => self.newest().await?,
        };
        match self {
            Self::Running(dir) => {
                let path = format!("/admin/v1/revisions/{number}");
                let answer =
                    dir.running_admin("GET", &path, None).await.map_err(|failure| no_such(failure, number))?.json();
                Ok((number, unpacked(answer.get("files").unwrap_or(&Value::Null))))
            }
            Self::Store(store) => {
                let row = store.number(number).await.map_err(not_made)?;
                Ok((number, crate::revisions::files(&row).map_err(not_made)?))
            }
        }
    }

    async fn newest(&self) -> Result<u64, Failure> {
        let numbers = self.history().await?;
        let numbers = numbers.iter().filter_map(|revision| revision.get("number").and_then(Value::as_u64));
        let none = || {
            Failure::new(Exit::NoInput, "the store has no revision yet", "`icjs apply` or the first start makes one")
        };
        numbers.max().ok_or_else(none)
    }

    /// All revisions, newest first, without files.
    pub(super) async fn history(&self) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Running(dir) => {
                let answer = dir.running_admin("GET", "/admin/v1/revisions", None).await?.json();
                Ok(answer.get("revisions").or(Some(&answer)).and_then(Value::as_array).cloned().unwrap_or_default())
            }
            Self::Store(store) => Ok(store.history().await.map_err(not_made)?.iter().map(row).collect()),
        }
    }

    /// Makes a folder the newest revision.
    pub(super) async fn add(&self, change: &Change, folder: Folder) -> Result<Value, Failure> {
        match self {
            Self::Running(dir) => {
                let Change { author, reason, .. } = change.with_others()?;
                let body = json!({ "author": author, "reason": reason, "files": packed(&folder) });
                order(dir, "/admin/v1/revisions", &body).await
            }
            Self::Store(store) => {
                let author = change.on(store).await?;
                Ok(applied(&store.apply(folder, &author, None).await.map_err(not_made)?))
            }
        }
    }

    /// Makes an old revision the newest.
    pub(super) async fn rollback(&self, number: u64, change: &Change) -> Result<Value, Failure> {
        match self {
            Self::Running(dir) => {
                let Change { author, reason, .. } = change.with_others()?;
                let body = json!({ "number": number, "author": author, "reason": reason });
                order(dir, "/admin/v1/rollback", &body).await.map_err(|failure| no_such(failure, number))
            }
            Self::Store(store) => {
                let author = change.on(store).await?;
                Ok(applied(&store.rollback(number, &author, None).await.map_err(not_made)?))
            }
        }
    }
}

impl Change {
    fn with_others(&self) -> Result<&Self, Failure> {
        if self.alone {
            let advice = "leave it out: the gateway says whether it needs a second person";
            return Err(Failure::new(Exit::Usage, "`--alone` is for a gateway that does not run", advice));
        }
        Ok(self)
    }

    /// As whom the owner of a store changes it: whoever has the disk can, and is asked to say so where two are asked for.
    async fn on(&self, store: &crate::revisions::Revisions) -> Result<Author, Failure> {
        let name = match store.one_is_enough().await {
            Err(NotApplied::NeedsTwo(_)) if self.alone => format!("{} (owner, alone)", self.author),
            other => other.map(|()| self.author.clone()).map_err(not_made)?,
        };
        Ok(Author::alone(name, self.reason.as_str()))
    }
}

fn applied(applied: &Applied) -> Value {
    json!({ "number": applied.number, "difference": applied.difference })
}

fn row(row: &RevisionRow) -> Value {
    let revision = &row.revision;
    json!({ "number": row.number, "author": revision.author, "reason": revision.reason, "at": revision.at.to_string(),
        "difference": revision.difference, "oldest_binary": revision.oldest_binary })
}

async fn order(dir: &GatewayFolder, path: &str, body: &Value) -> Result<Value, Failure> {
    let answer = dir.admin("POST", path, Some(body)).await?;
    let answer =
        answer.ok_or_else(|| Failure::new(Exit::Unreachable, "the gateway went away", "start it and try again"))?;
    if answer.good() { Ok(answer.json()) } else { Err(not_applied(&answer)) }
}

fn not_applied(answer: &Answer) -> Failure {
    if answer.status != 422 {
        return not_ordered(answer);
    }
    let problem = answer.json();
    let what = "the gateway refused the configuration; nothing was changed";
    let mut failure = Failure::new(Exit::Configuration, what, "mend the places named above").with(violations(&problem));
    failure.problem = Some(Box::new(problem));
    failure
}

/// What the store's own revisions say, with the exit code that it means.
fn not_made(error: NotApplied) -> Failure {
    match error {
        NotApplied::Errors(list) => errors(list),
        NotApplied::NoSuchRevision(number) => unknown(number),
        NotApplied::NeedsTwo(_) => {
            let advice =
                "start the gateway, propose it there and let another one approve it; where that cannot be, --alone";
            Failure::new(Exit::NotAllowed, error.to_string(), advice)
        }
        NotApplied::NeedsNewer { .. } => Failure::new(Exit::Configuration, error.to_string(), "install that version"),
        NotApplied::Journal(_) | NotApplied::Unreadable { .. } => {
            Failure::new(Exit::Storage, error.to_string(), "check the disk")
        }
    }
}

fn unknown(number: u64) -> Failure {
    Failure::new(Exit::Usage, format!("there is no revision {number}"), "`icjs history` lists them")
}

fn no_such(failure: Failure, number: u64) -> Failure {
    if failure.exit == Exit::Refused && failure.what.contains("404") { unknown(number) } else { failure }
}
