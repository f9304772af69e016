//! The files of a configuration: read from a directory, taken from the binary, laid over one another, and packed for the store.
//! Never touches `data/` nor a private key: of `keys/` only `*.jwks.json` (public keys) belongs to a configuration.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rust_embed::RustEmbed;

use super::ConfigError;

/// All files of one configuration together, and every packed form of it that is read back. Generous: the shipped
/// content is under 2 MiB.
pub const MAX_FOLDER_BYTES: usize = 64 << 20;

/// How deep folders may lie in one another.
const MAX_FOLDER_DEPTH: usize = 8;

/// The parts of a run-time folder that are configuration.
const PARTS: [&str; 4] = ["config", "adapters", "schemas", "mappings"];

/// The files of a configuration, by path relative to the folder, such as `config/routes.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Path to contents. What the binary ships lies in the binary, and takes no memory of its own.
    pub files: BTreeMap<String, Bytes>,
}

#[derive(RustEmbed)]
#[folder = "adapters/"]
struct Adapters;

#[derive(RustEmbed)]
#[folder = "schemas/"]
#[allow_missing = true]
struct Schemas;

#[derive(RustEmbed)]
#[folder = "mappings/"]
#[allow_missing = true]
struct Mappings;

#[derive(RustEmbed)]
#[folder = "config/"]
struct Defaults;

impl Folder {
    /// Reads `config/`, `adapters/`, `schemas/`, `mappings/` and `keys/*.jwks.json` under `dir`. A part that is not there
    /// is empty. `config/gateway.toml` is left out: it belongs to the node (`Settings`), as do `config/examples/`.
    pub fn read(dir: &Path) -> Result<Self, ConfigError> {
        let mut folder = Self::default();
        let mut total = 0;
        for part in PARTS {
            folder.walk(&dir.join(part), part, 0, &mut total)?;
        }
        folder.public_keys(dir, &mut total)?;
        Ok(folder)
    }

    /// What the binary ships: adapters, schemas, mappings, code tables, and the default `config/*.toml`.
    pub fn embedded() -> Self {
        let mut folder = Self::default();
        folder.take::<Adapters>("adapters");
        folder.take::<Schemas>("schemas");
        folder.take::<Mappings>("mappings");
        folder.take::<Defaults>("config");
        folder
    }

    /// The shipped content with `self` laid over it: a file of the same name replaces one.
    pub fn over_embedded(self) -> Self {
        Self::embedded().overlay(self)
    }

    /// `upper` laid over `self`: a file of the same name replaces one.
    pub fn overlay(mut self, upper: Self) -> Self {
        self.files.extend(upper.files);
        self
    }

    /// Files that are the shipped ones lie in the binary from now on.
    pub(super) fn shared_with(mut self, shipped: &Self) -> Self {
        for (path, contents) in &mut self.files {
            if let Some(same) = shipped.files.get(path).filter(|same| *same == contents) {
                contents.clone_from(same);
            }
        }
        self
    }

