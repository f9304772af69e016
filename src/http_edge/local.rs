//! The listener that only this machine can reach: a socket in the folder. The kernel says which user calls, and only the one
//! that the gateway runs as, or root, is heard; nothing is asked of him.

use std::fs::Permissions;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};

use super::places::{Place, Places};
use super::{EdgeLimits, converse};

/// A socket in the folder, removed when dropped.
#[derive(Debug)]
pub struct Local {
    listener: UnixListener,
    path: PathBuf,
}

impl Local {
    /// Binds it in place of what a gateway that was killed left there. Nobody else may run on the folder.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let local = Self { listener: UnixListener::bind(path)?, path: path.to_owned() };
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(local)
    }

    /// Serves until `stop` resolves, as `http_edge::serve` does.
    pub async fn serve(self, router: Router, limits: EdgeLimits, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let places = Places::new(limits.connections, limits.connections);
        let graceful = GracefulShutdown::new();
        loop {
            let stream = tokio::select! {
                biased;
                () = &mut stop => break,
                stream = self.next(&places) => stream,
            };
            let Some((stream, place)) = stream else { continue };
            let (watcher, router) = (graceful.watcher(), router.clone());
            tokio::spawn(async move {
                converse(stream, router, None, limits, watcher).await;
                drop(place);
            });
        }
        drop(self);
        // What is still open ends with the listeners of the other edge: both have the same time to drain.
        let _ = tokio::time::timeout(limits.drain, graceful.shutdown()).await;
    }

    async fn next(&self, places: &Arc<Places>) -> Option<(UnixStream, Place)> {
        let free = places.free().await?;
        match self.listener.accept().await {
            Ok((stream, _)) if is_owner(&stream) => Some((stream, places.take(free, IpAddr::V4(Ipv4Addr::LOCALHOST))?)),
            Ok(_) => {
                tracing::warn!("another user of this machine called the administrators' socket and was not heard");
                None
            }
            Err(error) => {
                tracing::warn!(error = %error, "no connection could be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // One that stays behind is replaced at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the user behind a connection is the one that the gateway runs as, or root. Permissions of the file say the same;
/// a folder that was opened too widely by hand does not undo this.
fn is_owner(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw() || peer.uid() == 0)
}
