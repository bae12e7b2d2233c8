//! Getting a client to a server: choosing, connecting, trying again, moving on.

use std::io;
use std::net::IpAddr;

use crate::config::{BackendId, FrontendId, ServerIndex};
use crate::net::address::Address;
use crate::net::socket::ConnectOptions;
use crate::net::tcp::TcpOptions;
use crate::proxy::backend::Backend;
use crate::proxy::backend::queue::Ticket;
use crate::proxy::backend::slots::Room;
use crate::proxy::backend::stick::{MadeEntries, Who};
use crate::proxy::shared::Shared;
use crate::reactor::token::Slot;
use crate::table::Tables;
use crate::table::key::Key;

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
    /// The server that it waited for without getting a place.
    pub waited_for: Option<ServerIndex>,
    /// Its place in a server's queue and in the backend's.
    pub queue_positions: (u32, u32),
    /// Whether a rule sends it to its own server even if that is down, and nowhere else.
    pub is_forced: bool,
    /// The server that a rule wants.
    pub wanted: Option<ServerIndex>,
    /// The keys of the backend's stick rules, where they are not simply the client's address.
    pub keys: Option<Box<[Option<Key>]>>,
    /// The provisional entries that it has made, and the server that they name.
    made: MadeEntries,
    remembered: Option<ServerIndex>,
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

