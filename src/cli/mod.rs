//! The command line: every verb with its arguments, and which function it calls. Read `shell::exit` for the exit codes,
//! `shell::client` for how a running gateway is spoken to. No verb decides anything that the gateway should decide.

mod init;
mod administrator;
mod approvals;
mod serve;
mod configure;
mod reads;
mod revisions;
mod dry_run;
mod route;
mod evidence;
mod exchange;
mod upload;
mod batch;
mod mapping;
mod deliveries;
mod case;
mod alerts;
mod links;
mod receipt;
mod reconcile;
mod promises;
mod quality;
mod store;
mod erase;
mod bench;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::folder::{GatewayFolder, Way};
use crate::shell::output::Output;

/// Carries records between police, courts, prisons, laboratories and prosecution: accepted once, delivered once, in order.
///
/// Exit codes: 0 done; 64 usage; 65 input refused; 66 no such file; 69 gateway not reachable; 70 a bug, or a proof that
/// does not hold; 74 storage; 75 try later; 77 not allowed; 78 configuration.
#[derive(Parser, Debug)]
#[command(name = "icjs", version = VERSION, verbatim_doc_comment)]
struct Arguments {
    /// The gateway's folder; else the variable ICJS_DIR, else the folder you are in.
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    json: bool,
    /// A file with your token as an administrator; else the variable ICJS_ADMIN_TOKEN_FILE, else you call as the owner of
    /// the folder.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Base URL of the admin API, where it is not the one of the folder's gateway; needs a token.
    #[arg(long, global = true, value_name = "URL")]
    admin: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

/// A test build says that it is one: it may be made to fail on purpose, and is not for production.
const VERSION: &str = if crate::faults::compiled_in() {
    concat!(env!("CARGO_PKG_VERSION"), " (test build with failpoints, not for production)")
} else {
    env!("CARGO_PKG_VERSION")
};

#[derive(Subcommand, Debug)]
enum Verb {
    /// Make a development folder: configuration, example systems with keys and certificates, reference tables.
    Init {
        /// A folder that does not exist yet or is empty.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Let the exchange speak TLS, with certificates of an authority made for this folder.
        #[arg(long)]
        tls: bool,
    },
    /// Run the gateway until it is told to stop (SIGTERM or Ctrl-C drain it).
    Serve {
        /// First make the folder's configuration the newest revision.
        #[arg(long)]
        apply: bool,
    },
    /// Play whole cases between simulated police, courts and prisons, and prove that nothing was lost, doubled or overtaken.
    Demo(DemoArguments),
    /// Check a folder, or single files of one; every error with file and line.
    Check {
        /// A folder or files of it; the gateway's folder without.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Also translate and route this record (needs --kind and --as), and show who would get what.
        #[arg(long, value_name = "RECORD", requires_all = ["kind", "system"])]
        dry_run: Option<PathBuf>,
        /// The record's kind.
        #[arg(long)]
        kind: Option<String>,
        /// The system that would send it.
        #[arg(long = "as", value_name = "SYSTEM")]
        system: Option<String>,
    },
    /// Say who would get a record, and why: every route and step that is tried, with its row.
    Route {
        #[command(subcommand)]
        verb: route::RouteVerb,
    },
    /// Show what `apply` would change.
    Diff,
    /// Make the folder's configuration the newest revision; live at once if a gateway runs.
    Apply(Why),
    /// Write a revision's files into an empty folder.
    Export {
        /// Where to.
        folder: PathBuf,
        /// Which; the newest without.
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
    },
    /// Make an old revision the newest.
    Rollback {
        /// Which.
        number: u64,
        #[command(flatten)]
        why: Why,
    },
    /// List the revisions: number, time, author, reason, difference.
    History,
    /// Print an access token for a system (its private key is read from keys/dev or --key).
    Token(exchange::TokenArguments),
    /// Send a record as a system.
    Send(exchange::SendArguments),
    /// Pull what is addressed to a system's offices.
    Feed(exchange::FeedArguments),
    /// Show a message, its deliveries and outcomes.
    Message {
        /// Message id (or a delivery id of it).
        id: String,
        /// As which party; the administrator's view without.
        #[arg(long = "as", value_name = "SYSTEM")]
        system: Option<String>,
        /// The officer who looks: "id; designation" or "id; designation; office", or a claim that the system signed.
        #[arg(long, requires = "system", value_name = "OFFICER")]
        actor: Option<String>,
    },
    /// Show a case on one page: its numbers, what happened, who has what and who has not; link and unlink numbers.
    Case(case::CaseArguments),
    /// Check, test and measure the mappings.
    Mapping {
        #[command(subcommand)]
        verb: mapping::MappingVerb,
    },
    /// Look at deliveries that wait or stopped, and order what becomes of them.
    Deliveries {
        #[command(subcommand)]
        verb: deliveries::DeliveriesVerb,
    },
    /// What a person must see: raised by the rules of config/rules.toml, ended when its cause is gone.
    #[command(args_conflicts_with_subcommands = true)]
    Alerts {
        #[command(subcommand)]
        verb: Option<alerts::AlertsVerb>,
        #[command(flatten)]
        list: alerts::ListArguments,
    },
    /// How many records of each system had which warning, by the rules of config/rules.toml and others.
    #[command(args_conflicts_with_subcommands = true)]
    Quality {
        #[command(subcommand)]
        verb: Option<quality::QualityVerb>,
        #[command(flatten)]
        count: quality::CountArguments,
    },
    /// What waits for a second person; with a number: what it would change.
    Approvals {
        /// Its number.
        number: Option<u64>,
        /// Also what was decided.
        #[arg(long, conflicts_with = "number")]
        all: bool,
    },
    /// Approve what another administrator proposed; it is done at once.
    Approve(approvals::Decision),
    /// Reject what was proposed, or take back what you proposed.
    Reject(approvals::Decision),
    /// Administrators: make a token, add somebody, see who there is and as whom you call.
    Administrator {
        #[command(subcommand)]
        verb: administrator::AdministratorVerb,
    },
    /// Who was given personal data, by which call, what for and by what right.
    Reads(reads::ReadsArguments),
    /// The book of a partner and a day: what it sent and took; and where its own book differs
    Reconcile(reconcile::ReconcileArguments),
    /// Copy the evidence log, watch it, and check it without a network.
    Evidence {
        #[command(subcommand)]
        verb: evidence::EvidenceVerb,
    },
    /// Verify receipts without a network.
    Receipt {
        #[command(subcommand)]
        verb: receipt::ReceiptVerb,
    },
    /// What is promised, how far it is proved, and what the last long runs found.
    Promises(promises::PromisesArguments),
    /// Verify, back up and restore the store.
    Store {
        #[command(subcommand)]
        verb: store::StoreVerb,
    },
    /// Measure this machine: accept, journey, mapping, start, memory; against a bare echo in the same run.
    Bench(bench::BenchArguments),
    #[command(hide = true)]
    BenchLoad,
    #[command(hide = true)]
    BenchSink {
        #[arg(long, default_value_t = 0)]
        slow: u64,
    },
    #[command(hide = true)]
    BenchEcho {
        #[arg(long)]
        secure: Option<PathBuf>,
    },
    /// Print the completion script of a shell.
    Completions {
        /// bash, zsh, fish, elvish or powershell.
        shell: clap_complete::Shell,
    },
}

/// `demo`
#[derive(Args, Debug)]
struct DemoArguments {
    /// Cases a round.
    #[arg(long, default_value_t = 50)]
    cases: u32,
    /// Play one round and end. Without it, on a terminal, rounds follow one another until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// The same number plays the same scenario.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Kill the gateway (SIGKILL) and start it again so many times on the way.
    #[arg(long, default_value_t = 0)]
    kill: u32,
    /// Leave the demo's folder where it is.
    #[arg(long)]
    keep: bool,
    /// Play one named case with every expected message written down, or `all` of them; a wrong name lists them.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Everybody speaks TLS with a certificate of their own.
    #[arg(long)]
    tls: bool,
}

impl DemoArguments {
    fn options(&self) -> crate::demo::Options {
        crate::demo::Options {
            cases: self.cases,
            once: self.once,
            seed: self.seed,
            kill: self.kill,
            keep: self.keep,
            scenario: self.scenario.clone(),
            tls: self.tls,
        }
    }
}

/// Author and reason of a change of configuration.
#[derive(Args, Debug, Clone)]
struct Why {
    /// Who; the login name without.
    #[arg(long)]
    author: Option<String>,
    /// Why, for the history.
    #[arg(long, default_value = "")]
    reason: String,
    /// Where two persons are asked for and cannot be had: change the store of a stopped gateway as its owner, alone. The
    /// history says so for ever.
    #[arg(long)]
    alone: bool,
}

impl Why {
    fn change(&self) -> revisions::Change {
        revisions::Change { author: self.author(), reason: self.reason.clone(), alone: self.alone }
    }

