//! What the demo shows: a line of progress while it runs, then a table by kind and pair, the proof, and where to look.
//! For programs the same as one JSON document.

use std::collections::{BTreeMap, HashMap};
use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::books::{Books, Final};
use super::proof::Proof;
use super::rows::Ran;
use crate::shell::output::Output;

/// A document on one line, cut short: for what went wrong.
pub fn one_line(body: &Value) -> String {
    body.to_string().chars().take(600).collect()
}

/// One line of progress on standard error: rewritten in place on a terminal, else now and then a new one.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    last: Option<std::time::Instant>,
}

impl Progress {
    /// Nothing shown yet.
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), last: None }
    }

    /// Shows how far it is.
    pub fn show(&mut self, done: usize, cases: usize, books: &Books, kills: u32) {
        let quiet = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(5) };
        if self.last.is_some_and(|last| last.elapsed() < quiet) {
            return;
        }
        self.last = Some(std::time::Instant::now());
        let mischief: u64 = books.mischief.values().sum();
        let filled = (done * 20).checked_div(cases).unwrap_or(20);
        let bar: String = (0..20).map(|place| if place < filled { '#' } else { '.' }).collect();
        let line = format!(
            "[{bar}] cases {done}/{cases}  sent {}  taken {}  gateway killed {kills}  mischief {mischief}",
            books.sent.len(),
            books.taken.len()
        );
        let _ = if self.terminal {
            write!(std::io::stderr(), "\r\u{1b}[2K{line}")
        } else {
            writeln!(std::io::stderr(), "{line}")
        };
    }

    /// Makes room for what follows.
    pub fn end(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\u{1b}[2K");
        }
    }
}

/// The value below which `part` of all lie, in milliseconds; zero of none.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list"
    )]
    let place = ((values.len() as f64 * part).ceil() as usize).saturating_sub(1);
    values.get(place).copied().unwrap_or_default()
}

/// Figures of one kind between one pair of systems.
#[derive(Debug, Default)]
struct Pair {
    deliveries: usize,
    delivered: usize,
    rejected: usize,
    other: usize,
    retries: u64,
    again: u64,
    latency_ms: Vec<f64>,
}

/// Everything the report says.
#[derive(Debug)]
pub struct Report {
    pairs: BTreeMap<(String, String, String), Pair>,
    accept_ms: Vec<f64>,
    deliver_ms: Vec<f64>,
    resubmitted: u64,
    replayed: u64,
}

impl Report {
    /// Computes it from the books and the final states.
    pub fn of(books: &Books, finals: &[Final]) -> Self {
        let effects: HashMap<&str, _> = books.taken.iter().map(|taken| (taken.delivery.as_str(), taken)).collect();
        let mut said = HashMap::new();
        for line in &books.said {
            said.entry((line.delivery.as_str(), line.word.as_str())).or_insert(line.at);
        }
        let mut pairs: BTreeMap<(String, String, String), Pair> = BTreeMap::new();
        let mut deliver_ms = Vec::new();
        for delivery in finals {
            let to = if delivery.system.is_empty() { "(nobody)" } else { &delivery.system };
            let pair = pairs.entry((delivery.kind.clone(), delivery.from.clone(), to.to_owned())).or_default();
            pair.deliveries += 1;
            match delivery.state.as_str() {
                "delivered" => pair.delivered += 1,
                "rejected" => pair.rejected += 1,
                _ => pair.other += 1,
            }
            pair.retries += delivery.attempts.saturating_sub(1);
            let Some(taken) = effects.get(delivery.id.as_str()) else { continue };
            pair.again += u64::from(taken.arrivals.saturating_sub(1));
            let began = match &taken.about {
                Some((about, word)) => said.get(&(about.as_str(), word.as_str())).copied(),
                None => books.event_of(&taken.message).and_then(|line| books.sent.get(line)?.answered_at),
            };
            if let Some(began) = began {
                let took = taken.at.saturating_duration_since(began).as_secs_f64() * 1000.0;
                pair.latency_ms.push(took);
                deliver_ms.push(took);
            }
        }
        let accept_ms = books.sent.iter().flat_map(|sent| sent.accept_ms.iter().copied()).collect();
        let resubmitted = books.sent.iter().map(|sent| u64::from(sent.tries.saturating_sub(1))).sum();
        let replayed = books.sent.iter().map(|sent| u64::from(sent.replays)).sum();
        Self { pairs, accept_ms, deliver_ms, resubmitted, replayed }
    }

    /// For programs. The first keys are the contract of `icjs demo --json`.
    pub fn document(&mut self, proof: &Proof, books: &Books, kills: u32, ran: &[Ran]) -> Value {
        let pairs: Vec<Value> = self.pairs.iter_mut().map(|((kind, from, to), pair)| {
            json!({ "kind": kind, "from": from, "to": to, "deliveries": pair.deliveries, "delivered": pair.delivered,
                "rejected": pair.rejected, "retries": pair.retries, "again": pair.again,
                "p50_ms": rounded(quantile(&mut pair.latency_ms, 0.5)), "p99_ms": rounded(quantile(&mut pair.latency_ms, 0.99)) })
        }).collect();
        json!({
            "accepted": proof.accepted,
            "delivered": proof.state("delivered"),
            "rejected": proof.state("rejected"),
            "refused": proof.refused,
            "parked": proof.state("parked"),
            "held": proof.state("held"),
            "lost": proof.lost.len(),
            "doubled": proof.doubled.len(),
            "out_of_order": proof.out_of_order.len(),
            "accept_p99_ms": rounded(quantile(&mut self.accept_ms, 0.99)),
            "deliver_p99_ms": rounded(quantile(&mut self.deliver_ms, 0.99)),
            "superseded": proof.state("superseded"),
            "recalled": proof.state("recalled"),
            "deliveries": proof.made,
            "unexpected": proof.unexpected.len(),
            "kills": kills,
            "mischief": books.mischief,
            "pairs": pairs,
            "rows": ran.iter().map(row).collect::<Vec<_>>(),
            "holds": proof.holds(),
            "faults": proof.faults(),
        })
    }

