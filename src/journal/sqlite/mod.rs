//! The SQLite store: one file, one writer thread with group commit, a few readers, checkpoints from aside.
//! This file opens it and lends the trait its verbs; `store` is what the writer owns, `tables` is what lies in the file,
//! `prepare` is what callers do before the writer. Only this folder knows that there is SQLite.

mod alerts;
mod append;
mod awaited;
pub mod backup;
mod checkpoint;
mod correct;
mod held;
mod had;
mod index;
mod inspect;
mod links;
mod log;
mod mark;
mod orders;
mod outcomes;
mod acts;
mod pages;
mod papers;
mod parties;
mod prepare;
mod prune;
mod read;
mod readings;
mod proposals;
mod registers;
mod rows;
mod sieve;
mod store;
mod strays;
mod sums;
mod sweep;
mod tables;
pub mod verify;
mod views;
mod words;
mod work;
mod wraps;
mod erase;
mod apart;
mod writer;

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;

use super::board::CLASSES;
use super::durable;
use super::wakes::Wakes;
use super::{
    Alert, AlertVerb, Appended, ClaimAsk, Counts, Entry, Erase, Erased, FeedAsk, FeedPage, Frozen, Journal,
    JournalError, Lease, LeaseToken, LinkRow, LinkVerb, LogPart, LogVerb, MessageFilter, MessageView, Order,
    OrderAnswer, OutcomeAnswer, OutcomeEntry, Payload, ProposalRow, ProposalVerb, Prune, Pruned, Reading, ReadingVerb,
    Readings, Refused, RevisionRow, RevisionVerb, Settlement, Snapshot, SnapshotAsk, StrayVerb, Strays, Tally,
    TallyAsk, UploadAnswer, UploadVerb,
};
use crate::clock::{Clock, Timestamp};
use crate::faults;
use crate::identifiers::MessageId;
use crate::seal::StoreKey;
use append::Done;
use index::Index;
use prepare::{Blind, Standing, Workshop};
use read::Readers;
use store::{Limits, Store};
use writer::Writer;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Wraps the data keys.
    pub store_key: StoreKey,
    /// Name of the key that signs receipts: pinned in each row.
    pub receipt_key_id: String,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Above so many unsettled deliveries nothing is accepted: each takes about a kilobyte of memory.
    pub max_open_deliveries: usize,
    /// How long an earlier liberty delivery's first attempt may hold a later one up.
    pub push_timeout: Duration,
    /// The longest pause between two attempts, for liberty and for the rest: nothing waits longer, whatever the clock did.
    pub longest_pauses: [Duration; CLASSES],
}

impl Options {
    /// Options with the defaults of `config/gateway.toml`.
    pub fn new(store_key: StoreKey, receipt_key_id: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            store_key,
            receipt_key_id,
            clock,
            max_open_deliveries: 1_000_000,
            push_timeout: Duration::from_secs(10),
            longest_pauses: [Duration::from_secs(60), Duration::from_secs(3600)],
        }
    }
}

/// Header keys are kept so long (design: idempotency).
const HEADER_KEYS_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// The store. Dropping it commits what is under way and ends its threads.
pub struct SqliteJournal {
    writer: Writer,
    threads: Vec<std::thread::JoinHandle<()>>,
    checkpoints: checkpoint::Stop,
    readers: Readers,
    path: PathBuf,
    workshop: Workshop,
    index: Arc<Index>,
    known: wraps::Known,
    kinds: RwLock<BTreeSet<String>>,
    clock: Arc<dyn Clock>,
    wakes: Arc<Wakes>,
    /// News that readers can see.
    seen: Arc<AtomicU64>,
    _lock: File,
}

