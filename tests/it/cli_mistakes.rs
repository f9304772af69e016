//! The usual mistakes at the command line. Each message must say what happened and what to do, and each exit code is
//! the documented one: people read the first, scripts the second.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::cli_journey::Started;
use super::harness::{Folder, Gateway, Party};

/// A folder made by `icjs init`.
pub struct Made {
    dir: TempDir,
}

impl Made {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// Made by `icjs init` with these words behind it.
    pub fn with(words: &[&str]) -> Self {
        let dir = TempDir::with_prefix("icjs-cli-").unwrap();
        let made = Self { dir };
        let path = made.path();
        let output = icjs(&[&["init", path.to_str().unwrap()], words].concat());
        assert!(output.status.success(), "{}", said(&output));
        made
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("gateway")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn replace(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file(name)).unwrap();
        assert!(text.contains(from), "{name} has no `{from}`");
        std::fs::write(self.file(name), text.replacen(from, to, 1)).unwrap();
    }

    /// `icjs` with this folder.
    pub fn icjs(&self, arguments: &[&str]) -> Output {
        command().env("ICJS_DIR", self.path()).args(arguments).output().unwrap()
    }
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_icjs"));
    command.env_remove("ICJS_DIR").env_remove("RUST_LOG");
    command
}

pub fn icjs(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The exit code is right, and the message holds every one of these words.
fn expect(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "the message lacks `{word}`:\n{said}");
    }
}

#[test]
fn a_wrong_folder_names_init() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().to_str().unwrap();
    expect(&icjs(&["diff", "--dir", path]), 66, &["no gateway folder", "icjs init"]);
    expect(&icjs(&["serve", "--dir", path]), 66, &["no gateway folder", "--dir"]);
    expect(&icjs(&["check", "/nowhere/at/all"]), 66, &["does not exist"]);
}

#[test]
fn a_wrong_argument_is_usage() {
    assert_eq!(icjs(&["sned"]).status.code(), Some(64));
    assert_eq!(icjs(&["--help"]).status.code(), Some(0));
}

#[test]
fn a_folder_that_holds_something_is_not_overwritten() {
    let made = Made::new();
    expect(&icjs(&["init", made.path().to_str().unwrap()]), 64, &["not empty"]);
}

#[test]
fn a_gateway_that_does_not_run_is_named() {
    let made = Made::new();
    expect(&made.icjs(&["token", "cctns-dl"]), 69, &["icjs serve"]);
    expect(&made.icjs(&["token", "nobody"]), 66, &["no key for the system `nobody`", "cctns-dl"]);
}

#[test]
fn a_typo_in_a_route_is_found_at_its_line_with_what_was_meant() {
    let made = Made::new();
    made.replace("config/routes.toml", "kind = \"charge-sheet\"", "kind = \"charge-sheat\"");
    let output = made.icjs(&["check"]);
    expect(&output, 78, &["config/routes.toml:", "charge-sheat", "did you mean `charge-sheet`"]);
    let json = made.icjs(&["check", "--json"]);
    assert_eq!(json.status.code(), Some(78));
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let problem = &told["error"]["problem"];
    assert!(problem["errors"][0]["line"].as_u64().unwrap() > 0, "{told}");
    let routes = problem["files"].as_array().unwrap().iter().find(|file| file["file"] == "config/routes.toml");
    assert_eq!(routes.unwrap()["ok"], false, "{told}");
}

#[test]
fn a_mapping_to_a_path_that_is_not_there_is_found_at_its_line() {
    let made = Made::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/cctns/charge-sheet.toml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let text = text.replacen("FinalReport/CS_DT", "FinalReport/CS_DATE", 1);
    std::fs::create_dir_all(made.file("mappings/cctns")).unwrap();
    std::fs::write(made.file("mappings/cctns/charge-sheet.toml"), text).unwrap();
    expect(&made.icjs(&["check"]), 78, &["mappings/cctns/charge-sheet.toml:", "CS_DATE", "did you mean", "CS_DT"]);
}

