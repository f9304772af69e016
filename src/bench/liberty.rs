//! How long a release order takes from its sender to its prison while bulk records wait for the same prison system: a
//! receiver that answers slowly, a long queue of charge sheets before it, and court orders that come one after another.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::histogram::Histogram;
use super::load::Order;
use super::process::{gateway, listening_as, load};
use super::rounds::{Bodies, stuck, token};
use super::sheets::{CASES, KIND, template};
use super::{Options, stage};
use crate::clock::{Clock, WallClock};
use crate::gateway::Addresses;
use crate::shell::client::{Call, Client};
use crate::shell::exit::{Exit, Failure};
use crate::shell::starter::{Reached, Starter};

/// Bulk records that wait when the first order comes.
const WAITING: u64 = 100_000;
/// How long the prison's machine takes for each push, in milliseconds.
const SLOW: &str = "100";
/// Between two orders: ten a second.
const BETWEEN: Duration = Duration::from_millis(100);
/// Longest wait for the last order.
const PATIENCE: Duration = Duration::from_secs(60);
const ORDERS: &str = "court-order";
const COURT: &str = "bench-orders";
const COURT_OFFICE: &str = "court:BENCH1";
const PRISON: &str = "bench-prison";
const PRISON_OFFICE: &str = "prison:BENCH1";

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Milliseconds from sending an order to its arrival, the median.
    pub p50_ms: f64,
    /// Milliseconds.
    pub p99_ms: f64,
    /// Bulk records that still waited when the last order had come.
    pub waiting: u64,
}

/// Fills the queue, sends orders, waits for them.
pub async fn measure(options: &Options, bodies: &Bodies, dir: &Path, tell: &dyn Fn(&str)) -> Result<Measured, Failure> {
    let (bulk, orders) = if options.quick { (WAITING / 10, 50) } else { (WAITING, 600) };
    let (_sink, sink) = listening_as(&["bench-sink", "--slow", SLOW]).map_err(stuck)?;
    make(dir, &format!("http://{sink}/"))?;
    let (process, addresses, _) = gateway(dir, true).map_err(stuck)?;
    tell(&format!("liberty: {bulk} charge sheets wait for the prison"));
    let sent = fill(dir, addresses, bodies, bulk).await?;
    tell(&format!("liberty: {orders} release orders"));
    let begun = send(dir, addresses, orders).await?;
    let measured = wait(sink, begun, sent).await?;
    process.stop().map_err(stuck)?;
    Ok(measured)
}

fn make(dir: &Path, prison: &str) -> Result<(), Failure> {
    let starter = Starter::begin(dir)?;
    starter.file("config/gateway.toml", stage::SETTINGS.as_bytes())?;
    starter.file("config/routes.toml", ROUTES.as_bytes())?;
    starter.file("config/sharing.toml", SHARING.as_bytes())?;
    let system = |name, pillar, office, send, receive, reached| {
        stage::system((name, "shared", pillar), office, send, receive, reached)
    };
    starter.system(&system(stage::JSON_SENDER, "police", stage::JSON_STATION, &[KIND], &[], Reached::Feed))?;
    starter.system(&system(COURT, "courts", COURT_OFFICE, &[ORDERS], &[], Reached::Feed))?;
    let pushed = Reached::Push(prison.to_owned(), "10s");
    starter.system(&system(PRISON, "prisons", PRISON_OFFICE, &[], &[KIND, ORDERS], pushed))
}

