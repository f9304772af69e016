//! The receiver, a process of its own: takes every push at once or after a while, says nothing more than 200, and counts.
//! `GET /` answers the count, `GET /orders` when each court order came. It prints its address as its first line.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Result};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::load::{content_length, find};
use crate::clock::{Clock, WallClock};

/// What came.
#[derive(Debug, Default)]
struct Book {
    taken: Cell<u64>,
    /// Court orders by delivery id: when their push had come, in milliseconds since the epoch.
    orders: RefCell<BTreeMap<String, i64>>,
}

/// Serves until it is killed; each push is answered after `slow`.
pub async fn serve(slow: Duration) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(&listener)?;
    let book = Rc::new(Book::default());
    let accept = async {
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            // A broken connection is the other side's business; it comes again.
            tokio::task::spawn_local(take(socket, Rc::clone(&book), slow));
        }
    };
    LocalSet::new().run_until(accept).await
}

/// Prints where it listens, for the process that started it.
#[expect(clippy::print_stdout, reason = "the parent process reads the address from here")]
pub fn announce(listener: &TcpListener) -> Result<()> {
    println!("{}", listener.local_addr()?);
    Ok(())
}

async fn take(mut socket: TcpStream, book: Rc<Book>, slow: Duration) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut have = 0;
    loop {
        let Some(end) = find(buffer.get(..have).unwrap_or_default(), b"\r\n\r\n") else {
            have += read(&mut socket, &mut buffer, have).await?;
            continue;
        };
        let head = buffer.get(..end).unwrap_or_default();
        let (asks, whole) = (head.starts_with(b"GET"), end + 4 + content_length(head));
        let wants_orders = head.starts_with(b"GET /orders");
        let order = if asks { None } else { order(head) };
        if buffer.len() < whole {
            buffer.resize(whole, 0);
        }
        while have < whole {
            have += read(&mut socket, &mut buffer, have).await?;
        }
        buffer.copy_within(whole..have, 0);
        have -= whole;
        if asks {
            let taken = book.taken.get();
            let text = if wants_orders {
                serde_json::json!({"taken": taken, "orders": *book.orders.borrow()}).to_string()
            } else {
                taken.to_string()
            };
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            socket.write_all(answer.as_bytes()).await?;
        } else {
            book.taken.set(book.taken.get() + 1);
            if let Some(delivery) = order {
                book.orders.borrow_mut().entry(delivery).or_insert_with(|| WallClock.now().millis());
            }
            if !slow.is_zero() {
                tokio::time::sleep(slow).await;
            }
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        }
    }
}

/// The delivery id of a pushed court order (CloudEvents headers).
fn order(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let value = |wanted: &str| {
        let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    value("ce-type")?.contains("court-order").then(|| value("ce-id").map(str::to_owned)).flatten()
}

async fn read(socket: &mut TcpStream, buffer: &mut [u8], have: usize) -> Result<usize> {
    let room = buffer.get_mut(have..).filter(|room| !room.is_empty()).ok_or(ErrorKind::InvalidData)?;
    match socket.read(room).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}