#[test]
fn one_file_is_checked_alone() {
    let made = Made::new();
    made.replace("config/routes.toml", "kind = \"charge-sheet\"", "kind = \"charge-sheat\"");
    let good = made.file("config/sharing.toml");
    let bad = made.file("config/routes.toml");
    expect(&icjs(&["check", good.to_str().unwrap()]), 0, &["OK", "config/sharing.toml"]);
    expect(&icjs(&["check", bad.to_str().unwrap()]), 78, &["config/routes.toml:"]);
}

#[test]
fn a_port_in_use_is_said_with_where_to_change_it() {
    let made = Made::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut serve = command();
    serve.env("ICJS_DIR", made.path()).env("ICJS_EXCHANGE__LISTEN", &address).env("ICJS_ADMIN__LISTEN", "0");
    let output = serve.env("ICJS_OPS__LISTEN", "0").arg("serve").output().unwrap();
    expect(&output, 69, &[&address, "in use", "listen"]);
}

#[test]
fn a_kind_that_does_not_exist_is_refused_with_where_to_look() {
    let started = Started::new();
    let record = started.made.file("record.xml");
    std::fs::write(&record, "<FinalReport/>").unwrap();
    let path = record.to_str().unwrap();
    expect(
        &started.made.icjs(&["send", path, "--kind", "charge-sheat", "--as", "cctns-dl"]),
        65,
        &["kind-unknown", "/v1/kinds"],
    );
}

#[test]
fn xml_where_json_is_due_names_the_format() {
    let started = Started::new();
    let record = started.made.file("record.xml");
    std::fs::write(&record, "<CaseRegistration/>").unwrap();
    let path = record.to_str().unwrap();
    let output = started.made.icjs(&["send", path, "--kind", "case-registration", "--as", "ecourts-dl"]);
    expect(&output, 65, &["this is XML", "is sent as JSON", "Content-Type: application/json"]);
}

#[test]
fn an_office_of_somebody_else_says_who_may_send() {
    let started = Started::new();
    let record = started.made.file("record.xml");
    std::fs::write(&record, started.record().replace("38101004</SENDER_PS_CD>", "99999999</SENDER_PS_CD>")).unwrap();
    let path = record.to_str().unwrap();
    let output = started.made.icjs(&["send", path, "--kind", "fir", "--as", "cctns-dl"]);
    expect(&output, 77, &["office-not-yours", "offices"]);
}

#[test]
fn a_missing_office_says_how_to_name_it() {
    let started = Started::new();
    let record = started.made.file("record.xml");
    std::fs::write(&record, started.record().replace("<SENDER_PS_CD>38101004</SENDER_PS_CD>\n", "")).unwrap();
    let path = record.to_str().unwrap();
    let output = started.made.icjs(&["send", path, "--kind", "fir", "--as", "cctns-dl"]);
    assert_ne!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).to_lowercase().contains("icjs-office"), "{}", said(&output));
    let named = started.made.icjs(&["send", path, "--kind", "fir", "--as", "cctns-dl", "--office", "ps:38101004"]);
    expect(&named, 0, &["accepted"]);
}

#[test]
fn a_key_that_is_not_the_systems_is_not_allowed() {
    let started = Started::new();
    let other = started.made.file("keys/dev/ecourts-dl.pem");
    let output = started.made.icjs(&["token", "cctns-dl", "--key", other.to_str().unwrap()]);
    expect(&output, 77, &["cctns-dl", "jwks_file"]);
}

