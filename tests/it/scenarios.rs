//! The demo's named cases, played by the command line: those of a group hold side by side,
//! every message as it is written down, and all hold
//! together while the gateway is killed. The simulated systems misbehave as always.

use serde_json::Value;

use super::cli_mistakes::{command, said};

fn play(arguments: &[&str]) -> Value {
    let output = command().args(["demo", "--json", "--scenario"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in ["lost", "doubled", "out_of_order", "unexpected"] {
        assert_eq!(report[key], 0, "{key}: {report}");
    }
    report
}

/// Scenarios in one gateway, undisturbed by kills: each is told to its end, and nothing differs from what is written.
fn hold(names: &[&str]) {
    let report = play(&[&names.join(","), "--seed", "11"]);
    let scenarios = report["scenarios"].as_array().unwrap();
    assert_eq!(scenarios.len(), names.len(), "{report}");
    for (scenario, name) in scenarios.iter().map(|one| (one, one["name"].as_str().unwrap())) {
        assert!(names.contains(&name) && scenario["faults"] == Value::Array(Vec::new()), "{report}");
        let timeline = scenario["timeline"].as_array().unwrap();
        assert!(timeline.len() > 4, "{name}: {report}");
        let deliveries = |step: &Value| step["deliveries"].as_array().is_some_and(|list| !list.is_empty());
        assert!(timeline.iter().filter(|step| deliveries(step)).count() > 3, "{name}: {report}");
    }
}

#[test]
fn cases_about_liberty_hold_message_by_message() {
    hold(&[
        "bail-to-release",
        "cancelled-bail-races-release",
        "case-without-fir",
        "death-in-custody",
        "production",
        "child-in-prison",
        "prisoner-transfer",
        "child-apprehended",
    ]);
}

#[test]
fn cases_about_papers_hold_message_by_message() {
    hold(&[
        "defects-and-supplementary",
        "closure-and-protest",
        "correction-chains",
        "late-and-backdated",
        "recall-and-expunction",
        "draft-and-sanction",
        "process-service",
    ]);
}

#[test]
fn cases_that_lead_elsewhere_hold_message_by_message() {
    hold(&[
        "zero-fir",
        "split-trial",
        "committal",
        "unlink-after-wrong-link",
        "transfer-and-appeal",
        "agency-case",
        "disposal-and-appeal",
    ]);
}

#[test]
fn cases_of_laboratories_and_prints_hold_message_by_message() {
    hold(&["laboratory-before-cnr", "report-amended", "exhibit-chain", "late-hit", "acquittal-and-destruction"]);
}

#[test]
fn all_scenarios_hold_together_while_the_gateway_is_killed() {
    let report = play(&["all", "--kill", "5"]);
    assert_eq!(report["kills"], 5);
    assert!(report["scenarios"].as_array().unwrap().len() >= 27, "{report}");
}

#[test]
fn an_unknown_scenario_lists_those_that_there_are() {
    let output = command().args(["demo", "--scenario", "bail-to-nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    for words in ["bail-to-nowhere", "bail-to-release", "correction-chains", "all"] {
        assert!(said(&output).contains(words), "the message lacks `{words}`:\n{}", said(&output));
    }
}
