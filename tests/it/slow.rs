//! Clients that are slow on purpose: in the head, in the body, in taking the answer, or by doing nothing. Each is let go in its time,
//! and while they are there others are served: among hundreds of them here, among ten thousand in the long run.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::edge::folder;
use super::faults::report;
use super::harness::folder::paper;
use super::harness::{Client, Gateway};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
const QUICK: &str = "[connections]\nidle = \"1s\"\nbody_idle = \"1s\"\nanswer_idle = \"1s\"\n";

fn quick() -> super::harness::Folder {
    let folder = folder(QUICK);
    let text = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
    let text = text.replace("[exchange]", "[exchange]\nheader_timeout = \"1s\"\nbody_timeout = \"2s\"");
    folder.file("config/gateway.toml", &text);
    folder
}

/// What comes until the gateway closes, and when that was.
async fn until_closed(socket: &mut TcpStream) -> (String, Duration) {
    let began = Instant::now();
    let mut got = Vec::new();
    let mut piece = [0; 4096];
    let reading = async {
        while let Ok(count @ 1..) = socket.read(&mut piece).await {
            got.extend_from_slice(&piece[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.expect("the gateway closes the connection");
    (String::from_utf8_lossy(&got).into_owned(), began.elapsed())
}

/// Writes one byte of `bytes` after the other, until they are out or the other side has closed.
async fn drip(socket: TcpStream, bytes: Vec<u8>, every: Duration) -> (String, Duration) {
    let (mut reading, mut writing) = socket.into_split();
    let dripping = tokio::spawn(async move {
        for byte in bytes {
            if writing.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(every).await;
        }
        // Nothing more, and no end either.
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
    let began = Instant::now();
    let mut got = Vec::new();
    let mut piece = [0; 4096];
    let read = async {
        while let Ok(count @ 1..) = reading.read(&mut piece).await {
            got.extend_from_slice(&piece[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), read).await.expect("the gateway closes the connection");
    dripping.abort();
    (String::from_utf8_lossy(&got).into_owned(), began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stops_or_drips_is_let_go_in_his_time() {
    let folder = quick();
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let connect = async || TcpStream::connect(gateway.exchange).await.unwrap();
    let soon = Duration::from_secs(8);

    let (said, took) = until_closed(&mut connect().await).await;
    assert!(said.is_empty() && took < soon, "nothing at all: {took:?} {said}");

    let (said, took) = drip(connect().await, vec![b'G'; 1], Duration::ZERO).await;
    assert!(said.starts_with("HTTP/1.1 408 ") && took < soon, "the head stops: {took:?} {said}");
    let head =
        b"GET /docs HTTP/1.1\r\nhost: x\r\nx-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
    let (said, took) = drip(connect().await, head.to_vec(), Duration::from_millis(100)).await;
    assert!(said.starts_with("HTTP/1.1 408 ") && took < soon, "the head drips: {took:?} {said}");

    let mut socket = connect().await;
    socket.write_all(b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let (said, took) = until_closed(&mut socket).await;
    assert!(said.starts_with("HTTP/1.1 200 ") && took < soon, "nothing after an answer: {took:?}");

    let begun = format!(
        "POST /v1/records/paper HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         idempotency-key: slow\r\ncontent-length: 5000\r\n\r\n",
        police.token
    );
    let mut socket = connect().await;
    socket.write_all(begun.as_bytes()).await.unwrap();
    let (said, took) = drip(socket, b"{".to_vec(), Duration::ZERO).await;
    assert!(said.starts_with("HTTP/1.1 408 ") && took < soon, "the body stops: {took:?} {said}");
    assert!(said.contains("\"too-slow\"") && said.to_ascii_lowercase().contains("connection: close"), "{said}");
    let mut socket = connect().await;
    socket.write_all(begun.as_bytes()).await.unwrap();
    let (said, took) = drip(socket, vec![b' '; 4000], Duration::from_millis(50)).await;
    assert!(said.starts_with("HTTP/1.1 408 ") && took < soon, "the body drips: {took:?} {said}");

    let mut socket = connect().await;
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let (_, took) = until_closed(&mut socket).await;
    assert!(took < soon, "HTTP/2 without a request: {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_takes_ends_and_one_that_is_awaited_does_not() {
    let folder = quick();
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    let file: Vec<u8> = (0..24_u32 << 20).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let digest = icjs::seal::hex(&icjs::seal::sha256(&file));
    let path = format!("/v1/attachments/{digest}");
    police.call("PUT", &path, &[], &file).await.unwrap().expect(201);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut socket = socket.connect(gateway.exchange).await.unwrap();
    let asked = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", police.token);
    socket.write_all(asked.as_bytes()).await.unwrap();
    let (waited, page) = tokio::join!(tokio::time::sleep(Duration::from_secs(6)), court.feed("wait=4"));
    let () = waited;
    page.unwrap().expect(200);
    let mut got = 0;
    let mut piece = vec![0; 1 << 20];
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_secs(10), socket.read(&mut piece)).await {
        got += count;
    }
    assert!(got < file.len(), "it was let go: {got} of {} bytes came", file.len());
    // Taken at once, all of it comes.
    assert_eq!(police.get(&path).await.unwrap().expect(200).body.len(), file.len());
}

/// The descriptors and kilobytes that the process holds.
fn holds(gateway: &Gateway) -> (usize, u64) {
    let open = std::fs::read_dir(format!("/proc/{}/fd", gateway.pid())).unwrap().count();
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    (open, line.split_whitespace().nth(1).unwrap().parse().unwrap())
}

/// One slow client, of three kinds, from one of many addresses; goes on until it is stopped, anew whenever it is let go.
async fn slow_client(to: std::net::SocketAddr, number: usize) {
    let address = format!("127.0.{}.{}:0", 1 + number / 200, 1 + number % 200);
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        let bound = socket.bind(address.parse().unwrap()).is_ok() && socket.set_recv_buffer_size(4096).is_ok();
        let Ok(mut socket) = (if bound { socket.connect(to).await } else { return }) else {
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        };
        let begun: &[u8] = match number % 3 {
            0 => b"GET /docs HTTP/1.1\r\nhost: x\r\nx: ",
            1 => b"POST /oauth2/token HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\n\r\n",
            _ => b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\nGET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n",
        };
        let _ = socket.write_all(begun).await;
        loop {
            tokio::time::sleep(Duration::from_millis(2_000 + (number as u64 * 37) % 1_000)).await;
            let mut byte = [0; 1];
            let went = match number % 3 {
                2 => matches!(socket.read(&mut byte).await, Ok(1)),
                _ => socket.write_all(b"a").await.is_ok(),
            };
            if !went {
                break;
            }
        }
    }
}

/// The microseconds that each of `count` records took, sorted.
async fn good(client: &Client, from: u32, count: u32) -> Vec<u128> {
    let mut took = Vec::new();
    for case in from..from + count {
        let began = Instant::now();
        let body = paper(POLICE, &[COURT], case, "in time").to_string();
        client.submit("paper", &format!("good-{case}"), &[], body.as_bytes()).await.unwrap().expect(202);
        took.push(began.elapsed().as_micros());
    }
    took.sort_unstable();
    took
}

/// Slow clients and good ones on a gateway with few descriptors; gives the good ones' times before and during.
async fn among(slow: usize, descriptors: u32, records: u32) -> (Vec<u128>, Vec<u128>) {
    let folder = folder("[connections]\nper_address = 20000\n");
    let text = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
    folder.file("config/gateway.toml", &text.replace("[exchange]", "[exchange]\nmax_connections = 20000"));
    let gateway = Gateway::start_with_descriptors(&folder, descriptors).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let before = good(&police, 1, records).await;
    let (_, memory) = holds(&gateway);
    let mut clients = JoinSet::new();
    for number in 0..slow {
        clients.spawn(slow_client(gateway.exchange, number));
    }
    let began = Instant::now();
    while holds(&gateway).0 < slow.min(descriptors as usize / 2) && began.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let during = good(&police, 10_000, records).await;
    let (open, grown) = (holds(&gateway).0, holds(&gateway).1.saturating_sub(memory));
    println!("{slow} slow clients: {open} descriptors open, {grown} KiB more");
    assert!(open < descriptors as usize, "{open} of {descriptors} descriptors");
    assert!(grown < 16 << 10 || grown < 64 * slow as u64, "{grown} KiB for {slow} slow clients");
    clients.abort_all();
    (before, during)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_many_are_slow_good_clients_go_on_and_descriptors_and_memory_are_bounded() {
    let slow = report::either(300, 10_000);
    let descriptors = u32::try_from(report::either(1_000, 20_000)).unwrap();
    let records = u32::try_from(report::either(30, 3_000)).unwrap();
    let (before, during) = among(usize::try_from(slow).unwrap(), descriptors, records).await;
    let of = |times: &[u128], part: usize| {
        let micros = times[(times.len() * part / 100).min(times.len() - 1)];
        format!("{}.{:02} ms", micros / 1000, micros % 1000 / 10)
    };
    let said = format!(
        "of {records} good clients' records the middle took {} alone and {} among them, all but one in a hundred at most {} and {}",
        of(&before, 50),
        of(&during, 50),
        of(&before, 99),
        of(&during, 99)
    );
    report::done("slow clients", slow, "slow clients", 0, &said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_cannot_take_the_descriptors_that_the_store_needs() {
    // Three hundred clients want a place, and there is not one for each: they wait, and whoever has one is served.
    let folder = folder("[connections]\nper_address = 20000\n");
    let text = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
    folder.file("config/gateway.toml", &text.replace("[exchange]", "[exchange]\nheader_timeout = \"1s\""));
    let gateway = Gateway::start_with_descriptors(&folder, 256).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(gateway.exchange).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let open = holds(&gateway).0;
    assert!(open < 240, "{open} of 256 descriptors are open");
    good(&police, 1, 5).await;
    let log = std::fs::read_to_string(folder.path("gateway.log")).unwrap();
    assert!(log.contains("raise the limit of open files"), "it says so at start: {log}");
    assert!(!log.contains("no connection could be taken"), "{log}");
}

/// As many as are worked on at once, and more.
const WORKED_ON: usize = 2_048;
const CROWD: usize = 2_100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_who_drip_their_forms_take_no_place_from_those_who_work() {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    if files.split_whitespace().nth(3).unwrap().parse::<usize>().is_ok_and(|most| most < 2 * CROWD) {
        println!("skipped: fewer than {} files may be open here", 2 * CROWD);
        return;
    }
    let folder = folder("[connections]\nper_address = 20000\n");
    let gateway = Gateway::start_with_descriptors(&folder, 4 * 1_024).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let begun = b"POST /oauth2/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                  content-length: 20000\r\n\r\ngrant_type=";
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut socket = TcpStream::connect(gateway.exchange).await.unwrap();
        socket.write_all(begun).await.unwrap();
        crowd.push(socket);
    }
    let began = Instant::now();
    while holds(&gateway).0 < WORKED_ON && began.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    good(&police, 1, 20).await;
}

/// Bytes below the folder's data.
fn on_disk(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let about = entry.metadata().unwrap();
            if about.is_dir() { on_disk(&entry.path()) } else { about.len() }
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_strangers_writes_nothing_to_disk() {
    let folder = folder("");
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    good(&police, 1, 3).await;
    // What the gateway does by itself is done by now.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = (on_disk(&folder.path("data")), std::fs::metadata(folder.path("gateway.log")).unwrap().len());
    let stranger = Client { token: "a.b.c".to_owned(), ..police.clone() };
    let body = paper(POLICE, &[COURT], 1, "x").to_string();
    let form = "grant_type=client_credentials&client_assertion_type=\
                urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=e30.e30.x";
    for number in 0..300 {
        let status = match number % 5 {
            0 => stranger.submit("paper", "k", &[], body.as_bytes()).await.unwrap().status,
            1 => {
                stranger
                    .call("PUT", &format!("/v1/attachments/{number:064}"), &[], body.as_bytes())
                    .await
                    .unwrap()
                    .status
            }
            2 => {
                stranger
                    .call("POST", "/v1/batches", &[("content-type", "application/x-ndjson")], b"{}\n")
                    .await
                    .unwrap()
                    .status
            }
            3 => stranger.get(&format!("/no/such/path/{number}")).await.unwrap().status,
            _ => {
                let headers = [("content-type", "application/x-www-form-urlencoded")];
                super::harness::http::request(gateway.exchange, "POST", "/oauth2/token", &headers, form.as_bytes())
                    .await
                    .unwrap()
                    .status
            }
        };
        assert!((400..500).contains(&status), "{number}: {status}");
    }
    let after = (on_disk(&folder.path("data")), std::fs::metadata(folder.path("gateway.log")).unwrap().len());
    assert_eq!(before, after, "the store and the log are as they were");
}
