//! `serve`: runs the gateway of a folder in this process until it is told to stop.

use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::Output;

/// Runs the gateway. It prints its own addresses; what ends it by itself is said here.
pub(super) fn serve(dir: &GatewayFolder, apply: bool, output: Output) -> Done {
    dir.require()?;
    let _ = output;
    crate::gateway::serve(dir.path(), apply).map_err(|ended| {
        let exit = match ended.code {
            64 => Exit::Usage,
            66 => Exit::NoInput,
            69 => Exit::Unreachable,
            74 => Exit::Storage,
            75 => Exit::TryLater,
            77 => Exit::NotAllowed,
            78 => Exit::Configuration,
            _ => Exit::Bug,
        };
        let mut lines = ended.message.lines().map(str::to_owned);
        let what = lines.next().unwrap_or_default();
        Failure::new(exit, what, advice(exit)).with(lines.collect())
    })
}

/// What helps, where the message does not say it already.
fn advice(exit: Exit) -> &'static str {
    match exit {
        Exit::Unreachable => {
            "another program (or another gateway) uses this address: stop it, or change `listen` in config/gateway.toml (`\"0\"` takes any free port)"
        }
        Exit::Storage => {
            "check the disk (`df -h`) and the store's folder; a store of a newer version needs the newer `icjs`"
        }
        Exit::Configuration => "mend the places named above; `icjs check` lists them without starting anything",
        _ => "",
    }
}
