//! `serve`: runs the gateway of a folder in this process until it is told to stop.

use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::Output;

/// Runs the gateway. It prints its own addresses; what ends it by itself is said here.
pub(super) fn serve(dir: &GatewayFolder, apply: bool, output: Output) -> Done {
    dir.require()?;
    crate::gateway::serve(dir.path(), apply).map_err(|ended| {
        let failure = failure(&ended);
        output.failure_of_service(&failure);
        failure
    })
}

/// Why a gateway did not start or a store could not be opened, with the exit code that it means.
pub(super) fn failure(ended: &crate::gateway::Ended) -> Failure {
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
    let details: Vec<String> = lines.collect();
    // The gateway's own further lines say what to do, except for the places of a configuration.
    let advice = if exit == Exit::Configuration {
        "mend the places named above; `icjs check` lists them without starting anything"
    } else {
        ""
    };
    Failure::new(exit, what, advice).with(details)
}
