//! A name's addresses, asked for once a connection: those that `[outbound]` allows are connected to, and no others. A name that
//! points elsewhere a moment later changes nothing, because nobody asks again.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config::outbound::Outbound;

/// How a name's addresses are learnt.
pub(super) type Lookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync>;

/// As the system does it.
pub(super) fn system() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
}

/// None of a name's addresses may be called, or the name may not.
#[derive(Debug, thiserror::Error)]
#[error("`[outbound]` of config/gateway.toml does not allow this host")]
struct NotAllowed;

/// Gives the addresses that may be called.
pub(super) struct Checked {
    lookup: Lookup,
    outbound: Arc<Outbound>,
}

impl Checked {
    pub(super) fn new(lookup: Lookup, outbound: Arc<Outbound>) -> Self {
        Self { lookup, outbound }
    }
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let outbound = Arc::clone(&self.outbound);
        let named = outbound.names(name.as_str());
        let asked = named.then(|| (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let Some(asked) = asked else { return Err(NotAllowed.into()) };
            let allowed: Vec<SocketAddr> =
                asked.await?.into_iter().filter(|address| outbound.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotAllowed.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether the host of a URL may be called, as far as it says so itself: an address is one, a name may turn out not to be.
pub(super) fn may_be_called(host: Option<&str>, outbound: &Outbound) -> bool {
    let Some(host) = host else { return false };
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => outbound.allows(address),
        Err(_) => outbound.names(host),
    }
}

/// Whether an attempt failed because of `NotAllowed`, however deep it lies.
pub(super) fn refused(error: &reqwest::Error) -> bool {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| error.source()).any(|error| error.is::<NotAllowed>())
}
