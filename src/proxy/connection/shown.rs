//! What is told of a connection: to the log when it has ended, to the Runtime API before.

use std::net::SocketAddr;
use std::time::SystemTime;

use super::Connection;
use super::cause::Cause;
use super::log_record::ConnectionRecord;
use super::route::Route;
use crate::net::address::Address;
use crate::proxy::relay::side::Side;
use crate::proxy::shared::Shared;

impl Connection {
    /// What the log is told when it has ended, for this cause, or before.
    pub(crate) fn record(
        &self,
        cause: Option<Cause>,
        shared: &Shared,
        now_ms: u64,
    ) -> ConnectionRecord {
        let frontend = shared.frontend(self.route.frontend);
        let carried = self.carried.as_deref();
        let (local, source) = frontend.own_ends(self.client(), self.server(), carried);
        let backend = self.route.backend.map(|id| shared.backend(id));
        let server = self.route.server.or(self.route.waited_for);
        let target = backend.zip(server).map(|(backend, s)| backend.server(s));
        let (server_queue, backend_queue) = self.route.queue_positions;
        // HAProxy counts the others there, but itself as well in the frontend and the process.
        let gone = u32::from(cause.is_some());
        let itself = gone & u32::from(self.route.server.is_some());
        ConnectionRecord {
            client: self.address,
            accepted_at: self.accepted_at,
            frontend: self.route.frontend,
            backend: self.route.backend,
            server,
            queued_ms: self.queued_ms,
            connect_ms: self.connect_ms.map(|ms| ms - self.queued_ms.unwrap_or(0).min(ms)),
            total_ms: elapsed(self.accepted_ms, now_ms),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            cause: cause.unwrap_or(Cause::NORMAL),
            is_early: cause.is_none(),
            local,
            source,
            target: self.target.as_deref().cloned(),
            process_connections: shared.totals.current,
            frontend_connections: frontend.counters.current,
            backend_connections: backend.map_or(0, |backend| backend.counters.current - gone),
            server_connections: target.map_or(0, |server| server.counters.current - itself),
            retries: self.route.retries,
            redispatched: self.route.redispatched,
            server_queue,
            backend_queue,
        }
    }
}

/// What the Runtime API shows of a connection.
impl Connection {
    /// Keeps where its server is connected to, for a line that names that.
    pub(crate) fn note_target(&mut self, address: &Address, shared: &Shared) {
        if shared.frontend(self.route.frontend).names_target() {
            self.target = Some(Box::new(address.clone()));
        }
    }

    /// Where it comes from and goes to.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The listener that accepted it.
    pub fn listener(&self) -> u32 {
        self.listener
    }

    /// The client's address; none for a unix socket.
    pub fn client_address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// When it was accepted, in the process's milliseconds.
    pub fn accepted_ms(&self) -> u64 {
        self.accepted_ms
    }

    /// When it was accepted, in the time of day.
    pub fn accepted_at(&self) -> SystemTime {
        self.accepted_at
    }

    /// The client's side.
    pub fn client(&self) -> &Side {
        &self.client
    }

    /// The server's side, if there is one.
    pub fn server(&self) -> Option<&Side> {
        self.server.as_ref()
    }
}

/// Milliseconds since then, as far as they can be told.
pub(super) fn elapsed(since_ms: u64, now_ms: u64) -> u32 {
    u32::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(u32::MAX)
}
