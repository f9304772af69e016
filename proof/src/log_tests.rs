//! Tests of the check: a log of a thousand leaves, and everything that may be done to it. Short ways of the long loops run here;
//! every bit of every file is turned by the same function in the long run.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::*;
use crate::tree::Nodes;

/// A log in memory.
#[derive(Clone, Default)]
struct Held(BTreeMap<String, Vec<u8>>);

impl Files for Held {
    fn file(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

struct Signer {
    pair: Ed25519KeyPair,
    key: Key,
}

impl Signer {
    fn new(name: &str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = Key::new(name, pair.public_key().as_ref().try_into().unwrap()).unwrap();
        Self { pair, key }
    }

    fn note(&self, checkpoint: &Checkpoint) -> Vec<u8> {
        let text = checkpoint.text();
        format!("{text}\n{}", self.key.signs(self.pair.sign(text.as_bytes()).as_ref())).into_bytes()
    }

    /// The log of these entries.
    fn log(&self, entries: &[Vec<u8>]) -> Held {
        let size = entries.len() as u64;
        let nodes = Entries(entries.iter().map(|entry| tree::leaf(entry)).collect());
        let mut held = Held::default();
        for tile in Tile::all(size) {
            let mut bytes = Vec::new();
            for place in tile.number * WIDTH..tile.number * WIDTH + tile.width {
                match tile.what {
                    What::Entries => assert!(tile::add(&mut bytes, &entries[usize::try_from(place).unwrap()])),
                    What::Hashes(level) => bytes.extend(nodes.node(level * HEIGHT, place).unwrap()),
                }
            }
            held.0.insert(tile.path(), bytes);
        }
        let root = tree::root(&nodes, size).unwrap();
        let checkpoint = Checkpoint { origin: self.key.name().to_owned(), size, root };
        held.0.insert("checkpoint".to_owned(), self.note(&checkpoint));
        held
    }

    fn check(&self, log: &Held) -> Result<Checkpoint, Wrong> {
        check(log, std::slice::from_ref(&self.key), &[], |_, _| ())
    }

    /// The first bad leaf that is named.
    fn bad(&self, log: &Held) -> Option<u64> {
        match self.check(log).unwrap_err() {
            Wrong::Leaf { index, .. } => Some(index),
            _ => None,
        }
    }
}

struct Entries(Vec<Hash>);

impl Nodes for Entries {
    type Error = ();

    fn node(&self, level: u32, index: u64) -> Result<Hash, ()> {
        match level {
            0 => Ok(self.0[usize::try_from(index).unwrap()]),
            _ => Ok(tree::node(&self.node(level - 1, index * 2)?, &self.node(level - 1, index * 2 + 1)?)),
        }
    }
}

fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("{{\"event\":\"accepted\",\"number\":{number}}}").into_bytes()).collect()
}

fn signer() -> Signer {
    Signer::new("icjs.example/evidence", 7)
}

#[test]
fn a_good_log_of_any_size_is_good_and_every_leaf_is_seen_once() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 1000, 65_536, 65_537] {
        let (signer, entries) = (signer(), entries(size));
        let mut seen = Vec::new();
        let log = signer.log(&entries);
        let checked =
            check(&log, std::slice::from_ref(&signer.key), &[], |index, entry| seen.push((index, entry.to_vec())));
        assert_eq!(checked.unwrap().size, size);
        assert!(
            seen.iter().map(|(index, _)| *index).eq(0..size) && seen.into_iter().map(|(_, entry)| entry).eq(entries)
        );
    }
}

#[test]
fn the_beginning_of_a_fuller_tile_serves_an_older_checkpoint() {
    let (signer, all) = (signer(), entries(700));
    let (mut log, older) = (signer.log(&all), signer.log(&all[..600]));
    log.0.insert("checkpoint".into(), older.0["checkpoint"].clone());
    // 600 leaves end within the third tile, of which the newer log has 188.
    assert!(matches!(signer.check(&log), Err(Wrong::Leaf { index: 512, .. })));
    let (all, mut log) = (entries(768), signer.log(&entries(768)));
    log.0.insert("checkpoint".into(), signer.log(&all[..600]).0["checkpoint"].clone());
    log.0.insert("tile/1/000.p/2".into(), older.0["tile/1/000.p/2"].clone());
    assert_eq!(signer.check(&log).unwrap().size, 600);
}

/// The leaf that a bit of a file belongs to, at the earliest; `None`: the checkpoint, or lengths.
fn leaf_of(path: &str, byte: usize) -> Option<u64> {
    let tile = Tile::read(path)?;
    match tile.what {
        What::Hashes(level) => Some((tile.number * WIDTH + (byte / 32) as u64) << (level * HEIGHT)),
        What::Entries => None,
    }
}

