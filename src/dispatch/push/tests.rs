//! Tests of the way out: what headers hold, and whom it calls.

use std::net::SocketAddr;
use std::sync::Mutex;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::outbound::Network;

#[test]
fn header_values_are_plain_ascii_whatever_the_attribute_holds() {
    assert_eq!(header_text(&json!("थाना 100%")), "%E0%A4%A5%E0%A4%BE%E0%A4%A8%E0%A4%BE%20100%25");
    assert_eq!(header_text(&json!(["accused[].person.name", "a b"])), "accused[].person.name,a%20b");
    assert_eq!(header_text(&json!([])), "");
}

#[test]
fn a_list_too_long_for_a_header_is_cut_and_counted() {
    let items: Vec<String> = (0..1_000).map(|n| format!("path.number.{n:04}")).collect();
    let text = header_text(&json!(items));
    assert!(text.len() < 4_100);
    let shown = text.matches("path").count();
    assert!(text.ends_with(&format!(",+{}", 1_000 - shown)));
}

/// A server that says `said` to whoever has sent a request, then `again` for ever with a pause between; and counts its callers.
async fn server(said: &'static str, again: &'static [u8], pause: Duration) -> (SocketAddr, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, callers) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(0)));
    let count = Arc::clone(&callers);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            *count.lock().unwrap() += 1;
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                let _ = socket.read(&mut asked).await;
                let _ = socket.write_all(said.as_bytes()).await;
                while !again.is_empty() && socket.write_all(again).await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
            });
        }
    });
    (address, callers)
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A door whose names have these addresses, first the first, then the next; the last for ever.
fn door(addresses: &[&str], networks: &[&str]) -> (Door, tempfile::TempDir, Arc<Mutex<usize>>) {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(Keys::open(folder.path()).unwrap());
    let addresses: Vec<Vec<SocketAddr>> = addresses
        .iter()
        .map(|all| all.split(' ').map(|one| SocketAddr::new(one.parse().unwrap(), 0)).collect())
        .collect();
    let asked = Arc::new(Mutex::new(0));
    let times = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |_| {
        let mut times = times.lock().unwrap();
        let found = addresses[(*times).min(addresses.len() - 1)].clone();
        *times += 1;
        Box::pin(async move { Ok(found) })
    });
    let networks = networks.iter().map(|text| Network::parse(text).unwrap()).collect();
    let outbound = Outbound { hosts: Vec::new(), networks };
    (Door::asking(lookup, keys, 1000, outbound).unwrap(), folder, asked)
}

async fn told(door: &Door, url: String, timeout: Duration) -> Posted {
    let hook = Hook { url, timeout, hmac_secret: None };
    door.tell(&hook, "id", Bytes::from_static(b"{}"), Timestamp::from_millis(0)).await
}

fn status(posted: &Posted) -> Result<u16, &'static str> {
    match posted {
        Posted::Answered(reply) => Ok(reply.status),
        Posted::Unreachable(class) => Err(class),
    }
}

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_name_that_is_pointed_elsewhere_is_not_followed_there() {
    let (address, callers) = server(FINE, b"", SECOND).await;
    let url = format!("http://court.example:{}/in", address.port());
    // Every time it is asked, the name has other addresses: of those only the allowed are called.
    let (door, _folder, asked) =
        door(&["127.0.0.1", "127.0.0.2", "169.254.169.254 10.0.0.1 ::ffff:127.0.0.2"], &["127.0.0.1/32"]);
    assert_eq!(status(&told(&door, url.clone(), LONG).await), Ok(200));
    assert_eq!((*callers.lock().unwrap(), *asked.lock().unwrap()), (1, 1));
    // That connection is closed by now: the name is asked again, and does not lead where it led.
    assert_eq!(status(&told(&door, url, LONG).await), Err(NOT_ALLOWED));
    assert_eq!((*callers.lock().unwrap(), *asked.lock().unwrap()), (1, 2));
    let elsewhere = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    for _ in 0..3 {
        let posted = told(&door, format!("http://rebound.example:{port}/in"), LONG).await;
        assert_eq!(status(&posted), Err(NOT_ALLOWED));
    }
    let called = tokio::time::timeout(Duration::from_millis(200), elsewhere.accept()).await;
    assert!(called.is_err(), "nobody connected to an address that is not allowed");
}

#[tokio::test]
async fn among_several_addresses_only_the_allowed_are_called() {
    let (address, callers) = server(FINE, b"", SECOND).await;
    let (door, _folder, _) = door(&["10.255.255.1 127.0.0.1"], &["127.0.0.1/32"]);
    assert_eq!(status(&told(&door, format!("http://two.example:{}/", address.port()), LONG).await), Ok(200));
    assert_eq!(*callers.lock().unwrap(), 1);
}

#[tokio::test]
async fn an_address_in_any_spelling_is_judged_as_what_it_is() {
    let (address, callers) = server(FINE, b"", SECOND).await;
    let port = address.port();
    let (door, _folder, asked) = door(&["127.0.0.1"], &["10.0.0.0/8"]);
    for host in
        ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "[::1]", "0", "[::]"]
    {
        let posted = told(&door, format!("http://{host}:{port}/"), LONG).await;
        assert_eq!(status(&posted), Err(NOT_ALLOWED), "{host}");
    }
    assert_eq!((*callers.lock().unwrap(), *asked.lock().unwrap()), (0, 0));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (inside, callers) = server(FINE, b"", SECOND).await;
    let location =
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{inside}/\r\ncontent-length: 0\r\n\r\n");
    let (address, _) = server(location.leak(), b"", SECOND).await;
    let (door, _folder, _) = door(&["127.0.0.1"], &["127.0.0.0/8"]);
    assert_eq!(status(&told(&door, format!("http://{address}/"), LONG).await), Ok(307));
    assert_eq!(*callers.lock().unwrap(), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_and_one_that_drips_is_given_up() {
    const CHUNK: &[u8] = b"10\r\naaaaaaaaaaaaaaaa\r\n";
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (door, _folder, _) = door(&["127.0.0.1"], &["127.0.0.0/8"]);
    let (endless, _) = server(head, CHUNK, Duration::ZERO).await;
    match told(&door, format!("http://{endless}/"), LONG).await {
        Posted::Answered(reply) => assert_eq!((reply.status, reply.body.len()), (200, 1000)),
        Posted::Unreachable(class) => panic!("{class}"),
    }
    for (said, again) in
        [(head, b"1\r\na\r\n".as_slice()), ("HTTP/1.1 200 OK\r\nx: ", b"a".as_slice()), ("", b"H".as_slice())]
    {
        let (dripping, _) = server(said, again, Duration::from_millis(100)).await;
        assert_eq!(status(&told(&door, format!("http://{dripping}/"), SECOND).await), Err("timeout"));
    }
    // A head is cut for its size, long before the time is up.
    let (endless_head, _) = server("HTTP/1.1 200 OK\r\n", &[b'a'; 4096], Duration::ZERO).await;
    let posted = status(&told(&door, format!("http://{endless_head}/"), LONG).await);
    assert!(posted.is_err() && posted != Err("timeout"), "{posted:?}");
}
