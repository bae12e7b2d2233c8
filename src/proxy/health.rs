//! What follows when a server's health or administrative state changes: its counters, its
//! backend's, and the notices for the log.

use super::server::{AdminState, Health};
use super::shared::Shared;
use crate::config::{BackendId, ServerIndex};

/// A line about a backend or one of its servers, for the backend's log targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose log targets it is for.
    pub backend: BackendId,
    /// How grave it is.
    pub gravity: Gravity,
    /// The line.
    pub text: String,
}

/// How grave a notice is; the words of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// A backend has no server left.
    Emerg,
    /// A server is lost.
    Alert,
    /// An operator took a server out.
    Warning,
    /// A server is back.
    Notice,
}

impl Shared {
    /// Changes what is wanted of a server.
    pub fn set_admin_state(
        &mut self,
        backend: BackendId,
        server: ServerIndex,
        state: AdminState,
        now_ms: u64,
    ) {
        let server = self.backend_mut(backend).server_mut(server);
        if server.admin != state {
            server.admin = state;
            server.changed_ms = now_ms;
            self.backend_mut(backend).server_changed();
        }
    }

    /// Changes whether a server works.
    pub fn set_health(
        &mut self,
        backend: BackendId,
        server: ServerIndex,
        health: Health,
        now_ms: u64,
    ) {
        let server = self.backend_mut(backend).server_mut(server);
        if server.health != health {
            server.health = health;
            server.changed_ms = now_ms;
            self.backend_mut(backend).server_changed();
        }
    }
}
