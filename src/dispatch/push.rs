//! The one door to other systems' servers: posts one delivery and brings back what was answered, or why nothing was.
//! It judges nothing and retries nothing: one call is one attempt. Redirects are not followed, and the environment's
//! proxy settings are not read: where a record goes is written in its system's file and nowhere else. Whom this node calls
//! at all is `[outbound]`'s to say: `resolve` asks for a name's addresses and gives those that may be called, and no others
//! are ever connected to.

mod resolve;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use resolve::{Checked, Lookup};
use serde_json::Value;

use super::sign;
use super::verdict::Reply;
use crate::clock::Timestamp;
use crate::config::Push;
use crate::config::outbound::Outbound;
use crate::envelope::Envelope;
use crate::keys::Keys;
use crate::seal::hex;

/// Idle connections kept to one receiver; more than most systems' `in_flight`.
const IDLE_CONNECTIONS: usize = 64;
/// Receivers close idle connections too, and the later it is the likelier we lose that race.
const IDLE_FOR: Duration = Duration::from_secs(15);
/// A header's list stops before this many bytes, because receivers bound their headers; what follows is counted.
const LIST_BYTES: usize = 4_000;
/// What the CloudEvents HTTP binding percent-encodes in header values (section 3.1.3.2), beside everything not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// How an attempt ended on the wire.
#[derive(Debug)]
pub enum Posted {
    /// The receiver answered.
    Answered(Reply),
    /// It did not: the class of what went wrong, such as `connect` or `timeout`.
    Unreachable(&'static str),
}

/// The pooled client.
#[derive(Debug)]
pub struct Door {
    client: reqwest::Client,
    keys: Arc<Keys>,
    answer_limit: usize,
    outbound: Arc<Outbound>,
}

/// Where the gateway's own notices go.
#[derive(Clone)]
pub struct Hook {
    /// The URL.
    pub url: String,
    /// For one attempt.
    pub timeout: Duration,
    /// Secret for `v1` signatures beside the Ed25519 one.
    pub hmac_secret: Option<Vec<u8>>,
}

/// The client could not be built: the TLS library does not start.
#[derive(Debug, thiserror::Error)]
#[error("the client for pushes cannot be built")]
pub struct DoorError(#[from] reqwest::Error);

impl Door {
    /// Signs with the webhook key; reads at most `answer_limit` bytes of an answer; calls whom `outbound` allows.
    pub fn open(keys: Arc<Keys>, answer_limit: usize, outbound: Outbound) -> Result<Self, DoorError> {
        Self::asking(resolve::system(), keys, answer_limit, outbound)
    }

    /// The same, with another way to learn a name's addresses.
    fn asking(lookup: Lookup, keys: Arc<Keys>, answer_limit: usize, outbound: Outbound) -> Result<Self, DoorError> {
        let outbound = Arc::new(outbound);
        let client = reqwest::Client::builder()
            .user_agent(concat!("icjs/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .dns_resolver(Checked::new(lookup, Arc::clone(&outbound)))
            .tcp_nodelay(true)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_FOR)
            .build()?;
        Ok(Self { client, keys, answer_limit, outbound })
    }

    /// Posts one delivery. Returns within the system's timeout.
    pub async fn post(&self, push: &Push, envelope: &Envelope<'_>, body: Bytes, at: Timestamp) -> Posted {
        let headers = self.headers(push, envelope, &body, at);
        self.send(self.client.post(&push.url).timeout(push.timeout).headers(headers).body(body)).await
    }

    /// Posts one notice of the gateway's own (JSON) to whoever listens for it, signed as deliveries are.
    pub async fn tell(&self, hook: &Hook, id: &str, body: Bytes, at: Timestamp) -> Posted {
        let signature = sign::signatures(&self.keys.webhook, hook.hmac_secret.as_deref(), id, at, &body);
        let request = self.client.post(&hook.url).timeout(hook.timeout).header(CONTENT_TYPE, "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", at.seconds().to_string());
        self.send(request.header("webhook-signature", signature).body(body)).await
    }

    /// Brings what an address publishes (`200`, at most `limit` bytes), or the class of what went wrong. Nothing is shown there.
    pub async fn fetch(&self, url: &str, timeout: Duration, limit: usize) -> Result<Bytes, &'static str> {
        let request = self.client.get(url).timeout(timeout).build().map_err(|error| class(&error))?;
        if !resolve::may_be_called(request.url().host_str(), &self.outbound) {
            return Err(NOT_ALLOWED);
        }
        let mut response = self.client.execute(request).await.map_err(|error| class(&error))?;
        if response.status().as_u16() != 200 {
            return Err("status");
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| class(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Err("too-large");
            }
        }
        Ok(body.freeze())
    }

    async fn send(&self, request: RequestBuilder) -> Posted {
        let request = match request.build() {
            Ok(request) => request,
            Err(error) => return Posted::Unreachable(class(&error)),
        };
        // An address is not resolved, so it is judged here, in the form that the URL's own rules give it: 2130706433 is one.
        if !resolve::may_be_called(request.url().host_str(), &self.outbound) {
            return Posted::Unreachable(NOT_ALLOWED);
        }
        match self.client.execute(request).await {
            Ok(response) => self.read(response).await,
            Err(error) => Posted::Unreachable(class(&error)),
        }
    }

    fn headers(&self, push: &Push, envelope: &Envelope<'_>, body: &[u8], at: Timestamp) -> reqwest::header::HeaderMap {
        let delivery = envelope.delivery.to_string();
        let signature = sign::signatures(&self.keys.webhook, push.hmac_secret.as_deref(), &delivery, at, body);
        let mut all = reqwest::header::HeaderMap::with_capacity(24);
        let mut put = |name: &str, value: &str| {
            // Attribute names are our own constants; a value that still does not fit a header is left out, not mangled.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                all.insert(name, value);
            }
        };
        put(CONTENT_TYPE.as_str(), &envelope.frozen.media_type);
        put("idempotency-key", &delivery);
        put("webhook-id", &delivery);
        put("webhook-timestamp", &at.seconds().to_string());
        put("webhook-signature", &signature);
        put("traceparent", &trace(envelope));
        for (name, value) in envelope.attributes() {
            // In binary mode the content type is the attribute (CloudEvents HTTP binding 3.1.1).
            if name != "datacontenttype" {
                put(&format!("ce-{name}"), &header_text(&value));
            }
        }
        let attachments: Vec<Value> = envelope.message.attachments.iter().map(|digest| hex(digest).into()).collect();
        if !attachments.is_empty() {
            put("ce-icjsattachments", &header_text(&Value::Array(attachments)));
        }
        all
    }

    async fn read(&self, mut response: reqwest::Response) -> Posted {
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let media_type = header(CONTENT_TYPE).unwrap_or_default().to_owned();
        let retry_after = header(RETRY_AFTER).map(str::to_owned);
        let mut body = BytesMut::new();
        while body.len() < self.answer_limit {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                // A broken answer is no answer: the next attempt has the same id, so nothing happens twice.
                Err(error) => return Posted::Unreachable(class(&error)),
            }
        }
        body.truncate(self.answer_limit);
        Posted::Answered(Reply { status, media_type, body: body.freeze(), retry_after })
    }
}

