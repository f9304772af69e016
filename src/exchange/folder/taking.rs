//! From `drop` to `done` or `failed`: attachments first, then records in the order in which they came, then outcomes.
//! What may pass by itself (a full disk, too much work) leaves the file where it is.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;
use serde_json::{Value, json};

use super::files::{Dropped, Seen, put_away};
use super::{Room, blocking};
use crate::accept::{self, Code, Refusal, Submission};
use crate::exchange::{outcomes, problem};
use crate::journal::{Digest, UploadVerb};
use crate::seal::{self, Sha256};

/// A record or an outcome is read whole; more than this is none.
const LARGEST: u64 = 64 << 20;
/// Attachments are read so much at a time.
const STRIDE: usize = 1 << 20;

impl Room<'_> {
    /// Takes every file that is ready.
    pub(super) async fn take(&self, seen: &mut Seen) -> Result<(), Refusal> {
        let (drop, quiet, now) = (self.root.join("drop"), self.watched.quiet, self.exchange.desk.clock.now());
        let mut known = std::mem::take(seen);
        let (files, known) = blocking(move || Ok((known.ready(&drop, quiet, now)?, known))).await?;
        *seen = known;
        let of = |folder: &'static str| files.iter().filter(move |file| file.folder == folder);
        for file in of("attachments") {
            self.one(file, self.attachment(file).await).await?;
        }
        for file in files.iter().filter(|file| !matches!(file.folder.as_str(), "attachments" | "outcomes")) {
            self.one(file, self.record(file).await).await?;
        }
        for file in of("outcomes") {
            self.one(file, self.outcomes(file).await).await?;
        }
        Ok(())
    }

    /// Puts a file away with what came of it; digest and answer, or digest and refusal. What may pass by itself ends the
    /// look: a later file may be about the same case.
    async fn one(&self, file: &Dropped, came: (String, Result<Vec<u8>, Refusal>)) -> Result<(), Refusal> {
        let (digest, came) = came;
        let (to, word, result) = match came {
            Ok(answer) => ("done", "answer", answer),
            Err(refusal) if !refusal.code.is_the_senders() => return Err(refusal),
            Err(refusal) => {
                crate::telemetry::refused(refusal.code.as_str());
                let problem = problem::problem(refusal);
                ("failed", "problem", serde_json::to_vec_pretty(&problem).unwrap_or_default())
            }
        };
        let (to, moved) = (self.root.join(to), file.clone());
        if let Err(stuck) = blocking(move || put_away(&moved, &to, &digest, word, &result)).await {
            // What came of it is known and stays so: the others go on, and this one is put away at a later look.
            tracing::warn!(system = self.caller.name(), error = %stuck.detail, "a file of a watched folder could not be moved");
        }
        Ok(())
    }

    async fn record(&self, file: &Dropped) -> (String, Result<Vec<u8>, Refusal>) {
        let bytes = match self.read(file).await {
            Ok(bytes) => bytes,
            Err(refusal) => return (String::new(), Err(refusal)),
        };
        let digest = seal::hex(&seal::sha256(&bytes));
        let accepted = self.submit(file, &digest, bytes).await;
        let answer = accepted.map(|accepted| serde_json::to_vec_pretty(&accepted.answer()).unwrap_or_default());
        (digest, answer)
    }

    async fn submit(&self, file: &Dropped, digest: &str, bytes: Bytes) -> Result<accept::Accepted, Refusal> {
        let told = self.watched.kinds.iter().find(|told| told.fits(&file.folder, &file.name));
        let kind = told.map(|told| told.kind.clone()).ok_or_else(|| {
            let detail = "neither the folder nor the name of this file tells its kind; `kinds` of [folder] in the \
                          system's file says how they do";
            Refusal::new(Code::KindUnknown, detail)
        })?;
        let system = self.caller.system()?;
        let dialect = self.caller.revision().dialect(system, &kind);
        let headers = self.headers(file).await?;
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
            actor: header("icjs-actor"),
        };
        let _place = self.exchange.place()?;
        let read = |limit| {
            let fits = bytes.len() <= limit;
            let too_large = || Refusal::new(Code::TooLarge, format!("a record may have {limit} bytes at most"));
            std::future::ready(if fits { Ok(bytes) } else { Err(too_large()) })
        };
        accept::accept(&self.exchange.desk, &self.caller, submission, read).await
    }

    /// What the sidecar says, by lower-case names.
    async fn headers(&self, file: &Dropped) -> Result<BTreeMap<String, String>, Refusal> {
        let path = file.sidecar();
        let text = blocking(move || match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(b"{}".to_vec()),
            read => read,
        })
        .await?;
        let headers: BTreeMap<String, String> = serde_json::from_slice(&text).map_err(|_| {
            let detail =
                "the file of headers beside this one is a JSON object of texts, such as {\"Icjs-Action\": \"correct\"}";
            Refusal::new(Code::MalformedJson, detail)
        })?;
        Ok(headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
    }

    /// The whole file, if it is one and nobody wrote it meanwhile.
    async fn read(&self, file: &Dropped) -> Result<Bytes, Refusal> {
        plain(file)?;
        if file.size > LARGEST {
            let detail = format!("this file has {} bytes; a record that large is none", file.size);
            return Err(Refusal::new(Code::TooLarge, detail));
        }
        let path = file.path.clone();
        let bytes = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
        let bytes = bytes.map_err(|error| Refusal::new(Code::Overloaded, error.to_string()))?;
        let bytes = bytes.map_err(|error| unreadable(&error))?;
        if file.unchanged() && bytes.len() as u64 == file.size {
            return Ok(Bytes::from(bytes));
        }
        Err(Refusal::new(Code::Overloaded, "somebody still writes a file"))
    }

    async fn attachment(&self, file: &Dropped) -> (String, Result<Vec<u8>, Refusal>) {
        match self.store(file).await {
            Ok(digest) => {
                let digest = seal::hex(&digest);
                let answer = json!({ "sha256": digest, "size": file.size, "name": file.name });
                (digest, Ok(serde_json::to_vec_pretty(&answer).unwrap_or_default()))
            }
            Err(refusal) => (String::new(), Err(refusal)),
        }
    }

    async fn store(&self, file: &Dropped) -> Result<Digest, Refusal> {
        plain(file)?;
        let most = self.exchange.desk.settings.limits.attachment;
        if file.size > most {
            return Err(Refusal::new(Code::TooLarge, format!("an attachment may have {most} bytes at most")));
        }
        let path = file.path.clone();
        let digest = tokio::task::spawn_blocking(move || digest(&path)).await;
        let digest = digest.map_err(|error| Refusal::new(Code::Overloaded, error.to_string()))?;
        let digest = digest.map_err(|error| unreadable(&error))?;
        let journal = self.exchange.journal();
        let ask = UploadVerb::Find { system: self.caller.name().to_owned(), digest, given: Vec::new() };
        if journal.upload(ask).await?.rows.iter().any(|row| row.done && row.system == self.caller.name()) {
            return Ok(digest);
        }
        let (uploads, path) = (std::sync::Arc::clone(&self.exchange.uploads), file.path.clone());
        let (key, stored) = blocking(move || {
            let failed = |error: crate::journal::uploads::UploadError| std::io::Error::other(error.to_string());
            let mut writer = uploads.begin().map_err(failed)?;
            let key = writer.key().to_vec();
            each(&path, |bytes| writer.write(bytes).map_err(failed))?;
            Ok((key, writer.finish().map_err(failed)?))
        })
        .await?;
        if stored != digest || !file.unchanged() {
            return Err(Refusal::new(Code::Overloaded, "somebody still writes a file"));
        }
        let (system, at) = (self.caller.name().to_owned(), self.exchange.desk.clock.now());
        journal.upload(UploadVerb::Put { system, digest, offset: file.size, done: true, key, at }).await?;
        Ok(digest)
    }

    /// Outcomes as `POST /v1/feed/ack` takes them.
    async fn outcomes(&self, file: &Dropped) -> (String, Result<Vec<u8>, Refusal>) {
        let bytes = match self.read(file).await {
            Ok(bytes) => bytes,
            Err(refusal) => return (String::new(), Err(refusal)),
        };
        let digest = seal::hex(&seal::sha256(&bytes));
        let told = outcomes::taken(self.exchange, &self.caller, &bytes).await;
        (digest, told.map(|told| serde_json::to_vec_pretty(&told).unwrap_or(Value::Null.to_string().into_bytes())))
    }
}

fn plain(file: &Dropped) -> Result<(), Refusal> {
    if !file.strange {
        return Ok(());
    }
    // A link could name any file that the gateway may read, its keys among them.
    let detail = "this is a link or no file at all; put a plain file there";
    Err(Refusal::new(Code::NotAllowed, detail))
}

fn unreadable(error: &std::io::Error) -> Refusal {
    match error.kind() {
        std::io::ErrorKind::NotFound => Refusal::new(Code::Overloaded, "a file went away"),
        _ => {
            let detail = format!(
                "this file cannot be read ({error}); give the gateway's user the right to it and drop it again"
            );
            Refusal::new(Code::NotAllowed, detail)
        }
    }
}

fn digest(path: &std::path::Path) -> std::io::Result<Digest> {
    let mut digest = Sha256::new();
    each(path, |bytes| {
        digest.update(bytes);
        Ok(())
    })?;
    Ok(digest.finish())
}

fn each(path: &std::path::Path, mut take: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; STRIDE];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        take(buffer.get(..read).unwrap_or_default())?;
    }
}
