//! The measure of the transport, a process of its own: a bare axum service that reads a body and sends it back.
//! What the gateway does on top of it is the price of everything that it promises. It prints its address first.

use std::io::Result;

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use axum::serve::ListenerExt;

/// As large as the largest record that is measured, and then some.
const BODY: usize = 1 << 20;

/// Serves until it is killed.
pub async fn serve() -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    super::sink::announce(&listener)?;
    let service = axum::Router::new()
        .route("/v1/records/{kind}", post(|body: Bytes| async move { body }))
        .layer(DefaultBodyLimit::max(BODY));
    // An answer that waits for the peer's delayed acknowledgement would measure the kernel's timer.
    axum::serve(listener.tap_io(|socket| drop(socket.set_nodelay(true))), service).await
}
