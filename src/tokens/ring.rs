//! Keys that others publish at an address: what is known of each, how long it is believed, and when it is to be looked at again.
//! Nothing is fetched here: `gateway::issuers` asks what is due, fetches it and says what came. The addresses are the live
//! revision's, never a token's. An unknown key id makes one look at most in each `refresh`, however many tokens name one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::{ClientKey, client_key};
use crate::clock::{Moment, Timestamp};
use crate::config::settings::Tokens as Settings;
use crate::doors;

/// Bytes of a key set at most.
pub const MOST_BYTES: usize = 64 << 10;
/// The longest that a request waits for a look that its unknown key id asked for.
const WAIT: Duration = Duration::from_secs(6);

/// All published keys that are known.
#[derive(Debug)]
pub struct Ring {
    refresh: Duration,
    stale_after: Duration,
    places: RwLock<BTreeMap<Arc<str>, Place>>,
    /// Rung at each look that ended.
    looked: watch::Sender<u64>,
    /// Rung when somebody wants a look.
    wanted: watch::Sender<u64>,
}

/// One address.
#[derive(Debug, Default)]
struct Place {
    published: Option<Arc<Published>>,
    /// When the last look began, by the steady clock.
    tried: Option<Duration>,
    /// When a look was last wanted for an unknown key id.
    asked: Option<Duration>,
    wanted: bool,
    looking: bool,
    /// What the last look ended in, where it did not go well.
    fault: Option<&'static str>,
}

/// A set of keys, as of one look.
pub(super) struct Published {
    pub(super) keys: Vec<ClientKey>,
    /// Distinguishes sets of one address: what was verified by another is verified again.
    pub(super) digest: [u8; 32],
    set: Value,
    fetched: Timestamp,
    /// They are believed while both clocks are before these.
    until: Moment,
}

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Published").field("keys", &self.keys.len()).field("fetched", &self.fetched).finish()
    }
}

/// What a restart needs of an address.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// The address.
    pub url: String,
    /// When the look went well.
    pub fetched: Timestamp,
    /// The key set.
    pub set: Value,
}

