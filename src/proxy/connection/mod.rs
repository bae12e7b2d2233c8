//! A client's connection, from accept to close: its states, and `advance`, which leads from one
//! state to the next.
//!
//! ```text
//!            accept
//!              |
//!              v
//!       AwaitingHeader       only if the client has to send a PROXY header
//!              |
//!              v
//!        Handshaking         only if the client speaks TLS with us
//!              |
//!              v
//!       AwaitingContent      only if content rules or `use_backend` rules decide
//!              |
//!              v
//!          Choosing <-----------------------+   by stick entry or by balance algorithm
//!           |    ^                          |
//!           |    +---> Queued               |   while all slots are taken
//!           |            |                  |
//!           v            v                  |
//!          Opening <-----+                  |   the loop opens a socket
//!           |    ^                          |
//!           v    +---- TurnAround           |   a pause before the same server is tried again
//!        Connecting        ^                |
//!           |   | retry    |                |
//!           |   +----------+---- redispatch +
//!           v
//!       Inspecting          only if rules look at what the server sends first
//!           |
//!           v
//!        Relaying                               bytes pass both ways
//!
//!        every state ----> Closed               to be removed at the end of the turn
//! ```
//!
//! | file | what it is about |
//! |------|------------------|
//! | `handshake` | TLS with the client |
//! | `entry_failure` | why a client is refused before its session begins |
//! | `proxy_header` | the header that a client sends, and the one that a server is sent |
//! | `content_rules` | the rules that decide on the backend |
//! | `response_rules` | the rules about what the server sends |
//! | `verdicts` | what follows from what the rules have decided |
//! | `route` | the choice of a server, its queue, retries |
//! | `connecting` | the socket to the server, and what follows when a connect fails |
//! | `rehearsal` | a client that does not exist, led to its server |
//! | `relaying` | moving bytes, timeouts of both sides |
//! | `state` | what each state holds |
//! | `unique_id` | the id that is made of what is known of the connection |
//! | `accounting` | what is counted, logged and shown |
//! | `log_record` | what the log is told, and how a connection ended, in HAProxy's two letters |
//!
//! A state holds what exists only in that state. The fields of a connection are private to this
//! folder.
#![deny(clippy::wildcard_enum_match_arm)]

mod accounting;
mod connecting;
mod content_rules;
pub mod entry_failure;
mod handshake;
pub mod log_record;
pub mod proxy_header;
pub mod rehearsal;
mod relaying;
mod response_rules;
pub mod route;
mod state;
mod unique_id;
mod verdicts;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use super::backend::queue::{Call, Ticket};
use super::frontend::admission;
use super::frontend::admission::{Applicant, Denied};
use super::relay::buffers::Share;
use super::relay::side::Side;
use super::relay::{Relay, Splice};
use super::rules::{Memory, SetEnds};
use super::shared::{Shared, Turn};
use crate::config::{BackendId, FrontendId, ServerIndex, TableId};
use crate::net::address::Address;
use crate::net::proxy_protocol::Additions;
use crate::net::tls::acceptor::Acceptor;
use crate::net::tls::session::Session;
use crate::reactor::token::Slot;
use crate::table::RowId;
use content_rules::ContentRules;
use entry_failure::{EntryFailure, ServerFailure};
use log_record::{Cause, Phase, Termination};
use proxy_header::{HeaderFailure, Received};
use route::{Choice, ConnectFailure, Route};
use state::{Closed, LogEntry, State};

pub use accounting::RefusedBy;
pub use route::Target;
pub use state::Wanted;

/// What an accepted socket brings along.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub fd: OwnedFd,
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// The position of the listener that accepted it.
    pub listener: u32,
    /// The number of that listener in its frontend.
    pub socket: u32,
    /// The client's address and the address it connected to, if a rule has changed one of the two.
    pub set_ends: Option<SetEnds>,
    /// The frontend of that listener.
    pub frontend: FrontendId,
    /// The time of day.
    pub at: SystemTime,
    /// Whether it has to begin with a PROXY header.
    pub expects_header: bool,
    /// What makes TLS of it, after that header.
    pub acceptor: Option<Acceptor>,
    /// What the rules remember of it.
    pub memory: Memory,
}

