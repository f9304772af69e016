//! `config/gateway.toml`: what belongs to one node and needs a restart to change. Not part of a revision.
//! Three layers: the embedded file (every option with its default), the folder's file, the environment.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::document::{Document, Findings, Said, Section};
use super::{
    ConfigError,
    connections::Connections,
    outbound::Outbound,
    retention::{Retention, Store},
    tls::Tls,
};

pub use super::tokens::Tokens;

/// The embedded default layer, which is also the manual of these options.
pub const DEFAULTS: &str = include_str!("../../config/gateway.toml");

/// Where it lies in a folder.
pub const FILE: &str = "config/gateway.toml";

/// Every option of a node. The reasons stand beside each in `config/gateway.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[exchange]`.
    pub exchange: Exchange,
    /// `[tls]`.
    pub tls: Tls,
    /// `[connections]`.
    pub connections: Connections,
    /// `[admin] listen`.
    pub admin_listen: SocketAddr,
    /// `[ops] listen`.
    pub ops_listen: SocketAddr,
    /// `[limits]`.
    pub limits: Limits,
    /// `[rates]`.
    pub rates: Rates,
    /// `[dispatch]`.
    pub dispatch: Dispatch,
    /// `[outbound]`.
    pub outbound: Outbound,
    /// `[alerts]`.
    pub alerts: Alerts,
    /// `[store]`.
    pub store: Store,
    /// `[retention]`.
    pub retention: Retention,
    /// `[tokens]`.
    pub tokens: Tokens,
    /// `[log]`.
    pub log: Log,
    /// `[shutdown] drain`.
    pub drain: Duration,
}

/// The listener that other systems call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Where; port 0 is any.
    pub listen: SocketAddr,
    /// The gateway's URL for others; `None`: `http://` and the address in use.
    pub url: Option<String>,
    /// For the request head.
    pub header_timeout: Duration,
    /// For the body.
    pub body_timeout: Duration,
    /// At once.
    pub max_connections: usize,
    /// The largest feed page in bytes.
    pub feed_page: usize,
    /// The longest `wait`.
    pub feed_wait: Duration,
}

/// Sizes of what comes in. Bytes unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A record.
    pub record: usize,
    /// Its nesting.
    pub depth: usize,
    /// Its keys.
    pub keys: usize,
    /// An attachment.
    pub attachment: u64,
    /// A body to the admin API.
    pub admin_body: usize,
    /// Bytes unpacked for one byte packed.
    pub packed_ratio: usize,
}

/// Requests a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of a system that has no limit of its own.
    pub per_second: u32,
    /// How many may come at once.
    pub burst: u32,
    /// Token requests of one client.
    pub tokens_per_second: u32,
    /// What may be looked at within an hour, where a system's file does not say.
    pub reads: ReadLimits,
}

/// How many different things may be looked at within an hour; 0: no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// By one system.
    pub system: u32,
    /// By one officer.
    pub officer: u32,
}

/// How deliveries are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// A worker's hold on a delivery.
    pub lease: Duration,
    /// Between looks at the queue.
    pub poll: Duration,
    /// First pause.
    pub retry_base: Duration,
    /// Longest pause.
    pub retry_cap: Duration,
    /// Longest pause for liberty.
    pub liberty_retry_cap: Duration,
    /// Most that `Retry-After` can ask.
    pub retry_after_cap: Duration,
    /// Failures in a row that open the breaker.
    pub breaker_failures: u32,
    /// How long it stays open.
    pub breaker_pause: Duration,
    /// Bytes read of an answer.
    pub answer: usize,
}

/// Who looks for alerts, and who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// Between two looks.
    pub every: Duration,
    /// Whom to tell; `None`: nobody.
    pub webhook: Option<String>,
    /// For one attempt to tell.
    pub timeout: Duration,
    /// A file with a secret for `v1` signatures, relative to the folder.
    pub hmac_secret_file: Option<String>,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// JSON lines instead of text.
    pub json: bool,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// A line for each call of a known system (at `info`).
    pub access: bool,
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl Default for Settings {
    /// The same as the embedded file says; a test compares them.
    fn default() -> Self {
        Self {
            exchange: Exchange::default(),
            tls: Tls::default(),
            connections: Connections::default(),
            admin_listen: loopback(8081),
            ops_listen: loopback(9464),
            limits: Limits::default(),
            rates: Rates::default(),
            dispatch: Dispatch::default(),
            outbound: Outbound::default(),
            alerts: Alerts::default(),
            store: Store::default(),
            retention: Retention::default(),
            tokens: Tokens::default(),
            log: Log { json: false, level: "info".to_owned(), access: true },
            drain: Duration::from_secs(20),
        }
    }
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            listen: loopback(8080),
            url: None,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            max_connections: 10_000,
            feed_page: 8 << 20,
            feed_wait: Duration::from_secs(60),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { record: 1 << 20, depth: 64, keys: 100_000, attachment: 2 << 30, admin_body: 96 << 20, packed_ratio: 100 }
    }
}

