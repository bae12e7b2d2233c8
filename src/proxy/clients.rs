//! All clients: the listeners where they come in, their connections, the deadlines, and the order
//! in which connections have their turn.
//!
//! Connections that move little have their turn first, then those that move much, within a budget
//! of bytes. So a small request does not wait for bulk data, and bulk data moves in large pieces.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use mio::event::Event;
use slab::Slab;

use super::connection::entry_failure::EntryFailure;
use super::connection::log_record::{Cause, Refusal};
use super::connection::{Accepted, Connection, Target, Wanted};
use super::counters::{Clear, ListenerCounters};
use super::frontend::listener::{Attempt, Listener, Listeners};
use super::health::Shutdown;
use super::relay::buffers::Share;
use super::shared::{Shared, Turn};
use crate::config::{Bind, FrontendId, TableId};
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::net::closing::Closing;
use crate::net::socket;
use crate::reactor::Reactor;
use crate::reactor::clock;
use crate::reactor::run_queue::RunQueue;
use crate::reactor::token::{Slot, Source};
use crate::reactor::wheel::{TimerId, Wheel};
use crate::table::RowId;

const NO_CONNECT: Topic = Topic::fault("connect to a server");
const NO_REGISTER: Topic = Topic::fault("register a client");

/// About as many bytes as the connections of one queue move together in one turn: when only few
/// move much, that takes less than a millisecond.
pub(super) const TURN_BYTES: u64 = 2 * 1024 * 1024;
/// The least that a connection costs in a turn, in bytes: as much as its system calls take. So at
/// most 1024 connections of a queue have their turn at once, however little they move.
const LEAST_BYTES: u64 = 2 * 1024;

/// How long TLS handshakes may take in a turn, in nanoseconds. One of RSA takes longer, and one is
/// always done.
const HANDSHAKES_NS: u64 = 500_000;

/// What a deadline belongs to.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Connection(Slot),
    Listener(u32),
}

/// A connection, and what the loop keeps of it.
#[derive(Debug)]
struct Member {
    connection: Connection,
    timer: Option<TimerId>,
    /// Whether it waits in a run queue.
    is_queued: bool,
}

/// All listeners and connections.
#[derive(Debug)]
pub struct Clients {
    listeners: Listeners,
    connections: Slab<Member>,
    generation: u32,
    wheel: Wheel<Owner>,
    ready: Ready,
    closed: Vec<u32>,
    closing: Closing,
    /// Sockets of frontends were closed for good, see [`Clients::take_closed`].
    has_closed_sockets: bool,
}

impl Clients {
    /// No listener and no connection, with room for `maxconn` connections. A listener accepts at
    /// most `accepts_per_turn` clients in a turn.
    pub fn new(maxconn: u32, accepts_per_turn: u32, now_ms: u64) -> Self {
        let capacity = maxconn as usize;
        Self {
            listeners: Listeners::new(accepts_per_turn),
            connections: Slab::with_capacity(capacity),
            generation: 0,
            wheel: Wheel::new(capacity, now_ms),
            ready: Ready::with_capacity(capacity),
            closed: Vec::with_capacity(capacity),
            closing: Closing::default(),
            has_closed_sockets: false,
        }
    }

    /// Starts to accept from `listener`.
    ///
    /// # Errors
    /// When its socket cannot be registered.
    pub fn add_listener(&mut self, listener: Listener, reactor: &Reactor) -> io::Result<()> {
        self.listeners.add(listener, reactor)
    }

    /// The listeners, in the order they were added.
    pub fn listeners(&self) -> &[Listener] {
        self.listeners.as_slice()
    }

    /// The entries of tables have moved: `follow` knows where to.
    pub fn follow_entries(&mut self, mut follow: impl FnMut(TableId, RowId) -> Option<RowId>) {
        for (_, member) in &mut self.connections {
            member.connection.follow_entries(&mut follow);
        }
    }

    /// Sets what is counted of the listeners back to zero.
    pub fn clear_listener_counters(&mut self, what: Clear) {
        self.listeners.visit_counters(|_, counters| counters.clear(what));
    }

    /// Shows what is counted of each listener that is counted alone.
    pub fn visit_listener_counters(&mut self, see: impl FnMut(&Bind, &mut ListenerCounters)) {
        self.listeners.visit_counters(see);
    }

    /// Stops accepting without closing: clients wait in the kernel's queues.
    pub fn pause_listeners(&mut self) {
        self.listeners.pause();
    }

    /// Accepts again after [`Clients::pause_listeners`].
    pub fn resume_listeners(&mut self) {
        self.listeners.resume();
    }

