//! A damaged store: bytes flipped, files cut off, logs without their end, files gone. A failure is: damage that changes
//! anything that can be read, and neither `store verify` nor the start says so; or good messages that cannot be read beside
//! a damaged one. Not a failure: a flipped byte in a place that holds nothing, where everything reads as before.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::report::{done, long, seed};
use super::store_scene::{COURT, POLICE, Store, words};
use crate::harness::folder::paper;
use crate::harness::{Client, Gateway};

/// A table's name or definition, and its rows.
type Rows = (String, Vec<Vec<Value>>);

/// Every row of every table of a store, as far as the engine reads them.
fn everything(data: &Path) -> Result<Vec<Rows>, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(data.join("journal.db"), flags)?;
    let mut schema = conn.prepare("SELECT name, type || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name")?;
    let schema: Vec<(String, String)> =
        schema.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut all = Vec::new();
    for (name, sql) in &schema {
        let mut rows = Vec::new();
        if sql.starts_with("table") {
            let mut table = conn.prepare(&format!("SELECT * FROM {name}"))?;
            let columns = table.column_count();
            let mut found = table.query([])?;
            while let Some(row) = found.next()? {
                rows.push((0..columns).map(|column| row.get::<_, Value>(column)).collect::<Result<_, _>>()?);
            }
        }
        all.push((format!("{name} {sql}"), rows));
    }
    Ok(all)
}

