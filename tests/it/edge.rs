//! The edge through raw sockets: what is not plain HTTP is refused and the connection closed, and nothing behind it is ever
//! read as a request. Each trick carries such a request, which must leave no trace. HTTP/2 is spoken frame by frame.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::folder::paper;
use super::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

pub fn folder(settings: &str) -> Folder {
    let folder =
        Folder::with(&[Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])]);
    let text = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
    folder.file("config/gateway.toml", &format!("{text}\n{settings}"));
    folder
}

/// Sends the bytes, reads until the other side closes (or half a minute is over, which fails), and gives what came.
async fn until_closed(to: SocketAddr, sent: &[u8]) -> String {
    let mut socket = TcpStream::connect(to).await.unwrap();
    let _ = socket.write_all(sent).await;
    rest(&mut socket).await
}

async fn rest(socket: &mut TcpStream) -> String {
    let mut got = Vec::new();
    let reading = async {
        let mut piece = [0; 4096];
        // A reset after the answer ends it too.
        while let Ok(count @ 1..) = socket.read(&mut piece).await {
            got.extend_from_slice(&piece[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.expect("the connection is closed");
    String::from_utf8_lossy(&got).into_owned()
}

fn answers(said: &str) -> Vec<u16> {
    said.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok()).collect()
}

/// A whole record under the client's token, as the one who smuggles would send it.
fn record(client: &Client, key: &str) -> String {
    let body = paper(POLICE, &[COURT], 77, "smuggled").to_string();
    format!(
        "POST /v1/records/paper HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         idempotency-key: {key}\r\ncontent-length: {}\r\n\r\n{body}",
        client.token,
        body.len()
    )
}

fn head(lines: &str) -> String {
    format!("POST /v1/records/paper HTTP/1.1\r\nhost: x\r\n{lines}\r\n\r\n")
}

/// What each is called, and the bytes; `length` is that of the request behind it.
fn tricks(length: usize) -> Vec<(&'static str, String)> {
    vec![
        ("both lengths", head("content-length: 5\r\ntransfer-encoding: chunked") + "0\r\n\r\n"),
        ("both lengths, the other way", head("transfer-encoding: chunked\r\ncontent-length: 5") + "0\r\n\r\n"),
        ("two lengths", head(&format!("content-length: {length}\r\ncontent-length: 0"))),
        ("two lengths in one", head(&format!("content-length: 0, {length}"))),
        ("a length with a sign", head("content-length: +0")),
        ("a negative length", head("content-length: -1")),
        ("a hexadecimal length", head("content-length: 0x0")),
        ("a coding in disguise", head("transfer-encoding: xchunked")),
        ("a coding that means nothing", head("transfer-encoding: identity")),
        ("a coding before the chunks", head("transfer-encoding: gzip, chunked") + "0\r\n\r\n"),
        ("two codings", head("transfer-encoding: chunked\r\ntransfer-encoding: x") + "0\r\n\r\n"),
        ("a coding behind a tab", head("transfer-encoding:\u{b}chunked") + "0\r\n\r\n"),
        ("a coding on a folded line", head("transfer-encoding:\r\n chunked") + "0\r\n\r\n"),
        ("a space before the colon", head("transfer-encoding : chunked") + "0\r\n\r\n"),
        ("a folded line", head("x: a\r\n b")),
        ("bare line feeds", "POST /v1/me HTTP/1.1\nhost: x\ncontent-length: 0\n\n".to_owned()),
        ("one bare line feed", head("x: a\ncontent-length: 0")),
        ("a bare carriage return", head("x: a\rtransfer-encoding: chunked")),
        ("a NUL", head("x: a\0b")),
        ("a URL as target", "GET http://x/v1/me HTTP/1.1\r\nhost: x\r\n\r\n".to_owned()),
        ("CONNECT", "CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned()),
        ("two hosts", head("host: y")),
        ("no host", "GET /v1/me HTTP/1.1\r\n\r\n".to_owned()),
        ("an old version", "GET /v1/me HTTP/0.9\r\nhost: x\r\n\r\n".to_owned()),
        ("no version", "GET /v1/me\r\n".to_owned()),
        ("an empty line first", "\r\nGET /v1/me HTTP/1.1\r\nhost: x\r\n\r\n".to_owned()),
        ("a greeting of TLS", "\u{16}\u{3}\u{1}\u{0}\u{5}hello".to_owned()),
        ("chunks to an old version", "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()),
        ("the gateway's own word", "REFUSED /200 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_framing_trick_is_read_and_nothing_behind_one_is_a_request() {
    let folder = folder("");
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let hidden = record(&police, "smuggled");
    let tricks = tricks(hidden.len());
    for (what, trick) in &tricks {
        let said = until_closed(gateway.exchange, format!("{trick}{hidden}").as_bytes()).await;
        assert_eq!(answers(&said), [400], "{what}: {said}");
        assert!(said.contains("framing-refused") && said.contains("connection: close"), "{what}: {said}");
        // Behind a good request it is the same: that one is answered, and nothing after the trick.
        let after = format!("GET /docs HTTP/1.1\r\nhost: x\r\n\r\n{trick}{hidden}");
        let said = until_closed(gateway.exchange, after.as_bytes()).await;
        assert_eq!(answers(&said), [200, 400], "{what}, second");
    }
    let chunked = head("transfer-encoding: chunked").replace(
        "\r\nhost",
        &format!(
            "\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\nidempotency-key: k\r\nhost",
            police.token
        ),
    );
    for (what, chunks) in [
        ("an extension", "2;a=b\r\n{}\r\n0\r\n\r\n"),
        ("an extension with a line feed", "2;\n\r\n{}\r\n0\r\n\r\n"),
        ("a space behind the size", "2 \r\n{}\r\n0\r\n\r\n"),
        ("bare line feeds", "2\n{}\n0\n\n"),
        ("a size with a sign", "+2\r\n{}\r\n0\r\n\r\n"),
        ("a size as in a program", "0x2\r\n{}\r\n0\r\n\r\n"),
        ("a size too long", "0000000000000002\r\n{}\r\n0\r\n\r\n"),
        ("data longer than its size", "2\r\n{}  \r\n0\r\n\r\n"),
        ("a trailer", "2\r\n{}\r\n0\r\ncontent-length: 9\r\n\r\n"),
    ] {
        let said = until_closed(gateway.exchange, format!("{chunked}{chunks}{hidden}").as_bytes()).await;
        let got = answers(&said);
        assert!(got.len() <= 1 && got.iter().all(|status| *status == 400), "{what}: {said}");
    }
    let large = head(&"x: y\r\n".repeat(70));
    assert_eq!(answers(&until_closed(gateway.exchange, format!("{large}{hidden}").as_bytes()).await), [431]);
    let endless = format!("GET /{} HTTP/1.1\r\n", "a".repeat(40_000));
    assert_eq!(answers(&until_closed(gateway.exchange, endless.as_bytes()).await), [431]);
    // Nothing of all this was taken for a record; sent plainly it is one.
    assert_eq!(police.get("/v1/messages").await.unwrap().expect(200).json()["items"], json!([]));
    let plain = hidden.replace("\r\nhost: x", "\r\nhost: x\r\nconnection: close");
    assert_eq!(answers(&until_closed(gateway.exchange, plain.as_bytes()).await), [202]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_requests_follow_each_other_on_one_connection_in_any_pieces() {
    let folder = folder("");
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let body = paper(POLICE, &[COURT], 1, "in chunks").to_string();
    let (first, second) = body.split_at(10);
    let chunked = format!(
        "POST /v1/records/paper HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Idempotency-Key: chunks\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\n\r\n",
        police.token,
        first.len(),
        second.len()
    );
    let last = "GET /docs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let stream = format!("{}{chunked}{}{last}", record(&police, "one"), record(&police, "two"));
    for step in [stream.len(), 1000, 7] {
        let mut socket = TcpStream::connect(gateway.exchange).await.unwrap();
        socket.set_nodelay(true).unwrap();
        for piece in stream.as_bytes().chunks(step) {
            socket.write_all(piece).await.unwrap();
            if step < 100 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(answers(&rest(&mut socket).await), [202, 202, 202, 200], "in pieces of {step}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_its_share_of_connections_and_all_have_theirs() {
    let folder = folder("[connections]\nper_address = 3\n");
    folder.file(
        "config/gateway.toml",
        &std::fs::read_to_string(folder.path("config/gateway.toml"))
            .unwrap()
            .replace("[exchange]", "[exchange]\nmax_connections = 5"),
    );
    let gateway = Gateway::start(&folder).await;
    let from = async |address: &str| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        let mut socket = socket.connect(gateway.exchange).await.unwrap();
        socket.write_all(b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(3), socket.read_exact(&mut first)).await;
        (socket, read.map(|read| read.is_ok()))
    };
    let mut open = Vec::new();
    for _ in 0..3 {
        let (socket, served) = from("127.0.0.1").await;
        assert_eq!(served, Ok(true));
        open.push(socket);
    }
    assert_eq!(from("127.0.0.1").await.1, Ok(false), "the fourth of one address is closed at once");
    for _ in 0..2 {
        let (socket, served) = from("127.0.0.2").await;
        assert_eq!(served, Ok(true), "another address is served");
        open.push(socket);
    }
    let (mut waiting, served) = from("127.0.0.3").await;
    assert!(served.is_err(), "over all places a client waits");
    open.clear();
    let mut answer = [0; 12];
    let served = tokio::time::timeout(Duration::from_secs(10), waiting.read_exact(&mut answer)).await;
    assert!(served.is_ok_and(|read| read.is_ok()), "and is served when there is one");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// `GET /docs` of `x`, in HPACK's static table and plain literals.
const GET: &[u8] = b"\x82\x86\x04\x05/docs\x01\x01x";

/// The kinds of frames that came until the connection was closed or was quiet for a second.
async fn frames(socket: &mut TcpStream) -> Vec<(u8, Vec<u8>)> {
    let mut got = Vec::new();
    let mut piece = vec![0; 65_536];
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_secs(2), socket.read(&mut piece)).await {
        got.extend_from_slice(&piece[..count]);
    }
    let (mut all, mut rest) = (Vec::new(), got.as_slice());
    while rest.len() >= 9 {
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        let payload = rest.get(9..9 + length).unwrap_or_default();
        all.push((rest[3], payload.to_vec()));
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    all
}

fn highest(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_is_served_and_its_floods_end_their_connection_and_cost_no_memory() {
    let folder = folder("");
    let gateway = Gateway::start(&folder).await;
    let served = async || {
        let mut socket = TcpStream::connect(gateway.exchange).await.unwrap();
        socket.write_all(&[PREFACE, &frame(1, 5, 1, GET)].concat()).await.unwrap();
        frames(&mut socket).await.iter().any(|(kind, payload)| *kind == 1 && payload.first() == Some(&0x88))
    };
    assert!(served().await, "a request over HTTP/2 is answered with 200");
    // Begins anew with the most that the process ever held: its start held more than it does now.
    std::fs::write(format!("/proc/{}/clear_refs", gateway.pid()), "5").unwrap();
    let before = highest(&gateway);
    let resets: Vec<u8> = (0..20_000_u32)
        .flat_map(|n| [frame(1, 5, 2 * n + 1, GET), frame(3, 0, 2 * n + 1, &8_u32.to_be_bytes())].concat())
        .collect();
    let mut endless = frame(1, 1, 1, GET);
    for _ in 0..4_000 {
        endless.extend(frame(9, 0, 1, &[b"\0\x01a\x7f\x80\x07".as_slice(), &[b'x'; 1023]].concat()));
    }
    // One entry of 4,000 bytes in the table, then thousands of references to it in one list.
    let mut bomb = [GET, b"\x40\x01a\x7f\xa1\x1e", &[b'x'; 4000]].concat();
    bomb.extend(std::iter::repeat_n(0xbe, 12_000));
    let pings: Vec<u8> = std::iter::repeat_n(frame(6, 0, 0, &[0; 8]), 100_000).flatten().collect();
    let settings: Vec<u8> = std::iter::repeat_n(frame(4, 0, 0, &[]), 100_000).flatten().collect();
    let empty: Vec<u8> = [frame(1, 4, 1, b"\x83\x86\x04\x05/docs\x01\x01x")]
        .into_iter()
        .chain(std::iter::repeat_n(frame(0, 0, 1, &[]), 100_000))
        .flatten()
        .collect();
    let with_coding = frame(1, 5, 1, &[GET, b"\0\x11transfer-encoding\x07chunked"].concat());
    let with_break = frame(1, 5, 1, &[GET, b"\0\x01a\x04b\r\nc"].concat());
    for (what, flood, ends) in [
        ("rapid resets", resets, true),
        ("a head that never ends", endless, true),
        ("a bomb of references", frame(1, 5, 1, &bomb), false),
        ("pings", pings, false),
        ("settings", settings, false),
        ("empty pieces of a body", empty, false),
        ("a coding of HTTP/1", with_coding, false),
        ("a line break in a value", with_break, false),
    ] {
        let mut socket = TcpStream::connect(gateway.exchange).await.unwrap();
        socket.write_all(PREFACE).await.unwrap();
        let (mut reading, mut writing) = socket.into_split();
        let sending = tokio::spawn(async move {
            let _ = writing.write_all(&flood).await;
            writing
        });
        // What the gateway says meanwhile is read: a client that reads nothing is another test.
        let mut got = Vec::new();
        let mut piece = vec![0; 65_536];
        let closed = loop {
            match tokio::time::timeout(Duration::from_secs(2), reading.read(&mut piece)).await {
                Ok(Ok(count @ 1..)) => got.extend_from_slice(&piece[..count]),
                Ok(_) => break true,
                Err(_) => break false,
            }
        };
        sending.abort();
        let ok = got.windows(10).any(|window| window[3] == 1 && window[..2] == [0, 0] && window[9] == 0x88);
        println!("{what}: closed {closed}, {} bytes back", got.len());
        assert!(closed || !ends, "{what} must end the connection");
        assert!(!ok || matches!(what, "rapid resets" | "pings" | "settings"), "{what} is no request that is served");
        assert!(served().await, "others are served after {what}");
    }
    let grown = highest(&gateway) - before;
    println!("{grown} KiB more at the highest");
    assert!(grown < 32 << 10, "the gateway grew by {grown} KiB");
}
