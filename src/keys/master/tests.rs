//! Tests of the master: the key of the store is the same whoever wraps it, and lies open for nobody else.

use super::super::Keys;
use super::*;

/// A folder whose store has a key, and that key.
fn folder() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    drop(Keys::open(dir.path()).unwrap());
    let secret = fs::read_to_string(dir.path().join("keys/store.key")).unwrap();
    (dir, secret)
}

fn next(dir: &Path, text: &str) {
    fs::write(dir.join("keys").join(NEXT), text).unwrap();
}

fn rotated(dir: &Path, text: &str) {
    next(dir, text);
    rotate(dir).unwrap();
}

fn opened(dir: &Path) -> Result<String, KeyError> {
    open(&dir.join("keys")).map(Option::unwrap)
}

/// A master in a file beside the folder, and how `master.toml` says so.
fn beside(dir: &Path, digit: &str) -> (PathBuf, String) {
    let file = dir.join(format!("master-{digit}"));
    fs::write(&file, digit.repeat(64) + "\n").unwrap();
    let text = format!("file = {:?}\n", file.display().to_string());
    (file, text)
}

// A KMS for tests: no secret of its own, but what it prints is not what it read.
const KMS: &str = "wrap = [\"tr\", \"0-9a-f\", \"a-f0-9\"]\nunwrap = [\"tr\", \"a-f0-9\", \"0-9a-f\"]\n";

#[test]
fn the_key_stays_the_same_from_master_to_master_and_lies_open_under_none() {
    let (dir, secret) = folder();
    let (dir, (_, first), (_, second)) = (dir.path(), beside(dir.path(), "a"), beside(dir.path(), "b"));
    let prints = format!("command = [\"sh\", \"-c\", \"echo {}\"]\n", "c".repeat(64));
    for text in [&first, &second, &prints, KMS, &first] {
        rotated(dir, text);
        assert_eq!(opened(dir).unwrap(), secret, "{text}");
        assert_eq!(&fs::read_to_string(dir.join("keys/master.toml")).unwrap(), text);
        for entry in fs::read_dir(dir.join("keys")).unwrap() {
            let path = entry.unwrap().path();
            assert!(!fs::read_to_string(&path).unwrap().contains(&secret), "{}", path.display());
        }
        drop(Keys::open(dir).unwrap());
    }
    rotated(dir, "plain = true\n");
    assert_eq!(fs::read_to_string(dir.join("keys/store.key")).unwrap(), secret);
}

#[test]
fn the_same_master_wraps_anew_and_without_any_it_is_said() {
    let (dir, secret) = folder();
    let dir = dir.path();
    assert!(rotate(dir).unwrap_err().to_string().contains("master.next.toml"));
    rotated(dir, &beside(dir, "a").1);
    let before = fs::read_to_string(dir.join("keys/store.key")).unwrap();
    rotate(dir).unwrap();
    assert_ne!(fs::read_to_string(dir.join("keys/store.key")).unwrap(), before);
    assert_eq!(opened(dir).unwrap(), secret);
}

#[test]
fn the_bytes_of_an_open_key_are_overwritten_where_they_lay() {
    let (dir, secret) = folder();
    let mut held = fs::File::open(dir.path().join("keys/store.key")).unwrap();
    rotated(dir.path(), &beside(dir.path(), "a").1);
    let mut left = String::new();
    held.read_to_string(&mut left).unwrap();
    assert_eq!(left, "\0".repeat(secret.len()));
}

