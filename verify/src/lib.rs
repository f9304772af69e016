//! Checks what a gateway proved, for whoever does not trust it: no network, no store, no clock, only files and public keys.
//! Ends with 0 where everything fits, 65 where something does not (it is named), 66 where a file is not there, 64 for a word that it
//! does not know.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use icjs_proof::books::{Book, NotABook};
use icjs_proof::log::{self, Folder};
use icjs_proof::note::{Checkpoint, Key};
use icjs_proof::receipt::{self, Claims};
use icjs_proof::steps::{Step, Steps};
use serde_json::Value;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// 0, 64, 65 or 66.
    pub code: u8,
    /// What is said of it.
    pub text: String,
}

impl Verdict {
    fn wrong(text: impl Into<String>) -> Self {
        Self { code: 65, text: format!("NOT PROVED: {}", text.into()) }
    }

    fn of_file(path: &Path, error: &std::io::Error) -> Self {
        Self { code: 66, text: format!("`{}`: {error}", path.display()) }
    }
}

#[derive(Parser, Debug)]
#[command(
    name = "icjs-verify",
    version,
    about = "Checks receipts, proofs and copies of an evidence log, with public keys alone"
)]
struct Line {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// A receipt: what was accepted from whom and when.
    Receipt {
        #[command(flatten)]
        receipt: ReceiptFiles,
        /// The record's bytes as they were sent.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
    },
    /// The proof of a message: that what the log says of it is in the log, and was so when the checkpoint was signed.
    Proof {
        /// The answer of `GET /v1/messages/{id}/proof`, saved.
        proof: PathBuf,
        #[command(flatten)]
        key: KeyOfLog,
        /// A checkpoint of the same log that somebody else kept: the proof's may not contradict it.
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        #[command(flatten)]
        receipt: Receipts,
    },
    /// The gateway's book of a partner and a day; with the partner's own, where they differ.
    Book {
        /// The answer of `GET /v1/reconciliation/{day}`, saved.
        book: PathBuf,
        /// The gateway's published keys (`/.well-known/jwks.json`), saved.
        #[arg(long, value_name = "FILE")]
        jwks: PathBuf,
        /// The partner's own book.
        #[arg(long, value_name = "FILE")]
        with: Option<PathBuf>,
    },
    /// A copy of the whole log: every leaf, every tile, every checkpoint.
    Log {
        /// The folder with `checkpoint` and `tile/`.
        folder: PathBuf,
        #[command(flatten)]
        key: KeyOfLog,
        /// A checkpoint that was had before, from anywhere.
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        #[command(flatten)]
        receipt: Receipts,
    },
}

#[derive(Args, Debug)]
struct KeyOfLog {
    /// The public key of the log, as `icjs evidence key` prints it, or a file with it.
    #[arg(long, value_name = "KEY")]
    key: String,
}

#[derive(Args, Debug)]
struct ReceiptFiles {
    /// File that holds the receipt, or the whole 202 answer.
    receipt: PathBuf,
    /// The gateway's published keys (`/.well-known/jwks.json`), saved.
    #[arg(long, value_name = "FILE")]
    jwks: PathBuf,
}

#[derive(Args, Debug)]
struct Receipts {
    /// A receipt whose leaf must be there.
    #[arg(long, value_name = "FILE", requires = "jwks")]
    receipt: Vec<PathBuf>,
    /// The gateway's published keys (`/.well-known/jwks.json`), saved.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
}

/// Does what a command line says; the first word is the program's name.
pub fn run(words: impl IntoIterator<Item = OsString>) -> Verdict {
    let line = match Line::try_parse_from(words) {
        Ok(line) => line,
        Err(error) => {
            let code = if error.use_stderr() { 64 } else { 0 };
            return Verdict { code, text: error.to_string().trim_end().to_owned() };
        }
    };
    let done = match &line.what {
        What::Receipt { receipt, record } => one_receipt(receipt, record.as_deref()),
        What::Proof { proof, key, checkpoint, receipt } => one_proof(proof, key, checkpoint, receipt),
        What::Book { book, jwks, with } => one_book(book, jwks, with.as_deref()),
        What::Log { folder, key, checkpoint, receipt } => whole_log(folder, key, checkpoint, receipt),
    };
    done.map_or_else(|verdict| verdict, |text| Verdict { code: 0, text: text.trim_end().to_owned() })
}

