//! One connection to one peer: the handshake, the messages, the timers, the errors. Bytes and time
//! go in, bytes and events come out.
//!
//! ```text
//! accept  ──┐
//!           ├──> Handshake ──> Messages ──> Ended
//! connect ──┘        └──────────error────────^
//! handover ─────────────────> Messages
//! ```
//! `handshake.rs` has the states of the handshake. `exchange.rs` has the meaning of each message,
//! `learn.rs` takes the entry updates, with `remote_tables.rs` for the tables that the other side
//! has defined, and `teach.rs` sends ours. `handover.rs` has what only the sessions of a reload do.
//! `carry.rs` takes a session from one process to the next.
//! `error.rs` says why a session ends, and `view.rs` shows a session to the Runtime API.

#![deny(clippy::wildcard_enum_match_arm)]

pub(super) mod carry;
pub(super) mod error;
mod exchange;
mod handover;
mod handshake;
pub(super) mod learn;
pub(super) mod remote_tables;
pub(super) mod teach;
mod view;

use std::collections::VecDeque;

pub use view::TableView;

use super::events::SessionEvent;
use super::peer::{PeerId, SessionEnd};
use super::section::Section;
use super::wire::buffers::{ReceiveBuffer, SendBuffer};
use super::wire::hello;
use super::wire::hello::{Line, Status};
use super::wire::message;
use super::wire::message::Message;
use crate::net::tls::names::Names;
use crate::table::Tables;
use error::{ErrorClass, Reply, SessionError, SessionErrorKind};
use exchange::{Exchange, Role};
use handshake::{Established, Handshake, OutgoingCall};
use learn::Batch;

/// How long nothing may be received, in milliseconds.
const SILENCE_MS: u64 = 5000;
/// How long nothing may be sent: then a heartbeat is.
const HEARTBEAT_MS: u64 = 3000;

/// What a session waits for.
#[derive(Debug)]
enum State {
    /// The lines of the handshake.
    Handshake(Handshake),
    /// Messages.
    Messages(Box<Exchange>),
    /// The end: a reply to the error may still be in the send buffer.
    Failed {
        kind: SessionErrorKind,
        /// None if the handshake failed.
        exchange: Option<Box<Exchange>>,
    },
    /// Nothing: the connection is closed.
    Closed,
}

/// The other side of a session, and the session among all those with it.
#[derive(Clone, Copy, Debug)]
struct Owner {
    peer: PeerId,
    serial: u64,
    /// The session teaches a successor at the local peer's address: it is not the session that the
    /// local peer may have with us.
    is_local_call: bool,
}

/// How the connection of a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The connection was never made.
    ConnectFailed,
    /// The other side or the network closed it.
    ByPeer,
    /// We closed it because of the [`SessionError`] that a call returned.
    ByError,
    /// We closed it for reasons of our own.
    ByUs,
}

/// One connection to one peer.
#[derive(Debug)]
pub struct Session {
    state: State,
    /// None while the caller is unknown.
    owner: Option<Owner>,
    /// The names in the certificate that the other side has shown, if it had to show one.
    certificate: Option<Names>,
    input: ReceiveBuffer,
    output: SendBuffer,
    last_received_ms: u64,
    last_sent_ms: u64,
    bytes_sent: u64,
    /// How many of these are counted at the peer.
    bytes_sent_counted: u64,
    events: VecDeque<SessionEvent>,
}

impl Session {
    /// A session that the other side opened. Its hello will say which peer it is.
    pub fn accept(now_ms: u64) -> Self {
        Self::new(State::Handshake(Handshake::accept(now_ms)), None, now_ms)
    }

