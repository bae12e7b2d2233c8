//! Where a connection comes from and goes to: choosing a server, waiting for a slot there, and
//! what follows when the server cannot be reached.

use std::io;
use std::net::IpAddr;

use crate::config::{BackendId, FrontendId, LogLevel, ServerIndex};
use crate::proxy::backend::queue::{Left, Priority, Ticket};
use crate::proxy::backend::stick::{ClientKeys, MadeEntries};
use crate::proxy::backend::{Backend, Room};
use crate::reactor::token::Slot;
use crate::table::Tables;
use crate::table::key::Key;

/// The longest wait before the same server is tried again after it refused, as in HAProxy.
const TURN_AROUND_MS: u32 = 1000;

/// A server at which a connection holds a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The backend.
    pub backend: BackendId,
    /// The server.
    pub server: ServerIndex,
}

/// Where a connection comes from and goes to, and what happened on the way. The server at which
/// the connection holds a slot is part of the connection's state.
#[derive(Debug)]
pub(super) struct Route {
    /// The frontend that accepted the connection.
    pub(super) frontend: FrontendId,
    /// The backend, once it is known.
    pub(super) backend: Option<BackendId>,
    /// Whether a stick entry chose the server, not the balance algorithm.
    pub(super) by_entry: bool,
    /// Whether the connection was moved to another server.
    pub(super) redispatched: bool,
    /// Connects tried again.
    pub(super) retries: u32,
    /// The server whose queue the connection joined last, or found full.
    pub(super) waited_for: Option<ServerIndex>,
    /// Connections that were before this one in the queues of servers.
    pub(super) server_queue: u32,
    /// Connections that were before this one in the backend's queue.
    pub(super) backend_queue: u32,
    /// Whether a rule sends the client to its own server even if that is down, and nowhere else.
    pub(super) is_forced: bool,
    /// The server that a rule names.
    pub(super) wanted: Option<ServerIndex>,
    /// The server that the client's RDP cookie names.
    pub(super) named: Option<ServerIndex>,
    /// The hash of the client's RDP cookie, where the algorithm wants one.
    pub(super) cookie: Option<u32>,
    /// The keys of the backend's stick rules, where they are not simply the client's address.
    pub(super) keys: Option<Box<[Option<Key>]>>,
    /// The level that a rule has given to the connection's line in the log.
    pub(super) log_level: Option<LogLevel>,
    /// The provisional entries that the connection has made.
    made: MadeEntries,
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

/// Which server a client goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// To this server, at once.
    Go(ServerIndex),
    /// Into the queue of this server, or into the backend's.
    Queue(Option<ServerIndex>),
    /// Nowhere: the client belongs to this server, and the queue there is full.
    Full(ServerIndex),
    /// Nowhere: no server takes clients.
    NoServer,
}

