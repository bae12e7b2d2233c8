//! Every listener and connection: their slots, their deadlines, and whose turn it is.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use mio::event::Event;
use slab::Slab;

use super::connection::cause::Ended;
use super::connection::log_record::Refusal;
use super::connection::proxy_header::HeaderFailure;
use super::connection::ready::{Allowance, Ready, listeners_per_turn};
use super::connection::route;
use super::connection::{Accepted, Connection, Step};
use super::frontend::admission;
use super::frontend::admission::{Admitted, Denied};
use super::frontend::listener::{Listener, ListenerState};
use super::health::Shutdown;
use super::relay::buffers::Share;
use super::shared::Shared;
use crate::config::FrontendId;
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::net::accept::Accept;
use crate::net::closing::Closing;
use crate::net::socket;
use crate::reactor::Reactor;
use crate::reactor::clock;
use crate::reactor::listen::shortage;
use crate::reactor::run_queue::RunQueue;
use crate::reactor::token::{Slot, Source};
use crate::reactor::wheel::Wheel;

const NO_CONNECT: Topic = Topic::fault("connect to a server");
const NO_REGISTER: Topic = Topic::fault("register a client");

/// Whom a deadline belongs to.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Connection(Slot),
    Listener(u32),
}

/// All listeners and connections.
#[derive(Debug)]
pub struct Clients {
    listeners: Vec<Listener>,
    connections: Slab<Connection>,
    generation: u32,
    wheel: Wheel<Owner>,
    ready_listeners: RunQueue<u32>,
    ready: Ready,
    closed: Vec<u32>,
    closing: Closing,
    accepts_per_turn: u32,
    full: bool,
}

impl Clients {
    /// No listener and no connection, with room for `maxconn` of them.
    pub fn new(maxconn: u32, accepts_per_turn: u32, now_ms: u64) -> Self {
        let capacity = maxconn as usize;
        Self {
            listeners: Vec::new(),
            connections: Slab::with_capacity(capacity),
            generation: 0,
            wheel: Wheel::new(capacity, now_ms),
            ready_listeners: RunQueue::with_capacity(16),
            ready: Ready::with_capacity(capacity),
            closed: Vec::with_capacity(capacity),
            closing: Closing::default(),
            accepts_per_turn: accepts_per_turn.max(1),
            full: false,
        }
    }

    /// Starts to accept from `listener`, unless its state says otherwise.
    pub fn add_listener(&mut self, listener: Listener, reactor: &Reactor) -> io::Result<()> {
        let index = u32::try_from(self.listeners.len()).expect("fewer listeners than descriptors");
        let slot = Slot { index, generation: 0 };
        if let Some(fd) = listener.socket() {
            reactor.register_readable(fd, Source::Listener(slot))?;
        }
        self.listeners.push(listener);
        self.queue_listener(index);
        Ok(())
    }

    /// The listeners, in the order they were added.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Stops accepting without closing: clients wait in the kernel's queues.
    pub fn pause_listeners(&mut self) {
        for listener in &mut self.listeners {
            listener.set_state(ListenerState::Paused);
        }
    }

    /// Accepts again after [`Clients::pause_listeners`].
    pub fn resume_listeners(&mut self) {
        for index in 0..u32::try_from(self.listeners.len()).unwrap_or(u32::MAX) {
            self.listeners[index as usize].set_state(ListenerState::Accepting);
            self.queue_listener(index);
        }
    }

    /// Closes every listener. What was inherited by a successor goes on listening there.
    pub fn close_listeners(&mut self, reactor: &Reactor) {
        for listener in &mut self.listeners {
            listener.close(reactor);
        }
        self.listeners.clear();
    }

    /// Has the clients of a frontend refused until [`Clients::resume_frontend`].
    ///
    /// # Errors
    /// What the system reports; then all of its listeners go on as before.
    pub fn pause_frontend(&mut self, id: FrontendId, shared: &mut Shared) -> io::Result<()> {
        let mut own = self.listeners.iter_mut().filter(|listener| listener.frontend == id);
        if let Err(error) = own.try_for_each(Listener::suspend) {
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
        for index in 0..u32::try_from(self.listeners.len()).unwrap_or(u32::MAX) {
            let listener = &mut self.listeners[index as usize];
            if listener.frontend == id {
                let backlog = shared.frontend(id).config.backlog(&listener.bind);
                listener.resume(backlog.unwrap_or(socket::BACKLOG))?;
                self.queue_listener(index);
            }
        }
        shared.frontend_mut(id).is_paused = false;
        Ok(())
    }

    /// Closes the listeners of a frontend for good; its connections go on.
    pub fn close_frontend(&mut self, id: FrontendId, shared: &mut Shared) {
        for listener in self.listeners.iter_mut().filter(|listener| listener.frontend == id) {
            listener.drop_socket();
        }
        shared.frontend_mut(id).stopped = true;
    }

    /// Every connection.
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().map(|(_, connection)| connection)
    }

