//! From `drop` to `done` or `failed`: attachments first, then records in the order in which they came, then outcomes.
//! What may pass by itself (a full disk, too much work) leaves the file where it is and ends the look; a file that somebody
//! still writes waits alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Seek};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::files::{Dropped, Found, Opened, Seen, put_away};
use super::guarded::Shelf;
use super::{Room, blocking};
use crate::accept::{self, Code, Refusal, Submission};
use crate::config::officers::Duty;
use crate::doors;
use crate::exchange::{outcomes, problem};
use crate::journal::{Digest, UploadVerb};
use crate::officers::Officer;
use crate::seal::{self, Sha256};

/// A record or an outcome is read whole; more than this is none.
const LARGEST: u64 = 64 << 20;
/// The file of headers beside a record has less than this.
const HEADERS: usize = 64 << 10;
/// Attachments are read so much at a time.
const STRIDE: usize = 1 << 20;

/// Why a file was not accepted.
enum Not {
    /// Somebody still writes it: another look.
    Yet,
    /// Refused, or what may pass by itself.
    Accepted(Refusal),
}

impl From<Refusal> for Not {
    fn from(refusal: Refusal) -> Self {
        Self::Accepted(refusal)
    }
}

impl Room {
    /// Takes every file that is ready.
    pub(super) async fn take(&self, seen: &mut Seen) -> Result<(), Refusal> {
        let (root, quiet, now) = (self.root.clone(), self.watched.quiet, self.exchange.desk.clock.now());
        let mut known = std::mem::take(seen);
        let looked = blocking(move || {
            let found = known.ready(&root, quiet, now);
            Ok((found, known))
        });
        let (found, known) = looked.await?;
        *seen = known;
        let found = found.map_err(|error| Refusal::new(Code::Overloaded, error.to_string()))?;
        self.point_out(&found).await?;
        let of = |folder: &'static str| found.files.iter().filter(move |file| file.folder == folder);
        // What is not begun when the gateway ends is taken by the next one.
        let goes_on = |_: &&Dropped| !self.stopping();
        for file in of("attachments").take_while(goes_on) {
            self.one(file, self.attachment(file).await).await?;
        }
        let records = found.files.iter().filter(|file| !matches!(file.folder.as_str(), "attachments" | "outcomes"));
        for file in records.take_while(goes_on) {
            self.one(file, self.record(file).await).await?;
        }
        for file in of("outcomes").take_while(goes_on) {
            self.one(file, self.outcomes(file).await).await?;
        }
        Ok(())
    }

    /// What lies in `drop` and is never taken is said: to the system beside its refused files, to the operator in the log.
    async fn point_out(&self, found: &Found) -> Result<(), Refusal> {
        for (folder, error) in &found.closed {
            let system = self.caller.name();
            tracing::warn!(system, folder, error = %error, "a subfolder of a watched folder cannot be listed; give the gateway's user the right to it");
        }
        for (folder, name) in &found.nested {
            let detail = "this is a folder, and nobody looks into it; put plain files where it lies";
            let problem = problem::problem(Refusal::new(Code::NotAllowed, detail));
            let text = serde_json::to_vec_pretty(&problem).unwrap_or_default();
            let (root, folder, name) = (self.root.clone(), format!("failed/{folder}"), format!("{name}.problem.json"));
            blocking(move || {
                let shelf = Shelf::made(&root, &folder)?;
                if shelf.has(&name) { Ok(()) } else { shelf.put(&name, &text) }
            })
            .await?;
        }
        Ok(())
    }

    /// Puts a file away with what came of it; digest and answer, or digest and refusal. What may pass by itself ends the
    /// look: a later file may be about the same case.
    async fn one(&self, file: &Dropped, came: (String, Result<Vec<u8>, Not>)) -> Result<(), Refusal> {
        let (digest, came) = came;
        let (to, word, result) = match came {
            Ok(answer) => ("done", "answer", answer),
            Err(Not::Yet) => return Ok(()),
            Err(Not::Accepted(refusal)) if !refusal.code.is_the_senders() => return Err(refusal),
            Err(Not::Accepted(refusal)) => {
                crate::telemetry::refused(refusal.code.as_str());
                let problem = problem::problem(refusal);
                ("failed", "problem", serde_json::to_vec_pretty(&problem).unwrap_or_default())
            }
        };
        let (root, moved) = (self.root.clone(), file.clone());
        if let Err(stuck) = blocking(move || put_away(&root, &moved, to, &digest, word, &result)).await {
            // What came of it is known and stays so: the others go on, and this one is put away at a later look.
            tracing::warn!(system = self.caller.name(), error = %stuck.detail, "a file of a watched folder could not be moved");
        }
        Ok(())
    }

