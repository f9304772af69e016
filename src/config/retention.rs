//! `[store]` and `[retention]` of `config/gateway.toml`: how much is kept, and how long what is settled is kept. What is not
//! settled is kept whatever they say.

use std::time::Duration;

use super::document::{Findings, Section};
use super::settings::{FILE, count, set};

/// A year, and a day for leap years: audit records are kept so long by the texts that ask for most.
const YEAR: Duration = Duration::from_secs(366 * 86_400);
/// CERT-In's directions of 28 April 2022 ask for logs of 180 days.
const LEAST: Duration = Duration::from_secs(180 * 86_400);

/// The rules under the Digital Personal Data Protection Act, 2023, ask for logs of access of a year (rule 6).
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);

/// How long each class of data is kept. The reasons stand beside each in `config/gateway.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The bytes of records all of whose deliveries are settled; zero: for ever.
    pub payloads: Duration,
    /// Refusals of known senders.
    pub refusals: Duration,
    /// Who read what.
    pub readings: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { payloads: Duration::ZERO, refusals: YEAR, readings: YEAR }
    }
}

impl Retention {
    pub(super) fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.payloads, table.duration("payloads"));
        set(&mut self.refusals, table.duration("refusals"));
        set(&mut self.readings, table.duration("readings"));
    }

    pub(super) fn check(&self, findings: &Findings) {
        let months = Duration::from_secs(30 * 86_400);
        if !self.payloads.is_zero() && self.payloads < months {
            findings.error(FILE, 0, "`payloads` of [retention] must be \"0s\" (kept for ever) or at least 30d");
        }
        if self.refusals < LEAST {
            findings.error(FILE, 0, "`refusals` of [retention] must be at least 180d");
        }
        if self.readings < A_YEAR {
            findings.error(FILE, 0, "`readings` of [retention] must be at least 365d");
        }
    }
}

/// The store on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The attachment store, relative to the folder.
    pub attachments: String,
    /// Unsettled deliveries.
    pub max_open_deliveries: usize,
    /// Life of an upload that no record named.
    pub unbound_uploads: Duration,
    /// Bytes that one system may have uploaded and named in no record.
    pub unbound_bytes: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            attachments: "data/attachments".to_owned(),
            max_open_deliveries: 2_000_000,
            unbound_uploads: Duration::from_secs(7 * 86_400),
            unbound_bytes: 16 << 30,
        }
    }
}

impl Store {
    pub(super) fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.attachments, table.required_if_there("attachments"));
        set(&mut self.max_open_deliveries, count(table, "max_open_deliveries"));
        set(&mut self.unbound_uploads, table.duration("unbound_uploads"));
        set(&mut self.unbound_bytes, table.size("unbound_bytes"));
    }
}