    /// A session that we open, as [`Section::poll_call`] asked for: with a remote peer, or with the
    /// successor at the local peer's address, which is taught everything unasked. May be made
    /// before the connection is there.
    pub fn connect(section: &mut Section, peer: PeerId, now_ms: u64) -> Self {
        let is_local_call = section.is_local(peer);
        let version = section.version_to_announce(peer);
        let serial = section.begin_call(peer, now_ms);
        let role = if is_local_call { Role::LocalTeacher } else { Role::Remote };
        let call = OutgoingCall { peer, version, role };
        let owner = Some(Owner { peer, serial, is_local_call });
        let mut session =
            Self::new(State::Handshake(Handshake::connect(call, now_ms)), owner, now_ms);
        let called = section.peer(peer).name();
        let caller = section.local_name().unwrap_or_default();
        let pid = section.pid();
        session.output.write(|out| hello::write(out, version, called, caller, pid));
        session
    }

    fn new(state: State, owner: Option<Owner>, now_ms: u64) -> Self {
        Self {
            state,
            owner,
            certificate: None,
            input: ReceiveBuffer::new(),
            output: SendBuffer::new(),
            last_received_ms: now_ms,
            last_sent_ms: now_ms,
            bytes_sent: 0,
            bytes_sent_counted: 0,
            events: VecDeque::new(),
        }
    }

    // Bytes and time.

    /// Where to put received bytes. Empty while [`Session::has_input`] must be worked off first.
    pub fn receive_space(&mut self) -> &mut [u8] {
        self.input.space()
    }