/// Where a client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// To this server, at once.
    Go(ServerIndex),
    /// To this server, or to any without one, when there is a place.
    Wait(Option<ServerIndex>),
    /// Nowhere: this server is its own, and the queue there is full.
    Full(ServerIndex),
    /// Nowhere.
    NoServer,
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
            waited_for: None,
            queue_positions: (0, 0),
            is_forced: false,
            wanted: None,
            keys: None,
            made: MadeEntries::default(),
            remembered: None,
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
    ) -> Choice {
        let remembered = who(self.keys.as_deref(), client).filter(|_| !backend.stick.is_empty());
        let by_entry = remembered
            .and_then(|who| backend.server_of_entry(who, self.is_forced, tables, avoid, now_ms));
        let wanted = self
            .wanted
            .filter(|server| Some(*server) != avoid && backend.keeps_to(*server, self.is_forced));
        let by_entry = wanted.or(by_entry).filter(|server| !self.gives_up_full(*server, backend));
        self.by_entry = by_entry.is_some();
        let chosen = by_entry.or_else(|| backend.balance(client, avoid));
        let again = avoid
            .filter(|server| !backend.may_queue() && backend.server(*server).is_usable_for_entry());
        let Some(chosen) = chosen.or(again) else {
            return if backend.may_queue() { Choice::Wait(None) } else { Choice::NoServer };
        };
        if by_entry.is_none() && again.is_none() {
            backend.counters.balanced += 1;
            backend.server_mut(chosen).counters.balanced += 1;
        }
        self.remember(client, chosen, backend, tables, now_ms);
        match backend.room_at(chosen) {
            Room::Free => Choice::Go(chosen),
            Room::Queue => Choice::Wait(Some(chosen)),
            Room::None => Choice::Full(chosen),
        }
    }

    /// Whether a client moves on from its own server because the queue there is full.
    fn gives_up_full(&mut self, server: ServerIndex, backend: &mut Backend) -> bool {
        let may_move = backend.may_redispatch() && !self.is_forced;
        let moves = may_move && backend.room_at(server) == Room::None;
        if moves {
            self.count_move(server, backend);
        }
        moves
    }

    fn count_move(&mut self, from: ServerIndex, backend: &mut Backend) {
        self.redispatched = true;
        backend.counters.redispatches += 1;
        backend.server_mut(from).counters.redispatches += 1;
    }

    /// Remembers which server the client gets.
    pub fn remember(
        &mut self,
        client: Option<IpAddr>,
        server: ServerIndex,
        backend: &Backend,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        let who = who(self.keys.as_deref(), client);
        let config = &backend.server(server).config;
        if let Some(who) = who.filter(|_| !backend.stick.is_empty() && !config.non_stick) {
            self.made.extend(backend.stick.store(who, server, config.id, tables, now_ms));
            self.remembered = Some(server);
        }
    }

    /// Keeps the entries that this connection made: its server has been reached.
    pub fn settle(
        &mut self,
        client: Option<IpAddr>,
        backend: &Backend,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        if let Some((who, server, made)) = self.take_made(client) {
            let server_id = backend.server(server).config.id;
            backend.stick.settle(who, server, server_id, made, tables, now_ms);
        }
    }

    /// Takes back the entries that this connection made, if it has not reached their server,
    /// unless another connection of the client has.
    pub fn take_back(
        &mut self,
        client: Option<IpAddr>,
        backend: &Backend,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        if let Some((who, server, made)) = self.take_made(client) {
            backend.stick.take_back(who, server, made, tables, now_ms);
        }
    }

    fn take_made(&mut self, client: Option<IpAddr>) -> Option<(Who<'_>, ServerIndex, MadeEntries)> {
        let made = std::mem::take(&mut self.made);
        if made.is_empty() {
            return None;
        }
        Some((who(self.keys.as_deref(), client)?, self.remembered?, made))
    }

    /// Joins the queue for a server, or for any, and gives back the place that it had at another.
    pub fn queue(
        &mut self,
        server: Option<ServerIndex>,
        slot: Slot,
        backend: &mut Backend,
    ) -> Ticket {
        self.waited_for = server;
        let ticket = backend.queues.join(server, slot);
        if let Some(server) = server {
            backend.note_load(server);
        }
        if let Some(previous) = self.server {
            self.count_move(previous, backend);
            self.let_go(backend);
        }
        ticket
    }

    /// Leaves the queue; holds the place from now on that was kept for it, if one was.
    pub fn leave_queue(&mut self, ticket: Ticket, backend: &mut Backend) {
        let (server, position) = backend.queues.leave(ticket);
        self.server = server;
        match self.waited_for {
            Some(_) => self.queue_positions.0 += position,
            None => self.queue_positions.1 += position,
        }
        if let (None, Some(waited_for)) = (server, self.waited_for) {
            backend.note_load(waited_for);
        }
    }

    /// Whether it takes the place that was kept for it at `server`. Not if it waited for any
    /// server and meanwhile another connection of the client has been given one.
    pub fn keeps(
        &mut self,
        server: ServerIndex,
        client: Option<IpAddr>,
        backend: &mut Backend,
        tables: &mut Tables,
        now_ms: u64,
    ) -> bool {
        if self.waited_for.is_some() || backend.stick.is_empty() {
            return true;
        }
        let who = who(self.keys.as_deref(), client);
        let own =
            who.and_then(|who| backend.server_of_entry(who, self.is_forced, tables, None, now_ms));
        if own.is_some_and(|own| own != server) {
            self.let_go(backend);
            return false;
        }
        self.remember(client, server, backend, tables, now_ms);
        true
    }

    /// Gives its place at a server back.
    pub fn let_go(&mut self, backend: &mut Backend) {
        if let Some(server) = self.server.take() {
            backend.release_place(server);
        }
    }

    /// Counts that one of the sides ended it before its time.
    pub fn count_abort(&self, shared: &mut Shared, by_client: bool) {
        let (Some(id), Some(server)) = (self.backend, self.server) else { return };
        let backend = shared.backend_mut(id);
        if by_client {
            backend.counters.client_aborts += 1;
            backend.server_mut(server).counters.client_aborts += 1;
        } else {
            backend.counters.server_aborts += 1;
            backend.server_mut(server).counters.server_aborts += 1;
        }
    }

    /// Counts that no server took it.
    pub fn count_refusal(&self, backend: &mut Backend) {
        backend.counters.connect_errors += 1;
        if let Some(server) = self.waited_for {
            backend.server_mut(server).counters.connect_errors += 1;
        }
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
        let interval = backend.config.redispatch.filter(|_| !self.is_forced);
        let is_due =
            interval.is_some_and(|n| is_redispatch_due(n, self.retries, backend.config.retries));
        // A client that no entry binds to this server need not wait for it.
        let is_free = !self.by_entry && backend.takes_turns() && backend.active() > 1;
        let is_gone = !backend.server(server).is_usable_for_entry();
        if interval.is_some() && (is_due || is_free || is_gone) {
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

    /// Gives the place at the server to the connection, and the one it had before back.
    pub fn hold(&mut self, server: ServerIndex, backend: &mut Backend) {
        match self.server.replace(server) {
            Some(previous) if previous == server => {
                // Sent back to where it was: a retry after all.
                backend.counters.retries += 1;
                backend.server_mut(server).counters.retries += 1;
                return;
            }
            Some(previous) => {
                self.count_move(previous, backend);
                backend.release_place(previous);
            }
            None => {}
        }
        backend.take_place(server);
    }
}

/// Whether the retry is one at which a client moves: every so manieth, where a negative interval
/// counts back from the last.
fn is_redispatch_due(interval: i32, retry: u32, retries: u32) -> bool {
    let step = interval.unsigned_abs();
    match interval.signum() {
        0 => false,
        1 => retry.is_multiple_of(step),
        _ => retry.is_multiple_of(retries.saturating_add(1).saturating_sub(step).max(1)),
    }
}

/// Whom the stick rules are asked about.
fn who(keys: Option<&[Option<Key>]>, client: Option<IpAddr>) -> Option<Who<'_>> {
    keys.map(Who::Keys).or_else(|| client.map(Who::Address))
}

/// Where to connect to, and how.
pub fn target(backend: &Backend, server: ServerIndex) -> (&Address, ConnectOptions) {
    let server = &backend.server(server).config;
    let source = server.source.as_ref().or(backend.config.source.as_ref());
    let user_timeout_ms = server.user_timeout_ms;
    let options = ConnectOptions {
        source: source.map(|source| source.address.clone()),
        interface: source.and_then(|source| source.interface.clone()),
        tcp: TcpOptions { user_timeout_ms, ..backend.tcp },
    };
    (&server.address, options)
}
