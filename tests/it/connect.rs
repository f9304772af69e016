//! The pages `docs/connect-a-*.md` and `adapters/README.md`, run as their readers run them: every `sh` block, one after another in one shell, against
//! the real gateway of a folder that `icjs init` made. A page whose commands do not work is worse than none. `tests/run`
//! installs the `curl` and `openssl` that they call.

use std::process::{Command, Output};

use serde_json::Value;

use super::cli_journey::Started;

const PRISON: &str = include_str!("../../docs/connect-a-prison.md");
const LABORATORY: &str = include_str!("../../docs/connect-a-laboratory.md");
const COURT: &str = include_str!("../../docs/connect-a-court.md");
const AUTHOR: &str = include_str!("../../adapters/README.md");

/// What a page's commands said, block by block.
struct Run {
    started: Started,
    parts: Vec<String>,
}

impl Run {
    /// Runs a page to its end.
    fn of(page: &str) -> Self {
        let started = Started::new();
        let output = run(&started, page);
        let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "the page's commands failed:\n{said}\n{wrong}");
        let parts: Vec<String> = said.split("\n=== ").skip(1).map(str::to_owned).collect();
        assert_eq!(parts.len(), blocks(page).len());
        Self { started, parts }
    }

    /// The block says all of these words.
    fn says(&self, block: usize, words: &[&str]) {
        for word in words {
            assert!(self.parts[block].contains(word), "block {block} says no `{word}`: {}", self.parts[block]);
        }
    }
}

/// The `sh` blocks of a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn run(started: &Started, page: &str) -> Output {
    let listen = std::fs::read_to_string(started.made.file("data/listen.json")).unwrap();
    let listen: Value = serde_json::from_str(&listen).unwrap();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_icjs")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut script = "set -euo pipefail\n".to_owned();
    for (number, block) in blocks(page).iter().enumerate() {
        script.push_str(&format!("echo; echo '=== {number}'\n{block}"));
    }
    Command::new("bash")
        .args(["-c", &script])
        .current_dir(started.made.path())
        .env("PATH", path)
        .env("ICJS_DIR", started.made.path())
        .env("GATEWAY", format!("http://{}", listen["exchange"].as_str().unwrap()))
        .output()
        .unwrap()
}

