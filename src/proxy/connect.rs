//! Getting a client to a server: choosing, connecting, trying again, moving on.

use std::io;
use std::net::IpAddr;

use super::backend::Backend;
use super::stick::MadeEntries;
use crate::config::{BackendId, FrontendId, ServerIndex};
use crate::net::address::Address;
use crate::net::socket::ConnectOptions;
use crate::table::Tables;

/// The longest wait before the same server is tried again after it refused, as in HAProxy.
const TURN_AROUND_MS: u32 = 1000;

/// Where a connection comes from and goes to, and what it took to get there.
#[derive(Debug)]
pub struct Route {
    /// The frontend that accepted it.
    pub frontend: FrontendId,
    /// The backend, if the frontend has one.
    pub backend: Option<BackendId>,
    /// The server that it holds a place at.
    pub server: Option<ServerIndex>,
    /// Whether an entry chose the server, not the balance algorithm.
    pub by_entry: bool,
    /// Whether it was moved to another server.
    pub redispatched: bool,
    /// Connects tried again.
    pub retries: u32,
    made: MadeEntries,
    chosen_ms: u64,
}

/// Why a connect failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// The server refused, or could not be reached.
    Refused,
    /// The server did not answer in time.
    TimedOut,
    /// This machine could not even try: no descriptor, port or memory left.
    Resource,
}

impl ConnectFailure {
    /// Whose fault a failed connect is.
    pub fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(
                libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EADDRNOTAVAIL
                | libc::EADDRINUSE,
            ) => Self::Resource,
            Some(libc::ETIMEDOUT) => Self::TimedOut,
            Some(_) | None => Self::Refused,
        }
    }
}

/// What to do after a failed connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Try the same server at once.
    Retry,
    /// Try the same server after this many milliseconds.
    RetryAfter(u32),
    /// Choose another server.
    Redispatch,
    /// Give up.
    GiveUp,
}

impl Route {
    /// A connection that has just come in.
    pub fn new(frontend: FrontendId, backend: Option<BackendId>) -> Self {
        Self {
            frontend,
            backend,
            server: None,
            by_entry: false,
            redispatched: false,
            retries: 0,
            made: MadeEntries::default(),
            chosen_ms: 0,
        }
    }

    /// Chooses the server: the one that the client had before if it is usable, else by the
    /// balance algorithm, and remembers it. `avoid` has just failed; it is chosen again only
    /// where there is no other.
    pub fn choose(
        &mut self,
        client: Option<IpAddr>,
        backend: &mut Backend,
        tables: &mut Tables,
        avoid: Option<ServerIndex>,
        now_ms: u64,
    ) -> Option<ServerIndex> {
        let remembered = client.filter(|_| !backend.stick.is_empty());
        let by_entry = remembered.and_then(|client| {
            backend.stick.find(client, tables, now_ms, |index| {
                Some(index) != avoid
                    && backend.servers.get(index.index()).is_some_and(|s| s.is_usable_for_entry())
            })
        });
        self.by_entry = by_entry.is_some();
        let chosen = match by_entry {
            Some(server) => server,
            None => match backend.balance(client, avoid) {
                Some(server) => {
                    backend.counters.balanced += 1;
                    backend.server_mut(server).counters.balanced += 1;
                    server
                }
                None => avoid.filter(|server| backend.server(*server).is_usable_for_entry())?,
            },
        };
        if let Some(client) = remembered {
            let id = backend.server(chosen).config.id;
            let made = backend.stick.store(client, chosen, id, tables, now_ms);
            if !made.is_empty() {
                self.made = made;
            }
        }
        self.chosen_ms = now_ms;
        Some(chosen)
    }

    /// Decides what follows a failed connect, and counts it.
    pub fn after_failure(
        &mut self,
        failure: ConnectFailure,
        backend: &mut Backend,
    ) -> AfterFailure {
        let Some(server) = self.server else { return AfterFailure::GiveUp };
        if self.retries >= backend.config.retries {
            return AfterFailure::GiveUp;
        }
        self.retries += 1;
        let is_last = self.retries == backend.config.retries;
        // A client that no entry binds to this server need not wait for it.
        let is_free = !self.by_entry && backend.takes_turns() && backend.active() > 1;
        let is_gone = !backend.server(server).is_usable_for_entry();
        if backend.config.redispatch && (is_last || is_free || is_gone) {
            return AfterFailure::Redispatch;
        }
        backend.counters.retries += 1;
        backend.server_mut(server).counters.retries += 1;
        match failure {
            ConnectFailure::TimedOut => AfterFailure::Retry,
            ConnectFailure::Refused | ConnectFailure::Resource => {
                let connect_ms = backend.config.timeout_connect_ms.unwrap_or(TURN_AROUND_MS);
                AfterFailure::RetryAfter(connect_ms.min(TURN_AROUND_MS))
            }
        }
    }

    /// Takes back the entries that this connection made for a server that it never reached,
    /// unless somebody else has reached it since.
    pub fn take_back(
        &mut self,
        client: Option<IpAddr>,
        backend: &Backend,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        let (Some(client), Some(server)) = (client, self.server) else { return };
        let reached = backend.server(server).last_connect_ms;
        if self.made.is_empty() || reached.is_some_and(|at_ms| at_ms >= self.chosen_ms) {
            return;
        }
        backend.stick.take_back(client, server, self.made, tables, now_ms);
    }

    /// Gives the place at the server to the connection, and the one it had before back.
    pub fn hold(&mut self, server: ServerIndex, backend: &mut Backend) {
        match self.server.replace(server) {
            Some(previous) if previous == server => return,
            Some(previous) => {
                self.redispatched = true;
                backend.counters.redispatches += 1;
                backend.server_mut(previous).counters.redispatches += 1;
                backend.release_place(previous);
            }
            None => {}
        }
        backend.take_place(server);
    }
}

/// Where to connect to, and how.
pub fn target(backend: &Backend, server: ServerIndex) -> (&Address, ConnectOptions) {
    let server = &backend.server(server).config;
    let source = server.source.as_ref().or(backend.config.source.as_ref());
    let keepalive = backend.config.options.server_keepalive;
    (&server.address, ConnectOptions { source: source.cloned(), keepalive })
}
