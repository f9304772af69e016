//! The demo's named cases, played by the command line: each holds alone, every message as it is written down, and all hold
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

/// One scenario alone: it is told to its end, and nothing differs from what is written.
fn holds(name: &str) {
    let report = play(&[name, "--seed", "11"]);
    let scenario = &report["scenarios"][0];
    assert_eq!((&scenario["name"], &scenario["faults"]), (&Value::from(name), &Value::Array(Vec::new())), "{report}");
    let timeline = scenario["timeline"].as_array().unwrap();
    assert!(timeline.len() > 4, "{report}");
    let deliveries = |step: &Value| step["deliveries"].as_array().is_some_and(|list| !list.is_empty());
    assert!(timeline.iter().filter(|step| deliveries(step)).count() > 3, "{report}");
}

#[test]
fn bail_is_not_release_until_no_other_case_holds_the_person() {
    holds("bail-to-release");
}

#[test]
fn a_cancelled_bail_and_a_release_are_both_answered() {
    holds("cancelled-bail-races-release");
}

#[test]
fn a_returned_charge_sheet_is_mended_before_what_follows_it() {
    holds("defects-and-supplementary");
}

#[test]
fn a_closed_case_is_charged_after_further_investigation() {
    holds("closure-and-protest");
}

#[test]
fn corrections_of_corrections_reach_every_copy() {
    holds("correction-chains");
}

#[test]
fn what_comes_late_or_backdated_is_taken_and_says_so() {
    holds("late-and-backdated");
}

#[test]
fn a_case_without_an_fir_runs_from_summons_to_release() {
    holds("case-without-fir");
}

#[test]
fn a_death_in_custody_ends_the_case_for_one_accused() {
    holds("death-in-custody");
}

#[test]
fn a_zero_fir_leads_to_the_case_of_the_station_that_took_it() {
    holds("zero-fir");
}

#[test]
fn a_separated_trial_has_its_own_papers() {
    holds("split-trial");
}

#[test]
fn a_committed_case_is_followed_to_the_other_establishment() {
    holds("committal");
}

#[test]
fn a_wrong_link_is_ended_and_nothing_stays_where_it_led() {
    holds("unlink-after-wrong-link");
}

#[test]
fn a_transferred_case_and_an_appeal_are_followed() {
    holds("transfer-and-appeal");
}

#[test]
fn a_production_that_fails_says_why() {
    holds("production");
}

#[test]
fn a_child_is_taken_out_of_prison_and_kept_out() {
    holds("child-in-prison");
}

#[test]
fn a_release_finds_the_prisoner_who_was_moved_meanwhile() {
    holds("prisoner-transfer");
}

#[test]
fn every_office_that_has_a_copy_is_asked_when_a_record_is_called_back() {
    holds("recall-and-expunction");
}

#[test]
fn a_draft_and_a_sanction_stay_between_police_and_prosecution() {
    holds("draft-and-sanction");
}

#[test]
fn each_division_gets_its_exhibit_and_a_report_before_the_case_number_waits() {
    holds("laboratory-before-cnr");
}

#[test]
fn a_report_is_amended_examined_again_and_withdrawn_everywhere() {
    holds("report-amended");
}

#[test]
fn whoever_had_an_exhibit_hears_where_it_is() {
    holds("exhibit-chain");
}

#[test]
fn a_late_hit_and_its_withdrawal_reach_every_asker() {
    holds("late-hit");
}

#[test]
fn what_is_kept_of_an_acquitted_man_is_destroyed_and_the_bureau_says_so() {
    holds("acquittal-and-destruction");
}

#[test]
fn a_summons_is_put_off_served_and_reported_and_an_unclear_one_refused() {
    holds("process-service");
}

#[test]
fn an_agencys_case_comes_back_to_the_agency() {
    holds("agency-case");
}

#[test]
fn how_a_case_ended_and_what_became_of_it_on_appeal_reaches_everybody() {
    holds("disposal-and-appeal");
}

#[test]
fn a_child_goes_to_the_board_and_to_no_prison_or_bureau() {
    holds("child-apprehended");
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