/// One client's connection.
#[derive(Debug)]
pub struct Connection {
    slot: Slot,
    listener: u32,
    /// The number of the listener in the frontend.
    socket: u32,
    accepted_ms: u64,
    accepted_at: SystemTime,
    client: Side,
    /// The client's address: its socket's, or the source that its PROXY header names.
    address: Option<SocketAddr>,
    /// The destination that its PROXY header names.
    destination: Option<Box<SocketAddr>>,
    /// What its PROXY header says beside the addresses.
    header: Option<Box<Additions>>,
    memory: Memory,
    route: Route,
    /// Milliseconds from accept until the connection left the queue.
    queued_ms: Option<u32>,
    /// Milliseconds from accept until the server accepted.
    connect_ms: Option<u32>,
    /// Where the server was connected to, where a line of the log names that.
    server_address: Option<Box<Address>>,
    /// Why the last TLS handshake with a server has failed.
    server_failure: Option<ServerFailure>,
    state: State,
}

impl Connection {
    /// The entries of tables have moved: `follow` knows where to.
    pub fn follow_entries(&mut self, follow: &mut impl FnMut(TableId, RowId) -> Option<RowId>) {
        self.memory.follow_entries(follow);
    }

    /// A client that has come in. It is counted from here until [`Connection::finish`]. The caller
    /// has its arrival logged, unless a PROXY header is awaited that names the client.
    pub fn accept(slot: Slot, accepted: Accepted, turn: &mut Turn<'_>) -> Self {
        let Accepted { fd, client, listener, socket, frontend: id, at, expects_header, .. } =
            accepted;
        let Accepted { memory, set_ends, acceptor, .. } = accepted;
        let now_ms = turn.now_ms;
        let totals = &mut turn.shared.totals;
        totals.connections += 1;
        totals.current += 1;
        totals.max = totals.max.max(totals.current);
        totals.rate.count(now_ms);
        turn.shared.frontend_mut(id).counters.begin(now_ms);
        let frontend = turn.shared.frontend(id);
        let timeout_ms = frontend.config.timeout_client_ms;
        let backend = frontend.config.default_backend.filter(|_| !frontend.has_content_rules);
        if let Some(backend) = backend {
            turn.shared.backend_mut(backend).counters.begin(now_ms);
        }
        let until_ms = turn.deadline_ms(timeout_ms);
        let mut connection = Self {
            slot,
            listener,
            socket,
            accepted_ms: now_ms,
            accepted_at: at,
            client: Side::accepted(fd, client.is_some(), now_ms),
            address: client,
            destination: None,
            header: None,
            memory,
            route: Route::new(id, backend),
            queued_ms: None,
            connect_ms: None,
            server_address: None,
            server_failure: None,
            state: if expects_header {
                State::AwaitingHeader { until_ms, acceptor: None }
            } else {
                after_header(id, backend, turn)
            },
        };
        connection.set_ends(set_ends);
        if let Some(acceptor) = acceptor {
            connection.expect_tls(acceptor, until_ms, turn);
        }
        connection
    }

    /// Has the client speak TLS: from the start, or behind the header that is awaited.
    fn expect_tls(&mut self, acceptor: Acceptor, until_ms: Option<u64>, turn: &mut Turn<'_>) {
        if let State::AwaitingHeader { acceptor: expected, .. } = &mut self.state {
            *expected = Some(acceptor);
        } else {
            self.state = secure(&mut self.client, &acceptor, until_ms, turn);
        }
    }

    /// Takes over what a rule has set of the ends of the connection.
    fn set_ends(&mut self, ends: Option<SetEnds>) {
        if let Some(SetEnds { client, destination }) = ends {
            self.address = client;
            self.destination = destination.map(Box::new);
        }
    }

    /// The client's side, which has to be told of events.
    pub fn client_mut(&mut self) -> &mut Side {
        &mut self.client
    }

    /// The server's side, while there is one.
    pub fn server_mut(&mut self) -> Option<&mut Side> {
        self.state.server_mut()
    }

    /// Goes as far as it can, and says what it waits for then.
    pub fn advance(&mut self, turn: &mut Turn<'_>) -> Wanted {
        loop {
            if let Some(wanted) = self.advance_once(turn) {
                return wanted;
            }
        }
    }

