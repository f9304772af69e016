//! The edge where bytes become HTTP: one listener, one router, HTTP/1.1 and HTTP/2, with every timer and bound set.
//! The listener and the signal to stop are arguments. What a request means is the router's business; of a client with a
//! certificate it finds a `tls::Client` among the request's extensions. (`axum::serve` is not used: it sets no timer, so a
//! client that never ends its header would hold a connection for ever.) Read `guard` next, then `framing`.

pub mod framing;
mod local;
mod guard;
mod places;
mod pulse;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

pub use framing::{Bounds, Fault, Framing, Length, judge};
use guard::{Guard, Patience};
pub use local::Local;
pub use places::room;
use places::{Place, Places};
use pulse::{Answer, Beat, Pulse};

use crate::tls::{Client, Stream, Tls};

/// What one listener allows.
#[derive(Clone, Copy, Debug)]
pub struct EdgeLimits {
    /// Connections at once: each costs a task and its buffers.
    pub connections: usize,
    /// Of them, from one address.
    pub per_address: usize,
    /// For the whole header of a request: slower clients are cut off.
    pub header_timeout: Duration,
    /// Without a request under way.
    pub idle: Duration,
    /// Without anything taken of an answer.
    pub answer_idle: Duration,
    /// Bytes a second: whoever takes an answer more slowly is cut off after `answer_idle`.
    pub slowest: u64,
    /// Header lines of a request.
    pub headers: usize,
    /// Bytes of a request's head, or of an HTTP/2 header list.
    pub header_bytes: u32,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
    /// How long open connections may finish after the signal to stop.
    pub drain: Duration,
}

/// Binds a listener and says which address it got (port 0 means any).
pub async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Serves until `stop` resolves; then takes no more connections and lets open ones finish within `limits.drain`.
/// With `tls`, nothing but TLS is spoken.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<Tls>>,
    limits: EdgeLimits,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let places = Places::new(limits.connections, limits.per_address);
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            biased;
            () = &mut stop => break,
            stream = next(&listener, &places) => stream,
        };
        let Some((stream, place)) = stream else { continue };
        let (watcher, router, tls) = (graceful.watcher(), router.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => converse(stream, router, None, limits, watcher).await,
                Some(tls) => {
                    if let Some((stream, client)) = shake(&tls, stream, limits.header_timeout).await {
                        converse(stream, router, Some(client), limits, watcher).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open when the time to drain was over");
    }
}

/// The TLS handshake, for which there is as much time as for the head of a request.
async fn shake(tls: &Arc<Tls>, stream: TcpStream, time: Duration) -> Option<(Stream, Arc<Client>)> {
    match tokio::time::timeout(time, tls.accept(stream)).await {
        Ok(Ok((stream, client))) => Some((stream, Arc::new(client))),
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "no TLS with a client");
            crate::telemetry::refused("tls");
            None
        }
        Err(_) => None,
    }
}

/// The requests of one connection, to its end.
async fn converse<S>(stream: S, router: Router, client: Option<Arc<Client>>, limits: EdgeLimits, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Pulse::new();
    let service = service(router, Arc::clone(&pulse), client);
    let guard = Guard::new(stream, limits.bounds(), limits.patience(), pulse);
    let connection = builder(&limits).serve_connection(TokioIo::new(guard), service).into_owned();
    // What goes wrong on a connection (reset, bad framing, too slow) is the client's affair: it has been answered.
    if let Err(error) = watcher.watch(connection).await {
        tracing::trace!(error = %error, "connection ended");
    }
}

/// One connection and its place. The place is taken first: over the bound, clients wait in the kernel's queue. An address that
/// has its share already is closed at once: waiting, it would hold up others.
async fn next(listener: &TcpListener, places: &Arc<Places>) -> Option<(TcpStream, Place)> {
    let free = places.free().await?;
    match listener.accept().await {
        Ok((stream, from)) => {
            let place = places.take(free, from.ip())?;
            // Answers are small and awaited: Nagle's algorithm would hold them back.
            let _ = stream.set_nodelay(true);
            Some((stream, place))
        }
        Err(error) => {
            // Out of descriptors, most likely: waiting lets others close.
            tracing::warn!(error = %error, "no connection could be taken");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

impl EdgeLimits {
    fn bounds(&self) -> Bounds {
        Bounds { bytes: usize::try_from(self.header_bytes).unwrap_or(usize::MAX), lines: self.headers }
    }

    fn patience(&self) -> Patience {
        Patience { head: self.header_timeout, idle: self.idle, answer: self.answer_idle, slowest: self.slowest }
    }
}

/// Resets that a client may have waiting, and that its own mistakes may cause, before its connection ends.
const RESETS: usize = 64;
/// What may come in on one HTTP/2 stream, and on all streams of a connection, before somebody reads it.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// What an HTTP/2 stream holds of an answer that is not taken.
const SEND_BUFFER: usize = 128 << 10;

fn builder(limits: &EdgeLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // A head comes from the guard as a whole: the guard has its timer, and its bounds are the same.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_headers(limits.headers).half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

type Answered = Result<Response<Answer>, Infallible>;

fn service(
    router: Router,
    pulse: Arc<Pulse>,
    client: Option<Arc<Client>>,
) -> impl hyper::service::Service<Request<Incoming>, Response = Response<Answer>, Error = Infallible, Future: Send> {
    hyper::service::service_fn(move |request: Request<Incoming>| {
        let beat = Beat::new(&pulse);
        answer(router.clone(), request, beat, client.clone())
    })
}

async fn answer(router: Router, mut request: Request<Incoming>, beat: Beat, client: Option<Arc<Client>>) -> Answered {
    if request.method().as_str() == framing::REFUSED {
        return Ok(refused(request.uri().path()).map(|body| Answer::new(body, beat)));
    }
    if let Some(client) = client {
        if !client.is_good() {
            return Ok(closing(problem(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "the certificate of this connection has ended or was revoked",
            ))
            .map(|body| Answer::new(body, beat)));
        }
        request.extensions_mut().insert(client);
    }
    let path = request.uri().path().to_owned();
    let handled = AssertUnwindSafe(router.oneshot(request.map(Body::new))).catch_unwind().await;
    let answer = handled.unwrap_or_else(|_| {
        // A bug, and ours: the client learns only that; the panic's own message is in the log already.
        tracing::error!(path, "a request ended in a panic");
        Ok(problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "a bug of the gateway; it is in its log"))
    });
    answer.map(|answer| answer.map(|body| Answer::new(body, beat)))
}

/// The answer to a request that the guard did not let through.
fn refused(path: &str) -> Response<Body> {
    closing(match path {
        "/408" => problem(StatusCode::REQUEST_TIMEOUT, "too-slow", "the head of the request did not come in time"),
        "/431" => problem(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too-large",
            "the head of the request has too many lines or bytes",
        ),
        _ => problem(
            StatusCode::BAD_REQUEST,
            "framing-refused",
            "the head of the request is not plain HTTP/1.1: one length or one chunked coding, CRLF at each line's end, a path",
        ),
    })
}

/// The last answer of its connection.
fn closing(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or("Refused");
    let number = status.as_u16();
    // Nothing here needs escaping: the words are those above.
    let body =
        format!(r#"{{"type":"about:blank","title":"{title}","status":{number},"code":"{code}","detail":"{detail}"}}"#);
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    answer
}
