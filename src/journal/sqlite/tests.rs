//! The SQLite store under the conformance suite, and what only it must do.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Options, SqliteJournal};
use crate::clock::{Clock, ManualClock};
use crate::journal::Journal;
use crate::journal::conformance::{self, Stage};
use crate::seal::StoreKey;

struct Folder {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    journal: Option<Arc<SqliteJournal>>,
}

fn options(clock: &Arc<ManualClock>) -> Options {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    Options::new(StoreKey::new(&[3; 32]).unwrap(), "receipts".to_owned(), clock)
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(conformance::dawn()));
        let journal = Some(Arc::new(SqliteJournal::open(folder.path(), options(&clock)).unwrap()));
        Self { folder, clock, journal }
    }
}

#[async_trait]
impl Stage for Folder {
    fn journal(&self) -> Arc<dyn Journal> {
        Arc::<SqliteJournal>::clone(self.journal.as_ref().unwrap())
    }

    async fn reopen(&mut self) {
        drop(self.journal.take());
        // Another test's program, between its fork and its start, has the lock for an instant.
        let mut tries = 0;
        let opened = loop {
            match SqliteJournal::open(self.folder.path(), options(&self.clock)) {
                Err(JournalError::Storage(what)) if what.contains("in use") && tries < 100 => tries += 1,
                opened => break opened.unwrap(),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        self.journal = Some(Arc::new(opened));
    }

    fn clock(&self) -> Arc<ManualClock> {
        Arc::clone(&self.clock)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_conforms() {
    conformance::run(|| Box::new(Folder::new())).await;
}

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::tables::FORMAT;
use crate::identifiers::MessageId;
use crate::journal::conformance::{append, case, claim, deliver, event, frozen, push, record, state, to};
use crate::journal::{Appended, Entry, JournalError, MessageFilter, OutcomeWord, State, UploadVerb};

/// Opens the file behind the store's back, while it is closed.
fn behind(stage: &mut Folder, change: impl FnOnce(&Connection)) {
    drop(stage.journal.take());
    change(&Connection::open(stage.folder.path().join("journal.db")).unwrap());
    stage.journal = Some(Arc::new(SqliteJournal::open(stage.folder.path(), options(&stage.clock)).unwrap()));
}

#[tokio::test]
async fn a_store_in_use_is_not_opened_twice() {
    let stage = Folder::new();
    let Err(second) = SqliteJournal::open(stage.folder.path(), options(&stage.clock)) else { panic!("opened twice") };
    assert!(second.to_string().contains("in use by another process"), "{second}");
}

#[tokio::test]
async fn a_store_of_a_newer_format_is_refused() {
    let mut stage = Folder::new();
    drop(stage.journal.take());
    let conn = Connection::open(stage.folder.path().join("journal.db")).unwrap();
    conn.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(conn);
    let opened = SqliteJournal::open(stage.folder.path(), options(&stage.clock));
    assert!(matches!(opened.err(), Some(JournalError::TooNew { found: 99, known: FORMAT })));
}

#[tokio::test]
async fn a_store_of_an_older_format_is_brought_up_with_all_that_it_holds() {
    let mut stage = Folder::new();
    let of_case = |body: &str| {
        let entry = Entry { cases: vec![case(1)], ..record(&stage, body) };
        to(entry, vec![push("court:DLCT01", &[case(1)])])
    };
    let (one, two) = (of_case("1"), of_case("2"));
    let one = append(&stage, one).await;
    behind(&mut stage, |conn| {
        super::sums::install(conn).unwrap();
        sealed_as_before(conn);
        let columns = ["by", "reason", "ended_at", "ended_by", "ended_reason"];
        let columns = columns.map(|column| format!("ALTER TABLE link DROP COLUMN {column};")).concat();
        let tables = ["held", "moved", "cause", "alert", "awaited"]
            .into_iter()
            .chain(super::sums::LATER)
            .map(|table| format!("DROP TABLE {table};"))
            .collect::<String>();
        let digests = super::sums::SUMMED.map(|summed| summed.table);
        let digests = digests
            .iter()
            .filter(|table| !["held", "cause"].iter().chain(&super::sums::LATER).any(|new| new == *table));
        let digests: String = digests.map(|table| format!("ALTER TABLE {table} DROP COLUMN guard;")).collect();
        conn.execute_batch(&format!("DROP INDEX link_message; {columns} {tables} {digests} PRAGMA user_version = 1;"))
            .unwrap();
    });
    assert_eq!(state(&stage, &one.id, 1).await, State::Queued);
    let lease = claim(&stage, conformance::COURT).await.remove(0);
    deliver(&stage, &lease, OutcomeWord::Received).await;
    append(&stage, two).await;
    stage.reopen().await;
    assert_eq!(state(&stage, &one.id, 1).await, State::Delivered);
    let data = stage.folder.path();
    let places = super::verify::Places::new(data.to_owned(), &data.join("attachments"));
    let found = super::verify::verify(&places, Some(&StoreKey::new(&[3; 32]).unwrap())).unwrap();
    assert!(found.is_sound(), "{found:?}");
    // Its old record and its new one go with their case, once both are settled.
    let lease = claim(&stage, conformance::COURT).await.remove(0);
    deliver(&stage, &lease, OutcomeWord::Received).await;
    let erased = stage.journal().erase(conformance::erase(&stage, case(1), false)).await.unwrap();
    assert_eq!(erased.messages.len(), 2, "{erased:?}");
    assert!(stage.journal().payload(MessageId::parse(&one.id).unwrap()).await.unwrap().is_none());
    let found = super::verify::verify(&places, Some(&StoreKey::new(&[3; 32]).unwrap())).unwrap();
    assert!(found.is_sound(), "{found:?}");
}

/// Gives every record the data key that it had before format 6: one of its own, wrapped by the key of the store.
fn sealed_as_before(conn: &Connection) {
    let keys = StoreKey::new(&[3; 32]).unwrap();
    let last: i64 = conn.query_row("SELECT max(seq) FROM message", [], |row| row.get(0)).unwrap();
    for row_number in 1..=last {
        let seq = u64::try_from(row_number).unwrap();
        let row = super::read::full_row(conn, seq).unwrap().unwrap();
        let was = super::wraps::data_key(conn, &keys, seq, &row).unwrap().unwrap();
        let (key, wrapped) = keys.data_key().unwrap();
        let part = |part: &str, sealed: &Option<Vec<u8>>| {
            let plain = super::rows::unpack(&was, part, row.id, sealed.as_ref()?).unwrap();
            Some(super::rows::pack(&key, part, row.id, &plain).unwrap())
        };
        let (original, shared) = (part("original", &row.original), part("shared", &row.shared));
        let private = part("private", &row.private);
        let head: Vec<u8> =
            conn.query_row("SELECT head FROM message WHERE seq = ?1", [row_number], |row| row.get(0)).unwrap();
        let (hashes, id, leaf) = (row.keys.clone().unwrap(), row.id, row.leaf);
        let (wrapped, private) = (wrapped.as_slice(), private.as_deref());
        let guard = super::prepare::GuardedRow { seq, leaf, id, head: &head, wrapped, keys: &hashes, private }.guard();
        conn.execute(
            "UPDATE message SET wrapped = ?2, private = ?3, original = ?4, shared = ?5, guard = ?6 WHERE seq = ?1",
            params![row_number, wrapped, private, original, shared, guard],
        )
        .unwrap();
    }
}

/// Wraps that rows had themselves before format 6 (of a record, of what was said of it, of a file), each in place of what
/// is there now.
fn wrapped_as_before(conn: &Connection) -> Vec<Vec<u8>> {
    super::sums::install(conn).unwrap();
    sealed_as_before(conn);
    let keys = StoreKey::new(&[3; 32]).unwrap();
    let (_, of_said) = keys.data_key().unwrap();
    let (_, of_file) = keys.data_key().unwrap();
    let sum = super::sums::SAID.sum("number, nth, word, mac, ?1, sealed");
    assert_eq!(conn.execute(&format!("UPDATE said SET wrapped = ?1, guard = {sum}"), [&of_said]).unwrap(), 1);
    let sum = super::sums::UPLOAD.sum("system, digest, size, done, ?1, at, bound");
    let key = [&[9; crate::journal::uploads::NAME], of_file.as_slice()].concat();
    assert_eq!(conn.execute(&format!("UPDATE upload SET key = ?1, guard = {sum}"), [&key]).unwrap(), 1);
    let of_record = conn.query_row("SELECT wrapped FROM message WHERE seq = 1", [], |row| row.get(0)).unwrap();
    vec![of_record, of_said, of_file]
}

/// Which of these stand somewhere in the files of the store.
fn standing(folder: &Path, wraps: &[Vec<u8>]) -> Vec<usize> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file());
    let all: Vec<Vec<u8>> = files.map(|path| std::fs::read(path).unwrap()).collect();
    let stands = |wrap: &[u8]| all.iter().any(|bytes| bytes.windows(wrap.len()).any(|at| at == wrap));
    (0..wraps.len()).filter(|nth| stands(&wraps[*nth])).collect()
}

#[tokio::test]
async fn of_an_erased_case_of_an_older_format_no_wrap_is_left_in_the_files_of_the_open_store() {
    let mut stage = Folder::new();
    let (system, digest) = (conformance::POLICE.to_owned(), [7; 32]);
    let key = vec![9; crate::journal::uploads::NAME + crate::seal::WRAPPED_KEY_LEN];
    let put = UploadVerb::Put { system, digest, offset: 5, done: true, key, at: conformance::dawn() };
    stage.journal().upload(put).await.unwrap();
    let entry = Entry { cases: vec![case(1)], attachments: vec![digest], ..record(&stage, "gone") };
    append(&stage, to(entry, vec![push("court:DLCT01", &[case(1)])])).await;
    let lease = claim(&stage, conformance::COURT).await.remove(0);
    stage.journal().freeze(&lease.token, frozen("native")).await.unwrap();
    deliver(&stage, &lease, OutcomeWord::Executed).await;
    let mut wraps = Vec::new();
    behind(&mut stage, |conn| wraps = wrapped_as_before(conn));
    assert_eq!(standing(stage.folder.path(), &wraps), [0, 1, 2], "they are in the store");
    let erased = stage.journal().erase(conformance::erase(&stage, case(1), false)).await.unwrap();
    assert_eq!((erased.messages.len(), erased.files.len()), (1, 1), "{erased:?}");
    // While it is open: closing a store empties the log by itself, and a gateway would go on.
    assert_eq!(standing(stage.folder.path(), &wraps), [0; 0], "a destroyed wrap lies in the store yet");
}

/// What the digests of the rows of one accepted record cost, on this machine. `--ignored --nocapture` prints it.
#[tokio::test]
#[ignore = "measures"]
async fn the_digests_of_rows_cost_little() {
    let conn = Connection::open_in_memory().unwrap();
    super::sums::install(&conn).unwrap();
    let feed =
        "feed (system TEXT, class INTEGER, position INTEGER, number INTEGER, office TEXT, kind TEXT, guard INTEGER,
                PRIMARY KEY (system, class, position)) WITHOUT ROWID";
    let mut took = Vec::new();
    for sql in [
        super::sums::FEED.insert(),
        "INSERT INTO feed (system, class, position, number, office, kind, guard) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)"
            .into(),
    ] {
        conn.execute_batch(&format!("DROP TABLE IF EXISTS feed; CREATE TABLE {feed}; BEGIN")).unwrap();
        let began = std::time::Instant::now();
        for n in 0..100_000_i64 {
            let row = params!["ecourts-dl", 1, n, n << 16, "court:DLCT01/2", "charge-sheet"];
            conn.prepare_cached(&sql).unwrap().execute(row).unwrap();
        }
        took.push(began.elapsed() / 100_000);
        conn.execute_batch("COMMIT").unwrap();
    }
    println!("a row of `feed` with its digest {:?}, without {:?}", took[0], took[1]);
}

#[tokio::test]
async fn keys_are_found_in_memory_while_they_are_merged_and_after_every_restart() {
    let mut stage = Folder::new();
    let entry = |stage: &Folder, n: u32| Entry {
        idempotency: event(&n.to_string()),
        cases: vec![case(n)],
        ..record(stage, &n.to_string())
    };
    for n in 0..500 {
        append(&stage, entry(&stage, n)).await;
        if n % 97 == 0 {
            stage.reopen().await;
        }
    }
    let merged: i64 = {
        let conn = Connection::open(stage.folder.path().join("journal.db")).unwrap();
        conn.query_row("SELECT count(*) FROM keyed", [], |row| row.get(0)).unwrap()
    };
    assert!(merged > 256, "{merged}");
    for n in 0..500 {
        let twin = Entry { id: MessageId::new(conformance::dawn()), ..entry(&stage, n) };
        assert!(matches!(stage.journal().append(twin).await.unwrap(), Appended::Replayed(_)), "{n}");
        let filter = MessageFilter { case: Some(case(n)), limit: 10, ..MessageFilter::default() };
        assert_eq!(stage.journal().messages(filter).await.unwrap().len(), 1, "{n}");
    }
}

#[tokio::test]
async fn a_store_that_is_opened_again_and_again_merges_its_keys_all_the_same() {
    let mut stage = Folder::new();
    let merged = |stage: &Folder| -> i64 {
        let conn = Connection::open(stage.folder.path().join("journal.db")).unwrap();
        let sql = "SELECT coalesce(max(value), 0) FROM meta WHERE name = 'merged messages'";
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    // Fewer records between two starts than a merge of what waits at first takes.
    let mut furthest = 0;
    for round in 0_u32..120 {
        for n in round * 5..round * 5 + 5 {
            let entry = Entry { idempotency: event(&n.to_string()), cases: vec![case(n)], ..record(&stage, "x") };
            append(&stage, entry).await;
        }
        stage.reopen().await;
        furthest = furthest.max(i64::from(round * 5 + 5) - merged(&stage));
    }
    assert!(furthest < 400, "a start read {furthest} of 600 rows");
    for n in 0..600 {
        let filter = MessageFilter { case: Some(case(n)), limit: 10, ..MessageFilter::default() };
        assert_eq!(stage.journal().messages(filter).await.unwrap().len(), 1, "{n}");
    }
}

#[tokio::test]
async fn a_changed_row_is_reported_and_its_delivery_parked() {
    for column in ["head", "wrapped", "original", "shared", "keys"] {
        let stage = Folder::new();
        let entry = to(record(&stage, "x"), vec![push("court:DLCT01", &[case(1)])]);
        let stored = append(&stage, entry.clone()).await;
        let good = append(&stage, to(record(&stage, "y"), vec![push("court:DLCT01", &[case(2)])])).await;
        // Beside the open store: a start would refuse what is damaged among the last rows.
        let conn = Connection::open(stage.folder.path().join("journal.db")).unwrap();
        let sql = format!("SELECT {column} FROM message WHERE seq = 1");
        let mut bytes: Vec<u8> = conn.query_row(&sql, [], |row| row.get(0)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        conn.execute(&format!("UPDATE message SET {column} = ?1 WHERE seq = 1"), params![bytes]).unwrap();
        let payload = stage.journal().payload(entry.id).await;
        assert!(matches!(payload, Err(JournalError::Damaged(_))), "{column}: {payload:?}");
        let leases = claim(&stage, conformance::COURT).await;
        assert_eq!(leases.len(), 1, "{column}");
        assert_eq!(leases[0].message.id.to_string(), good.id);
        if matches!(column, "original" | "shared") {
            assert_eq!(state(&stage, &stored.id, 1).await, State::Parked);
        }
    }
}

#[tokio::test]
async fn a_damaged_queue_row_keeps_the_store_from_opening_and_says_which() {
    let mut stage = Folder::new();
    append(&stage, to(record(&stage, "x"), vec![push("court:DLCT01", &[case(1)])])).await;
    drop(stage.journal.take());
    let conn = Connection::open(stage.folder.path().join("journal.db")).unwrap();
    conn.execute("UPDATE open SET row = replace(CAST(row AS TEXT), 'queued', 'parked')", []).unwrap();
    drop(conn);
    let opened = SqliteJournal::open(stage.folder.path(), options(&stage.clock));
    assert!(matches!(opened.err(), Some(JournalError::Damaged(_))));
}

#[tokio::test]
async fn large_records_lie_in_files_and_a_twin_leaves_none() {
    let mut stage = Folder::new();
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(300_000).collect();
    let entry = Entry { original: Bytes::from(noise), idempotency: event("1"), ..record(&stage, "x") };
    append(&stage, entry.clone()).await;
    let twin = Entry { id: MessageId::new(conformance::dawn()), ..entry.clone() };
    assert!(matches!(stage.journal().append(twin).await.unwrap(), Appended::Replayed(_)));
    stage.reopen().await;
    let payload = stage.journal().payload(entry.id).await.unwrap().unwrap();
    assert_eq!(payload.original, entry.original);
    let mut files = Vec::new();
    for shard in std::fs::read_dir(stage.folder.path().join("attachments/records")).unwrap() {
        files.extend(std::fs::read_dir(shard.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    }
    assert_eq!(files.len(), 1, "{files:?}");
    let mut bytes = std::fs::read(&files[0]).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&files[0], bytes).unwrap();
    assert!(matches!(stage.journal().payload(entry.id).await, Err(JournalError::Damaged(_))));
}

#[tokio::test]
async fn above_the_limit_of_open_deliveries_nothing_is_accepted() {
    let mut stage = Folder::new();
    drop(stage.journal.take());
    let limited = Options { max_open_deliveries: 2, ..options(&stage.clock) };
    stage.journal = Some(Arc::new(SqliteJournal::open(stage.folder.path(), limited).unwrap()));
    for n in 1..=2 {
        append(&stage, to(record(&stage, "x"), vec![push("court:DLCT01", &[case(n)])])).await;
    }
    let more = to(record(&stage, "x"), vec![push("court:DLCT01", &[case(3)])]);
    assert!(matches!(stage.journal().append(more.clone()).await.unwrap(), Appended::Overloaded));
    let lease = claim(&stage, conformance::COURT).await.remove(0);
    deliver(&stage, &lease, OutcomeWord::Received).await;
    stage.clock.advance(Duration::from_secs(1));
    assert!(matches!(stage.journal().append(more).await.unwrap(), Appended::Overloaded), "the outcome is open now");
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_lost_or_half_written() {
    let mut stage = Folder::new();
    let limit = async |stage: &Folder, pages: u32| {
        let journal = Arc::clone(stage.journal.as_ref().unwrap());
        let set = move |store: &mut super::store::Store| {
            store.conn.execute_batch(&format!("PRAGMA max_page_count = {pages}")).map_err(super::tables::storage)
        };
        journal.writer.run(set).await.unwrap();
    };
    append(&stage, to(record(&stage, "x"), vec![push("court:DLCT01", &[case(1)])])).await;
    limit(&stage, 1).await;
    let noise = || Bytes::from_iter(std::iter::repeat_with(|| fastrand::u8(..)).take(20_000));
    let mut accepted = 1;
    let refused = loop {
        let entry = Entry { original: noise(), ..to(record(&stage, "y"), vec![push("court:DLCT01", &[case(1)])]) };
        match stage.journal().append(entry).await {
            Ok(Appended::New(_)) => accepted += 1,
            other => break other,
        }
        assert!(accepted < 100);
    };
    assert!(matches!(refused, Err(JournalError::Full)), "{refused:?}");
    limit(&stage, 1_000_000).await;
    append(&stage, Entry { original: noise(), ..to(record(&stage, "z"), vec![push("court:DLCT01", &[case(2)])]) })
        .await;
    let before = stage.journal().count().await.unwrap();
    assert_eq!(before.accepted, [("charge-sheet".to_owned(), accepted + 1)]);
    stage.reopen().await;
    assert_eq!(stage.journal().count().await.unwrap(), before);
    assert_eq!(claim(&stage, conformance::COURT).await.len(), 2);
}

#[tokio::test]
async fn every_commit_is_synced() {
    // What a kill cannot show and a power cut would: the engine must not leave the log to the operating system's leisure.
    let stage = Folder::new();
    let asked = |store: &mut super::store::Store| {
        let text = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        let ask = |name: &str| store.conn.query_row(&format!("PRAGMA {name}"), [], text).unwrap();
        Ok((ask("synchronous"), ask("journal_mode")))
    };
    let (synchronous, mode) = stage.journal.as_ref().unwrap().writer.run(asked).await.unwrap();
    assert_eq!(synchronous, rusqlite::types::Value::Integer(2), "FULL");
    assert_eq!(mode, rusqlite::types::Value::Text("wal".to_owned()));
}

#[tokio::test]
async fn what_is_kept_shows_no_names() {
    let mut stage = Folder::new();
    let name = "Ramcharitmanas Tiwari";
    let entry = Entry {
        original: Bytes::from(format!("<Accused>{name}</Accused>")),
        shared: Some(Bytes::from(format!("{{\"name\":\"{name}\"}}"))),
        reason: Some(format!("wrong name: {name}")),
        actor: Some(name.to_owned()),
        persons: vec!["pid/TIHAR01-4711".to_owned()],
        ..to(record(&stage, "x"), vec![conformance::liberty("pid/TIHAR01-4711")])
    };
    append(&stage, entry).await;
    let lease = claim(&stage, conformance::PRISON).await.remove(0);
    stage.journal().freeze(&lease.token, frozen(name)).await.unwrap();
    let mut said = conformance::says(&stage, conformance::PRISON, lease.token.delivery, OutcomeWord::Returned);
    said.outcome.reason = Some(format!("{name} is not here"));
    stage.journal().answer(vec![said]).await.unwrap();
    drop(stage.journal.take());
    for file in std::fs::read_dir(stage.folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in [name.as_bytes(), b"TIHAR01-4711".as_slice()] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{path:?}");
            }
        }
    }
    stage.journal = Some(Arc::new(SqliteJournal::open(stage.folder.path(), options(&stage.clock)).unwrap()));
}
