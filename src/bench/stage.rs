//! The folder in which a bench runs: two senders (shared JSON, CCTNS XML), two receivers that are pushed to, their routes.
//! Made once with its keys and its full store, kept in a cache, and copied for each use, so that every run begins alike.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::Identity;
use crate::clock::WallClock;
use crate::journal::sqlite::{Options, SqliteJournal};
use crate::keys::Keys;
use crate::shell::authority;
use crate::shell::exit::{Exit, Failure, file_failure};
use crate::shell::starter::{NewSystem, Reached, Starter};

/// Sends charge sheets as shared JSON.
pub const JSON_SENDER: &str = "bench-json";
/// Sends charge sheets as CCTNS XML.
pub const XML_SENDER: &str = "bench-cctns";
/// Receives every charge sheet.
pub const COURT: &str = "bench-court";
/// The court's office.
pub const COURT_OFFICE: &str = "court:BENCH1";
/// Receives a second copy, where two receivers are wanted.
pub const PROSECUTION: &str = "bench-prosecution";
/// The prosecution's office.
pub const PROSECUTION_OFFICE: &str = "pp:BENCH1";
/// The station that sends JSON.
pub const JSON_STATION: &str = "ps:38101005";
/// The station that sends XML.
pub const XML_STATION: &str = "ps:38101004";

/// Nobody listens there (the discard port): receivers that are switched off.
pub const NOWHERE: &str = "http://127.0.0.1:9/";

/// Listens anywhere, takes any number of open deliveries.
pub const SETTINGS: &str = "\
[exchange]
listen = \"127.0.0.1:0\"
[admin]
listen = \"127.0.0.1:0\"
[ops]
listen = \"127.0.0.1:0\"
[store]
max_open_deliveries = 20000000
[log]
level = \"warn\"
";

/// A quota far above anything that is measured: the limiter runs, but never says no.
pub const PER_SECOND: u32 = 1_000_000;

/// Makes the folder from nothing; receivers are switched off.
pub fn make(dir: &Path) -> Result<(), Failure> {
    let starter = Starter::begin(dir)?;
    starter.file("config/gateway.toml", SETTINGS.as_bytes())?;
    starter.file("config/sharing.toml", SHARING.as_bytes())?;
    for system in systems() {
        starter.system(&system)?;
    }
    receivers(dir, NOWHERE, 2)?;
    Keys::open(dir).map(drop).map_err(|error| Failure::new(Exit::Storage, error.to_string(), "check the disk"))
}

/// Points the receivers somewhere else, and gives every charge sheet to one or to both of them.
pub fn receivers(dir: &Path, url: &str, count: usize) -> Result<(), Failure> {
    for system in systems().into_iter().filter(|system| !system.receive.is_empty()) {
        let name = system.name.clone();
        let system = NewSystem { reached: Reached::Push(url.to_owned(), "10s"), ..system };
        let text = system.to_toml().replace("in_flight = 16", "in_flight = 64");
        write(&dir.join(format!("config/systems/{name}.toml")), &text)?;
    }
    let routes: Vec<String> = [("courts", COURT_OFFICE), ("prosecution", PROSECUTION_OFFICE)]
        .iter()
        .take(count)
        .map(|(pillar, desk)| {
            format!(
                "[[route]]\nname = \"to-{pillar}\"\nkind = \"charge-sheet\"\nto = \"{pillar}\"\noffice = [\"desk\"]\n\
                 desk = \"{desk}\"\n"
            )
        })
        .collect();
    write(&dir.join("config/routes.toml"), &routes.join("\n"))
}

/// From now on the folder's exchange speaks TLS, with the certificates that were made with its systems.
pub fn secure(dir: &Path) -> Result<(), Failure> {
    write(&dir.join("config/gateway.toml"), &format!("{SETTINGS}{}", authority::SETTINGS))
}

/// The certificate of one of the folder's systems.
pub fn identity(dir: &Path, system: &str) -> Identity {
    let [certificate, key] = authority::files_of(dir, system);
    Identity { roots: dir.join("keys/tls/authority.pem"), certificate, key }
}

/// As the shipped lines have it: everything goes, but for identity numbers that nobody is given.
const SHARING: &str = "\
never = [\"national-id\"]

[[share]]
kind = \"charge-sheet\"
to = \"courts\"
give = \"whole\"
classes = { full = [\"*\"] }

[[share]]
kind = \"charge-sheet\"
to = \"prosecution\"
give = \"whole\"
classes = { full = [\"*\"] }
";

/// A system of a bench (name, adapter, pillar) with one office.
pub fn system(
    (name, adapter, pillar): (&str, &'static str, &'static str),
    office: &str,
    send: &'static [&'static str],
    receive: &'static [&'static str],
    reached: Reached,
) -> NewSystem {
    let offices = vec![office.to_owned()];
    NewSystem { name: name.to_owned(), adapter, pillar, offices, send, receive, reached, per_second: PER_SECOND }
}

fn systems() -> Vec<NewSystem> {
    let sender =
        |name, adapter, station| system((name, adapter, "police"), station, &["charge-sheet"], &[], Reached::Feed);
    let receiver = |name, pillar, office| {
        let pushed = Reached::Push(NOWHERE.to_owned(), "10s");
        system((name, "shared", pillar), office, &[], &["charge-sheet"], pushed)
    };
    vec![
        sender(JSON_SENDER, "shared", JSON_STATION),
        sender(XML_SENDER, "cctns", XML_STATION),
        receiver(COURT, "courts", COURT_OFFICE),
        receiver(PROSECUTION, "prosecution", PROSECUTION_OFFICE),
    ]
}

/// Where a kept folder with so many records lies.
pub fn kept(cache: &Path, preload: u64) -> PathBuf {
    cache.join(format!("store-{preload}"))
}

/// A copy of a kept folder to run in.
pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(to).map_err(|error| file_failure(to, &error))?;
    for entry in std::fs::read_dir(from).map_err(|error| file_failure(from, &error))? {
        let path = entry.map_err(|error| file_failure(from, &error))?.path();
        let Some(name) = path.file_name() else { continue };
        let target = to.join(name);
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(|error| file_failure(&target, &error))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| file_failure(path, &error))
}

/// The journal of a folder, as the gateway opens it.
pub fn journal(dir: &Path) -> Result<SqliteJournal, Failure> {
    let keys = Keys::open(dir).map_err(|error| Failure::new(Exit::Storage, error.to_string(), "check the disk"))?;
    let options = Options::new(keys.store.clone(), keys.receipts.id(), Arc::new(WallClock));
    SqliteJournal::open(&dir.join("data"), options)
        .map_err(|error| Failure::new(Exit::Storage, error.to_string(), "check the disk"))
}