    async fn record(&self, file: &Dropped) -> (String, Result<Vec<u8>, Not>) {
        let bytes = match self.read(file).await {
            Ok(bytes) => bytes,
            Err(not) => return (file.unread(), Err(not)),
        };
        let digest = seal::hex(&seal::sha256(&bytes));
        let accepted = self.submit(file, &digest, bytes).await;
        let answer = accepted.map(|accepted| serde_json::to_vec_pretty(&accepted.answer()).unwrap_or_default());
        (digest, answer)
    }

    async fn submit(&self, file: &Dropped, digest: &str, bytes: Bytes) -> Result<accept::Accepted, Not> {
        let told = self.watched.kinds.iter().find(|told| told.fits(&file.folder, &file.name));
        let kind = told.map(|told| told.kind.clone()).ok_or_else(|| {
            let detail = "neither the folder nor the name of this file tells its kind; `kinds` of [folder] in the \
                          system's file says how they do";
            Refusal::new(Code::KindUnknown, detail)
        })?;
        let system = self.caller.system().map_err(Refusal::from)?;
        let dialect = self.caller.revision().dialect(system, &kind);
        let headers = self.headers(file, digest).await?;
        let header = |name: &str| headers.get(name).cloned();
        // The same file under the same name is the same submission; a copy under another name is another one.
        let name = seal::hex(&seal::sha256(format!("{}/{}\n{digest}", file.folder, file.name).as_bytes()));
        let submission = Submission {
            kind,
            media_type: dialect.map(|dialect| dialect.codec.media_type().to_owned()),
            idempotency_key: header("idempotency-key").or(Some(format!("file-{name}"))),
            office: header("icjs-office"),
            action: header("icjs-action"),
            replaces: header("icjs-replaces"),
            reason: header("icjs-reason"),
            actor: self.officer(&headers),
            bulk: false,
        };
        let _place = self.exchange.place()?;
        let read = |limit| {
            let fits = bytes.len() <= limit;
            let too_large = || Refusal::new(Code::TooLarge, format!("a record may have {limit} bytes at most"));
            std::future::ready(if fits { Ok(bytes) } else { Err(too_large()) })
        };
        Ok(accept::accept(&self.exchange.desk, &self.caller, submission, read).await?)
    }

    /// The officer whom the sidecar names.
    fn officer(&self, headers: &BTreeMap<String, String>) -> Result<Option<Officer>, Refusal> {
        self.exchange.officer(&self.caller, headers.get("icjs-actor").map(|text| text.trim()), Duty::Send)
    }

