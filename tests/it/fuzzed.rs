//! The laws of the fuzz targets (`tests/fuzz/laws/`) on what is known: everything that a fuzzer ever found (`tests/fuzz/found/`),
//! the collections beside the project, the shipped examples, and bytes by the thousand. `tests/run --fuzz` looks for more.

use std::io::Write;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use super::faults::report;

#[path = "../fuzz/laws/mod.rs"]
mod laws;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder with one of these endings; none where the folder is not there.
fn files(folder: &Path, endings: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push((name, std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Holds every one of these to a law, and names all that break it.
#[track_caller]
fn hold(target: &str, given: &[(String, Vec<u8>)]) {
    let (_, law) = laws::LAWS.into_iter().find(|(name, _)| *name == target).unwrap();
    let broken = given.iter().filter(|(_, bytes)| catch_unwind(|| law(bytes)).is_err());
    let broken: Vec<&str> = broken.map(|(name, _)| name.as_str()).collect();
    assert!(broken.is_empty(), "the law `{target}` is broken by {}", broken.join(", "));
    println!("{target}: {} held", given.len());
}

/// A folder of the collections beside the project, or nothing, and then that is said.
fn collection(folder: &str, endings: &[&str]) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("../shared/corpora").join(folder);
    let found = files(&folder, endings);
    if found.is_empty() {
        println!("skipped: no collection at {}", folder.display());
    }
    found
}

fn naughty() -> Vec<String> {
    let path = root().join("../shared/corpora/blns.json");
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
        Err(_) => {
            println!("skipped: no collection at {}", path.display());
            Vec::new()
        }
    }
}

/// Each naughty string in each of these frames, `{}` standing for it.
fn framed(frames: &[&str]) -> Vec<(String, Vec<u8>)> {
    let strings = naughty();
    let named = strings.iter().enumerate();
    let all = named.flat_map(|(number, text)| {
        frames
            .iter()
            .map(move |frame| (format!("naughty string {number} in {frame:?}"), frame.replace("{}", text).into_bytes()))
    });
    all.collect()
}

#[test]
fn nothing_that_a_fuzzer_ever_found_breaks_a_law_again() {
    for (target, _) in laws::LAWS {
        hold(target, &files(&root().join("tests/fuzz/found").join(target), &[""]));
    }
}

#[test]
fn the_collections_keep_the_laws_of_documents() {
    hold("json", &collection("json", &[".json"]));
    hold("json", &framed(&["{\"name\": \"{}\"}"]));
    hold("json", &files(&root().join("adapters"), &[".json"]));
    hold("xml", &collection("xml", &[".xml", ".ent"]));
    hold("xml", &framed(&["<Report id='{}'><Facts>{}</Facts></Report>"]));
    hold("xml", &files(&root().join("adapters"), &[".xml"]));
    hold("nist", &collection("an2", &[".an2"]));
    hold("nist", &files(&root().join("adapters"), &[".an2"]));
    let mut packed = Vec::new();
    for (name, plain) in files(&root().join("adapters"), &[".xml", ".json"]) {
        let mut packer = flate2::write::GzEncoder::new(vec![2], flate2::Compression::best());
        packer.write_all(&plain).unwrap();
        packed.push((name.clone(), packer.finish().unwrap()));
        packed.push((name, [vec![1], plain].concat()));
    }
    hold("coding", &packed);
}

#[test]
fn naughty_strings_keep_the_laws_of_names_requests_and_configuration() {
    hold("identifiers", &framed(&["{}", "ps:{}", "cnr/{}", "fir/{}-2026-1", "{}\n2026\n{}"]));
    hold("cursor", &framed(&["{}", "0123456789abcdef{}"]));
    hold(
        "framing",
        &framed(&[
            "abcdPOST /{} HTTP/1.1\r\nhost: {}\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        ]),
    );
    let shipped = files(&root().join("config"), &[".toml"]).into_iter().map(|(path, text)| {
        let name = path.rsplit("/config/").next().unwrap().to_owned();
        (path, [format!("config/{name}\n").into_bytes(), text].concat())
    });
    hold("configuration", &shipped.collect::<Vec<_>>());
    let frames = [
        "config/rules.toml\n{}",
        "config/rules.toml\n[[alert]]\nname = '{}'\ncause = 'unsettled'\nlane = \"{}\"\nafter = '5m'\nto = ['prisons']\n",
        "config/gateway.toml\n[exchange]\nlisten = '{}'\n",
        "{}\n",
    ];
    // A whole folder is compiled for each.
    hold("configuration", &framed(&frames).into_iter().step_by(40).collect::<Vec<_>>());
}

/// Documents that a law takes as they are: what the inputs of the next test are made of, beside bytes of no meaning.
fn examples(target: &str) -> Vec<(String, Vec<u8>)> {
    let adapters = root().join("adapters");
    match target {
        "json" => files(&adapters, &[".json"]),
        "xml" => files(&adapters, &[".xml"]),
        "nist" => files(&adapters, &[".an2"]),
        "configuration" => {
            let path = |name: &str| format!("config/{}\n", name.rsplit('/').next().unwrap()).into_bytes();
            let small = files(&root().join("tests/fuzz/laws/folder"), &["s.toml", "g.toml"]);
            small.into_iter().map(|(name, text)| (name.clone(), [path(&name), text].concat())).collect()
        }
        _ => Vec::new(),
    }
}

/// Some bytes of no meaning, or an example that lost, gained or changed some of its own.
fn invented(random: &mut fastrand::Rng, examples: &[(String, Vec<u8>)]) -> Vec<u8> {
    if examples.is_empty() || random.u8(..4) == 0 {
        let length = random.usize(..200);
        return (0..length).map(|_| random.u8(..)).collect();
    }
    let mut bytes = examples[random.usize(..examples.len())].1.clone();
    for _ in 0..random.usize(1..6) {
        let from = random.usize(..=bytes.len());
        let to = (from + random.usize(..20)).min(bytes.len());
        match random.u8(..4) {
            0 => drop(bytes.drain(from..to)),
            1 => bytes.insert(from, random.u8(..)),
            2 => bytes[from..to].iter_mut().take(1).for_each(|byte| *byte = random.u8(..)),
            _ => {
                let again = bytes[from..to].to_vec();
                let at = random.usize(..=bytes.len());
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

/// Without a fuzzer's eye for what is new, and with every ordinary build: `ICJS_SEED` begins elsewhere.
#[test]
fn bytes_by_the_thousand_keep_every_law() {
    let seed = report::number("ICJS_SEED").unwrap_or(1);
    let only = std::env::var("ICJS_LAW").ok();
    let mut tried = 0;
    for (target, law) in laws::LAWS.into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| only == name)) {
        let mut random = fastrand::Rng::with_seed(seed);
        let examples = examples(target);
        // A whole folder is compiled for each configuration.
        let count = if target == "configuration" { report::either(20, 5_000) } else { report::either(200, 50_000) };
        for number in 0..count {
            let bytes = invented(&mut random, &examples);
            let held = catch_unwind(|| law(&bytes)).is_ok();
            assert!(held, "the law `{target}` is broken by number {number} of seed {seed}: {}", bytes.escape_ascii());
        }
        println!("{target}: {count} held");
        tried += count;
    }
    report::done(
        "the laws of the doors",
        tried,
        "invented inputs",
        seed,
        &format!("none breaks a law ({})", only.as_deref().unwrap_or("all nine")),
    );
}
