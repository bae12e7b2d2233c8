//! A server at run time: its state, weight and counters.

use super::counters::ServerCounters;
use crate::config;

/// What an operator wants of a server, apart from whether it works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdminState {
    /// It takes clients.
    #[default]
    Ready,
    /// It takes only clients that it had before.
    Drain,
    /// It takes none.
    Maint,
}

/// Whether a server works, as far as its checks can tell. Without checks it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It does.
    #[default]
    Up,
    /// It works but asks for no new clients.
    Stopping,
    /// It does not.
    Down,
}

/// One server of a backend.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its line in the configuration.
    pub config: config::Server,
    /// What an operator wants of it. Changed by [`super::Shared::set_admin_state`].
    pub admin: AdminState,
    /// Whether it works. Changed by [`super::Shared::set_health`].
    pub health: Health,
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
        let admin = if config.disabled { AdminState::Maint } else { AdminState::Ready };
        Self {
            config: config.clone(),
            admin,
            health: Health::Up,
            weight: config.weight,
            counters: ServerCounters::default(),
            last_connect_ms: None,
            changed_ms: now_ms,
        }
    }

    /// Its share in sixteenths of a weight.
    pub fn share(&self) -> u32 {
        self.weight * 16
    }

    /// Whether a client whose entry names it may go there.
    pub fn is_usable_for_entry(&self) -> bool {
        let is_wanted = match self.admin {
            AdminState::Ready | AdminState::Drain => true,
            AdminState::Maint => false,
        };
        let works = match self.health {
            Health::Up | Health::Stopping => true,
            Health::Down => false,
        };
        is_wanted && works
    }

    /// Whether the balance algorithm may choose it.
    pub fn is_usable(&self) -> bool {
        self.admin == AdminState::Ready && self.health == Health::Up && self.weight > 0
    }
}
