//! `administrator`: tokens of people, and who there is. A token is made by whoever will use it and leaves his file only to be
//! shown to the gateway; what an administrator is given of it is its digest, for `config/administrators.toml`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::clock::{Clock, WallClock};
use crate::config::administrators::FILE;
use crate::config::{ConfigError, Revision};
use crate::seal;
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, text};

/// `administrator …`
#[derive(Subcommand, Debug)]
pub(super) enum AdministratorVerb {
    /// Make a token of your own: writes it to a file that only you can read, and prints its digest for the configuration.
    Token {
        /// A file that is not there yet.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Add somebody to config/administrators.toml; `icjs apply` makes it live.
    Add {
        /// Small letters, digits, `.`, `_`, `-`.
        name: String,
        /// What he may do.
        #[arg(long, value_enum)]
        role: RoleWord,
        /// The digest that `administrator token` printed to him.
        #[arg(long, value_name = "SHA256")]
        digest: String,
        /// The last day, such as 2027-03-31, or a moment with offset.
        #[arg(long, value_name = "DAY")]
        until: String,
    },
    /// Say as whom you call, and as what.
    Me,
    /// List whom the folder's configuration names.
    List,
}

/// A role on the command line.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(super) enum RoleWord {
    /// Reads how the gateway is run.
    Auditor,
    /// Looks at messages and cases, and orders deliveries.
    Operator,
    /// Changes the configuration too.
    Administrator,
}

/// Runs one of the verbs.
pub(super) async fn run(dir: &GatewayFolder, verb: &AdministratorVerb, output: Output) -> Done {
    match verb {
        AdministratorVerb::Token { to } => token(to, output),
        AdministratorVerb::Add { name, role, digest, until } => {
            let role = role.to_possible_value().map(|word| word.get_name().to_owned()).unwrap_or_default();
            add(dir, &[("name", name), ("role", &role), ("token_sha256", digest), ("until", until)], output)
        }
        AdministratorVerb::Me => {
            let answer = dir.running_admin("GET", "/admin/v1/me", None).await?.json();
            if output.json {
                output.document(&answer);
            } else {
                output.line(format!("{} ({})", text(&answer, "name"), text(&answer, "role")));
            }
            Ok(())
        }
        AdministratorVerb::List => list(dir, output),
    }
}

fn token(to: &Path, output: Output) -> Done {
    let no_random = |error| Failure::new(Exit::TryLater, format!("no random bytes: {error}"), "try again");
    let token = format!("icjs-admin-{}", seal::hex(&seal::random::<32>().map_err(no_random)?));
    let digest = seal::hex(&seal::sha256(token.as_bytes()));
    // Never over another: it may be somebody's token that is in use.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let written = file.and_then(|mut file| file.write_all(token.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| file_failure(to, &error))?;
    if output.json {
        output.document(&json!({ "file": to, "token_sha256": digest }));
        return Ok(());
    }
    output.line(format!("{} the token is in {}, which only you can read", output.good("made:"), to.display()));
    output.line(format!("token_sha256 = \"{digest}\""));
    output.line(
        "give an administrator this digest (never the token): `icjs administrator add NAME --role ROLE --digest …`",
    );
    Ok(())
}

/// Adds the lines, if the folder passes its check with them.
fn add(dir: &GatewayFolder, lines: &[(&str, &String)], output: Output) -> Done {
    dir.require()?;
    let path = dir.file(FILE);
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(file_failure(&path, &error)),
    };
    let block: String = lines.iter().map(|(key, value)| format!("{key} = {}\n", json!(value))).collect();
    let after = format!("{}\n\n[[administrator]]\n{block}", before.trim_end());
    let mut folder = super::configure::read(dir)?;
    folder.put(FILE, &after);
    Revision::compile(0, folder).map_err(|errors| {
        let of_it = |error: &ConfigError| error.file == FILE;
        let mine: Vec<ConfigError> = errors.iter().filter(|error| of_it(error)).cloned().collect();
        super::configure::errors(if mine.is_empty() { errors } else { mine })
    })?;
    std::fs::write(&path, after).map_err(|error| file_failure(&path, &error))?;
    if output.json {
        output.document(&json!({ "file": FILE, "name": lines.first().map(|(_, name)| name) }));
    } else {
        output.line(format!("{} {FILE}; `icjs apply --reason WHY` makes it live", output.good("added to")));
    }
    Ok(())
}

fn list(dir: &GatewayFolder, output: Output) -> Done {
    dir.require()?;
    let revision = Revision::compile(0, super::configure::read(dir)?).map_err(super::configure::errors)?;
    let now = WallClock.now();
    let all: Vec<Value> = revision
        .administrators
        .named
        .iter()
        .map(|one| {
            let state = if now < one.until { "good" } else { "ended" };
            json!({ "name": one.name, "role": one.role.as_str(), "until": one.until.to_string(), "token": state })
        })
        .collect();
    if output.json {
        output.document(&json!({ "administrators": all }));
        return Ok(());
    }
    let row = |one: &Value| ["name", "role", "until", "token"].map(|key| text(one, key).to_owned()).to_vec();
    output.table(&["name", "role", "until", "token"], &all.iter().map(row).collect::<Vec<_>>());
    if all.is_empty() {
        output.line("nobody is named: whoever runs the gateway is its only administrator");
    }
    Ok(())
}
