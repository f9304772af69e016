//! By what a system is known, beside the keys in its own file: keys that it publishes at an address (`jwks_url` of `[keys]`),
//! the certificates that are its own (`certificates`), and an outside issuer whose access tokens may speak for it (`[issuer]`).
//! It stands with the system, not with the node: an issuer speaks for the systems that name it and for no other, and what is
//! trusted goes live, and is taken back, with a revision.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::document::{Findings, Section};
use super::reach;
use super::systems::DIR;
use crate::identifiers::SystemName;

/// Bytes of a SHA-256 thumbprint.
const THUMBPRINT_BYTES: usize = 32;

/// By what a system is known, beside the keys in its own file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Thumbprints (`x5t#S256`) of the certificates that it may come with; none: any that `[tls]` lets in.
    pub certificates: Vec<String>,
    /// Where it publishes its keys.
    pub jwks_url: Option<String>,
    /// Who else may give it tokens.
    pub issuer: Option<Issuer>,
}

/// An outside issuer of access tokens (RFC 9068), as one system knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its name: `iss`, compared letter by letter.
    pub url: String,
    /// Where it publishes its keys.
    pub jwks_url: String,
    /// What it calls the system: `client_id`.
    pub client_id: String,
}

impl Trust {
    /// The addresses of published keys that it is known by.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.jwks_url.as_deref().into_iter().chain(self.issuer.as_ref().map(|issuer| issuer.jwks_url.as_str()))
    }

    /// Whether a connection with that certificate may be the system's.
    pub fn takes(&self, certificate: Option<&str>) -> bool {
        self.certificates.is_empty()
            || certificate.is_some_and(|shown| self.certificates.iter().any(|own| own == shown))
    }

    /// What `[keys]` says.
    pub(super) fn of_keys(&mut self, keys: &mut Section<'_, '_>) {
        self.jwks_url = address(keys);
        for said in keys.texts("certificates") {
            match thumbprint(&said.value) {
                Some(one) => self.certificates.push(one),
                None => keys.error(
                    said.line,
                    format!(
                        "`{}` is no SHA-256 thumbprint of a certificate; \
                         `openssl x509 -in FILE -noout -fingerprint -sha256` prints it",
                        said.value
                    ),
                ),
            }
        }
    }

    /// What `[issuer]` says.
    pub(super) fn of_issuer(&mut self, section: &mut Section<'_, '_>) {
        let (url, client) = (section.required("url"), section.required("client_id"));
        if !section.has("jwks_url") {
            section.error(section.line, "`jwks_url` is missing: where the issuer publishes its keys");
        }
        let jwks_url = address(section);
        if let (Some(url), Some(client), Some(jwks_url)) = (url, client, jwks_url) {
            self.issuer = Some(Issuer { url: url.value, jwks_url, client_id: client.value });
        }
    }
}

/// Two systems that one issuer calls the same would be one.
pub(super) fn distinct<'s>(systems: impl Iterator<Item = (&'s SystemName, &'s Trust)>, findings: &Findings) {
    let mut known: BTreeMap<(&str, &str), &SystemName> = BTreeMap::new();
    for (name, trust) in systems {
        let Some(issuer) = &trust.issuer else { continue };
        if let Some(other) = known.insert((&issuer.url, &issuer.client_id), name) {
            let client = &issuer.client_id;
            let message =
                format!("`client_id` of [issuer] is `{client}`, as that of `{other}`: who calls could be either");
            findings.error(&format!("{DIR}{name}.toml"), 0, message);
        }
    }
}

fn address(section: &mut Section<'_, '_>) -> Option<String> {
    let said = section.text("jwks_url")?;
    if let Some(fault) = reach::fault("jwks_url", &said.value, "https://keys.example/jwks.json") {
        section.error(said.line, fault);
        return None;
    }
    Some(said.value)
}

/// As `openssl` prints it (hexadecimal, with colons or without), or as a token carries it.
fn thumbprint(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|one| *one != ':').collect();
    if digits.len() == 2 * THUMBPRINT_BYTES {
        let bytes: Option<Vec<u8>> =
            (0..THUMBPRINT_BYTES).map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()).collect();
        return bytes.map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    (bytes.len() == THUMBPRINT_BYTES).then(|| text.to_owned())
}
