//! Places for connections: so many in all, so many from one address, and never more than there are descriptors for beside the
//! store's own. Over the first, clients wait in the kernel's queue; over the second, they are closed at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Descriptors that no connection may take: the store, attachments, pushes, logs, and the two small listeners.
const RESERVED: u64 = 1024;

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    per_address: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(all: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(all)), per_address, taken: Mutex::default() })
    }

    /// Waits for a place of all.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// Gives it to an address, unless that has its share.
    pub(super) fn take(self: &Arc<Self>, permit: OwnedSemaphorePermit, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_insert(0);
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Place { places: Arc::clone(self), address, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// So many of the `wanted` connections as this process may have descriptors for; first it takes all that it may have.
pub fn room(wanted: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = getrlimit(Resource::Nofile);
        }
    }
    let Some(descriptors) = limit.current else { return wanted };
    // On a small allowance half of it is kept: the store must be able to open its files whatever strangers do.
    let left = descriptors.saturating_sub(RESERVED).max(descriptors / 2);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Places;

    #[tokio::test]
    async fn an_address_gets_its_share_and_gives_it_back() {
        let places = Places::new(10, 2);
        let (one, other): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "::1".parse().unwrap());
        let take = async |address| places.take(places.free().await.unwrap(), address);
        let first = take(one).await.unwrap();
        let _second = take("::ffff:10.0.0.1".parse().unwrap()).await.expect("the same address, written as IPv6");
        assert!(take(one).await.is_none());
        assert!(take(other).await.is_some());
        drop(first);
        assert!(take(one).await.is_some());
        assert_eq!(places.all.available_permits(), 9);
        assert_eq!(places.taken.lock().unwrap().len(), 1);
    }
}