impl Default for Rates {
    fn default() -> Self {
        let reads = ReadLimits { system: 10_000, officer: 200 };
        Self { per_second: 200, burst: 400, tokens_per_second: 20, reads }
    }
}

impl Default for Dispatch {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            poll: Duration::from_millis(500),
            retry_base: Duration::from_secs(1),
            retry_cap: Duration::from_secs(600),
            liberty_retry_cap: Duration::from_secs(60),
            retry_after_cap: Duration::from_secs(3600),
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(15),
            answer: 64 << 10,
        }
    }
}

impl Default for Alerts {
    fn default() -> Self {
        let (every, timeout) = (Duration::from_secs(1), Duration::from_secs(10));
        Self { every, webhook: None, timeout, hmac_secret_file: None }
    }
}

impl Settings {
    /// The settings of the node whose folder is `dir`, under this process's environment.
    pub fn load(dir: &Path) -> Result<Self, Vec<ConfigError>> {
        let file = match std::fs::read(dir.join(FILE)) {
            Ok(contents) => Some(contents),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let message = format!("cannot be read: {error}");
                return Err(vec![ConfigError { file: FILE.to_owned(), line: 0, message }]);
            }
        };
        Self::layered(file.as_deref(), std::env::vars())
    }

    /// The default layer, then `file`, then those of `variables` that are options. Every error is listed.
    pub fn layered(
        file: Option<&[u8]>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<ConfigError>> {
        let findings = Findings::default();
        let mut settings = Self::default();
        settings.lay("embedded gateway.toml", DEFAULTS.as_bytes(), false, &findings);
        if let Some(contents) = file {
            settings.lay(FILE, contents, false, &findings);
        }
        settings.lay("environment", environment(variables).as_bytes(), true, &findings);
        settings.check(&findings);
        let (errors, _) = findings.into_parts();
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    /// Every key that exists, with its table: for the test that compares them with the manual.
    pub fn keys() -> Vec<(String, String)> {
        let findings = Findings::default();
        let mut settings = Self::default();
        settings.lay("embedded gateway.toml", DEFAULTS.as_bytes(), false, &findings);
        findings.asked().into_iter().filter(|(section, _)| section.starts_with('[')).collect()
    }

    fn lay(&mut self, file: &str, contents: &[u8], from_text: bool, findings: &Findings) {
        let Some(mut document) = Document::parse(file, contents, findings) else { return };
        if from_text {
            document = document.from_text();
        }
        let mut root = document.section("this file", findings);
        each(&mut root, "exchange", |table| self.exchange.read(table));
        each(&mut root, "tls", |table| self.tls.read(table));
        each(&mut root, "connections", |table| self.connections.read(table));
        each(&mut root, "admin", |table| set(&mut self.admin_listen, local(table)));
        each(&mut root, "ops", |table| set(&mut self.ops_listen, local(table)));
        each(&mut root, "limits", |table| self.limits.read(table));
        each(&mut root, "rates", |table| self.rates.read(table));
        each(&mut root, "dispatch", |table| self.dispatch.read(table));
        each(&mut root, "outbound", |table| self.outbound.read(table));
        each(&mut root, "alerts", |table| self.alerts.read(table));
        each(&mut root, "store", |table| self.store.read(table));
        each(&mut root, "retention", |table| self.retention.read(table));
        each(&mut root, "tokens", |table| self.tokens.read(table));
        each(&mut root, "log", |table| self.log.read(table));
        each(&mut root, "shutdown", |table| set(&mut self.drain, table.duration("drain")));
        root.finish();
    }

    /// What no single key can say.
    fn check(&self, findings: &Findings) {
        if self.dispatch.retry_base.is_zero() || self.dispatch.retry_base > self.dispatch.retry_cap {
            findings.error(FILE, 0, "`retry_base` of [dispatch] must be more than nothing and at most `retry_cap`");
        }
        if self.dispatch.liberty_retry_cap > Duration::from_secs(60) {
            findings.error(FILE, 0, "`liberty_retry_cap` of [dispatch] must be at most 60s");
        }
        if self.alerts.every.is_zero() || self.alerts.timeout.is_zero() {
            findings.error(FILE, 0, "`every` and `timeout` of [alerts] must be more than nothing");
        }
        self.connections.check(findings);
        self.tls.check(&self.exchange, findings);
        self.outbound.check(self.alerts.webhook.iter().map(|url| (FILE, url.as_str())), findings);
        self.retention.check(findings);
        self.tokens.check(findings);
        let counts = [
            ("max_connections", self.exchange.max_connections),
            ("record", self.limits.record),
            ("depth", self.limits.depth),
            ("keys", self.limits.keys),
            ("packed_ratio", self.limits.packed_ratio),
        ];
        for (name, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
            findings.error(FILE, 0, format!("`{name}` must not be 0"));
        }
    }
}

impl Exchange {
    fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.listen, address(table));
        if let Some(said) = table.text("url") {
            self.url = (!said.value.is_empty()).then(|| said.value.trim_end_matches('/').to_owned());
            if self.url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
                table.error(said.line, format!("`url` is `{}`; write `https://gateway.example`", said.value));
            }
        }
        set(&mut self.header_timeout, table.duration("header_timeout"));
        set(&mut self.body_timeout, table.duration("body_timeout"));
        set(&mut self.max_connections, count(table, "max_connections"));
        set(&mut self.feed_page, size(table, "feed_page"));
        set(&mut self.feed_wait, table.duration("feed_wait"));
    }
}

