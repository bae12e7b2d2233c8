//! `Connection`, its states, and `advance`: every transition.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod account;
pub mod cause;
pub mod content_rules;
pub mod deadline;
pub mod log_record;
pub mod proxy_header;
pub mod ready;
pub mod relaying;
pub mod route;
pub mod shown;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use super::backend::queue::{Call, Ticket};
use super::frontend::admission::Denied;
use super::relay::Relay;
use super::relay::buffers::Share;
use super::relay::side::Side;
use super::rules::TrackedEntries;
use super::shared::Shared;
use crate::config::{BackendId, FrontendId, ServerIndex};
use crate::net::address::Address;
use crate::net::closing::Closing;
use crate::reactor::token::Slot;
use crate::reactor::wheel::TimerId;
use cause::{Cause, Ended, Phase};
use content_rules::{Deciding, Decision, Subject};
use deadline::Shape;
use log_record::Arrival;
use proxy_header::{Carried, Inspection};
use route::{AfterFailure, Choice, ConnectFailure, Route};
use shown::elapsed;

/// What an accepted socket brings along.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub fd: OwnedFd,
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// The listener that accepted it.
    pub listener: u32,
    /// The frontend of that listener.
    pub frontend: FrontendId,
    /// The time of day.
    pub at: SystemTime,
    /// Whether it has to begin with a PROXY header.
    pub expects_header: bool,
    /// The entries that it tracks.
    pub tracks: Option<Box<TrackedEntries>>,
}

/// One client's connection, and the server's once there is one.
#[derive(Debug)]
pub struct Connection {
    /// Its place among the connections.
    pub slot: Slot,
    /// Its armed timer, if it has one.
    pub timer: Option<TimerId>,
    /// Whether it waits in the run queue.
    pub queued: bool,
    pub(super) state: State,
    pub(super) client: Side,
    pub(super) server: Option<Side>,
    pub(super) route: Route,
    pub(super) listener: u32,
    pub(super) address: Option<SocketAddr>,
    pub(super) accepted_ms: u64,
    pub(super) accepted_at: SystemTime,
    pub(super) queued_ms: Option<u32>,
    pub(super) connect_ms: Option<u32>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) timed_out: Option<Cause>,
    /// Its timer has fired.
    pub(super) is_due: bool,
    /// What its armed deadline was worked out from.
    pub(super) armed_for: Option<Shape>,
    pub(super) carried: Option<Box<Carried>>,
    pub(super) tracks: Option<Box<TrackedEntries>>,
    /// Where the server was connected to, where a line names that: an operator may move a server.
    pub(super) target: Option<Box<Address>>,
    is_unlogged: bool,
}

/// What a connection waits for.
#[derive(Debug)]
pub(crate) enum State {
    /// The client to send a PROXY header.
    Inspecting { until_ms: Option<u64> },
    /// Rules to decide where it goes.
    Deciding(Deciding),
    /// A server to be chosen, other than one that has just failed.
    Choosing { avoid: Option<ServerIndex> },
    /// A place at a server, or at any of them.
    Queued { ticket: Ticket, until_ms: Option<u64> },
    /// The loop to open a socket to the chosen server.
    Opening,
    /// The server to accept.
    Connecting { until_ms: Option<u64> },
    /// The time to try the same server again.
    TurnAround { until_ms: u64 },
    /// Either side.
    Relaying(Relay),
    /// To be removed.
    Closed(Cause),
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Inspecting { .. } => "inspecting",
            Self::Deciding(_) => "deciding",
            Self::Choosing { .. } => "choosing",
            Self::Queued { .. } => "queued",
            Self::Opening => "opening",
            Self::Connecting { .. } => "connecting",
            Self::TurnAround { .. } => "turn-around",
            Self::Relaying(_) => "relaying",
            Self::Closed(_) => "closed",
        }
    }
}

/// What the loop must do for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Advance it again in the next turn: it has more to do.
    Again,
    /// Wait for an event or its deadline.
    Wait,
    /// Open a socket to this server, and hand it over with [`Connection::handle_opened`].
    Connect(BackendId, ServerIndex),
    /// Remove it at the end of the turn.
    Closed,
}

/// The next state, or what to wait for in this one.
pub(crate) enum Next {
    Stay(Step),
    Go(State),
}