    /// Closes every listener. A process that has inherited a socket goes on listening there.
    pub fn close_listeners(&mut self, reactor: &Reactor) {
        self.listeners.close(reactor);
    }

    /// Has the clients of a frontend refused until [`Clients::resume_frontend`].
    ///
    /// # Errors
    /// What the system reports; then all listeners of the frontend go on as before.
    pub fn pause_frontend(&mut self, id: FrontendId, shared: &mut Shared) -> io::Result<()> {
        if let Err(error) = self.listeners.pause_frontend(id) {
            self.resume_frontend(id, shared)?;
            return Err(error);
        }
        shared.frontend_mut(id).is_paused = true;
        Ok(())
    }

    /// Lets clients in again after [`Clients::pause_frontend`].
    ///
    /// # Errors
    /// What the system reports.
    pub fn resume_frontend(&mut self, id: FrontendId, shared: &mut Shared) -> io::Result<()> {
        self.listeners.resume_frontend(id, shared)?;
        shared.frontend_mut(id).is_paused = false;
        Ok(())
    }

    /// Closes the listeners of a frontend for good; its connections go on.
    pub fn close_frontend(&mut self, id: FrontendId, shared: &mut Shared) {
        self.listeners.close_frontend(id);
        shared.frontend_mut(id).stopped = true;
        self.has_closed_sockets = true;
    }

    /// Whether sockets of frontends were closed for good since the last call.
    pub fn take_closed(&mut self) -> bool {
        std::mem::take(&mut self.has_closed_sockets)
    }