/// What `[outbound]` does not allow is told apart: no retry will mend it, only the operator.
const NOT_ALLOWED: &str = "not-allowed-outbound";

fn class(error: &reqwest::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "timeout",
        error if resolve::refused(error) => NOT_ALLOWED,
        error if error.is_connect() => "connect",
        error if error.is_body() || error.is_decode() => "broken-answer",
        error if error.is_builder() => "url",
        _ => "reset",
    }
}

/// W3C trace context: the message is the trace, each attempt a span of its own.
fn trace(envelope: &Envelope<'_>) -> String {
    format!("00-{}-{:016x}-01", hex(&envelope.message.id.bytes()), fastrand::u64(1..))
}

fn header_text(value: &Value) -> String {
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    match value {
        Value::String(text) => encode(text),
        Value::Array(items) => list(items.iter().filter_map(Value::as_str).map(encode)),
        other => other.to_string(),
    }
}

/// Joined with commas; a list that is too long ends in `+` and how many more there were.
fn list(items: impl Iterator<Item = String>) -> String {
    let mut joined = String::new();
    let mut more = 0_usize;
    for item in items {
        if more > 0 || joined.len() + item.len() > LIST_BYTES {
            more += 1;
        } else {
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(&item);
        }
    }
    if more > 0 {
        joined.push_str(&format!(",+{more}"));
    }
    joined
}

#[cfg(test)]
mod tests;