impl Connection {
    /// A client that has come in. It is counted from here until [`Connection::finish`].
    pub fn accept(slot: Slot, accepted: Accepted, shared: &mut Shared, now_ms: u64) -> Self {
        let Accepted { fd, client, listener, frontend: id, at, expects_header, tracks } = accepted;
        account::count_arrival(id, shared, now_ms);
        let frontend = shared.frontend(id);
        let backend = frontend.config.default_backend.filter(|_| !frontend.decides);
        let until_ms = proxy_header::deadline(now_ms, frontend.config.timeout_client_ms);
        if let Some(backend) = backend {
            shared.backend_mut(backend).counters.begin(now_ms);
        }
        Self {
            slot,
            timer: None,
            queued: false,
            state: if expects_header {
                State::Inspecting { until_ms }
            } else {
                Self::after_header(id, backend, shared, now_ms)
            },
            client: Side::accepted(fd, client.is_some(), now_ms),
            server: None,
            route: Route::new(id, backend),
            listener,
            address: client,
            accepted_ms: now_ms,
            accepted_at: at,
            queued_ms: None,
            connect_ms: None,
            bytes_in: 0,
            bytes_out: 0,
            timed_out: None,
            is_due: false,
            armed_for: None,
            carried: None,
            tracks,
            target: None,
            is_unlogged: false,
        }
    }

    /// The first state of a connection whose client is known for sure.
    fn after_header(
        frontend: FrontendId,
        backend: Option<BackendId>,
        shared: &Shared,
        now_ms: u64,
    ) -> State {
        let deciding = Deciding::begin(frontend, backend, shared, now_ms);
        deciding.map_or(State::Choosing { avoid: None }, State::Deciding)
    }

    /// The client's side, to note its events and to register it.
    pub fn client_mut(&mut self) -> &mut Side {
        &mut self.client
    }

    /// The server's side, if there is one.
    pub fn server_mut(&mut self) -> Option<&mut Side> {
        self.server.as_mut()
    }

    /// Goes as far as it can. Every change of state is made here.
    pub fn advance(&mut self, shared: &mut Shared, now_ms: u64) -> Step {
        loop {
            let next = match &mut self.state {
                State::Inspecting { until_ms } => {
                    let until_ms = *until_ms;
                    self.wait_for_header(until_ms, shared, now_ms)
                }
                State::Deciding(_) => self.decide(shared, now_ms),
                State::Choosing { avoid } => {
                    let avoid = *avoid;
                    self.choose(avoid, shared, now_ms)
                }
                State::Queued { ticket, until_ms } => {
                    let (ticket, until_ms) = (*ticket, *until_ms);
                    self.wait_for_place(ticket, until_ms, shared, now_ms)
                }
                State::Opening => self.ask_for_socket(),
                State::Connecting { until_ms } => {
                    let until_ms = *until_ms;
                    self.wait_for_server(until_ms, shared, now_ms)
                }
                State::TurnAround { until_ms } => {
                    let until_ms = *until_ms;
                    self.wait_for_retry(until_ms, now_ms)
                }
                State::Relaying(_) => self.relay(shared, now_ms),
                State::Closed(_) => Next::Stay(Step::Closed),
            };
            match next {
                Next::Stay(step) => return step,
                Next::Go(state) => self.go(state, shared),
            }
        }
    }

    fn go(&mut self, state: State, shared: &mut Shared) {
        if let State::Relaying(relay) = &mut self.state {
            self.bytes_in = relay.to_server.bytes();
            self.bytes_out = relay.to_client.bytes();
            relay.release(&mut shared.buffers);
        }
        log::trace!("{}: {} -> {}", self.slot.generation, self.state.name(), state.name());
        self.armed_for = None;
        self.state = state;
    }

