//! The house rules as tests: who may import whom, one door per third-party crate, headers, sizes, names, words.
//! They read the sources as text. A failure lists every place and says what to do about it; where a rule itself must
//! change, change it here and in the README's house rules together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules from the bottom up. A module may import from lower layers only; neighbours in a layer do not know each other.
/// `accept` and `dispatch` stand side by side on purpose: they meet in the journal and never name each other.
const LAYERS: &[&[&str]] = &[
    &["clock", "seal", "memory", "doors"],
    &["identifiers", "keys", "faults", "tls"],
    &["schema", "journal", "officers"],
    &["expression", "telemetry"],
    &["codes", "reference"],
    &["mapping"],
    &["config"],
    &["live", "outcome", "readers"],
    &["tokens", "receipts", "evidence", "revisions", "envelope", "rerouting"],
    &["casefile", "quality"],
    &["accept", "dispatch"],
    &["alerts"],
    &["http_edge"],
    &["exchange", "admin"],
    &["gateway"],
    &["shell", "promises"],
    &["demo", "bench"],
    &["cli"],
];

/// A third-party crate and the only places that may name it (prefixes below the repository's root).
/// An empty list: vocabulary, used wherever it helps.
const DOORS: &[(&str, &[&str])] = &[
    ("arc_swap", &[]),
    ("async_trait", &[]),
    ("aws_lc_rs", &["src/seal.rs", "src/seal/", "proof/src/digest.rs", "tests/"]),
    ("axum", &["src/exchange/", "src/admin/", "src/http_edge", "src/bench/echo.rs"]),
    ("base64", &[]),
    ("bytes", &[]),
    ("cel", &["src/expression"]),
    ("clap", &["src/cli/", "src/main.rs", "verify/src/"]),
    ("clap_complete", &["src/cli/"]),
    ("csv", &["src/codes", "src/reference", "src/config/", "adapters/kit/", "src/mapping/"]),
    ("fail", &["src/faults.rs"]),
    ("fastrand", &[]),
    ("flate2", &["src/doors/coding.rs"]),
    ("futures_util", &[]),
    ("governor", &["src/exchange/"]),
    ("http_body_util", &["src/doors/body.rs"]),
    ("hyper", &["src/doors/body.rs", "src/http_edge"]),
    ("hyper_util", &["src/exchange/", "src/admin/", "src/http_edge"]),
    ("icjs_kit", &[]),
    ("icjs_nafis", &["src/config/adapters.rs"]),
    ("icjs_proof", &[]),
    ("icjs_verify", &["verify/src/main.rs", "tests/"]),
    (
        "jiff",
        &["verify/src/", "src/clock.rs", "src/mapping/", "src/expression", "src/codes.rs", "src/config/reference.rs"],
    ),
    ("jsonschema", &["src/schema"]),
    ("jsonwebtoken", &["src/tokens"]),
    ("libmimalloc_sys", &["src/memory.rs"]),
    ("lz4_flex", &["src/journal/", "src/seal", "src/config/folder.rs", "src/schema.rs"]),
    ("metrics", &[]),
    ("metrics_exporter_prometheus", &["src/telemetry", "src/gateway", "src/admin/"]),
    ("mimalloc", &["src/main.rs"]),
    ("moka", &["src/exchange/", "src/accept/", "src/tokens", "src/journal/"]),
    ("percent_encoding", &[]),
    ("proptest", &["tests/"]),
    ("quick_xml", &["adapters/kit/"]),
    ("rcgen", &["src/shell/authority.rs"]),
    ("reqwest", &["src/dispatch/push", "src/shell/", "src/bench/"]),
    ("roxmltree", &["adapters/kit/"]),
    ("rusqlite", &["src/journal/sqlite/"]),
    ("rust_embed", &["src/config/", "src/admin/", "src/exchange/", "src/promises.rs"]),
    (
        "rustix",
        &["src/shell/signal.rs", "src/http_edge/places.rs", "src/http_edge/local.rs", "src/exchange/folder/guarded.rs"],
    ),
    ("rustls", &["src/tls.rs", "tests/"]),
    ("ruzstd", &["src/doors/coding.rs"]),
    ("serde", &[]),
    ("serde_json", &[]),
    ("tempfile", &["tests/"]),
    ("thiserror", &[]),
    ("tokio", &[]),
    ("tokio_rustls", &["src/tls.rs", "tests/"]),
    ("toml", &["src/config/", "src/keys/", "src/mapping/", "src/promises.rs", "tests/"]),
    ("tower", &["src/exchange/", "src/admin/", "src/http_edge"]),
    ("tracing", &[]),
    ("tracing_subscriber", &["src/telemetry", "src/cli/", "src/main.rs"]),
    ("utoipa", &["src/exchange/", "src/admin/", "src/casefile/"]),
    ("utoipa_axum", &["src/exchange/", "src/admin/"]),
    ("uuid", &["src/identifiers.rs"]),
    ("x509_parser", &["src/tls.rs"]),
];

