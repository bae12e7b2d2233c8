//! The handshake of a session: three lines of a hello one way, a status line the other way.
//!
//! ```text
//! accept:   ExpectVersion -> ExpectTarget -> ExpectCaller -> messages
//! connect:  Connecting -> [Securing] -> ExpectStatus ------> messages
//! ```
//! A TLS handshake comes before: the time for the hello is also for that of a caller, and that of a
//! call has a state of its own. If the other side has to show a certificate, it speaks only as a
//! peer that the certificate names.

use super::error::SessionErrorKind;
use super::exchange::Role;
use crate::net::tls::names::Names;
use crate::peers::peer::{PeerId, PeerSession};
use crate::peers::section::Section;
use crate::peers::wire::hello;
use crate::peers::wire::hello::{Status, Version};

/// How long the connection of a call may take, in milliseconds.
const CONNECT_MS: u64 = 1000;
/// How long a hello or a status may take, or the TLS handshake of a call.
const HANDSHAKE_MS: u64 = 5000;

/// A handshake that is not over.
#[derive(Debug)]
pub(super) struct Handshake {
    state: State,
    /// When the time limit of the state began.
    since_ms: u64,
}

/// What a handshake waits for.
#[derive(Clone, Copy, Debug)]
enum State {
    /// The first line of a hello.
    ExpectVersion,
    /// The second line.
    ExpectTarget { version: Version },
    /// The third line.
    ExpectCaller { version: Version },
    /// The connection. The hello is in the send buffer.
    Connecting { call: OutgoingCall },
    /// TLS on the connection that was made. The hello is in the send buffer.
    Securing { call: OutgoingCall },
    /// The status line.
    ExpectStatus { call: OutgoingCall },
}

/// A session that we open.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutgoingCall {
    pub(super) peer: PeerId,
    pub(super) version: Version,
    /// [`Role::Remote`] or [`Role::LocalTeacher`].
    pub(super) role: Role,
}

/// The end of a handshake.
#[derive(Clone, Copy, Debug)]
pub(super) enum Established {
    /// The other side called with a valid hello. A status is owed.
    Accepted {
        peer: PeerId,
        version: Version,
        /// [`Role::Remote`] or [`Role::LocalLearner`].
        role: Role,
    },
    /// The other side has accepted our call.
    Called(OutgoingCall),
}

impl Handshake {
    /// The other side has called.
    pub(super) fn accept(now_ms: u64) -> Self {
        Self { state: State::ExpectVersion, since_ms: now_ms }
    }

    /// We call.
    pub(super) fn connect(call: OutgoingCall, now_ms: u64) -> Self {
        Self { state: State::Connecting { call }, since_ms: now_ms }
    }

    /// Whether the other side has called and has not said all of its hello.
    pub(super) fn awaits_hello(&self) -> bool {
        match self.state {
            State::ExpectVersion | State::ExpectTarget { .. } | State::ExpectCaller { .. } => true,
            State::Connecting { .. } | State::Securing { .. } | State::ExpectStatus { .. } => false,
        }
    }

    /// When the other side has taken too long.
    pub(super) fn deadline_ms(&self) -> u64 {
        let limit_ms = match self.state {
            State::Connecting { .. } => CONNECT_MS,
            State::ExpectVersion
            | State::ExpectTarget { .. }
            | State::ExpectCaller { .. }
            | State::Securing { .. }
            | State::ExpectStatus { .. } => HANDSHAKE_MS,
        };
        self.since_ms + limit_ms
    }

    /// The error when the deadline has passed.
    pub(super) fn timeout(&self) -> SessionErrorKind {
        match self.state {
            State::ExpectVersion | State::ExpectTarget { .. } | State::ExpectCaller { .. } => {
                SessionErrorKind::HelloTimeout
            }
            State::Connecting { .. } => SessionErrorKind::ConnectTimeout,
            State::Securing { .. } => SessionErrorKind::TlsTimeout,
            State::ExpectStatus { .. } => SessionErrorKind::StatusTimeout,
        }
    }

    /// All that was to be said has been sent.
    pub(super) fn handle_sent(&mut self, now_ms: u64) {
        if let State::Connecting { call } | State::Securing { call } = self.state {
            self.state = State::ExpectStatus { call };
            self.since_ms = now_ms;
        }
    }

    /// The connection of our call is made, and TLS begins on it.
    pub(super) fn begin_tls(&mut self, now_ms: u64) {
        if let State::Connecting { call } = self.state {
            self.state = State::Securing { call };
            self.since_ms = now_ms;
        }
    }

    /// Handles one line from the owner of the certificate, if one was shown. Says when the
    /// handshake is over.
    pub(super) fn handle_line(
        &mut self,
        line: &[u8],
        certificate: Option<&Names>,
        section: &mut Section,
    ) -> Result<Option<Established>, SessionErrorKind> {
        match self.state {
            State::ExpectVersion => {
                let version = hello::read_version(line).map_err(|status| match status {
                    Status::BadVersion => SessionErrorKind::BadVersion,
                    Status::Accepted
                    | Status::TryAgain
                    | Status::ProtocolError
                    | Status::WrongTarget
                    | Status::UnknownCaller => SessionErrorKind::NotAHello,
                })?;
                self.state = State::ExpectTarget { version };
                Ok(None)
            }
            State::ExpectTarget { version } => {
                if section.local_name().is_none_or(|name| name.as_bytes() != line) {
                    return Err(SessionErrorKind::WrongTarget);
                }
                self.state = State::ExpectCaller { version };
                Ok(None)
            }
            State::ExpectCaller { version } => {
                let caller = hello::read_caller(line).map_err(|_| SessionErrorKind::NoCaller)?;
                let peer = section.find(caller).ok_or(SessionErrorKind::UnknownCaller)?;
                check_certificate(certificate, peer, section)?;
                let is_local = section.is_local(peer);
                if is_local && section.peer(peer).session() != PeerSession::None {
                    return Err(SessionErrorKind::LocalSessionTwice);
                }
                let role = if is_local { Role::LocalLearner } else { Role::Remote };
                Ok(Some(Established::Accepted { peer, version, role }))
            }
            State::ExpectStatus { call } => {
                let status = hello::read_status(line).ok_or(SessionErrorKind::BadStatus)?;
                if status == u32::from(Status::Accepted.code()) {
                    return Ok(Some(Established::Called(call)));
                }
                if status == u32::from(Status::BadVersion.code()) && call.role == Role::Remote {
                    section.peer_mut(call.peer).refuse_version(call.version);
                }
                Err(SessionErrorKind::Refused { status })
            }
            // A status before the hello was sent is no answer to it.
            State::Connecting { .. } | State::Securing { .. } => Err(SessionErrorKind::BadStatus),
        }
    }
}

/// A certificate that was shown has to name the peer.
pub(super) fn check_certificate(
    certificate: Option<&Names>,
    peer: PeerId,
    section: &Section,
) -> Result<(), SessionErrorKind> {
    match certificate {
        Some(names) if !section.peer(peer).is_named_by(names) => {
            Err(SessionErrorKind::WrongCertificate)
        }
        Some(_) | None => Ok(()),
    }
}
