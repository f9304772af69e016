//! HTTP/1.1 by hand: one request on one connection, so that a test sees exactly what is on the wire.
//! An answer that is cut off is an error, never a short body. `read_request` is the receivers' half.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Longer than anything that a test waits for on purpose (a feed's `wait` is 60 s at most).
const PATIENCE: Duration = Duration::from_secs(70);

/// Header names in lower case, in the order of the wire.
pub type Headers = Vec<(String, String)>;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON; the test fails where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.text()))
    }

    /// The body for people.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// This answer, if it has the status; else the test fails and shows it.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The `code` of a problem document.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// The first header of that (lower-case) name.
pub fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
}

/// One request, one answer.
pub async fn request(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer> {
    let headers: Vec<_> = [("connection", "close")].iter().chain(headers).copied().collect();
    raw(to, &written(to, method, target, &headers, body)).await
}

/// The bytes of a request.
pub fn written(to: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {to}\r\n");
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Sends bytes as they are and reads one answer.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> Result<Answer> {
    let exchange = async {
        let mut socket = TcpStream::connect(to).await?;
        socket.set_nodelay(true)?;
        // A refusal may come before the whole body was taken: the answer counts, not the broken pipe.
        let sent = socket.write_all(bytes).await;
        let mut reader = BufReader::new(socket);
        let answer = read_answer(&mut reader, bytes.starts_with(b"HEAD ")).await;
        match (answer, sent) {
            (Err(_), Err(broken)) => Err(broken),
            (answer, _) => answer,
        }
    };
    tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| Error::from(ErrorKind::TimedOut))?
}

/// One answer. `head`: the answer to a HEAD announces a body and has none.
pub async fn read_answer(reader: &mut (impl AsyncBufRead + Unpin), head: bool) -> Result<Answer> {
    loop {
        let (first, headers) = read_head(reader).await?;
        let status = first.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        // 100 Continue and its like announce the answer, they are not it.
        if status >= 200 {
            let body = read_body(reader, &headers, head || status == 204 || status == 304).await?;
            return Ok(Answer { status, headers, body });
        }
    }
}

/// A request as a receiver sees it: method, target, headers, body. `None` where the peer has closed.
pub async fn read_request(reader: &mut BufReader<TcpStream>) -> Result<Option<(String, String, Headers, Vec<u8>)>> {
    if reader.fill_buf().await?.is_empty() {
        return Ok(None);
    }
    let (first, headers) = read_head(reader).await?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let body = read_body(reader, &headers, header(&headers, "content-length").is_none() && !chunked(&headers)).await?;
    Ok(Some((method, target, headers, body)))
}

async fn read_head(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<(String, Headers)> {
    let first = line(reader).await?;
    let mut headers = Vec::new();
    loop {
        let line = line(reader).await?;
        if line.is_empty() {
            return Ok((first, headers));
        }
        let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

async fn read_body(reader: &mut (impl AsyncBufRead + Unpin), headers: &Headers, none: bool) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if none {
        return Ok(body);
    }
    if chunked(headers) {
        loop {
            let size = usize::from_str_radix(&line(reader).await?, 16).map_err(|_| ErrorKind::InvalidData)?;
            let start = body.len();
            body.resize(start + size, 0);
            reader.read_exact(&mut body[start..]).await?;
            line(reader).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match header(headers, "content-length").and_then(|text| text.parse().ok()) {
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(&mut body).await?;
        }
        None => {
            reader.read_to_end(&mut body).await?;
        }
    }
    Ok(body)
}

fn chunked(headers: &Headers) -> bool {
    header(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
}

async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    match line.strip_suffix("\r\n") {
        Some(text) => Ok(text.to_owned()),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}
