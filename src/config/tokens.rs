//! `[tokens]` of `config/gateway.toml`: how long tokens live, and how keys that others publish are looked at.

use std::time::Duration;

use super::document::{Findings, Section};
use super::settings::{FILE, count, set};

/// Access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// How long an access token lives.
    pub life: Duration,
    /// Verified tokens remembered.
    pub cache: usize,
    /// Between two looks at keys that others publish.
    pub keys_refresh: Duration,
    /// How long published keys are believed without a look that went well.
    pub keys_stale_after: Duration,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            life: Duration::from_secs(600),
            cache: 10_000,
            keys_refresh: Duration::from_secs(60),
            keys_stale_after: Duration::from_secs(86_400),
        }
    }
}

impl Tokens {
    pub(super) fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.life, table.duration("life"));
        set(&mut self.cache, count(table, "cache"));
        set(&mut self.keys_refresh, table.duration("keys_refresh"));
        set(&mut self.keys_stale_after, table.duration("keys_stale_after"));
    }

    pub(super) fn check(&self, findings: &Findings) {
        if !(1..=600).contains(&self.life.as_secs()) {
            findings.error(FILE, 0, "`life` of [tokens] must be between 1s and 10m");
        }
        if self.keys_refresh.is_zero() || self.keys_stale_after < self.keys_refresh {
            findings.error(
                FILE,
                0,
                "`keys_refresh` of [tokens] must be more than nothing and at most `keys_stale_after`",
            );
        }
    }
}