/// A folder whose store cannot be opened, and `serve` on it with these streams.
fn fails_with(arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Output {
    let made = Made::new();
    std::fs::create_dir_all(made.file("data/journal.db")).unwrap();
    let output = Started::serve(&made).args(arguments).stdout(stdout).stderr(stderr).spawn().unwrap();
    let output = output.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{}", said(&output));
    output
}

/// Takes nothing, as a log on a full disk.
fn full() -> Stdio {
    std::fs::File::options().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn a_start_that_fails_is_said_on_whichever_stream_takes_it() {
    let words = "unable to open database file";
    let usual = fails_with(&[], Stdio::piped(), Stdio::piped());
    assert!(String::from_utf8_lossy(&usual.stderr).contains(words), "{}", said(&usual));
    let log_full = fails_with(&[], Stdio::piped(), full());
    assert!(String::from_utf8_lossy(&log_full.stdout).contains(words), "{}", said(&log_full));
    // A supervisor reads standard error, whatever a program reads.
    let json = fails_with(&["--json"], Stdio::piped(), Stdio::piped());
    assert!(String::from_utf8_lossy(&json.stderr).contains(words), "{}", said(&json));
    let parsed: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(parsed["error"]["exit"], 74);
    let unread = fails_with(&["--json"], full(), Stdio::piped());
    assert!(String::from_utf8_lossy(&unread.stderr).contains(words), "{}", said(&unread));
}

#[test]
fn a_gateway_whose_output_nobody_takes_starts_all_the_same() {
    let made = Made::new();
    let mut serve = Started::serve(&made).stdout(full()).stderr(full()).spawn().unwrap();
    let began = std::time::Instant::now();
    while !made.file("data/listen.json").exists() && began.elapsed().as_secs() < 30 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    let ended = serve.try_wait().unwrap();
    serve.kill().unwrap();
    serve.wait().unwrap();
    assert_eq!(ended, None, "it listens and goes on");
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let mut started = Started::new();
    started.stop();
    let store = || rusqlite::Connection::open(started.made.file("data/journal.db")).unwrap();
    store().pragma_update(None, "user_version", 9_999).unwrap();
    let files = || {
        let all = std::fs::read_dir(started.made.file("data")).unwrap().map(|entry| entry.unwrap().path());
        let own = all.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("journal."));
        own.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = files();
    let output = started.serve_output();
    expect(&output, 74, &["format 9999", "run a newer `icjs`"]);
    let same = files().iter().all(|(path, bytes)| before.get(path).is_none_or(|known| known == bytes));
    assert!(same && before.keys().all(|path| path.exists()), "the store was changed");
    let version: i64 = store().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 9_999, "the store was changed");
}

#[test]
fn a_system_that_this_node_would_not_call_is_named_by_the_check_until_its_network_is() {
    let folder = Folder::with(&[
        Party::pushed("court-a", "courts", &["court:DLCT01"], "https://10.1.2.3/inbox"),
        Party::pushed("court-b", "courts", &["court:DLCT02"], "https://courts.example/inbox"),
        Party::pushed("court-c", "courts", &["court:DLCT03"], "http://127.0.0.1:9000/inbox"),
    ]);
    let check = || Gateway::command(&folder).arg("check").output().unwrap();
    let output = check();
    expect(
        &output,
        78,
        &["config/systems/court-a.toml", "`10.1.2.3` is not called", "[outbound]", "config/gateway.toml"],
    );
    assert!(!said(&output).contains("ERR config/systems/court-b.toml"), "{}", said(&output));
    assert!(!said(&output).contains("ERR config/systems/court-c.toml"), "{}", said(&output));
    let json = Gateway::command(&folder).args(["--json", "check"]).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let told = &told["error"]["problem"];
    assert_eq!(told["errors"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["errors"][0]["file"], "config/systems/court-a.toml", "{told}");
    let settings = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
    folder.file(
        "config/gateway.toml",
        &format!("{settings}\n[outbound]\nnetworks = [\"10.1.0.0/16\", \"127.0.0.0/8\"]\n"),
    );
    assert!(check().status.success(), "{}", said(&check()));
    folder.file("config/gateway.toml", &format!("{settings}\n[outbound]\nhosts = [\"*.nic.in\"]\n"));
    expect(
        &check(),
        78,
        &["config/systems/court-a.toml", "config/systems/court-b.toml", "`courts.example` is not called"],
    );
}
