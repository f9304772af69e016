//! `docs/connect-a-prison.md`, run as its reader runs it: every `sh` block, one after another in one shell, against the real
//! gateway of a folder that `icjs init` made. A page whose commands do not work is worse than none. `tests/run` installs the
//! `curl` and `openssl` that they call.

use std::process::{Command, Output};

use serde_json::Value;

use super::cli_journey::Started;

const PAGE: &str = include_str!("../../docs/connect-a-prison.md");

/// The `sh` blocks of the page.
fn blocks() -> Vec<&'static str> {
    PAGE.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn run(started: &Started) -> Output {
    let listen = std::fs::read_to_string(started.made.file("data/listen.json")).unwrap();
    let listen: Value = serde_json::from_str(&listen).unwrap();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_icjs")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut script = "set -euo pipefail\n".to_owned();
    for (number, block) in blocks().iter().enumerate() {
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
    let started = Started::new();
    let output = run(&started);
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the page's commands failed:\n{said}\n{wrong}");
    let parts: Vec<&str> = said.split("\n=== ").skip(1).collect();
    assert_eq!(parts.len(), blocks().len());
    let part = |number: usize, words: &[&str]| {
        for word in words {
            assert!(parts[number].contains(word), "block {number} says no `{word}`: {}", parts[number]);
        }
    };
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
    let told = started.made.icjs(&["feed", "--as", "ecourts-dl", "--json"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let outcomes = told["items"].as_array().unwrap().iter().filter(|item| item["type"] == "in.icjs.outcome.v1");
    let words: Vec<&str> = outcomes.filter_map(|item| item["data"]["outcome"].as_str()).collect();
    assert_eq!(words, ["received", "not-executed", "executed"], "the court was told: {told}");
}

#[test]
fn the_answers_to_a_push_that_the_page_names_are_those_that_the_adapter_knows() {
    let adapter = include_str!("../../adapters/eprisons/adapter.toml");
    let named: Vec<&str> = PAGE.split("\"status\": \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(named.len() >= 7, "{named:?}");
    for status in named {
        assert!(adapter.contains(&format!("equals = \"{status}\"")), "the adapter has no verdict for `{status}`");
    }
}