    fn author(&self) -> String {
        let login = || std::env::var("USER").ok().filter(|name| !name.is_empty());
        self.author.clone().or_else(login).unwrap_or_else(|| "administrator".to_owned())
    }
}

/// Runs the program: reads the arguments, runs the verb, prints a failure, gives the exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let output = Output::new(arguments.json);
    let folder = arguments.dir.or_else(|| std::env::var_os("ICJS_DIR").map(PathBuf::from));
    let folder = folder.unwrap_or_else(|| PathBuf::from("."));
    let token = arguments.token_file.or_else(|| std::env::var_os("ICJS_ADMIN_TOKEN_FILE").map(PathBuf::from));
    let way = Way { url: arguments.admin, token: token.filter(|file| !file.as_os_str().is_empty()) };
    match run(arguments.verb, &GatewayFolder::at(folder).by(way), output) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(verb: Verb, dir: &GatewayFolder, output: Output) -> Done {
    match verb {
        Verb::Init { folder, tls } => init::init(&folder, tls, output),
        Verb::Serve { apply } => serve::serve(dir, apply, output),
        Verb::Demo(arguments) => wide(crate::demo::run(arguments.options(), output))?,
        Verb::Check { paths, dry_run, kind, system } => {
            let record = dry_run.zip(kind).zip(system).map(|((record, kind), system)| configure::DryRun {
                record,
                kind,
                system,
            });
            configure::check(dir, &paths, record.as_ref(), output)
        }
        Verb::Route { verb } => route::run(dir, &verb, output),
        Verb::Diff => narrow(configure::diff(dir, output))?,
        Verb::Apply(why) => narrow(configure::apply(dir, &why.change(), output))?,
        Verb::Export { folder, revision } => narrow(configure::export(dir, &folder, revision, output))?,
        Verb::Rollback { number, why } => narrow(configure::rollback(dir, number, &why.change(), output))?,
        Verb::History => narrow(configure::history(dir, output))?,
        Verb::Token(arguments) => narrow(exchange::token(dir, &arguments, output))?,
        Verb::Send(arguments) => narrow(exchange::send(dir, &arguments, output))?,
        Verb::Feed(arguments) => narrow(exchange::feed(dir, &arguments, output))?,
        Verb::Message { id, system, actor } => {
            narrow(exchange::message(dir, &id, system.as_deref(), actor.as_deref(), output))?
        }
        Verb::Case(asked) => narrow(case::run(dir, &asked, output))?,
        Verb::Mapping { verb } => mapping::run(dir, &verb, output),
        Verb::Deliveries { verb } => narrow(deliveries::run(dir, &verb, output))?,
        Verb::Alerts { verb, list } => {
            narrow(alerts::run(dir, verb.unwrap_or(alerts::AlertsVerb::List(list)), output))?
        }
        Verb::Quality { verb, count } => narrow(quality::run(dir, verb, &count, output))?,
        Verb::Approvals { number: Some(number), .. } => narrow(approvals::show(dir, number, output))?,
        Verb::Approvals { all, .. } => narrow(approvals::list(dir, all, output))?,
        Verb::Approve(decision) => narrow(approvals::approve(dir, &decision, output))?,
        Verb::Reject(decision) => narrow(approvals::reject(dir, &decision, output))?,
        Verb::Administrator { verb } => narrow(administrator::run(dir, &verb, output))?,
        Verb::Reads(asked) => narrow(reads::run(dir, &asked, output))?,
        Verb::Reconcile(asked) => narrow(reconcile::run(dir, &asked, output))?,
        Verb::Evidence { verb } => narrow(evidence::run(dir, verb, output))?,
        Verb::Receipt { verb } => receipt::run(dir, &verb, output),
        Verb::Promises(asked) => promises::run(&asked, output),
        Verb::Store { verb } => narrow(store::run(dir, &verb, output))?,
        Verb::Bench(arguments) => narrow(bench::bench(arguments, output))?,
        Verb::BenchLoad => narrow(bench::load(output))?,
        Verb::BenchSink { slow } => narrow(bench::sink(slow))?,
        Verb::BenchEcho { secure } => wide(bench::echo(secure))?,
        Verb::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "icjs", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// Runs a verb that makes a call or two: one thread is enough.
fn narrow<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| no_runtime(&error))?.block_on(future))
}

/// Runs a verb that does much at once.
fn wide<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok(runtime.map_err(|error| no_runtime(&error))?.block_on(future))
}

fn no_runtime(error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::TryLater,
        format!("no threads or sockets left: {error}"),
        "raise the limits of this user (`ulimit -n`)",
    )
}