    fn wait_for_header(&mut self, until_ms: Option<u64>, shared: &mut Shared, now_ms: u64) -> Next {
        let is_late = until_ms.is_some_and(|until_ms| now_ms >= until_ms);
        let Self { client, address, carried, .. } = self;
        match proxy_header::take_header(client, address, carried, is_late, shared) {
            Inspection::Wait => Next::Stay(Step::Wait),
            Inspection::Failed => {
                Next::Go(State::Closed(Cause::new(Ended::Refused, Phase::Request)))
            }
            Inspection::Passed => {
                if let Err(denied) = self.open_session(shared, now_ms) {
                    self.is_unlogged = true;
                    return self.deny(denied, shared);
                }
                self.note_arrival(shared);
                let Route { frontend, backend, .. } = self.route;
                Next::Go(Self::after_header(frontend, backend, shared, now_ms))
            }
        }
    }

    fn decide(&mut self, shared: &mut Shared, now_ms: u64) -> Next {
        let Self { state, client, address, carried, route, tracks, .. } = self;
        let State::Deciding(deciding) = state else {
            return Next::Go(State::Closed(Cause::new(Ended::Internal, Phase::Request)));
        };
        let (address, carried) = (*address, carried.as_deref());
        let subject = Subject { client, address, carried, route, tracks };
        match deciding.advance(subject, shared, now_ms) {
            Decision::Wait => Next::Stay(Step::Wait),
            Decision::Made => Next::Go(State::Choosing { avoid: None }),
            Decision::Denied(denied) => self.deny(denied, shared),
        }
    }

    fn deny(&mut self, denied: Denied, shared: &mut Shared) -> Next {
        match denied {
            Denied::Reset | Denied::Rejected => self.client.discard(&mut shared.buffers.scratch),
            Denied::Dropped => self.client.silence(),
        }
        Next::Go(State::Closed(Cause::new(Ended::Refused, Phase::Request)))
    }

    /// Tells the log that a client came in, where that is logged.
    pub fn note_arrival(&self, shared: &mut Shared) {
        let frontend = self.route.frontend;
        if shared.frontend(frontend).logs_arrivals() {
            // Only asked for here: it is a system call.
            let local = proxy_header::destination(&self.client, self.carried.as_deref());
            shared.arrivals.push(Arrival { frontend, client: self.address, local });
        }
    }

    fn choose(&mut self, avoid: Option<ServerIndex>, shared: &mut Shared, now_ms: u64) -> Next {
        let refused = Next::Go(State::Closed(Cause::new(Ended::ServerAbort, Phase::Connect)));
        let Shared { backends, tables, buffers, frontends, .. } = shared;
        let Some(id) = self.route.backend else {
            frontends[self.route.frontend.index()].counters.request_errors += 1;
            self.client.discard(&mut buffers.scratch);
            return refused;
        };
        let client = self.address.map(|address| address.ip());
        let backend = &mut backends[id.index()];
        self.client.set_gone_when_ended(backend.config.options.abort_on_close);
        let choice = if backend.config.disabled {
            Choice::NoServer
        } else {
            self.route.choose(client, backend, tables, avoid, now_ms)
        };
        match choice {
            Choice::Go(server) => {
                self.route.hold(server, backend);
                self.queued_ms = Some(elapsed(self.accepted_ms, now_ms));
                Next::Go(State::Opening)
            }
            Choice::Wait(server) => {
                let ticket = self.route.queue(server, self.slot, backend);
                let timeout_ms = backend.config.timeout_queue_ms;
                let timeout_ms = timeout_ms.or(backend.config.timeout_connect_ms);
                Next::Go(State::Queued {
                    ticket,
                    until_ms: proxy_header::deadline(now_ms, timeout_ms),
                })
            }
            Choice::Full(server) => {
                self.route.let_go(backend);
                self.route.waited_for = Some(server);
                self.refuse(Cause::new(Ended::ServerAbort, Phase::Queue), shared)
            }
            Choice::NoServer => self.refuse(Cause::new(Ended::ServerAbort, Phase::Connect), shared),
        }
    }

    /// Ends a connection that no server takes.
    fn refuse(&mut self, cause: Cause, shared: &mut Shared) -> Next {
        if let Some(id) = self.route.backend {
            self.route.count_refusal(shared.backend_mut(id));
        }
        self.client.discard(&mut shared.buffers.scratch);
        Next::Go(State::Closed(cause))
    }

