//! Places at servers: how many there are, who takes and gives them back, and who gets the next
//! one. Without limits nothing is ever looked at but a zero.

use super::Backend;
use super::queue::Queues;
use super::server::Server;
use crate::config::{BackendId, Config, Frontend, ServerIndex};
use crate::proxy::shared::Shared;

/// What a server has to offer to one more connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// A place.
    Slot,
    /// A place in its line.
    Queue,
    /// Nothing: its line is as long as it may be.
    None,
}

/// What became of those who wait when a server was lost or came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requeued {
    /// How many were sent away from its line; of a server that came back, how many left the
    /// backend's line.
    pub moved: u32,
    /// How many are still in its line.
    pub waiting: u32,
}

/// What decides how many connections servers may have.
#[derive(Debug)]
pub struct Limits<'a> {
    /// The servers of a backend.
    pub servers: &'a [Server],
    /// Who waits.
    pub queues: &'a Queues,
    /// The backend's connections, those that wait included.
    pub current: u32,
    /// With so many connections every server may have its `maxconn`.
    pub fullconn: u32,
}

impl Limits<'_> {
    /// The most connections that a server may have now; none without a limit. Between `minconn`
    /// and `maxconn` it grows with the connections of the whole backend; while the server warms
    /// up it gets its part.
    fn of(&self, server: &Server) -> Option<u32> {
        let (minconn, maxconn) = (server.config.minconn, server.maxconn);
        if maxconn == 0 {
            return None;
        }
        let is_fixed = minconn == 0 || minconn >= maxconn || self.current >= self.fullconn;
        let limit = if is_fixed {
            maxconn
        } else {
            let grown = u64::from(self.current) * u64::from(maxconn) / u64::from(self.fullconn);
            u32::try_from(grown).unwrap_or(maxconn).max(minconn)
        };
        Some(server.warmed(limit).max(1))
    }

    /// Whether a server has a place that nobody waits for.
    pub fn is_open(&self, index: ServerIndex) -> bool {
        let Some(server) = self.servers.get(index.index()) else { return false };
        self.of(server).is_none_or(|limit| {
            self.queues.len(Some(index)).0 == 0 && server.counters.current < limit
        })
    }
}

impl Backend {
    fn limits(&self) -> Limits<'_> {
        let current = self.counters.current;
        let Self { servers, queues, fullconn, .. } = self;
        Limits { servers, queues, current, fullconn: *fullconn }
    }

    /// What a server has to offer to a client that must go there.
    pub fn room_at(&self, server: ServerIndex) -> Room {
        if self.limits().is_open(server) {
            return Room::Slot;
        }
        let maxqueue = self.server(server).config.maxqueue;
        let is_full = maxqueue > 0 && self.queues.len(Some(server)).0 >= maxqueue;
        if is_full { Room::None } else { Room::Queue }
    }

    /// Gives a connection its place at a server.
    pub fn take_slot(&mut self, server: ServerIndex) {
        let counters = &mut self.server_mut(server).counters;
        counters.current += 1;
        counters.max = counters.max.max(counters.current);
        self.update_load(server);
    }

    /// Takes a connection's place at a server back. Whoever is next gets it.
    pub fn release_slot(&mut self, server: ServerIndex) {
        self.server_mut(server).counters.current -= 1;
        self.update_load(server);
        if !self.queues.is_empty() {
            self.serve_queue(server);
        }
    }

    /// What follows from a change of a server's state, weight or limit; whoever changes one calls
    /// it.
    pub fn server_changed(&mut self) {
        self.balancer.update(&self.servers);
        if self.queues.is_empty() {
            return;
        }
        let may_move = self.may_redispatch() && !self.config.options.persist;
        for index in 0..u16::try_from(self.servers.len()).unwrap_or(u16::MAX) {
            let server = ServerIndex(index);
            if self.server(server).is_usable_for_entry() {
                self.serve_queue(server);
            } else if may_move {
                while let Some(slot) = self.queues.send_away(server) {
                    self.woken.push(slot);
                }
                self.update_load(server);
            }
        }
    }

    /// Does the same, and tells what became of those who wait where one server's state changed.
    pub fn server_changed_at(&mut self, server: ServerIndex, is_lost: bool) -> Requeued {
        let line = is_lost.then_some(server);
        let before = self.queues.len(line).0;
        self.server_changed();
        let moved = before - self.queues.len(line).0;
        Requeued { moved, waiting: self.queues.len(Some(server)).0 }
    }

    /// Calls those who wait as long as the server has places.
    fn serve_queue(&mut self, server: ServerIndex) {
        let takes_new = self.balancer.is_candidate(server);
        loop {
            let target = self.server(server);
            let current = target.counters.current;
            if self.limits().of(target).is_some_and(|limit| current >= limit) {
                return;
            }
            let Some(slot) = self.queues.call_next(server, takes_new) else { return };
            self.take_slot(server);
            self.woken.push(slot);
        }
    }

    /// Tells the balance algorithm how much a server has to do.
    pub fn update_load(&mut self, server: ServerIndex) {
        let load = self.server(server).counters.current + self.queues.len(Some(server)).0;
        self.balancer.note_load(server, load);
    }

    /// Whether a limit is configured for any server, so that there can be queues.
    pub fn has_limits(&self) -> bool {
        self.servers.iter().any(|server| server.maxconn > 0)
    }
}

impl Shared {
    /// Changes the most connections of a server; 0 for no limit.
    pub fn set_server_maxconn(&mut self, backend: BackendId, server: ServerIndex, maxconn: u32) {
        let backend = self.backend_mut(backend);
        backend.server_mut(server).maxconn = maxconn;
        backend.server_changed();
        self.has_queues |= maxconn > 0;
    }
}

/// HAProxy's automatic `fullconn`: a tenth of what the frontends may send to the backend.
pub fn automatic_fullconn(config: &Config, backend: BackendId, maxconn: u32) -> u32 {
    let sends = |frontend: &&Frontend| frontend.default_backend == Some(backend);
    let frontends = config.frontends.iter().filter(sends);
    let total: u64 = frontends.map(|f| u64::from(f.maxconn.unwrap_or(maxconn))).sum();
    u32::try_from(total.div_ceil(10).max(1)).unwrap_or(u32::MAX)
}
