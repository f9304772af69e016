//! What stands between a socket and the HTTP library: every byte of HTTP/1 passes `framing` first, and whoever only waits (for the end of a
//! head, between requests, with an answer that is not taken) is let go. A request that is refused here reaches the library
//! as one that only says so: it is answered in its turn, and the connection ends with that answer.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::framing::{Bounds, Fault, Framing, REFUSED};
use super::pulse::Pulse;

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a request's head, from its first byte; for the first, from the beginning.
    pub head: Duration,
    /// Without a request.
    pub idle: Duration,
    /// Without anything taken of an answer.
    pub answer: Duration,
    /// Bytes of an answer a second that buy more time.
    pub slowest: u64,
}

/// Bytes read at once where they must be looked at. A usual record and its head fit.
const READ: usize = 8 * 1024;
/// What is thrown away of a refused connection before it is closed: a client that is still writing would otherwise lose the
/// answer.
const SWALLOWED: usize = 256 * 1024;

/// A stream that is looked at.
pub(super) struct Guard<S> {
    stream: S,
    framing: Framing,
    patience: Patience,
    pulse: Arc<Pulse>,
    /// Bytes that came and were not handed on: `held[start..end]`, of which `passing` may go.
    held: Vec<u8>,
    start: usize,
    end: usize,
    passing: usize,
    /// When the head that is under way must be whole.
    due: Option<Instant>,
    refused: bool,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Stall,
}

/// How long the other side has not taken what is written, and how much longer it may.
struct Stall {
    since: Option<Instant>,
    budget: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    pub(super) fn new(stream: S, bounds: Bounds, patience: Patience, pulse: Arc<Pulse>) -> Self {
        Self {
            stream,
            framing: Framing::new(bounds),
            patience,
            pulse,
            held: Vec::new(),
            start: 0,
            end: 0,
            passing: 0,
            due: Some(Instant::now() + patience.head),
            refused: false,
            reading: None,
            writing: Stall { since: None, budget: patience.answer, sleep: None },
        }
    }

    fn waiting(&self) -> &[u8] {
        self.held.get(self.start..self.end).unwrap_or_default()
    }

    /// Hands on what may go.
    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.passing.min(buf.remaining());
        buf.put_slice(self.held.get(self.start..self.start + count).unwrap_or_default());
        self.passing -= count;
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Nothing of what came, or will come, is read: in its place stands a request that only says so.
    fn refuse(&mut self, status: u16) {
        let said = format!("{REFUSED} /{status} HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n");
        self.held = said.into_bytes();
        (self.start, self.end, self.passing) = (0, self.held.len(), self.held.len());
        self.refused = true;
        self.due = None;
    }

    /// A fault in a head is answered; one in a body breaks it off, and whoever reads that body answers.
    fn fault(&mut self, fault: Fault) -> Result<()> {
        if !self.framing.in_head() {
            self.refused = true;
            (self.start, self.end) = (0, 0);
            return Err(Error::new(ErrorKind::InvalidData, "a chunk is not what RFC 9112 says"));
        }
        self.refuse(match fault {
            Fault::Form => 400,
            Fault::Large => 431,
        });
        Ok(())
    }

    /// Reads into what is held. `Ready(0)`: the other side has closed.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        if self.start > 0 {
            self.held.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.held.len() < self.end + READ / 2 {
            self.held.resize((self.end + READ / 2).max(READ), 0);
        }
        let mut room = ReadBuf::new(self.held.get_mut(self.end..).unwrap_or_default());
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut room);
        let count = room.filled().len();
        if polled.is_pending() {
            // Whoever waits holds no more memory than it sent: ten thousand may wait.
            self.held.truncate(self.end);
            self.held.shrink_to_fit();
        }
        ready!(polled)?;
        self.end += count;
        Poll::Ready(Ok(count))
    }

    /// Nothing came. Whether it is time to stop waiting.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let until = match self.due {
                Some(due) => due,
                None => match self.pulse.over(self.patience.idle, self.patience.answer) {
                    Ok(()) => return Poll::Ready(()),
                    Err(left) => Instant::now() + left.max(Duration::from_millis(10)),
                },
            };
            let sleep = self.reading.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            if sleep.deadline() > until || sleep.is_elapsed() {
                sleep.as_mut().reset(until);
            }
            ready!(sleep.as_mut().poll(cx));
            if self.due.is_some_and(|due| due <= Instant::now()) {
                return Poll::Ready(());
            }
        }
    }

    /// The head that is under way has a time from its first byte; what is between requests has none of its own.
    fn mind(&mut self) {
        let began = self.framing.in_head() && self.end > self.start;
        match self.due {
            None if began => self.due = Some(Instant::now() + self.patience.head),
            Some(_) if !self.framing.in_head() => self.due = None,
            _ => {}
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let me = self.get_mut();
        loop {
            if me.passing > 0 {
                me.give(buf);
                return Poll::Ready(Ok(()));
            }
            if me.refused {
                return Poll::Pending;
            }
            match me.framing.next(me.held.get(me.start..me.end).unwrap_or_default()) {
                Ok(0) => {}
                Ok(count) => {
                    me.passing = count;
                    // A whole head passed, and with it its time.
                    me.due = None;
                    continue;
                }
                Err(fault) => {
                    me.fault(fault)?;
                    continue;
                }
            }
            me.mind();
            if me.waiting().is_empty() && me.framing.open_for(buf.remaining()) {
                // A body within its length, or HTTP/2: it goes where it is wanted without being copied.
                let before = buf.filled().len();
                if let Poll::Ready(read) = Pin::new(&mut me.stream).poll_read(cx, buf) {
                    me.framing.passed(buf.filled().len() - before);
                    return Poll::Ready(read);
                }
            } else if let Poll::Ready(read) = me.fill(cx) {
                if read? == 0 {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            ready!(me.wait(cx));
            if me.waiting().is_empty() {
                return Poll::Ready(Ok(()));
            }
            me.refuse(408);
        }
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Lets a write through, or ends the connection where the other side takes nothing for too long.
    fn written(&mut self, cx: &mut Context<'_>, polled: Poll<Result<usize>>) -> Poll<Result<usize>> {
        let stall = &mut self.writing;
        if let Poll::Ready(Ok(count)) = &polled {
            if let Some(since) = stall.since.take() {
                let bought = Duration::from_millis((*count as u64).saturating_mul(1000) / self.patience.slowest.max(1));
                stall.budget = (stall.budget.saturating_sub(since.elapsed()) + bought).min(self.patience.answer);
            }
            return polled;
        }
        if polled.is_ready() {
            return polled;
        }
        let since = *stall.since.get_or_insert_with(Instant::now);
        let until = since + stall.budget;
        let sleep = stall.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the answer is not taken")))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let me = self.get_mut();
        let polled = Pin::new(&mut me.stream).poll_write(cx, buf);
        me.written(cx, polled)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let me = self.get_mut();
        let polled = Pin::new(&mut me.stream).poll_write_vectored(cx, bufs);
        me.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let me = self.get_mut();
        if me.refused {
            let mut thrown = 0;
            let mut away = [0; 4096];
            while thrown < SWALLOWED {
                let mut room = ReadBuf::new(&mut away);
                match Pin::new(&mut me.stream).poll_read(cx, &mut room) {
                    Poll::Ready(Ok(())) if !room.filled().is_empty() => thrown += room.filled().len(),
                    _ => break,
                }
            }
        }
        Pin::new(&mut me.stream).poll_shutdown(cx)
    }
}