/// Turns bits of every file, and sees each one named: every `step`th, from the first.
fn turn_bits(size: u64, step: usize) -> usize {
    let signer = signer();
    let entries = entries(size);
    let mut log = signer.log(&entries);
    let mut turned = 0;
    let paths: Vec<String> = log.0.keys().cloned().collect();
    for path in paths {
        let whole = log.0[&path].clone();
        let starts: Vec<usize> =
            tile::entries(&whole).filter(|_| path.contains("entries")).map_or(Vec::new(), |entries| {
                entries
                    .iter()
                    .scan(0, |at, entry| {
                        let start = *at;
                        *at += 2 + entry.len();
                        Some(start)
                    })
                    .collect()
            });
        for bit in (0..whole.len() * 8).step_by(step) {
            log.0.get_mut(&path).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let named = signer.bad(&log);
            if path == "checkpoint" {
                assert_eq!(named, None, "bit {bit} of the checkpoint");
            } else if let Some(leaf) = leaf_of(&path, bit / 8) {
                assert_eq!(named, Some(leaf), "bit {bit} of {path}");
            } else {
                // A length that is wrong makes what follows wrong: the leaf itself is named, or the whole bundle is unreadable.
                let place = starts.partition_point(|start| *start <= bit / 8) as u64 - 1;
                let first = Tile::read(&path).unwrap().number * WIDTH;
                let length = bit / 8 - starts[usize::try_from(place).unwrap()] < 2;
                assert!(
                    named == Some(first + place) || length && named == Some(first),
                    "bit {bit} of {path}: {named:?}"
                );
            }
            log.0.insert(path.clone(), whole.clone());
            turned += 1;
        }
    }
    turned
}

#[test]
fn a_bit_that_is_turned_anywhere_is_named() {
    assert!(turn_bits(1000, 1009) > 500);
    assert!(turn_bits(3, 1) > 1000);
}

#[test]
#[ignore = "every bit of a log of a thousand leaves: some minutes, for the long run"]
fn every_bit_that_is_turned_is_named() {
    let turned = turn_bits(1000, 1);
    println!("{turned} bits turned, each named");
}

#[test]
fn a_leaf_that_is_removed_swapped_doubled_or_put_in_is_named_wherever_it_is() {
    let (signer, all) = (signer(), entries(1000));
    let good = signer.log(&all);
    // Whoever changes entries keeps the tiles and the checkpoint: those of others fit them.
    let with = |changed: &[Vec<u8>]| {
        let mut log = good.clone();
        for tile in Tile::all(1000).filter(|tile| tile.what == What::Entries) {
            let mut bytes = Vec::new();
            let from = usize::try_from(tile.number * WIDTH).unwrap();
            assert!(changed.iter().skip(from).take(256).all(|entry| tile::add(&mut bytes, entry)));
            log.0.insert(tile.path(), bytes);
        }
        log
    };
    for place in 0..999 {
        let mut removed = all.clone();
        removed.remove(place);
        assert_eq!(signer.bad(&with(&removed)), Some(place as u64), "{place} removed");
        let mut swapped = all.clone();
        swapped.swap(place, place + 1);
        assert_eq!(signer.bad(&with(&swapped)), Some(place as u64), "{place} swapped");
        let mut doubled = all.clone();
        doubled.insert(place, all[place].clone());
        doubled.truncate(1000);
        assert_eq!(signer.bad(&with(&doubled)), Some(place as u64 + 1), "{place} doubled");
    }
}

#[test]
fn a_log_that_was_written_anew_fits_no_signature_but_its_own() {
    let (signer, mut all) = (signer(), entries(1000));
    let good = signer.log(&all);
    all[17] = b"{\"event\":\"refused\"}".to_vec();
    let mut forged = signer.log(&all);
    forged.0.insert("checkpoint".into(), good.0["checkpoint"].clone());
    assert!(matches!(signer.check(&forged), Err(Wrong::Root)));
    // Whoever has another key, or signs for another log, is not believed.
    for other in [Signer::new("icjs.example/evidence", 8), Signer::new("icjs.example/other", 7)] {
        assert!(matches!(signer.check(&other.log(&all)), Err(Wrong::Checkpoint(NotSigned::Unknown))));
    }
}

#[test]
fn a_cut_tail_and_another_history_show_by_a_checkpoint_that_was_kept() {
    let (signer, mut all) = (signer(), entries(1000));
    let keys = std::slice::from_ref(&signer.key);
    let kept = |log: &Held| Checkpoint::read(&log.0["checkpoint"], keys).unwrap();
    let (older, newest) = (kept(&signer.log(&all[..600])), kept(&signer.log(&all)));
    let held = |log: &Held, kept: &[Checkpoint]| check(log, keys, kept, |_, _| ());
    assert_eq!(held(&signer.log(&all), &[newest.clone(), older.clone()]).unwrap(), newest);
    // Yesterday's disk is a good log, and not this one.
    let yesterday = signer.log(&all[..700]);
    assert_eq!(held(&yesterday, std::slice::from_ref(&older)).unwrap().size, 700);
    let cut = held(&yesterday, &[older.clone(), newest.clone()]).unwrap_err();
    assert!(matches!(cut, Wrong::Kept(Fork::Cut { size: 700, kept: 1000 })), "{cut}");
    all[599] = b"another".to_vec();
    let fork = held(&signer.log(&all), &[newest, older]).unwrap_err();
    assert!(matches!(fork, Wrong::Kept(Fork::Other { kept: 600 })), "{fork}");
    let elsewhere = Checkpoint { origin: "icjs.example/other".into(), size: 0, root: tree::empty() };
    assert!(matches!(held(&signer.log(&all), &[elsewhere]), Err(Wrong::Kept(Fork::Origin { .. }))));
}
