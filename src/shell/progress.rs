//! A bar on standard error that says how far a long verb is: on a terminal only, so that logs and pipes stay clean.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Between two drawings.
const EVERY: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

/// How far something is. Its line goes away when it is dropped.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    total: u64,
    drawn: Option<Instant>,
}

impl Progress {
    /// Of so many in all; 0 where nobody knows.
    pub fn of(total: u64) -> Self {
        Self { shown: std::io::stderr().is_terminal(), total, drawn: None }
    }

    /// So many of them are done; `text` says what and how fast.
    pub fn at(&mut self, done: u64, text: &str) {
        if !self.shown || self.drawn.is_some_and(|drawn| drawn.elapsed() < EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        // What cannot be shown is not missed.
        let _ = write!(std::io::stderr(), "\r\u{1b}[K{} {text}", bar(done, self.total));
        let _ = std::io::stderr().flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn bar(done: u64, total: u64) -> String {
    if total == 0 {
        return String::new();
    }
    let done = done.min(total);
    let full = usize::try_from(done.saturating_mul(WIDTH as u64) / total).unwrap_or(0);
    let percent = done.saturating_mul(100) / total;
    format!("[{}{}] {percent:3} %", "#".repeat(full), "-".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn the_bar_is_as_full_as_the_work_is_done() {
        assert_eq!(bar(0, 10), format!("[{}]   0 %", "-".repeat(30)));
        assert_eq!(bar(5, 10), format!("[{}{}]  50 %", "#".repeat(15), "-".repeat(15)));
        assert_eq!(bar(11, 10), format!("[{}] 100 %", "#".repeat(30)));
        assert_eq!(bar(3, 0), "");
    }
}
