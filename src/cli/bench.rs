//! `bench`, and the hidden verbs by which it starts its own processes.

use std::path::PathBuf;

use clap::Args;

use crate::bench::{Options, echo, load, sink};
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::output::Output;

/// `bench`
#[derive(Args, Debug)]
pub(super) struct BenchArguments {
    /// Records in the store before anything is measured; the store is made once and kept.
    #[arg(long, default_value_t = 400_000, value_name = "N")]
    preload: u64,
    /// One short round instead of five.
    #[arg(long)]
    quick: bool,
    /// Only a large attachment and a batch.
    #[arg(long)]
    bulk: bool,
    /// Only echo, accept and journey, over TLS: client certificates, and tokens that are bound to them.
    #[arg(long, conflicts_with = "bulk")]
    tls: bool,
    /// Where preloaded stores are kept.
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
}

/// Measures and prints.
pub(super) async fn bench(arguments: BenchArguments, output: Output) -> Done {
    let cache = arguments.cache.unwrap_or_else(cache);
    let options =
        Options { preload: arguments.preload, quick: arguments.quick, cache, bulk: arguments.bulk, tls: arguments.tls };
    crate::bench::run(&options, output).await
}

/// The user's cache folder by the XDG rules, else the system's folder for things that may go.
fn cache() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")));
    home.unwrap_or_else(std::env::temp_dir).join("icjs-bench")
}

/// `bench-load`: one order from standard input, its result to standard output.
pub(super) async fn load(output: Output) -> Done {
    let order: load::Order = serde_json::from_reader(std::io::stdin().lock())
        .map_err(|error| Failure::new(Exit::Usage, error.to_string(), "`icjs bench` calls this"))?;
    let done = load::run(order).await.map_err(broken)?;
    let value =
        serde_json::to_value(done).map_err(|error| Failure::new(Exit::Bug, error.to_string(), "report this"))?;
    output.document(&value);
    Ok(())
}

/// `bench-sink`: `slow` milliseconds before each answer.
pub(super) async fn sink(slow: u64) -> Done {
    sink::serve(std::time::Duration::from_millis(slow)).await.map_err(broken)
}

/// `bench-echo`: over TLS with the files of the folder `secure`.
pub(super) async fn echo(secure: Option<PathBuf>) -> Done {
    echo::serve(secure.as_deref()).await.map_err(broken)
}

fn broken(error: std::io::Error) -> Failure {
    Failure::new(Exit::TryLater, error.to_string(), "`icjs bench` calls this")
}
