//! Health checks: asking each server at intervals whether it works.
//!
//! `attempt.rs` is one check as a machine without sockets, `dialogue.rs` judges what a server says,
//! `counter.rs` counts until it matters, `probes.rs` drives all of it on sockets. What follows from
//! a result is in `proxy/health.rs`.

pub mod attempt;
pub mod counter;
pub mod dialogue;
pub mod probes;
#[cfg(test)]
mod tests;
pub mod verdict;

use crate::config::ServerCheck;
use counter::Counter;
use verdict::{CheckStatus, Verdict};

pub use probes::Probes;

/// What the checks of a server have found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Where it stands between up and down.
    pub counter: Counter,
    /// The last result.
    pub last: Verdict,
    /// Checks are made.
    pub is_enabled: bool,
    /// A check is under way.
    pub is_running: bool,
    /// Checks that failed while it was up.
    pub failed: u64,
}

impl Checked {
    /// A server before its first check.
    pub fn new(check: &ServerCheck) -> Self {
        Self {
            counter: Counter::new(check),
            last: Verdict::new(CheckStatus::Initialising),
            is_enabled: true,
            is_running: false,
            failed: 0,
        }
    }
}