impl Limits {
    fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.record, size(table, "record"));
        set(&mut self.depth, count(table, "depth"));
        set(&mut self.keys, count(table, "keys"));
        set(&mut self.attachment, table.size("attachment"));
        set(&mut self.admin_body, size(table, "admin_body"));
        set(&mut self.packed_ratio, count(table, "packed_ratio"));
    }
}

impl Rates {
    fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.per_second, rate(table, "per_second"));
        set(&mut self.burst, rate(table, "burst"));
        set(&mut self.tokens_per_second, rate(table, "tokens_per_second"));
        set(&mut self.reads.system, table.number32("reads_per_hour"));
        set(&mut self.reads.officer, table.number32("officer_reads_per_hour"));
    }
}

impl Dispatch {
    fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.lease, table.duration("lease"));
        set(&mut self.poll, table.duration("poll"));
        set(&mut self.retry_base, table.duration("retry_base"));
        set(&mut self.retry_cap, table.duration("retry_cap"));
        set(&mut self.liberty_retry_cap, table.duration("liberty_retry_cap"));
        set(&mut self.retry_after_cap, table.duration("retry_after_cap"));
        set(&mut self.breaker_failures, rate(table, "breaker_failures"));
        set(&mut self.breaker_pause, table.duration("breaker_pause"));
        set(&mut self.answer, size(table, "answer"));
    }
}

impl Alerts {
    fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.every, table.duration("every"));
        if let Some(said) = table.text("webhook") {
            let url = said.value.as_str();
            self.webhook = (!url.is_empty()).then(|| url.to_owned());
            let fault = super::reach::fault("webhook", url, "https://listener.example/alerts");
            if let Some(fault) = fault.filter(|_| !url.is_empty()) {
                table.error(said.line, fault);
            }
        }
        set(&mut self.timeout, table.duration("timeout"));
        if let Some(said) = table.text("hmac_secret_file") {
            self.hmac_secret_file = (!said.value.is_empty()).then_some(said.value);
        }
    }
}

impl Log {
    fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.json, table.word("format", &["text", "json"]).map(|said| said.value == "json"));
        let levels = ["error", "warn", "info", "debug", "trace"];
        set(&mut self.level, table.word("level", &levels).map(|said| said.value));
        set(&mut self.access, table.boolean("access"));
    }
}

fn each<'d, 't>(root: &mut Section<'d, 't>, key: &'static str, read: impl FnOnce(&mut Section<'d, 't>)) {
    if let Some(mut table) = root.section(key) {
        read(&mut table);
        table.finish();
    }
}

pub(super) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

pub(super) fn count(table: &mut Section<'_, '_>, key: &'static str) -> Option<usize> {
    let Said { value, line } = table.number(key)?;
    let fits = usize::try_from(value).ok();
    if fits.is_none() {
        table.error(line, format!("`{key}` is too large"));
    }
    fits
}

pub(super) fn size(table: &mut Section<'_, '_>, key: &'static str) -> Option<usize> {
    table.size(key).and_then(|bytes| usize::try_from(bytes).ok())
}

/// A number that must fit 32 bits and be more than nothing.
pub(super) fn rate(table: &mut Section<'_, '_>, key: &'static str) -> Option<u32> {
    let Said { value, line } = table.number(key)?;
    let fits = u32::try_from(value).ok().filter(|value| *value > 0);
    if fits.is_none() {
        table.error(line, format!("`{key}` must be between 1 and {}", u32::MAX));
    }
    fits
}

fn address(table: &mut Section<'_, '_>) -> Option<SocketAddr> {
    let Said { value, line } = table.text("listen")?;
    let read = if value == "0" { Some(loopback(0)) } else { value.parse().ok() };
    if read.is_none() {
        table.error(line, format!("`listen` is `{value}`; write `127.0.0.1:8080`, or `0` for any free port"));
    }
    read
}

/// An address of this machine.
fn local(table: &mut Section<'_, '_>) -> Option<SocketAddr> {
    let line = table.text("listen")?.line;
    let read = address(table)?;
    if !read.ip().is_loopback() {
        let port = read.port();
        table.error(line, format!("`listen` is `{read}`; this is served on loopback only, such as `127.0.0.1:{port}`"));
        return None;
    }
    Some(read)
}

/// Variables such as `ICJS_EXCHANGE__LISTEN` as TOML text, every value a text.
fn environment(variables: impl IntoIterator<Item = (String, String)>) -> String {
    let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (name, value) in variables {
        let Some((table, key)) = name.strip_prefix("ICJS_").and_then(|rest| rest.split_once("__")) else { continue };
        tables.entry(table.to_ascii_lowercase()).or_default().insert(key.to_ascii_lowercase(), value);
    }
    // Texts in tables: this serialisation has no way to fail.
    toml::to_string(&tables).unwrap_or_default()
}