    /// The connection in a slot, for a walk that is resumed later: the first at or after `index`.
    pub fn connection_from(&self, index: u32) -> Option<&Connection> {
        let index = index as usize;
        (index..self.connections.capacity()).find_map(|index| self.connections.get(index))
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
        self.kill_where(shared, Ended::Killed, |_| true);
    }

    /// Ends the connections that `which` picks; the next [`Clients::reap`] removes them.
    pub fn kill_where(
        &mut self,
        shared: &mut Shared,
        ended: Ended,
        which: impl Fn(&Connection) -> bool,
    ) {
        for (_, connection) in &mut self.connections {
            if which(connection) {
                connection.kill(ended, shared);
                self.closed.push(connection.slot.index);
            }
        }
    }

    /// Ends the connections of a server because of its health.
    pub fn shut_down(&mut self, shutdown: Shutdown, shared: &mut Shared) {
        self.kill_where(shared, shutdown.ended, |connection| {
            let route = connection.route();
            (route.backend, route.server) == (Some(shutdown.backend), Some(shutdown.server))
        });
    }

    /// Notes that clients wait at a listener.
    pub fn note_listener(&mut self, slot: Slot) {
        if let Some(listener) = self.listeners.get_mut(slot.index as usize) {
            listener.note_readable();
            self.queue_listener(slot.index);
        }
    }

    /// Notes what happened to a client's socket.
    pub fn note_client(&mut self, slot: Slot, event: &Event) {
        if let Some(connection) = occupant(&mut self.connections, slot) {
            connection.client_mut().note(event);
            self.ready.push(connection);
        }
    }

    /// Notes what happened to a server's socket.
    pub fn note_server(&mut self, slot: Slot, event: &Event) {
        if let Some(connection) = occupant(&mut self.connections, slot)
            && let Some(server) = connection.server_mut()
        {
            server.note(event);
            self.ready.push(connection);
        }
    }

    /// Whether there is work that needs no event.
    pub fn has_work(&self) -> bool {
        !self.ready.is_empty() || !self.ready_listeners.is_empty()
    }