    /// Every connection.
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().map(|(_, member)| &member.connection)
    }

    /// The first connection whose slot is `index` or a later one, for a walk that goes on later.
    pub fn connection_from(&self, index: u32) -> Option<&Connection> {
        let index = index as usize;
        let member =
            (index..self.connections.capacity()).find_map(|index| self.connections.get(index));
        member.map(|member| &member.connection)
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Ends every connection; the next [`Clients::reap`] removes them.
    pub fn kill_all(&mut self, shared: &mut Shared) {
        self.kill_where(shared, Cause::Killed, |_| true);
    }

    /// Ends the connections that `which` picks; the next [`Clients::reap`] removes them.
    pub fn kill_where(
        &mut self,
        shared: &mut Shared,
        cause: Cause,
        which: impl Fn(&Connection) -> bool,
    ) {
        for (_, Member { connection, .. }) in &mut self.connections {
            if which(connection) {
                connection.kill(cause, shared);
                self.closed.push(connection.slot().index);
            }
        }
    }

    /// Ends the connections of a server because of its health.
    pub fn shut_down(&mut self, shutdown: Shutdown, shared: &mut Shared) {
        self.kill_where(shared, shutdown.cause, |connection| {
            connection.is_at(shutdown.backend, shutdown.server)
        });
    }

    /// Clients wait at a listener.
    pub fn handle_listener(&mut self, slot: Slot) {
        self.listeners.handle_readable(slot);
    }

    /// Something happened to a client's socket. The connection has its turn later.
    pub fn handle_client(&mut self, slot: Slot, event: &Event) {
        if let Some(member) = occupant(&mut self.connections, slot) {
            member.connection.client_mut().handle_event(event);
            self.ready.push(member);
        }
    }

    /// Something happened to a server's socket. The connection has its turn later.
    pub fn handle_server(&mut self, slot: Slot, event: &Event) {
        if let Some(member) = occupant(&mut self.connections, slot)
            && let Some(server) = member.connection.server_mut()
        {
            server.handle_event(event);
            self.ready.push(member);
        }
    }

    /// Whether there is work that needs no event.
    pub fn has_work(&self) -> bool {
        !self.ready.is_empty() || self.listeners.has_work()
    }

    /// When the next deadline may be due.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.wheel.next_ms()
    }

    /// Queues the connections and listeners whose deadline has come. A connection whose deadline
    /// has moved to a later time waits on.
    pub fn expire(&mut self, shared: &Shared, now_ms: u64) {
        while let Some(owner) = self.wheel.pop_due(now_ms) {
            match owner {
                Owner::Connection(slot) => self.expire_connection(slot, shared, now_ms),
                Owner::Listener(index) => self.listeners.handle_timeout(index, now_ms),
            }
        }
    }

    fn expire_connection(&mut self, slot: Slot, shared: &Shared, now_ms: u64) {
        let Some(member) = occupant(&mut self.connections, slot) else { return };
        member.timer = match member.connection.poll_timeout(shared) {
            Some(at_ms) if at_ms > now_ms => {
                Some(self.wheel.insert(Owner::Connection(slot), at_ms))
            }
            Some(_) => {
                member.connection.handle_timeout();
                self.ready.push(member);
                None
            }
            None => None,
        };
    }

    /// Accepts clients, as many as fit the turn. Returns whether there were any.
    pub fn accept(&mut self, reactor: &Reactor, shared: &mut Shared, now_ms: u64) -> bool {
        let mut turn = Turn { shared, now_ms };
        let before = self.generation;
        for _ in 0..self.listeners.per_turn() {
            if let Some(index) = self.listeners.pop_ready() {
                self.accept_from(index, reactor, &mut turn);
            }
        }
        self.generation != before
    }

    /// Advances the queued connections, each once, and as many as fit the turn. What is left, and
    /// connections that have more to do, wait for the next turn.
    pub fn run(&mut self, reactor: &Reactor, shared: &mut Shared, now_ms: u64) {
        let mut turn = Turn { shared, now_ms };
        for share in [Share::Light, Share::Heavy, Share::Costly] {
            let waiting = self.ready.queue(share).len();
            if waiting == 0 {
                continue;
            }
            let mut allowance = Allowance::new(share, turn.shared.totals.bytes());
            for _ in 0..waiting {
                if allowance.is_spent() {
                    break;
                }
                let Some(slot) = self.ready.queue(share).pop() else { break };
                self.advance(slot, reactor, &mut turn);
                allowance.charge(turn.shared.totals.bytes());
            }
        }
    }

    fn accept_from(&mut self, index: u32, reactor: &Reactor, turn: &mut Turn<'_>) {
        let at = clock::wall();
        for _ in 0..self.listeners.accepts_per_turn() {
            match self.listeners.accept(index, at, turn) {
                Attempt::Client(accepted) => self.add_connection(accepted, reactor, turn),
                Attempt::TryAgain => {}
                Attempt::Over => return,
                Attempt::Limited { until_ms } => {
                    self.wheel.insert(Owner::Listener(index), until_ms);
                    return;
                }
            }
        }
        self.listeners.queue(index);
    }

    fn add_connection(&mut self, accepted: Accepted, reactor: &Reactor, turn: &mut Turn<'_>) {
        self.generation = self.generation.wrapping_add(1);
        let entry = self.connections.vacant_entry();
        let index = u32::try_from(entry.key()).expect("fewer connections than descriptors");
        let slot = Slot { index, generation: self.generation };
        let is_session_open = !accepted.expects_header && accepted.acceptor.is_none();
        // Made in its place: a connection is too large to be moved without a cost.
        let member = entry.insert(Member {
            connection: Connection::accept(slot, accepted, turn),
            timer: None,
            is_queued: false,
        });
        if is_session_open {
            member.connection.log_arrival(turn.shared);
        }
        let fd = member.connection.client().as_fd();
        if let Err(error) = reactor.register(fd, Source::Client(slot)) {
            let text = format_args!("register a client: {error}");
            limited::warn(turn.now_ms, NO_REGISTER, "", text);
            member.connection.kill(Cause::Resource, turn.shared);
        }
        self.ready.push(member);
    }

    fn advance(&mut self, slot: Slot, reactor: &Reactor, turn: &mut Turn<'_>) {
        let Some(member) = occupant(&mut self.connections, slot) else { return };
        member.is_queued = false;
        let connection = &mut member.connection;
        loop {
            match connection.advance(turn) {
                Wanted::Socket(target) => {
                    let opened = open(connection, target, turn).and_then(|fd| {
                        reactor.register(fd.as_fd(), Source::Server(slot)).map(|()| fd)
                    });
                    if let Err(error) = &opened {
                        let server = turn.shared.backend(target.backend).server(target.server);
                        let address = &server.address;
                        let text = format_args!("connect to {address}: {error}");
                        limited::warn(turn.now_ms, NO_CONNECT, address, text);
                    }
                    connection.handle_opened(target, opened, turn);
                }
                Wanted::Turn => {
                    self.ready.push(member);
                    break;
                }
                Wanted::Event => break,
                Wanted::Removal => {
                    self.closed.push(slot.index);
                    return;
                }
            }
        }
        if let Some(at_ms) = member.connection.poll_nearer_timeout(turn.shared) {
            match member.timer {
                Some(timer) if self.wheel.at_ms(timer) <= at_ms => {}
                Some(timer) => self.wheel.rearm(timer, at_ms),
                None => {
                    member.timer = Some(self.wheel.insert(Owner::Connection(slot), at_ms));
                }
            }
        }
    }

    /// Removes the connections that were closed in this turn. From here on their slots may be used
    /// again.
    pub fn reap(&mut self, shared: &mut Shared, now_ms: u64) {
        let mut turn = Turn { shared, now_ms };
        while let Some(index) = self.closed.pop() {
            // A connection that was ended from outside may be here twice.
            let Some(member) = self.connections.try_remove(index as usize) else { continue };
            let Member { connection, timer, .. } = member;
            if let Some(timer) = timer {
                self.wheel.remove(timer);
            }
            self.listeners.release(&connection);
            if let Some(failure) = connection.entry_failure() {
                self.log_refusal(&connection, failure, turn.shared);
            }
            connection.finish(&mut turn, &mut self.closing);
        }
        self.closing.close();
        self.listeners.wake_full(turn.shared);
        if turn.shared.has_queues {
            self.wake_called(turn.shared);
        }
    }

    /// Lets the connections go on that were called from a queue.
    fn wake_called(&mut self, shared: &mut Shared) {
        for backend in &mut shared.backends {
            for slot in backend.woken.drain(..) {
                if let Some(member) = occupant(&mut self.connections, slot) {
                    self.ready.push(member);
                }
            }
        }
    }

    /// Tells the log that a client was refused because of its PROXY header or TLS handshake.
    fn log_refusal(&self, connection: &Connection, why: EntryFailure, shared: &mut Shared) {
        let frontend = shared.frontend(connection.frontend());
        let is_quiet = frontend.config.options.dontlognull && why.is_silent();
        if !frontend.logs() || is_quiet || frontend.logs_refusals() {
            return;
        }
        let refusal = Refusal {
            listener: self.listeners.label(connection.listener()),
            client: connection.client_address(),
            accepted_at: connection.accepted_at(),
            why,
        };
        shared.refusals.push((connection.frontend(), refusal));
    }

    /// A limit of connections was changed: listeners that were full may accept again.
    pub fn handle_limits_changed(&mut self, shared: &Shared) {
        self.listeners.wake_full(shared);
    }
}

