//! A disk that keeps its word and nothing more: of a file it holds what was written before its last sync, and of a folder
//! the names that were there at its last sync. Of the rest, a power cut keeps any part: whole writes, single sectors of
//! them, or nothing; of a folder's later names the first few. Written against the manual (fsync(2)), not against a file system.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::store_trace::{Call, Event};

const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Resize(u64),
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    /// What was asked since, with the line at which it was over.
    pending: Vec<(usize, Change)>,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    File(usize),
    Folder,
}

#[derive(Clone, Debug, Default)]
struct Folder {
    durable: BTreeMap<OsString, Node>,
    pending: Vec<(usize, OsString, Option<Node>)>,
}

/// The disk at one moment.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    root: PathBuf,
    files: Vec<File>,
    folders: BTreeMap<PathBuf, Folder>,
    /// What a program sees.
    names: BTreeMap<PathBuf, Node>,
}

impl Disk {
    /// Everything that lies in a folder now, as if it had lain there for ever. `root` is what the folder is called later.
    pub fn of(folder: &Path, root: &Path) -> Self {
        let mut disk = Self { root: root.to_owned(), ..Self::default() };
        disk.take(folder, root);
        disk
    }

    fn take(&mut self, from: &Path, to: &Path) {
        let mut names = Folder::default();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_owned();
            let node = if path.is_dir() {
                self.take(&path, &to.join(&name));
                Node::Folder
            } else {
                self.files.push(File { durable: std::fs::read(&path).unwrap(), pending: Vec::new() });
                Node::File(self.files.len() - 1)
            };
            self.names.insert(to.join(&name), node);
            names.durable.insert(name, node);
        }
        self.folders.insert(to.to_owned(), names);
    }

    /// Goes through one event. Writes count from their beginning, syncs once they are over.
    pub fn go(&mut self, event: &Event) {
        let ended = event.ended;
        match &event.call {
            Call::Make { path, emptied } => match self.names.get(path) {
                Some(Node::File(file)) if *emptied => self.files[*file].pending.push((ended, Change::Resize(0))),
                Some(_) => {}
                None => {
                    self.files.push(File::default());
                    self.name(path, Some(Node::File(self.files.len() - 1)), ended);
                }
            },
            Call::Write { path, at, bytes } => {
                if let Some(Node::File(file)) = self.names.get(path) {
                    self.files[*file].pending.push((ended, Change::Write { at: *at, bytes: bytes.clone() }));
                }
            }
            Call::Resize { path, size } => {
                if let Some(Node::File(file)) = self.names.get(path) {
                    self.files[*file].pending.push((ended, Change::Resize(*size)));
                }
            }
            Call::Folder { path } => {
                self.folders.insert(path.clone(), Folder::default());
                self.name(path, Some(Node::Folder), ended);
            }
            Call::Rename { from, to } => {
                let node = self.names.get(from).copied();
                self.name(from, None, ended);
                self.name(to, node, ended);
            }
            Call::Remove { path } => self.name(path, None, ended),
            Call::Sync { path } => self.sync(path, event.began),
            Call::Send { .. } => {}
        }
    }

    fn name(&mut self, path: &Path, node: Option<Node>, ended: usize) {
        match node {
            Some(node) => self.names.insert(path.to_owned(), node),
            None => self.names.remove(path),
        };
        let folder = self.folders.entry(path.parent().unwrap().to_owned()).or_default();
        folder.pending.push((ended, path.file_name().unwrap().to_owned(), node));
    }

    /// What was over before the sync began is durable after it.
    fn sync(&mut self, path: &Path, began: usize) {
        if let Some(folder) = self.folders.get_mut(path) {
            for (_, name, node) in folder.pending.extract_if(.., |(ended, ..)| *ended < began) {
                match node {
                    Some(node) => folder.durable.insert(name, node),
                    None => folder.durable.remove(&name),
                };
            }
        } else if let Some(Node::File(file)) = self.names.get(path) {
            let file = &mut self.files[*file];
            let over: Vec<_> = file.pending.extract_if(.., |(ended, _)| *ended < began).collect();
            for (_, change) in over {
                change.on(&mut file.durable);
            }
        }
    }

    /// Files below a folder of which something would be lost now: their bytes, or their name or that of a folder above.
    pub fn unsynced(&self, below: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for (path, node) in self.names.iter().filter(|(path, _)| path.starts_with(below)) {
            let bytes = matches!(node, Node::File(file) if !self.files[*file].pending.is_empty());
            let parent = path.parent().and_then(|parent| self.folders.get(parent));
            let named = parent.is_some_and(|folder| folder.durable.contains_key(path.file_name().unwrap()));
            if bytes || !named {
                found.push(path.clone());
            }
        }
        found
    }

    /// What the disk may hold after a power cut now, written into a folder.
    pub fn cut(&self, rng: &mut fastrand::Rng, into: &Path) {
        self.cut_folder(rng, &self.root.clone(), into);
    }

    fn cut_folder(&self, rng: &mut fastrand::Rng, folder: &Path, into: &Path) {
        std::fs::create_dir_all(into).unwrap();
        let Some(names) = self.folders.get(folder) else { return };
        let mut left = names.durable.clone();
        let kept = rng.usize(0..=names.pending.len());
        for (_, name, node) in names.pending.iter().take(kept) {
            match node {
                Some(node) => left.insert(name.clone(), *node),
                None => left.remove(name),
            };
        }
        for (name, node) in left {
            match node {
                Node::Folder => self.cut_folder(rng, &folder.join(&name), &into.join(&name)),
                Node::File(file) => std::fs::write(into.join(&name), self.files[file].cut(rng)).unwrap(),
            }
        }
    }
}

