//! What a desk writes that serves the courts' process: flat JSON with texts, and the file of the report inside.

use serde_json::{Value, json};

/// A signed report, as a file.
const REPORT: &str = "JVBERi0xLjQKJSBzZXJ2ZWQKJSVFT0YK";

/// What became of a process.
pub fn report(station: &str, process: &str, court: &str, status: &str) -> Value {
    json!({
        "processUniqueId": process,
        "processCourtCode": court,
        "processActionDate": "21/11/2026",
        "processActionStatus": status,
        "processSubmittingOfficeCode": station,
        "processReportSubmittingDateTime": "2026-11-21 17:05:42",
        "processReport": REPORT,
    })
}

/// The answer to a push.
pub fn acknowledgement(status: &str, number: &str, why: &str) -> String {
    json!({ "acknowledgeUniquenumber": number, "acknowledgementStatus": status, "failureMsg": why }).to_string()
}
