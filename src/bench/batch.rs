//! How fast a batch goes in, and how long live records take meanwhile: one connection sends NDJSON without a pause, another
//! system sends a record every 20 milliseconds and waits for each answer.

use std::io::{BufRead, BufReader, Error, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::histogram::Histogram;
use super::process::gateway;
use super::rounds::{Bodies, stuck, token};
use super::sheets::{CASES, KIND, template};
use super::{Options, stage};
use crate::shell::client::{Call, Client};
use crate::shell::exit::{Exit, Failure};

/// Lines of the batch.
const LINES: u64 = 100_000;
/// Between two live records.
const BETWEEN: Duration = Duration::from_millis(20);

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Lines a second, from the first byte to the last answer.
    pub per_s: f64,
    /// Milliseconds from sending a live record to its answer while the batch goes in, the median.
    pub live_p50_ms: f64,
    /// Milliseconds.
    pub live_p99_ms: f64,
}

/// Sends a batch, and live records meanwhile.
pub async fn measure(
    options: &Options,
    bodies: &Bodies,
    dir: &Path,
    tell: &dyn Fn(&str),
) -> std::result::Result<Measured, Failure> {
    let lines = if options.quick { LINES / 10 } else { LINES };
    stage::make(dir)?;
    let (process, addresses, _) = gateway(dir, true).map_err(stuck)?;
    let (bulk, live) = (token(dir, stage::JSON_SENDER).await?, token(dir, stage::XML_SENDER).await?);
    tell(&format!("batch of {lines} lines, live records meanwhile"));
    let body = String::from_utf8_lossy(&bodies.json).into_owned();
    let over = Arc::new(AtomicBool::new(false));
    let (done, to) = (Arc::clone(&over), addresses.exchange);
    let sending = tokio::task::spawn_blocking(move || {
        let took = send(to, &bulk, &body, lines);
        done.store(true, Ordering::Relaxed);
        took
    });
    let histogram = live_records(to, &live, bodies, &over).await?;
    let took = sending.await.map_err(|error| stuck(Error::other(error.to_string())))?.map_err(stuck)?;
    process.stop().map_err(stuck)?;
    let per_s = f64::from(u32::try_from(lines).unwrap_or(u32::MAX)) / took.as_secs_f64();
    Ok(Measured { per_s, live_p50_ms: histogram.percentile(0.5), live_p99_ms: histogram.percentile(0.99) })
}

/// One live record after another at an even pace, each with a number of its own, until the batch is in.
async fn live_records(
    to: SocketAddr,
    token: &str,
    bodies: &Bodies,
    over: &AtomicBool,
) -> std::result::Result<Histogram, Failure> {
    let bug = |what: String| Failure::new(Exit::Bug, what, "report this");
    let (path, host) = (format!("/v1/records/{KIND}"), to.to_string());
    let [small, ..] = &bodies.xml;
    let template = template(&path, &host, token, "application/xml", small, CASES).map_err(bug)?;
    let (client, mut histogram, mut number) = (Client::new()?, Histogram::default(), LINES * 10);
    while !over.load(Ordering::Relaxed) {
        let mut text = template.text.clone().into_bytes();
        template.marks.iter().for_each(|mark| mark.write(&mut text, number));
        number += 1;
        let text = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap_or_default().to_owned();
        let mut headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
        headers.extend(Some(("idempotency-key".to_owned(), key)).filter(|(_, key)| !key.is_empty()));
        let url = format!("http://{to}{path}");
        let body = body.to_owned().into_bytes().into();
        let began = Instant::now();
        let call = Call { method: "POST", url, token: Some(token.to_owned()), headers, body, timeout: None };
        let answer = client.call(call).await.map_err(|error| stuck(Error::other(error.0)))?;
        if answer.status != 202 {
            return Err(bug(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body))));
        }
        histogram.record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        tokio::time::sleep(BETWEEN.saturating_sub(began.elapsed())).await;
    }
    Ok(histogram)
}

/// Sends every line in one request and reads the answers beside; how long it took. Any refusal ends it.
fn send(to: SocketAddr, token: &str, body: &str, lines: u64) -> Result<Duration> {
    let template = template("/", "bench", token, "application/json", body.as_bytes(), CASES).map_err(Error::other)?;
    let mut socket = TcpStream::connect(to)?;
    socket.set_nodelay(true)?;
    let reading = socket.try_clone()?;
    let answers = std::thread::spawn(move || read(reading, lines));
    let began = Instant::now();
    let head = format!(
        "POST /v1/batches HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes())?;
    for number in 0..lines {
        let mut text = template.text.clone().into_bytes();
        template.marks.iter().for_each(|mark| mark.write(&mut text, number));
        let text = String::from_utf8_lossy(&text).into_owned();
        let (_, record) = text.split_once("\r\n\r\n").unwrap_or_default();
        let record: Value = serde_json::from_str(record)?;
        let headers = json!({ "Idempotency-Key": format!("batch-{number}") });
        let line = json!({ "kind": KIND, "headers": headers, "body": record }).to_string();
        write!(socket, "{:x}\r\n{line}\n\r\n", line.len() + 1)?;
    }
    socket.write_all(b"0\r\n\r\n")?;
    let accepted = answers.join().map_err(|_| Error::other("the reader of the answers ended by a panic"))??;
    if accepted == lines {
        return Ok(began.elapsed());
    }
    Err(Error::other(format!("{accepted} of {lines} lines were accepted")))
}

/// How many lines were accepted.
fn read(socket: TcpStream, lines: u64) -> Result<u64> {
    let (mut accepted, mut seen) = (0, 0);
    for line in BufReader::new(socket).lines() {
        let line = line?;
        if line.contains("\"status\":202") {
            accepted += 1;
            seen += 1;
        } else if line.contains("\"problem\"") {
            return Err(Error::other(line));
        }
        if seen == lines {
            break;
        }
    }
    Ok(accepted)
}