/// A source file outside tests grows no further than this.
const LINES: usize = 500;

#[test]
fn a_module_imports_only_from_layers_below_it() {
    let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut found = Vec::new();
    for file in rust().filter(|file| file.name.starts_with("src/") && !file.is_test()) {
        let Some(here) = module(&file.name) else { continue };
        let Some(height) = layer(here) else {
            found.push(format!("{}: module `{here}` stands in no layer of tests/it/house.rs; give it one", file.name));
            continue;
        };
        for (number, line) in file.code() {
            for there in line.split("crate::").skip(1).map(word).filter(|&there| there != here) {
                if layer(there).is_some_and(|depth| depth >= height) {
                    let at = format!("{}:{number}", file.name);
                    found.push(format!("{at}: `{here}` may not know `{there}`; move what both need below both"));
                }
            }
        }
    }
    demand("dependencies point one way", &found);
}

#[test]
fn every_third_party_crate_has_one_door() {
    let doors: BTreeMap<&str, &[&str]> = DOORS.iter().copied().collect();
    let mut found = Vec::new();
    for file in rust() {
        for (number, line) in file.code() {
            for (name, door) in &doors {
                let named = line.match_indices(&format!("{name}::")).any(|(at, _)| starts_word(line, at))
                    || line.trim() == format!("use {name};");
                let through = door.is_empty() || door.iter().any(|door| file.name.starts_with(door));
                let kit = file.name.starts_with("adapters/");
                if named && !through && !kit && !file.is_test() {
                    found.push(format!("{}:{number}: `{name}` belongs in {}", file.name, door.join(" or ")));
                }
            }
        }
    }
    demand("one door per third-party crate", &found);
}

/// Who may turn bytes into JSON without the doors, and whose bytes those are. Everybody else asks `doors::json` or a codec.
const OWN_BYTES: &[(&str, &str)] = &[
    ("src/doors/", "the doors themselves"),
    ("src/journal/", "rows of the store"),
    ("src/casefile/", "rows of the store"),
    ("src/quality.rs", "rows of the store"),
    ("src/alerts/", "rows of the store"),
    ("src/rerouting.rs", "rows of the store"),
    ("src/dispatch/encode.rs", "rows of the store"),
    ("src/exchange/held.rs", "rows of the store"),
    ("src/exchange/feed.rs", "rows of the store"),
    ("src/exchange/docs.rs", "documents made here"),
    ("src/schema.rs", "schemas of a checked revision"),
    ("src/config/", "the administrator's folder, which has its own strict reader"),
    ("src/mapping/", "tables of the administrator's folder"),
    ("src/admin/approvals.rs", "rows of the store"),
    ("src/tokens.rs", "claims that this gateway signed, after their signature was checked"),
    ("src/gateway/issuers.rs", "a file that this gateway wrote, of key sets that came through the doors"),
    ("src/evidence/receipt.rs", "a receipt that somebody shows to the command line"),
    ("src/cli/", "files that the operator names"),
    ("src/shell/", "answers of one's own gateway, read by the command line"),
    ("src/demo/", "simulated systems"),
    ("src/bench/", "measurements"),
];