/// Flips one byte, looks, and flips it back. What is wrong with how the damage was met, if anything.
fn flipped(
    store: &Store,
    path: &Path,
    at: u64,
    before: &[(String, Vec<Vec<Value>>)],
    found: &mut u32,
) -> Option<String> {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    let flip = 1 << (at % 8);
    file.write_all_at(&[byte[0] ^ flip], at).unwrap();
    let looked = store.look();
    let silent = matches!(&looked, Ok(found) if found.is_sound());
    let changed = silent && everything(&store.folder.path("data")).map_or(true, |after| after != before);
    file.write_all_at(&byte, at).unwrap();
    *found += u32::from(!silent);
    changed.then(|| {
        format!("{} byte {at}, bit {flip}: nothing was said, and what is read is something else", path.display())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flipped_byte_is_found_or_changes_nothing() {
    let store = Store::new(false).await;
    let sound = store.look().unwrap();
    assert!(sound.is_sound() && sound.messages >= 6 && sound.files >= 2, "{sound:?}");
    let seed = seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let before = everything(&store.folder.path("data")).unwrap();
    let mut wrong = Vec::new();
    let (mut tried, mut found) = (0_u64, 0);
    let mut files = store.files("data/attachments");
    files.extend([store.folder.path("data/journal.db"), store.folder.path("data/journal.mark")]);
    for path in files {
        let length = path.metadata().unwrap().len();
        let journal = path.ends_with("journal.db");
        let places: Vec<u64> = match (long(), journal) {
            // A part of the long run takes an hour at most: every byte of the head's page, and of the rest so many.
            (true, true) => {
                let rows = rows_of(&path);
                let rows: Vec<u64> = (0..40_000).map(|_| rows[rng.usize(0..rows.len())]).collect();
                (0..4096).chain(rows).chain((0..10_000).map(|_| rng.u64(0..length))).collect()
            }
            (true, false) => (0..length).step_by(97).collect(),
            // The head byte by byte, and of the rest so many: most where rows lie close together.
            (false, true) => {
                let rows = rows_of(&path);
                let rows: Vec<u64> = (0..300).map(|_| rows[rng.usize(0..rows.len())]).collect();
                (0..100).chain(rows).chain((0..100).map(|_| rng.u64(0..length))).collect()
            }
            (false, false) => (0..8).map(|_| rng.u64(0..length)).collect(),
        };
        for at in places {
            tried += 1;
            let silent = flipped(&store, &path, at, &before, &mut found);
            // An attachment is nothing but what it holds, and so is the mark.
            let silent = silent.or_else(|| {
                let missed = !journal && store_is_silent_about(&store, &path, at);
                missed.then(|| format!("{} byte {at}: nothing was said", path.display()))
            });
            wrong.extend(silent);
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(u64::from(found * 4) > tried, "{found} of {tried}");
    assert!(store.look().unwrap().is_sound(), "all is as it was");
    let said = format!("{found} were named, and the others hold nothing that is read");
    done("faults::store_damage::every_flipped_byte_is_found_or_changes_nothing", tried, "flipped bytes", seed, &said);
}

/// The places of a journal that are not zero and lie in pages of trees: the configuration's files fill most of the others.
fn rows_of(path: &Path) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap();
    let tree = |page: &&[u8]| matches!(page[0], 2 | 5 | 10 | 13);
    let pages = bytes.chunks_exact(4096).enumerate().filter(|(_, page)| tree(page));
    let places = pages.flat_map(|(number, page)| {
        let used = page.iter().enumerate().filter(|(_, byte)| **byte != 0);
        used.map(move |(at, _)| (number * 4096 + at) as u64).collect::<Vec<_>>()
    });
    places.collect()
}

/// Whether a flip in a file in which every byte counts goes unsaid.
fn store_is_silent_about(store: &Store, path: &Path, at: u64) -> bool {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
    let silent = matches!(store.look(), Ok(found) if found.is_sound());
    file.write_all_at(&byte, at).unwrap();
    silent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_cut_off_anywhere_is_refused_with_what_is_missing() {
    let store = Store::new(false).await;
    let path = store.folder.path("data/journal.db");
    let whole = std::fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    for page in 0..pages {
        for cut in [page * 4096, page * 4096 + 1000] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let looked = store.look();
            assert!(!matches!(&looked, Ok(found) if found.is_sound()), "cut at {cut} of {}", whole.len());
        }
    }
    // The start refuses too: where nothing is left, where a page is missing, and where the head is another file's.
    let other = [b"SQLite 2, or what ", &whole[18..]].concat();
    for (left, says) in
        [(&whole[..0], "journal.mark"), (&whole[..whole.len() - 4096], "end of file"), (&other[..], "head of file")]
    {
        std::fs::write(&path, left).unwrap();
        let _ = std::fs::remove_file(path.with_file_name("journal.db-wal"));
        let output = store.icjs(&["serve"]);
        assert_eq!(output.status.code(), Some(74), "{}", words(&output));
        assert!(words(&output).contains(says), "{}", words(&output));
    }
    let _ = std::fs::remove_file(path.with_file_name("journal.db-wal"));
    std::fs::write(&path, &whole).unwrap();
    let output = store.icjs(&["store", "verify"]);
    assert!(output.status.success(), "{}", words(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_lost_its_end_is_not_taken_for_a_power_cut() {
    let (mut store, mut log, mut frames);
    let mut made = 0;
    loop {
        store = Store::new(true).await;
        log = std::fs::read(store.folder.path("data/journal.db-wal")).unwrap();
        // Frames are 24 bytes and a page. Those of the log's last round carry the salt of its head; behind them is what was left
        // of earlier rounds.
        let round = || log[32..].chunks_exact(4120).take_while(|frame| frame[8..16] == log[16..24]);
        frames = round().count();
        let file = std::fs::read(store.folder.path("data/journal.db")).unwrap();
        let in_file = |frame: &&[u8]| {
            let page = u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
            file.get((page - 1) * 4096..page * 4096) == Some(&frame[24..])
        };
        // A checkpoint just before the kill has taken all of it over already: then nothing can be lost.
        if frames > 20 && round().filter(in_file).count() * 4 < frames {
            break;
        }
        made += 1;
        assert!(made < 10, "{frames} frames, and the file has them each time");
    }
    let path = store.folder.path("data/journal.db-wal");
    let before = everything(&store.folder.path("data")).unwrap();
    let looked = store.look().unwrap();
    assert!(looked.is_sound(), "{looked:?}");
    let seed = seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let rounds = if long() { 400 } else { 24 };
    let mut found = 0_u64;
    for round in 0..rounds {
        let mut damaged = log.clone();
        let place = 32 + 4120 * rng.usize(0..frames);
        match round % 3 {
            0 => damaged.truncate(place + rng.usize(0..4120)),
            1 => damaged[place + rng.usize(0..24)] ^= 1 << rng.u32(0..8),
            _ => damaged[place + rng.usize(24..4120)] ^= 1,
        }
        std::fs::write(&path, &damaged).unwrap();
        let looked = store.look();
        if matches!(&looked, Ok(found) if found.is_sound()) {
            // Whatever was lost there lies in the file already.
            let after = everything(&store.folder.path("data")).unwrap();
            assert!(after == before, "round {round}: frame {} of {frames}", (place - 32) / 4120);
        } else {
            found += 1;
        }
    }
    assert!(found * 2 > rounds, "{found} of {rounds}");
    let said = format!("{found} were named, and the others took nothing away");
    done(
        "faults::store_damage::a_log_that_lost_its_end_is_not_taken_for_a_power_cut",
        rounds,
        "damaged logs",
        seed,
        &said,
    );
    std::fs::write(&path, &log[..32 + 4120 * (frames / 2)]).unwrap();
    let output = store.icjs(&["serve"]);
    assert_eq!(output.status.code(), Some(74), "{}", words(&output));
    // Where the cut falls between pages that belong together, the engine cannot read how far the store came.
    let said = words(&output);
    let named = ["the end of the store", "a page of `journal.db` or its log"].iter().any(|words| said.contains(words));
    assert!(named, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_is_named_and_what_is_good_is_read_beside_it() {
    let mut store = Store::new(false).await;
    let waiting = store.accepted[4].clone();
    let path = store.folder.path("data/journal.db");
    let conn = Connection::open(&path).unwrap();
    // The sealed bytes of a record that waits in the court's feed.
    let sql = "UPDATE message SET original = zeroblob(length(original)) WHERE id = ?1";
    let id = icjs::identifiers::MessageId::parse(&waiting).unwrap();
    assert_eq!(conn.execute(sql, [id.bytes()]).unwrap(), 1);
    drop(conn);
    let file = store.files("data/attachments/uploads").remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[66_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();

    let output = store.icjs(&["store", "verify"]);
    assert_eq!(output.status.code(), Some(74), "{}", words(&output));
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(words(&output).contains(&waiting) && words(&output).contains(name), "{}", words(&output));

    let gateway = Gateway::start(&store.folder).await;
    let police = Client::connect(&store.folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&store.folder, gateway.exchange, "court-a").await;
    let fresh = police.accepted("paper", "after", &paper(POLICE, &[COURT], 9, "comes behind")).await;
    let fresh = fresh["id"].as_str().unwrap().to_owned();
    let mut seen = Vec::new();
    let mut after = String::new();
    for _ in 0..4 {
        let page = court.feed(&format!("limit=500{after}")).await.unwrap().expect(200).json();
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["icjsmessage"].as_str().unwrap().to_owned()),
        );
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
    assert!(seen.contains(&fresh) && !seen.contains(&waiting), "{seen:?}");
    let states = police.message(&waiting).await["deliveries"].clone();
    assert_eq!(states[0]["state"], "parked", "{states}");
    assert_eq!(states[0]["reason"], "damaged", "{states}");
    for id in store.accepted.iter().filter(|id| **id != waiting) {
        police.get(&format!("/v1/messages/{id}")).await.unwrap().expect(200);
    }
    let log = crate::harness::gateway::tail(&store.folder);
    assert!(log.contains("cannot be read"), "{log}");
    drop(gateway);

    // The clear row of one that was settled: that message only is refused, and in words of its own.
    let conn = Connection::open(&path).unwrap();
    conn.execute("UPDATE version SET next = next + 1", []).unwrap();
    drop(conn);
    let output = store.icjs(&["store", "verify"]);
    assert!(words(&output).contains("version `1`"), "{}", words(&output));
    store.accepted.clear();
}
