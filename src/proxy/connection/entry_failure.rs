//! Why a client is refused before there is anything that rules could decide about.

use std::fmt;
use std::io;

use super::proxy_header::HeaderFailure;

/// Why a TLS handshake with a client has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// The client breaks the protocol, is not trusted, or nothing was found that both ends speak.
    Protocol,
    /// The client has left.
    Closed,
    /// The client's connection broke.
    Aborted,
    /// The client was silent too long.
    TimedOut,
}

impl HandshakeFailure {
    /// Tells an error of the handshake.
    pub(super) fn of(error: &io::Error) -> Self {
        let kind = error.kind();
        if kind == io::ErrorKind::UnexpectedEof {
            Self::Closed
        } else if matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::Other) {
            Self::Protocol
        } else {
            Self::Aborted
        }
    }
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol => "SSL handshake failure",
            Self::Closed => "Connection closed during SSL handshake",
            Self::Aborted => "Connection error during SSL handshake",
            Self::TimedOut => "Timeout during SSL handshake",
        })
    }
}

/// Why a client was refused before its session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryFailure {
    /// Because of its PROXY header.
    Header(HeaderFailure),
    /// Because of the TLS handshake.
    Handshake(HandshakeFailure),
}

impl EntryFailure {
    /// Whether the client had sent nothing, which `option dontlognull` keeps out of the log.
    pub fn is_silent(self) -> bool {
        match self {
            Self::Header(failure) => failure.is_silent(),
            Self::Handshake(failure) => failure != HandshakeFailure::Protocol,
        }
    }
}

impl fmt::Display for EntryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(failure) => write!(f, "{failure}"),
            Self::Handshake(failure) => write!(f, "{failure}"),
        }
    }
}
