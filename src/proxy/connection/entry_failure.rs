//! Why a client is refused before there is anything that rules could decide about.

use std::fmt;
use std::io;

use super::proxy_header::HeaderFailure;
use crate::net::proxy_protocol::HeaderError;
use crate::net::tls::TlsError;
use crate::proxy::relay::side::Side;

/// Why a TLS handshake with a client has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// The client breaks the protocol or breaks off, or nothing was found that both ends speak.
    Protocol,
    /// The client's certificate is not trusted.
    Untrusted,
    /// The client has left before it has said what it wants.
    Closed,
    /// The client was silent too long.
    TimedOut,
}

impl HandshakeFailure {
    /// Tells an error of the handshake with a client.
    pub fn of(error: &io::Error, client: &Side) -> Self {
        let has_begun = client.session().is_some_and(|session| session.has_begun());
        if error.kind() == io::ErrorKind::UnexpectedEof && !has_begun {
            Self::Closed
        } else if TlsError::inside(error).is_some_and(TlsError::is_about_trust) {
            Self::Untrusted
        } else {
            Self::Protocol
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Closed => 24,
            Self::TimedOut => 26,
            Self::Untrusted => 31,
            Self::Protocol => 34,
        }
    }
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol => "SSL handshake failure",
            Self::Untrusted => "SSL client certificate not trusted",
            Self::Closed => "Connection closed during SSL handshake",
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
            Self::Handshake(failure) => {
                matches!(failure, HandshakeFailure::Closed | HandshakeFailure::TimedOut)
            }
        }
    }

    /// The number that HAProxy has for it (`fc_err`).
    pub fn code(self) -> u8 {
        match self {
            Self::Header(HeaderFailure::Closed) => 11,
            Self::Header(HeaderFailure::Aborted) => 12,
            Self::Header(HeaderFailure::TimedOut) => 13,
            Self::Header(HeaderFailure::Header(error)) => match error {
                HeaderError::Truncated => 14,
                HeaderError::NotAHeader => 15,
                HeaderError::Invalid => 16,
                HeaderError::UnhandledProtocol => 17,
            },
            Self::Handshake(failure) => failure.code(),
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

/// Why the TLS handshake with a server has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFailure {
    /// The certificate has not the name of `verifyhost`.
    OtherThanConfigured,
    /// The certificate has not the name that the server was asked for (`sni`).
    OtherThanAsked,
    /// Anything else.
    Protocol,
}

impl ServerFailure {
    /// Tells an error of the handshake with a server that was asked for a name or was not.
    pub fn of(error: &io::Error, was_asked: bool) -> Self {
        match TlsError::inside(error) {
            Some(error) if error.is_about_name() && was_asked => Self::OtherThanAsked,
            Some(error) if error.is_about_name() => Self::OtherThanConfigured,
            Some(_) | None => Self::Protocol,
        }
    }

    /// The number that HAProxy has for it (`bc_err`).
    pub fn code(self) -> u8 {
        match self {
            Self::OtherThanConfigured => 32,
            Self::OtherThanAsked => 33,
            Self::Protocol => 34,
        }
    }
}

impl fmt::Display for ServerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherThanConfigured => {
                "Server presented an SSL certificate different from the configured one"
            }
            Self::OtherThanAsked => {
                "Server presented an SSL certificate different from the expected one"
            }
            Self::Protocol => "SSL handshake failure",
        })
    }
}
