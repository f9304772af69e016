//! The one thread that writes. It takes what has gathered, runs every job in a savepoint of its own, commits once, and
//! only then lets anybody know. Under load it waits a moment for more. A commit whose fate is unknown ends the store for good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::super::JournalError;
use super::store::Store;
use crate::journal::wakes::Wakes;

/// Most jobs of one commit.
const BATCH: usize = 256;
/// So many jobs are worth a commit at once.
const ENOUGH: usize = 32;
/// Nobody waits longer than this for company.
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// How a commit ended.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// What the jobs did is durable.
    Durable,
    /// The disk is full; everything was rolled back.
    Full,
    /// Unknown, or the store cannot go on: the process must end.
    Fatal(String),
}

/// One job for the writer, with somebody waiting for its result.
pub(super) trait Job: Send {
    /// Does the work within the open transaction.
    fn run(&mut self, store: &mut Store);
    /// Tells the result, once its fate is known.
    fn finish(self: Box<Self>, fate: &Fate);
}

struct Task<W, T> {
    work: Option<W>,
    result: Option<Result<T, JournalError>>,
    reply: oneshot::Sender<Result<T, JournalError>>,
}

impl<W, T> Job for Task<W, T>
where
    W: FnOnce(&mut Store) -> Result<T, JournalError> + Send,
    T: Send,
{
    fn run(&mut self, store: &mut Store) {
        self.result = self.work.take().map(|work| store.guarded(work));
    }

    fn finish(self: Box<Self>, fate: &Fate) {
        let result = match fate {
            Fate::Durable => self.result.unwrap_or(Err(JournalError::Closed)),
            Fate::Full => Err(JournalError::Full),
            Fate::Fatal(why) => Err(JournalError::Fatal(why.clone())),
        };
        // A caller that has gone away has lost only the news: what is durable stays so.
        drop(self.reply.send(result));
    }
}

/// The callers' end.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    failed: watch::Receiver<Option<String>>,
}

impl Writer {
    /// Starts the thread. It ends, with a last commit, once every `Writer` is gone.
    pub(super) fn start(store: Store, wakes: Arc<Wakes>) -> Result<(Self, std::thread::JoinHandle<()>), JournalError> {
        let (jobs, queue) = mpsc::channel(4 * BATCH);
        let (broken, failed) = watch::channel(None);
        let thread = std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || work(store, queue, &broken, &wakes))
            .map_err(|error| JournalError::Storage(error.to_string()))?;
        Ok((Self { jobs, failed }, thread))
    }

    /// Has `work` done by the writer; returns once its fate is known.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (reply, result) = oneshot::channel();
        let task = Task { work: Some(work), result: None, reply };
        if self.jobs.send(Box::new(task)).await.is_err() {
            return Err(self.gone());
        }
        result.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Takes no more jobs; the thread ends once it has done those that it has.
    pub(super) fn close(&mut self) {
        self.jobs = mpsc::channel(1).0;
    }

    /// Resolves when the store has failed for good, with the reason.
    pub(super) async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    fn gone(&self) -> JournalError {
        self.failed.borrow().clone().map_or(JournalError::Closed, JournalError::Fatal)
    }
}

/// How long to wait for company before a commit. A commit costs the same for one job as for many, so that under load the
/// writer waits as long as its last commit took; somebody who is alone waits for nobody.
#[derive(Debug, Default)]
struct Pace {
    jobs: usize,
    took: Duration,
}

impl Pace {
    fn took(&mut self, jobs: usize, took: Duration) {
        (self.jobs, self.took) = (jobs, took);
    }

    fn pause(&self, gathered: usize) -> Option<Duration> {
        (self.jobs > 1 && gathered < ENOUGH).then_some(self.took.min(LONGEST_PAUSE))
    }
}

/// Takes what is there.
fn gather(queue: &mut mpsc::Receiver<Box<dyn Job>>, batch: &mut Vec<Box<dyn Job>>) {
    while batch.len() < BATCH
        && let Ok(job) = queue.try_recv()
    {
        batch.push(job);
    }
}

fn work(
    mut store: Store,
    mut queue: mpsc::Receiver<Box<dyn Job>>,
    broken: &watch::Sender<Option<String>>,
    wakes: &Wakes,
) {
    let mut full = false;
    let mut pace = Pace::default();
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        gather(&mut queue, &mut batch);
        if let Some(pause) = pace.pause(batch.len()) {
            std::thread::sleep(pause);
            gather(&mut queue, &mut batch);
        }
        let (began, jobs) = (Instant::now(), batch.len());
        for job in &mut batch {
            job.run(&mut store);
        }
        let wrote = store.wrote();
        let fate = store.commit(batch.len());
        if let Fate::Fatal(why) = &fate {
            tracing::error!(reason = %why, "the store failed; the process must end");
            broken.send_replace(Some(why.clone()));
        }
        said_full(&fate, wrote, &mut full);
        for job in batch {
            job.finish(&fate);
        }
        if matches!(fate, Fate::Fatal(_)) {
            return;
        }
        pace.took(jobs, began.elapsed());
        for (system, hint) in store.board.take_rung() {
            wakes.ring(&system, hint);
        }
    }
}

/// A full disk is said when it begins and when it is over, not at every record that it turns away.
fn said_full(fate: &Fate, wrote: bool, full: &mut bool) {
    match fate {
        Fate::Full if !*full => {
            tracing::error!("the disk is full: nothing is accepted or settled; make room there (`df -h` shows it)");
            *full = true;
        }
        Fate::Durable if *full && wrote => {
            tracing::info!("there is room on the disk again");
            *full = false;
        }
        _ => {}
    }
}
