//! The measure of the transport, a process of its own: a bare axum service that reads a body and sends it back, over plain HTTP
//! or over TLS as the exchange of a folder speaks it. What the gateway does on top of it is the price of everything that it
//! promises. It prints its address first.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use axum::serve::{Listener, ListenerExt};
use tokio::net::TcpListener;

use crate::clock::WallClock;
use crate::config::Settings;
use crate::tls::{Stream, Tls};

/// As large as the largest record that is measured, and then some.
const BODY: usize = 1 << 20;

/// Serves until it is killed; over TLS with the files of the folder `secure`.
pub async fn serve(secure: Option<&Path>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    super::sink::announce(&listener)?;
    let service = axum::Router::new()
        .route("/v1/records/{kind}", post(|body: Bytes| async move { body }))
        .layer(DefaultBodyLimit::max(BODY));
    // An answer that waits for the peer's delayed acknowledgement would measure the kernel's timer.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let Some(dir) = secure else { return axum::serve(listener, service).await };
    let settings = Settings::load(dir).map_err(|_| Error::other("the folder's settings cannot be read"))?;
    let tls = Tls::open(settings.tls.files(dir), Arc::new(WallClock)).map_err(Error::other)?;
    axum::serve(Secure { listener, tls: Arc::new(tls) }, service).await
}

/// Connections whose handshake went well.
struct Secure<L> {
    listener: L,
    tls: Arc<Tls>,
}

impl<L: Listener<Io = tokio::net::TcpStream, Addr = SocketAddr>> Listener for Secure<L> {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        loop {
            let (socket, address) = self.listener.accept().await;
            if let Ok((stream, _)) = self.tls.accept(socket).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}
