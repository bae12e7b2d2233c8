//! Why a session ends with an error, and the reply to the other side.

use std::fmt;

use crate::peers::wire::hello::Status;
use crate::peers::wire::message::{ErrorCode, FrameError};
use crate::peers::wire::update::EntryError;
use crate::peers::wire::{LINE_MAX, ReadError};

/// Why a session ends with an error: one variant for each check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionErrorKind {
    /// A line of a hello or a status without an end.
    LineTooLong,
    /// The first line of what should be a hello is another line.
    NotAHello,
    /// A version that is not spoken here.
    BadVersion,
    /// The hello calls another peer.
    WrongTarget,
    /// The third line of a hello has no space.
    NoCaller,
    /// The caller is not a peer of the section.
    UnknownCaller,
    /// The other side's certificate does not name the peer.
    WrongCertificate,
    /// A second session with the local peer.
    LocalSessionTwice,
    /// The status is not a number.
    BadStatus,
    /// The peer refused the call.
    Refused {
        /// With this status.
        status: u32,
    },
    /// The connection was not made in time.
    ConnectTimeout,
    /// The TLS handshake of our call was not over in time.
    TlsTimeout,
    /// The hello was not complete in time.
    HelloTimeout,
    /// The status was not complete in time.
    StatusTimeout,
    /// Nothing was received for too long.
    Silent,
    /// The stream cannot be cut into messages.
    Frame(FrameError),
    /// A message is too short for its fields.
    Message {
        /// Its type.
        kind: u8,
        /// What is wrong.
        error: ReadError,
    },
    /// An entry update cannot be read.
    Update {
        /// Its type.
        kind: u8,
        /// What is wrong.
        error: EntryError,
    },
    /// The other side sent an error message.
    ErrorReceived {
        /// Its type: 0 protocol error, 1 size limit.
        code: u8,
    },
    /// A later session with the same peer has taken this one's place.
    Replaced,
}

/// The reply to the other side before the connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    None,
    /// A status line.
    Status(Status),
    /// An error message.
    Error(ErrorCode),
}

/// The counter of the peer that an error belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorClass {
    /// The other side broke the protocol.
    Protocol,
    /// The other side sent nothing for too long.
    Silence,
    /// The other side did not answer the hello.
    NoAnswer,
    /// The error is counted elsewhere or nowhere.
    Other,
}

impl SessionErrorKind {
    pub(super) const fn class(self) -> ErrorClass {
        match self {
            Self::LineTooLong
            | Self::BadStatus
            | Self::Frame(_)
            | Self::Message { .. }
            | Self::Update { .. }
            | Self::ErrorReceived { .. } => ErrorClass::Protocol,
            Self::Silent => ErrorClass::Silence,
            Self::StatusTimeout | Self::TlsTimeout => ErrorClass::NoAnswer,
            Self::NotAHello
            | Self::BadVersion
            | Self::WrongTarget
            | Self::NoCaller
            | Self::UnknownCaller
            | Self::WrongCertificate
            | Self::LocalSessionTwice
            | Self::Refused { .. }
            | Self::ConnectTimeout
            | Self::HelloTimeout
            | Self::Replaced => ErrorClass::Other,
        }
    }

    /// The reply to the other side.
    pub const fn reply(self) -> Reply {
        match self {
            Self::NotAHello | Self::NoCaller => Reply::Status(Status::ProtocolError),
            Self::BadVersion => Reply::Status(Status::BadVersion),
            Self::WrongTarget => Reply::Status(Status::WrongTarget),
            Self::UnknownCaller | Self::WrongCertificate => Reply::Status(Status::UnknownCaller),
            Self::LocalSessionTwice => Reply::Status(Status::TryAgain),
            Self::Frame(FrameError::TooLarge { .. }) => Reply::Error(ErrorCode::SizeLimit),
            Self::Frame(FrameError::ReservedClass | FrameError::LengthTooLong)
            | Self::Message { .. }
            | Self::Update { .. } => Reply::Error(ErrorCode::Protocol),
            Self::LineTooLong
            | Self::BadStatus
            | Self::Refused { .. }
            | Self::ConnectTimeout
            | Self::TlsTimeout
            | Self::HelloTimeout
            | Self::StatusTimeout
            | Self::Silent
            | Self::ErrorReceived { .. }
            | Self::Replaced => Reply::None,
        }
    }
}

impl fmt::Display for SessionErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong => write!(f, "a line of more than {LINE_MAX} bytes"),
            Self::NotAHello => f.write_str("not a hello of the peers protocol"),
            Self::BadVersion => f.write_str("a version that is neither 2.0 nor 2.1"),
            Self::WrongTarget => f.write_str("the caller wants another peer"),
            Self::NoCaller => f.write_str("the hello does not name the caller"),
            Self::UnknownCaller => f.write_str("the caller is not a peer of this section"),
            Self::WrongCertificate => f.write_str("the certificate does not name the peer"),
            Self::LocalSessionTwice => f.write_str("a session with the local peer is up already"),
            Self::BadStatus => f.write_str("the answer to the hello is not a status"),
            Self::Refused { status } => write!(f, "the peer refused with status {status}"),
            Self::ConnectTimeout => f.write_str("the connection was not made in time"),
            Self::TlsTimeout => f.write_str("the TLS handshake was not over in time"),
            Self::HelloTimeout => f.write_str("the hello was not complete in time"),
            Self::StatusTimeout => f.write_str("the hello was not answered in time"),
            Self::Silent => f.write_str("nothing was received for 5 s"),
            Self::Frame(error) => error.fmt(f),
            Self::Message { kind, error } => write!(f, "message type {kind}: {error}"),
            Self::Update { kind, error } => write!(f, "entry update type {kind}: {error}"),
            Self::ErrorReceived { code: 1 } => f.write_str("the peer says: size limit exceeded"),
            Self::ErrorReceived { code } => write!(f, "the peer says: protocol error ({code})"),
            Self::Replaced => f.write_str("a later session has taken its place"),
        }
    }
}

/// An error that ends a session, and its place in the received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionError {
    /// Why.
    pub kind: SessionErrorKind,
    /// Where the line or the message at fault begins, in the bytes received in this session.
    pub offset: u64,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.kind, self.offset)
    }
}

impl std::error::Error for SessionError {}