fn occupant(connections: &mut Slab<Member>, slot: Slot) -> Option<&mut Member> {
    let member = connections.get_mut(slot.index as usize)?;
    (member.connection.slot() == slot).then_some(member)
}

/// The connections that can make progress, in two queues.
#[derive(Debug)]
struct Ready {
    /// Connections that move little, or of which nothing is known yet.
    light: RunQueue<Slot>,
    /// Connections that move much.
    heavy: RunQueue<Slot>,
    /// Connections in a TLS handshake.
    costly: RunQueue<Slot>,
}

impl Ready {
    fn with_capacity(capacity: usize) -> Self {
        let queue = || RunQueue::with_capacity(capacity);
        Self { light: queue(), heavy: queue(), costly: queue() }
    }

    /// Queues a connection, unless it is queued.
    fn push(&mut self, member: &mut Member) {
        if std::mem::replace(&mut member.is_queued, true) {
            return;
        }
        self.queue(member.connection.share()).push(member.connection.slot());
    }

    fn queue(&mut self, share: Share) -> &mut RunQueue<Slot> {
        match share {
            Share::Light => &mut self.light,
            Share::Heavy => &mut self.heavy,
            Share::Costly => &mut self.costly,
        }
    }

    fn is_empty(&self) -> bool {
        self.light.is_empty() && self.heavy.is_empty() && self.costly.is_empty()
    }
}

/// Starts to connect to the server that a connection has chosen.
fn open(connection: &mut Connection, target: Target, turn: &Turn<'_>) -> io::Result<OwnedFd> {
    let backend = turn.shared.backend(target.backend);
    let (address, options) = connection.way_to(target.server, backend);
    let Some(address) = address else {
        return Err(io::Error::other("the client has connected to no IP address"));
    };
    connection.keep_server_address(&address, turn.shared);
    socket::connect(&address, &options)
}

/// What is left of a turn for the connections of one queue.
#[derive(Debug)]
struct Allowance {
    /// The bytes that the process had moved at the last charge.
    moved: u64,
    spent: u64,
    /// When the time of TLS handshakes is used up. So clients that speak in the clear wait little
    /// for them.
    until_ns: Option<u64>,
}

impl Allowance {
    fn new(share: Share, moved: u64) -> Self {
        let until_ns = (share == Share::Costly).then(|| clock::now_ns() + HANDSHAKES_NS);
        Self { moved, spent: 0, until_ns }
    }

    fn is_spent(&self) -> bool {
        self.spent >= TURN_BYTES || self.until_ns.is_some_and(|until| clock::now_ns() >= until)
    }

    /// Takes off what a connection has cost, now that the process has moved so many bytes.
    fn charge(&mut self, moved: u64) {
        self.spent += (moved - self.moved).max(LEAST_BYTES);
        self.moved = moved;
    }
}
