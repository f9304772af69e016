//! The named places themselves: the list is what the sources have, a test build says that it is one, and a release has none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_named_place_is_in_the_list_and_every_name_of_the_list_is_a_place() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut there = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for call in ["faults::point(\"", "faults::check(\""] {
            there.extend(text.split(call).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
    let both = |place: &&str| ["before", "after"].map(|side| format!("{place}::{side}"));
    let listed: BTreeSet<String> = icjs::faults::PLACES.iter().flat_map(both).collect();
    assert_eq!(there, listed, "`PLACES` of src/faults.rs and the places in src/ differ");
}

#[test]
fn a_test_build_says_that_it_is_one() {
    let output = Command::new(env!("CARGO_BIN_EXE_icjs")).arg("--version").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("test build") && said.contains("not for production"), "{said}");
}

/// The features of `fail` that a build has, by what cargo itself says.
fn features(edges: &str) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--locked", "--offline", "--invert", "fail", "--edges", edges]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_built_for_production_has_no_failpoints() {
    assert!(
        features("features").contains("failpoints"),
        "what is built for tests has them, or this test proves nothing"
    );
    let production = features("features,no-dev");
    assert!(production.contains("fail v"), "{production}");
    assert!(!production.contains("failpoints"), "{production}");
}
