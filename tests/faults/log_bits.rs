//! The log of a gateway, as an auditor has copied it: whichever bit of it is turned, the check names the leaf, the file or the
//! checkpoint, and never calls the log good. The long run turns every bit of a log of a thousand leaves.

use std::collections::BTreeMap;
use std::path::Path;

use icjs_proof::log::{self, Files, Wrong};
use icjs_proof::note::Key;

use super::report;
use crate::harness::folder::paper;
use crate::harness::{Client, Folder, Gateway, Party};

const STATION: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

/// The files of a log, by their paths.
struct Held(BTreeMap<String, Vec<u8>>);

impl Files for Held {
    fn file(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

fn read(root: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(root.join(below)).unwrap().map(Result::unwrap) {
        let name = format!("{below}/{}", entry.file_name().to_string_lossy());
        let name = name.trim_start_matches('/').to_owned();
        match entry.file_type().unwrap().is_dir() {
            true => read(root, &name, files),
            false => drop(files.insert(name, std::fs::read(entry.path()).unwrap())),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_bit_of_a_gateways_log_is_turned_the_check_names_it() {
    let (leaves, step) = (report::either(40, 1000), report::either(61, 1));
    let folder =
        Folder::with(&[Party::pulling("police", "police", &[STATION]), Party::pulling("court", "courts", &[COURT])]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    // Each is accepted, and lies ready for the court: two leaves.
    for number in 0..u32::try_from(leaves / 2).unwrap() {
        police.accepted("paper", &format!("p-{number}"), &paper(STATION, &[COURT], number, "a note")).await;
    }
    let copy = tempfile::tempdir().unwrap();
    let copied = || Gateway::command(&folder).args(["evidence", "copy"]).arg(copy.path()).output().unwrap();
    let output = copied();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let key = Key::read(&std::fs::read_to_string(copy.path().join("key")).unwrap()).unwrap();
    let keys = std::slice::from_ref(&key);
    let mut held =
        Held(BTreeMap::from([("checkpoint".to_owned(), std::fs::read(copy.path().join("checkpoint")).unwrap())]));
    read(&copy.path().join("tile"), "", &mut held.0);
    let tiles: Vec<(String, Vec<u8>)> = held
        .0
        .iter()
        .filter(|(path, _)| *path != "checkpoint")
        .map(|(path, bytes)| (format!("tile/{path}"), bytes.clone()))
        .collect();
    held.0.retain(|path, _| path == "checkpoint");
    held.0.extend(tiles);
    let good = log::check(&held, keys, &[], |_, _| {}).unwrap();
    assert!(good.size >= leaves, "{} leaves", good.size);
    let mut turned = 0;
    let paths: Vec<String> = held.0.keys().cloned().collect();
    for path in paths {
        let whole = held.0[&path].clone();
        for bit in (0..whole.len() * 8).step_by(usize::try_from(step).unwrap()) {
            held.0.get_mut(&path).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let found = log::check(&held, keys, &[], |_, _| {});
            let named = match &found {
                Err(Wrong::Checkpoint(_)) => path == "checkpoint",
                Err(Wrong::Leaf { index, .. }) => path != "checkpoint" && *index < good.size,
                _ => false,
            };
            assert!(named, "bit {bit} of {path}: {found:?}");
            turned += 1;
            held.0.insert(path.clone(), whole.clone());
        }
    }
    let test = "faults::log_bits::whichever_bit_of_a_gateways_log_is_turned_the_check_names_it";
    report::done(test, turned, "turned bits", 0, &format!("each was named, in a log of {} leaves", good.size));
}
