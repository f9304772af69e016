//! The evidence log: its head is the root over its entries, its tiles fit them, every proof holds, and nothing of it is another
//! after a restart.

use icjs_proof::tile::{self, Tile, WIDTH, What};
use icjs_proof::tree::{self, Frontier, Hash};

use super::*;
use crate::journal::{LogPart, LogVerb};

pub(super) async fn run(make: Make) {
    a_log_grows_leaf_by_leaf_and_goes_on_from_what_it_was(make()).await;
}

async fn head(stage: &dyn Stage) -> (u64, Hash) {
    match stage.journal().log(LogVerb::Head).await.unwrap() {
        LogPart::Head { size, root } => (size, root),
        other => panic!("no head: {other:?}"),
    }
}

async fn bytes(stage: &dyn Stage, what: What, number: u64, width: u64) -> Option<Vec<u8>> {
    match stage.journal().log(LogVerb::Tile(Tile { what, number, width })).await.unwrap() {
        LogPart::Bytes(bytes) => Some(bytes),
        LogPart::Beyond => None,
        other => panic!("no tile: {other:?}"),
    }
}

async fn path(stage: &dyn Stage, verb: LogVerb) -> Option<Vec<Hash>> {
    match stage.journal().log(verb).await.unwrap() {
        LogPart::Path(path) => Some(path),
        LogPart::Beyond => None,
        other => panic!("no proof: {other:?}"),
    }
}

async fn a_log_grows_leaf_by_leaf_and_goes_on_from_what_it_was(mut stage: Box<dyn Stage>) {
    let mut heads = vec![head(&*stage).await];
    assert_eq!(heads[0], (0, tree::empty()));
    for round in 0..3 {
        for number in 0..200 {
            append(&*stage, to(record(&*stage, &format!("{round}/{number}")), vec![])).await;
        }
        heads.push(head(&*stage).await);
        stage.reopen().await;
        assert_eq!(head(&*stage).await, heads[heads.len() - 1], "after a restart");
    }
    let (size, root) = heads[3];
    assert!(size >= 600, "{size}");
    let mut frontier = Frontier::default();
    let mut hashes = Vec::new();
    for number in 0..size.div_ceil(WIDTH) {
        let width = WIDTH.min(size - number * WIDTH);
        let bundle = bytes(&*stage, What::Entries, number, width).await.unwrap();
        let entries = tile::entries(&bundle).unwrap();
        assert_eq!(entries.len() as u64, width);
        let of_entries: Vec<Hash> = entries.iter().map(|entry| tree::leaf(entry)).collect();
        assert_eq!(bytes(&*stage, What::Hashes(0), number, width).await.unwrap(), of_entries.concat());
        of_entries.iter().for_each(|hash| frontier.push(*hash));
        hashes.extend(of_entries);
    }
    assert_eq!((frontier.size(), frontier.root()), (size, root));
    let upper = bytes(&*stage, What::Hashes(1), 0, size / WIDTH).await.unwrap();
    for (place, hash) in upper.chunks(32).enumerate() {
        let mut below = Frontier::default();
        hashes[place * 256..(place + 1) * 256].iter().for_each(|hash| below.push(*hash));
        assert_eq!(hash, below.root(), "node {place}");
    }
    for index in [0, 1, 255, 256, 511, size - 1] {
        let proof = path(&*stage, LogVerb::Inclusion { index, size }).await.unwrap();
        assert!(tree::includes(&hashes[usize::try_from(index).unwrap()], index, size, &proof, &root), "leaf {index}");
    }
    for (old, before) in &heads {
        let proof = path(&*stage, LogVerb::Consistency { old: *old, size }).await.unwrap();
        assert!(tree::goes_on(*old, before, size, &root, &proof), "from {old}");
    }
    // What is not there yet is not made up.
    assert_eq!(path(&*stage, LogVerb::Inclusion { index: size, size: size + 1 }).await, None);
    assert_eq!(path(&*stage, LogVerb::Inclusion { index: size, size }).await, None);
    assert_eq!(path(&*stage, LogVerb::Consistency { old: 0, size: size + 1 }).await, None);
    assert_eq!(bytes(&*stage, What::Entries, size / WIDTH, size % WIDTH + 1).await, None);
    assert_eq!(bytes(&*stage, What::Hashes(1), 0, WIDTH).await, None);
    assert_eq!(bytes(&*stage, What::Hashes(7), u64::MAX, WIDTH).await, None);
}
