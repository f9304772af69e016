//! A small HTTP/1.1 server for the simulated systems that are pushed to. It can do what a good server would not:
//! answer late, break off, or take a delivery and never answer. It knows nothing of records.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What came.
#[derive(Debug)]
pub struct Arrival {
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Arrival {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }
}

/// What goes back.
#[derive(Debug)]
pub enum Reply {
    /// A status with a body and its media type.
    Answer(u16, &'static str, String),
    /// The connection is closed without a word.
    Silence,
}

/// What a system does with an arrival.
pub type Reception = Arc<dyn Fn(Arrival) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync>;

/// The most that is taken: no record is larger.
const MOST: usize = 4 << 20;

/// Listens on a free port of this machine; the address is the answer. Ends with the runtime.
pub async fn open(reception: Reception) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let reception = Arc::clone(&reception);
            tokio::spawn(async move {
                // A sender that breaks off is the sender's trouble.
                let _ = converse(stream, &reception).await;
            });
        }
    });
    Ok(format!("http://{address}"))
}

async fn converse(mut stream: TcpStream, reception: &Reception) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(arrival) = read(&mut stream, &mut buffer).await? {
        let Reply::Answer(status, media_type, body) = reception(arrival).await else { return Ok(()) };
        let head =
            format!("HTTP/1.1 {status} Answer\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
    }
    Ok(())
}

/// One request; what came after it stays in `buffer`. `None` when the sender has nothing more to say.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Arrival>> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await? == 0 || buffer.len() > MOST {
            return Ok(None);
        }
    };
    let head: Vec<u8> = buffer.drain(..end).collect();
    let headers = parse(&String::from_utf8_lossy(&head));
    let arrival = Arrival { headers, body: Vec::new() };
    let length = arrival.header("content-length").parse::<usize>().unwrap_or(0).min(MOST);
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Arrival { body: buffer.drain(..length).collect(), ..arrival }))
}

fn parse(head: &str) -> Vec<(String, String)> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect()
}
