//! `icjs demo`: whole cases between simulated police, courts and prisons, through a real gateway that is killed on the way,
//! and the proof that nothing was lost, doubled or overtaken. The systems live here and keep their own books; the gateway is
//! a child process and knows nothing of them but their keys. Read `cases` for the scripts, `books`, then `proof`.

mod cases;
mod mind;
mod desk;
mod police;
mod prison;
mod court;
mod bench;
mod documents;
mod people;
mod world;
mod books;
mod proof;
mod finals;
mod report;
mod gateway;
mod link;
mod inbox;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::clock::{Clock, WallClock};
use crate::shell::client::Client;
use crate::shell::credentials::Credentials;
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::Output;
use bench::Bench;
use books::Books;
use court::Court;
use finals::Finals;
use gateway::Gateway;
use link::{Link, SharedBooks, open};
use mind::Clerk;
use prison::Jailer;
use proof::Proof;
use report::{Progress, Report};

/// What the demo is asked to do.
#[derive(Debug, Clone, Copy)]
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
}

/// Cases under way at once: enough to keep the gateway busy, few enough to see them pass.
const AT_ONCE: usize = 32;

/// How long after the last case everything must have ended.
const QUIET_WITHIN: Duration = Duration::from_secs(45);

/// Plays and proves. Without `once`, on a terminal, in rounds until Ctrl-C.
pub async fn run(options: Options, output: Output) -> Done {
    let dir = std::env::temp_dir().join(format!("icjs-demo-{}", std::process::id()));
    let played = tokio::select! {
        played = stage(&dir, options, output) => played,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    if options.keep || played.is_err() {
        output.note(&format!("the demo's folder is left at {}", dir.display()));
    } else {
        let _ = std::fs::remove_dir_all(&dir);
    }
    played
}

async fn stage(dir: &Path, options: Options, output: Output) -> Done {
    let mut stage = Stage::build(dir, options).await?;
    output.note(&format!(
        "a gateway and {} systems are up; folder {}",
        world::POLICE.len() + world::COURTS.len() + world::PRISONS.len(),
        dir.display()
    ));
    let mut round = 0;
    loop {
        let proof = stage.round(round, options, output).await?;
        if !proof.holds() {
            return Err(Failure::new(
                Exit::Bug,
                "the proof does not hold",
                "the faults are listed above; the folder holds the gateway's log and store",
            ));
        }
        round += 1;
        if options.once || !output.terminal() {
            break;
        }
        stage.invite(output);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    stage.over.store(true, Ordering::Relaxed);
    stage.gateway.stop().await?;
    next_steps(output);
    Ok(())
}

/// Where to look after the demo.
fn next_steps(output: Output) {
    if output.json {
        return;
    }
    output.line("");
    output.line(
        "try it yourself:  icjs init my-gateway  makes a folder with two systems and their keys, and says how to go on",
    );
}

fn no_port(error: &std::io::Error) -> Failure {
    file_failure(Path::new("127.0.0.1:0"), error)
}

/// Everything that takes part.
struct Stage {
    gateway: Gateway,
    books: SharedBooks,
    police: HashMap<&'static str, Arc<Link>>,
    courts: Vec<Arc<Link>>,
    finals: Finals,
    over: Arc<AtomicBool>,
    progress: Progress,
}

impl Stage {
    async fn build(dir: &Path, options: Options) -> Result<Self, Failure> {
        let books: SharedBooks = Arc::new(Mutex::new(Books::default()));
        let mut inboxes = Vec::new();
        for (place, system) in (0_u64..).zip(world::POLICE) {
            let desk = police::desk(system, Arc::clone(&books), Arc::new(Clerk), options.seed.wrapping_add(place));
            inboxes.push(((*system).to_owned(), desk.open().await.map_err(|error| no_port(&error))?));
        }
        let mut jailers = Vec::new();
        let mut prisons = Vec::new();
        for (place, system) in (100_u64..).zip(world::PRISONS) {
            let seed = options.seed.wrapping_add(place);
            let jailer = Arc::new(Jailer::new(Arc::clone(&books), seed));
            let desk = prison::desk(system.name, Arc::clone(&books), jailer.clone(), seed);
            prisons.push((system.name.to_owned(), desk.open().await.map_err(|error| no_port(&error))?));
            jailers.push((system.name, jailer));
        }
        world::write(dir, &inboxes, &prisons)?;
        let mut gateway = Gateway::new(dir);
        gateway.start().await?;
        let folder = GatewayFolder::at(dir);
        let client = Client::new()?;
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let line = |system: &str| -> Result<Arc<Link>, Failure> {
            let credentials = Credentials::read(&folder, system, None)?;
            let link =
                Link::new(credentials, client.clone(), Arc::clone(&clock), gateway.addresses(), Arc::clone(&books));
            Ok(Arc::new(link))
        };
        let mut police = HashMap::new();
        for system in world::POLICE {
            police.insert(*system, line(system)?);
        }
        for (system, jailer) in jailers {
            jailer.connect(line(system)?);
        }
        let courts = world::COURTS.iter().map(|courts| line(courts.name)).collect::<Result<Vec<_>, _>>()?;
        let finals = Finals::new(client.clone(), folder.clone(), gateway.addresses());
        let over = Arc::new(AtomicBool::new(false));
        Ok(Self { gateway, books, police, courts, finals, over, progress: Progress::new() })
    }

    /// One round: its cases, its kills, the wait for quiet, the table and the proof.
    async fn round(&mut self, round: u32, options: Options, output: Output) -> Result<Proof, Failure> {
        let scripts = cases::write(options.cases, round, options.seed);
        let pulling = self.open_courts(&scripts, options.seed);
        let began = Instant::now();
        let kills = self.play(scripts, options).await?;
        self.quiet().await;
        drop(pulling);
        self.progress.end();
        let finals = self.finals.all().await?;
        let books = open(&self.books);
        let proof = proof::check(&books, &finals);
        let mut report = Report::of(&books, &finals);
        if output.json {
            output.document(&report.document(&proof, &books, kills));
        } else {
            output.line(format!("{} cases in {:.1} s", options.cases, began.elapsed().as_secs_f64()));
            report.print(&proof, &books, kills, output);
        }
        Ok(proof)
    }

    /// Sets the courts to work with the docket of this round. They end when the answer is dropped.
    fn open_courts(&self, scripts: &[cases::Script], seed: u64) -> JoinSet<()> {
        let docket = scripts
            .iter()
            .map(|script| ((script.case.station.code.to_owned(), u64::from(script.case.serial)), script.case.clone()));
        let docket: Arc<HashMap<_, _>> = Arc::new(docket.collect());
        let mut pulling = JoinSet::new();
        for (place, (courts, link)) in (1_u64..).zip(world::COURTS.iter().zip(&self.courts)) {
            let numbered = open(&self.books).sent.len();
            let bench = Bench {
                link: Arc::clone(link),
                docket: Arc::clone(&docket),
                numbered: AtomicU32::new(u32::try_from(numbered).unwrap_or_default() + 1),
                dice: Mutex::new(Rng::with_seed(seed ^ place)),
            };
            let court = Arc::new(Court {
                link: Arc::clone(link),
                mind: Arc::new(bench),
                over: Arc::clone(&self.over),
                judged: Mutex::default(),
            });
            for (puller, offices) in (0_u64..).zip(courts.pullers) {
                let dice = Rng::with_seed(seed ^ (place * 1000 + puller));
                pulling.spawn(Arc::clone(&court).pull(offices, dice));
            }
        }
        pulling
    }

    /// Plays all scripts, and kills the gateway on the way; how often is the answer.
    async fn play(&mut self, scripts: Vec<cases::Script>, options: Options) -> Result<u32, Failure> {
        let total = scripts.len();
        let done = Arc::new(AtomicUsize::new(0));
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut playing = JoinSet::new();
        for script in scripts {
            let Some(link) = self.police.get(script.case.station.system).map(Arc::clone) else { continue };
            let (room, done) = (Arc::clone(&room), Arc::clone(&done));
            playing.spawn(async move {
                let _place = room.acquire().await;
                cases::play(script, link).await;
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let mut kills = 0;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tokio::select! {
                ended = playing.join_next() => match ended {
                    None => break,
                    Some(Err(error)) => open(&self.books).troubles.push(format!("a case broke off: {error}")),
                    Some(Ok(())) => {}
                },
                _ = tick.tick() => {}
            }
            let finished = done.load(Ordering::Relaxed);
            // Spread over the round: the first kill after a share of the cases, the last before the last share.
            let due = total * (kills as usize + 1) / (options.kill as usize + 1);
            if kills < options.kill && finished >= due.min(total.saturating_sub(1)) {
                self.gateway.kill().await;
                kills += 1;
                self.gateway.start().await?;
            }
            self.progress.show(finished, total, &open(&self.books), kills);
        }
        Ok(kills)
    }

    /// Waits until no delivery is under way, twice in a row: an outcome may follow what was the last.
    async fn quiet(&mut self) {
        let began = Instant::now();
        let mut calm = 0;
        while calm < 3 && began.elapsed() < QUIET_WITHIN {
            let open = open(&self.books).busy() || self.finals.some_open().await;
            calm = if open { 0 } else { calm + 1 };
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    /// Says where to look while it goes on.
    fn invite(&self, output: Output) {
        let addresses = self.gateway.addresses().borrow().clone();
        if let Some(addresses) = addresses {
            output.line(format!(
                "look at {}/docs and {}/metrics; the next round begins in 3 s, Ctrl-C ends",
                addresses.exchange, addresses.ops
            ));
        }
    }
}
