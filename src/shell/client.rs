//! The one HTTP client of the command line and the demo: bytes to the gateway's exchange and admin API and back.
//! It knows addresses (`data/listen.json`) and how to say what went wrong; it never retries, callers decide that.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::output;

/// Where a running gateway listens, as `data/listen.json` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Base URL of the exchange API.
    pub exchange: String,
    /// Base URL of the admin API.
    pub admin: String,
    /// Base URL of health and metrics.
    pub ops: String,
    /// Whether the exchange speaks TLS and asks for certificates.
    pub tls: bool,
}

impl Addresses {
    /// Reads them from a gateway folder; `None` where no gateway has said them.
    pub fn read(dir: &Path) -> Option<Self> {
        let bytes = std::fs::read(dir.join("data/listen.json")).ok()?;
        let value: Value = serde_json::from_slice(&bytes).ok()?;
        let tls = value.get("tls").and_then(Value::as_bool).unwrap_or(false);
        let url = |key: &str, scheme: &str| {
            let text = output::text(&value, key);
            if text.is_empty() { String::new() } else { format!("{scheme}://{text}") }
        };
        let exchange = url("exchange", if tls { "https" } else { "http" });
        Some(Self { exchange, admin: url("admin", "http"), ops: url("ops", "http"), tls })
    }
}

/// Why a call got no answer when no process listens at the address.
pub const NOBODY: &str = "nobody listens there";

/// A call that got no answer: the gateway is away, or it took too long.
#[derive(Debug, Clone)]
pub struct NoAnswer(pub String);

/// One answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The headers that callers read, lower case: `retry-after`, `idempotency-replayed`, `location`, `content-type`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// 2xx.
    pub fn good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// One call to be made.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// HTTP method.
    pub method: &'static str,
    /// Full URL.
    pub url: String,
    /// Bearer token.
    pub token: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Body; empty for none.
    pub body: Bytes,
    /// How long to wait; a default for `None`.
    pub timeout: Option<Duration>,
}

/// What a client shows and whom it trusts where the exchange speaks TLS.
#[derive(Clone)]
pub struct Badge {
    /// Its own certificate with its private key (PEM).
    pub own: Vec<u8>,
    /// The roots of the gateway's certificate (PEM).
    pub roots: Vec<u8>,
    /// The name by which the gateway is called, and where it listens, where that is another address.
    pub named: Option<(String, SocketAddr)>,
}

impl std::fmt::Debug for Badge {
    /// Its private key is for nobody's log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Badge").field("named", &self.named).finish_non_exhaustive()
    }
}

/// The client. Cheap to clone; connections are kept.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
}

/// Longer than any answer may take (a feed's `wait` adds its own).
const TIMEOUT: Duration = Duration::from_secs(30);

impl Client {
    /// A client with the connection pool's defaults.
    pub fn new() -> Result<Self, Failure> {
        let http = settings().build();
        let http = http.map_err(|error| Failure::new(Exit::Bug, format!("no HTTP client: {error}"), "report this"))?;
        Ok(Self { http })
    }

    /// A client of a socket in a folder; the host of what it calls says nothing.
    pub fn at_socket(path: &Path) -> Result<Self, Failure> {
        let http = settings().unix_socket(path).build();
        let http = http.map_err(|error| Failure::new(Exit::Bug, format!("no HTTP client: {error}"), "report this"))?;
        Ok(Self { http })
    }

    /// A client with a certificate, for an exchange that speaks TLS.
    pub fn with(badge: &Badge) -> Result<Self, Failure> {
        let read = |error: reqwest::Error| {
            let advice = "certificates and keys are PEM; the key is the one of the certificate";
            Failure::new(Exit::NoInput, format!("no TLS with these files: {}", said(&error)), advice)
        };
        let own = reqwest::Identity::from_pem(&badge.own).map_err(read)?;
        let roots = reqwest::Certificate::from_pem_bundle(&badge.roots).map_err(read)?;
        let mut settings = settings().tls_certs_only(roots).identity(own);
        if let Some((name, at)) = &badge.named {
            settings = settings.resolve(name, *at);
        }
        Ok(Self { http: settings.build().map_err(read)? })
    }

