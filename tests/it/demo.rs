//! The demo as its README command runs it: the proof holds while the gateway is killed, every row of the
//! table of who gets what has run, and the figures are said.

use serde_json::Value;

use super::cli_mistakes::{command, said};

#[test]
fn the_demo_proves_itself_while_the_gateway_is_killed() {
    let mut demo = command();
    demo.args(["demo", "--once", "--cases", "50", "--kill", "2", "--seed", "7", "--json"]);
    let output = demo.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in ["lost", "doubled", "out_of_order"] {
        assert_eq!(report[key], 0, "{key}: {report}");
    }
    for key in ["accepted", "delivered", "rejected", "refused", "parked", "held", "accept_p99_ms", "deliver_p99_ms"] {
        assert!(report[key].is_number(), "{key} is missing: {report}");
    }
    assert_eq!(report["kills"], 2);
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 18, "every kind of the table: {report}");
    for row in rows {
        let ran = |side: &str| row[side].as_object().unwrap().iter().any(|(_, count)| count.as_u64().unwrap() > 0);
        assert!(ran("from") && ran("to"), "{row}");
    }
    assert!(report["accepted"].as_u64().unwrap() > 100, "{report}");
    let sum: u64 = ["delivered", "rejected", "superseded", "recalled", "parked", "held"]
        .iter()
        .map(|state| report[*state].as_u64().unwrap())
        .sum();
    assert_eq!(report["deliveries"].as_u64().unwrap(), sum, "every delivery has ended: {report}");
}

#[test]
fn the_demo_holds_over_tls_too() {
    let mut demo = command();
    demo.args(["demo", "--once", "--cases", "20", "--kill", "1", "--seed", "8", "--tls", "--json"]);
    let output = demo.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in ["lost", "doubled", "out_of_order"] {
        assert_eq!(report[key], 0, "{key}: {report}");
    }
    assert!(report["accepted"].as_u64().unwrap() > 40, "{report}");
}
