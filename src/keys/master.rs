//! The master: who opens `keys/store.key`. Without `keys/master.toml` that file is the store's key itself. With it, the file holds
//! the key wrapped by a master that lies elsewhere: in a file, behind a command that prints it, or in a KMS or HSM that never gives
//! it away and is asked by commands to wrap and unwrap. The store's key stays the same, so another master (`rotate`) rewrites one
//! small file and nothing in the store.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{KeyError, write_secret};
use crate::seal::{MasterKey, StoreKey};

/// The file of the store's key, in `keys/`.
pub const STORE_KEY: &str = "store.key";
/// Who opens it.
pub const MASTER: &str = "master.toml";
/// Who shall open it after the next `rotate`.
pub const NEXT: &str = "master.next.toml";

/// How a file begins that holds a wrapped key.
const WRAPPED: &str = "icjs-store-key 1 ";
/// Bytes that a command may print.
const ANSWER: u64 = 64 * 1024;
/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The form of the two files.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    /// The store's key lies in `store.key` as it is.
    #[serde(default)]
    plain: bool,
    /// A file of 64 hex digits; relative to `keys/`.
    file: Option<PathBuf>,
    /// Program and arguments; it prints 64 hex digits.
    command: Option<Vec<String>>,
    /// Program and arguments; it reads the key (64 hex digits) and prints it wrapped, as text.
    wrap: Option<Vec<String>>,
    /// Program and arguments; it reads what `wrap` printed and prints the key.
    unwrap: Option<Vec<String>>,
}

/// A master.
#[derive(Debug)]
enum Master {
    Plain,
    File(PathBuf),
    Command(Vec<String>),
    Kms { wrap: Vec<String>, unwrap: Vec<String> },
}

/// Why a master does not serve, for its operator: without a path, which the caller knows, and without anything secret.
type Reason = String;

impl Master {
    fn read(keys: &Path, name: &str) -> Result<Option<Self>, KeyError> {
        let path = keys.join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(KeyError::File { path, source }),
        };
        match Self::parse(&text, keys) {
            Ok(master) => Ok(Some(master)),
            Err(reason) => Err(KeyError::Described { path, reason }),
        }
    }

    fn parse(text: &str, keys: &Path) -> Result<Self, Reason> {
        let described: Described = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let empty = |words: &Option<Vec<String>>| words.as_ref().is_some_and(Vec::is_empty);
        if empty(&described.command) || empty(&described.wrap) || empty(&described.unwrap) {
            return Err("a command needs a program: [\"program\", \"argument\"]".to_owned());
        }
        match described {
            Described { plain: true, file: None, command: None, wrap: None, unwrap: None } => Ok(Self::Plain),
            Described { plain: false, file: Some(file), command: None, wrap: None, unwrap: None } => {
                Ok(Self::File(keys.join(file)))
            }
            Described { plain: false, file: None, command: Some(command), wrap: None, unwrap: None } => {
                Ok(Self::Command(command))
            }
            Described { plain: false, file: None, command: None, wrap: Some(wrap), unwrap: Some(unwrap) } => {
                Ok(Self::Kms { wrap, unwrap })
            }
            _ => Err("say one of `file`, `command`, `wrap` with `unwrap`, or `plain = true`".to_owned()),
        }
    }

    /// What it does, for people.
    fn name(&self) -> String {
        match self {
            Self::Plain => "nobody: it lies there as it is".to_owned(),
            Self::File(file) => format!("the master in `{}`", file.display()),
            Self::Command(command) => format!("the master that `{}` prints", program(command)),
            Self::Kms { wrap, .. } => format!("whoever `{}` asks", program(wrap)),
        }
    }

    /// The text of `store.key` for the key `secret` (64 hex digits).
    fn close(&self, secret: &str) -> Result<String, Reason> {
        let body = match self {
            Self::Plain => return Ok(secret.to_owned()),
            Self::File(_) | Self::Command(_) => self.local()?.wrap(secret).map_err(|error| error.to_string())?,
            Self::Kms { wrap, .. } => asked(wrap, secret, PATIENCE)?,
        };
        if body.is_empty() || body.contains(secret) {
            return Err(format!("{} does not wrap: it gave nothing, or the key itself", self.name()));
        }
        Ok(format!("{WRAPPED}{body}\n"))
    }

    /// The key in what `close` made, after its head.
    fn open(&self, body: &str) -> Result<String, Reason> {
        let secret = match self {
            Self::Plain => return Err("it is wrapped, and this says that it is not".to_owned()),
            Self::File(_) | Self::Command(_) => {
                self.local()?.unwrap(body).map_err(|_| format!("{} is not the one that wrapped it", self.name()))?
            }
            Self::Kms { unwrap, .. } => asked(unwrap, body, PATIENCE)?,
        };
        match StoreKey::from_hex(&secret) {
            Ok(_) => Ok(secret),
            Err(_) => Err(format!("{} gave no key of 64 hex digits", self.name())),
        }
    }

    /// The master itself, where it can be had.
    fn local(&self) -> Result<MasterKey, Reason> {
        let text = match self {
            Self::File(file) => {
                fs::read_to_string(file).map_err(|error| format!("`{}` cannot be read: {error}", file.display()))?
            }
            Self::Command(command) => asked(command, "", PATIENCE)?,
            Self::Plain | Self::Kms { .. } => return Err("it gives no master".to_owned()),
        };
        MasterKey::from_hex(&text).map_err(|_| format!("{} has not the form of 64 hex digits", self.name()))
    }
}