type Done = Result<String, Verdict>;

fn one_receipt(asked: &ReceiptFiles, record: Option<&Path>) -> Done {
    let record = record.map(read).transpose()?;
    let claims = claims(&asked.receipt, &asked.jwks, record.as_deref())?;
    let with = if record.is_some() { ", and the record is the one that it was given for" } else { "" };
    let Claims { jti, kind, sub, office, accepted_at, sha256, leaf_index, .. } = &claims;
    Ok(format!(
        "the receipt is genuine{with}\nmessage   {jti}\nkind      {kind}\nsender    {sub}\noffice    {office}\naccepted  {accepted_at}\nsha-256   {sha256}\nleaf      {leaf_index}",
    ))
}

fn one_proof(path: &Path, key: &KeyOfLog, kept: &[PathBuf], receipts: &Receipts) -> Done {
    let keys = [key_of(key)?];
    let document = read(path)?;
    let (checkpoint, steps) =
        Steps::check(&document, &keys).map_err(|error| Verdict::wrong(format!("`{}`: {error}", path.display())))?;
    for path in kept {
        let kept = checkpoint_of(path, &keys)?;
        // Of different lengths only the whole log can tell whether one goes on from the other.
        if kept.size == checkpoint.size && kept != checkpoint {
            let what = format!(
                "the log of the proof has {} leaves and another root than `{}`: two histories",
                kept.size,
                path.display()
            );
            return Err(Verdict::wrong(what));
        }
    }
    for path in &receipts.receipt {
        let claims = claims(path, receipts.jwks.as_deref().unwrap_or(Path::new("")), None)?;
        let leaf = steps.iter().find(|step| step.index == claims.leaf_index);
        fits(path, &claims, leaf.map(|step| step.leaf.as_bytes()))?;
    }
    let head = format!("the proof is genuine: {} of {} leaves of {}", steps.len(), checkpoint.size, checkpoint.origin);
    Ok(std::iter::once(head).chain(steps.iter().map(line)).collect::<Vec<_>>().join(
        "
",
    ))
}

fn one_book(path: &Path, jwks: &Path, with: Option<&Path>) -> Done {
    let wrong = |path: &Path, error: NotABook| Verdict::wrong(format!("`{}`: {error}", path.display()));
    let book = Book::check(&read(path)?, &keys_of(jwks)?).map_err(|error| wrong(path, error))?;
    let (count, system, day) = (book.lines.len(), &book.system, &book.day);
    let Some(with) = with else {
        return Ok(format!("the book is genuine: {count} records of {system} and {day}"));
    };
    let theirs = Book::read(&read(with)?).map_err(|error| wrong(with, error))?;
    if (&theirs.system, &theirs.day) != (system, day) {
        let what = format!("`{}` is the book of {} and {}", with.display(), theirs.system, theirs.day);
        return Err(Verdict::wrong(what));
    }
    let found = book.differences(&theirs);
    if found.is_empty() {
        return Ok(format!("the book is genuine, and both have the same {count} records of {system} and {day}"));
    }
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    Err(Verdict::wrong(format!("the books differ in {} records\n{}", lines.len(), lines.join("\n"))))
}

