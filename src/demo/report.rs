//! What the demo shows.
use serde_json::Value;
pub fn one_line(body: &Value) -> String {
    body.to_string()
}