#[test]
fn a_developer_of_a_prison_system_gets_through_the_page_by_its_own_commands() {
    let page = Run::of(PRISON);
    let part = |number: usize, words: &[&str]| page.says(number, words);
    part(1, &["prison:DL01", "\"event_number\":\"/eventNo\"", "\"delivery\":\"feed\""]);
    part(2, &["court:DLCT01", "ps:38101004"]);
    part(3, &["court:DLCT01", "\"receipt\":\"ey"]);
    part(4, &["replayed: true"]);
    part(5, &["custody-update", "received: 1 settled", "accepted court-order"]);
    part(6, &["\"outcome\":\"received\"", "\"orderType\":\"RELEASE_ORDER\"", "\"icjsoffice\":\"prison:DL01\""]);
    part(7, &["\"settled\":1"]);
    part(8, &["{\"settled\":1,\"already\":0,\"refused\":[]}"]);
    part(9, &["outcome-conflict"]);
    part(10, &["\"state\":\"delivered\"", "custody-update"]);
    let told = page.started.made.icjs(&["feed", "--as", "ecourts-dl", "--json"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let outcomes = told["items"].as_array().unwrap().iter().filter(|item| item["type"] == "in.icjs.outcome.v1");
    let words: Vec<&str> = outcomes.filter_map(|item| item["data"]["outcome"].as_str()).collect();
    assert_eq!(words, ["received", "not-executed", "executed"], "the court was told: {told}");
}

#[test]
fn the_answers_to_a_push_that_the_pages_name_are_those_that_the_adapters_know() {
    let adapters = [
        (PRISON, include_str!("../../adapters/eprisons/adapter.toml")),
        (LABORATORY, include_str!("../../adapters/eforensics/adapter.toml")),
    ];
    for (page, adapter) in adapters {
        let named: Vec<&str> = page.split("\"status\": \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() >= 6, "{named:?}");
        for status in named {
            assert!(adapter.contains(&format!("equals = \"{status}\"")), "the adapter has no verdict for `{status}`");
        }
    }
}

#[test]
fn a_developer_of_a_laboratory_system_gets_through_the_page_by_its_own_commands() {
    let page = Run::of(LABORATORY);
    page.says(1, &["lab:DLFSL/BIO", "\"delivery\":\"feed\""]);
    page.says(2, &["accepted forensic-requisition", "lab:DLFSL/BIO", "lab:DLFSL/CYB"]);
    page.says(3, &["EX-38101004-26-000451", "EX-38101004-26-000452", "\"exhibits[]\"", "\"offence.place\""]);
    page.says(4, &["{\"settled\":1,\"already\":0,\"refused\":[]}"]);
    page.says(5, &["\"shared\":", "ps:38101004", "\"receipt\":\"ey"]);
    page.says(6, &["attachment-missing", "sent an earlier record of this requisition", "\"state\":\"held\""]);
    page.says(7, &["replayed: true"]);
    page.says(8, &["registration-to-laboratory", "forensic-report"]);
    page.says(9, &["court:DLCT01", "\"kind\":\"forensic-report\""]);
    page.says(10, &["\"replaced_by\"", "court:DLCT01"]);
    let told = page.started.made.icjs(&["feed", "--as", "ecourts-dl", "--json"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let reports = told["items"].as_array().unwrap().iter().filter(|item| item["type"] == "in.icjs.forensic-report.v1");
    let actions: Vec<&str> = reports.filter_map(|item| item["icjsaction"].as_str()).collect();
    let ends = (actions.first().copied(), actions.last().copied());
    assert_eq!(ends, (Some("new"), Some("withdraw")), "the court is told that its copy is taken back: {told}");
}

#[test]
fn a_developer_of_a_court_system_gets_through_the_page_by_its_own_commands() {
    let page = Run::of(COURT);
    page.says(1, &["court:DLCT01/3", "\"event_number\":\"/event_no\""]);
    page.says(3, &["\"type\":\"in.icjs.fir.v1\"", "fir/38101004-2026-45"]);
    page.says(4, &["{\"settled\":1,\"already\":0,\"refused\":[]}"]);
    page.says(5, &["\"type\":\"in.icjs.charge-sheet.v1\"", "{\"settled\":1,\"already\":0,\"refused\":[]}"]);
    page.says(6, &["\"shared\":", "cnr"]);
    page.says(7, &["cnr/DLCT010001232026", "\"receipt\":\"ey"]);
    page.says(8, &["prison:DL01"]);
    page.says(9, &["received: 1 settled", "\"outcome\":\"received\"", "CIS-DLCT01-2026-ORD-007001"]);
    page.says(10, &["\"state\":\"delivered\"", "prison:DL01"]);
    let told = page.started.made.icjs(&["feed", "--as", "cctns-dl", "--json"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let answers = told["items"].as_array().unwrap().iter().filter(|item| item["type"] == "in.icjs.outcome.v1");
    let text = answers.map(ToString::to_string).collect::<String>();
    assert!(text.contains("SR/412/2026"), "the police were told no number: {told}");
}

#[test]
fn the_author_of_an_adapter_gets_from_nothing_to_a_working_seventh_system() {
    let page = Run::of(AUTHOR);
    page.says(6, &["OK  mappings/excise/fir.toml", "court:DLCT01/2", "route fir-to-court: addressee"]);
    page.says(
        7,
        &[
            "\"citation\": \"Delhi Excise Act, 2009\"",
            "\"code\": \"male\"",
            "OK   adapters/excise/examples/in/fir-1.json",
        ],
    );
    page.says(7, &["1 golden pairs, 0 failed", "vehicle"]);
    page.says(8, &["adapters/excise/adapter.toml"]);
    page.says(9, &["accepted fir", "received: 1 settled"]);
    let made = &page.started.made;
    let court: Value = serde_json::from_slice(&std::fs::read(made.file("court.json")).unwrap()).unwrap();
    let data = &court["items"][0]["data"];
    assert_eq!(data["accused"][0]["name"], "रमेश लाल", "the court reads it in its own format: {court}");
    assert_eq!(data["accused"][0]["sex"], "1", "{court}");
    let told = made.icjs(&["feed", "--as", "excise-dl", "--json"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["items"][0]["data"]["outcome"], "received", "the department was told: {told}");
}
