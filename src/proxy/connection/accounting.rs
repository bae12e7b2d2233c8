//! What is counted of a connection, and what the log and the Runtime API are told of it.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::SystemTime;

use super::Connection;
use super::entry_failure::EntryFailure;
use super::log_record::{Arrival, Cause, LogRecord, Phase, SampleTexts, Termination, TlsWords};
use super::proxy_header;
use super::state::{Closed, LogEntry, State};
use crate::config::{BackendId, Direction, FormatString, FrontendId, LogLevel, ServerIndex};
use crate::net::address::Address;
use crate::net::closing::Closing;
use crate::net::tls::session::Session;
use crate::proxy::backend::Backend;
use crate::proxy::frontend::Frontend;
use crate::proxy::relay::side::Side;
use crate::proxy::rules::{Context, EntryFacts, Facts, Failures, Memory, Sessions, Sockets};
use crate::proxy::shared::{Shared, Turn};
use crate::reactor::token::Slot;

/// The end of a connection.
impl Connection {
    /// Counts the end, gives back what the connection holds, and has the log told. The sockets are
    /// left to `closing`.
    pub fn finish(mut self, turn: &mut Turn<'_>, closing: &mut Closing) {
        let mut memory = std::mem::take(&mut self.memory);
        let closed = self.closed();
        let frontend = turn.shared.frontend(self.route.frontend);
        let options = frontend.config.options;
        let was_early = frontend.logs_early() && self.connect_ms.is_some();
        // An early line of `option dontlog-normal` tells only of a connect that had to be repeated.
        let is_logged = was_early && (!options.dontlog_normal || self.has_struggled());
        let is_refused = closed.log_entry != LogEntry::Record;
        if is_refused && frontend.logs_refusals() {
            self.log_refusal(closed, &mut memory, turn);
        } else if !is_refused && frontend.logs() && !is_logged {
            let termination = closed.termination;
            self.log_record(Some(termination), &mut memory, turn);
        }
        if options.nolinger {
            self.client.reset_on_close();
        }
        if let Some(id) = self.route.backend {
            let client = self.address.map(|address| address.ip());
            let Shared { backends, tables, .. } = &mut *turn.shared;
            let backend = &backends[id.index()];
            self.route.settle_entries(false, client, backend, tables, turn.now_ms);
        }
        let Shared { tables, variables, .. } = &mut *turn.shared;
        let closed = self.closed();
        let moved = (closed.bytes_in, closed.bytes_out);
        memory.finish(moved, tables, variables, turn.now_ms);
        self.count_end(closed, turn);
        closing.push(self.client.into());
        if let State::Closed(Closed { server: Some(server), .. }) = self.state {
            closing.push(server.into());
        }
    }

    fn closed(&self) -> &Closed {
        let State::Closed(closed) = &self.state else {
            unreachable!("BUG: only closed connections are removed")
        };
        closed
    }

    fn count_end(&self, closed: &Closed, turn: &mut Turn<'_>) {
        let Turn { shared, now_ms } = turn;
        let now_ms = *now_ms;
        shared.totals.current -= 1;
        shared.frontend_mut(self.route.frontend).counters.current -= 1;
        let Some(id) = self.route.backend else { return };
        let backend = shared.backend_mut(id);
        backend.counters.current -= 1;
        if let Some(server) = closed.held {
            backend.release_slot(server);
            self.count_times(backend, server, now_ms);
        }
        if let (true, Some(side)) = (backend.config.options.nolinger, &closed.server) {
            side.reset_on_close();
        }
    }

    /// Counts how long the connection took, if it reached its server.
    fn count_times(&self, backend: &mut Backend, server: ServerIndex, now_ms: u64) {
        let Some(connected_ms) = self.connect_ms else { return };
        let queued_ms = self.queued_ms.unwrap_or(0);
        let connect_ms = connected_ms.saturating_sub(queued_ms);
        let total_ms = self.elapsed_ms(now_ms);
        backend.count(server, |counters| counters.times.count(queued_ms, connect_ms, total_ms));
    }
}

/// What the log is told.
impl Connection {
    /// Tells the log that a client came in, where the frontend logs that instead of the end.
    pub fn log_arrival(&self, shared: &mut Shared) {
        let frontend = self.route.frontend;
        if shared.frontend(frontend).logs_arrivals() {
            // Only asked for here: it is a system call.
            let local = proxy_header::destination(&self.client, self.destination.as_deref());
            shared.arrivals.push(Arrival { frontend, client: self.address, local });
        }
    }

    /// Keeps where the server is connected to, where a line names that: an operator may move the
    /// server before the line is written.
    pub fn keep_server_address(&mut self, address: &Address, shared: &Shared) {
        let frontend = &shared.frontend(self.route.frontend).config;
        if frontend.lines().any(FormatString::names_target) {
            self.server_address = Some(Box::new(address.clone()));
        }
    }

    /// Whether connecting had to be tried again.
    fn has_struggled(&self) -> bool {
        self.route.retries > 0 || self.route.redispatched
    }

