//! One session on one socket. No knowledge of the protocol.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::event::Event as Readiness;

use super::channel::{Channel, Received};
use crate::net::socket;
use crate::net::tls::session::Session as TlsSession;
use crate::peers::{Closed, Section, Session, SessionError, SessionEvent};
use crate::table::Tables;

/// How often a connection may receive, and how often it may send, in one turn. Each time it handles
/// as many messages as the section's limit says; a resync sends a few times as many. So one peer
/// can hold up the others for 0.1 ms with the usual limit. Twice as often saves 3 % of a resync's
/// CPU time, and clients wait twice as long meanwhile.
const CALLS_PER_TURN: usize = 4;

/// One session on one socket.
#[derive(Debug)]
pub struct Connection {
    session: Session,
    channel: Channel,
    /// The address of the caller; none if we called, and for a unix socket.
    from: Option<SocketAddr>,
    is_connected: bool,
    /// Whether a certificate that the other side shows has to name it.
    verifies: bool,
    bytes_received: u64,
    /// Why nothing can be sent any more. What has been received is read before the end.
    send_error: Option<io::Error>,
}

/// The end of a connection's turn.
#[derive(Debug)]
pub enum TurnResult {
    /// There is more to do: the connection wants another turn at once.
    Again,
    /// The connection waits for an event, its deadline, or a change in the tables.
    Wait,
    /// The connection is to be closed.
    Closed(CloseReason),
}

/// Why a connection is closed.
#[derive(Debug)]
pub enum CloseReason {
    /// The connection could not be made.
    ConnectFailed(io::Error),
    /// The other side closed, or the network broke.
    ByPeer(Option<io::Error>),
    /// TLS with the other side failed: it broke TLS, or one of both does not trust the other.
    ByTls(io::Error),
    /// The other side broke the protocol, or nothing came for too long.
    ByError(SessionError),
    /// We have no more use for the connection.
    ByUs,
}

impl CloseReason {
    /// The reason without its details, for the session.
    pub fn closed(&self) -> Closed {
        match self {
            Self::ConnectFailed(_) => Closed::ConnectFailed,
            Self::ByPeer(_) => Closed::ByPeer,
            Self::ByTls(_) | Self::ByError(_) => Closed::ByError,
            Self::ByUs => Closed::ByUs,
        }
    }
}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ConnectFailed(error) => write!(f, "connect: {error}"),
            Self::ByPeer(None) => write!(f, "closed by the peer"),
            Self::ByPeer(Some(error)) => write!(f, "connection lost: {error}"),
            Self::ByTls(error) => write!(f, "TLS failed: {error}"),
            Self::ByError(error) => write!(f, "{error}"),
            Self::ByUs => write!(f, "closed here"),
        }
    }
}

impl CloseReason {
    /// The reason for which nothing can be received or sent any more.
    fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::ByTls(error),
            io::ErrorKind::UnexpectedEof => Self::ByPeer(None),
            _ => Self::ByPeer(Some(error)),
        }
    }
}

impl Connection {
    /// A session with the other process of a handover: descriptors pass beside the bytes.
    pub fn of_handover(fd: OwnedFd, session: Session) -> Self {
        let channel = Channel::passing_descriptors(fd);
        Self { is_connected: true, ..Self::new(channel, session) }
    }

    /// A session that goes on from another process. `from` is the address of the caller, if the
    /// other side has called.
    pub fn carried(fd: OwnedFd, from: Option<SocketAddr>, session: Session) -> Self {
        let mut channel = Channel::new(fd, None);
        channel.set_readable();
        Self { from, is_connected: true, ..Self::new(channel, session) }
    }

    /// Whether TLS is spoken.
    pub fn has_tls(&self) -> bool {
        self.channel.has_tls()
    }

    /// Sends these descriptors with the next bytes: 128 at most.
    pub fn queue_descriptors(&mut self, fds: Vec<OwnedFd>) {
        self.channel.queue_descriptors(fds);
    }