    /// Says what the state waits for, or enters the next state and says nothing. Not inlined: in a
    /// loop, the compiler prepares for every state before it looks which state there is.
    #[inline(never)]
    fn advance_once(&mut self, turn: &mut Turn<'_>) -> Option<Wanted> {
        match self.state {
            State::AwaitingHeader { until_ms, .. } => self.await_header(until_ms, turn),
            State::Handshaking { until_ms } => self.shake_hands(until_ms, turn),
            State::AwaitingContent(_) => self.decide(turn),
            State::Choosing { backend, failed } => self.choose(backend, failed, turn),
            State::Queued { backend, ticket, until_ms } => {
                self.await_slot(backend, ticket, until_ms, turn)
            }
            State::Opening(target) => Some(Wanted::Socket(target)),
            State::Connecting { target, ref mut server, until_ms } => match server.reached() {
                Some(Ok(())) => {
                    server.set_active(turn.now_ms);
                    self.start_relay(target, turn)
                }
                Some(Err(error)) => {
                    self.keep_server_failure(target, &error, turn);
                    self.retry(target, ConnectFailure::of(&error), turn)
                }
                None => self.await_connect(target, until_ms, turn),
            },
            State::TurnAround { target, until_ms } => self.turn_around(target, until_ms, turn),
            State::Relaying(ref mut relaying) => {
                match relaying.advance(&mut self.client, self.route.frontend, turn) {
                    Ok(true) => Some(Wanted::Turn),
                    Ok(false) => Some(Wanted::Event),
                    Err(termination) => self.close(termination, turn.shared),
                }
            }
            State::Inspecting(_) => self.inspect(turn),
            State::Closed(_) => Some(Wanted::Removal),
        }
    }

    /// Enters another state. Nothing else changes the state. Inlined always, so that a state is
    /// made in its place: to pass states on costs more than most of what they do.
    #[inline(always)]
    fn enter(&mut self, state: State) -> Option<Wanted> {
        log::trace!("{}: {} -> {}", self.slot.generation, self.state_name(), state.name());
        self.state = state;
        None
    }

    /// Enters the last state, with what the state before leaves to be given back.
    fn close(&mut self, termination: Termination, shared: &mut Shared) -> Option<Wanted> {
        let placeholder = State::Closed(Closed::new(termination));
        let before = std::mem::replace(&mut self.state, placeholder);
        log::trace!("{}: {} is over", self.slot.generation, before.name());
        self.enter(State::Closed(before.into_closed(termination, &mut shared.buffers)))
    }

    fn await_header(&mut self, until_ms: Option<u64>, turn: &mut Turn<'_>) -> Option<Wanted> {
        let failure =
            match proxy_header::receive(&mut self.client, &mut turn.shared.buffers.scratch) {
                Ok(Received::Header(ends, additions)) => {
                    self.header = Some(additions);
                    if let Some(ends) = ends {
                        let own =
                            proxy_header::destination(&self.client, self.destination.as_deref());
                        self.memory.keep_own_ends(self.address, own);
                        self.address = Some(ends.source);
                        self.destination = Some(Box::new(ends.destination));
                    }
                    return self.pass_header(until_ms, turn);
                }
                Ok(Received::Nothing) if !turn.has_reached(until_ms) => {
                    return Some(Wanted::Event);
                }
                Ok(Received::Nothing) => HeaderFailure::TimedOut,
                Err(failure) => failure,
            };
        self.refuse_entry(EntryFailure::Header(failure))
    }

    /// Ends the connection of a client that is refused before its session begins.
    pub(super) fn refuse_entry(&mut self, failure: EntryFailure) -> Option<Wanted> {
        self.enter(State::Closed(Closed {
            log_entry: LogEntry::EntryFailure(failure),
            ..Closed::new(Termination::new(Cause::Refused, Phase::Request))
        }))
    }

    /// The header has come: TLS begins, or else the session.
    fn pass_header(&mut self, until_ms: Option<u64>, turn: &mut Turn<'_>) -> Option<Wanted> {
        let State::AwaitingHeader { acceptor: Some(acceptor), .. } = &self.state else {
            return self.open_session(turn);
        };
        let state = secure(&mut self.client, acceptor, until_ms, turn);
        self.enter(state)
    }

    /// Runs the session rules for the address that a header has named.
    fn open_session(&mut self, turn: &mut Turn<'_>) -> Option<Wanted> {
        let Route { frontend, backend, .. } = self.route;
        let rules = &turn.shared.frontend(frontend).config.rules;
        let needs_destination = rules.needs_destination && !rules.session.is_empty();
        let destination = needs_destination
            .then(|| proxy_header::destination(&self.client, self.destination.as_deref()));
        let destination = destination.flatten();
        let applicant = Applicant {
            frontend,
            client: self.address,
            destination,
            socket: self.socket,
            header: self.header.as_deref(),
            fd: Some(self.client.as_fd()),
            session: self.client.session(),
            has_set_ends: false,
        };
        let admitted = admission::admit_session(applicant, &mut self.memory, turn);
        if let Err(denied) = admitted {
            self.deny(denied, turn.shared);
            return self.enter(State::Closed(Closed {
                log_entry: LogEntry::Nothing,
                ..Closed::new(Termination::new(Cause::Refused, Phase::Request))
            }));
        }
        self.set_ends(admitted.ok().flatten());
        self.log_arrival(turn.shared);
        self.enter(after_header(frontend, backend, turn))
    }