fn whole_log(folder: &Path, key: &KeyOfLog, kept: &[PathBuf], receipts: &Receipts) -> Done {
    let keys = [key_of(key)?];
    let mut known = Vec::new();
    for path in kept {
        known.push(checkpoint_of(path, &keys)?);
    }
    let mut expected = Vec::new();
    for path in &receipts.receipt {
        expected.push((path, claims(path, receipts.jwks.as_deref().unwrap_or(Path::new("")), None)?, false));
    }
    let mut wrong = None;
    let checked = log::check(&Folder::new(folder), &keys, &known, |index, leaf| {
        for (path, claims, found) in expected.iter_mut().filter(|(_, claims, _)| claims.leaf_index == index) {
            *found = true;
            wrong = wrong.take().or_else(|| fits(path, claims, Some(leaf)).err());
        }
    });
    let checked = checked.map_err(|error| match error {
        log::Wrong::Unreadable { .. } | log::Wrong::NoCheckpoint => Verdict { code: 66, text: error.to_string() },
        _ => Verdict::wrong(error.to_string()),
    })?;
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    if let Some((path, claims, _)) = expected.iter().find(|(.., found)| !found) {
        fits(path, claims, None)?;
    }
    Ok(format!("the log is whole: {} leaves of {}, each as it was written", checked.size, checked.origin))
}

/// Whether a leaf is the acceptance that a receipt says.
fn fits(path: &Path, claims: &Claims, leaf: Option<&[u8]>) -> Result<(), Verdict> {
    let (index, path) = (claims.leaf_index, path.display());
    let Some(leaf) = leaf else {
        return Err(Verdict::wrong(format!("`{path}`: its leaf {index} is not there")));
    };
    let leaf: Value = serde_json::from_slice(leaf).unwrap_or_default();
    let says = |name: &str, value: &str| leaf.get(name).and_then(Value::as_str) == Some(value);
    if says("event", "accepted")
        && says("message", &claims.jti)
        && says("kind", &claims.kind)
        && says("office", &claims.office)
    {
        return Ok(());
    }
    Err(Verdict::wrong(format!("`{path}`: leaf {index} is not the acceptance of {}", claims.jti)))
}

fn line(step: &Step) -> String {
    let leaf: Value = serde_json::from_str(&step.leaf).unwrap_or_default();
    let said = |name: &str| leaf.get(name).and_then(Value::as_str).unwrap_or_default();
    let at = moment(leaf.get("time").and_then(Value::as_i64).unwrap_or_default());
    let about = if said("delivery").is_empty() { said("message") } else { said("delivery") };
    format!("leaf {:<8} {at}  {:12} {} {about}", step.index, said("event"), said("office"))
}

/// A moment in milliseconds since 1970, in UTC and in the time of India (IST, UTC+05:30).
fn moment(at: i64) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(at) else { return format!("{at} ms") };
    let india = jiff::tz::Offset::from_seconds(19_800).map(jiff::tz::TimeZone::fixed);
    match india {
        Ok(india) => format!("{at} ({} IST)", at.to_zoned(india).strftime("%d.%m.%Y %H:%M:%S")),
        Err(_) => at.to_string(),
    }
}

fn claims(path: &Path, jwks: &Path, record: Option<&[u8]>) -> Result<Claims, Verdict> {
    let keys = keys_of(jwks)?;
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    receipt::verify(&receipt::compact(&text), &keys, record)
        .map_err(|error| Verdict::wrong(format!("`{}`: {error}", path.display())))
}

fn keys_of(jwks: &Path) -> Result<Value, Verdict> {
    let wrong = |error| Verdict::wrong(format!("`{}` is no JSON Web Key Set: {error}", jwks.display()));
    serde_json::from_slice(&read(jwks)?).map_err(wrong)
}

fn checkpoint_of(path: &Path, keys: &[Key]) -> Result<Checkpoint, Verdict> {
    Checkpoint::read(&read(path)?, keys).map_err(|error| Verdict::wrong(format!("`{}`: {error}", path.display())))
}

fn key_of(log: &KeyOfLog) -> Result<Key, Verdict> {
    let text = &log.key;
    let kept = || std::fs::read_to_string(text).ok().and_then(|text| Key::read(&text));
    Key::read(text).or_else(kept).ok_or_else(|| Verdict {
        code: 64,
        text: format!("`{text}` is no key of a log, nor a file with one: take what `icjs evidence key` prints"),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Verdict> {
    std::fs::read(path).map_err(|error| Verdict::of_file(path, &error))
}
