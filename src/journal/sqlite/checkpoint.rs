//! Checkpoints from a connection and thread of their own, so that no commit pays for one. PASSIVE passes until little
//! remains, then RESTART, which makes the log begin again from its start; never TRUNCATE, which makes commits slower.
//! The same thread fills the sieve of the index, since that too is for nobody's commit to wait for.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::super::JournalError;
use super::index::Index;
use super::tables::storage;
use crate::faults;

/// How often the log is looked at. Small checkpoints and many of them: one of 16 MiB kept the disk, and with it every commit,
/// waiting for tens of milliseconds.
const PAUSE: Duration = Duration::from_millis(50);
/// Pages in the log that make a checkpoint worth its while: 4 MiB.
const WORTH_IT: i64 = 1024;
/// Pages that RESTART may write while it keeps the writer waiting.
const REMAINDER: i64 = 256;
/// PASSIVE passes before RESTART is tried whatever remains.
const PASSES: usize = 8;

/// Ends the thread when asked or dropped.
pub(super) struct Stop(Sender<()>);

impl Stop {
    /// Asks the thread to end.
    pub(super) fn now(&self) {
        // A thread that has ended already needs no asking.
        self.0.send(()).unwrap_or(());
    }
}

/// Starts the thread.
pub(super) fn start(path: &Path, index: Arc<Index>) -> Result<(Stop, JoinHandle<()>), JournalError> {
    let conn = Connection::open(path).map_err(storage)?;
    conn.busy_timeout(Duration::from_secs(2)).map_err(storage)?;
    let (stop, stopped) = channel();
    let thread = std::thread::Builder::new()
        .name("journal-checkpoints".to_owned())
        .spawn(move || work(&conn, &index, &stopped))
        .map_err(|error| JournalError::Storage(error.to_string()))?;
    Ok((Stop(stop), thread))
}

fn work(conn: &Connection, index: &Index, stopped: &Receiver<()>) {
    let mut failing = false;
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PAUSE) {
        // The next pass tries again; commits are durable in the log meanwhile. Said once: a full disk may last for hours.
        let failed = checkpoint(conn).err();
        if let Some(error) = failed.as_ref().filter(|_| !failing) {
            tracing::warn!(%error, "checkpoint failed; it is tried again until it succeeds");
        }
        failing = failed.is_some();
        if let Err(error) = index.tend(conn) {
            // Without its sieve the index is slower, not wrong.
            tracing::debug!(%error, "the index cannot be read through");
        }
    }
}

fn checkpoint(conn: &Connection) -> Result<(), rusqlite::Error> {
    faults::point("checkpoint::before");
    let (mut log, mut done) = pass(conn, "PASSIVE")?;
    faults::point("checkpoint::after");
    if log < WORTH_IT {
        return Ok(());
    }
    for _ in 0..PASSES {
        if log - done <= REMAINDER {
            break;
        }
        (log, done) = pass(conn, "PASSIVE")?;
    }
    pass(conn, "RESTART").map(drop)
}

/// One pass: pages in the log, and those of them that are in the database now.
fn pass(conn: &Connection, mode: &str) -> Result<(i64, i64), rusqlite::Error> {
    conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| Ok((row.get(1)?, row.get(2)?)))
}