/// What a look changed, for those who say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// The keys are what they were, and went well before.
    Same,
    /// Other keys than before, or the first that came, or again after looks that did not go well.
    News,
    /// It went wrong as the last did.
    StillWrong(&'static str),
    /// It went wrong, and had not before or otherwise.
    Wrong(&'static str),
}

impl Ring {
    /// Knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            refresh: settings.keys_refresh,
            stale_after: settings.keys_stale_after,
            places: RwLock::default(),
            looked: watch::Sender::new(0),
            wanted: watch::Sender::new(0),
        }
    }

    /// The keys of an address, if they are known and believed still.
    pub(super) fn keys(&self, url: &str, now: Moment) -> Option<Arc<Published>> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let published = places.get(url)?.published.as_ref()?;
        let good = now.wall < published.until.wall && now.steady < published.until.steady;
        good.then(|| Arc::clone(published))
    }

    /// Waits, if a key id is not known at an address, for the look that this asks for; not where one was asked for a short while ago.
    pub(super) async fn expect(&self, url: &str, id: &str, now: Moment) {
        let known = |ring: &Self| {
            ring.keys(url, now).is_some_and(|set| set.keys.iter().any(|key| key.id.as_deref() == Some(id)))
        };
        let mut looked = self.looked.subscribe();
        if known(self) || !self.ask(url, now.steady) {
            return;
        }
        // Too long: the token is judged by what is known, and the look goes on.
        let _ =
            tokio::time::timeout(WAIT, async { while self.is_coming(url) && looked.changed().await.is_ok() {} }).await;
    }

    /// Whether there is a look to wait for.
    fn ask(&self, url: &str, now: Duration) -> bool {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(Arc::from(url)).or_default();
        if place.looking || place.wanted {
            return true;
        }
        if place.asked.is_some_and(|at| now.saturating_sub(at) < self.refresh) {
            return false;
        }
        (place.asked, place.wanted) = (Some(now), true);
        drop(places);
        self.wanted.send_modify(|times| *times += 1);
        true
    }

    fn is_coming(&self, url: &str) -> bool {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.get(url).is_some_and(|place| place.looking || place.wanted)
    }

    /// Rings when a look is wanted before it is due.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// Which of the addresses are to be looked at now; each is given out once until it was `learn`t. Others are forgotten.
    pub fn due<'u>(&self, urls: impl Iterator<Item = &'u str>, now: Duration) -> Vec<Arc<str>> {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *places);
        let mut due = Vec::new();
        for url in urls {
            if places.contains_key(url) {
                continue;
            }
            let (url, mut place) = before.remove_entry(url).unwrap_or_else(|| (Arc::from(url), Place::default()));
            let old = place.tried.is_none_or(|at| now.saturating_sub(at) >= self.refresh);
            if (old || place.wanted) && !place.looking {
                (place.looking, place.wanted, place.tried) = (true, false, Some(now));
                due.push(Arc::clone(&url));
            }
            places.insert(url, place);
        }
        due
    }

    /// Takes up what a look brought. Only a whole, strict key set replaces what is known.
    pub fn learn(&self, url: &str, brought: Result<&[u8], &'static str>, now: Moment) -> Learnt {
        let set = brought.and_then(|bytes| read(bytes).ok_or("no-key-set"));
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = places.get_mut(url) else { return Learnt::Same };
        place.looking = false;
        let learnt = match set {
            Ok(set) => {
                let next = self.published(set, now.wall, now);
                let same = place.published.as_ref().is_some_and(|old| old.digest == next.digest);
                place.published = Some(Arc::new(next));
                if place.fault.take().is_none() && same { Learnt::Same } else { Learnt::News }
            }
            Err(fault) if place.fault == Some(fault) => Learnt::StillWrong(fault),
            Err(fault) => {
                place.fault = Some(fault);
                Learnt::Wrong(fault)
            }
        };
        drop(places);
        self.looked.send_modify(|times| *times += 1);
        learnt
    }

    fn published(&self, set: Value, fetched: Timestamp, now: Moment) -> Published {
        let keys = listed(&set).filter_map(client_key).collect();
        let left = self.stale_after.saturating_sub(now.wall.since(fetched));
        let until = Moment { wall: fetched.after(self.stale_after), steady: now.steady.saturating_add(left) };
        Published { keys, digest: crate::seal::sha256(set.to_string().as_bytes()), set, fetched, until }
    }

    /// What a restart needs.
    pub fn kept(&self) -> Vec<Kept> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let known = places.iter().filter_map(|(url, place)| Some((url, place.published.as_ref()?)));
        known.map(|(url, all)| Kept { url: url.to_string(), fetched: all.fetched, set: all.set.clone() }).collect()
    }

    /// Takes up what an earlier process kept. What is of a later time than now is of no time.
    pub fn restore(&self, kept: Vec<Kept>, now: Moment) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        for one in kept.into_iter().filter(|one| one.fetched <= now.wall) {
            let published = Some(Arc::new(self.published(one.set, one.fetched, now)));
            places.insert(Arc::from(one.url), Place { published, ..Place::default() });
        }
    }

    /// What people must know: addresses whose last look went wrong, and whether anybody gets in by their keys still.
    pub fn faults(&self, now: Moment) -> Vec<String> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let wrong = places.iter().filter_map(|(url, place)| Some((url, place.fault?, place.published.as_ref())));
        wrong
            .map(|(url, fault, published)| match published {
                Some(all) if now.wall < all.until.wall && now.steady < all.until.steady => {
                    format!(
                        "keys of `{url}` cannot be had ({fault}); those of {} are good until {}",
                        all.fetched, all.until.wall
                    )
                }
                _ => format!("keys of `{url}` cannot be had ({fault}), and nobody gets in by them"),
            })
            .collect()
    }
}

/// A strict key set of bytes.
fn read(bytes: &[u8]) -> Option<Value> {
    let set: serde_json::Map<String, Value> = doors::json::read(bytes, &doors::json::limits(MOST_BYTES)).ok()?;
    set.get("keys")?.as_array()?;
    Some(Value::Object(set))
}

/// The members of a key set.
pub(super) fn listed(set: &Value) -> impl Iterator<Item = &Value> {
    set.get("keys").and_then(Value::as_array).into_iter().flatten()
}
