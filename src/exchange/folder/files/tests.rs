//! A name that is swapped between the look and the hand: what was listed is read and moved, or nothing is.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::*;

const SECRET: &[u8] = b"a key of the gateway";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// A watched folder with one file in `drop/papers`, and a secret outside.
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(place.path("root/drop/papers")).unwrap();
        fs::create_dir_all(place.path("keys")).unwrap();
        fs::write(place.path("root/drop/papers/one.json"), b"{}").unwrap();
        fs::write(place.path("keys/one.json"), SECRET).unwrap();
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn root(&self) -> PathBuf {
        self.path("root")
    }

    fn listed(&self) -> Dropped {
        let found = Seen::default().ready(&self.root(), Duration::ZERO, Timestamp::from_millis(0)).unwrap();
        assert_eq!(found.files.len(), 1, "{found:?}");
        found.files.into_iter().next().unwrap()
    }

    fn away(&self, file: &Dropped) -> io::Result<()> {
        put_away(&self.root(), file, "done", &"ab".repeat(32), "answer", b"{}")
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_file_that_becomes_a_link_after_it_was_listed_is_not_read_through() {
    let place = Place::new();
    let listed = place.listed();
    fs::remove_file(place.path("root/drop/papers/one.json")).unwrap();
    symlink(place.path("keys/one.json"), place.path("root/drop/papers/one.json")).unwrap();
    assert!(matches!(listed.read(&place.root()).unwrap(), Opened::Strange));
    assert!(matches!(listed.open(&place.root()).unwrap(), Opened::Strange));
    // Another file under the same name is another file, whatever its size and time are.
    fs::remove_file(place.path("root/drop/papers/one.json")).unwrap();
    fs::write(place.path("root/drop/papers/other"), b"[]").unwrap();
    fs::rename(place.path("root/drop/papers/other"), place.path("root/drop/papers/one.json")).unwrap();
    assert!(matches!(listed.read(&place.root()).unwrap(), Opened::Changed));
    place.away(&listed).unwrap();
    assert_eq!(bytes(&place.path("root/drop/papers/one.json")), b"[]", "it waits for its own turn");
}

#[test]
fn a_subfolder_that_becomes_a_link_gives_away_nothing_and_loses_nothing() {
    let place = Place::new();
    let listed = place.listed();
    fs::rename(place.path("root/drop/papers"), place.path("root/drop/.papers")).unwrap();
    symlink(place.path("keys"), place.path("root/drop/papers")).unwrap();
    assert!(matches!(listed.read(&place.root()).unwrap(), Opened::Strange));
    assert!(matches!(listed.headers(&place.root(), "d").unwrap(), Opened::Strange));
    place.away(&listed).unwrap_err();
    assert_eq!(bytes(&place.path("keys/one.json")), SECRET, "the gateway's own file stays where it is");
}

#[test]
fn a_result_is_not_written_through_a_link() {
    let place = Place::new();
    let listed = place.listed();
    fs::create_dir_all(place.path("root/done/papers")).unwrap();
    symlink(place.path("keys/one.json"), place.path("root/done/papers/.one.json.answer.json.part")).unwrap();
    place.away(&listed).unwrap();
    assert_eq!(bytes(&place.path("keys/one.json")), SECRET);
    assert_eq!(bytes(&place.path("root/done/papers/one.json.answer.json")), b"{}");
    // Nor below a link.
    let place = Place::new();
    let listed = place.listed();
    symlink(place.path("keys"), place.path("root/done")).unwrap();
    let refused = place.away(&listed).unwrap_err().to_string();
    assert!(refused.contains("`done/papers`") && refused.contains("links are not followed"), "{refused}");
    assert_eq!(fs::read_dir(place.path("keys")).unwrap().count(), 1);
}

#[test]
fn a_sidecar_larger_than_any_headers_or_none_at_all_is_not_read() {
    let place = Place::new();
    let listed = place.listed();
    let sidecar = place.path("root/drop/papers/one.json.headers.json");
    assert!(matches!(listed.headers(&place.root(), "d").unwrap(), Opened::Whole(None)));
    fs::write(&sidecar, vec![b' '; 1 << 20]).unwrap();
    assert!(matches!(listed.headers(&place.root(), "d").unwrap(), Opened::Strange));
    for target in ["/dev/zero", "nowhere"] {
        fs::remove_file(&sidecar).unwrap();
        symlink(target, &sidecar).unwrap();
        assert!(matches!(listed.headers(&place.root(), "d").unwrap(), Opened::Strange), "{target}");
    }
}

#[test]
fn a_name_as_long_as_names_may_be_is_put_away() {
    let place = Place::new();
    fs::remove_file(place.path("root/drop/papers/one.json")).unwrap();
    let name = format!("{}.json", "é".repeat(125));
    fs::write(place.path("root/drop/papers").join(&name), b"{}").unwrap();
    let listed = place.listed();
    assert!(matches!(listed.headers(&place.root(), "d").unwrap(), Opened::Whole(None)));
    place.away(&listed).unwrap();
    let names: Vec<String> = fs::read_dir(place.path("root/done/papers"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().any(|name| name.ends_with(".abababababab.json")), "{names:?}");
}
