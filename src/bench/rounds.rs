//! What is run in one bench, in which order, and what its figures are made of. Echo and gateway take turns within each
//! round, so that a machine that slows down slows both; a figure is the median of the rounds.

use std::path::Path;

use super::load::{Done, Order, Template, Throttle};
use super::process::{gateway, listening, listening_as, load};
use super::sheets::{CASES, KIND, template};
use super::{Figures, Options, stage};
use crate::clock::{Clock, WallClock};
use crate::gateway::Addresses;
use crate::shell::credentials::Credentials;
use crate::shell::exit::{Exit, Failure};
use crate::shell::folder::GatewayFolder;

/// Connections that are tried.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// Deliveries that may be under way in the journey: enough to keep 64 pushes busy, few enough to be no backlog.
const BACKLOG: u64 = 2_000;
/// Cases in the journey.
const JOURNEY_CASES: u64 = 1_000;

/// The records that are sent.
#[derive(Debug)]
pub struct Bodies {
    /// Shared JSON of about 4 KB.
    pub json: Vec<u8>,
    /// CCTNS XML: about 1 KB, 10 KB, about 100 KB.
    pub xml: [Vec<u8>; 3],
}

/// One row of the report: what was sent over how many connections.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Row {
    /// Such as `accept 4 KB JSON`.
    pub what: String,
    /// At once.
    pub connections: usize,
    /// A second, median of the rounds.
    pub per_s: f64,
    /// Milliseconds, of the round with the median rate.
    pub p50_ms: f64,
    /// Milliseconds.
    pub p99_ms: f64,
    /// Milliseconds.
    pub p999_ms: f64,
}

/// One bench in progress.
pub struct Bench<'a> {
    options: &'a Options,
    bodies: &'a Bodies,
    /// The next number that no request has used: keys and cases are never used twice.
    next: u64,
    tell: &'a dyn Fn(&str),
}

impl<'a> Bench<'a> {
    /// Begins above what the preloaded store holds.
    pub fn new(options: &'a Options, bodies: &'a Bodies, tell: &'a dyn Fn(&str)) -> Self {
        Self { options, bodies, next: options.preload, tell }
    }

    /// Echo and accept, every size and every number of connections; receivers are switched off.
    pub async fn accept(&mut self, dir: &Path, figures: &mut Figures) -> Result<(), Failure> {
        stage::receivers(dir, stage::NOWHERE, 2)?;
        let (process, addresses, _) = gateway(dir, true).map_err(stuck)?;
        let folder = dir.display().to_string();
        let verb = if self.options.tls { vec!["bench-echo", "--secure", &folder] } else { vec!["bench-echo"] };
        let (_echo, echo) = listening_as(&verb).map_err(stuck)?;
        let mut turns = self.accept_turns(dir, addresses, echo).await?;
        for round in 1..=self.options.rounds() {
            (self.tell)(&format!("round {round} of {}", self.options.rounds()));
            // Tokens live ten minutes; every round begins with new ones.
            self.renew(dir, &mut turns).await?;
            for turn in &mut turns {
                turn.done.push(self.go(&turn.order)?);
            }
        }
        figures.accepted(&turns.iter().map(Turn::row).collect::<Vec<_>>());
        figures.busy_rss_mb = process.rss_mb();
        process.stop().map_err(stuck)
    }

