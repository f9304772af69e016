//! Which hashes the table `keyed` surely does not hold: most look-ups are for what is new, and each would read pages from
//! all over the file. A Bloom filter (B. Bloom, 1970) over hashes that are random already. It is never stored: it is filled
//! from the table after each start, in short reads, and says "perhaps" until it is full. Read `index` for who asks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use rusqlite::{Connection, params};

use super::super::JournalError;
use super::tables::storage;

/// Words of 64 bits at the beginning: half a mebibyte, enough for some 400,000 hashes.
const FIRST_WORDS: usize = if cfg!(test) { 16 } else { 65_536 };
/// Bits for each hash; with four probes about one absent hash in eighty is looked up in vain.
const BITS_FOR_ONE: u64 = 10;
const PROBES: u64 = 4;
/// Hashes that one short read of the table takes: a few milliseconds.
const CHUNK: i64 = 20_000;
/// Such reads between two looks at the log.
const CHUNKS: usize = 10;

/// The filter of the moment.
#[derive(Debug)]
pub(super) struct Sieve {
    layer: RwLock<Layer>,
}

#[derive(Debug)]
struct Layer {
    words: Vec<AtomicU64>,
    held: AtomicU64,
    /// Everything in the table is in here.
    ready: AtomicBool,
    /// The last hash that was taken from the table.
    reached: Mutex<Option<i64>>,
}

impl Default for Sieve {
    fn default() -> Self {
        Self { layer: RwLock::new(Layer::new(FIRST_WORDS)) }
    }
}

impl Sieve {
    fn layer(&self) -> RwLockReadGuard<'_, Layer> {
        self.layer.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// False where the table surely has no entry with this hash.
    pub(super) fn may_hold(&self, hash: i64) -> bool {
        let layer = self.layer();
        !layer.ready.load(Ordering::Acquire) || layer.holds(hash)
    }

    /// Adds hashes whose entries are durable in the table and about to leave memory. Until they have left it, it does not
    /// matter whether a filter that is being filled has them.
    pub(super) fn add<'a>(&self, hashes: impl Iterator<Item = &'a i64>) {
        let layer = self.layer();
        hashes.for_each(|hash| layer.add(*hash));
    }

    /// Fills it on from the table; begins again with a larger one where it has become crowded. Called again and again.
    pub(super) fn tend(&self, conn: &Connection) -> Result<(), JournalError> {
        self.grow();
        let layer = self.layer();
        if layer.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        for _ in 0..CHUNKS {
            if layer.fill(conn)? {
                // Crowded already: it would say "perhaps" to nearly everything.
                layer.ready.store(!layer.is_crowded(), Ordering::Release);
                break;
            }
        }
        Ok(())
    }

    fn grow(&self) {
        let words = {
            let layer = self.layer();
            if !layer.is_crowded() {
                return;
            }
            layer.words.len()
        };
        *self.layer.write().unwrap_or_else(PoisonError::into_inner) = Layer::new(words * 2);
    }
}

impl Layer {
    fn new(words: usize) -> Self {
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            held: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            reached: Mutex::new(None),
        }
    }

    /// The words and bits of one hash. Its halves are independent: it is a keyed MAC.
    fn places(&self, hash: i64) -> impl Iterator<Item = (&AtomicU64, u64)> {
        let (start, step) = (hash.cast_unsigned(), hash.cast_unsigned().rotate_left(32) | 1);
        (0..PROBES).filter_map(move |n| {
            let bit = start.wrapping_add(step.wrapping_mul(n));
            let word = usize::try_from(bit >> 6).unwrap_or(0) % self.words.len();
            Some((self.words.get(word)?, 1 << (bit & 63)))
        })
    }

    fn holds(&self, hash: i64) -> bool {
        self.places(hash).all(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    fn add(&self, hash: i64) {
        let new = self.places(hash).filter(|(word, bit)| word.fetch_or(*bit, Ordering::Relaxed) & bit == 0).count();
        if new > 0 {
            self.held.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_crowded(&self) -> bool {
        self.held.load(Ordering::Relaxed) * BITS_FOR_ONE > 64 * self.words.len() as u64
    }

    /// Takes the next hashes from the table. True once there are no more, or too many.
    fn fill(&self, conn: &Connection) -> Result<bool, JournalError> {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = match *reached {
            None => "SELECT hash FROM keyed WHERE hash >= ?1 ORDER BY hash LIMIT ?2",
            Some(_) => "SELECT hash FROM keyed WHERE hash > ?1 ORDER BY hash LIMIT ?2",
        };
        let mut rows = conn.prepare_cached(sql).map_err(storage)?;
        let mut rows = rows.query(params![reached.unwrap_or(i64::MIN), CHUNK]).map_err(storage)?;
        let mut taken = 0;
        while let Some(row) = rows.next().map_err(storage)? {
            let hash: i64 = row.get(0).map_err(storage)?;
            self.add(hash);
            *reached = Some(hash);
            taken += 1;
        }
        Ok(taken < CHUNK || self.is_crowded())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(hashes: impl Iterator<Item = i64>) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE keyed (hash INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (hash, number))",
        )
        .unwrap();
        for hash in hashes {
            conn.execute("INSERT INTO keyed VALUES (?1, 1), (?1, 2)", params![hash]).unwrap();
        }
        conn
    }

    /// Random as a MAC is, and the same in every run.
    fn hash(number: u64) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = crate::seal::sha256(&number.to_le_bytes());
        i64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    #[test]
    fn it_says_perhaps_until_it_is_full_and_then_never_denies_what_is_there() {
        let conn = table((0..3000).map(hash));
        let sieve = Sieve::default();
        assert!(sieve.may_hold(hash(9_999_999)), "nothing is certain yet");
        // It begins far too small: it has to grow several times.
        for _ in 0..20 {
            sieve.tend(&conn).unwrap();
        }
        assert!((0..3000).all(|number| sieve.may_hold(hash(number))));
        let vain = (100_000..110_000).filter(|number| sieve.may_hold(hash(*number))).count();
        assert!(vain < 500, "{vain} of 10,000 absent hashes would be looked up in vain");
    }

    #[test]
    fn what_leaves_memory_while_it_is_being_filled_is_kept() {
        let conn = table((0..10).map(hash));
        let sieve = Sieve::default();
        sieve.add([hash(77)].iter());
        sieve.tend(&conn).unwrap();
        sieve.add([hash(78)].iter());
        assert!(sieve.may_hold(hash(3)) && sieve.may_hold(hash(77)) && sieve.may_hold(hash(78)));
        assert!(!sieve.may_hold(hash(79)));
    }
}
