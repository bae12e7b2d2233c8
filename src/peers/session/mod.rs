//! One connection to one peer: the handshake, the timers, the errors. Bytes and time go in, bytes
//! and events come out.
//!
//! ```text
//! accept:   GetVersion -> GetHost -> GetPeer ─┐
//!                                             ├─> WaitMessage -> End
//! connect:  Connect -> GetStatus ─────────────┘
//! ```

#![deny(clippy::wildcard_enum_match_arm)]

pub(super) mod error;
pub(super) mod exchange;
pub(super) mod learn;
pub(super) mod mismatch;
pub(super) mod names;
pub(super) mod output;
pub(super) mod plan;
pub(super) mod teach;
mod view;

use std::collections::VecDeque;

pub use view::TableView;

use super::peer::{Contact, PeerId};
use super::section::{End, Section};
use super::wire::frame;
use super::wire::frame::ReceiveBuffer;
use super::wire::hello;
use super::wire::hello::{Line, Status, Version};
use crate::table::Tables;
use error::{Blame, Fault, Reply, SessionError};
use exchange::{Event, Exchange, Role};
use output::Output;

/// For the connection of a call (protocol.md, section 13).
const CONNECT_MS: u64 = 1000;
/// For a hello or a status.
const HANDSHAKE_MS: u64 = 5000;
/// Without a byte from the other side.
const SILENCE_MS: u64 = 5000;
/// Without a byte to the other side.
const HEARTBEAT_MS: u64 = 3000;

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The first line of a hello.
    GetVersion,
    /// The second line.
    GetHost { version: Version },
    /// The third line.
    GetPeer { version: Version },
    /// The connection; the hello lies in the send buffer.
    Connect { call: Call },
    /// The status line.
    GetStatus { call: Call },
    /// Messages.
    WaitMessage,
    /// Nothing: what is in the send buffer may still be sent, then the connection is closed.
    End,
}

/// A session that we open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    peer: PeerId,
    version: Version,
}

/// How the connection of a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It was never made.
    ConnectFailed,
    /// By the other side, or by the network.
    ByPeer,
    /// Because of the [`SessionError`] that a call returned.
    ByError,
    /// By us, for reasons of our own.
    ByUs,
}

/// One connection to one peer.
#[derive(Debug)]
pub struct Session {
    state: State,
    /// Identifies the session among all those with its peer; 0 as long as the caller is unknown.
    serial: u64,
    peer: Option<PeerId>,
    /// There once messages may pass.
    exchange: Option<Box<Exchange>>,
    version: Version,
    input: ReceiveBuffer,
    output: Output,
    is_local_call: bool,
    began_ms: u64,
    last_received_ms: u64,
    last_sent_ms: u64,
    fault: Option<Fault>,
    bytes_sent: u64,
    events: VecDeque<Event>,
}

impl Session {
    /// A session that the other side opened. Who it is, its hello will say.
    pub fn accept(now_ms: u64) -> Self {
        Self::new(State::GetVersion, 0, now_ms)
    }

    /// A session that we open, as [`Section::poll_call`] asked for: with a remote peer, or with the
    /// successor at the local peer's address, which is taught everything unasked. May be made
    /// before the connection is there.
    pub fn connect(section: &mut Section, peer: PeerId, now_ms: u64) -> Self {
        let is_local = section.is_local(peer);
        let version = if is_local { Version::V2_1 } else { section.version_to_announce(peer) };
        let serial = section.begin_call(peer, now_ms);
        let state = State::Connect { call: Call { peer, version } };
        let mut session = Self::new(state, serial, now_ms);
        session.is_local_call = is_local;
        session.peer = Some(peer);
        session.version = version;
        let called = section.peer(peer).name();
        let caller = section.local_name().unwrap_or_default();
        let pid = section.pid;
        session.output.write(|out| hello::write(out, version, called, caller, pid));
        session
    }

    /// The predecessor's end of a socket pair to its successor. Teaches all tables and what
    /// changes in them until [`Session::finish_handover`]. The section is one made by
    /// [`Section::for_handover`].
    pub fn handover_teacher(section: &mut Section, tables: &mut Tables, now_ms: u64) -> Self {
        let mut session = Self::handover(section, Role::HandoverTeacher, now_ms);
        if let Some(exchange) = &mut session.exchange {
            exchange.begin_lesson(section, tables, now_ms);
        }
        session
    }

    /// The successor's end. The section is one made by [`Section::for_handover`].
    pub fn handover_learner(section: &mut Section, now_ms: u64) -> Self {
        Self::handover(section, Role::HandoverLearner, now_ms)
    }

