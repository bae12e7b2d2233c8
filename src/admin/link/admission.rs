//! Which clients may come in: the limits, and the clients that make room when all places are taken.

use std::net::SocketAddr;
use std::time::SystemTime;

use slab::Slab;

use super::client::AdminClient;
use crate::admin::context::endpoint::{Endpoint, EndpointId};
use crate::config::{Bind, Level};
use crate::reactor::token::Slot;

/// How long a client of the exporter that is idle keeps its place while others wait.
const IDLE_MS: u64 = 1000;
/// The same for a client that has not sent anything yet.
const SILENT_MS: u64 = 100;

/// What is served at a listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// The Runtime API, to clients of this level.
    RuntimeApi(Level),
    /// The pages of this endpoint.
    Pages(EndpointId),
}

/// A listening socket of the Runtime API or the exporter.
#[derive(Debug)]
pub struct AdminListener {
    /// What is served.
    pub kind: ListenerKind,
    /// The `bind` or `stats socket` line in the configuration.
    pub bind: Bind,
}

impl AdminListener {
    pub(super) fn is_of(&self, endpoint: EndpointId) -> bool {
        self.kind == ListenerKind::Pages(endpoint)
    }
}

/// A client that was accepted.
#[derive(Debug)]
pub(super) struct AdmittedClient {
    pub(super) slot: Slot,
    /// The position of the listener that the client came in at. None for a client of the
    /// supervisor, which counts its clients itself.
    pub(super) listener: Option<usize>,
    pub(super) kind: ListenerKind,
    /// Where the client comes from; none for a unix socket.
    pub(super) address: Option<SocketAddr>,
    pub(super) accepted_at: SystemTime,
    pub(super) client: AdminClient,
    /// The client has something to do without a further event.
    pub(super) ready: bool,
}

/// The clients that are in, and how many may be.
pub(super) struct Admission<'a> {
    pub(super) clients: &'a Slab<AdmittedClient>,
    /// The most clients of the Runtime API.
    pub(super) commands_max: usize,
    pub(super) endpoints: &'a [Endpoint],
}

impl Admission<'_> {
    /// When another client may come in at the listener at position `at`, if no client leaves
    /// before.
    pub(super) fn free_ms(&self, at: usize, listener: &AdminListener) -> Option<u64> {
        if self.is_full(at, listener) {
            self.first_to_go(at, listener).map(|(_, from_ms)| from_ms)
        } else {
            Some(0)
        }
    }

    fn is_full(&self, at: usize, listener: &AdminListener) -> bool {
        let clients = || self.clients.iter().map(|(_, admitted)| admitted);
        match listener.kind {
            ListenerKind::RuntimeApi(_) => {
                clients().filter(|admitted| is_command(admitted)).count() >= self.commands_max
            }
            ListenerKind::Pages(id) => {
                let here = clients().filter(|admitted| admitted.listener == Some(at)).count();
                !self.endpoints.get(id.index()).is_some_and(|e| e.has_room(&listener.bind, here))
            }
        }
    }

    /// The client that makes room for another one where all places are taken, and from when on. At
    /// the Runtime API: a client with a lower level than that of the listener, an idle one first.
    /// At the exporter: a client that has neither sent nor read anything for a while.
    pub(super) fn first_to_go(&self, at: usize, listener: &AdminListener) -> Option<(usize, u64)> {
        if !self.is_full(at, listener) {
            return None;
        }
        let others = self.clients.iter().filter(|(_, admitted)| match listener.kind {
            ListenerKind::RuntimeApi(level) => {
                is_command(admitted)
                    && matches!(admitted.kind, ListenerKind::RuntimeApi(other) if other < level)
            }
            ListenerKind::Pages(_) => {
                let is_limited_here = listener.bind.settings.maxconn.is_some();
                admitted.kind == listener.kind
                    && (admitted.listener == Some(at) || !is_limited_here)
            }
        });
        let first = match listener.kind {
            ListenerKind::RuntimeApi(_) => others.min_by_key(|(_, admitted)| {
                (admitted.client.is_busy(), admitted.client.moved_ms())
            }),
            ListenerKind::Pages(_) => others.min_by_key(|(_, admitted)| kept_until_ms(admitted)),
        };
        first.map(|(index, admitted)| (index, kept_until_ms(admitted)))
    }
}

/// Until when a client keeps its place while others wait.
fn kept_until_ms(admitted: &AdmittedClient) -> u64 {
    let client = &admitted.client;
    match admitted.kind {
        ListenerKind::RuntimeApi(_) => 0,
        ListenerKind::Pages(_) if client.has_spoken() => client.moved_ms() + IDLE_MS,
        ListenerKind::Pages(_) => client.moved_ms() + SILENT_MS,
    }
}

/// Whether this is a client that `stats maxconn` counts.
fn is_command(admitted: &AdmittedClient) -> bool {
    matches!(admitted.kind, ListenerKind::RuntimeApi(_)) && admitted.listener.is_some()
}