    /// For people.
    pub fn print(&mut self, proof: &Proof, books: &Books, kills: u32, ran: &[Ran], output: Output) {
        let rows: Vec<Vec<String>> = self
            .pairs
            .iter_mut()
            .map(|((kind, from, to), pair)| {
                vec![
                    kind.clone(),
                    format!("{from} -> {to}"),
                    pair.deliveries.to_string(),
                    pair.delivered.to_string(),
                    pair.rejected.to_string(),
                    pair.other.to_string(),
                    format!("{:.0}", quantile(&mut pair.latency_ms, 0.5)),
                    format!("{:.0}", quantile(&mut pair.latency_ms, 0.99)),
                    pair.retries.to_string(),
                    pair.again.to_string(),
                ]
            })
            .collect();
        output.line("");
        output.table(
            &[
                "kind",
                "from -> to",
                "deliveries",
                "delivered",
                "rejected",
                "other",
                "p50 ms",
                "p99 ms",
                "retries",
                "came again",
            ],
            &rows,
        );
        print_rows(ran, output);
        self.prove(proof, books, kills, output);
    }

    /// For people, without the table.
    pub fn prove(&mut self, proof: &Proof, books: &Books, kills: u32, output: Output) {
        self.print_mischief(books, kills, output);
        print_proof(proof, output);
    }

    fn print_mischief(&mut self, books: &Books, kills: u32, output: Output) {
        output.line("");
        output.line(output.bold("what went wrong on purpose"));
        output.line(format!("  {kills:5}  gateway killed (SIGKILL) and started again"));
        for (name, count) in &books.mischief {
            output.line(format!("  {count:5}  {name}"));
        }
        output.line(format!(
            "  {:5}  submissions made again by clients; {} of them were answered with the stored answer",
            self.resubmitted, self.replayed
        ));
        output.line(format!(
            "  accept p99 {:.1} ms, delivery p99 {:.0} ms (receivers' own slowness and outages included)",
            quantile(&mut self.accept_ms, 0.99),
            quantile(&mut self.deliver_ms, 0.99)
        ));
    }
}

/// Who sent and who got a kind, and how often, for programs.
fn row(ran: &Ran) -> Value {
    let counted = |parts: &mut dyn Iterator<Item = (&'static str, usize)>| -> Value {
        Value::Object(parts.map(|(name, count)| (name.to_owned(), Value::from(count))).collect())
    };
    json!({ "kind": ran.kind(), "from": counted(&mut ran.from()), "to": counted(&mut ran.to()) })
}

/// The same for people: one line a kind.
fn print_rows(ran: &[Ran], output: Output) {
    let counted = |parts: &mut dyn Iterator<Item = (&'static str, usize)>| -> String {
        let words: Vec<String> =
            parts.filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}")).collect();
        words.join(", ")
    };
    let rows: Vec<Vec<String>> =
        ran.iter().map(|one| vec![one.kind().to_owned(), counted(&mut one.from()), counted(&mut one.to())]).collect();
    output.line("");
    output.table(&["kind", "sent by", "in the books of"], &rows);
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn print_proof(proof: &Proof, output: Output) {
    let state = |name: &str| proof.state(name);
    output.line("");
    output.line(output.bold("the proof, from the systems' own books"));
    output.line(format!("  {} records accepted, {} refused as the scenario wants", proof.accepted, proof.refused));
    output.line(format!(
        "  {} deliveries = {} delivered + {} rejected + {} superseded + {} recalled + {} parked + {} held",
        proof.made,
        state("delivered"),
        state("rejected"),
        state("superseded"),
        state("recalled"),
        state("parked"),
        state("held")
    ));
    let lines = [
        (&proof.lost, "lost", "every accepted record is in its receivers' books, every answer is in its sender's"),
        (&proof.doubled, "doubled", "one effect a delivery, one delivery a business event and office"),
        (&proof.out_of_order, "out of order", "each case reached each office in the order of acceptance"),
        (&proof.unexpected, "unexpected", "parked and held are exactly those that the scenario wants"),
    ];
    for (faults, word, meaning) in lines {
        let count = format!("{} {word}", faults.len());
        let mark =
            if faults.is_empty() { output.good(&format!("{count:14}")) } else { output.bad(&format!("{count:14}")) };
        output.line(format!("  {mark}  {meaning}"));
        for fault in faults.iter().take(20) {
            output.line(format!("      {fault}"));
        }
        if faults.len() > 20 {
            output.line(format!("      and {} more", faults.len() - 20));
        }
    }
    output.line(if proof.holds() { output.good("  the proof holds") } else { output.bad("  THE PROOF DOES NOT HOLD") });
}
