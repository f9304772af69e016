//! The page of promises says what its sources say, names tests and parts that exist, and calls nothing proved that is not
//! held by a test or whose last long run failed. `ICJS_WRITE_PAGE=1` writes the page anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use icjs::promises::{Book, State, book};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all functions that an attribute makes a test.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src", "tests", "adapters", "proof"] {
        walk(&root().join(folder), &mut names);
    }
    names
}

fn walk(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                if let Some((before, name)) = line.split_once("fn ")
                    && (before.is_empty() || before.ends_with("async "))
                    && std::mem::take(&mut marked)
                {
                    names.insert(name.split('(').next().unwrap().to_owned());
                }
            }
        }
    }
}

fn parts() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("tests/long-parts")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let long = lines.filter_map(|line| line.split_once(':')).map(|(part, _)| part.to_owned());
    // Every fuzz target is a part too: `tests/run --fuzz` runs it.
    let targets: toml::Table = std::fs::read_to_string(root().join("tests/fuzz/Cargo.toml")).unwrap().parse().unwrap();
    let names = targets["bin"].as_array().unwrap().iter().map(|target| target["name"].as_str().unwrap());
    long.chain(names.map(|name| format!("fuzz-{name}"))).collect()
}

/// What is wrong with a book.
fn faults(book: &Book, tests: &BTreeSet<String>, parts: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for promise in &book.promises {
        let mut say = |what: String| found.push(format!("{}: {what}", promise.id));
        for test in promise.tests.iter().filter(|test| !tests.contains(*test)) {
            say(format!("there is no test `{test}`"));
        }
        for part in promise.parts.iter().filter(|part| !parts.contains(*part)) {
            say(format!("neither tests/long-parts nor tests/fuzz has a part `{part}`"));
        }
        if promise.why.is_empty() != (promise.state == State::Proved) {
            say("what is proved needs no reason, and what is not needs one".to_owned());
        }
        if promise.state != State::NotYet && promise.tests.is_empty() {
            say("no test holds it".to_owned());
        }
        let failed = |part: &&String| book.runs.get(*part).is_some_and(|run| run.result != "passed");
        if promise.state == State::Proved && promise.parts.iter().any(|part| failed(&part)) {
            say("a part of its last long run has failed".to_owned());
        }
        if !book.groups.iter().any(|group| group.letter == promise.group) {
            say(format!("there is no group `{}`", promise.group));
        }
    }
    for part in parts {
        if !book.promises.iter().any(|promise| promise.parts.contains(part)) {
            found.push(format!("the part `{part}` proves no promise"));
        }
    }
    found
}

#[test]
fn every_promise_names_tests_and_parts_that_exist_and_what_is_left() {
    let book = book().unwrap();
    let ids: Vec<String> = book.promises.iter().map(|promise| promise.id.clone()).collect();
    assert_eq!(ids, (1..=60).map(|number| format!("P{number}")).collect::<Vec<_>>());
    assert_eq!(faults(&book, &tests(), &parts()), Vec::<String>::new());
}

#[test]
fn a_promise_without_its_test_part_or_reason_is_found() {
    let (tests, parts) = (tests(), parts());
    let mut forged = book().unwrap();
    forged.promises[0].tests.push("nobody_wrote_this".to_owned());
    forged.promises[1].parts.push("nor-this".to_owned());
    let open = forged.promises.iter_mut().find(|promise| !promise.why.is_empty()).unwrap();
    open.why.clear();
    let open = format!("{}: what is proved", open.id);
    let run = icjs::promises::Run {
        part: "kill-moment-1".to_owned(),
        result: "failed".to_owned(),
        date: String::new(),
        commit: String::new(),
        seconds: 0,
        did: Vec::new(),
    };
    forged.runs.insert(run.part.clone(), run);
    let found = faults(&forged, &tests, &parts).join("\n");
    for word in [
        "P1: there is no test",
        "P2: neither tests/long-parts nor tests/fuzz has a part",
        &open,
        "P1: a part of its last",
    ] {
        assert!(found.contains(word), "no `{word}` in {found}");
    }
}

#[test]
fn the_page_says_what_its_sources_say() {
    let (path, page) = (root().join("docs/promises.md"), book().unwrap().page());
    if std::env::var_os("ICJS_WRITE_PAGE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/promises.md is not what its sources say: ICJS_WRITE_PAGE=1 writes it anew");
}
