//! How a simulated system talks to the gateway: with its own token, patiently, and as clumsily as real clients do.
//! It submits the same event again until it has seen an answer; sometimes it does so when it need not.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use serde_json::Value;
use tokio::sync::watch;

use super::books::{Books, Sent};
use super::documents::prints;
use super::mind::Word;
use crate::clock::Clock;
use crate::shell::client::{Addresses, Answer, Call, Client, NoAnswer};
use crate::shell::credentials::Credentials;

/// The books, shared by all systems of the demo.
pub type SharedBooks = Arc<Mutex<Books>>;

/// The line of a system that is pushed to: it has one once the gateway knows where to push.
pub type Phone = Arc<OnceLock<Arc<Link>>>;

/// Locks the books. A panic elsewhere leaves them as they were: they are only ever added to.
pub fn open(books: &SharedBooks) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One system's line to the gateway.
#[derive(Debug)]
pub struct Link {
    credentials: Credentials,
    client: Client,
    clock: Arc<dyn Clock>,
    gateway: watch::Receiver<Option<Addresses>>,
    token: tokio::sync::Mutex<Option<String>>,
    /// Where the system writes down what it does.
    pub books: SharedBooks,
}

/// A record ready to be sent: always the same bytes, however often.
#[derive(Debug, Clone)]
pub struct Document {
    /// Media type.
    pub media_type: &'static str,
    /// Body.
    pub body: Bytes,
    /// Further headers (action, replaces, reason, idempotency key).
    pub headers: Vec<(String, String)>,
}

impl Document {
    /// XML without further headers.
    pub fn xml(body: String) -> Self {
        Self { media_type: "application/xml", body: body.into(), headers: Vec::new() }
    }

    /// A fingerprint transaction of one of the sender's offices: the bytes do not say which.
    pub fn prints(office: &str, bytes: Vec<u8>) -> Self {
        let headers = vec![("icjs-office".to_owned(), office.to_owned())];
        Self { media_type: prints::MEDIA_TYPE, body: bytes.into(), headers }
    }

    /// JSON without further headers.
    pub fn json(body: &Value) -> Self {
        Self { media_type: "application/json", body: body.to_string().into(), headers: Vec::new() }
    }
}

/// How long a client waits before it asks a gateway again that did not answer.
const PATIENCE: Duration = Duration::from_millis(60);

/// One second in thousandths, for `Instant` differences.
fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

impl Link {
    /// A line for the system with these credentials.
    pub fn new(
        credentials: Credentials,
        client: Client,
        clock: Arc<dyn Clock>,
        gateway: watch::Receiver<Option<Addresses>>,
        books: SharedBooks,
    ) -> Self {
        Self { credentials, client, clock, gateway, token: tokio::sync::Mutex::new(None), books }
    }

    /// The system's name.
    pub fn system(&self) -> &str {
        &self.credentials.system
    }

    /// One call with the system's token, made once.
    pub async fn once(
        &self,
        method: &'static str,
        path: &str,
        document: Option<&Document>,
        within: Option<Duration>,
    ) -> Result<Answer, NoAnswer> {
        let token = self.token().await?;
        let exchange = self.exchange()?;
        let mut call =
            Call { method, url: format!("{exchange}{path}"), token: Some(token), timeout: within, ..Call::default() };
        if let Some(document) = document {
            call.headers.clone_from(&document.headers);
            call.headers.push(("content-type".to_owned(), document.media_type.to_owned()));
            call.body = document.body.clone();
        }
        let answer = self.client.call(call).await?;
        if answer.status == 401 {
            *self.token.lock().await = None;
        }
        Ok(answer)
    }

    /// One call, made again until the gateway has answered it for good.
    pub async fn patiently(&self, method: &'static str, path: &str, document: Option<&Document>) -> Answer {
        loop {
            match self.once(method, path, document, None).await {
                Ok(answer) if !for_now(&answer) => return answer,
                _ => tokio::time::sleep(PATIENCE).await,
            }
        }
    }

    /// Sends the event on `line` of the books until an answer is seen. The answer's body, or the refusal's code.
    pub async fn submit(&self, line: usize, document: &Document, dice: &mut Rng) -> Result<Value, String> {
        let kind = open(&self.books).sent.get(line).map(|sent| sent.kind).unwrap_or_default();
        let path = format!("/v1/records/{kind}");
        match dice.u8(..100) {
            // The client hangs up before it can have seen an answer.
            0..6 => {
                self.noted(line, "hung up before the answer");
                let _ =
                    self.once("POST", &path, Some(document), Some(Duration::from_micros(dice.u64(300..6000)))).await;
            }
            // An operator pressed the button twice.
            6..12 => {
                self.noted(line, "sent twice at once");
                let (first, second) =
                    tokio::join!(self.attempt(line, &path, document), self.attempt(line, &path, document));
                if let Some(answer) = first.or(second) {
                    return answer;
                }
            }
            _ => {}
        }
        loop {
            if let Some(answer) = self.attempt(line, &path, document).await {
                if answer.is_ok() && dice.u8(..100) < 4 {
                    // The answer was lost in the client's own house.
                    self.noted(line, "sent again after the answer");
                    let _ = self.attempt(line, &path, document).await;
                }
                return answer;
            }
            tokio::time::sleep(PATIENCE).await;
        }
    }

