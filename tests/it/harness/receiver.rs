//! A scripted push receiver: an HTTP server that writes every push into its own book and answers as its script says.
//! It is the receiver's programmer on a bad day: slow, failing, taking and not answering, hanging up.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::http::{Headers, header, read_request};
use super::tick;

/// One push as it was seen.
#[derive(Clone, Debug)]
pub struct Push {
    /// Its place in the receiver's book.
    pub number: usize,
    /// When its last byte had come, by `harness::tick`.
    pub arrived: u64,
    /// When its answer was about to be written, and the status; `None`: never answered.
    pub answered: Option<(u64, u16)>,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Push {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The delivery id.
    pub fn id(&self) -> String {
        self.header("webhook-id").unwrap_or_default().to_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// `None`: hang up without an answer.
    pub status: Option<u16>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Before answering.
    pub delay: Duration,
}

impl Reply {
    /// A status and nothing else, at once.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), headers: Vec::new(), body: Vec::new(), delay: Duration::ZERO }
    }

    /// No answer at all: the connection is closed.
    pub fn hang_up() -> Self {
        Self { status: None, ..Self::status(0) }
    }

    /// The same, later.
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// The same, with a body.
    pub fn with(self, media_type: &str, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Self { headers, body: body.as_bytes().to_vec(), ..self }
    }
}

type Script = Arc<dyn Fn(&Push) -> Reply + Send + Sync>;
type Book = Arc<Mutex<Vec<Push>>>;

/// A running receiver; gone when dropped.
pub struct Receiver {
    pub address: SocketAddr,
    book: Book,
    server: JoinHandle<()>,
}

impl Receiver {
    /// Starts one that answers as `script` says.
    pub async fn start(script: impl Fn(&Push) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), script).await
    }

    /// Starts one at an address.
    pub async fn at(address: SocketAddr, script: impl Fn(&Push) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Book::default();
        let server = tokio::spawn(serve(listener, book.clone(), Arc::new(script)));
        Self { address, book, server }
    }

    /// Starts one that takes everything.
    pub async fn friendly() -> Self {
        Self::start(|_| Reply::status(200)).await
    }

    /// Where to push.
    pub fn url(&self) -> String {
        format!("http://{}/inbox", self.address)
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Vec<Push> {
        self.book.lock().unwrap().clone()
    }

    /// What it has seen since it had seen so many: for books too long to be copied at each look.
    pub fn seen_since(&self, many: usize) -> Vec<Push> {
        self.book.lock().unwrap()[many..].to_vec()
    }

    /// How many pushes it has seen so far.
    pub fn count(&self) -> usize {
        self.book.lock().unwrap().len()
    }

    /// The ids of what it has seen, each once.
    pub fn ids(&self) -> BTreeSet<String> {
        self.book.lock().unwrap().iter().map(Push::id).collect()
    }

    /// Waits until it has seen so many, at most `patience`: for books too long to be looked through again and again.
    pub async fn until_count(&self, patience: Duration, count: usize) {
        let end = tick() + u64::try_from(patience.as_micros()).unwrap();
        while self.count() < count {
            assert!(tick() < end, "the receiver saw only {} of {count} pushes", self.count());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the book satisfies `enough`, at most `patience`.
    pub async fn until(&self, patience: Duration, enough: impl Fn(&[Push]) -> bool) -> Vec<Push> {
        let end = tick() + u64::try_from(patience.as_micros()).unwrap();
        loop {
            let seen = self.seen();
            if enough(&seen) {
                return seen;
            }
            assert!(tick() < end, "the receiver saw only {} pushes: {:?}", seen.len(), ids(&seen));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn ids(seen: &[Push]) -> Vec<String> {
    seen.iter().map(Push::id).collect()
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, book: Book, script: Script) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(converse(socket, book.clone(), script.clone()));
    }
}

async fn converse(socket: TcpStream, book: Book, script: Script) {
    let mut reader = BufReader::new(socket);
    while let Ok(Some((_, _, headers, body))) = read_request(&mut reader).await {
        let (push, reply) = {
            let mut book = book.lock().unwrap();
            let push = Push { number: book.len(), arrived: tick(), answered: None, headers, body };
            book.push(push.clone());
            // Under the lock, so that a script sees pushes in the order of the book.
            let reply = script(&push);
            (push, reply)
        };
        tokio::time::sleep(reply.delay).await;
        let Some(status) = reply.status else { return };
        book.lock().unwrap()[push.number].answered = Some((tick(), status));
        if answer(&mut reader, status, &reply).await.is_err() {
            return;
        }
    }
}

async fn answer(reader: &mut BufReader<TcpStream>, status: u16, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", reply.body.len());
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&reply.body);
    reader.get_mut().write_all(&bytes).await
}