/// The text of the store's key of the folder `keys`, opened; `None`: there is none yet.
pub(super) fn open(keys: &Path) -> Result<Option<String>, KeyError> {
    let path = keys.join(STORE_KEY);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeyError::File { path, source }),
    };
    let Some(body) = text.strip_prefix(WRAPPED).map(str::trim_end) else { return Ok(Some(text)) };
    let mut why = None;
    // Between the two renames of `rotate` the key is the next master's already.
    for name in [MASTER, NEXT] {
        let Some(master) = Master::read(keys, name)? else { continue };
        match master.open(body) {
            Ok(secret) => return Ok(Some(secret)),
            Err(reason) => drop(why.get_or_insert(reason)),
        }
    }
    let reason = why.unwrap_or_else(|| format!("it is wrapped, and `{MASTER}`, which says who opens it, is missing"));
    Err(KeyError::Master { path, reason })
}

/// Makes the store's key of a new folder; with a master it never lies there open.
pub(super) fn make(keys: &Path) -> Result<String, KeyError> {
    let path = keys.join(STORE_KEY);
    let secret = StoreKey::generate_hex().map_err(|source| KeyError::Form { path: path.clone(), source })?;
    let master = Master::read(keys, MASTER)?.unwrap_or(Master::Plain);
    let text = master.close(&secret).map_err(|reason| KeyError::Master { path: path.clone(), reason })?;
    write_secret(&path, &text).map_err(|source| KeyError::File { path, source })?;
    Ok(secret)
}

/// Has the store's key of the folder `dir` wrapped by the master of `keys/master.next.toml`, which is then that of
/// `keys/master.toml`; without such a file, by the present master once more (a KMS that has a newer version takes that).
/// Cut short anywhere, the key is opened by one of the two, and the call can be made again. Returns who wraps it now.
pub fn rotate(dir: &Path) -> Result<String, KeyError> {
    let keys = dir.join("keys");
    let path = keys.join(STORE_KEY);
    let file = |source| KeyError::File { path: path.clone(), source };
    let unfit = |reason| KeyError::Master { path: path.clone(), reason };
    let secret = open(&keys)?.ok_or_else(|| file(std::io::ErrorKind::NotFound.into()))?;
    let secret = secret.trim();
    StoreKey::from_hex(secret).map_err(|source| KeyError::Form { path: path.clone(), source })?;
    let next = Master::read(&keys, NEXT)?;
    let moves = next.is_some();
    let Some(master) = next.map_or_else(|| Master::read(&keys, MASTER), |next| Ok(Some(next)))? else {
        return Err(KeyError::Described {
            path: keys.join(NEXT),
            reason: "it says who is the next, and is missing".to_owned(),
        });
    };
    let text = master.close(secret).map_err(unfit)?;
    // The old text goes only once the new one was seen to open.
    if let Some(body) = text.strip_prefix(WRAPPED) {
        let again = master.open(body.trim_end()).map_err(unfit)?;
        if again.trim() != secret {
            return Err(unfit(format!("{} does not give back what it wrapped", master.name())));
        }
    }
    let mut old = OpenOptions::new().write(true).open(&path).map_err(file)?;
    write_secret(&path, &text).map_err(file)?;
    if moves {
        let renamed = fs::rename(keys.join(NEXT), keys.join(MASTER)).and_then(|()| fs::File::open(&keys)?.sync_all());
        renamed.map_err(|source| KeyError::File { path: keys.join(MASTER), source })?;
    }
    // What lay there before has no name any more; its bytes may be an open key.
    overwrite(&mut old).map_err(file)?;
    Ok(master.name())
}

fn overwrite(file: &mut fs::File) -> std::io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.rewind()?;
    file.write_all(&vec![0; length])?;
    file.sync_all()
}

fn program(command: &[String]) -> &str {
    command.first().map_or("", String::as_str)
}

/// What a command prints, trimmed. What it says as an error goes where the gateway's own words go.
fn asked(command: &[String], input: &str, patience: Duration) -> Result<String, Reason> {
    let name = program(command);
    let mut child = Command::new(name)
        .args(command.get(1..).unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{name}` cannot be run: {error}"))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let input = input.to_owned();
    // It may read late, print early, or do neither; whoever waits for it does so with a clock in hand.
    let told = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let (give, given) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = stdout.map(|stdout| stdout.take(ANSWER).read_to_string(&mut answer));
        // Nobody waits any more where the command took too long.
        drop(give.send(read.is_some_and(|read| read.is_ok()).then_some(answer)));
    });
    let until = Instant::now() + patience;
    let ended = ended(&mut child, until);
    let late = || format!("`{name}` did not end within {} s", patience.as_secs());
    let status = ended.map_err(|error| format!("`{name}` cannot be waited for: {error}"))?.ok_or_else(late)?;
    // A child of it may hold the pipe open.
    let answer =
        given.recv_timeout(until.saturating_duration_since(Instant::now()) + LOOK_AGAIN).map_err(|_| late())?;
    // One that asks for nothing may leave without reading.
    drop(told);
    if !status.success() {
        return Err(format!("`{name}` failed ({status})"));
    }
    match answer.as_deref().map(str::trim) {
        Some(text) if !text.contains('\n') => Ok(text.to_owned()),
        _ => Err(format!("`{name}` did not print one line of text")),
    }
}

/// How a command ended; `None`: it did not in time, and was stopped.
fn ended(child: &mut Child, until: Instant) -> std::io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests;