    /// Writes a record into the books and sends it; the message's id is the answer.
    pub async fn send(&self, entry: Sent, document: &Document, dice: &mut Rng) -> Option<String> {
        let line = open(&self.books).send(entry);
        let answer = self.submit(line, document, dice).await.ok()?;
        answer.get("id").and_then(Value::as_str).map(str::to_owned)
    }

    /// Says something of a delivery, until the gateway has heard it; sometimes once more.
    pub async fn say(&self, delivery: &str, word: &Word, dice: &mut Rng) {
        let path = format!("/v1/messages/{delivery}/outcomes");
        let said = word.document(delivery);
        let document = Document::json(&said);
        let answer = self.patiently("POST", &path, Some(&document)).await;
        self.heard(&answer, &said);
        open(&self.books).say(self.system(), delivery, word.outcome);
        if dice.u8(..100) < 8 {
            open(&self.books).misbehaved("said an outcome twice");
            self.heard(&self.patiently("POST", &path, Some(&document)).await, &said);
        }
    }

    /// An acknowledgement or outcome that was not taken as it was meant is a trouble.
    pub fn heard(&self, answer: &Answer, said: &Value) {
        let refused = answer.json().get("refused").and_then(Value::as_array).cloned().unwrap_or_default();
        if !answer.good() || !refused.is_empty() {
            let told = super::report::one_line(&answer.json());
            let trouble = format!("{}: {} to {said}: {told}", self.system(), answer.status);
            open(&self.books).troubles.push(trouble);
        }
    }

    fn noted(&self, line: usize, mischief: &'static str) {
        let mut books = open(&self.books);
        books.misbehaved(mischief);
        if let Some(sent) = books.sent.get_mut(line) {
            sent.tries += 1;
        }
    }

    /// One submission. `None`: no answer, or one that says to come again.
    async fn attempt(&self, line: usize, path: &str, document: &Document) -> Option<Result<Value, String>> {
        // While the gateway is down there is nobody to submit to.
        self.exchange().ok()?;
        if let Some(sent) = open(&self.books).sent.get_mut(line) {
            sent.tries += 1;
        }
        let began = Instant::now();
        let answer = self.once("POST", path, Some(document), None).await.ok()?;
        if for_now(&answer) {
            return None;
        }
        let took = millis(began);
        let body = answer.json();
        let replayed = answer.header("idempotency-replayed").is_some();
        if answer.status == 202 {
            let message = body.get("id").and_then(Value::as_str).unwrap_or_default();
            let mut books = open(&self.books);
            books.answered(line, Some(message), None, took, replayed);
            if let Some(sent) = books.sent.get_mut(line) {
                sent.offices = offices(&body);
            }
            drop(books);
            return Some(Ok(body));
        }
        let code = body.get("code").and_then(Value::as_str).unwrap_or("no-code");
        let code = if answer.status >= 500 { format!("{}-{code}", answer.status) } else { code.to_owned() };
        let detail = super::report::one_line(&body);
        open(&self.books).answered(line, None, Some(&code), took, replayed);
        if let Some(sent) = open(&self.books).sent.get_mut(line) {
            sent.detail = detail;
        }
        Some(Err(code))
    }

    fn exchange(&self) -> Result<String, NoAnswer> {
        let known = self.gateway.borrow().as_ref().map(|addresses| addresses.exchange.clone());
        known.ok_or_else(|| NoAnswer("the gateway is down".to_owned()))
    }

    async fn token(&self) -> Result<String, NoAnswer> {
        // Held while asking, so that forty cases of one system ask for one token.
        let mut token = self.token.lock().await;
        if let Some(known) = token.as_ref() {
            return Ok(known.clone());
        }
        let asked = self.credentials.token(&self.client, &self.exchange()?, self.clock.now()).await;
        let answer = asked.map_err(|failure| NoAnswer(failure.what))??;
        let fresh = answer.json().get("access_token").and_then(Value::as_str).map(str::to_owned);
        let fresh = fresh.ok_or_else(|| NoAnswer(format!("no token: {}", super::report::one_line(&answer.json()))))?;
        *token = Some(fresh.clone());
        Ok(fresh)
    }
}

/// The offices to which an answer says that a record is on its way; what is held goes later.
fn offices(answer: &Value) -> Vec<String> {
    let list = answer.get("deliveries").and_then(Value::as_array).into_iter().flatten();
    let going = list.filter(|one| one.get("state").and_then(Value::as_str) != Some("held"));
    going.filter_map(|one| one.get("office").and_then(Value::as_str)).map(str::to_owned).collect()
}

/// An answer that says to come again: rate, overload, or a token that is no longer good.
fn for_now(answer: &Answer) -> bool {
    matches!(answer.status, 401 | 429 | 502 | 503)
}

/// A new line of the books; what only the answers fill is empty.
pub fn line(system: &str, office: &str, kind: &'static str, event: String, case: &str, name: &str) -> Sent {
    Sent {
        system: system.to_owned(),
        office: office.to_owned(),
        kind,
        lane: match kind {
            "custody-update" => "liberty",
            "forensic-requisition" | "forensic-report" | "exhibit-movement" => "forensics",
            "fingerprint-search" | "fingerprint-result" => "prints",
            _ => "papers",
        },
        action: "new",
        event,
        case: case.to_owned(),
        expect: super::books::Expect::Reaches,
        replaces: None,
        name: name.to_owned(),
        begun: 0,
        answered: None,
        answered_at: None,
        messages: Vec::new(),
        offices: Vec::new(),
        refusal: None,
        detail: String::new(),
        tries: 0,
        replays: 0,
        accept_ms: Vec::new(),
    }
}
