//! `[tls]` of `config/gateway.toml`: the files from which the exchange speaks TLS.

use std::path::Path;
use std::time::Duration;

use super::document::{Findings, Section};
use super::settings::{Exchange, FILE, set};
use crate::tls::Files;

/// Where the PEM files lie, relative to the folder; all empty: no TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// This node's certificate and those between it and its root.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// Roots of the clients' certificates.
    pub clients: String,
    /// Revocation lists.
    pub revoked: Vec<String>,
    /// Between two looks at whether they changed.
    pub reload: Duration,
}

impl Default for Tls {
    fn default() -> Self {
        let none = String::new;
        let reload = Duration::from_secs(2);
        Self { certificate: none(), key: none(), clients: none(), revoked: Vec::new(), reload }
    }
}

impl Tls {
    pub(super) fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.certificate, table.text("certificate").map(|said| said.value));
        set(&mut self.key, table.text("key").map(|said| said.value));
        set(&mut self.clients, table.text("clients").map(|said| said.value));
        if table.has("revoked") {
            self.revoked = table.texts("revoked").into_iter().map(|said| said.value).collect();
        }
        set(&mut self.reload, table.duration("reload"));
    }

    pub(super) fn check(&self, exchange: &Exchange, findings: &Findings) {
        let files = [&self.certificate, &self.key, &self.clients];
        let some = !self.revoked.is_empty() || files.iter().any(|file| !file.is_empty());
        if some && files.iter().any(|file| file.is_empty()) {
            findings.error(FILE, 0, "`certificate`, `key` and `clients` of [tls] must all be named, or none");
        }
        if self.reload.is_zero() {
            findings.error(FILE, 0, "`reload` of [tls] must be more than nothing");
        }
        let Exchange { listen, url, .. } = exchange;
        if !self.is_on() && !listen.ip().is_loopback() {
            findings.error(
                FILE,
                0,
                format!("`listen` of [exchange] is `{listen}`; plain HTTP is served on loopback only: name the files of [tls]"),
            );
        }
        if self.is_on() {
            // Tokens and assertions name the gateway by this address, and clients compare it with its certificate.
            let other = url.as_ref().is_some_and(|url| !url.starts_with("https://"));
            if other || (url.is_none() && listen.ip().is_unspecified()) {
                let why = "write the address by which its clients know this gateway, `https://gateway.example`";
                findings.error(FILE, 0, format!("`url` of [exchange] is needed with [tls]: {why}"));
            }
        }
    }

    /// Whether the exchange speaks TLS.
    pub fn is_on(&self) -> bool {
        !self.certificate.is_empty()
    }

    /// The files, for a node whose folder is `dir`.
    pub fn files(&self, dir: &Path) -> Files {
        Files {
            certificate: dir.join(&self.certificate),
            key: dir.join(&self.key),
            clients: dir.join(&self.clients),
            revoked: self.revoked.iter().map(|file| dir.join(file)).collect(),
        }
    }
}
