//! The edge where bytes become HTTP: one listener, one router, HTTP/1.1 and HTTP/2, with every timer and bound set.
//! The listener and the signal to stop are arguments. What a request means is the router's business, and TLS stands before this.
//! (`axum::serve` is not used: it sets no timer, so a client that never ends its header would hold a connection for ever.)

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// What one listener allows.
#[derive(Clone, Copy, Debug)]
pub struct EdgeLimits {
    /// Connections at once: each costs a task and its buffers.
    pub connections: usize,
    /// For the whole header of a request: slower clients are cut off.
    pub header_timeout: Duration,
    /// Header lines of a request.
    pub headers: usize,
    /// Bytes of an HTTP/2 header list.
    pub header_bytes: u32,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
    /// How long open connections may finish after the signal to stop.
    pub drain: Duration,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            header_timeout: Duration::from_secs(10),
            headers: 64,
            header_bytes: 32 * 1024,
            streams: 128,
            drain: Duration::from_secs(20),
        }
    }
}

/// Binds a listener and says which address it got (port 0 means any).
pub async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Serves until `stop` resolves; then takes no more connections and lets open ones finish within `limits.drain`.
pub async fn serve(listener: TcpListener, router: Router, limits: EdgeLimits, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            biased;
            () = &mut stop => break,
            stream = next(&listener, &places) => stream,
        };
        let Some((stream, place)) = stream else { continue };
        let connection = builder(&limits).serve_connection(TokioIo::new(stream), service(router.clone())).into_owned();
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // What goes wrong on a connection (reset, bad framing, too slow) is the client's affair: hyper has answered it.
            if let Err(error) = watched.await {
                tracing::trace!(error = %error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open when the time to drain was over");
    }
}

/// One connection and its place. The place is taken first: over the bound, clients wait in the kernel's queue.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
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

fn builder(limits: &EdgeLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .max_pending_accept_reset_streams(64)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

type Answer = Result<Response<Body>, Infallible>;

fn service(
    router: Router,
) -> impl hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send> {
    hyper::service::service_fn(move |request: Request<Incoming>| answer(router.clone(), request))
}

async fn answer(router: Router, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let handled = AssertUnwindSafe(router.oneshot(request.map(Body::new))).catch_unwind().await;
    handled.unwrap_or_else(|_| {
        // A bug, and ours: the client learns only that; the panic's own message is in the log already.
        tracing::error!(path, "a request ended in a panic");
        Ok(bug())
    })
}

fn bug() -> Response<Body> {
    let body = r#"{"type":"about:blank","title":"Internal error","status":500,"code":"internal"}"#;
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let problem = header::HeaderValue::from_static("application/problem+json");
    answer.headers_mut().insert(header::CONTENT_TYPE, problem);
    answer
}
