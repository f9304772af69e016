//! What a connection is doing: how many requests are under way, how long there was none, and how long nobody took what is there
//! of an answer. Written by requests and answers as they pass, read by the guard that ends connections which only wait.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

/// Of one connection.
#[derive(Debug)]
pub(super) struct Pulse {
    born: Instant,
    /// Requests whose answer is not out yet.
    under_way: AtomicUsize,
    /// Since when there is none, in milliseconds of this connection's life.
    quiet: AtomicU64,
    /// Answers of which a piece was handed over and nothing was asked since: the other side does not take it.
    stuck: AtomicUsize,
    moved: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            under_way: AtomicUsize::new(0),
            quiet: AtomicU64::new(0),
            stuck: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// How long this connection has only waited: without a request for `idle`, or with an answer that nobody takes for
    /// `answer`. `Err`: after so long it is worth asking again.
    pub(super) fn over(&self, idle: Duration, answer: Duration) -> Result<(), Duration> {
        let since = |mark: &AtomicU64| Duration::from_millis(self.now().saturating_sub(mark.load(Relaxed)));
        let (limit, waited) = if self.under_way.load(Relaxed) == 0 {
            (idle, since(&self.quiet))
        } else if self.stuck.load(Relaxed) > 0 {
            (answer, since(&self.moved))
        } else {
            return Err(idle.min(answer));
        };
        if waited >= limit { Ok(()) } else { Err(limit - waited) }
    }
}

/// One request under way; over when dropped.
#[derive(Debug)]
pub(super) struct Beat(Arc<Pulse>);

impl Beat {
    pub(super) fn new(pulse: &Arc<Pulse>) -> Self {
        pulse.under_way.fetch_add(1, Relaxed);
        Self(Arc::clone(pulse))
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.quiet.store(self.0.now(), Relaxed);
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// An answer's body on its way out.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    beat: Beat,
    handed: bool,
}

impl Answer {
    pub(super) fn new(body: Body, beat: Beat) -> Self {
        Self { body, beat, handed: false }
    }

    fn hand(&mut self, handed: bool) {
        let pulse = &self.beat.0;
        match (self.handed, handed) {
            (false, true) => {
                pulse.moved.store(pulse.now(), Relaxed);
                pulse.stuck.fetch_add(1, Relaxed);
            }
            (true, false) => {
                pulse.stuck.fetch_sub(1, Relaxed);
            }
            _ => {}
        }
        self.handed = handed;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.hand(false);
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.hand(false);
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.hand(matches!(polled, Poll::Ready(Some(Ok(_)))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