impl File {
    fn cut(&self, rng: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        // Sometimes all of it was lucky, sometimes none.
        let luck = rng.u32(0..4);
        for (_, change) in &self.pending {
            match (luck, rng.u32(0..3)) {
                (0, _) | (1 | 2, 0) => {}
                (3, _) | (_, 1) => change.on(&mut bytes),
                _ => change.torn(rng, &mut bytes),
            }
        }
        bytes
    }
}

impl Change {
    fn on(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(size) => bytes.resize(usize::try_from(*size).unwrap(), 0),
            Self::Write { at, bytes: new } => put(bytes, usize::try_from(*at).unwrap(), new),
        }
    }

    /// Some of the sectors that the write touches.
    fn torn(&self, rng: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
        let Self::Write { at, bytes: new } = self else { return };
        let mut at = usize::try_from(*at).unwrap();
        let mut rest = new.as_slice();
        while !rest.is_empty() {
            let (sector, behind) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
            if rng.bool() {
                put(bytes, at, sector);
            }
            at += sector.len();
            rest = behind;
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    if bytes.len() < at + new.len() {
        bytes.resize(at + new.len(), 0);
    }
    bytes[at..at + new.len()].copy_from_slice(new);
}

#[test]
fn what_was_synced_is_there_and_what_was_not_may_be_missing_or_torn() {
    let here = tempfile::tempdir().unwrap();
    let root = Path::new("/r");
    let mut disk = Disk::of(here.path(), root);
    let event = |line: usize, call: Call| Event { began: line, ended: line, call };
    let path = || root.join("f");
    disk.go(&event(1, Call::Make { path: path(), emptied: false }));
    disk.go(&event(2, Call::Write { path: path(), at: 0, bytes: vec![1; 1024] }));
    assert_eq!(disk.unsynced(root), [path()]);
    disk.go(&event(3, Call::Sync { path: path() }));
    assert_eq!(disk.unsynced(root), [path()], "its name is not durable");
    disk.go(&event(4, Call::Sync { path: root.to_owned() }));
    assert!(disk.unsynced(root).is_empty());
    disk.go(&event(5, Call::Write { path: path(), at: 0, bytes: vec![2; 1024] }));
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let into = here.path().join(seed.to_string());
        disk.cut(&mut fastrand::Rng::with_seed(seed), &into);
        let left = std::fs::read(into.join("f")).unwrap();
        seen.insert((left[0], left[1023]));
    }
    assert_eq!(seen.len(), 4, "old, new, and both ways of half and half: {seen:?}");
    // A write that was not over when the sync began is not held by it.
    disk.go(&Event { began: 6, ended: 9, call: Call::Write { path: path(), at: 0, bytes: vec![3; 512] } });
    disk.go(&event(8, Call::Sync { path: path() }));
    assert_eq!(disk.unsynced(root), [path()]);
}