impl SqliteJournal {
    /// Opens `journal.db` in the folder `data`, making it where there is none. Only one process may have it open.
    pub fn open(data: &Path, options: Options) -> Result<Self, JournalError> {
        let io = |error: std::io::Error| JournalError::Storage(format!("`{}`: {error}", data.display()));
        durable::make_folder(data).map_err(io)?;
        let lock = lock(&data.join("journal.lock"))?;
        let path = data.join("journal.db");
        inspect::file(&path)?;
        let conn = tables::open_writer(&path)?;
        let index = Arc::new(Index::default());
        let limits = Limits {
            max_open_deliveries: options.max_open_deliveries,
            push_timeout: options.push_timeout,
            header_keys_kept: HEADER_KEYS_KEPT,
            longest_pauses: options.longest_pauses,
            clock: Arc::clone(&options.clock),
            deeds: acts::key(&options.store_key),
        };
        inspect::schema(&conn)?;
        // Before anything else is read: what a cut log leaves of the tables may be of two moments.
        let mark = mark::Mark::open(data)?;
        mark.check(inspect::reached(&conn)?)?;
        inspect::tail(&conn)?;
        wraps::check(&conn, &options.store_key)?;
        let mut store = Store::load(conn, Arc::clone(&index), limits)?;
        store.mark = Some(mark);
        let kinds = store.counters("accepted/").map(|(kind, _)| kind.to_owned()).collect();
        let (wakes, seen) = (Arc::new(Wakes::default()), Arc::clone(&store.seen));
        let (writer, thread) = Writer::start(store, Arc::clone(&wakes))?;
        let (checkpoints, checkpointer) = checkpoint::start(&path, Arc::clone(&index))?;
        Ok(Self {
            writer,
            threads: vec![thread, checkpointer],
            checkpoints,
            readers: Readers::new(path.clone()),
            path,
            workshop: Workshop {
                blind: Blind::new(&options.store_key),
                keys: options.store_key,
                receipt_key_id: options.receipt_key_id,
                files: data.join("attachments"),
            },
            index,
            known: wraps::Known::default(),
            kinds: RwLock::new(kinds),
            clock: options.clock,
            wakes,
            seen,
            _lock: lock,
        })
    }

    /// Resolves with the reason when the store has failed for good: the process must end then, and find out by starting
    /// again what became of its last commit.
    pub async fn failed(&self) -> String {
        self.writer.failed().await
    }

    fn know_kind(&self, kind: &str) {
        let known = self.kinds.read().unwrap_or_else(PoisonError::into_inner).contains(kind);
        if !known {
            self.kinds.write().unwrap_or_else(PoisonError::into_inner).insert(kind.to_owned());
        }
    }

    /// The first version of the record that an entry replaces.
    fn root(&self, entry: &Entry) -> Result<Option<MessageId>, JournalError> {
        let Some(replaces) = entry.replaces else { return Ok(None) };
        self.readers.with(|conn| {
            let Some(seq) = read::seq_of(conn, replaces)? else { return Ok(None) };
            let row = read::head_row(conn, seq)?;
            Ok(row.map(|row| row.head.root.as_deref().and_then(MessageId::parse).unwrap_or(replaces)))
        })
    }

    fn appended(&self, done: Done, id: MessageId) -> Result<Appended, JournalError> {
        Ok(match done {
            Done::New(head, leaf, warnings) => {
                self.know_kind(&head.kind);
                Appended::New(head.stored(id, leaf, warnings))
            }
            Done::Known(seq) => {
                let stored = |conn: &_| {
                    let row = read::head_row(conn, seq)?.ok_or_else(|| rows::damaged("message row", seq))?;
                    self.stored(conn, seq, &row)
                };
                Appended::Replayed(self.readers.with(stored)?)
            }
            Done::KeyReused => Appended::KeyReused,
            Done::RecordChanged(newest) => Appended::RecordChanged(newest),
            Done::ReplacesUnknown => Appended::ReplacesUnknown,
            Done::AttachmentsMissing(missing) => Appended::AttachmentsMissing(missing),
            Done::Overloaded => Appended::Overloaded,
            Done::Crossed => Appended::Crossed,
        })
    }
}

impl Drop for SqliteJournal {
    /// Waits until everything under way is committed; the lock is let go only after that.
    fn drop(&mut self) {
        self.writer.close();
        self.checkpoints.now();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on its way down.
            drop(thread.join());
        }
    }
}

