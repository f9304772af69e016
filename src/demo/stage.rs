//! Everything that takes part in a demo: the gateway as a child process, the simulated systems with their lines to it, their
//! books. It is built once, watched while cases are played (and the gateway killed), and waited for until all is quiet.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::JoinSet;

use super::Options;
use super::books::Books;
use super::bureau::{self, Bureau};
use super::desk::{Desk, Manner};
use super::finals::Finals;
use super::gateway::Gateway;
use super::link::{Link, Phone, SharedBooks, open};
use super::mind::Mind;
use super::police::{self, Constable};
use super::prison::{self, Jailer};
use super::process::{self, Server};
use super::puller::Puller;
use super::report::Progress;
use super::world::{self, Doors, System, Wire};
use crate::clock::{Clock, WallClock};
use crate::shell::client::Client;
use crate::shell::credentials::Credentials;
use crate::shell::exit::{Done, Failure, file_failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::Output;

/// How long after the last case everything must have ended.
const QUIET_WITHIN: Duration = Duration::from_secs(45);

/// Everything that takes part.
pub struct Stage {
    gateway: Gateway,
    /// The books of all systems.
    pub books: SharedBooks,
    /// Each system's line.
    pub links: Arc<HashMap<String, Arc<Link>>>,
    /// The doors of those that can be closed.
    pub doors: Doors,
    /// The administrator's view.
    pub finals: Finals,
    over: Arc<AtomicBool>,
    /// What is shown meanwhile.
    pub progress: Progress,
}

fn no_port(error: &std::io::Error) -> Failure {
    file_failure(Path::new("127.0.0.1:0"), error)
}

/// Who works in a system that is pushed to.
fn worker(system: &System, books: SharedBooks, phone: Phone, seed: u64) -> Arc<dyn Mind> {
    match system.adapter {
        "eprisons" => Arc::new(Jailer::new(books, phone, seed)),
        "nafis" => Arc::new(Bureau::new(books, phone)),
        "icops" => Arc::new(Server::new(books, phone)),
        _ => Arc::new(Constable::new(books, phone)),
    }
}

/// How a system answers a push.
fn manner(system: &System) -> Manner {
    match system.adapter {
        "eprisons" => prison::MANNER,
        "nafis" => bureau::MANNER,
        "icops" => process::MANNER,
        world::VARIANT => police::VARIANT_MANNER,
        _ => police::MANNER,
    }
}

impl Stage {
    /// Writes the folder, opens the inboxes and starts the gateway. With `script` every system that is pushed to answers by
    /// it; without, each does its work.
    pub async fn build(dir: &Path, options: &Options, script: Option<Arc<dyn Mind>>) -> Result<Self, Failure> {
        let books: SharedBooks = Arc::new(Mutex::new(Books::default()));
        let doors = Doors::new();
        let (mut inboxes, mut phones) = (Vec::new(), Vec::new());
        for (seed, system) in (options.seed..).zip(world::SYSTEMS.iter().filter(|system| system.wire == Wire::Push)) {
            let phone = Phone::default();
            let mind = script.clone().unwrap_or_else(|| worker(system, Arc::clone(&books), Arc::clone(&phone), seed));
            let dice = Mutex::new(Rng::with_seed(seed));
            let (manner, door) = (manner(system), doors.of(system.name));
            let desk = Desk { system: system.name, books: Arc::clone(&books), manner, mind, door, dice };
            inboxes.push((system.name.to_owned(), desk.open().await.map_err(|error| no_port(&error))?));
            phones.push((system.name, phone));
        }
        world::write(dir, &inboxes, options.tls)?;
        let mut gateway = Gateway::new(dir);
        gateway.start().await?;
        let folder = GatewayFolder::at(dir);
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let mut links = HashMap::new();
        for system in world::SYSTEMS {
            let credentials = Credentials::read(&folder, system.name, None)?;
            let (_, client) = folder.exchange(system.name)?;
            let (clock, books) = (Arc::clone(&clock), Arc::clone(&books));
            let link = Arc::new(Link::new(credentials, client, clock, gateway.addresses(), books));
            links.insert(system.name.to_owned(), link);
        }
        for (system, phone) in phones {
            if let Some(link) = links.get(system) {
                // Set once, before the first case begins.
                let _ = phone.set(Arc::clone(link));
            }
        }
        let finals = Finals::new(Client::new()?, folder, gateway.addresses());
        let (links, over) = (Arc::new(links), Arc::default());
        Ok(Self { gateway, books, links, doors, finals, over, progress: Progress::new() })
    }

    /// A system's line.
    pub fn link(&self, system: &str) -> Option<Arc<Link>> {
        self.links.get(system).map(Arc::clone)
    }

    /// Says that all are there.
    pub fn introduce(&self, dir: &Path, output: Output) {
        output.note(&format!("a gateway and {} systems are up; folder {}", self.links.len(), dir.display()));
    }

    /// Sets all systems to work that pull; `mind` gives each its people, and `to_the_letter` is as in `Puller`. They end when
    /// the answer is dropped.
    pub fn open_feeds(
        &self,
        seed: u64,
        to_the_letter: bool,
        mind: impl Fn(&Arc<Link>) -> Arc<dyn Mind>,
    ) -> JoinSet<()> {
        let mut pulling = JoinSet::new();
        for (place, system) in (1_u64..).zip(world::SYSTEMS.iter().filter(|system| system.wire == Wire::Feed)) {
            let Some(link) = self.link(system.name) else { continue };
            let puller = Arc::new(Puller {
                mind: mind(&link),
                link,
                to_the_letter,
                door: self.doors.of(system.name),
                over: Arc::clone(&self.over),
                judged: Mutex::default(),
            });
            for (nth, offices) in (0_u64..).zip(system.groups) {
                let dice = Rng::with_seed(seed ^ (place * 1000 + nth));
                pulling.spawn(Arc::clone(&puller).pull(offices, dice));
            }
        }
        pulling
    }

    /// Waits for everything that plays, and kills the gateway so often on the way: spread over `total`, of which `done` says
    /// how much is over. What was played and how often it was killed is the answer.
    pub async fn watch<T: 'static>(
        &mut self,
        mut playing: JoinSet<T>,
        done: &AtomicUsize,
        total: usize,
        kill: u32,
    ) -> Result<(Vec<T>, u32), Failure> {
        let (mut played, mut kills) = (Vec::new(), 0);
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tokio::select! {
                ended = playing.join_next() => match ended {
                    None => break,
                    Some(Err(error)) => open(&self.books).troubles.push(format!("a case broke off: {error}")),
                    Some(Ok(one)) => played.push(one),
                },
                _ = tick.tick() => {}
            }
            let finished = done.load(Ordering::Relaxed);
            // The first kill after a share of the whole, the last before the last share.
            let due = total * (kills as usize + 1) / (kill as usize + 1);
            if kills < kill && finished >= due.min(total.saturating_sub(1)) {
                self.gateway.kill().await;
                kills += 1;
                self.gateway.start().await?;
            }
            self.progress.show(finished, total, &open(&self.books), kills);
        }
        Ok((played, kills))
    }

    /// Waits until no system has anything to do and no delivery is under way, several times in a row: an outcome may follow
    /// what was the last.
    pub async fn quiet(&mut self) {
        let began = Instant::now();
        let mut calm = 0;
        while calm < 3 && began.elapsed() < QUIET_WITHIN {
            let open = open(&self.books).busy() || self.finals.some_open().await;
            calm = if open { 0 } else { calm + 1 };
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    /// Says where to look while it goes on.
    pub fn invite(&self, output: Output) {
        let addresses = self.gateway.addresses().borrow().clone();
        if let Some(addresses) = addresses {
            output.line(format!(
                "look at {}/docs and {}/metrics; the next round begins in 3 s, Ctrl-C ends",
                addresses.exchange, addresses.ops
            ));
        }
    }

    /// Ends everything in good order.
    pub async fn end(&mut self) -> Done {
        self.over.store(true, Ordering::Relaxed);
        self.gateway.stop().await
    }
}