#[test]
fn no_byte_from_outside_comes_in_but_through_the_doors() {
    let ways_in = [
        "serde_json::from_slice",
        "serde_json::from_str",
        "serde_json::from_reader",
        "serde_json::Deserializer",
        "BodyExt",
        "body::to_bytes",
        "body: Bytes",
        ": Json<",
        ": Form<",
    ];
    let mut found = Vec::new();
    for file in rust().filter(|file| file.name.starts_with("src/") && !file.is_test()) {
        let own = OWN_BYTES.iter().any(|(place, _)| file.name.starts_with(place));
        for (number, line) in file.code() {
            // What a handler gives back may be `Json`; what it takes may not.
            let way = ways_in.iter().find(|way| line.contains(**way) && !line.contains("->"));
            if let Some(way) =
                way.filter(|way| !(own || **way == "body: Bytes" && file.name.starts_with("src/dispatch/")))
            {
                let at = format!("{}:{number}", file.name);
                found
                    .push(format!("{at}: `{way}`: read it through `doors`, or say in OWN_BYTES whose bytes these are"));
            }
        }
    }
    demand("every byte from outside passes the doors", &found);
}

#[test]
fn every_dependency_is_known_to_the_house() {
    let manual = read(&root().join("docs/dependencies.md"));
    let mut found = Vec::new();
    let mut there = BTreeSet::new();
    for path in
        ["Cargo.toml", "adapters/kit/Cargo.toml", "adapters/nafis/Cargo.toml", "proof/Cargo.toml", "verify/Cargo.toml"]
    {
        let manifest: toml::Table = read(&root().join(path)).parse().unwrap();
        for table in ["dependencies", "dev-dependencies"] {
            for name in manifest.get(table).into_iter().flat_map(|table| table.as_table().unwrap().keys()) {
                there.insert(name.replace('-', "_"));
                if !DOORS.iter().any(|(known, _)| *known == name.replace('-', "_")) {
                    found.push(format!("{path}: `{name}` has no door; add it to DOORS in tests/it/house.rs"));
                }
                if !manual.contains(&format!("`{name}`")) {
                    found.push(format!("{path}: `{name}` is not in docs/dependencies.md; say there what it is for"));
                }
            }
        }
    }
    for (known, _) in DOORS {
        if !there.contains(*known) {
            found.push(format!("tests/it/house.rs: `{known}` has a door but is no dependency any more; remove it"));
        }
    }
    demand("every dependency has a door", &found);
}

#[test]
fn an_adapter_sees_the_kit_only() {
    let found: Vec<String> = files()
        .filter(|file| file.name.starts_with("adapters/") && file.name.ends_with("Cargo.toml"))
        .filter(|file| file.text.contains("icjs-gateway"))
        .map(|file| format!("{}: an adapter may depend on `icjs-kit`, never on the gateway", file.name))
        .collect();
    demand("adapters see the kit only", &found);
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let mut found = Vec::new();
    for file in rust() {
        let header = file.text.lines().take_while(|line| line.starts_with("//!")).count();
        if header == 0 {
            found.push(format!("{}: begin with a `//!` header: what for, what not, what to read next", file.name));
        } else if header > 14 && file.name != "src/lib.rs" {
            found.push(format!("{}: {header} header lines; say it in six sentences", file.name));
        }
    }
    demand("every file opens with a header", &found);
}

#[test]
fn no_source_file_outgrows_a_reader() {
    let found: Vec<String> = rust()
        .filter(|file| !file.is_test() && !file.name.starts_with("tests/") && file.text.lines().count() > LINES)
        .map(|file| format!("{}: {} lines; split it by noun (limit {LINES})", file.name, file.text.lines().count()))
        .collect();
    demand("no file is over 500 lines", &found);
}

#[test]
fn names_say_what_a_thing_is() {
    let mut found = Vec::new();
    for file in rust() {
        let stem = Path::new(&file.name).file_stem().unwrap().to_str().unwrap();
        if ["util", "utils", "common", "helper", "helpers", "misc", "core", "types"].contains(&stem) {
            found.push(format!("{}: name the file after the noun that it holds", file.name));
        }
        for (number, line) in file.code() {
            let declared = ["struct ", "enum ", "trait "].iter().filter_map(|word| line.split_once(word));
            for (_, rest) in declared {
                let name = word(rest);
                if ["Manager", "Handler", "Helper"].iter().any(|vague| name.ends_with(vague)) {
                    found.push(format!("{}:{number}: `{name}` says nothing; name it by what it does", file.name));
                }
            }
        }
    }
    demand("no vague names", &found);
}

