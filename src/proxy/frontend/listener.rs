//! The listeners of all frontends: the sockets at which clients come in, and whether they accept.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::SystemTime;

use super::admission;
use super::admission::{Admitted, Denied, Opening};
use crate::config::{Bind, FrontendId};
use crate::net::accept::Accept;
use crate::net::address::Address;
use crate::net::socket;
use crate::proxy::connection::{Accepted, Connection, RefusedBy};
use crate::proxy::counters::ListenerCounters;
use crate::proxy::shared::{Shared, Turn};
use crate::reactor::Reactor;
use crate::reactor::listen::listening::ListeningSocket;
use crate::reactor::listen::shortage;
use crate::reactor::run_queue::RunQueue;
use crate::reactor::token::{Slot, Source};

/// The most clients that are accepted in one turn, at all listeners together.
const ACCEPTS_PER_TURN: u32 = 1024;

/// One listening socket of a frontend.
#[derive(Debug)]
pub struct Listener {
    /// The frontend that its clients belong to.
    pub frontend: FrontendId,
    /// Its line in the configuration.
    pub bind: Bind,
    /// The address that it listens on.
    address: Address,
    /// Whether it waits in the run queue.
    is_queued: bool,
    /// The connections open now that it accepted.
    current: u32,
    /// What is counted of it alone (`option socket-stats`).
    pub counters: Option<Box<ListenerCounters>>,
    socket: ListeningSocket,
    state: ListenerState,
}

/// Whether a listener accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListenerState {
    /// It does.
    Accepting,
    /// It does not while a limit of connections is reached. Clients wait in the kernel's queue.
    Full,
    /// It does not before this time: the system has no descriptor or memory left, or a limit of
    /// connections per second is reached.
    Limited { until_ms: u64 },
    /// It does not until it is resumed. Clients wait in the kernel's queue.
    Paused,
}

impl Listener {
    /// A listening socket. It may have clients waiting.
    pub fn new(fd: OwnedFd, frontend: FrontendId, bind: Bind, address: Address) -> Self {
        Self {
            frontend,
            counters: bind.settings.has_statistics.then(Box::default),
            bind,
            address,
            is_queued: false,
            current: 0,
            socket: ListeningSocket::new(fd),
            state: ListenerState::Accepting,
        }
    }

    /// The socket, while clients can come in at it.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.get()
    }

    /// The address that it listens on.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Its number among the listeners of the frontend.
    pub fn number(&self) -> u32 {
        self.bind.id.unwrap_or_default()
    }

    /// The connections open now that it accepted.
    pub fn current(&self) -> u32 {
        self.current
    }

    /// Its state, in HAProxy's words.
    pub fn status(&self) -> &'static str {
        match self.state {
            ListenerState::Full => "FULL",
            ListenerState::Limited { .. } => "WAITING",
            ListenerState::Accepting | ListenerState::Paused => "OPEN",
        }
    }

    /// Whether accepting may give a client.
    fn is_ready(&self) -> bool {
        self.state == ListenerState::Accepting && self.socket.is_ready()
    }

    /// Whether it, its frontend or the process has as many connections as it may.
    fn is_full(&self, shared: &Shared) -> bool {
        self.bind.settings.maxconn.is_some_and(|maxconn| self.current >= maxconn)
            || shared.frontend(self.frontend).is_full()
            || shared.totals.is_full()
    }
}

/// What an attempt to accept gave.
#[derive(Debug)]
pub(in crate::proxy) enum Attempt {
    /// A client that was let in.
    Client(Accepted),
    /// No client, but there may be others.
    TryAgain,
    /// No client: none waits, or a limit of connections is reached.
    Over,
    /// No client before this time.
    Limited { until_ms: u64 },
}

/// The listeners of all frontends, in the order they were added.
#[derive(Debug)]
pub(in crate::proxy) struct Listeners {
    listeners: Vec<Listener>,
    /// The positions of those that may accept.
    ready: RunQueue<u32>,
    accepts_per_turn: u32,
    /// Whether any listener is full.
    some_full: bool,
}

impl Listeners {
    /// No listener yet. Each will accept at most `accepts_per_turn` clients in a turn.
    pub(in crate::proxy) fn new(accepts_per_turn: u32) -> Self {
        Self {
            listeners: Vec::new(),
            ready: RunQueue::with_capacity(16),
            accepts_per_turn: accepts_per_turn.max(1),
            some_full: false,
        }
    }

