//! The gateway's own keys in `DIR/keys`: of the store, of receipts, of tokens, of pushes, of the evidence log; who opens the first is said in `master`.
//! Missing ones are made, readable by their owner only; one that is there is never replaced. Read `seal` for what they do.

pub mod master;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::seal::{SealError, SigningKey, StoreKey};

const EVIDENCE: &str = "evidence.ed25519";

/// All of them.
#[derive(Debug)]
pub struct Keys {
    /// Wraps the data keys of the store: without it nothing in the store can be read.
    pub store: StoreKey,
    /// Signs receipts.
    pub receipts: SigningKey,
    /// Signs access tokens.
    pub tokens: SigningKey,
    /// Signs pushes.
    pub webhook: SigningKey,
    /// Signs the checkpoints of the evidence log.
    pub evidence: SigningKey,
}

/// Why the keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Reading or writing failed.
    #[error("key file `{path}` cannot be read or made")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no key.
    #[error("key file `{path}` holds no key of the right form; restore it from your backup")]
    Form {
        /// Which.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
    /// A file that says who is the master says nothing usable.
    #[error("`{path}`, which says who wraps the store's key: {reason}")]
    Described {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The store's key is wrapped, and its master does not open it now.
    #[error("key file `{path}` is not opened: {reason}")]
    Master {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Keys {
    /// Reads the keys of the folder `dir`, making those that are missing.
    pub fn open(dir: &Path) -> Result<Self, KeyError> {
        let keys = dir.join("keys");
        // A folder's name is durable once the one above is synced: what is sealed must never outlive the key that opens it.
        let made = fs::create_dir_all(&keys).and_then(|()| fs::File::open(dir)?.sync_all());
        made.map_err(|source| KeyError::File { path: keys.clone(), source })?;
        let store = master::open(&keys)?.map_or_else(|| master::make(&keys), Ok)?;
        let path = keys.join(master::STORE_KEY);
        Ok(Self {
            store: StoreKey::from_hex(&store).map_err(|source| KeyError::Form { path, source })?,
            receipts: signing(&keys, "receipts.ed25519")?,
            tokens: signing(&keys, "tokens.ed25519")?,
            webhook: signing(&keys, "webhook.ed25519")?,
            evidence: signing(&keys, EVIDENCE)?,
        })
    }

    /// The key of the evidence log of the folder `dir`, where it has one already.
    pub fn evidence(dir: &Path) -> Result<Option<SigningKey>, KeyError> {
        let keys = dir.join("keys");
        if keys.join(EVIDENCE).exists() { signing(&keys, EVIDENCE).map(Some) } else { Ok(None) }
    }
}

/// The key of the store of the folder `dir`, where it has one already.
pub fn store(dir: &Path) -> Result<Option<StoreKey>, KeyError> {
    let keys = dir.join("keys");
    let form = |source| KeyError::Form { path: keys.join(master::STORE_KEY), source };
    master::open(&keys)?.map(|text| StoreKey::from_hex(&text).map_err(form)).transpose()
}

fn signing(keys: &Path, name: &str) -> Result<SigningKey, KeyError> {
    let path = keys.join(name);
    let text = read_or_make(&path, || SigningKey::generate()?.to_pem())?;
    SigningKey::from_pem(&text).map_err(|source| KeyError::Form { path, source })
}

fn read_or_make(path: &Path, make: impl FnOnce() -> Result<String, SealError>) -> Result<String, KeyError> {
    let file = |source| KeyError::File { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
            let text = make().map_err(|source| KeyError::Form { path: path.to_owned(), source })?;
            write_secret(path, &text).map_err(file)?;
            Ok(text)
        }
        Err(other) => Err(file(other)),
    }
}

/// Writes a file that only its owner may read, whole or not at all.
pub fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    fs::File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::Keys;

    #[test]
    fn keys_are_made_once_for_their_owner_only_and_read_again_after() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keys::open(dir.path()).unwrap();
        let again = Keys::open(dir.path()).unwrap();
        assert_eq!(first.receipts.public(), again.receipts.public());
        assert_ne!(first.receipts.public(), first.webhook.public());
        for name in ["store.key", "receipts.ed25519", "tokens.ed25519", "webhook.ed25519", "evidence.ed25519"] {
            let mode = std::fs::metadata(dir.path().join("keys").join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_named_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("keys")).unwrap();
        let path = dir.path().join("keys/store.key");
        std::fs::write(&path, "no key").unwrap();
        let error = Keys::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("store.key"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "no key");
    }
}
