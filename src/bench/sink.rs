//! The receiver, a process of its own: takes every push at once, says nothing more than 200, and counts.
//! `GET /` answers the count. It prints its address as its first line.

use std::cell::Cell;
use std::io::{ErrorKind, Result};
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::load::{content_length, find};

/// Serves until it is killed.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(&listener)?;
    let taken = Rc::new(Cell::new(0_u64));
    let accept = async {
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            // A broken connection is the other side's business; it comes again.
            tokio::task::spawn_local(take(socket, Rc::clone(&taken)));
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

async fn take(mut socket: TcpStream, taken: Rc<Cell<u64>>) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut have = 0;
    loop {
        let Some(end) = find(buffer.get(..have).unwrap_or_default(), b"\r\n\r\n") else {
            have += read(&mut socket, &mut buffer, have).await?;
            continue;
        };
        let head = buffer.get(..end).unwrap_or_default();
        let (asks, whole) = (head.starts_with(b"GET"), end + 4 + content_length(head));
        if buffer.len() < whole {
            buffer.resize(whole, 0);
        }
        while have < whole {
            have += read(&mut socket, &mut buffer, have).await?;
        }
        buffer.copy_within(whole..have, 0);
        have -= whole;
        if asks {
            let count = taken.get().to_string();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{count}", count.len());
            socket.write_all(answer.as_bytes()).await?;
        } else {
            taken.set(taken.get() + 1);
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        }
    }
}

async fn read(socket: &mut TcpStream, buffer: &mut [u8], have: usize) -> Result<usize> {
    let room = buffer.get_mut(have..).filter(|room| !room.is_empty()).ok_or(ErrorKind::InvalidData)?;
    match socket.read(room).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}