    fn wait_for_place(
        &mut self,
        ticket: Ticket,
        until_ms: Option<u64>,
        shared: &mut Shared,
        now_ms: u64,
    ) -> Next {
        let Some(id) = self.route.backend else {
            return Next::Go(State::Closed(Cause::new(Ended::Internal, Phase::Queue)));
        };
        let backend = &mut shared.backends[id.index()];
        let call = backend.queues.call_of(ticket);
        let has_left = self.client.has_left_silently();
        let is_late = until_ms.is_some_and(|until_ms| now_ms >= until_ms);
        if call == Call::Wait && !has_left && !is_late {
            return Next::Stay(Step::Wait);
        }
        self.route.leave_queue(ticket, backend);
        self.queued_ms = Some(elapsed(self.accepted_ms, now_ms));
        if has_left {
            self.route.count_abort(shared, true);
            return Next::Go(State::Closed(Cause::new(Ended::ClientAbort, Phase::Queue)));
        }
        match call {
            Call::Wait => self.refuse(Cause::new(Ended::ServerTimeout, Phase::Queue), shared),
            Call::ChooseAgain => Next::Go(State::Choosing { avoid: None }),
            Call::Go(server) => {
                let client = self.address.map(|address| address.ip());
                if self.route.keeps(server, client, backend, &mut shared.tables, now_ms) {
                    Next::Go(State::Opening)
                } else {
                    Next::Go(State::Choosing { avoid: None })
                }
            }
        }
    }

    fn ask_for_socket(&self) -> Next {
        match (self.route.backend, self.route.server) {
            (Some(backend), Some(server)) => Next::Stay(Step::Connect(backend, server)),
            (None, _) | (_, None) => {
                Next::Go(State::Closed(Cause::new(Ended::Internal, Phase::Connect)))
            }
        }
    }

    /// Takes the socket that [`Step::Connect`] asked for, registered, or why there is none.
    pub fn handle_opened(&mut self, opened: io::Result<OwnedFd>, shared: &mut Shared, now_ms: u64) {
        let (Some(id), Some(server)) = (self.route.backend, self.route.server) else { return };
        let next = match opened {
            Ok(fd) => {
                let backend = shared.backend_mut(id);
                let timeout_ms = backend.config.timeout_connect_ms;
                let server = backend.server_mut(server);
                server.counters.connections += 1;
                server.counters.rate.count(now_ms);
                server.counters.last_used_ms = Some(now_ms);
                let is_tcp = matches!(server.config.address, Address::Ip(_));
                self.server = Some(Side::connecting(fd, is_tcp, now_ms));
                State::Connecting { until_ms: proxy_header::deadline(now_ms, timeout_ms) }
            }
            Err(error) => {
                let failure = ConnectFailure::of(&error);
                if failure == ConnectFailure::Resource {
                    shared.totals.resource_errors += 1;
                }
                self.after_failure(failure, shared, now_ms)
            }
        };
        self.go(next, shared);
    }

    fn wait_for_server(&mut self, until_ms: Option<u64>, shared: &mut Shared, now_ms: u64) -> Next {
        let connected = self.server.as_ref().and_then(Side::connected);
        match connected {
            Some(Ok(())) => return Next::Go(self.start_relay(shared, now_ms)),
            Some(Err(error)) => {
                let failure = ConnectFailure::of(&error);
                return Next::Go(self.after_failure(failure, shared, now_ms));
            }
            None => {}
        }
        if self.client.has_left() {
            return Next::Go(self.client_left(shared));
        }
        if until_ms.is_some_and(|until_ms| now_ms >= until_ms) {
            return Next::Go(self.after_failure(ConnectFailure::TimedOut, shared, now_ms));
        }
        Next::Stay(Step::Wait)
    }

    fn wait_for_retry(&mut self, until_ms: u64, now_ms: u64) -> Next {
        if self.client.has_left_silently() {
            return Next::Go(State::Closed(Cause::new(Ended::ClientAbort, Phase::Connect)));
        }
        if now_ms >= until_ms { Next::Go(State::Opening) } else { Next::Stay(Step::Wait) }
    }

    fn client_left(&mut self, shared: &mut Shared) -> State {
        self.route.count_abort(shared, true);
        State::Closed(Cause::new(Ended::ClientAbort, Phase::Connect))
    }