#[test]
fn cut_between_its_renames_the_key_opens_and_the_rotation_is_made_again() {
    let (dir, secret) = folder();
    let (dir, (old, first), (_, second)) = (dir.path(), beside(dir.path(), "a"), beside(dir.path(), "b"));
    rotated(dir, &first);
    next(dir, &second);
    rotate(dir).unwrap();
    // As it was after the first rename and before the second.
    fs::write(dir.join("keys").join(MASTER), &first).unwrap();
    next(dir, &second);
    assert_eq!(opened(dir).unwrap(), secret);
    fs::remove_file(old).unwrap();
    rotate(dir).unwrap();
    assert_eq!(opened(dir).unwrap(), secret);
    assert!(!dir.join("keys").join(NEXT).exists());
    // Before the first rename: the next one is named and has wrapped nothing yet.
    next(dir, KMS);
    assert_eq!(opened(dir).unwrap(), secret);
}

#[test]
fn a_new_folder_with_a_master_never_has_its_key_open() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("keys")).unwrap();
    let (_, text) = beside(dir.path(), "a");
    fs::write(dir.path().join("keys").join(MASTER), text).unwrap();
    drop(Keys::open(dir.path()).unwrap());
    let kept = fs::read_to_string(dir.path().join("keys/store.key")).unwrap();
    assert!(kept.starts_with(WRAPPED) && !kept.contains(&opened(dir.path()).unwrap()), "{kept}");
}

#[test]
fn a_master_that_does_not_serve_is_named_and_changes_nothing() {
    let (dir, secret) = folder();
    let dir = dir.path();
    for (text, says) in [
        ("", "say one of"),
        ("file = \"a\"\nplain = true", "say one of"),
        ("wrap = [\"tr\"]", "say one of"),
        ("command = []", "needs a program"),
        ("fil = \"a\"", "unknown field"),
        ("file = \"nowhere\"", "cannot be read"),
        ("file = \"master.next.toml\"", "64 hex digits"),
        ("command = [\"no-such-program-here\"]", "cannot be run"),
        ("command = [\"false\"]", "failed"),
        ("command = [\"printf\", 'a\\nb\\n']", "one line"),
        ("wrap = [\"cat\"]\nunwrap = [\"cat\"]", "does not wrap"),
        ("wrap = [\"true\"]\nunwrap = [\"cat\"]", "does not wrap"),
        ("wrap = [\"tr\", \"0-9a-f\", \"a-f0-9\"]\nunwrap = [\"cat\"]", "not give back"),
        ("wrap = [\"tr\", \"0-9a-f\", \"a-f0-9\"]\nunwrap = [\"tr\", \"a-f\", \"x\"]", "gave no key"),
    ] {
        next(dir, text);
        let error = rotate(dir).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
        assert!(!error.contains(&secret), "{text}: {error}");
        assert_eq!(fs::read_to_string(dir.join("keys/store.key")).unwrap(), secret, "{text}");
        assert!(!dir.join("keys").join(MASTER).exists(), "{text}");
    }
}

#[test]
fn a_wrapped_key_without_its_master_opens_for_nobody_and_stays_as_it_is() {
    let (dir, _) = folder();
    let (dir, (file, text)) = (dir.path(), beside(dir.path(), "a"));
    rotated(dir, &text);
    let kept = fs::read_to_string(dir.join("keys/store.key")).unwrap();
    fs::write(&file, "b".repeat(64)).unwrap();
    assert!(opened(dir).unwrap_err().to_string().contains("not the one"), "another master");
    fs::remove_file(&file).unwrap();
    assert!(Keys::open(dir).unwrap_err().to_string().contains("cannot be read"), "the master is gone");
    fs::remove_file(dir.join("keys").join(MASTER)).unwrap();
    assert!(Keys::open(dir).unwrap_err().to_string().contains("is missing"), "nobody says who opens it");
    assert_eq!(fs::read_to_string(dir.join("keys/store.key")).unwrap(), kept);
}

#[test]
fn a_command_that_hangs_is_stopped() {
    let hang: Vec<String> = ["sh", "-c", "sleep 3 & sleep 3"].map(str::to_owned).to_vec();
    let error = asked(&hang, "", Duration::from_millis(50)).unwrap_err();
    assert!(error.contains("did not end"), "{error}");
}