    async fn accept_turns(
        &self,
        dir: &Path,
        addresses: Addresses,
        echo: std::net::SocketAddr,
    ) -> Result<Vec<Turn>, Failure> {
        let json = token(dir, stage::JSON_SENDER).await?;
        let xml = token(dir, stage::XML_SENDER).await?;
        let mut turns = Vec::new();
        let mut turn = |what: &'static str, sender, mut order: Order| {
            order.identity = self.options.tls.then(|| stage::identity(dir, sender));
            turns.push(Turn { what, sender, order, done: Vec::new() });
        };
        let many = if self.options.tls { &CONNECTIONS[2..] } else { &CONNECTIONS[..] };
        for connections in many.iter().copied() {
            let echo_of = self.template(echo, &json, "application/json", &self.bodies.json, CASES)?;
            turn("echo 4 KB", stage::JSON_SENDER, self.order(echo, connections, 200, echo_of));
            let to = addresses.exchange;
            let of = self.template(to, &json, "application/json", &self.bodies.json, CASES)?;
            turn("accept 4 KB JSON", stage::JSON_SENDER, self.order(to, connections, 202, of));
            if self.options.tls {
                continue;
            }
            for (what, body) in
                ["accept XML 1 KB", "accept XML 10 KB", "accept XML 100 KB"].iter().zip(&self.bodies.xml)
            {
                let of = self.template(to, &xml, "application/xml", body, CASES)?;
                turn(what, stage::XML_SENDER, self.order(to, connections, 202, of));
            }
        }
        if self.options.tls {
            return Ok(turns);
        }
        let hot = self.template(addresses.exchange, &json, "application/json", &self.bodies.json, 1)?;
        turn("accept hot case", stage::JSON_SENDER, self.order(addresses.exchange, 64, 202, hot));
        Ok(turns)
    }

    async fn renew(&self, dir: &Path, turns: &mut [Turn]) -> Result<(), Failure> {
        for sender in [stage::JSON_SENDER, stage::XML_SENDER] {
            let new = token(dir, sender).await?;
            for turn in turns.iter_mut().filter(|turn| turn.sender == sender) {
                turn.renew(&new)?;
            }
        }
        Ok(())
    }

    /// From acceptance to the settled push, with one receiver a record.
    pub async fn journey(&mut self, dir: &Path, figures: &mut Figures) -> Result<(), Failure> {
        let (_sink, sink) = listening("bench-sink").map_err(stuck)?;
        stage::receivers(dir, &format!("http://{sink}/"), 1)?;
        let (process, addresses, _) = gateway(dir, true).map_err(stuck)?;
        let mut settled: Vec<Done> = Vec::new();
        for _ in 0..self.options.rounds() {
            let token = token(dir, stage::JSON_SENDER).await?;
            let of = self.template(addresses.exchange, &token, "application/json", &self.bodies.json, JOURNEY_CASES)?;
            let mut order = self.order(addresses.exchange, 32, 202, of);
            order.run_ms *= 2;
            order.throttle = Some(Throttle { sink, backlog: BACKLOG });
            order.identity = self.options.tls.then(|| stage::identity(dir, stage::JSON_SENDER));
            settled.push(self.go(&order)?);
        }
        figures.journey_per_s = median(settled.iter().map(|done| done.taken_per_s));
        figures.journey_behind = settled.iter().map(|done| done.behind).max().unwrap_or(0);
        process.stop().map_err(stuck)
    }

    /// How long a start takes on the full store, and what an idle gateway weighs then.
    pub async fn start(&self, dir: &Path, figures: &mut Figures) -> Result<(), Failure> {
        let mut starts = Vec::new();
        for _ in 0..self.options.rounds().min(3) {
            let (process, _, took) = gateway(dir, false).map_err(stuck)?;
            starts.push(took.as_secs_f64() * 1000.0);
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            figures.idle_rss_mb = process.rss_mb();
            process.stop().map_err(stuck)?;
        }
        figures.cold_start_ms = median(starts.into_iter());
        Ok(())
    }

    fn template(
        &self,
        host: std::net::SocketAddr,
        token: &str,
        media_type: &str,
        body: &[u8],
        cases: u64,
    ) -> Result<Template, Failure> {
        template(&format!("/v1/records/{KIND}"), &host.to_string(), token, media_type, body, cases)
            .map_err(|what| Failure::new(Exit::Bug, what, "report this"))
    }

    fn order(&self, address: std::net::SocketAddr, connections: usize, status: u16, template: Template) -> Order {
        let (warm_ms, run_ms) = if self.options.quick { (300, 1_000) } else { (700, 2_500) };
        Order { address, connections, warm_ms, run_ms, template, first: 0, status, throttle: None, identity: None }
    }

    /// Runs one order with numbers that nobody has used; any refusal ends the bench, since it would flatter.
    fn go(&mut self, order: &Order) -> Result<Done, Failure> {
        let done = load(&Order { first: self.next, ..order.clone() }).map_err(stuck)?;
        self.next = done.next;
        match &done.first_error {
            Some(first) if done.errors > 0 => {
                let what = format!("{} of the requests failed; the first: {first}", done.errors);
                Err(Failure::new(Exit::Bug, what, "a bench of refusals measures nothing"))
            }
            _ => Ok(done),
        }
    }
}

/// One order with its results, round by round.
struct Turn {
    what: &'static str,
    sender: &'static str,
    order: Order,
    done: Vec<Done>,
}

impl Turn {
    /// Puts a new token of the same length into the prebuilt request.
    fn renew(&mut self, token: &str) -> Result<(), Failure> {
        let text = &self.order.template.text;
        let changed = || Failure::new(Exit::Bug, "a token has another length than the one before", "report this");
        let (before, rest) = text.split_once("Bearer ").ok_or_else(changed)?;
        let (old, after) = rest.split_once("\r\n").ok_or_else(changed)?;
        if old.len() != token.len() {
            return Err(changed());
        }
        self.order.template.text = format!("{before}Bearer {token}\r\n{after}");
        Ok(())
    }

    fn row(&self) -> Row {
        let middle = median(self.done.iter().map(|done| done.per_s));
        let typical = self.done.iter().find(|done| (done.per_s - middle).abs() < 1e-9).cloned().unwrap_or_default();
        Row {
            what: self.what.to_owned(),
            connections: self.order.connections,
            per_s: middle,
            p50_ms: typical.p50,
            p99_ms: typical.p99,
            p999_ms: typical.p999,
        }
    }
}

/// The middle one; the lower of two.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// A token of one of the bench's systems.
pub async fn token(dir: &Path, system: &str) -> Result<String, Failure> {
    let folder = GatewayFolder::at(dir.to_owned());
    let credentials = Credentials::read(&folder, system, None)?;
    let (exchange, client) = folder.exchange(system)?;
    let call = credentials.token_call(&exchange, WallClock.now())?;
    let answer = client.call(call).await.map_err(|error| stuck(std::io::Error::other(error.0)))?;
    let token = answer.json().get("access_token").and_then(serde_json::Value::as_str).map(str::to_owned);
    token.ok_or_else(|| {
        let what = format!("no token for `{system}`: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Failure::new(Exit::Bug, what, "report this")
    })
}

/// What kept the bench from going on.
pub fn stuck(error: std::io::Error) -> Failure {
    Failure::new(Exit::TryLater, error.to_string(), "see the messages above; the bench's folder holds `gateway.log`")
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0].into_iter()) - 1.0).abs() < f64::EPSILON);
        assert!(median(std::iter::empty()).abs() < f64::EPSILON);
    }
}