    fn after_failure(
        &mut self,
        failure: ConnectFailure,
        shared: &mut Shared,
        now_ms: u64,
    ) -> State {
        self.server = None;
        let Some(id) = self.route.backend else {
            return State::Closed(Cause::new(Ended::Internal, Phase::Connect));
        };
        shared.note_failed_connect(id, self.route.server, failure, now_ms);
        let Shared { backends, buffers, .. } = shared;
        let backend = &mut backends[id.index()];
        match self.route.after_failure(failure, backend) {
            AfterFailure::Retry => State::Opening,
            AfterFailure::RetryAfter(delay_ms) => {
                State::TurnAround { until_ms: now_ms + u64::from(delay_ms) }
            }
            AfterFailure::Redispatch => State::Choosing { avoid: self.route.server },
            AfterFailure::GiveUp => {
                backend.counters.connect_errors += 1;
                if let Some(server) = self.route.server {
                    backend.server_mut(server).counters.connect_errors += 1;
                }
                self.client.discard(&mut buffers.scratch);
                let ended = match failure {
                    ConnectFailure::Refused => Ended::ServerAbort,
                    ConnectFailure::TimedOut => Ended::ServerTimeout,
                    ConnectFailure::Resource => Ended::Resource,
                };
                State::Closed(Cause::new(ended, Phase::Connect))
            }
        }
    }

    /// How much it may move in a turn.
    pub(super) fn share(&self) -> Share {
        match &self.state {
            State::Relaying(relay) => relay.share(),
            State::Inspecting { .. }
            | State::Deciding(_)
            | State::Choosing { .. }
            | State::Queued { .. }
            | State::Opening
            | State::Connecting { .. }
            | State::TurnAround { .. }
            | State::Closed(_) => Share::Light,
        }
    }

    /// The name of the state it is in.
    pub fn state_name(&self) -> &'static str {
        self.state.name()
    }

    /// Bytes from and to the client so far.
    pub fn bytes(&self) -> (u64, u64) {
        match &self.state {
            State::Relaying(relay) => (relay.to_server.bytes(), relay.to_client.bytes()),
            State::Inspecting { .. }
            | State::Deciding(_)
            | State::Choosing { .. }
            | State::Queued { .. }
            | State::Opening
            | State::Connecting { .. }
            | State::TurnAround { .. }
            | State::Closed(_) => (self.bytes_in, self.bytes_out),
        }
    }

    /// Ends it from outside. It is removed at the end of the turn.
    pub fn kill(&mut self, ended: Ended, shared: &mut Shared) {
        let phase = match &self.state {
            State::Inspecting { .. } | State::Deciding(_) | State::Choosing { .. } => {
                Phase::Request
            }
            State::Queued { ticket, .. } => {
                if let Some(id) = self.route.backend {
                    self.route.leave_queue(*ticket, shared.backend_mut(id));
                }
                Phase::Queue
            }
            State::Opening | State::Connecting { .. } | State::TurnAround { .. } => Phase::Connect,
            State::Relaying(_) if ended.is_shutdown() => Phase::Done,
            State::Relaying(_) => self.relay_phase(),
            State::Closed(_) => return,
        };
        self.go(State::Closed(Cause::new(ended, phase)), shared);
    }

    /// Counts its end, gives back what it holds, and tells how it went if the frontend logs. Its
    /// sockets are left to `closing`.
    pub fn finish(mut self, shared: &mut Shared, closing: &mut Closing, now_ms: u64) {
        let frontend = shared.frontend(self.route.frontend);
        let frontend_options = frontend.config.options;
        let is_told = frontend_options.logasap && self.connect_ms.is_some();
        if frontend.logs() && !is_told && !self.is_unlogged && self.header_failure().is_none() {
            let State::Closed(cause) = self.state else {
                unreachable!("BUG: only closed connections are removed")
            };
            self.note_record(Some(cause), shared, now_ms);
        }
        if frontend_options.nolinger {
            self.client.reset_on_close();
        }
        if let Some(id) = self.route.backend {
            let client = self.address.map(|address| address.ip());
            let Shared { backends, tables, .. } = shared;
            self.route.take_back(client, &backends[id.index()], tables, now_ms);
        }
        self.count_end(shared, now_ms);
        closing.push(self.client.into());
        if let Some(server) = self.server {
            closing.push(server.into());
        }
    }
}