    /// The descriptors that have come, in their order.
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        self.channel.take_descriptors()
    }

    /// A session that the other side opened, perhaps over TLS.
    pub fn accepted(
        fd: OwnedFd,
        from: Option<SocketAddr>,
        tls: Option<TlsSession>,
        session: Session,
    ) -> Self {
        let mut channel = Channel::new(fd, tls);
        // A hello that has come with the connection is read before the next caller is let in.
        channel.set_readable();
        // A caller is asked for a certificate only if one is wanted.
        Self { from, is_connected: true, verifies: true, ..Self::new(channel, session) }
    }

    /// A session on a socket that is being connected.
    pub fn connecting(fd: OwnedFd, session: Session) -> Self {
        Self::new(Channel::new(fd, None), session)
    }

    /// The same over TLS. If it is said so, the certificate of the other side has to name it.
    pub fn securing(fd: OwnedFd, tls: TlsSession, verifies: bool, session: Session) -> Self {
        Self { verifies, ..Self::new(Channel::new(fd, Some(tls)), session) }
    }

    fn new(channel: Channel, session: Session) -> Self {
        Self {
            session,
            channel,
            from: None,
            is_connected: false,
            verifies: false,
            bytes_received: 0,
            send_error: None,
        }
    }

    /// The address of the caller; none if we called, and for a unix socket.
    pub fn from(&self) -> Option<SocketAddr> {
        self.from
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The bytes received and sent so far, to see whether anything moves.
    pub fn bytes_moved(&self) -> u64 {
        self.bytes_received + self.session.bytes_sent()
    }

    /// Notes what an event says.
    pub fn note(&mut self, event: &Readiness) {
        self.channel.note(event);
    }

    /// Whether a TLS handshake is going on, which costs more than other turns.
    pub fn is_securing(&self) -> bool {
        self.is_connected && self.channel.is_handshaking()
    }

    /// Receives and sends as far as it can within a turn's budget.
    pub fn advance(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> TurnResult {
        if !self.is_connected {
            if !self.channel.is_writable() {
                return self.wait(section, now_ms);
            }
            if let Err(error) = socket::take_error(self.channel.as_fd()) {
                return TurnResult::Closed(CloseReason::ConnectFailed(error));
            }
            self.is_connected = true;
            if self.channel.has_tls() {
                self.session.begin_tls(now_ms);
            }
        }
        if self.channel.is_handshaking() {
            match self.shake_hands(section) {
                Ok(true) => {}
                Ok(false) => return self.wait(section, now_ms),
                Err(ending) => return TurnResult::Closed(ending),
            }
        }
        let result = self
            .receive(section, tables, now_ms)
            .and_then(|()| self.check_time(section, now_ms))
            .and_then(|()| self.transmit(section, tables, now_ms));
        match result {
            Ok(has_more) if has_more || self.has_input() => TurnResult::Again,
            Ok(_) => TurnResult::Wait,
            Err(ending) => {
                if let CloseReason::ByError(_) = ending {
                    self.send_reply(section, tables, now_ms);
                }
                TurnResult::Closed(ending)
            }
        }
    }

    /// Nothing can be received or sent yet.
    fn wait(&mut self, section: &mut Section, now_ms: u64) -> TurnResult {
        self.check_time(section, now_ms).map_or_else(TurnResult::Closed, |()| TurnResult::Wait)
    }

    /// Goes on with the TLS handshake. When it is over, the session learns whom the other side's
    /// certificate names.
    fn shake_hands(&mut self, section: &Section) -> Result<bool, CloseReason> {
        if !self.channel.shake_hands().map_err(CloseReason::of)? {
            return Ok(false);
        }
        if self.verifies
            && let Some(names) = self.channel.certificate()
        {
            let judged = self.session.handle_certificate(names, section);
            judged.map_err(CloseReason::ByError)?;
        }
        Ok(true)
    }

    /// From now on the other side can send nothing. What it has sent can be received.
    pub fn stop_receiving(&mut self) {
        self.channel.stop_receiving();
    }

    /// Whether something may be received.
    pub fn has_input(&self) -> bool {
        self.channel.has_input() || self.session.has_input()
    }

    /// Whether the socket takes bytes, as far as is known.
    pub fn can_transmit(&self) -> bool {
        self.channel.is_writable()
    }

    fn receive(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Result<(), CloseReason> {
        for _ in 0..CALLS_PER_TURN {
            let mut len = 0;
            if !self.session.has_input() {
                let received = self.channel.receive(self.session.receive_space());
                match received.map_err(CloseReason::of)? {
                    Received::Nothing => {
                        let error = self.send_error.take();
                        return error.map_or(Ok(()), |error| Err(CloseReason::of(error)));
                    }
                    Received::End => return Err(CloseReason::ByPeer(None)),
                    Received::Bytes(_) if self.caller_is_gone() => {
                        return Err(CloseReason::ByPeer(None));
                    }
                    Received::Bytes(received) => len = received,
                }
                self.bytes_received += len as u64;
            }
            self.session
                .handle_received(len, section, tables, now_ms)
                .map_err(CloseReason::ByError)?;
        }
        Ok(())
    }

    /// Whether a caller has closed after its hello. Two nodes that call each other at the same
    /// moment may both drop their own call. The hello of a dropped call must not replace the
    /// session that is up. An answer to our own hello counts even if the caller has closed after
    /// it: a refusal is such an answer.
    fn caller_is_gone(&self) -> bool {
        self.session.awaits_hello() && self.channel.is_closed_by_peer()
    }

    fn check_time(&mut self, section: &mut Section, now_ms: u64) -> Result<(), CloseReason> {
        if self.session.poll_timeout().is_some_and(|at_ms| at_ms <= now_ms) {
            self.session.handle_timeout(section, now_ms).map_err(CloseReason::ByError)?;
        }
        Ok(())
    }

    /// Sends what there is to send. True if there may be more.
    fn transmit(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Result<bool, CloseReason> {
        for _ in 0..CALLS_PER_TURN {
            if !self.channel.is_writable() {
                return Ok(false);
            }
            let Some(bytes) = self.session.poll_transmit(section, tables, now_ms) else {
                // What TLS has to say of its own goes all the same.
                return match self.channel.flush() {
                    Ok(_) => Ok(false),
                    Err(error) => Ok(self.note_send_error(error)),
                };
            };
            match self.channel.send(bytes) {
                Ok(0) => return Ok(false),
                Ok(sent) => self.session.handle_sent(sent, now_ms),
                Err(error) => return Ok(self.note_send_error(error)),
            }
        }
        Ok(true)
    }

    /// What the other side sent before it closed is read first, up to its end. It may be there
    /// before any event says so, so this wants another turn.
    fn note_send_error(&mut self, error: io::Error) -> bool {
        self.channel.set_unwritable();
        self.channel.set_readable();
        self.send_error = Some(error);
        true
    }

    /// After an error the session still replies, as far as the socket takes the reply.
    fn send_reply(&mut self, section: &mut Section, tables: &mut Tables, now_ms: u64) {
        if let Some(bytes) = self.session.poll_transmit(section, tables, now_ms) {
            // The connection is closed in any case; the reason is in our log.
            let _ = self.channel.send(bytes);
        }
    }

    /// Ends the session and keeps the socket.
    pub fn into_fd(self) -> OwnedFd {
        self.channel.into_fd()
    }

    /// The next thing that happened in the session.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.session.poll_event()
    }

    /// When the connection wants a turn even without an event.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.session.poll_timeout()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}
