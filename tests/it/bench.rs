//! The bench over TLS in its shortest form: what it reports, over which transport. Its figures are no matter here.

use serde_json::Value;

use super::cli_mistakes::{icjs, said};

#[test]
fn the_bench_over_tls_says_its_transport_and_measures_echo_accept_and_journey_by_it() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().to_str().unwrap();
    let output = icjs(&["bench", "--tls", "--quick", "--preload", "100", "--cache", cache, "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    assert_eq!(report["transport"], "tls", "{report}");
    for figure in ["echo_per_s", "accept_per_s", "accept_ratio", "journey_per_s", "journey_ratio"] {
        assert!(report[figure].as_f64().unwrap() > 0.0, "{figure}: {report}");
    }
    let rows: Vec<&str> = report["rows"].as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap()).collect();
    assert_eq!(rows, ["echo 4 KB", "accept 4 KB JSON"], "{report}");
    assert_eq!(report["liberty_p50_ms"], Value::Null, "what was not measured is not said: {report}");
    let both = icjs(&["bench", "--tls", "--bulk"]);
    assert_eq!(both.status.code(), Some(64), "{}", said(&both));
}
