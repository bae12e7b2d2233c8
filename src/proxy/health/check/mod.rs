//! Health checks: asking each server, or an agent beside it, at intervals whether it works.
//!
//! `attempt.rs` is one check as a machine without sockets. `dialogue.rs` judges what a server says,
//! `services.rs` what usual services say, `http.rs` reads answers of HTTP, and `agent.rs` the words
//! of agents. `counter.rs` counts until it matters, `probes.rs` drives all of it on sockets. What a
//! result means is decided in `health/result.rs`, and what follows in `health/mod.rs`.

pub mod agent;
pub mod attempt;
pub mod counter;
pub mod dialogue;
pub mod http;
pub mod probes;
pub mod services;
#[cfg(test)]
mod tests;
pub mod verdict;

use counter::Counter;
use verdict::{CheckStatus, Verdict};

pub use probes::Probes;

/// Whom a check asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// The server itself (`check`).
    Health,
    /// A program beside it (`agent-check`).
    Agent,
}

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
    /// How often too many clients in a row could not connect, if that is observed.
    pub observed: u64,
}

impl Checked {
    /// A server before its first check.
    pub fn new(counter: Counter) -> Self {
        Self {
            counter,
            last: Verdict { duration_ms: Some(0), ..Verdict::new(CheckStatus::Initialising) },
            is_enabled: true,
            is_running: false,
            failed: 0,
            observed: 0,
        }
    }
}