    /// Tells the log of the connection, if the options of its frontend want that: how it has
    /// ended, or without `termination` that it relays from now on.
    pub(super) fn log_record(
        &mut self,
        termination: Option<Termination>,
        memory: &mut Memory,
        turn: &mut Turn<'_>,
    ) {
        let level = match self.route.log_level {
            None => None,
            Some(LogLevel::Of(level)) => Some(level),
            Some(LogLevel::Silent) => return,
        };
        let mut record = self.record(termination, turn.shared, turn.now_ms);
        record.level = level;
        let options = turn.shared.frontend(self.route.frontend).config.options;
        let is_null = options.dontlognull && record.bytes_in == 0;
        let is_wanted = record.is_failure() || !options.dontlog_normal;
        if is_wanted && (record.is_early || !is_null) {
            record.unique_id = self.make_unique_id(&record, memory, turn);
            self.push_record(record, memory, turn);
        }
    }

    /// Tells the log of a connection that was refused at its PROXY header, or by the rules right
    /// after that, for a line of `error-log-format`.
    fn log_refusal(&self, closed: &Closed, memory: &mut Memory, turn: &mut Turn<'_>) {
        let options = turn.shared.frontend(self.route.frontend).config.options;
        let is_silent = match closed.log_entry {
            LogEntry::EntryFailure(failure) => failure.is_silent(),
            LogEntry::Record | LogEntry::Nothing => false,
        };
        if options.dontlognull && is_silent {
            return;
        }
        let record = LogRecord {
            is_refusal: true,
            backend: None,
            backend_connections: 0,
            ..self.record(Some(closed.termination), turn.shared, turn.now_ms)
        };
        self.push_record(record, memory, turn);
    }

    /// Adds what the rules know to a record, and has the log told.
    fn push_record(&self, mut record: LogRecord, memory: &mut Memory, turn: &mut Turn<'_>) {
        (record.samples, record.structured) = samples(&record, self.entry_facts(), memory, turn);
        (record.captures, record.answer_captures) = captures(&record, memory, turn.shared);
        let lines = &mut turn.shared.frontend_mut(self.route.frontend).lines;
        *lines = lines.wrapping_add(1);
        turn.shared.records.push(record);
    }

    pub(super) fn record(
        &self,
        termination: Option<Termination>,
        shared: &Shared,
        now_ms: u64,
    ) -> LogRecord {
        let frontend = shared.frontend(self.route.frontend);
        let (local, source) = self.own_addresses(frontend);
        let backend = self.route.backend.map(|id| shared.backend(id));
        let held = self.server_index();
        let server = held.or(self.route.waited_for);
        let target = backend.zip(server).map(|(backend, server)| backend.server(server));
        // HAProxy counts the others in the backend and at the server, but the connection itself as
        // well in the frontend and the process.
        let gone = u32::from(termination.is_some());
        let itself = gone & u32::from(held.is_some());
        let (bytes_in, bytes_out) = self.bytes();
        LogRecord {
            client: self.address,
            accepted_at: self.accepted_at,
            frontend: self.route.frontend,
            backend: self.route.backend,
            server,
            queued_ms: self.queued_ms,
            connect_ms: self.connect_ms.map(|ms| ms - self.queued_ms.unwrap_or(0).min(ms)),
            total_ms: self.elapsed_ms(now_ms),
            bytes_in,
            bytes_out,
            level: None,
            tls: self.client.session().map(tls_words),
            termination: termination.unwrap_or(Termination::NORMAL),
            is_early: termination.is_none(),
            local,
            source,
            target: self.server_address.as_deref().cloned(),
            process_connections: shared.totals.current,
            frontend_connections: frontend.counters.current,
            backend_connections: backend.map_or(0, |backend| backend.counters.current - gone),
            server_connections: target
                .filter(|_| server != Some(ServerIndex::DISPATCH))
                .map_or(0, |server| server.counters.current - itself),
            retries: self.route.retries,
            redispatched: self.route.redispatched,
            server_queue: self.route.server_queue,
            backend_queue: self.route.backend_queue,
            number: self.slot.generation,
            lines_before: frontend.lines,
            unique_id: None,
            is_refusal: false,
            samples: None,
            structured: None,
            captures: None,
            answer_captures: None,
        }
    }

    /// The address that the client connected to and the address that the server sees, where a
    /// line names them: only the system knows.
    fn own_addresses(&self, frontend: &Frontend) -> (Option<SocketAddr>, Option<SocketAddr>) {
        if !frontend.config.lines().any(FormatString::wants_own_ends) {
            return (None, None);
        }
        let source = self.server().and_then(|server| proxy_header::destination(server, None));
        (proxy_header::destination(&self.client, self.destination.as_deref()), source)
    }