    /// `len` bytes were received; 0 to go on with the bytes that are there. Handles at most as many
    /// messages as the section takes in one go.
    ///
    /// # Errors
    /// If the other side has broken the protocol, or a later session has taken this one's place.
    /// Then [`Session::poll_transmit`] offers the reply.
    pub fn handle_received(
        &mut self,
        len: usize,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Result<(), SessionError> {
        // What waits here to be handled has been received: the other side is not silent.
        if len > 0 || self.has_input() {
            self.last_received_ms = now_ms;
        }
        self.input.fill(len);
        let result = self.check_owner(section).and_then(|()| {
            while self.handle_line(section, now_ms)? {}
            self.handle_messages(section, tables, now_ms)
        });
        if let Some(peer) = self.remote_peer() {
            section.peer_mut(peer).counters.bytes_received += len as u64;
        }
        result.map_err(|kind| self.fail(kind))
    }

    /// The connection of our call is made, and TLS begins on it. Until it is over, nothing may be
    /// received or sent.
    pub fn begin_tls(&mut self, now_ms: u64) {
        if let State::Handshake(handshake) = &mut self.state {
            handshake.begin_tls(now_ms);
        }
    }

    /// TLS has begun, and the other side has shown that a certificate with these names is its own.
    /// To be called before anything is received.
    ///
    /// # Errors
    /// If the names are not those of the peer that we have called. That of a caller comes to light
    /// with its hello.
    pub fn handle_certificate(
        &mut self,
        names: Names,
        section: &Section,
    ) -> Result<(), SessionError> {
        let certificate = self.certificate.insert(names);
        let Some(Owner { peer, .. }) = self.owner else { return Ok(()) };
        handshake::check_certificate(Some(certificate), peer, section).map_err(|kind| {
            let error = self.fail(kind);
            // What was to be said is for the peer alone.
            self.output = SendBuffer::new();
            error
        })
    }

    /// Whether a call of [`Session::handle_received`] left whole messages behind.
    pub fn has_input(&self) -> bool {
        self.is_established() && !matches!(message::read_frame(self.input.unread()), Ok(None))
    }

    /// Time has passed.
    ///
    /// # Errors
    /// If the other side has kept us waiting for too long, or a later session has taken this one's
    /// place.
    pub fn handle_timeout(
        &mut self,
        section: &mut Section,
        now_ms: u64,
    ) -> Result<(), SessionError> {
        let result = self.check_owner(section).and_then(|()| {
            let is_due = self.limit_ms().is_some_and(|limit_ms| limit_ms <= now_ms);
            match &self.state {
                State::Handshake(handshake) if is_due => Err(handshake.timeout()),
                State::Messages(_) if is_due => Err(SessionErrorKind::Silent),
                State::Handshake(_) | State::Messages(_) | State::Failed { .. } | State::Closed => {
                    Ok(())
                }
            }
        });
        result.map_err(|kind| self.fail(kind))
    }

    /// When to call [`Session::handle_timeout`], and [`Session::poll_transmit`] for a heartbeat.
    pub fn poll_timeout(&self) -> Option<u64> {
        let heartbeat_ms = self.heartbeat_ms().filter(|_| self.output.is_empty());
        self.limit_ms().into_iter().chain(heartbeat_ms).min()
    }

    /// Bytes to be sent; none if there is nothing to say now. To be called once a turn at least: a
    /// change in the tables shows only here.
    pub fn poll_transmit(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Option<&[u8]> {
        if self.output.is_empty() && self.is_established() && self.check_owner(section).is_ok() {
            self.fill_output(section, tables, now_ms);
        }
        self.count_sent(section);
        Some(self.output.unsent()).filter(|bytes| !bytes.is_empty())
    }

    /// The first `len` of the bytes offered were sent.
    pub fn handle_sent(&mut self, len: usize, now_ms: u64) {
        self.output.sent(len);
        self.bytes_sent += len as u64;
        self.last_sent_ms = now_ms;
        if let State::Handshake(handshake) = &mut self.state
            && self.output.is_empty()
        {
            handshake.handle_sent(now_ms);
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// The connection is gone or about to be. To be called once, last. The section then plans the
    /// next call of the peer.
    pub fn handle_closed(
        &mut self,
        closed: Closed,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        if self.role() == Some(Role::HandoverTeacher) {
            for own in section.tables() {
                tables.get_mut(own.id).stop_handover_log();
            }
        }
        match self.owner {
            Some(Owner { is_local_call: true, .. }) => {
                section.end_local_call(self.exchange().is_some(), now_ms);
            }
            Some(Owner { peer, serial, .. }) => {
                self.count_error(section, peer);
                self.count_sent(section);
                if let Some(exchange) = self.exchange() {
                    exchange.learner.count_learned(&mut section.peer_mut(peer).learned);
                }
                section.end_session(peer, serial, self.end(closed), now_ms);
            }
            None => {}
        }
        self.state = State::Closed;
    }

    // Received lines and messages.

    /// A session is not the peer's any more when the peer has called anew, or has accepted another
    /// call.
    fn check_owner(&self, section: &Section) -> Result<(), SessionErrorKind> {
        match self.owner {
            Some(Owner { peer, serial, is_local_call: false }) => {
                let owner = section.peer(peer).session().serial();
                if owner == Some(serial) { Ok(()) } else { Err(SessionErrorKind::Replaced) }
            }
            Some(Owner { is_local_call: true, .. }) | None => Ok(()),
        }
    }

    /// Handles one line of the handshake. False if there is none.
    fn handle_line(
        &mut self,
        section: &mut Section,
        now_ms: u64,
    ) -> Result<bool, SessionErrorKind> {
        let State::Handshake(handshake) = &mut self.state else { return Ok(false) };
        let (line, len) = match hello::read_line(self.input.unread()) {
            Line::Whole(line, len) => (line, len),
            Line::Partial => return Ok(false),
            Line::TooLong => return Err(SessionErrorKind::LineTooLong),
        };
        if let Some(established) =
            handshake.handle_line(line, self.certificate.as_ref(), section)?
        {
            self.establish(established, section, now_ms);
        }
        self.input.consume(len);
        Ok(true)
    }

    /// The handshake is over: messages begin.
    fn establish(&mut self, established: Established, section: &mut Section, now_ms: u64) {
        let (peer, version, role) = match established {
            Established::Accepted { peer, version, role } => {
                let serial = section.accept(peer, version, now_ms);
                self.owner = Some(Owner { peer, serial, is_local_call: false });
                self.output.write(|out| Status::Accepted.write(out));
                self.events.push_back(SessionEvent::HelloAccepted { peer });
                (peer, version, role)
            }
            Established::Called(OutgoingCall { peer, version, role }) => {
                if let Some(Owner { peer, serial, is_local_call: false }) = self.owner {
                    section.begin_session(peer, serial, version, now_ms);
                }
                (peer, version, role)
            }
        };
        self.state = State::Messages(Box::new(Exchange::new(peer, role, version, section)));
        section.peer_mut(peer).counters.sessions += 1;
        self.events.push_back(SessionEvent::Established { peer, version });
    }

    /// Handles the messages that have been received, up to the section's number for one go. An
    /// error leaves the buffer at the message at fault.
    fn handle_messages(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Result<(), SessionErrorKind> {
        let Self { state: State::Messages(exchange), input, events, .. } = self else {
            return Ok(());
        };
        let updates_before = exchange.learner.entries();
        let mut handled = 0;
        let bytes = input.unread();
        let result = handle_frames(exchange, bytes, &mut handled, section, tables, events, now_ms);
        input.consume(handled);
        let updates = exchange.learner.entries() - updates_before;
        section.peer_mut(exchange.peer).counters.updates_received += updates;
        result
    }

    fn fill_output(&mut self, section: &mut Section, tables: &mut Tables, now_ms: u64) {
        let heartbeat_ms = self.heartbeat_ms();
        let Self { state: State::Messages(exchange), output, events, .. } = self else { return };
        output.write(|out| {
            exchange.write(out, section, tables, events, now_ms);
            if out.is_empty() && heartbeat_ms.is_some_and(|due_ms| due_ms <= now_ms) {
                exchange.write_heartbeat(out, section);
            }
        });
    }

    // The end.

    /// The only way into an error. The other side gets the reply that the protocol asks for, once.
    fn fail(&mut self, kind: SessionErrorKind) -> SessionError {
        let (exchange, is_first) = match std::mem::replace(&mut self.state, State::Closed) {
            State::Handshake(_) => (None, true),
            State::Messages(exchange) => (Some(exchange), true),
            State::Failed { exchange, .. } => (exchange, false),
            State::Closed => (None, false),
        };
        if is_first {
            self.output.write(|out| match kind.reply() {
                Reply::None => {}
                Reply::Status(status) => status.write(out),
                Reply::Error(code) => code.write(out),
            });
        }
        self.state = State::Failed { kind, exchange };
        SessionError { kind, offset: self.input.offset() }
    }

    /// How the session ended, for the plan of the next call.
    fn end(&self, closed: Closed) -> SessionEnd {
        match (closed, self.error()) {
            (Closed::ConnectFailed, _) | (_, Some(SessionErrorKind::ConnectTimeout)) => {
                SessionEnd::Unreachable
            }
            (_, Some(SessionErrorKind::StatusTimeout | SessionErrorKind::TlsTimeout)) => {
                SessionEnd::NoAnswer
            }
            (_, Some(SessionErrorKind::Silent)) => SessionEnd::Silent,
            (_, Some(SessionErrorKind::Refused { status })) => SessionEnd::Refused { status },
            (Closed::ByUs, _) => SessionEnd::Closed { was_teaching: false },
            (Closed::ByPeer | Closed::ByError, _) => {
                SessionEnd::Closed { was_teaching: self.is_teaching() }
            }
        }
    }

    fn count_sent(&mut self, section: &mut Section) {
        if let Some(peer) = self.remote_peer() {
            let before = std::mem::replace(&mut self.bytes_sent_counted, self.bytes_sent);
            section.peer_mut(peer).counters.bytes_sent += self.bytes_sent - before;
        }
    }

    fn count_error(&self, section: &mut Section, peer: PeerId) {
        let counters = &mut section.peer_mut(peer).counters;
        match self.error().map(SessionErrorKind::class) {
            Some(ErrorClass::Protocol) => counters.protocol_errors += 1,
            Some(ErrorClass::Silence) => counters.silences += 1,
            Some(ErrorClass::NoAnswer) => counters.unanswered += 1,
            Some(ErrorClass::Other) | None => {}
        }
    }

    // Timers.

    /// When the other side has kept us waiting for too long. The driver of a handover has a limit
    /// of its own.
    fn limit_ms(&self) -> Option<u64> {
        match &self.state {
            State::Handshake(handshake) => Some(handshake.deadline_ms()),
            State::Messages(exchange) => {
                (!exchange.role.is_handover()).then_some(self.last_received_ms + SILENCE_MS)
            }
            State::Failed { .. } | State::Closed => None,
        }
    }

    fn heartbeat_ms(&self) -> Option<u64> {
        match &self.state {
            State::Messages(exchange) => {
                (!exchange.role.is_handover()).then_some(self.last_sent_ms + HEARTBEAT_MS)
            }
            State::Handshake(_) | State::Failed { .. } | State::Closed => None,
        }
    }

    // Parts of the state.

    fn error(&self) -> Option<SessionErrorKind> {
        match &self.state {
            State::Failed { kind, .. } => Some(*kind),
            State::Handshake(_) | State::Messages(_) | State::Closed => None,
        }
    }

    /// What came after the handshake, even if it has failed by now.
    fn exchange(&self) -> Option<&Exchange> {
        match &self.state {
            State::Messages(exchange) => Some(exchange),
            State::Failed { exchange, .. } => exchange.as_deref(),
            State::Handshake(_) | State::Closed => None,
        }
    }

    fn messages_mut(&mut self) -> Option<&mut Exchange> {
        match &mut self.state {
            State::Messages(exchange) => Some(exchange),
            State::Handshake(_) | State::Failed { .. } | State::Closed => None,
        }
    }

    /// The peer that the session is counted for.
    fn remote_peer(&self) -> Option<PeerId> {
        self.owner.filter(|owner| !owner.is_local_call).map(|owner| owner.peer)
    }

    fn role(&self) -> Option<Role> {
        self.exchange().map(|exchange| exchange.role)
    }
}

/// Handles the messages in `bytes` and counts in `handled` the bytes of those that were handled.
/// Updates are read in batches, and a batch is applied before any other message is handled.
fn handle_frames(
    exchange: &mut Exchange,
    bytes: &[u8],
    handled: &mut usize,
    section: &mut Section,
    tables: &mut Tables,
    events: &mut VecDeque<SessionEvent>,
    now_ms: u64,
) -> Result<(), SessionErrorKind> {
    let mut batch = Batch::new();
    let mut result = Ok(());
    for _ in 0..section.updates_max() {
        let (frame, len) = match message::read_frame(bytes.get(*handled..).unwrap_or_default()) {
            Ok(Some(found)) => found,
            Ok(None) => break,
            Err(error) => {
                result = Err(SessionErrorKind::Frame(error));
                break;
            }
        };
        let done = match Message::read(frame) {
            Ok(Message::Update(kind, payload)) => {
                if batch.is_full() || tables.wants_sweep(now_ms) {
                    exchange.apply(&mut batch, section, tables, now_ms);
                    // Between two updates no number of a name is held outside of the tables.
                    tables.sweep_names(now_ms);
                }
                let read =
                    exchange.learner.read(kind, payload, section.tables(), tables, &mut batch);
                read.map_err(|error| SessionErrorKind::Update { kind: frame.kind, error })
            }
            Ok(message) => {
                exchange.apply(&mut batch, section, tables, now_ms);
                exchange.handle_message(message, section, tables, events, now_ms)
            }
            Err(error) => Err(SessionErrorKind::Message { kind: frame.kind, error }),
        };
        if done.is_err() {
            result = done;
            break;
        }
        *handled += len;
    }
    exchange.apply(&mut batch, section, tables, now_ms);
    result
}