/// What to do after a failed connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterFailure {
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
    pub(super) fn new(frontend: FrontendId, backend: Option<BackendId>) -> Self {
        Self {
            frontend,
            backend,
            by_entry: false,
            redispatched: false,
            retries: 0,
            waited_for: None,
            server_queue: 0,
            backend_queue: 0,
            is_forced: false,
            wanted: None,
            named: None,
            cookie: None,
            keys: None,
            log_level: None,
            made: MadeEntries::default(),
        }
    }

    /// Chooses the server: the one that the client had before if that is usable, else by the
    /// balance algorithm, and stores it. The server `failed` is chosen again only where there is
    /// no other.
    pub(super) fn choose(
        &mut self,
        client: Option<IpAddr>,
        backend: &mut Backend,
        tables: &mut Tables,
        failed: Option<ServerIndex>,
        now_ms: u64,
    ) -> Choice {
        let keys = self.keys_of(client).filter(|_| !backend.stick.is_empty());
        let by_entry = keys
            .and_then(|keys| backend.server_of_entry(keys, self.is_forced, tables, failed, now_ms));
        let is_forced = self.is_forced;
        let may =
            |server: &ServerIndex| Some(*server) != failed && backend.keeps_to(*server, is_forced);
        let (wanted, named) = (self.wanted.filter(may), self.named.filter(may));
        let by_entry =
            wanted.or(by_entry).or(named).filter(|server| !self.gives_up_full(*server, backend));
        self.by_entry = by_entry.is_some();
        let chosen = by_entry.or_else(|| backend.balance(client, self.cookie, failed));
        let again = failed
            .filter(|server| !backend.may_queue() && backend.server(*server).is_usable_for_entry());
        let Some(chosen) = chosen.or(again) else {
            return if backend.may_queue() { Choice::Queue(None) } else { Choice::NoServer };
        };
        if by_entry.is_none() && again.is_none() && chosen != ServerIndex::DISPATCH {
            backend.count(chosen, |counters| counters.balanced += 1);
        }
        self.store(client, chosen, backend, tables, now_ms);
        match backend.room_at(chosen) {
            Room::Slot => Choice::Go(chosen),
            Room::Queue => Choice::Queue(Some(chosen)),
            Room::None => Choice::Full(chosen),
        }
    }

    /// Whether a client moves on from its own server because the queue there is full.
    fn gives_up_full(&mut self, server: ServerIndex, backend: &mut Backend) -> bool {
        let may_move = backend.may_redispatch() && !self.is_forced;
        let moves = may_move && backend.room_at(server) == Room::None;
        if moves {
            self.count_redispatch(server, backend);
        }
        moves
    }

    fn count_redispatch(&mut self, from: ServerIndex, backend: &mut Backend) {
        self.redispatched = true;
        backend.count(from, |counters| counters.redispatches += 1);
    }

    /// Stores in the stick tables which server the client gets.
    fn store(
        &mut self,
        client: Option<IpAddr>,
        server: ServerIndex,
        backend: &Backend,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        let Self { keys, made, .. } = self;
        if !backend.stick.is_empty()
            && server != ServerIndex::DISPATCH
            && !backend.server(server).config.settings.non_stick
            && let Some(keys) = client_keys(keys.as_deref(), client)
        {
            backend.stick.store(keys, server, made, tables, now_ms);
        }
    }

    /// Ends the provisional time of the entries that this connection made: keeps them if the
    /// connection has reached their server, and else takes them back, unless another connection of
    /// the client has reached the server.
    pub(super) fn settle_entries(
        &mut self,
        has_reached: bool,
        client: Option<IpAddr>,
        backend: &Backend,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        if self.made.is_empty() {
            return;
        }
        let made = std::mem::take(&mut self.made);
        let Some(keys) = self.keys_of(client) else { return };
        if has_reached {
            backend.stick.confirm(keys, made, tables, now_ms);
        } else {
            backend.stick.take_back(keys, made, tables, now_ms);
        }
    }

    /// Joins the queue of a server, or the backend's. Gives back the slot that the connection
    /// held at another server, if it held one.
    pub(super) fn join_queue(
        &mut self,
        server: Option<ServerIndex>,
        held: Option<ServerIndex>,
        (connection, priority): (Slot, Priority),
        backend: &mut Backend,
        now_ms: u64,
    ) -> Ticket {
        self.waited_for = server;
        let ticket = backend.queues.join(server, connection, priority, now_ms);
        if let Some(server) = server {
            backend.update_load(server);
        }
        if let Some(held) = held {
            self.count_redispatch(held, backend);
            backend.release_slot(held);
        }
        ticket
    }

    /// Leaves the queue. Returns the server whose slot was kept for the connection, if one was:
    /// from now on the connection holds it.
    pub(super) fn leave_queue(
        &mut self,
        ticket: Ticket,
        backend: &mut Backend,
    ) -> Option<ServerIndex> {
        let Left { server, called } = backend.queues.leave(ticket);
        match self.waited_for {
            Some(_) => self.server_queue += called,
            None => self.backend_queue += called,
        }
        if let (None, Some(waited_for)) = (server, self.waited_for) {
            backend.update_load(waited_for);
        }
        server
    }

    /// Whether the connection takes the slot at `server` that was kept for it. It does not if it
    /// waited for any server, and meanwhile another connection of the client got one elsewhere.
    pub(super) fn takes_kept_slot(
        &mut self,
        server: ServerIndex,
        client: Option<IpAddr>,
        backend: &Backend,
        tables: &mut Tables,
        now_ms: u64,
    ) -> bool {
        if self.waited_for.is_some() || backend.stick.is_empty() {
            return true;
        }
        let own = self
            .keys_of(client)
            .and_then(|keys| backend.server_of_entry(keys, self.is_forced, tables, None, now_ms));
        if own.is_some_and(|own| own != server) {
            return false;
        }
        self.store(client, server, backend, tables, now_ms);
        true
    }

    /// Counts that no server took the connection.
    pub(super) fn count_refusal(&self, backend: &mut Backend) {
        match self.waited_for {
            Some(server) => backend.count(server, |counters| counters.connect_errors += 1),
            None => backend.counters.connect_errors += 1,
        }
    }

    /// Decides what follows a failed connect to `server`, and counts it.
    pub(super) fn after_failure(
        &mut self,
        failure: ConnectFailure,
        server: ServerIndex,
        backend: &mut Backend,
    ) -> AfterFailure {
        if self.retries >= backend.config.retries {
            return AfterFailure::GiveUp;
        }
        self.retries += 1;
        let interval = backend.config.redispatch.filter(|_| !self.is_forced);
        let is_due =
            interval.is_some_and(|n| is_redispatch_due(n, self.retries, backend.config.retries));
        // A client that no entry binds to this server need not wait for it.
        let is_free = !self.by_entry && backend.takes_turns() && backend.active() > 1;
        let is_gone = !backend.server(server).is_usable_for_entry();
        if interval.is_some() && (is_due || is_free || is_gone) {
            return AfterFailure::Redispatch;
        }
        backend.count(server, |counters| counters.retries += 1);
        match failure {
            ConnectFailure::TimedOut => AfterFailure::Retry,
            ConnectFailure::Refused | ConnectFailure::Resource => {
                let connect_ms = backend.config.timeout_connect_ms.unwrap_or(TURN_AROUND_MS);
                AfterFailure::RetryAfter(connect_ms.min(TURN_AROUND_MS))
            }
        }
    }

    /// Takes a slot at the chosen server. Gives back the slot that the connection held at the
    /// server that failed, if it held one.
    pub(super) fn take_slot(
        &mut self,
        server: ServerIndex,
        held: Option<ServerIndex>,
        backend: &mut Backend,
    ) {
        match held {
            // The connection comes back to where it was: that is a retry.
            Some(held) if held == server => {
                backend.count(server, |counters| counters.retries += 1);
                return;
            }
            Some(held) => {
                self.count_redispatch(held, backend);
                backend.release_slot(held);
            }
            None => {}
        }
        backend.take_slot(server);
    }

    /// The keys that the stick rules look up.
    fn keys_of(&self, client: Option<IpAddr>) -> Option<ClientKeys<'_>> {
        client_keys(self.keys.as_deref(), client)
    }
}

fn client_keys(keys: Option<&[Option<Key>]>, client: Option<IpAddr>) -> Option<ClientKeys<'_>> {
    keys.map(ClientKeys::PerRule).or_else(|| client.map(ClientKeys::Address))
}

/// Whether the client moves to another server at this retry. With an interval of 3 that is every
/// third retry; with -1 it is the last retry, with -2 the last but one.
fn is_redispatch_due(interval: i32, retry: u32, retries: u32) -> bool {
    let step = interval.unsigned_abs();
    match interval.signum() {
        0 => false,
        1 => retry.is_multiple_of(step),
        _ => retry.is_multiple_of(retries.saturating_add(1).saturating_sub(step).max(1)),
    }
}
