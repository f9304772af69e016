//! `icjs demo`: whole cases between simulated systems of every pillar, through a real gateway that is killed on the way, and the
//! proof that nothing was lost, doubled or overtaken and that everybody got what is his. The systems live here and keep their own
//! books; the gateway is a child process and knows nothing of them but their keys. Read `cases` and `errand` for the ordinary
//! demo, `rows` for who gets what, `scenario` for named cases with every expected message written down, `books`, then `proof`.

mod stage;
mod cases;
mod scenario;
mod mind;
mod desk;
mod puller;
mod errand;
mod police;
mod process;
mod prison;
mod bench;
mod prosecution;
mod laboratory;
mod bureau;
mod documents;
mod people;
mod world;
mod books;
mod proof;
mod rows;
mod finals;
mod report;
mod gateway;
mod link;
mod inbox;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::output::Output;
use bench::Bench;
use laboratory::Analyst;
use link::{Link, open};
use mind::{Clerk, Mind};
use proof::Proof;
use prosecution::Prosecutor;
use report::Report;
use stage::Stage;

/// What the demo is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cases a round.
    pub cases: u32,
    /// One round only.
    pub once: bool,
    /// Where chance begins.
    pub seed: u64,
    /// How often the gateway is killed on the way, a round.
    pub kill: u32,
    /// Leave the folder for a look.
    pub keep: bool,
    /// Not random cases, but the scenario of this name, or `all`.
    pub scenario: Option<String>,
    /// The exchange speaks TLS, and every system shows a certificate of its own.
    pub tls: bool,
}

/// Cases under way at once: enough to keep the gateway busy, few enough to see them pass.
const AT_ONCE: usize = 32;

/// Plays and proves. Without `once`, on a terminal, in rounds until Ctrl-C; scenarios once.
pub async fn run(options: Options, output: Output) -> Done {
    let stories = options.scenario.as_deref().map(|name| scenario::named(name, options.seed)).transpose()?;
    let dir = std::env::temp_dir().join(format!("icjs-demo-{}", std::process::id()));
    let playing = async {
        match stories {
            Some(stories) => scenario::play(&dir, stories, &options, output).await,
            None => rounds(&dir, &options, output).await,
        }
    };
    let played = tokio::select! {
        played = playing => played,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    if options.keep || played.is_err() {
        output.note(&format!("the demo's folder is left at {}", dir.display()));
    } else {
        let _ = std::fs::remove_dir_all(&dir);
    }
    played
}

/// What a proof that does not hold ends with.
fn broken() -> Failure {
    Failure::new(
        Exit::Bug,
        "the proof does not hold",
        "the faults are listed above; the folder holds the gateway's log and store",
    )
}

async fn rounds(dir: &Path, options: &Options, output: Output) -> Done {
    let mut stage = Stage::build(dir, options, None).await?;
    stage.introduce(dir, output);
    let mut number = 0;
    loop {
        let proof = round(&mut stage, number, options, output).await?;
        if !proof.holds() {
            return Err(broken());
        }
        number += 1;
        if options.once || !output.terminal() {
            break;
        }
        stage.invite(output);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    stage.end().await?;
    next_steps(output);
    Ok(())
}

/// Where to look after the demo.
fn next_steps(output: Output) {
    if output.json {
        return;
    }
    output.line("");
    output.line("cases told step by step:  icjs demo --scenario bail-to-release  (or `all`)");
    output.line(
        "try it yourself:  icjs init my-gateway  makes a folder with six systems and their keys, and says how to go on",
    );
}

/// One round: its cases, its kills, the wait for quiet, the tables and the proof.
async fn round(stage: &mut Stage, number: u32, options: &Options, output: Output) -> Result<Proof, Failure> {
    let scripts = cases::write(options.cases, number, options.seed);
    let pulling = stage.open_feeds(options.seed, false, people(stage, &scripts, options.seed));
    let began = Instant::now();
    let kills = play(stage, scripts, options).await?;
    stage.quiet().await;
    drop(pulling);
    stage.progress.end();
    let finals = stage.finals.all().await?;
    let books = open(&stage.books);
    let mut proof = proof::check(&books, &finals);
    let ran = rows::count(&books);
    proof.unexpected.extend(rows::misdirected(&books, &finals));
    if options.cases >= errand::ENOUGH {
        proof.unexpected.extend(rows::never(&ran));
    }
    let mut report = Report::of(&books, &finals);
    if output.json {
        output.document(&report.document(&proof, &books, kills, &ran));
    } else {
        output.line(format!("{} cases in {:.1} s", options.cases, began.elapsed().as_secs_f64()));
        report.print(&proof, &books, kills, &ran, output);
    }
    Ok(proof)
}

/// Who works in each system that pulls: judges with the docket of this round's cases, analysts, prosecutors, clerks.
fn people(stage: &Stage, scripts: &[cases::Script], seed: u64) -> impl Fn(&Arc<Link>) -> Arc<dyn Mind> + use<> {
    let docket = scripts
        .iter()
        .map(|script| ((script.case.station.code.to_owned(), u64::from(script.case.serial)), script.case.clone()));
    let docket: Arc<HashMap<_, _>> = Arc::new(docket.collect());
    let numbered = u32::try_from(open(&stage.books).sent.len()).unwrap_or_default() + 1;
    move |link| -> Arc<dyn Mind> {
        match world::pillar_of(link.system()) {
            "courts" => Arc::new(Bench {
                link: Arc::clone(link),
                docket: Arc::clone(&docket),
                numbered: AtomicU32::new(numbered),
                dice: Mutex::new(Rng::with_seed(seed)),
            }),
            "forensics" => Arc::new(Analyst::new(Arc::clone(link), numbered)),
            "prosecution" => Arc::new(Prosecutor::new(Arc::clone(link), numbered)),
            _ => Arc::new(Clerk),
        }
    }
}

/// Plays all scripts, and kills the gateway on the way; how often is the answer.
async fn play(stage: &mut Stage, scripts: Vec<cases::Script>, options: &Options) -> Result<u32, Failure> {
    let total = scripts.len();
    let done = Arc::new(AtomicUsize::new(0));
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    for script in scripts {
        let Some(link) = stage.link(script.case.station.system) else { continue };
        let (room, done) = (Arc::clone(&room), Arc::clone(&done));
        playing.spawn(async move {
            let _place = room.acquire().await;
            cases::play(script, link).await;
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
    stage.watch(playing, &done, total, options.kill).await.map(|(_, kills)| kills)
}