    /// Makes the close of a client that rules refuse what the rule wants.
    fn deny(&mut self, denied: Denied, shared: &mut Shared) {
        match denied {
            Denied::Reset | Denied::Rejected => self.client.discard(&mut shared.buffers.scratch),
            Denied::Dropped => self.client.silence(),
        }
    }

    fn choose(
        &mut self,
        id: BackendId,
        failed: Option<ServerIndex>,
        turn: &mut Turn<'_>,
    ) -> Option<Wanted> {
        let client = self.client_ip();
        let Shared { backends, tables, .. } = &mut *turn.shared;
        let backend = &mut backends[id.index()];
        self.client.set_gone_when_ended(backend.config.options.abort_on_close);
        let choice = if backend.config.disabled {
            Choice::NoServer
        } else {
            self.route.choose(client, backend, tables, failed, turn.now_ms)
        };
        match choice {
            Choice::Go(server) => {
                self.route.take_slot(server, failed, backend);
                self.queued_ms = Some(self.elapsed_ms(turn.now_ms));
                self.enter(State::Opening(Target { backend: id, server }))
            }
            Choice::Queue(server) => {
                let who = (self.slot, self.memory.priority);
                let ticket = self.route.join_queue(server, failed, who, backend, turn.now_ms);
                let timeout_ms = backend.config.timeout_queue_ms;
                let timeout_ms = timeout_ms.or(backend.config.timeout_connect_ms);
                let until_ms = turn.deadline_ms(timeout_ms);
                self.enter(State::Queued { backend: id, ticket, until_ms })
            }
            Choice::Full(server) => {
                if let Some(failed) = failed {
                    backend.release_slot(failed);
                }
                self.route.waited_for = Some(server);
                let termination = Termination::new(Cause::ServerAbort, Phase::Queue);
                self.refuse(id, None, termination, turn)
            }
            Choice::NoServer => {
                let termination = Termination::new(Cause::ServerAbort, Phase::Connect);
                self.refuse(id, failed, termination, turn)
            }
        }
    }

    /// Ends a connection that no server takes. It may still hold a slot at a server that failed.
    fn refuse(
        &mut self,
        backend: BackendId,
        held: Option<ServerIndex>,
        termination: Termination,
        turn: &mut Turn<'_>,
    ) -> Option<Wanted> {
        self.route.count_refusal(turn.shared.backend_mut(backend));
        self.client.discard(&mut turn.shared.buffers.scratch);
        self.enter(State::Closed(Closed { held, ..Closed::new(termination) }))
    }

    fn await_slot(
        &mut self,
        id: BackendId,
        ticket: Ticket,
        until_ms: Option<u64>,
        turn: &mut Turn<'_>,
    ) -> Option<Wanted> {
        let is_late = turn.has_reached(until_ms);
        let Shared { backends, tables, .. } = &mut *turn.shared;
        let backend = &mut backends[id.index()];
        let call = backend.queues.call_of(ticket);
        let has_left = self.client.has_left_silently();
        if call == Call::Wait && !has_left && !is_late {
            return Some(Wanted::Event);
        }
        let held = self.route.leave_queue(ticket, backend);
        self.queued_ms = Some(self.elapsed_ms(turn.now_ms));
        if has_left {
            if let Some(server) = held {
                backend.count(server, |counters| counters.client_aborts += 1);
            }
            let termination = Termination::new(Cause::ClientAbort, Phase::Queue);
            return self.enter(State::Closed(Closed { held, ..Closed::new(termination) }));
        }
        match call {
            Call::Wait => {
                let termination = Termination::new(Cause::ServerTimeout, Phase::Queue);
                self.refuse(id, held, termination, turn)
            }
            Call::ChooseAgain => self.enter(State::Choosing { backend: id, failed: None }),
            Call::Go(server) => {
                let client = self.client_ip();
                if self.route.takes_kept_slot(server, client, backend, tables, turn.now_ms) {
                    return self.enter(State::Opening(Target { backend: id, server }));
                }
                backend.release_slot(server);
                self.enter(State::Choosing { backend: id, failed: None })
            }
        }
    }