    /// Adds a listener and watches its socket.
    ///
    /// # Errors
    /// When the socket cannot be registered.
    pub(in crate::proxy) fn add(
        &mut self,
        listener: Listener,
        reactor: &Reactor,
    ) -> io::Result<()> {
        let index = u32::try_from(self.listeners.len()).expect("fewer listeners than descriptors");
        let slot = Slot { index, generation: 0 };
        if let Some(fd) = listener.socket() {
            reactor.register_readable(fd, Source::Listener(slot))?;
        }
        self.listeners.push(listener);
        self.queue(index);
        Ok(())
    }

    pub(in crate::proxy) fn as_slice(&self) -> &[Listener] {
        &self.listeners
    }

    /// Shows what is counted of each listener that is counted alone.
    pub(in crate::proxy) fn visit_counters(
        &mut self,
        mut see: impl FnMut(&Bind, &mut ListenerCounters),
    ) {
        for Listener { bind, counters, .. } in &mut self.listeners {
            if let Some(counters) = counters {
                see(bind, counters);
            }
        }
    }

    /// Stops accepting without closing: clients wait in the kernel's queues.
    pub(in crate::proxy) fn pause(&mut self) {
        for listener in &mut self.listeners {
            listener.state = ListenerState::Paused;
        }
    }

    /// Accepts again.
    pub(in crate::proxy) fn resume(&mut self) {
        for index in self.positions() {
            self.accept_again(index);
        }
    }

    /// Closes all for good. A process that has inherited a socket goes on listening there.
    pub(in crate::proxy) fn close(&mut self, reactor: &Reactor) {
        for listener in &mut self.listeners {
            listener.socket.close(reactor, &listener.address);
        }
        self.listeners.clear();
    }

    /// Has the clients of a frontend refused until [`Listeners::resume_frontend`].
    ///
    /// # Errors
    /// What the system reports; for a unix socket, which cannot do this, always.
    pub(in crate::proxy) fn pause_frontend(&mut self, id: FrontendId) -> io::Result<()> {
        let mut own = self.listeners.iter_mut().filter(|listener| listener.frontend == id);
        own.try_for_each(|listener| listener.socket.suspend())
    }

    /// Lets clients in again after [`Listeners::pause_frontend`].
    ///
    /// # Errors
    /// What listen(2) reports.
    pub(in crate::proxy) fn resume_frontend(
        &mut self,
        id: FrontendId,
        shared: &Shared,
    ) -> io::Result<()> {
        for index in self.positions() {
            let Some(listener) = self.get_mut(index) else { continue };
            if listener.frontend == id {
                let backlog = shared.frontend(id).config.backlog(&listener.bind);
                listener.socket.resume(backlog.unwrap_or(socket::BACKLOG))?;
                self.queue(index);
            }
        }
        Ok(())
    }

    /// Closes the listeners of a frontend for good, in a process that shares them with no other.
    pub(in crate::proxy) fn close_frontend(&mut self, id: FrontendId) {
        for listener in self.listeners.iter_mut().filter(|listener| listener.frontend == id) {
            listener.socket.drop_socket();
        }
    }

    /// Clients wait at a listener.
    pub(in crate::proxy) fn handle_readable(&mut self, slot: Slot) {
        if let Some(listener) = self.get_mut(slot.index) {
            listener.socket.mark_readable();
            self.queue(slot.index);
        }
    }

    /// The timer of a listener has fired.
    pub(in crate::proxy) fn handle_timeout(&mut self, index: u32, now_ms: u64) {
        if let Some(listener) = self.get_mut(index)
            && let ListenerState::Limited { until_ms } = listener.state
            && until_ms <= now_ms
        {
            self.accept_again(index);
        }
    }

