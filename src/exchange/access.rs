//! Who may call, and how often: the token of a request becomes a `Caller`, and each system keeps within its rate.
//! A caller that exceeds its own limit is told when to come back; it never slows another system down.

use std::collections::HashMap;
use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, header};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::SemaphorePermit;

use super::Exchange;
use super::calls::Note;
use crate::accept::{Code, Refusal};
use crate::identifiers::SystemName;
use crate::tls::Client;
use crate::tokens::{self, Caller, Denied};

/// Counts the calls of one system and says how many are left.
type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// How many calls a system may make, and how many of them are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Calls a second.
    per_second: u32,
    /// Calls at once.
    burst: u32,
    /// Of them, left now.
    left: u32,
}

impl Allowance {
    /// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): so many calls (`q`) in so many seconds (`w`).
    pub fn policy(self) -> String {
        format!("\"calls\";q={};w={}", self.burst, self.burst.div_ceil(self.per_second))
    }

    /// `RateLimit`: calls left (`r`), and the seconds (`t`) until all of them are there again.
    pub fn remaining(self) -> String {
        let reset = self.burst.saturating_sub(self.left).div_ceil(self.per_second);
        format!("\"calls\";r={};t={reset}", self.left)
    }
}

/// One limiter a system, made anew when a revision changes its limit.
#[derive(Debug, Default)]
pub struct Limiters {
    systems: RwLock<HashMap<SystemName, (u32, Arc<Limiter>)>>,
    clock: DefaultClock,
}

impl Limiters {
    /// Counts one call of a system: what is left to it, and the refusal where that was nothing.
    pub fn admit(&self, system: &str, per_second: u32, burst: u32) -> (Allowance, Result<(), Refusal>) {
        let allowance = |left| Allowance { per_second: per_second.max(1), burst: burst.max(per_second).max(1), left };
        match self.of(system, per_second, burst).check() {
            Ok(now) => (allowance(now.remaining_burst_capacity()), Ok(())),
            Err(until) => {
                let wait = until.wait_time_from(self.clock.now()).max(Duration::from_millis(1));
                let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
                let detail = format!("`{system}` may make {per_second} calls a second; come back in {seconds} s");
                let refusal = Refusal { retry_after: Some(seconds), ..Refusal::new(Code::RateLimited, detail) };
                (allowance(0), Err(refusal))
            }
        }
    }

    fn of(&self, system: &str, per_second: u32, burst: u32) -> Arc<Limiter> {
        let known = self.systems.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((rate, limiter)) = known.get(system)
            && *rate == per_second
        {
            return Arc::clone(limiter);
        }
        drop(known);
        let rate = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(burst.max(per_second)).unwrap_or(rate);
        let limiter = Arc::new(RateLimiter::direct(Quota::per_second(rate).allow_burst(burst)).with_middleware());
        let mut systems = self.systems.write().unwrap_or_else(PoisonError::into_inner);
        systems.insert(system.to_owned(), (per_second, Arc::clone(&limiter)));
        limiter
    }
}

/// A caller whose token is good and who keeps within its rate.
#[derive(Debug)]
pub struct Known(pub Caller);

impl FromRequestParts<Arc<Exchange>> for Known {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, exchange: &Arc<Exchange>) -> Result<Self, Refusal> {
        exchange.caller(parts).await.map(Self)
    }
}

/// What a request shows of who sends it.
#[derive(Clone, Debug)]
pub struct Shown {
    authorization: Option<HeaderValue>,
    client: Option<Arc<Client>>,
}

impl Shown {
    /// The head of a request, as the edge hands it on.
    pub fn of(parts: &Parts) -> Self {
        let authorization = parts.headers.get(header::AUTHORIZATION).cloned();
        Self { authorization, client: parts.extensions.get().cloned() }
    }
}

impl FromRequestParts<Arc<Exchange>> for Shown {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Exchange>) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// The thumbprint of the client certificate of a request's connection.
pub fn certificate(extensions: &Extensions) -> Option<Arc<str>> {
    extensions.get::<Arc<Client>>().map(|client| Arc::clone(client.thumbprint()))
}

impl Exchange {
    /// Who calls, by the head of the request; who calls too often is refused.
    pub async fn caller(&self, head: &Parts) -> Result<Caller, Refusal> {
        let shown = Shown::of(head);
        if let Some(token) = shown.authorization.as_ref().and_then(|value| tokens::bearer(value.to_str().ok()?)) {
            let revision = self.desk.live.newest();
            self.tokens.foresee(token, &revision.systems, self.desk.clock.moment()).await;
        }
        let caller = self.still(&shown)?;
        let own = caller.system()?.limits.per_second;
        let rates = self.desk.settings.rates;
        // A burst of two seconds' worth: clients that send a day's batch are evened out, not refused at the first breath.
        let (rate, burst) = if own == 0 { (rates.per_second, rates.burst) } else { (own, own.saturating_mul(2)) };
        let (allowance, admitted) = self.limits.admit(caller.name(), rate, burst);
        if let Some(note) = head.extensions.get::<Arc<Note>>() {
            note.say(caller.name(), allowance);
        }
        admitted.map(|()| caller)
    }

    /// Who called, if the token is good still. It counts as no new call.
    pub fn still(&self, shown: &Shown) -> Result<Caller, Refusal> {
        let authorization = shown.authorization.as_ref().and_then(|value| value.to_str().ok());
        // The edge has judged it with the request; what goes on for long asks again.
        if shown.client.as_ref().is_some_and(|client| !client.is_good()) {
            return Err(Denied::Invalid.into());
        }
        let certificate = shown.client.as_ref().map(|client| &**client.thumbprint());
        Ok(self.tokens.verify(authorization, certificate, &self.desk.live, self.desk.clock.moment())?)
    }

    /// A place among those that are worked on at once.
    pub fn place(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.places.try_acquire().map_err(|_| Refusal {
            retry_after: Some(1),
            ..Refusal::new(Code::Overloaded, "too many requests are being worked on; send it again with the same key")
        })
    }
}

/// The call needs a scope.
pub fn demand(caller: &Caller, scope: &str) -> Result<(), Refusal> {
    if caller.may(scope) {
        return Ok(());
    }
    Err(Refusal::new(Code::NotAllowed, format!("this token has no scope `{scope}`; ask for one that has it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_system_over_its_rate_does_not_touch_another() {
        let limiters = Limiters::default();
        let refused = (0..50).filter_map(|_| limiters.admit("a", 10, 20).1.err()).collect::<Vec<_>>();
        assert!(refused.len() >= 25, "a burst of 20, then refusals");
        assert_eq!(refused[0].code, Code::RateLimited);
        assert_eq!(refused[0].retry_after, Some(1));
        let (left, _) = limiters.admit("c", 10, 25);
        assert_eq!((left.policy().as_str(), left.remaining().as_str()), (r#""calls";q=25;w=3"#, r#""calls";r=24;t=1"#));
        assert!(limiters.admit("b", 10, 20).1.is_ok());
        assert!(limiters.admit("a", 1000, 2000).1.is_ok(), "a revision that gives more is heard at once");
    }
}
