//! Health checks: asking each server, or an agent beside it, at intervals whether it works.
//!
//! `attempt.rs` is one check as a state machine without sockets. `dialogue.rs` compares the answer
//! of a server with a step; it uses `judgement.rs`, `services.rs` for usual services, `http.rs` for
//! HTTP, and `agent.rs` for the words of agents. `known.rs` has the values of samples, and
//! `request.rs` writes the requests of HTTP checks. `counter.rs` counts results until they change
//! the health. `checks.rs` drives all of it on sockets, which `connection.rs` opens; `program.rs`
//! runs the programs of `option external-check` instead, and `membership.rs` has the servers that
//! are added and deleted. `health/results.rs` decides what a result means.

pub mod agent;
pub mod attempt;
pub mod checks;
mod connection;
pub mod counter;
mod dialogue;
pub mod http;
mod judgement;
pub mod known;
mod membership;
mod place;
mod program;
mod request;
pub mod result;
mod server_state;
pub mod services;
#[cfg(test)]
mod tests;

use crate::config::{CheckStatus, Script};
use crate::net::address::Address;
use counter::Counter;
use result::CheckResult;

pub use checks::Checks;

/// The kind of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// The server itself is asked (`check`).
    Health,
    /// A program beside the server is asked (`agent-check`).
    Agent,
}

/// The state and the results of a server's checks of one kind.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The server's position between up and down.
    pub counter: Counter,
    /// The last result.
    pub last: CheckResult,
    /// Whether checks are made.
    pub is_enabled: bool,
    /// Whether a check is under way.
    pub is_running: bool,
    /// How many checks failed while the server was up.
    pub failed: u64,
    /// Where the check connects to; a command may change the configured address.
    pub address: Address,
    /// The script that a command put in place of the configured one (`agent-send`).
    pub own_script: Option<Script>,
    /// How often a row of failed connects of clients reached the limit (`observe`).
    pub observed: u64,
}

impl Checked {
    /// A server before its first check.
    pub fn new(counter: Counter, address: Address) -> Self {
        Self {
            counter,
            last: CheckResult {
                duration_ms: Some(0),
                ..CheckResult::new(CheckStatus::Initialising)
            },
            is_enabled: true,
            is_running: false,
            failed: 0,
            address,
            own_script: None,
            observed: 0,
        }
    }
}
