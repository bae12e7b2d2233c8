//! A server at run time: its state, weight and counters.

use super::counters::ServerCounters;
use crate::config;

/// Whether a server takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It does.
    Up,
    /// An operator or the configuration has taken it out: no connection goes there.
    Maintenance,
}

/// One server of a backend.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its line in the configuration.
    pub config: config::Server,
    /// Whether it takes connections.
    pub state: ServerState,
    /// Its share now, 0 to 256; 0 gets stored clients only.
    pub weight: u32,
    /// What is counted of it.
    pub counters: ServerCounters,
    /// When a connect last succeeded.
    pub last_connect_ms: Option<u64>,
    /// When its state last changed.
    pub changed_ms: u64,
}

impl Server {
    /// The server as configured.
    pub fn new(config: &config::Server, now_ms: u64) -> Self {
        let state = if config.disabled { ServerState::Maintenance } else { ServerState::Up };
        Self {
            config: config.clone(),
            state,
            weight: config.weight,
            counters: ServerCounters::default(),
            last_connect_ms: None,
            changed_ms: now_ms,
        }
    }

    /// Whether a client whose entry names it may go there.
    pub fn is_usable(&self) -> bool {
        match self.state {
            ServerState::Up => true,
            ServerState::Maintenance => false,
        }
    }

    /// Whether the balance algorithm may choose it.
    pub fn takes_new_clients(&self) -> bool {
        self.is_usable() && self.weight > 0
    }
}
