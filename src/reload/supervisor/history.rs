//! What the supervisor remembers of its reloads, for the clients of the master socket.

use std::io;

use super::master::keep::{Keeper, Kept};
use crate::reload::failure::Failure;

/// The reloads so far.
#[derive(Debug)]
pub struct History {
    /// When the supervisor began, on the clock of the loop.
    pub started_ms: u64,
    /// How many reloads have begun.
    pub begun: u64,
    /// How many have failed since the last one that did not.
    pub failed: u32,
    /// The messages of the last start of a worker.
    pub log: String,
}

impl History {
    /// Nothing has happened yet.
    pub fn new(now_ms: u64) -> Self {
        Self { started_ms: now_ms, begun: 0, failed: 0, log: String::new() }
    }

    /// Notes that a worker serves, whose start has left these messages. Returns what a client that
    /// has asked for a reload is told.
    pub fn note_success(&mut self, log: &[u8]) -> String {
        self.failed = 0;
        self.log = String::from_utf8_lossy(log).into_owned();
        format!("Success=1\n--\n{}", self.log)
    }

    /// Notes that a worker does not come to serve. Returns what a client that has asked for a
    /// reload is told.
    pub fn note_failure(&mut self, log: &[u8], failure: &Failure) -> String {
        self.failed += 1;
        self.log = String::from_utf8_lossy(log).into_owned();
        // What the worker has said itself stands in its messages already.
        let is_told = failure.as_str().lines().next().is_some_and(|first| self.log.contains(first));
        if !is_told {
            self.log.push_str(&format!("[ALERT]    ({}) : {failure}\n", std::process::id()));
        }
        format!("Success=0\n--\n{}", self.log)
    }

    /// Writes what the program that follows has to know.
    pub fn keep(&self, keeper: &mut Keeper<'_>) {
        keeper.count(self.started_ms);
        keeper.count(self.begun);
        keeper.number(self.failed);
        keeper.text(self.log.as_bytes());
    }

    /// Reads what [`History::keep`] has written.
    ///
    /// # Errors
    /// When nobody has written this.
    pub fn of_kept(kept: &mut Kept<'_>) -> io::Result<Self> {
        Ok(Self {
            started_ms: kept.number()?,
            begun: kept.number()?,
            failed: kept.number()?,
            log: kept.string()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_once() {
        let mut history = History::new(0);
        let failure = Failure::new("a.cfg:3: no such keyword\nmore");
        let said = history.note_failure(b"[ALERT] (7) : a.cfg:3: no such keyword\n", &failure);
        assert_eq!(said, "Success=0\n--\n[ALERT] (7) : a.cfg:3: no such keyword\n");
        let said = history.note_failure(b"", &failure);
        assert!(said.ends_with(" : a.cfg:3: no such keyword\nmore\n"), "{said}");
        assert_eq!(history.failed, 2);
        assert_eq!(history.note_success(b"fine\n"), "Success=1\n--\nfine\n");
        assert_eq!((history.failed, history.log.as_str()), (0, "fine\n"));
    }
}
