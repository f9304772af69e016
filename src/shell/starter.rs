//! Makes gateway folders: files for systems with keys of their own. `init` makes one for a developer, the demo one for
//! its simulated systems. What a folder does not say is shipped in the binary.

use std::io;
use std::path::{Path, PathBuf};

use super::authority::Authority;
use super::credentials::Credentials;
use super::exit::{Exit, Failure, file_failure};
use crate::keys::write_secret;
use crate::seal::SigningKey;

/// How a new system gets its deliveries.
#[derive(Debug, Clone)]
pub enum Reached {
    /// It pulls its feed.
    Feed,
    /// It is pushed to at this URL, with this timeout (such as `"10s"`).
    Push(String, &'static str),
}

/// A system that a new folder is to have.
#[derive(Debug, Clone)]
pub struct NewSystem {
    /// Its name.
    pub name: String,
    /// Its adapter.
    pub adapter: &'static str,
    /// Its pillar.
    pub pillar: &'static str,
    /// The offices it serves.
    pub offices: Vec<String>,
    /// Kinds it sends.
    pub send: &'static [&'static str],
    /// Kinds it receives.
    pub receive: &'static [&'static str],
    /// How it gets its deliveries.
    pub reached: Reached,
    /// Requests a second.
    pub per_second: u32,
}

impl NewSystem {
    /// The text of `config/systems/<name>.toml`.
    pub fn to_toml(&self) -> String {
        let reached = match &self.reached {
            Reached::Feed => "[feed]\n".to_owned(),
            Reached::Push(url, timeout) => {
                format!("[push]\nurl = \"{url}\"\ntimeout = \"{timeout}\"\ngive_up_after = \"72h\"\n")
            }
        };
        format!(
            "name    = \"{name}\"\nadapter = \"{adapter}\"\npillar  = \"{pillar}\"\noffices = {offices:?}\nsend    = {send:?}\n\
             receive = {receive:?}\n\n[keys]\njwks_file = \"keys/{name}.jwks.json\"\n\n{reached}\n[limits]\n\
             per_second = {per_second}\nin_flight = 16\n",
            name = self.name,
            adapter = self.adapter,
            pillar = self.pillar,
            offices = self.offices,
            send = self.send,
            receive = self.receive,
            per_second = self.per_second,
        )
    }
}

/// A folder in the making.
#[derive(Debug)]
pub struct Starter {
    dir: PathBuf,
    authority: Authority,
}

impl Starter {
    /// Begins in a folder that does not exist or is empty.
    pub fn begin(dir: &Path) -> Result<Self, Failure> {
        let occupied = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        if occupied || dir.is_file() {
            return Err(Failure::new(
                Exit::Usage,
                format!("`{}` is not empty", dir.display()),
                "name a folder that does not exist yet; nothing is ever overwritten",
            ));
        }
        let keys = dir.join("keys/dev");
        std::fs::create_dir_all(&keys).map_err(|error| file_failure(&keys, &error))?;
        Ok(Self { dir: dir.to_owned(), authority: Authority::begin(dir)? })
    }

    /// Writes one file.
    pub fn file(&self, name: &str, contents: &[u8]) -> Result<(), Failure> {
        let path = self.dir.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, contents)).map_err(|error| file_failure(&path, &error))
    }

    /// Adds a system with a key and a certificate made for it: the public halves for the gateway, the private ones for
    /// development.
    pub fn system(&self, system: &NewSystem) -> Result<(), Failure> {
        let name = &system.name;
        let no_key = |error: crate::seal::SealError| Failure::new(Exit::TryLater, error.to_string(), "try again");
        let key = SigningKey::generate().map_err(no_key)?;
        let pem = key.to_pem().map_err(no_key)?;
        let path = self.dir.join(format!("keys/dev/{name}.pem"));
        write_secret(&path, &pem).map_err(|error: io::Error| file_failure(&path, &error))?;
        let jwks = Credentials::new(name, key).jwks();
        self.file(&format!("keys/{name}.jwks.json"), format!("{jwks:#}\n").as_bytes())?;
        self.authority.system(name)?;
        self.file(&format!("config/systems/{name}.toml"), system.to_toml().as_bytes())
    }
}
