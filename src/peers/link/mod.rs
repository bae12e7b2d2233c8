//! The sockets of the peers: one [`Link`] drives one session on one socket, [`Peers`] has all
//! sections with their listeners and links. No knowledge of the protocol.

mod mesh;
mod report;
mod strangers;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::event::Event as Readiness;

pub use mesh::{Peers, PeersOptions, Purpose};

use super::{Closed, Event, Section, Session, SessionError};
use crate::net::socket;
use crate::table::Tables;

/// How often a link may receive, and how often it may send, in one turn: with the section's limit
/// of messages each time, of which a lesson sends a few times as many, that bounds what one peer
/// can hold up: 0.1 ms with the usual limit. Twice as often saves 3 % of a lesson's CPU time and
/// doubles what clients wait meanwhile.
const CALLS_PER_TURN: usize = 4;

/// One session on one socket.
#[derive(Debug)]
pub struct Link {
    session: Session,
    fd: OwnedFd,
    /// Where it called from; none if we called, and for a unix socket.
    from: Option<SocketAddr>,
    is_connected: bool,
    readable: bool,
    writable: bool,
    bytes_received: u64,
}

/// How far a link came in a turn.
#[derive(Debug)]
pub enum Step {
    /// There is more to do: give it another turn.
    Again,
    /// It waits for an event, its deadline, or a change in the tables.
    Wait,
    /// It is over.
    Closed(Ending),
}

/// Why a link is over.
#[derive(Debug)]
pub enum Ending {
    /// The connection could not be made.
    ConnectFailed(io::Error),
    /// The other side closed, or the network broke.
    ByPeer(Option<io::Error>),
    /// One of both broke the protocol, or nothing came for too long.
    ByError(SessionError),
    /// We have no more use for it.
    ByUs,
}

impl Ending {
    /// What the session is told of it.
    pub fn closed(&self) -> Closed {
        match self {
            Self::ConnectFailed(_) => Closed::ConnectFailed,
            Self::ByPeer(_) => Closed::ByPeer,
            Self::ByError(_) => Closed::ByError,
            Self::ByUs => Closed::ByUs,
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ConnectFailed(error) => write!(f, "connect: {error}"),
            Self::ByPeer(None) => write!(f, "closed by the peer"),
            Self::ByPeer(Some(error)) => write!(f, "connection lost: {error}"),
            Self::ByError(error) => write!(f, "{error}"),
            Self::ByUs => write!(f, "closed here"),
        }
    }
}

impl Link {
    /// A session on a socket that is connected.
    pub fn connected(fd: OwnedFd, session: Session) -> Self {
        Self { is_connected: true, ..Self::connecting(fd, session) }
    }

    /// A session that the other side opened.
    pub fn accepted(fd: OwnedFd, from: Option<SocketAddr>, session: Session) -> Self {
        // A hello that has come with the connection is read before the next caller is let in.
        Self { from, readable: true, ..Self::connected(fd, session) }
    }

    /// A session on a socket that is being connected.
    pub fn connecting(fd: OwnedFd, session: Session) -> Self {
        Self {
            session,
            fd,
            from: None,
            is_connected: false,
            readable: false,
            writable: false,
            bytes_received: 0,
        }
    }

    /// Where it called from; none if we called, and for a unix socket.
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
        let is_over = event.is_error() || event.is_read_closed() || event.is_write_closed();
        self.readable |= event.is_readable() || is_over;
        self.writable |= event.is_writable() || is_over;
    }

    /// Receives and sends as far as it can within a turn's budget.
    pub fn advance(&mut self, section: &mut Section, tables: &mut Tables, now_ms: u64) -> Step {
        if !self.is_connected {
            if !self.writable {
                return self.check_time(section, now_ms).map_or_else(Step::Closed, |()| Step::Wait);
            }
            if let Err(error) = socket::take_error(self.fd.as_fd()) {
                return Step::Closed(Ending::ConnectFailed(error));
            }
            self.is_connected = true;
        }
        let result = self
            .receive(section, tables, now_ms)
            .and_then(|()| self.check_time(section, now_ms))
            .and_then(|()| self.transmit(section, tables, now_ms));
        match result {
            Ok(has_more) if has_more || self.has_input() => Step::Again,
            Ok(_) => Step::Wait,
            Err(ending) => {
                if let Ending::ByError(_) = ending {
                    self.send_last_words(section, tables, now_ms);
                }
                Step::Closed(ending)
            }
        }
    }

    /// Whether something may be received.
    pub fn has_input(&self) -> bool {
        self.readable || self.session.has_input()
    }

    /// Whether the socket takes bytes, as far as is known.
    pub fn can_transmit(&self) -> bool {
        self.writable
    }

    fn receive(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Result<(), Ending> {
        for _ in 0..CALLS_PER_TURN {
            let mut len = 0;
            if !self.session.has_input() {
                if !self.readable {
                    return Ok(());
                }
                match socket::receive(self.fd.as_fd(), self.session.receive_space()) {
                    Ok(0) => return Err(Ending::ByPeer(None)),
                    Ok(_) if self.caller_is_gone() => return Err(Ending::ByPeer(None)),
                    Ok(received) => len = received,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.readable = false;
                        return Ok(());
                    }
                    Err(error) => return Err(Ending::ByPeer(Some(error))),
                }
                self.bytes_received += len as u64;
            }
            self.session.handle_received(len, section, tables, now_ms).map_err(Ending::ByError)?;
        }
        Ok(())
    }

    /// Whether a caller has closed behind its hello. Two nodes that call each other at the same
    /// moment may both drop their own call: a hello that is left over from that must not replace
    /// the session that is up. The answer to our own hello counts also when the end comes with it:
    /// a refusal does.
    fn caller_is_gone(&self) -> bool {
        if !self.session.awaits_hello() {
            return false;
        }
        match socket::peek(self.fd.as_fd(), &mut [0]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    fn check_time(&mut self, section: &mut Section, now_ms: u64) -> Result<(), Ending> {
        if self.session.poll_timeout().is_some_and(|at_ms| at_ms <= now_ms) {
            self.session.handle_timeout(section, now_ms).map_err(Ending::ByError)?;
        }
        Ok(())
    }

    /// Sends what there is to say. True if there is more.
    fn transmit(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Result<bool, Ending> {
        for _ in 0..CALLS_PER_TURN {
            if !self.writable {
                return Ok(false);
            }
            let Some(bytes) = self.session.poll_transmit(section, tables, now_ms) else {
                return Ok(false);
            };
            match socket::send(self.fd.as_fd(), bytes) {
                Ok(sent) => self.session.handle_sent(sent, now_ms),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.writable = false;
                    return Ok(false);
                }
                // What it said before it closed is read first; that ends with the end.
                Err(_) if self.has_input() => {
                    self.writable = false;
                    return Ok(false);
                }
                Err(error) => return Err(Ending::ByPeer(Some(error))),
            }
        }
        Ok(true)
    }

    /// After an error of the protocol the session still says so, as far as the socket takes it.
    fn send_last_words(&mut self, section: &mut Section, tables: &mut Tables, now_ms: u64) {
        if let Some(bytes) = self.session.poll_transmit(section, tables, now_ms) {
            // It is closed in any case; the reason is in our log.
            let _ = socket::send(self.fd.as_fd(), bytes);
        }
    }

    /// Ends the session and keeps the socket.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// The next thing that happened in the session.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.session.poll_event()
    }

    /// When it wants a turn even without an event.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.session.poll_timeout()
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