    /// Adds or replaces one file.
    pub fn put(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), Bytes::copy_from_slice(text.as_bytes()));
    }

    /// The packed form that the store keeps: JSON of path to base64, compressed (lz4, size first). The same files give
    /// the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let texts: BTreeMap<&str, String> =
            self.files.iter().map(|(path, bytes)| (path.as_str(), STANDARD.encode(bytes))).collect();
        // Strings to strings: this serialisation has no way to fail.
        let json = serde_json::to_vec(&texts).unwrap_or_default();
        lz4_flex::compress_prepend_size(&json)
    }

    /// Reads the packed form. The error says what is wrong with it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (size, _) = lz4_flex::block::uncompressed_size(bytes).map_err(|error| error.to_string())?;
        // Base64 and names make the JSON a good third larger than the files.
        if size > MAX_FOLDER_BYTES * 2 {
            return Err(format!("a configuration of {size} bytes is too large"));
        }
        let json = lz4_flex::decompress_size_prepended(bytes).map_err(|error| error.to_string())?;
        let texts: BTreeMap<String, String> = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
        let mut folder = Self::default();
        for (path, text) in texts {
            let contents = STANDARD.decode(text).map_err(|error| format!("`{path}`: {error}"))?;
            folder.files.insert(path, contents.into());
        }
        Ok(folder)
    }

    /// Writes every file under `dir`, making folders as needed.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        for (path, contents) in &self.files {
            let target = dir.join(path);
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(target, contents)?;
        }
        Ok(())
    }

    /// What is wrong with the folder as a whole (as opposed to in a file): too large, or a path that is no
    /// configuration file's. Folders from outside (admin API) are not read from a directory, so this is checked apart.
    pub fn faults(&self) -> Vec<ConfigError> {
        let mut faults = Vec::new();
        let total: usize = self.files.iter().map(|(path, contents)| path.len() + contents.len()).sum();
        if total > MAX_FOLDER_BYTES {
            let message = format!("{total} bytes in all; a configuration has at most {MAX_FOLDER_BYTES}");
            faults.push(ConfigError { file: ".".to_owned(), line: 0, message });
        }
        for path in self.files.keys().filter(|path| !belongs(path)) {
            let message = "is no configuration file; these lie in `config/`, `adapters/`, `schemas/`, `mappings/`, \
                           and `keys/<system>.jwks.json`";
            faults.push(ConfigError { file: path.clone(), line: 0, message: message.to_owned() });
        }
        faults
    }

    fn walk(&mut self, dir: &Path, name: &str, depth: usize, total: &mut usize) -> Result<(), ConfigError> {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(name, &error)),
        };
        if depth > MAX_FOLDER_DEPTH {
            return Err(unreadable(name, &io::Error::other("folders lie too deep in one another")));
        }
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(name, &error))?;
            let Some(file) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let path = format!("{name}/{file}");
            let kind = entry.path().metadata().map_err(|error| unreadable(&path, &error))?;
            if kind.is_dir() {
                self.walk(&entry.path(), &path, depth + 1, total)?;
            } else if wanted(&path) {
                self.load(&entry.path(), path, total)?;
            }
        }
        Ok(())
    }

    fn public_keys(&mut self, dir: &Path, total: &mut usize) -> Result<(), ConfigError> {
        let Ok(entries) = std::fs::read_dir(dir.join("keys")) else { return Ok(()) };
        for entry in entries.flatten() {
            if let Some(file) = entry.file_name().to_str().filter(|name| name.ends_with(".jwks.json")) {
                self.load(&entry.path(), format!("keys/{file}"), total)?;
            }
        }
        Ok(())
    }

    fn load(&mut self, from: &Path, path: String, total: &mut usize) -> Result<(), ConfigError> {
        let contents = std::fs::read(from).map_err(|error| unreadable(&path, &error))?;
        *total += contents.len();
        if *total > MAX_FOLDER_BYTES {
            return Err(unreadable(&path, &io::Error::other("the folder's configuration is over 64 MiB in all")));
        }
        self.files.insert(path, contents.into());
        Ok(())
    }

    fn take<E: RustEmbed>(&mut self, part: &str) {
        for name in E::iter() {
            let path = format!("{part}/{name}");
            if !wanted(&path) {
                continue;
            }
            if let Some(file) = E::get(&name) {
                let contents = match file.data {
                    Cow::Borrowed(contents) => Bytes::from_static(contents),
                    Cow::Owned(contents) => contents.into(),
                };
                self.files.insert(path, contents);
            }
        }
    }
}

/// A file that a configuration is made of, as opposed to an editor's copy, Rust source, or what belongs to the node.
fn wanted(path: &str) -> bool {
    let hidden = path.split('/').any(|part| part.starts_with('.') || part.ends_with('~'));
    let kit = path.starts_with("adapters/kit/");
    let known = [".toml", ".json", ".csv", ".xml", ".an2", ".md"].iter().any(|end| path.ends_with(end));
    let rust = path.ends_with("Cargo.toml");
    let node = path == "config/gateway.toml" || path.starts_with("config/examples/");
    known && !hidden && !kit && !rust && !node
}

/// A path that may come from outside: in one of the parts, without a step upwards.
fn belongs(path: &str) -> bool {
    let plain = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..") && !path.contains('\\');
    let part = PARTS.iter().any(|part| path.strip_prefix(part).is_some_and(|rest| rest.starts_with('/')));
    let key = path.strip_prefix("keys/").is_some_and(|name| !name.contains('/') && name.ends_with(".jwks.json"));
    plain && (key || (part && wanted(path)))
}

fn unreadable(path: &str, error: &io::Error) -> ConfigError {
    ConfigError { file: path.to_owned(), line: 0, message: format!("cannot be read: {error}") }
}