    /// Makes one call.
    pub async fn call(&self, call: Call) -> Result<Answer, NoAnswer> {
        let method = reqwest::Method::from_bytes(call.method.as_bytes()).unwrap_or(reqwest::Method::GET);
        let mut request = self.http.request(method, &call.url);
        if let Some(token) = &call.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if !call.body.is_empty() {
            request = request.body(call.body);
        }
        if let Some(timeout) = call.timeout {
            request = request.timeout(timeout);
        }
        let response = request.send().await.map_err(|error| no_answer(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        let headers = headers.collect();
        let body = response.bytes().await.map_err(|error| no_answer(&error))?;
        Ok(Answer { status, headers, body })
    }
}

fn settings() -> reqwest::ClientBuilder {
    reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(Duration::from_secs(3)).no_proxy()
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    // Over TLS 1.3 a client whose certificate is refused hears of it with its first request only.
    let tls = Some(said(error)).filter(|why| why.contains("certificate") || why.contains("received fatal alert"));
    NoAnswer(if error.is_timeout() {
        "no answer in time".to_owned()
    } else if let Some(why) = tls {
        why
    } else if error.is_connect() {
        NOBODY.to_owned()
    } else {
        "the connection broke".to_owned()
    })
}

/// The innermost reason of an error.
fn said(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}

/// The failure for a gateway that does not answer at `url`.
pub fn unreachable(url: &str, why: &NoAnswer) -> Failure {
    Failure::new(
        Exit::Unreachable,
        format!("the gateway at {url} does not answer: {}", why.0),
        if url.starts_with("https://") && why.0 != NOBODY {
            "it may have refused the certificate, which must be of an authority in the file of [tls] `clients`, in its time and \
             not revoked; the gateway's own is for the names in it only"
        } else {
            "start it with `icjs serve --dir DIR`, or name the right folder with --dir"
        },
    )
}

/// An answer that is no success, in words: whose fault, every violation, what to do.
pub fn refused(answer: &Answer) -> Failure {
    let problem = answer.json();
    let code = output::text(&problem, "code").to_owned();
    let exit = match answer.status {
        401 | 403 => Exit::NotAllowed,
        429 | 503 => Exit::TryLater,
        500.. => Exit::Bug,
        _ => Exit::Refused,
    };
    let detail = [
        output::text(&problem, "detail"),
        output::text(&problem, "title"),
        output::text(&problem, "error_description"),
    ];
    let said = detail.into_iter().find(|text| !text.is_empty()).unwrap_or("no reason was given");
    let name = if code.is_empty() { output::text(&problem, "error").to_owned() } else { code.clone() };
    let what = format!("refused with {} `{name}`: {said}", answer.status);
    let mut failure = Failure::new(exit, what, advice(&code, answer)).with(output::violations(&problem));
    failure.problem = Some(Box::new(problem));
    failure
}

/// What the sender of a refused request should do, by the stable code.
fn advice(code: &str, answer: &Answer) -> String {
    let text = match code {
        "unauthenticated" => {
            "the token is missing, expired (10 minutes at most) or not ours: take a new one with `icjs token SYSTEM`"
        }
        "not-allowed" => "add the kind to `send` or `receive` in config/systems/<system>.toml and `icjs apply`",
        "office-not-yours" => {
            "send as the system that serves this office, or add the office to `offices` in its file and `icjs apply`"
        }
        "kind-unknown" => "list the kinds with `curl .../v1/kinds`; a kind is added in config/kinds.toml",
        "idempotency-key-missing" => {
            "give --idempotency-key, any text that names this submission and is the same when you retry"
        }
        "idempotency-key-reused" => "this key was used with other bytes: use a new one, or send the same bytes",
        "record-changed" => {
            "the event number is known with other bytes: send with --action correct --replaces ID --reason WHY"
        }
        "malformed-json" => {
            "the system's format for this kind is JSON and this is none; see its example at /v1/examples/<kind>"
        }
        "malformed-xml" => {
            "the system's format for this kind is XML and this is none; see its example at /v1/examples/<kind>"
        }
        "malformed-nist" => {
            "the field named above, or a length before it, is damaged: send the transaction as your system wrote it"
        }
        "media-type-unsupported" => "send the format that the system's adapter speaks; `/v1/me` names it for each kind",
        "schema-invalid" | "mapping-failed" | "code-unknown" => {
            "mend the places named above; the schema is at /v1/schemas/<kind>?form=native"
        }
        "attachment-missing" => "upload the attachment first: `--attach FILE` does it",
        "too-large" | "too-deep" => "split the record; large files travel as attachments",
        "cursor-invalid" => "leave --after away to begin at the oldest unsettled item",
        "storage-full" => "the gateway's disk is full: make room there and send again with the same key",
        "not-found" => "check the id; what belongs to others is not shown",
        _ => "",
    };
    match (text, answer.status, answer.header("retry-after")) {
        ("", 429 | 503, Some(seconds)) => format!("try again in {seconds} s with the same key"),
        ("", 429 | 503, None) => "try again later with the same key".to_owned(),
        ("", 401 | 403, _) => "check the system's name, its key and config/systems/<system>.toml".to_owned(),
        ("", 500.., _) => "a bug of the gateway: its log names the cause".to_owned(),
        (text, ..) => text.to_owned(),
    }
}