    /// The server has accepted.
    fn start_relay(&mut self, target: Target, turn: &mut Turn<'_>) -> Option<Wanted> {
        let now_ms = turn.now_ms;
        self.connect_ms = Some(self.elapsed_ms(now_ms));
        self.client.set_active(now_ms);
        self.count_server_handshake(target, turn);
        let client = self.client_ip();
        let Shared { backends, tables, variables, .. } = &mut *turn.shared;
        let backend = &mut backends[target.backend.index()];
        self.route.settle_entries(true, client, backend, tables, now_ms);
        self.memory.begin_answer(variables);
        backend.server_mut(target.server).failed_in_row = 0;
        let backend_options = backend.config.options;
        let frontend = turn.shared.frontend(self.route.frontend);
        let options = frontend.config.options;
        if frontend.logs_early() {
            let mut memory = std::mem::take(&mut self.memory);
            self.log_record(None, &mut memory, turn);
            self.memory = memory;
        }
        let proxies = [options, backend_options];
        let mut relay = Relay::new(Splice::of_request(&proxies), Splice::of_response(&proxies));
        // With TLS, the header was sent before the handshake.
        let is_plain = self.server().is_none_or(|server| server.session().is_none());
        if is_plain
            && let Some(header) = self.header_for(target, turn)
            && relay.to_server.begin_with(&header, &mut turn.shared.buffers).is_err()
        {
            turn.shared.totals.resource_errors += 1;
            return self.close(Termination::new(Cause::Resource, Phase::Data), turn.shared);
        }
        let placeholder = State::Closed(Closed::new(Termination::NORMAL));
        let before = std::mem::replace(&mut self.state, placeholder);
        let backend = turn.shared.backend(target.backend);
        self.enter(before.into_relaying(relay, backend, now_ms))
    }

    /// When to advance it although nothing happens.
    pub fn poll_timeout(&self, shared: &Shared) -> Option<u64> {
        self.state.deadline_ms(&self.client, self.route.frontend, shared)
    }

    /// The deadline to arm a timer for, unless it cannot be nearer than it was at the last call.
    pub fn poll_nearer_timeout(&mut self, shared: &Shared) -> Option<u64> {
        if let State::Relaying(relaying) = &mut self.state
            && !relaying.has_nearer_deadline(&self.client)
        {
            return None;
        }
        self.poll_timeout(shared)
    }

    /// Its deadline has come.
    pub fn handle_timeout(&mut self) {
        if let State::Relaying(relaying) = &mut self.state {
            relaying.handle_timeout();
        }
    }

    /// How much it may move in a turn.
    pub fn share(&self) -> Share {
        self.state.share()
    }

    /// Ends it from outside. It is removed at the end of the turn.
    pub fn kill(&mut self, cause: Cause, shared: &mut Shared) {
        let phase = match &self.state {
            State::AwaitingHeader { .. }
            | State::Handshaking { .. }
            | State::AwaitingContent(_)
            | State::Choosing { .. } => Phase::Request,
            State::Queued { backend, ticket, .. } => {
                let held = self.route.leave_queue(*ticket, shared.backend_mut(*backend));
                let closed = Closed::new(Termination::new(cause, Phase::Queue));
                self.enter(State::Closed(Closed { held, ..closed }));
                return;
            }
            State::Opening(_) | State::Connecting { .. } | State::TurnAround { .. } => {
                Phase::Connect
            }
            State::Relaying(_) | State::Inspecting(_) if cause.is_shutdown() => Phase::Done,
            State::Inspecting(_) => Phase::Data,
            State::Relaying(relaying) => relaying.phase(),
            State::Closed(_) => return,
        };
        let termination = Termination::new(cause, phase);
        self.close(termination, shared);
    }

    fn client_ip(&self) -> Option<IpAddr> {
        self.address.map(|address| address.ip())
    }
}

/// Has a client speak TLS from now on.
fn secure(
    client: &mut Side,
    acceptor: &Acceptor,
    until_ms: Option<u64>,
    turn: &mut Turn<'_>,
) -> State {
    let tls = &mut turn.shared.totals.tls;
    tls.connections += 1;
    tls.rate.count(turn.now_ms);
    client.secure(Session::accepting(acceptor));
    State::Handshaking { until_ms }
}

/// The first state of a connection whose client is known for sure.
fn after_header(frontend: FrontendId, backend: Option<BackendId>, turn: &Turn<'_>) -> State {
    match backend {
        Some(backend) if !turn.shared.backend(backend).has_content_rules => {
            State::Choosing { backend, failed: None }
        }
        Some(_) | None => {
            State::AwaitingContent(ContentRules::new(frontend, backend, turn.shared, turn.now_ms))
        }
    }
}
