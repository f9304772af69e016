//! `[connections]` of `config/gateway.toml`: what one connection to any of the listeners may take, and how long it may be slow.

use std::time::Duration;

use super::document::{Findings, Section};
use super::settings::{FILE, count, rate, set, size};

/// What a connection may take. The reasons stand beside each in `config/gateway.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// At once from one address.
    pub per_address: usize,
    /// Without a request under way.
    pub idle: Duration,
    /// Without a byte of a body that is due.
    pub body_idle: Duration,
    /// Without anything taken of an answer that is there.
    pub answer_idle: Duration,
    /// Bytes a second: slower bodies and answers are cut off.
    pub slowest: u64,
    /// Header lines of a request.
    pub headers: usize,
    /// Bytes of a request's head.
    pub head: usize,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            per_address: 5_000,
            idle: Duration::from_secs(60),
            body_idle: Duration::from_secs(10),
            answer_idle: Duration::from_secs(60),
            slowest: 1024,
            headers: 64,
            head: 32 << 10,
            streams: 128,
        }
    }
}

impl Connections {
    pub(super) fn read(&mut self, table: &mut Section<'_, '_>) {
        set(&mut self.per_address, count(table, "per_address"));
        set(&mut self.idle, table.duration("idle"));
        set(&mut self.body_idle, table.duration("body_idle"));
        set(&mut self.answer_idle, table.duration("answer_idle"));
        set(&mut self.slowest, table.size("slowest"));
        set(&mut self.headers, count(table, "headers"));
        set(&mut self.head, size(table, "head"));
        set(&mut self.streams, rate(table, "streams"));
    }

    pub(super) fn check(&self, findings: &Findings) {
        let times = [("idle", self.idle), ("body_idle", self.body_idle), ("answer_idle", self.answer_idle)];
        for (name, _) in times.iter().filter(|(_, time)| time.is_zero()) {
            findings.error(FILE, 0, format!("`{name}` of [connections] must be more than nothing"));
        }
        if self.per_address == 0 || self.headers == 0 || self.slowest == 0 {
            findings.error(FILE, 0, "`per_address`, `headers` and `slowest` of [connections] must not be 0");
        }
        if !(1024..=1 << 20).contains(&self.head) {
            findings.error(FILE, 0, "`head` of [connections] must be between 1 KiB and 1 MiB");
        }
    }
}