/// The lock that keeps a second process out, held while the store is open.
fn lock(path: &PathBuf) -> Result<File, JournalError> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|error| JournalError::Storage(format!("`{}`: {error}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Storage(format!(
            "the store is in use by another process (lock `{}`); stop that gateway first",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(JournalError::Storage(format!("`{}`: {error}", path.display()))),
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn append(&self, entry: Entry) -> Result<Appended, JournalError> {
        let (root, holders) = (self.root(&entry)?, self.holders(&entry.cases)?);
        let standing = Standing { root, about: None, holders };
        let id = entry.id;
        let prepared = self.workshop.prepare(entry, standing).await?;
        let large = [("original", prepared.original.is_none()), ("shared", prepared.shared.is_none())];
        let large = large.map(|(part, gone)| gone.then(|| self.workshop.file(part, id)));
        faults::point("append::before");
        let done = self.writer.run(move |store| store.append(prepared)).await;
        faults::point("append::after");
        // A commit whose fate is unknown may have named its files; what else did not write the message did not.
        if !matches!(done, Ok(Done::New(..)) | Err(JournalError::Fatal(_) | JournalError::Closed)) {
            // Nothing points to its files. Where they are not there to begin with, all is well too.
            large.into_iter().flatten().for_each(|path| drop(std::fs::remove_file(path)));
        }
        self.appended(done?, id)
    }

    async fn snapshot(&self, ask: SnapshotAsk) -> Result<Snapshot, JournalError> {
        self.read_snapshot(&ask)
    }

    async fn refuse(&self, refusal: Refused) -> Result<(), JournalError> {
        self.remember_refusal(refusal).await
    }

    async fn claim(&self, ask: ClaimAsk) -> Result<Vec<Lease>, JournalError> {
        self.claim_due(ask).await
    }

    async fn freeze(&self, lease: &LeaseToken, frozen: Frozen) -> Result<(), JournalError> {
        self.freeze_leased(lease, frozen).await
    }

    async fn settle(&self, lease: &LeaseToken, settlement: Settlement) -> Result<(), JournalError> {
        self.settle_leased(lease, settlement).await
    }

    async fn feed(&self, ask: FeedAsk) -> Result<FeedPage, JournalError> {
        self.page(ask).await
    }

    async fn show(&self, page: FeedPage, reading: Option<Reading>) -> Result<FeedPage, JournalError> {
        self.shown(page, reading).await
    }

    async fn answer(&self, outcomes: Vec<OutcomeEntry>) -> Result<Vec<OutcomeAnswer>, JournalError> {
        self.answer_all(outcomes).await
    }

    async fn message(&self, id: MessageId) -> Result<Option<MessageView>, JournalError> {
        self.readers.with(|conn| match read::seq_of(conn, id)? {
            Some(seq) => self.view(conn, seq),
            None => Ok(None),
        })
    }

    async fn messages(&self, filter: MessageFilter) -> Result<Vec<MessageView>, JournalError> {
        self.find_messages(&filter)
    }

    async fn tally(&self, ask: TallyAsk) -> Result<Tally, JournalError> {
        self.count_warned(&ask)
    }

    async fn payload(&self, id: MessageId) -> Result<Option<Payload>, JournalError> {
        self.read_payload(id)
    }

    async fn order(&self, order: Order) -> Result<OrderAnswer, JournalError> {
        self.obey(order).await
    }

    async fn link(&self, verb: LinkVerb) -> Result<Vec<LinkRow>, JournalError> {
        self.links(verb).await
    }

    async fn stray(&self, verb: StrayVerb) -> Result<Strays, JournalError> {
        self.strays(verb).await
    }

    async fn upload(&self, verb: UploadVerb) -> Result<UploadAnswer, JournalError> {
        self.register_upload(verb).await
    }

    async fn nameless(&self, before: Timestamp) -> Result<Vec<PathBuf>, JournalError> {
        self.nameless_files(before).await
    }

    async fn prune(&self, ask: Prune) -> Result<Pruned, JournalError> {
        self.prune_some(ask).await
    }

    async fn erase(&self, ask: Erase) -> Result<Erased, JournalError> {
        self.erase_case(ask).await
    }

    async fn revise(&self, verb: RevisionVerb) -> Result<Vec<RevisionRow>, JournalError> {
        self.revisions(verb).await
    }

    async fn spend(&self, jti: &str, until: Timestamp) -> Result<bool, JournalError> {
        self.spend_token(jti, until).await
    }

    async fn alert(&self, verb: AlertVerb) -> Result<Vec<Alert>, JournalError> {
        self.over_alerts(verb).await
    }

    async fn reading(&self, verb: ReadingVerb) -> Result<Readings, JournalError> {
        self.over_readings(verb).await
    }

    async fn proposal(&self, verb: ProposalVerb) -> Result<Vec<ProposalRow>, JournalError> {
        self.over_proposals(verb).await
    }

    async fn log(&self, verb: LogVerb) -> Result<LogPart, JournalError> {
        self.look_at_log(verb)
    }

    async fn count(&self) -> Result<Counts, JournalError> {
        self.counts().await
    }

    fn wakes(&self) -> Arc<Wakes> {
        Arc::clone(&self.wakes)
    }
}

#[cfg(test)]
mod tests;