    /// What the sidecar says, by lower-case names.
    async fn headers(&self, file: &Dropped, digest: &str) -> Result<BTreeMap<String, String>, Not> {
        let (root, file, digest) = (self.root.clone(), file.clone(), digest.to_owned());
        let text = self.opened(move || file.headers(&root, &digest)).await?;
        let headers: BTreeMap<String, String> =
            doors::json::read(text.as_deref().unwrap_or(b"{}"), &doors::json::limits(HEADERS)).map_err(|_| {
                let detail = "the file of headers beside this one is a JSON object of texts, such as {\"Icjs-Action\": \
                              \"correct\"}";
                Refusal::new(Code::MalformedJson, detail)
            })?;
        Ok(headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
    }

    /// The whole file, if it is one and nobody wrote it meanwhile.
    async fn read(&self, file: &Dropped) -> Result<Bytes, Not> {
        plain(file)?;
        if file.size > LARGEST {
            let detail = format!("this file has {} bytes; a record that large is none", file.size);
            return Err(Refusal::new(Code::TooLarge, detail).into());
        }
        let (root, file) = (self.root.clone(), file.clone());
        Ok(Bytes::from(self.opened(move || file.read(&root)).await?))
    }

    /// What `work` read, or why nothing was read.
    async fn opened<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<Opened<T>> + Send + 'static,
    ) -> Result<T, Not> {
        let opened = tokio::task::spawn_blocking(work).await;
        match opened.map_err(|error| Refusal::new(Code::Overloaded, error.to_string()))? {
            Ok(Opened::Whole(whole)) => Ok(whole),
            Ok(Opened::Changed) => Err(Not::Yet),
            Ok(Opened::Strange) => Err(strange().into()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(forbidden().into()),
            Err(error) => {
                let system = self.caller.name();
                tracing::warn!(system, error = %error, "a file of a watched folder could not be read; it is tried again");
                Err(Not::Yet)
            }
        }
    }

    async fn attachment(&self, file: &Dropped) -> (String, Result<Vec<u8>, Not>) {
        match self.store(file).await {
            Ok(digest) => {
                let digest = seal::hex(&digest);
                let answer = json!({ "sha256": digest, "size": file.size, "name": file.name });
                (digest, Ok(serde_json::to_vec_pretty(&answer).unwrap_or_default()))
            }
            Err(not) => (file.unread(), Err(not)),
        }
    }

    async fn store(&self, file: &Dropped) -> Result<Digest, Not> {
        plain(file)?;
        let most = self.exchange.desk.settings.limits.attachment;
        if file.size > most {
            return Err(Refusal::new(Code::TooLarge, format!("an attachment may have {most} bytes at most")).into());
        }
        let (root, listed) = (self.root.clone(), file.clone());
        let (open, digest) = self
            .opened(move || {
                listed.open(&root)?.read(|mut open| {
                    let digest = digest(&mut open, listed.size)?;
                    Ok(Opened::Whole((open, digest)))
                })
            })
            .await?;
        let journal = self.exchange.journal();
        let ask = UploadVerb::Find { system: self.caller.name().to_owned(), digest, given: Vec::new() };
        if journal
            .upload(ask)
            .await
            .map_err(Refusal::from)?
            .rows
            .iter()
            .any(|row| row.done && row.system == self.caller.name())
        {
            return Ok(digest);
        }
        let (uploads, listed) = (Arc::clone(&self.exchange.uploads), file.clone());
        let kept = blocking(move || keep(&uploads, &listed, open, digest)).await?;
        let key = kept.ok_or(Not::Yet)?;
        let (system, at) = (self.caller.name().to_owned(), self.exchange.desk.clock.now());
        let put = UploadVerb::Put { system, digest, offset: file.size, done: true, key, at };
        journal.upload(put).await.map_err(Refusal::from)?;
        Ok(digest)
    }

    async fn told(&self, file: &Dropped, digest: &str, bytes: &[u8]) -> Result<outcomes::Acknowledged, Not> {
        let officer = self.officer(&self.headers(file, digest).await?)?;
        Ok(outcomes::taken(&self.exchange, &self.caller, officer, bytes).await?)
    }

    /// Outcomes as `POST /v1/feed/ack` takes them.
    async fn outcomes(&self, file: &Dropped) -> (String, Result<Vec<u8>, Not>) {
        let bytes = match self.read(file).await {
            Ok(bytes) => bytes,
            Err(not) => return (file.unread(), Err(not)),
        };
        let digest = seal::hex(&seal::sha256(&bytes));
        let told = self.told(file, &digest, &bytes).await;
        (digest, told.map(|told| serde_json::to_vec_pretty(&told).unwrap_or(Value::Null.to_string().into_bytes())))
    }
}

fn plain(file: &Dropped) -> Result<(), Refusal> {
    if file.strange { Err(strange()) } else { Ok(()) }
}

/// A link could name any file that the gateway may read, its keys among them.
fn strange() -> Refusal {
    let detail = "this file, or the file of headers beside it, is a link, a folder or no file at all, or the headers are \
                  larger than any headers; put plain files there";
    Refusal::new(Code::NotAllowed, detail)
}

fn forbidden() -> Refusal {
    let detail = "this file, or the file of headers beside it, may not be read; give the gateway's user the right to it and \
                  drop it again";
    Refusal::new(Code::NotAllowed, detail)
}

/// Copies an open file into the attachment store; its key there, or nothing where it is not the file that was read before.
fn keep(
    uploads: &crate::journal::uploads::Uploads,
    listed: &Dropped,
    mut open: File,
    digest: Digest,
) -> std::io::Result<Option<Vec<u8>>> {
    let failed = |error: crate::journal::uploads::UploadError| Error::other(error.to_string());
    let mut writer = uploads.begin().map_err(failed)?;
    let key = writer.key().to_vec();
    open.rewind()?;
    each(&mut open, listed.size, |bytes| writer.write(bytes).map_err(failed))?;
    let stored = writer.finish().map_err(failed)?;
    Ok((stored == digest && listed.is(&open.metadata()?)).then_some(key))
}

fn digest(file: &mut File, size: u64) -> std::io::Result<Digest> {
    let mut digest = Sha256::new();
    each(file, size, |bytes| {
        digest.update(bytes);
        Ok(())
    })?;
    Ok(digest.finish())
}

/// So much of a file as it had when it was listed: one that grows while it is read does not grow for ever here.
fn each(file: &mut File, size: u64, mut take: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut file = file.take(size);
    let mut buffer = vec![0; STRIDE];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        take(buffer.get(..read).unwrap_or_default())?;
    }
}