    /// How the client has come in.
    pub(super) fn entry_facts(&self) -> EntryFacts<'_> {
        let client = self.client.session();
        let server = self.server().and_then(Side::session);
        let header = self.header.as_deref();
        let sockets = Sockets {
            client: Some(self.client.as_fd()),
            server: self.server().map(Side::as_fd),
            chosen: None,
        };
        let failures = Failures { client: self.entry_failure(), server: self.server_failure };
        let tls = Sessions { client, server, failures };
        EntryFacts { socket: self.socket, header, tls, sockets }
    }

    /// Why the client was refused at its PROXY header or TLS handshake, if it was.
    pub fn entry_failure(&self) -> Option<EntryFailure> {
        match &self.state {
            State::Closed(Closed { log_entry: LogEntry::EntryFailure(failure), .. }) => {
                Some(*failure)
            }
            State::Closed(_)
            | State::AwaitingHeader { .. }
            | State::Handshaking { .. }
            | State::AwaitingContent(_)
            | State::Choosing { .. }
            | State::Queued { .. }
            | State::Opening(_)
            | State::Connecting { .. }
            | State::TurnAround { .. }
            | State::Inspecting(_)
            | State::Relaying(_) => None,
        }
    }

    /// Milliseconds since the connection was accepted.
    pub(super) fn elapsed_ms(&self, now_ms: u64) -> u32 {
        u32::try_from(now_ms.saturating_sub(self.accepted_ms)).unwrap_or(u32::MAX)
    }
}

fn tls_words(session: &Session) -> TlsWords {
    TlsWords { version: session.version(), suite: session.suite() }
}

/// What rules have refused a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// A session rule, once a PROXY header had named the client.
    Session,
    /// A content rule.
    Content,
}

/// What a listener counts.
impl Connection {
    /// The rules that refused the connection, if rules did.
    pub fn refused_by(&self) -> Option<RefusedBy> {
        let State::Closed(closed) = &self.state else { return None };
        if closed.termination != Termination::new(Cause::Refused, Phase::Request) {
            return None;
        }
        match closed.log_entry {
            LogEntry::Record => Some(RefusedBy::Content),
            LogEntry::Nothing => Some(RefusedBy::Session),
            LogEntry::EntryFailure(_) => None,
        }
    }
}

/// What the Runtime API shows.
impl Connection {
    /// Where it is kept, and in which generation: its name.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The frontend that accepted it.
    pub fn frontend(&self) -> FrontendId {
        self.route.frontend
    }

    /// The backend, once it is known.
    pub fn backend(&self) -> Option<BackendId> {
        self.route.backend
    }

    /// The server at which it holds a slot.
    pub fn server_index(&self) -> Option<ServerIndex> {
        self.state.held_slot()
    }

    /// Whether it holds a slot at this server.
    pub fn is_at(&self, backend: BackendId, server: ServerIndex) -> bool {
        self.route.backend == Some(backend) && self.server_index() == Some(server)
    }

    /// Connects tried again.
    pub fn retries(&self) -> u32 {
        self.route.retries
    }

    /// The position of the listener that accepted it.
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

    /// The server's side, while there is one.
    pub fn server(&self) -> Option<&Side> {
        self.state.server()
    }

    /// The name of the state it is in.
    pub fn state_name(&self) -> &'static str {
        self.state.name()
    }

    /// Bytes from and to the client so far.
    pub fn bytes(&self) -> (u64, u64) {
        match &self.state {
            State::Inspecting(inspecting) => {
                let relaying = inspecting.relaying();
                (relaying.bytes_in(), relaying.bytes_out())
            }
            State::Relaying(relaying) => (relaying.bytes_in(), relaying.bytes_out()),
            State::Closed(closed) => (closed.bytes_in, closed.bytes_out),
            State::AwaitingHeader { .. }
            | State::Handshaking { .. }
            | State::AwaitingContent(_)
            | State::Choosing { .. }
            | State::Queued { .. }
            | State::Opening(_)
            | State::Connecting { .. }
            | State::TurnAround { .. } => (0, 0),
        }
    }
}

/// The texts of the samples in the line of a connection, and in the structured data beside it, by
/// what is still known.
fn samples(
    record: &LogRecord,
    entry: EntryFacts<'_>,
    memory: &mut Memory,
    turn: &mut Turn<'_>,
) -> (SampleTexts, SampleTexts) {
    let (objects, _) = turn.shared.for_rules();
    let frontend = &objects.frontends[record.frontend.index()].config;
    let lines = [frontend.line(record.is_refusal), frontend.structured_data.as_ref()];
    let lines = lines.map(|line| line.filter(|line| line.samples().next().is_some()));
    if lines == [None, None] {
        return (None, None);
    }
    let facts = Facts { noted: None, ..Facts::of_record(record, entry) };
    let mut context = Context::new(facts, objects, memory, turn.now_ms);
    let [line, data] = lines.map(|line| line.map(|line| context.log_samples(line)));
    (line, data)
}

/// The texts that rules have kept of a connection, of the request and of the answer, where its
/// lines show them.
fn captures(record: &LogRecord, memory: &Memory, shared: &Shared) -> (SampleTexts, SampleTexts) {
    let frontend = &shared.frontend(record.frontend).config;
    if !frontend.lines().any(FormatString::shows_captures) {
        return (None, None);
    }
    let of = |side| memory.captures(&frontend.rules.captures, side);
    (of(Direction::Request), of(Direction::Response))
}