const ROUTES: &str = "\
[[route]]
name = \"bulk\"
kind = \"charge-sheet\"
to = \"prisons\"
office = [\"desk\"]
desk = \"prison:BENCH1\"

[[route]]
name = \"orders\"
kind = \"court-order\"
to = \"prisons\"
office = [\"addressee\"]
";

const SHARING: &str = "\
never = [\"national-id\"]

[[share]]
kind = \"charge-sheet\"
to = \"prisons\"
give = \"whole\"
classes = { full = [\"*\"] }

[[share]]
kind = \"court-order\"
to = \"prisons\"
give = \"whole\"
classes = { full = [\"*\"] }
";

/// Sends bulk records until so many were accepted; how many there were.
async fn fill(dir: &Path, addresses: Addresses, bodies: &Bodies, bulk: u64) -> Result<u64, Failure> {
    let token = token(dir, stage::JSON_SENDER).await?;
    let (path, host) = (format!("/v1/records/{KIND}"), addresses.exchange.to_string());
    let template = template(&path, &host, &token, "application/json", &bodies.json, CASES)
        .map_err(|what| Failure::new(Exit::Bug, what, "report this"))?;
    let mut next = 0;
    while next < bulk {
        let address = addresses.exchange;
        let template = template.clone();
        let (connections, status) = (64, 202);
        let order = Order {
            address,
            connections,
            warm_ms: 0,
            run_ms: 1_000,
            template,
            first: next,
            status,
            throttle: None,
            identity: None,
        };
        let done = load(&order).map_err(stuck)?;
        if let Some(first) = done.first_error {
            return Err(Failure::new(Exit::Bug, first, "a bench of refusals measures nothing"));
        }
        next = done.next;
    }
    Ok(next)
}

/// Sends orders at an even pace: when each delivery's order was sent, in milliseconds.
async fn send(dir: &Path, addresses: Addresses, orders: u64) -> Result<BTreeMap<String, i64>, Failure> {
    let client = Client::new()?;
    let token = token(dir, COURT).await?;
    let mut begun = BTreeMap::new();
    for number in 0..orders {
        let call = Call {
            method: "POST",
            url: format!("http://{}/v1/records/{ORDERS}", addresses.exchange),
            token: Some(token.clone()),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: release(number).to_string().into_bytes().into(),
            timeout: None,
        };
        let at = WallClock.now().millis();
        let answer = client.call(call).await.map_err(|error| stuck(std::io::Error::other(error.0)))?;
        let delivery = answer.json().pointer("/deliveries/0/id").and_then(Value::as_str).map(str::to_owned);
        let Some(delivery) = delivery.filter(|_| answer.status == 202) else {
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Failure::new(Exit::Bug, format!("{} {said}", answer.status), "report this"));
        };
        begun.insert(delivery, at);
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(begun)
}

/// A release order for a person and a case that no other one is about.
fn release(number: u64) -> Value {
    json!({
        "office": COURT_OFFICE,
        "to": [PRISON_OFFICE],
        "event": {"number": format!("ORD-{number:06}"), "entry": "live"},
        "case": {"cnr": {"value": format!("DLCT01{number:06}2026")}},
        "order": {
            "number": number.to_string(),
            "date": "2026-11-20",
            "kind": {"code": "release-order", "label": "Release order"},
        },
        "persons": [{
            "role": {"code": "accused", "label": "Accused"},
            "person": {
                "name": {"full": "Somebody"},
                "pid": {"prison": "BENCH1", "id": number.to_string()},
            },
        }],
    })
}

/// Waits until every order has come, and compares the two books.
async fn wait(sink: std::net::SocketAddr, begun: BTreeMap<String, i64>, bulk: u64) -> Result<Measured, Failure> {
    let client = Client::new()?;
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let url = format!("http://{sink}/orders");
        let call = Call { method: "GET", url, ..Call::default() };
        let answer = client.call(call).await.map_err(|error| stuck(std::io::Error::other(error.0)))?;
        let book: Value = answer.json();
        let came = |delivery: &String| book.pointer("/orders")?.get(delivery)?.as_i64();
        let taken = book.get("taken").and_then(Value::as_u64).unwrap_or(0);
        if begun.keys().all(|delivery| came(delivery).is_some()) {
            let mut histogram = Histogram::default();
            for (delivery, at) in &begun {
                let millis = came(delivery).unwrap_or_default().saturating_sub(*at);
                histogram.record(u64::try_from(millis).unwrap_or(0) * 1000);
            }
            let waiting = (bulk + u64::try_from(begun.len()).unwrap_or(0)).saturating_sub(taken);
            return Ok(Measured { p50_ms: histogram.percentile(0.5), p99_ms: histogram.percentile(0.99), waiting });
        }
        if tokio::time::Instant::now() > until {
            let missing = begun.keys().filter(|delivery| came(delivery).is_none()).count();
            let what = format!("{missing} of {} orders did not arrive", begun.len());
            return Err(Failure::new(Exit::Bug, what, "`gateway.log` in the bench's folder says why"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
