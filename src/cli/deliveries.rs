//! The administrator's verbs over deliveries: what waits or stopped and why, and orders for single ones.
//! Everything goes through the running gateway's admin API; nothing here touches the store.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::identifiers::DeliveryId;
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment, text};

/// `deliveries …`
#[derive(Subcommand, Debug)]
pub(super) enum DeliveriesVerb {
    /// List deliveries; those that need attention (parked) without --state.
    List {
        /// queued, sending, retrying, held, available, delivered, rejected, parked, superseded, recalled, or all.
        #[arg(long, default_value = "parked")]
        state: String,
        /// Only of this receiving system.
        #[arg(long)]
        system: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Try a parked or retrying delivery again now, under the same id.
    Retry(OrderArguments),
    /// Send it anew: routed and encoded under the newest configuration, with a new id where bytes have left.
    Repair(OrderArguments),
    /// Let the lane go on past a delivery that holds it.
    Release(OrderArguments),
    /// Send a settled delivery again: same id, same bytes.
    Replay(OrderArguments),
}

/// One order.
#[derive(Args, Debug)]
pub(super) struct OrderArguments {
    /// Delivery id.
    id: String,
    /// Why; it is kept.
    #[arg(long)]
    reason: String,
    /// Who orders it; the login name without.
    #[arg(long)]
    by: Option<String>,
    /// Make a new delivery with a new id (replay, repair): the receiver will see a second record.
    #[arg(long)]
    force: bool,
}

const STATES: [&str; 11] = [
    "all",
    "queued",
    "sending",
    "retrying",
    "held",
    "available",
    "delivered",
    "rejected",
    "parked",
    "superseded",
    "recalled",
];

/// Runs one of the verbs.
pub(super) async fn run(dir: &GatewayFolder, verb: &DeliveriesVerb, output: Output) -> Done {
    match verb {
        DeliveriesVerb::List { state, system, limit } => list(dir, state, system.as_deref(), *limit, output).await,
        DeliveriesVerb::Retry(order) => give(dir, "retry", order, output).await,
        DeliveriesVerb::Repair(order) => give(dir, "repair", order, output).await,
        DeliveriesVerb::Release(order) => give(dir, "release", order, output).await,
        DeliveriesVerb::Replay(order) => give(dir, "replay", order, output).await,
    }
}

async fn list(dir: &GatewayFolder, state: &str, system: Option<&str>, limit: u32, output: Output) -> Done {
    if !STATES.contains(&state) {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{state}` is no state of a delivery"),
            format!("use one of {}", STATES.join(", ")),
        ));
    }
    let states =
        if state == "all" { STATES.iter().skip(1).copied().collect::<Vec<_>>().join(",") } else { state.to_owned() };
    let mut path = format!("/admin/v1/deliveries?limit={limit}&state={states}");
    if let Some(system) = system {
        path.push_str(&format!("&system={system}"));
    }
    let answer = dir.running_admin("GET", &path, None).await?.json();
    if output.json {
        output.document(&answer);
        return Ok(());
    }
    let list = answer.get("deliveries").or(Some(&answer)).and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = list.iter().map(row).collect();
    output
        .table(&["delivery", "kind", "office", "system", "state", "reason", "attempts", "due", "last attempt"], &rows);
    if rows.is_empty() {
        output.line(format!("none is {state}"));
    }
    Ok(())
}

fn row(delivery: &Value) -> Vec<String> {
    let shown =
        |key: &str| if text(delivery, key).is_empty() { "-".to_owned() } else { text(delivery, key).to_owned() };
    let attempts = delivery.get("attempts").and_then(Value::as_u64).unwrap_or_default();
    let reason = if text(delivery, "code").is_empty() { shown("reason") } else { shown("code") };
    vec![
        shown("id"),
        shown("kind"),
        shown("office"),
        shown("system"),
        shown("state"),
        reason,
        attempts.to_string(),
        moment(&shown("due")),
        shown("note"),
    ]
}

async fn give(dir: &GatewayFolder, verb: &str, order: &OrderArguments, output: Output) -> Done {
    if DeliveryId::parse(&order.id).is_none() {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{}` is no delivery id", order.id),
            "a delivery id ends in a number other than 0000; `icjs message ID` lists a message's deliveries",
        ));
    }
    let login = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    let by = order.by.clone().or_else(login).unwrap_or_else(|| "administrator".to_owned());
    let body = json!({ "by": by, "reason": order.reason, "force": order.force });
    let path = format!("/admin/v1/deliveries/{}/{verb}", order.id);
    let answer = dir.running_admin("POST", &path, Some(&body)).await?.json();
    if output.json {
        output.document(&answer);
    } else if !super::approvals::proposed(&answer, output) {
        let now = ["delivery", "id"].into_iter().map(|key| text(&answer, key)).find(|id| !id.is_empty());
        output.line(format!("{} {verb}: {}", output.good("done"), now.unwrap_or(&order.id)));
    }
    Ok(())
}
