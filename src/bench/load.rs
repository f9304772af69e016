//! The load, a process of its own: keep-alive HTTP/1.1 by hand over prebuilt requests, since it shares the machine's
//! cores with what it measures. Every request carries a number of its own, written over the template's marks.
//! Its order comes as JSON on standard input (a token is no argument), its result goes as JSON to standard output.

use std::cell::{Cell, RefCell};
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::histogram::Histogram;
use crate::tls::Dialer;

/// A request with places for numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Template {
    /// The whole request: head and body.
    pub text: String,
    /// Where numbers go.
    pub marks: Vec<Mark>,
}

/// One place for a number.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Byte offset of its first digit.
    pub offset: usize,
    /// How many digits.
    pub digits: usize,
    /// Added to the number, so that it never begins with a zero.
    pub base: u64,
    /// The number is taken modulo this first: 1 makes one hot case, 1,000 makes a thousand.
    pub modulus: u64,
}

impl Mark {
    /// Writes a request's number over the digits at this place.
    pub fn write(&self, bytes: &mut [u8], number: u64) {
        let mut rest = self.base + number % self.modulus.max(1);
        for place in (self.offset..self.offset + self.digits).rev() {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            }
            rest /= 10;
        }
    }
}

/// What to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Whom to ask.
    pub address: SocketAddr,
    /// How many connections, each with one request at a time.
    pub connections: usize,
    /// Not measured, in milliseconds.
    pub warm_ms: u64,
    /// Measured, in milliseconds.
    pub run_ms: u64,
    /// What to send.
    pub template: Template,
    /// The first request's number.
    pub first: u64,
    /// The status that counts as done.
    pub status: u16,
    /// Hold back while the receiver is further behind than this.
    pub throttle: Option<Throttle>,
    /// In TLS, with this certificate.
    pub identity: Option<Identity>,
}

/// The PEM files by which a caller and a gateway know each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Under what the gateway's certificate stands.
    pub roots: PathBuf,
    /// The caller's own.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where the receiver's count stands, and how far it may stay behind.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Throttle {
    /// `GET /` answers the number of requests that it has taken.
    pub sink: SocketAddr,
    /// Sent and not taken, at most.
    pub backlog: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// Requests a second in the measured time.
    pub per_s: f64,
    /// Milliseconds.
    pub p50: f64,
    /// Milliseconds.
    pub p99: f64,
    /// Milliseconds.
    pub p999: f64,
    /// Answers with another status, and broken connections.
    pub errors: u64,
    /// The first of them.
    pub first_error: Option<String>,
    /// The next number that nobody has used.
    pub next: u64,
    /// With a throttle: what the receiver took a second in the measured time.
    pub taken_per_s: f64,
    /// With a throttle: how far it was behind at the end.
    pub behind: u64,
}

struct Shared {
    order: Order,
    next: Cell<u64>,
    started: Instant,
    histogram: RefCell<Histogram>,
    errors: Cell<u64>,
    first_error: RefCell<Option<String>>,
    /// Sent requests may not pass this number.
    gate: Cell<u64>,
    dialer: Option<Dialer>,
}

impl Shared {
    fn warm(&self) -> Duration {
        Duration::from_millis(self.order.warm_ms)
    }

    fn over(&self) -> bool {
        self.started.elapsed() >= self.warm() + Duration::from_millis(self.order.run_ms)
    }

    fn failed(&self, what: String) {
        self.errors.set(self.errors.get() + 1);
        self.first_error.borrow_mut().get_or_insert(what);
    }
}