    fn handover(section: &mut Section, role: Role, now_ms: u64) -> Self {
        let peer = PeerId(0);
        let serial = section.take_over(peer, Version::V2_1, now_ms);
        let mut session = Self::new(State::WaitMessage, serial, now_ms);
        session.peer = Some(peer);
        session.exchange = Some(Box::new(Exchange::new(peer, role, Version::V2_1, section)));
        session
    }

    fn new(state: State, serial: u64, now_ms: u64) -> Self {
        Self {
            state,
            serial,
            peer: None,
            exchange: None,
            version: Version::V2_1,
            input: ReceiveBuffer::new(),
            output: Output::new(),
            is_local_call: false,
            began_ms: now_ms,
            last_received_ms: now_ms,
            last_sent_ms: now_ms,
            fault: None,
            bytes_sent: 0,
            events: VecDeque::new(),
        }
    }

    // Bytes and time.

    /// Where to put received bytes. Empty while [`Session::has_input`] must be worked off first.
    pub fn receive_space(&mut self) -> &mut [u8] {
        self.input.space()
    }

    /// `len` bytes were received; 0 to go on with what is there. Handles at most as many messages
    /// as the section takes in one go. After an error, [`Session::poll_transmit`] offers the last
    /// words.
    pub fn handle_received(
        &mut self,
        len: usize,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Result<(), SessionError> {
        self.input.fill(len);
        if len > 0 {
            self.last_received_ms = now_ms;
        }
        let result = self.check_owner(section).and_then(|()| {
            while self.handle_line(section, now_ms)? {}
            self.handle_messages(section, tables, now_ms)
        });
        result.map_err(|fault| self.fail(fault))
    }

    /// Whether a call of [`Session::handle_received`] left whole messages behind.
    pub fn has_input(&self) -> bool {
        self.state == State::WaitMessage && !matches!(frame::read(self.input.unread()), Ok(None))
    }

    /// Time has passed.
    pub fn handle_timeout(
        &mut self,
        section: &mut Section,
        now_ms: u64,
    ) -> Result<(), SessionError> {
        let result = self.check_owner(section).and_then(|()| {
            let is_due = self.limit().is_some_and(|limit_ms| limit_ms <= now_ms);
            match self.state {
                State::GetVersion | State::GetHost { .. } | State::GetPeer { .. } if is_due => {
                    Err(Fault::HelloTimeout)
                }
                State::Connect { .. } if is_due => Err(Fault::ConnectTimeout),
                State::GetStatus { .. } if is_due => Err(Fault::StatusTimeout),
                State::WaitMessage if is_due => Err(Fault::Silent),
                State::GetVersion
                | State::GetHost { .. }
                | State::GetPeer { .. }
                | State::Connect { .. }
                | State::GetStatus { .. }
                | State::WaitMessage
                | State::End => Ok(()),
            }
        });
        result.map_err(|fault| self.fail(fault))
    }

    /// When to call [`Session::handle_timeout`], and [`Session::poll_transmit`] for a heartbeat.
    pub fn poll_timeout(&self) -> Option<u64> {
        let heartbeat_ms = self.heartbeat_ms().filter(|_| self.output.is_empty());
        self.limit().into_iter().chain(heartbeat_ms).min()
    }

    /// Bytes to be sent, none if there is nothing to say now. To be asked once a turn at least:
    /// what changed in the tables announces itself only here.
    pub fn poll_transmit(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Option<&[u8]> {
        if self.output.is_empty()
            && self.state == State::WaitMessage
            && self.check_owner(section).is_ok()
        {
            self.fill_output(section, tables, now_ms);
        }
        Some(self.output.unsent()).filter(|bytes| !bytes.is_empty())
    }

    /// The first `len` of the bytes offered were sent.
    pub fn handle_sent(&mut self, len: usize, now_ms: u64) {
        self.output.sent(len);
        self.bytes_sent += len as u64;
        self.last_sent_ms = now_ms;
        if let State::Connect { call } = self.state
            && self.output.is_empty()
        {
            self.began_ms = now_ms;
            self.set_state(State::GetStatus { call });
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The connection is gone or about to be: to be called once, last. The section plans what is
    /// to be done about the peer.
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
        let end = self.how_it_ended(closed);
        if self.is_local_call {
            section.end_local_call(self.exchange.is_some(), now_ms);
        } else if let Some(peer) = self.peer() {
            self.count_end(section, peer);
            section.end_session(peer, self.serial, end, now_ms);
        }
        self.set_state(State::End);
    }

    // Handover.

    /// Queues a note for the other end of a handover: false if it is too long.
    pub fn queue_note(&mut self, note: &[u8]) -> bool {
        self.exchange.as_mut().is_some_and(|exchange| exchange.queue_note(note))
    }

    /// Whether the successor has been sent everything that there is at this moment.
    pub fn is_caught_up(&self, section: &Section, tables: &Tables) -> bool {
        let Some(exchange) = &self.exchange else { return false };
        self.output.is_empty()
            && !exchange.has_notes()
            && exchange.teacher.is_drained(section.tables(), tables)
    }

    /// Whether the teacher of a handover could send something now. Not while it waits for the
    /// confirmation: there is nothing to send then until that comes.
    pub fn has_lesson_to_send(&self, section: &Section, tables: &Tables) -> bool {
        let Some(exchange) = &self.exchange else { return false };
        !self.output.is_empty()
            || exchange.has_notes()
            || exchange.teacher.has_lesson_to_send(section.tables(), tables)
    }

    /// Send what is left, the notes, then the end of the handover. [`Event::Confirmed`] follows
    /// once the successor has taken over.
    pub fn finish_handover(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.teacher.finish_handover();
        }
    }

    /// The successor, having seen [`Event::Finished`], serves from now on.
    pub fn confirm(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.owe_confirm();
        }
    }

    /// Whether all that was owed has been sent.
    pub fn is_flushed(&self) -> bool {
        let owes = self.exchange.as_ref().is_some_and(|exchange| exchange.owes_confirm());
        self.output.is_empty() && !owes
    }

    // Transitions.

    fn set_state(&mut self, state: State) {
        if self.state != State::End {
            self.state = state;
        }
    }

    /// A session whose peer has called anew, or accepted another call, has no say any more.
    fn check_owner(&self, section: &Section) -> Result<(), Fault> {
        match self.peer() {
            Some(peer) if !self.is_local_call => {
                let owner = section.peer(peer).link.serial();
                if owner == Some(self.serial) { Ok(()) } else { Err(Fault::Replaced) }
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Handles one line of the handshake. False if there is none.
    fn handle_line(&mut self, section: &mut Section, now_ms: u64) -> Result<bool, Fault> {
        if matches!(self.state, State::WaitMessage | State::End) {
            return Ok(false);
        }
        let (line, len) = match hello::read_line(self.input.unread()) {
            Line::Whole(line, len) => (line, len),
            Line::Partial => return Ok(false),
            Line::TooLong => return Err(Fault::LineTooLong),
        };
        match self.state {
            State::GetVersion => {
                let version = hello::read_version(line).map_err(|status| match status {
                    Status::BadVersion => Fault::BadVersion,
                    Status::Accepted
                    | Status::TryAgain
                    | Status::ProtocolError
                    | Status::WrongTarget
                    | Status::UnknownCaller => Fault::NotAHello,
                })?;
                self.set_state(State::GetHost { version });
            }
            State::GetHost { version } => {
                if section.local_name().is_none_or(|name| name.as_bytes() != line) {
                    return Err(Fault::WrongTarget);
                }
                self.set_state(State::GetPeer { version });
            }
            State::GetPeer { version } => {
                let caller = hello::read_caller(line).map_err(|_| Fault::NoCaller)?;
                let peer = section.find(caller).ok_or(Fault::UnknownCaller)?;
                self.accept_caller(peer, version, section, now_ms)?;
            }
            State::GetStatus { call } => {
                let status = hello::read_status(line).ok_or(Fault::BadStatus)?;
                self.handle_status(call, status, section, now_ms)?;
            }
            // Nobody answers before being asked.
            State::Connect { .. } => return Err(Fault::BadStatus),
            State::WaitMessage | State::End => return Ok(false),
        }
        self.input.consume(len);
        Ok(true)
    }

    fn accept_caller(
        &mut self,
        peer: PeerId,
        version: Version,
        section: &mut Section,
        now_ms: u64,
    ) -> Result<(), Fault> {
        let is_local = section.is_local(peer);
        if is_local && section.peer(peer).link() != Contact::Idle {
            return Err(Fault::LocalSessionTwice);
        }
        self.serial = section.take_over(peer, version, now_ms);
        let role = if is_local { Role::LocalLearner } else { Role::Remote };
        self.establish(peer, version, role, section);
        self.output.write(|out| Status::Accepted.write(out));
        self.events.push_front(Event::HelloAccepted { peer });
        Ok(())
    }

    fn handle_status(
        &mut self,
        call: Call,
        status: u32,
        section: &mut Section,
        now_ms: u64,
    ) -> Result<(), Fault> {
        if status != u32::from(Status::Accepted.code()) {
            if status == u32::from(Status::BadVersion.code()) && !self.is_local_call {
                section.peer_mut(call.peer).speaks_2_0 = call.version == Version::V2_1;
            }
            return Err(Fault::Refused { status });
        }
        if self.is_local_call {
            self.establish(call.peer, call.version, Role::LocalTeacher, section);
        } else {
            section.begin_session(call.peer, self.serial, now_ms);
            self.establish(call.peer, call.version, Role::Remote, section);
        }
        Ok(())
    }

    fn establish(&mut self, peer: PeerId, version: Version, role: Role, section: &mut Section) {
        self.peer = Some(peer);
        self.version = version;
        self.exchange = Some(Box::new(Exchange::new(peer, role, version, section)));
        self.set_state(State::WaitMessage);
        section.peer_mut(peer).counters.sessions += 1;
        self.events.push_back(Event::Established { peer, version });
    }

    fn handle_messages(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Result<(), Fault> {
        match (&mut self.exchange, self.state) {
            (Some(exchange), State::WaitMessage) => {
                let Self { input, events, .. } = self;
                exchange.handle_messages(input, section, tables, events, now_ms)
            }
            (
                Some(_) | None,
                State::GetVersion
                | State::GetHost { .. }
                | State::GetPeer { .. }
                | State::Connect { .. }
                | State::GetStatus { .. }
                | State::WaitMessage
                | State::End,
            ) => Ok(()),
        }
    }

    fn fill_output(&mut self, section: &mut Section, tables: &mut Tables, now_ms: u64) {
        let heartbeat_ms = self.heartbeat_ms();
        let Self { exchange: Some(exchange), output, events, .. } = self else { return };
        output.write(|out| {
            exchange.write(out, section, tables, events, now_ms);
            if out.is_empty() && heartbeat_ms.is_some_and(|due_ms| due_ms <= now_ms) {
                exchange.write_heartbeat(out, section);
            }
        });
    }

    // The end.

    /// The only way into an error: the other side is told what the protocol says.
    fn fail(&mut self, fault: Fault) -> SessionError {
        if self.fault.is_none() {
            self.output.write(|out| match fault.reply() {
                Reply::None => {}
                Reply::Status(status) => status.write(out),
                Reply::Error(code) => code.write(out),
            });
        }
        self.fault = Some(fault);
        self.set_state(State::End);
        SessionError { fault, offset: self.input.offset() }
    }

    fn how_it_ended(&self, closed: Closed) -> End {
        match (closed, self.fault) {
            (Closed::ConnectFailed, _) | (_, Some(Fault::ConnectTimeout)) => End::Unreachable,
            (_, Some(Fault::StatusTimeout)) => End::NoAnswer,
            (_, Some(Fault::Silent)) => End::Silent,
            (_, Some(Fault::Refused { status })) => {
                let at_once =
                    status == u32::from(Status::BadVersion.code()) && self.version == Version::V2_1;
                End::Refused { status, at_once }
            }
            (Closed::ByUs, _) => End::Closed { was_teaching: false },
            (Closed::ByPeer | Closed::ByError, _) => {
                End::Closed { was_teaching: self.is_teaching() }
            }
        }
    }

    fn count_end(&self, section: &mut Section, peer: PeerId) {
        let counters = &mut section.peer_mut(peer).counters;
        match self.fault.map(Fault::blame) {
            Some(Blame::Protocol) => counters.protocol_errors += 1,
            Some(Blame::Silence) => counters.silences += 1,
            Some(Blame::NoAnswer) => counters.unanswered += 1,
            Some(Blame::Other) | None => {}
        }
    }

    // Timers.

    /// When the other side has kept us waiting for too long. The driver of a handover has its own
    /// idea of that.
    fn limit(&self) -> Option<u64> {
        match self.state {
            State::GetVersion
            | State::GetHost { .. }
            | State::GetPeer { .. }
            | State::GetStatus { .. } => Some(self.began_ms + HANDSHAKE_MS),
            State::Connect { .. } => Some(self.began_ms + CONNECT_MS),
            State::WaitMessage => {
                (!self.is_handover()).then_some(self.last_received_ms + SILENCE_MS)
            }
            State::End => None,
        }
    }

    fn heartbeat_ms(&self) -> Option<u64> {
        (self.is_established() && !self.is_handover()).then_some(self.last_sent_ms + HEARTBEAT_MS)
    }

    fn role(&self) -> Option<Role> {
        self.exchange.as_ref().map(|exchange| exchange.role)
    }

    fn is_handover(&self) -> bool {
        self.role().is_some_and(Role::is_handover)
    }
}
