//! What is counted and how it is named: the metrics of the gateway, and what they are called in `/metrics`.
//! Names and labels are a contract (design, section 8). No label ever holds a name, a number or an office of a person's case.

pub mod log;

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::journal::{Counts, Lane};

/// Records accepted, by sending system and kind.
pub const ACCEPTED: &str = "icjs_accepted_total";
/// Warnings given with what was accepted, by sending system and rule.
pub const WARNED: &str = "icjs_warned_total";
/// Requests refused, by code.
pub const REFUSED: &str = "icjs_refused_total";
/// Deliveries by receiving system and state.
pub const DELIVERIES: &str = "icjs_deliveries";
/// Open alerts by rule.
pub const ALERTS: &str = "icjs_alerts_open";
/// Age of the oldest unsettled delivery, by receiving system and lane.
pub const OLDEST: &str = "icjs_oldest_waiting_seconds";
/// From the first byte of a record to its 202.
pub const ACCEPT: &str = "icjs_accept_seconds";
/// From acceptance to the settling of a delivery, by receiving system.
pub const DELIVER: &str = "icjs_deliver_seconds";
/// Messages in one commit.
pub const COMMIT_BATCH: &str = "icjs_commit_batch";
/// How far the evidence log lags behind what was accepted.
pub const EVIDENCE_LAG: &str = "icjs_evidence_lag_seconds";

/// Looks at keys that others publish, by how each ended.
pub const KEY_LOOKS: &str = "icjs_published_keys_looks_total";

const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 5.0, 30.0, 300.0];
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Reads what was counted.
#[derive(Clone)]
pub struct Telemetry(Option<PrometheusHandle>);

/// The process has one recorder, as the `metrics` crate wants it; several gateways in one process (tests) share it.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

impl Telemetry {
    /// Starts counting, once for the process. Where another recorder is there already, `/metrics` is empty.
    pub fn start() -> Self {
        let handle = RECORDER.get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Full(COMMIT_BATCH.to_owned()), &SIZES)
                .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS));
            builder.and_then(PrometheusBuilder::install_recorder).ok()
        });
        describe();
        Self(handle.clone())
    }

    /// The text of `/metrics`, with the gauges that come from the journal's counts.
    pub fn render(&self, counts: &Counts) -> String {
        show(counts);
        self.0.as_ref().map(PrometheusHandle::render).unwrap_or_default()
    }

    /// Frees what histograms gathered; called every few seconds.
    pub fn upkeep(&self) {
        if let Some(handle) = &self.0 {
            handle.run_upkeep();
        }
    }
}

/// Published keys were looked at; `taken`, or the class of what went wrong.
pub fn keys_looked_at(result: &'static str) {
    counter!(KEY_LOOKS, "result" => result).increment(1);
}

/// A record was accepted.
pub fn accepted(system: &str, kind: &str, took: Duration) {
    counter!(ACCEPTED, "system" => system.to_owned(), "kind" => kind.to_owned()).increment(1);
    histogram!(ACCEPT).record(took.as_secs_f64());
}

/// A record was accepted with warnings of these rules.
pub fn warned(system: &str, rules: &[String]) {
    for rule in rules {
        counter!(WARNED, "system" => system.to_owned(), "rule" => rule.clone()).increment(1);
    }
}

/// A request was refused.
pub fn refused(code: &'static str) {
    counter!(REFUSED, "code" => code).increment(1);
}

/// A delivery was settled so long after its record was accepted.
pub fn settled(system: &str, took: Duration) {
    histogram!(DELIVER, "system" => system.to_owned()).record(took.as_secs_f64());
}

/// So many messages went into one commit.
pub fn committed(messages: usize) {
    histogram!(COMMIT_BATCH).record(f64::from(u32::try_from(messages).unwrap_or(u32::MAX)));
}

fn show(counts: &Counts) {
    let mut by_state = std::collections::BTreeMap::<(&str, String), f64>::new();
    for (system, _, state, number) in &counts.deliveries {
        let state = serde_json::to_value(state).ok().and_then(|word| word.as_str().map(str::to_owned));
        *by_state.entry((system, state.unwrap_or_default())).or_default() += whole(*number);
    }
    for ((system, state), number) in by_state {
        gauge!(DELIVERIES, "office_system" => system.to_owned(), "state" => state).set(number);
    }
    for (system, lane, millis) in &counts.oldest {
        let seconds = whole(*millis) / 1000.0;
        gauge!(OLDEST, "system" => system.clone(), "lane" => lane_word(*lane)).set(seconds);
    }
    for (rule, open) in &counts.alerts {
        gauge!(ALERTS, "rule" => rule.clone()).set(whole(*open));
    }
    // Leaves are rows of the same transaction as the record: the log cannot lag behind what was accepted.
    gauge!(EVIDENCE_LAG).set(0.0);
}

fn whole(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn lane_word(lane: Lane) -> &'static str {
    match lane {
        Lane::Liberty => "liberty",
        Lane::Papers => "papers",
        Lane::Forensics => "forensics",
        Lane::Prints => "prints",
        Lane::Record => "record",
    }
}

fn describe() {
    metrics::describe_counter!(ACCEPTED, "records accepted");
    metrics::describe_counter!(WARNED, "records accepted with a warning, by rule");
    metrics::describe_counter!(REFUSED, "requests refused");
    metrics::describe_counter!(KEY_LOOKS, "looks at keys that others publish");
    metrics::describe_gauge!(DELIVERIES, "deliveries by receiving system and state");
    metrics::describe_gauge!(ALERTS, "open alerts by rule");
    metrics::describe_gauge!(OLDEST, "age of the oldest unsettled delivery");
    metrics::describe_histogram!(ACCEPT, "from the first byte of a record to its answer");
    metrics::describe_histogram!(DELIVER, "from acceptance to the settling of a delivery");
    metrics::describe_histogram!(COMMIT_BATCH, "messages in one commit");
    metrics::describe_gauge!(EVIDENCE_LAG, "how far the evidence log lags behind what was accepted");
}