/// Carries out one order.
pub async fn run(order: Order) -> Result<Done> {
    let gate = if order.throttle.is_some() { order.first } else { u64::MAX };
    let dialer = order.identity.as_ref().map(|own| Dialer::open(&own.roots, &own.certificate, &own.key));
    let dialer = dialer.transpose().map_err(Error::other)?;
    let shared = Rc::new(Shared {
        next: Cell::new(order.first),
        started: Instant::now(),
        histogram: RefCell::default(),
        errors: Cell::new(0),
        first_error: RefCell::default(),
        gate: Cell::new(gate),
        dialer,
        order,
    });
    let local = LocalSet::new();
    for _ in 0..shared.order.connections {
        local.spawn_local(connection(Rc::clone(&shared)));
    }
    let watched = shared.order.throttle.map(|throttle| local.spawn_local(watch(Rc::clone(&shared), throttle)));
    local.await;
    let mut done = summary(&shared);
    if let Some(watched) = watched {
        (done.taken_per_s, done.behind) = watched.await.map_err(Error::other)??;
    }
    Ok(done)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and counts are far below 2^52")]
fn summary(shared: &Shared) -> Done {
    let histogram = shared.histogram.borrow();
    Done {
        per_s: histogram.count() as f64 * 1000.0 / shared.order.run_ms as f64,
        p50: histogram.percentile(0.5),
        p99: histogram.percentile(0.99),
        p999: histogram.percentile(0.999),
        errors: shared.errors.get(),
        first_error: shared.first_error.borrow().clone(),
        next: shared.next.get(),
        taken_per_s: 0.0,
        behind: 0,
    }
}

async fn connection(shared: Rc<Shared>) {
    while !shared.over() {
        if let Err(broken) = converse(&shared).await {
            shared.failed(format!("connection: {broken}"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn converse(shared: &Shared) -> Result<()> {
    let socket = TcpStream::connect(shared.order.address).await?;
    socket.set_nodelay(true)?;
    match &shared.dialer {
        None => converse_over(shared, socket).await,
        Some(dialer) => converse_over(shared, dialer.connect(socket).await?).await,
    }
}

/// One connection's life: request, answer, request, ...
async fn converse_over(shared: &Shared, mut socket: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
    let mut request = shared.order.template.text.clone().into_bytes();
    let mut buffer = vec![0; 16 * 1024];
    while !shared.over() {
        if shared.next.get() >= shared.gate.get() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let number = shared.next.replace(shared.next.get() + 1);
        for mark in &shared.order.template.marks {
            mark.write(&mut request, number);
        }
        let sent = Instant::now();
        socket.write_all(&request).await?;
        socket.flush().await?;
        let status = read_answer(&mut socket, &mut buffer).await?;
        if status.0 != shared.order.status {
            let start = String::from_utf8_lossy(buffer.get(..status.1.min(800)).unwrap_or_default()).into_owned();
            shared.failed(start);
        } else if sent.duration_since(shared.started) >= shared.warm() && !shared.over() {
            let micros = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
            shared.histogram.borrow_mut().record(micros);
        }
    }
    Ok(())
}

/// Reads one answer to its end; its status, and how many bytes of it lie at the buffer's start.
async fn read_answer(socket: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> Result<(u16, usize)> {
    let mut have = 0;
    loop {
        let room = buffer.get_mut(have..).filter(|room| !room.is_empty()).ok_or(ErrorKind::InvalidData)?;
        let read = socket.read(room).await?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        have += read;
        let bytes = buffer.get(..have).unwrap_or_default();
        let Some(end) = find(bytes, b"\r\n\r\n") else { continue };
        let head = bytes.get(..end).unwrap_or_default();
        let status = head.get(9..12).and_then(|text| std::str::from_utf8(text).ok()).and_then(|text| text.parse().ok());
        let (status, length) = (status.ok_or(ErrorKind::InvalidData)?, content_length(head));
        let mut missing = (end + 4 + length).saturating_sub(have);
        while missing > 0 {
            // What does not fit any more is not needed: only its length counts.
            let from = have.min(buffer.len() / 2);
            let room = buffer.get_mut(from..).unwrap_or_default();
            let room = room.len().min(missing);
            let read = socket.read(buffer.get_mut(from..from + room).unwrap_or_default()).await?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            missing -= read;
            have = from + read;
        }
        return Ok((status, have));
    }
}

/// Where `needle` begins.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// The `Content-Length` of a head; 0 when it has none.
pub fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    head.split(|byte| *byte == b'\n')
        .find(|line| {
            line.len() > NAME.len() && line.iter().zip(NAME).all(|(have, want)| have.eq_ignore_ascii_case(want))
        })
        .and_then(|line| std::str::from_utf8(line.get(NAME.len()..)?).ok()?.trim().parse().ok())
        .unwrap_or(0)
}

/// Lets requests through only as fast as the receiver takes what they cause.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
async fn watch(shared: Rc<Shared>, throttle: Throttle) -> Result<(f64, u64)> {
    let mut socket = TcpStream::connect(throttle.sink).await?;
    let before = count(&mut socket).await?;
    let mut measured: Option<(u64, Instant)> = None;
    loop {
        let taken = count(&mut socket).await?;
        shared.gate.set(shared.order.first + (taken - before) + throttle.backlog);
        if measured.is_none() && shared.started.elapsed() >= shared.warm() {
            measured = Some((taken, Instant::now()));
        }
        if shared.over() {
            let (start, since) = measured.unwrap_or((before, shared.started));
            let sent = shared.next.get() - shared.order.first;
            return Ok(((taken - start) as f64 / since.elapsed().as_secs_f64(), sent.saturating_sub(taken - before)));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Asks a sink how many requests it has taken.
pub async fn count(socket: &mut TcpStream) -> Result<u64> {
    socket.write_all(b"GET / HTTP/1.1\r\nhost: sink\r\n\r\n").await?;
    let mut buffer = vec![0; 512];
    let (_, have) = read_answer(socket, &mut buffer).await?;
    let text = String::from_utf8_lossy(buffer.get(..have).unwrap_or_default()).into_owned();
    let number = text.rsplit("\r\n\r\n").next().and_then(|number| number.trim().parse().ok());
    number.ok_or_else(|| ErrorKind::InvalidData.into())
}