    /// When the next deadline may be due.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.wheel.next_ms()
    }

    /// Queues whose deadline has come. Those with a later one by now wait on.
    pub fn expire(&mut self, shared: &Shared, now_ms: u64) {
        while let Some(owner) = self.wheel.pop_due(now_ms) {
            match owner {
                Owner::Connection(slot) => self.expire_connection(slot, shared, now_ms),
                Owner::Listener(index) => self.expire_listener(index, now_ms),
            }
        }
    }

    fn expire_connection(&mut self, slot: Slot, shared: &Shared, now_ms: u64) {
        let Some(connection) = occupant(&mut self.connections, slot) else { return };
        connection.timer = match connection.poll_timeout(shared) {
            Some(at_ms) if at_ms > now_ms => {
                Some(self.wheel.insert(Owner::Connection(slot), at_ms))
            }
            Some(_) => {
                connection.note_due();
                self.ready.push(connection);
                None
            }
            None => None,
        };
    }

    fn expire_listener(&mut self, index: u32, now_ms: u64) {
        let Some(listener) = self.listeners.get_mut(index as usize) else { return };
        if let ListenerState::Starved { until_ms } = listener.state()
            && until_ms <= now_ms
        {
            listener.set_state(ListenerState::Accepting);
            self.queue_listener(index);
        }
    }

    /// Accepts and advances whoever is queued, each once, and as many as fit the turn: those that
    /// move little first, then those that move much. The others, and whoever has more to do, wait
    /// in their queues for the next turn.
    pub fn run(&mut self, reactor: &Reactor, shared: &mut Shared, now_ms: u64) {
        let listeners = listeners_per_turn(self.accepts_per_turn);
        for _ in 0..self.ready_listeners.len().min(listeners) {
            let Some(index) = self.ready_listeners.pop() else { break };
            self.accept_from(index, reactor, shared, now_ms);
        }
        for share in [Share::Light, Share::Heavy] {
            let mut allowance = Allowance::new(shared.totals.bytes());
            for _ in 0..self.ready.queue(share).len() {
                if allowance.is_spent() {
                    break;
                }
                let Some(slot) = self.ready.queue(share).pop() else { break };
                self.advance(slot, reactor, shared, now_ms);
                allowance.charge(shared.totals.bytes());
            }
        }
    }

    fn accept_from(&mut self, index: u32, reactor: &Reactor, shared: &mut Shared, now_ms: u64) {
        let Some(listener) = self.listeners.get_mut(index as usize) else { return };
        listener.queued = false;
        if !listener.is_ready() {
            return;
        }
        let at = clock::wall();
        for _ in 0..self.accepts_per_turn {
            let Some(listener) = self.listeners.get_mut(index as usize) else { return };
            if is_full(listener, shared) {
                listener.set_state(ListenerState::Full);
                self.full = true;
                return;
            }
            let frontend = listener.frontend;
            if let Some(until_ms) = shared.rate_limited_until_ms(frontend, now_ms) {
                listener.set_state(ListenerState::Starved { until_ms });
                self.wheel.insert(Owner::Listener(index), until_ms);
                return;
            }
            match listener.accept() {
                Accept::Client(fd, client) => {
                    listener.current += 1;
                    shared.totals.accept_rate.count(now_ms);
                    let expects_header = listener.bind.accept_proxy;
                    let listener = index;
                    let local = || socket::local_address(fd.as_fd()).ok()?.ip();
                    let admitted =
                        admission::admit(frontend, client, expects_header, local, shared, now_ms);
                    let Admitted { tracks, expects_header } = match admitted {
                        Ok(admitted) => admitted,
                        Err(denied) => {
                            turn_away(&fd, client.is_some(), denied);
                            self.forget_client(listener);
                            continue;
                        }
                    };
                    let accepted =
                        Accepted { fd, client, listener, frontend, at, expects_header, tracks };
                    self.add_connection(accepted, reactor, shared, now_ms);
                }
                Accept::Drained => return,
                Accept::Aborted => shared.totals.accept_aborts += 1,
                Accept::Shortage(error) => {
                    self.starve(index, &error, shared, now_ms);
                    return;
                }
            }
        }
        self.queue_listener(index);
    }

    fn forget_client(&mut self, listener: u32) {
        if let Some(listener) = self.listeners.get_mut(listener as usize) {
            listener.current = listener.current.saturating_sub(1);
        }
    }

    /// Lets a listener rest for a moment.
    fn starve(&mut self, index: u32, error: &io::Error, shared: &mut Shared, now_ms: u64) {
        let Some(listener) = self.listeners.get_mut(index as usize) else { return };
        let whom = format_args!("a client of {}", listener.address);
        let until_ms = shortage::begin(whom, error, now_ms);
        listener.set_state(ListenerState::Starved { until_ms });
        self.wheel.insert(Owner::Listener(index), until_ms);
        shared.totals.accept_pauses += 1;
    }

    fn add_connection(
        &mut self,
        accepted: Accepted,
        reactor: &Reactor,
        shared: &mut Shared,
        now_ms: u64,
    ) {
        self.generation = self.generation.wrapping_add(1);
        let entry = self.connections.vacant_entry();
        let index = u32::try_from(entry.key()).expect("fewer connections than descriptors");
        let slot = Slot { index, generation: self.generation };
        let expects_header = accepted.expects_header;
        let connection = Connection::accept(slot, accepted, shared, now_ms);
        let connection = entry.insert(connection);
        if !expects_header {
            connection.note_arrival(shared);
        }
        if let Err(error) = reactor.register(connection.client().as_fd(), Source::Client(slot)) {
            let text = format_args!("register a client: {error}");
            limited::warn(now_ms, NO_REGISTER, "", text);
            connection.kill(Ended::Resource, shared);
        }
        self.ready.push(connection);
    }

    fn advance(&mut self, slot: Slot, reactor: &Reactor, shared: &mut Shared, now_ms: u64) {
        let Some(connection) = occupant(&mut self.connections, slot) else { return };
        connection.queued = false;
        loop {
            match connection.advance(shared, now_ms) {
                Step::Connect(backend, server) => {
                    let backend = shared.backend(backend);
                    let (address, options) = route::target(backend, server);
                    let opened = socket::connect(address, &options).and_then(|fd| {
                        reactor.register(fd.as_fd(), Source::Server(slot)).map(|()| fd)
                    });
                    connection.note_target(address, shared);
                    if let Err(error) = &opened {
                        let text = format_args!("connect to {address}: {error}");
                        limited::warn(now_ms, NO_CONNECT, address, text);
                    }
                    connection.handle_opened(opened, shared, now_ms);
                }
                Step::Again => {
                    self.ready.push(connection);
                    break;
                }
                Step::Wait => break,
                Step::Closed => {
                    self.closed.push(slot.index);
                    return;
                }
            }
        }
        if let Some(at_ms) = connection.poll_nearer_timeout(shared) {
            match connection.timer {
                Some(timer) if self.wheel.at_ms(timer) <= at_ms => {}
                Some(timer) => self.wheel.rearm(timer, at_ms),
                None => {
                    connection.timer = Some(self.wheel.insert(Owner::Connection(slot), at_ms));
                }
            }
        }
    }

    /// Removes what was closed in this turn. Slots may be used anew from here on.
    pub fn reap(&mut self, shared: &mut Shared, now_ms: u64) {
        while let Some(index) = self.closed.pop() {
            // One that was ended from outside may be here twice.
            let Some(connection) = self.connections.try_remove(index as usize) else { continue };
            if let Some(timer) = connection.timer {
                self.wheel.remove(timer);
            }
            if let Some(listener) = self.listeners.get_mut(connection.listener() as usize) {
                listener.current = listener.current.saturating_sub(1);
            }
            if let Some(failure) = connection.header_failure() {
                self.note_refusal(&connection, failure, shared);
            }
            connection.finish(shared, &mut self.closing, now_ms);
        }
        self.closing.close();
        if self.full {
            self.wake_full_listeners(shared);
        }
        if shared.has_queues {
            self.wake_called(shared);
        }
    }

    /// Lets those go on that were called from a queue.
    fn wake_called(&mut self, shared: &mut Shared) {
        for backend in &mut shared.backends {
            for slot in backend.woken.drain(..) {
                if let Some(connection) = occupant(&mut self.connections, slot) {
                    self.ready.push(connection);
                }
            }
        }
    }

    fn note_refusal(&self, connection: &Connection, why: HeaderFailure, shared: &mut Shared) {
        let frontend = &shared.frontend(connection.route().frontend).config;
        let is_quiet = frontend.options.dontlognull && why.is_silent();
        if frontend.log.is_empty() || is_quiet {
            return;
        }
        shared.refusals.push(Refusal {
            frontend: connection.route().frontend,
            listener: self.listener_label(connection.listener()),
            client: connection.client_address(),
            accepted_at: connection.accepted_at(),
            why,
        });
    }

    /// The name of a listener, or its number in its frontend.
    fn listener_label(&self, index: u32) -> String {
        let Some(listener) = self.listeners.get(index as usize) else { return String::new() };
        let before = self.listeners.iter().take(index as usize);
        let number = || before.filter(|other| other.frontend == listener.frontend).count() + 1;
        let bind = &listener.bind;
        let id = || bind.id.map_or_else(|| number().to_string(), |id| id.to_string());
        bind.name.clone().unwrap_or_else(id)
    }

    /// A limit of connections was changed: those who were full may accept again.
    pub fn handle_limits_changed(&mut self, shared: &Shared) {
        if self.full {
            self.wake_full_listeners(shared);
        }
    }

    fn wake_full_listeners(&mut self, shared: &Shared) {
        self.full = false;
        for index in 0..u32::try_from(self.listeners.len()).unwrap_or(u32::MAX) {
            let listener = &mut self.listeners[index as usize];
            if listener.state() != ListenerState::Full {
                continue;
            }
            if is_full(listener, shared) {
                self.full = true;
            } else {
                listener.set_state(ListenerState::Accepting);
                self.queue_listener(index);
            }
        }
    }

    fn queue_listener(&mut self, index: u32) {
        let Some(listener) = self.listeners.get_mut(index as usize) else { return };
        if listener.is_ready() && !listener.queued {
            listener.queued = true;
            self.ready_listeners.push(index);
        }
    }
}

fn is_full(listener: &Listener, shared: &Shared) -> bool {
    listener.is_full()
        || shared.frontend(listener.frontend).is_full()
        || shared.totals.current >= shared.totals.maxconn
}

fn occupant(connections: &mut Slab<Connection>, slot: Slot) -> Option<&mut Connection> {
    let connection = connections.get_mut(slot.index as usize)?;
    (connection.slot == slot).then_some(connection)
}

/// Makes the close of a client that rules refuse what HAProxy makes of it.
fn turn_away(fd: &OwnedFd, is_tcp: bool, denied: Denied) {
    if !is_tcp {
        return;
    }
    // On failure it is an ordinary close.
    let _ = match denied {
        Denied::Reset => socket::set_reset_on_close(fd.as_fd()),
        Denied::Rejected => Ok(()),
        Denied::Dropped => socket::silence(fd.as_fd()),
    };
}