#[test]
fn nothing_is_left_for_later_and_nothing_hides_in_a_macro() {
    // Spelt in halves, or this file would find itself.
    let words =
        [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["todo", "!("], ["unimplemented", "!("], ["macro_", "rules!"]];
    let mut found = Vec::new();
    for file in rust() {
        for (number, line) in file.text.lines().enumerate() {
            for word in words.iter().map(|halves| halves.concat()) {
                if line.contains(&word) {
                    found.push(format!(
                        "{}:{}: `{word}`: do it now, or say in words what holds",
                        file.name,
                        number + 1
                    ));
                }
            }
        }
    }
    demand("no promised work, no macros", &found);
}

#[test]
fn no_file_names_this_machine_or_a_registry() {
    let words =
        [["/wo", "rk/"], ["/ho", "me/"], ["/ro", "ot/"], ["crates", ".io"], ["/tmp/", "plan"], [".lib", "rary"]];
    let mut found = Vec::new();
    for file in files().filter(|file| !file.name.ends_with("Cargo.lock")) {
        for (number, line) in file.text.lines().enumerate() {
            for word in words.iter().map(|halves| halves.concat()) {
                if line.contains(&word) {
                    found.push(format!("{}:{}: `{word}` means nothing elsewhere", file.name, number + 1));
                }
            }
        }
    }
    demand("nothing names one machine", &found);
}

#[test]
fn every_toml_that_is_shipped_or_shown_parses() {
    let mut found = Vec::new();
    for file in files() {
        if file.name.ends_with(".toml") {
            check_toml(&file.name, 1, &file.text, &mut found);
        } else if file.name.ends_with(".md") {
            let mut rest = file.text.as_str();
            while let Some((before, block)) = rest.split_once("```toml\n") {
                let line = file.text.len() - rest.len() + before.len();
                let number = file.text[..line].lines().count() + 2;
                let (block, after) = block.split_once("```").unwrap_or((block, ""));
                check_toml(&file.name, number, block, &mut found);
                rest = after;
            }
        }
    }
    demand("every TOML block parses", &found);
}

#[test]
fn every_json_that_is_shipped_parses() {
    let found: Vec<String> = files()
        .filter(|file| file.name.ends_with(".json") && !file.name.contains("corpora/"))
        .filter_map(|file| {
            let broken = serde_json::from_str::<serde_json::Value>(&file.text).err()?;
            Some(format!("{}: {broken}", file.name))
        })
        .collect();
    demand("every JSON file parses", &found);
}

fn check_toml(name: &str, number: usize, text: &str, found: &mut Vec<String>) {
    if let Err(broken) = text.parse::<toml::Table>() {
        found.push(format!("{name}:{number}: {}", broken.message()));
    }
}

/// One text file of the repository.
struct File {
    /// Relative to the root, with `/`.
    name: String,
    text: String,
}

impl File {
    /// Tests beside the code may be longer and may use what they like.
    fn is_test(&self) -> bool {
        self.name.ends_with("/tests.rs")
            || self.name.ends_with("_tests.rs")
            || self.name.contains("/tests/")
            || self.name.contains("/conformance")
            || self.name.starts_with("tests/")
    }

    /// Lines of code with their numbers, comments left out, up to a module of tests in the same file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        let code = |line: &str| !line.trim_start().starts_with("//");
        lines.enumerate().map(|(index, line)| (index + 1, line)).filter(move |(_, line)| code(line))
    }
}

/// Every text file that belongs to the project.
fn files() -> impl Iterator<Item = File> {
    let mut names = Vec::new();
    walk(&root(), &mut names);
    names.sort();
    names.into_iter().filter_map(|path| {
        let text = String::from_utf8(std::fs::read(&path).ok()?).ok()?;
        let name = path.strip_prefix(root()).unwrap().to_str()?.replace('\\', "/");
        Some(File { name, text })
    })
}

fn rust() -> impl Iterator<Item = File> {
    files().filter(|file| file.name.ends_with(".rs"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if !["target", ".git", "data"].iter().any(|skip| name == *skip) {
                walk(&path, found);
            }
        } else if name != ".git" {
            found.push(path);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The module that a source file belongs to; `None` for the crate's own roots.
fn module(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("src/")?;
    let first = rest.split('/').next()?;
    match first.strip_suffix(".rs").unwrap_or(first) {
        "lib" | "main" => None,
        module => Some(module),
    }
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn starts_word(line: &str, at: usize) -> bool {
    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

#[track_caller]
fn demand(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "house rule broken: {rule}\n  {}\n", found.join("\n  "));
}
