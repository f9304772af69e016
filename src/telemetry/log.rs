//! The one place that decides where log lines go: standard error, as text for people or JSON for machines.
//! `RUST_LOG` is not read: the level is in `gateway.toml`, and for one run in `ICJS_LOG__LEVEL`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts logging from `level` (`error` to `trace`) on, once for the process; a second start changes nothing.
pub fn start(level: &str, json: bool) {
    // Other crates speak of connections and frames below `warn`; at `trace` everything is wanted.
    let filter = match level {
        "trace" => EnvFilter::new("trace"),
        level => EnvFilter::new(format!("warn,icjs={level}")),
    };
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = if json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
