//! When a connection is to be looked at although nothing happens.

use super::{Connection, State};
use crate::proxy::shared::Shared;

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Client,
    Server,
}

/// What of a relaying connection makes a deadline nearer when it changes. While it stays the same,
/// activity only makes deadlines later, and there is nothing to work out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Of the client and the server.
    ended: (bool, bool),
    shut: (bool, bool),
    /// Whether something waits to be written to them.
    pending: (bool, bool),
}

impl Connection {
    /// Its deadline has come.
    pub fn note_due(&mut self) {
        self.is_due = true;
        self.armed_for = None;
    }

    /// The deadline to arm a timer for, unless it cannot be nearer than it was when last asked.
    pub fn poll_nearer_timeout(&mut self, shared: &Shared) -> Option<u64> {
        let shape = self.shape();
        if shape.is_some() && shape == self.armed_for {
            return None;
        }
        self.armed_for = shape;
        self.poll_timeout(shared)
    }

    fn shape(&self) -> Option<Shape> {
        let (State::Relaying(relay), Some(server)) = (&self.state, &self.server) else {
            return None;
        };
        let client = &self.client;
        Some(Shape {
            ended: (client.has_ended(), server.has_ended()),
            shut: (client.is_shut(), server.is_shut()),
            pending: (relay.to_client.has_pending(), relay.to_server.has_pending()),
        })
    }

    /// When to advance it although nothing happens.
    pub fn poll_timeout(&self, shared: &Shared) -> Option<u64> {
        match &self.state {
            State::Choosing { .. } | State::Opening | State::Closed(_) => None,
            State::Inspecting { until_ms }
            | State::Queued { until_ms, .. }
            | State::Connecting { until_ms } => *until_ms,
            State::Deciding(deciding) => deciding.until_ms(),
            State::TurnAround { until_ms } => Some(*until_ms),
            State::Relaying(_) => self.relay_timeout(shared).map(|(at_ms, _)| at_ms),
        }
    }

    /// The nearer of both sides' deadlines, and what it means. A side is only waited for while it
    /// may still send or has something to take.
    pub(super) fn relay_timeout(&self, shared: &Shared) -> Option<(u64, Whose)> {
        let State::Relaying(relay) = &self.state else { return None };
        let frontend = &shared.frontend(self.route.frontend).config;
        let backend = self.route.backend.map(|id| &shared.backend(id).config);
        let tunnel = backend.and_then(|backend| backend.timeout_tunnel_ms);
        let client_fin = frontend.timeout_client_fin_ms;
        let client_ms = self.client.timeout_ms(frontend.timeout_client_ms, client_fin, tunnel);
        let to_client = relay.to_client.has_pending();
        let to_server = relay.to_server.has_pending();
        let client_at = client_ms
            .filter(|_| to_client || (!self.client.has_ended() && !to_server))
            .map(|timeout_ms| (self.client.active_ms() + u64::from(timeout_ms), Whose::Client));
        let (server, backend) = (self.server.as_ref()?, backend?);
        let server_fin = backend.timeout_server_fin_ms;
        let server_ms = server.timeout_ms(backend.timeout_server_ms, server_fin, tunnel);
        let server_at = server_ms
            .filter(|_| to_server || (!server.has_ended() && !to_client))
            .map(|timeout_ms| (server.active_ms() + u64::from(timeout_ms), Whose::Server));
        match (client_at, server_at) {
            (Some(client), Some(server)) => Some(if server.0 < client.0 { server } else { client }),
            (client, server) => client.or(server),
        }
    }
}