    /// Whether any listener may accept.
    pub(in crate::proxy) fn has_work(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many listeners accept in one turn.
    pub(in crate::proxy) fn per_turn(&self) -> usize {
        self.ready.len().min((ACCEPTS_PER_TURN / self.accepts_per_turn).max(1) as usize)
    }

    /// How many clients a listener accepts in one turn.
    pub(in crate::proxy) fn accepts_per_turn(&self) -> u32 {
        self.accepts_per_turn
    }

    /// The next listener that may accept, which leaves the run queue.
    pub(in crate::proxy) fn pop_ready(&mut self) -> Option<u32> {
        let index = self.ready.pop()?;
        let listener = self.get_mut(index)?;
        listener.is_queued = false;
        listener.is_ready().then_some(index)
    }

    /// Tries to accept one client, and runs the rules that may refuse it.
    pub(in crate::proxy) fn accept(
        &mut self,
        index: u32,
        at: SystemTime,
        turn: &mut Turn<'_>,
    ) -> Attempt {
        let Some(listener) = self.listeners.get_mut(index as usize) else { return Attempt::Over };
        if listener.is_full(turn.shared) {
            listener.state = ListenerState::Full;
            self.some_full = true;
            return Attempt::Over;
        }
        let frontend = listener.frontend;
        if let Some(until_ms) = turn.shared.rate_limited_until_ms(frontend, turn.now_ms) {
            listener.state = ListenerState::Limited { until_ms };
            return Attempt::Limited { until_ms };
        }
        let (fd, client) = match listener.socket.accept() {
            Accept::Client(fd, client) => (fd, client),
            Accept::Drained => return Attempt::Over,
            Accept::Aborted => {
                turn.shared.totals.accept_aborts += 1;
                return Attempt::TryAgain;
            }
            Accept::Shortage(error) => {
                let client = format_args!("a client of {}", listener.address);
                let until_ms = shortage::begin(client, &error, turn.now_ms);
                listener.state = ListenerState::Limited { until_ms };
                turn.shared.totals.accept_pauses += 1;
                return Attempt::Limited { until_ms };
            }
        };
        turn.shared.totals.accept_rate.count(turn.now_ms);
        let socket = (frontend, listener.number());
        let settings = &listener.bind.settings;
        let acceptor = settings.tls.clone();
        let opening = Opening { header: settings.accept_proxy, handshake: acceptor.is_some() };
        let counters = &mut listener.counters;
        if let Some(counters) = counters {
            counters.begin(listener.current + 1);
        }
        let denied_before = turn.shared.frontend(frontend).counters.denied_connections;
        let local = || socket::local_address(fd.as_fd()).ok()?.ip();
        match admission::admit(socket, (fd.as_fd(), client), opening, local, turn) {
            Ok(Admitted { memory, expects_header, set_ends }) => {
                listener.current += 1;
                let (listener, socket) = (index, socket.1);
                Attempt::Client(Accepted {
                    socket,
                    set_ends,
                    fd,
                    client,
                    listener,
                    frontend,
                    at,
                    expects_header,
                    acceptor,
                    memory,
                })
            }
            Err(denied) => {
                if let Some(counters) = counters {
                    let now = turn.shared.frontend(frontend).counters.denied_connections;
                    match now == denied_before {
                        true => counters.denied_sessions += 1,
                        false => counters.denied_connections += 1,
                    }
                }
                turn_away(&fd, client.is_some(), denied);
                Attempt::TryAgain
            }
        }
    }

    /// A connection that a listener accepted is over.
    pub(in crate::proxy) fn release(&mut self, connection: &Connection) {
        let Some(listener) = self.get_mut(connection.listener()) else { return };
        listener.current = listener.current.saturating_sub(1);
        if let Some(counters) = &mut listener.counters {
            let (bytes_in, bytes_out) = connection.bytes();
            counters.bytes_in += bytes_in;
            counters.bytes_out += bytes_out;
            match connection.refused_by() {
                Some(RefusedBy::Content) => counters.denied_requests += 1,
                Some(RefusedBy::Session) => counters.denied_sessions += 1,
                None => {}
            }
        }
    }

    /// The name of a listener, or its number in its frontend.
    pub(in crate::proxy) fn label(&self, index: u32) -> String {
        let Some(listener) = self.listeners.get(index as usize) else { return String::new() };
        listener.bind.label()
    }

    /// Lets the full listeners accept again that are full no longer.
    #[inline]
    pub(in crate::proxy) fn wake_full(&mut self, shared: &Shared) {
        if self.some_full {
            self.look_at_full(shared);
        }
    }

    fn look_at_full(&mut self, shared: &Shared) {
        self.some_full = false;
        for index in self.positions() {
            let Some(listener) = self.listeners.get(index as usize) else { continue };
            if listener.state != ListenerState::Full {
                continue;
            }
            if listener.is_full(shared) {
                self.some_full = true;
            } else {
                self.accept_again(index);
            }
        }
    }

    fn accept_again(&mut self, index: u32) {
        if let Some(listener) = self.get_mut(index) {
            listener.state = ListenerState::Accepting;
            self.queue(index);
        }
    }

    /// Puts a listener into the run queue, if it may accept and is not there yet.
    pub(in crate::proxy) fn queue(&mut self, index: u32) {
        let Some(listener) = self.listeners.get_mut(index as usize) else { return };
        if listener.is_ready() && !listener.is_queued {
            listener.is_queued = true;
            self.ready.push(index);
        }
    }

    fn get_mut(&mut self, index: u32) -> Option<&mut Listener> {
        self.listeners.get_mut(index as usize)
    }

    fn positions(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.listeners.len()).unwrap_or(u32::MAX)
    }
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
